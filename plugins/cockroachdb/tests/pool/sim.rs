//! A small pool in which every organisation follows the strategy, at its own pace and with its own crashes.
//!
//! Real are the strategy's decisions. The roster is one truth that all see at once (how it comes about has its own tests), and
//! the database is a table of nodes. Steps take effect one by one, so an organisation can be stopped after any of them.

use std::collections::{BTreeMap, BTreeSet};

mod answers;

use hangar_sdk::pooling_strategy::{
    Acknowledgement, AcknowledgementKind, Action, Authority, Change, Decision, Fact, Goal, Member, MemberState,
    SecretSource, Step,
};

use crate::site::{CLUSTER, Site, member};

/// One organisation, as the world sees it.
pub(crate) struct Organisation {
    pub(crate) goal: Goal,
    facts: Vec<(String, String)>,
    /// Steps done by the running process; gone with it.
    done: Vec<String>,
    /// What its Secret and its nodes hold.
    secret: BTreeSet<String>,
    loaded: BTreeSet<String>,
    /// Authority of the leaf in the Secret, and of the one its nodes show.
    issuer: String,
    shown: String,
    /// When these were issued.
    issued_ms: u64,
    pub(crate) shown_issued_ms: u64,
    deployed: bool,
    initialised: bool,
    /// Whether its machines run at all.
    pub(crate) alive: bool,
    pub(crate) ended: bool,
    pub(crate) blocked: Option<String>,
}

impl Organisation {
    /// Its nodes load what its Secret holds.
    fn load(&mut self) {
        (self.loaded, self.shown) = (self.secret.clone(), self.issuer.clone());
        self.shown_issued_ms = self.issued_ms;
    }
}

/// A node of the database.
#[derive(Debug, Clone)]
struct Node {
    id: u64,
    owner: String,
    address: String,
    membership: &'static str,
}

pub(crate) struct World {
    pub(crate) members: Vec<Member>,
    pub(crate) organisations: BTreeMap<String, Organisation>,
    nodes: Vec<Node>,
    open: Option<Change>,
    closed: BTreeSet<String>,
    pub(crate) n_inits: usize,
    now_ms: u64,
    cluster_id: Option<String>,
    pub(crate) n_decommissions: usize,
}

impl World {
    /// A pool of this many members, all at rest.
    pub(crate) fn at_rest(n_members: usize) -> Self {
        let mut world = Self::empty();
        for i in 0..n_members {
            world.add(&format!("uss{i}"), MemberState::Active, Goal::Operate);
        }
        let all: BTreeSet<String> =
            world.members.iter().flat_map(|one| one.authorities.iter().map(|a| a.fingerprint.clone())).collect();
        for (id, one) in &mut world.organisations {
            (one.secret, one.loaded) = (all.clone(), all.clone());
            (one.deployed, one.initialised) = (true, true);
            one.issuer = authority(id, 1).fingerprint;
            one.shown.clone_from(&one.issuer);
        }
        for member in &mut world.members {
            let kind = AcknowledgementKind::Deployed(all.iter().cloned().collect());
            member.acknowledgements.push(Acknowledgement { kind, at_ms: 0 });
        }
        for i in 0..n_members {
            world.enter(&format!("uss{i}"));
        }
        world.cluster_id = Some(CLUSTER.into());
        world
    }

    /// A founder that has not begun.
    pub(crate) fn founding() -> Self {
        let mut world = Self::empty();
        world.add("uss0", MemberState::Active, Goal::Create);
        world
    }

    fn empty() -> Self {
        Self {
            members: Vec::new(),
            organisations: BTreeMap::new(),
            nodes: Vec::new(),
            open: None,
            closed: BTreeSet::new(),
            n_inits: 0,
            now_ms: crate::site::NOW_MS,
            cluster_id: None,
            n_decommissions: 0,
        }
    }

    pub(crate) fn add(&mut self, id: &str, state: MemberState, goal: Goal) {
        self.members.push(Member { authorities: vec![authority(id, 1)], ..member(id, state) });
        let issuer = authority(id, 1).fingerprint;
        let organisation = Organisation {
            goal,
            facts: Vec::new(),
            done: Vec::new(),
            secret: BTreeSet::new(),
            loaded: BTreeSet::new(),
            shown: issuer.clone(),
            issuer,
            issued_ms: 0,
            shown_issued_ms: 0,
            deployed: false,
            initialised: false,
            alive: true,
            ended: false,
            blocked: None,
        };
        self.organisations.insert(id.into(), organisation);
    }

    /// Its nodes become nodes of the cluster.
    fn enter(&mut self, id: &str) {
        let nodes = self.member(id).nodes.clone();
        for node in nodes {
            let number = self.nodes.len() as u64 + 1;
            let address = format!("{}:{}", node.host, node.port);
            self.nodes.push(Node { id: number, owner: id.into(), address, membership: "active" });
        }
    }

    pub(crate) fn set_goal(&mut self, id: &str, goal: Goal, facts: &[(&str, &str)]) {
        let one = self.organisations.get_mut(id).expect("an organisation of this world");
        one.goal = goal;
        one.facts = facts.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        one.ended = false;
    }

    /// All have voted.
    pub(crate) fn open(&mut self, kind: &str, subject: &str) {
        assert!(self.open.is_none(), "one change at a time");
        self.closed.clear();
        self.open = Some(Change {
            id: format!("{kind}:{subject}"),
            kind: kind.into(),
            subject: subject.into(),
            authority: None,
        });
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    pub(crate) fn member(&self, id: &str) -> &Member {
        self.members.iter().find(|member| member.id == id).expect("a member of this world")
    }

    fn member_mut(&mut self, id: &str) -> &mut Member {
        self.members.iter_mut().find(|member| member.id == id).expect("a member of this world")
    }

    pub(crate) fn nodes_in(&self, id: &str) -> usize {
        self.nodes.iter().filter(|node| node.owner == id && node.membership == "active").count()
    }

    /// Authorities that the nodes of an organisation have loaded.
    pub(crate) fn loaded(&self, id: &str) -> &BTreeSet<String> {
        &self.organisations[id].loaded
    }

    /// The process of an organisation ends, and starts again with nothing but what the world shows.
    pub(crate) fn crash(&mut self, id: &str) {
        self.organisations.get_mut(id).expect("one of this world").done.clear();
    }

    /// One round of an organisation: it decides, and at most `n_steps` steps take effect.
    pub(crate) fn round(&mut self, id: &str, n_steps: usize) {
        if !self.organisations[id].alive {
            return;
        }
        self.now_ms += 1_000;
        self.host_duties(id);
        let mut observations: Vec<Fact> = Vec::new();
        for _ in 0..30 {
            match self.ask(id, &observations) {
                Decision::Look(probes) => observations.extend(probes.into_iter().map(|probe| Fact {
                    observation: self.look(id, &probe),
                    at_ms: self.now_ms,
                    probe,
                })),
                Decision::Steps(steps) => {
                    self.take(id, &steps, n_steps);
                    break;
                }
                Decision::Wait(_) | Decision::Awaiting(_) => break,
                Decision::Blocked(findings) => {
                    let why = findings[0].message.clone();
                    self.organisations.get_mut(id).expect("one of this world").blocked = Some(why);
                    break;
                }
                Decision::Done(_) => {
                    self.close(id);
                    break;
                }
            }
        }
        self.check();
    }

    fn ask(&self, id: &str, observations: &[Fact]) -> Decision {
        let one = &self.organisations[id];
        let mut members = self.members.clone();
        if let Some(change) = self.open.as_ref().filter(|change| change.kind == "join") {
            // Once its change is open a joiner is shown as joining.
            for member in
                members.iter_mut().filter(|member| member.id == change.subject && member.state == MemberState::Asking)
            {
                member.state = MemberState::Joining;
            }
        }
        let mut site = Site::new(id, one.goal.clone(), members);
        site.roster.open.clone_from(&self.open);
        site.intent.pool.cluster_id.clone_from(&self.cluster_id);
        site.intent.pool.facts.clone_from(&one.facts);
        site.facts.now_ms = self.now_ms;
        site.facts.done.clone_from(&one.done);
        site.facts.observations = observations.to_vec();
        site.decide()
    }

    /// What the host does beside the strategy: authorities of the record, leaves, and the vote.
    fn host_duties(&mut self, id: &str) {
        let target =
            self.organisations[id].facts.iter().find(|(name, _)| name == "authority").map(|(_, value)| value.clone());
        let is_open = self.open.as_ref().is_some_and(|change| change.kind == "rotate-ca" && change.subject == id);
        if let Some(target) = target.filter(|_| is_open) {
            let own: Vec<String> = self.member(id).authorities.iter().map(|one| one.fingerprint.clone()).collect();
            let wanted = vec![id.to_owned(), target.clone()];
            let seen = |member: &Member| {
                member.acknowledgements.iter().any(|said| {
                matches!(&said.kind, AcknowledgementKind::Other((name, values)) if name == "presents" && *values == wanted)
            })
            };
            let all_have =
                self.members.iter().filter(|member| member.id != id && member.state == MemberState::Active).all(seen);
            if !own.contains(&target) {
                self.member_mut(id).authorities.push(authority(id, 2));
            } else if own.len() == 2 && all_have {
                self.member_mut(id).authorities.remove(0);
            }
        }
    }

    /// Says `done` where the change is carried out and nothing of who is out is deployed; the last one closes it.
    fn close(&mut self, id: &str) {
        self.organisations.get_mut(id).expect("one of this world").ended = true;
        let Some(change) = self.open.clone() else { return };
        let subject = self.member(&change.subject).clone();
        let is_out = subject.state == MemberState::Gone || change.kind == "evict";
        let own = self.member(id);
        let has_its = own.acknowledgements.iter().any(|said| {
            matches!(&said.kind, AcknowledgementKind::Deployed(all)
            if subject.authorities.iter().any(|one| all.contains(&one.fingerprint)))
        });
        let may = match change.kind.as_str() {
            "join" => subject.state == MemberState::Active,
            "leave" => is_out && !has_its,
            "evict" => !has_its,
            _ => change.subject == id || self.closed.contains(&change.subject),
        };
        if may && !(is_out && change.subject == id) {
            self.closed.insert(id.into());
        }
        let voters = self.members.iter().filter(|member| member.state == MemberState::Active);
        let mut voters = voters.filter(|member| change.kind != "evict" || member.id != change.subject);
        if voters
            .all(|member| self.closed.contains(&member.id) || (change.kind == "join" && member.id == change.subject))
        {
            if change.kind == "evict" {
                self.member_mut(&change.subject).state = MemberState::Gone;
            }
            self.open = None;
        }
    }

    fn take(&mut self, id: &str, steps: &[Step], n_steps: usize) {
        let mut taken: Vec<&str> = Vec::new();
        for step in steps.iter().take(n_steps) {
            let met = step
                .requires
                .iter()
                .all(|key| taken.contains(&key.as_str()) || self.organisations[id].done.contains(key));
            assert!(met, "{} before what it requires", step.key);
            if !step.already_done.as_ref().is_some_and(|check| self.holds(id, check)) {
                self.act(id, &step.action);
            }
            assert!(step.verify.as_ref().is_none_or(|check| self.holds(id, check)), "{} has come to nothing", step.key);
            taken.push(&step.key);
            self.organisations.get_mut(id).expect("one of this world").done.push(step.key.clone());
            self.check();
        }
    }

    fn act(&mut self, id: &str, action: &Action) {
        let newest = self.signing(id);
        let now_ms = self.now_ms;
        let one = self.organisations.get_mut(id).expect("one of this world");
        match action {
            Action::PutSecret(put) => {
                for (_, source) in &put.files {
                    if let SecretSource::Bundle(all) = source {
                        one.secret = all.iter().cloned().collect();
                    }
                }
                // A leaf that is good stays.
                let before = one.facts.iter().find(|(name, _)| name == "renew-before");
                let before: u64 = before.and_then(|(_, value)| value.parse().ok()).unwrap_or_default();
                if one.issuer != newest || one.issued_ms == 0 || one.issued_ms < before {
                    (one.issuer, one.issued_ms) = (newest, now_ms);
                }
            }
            Action::ApplyRelease(_) => {
                if !one.deployed {
                    one.deployed = true;
                    one.load();
                    if self.n_inits > 0 || self.cluster_id.is_some() {
                        // It finds the pool by its join list.
                        self.organisations.get_mut(id).expect("one of this world").initialised = true;
                        self.enter(id);
                    }
                }
            }
            Action::Reload(_) => one.load(),
            Action::Verb(verb) if verb.name == "init" => {
                self.n_inits += 1;
                one.initialised = true;
                self.enter(id);
            }
            Action::Verb(verb) => {
                assert_eq!(verb.name, "decommission");
                self.decommission(&verb.arguments);
            }
            Action::Acknowledge(kind) => {
                let newer = kind.clone();
                let member = self.member_mut(id);
                member.acknowledgements.retain(|said| !replaces(&newer, &said.kind));
                member.acknowledgements.insert(0, Acknowledgement { kind: newer, at_ms: 0 });
            }
            Action::SetState(state) => self.member_mut(id).state = *state,
            Action::RecordClusterId(id) => self.cluster_id = Some(id.clone()),
            other => panic!("no such action in this world: {other:?}"),
        }
    }

    fn decommission(&mut self, arguments: &[String]) {
        let going: Vec<u64> = arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
        let left = self.nodes.iter().filter(|node| node.membership == "active" && !going.contains(&node.id)).count();
        assert!(left >= 3, "the database would refuse: {left} nodes would remain");
        for node in self.nodes.iter_mut().filter(|node| going.contains(&node.id)) {
            node.membership = "decommissioned";
        }
        self.n_decommissions += 1;
    }

    /// The newest authority of ours that every other member says it has loaded.
    fn signing(&self, id: &str) -> String {
        let others = || self.members.iter().filter(|member| member.id != id && member.state == MemberState::Active);
        let has = |member: &Member, wanted: &str| {
            member.acknowledgements.iter().any(
                |said| matches!(&said.kind, AcknowledgementKind::Deployed(all) if all.iter().any(|one| one == wanted)),
            )
        };
        let own = &self.member(id).authorities;
        let loaded = own.iter().rev().find(|one| others().all(|member| has(member, &one.fingerprint)));
        loaded.or(own.first()).map(|one| one.fingerprint.clone()).unwrap_or_default()
    }

    /// What must hold whatever happens.
    fn check(&self) {
        assert!(self.n_inits <= 1, "a second cluster");
        let in_cluster: BTreeSet<&str> =
            self.nodes.iter().filter(|node| node.membership == "active").map(|node| node.owner.as_str()).collect();
        for a in &in_cluster {
            for b in in_cluster.iter().filter(|b| *b != a) {
                let (there, here) = (&self.organisations[*a], &self.organisations[*b]);
                if !there.alive || !here.alive {
                    continue;
                }
                assert!(
                    there.loaded.contains(&here.shown),
                    "a node of {a} refuses one of {b}, which shows {}",
                    here.shown
                );
            }
        }
    }
}

fn replaces(newer: &AcknowledgementKind, older: &AcknowledgementKind) -> bool {
    match (newer, older) {
        (AcknowledgementKind::Deployed(_), AcknowledgementKind::Deployed(_)) => true,
        (AcknowledgementKind::Other((a, _)), AcknowledgementKind::Other((b, _))) => a == b,
        (a, b) => a == b,
    }
}

pub(crate) fn authority(id: &str, number: u32) -> Authority {
    let fingerprint = format!("{:0>64}", format!("{id}-{number}"));
    Authority {
        fingerprint,
        subject: format!("CN={id}.{number}"),
        not_before_ms: 0,
        not_after_ms: u64::MAX,
        pem: String::new(),
    }
}
