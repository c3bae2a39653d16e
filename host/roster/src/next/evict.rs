//! Records that put a member out, or vouch for one that lost its key.
//!
//! Both are for the time when a member cannot or must not speak for itself, so neither is stopped by a fork of that very member.

use crate::change::{Change, Kind, Phase, Standing, Vote};
use crate::digest::{KeyFingerprint, RecordDigest};
use crate::name::MemberId;
use crate::next::vote::check_taken_back;
use crate::next::{NextError, successor_despite};
use crate::record::Record;
use crate::roster::Roster;

/// Proposes to put a member out, and votes for it. The member answers by its next record if it lives.
///
/// `alone` says that a person has been told what it means in a pool of two, where there is no majority.
///
/// # Errors
///
/// [`NextError::NotInPool`] for us or for it, [`NextError::Alone`], [`NextError::UnderWay`] while another eviction is,
/// [`NextError::VoteGiven`], [`NextError::Expired`], [`NextError::Frozen`] by the fork of a third.
pub fn evict(
    roster: &Roster,
    subject: &MemberId,
    alone: bool,
    expires_ms: u64,
    now_ms: u64,
) -> Result<Option<Record>, NextError> {
    check_both(roster, subject)?;
    if own_eviction(roster).is_some_and(|vote| vote.change.subject == *subject && vote.phase != Phase::Withdrawn) {
        return Ok(None);
    }
    if now_ms > expires_ms {
        return Err(NextError::Expired { at_ms: expires_ms });
    }
    check_alone(roster, subject, alone)?;
    check_free(roster, subject)?;
    if let Some(other) = roster.evictions().into_iter().find(|other| roster.is_alive(other)) {
        return Err(NextError::under_way(other));
    }
    let next = successor_despite(roster, subject, now_ms)?;
    let record = roster.signed(subject).map_or(RecordDigest::of(&[]), crate::record::SignedRecord::digest);
    let by = (roster.own().clone(), next.sequence);
    let change = Change::new(Kind::Evict, subject.clone(), record, by, expires_ms);
    Ok(Some(with_eviction(next, change, Phase::Voted)))
}

/// Votes for the eviction that another member proposes.
///
/// # Errors
///
/// As [`evict`]; [`NextError::NotProposed`]; [`NextError::Answered`] if the member has shown that it lives.
pub fn accept_eviction(roster: &Roster, subject: &MemberId, now_ms: u64) -> Result<Option<Record>, NextError> {
    check_both(roster, subject)?;
    let change = roster.evictions().into_iter().find(|change| change.subject == *subject && roster.is_alive(change));
    let change = change.ok_or_else(|| NextError::NoEviction { member: subject.clone() })?.clone();
    if own_eviction(roster).is_some_and(|vote| vote.change.id == change.id && vote.phase != Phase::Withdrawn) {
        return Ok(None);
    }
    if now_ms > change.expires_ms {
        return Err(NextError::Expired { at_ms: change.expires_ms });
    }
    if roster.has_answered(&change) {
        return Err(NextError::Answered { member: subject.clone() });
    }
    check_free(roster, subject)?;
    Ok(Some(with_eviction(successor_despite(roster, subject, now_ms)?, change, Phase::Voted)))
}

/// Takes back an eviction that this member proposed and that nobody has opened.
///
/// # Errors
///
/// [`NextError::NotOpen`] without a vote, [`NextError::NotProposed`] for another's, [`NextError::UnderWay`] once it is open.
pub fn withdraw_eviction(roster: &Roster, now_ms: u64) -> Result<Option<Record>, NextError> {
    let vote = own_eviction(roster).ok_or(NextError::NotOpen)?;
    let change = vote.change.clone();
    match vote.phase {
        Phase::Withdrawn => Ok(None),
        _ if change.proposer != *roster.own() => Err(NextError::NotProposed { id: change.id }),
        Phase::Voted if roster.standing(&change) != Standing::Open => {
            let next = successor_despite(roster, &change.subject, now_ms)?;
            Ok(Some(with_eviction(next, change, Phase::Withdrawn)))
        }
        _ => Err(NextError::under_way(&change)),
    }
}

/// Vouches for the new key of a member that lost its own; the fingerprint was compared out of band. A later one takes the
/// place of this.
///
/// # Errors
///
/// [`NextError::NotInPool`] for us or for it, [`NextError::Frozen`] by the fork of a third.
pub fn vouch(
    roster: &Roster,
    member: &MemberId,
    key: KeyFingerprint,
    now_ms: u64,
) -> Result<Option<Record>, NextError> {
    check_both(roster, member)?;
    let is_held = roster.record(member).is_some_and(|record| record.key.fingerprint() == key);
    if is_held || roster.own_record().record().vouches.get(member) == Some(&key) {
        return Ok(None);
    }
    let mut next = successor_despite(roster, member, now_ms)?;
    next.vouches.insert(member.clone(), key);
    Ok(Some(next))
}

/// Says that this member has done its part in the open eviction; nothing where none is open.
pub(super) fn close(roster: &Roster, now_ms: u64) -> Result<Option<Record>, NextError> {
    let Some(vote) = own_eviction(roster).filter(|vote| vote.phase == Phase::Open) else { return Ok(None) };
    let change = vote.change.clone();
    check_taken_back(roster, &change.subject)?;
    let mut next = successor_despite(roster, &change.subject, now_ms)?;
    put_out(roster, &mut next, &change.subject);
    Ok(Some(with_eviction(next, change, Phase::Done)))
}

pub(super) fn due(roster: &Roster, now_ms: u64) -> Result<Option<Record>, NextError> {
    let own = roster.own();
    let evictions = roster.evictions();
    if let Some(about_us) = evictions.iter().find(|change| change.subject == *own)
        && !roster.has_answered(about_us)
    {
        return successor_despite(roster, own, now_ms).map(Some);
    }
    let Some(vote) = own_eviction(roster) else {
        // A majority has opened it, which binds us as well.
        let open = evictions.into_iter().filter(|change| change.subject != *own);
        let mut open = open.filter(|change| roster.standing(change) == Standing::Open && !roster.is_closed(change));
        let Some(change) = open.next() else { return Ok(None) };
        let next = successor_despite(roster, &change.subject, now_ms)?;
        return Ok(Some(with_eviction(next, change.clone(), Phase::Open)));
    };
    let change = vote.change.clone();
    let phase = match vote.phase {
        Phase::Voted | Phase::Withdrawn if roster.may_evict(&change, now_ms) => Some(Phase::Open),
        Phase::Voted if is_to_withdraw(roster, &change, now_ms) => Some(Phase::Withdrawn),
        Phase::Withdrawn if roster.is_settled(&change, None) => None,
        Phase::Done if roster.is_closed(&change) => None,
        _ => return Ok(None),
    };
    // A subject that lives again may be forked as well as anybody.
    let next = successor_despite(roster, &change.subject, now_ms)?;
    Ok(Some(match phase {
        Some(phase) => with_eviction(next, change, phase),
        None => Record { eviction: None, ..next },
    }))
}

fn is_to_withdraw(roster: &Roster, change: &Change, now_ms: u64) -> bool {
    if change.proposer == *roster.own() {
        return roster.must_withdraw(change, now_ms);
    }
    roster.standing(change) == Standing::Withdrawn
}

fn own_eviction(roster: &Roster) -> Option<&Vote> {
    roster.own_record().record().eviction.as_ref()
}

fn with_eviction(next: Record, change: Change, phase: Phase) -> Record {
    let since = next.sequence;
    Record { eviction: Some(Vote { change, phase, since }), ..next }
}

fn put_out(roster: &Roster, next: &mut Record, subject: &MemberId) {
    if let Some(signed) = roster.signed(subject) {
        next.evicted.insert(subject.clone(), signed.seen());
    }
}

fn check_both(roster: &Roster, subject: &MemberId) -> Result<(), NextError> {
    for member in [roster.own(), subject] {
        if !roster.is_in_pool(member) {
            return Err(NextError::NotInPool { member: member.clone() });
        }
    }
    if subject == roster.own() {
        return Err(NextError::Ourselves);
    }
    Ok(())
}

fn check_alone(roster: &Roster, subject: &MemberId, alone: bool) -> Result<(), NextError> {
    let n_all = roster.in_pool().count();
    if n_all == 2 && !alone {
        return Err(NextError::Alone { member: subject.clone() });
    }
    Ok(())
}

/// A vote that was withdrawn and that only the new subject could still bring to life is given free.
fn check_free(roster: &Roster, subject: &MemberId) -> Result<(), NextError> {
    match own_eviction(roster) {
        None => Ok(()),
        Some(vote) if vote.phase == Phase::Withdrawn && roster.is_settled(&vote.change, Some(subject)) => Ok(()),
        Some(vote) => Err(NextError::VoteGiven { kind: vote.change.kind, subject: vote.change.subject.clone() }),
    }
}
