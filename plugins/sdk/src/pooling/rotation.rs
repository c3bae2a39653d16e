//! New leaves, and a new authority that overlaps the old one until every node of every member has proved it.

use crate::pooling::reissue::{held, reissued};
use crate::pooling::{Database, Situation, accepted_by, blocked, has_deployed, membership, steps};
use crate::pooling_strategy::{
    AcknowledgementKind, Authority, Awaiting, Certificate, Decision, Error, Member, Node, Observation, Probe,
};

/// Name of the acknowledgement that every node of a member shows a leaf of this authority: member and fingerprint.
pub const PRESENTS: &str = "presents";

/// Fact of the pool: the authority that this organisation goes over to.
const TARGET: &str = "authority";
/// Fact of the pool: leaves issued before this time are replaced.
const RENEW_BEFORE: &str = "renew-before";
const HOUR_MS: u64 = 3_600_000;

/// Replaces this instance's leaves under the authority it has.
///
/// # Errors
///
/// [`Error`] where the database has no values for this instance.
pub fn leaves<D: Database>(situation: &Situation<'_, D>) -> Result<Decision, Error> {
    if let Some(decision) = shrinking(situation, situation.own()?) {
        return Ok(decision);
    }
    let before: u64 = situation.fact(RENEW_BEFORE).and_then(|text| text.parse().ok()).unwrap_or_default();
    let now = situation.facts.now_ms;
    let held = match held(situation) {
        Ok(held) => held,
        Err(decision) => return Ok(decision),
    };
    // A leaf is dated back for clocks that are late, and ends to the second after its lifetime.
    let policy = situation.database.policy(situation.intent);
    let hours = policy.profiles.first().map_or(0, |profile| profile.lifetime_hours);
    let lifetime_ms = u64::from(hours) * HOUR_MS;
    let is_new = |leaf: &Certificate| {
        let issued_ms = leaf.not_after_ms.saturating_sub(lifetime_ms);
        (before..=now).contains(&issued_ms)
    };
    // Nobody calls a node whose leaf is over, and no client is let in by such a one: there is no health to wait for but that which new
    // leaves bring back. For the same reason the nodes load what was put, however the cluster is by then.
    let all = || held.iter().flat_map(|one| &one.leaves);
    let is_over = all().any(|leaf| leaf.not_after_ms <= now);
    let is_put = all().all(|leaf| is_new(leaf));
    if !is_over
        && !is_put
        && let Some(decision) = D::unhealthy(situation, "before certificates change")
    {
        return Ok(decision);
    }
    let left = reissued(situation, "leaves", &held, is_new)?;
    let left = left.or_else(|| D::unhealthy(situation, "after certificates have changed"));
    Ok(left.unwrap_or_else(|| Decision::Done(Vec::new())))
}

/// Replaces this organisation's authority, step by step with all other members.
///
/// # Errors
///
/// [`Error`] where the database has no values for this instance.
pub fn authority<D: Database>(situation: &Situation<'_, D>) -> Result<Decision, Error> {
    let own = situation.own()?;
    if let Some(decision) = shrinking(situation, own) {
        return Ok(decision);
    }
    let Some(target) = situation.fact(TARGET) else {
        return Ok(blocked("pool", "no new authority is named", "`hangar pool rotate-ca` makes one", None));
    };
    let new = own.authorities.iter().find(|authority| authority.fingerprint == target);
    if !situation.is_open("rotate-ca", &own.id) && own.authorities.len() == 1 {
        if new.is_some() {
            return Ok(Decision::Done(Vec::new()));
        }
        let members = situation.peers().map(|member| member.id.clone()).collect();
        let what = format!("accept the new authority of {}", own.id);
        return Ok(Decision::Awaiting(Awaiting { members, what, probes: Vec::new() }));
    }
    let Some(new) = new else {
        // The host publishes it once every voter's own record says that the change is open.
        let members = situation.peers().map(|member| member.id.clone()).collect();
        let what = format!("open the change of {}'s authority", own.id);
        return Ok(Decision::Awaiting(Awaiting { members, what, probes: Vec::new() }));
    };
    if let Some(decision) = membership::admit(situation, own)? {
        return Ok(decision);
    }
    let lacking = |says: &dyn Fn(&Member) -> bool| -> Vec<String> {
        situation.peers().filter(|peer| !says(peer)).map(|peer| peer.id.clone()).collect()
    };
    let awaiting =
        |members: Vec<String>, what: String| Decision::Awaiting(Awaiting { members, what, probes: Vec::new() });
    let not_loaded = lacking(&|peer| has_deployed(peer, new));
    if !not_loaded.is_empty() {
        return Ok(awaiting(not_loaded, format!("load the new authority of {} on every node", own.id)));
    }
    if own.authorities.len() == 1 {
        // The old one is out of our record: it goes out of every bundle, and that is all.
        let trusted: Vec<String> = situation.bundle();
        let has_old = |peer: &Member| situation.deployed_by(peer).iter().all(|one| trusted.contains(one));
        let behind = lacking(&has_old);
        if !behind.is_empty() {
            return Ok(awaiting(behind, format!("drop the old authority of {}", own.id)));
        }
        return Ok(Decision::Done(Vec::new()));
    }
    if let Some(decision) = accepted_everywhere(situation, own, new) {
        return Ok(decision);
    }
    let held = match held(situation) {
        Ok(held) => held,
        Err(decision) => return Ok(decision),
    };
    let subject = new.subject.clone();
    if let Some(decision) = reissued(situation, "authority", &held, |leaf| leaf.issuer == subject)? {
        return Ok(decision);
    }
    let wanted = [own.id.clone(), new.fingerprint.clone()];
    // Our own word comes first: who is alone in its pool has nobody else's, and may not drop what its nodes still show either.
    if situation.said(own, PRESENTS).is_none_or(|said| said != wanted) {
        let kind = AcknowledgementKind::Other((PRESENTS.into(), wanted.to_vec()));
        return Ok(Decision::Steps(vec![steps::acknowledge(kind, "proof")]));
    }
    let unproved = lacking(&|peer| situation.said(peer, PRESENTS).is_some_and(|said| said == wanted));
    if !unproved.is_empty() {
        return Ok(awaiting(unproved, format!("see every node of {} show its new authority", own.id)));
    }
    // The host takes the old one out of our record now.
    Ok(awaiting(vec![own.id.clone()], "publish that the old authority is dropped".into()))
}

/// Nodes of our record that the instance has no more. A rotation applies the release, by which their pods would go, and only `up`
/// takes them out of the database first.
fn shrinking<D: Database>(situation: &Situation<'_, D>, own: &Member) -> Option<Decision> {
    let goes = |node: &Node| situation.ordinals().all(|kept| kept != node.ordinal);
    let n_going = own.nodes.iter().filter(|node| goes(node)).count();
    let message = format!("{n_going} nodes of our record are none of the instance any more");
    let cure = "`hangar up` takes them out of the database first; then go on";
    (n_going > 0).then(|| blocked(format!("member:{}", own.id), message, cure, None))
}

/// Every node of every member answers a leaf of the new authority.
fn accepted_everywhere<D: Database>(situation: &Situation<'_, D>, own: &Member, new: &Authority) -> Option<Decision> {
    let peer = situation.peers().find(|peer| !accepted_by(own, &peer.id, new))?;
    let all = situation.accepts_us(peer);
    if let Some(look) = situation.look(&all) {
        return Some(look);
    }
    if all.iter().all(|probe| situation.proved(probe)) {
        let kind = AcknowledgementKind::AcceptedBy((peer.id.clone(), new.fingerprint.clone()));
        return Some(Decision::Steps(vec![steps::acknowledge(kind, "proof")]));
    }
    Some(situation.wait(all, format!("every node of `{}` to accept the new authority", peer.id)))
}

/// While another member goes over to a new authority: its nodes are seen to show it.
pub fn witness<D: Database>(situation: &Situation<'_, D>, own: &Member) -> Option<Decision> {
    let open = situation.roster.open.as_ref().filter(|change| change.kind == "rotate-ca")?;
    let subject = situation.peers().find(|peer| peer.id == open.subject)?;
    let [.., new] = subject.authorities.as_slice() else { return None };
    if subject.authorities.len() < 2 || !has_deployed(own, new) || !subject_is_ready(situation, subject, new) {
        return None;
    }
    let wanted = vec![subject.id.clone(), new.fingerprint.clone()];
    if situation.said(own, PRESENTS).is_some_and(|said| said == wanted) {
        return None;
    }
    let all = situation.accepts_us(subject);
    if let Some(look) = situation.look(&all) {
        return Some(look);
    }
    let shows = |probe: &Probe| {
        matches!(situation.seen(probe), Some(Observation::Tls(answer))
            if answer.peer_authority.as_deref() == Some(new.fingerprint.as_str()))
    };
    if !all.is_empty() && all.iter().all(|probe| shows(probe) && situation.proved(probe)) {
        let kind = AcknowledgementKind::Other((PRESENTS.into(), wanted));
        return Some(Decision::Steps(vec![steps::acknowledge(kind, "proof")]));
    }
    let open = all.iter().filter(|probe| !shows(probe)).count();
    let message = format!("{open} of {} nodes of `{}` to show its new authority", all.len(), subject.id);
    Some(situation.wait(all, message))
}

/// The subject has seen that everybody accepts it, so its leaves follow.
fn subject_is_ready<D: Database>(situation: &Situation<'_, D>, subject: &Member, new: &Authority) -> bool {
    let others = situation.roster.members.iter().filter(|member| {
        member.id != subject.id && (member.is_self || situation.peers().any(|peer| peer.id == member.id))
    });
    others.into_iter().all(|member| accepted_by(subject, &member.id, new))
}
