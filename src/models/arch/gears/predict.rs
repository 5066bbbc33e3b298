//! Expression after perturbations: upstream's `GEARS.predict`.

use super::Gears;
use super::controls::{self, Means};
use super::network::{Basis, Effect};
use crate::error::Result;
use crate::models::cells::Cells;
use crate::models::genes::Matching;
use crate::models::likeness::nearest;
use crate::models::options::Options;
use crate::models::{Output, Tensors};
use crate::parallel::Ctx;
use crate::{bail, ensure};
use candle_core::{Device, Tensor};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Perturbed genes by row number, and whether they are smoothed.
pub type Key = (bool, Vec<u32>);

/// How a prediction is made.
pub struct Request {
    /// The perturbations, by name.
    pub names: Vec<Vec<String>>,
    /// The same by row number.
    pub rows: Vec<Vec<u32>>,
    wanted: Option<usize>,
    matching: Matching,
    per_cell: bool,
}

impl Request {
    /// The options `perturbations`, `n_controls`, `batch_semantics`, `aliases`, `min_matched`.
    pub fn read(gears: &Gears, options: &Options) -> Result<Self> {
        let names = lists(options)?;
        let rows = names.iter().map(|names| names.iter().map(|name| gears.perturbation(name)).collect::<Result<_>>());
        Ok(Self {
            rows: rows.collect::<Result<_>>()?,
            names,
            wanted: controls::wanted(options)?,
            matching: Matching::from(options)?,
            per_cell: batch_semantics(options)?,
        })
    }

    fn means(&self, gears: &Gears, ctx: &Ctx, cells: Option<&Cells>) -> Result<Means> {
        match cells {
            Some(cells) => controls::of_cells(ctx, cells, &gears.genes, &self.matching, self.wanted),
            None => controls::of_stored(ctx, &gears.controls, gears.genes.len(), self.wanted),
        }
    }
}

/// Predictions before they are added to the expression of controls, in the order of the request.
pub struct Changes {
    pub means: Means,
    /// The mean change of each gene, and of the logarithm of the variance.
    pub of: Vec<(Vec<f64>, Option<Vec<f64>>)>,
}

/// The option `batch_semantics`: whether every cell is smoothed.
pub fn batch_semantics(options: &Options) -> Result<bool> {
    Ok(options.choice("batch_semantics", &["per_cell", "upstream"])? == "per_cell")
}

/// The option `perturbations`: a list of lists of names.
fn lists(options: &Options) -> Result<Vec<Vec<String>>> {
    let read = |value: &Value| -> Option<Vec<Vec<String>>> {
        let texts = |list: &Value| list.as_array()?.iter().map(|name| name.as_str().map(String::from)).collect();
        value.as_array()?.iter().map(texts).collect()
    };
    match options.value("perturbations") {
        None | Some(Value::Null) => {
            bail!(InvalidArgument, "perturbations: is missing, must be a list of lists of gene names")
        }
        Some(value) => match read(value) {
            Some(lists) => Ok(lists),
            None => bail!(InvalidArgument, "perturbations: is {value}, must be a list of lists of gene names"),
        },
    }
}

impl Gears {
    /// The row of a perturbation.
    fn perturbation(&self, name: &str) -> Result<u32> {
        match self.perts.iter().position(|known| known == name) {
            Some(row) => Ok(row as u32),
            None => bail!(
                NotFound,
                "perturbations: {name:?} is none of the model's {}; the nearest are {}",
                self.perts.len(),
                nearest(name, &self.perts).join(", ")
            ),
        }
    }

    /// Effects of perturbations, each computed once.
    pub fn effects<'a>(
        &self,
        ctx: &Ctx,
        basis: &Basis,
        keys: impl IntoIterator<Item = &'a Key>,
    ) -> Result<BTreeMap<Key, Effect>> {
        let mut effects: BTreeMap<Key, Option<Effect>> = keys.into_iter().map(|key| (key.clone(), None)).collect();
        let keys: Vec<Key> = effects.keys().cloned().collect();
        let computed =
            ctx.map_in_pool(ctx.threads(), keys.len(), |i| self.network.effect(basis, keys[i].0, &keys[i].1))?;
        effects.values_mut().zip(computed).for_each(|(place, effect)| *place = Some(effect));
        Ok(effects.into_iter().filter_map(|(key, effect)| Some((key, effect?))).collect())
    }

    /// What these perturbations change, on average over the control cells. In upstream's batches the first cell alone is
    /// smoothed.
    pub fn changes(&self, ctx: &Ctx, cells: Option<&Cells>, request: &Request, rows: &[Vec<u32>]) -> Result<Changes> {
        let means = ctx.within(0.0, 0.2, || request.means(self, ctx, cells))?;
        let n_genes = self.genes.len();
        if self.shape.no_perturb {
            return Ok(Changes { means, of: vec![(vec![0.0; n_genes], None); rows.len()] });
        }
        let (coexpress, go) = self.graphs_or(&Default::default())?;
        let basis = ctx.within(0.2, 0.3, || self.network.basis(ctx, &coexpress, &go))?;
        let rest = if request.per_cell { 0.0 } else { (means.n_drawn - 1) as f64 };
        let first = if request.per_cell { 1.0 } else { 1.0 / means.n_drawn as f64 };
        let rest = rest / means.n_drawn as f64;
        let keys: Vec<Key> = [true, false]
            .into_iter()
            .filter(|&smoothed| smoothed || rest > 0.0)
            .flat_map(|smoothed| rows.iter().map(move |rows| (smoothed, rows.clone())))
            .collect();
        let effects = ctx.within(0.3, 1.0, || self.effects(ctx, &basis, &keys))?;
        let average = |of: &dyn Fn(&Effect) -> Option<Vec<f32>>, rows: &[u32]| -> Option<Vec<f64>> {
            let mut sum: Vec<f64> =
                of(effects.get(&(true, rows.to_vec()))?)?.iter().map(|&x| first * f64::from(x)).collect();
            if let Some(effect) = effects.get(&(false, rows.to_vec())) {
                sum.iter_mut().zip(of(effect)?).for_each(|(sum, x)| *sum += rest * f64::from(x));
            }
            Some(sum)
        };
        let of = rows
            .iter()
            .map(|rows| {
                let change = average(&|effect| Some(effect.change.clone()), rows).unwrap_or_default();
                (change, average(&|effect| effect.logvar.clone(), rows))
            })
            .collect();
        Ok(Changes { means, of })
    }

    /// The task "predict".
    pub fn predict(&self, ctx: &Ctx, cells: Option<&Cells>, options: &Options) -> Result<Output> {
        let request = Request::read(self, options)?;
        options.finish()?;
        ensure!(!request.names.is_empty(), InvalidArgument, "perturbations: is empty, must have at least one");
        let changes = self.changes(ctx, cells, &request, &request.rows)?;
        let (n, genes) = (request.rows.len(), self.genes.len());
        let control = &changes.means.drawn;
        let pred: Vec<f32> =
            changes.of.iter().flat_map(|(change, _)| change.iter().zip(control).map(|(d, x)| (d + x) as f32)).collect();
        let mut tensors = Tensors::new();
        tensors.insert("pred".into(), Tensor::from_vec(pred, (n, genes), &Device::Cpu)?);
        let control: Vec<f32> = control.iter().map(|&x| x as f32).collect();
        tensors.insert("control".into(), Tensor::from_vec(control, genes, &Device::Cpu)?);
        let logvars: Vec<&Vec<f64>> = changes.of.iter().filter_map(|(_, logvar)| logvar.as_ref()).collect();
        if logvars.len() == n {
            let flat: Vec<f32> = logvars.iter().flat_map(|logvar| logvar.iter().map(|&x| x as f32)).collect();
            tensors.insert("logvar".into(), Tensor::from_vec(flat, (n, genes), &Device::Cpu)?);
            let sure: Vec<f64> =
                logvars.iter().map(|logvar| libm::exp(-logvar.iter().sum::<f64>() / genes as f64)).collect();
            tensors.insert("uncertainty".into(), Tensor::from_vec(sure, n, &Device::Cpu)?);
        }
        Ok(Output { tensors, report: self.report(&request, &changes.means) })
    }

    pub fn report(&self, request: &Request, means: &Means) -> Value {
        let names: Vec<String> = request.names.iter().map(|names| names.join("_")).collect();
        json!({
            "perturbations": names, "n_controls": means.n_drawn, "n_control_cells": means.n_all, "genes": means.genes,
        })
    }
}
