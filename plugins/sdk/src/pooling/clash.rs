//! What no procedure may start with.

use crate::pooling::{blocked, trusted};
use crate::pooling_strategy::{Decision, Member, Roster};

/// Two members of one locality, mixed locality keys, or one subject for two authorities.
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
            if let Some(authority) = shared {
                let message =
                    format!("authorities of `{}` and `{}` share the subject `{}`", a.id, b.id, authority.subject);
                return Some(blocked(subject, message, "make an authority with a subject of its own", Some(&b.id)));
            }
        }
    }
    None
}
