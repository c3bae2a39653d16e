//! One node: what it was told, what it knows, and what it does from start to stop.

pub mod config;
pub mod founding;
pub mod listen;
pub mod liveness;
pub mod membership;
pub mod replicas;
pub mod running;
pub mod shutdown;
pub mod transport;
pub mod upgrade;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tonic::Status;

use crate::build_info::{BuildInfo, Version};
use crate::certs::Certificates;
use crate::gossip::Gossip;
use crate::net::HostPort;
use crate::raft::Raft;
use crate::rpc::channel::Route;
use crate::rpc::offsets::Offsets;
use crate::rpc::peers::Peers;
use crate::rpc::services::OPEN_WHILE_WAITING;
use crate::sql::relation::Relation;
use crate::state::descriptor::Descriptor;
use crate::state::member::{Liveness, Membership};
use crate::state::{ClusterState, NodeId};
use crate::store::{Identity, Store};
use crate::timers::Timers;
use config::{Dialect, StartConfig};

/// Where a node is in its life. Only ever goes forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Without a cluster.
    Waiting,
    /// In a cluster, not yet alive in it: SQL waits.
    Starting,
    /// Serving SQL.
    Serving,
    /// Leaving: no new SQL.
    Draining,
}

/// The rows of a table function, or nothing where there is no such function.
pub type TableFunctions = Box<dyn Fn(&str) -> Option<Relation> + Send + Sync>;

/// Exit code after a log line of severity FATAL.
pub const FATAL: u8 = 7;

/// The version of SQL that a YugabyteDB says it is.
pub const YUGABYTE: &str = "15.12-YB-2025.1.2.1-b0";

/// Why a process ends by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    pub text: String,
    pub code: u8,
}

/// How a node got its identity; the `status:` line of the banner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Founded,
    Joined,
    Restarted,
}

/// A node. Its parts are reached from RPC services, SQL sessions, HTTP handlers and its own tasks.
pub struct Node {
    pub config: StartConfig,
    pub build: BuildInfo,
    pub timers: Timers,
    pub certs: Certificates,
    pub store: Store,
    pub gossip: Gossip,
    pub peers: Peers,
    /// Nanoseconds since 1970.
    pub started_at: i64,
    pub phase: watch::Sender<Phase>,
    /// Why the process must end, once it must.
    pub fate: watch::Sender<Option<Fate>>,
    /// Somebody asked for the end of the process, after a drain.
    pub shutdown: tokio::sync::Notify,
    /// A number of this process's own: two processes on copies of one store have two.
    pub process: u64,
    /// Transactions that are open at this gateway.
    pub txns: AtomicUsize,
    pub drains_since: Mutex<Option<Instant>>,
    /// How far other nodes' clocks are away.
    pub offsets: Offsets,
    /// Stores that refused a replica lately, and when.
    pub refusals: Mutex<BTreeMap<NodeId, Instant>>,
    /// Ranges whose circuit breaker has answered a client.
    pub tripped: Mutex<BTreeSet<i64>>,
    /// What peers say once this node was removed for good.
    removal: OnceLock<String>,
    pub heartbeat_failures: AtomicU64,
    /// Table functions of a database that is built on this node, by name.
    pub functions: OnceLock<TableFunctions>,
    identity: OnceLock<Identity>,
    raft: OnceLock<Arc<Raft>>,
    addresses: Mutex<BTreeSet<HostPort>>,
    /// Held while an identity is being taken, so that founding and joining exclude each other. True once founding has
    /// failed: nobody knows what is on the disk then.
    founding: tokio::sync::Mutex<bool>,
}

impl Node {
    /// A node that has not begun.
    pub fn new(config: StartConfig, certs: Certificates, store: Store) -> Arc<Self> {
        let addresses = Mutex::new(store.addresses());
        let timers = Timers::from_environment();
        Arc::new(Self {
            offsets: Offsets::new(config.max_offset, timers.offset_ttl()),
            config,
            build: BuildInfo::from_environment(),
            timers,
            certs,
            store,
            gossip: Gossip::default(),
            peers: Peers::default(),
            started_at: crate::clock::now_nanos(),
            phase: watch::Sender::new(Phase::Waiting),
            fate: watch::Sender::new(None),
            shutdown: tokio::sync::Notify::new(),
            process: uuid::Uuid::new_v4().as_u64_pair().0,
            txns: AtomicUsize::new(0),
            drains_since: Mutex::new(None),
            refusals: Mutex::default(),
            tripped: Mutex::default(),
            removal: OnceLock::new(),
            heartbeat_failures: AtomicU64::new(0),
            functions: OnceLock::new(),
            identity: OnceLock::new(),
            raft: OnceLock::new(),
            addresses,
            founding: tokio::sync::Mutex::new(false),
        })
    }

    /// Who the node is, once it is in a cluster.
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.get()
    }

    /// The replicated log, once the node is in a cluster.
    pub fn raft(&self) -> Option<&Arc<Raft>> {
        self.raft.get()
    }

    /// This node's copy of the shared state; it may lag.
    pub fn state(&self) -> Option<Arc<ClusterState>> {
        self.raft.get().and_then(|raft| raft.state())
    }

    /// The present phase.
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Goes forward to a phase; never back.
    pub fn advance(&self, to: Phase) {
        self.phase.send_if_modified(|phase| {
            let forward = *phase < to;
            if forward {
                *phase = to;
            }
            forward
        });
    }

    /// Ends the process, unless it ends already.
    pub fn end(&self, code: u8, text: String) {
        self.fate.send_if_modified(|fate| {
            let first = fate.is_none();
            fate.get_or_insert(Fate { text, code });
            first
        });
    }

    /// What peers say of this node, once it was removed from the cluster for good.
    pub fn removal(&self) -> Option<&String> {
        self.removal.get()
    }

    /// Takes notice of a peer's refusal. One that says that this node was removed counts for ever: what has not begun
    /// to serve ends, the rest goes on without being heard.
    pub fn notice_refusal(&self, refusal: &Status) {
        if !refusal.message().contains("was permanently removed from the cluster") {
            return;
        }
        if self.removal.set(refusal.message().to_owned()).is_ok() {
            crate::log::error("server/node.go:700", refusal.message());
            if let Err(err) = self.store.write_removal(refusal.message()) {
                crate::log::warning("server/node.go:701", format!("failed to keep the removal: {err}"));
            }
        }
        if self.phase() < Phase::Serving {
            self.end(1, refusal.message().to_owned());
        }
    }

    /// The value of a cluster setting that somebody set.
    pub fn setting(&self, name: &str) -> Option<String> {
        self.state().and_then(|state| state.settings.get(name).cloned())
    }

    /// A cluster setting that is a duration, at this world's pace.
    pub fn duration_setting(&self, name: &str, default: Duration) -> Duration {
        let set = self.setting(name).and_then(|text| crate::timers::parse_duration(&text));
        self.timers.scale(set.unwrap_or(default))
    }

    /// How long a request to a range without quorum hangs before the circuit breaker answers it.
    pub fn breaker(&self) -> Duration {
        let name = "kv.replica_circuit_breaker.slow_replication_threshold";
        self.duration_setting(name, Duration::from_secs(60))
    }

    /// The version the cluster runs at, as far as this node knows.
    pub fn active_version(&self) -> Option<Version> {
        self.state().map(|state| state.active_version).or_else(|| self.identity.get().map(|identity| identity.version))
    }

    /// What `SELECT version()` says.
    pub fn version_text(&self) -> String {
        match self.config.dialect {
            Dialect::Cockroach => self.build.sql_text(),
            Dialect::Yugabyte => format!("PostgreSQL {YUGABYTE} on x86_64-pc-linux-gnu, compiled by clang, 64-bit"),
        }
    }

    /// Checks a peer's version against the cluster's.
    ///
    /// # Errors
    ///
    /// What does not fit.
    pub fn check_version(&self, theirs: Option<Version>) -> Result<(), String> {
        let Some(active) = self.active_version() else { return Ok(()) };
        match theirs {
            None => Err(format!("cluster requires at least version {active}, but peer did not provide a version")),
            Some(theirs) if theirs < active => {
                Err(format!("cluster requires at least version {active}, but peer has version {theirs}"))
            }
            Some(_) => Ok(()),
        }
    }

    /// Whether a method is served in this phase.
    ///
    /// # Errors
    ///
    /// The text by which a dialler recognises a peer that waits too.
    pub fn admits(&self, method: &str) -> Result<(), Status> {
        if self.identity.get().is_some() || OPEN_WHILE_WAITING.contains(&method) {
            return Ok(());
        }
        Err(Status::unavailable(format!("node waiting for init; {method} not available")))
    }

    /// Whether clients should be sent here.
    ///
    /// # Errors
    ///
    /// Why not.
    pub fn readiness(&self) -> Result<(), &'static str> {
        let phase = self.phase();
        let Some(identity) = self.identity.get() else { return Err("node is waiting for cluster initialization") };
        if phase == Phase::Draining {
            return Err("node is shutting down");
        }
        let Some((liveness, membership)) = self.livenesses().remove(&identity.node_id) else {
            return Err("liveness record not found");
        };
        if phase < Phase::Serving {
            return Err("node is not accepting SQL clients");
        }
        if !liveness.is_live(crate::clock::now_nanos()) || membership != Membership::Active {
            return Err("node is not healthy");
        }
        Ok(())
    }

    /// How to get to an address: from the listening address, with the certificates in use.
    pub fn route(&self, address: &HostPort) -> Route {
        Route {
            address: address.clone(),
            source: self.source(),
            tls: Arc::clone(&self.certs.current().client.rpc),
            limit: self.timers.network(),
        }
    }

    /// The address calls come from: the one this node listens on, unless that is all of them.
    fn source(&self) -> Option<IpAddr> {
        self.config.listen_addr.ip().filter(|ip| !ip.is_unspecified())
    }

    /// Where nodes may be found: the join list, and everybody met before.
    pub fn known_addresses(&self) -> BTreeSet<HostPort> {
        let mut known = self.addresses.lock().expect("no holder panics").clone();
        known.extend(self.config.join.iter().cloned());
        known
    }

    /// What all nodes say about themselves, from gossip and from the shared state.
    pub fn descriptors(&self) -> BTreeMap<NodeId, Descriptor> {
        let state = self.state();
        let members = state.iter().flat_map(|state| state.members.values());
        let mut all: BTreeMap<NodeId, Descriptor> =
            members.filter_map(|member| Some((member.id, member.descriptor.clone()?))).collect();
        for heard in self.gossip.nodes(crate::clock::now_nanos()).into_values() {
            let Some(descriptor) = heard.descriptor else { continue };
            let newer = all.get(&heard.node).is_none_or(|known| known.started_at <= descriptor.started_at);
            if newer {
                all.insert(heard.node, descriptor);
            }
        }
        all
    }

    /// The freshest liveness of every node, from gossip and from the shared state.
    pub fn livenesses(&self) -> BTreeMap<NodeId, (Liveness, Membership)> {
        let state = self.state();
        let members = state.iter().flat_map(|state| state.members.values());
        let mut all: BTreeMap<NodeId, (Liveness, Membership)> =
            members.map(|member| (member.id, (member.liveness, member.membership))).collect();
        for heard in self.gossip.nodes(crate::clock::now_nanos()).into_values() {
            let Some((liveness, membership)) = heard.liveness else { continue };
            let newer = all
                .get(&heard.node)
                .is_none_or(|(known, _)| (known.epoch, known.expiration) < (liveness.epoch, liveness.expiration));
            if newer {
                all.insert(heard.node, (liveness, membership));
            }
        }
        all
    }

    /// What this node says about itself.
    pub fn descriptor(&self, identity: &Identity) -> Descriptor {
        Descriptor {
            node_id: identity.node_id,
            address: self.config.advertise_addr.clone(),
            sql_address: self.config.advertise_sql_addr.clone(),
            http_address: self.config.advertise_http_addr.clone(),
            locality: self.config.locality.clone(),
            locality_addresses: self.config.locality_advertise.clone(),
            cluster_name: self.config.cluster_name.clone(),
            version: self.build.version(),
            build_tag: self.build.tag().to_owned(),
            started_at: self.started_at,
        }
    }
}
