//! What the rules of voting make due.

use crate::change::{Change, Phase, Standing};
use crate::next::vote::{may_abandon, own_vote, with_vote};
use crate::next::{NextError, evict, successor};
use crate::record::Record;
use crate::roster::Roster;

/// What the rules of voting make due now, without anybody's decision: to open, to withdraw or to follow a withdrawal, to follow
/// who abandons, to empty the slot, to answer whoever asks whether we live, or to say that a withdrawal or a new key was seen. Called until
/// it returns nothing.
///
/// # Errors
///
/// [`NextError::Frozen`].
pub fn due(roster: &Roster, now_ms: u64) -> Result<Option<Record>, NextError> {
    if !roster.is_in_pool(roster.own()) {
        return Ok(None);
    }
    if let Some(record) = evict::due(roster, now_ms)? {
        return Ok(Some(record));
    }
    let next = match successor(roster, now_ms) {
        // Whom we are putting out is the forked one: nothing else is due meanwhile.
        Err(NextError::Frozen { .. }) if roster.own_record().record().eviction.is_some() => return Ok(None),
        next => next?,
    };
    let Some(vote) = own_vote(roster) else {
        return Ok(owes_sight(roster).then_some(next));
    };
    let change = vote.change.clone();
    let to = |phase| Some(with_vote(next.clone(), change.clone(), phase));
    let step = match vote.phase {
        Phase::Voted if roster.may_open(&change, now_ms) => to(Phase::Open),
        Phase::Voted if is_to_withdraw(roster, &change, now_ms) => to(Phase::Withdrawn),
        Phase::Withdrawn if roster.may_open(&change, now_ms) => to(Phase::Open),
        Phase::Withdrawn if roster.is_settled(&change, None) => Some(Record { vote: None, ..next.clone() }),
        Phase::Open if is_to_abandon(roster, &change, now_ms) => to(Phase::Abandoned),
        Phase::Done | Phase::Dropped if roster.is_closed(&change) => Some(Record { vote: None, ..next.clone() }),
        _ => None,
    };
    Ok(step.or_else(|| owes_sight(roster).then_some(next)))
}

fn is_to_withdraw(roster: &Roster, change: &Change, now_ms: u64) -> bool {
    if change.proposer == *roster.own() {
        return roster.must_withdraw(change, now_ms);
    }
    roster.standing(change) == Standing::Withdrawn
}

/// Another voter has abandoned it, and it is time by our own clock too.
fn is_to_abandon(roster: &Roster, change: &Change, now_ms: u64) -> bool {
    roster.standing(change) == Standing::Abandoned && may_abandon(roster, change, now_ms)
}

/// Whether somebody waits to hear that this member has seen a withdrawal, or a change of key.
fn owes_sight(roster: &Roster) -> bool {
    if roster.owes_sight_of_a_key() {
        return true;
    }
    let own = roster.own();
    let all = roster.changes().into_iter().chain(roster.evictions());
    all.filter(|change| change.proposer != *own && change.subject != *own).any(|change| {
        let withdrawn = roster.vote_for(&change.proposer, change).filter(|vote| vote.phase == Phase::Withdrawn);
        withdrawn.is_some_and(|vote| {
            roster.phase(own, change).is_none()
                && roster.seen_by(own, &change.proposer).is_none_or(|seen| seen.sequence < vote.since)
        })
    })
}
