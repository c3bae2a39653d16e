//! `/_status/vars`: the surface that survives the loss of quorum.

use std::fmt::Display;
use std::sync::atomic::Ordering;

use crate::clock::now_nanos;
use crate::node::Node;
use crate::state::NodeId;
use crate::state::ranges::{RangeCounts, needed};

/// Counts what `reporter` reports: each range is reported by its leaseholder, or by its first live replica.
pub fn range_counts(node: &Node, reporter: NodeId) -> RangeCounts {
    let Some(state) = node.state() else { return RangeCounts::default() };
    let now = now_nanos();
    let livenesses = node.livenesses();
    let own = node.identity().map(|identity| identity.node_id);
    // A node that answers is alive, even when its record has run out because nobody takes its heartbeats.
    let live = |id: NodeId| Some(id) == own || livenesses.get(&id).is_some_and(|(liveness, _)| liveness.is_live(now));
    let started = state.remaining().filter(|member| member.descriptor.is_some()).count();
    let mut counts = RangeCounts::default();
    for range in state.ranges.iter() {
        counts.replicas += usize::from(range.holds(reporter));
        counts.leaseholders += usize::from(range.lease == reporter);
        if range.reporter(live) != Some(reporter) {
            continue;
        }
        let need = needed(range.factor, started);
        counts.ranges += 1;
        counts.unavailable += usize::from(!range.has_quorum(live));
        counts.underreplicated += usize::from(range.n_live(live) < need);
        counts.overreplicated += usize::from(range.replicas.len() > need);
    }
    counts
}

/// The whole page.
pub fn render(node: &Node) -> String {
    let mut page = Page(String::new());
    let material = &node.certs.current().material;
    for (name, slot) in [
        ("ca", &material.ca),
        ("client_ca", &material.client_ca),
        ("ui_ca", &material.ui_ca),
        ("ui", &material.ui),
        ("node", &material.node),
        ("node_client", &material.client_node),
    ] {
        page.gauge(&format!("security_certificate_expiration_{name}"), "", slot.expiry());
    }
    let uptime = (now_nanos() - node.started_at) / 1_000_000_000;
    page.gauge("sys_uptime", "", uptime);
    page.gauge("build_timestamp", &format!("{{tag=\"{}\"}}", node.build.tag()), 1);
    let (mean, deviation) = node.offsets.spread();
    page.gauge("clock_offset_meannanos", "", mean);
    page.gauge("clock_offset_stddevnanos", "", deviation);
    page.gauge("liveness_livenodes", "", node.n_live());
    page.gauge("liveness_heartbeatfailures", "", node.heartbeat_failures.load(Ordering::Relaxed));
    if let Some(identity) = node.identity() {
        let id = identity.node_id;
        let store = format!("{{store=\"{id}\"}}");
        let counts = range_counts(node, id);
        let tripped = node.tripped.lock().expect("no holder panics").len();
        page.gauge("ranges", &store, counts.ranges);
        page.gauge("ranges_unavailable", &store, counts.unavailable);
        page.gauge("ranges_underreplicated", &store, counts.underreplicated);
        page.gauge("ranges_overreplicated", &store, counts.overreplicated);
        page.gauge("replicas", &store, counts.replicas);
        page.gauge("replicas_leaseholders", &store, counts.leaseholders);
        page.gauge("kv_replica_circuit_breaker_num_tripped_replicas", &store, tripped);
        page.gauge("node_id", &format!("{{advertise_addr=\"{}\"}}", node.config.advertise_addr), id);
        for peer in node.peers.health() {
            let labels = format!(
                "{{node_id=\"{id}\",remote_node_id=\"{}\",remote_addr=\"{}\",class=\"system\"}}",
                peer.node, peer.address
            );
            page.gauge("rpc_connection_healthy", &labels, i32::from(peer.healthy));
            page.gauge("rpc_connection_unhealthy", &labels, i32::from(!peer.healthy));
        }
    }
    page.0
}

struct Page(String);

impl Page {
    fn gauge(&mut self, name: &str, labels: &str, value: impl Display) {
        // The type is told once for all lines of a name.
        let header = format!("# TYPE {name} gauge\n");
        if !self.0.contains(&header) {
            self.0.push_str(&header);
        }
        self.0.push_str(&format!("{name}{labels} {value}\n"));
    }
}
