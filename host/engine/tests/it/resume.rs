//! The three that every plan passes.

use std::fs;

use hangar_engine::{Engine, EngineError, Left, StepOutcome};
use rusqlite::Connection;

use crate::fake::{Fault, Log, Site, diamond, diamond_things, key, work};

#[tokio::test]
async fn failing_at_each_step_finishes_on_the_next_run() {
    for faulty in diamond_things() {
        for fault in [Fault::Before, Fault::After, Fault::Vain] {
            let site = Site::new();
            let fault_of = |thing: &str| if thing == faulty { fault } else { Fault::None };
            let failed = site.run(diamond(&site.world, fault_of, &Log::default())).await.unwrap_err();
            let EngineError::Incomplete { report, first, others } = failed else { panic!("{failed}") };
            assert_eq!(first.step, key(&faulty));
            assert_eq!(first.left, Left::Partial);
            assert!(others.is_empty());
            // What does not require it is done all the same.
            assert!(matches!(
                report.outcome(&key(if faulty == "e" { "d" } else { "e" })),
                Some(StepOutcome::Done { .. })
            ));

            let report = site.run(diamond(&site.world, |_| Fault::None, &Log::default())).await.unwrap();
            assert!(report.is_complete());
            assert_eq!(site.world.things(), diamond_things(), "{faulty} {fault:?}");
        }
    }
}

#[tokio::test]
async fn running_twice_ends_the_same_and_acts_once() {
    let site = Site::new();
    let log = Log::default();
    let first = site.run(diamond(&site.world, |_| Fault::None, &log)).await.unwrap();
    assert_eq!(first.n_changed(), 5);
    log.lock().unwrap().clear();

    let again = site.run(diamond(&site.world, |_| Fault::None, &log)).await.unwrap();
    assert_eq!(again.n_changed(), 0);
    assert!(log.lock().unwrap().iter().all(|line| line.starts_with("probe")), "{log:?}");
    assert_eq!(site.world.things(), diamond_things());
}

#[tokio::test]
async fn a_step_that_was_undone_outside_is_done_again() {
    let site = Site::new();
    site.run(diamond(&site.world, |_| Fault::None, &Log::default())).await.unwrap();
    fs::remove_file(site.dir.path().join("world/b")).unwrap();
    let again = site.run(diamond(&site.world, |_| Fault::None, &Log::default())).await.unwrap();
    assert_eq!(again.outcome(&key("b")), Some(&StepOutcome::Done { changed: true }));
    assert_eq!(again.n_changed(), 1);
}

/// What the journal says at a prefix: which steps are done, and which is in doubt.
fn cut(journal: &std::path::Path, n_entries: i64) -> (Vec<String>, Option<String>) {
    let connection = Connection::open(journal).unwrap();
    connection.execute("DELETE FROM entries WHERE seq > ?1", [n_entries]).unwrap();
    connection.execute("DELETE FROM children", []).unwrap();
    connection.execute("UPDATE operations SET state = 'open', ended_ms = NULL", []).unwrap();
    let mut query = connection.prepare("SELECT DISTINCT step FROM entries WHERE kind = 'result'").unwrap();
    let done: Vec<String> = query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let mut query = connection.prepare("SELECT DISTINCT step FROM entries WHERE kind = 'intent'").unwrap();
    let begun = query.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap);
    let doubtful = begun.filter(|step| !done.contains(step)).last();
    (done, doubtful)
}

#[tokio::test]
async fn any_prefix_of_the_journal_can_be_resumed() {
    let whole = Site::new();
    whole.run(diamond(&whole.world, |_| Fault::None, &Log::default())).await.unwrap();
    let journal = Engine::journal_path(&whole.state());
    let n_entries: i64 =
        Connection::open(&journal).unwrap().query_row("SELECT max(seq) FROM entries", [], |row| row.get(0)).unwrap();
    assert!(n_entries >= 15, "{n_entries}");

    for n_kept in 0..=n_entries {
        for has_acted in [false, true] {
            let site = Site::new();
            fs::create_dir(site.state()).unwrap();
            fs::copy(&journal, Engine::journal_path(&site.state())).unwrap();
            let (done, doubtful) = cut(&Engine::journal_path(&site.state()), n_kept);
            done.iter().for_each(|thing| site.world.make(thing).unwrap());
            doubtful.iter().filter(|_| has_acted).for_each(|thing| site.world.make(thing).unwrap());

            let log = Log::default();
            let report = site.run(diamond(&site.world, |_| Fault::None, &log)).await.unwrap();
            assert!(report.is_complete());
            assert_eq!(site.world.things(), diamond_things(), "{n_kept} entries, acted: {has_acted}");
            // Whoever is in doubt is settled before it is looked at, and nobody else is.
            let settled: Vec<_> =
                log.lock().unwrap().iter().filter_map(|line| line.strip_prefix("settle ").map(str::to_owned)).collect();
            assert_eq!(settled, Vec::from_iter(doubtful), "{n_kept} entries");
        }
    }
}

#[tokio::test]
async fn a_doubt_outlives_the_operation_that_left_it() {
    let site = Site::new();
    let engine = site.engine();
    let operation = engine.begin(work("plan-1")).await.unwrap();
    let stuck = diamond(&site.world, |thing| if thing == "b" { Fault::Orphans } else { Fault::None }, &Log::default());
    // The run goes away in the middle of `b`, as after a kill.
    tokio::select! {
        ended = operation.run(stuck) => panic!("{ended:?}"),
        () = child_of_b(&engine) => {}
    }
    drop(operation);
    drop(engine);

    let engine = site.engine();
    let log = Log::default();
    let steps = diamond(&site.world, |_| Fault::None, &log);
    let refused = engine.begin(work("plan-2")).await.err().unwrap();
    // The fake's child is this very process, which lives.
    assert!(matches!(refused, EngineError::StillAtWork { .. }), "{refused}");
    Connection::open(Engine::journal_path(&site.state())).unwrap().execute("DELETE FROM children", []).unwrap();
    engine.run(work("plan-2"), steps).await.unwrap();
    assert_eq!(log.lock().unwrap().iter().filter(|line| *line == "settle b").count(), 1);
    assert!(engine.journal().doubts().await.unwrap().is_empty());
    assert_eq!(site.world.things(), diamond_things());
}

async fn child_of_b(engine: &Engine) {
    while engine.journal().living_children().await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
}
