//! Joining: through both gates, and never by initialising.

use hangar_sdk::pooling::gates;
use hangar_sdk::pooling_strategy::{Decision, Error, MemberState, Observation, Probe};

use crate::cluster::Cluster;
use crate::database::{Readiness, Situation, readiness};
use crate::probes::{self, RANGES_SQL};

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
    if let Some(decision) = joined(situation) {
        return Ok(decision);
    }
    gates::before_serving(situation, own)
}

/// Every own node is in the pool's cluster, and has its share of replicas.
fn joined(situation: &Situation<'_>) -> Option<Decision> {
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
    if let Some(decision) = gates::one_identity(situation, probes::cluster_ids(situation), false) {
        return Some(decision);
    }
    // A node whose clock is far off is let in, and ends itself later, again and again.
    let cluster = match Cluster::seen(situation) {
        Ok(cluster) => cluster,
        Err(look) => return Some(look),
    };
    if let Some(decision) = cluster.skew() {
        return Some(decision);
    }
    let ranges = probes::sql(names, 0, "ranges", RANGES_SQL);
    if let Some(look) = situation.look(std::slice::from_ref(&ranges)) {
        return Some(look);
    }
    match situation.seen(&ranges) {
        Some(Observation::Rows(rows)) if rows.rows.first().is_some_and(|row| row.iter().all(is_zero)) => None,
        _ => Some(situation.wait(vec![ranges], "replicas to spread over the new nodes")),
    }
}

/// The sum of a counter over stores; NULL where there is no store yet.
#[expect(clippy::ref_option, reason = "the shape of a cell in an answer")]
fn is_zero(cell: &Option<String>) -> bool {
    cell.as_deref().is_some_and(|text| text.parse::<f64>().is_ok_and(|number| number == 0.0))
}
