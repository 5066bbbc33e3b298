use super::*;
use crate::models::arch::FAMILIES;
use std::collections::BTreeSet;

fn ours() -> Vec<Card> {
    parsed(OURS, "models.json", None).unwrap()
}

fn card(id: &str, title: &str) -> String {
    format!(
        r#"{{"id": "{id}", "family": "scgpt", "title": "{title}", "source": {{"hf": "a/b"}},
            "files": [{{"path": "config.json", "role": "config"}}]}}"#
    )
}

#[test]
fn our_cards_are_whole() {
    let cards = ours();
    let mut names = BTreeSet::new();
    for card in &cards {
        assert!(FAMILIES.iter().any(|family| family.name == card.family), "{}", card.id);
        for name in std::iter::once(&card.id).chain(&card.aliases) {
            assert!(names.insert(plain(name)), "{}: {name} means two models", card.id);
        }
        let again = Card::read(&card.json(), "again", None).unwrap();
        assert_eq!(again.json(), card.json());
        let local = matches!(card.source, Source::Local { .. });
        assert!(local || card.files.iter().any(|file| file.role == "weights"), "{}: no weights", card.id);
    }
    for family in FAMILIES {
        assert!(cards.iter().any(|card| card.family == family.name), "{}: has no card", family.name);
    }
    for id in [
        "scgpt-human",
        "scgpt-brain",
        "scgpt-blood",
        "scgpt-heart",
        "scgpt-lung",
        "scgpt-kidney",
        "scgpt-pan-cancer",
        "scgpt-continual-pretrained",
        "scgpt-tdc",
        "geneformer-v1-10m",
        "geneformer-v2-104m",
        "geneformer-v2-104m-clcancer",
        "geneformer-v2-316m",
        "scfoundation",
        "scfoundation-cell",
        "scfoundation-gene",
        "scfoundation-rde",
        "uce-4-layer",
        "uce-33-layer",
        "cellfm-80m",
        "cellfm-800m",
        "gears",
        "genecompass",
    ] {
        assert!(cards.iter().any(|card| card.id == id), "{id}");
    }
}

#[test]
fn licences_that_must_be_acknowledged_are() {
    for card in ours() {
        let restricted = ["scfoundation", "cellfm"].contains(&card.family.as_str());
        assert_eq!(card.licence.acknowledge, restricted, "{}: {}", card.id, card.licence.name);
        assert!(!card.licence.acknowledge || card.licence.url.is_some(), "{}", card.id);
    }
}

#[test]
fn a_name_is_found_however_it_is_written() {
    for name in ["scgpt-human", "scGPT-Human", "scgpt/human", "scgpt.human", "SCGPT_HUMAN", " scgpt human "] {
        assert_eq!(among(ours(), name).map(|card| card.id).as_deref(), Some("scgpt-human"), "{name}");
    }
    assert_eq!(among(ours(), "geneformer").unwrap().id, "geneformer-v2-316m");
    assert_eq!(among(ours(), "scgpt").unwrap().id, "scgpt-human");
    assert!(among(ours(), "scgpt-humam").is_none());
}

#[test]
fn a_name_that_is_not_found_is_answered_with_the_nearest() {
    let error = find("scgpt-humam").unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert!(error.message.contains("\"scgpt-human\""), "{error}");
    assert_eq!(nearest(&ours(), "geneformer-v2-104")[0], "geneformer-v2-104m");
    assert!(nearest(&ours(), "qqqqqqqqqqqqqqqqqqqqqq").is_empty());
}

#[test]
fn a_users_cards_win() {
    let folder = std::env::temp_dir().join(format!("scnative-cards-{}", std::process::id()));
    fs::create_dir_all(folder.join("more")).unwrap();
    fs::write(folder.join("one.json"), card("scgpt-human", "of a file")).unwrap();
    fs::write(folder.join("more/two.json"), format!("[{}, {}]", card("mine-1", "x"), card("mine-2", "y"))).unwrap();
    fs::write(folder.join("more/notes.txt"), "no card").unwrap();
    fs::write(folder.join("more/local.json"), r#"{"id": "near", "family": "gears", "source": {"local": "my-gears"}}"#)
        .unwrap();
    let paths = format!("{}:{}", folder.join("one.json").display(), folder.join("more").display());
    let all = merged(Vec::new(), &paths).unwrap();
    assert_eq!(among(all.clone(), "scgpt-human").unwrap().title, "of a file");
    assert_eq!(all.iter().filter(|card| card.id == "scgpt-human").count(), 1);
    assert!(among(all.clone(), "mine.2").is_some());
    let near = among(all, "near").unwrap();
    assert_eq!(near.source, Source::Local { folder: Some(folder.join("more/my-gears")), page: None });

    let run_time = parsed(&card("SCGPT.human", "of this process"), "card", None).unwrap();
    let all = merged(run_time, &paths).unwrap();
    assert_eq!(among(all, "scgpt-human").unwrap().title, "of this process");

    assert_eq!(merged(Vec::new(), "/does/not/exist.json").unwrap_err().kind, ErrorKind::NotFound);
    fs::write(folder.join("one.json"), "{").unwrap();
    let error = merged(Vec::new(), &paths).unwrap_err();
    assert!(error.kind == ErrorKind::Config && error.message.contains("one.json"));
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn cards_are_registered_replaced_and_removed() {
    assert_eq!(register(&card("test-registered", "first")).unwrap(), ["test-registered"]);
    assert_eq!(find("test/registered").unwrap().title, "first");
    register(&card("Test_Registered", "second")).unwrap();
    assert_eq!(find("test/registered").unwrap().title, "second");
    unregister("test.registered").unwrap();
    assert_eq!(unregister("test.registered").unwrap_err().kind, ErrorKind::NotFound);
    assert!(lookup("test-registered").unwrap().is_none());
}

#[test]
fn cards_are_read_strictly() {
    let good = card("good", "x");
    let wrong = [
        (good.replace("\"title\"", "\"titel\""), "titel"),
        (good.replace("\"scgpt\"", "\"bert\""), "family"),
        (good.replace("a/b", "a/../b"), "hf"),
        (good.replace("config.json", "../config.json"), "path"),
        (good.replace("config.json", "/etc/passwd"), "path"),
        (good.replace("\"role\"", "\"sha256\": \"xyz\", \"role\""), "sha256"),
        (good.replace("\"role\"", "\"size\": -1, \"role\""), "size"),
        (good.replace("{\"hf\": \"a/b\"}", "{\"url\": \"file:///etc/passwd\"}"), "url"),
        (good.replace("{\"hf\": \"a/b\"}", "{\"hf\": \"a/b\", \"branch\": \"x\"}"), "branch"),
        (good.replace("\"good\"", "\"a/b\""), "id"),
        ("[1]".into(), "object"),
        (format!("[{good}, {good}]"), "twice"),
    ];
    for (text, what) in wrong {
        let error = parsed(&text, "here", None).unwrap_err();
        assert!(
            error.kind == ErrorKind::Config && error.message.contains(what) && error.message.starts_with("here"),
            "{error}"
        );
    }
}
