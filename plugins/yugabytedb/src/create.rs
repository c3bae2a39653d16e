//! Founding: one member's masters, all new and alone with each other, make a universe when they start.

use hangar_sdk::pooling::{blocked, gates};
use hangar_sdk::pooling_strategy::{Decision, Error};

use crate::database::Situation;
use crate::probes;
use crate::universe::{self, Universe};

/// Says what comes next on the way to a founded pool.
pub(crate) fn decide(situation: &Situation<'_>) -> Result<Decision, Error> {
    let own = situation.own()?;
    if let Some(decision) = gates::before_founding(situation, own) {
        return Ok(decision);
    }
    let (n_nodes, factor) = (situation.intent.instance.nodes.len(), situation.database.config.replication_factor);
    if n_nodes < factor {
        let message = format!("{n_nodes} nodes cannot hold {factor} copies, and a founder begins alone");
        let cure = "set `nodes` of the instance to as many at least, or `replication_factor = 1` for a trial";
        return Ok(blocked(format!("member:{}", own.id), message, cure, None));
    }
    if let Some(decision) = gates::started(situation, "found")? {
        return Ok(decision);
    }
    if let Some(decision) = formed(situation) {
        return Ok(decision);
    }
    if let Some(decision) = gates::one_identity(situation, probes::universe_ids(situation), true) {
        return Ok(decision);
    }
    if let Some(decision) = gates::served(situation)? {
        return Ok(decision);
    }
    // Ends as a member's daily state, so that the next `up` finds nothing to do.
    crate::operate::decide(situation)
}

/// Every own master takes part, every own tablet server is alive.
fn formed(situation: &Situation<'_>) -> Option<Decision> {
    let universe = match Universe::seen(situation) {
        Ok(universe) => universe,
        Err(look) => return Some(look),
    };
    let own = situation.own().ok()?;
    let n_wanted = own.nodes.len();
    let n_masters = universe.masters_of(own).into_iter().filter(|master| master.is_in).count();
    let n_servers = universe.tablet_servers_of(own).into_iter().filter(|one| one.is_alive).count();
    if n_masters == n_wanted && n_servers == n_wanted && universe.trouble(situation).is_none() {
        return None;
    }
    let message = format!("{n_masters} masters and {n_servers} tablet servers of {n_wanted} nodes to form a universe");
    Some(situation.wait(universe::questions(situation), message))
}
