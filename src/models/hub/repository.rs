//! What a Hugging Face server says of a repository: which commit a revision is, its files, and each file's etag.

use super::http::{About, Answer, Follow, Line, escaped, header, joined, network, refused};
use super::layout::Entry;
use super::names::{etag, is_commit, is_file, is_sha256, quoted};
use crate::error::Result;
use crate::{bail, ensure};
use hf_hub::{Repo, RepoType};
use serde_json::Value;
use ureq::http::Method;

/// The most files that a repository may list.
const MOST_FILES: usize = 200_000;

/// A repository at a revision.
#[derive(Clone)]
pub struct Place {
    pub id: String,
    pub revision: String,
}

/// What the server says of one file.
pub struct Seen {
    pub etag: String,
    pub size: Option<u64>,
}

impl Place {
    fn repo(&self) -> Repo {
        Repo::with_revision(self.id.clone(), RepoType::Model, self.revision.clone())
    }

    pub fn about(&self, line: &Line, file: Option<&str>) -> About {
        About {
            repository: Some(self.id.clone()),
            revision: self.revision.clone(),
            file: file.map(String::from),
            endpoint: line.endpoint.clone(),
        }
    }

    pub fn file_url(&self, line: &Line, path: &str) -> String {
        format!("{}/{}/resolve/{}/{}", line.endpoint, self.repo().url(), self.repo().url_revision(), escaped(path))
    }

    /// The commit that the revision is. `patient` says whether to try again if the server cannot be reached.
    pub fn commit(&self, line: &Line, patient: bool) -> Result<String> {
        if is_commit(&self.revision) {
            return Ok(self.revision.clone());
        }
        let url = format!("{}/api/{}", line.endpoint, self.repo().api_url());
        let (answer, _) = line.json(&url, &self.about(line, None), patient)?;
        match answer.get("sha").and_then(Value::as_str) {
            Some(commit) if is_commit(commit) => Ok(commit.into()),
            other => bail!(Network, "{url}: names the commit {:?}, which is none", quoted(other.unwrap_or_default())),
        }
    }

    /// All files of the repository, page by page. `patient` as for [`Place::commit`].
    pub fn list(&self, line: &Line, patient: bool) -> Result<Vec<Entry>> {
        let start = format!(
            "{}/api/models/{}/tree/{}?recursive=true",
            line.endpoint,
            self.repo().url(),
            self.repo().url_revision()
        );
        let mut next = Some(start);
        let mut entries = Vec::new();
        while let Some(url) = next {
            let (answer, headers) = line.json(&url, &self.about(line, None), patient)?;
            let Value::Array(items) = answer else { bail!(Network, "{url}: does not answer with a list of files") };
            let before = entries.len();
            for item in &items {
                if item.get("type").and_then(Value::as_str) == Some("file") {
                    entries.push(entry(&url, item)?);
                }
            }
            ensure!(entries.len() <= MOST_FILES, Network, "{url}: lists more than {MOST_FILES} files");
            next = header(&headers, "link").and_then(next_page).and_then(|link| joined(&url, &link));
            if let Some(next) = &next {
                ensure!(line.is_endpoint(next), Network, "{url}: continues at {:?}, another server", quoted(next));
                ensure!(entries.len() > before, Network, "{url}: lists nothing and continues");
            }
        }
        Ok(entries)
    }

    /// What the server says of one file, at this revision, which is a commit.
    pub fn look_at(&self, line: &Line, path: &str) -> Result<Seen> {
        let url = self.file_url(line, path);
        let about = self.about(line, Some(path));
        line.retrying(true, || {
            let answer = line.ask(Method::HEAD, &url, None, Follow::Server)?;
            if !(200..400).contains(&answer.status) {
                return Err(refused(&answer.headers, answer.status, &url, &about).into());
            }
            Ok(self.seen(&url, &answer)?)
        })
    }

    fn seen(&self, url: &str, answer: &Answer) -> Result<Seen> {
        let headers = answer.linked.as_ref().unwrap_or(&answer.headers);
        if let Some(commit) = header(headers, "x-repo-commit") {
            ensure!(
                commit == self.revision,
                Network,
                "{url}: is answered for the commit {:?}, must be {}",
                quoted(commit),
                self.revision
            );
        }
        let raw = header(headers, "x-linked-etag").or_else(|| header(headers, "etag"));
        let Some(raw) = raw else { bail!(Network, "{url}: is answered without an etag") };
        let Some(etag) = etag(raw) else { bail!(Network, "{url}: has the etag {:?}, which is none", quoted(raw)) };
        let linked = header(headers, "x-linked-size");
        // The length of a redirection's own body says nothing of the file.
        let length = header(&answer.headers, "content-length").filter(|_| answer.status == 200);
        let size = linked.or(length).and_then(|size| size.trim().parse().ok());
        Ok(Seen { etag, size })
    }
}

fn entry(url: &str, item: &Value) -> Result<Entry> {
    let path = item.get("path").and_then(Value::as_str).unwrap_or_default();
    ensure!(is_file(path), Network, "{url}: lists the file {:?}, which is no path within a repository", quoted(path));
    let size = item.get("lfs").and_then(|lfs| lfs.get("size")).or(item.get("size")).and_then(Value::as_u64);
    let Some(size) = size else { bail!(Network, "{url}: lists the file {path:?} without its size") };
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(String::from);
    let sha256 = text(item.get("lfs").and_then(|lfs| lfs.get("oid"))).filter(|oid| is_sha256(oid));
    let oid = text(item.get("oid")).filter(|oid| is_commit(oid));
    Ok(Entry { path: path.into(), size, oid, sha256 })
}

/// The address of the next page in a `Link` header: `<address>; rel="next"`.
fn next_page(link: &str) -> Option<String> {
    link.split(',').find_map(|part| {
        let (address, rest) = part.trim().strip_prefix('<')?.split_once('>')?;
        rest.replace(['"', ' '], "").contains("rel=next").then(|| address.to_string())
    })
}

/// A file that is another now than it was said to be.
pub fn changed(name: &str) -> crate::Error {
    network(format!("{name}: changes while it is downloaded"))
}
