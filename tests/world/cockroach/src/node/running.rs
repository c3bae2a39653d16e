//! What a node does once it is in a cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};

use super::config::Dialect;
use super::{Node, Origin, Phase};
use crate::clock::now_nanos;
use crate::log;
use crate::net::HostPort;
use crate::state::NodeId;
use crate::state::command::Command;
use crate::state::member::Membership;
use crate::store::Identity;

/// Starts every task of a member.
pub fn begin(node: &Arc<Node>, identity: Identity, origin: Origin) {
    say_where(node, &identity);
    if let Some(raft) = node.raft() {
        tokio::spawn(crate::raft::driver::run(Arc::downgrade(raft)));
    }
    tokio::spawn(keep_peers(Arc::downgrade(node)));
    tokio::spawn(crate::gossip::client::run(Arc::downgrade(node)));
    tokio::spawn(super::membership::run(Arc::downgrade(node)));
    tokio::spawn(spread_liveness(Arc::downgrade(node)));
    tokio::spawn(keep_saying_where(Arc::downgrade(node), identity));
    tokio::spawn(come_alive(Arc::clone(node), identity, origin));
}

fn say_where(node: &Node, identity: &Identity) {
    node.gossip.add_descriptor(identity.node_id, &node.descriptor(identity), now_nanos(), node.timers.gossip_memory());
}

/// Says it again before the others forget it.
async fn keep_saying_where(node: Weak<Node>, identity: Identity) {
    loop {
        let Some(pause) = node.upgrade().map(|node| node.timers.gossip_memory() / 2) else { return };
        tokio::time::sleep(pause).await;
        let Some(node) = node.upgrade() else { return };
        say_where(&node, &identity);
    }
}

/// Registers, sends heartbeats for ever, and opens SQL after the first that succeeds.
async fn come_alive(node: Arc<Node>, identity: Identity, origin: Origin) {
    let descriptor = node.descriptor(&identity);
    loop {
        let Some(raft) = node.raft() else { return };
        let register = Command::Register(descriptor.clone());
        if raft.propose(register, false, node.timers.join_deadline()).await.is_ok() {
            break;
        }
        log::warning(
            "server/server.go:1400",
            "The server appears to be unable to contact the other nodes in the cluster. Please try:\n\n- starting the \
             other nodes, if you haven't already;\n- double-checking that the '--join' and '--listen'/'--advertise' \
             flags are set up correctly;\n- running the 'cockroach init' command if you are trying to initialize a new \
             cluster.",
        );
    }
    tokio::spawn(super::liveness::run(Arc::downgrade(&node), identity));
    let mut phase = node.phase.subscribe();
    drop(phase.wait_for(|phase| *phase >= Phase::Serving).await);
    banner(&node, &identity, origin);
}

/// Dials every member that has not left, and remembers where it is.
async fn keep_peers(node: Weak<Node>) {
    let mut written = BTreeSet::new();
    loop {
        let Some(strong) = node.upgrade() else { return };
        let pause = strong.timers.redial();
        let mut news = strong.gossip.watch();
        let wanted = wanted_peers(&strong);
        strong.peers.reconcile(&strong, &wanted);
        let addresses: BTreeSet<HostPort> = wanted.into_values().collect();
        if addresses != written && !addresses.is_empty() {
            if let Err(err) = strong.store.write_addresses(&addresses) {
                log::warning("gossip/gossip.go:530", format!("failed to persist addresses: {err}"));
            }
            strong.addresses.lock().expect("no holder panics").extend(addresses.iter().cloned());
            written = addresses;
        }
        drop(strong);
        tokio::time::sleep(pause).await;
        drop(tokio::time::timeout(2 * pause, news.changed()).await);
    }
}

fn wanted_peers(node: &Node) -> BTreeMap<NodeId, HostPort> {
    let own = node.identity().map(|identity| identity.node_id);
    let gone: BTreeSet<NodeId> = node
        .livenesses()
        .into_iter()
        .filter(|(_, (_, membership))| *membership == Membership::Decommissioned)
        .map(|(id, _)| id)
        .collect();
    let others = node.descriptors().into_iter().filter(|(id, _)| Some(*id) != own && !gone.contains(id));
    others.map(|(id, descriptor)| (id, descriptor.address_for(&node.config.locality).clone())).collect()
}

/// The leader of the log tells everybody what liveness is in it.
async fn spread_liveness(node: Weak<Node>) {
    let Some(mut applied) = node.upgrade().and_then(|node| node.raft().map(|raft| raft.watch_applied())) else {
        return;
    };
    loop {
        if let Some(node) = node.upgrade()
            && let (Some(raft), Some(identity)) = (node.raft(), node.identity())
            && raft.leadership().0
            && let Some(state) = raft.state()
        {
            for member in state.members.values() {
                node.gossip.add_liveness(identity.node_id, member, now_nanos());
            }
        }
        if applied.changed().await.is_err() {
            return;
        }
    }
}

fn banner(node: &Node, identity: &Identity, origin: Origin) {
    if node.config.dialect == Dialect::Yugabyte {
        return;
    }
    let took = std::time::Duration::from_nanos(u64::try_from(now_nanos() - node.started_at).unwrap_or(0));
    let config = &node.config;
    let status = match origin {
        Origin::Founded => "initialized new cluster",
        Origin::Joined => "initialized new node, joined pre-existing cluster",
        Origin::Restarted => "restarted pre-existing node",
    };
    let certs = config.certs_dir.display().to_string();
    let encoded = certs.replace('/', "%2F");
    let url = format!(
        "postgresql://root@{}/defaultdb?sslcert={encoded}%2Fclient.root.crt&sslkey={encoded}%2Fclient.root.key&sslmode=verify-full&sslrootcert={encoded}%2Fca.crt",
        config.advertise_sql_addr
    );
    let started = crate::state::datum::timestamp::render_time(crate::clock::now_micros(), " +0000 UTC");
    let mut lines = vec![
        format!("CockroachDB node starting at {started} (took {:.1}s)", took.as_secs_f64()),
        field("build:", format!("CCL {} @ {} ({})", node.build.tag(), node.build.time(), node.build.go_version())),
        field("webui:", format!("https://{}", config.advertise_http_addr)),
        field("sql:", url.clone()),
        field("sql (JDBC):", format!("jdbc:{}", url.replace("root@", "").replace("?", "?user=root&"))),
        field(
            "RPC client flags:",
            format!("cockroach <client cmd> --host={} --certs-dir={certs}", config.advertise_addr),
        ),
        field("logs:", config.store.join("logs").display().to_string()),
        field("store[0]:", format!("path={}", config.store.display())),
        field("storage engine:", "pebble".to_owned()),
        field("clusterID:", identity.cluster_id.to_string()),
        field("status:", status.to_owned()),
        field("nodeID:", identity.node_id.to_string()),
    ];
    if !config.cluster_name.is_empty() {
        lines.insert(9, field("cluster name:", config.cluster_name.clone()));
    }
    let text = lines.join("\n");
    log::info("cli/start.go:1102", format!("{status}\n{text}"));
    crate::cli::print_out(&format!("{text}\n"));
}

fn field(name: &str, value: String) -> String {
    format!("{name:<20} {value}")
}
