//! Leaving: this organisation's nodes go out of the cluster, and only then its authority out of the bundles.

use hangar_sdk::pooling::{blocked, gates, membership, steps as shared};
use hangar_sdk::pooling_strategy::{AcknowledgementKind, Decision, Error, Member, MemberState, Node};

use crate::cluster::{self, Cluster, Known};
use crate::database::Situation;
use crate::release::{FIRST_CHECKED, Release};
use crate::{steps, upgrade};

/// Name of the acknowledgement that holds the numbers of the nodes that go: after they are out nobody tells us any more.
pub(crate) const LEAVING_NODES: &str = "leaving-nodes";

/// Says what comes next on the way out of the pool.
pub(crate) fn decide(situation: &Situation<'_>) -> Result<Decision, Error> {
    membership::leave(situation, |own| before(situation, own), |own| out(situation, own))
}

/// Everything that must be true before the first node is touched.
fn before(situation: &Situation<'_>, own: &Member) -> Result<Decision, Error> {
    if let Some(decision) = gates::before_leaving(situation, own) {
        return Ok(decision);
    }
    let cluster = match Cluster::seen(situation) {
        Ok(cluster) => cluster,
        Err(look) => return Ok(look),
    };
    let mut ids: Vec<String> = cluster.of(own).into_iter().map(|node| node.id.clone()).collect();
    if ids.len() != own.nodes.len() {
        let message = format!("the cluster counts {} nodes of ours, and our record {}", ids.len(), own.nodes.len());
        return Ok(blocked(format!("member:{}", own.id), message, "`hangar up`, then `hangar pool status`", None));
    }
    ids.sort_unstable();
    let Some(server) = server(situation) else { return Ok(unserved()) };
    // Asked before anything is stopped: where the database would refuse, nothing leads back from there.
    let has_check = |release: Release| release.series >= FIRST_CHECKED;
    let release = Release::of_image(&situation.intent.instance.image).or_else(|| upgrade::of_record(own));
    let check = release.is_some_and(has_check).then(|| steps::check_decommission(situation, &ids, &server, "leave"));
    let checked = check.iter().map(|step| step.key.clone());
    let mut kept = shared::acknowledge(AcknowledgementKind::Other((LEAVING_NODES.into(), ids)), "leave");
    kept.requires.extend(checked);
    // No request is answered by an instance whose nodes are going.
    let quiet = shared::apply_release(situation, "leave", "leave", gates::quiet, std::slice::from_ref(&kept))?;
    let mut leaving = shared::set_state(MemberState::Leaving, "leave");
    leaving.requires = vec![kept.key.clone(), quiet.key.clone()];
    Ok(Decision::Steps(check.into_iter().chain([kept, quiet, leaving]).collect()))
}

/// What stands against touching the first node now, though nothing did when we said that we leave: a node of another member may
/// have been lost since. Once a node is on its way out it is finished, and then the database's own check stands guard.
fn trouble(situation: &Situation<'_>, ids: &[String]) -> Option<Decision> {
    let is_untouched =
        |nodes: &[Known]| ids.iter().all(|id| nodes.iter().any(|node| node.id == *id && node.membership == "active"));
    let cluster = match Cluster::seen(situation) {
        Ok(cluster) => cluster,
        Err(look @ Decision::Look(_)) => return Some(look),
        // An own node that knows who is there and not how the ranges are has lost the majority. Where none answers they may be out.
        Err(wait) => return cluster::members(situation).is_some_and(|nodes| is_untouched(&nodes)).then_some(wait),
    };
    let is_untouched = is_untouched(&cluster.nodes);
    if is_untouched && let Some(decision) = cluster.skew() {
        return Some(decision);
    }
    let trouble = cluster.trouble(&[]).filter(|_| is_untouched)?;
    Some(
        situation
            .wait(cluster::questions(situation), format!("a healthy cluster before the first node goes: {trouble}")),
    )
}

/// The node of another member that sees ours out: the first that is live, as far as an own node can say.
fn server(situation: &Situation<'_>) -> Option<String> {
    let all: Vec<&Node> = situation.peers().flat_map(|member| &member.nodes).collect();
    let known = cluster::members(situation).unwrap_or_default();
    let address = |node: &Node| format!("{}:{}", node.host, node.port);
    let is_live =
        |node: &&&Node| known.iter().any(|known| known.is_live && known.address.as_ref() == Some(&address(node)));
    all.iter().find(is_live).or(all.first()).map(|node| address(node))
}

fn unserved() -> Decision {
    blocked("pool", "no other member has a node that could see ours out", "talk to the other members", None)
}

/// All own nodes in one call, served by another member's node, then we are gone.
fn out(situation: &Situation<'_>, own: &Member) -> Decision {
    let ids = situation.said(own, LEAVING_NODES).unwrap_or_default();
    let Some(server) = server(situation) else { return unserved() };
    if ids.is_empty() {
        return blocked("pool", "our record does not name the nodes that go", "`hangar pool leave` again", None);
    }
    let decommission = steps::decommission(situation, ids, &server, "leave");
    if !situation.did(&decommission.key)
        && let Some(decision) = trouble(situation, ids)
    {
        return decision;
    }
    let mut gone = shared::set_state(MemberState::Gone, "leave");
    gone.requires.push(decommission.key.clone());
    Decision::Steps(vec![decommission, gone])
}
