//! What there is, and how much room it takes.

use super::super::address;
use super::super::disk::failed;
use super::super::layout::files_below;
use super::super::names::{check_repository, is_commit};
use super::super::settings::Settings;
use crate::error::Result;
use crate::models::options::Options;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io::ErrorKind::NotFound;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// One repository's folder, as it stands.
pub struct Survey {
    pub id: String,
    pub folder: PathBuf,
    /// Name, size, seconds since 1970 of the last use.
    pub blobs: BTreeMap<String, (u64, u64)>,
    pub partial: BTreeMap<String, u64>,
    /// Commit -> path -> what stands there.
    pub snapshots: BTreeMap<String, BTreeMap<String, Pointer>>,
    /// Branch or tag -> commit.
    pub refs: BTreeMap<String, String>,
}

/// A file of a snapshot.
pub struct Pointer {
    /// The blob that it is a link to; none if it is a copy.
    pub blob: Option<String>,
    /// None if it leads nowhere.
    pub size: Option<u64>,
}

/// The repositories in the cache.
pub fn surveys(settings: &Settings) -> Result<Vec<Survey>> {
    let mut all = Vec::new();
    for name in names_in(&settings.cache)? {
        let Some(id) = name.strip_prefix("models--").map(|rest| rest.replacen("--", "/", 1)) else { continue };
        if check_repository(&id).is_ok() {
            all.push(Survey::of(&settings.cache.join(&name), id)?);
        }
    }
    Ok(all)
}

impl Survey {
    pub fn of(folder: &Path, id: String) -> Result<Self> {
        let (mut blobs, mut partial) = (BTreeMap::new(), BTreeMap::new());
        for name in names_in(&folder.join("blobs"))? {
            let Ok(found) = fs::symlink_metadata(folder.join("blobs").join(&name)) else { continue };
            match name.strip_suffix(".incomplete") {
                Some(etag) => drop(partial.insert(etag.to_string(), found.len())),
                None => drop(blobs.insert(name, (found.len(), last_used(&found)))),
            }
        }
        let mut snapshots = BTreeMap::new();
        for commit in names_in(&folder.join("snapshots"))?.into_iter().filter(|name| is_commit(name)) {
            let inside = folder.join("snapshots").join(&commit);
            let files =
                files_below(&inside).into_iter().map(|path| (path.clone(), Pointer::of(&inside.join(&path)))).collect();
            snapshots.insert(commit, files);
        }
        let read = |name: String| {
            let commit = fs::read_to_string(folder.join("refs").join(&name)).unwrap_or_default();
            (name, commit.trim().to_string())
        };
        let refs = files_below(&folder.join("refs")).into_iter().map(read).collect();
        Ok(Self { id, folder: folder.into(), blobs, partial, snapshots, refs })
    }

    /// Whether some snapshot has a link to this blob.
    pub fn is_used(&self, blob: &str) -> bool {
        self.snapshots.values().flat_map(BTreeMap::values).any(|pointer| pointer.blob.as_deref() == Some(blob))
    }

    /// Blobs, what there is of others, and copies.
    pub fn size(&self) -> u64 {
        let copies = self.snapshots.values().flat_map(BTreeMap::values).filter(|pointer| pointer.blob.is_none());
        self.blobs.values().map(|(size, _)| size).sum::<u64>()
            + self.partial.values().sum::<u64>()
            + copies.filter_map(|pointer| pointer.size).sum::<u64>()
    }

    fn json(&self) -> Value {
        let revision = |(commit, files): (&String, &BTreeMap<String, Pointer>)| {
            let names: Vec<&String> = self.refs.iter().filter(|(_, of)| *of == commit).map(|(name, _)| name).collect();
            let size: u64 = files.values().filter_map(|pointer| pointer.size).sum();
            let files: Vec<Value> = files
                .iter()
                .map(|(path, pointer)| json!({"path": path, "size": pointer.size, "blob": pointer.blob}))
                .collect();
            json!({"commit": commit, "refs": names, "size": size, "files": files})
        };
        let partial: Vec<Value> = self.partial.iter().map(|(blob, size)| json!({"blob": blob, "size": size})).collect();
        let dangling: Vec<&String> = self.blobs.keys().filter(|blob| !self.is_used(blob)).collect();
        json!({
            "id": self.id, "path": self.folder, "size": self.size(),
            "last_access": self.blobs.values().map(|&(_, used)| used).max(), "revisions": self.snapshots.iter().map(revision).collect::<Vec<_>>(),
            "partial": partial, "dangling": dangling,
        })
    }
}

impl Pointer {
    fn of(path: &Path) -> Self {
        let blob = fs::read_link(path).ok().and_then(|to| Some(to.file_name()?.to_str()?.to_string()));
        Self { blob, size: fs::metadata(path).ok().map(|there| there.len()) }
    }
}

/// What is in the cache. Options: `cache_dir`, and the hub's others, which do not matter here.
///
/// Gives `{"folder", "size", "repositories": [{"id", "path", "size", "last_access", "revisions": [{"commit", "refs", "size", "files":
/// [{"path", "size", "blob"}]}], "partial": [{"blob", "size"}], "dangling": [blob]}], "addresses": [{"url", "file", "size",
/// "last_access", "sha256", "pinned", "partial"}]}`; sizes in bytes, times in seconds since 1970.
pub fn cache(options: &Options) -> Result<Value> {
    let settings = Settings::from(options)?;
    options.finish()?;
    let surveys = surveys(&settings)?;
    let addresses = addresses(&settings)?;
    let of_addresses: u64 =
        addresses.iter().filter_map(|item| Some(item["size"].as_u64()? + item["partial"].as_u64()?)).sum();
    Ok(json!({
        "folder": settings.cache, "size": surveys.iter().map(Survey::size).sum::<u64>() + of_addresses,
        "repositories": surveys.iter().map(Survey::json).collect::<Vec<_>>(), "addresses": addresses,
    }))
}

fn addresses(settings: &Settings) -> Result<Vec<Value>> {
    let root = settings.cache.join(address::FOLDER);
    let mut all = Vec::new();
    for key in names_in(&root)? {
        let folder = root.join(&key);
        let source = address::source_of(&folder).unwrap_or_default();
        let (mut file, mut size, mut used, mut partial) = (None, 0, None, 0);
        for name in names_in(&folder)?.into_iter().filter(|name| name != address::SOURCE) {
            let Ok(found) = fs::symlink_metadata(folder.join(&name)) else { continue };
            if name.ends_with("incomplete") {
                partial += found.len();
            } else {
                (file, size, used) = (Some(folder.join(&name)), size + found.len(), Some(last_used(&found)));
            }
        }
        all.push(json!({
            "key": key, "url": source["url"], "file": file, "size": size, "last_access": used, "sha256": source["sha256"],
            "pinned": source["pinned"], "partial": partial,
        }));
    }
    Ok(all)
}

/// The names in a folder, sorted; none if it is not there.
pub fn names_in(folder: &Path) -> Result<Vec<String>> {
    let inside = match fs::read_dir(folder) {
        Ok(inside) => inside,
        Err(error) if error.kind() == NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(folder, "list", &error)),
    };
    let mut names: Vec<String> = inside.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    Ok(names)
}

/// File systems that do not write down when a file was read have when it was written.
fn last_used(found: &Metadata) -> u64 {
    let seconds =
        |time: std::io::Result<SystemTime>| time.ok()?.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs());
    seconds(found.accessed()).max(seconds(found.modified())).unwrap_or(0)
}
