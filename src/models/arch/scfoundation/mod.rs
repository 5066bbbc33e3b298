//! scFoundation: cells as sentences of expressed genes, embedded, and every gene in the context of its cell.
//!
//! Hao et al., Large-scale foundation model on single-cell transcriptomics, Nature Methods 2024; biomap-research/scFoundation.
//! In the order to read it:
//!
//! - `config`: the shape of a model; `genes`: the list of its genes;
//! - `preprocess`: from counts to values, and the depths T and S; `tokens`: what one cell is to the model, and pooling;
//! - `token`: the embedding of a value; `stack`: the encoder and the decoder; `performer`: the decoder's attention;
//! - `tasks`: cells as vectors, genes in context, enhancement of read depth.
//!
//! A cell is a value for each of n genes (19 264 in the published models) and T and S after them, `seq_len` = n + 2 in all.
//! Only what is above 0 enters the encoder: a few thousand tokens, of which attention is quadratic. For genes in context the
//! encoder's output is put back where it came from, into the embedding of all positions; the embedding of the position is
//! added to it, for these a second time; and the decoder runs over all 19 266. That is the work of most of a minute on two
//! cores, and takes about 0.3 GB for each cell that is being decoded; of a cell's genes in context 40 MB are given.
//!
//! The published models.ckpt holds three models, `cell`, `gene` and `rde`, each for its purpose: cells as vectors, genes in
//! context, enhancement of read depth. The option `key` of loading chooses, "cell" unless config.json says otherwise. Where
//! the folder has no config.json, the configuration is the one that the checkpoint holds.
//!
//! Where this differs from the original: each cell is decoded by itself, where the original shares one number, the maximum
//! of a Performer's keys, among the cells of a batch; `key_maximum` = "upstream" does so. (Its get_embedding.py decodes one cell
//! at a time unless told `gene_batch`, and is then the same as this.) A value that equals the number which stands for padding is
//! refused where the original fails or masks it. What `embed` does with a cell that has no gene, or whose T or S is not above 0,
//! the original does not say: it is NaN.

mod config;
mod genes;
mod performer;
mod preprocess;
mod stack;
mod tasks;
mod token;
mod tokens;

#[cfg(test)]
mod tests;

use super::Family;
use crate::error::Result;
use crate::models::cells::Cells;
use crate::models::config::Config;
use crate::models::folder::{Folder, json as json_file};
use crate::models::io::{Choice, Field, Io, Task, field, unknown_task};
use crate::models::nn::{self, LayerNorm, Linear, add_assign};
use crate::models::options::{Options, listed};
use crate::models::weights::{Loaded, Loader, WeightFile};
use crate::models::{Embedding, Model, Output, Tensors};
use crate::parallel::Ctx;
use crate::{bail, ensure};
use candle_core::{DType, Device, Tensor};
use config::Settings;
use serde_json::{Map, Value, json};
use stack::{Decoder, Encoder};
use token::AutoBin;
use tokens::{Tokens, pool_all, pool_max};

pub const FAMILY: Family = Family {
    name: "scfoundation",
    aliases: &["mae_autobin"],
    title: "scFoundation",
    load: |folder| Ok(Box::new(ScFoundation::load(folder)?)),
};

/// The published checkpoint.
const NESTED: &str = "models.ckpt";

/// Files of one model's weights.
const ALONE: &[&str] = &["model.safetensors", "model.safetensors.index.json", "model.pt"];

/// The models that the published checkpoint holds.
const KEYS: &[&str] = &["cell", "gene", "rde"];

/// What `forward` gives.
const OUTPUTS: &[&str] = &[
    "cell_emb_all",
    "cell_emb_max",
    "gene_emb",
    "gene_expression",
    "encoder_data",
    "encoder_position_gene_ids",
    "encoder_padding",
    "encoder_output",
];

pub struct ScFoundation {
    settings: Settings,
    config: Value,
    /// None where the folder has no list of them: raw inputs can be run, matrices cannot.
    genes: Option<Vec<String>>,
    token: AutoBin,
    /// `[seq_len + 1, width]`; the last is that of padding.
    positions: Tensor,
    encoder: Encoder,
    decoder_embed: Linear,
    decoder: Decoder,
    norm: LayerNorm,
    to_final: Linear,
    loaded: Loaded,
}

impl ScFoundation {
    fn load(folder: &Folder) -> Result<Self> {
        let (config, file) = open(folder)?;
        let settings = Settings::read(&config)?;
        let (width, inner, n) = (settings.encoder.width, settings.decoder.width, settings.seq_len);
        // Published names have what the training wrapped around the model in front.
        let bare = |name: &str| name.split_once("model.").map_or(name, |(_, rest)| rest).to_string();
        let loader = Loader::new(&file, folder.load.dtype, bare);
        let token = AutoBin::load(&loader, "token_emb", &settings)?;
        let positions = loader.get("pos_emb.weight", &[n + 1, width])?;
        let encoder = Encoder::load(&loader, "encoder", &settings.encoder)?;
        let decoder_embed = Linear::load(&loader, "decoder_embed", width, inner)?;
        let decoder = Decoder::load(&loader, "decoder", &settings.decoder)?;
        let norm = LayerNorm::load(&loader, "norm", inner, 1e-5)?;
        let to_final = Linear::load(&loader, "to_final", inner, 1)?;
        // A counter of the training's, by which random features are redrawn.
        let loaded = loader.finish(&["decoder.performer.calls_since_last_redraw"])?;
        let genes = genes::find(folder, settings.n_genes())?;
        let config = config.filled("scfoundation");
        Ok(Self { settings, config, genes, token, positions, encoder, decoder_embed, decoder, norm, to_final, loaded })
    }

    /// The encoder's output for a cell's tokens, `[tokens, width]`; none if there are none.
    fn encode(&self, tokens: &Tokens) -> Result<Option<Tensor>> {
        if tokens.is_empty() {
            return Ok(None);
        }
        let x = self.token.forward(&tokens.values)?;
        add_assign(&x, &nn::embedding(&self.positions, &tokens.ids)?)?;
        self.encoder.forward(&x).map(Some)
    }

    /// All positions of a cell as the decoder takes them: the encoder's output where there is one, the embedding of the value
    /// elsewhere, and that of the position.
    fn decoder_input(&self, tokens: &Tokens, encoded: Option<&Tensor>) -> Result<Tensor> {
        let mut rows = vec![self.token.forward(&[0.0])?];
        let mut from = vec![0u32; self.settings.seq_len];
        rows.extend(encoded.cloned());
        let below: Vec<f32> = tokens.below.iter().map(|&(_, value)| value).collect();
        if !below.is_empty() {
            rows.push(self.token.forward(&below)?);
        }
        let elsewhere = tokens.ids.iter().copied().chain(tokens.below.iter().map(|&(id, _)| id));
        for (row, id) in (1..).zip(elsewhere) {
            if let Some(place) = from.get_mut(id as usize) {
                *place = row;
            }
        }
        let x = nn::embedding(&Tensor::cat(&rows, 0)?, &from)?;
        add_assign(&x, &nn::f32s(&self.positions.narrow(0, 0, self.settings.seq_len)?)?)?;
        self.decoder_embed.forward(&x)
    }

    /// Every position in the context of its cell, `[seq_len, width of the decoder]`. Cells that are decoded together share the
    /// maximum of the keys.
    fn decode(&self, cells: &[(&Tokens, Option<&Tensor>)]) -> Result<Vec<Tensor>> {
        let inputs =
            cells.iter().map(|(tokens, encoded)| self.decoder_input(tokens, *encoded)).collect::<Result<_>>()?;
        let decoded = self.decoder.forward(inputs)?;
        decoded.iter().map(|x| self.norm.forward(x)).collect()
    }

    /// The expression that is predicted at each position, `[seq_len]`.
    fn expression(&self, decoded: &Tensor) -> Result<Tensor> {
        Ok(self.to_final.forward(decoded)?.flatten_all()?)
    }

    fn gene_names(&self) -> Result<&[String]> {
        match &self.genes {
            Some(genes) => Ok(genes),
            None => bail!(
                NotFound,
                "genes: the model's folder has no list of its genes, must have one of {}",
                listed(genes::FILES)
            ),
        }
    }

    fn checked_tokens(&self, cell: usize, row: &[f32]) -> Result<Tokens> {
        let pad = self.settings.pad;
        match row.iter().find(|x| !x.is_finite() || **x == pad) {
            Some(x) if x.is_finite() => {
                bail!(InvalidArgument, "inputs: \"x\" has {x} in cell {cell}, the value that stands for padding")
            }
            Some(x) => bail!(InvalidArgument, "inputs: \"x\" has {x} in cell {cell}, must be finite"),
            None => Ok(Tokens::of_row(row)),
        }
    }
}

/// The configuration and the weights: config.json and a file of one model, or the published checkpoint, which holds both of
/// several. The option `key` of loading says which of them.
fn open(folder: &Folder) -> Result<(Config, WeightFile)> {
    let asked = folder.load.family.text("key")?;
    folder.load.family.finish()?;
    let alone = ALONE.iter().find(|name| folder.find(name).is_some());
    let Some(path) = folder.find(NESTED).filter(|_| alone.is_none() || asked.is_some()) else {
        let config = folder.config(&["config.json"])?;
        let held = config.value("key").and_then(Value::as_str);
        if let Some(asked) = asked.filter(|asked| held != Some(asked)) {
            bail!(InvalidArgument, "key: is {asked:?}, must not be set where there is no {NESTED:?} to choose from");
        }
        return Ok((config, folder.weights(&["model.pt"])?));
    };
    let mut given = folder.defaults.clone();
    if let Some(path) = folder.find("config.json") {
        match json_file(&path)? {
            Value::Object(read) => given.extend(read),
            _ => bail!(Config, "{}: is not a JSON object", path.display()),
        }
    }
    let key = asked.or_else(|| given.get("key").and_then(Value::as_str).map(String::from));
    let key = key.unwrap_or_else(|| KEYS[0].into());
    ensure!(KEYS.contains(&key.as_str()), InvalidArgument, "key: is {key:?}, must be {}", listed(KEYS));
    let file = WeightFile::open_at(&path, &[&key, "state_dict"])?;
    let source = file.source();
    let mut all = match file.value().and_then(|value| value.get(&key)?.get("config")) {
        Some(own) => config::of_checkpoint(&source, own)?,
        None => Map::new(),
    };
    all.extend(given);
    all.insert("key".into(), key.into());
    Ok((Config::new(source, all), file))
}

/// The outputs that are asked for.
struct Wanted(Vec<String>);

impl Wanted {
    fn from(options: &Options) -> Result<Self> {
        let names = options.texts("outputs")?.unwrap_or_else(|| OUTPUTS.iter().map(|name| name.to_string()).collect());
        match names.iter().find(|name| !OUTPUTS.contains(&name.as_str())) {
            Some(name) => bail!(InvalidArgument, "outputs: has {name:?}, must be some of {}", listed(OUTPUTS)),
            None => Ok(Self(names)),
        }
    }

    fn any(&self, names: &[&str]) -> bool {
        self.0.iter().any(|name| names.contains(&name.as_str()))
    }
}

/// Vectors of equal lengths as the rows of a matrix.
fn matrix(rows: Vec<Vec<f32>>, width: usize) -> Result<Tensor> {
    let n = rows.len();
    Ok(Tensor::from_vec(rows.concat(), (n, width), &Device::Cpu)?)
}

/// Tensors of one shape, one after the other along a new first axis.
fn stack(cells: &[Tensor], shape: &[usize]) -> Result<Tensor> {
    if cells.is_empty() {
        return Ok(Tensor::zeros([&[0], shape].concat(), DType::F32, &Device::Cpu)?);
    }
    Ok(Tensor::stack(cells, 0)?)
}

impl Model for ScFoundation {
    fn family(&self) -> &'static str {
        FAMILY.name
    }

    fn config(&self) -> Value {
        self.config.clone()
    }

    fn io(&self) -> Io {
        let Settings { seq_len, pad, encoder, decoder, .. } = &self.settings;
        let (n, d, inner) = (seq_len.to_string(), encoder.width.to_string(), decoder.width.to_string());
        let float = |name, shape: &[&str], about| Field {
            shape: shape.iter().map(|s| s.to_string()).collect(),
            ..field(name, DType::F32, [], about)
        };
        let all = (4 * encoder.width).to_string();
        let tokens = format!("values of the tokens, padded with {pad} to the longest cell");
        let ids = format!("their positions; {n} for padding");
        let outputs = vec![
            float(
                "cell_emb_all",
                &["B", &all],
                "S, T, maximum and mean over the genes; NaN for a cell of fewer than 3 tokens",
            ),
            float("cell_emb_max", &["B", &d], "maximum over all tokens; NaN for a cell that has none"),
            float("gene_emb", &["B", &n, &inner], "each position in the context of its cell; T and S are the last two"),
            float("gene_expression", &["B", &n], "expression predicted at each position"),
            float("encoder_data", &["B", "L"], &tokens),
            field("encoder_position_gene_ids", DType::I64, ["B", "L"], &ids),
            field("encoder_padding", DType::U8, ["B", "L"], "1 for padding"),
            float("encoder_output", &["B", "L", &d], "the encoder's output; 0 for padding"),
        ];
        Io {
            inputs: vec![float(
                "x",
                &["B", &n],
                "ln(1 + 1e4 x / total) of each gene, T, S; what is above 0 is a token",
            )],
            outputs,
            options: vec![
                Choice {
                    name: "outputs",
                    default: json!(OUTPUTS),
                    about: "which outputs; without gene_* the decoder is not run",
                },
                Choice {
                    name: "key_maximum",
                    default: json!("cell"),
                    about: "over which keys a Performer takes their maximum: \"cell\", or \"upstream\", all cells of the call",
                },
            ],
            embed: [preprocessing(), vec![pooling()]].concat(),
            tasks: self.tasks(&inner),
        }
    }

    fn weights(&self) -> &Loaded {
        &self.loaded
    }

    /// None where the folder has no list of them.
    fn genes(&self) -> Vec<String> {
        self.genes.clone().unwrap_or_default()
    }

    fn files(&self) -> Result<Vec<(String, Vec<u8>)>> {
        Ok(self
            .genes
            .iter()
            .map(|genes| (genes::FILES[0].to_string(), json!(genes).to_string().into_bytes()))
            .collect())
    }

    fn forward(&self, ctx: &Ctx, inputs: &Tensors, options: &Options) -> Result<Tensors> {
        let wanted = Wanted::from(options)?;
        let together = options.choice("key_maximum", &["cell", "upstream"])? == "upstream";
        options.finish()?;
        let inputs = Io::checked(&self.io().inputs, inputs)?;
        let rows: Vec<Vec<f32>> = inputs["x"].to_vec2()?;
        let cells: Vec<Tokens> =
            rows.iter().enumerate().map(|(i, row)| self.checked_tokens(i, row)).collect::<Result<_>>()?;
        let n = cells.len();
        let decoding = wanted.any(&["gene_emb", "gene_expression"]);
        let share = if decoding { 0.3 } else { 1.0 };
        let encoded = ctx.within(0.0, share, || ctx.map_in_pool(ctx.threads(), n, |i| self.encode(&cells[i])))?;
        let mut outputs = self.pooled(&wanted, &cells, &encoded)?;
        if decoding {
            let both: Vec<(&Tokens, Option<&Tensor>)> = cells.iter().zip(encoded.iter().map(Option::as_ref)).collect();
            let size = if together { n } else { 1 };
            let groups: Vec<_> = both.chunks(size.max(1)).collect();
            let decoded =
                ctx.within(share, 1.0, || ctx.map_in_pool(ctx.threads(), groups.len(), |g| self.decode(groups[g])))?;
            self.decoded(ctx, &wanted, &decoded.concat(), &mut outputs)?;
        }
        Ok(outputs)
    }

    fn gene_embeddings(&self) -> Result<Tensor> {
        nn::f32s(&self.positions.narrow(0, 0, self.settings.n_genes())?)
    }

    fn embed(&self, ctx: &Ctx, cells: &Cells, options: &Options) -> Result<Embedding> {
        tasks::embed(self, ctx, cells, options)
    }

    fn run(&self, ctx: &Ctx, task: &str, cells: Option<&Cells>, inputs: &Tensors, options: &Options) -> Result<Output> {
        let run = match task {
            "gene_embeddings" => tasks::gene_embeddings,
            "enhance" => tasks::enhance,
            _ => return Err(unknown_task(self, task)),
        };
        if let Some(name) = inputs.keys().next() {
            bail!(InvalidArgument, "inputs: has {name:?}, the task {task:?} takes cells alone");
        }
        match cells {
            Some(cells) => run(self, ctx, cells, options),
            None => bail!(InvalidArgument, "cells: are missing, the task {task:?} needs a matrix with gene names"),
        }
    }
}

impl ScFoundation {
    /// The outputs of the encoder.
    fn pooled(&self, wanted: &Wanted, cells: &[Tokens], encoded: &[Option<Tensor>]) -> Result<Tensors> {
        let width = self.settings.encoder.width;
        let (n, length) = (cells.len(), cells.iter().map(Tokens::len).max().unwrap_or(0));
        let mut outputs = Tensors::new();
        let mut give = |name: &str, make: &dyn Fn() -> Result<Tensor>| -> Result<()> {
            if wanted.any(&[name]) {
                outputs.insert(name.into(), make()?);
            }
            Ok(())
        };
        let each = |pool: fn(Option<&Tensor>, usize) -> Result<Vec<f32>>| -> Result<Vec<Vec<f32>>> {
            encoded.iter().map(|x| pool(x.as_ref(), width)).collect()
        };
        give("cell_emb_all", &|| matrix(each(pool_all)?, 4 * width))?;
        give("cell_emb_max", &|| matrix(each(pool_max)?, width))?;
        give("encoder_data", &|| {
            matrix(cells.iter().map(|cell| padded(&cell.values, length, self.settings.pad)).collect(), length)
        })?;
        let pad_id = self.settings.seq_len as i64;
        give("encoder_position_gene_ids", &|| {
            let ids = cells.iter().map(|cell| cell.ids.iter().map(|&id| id as i64).collect::<Vec<_>>());
            let ids: Vec<i64> = ids.flat_map(|ids| padded(&ids, length, pad_id)).collect();
            Ok(Tensor::from_vec(ids, (n, length), &Device::Cpu)?)
        })?;
        give("encoder_padding", &|| {
            let padding: Vec<u8> = cells.iter().flat_map(|cell| padded(&vec![0; cell.len()], length, 1)).collect();
            Ok(Tensor::from_vec(padding, (n, length), &Device::Cpu)?)
        })?;
        give("encoder_output", &|| {
            let rows =
                encoded.iter().map(|x| x.as_ref().map_or(Ok(Vec::new()), nn::floats)).collect::<Result<Vec<_>>>()?;
            let rows: Vec<f32> = rows.iter().flat_map(|row| padded(row, length * width, 0.0)).collect();
            Ok(Tensor::from_vec(rows, (n, length, width), &Device::Cpu)?)
        })?;
        Ok(outputs)
    }

    /// The outputs of the decoder.
    fn decoded(&self, ctx: &Ctx, wanted: &Wanted, decoded: &[Tensor], outputs: &mut Tensors) -> Result<()> {
        let (n, inner) = (self.settings.seq_len, self.settings.decoder.width);
        if wanted.any(&["gene_expression"]) {
            let expression = ctx.map_in_pool(ctx.threads(), decoded.len(), |i| self.expression(&decoded[i]))?;
            outputs.insert("gene_expression".into(), stack(&expression, &[n])?);
        }
        if wanted.any(&["gene_emb"]) {
            outputs.insert("gene_emb".into(), stack(decoded, &[n, inner])?);
        }
        Ok(())
    }

    fn tasks(&self, inner: &str) -> Vec<Task> {
        let genes = Choice { name: "genes", default: Value::Null, about: "the genes to give, all by default" };
        let g = "genes";
        vec![
            Task {
                name: "gene_embeddings",
                about: "genes in the context of each cell, or on average; for the published model \"gene\"",
                cells: true,
                outputs: vec![
                    field(
                        "gene_emb",
                        DType::F32,
                        ["cells", g, inner],
                        "with reduce = \"none\"; NaN for a cell without genes",
                    ),
                    field(
                        "gene_emb_mean",
                        DType::F32,
                        [g, inner],
                        "with reduce = \"mean\": over the cells that have genes",
                    ),
                ],
                options: [
                    preprocessing(),
                    vec![
                        genes.clone(),
                        Choice { name: "reduce", default: json!("none"), about: "\"none\" or \"mean\" over cells" },
                    ],
                ]
                .concat(),
                ..Default::default()
            },
            Task {
                name: "enhance",
                about: "expression, ln(1 + 1e4 x / total), as it would be at the depth T; for the published model \"rde\"",
                cells: true,
                outputs: vec![field("gene_expression", DType::F32, ["cells", g], "NaN for a cell without genes")],
                options: [preprocessing(), vec![genes]].concat(),
                ..Default::default()
            },
        ]
    }
}

fn padded<T: Copy>(items: &[T], length: usize, with: T) -> Vec<T> {
    let mut padded = items.to_vec();
    padded.resize(length, with);
    padded
}

fn pooling() -> Choice {
    Choice {
        name: "pool_type",
        default: json!("all"),
        about: "\"all\": S, T, maximum and mean over the genes, one after the other; \"max\": the maximum over all tokens",
    }
}

/// The options of [`preprocess`].
fn preprocessing() -> Vec<Choice> {
    vec![
        Choice { name: "input_type", default: json!("singlecell"), about: "\"singlecell\" or \"bulk\"" },
        Choice {
            name: "pre_normalized",
            default: json!("F"),
            about: "\"F\": counts; \"T\": normalised, log1p taken; \"A\": the same, with the array \"total_counts\"",
        },
        Choice {
            name: "tgthighres",
            default: json!("t4"),
            about: "T, the depth to read at: \"t4\" for 10^4 counts, \"f5\" for 5 times the cell's, \"a1\" for 10^1 times",
        },
        Choice {
            name: "target_sum",
            default: Value::Null,
            about: "of bulk, what samples are scaled to; by default the median of their totals",
        },
    ]
}
