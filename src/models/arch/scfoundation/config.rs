//! The shape of a model, from config.json or from what a published checkpoint says of itself.

use crate::bail;
use crate::ensure;
use crate::error::Result;
use crate::models::config::Config;
use crate::models::options::listed;
use crate::models::weights::value::Value as Tree;
use serde_json::{Map, Number, Value};

/// What the forward pass depends on.
pub struct Settings {
    /// Genes and the two tokens T and S after them.
    pub seq_len: usize,
    pub bins: usize,
    pub bin_alpha: f64,
    /// A value, not a token number: a position that holds it is padding.
    pub pad: f32,
    /// A value: a position that holds it is masked.
    pub mask: f32,
    pub encoder: Stack,
    pub decoder: Stack,
}

/// A stack of layers.
pub struct Stack {
    pub width: usize,
    pub depth: usize,
    pub heads: usize,
    /// Of a Performer; in a transformer the heads divide the width.
    pub dim_head: usize,
    pub kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Transformer,
    Performer,
}

impl Settings {
    pub fn read(config: &Config) -> Result<Self> {
        config.choice("model", &["mae_autobin"], Some("mae_autobin"))?;
        let settings = Self {
            seq_len: config.size("seq_len", None)?,
            bins: config.size("bin_num", 100)?,
            bin_alpha: config.number("bin_alpha", 1.0)?,
            pad: config.number("pad_token_id", 103.0)? as f32,
            mask: config.number("mask_token_id", 102.0)? as f32,
            encoder: Stack::read(&config.section("encoder")?, &["transformer"])?,
            decoder: Stack::read(&config.section("decoder")?, &["performer", "transformer"])?,
        };
        ensure!(
            settings.seq_len > 2,
            Config,
            "{}: \"seq_len\" is {}, must be more than 2",
            config.name,
            settings.seq_len
        );
        ensure!(settings.bins > 0, Config, "{}: \"bin_num\" is 0, must be positive", config.name);
        // Upstream's constructor asks for these, and nothing is done with them: they are kept for `export`.
        for key in ["n_class", "gene_num", "mask_gene_name", "key"] {
            config.value(key);
        }
        config.finish(&["rawcount", "pos_embed", "device", "qv_dim", "ppi_edge"])?;
        Ok(settings)
    }

    pub fn n_genes(&self) -> usize {
        self.seq_len - 2
    }
}

impl Stack {
    fn read(config: &Config, kinds: &[&str]) -> Result<Self> {
        let kind = match config.choice("module_type", kinds, None)? {
            "performer" => Kind::Performer,
            _ => Kind::Transformer,
        };
        let (width, heads) = (config.size("hidden_dim", None)?, config.size("heads", None)?);
        ensure!(
            heads > 0 && width > 0 && width % heads == 0,
            Config,
            "{}: \"heads\" is {heads}, must divide \"hidden_dim\", {width}",
            config.name
        );
        let dim_head = match kind {
            Kind::Performer => config.size("dim_head", 64)?,
            Kind::Transformer => width / heads,
        };
        ensure!(dim_head > 0, Config, "{}: \"dim_head\" is 0, must be positive", config.name);
        let depth = config.size("depth", None)?;
        // Upstream builds its modules from the outer seq_len, post-norm whatever norm_first says, and the heads of a
        // transformer always divide its width.
        config.finish(&["seq_len", "norm_first", "dim_head", "ff_dropout", "attn_dropout"])?;
        Ok(Self { width, depth, heads, dim_head, kind })
    }
}

/// What the forward pass depends on, of all that a checkpoint says of its training: data, optimiser, schedule.
const KEPT: &[&str] = &[
    "mask_gene_name",
    "gene_num",
    "seq_len",
    "n_class",
    "pad_token_id",
    "mask_token_id",
    "bin_num",
    "bin_alpha",
    "encoder",
    "decoder",
];

/// The configuration that a published checkpoint holds beside its weights: `config.model_config.{model}` and, over it,
/// `config.dataset_config.rnaseq`.
pub fn of_checkpoint(source: &str, config: &Tree) -> Result<Map<String, Value>> {
    let Some(Tree::Text(model)) = config.get("model") else {
        bail!(Config, "{source}: its \"config\" has no \"model\", which must be \"mae_autobin\"");
    };
    let parts = [
        config.get("model_config").and_then(|all| all.get(model)),
        config.get("dataset_config").and_then(|all| all.get("rnaseq")),
    ];
    let mut found = Map::new();
    found.insert("model".into(), model.clone().into());
    for part in parts.into_iter().flatten() {
        if let Value::Object(items) = json(source, part)? {
            found.extend(items.into_iter().filter(|(key, _)| KEPT.contains(&key.as_str())));
        }
    }
    ensure!(
        found.contains_key("encoder") && found.contains_key("decoder"),
        Config,
        "{source}: its \"config\" has no \"encoder\" and \"decoder\" in \"model_config\", {model:?}; it has {}",
        listed(&found.keys().collect::<Vec<_>>())
    );
    Ok(found)
}

/// Plain data as JSON; what JSON has no word for (tensors, objects) becomes null.
fn json(source: &str, tree: &Tree) -> Result<Value> {
    Ok(match tree {
        Tree::Bool(x) => Value::Bool(*x),
        Tree::Int(x) => Value::Number((*x).into()),
        Tree::Float(x) => Number::from_f64(*x).map_or(Value::Null, Value::Number),
        Tree::Text(x) => Value::String(x.clone()),
        Tree::List(items) | Tree::Tuple(items) => {
            Value::Array(items.iter().map(|item| json(source, item)).collect::<Result<_>>()?)
        }
        Tree::Dict(items) => {
            let mut object = Map::new();
            for (key, value) in items {
                let Tree::Text(key) = key else { bail!(Config, "{source}: its \"config\" has a key that is no text") };
                object.insert(key.clone(), json(source, value)?);
            }
            Value::Object(object)
        }
        _ => Value::Null,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn text(x: &str) -> Tree {
        Tree::Text(x.into())
    }

    fn dict(items: Vec<(&str, Tree)>) -> Tree {
        Tree::Dict(items.into_iter().map(|(k, v)| (text(k), v)).collect())
    }

    #[test]
    fn a_checkpoints_own_configuration_is_read_and_what_else_it_says_is_left() {
        let stack = |kind| {
            let numbers = [("hidden_dim", 8), ("depth", 1), ("heads", 2), ("dim_head", 4), ("seq_len", 12)];
            let mut items: Vec<_> = numbers.into_iter().map(|(k, n)| (k, Tree::Int(n))).collect();
            items.push(("module_type", text(kind)));
            dict(items)
        };
        let shape = dict(vec![
            ("seq_len", Tree::Int(12)),
            ("encoder", stack("transformer")),
            ("decoder", stack("performer")),
            ("learning_rate", Tree::Float(1e-4)),
        ]);
        let data = dict(vec![("bin_num", Tree::Int(5)), ("bin_alpha", Tree::Float(0.5)), ("paths", text("/data"))]);
        let tree = dict(vec![
            ("model", text("mae_autobin")),
            ("model_config", dict(vec![("mae_autobin", shape)])),
            ("dataset_config", dict(vec![("rnaseq", data)])),
        ]);
        let config = Config::new("here", of_checkpoint("here", &tree).unwrap());
        let settings = Settings::read(&config).unwrap();
        assert_eq!((settings.seq_len, settings.bins, settings.bin_alpha, settings.pad), (12, 5, 0.5, 103.0));
        assert!(settings.decoder.kind == Kind::Performer && settings.encoder.kind == Kind::Transformer);
        assert_eq!(config.filled("scfoundation")["bin_num"], 5);
        let error = of_checkpoint("here", &dict(vec![("model", text("mae_autobin"))])).unwrap_err();
        assert!(error.message.contains("encoder"), "{}", error.message);
    }

    #[test]
    fn what_upstream_does_not_know_is_an_error() {
        let stack = json!({"hidden_dim": 8, "depth": 1, "heads": 2, "module_type": "transformer"});
        let config = |key: &str, value: Value| {
            let mut all = json!({"seq_len": 12, "encoder": stack, "decoder": stack});
            all[key] = value;
            let Value::Object(all) = all else { unreachable!() };
            Settings::read(&Config::new("here", all)).map(|_| ()).map_err(|e| e.message)
        };
        assert_eq!(config("n_class", json!(104)), Ok(()));
        assert!(config("typo", json!(1)).unwrap_err().contains("typo"));
        assert!(config("model", json!("performer")).unwrap_err().contains("mae_autobin"));
        assert!(config("seq_len", json!(2)).unwrap_err().contains("more than 2"));
        let odd = json!({"hidden_dim": 9, "depth": 1, "heads": 2, "module_type": "transformer"});
        assert!(config("encoder", odd).unwrap_err().contains("must divide"));
    }
}
