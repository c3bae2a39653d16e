//! Founding: one member's nodes are initialised, exactly once in the pool's life.

use hangar_sdk::pooling::gates;
use hangar_sdk::pooling_strategy::{Decision, Error, Probe};

use crate::database::{Readiness, Situation, readiness};
use crate::{probes, steps};

/// Says what comes next on the way to a founded pool.
pub(crate) fn decide(situation: &Situation<'_>) -> Result<Decision, Error> {
    let own = situation.own()?;
    if let Some(decision) = gates::before_founding(situation, own) {
        return Ok(decision);
    }
    if let Some(decision) = gates::started(situation, "found")? {
        return Ok(decision);
    }
    if let Some(decision) = initialised(situation) {
        return Ok(decision);
    }
    if let Some(decision) = gates::one_identity(situation, probes::cluster_ids(situation), true) {
        return Ok(decision);
    }
    if let Some(decision) = gates::served(situation)? {
        return Ok(decision);
    }
    // Ends as a member's daily state, so that the next `up` finds nothing to do.
    crate::operate::decide(situation)
}

/// The one `init`. Every own node is looked at just before: it runs only where all of them wait.
fn initialised(situation: &Situation<'_>) -> Option<Decision> {
    let names = &situation.database.names;
    let ready: Vec<Probe> = situation.ordinals().map(|ordinal| probes::ready(names, ordinal)).collect();
    if let Some(look) = situation.look(&ready) {
        return Some(look);
    }
    let states: Vec<Readiness> = ready.iter().map(|probe| readiness(situation, probe)).collect();
    if states.iter().all(|state| *state == Readiness::Serving) {
        return None;
    }
    // A pool whose identity is known was initialised, whatever its nodes say now.
    let founded = situation.intent.pool.cluster_id.is_some() || situation.did("init");
    if !founded && states.iter().all(|state| *state == Readiness::Uninitialised) {
        return Some(Decision::Steps(vec![steps::init(situation)]));
    }
    let serving = states.iter().filter(|state| **state == Readiness::Serving).count();
    let message = format!("{serving} of {} own nodes serve", states.len());
    Some(situation.wait(ready, message))
}
