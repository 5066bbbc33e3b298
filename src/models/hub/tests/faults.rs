//! What a server can do wrong.

use super::*;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

const WEIGHTS: &str = "GET /cdn/org/model/model.safetensors";

/// The ranges that the weights were asked for by, in order.
fn ranges(bench: &Bench) -> Vec<Option<String>> {
    bench.server.seen().into_iter().filter(|seen| seen.line.starts_with(WEIGHTS)).map(|seen| seen.range).collect()
}

fn range(from: usize) -> Option<String> {
    Some(format!("bytes={from}-"))
}

#[test]
fn a_dropped_connection_is_resumed() {
    let bench = Bench::new();
    bench.server.once(WEIGHTS, Fault::Drop(70_000));
    bench.server.once(WEIGHTS, Fault::Drop(50_000));
    bench.download(REPOSITORY, "").unwrap();
    let ranges = ranges(&bench);
    assert_eq!(ranges, [None, range(70_000), range(120_000)]);
    bench.is_clean();
}

#[test]
fn a_download_that_failed_is_resumed_by_the_next() {
    let bench = Bench::new();
    bench.server.always(WEIGHTS, Fault::Drop(0));
    bench.server.once(WEIGHTS, Fault::Drop(70_000));
    let error = bench.fails(REPOSITORY, r#"{"retries": 2, "workers": 1}"#);
    assert_eq!(error.kind, ErrorKind::Network);
    assert_eq!(bench.blobs().1, [format!("{}.incomplete", hash::sha256(&weights()))]);
    assert!(!bench.snapshot().join("model.safetensors").exists());
    bench.is_clean();
    bench.server.behave();
    bench.server.forget();
    // The configuration was there too.
    assert_eq!(bench.download(REPOSITORY, "").unwrap()["downloaded_bytes"], 130_002);
    assert_eq!(ranges(&bench), [range(70_000)]);
    assert_eq!(bench.blobs().1, Vec::<String>::new());
    bench.is_clean();
}

#[test]
fn a_server_that_ignores_ranges_starts_anew() {
    let bench = Bench::new();
    bench.server.once(WEIGHTS, Fault::Drop(70_000));
    bench.server.once(WEIGHTS, Fault::IgnoreRange);
    bench.download(REPOSITORY, "").unwrap();
    assert_eq!(ranges(&bench), [None, range(70_000)]);
    bench.is_clean();
}

#[test]
fn a_server_that_ignores_ranges_and_drops_is_given_up() {
    let bench = Bench::new();
    // Each time the first bytes again: nothing is gained.
    bench.server.always(WEIGHTS, Fault::DropWhole(70_000));
    let error = bench.fails(REPOSITORY, r#"{"retries": 3}"#);
    assert_eq!(error.kind, ErrorKind::Network);
    assert_eq!(bench.server.count(WEIGHTS), 4);
    bench.is_clean();
}

#[test]
fn a_wrong_content_range_starts_anew() {
    for fault in [Fault::WrongRange, Fault::WrongTotal, Fault::NoRange] {
        let bench = Bench::new();
        bench.server.once(WEIGHTS, Fault::Drop(70_000));
        bench.server.once(WEIGHTS, fault.clone());
        bench.download(REPOSITORY, "").unwrap();
        assert_eq!(ranges(&bench), [None, range(70_000), None], "{fault:?}");
        bench.is_clean();
    }
}

#[test]
fn a_wrong_hash_leaves_nothing() {
    let bench = Bench::new();
    bench.server.always(WEIGHTS, Fault::Corrupt);
    let error = bench.fails(REPOSITORY, r#"{"workers": 1}"#);
    assert!(error.kind == ErrorKind::Checksum && error.message.contains("hash"), "{error}");
    assert_eq!(ranges(&bench).len(), 1);
    assert_eq!(bench.blobs().1, Vec::<String>::new());
    assert!(!bench.snapshot().join("model.safetensors").exists() && !bench.folder().join("refs/main").exists());
    bench.is_clean();
    // Git's name of a small file is its hash too.
    bench.server.behave();
    bench.server.always("GET /org/model/resolve/0123456789abcdef0123456789abcdef01234567/sub", Fault::Corrupt);
    let error = bench.fails(REPOSITORY, "");
    assert!(error.kind == ErrorKind::Checksum && error.message.contains("sub/vocab.json"), "{error}");
    bench.is_clean();
}

#[test]
fn a_corrupt_beginning_is_replaced() {
    let bench = Bench::new();
    fs::create_dir_all(bench.folder().join("blobs")).unwrap();
    let partial = bench.folder().join("blobs").join(format!("{}.incomplete", hash::sha256(&weights())));
    fs::write(&partial, vec![7; 1000]).unwrap();
    bench.download(REPOSITORY, "").unwrap();
    assert_eq!(ranges(&bench), [range(1000), None]);
    bench.is_clean();
    // One that is whole, or too long, is not asked for in part.
    for size in [200_000, 300_000] {
        fs::remove_dir_all(bench.folder()).unwrap();
        fs::create_dir_all(bench.folder().join("blobs")).unwrap();
        fs::write(&partial, vec![7; size]).unwrap();
        bench.server.forget();
        bench.download(REPOSITORY, "").unwrap();
        assert_eq!(ranges(&bench), [None], "{size}");
        bench.is_clean();
    }
}

#[test]
fn sizes_that_contradict_each_other() {
    let bench = Bench::new();
    bench.server.always(WEIGHTS, Fault::Longer);
    assert_eq!(bench.fails(REPOSITORY, r#"{"workers": 1}"#).kind, ErrorKind::Checksum);
    assert_eq!(bench.blobs().1, Vec::<String>::new());
    bench.server.behave();
    bench.server.always("HEAD /org/model/resolve/0123456789abcdef0123456789abcdef01234567/model", Fault::LinkedSize(5));
    let error = bench.fails(REPOSITORY, "");
    assert!(error.kind == ErrorKind::Checksum && error.message.contains("200000"), "{error}");
    bench.is_clean();
}

#[test]
fn hashes_that_contradict_each_other() {
    let bench = Bench::new();
    bench
        .server
        .always("HEAD /org/model/resolve/0123456789abcdef0123456789abcdef01234567/model", Fault::Etag("0".repeat(64)));
    assert_eq!(bench.fails(REPOSITORY, "").kind, ErrorKind::Checksum);
    assert_eq!(bench.server.count("GET /cdn"), 0);
}

#[test]
fn names_that_lead_out_of_the_cache() {
    for strange in ["../../evil", "/etc/evil", "a/../../evil", "a\\b", "a\u{0}b", "a//b"] {
        let bench = Bench::new();
        bench.server.state.lock().unwrap().strange.push(strange.into());
        let error = bench.fails(REPOSITORY, "");
        assert_eq!(error.kind, ErrorKind::Network, "{strange}: {error}");
        assert!(!bench.folder().exists(), "{strange}");
    }
    for etag in ["\"../../evil\"", "\"a/b\"", "\"\"", "\"..\"", "\"x.incomplete\""] {
        let bench = Bench::new();
        bench.server.always("HEAD /org/model/resolve", Fault::Etag(etag.into()));
        let error = bench.fails(REPOSITORY, "");
        assert!(error.kind == ErrorKind::Network && error.message.contains("etag"), "{etag}: {error}");
        assert_eq!(bench.blobs().0, Vec::<String>::new());
    }
    let bench = Bench::new();
    bench.server.state.lock().unwrap().commit = "../../../evil".into();
    assert_eq!(bench.fails(REPOSITORY, "").kind, ErrorKind::Network);
    let bench = Bench::new();
    bench.server.always("HEAD /org/model/resolve", Fault::Commit("e".repeat(40)));
    assert_eq!(bench.fails(REPOSITORY, "").kind, ErrorKind::Network);
}

#[test]
fn links_in_the_cache_that_lead_out_of_it() {
    let bench = Bench::new();
    let outside = bench.cache.join("outside");
    fs::create_dir_all(&outside).unwrap();
    fs::create_dir_all(bench.snapshot()).unwrap();
    std::os::unix::fs::symlink(&outside, bench.snapshot().join("sub")).unwrap();
    assert_eq!(bench.fails(REPOSITORY, "").kind, ErrorKind::Io);
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

#[test]
fn redirects_without_end_and_to_nowhere() {
    let bench = Bench::new();
    bench.server.always("GET /cdn", Fault::Loop);
    let error = bench.fails(REPOSITORY, "");
    assert!(error.kind == ErrorKind::Network && error.message.contains("redirects"), "{error}");
    assert!(bench.server.count("GET /cdn") <= 11);
    bench.server.behave();
    bench.server.always("GET /cdn", Fault::Redirect("file:///etc/passwd".into()));
    let error = bench.fails(REPOSITORY, "");
    assert!(error.kind == ErrorKind::Network && error.message.contains("file:"), "{error}");
    bench.is_clean();
    // What opens an address is nobody's business, wherever it leads.
    for to in ["ftp://x/y?signature=hush", "/cdn/org/model/model.safetensors?signature=hush"] {
        bench.server.behave();
        bench.server.always("GET /cdn", Fault::Redirect(to.into()));
        let error = bench.fails(REPOSITORY, "");
        assert!(error.message.contains("redirects") && !error.message.contains("hush"), "{error}");
    }
}

#[test]
fn statuses_that_pass_and_those_that_do_not() {
    let bench = Bench::new();
    bench.server.once("GET /api/models/org/model/revision", Fault::Status(500, ""));
    bench.server.once("GET /api/models/org/model/tree", Fault::Status(503, ""));
    bench.server.once("HEAD /org/model/resolve", Fault::Status(502, ""));
    bench.server.once(WEIGHTS, Fault::Status(500, ""));
    bench.download(REPOSITORY, "").unwrap();
    bench.is_clean();

    let bench = Bench::new();
    bench.server.once("GET /api/models/org/model/revision", Fault::Status(429, ""));
    let begin = Instant::now();
    bench.download(REPOSITORY, "").unwrap();
    assert!(begin.elapsed() >= Duration::from_secs(1), "Retry-After was not waited for");

    let bench = Bench::new();
    bench.server.always("GET /api/models/org/model/revision", Fault::Status(500, ""));
    let error = bench.fails(REPOSITORY, r#"{"retries": 2}"#);
    assert!(error.kind == ErrorKind::Network && error.message.contains("500"), "{error}");
    assert_eq!(bench.server.count("GET /api"), 3);

    for (status, code, kind) in [
        (401, "RepoNotFound", ErrorKind::Access),
        (401, "GatedRepo", ErrorKind::Access),
        (403, "GatedRepo", ErrorKind::Access),
        (404, "EntryNotFound", ErrorKind::NotFound),
        (418, "", ErrorKind::Network),
    ] {
        let bench = Bench::new();
        bench.server.always(WEIGHTS, Fault::Status(status, code));
        let error = bench.fails(REPOSITORY, "");
        assert_eq!(error.kind, kind, "{status}: {error}");
        assert_eq!(bench.server.count(WEIGHTS), 1);
        bench.is_clean();
    }
}

#[test]
fn answers_that_are_no_json() {
    let bench = Bench::new();
    bench.server.always("GET /api/models/org/model/revision", Fault::Corrupt);
    assert_eq!(bench.fails(REPOSITORY, "").kind, ErrorKind::Network);
    bench.server.behave();
    bench.server.once("GET /api/models/org/model/revision", Fault::Drop(5));
    bench.download(REPOSITORY, "").unwrap();
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let bench = Bench::new();
    bench.server.always(WEIGHTS, Fault::Stall(70_000));
    let begin = Instant::now();
    let error = bench.fails(REPOSITORY, r#"{"timeout": 0.3, "retries": 0}"#);
    assert!(error.kind == ErrorKind::Network && error.message.contains("nothing came"), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
    bench.server.behave();
    bench.server.forget();
    bench.download(REPOSITORY, "").unwrap();
    assert_eq!(ranges(&bench), [range(70_000)]);
    bench.is_clean();
}

#[test]
fn a_slow_server_is_not_given_up() {
    let bench = Bench::new();
    bench.server.once(WEIGHTS, Fault::Slow(20_000, 60));
    bench.download(REPOSITORY, r#"{"timeout": 0.4, "retries": 0}"#).unwrap();
    assert_eq!(bench.server.count(WEIGHTS), 1);
    bench.is_clean();
}

/// For how long a call goes on after it was cancelled.
fn cancelled_after(bench: &Bench, request: &str) -> Duration {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let call = scope.spawn(|| {
            let error = download(&Ctx::new(1).with_cancel(&stop), REPOSITORY, &bench.options("")).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Cancelled);
            Instant::now()
        });
        let begin = Instant::now();
        while bench.server.count(request) == 0 {
            assert!(begin.elapsed() < Duration::from_secs(10), "{request} never came");
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(100));
        let cancelled = Instant::now();
        stop.store(true, Ordering::Relaxed);
        call.join().unwrap() - cancelled
    })
}

#[test]
fn cancelled_within_a_fifth_of_a_second_whatever_the_server_does() {
    for (request, fault) in [
        ("GET /api/models/org/model/revision", Fault::Stall(3)),
        ("HEAD /org/model/resolve", Fault::Status(429, "")),
        (WEIGHTS, Fault::Stall(0)),
        (WEIGHTS, Fault::Stall(70_000)),
        (WEIGHTS, Fault::Slow(1000, 30)),
    ] {
        let bench = Bench::new();
        bench.server.always(request, fault.clone());
        // A machine that is busy with other tests may be late once.
        let mut took = Duration::MAX;
        for _ in 0..3 {
            bench.server.forget();
            took = took.min(cancelled_after(&bench, request));
            if took < Duration::from_millis(200) {
                break;
            }
        }
        assert!(took < Duration::from_millis(200), "{request} {fault:?}: {took:?}");
        bench.is_clean();
        bench.server.behave();
        // The lock is free again.
        bench.download(REPOSITORY, "").unwrap();
        bench.is_clean();
    }
}

#[test]
fn cancelled_while_another_has_the_lock() {
    let bench = Bench::new();
    let locks = bench.cache.join(".locks/models--org--model");
    fs::create_dir_all(&locks).unwrap();
    let held = disk::Lock::try_take(&locks.join(format!("{}.lock", hash::sha256(&weights())))).unwrap().unwrap();
    let took = cancelled_after(&bench, "HEAD /org/model/resolve/0123456789abcdef0123456789abcdef01234567/model");
    assert!(took < Duration::from_millis(200), "{took:?}");
    drop(held);
    bench.download(REPOSITORY, "").unwrap();
}

#[test]
fn progress_is_reported_in_bytes() {
    let bench = Bench::new();
    bench.server.once(WEIGHTS, Fault::Slow(20_000, 60));
    let mut seen = Vec::new();
    {
        let mut progress = |done: f64| {
            seen.push(done);
            true
        };
        let ctx = Ctx::new(1).with_progress(&mut progress);
        download(&ctx, REPOSITORY, &bench.options("")).unwrap();
    }
    assert!(seen.len() >= 4, "{seen:?}");
    assert!(seen.windows(2).all(|pair| pair[0] <= pair[1]) && *seen.last().unwrap() > 0.5, "{seen:?}");
}

#[test]
fn a_disk_without_room_is_known_before() {
    let bench = Bench::new();
    // The registry is that of all tests: a card of the common repository would be theirs as well.
    crate::models::registry::register(
        r#"{"id": "test-huge", "family": "scgpt", "source": {"hf": "org/huge"}, "files": [{"path": "huge.bin", "role": "weights",
            "size": 1152921504606846976, "source": {"url": "http://127.0.0.1:1/huge.bin"}}]}"#,
    )
    .unwrap();
    let error = bench.fails("test-huge", "");
    assert!(error.kind == ErrorKind::DiskFull && error.message.contains("1152921504606846976"), "{error}");
    assert_eq!(bench.server.seen().len(), 0);
    crate::models::registry::unregister("test-huge").unwrap();
}

/// A card of one file at an address of the server.
fn address(bench: &Bench, id: &str, sha256: Option<&str>) {
    let sha256 = sha256.map_or("null".into(), |hash| format!("{hash:?}"));
    crate::models::registry::register(&format!(
        r#"{{"id": "{id}", "family": "uce", "source": {{"url": "{}/plain"}}, "files": [{{"path": "{id}.bin", "role": "weights", "sha256": {sha256}}}]}}"#,
        bench.server.address
    ))
    .unwrap();
    bench.server.put("plain", &format!("{id}.bin"), &weights());
}

#[test]
fn addresses_are_resumed_and_verified_too() {
    let bench = Bench::new();
    let good = hash::sha256(&weights());
    address(&bench, "test-address", Some(&good));
    bench.server.once("GET /plain", Fault::Drop(70_000));
    let done = bench.download("test-address", "").unwrap();
    assert_eq!(done["downloaded_bytes"], 200_000);
    assert_eq!(read(done["elsewhere"]["test-address.bin"].as_str().unwrap()), weights());
    assert!(done["folder"].as_str().unwrap().ends_with(&good));
    let asked: Vec<_> = bench
        .server
        .seen()
        .into_iter()
        .filter(|seen| seen.line.starts_with("GET /plain"))
        .map(|seen| seen.range)
        .collect();
    assert_eq!(asked, [None, range(70_000)]);
    bench.server.forget();
    bench.download("test-address", "").unwrap();
    assert_eq!(bench.server.seen().len(), 0);

    let bad = "0".repeat(64);
    address(&bench, "test-address-bad", Some(&bad));
    assert_eq!(bench.fails("test-address-bad", "").kind, ErrorKind::Checksum);
    assert_eq!(layout::files_below(&bench.cache.join("scnative--urls").join(&bad)), Vec::<String>::new());
    assert_eq!(bench.fails("test-address-bad", r#"{"offline": true}"#).kind, ErrorKind::Offline);
    for id in ["test-address", "test-address-bad"] {
        crate::models::registry::unregister(id).unwrap();
    }
}

#[test]
fn what_belongs_to_another_version_is_not_continued() {
    let bench = Bench::new();
    address(&bench, "test-version", None);
    bench.server.always("GET /plain", Fault::Drop(0));
    bench.server.once("GET /plain", Fault::Drop(70_000));
    assert_eq!(bench.fails("test-version", r#"{"retries": 1}"#).kind, ErrorKind::Network);
    bench.server.behave();
    bench.server.forget();
    let mut other = weights();
    other.reverse();
    bench.server.put("plain", "test-version.bin", &other);
    let done = bench.download("test-version", "").unwrap();
    assert_eq!(read(done["elsewhere"]["test-version.bin"].as_str().unwrap()), other);
    assert!(bench.server.seen().iter().all(|seen| seen.range.is_none()));

    // One that changes between question and download is asked about again.
    bench.server.once("HEAD /plain", Fault::Etag("\"older\"".into()));
    bench.server.put("plain", "test-version.bin", &weights());
    let done = bench.download("test-version", r#"{"force": true}"#).unwrap();
    assert_eq!(read(done["elsewhere"]["test-version.bin"].as_str().unwrap()), weights());
    crate::models::registry::unregister("test-version").unwrap();
}
