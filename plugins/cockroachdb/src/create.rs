//! Founding: one member's nodes are initialised, exactly once in the pool's life.

use hangar_sdk::pooling_strategy::{Decision, Error, MemberState, Probe};
use serde_json::json;

use crate::probes::{self, CLUSTER_ID_SQL};
use crate::situation::{Readiness, Situation, blocked};
use crate::steps;

/// Says what comes next on the way to a founded pool.
pub(crate) fn decide(situation: &Situation<'_>) -> Result<Decision, Error> {
    let own = situation.own()?;
    if situation.roster.founder != own.id {
        let message =
            format!("`{}` founded this pool; founding it again would make a second cluster", situation.roster.founder);
        return Ok(blocked("pool", message, "`hangar pool request` asks to join it", None));
    }
    if own.state != MemberState::Active {
        return Ok(blocked("pool", "the founder's record is not active", "`hangar pool create` writes it", None));
    }
    if let Some(decision) = running(situation)? {
        return Ok(decision);
    }
    if let Some(decision) = initialised(situation) {
        return Ok(decision);
    }
    if let Some(decision) = identity(situation) {
        return Ok(decision);
    }
    serving(situation)
}

/// Certificates, release, running pods.
fn running(situation: &Situation<'_>) -> Result<Option<Decision>, Error> {
    match situation.deployed() {
        Err(look) => return Ok(Some(look)),
        Ok(true) => return Ok(None),
        Ok(false) => {}
    }
    let mut steps = steps::put_secrets(situation, "certificates")?;
    // No schema and no API before there is a database.
    let quiet = |values: &mut serde_json::Value| values["coreService"] = json!({"enabled": false});
    let release = steps::apply_release(situation, "release", "found", quiet, &steps)?;
    steps.push(release);
    Ok(Some(Decision::Steps(steps)))
}

/// The one `init`. Every own node is looked at just before: it runs only where all of them wait.
fn initialised(situation: &Situation<'_>) -> Option<Decision> {
    let ready: Vec<Probe> = situation.ordinals().map(|ordinal| probes::ready(&situation.names, ordinal)).collect();
    let unseen = situation.unseen(&ready);
    if !unseen.is_empty() {
        return Some(Decision::Look(unseen));
    }
    let states: Vec<Readiness> = ready.iter().map(|probe| situation.readiness(probe)).collect();
    if states.iter().all(|state| *state == Readiness::Serving) {
        return None;
    }
    // A pool whose identity is known was initialised, whatever its nodes say now.
    let founded = situation.intent.pool.cluster_id.is_some() || situation.facts.done.iter().any(|key| key == "init");
    if !founded && states.iter().all(|state| *state == Readiness::Uninitialised) {
        return Some(Decision::Steps(vec![steps::init(situation)]));
    }
    let serving = states.iter().filter(|state| **state == Readiness::Serving).count();
    let message = format!("{serving} of {} own nodes serve", states.len());
    Some(situation.wait(ready, message))
}

/// All own nodes say the same identity, and it is kept.
fn identity(situation: &Situation<'_>) -> Option<Decision> {
    let ids: Vec<Probe> = situation
        .ordinals()
        .map(|ordinal| probes::sql(&situation.names, ordinal, "cluster-id", CLUSTER_ID_SQL))
        .collect();
    let unseen = situation.unseen(&ids);
    if !unseen.is_empty() {
        return Some(Decision::Look(unseen));
    }
    let values: Vec<Option<&str>> = ids.iter().map(|probe| situation.value(probe)).collect();
    let Some(id) = values.first().copied().flatten() else {
        return Some(situation.wait(ids, "the first node's answer"));
    };
    if values.iter().any(Option::is_none) {
        return Some(situation.wait(ids, "every own node's answer"));
    }
    if values.iter().any(|value| *value != Some(id)) {
        return Some(two_clusters(&values));
    }
    match situation.intent.pool.cluster_id.as_deref() {
        Some(known) if known == id => None,
        Some(known) => Some(two_clusters(&[Some(known), Some(id)])),
        None => Some(Decision::Steps(vec![steps::record_cluster_id(id)])),
    }
}

/// Schema and API, once there is a database.
fn serving(situation: &Situation<'_>) -> Result<Decision, Error> {
    if situation.facts.done.iter().any(|key| key == "apply-release/serve") {
        // Ends as a member's daily state, so that the next `up` finds nothing to do.
        return crate::operate::decide(situation);
    }
    let schema = |values: &mut serde_json::Value| values["schema"] = json!({"run": true});
    Ok(Decision::Steps(vec![steps::apply_release(situation, "serve", "serve", schema, &[])?]))
}

pub(crate) fn two_clusters(ids: &[Option<&str>]) -> Decision {
    let ids: Vec<&str> = ids.iter().copied().flatten().collect();
    let message = format!("two database clusters: {}", ids.join(", "));
    blocked("pool", message, "they can never merge: keep the pool's, and wipe the volumes of the other's nodes", None)
}
