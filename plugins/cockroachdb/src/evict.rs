//! Putting out a member that is dead: seen first, decommissioned then, and its authority last.

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
pub(crate) fn decommissioned<'a>(situation: &Situation<'a>, own: &'a Member, subject: &Member) -> Option<Decision> {
    let cluster = match Cluster::seen(situation) {
        Ok(cluster) => cluster,
        Err(look) => return Some(look),
    };
    if cluster.of(subject).iter().any(|node| node.is_live) {
        let message = format!("a node of `{}` is live again", subject.id);
        return Some(blocked(format!("member:{}", subject.id), message, "talk to it before anything is removed", None));
    }
    taken_out(situation, &cluster, subject, own)
}

/// The nodes of whoever is out go out of the cluster as well: one member acts, the others wait for it. Nothing where none is
/// left, which nobody can say while the cluster counts a node that may be anybody's.
pub(crate) fn taken_out<'a>(
    situation: &Situation<'a>,
    cluster: &Cluster,
    subject: &Member,
    own: &'a Member,
) -> Option<Decision> {
    let mut left: Vec<String> = cluster.of(subject).into_iter().map(|node| node.id.clone()).collect();
    if left.is_empty() {
        return cluster.nameless(situation, &format!("`{}`", subject.id));
    }
    left.sort_unstable();
    let actor = membership::actor(situation, own, subject);
    if actor == own.id {
        return Some(Decision::Steps(vec![steps::decommission_seen_here(situation, &left, "evict")]));
    }
    let message = format!("`{actor}` to take nodes {} of `{}` out of the cluster", left.join(", "), subject.id);
    Some(situation.wait(crate::cluster::questions(situation), message))
}
