//! What no procedure may start with.

use crate::pooling::{blocked, trusted};
use crate::pooling_strategy::{Decision, Finding, Member, Roster, Severity};

/// Fact of a member: its nodes were of the cluster before there was a roster, under an authority that other tools made.
pub const ADOPTED: &str = "adopted";

/// Two members of one locality, mixed locality keys, or one subject for two authorities.
///
/// Other tools give every authority one subject. Of two members that were adopted with theirs a database tells them apart by
/// their keys, as it did before; `pool rotate-ca` of either ends it.
#[must_use]
pub fn clash(roster: &Roster) -> Option<Decision> {
    let members: Vec<_> = trusted(roster).collect();
    for (n, a) in members.iter().enumerate() {
        for b in &members[n + 1..] {
            let subject = format!("member:{}", b.id);
            let keys =
                |member: &Member| -> Vec<String> { member.locality.iter().map(|(key, _)| key.clone()).collect() };
            if a.locality == b.locality {
                let message = format!("`{}` and `{}` have one locality", a.id, b.id);
                return Some(blocked(subject, message, "give each organisation a locality of its own", Some(&b.id)));
            }
            if keys(a) != keys(b) {
                let message = format!("`{}` and `{}` have different locality tiers", a.id, b.id);
                return Some(blocked(subject, message, "use the same tiers in the same order", Some(&b.id)));
            }
            let shared = a.authorities.iter().find(|x| b.authorities.iter().any(|y| x.subject == y.subject));
            if let Some(authority) = shared.filter(|_| !(is_adopted(a) && is_adopted(b))) {
                let message =
                    format!("authorities of `{}` and `{}` share the subject `{}`", a.id, b.id, authority.subject);
                return Some(blocked(subject, message, "make an authority with a subject of its own", Some(&b.id)));
            }
        }
    }
    None
}

/// Whether a member came with an authority that other tools made, and still has it.
#[must_use]
pub fn is_adopted(member: &Member) -> bool {
    member.facts.iter().any(|(name, _)| name == ADOPTED)
}

/// Members whose authorities only their keys tell apart, each but the first of them to go over to one of its own.
#[must_use]
pub fn shared_subjects(roster: &Roster) -> Vec<Finding> {
    let mut members: Vec<&Member> = trusted(roster).collect();
    members.sort_by(|a, b| a.id.cmp(&b.id));
    let shares = |n: usize, member: &Member| {
        let mut before = members[..n].iter();
        let is_same =
            |a: &&&Member| a.authorities.iter().any(|x| member.authorities.iter().any(|y| x.subject == y.subject));
        before.find(is_same).map(|other| other.id.clone())
    };
    let found = members.iter().enumerate().filter_map(|(n, member)| Some((*member, shares(n, member)?)));
    let finding = |(member, other): (&Member, String)| Finding {
        severity: Severity::Warning,
        subject: format!("member:{}", member.id),
        message: format!(
            "the authorities of `{other}` and `{}` have one subject: only their keys tell them apart",
            member.id
        ),
        cure: Some("`hangar pool rotate-ca`, once its nodes are taken over".into()),
        whose: Some(member.id.clone()),
    };
    found.map(finding).collect()
}
