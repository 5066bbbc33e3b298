//! Several processes at one cache.

use super::*;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const CHILD: &str = "SCNATIVE_TEST_HUB_CHILD";

/// The other process: does nothing unless it is told the server and the cache.
#[test]
fn child() {
    let Ok(told) = std::env::var(CHILD) else { return };
    let done = download(&Ctx::new(1), REPOSITORY, &Options::parse(&told).unwrap()).unwrap();
    assert_eq!(done["files"].as_array().unwrap().len(), 3);
}

fn spawn(bench: &Bench) -> Child {
    let told = json!({
        "cache_dir": bench.cache, "endpoint": bench.server.address, "timeout": 20, "retry_wait": 0.01, "offline": false, "token": "hf_secret",
    });
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "models::hub::tests::processes::child"])
        .env(CHILD, told.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn two_processes_fetch_a_file_once() {
    let bench = Bench::new();
    bench.server.once("GET /cdn", Fault::Slow(20_000, 60));
    let (mut one, mut two) = (spawn(&bench), spawn(&bench));
    assert!(one.wait().unwrap().success() && two.wait().unwrap().success());
    assert_eq!(bench.server.count("GET /cdn"), 1);
    assert!(bench.server.count("GET /api/models/org/model/revision") == 2);
    bench.is_clean();
}

#[test]
fn the_next_process_goes_on_where_a_killed_one_was() {
    let bench = Bench::new();
    bench.server.once("GET /cdn", Fault::Stall(70_000));
    let mut one = spawn(&bench);
    let partial = bench.folder().join("blobs").join(format!("{}.incomplete", hash::sha256(&weights())));
    let begin = Instant::now();
    while fs::metadata(&partial).map_or(0, |there| there.len()) < 70_000 {
        assert!(begin.elapsed() < Duration::from_secs(20), "the first never began");
        std::thread::sleep(Duration::from_millis(10));
    }
    // Another waits for the lock that dies with its holder.
    let mut two = spawn(&bench);
    while bench.server.count("HEAD /org/model/resolve/0123456789abcdef0123456789abcdef01234567/model") < 2 {
        assert!(begin.elapsed() < Duration::from_secs(40), "the second never began");
        std::thread::sleep(Duration::from_millis(10));
    }
    one.kill().unwrap();
    one.wait().unwrap();
    assert!(two.wait().unwrap().success());
    let ranges: Vec<_> = bench
        .server
        .seen()
        .into_iter()
        .filter(|seen| seen.line.starts_with("GET /cdn"))
        .map(|seen| seen.range)
        .collect();
    assert_eq!(ranges, [None, Some("bytes=70000-".to_string())]);
    bench.is_clean();
}

#[test]
fn threads_of_one_process_fetch_a_file_once() {
    let bench = Bench::new();
    bench.server.once("GET /cdn", Fault::Slow(20_000, 30));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| bench.download(REPOSITORY, "").unwrap());
        }
    });
    assert_eq!(bench.server.count("GET /cdn"), 1);
    bench.is_clean();
}
