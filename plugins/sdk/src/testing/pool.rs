//! A small pool on paper, in which every organisation follows a strategy at its own pace and with its own crashes.
//!
//! Real are the strategy's decisions. The roster is one truth that all see at once (how it comes about has its own tests), and
//! the database is what a [`Play`] makes of it. Steps take effect one by one, so an organisation can be stopped after any of
//! them. After each, what must always hold is looked at.

use std::collections::{BTreeMap, BTreeSet};

mod acting;
mod looking;
mod organisation;
mod paper;
mod play;

pub use organisation::Organisation;
pub use paper::{authority, deployed, fingerprint, http, intent, member, nodes, tls, value};
pub use play::{Play, Process};

use crate::pooling_strategy::{
    Acknowledgement, AcknowledgementKind, Change, Decision, Fact, Facts, Goal, Member, MemberState, Roster,
};

/// When such a pool begins.
pub const NOW_MS: u64 = 1_800_000_000_000;
const DAY_MS: u64 = 24 * 3_600_000;
/// How long a leaf is good.
const LEAF_MS: u64 = 365 * DAY_MS;
/// How old the leaves of a pool at rest are when it begins.
const AGE_MS: u64 = 30 * DAY_MS;

/// All of it.
pub struct World<P> {
    /// Records.
    pub members: Vec<Member>,
    /// Organisations by id.
    pub organisations: BTreeMap<String, Organisation>,
    /// The database.
    pub play: P,
    open: Option<Change>,
    closed: BTreeSet<String>,
    /// The time.
    pub now_ms: u64,
    /// Identity of the database as the founder's record has it.
    pub cluster_id: Option<String>,
    /// Steps that took effect so far, of all organisations.
    pub n_steps: usize,
    /// Whoever takes this step, counted from one, is killed right after it.
    pub killed_after: Option<usize>,
}

impl<P: Play> World<P> {
    /// A pool without members.
    pub fn empty(play: P) -> Self {
        Self {
            members: Vec::new(),
            organisations: BTreeMap::new(),
            play,
            open: None,
            closed: BTreeSet::new(),
            now_ms: NOW_MS,
            cluster_id: None,
            n_steps: 0,
            killed_after: None,
        }
    }

    /// Adds an organisation.
    pub fn add(&mut self, id: &str, state: MemberState, goal: Goal) {
        self.members.push(Member { authorities: vec![authority(id, 1)], ..member::<P>(id, state) });
        let organisation = Organisation {
            goal,
            facts: Vec::new(),
            done: Vec::new(),
            secret: Process::default(),
            mounted: Process::default(),
            client: Process::default(),
            api: None,
            n_rolls: 0,
            deployed: false,
            stands: false,
            n_nodes: 3,
            image: None,
            alive: true,
            ended: false,
            blocked: None,
        };
        self.organisations.insert(id.into(), organisation);
    }

    /// A pool of this many members, all at rest: everybody trusts everybody and runs. The database is told to start each.
    pub fn at_rest(play: P, n_members: usize) -> Self {
        let mut world = Self::empty(play);
        let ids: Vec<String> = (0..n_members).map(|i| format!("uss{i}")).collect();
        for id in &ids {
            world.add(id, MemberState::Active, Goal::Operate);
        }
        let all: BTreeSet<String> =
            world.members.iter().flat_map(|one| one.authorities.iter().map(|a| a.fingerprint.clone())).collect();
        for (id, one) in &mut world.organisations {
            let shows = authority(id, 1).fingerprint;
            one.secret = Process { trusts: all.clone(), shows, issued_ms: NOW_MS - AGE_MS };
            (one.mounted, one.deployed) = (one.secret.clone(), true);
            (one.client, one.api) = (one.secret.clone(), Some(one.secret.clone()));
        }
        for member in &mut world.members {
            let kind = AcknowledgementKind::Deployed(all.iter().cloned().collect());
            member.acknowledgements.push(Acknowledgement { kind, at_ms: 0 });
        }
        world
    }

    /// Gives an organisation another goal.
    ///
    /// # Panics
    ///
    /// For one that is not of this world, as most of what follows.
    pub fn set_goal(&mut self, id: &str, goal: Goal, facts: &[(&str, &str)]) {
        let one = self.organisation(id);
        one.goal = goal;
        one.facts = facts.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        one.ended = false;
    }

    /// All have voted.
    ///
    /// # Panics
    ///
    /// If another change is open.
    pub fn open(&mut self, kind: &str, subject: &str) {
        assert!(self.open.is_none(), "one change at a time");
        self.closed.clear();
        let (id, kind, subject) = (format!("{kind}:{subject}"), kind.into(), subject.into());
        self.open = Some(Change { id, kind, subject, authority: None });
    }

    /// Whether a change is open.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// A member by its id.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn member(&self, id: &str) -> &Member {
        self.members.iter().find(|member| member.id == id).expect("a member of this world")
    }

    fn member_mut(&mut self, id: &str) -> &mut Member {
        self.members.iter_mut().find(|member| member.id == id).expect("a member of this world")
    }

    /// An organisation by its id.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn organisation(&mut self, id: &str) -> &mut Organisation {
        self.organisations.get_mut(id).expect("an organisation of this world")
    }

    /// The process of an organisation ends, and starts again with nothing but what the world shows.
    pub fn crash(&mut self, id: &str) {
        self.organisation(id).done.clear();
    }

    /// One round of an organisation: it decides, and at most `n_steps` steps take effect.
    pub fn round(&mut self, id: &str, n_steps: usize) {
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
                    self.organisation(id).blocked = Some(why);
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

    /// Faults end: everybody goes round until all are done.
    ///
    /// # Panics
    ///
    /// If that never is.
    pub fn calm(&mut self, subject: &str) {
        let ids: Vec<String> = self.organisations.keys().cloned().collect();
        for _ in 0..90 {
            for id in &ids {
                self.round(id, usize::MAX);
            }
            let waits =
                self.is_open() || ids.iter().any(|id| self.organisations[id].alive && !self.organisations[id].ended);
            if !waits {
                return;
            }
        }
        let ends: Vec<_> =
            self.organisations.iter().map(|(id, one)| (id, one.ended, &one.blocked, &one.done)).collect();
        panic!("{subject} never comes to its end: {ends:?}");
    }

    /// Events in a row: who acts, how many of its steps take effect, and whether its process is gone then.
    pub fn shake(&mut self, events: &[(usize, usize, bool)]) {
        let ids: Vec<String> = self.organisations.keys().cloned().collect();
        for (who, n_steps, crashes) in events {
            let id = &ids[who % ids.len()];
            self.round(id, *n_steps);
            if *crashes {
                self.crash(id);
            }
        }
    }

    /// Processes of an organisation that the database counts.
    fn own_processes<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a Process> {
        self.play.counted().into_iter().filter(move |(owner, _)| *owner == id).map(|(_, process)| process)
    }

    fn ask(&self, id: &str, observations: &[Fact]) -> Decision {
        let one = &self.organisations[id];
        let mut members = self.members.clone();
        let joiner = self.open.as_ref().filter(|change| change.kind == "join").map(|change| change.subject.as_str());
        for member in &mut members {
            member.is_self = member.id == id;
            // Once its change is open a joiner is shown as joining.
            if joiner == Some(member.id.as_str()) && member.state == MemberState::Asking {
                member.state = MemberState::Joining;
            }
        }
        let roster = Roster { founder: members[0].id.clone(), members, open: self.open.clone() };
        let mut intent = intent::<P>(id, one.goal.clone());
        intent.pool.cluster_id.clone_from(&self.cluster_id);
        intent.pool.facts.clone_from(&one.facts);
        intent.instance.nodes.truncate(one.n_nodes);
        if one.stands {
            intent.instance.facts.push(("stands".into(), "true".into()));
        }
        if let Some(image) = &one.image {
            intent.instance.image.clone_from(image);
        }
        let facts = Facts {
            now_ms: self.now_ms,
            observations: observations.to_vec(),
            in_doubt: Vec::new(),
            done: one.done.clone(),
            issued: Vec::new(),
        };
        P::decide(&intent, &roster, &facts)
    }

    /// What must hold whatever happens: no process that the database counts refuses another, and none of ours our API, neither as
    /// it runs nor with what is in its Secret: a sidecar may let it load that at any time.
    fn check(&self) {
        self.play.check();
        for (id, one) in self.organisations.iter().filter(|(_, one)| one.alive) {
            let Some(api) = &one.api else { continue };
            let nodes = self.own_processes(id).chain([&one.mounted, &one.secret]);
            for node in nodes {
                assert!(!api.refuses(node, self.now_ms), "the API of {id}, with {api:?}, meets a node with {node:?}");
            }
        }
        let counted = self.play.counted();
        let lives = |id: &str| self.organisations[id].alive;
        for (a, there) in counted.iter().filter(|(owner, _)| lives(owner)) {
            for (b, here) in counted.iter().filter(|(owner, _)| lives(owner)) {
                let accepts = there.trusts.contains(&here.shows);
                assert!(accepts, "a node of {a} refuses one of {b}, which shows {}", here.shows);
            }
        }
    }
}

/// Whether a Secret of this name is that of the nodes' clients, as every database here calls it.
fn is_of_clients(secret: &str) -> bool {
    secret.contains("-client")
}
