//! The hub against a server of our own. No test touches the real network.

mod faults;
mod keeping;
mod processes;
mod server;

use super::*;
use crate::error::{Error, ErrorKind};
use server::{COMMIT, Fault, Server};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

const REPOSITORY: &str = "org/model";

/// A server with one model, and a cache of its own.
pub(in crate::models) struct Bench {
    server: Server,
    pub(in crate::models) cache: PathBuf,
}

fn weights() -> Vec<u8> {
    (0..200_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

impl Bench {
    pub(in crate::models) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let cache = std::env::temp_dir().join(format!("scnative-hub-{}-{n}", std::process::id()));
        let _ = fs::remove_dir_all(&cache);
        let server = Server::start()
            .with(REPOSITORY, "config.json", br#"{"model_type": "scgpt"}"#)
            .with(REPOSITORY, "model.safetensors", &weights())
            .with(REPOSITORY, "sub/vocab.json", b"{}");
        Self { server, cache }
    }

    pub(in crate::models) fn options(&self, more: &str) -> Options {
        let mut all = json!({
            "cache_dir": self.cache, "endpoint": self.server.address, "token": "hf_secret", "timeout": 5, "retry_wait": 0.01, "offline": false,
        });
        let more: Value = serde_json::from_str(if more.is_empty() { "{}" } else { more }).unwrap();
        for (name, value) in more.as_object().unwrap() {
            all[name] = value.clone();
        }
        Options::parse(&all.to_string()).unwrap()
    }

    fn download(&self, what: &str, more: &str) -> Result<Value> {
        download(&Ctx::new(1), what, &self.options(more))
    }

    fn fails(&self, what: &str, more: &str) -> Error {
        match self.download(what, more) {
            Ok(done) => panic!("{what} was downloaded: {done}"),
            Err(error) => error,
        }
    }

    fn folder(&self) -> PathBuf {
        self.cache.join("models--org--model")
    }

    fn snapshot(&self) -> PathBuf {
        self.folder().join("snapshots").join(COMMIT)
    }

    /// Blobs that are whole, and those that are not.
    fn blobs(&self) -> (Vec<String>, Vec<String>) {
        let names = layout::files_below(&self.folder().join("blobs"));
        names.into_iter().partition(|name| !name.ends_with(".incomplete"))
    }

    /// Fails if anything can be seen that is not what the server has.
    fn is_clean(&self) {
        for path in layout::files_below(&self.snapshot()) {
            let content = fs::read(self.snapshot().join(&path)).unwrap();
            assert_eq!(content, self.server.state.lock().unwrap().files[REPOSITORY][&path], "{path}");
        }
        for blob in self.blobs().0 {
            let content = fs::read(self.folder().join("blobs").join(&blob)).unwrap();
            assert!(blob == hash::sha256(&content) || blob == server::git(&content), "{blob}");
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.cache);
    }
}

fn read(path: impl AsRef<Path>) -> Vec<u8> {
    fs::read(path).unwrap()
}

#[test]
fn a_repository_is_laid_out_as_hugging_face_lays_it_out() {
    let bench = Bench::new();
    let done = bench.download(REPOSITORY, "").unwrap();
    assert_eq!(done["commit"], COMMIT);
    assert_eq!(done["downloaded_bytes"], 200_000 + 23 + 2);
    assert_eq!(done["folder"], json!(bench.snapshot()));
    assert_eq!(read(bench.snapshot().join("model.safetensors")), weights());
    let sha256 = hash::sha256(&weights());
    let link = fs::read_link(bench.snapshot().join("model.safetensors")).unwrap();
    assert_eq!(link, Path::new("../../blobs").join(&sha256));
    let link = fs::read_link(bench.snapshot().join("sub/vocab.json")).unwrap();
    assert_eq!(link, Path::new("../../../blobs").join(server::git(b"{}")));
    assert_eq!(read(bench.folder().join("refs/main")), COMMIT.as_bytes());
    assert!(bench.cache.join(".locks/models--org--model").join(format!("{sha256}.lock")).is_file());
    assert_eq!(bench.blobs().1, Vec::<String>::new());
    bench.is_clean();
}

#[test]
fn what_is_cached_needs_no_request() {
    let bench = Bench::new();
    bench.download(REPOSITORY, "").unwrap();
    bench.server.forget();
    let again = bench.download(REPOSITORY, r#"{"offline": true}"#).unwrap();
    assert_eq!((again["downloaded_bytes"].clone(), again["commit"].clone()), (json!(0), json!(COMMIT)));
    bench.download(&format!("{REPOSITORY}@{COMMIT}"), "").unwrap();
    bench.download(REPOSITORY, &format!(r#"{{"revision": "{COMMIT}"}}"#)).unwrap();
    assert_eq!(bench.server.seen().len(), 0, "{:?}", bench.server.seen());
    // A branch is asked for once.
    assert_eq!(bench.download(REPOSITORY, "").unwrap()["downloaded_bytes"], 0);
    assert_eq!(bench.server.seen().len(), 1, "{:?}", bench.server.seen());
}

#[test]
fn without_a_network_the_cache_is_used_with_a_warning() {
    let bench = Bench::new();
    bench.download(REPOSITORY, "").unwrap();
    let mut warnings = Vec::new();
    {
        let ctx = Ctx::new(1).with_warn(|text| warnings.push(text.to_string()));
        let options = bench.options(r#"{"endpoint": "http://127.0.0.1:1"}"#);
        assert_eq!(download(&ctx, REPOSITORY, &options).unwrap()["downloaded_bytes"], 0);
    }
    assert!(warnings.len() == 1 && warnings[0].contains(REPOSITORY), "{warnings:?}");
    // A commit that is new, and cannot be listed: what was there is used at once.
    bench.server.state.lock().unwrap().commit = "f".repeat(40);
    bench.server.always("GET /api/models/org/model/tree", Fault::Status(500, ""));
    bench.server.forget();
    assert_eq!(bench.download(REPOSITORY, "").unwrap()["commit"], COMMIT);
    assert_eq!(bench.server.count("GET /api/models/org/model/tree"), 1);
    let other = bench.fails("org/other", r#"{"endpoint": "http://127.0.0.1:1", "retries": 1}"#);
    assert_eq!(other.kind, ErrorKind::Network);
}

#[test]
fn offline_and_not_cached() {
    let bench = Bench::new();
    let error = bench.fails(REPOSITORY, r#"{"offline": true}"#);
    assert!(error.kind == ErrorKind::Offline && error.message.contains(REPOSITORY), "{error}");
    bench.download(REPOSITORY, r#"{"allow": ["config.json"]}"#).unwrap();
    let error = bench.fails(REPOSITORY, r#"{"offline": true}"#);
    assert!(error.kind == ErrorKind::Offline && error.message.contains("model.safetensors"), "{error}");
    assert_eq!(bench.server.count("GET /org/model/resolve"), 1);
}

#[test]
fn files_are_chosen_by_patterns_and_subfolder() {
    let bench = Bench::new();
    bench.server.put(REPOSITORY, "README.md", b"# a model");
    bench.server.put(REPOSITORY, "pytorch_model.bin", b"the weights again");
    let paths = |done: Value| -> Vec<String> {
        done["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap().into()).collect()
    };
    assert_eq!(paths(bench.download("org/model:sub", "").unwrap()), ["sub/vocab.json"]);
    assert_eq!(
        paths(bench.download(REPOSITORY, r#"{"ignore": ["*.safetensors", "sub/*"]}"#).unwrap()),
        ["config.json"]
    );
    assert_eq!(paths(bench.download(REPOSITORY, "").unwrap()), ["config.json", "model.safetensors", "sub/vocab.json"]);
    let folder = bench.download("org/model@refs/pr/1:sub", "").unwrap()["folder"].clone();
    assert_eq!(folder, json!(bench.snapshot().join("sub")));
    assert_eq!(read(bench.folder().join("refs/refs/pr/1")), COMMIT.as_bytes());
}

#[test]
fn long_lists_come_in_pages() {
    let bench = Bench::new();
    bench.server.state.lock().unwrap().pages = true;
    assert_eq!(bench.download(REPOSITORY, "").unwrap()["files"].as_array().unwrap().len(), 3);
    assert_eq!(bench.server.count("GET /api/models/org/model/tree"), 2);
}

#[test]
fn force_brings_everything_again() {
    let bench = Bench::new();
    bench.download(REPOSITORY, "").unwrap();
    let blob = bench.folder().join("blobs").join(hash::sha256(&weights()));
    fs::write(&blob, vec![0; 200_000]).unwrap();
    let done = bench.download(REPOSITORY, r#"{"force": true}"#).unwrap();
    assert_eq!(done["downloaded_bytes"], 200_025);
    bench.is_clean();
}

#[test]
fn a_file_that_lost_its_end_is_fetched_again() {
    let bench = Bench::new();
    bench.download(REPOSITORY, "").unwrap();
    fs::write(bench.folder().join("blobs").join(hash::sha256(&weights())), b"short").unwrap();
    assert_eq!(bench.fails(REPOSITORY, r#"{"offline": true}"#).kind, ErrorKind::Offline);
    assert_eq!(bench.download(&format!("{REPOSITORY}@{COMMIT}"), "").unwrap()["downloaded_bytes"], 200_000);
    bench.is_clean();
}

#[test]
fn a_repository_of_several_models_is_not_downloaded_whole() {
    let bench = Bench::new();
    let error = bench.fails("ctheodoris/Geneformer", "");
    assert!(error.kind == ErrorKind::InvalidArgument && error.message.contains("\"geneformer-v2-316m\""), "{error}");
    assert_eq!(bench.server.seen().len(), 0);
}

#[test]
fn a_new_commit_shares_what_did_not_change() {
    let bench = Bench::new();
    bench.download(REPOSITORY, "").unwrap();
    let next = "f".repeat(40);
    bench.server.state.lock().unwrap().commit = next.clone();
    bench.server.put(REPOSITORY, "config.json", b"{}");
    bench.server.forget();
    // The new configuration has the bytes of the vocabulary.
    assert_eq!(bench.download(REPOSITORY, "").unwrap()["downloaded_bytes"], 0);
    assert_eq!(bench.server.count("GET /cdn"), 0);
    assert_eq!(read(bench.folder().join("refs/main")), next.as_bytes());
    assert_eq!(read(bench.snapshot().join("config.json")), br#"{"model_type": "scgpt"}"#);
    assert_eq!(read(bench.folder().join("snapshots").join(&next).join("config.json")), b"{}");
}

#[test]
fn the_token_goes_to_the_endpoint_alone() {
    let bench = Bench::new();
    let cdn = Server::start().with("plain", "weights", &weights());
    bench.server.always(
        "GET /org/model/resolve/0123456789abcdef0123456789abcdef01234567/model",
        Fault::Redirect(format!("{}/plain/weights", cdn.address)),
    );
    bench.download(REPOSITORY, "").unwrap();
    assert!(bench.server.seen().iter().all(|seen| seen.authorization.as_deref() == Some("Bearer hf_secret")));
    assert!(cdn.seen().len() == 1 && cdn.seen()[0].authorization.is_none(), "{:?}", cdn.seen());
    bench.is_clean();
}

#[test]
fn a_repository_that_moved_is_followed_on_its_server() {
    let bench = Bench::new();
    bench.server.put("org/old", "config.json", b"never read");
    let moved = |method: &str, from: &str, to: &str| {
        bench.server.always(&format!("{method} {from}"), Fault::Redirect(to.into()))
    };
    moved("GET", "/api/models/org/old/revision/main", "/api/models/org/model/revision/main");
    moved("GET", "/api/models/org/old/tree", &format!("/api/models/org/model/tree/{COMMIT}"));
    let resolve = |owner: &str| format!("/{owner}/resolve/{COMMIT}/config.json");
    moved("HEAD", &resolve("org/old"), &resolve(REPOSITORY));
    moved("GET", &resolve("org/old"), &resolve(REPOSITORY));
    let done = bench.download("org/old", r#"{"allow": ["config.json"]}"#).unwrap();
    assert_eq!(read(done["files"][0]["file"].as_str().unwrap()), br#"{"model_type": "scgpt"}"#);
    assert!(bench.cache.join("models--org--old").is_dir());
    assert!(bench.server.seen().iter().all(|seen| seen.authorization.is_some()));
}

#[test]
fn names_that_are_not_there() {
    let bench = Bench::new();
    let of = |what: &str, options: &str, word: &str| {
        let error = bench.fails(what, options);
        assert!(error.kind == ErrorKind::NotFound && error.message.contains(word), "{error}");
    };
    of("org/nothing", "", "org/nothing");
    of("org/model@nothing", "", "revision");
    of("org/model:nothing", "", "nothing");
    of("scgpt-humam", "", "\"scgpt-human\"");
    assert_eq!(bench.fails("org/../model", "").kind, ErrorKind::InvalidArgument);
    assert_eq!(bench.fails("org/model@../../x", "").kind, ErrorKind::InvalidArgument);
    assert_eq!(bench.fails("org/model", r#"{"colour": 1}"#).kind, ErrorKind::InvalidArgument);
    assert!(!bench.cache.join("models--org--nothing").exists());
}

#[test]
fn gated_without_a_token() {
    let bench = Bench::new();
    bench.server.state.lock().unwrap().token = Some("hf_other".into());
    let error = bench.fails(REPOSITORY, "");
    assert!(
        error.kind == ErrorKind::Access
            && error.message.contains("HF_TOKEN")
            && error.message.contains(&bench.server.address)
    );
    assert!(!error.message.contains("hf_secret"));
    bench.download(REPOSITORY, r#"{"token": "hf_other"}"#).unwrap();
}

/// A card of the test server's model.
fn card(id: &str, more: &str) -> String {
    format!(
        r#"{{"id": "{id}", "family": "scgpt", "source": {{"hf": "{REPOSITORY}"}}, {more} "files": [
            {{"path": "config.json", "role": "config"}},
            {{"path": "model.safetensors", "role": "weights", "size": 200000, "sha256": "{}"}}]}}"#,
        hash::sha256(&weights())
    )
}

#[test]
fn a_licence_is_acknowledged_before_the_first_request() {
    let bench = Bench::new();
    let text =
        card("test-licence", r#""licence": {"name": "No Selling", "url": "https://no.selling", "acknowledge": true},"#);
    crate::models::registry::register(&text.replace(REPOSITORY, "org/licensed")).unwrap();
    for (file, content) in [("config.json", b"{}".to_vec()), ("model.safetensors", weights())] {
        bench.server.put("org/licensed", file, &content);
    }
    for what in ["test-licence", "org/licensed"] {
        let error = bench.fails(what, "");
        assert!(
            error.kind == ErrorKind::Licence
                && error.message.contains("No Selling")
                && error.message.contains("https://no.selling")
        );
    }
    assert_eq!(bench.server.seen().len(), 0);
    bench.download("test-licence", r#"{"acknowledge_licence": ["test-licence"]}"#).unwrap();
    bench.download("test-licence", "").unwrap();
    crate::models::registry::unregister("test-licence").unwrap();
}

#[test]
fn a_card_pins_its_files() {
    let bench = Bench::new();
    crate::models::registry::register(&card("test-pinned", "").replace("org/model", "org/pinned")).unwrap();
    bench.server.put("org/pinned", "config.json", b"{}");
    bench.server.put("org/pinned", "model.safetensors", &weights());
    let done = bench.download("test/pinned", "").unwrap();
    assert_eq!(done["id"], "test-pinned");
    // The same size, other bytes, and a server that stands by them.
    let mut other = weights();
    other[7] ^= 1;
    bench.server.put("org/pinned", "model.safetensors", &other);
    let error = bench.fails("test-pinned", &format!(r#"{{"cache_dir": "{}/two"}}"#, bench.cache.display()));
    assert!(error.kind == ErrorKind::Checksum, "{error}");
    assert_eq!(bench.server.count("GET /cdn"), 1);
    crate::models::registry::unregister("test-pinned").unwrap();
}

#[test]
fn files_of_other_repositories_and_addresses_come_under_the_names_that_are_asked_for() {
    let bench = Bench::new();
    bench.server.put("org/parts", "deep/model.safetensors", &weights());
    bench.server.put("org/dictionaries", "a/tokens_v1.pkl", b"tokens");
    bench.server.put("plain", "table.csv", b"a,b");
    let text = format!(
        r#"{{"id": "test-parts", "family": "scgpt", "source": {{"hf": "org/parts", "subfolder": "deep"}}, "files": [
            {{"path": "model.safetensors", "role": "weights"}},
            {{"path": "a/tokens_v1.pkl", "as": "tokens.pkl", "role": "dictionary", "source": {{"hf": "org/dictionaries"}}}},
            {{"path": "table.csv", "role": "table", "size": 3, "sha256": "{}", "source": {{"url": "{}/plain/table.csv"}}}}]}}"#,
        hash::sha256(b"a,b"),
        bench.server.address
    );
    crate::models::registry::register(&text).unwrap();
    let done = bench.download("test-parts", "").unwrap();
    assert!(done["folder"].as_str().unwrap().ends_with("deep"));
    assert_eq!(read(done["elsewhere"]["tokens.pkl"].as_str().unwrap()), b"tokens");
    assert_eq!(read(done["elsewhere"]["table.csv"].as_str().unwrap()), b"a,b");
    // An address is not the endpoint's business.
    bench.server.forget();
    bench.download("test-parts", r#"{"offline": true}"#).unwrap();
    assert_eq!(bench.server.seen().len(), 0);
    crate::models::registry::unregister("test-parts").unwrap();
}

#[test]
fn a_model_of_several_parts_is_used_without_a_network() {
    let bench = Bench::new();
    bench.server.put("org/halves", "model.safetensors", &weights());
    bench.server.put("org/words", "words.json", b"{}");
    bench.server.put("plain", "halves.csv", b"a,b");
    let text = format!(
        r#"{{"id": "test-halves", "family": "scgpt", "source": {{"hf": "org/halves"}}, "files": [
            {{"path": "model.safetensors", "role": "weights"}},
            {{"path": "words.json", "role": "vocabulary", "source": {{"hf": "org/words"}}}},
            {{"path": "halves.csv", "role": "table", "source": {{"url": "{}/plain/halves.csv"}}}}]}}"#,
        bench.server.address
    );
    crate::models::registry::register(&text).unwrap();
    bench.download("test-halves", "").unwrap();
    let mut warnings = Vec::new();
    {
        let ctx = Ctx::new(1).with_warn(|text| warnings.push(text.to_string()));
        let done = download(&ctx, "test-halves", &bench.options(r#"{"endpoint": "http://127.0.0.1:1"}"#)).unwrap();
        assert_eq!(done["downloaded_bytes"], 0);
        assert_eq!(done["files"].as_array().unwrap().len(), 3);
    }
    assert!(warnings.len() == 2 && warnings[1].contains("org/words"), "{warnings:?}");
    // What is not there is fetched after the others could not be asked for.
    fs::remove_dir_all(bench.cache.join("scnative--urls")).unwrap();
    let done = bench.download("test-halves", r#"{"endpoint": "http://127.0.0.1:1"}"#).unwrap();
    assert_eq!(done["downloaded_bytes"], 3);
    crate::models::registry::unregister("test-halves").unwrap();
}

#[test]
fn what_the_cache_has_must_be_what_the_card_pins() {
    let bench = Bench::new();
    let mut other = weights();
    other[7] ^= 1;
    bench.server.put("org/pins", "config.json", b"{}");
    bench.server.put("org/pins", "model.safetensors", &other);
    bench.download("org/pins", "").unwrap();
    let text = card("test-pins", "").replace("org/model", "org/pins");
    crate::models::registry::register(&text).unwrap();
    let fails = |options: &str, kind: ErrorKind| assert_eq!(bench.fails("test-pins", options).kind, kind);
    fails("", ErrorKind::Checksum);
    fails(r#"{"offline": true}"#, ErrorKind::Offline);
    // Without a listing the name of the blob says what it is.
    fs::remove_dir_all(bench.cache.join("models--org--pins/listing")).unwrap();
    fails(r#"{"offline": true}"#, ErrorKind::Offline);
    // Of a small file the server and the listing say nothing but git's name.
    let small =
        text.replace(r#""role": "config""#, &format!(r#""role": "config", "sha256": "{}""#, hash::sha256(b"[]")));
    let small = small.replace(&hash::sha256(&weights()), &hash::sha256(&other));
    crate::models::registry::register(&small).unwrap();
    fails(r#"{"offline": true}"#, ErrorKind::Offline);
    fails("", ErrorKind::Checksum);
    let right = small.replace(&hash::sha256(b"[]"), &hash::sha256(b"{}"));
    crate::models::registry::register(&right).unwrap();
    bench.download("test-pins", r#"{"offline": true}"#).unwrap();
    crate::models::registry::unregister("test-pins").unwrap();
}

#[test]
fn a_licence_is_that_of_all_folders_of_its_repository() {
    let bench = Bench::new();
    let text = card("test-folders", r#""licence": {"name": "No Selling", "acknowledge": true},"#);
    crate::models::registry::register(&text.replace(REPOSITORY, "org/folders")).unwrap();
    bench.server.put("org/folders", "sub/model.safetensors", &weights());
    assert_eq!(bench.fails("org/folders:sub", "").kind, ErrorKind::Licence);
    assert_eq!(bench.server.seen().len(), 0);
    let options = bench.options(r#"{"acknowledge_licence": "test-folders"}"#);
    let settings = Settings::from(&options).unwrap();
    let located = locate(&Ctx::new(1), "org/folders:sub", &settings).unwrap();
    assert!(located.card.is_none());
    crate::models::registry::unregister("test-folders").unwrap();
}
