//! The hub: a model's files, from Hugging Face or a plain address, into the cache that Hugging Face's own tools use.
//!
//! **Names.** [`locate`] and [`download`] take a registered model (see [`registry`]), or
//! `organisation/name[@revision][:subfolder]`.
//!
//! **The cache** has the layout of `huggingface_hub`, so that what either of us downloads the other finds (`layout`); files of
//! plain addresses have a folder beside it (`address`). Where it is, the server, the token and whether the network may be used
//! come from the call's options, then the variables that Hugging Face's tools read (`settings`).
//!
//! **Rules.**
//! - What is in the cache is used without a request: offline, and for a commit, always. For a branch the server is asked once
//!   what it stands for today; if it cannot be reached, a warning says that the cache is used.
//! - A file appears whole and verified, or not at all: it is written to `<etag>.incomplete`, has its size and its hash
//!   checked (the card's and the listing's sha256, git's name of small files), is synced and renamed. What an interrupted
//!   download leaves is the start of the next; what has the wrong hash is removed.
//! - A part of a file is taken only as the answer 206 with the right `Content-Range`; 200, 416 and a changed etag start anew.
//! - One process or thread downloads a file at a time; others wait for its lock, for as long as it takes, and look again.
//! - No name that a server gives becomes a path unchecked, and no link in the cache is followed out of it.
//! - A licence that must be acknowledged is, before the first request.
//! - No request is made on the calling thread, which reports progress in bytes and asks whether to stop fifty times a
//!   second.

mod address;
mod disk;
mod hash;
mod http;
mod jobs;
mod layout;
mod manage;
mod names;
mod repository;
mod settings;
mod snapshot;
mod target;
#[cfg(test)]
pub(in crate::models) mod tests;
mod transfer;

pub use manage::{cache, prune, remove, verify};
pub use settings::{OPTIONS, Settings};

use crate::error::{ErrorKind, Result};
use crate::models::options::Options;
use crate::models::registry::Card;
use crate::parallel::Ctx;
use http::Line;
use jobs::Job;
use serde_json::{Value, json};
use snapshot::{Plan, Snapshot, Trust, cached, offline};
use std::path::PathBuf;
use std::sync::Arc;
use target::{Address, Part, Target, Wanted};

#[cfg(doc)]
use crate::models::registry;

/// A model's files on this machine.
pub struct Located {
    /// The card's id, or the repository's name.
    pub name: String,
    pub card: Option<Card>,
    /// Where the model's own files are.
    pub folder: PathBuf,
    /// Files that lie elsewhere, by the name under which the family asks for them.
    pub elsewhere: Vec<(String, PathBuf)>,
    /// The commit of the model's own repository.
    pub commit: Option<String>,
    /// All files, by their paths at the source.
    pub files: Vec<(String, PathBuf)>,
    /// How many bytes were not there before.
    pub downloaded: u64,
}

/// Sees to it that a model's files are on this machine. Takes the hub's options: see [`Settings`].
///
/// Gives `{"id", "folder", "commit", "downloaded_bytes" (bytes), "files": [{"path", "file", "size"}], "elsewhere": {name: file}}`.
pub fn download(ctx: &Ctx, what: &str, options: &Options) -> Result<Value> {
    let settings = Settings::from(options)?;
    options.finish()?;
    let located = locate(ctx, what, &settings)?;
    let size = |file: &PathBuf| std::fs::metadata(file).map_or(0, |there| there.len());
    let files: Vec<Value> =
        located.files.iter().map(|(path, file)| json!({"path": path, "file": file, "size": size(file)})).collect();
    let elsewhere: serde_json::Map<String, Value> =
        located.elsewhere.iter().map(|(name, file)| (name.clone(), json!(file))).collect();
    Ok(json!({
        "id": located.name, "folder": located.folder, "commit": located.commit, "downloaded_bytes": located.downloaded, "files": files,
        "elsewhere": elsewhere,
    }))
}

/// [`download`] for those who go on in Rust.
pub fn locate(ctx: &Ctx, what: &str, settings: &Settings) -> Result<Located> {
    let target = Target::named(what, settings)?;
    let mut located = match from_cache(&target, settings)? {
        Some(parts) => gathered(&target, parts, settings),
        None => from_network(ctx, &target, settings)?,
    };
    located.card = target.card;
    Ok(located)
}

/// One part of a target on this machine.
enum Found {
    Snapshot(Snapshot),
    File(PathBuf),
}

/// What needs no request: everything, if the network may not be used; else what is pinned and complete.
fn from_cache(target: &Target, settings: &Settings) -> Result<Option<Vec<Found>>> {
    if settings.offline {
        let part = |part: &Part| match part {
            Part::Repository(wanted) => offline(wanted, settings).map(Found::Snapshot),
            Part::Address(address) => address.offline(settings).map(|()| Found::File(address.file(settings))),
        };
        return target.parts.iter().map(part).collect::<Result<_>>().map(Some);
    }
    if settings.force {
        return Ok(None);
    }
    let part = |part: &Part| match part {
        Part::Repository(wanted) if names::is_commit(&wanted.revision) => {
            Ok(cached(wanted, settings, Trust::Sure)?.ok().map(Found::Snapshot))
        }
        Part::Repository(_) => Ok(None),
        Part::Address(address) => Ok(address.is_cached(settings).then(|| Found::File(address.file(settings)))),
    };
    target.parts.iter().map(part).collect()
}

fn from_network(ctx: &Ctx, target: &Target, settings: &Settings) -> Result<Located> {
    let mut fallbacks = Vec::new();
    for part in &target.parts {
        fallbacks.push(match part {
            Part::Repository(wanted) if !settings.force => cached(wanted, settings, Trust::Likely)?.ok(),
            _ => None,
        });
    }
    let complete = target.parts.iter().zip(&fallbacks).all(|(part, fallback)| match part {
        Part::Repository(_) => fallback.is_some(),
        Part::Address(address) => address.is_cached(settings) && !settings.force,
    });
    if !complete {
        target.check_licence(settings)?;
    }
    let mut line = Arc::new(Line::new(settings));
    let mut steps = Vec::new();
    for (part, fallback) in target.parts.iter().zip(fallbacks) {
        steps.push(match part {
            Part::Repository(wanted) => planned(ctx, &mut line, wanted, fallback, settings)?,
            Part::Address(address) if address.is_cached(settings) && !settings.force => {
                Step::Had(Found::File(address.file(settings)))
            }
            Part::Address(address) => Step::Fetch(address.clone()),
        });
    }
    let before = missing(&steps, settings);
    if before > 0 {
        target.check_licence(settings)?;
    }
    let unknown: Vec<PathBuf> = steps.iter().filter_map(|step| of_unknown_size(step, settings)).collect();
    let found = carried_out(ctx, &line, steps, settings)?;
    let more: u64 = unknown.iter().filter_map(|file| Some(std::fs::metadata(file).ok()?.len())).sum();
    Ok(Located { downloaded: before + more, ..gathered(target, found, settings) })
}

/// What is to be done for one part.
enum Step {
    Had(Found),
    Plan(Plan),
    Fetch(Address),
}

/// A plan; or what is in the cache, if the server cannot be reached: the line is then a new one, for a job that fails shuts
/// the line that it is on.
fn planned(
    ctx: &Ctx,
    line: &mut Arc<Line>,
    wanted: &Wanted,
    fallback: Option<Snapshot>,
    settings: &Settings,
) -> Result<Step> {
    match (Plan::make(ctx, line, wanted, settings, fallback.is_none()), fallback) {
        (Err(error), Some(snapshot)) if error.kind == ErrorKind::Network => {
            ctx.warn(&format!("{}: the server cannot be asked ({error}); what is in the cache is used", wanted.id));
            *line = Arc::new(Line::new(settings));
            Ok(Step::Had(Found::Snapshot(snapshot)))
        }
        (plan, _) => plan.map(Step::Plan),
    }
}

fn missing(steps: &[Step], settings: &Settings) -> u64 {
    let bytes = |step: &Step| match step {
        Step::Had(_) => 0,
        Step::Plan(plan) => plan.missing(settings),
        Step::Fetch(address) => address.missing(settings),
    };
    steps.iter().fold(0, |sum, step| sum.saturating_add(bytes(step)))
}

/// The file of a step whose size will be known when it is there.
fn of_unknown_size(step: &Step, settings: &Settings) -> Option<PathBuf> {
    match step {
        Step::Fetch(address) if address.size.is_none() => Some(address.file(settings)),
        _ => None,
    }
}

/// Does all jobs of all steps at once, and puts what they give where it belongs.
fn carried_out(ctx: &Ctx, line: &Arc<Line>, steps: Vec<Step>, settings: &Settings) -> Result<Vec<Found>> {
    disk::ensure_room(&settings.cache, missing(&steps, settings))?;
    let mut jobs: Vec<Job<PathBuf>> = Vec::new();
    let mut bytes = 0u64;
    let mut shares = Vec::new();
    for step in &steps {
        let before = jobs.len();
        match step {
            Step::Had(_) => {}
            Step::Plan(plan) => {
                bytes = bytes.saturating_add(plan.bytes());
                jobs.extend(plan.jobs(settings));
            }
            Step::Fetch(address) => {
                bytes = bytes.saturating_add(address.size.unwrap_or(0));
                let (address, settings) = (address.clone(), settings.clone());
                jobs.push(Box::new(move |line| address.have(line, &settings)));
            }
        }
        shares.push(jobs.len() - before);
    }
    line.pulse.expect(bytes);
    let mut files = jobs::run(ctx, line, settings.workers, jobs)?.into_iter();
    let finish = |(step, share): (Step, usize)| {
        let its: Vec<PathBuf> = files.by_ref().take(share).collect();
        match step {
            Step::Had(found) => Ok(found),
            Step::Plan(plan) => plan.finish(its).map(Found::Snapshot),
            Step::Fetch(address) => Ok(Found::File(its.into_iter().next().unwrap_or_else(|| address.file(settings)))),
        }
    };
    steps.into_iter().zip(shares).map(finish).collect()
}

/// The parts as one model.
fn gathered(target: &Target, parts: Vec<Found>, settings: &Settings) -> Located {
    let mut located = Located {
        name: target.name.clone(),
        card: None,
        folder: settings.cache.clone(),
        elsewhere: Vec::new(),
        commit: None,
        files: Vec::new(),
        downloaded: 0,
    };
    for (i, (part, found)) in target.parts.iter().zip(parts).enumerate() {
        match (part, found) {
            (Part::Repository(wanted), Found::Snapshot(snapshot)) => {
                if i == 0 && wanted.own {
                    located.folder =
                        wanted.subfolder.as_ref().map_or(snapshot.folder.clone(), |sub| snapshot.folder.join(sub));
                    located.commit = Some(snapshot.commit);
                }
                for had in snapshot.files {
                    if let Some(name) = had.pick.name {
                        located.elsewhere.push((name, had.file.clone()));
                    }
                    located.files.push((had.path, had.file));
                }
            }
            (Part::Address(address), Found::File(file)) => {
                if i == 0 {
                    located.folder = address.folder(settings);
                }
                located.elsewhere.push((address.name.clone(), file.clone()));
                located.files.push((address.url.clone(), file));
            }
            _ => {}
        }
    }
    located
}
