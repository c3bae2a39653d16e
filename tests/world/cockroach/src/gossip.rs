//! What a node has heard: descriptors and liveness of all nodes, passed on from node to node.
//!
//! This is memory of one process. It may lag, and two nodes may briefly hold different things.

pub mod client;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use prost::Message as _;
use tokio::sync::watch;

use crate::state::NodeId;
use crate::state::descriptor::Descriptor;
use crate::state::member::{Liveness, Member, Membership};
use crate::wire::cockroach::gossip::Info;
use crate::wire::cockroach::kv::kvserver::liveness::livenesspb;
use crate::wire::cockroach::{roachpb, util};

/// The latest stamp seen of what each node originated.
pub type Stamps = BTreeMap<i32, i64>;

/// All infos of one node.
#[derive(Debug)]
pub struct Gossip {
    store: Mutex<Store>,
    /// Counts changes, so that senders know when there is something new.
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Store {
    infos: BTreeMap<String, Info>,
    stamps: Stamps,
    last_stamp: i64,
}

/// A node as gossip knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    pub node: NodeId,
    pub descriptor: Option<Descriptor>,
    pub liveness: Option<(Liveness, Membership)>,
    /// When the liveness was originated, in nanoseconds since 1970.
    pub updated_at: i64,
}

impl Default for Gossip {
    fn default() -> Self {
        Self { store: Mutex::default(), changes: watch::Sender::new(0) }
    }
}

impl Gossip {
    /// Originates this node's descriptor, which is remembered for so long.
    pub fn add_descriptor(&self, from: NodeId, descriptor: &Descriptor, now: i64, memory: Duration) {
        let until = now.saturating_add(i64::try_from(memory.as_nanos()).unwrap_or(i64::MAX));
        self.add(from, format!("node:{}", descriptor.node_id), descriptor.to_wire().encode_to_vec(), now, until);
    }

    /// Originates what the replicated state says of a member's liveness.
    pub fn add_liveness(&self, from: NodeId, member: &Member, now: i64) {
        let membership = match member.membership {
            Membership::Active => livenesspb::MembershipStatus::Active,
            Membership::Decommissioning => livenesspb::MembershipStatus::Decommissioning,
            Membership::Decommissioned => livenesspb::MembershipStatus::Decommissioned,
        };
        let message = livenesspb::Liveness {
            node_id: member.id.0,
            epoch: member.liveness.epoch,
            expiration: Some(util::Timestamp { wall_time: member.liveness.expiration, logical: 0 }),
            draining: member.liveness.draining,
            membership: membership.into(),
        };
        self.add(from, format!("liveness:{}", member.id), message.encode_to_vec(), now, 0);
    }

    /// `until` is when it is forgotten; 0 is never.
    fn add(&self, from: NodeId, key: String, bytes: Vec<u8>, now: i64, until: i64) {
        let mut store = self.store.lock().expect("no holder panics");
        let known = store.infos.get(&key).filter(|known| known.ttl_stamp == until);
        if known.and_then(|info| info.value.as_ref()).is_some_and(|value| value.raw_bytes == bytes) {
            return;
        }
        // Two infos of one origin never share a stamp: the second would look known.
        let stamp = now.max(store.last_stamp + 1);
        store.last_stamp = stamp;
        let value = Some(roachpb::Value { raw_bytes: bytes, timestamp: None });
        let info = Info { value, orig_stamp: stamp, ttl_stamp: until, hops: 0, node_id: from.0, peer_id: from.0 };
        store.stamps.insert(from.0, stamp);
        store.infos.insert(key, info);
        drop(store);
        self.changed();
    }

    /// Takes what a peer sent.
    pub fn merge(&self, peer: NodeId, delta: BTreeMap<String, Info>) {
        let mut store = self.store.lock().expect("no holder panics");
        let mut fresh = false;
        for (key, mut info) in delta {
            let known = store.infos.get(&key).map_or(i64::MIN, |known| known.orig_stamp);
            let seen = store.stamps.entry(info.node_id).or_default();
            *seen = (*seen).max(info.orig_stamp);
            if info.orig_stamp > known {
                info.hops += 1;
                info.peer_id = peer.0;
                store.infos.insert(key, info);
                fresh = true;
            }
        }
        drop(store);
        if fresh {
            self.changed();
        }
    }

    /// What a peer that has seen `stamps` does not know.
    pub fn delta(&self, stamps: &Stamps) -> BTreeMap<String, Info> {
        let store = self.store.lock().expect("no holder panics");
        let unknown = |info: &Info| info.orig_stamp > stamps.get(&info.node_id).copied().unwrap_or(0);
        store.infos.iter().filter(|(_, info)| unknown(info)).map(|(key, info)| (key.clone(), info.clone())).collect()
    }

    /// What this node has seen.
    pub fn stamps(&self) -> Stamps {
        self.store.lock().expect("no holder panics").stamps.clone()
    }

    /// Changes whenever something new was heard.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// All nodes heard of, with what is not forgotten by now. What is said of a node's liveness never is.
    pub fn nodes(&self, now: i64) -> BTreeMap<NodeId, Heard> {
        let store = self.store.lock().expect("no holder panics");
        let mut nodes: BTreeMap<NodeId, Heard> = BTreeMap::new();
        let is_remembered = |info: &Info| info.ttl_stamp == 0 || info.ttl_stamp > now;
        for (key, info) in store.infos.iter().filter(|(_, info)| is_remembered(info)) {
            let Some((kind, id)) = key.split_once(':').and_then(|(kind, id)| Some((kind, id.parse().ok()?))) else {
                continue;
            };
            let node = NodeId(id);
            let fresh = Heard { node, descriptor: None, liveness: None, updated_at: 0 };
            let heard = nodes.entry(node).or_insert(fresh);
            let bytes = info.value.as_ref().map_or(&[] as &[u8], |value| &value.raw_bytes);
            match kind {
                "node" => {
                    let message = roachpb::NodeDescriptor::decode(bytes).ok();
                    heard.descriptor = message.as_ref().and_then(Descriptor::from_wire);
                }
                "liveness" => {
                    heard.liveness = livenesspb::Liveness::decode(bytes).ok().map(|message| read_liveness(&message));
                    heard.updated_at = info.orig_stamp;
                }
                _ => {}
            }
        }
        nodes
    }

    fn changed(&self) {
        self.changes.send_modify(|changes| *changes += 1);
    }
}

fn read_liveness(message: &livenesspb::Liveness) -> (Liveness, Membership) {
    let membership = match message.membership() {
        livenesspb::MembershipStatus::Active => Membership::Active,
        livenesspb::MembershipStatus::Decommissioning => Membership::Decommissioning,
        livenesspb::MembershipStatus::Decommissioned => Membership::Decommissioned,
    };
    let expiration = message.expiration.as_ref().map_or(0, |expiration| expiration.wall_time);
    (Liveness { epoch: message.epoch, expiration, draining: message.draining }, membership)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_gets_only_what_it_has_not_seen() {
        let (one, two) = (Gossip::default(), Gossip::default());
        one.add_liveness(NodeId(1), &Member::new(NodeId(1)), 10);
        two.merge(NodeId(1), one.delta(&two.stamps()));
        assert!(one.delta(&two.stamps()).is_empty());
        one.add_liveness(NodeId(1), &Member::new(NodeId(2)), 10);
        let delta = one.delta(&two.stamps());
        assert_eq!(delta.keys().collect::<Vec<_>>(), ["liveness:2"]);
    }

    #[test]
    fn an_older_info_never_replaces_a_newer_one() {
        let (one, two) = (Gossip::default(), Gossip::default());
        let mut member = Member::new(NodeId(1));
        one.add_liveness(NodeId(1), &member, 10);
        let old = one.delta(&Stamps::new());
        member.liveness.epoch = 7;
        one.add_liveness(NodeId(1), &member, 20);
        two.merge(NodeId(1), one.delta(&Stamps::new()));
        two.merge(NodeId(1), old);
        assert_eq!(two.nodes(30)[&NodeId(1)].liveness.map(|(liveness, _)| liveness.epoch), Some(7));
    }
}
