//! What a name stands for: repositories and addresses, and which of their files.

use super::names::{check_repository, check_revision, is_file, is_pattern};
use super::settings::Settings;
use crate::error::Result;
use crate::models::likeness::fits;
use crate::models::registry::{self, Card, CardFile, Source};
use crate::{bail, ensure};

/// A model's files, wherever they are.
pub struct Target {
    /// The card's id, or the repository's name.
    pub name: String,
    pub card: Option<Card>,
    /// The model's own repository, if it has one, comes first.
    pub parts: Vec<Part>,
    /// The cards whose licence must be acknowledged: any one of them says it for all.
    licensed: Vec<Card>,
}

pub enum Part {
    Repository(Wanted),
    Address(Address),
}

/// Files of one repository at one revision.
#[derive(Clone)]
pub struct Wanted {
    pub id: String,
    pub revision: String,
    /// Where the model is in it.
    pub subfolder: Option<String>,
    /// Whether it is the model's own, and not one from which a file is borrowed.
    pub own: bool,
    pub picks: Vec<Pick>,
}

/// A file of a repository, or those that fit a pattern.
#[derive(Clone)]
pub struct Pick {
    /// From the root of the repository.
    pub path: String,
    /// Under which name the family asks for it, where it is not found in the model's folder under its own.
    pub name: Option<String>,
    pub optional: bool,
    pub size: Option<u64>,
    pub sha256: Option<String>,
    /// Only what a model may be made of: not the weights again in another format, not pictures.
    pub useful: bool,
}

/// A file at a plain address.
#[derive(Clone)]
pub struct Address {
    pub url: String,
    /// Its own name.
    pub file: String,
    pub name: String,
    pub size: Option<u64>,
    pub sha256: Option<String>,
}

/// `organisation/name[@revision][:subfolder]`.
pub struct Spelt {
    pub id: String,
    pub revision: Option<String>,
    pub subfolder: Option<String>,
}

impl Spelt {
    pub fn parse(what: &str) -> Result<Self> {
        let (rest, subfolder) = what.split_once(':').map_or((what, None), |(rest, folder)| (rest, Some(folder)));
        let (id, revision) = rest.split_once('@').map_or((rest, None), |(id, revision)| (id, Some(revision)));
        check_repository(id)?;
        if let Some(revision) = revision {
            check_revision(revision)?;
        }
        let subfolder = subfolder.map(|folder| folder.trim_matches('/')).filter(|folder| !folder.is_empty());
        ensure!(
            subfolder.is_none_or(is_file),
            InvalidArgument,
            "subfolder: is {:?}, must be a folder of the repository",
            subfolder.unwrap_or_default()
        );
        Ok(Self { id: id.into(), revision: revision.map(Into::into), subfolder: subfolder.map(Into::into) })
    }
}

impl Target {
    /// A registered model, or a repository.
    pub fn named(what: &str, settings: &Settings) -> Result<Self> {
        if let Some(card) = registry::lookup(what)? {
            return Self::of_card(card, settings);
        }
        if !what.contains('/') {
            return Err(registry::unknown(what));
        }
        Self::of_repository(Spelt::parse(what)?, settings)
    }

    fn of_card(card: Card, settings: &Settings) -> Result<Self> {
        let mut parts: Vec<Part> = Vec::new();
        if let Source::Local { folder: Some(folder), .. } = &card.source {
            bail!(
                InvalidArgument,
                "{}: is a folder of this machine, {}: there is nothing to download, keep or remove",
                card.id,
                folder.display()
            );
        }
        if let Source::Local { page, .. } = &card.source {
            let page = page.as_deref().unwrap_or("its authors' page");
            bail!(
                NotFound,
                "{}: is downloaded by hand: see {page}; then open the folder that its files are in, or register a card with \"local\": \
                 that folder",
                card.id
            );
        }
        for file in &card.files {
            let source = file.source.as_ref().unwrap_or(&card.source);
            let own = file.source.is_none();
            match source {
                Source::Repository { id, revision, subfolder } => {
                    check_repository(id)?;
                    let revision = settings.revision.as_ref().filter(|_| own).unwrap_or(revision);
                    let pick = pick(file, &card, subfolder.as_deref(), own);
                    add_pick(
                        &mut parts,
                        Wanted {
                            id: id.clone(),
                            revision: revision.clone(),
                            subfolder: subfolder.clone(),
                            own,
                            picks: vec![pick],
                        },
                    );
                }
                Source::Address(url) => parts.push(Part::Address(address(file, &card, url, own))),
                Source::Local { .. } => {}
            }
        }
        parts.sort_by_key(|part| !matches!(part, Part::Repository(wanted) if wanted.own));
        let licensed = card.licence.acknowledge.then(|| card.clone()).into_iter().collect();
        Ok(Self { name: card.id.clone(), card: Some(card), parts, licensed })
    }

    /// A repository that a single card is about is that card's model, at another revision perhaps.
    fn of_repository(spelt: Spelt, settings: &Settings) -> Result<Self> {
        let mut cards = registry::of_repository(&spelt.id, spelt.subfolder.as_deref())?;
        let revision = settings.revision.clone().or(spelt.revision);
        if cards.len() == 1 {
            let settings = Settings { revision, ..settings.clone() };
            return Self::of_card(cards.remove(0), &settings);
        }
        let pattern = spelt.subfolder.as_ref().map_or("*".into(), |folder| format!("{folder}/*"));
        let pick = Pick { path: pattern, name: None, optional: false, size: None, sha256: None, useful: true };
        let wanted = Wanted {
            id: spelt.id.clone(),
            revision: revision.unwrap_or_else(|| "main".into()),
            subfolder: spelt.subfolder,
            own: true,
            picks: vec![pick],
        };
        if cards.len() > 1 && settings.allow.is_empty() {
            let ids: Vec<&str> = cards.iter().map(|card| card.id.as_str()).collect();
            bail!(
                InvalidArgument,
                "{}: holds several models; name one of them: {} (or what to download by the option allow)",
                spelt.id,
                crate::models::options::listed(&ids)
            );
        }
        // Whichever of the models it is, in whichever folder, its licence is the repository's.
        let all = registry::of_repository(&spelt.id, None)?;
        let licensed = all.into_iter().filter(|card| card.licence.acknowledge).collect();
        Ok(Self { name: spelt.id, card: None, parts: vec![Part::Repository(wanted)], licensed })
    }

    /// Fails if the licence must be acknowledged and was not.
    pub fn check_licence(&self, settings: &Settings) -> Result<()> {
        let Some(card) = self.licensed.first() else { return Ok(()) };
        if self.licensed.iter().any(|card| settings.acknowledged.has(&card.id)) {
            return Ok(());
        }
        bail!(
            Licence,
            "{}: its licence must be acknowledged before it is downloaded: {}, {}; say so by acknowledge_licence = true, or by \
             SCNATIVE_ACCEPT_LICENCE={}",
            card.id,
            card.licence.name,
            card.licence.url.as_deref().unwrap_or("no address given"),
            card.id
        )
    }
}

fn add_pick(parts: &mut Vec<Part>, wanted: Wanted) {
    for part in parts.iter_mut() {
        if let Part::Repository(known) = part
            && known.id == wanted.id
            && known.revision == wanted.revision
            && known.own == wanted.own
            && known.subfolder == wanted.subfolder
        {
            known.picks.extend(wanted.picks);
            return;
        }
    }
    parts.push(Part::Repository(wanted));
}

fn pick(file: &CardFile, card: &Card, subfolder: Option<&str>, own: bool) -> Pick {
    let path = subfolder.map_or(file.path.clone(), |folder| format!("{folder}/{}", file.path));
    let last = || file.path.rsplit('/').next().unwrap_or(&file.path).to_string();
    Pick {
        path,
        name: file.name.clone().or_else(|| (!own).then(last)),
        optional: file.optional,
        size: file.size.filter(|_| !card.unchecked),
        sha256: file.sha256.clone(),
        useful: false,
    }
}

fn address(file: &CardFile, card: &Card, url: &str, own: bool) -> Address {
    let last = file.path.rsplit('/').next().unwrap_or(&file.path).to_string();
    // A model's address is that of a folder, a file's its own.
    let url = if own {
        format!("{}/{}", url.trim_end_matches('/'), super::http::escaped(&file.path))
    } else {
        url.to_string()
    };
    Address {
        url,
        name: file.name.clone().unwrap_or_else(|| if own { file.path.clone() } else { last.clone() }),
        file: last,
        size: file.size.filter(|_| !card.unchecked),
        sha256: file.sha256.clone(),
    }
}

/// What no model is made of, or what is there a second time beside safetensors.
const USELESS: &[&str] = &[
    "*.gitattributes",
    "*.gitignore",
    "*.md",
    "*.png",
    "*.jpg",
    "*.pdf",
    "*.h5",
    "*.msgpack",
    "*.onnx",
    "*.ipynb",
    "*.py",
];
const OTHER_WEIGHTS: &[&str] =
    &["*pytorch_model*.bin", "*pytorch_model*.bin.index.json", "*.ckpt", "*training_args.bin", "*optimizer.pt"];

impl Wanted {
    /// The files that are wanted among those that there are, each with its pick; an error if one is not there.
    pub fn choose<'a>(&'a self, paths: &'a [String], settings: &Settings) -> Result<Vec<(&'a Pick, &'a str)>> {
        let mut chosen: Vec<(&Pick, &str)> = Vec::new();
        for pick in &self.picks {
            let before = chosen.len();
            let safetensors = paths.iter().any(|path| pick.fits(path) && path.ends_with("model.safetensors"));
            for path in paths.iter().filter(|path| pick.fits(path)) {
                let useless = |patterns: &[&str]| patterns.iter().any(|pattern| fits(pattern, path));
                let left_out = pick.useful && (useless(USELESS) || safetensors && useless(OTHER_WEIGHTS));
                if !left_out && settings.lets(path) && !chosen.iter().any(|(_, known)| known == path) {
                    chosen.push((pick, path));
                }
            }
            let there = chosen.len() > before || paths.iter().any(|path| pick.fits(path));
            if !pick.optional && !there {
                bail!(NotFound, "{}: has no file {:?} at the revision {:?}", self.id, pick.path, self.revision);
            }
        }
        Ok(chosen)
    }
}

impl Pick {
    fn fits(&self, path: &str) -> bool {
        if is_pattern(&self.path) { fits(&self.path, path) } else { self.path == path }
    }
}
