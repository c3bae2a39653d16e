//! Own nodes that go out of the cluster while their member stays: those that the instance has no more, and those in whose place
//! others have come.

use hangar_sdk::pooling::blocked;
use hangar_sdk::pooling_strategy::{Decision, Member};

use crate::cluster::{self, Cluster, Known, REPLICAS};
use crate::database::Situation;
use crate::{maintenance, steps};

/// Nodes that our record has and the instance has no more go out of the cluster before the release lets go of their pods.
/// Pods go from the highest ordinal on; an ordinal that stays under another name is no node that goes.
pub(crate) fn shrunk(situation: &Situation<'_>, own: &Member) -> Option<Decision> {
    let stays = |ordinal: u32| situation.ordinals().any(|kept| kept == ordinal);
    let mut going = own.clone();
    going.nodes.retain(|node| !stays(node.ordinal));
    if going.nodes.is_empty() {
        return None;
    }
    let cluster = match Cluster::seen(situation) {
        Ok(cluster) => cluster,
        Err(look) => return Some(look),
    };
    let ids = ids(cluster.of(&going));
    if ids.is_empty() {
        return cluster.nameless(situation, "ours that go");
    }
    let cure = "keep `nodes` of the instance as it was, or let another organisation join first";
    Some(out(situation, own, &cluster, ids, cure))
}

/// A node that lost its volume comes back under a new number: what it was before is dead for good, and counts until it is taken
/// out, as the new one is once the former volume is back. Nothing unless that can be seen from what was looked at.
pub(crate) fn replaced(situation: &Situation<'_>, own: &Member) -> Option<Decision> {
    let cluster = Cluster::seen(situation).ok()?;
    let ids = ids(cluster.of(own).into_iter().filter(|node| cluster.successor(node).is_some()));
    if ids.is_empty() {
        return None;
    }
    let cure = "let another organisation join first, or bring the volume back";
    Some(out(situation, own, &cluster, ids, cure))
}

/// The same once nothing else is owed, with the look that tells. A cluster that says nothing keeps nobody from being done.
pub(crate) fn left_over(situation: &Situation<'_>, own: &Member) -> Option<Decision> {
    let questions = cluster::questions(situation);
    if let Some(look) = situation.look(&questions[..1]) {
        return Some(look);
    }
    let dead = |node: &Known| node.is_in() && !node.is_live;
    if !cluster::members(situation)?.iter().any(dead) {
        return None;
    }
    situation.look(&questions).or_else(|| replaced(situation, own))
}

fn ids<'a>(nodes: impl IntoIterator<Item = &'a Known>) -> Vec<String> {
    let mut ids: Vec<String> = nodes.into_iter().map(|node| node.id.clone()).collect();
    ids.sort_unstable();
    ids
}

/// These go now, or what stands against it; where some are dead, those first. That stops nobody, and so it is done while another
/// member restarts its nodes: what it waits for may be that these no longer count.
fn out(situation: &Situation<'_>, own: &Member, cluster: &Cluster, ids: Vec<String>, cure: &str) -> Decision {
    let left = cluster.nodes.iter().filter(|node| node.is_in()).count() - ids.len();
    if left < REPLICAS {
        let message = format!("{left} nodes would remain, and {REPLICAS} replicas need as many");
        return blocked(format!("member:{}", own.id), message, cure, None);
    }
    let is_dead = |node: &&Known| ids.contains(&node.id) && !node.is_live;
    let dead = self::ids(cluster.nodes.iter().filter(is_dead));
    let others = || maintenance::somebody_else(situation).filter(|_| dead.is_empty());
    if let Some(decision) = others().or_else(|| cluster.skew()) {
        return decision;
    }
    let (going, trouble) =
        if dead.is_empty() { (&ids, cluster.trouble(&ids)) } else { (&dead, cluster.trouble_with_dead(&dead)) };
    if let Some(trouble) = trouble {
        let message = format!("a healthy cluster before nodes go: {trouble}");
        return situation.wait(cluster::questions(situation), message);
    }
    Decision::Steps(vec![steps::decommission_seen_here(situation, going, "shrink")])
}
