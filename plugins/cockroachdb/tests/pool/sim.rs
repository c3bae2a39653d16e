//! CockroachDB on paper: a table of nodes.

use std::collections::{BTreeMap, BTreeSet};

use hangar_sdk::pooling_strategy::{
    AcknowledgementKind, Decision, Facts, Failure, FailureClass, Goal, Intent, Member, MemberState, Observation, Probe,
    Question, Roster, Rows,
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

/// The leaves of an organisation's nodes have come to their end.
pub(crate) fn wear(world: &mut World, id: &str) {
    let one = world.organisation(id);
    (one.secret, one.mounted) = (one.secret.clone().worn(), one.mounted.clone().worn());
    (one.client, one.api) = (one.client.clone().worn(), one.api.take().map(Process::worn));
    for node in world.play.nodes.iter_mut().filter(|node| node.owner == id) {
        node.process = node.process.clone().worn();
    }
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

/// The restart of an organisation's nodes gets no further than the last of them, which does not come up with its new image.
pub(crate) fn break_last(world: &mut World, id: &str) {
    let last = world.play.nodes.iter_mut().rfind(|node| node.owner == id);
    last.expect("an organisation with nodes").comes_up = false;
}

/// Its program comes up after all.
pub(crate) fn mend(world: &mut World, id: &str) {
    world.play.nodes.iter_mut().filter(|node| node.owner == id).for_each(|node| node.comes_up = true);
}

/// An organisation that never had more than its first nodes.
pub(crate) fn keep(world: &mut World, id: &str, n_nodes: usize) {
    let member = world.members.iter_mut().find(|member| member.id == id).expect("a member");
    let gone: Vec<String> = member.nodes.drain(n_nodes..).map(|node| node.host).collect();
    world.play.nodes.retain(|node| !gone.contains(&node.host));
    world.organisation(id).n_nodes = n_nodes;
}

/// All machines of an organisation are lost, and that so long ago.
pub(crate) fn lose(world: &mut World, id: &str, ago_ms: u64) {
    world.organisation(id).alive = false;
    let since = world.now_ms - ago_ms;
    for node in world.play.nodes.iter_mut().filter(|node| node.owner == id) {
        node.dead_since = Some(since);
    }
}

/// The volume of an organisation's node is lost, so long ago, and where another pod took its place there is a node of a new number.
pub(crate) fn lose_volume(world: &mut World, id: &str, ordinal: usize, ago_ms: u64, comes_back: bool) {
    let since = world.now_ms - ago_ms;
    let number = world.play.nodes.len() as u64 + 1;
    let node = world.play.nodes.iter_mut().filter(|node| node.owner == id).nth(ordinal).expect("a node");
    let fresh = Node { id: number, ..node.clone() };
    node.dead_since = Some(since);
    world.play.nodes.extend(comes_back.then_some(fresh));
}

/// The volume that was lost last is there again, and its pod runs on it.
pub(crate) fn bring_back(world: &mut World) {
    let now_ms = world.now_ms;
    let fresh = world.play.nodes.last_mut().expect("a node");
    fresh.dead_since = Some(now_ms);
    let host = fresh.host.clone();
    let former = world.play.nodes.iter_mut().find(|node| node.host == host).expect("what it was before");
    former.dead_since = None;
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
        let (is_in, runs) = (world.play.is_in(id), world.organisations[id].deployed);
        let is_over = is_in && process(world, id).is_over(world.now_ms);
        match &probe.question {
            Question::Http(_) | Question::Sql(_) if is_over => {
                let detail = "certificate expired".into();
                Observation::Failed(Failure { class: FailureClass::Tls, detail })
            }
            Question::Http(_) if is_in => http(200, "{}"),
            Question::Http(_) if runs => http(503, "node is waiting for cluster initialization"),
            // The gateway answers from its own memory who is there; all else hangs.
            Question::Sql(question)
                if is_in && !has_majority(world) && !question.statement.contains("gossip_liveness") =>
            {
                let detail = "57014: query execution canceled due to statement timeout".into();
                Observation::Failed(Failure { class: FailureClass::Database, detail })
            }
            Question::Sql(question) if is_in && question.statement.contains("cluster_id") => value(CLUSTER),
            Question::Sql(question) if is_in && question.statement.contains("SETTING version") => {
                let (year, number) = world.play.active;
                value(&format!("{year}.{number}"))
            }
            Question::Sql(question) if is_in && question.statement.contains("auto_upgrade") => {
                value(&world.play.goes_on.to_string())
            }
            Question::Sql(question) if is_in && question.statement.contains("clock-offset") => statuses(world),
            Question::Sql(question) if is_in && question.statement.contains("'replicas'") => {
                let row = |node: &Node| vec![Some(node.id.to_string()), Some("7".into())];
                let rows =
                    world.play.nodes.iter().filter(|node| node.membership != "decommissioned").map(row).collect();
                Observation::Rows(Rows { columns: Vec::new(), rows })
            }
            Question::Sql(question) if is_in && question.statement.contains("!= 'decommissioned'") => {
                let counted = world.play.nodes.iter().filter(|node| node.membership != "decommissioned");
                let rows = counted.map(|node| vec![Some(node.id.to_string())]).collect();
                Observation::Rows(Rows { columns: Vec::new(), rows })
            }
            Question::Sql(question) if is_in && question.statement.contains("gossip_liveness") => {
                known(world, id, &question.statement)
            }
            // The replicas of a node whose machine is gone were rebuilt elsewhere by the time somebody asks, where there is room.
            Question::Sql(question) if is_in => {
                // Unless it is left out, a dead one's last word counts as any other's.
                let last_words = if question.statement.contains("is_live") { 0 } else { world.play.last_words };
                Observation::Rows(Rows {
                    columns: Vec::new(),
                    rows: vec![vec![Some(lacking(world).to_string()), Some(last_words.to_string())]],
                })
            }
            _ => Observation::Absent,
        }
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

/// What every node that is not out for good has written last, dead ones as well.
fn statuses(world: &World) -> Observation {
    let offset = |node: &Node| 1_000_000 * world.play.clocks.get(&node.owner).copied().unwrap_or_default();
    let address = |node: &Node| format!("{}:{}", node.host, node.port);
    let row = |node: &Node| {
        let (id, zone) = (node.id.to_string(), format!("zone={}", node.owner));
        let cells = [id, offset(node).to_string(), address(node), zone, node.build.clone()];
        cells.map(Some).to_vec()
    };
    let written = world.play.nodes.iter().filter(|node| node.membership != "decommissioned");
    Observation::Rows(Rows { columns: Vec::new(), rows: written.map(row).collect() })
}

/// What a gateway tells. Asked for `advertise_address` it says where it calls a node itself, which is a pod where that is of its
/// own locality.
fn known(world: &World, asked: &str, statement: &str) -> Observation {
    let row = |node: &Node| {
        let live = is_live(world, node);
        let is_near = node.owner == asked && statement.contains("advertise_address");
        let host = if is_near { "dss-cockroachdb-0.dss-cockroachdb.dss.svc.cluster.local" } else { &node.host };
        let address = format!("{host}:{}", node.port);
        let (id, zone) = (node.id.to_string(), format!("zone={}", node.owner));
        let cells = [id, address, zone, node.build.clone(), live.to_string(), node.membership.into()];
        let is_forgotten = node.dead_since.is_some_and(|since| since + MEMORY_MS < world.now_ms);
        let mut cells = cells.map(Some);
        if is_forgotten {
            cells[1..5].fill(None);
        }
        cells.to_vec()
    };
    Observation::Rows(Rows { columns: Vec::new(), rows: world.play.nodes.iter().map(row).collect() })
}
