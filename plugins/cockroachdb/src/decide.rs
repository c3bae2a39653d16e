//! The next decision for a goal.

use hangar_sdk::pooling_strategy::{Decision, Error, Facts, Goal, Intent, Roster};

use crate::situation::{Situation, blocked};
use crate::{create, evict, join, leave, operate, rotate};

/// Goal of a member that is asked whether another one is dead; parameter `member`.
pub(crate) const WITNESS: &str = "witness";

/// Says what to do next.
///
/// # Errors
///
/// [`Error::Invalid`] about the block, [`Error::Unsupported`] for a goal this version does not know.
pub fn decide(config: &str, intent: &Intent, roster: &Roster, facts: &Facts) -> Result<Decision, Error> {
    let situation = Situation::new(config, intent, roster, facts)?;
    if let Some(decision) = clash(&situation) {
        return Ok(decision);
    }
    match &intent.goal {
        Goal::Create => create::decide(&situation),
        Goal::Join => join::decide(&situation),
        Goal::Operate => operate::decide(&situation),
        Goal::Leave => leave::decide(&situation),
        Goal::RotateLeaves => rotate::leaves(&situation),
        Goal::RotateCa => rotate::authority(&situation),
        Goal::Other((name, parameters)) if name == WITNESS => {
            let subject = parameters.iter().find(|(name, _)| name == "member").map_or("", |(_, id)| id.as_str());
            Ok(evict::witness(&situation, situation.own()?, subject))
        }
        Goal::Other((name, _)) => Err(Error::Unsupported(name.clone())),
    }
}

/// What no procedure may start with: two members of one locality, mixed locality keys, one subject for two authorities.
fn clash(situation: &Situation<'_>) -> Option<Decision> {
    let members: Vec<_> = crate::situation::trusted(situation.roster).collect();
    for (n, a) in members.iter().enumerate() {
        for b in &members[n + 1..] {
            let subject = format!("member:{}", b.id);
            let keys = |member: &hangar_sdk::pooling_strategy::Member| -> Vec<String> {
                member.locality.iter().map(|(key, _)| key.clone()).collect()
            };
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
