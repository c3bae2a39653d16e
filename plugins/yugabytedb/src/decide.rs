//! The next decision for a goal.

use hangar_sdk::pooling::membership::WITNESS;
use hangar_sdk::pooling::{blocked, clash, membership, rotation};
use hangar_sdk::pooling_strategy::{Decision, Error, Facts, Goal, Intent, Member, Roster};

use crate::universe::Universe;
use crate::{create, database, join, leave, operate};

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
    if !intent.instance.image.contains("yugabyte") {
        let message = format!("the instance's database image is `{}`, which is no YugabyteDB", intent.instance.image);
        let cure = "set `database_image`, such as `docker.io/interuss/yugabyte:2025.1.2.1-interuss`";
        return Ok(blocked("instance", message, cure, None));
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
            let live = |member: &Member| {
                let universe = Universe::seen(&situation)?;
                Ok(universe.tablet_servers_of(member).into_iter().filter(|one| one.is_alive).count())
            };
            Ok(membership::witness(&situation, situation.own()?, subject, live))
        }
        Goal::Other((name, _)) => Err(Error::Unsupported(name.clone())),
    }
}
