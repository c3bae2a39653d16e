//! Organisations of the tests of this room, and a strategy and hands that do as a test says.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use hangar_engine::{StepContext, StepError};
use hangar_pki::{Authority, AuthorityRequest};
use hangar_plan::strategy::action::{Action, Step};
use hangar_plan::strategy::certificate::{CertificatePolicy, KeyAlgorithm};
use hangar_plan::strategy::decision::{Decision, Phase};
use hangar_plan::strategy::intent::{Goal, Instance, Intent, Pool};
use hangar_plan::strategy::member;
use hangar_plan::strategy::observation::{Fact, Facts, Observation};
use hangar_plan::strategy::probe::{Probe, Question, Vantage};
use hangar_roster::next::Beginning;
use hangar_roster::{Datastore, Node, OrganisationKey, Presence, Tier};
use zeroize::Zeroizing;

use crate::drive::Tell;
use crate::hands::Hands;
use crate::strategy::{Strategy, StrategyFailure};

pub(crate) mod pool;

pub(crate) const NOW: u64 = 1_800_000_000_000;

pub(crate) fn key(seed: u8) -> OrganisationKey {
    OrganisationKey::from_seed(&Zeroizing::new([seed; 32]))
}

fn presence(name: &str) -> Presence {
    let request = AuthorityRequest {
        organisation: name,
        pool: "us-east",
        algorithm: KeyAlgorithm::EcdsaP256,
        lifetime_hours: 87_600,
    };
    let authority = Authority::found(request, NOW).expect("a fresh authority");
    Presence {
        endpoint: format!("https://dss.{name}.example.com"),
        authorities: vec![authority.certificate().to_pem()],
        nodes: vec![Node {
            ordinal: 0,
            host: format!("0.db.{name}.example.com"),
            port: 26257,
            addresses: vec!["192.0.2.1".parse().expect("an address")],
        }],
        egress: vec!["198.51.100.0/24".parse().expect("a range")],
        locality: vec![Tier { key: "zone".to_owned(), value: name.to_owned() }],
        datastore: Datastore { kind: "cockroachdb".to_owned(), version: "v24.1.3".to_owned() },
        dss_version: "v0.22.0".to_owned(),
        flags: Default::default(),
        adopted: false,
    }
}

pub(crate) fn beginning(name: &str, seed: u8) -> Beginning {
    Beginning {
        pool: "us-east".parse().expect("a name"),
        member: name.parse().expect("a name"),
        key: key(seed).public(),
        recovery_key: None,
        presence: presence(name),
    }
}

/// Decides by a rule: how often it was asked before, the roster, and what was seen and done.
pub(crate) struct Script<F>(F, AtomicUsize);

impl<F: Fn(usize, &member::Roster, &Facts) -> Decision + Send + Sync> Script<F> {
    pub(crate) fn new(rule: F) -> Self {
        Self(rule, AtomicUsize::new(0))
    }

    pub(crate) fn n_asked(&self) -> usize {
        self.1.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl<F: Fn(usize, &member::Roster, &Facts) -> Decision + Send + Sync> Strategy for Script<F> {
    async fn certificates(&self, _: &Intent) -> Result<CertificatePolicy, StrategyFailure> {
        Err("it has none".into())
    }

    async fn outline(&self, _: &Intent, _: &member::Roster) -> Result<Vec<Phase>, StrategyFailure> {
        Ok(Vec::new())
    }

    async fn decide(&self, _: &Intent, roster: &member::Roster, facts: &Facts) -> Result<Decision, StrategyFailure> {
        Ok((self.0)(self.1.fetch_add(1, Ordering::Relaxed), roster, facts))
    }

    async fn status_probes(&self, _: &Intent, _: &member::Roster) -> Result<Vec<Probe>, StrategyFailure> {
        Ok(Vec::new())
    }
}

/// What a [`Paper`] says where nobody answers.
pub(crate) const DOWN: &str = "down";

/// Sees what a rule says of the n-th look, and has done what it was told to do. A look at what is [`DOWN`] fails.
pub(crate) struct Paper<F> {
    rule: F,
    n_looks: AtomicUsize,
    done: Mutex<BTreeSet<String>>,
}

impl<F: Fn(usize, &Probe) -> Observation + Send + Sync> Paper<F> {
    pub(crate) fn new(rule: F) -> Self {
        Self { rule, n_looks: AtomicUsize::new(0), done: Mutex::default() }
    }

    /// Keys of the steps that were taken.
    pub(crate) fn done(&self) -> Vec<String> {
        self.done.lock().expect("no panic").iter().cloned().collect()
    }
}

#[async_trait]
impl<F: Fn(usize, &Probe) -> Observation + Send + Sync> Hands for Paper<F> {
    async fn look(&self, probes: &[Probe]) -> Result<Vec<Fact>, StepError> {
        let n = self.n_looks.fetch_add(1, Ordering::Relaxed);
        let fact =
            |probe: &Probe| Fact { probe: probe.clone(), observation: (self.rule)(n, probe), at_ms: NOW + n as u64 };
        let facts: Vec<Fact> = probes.iter().map(fact).collect();
        if facts.iter().any(|fact| fact.observation == Observation::Other(DOWN.into())) {
            return Err(StepError::outside("connection refused"));
        }
        Ok(facts)
    }

    async fn is_done(&self, action: &Action) -> Result<bool, StepError> {
        Ok(matches!(action, Action::ApplyRelease(values) if values == "{}"))
    }

    async fn settle(&self, _: &Action, _: &Path) -> Result<(), StepError> {
        Ok(())
    }

    async fn act(&self, _: &StepContext, step: &Step) -> Result<(), StepError> {
        self.done.lock().expect("no panic").insert(step.key.clone());
        Ok(())
    }

    fn now_ms(&self) -> u64 {
        NOW
    }
}

/// What was told, each once in a row.
#[derive(Default)]
pub(crate) struct Told(Mutex<Vec<String>>);

impl Told {
    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().expect("no panic").clone()
    }
}

impl Tell for Told {
    fn waiting(&self, what: &str) {
        let mut told = self.0.lock().expect("no panic");
        if told.last().is_none_or(|last| last != what) {
            told.push(what.to_owned());
        }
    }
}

pub(crate) fn intent() -> Intent {
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
    Intent { goal: Goal::Operate, instance, pool }
}

pub(crate) fn probe(id: &str) -> Probe {
    Probe { id: id.into(), vantage: Vantage::Host, timeout_ms: 1, question: Question::Release("dss".into()) }
}

/// A step of the phase `work` that nothing is looked at for.
pub(crate) fn step(key: &str, action: Action) -> Step {
    Step {
        key: key.into(),
        title: format!("do {key}"),
        requires: Vec::new(),
        already_done: None,
        action,
        verify: None,
        deadline_ms: 60_000,
        phase: "work".into(),
    }
}
