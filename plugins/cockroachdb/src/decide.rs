//! The next decision for a goal.

use hangar_sdk::pooling::membership::WITNESS;
use hangar_sdk::pooling::{clash, rotation};
use hangar_sdk::pooling_strategy::{Decision, Error, Facts, Goal, Intent, Roster};

use crate::adopt::ADOPT;
use crate::{adopt, create, database, evict, join, leave, operate, upgrade};

/// Says what to do next.
///
/// # Errors
///
/// [`Error::Invalid`] about the block, [`Error::Unsupported`] for a goal this version does not know.
pub fn decide(config: &str, intent: &Intent, roster: &Roster, facts: &Facts) -> Result<Decision, Error> {
    let situation = database::situation(config, intent, roster, facts)?;
    if let Some(decision) = clash(roster) {
        return Ok(decision);
    }
    if matches!(intent.goal, Goal::Leave | Goal::RotateLeaves | Goal::RotateCa)
        && let Some(decision) = upgrade::pending(&situation, situation.own()?)
    {
        return Ok(decision);
    }
    match &intent.goal {
        Goal::Create => create::decide(&situation),
        Goal::Join => join::decide(&situation),
        Goal::Operate => operate::decide(&situation),
        Goal::Leave => leave::decide(&situation),
        Goal::RotateLeaves => rotation::leaves(&situation),
        Goal::RotateCa => rotation::authority(&situation),
        Goal::Other((name, parameters)) if name == WITNESS => {
            let subject = parameters.iter().find(|(name, _)| name == "member").map_or("", |(_, id)| id.as_str());
            Ok(evict::witness(&situation, situation.own()?, subject))
        }
        Goal::Other((name, _)) if name == ADOPT => adopt::decide(&situation),
        Goal::Other((name, _)) => Err(Error::Unsupported(name.clone())),
    }
}
