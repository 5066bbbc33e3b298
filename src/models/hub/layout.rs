//! One repository in the cache, as Hugging Face's own tools lay it out.
//!
//! ```text
//! models--org--name/
//!   blobs/<etag>                    the files, by their etag
//!   blobs/<etag>.incomplete         what there is of one so far
//!   snapshots/<commit>/<path>       a link to the blob
//!   refs/<branch or tag>            the commit that it stood for
//!   listing/<commit>.json           ours: the repository's files with sizes and hashes
//! .locks/models--org--name/<etag>.lock
//! ```

use super::disk;
use super::hash::Hash;
use super::names::{is_commit, is_file, is_sha256};
use crate::error::Result;
use hf_hub::{Cache, Repo, RepoType};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// One file of a repository, as its server lists it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub path: String,
    pub size: u64,
    /// Git's name of it, or of the note in its place.
    pub oid: Option<String>,
    /// Of large files.
    pub sha256: Option<String>,
}

impl Entry {
    pub fn hash(&self) -> Option<Hash> {
        match (&self.sha256, &self.oid) {
            (Some(sha256), _) => Some(Hash::Sha256(sha256.clone())),
            (None, Some(oid)) => Some(Hash::Git(oid.clone())),
            (None, None) => None,
        }
    }

    pub fn json(&self) -> Value {
        json!({"path": self.path, "size": self.size, "oid": self.oid, "sha256": self.sha256})
    }

    /// None if it is not what [`Entry::json`] writes.
    fn read(value: &Value) -> Option<Self> {
        let text = |key: &str| value.get(key)?.as_str().map(String::from);
        Some(Self {
            path: text("path").filter(|path| is_file(path))?,
            size: value.get("size")?.as_u64()?,
            oid: text("oid").filter(|oid| is_commit(oid)),
            sha256: text("sha256").filter(|sha256| is_sha256(sha256)),
        })
    }
}

#[derive(Clone)]
pub struct RepoCache {
    root: PathBuf,
    cache: Cache,
    pub id: String,
}

impl RepoCache {
    /// The id must have been checked.
    pub fn new(root: &Path, id: &str) -> Self {
        Self { root: root.into(), cache: Cache::new(root.into()), id: id.into() }
    }

    fn repo(&self) -> Repo {
        Repo::new(self.id.clone(), RepoType::Model)
    }

    pub fn folder_name(&self) -> String {
        self.repo().folder_name()
    }

    pub fn folder(&self) -> PathBuf {
        self.root.join(self.folder_name())
    }

    pub fn snapshot(&self, commit: &str) -> PathBuf {
        self.cache.repo(self.repo()).pointer_path(commit)
    }

    pub fn blob(&self, etag: &str) -> PathBuf {
        self.cache.repo(self.repo()).blob_path(etag)
    }

    pub fn partial(&self, etag: &str) -> PathBuf {
        self.blob(&format!("{etag}.incomplete"))
    }

    pub fn lock(&self, etag: &str) -> PathBuf {
        self.root.join(".locks").join(self.folder_name()).join(format!("{etag}.lock"))
    }

    /// The folders of blobs and locks.
    pub fn make_folders(&self) -> Result<()> {
        disk::folder_below(&self.root, Path::new(&self.folder_name()).join("blobs").as_path())?;
        disk::folder_below(&self.root, Path::new(".locks").join(self.folder_name()).as_path())?;
        Ok(())
    }

    fn ref_path(&self, revision: &str) -> PathBuf {
        self.folder().join("refs").join(revision)
    }

    /// The commit that a revision is or was last time.
    pub fn known_commit(&self, revision: &str) -> Option<String> {
        if is_commit(revision) {
            return Some(revision.into());
        }
        let commit = fs::read_to_string(self.ref_path(revision)).ok()?.trim().to_string();
        is_commit(&commit).then_some(commit)
    }

    pub fn write_ref(&self, revision: &str, commit: &str) -> Result<()> {
        if is_commit(revision) || self.known_commit(revision).as_deref() == Some(commit) {
            return Ok(());
        }
        let path = self.ref_path(revision);
        let relative = path.strip_prefix(&self.root).ok().and_then(Path::parent).unwrap_or(Path::new("")).to_path_buf();
        disk::folder_below(&self.root, &relative)?;
        disk::write(&path, commit.as_bytes())
    }

    /// A file of a snapshot, if it is there, its blob too.
    pub fn file(&self, commit: &str, path: &str) -> Option<PathBuf> {
        Some(self.snapshot(commit).join(path)).filter(|path| path.is_file())
    }

    /// Makes the file of a snapshot stand for a blob.
    pub fn point(&self, commit: &str, path: &str, etag: &str) -> Result<PathBuf> {
        let pointer = self.snapshot(commit).join(path);
        let folder = Path::new(path).parent().unwrap_or(Path::new(""));
        let relative = Path::new(&self.folder_name()).join("snapshots").join(commit).join(folder);
        disk::folder_below(&self.root, &relative)?;
        let up = "../".repeat(2 + folder.components().count());
        disk::point(&pointer, Path::new(&format!("{up}blobs/{etag}")), &self.blob(etag))?;
        Ok(pointer)
    }

    fn listing_path(&self, commit: &str) -> PathBuf {
        self.folder().join("listing").join(format!("{commit}.json"))
    }

    /// The repository's files at a commit, if they were listed before.
    pub fn listing(&self, commit: &str) -> Option<Vec<Entry>> {
        let text = fs::read_to_string(self.listing_path(commit)).ok()?;
        let value: Value = serde_json::from_str(&text).ok()?;
        value.as_array()?.iter().map(Entry::read).collect()
    }

    pub fn write_listing(&self, commit: &str, entries: &[Entry]) -> Result<()> {
        disk::folder_below(&self.root, &Path::new(&self.folder_name()).join("listing"))?;
        let list: Vec<Value> = entries.iter().map(Entry::json).collect();
        disk::write(&self.listing_path(commit), Value::Array(list).to_string().as_bytes())
    }

    pub fn remove_listing(&self, commit: &str) {
        let _ = fs::remove_file(self.listing_path(commit));
    }
}

/// All files below a folder as paths within it, sorted; links to files count, links to folders are not entered.
pub fn files_below(folder: &Path) -> Vec<String> {
    fn walk(folder: &Path, before: &str, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = format!("{before}{name}");
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => walk(&entry.path(), &format!("{path}/"), found),
                Ok(_) => found.push(path),
                Err(_) => {}
            }
        }
    }
    let mut found = Vec::new();
    walk(folder, "", &mut found);
    found.sort();
    found
}
