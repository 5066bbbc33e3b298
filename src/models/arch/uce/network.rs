//! UCE's layers, for one cell at a time.

use super::config::UceConfig;
use super::tokens::Tokens;
use crate::ensure;
use crate::error::Result;
use crate::models::nn::{
    Activation, EncoderLayer, EncoderShape, LayerNorm, Linear, add_assign, embedding, f32s, l2_normalized,
};
use crate::models::weights::Loader;
use candle_core::{D, Tensor};

/// torch's default.
const EPS: f64 = 1e-5;

/// Linear, GELU, LayerNorm: what a protein embedding passes to become a token or a gene that is asked for.
struct Projection {
    linear: Linear,
    norm: LayerNorm,
}

impl Projection {
    fn load(loader: &Loader, name: &str, inputs: usize, outputs: usize) -> Result<Self> {
        Ok(Self {
            linear: Linear::load(loader, &format!("{name}.0"), inputs, outputs)?,
            norm: LayerNorm::load(loader, &format!("{name}.2"), outputs, EPS)?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = self.linear.activated(x, Activation::Gelu)?;
        self.norm.apply(&y)?;
        Ok(y)
    }
}

/// Blocks of Linear, LayerNorm, GELU, and a Linear.
struct Decoder {
    blocks: Vec<(Linear, LayerNorm)>,
    last: Linear,
}

impl Decoder {
    /// Of these widths, the first that of the input.
    fn load(loader: &Loader, name: &str, widths: &[usize], outputs: usize) -> Result<Self> {
        let mut blocks = Vec::new();
        for (i, pair) in widths.windows(2).enumerate() {
            let linear = Linear::load(loader, &format!("{name}.{i}.0"), pair[0], pair[1])?;
            blocks.push((linear, LayerNorm::load(loader, &format!("{name}.{i}.1"), pair[1], EPS)?));
        }
        let inputs = widths[widths.len() - 1];
        Ok(Self { last: Linear::load(loader, &format!("{name}.{}", blocks.len()), inputs, outputs)?, blocks })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = x.clone();
        for (linear, norm) in &self.blocks {
            x = linear.forward(&x)?;
            norm.apply(&x)?;
            Activation::Gelu.apply(&x)?;
        }
        self.last.forward(&x)
    }
}

pub struct Network {
    encoder: Projection,
    /// `[max_len, d_model]`, sines and cosines.
    positions: Tensor,
    layers: Vec<EncoderLayer>,
    decoder: Decoder,
    binary: Decoder,
    genes: Projection,
    scale: f64,
    max_len: usize,
}

impl Network {
    pub fn load(loader: &Loader, config: &UceConfig) -> Result<Self> {
        let (width, out) = (config.d_model, config.output_dim);
        let shape = EncoderShape {
            width,
            heads: config.nhead,
            hidden: config.d_hid,
            activation: Activation::Relu,
            eps: EPS,
            norm_carries: false,
        };
        let positions = f32s(&loader.get("pos_encoder.pe", &[config.max_len, 1, width])?)?;
        let mut binary = vec![out + width];
        binary.extend(&config.binary_hidden);
        Ok(Self {
            encoder: Projection::load(loader, "encoder", config.token_dim, width)?,
            positions: positions.reshape((config.max_len, width))?,
            layers: (0..config.nlayers)
                .map(|i| EncoderLayer::load(loader, &format!("transformer_encoder.layers.{i}"), shape))
                .collect::<Result<_>>()?,
            decoder: Decoder::load(loader, "decoder", &[width, config.decoder_hidden, out, out], out)?,
            binary: Decoder::load(loader, "binary_decoder", &binary, 1)?,
            genes: Projection::load(loader, "gene_embedding_layer", config.token_dim, width)?,
            scale: (width as f64).sqrt(),
            max_len: config.max_len,
        })
    }

    /// The transformer's output, `[tokens, d_model]`, for tokens that stand at these positions; `added` is added to each
    /// token's scores of attention.
    pub fn encode(&self, table: &Tokens, tokens: &[u32], positions: &[u32], added: Option<&[f32]>) -> Result<Tensor> {
        let x = self.embedded(table, tokens, positions)?;
        self.layers.iter().try_fold(x, |x, layer| layer.forward(&x, added))
    }

    /// Its first row, `[1, d_model]`: all that a cell's embedding needs, and a layer less.
    pub fn encode_first(
        &self,
        table: &Tokens,
        tokens: &[u32],
        positions: &[u32],
        added: Option<&[f32]>,
    ) -> Result<Tensor> {
        let x = self.embedded(table, tokens, positions)?;
        let Some((last, layers)) = self.layers.split_last() else { return Ok(x.narrow(0, 0, 1)?) };
        let x = layers.iter().try_fold(x, |x, layer| layer.forward(&x, added))?;
        last.forward_first(&x, added)
    }

    /// What the first layer takes.
    fn embedded(&self, table: &Tokens, tokens: &[u32], positions: &[u32]) -> Result<Tensor> {
        if let Some(&last) = positions.iter().max() {
            ensure!(
                (last as usize) < self.max_len,
                Shape,
                "tokens: a sentence has {} of them, may have {}, the configuration's \"max_len\"",
                last + 1,
                self.max_len
            );
        }
        // Genes are drawn with replacement: each is projected once.
        let mut unique = tokens.to_vec();
        unique.sort_unstable();
        unique.dedup();
        let which: Vec<u32> = tokens.iter().map(|token| unique.partition_point(|known| known < token) as u32).collect();
        let projected = (self.encoder.forward(&table.rows(&unique)?)? * self.scale)?;
        let x = embedding(&projected, &which)?;
        add_assign(&x, &embedding(&self.positions, positions)?)?;
        Ok(x)
    }

    /// `[tokens, output_dim]`, of the transformer's output.
    pub fn decode(&self, encoded: &Tensor) -> Result<Tensor> {
        self.decoder.forward(encoded)
    }

    /// The cell's embedding `[1, output_dim]`, of length 1: what is decoded at the first token.
    pub fn cell(&self, decoded: &Tensor) -> Result<Tensor> {
        l2_normalized(&decoded.narrow(0, 0, 1)?, 1e-12)
    }

    /// `[genes, d_model]`, of protein embeddings.
    pub fn genes(&self, proteins: &Tensor) -> Result<Tensor> {
        self.genes.forward(proteins)
    }

    /// Logits `[genes, 1]` of a cell expressing genes: a cell's embedding `[1, output_dim]`, genes as [`Network::genes`] gives them.
    pub fn expressed(&self, cell: &Tensor, genes: &Tensor) -> Result<Tensor> {
        let cell = cell.broadcast_as((genes.dim(0)?, cell.dim(D::Minus1)?))?;
        self.binary.forward(&Tensor::cat(&[&cell.contiguous()?, genes], 1)?)
    }
}
