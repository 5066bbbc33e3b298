//! Geneformer's configuration: that of transformers' BERT, and what its tokenizer is set to.

use crate::error::Result;
use crate::models::arch::bert::{EXTRAS, Shape};
use crate::models::config::Config;
use crate::models::options::{Options, listed};
use crate::models::weights::Loader;
use crate::{bail, ensure};
use serde_json::Value;

/// Which head a checkpoint has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The encoder alone.
    Bare,
    MaskedTokens,
    /// One label for each cell.
    Cells,
    /// One label for each gene of a cell.
    Genes,
}

const ARCHITECTURES: [(&str, Kind); 4] = [
    ("BertModel", Kind::Bare),
    ("BertForMaskedLM", Kind::MaskedTokens),
    ("BertForSequenceClassification", Kind::Cells),
    ("BertForTokenClassification", Kind::Genes),
];

/// V1 has at most so many positions; V2, with `<cls>` and `<eos>`, has 4096.
const POSITIONS_OF_V1: usize = 2048;

#[derive(Clone, Debug)]
pub struct Settings {
    pub shape: Shape,
    pub kind: Kind,
    /// Names of the classes, none without a classifier.
    pub labels: Vec<String>,
    /// Tokens of a cell at most, special ones included.
    pub input_size: usize,
    /// Whether a cell is between `<cls>` and `<eos>`; none leaves it to the token dictionary.
    pub special_token: Option<bool>,
    /// Whether the decoder's weights are the table of tokens.
    pub tied: bool,
    pub target_sum: f64,
    /// Whether retired identifiers are replaced by their successors.
    pub collapse: bool,
}

impl Settings {
    /// From config.json, from options of loading, which win, and from the names of the weights, which must agree.
    pub fn read(config: &Config, options: &Options, loader: &Loader) -> Result<Self> {
        let shape = Shape::read(config)?;
        let kind = kind(config, loader)?;
        let input_size = config.size("model_input_size", shape.positions)?;
        ensure!(
            (3..=shape.positions).contains(&input_size),
            Config,
            "{}: \"model_input_size\" is {input_size}, must be from 3 to \"max_position_embeddings\", which is {}",
            config.name,
            shape.positions
        );
        let target_sum = config.number("target_sum", 10_000.0)?;
        ensure!(target_sum > 0.0, Config, "{}: \"target_sum\" is {target_sum}, must be positive", config.name);
        let given = if config.has("special_token") { Some(config.flag("special_token", false)?) } else { None };
        let settings = Self {
            labels: labels(config, kind, loader)?,
            kind,
            input_size,
            special_token: options.flag("special_token")?.or(given),
            tied: config.flag("tie_word_embeddings", true)?,
            target_sum,
            collapse: options.flag("collapse_gene_ids")?.unwrap_or(config.flag("collapse_gene_ids", true)?),
            shape,
        };
        options.finish()?;
        config.finish(EXTRAS)?;
        Ok(settings)
    }

    /// Whether a cell is between `<cls>` and `<eos>` where neither an option nor a dictionary says so: V2 has more positions.
    pub fn special_by_size(&self) -> bool {
        self.special_token.unwrap_or(self.shape.positions > POSITIONS_OF_V1)
    }
}

/// The head, by `architectures`, and by the weights' names where that is not there.
fn kind(config: &Config, loader: &Loader) -> Result<Kind> {
    let by_weights = match (loader.has("classifier.weight"), loader.has("bert.pooler.dense.weight")) {
        (true, true) => Kind::Cells,
        (true, false) => Kind::Genes,
        _ if loader.has("cls.predictions.bias") => Kind::MaskedTokens,
        _ => Kind::Bare,
    };
    let said = match config.value("architectures") {
        None | Some(Value::Null) => return Ok(by_weights),
        Some(Value::Array(names)) if names.len() == 1 => names[0].as_str().unwrap_or("").to_string(),
        Some(other) => bail!(Config, "{}: \"architectures\" is {other}, must be a list of one name", config.name),
    };
    let Some(&(_, kind)) = ARCHITECTURES.iter().find(|(name, _)| *name == said) else {
        let known = ARCHITECTURES.map(|(name, _)| name);
        bail!(Config, "{}: \"architectures\" is [{said:?}], must be one of {}", config.name, listed(&known));
    };
    // A classifier may come with a pooler that it does not use, and the encoder alone may be taken out of any model.
    let agrees = loader.is_drawn()
        || kind == by_weights
        || kind == Kind::Bare
        || (kind == Kind::Genes && by_weights == Kind::Cells);
    if !agrees {
        let found = ARCHITECTURES.iter().find(|(_, other)| *other == by_weights).map_or("", |(name, _)| name);
        bail!(
            Weights,
            "{}: \"architectures\" is [{said:?}], but the weights are those of {found:?}: \"classifier.*\" belong to a classifier, \
             with \"bert.pooler.*\" for cells, and \"cls.predictions.*\" to BertForMaskedLM",
            config.name
        );
    }
    Ok(kind)
}

/// The classes by number: `id2label`, or LABEL_0, LABEL_1, ... as transformers names them, as many as the classifier has.
fn labels(config: &Config, kind: Kind, loader: &Loader) -> Result<Vec<String>> {
    let given = config.section("id2label")?;
    let said = config.size("num_labels", 0)?;
    if !matches!(kind, Kind::Cells | Kind::Genes) {
        return Ok(Vec::new());
    }
    let outputs = loader
        .shape("classifier.weight")
        .and_then(|shape| shape.first().copied())
        .unwrap_or(if loader.is_drawn() { said } else { 0 });
    ensure!(
        said == 0 || said == outputs,
        Config,
        "{}: \"num_labels\" is {said}, must be {outputs}, the classifier's outputs",
        config.name
    );
    let named = |i: usize| match given.value(&i.to_string()) {
        None => Ok(format!("LABEL_{i}")),
        Some(Value::String(label)) => Ok(label.clone()),
        Some(Value::Number(label)) => Ok(label.to_string()),
        Some(other) => bail!(Config, "{}: {i:?} is {other}, must be text", given.name),
    };
    let labels = (0..outputs).map(named).collect::<Result<_>>()?;
    given.finish(&[])?;
    Ok(labels)
}
