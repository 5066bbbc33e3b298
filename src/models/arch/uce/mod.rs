//! UCE, universal cell embeddings: a transformer that reads a cell as a sentence of proteins.
//!
//! Rosen et al., "Universal Cell Embeddings: A Foundation Model for Cell Biology", bioRxiv 2023; snap-stanford/UCE (MIT).
//!
//! A token is a row of a table of protein embeddings (ESM2), so a gene of any species is one; `sentence` says how a cell
//! becomes one, `genome` holds the genes, `tokens` the table, `network` the layers. A row is scaled to
//! length 1, projected, multiplied by the square root of the width, a sinusoidal position added; then come post-norm layers,
//! and a decoder, whose output at the first token, scaled to length 1, is the cell's embedding. The binary decoder says from
//! a cell and a gene whether the cell expresses it.
//!
//! Where we differ from the original:
//!
//! - **Padding.** The original hands torch `1 - mask` as a mask of floats, which is added to the scores: padding is not left
//!   out but favoured, and a cell's embedding depends on the longest sentence of its batch. `mask_mode` "exclude", the
//!   default, runs each cell alone, without padding; "upstream" does as the original does.
//! - **Draws.** The original never seeds its generator. Here the context's seed and the number of the cell determine a
//!   sentence. Genes are drawn in the order of the table of tokens and columns of one gene are added up, so that the order of
//!   the matrix' columns does not matter.
//! - **Filters.** The original first drops genes that fewer than 10 cells express and cells that express fewer than 25 genes.
//!   That is left to the caller: it changes the weights, since it depends on the whole matrix.
//!
//! Gene embeddings are those of `gene_embedding_layer`, the model's own view of a gene in the question whether a cell
//! expresses it, of rows of length 1, as the encoder gets them.
//!
//! Memory: the table of tokens (3 GB) stays in its file. With the 33 layers the weights are 2.6 GB in f32, and each cell that is
//! being run takes about 60 MB more.

mod config;
mod genome;
mod network;
mod sentence;
mod tokens;

use super::Family;
use crate::error::Result;
use crate::models::batches::{self, budget};
use crate::models::cells::Cells;
use crate::models::config::Config;
use crate::models::folder::Folder;
use crate::models::genes::{Mapping, Matching, Vocabulary};
use crate::models::io::{self, Choice, Field, Io, Task, field, row_numbers};
use crate::models::nn::{Activation, floats};
use crate::models::options::Options;
use crate::models::weights::{Loaded, Loader, WeightFile};
use crate::models::{Embedding, Model, Output, Tensors};
use crate::parallel::Ctx;
use crate::{bail, ensure};
use candle_core::{DType, Device, Tensor};
use config::UceConfig;
use genome::{Genome, Species};
use network::Network;
use serde_json::{Value, json};
use tokens::Tokens;

pub const FAMILY: Family = Family {
    name: "uce",
    aliases: &["universal-cell-embeddings"],
    title: "UCE",
    load: |folder| Ok(Box::new(Uce::load(folder)?)),
};

/// Rows of the table that are projected at once where many are: 20 MB of protein embeddings.
const BLOCK: usize = 1024;

/// How many cells the original runs at once, by default.
const BATCH: usize = 25;

const MASK_MODES: &[&str] = &["exclude", "upstream"];

struct Uce {
    config: UceConfig,
    filled: Value,
    network: Network,
    tokens: Tokens,
    genome: Genome,
    loaded: Loaded,
}

impl Uce {
    fn load(folder: &Folder) -> Result<Self> {
        let given: Config = folder.config(&["config.json"])?;
        let config = UceConfig::read(&given)?;
        let file = folder.weights(&["model.pt", "33l_8ep_1024t_1280.torch", "4layer_model.torch"])?;
        let loader = Loader::new(&file, folder.load.dtype, str::to_string);
        let network = Network::load(&loader, &config)?;
        // The table of tokens is not loaded but stays in its file.
        let loaded = loader.finish(&[tokens::TABLE])?;
        let tokens = Tokens::open(folder, file, &config)?;
        let genome = Genome::read(folder, &tokens)?;
        Ok(Self { filled: given.filled(FAMILY.name), config, network, tokens, genome, loaded })
    }

    /// One row of `forward`: decoded tokens `[L, output_dim]`, 0 where there is padding that was left out.
    fn row(&self, tokens: &[u32], mask: &[f32], upstream: bool) -> Result<Tensor> {
        if upstream {
            let added: Vec<f32> = mask.iter().map(|m| 1.0 - m).collect();
            let positions: Vec<u32> = (0..tokens.len() as u32).collect();
            return self.network.decode(&self.network.encode(&self.tokens, tokens, &positions, Some(&added))?);
        }
        let positions: Vec<u32> = (0..tokens.len() as u32).filter(|&i| mask[i as usize] == 1.0).collect();
        let kept: Vec<u32> = positions.iter().map(|&i| tokens[i as usize]).collect();
        let decoded = floats(&self.network.decode(&self.network.encode(&self.tokens, &kept, &positions, None)?)?)?;
        let width = self.config.output_dim;
        let mut whole = vec![0f32; tokens.len() * width];
        for (row, &i) in decoded.chunks_exact(width).zip(&positions) {
            whole[i as usize * width..][..width].copy_from_slice(row);
        }
        Ok(Tensor::from_vec(whole, (tokens.len(), width), &Device::Cpu)?)
    }

    /// The embedding of a cell by its sentence, padded to `length` as the original pads.
    fn embedded(&self, sentence: &[u32], length: usize) -> Result<Vec<f32>> {
        let mut tokens = sentence.to_vec();
        tokens.resize(length.max(sentence.len()), self.config.grammar.pad);
        let positions: Vec<u32> = (0..tokens.len() as u32).collect();
        let padded = tokens.len() > sentence.len();
        let added: Vec<f32> =
            positions.iter().map(|&i| if (i as usize) < sentence.len() { 0.0 } else { 1.0 }).collect();
        let encoded =
            self.network.encode_first(&self.tokens, &tokens, &positions, padded.then_some(added.as_slice()))?;
        floats(&self.network.cell(&self.network.decode(&encoded.narrow(0, 0, 1)?)?)?)
    }

    /// The embeddings of all cells, in their order; none for cells without counts of the model's genes.
    fn run_cells(&self, ctx: &Ctx, plan: &Plan) -> Result<Vec<Option<Vec<f32>>>> {
        let lengths = ctx.within(0.0, 0.02, || {
            ctx.map(plan.cells.n_obs(), |cell| Ok(plan.sentence(self, cell)?.map_or(0, |sentence| sentence.len())))
        })?;
        let lengths = if plan.upstream { padded(&lengths, plan.batch) } else { lengths };
        ctx.within(0.02, 1.0, || {
            batches::run(ctx, &lengths, plan.budget, |cell| {
                let sentence = plan.sentence(self, cell)?.unwrap_or_default();
                self.embedded(&sentence, lengths[cell])
            })
        })
    }

    /// `[genes, d_model]`: genes of a species as the binary decoder takes them.
    fn gene_vectors(&self, tokens: &[u32]) -> Result<Tensor> {
        let blocks: Vec<Tensor> =
            tokens.chunks(BLOCK).map(|block| self.network.genes(&self.tokens.rows(block)?)).collect::<Result<_>>()?;
        match blocks.is_empty() {
            true => Ok(Tensor::zeros((0, self.config.d_model), DType::F32, &Device::Cpu)?),
            false => Ok(Tensor::cat(&blocks, 0)?),
        }
    }

    /// The task "predict_genes".
    fn predict_genes(&self, ctx: &Ctx, cells: &Cells, options: &Options) -> Result<Output> {
        let Some(genes) = options.texts("genes")? else {
            bail!(InvalidArgument, "genes: is missing, must be a list of gene symbols");
        };
        let plan = Plan::new(self, ctx, cells, options)?;
        let tokens = tokens_of(&genes, plan.species, &plan.vocabulary)?;
        let width = genes.len();
        let vectors = ctx.map_in_pool(1, 1, |_| self.gene_vectors(&tokens))?.remove(0);
        let embedded = ctx.within(0.0, 0.9, || self.run_cells(ctx, &plan))?;
        let rows = ctx.within(0.9, 1.0, || {
            ctx.map_in_pool(ctx.threads(), embedded.len(), |cell| match &embedded[cell] {
                Some(vector) => self.probabilities(vector, &vectors),
                None => Ok(vec![f32::NAN; width]),
            })
        })?;
        let table = Tensor::from_vec(rows.concat(), (embedded.len(), width), &Device::Cpu)?;
        let report = plan.report(ctx, embedded.iter().filter(|e| e.is_none()).count());
        Ok(Output { tensors: Tensors::from([("probability".into(), table)]), report })
    }

    fn probabilities(&self, cell: &[f32], genes: &Tensor) -> Result<Vec<f32>> {
        let cell = Tensor::from_slice(cell, (1, cell.len()), &Device::Cpu)?;
        let n = genes.dim(0)?;
        let mut all = Vec::with_capacity(n);
        for begin in (0..n).step_by(BLOCK) {
            let logits = self.network.expressed(&cell, &genes.narrow(0, begin, BLOCK.min(n - begin))?)?;
            Activation::Sigmoid.apply(&logits)?;
            all.extend(floats(&logits)?);
        }
        Ok(all)
    }
}

/// The longest sentence of each batch of so many cells that have one, for all cells of the batch.
fn padded(lengths: &[usize], batch: usize) -> Vec<usize> {
    let full: Vec<usize> = (0..lengths.len()).filter(|&i| lengths[i] > 0).collect();
    let mut padded = lengths.to_vec();
    for cells in full.chunks(batch) {
        let longest = cells.iter().map(|&i| lengths[i]).max().unwrap_or(0);
        cells.iter().for_each(|&i| padded[i] = longest);
    }
    padded
}

fn tokens_of(genes: &[String], species: &Species, vocabulary: &Vocabulary) -> Result<Vec<u32>> {
    let row = |gene: &String| vocabulary.row(gene).or_else(|| vocabulary.row(&gene.to_uppercase()));
    let find = |gene| match row(gene) {
        Some(row) => Ok(species.loci[row].token),
        None => bail!(
            Vocabulary,
            "genes: has {gene:?}, which is none of the model's {} genes of {}",
            vocabulary.len(),
            species.name
        ),
    };
    genes.iter().map(find).collect()
}

/// What is to be done with which cells: the options of `embed`, read and checked.
struct Plan<'a> {
    cells: &'a Cells<'a>,
    species: &'a Species,
    vocabulary: Vocabulary,
    mapping: Mapping,
    sample_size: usize,
    seed: u64,
    upstream: bool,
    batch: usize,
    budget: usize,
}

impl<'a> Plan<'a> {
    fn new(model: &'a Uce, ctx: &Ctx, cells: &'a Cells, options: &Options) -> Result<Self> {
        let species = options.text("species")?;
        let sample_size = options.size("sample_size")?.unwrap_or(model.config.sample_size);
        let upstream = options.choice("mask_mode", MASK_MODES)? == "upstream";
        let batch = options.size("batch_size")?.unwrap_or(BATCH);
        let (budget, matching) = (budget(options)?, Matching::from(options)?);
        options.finish()?;
        ensure!(sample_size > 0, InvalidArgument, "sample_size: is 0, must be positive");
        // Before so many genes are drawn: a sentence has the cell's token and two of each chromosome as well.
        let most = model.config.grammar.pad_length;
        ensure!(
            sample_size < most,
            InvalidArgument,
            "sample_size: is {sample_size}, must be below {most}, the tokens that a sentence may have"
        );
        ensure!(batch > 0, InvalidArgument, "batch_size: is 0, must be positive");
        let species = model.genome.species(species.as_deref().unwrap_or(&model.config.species))?;
        cells.ensure_counts(ctx)?;
        let vocabulary = species.vocabulary();
        let mapping = Mapping::new(&cells.genes, &vocabulary, &matching)?;
        Ok(Self { cells, species, vocabulary, mapping, sample_size, seed: ctx.seed(), upstream, batch, budget })
    }

    /// The sentence of a cell; none if it has no counts of the model's genes.
    fn sentence(&self, model: &Uce, cell: usize) -> Result<Option<Vec<u32>>> {
        let mut counted: Vec<(usize, f32)> = Vec::new();
        self.cells.for_each(cell, |column, count| {
            if let Some(gene) = self.mapping.rows[column] {
                counted.push((gene, count as f32));
            }
        });
        counted.sort_by_key(|&(gene, _)| gene);
        counted.dedup_by(|next, first| {
            let same = next.0 == first.0;
            if same {
                first.1 += next.1;
            }
            same
        });
        let loci: Vec<_> = counted.iter().map(|&(gene, _)| self.species.loci[gene]).collect();
        let counts: Vec<f32> = counted.iter().map(|&(_, count)| count).collect();
        sentence::random(&model.config.grammar, &loci, &counts, self.sample_size, self.seed, cell)
    }

    /// Warns of cells that nothing could be said of.
    fn report(&self, ctx: &Ctx, without: usize) -> Value {
        if without > 0 {
            let all = self.cells.n_obs();
            ctx.warn(&format!("{without} of {all} cells have no counts of the model's genes: their rows are NaN"));
        }
        json!({
            "genes": self.mapping.report(), "cells_without_genes": without, "species": self.species.name,
            "sample_size": self.sample_size, "seed": self.seed, "mask_mode": MASK_MODES[usize::from(self.upstream)],
        })
    }
}

impl Model for Uce {
    fn family(&self) -> &'static str {
        FAMILY.name
    }

    fn config(&self) -> Value {
        self.filled.clone()
    }

    fn io(&self) -> Io {
        let config = &self.config;
        let width = config.output_dim.to_string();
        let sample = Choice {
            name: "sample_size",
            default: json!(config.sample_size),
            about: "genes drawn for a cell; the context's seed determines which",
        };
        let species = Choice {
            name: "species",
            default: json!(config.species),
            about: "whose genes the matrix has: one of the model folder's species",
        };
        let mask_mode = Choice {
            name: "mask_mode",
            default: json!("exclude"),
            about: "\"exclude\": each cell alone, without padding; \"upstream\": padding takes part, as in the original",
        };
        let batch = Choice {
            name: "batch_size",
            default: json!(BATCH),
            about: "for \"upstream\" alone: cells to a batch, all padded to its longest",
        };
        let genes =
            Choice { name: "genes", default: Value::Null, about: "the symbols of the genes that are asked for" };
        let embed = vec![species, sample, mask_mode.clone(), batch];
        Io {
            inputs: self.inputs(),
            outputs: vec![
                field("gene_output", DType::F32, ["L", "B", &width], "decoded tokens; 0 at padding that was left out"),
                field("cell_embedding", DType::F32, ["B", &width], "of length 1: gene_output at the first token"),
                field(
                    "predict",
                    DType::F32,
                    ["B", "1"],
                    "logit of the cell expressing the gene; with query_gene_embeddings",
                )
                .optional(),
            ],
            options: vec![mask_mode],
            tasks: vec![
                Task {
                    name: "predict_genes",
                    about: "how likely each cell expresses each of some genes, from its embedding",
                    cells: true,
                    inputs: Vec::new(),
                    outputs: vec![field(
                        "probability",
                        DType::F32,
                        ["cells", "genes"],
                        "from 0 to 1; NaN for cells without genes",
                    )],
                    options: [vec![genes], embed.clone()].concat(),
                },
                Task {
                    name: "sentences",
                    about: "sentences of tokens from draws that are given",
                    cells: false,
                    inputs: sentence_inputs(),
                    outputs: vec![
                        field("sentence", DType::I64, ["cells", "pad_length"], "tokens, padded"),
                        field("mask", DType::F32, ["cells", "pad_length"], "1 for the sentence, 0 for padding"),
                        field("length", DType::I64, ["cells"], "tokens of the sentence"),
                        field("chosen_genes", DType::I64, ["cells", "draws"], "the drawn columns"),
                    ],
                    options: Vec::new(),
                },
            ],
            embed,
        }
    }

    fn weights(&self) -> &Loaded {
        &self.loaded
    }

    fn tables(&self) -> Vec<(&'static str, &WeightFile, &str)> {
        let (file, name) = self.tokens.source();
        vec![(tokens::TABLE, file, name)]
    }

    /// Those of the configuration's species.
    fn genes(&self) -> Vec<String> {
        self.genome.species(&self.config.species).map(|species| species.symbols.clone()).unwrap_or_default()
    }

    fn files(&self) -> Result<Vec<(String, Vec<u8>)>> {
        Ok(self.genome.file().into_iter().collect())
    }

    fn forward(&self, ctx: &Ctx, inputs: &Tensors, options: &Options) -> Result<Tensors> {
        let upstream = options.choice("mask_mode", MASK_MODES)? == "upstream";
        options.finish()?;
        let inputs = Io::checked(&self.inputs(), inputs)?;
        let (b, l) = inputs["token_ids"].dims2()?;
        let tokens = row_numbers("token_ids", &inputs["token_ids"], self.tokens.n())?;
        let mask = floats(&inputs["mask"])?;
        ensure!(l > 0, Shape, "inputs: \"token_ids\" has shape [{b}, 0], must have a token for each cell");
        if !upstream {
            check_mask(&mask, l)?;
        }
        let decoded = ctx.map_in_pool(ctx.threads(), b, |i| {
            let row = i * l..(i + 1) * l;
            let decoded = self.row(&tokens[row.clone()], &mask[row], upstream)?;
            Ok((self.network.cell(&decoded)?, decoded))
        })?;
        let (cells, decoded): (Vec<Tensor>, Vec<Tensor>) = decoded.into_iter().unzip();
        let width = self.config.output_dim;
        let mut outputs = Tensors::new();
        if b == 0 {
            outputs.insert("gene_output".into(), Tensor::zeros((l, 0, width), DType::F32, &Device::Cpu)?);
            outputs.insert("cell_embedding".into(), Tensor::zeros((0, width), DType::F32, &Device::Cpu)?);
            return Ok(outputs);
        }
        if let Some(query) = inputs.get("query_gene_embeddings") {
            let logits = ctx.map_in_pool(ctx.threads(), b, |i| {
                self.network.expressed(&cells[i], &self.network.genes(&query.narrow(0, i, 1)?)?)
            })?;
            outputs.insert("predict".into(), Tensor::cat(&logits, 0)?);
        }
        outputs.insert("gene_output".into(), Tensor::stack(&decoded, 1)?);
        outputs.insert("cell_embedding".into(), Tensor::cat(&cells, 0)?);
        Ok(outputs)
    }

    fn gene_embeddings(&self) -> Result<Tensor> {
        let species = self.genome.species(&self.config.species)?;
        let tokens: Vec<u32> = species.loci.iter().map(|locus| locus.token).collect();
        self.gene_vectors(&tokens)
    }

    fn embed(&self, ctx: &Ctx, cells: &Cells, options: &Options) -> Result<Embedding> {
        let plan = Plan::new(self, ctx, cells, options)?;
        let embedded = self.run_cells(ctx, &plan)?;
        let values = batches::stacked(&embedded, self.config.output_dim)?;
        let report = plan.report(ctx, embedded.iter().filter(|e| e.is_none()).count());
        Ok(Embedding { values, name: "uce", report })
    }

    fn run(&self, ctx: &Ctx, task: &str, cells: Option<&Cells>, inputs: &Tensors, options: &Options) -> Result<Output> {
        match (task, cells) {
            ("predict_genes", Some(cells)) => {
                Io::checked(&[], inputs)?;
                self.predict_genes(ctx, cells, options)
            }
            ("predict_genes", None) => {
                bail!(InvalidArgument, "cells: are missing, the task \"predict_genes\" needs them")
            }
            ("sentences", None) => {
                options.finish()?;
                let inputs = Io::checked(&sentence_inputs(), inputs)?;
                Ok(Output { tensors: sentence::explicit(&self.config.grammar, &inputs)?, report: json!({}) })
            }
            ("sentences", Some(_)) => {
                bail!(InvalidArgument, "cells: are given, the task \"sentences\" takes arrays alone")
            }
            _ => Err(io::unknown_task(self, task)),
        }
    }
}

impl Uce {
    fn inputs(&self) -> Vec<Field> {
        let token_dim = self.config.token_dim.to_string();
        vec![
            field("token_ids", DType::I64, ["B", "L"], "rows of the table of tokens, the first of them the cell's"),
            field("mask", DType::F32, ["B", "L"], "1 for tokens, 0 for padding"),
            field(
                "query_gene_embeddings",
                DType::F32,
                ["B", &token_dim],
                "the protein embedding of a gene for each cell",
            )
            .optional(),
        ]
    }
}

fn sentence_inputs() -> Vec<Field> {
    vec![
        field("counts", DType::F32, ["cells", "genes"], "counts"),
        field("pe_idx", DType::I64, ["genes"], "the gene's row of the table of tokens"),
        field("chrom", DType::I64, ["genes"], "the number of the gene's chromosome"),
        field("start", DType::I64, ["genes"], "where the gene starts"),
        field("uniforms", DType::F64, ["cells", "draws"], "draws, from 0 on and below 1"),
        field(
            "chrom_order",
            DType::I64,
            ["cells", "chromosomes"],
            "the drawn chromosomes in the order of the sentence, -1 for none",
        ),
    ]
}

/// A mask of zeros and ones whose first token counts.
fn check_mask(mask: &[f32], l: usize) -> Result<()> {
    for (i, row) in mask.chunks_exact(l).enumerate() {
        if let Some(m) = row.iter().find(|&&m| m != 0.0 && m != 1.0) {
            bail!(InvalidArgument, "inputs: \"mask\" has {m} in row {i}, must be 0 or 1 with mask_mode \"exclude\"");
        }
        ensure!(
            row[0] == 1.0,
            InvalidArgument,
            "inputs: \"mask\" has 0 at the first token of row {i}, which is the cell's: must be 1"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests;
