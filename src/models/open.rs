//! From a name to a model: a folder, a registered model, or a repository.

use super::arch::{FAMILIES, Family};
use super::folder::{Folder, LoadOptions, json as read_json};
use super::options::{Options, listed};
use super::registry::{self, Card, Source};
use super::{Model, Tensors};
use crate::bail;
use crate::error::Result;
use crate::parallel::Ctx;
use candle_core::DType;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// A model, and where it came from.
pub struct Opened {
    pub model: Box<dyn Model>,
    pub card: Option<Card>,
    pub folder: PathBuf,
}

/// A model's files and what its card says of them.
struct Place {
    card: Option<Card>,
    folder: PathBuf,
    elsewhere: Vec<(String, PathBuf)>,
}

/// Opens a folder (a path that exists, or that begins with `/`, `./`, `../` or `~/`), a registered model, or
/// `organisation/name[@revision][:subfolder]`, which is downloaded if it is not in the cache.
///
/// Options: `dtype`, in which the weights are held: "f32" (the default), "bf16", "f16", or "auto" for that of the file;
/// `family`, for a folder whose configuration does not say it; `weights`: "file" (the default), or "random" for a model of that
/// configuration without a checkpoint, drawn by the context's seed; those of the hub; and those of the family.
pub fn open(ctx: &Ctx, what: &str, options: &Options) -> Result<Opened> {
    let dtype = match options.choice("dtype", &["f32", "bf16", "f16", "auto"])? {
        "f32" => Some(DType::F32),
        "bf16" => Some(DType::BF16),
        "f16" => Some(DType::F16),
        _ => None,
    };
    let random = options.choice("weights", &["file", "random"])? == "random";
    let named = options.text("family")?;
    let place = ctx.within(0.0, 0.9, || find(ctx, what, options))?;
    let family = family_of(&place, named.as_deref())?;
    ctx.poll(0.9)?;
    let folder = Folder {
        path: place.folder.clone(),
        elsewhere: place.elsewhere,
        defaults: place.card.as_ref().map(|card| card.defaults.clone()).unwrap_or_default(),
        load: LoadOptions { dtype, random: random.then(|| ctx.seed()), family: options.rest() },
    };
    let model = (family.load)(&folder)?;
    folder.load.family.finish()?;
    Ok(Opened { model, card: place.card, folder: place.folder })
}

/// What there is to say of a model: `{"id", "family", "title", "folder", "config", "io", "n_genes", "parameters", "dtypes",
/// "weights": what was missing and left over, "card"}`.
pub fn describe(opened: &Opened) -> Value {
    let model = &opened.model;
    let weights = model.weights();
    let title = FAMILIES.iter().find(|family| family.name == model.family()).map(|family| family.title);
    json!({
        "id": opened.card.as_ref().map(|card| card.id.as_str()), "family": model.family(), "title": title, "folder": opened.folder,
        "config": model.config(), "io": model.io().json(), "n_genes": model.genes().len(), "parameters": parameters(&weights.tensors),
        "dtypes": dtypes(&weights.tensors), "weights": weights.report.json(), "card": opened.card.as_ref().map(Card::json),
    })
}

fn parameters(tensors: &Tensors) -> usize {
    tensors.values().map(|tensor| tensor.elem_count()).sum()
}

fn dtypes(tensors: &Tensors) -> Vec<&'static str> {
    let mut names: Vec<&str> = tensors.values().map(|tensor| tensor.dtype().as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn find(ctx: &Ctx, what: &str, options: &Options) -> Result<Place> {
    if let Some(folder) = as_folder(what)? {
        hub_options(options);
        return Ok(Place { card: None, folder, elsewhere: Vec::new() });
    }
    if let Some(card) = registry::lookup(what)?
        && let Source::Local { folder: Some(folder), .. } = &card.source
    {
        hub_options(options);
        if !folder.is_dir() {
            bail!(NotFound, "{}: its folder {} does not exist", card.id, folder.display());
        }
        return Ok(Place { folder: folder.clone(), elsewhere: elsewhere_in(folder, &card), card: Some(card) });
    }
    from_hub(ctx, what, options)
}

/// Files of a local card that the family asks for under another name.
fn elsewhere_in(folder: &Path, card: &Card) -> Vec<(String, PathBuf)> {
    card.files.iter().filter_map(|file| Some((file.name.clone()?, folder.join(&file.path)))).collect()
}

/// The folder that a name is the path of.
fn as_folder(what: &str) -> Result<Option<PathBuf>> {
    let path = match (what.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => Path::new(&home).join(rest),
        _ => PathBuf::from(what),
    };
    if !what.is_empty() && path.is_dir() {
        return Ok(Some(path));
    }
    let is_path = ["/", "./", "../", "~/"].iter().any(|start| what.starts_with(start)) || what == "." || what == "..";
    if is_path && path.exists() {
        bail!(InvalidArgument, "model: {what:?} is a file, must be the folder that it is in");
    }
    if is_path {
        bail!(NotFound, "model: the folder {what:?} does not exist");
    }
    Ok(None)
}

/// The hub's options are of no use for a folder, and no error either: whoever gives them need not know which it is.
#[cfg(feature = "hub")]
fn hub_options(options: &Options) {
    for name in super::hub::OPTIONS {
        options.value(name);
    }
}

#[cfg(feature = "hub")]
fn from_hub(ctx: &Ctx, what: &str, options: &Options) -> Result<Place> {
    let settings = super::hub::Settings::from(options)?;
    let located = super::hub::locate(ctx, what, &settings)?;
    Ok(Place { card: located.card, folder: located.folder, elsewhere: located.elsewhere })
}

#[cfg(not(feature = "hub"))]
fn hub_options(_: &Options) {}

#[cfg(not(feature = "hub"))]
fn from_hub(_: &Ctx, what: &str, _: &Options) -> Result<Place> {
    if registry::lookup(what)?.is_none() && !what.contains('/') {
        return Err(registry::unknown(what));
    }
    bail!(
        Unsupported,
        "model: {what:?} would have to be downloaded, which this build cannot do (feature \"hub\"); open a folder"
    )
}

/// The family that the caller, the card, or the configuration names.
fn family_of(place: &Place, named: Option<&str>) -> Result<&'static Family> {
    if let Some(name) = named {
        return match family_named(name) {
            Some(family) => Ok(family),
            None => bail!(InvalidArgument, "family: is {name:?}, must be {}", listed(&family_names())),
        };
    }
    if let Some(family) = place.card.as_ref().and_then(|card| family_named(&card.family)) {
        return Ok(family);
    }
    let found = ["config.json", "args.json"].iter().map(|name| place.folder.join(name)).find(|path| path.is_file());
    let Some(path) = found else { return family_of_files(&place.folder) };
    let Value::Object(config) = read_json(&path)? else { bail!(Config, "{}: is not a JSON object", path.display()) };
    let model_type = config.get("model_type").and_then(Value::as_str);
    if let Some(family) =
        SIGNS.iter().find(|(_, is_its)| is_its(model_type, &config)).and_then(|(name, _)| family_named(name))
    {
        return Ok(family);
    }
    match (model_type, model_type.and_then(family_named)) {
        (_, Some(family)) => Ok(family),
        (Some(name), None) => bail!(
            Config,
            "{}: \"model_type\" is {name:?}, which is no family; there are {}",
            path.display(),
            listed(&family_names())
        ),
        (None, None) => bail!(
            Config,
            "{}: has no \"model_type\"; name the family by the option family: {}",
            path.display(),
            listed(&family_names())
        ),
    }
}

/// By what is there, where there is no configuration in JSON.
fn family_of_files(folder: &Path) -> Result<&'static Family> {
    let has = |names: &[&str]| names.iter().all(|name| folder.join(name).is_file());
    let name = if has(&["config.pkl", "model.pt"]) {
        Some("gears")
    } else if has(&["models.ckpt"]) {
        Some("scfoundation")
    } else {
        None
    };
    match name.and_then(family_named) {
        Some(family) => Ok(family),
        None => bail!(
            NotFound,
            "{}: has no config.json (and no args.json); if it is a model all the same, name the family by the option family: {}",
            folder.display(),
            listed(&family_names())
        ),
    }
}

type IsIts = fn(Option<&str>, &Map<String, Value>) -> bool;

/// What tells a family where `model_type` does not: it is missing from what was published before there was one, and "bert" to
/// everything that was made with Hugging Face's BERT. The first that fits counts.
const SIGNS: &[(&str, IsIts)] = &[
    ("genecompass", |name, config| {
        let keys = ["use_promoter", "use_co_exp", "use_gene_family", "use_peca_grn"];
        name == Some("bert") && keys.iter().any(|key| config.contains_key(*key))
    }),
    ("geneformer", |name, _| name == Some("bert")),
    ("scgpt", |name, config| {
        name == Some("scgpt_perturb")
            || name.is_none() && ["embsize", "nlayers", "d_hid"].iter().all(|key| config.contains_key(*key))
    }),
    ("scfoundation", |name, config| {
        name.is_none()
            && (config.get("model").and_then(Value::as_str) == Some("mae_autobin")
                || config.contains_key("mae_autobin"))
    }),
    ("cellfm", |name, config| name.is_none() && config.contains_key("enc_nlayers") && config.contains_key("enc_dims")),
    ("gears", |name, config| name.is_none() && config.contains_key("num_go_gnn_layers")),
    ("uce", |name, config| name.is_none() && config.contains_key("token_dim") && config.contains_key("output_dim")),
];

fn family_named(name: &str) -> Option<&'static Family> {
    let plain = |name: &str| name.to_lowercase().replace(['-', '_', ' '], "");
    let wanted = plain(name);
    FAMILIES
        .iter()
        .find(|family| plain(family.name) == wanted || family.aliases.iter().any(|alias| plain(alias) == wanted))
}

fn family_names() -> Vec<&'static str> {
    FAMILIES.iter().map(|family| family.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use std::fs;

    fn family(config: &str, file: &str) -> Result<&'static str> {
        static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let n = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("scnative-open-{}-{n}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(file), config).unwrap();
        let found = family_of(&Place { card: None, folder: folder.clone(), elsewhere: Vec::new() }, None)
            .map(|family| family.name);
        fs::remove_dir_all(folder).unwrap();
        found
    }

    #[test]
    fn model_type_selects_the_family() {
        for other in FAMILIES {
            let config = json!({"model_type": other.name}).to_string();
            assert_eq!(family(&config, "config.json").unwrap(), other.name);
        }
        assert_eq!(family(r#"{"model_type": "bert"}"#, "config.json").unwrap(), "geneformer");
        assert_eq!(family(r#"{"model_type": "bert", "use_promoter": true}"#, "config.json").unwrap(), "genecompass");
        assert_eq!(family(r#"{"embsize": 1, "nlayers": 1, "d_hid": 1}"#, "args.json").unwrap(), "scgpt");
        assert_eq!(family(r#"{"model_type": "scgpt_perturb"}"#, "config.json").unwrap(), "scgpt");
    }

    #[test]
    fn a_family_that_is_not_known_is_named() {
        let error = family(r#"{"model_type": "llama"}"#, "config.json").unwrap_err();
        assert!(
            error.kind == ErrorKind::Config
                && error.message.contains("\"llama\"")
                && error.message.contains("\"geneformer\"")
        );
        assert_eq!(family("{}", "config.json").unwrap_err().kind, ErrorKind::Config);
        assert_eq!(family("{", "config.json").unwrap_err().kind, ErrorKind::Config);
        assert_eq!(family("{}", "other.json").unwrap_err().kind, ErrorKind::NotFound);
    }

    #[test]
    fn every_fixture_is_recognised() {
        let Some(folder) = crate::models::fixtures::fixture("") else { return };
        for (name, wanted) in [
            ("scgpt-plain", "scgpt"),
            ("scgpt-tdc", "scgpt"),
            ("scgpt-perturb", "scgpt"),
            ("geneformer-v1", "geneformer"),
            ("geneformer-cellclassifier", "geneformer"),
            ("genecompass-base", "genecompass"),
            ("gears-base", "gears"),
            ("uce-base", "uce"),
            ("scfoundation-base", "scfoundation"),
            ("cellfm-padzero", "cellfm"),
            ("scelmo", "scelmo"),
        ] {
            let place = Place { card: None, folder: folder.join(name), elsewhere: Vec::new() };
            assert_eq!(family_of(&place, None).unwrap().name, wanted, "{name}");
        }
    }

    #[test]
    fn every_fixture_opens_and_is_described() {
        let Some(folder) = crate::models::fixtures::fixture("") else { return };
        for name in [
            "scgpt-plain",
            "scgpt-tdc",
            "scgpt-perturb",
            "geneformer-v1",
            "geneformer-v2",
            "genecompass-base",
            "gears-base",
            "uce-base",
            "scfoundation-base",
            "cellfm-padzero",
            "scelmo",
        ] {
            let what = folder.join(name).display().to_string();
            let opened = open(&Ctx::new(1), &what, &Options::default()).unwrap();
            let about = describe(&opened);
            assert!(about["parameters"].as_u64().unwrap() > 0 && about["title"].is_string(), "{name}: {about}");
            assert_eq!((&about["folder"], &about["card"]), (&json!(folder.join(name)), &Value::Null), "{name}");
            let error = open(&Ctx::new(1), &what, &Options::parse(r#"{"colour": 1}"#).unwrap()).err().unwrap();
            assert!(error.kind == ErrorKind::InvalidArgument && error.message.contains("colour"), "{name}: {error}");
        }
    }

    #[cfg(feature = "hub")]
    #[test]
    fn a_repository_is_downloaded_and_its_family_found() {
        let bench = crate::models::hub::tests::Bench::new();
        let options = bench.options(r#"{"of_the_family": 1}"#);
        let place = find(&Ctx::new(1), "org/model", &options).unwrap();
        assert!(place.folder.starts_with(&bench.cache) && place.folder.join("model.safetensors").is_file());
        assert_eq!(family_of(&place, None).unwrap().name, "scgpt");
        assert_eq!(family_of(&place, Some("scELMo")).unwrap().name, "scelmo");
        assert_eq!(family_of(&place, Some("llama")).err().unwrap().kind, ErrorKind::InvalidArgument);
        let rest = options.rest();
        assert_eq!(rest.integer("of_the_family").unwrap(), Some(1));
        rest.finish().unwrap();
        options.finish().unwrap();
    }

    #[test]
    fn a_card_may_name_a_folder() {
        let folder = std::env::temp_dir().join(format!("scnative-open-card-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("words.json"), "{}").unwrap();
        let card = json!({
            "id": "test-open-folder", "family": "gears", "source": {"local": folder},
            "files": [{"path": "words.json", "as": "vocab.json", "role": "vocabulary"}],
        });
        registry::register(&card.to_string()).unwrap();
        let options = Options::default();
        let place = find(&Ctx::new(1), "Test/Open.Folder", &options).unwrap();
        assert_eq!(place.folder, folder);
        assert_eq!(place.elsewhere, [("vocab.json".to_string(), folder.join("words.json"))]);
        assert_eq!(family_of(&place, None).unwrap().name, "gears");
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(find(&Ctx::new(1), "test-open-folder", &options).err().unwrap().kind, ErrorKind::NotFound);
        registry::unregister("test-open-folder").unwrap();
    }

    #[test]
    fn names_that_are_nothing() {
        let ctx = Ctx::new(1);
        let kind = |what: &str, options: &str| open(&ctx, what, &Options::parse(options).unwrap()).err().unwrap().kind;
        assert_eq!(kind("/does/not/exist", ""), ErrorKind::NotFound);
        assert_eq!(kind("./does-not-exist", ""), ErrorKind::NotFound);
        assert_eq!(kind("scgpt-humam", ""), ErrorKind::NotFound);
        assert_eq!(kind("genecompass", ""), ErrorKind::NotFound);
        assert_eq!(kind("scgpt-human", r#"{"dtype": "f8"}"#), ErrorKind::InvalidArgument);
        assert_eq!(kind("", ""), ErrorKind::NotFound);
    }
}
