//! Files at plain addresses: figshare, Dataverse, S3. They have a folder of their own in the cache.
//!
//! ```text
//! scnative--urls/<key>/<name>             the file
//! scnative--urls/<key>/<name>.*incomplete what there is of it so far
//! scnative--urls/<key>/source.json        the address, the size, the hash if the card states one, else that of the file
//! .locks/scnative--urls/<key>.lock
//! ```
//!
//! The key is the sha256 that the card states; of a file without one, the sha256 of its address.

use super::disk::{self, Lock};
use super::hash::{Hash, sha256};
use super::http::{About, Follow, Line, header, refused};
use super::names::is_file;
use super::repository::changed;
use super::settings::Settings;
use super::target::Address;
use super::transfer::{Outcome, Transfer};
use crate::error::Result;
use crate::{bail, ensure};
use serde_json::json;
use std::path::{Path, PathBuf};
use ureq::http::Method;

pub const FOLDER: &str = "scnative--urls";

/// The file that says where its neighbour came from.
pub const SOURCE: &str = "source.json";

const CHANGES: usize = 3;

impl Address {
    fn key(&self) -> String {
        self.sha256.clone().unwrap_or_else(|| sha256(self.url.as_bytes()))
    }

    pub fn folder(&self, settings: &Settings) -> PathBuf {
        settings.cache.join(FOLDER).join(self.key())
    }

    pub fn file(&self, settings: &Settings) -> PathBuf {
        self.folder(settings).join(&self.file)
    }

    pub fn is_cached(&self, settings: &Settings) -> bool {
        let size = std::fs::metadata(self.file(settings)).ok().filter(|there| there.is_file()).map(|there| there.len());
        size.is_some_and(|size| self.size.is_none_or(|wanted| wanted == size))
    }

    /// How many of its bytes are not on the disk, as far as its size is known.
    pub fn missing(&self, settings: &Settings) -> u64 {
        let size = self.size.unwrap_or(0);
        let partial = self.partial(&self.file(settings), "");
        let had = std::fs::metadata(partial).map_or(0, |there| there.len());
        // Without a hash it is the server's etag that says whether the beginning is of use.
        let useful = self.sha256.is_some() && !settings.force && had <= size;
        if useful { size - had } else { size }
    }

    fn partial(&self, file: &Path, version: &str) -> PathBuf {
        file.with_file_name(format!("{}.{version}incomplete", self.file))
    }

    pub fn offline(&self, settings: &Settings) -> Result<()> {
        ensure!(
            self.is_cached(settings),
            Offline,
            "{}: is not in the cache {}, and the network may not be used: the option offline or HF_HUB_OFFLINE is set",
            self.url,
            settings.cache.display()
        );
        Ok(())
    }

    /// Sees to it that the file is in the cache.
    pub fn have(&self, line: &Line, settings: &Settings) -> Result<PathBuf> {
        ensure!(
            is_file(&self.file) && self.file != SOURCE,
            InvalidArgument,
            "path: is {:?}, must be a plain name",
            self.file
        );
        let file = self.file(settings);
        if self.is_cached(settings) && !settings.force {
            line.pulse.add(self.size.unwrap_or(0));
            return Ok(file);
        }
        disk::folder_below(&settings.cache, &Path::new(FOLDER).join(self.key()))?;
        let locks = disk::folder_below(&settings.cache, &Path::new(".locks").join(FOLDER))?;
        let _lock = Lock::take(&locks.join(format!("{}.lock", self.key())), &line.pulse)?;
        if self.is_cached(settings) && !settings.force {
            line.pulse.add(self.size.unwrap_or(0));
            return Ok(file);
        }
        for _ in 0..CHANGES {
            if self.fetch(line, settings, &file)? == Outcome::Done {
                return Ok(file);
            }
        }
        Err(changed(&self.url))
    }

    fn fetch(&self, line: &Line, settings: &Settings, file: &Path) -> Result<Outcome> {
        let (etag, offered) = self.look_at(line)?;
        if let (Some(offered), Some(pinned)) = (offered, self.size) {
            ensure!(offered == pinned, Checksum, "{}: has {offered} bytes, the card says {pinned}", self.url);
        }
        // Without a hash it is the etag that says whether what is there belongs to what is still to come.
        let version = match (&self.sha256, &etag) {
            (None, Some(etag)) => format!("{}.", &sha256(etag.as_bytes())[..16]),
            _ => String::new(),
        };
        let transfer = Transfer {
            url: self.url.clone(),
            about: self.about(line),
            size: self.size.or(offered),
            hash: self.sha256.clone().map(Hash::Sha256),
            partial: self.partial(file, &version),
            resumable: !settings.force && (self.sha256.is_some() || etag.is_some()),
            etag: etag.filter(|_| self.sha256.is_none()),
            file: file.into(),
        };
        let outcome = transfer.fetch(line)?;
        if outcome == Outcome::Done {
            let hash = match &self.sha256 {
                Some(hash) => hash.clone(),
                None => Hash::Sha256(String::new()).found(file, |_| line.pulse.check())?,
            };
            let size = std::fs::metadata(file).map_err(|e| disk::failed(file, "read", &e))?.len();
            let source = json!({"url": self.url, "size": size, "sha256": hash, "pinned": self.sha256.is_some()});
            disk::write(&file.with_file_name(SOURCE), source.to_string().as_bytes())?;
        }
        Ok(outcome)
    }

    fn about(&self, line: &Line) -> About {
        About {
            repository: None,
            revision: String::new(),
            file: Some(self.file.clone()),
            endpoint: line.endpoint.clone(),
        }
    }

    /// The etag and the size, of servers that say them.
    fn look_at(&self, line: &Line) -> Result<(Option<String>, Option<u64>)> {
        line.retrying(true, || {
            let answer = line.ask(Method::HEAD, &self.url, None, Follow::Anywhere)?;
            match answer.status {
                200 => {
                    let etag = header(&answer.headers, "etag").and_then(super::names::etag);
                    let size = header(&answer.headers, "content-length").and_then(|size| size.trim().parse().ok());
                    Ok((etag, size))
                }
                // Signed addresses allow nothing but GET.
                403 | 405 | 501 => Ok((None, None)),
                status => Err(refused(&answer.headers, status, &self.url, &self.about(line)).into()),
            }
        })
    }
}

/// What `source.json` says, for the file beside it.
pub fn source_of(folder: &Path) -> Result<serde_json::Value> {
    let path = folder.join(SOURCE);
    match std::fs::read_to_string(&path).ok().and_then(|text| serde_json::from_str(&text).ok()) {
        Some(source) => Ok(source),
        None => bail!(NotFound, "{}: cannot be read", path.display()),
    }
}
