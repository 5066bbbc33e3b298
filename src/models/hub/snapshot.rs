//! The files of one repository at one revision: those in the cache, and those that a server has.

use super::disk::Lock;
use super::hash::Hash;
use super::http::Line;
use super::jobs::{self, Job};
use super::layout::{Entry, RepoCache, files_below};
use super::names::{is_pattern, is_sha256};
use super::repository::{Place, changed};
use super::settings::Settings;
use super::target::{Pick, Wanted};
use super::transfer::{Outcome, Transfer};
use crate::error::{Error, ErrorKind, Result};
use crate::parallel::Ctx;
use crate::{bail, ensure};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How often a file may change while it is downloaded.
const CHANGES: usize = 3;

/// Where a repository's files are.
pub struct Snapshot {
    pub commit: String,
    pub folder: PathBuf,
    pub files: Vec<Had>,
}

pub struct Had {
    pub pick: Pick,
    /// From the root of the repository.
    pub path: String,
    pub file: PathBuf,
}

/// What there is to download for one repository.
pub struct Plan {
    cache: RepoCache,
    place: Place,
    revision: String,
    files: Vec<(Pick, Entry)>,
}

/// Whether files may be missing from a snapshot whose repository was never listed here.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Everything must be known to be there.
    Sure,
    /// What is there will do: a download by another program, which left no listing.
    Likely,
}

/// The snapshot in the cache, if all that is wanted is there; else what is missing.
pub fn cached(wanted: &Wanted, settings: &Settings, trust: Trust) -> Result<std::result::Result<Snapshot, String>> {
    let cache = RepoCache::new(&settings.cache, &wanted.id);
    let Some(commit) = cache.known_commit(&wanted.revision) else {
        return Ok(Err(format!("its revision {:?} was never downloaded", wanted.revision)));
    };
    let listing = cache.listing(&commit);
    let patterns = wanted.picks.iter().any(|pick| is_pattern(&pick.path));
    if listing.is_none() && patterns && trust == Trust::Sure {
        return Ok(Err("it was never listed".into()));
    }
    let paths: Vec<String> = match &listing {
        Some(entries) => entries.iter().map(|entry| entry.path.clone()).collect(),
        None => files_below(&cache.snapshot(&commit)),
    };
    let chosen = match wanted.choose(&paths, settings) {
        Ok(chosen) => chosen,
        Err(error) => return Ok(Err(error.message)),
    };
    let mut files = Vec::new();
    for (pick, path) in chosen {
        let entry = listing.iter().flatten().find(|entry| entry.path == path);
        match entry.map_or_else(|| cache.file(&commit, path), |entry| cache.has(&commit, entry)) {
            Some(file) if !is_pinned(pick, entry, &file)? => {
                return Ok(Err(format!("{path:?} is not what the card pins")));
            }
            Some(file) => files.push(Had { pick: pick.clone(), path: path.into(), file }),
            None if pick.optional && trust == Trust::Likely => {}
            None => return Ok(Err(format!("{path:?} is missing"))),
        }
    }
    if files.is_empty() {
        return Ok(Err("there is none of its files".into()));
    }
    Ok(Ok(Snapshot { folder: cache.snapshot(&commit), commit, files }))
}

/// The snapshot in the cache, or the error of a call that may not use the network.
pub fn offline(wanted: &Wanted, settings: &Settings) -> Result<Snapshot> {
    match cached(wanted, settings, Trust::Likely)? {
        Ok(snapshot) => Ok(snapshot),
        Err(missing) => bail!(
            Offline,
            "{}: is not in the cache {} ({missing}), and the network may not be used: the option offline or HF_HUB_OFFLINE is set",
            wanted.id,
            settings.cache.display()
        ),
    }
}

impl Plan {
    /// Asks the server for the commit and the files. With one in the cache to fall back to, it is asked once.
    pub fn make(ctx: &Ctx, line: &Arc<Line>, wanted: &Wanted, settings: &Settings, patient: bool) -> Result<Self> {
        let asked = Place { id: wanted.id.clone(), revision: wanted.revision.clone() };
        let cache = RepoCache::new(&settings.cache, &wanted.id);
        let known = cache.clone();
        let (commit, entries) = jobs::one(ctx, line, move |line| {
            let commit = asked.commit(line, patient)?;
            let listing = known.listing(&commit);
            let place = Place { revision: commit.clone(), ..asked };
            let entries = match listing {
                Some(entries) => entries,
                None => place.list(line, patient)?,
            };
            Ok((commit, entries))
        })?;
        let paths: Vec<String> = entries.iter().map(|entry| entry.path.clone()).collect();
        let files = wanted
            .choose(&paths, settings)?
            .into_iter()
            .filter_map(|(pick, path)| Some((pick.clone(), entries.iter().find(|entry| entry.path == path)?.clone())))
            .collect();
        if cache.listing(&commit).is_none() {
            cache.write_listing(&commit, &entries)?;
        }
        let place = Place { id: wanted.id.clone(), revision: commit };
        Ok(Self { cache, place, revision: wanted.revision.clone(), files })
    }

    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|(_, entry)| entry.size).sum()
    }

    /// How many bytes are not on the disk.
    pub fn missing(&self, settings: &Settings) -> u64 {
        let there = |entry: &Entry| if settings.force { 0 } else { self.there(entry) };
        self.files.iter().map(|(_, entry)| entry.size.saturating_sub(there(entry))).sum()
    }

    /// How many bytes of a file are on the disk: at this commit, as a blob of another one, or as the beginning of a blob.
    /// The names of blobs are the hashes that the server lists.
    fn there(&self, entry: &Entry) -> u64 {
        if self.cache.has(&self.place.revision, entry).is_some() {
            return entry.size;
        }
        let size = |path: PathBuf| std::fs::metadata(path).map_or(0, |there| there.len());
        match entry.hash() {
            Some(hash) if size(self.cache.blob(hash.text())) == entry.size => entry.size,
            // One that is too long is begun anew.
            Some(hash) => Some(size(self.cache.partial(hash.text()))).filter(|&had| had <= entry.size).unwrap_or(0),
            None => 0,
        }
    }

    /// One job for each file.
    pub fn jobs(&self, settings: &Settings) -> Vec<Job<PathBuf>> {
        let force = settings.force;
        let job = |(pick, entry): &(Pick, Entry)| {
            let (cache, place, pick, entry) = (self.cache.clone(), self.place.clone(), pick.clone(), entry.clone());
            Box::new(move |line: &Line| have(line, &cache, &place, &pick, &entry, force)) as Job<PathBuf>
        };
        self.files.iter().map(job).collect()
    }

    /// After all jobs are done: the revision stands for the commit.
    pub fn finish(self, files: Vec<PathBuf>) -> Result<Snapshot> {
        self.cache.write_ref(&self.revision, &self.place.revision)?;
        let folder = self.cache.snapshot(&self.place.revision);
        let files = self
            .files
            .into_iter()
            .zip(files)
            .map(|((pick, entry), file)| Had { pick, path: entry.path, file })
            .collect();
        Ok(Snapshot { commit: self.place.revision, folder, files })
    }
}

/// Sees to it that a file is in the cache.
fn have(line: &Line, cache: &RepoCache, place: &Place, pick: &Pick, entry: &Entry, force: bool) -> Result<PathBuf> {
    let path = &entry.path;
    if let Some(file) = cache.has(&place.revision, entry)
        && !force
        && is_pinned(pick, Some(entry), &file)?
    {
        line.pulse.add(entry.size);
        return Ok(file);
    }
    let name = format!("{}/{path}", place.id);
    for _ in 0..CHANGES {
        let seen = place.look_at(line, path)?;
        let size = seen.size.unwrap_or(entry.size);
        ensure!(size == entry.size, Checksum, "{name}: is listed with {} bytes and offered with {size}", entry.size);
        if let Some(pinned) = pick.size {
            ensure!(size == pinned, Checksum, "{name}: has {size} bytes, the card says {pinned}");
        }
        let hash = agreed(&name, pick, entry, &seen.etag)?;
        cache.make_folders()?;
        let _lock = Lock::take(&cache.lock(&seen.etag), &line.pulse)?;
        let blob = cache.blob(&seen.etag);
        let whole = !force && std::fs::metadata(&blob).is_ok_and(|there| there.len() == size);
        // The name of a blob is its hash; where another is stated it is computed.
        let named = || hash.as_ref().is_none_or(|hash| hash.text() == seen.etag);
        let right = || hash.as_ref().map_or(Ok(true), |hash| is_of(hash, &blob, line));
        if whole && (named() || right()?) {
            line.pulse.add(size);
            return cache.point(&place.revision, path, &seen.etag);
        }
        let transfer = Transfer {
            url: place.file_url(line, path),
            about: place.about(line, Some(path)),
            etag: Some(seen.etag.clone()),
            size: Some(size),
            hash,
            partial: cache.partial(&seen.etag),
            resumable: !force,
            file: blob,
        };
        if transfer.fetch(line)? == Outcome::Done {
            return cache.point(&place.revision, path, &seen.etag);
        }
    }
    Err(changed(&name))
}

fn is_of(hash: &Hash, blob: &Path, line: &Line) -> Result<bool> {
    Ok(hash.found(blob, |_| line.pulse.check())? == hash.text())
}

/// Whether a file in the cache is the one that the card pins. Of a large file the listing or the name of its blob says so;
/// what only git names is hashed.
fn is_pinned(pick: &Pick, entry: Option<&Entry>, file: &Path) -> Result<bool> {
    let size = std::fs::metadata(file).map_or(0, |there| there.len());
    if pick.size.is_some_and(|pinned| pinned != size) {
        return Ok(false);
    }
    let Some(pinned) = &pick.sha256 else { return Ok(true) };
    let listed = entry.and_then(|entry| entry.sha256.clone());
    let named = || {
        let blob = std::fs::read_link(file).ok()?;
        blob.file_name()?.to_str().filter(|name| is_sha256(name)).map(String::from)
    };
    match listed.or_else(named) {
        Some(known) => Ok(known == *pinned),
        None => Ok(Hash::Sha256(pinned.clone()).found(file, |_| Ok(()))? == *pinned),
    }
}

/// The hash that the file must have: the card's, the listing's and the etag's, which may not contradict each other.
fn agreed(name: &str, pick: &Pick, entry: &Entry, etag: &str) -> Result<Option<Hash>> {
    let card = pick.sha256.clone().map(Hash::Sha256);
    let all = [("the card", card), ("the listing", entry.hash()), ("the etag", Hash::of_etag(etag))];
    let mut agreed: Option<(&str, Hash)> = None;
    for (whose, hash) in all {
        let Some(hash) = hash else { continue };
        match &agreed {
            Some((first, known))
                if std::mem::discriminant(known) == std::mem::discriminant(&hash) && *known != hash =>
            {
                let message = format!("{name}: {first} says its hash is {}, {whose} {}", known.text(), hash.text());
                return Err(Error::new(ErrorKind::Checksum, message));
            }
            Some(_) => {}
            None => agreed = Some((whose, hash)),
        }
    }
    Ok(agreed.map(|(_, hash)| hash))
}
