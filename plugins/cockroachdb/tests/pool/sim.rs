//! CockroachDB on paper: a table of nodes.

use std::collections::{BTreeMap, BTreeSet};

use hangar_sdk::pooling_strategy::{
    AcknowledgementKind, Decision, Facts, Goal, Intent, Member, MemberState, Observation, Probe, Roster,
};
use hangar_sdk::testing::pool::{self, Play, Process};

use crate::site::CLUSTER;

mod answers;
mod faults;

pub(crate) use faults::{break_last, bring_back, keep, lose, lose_volume, mend, wear};

pub(crate) type World = pool::World<Cockroach>;

/// A node of the database.
#[derive(Debug, Clone)]
struct Node {
    id: u64,
    owner: String,
    host: String,
    port: u16,
    membership: &'static str,
    process: Process,
    build: String,
    /// Whether its program comes up; one that does not lacks in its ranges.
    comes_up: bool,
    /// When its machine was lost for good, if it was.
    dead_since: Option<u64>,
}

/// How long a gateway remembers a node that is heard no more.
const MEMORY_MS: u64 = 2 * 3_600_000;

/// The database.
pub(crate) struct Cockroach {
    nodes: Vec<Node>,
    /// Organisations whose pods run and wait, with what they have read.
    waiting: Vec<(String, Process)>,
    pub(crate) n_inits: usize,
    pub(crate) n_decommissions: usize,
    /// What the cluster is at, and whether it goes on by itself once every node may.
    pub(crate) active: (u32, u32),
    goes_on: bool,
    /// Milliseconds that the clocks of an organisation's nodes are off.
    pub(crate) clocks: BTreeMap<String, i64>,
    /// Ranges without a majority by the last word of nodes that are dead.
    pub(crate) last_words: usize,
}

impl Default for Cockroach {
    fn default() -> Self {
        Self {
            nodes: Vec::new(),
            waiting: Vec::new(),
            n_inits: 0,
            n_decommissions: 0,
            active: (24, 1),
            goes_on: true,
            clocks: BTreeMap::new(),
            last_words: 0,
        }
    }
}

/// A pool of this many members, all at rest.
pub(crate) fn at_rest(n_members: usize) -> World {
    let mut world = World::at_rest(Cockroach::default(), n_members);
    for id in world.organisations.keys().cloned().collect::<Vec<_>>() {
        enter(&mut world, &id);
    }
    world.cluster_id = Some(CLUSTER.into());
    world
}

/// A founder that has not begun.
pub(crate) fn founding() -> World {
    let mut world = World::empty(Cockroach::default());
    world.add("uss0", MemberState::Active, Goal::Create);
    world
}

pub(crate) fn nodes_in(world: &World, id: &str) -> usize {
    world.play.nodes.iter().filter(|node| node.owner == id && node.membership == "active").count()
}

/// Authorities that a node of an organisation has loaded, and when its leaf was issued.
pub(crate) fn process(world: &World, id: &str) -> Process {
    let node = world.play.nodes.iter().find(|node| node.owner == id);
    node.map(|node| node.process.clone()).expect("an organisation with nodes")
}

/// Its nodes become nodes of the cluster.
fn enter(world: &mut World, id: &str) {
    let (nodes, process) = (world.member(id).nodes.clone(), world.organisations[id].mounted.clone());
    let build = tag(world, id);
    for node in nodes {
        let number = world.play.nodes.len() as u64 + 1;
        world.play.nodes.push(Node {
            id: number,
            owner: id.into(),
            host: node.host,
            port: node.port,
            membership: "active",
            process: process.clone(),
            build: build.clone(),
            comes_up: true,
            dead_since: None,
        });
    }
    world.play.waiting.retain(|(waiting, _)| waiting != id);
}

/// The release of an organisation's image.
fn tag(world: &World, id: &str) -> String {
    let image = world.organisations[id].image.as_deref().unwrap_or(Cockroach::IMAGE);
    image.rsplit_once(':').expect("an image with a tag").1.to_owned()
}

/// `v24.1.3` as what a cluster can be at.
fn series(build: &str) -> (u32, u32) {
    let mut numbers = build.trim_start_matches('v').split('.').map(|number| number.parse().expect("a number"));
    (numbers.next().expect("a year"), numbers.next().expect("a number"))
}

/// What every node of an organisation runs.
pub(crate) fn builds(world: &World, id: &str) -> Vec<String> {
    world.play.nodes.iter().filter(|node| node.owner == id).map(|node| node.build.clone()).collect()
}

/// Whether a node runs and is called by the others.
fn is_live(world: &World, node: &Node) -> bool {
    world.organisations[&node.owner].alive
        && node.comes_up
        && node.dead_since.is_none()
        && !node.process.is_over(world.now_ms)
}

/// Whether more than half of the nodes run: without them nothing that all share is answered.
pub(crate) fn has_majority(world: &World) -> bool {
    let (mut n_all, mut n_alive) = (0, 0);
    for node in world.play.nodes.iter().filter(|node| node.membership == "active") {
        n_all += 1;
        n_alive += usize::from(is_live(world, node));
    }
    2 * n_alive > n_all
}

/// The numbers of an organisation's nodes that the cluster counts.
pub(crate) fn numbers(world: &World, id: &str) -> Vec<u64> {
    let counted = world.play.nodes.iter().filter(|node| node.owner == id && node.membership == "active");
    counted.map(|node| node.id).collect()
}

/// Ranges that lack replicas: of nodes that do not come up, and those of which each node that counts is to have one, dead or not.
pub(crate) fn lacking(world: &World) -> usize {
    let counted: Vec<&Node> = world.play.nodes.iter().filter(|node| node.membership == "active").collect();
    let n_live = counted.iter().filter(|node| is_live(world, node)).count();
    let wanted = if counted.len() < 5 { 3 } else { 5 };
    counted.iter().filter(|node| !node.comes_up).count() + usize::from(n_live < wanted)
}

/// Who says that its nodes are being restarted, and not only that it would like to.
pub(crate) fn in_maintenance(world: &World) -> Vec<&str> {
    let is = |member: &&Member| {
        member.acknowledgements.iter().any(|said| {
            matches!(&said.kind, AcknowledgementKind::Other((name, values)) if name == "maintenance" && values.len() == 1)
        })
    };
    world.members.iter().filter(is).map(|member| member.id.as_str()).collect()
}

impl Cockroach {
    /// The last node that is upgraded ends the upgrade, unless that is held back.
    fn go_on(&mut self) {
        let active = self.nodes.iter().filter(|node| node.membership == "active");
        if let Some(lowest) = active.map(|node| series(&node.build)).min().filter(|_| self.goes_on) {
            self.active = self.active.max(lowest);
        }
    }

    fn is_in(&self, id: &str) -> bool {
        self.nodes.iter().any(|node| node.owner == id)
    }
}

impl Play for Cockroach {
    const IMAGE: &str = "docker.io/cockroachdb/cockroach:v24.1.3";
    const DATASTORE: (&str, &str) = ("cockroachdb", "v24.1.3");

    fn decide(intent: &Intent, roster: &Roster, facts: &Facts) -> Decision {
        let stands = intent.instance.facts.iter().any(|(name, _)| name == "stands");
        let config = if stands { r#"{"layout":"tanka"}"# } else { "{}" };
        plugin_cockroachdb::decide(config, intent, roster, facts).expect("the block is good")
    }

    fn started(world: &mut World, id: &str, _: &serde_json::Value) {
        let process = world.organisations[id].mounted.clone();
        world.play.waiting.push((id.into(), process));
        if world.play.n_inits > 0 || world.cluster_id.is_some() {
            // It finds the pool by its join list.
            enter(world, id);
        }
    }

    fn applied(world: &mut World, id: &str, values: &serde_json::Value) {
        let build = tag(world, id);
        assert!(values["cockroachdb"]["image"].as_str().is_some_and(|image| image.ends_with(&build)));
        if builds(world, id).iter().any(|runs| *runs != build) {
            assert_eq!(in_maintenance(world), [id], "nobody's nodes are to be another release beside another's");
        }
        let n_pods = usize::try_from(values["cockroachdb"]["nodes"].as_u64().expect("a number")).expect("small");
        let counted = world.play.nodes.iter().filter(|node| node.owner == id && node.membership == "active");
        let addresses: BTreeSet<&str> = counted.map(|node| node.host.as_str()).collect();
        assert!(addresses.len() <= n_pods, "the pod of a node goes that the cluster counts");
    }

    fn restarted(world: &mut World, id: &str) {
        let build = tag(world, id);
        assert_eq!(in_maintenance(world), [id], "nobody's nodes are restarted beside another's");
        assert!(series(&build) >= world.play.active, "its nodes would be refused");
        let process = world.organisations[id].mounted.clone();
        for node in world.play.nodes.iter_mut().filter(|node| node.owner == id) {
            node.build.clone_from(&build);
            node.process = process.clone();
            node.comes_up = true;
        }
        world.play.go_on();
    }

    fn reloaded(world: &mut World, id: &str) {
        let process = world.organisations[id].mounted.clone();
        for node in world.play.nodes.iter_mut().filter(|node| node.owner == id) {
            node.process = process.clone();
        }
    }

    fn verb(world: &mut World, id: &str, name: &str, arguments: &[String]) {
        if name == "init" {
            world.play.n_inits += 1;
            return enter(world, id);
        }
        if name == "hold-upgrade" || name == "finish-upgrade" {
            assert!(has_majority(world), "`{name}` would hang");
            world.play.goes_on = name == "finish-upgrade";
            return world.play.go_on();
        }
        assert!(name == "decommission" || name == "check-decommission", "`{name}` is unknown");
        let going: Vec<u64> = arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
        let is_news = world.play.nodes.iter().any(|node| going.contains(&node.id) && node.membership == "active");
        assert!(has_majority(world) || !is_news, "`{name}` would hang");
        let nodes = &mut world.play.nodes;
        let left = nodes.iter().filter(|node| node.membership == "active" && !going.contains(&node.id)).count();
        assert!(left >= 3, "the database would refuse: {left} nodes would remain");
        if name == "check-decommission" {
            return;
        }
        for node in nodes.iter_mut().filter(|node| going.contains(&node.id)) {
            node.membership = "decommissioned";
        }
        // Said twice it is done once.
        world.play.n_decommissions += usize::from(is_news);
    }

    fn look(world: &World, id: &str, probe: &Probe) -> Observation {
        answers::answer(world, id, probe)
    }

    fn process(&self, host: &str, port: u16) -> Option<&Process> {
        let mut running = self.nodes.iter().filter(|node| node.dead_since.is_none());
        let node = running.find(|node| node.host == host && node.port == port);
        let waiting = self.waiting.iter().find(|(id, _)| host.contains(&format!(".{id}.")));
        node.map(|node| &node.process).or(waiting.map(|(_, process)| process))
    }

    fn counted(&self) -> Vec<(&str, &Process)> {
        let active = self.nodes.iter().filter(|node| node.membership == "active");
        active.map(|node| (node.owner.as_str(), &node.process)).collect()
    }

    fn check(&self) {
        assert!(self.n_inits <= 1, "a second cluster");
    }
}
