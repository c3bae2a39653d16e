//! A member's daily state, and its duties while others come.

use hangar_sdk::pooling_strategy::{AcknowledgementKind, Decision, Error, Member, MemberState, Probe};

use crate::cluster::Cluster;
use crate::probes;
use crate::situation::{Situation, accepted_by, blocked, has_deployed};
use crate::steps;

/// Says what this member owes the roster now.
pub(crate) fn decide(situation: &Situation<'_>) -> Result<Decision, Error> {
    let own = situation.own()?;
    if own.state == MemberState::Leaving {
        return crate::leave::decide(situation);
    }
    if own.state != MemberState::Active {
        return Ok(blocked("pool", "this organisation is not in the pool", "`hangar pool join` enters it", None));
    }
    if let Some(subject) = put_out(situation)
        && let Some(decision) = crate::evict::decommissioned(situation, own, subject)
    {
        return Ok(decision);
    }
    if let Some(decision) = admit(situation, own)? {
        return Ok(decision);
    }
    if let Some(decision) = prove(situation, own) {
        return Ok(decision);
    }
    if let Some(decision) = crate::rotate::witness(situation, own) {
        return Ok(decision);
    }
    Ok(Decision::Done(Vec::new()))
}

/// The member that all have agreed to put out.
fn put_out<'a>(situation: &Situation<'a>) -> Option<&'a Member> {
    let open = situation.roster.open.as_ref().filter(|change| change.kind == "evict")?;
    situation.member(&open.subject).filter(|member| !member.is_self)
}

/// Before a bundle leaves somebody out: the cluster counts no node of it any more. A joiner that was given up may have started
/// all the same, and a record that says `gone` proves nothing.
fn counted_still(
    situation: &Situation<'_>,
    own: &Member,
    bundle: &[String],
    published: &[&String],
) -> Option<Decision> {
    let shrinks = published.iter().any(|fingerprint| !bundle.contains(fingerprint));
    if !shrinks {
        return None;
    }
    let trusted: Vec<&str> = crate::situation::trusted(situation.roster).map(|member| member.id.as_str()).collect();
    let strangers = situation.roster.members.iter().filter(|member| !trusted.contains(&member.id.as_str()));
    let strangers: Vec<&Member> = strangers.filter(|member| !member.is_self).collect();
    if strangers.is_empty() {
        return None;
    }
    let cluster = match Cluster::seen(situation) {
        Ok(cluster) => cluster,
        Err(look) => return Some(look),
    };
    let actor = situation.peers().map(|peer| peer.id.as_str()).chain([own.id.as_str()]).min();
    let actor = actor.unwrap_or(&own.id);
    strangers.into_iter().find_map(|stranger| crate::evict::taken_out(situation, &cluster, stranger, actor, own))
}

/// The bundle, the source ranges and the join list follow the roster; every node has loaded the bundle.
pub(crate) fn admit(situation: &Situation<'_>, own: &Member) -> Result<Option<Decision>, Error> {
    let bundle = situation.bundle();
    let mut published: Vec<&String> = Vec::new();
    for acknowledgement in &own.acknowledgements {
        if let AcknowledgementKind::Deployed(fingerprints) = &acknowledgement.kind {
            published.extend(fingerprints);
        }
    }
    let published_all = bundle.iter().all(|fingerprint| published.contains(&fingerprint));
    let key = release_key(situation);
    let applied = situation.facts.done.iter().any(|done| *done == format!("apply-release/{key}"));
    if published_all && published.len() == bundle.len() && applied {
        return Ok(None);
    }
    if let Some(decision) = counted_still(situation, own, &bundle, &published) {
        return Ok(Some(decision));
    }
    let mut steps = steps::put_secrets(situation, "trust")?;
    let release = steps::apply_release(situation, "trust", &key, |_| {}, &steps)?;
    steps.push(release);
    let reload = steps::reload(situation, "trust", &steps);
    let mut acknowledge = steps::acknowledge(AcknowledgementKind::Deployed(bundle), "trust");
    acknowledge.requires.push(reload.key.clone());
    steps.extend([reload, acknowledge]);
    Ok(Some(Decision::Steps(steps)))
}

/// Once the joiner listens: its nodes answer a leaf of our authority.
fn prove(situation: &Situation<'_>, own: &Member) -> Option<Decision> {
    let authority = own.authorities.first()?;
    let newcomers = situation
        .roster
        .members
        .iter()
        .filter(|member| member.state == MemberState::Joining && !accepted_by(own, &member.id, authority));
    for member in newcomers {
        if !has_deployed(own, member.authorities.first()?) {
            continue;
        }
        let all: Vec<Probe> = member.nodes.iter().map(|node| probes::accepts_us(member, node)).collect();
        let unseen = situation.unseen(&all);
        if !unseen.is_empty() {
            return Some(Decision::Look(unseen));
        }
        if all.iter().all(|probe| situation.proved(probe)) {
            let kind = AcknowledgementKind::AcceptedBy((member.id.clone(), authority.fingerprint.clone()));
            return Some(Decision::Steps(vec![steps::acknowledge(kind, "proof")]));
        }
        let open = all.iter().filter(|probe| !situation.proved(probe)).count();
        let message =
            format!("{open} of {} nodes of `{}` to accept this organisation's authority", all.len(), member.id);
        return Some(situation.wait(all, message));
    }
    None
}

/// Names the release's content: a change of members is another step.
fn release_key(situation: &Situation<'_>) -> String {
    let mut members: Vec<String> = crate::situation::trusted(situation.roster)
        .map(|member| format!("{}.{}", member.id, member.nodes.len()))
        .collect();
    members.sort_unstable();
    format!("operate/{}", steps::digest(&members))
}
