//! A server on the loopback interface that speaks Hugging Face's routes, and misbehaves when told to.
//!
//! `/api/models/R/revision/V`, `/api/models/R/tree/V`, `/R/resolve/V/FILE`, which redirects large files to `/cdn/R/FILE` with
//! the LFS headers, `/plain/NAME`. Ranges are honoured. Small files carry git's name of them as their etag, large ones sha256.

use sha1::{Digest, Sha1};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What to do instead of the right thing.
#[derive(Clone, PartialEq, Debug)]
pub enum Fault {
    /// Ends the connection after so many bytes of the body.
    Drop(usize),
    /// Sends so many bytes and then nothing.
    Stall(usize),
    IgnoreRange,
    /// Both.
    DropWhole(usize),
    /// Says that the part begins one byte later.
    WrongRange,
    /// Says that the whole is one byte longer.
    WrongTotal,
    /// Other bytes, as many.
    Corrupt,
    /// As many as it says, but more than promised.
    Longer,
    Status(u16, &'static str),
    /// 307 to itself.
    Loop,
    /// To this address.
    Redirect(String),
    /// In place of the etag.
    Etag(String),
    LinkedSize(u64),
    NoRange,
    /// Bytes of the body, this many, then a wait in milliseconds, over and over.
    Slow(usize, u64),
    /// In place of the commit.
    Commit(String),
}

/// One request that came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub line: String,
    pub range: Option<String>,
    pub authorization: Option<String>,
}

#[derive(Default)]
pub struct State {
    /// Repository -> file -> content.
    pub files: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
    /// Beginning of "METHOD /path" -> faults, each used once; those of `always` for ever.
    pub once: Vec<(String, Fault)>,
    pub always: Vec<(String, Fault)>,
    pub seen: Vec<Seen>,
    /// Names in the tree that no file has.
    pub strange: Vec<String>,
    pub pages: bool,
    pub token: Option<String>,
    pub commit: String,
}

pub struct Server {
    pub address: String,
    pub state: Arc<Mutex<State>>,
    stop: Arc<AtomicBool>,
    port: u16,
}

impl Server {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State { commit: COMMIT.into(), ..State::default() }));
        let stop = Arc::new(AtomicBool::new(false));
        let (shared, ended) = (state.clone(), stop.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::Relaxed) {
                    break;
                }
                let (Ok(stream), shared, ended) = (stream, shared.clone(), ended.clone()) else { continue };
                std::thread::spawn(move || serve(stream, port, &shared, &ended));
            }
        });
        Self { address: format!("http://127.0.0.1:{port}"), state, stop, port }
    }

    pub fn with(self, repository: &str, file: &str, content: &[u8]) -> Self {
        self.put(repository, file, content);
        self
    }

    pub fn put(&self, repository: &str, file: &str, content: &[u8]) {
        let mut state = self.state.lock().unwrap();
        state.files.entry(repository.into()).or_default().insert(file.into(), content.into());
    }

    pub fn once(&self, request: &str, fault: Fault) {
        self.state.lock().unwrap().once.push((request.into(), fault));
    }

    pub fn always(&self, request: &str, fault: Fault) {
        self.state.lock().unwrap().always.push((request.into(), fault));
    }

    pub fn behave(&self) {
        let mut state = self.state.lock().unwrap();
        state.once.clear();
        state.always.clear();
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.state.lock().unwrap().seen.clone()
    }

    /// How many requests began so.
    pub fn count(&self, request: &str) -> usize {
        self.seen().iter().filter(|seen| seen.line.starts_with(request)).count()
    }

    pub fn forget(&self) {
        self.state.lock().unwrap().seen.clear();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn serve(stream: TcpStream, port: u16, state: &Mutex<State>, stop: &AtomicBool) {
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut first = String::new();
        if lines.read_line(&mut first).unwrap_or(0) == 0 || stop.load(Ordering::Relaxed) {
            return;
        }
        let (mut range, mut authorization) = (None, None);
        loop {
            let mut header = String::new();
            if lines.read_line(&mut header).unwrap_or(0) == 0 {
                return;
            }
            let header = header.trim();
            if header.is_empty() {
                break;
            }
            let (name, value) = header.split_once(':').unwrap_or((header, ""));
            match name.to_lowercase().as_str() {
                "range" => range = Some(value.trim().to_string()),
                "authorization" => authorization = Some(value.trim().to_string()),
                _ => {}
            }
        }
        let line = first.trim().trim_end_matches(" HTTP/1.1").to_string();
        let seen = Seen { line: line.clone(), range, authorization };
        let fault = {
            let mut state = state.lock().unwrap();
            state.seen.push(seen.clone());
            let at = state.once.iter().position(|(request, _)| line.starts_with(request.as_str()));
            let always = state
                .always
                .iter()
                .find(|(request, _)| line.starts_with(request.as_str()))
                .map(|(_, fault)| fault.clone());
            at.map(|at| state.once.remove(at).1).or(always)
        };
        if !answer(&stream, port, state, &seen, fault, stop) {
            let _ = stream.shutdown(Shutdown::Both);
            return;
        }
    }
}

struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

fn reply(status: u16, body: &[u8]) -> Reply {
    Reply { status, headers: Vec::new(), body: body.into() }
}

impl Reply {
    fn header(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.into(), value.to_string()));
        self
    }

    /// With a status that is no success, and an error code.
    fn refusal(status: u16, code: &str) -> Self {
        reply(status, b"no").header("X-Error-Code", code).header("X-Error-Message", format!("{code}, says the server"))
    }
}

/// Whether the connection goes on.
fn answer(
    stream: &TcpStream,
    port: u16,
    state: &Mutex<State>,
    seen: &Seen,
    fault: Option<Fault>,
    stop: &AtomicBool,
) -> bool {
    let (method, path) = seen.line.split_once(' ').unwrap_or(("", ""));
    let mut reply = match &fault {
        Some(Fault::Status(status, code)) => {
            let refusal = Reply::refusal(*status, code);
            if *status == 429 { refusal.header("Retry-After", "1") } else { refusal }
        }
        Some(Fault::Loop) => self::reply(307, b"").header("Location", path),
        Some(Fault::Redirect(to)) => self::reply(302, b"").header("Location", to),
        _ => route(port, &state.lock().unwrap(), path, seen, fault.as_ref()),
    };
    let replace = |reply: &mut Reply, names: &[&str], value: &str| {
        for (_, old) in reply.headers.iter_mut().filter(|(name, _)| names.contains(&name.as_str())) {
            *old = value.into();
        }
    };
    match &fault {
        Some(Fault::Etag(etag)) => replace(&mut reply, &["ETag", "X-Linked-Etag"], etag),
        Some(Fault::Commit(commit)) => replace(&mut reply, &["X-Repo-Commit"], commit),
        Some(Fault::LinkedSize(size)) => replace(&mut reply, &["X-Linked-Size"], &size.to_string()),
        Some(Fault::Corrupt) => reply.body.iter_mut().for_each(|b| *b ^= 0x55),
        Some(Fault::Longer) => reply.body.push(0),
        _ => {}
    }
    send(stream, method, reply, fault.as_ref(), stop)
}

fn send(mut stream: &TcpStream, method: &str, reply: Reply, fault: Option<&Fault>, stop: &AtomicBool) -> bool {
    let mut head = format!("HTTP/1.1 {} X\r\nContent-Length: {}\r\n", reply.status, reply.body.len());
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    if stream.write_all(head.as_bytes()).is_err() {
        return false;
    }
    if method == "HEAD" {
        return true;
    }
    match fault {
        Some(Fault::Drop(n) | Fault::DropWhole(n)) => {
            let _ = stream.write_all(&reply.body[..(*n).min(reply.body.len())]);
            false
        }
        Some(Fault::Stall(n)) => {
            let _ = stream.write_all(&reply.body[..(*n).min(reply.body.len())]);
            for _ in 0..600 {
                std::thread::sleep(Duration::from_millis(50));
                if stop.load(Ordering::Relaxed) {
                    break;
                }
            }
            false
        }
        Some(Fault::Slow(n, wait)) => reply.body.chunks((*n).max(1)).all(|piece| {
            std::thread::sleep(Duration::from_millis(*wait));
            stream.write_all(piece).is_ok()
        }),
        _ => stream.write_all(&reply.body).is_ok(),
    }
}

fn route(port: u16, state: &State, path: &str, seen: &Seen, fault: Option<&Fault>) -> Reply {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let authorized =
        state.token.as_ref().is_none_or(|token| seen.authorization.as_deref() == Some(&format!("Bearer {token}")));
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    match parts.as_slice() {
        ["cdn", owner, name, file @ ..] => content(state, &format!("{owner}/{name}"), &file.join("/"), seen, fault),
        ["plain", file] => {
            let etag = state.files.get("plain").and_then(|files| files.get(*file)).map(|content| git(content));
            content(state, "plain", file, seen, fault).header("ETag", format!("\"{}\"", etag.unwrap_or_default()))
        }
        _ if !authorized => Reply::refusal(401, "GatedRepo"),
        ["api", "models", owner, name, "revision", revision] => match known(state, owner, name, revision) {
            Ok(_) => reply(200, format!(r#"{{"sha": "{}", "id": "{owner}/{name}"}}"#, state.commit).as_bytes()),
            Err(refusal) => refusal,
        },
        ["api", "models", owner, name, "tree", revision] => match known(state, owner, name, revision) {
            Ok(files) => tree(port, state, path, query, files),
            Err(refusal) => refusal,
        },
        [owner, name, "resolve", revision, file @ ..] => match known(state, owner, name, revision) {
            Ok(files) => resolve(state, &format!("{owner}/{name}"), &file.join("/"), files, seen, fault),
            Err(refusal) => refusal,
        },
        _ => reply(404, b"no such route"),
    }
}

type Files = BTreeMap<String, Vec<u8>>;

fn known<'a>(state: &'a State, owner: &str, name: &str, revision: &str) -> std::result::Result<&'a Files, Reply> {
    let Some(files) = state.files.get(&format!("{owner}/{name}")) else {
        return Err(Reply::refusal(404, "RepoNotFound"));
    };
    if ["main", "refs%2Fpr%2F1", &state.commit].contains(&revision) {
        Ok(files)
    } else {
        Err(Reply::refusal(404, "RevisionNotFound"))
    }
}

/// What is stored as LFS here.
fn is_large(content: &[u8]) -> bool {
    content.len() > 1000
}

fn tree(port: u16, state: &State, path: &str, query: &str, files: &Files) -> Reply {
    let item = |path: &str, content: &[u8]| match is_large(content) {
        true => format!(
            r#"{{"type": "file", "path": {path:?}, "size": {size}, "oid": "{}", "lfs": {{"oid": "{}", "size": {size}, "pointerSize": 134}}}}"#,
            git(b"pointer"),
            super::hash::sha256(content),
            size = content.len()
        ),
        false => {
            format!(r#"{{"type": "file", "path": {path:?}, "size": {}, "oid": "{}"}}"#, content.len(), git(content))
        }
    };
    let mut items: Vec<String> = files.iter().map(|(path, content)| item(path, content)).collect();
    items.extend(state.strange.iter().map(|path| item(path, b"strange")));
    items.push(r#"{"type": "directory", "path": "folder", "size": 0, "oid": ""}"#.into());
    let half = items.len() / 2;
    if !state.pages {
        return reply(200, format!("[{}]", items.join(",")).as_bytes());
    }
    if query.contains("cursor=2") {
        return reply(200, format!("[{}]", items[half..].join(",")).as_bytes());
    }
    let next = format!("<http://127.0.0.1:{port}{path}?recursive=true&cursor=2>; rel=\"next\"");
    reply(200, format!("[{}]", items[..half].join(",")).as_bytes()).header("Link", next)
}

fn resolve(state: &State, repository: &str, file: &str, files: &Files, seen: &Seen, fault: Option<&Fault>) -> Reply {
    let Some(content) = files.get(file) else { return Reply::refusal(404, "EntryNotFound") };
    if is_large(content) {
        return reply(302, b"elsewhere")
            .header("Location", format!("/cdn/{repository}/{file}"))
            .header("X-Repo-Commit", &state.commit)
            .header("X-Linked-Etag", format!("\"{}\"", super::hash::sha256(content)))
            .header("X-Linked-Size", content.len());
    }
    let reply = self::content(state, repository, file, seen, fault);
    reply.header("X-Repo-Commit", &state.commit).header("ETag", format!("\"{}\"", git(content)))
}

/// The content, or the part of it that was asked for.
fn content(state: &State, repository: &str, file: &str, seen: &Seen, fault: Option<&Fault>) -> Reply {
    let Some(content) = state.files.get(repository).and_then(|files| files.get(file)) else {
        return reply(404, b"gone");
    };
    let from =
        seen.range.as_ref().and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    let Some(from) = from.filter(|_| !matches!(fault, Some(Fault::IgnoreRange | Fault::DropWhole(_)))) else {
        return reply(200, content);
    };
    if from >= content.len() || fault == Some(&Fault::NoRange) {
        return reply(416, b"");
    }
    let begin = if fault == Some(&Fault::WrongRange) { from + 1 } else { from };
    let whole = if fault == Some(&Fault::WrongTotal) { content.len() + 1 } else { content.len() };
    reply(206, &content[from..]).header("Content-Range", format!("bytes {begin}-{}/{whole}", content.len() - 1))
}

/// Git's name of a file.
pub fn git(content: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(format!("blob {}\0", content.len()));
    hash.update(content);
    hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
}
