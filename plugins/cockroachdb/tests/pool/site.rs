//! A pool on paper: members, facts and what the strategy says to them.

use hangar_sdk::pooling_strategy::{
    Acknowledgement, AcknowledgementKind, Action, Certificate, Change, Decision, Fact, Facts, Goal, Intent, Member,
    MemberState, Observation, Probe, Question, Roster, Rows, Step, TlsOutcome, Workload,
};
use hangar_sdk::testing::pool;
pub(crate) use hangar_sdk::testing::pool::{NOW_MS, deployed, fingerprint, http, tls, value};

use crate::sim::Cockroach;

pub(crate) const CLUSTER: &str = "6f3c1d8e-4d0c-4f0e-9a53-0d2b2f6f1a11";

pub(crate) fn member(id: &str, state: MemberState) -> Member {
    pool::member::<Cockroach>(id, state)
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
        Self {
            intent: pool::intent::<Cockroach>(own, goal),
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

    /// Answers looks by the rule until the strategy says something else.
    pub(crate) fn settle(&mut self, rule: impl Fn(&Probe) -> Observation) -> Decision {
        self.settle_by("{}", rule)
    }

    /// The same with this block.
    pub(crate) fn settle_by(&mut self, config: &str, rule: impl Fn(&Probe) -> Observation) -> Decision {
        for _ in 0..20 {
            let decision = plugin_cockroachdb::decide(config, &self.intent, &self.roster, &self.facts);
            match decision.expect("the block is good") {
                Decision::Look(probes) => self.answer(&probes, &rule),
                other => return other,
            }
        }
        panic!("it looks for ever");
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

    /// Takes steps as the host would that has nothing but our record to write.
    pub(crate) fn take(&mut self, steps: Vec<Step>) {
        let own = self.intent.instance.name.clone();
        for step in steps {
            if let Action::Acknowledge(kind) = step.action {
                self.acknowledge(&own, kind);
            }
            self.facts.done.push(step.key);
        }
    }

    pub(crate) fn see(&mut self, probe: Probe, observation: Observation) {
        self.facts.observations.insert(0, Fact { probe, observation, at_ms: self.facts.now_ms });
    }

    /// Answers every probe by a rule.
    pub(crate) fn answer(&mut self, probes: &[Probe], rule: impl Fn(&Probe) -> Observation) {
        for probe in probes {
            self.see(probe.clone(), rule(probe));
        }
    }
}

/// A Secret whose leaf is good for another day.
pub(crate) fn a_good_leaf(_: &Probe) -> Observation {
    Observation::Certificates(vec![Certificate {
        file: "node.crt".into(),
        fingerprint: fingerprint("leaf"),
        subject: "CN=node".into(),
        issuer: "CN=ca".into(),
        alternatives: Vec::new(),
        not_before_ms: 0,
        not_after_ms: NOW_MS + 24 * 3_600_000,
        is_authority: false,
    }])
}

pub(crate) fn uninitialised() -> Observation {
    http(503, r#"{"error":"node is waiting for cluster initialization"}"#)
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

/// The same, and the nodes of these members are in it: each lives at its address, in its locality, and holds replicas.
pub(crate) fn populated(members: &'static [&'static str]) -> impl Fn(&Probe) -> Observation {
    let nodes = || members.iter().flat_map(|id| pool::nodes(id).into_iter().map(move |node| (id, node))).zip(1..);
    let rows = |rows: Vec<Vec<String>>| {
        let rows = rows.into_iter().map(|row| row.into_iter().map(Some).collect()).collect();
        Observation::Rows(Rows { columns: Vec::new(), rows })
    };
    move |probe| match probe.id.as_str() {
        "nodes/0" => rows(
            nodes()
                .map(|((id, node), number)| {
                    let (address, locality) = (format!("{}:{}", node.host, node.port), format!("zone={id}"));
                    vec![number.to_string(), address, locality, "v24.1.3".into(), "true".into(), "active".into()]
                })
                .collect(),
        ),
        "replicas/0" => rows(nodes().map(|(_, number)| vec![number.to_string(), "7".into()]).collect()),
        _ => healthy(probe),
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
