use std::sync::Mutex;

use hangar_engine::{Engine, Options, Work};
use hangar_plan::diagnostic::Severity;
use hangar_plan::hint::Hint as _;
use hangar_plan::strategy::action::{Action, Check, Expectation, Verb};
use hangar_plan::strategy::decision::Awaiting;
use hangar_plan::strategy::member::{self, AcknowledgementKind};
use hangar_plan::strategy::observation::{HttpAnswer, Observation};
use hangar_roster::CarrierFile;

use super::*;
use crate::carrier::{Carrier, CarrierError, Folder};
use crate::testing::{self, NOW, Paper, Script, Told, beginning, intent, key, probe};

mod heeds;
mod votes;

/// A folder that cannot be read at some times, and where a second organisation asks at some time.
struct Slow {
    folder: Folder,
    since: Instant,
    away: std::ops::Range<Duration>,
    asks_after: Duration,
}

impl Carrier for Slow {
    fn records(&self) -> Result<Vec<(String, Vec<u8>)>, CarrierError> {
        let elapsed = self.since.elapsed();
        if self.away.contains(&elapsed) {
            return Err(CarrierError::Remote { what: "its records".into(), err: "503 Service Unavailable".into() });
        }
        let mut records = self.folder.records()?;
        if elapsed >= self.asks_after {
            let asks = next::request(beginning("uss2", 2), NOW).sign(&key(2));
            records.push(("uss2.record.json".into(), asks.to_bytes()));
        }
        Ok(records)
    }

    fn read(&self, file: &CarrierFile) -> Result<Option<Vec<u8>>, CarrierError> {
        self.folder.read(file)
    }

    fn publish(&self, file: &CarrierFile, bytes: &[u8]) -> Result<(), CarrierError> {
        self.folder.publish(file, bytes)
    }
}

/// A run of one organisation: how it ended, what was told, and its record then.
struct Ran {
    ended: Result<Vec<Finding>, PoolError>,
    told: Vec<String>,
    own: Arc<OwnRecord>,
}

impl Ran {
    fn error(&self) -> String {
        self.ended.as_ref().map_or_else(ToString::to_string, |_| "it ended well".into())
    }
}

/// Goes round with a founder's record, which `prepare` has brought on its way.
async fn run(
    strategy: &dyn Strategy,
    hands: Arc<dyn Hands>,
    carrier: impl FnOnce(&std::path::Path) -> Arc<dyn Carrier>,
    (until, prepare): (Until, impl FnOnce(&OwnRecord)),
) -> Ran {
    run_heeding(Heeds::All, strategy, hands, carrier, (until, prepare)).await
}

async fn run_heeding(
    heeds: Heeds,
    strategy: &dyn Strategy,
    hands: Arc<dyn Hands>,
    carrier: impl FnOnce(&std::path::Path) -> Arc<dyn Carrier>,
    (until, prepare): (Until, impl FnOnce(&OwnRecord)),
) -> Ran {
    let site = tempfile::tempdir().expect("a temporary folder");
    let genesis = next::genesis(beginning("uss1", 1), "a test".to_owned(), NOW);
    let carrier = carrier(&site.path().join("shelf"));
    let own = OwnRecord::begin(&site.path().join("us-east.json"), key(1), carrier, genesis).expect("a roster");
    prepare(&own);
    let own = Arc::new(own);
    let engine = Engine::open(&site.path().join("state"), Options::new("a test")).expect("an engine");
    let work = Work { command: "wait".into(), digest: "1".into(), plan: serde_json::json!({}) };
    let operation = engine.begin(work).await.expect("an operation");
    let told = Told::default();
    let allowed = ["verb init", "apply-release", "acknowledge seen", "acknowledge seen-dead"].map(Into::into).to_vec();
    let phase = Phase { name: "work".into(), title: String::new(), allowed, restarts: 0, actors: Vec::new() };
    let drive = Drive {
        strategy,
        hands,
        own: Arc::clone(&own),
        operation: &operation,
        intent: intent(),
        phases: vec![phase],
        heeds,
        tell: &told,
        cancel: Cancel::default(),
        refreshed: &|_| (),
    };
    let ended = drive.run(until).await;
    Ran { ended, told: told.all(), own }
}

fn folder(shelf: &std::path::Path) -> Arc<dyn Carrier> {
    Arc::new(Folder::new(shelf))
}

fn nothing(_: usize, _: &Probe) -> Observation {
    Observation::Absent
}

async fn simply(strategy: &dyn Strategy) -> Ran {
    run(strategy, Arc::new(Paper::new(nothing)), folder, (Until::Goal, |_: &OwnRecord| ())).await
}

fn verb(key: &str) -> Step {
    testing::step(key, Action::Verb(Verb { name: "init".into(), arguments: Vec::new() }))
}

/// Goes round with a carrier until there is a second member; says how it ended, what was told, and how often the strategy was asked.
async fn go(away: std::ops::Range<Duration>, asks_after: Duration) -> (Result<(), String>, Vec<String>, usize) {
    let strategy = Script::new(|_, roster: &member::Roster, _: &Facts| {
        if roster.members.len() > 1 {
            return Decision::Done(Vec::new());
        }
        Decision::Awaiting(Awaiting { members: vec!["uss2".into()], what: "ask".into(), probes: Vec::new() })
    });
    let slow = |shelf: &std::path::Path| -> Arc<dyn Carrier> {
        Arc::new(Slow { folder: Folder::new(shelf), since: Instant::now(), away, asks_after })
    };
    let expects = |own: &OwnRecord| {
        own.change(|roster| roster.expect_joiner(key(2).public().fingerprint())).expect("writable");
    };
    let ran = run(&strategy, Arc::new(Paper::new(nothing)), slow, (Until::Goal, expects)).await;
    (ran.ended.map(drop).map_err(|err| err.to_string()), ran.told, strategy.n_asked())
}

const fn minutes(n: u64) -> Duration {
    Duration::from_secs(n * 60)
}

#[tokio::test(start_paused = true)]
async fn a_carrier_that_fails_for_a_while_ends_no_wait() {
    let (ended, told, _) = go(minutes(1)..minutes(12), minutes(13)).await;
    assert_eq!(ended, Ok(()));
    let outage =
        "an answer; nothing is done until then (the carrier does not serve its records: 503 Service Unavailable)";
    assert_eq!(told, ["uss2 to ask", outage, "uss2 to ask"]);
}

#[tokio::test(start_paused = true)]
async fn a_carrier_that_fails_for_long_or_from_the_start_does() {
    let (ended, ..) = go(minutes(1)..minutes(20), minutes(60)).await;
    assert_eq!(ended, Err("the carrier does not serve its records".into()));
    let (ended, told, _) = go(minutes(0)..minutes(1), minutes(60)).await;
    assert_eq!((ended, told.len()), (Err("the carrier does not serve its records".into()), 0));
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_long_asks_the_strategy_rarely_and_hears_of_news_at_once() {
    let (ended, _, n_asked) = go(minutes(0)..minutes(0), minutes(60)).await;
    assert_eq!(ended, Ok(()));
    assert!((60..75).contains(&n_asked), "{n_asked} times in an hour");
}

#[tokio::test(start_paused = true)]
async fn a_strategy_that_only_looks_has_lost_its_way() {
    let strategy = Script::new(|_, _: &member::Roster, _: &Facts| Decision::Look(vec![probe("a")]));
    let ran = simply(&strategy).await;
    assert_eq!(ran.error(), "the pooling strategy looked 31 times and decided nothing");
    // A decision in between is one.
    let strategy = Script::new(|n, _: &member::Roster, _: &Facts| match n {
        90 => Decision::Done(Vec::new()),
        n if n % 30 == 29 => Decision::Steps(vec![verb(&format!("step-{n}"))]),
        _ => Decision::Look(vec![probe("a")]),
    });
    assert!(simply(&strategy).await.ended.is_ok());
}

/// A look that nobody answers decides nothing either, and is none of those that a strategy has.
#[tokio::test(start_paused = true)]
async fn an_outage_of_the_world_costs_no_looks() {
    let strategy = Script::new(|_, _: &member::Roster, facts: &Facts| match facts.observations.len() {
        0 | 1 => Decision::Look(vec![probe("a")]),
        _ => Decision::Done(Vec::new()),
    });
    let hands = Paper::new(|n, _: &Probe| match n {
        1..80 => Observation::Other(testing::DOWN.into()),
        _ => Observation::Absent,
    });
    let ran = run(&strategy, Arc::new(hands), folder, (Until::Goal, |_: &OwnRecord| ())).await;
    assert_eq!(ran.error(), "it ended well");
    let outage = "an answer; nothing is done until then (cannot look at the world: connection refused)";
    assert_eq!(ran.told, [outage]);
}

#[tokio::test(start_paused = true)]
async fn a_strategy_that_asks_for_what_is_done_has_lost_its_way() {
    let strategy = Script::new(|_, _: &member::Roster, _: &Facts| Decision::Steps(vec![verb("a"), verb("b")]));
    let ran = simply(&strategy).await;
    assert_eq!(ran.error(), "the pooling strategy asked 31 times in a row for steps that are done: a, b");
    let strategy = Script::new(|n, _: &member::Roster, _: &Facts| match n {
        90 => Decision::Done(Vec::new()),
        n if n % 30 == 29 => Decision::Steps(vec![verb("a"), verb(&format!("step-{n}"))]),
        _ => Decision::Steps(vec![verb("a")]),
    });
    assert!(simply(&strategy).await.ended.is_ok(), "one of them was not done");
}

fn wait(message: &str, until_s: u64) -> Decision {
    let until_ms = NOW + until_s * 1_000;
    Decision::Wait(Waiting { probes: vec![probe("a")], after_ms: 500, until_ms, message: message.into() })
}

#[tokio::test(start_paused = true)]
async fn what_is_waited_for_has_its_time_from_when_it_was_first_waited_for() {
    let strategy = Script::new(|_, _: &member::Roster, _: &Facts| wait("a node", 60));
    let ran = simply(&strategy).await;
    assert_eq!((ran.error().as_str(), ran.told), ("a node: still waiting after 60 s", vec!["a node".to_owned()]));
    // Another thing has a time of its own, and so has the same thing after something was done.
    let strategy = Script::new(|n, _: &member::Roster, _: &Facts| match n {
        300 => Decision::Done(Vec::new()),
        0..100 => wait("a node", 60),
        100..200 => wait("another", 60),
        200 => Decision::Steps(vec![verb("a")]),
        _ => wait("another", 60),
    });
    assert!(simply(&strategy).await.ended.is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_was_seen_is_shown_until_something_was_done() {
    let seen = Mutex::new(Vec::new());
    let strategy = Script::new(|n, _: &member::Roster, facts: &Facts| {
        let mut seen = seen.lock().expect("no panic");
        seen.push((facts.observations.len(), facts.done.clone()));
        match n {
            0 | 1 => Decision::Look(vec![probe("a"), probe("b")]),
            2 => Decision::Steps(vec![verb("c")]),
            _ => Decision::Done(Vec::new()),
        }
    });
    assert!(simply(&strategy).await.ended.is_ok());
    let none = Vec::new;
    let done = vec!["c".to_owned()];
    assert_eq!(*seen.lock().expect("no panic"), [(0, none()), (2, none()), (4, none()), (0, done)]);
}

#[tokio::test(start_paused = true)]
async fn nothing_beyond_what_was_approved_is_done() {
    let hands = Arc::new(Paper::new(nothing));
    let strategy = Script::new(|_, _: &member::Roster, _: &Facts| {
        Decision::Steps(vec![verb("a"), testing::step("b", Action::Restart("db".into()))])
    });
    let ran = run(&strategy, Arc::clone(&hands) as _, folder, (Until::Goal, |_: &OwnRecord| ())).await;
    let told = "step `b` is outside of what was approved: phase `work` does not allow `restart db`";
    assert_eq!((ran.error().as_str(), hands.done().len()), (told, 0));
}

/// One that is required and was done in an earlier round is required no more; one of the same round comes first.
#[tokio::test(start_paused = true)]
async fn a_step_waits_for_those_of_its_round() {
    let requires = |of: &str, key: &str| Step { requires: vec![of.into()], ..verb(key) };
    let strategy = Script::new(move |n, _: &member::Roster, _: &Facts| match n {
        0 => Decision::Steps(vec![requires("b", "a"), verb("b")]),
        1 => Decision::Steps(vec![requires("a", "c")]),
        _ => Decision::Done(Vec::new()),
    });
    let hands = Arc::new(Paper::new(nothing));
    let ran = run(&strategy, Arc::clone(&hands) as _, folder, (Until::Goal, |_: &OwnRecord| ())).await;
    assert_eq!(ran.error(), "it ended well");
    assert_eq!(hands.done(), ["a", "b", "c"]);
}

/// A step is done once what it verifies holds, and not before.
#[tokio::test(start_paused = true)]
async fn an_effect_is_waited_for() {
    let hands = Arc::new(Paper::new(|n, _: &Probe| match n {
        0..3 => Observation::Http(HttpAnswer { status: 503, body: String::new() }),
        _ => Observation::Http(HttpAnswer { status: 200, body: String::new() }),
    }));
    let check = || Check { probe: probe("ready"), expectation: Expectation::Status(200) };
    let strategy = Script::new(move |n, _: &member::Roster, facts: &Facts| match n {
        0 => Decision::Steps(vec![Step { already_done: Some(check()), verify: Some(check()), ..verb("a") }]),
        1 => Decision::Look(vec![probe("ready")]),
        _ => match &facts.observations[0].observation {
            Observation::Http(answer) if answer.status == 200 => Decision::Done(Vec::new()),
            _ => Decision::Blocked(Vec::new()),
        },
    });
    let ran = run(&strategy, Arc::clone(&hands) as _, folder, (Until::Goal, |_: &OwnRecord| ())).await;
    assert_eq!((ran.error().as_str(), hands.done()), ("it ended well", vec!["a".to_owned()]));
}

/// Its own check and the hands both have to say so.
#[tokio::test(start_paused = true)]
async fn a_step_is_left_out_where_all_say_that_it_is_done() {
    for (overlay, wanted, is_left_out) in [
        ("{}", Expectation::Absent, true),
        ("{}", Expectation::SomeRows, false),
        (r#"{"a":1}"#, Expectation::Absent, false),
    ] {
        let check = Check { probe: probe("a"), expectation: wanted };
        let release = testing::step("a", Action::ApplyRelease(overlay.into()));
        let step = Step { already_done: Some(check), ..release };
        let strategy = Script::new(move |n, _: &member::Roster, _: &Facts| match n {
            0 => Decision::Steps(vec![step.clone()]),
            _ => Decision::Done(Vec::new()),
        });
        let hands = Arc::new(Paper::new(nothing));
        let ran = run(&strategy, Arc::clone(&hands) as _, folder, (Until::Goal, |_: &OwnRecord| ())).await;
        assert_eq!((ran.error().as_str(), hands.done().is_empty()), ("it ended well", is_left_out), "{overlay}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_blocks_is_told_with_whose_move_it_is() {
    let finding = |message: &str, cure: Option<&str>, whose: Option<&str>| Finding {
        severity: Severity::Error,
        subject: "pool".into(),
        message: message.into(),
        cure: cure.map(Into::into),
        whose: whose.map(Into::into),
    };
    let findings = vec![finding("one", None, None), finding("two", Some("mend it"), Some("uss2"))];
    let strategy = Script::new(move |_, _: &member::Roster, _: &Facts| Decision::Blocked(findings.clone()));
    let ran = simply(&strategy).await;
    assert_eq!(ran.error(), "blocked: one; two");
    assert_eq!(ran.ended.err().and_then(|err| err.hint()).as_deref(), Some("uss2: mend it"));
}

/// Our own word goes into our own record.
#[tokio::test(start_paused = true)]
async fn what_a_strategy_wants_to_be_said_is_published() {
    let said = || AcknowledgementKind::Other(("seen".into(), vec!["uss2".into()]));
    let strategy = Script::new(move |n, _: &member::Roster, _: &Facts| match n {
        0 | 1 => Decision::Steps(vec![testing::step("say", Action::Acknowledge(said()))]),
        _ => Decision::Done(Vec::new()),
    });
    let ran = simply(&strategy).await;
    assert_eq!(ran.error(), "it ended well");
    let roster = ran.own.roster();
    let record = roster.own_record().record();
    assert_eq!((record.acknowledgements.len(), record.sequence), (1, 2), "said once");
}
