//! What a strategy wants our record to say.

use hangar_engine::StepError;
use hangar_plan::strategy::action::Action;
use hangar_plan::strategy::member::MemberState;
use hangar_roster::{Proof, Record, State, next};

use super::{OwnRecord, RecordError};

impl OwnRecord {
    /// Whether our record says already what a strategy wants it to say.
    pub(crate) async fn shows(&self, action: &Action) -> bool {
        match self.wanted(action, 0) {
            Ok(next) => next.is_none(),
            // Why not is told when it is tried.
            Err(_) => false,
        }
    }

    /// Makes our record say what a strategy wants.
    pub(crate) async fn apply(&self, action: &Action, now_ms: u64) -> Result<(), StepError> {
        let advance = || self.advance(self.wanted(action, now_ms)?);
        Ok(advance().map(drop)?)
    }

    fn wanted(&self, action: &Action, now_ms: u64) -> Result<Option<Record>, RecordError> {
        let roster = self.roster();
        Ok(match action {
            Action::Acknowledge(kind) => {
                let proof = Proof::try_from(kind.clone()).map_err(RecordError::Strategy)?;
                next::acknowledge(&roster, proof, now_ms)?
            }
            Action::SetState(state) => next::state(&roster, lowered(*state), now_ms)?,
            Action::RecordClusterId(id) => next::cluster_id(&roster, id, now_ms)?,
            other => return Err(RecordError::Strategy(format!("{other:?}"))),
        })
    }
}

fn lowered(state: MemberState) -> State {
    match state {
        MemberState::Asking => State::Asking,
        MemberState::Joining => State::Joining,
        MemberState::Active => State::Active,
        MemberState::Leaving => State::Leaving,
        MemberState::Gone => State::Gone,
    }
}
