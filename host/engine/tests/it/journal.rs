//! The journal as others use it.

use std::path::Path;
use std::sync::Arc;

use hangar_engine::{Engine, Journal, JournalError, Lock, LockState, NoSecrets, OperationState, Options, Steps};
use hangar_plan::hint::Hint as _;

use crate::fake::{Fault, Log, Make, Site, diamond, key, work};

#[tokio::test]
async fn facts_change_only_for_those_who_know_them() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::open(dir.path(), Options::new("hangar up")).unwrap();
    let journal = engine.journal();
    assert_eq!(journal.fact("plugin", "token").await.unwrap(), None);
    assert_eq!(journal.put_fact("plugin", "token", b"1".to_vec(), 0).await.unwrap(), 1);
    let refused = journal.put_fact("plugin", "token", b"x".to_vec(), 0).await.unwrap_err();
    assert_eq!(refused.to_string(), "fact `plugin/token` has version 1, not 0");
    assert_eq!(journal.put_fact("plugin", "token", b"2".to_vec(), 1).await.unwrap(), 2);
    journal.put_fact("other", "token", b"3".to_vec(), 0).await.unwrap();
    let facts = journal.facts("plugin").await.unwrap();
    assert_eq!(facts.len(), 1);
    assert_eq!((facts[0].1.value.as_slice(), facts[0].1.version), (b"2".as_slice(), 2));
    journal.remove_fact("plugin", "token", 2).await.unwrap();
    assert_eq!(journal.fact("plugin", "token").await.unwrap(), None);
}

#[tokio::test]
async fn a_fact_is_brought_to_a_value_once() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::open(dir.path(), Options::new("hangar up")).unwrap();
    let journal = engine.journal();
    let version = async || journal.fact("host", "x").await.unwrap().map(|fact| (fact.value, fact.version));
    journal.set_fact("host", "x", None).await.unwrap();
    assert_eq!(version().await, None);
    journal.set_fact("host", "x", Some(b"1")).await.unwrap();
    journal.set_fact("host", "x", Some(b"1")).await.unwrap();
    assert_eq!(version().await, Some((b"1".to_vec(), 1)));
    journal.set_fact("host", "x", Some(b"2")).await.unwrap();
    assert_eq!(version().await, Some((b"2".to_vec(), 2)));
    journal.set_fact("host", "x", None).await.unwrap();
    assert_eq!(version().await, None);
}

#[tokio::test]
async fn others_may_read_while_a_run_holds_the_lock() {
    let site = Site::new();
    let engine = site.engine();
    engine.run(work("plan-1"), diamond(&site.world, |_| Fault::None, &Log::default())).await.unwrap();
    assert!(matches!(Lock::look(&site.state()).unwrap(), LockState::Held(Some(_))));
    let reader = Journal::open_to_read(&Engine::journal_path(&site.state()), Arc::new(NoSecrets)).unwrap();
    let last = reader.last_operation().await.unwrap().unwrap();
    assert_eq!((last.state, last.command.as_str()), (OperationState::Done, "hangar up"));
    let refused = reader.put_fact("a", "b", Vec::new(), 0).await.unwrap_err();
    assert!(matches!(refused, JournalError::Access { what: "write", .. }), "{refused}");
}

#[tokio::test]
async fn another_plan_takes_the_place_of_an_unfinished_one() {
    let site = Site::new();
    let engine = site.engine();
    let failing = Make::new(&site.world, "a").with_fault(Fault::Before);
    engine.run(work("plan-1"), Steps::new().with(key("a"), [], failing)).await.unwrap_err();
    engine.run(work("plan-2"), Steps::new().with(key("a"), [], Make::new(&site.world, "a"))).await.unwrap();
    let states: Vec<_> =
        engine.journal().operations(10).await.unwrap().into_iter().map(|operation| operation.state).collect();
    assert_eq!(states, [OperationState::Done, OperationState::Superseded]);
}

#[tokio::test]
async fn ten_thousand_entries_are_read_back() {
    let site = Site::new();
    let engine = site.engine();
    let operation = engine.begin(work("plan-1")).await.unwrap();
    for _ in 0..10 {
        let entry = hangar_engine::NewEntry {
            operation: operation.id().clone(),
            step: Some(key("a")),
            attempt: 1,
            kind: hangar_engine::EntryKind::Progress,
            idem: String::new(),
            body: serde_json::json!({ "address": "module.eks.aws_eks_cluster.this[0]", "id": "uss1" }),
        };
        engine.journal().append(vec![entry; 1000]).await.unwrap();
    }
    assert_eq!(engine.journal().entries(operation.id()).await.unwrap().len(), 10_000);
}

#[test]
fn a_damaged_journal_says_what_to_do() {
    let damaged =
        JournalError::Damaged { path: Path::new("/ws/journal.db").to_owned(), detail: "row 7 missing".to_owned() };
    assert_eq!(damaged.to_string(), "the journal `/ws/journal.db` is damaged: row 7 missing");
    assert!(damaged.hint().unwrap().starts_with("keep a copy of `/ws/journal.db`"));
    let foreign = JournalError::Foreign { path: Path::new("/ws/journal.db").to_owned() };
    assert_eq!(foreign.hint().unwrap(), "move `/ws/journal.db` away, or name another folder");
}

#[test]
fn a_folder_that_nobody_has_worked_in_is_free() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(Lock::look(&dir.path().join("state")).unwrap(), LockState::Free));
}
