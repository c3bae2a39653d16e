//! Members who would restart their nodes at the same time, each deciding by records that the others change before it acts.

use std::collections::VecDeque;

use hangar_sdk::pooling_strategy::{
    Acknowledgement, AcknowledgementKind, Action, Decision, Goal, Member, MemberState, Observation, Probe, Question,
    Rows, Step,
};
use proptest::prelude::*;

use crate::site::{CLUSTER, NOW_MS, Site, a_good_leaf, healthy, member};

/// One member, whose nodes are to be taken over, and the steps that it has decided on and not taken yet.
struct Host {
    site: Site,
    pending: VecDeque<Step>,
    has_ended: bool,
}

/// Records that all read and each writes its own of.
struct Shelf {
    records: Vec<Member>,
    hosts: Vec<Host>,
}

impl Shelf {
    fn new(n: usize) -> Self {
        let records: Vec<Member> = (0..n).map(|i| member(&format!("uss{i}"), MemberState::Active)).collect();
        let host = |record: &Member| {
            let mut site = Site::new(&record.id, Goal::Operate, records.clone());
            site.intent.pool.cluster_id = Some(CLUSTER.into());
            site.intent.instance.facts.push(("stands".into(), "true".into()));
            Host { site, pending: VecDeque::new(), has_ended: false }
        };
        Self { hosts: records.iter().map(host).collect(), records }
    }

    /// A host takes its next step, or decides what that is by the records as they are now.
    fn turn(&mut self, who: usize) {
        let host = &mut self.hosts[who];
        if let Some(step) = host.pending.pop_front() {
            if let Action::Acknowledge(kind) = step.action {
                let said = &mut self.records[who].acknowledgements;
                said.retain(|one| !is_of_one_name(&one.kind, &kind));
                said.push(Acknowledgement { kind, at_ms: NOW_MS });
            }
            host.site.facts.done.push(step.key);
            return;
        }
        host.site.roster.members = self.records.clone();
        host.site.roster.members[who].is_self = true;
        host.site.facts.observations.clear();
        match host.site.settle(|probe| answer(probe, self.records.len())) {
            Decision::Steps(steps) => host.pending = steps.into(),
            Decision::Done(_) => {
                host.has_ended = true;
                host.site.intent.instance.facts.clear();
            }
            Decision::Wait(_) | Decision::Awaiting(_) => {}
            decision => panic!("uss{who} does not go on: {decision:?}"),
        }
        self.check();
    }

    /// Its run ends, and another begins with nothing but what the records say.
    fn crash(&mut self, who: usize) {
        self.hosts[who].pending.clear();
        self.hosts[who].site.facts.done.clear();
    }

    /// At most one is about to restart its nodes, or says that it is at it.
    fn check(&self) {
        let restarts = |host: &Host| host.pending.iter().any(|step| matches!(step.action, Action::Restart(_)));
        let is_at_it = |member: &Member| {
            member.acknowledgements.iter().any(|said| {
                matches!(&said.kind, AcknowledgementKind::Other((name, values)) if name == "maintenance" && values.len() == 1)
            })
        };
        let all = self.records.iter().zip(&self.hosts);
        let busy: Vec<&str> = all
            .filter(|(record, host)| is_at_it(record) || restarts(host))
            .map(|(record, _)| record.id.as_str())
            .collect();
        assert!(busy.len() < 2, "{busy:?} at once");
    }

    /// Everybody in turn until all are through.
    fn calm(mut self, what: &str) {
        for _ in 0..120 {
            for who in 0..self.hosts.len() {
                self.turn(who);
            }
            if self.hosts.iter().all(|host| host.has_ended) {
                return;
            }
        }
        panic!("{what} never ends");
    }
}

fn is_of_one_name(a: &AcknowledgementKind, b: &AcknowledgementKind) -> bool {
    match (a, b) {
        (AcknowledgementKind::Other((a, _)), AcknowledgementKind::Other((b, _))) => a == b,
        (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
    }
}

/// All nodes of all members live, and of one release.
fn answer(probe: &Probe, n_members: usize) -> Observation {
    match &probe.question {
        Question::Sql(question) if question.statement.contains("gossip_liveness") => {
            let hosts = (0..n_members).flat_map(|i| (0..3).map(move |n| format!("{n}.db.uss{i}.example.com:26257")));
            let row = |(id, host): (u32, String)| {
                [id.to_string(), host, String::new(), "v24.1.3".into(), "true".into(), "active".into()]
                    .map(Some)
                    .to_vec()
            };
            Observation::Rows(Rows { columns: Vec::new(), rows: (1..).zip(hosts).map(row).collect() })
        }
        Question::Secret(_) => a_good_leaf(probe),
        _ => healthy(probe),
    }
}

/// What the second of three does next who has claimed its turn, where another's record says this.
fn after_a_claim(other: usize, values: &[&str], answer: impl Fn(&Probe) -> Observation) -> String {
    let mut shelf = Shelf::new(3);
    for (who, values) in [(1, &["take-over", "claimed"][..]), (other, values)] {
        let values = values.iter().map(ToString::to_string).collect();
        let kind = AcknowledgementKind::Other(("maintenance".into(), values));
        shelf.records[who].acknowledgements = vec![Acknowledgement { kind, at_ms: NOW_MS }];
    }
    let host = &mut shelf.hosts[1];
    host.site.roster.members.clone_from(&shelf.records);
    host.site.roster.members[1].is_self = true;
    match host.site.settle(answer) {
        Decision::Steps(steps) => steps[0].key.clone(),
        Decision::Awaiting(awaiting) => format!("{} to {}", awaiting.members.join(", "), awaiting.what),
        decision => panic!("it does neither: {decision:?}"),
    }
}

/// Whoever stops while it waits leaves nothing behind that others would wait for.
#[test]
fn a_claim_that_has_to_wait_is_taken_back_but_for_one_that_comes_later() {
    let well = |probe: &Probe| answer(probe, 3);
    for (other, values, wanted) in [
        (0, &[][..], "take-over/begin"),
        (0, &["v24.3.1", "claimed"], "maintenance/take-back"),
        (0, &["v24.3.1"], "maintenance/take-back"),
        (2, &["restart"], "maintenance/take-back"),
        (2, &["restart", "claimed"], "uss2 to take its claim back, since our turn comes first"),
    ] {
        assert_eq!(after_a_claim(other, values, well), wanted, "uss{other} says {values:?}");
    }
    let lacking = |probe: &Probe| match probe.id.as_str() {
        "ranges/0" => {
            let row = ["3", "0"].map(|cell| Some(cell.to_owned())).to_vec();
            Observation::Rows(Rows { columns: Vec::new(), rows: vec![row] })
        }
        _ => answer(probe, 3),
    };
    assert_eq!(after_a_claim(0, &[], lacking), "maintenance/take-back");
}

/// Every order in which two hosts can take twelve turns.
#[test]
fn of_two_who_begin_at_once_one_waits_for_the_other() {
    for schedule in 0..1_u32 << 12 {
        let mut shelf = Shelf::new(2);
        for n in 0..12 {
            shelf.turn(usize::from(schedule >> n & 1 == 1));
        }
        shelf.calm(&format!("schedule {schedule:b}"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() })]

    /// Also where hosts are killed on the way, with a claim, or with half of their nodes restarted.
    #[test]
    fn never_two_restart_their_nodes_at_once(events in prop::collection::vec((0..4_usize, prop::bool::weighted(0.1)), 0..80)) {
        let mut shelf = Shelf::new(4);
        for (who, crashes) in events {
            shelf.turn(who);
            if crashes {
                shelf.crash(who);
            }
        }
        shelf.calm("what was killed on the way");
    }
}
