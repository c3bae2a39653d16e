//! A member's daily state, and its duties while others come and go.

use crate::pooling::placement::Tolerance;
use crate::pooling::{Database, Situation, accepted_by, blocked, has_deployed, rotation, steps, trusted};
use crate::pooling_strategy::{
    AcknowledgementKind, Decision, Error, Finding, Member, MemberState, Observation, Probe, Severity, TlsOutcome,
};

/// Goal of a member that is asked whether another one is dead; parameter `member`.
pub const WITNESS: &str = "witness";
/// Name of the acknowledgement that none of a member's nodes answers; its one value is the member.
pub const SEEN_DEAD: &str = "seen-dead";

/// The member that all have agreed to put out.
pub fn put_out<'a, D: Database>(situation: &Situation<'a, D>) -> Option<&'a Member> {
    let open = situation.roster.open.as_ref().filter(|change| change.kind == "evict")?;
    situation.member(&open.subject).filter(|member| !member.is_self)
}

/// The one member that takes out the nodes of whoever is out: the first by name of those who have seen them dead, else of all
/// that are in the pool. Everybody reads it from the same records, so the others wait for the same one.
pub fn actor<'a, D: Database>(situation: &Situation<'a, D>, own: &'a Member, subject: &Member) -> &'a str {
    let in_pool = || situation.peers().filter(|peer| peer.id != subject.id).chain([own]);
    let has_seen =
        |member: &&'a Member| situation.said(member, SEEN_DEAD).is_some_and(|seen| seen == [subject.id.as_str()]);
    let first = |members: &mut dyn Iterator<Item = &'a Member>| members.map(|member| member.id.as_str()).min();
    first(&mut in_pool().filter(has_seen)).or_else(|| first(&mut in_pool())).unwrap_or(&own.id)
}

/// Looks whether a member is as dead as somebody says, and publishes that it is. `known` is what the database says of it: how
/// many of its nodes are live, or the look that tells; or why nothing could be done about it.
pub fn witness<'a, D: Database>(
    situation: &Situation<'a, D>,
    own: &'a Member,
    subject: &str,
    known: impl FnOnce(&'a Member) -> Result<usize, Decision>,
) -> Decision {
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
    let looks: Vec<Probe> = situation.accepts_us(member);
    if let Some(look) = situation.look(&looks) {
        return look;
    }
    let live = match known(member) {
        Ok(live) => live,
        Err(decision) => return decision,
    };
    let answers = looks.iter().filter(|look| !is_silent(situation.seen(look))).count();
    if answers + live > 0 {
        let message = format!("`{subject}` is not dead: {answers} of its nodes answer and {live} are live");
        let cure = "talk to it; whoever is only out of reach of its own people is not put out";
        return blocked(format!("member:{subject}"), message, cure, Some(subject));
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

/// The way out of the pool. `before` is everything that must be true before the first node is touched, `out` what follows once
/// our record says that we leave.
///
/// # Errors
///
/// [`Error`] where we are no member of the roster, and what `before` fails with.
pub fn leave<'a, D: Database>(
    situation: &Situation<'a, D>,
    before: impl FnOnce(&'a Member) -> Result<Decision, Error>,
    out: impl FnOnce(&'a Member) -> Decision,
) -> Result<Decision, Error> {
    let own = situation.own()?;
    match own.state {
        MemberState::Active => before(own),
        MemberState::Leaving => Ok(out(own)),
        MemberState::Gone => Ok(Decision::Done(vec![Finding {
            severity: Severity::Note,
            subject: format!("member:{}", own.id),
            message: "this organisation is out; its pods still run and nobody talks to them".into(),
            cure: Some("`hangar down` takes the instance down".into()),
            whose: None,
        }])),
        MemberState::Asking | MemberState::Joining => {
            Ok(blocked("pool", "this organisation is not in the pool", "nothing is left to leave", None))
        }
    }
}

/// What a member owes the others from day to day: its bundle, its proofs, its word on a rotation.
///
/// # Errors
///
/// [`Error`] where the database has no values for this instance.
pub fn daily<'a, D: Database>(situation: &Situation<'a, D>, own: &'a Member) -> Result<Decision, Error> {
    if let Some(decision) = admit(situation, own)? {
        return Ok(decision);
    }
    let duty = prove(situation, own).or_else(|| rotation::witness(situation, own));
    Ok(duty.unwrap_or_else(|| Decision::Done(Vec::new())))
}

/// Before a bundle leaves somebody out: the database counts no node of it any more. A joiner that was given up may have started
/// all the same, and a record that says `gone` proves nothing.
fn counted_still<'a, D: Database>(
    situation: &Situation<'a, D>,
    own: &'a Member,
    bundle: &[String],
    published: &[&String],
) -> Option<Decision> {
    let shrinks = published.iter().any(|fingerprint| !bundle.contains(fingerprint));
    if !shrinks {
        return None;
    }
    let inside: Vec<&str> = trusted(situation.roster).map(|member| member.id.as_str()).collect();
    let strangers = situation.roster.members.iter().filter(|member| !inside.contains(&member.id.as_str()));
    strangers.filter(|member| !member.is_self).find_map(|stranger| D::taken_out(situation, own, stranger))
}

/// The bundle, the source ranges and the addresses follow the roster; every node has loaded the bundle.
///
/// # Errors
///
/// [`Error`] where the database has no values for this instance.
pub(crate) fn admit<'a, D: Database>(situation: &Situation<'a, D>, own: &'a Member) -> Result<Option<Decision>, Error> {
    let bundle = situation.bundle();
    let mut published: Vec<&String> = Vec::new();
    for acknowledgement in &own.acknowledgements {
        if let AcknowledgementKind::Deployed(fingerprints) = &acknowledgement.kind {
            published.extend(fingerprints);
        }
    }
    let published_all = bundle.iter().all(|fingerprint| published.contains(&fingerprint));
    let key = release_key(situation);
    let applied = situation.did(&format!("apply-release/{key}"));
    let is_published = published_all && published.len() == bundle.len();
    if is_published && applied {
        return Ok(None);
    }
    if let Some(decision) = counted_still(situation, own, &bundle, &published) {
        return Ok(Some(decision));
    }
    let mut steps = steps::put_secrets(situation, "trust");
    // The host gives out leaves of our newest authority that all have loaded, and clients that run do not know it yet. Where the bundle
    // is there already, those leaves are the rotation's to put, in its order.
    if is_published && own.authorities.len() > 1 {
        steps.clear();
    }
    let release = steps::apply_release(situation, "trust", &key, |_| {}, &steps)?;
    steps.push(release);
    let mut loading = steps::load_bundle(situation, "trust", &steps);
    // A bundle is published once it was loaded, so what nobody can look for need not be done again.
    loading.retain(|step| !is_published || step.already_done.is_some());
    let mut acknowledge = steps::acknowledge(AcknowledgementKind::Deployed(bundle), "trust");
    acknowledge.requires.extend(loading.iter().map(|step| step.key.clone()));
    steps.extend(loading);
    steps.push(acknowledge);
    Ok(Some(Decision::Steps(steps)))
}

/// Once a joiner listens: its nodes answer a leaf of our authority, and our own part of the database knows all of them.
fn prove<D: Database>(situation: &Situation<'_, D>, own: &Member) -> Option<Decision> {
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
        let all = situation.accepts_us(member);
        if let Some(look) = situation.look(&all) {
            return Some(look);
        }
        if all.iter().all(|probe| situation.proved(probe)) {
            if let Some(decision) = D::lacks(situation, member) {
                return Some(decision);
            }
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

/// Names the release's content: another member, or another place of one, is another step.
fn release_key<D: Database>(situation: &Situation<'_, D>) -> String {
    let mut members: Vec<String> = trusted(situation.roster)
        .map(|member| {
            let nodes = member.nodes.iter().map(|node| format!("{}:{}", node.host, node.port));
            let mut all: Vec<String> = nodes.chain(member.egress.iter().cloned()).collect();
            all.insert(0, member.id.clone());
            all.join(" ")
        })
        .collect();
    members.sort_unstable();
    format!("operate/{}", steps::digest(&members))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pooling_strategy::TlsAnswer;

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
