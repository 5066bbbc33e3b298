//! CellFM: a retention network over a cell's expressed genes.
//!
//! Zeng et al., "CellFM: a large-scale foundation model pre-trained on transcriptomics of 100 million human cells", Nature
//! Communications 2025; biomed-AI/CellFM, MindSpore. The weights are CC BY-NC-ND 4.0: they may not be shared in another form.
//!
//! Each gene is a vector of a table plus a vector of its value; the cell has a token of its own in front. The layers have no
//! softmax and no positions: keys and values are summed over the genes first, so that cost and memory are linear in the number
//! of genes. `network` holds the layers, `values` how counts become values, `genes` the list of genes. The
//! cell's vector after the last layer, not normalised, is its embedding.
//!
//! MindSpore's defaults are part of the model: LeakyReLU's slope is 0.2 and LayerNorm's eps 1e-7, where the ports to torch have 0.01
//! and 1e-5.
//!
//! Where we differ from the original: it pads every cell to 2048 genes, and the layers of the first half, which look at the
//! mask of values alone, see that padding. `mask_mode` "exclude", the default, runs each cell without padding, which is
//! what the original's zero-shot annotation comes to, as its layers all mask padding; "upstream" does as the pre-trained model's own
//! forward pass does.
//!
//! Symbols are matched as they stand and in capitals; the ports' table of HGNC aliases can be given as `aliases`.
//!
//! Memory: 80 M or 800 M parameters, 4 bytes each in f32, and about 100 MB for each cell that is being run.

mod config;
mod genes;
mod network;
mod values;

use super::Family;
use crate::error::Result;
use crate::models::batches::{self, budget};
use crate::models::cells::Cells;
use crate::models::folder::Folder;
use crate::models::genes::{Mapping, Matching, Vocabulary};
use crate::models::io::{Choice, Field, Io, field, row_numbers};
use crate::models::nn::{f32s, floats};
use crate::models::options::Options;
use crate::models::weights::{Loaded, Loader};
use crate::models::{Embedding, Model, Tensors};
use crate::parallel::Ctx;
use crate::{bail, ensure};
use candle_core::{DType, Device, Tensor};
use config::CellfmConfig;
use network::{Decoded, Input, Network};
use serde_json::{Value, json};
use values::{Preparation, Selection};

pub const FAMILY: Family =
    Family { name: "cellfm", aliases: &[], title: "CellFM", load: |folder| Ok(Box::new(Cellfm::load(folder)?)) };

const MASK_MODES: &[&str] = &["exclude", "upstream"];

const SELECTIONS: &[&str] = &["weighted", "top"];

/// What checkpoints hold beside the model: the optimiser's state and counters; the tokens for the depth of sequencing, which are
/// trained in fine-tuning alone; decoders of zeros that `pad_zero` leaves unused; and fine-tuning's classifier.
const IGNORABLE: &[&str] = &[
    "moment1.*",
    "moment2.*",
    "global_step",
    "learning_rate",
    "beta1_power",
    "beta2_power",
    "current_iterator_step",
    "last_overflow_iterator_step",
    "scale_sense",
    "epoch_num",
    "step_num",
    "ST_emb",
    "ST_enc.*",
    "value_dec.zero_logit.*",
    "cellwise_dec.zero_logit.*",
    "cls.*",
];

/// From the names of the ports to torch: what they wrap the model in is taken off, and LayerNorm's parameters are called as
/// MindSpore calls them.
fn renamed(name: &str) -> String {
    let mut bare = name;
    for wrapper in ["extractor.", "net.", "model."] {
        bare = bare.strip_prefix(wrapper).unwrap_or(bare);
    }
    match (bare.contains(".post_norm"), bare.rsplit_once('.')) {
        (true, Some((norm, "weight"))) => format!("{norm}.gamma"),
        (true, Some((norm, "bias"))) => format!("{norm}.beta"),
        _ => bare.to_string(),
    }
}

struct Cellfm {
    config: CellfmConfig,
    filled: Value,
    network: Network,
    /// Empty if the folder has no list.
    genes: Vec<String>,
    loaded: Loaded,
}

impl Cellfm {
    fn load(folder: &Folder) -> Result<Self> {
        let given = folder.config(&["config.json"])?;
        let config = CellfmConfig::read(&given)?;
        let file = folder.weights(&["model.pt", "CellFM_80M_weight.ckpt", "base_weight.ckpt", "model.ckpt"])?;
        let loader = Loader::new(&file, folder.load.dtype, renamed);
        let rows = match (loader.shape("gene_emb"), config.n_genes) {
            (_, Some(n)) => genes::rows(n),
            (Some(shape), None) => shape.first().copied().unwrap_or(0),
            (None, None) => 0,
        };
        let network = Network::load(&loader, &config, rows)?;
        let loaded = loader.finish(IGNORABLE)?;
        let genes = genes::read(folder, rows, config.n_genes)?;
        Ok(Self { filled: given.filled(FAMILY.name), config, network, genes, loaded })
    }

    fn inputs(&self) -> Vec<Field> {
        let zero_idx = match self.config.pad_zero {
            true => {
                field("zero_idx", DType::F32, ["B", "1 + L"], "1 for the cell's token and for genes, 0 for padding")
            }
            false => {
                field("zero_idx", DType::F32, ["B", "L"], "1 for genes that are expressed, 0 for those that are not")
            }
        };
        vec![
            field("gene", DType::I64, ["B", "L"], "rows of the table of genes, 0 for padding"),
            field("expr", DType::F32, ["B", "L"], "log values; or [B, L, 2], unmask and value"),
            zero_idx,
            field("unmask", DType::F32, ["B", "L"], "1 for values, 0 for those that are masked").optional(),
        ]
    }

    /// One row of `forward`.
    fn row(&self, input: &Input, upstream: bool) -> Result<(Tensor, Decoded)> {
        let gene_emb = self.network.gene_emb(input.genes)?;
        if upstream || !self.config.pad_zero {
            let encoded = self.network.encode(input)?;
            return Ok((encoded.narrow(0, 0, 1)?, self.network.decode(&encoded, gene_emb)?));
        }
        let kept: Vec<usize> = (0..input.genes.len()).filter(|&i| input.zero_idx[i + 1] == 1.0).collect();
        let pick = |x: &[f32]| kept.iter().map(|&i| x[i]).collect::<Vec<f32>>();
        let genes: Vec<u32> = kept.iter().map(|&i| input.genes[i]).collect();
        let alone = Input {
            genes: &genes,
            values: &pick(input.values),
            unmask: &pick(input.unmask),
            zero_idx: &vec![1.0; kept.len() + 1],
        };
        let encoded = self.network.encode(&alone)?;
        let decoded = self.network.decode(&encoded, gene_emb)?;
        let n = input.genes.len();
        let decoded = Decoded {
            expr_emb: spread(&decoded.expr_emb, &kept, n)?,
            gw_pred: spread(&decoded.gw_pred.reshape((kept.len(), 1))?, &kept, n)?.flatten_all()?,
            ..decoded
        };
        Ok((encoded.narrow(0, 0, 1)?, decoded))
    }

    /// A cell's vector, from the rows of its genes and their values.
    fn embedded(&self, mut genes: Vec<u32>, mut values: Vec<f32>, length: usize) -> Result<Vec<f32>> {
        let mut zero_idx = vec![1.0; genes.len() + usize::from(self.config.pad_zero)];
        if self.config.pad_zero {
            genes.resize(length, 0);
            values.resize(length, 0.0);
            zero_idx.resize(length + 1, 0.0);
        }
        let unmask = vec![1.0; genes.len()];
        let input = Input { genes: &genes, values: &values, unmask: &unmask, zero_idx: &zero_idx };
        floats(&self.network.encode(&input)?.narrow(0, 0, 1)?)
    }

    /// Whether a cell of so many genes has a scale: there must be more of them than `zero_idx` counts other tokens.
    fn enough(&self, genes: usize) -> bool {
        genes > 0 && (genes + usize::from(self.config.pad_zero)) as f32 > self.config.len_scale_minus
    }

    fn genes_or_error(&self) -> Result<()> {
        ensure!(
            !self.genes.is_empty(),
            NotFound,
            "genes: the model's folder has no list of them; there must be \"genes.json\", \"expand_gene_info.csv\" or \"gene_info.csv\""
        );
        Ok(())
    }
}

/// Rows at the places where they belong, 0 elsewhere.
fn spread(rows: &Tensor, places: &[usize], n: usize) -> Result<Tensor> {
    let width = rows.dims()[1];
    let mut all = vec![0f32; n * width];
    for (row, &place) in floats(rows)?.chunks_exact(width).zip(places) {
        all[place * width..][..width].copy_from_slice(row);
    }
    Ok(Tensor::from_vec(all, (n, width), &Device::Cpu)?)
}

/// `expr` of `[B, L, 2]` as the two arrays that it is made of.
fn parted(inputs: &Tensors) -> Result<Tensors> {
    let mut parted = inputs.clone();
    if let Some(expr) = inputs.get("expr")
        && let &[_, _, 2] = expr.dims()
    {
        ensure!(
            !inputs.contains_key("unmask"),
            InvalidArgument,
            "inputs: has \"unmask\", and \"expr\" of shape {:?}, which holds it already; must be one of the two",
            expr.dims()
        );
        for (i, name) in ["unmask", "expr"].into_iter().enumerate() {
            parted.insert(name.into(), expr.narrow(2, i, 1)?.squeeze(2)?);
        }
    }
    Ok(parted)
}

impl Model for Cellfm {
    fn family(&self) -> &'static str {
        FAMILY.name
    }

    fn config(&self) -> Value {
        self.filled.clone()
    }

    fn io(&self) -> Io {
        let width = self.config.width.to_string();
        let mask_mode = Choice {
            name: "mask_mode",
            default: json!("exclude"),
            about: "\"exclude\": each cell without padding; \"upstream\": padding is seen by the first half of the layers, as in the original",
        };
        let mut outputs = vec![
            field("cls_token", DType::F32, ["B", &width], "the cell's embedding"),
            field(
                "expr_emb",
                DType::F32,
                ["B", "L", &width],
                "genes after the last layer; 0 at padding that was left out",
            ),
            field("gene_emb", DType::F32, ["B", "L", &width], "rows of the table of genes"),
            field("gw_pred", DType::F32, ["B", "L"], "values decoded from the genes; 0 at padding that was left out"),
            field("cw_pred", DType::F32, ["B", "L"], "values decoded from the cell"),
        ];
        if self.config.add_zero && !self.config.pad_zero {
            outputs.push(field("gw_zero", DType::F32, ["B", "L"], "how likely a gene is expressed, from the genes"));
            outputs.push(field("cw_zero", DType::F32, ["B", "L"], "how likely a gene is expressed, from the cell"));
        }
        Io {
            inputs: self.inputs(),
            outputs,
            options: vec![mask_mode.clone()],
            embed: vec![
                mask_mode,
                Choice {
                    name: "nonz_len",
                    default: json!(self.config.nonz_len),
                    about: "expressed genes that a cell is cut to, and that \"upstream\" pads to",
                },
                Choice {
                    name: "select",
                    default: json!(SELECTIONS[0]),
                    about: "which genes are kept: \"weighted\" draws them by log(1 + count) with the context's seed, \"top\" takes the largest",
                },
            ],
            tasks: Vec::new(),
        }
    }

    fn weights(&self) -> &Loaded {
        &self.loaded
    }

    fn genes(&self) -> Vec<String> {
        self.genes.clone()
    }

    fn files(&self) -> Result<Vec<(String, Vec<u8>)>> {
        Ok(if self.genes.is_empty() { Vec::new() } else { vec![genes::file(&self.genes)] })
    }

    fn forward(&self, ctx: &Ctx, inputs: &Tensors, options: &Options) -> Result<Tensors> {
        let upstream = options.choice("mask_mode", MASK_MODES)? == "upstream";
        options.finish()?;
        let inputs = Io::checked(&self.inputs(), &parted(inputs)?)?;
        let (b, l) = inputs["gene"].dims2()?;
        let k = inputs["zero_idx"].dim(1)?;
        let pad_zero = self.config.pad_zero;
        ensure!(l > 0, Shape, "inputs: \"gene\" has shape [{b}, 0], must have a gene for each cell");
        ensure!(
            !pad_zero || k == l + 1,
            Shape,
            "inputs: \"zero_idx\" has shape [{b}, {k}], must be [{b}, {}]: the cell's token and the {l} genes",
            l + 1
        );
        let genes = row_numbers("gene", &inputs["gene"], self.network.table().dim(0)?)?;
        let (values, zero_idx) = (floats(&inputs["expr"])?, floats(&inputs["zero_idx"])?);
        let unmask = inputs.get("unmask").map_or_else(|| Ok(vec![1.0; b * l]), floats)?;
        if pad_zero && !upstream {
            check_zero_idx(&zero_idx, k)?;
        }
        let rows = ctx.map_in_pool(ctx.threads(), b, |i| {
            let (row, marks) = (i * l..(i + 1) * l, i * k..(i + 1) * k);
            let input = Input {
                genes: &genes[row.clone()],
                values: &values[row.clone()],
                unmask: &unmask[row],
                zero_idx: &zero_idx[marks],
            };
            self.row(&input, upstream)
        })?;
        gathered(rows, l, self.config.width)
    }

    fn gene_embeddings(&self) -> Result<Tensor> {
        self.genes_or_error()?;
        f32s(&self.network.table().narrow(0, 1, self.genes.len())?.contiguous()?)
    }

    fn embed(&self, ctx: &Ctx, cells: &Cells, options: &Options) -> Result<Embedding> {
        let upstream = options.choice("mask_mode", MASK_MODES)? == "upstream";
        let length = options.size("nonz_len")?.unwrap_or(self.config.nonz_len);
        let select = options.choice("select", SELECTIONS)?;
        let (budget, matching) = (budget(options)?, Matching::from(options)?);
        options.finish()?;
        ensure!(length > 0, InvalidArgument, "nonz_len: is 0, must be positive");
        ensure!(
            !upstream || self.config.pad_zero,
            InvalidArgument,
            "mask_mode: is \"upstream\", must be \"exclude\": this model has no padding, \"pad_zero\" is false"
        );
        self.genes_or_error()?;
        cells.ensure_counts(ctx)?;
        let vocabulary = Vocabulary::new(self.genes.iter().cloned().zip(1..));
        let mapping = Mapping::new(&cells.genes, &vocabulary, &matching)?;
        let selection = if select == "top" { Selection::Top } else { Selection::Weighted };
        let preparation = Preparation { length, selection, seed: ctx.seed() };
        let prepared = |cell| {
            let (counted, total) = counted(cells, &mapping, cell);
            preparation.values(&counted, total, cell)
        };
        let kept = ctx.within(0.0, 0.05, || ctx.map(cells.n_obs(), |cell| Ok(prepared(cell).0.len())))?;
        let padded = |genes: usize| if upstream { length } else { genes };
        let tokens: Vec<usize> = kept.iter().map(|&n| if self.enough(n) { padded(n) + 1 } else { 0 }).collect();
        let embedded = ctx.within(0.05, 1.0, || {
            batches::run(ctx, &tokens, budget, |cell| {
                let (genes, values) = prepared(cell);
                self.embedded(genes, values, tokens[cell] - 1)
            })
        })?;
        let without = embedded.iter().filter(|e| e.is_none()).count();
        if without > 0 {
            let all = embedded.len();
            ctx.warn(&format!("{without} of {all} cells have too few counts of the model's genes: their rows are NaN"));
        }
        let report = json!({
            "genes": mapping.report(), "cells_without_genes": without, "mask_mode": MASK_MODES[usize::from(upstream)],
            "nonz_len": length, "select": select, "seed": ctx.seed(), "cells_cut": kept.iter().filter(|&&n| n == length).count(),
        });
        Ok(Embedding { values: batches::stacked(&embedded, self.config.width)?, name: "cellfm", report })
    }
}

/// Rows and counts of a cell's genes, sorted, columns of one gene added up; and its total over all columns.
fn counted(cells: &Cells, mapping: &Mapping, cell: usize) -> (Vec<(u32, f64)>, f64) {
    let mut counted: Vec<(u32, f64)> = Vec::new();
    let mut total = 0.0;
    cells.for_each(cell, |column, count| {
        total += count;
        if let Some(row) = mapping.rows[column] {
            counted.push((row as u32, count));
        }
    });
    counted.sort_by_key(|&(row, _)| row);
    counted.dedup_by(|next, first| {
        let same = next.0 == first.0;
        if same {
            first.1 += next.1;
        }
        same
    });
    (counted, total)
}

/// Marks of zeros and ones, the first of each row 1, and another 1 after it.
fn check_zero_idx(marks: &[f32], k: usize) -> Result<()> {
    for (i, row) in marks.chunks_exact(k).enumerate() {
        if let Some(m) = row.iter().find(|&&m| m != 0.0 && m != 1.0) {
            bail!(
                InvalidArgument,
                "inputs: \"zero_idx\" has {m} in row {i}, must be 0 or 1 with mask_mode \"exclude\""
            );
        }
        ensure!(
            row[0] == 1.0,
            InvalidArgument,
            "inputs: \"zero_idx\" has 0 at the start of row {i}, the cell's own token: must be 1"
        );
        ensure!(row[1..].contains(&1.0), InvalidArgument, "inputs: \"zero_idx\" has no gene in row {i}, must have one");
    }
    Ok(())
}

/// The outputs of all rows under their names.
fn gathered(rows: Vec<(Tensor, Decoded)>, l: usize, width: usize) -> Result<Tensors> {
    let mut parts: [Vec<Tensor>; 7] = Default::default();
    for (cls, decoded) in rows {
        let zeros = decoded.zeros.map(|(genes, cell)| [genes, cell]);
        let all = [cls.squeeze(0)?, decoded.expr_emb, decoded.gene_emb, decoded.gw_pred, decoded.cw_pred];
        parts.iter_mut().zip(all.into_iter().chain(zeros.into_iter().flatten())).for_each(|(part, x)| part.push(x));
    }
    let names = ["cls_token", "expr_emb", "gene_emb", "gw_pred", "cw_pred", "gw_zero", "cw_zero"];
    if parts[0].is_empty() {
        let shapes = [vec![0, width], vec![0, l, width], vec![0, l, width], vec![0, l], vec![0, l]];
        let empty = |(name, shape): (&&str, Vec<usize>)| {
            Ok((name.to_string(), Tensor::zeros(shape, DType::F32, &Device::Cpu)?))
        };
        return names.iter().zip(shapes).map(empty).collect();
    }
    let filled = names.iter().zip(parts).filter(|(_, part)| !part.is_empty());
    filled.map(|(name, part)| Ok((name.to_string(), Tensor::stack(&part, 0)?))).collect()
}

#[cfg(test)]
mod tests;
