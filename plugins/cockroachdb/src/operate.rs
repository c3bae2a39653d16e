//! A member's daily state, and its duties while others come.

use hangar_sdk::pooling::{blocked, membership};
use hangar_sdk::pooling_strategy::{Decision, Error, MemberState};

use crate::database::Situation;
use crate::{maintenance, retire, upgrade};

/// Says what this member owes the roster now.
pub(crate) fn decide(situation: &Situation<'_>) -> Result<Decision, Error> {
    let own = situation.own()?;
    if own.state == MemberState::Leaving {
        return crate::leave::decide(situation);
    }
    if own.state != MemberState::Active {
        return Ok(blocked("pool", "this organisation is not in the pool", "`hangar pool join` enters it", None));
    }
    if let Some(subject) = membership::put_out(situation)
        && let Some(decision) = crate::evict::decommissioned(situation, own, subject)
    {
        return Ok(decision);
    }
    // Before what waits for every node that the cluster counts to be live.
    if let Some(steps @ Decision::Steps(_)) = retire::replaced(situation, own) {
        return Ok(steps);
    }
    if let Some(decision) = crate::takeover::decide(situation, own)? {
        return Ok(decision);
    }
    if let Some(decision) = retire::shrunk(situation, own) {
        return Ok(decision);
    }
    if let Some(decision) = upgrade::decide(situation, own)? {
        return Ok(decision);
    }
    match membership::daily(situation, own)? {
        Decision::Done(findings) => {
            let rest = retire::left_over(situation, own)
                .or_else(|| maintenance::left_behind(situation, own))
                .or_else(|| upgrade::unfinished(situation, own));
            Ok(rest.unwrap_or(Decision::Done(findings)))
        }
        duty => Ok(duty),
    }
}
