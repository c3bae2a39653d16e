//! Joining: through both gates, and never by initialising.

use hangar_sdk::pooling_strategy::{
    AcknowledgementKind, Awaiting, Decision, Error, Member, MemberState, Observation, Probe,
};
use serde_json::json;

use crate::create::two_clusters;
use crate::probes::{self, CLUSTER_ID_SQL, RANGES_SQL};
use crate::situation::{Readiness, Situation, accepted_by, blocked, has_deployed};
use crate::steps;

/// Says what comes next on the way into the pool.
pub(crate) fn decide(situation: &Situation<'_>) -> Result<Decision, Error> {
    let own = situation.own()?;
    match own.state {
        // Ends as a member's daily state, so that the next `up` finds nothing to do.
        MemberState::Active => return crate::operate::decide(situation),
        MemberState::Asking | MemberState::Joining => {}
        MemberState::Leaving | MemberState::Gone => {
            return Ok(blocked("pool", "this organisation has left", "`hangar pool request` asks anew", None));
        }
    }
    let Some(authority) = own.authorities.first() else {
        return Ok(blocked("pool", "this organisation's record has no authority", "`hangar up` makes one", None));
    };
    let opened = situation.roster.open.as_ref().is_some_and(|change| change.kind == "join" && change.subject == own.id);
    if !opened {
        let members = situation.peers().map(|member| member.id.clone()).collect();
        let what = format!("accept {}", own.id);
        return Ok(Decision::Awaiting(Awaiting { members, what, probes: Vec::new() }));
    }
    let lacking: Vec<String> =
        situation.peers().filter(|member| !has_deployed(member, authority)).map(|member| member.id.clone()).collect();
    if !lacking.is_empty() {
        let what = format!("load the authority of {} on every node", own.id);
        return Ok(Decision::Awaiting(Awaiting { members: lacking, what, probes: Vec::new() }));
    }
    if let Some(decision) = first_gate(situation, own) {
        return Ok(decision);
    }
    // Others show us as joining once the change is open; saying so ourselves comes after the gate.
    let joining = steps::set_state(MemberState::Joining, "gate");
    if !situation.facts.done.contains(&joining.key) {
        return Ok(Decision::Steps(vec![joining]));
    }
    if let Some(decision) = started(situation)? {
        return Ok(decision);
    }
    if let Some(decision) = joined(situation) {
        return Ok(decision);
    }
    second_gate(situation, own)
}

/// Every node of every member answers a leaf of our authority.
fn first_gate(situation: &Situation<'_>, own: &Member) -> Option<Decision> {
    let authority = own.authorities.first()?;
    let open: Vec<&Member> = situation.peers().filter(|member| !accepted_by(own, &member.id, authority)).collect();
    if open.is_empty() {
        return None;
    }
    let probes_of =
        |member: &Member| -> Vec<Probe> { member.nodes.iter().map(|node| probes::accepts_us(member, node)).collect() };
    let all: Vec<Probe> = open.iter().flat_map(|member| probes_of(member)).collect();
    let unseen = situation.unseen(&all);
    if !unseen.is_empty() {
        return Some(Decision::Look(unseen));
    }
    let proved: Vec<_> = open
        .iter()
        .filter(|member| !member.nodes.is_empty() && probes_of(member).iter().all(|probe| situation.proved(probe)))
        .map(|member| {
            let kind = AcknowledgementKind::AcceptedBy((member.id.clone(), authority.fingerprint.clone()));
            steps::acknowledge(kind, "gate")
        })
        .collect();
    if !proved.is_empty() {
        return Some(Decision::Steps(proved));
    }
    let refused: Vec<&str> =
        all.iter().filter(|probe| !situation.proved(probe)).map(|probe| probe.id.as_str()).collect();
    let message = format!(
        "{} of {} member nodes to accept this organisation's authority ({})",
        refused.len(),
        all.len(),
        refused.join(", ")
    );
    Some(situation.wait(all, message))
}

/// Certificates with the full bundle, release, running pods. The API stays down until the second gate.
fn started(situation: &Situation<'_>) -> Result<Option<Decision>, Error> {
    match situation.deployed() {
        Err(look) => return Ok(Some(look)),
        Ok(true) => return Ok(None),
        Ok(false) => {}
    }
    let mut steps = steps::put_secrets(situation, "certificates")?;
    let quiet = |values: &mut serde_json::Value| values["coreService"] = json!({"enabled": false});
    let release = steps::apply_release(situation, "release", "join", quiet, &steps)?;
    steps.push(release);
    Ok(Some(Decision::Steps(steps)))
}

/// Every own node is in the pool's cluster, and has its share of replicas.
fn joined(situation: &Situation<'_>) -> Option<Decision> {
    let ready: Vec<Probe> = situation.ordinals().map(|ordinal| probes::ready(&situation.names, ordinal)).collect();
    let ids: Vec<Probe> = situation
        .ordinals()
        .map(|ordinal| probes::sql(&situation.names, ordinal, "cluster-id", CLUSTER_ID_SQL))
        .collect();
    let ranges = probes::sql(&situation.names, 0, "ranges", RANGES_SQL);
    let unseen = situation.unseen(&ready);
    if !unseen.is_empty() {
        return Some(Decision::Look(unseen));
    }
    let serving = ready.iter().filter(|probe| situation.readiness(probe) == Readiness::Serving).count();
    if serving < ready.len() {
        let message = format!("{serving} of {} own nodes have joined", ready.len());
        return Some(situation.wait(ready, message));
    }
    let mut questions = ids.clone();
    questions.push(ranges.clone());
    let unseen = situation.unseen(&questions);
    if !unseen.is_empty() {
        return Some(Decision::Look(unseen));
    }
    let Some(pool) = situation.intent.pool.cluster_id.as_deref() else {
        let cure = "the founder runs `hangar up`, which publishes it";
        return Some(blocked(
            "pool",
            "the founder's record does not name the pool's database",
            cure,
            Some(&situation.roster.founder),
        ));
    };
    let values: Vec<Option<&str>> = ids.iter().map(|probe| situation.value(probe)).collect();
    if values.iter().any(Option::is_none) {
        return Some(situation.wait(ids, "every own node's answer"));
    }
    if let Some(foreign) = values.iter().copied().flatten().find(|value| *value != pool) {
        return Some(two_clusters(&[Some(pool), Some(foreign)]));
    }
    match situation.seen(&ranges) {
        Some(Observation::Rows(rows)) if rows.rows.first().is_some_and(|row| row.iter().all(is_zero)) => None,
        _ => Some(situation.wait(vec![ranges], "replicas to spread over the new nodes")),
    }
}

/// Every member says that our nodes accept it; then the API may serve, and we are one of them.
fn second_gate(situation: &Situation<'_>, own: &Member) -> Result<Decision, Error> {
    let lacking: Vec<String> = situation
        .peers()
        .filter(|peer| !peer.authorities.iter().all(|authority| accepted_by(peer, &own.id, authority)))
        .map(|peer| peer.id.clone())
        .collect();
    if !lacking.is_empty() {
        let what = format!("prove that the nodes of {} accept them", own.id);
        return Ok(Decision::Awaiting(Awaiting { members: lacking, what, probes: Vec::new() }));
    }
    let serve = steps::apply_release(situation, "serve", "serve", |_| {}, &[])?;
    let mut active = steps::set_state(MemberState::Active, "serve");
    active.requires.push(serve.key.clone());
    Ok(Decision::Steps(vec![serve, active]))
}

/// The sum of a counter over stores; NULL where there is no store yet.
#[expect(clippy::ref_option, reason = "the shape of a cell in an answer")]
fn is_zero(cell: &Option<String>) -> bool {
    cell.as_deref().is_some_and(|text| text.parse::<f64>().is_ok_and(|number| number == 0.0))
}
