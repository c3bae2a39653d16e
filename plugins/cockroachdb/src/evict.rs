//! Putting out a member that is dead: seen first, decommissioned then, and its authority last.

use hangar_sdk::pooling_strategy::{AcknowledgementKind, Decision, Member, Observation, Probe, TlsOutcome};

use crate::cluster::Cluster;
use crate::placement::Tolerance;
use crate::probes;
use crate::situation::{Situation, blocked};
use crate::steps;

/// Name of the acknowledgement that none of a member's nodes answers; its one value is the member.
pub(crate) const SEEN_DEAD: &str = "seen-dead";

/// Looks whether a member is as dead as somebody says, and publishes that it is.
pub(crate) fn witness(situation: &Situation<'_>, own: &Member, subject: &str) -> Decision {
    let Some(member) = situation.member(subject) else {
        return blocked(format!("member:{subject}"), "no such member", "`hangar pool status`", None);
    };
    if situation.said(own, SEEN_DEAD).is_some_and(|seen| seen == [subject]) {
        return Decision::Done(Vec::new());
    }
    let rest = situation.peers().filter(|peer| peer.id != subject).chain([own]);
    if Tolerance::of(rest).nodes < 3 {
        let message = "fewer than 3 nodes would remain, and each range has 3 replicas";
        return blocked(format!("member:{subject}"), message, "add nodes first", None);
    }
    let looks: Vec<Probe> = member.nodes.iter().map(|node| probes::accepts_us(member, node)).collect();
    let unseen = situation.unseen(&looks);
    if !unseen.is_empty() {
        return Decision::Look(unseen);
    }
    let cluster = match Cluster::seen(situation) {
        Ok(cluster) => cluster,
        Err(look) => return look,
    };
    let answers = looks.iter().filter(|look| !is_silent(situation.seen(look))).count();
    let live = cluster.of(member).into_iter().filter(|node| node.is_live).count();
    if answers + live > 0 {
        let message = format!("`{subject}` is not dead: {answers} of its nodes answer and {live} are live");
        let cure = "talk to it; whoever is only out of reach of its own people is not put out";
        return blocked(format!("member:{subject}"), message, cure, Some(subject));
    }
    if cluster.unavailable > 0 {
        let message = format!("{} ranges have lost their majority with it: nothing can move", cluster.unavailable);
        return blocked("pool", message, "bring one of its nodes back, or restore from a backup", Some(subject));
    }
    let seen = AcknowledgementKind::Other((SEEN_DEAD.into(), vec![subject.to_owned()]));
    Decision::Steps(vec![steps::acknowledge(seen, "evict")])
}

/// Whether nothing of a node was heard. A load balancer takes the connection of a node that is gone and drops it: only who shows
/// a certificate, or says why it refuses ours, is a node that answers.
fn is_silent(seen: Option<&Observation>) -> bool {
    let Some(Observation::Tls(answer)) = seen else { return false };
    match answer.outcome {
        TlsOutcome::Unreachable | TlsOutcome::TimedOut => true,
        TlsOutcome::Other => answer.peer_leaf.is_none(),
        TlsOutcome::Accepted
        | TlsOutcome::IdentityRefused
        | TlsOutcome::AuthorityUnknown
        | TlsOutcome::ServerUntrusted
        | TlsOutcome::NameMismatch
        | TlsOutcome::Expired => false,
    }
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
    let server = situation.names.pod_host(situation.ordinals().next().unwrap_or_default());
    let step = steps::decommission(situation, &left, &server, "evict");
    let nodes = left.join(", ");
    let message = match (actor == own.id, situation.facts.done.contains(&step.key)) {
        (true, false) => return Some(Decision::Steps(vec![step])),
        // The database has said so, and an own node has not heard of it yet.
        (true, true) => format!("an own node to count nodes {nodes} no more"),
        (false, _) => format!("`{actor}` to take nodes {nodes} of `{}` out of the cluster", subject.id),
    };
    Some(situation.wait(crate::cluster::questions(situation), message))
}

#[cfg(test)]
mod tests {
    use hangar_sdk::pooling_strategy::TlsAnswer;

    use super::*;

    fn ended(outcome: TlsOutcome, peer_leaf: Option<&str>) -> bool {
        let answer =
            TlsAnswer { outcome, peer_leaf: peer_leaf.map(Into::into), peer_authority: None, detail: String::new() };
        is_silent(Some(&Observation::Tls(answer)))
    }

    #[test]
    fn a_load_balancer_that_drops_the_connection_is_no_node_that_answers() {
        assert!(ended(TlsOutcome::Other, None) && ended(TlsOutcome::Unreachable, None));
        assert!(!ended(TlsOutcome::Other, Some("ab")), "who shows a certificate lives");
        assert!(!ended(TlsOutcome::AuthorityUnknown, None), "and so does who refuses ours");
        assert!(!is_silent(None), "what was not looked at was not silent");
    }
}
