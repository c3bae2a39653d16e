use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use hangar_engine::{Engine, Options, StepContext, StepError, Work};
use hangar_plan::strategy::action::Action;
use hangar_plan::strategy::certificate::CertificatePolicy;
use hangar_plan::strategy::decision::Awaiting;
use hangar_plan::strategy::intent::{Goal, Instance, Pool};
use hangar_plan::strategy::member;
use hangar_plan::strategy::observation::Fact;
use hangar_roster::CarrierFile;

use super::*;
use crate::carrier::{Carrier, CarrierError, Folder};
use crate::strategy::StrategyFailure;
use crate::testing::{NOW, beginning, key};

/// Waits until there is a second member.
#[derive(Default)]
struct Second(AtomicUsize);

#[async_trait]
impl Strategy for Second {
    async fn certificates(&self, _: &Intent) -> Result<CertificatePolicy, StrategyFailure> {
        Err("it has none".into())
    }

    async fn outline(&self, _: &Intent, _: &member::Roster) -> Result<Vec<Phase>, StrategyFailure> {
        Ok(Vec::new())
    }

    async fn decide(&self, _: &Intent, roster: &member::Roster, _: &Facts) -> Result<Decision, StrategyFailure> {
        self.0.fetch_add(1, Ordering::Relaxed);
        if roster.members.len() > 1 {
            return Ok(Decision::Done(Vec::new()));
        }
        Ok(Decision::Awaiting(Awaiting { members: vec!["uss2".into()], what: "ask".into(), probes: Vec::new() }))
    }

    async fn status_probes(&self, _: &Intent, _: &member::Roster) -> Result<Vec<Probe>, StrategyFailure> {
        Ok(Vec::new())
    }
}

struct Empty;

#[async_trait]
impl Hands for Empty {
    async fn look(&self, _: &[Probe]) -> Result<Vec<Fact>, StepError> {
        Err(StepError::bug("nothing is looked at"))
    }

    async fn is_done(&self, _: &Action) -> Result<bool, StepError> {
        Err(StepError::bug("nothing is done"))
    }

    async fn settle(&self, _: &Action, _: &Path) -> Result<(), StepError> {
        Err(StepError::bug("nothing is done"))
    }

    async fn act(&self, _: &StepContext, _: &Step) -> Result<(), StepError> {
        Err(StepError::bug("nothing is done"))
    }

    fn now_ms(&self) -> u64 {
        NOW
    }
}

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

/// What was told, each once in a row.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Tell for Told {
    fn waiting(&self, what: &str) {
        let mut told = self.0.lock().expect("no panic");
        if told.last().is_none_or(|last| last != what) {
            told.push(what.to_owned());
        }
    }
}

/// Goes round with a carrier; says how it ended, what was told, and how often the strategy was asked.
async fn go(away: std::ops::Range<Duration>, asks_after: Duration) -> (Result<(), String>, Vec<String>, usize) {
    let site = tempfile::tempdir().expect("a temporary folder");
    let folder = Folder::new(&site.path().join("shelf"));
    let carrier = Arc::new(Slow { folder, since: Instant::now(), away, asks_after });
    let genesis = next::genesis(beginning("uss1", 1), "a test".to_owned(), NOW);
    let own = OwnRecord::begin(&site.path().join("us-east.json"), key(1), carrier, genesis).expect("a roster");
    own.change(|roster| roster.expect_joiner(key(2).public().fingerprint())).expect("writable");
    let engine = Engine::open(&site.path().join("state"), Options::new("a test")).expect("an engine");
    let work = Work { command: "wait".into(), digest: "1".into(), plan: serde_json::json!({}) };
    let operation = engine.begin(work).await.expect("an operation");
    let (strategy, told) = (Second::default(), Told::default());
    let instance = Instance {
        name: "uss1".into(),
        namespace: "dss".into(),
        release: "dss".into(),
        cluster_domain: "cluster.local".into(),
        image: "cockroach".into(),
        nodes: Vec::new(),
        facts: Vec::new(),
    };
    let pool = Pool { name: "us-east".into(), locality: "uss1".into(), cluster_id: None, facts: Vec::new() };
    let drive = Drive {
        strategy: &strategy,
        hands: Arc::new(Empty),
        own: Arc::new(own),
        operation: &operation,
        intent: Intent { goal: Goal::Operate, instance, pool },
        phases: Vec::new(),
        tell: &told,
        cancel: Cancel::default(),
        refreshed: &|_| (),
    };
    let ended = drive.run(Until::Goal).await.map(drop).map_err(|err| err.to_string());
    (ended, told.0.into_inner().expect("no panic"), strategy.0.into_inner())
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
