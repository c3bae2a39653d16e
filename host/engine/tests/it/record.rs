//! What stands in the journal after a run.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hangar_engine::{
    Engine, EngineError, Entry, EntryKind, FailureKind, Journal, Left, NoSecrets, OperationState, StepOutcome, Steps,
};
use serde_json::{Value, json};

use crate::fake::{Fault, Make, Site, key, work};

fn now_ms() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// The lines of the newest operation.
async fn lines(engine: &Engine) -> Vec<Entry> {
    let last = engine.journal().last_operation().await.unwrap().unwrap();
    engine.journal().entries(&last.id).await.unwrap()
}

/// Kind, attempt and body of each line.
fn said(lines: &[Entry]) -> Vec<(EntryKind, u32, Value)> {
    lines.iter().map(|line| (line.kind, line.attempt, line.body.clone())).collect()
}

fn make(site: &Site, fault: Fault) -> Steps {
    // Long enough for a step that ends by itself; one that does not is cut short by it.
    let deadline = Duration::from_millis(if fault == Fault::Endless { 30 } else { 20_000 });
    Steps::new().with(key("a"), [], Make { deadline, ..Make::new(&site.world, "a") }.with_fault(fault))
}

/// What a whole attempt writes.
fn whole(attempt: u32) -> [(EntryKind, u32, Value); 3] {
    [
        (EntryKind::Intent, attempt, json!({ "name": "make", "input": { "thing": "a" } })),
        (EntryKind::Progress, attempt, json!({ "half": "a" })),
        (EntryKind::Result, attempt, json!({ "outcome": "changed", "output": "made a" })),
    ]
}

fn end() -> (EntryKind, u32, Value) {
    (EntryKind::End, 0, json!({ "state": "done" }))
}

#[tokio::test]
async fn a_run_is_on_record_line_by_line() {
    let site = Site::new();
    let before = now_ms();
    let engine = site.engine();
    let operation = engine.begin(work("plan-1")).await.unwrap();
    operation.note("all is well".to_owned()).await.unwrap();
    operation.run(make(&site, Fault::None)).await.unwrap();
    operation.finish().await.unwrap();
    let lines = lines(&engine).await;
    let note = (EntryKind::Note, 0, json!({ "text": "all is well" }));
    assert_eq!(said(&lines), [vec![note], whole(1).to_vec(), vec![end()]].concat());
    let steps: Vec<_> = lines.iter().map(|line| line.step.clone()).collect();
    assert_eq!(steps, [None, Some(key("a")), Some(key("a")), Some(key("a")), None]);
    let idem = lines[1].idem.clone();
    assert_eq!((idem.len(), hex_only(&idem)), (64, true), "{idem}");
    assert_eq!(lines.iter().map(|line| line.idem.clone()).collect::<Vec<_>>(), ["", &idem, &idem, &idem, ""]);
    assert!(lines.is_sorted_by(|one, next| one.seq < next.seq));
    let after = now_ms();
    assert!(lines.iter().all(|line| (before..=after).contains(&line.at_ms)), "{before} {lines:?} {after}");
}

fn hex_only(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[tokio::test]
async fn a_finished_step_that_is_found_as_it_was_adds_no_line() {
    let site = Site::new();
    let engine = site.engine();
    let operation = engine.begin(work("plan-1")).await.unwrap();
    for _ in 0..3 {
        operation.run(make(&site, Fault::None)).await.unwrap();
    }
    assert_eq!(said(&lines(&engine).await), whole(1));
}

#[tokio::test]
async fn a_step_that_somebody_else_has_done_is_on_record_as_unchanged() {
    let site = Site::new();
    site.world.make("a").unwrap();
    let engine = site.engine();
    engine.run(work("plan-1"), make(&site, Fault::None)).await.unwrap();
    let unchanged = (EntryKind::Result, 1, json!({ "outcome": "unchanged", "output": "made a" }));
    assert_eq!(said(&lines(&engine).await), [unchanged, end()]);
}

/// Leaves the step in doubt, and returns the name of the operation.
async fn leave_a_doubt(site: &Site) -> String {
    let engine = site.engine();
    engine.run(work("plan-1"), make(site, Fault::Endless)).await.unwrap_err();
    engine.journal().last_operation().await.unwrap().unwrap().id.to_string()
}

/// What is written of a step in doubt, after the lines of its first attempt.
async fn further(site: &Site) -> Vec<(EntryKind, u32, Value)> {
    said(&lines(&site.engine()).await)[2..].to_vec()
}

#[tokio::test]
async fn a_doubt_about_something_not_done_is_resolved_by_acting_again() {
    let site = Site::new();
    let operation = leave_a_doubt(&site).await;
    site.run(make(&site, Fault::None)).await.unwrap();
    let of = json!({ "operation": operation, "attempt": 1 });
    let observed = (EntryKind::Observed, 2, json!({ "seen": "not-done", "of": of }));
    let resolved = (EntryKind::Resolved, 2, json!({ "decision": "act-again" }));
    assert_eq!(further(&site).await, [vec![observed, resolved], whole(2).to_vec(), vec![end()]].concat());
}

#[tokio::test]
async fn a_doubt_about_something_done_ends_with_what_was_seen() {
    let site = Site::new();
    let operation = leave_a_doubt(&site).await;
    site.world.make("a").unwrap();
    let report = site.run(make(&site, Fault::None)).await.unwrap();
    assert_eq!(report.steps, [(key("a"), StepOutcome::Done { changed: false })]);
    let of = json!({ "operation": operation, "attempt": 1 });
    let observed = (EntryKind::Observed, 2, json!({ "seen": "done", "of": of }));
    let unchanged = (EntryKind::Result, 2, json!({ "outcome": "unchanged", "output": "made a" }));
    assert_eq!(further(&site).await, [observed, unchanged, end()]);
}

#[tokio::test]
async fn a_doubt_about_something_unseen_stays_one() {
    let site = Site::new();
    let operation = leave_a_doubt(&site).await;
    let failed = site.run(make(&site, Fault::Blind)).await.unwrap_err();
    let EngineError::Incomplete { first, .. } = failed else { panic!("{failed}") };
    assert_eq!((first.left, first.err.kind()), (Left::InDoubt, FailureKind::Person));
    let of = json!({ "operation": operation, "attempt": 1 });
    let observed = json!({ "seen": "unknown", "why": "it is dark", "of": of });
    assert_eq!(further(&site).await, [(EntryKind::Observed, 2, observed)]);
    assert_eq!(site.engine().journal().doubts().await.unwrap().len(), 1);
}

#[tokio::test]
async fn operations_are_listed_newest_first_and_as_many_as_asked_for() {
    let site = Site::new();
    let before = now_ms();
    let engine = site.engine();
    for plan in ["plan-1", "plan-2", "plan-3"] {
        engine.run(work(plan), Steps::new()).await.unwrap();
    }
    let open = engine.begin(work("plan-4")).await.unwrap();
    let listed = engine.journal().operations(3).await.unwrap();
    let digests: Vec<_> = listed.iter().map(|operation| (operation.digest.as_str(), operation.state)).collect();
    let done = OperationState::Done;
    assert_eq!(digests, [("plan-4", OperationState::Open), ("plan-3", done), ("plan-2", done)]);
    assert_eq!((&listed[0].id, listed[0].ended_ms), (open.id(), None));
    assert_eq!((listed[1].command.as_str(), &listed[1].plan), ("hangar up", &json!({ "plan": "plan-3" })));
    let ended = listed[1].ended_ms.unwrap();
    assert!(before <= listed[1].started_ms && listed[1].started_ms <= ended && ended <= now_ms(), "{listed:?}");
    // Their names sort as they came, and read the same everywhere.
    assert!(listed.is_sorted_by(|newer, older| newer.id > older.id));
    assert_eq!((open.id().to_string(), open.id().as_str().len()), (open.id().as_str().to_owned(), 36));
}

#[tokio::test]
async fn every_journal_has_a_name_of_its_own() {
    let (one, other) = (Site::new(), Site::new());
    let name = one.engine().journal().lineage().to_owned();
    assert_eq!(name.len(), 36);
    assert_eq!(one.engine().journal().lineage(), name);
    let path = Engine::journal_path(&one.state());
    assert_eq!(Journal::open_to_read(&path, Arc::new(NoSecrets)).unwrap().lineage(), name);
    assert_ne!(other.engine().journal().lineage(), name);
}
