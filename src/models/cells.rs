//! The counts of one cell after the other, whatever the layout of the matrix.

use super::Tensors;
use super::options::listed;
use crate::error::Result;
use crate::matrix::transpose::to_major;
use crate::matrix::{Axis, Canonical, Lines, Matrix, Sparse, Value};
use crate::parallel::{Ctx, lock};
use crate::{bail, ensure, with_lines};
use std::collections::BTreeSet;
use std::sync::Mutex;

/// Cells with named genes, and arrays with one entry for each cell (a batch label, a total).
pub struct Cells<'a> {
    matrix: Held<'a>,
    pub genes: Vec<String>,
    /// Named arrays whose first axis is the cells.
    pub arrays: Tensors,
    /// Which of them were asked for.
    asked: Mutex<BTreeSet<String>>,
}

enum Held<'a> {
    Lent(Canonical<'a>),
    Turned(Sparse),
}

impl<'a> Cells<'a> {
    /// A matrix compressed along the genes is turned once: its memory again. Values must be finite.
    pub fn new(ctx: &Ctx, matrix: &'a Matrix<'a>, genes: Vec<String>, arrays: Tensors) -> Result<Self> {
        ensure!(
            !genes.is_empty() || matrix.n_vars() == 0,
            GeneNames,
            "genes: there are none, the model needs a name for each column"
        );
        ensure!(
            genes.len() == matrix.n_vars(),
            GeneNames,
            "genes: has {} names, must have {}, one for each column of the matrix",
            genes.len(),
            matrix.n_vars()
        );
        for (name, array) in &arrays {
            ensure!(
                array.dims().first() == Some(&matrix.n_obs()),
                Shape,
                "arrays: {name:?} has shape {:?}, its first length must be {}, the number of cells",
                array.dims(),
                matrix.n_obs()
            );
        }
        matrix.validate(ctx)?;
        let matrix = match matrix.major() {
            Axis::Obs => Held::Lent(matrix.canonical(ctx)?),
            Axis::Var => Held::Turned(to_major(ctx, matrix, Axis::Obs)?),
        };
        Ok(Self { matrix, genes, arrays, asked: Mutex::default() })
    }

    /// Cells x genes, compressed along the cells, sorted.
    pub fn view(&self) -> Matrix<'_> {
        match &self.matrix {
            Held::Lent(canonical) => canonical.view(),
            Held::Turned(sparse) => sparse.view(),
        }
    }

    pub fn n_obs(&self) -> usize {
        self.view().n_obs()
    }

    /// Calls `f(column, value)` for the values of a cell that are not zero, in the order of the columns.
    pub fn for_each(&self, cell: usize, mut f: impl FnMut(usize, f64)) {
        with_lines!(&self.view(), |lines| lines.for_each(cell, |column, value| {
            let value = value.to_f64();
            if value != 0.0 {
                f(column, value);
            }
        }));
    }

    /// Fails unless all values are whole numbers from 0 on.
    pub fn ensure_counts(&self, ctx: &Ctx) -> Result<()> {
        let n = self.n_obs();
        let pieces = ctx.balanced(n, |i| self.view().stored_before(i));
        ctx.run(
            pieces.len(),
            || (),
            |(), p| {
                for cell in pieces[p].clone() {
                    let mut wrong = None;
                    self.for_each(cell, |column, x| {
                        if !(x >= 0.0 && x.fract() == 0.0) {
                            wrong.get_or_insert((column, x));
                        }
                    });
                    if let Some((column, x)) = wrong {
                        bail!(
                            Counts,
                            "matrix: the value of cell {cell}, gene {:?} is {x}, must be a count: a whole number from 0 on (raw counts, \
                             not normalised)",
                            self.genes[column]
                        );
                    }
                }
                Ok(())
            },
        )
    }

    /// Warns of arrays that nobody has asked for: a name may be misspelt.
    pub fn warn_of_unused(&self, ctx: &Ctx) {
        let asked = lock(&self.asked);
        let unused: Vec<&String> = self.arrays.keys().filter(|name| !asked.contains(*name)).collect();
        if !unused.is_empty() {
            let known: Vec<&String> = asked.iter().collect();
            ctx.warn(&format!("arrays: the model made no use of {}; it asked for {}", listed(&unused), listed(&known)));
        }
    }

    /// An array with one entry for each cell, if there is one of this name.
    pub fn array(&self, name: &str) -> Result<Option<Vec<f64>>> {
        lock(&self.asked).insert(name.into());
        let Some(array) = self.arrays.get(name) else { return Ok(None) };
        Ok(Some(array.to_dtype(candle_core::DType::F64)?.flatten_all()?.to_vec1()?))
    }
}
