//! What a run says when it does not come to its end.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use hangar_engine::durable::ProcessId;
use hangar_engine::{
    Cancel, EngineError, EntryKind, FailureKind, JournalError, Left, Leftover, Owner, Report, Seen, Step, StepContext,
    StepError, StepOutcome, Steps, What,
};
use hangar_plan::hint::Hint as _;
use serde_json::{Value, json};

use crate::fake::{Events, Fault, Log, Site, diamond, key, work};

/// An error with two causes below it.
#[derive(Debug, thiserror::Error)]
#[error("the cloud is away")]
struct Away(#[source] NoRoute);

#[derive(Debug, thiserror::Error)]
#[error("no route")]
struct NoRoute(#[source] io::Error);

fn away() -> Away {
    Away(NoRoute(io::Error::other("the cable is cut")))
}

/// Fails with all that can be said.
struct Fails;

#[async_trait]
impl Step for Fails {
    const NAME: &'static str = "fails";
    type Output = ();

    fn input(&self) -> Value {
        Value::Null
    }

    async fn probe(&self, _: &StepContext) -> Result<Seen<()>, StepError> {
        Ok(Seen::NotDone)
    }

    async fn act(&self, _: &StepContext) -> Result<(), StepError> {
        Err(StepError::outside(away()).with_hint("mend the cable"))
    }
}

/// The texts of an error and of its causes.
fn chain(err: &dyn Error) -> Vec<String> {
    let mut texts = vec![err.to_string()];
    let mut cause = err.source();
    while let Some(err) = cause {
        texts.push(err.to_string());
        cause = err.source();
    }
    texts
}

#[tokio::test]
async fn a_failure_is_told_and_recorded_with_its_causes() {
    let site = Site::new();
    let events = Arc::new(Events::default());
    let engine = site.engine_with(Arc::clone(&events) as _, Cancel::default());
    let failed = engine.run(work("plan-1"), Steps::new().with(key("a"), [], Fails)).await.unwrap_err();
    assert_eq!(
        chain(&failed),
        [
            "1 of 1 steps are not done",
            "step `a` is not done; it may have changed a part",
            "the cloud is away",
            "no route",
            "the cable is cut"
        ]
    );
    assert_eq!(failed.hint().as_deref(), Some("mend the cable"));
    let told: Vec<_> =
        events.0.lock().unwrap().iter().map(|event| (event.step.clone(), event.what.clone())).skip(3).collect();
    let said = "the cloud is away: no route: the cable is cut";
    let what = What::Failed { left: Left::Partial, error: said.to_owned(), hint: Some("mend the cable".to_owned()) };
    assert_eq!(told, [(Some(key("a")), what), (None, What::Ended { complete: false })]);
    let operation = engine.journal().last_operation().await.unwrap().unwrap();
    let entries = engine.journal().entries(&operation.id).await.unwrap();
    let last = entries.last().unwrap();
    assert_eq!((last.kind, &last.body), (EntryKind::Result, &json!({ "outcome": "failed", "error": said })));
}

#[tokio::test]
async fn failures_after_the_first_stand_beside_it() {
    let site = Site::new();
    let events = Arc::new(Events::default());
    let engine = site.engine_with(Arc::clone(&events) as _, Cancel::default());
    let fault = |thing: &str| if "be".contains(thing) { Fault::Before } else { Fault::None };
    let failed = engine.run(work("plan-1"), diamond(&site.world, fault, &Log::default())).await.unwrap_err();
    assert_eq!(failed.to_string(), "3 of 5 steps are not done");
    let EngineError::Incomplete { report, first, others } = failed else { panic!("{failed}") };
    assert_eq!(first.step, key("b"));
    assert_eq!(others.iter().map(|failure| failure.step.clone()).collect::<Vec<_>>(), [key("e")]);
    let failed = StepOutcome::Failed { left: Left::Partial };
    assert_eq!(
        report.steps,
        [
            (key("a"), StepOutcome::Done { changed: true }),
            (key("b"), failed.clone()),
            (key("c"), StepOutcome::Done { changed: true }),
            (key("d"), StepOutcome::Skipped { requires: key("b") }),
            (key("e"), failed),
        ]
    );
    assert_eq!((report.n_changed(), report.is_complete()), (2, false));
    assert_eq!(report.outcome(&key("f")), None);
    let skipped = events.0.lock().unwrap().iter().find(|event| matches!(event.what, What::Skipped { .. })).cloned();
    let skipped = skipped.map(|event| (event.step, event.what));
    assert_eq!(skipped, Some((Some(key("d")), What::Skipped { requires: key("b") })));
}

fn process() -> ProcessId {
    ProcessId { pid: 4242, start_time: 1, boot_id: "boot".to_owned() }
}

fn owner() -> Box<Owner> {
    let (host, command) = ("north".to_owned(), "hangar up".to_owned());
    Box::new(Owner { version: 1, process: process(), host, command, since_ms: 1 })
}

/// The text of an error, and what can be done about it.
fn said(err: &EngineError) -> (String, Option<String>) {
    (err.to_string(), err.hint())
}

fn pair(text: &str, hint: Option<&str>) -> (String, Option<String>) {
    (text.to_owned(), hint.map(str::to_owned))
}

#[test]
fn a_folder_in_use_says_by_whom_and_how_to_have_it() {
    let folder = PathBuf::from("/ws");
    assert_eq!(
        said(&EngineError::Locked { folder: folder.clone(), owner: Some(owner()) }),
        pair(
            "`/ws` is in use by `hangar up` (process 4242 on `north`)",
            Some("wait for it, or stop it with Ctrl-C or `kill -INT 4242`")
        )
    );
    assert_eq!(
        said(&EngineError::Locked { folder: folder.clone(), owner: None }),
        pair("`/ws` is in use by a process that has just started", None)
    );
    assert_eq!(
        said(&EngineError::LockedElsewhere { folder: folder.clone(), owner: owner() }),
        pair(
            "`/ws` was last used by `hangar up` (process 4242 on `north`), which never gave it back",
            Some("make sure that nothing runs on `north` any more, then run `hangar unlock`")
        )
    );
    let unreadable = EngineError::Folder { path: folder, err: io::Error::other("no") };
    assert_eq!(said(&unreadable), pair("cannot use `/ws`", None));
    assert_eq!(chain(&unreadable), ["cannot use `/ws`", "no"]);
}

#[test]
fn a_tool_at_work_is_named_by_its_step_or_by_its_output() {
    let leftover = |step| Box::new(Leftover { process: process(), spool: "/ws/spool".into(), step });
    let hint = Some("wait for it, or stop it with `kill -INT 4242`");
    assert_eq!(
        said(&EngineError::StillAtWork { leftover: leftover(Some(key("infra/apply"))) }),
        pair("a tool of an earlier run is still at work: process 4242 of step `infra/apply`", hint)
    );
    assert_eq!(
        said(&EngineError::StillAtWork { leftover: leftover(None) }),
        pair("a tool of an earlier run is still at work: process 4242 with its output in `/ws/spool`", hint)
    );
}

#[test]
fn what_stopped_half_way_counts_what_is_open() {
    let report = Report {
        steps: vec![
            (key("a"), StepOutcome::Done { changed: true }),
            (key("b"), StepOutcome::Failed { left: Left::InDoubt }),
            (key("c"), StepOutcome::Done { changed: false }),
            (key("d"), StepOutcome::NotStarted),
            (key("e"), StepOutcome::NotStarted),
        ],
    };
    assert_eq!(
        said(&EngineError::Stopped { report }),
        pair("stopped when asked, 3 of 5 steps are not done", Some("run the same command again to go on"))
    );
}

#[test]
fn a_journal_that_cannot_be_used_says_what_to_do() {
    let path = PathBuf::from("/ws/journal.db");
    let access = |what| JournalError::Access { path: path.clone(), what, err: rusqlite::Error::InvalidQuery };
    assert_eq!(
        said(&access("write").into()),
        pair(
            "cannot write the journal `/ws/journal.db`",
            Some("free some space or make the folder writable, and run the command again")
        )
    );
    assert_eq!(said(&access("read").into()), pair("cannot read the journal `/ws/journal.db`", None));
    assert_eq!(
        said(&JournalError::Future { path: path.clone(), found: 3, known: 1 }.into()),
        pair(
            "the journal `/ws/journal.db` has version 3, this program knows up to 1",
            Some("use the version of this program that wrote it, or a later one")
        )
    );
    let unopened = JournalError::Open { path, err: rusqlite::Error::InvalidQuery };
    assert_eq!(said(&unopened.into()), pair("cannot open the journal `/ws/journal.db`", None));
}

#[test]
fn the_error_of_a_step_shows_its_cause_once_and_keeps_its_kind() {
    let kinds = [StepError::refused, StepError::outside, StepError::person, StepError::bug].map(|of| of("no").kind());
    assert_eq!(kinds, [FailureKind::Refused, FailureKind::Outside, FailureKind::Person, FailureKind::Bug]);
    let stopped = StepError::interrupted();
    assert_eq!((stopped.kind(), stopped.to_string()), (FailureKind::Interrupted, "stopped when asked".to_owned()));
    let err = StepError::new(FailureKind::Outside, away());
    assert_eq!(chain(&err), ["the cloud is away", "no route", "the cable is cut"]);
    assert!(err.cause().downcast_ref::<Away>().is_some());
    assert_eq!(err.hint(), None);
}

#[test]
fn what_is_left_is_said_in_words() {
    let words = [Left::Untouched, Left::Partial, Left::InDoubt].map(|left| left.to_string());
    assert_eq!(words, ["it had changed nothing", "it may have changed a part", "it was cut short"]);
}
