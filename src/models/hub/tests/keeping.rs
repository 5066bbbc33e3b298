//! Listing, removing, tidying and verifying the cache.

use super::*;

impl Bench {
    fn cache_now(&self) -> Value {
        cache(&self.options("")).unwrap()
    }
}

#[test]
fn the_cache_is_listed() {
    let bench = Bench::new();
    assert_eq!(bench.cache_now()["repositories"], json!([]));
    bench.download(REPOSITORY, "").unwrap();
    let partial = format!("blobs/{}.incomplete", "a".repeat(64));
    fs::write(bench.folder().join(&partial), b"begun").unwrap();
    fs::write(bench.folder().join("blobs").join("b".repeat(64)), b"nobody's").unwrap();
    let found = bench.cache_now();
    assert_eq!(found["size"], 200_025 + 5 + 8);
    let repository = &found["repositories"][0];
    assert_eq!(repository["id"], REPOSITORY);
    assert_eq!(repository["size"], 200_025 + 5 + 8);
    assert_eq!(repository["partial"], json!([{"blob": "a".repeat(64), "size": 5}]));
    assert_eq!(repository["dangling"], json!(["b".repeat(64)]));
    let revision = &repository["revisions"][0];
    assert_eq!(
        (&revision["commit"], &revision["refs"], &revision["size"]),
        (&json!(COMMIT), &json!(["main"]), &json!(200_025))
    );
    assert_eq!(revision["files"][1]["path"], "model.safetensors");
    assert_eq!(revision["files"][1]["blob"], hash::sha256(&weights()));
    assert!(repository["last_access"].as_u64().unwrap() > 1_600_000_000);
}

#[test]
fn a_repository_is_removed_whole() {
    let bench = Bench::new();
    bench.download(REPOSITORY, "").unwrap();
    let done = remove(REPOSITORY, &bench.options("")).unwrap();
    assert_eq!((&done["freed_bytes"], &done["busy"]), (&json!(200_025), &json!([])));
    assert!(!bench.folder().exists(), "{:?}", layout::files_below(&bench.folder()));
    assert_eq!(bench.cache_now()["repositories"], json!([]));
    assert_eq!(remove(REPOSITORY, &bench.options("")).unwrap_err().kind, ErrorKind::NotFound);
    bench.download(REPOSITORY, "").unwrap();
    bench.is_clean();
}

#[test]
fn a_revision_is_removed_without_what_others_share() {
    let bench = Bench::new();
    bench.download(REPOSITORY, "").unwrap();
    let next = "f".repeat(40);
    bench.server.state.lock().unwrap().commit = next.clone();
    bench.server.put(REPOSITORY, "config.json", b"{\"new\": 1}");
    bench.download(REPOSITORY, "").unwrap();
    let done = remove(REPOSITORY, &bench.options(&format!(r#"{{"revision": "{COMMIT}"}}"#))).unwrap();
    assert_eq!(done["freed_bytes"], br#"{"model_type": "scgpt"}"#.len());
    assert!(!bench.snapshot().exists());
    assert_eq!(bench.download(REPOSITORY, r#"{"offline": true}"#).unwrap()["commit"], next.as_str());
    let error = remove(REPOSITORY, &bench.options(r#"{"revision": "nothing"}"#)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert_eq!(remove(REPOSITORY, &bench.options(r#"{"revision": "main"}"#)).unwrap()["freed_bytes"], 200_012);
}

#[test]
fn a_model_is_removed_without_what_its_siblings_need() {
    let bench = Bench::new();
    for (file, content) in
        [("one/model.safetensors", weights()), ("two/model.safetensors", b"2".to_vec()), ("words.json", b"{}".to_vec())]
    {
        bench.server.put("org/family", file, &content);
    }
    for id in ["one", "two"] {
        crate::models::registry::register(&format!(
            r#"{{"id": "test-sibling-{id}", "family": "scgpt", "source": {{"hf": "org/family", "subfolder": "{id}"}}, "files": [
                {{"path": "model.safetensors", "role": "weights"}},
                {{"path": "words.json", "role": "vocabulary", "source": {{"hf": "org/family"}}}}]}}"#
        ))
        .unwrap();
        bench.download(&format!("test-sibling-{id}"), "").unwrap();
    }
    let snapshot = bench.cache.join("models--org--family/snapshots").join(COMMIT);
    assert_eq!(remove("test-sibling-one", &bench.options("")).unwrap()["freed_bytes"], 200_000);
    assert_eq!(layout::files_below(&snapshot), ["two/model.safetensors", "words.json"]);
    bench.download("test-sibling-two", r#"{"offline": true}"#).unwrap();
    assert_eq!(remove("test-sibling-two", &bench.options("")).unwrap()["freed_bytes"], 3);
    assert!(!bench.cache.join("models--org--family").exists());
    for id in ["test-sibling-one", "test-sibling-two"] {
        crate::models::registry::unregister(id).unwrap();
    }
}

#[test]
fn what_is_of_no_use_is_pruned() {
    let bench = Bench::new();
    bench.download(REPOSITORY, "").unwrap();
    let partial = bench.folder().join(format!("blobs/{}.incomplete", "a".repeat(64)));
    let dangling = bench.folder().join("blobs").join("b".repeat(64));
    let busy = bench.folder().join(format!("blobs/{}.incomplete", "c".repeat(64)));
    for path in [&partial, &dangling, &busy] {
        fs::write(path, b"12345").unwrap();
    }
    let locks = bench.cache.join(".locks/models--org--model");
    let held = disk::Lock::try_take(&locks.join(format!("{}.lock", "c".repeat(64)))).unwrap().unwrap();
    let broken = bench.snapshot().join("broken.bin");
    std::os::unix::fs::symlink("../../blobs/nothing", &broken).unwrap();
    fs::write(bench.folder().join("refs/old"), "e".repeat(40)).unwrap();
    let unfinished = [bench.folder().join("refs/.main.1-0.tmp"), bench.snapshot().join(".config.json.1-0.tmp")];
    for path in &unfinished {
        fs::write(path, "12").unwrap();
    }
    let file = fs::File::options().write(true).open(&unfinished[0]).unwrap();
    file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(7200)).unwrap();

    let done = prune(&bench.options("")).unwrap();
    assert_eq!(done["freed_bytes"], 12);
    assert!(!unfinished[0].exists() && unfinished[1].exists());
    fs::remove_file(&unfinished[1]).unwrap();
    assert_eq!(done["busy"].as_array().unwrap().len(), 1);
    assert!(!partial.exists() && !dangling.exists() && busy.exists());
    assert!(fs::symlink_metadata(&broken).is_err() && !bench.folder().join("refs/old").exists());
    bench.download(REPOSITORY, r#"{"offline": true}"#).unwrap();
    drop(held);
    assert_eq!(prune(&bench.options("")).unwrap()["freed_bytes"], 5);
    assert_eq!(prune(&bench.options("")).unwrap()["removed"], json!([]));
    bench.is_clean();
}

#[test]
fn files_are_verified_against_their_hashes() {
    let bench = Bench::new();
    bench.download(REPOSITORY, "").unwrap();
    let ctx = Ctx::new(1);
    let good = verify(&ctx, REPOSITORY, &bench.options("")).unwrap();
    assert_eq!(good["ok"], json!(["config.json", "model.safetensors", "sub/vocab.json"]));
    assert_eq!((&good["corrupt"], &good["missing"], &good["unpinned"]), (&json!([]), &json!([]), &json!([])));

    let blob = bench.folder().join("blobs").join(hash::sha256(&weights()));
    let mut content = weights();
    content[100_000] ^= 4;
    fs::write(&blob, &content).unwrap();
    fs::remove_file(bench.snapshot().join("config.json")).unwrap();
    let bad = verify(&ctx, REPOSITORY, &bench.options("")).unwrap();
    assert_eq!(bad["ok"], json!(["sub/vocab.json"]));
    assert_eq!(bad["missing"], json!(["config.json"]));
    assert_eq!(bad["corrupt"][0]["path"], "model.safetensors");
    assert_eq!(bad["corrupt"][0]["found"], hash::sha256(&content));
    assert!(blob.exists());

    let removed = verify(&ctx, REPOSITORY, &bench.options(r#"{"remove_corrupt": true}"#)).unwrap();
    assert_eq!(removed["removed"].as_array().unwrap().len(), 2);
    assert!(!blob.exists());
    bench.download(REPOSITORY, "").unwrap();
    assert_eq!(verify(&ctx, REPOSITORY, &bench.options("")).unwrap()["ok"].as_array().unwrap().len(), 3);
    assert_eq!(verify(&ctx, "org/nothing", &bench.options("")).unwrap_err().kind, ErrorKind::NotFound);

    // What another program downloaded has no listing: the blobs' names are hashes.
    fs::remove_dir_all(bench.folder().join("listing")).unwrap();
    assert_eq!(verify(&ctx, REPOSITORY, &bench.options("")).unwrap()["ok"].as_array().unwrap().len(), 3);
}

#[test]
fn a_download_under_way_is_not_pruned() {
    let bench = Bench::new();
    bench.download(REPOSITORY, "").unwrap();
    let blob = hash::sha256(&weights());
    let partial = bench.folder().join(format!("blobs/{blob}.incomplete"));
    fs::write(&partial, b"begun").unwrap();
    let lock = bench.cache.join(format!(".locks/models--org--model/{blob}.lock"));
    let held = disk::Lock::try_take(&lock).unwrap().unwrap();
    let done = prune(&bench.options("")).unwrap();
    assert!(partial.exists());
    assert_eq!((&done["freed_bytes"], done["busy"].as_array().unwrap().len()), (&json!(0), 1));
    drop(held);
    assert_eq!(prune(&bench.options("")).unwrap()["freed_bytes"], 5);
    assert!(!partial.exists());
    bench.is_clean();
}

#[test]
fn what_lies_outside_of_the_cache_is_not_removed() {
    let bench = Bench::new();
    bench.download(REPOSITORY, "").unwrap();
    let outside = bench.cache.join("outside");
    fs::create_dir_all(&outside).unwrap();
    let victims = [outside.join("victim"), outside.join("vocab.json")];
    fs::write(&victims[0], vec![0; 200_000]).unwrap();
    fs::write(&victims[1], b"[]").unwrap();
    let pointer = bench.snapshot().join("model.safetensors");
    fs::remove_file(&pointer).unwrap();
    std::os::unix::fs::symlink(&victims[0], &pointer).unwrap();
    fs::remove_dir_all(bench.snapshot().join("sub")).unwrap();
    std::os::unix::fs::symlink(&outside, bench.snapshot().join("sub")).unwrap();
    let options = bench.options(r#"{"remove_corrupt": true}"#);
    let done = verify(&Ctx::new(1), REPOSITORY, &options).unwrap();
    assert_eq!(done["corrupt"].as_array().unwrap().len(), 2);
    assert_eq!(done["removed"], json!([pointer]));
    assert!(victims.iter().all(|victim| victim.exists()));

    // A blob that somebody is at stays.
    let blob = bench.folder().join("blobs").join(server::git(br#"{"model_type": "scgpt"}"#));
    fs::write(&blob, vec![b' '; 23]).unwrap();
    let name = blob.file_name().unwrap().to_str().unwrap();
    let held =
        disk::Lock::try_take(&bench.cache.join(format!(".locks/models--org--model/{name}.lock"))).unwrap().unwrap();
    assert_eq!(verify(&Ctx::new(1), REPOSITORY, &options).unwrap()["removed"], json!([]));
    drop(held);
    assert_eq!(verify(&Ctx::new(1), REPOSITORY, &options).unwrap()["removed"].as_array().unwrap().len(), 2);
    assert!(!blob.exists());
}

#[test]
fn a_revision_is_that_of_the_models_own_repository() {
    let bench = Bench::new();
    bench.server.put("org/ours", "model.safetensors", &weights());
    bench.server.put("org/borrowed", "words.json", b"{}");
    crate::models::registry::register(
        r#"{"id": "test-borrowed", "family": "scgpt", "source": {"hf": "org/ours"}, "files": [
            {"path": "model.safetensors", "role": "weights"},
            {"path": "words.json", "role": "vocabulary", "source": {"hf": "org/borrowed"}}]}"#,
    )
    .unwrap();
    let options = r#"{"revision": "refs/pr/1"}"#;
    bench.download("test-borrowed", options).unwrap();
    assert_eq!(remove("test-borrowed", &bench.options(options)).unwrap()["freed_bytes"], 200_002);
    crate::models::registry::unregister("test-borrowed").unwrap();
}
