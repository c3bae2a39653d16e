//! Leaving: copies go elsewhere, masters out of the consensus one by one, and only then the authority out of the bundles.

use hangar_sdk::pooling::{blocked, gates, membership, steps};
use hangar_sdk::pooling_strategy::{Decision, Error, Member, MemberState, Node, Probe};

use crate::database::Situation;
use crate::universe::{self, Universe};
use crate::verbs::{self, Change};
use crate::{placement, probes};

/// Says what comes next on the way out of the pool.
pub(crate) fn decide(situation: &Situation<'_>) -> Result<Decision, Error> {
    membership::leave(situation, |own| before(situation, own), |own| out(situation, own))
}

/// Everything that must be true before the first node is touched.
fn before(situation: &Situation<'_>, own: &Member) -> Result<Decision, Error> {
    if let Some(decision) = gates::before_leaving(situation, own) {
        return Ok(decision);
    }
    // No request is answered by an instance whose nodes are going.
    let quiet = steps::apply_release(situation, "leave", "leave", gates::quiet, &[])?;
    let mut leaving = steps::set_state(MemberState::Leaving, "leave");
    leaving.requires.push(quiet.key.clone());
    Ok(Decision::Steps(vec![quiet, leaving]))
}

/// Tablets first: while a tablet server of ours holds any, a master of ours still tells. Then masters, one by one.
fn out(situation: &Situation<'_>, own: &Member) -> Decision {
    let looks: Vec<_> = own.nodes.iter().map(|node| probes::masters(&situation.database.names, node.ordinal)).collect();
    if let Some(look) = situation.look(&looks) {
        return look;
    }
    let is_in = |(node, probe): &(&Node, &_)| {
        universe::masters(situation, probe).is_some_and(|all| all.iter().any(|one| one.host == node.host))
    };
    let left: Vec<&Node> = own.nodes.iter().zip(&looks).filter(is_in).map(|(node, _)| node).collect();
    let Some(next) = left.last() else { return Decision::Steps(vec![steps::set_state(MemberState::Gone, "leave")]) };
    // Copies that have to lie here would never go.
    if let Some(decision) = placement::due(situation, situation.peers(), "leave") {
        return decision;
    }
    let blacklist = verbs::blacklist(situation, &own.nodes, "leave");
    if !situation.did(&blacklist.key) {
        return Decision::Steps(vec![blacklist]);
    }
    // The highest goes first, so the lowest tells to the end.
    if left.len() == own.nodes.len() {
        let universe = match Universe::seen(situation) {
            Ok(universe) => universe,
            Err(look) => return look,
        };
        let n_tablets: u64 = universe.tablet_servers_of(own).into_iter().map(|one| one.n_tablets).sum();
        if n_tablets > 0 {
            return situation.wait(universe::questions(situation), format!("{n_tablets} copies to move off our nodes"));
        }
    }
    let leads = |probe| {
        universe::masters(situation, probe)
            .is_some_and(|all| all.iter().any(|one| one.host == next.host && one.is_leader))
    };
    let leads = looks.iter().any(leads);
    removal(situation, next, leads, looks, "leave")
}

/// The next step by which one master goes. One that leads steps down first, or the universe would be without a leader until somebody
/// misses it.
fn removal(situation: &Situation<'_>, node: &Node, leads: bool, looks: Vec<Probe>, phase: &str) -> Decision {
    let step = if leads {
        verbs::step_down(situation, node, phase)
    } else {
        verbs::change_master(situation, node, Change::Remove, phase)
    };
    if !situation.did(&step.key) {
        return Decision::Steps(vec![step]);
    }
    let what = if leads { "to lead no more" } else { "to count no more" };
    situation.wait(looks, format!("the master of `{}` {what}", node.host))
}

/// The masters and the tablets of whoever is out go as well: one member acts, the others wait for it. Nothing where none is left.
pub(crate) fn taken_out<'a>(situation: &Situation<'a>, own: &'a Member, subject: &Member) -> Option<Decision> {
    let universe = match Universe::seen(situation) {
        Ok(universe) => universe,
        Err(look) => return Some(look),
    };
    let holding: Vec<_> = universe.tablet_servers_of(subject).into_iter().filter(|one| one.n_tablets > 0).collect();
    let masters = universe.masters_of(subject);
    if holding.is_empty() && masters.is_empty() {
        return None;
    }
    let looks = universe::questions(situation);
    let actor = membership::actor(situation, own, subject);
    if actor != own.id {
        return Some(
            situation.wait(looks, format!("`{actor}` to take the nodes of `{}` out of the universe", subject.id)),
        );
    }
    let rest = situation.peers().filter(|peer| peer.id != subject.id).chain([own]);
    if let Some(decision) = placement::due(situation, rest, "evict") {
        return Some(decision);
    }
    if !holding.is_empty() {
        let blacklist = verbs::blacklist(situation, &subject.nodes, "evict");
        if !situation.did(&blacklist.key) {
            return Some(Decision::Steps(vec![blacklist]));
        }
        return Some(situation.wait(looks, format!("every copy to move off the nodes of `{}`", subject.id)));
    }
    let next = subject.nodes.iter().find(|node| masters.iter().any(|master| master.host == node.host))?;
    let remaining = universe.masters.len() - 1;
    let taking_part = universe.masters.iter().filter(|master| master.is_in && master.host != next.host).count();
    if 2 * taking_part <= remaining {
        let message = format!("{taking_part} of {remaining} masters would take part: no majority");
        return Some(blocked("pool", message, "bring a master back first", None));
    }
    let leads = masters.iter().any(|master| master.host == next.host && master.is_leader);
    Some(removal(situation, next, leads, looks, "evict"))
}
