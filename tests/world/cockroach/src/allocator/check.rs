//! Whether nodes could leave: the check before a decommission, on paper.

use std::collections::BTreeSet;

use super::Map;
use crate::state::ranges::{Range, needed};
use crate::state::{ClusterState, NodeId};

/// What would keep one range on a leaving node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    pub range: i64,
    pub action: &'static str,
    pub error: String,
}

impl Map {
    /// What would keep the replicas of `leaver` where they are if all of `leavers` left together. `strict` also
    /// refuses ranges that need repair before they could move.
    pub fn blockers(
        &self,
        state: &ClusterState,
        leaver: NodeId,
        leavers: &BTreeSet<NodeId>,
        strict: bool,
    ) -> Vec<Blocked> {
        let mut after = self.clone();
        for (id, place) in &mut after.places {
            if leavers.contains(id) {
                place.usable = false;
                place.lost = true;
            }
        }
        let n_nodes = after.places.values().filter(|place| !place.lost).count();
        let held = state.ranges.iter().filter(|range| range.holds(leaver));
        held.filter_map(|range| self.blocker(&after, range, n_nodes, strict)).collect()
    }

    fn blocker(&self, after: &Self, range: &Range, n_nodes: usize, strict: bool) -> Option<Blocked> {
        let blocked = |action, error| Some(Blocked { range: range.id, action, error });
        if !range.has_quorum(|node| self.live(node)) {
            return blocked("range unavailable", format!("range r{} has lost its quorum", range.id));
        }
        let n_before = self.places.values().filter(|place| !place.lost).count();
        if strict && range.replicas.len() != needed(range.factor, n_before) {
            let text = format!("range r{} needs repair before its replicas can move", range.id);
            return blocked("add voter", text);
        }
        let healthy = range.replicas.iter().filter(|replica| !after.lost(replica.node)).count();
        let missing = needed(range.factor, n_nodes).saturating_sub(healthy);
        if after.candidates(range).len() >= missing {
            return None;
        }
        let stores = after.places.values().filter(|place| place.usable).count();
        let voters = range.replicas.iter().filter(|replica| after.usable(replica.node)).count();
        blocked(
            "replace decommissioning voter",
            format!(
                "0 of {stores} live stores are able to take a new replica for the range ({voters} already have a voter, \
                 0 already have a non-voter); likely not enough nodes in cluster"
            ),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{cluster, settle};
    use super::*;

    #[test]
    fn three_nodes_cannot_lose_one_and_four_can_but_not_two() {
        for (zones, leavers, blocked) in
            [(3, vec![3], true), (4, vec![4], false), (4, vec![3, 4], true), (5, vec![4, 5], false)]
        {
            let zones: Vec<&str> = ["a", "b", "c", "d", "e"].into_iter().take(zones).collect();
            let (mut state, map) = cluster(&zones);
            settle(&mut state, &map);
            let leavers: BTreeSet<NodeId> = leavers.into_iter().map(NodeId).collect();
            let found = map.blockers(&state, *leavers.first().expect("a leaver"), &leavers, false);
            assert_eq!(!found.is_empty(), blocked, "{zones:?} {leavers:?} {found:?}");
        }
    }

    #[test]
    fn a_full_disk_is_no_room() {
        let (mut state, mut map) = cluster(&["a", "b", "c", "d"]);
        map.places.get_mut(&NodeId(4)).expect("a node").full = true;
        settle(&mut state, &map);
        let found = map.blockers(&state, NodeId(3), &BTreeSet::from([NodeId(3)]), false);
        assert!(found.iter().all(|blocked| blocked.error.starts_with("0 of 3 live stores are able")), "{found:?}");
        assert!(!found.is_empty());
    }
}
