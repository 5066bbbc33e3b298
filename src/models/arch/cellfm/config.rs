//! CellFM's configuration: the original's `config.py`, as the mirrors' config.json names it.

use crate::ensure;
use crate::error::Result;
use crate::models::config::Config;

pub struct CellfmConfig {
    /// Genes that there are names of, if the configuration says it; else as many as are listed.
    pub n_genes: Option<usize>,
    pub width: usize,
    pub layers: usize,
    pub heads: usize,
    /// Whether padding is set to zero and marked by `zero_idx`; if not, `zero_idx` marks genes that are not expressed.
    pub pad_zero: bool,
    /// Whether the decoders also say how likely a gene is expressed. Has no effect together with `pad_zero`.
    pub add_zero: bool,
    pub eps: f64,
    pub slope: f32,
    /// Genes that a cell is cut to.
    pub nonz_len: usize,
    /// How many of the tokens that `zero_idx` counts are no genes: 1 for the cell's own; 3 in the variants for fine-tuning,
    /// which count two for the depth of sequencing as well.
    pub len_scale_minus: f32,
}

/// What upstream's configurations hold beside it: training, losses, and decoders that the published model does not have.
const IGNORED: &[&str] = &[
    "alpha",
    "batch_first",
    "cellwise_use_bias",
    "dec_*",
    "dropout",
    "ecs*",
    "enc_dropout",
    "eps",
    "factor",
    "filt_len",
    "label",
    "lamb",
    "mask_len",
    "max_lr",
    "min_lr",
    "model_name",
    "model_series",
    "nb_features",
    "num_cls",
    "platforms",
    "recompute",
    "sim",
    "start_lr",
    "temp",
    "ttl_step",
];

impl CellfmConfig {
    pub fn read(config: &Config) -> Result<Self> {
        let read = Self {
            n_genes: config.has("n_genes").then(|| config.size("n_genes", None)).transpose()?,
            width: config.size("enc_dims", 1536)?,
            layers: config.size("enc_nlayers", None)?,
            heads: config.size("enc_num_heads", 48)?,
            pad_zero: config.flag("pad_zero", true)?,
            add_zero: config.flag("add_zero", false)?,
            eps: config.number("layer_norm_eps", 1e-7)?,
            slope: config.number("leaky_relu_slope", 0.2)? as f32,
            nonz_len: config.size("nonz_len", 2048)?,
            len_scale_minus: config.size("len_scale_minus", 1)? as f32,
        };
        let lora = config.size("lora", 0)?;
        config.finish(IGNORED)?;
        ensure!(
            lora == 0,
            Config,
            "{}: \"lora\" is {lora}, must be 0: merge the adapters into the weights",
            config.name
        );
        ensure!(read.nonz_len > 0, Config, "{}: \"nonz_len\" is 0, must be positive", config.name);
        let (width, heads) = (read.width, read.heads);
        ensure!(
            heads > 0 && width > 0 && width.is_multiple_of(heads),
            Config,
            "{}: \"enc_dims\" is {width}, must be a multiple of \"enc_num_heads\", which is {heads}",
            config.name
        );
        Ok(read)
    }
}
