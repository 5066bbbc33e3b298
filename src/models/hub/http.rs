//! Requests: redirects by our own rules, retries, and statuses as errors.
//!
//! - The token goes to the endpoint and to nobody else, whoever it redirects to.
//! - A server that is asked by https may not redirect to http.
//! - What may pass (no connection, a timeout, 408, 429, 5xx) is tried again after a wait that doubles, or that the server
//!   asks for (`Retry-After`, up to a minute); what will not pass (401, 403, 404) is an error at once.

use super::jobs::Pulse;
use super::names::quoted;
use super::settings::Settings;
use crate::error::{Error, ErrorKind, Result};
use serde_json::Value;
use std::io::Read;
use std::time::Duration;
use ureq::http::{HeaderMap, Method, Request, Uri};
use ureq::{Agent, Body};

const REDIRECTS: usize = 10;

/// The longest wait that a server may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The most that an answer in JSON may hold.
const JSON_LIMIT: u64 = 64 << 20;

/// How servers are spoken to in one call.
pub struct Line {
    agent: Agent,
    pub pulse: Pulse,
    pub endpoint: String,
    token: Option<String>,
    retries: usize,
    retry_wait: Duration,
    timeout: Duration,
}

/// Why a request failed, and whether it is worth another try.
pub enum Failure {
    /// Perhaps after the wait that the server asked for.
    Passing(Error, Option<Duration>),
    Lasting(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Lasting(error)
    }
}

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Body,
    /// Where it came from after all redirects.
    pub url: String,
    /// What the endpoint said of the file before it redirected elsewhere.
    pub linked: Option<HeaderMap>,
}

/// How far redirects are followed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// On the same server: what it says of a file is in the answer that redirects elsewhere.
    Server,
    Anywhere,
}

impl Line {
    pub fn new(settings: &Settings) -> Self {
        let mut config = Agent::config_builder()
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .accept_encoding("identity")
            .user_agent(concat!("scnative/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(settings.timeout))
            .timeout_connect(Some(settings.timeout))
            .timeout_recv_response(Some(settings.timeout))
            .timeout_per_read(Some(settings.timeout))
            .timeout_per_write(Some(settings.timeout));
        if is_loopback(&settings.endpoint) {
            config = config.proxy(None);
        }
        Self {
            agent: config.build().new_agent(),
            pulse: Pulse::default(),
            endpoint: settings.endpoint.clone(),
            token: settings.token.clone(),
            retries: settings.retries,
            retry_wait: settings.retry_wait,
            timeout: settings.timeout,
        }
    }

    /// Shuts all connections, for good.
    pub fn hang_up(&self) {
        self.agent.clone().shutdown();
    }

    /// Does `request` until it succeeds, fails for good, or has failed `retries` times more than once; one that is not
    /// `patient` is done once.
    pub fn retrying<T>(
        &self,
        patient: bool,
        mut request: impl FnMut() -> std::result::Result<T, Failure>,
    ) -> Result<T> {
        let mut failed = 0;
        loop {
            self.pulse.check()?;
            match request() {
                Ok(value) => return Ok(value),
                Err(Failure::Lasting(error)) => return Err(error),
                Err(Failure::Passing(error, _)) if !patient => return Err(error),
                Err(Failure::Passing(error, asked)) => {
                    failed += 1;
                    self.before_retry(failed, error, asked)?;
                }
            }
        }
    }

    /// Waits before the next try, or gives up with the error.
    pub fn before_retry(&self, failed: usize, error: Error, asked: Option<Duration>) -> Result<()> {
        self.pulse.check()?;
        if failed > self.retries {
            return Err(error);
        }
        let wait = asked.unwrap_or(self.retry_wait * (1 << (failed - 1).min(4))).min(LONGEST_WAIT);
        self.pulse.sleep(wait)
    }

    /// One request with its redirects. Any status that is not a passing failure is an answer.
    pub fn ask(
        &self,
        method: Method,
        url: &str,
        from: Option<u64>,
        follow: Follow,
    ) -> std::result::Result<Answer, Failure> {
        let first = url;
        let mut url = url.to_string();
        let mut linked = None;
        for _ in 0..=REDIRECTS {
            self.pulse.check()?;
            let answer = self.ask_once(&method, &url, from)?;
            if linked.is_none() && self.is_endpoint(&url) && answer.headers.contains_key("x-linked-etag") {
                linked = Some(answer.headers.clone());
            }
            let location = header(&answer.headers, "location").map(str::to_string);
            let (true, Some(location)) = (matches!(answer.status, 301 | 302 | 303 | 307 | 308), location) else {
                return Ok(Answer { linked, ..answer });
            };
            let next = joined(&url, &location).ok_or_else(|| {
                network(format!("{}: redirects to {:?}, which is no address", shown(&url), quoted(shown(&location))))
            })?;
            if follow == Follow::Server && server(&next) != server(&url) {
                return Ok(Answer { linked, ..answer });
            }
            if is_downgrade(first, &next) {
                return Err(network(format!(
                    "{}: redirects from https to {:?}, which is not encrypted",
                    shown(&url),
                    quoted(shown(&next))
                ))
                .into());
            }
            url = next;
        }
        Err(network(format!("{}: redirects more than {REDIRECTS} times", shown(&url))).into())
    }

    fn ask_once(&self, method: &Method, url: &str, from: Option<u64>) -> std::result::Result<Answer, Failure> {
        let mut request = Request::builder().method(method.clone()).uri(url);
        if let Some(from) = from.filter(|&from| from > 0) {
            request = request.header("range", format!("bytes={from}-"));
        }
        if let Some(token) = self.token.as_ref().filter(|_| self.is_endpoint(url)) {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(()).map_err(|e| network(format!("{}: is no address: {e}", shown(url))))?;
        let answer = self.agent.run(request).map_err(|e| self.failure(url, e))?;
        let (parts, body) = answer.into_parts();
        let status = parts.status.as_u16();
        if matches!(status, 408 | 429 | 500..) {
            let asked = header(&parts.headers, "retry-after")
                .and_then(|wait| wait.trim().parse().ok())
                .map(Duration::from_secs);
            return Err(Failure::Passing(
                network(format!("{}: the server answers with status {status}", shown(url))),
                asked,
            ));
        }
        Ok(Answer { status, headers: parts.headers, body, url: url.into(), linked: None })
    }

    fn failure(&self, url: &str, error: ureq::Error) -> Failure {
        let url = shown(url);
        let what = match error {
            ureq::Error::Timeout(_) => format!("nothing came for {} s", self.timeout.as_secs_f64()),
            ureq::Error::HostNotFound => "the server's name is not known".into(),
            ref other => quoted(&other.to_string()),
        };
        let wrapped = network(format!("{url}: cannot be had: {what}"));
        match error {
            ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::LargeResponseHeader(..) => {
                Failure::Lasting(wrapped)
            }
            _ => Failure::Passing(wrapped, None),
        }
    }

    /// A failure while the body was read.
    pub fn broken(&self, url: &str, error: std::io::Error) -> Failure {
        self.failure(url, ureq::Error::from(error))
    }

    /// Whether this address is the endpoint's own.
    pub fn is_endpoint(&self, url: &str) -> bool {
        server(url).is_some() && server(url) == server(&self.endpoint)
    }

    /// A JSON document and the headers that came with it.
    pub fn json(&self, url: &str, about: &About, patient: bool) -> Result<(Value, HeaderMap)> {
        self.retrying(patient, || {
            let answer = self.ask(Method::GET, url, None, Follow::Anywhere)?;
            if answer.status != 200 {
                return Err(refused(&answer.headers, answer.status, &answer.url, about).into());
            }
            let mut text = Vec::new();
            answer.body.into_reader().take(JSON_LIMIT + 1).read_to_end(&mut text).map_err(|e| self.broken(url, e))?;
            if text.len() as u64 > JSON_LIMIT {
                return Err(network(format!("{url}: answers with more than {} MiB of JSON", JSON_LIMIT >> 20)).into());
            }
            let value =
                serde_json::from_slice(&text).map_err(|e| network(format!("{url}: does not answer with JSON: {e}")))?;
            Ok((value, answer.headers))
        })
    }
}

/// What a request is about, for its messages.
#[derive(Clone)]
pub struct About {
    /// The repository; none for a plain address.
    pub repository: Option<String>,
    pub revision: String,
    pub file: Option<String>,
    pub endpoint: String,
}

/// A status that will not pass, as an error.
pub fn refused(headers: &HeaderMap, status: u16, url: &str, about: &About) -> Error {
    let url = shown(url);
    let code = header(headers, "x-error-code").unwrap_or_default();
    let said = header(headers, "x-error-message").map(|text| format!(" ({})", quoted(text))).unwrap_or_default();
    let Some(repository) = &about.repository else {
        return match status {
            401 | 403 => {
                Error::new(ErrorKind::Access, format!("{url}: the server refuses it with status {status}{said}"))
            }
            404 | 410 => Error::new(ErrorKind::NotFound, format!("{url}: is not there: status {status}")),
            _ => network(format!("{url}: the server answers with status {status}{said}")),
        };
    };
    match (status, code) {
        (404, "RevisionNotFound") => {
            Error::new(ErrorKind::NotFound, format!("revision: {repository} has no {:?}{said}", about.revision))
        }
        (404, _) if about.file.is_some() && code != "RepoNotFound" => {
            let file = about.file.as_deref().unwrap_or_default();
            Error::new(
                ErrorKind::NotFound,
                format!("{repository}: has no file {file:?} at the revision {:?}{said}", about.revision),
            )
        }
        (404, _) => Error::new(
            ErrorKind::NotFound,
            format!(
                "{repository}: is no repository of {} that may be seen, or has no revision {:?}{said}",
                about.endpoint, about.revision
            ),
        ),
        (401 | 403, _) => Error::new(
            ErrorKind::Access,
            format!(
                "{repository}: the server refuses it with status {status}{said}: it does not exist, or is private or gated. Accept its terms \
                 at {}/{repository} if it has any, and give a token that may read it: the option token, HF_TOKEN, or `hf auth login`",
                about.endpoint
            ),
        ),
        _ => network(format!("{url}: the server answers with status {status}{said}")),
    }
}

pub fn network(message: String) -> Error {
    Error::new(ErrorKind::Network, message)
}

pub fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Scheme, host and port of an address.
fn server(url: &str) -> Option<(String, String, u16)> {
    let uri: Uri = url.parse().ok()?;
    let scheme = uri.scheme_str()?.to_lowercase();
    let port = uri.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
    Some((scheme, uri.host()?.to_lowercase(), port))
}

/// Whether what was asked for by an encrypted connection would come by an open one; what is asked for by http may do that.
fn is_downgrade(first: &str, to: &str) -> bool {
    let encrypted = |url: &str| server(url).is_some_and(|(scheme, ..)| scheme == "https");
    encrypted(first) && !encrypted(to)
}

/// An address for a message: what is behind `?` may be a signature that opens it.
fn shown(url: &str) -> &str {
    url.split('?').next().unwrap_or(url)
}

fn is_loopback(url: &str) -> bool {
    server(url).is_some_and(|(_, host, _)| host == "localhost" || host.starts_with("127.") || host == "[::1]")
}

/// Where a redirect leads: an address by http or https.
pub fn joined(url: &str, location: &str) -> Option<String> {
    let base: Uri = url.parse().ok()?;
    let (scheme, authority) = (base.scheme_str()?, base.authority()?.as_str());
    let location = location.split('#').next().unwrap_or_default();
    // What comes behind the address's own beginning may hold another address.
    let scheme_end = location.split(['/', '?']).next().unwrap_or_default().len();
    let whole = if location[..scheme_end].ends_with(':') && location[scheme_end..].starts_with("//") {
        location.to_string()
    } else if let Some(rest) = location.strip_prefix("//") {
        format!("{scheme}://{rest}")
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else {
        let folder = base.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{scheme}://{authority}{folder}/{location}")
    };
    let uri: Uri = whole.parse().ok()?;
    let plain = matches!(uri.scheme_str(), Some("http" | "https")) && !uri.authority()?.as_str().contains('@');
    plain.then_some(whole)
}

/// A path with what may not stand in an address escaped.
pub fn escaped(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => out.push(byte as char),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_joined() {
        let to = |location: &str| joined("https://a.b/x/y?q=1", location);
        assert_eq!(to("/z").as_deref(), Some("https://a.b/z"));
        assert_eq!(to("z?p").as_deref(), Some("https://a.b/x/z?p"));
        assert_eq!(to("//c.d/z").as_deref(), Some("https://c.d/z"));
        assert_eq!(to("http://c.d/z#f").as_deref(), Some("http://c.d/z"));
        assert_eq!(to("z?next=https://c.d/").as_deref(), Some("https://a.b/x/z?next=https://c.d/"));
        assert_eq!(to("/z?next=https://c.d/").as_deref(), Some("https://a.b/z?next=https://c.d/"));
        for bad in ["file:///etc/passwd", "ftp://x/y", "https://u@x/y", "http://"] {
            assert_eq!(to(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_encrypted_server_may_not_redirect_to_an_open_one() {
        assert!(is_downgrade("https://a/x", "http://a/x") && is_downgrade("HTTPS://a/x", "http://b/x"));
        assert!(!is_downgrade("https://a/x", "HTTPS://b/x") && !is_downgrade("http://127.0.0.1:1/x", "http://b/x"));
        assert_eq!(shown("https://a/x?signature=secret"), "https://a/x");
    }

    #[test]
    fn servers_are_compared_with_their_ports() {
        assert_eq!(server("https://A.b/x"), server("https://a.b:443/y"));
        assert_ne!(server("https://a.b"), server("http://a.b"));
        assert_ne!(server("http://a.b:1"), server("http://a.b:2"));
    }
}
