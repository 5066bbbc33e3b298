//! What Geneformer has on top of its encoder.

use super::config::{Kind, Settings};
use crate::error::Result;
use crate::models::arch::bert::heads::{Pooler, Predictions};
use crate::models::nn::Linear;
use crate::models::weights::Loader;
use candle_core::Tensor;

pub enum Head {
    Bare,
    MaskedTokens(Predictions),
    Cells(Pooler, Linear),
    Genes(Linear),
}

impl Head {
    /// `words` is the table of tokens, which the decoder is tied to.
    pub fn load(loader: &Loader, settings: &Settings, words: &Tensor) -> Result<Self> {
        let shape = &settings.shape;
        let classifier = || Linear::load(loader, "classifier", shape.width, settings.labels.len());
        Ok(match settings.kind {
            Kind::Bare => Self::Bare,
            Kind::MaskedTokens => {
                let name = "cls.predictions";
                let decoder = if settings.tied {
                    words.clone()
                } else {
                    loader.get(&format!("{name}.decoder.weight"), &[shape.vocabulary, shape.width])?
                };
                Self::MaskedTokens(Predictions::load(loader, name, shape, decoder)?)
            }
            Kind::Cells => Self::Cells(Pooler::load(loader, shape)?, classifier()?),
            Kind::Genes => Self::Genes(classifier()?),
        })
    }

    /// Tensors of a checkpoint that this head does not need: a buffer that counts from 0, the pooler and the next-sentence
    /// head that transformers saves though nothing uses them, a decoder that repeats what it is tied to, and what belongs to a
    /// head where the encoder alone is wanted.
    pub fn ignorable(&self) -> &'static [&'static str] {
        match self {
            Self::Bare => &["bert.embeddings.position_ids", "bert.pooler.*", "cls.*", "classifier.*"],
            Self::MaskedTokens(_) => &[
                "bert.embeddings.position_ids",
                "bert.pooler.*",
                "cls.seq_relationship.*",
                "cls.predictions.decoder.*",
            ],
            Self::Cells(..) => &["bert.embeddings.position_ids"],
            Self::Genes(_) => &["bert.embeddings.position_ids", "bert.pooler.*"],
        }
    }

    /// Of the last layer, `[tokens, width]`: `[tokens, outputs]`, but `[1, labels]` for a classifier of cells.
    pub fn logits(&self, last: &Tensor) -> Result<Option<Tensor>> {
        Ok(match self {
            Self::Bare => None,
            Self::MaskedTokens(predictions) => Some(predictions.forward(last)?),
            Self::Cells(pooler, classifier) => Some(classifier.forward(&pooler.forward(last)?)?),
            Self::Genes(classifier) => Some(classifier.forward(last)?),
        })
    }
}
