//! Joining: through both gates, and never by initialising.

use hangar_sdk::pooling::gates;
use hangar_sdk::pooling_strategy::{Decision, Error, Member, MemberState, Observation, Probe};

use crate::cluster::{self, Cluster, Known, REPLICAS};
use crate::database::{Readiness, Situation, readiness};
use crate::probes::{self, REPLICAS_SQL};

/// Says what comes next on the way into the pool.
pub(crate) fn decide(situation: &Situation<'_>) -> Result<Decision, Error> {
    let own = situation.own()?;
    if own.state == MemberState::Active {
        // Ends as a member's daily state, so that the next `up` finds nothing to do.
        return crate::operate::decide(situation);
    }
    // Looked at before anything starts: a node of another series would be refused, or hold the pool's next upgrade.
    if !situation.did("set-state/joining")
        && let Some(decision) = crate::upgrade::before_joining(situation, own)
    {
        return Ok(decision);
    }
    if let Some(decision) = gates::before_start(situation, own) {
        return Ok(decision);
    }
    if let Some(decision) = gates::started(situation, "join")? {
        return Ok(decision);
    }
    if let Some(decision) = joined(situation, own) {
        return Ok(decision);
    }
    gates::before_serving(situation, own)
}

/// Every own node is in the pool's cluster, at the address that all know, and holds replicas.
fn joined(situation: &Situation<'_>, own: &Member) -> Option<Decision> {
    let names = &situation.database.names;
    let ready: Vec<Probe> = situation.ordinals().map(|ordinal| probes::ready(names, ordinal)).collect();
    if let Some(look) = situation.look(&ready) {
        return Some(look);
    }
    let serving = ready.iter().filter(|probe| readiness(situation, probe) == Readiness::Serving).count();
    if serving < ready.len() {
        let message = format!("{serving} of {} own nodes have joined", ready.len());
        return Some(situation.wait(ready, message));
    }
    // Asked in one round, since each is a Job.
    let ids = probes::cluster_ids(situation);
    let replicas = probes::sql(names, cluster::gateway(situation), "replicas", REPLICAS_SQL);
    let all: Vec<Probe> = ids.iter().cloned().chain(cluster::questions(situation)).chain([replicas.clone()]).collect();
    if let Some(look) = situation.look(&all) {
        return Some(look);
    }
    if let Some(decision) = gates::one_identity(situation, ids, false) {
        return Some(decision);
    }
    // A node whose clock is far off is let in, and ends itself later, again and again.
    let cluster = match Cluster::seen(situation) {
        Ok(cluster) => cluster,
        Err(look) => return Some(look),
    };
    if let Some(decision) = cluster.skew().or_else(|| cluster.lacks(situation, own)) {
        return Some(decision);
    }
    if cluster.nodes.iter().filter(|node| node.is_in()).count() < REPLICAS {
        // Nobody has room for what is missing before somebody else joins.
        return None;
    }
    let waits =
        |probes, what: &str| Some(situation.wait(probes, format!("replicas to spread over the new nodes: {what}")));
    if let Some(trouble) = cluster.ranges() {
        return waits(cluster::questions(situation), &trouble);
    }
    let is_empty = |node: &&Known| node.is_live && !holds(situation.seen(&replicas), node);
    let empty = cluster.of(own).into_iter().find(is_empty)?;
    waits(vec![replicas], &format!("node {} holds none yet", empty.id))
}

/// Whether a node has a replica, by what was seen.
fn holds(seen: Option<&Observation>, node: &Known) -> bool {
    let Some(Observation::Rows(rows)) = seen else { return false };
    let cell = |row: &[Option<String>], column: usize| row.get(column).cloned().flatten();
    let count = |row: &[Option<String>]| cell(row, 1)?.parse::<f64>().ok();
    rows.rows.iter().any(|row| cell(row, 0).as_ref() == Some(&node.id) && count(row) > Some(0.0))
}
