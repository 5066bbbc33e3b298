//! BERT's encoder (Devlin et al. 2018) as Hugging Face's transformers has it, which Geneformer and GeneCompass are made of.
//!
//! Post-norm layers, `x = norm(x + attention(x)); x = norm(x + feed(x))`, learned positions from 0 on, weights under
//! transformers' names. A cell is run by itself, `[tokens, hidden_size]`, so nothing is computed for padding.

pub mod heads;
pub mod ranking;
pub mod rows;

use crate::error::Result;
use crate::models::config::Config;
use crate::models::nn::{self, Activation, LayerNorm, Linear};
use crate::models::weights::Loader;
use crate::{bail, ensure};
use candle_core::Tensor;

/// Keys of a config.json that a forward pass in evaluation does not depend on.
pub const EXTRAS: &[&str] = &[
    "attention_probs_dropout_prob",
    "hidden_dropout_prob",
    "classifier_dropout",
    "initializer_range",
    "use_cache",
    "gradient_checkpointing",
    "problem_type",
    "output_attentions",
    "output_hidden_states",
    "return_dict",
    "finetuning_task",
    "label2id",
];

/// The sizes of a BERT, by the names of its config.json.
#[derive(Clone, Debug)]
pub struct Shape {
    pub width: usize,
    pub layers: usize,
    pub heads: usize,
    pub feed: usize,
    pub positions: usize,
    pub vocabulary: usize,
    pub types: usize,
    pub activation: Activation,
    pub eps: f64,
    pub pad: u32,
}

impl Shape {
    pub fn read(config: &Config) -> Result<Self> {
        let acts = ["relu", "gelu", "silu", "swish", "quick_gelu", "tanh", "sigmoid"];
        let shape = Self {
            width: config.size("hidden_size", None)?,
            layers: config.size("num_hidden_layers", None)?,
            heads: config.size("num_attention_heads", None)?,
            feed: config.size("intermediate_size", None)?,
            positions: config.size("max_position_embeddings", None)?,
            vocabulary: config.size("vocab_size", None)?,
            types: config.size("type_vocab_size", 2)?,
            activation: match config.choice("hidden_act", &acts, Some("gelu"))? {
                "relu" => Activation::Relu,
                "gelu" => Activation::Gelu,
                "quick_gelu" => Activation::QuickGelu,
                "tanh" => Activation::Tanh,
                "sigmoid" => Activation::Sigmoid,
                _ => Activation::Silu,
            },
            eps: config.number("layer_norm_eps", 1e-12)?,
            pad: config.size("pad_token_id", 0)? as u32,
        };
        config.choice("position_embedding_type", &["absolute"], Some("absolute"))?;
        for key in ["is_decoder", "add_cross_attention"] {
            if config.flag(key, false)? {
                bail!(Config, "{}: {key:?} is true, must be false: this is an encoder", config.name);
            }
        }
        let Self { width, heads, .. } = shape;
        ensure!(
            heads > 0 && width > 0 && width.is_multiple_of(heads),
            Config,
            "{}: \"hidden_size\" is {width}, must be a positive multiple of \"num_attention_heads\", which is {heads}",
            config.name
        );
        let positive = [
            ("num_hidden_layers", shape.layers),
            ("type_vocab_size", shape.types),
            ("vocab_size", shape.vocabulary),
            ("max_position_embeddings", shape.positions),
        ];
        for (key, size) in positive {
            ensure!(size > 0, Config, "{}: {key:?} is 0, must be positive", config.name);
        }
        Ok(shape)
    }
}

/// The model's name of a tensor of a checkpoint: with "bert." before it also where the bare encoder was saved, and
/// LayerNorm's parameters as they are called since TensorFlow's names were given up.
pub fn renamed(name: &str) -> String {
    let bare = ["embeddings.", "encoder.", "pooler."].iter().any(|part| name.starts_with(part));
    let name = if bare { format!("bert.{name}") } else { name.to_string() };
    match (name.strip_suffix("LayerNorm.gamma"), name.strip_suffix("LayerNorm.beta")) {
        (Some(at), _) => format!("{at}LayerNorm.weight"),
        (_, Some(at)) => format!("{at}LayerNorm.bias"),
        _ => name,
    }
}

/// What is added to the tokens' own vectors: the type's (always the first), the position's, then the norm.
pub struct Placement {
    kind: Vec<f32>,
    positions: Tensor,
    norm: LayerNorm,
}

impl Placement {
    pub fn load(loader: &Loader, shape: &Shape) -> Result<Self> {
        let types = loader.get("bert.embeddings.token_type_embeddings.weight", &[shape.types, shape.width])?;
        Ok(Self {
            kind: nn::floats(&types.narrow(0, 0, 1)?)?,
            positions: loader.get("bert.embeddings.position_embeddings.weight", &[shape.positions, shape.width])?,
            norm: LayerNorm::load(loader, "bert.embeddings.LayerNorm", shape.width, shape.eps)?,
        })
    }

    /// Of a fresh `[tokens, width]`, in place.
    pub fn apply(&self, x: &Tensor) -> Result<()> {
        let tokens = x.dim(0)?;
        nn::rows_in_place(x, |_, row| row.iter_mut().zip(&self.kind).for_each(|(x, k)| *x += k))?;
        nn::add_assign(x, &nn::f32s(&self.positions.narrow(0, 0, tokens)?)?)?;
        self.norm.apply(x)
    }
}

/// All layers.
pub struct Encoder {
    layers: Vec<Layer>,
}

impl Encoder {
    pub fn load(loader: &Loader, shape: &Shape) -> Result<Self> {
        let layers = (0..shape.layers).map(|i| Layer::load(loader, &format!("bert.encoder.layer.{i}"), shape));
        Ok(Self { layers: layers.collect::<Result<_>>()? })
    }

    pub fn n_layers(&self) -> usize {
        self.layers.len()
    }

    /// Runs the first `layers` layers on `[tokens, width]`; `added` as in [`nn::attention`].
    pub fn forward(&self, x: Tensor, added: Option<&[f32]>, layers: usize) -> Result<Tensor> {
        self.layers[..layers].iter().try_fold(x, |x, layer| layer.forward(&x, added))
    }

    /// What goes in and what comes out of each layer.
    pub fn all(&self, x: Tensor, added: Option<&[f32]>) -> Result<Vec<Tensor>> {
        let mut states = vec![x];
        for layer in &self.layers {
            let next = layer.forward(&states[states.len() - 1], added)?;
            states.push(next);
        }
        Ok(states)
    }

    /// The probabilities of the last layer's attention, `[heads, tokens, tokens]`, from what goes into that layer.
    pub fn last_probabilities(&self, x: &Tensor, added: Option<&[f32]>) -> Result<Tensor> {
        let layer = &self.layers[self.layers.len() - 1];
        nn::attention_probabilities(&layer.query.forward(x)?, &layer.key.forward(x)?, layer.heads, added)
    }
}

struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    norm: LayerNorm,
    up: Linear,
    down: Linear,
    norm_of_feed: LayerNorm,
    heads: usize,
    activation: Activation,
}

impl Layer {
    fn load(loader: &Loader, name: &str, shape: &Shape) -> Result<Self> {
        let (width, feed) = (shape.width, shape.feed);
        let linear = |part: &str, inputs, outputs| Linear::load(loader, &format!("{name}.{part}"), inputs, outputs);
        let norm = |part: &str| LayerNorm::load(loader, &format!("{name}.{part}"), width, shape.eps);
        Ok(Self {
            query: linear("attention.self.query", width, width)?,
            key: linear("attention.self.key", width, width)?,
            value: linear("attention.self.value", width, width)?,
            output: linear("attention.output.dense", width, width)?,
            norm: norm("attention.output.LayerNorm")?,
            up: linear("intermediate.dense", width, feed)?,
            down: linear("output.dense", feed, width)?,
            norm_of_feed: norm("output.LayerNorm")?,
            heads: shape.heads,
            activation: shape.activation,
        })
    }

    fn forward(&self, x: &Tensor, added: Option<&[f32]>) -> Result<Tensor> {
        let (q, k, v) = (self.query.forward(x)?, self.key.forward(x)?, self.value.forward(x)?);
        let y = self.output.forward(&nn::attention(&q, &k, &v, self.heads, added)?)?;
        nn::add_assign(&y, x)?;
        self.norm.apply(&y)?;
        let z = self.down.forward(&self.up.activated(&y, self.activation)?)?;
        nn::add_assign(&z, &y)?;
        self.norm_of_feed.apply(&z)?;
        Ok(z)
    }
}
