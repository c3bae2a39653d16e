//! A pool on paper: members, facts and what the strategy says to them.

use hangar_sdk::pooling_strategy::{
    Acknowledgement, AcknowledgementKind, Action, Authority, Change, Decision, Fact, Facts, Goal, HttpAnswer, Instance,
    Intent, Member, MemberState, Node, Observation, Pool, Probe, Question, Release, Roster, Rows, Step, TlsAnswer,
    TlsOutcome, Workload,
};

pub(crate) const NOW_MS: u64 = 1_800_000_000_000;
pub(crate) const CLUSTER: &str = "6f3c1d8e-4d0c-4f0e-9a53-0d2b2f6f1a11";

pub(crate) fn nodes(id: &str) -> Vec<Node> {
    let node =
        |ordinal| Node { ordinal, host: format!("{ordinal}.db.{id}.example.com"), port: 26257, addresses: Vec::new() };
    (0..3).map(node).collect()
}

pub(crate) fn member(id: &str, state: MemberState) -> Member {
    Member {
        id: id.into(),
        is_self: false,
        state,
        endpoint: format!("https://dss.{id}.example.com"),
        locality: vec![("zone".into(), id.into())],
        datastore: ("cockroachdb".into(), "v24.1.3".into()),
        nodes: nodes(id),
        egress: vec![format!("192.0.2.{}/32", id.len())],
        authorities: vec![Authority {
            fingerprint: format!("{id:0>64}"),
            subject: format!("CN={id}"),
            not_before_ms: 0,
            not_after_ms: u64::MAX,
            pem: String::new(),
        }],
        acknowledgements: Vec::new(),
        facts: Vec::new(),
    }
}

pub(crate) fn fingerprint(id: &str) -> String {
    format!("{id:0>64}")
}

pub(crate) struct Site {
    pub(crate) intent: Intent,
    pub(crate) roster: Roster,
    pub(crate) facts: Facts,
}

impl Site {
    /// `own` as it sees the pool; `members` without it are peers.
    pub(crate) fn new(own: &str, goal: Goal, mut members: Vec<Member>) -> Self {
        for member in &mut members {
            member.is_self = member.id == own;
        }
        let founder = members[0].id.clone();
        let instance = Instance {
            name: own.into(),
            namespace: "dss".into(),
            release: "dss".into(),
            cluster_domain: "cluster.local".into(),
            image: "docker.io/cockroachdb/cockroach:v24.1.3".into(),
            nodes: nodes(own),
            facts: Vec::new(),
        };
        let pool = Pool { name: "east".into(), locality: own.into(), cluster_id: None, facts: Vec::new() };
        Self {
            intent: Intent { goal, instance, pool },
            roster: Roster { members, founder, open: None },
            facts: Facts {
                now_ms: NOW_MS,
                observations: Vec::new(),
                in_doubt: Vec::new(),
                done: Vec::new(),
                issued: Vec::new(),
            },
        }
    }

    pub(crate) fn decide(&self) -> Decision {
        plugin_cockroachdb::decide("{}", &self.intent, &self.roster, &self.facts).expect("the block is good")
    }

    pub(crate) fn open(&mut self, subject: &str) {
        let subject = subject.to_owned();
        self.roster.open =
            Some(Change { id: format!("join:{subject}"), kind: "join".into(), subject, authority: None });
    }

    pub(crate) fn acknowledge(&mut self, by: &str, kind: AcknowledgementKind) {
        let member = self.roster.members.iter_mut().find(|member| member.id == by).expect("a member");
        member.acknowledgements.push(Acknowledgement { kind, at_ms: NOW_MS });
    }

    pub(crate) fn see(&mut self, probe: Probe, observation: Observation) {
        self.facts.observations.insert(0, Fact { probe, observation, at_ms: NOW_MS });
    }

    /// Answers every probe by a rule.
    pub(crate) fn answer(&mut self, probes: &[Probe], rule: impl Fn(&Probe) -> Observation) {
        for probe in probes {
            self.see(probe.clone(), rule(probe));
        }
    }
}

pub(crate) fn http(status: u16, body: &str) -> Observation {
    Observation::Http(HttpAnswer { status, body: body.into() })
}

pub(crate) fn uninitialised() -> Observation {
    http(503, r#"{"error":"node is waiting for cluster initialization"}"#)
}

pub(crate) fn tls(outcome: TlsOutcome) -> Observation {
    Observation::Tls(TlsAnswer { outcome, peer_leaf: None, peer_authority: None, detail: String::new() })
}

pub(crate) fn value(text: &str) -> Observation {
    Observation::Rows(Rows { columns: vec!["value".into()], rows: vec![vec![Some(text.into())]] })
}

pub(crate) fn deployed() -> Observation {
    Observation::Release(Release {
        status: "deployed".into(),
        revision: 1,
        chart_version: "0.1.0".into(),
        values_digest: None,
    })
}

/// What a healthy own cluster of the pool answers.
pub(crate) fn healthy(probe: &Probe) -> Observation {
    match &probe.question {
        Question::Release(_) => deployed(),
        Question::Http(_) => http(200, "{}"),
        Question::Sql(question) if question.statement.contains("cluster_id") => value(CLUSTER),
        Question::Sql(_) => {
            Observation::Rows(Rows { columns: Vec::new(), rows: vec![vec![Some("0".into()), Some("0".into())]] })
        }
        Question::Tls(_) => tls(TlsOutcome::IdentityRefused),
        Question::Workload(_) => Observation::Workload(Workload { wanted: 3, pods: Vec::new(), generation: None }),
        _ => Observation::Absent,
    }
}

pub(crate) fn steps(decision: Decision) -> Vec<Step> {
    match decision {
        Decision::Steps(steps) => steps,
        other => panic!("no steps but {other:?}"),
    }
}

pub(crate) fn has_init(decision: &Decision) -> bool {
    matches!(decision, Decision::Steps(steps)
        if steps.iter().any(|step| matches!(&step.action, Action::Verb(verb) if verb.name == "init")))
}
