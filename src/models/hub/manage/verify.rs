//! Files in the cache against the hashes that they were promised to have.

use super::super::disk::{Lock, failed};
use super::super::hash::Hash;
use super::super::layout::RepoCache;
use super::super::settings::Settings;
use super::super::snapshot::{Trust, cached};
use super::super::target::{Address, Part, Target, Wanted};
use crate::bail;
use crate::error::Result;
use crate::models::options::Options;
use crate::parallel::Ctx;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// A file and the hash that it should have, if that is known.
struct Check {
    /// Of a file of a repository.
    cache: Option<RepoCache>,
    path: String,
    file: PathBuf,
    hash: Option<Hash>,
    size: Option<u64>,
}

/// Computes the hashes of a model's files anew. Options: the hub's, and `remove_corrupt` (false): whether to remove what is corrupt,
/// so that the next download brings it again.
///
/// Gives `{"id", "ok": [paths], "corrupt": [{"path", "expected", "found"}], "missing": [paths], "unpinned": [paths of files
/// whose hash nobody stated], "removed": [files]}`.
pub fn verify(ctx: &Ctx, what: &str, options: &Options) -> Result<Value> {
    let settings = Settings::from(options)?;
    let remove = options.flag("remove_corrupt")?.unwrap_or(false);
    options.finish()?;
    let target = Target::named(what, &settings)?;
    let mut checks = Vec::new();
    for part in &target.parts {
        match part {
            Part::Repository(wanted) => of_repository(wanted, &settings, &mut checks)?,
            Part::Address(address) => checks.push(of_address(address, &settings)),
        }
    }
    let size = |check: &Check| fs::metadata(&check.file).map_or(0, |there| there.len());
    let total = checks.iter().map(size).sum::<u64>().max(1) as f64;
    let mut done = 0u64;
    let (mut ok, mut corrupt, mut missing, mut unpinned, mut removed) = (vec![], vec![], vec![], vec![], vec![]);
    for check in &checks {
        if !check.file.is_file() {
            missing.push(check.path.clone());
            continue;
        }
        let there = size(check);
        if let Some(promised) = check.size.filter(|&promised| promised != there) {
            corrupt.push(
                json!({"path": check.path, "expected": format!("{promised} bytes"), "found": format!("{there} bytes")}),
            );
        } else if let Some(hash) = &check.hash {
            let found = hash.found(&check.file, |bytes| {
                done += bytes;
                ctx.poll(done as f64 / total)
            })?;
            if found == hash.text() {
                ok.push(check.path.clone());
                continue;
            }
            corrupt.push(json!({"path": check.path, "expected": hash.text(), "found": found}));
        } else {
            unpinned.push(check.path.clone());
            continue;
        }
        if !remove {
            continue;
        }
        match &check.cache {
            None => removed.extend(gone(check.file.clone())?),
            Some(cache) => removed.extend(remove_both(ctx, cache, &check.file)?),
        }
    }
    Ok(json!({
        "id": target.name, "ok": ok, "corrupt": corrupt, "missing": missing, "unpinned": unpinned, "removed": removed,
    }))
}

/// Removes a file of a snapshot, and the blob that it stands for unless somebody is at it. Of a link that leads elsewhere
/// only the link goes; what lies in a folder that is elsewhere stays.
fn remove_both(ctx: &Ctx, cache: &RepoCache, file: &Path) -> Result<Vec<PathBuf>> {
    let real = |path: &Path| fs::canonicalize(path).ok();
    let (folder, around) = (real(&cache.folder()), file.parent().and_then(real));
    if !folder.zip(around).is_some_and(|(folder, around)| around.starts_with(folder)) {
        ctx.warn(&format!("{}: lies outside of the cache and is left", file.display()));
        return Ok(Vec::new());
    }
    let blobs = real(&cache.folder().join("blobs"));
    let blob = real(file).filter(|blob| blobs.is_some() && blob.parent() == blobs.as_deref());
    let etag = blob.as_ref().and_then(|blob| blob.file_name()?.to_str());
    let (Some(blob), Some(etag)) = (&blob, etag) else { return Ok(gone(file.into())?.into_iter().collect()) };
    cache.make_folders()?;
    let Some(_lock) = Lock::try_take(&cache.lock(etag))? else {
        ctx.warn(&format!("{}: is being downloaded by somebody else and is left", file.display()));
        return Ok(Vec::new());
    };
    Ok(gone(file.into())?.into_iter().chain(gone(blob.clone())?).collect())
}

/// Removes a file or a link; none if it is not there.
fn gone(path: PathBuf) -> Result<Option<PathBuf>> {
    match fs::remove_file(&path) {
        Ok(()) => Ok(Some(path)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(&path, "remove", &error)),
    }
}

fn of_repository(wanted: &Wanted, settings: &Settings, checks: &mut Vec<Check>) -> Result<()> {
    let cache = RepoCache::new(&settings.cache, &wanted.id);
    let Some(commit) = cache.known_commit(&wanted.revision) else {
        bail!(NotFound, "{}: is not in the cache {}", wanted.id, settings.cache.display());
    };
    let Some(listing) = cache.listing(&commit) else { return unlisted(wanted, settings, &cache, &commit, checks) };
    let paths: Vec<String> = listing.iter().map(|entry| entry.path.clone()).collect();
    for (pick, path) in wanted.choose(&paths, settings)? {
        let entry = listing.iter().find(|entry| entry.path == path);
        let pinned = pick.sha256.clone().map(Hash::Sha256);
        checks.push(Check {
            cache: Some(cache.clone()),
            path: path.into(),
            file: cache.snapshot(&commit).join(path),
            hash: pinned.or_else(|| entry.and_then(|entry| entry.hash())),
            size: entry.map(|entry| entry.size),
        });
    }
    Ok(())
}

/// Of a download that left no listing: the names of blobs are hashes too.
fn unlisted(
    wanted: &Wanted,
    settings: &Settings,
    cache: &RepoCache,
    commit: &str,
    checks: &mut Vec<Check>,
) -> Result<()> {
    let snapshot = match cached(wanted, settings, Trust::Likely)? {
        Ok(snapshot) => snapshot,
        Err(why) => bail!(NotFound, "{}: is not in the cache {}: {why}", wanted.id, settings.cache.display()),
    };
    for had in snapshot.files {
        let link = fs::read_link(cache.snapshot(commit).join(&had.path)).ok();
        let etag = link.and_then(|to| Some(to.file_name()?.to_str()?.to_string()));
        let hash = had.pick.sha256.map(Hash::Sha256).or_else(|| Hash::of_etag(etag.as_deref()?));
        checks.push(Check { cache: Some(cache.clone()), path: had.path, file: had.file, hash, size: None });
    }
    Ok(())
}

fn of_address(address: &Address, settings: &Settings) -> Check {
    let file = address.file(settings);
    let hash = address.sha256.clone().map(Hash::Sha256);
    Check { cache: None, path: address.url.clone(), hash, size: address.size, file }
}
