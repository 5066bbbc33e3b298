//! scGPT's configuration, under each of the three sets of names that it is published with.
//!
//! - the arguments of the original constructors (`d_model`, `nhead`, ...): what [`Settings::json`] writes;
//! - `args.json` of the published checkpoints (`embsize`, `nheads`, ...), which also holds the settings of the training;
//! - `config.json` of the repository `tdc/scGPT` (`embsize`, `nhead`, `vocab_size`, ...).
//!
//! What the latter two leave out is as in the published checkpoints: 51 bins, pad value -2, mask value -1. Heads that they do not
//! mention are there if their weights are.

use crate::error::Result;
use crate::models::config::Config;
use crate::models::nn::Activation;
use crate::models::options::listed;
use crate::models::weights::Loader;
use crate::{bail, ensure};
use serde_json::{Value, json};

/// How values become vectors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ValueStyle {
    Continuous,
    Category,
    Scaling,
}

/// How a cell's tokens become one vector.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CellStyle {
    Cls,
    AvgPool,
    WPool,
}

/// How the values of masked genes are predicted from the cell's vector.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MvcStyle {
    InnerProduct,
    ConcatQuery,
    SumQuery,
}

/// The BatchNorm before the encoder.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum InputNorm {
    None,
    One,
    /// One for each batch label.
    Domains {
        affine: bool,
    },
}

pub struct Settings {
    /// Whether it is the `TransformerGenerator`, which predicts what a perturbation does.
    pub perturbation: bool,
    pub ntoken: usize,
    pub width: usize,
    pub heads: usize,
    pub hidden: usize,
    pub layers: usize,
    /// None if there is no classifier.
    pub classes: Option<usize>,
    pub class_layers: usize,
    pub pad_token: String,
    pub pad_token_id: Option<usize>,
    pub pad_value: f32,
    pub mask_value: f32,
    /// Bins of values with the one of zero; of a perturbation model 0 means that values are not binned.
    pub bins: usize,
    pub input_style: String,
    pub values: ValueStyle,
    pub cell: CellStyle,
    pub mvc: Option<MvcStyle>,
    pub domain_head: bool,
    pub use_batch_labels: bool,
    pub batch_labels: usize,
    pub norm: InputNorm,
    pub zero_probabilities: bool,
    pub ecs_threshold: f64,
    /// See [`EncoderShape::norm_carries`](crate::models::nn::EncoderShape).
    pub norm_carries: bool,
    pub decoder_activation: Option<(String, Activation)>,
    pub adaptive_bias: bool,
}

/// Settings of trainings in `args.json`, and of the constructors, that a forward pass does not depend on.
const TRAINING: &[&str] = &[
    "ADV",
    "CCE",
    "CLS",
    "ECS",
    "GEP",
    "GEPC",
    "MLM",
    "USE_CCE",
    "USE_CLS",
    "USE_GENERATIVE_TRAINING",
    "amp",
    "batch_size",
    "dab_weight",
    "data_source",
    "dataset_name",
    "dist_backend",
    "dist_url",
    "distributed",
    "do_train",
    "dropout",
    "epochs",
    "eval_batch_size",
    "fp16",
    "freeze",
    "gpu",
    "grad_accu_steps",
    "include_zero_gene",
    "layer_size",
    "load_model",
    "local_rank",
    "log_interval",
    "lr",
    "mask_ratio",
    "max_seq_len",
    "n_hvg",
    "no_cce",
    "no_cls",
    "per_seq_batch_sample",
    "rank",
    "save_dir",
    "save_eval_interval",
    "save_interval",
    "schedule_ratio",
    "scheduler_factor",
    "scheduler_interval",
    "seed",
    "task",
    "training_tasks",
    "trunc_by_sample",
    "use_flash_attention",
    "use_generative_training",
    "valid_size_or_ratio",
    "vocab_path",
    "warmup_ratio_or_step",
    "world_size",
];

const CELL_STYLES: [(&str, CellStyle); 3] =
    [("cls", CellStyle::Cls), ("avg-pool", CellStyle::AvgPool), ("w-pool", CellStyle::WPool)];

const VALUE_STYLES: [(&str, ValueStyle); 3] =
    [("continuous", ValueStyle::Continuous), ("category", ValueStyle::Category), ("scaling", ValueStyle::Scaling)];

/// "inner product, detach" differs in training alone; "inner-product" is how PerturbLab writes it.
const MVC_STYLES: [(&str, MvcStyle); 5] = [
    ("inner product", MvcStyle::InnerProduct),
    ("inner product, detach", MvcStyle::InnerProduct),
    ("inner-product", MvcStyle::InnerProduct),
    ("concat query", MvcStyle::ConcatQuery),
    ("sum query", MvcStyle::SumQuery),
];

/// torch's modules by name, in their default shape.
const ACTIVATIONS: [(&str, Activation); 6] = [
    ("ReLU", Activation::Relu),
    ("LeakyReLU", Activation::LeakyRelu(0.01)),
    ("GELU", Activation::Gelu),
    ("SiLU", Activation::Silu),
    ("Sigmoid", Activation::Sigmoid),
    ("Tanh", Activation::Tanh),
];

impl CellStyle {
    pub fn name(self) -> &'static str {
        name_of(&CELL_STYLES, self)
    }

    /// The styles by name, this one first.
    pub fn names_from(self) -> [&'static str; 3] {
        let mut names = CELL_STYLES.map(|(name, _)| name);
        names.sort_by_key(|&name| name != self.name());
        names
    }

    pub fn named(name: &str) -> Self {
        CELL_STYLES.iter().find(|(known, _)| *known == name).map_or(Self::Cls, |&(_, style)| style)
    }
}

fn name_of<T: PartialEq>(table: &[(&'static str, T)], value: T) -> &'static str {
    table.iter().find(|(_, known)| *known == value).map_or("", |(name, _)| name)
}

fn one_of<T: Copy>(config: &Config, key: &str, table: &[(&'static str, T)], default: &str) -> Result<T> {
    let text = config.text(key, Some(default))?;
    match table.iter().find(|(name, _)| *name == text) {
        Some(&(_, value)) => Ok(value),
        None => {
            let names: Vec<&str> = table.iter().map(|(name, _)| *name).collect();
            bail!(Config, "{}: {key:?} is {text:?}, must be {}", config.name, listed(&names))
        }
    }
}

/// The name among these that the configuration uses; the first if it uses none.
fn either<'a>(config: &Config, names: &[&'a str]) -> &'a str {
    names.iter().find(|name| config.has(name)).unwrap_or(&names[0])
}

/// Null and absence are the same.
fn given<'a>(config: &'a Config, key: &str) -> Option<&'a Value> {
    config.value(key).filter(|value| !value.is_null())
}

impl Settings {
    pub fn read(config: &Config, loader: &Loader) -> Result<Self> {
        let name = |names: &[&'static str]| either(config, names);
        let perturbation = is_perturbation(config, loader)?;
        let published = config.has("nheads");
        let zero_probabilities = config.flag("explicit_zero_prob", false)?;
        let use_batch_labels =
            !perturbation && config.flag(name(&["use_batch_labels", "INPUT_BATCH_LABELS"]), false)?;
        let pad_token_id = given(config, "pad_token_id").map(|_| config.size("pad_token_id", None)).transpose()?;
        let multi_omic = config.flag("use_mod", false)?;
        ensure!(
            !multi_omic,
            Config,
            "{}: \"use_mod\" is true, must be false: tokens of modalities are not supported",
            config.name
        );
        let settings = Self {
            perturbation,
            ntoken: ntoken(config, loader)?,
            width: config.size(name(&["d_model", "embsize"]), None)?,
            heads: config.size(name(&["nhead", "nheads"]), None)?,
            hidden: config.size("d_hid", None)?,
            layers: config.size("nlayers", None)?,
            classes: classes(config, loader)?,
            class_layers: config.size(name(&["nlayers_cls", "n_layers_cls"]), 3)?,
            pad_token: config.text("pad_token", Some("<pad>"))?,
            pad_token_id,
            pad_value: config.number("pad_value", if perturbation { 0.0 } else { -2.0 })? as f32,
            mask_value: config.number("mask_value", -1.0)? as f32,
            bins: config.size(name(&["n_input_bins", "n_bins"]), if perturbation { 0 } else { 51 })?,
            input_style: config.text("input_style", Some("binned"))?,
            values: one_of(config, "input_emb_style", &VALUE_STYLES, "continuous")?,
            cell: one_of(config, "cell_emb_style", &CELL_STYLES, "cls")?,
            mvc: mvc(config, loader, published)?,
            domain_head: !perturbation && config.flag(name(&["do_dab", "DAB", "DAR"]), false)?,
            use_batch_labels,
            batch_labels: config.size("num_batch_labels", 0)?,
            norm: input_norm(config, loader, perturbation, name(&["domain_spec_batchnorm", "DSBN"]))?,
            zero_probabilities,
            ecs_threshold: config.number(name(&["ecs_threshold", "ecs_thres"]), 0.3)?,
            norm_carries: norm_carries(config)?,
            decoder_activation: decoder_activation(config)?,
            adaptive_bias: config.flag("decoder_adaptive_bias", false)?,
        };
        config.finish(TRAINING)?;
        settings.check(&config.name)?;
        Ok(settings)
    }

    fn check(&self, config: &str) -> Result<()> {
        ensure!(
            self.heads > 0 && self.width > 0 && self.width.is_multiple_of(self.heads),
            Config,
            "{config}: the width is {}, must be a positive multiple of the {} heads",
            self.width,
            self.heads
        );
        let labels = self.use_batch_labels || self.domain_head || matches!(self.norm, InputNorm::Domains { .. });
        ensure!(
            !labels || self.batch_labels > 0,
            Config,
            "{config}: \"num_batch_labels\" is 0, must be positive where batch labels are used"
        );
        ensure!(
            self.values != ValueStyle::Category || self.bins > 0,
            Config,
            "{config}: \"n_input_bins\" is 0, must be positive where \"input_emb_style\" is \"category\""
        );
        ensure!(
            !self.perturbation || self.values == ValueStyle::Continuous,
            Config,
            "{config}: \"input_emb_style\" must be \"continuous\" in a perturbation model"
        );
        ensure!(
            self.bins == 0 || self.bins >= 3,
            Config,
            "{config}: the number of bins is {}, must be at least 3: zero, and two ends",
            self.bins
        );
        let inner = matches!(self.mvc, None | Some(MvcStyle::InnerProduct));
        ensure!(
            inner || !(self.use_batch_labels || self.zero_probabilities),
            Config,
            "{config}: \"mvc_decoder_style\" must be \"inner product\" where \"use_batch_labels\" or \"explicit_zero_prob\" is true: the \
             original defines no other"
        );
        Ok(())
    }

    /// Under the names of the original constructors.
    pub fn json(&self) -> Value {
        let mut json = json!({
            "model_type": if self.perturbation { "scgpt_perturb" } else { "scgpt" },
            "ntoken": self.ntoken, "d_model": self.width, "nhead": self.heads, "d_hid": self.hidden, "nlayers": self.layers,
            "nlayers_cls": self.class_layers, "n_cls": self.classes, "pad_token": self.pad_token, "pad_value": self.pad_value,
            "mask_value": self.mask_value, "n_input_bins": self.bins, "input_style": self.input_style,
            "input_emb_style": name_of(&VALUE_STYLES, self.values), "cell_emb_style": self.cell.name(),
            "do_mvc": self.mvc.is_some(),
            "mvc_decoder_style": name_of(&MVC_STYLES, self.mvc.unwrap_or(MvcStyle::InnerProduct)),
            "explicit_zero_prob": self.zero_probabilities, "ecs_threshold": self.ecs_threshold,
            "use_fast_transformer": self.norm_carries, "pre_norm": self.norm_carries,
            "domain_spec_batchnorm": match self.norm {
                InputNorm::None => json!(false),
                InputNorm::One => json!("batchnorm"),
                InputNorm::Domains { affine } => if affine { json!("do_affine") } else { json!(true) },
            },
        });
        let more = if self.perturbation {
            json!({
                "pert_pad_id": 2, "decoder_activation": self.decoder_activation.as_ref().map(|(name, _)| name),
                "decoder_adaptive_bias": self.adaptive_bias,
            })
        } else {
            json!({
                "do_dab": self.domain_head, "use_batch_labels": self.use_batch_labels, "num_batch_labels": self.batch_labels,
            })
        };
        if let (Value::Object(json), Value::Object(more)) = (&mut json, more) {
            json.extend(more);
            if let Some(id) = self.pad_token_id {
                json.insert("pad_token_id".into(), id.into());
            }
        }
        json
    }

    /// Whether a cell's batch label changes its encoding.
    pub fn by_domain(&self) -> bool {
        matches!(self.norm, InputNorm::Domains { .. })
    }

    /// Whether a forward pass takes batch labels.
    pub fn takes_labels(&self) -> bool {
        self.use_batch_labels || self.by_domain()
    }
}

/// As `model_type` says, or `generator`, or the weights of the encoder of perturbations.
fn is_perturbation(config: &Config, loader: &Loader) -> Result<bool> {
    let named = matches!(config.value("model_type").and_then(Value::as_str), Some("scgpt_perturb" | "scgpt_generator"));
    let flagged = config.flag("generator", false)?;
    let pad = config.size("pert_pad_id", 2)?;
    ensure!(pad == 2, Config, "{}: \"pert_pad_id\" is {pad}, must be 2: flags are 0, 1 and 2", config.name);
    Ok(named || flagged || loader.has("pert_encoder.weight"))
}

/// The rows of the table of genes: as configured, else as many as there are.
fn ntoken(config: &Config, loader: &Loader) -> Result<usize> {
    let found = loader.shape("encoder.embedding.weight").and_then(|shape| shape.first().copied());
    let key = either(config, &["ntoken", "vocab_size"]);
    match (given(config, key), found) {
        (None, Some(rows)) => Ok(rows),
        _ => config.size(key, None),
    }
}

/// The classifier's classes: as configured; none if the weights have no classifier. One class, the constructors' default, is no
/// promise of a classifier.
fn classes(config: &Config, loader: &Loader) -> Result<Option<usize>> {
    let found = loader.shape("cls_decoder.out_layer.weight").and_then(|shape| shape.first().copied());
    if given(config, "n_cls").is_none() {
        return Ok(found);
    }
    let classes = config.size("n_cls", None)?;
    Ok((found.is_some() || classes > 1).then_some(classes))
}

/// `args.json` says what the training had, not what was saved.
fn mvc(config: &Config, loader: &Loader, published: bool) -> Result<Option<MvcStyle>> {
    let key = either(config, &["do_mvc", "MVC"]);
    let there = loader.has("mvc_decoder.gene2query.weight");
    let wanted = match given(config, key) {
        None => there,
        Some(_) => config.flag(key, None)? && (there || !published),
    };
    let style = one_of(config, "mvc_decoder_style", &MVC_STYLES, "inner product")?;
    Ok(wanted.then_some(style))
}

/// "do_affine" is what the original's argument means; version 0.2.5 builds no norm for it, earlier ones build this.
///
/// The generator of earlier versions always had a BatchNorm, that of version 0.2.5 has none: the weights tell.
fn input_norm(config: &Config, loader: &Loader, perturbation: bool, key: &str) -> Result<InputNorm> {
    let wanted = match given(config, key) {
        None | Some(Value::Bool(false)) => InputNorm::None,
        Some(Value::Bool(true)) => InputNorm::Domains { affine: false },
        Some(Value::String(text)) if text == "dsbn" => InputNorm::Domains { affine: false },
        Some(Value::String(text)) if text == "do_affine" => InputNorm::Domains { affine: true },
        Some(Value::String(text)) if text == "batchnorm" => InputNorm::One,
        Some(other) => bail!(
            Config,
            "{}: {key:?} is {other}, must be true, false, \"dsbn\", \"batchnorm\" or \"do_affine\"",
            config.name
        ),
    };
    if perturbation {
        return Ok(if loader.has("bn.running_mean") { InputNorm::One } else { InputNorm::None });
    }
    Ok(wanted)
}

/// `pre_norm` has an effect in the original's flash layers alone.
fn norm_carries(config: &Config) -> Result<bool> {
    let fast = config.flag(either(config, &["use_fast_transformer", "fast_transformer"]), false)?;
    let backend = config.text("fast_transformer_backend", Some("flash"))?;
    ensure!(
        !fast || backend == "flash",
        Config,
        "{}: \"fast_transformer_backend\" is {backend:?}, must be \"flash\"",
        config.name
    );
    let pre = config.flag("pre_norm", false)? || config.choice("norm_scheme", &["post", "pre"], Some("post"))? == "pre";
    Ok(fast && pre)
}

fn decoder_activation(config: &Config) -> Result<Option<(String, Activation)>> {
    let key = "decoder_activation";
    if given(config, key).is_none() {
        return Ok(None);
    }
    let activation = one_of(config, key, &ACTIVATIONS, "")?;
    Ok(Some((config.text(key, None)?, activation)))
}
