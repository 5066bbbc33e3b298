//! Removal: of a model, of a revision, of what is left over.

use super::super::address;
use super::super::disk::{Lock, failed, is_temporary};
use super::super::layout::RepoCache;
use super::super::names::is_commit;
use super::super::settings::Settings;
use super::super::target::{Part, Spelt, Target, Wanted};
use super::survey::{Survey, names_in, surveys};
use crate::error::Result;
use crate::models::likeness::fits;
use crate::models::options::Options;
use crate::models::registry::{self, Card, Source};
use crate::{bail, ensure};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What was removed, for the report.
#[derive(Default)]
struct Removed {
    files: Vec<String>,
    freed: u64,
    /// What another process is at.
    busy: Vec<String>,
}

impl Removed {
    fn json(self) -> Value {
        json!({"removed": self.files, "freed_bytes": self.freed, "busy": self.busy})
    }

    /// Removes a file; one that is gone already is as good.
    fn take(&mut self, path: &Path, counts: bool) -> Result<()> {
        let size = fs::symlink_metadata(path).map_or(0, |there| there.len());
        match fs::remove_file(path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(path, "remove", &error)),
        }
        if counts {
            self.freed += size;
        }
        self.files.push(path.display().to_string());
        Ok(())
    }
}

/// Removes a model from the cache: of a card its files, as far as no other card in the cache has them too; of
/// `organisation/name` everything, or with the option `revision` that revision; and blobs that nothing stands for any more.
///
/// Gives `{"removed": [paths], "freed_bytes": bytes, "busy": [what another process is downloading and was left]}`.
pub fn remove(what: &str, options: &Options) -> Result<Value> {
    let settings = Settings::from(options)?;
    options.finish()?;
    let mut removed = Removed::default();
    match Spelt::parse(what) {
        Ok(spelt) if is_there(&settings, &spelt.id) => {
            let revision = settings.revision.clone().or(spelt.revision);
            let survey = survey(&settings, &spelt.id)?;
            let commits = commits(&survey, revision.as_deref())?;
            let within = spelt.subfolder.map(|folder| format!("{folder}/*"));
            clear(
                &settings,
                &survey,
                &commits,
                |path| within.as_ref().is_none_or(|pattern| fits(pattern, path)),
                &mut removed,
            )?;
        }
        _ => remove_card(what, &settings, &mut removed)?,
    }
    ensure!(
        !removed.files.is_empty() || !removed.busy.is_empty(),
        NotFound,
        "{what}: is not in the cache {}",
        settings.cache.display()
    );
    Ok(removed.json())
}

fn is_there(settings: &Settings, id: &str) -> bool {
    RepoCache::new(&settings.cache, id).folder().is_dir()
}

fn survey(settings: &Settings, id: &str) -> Result<Survey> {
    Survey::of(&RepoCache::new(&settings.cache, id).folder(), id.into())
}

/// The commits that a revision names: all without one.
fn commits(survey: &Survey, revision: Option<&str>) -> Result<Vec<String>> {
    let Some(revision) = revision else { return Ok(survey.snapshots.keys().cloned().collect()) };
    let commit = survey.refs.get(revision).map_or(revision, String::as_str);
    ensure!(
        survey.snapshots.contains_key(commit),
        NotFound,
        "revision: {revision:?} of {} is not in the cache; there are {}",
        survey.id,
        crate::models::options::listed(&survey.snapshots.keys().chain(survey.refs.keys()).collect::<Vec<_>>())
    );
    Ok(vec![commit.to_string()])
}

fn remove_card(what: &str, settings: &Settings, removed: &mut Removed) -> Result<()> {
    let target = Target::named(what, settings)?;
    let others: Vec<Card> = registry::cards()?.into_iter().filter(|card| card.id != target.name).collect();
    for part in &target.parts {
        match part {
            Part::Repository(wanted) if is_there(settings, &wanted.id) => {
                let survey = survey(settings, &wanted.id)?;
                let commits = commits(&survey, settings.revision.as_deref().filter(|_| wanted.own))?;
                let goes = |path: &str| its(wanted, path) && !others.iter().any(|card| needs(card, &survey, path));
                clear(settings, &survey, &commits, goes, removed)?;
            }
            Part::Repository(_) => {}
            Part::Address(address) => remove_address(settings, &address.folder(settings), removed)?,
        }
    }
    Ok(())
}

fn its(wanted: &Wanted, path: &str) -> bool {
    wanted.picks.iter().any(|pick| pick.path == path || fits(&pick.path, path))
}

/// Whether a card, of which the weights are in the cache, has this file of the repository.
fn needs(card: &Card, survey: &Survey, path: &str) -> bool {
    let at = |source: &Source, file: &str| match source {
        Source::Repository { id, subfolder, .. } if *id == survey.id => {
            Some(subfolder.as_ref().map_or(file.to_string(), |folder| format!("{folder}/{file}")))
        }
        _ => None,
    };
    let paths: Vec<(String, &str)> = card
        .files
        .iter()
        .filter_map(|file| Some((at(file.source.as_ref().unwrap_or(&card.source), &file.path)?, file.role.as_str())))
        .collect();
    let has = |pattern: &str| survey.snapshots.values().any(|files| files.keys().any(|file| fits(pattern, file)));
    paths.iter().any(|(pattern, _)| fits(pattern, path))
        && paths.iter().any(|(pattern, role)| *role == "weights" && !fits(pattern, path) && has(pattern))
}

/// Removes files of snapshots, then what they leave behind.
fn clear(
    settings: &Settings,
    survey: &Survey,
    commits: &[String],
    goes: impl Fn(&str) -> bool,
    removed: &mut Removed,
) -> Result<()> {
    let cache = RepoCache::new(&settings.cache, &survey.id);
    for commit in commits {
        let Some(files) = survey.snapshots.get(commit) else { continue };
        // A revision that is about to lose files no longer stands for a whole snapshot.
        if files.keys().all(|path| goes(path)) {
            for (name, _) in survey.refs.iter().filter(|(_, of)| *of == commit) {
                removed.take(&survey.folder.join("refs").join(name), false)?;
            }
            cache.remove_listing(commit);
        }
        for (path, pointer) in files.iter().filter(|(path, _)| goes(path)) {
            removed.take(&cache.snapshot(commit).join(path), pointer.blob.is_none())?;
        }
        remove_empty(&cache.snapshot(commit));
    }
    let after = self::survey(settings, &survey.id)?;
    for blob in survey.blobs.keys().filter(|blob| survey.is_used(blob) && !after.is_used(blob)) {
        remove_blob(&cache, blob, removed)?;
    }
    if after.snapshots.is_empty() {
        tidy(settings, &after, removed)?;
    }
    Ok(())
}

/// Removes a blob that nothing stands for by now, and what there is of one so far, unless somebody is at it.
fn remove_blob(cache: &RepoCache, blob: &str, removed: &mut Removed) -> Result<()> {
    cache.make_folders()?;
    let Some(_lock) = Lock::try_take(&cache.lock(blob))? else {
        removed.busy.push(format!("{}: {blob}", cache.id));
        return Ok(());
    };
    if !Survey::of(&cache.folder(), cache.id.clone())?.is_used(blob) {
        removed.take(&cache.blob(blob), true)?;
    }
    removed.take(&cache.partial(blob), true)
}

/// Removes folders in which nothing is left, from the inside out.
fn remove_empty(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_empty(&entry.path());
        }
    }
    let _ = fs::remove_dir(folder);
}

fn remove_address(settings: &Settings, folder: &Path, removed: &mut Removed) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    let Some(_lock) = lock_of_address(settings, folder)? else {
        removed.busy.push(folder.display().to_string());
        return Ok(());
    };
    for name in names_in(folder)? {
        removed.take(&folder.join(name), true)?;
    }
    remove_empty(folder);
    Ok(())
}

fn lock_of_address(settings: &Settings, folder: &Path) -> Result<Option<Lock>> {
    let Some(key) = folder.file_name().and_then(|key| key.to_str()) else {
        bail!(Io, "{}: has no name", folder.display())
    };
    let locks = super::super::disk::folder_below(&settings.cache, &Path::new(".locks").join(address::FOLDER))?;
    Lock::try_take(&locks.join(format!("{key}.lock")))
}

/// Removes what is of no use: blobs that no snapshot has, what interrupted downloads left, links that lead nowhere, folders
/// in which nothing is, branches of which no snapshot is there. What another process is downloading is left.
///
/// Gives what [`remove`] gives.
pub fn prune(options: &Options) -> Result<Value> {
    let settings = Settings::from(options)?;
    options.finish()?;
    let mut removed = Removed::default();
    for survey in surveys(&settings)? {
        tidy(&settings, &survey, &mut removed)?;
    }
    let addresses = settings.cache.join(address::FOLDER);
    for key in names_in(&addresses)? {
        prune_address(&settings, &addresses.join(key), &mut removed)?;
    }
    Ok(removed.json())
}

fn tidy(settings: &Settings, survey: &Survey, removed: &mut Removed) -> Result<()> {
    let cache = RepoCache::new(&settings.cache, &survey.id);
    for (commit, files) in &survey.snapshots {
        for (path, _) in files.iter().filter(|(_, pointer)| pointer.size.is_none()) {
            removed.take(&cache.snapshot(commit).join(path), false)?;
        }
        remove_empty(&cache.snapshot(commit));
    }
    for path in temporary_below(&survey.folder) {
        removed.take(&path, true)?;
    }
    let unused: BTreeSet<&String> =
        survey.blobs.keys().filter(|blob| !survey.is_used(blob)).chain(survey.partial.keys()).collect();
    for blob in unused {
        remove_blob(&cache, blob, removed)?;
    }
    let after = self::survey(settings, &survey.id)?;
    for (name, commit) in after.refs.iter().filter(|(_, commit)| !after.snapshots.contains_key(*commit)) {
        removed.take(&survey.folder.join("refs").join(name), false)?;
        if is_commit(commit) {
            cache.remove_listing(commit);
        }
    }
    for name in names_in(&survey.folder.join("listing"))? {
        let commit = name.trim_end_matches(".json");
        if !after.snapshots.contains_key(commit) {
            removed.take(&survey.folder.join("listing").join(&name), false)?;
        }
    }
    if after.snapshots.is_empty() && after.blobs.is_empty() && after.partial.is_empty() {
        remove_empty(&survey.folder);
    }
    Ok(())
}

/// What a crash left unfinished: what is older than an hour, since younger ones may be somebody's.
fn temporary_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, kind) = (entry.path(), entry.file_type());
        if kind.is_ok_and(|kind| kind.is_dir()) {
            found.extend(temporary_below(&path));
            continue;
        }
        let age =
            fs::symlink_metadata(&path).and_then(|there| there.modified()).ok().and_then(|time| time.elapsed().ok());
        if is_temporary(&entry.file_name().to_string_lossy()) && age.is_some_and(|age| age > Duration::from_secs(3600))
        {
            found.push(path);
        }
    }
    found
}

fn prune_address(settings: &Settings, folder: &Path, removed: &mut Removed) -> Result<()> {
    let Some(_lock) = lock_of_address(settings, folder)? else {
        removed.busy.push(folder.display().to_string());
        return Ok(());
    };
    for name in names_in(folder)?.into_iter().filter(|name| name.ends_with("incomplete") || name.ends_with(".tmp")) {
        removed.take(&folder.join(name), true)?;
    }
    remove_empty(folder);
    Ok(())
}
