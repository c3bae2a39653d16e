//! One node: what it was told, what it knows, and what it does from start to stop.

pub mod config;
pub mod founding;
pub mod listen;
pub mod liveness;
pub mod membership;
pub mod running;
pub mod shutdown;
pub mod transport;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock};

use tokio::sync::watch;
use tonic::Status;

use crate::build_info::{BuildInfo, Version};
use crate::certs::Certificates;
use crate::gossip::Gossip;
use crate::net::HostPort;
use crate::raft::Raft;
use crate::rpc::channel::Route;
use crate::rpc::peers::Peers;
use crate::rpc::services::OPEN_WHILE_WAITING;
use crate::state::descriptor::Descriptor;
use crate::state::member::{Liveness, Membership};
use crate::state::{ClusterState, NodeId};
use crate::store::{Identity, Store};
use crate::timers::Timers;
use config::StartConfig;

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
    pub heartbeat_failures: std::sync::atomic::AtomicU64,
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
        Arc::new(Self {
            config,
            build: BuildInfo::from_environment(),
            timers: Timers::from_environment(),
            certs,
            store,
            gossip: Gossip::default(),
            peers: Peers::default(),
            started_at: crate::state::datum::now_nanos(),
            phase: watch::Sender::new(Phase::Waiting),
            heartbeat_failures: std::sync::atomic::AtomicU64::new(0),
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

    /// The version the cluster runs at, as far as this node knows.
    pub fn active_version(&self) -> Option<Version> {
        self.state().map(|state| state.active_version).or_else(|| self.identity.get().map(|identity| identity.version))
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
        if !liveness.is_live(crate::state::datum::now_nanos()) || membership != Membership::Active {
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
        for heard in self.gossip.nodes().into_values() {
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
        for heard in self.gossip.nodes().into_values() {
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
