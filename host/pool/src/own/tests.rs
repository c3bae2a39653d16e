use super::*;
use crate::carrier::Folder;
use crate::testing::{NOW, beginning, key};

/// Everything below a folder, with its content.
fn content(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("readable").path())
        .map(|path| (path.clone(), std::fs::read(&path).expect("a file")))
        .collect();
    all.sort();
    all
}

#[test]
fn who_only_looks_sees_what_is_new_and_writes_nothing_anywhere() {
    let site = tempfile::tempdir().expect("a temporary folder");
    let (home, shelf) = (site.path().join("home"), site.path().join("shelf"));
    let path = home.join("us-east.json");
    let carrier = || Arc::new(Folder::new(&shelf));
    let genesis = next::genesis(beginning("uss1", 1), "a test".to_owned(), NOW);
    OwnRecord::begin(&path, key(1), carrier(), genesis).expect("a roster");
    let request = next::request(beginning("uss2", 2), NOW);
    OwnRecord::begin(&site.path().join("other/us-east.json"), key(2), carrier(), request).expect("a roster");
    // What another process of ours has yet to show.
    std::fs::remove_file(shelf.join("uss1.record.json")).expect("it was shown");
    let before = (content(&home), content(&shelf));

    let looking = OwnRecord::open_to_look(&path, key(1), carrier()).expect("readable").expect("it was begun");
    let own = looking.roster().own_record().clone();
    looking.change(|roster| roster.expect_joiner(key(2).public().fingerprint())).expect("in memory");
    looking.refresh().expect("a carrier");
    assert_eq!(looking.roster().records().count(), 2);
    assert_eq!(looking.roster().own_record(), &own);
    assert_eq!(looking.history().expect("readable").files.len(), 2);
    assert_eq!((content(&home), content(&shelf)), before);

    let writing = OwnRecord::open(&path, key(1), carrier()).expect("readable").expect("it was begun");
    writing.refresh().expect("a carrier");
    assert!(shelf.join("uss1.record.json").exists(), "who may write shows what was not shown");
}

/// The roster of a founder, kept in this folder.
fn founded(home: &Path, carrier: Arc<Folder>) -> PathBuf {
    let path = home.join("us-east.json");
    let genesis = next::genesis(beginning("uss1", 1), "a test".to_owned(), NOW);
    OwnRecord::begin(&path, key(1), carrier, genesis).expect("a roster");
    path
}

#[test]
fn a_record_that_was_kept_and_not_remembered_is_remembered_by_the_next_run() {
    let site = tempfile::tempdir().expect("a temporary folder");
    let carrier = || Arc::new(Folder::new(&site.path().join("shelf")));
    let path = founded(site.path(), carrier());
    let history = path.with_extension("history.jsonl");
    let whole = std::fs::read(&history).expect("the first record");
    std::fs::remove_file(&history).expect("it is there");
    for _ in 0..2 {
        OwnRecord::open(&path, key(1), carrier()).expect("readable").expect("it was begun");
        assert_eq!(std::fs::read(&history).expect("the first record"), whole);
    }
}

#[test]
fn a_record_that_no_carrier_took_is_in_the_history_all_the_same() {
    let site = tempfile::tempdir().expect("a temporary folder");
    let path = site.path().join("us-east.json");
    let shelf = site.path().join("shelf");
    std::fs::write(&shelf, "no folder").expect("writable");
    let genesis = next::genesis(beginning("uss1", 1), "a test".to_owned(), NOW);
    let begun = OwnRecord::begin(&path, key(1), Arc::new(Folder::new(&shelf)), genesis).map(drop);
    assert!(matches!(begun, Err(RecordError::Carrier(_))), "{begun:?}");
    assert_eq!(Archive::read(&path.with_extension("history.jsonl")).expect("readable").files.len(), 1);
}

#[test]
fn what_a_killed_writer_left_goes_with_the_next_that_writes() {
    let site = tempfile::tempdir().expect("a temporary folder");
    let carrier = || Arc::new(Folder::new(&site.path().join("shelf")));
    let path = founded(site.path(), carrier());
    let left = site.path().join(".us-east.json.Dy5HqF.hangar-tmp");
    std::fs::write(&left, "half").expect("writable");
    OwnRecord::open_to_look(&path, key(1), carrier()).expect("readable").expect("it was begun");
    assert!(left.exists(), "another process may be writing it");
    OwnRecord::open(&path, key(1), carrier()).expect("readable").expect("it was begun");
    assert!(!left.exists() && path.exists());
}
