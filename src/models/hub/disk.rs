//! Files that appear whole or not at all, and never outside of the cache.

use super::jobs::Pulse;
use crate::ensure;
use crate::error::{Error, ErrorKind, Result};
use rustix::fs::{FlockOperation, flock, statvfs};
use std::collections::hash_map::RandomState;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How many more names are tried where one is taken.
const TRIES: usize = 8;

/// A failure to read, write, ... a path.
pub fn failed(path: &Path, what: &str, error: &io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::DiskFull,
        _ => ErrorKind::Io,
    };
    Error::new(kind, format!("{}: cannot {what} it: {error}", path.display()))
}

/// Fails unless the disk below this path has room for so many bytes.
pub fn ensure_room(path: &Path, bytes: u64) -> Result<()> {
    let there = path.ancestors().find(|path| path.exists()).unwrap_or(path);
    // A file system that does not say how full it is will say so when it is full.
    let Ok(state) = statvfs(there) else { return Ok(()) };
    let free = state.f_bavail.saturating_mul(state.f_frsize);
    ensure!(free >= bytes, DiskFull, "{}: has {free} bytes free, the download needs {bytes}", path.display());
    Ok(())
}

/// Makes a folder below `root`, none of whose parts may be a link: a link could lead out of the cache.
pub fn folder_below(root: &Path, relative: &Path) -> Result<PathBuf> {
    fs::create_dir_all(root).map_err(|e| failed(root, "make", &e))?;
    let mut path = root.to_path_buf();
    for part in relative.components() {
        path.push(part);
        match fs::create_dir(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let real = fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir());
                ensure!(real, Io, "{}: is not a folder, must be one", path.display());
            }
            Err(error) => return Err(failed(&path, "make", &error)),
        }
    }
    Ok(path)
}

/// Opens a file for writing behind what it has; a link in its place is refused.
pub fn open_partial(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC);
    options.open(path).map_err(|e| failed(path, "open", &e))
}

/// Whether this is the name of something that was not finished; see `beside`.
pub fn is_temporary(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.starts_with('.') && name.ends_with(".tmp"))
}

/// A name beside this path that hardly anybody else has: two containers that share a disk may have equal process numbers.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // Each of them begins with random bits of the system.
    let random = RandomState::new().build_hasher().finish();
    path.with_file_name(format!(".{name:.80}.{}-{random:016x}.tmp", std::process::id()))
}

/// Makes something new under another name, one of `names`, then gives it its own. A name that is taken is another's, and left.
fn put(path: &Path, names: impl Fn(&Path) -> PathBuf, make: impl Fn(&Path) -> io::Result<()>) -> io::Result<()> {
    let mut other = names(path);
    let mut made = make(&other);
    for _ in 0..TRIES {
        if !made.as_ref().is_err_and(is_taken) {
            break;
        }
        other = names(path);
        made = make(&other);
    }
    if made.as_ref().is_err_and(is_taken) {
        return made;
    }
    made.and_then(|()| fs::rename(&other, path)).inspect_err(|_| {
        let _ = fs::remove_file(&other);
    })
}

fn is_taken(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AlreadyExists
}

fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// Writes a small file.
pub fn write(path: &Path, content: &[u8]) -> Result<()> {
    let make = |other: &Path| {
        let mut file = create_new(other)?;
        file.write_all(content)?;
        file.sync_all()
    };
    put(path, beside, make).map_err(|e| failed(path, "write", &e))
}

/// Gives a finished file its name, so that it is there after a crash as well.
pub fn publish(partial: &Path, path: &Path) -> Result<()> {
    fs::rename(partial, path).map_err(|e| failed(path, "write", &e))?;
    if let Some(folder) = path.parent() {
        // Some file systems cannot do this; the file itself is safe all the same.
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
    Ok(())
}

/// Makes `path` stand for `file`, which lies where `relative` says, seen from there: a link, or a copy where there are none.
pub fn point(path: &Path, relative: &Path, file: &Path) -> Result<()> {
    if fs::read_link(path).is_ok_and(|there| there == relative) {
        return Ok(());
    }
    let copied = |other: &Path| io::copy(&mut File::open(file)?, &mut create_new(other)?).map(|_| ());
    let made = match put(path, beside, |other| symlink(relative, other)) {
        Err(error) if has_no_links(&error) => put(path, beside, copied),
        made => made,
    };
    made.map_err(|e| failed(path, "write", &e))
}

/// Whether a file system that knows no links says this.
fn has_no_links(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported)
        || matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::ENOSYS))
}

/// A lock between processes, and threads, held until it is dropped. The same call of the system as Python's filelock uses.
pub struct Lock {
    _file: File,
}

impl Lock {
    /// None while somebody else has it.
    pub fn try_take(path: &Path) -> Result<Option<Self>> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC);
        let file = options.open(path).map_err(|e| failed(path, "open", &e))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => Ok(None),
            Err(error) => Err(failed(path, "lock", &error.into())),
        }
    }

    /// Waits for it for as long as it takes, unless the call is to stop.
    pub fn take(path: &Path, pulse: &Pulse) -> Result<Self> {
        loop {
            if let Some(lock) = Self::try_take(path)? {
                return Ok(lock);
            }
            pulse.sleep(Duration::from_millis(40))?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_has_its_own_kind() {
        let error = io::Error::from_raw_os_error(libc::ENOSPC);
        assert_eq!(failed(Path::new("x"), "write", &error).kind, ErrorKind::DiskFull);
        let error = io::Error::from_raw_os_error(libc::EDQUOT);
        assert_eq!(failed(Path::new("x"), "write", &error).kind, ErrorKind::DiskFull);
        assert_eq!(ensure_room(Path::new("/"), u64::MAX).err().unwrap().kind, ErrorKind::DiskFull);
        ensure_room(Path::new("/does/not/exist"), 1).unwrap();
    }

    #[test]
    fn links_are_not_followed_out_of_the_cache() {
        let root = std::env::temp_dir().join(format!("scnative-disk-{}", std::process::id()));
        fs::create_dir_all(root.join("cache")).unwrap();
        symlink("..", root.join("cache/out")).unwrap();
        assert!(folder_below(&root.join("cache"), Path::new("out/x")).is_err());
        assert!(!root.join("x").exists());
        fs::write(root.join("victim"), "precious").unwrap();
        symlink("../victim", root.join("cache/a.incomplete")).unwrap();
        assert!(open_partial(&root.join("cache/a.incomplete")).is_err());
        assert!(Lock::try_take(&root.join("cache/a.incomplete")).is_err());
        assert_eq!(fs::read_to_string(root.join("victim")).unwrap(), "precious");
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_name_that_another_took_is_left_to_it() {
        let root = std::env::temp_dir().join(format!("scnative-beside-{}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        let (path, taken) = (root.join("main"), root.join(".main.1-0.tmp"));
        fs::write(&taken, "another's").unwrap();
        let make = |other: &Path| create_new(other)?.write_all(b"mine");
        let error = put(&path, |_| taken.clone(), make).unwrap_err();
        assert!(is_taken(&error) && fs::read_to_string(&taken).unwrap() == "another's");
        let asked = std::cell::Cell::new(0);
        let names = |_: &Path| {
            asked.set(asked.get() + 1);
            if asked.get() < 3 { taken.clone() } else { root.join(".main.1-1.tmp") }
        };
        put(&path, names, make).unwrap();
        assert_eq!((fs::read_to_string(&path).unwrap(), asked.get()), ("mine".into(), 3));
        assert_eq!(fs::read_to_string(&taken).unwrap(), "another's");
        assert_ne!(beside(&path), beside(&path));
        // What was begun and failed is taken away again.
        let broken = |other: &Path| create_new(other).and_then(|_| Err(io::Error::from_raw_os_error(libc::ENOSPC)));
        assert!(put(&path, |_| root.join(".main.1-2.tmp"), broken).is_err());
        assert_eq!(fs::read_dir(&root).unwrap().count(), 2);
        // Only where there are no links is a file copied.
        assert!(has_no_links(&io::Error::from_raw_os_error(libc::EPERM)));
        assert!(has_no_links(&io::Error::from_raw_os_error(libc::EOPNOTSUPP)));
        assert!(!has_no_links(&io::Error::from_raw_os_error(libc::EEXIST)));
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_lock_is_waited_for_and_the_wait_can_be_stopped() {
        let path = std::env::temp_dir().join(format!("scnative-lock-{}", std::process::id()));
        let held = Lock::try_take(&path).unwrap().unwrap();
        assert!(Lock::try_take(&path).unwrap().is_none());
        drop(held);
        assert!(Lock::try_take(&path).unwrap().is_some());
        fs::remove_file(path).unwrap();
    }
}
