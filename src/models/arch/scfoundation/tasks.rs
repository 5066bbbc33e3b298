//! What is done with cells: vectors of them, their genes in context, and what they would express at another depth.

use super::ScFoundation;
use super::preprocess::{Prepared, Recipe};
use super::tokens::{Tokens, pool_all, pool_max};
use super::{matrix, stack};
use crate::error::{Error, ErrorKind, Result};
use crate::models::cells::Cells;
use crate::models::options::Options;
use crate::models::{Embedding, Output, Tensors, batches};
use crate::parallel::{Ctx, even_ranges};
use crate::{bail, ensure};
use candle_core::{DType, Device, Tensor};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Cells whose genes in context are held at once where only their mean is wanted.
const BLOCK: usize = 8;

/// From what the encoder gives of a cell, none if it has no tokens, to its vector; of this width.
type Pool = fn(Option<&Tensor>, usize) -> Result<Vec<f32>>;

pub fn embed(model: &ScFoundation, ctx: &Ctx, cells: &Cells, options: &Options) -> Result<Embedding> {
    let all = options.choice("pool_type", &["all", "max"])? == "all";
    let recipe = Recipe::from(options)?;
    let budget = batches::budget(options)?;
    options.finish()?;
    let prepared = ctx.within(0.0, 0.05, || recipe.prepare(ctx, cells, model.gene_names()?))?;
    let width = model.settings.encoder.width;
    let (pool, out): (Pool, usize) = if all { (pool_all, 4 * width) } else { (pool_max, width) };
    let pooled = ctx.within(0.05, 1.0, || {
        batches::run(ctx, &prepared.lengths, budget, |i| pool(model.encode(&tokens(&prepared, i)?)?.as_ref(), width))
    })?;
    prepared.warn(ctx);
    let rows = pooled.into_iter().map(|row| row.unwrap_or_else(|| vec![f32::NAN; out])).collect();
    Ok(Embedding { values: matrix(rows, out)?, name: "scfoundation", report: report(model, &prepared) })
}

pub fn gene_embeddings(model: &ScFoundation, ctx: &Ctx, cells: &Cells, options: &Options) -> Result<Output> {
    let mean = options.choice("reduce", &["none", "mean"])? == "mean";
    let run = Decoding::from(model, options)?;
    let prepared = ctx.within(0.0, 0.05, || run.recipe.prepare(ctx, cells, model.gene_names()?))?;
    let shape = [run.rows.len(), model.settings.decoder.width];
    let of_cell = |decoded: &Tensor| run.chosen(decoded);
    let (name, value) = ctx.within(0.05, 1.0, || -> Result<_> {
        if mean {
            return Ok(("gene_emb_mean", run.mean(ctx, &prepared, &shape, of_cell)?));
        }
        Ok(("gene_emb", run.each(ctx, &prepared, 0..prepared.lengths.len(), &shape, of_cell)?))
    })?;
    prepared.warn(ctx);
    Ok(Output { tensors: Tensors::from([(name.into(), value)]), report: report(model, &prepared) })
}

pub fn enhance(model: &ScFoundation, ctx: &Ctx, cells: &Cells, options: &Options) -> Result<Output> {
    let run = Decoding::from(model, options)?;
    let prepared = ctx.within(0.0, 0.05, || run.recipe.prepare(ctx, cells, model.gene_names()?))?;
    let shape = [run.rows.len()];
    let value = ctx.within(0.05, 1.0, || {
        run.each(ctx, &prepared, 0..prepared.lengths.len(), &shape, |decoded| run.chosen(&model.expression(decoded)?))
    })?;
    prepared.warn(ctx);
    Ok(Output { tensors: Tensors::from([("gene_expression".into(), value)]), report: report(model, &prepared) })
}

/// What the tasks that run the decoder have in common.
struct Decoding<'a> {
    model: &'a ScFoundation,
    recipe: Recipe,
    budget: usize,
    /// The genes to give, as positions.
    rows: Vec<u32>,
}

impl<'a> Decoding<'a> {
    /// The last to read the options.
    fn from(model: &'a ScFoundation, options: &Options) -> Result<Self> {
        let recipe = Recipe::from(options)?;
        let budget = batches::budget(options)?;
        let genes = options.texts("genes")?;
        options.finish()?;
        let known = model.gene_names()?;
        let rows: Vec<u32> = match genes {
            None => (0..).zip(known).map(|(row, _)| row).collect(),
            Some(genes) => {
                let places: HashMap<&str, u32> = known.iter().map(String::as_str).zip(0..).collect();
                let place = |gene: &String| match places.get(gene.as_str()) {
                    Some(&row) => Ok(row),
                    None => bail!(InvalidArgument, "genes: has {gene:?}, which is no gene of the model"),
                };
                genes.iter().map(place).collect::<Result<_>>()?
            }
        };
        ensure!(!rows.is_empty(), InvalidArgument, "genes: is empty, must name a gene");
        Ok(Self { model, recipe, budget, rows })
    }

    /// The rows of the genes to give.
    fn chosen(&self, positions: &Tensor) -> Result<Tensor> {
        let rows = Tensor::from_slice(&self.rows, self.rows.len(), &Device::Cpu)?;
        Ok(positions.index_select(&rows, 0)?)
    }

    /// `of_cell` of some cells' decoded positions; none for those without tokens.
    fn run(
        &self,
        ctx: &Ctx,
        prepared: &Prepared,
        cells: std::ops::Range<usize>,
        of_cell: impl Fn(&Tensor) -> Result<Tensor> + Sync,
    ) -> Result<Vec<Option<Tensor>>> {
        // A cell that is decoded takes all positions, however many it expresses.
        let all = self.model.settings.seq_len;
        let lengths: Vec<usize> =
            prepared.lengths[cells.clone()].iter().map(|&n| if n > 0 { all } else { 0 }).collect();
        batches::run(ctx, &lengths, self.budget, |i| {
            let tokens = tokens(prepared, cells.start + i)?;
            let encoded = self.model.encode(&tokens)?;
            let decoded = self.model.decode(&[(&tokens, encoded.as_ref())])?;
            of_cell(&decoded[0])
        })
    }

    fn each(
        &self,
        ctx: &Ctx,
        prepared: &Prepared,
        cells: std::ops::Range<usize>,
        shape: &[usize],
        of_cell: impl Fn(&Tensor) -> Result<Tensor> + Sync,
    ) -> Result<Tensor> {
        let nothing = Tensor::full(f32::NAN, shape, &Device::Cpu)?;
        let found = self.run(ctx, prepared, cells, of_cell)?;
        stack(&found.into_iter().map(|x| x.unwrap_or_else(|| nothing.clone())).collect::<Vec<_>>(), shape)
    }

    /// The mean over the cells that have tokens, a block of cells at a time.
    fn mean(
        &self,
        ctx: &Ctx,
        prepared: &Prepared,
        shape: &[usize],
        of_cell: impl Fn(&Tensor) -> Result<Tensor> + Sync,
    ) -> Result<Tensor> {
        let mut sum = Tensor::zeros(shape, DType::F64, &Device::Cpu)?;
        let mut n = 0;
        let blocks = even_ranges(prepared.lengths.len(), BLOCK);
        let steps = blocks.len();
        for (step, block) in blocks.enumerate() {
            let found = ctx.step(step, steps, || self.run(ctx, prepared, block, &of_cell))?;
            for x in found.into_iter().flatten() {
                sum = (sum + x.to_dtype(DType::F64)?)?;
                n += 1;
            }
        }
        // No cell at all gives NaN.
        Ok((sum / n as f64)?.to_dtype(DType::F32)?)
    }
}

fn tokens(prepared: &Prepared, cell: usize) -> Result<Tokens> {
    prepared.cell(cell).map_err(|_| Error::new(ErrorKind::Panic, "a cell without tokens was run"))
}

fn report(model: &ScFoundation, prepared: &Prepared) -> Value {
    json!({
        "genes": prepared.mapping.report(),
        "cells": prepared.lengths.len(),
        "cells_without_genes": prepared.without_genes,
        "cells_without_depth": prepared.without_depth,
        "key": model.config.get("key").cloned().unwrap_or(Value::Null),
    })
}
