//! Model cards: typed, read strictly from JSON, and written back to it.

use super::fields::Fields;
use crate::error::Result;
use crate::{bail, ensure};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// What the registry knows of one model.
#[derive(Clone, Debug)]
pub struct Card {
    pub id: String,
    pub aliases: Vec<String>,
    /// One of [`crate::models::arch::FAMILIES`].
    pub family: String,
    pub task: String,
    pub title: String,
    pub source: Source,
    pub files: Vec<CardFile>,
    pub licence: Licence,
    pub parameters: Option<u64>,
    pub species: Vec<String>,
    /// How its genes are named: "symbol" or "ensembl".
    pub gene_ids: Option<String>,
    pub citation: Option<String>,
    /// Keys of the configuration, for a checkpoint that is published without them.
    pub defaults: Map<String, Value>,
    /// Its files and sizes were not compared with the source: sizes are then a hint, not a promise.
    pub unchecked: bool,
    pub note: Option<String>,
}

/// Where a model, or one of its files, comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// `{"hf": "organisation/name", "revision": "main", "subfolder": "..."}`
    Repository { id: String, revision: String, subfolder: Option<String> },
    /// `{"url": "https://..."}`: of a file; of a model whose files' paths are added to it.
    Address(String),
    /// `{"local": "/a/folder"}`, or `{"local": null, "page": "https://..."}` of files that are downloaded by hand there.
    Local { folder: Option<PathBuf>, page: Option<String> },
}

/// One file of a model.
#[derive(Clone, Debug)]
pub struct CardFile {
    /// Below the source's subfolder; `*` stands for anything.
    pub path: String,
    /// "config", "weights", "vocabulary", "dictionary" or "table".
    pub role: String,
    /// Under which name the family asks for it, if not its own.
    pub name: Option<String>,
    /// Where it is, if not where the model is.
    pub source: Option<Source>,
    pub size: Option<u64>,
    pub sha256: Option<String>,
    /// The model runs without it.
    pub optional: bool,
}

#[derive(Clone, Debug)]
pub struct Licence {
    pub name: String,
    pub url: Option<String>,
    /// Whether it must be acknowledged before the weights are downloaded.
    pub acknowledge: bool,
}

impl Card {
    /// From a JSON object; `origin` is what messages call it, `folder` what local paths are relative to.
    pub fn read(value: &Value, origin: &str, folder: Option<&Path>) -> Result<Self> {
        let fields = Fields::of(value, origin)?;
        let id = fields.text("id")?;
        let fields = Fields::of(value, &format!("{origin}: the card {id:?}"))?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        ensure!(
            !id.is_empty() && id.len() <= 128 && id.chars().all(plain),
            Config,
            "{origin}: \"id\" is {id:?}, must be of letters, digits and - _ ."
        );
        let card = Self {
            id: fields.text("id")?,
            aliases: fields.texts("aliases")?,
            family: fields.text("family")?,
            task: fields.maybe_text("task")?.unwrap_or_else(|| "embedding".into()),
            title: fields.maybe_text("title")?.unwrap_or(id),
            source: Source::read(fields.value("source"), &fields, folder)?,
            files: fields
                .objects("files")?
                .iter()
                .map(|file| CardFile::read(file, &fields.name, folder))
                .collect::<Result<_>>()?,
            licence: Licence::read(fields.value("licence"), &fields.name)?,
            parameters: fields.maybe_size("parameters")?,
            species: fields.texts("species")?,
            gene_ids: fields.maybe_text("gene_ids")?,
            citation: fields.maybe_text("citation")?,
            defaults: fields.object("defaults")?,
            unchecked: fields.flag("unchecked")?,
            note: fields.maybe_text("note")?,
        };
        fields.finish()?;
        card.check(&fields.name)?;
        Ok(card)
    }

    fn check(&self, name: &str) -> Result<()> {
        let families: Vec<&str> = crate::models::arch::FAMILIES.iter().map(|family| family.name).collect();
        ensure!(
            families.contains(&self.family.as_str()),
            Config,
            "{name}: \"family\" is {:?}, must be {}",
            self.family,
            crate::models::options::listed(&families)
        );
        let genes = self.gene_ids.as_deref();
        ensure!(
            genes.is_none_or(|ids| ids == "symbol" || ids == "ensembl"),
            Config,
            "{name}: \"gene_ids\" is {genes:?}, must be \"symbol\" or \"ensembl\""
        );
        let local = matches!(self.source, Source::Local { .. });
        ensure!(
            local || !self.files.is_empty(),
            Config,
            "{name}: \"files\" is empty, must name what the model is made of"
        );
        Ok(())
    }

    /// As [`Card::read`] takes it, every field there, and each file's `pinned`.
    pub fn json(&self) -> Value {
        json!({
            "id": self.id, "aliases": self.aliases, "family": self.family, "task": self.task, "title": self.title,
            "source": self.source.json(), "files": self.files.iter().map(CardFile::json).collect::<Vec<_>>(),
            "licence": {"name": self.licence.name, "url": self.licence.url, "acknowledge": self.licence.acknowledge},
            "parameters": self.parameters, "species": self.species, "gene_ids": self.gene_ids, "citation": self.citation,
            "defaults": self.defaults, "unchecked": self.unchecked, "note": self.note,
        })
    }
}

impl Source {
    fn read(value: Option<&Value>, card: &Fields, folder: Option<&Path>) -> Result<Self> {
        let Some(value) = value else { bail!(Config, "{}: has no \"source\"", card.name) };
        let fields = Fields::of(value, &format!("{}: source", card.name))?;
        let source = if let Some(id) = fields.maybe_text("hf")? {
            let revision = fields.maybe_text("revision")?.unwrap_or_else(|| "main".into());
            let subfolder = fields.maybe_text("subfolder")?.map(|path| path.trim_matches('/').to_string());
            let subfolder = subfolder.filter(|path| !path.is_empty());
            ensure!(is_repository(&id), Config, "{}: \"hf\" is {id:?}, must be organisation/name", fields.name);
            ensure!(
                is_path(&revision) && subfolder.as_deref().is_none_or(is_path),
                Config,
                "{}: revision {revision:?} and subfolder {subfolder:?} must be plain paths",
                fields.name
            );
            Self::Repository { id, revision, subfolder }
        } else if let Some(url) = fields.maybe_text("url")? {
            let web = url.starts_with("https://") || url.starts_with("http://");
            ensure!(web, Config, "{}: \"url\" is {url:?}, must begin with https:// or http://", fields.name);
            Self::Address(url)
        } else if fields.value("local").is_some() {
            let here = |path: String| folder.map_or(PathBuf::from(&path), |folder| folder.join(&path));
            Self::Local { folder: fields.maybe_text("local")?.map(here), page: fields.maybe_text("page")? }
        } else {
            bail!(Config, "{}: has neither \"hf\" nor \"url\" nor \"local\"", fields.name)
        };
        fields.finish()?;
        Ok(source)
    }

    pub fn json(&self) -> Value {
        match self {
            Self::Repository { id, revision, subfolder } => {
                json!({"hf": id, "revision": revision, "subfolder": subfolder})
            }
            Self::Address(url) => json!({"url": url}),
            Self::Local { folder, page } => {
                json!({"local": folder.as_ref().map(|p| p.display().to_string()), "page": page})
            }
        }
    }
}

impl CardFile {
    fn read(value: &Value, card: &str, folder: Option<&Path>) -> Result<Self> {
        let fields = Fields::of(value, &format!("{card}: files"))?;
        let source = match fields.value("source") {
            None | Some(Value::Null) => None,
            source => Some(Source::read(source, &fields, folder)?),
        };
        let file = Self {
            path: fields.text("path")?,
            role: fields.text("role")?,
            name: fields.maybe_text("as")?,
            source,
            size: fields.maybe_size("size")?,
            sha256: fields.maybe_text("sha256")?,
            optional: fields.flag("optional")?,
        };
        // Written by `json` for readers; it follows from the hash.
        fields.value("pinned");
        fields.finish()?;
        ensure!(is_path(&file.path), Config, "{}: \"path\" is {:?}, must be a plain path", fields.name, file.path);
        ensure!(
            file.name.as_deref().is_none_or(is_path),
            Config,
            "{}: \"as\" is {:?}, must be a plain name",
            fields.name,
            file.name
        );
        let hex =
            |hash: &str| hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        ensure!(
            file.sha256.as_deref().is_none_or(hex),
            Config,
            "{}: \"sha256\" is {:?}, must be 64 digits of base 16 in small letters",
            fields.name,
            file.sha256
        );
        ensure!(
            !matches!(file.source, Some(Source::Local { .. })),
            Config,
            "{}: \"source\" of a file must be \"hf\" or \"url\"",
            fields.name
        );
        Ok(file)
    }

    fn json(&self) -> Value {
        json!({
            "path": self.path, "role": self.role, "as": self.name, "source": self.source.as_ref().map(Source::json),
            "size": self.size, "sha256": self.sha256, "optional": self.optional, "pinned": self.sha256.is_some(),
        })
    }
}

impl Licence {
    fn read(value: Option<&Value>, card: &str) -> Result<Self> {
        let Some(value) = value.filter(|value| !value.is_null()) else {
            return Ok(Self { name: "not stated".into(), url: None, acknowledge: false });
        };
        let fields = Fields::of(value, &format!("{card}: licence"))?;
        let licence = Self {
            name: fields.text("name")?,
            url: fields.maybe_text("url")?,
            acknowledge: fields.flag("acknowledge")?,
        };
        fields.finish()?;
        Ok(licence)
    }
}

/// `organisation/name`.
fn is_repository(id: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with(['.', '-'])
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    id.split_once('/').is_some_and(|(owner, name)| plain(owner) && plain(name))
        && !id.contains("..")
        && !id.contains("--")
}

/// A relative path that goes nowhere but down.
fn is_path(path: &str) -> bool {
    path.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
        && !path.contains(|c: char| c.is_control() || c == '\\')
}
