//! The cells of a matrix as tokens.

use super::Geneformer;
use super::tokens::Tokenizer;
use crate::ensure;
use crate::error::Result;
use crate::models::batches;
use crate::models::cells::Cells;
use crate::models::genes::{Mapping, Matching};
use crate::models::options::Options;
use crate::parallel::Ctx;
use serde_json::{Map, Value, json};
use std::ops::Range;

/// Cells, and how each becomes tokens, which is done anew each time that it is asked for.
pub struct Ranked<'a> {
    pub tokenizer: &'a Tokenizer,
    pub budget: usize,
    pub matching: Matching,
    cells: &'a Cells<'a>,
    mapping: Mapping,
    /// What each cell is scaled by.
    totals: Vec<f64>,
    /// Tokens of each cell.
    pub lengths: Vec<usize>,
}

impl<'a> Ranked<'a> {
    /// Reads the options that all of Geneformer's tasks share, as the last that there are, and checks the counts.
    pub fn new(model: &'a Geneformer, ctx: &Ctx, cells: &'a Cells, options: &Options) -> Result<Self> {
        let (budget, matching) = (batches::budget(options)?, Matching::from(options)?);
        options.finish()?;
        let tokenizer = model.tokenizer()?;
        let mapping = Mapping::new(&cells.genes, &tokenizer.vocabulary, &matching)?;
        cells.ensure_counts(ctx)?;
        let totals = totals(ctx, cells)?;
        let mut ranked = Self { tokenizer, budget, matching, cells, mapping, totals, lengths: Vec::new() };
        ranked.lengths = ctx.map(cells.n_obs(), |cell| Ok(ranked.tokens(cell).len()))?;
        let empty = ranked.empty();
        if empty > 0 {
            ctx.warn(&format!("{empty} cells have none of the model's genes: their results are NaN"));
        }
        Ok(ranked)
    }

    pub fn tokens(&self, cell: usize) -> Vec<u32> {
        self.tokenizer.cell(self.cells, cell, &self.mapping.rows, self.totals[cell])
    }

    fn empty(&self) -> usize {
        self.lengths.iter().filter(|&&n| n == 0).count()
    }

    pub fn report(&self) -> Map<String, Value> {
        let mut report = Map::new();
        report.insert("genes".into(), self.mapping.report());
        report.insert("cells_without_genes".into(), json!(self.empty()));
        report
    }

    /// Cells one after the other, so many at once as have no more tokens than the budget: whose hidden states may be kept.
    pub fn groups(&self) -> Vec<Range<usize>> {
        let mut groups: Vec<Range<usize>> = Vec::new();
        let mut tokens = 0;
        for (cell, &n) in self.lengths.iter().enumerate() {
            match groups.last_mut() {
                Some(group) if tokens + n <= self.budget => {
                    group.end = cell + 1;
                    tokens += n;
                }
                _ => {
                    groups.push(cell..cell + 1);
                    tokens = n;
                }
            }
        }
        groups
    }
}

/// The array `n_counts`, or the sum over all columns.
fn totals(ctx: &Ctx, cells: &Cells) -> Result<Vec<f64>> {
    let Some(given) = cells.array("n_counts")? else {
        return ctx.map(cells.n_obs(), |cell| {
            let mut total = 0.0;
            cells.for_each(cell, |_, count| total += count);
            Ok(total)
        });
    };
    ensure!(
        given.len() == cells.n_obs(),
        Shape,
        "arrays: \"n_counts\" has {} numbers, must have {}, one for each cell",
        given.len(),
        cells.n_obs()
    );
    for (cell, &total) in given.iter().enumerate() {
        let mut expressed = false;
        cells.for_each(cell, |_, _| expressed = true);
        let right = total > 0.0 && total.is_finite();
        ensure!(right || !expressed, Counts, "arrays: \"n_counts\" of cell {cell} is {total}, must be positive");
    }
    Ok(given)
}
