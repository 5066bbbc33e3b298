//! What a file's content is known by.

use crate::error::Result;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// A hash that a file was promised to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hash {
    /// Of the content.
    Sha256(String),
    /// Of the content behind git's header, by which git names it.
    Git(String),
}

impl Hash {
    /// By its length: the hub's etags are git's names of small files and the sha256 of large ones. None if it is neither.
    pub fn of_etag(etag: &str) -> Option<Self> {
        if super::names::is_sha256(etag) {
            return Some(Self::Sha256(etag.into()));
        }
        super::names::is_commit(etag).then(|| Self::Git(etag.into()))
    }

    pub fn text(&self) -> &str {
        match self {
            Self::Sha256(text) | Self::Git(text) => text,
        }
    }

    /// What the file has in place of this hash; `step` is told of each piece's length and may stop it.
    pub fn found(&self, path: &Path, step: impl FnMut(u64) -> Result<()>) -> Result<String> {
        match self {
            Self::Sha256(_) => digest(path, Sha256::new(), step),
            Self::Git(_) => {
                let size = std::fs::metadata(path).map_err(|e| super::disk::failed(path, "read", &e))?.len();
                digest(path, Sha1::new().chain_update(format!("blob {size}\0")), step)
            }
        }
    }
}

fn digest<D: Digest>(path: &Path, mut digest: D, mut step: impl FnMut(u64) -> Result<()>) -> Result<String> {
    let wrong = |error: std::io::Error| super::disk::failed(path, "read", &error);
    let mut file = File::open(path).map_err(wrong)?;
    let mut piece = vec![0; 1 << 20];
    loop {
        let n = file.read(&mut piece).map_err(wrong)?;
        if n == 0 {
            return Ok(hex(&digest.finalize()));
        }
        digest.update(&piece[..n]);
        step(n as u64)?;
    }
}

/// The sha256 of some bytes.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_git_and_sha256sum() {
        let path = std::env::temp_dir().join(format!("scnative-hash-{}", std::process::id()));
        std::fs::write(&path, "hello\n").unwrap();
        let found = |hash: Hash| hash.found(&path, |_| Ok(())).unwrap();
        // `echo hello | git hash-object --stdin` and `echo hello | sha256sum`
        assert_eq!(found(Hash::Git(String::new())), "ce013625030ba8dba906f756967f9e9ca394464a");
        let sha = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        assert_eq!(found(Hash::Sha256(String::new())), sha);
        assert_eq!(sha256(b"hello\n"), sha);
        assert_eq!(Hash::of_etag(sha), Some(Hash::Sha256(sha.into())));
        assert_eq!(Hash::of_etag("abc"), None);
        std::fs::remove_file(path).unwrap();
    }
}
