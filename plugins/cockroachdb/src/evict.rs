//! Putting out a member that is dead: seen first, decommissioned then, and its authority last.

use hangar_sdk::pooling::membership::SEEN_DEAD;
use hangar_sdk::pooling::{blocked, membership};
use hangar_sdk::pooling_strategy::{Decision, Member};

use crate::cluster::Cluster;
use crate::database::Situation;
use crate::steps;

/// Looks whether a member is as dead as somebody says, and publishes that it is.
pub(crate) fn witness<'a>(situation: &Situation<'a>, own: &'a Member, subject: &str) -> Decision {
    membership::witness(situation, own, subject, |member| {
        let cluster = Cluster::seen(situation)?;
        let live = cluster.of(member).into_iter().filter(|node| node.is_live).count();
        if live == 0 && cluster.unavailable > 0 {
            let message = format!("{} ranges have lost their majority with it: nothing can move", cluster.unavailable);
            let cure = "bring one of its nodes back, or restore from a backup";
            return Err(blocked("pool", message, cure, Some(subject)));
        }
        Ok(live)
    })
}

/// Once the eviction is open: the nodes go out of the cluster. Nothing where that is done.
pub(crate) fn decommissioned(situation: &Situation<'_>, own: &Member, subject: &Member) -> Option<Decision> {
    let cluster = match Cluster::seen(situation) {
        Ok(cluster) => cluster,
        Err(look) => return Some(look),
    };
    if cluster.of(subject).iter().any(|node| node.is_live) {
        let message = format!("a node of `{}` is live again", subject.id);
        return Some(blocked(format!("member:{}", subject.id), message, "talk to it before anything is removed", None));
    }
    // One of those who saw it dead acts; the others wait for it.
    let has_seen =
        |member: &&Member| situation.said(member, SEEN_DEAD).is_some_and(|seen| seen == [subject.id.as_str()]);
    let in_pool = situation
        .roster
        .members
        .iter()
        .filter(|member| member.is_self || situation.peers().any(|peer| peer.id == member.id));
    let actor = in_pool.filter(has_seen).map(|member| member.id.as_str()).min();
    taken_out(situation, &cluster, subject, actor.unwrap_or(&own.id), own)
}

/// The nodes of whoever is out go out of the cluster as well: one member acts, the others wait for it. Nothing where none is
/// left.
pub(crate) fn taken_out(
    situation: &Situation<'_>,
    cluster: &Cluster,
    subject: &Member,
    actor: &str,
    own: &Member,
) -> Option<Decision> {
    let mut left: Vec<String> = cluster.of(subject).into_iter().map(|node| node.id.clone()).collect();
    if left.is_empty() {
        return None;
    }
    left.sort_unstable();
    let server = situation.database.names.pod_host(situation.ordinals().next().unwrap_or_default());
    let step = steps::decommission(situation, &left, &server, "evict");
    let nodes = left.join(", ");
    let message = match (actor == own.id, situation.did(&step.key)) {
        (true, false) => return Some(Decision::Steps(vec![step])),
        // The database has said so, and an own node has not heard of it yet.
        (true, true) => format!("an own node to count nodes {nodes} no more"),
        (false, _) => format!("`{actor}` to take nodes {nodes} of `{}` out of the cluster", subject.id),
    };
    Some(situation.wait(crate::cluster::questions(situation), message))
}
