//! What a member owes the roster now, found out without acting.

use hangar_plan::strategy::action::{Action, Step};
use hangar_plan::strategy::decision::Decision;
use hangar_plan::strategy::intent::Intent;
use hangar_plan::strategy::member::{Acknowledgement, AcknowledgementKind, Roster};
use hangar_plan::strategy::observation::Facts;

use crate::error::PoolError;
use crate::expectation::holds;
use crate::hands::Hands;
use crate::memory::Memory;
use crate::own::OwnRecord;
use crate::strategy::Strategy;
use crate::strategy_step::can_hands_tell;

/// Rounds after which a strategy has lost its way.
const ROUNDS: usize = 30;

/// What a member owes: what would act now, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Owed {
    /// Phases of the steps that would act.
    pub phases: Vec<String>,
    /// Values over the operator's, of each release that would be applied.
    pub releases: Vec<String>,
    /// Whether the world or another member comes first, so that what would act is not known yet.
    pub waits: bool,
}

/// Says what would act now; nothing where everything is as it should be. Looks only.
///
/// Steps that are done already are passed over as the engine would; what comes after the first that would act is not known yet.
/// Words of the strategy's own are taken as said, since what they are for comes after them.
///
/// # Errors
///
/// [`PoolError`] where looking or deciding failed.
pub async fn owed(
    strategy: &dyn Strategy,
    hands: &dyn Hands,
    own: &OwnRecord,
    intent: &Intent,
) -> Result<Owed, PoolError> {
    let mut memory = Memory::default();
    let mut done: Vec<String> = Vec::new();
    let mut intent = intent.clone();
    intent.pool.cluster_id = own.roster().genesis().and_then(|genesis| genesis.cluster_id.clone());
    let mut roster = own.view();
    let mut owed = Owed::default();
    for _ in 0..ROUNDS {
        let facts = Facts {
            now_ms: hands.now_ms(),
            observations: memory.observations(),
            in_doubt: Vec::new(),
            done: done.clone(),
            issued: Vec::new(),
        };
        match strategy.decide(&intent, &roster, &facts).await.map_err(PoolError::Strategy)? {
            Decision::Look(probes) => memory.keep(hands.look(&probes).await.map_err(PoolError::Look)?),
            Decision::Steps(steps) => {
                let mut is_more_than_words = false;
                for step in &steps {
                    if !is_done(step, hands, own).await? {
                        owed.add(step);
                        is_more_than_words |= !say(&mut roster, &step.action, hands.now_ms());
                    }
                }
                if is_more_than_words {
                    return Ok(owed);
                }
                done.extend(steps.into_iter().map(|step| step.key));
            }
            Decision::Wait(_) | Decision::Awaiting(_) => return Ok(Owed { waits: true, ..owed }),
            Decision::Done(_) | Decision::Blocked(_) => return Ok(owed),
        }
    }
    Err(PoolError::Undecided(ROUNDS))
}

impl Owed {
    fn add(&mut self, step: &Step) {
        if !self.phases.contains(&step.phase) {
            self.phases.push(step.phase.clone());
        }
        if let Action::ApplyRelease(overlay) = &step.action {
            self.releases.push(overlay.clone());
        }
    }
}

/// Lets our record of this roster say what a strategy names; says whether it is such a word.
fn say(roster: &mut Roster, action: &Action, at_ms: u64) -> bool {
    let Action::Acknowledge(kind @ AcknowledgementKind::Other((name, _))) = action else { return false };
    let is_former =
        |said: &AcknowledgementKind| matches!(said, AcknowledgementKind::Other((former, _)) if former == name);
    for own in roster.members.iter_mut().filter(|member| member.is_self) {
        own.acknowledgements.retain(|said| !is_former(&said.kind));
        own.acknowledgements.push(Acknowledgement { kind: kind.clone(), at_ms });
    }
    true
}

async fn is_done(step: &Step, hands: &dyn Hands, own: &OwnRecord) -> Result<bool, PoolError> {
    if matches!(step.action, Action::Acknowledge(_) | Action::SetState(_) | Action::RecordClusterId(_)) {
        return Ok(own.shows(&step.action).await);
    }
    if let Some(check) = &step.already_done {
        let facts = hands.look(std::slice::from_ref(&check.probe)).await.map_err(PoolError::Look)?;
        if !facts.first().is_some_and(|fact| holds(&check.expectation, &fact.observation)) {
            return Ok(false);
        }
    } else if !can_hands_tell(&step.action) {
        return Ok(false);
    }
    hands.is_done(&step.action).await.map_err(PoolError::Look)
}

#[cfg(test)]
mod tests;
