//! Geneformer (Theodoris et al. 2023; V2: Chen et al. 2024): BERT on the genes of a cell in the order of their rank value.
//!
//! After the original implementation, the `geneformer` package on Hugging Face's hub, and transformers' BERT. Two
//! generations: V1 (10 and 40 million parameters, 2048 genes) has the genes alone, V2 (104 and 316 million, 4096 tokens) has
//! them between `<cls>` and `<eos>`. Checkpoints: the pretrained model (`BertForMaskedLM`), and those fine-tuned to label
//! cells (`BertForSequenceClassification`) or genes (`BertForTokenClassification`).
//!
//! - `config`: config.json; `tokens`: from counts to tokens; `heads`: what is on top of the encoder;
//! - `forward`: named arrays in and out; `ranked`: the cells of a matrix as tokens; `embed`: vectors of cells, vectors of
//!   genes in their cells, labels; `perturb`: in-silico deletion and over-expression; `describe`: inputs, outputs and options.
//!
//! Cells are counts, raw and with all genes that were measured: the sum over all columns is what a cell is scaled by (or the
//! array `n_counts`). Cell vectors are, as in the original, those of the second to last layer, averaged over the genes.
//! Layers beyond the one that is asked for are not computed. Memory: the weights, and for each cell that is being run about
//! 12 tokens x hidden_size numbers and one token x intermediate_size.

mod config;
mod describe;
mod embed;
mod forward;
mod heads;
mod perturb;
mod ranked;
mod tokens;

use super::bert::{self, Encoder, Placement};
use super::{Family, genecompass};
use crate::error::{Error, ErrorKind, Result};
use crate::models::cells::Cells;
use crate::models::folder::Folder;
use crate::models::io::{self, Io};
use crate::models::nn;
use crate::models::options::Options;
use crate::models::weights::{Loaded, Loader};
use crate::models::{Embedding, Model, Output, Tensors};
use crate::parallel::Ctx;
use candle_core::{Device, Tensor};
use config::{Kind, Settings};
use heads::Head;
use serde_json::Value;
use tokens::{Dictionaries, Specials, Tokenizer};

/// "bert" is what published config.json files say.
pub const FAMILY: Family = Family { name: "geneformer", aliases: &["bert"], title: "Geneformer", load };

pub struct Geneformer {
    settings: Settings,
    config: Value,
    words: Tensor,
    placement: Placement,
    encoder: Encoder,
    head: Head,
    /// None where the folder has no dictionaries.
    tokenizer: Option<Tokenizer>,
    specials: Option<Specials>,
    weights: Loaded,
}

fn load(folder: &Folder) -> Result<Box<dyn Model>> {
    let config = folder.config(&["config.json"])?;
    // GeneCompass' files call themselves "bert" as well.
    if config.has("use_promoter") {
        return (genecompass::FAMILY.load)(folder);
    }
    let file = folder.weights(&["pytorch_model.bin"])?;
    let loader = Loader::new(&file, folder.load.dtype, bert::renamed);
    let settings = Settings::read(&config, &folder.load.family, &loader)?;
    let dictionaries = Dictionaries::read(folder)?;
    let tokenizer = dictionaries.map(|dictionaries| Tokenizer::new(dictionaries, &settings)).transpose()?;
    let specials = match &tokenizer {
        Some(tokenizer) => tokenizer.specials,
        None => settings.special_by_size().then_some(Specials::PUBLISHED),
    };
    let shape = &settings.shape;
    let words = loader.get("bert.embeddings.word_embeddings.weight", &[shape.vocabulary, shape.width])?;
    let (placement, encoder) = (Placement::load(&loader, shape)?, Encoder::load(&loader, shape)?);
    let head = Head::load(&loader, &settings, &words)?;
    let weights = loader.finish(head.ignorable())?;
    let config = config.filled(FAMILY.name);
    Ok(Box::new(Geneformer { settings, config, words, placement, encoder, head, tokenizer, specials, weights }))
}

impl Geneformer {
    /// What goes into the first layer, `[tokens, width]`.
    fn input(&self, tokens: &[u32]) -> Result<Tensor> {
        let x = nn::embedding(&self.words, tokens)?;
        self.placement.apply(&x)?;
        Ok(x)
    }

    /// A cell after so many layers.
    fn state(&self, tokens: &[u32], layer: usize) -> Result<Tensor> {
        self.encoder.forward(self.input(tokens)?, None, layer)
    }

    fn is_gene(&self, token: u32) -> bool {
        self.specials.is_none_or(|specials| !specials.is(token))
    }

    fn tokenizer(&self) -> Result<&Tokenizer> {
        self.tokenizer.as_ref().ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                format!(
                    "{}: was loaded without token_dictionary and gene_median_dictionary (.json or .pkl), which cells need; `forward` \
                     takes tokens",
                    self.weights.report.source
                ),
            )
        })
    }
}

impl Model for Geneformer {
    fn family(&self) -> &'static str {
        FAMILY.name
    }

    fn config(&self) -> Value {
        self.config.clone()
    }

    fn io(&self) -> Io {
        describe::io(self)
    }

    fn weights(&self) -> &Loaded {
        &self.weights
    }

    fn genes(&self) -> Vec<String> {
        self.tokenizer.as_ref().map_or_else(Vec::new, |tokenizer| tokenizer.genes.clone())
    }

    fn files(&self) -> Result<Vec<(String, Vec<u8>)>> {
        self.tokenizer.as_ref().map_or(Ok(Vec::new()), |tokenizer| tokenizer.dictionaries.files())
    }

    fn forward(&self, ctx: &Ctx, inputs: &Tensors, options: &Options) -> Result<Tensors> {
        forward::forward(self, ctx, inputs, options)
    }

    /// The table that tokens are looked up in: vectors of genes out of any cell.
    fn gene_embeddings(&self) -> Result<Tensor> {
        let tokens = &self.tokenizer()?.tokens;
        let rows = Tensor::from_slice(tokens, tokens.len(), &Device::Cpu)?;
        nn::f32s(&self.words.index_select(&rows, 0)?)
    }

    fn embed(&self, ctx: &Ctx, cells: &Cells, options: &Options) -> Result<Embedding> {
        embed::embed(self, ctx, cells, options)
    }

    fn run(&self, ctx: &Ctx, task: &str, cells: Option<&Cells>, inputs: &Tensors, options: &Options) -> Result<Output> {
        let io = self.io();
        let Some(known) = io.tasks.iter().find(|known| known.name == task) else {
            return Err(io::unknown_task(self, task));
        };
        let inputs = Io::checked(&known.inputs, inputs)?;
        let Some(cells) = cells else {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("cells: are missing, task {task:?} needs them"),
            ));
        };
        match known.name {
            describe::IN_CONTEXT => embed::genes_in_context(self, ctx, cells, options),
            describe::PERTURB => perturb::perturb(self, ctx, cells, &inputs, options),
            _ if self.settings.kind == Kind::Genes => embed::classify_genes(self, ctx, cells, options),
            _ => embed::classify_cells(self, ctx, cells, options),
        }
    }
}

#[cfg(test)]
mod tests;
