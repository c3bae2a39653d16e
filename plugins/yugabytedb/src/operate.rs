//! A member's daily state, and its duties while others come and go.

use hangar_sdk::pooling::{blocked, membership};
use hangar_sdk::pooling_strategy::{Decision, Error, MemberState};

use crate::database::Situation;
use crate::leave;

/// Says what this member owes the roster now.
pub(crate) fn decide(situation: &Situation<'_>) -> Result<Decision, Error> {
    let own = situation.own()?;
    if own.state == MemberState::Leaving {
        return leave::decide(situation);
    }
    if own.state != MemberState::Active {
        return Ok(blocked("pool", "this organisation is not in the pool", "`hangar pool join` enters it", None));
    }
    if let Some(subject) = membership::put_out(situation)
        && let Some(decision) = leave::taken_out(situation, own, subject)
    {
        return Ok(decision);
    }
    membership::daily(situation, own)
}
