//! How an empty node comes into a cluster: it founds one, or it is let into one.

use std::sync::Arc;
use std::time::Instant;

use tonic::{Code, Status};
use uuid::Uuid;

use super::config::Dialect;
use super::{Node, Origin, Phase};
use crate::build_info::Version;
use crate::log;
use crate::net::HostPort;
use crate::raft::core::Core;
use crate::raft::storage::Storage;
use crate::rpc::channel::Channel;
use crate::rpc::status;
use crate::state::catalog::Change;
use crate::state::{ClusterState, NodeId};
use crate::store::Identity;
use crate::wire::cockroach::roachpb::JoinNodeRequest;
use crate::wire::cockroach::roachpb::internal_client::InternalClient;

/// Why a node did not found a cluster.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// This node is in a cluster.
    #[error("cluster has already been initialized")]
    AlreadyInitialized,
    /// The disk failed; this process will not try again.
    #[error("unable to bootstrap due to internal error")]
    Internal(#[source] std::io::Error),
}

/// Why a node gave up joining.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The cluster runs at a later version.
    #[error("binary is incompatible with the cluster attempted to join")]
    Incompatible,
    /// The disk failed.
    #[error("could not write the store's identity")]
    Store(#[source] std::io::Error),
}

/// Founds a cluster on this node: a new cluster ID, node 1. A join in progress is given up.
///
/// # Errors
///
/// [`BootstrapError::AlreadyInitialized`] on any node that is in a cluster.
pub async fn bootstrap(node: &Arc<Node>) -> Result<(), BootstrapError> {
    let mut failed = node.founding.lock().await;
    if node.identity().is_some() {
        return Err(BootstrapError::AlreadyInitialized);
    }
    if *failed {
        return Err(BootstrapError::Internal(std::io::Error::other("an earlier attempt failed")));
    }
    let outcome = found(node);
    *failed = outcome.is_err();
    outcome.map_err(BootstrapError::Internal)
}

fn found(node: &Arc<Node>) -> std::io::Result<()> {
    let identity = Identity { cluster_id: Uuid::new_v4(), node_id: NodeId(1), version: node.build.version() };
    let mut state = ClusterState::founded(identity.cluster_id, identity.version);
    state.founded_at = crate::clock::now_nanos();
    if node.config.dialect == Dialect::Yugabyte {
        let catalog = Arc::make_mut(&mut state.catalog);
        catalog.apply(Change::CreateDatabase("yugabyte".to_owned()));
        catalog.apply(Change::CreateUser("yugabyte".to_owned()));
        state.ranges.add_database("yugabyte");
    }
    Core::found(&mut Storage::open(&node.store.log_dir())?, state)?;
    node.store.write_identity(&identity)?;
    log::info("server/init.go:420", format!("cluster {} has been created", identity.cluster_id));
    log::info("server/init.go:421", "allocated node ID: n1");
    adopt(node, identity, Origin::Founded)
}

/// Waits until this node is in a cluster, asking each address of the join list in turn.
///
/// # Errors
///
/// [`JoinError::Incompatible`] when a peer says so; nothing else ends the attempts.
pub async fn join(node: &Arc<Node>) -> Result<(), JoinError> {
    log::info("server/init.go:187", "no stores initialized");
    log::info("server/init.go:188", "awaiting `cockroach init` or join with an already initialized node");
    let addresses: Vec<HostPort> =
        node.config.join.iter().filter(|address| **address != node.config.advertise_addr).cloned().collect();
    let mut turn = 0;
    loop {
        let founded = wait_founded(node);
        tokio::select! {
            () = founded => return Ok(()),
            attempt = attempt_next(node, &addresses, turn) => {
                if let Some((identity, address)) = attempt? {
                    let guard = node.founding.lock().await;
                    if node.identity().is_none() {
                        log::info("server/init.go:338", format!("joined cluster {} through join rpc ({address})", identity.cluster_id));
                        log::info("server/init.go:339", format!("received node ID: {}", identity.node_id));
                        log::info("server/init.go:340", format!("received cluster version: {}", identity.version));
                        node.store.write_identity(&identity).map_err(JoinError::Store)?;
                        adopt(node, identity, Origin::Joined).map_err(JoinError::Store)?;
                    }
                    drop(guard);
                    return Ok(());
                }
            }
        }
        turn += 1;
    }
}

async fn wait_founded(node: &Node) {
    let mut phase = node.phase.subscribe();
    // The sender lives in the node.
    drop(phase.wait_for(|phase| *phase > Phase::Waiting).await);
}

async fn attempt_next(
    node: &Arc<Node>,
    addresses: &[HostPort],
    turn: usize,
) -> Result<Option<(Identity, HostPort)>, JoinError> {
    // The first round goes through the list without a pause.
    if turn >= addresses.len() {
        tokio::time::sleep(node.timers.join_retry()).await;
    }
    let Some(address) = addresses.get(turn % addresses.len().max(1)) else { return Ok(None) };
    match ask(node, address).await {
        // The real binary says so of the store that it would write.
        Ok(identity) if identity.version < node.build.oldest_cluster() => {
            let (active, oldest) = (identity.version, node.build.oldest_cluster());
            log::error(
                "server/init.go:300",
                format!("cluster version {active} is too old for running version (minimum supported version {oldest})"),
            );
            Err(JoinError::Incompatible)
        }
        Ok(identity) => Ok(Some((identity, address.clone()))),
        Err(refusal) if refusal.code() == Code::PermissionDenied => {
            let version = node.build.version();
            log::error(
                "server/init.go:300",
                format!("{address} is running a version higher than our binary version {version}"),
            );
            Err(JoinError::Incompatible)
        }
        Err(refusal)
            if refusal.code() == Code::Unavailable && refusal.message().starts_with("node waiting for init") =>
        {
            log::info("server/init.go:307", format!("{address} is itself waiting for init, will retry"));
            Ok(None)
        }
        Err(refusal) => {
            let text = status::text(&refusal);
            log::warning("server/init.go:311", format!("outgoing join rpc to {address} unsuccessful: {text}"));
            Ok(None)
        }
    }
}

/// Asks a member of a cluster to be let in, and gives who this node is then. It takes part once that is [`enter`]ed.
///
/// # Errors
///
/// Why it was not let in.
pub async fn ask(node: &Node, address: &HostPort) -> Result<Identity, Status> {
    let channel = Channel::connect(&node.route(address)).await?;
    let origin = channel.origin();
    let mut client = InternalClient::with_origin(channel, origin);
    let request = JoinNodeRequest { binary_version: Some(node.build.version().to_wire()) };
    let limit = node.timers.join_deadline() + node.timers.network();
    let answer = tokio::time::timeout(limit, client.join(request))
        .await
        .map_err(|_| Status::deadline_exceeded("context deadline exceeded"))??
        .into_inner();
    let cluster_id = Uuid::from_slice(&answer.cluster_id).map_err(|err| Status::internal(err.to_string()))?;
    let version = Version::from_wire(answer.active_version.as_ref())
        .ok_or_else(|| Status::internal("answer without a cluster version"))?;
    Ok(Identity { cluster_id, node_id: NodeId(answer.node_id), version })
}

/// Keeps an identity that a member gave, and begins to take part with it.
///
/// # Errors
///
/// When the disk refuses.
pub async fn enter(node: &Arc<Node>, identity: Identity) -> std::io::Result<()> {
    let _alone = node.founding.lock().await;
    if node.identity().is_some() {
        return Ok(());
    }
    node.store.write_identity(&identity)?;
    adopt(node, identity, Origin::Joined)
}

/// Takes on an identity and begins to take part.
///
/// # Errors
///
/// When the replicated log cannot be opened.
pub fn adopt(node: &Arc<Node>, identity: Identity, origin: Origin) -> std::io::Result<()> {
    let storage = Storage::open(&node.store.log_dir())?;
    let core = Core::open(identity.node_id, storage, node.timers, Instant::now())?;
    let transport = Box::new(super::transport::Wire(Arc::downgrade(node)));
    let raft = crate::raft::Raft::new(core, transport, node.timers);
    log::set_node(identity.node_id.0);
    // The caller holds the lock that makes this the first time.
    node.raft.set(raft).ok().expect("a node takes one identity");
    node.identity.set(identity).expect("a node takes one identity");
    node.advance(Phase::Starting);
    super::running::begin(node, identity, origin);
    Ok(())
}
