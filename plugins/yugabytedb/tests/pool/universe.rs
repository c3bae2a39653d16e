//! YugabyteDB on paper: masters that found a universe or wait to be added, tablet servers, and what each process has read.

use std::collections::{BTreeMap, BTreeSet};

use hangar_sdk::pooling_strategy::{Decision, Facts, Goal, Intent, MemberState, Observation, Probe, Question, Roster};
use hangar_sdk::testing::pool::{self, Play, Process, http, value};
use serde_json::{Map, Value, json};

pub(crate) const UNIVERSE: &str = "9a1cbe7e-7c39-44a7-9a3c-3f1c1d0f7a52";
pub(crate) const MASTER: u16 = 7100;
pub(crate) const TSERVER: u16 = 9100;

pub(crate) type World = pool::World<Yugabyte>;

/// The database.
#[derive(Default)]
pub(crate) struct Yugabyte {
    /// Every running process by host and port, with its owner.
    processes: BTreeMap<(String, u16), (String, Process)>,
    /// Hosts of the masters that the universe counts.
    masters: Vec<String>,
    /// Owners whose machines are gone.
    dead: BTreeSet<String>,
    /// Hosts whose tablet servers do not reach the masters.
    pub(crate) unheard: BTreeSet<String>,
    blacklist: BTreeSet<String>,
    /// Who has to hold a copy; empty for nobody in particular.
    pub(crate) placement: BTreeSet<String>,
    /// Host of the master that leads, while it can.
    pub(crate) leader: String,
    pub(crate) n_universes: usize,
    /// Organisations that started pods.
    pub(crate) started: BTreeSet<String>,
}

/// A pool of this many members, all at rest.
pub(crate) fn at_rest(n_members: usize) -> World {
    let mut world = World::at_rest(Yugabyte { n_universes: 1, ..Yugabyte::default() }, n_members);
    for id in world.organisations.keys().cloned().collect::<Vec<_>>() {
        run(&mut world, &id);
        let hosts = world.member(&id).nodes.iter().map(|node| node.host.clone()).collect::<Vec<_>>();
        world.play.masters.extend(hosts);
    }
    if (2..=3).contains(&n_members) {
        world.play.placement = world.organisations.keys().cloned().collect();
    }
    world.cluster_id = Some(UNIVERSE.into());
    world
}

/// A founder that has not begun.
pub(crate) fn founding() -> World {
    let mut world = World::empty(Yugabyte::default());
    world.add("uss0", MemberState::Active, Goal::Create);
    world
}

/// The machines of an organisation are gone.
pub(crate) fn kill(world: &mut World, id: &str) {
    world.organisation(id).alive = false;
    world.play.dead.insert(id.into());
}

/// Masters of an organisation that the universe counts.
pub(crate) fn masters_of(world: &World, id: &str) -> usize {
    let nodes = &world.member(id).nodes;
    nodes.iter().filter(|node| world.play.masters.contains(&node.host)).count()
}

/// Copies that tablet servers of an organisation hold.
pub(crate) fn tablets_of(world: &World, id: &str) -> u64 {
    world.member(id).nodes.iter().map(|node| world.play.tablets(&node.host)).sum()
}

/// Every process of an organisation.
pub(crate) fn processes<'a>(world: &'a World, id: &'a str) -> impl Iterator<Item = &'a Process> {
    world.play.processes.values().filter(move |(owner, _)| owner == id).map(|(_, process)| process)
}

/// Its pods run, and have read what is mounted.
fn run(world: &mut World, id: &str) {
    let (nodes, process) = (world.member(id).nodes.clone(), world.organisations[id].mounted.clone());
    for node in nodes {
        for port in [MASTER, TSERVER] {
            world.play.processes.insert((node.host.clone(), port), (id.into(), process.clone()));
        }
    }
    world.play.started.insert(id.into());
}

impl Yugabyte {
    fn owner(&self, host: &str) -> Option<&str> {
        self.processes.get(&(host.to_owned(), MASTER)).map(|(owner, _)| owner.as_str())
    }

    fn is_alive(&self, host: &str) -> bool {
        self.owner(host).is_some_and(|owner| !self.dead.contains(owner))
    }

    fn has_majority(&self) -> bool {
        2 * self.masters.iter().filter(|host| self.is_alive(host)).count() > self.masters.len()
    }

    /// A tablet server takes part as soon as there is a universe.
    fn servers(&self) -> impl Iterator<Item = &String> {
        let in_universe = self.n_universes > 0;
        self.processes.keys().filter(move |(_, port)| in_universe && *port == TSERVER).map(|(host, _)| host)
    }

    fn tablets(&self, host: &str) -> u64 {
        let holds = |host: &&String| self.is_alive(host) && !self.blacklist.contains(host.as_str());
        let others = |owner: &String| self.servers().filter(holds).any(|host| self.owner(host) == Some(owner));
        let may_move = self.servers().filter(holds).count() >= 3 && self.placement.iter().all(others);
        let is_server = self.servers().any(|server| server == host);
        if !is_server || (self.blacklist.contains(host) && may_move) { 0 } else { 4 }
    }

    fn masters_page(&self) -> Value {
        let leader = self.leads();
        let entries = self.masters.iter().map(|host| {
            let role = match (self.is_alive(host), leader == Some(host)) {
                (false, _) => "UNKNOWN_ROLE",
                (true, true) => "LEADER",
                (true, false) => "FOLLOWER",
            };
            json!({"registration": {"broadcast_addresses": [{"host": host, "port": MASTER}]}, "role": role})
        });
        json!({ "masters": entries.collect::<Vec<_>>() })
    }

    /// Somebody leads as long as there is a majority: who did, else the last that came in.
    fn leads(&self) -> Option<&String> {
        let mut able = self.masters.iter().rev().filter(|host| self.is_alive(host));
        able.clone().find(|host| **host == self.leader).or_else(|| able.next())
    }

    fn config_page(&self) -> Value {
        let block = |region: &String| json!({"cloud_info": {"placement_cloud": "dss", "placement_region": region}, "min_num_replicas": 1});
        let blocks: Vec<Value> = self.placement.iter().map(block).collect();
        let info =
            (!blocks.is_empty()).then(|| json!({"live_replicas": {"num_replicas": 3, "placement_blocks": blocks}}));
        json!({"version": 3, "replication_info": info, "server_blacklist": null, "cluster_uuid": UNIVERSE})
    }

    fn servers_page(&self) -> Value {
        let entry = |host: &String| {
            let is_heard = self.is_alive(host) && !self.unheard.contains(host);
            let status = if is_heard { "ALIVE" } else { "DEAD" };
            let entry = json!({"status": status, "user_tablets_total": self.tablets(host), "system_tablets_total": 0});
            (format!("{host}:9000"), entry)
        };
        let entries: Map<String, Value> = self.servers().map(entry).collect();
        json!({ "": entries })
    }

    fn health_page(&self) -> Value {
        let dead: Vec<&String> = self.servers().filter(|host| !self.is_alive(host)).collect();
        json!({"dead_nodes": dead, "most_recent_uptime": 1, "under_replicated_tablets": []})
    }
}

impl Play for Yugabyte {
    const IMAGE: &str = "docker.io/interuss/yugabyte:2025.1.2.1-interuss";
    const DATASTORE: (&str, &str) = ("yugabytedb", "2025.1.2.1-interuss");

    fn decide(intent: &Intent, roster: &Roster, facts: &Facts) -> Decision {
        plugin_yugabytedb::decide("{}", intent, roster, facts).expect("the block is good")
    }

    fn started(world: &mut World, id: &str, values: &Value) {
        run(world, id);
        let own: BTreeSet<String> =
            world.member(id).nodes.iter().map(|node| format!("{}:{MASTER}", node.host)).collect();
        let listed = values["yugabytedb"]["masters"].as_array().expect("a list of masters");
        let listed: BTreeSet<String> = listed.iter().filter_map(|one| one.as_str()).map(str::to_owned).collect();
        assert!(own.is_subset(&listed), "a master that is not in its own list does not start");
        if own == listed {
            world.play.n_universes += 1;
            world.play.masters = world.member(id).nodes.iter().map(|node| node.host.clone()).collect();
        }
    }

    fn reloaded(_: &mut World, _: &str) {
        // Files that changed tell nobody.
    }

    fn verb(world: &mut World, id: &str, name: &str, arguments: &[String]) {
        let words: Vec<&str> = arguments.iter().map(String::as_str).filter(|word| !word.starts_with("--")).collect();
        match (name, words.as_slice()) {
            ("change-masters", ["change_master_config", "ADD_SERVER", host, "7100"]) => {
                let play = &mut world.play;
                assert!(play.has_majority(), "no master is added without a majority");
                assert!(play.is_alive(host), "{host} does not answer");
                assert!(!play.masters.iter().any(|known| known == host), "{host} is in the config");
                play.masters.push((*host).to_owned());
            }
            ("change-masters", ["change_master_config", "REMOVE_SERVER", host, "7100"]) => {
                let play = &mut world.play;
                assert!(play.masters.iter().any(|known| known == host), "{host} is not in the config");
                assert!(play.leads().is_none_or(|leader| leader != host), "{host} leads");
                play.masters.retain(|known| known != host);
            }
            ("change-masters", ["master_leader_stepdown"]) => {
                let play = &mut world.play;
                let next = play.masters.iter().find(|host| play.is_alive(host) && play.leads() != Some(host));
                play.leader = next.expect("another master").clone();
            }
            // The operation stands in the command.
            ("change-placement", [blocks, "3"]) => {
                let play = &mut world.play;
                let regions = blocks.split(',').filter_map(|block| block.strip_prefix("dss."));
                play.placement = regions.map(str::to_owned).collect();
                let has_server = |region: &String| play.servers().any(|host| play.owner(host) == Some(region));
                assert!(play.placement.iter().all(has_server), "nobody in {:?} could hold a copy", play.placement);
                assert!(play.placement.len() <= 3, "more blocks than copies");
            }
            ("change-blacklist", ["change_blacklist", "ADD", addresses @ ..]) => {
                let hosts = addresses.iter().filter_map(|address| address.strip_suffix(":9100"));
                world.play.blacklist.extend(hosts.map(str::to_owned));
            }
            ("reload-certificates", ["reload_certificates"]) => {
                let address =
                    arguments.iter().find_map(|word| word.strip_prefix("--server_address=")).expect("an address");
                let (pod, port) = address.rsplit_once(':').expect("a port");
                let ordinal = pod.strip_prefix("dss-yugabytedb-").and_then(|rest| rest.split('.').next());
                let host = format!("{}.db.{id}.example.com", ordinal.expect("a pod"));
                let mounted = world.organisations[id].mounted.clone();
                let key = (host, port.parse().expect("a port"));
                world.play.processes.get_mut(&key).expect("a process").1 = mounted;
            }
            other => panic!("the database's tools know no such thing: {other:?}"),
        }
    }

    fn look(world: &World, id: &str, probe: &Probe) -> Observation {
        let play = &world.play;
        match &probe.question {
            Question::Http(question) if world.organisations[id].deployed => {
                let ordinal = question.host.strip_prefix("dss-yugabytedb-").and_then(|rest| rest.split('.').next());
                let host = format!("{}.db.{id}.example.com", ordinal.expect("a pod"));
                if !play.masters.contains(&host) || !play.has_majority() {
                    return http(503, r#"{"error":"in no universe"}"#);
                }
                let page = match question.path.as_str() {
                    "/api/v1/masters" => play.masters_page(),
                    "/api/v1/tablet-servers" => play.servers_page(),
                    "/api/v1/health-check" => play.health_page(),
                    "/api/v1/cluster-config" => play.config_page(),
                    other => panic!("no such page: {other}"),
                };
                http(200, &page.to_string())
            }
            Question::Sql(_) if play.n_universes > 0 && play.started.contains(id) => value(UNIVERSE),
            _ => Observation::Absent,
        }
    }

    fn process(&self, host: &str, port: u16) -> Option<&Process> {
        self.processes.get(&(host.to_owned(), port)).map(|(_, process)| process)
    }

    fn counted(&self) -> Vec<(&str, &Process)> {
        let counts = |(host, port): &(String, u16)| match *port {
            MASTER => self.masters.contains(host),
            _ => self.tablets(host) > 0,
        };
        let counted = self.processes.iter().filter(|(key, _)| counts(key));
        counted.map(|(_, (owner, process))| (owner.as_str(), process)).collect()
    }

    fn check(&self) {
        assert!(self.n_universes <= 1, "a second universe");
        assert!(self.masters.is_empty() || self.has_majority(), "no majority of {:?}", self.masters);
    }
}
