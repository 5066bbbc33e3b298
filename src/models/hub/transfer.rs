//! One file, from a server to the disk: resumed, verified, published.

use super::disk;
use super::hash::Hash;
use super::http::{About, Answer, Failure, Follow, Line, header, network, refused};
use super::names::etag;
use crate::error::{Error, ErrorKind, Result};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::PathBuf;
use ureq::http::Method;

/// How much is read at a time.
const PIECE: usize = 256 << 10;

/// What is to be fetched, and where to. Whoever fetches it holds its lock.
pub struct Transfer {
    pub url: String,
    pub about: About,
    /// What the server called this version of it, where it did.
    pub etag: Option<String>,
    pub size: Option<u64>,
    pub hash: Option<Hash>,
    /// Where what there is so far is, or will be; none of it is used unless `resumable`.
    pub partial: PathBuf,
    pub resumable: bool,
    pub file: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    Done,
    /// The server has another version by now.
    Changed,
}

impl Transfer {
    /// Fetches what is missing, checks the whole, and gives it its name.
    pub fn fetch(&self, line: &Line) -> Result<Outcome> {
        let resumed = self.resumable && fs::metadata(&self.partial).is_ok_and(|there| there.len() > 0);
        match self.attempt(line, self.resumable) {
            // What was there may have been what was wrong.
            Err(error) if error.kind == ErrorKind::Checksum && resumed => self.attempt(line, false),
            outcome => outcome,
        }
    }

    fn attempt(&self, line: &Line, resume: bool) -> Result<Outcome> {
        let mut download = Download::open(line, self, resume)?;
        let outcome = download.run().and_then(|outcome| match outcome {
            Outcome::Changed => Ok(Outcome::Changed),
            Outcome::Done => download.finish().map(|()| Outcome::Done),
        });
        let spoilt = match &outcome {
            Ok(Outcome::Changed) => true,
            Ok(Outcome::Done) => false,
            Err(error) => error.kind == ErrorKind::Checksum,
        };
        if spoilt {
            line.pulse.sub(download.have);
            let _ = fs::remove_file(&self.partial);
        }
        outcome
    }

    fn wrong(&self, what: String) -> Error {
        Error::new(ErrorKind::Checksum, format!("{}: {what}; nothing of it was kept", self.url))
    }
}

/// A transfer under way.
struct Download<'a> {
    line: &'a Line,
    transfer: &'a Transfer,
    file: File,
    have: u64,
    /// The most that it ever had.
    reached: u64,
    size: Option<u64>,
}

impl<'a> Download<'a> {
    fn open(line: &'a Line, transfer: &'a Transfer, resume: bool) -> Result<Self> {
        let file = disk::open_partial(&transfer.partial)?;
        let have = file.metadata().map_err(|e| disk::failed(&transfer.partial, "read", &e))?.len();
        let mut download = Self { line, transfer, file, have, reached: 0, size: transfer.size };
        line.pulse.add(have);
        if !resume || download.size.is_some_and(|size| have > size) {
            download.restart()?;
        }
        download.reached = download.have;
        Ok(download)
    }

    fn restart(&mut self) -> Result<()> {
        self.file.set_len(0).map_err(|e| disk::failed(&self.transfer.partial, "write", &e))?;
        self.line.pulse.sub(self.have);
        self.have = 0;
        Ok(())
    }

    /// Requests until everything is there. A request that brought something new starts the count of failures anew.
    fn run(&mut self) -> Result<Outcome> {
        let mut failed = 0;
        while self.size != Some(self.have) || self.size == Some(0) {
            self.line.pulse.check()?;
            let before = self.reached;
            match self.request() {
                Ok(Outcome::Changed) => return Ok(Outcome::Changed),
                Ok(Outcome::Done) => break,
                Err(Failure::Lasting(error)) => return Err(error),
                Err(Failure::Passing(error, asked)) => {
                    failed = if self.reached > before { 1 } else { failed + 1 };
                    self.line.before_retry(failed, error, asked)?;
                }
            }
        }
        Ok(Outcome::Done)
    }

    /// One request for what is missing, and its body.
    fn request(&mut self) -> std::result::Result<Outcome, Failure> {
        let url = &self.transfer.url;
        let answer = self.line.ask(Method::GET, url, Some(self.have), Follow::Anywhere)?;
        if self.is_changed(&answer) {
            return Ok(Outcome::Changed);
        }
        match answer.status {
            206 => self.expect_part(&answer)?,
            200 => {
                self.restart()?;
                let length = header(&answer.headers, "content-length").and_then(|length| length.trim().parse().ok());
                self.expect_size(length)?;
            }
            416 => {
                self.restart()?;
                return Err(Failure::Passing(network(format!("{url}: the server has no such part of it")), None));
            }
            status => return Err(refused(&answer.headers, status, url, &self.transfer.about).into()),
        }
        self.read(answer)?;
        Ok(Outcome::Done)
    }

    /// Whether the server says that this is another version.
    fn is_changed(&self, answer: &Answer) -> bool {
        let of = |name: &str| answer.linked.as_ref().and_then(|linked| header(linked, name));
        let direct = || header(&answer.headers, "etag").filter(|_| answer.linked.is_none());
        let now = of("x-linked-etag").or_else(direct).and_then(etag);
        let same_server =
            answer.linked.is_some() || self.transfer.about.repository.is_none() || self.line.is_endpoint(&answer.url);
        match (&self.transfer.etag, now) {
            (Some(then), Some(now)) => same_server && matches!(answer.status, 200 | 206) && *then != now,
            _ => false,
        }
    }

    /// `Content-Range: bytes 5-9/10` must begin where the file ends, and be of a file of the right size.
    fn expect_part(&mut self, answer: &Answer) -> std::result::Result<(), Failure> {
        let range = header(&answer.headers, "content-range").unwrap_or_default();
        let read = || {
            let (part, whole) = range.trim().strip_prefix("bytes ")?.split_once('/')?;
            let (from, to) = part.split_once('-')?;
            let (from, to): (u64, u64) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
            let whole: Option<u64> = whole.trim().parse().ok();
            (from <= to).then_some((from, whole))
        };
        let right = match read() {
            Some((from, whole)) => from == self.have && (whole.is_none() || self.size.is_none() || whole == self.size),
            None => false,
        };
        if right {
            self.size = self.size.or(read().and_then(|(_, whole)| whole));
            return Ok(());
        }
        let message = format!(
            "{}: the server answers with the part {:?}, must be the one from {} on",
            self.transfer.url,
            super::names::quoted(range),
            self.have
        );
        self.restart()?;
        Err(Failure::Passing(network(message), None))
    }

    fn expect_size(&mut self, length: Option<u64>) -> Result<()> {
        match (self.size, length) {
            (Some(size), Some(length)) if size != length => {
                Err(self.transfer.wrong(format!("has {length} bytes, must have {size}")))
            }
            _ => {
                self.size = self.size.or(length);
                Ok(())
            }
        }
    }

    fn read(&mut self, answer: Answer) -> std::result::Result<(), Failure> {
        let mut body = answer.body.into_reader();
        let mut piece = vec![0; PIECE];
        loop {
            self.line.pulse.check()?;
            let n = body.read(&mut piece).map_err(|e| self.line.broken(&self.transfer.url, e))?;
            if n == 0 {
                break;
            }
            if let Some(size) = self.size.filter(|&size| self.have + n as u64 > size) {
                return Err(self.transfer.wrong(format!("has more than the {size} bytes that it must have")).into());
            }
            self.file.write_all(&piece[..n]).map_err(|e| disk::failed(&self.transfer.partial, "write", &e))?;
            self.have += n as u64;
            self.reached = self.reached.max(self.have);
            self.line.pulse.add(n as u64);
        }
        match self.size {
            Some(size) if self.have < size => {
                let message = format!("{}: ends after {} of {size} bytes", self.transfer.url, self.have);
                Err(Failure::Passing(network(message), None))
            }
            _ => Ok(()),
        }
    }

    /// Checks what there is, and publishes it.
    fn finish(&mut self) -> Result<()> {
        let transfer = self.transfer;
        if let Some(hash) = &transfer.hash {
            let found = hash.found(&transfer.partial, |_| self.line.pulse.check())?;
            if found != hash.text() {
                return Err(transfer.wrong(format!("has the hash {found}, must have {}", hash.text())));
            }
        }
        self.file.sync_all().map_err(|e| disk::failed(&transfer.partial, "write", &e))?;
        disk::publish(&transfer.partial, &transfer.file)
    }
}
