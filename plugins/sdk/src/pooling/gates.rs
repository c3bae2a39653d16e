//! What stands before each stage: who may found, both gates of a join from the joiner's side (nobody starts before all let it
//! in, and none serves before it lets in all), and what must be true before anybody leaves.

use serde_json::json;

use crate::pooling::placement::{self, CONSENT, Tolerance};
use crate::pooling::{Database, Situation, accepted_by, blocked, has_deployed, steps};
use crate::pooling_strategy::{AcknowledgementKind, Awaiting, Decision, Error, Member, MemberState, Probe};

/// Phase of the gate before the joiner starts.
pub const GATE: &str = "gate";

/// Two identities where there must be one: they never become one again.
#[must_use]
pub fn two_clusters(ids: &[Option<&str>]) -> Decision {
    let ids: Vec<&str> = ids.iter().copied().flatten().collect();
    let message = format!("two database clusters: {}", ids.join(", "));
    blocked("pool", message, "they can never merge: keep the pool's, and wipe the volumes of the other's nodes", None)
}

/// Takes up the API's values that keep it down.
pub fn quiet(values: &mut serde_json::Value) {
    values["coreService"] = json!({"enabled": false});
}

/// Why this organisation may not found the pool; nothing if it may.
pub fn before_founding<D: Database>(situation: &Situation<'_, D>, own: &Member) -> Option<Decision> {
    if situation.roster.founder != own.id {
        let message =
            format!("`{}` founded this pool; founding it again would make a second cluster", situation.roster.founder);
        return Some(blocked("pool", message, "`hangar pool request` asks to join it", None));
    }
    let is_active = own.state == MemberState::Active;
    let message = "the founder's record is not active";
    (!is_active).then(|| blocked("pool", message, "`hangar pool create` writes it", None))
}

/// Schema and API, once there is a database; nothing once they were applied.
///
/// # Errors
///
/// [`Error`] where the database has no values for this instance.
pub fn served<D: Database>(situation: &Situation<'_, D>) -> Result<Option<Decision>, Error> {
    if situation.did("apply-release/serve") {
        return Ok(None);
    }
    let schema = |values: &mut serde_json::Value| values["schema"] = json!({"run": true});
    Ok(Some(Decision::Steps(vec![steps::apply_release(situation, "serve", "serve", schema, &[])?])))
}

/// What must be true before the first of our nodes is touched: somebody remains, what remains survives what it should, and all
/// have agreed.
pub fn before_leaving<D: Database>(situation: &Situation<'_, D>, own: &Member) -> Option<Decision> {
    let peers: Vec<&Member> = situation.peers().collect();
    if peers.is_empty() {
        let cure = "`hangar down` takes the instance and its data";
        return Some(blocked("pool", "nobody else is in the pool", cure, None));
    }
    let now = Tolerance::of(peers.iter().copied().chain([own]));
    let after = Tolerance::of(peers.iter().copied());
    if let Some(refusal) = placement::refuses(now, after, &own.id, situation.has(CONSENT)) {
        return Some(refusal);
    }
    if !situation.is_open("leave", &own.id) {
        let members = peers.iter().map(|member| member.id.clone()).collect();
        let what = format!("accept the leave of {}", own.id);
        return Some(Decision::Awaiting(Awaiting { members, what, probes: Vec::new() }));
    }
    D::unhealthy(situation, "before anything goes")
}

/// What stands between a joiner and its first pod: the votes, every member's bundle, a proof on every ordered pair, and its own
/// word that it is joining. Nothing once all of that is there.
///
/// Who has left does not come back by joining.
pub fn before_start<D: Database>(situation: &Situation<'_, D>, own: &Member) -> Option<Decision> {
    if matches!(own.state, MemberState::Leaving | MemberState::Gone) {
        return Some(blocked("pool", "this organisation has left", "`hangar pool request` asks anew", None));
    }
    let Some(authority) = own.authorities.first() else {
        return Some(blocked("pool", "this organisation's record has no authority", "`hangar up` makes one", None));
    };
    if !situation.is_open("join", &own.id) {
        let members = situation.peers().map(|member| member.id.clone()).collect();
        let what = format!("accept {}", own.id);
        return Some(Decision::Awaiting(Awaiting { members, what, probes: Vec::new() }));
    }
    let lacking: Vec<String> =
        situation.peers().filter(|member| !has_deployed(member, authority)).map(|member| member.id.clone()).collect();
    if !lacking.is_empty() {
        let what = format!("load the authority of {} on every node", own.id);
        return Some(Decision::Awaiting(Awaiting { members: lacking, what, probes: Vec::new() }));
    }
    if let Some(decision) = every_node_takes_us(situation, own) {
        return Some(decision);
    }
    // Others show us as joining once the change is open; saying so ourselves comes after the gate.
    let joining = steps::set_state(MemberState::Joining, GATE);
    (!situation.did(&joining.key)).then_some(Decision::Steps(vec![joining]))
}

/// Every node of every member answers a leaf of our authority.
fn every_node_takes_us<D: Database>(situation: &Situation<'_, D>, own: &Member) -> Option<Decision> {
    let authority = own.authorities.first()?;
    let open: Vec<&Member> = situation.peers().filter(|member| !accepted_by(own, &member.id, authority)).collect();
    if open.is_empty() {
        return None;
    }
    let all: Vec<Probe> = open.iter().flat_map(|member| situation.accepts_us(member)).collect();
    if let Some(look) = situation.look(&all) {
        return Some(look);
    }
    let proved: Vec<_> = open
        .iter()
        .filter(|member| {
            let probes = situation.accepts_us(member);
            !probes.is_empty() && probes.iter().all(|probe| situation.proved(probe))
        })
        .map(|member| {
            let kind = AcknowledgementKind::AcceptedBy((member.id.clone(), authority.fingerprint.clone()));
            steps::acknowledge(kind, GATE)
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

/// Certificates with the full bundle, release, running pods. The API stays down.
///
/// # Errors
///
/// [`Error`] where the database has no values for this instance.
pub fn started<D: Database>(situation: &Situation<'_, D>, key: &str) -> Result<Option<Decision>, Error> {
    match situation.deployed() {
        Err(look) => return Ok(Some(look)),
        Ok(true) => return Ok(None),
        Ok(false) => {}
    }
    let mut steps = steps::put_secrets(situation, "certificates");
    // No schema and no API before there is a database.
    let release = steps::apply_release(situation, "release", key, quiet, &steps)?;
    steps.push(release);
    Ok(Some(Decision::Steps(steps)))
}

/// Every member says that our nodes accept it; then the API may serve, and we are one of them.
///
/// # Errors
///
/// [`Error`] where the database has no values for this instance.
pub fn before_serving<D: Database>(situation: &Situation<'_, D>, own: &Member) -> Result<Decision, Error> {
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

/// All own nodes say the pool's identity, which the founder keeps where nobody has yet.
///
/// `ids` are the questions, one for each own node.
pub fn one_identity<D: Database>(situation: &Situation<'_, D>, ids: Vec<Probe>, founds: bool) -> Option<Decision> {
    if let Some(look) = situation.look(&ids) {
        return Some(look);
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
        None if founds => Some(Decision::Steps(vec![steps::record_cluster_id(id, "found")])),
        None => {
            let cure = "the founder runs `hangar up`, which publishes it";
            let message = "the founder's record does not name the pool's database";
            Some(blocked("pool", message, cure, Some(&situation.roster.founder)))
        }
    }
}
