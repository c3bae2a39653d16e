//! Where replicas and leases should be, and which nodes should vote: pure decisions of the leader of the log.

pub mod check;
mod load;
pub mod voters;

use std::collections::BTreeMap;

use crate::state::descriptor::Locality;
use crate::state::ranges::{Range, RangeChange, needed};
use crate::state::{ClusterState, NodeId};
use load::Load;

/// What the allocator knows of one node.
#[derive(Debug, Clone, Default)]
pub struct Place {
    pub locality: Locality,
    /// Can take replicas and leases.
    pub usable: bool,
    /// Has no room for another replica.
    pub full: bool,
    /// Alive now.
    pub live: bool,
    /// Its replicas must go elsewhere: dead for long, or leaving.
    pub lost: bool,
}

/// The cluster as the allocator sees it.
#[derive(Debug, Clone, Default)]
pub struct Map {
    pub places: BTreeMap<NodeId, Place>,
}

impl Map {
    /// The next changes: every lease whose holder cannot keep it, and at most `limit` of the rest: first what repairs,
    /// then what spreads better, then what balances.
    pub fn next_changes(&self, state: &ClusterState, limit: usize) -> Vec<RangeChange> {
        let mut ranges = state.ranges.clone();
        let mut changes = Vec::new();
        let mut n_others = 0;
        while n_others < limit {
            let all: Vec<Range> = ranges.iter().cloned().collect();
            let Some(change) = self.next_change(&all) else { break };
            n_others += usize::from(change.lease.is_none());
            ranges.apply(&change);
            changes.push(change);
        }
        changes
    }

    fn next_change(&self, ranges: &[Range]) -> Option<RangeChange> {
        let n_nodes = self.places.values().filter(|place| !place.lost).count();
        let load = Load::of(ranges);
        // Only a range with a majority can change its replicas.
        let able: Vec<&Range> = ranges.iter().filter(|range| range.has_quorum(|node| self.live(node))).collect();
        let steps: [Step<'_>; 5] = [
            &|range| self.take_over_lease(range, &load),
            &|range| self.add(range, n_nodes, &load),
            &|range| self.remove(range, n_nodes, &load),
            &|range| self.spread(range, n_nodes, &load),
            &|range| self.balance_lease(range, &load),
        ];
        steps.iter().find_map(|step| able.iter().find_map(|range| step(range)))
    }

    fn take_over_lease(&self, range: &Range, load: &Load) -> Option<RangeChange> {
        if self.usable(range.lease) {
            return None;
        }
        let holders = range.replicas.iter().map(|replica| replica.node).filter(|node| self.usable(*node));
        let to = holders.min_by_key(|node| load.leases(*node))?;
        Some(RangeChange { range: range.id, add: None, remove: None, lease: Some(to) })
    }

    fn add(&self, range: &Range, n_nodes: usize, load: &Load) -> Option<RangeChange> {
        let healthy = range.replicas.iter().filter(|replica| !self.lost(replica.node)).count();
        if healthy >= needed(range.factor, n_nodes) {
            return None;
        }
        let candidates = self.candidates(range);
        // An even number is a fragile quorum: do not stop there.
        let becomes_even = (range.replicas.len() + 1).is_multiple_of(2);
        let replaces = healthy < range.replicas.len();
        if becomes_even && candidates.len() < 2 && !replaces {
            return None;
        }
        let to = self.best(range, &candidates, load)?;
        Some(RangeChange { range: range.id, add: Some(to), remove: None, lease: None })
    }

    fn remove(&self, range: &Range, n_nodes: usize, load: &Load) -> Option<RangeChange> {
        let need = needed(range.factor, n_nodes);
        let lost = range.replicas.iter().map(|replica| replica.node).find(|node| self.lost(*node));
        let healthy = range.replicas.iter().filter(|replica| !self.lost(replica.node)).count();
        let from = match lost {
            Some(lost) if healthy >= need => lost,
            _ if healthy > need => self.worst(range, load)?,
            _ => return None,
        };
        Some(RangeChange { range: range.id, add: None, remove: Some(from), lease: None })
    }

    /// Swaps one replica where that puts the range on more different places, or evens out a clear imbalance.
    fn spread(&self, range: &Range, n_nodes: usize, load: &Load) -> Option<RangeChange> {
        // What is short of replicas is repaired first; until then it stays where it is.
        if range.replicas.len() < needed(range.factor, n_nodes) {
            return None;
        }
        let nodes: Vec<NodeId> = range.replicas.iter().map(|replica| replica.node).collect();
        let now = self.diversity(&nodes);
        let mut best: Option<(f64, i64, NodeId, NodeId)> = None;
        for from in &nodes {
            for to in self.candidates(range) {
                let after: Vec<NodeId> = nodes.iter().map(|node| if node == from { to } else { *node }).collect();
                let gain = self.diversity(&after) - now;
                let relief = load.replicas(*from) - load.replicas(to);
                let worth = gain > 1e-9 || (gain > -1e-9 && relief > 2);
                let better = best.as_ref().is_none_or(|(gained, relieved, ..)| (gain, relief) > (*gained, *relieved));
                if worth && better {
                    best = Some((gain, relief, *from, to));
                }
            }
        }
        let (_, _, from, to) = best?;
        Some(RangeChange { range: range.id, add: Some(to), remove: Some(from), lease: None })
    }

    fn balance_lease(&self, range: &Range, load: &Load) -> Option<RangeChange> {
        let holders = range.replicas.iter().map(|replica| replica.node).filter(|node| self.usable(*node));
        let to = holders.min_by_key(|node| load.leases(*node))?;
        let uneven = load.leases(range.lease) - load.leases(to) > 2;
        uneven.then_some(RangeChange { range: range.id, add: None, remove: None, lease: Some(to) })
    }

    fn candidates(&self, range: &Range) -> Vec<NodeId> {
        let has_room = |node: &NodeId| self.places.get(node).is_some_and(|place| place.usable && !place.full);
        self.places.keys().copied().filter(|node| has_room(node) && !range.holds(*node)).collect()
    }

    fn best(&self, range: &Range, candidates: &[NodeId], load: &Load) -> Option<NodeId> {
        let nodes: Vec<NodeId> =
            range.replicas.iter().map(|replica| replica.node).filter(|node| !self.lost(*node)).collect();
        let score = |to: NodeId| {
            let with: Vec<NodeId> = nodes.iter().copied().chain([to]).collect();
            (self.diversity(&with), -load.replicas(to))
        };
        candidates
            .iter()
            .copied()
            .max_by(|left, right| score(*left).partial_cmp(&score(*right)).unwrap_or(std::cmp::Ordering::Equal))
    }

    fn worst(&self, range: &Range, load: &Load) -> Option<NodeId> {
        let nodes: Vec<NodeId> = range.replicas.iter().map(|replica| replica.node).collect();
        let score = |from: NodeId| {
            let without: Vec<NodeId> = nodes.iter().copied().filter(|node| *node != from).collect();
            (self.diversity(&without), load.replicas(from))
        };
        nodes
            .iter()
            .copied()
            .max_by(|left, right| score(*left).partial_cmp(&score(*right)).unwrap_or(std::cmp::Ordering::Equal))
    }

    /// Mean distance of all pairs.
    fn diversity(&self, nodes: &[NodeId]) -> f64 {
        let localities: Vec<&Locality> =
            nodes.iter().filter_map(|node| self.places.get(node)).map(|place| &place.locality).collect();
        let mut pairs = 0;
        let mut sum = 0.0;
        for (index, left) in localities.iter().enumerate() {
            for right in &localities[index + 1..] {
                pairs += 1;
                sum += left.distance(right);
            }
        }
        if pairs == 0 { 0.0 } else { sum / f64::from(pairs) }
    }

    fn usable(&self, node: NodeId) -> bool {
        self.places.get(&node).is_some_and(|place| place.usable)
    }

    fn live(&self, node: NodeId) -> bool {
        self.places.get(&node).is_some_and(|place| place.live)
    }

    fn lost(&self, node: NodeId) -> bool {
        self.places.get(&node).is_none_or(|place| place.lost)
    }
}

/// One kind of change, tried on one range.
type Step<'a> = &'a dyn Fn(&Range) -> Option<RangeChange>;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::build_info::Version;
    use crate::state::command::Command;

    pub(crate) fn cluster(zones: &[&str]) -> (ClusterState, Map) {
        let mut state = ClusterState::founded(uuid::Uuid::nil(), Version { major: 24, minor: 1 });
        let mut map = Map::default();
        for (zone, id) in zones.iter().zip(1..) {
            if id > 1 {
                state.apply(Command::AllocateNode);
            }
            let locality = Locality::parse(&format!("zone={zone}")).expect("well formed");
            map.places.insert(NodeId(id), Place { locality, usable: true, live: true, ..Place::default() });
        }
        (state, map)
    }

    pub(crate) fn settle(state: &mut ClusterState, map: &Map) -> usize {
        let mut n_changes = 0;
        loop {
            let changes = map.next_changes(state, 1);
            if changes.is_empty() {
                return n_changes;
            }
            n_changes += 1;
            assert!(n_changes < 1_000, "the allocator never rests");
            state.apply(Command::Ranges(changes));
        }
    }

    #[test]
    fn with_three_organisations_each_has_one_of_three_replicas() {
        let (mut state, map) = cluster(&["a", "a", "a", "b", "b", "b", "c", "c", "c"]);
        settle(&mut state, &map);
        for range in state.ranges.iter().filter(|range| range.factor == 3) {
            let mut zones: Vec<_> =
                range.replicas.iter().map(|replica| map.places[&replica.node].locality.to_string()).collect();
            zones.sort();
            assert_eq!(zones, ["zone=a", "zone=b", "zone=c"], "{}", range.name);
        }
        assert!(state.ranges.iter().filter(|range| range.factor == 5).all(|range| range.replicas.len() == 5));
    }

    #[test]
    fn two_nodes_stay_at_one_replica() {
        let (mut state, map) = cluster(&["a", "a"]);
        settle(&mut state, &map);
        assert!(state.ranges.iter().all(|range| range.replicas.len() == 1 && range.holds(NodeId(1))));
    }

    #[test]
    fn a_lost_node_is_emptied_when_others_have_room() {
        let (mut state, mut map) = cluster(&["a", "b", "c", "d"]);
        settle(&mut state, &map);
        let lost = Place { lost: true, ..Place::default() };
        map.places.insert(NodeId(4), lost);
        settle(&mut state, &map);
        assert_eq!(state.ranges.counts(NodeId(4)), (0, 0));
        assert!(state.ranges.iter().all(|range| range.replicas.len() == 3));
    }
}
