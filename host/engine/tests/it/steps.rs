//! What the engine asks of steps, and what it lets them have.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hangar_engine::{
    Engine, EngineError, Left, NoSecrets, Options, Redactor, Seen, Step, StepContext, StepError, StepOutcome, Steps,
    What,
};
use hangar_plan::hint::Hint as _;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use crate::fake::{Events, Fault, Log, Make, Site, diamond, key, work};

#[tokio::test]
async fn a_step_that_cannot_be_seen_is_never_acted_on_and_stops_only_what_requires_it() {
    let site = Site::new();
    let log = Log::default();
    let blind = diamond(&site.world, |thing| if thing == "b" { Fault::Blind } else { Fault::None }, &log);
    let failed = site.run(blind).await.unwrap_err();
    let EngineError::Incomplete { report, first, .. } = failed else { panic!("{failed}") };
    assert_eq!(first.to_string(), "step `b` is not done; it had changed nothing");
    assert_eq!(first.err.to_string(), "cannot tell whether it has happened: it is dark");
    assert_eq!(report.outcome(&key("d")), Some(&StepOutcome::Skipped { requires: key("b") }));
    assert_eq!(report.outcome(&key("c")), Some(&StepOutcome::Done { changed: true }));
    assert!(!log.lock().unwrap().contains(&"act b".to_owned()));
}

#[tokio::test]
async fn of_steps_in_turn_each_waits_for_the_one_before() {
    let site = Site::new();
    let make = |thing, fault| (key(thing), Make::new(&site.world, thing).with_fault(fault));
    let steps = Steps::in_turn([make("a", Fault::None), make("b", Fault::Before), make("c", Fault::None)]);
    let failed = site.run(steps).await.unwrap_err();
    let EngineError::Incomplete { report, .. } = failed else { panic!("{failed}") };
    assert_eq!(report.outcome(&key("a")), Some(&StepOutcome::Done { changed: true }));
    assert_eq!(report.outcome(&key("c")), Some(&StepOutcome::Skipped { requires: key("b") }));
}

#[tokio::test]
async fn an_act_that_comes_to_nothing_is_no_success() {
    let site = Site::new();
    let vain = Make::new(&site.world, "a").with_fault(Fault::Vain);
    let failed = site.run(Steps::new().with(key("a"), [], vain)).await.unwrap_err();
    let EngineError::Incomplete { first, .. } = failed else { panic!("{failed}") };
    assert_eq!(first.err.to_string(), "it acted without an error, yet the world does not show it");
}

#[tokio::test]
async fn a_step_out_of_time_is_told_to_stop_and_left_in_doubt() {
    let site = Site::new();
    let slow = Make { deadline: Duration::from_millis(30), ..Make::new(&site.world, "a").with_fault(Fault::Endless) };
    let engine = site.engine();
    let failed = engine.run(work("plan-1"), Steps::new().with(key("a"), [], slow)).await.unwrap_err();
    let EngineError::Incomplete { first, .. } = failed else { panic!("{failed}") };
    assert_eq!(first.left, Left::InDoubt);
    assert!(first.err.to_string().starts_with("it did not end within"), "{}", first.err);
    assert_eq!(engine.journal().doubts().await.unwrap().len(), 1);
}

/// Looks, from a connection of its own as another process would, for its own intent.
struct SeesItsIntent;

#[async_trait]
impl Step for SeesItsIntent {
    const NAME: &'static str = "sees-its-intent";
    type Output = bool;

    fn input(&self) -> Value {
        json!(null)
    }

    async fn probe(&self, cx: &StepContext) -> Result<Seen<bool>, StepError> {
        // Done once the intent is there: so it must not be there yet when this is asked first.
        Ok(if intent_is_on_disk(cx) { Seen::Done(true) } else { Seen::NotDone })
    }

    async fn act(&self, cx: &StepContext) -> Result<(), StepError> {
        if intent_is_on_disk(cx) { Ok(()) } else { Err(StepError::bug("acting before the intent is on disk")) }
    }
}

fn intent_is_on_disk(cx: &StepContext) -> bool {
    let state = cx.folder().unwrap().ancestors().nth(4).unwrap().to_owned();
    let reader = Connection::open_with_flags(Engine::journal_path(&state), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let n: i64 = reader.query_row("SELECT count(*) FROM entries WHERE kind = 'intent'", [], |row| row.get(0)).unwrap();
    n == 1
}

#[tokio::test]
async fn the_intent_is_on_disk_before_the_step_acts() {
    let site = Site::new();
    let report = site.run(Steps::new().with(key("a"), [], SeesItsIntent)).await.unwrap();
    assert_eq!(report.n_changed(), 1);
}

/// Needs what `a` gave.
struct Needs {
    of: &'static str,
}

#[async_trait]
impl Step for Needs {
    const NAME: &'static str = "needs";
    type Output = String;

    fn input(&self) -> Value {
        json!(self.of)
    }

    async fn probe(&self, cx: &StepContext) -> Result<Seen<String>, StepError> {
        let given: String = cx.output(&key(self.of)).map_err(StepError::bug)?;
        Ok(Seen::Done(format!("knows: {given}")))
    }

    async fn act(&self, _: &StepContext) -> Result<(), StepError> {
        Err(StepError::bug("never asked"))
    }
}

#[tokio::test]
async fn a_step_sees_what_those_it_requires_gave() {
    let site = Site::new();
    let engine = site.engine();
    let operation = engine.begin(work("plan-1")).await.unwrap();
    let steps = Steps::new()
        .with(key("a"), [], Make::new(&site.world, "a"))
        .with(key("b"), [key("a")], Make::new(&site.world, "b"))
        .with(key("n"), [key("b")], Needs { of: "a" });
    operation.run(steps).await.unwrap();
    // A later round of the same operation too.
    operation.run(Steps::new().with(key("m"), [], Needs { of: "a" })).await.unwrap();
    operation.finish().await.unwrap();
}

#[tokio::test]
async fn a_step_does_not_see_what_it_does_not_require() {
    let site = Site::new();
    let steps = Steps::new().with(key("a"), [], Make::new(&site.world, "a")).with(key("n"), [], Needs { of: "a" });
    let failed = site.run(steps).await.unwrap_err();
    let EngineError::Incomplete { first, .. } = failed else { panic!("{failed}") };
    assert_eq!(
        first.err.to_string(),
        "what step `a` gave is not what step `n` needs: it is not required, so it may not have run yet"
    );
}

#[test]
fn steps_are_counted() {
    let site = Site::new();
    let mut steps = Steps::new();
    assert_eq!((steps.len(), steps.is_empty()), (0, true));
    for n_steps in 1..=3 {
        let thing = format!("s{n_steps}");
        steps.add(key(&thing), [], Make::new(&site.world, &thing));
        assert_eq!((steps.len(), steps.is_empty()), (n_steps, false));
    }
}

#[tokio::test]
async fn steps_without_an_order_are_refused_before_anything_happens() {
    let site = Site::new();
    let make = |steps: Steps, thing, requires| steps.with(key(thing), [key(requires)], Make::new(&site.world, thing));
    let refused = site.run(make(make(Steps::new(), "a", "b"), "b", "a")).await.unwrap_err();
    assert_eq!(refused.to_string(), "the plan cannot be run");
    assert_eq!(refused.source().unwrap().to_string(), "steps wait for one another: `a`, `b`");
    assert!(site.world.things().is_empty());
}

#[tokio::test]
async fn every_step_is_told_of() {
    let site = Site::new();
    let events = Arc::new(Events::default());
    let engine = site.engine_with(Arc::clone(&events) as _, hangar_engine::Cancel::default());
    engine.run(work("plan-1"), Steps::new().with(key("a"), [], Make::new(&site.world, "a"))).await.unwrap();
    let told: Vec<_> = events.0.lock().unwrap().iter().map(|event| event.what.clone()).collect();
    assert_eq!(
        told,
        [
            What::Began { command: "hangar up".to_owned(), resumed: false },
            What::Probing,
            What::Acting { name: "make".to_owned(), attempt: 1 },
            What::Done { changed: true },
            What::Ended { complete: true },
        ]
    );
    let json = serde_json::to_value(&events.0.lock().unwrap()[2]).unwrap();
    assert_eq!((&json["event"], &json["step"]), (&json!("acting"), &json!("a")));
}

struct HidesCanary;

impl Redactor for HidesCanary {
    fn redact<'text>(&self, text: &'text str) -> std::borrow::Cow<'text, str> {
        text.replace("CANARY", "[redacted]").into()
    }
}

/// Says its secret wherever it can.
struct Talks;

#[async_trait]
impl Step for Talks {
    const NAME: &'static str = "talks";
    type Output = String;

    fn input(&self) -> Value {
        json!({ "CANARY": ["CANARY"] })
    }

    async fn probe(&self, _: &StepContext) -> Result<Seen<String>, StepError> {
        Ok(Seen::NotDone)
    }

    async fn act(&self, cx: &StepContext) -> Result<(), StepError> {
        cx.record_progress(vec![json!("CANARY")]).await.map_err(StepError::bug)?;
        Err(StepError::outside("the CANARY was refused").with_hint("look"))
    }
}

#[tokio::test]
async fn a_known_secret_never_reaches_the_journal() {
    for (redactor, is_hidden) in [(Arc::new(HidesCanary) as Arc<dyn Redactor>, true), (Arc::new(NoSecrets), false)] {
        let dir = tempfile::tempdir().unwrap();
        let engine = Engine::open(dir.path(), Options { redactor, ..Options::new("hangar up") }).unwrap();
        let failed = engine.run(work("CANARY"), Steps::new().with(key("a"), [], Talks)).await.unwrap_err();
        assert_eq!(failed.hint().as_deref(), Some("look"));
        let operation = engine.journal().last_operation().await.unwrap().unwrap();
        let entries = engine.journal().entries(&operation.id).await.unwrap();
        let text = serde_json::to_string(&(&entries, &operation.plan)).unwrap();
        // The second round shows that the first would have found it.
        assert_eq!(!text.contains("CANARY"), is_hidden, "{text}");
        assert!(entries.len() >= 3);
    }
}
