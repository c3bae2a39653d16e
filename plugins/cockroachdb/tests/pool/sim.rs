//! CockroachDB on paper: a table of nodes.

use hangar_sdk::pooling_strategy::{
    Decision, Facts, Goal, Intent, MemberState, Observation, Probe, Question, Roster, Rows,
};
use hangar_sdk::testing::pool::{self, Play, Process, http, value};

use crate::site::CLUSTER;

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
}

/// The database.
#[derive(Default)]
pub(crate) struct Cockroach {
    nodes: Vec<Node>,
    /// Organisations whose pods run and wait, with what they have read.
    waiting: Vec<(String, Process)>,
    pub(crate) n_inits: usize,
    pub(crate) n_decommissions: usize,
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
    for node in nodes {
        let number = world.play.nodes.len() as u64 + 1;
        world.play.nodes.push(Node {
            id: number,
            owner: id.into(),
            host: node.host,
            port: node.port,
            membership: "active",
            process: process.clone(),
        });
    }
    world.play.waiting.retain(|(waiting, _)| waiting != id);
}

impl Cockroach {
    fn is_in(&self, id: &str) -> bool {
        self.nodes.iter().any(|node| node.owner == id)
    }
}

impl Play for Cockroach {
    const IMAGE: &str = "docker.io/cockroachdb/cockroach:v24.1.3";
    const DATASTORE: (&str, &str) = ("cockroachdb", "v24.1.3");

    fn decide(intent: &Intent, roster: &Roster, facts: &Facts) -> Decision {
        plugin_cockroachdb::decide("{}", intent, roster, facts).expect("the block is good")
    }

    fn started(world: &mut World, id: &str, _: &serde_json::Value) {
        let process = world.organisations[id].mounted.clone();
        world.play.waiting.push((id.into(), process));
        if world.play.n_inits > 0 || world.cluster_id.is_some() {
            // It finds the pool by its join list.
            enter(world, id);
        }
    }

    fn applied(world: &World, id: &str, values: &serde_json::Value) {
        let n_pods = usize::try_from(values["cockroachdb"]["nodes"].as_u64().expect("a number")).expect("small");
        assert!(nodes_in(world, id) <= n_pods, "the pod of a node goes that the cluster counts");
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
        assert_eq!(name, "decommission");
        let going: Vec<u64> = arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
        let nodes = &mut world.play.nodes;
        let left = nodes.iter().filter(|node| node.membership == "active" && !going.contains(&node.id)).count();
        assert!(left >= 3, "the database would refuse: {left} nodes would remain");
        for node in nodes.iter_mut().filter(|node| going.contains(&node.id)) {
            node.membership = "decommissioned";
        }
        world.play.n_decommissions += 1;
    }

    fn look(world: &World, id: &str, probe: &Probe) -> Observation {
        let (is_in, runs) = (world.play.is_in(id), world.organisations[id].deployed);
        match &probe.question {
            Question::Http(_) if is_in => http(200, "{}"),
            Question::Http(_) if runs => http(503, "node is waiting for cluster initialization"),
            Question::Sql(question) if is_in && question.statement.contains("cluster_id") => value(CLUSTER),
            Question::Sql(question) if is_in && question.statement.contains("gossip_liveness") => known(world),
            // A dead node's replicas were rebuilt elsewhere by the time somebody asks.
            Question::Sql(_) if is_in => {
                Observation::Rows(Rows { columns: Vec::new(), rows: vec![vec![Some("0".into()), Some("0".into())]] })
            }
            _ => Observation::Absent,
        }
    }

    fn process(&self, host: &str, port: u16) -> Option<&Process> {
        let node = self.nodes.iter().find(|node| node.host == host && node.port == port);
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

fn known(world: &World) -> Observation {
    let row = |node: &Node| {
        let live = world.organisations[&node.owner].alive;
        let address = format!("{}:{}", node.host, node.port);
        let cells =
            [node.id.to_string(), address, String::new(), String::new(), live.to_string(), node.membership.into()];
        cells.map(Some).to_vec()
    };
    Observation::Rows(Rows { columns: Vec::new(), rows: world.play.nodes.iter().map(row).collect() })
}
