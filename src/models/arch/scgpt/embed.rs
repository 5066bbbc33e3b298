//! From counts to one vector for each cell, as the original's `embed_data`.

use super::ScGpt;
use super::bins::Ties;
use super::config::CellStyle;
use super::network::{Sequence, checked_label, pooled, unit};
use super::tokens::Tokenizer;
use crate::error::{Error, ErrorKind, Result};
use crate::models::Embedding;
use crate::models::batches;
use crate::models::cells::Cells;
use crate::models::genes::{Mapping, Matching};
use crate::models::options::Options;
use crate::parallel::Ctx;
use crate::{bail, ensure};
use serde_json::json;

/// Tokens of a cell, unless the caller sets `max_length`: as `embed_data` has it.
pub(crate) const MAX_LENGTH: usize = 1200;

/// The option `binning`.
pub fn ties(ctx: &Ctx, options: &Options) -> Result<Ties> {
    Ok(match options.choice("binning", &["seeded", "deterministic"])? {
        "deterministic" => Ties::Deterministic,
        _ => Ties::Seeded(ctx.seed()),
    })
}

impl ScGpt {
    pub(super) fn embed_cells(&self, ctx: &Ctx, cells: &Cells, options: &Options) -> Result<Embedding> {
        self.check_embeds()?;
        let settings = &self.settings;
        let matching = Matching::from(options)?;
        let budget = batches::budget(options)?;
        let max_length = options.size("max_length")?.unwrap_or(MAX_LENGTH);
        ensure!(
            max_length >= 2,
            InvalidArgument,
            "max_length: is {max_length}, must be at least 2: <cls> and one gene"
        );
        let ties = ties(ctx, options)?;
        let log1p = options.choice("normalize", &["none", "log1p"])? == "log1p";
        let zeros = options.flag("include_zero_genes")?.unwrap_or(false);
        let style = CellStyle::named(options.choice("cell_embedding", &settings.cell.names_from())?);
        options.finish()?;

        cells.ensure_counts(ctx)?;
        let mapping = Mapping::new(&cells.genes, &self.tokens.genes, &matching)?;
        let domains = self.domains(cells)?;
        let Some(cls) = self.tokens.cls else {
            bail!(Config, "vocab.json: has no \"<cls>\", which a cell's tokens begin with");
        };
        let tokenizer = Tokenizer {
            cells,
            rows: &mapping.rows,
            cls,
            cls_value: if log1p { 0.0 } else { settings.pad_value },
            bins: settings.bins,
            ties,
            log1p,
            zeros,
            max_length,
            seed: ctx.seed(),
        };
        let whole = ctx.within(0.0, 0.01, || tokenizer.lengths(ctx))?;
        let lengths: Vec<usize> = whole.iter().map(|&n| n.min(max_length)).collect();
        let vector =
            |cell: usize| self.vector(&tokenizer, cell, domains.as_ref().map_or(0, |labels| labels[cell]), style);
        let vectors = ctx.within(0.01, 1.0, || batches::run(ctx, &lengths, budget, vector))?;

        let without = lengths.iter().filter(|&&n| n == 0).count();
        if without > 0 {
            ctx.warn(&format!(
                "{without} of {} cells express no gene of the model's vocabulary: their rows are NaN",
                lengths.len()
            ));
        }
        let values = batches::stacked(&vectors, settings.width)?;
        let report = json!({
            "genes": mapping.report(), "cells_without_genes": without, "max_length": max_length,
            "cells_cut": whole.iter().filter(|&&n| n > max_length).count(), "cell_embedding": style.name(),
        });
        Ok(Embedding { values, name: "scgpt", report })
    }

    fn check_embeds(&self) -> Result<()> {
        ensure!(
            !self.settings.perturbation,
            Unsupported,
            "embed: the model predicts perturbations, it has no vector of a cell; its task is \"perturb\""
        );
        ensure!(
            self.settings.input_style == "binned",
            Unsupported,
            "embed: the model's \"input_style\" is {:?}, must be \"binned\"; forward takes any values",
            self.settings.input_style
        );
        ensure!(
            self.settings.bins >= 3,
            Unsupported,
            "embed: the model's number of bins is {}, must be at least 3",
            self.settings.bins
        );
        Ok(())
    }

    /// The batch label of each cell, where the encoding depends on it.
    fn domains(&self, cells: &Cells) -> Result<Option<Vec<usize>>> {
        if !self.settings.by_domain() {
            return Ok(None);
        }
        let labels = cells.array("batch_labels")?.ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidArgument,
                format!(
                    "batch_labels: is missing; the model has a BatchNorm for each of {} batches and needs an array of each cell's",
                    self.settings.batch_labels
                ),
            )
        })?;
        ensure!(
            labels.len() == cells.n_obs(),
            Shape,
            "batch_labels: has {} labels, must have {}, one for each cell",
            labels.len(),
            cells.n_obs()
        );
        let checked = labels.iter().enumerate().map(|(i, &label)| checked_label(label, i, self.settings.batch_labels));
        Ok(Some(checked.collect::<Result<_>>()?))
    }

    fn vector(&self, tokenizer: &Tokenizer, cell: usize, domain: usize, style: CellStyle) -> Result<Vec<f32>> {
        let mut tokens = tokenizer.tokens(cell);
        let sequence = Sequence { ids: &tokens.ids, values: &tokens.values, flags: None, domain, counts: None };
        let output = match style {
            CellStyle::Cls => self.network.encode_first(sequence)?,
            _ => self.network.encode(sequence)?.output,
        };
        // `<cls>` has no value of its own to weigh it by.
        tokens.values[0] = 0.0;
        let vector = pooled(style, &output, &tokens.values)?;
        if style == CellStyle::Cls { unit(&vector) } else { Ok(vector) }
    }
}
