//! A member's daily state, and its duties while others come.

use hangar_sdk::pooling::{blocked, membership};
use hangar_sdk::pooling_strategy::{Decision, Error, Member, MemberState};

use crate::cluster::{self, Cluster};
use crate::database::Situation;
use crate::steps;

/// Replicas of each range, and so the fewest nodes of a cluster.
const REPLICAS: usize = 3;

/// Says what this member owes the roster now.
pub(crate) fn decide(situation: &Situation<'_>) -> Result<Decision, Error> {
    let own = situation.own()?;
    if own.state == MemberState::Leaving {
        return crate::leave::decide(situation);
    }
    if own.state != MemberState::Active {
        return Ok(blocked("pool", "this organisation is not in the pool", "`hangar pool join` enters it", None));
    }
    if let Some(subject) = membership::put_out(situation)
        && let Some(decision) = crate::evict::decommissioned(situation, own, subject)
    {
        return Ok(decision);
    }
    if let Some(decision) = crate::takeover::decide(situation, own)? {
        return Ok(decision);
    }
    if let Some(decision) = shrunk(situation, own) {
        return Ok(decision);
    }
    if let Some(decision) = crate::upgrade::decide(situation, own)? {
        return Ok(decision);
    }
    match membership::daily(situation, own)? {
        Decision::Done(findings) => Ok(crate::upgrade::unfinished(situation, own).unwrap_or(Decision::Done(findings))),
        duty => Ok(duty),
    }
}

/// Nodes that our record has and the instance has no more go out of the cluster before the release lets go of their pods.
/// Pods go from the highest ordinal on; an ordinal that stays under another name is no node that goes.
fn shrunk(situation: &Situation<'_>, own: &Member) -> Option<Decision> {
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
    let mut ids: Vec<String> = cluster.of(&going).into_iter().map(|node| node.id.clone()).collect();
    if ids.is_empty() {
        return None;
    }
    let left = cluster.nodes.iter().filter(|node| node.is_in()).count() - ids.len();
    if left < REPLICAS {
        let message = format!("{left} nodes would remain, and {REPLICAS} replicas need as many");
        let cure = "keep `nodes` of the instance as it was, or let another organisation join first";
        return Some(blocked(format!("member:{}", own.id), message, cure, None));
    }
    if let Some(decision) = crate::upgrade::somebody_else(situation).or_else(|| cluster.skew()) {
        return Some(decision);
    }
    if let Some(trouble) = cluster.trouble(&[&going]) {
        let message = format!("a healthy cluster before nodes go: {trouble}");
        return Some(situation.wait(cluster::questions(situation), message));
    }
    ids.sort_unstable();
    Some(Decision::Steps(vec![steps::decommission_seen_here(situation, &ids, "shrink")]))
}
