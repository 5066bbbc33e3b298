//! What perturbing genes does to expression, as the original's `predict` of its perturbation tutorial.
//!
//! Cells are controls: log-normalised expression. Each is run with the perturbed genes flagged, with all genes as tokens, in the order
//! of the columns, and predictions are averaged over cells. Where it differs from the original:
//! - genes that the vocabulary lacks are left out, and their predictions are NaN; the original makes each of them a token of
//!   padding that takes part in attention (`unknown_genes: "upstream"`);
//! - all cells are controls unless `pool_size` says how many to draw (with replacement, by the seed);
//! - with explicit probabilities of zero a prediction is multiplied by the probability, the mean of what the original samples;
//! - the first gene can be perturbed: in some versions of the original its flag is the sign of its index, which is 0.

use super::ScGpt;
use super::bins::{Ties, stream};
use super::network::Sequence;
use crate::error::Result;
use crate::models::cells::Cells;
use crate::models::genes::{Mapping, Matching};
use crate::models::options::Options;
use crate::models::{Output, Tensors, batches};
use crate::parallel::Ctx;
use crate::stats::random::Random;
use crate::{bail, ensure};
use candle_core::{Device, Tensor};
use serde_json::{Value, json};

/// Cells whose predictions are held at once.
const GROUP: usize = 256;

/// The most controls that can be drawn for a perturbation.
const MOST_CONTROLS: usize = 10_000_000;

struct Plan {
    /// For each perturbation the columns of its genes.
    perturbed: Vec<Vec<usize>>,
    /// For each column its token; none if it is left out.
    tokens: Vec<Option<u32>>,
    /// Whether only genes that a cell expresses, and those perturbed, are tokens.
    expressed: bool,
    pool_size: Option<usize>,
    per_cell: bool,
    ties: Ties,
    budget: usize,
    report: Value,
}

impl ScGpt {
    /// Options: see [`tasks`](super::io::tasks).
    pub(super) fn perturb(&self, ctx: &Ctx, cells: &Cells, options: &Options) -> Result<Output> {
        let plan = self.plan(ctx, cells, options)?;
        let genes = plan.tokens.len();
        let n = plan.perturbed.len();
        let mut means = Vec::with_capacity(n * genes);
        let mut each = Vec::new();
        for number in 0..n {
            let pool = pool(ctx, cells.n_obs(), plan.pool_size, number);
            let mut sum = vec![0.0f64; genes];
            let groups = pool.len().div_ceil(GROUP);
            for (k, group) in pool.chunks(GROUP).enumerate() {
                let lengths: Vec<usize> = group.iter().map(|&cell| plan.columns(cells, cell, number).len()).collect();
                let predicted = ctx.step(number, n, || {
                    ctx.step(k, groups, || {
                        batches::run(ctx, &lengths, plan.budget, |i| self.predicted(&plan, cells, group[i], number))
                    })
                })?;
                for one in predicted {
                    // A cell that has no token is predicted to stay as it is: without expression.
                    let one = one.unwrap_or_else(|| plan.silence());
                    sum.iter_mut().zip(&one).for_each(|(sum, &x)| *sum += f64::from(x));
                    if plan.per_cell {
                        each.extend(one);
                    }
                }
            }
            means.extend(sum.into_iter().map(|sum| (sum / pool.len() as f64) as f32));
        }
        let mut tensors = Tensors::new();
        tensors.insert("predictions".into(), Tensor::from_vec(means, (n, genes), &Device::Cpu)?);
        if plan.per_cell {
            let controls = plan.pool_size.unwrap_or(cells.n_obs());
            tensors.insert("per_cell".into(), Tensor::from_vec(each, (n, controls, genes), &Device::Cpu)?);
        }
        Ok(Output { tensors, report: plan.report })
    }

    fn plan(&self, ctx: &Ctx, cells: &Cells, options: &Options) -> Result<Plan> {
        ensure!(
            self.settings.perturbation,
            Unsupported,
            "perturb: the model is no perturbation model: its weights have no \"pert_encoder.weight\""
        );
        let names = perturbations(options)?;
        let matching = Matching::from(options)?;
        let budget = batches::budget(options)?;
        let pool_size = options.size("pool_size")?;
        let expressed = options.choice("genes", &["all", "expressed"])? == "expressed";
        let as_padding = options.choice("unknown_genes", &["exclude", "upstream"])? == "upstream";
        let per_cell = options.flag("per_cell")?.unwrap_or(false);
        let ties = super::embed::ties(ctx, options)?;
        options.finish()?;
        ensure!(
            pool_size.is_none_or(|size| (1..=MOST_CONTROLS).contains(&size)),
            InvalidArgument,
            "pool_size: is {}, must be from 1 to {MOST_CONTROLS}",
            pool_size.unwrap_or(0)
        );
        ensure!(cells.n_obs() > 0, InvalidArgument, "matrix: has no cells, must have at least one control");
        if cells.ensure_counts(ctx).is_ok() {
            ctx.warn("the matrix holds whole numbers only; the model takes log-normalised expression, not counts");
        }
        let mapping = Mapping::new(&cells.genes, &self.tokens.genes, &matching)?;
        let unknown = as_padding.then_some(self.tokens.pad);
        let tokens: Vec<Option<u32>> = mapping.rows.iter().map(|row| row.map(|row| row as u32).or(unknown)).collect();
        let column = |gene: &String| -> Result<usize> {
            let known = cells.genes.iter().position(|name| name == gene).or_else(|| {
                let row = self.tokens.genes.row(gene)?;
                mapping.rows.iter().position(|&other| other == Some(row))
            });
            match known {
                Some(column) if tokens[column].is_some() => Ok(column),
                Some(_) => bail!(Vocabulary, "perturbations: {gene:?} is not in the model's vocabulary"),
                None => bail!(Vocabulary, "perturbations: {gene:?} is not among the genes of the matrix"),
            }
        };
        let perturbed = names.iter().map(|genes| genes.iter().map(column).collect()).collect::<Result<_>>()?;
        let report = json!({
            "genes": mapping.report(), "perturbations": names, "cells": pool_size.unwrap_or(cells.n_obs()),
            "genes_without_prediction": tokens.iter().filter(|token| token.is_none()).count(),
        });
        Ok(Plan { perturbed, tokens, expressed, pool_size, per_cell, ties, budget, report })
    }

    /// The expression of all genes of a cell after a perturbation.
    fn predicted(&self, plan: &Plan, cells: &Cells, cell: usize, perturbation: usize) -> Result<Vec<f32>> {
        let columns = plan.columns(cells, cell, perturbation);
        let mut expression = vec![0.0f32; plan.tokens.len()];
        cells.for_each(cell, |column, value| expression[column] = value as f32);
        let ids: Vec<u32> = columns.iter().filter_map(|&column| plan.tokens[column]).collect();
        let values: Vec<f32> = columns.iter().map(|&column| expression[column]).collect();
        let flags: Vec<u32> =
            columns.iter().map(|column| plan.perturbed[perturbation].contains(column).into()).collect();
        let binned = self.binned(&values, plan.ties, cell);
        let sequence = Sequence { ids: &ids, values: &binned, flags: Some(&flags), domain: 0, counts: None };
        let output = self.network.encode(sequence)?.output;
        let decoded = self.network.decode(&output, &values, None)?;
        let mut predicted = plan.silence();
        for (i, &column) in columns.iter().enumerate() {
            let present = decoded.zero_probabilities.as_ref().map_or(1.0, |probabilities| probabilities[i]);
            predicted[column] = decoded.values[i] * present;
        }
        Ok(predicted)
    }
}

impl Plan {
    /// No expression of the genes that can be predicted, NaN of the others.
    fn silence(&self) -> Vec<f32> {
        self.tokens.iter().map(|token| if token.is_some() { 0.0 } else { f32::NAN }).collect()
    }

    /// The columns that are a cell's tokens.
    fn columns(&self, cells: &Cells, cell: usize, perturbation: usize) -> Vec<usize> {
        let mut used: Vec<bool> = self.tokens.iter().map(|token| token.is_some() && !self.expressed).collect();
        if self.expressed {
            cells.for_each(cell, |column, _| used[column] = self.tokens[column].is_some());
            self.perturbed[perturbation].iter().for_each(|&column| used[column] = true);
        }
        (0..used.len()).filter(|&column| used[column]).collect()
    }
}

/// The option `perturbations`: lists of genes, or genes alone.
fn perturbations(options: &Options) -> Result<Vec<Vec<String>>> {
    let text = |gene: &Value| gene.as_str().map(String::from);
    let one = |item: &Value| match item {
        Value::Array(genes) => genes.iter().map(text).collect::<Option<Vec<_>>>(),
        other => text(other).map(|gene| vec![gene]),
    };
    let given = match options.value("perturbations") {
        Some(Value::Array(items)) => items.iter().map(one).collect::<Option<Vec<_>>>(),
        _ => None,
    };
    match given {
        Some(names) if !names.is_empty() => Ok(names),
        _ => bail!(
            InvalidArgument,
            "perturbations: must be a list of lists of genes, like [[\"CEBPA\"], [\"CEBPA\", \"KLF1\"]], with at least one"
        ),
    }
}

/// The controls of a perturbation: all cells, or as many as asked for, drawn with replacement.
fn pool(ctx: &Ctx, cells: usize, size: Option<usize>, perturbation: usize) -> Vec<usize> {
    match size {
        None => (0..cells).collect(),
        Some(size) => {
            let mut random = Random::new(ctx.seed(), stream::CONTROLS, perturbation as u64);
            (0..size).map(|_| random.below(cells)).collect()
        }
    }
}
