//! Joining: through both gates, with masters that are added one by one and never found anything.

use hangar_sdk::pooling::gates;
use hangar_sdk::pooling_strategy::{Check, Decision, Error, Expectation, MemberState, Node};

use crate::database::Situation;
use crate::universe::{self, Universe};
use crate::verbs::{self, Change};
use crate::{placement, probes, values};

/// Says what comes next on the way into the pool.
pub(crate) fn decide(situation: &Situation<'_>) -> Result<Decision, Error> {
    let own = situation.own()?;
    if own.state == MemberState::Active {
        // Ends as a member's daily state, so that the next `up` finds nothing to do.
        return crate::operate::decide(situation);
    }
    if let Some(decision) = gates::before_start(situation, own) {
        return Ok(decision);
    }
    // Looked at before the first pod, where it would be too late.
    values::database(&situation.database.config, situation.intent, situation.roster)?;
    if let Some(decision) = gates::started(situation, "join")? {
        return Ok(decision);
    }
    if let Some(decision) = added(situation, &own.nodes) {
        return Ok(decision);
    }
    if let Some(decision) = joined(situation) {
        return Ok(decision);
    }
    gates::before_serving(situation, own)
}

/// Every own master is in the universe's consensus.
fn added(situation: &Situation<'_>, nodes: &[Node]) -> Option<Decision> {
    let names = &situation.database.names;
    let looks: Vec<_> = nodes.iter().map(|node| probes::masters(names, node.ordinal)).collect();
    if let Some(look) = situation.look(&looks) {
        return Some(look);
    }
    let is_in = |(node, probe): (&Node, _)| {
        universe::masters(situation, probe).is_some_and(|all| all.iter().any(|one| one.host == node.host && one.is_in))
    };
    let next = nodes.iter().zip(&looks).find(|each| !is_in(*each))?;
    let (node, look) = next;
    // A change of masters needs a majority of those that are in, and one change at a time. The universe's own tool refuses the rest.
    let listed = Check { probe: look.clone(), expectation: Expectation::Contains(format!("\"{}\"", node.host)) };
    let mut step = verbs::change_master(situation, node, Change::Add, "join");
    if situation.did(&step.key) {
        return Some(situation.wait(looks, format!("the master of `{}` to hear that it was added", node.host)));
    }
    step.already_done = Some(listed.clone());
    step.verify = Some(listed);
    Some(Decision::Steps(vec![step]))
}

/// Every own tablet server is alive in the pool's universe, copies lie here too, and everything has all of them.
fn joined(situation: &Situation<'_>) -> Option<Decision> {
    let universe = match Universe::seen(situation) {
        Ok(universe) => universe,
        Err(look) => return Some(look),
    };
    let own = situation.own().ok()?;
    if let Some(wait) = universe.lacks(situation, own) {
        return Some(wait);
    }
    if let Some(decision) = gates::one_identity(situation, probes::universe_ids(situation), false) {
        return Some(decision);
    }
    // Only once there is somebody to hold them: a block without a server keeps everything short of a copy.
    if let Some(decision) = placement::due(situation, situation.peers().chain([own]), "join") {
        return Some(decision);
    }
    let trouble = universe.trouble(situation)?;
    Some(situation.wait(universe::questions(situation), format!("the universe to be whole: {trouble}")))
}
