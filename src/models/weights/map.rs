//! The bytes of a file, by memory map: what is not looked at is never read.

use crate::error::{Error, ErrorKind, Result};
use crate::{bail, ensure};
use memmap2::Mmap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// Bytes with a name for messages: a mapped file, or a blob out of another one.
pub struct Bytes {
    pub name: String,
    held: Held,
}

enum Held {
    Mapped(Mmap),
    Memory(Arc<Vec<u8>>),
}

/// Fewer bytes are not worth the call that gives their pages back.
#[cfg(unix)]
const LEAST: usize = 1 << 20;

impl Bytes {
    pub fn open(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let failed = |error: std::io::Error| {
            let kind = if error.kind() == std::io::ErrorKind::NotFound { ErrorKind::NotFound } else { ErrorKind::Io };
            Error::new(kind, format!("{}: cannot be read: {error}", path.display()))
        };
        // Asked first: to open a pipe waits for its writer.
        let about = std::fs::metadata(path).map_err(failed)?;
        ensure!(about.is_file(), Io, "{name}: is not a file");
        let file = File::open(path).map_err(failed)?;
        if about.len() == 0 {
            return Ok(Self { name, held: Held::Memory(Default::default()) });
        }
        // SAFETY: the map is private and read-only. Files of weights are published by renaming finished ones, and replaced
        // in the same way, never changed in place; who cuts one short while it is read gets a bus error, as with every map.
        let map = unsafe { Mmap::map(&file) }.map_err(failed)?;
        Ok(Self { name, held: Held::Mapped(map) })
    }

    pub fn held(name: impl Into<String>, bytes: Arc<Vec<u8>>) -> Self {
        Self { name: name.into(), held: Held::Memory(bytes) }
    }

    pub fn all(&self) -> &[u8] {
        match &self.held {
            Held::Mapped(map) => map,
            Held::Memory(bytes) => bytes,
        }
    }

    /// A part, which must lie within.
    pub fn part(&self, start: usize, length: usize) -> Result<&[u8]> {
        match start.checked_add(length).and_then(|end| self.all().get(start..end)) {
            Some(part) => Ok(part),
            None => bail!(
                Checkpoint,
                "{}: is truncated: {length} bytes from byte {start} on are needed, it has {}",
                self.name,
                self.all().len()
            ),
        }
    }

    /// Gives the pages of a part back to the system; who looks at them again has them read again.
    #[cfg_attr(not(unix), allow(unused_variables))]
    pub fn release(&self, start: usize, length: usize) {
        #[cfg(unix)]
        if let Held::Mapped(map) = &self.held
            && length >= LEAST
            && start.checked_add(length).is_some_and(|end| end <= map.len())
        {
            // SAFETY: the map is of a file and read-only: pages that were dropped come back from the file, the same.
            let advice = unsafe { map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, start, length) };
            // Advice that is not taken costs memory, nothing else.
            let _ = advice;
        }
    }
}
