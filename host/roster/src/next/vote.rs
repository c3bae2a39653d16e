//! Records that vote.

use crate::change::{Change, ChangeId, Kind, Phase, Standing, Vote};
use crate::digest::{InvitationDigest, RecordDigest};
use crate::invitation::{InvitationError, SignedInvitation};
use crate::name::MemberId;
use crate::next::{NextError, successor};
use crate::record::acknowledgement::Proof;
use crate::record::{Record, State};
use crate::roster::Roster;

/// Proposes that the joiner of this invitation comes in, and votes for it. Any former invitation of this member is void.
///
/// # Errors
///
/// All that [`propose`] can say; [`NextError::NotAsking`], [`NextError::Clash`], [`NextError::OtherRecord`], and
/// [`NextError::Invitation`] if the invitation is not this member's, is late, or names other members than are in the pool now.
pub fn invite(roster: &Roster, signed: &SignedInvitation, now_ms: u64) -> Result<Option<Record>, NextError> {
    let invitation = signed.invitation();
    let joiner = roster
        .records()
        .find(|held| held.record().key.fingerprint() == invitation.audience)
        .map(|held| held.record().member.clone());
    let joiner = joiner.ok_or(NextError::Invitation(InvitationError::OtherRequest))?;
    if own_vote(roster).is_some_and(|vote| vote.change.kind == Kind::Join && vote.change.subject == joiner)
        && roster.own_record().record().invitation == Some(signed.digest())
    {
        return Ok(None);
    }
    let is_current = roster.in_pool().count() == invitation.members.len()
        && roster.in_pool().all(|member| {
            invitation.members.get(member) == roster.record(member).map(|record| record.key.fingerprint()).as_ref()
        });
    if invitation.inviter != *roster.own() || !is_current {
        return Err(NextError::Invitation(InvitationError::Voided { inviter: invitation.inviter.clone() }));
    }
    let draft = Draft {
        kind: Kind::Join,
        subject: joiner,
        record: invitation.record,
        invitation: Some(signed.digest()),
        expires_ms: invitation.expires_ms,
    };
    draft.propose(roster, now_ms)
}

/// Proposes a change of this member's own: to leave, or to replace its authority.
///
/// # Errors
///
/// [`NextError::Unsupported`] for a join (it needs an invitation) and an eviction; [`NextError::NotInPool`],
/// [`NextError::VoteGiven`], [`NextError::UnderWay`], [`NextError::Expired`], [`NextError::Frozen`].
pub fn propose(roster: &Roster, kind: Kind, expires_ms: u64, now_ms: u64) -> Result<Option<Record>, NextError> {
    if matches!(kind, Kind::Join | Kind::Evict) {
        return Err(NextError::Unsupported { kind });
    }
    let subject = roster.own().clone();
    if own_vote(roster).is_some_and(|vote| vote.change.kind == kind && vote.change.subject == subject) {
        return Ok(None);
    }
    let record = roster.own_record().digest();
    Draft { kind, subject, record, invitation: None, expires_ms }.propose(roster, now_ms)
}

struct Draft {
    kind: Kind,
    subject: MemberId,
    record: RecordDigest,
    invitation: Option<InvitationDigest>,
    expires_ms: u64,
}

impl Draft {
    fn propose(self, roster: &Roster, now_ms: u64) -> Result<Option<Record>, NextError> {
        check_free(roster)?;
        if let Some(other) = roster.changes().into_iter().find(|change| roster.is_alive(change)) {
            return Err(NextError::under_way(other));
        }
        let mut next = successor(roster, now_ms)?;
        let (proposer, proposed_at) = (roster.own().clone(), next.sequence);
        let change = Change::new(self.kind, self.subject, self.record, (proposer, proposed_at), self.expires_ms);
        check_votable(roster, &change, now_ms)?;
        next.invitation = self.invitation.or(next.invitation);
        Ok(Some(with_vote(next, change, Phase::Voted)))
    }
}

/// Votes for a change that another member proposes.
///
/// # Errors
///
/// [`NextError::NotProposed`] for one that nobody proposes or that was withdrawn, [`NextError::UnderWay`] if another goes
/// before it, [`NextError::NoRecord`], [`NextError::OtherRecord`], [`NextError::Clash`], [`NextError::Expired`],
/// [`NextError::VoteGiven`], [`NextError::NotInPool`], [`NextError::Frozen`].
pub fn accept(roster: &Roster, id: ChangeId, now_ms: u64) -> Result<Option<Record>, NextError> {
    if own_vote(roster).is_some_and(|vote| vote.change.id == id) {
        return Ok(None);
    }
    check_free(roster)?;
    let alive: Vec<_> = roster.changes().into_iter().filter(|change| roster.is_alive(change)).collect();
    let change = alive.iter().find(|change| change.id == id).ok_or(NextError::NotProposed { id })?;
    // The smallest goes first: a vote for a larger one would only have to be taken back.
    if let Some(other) = alive.iter().find(|other| other.id < id) {
        return Err(NextError::under_way(other));
    }
    check_votable(roster, change, now_ms)?;
    let change = (*change).clone();
    Ok(Some(with_vote(successor(roster, now_ms)?, change, Phase::Voted)))
}

/// Says no to a change that another member proposes; its proposer then withdraws it.
///
/// # Errors
///
/// [`NextError::NotProposed`], [`NextError::VoteGiven`], [`NextError::NotInPool`], [`NextError::Frozen`].
pub fn reject(roster: &Roster, id: ChangeId, now_ms: u64) -> Result<Option<Record>, NextError> {
    if own_vote(roster).is_some_and(|vote| vote.change.id == id && vote.phase == Phase::Withdrawn) {
        return Ok(None);
    }
    check_free(roster)?;
    let proposed = roster.changes().into_iter().find(|change| change.id == id && roster.is_alive(change));
    let change = proposed.ok_or(NextError::NotProposed { id })?.clone();
    Ok(Some(with_vote(successor(roster, now_ms)?, change, Phase::Withdrawn)))
}

/// Takes back a change that this member proposed and that nobody has opened.
///
/// # Errors
///
/// [`NextError::NotProposed`] if its vote is not for one of its own, [`NextError::UnderWay`] once one is open.
pub fn withdraw(roster: &Roster, now_ms: u64) -> Result<Option<Record>, NextError> {
    let vote = own_vote(roster).ok_or(NextError::NotOpen)?;
    let change = vote.change.clone();
    match vote.phase {
        _ if change.proposer != *roster.own() => Err(NextError::NotProposed { id: change.id }),
        Phase::Withdrawn => Ok(None),
        Phase::Voted if !matches!(roster.standing(&change), Standing::Open | Standing::Abandoned) => {
            Ok(Some(with_vote(successor(roster, now_ms)?, change, Phase::Withdrawn)))
        }
        _ => Err(NextError::UnderWay { kind: change.kind, subject: change.subject, proposer: change.proposer }),
    }
}

/// Says that the open change is carried out, or taken back where all have abandoned it. The caller's strategy has seen to this
/// member's own part. An open eviction is closed first.
///
/// # Errors
///
/// [`NextError::NotOpen`], [`NextError::NotCarriedOut`], [`NextError::StillDeployed`] for a subject that is gone.
pub fn close(roster: &Roster, now_ms: u64) -> Result<Option<Record>, NextError> {
    if let Some(record) = super::evict::close(roster, now_ms)? {
        return Ok(Some(record));
    }
    let vote = own_vote(roster).ok_or(NextError::NotOpen)?;
    let change = vote.change.clone();
    let done = match vote.phase {
        Phase::Done | Phase::Dropped => return Ok(None),
        Phase::Open => Phase::Done,
        Phase::Abandoned if is_done_elsewhere(roster, &change) => Phase::Done,
        Phase::Abandoned if is_abandoned_by_all(roster, &change) => Phase::Dropped,
        Phase::Abandoned => {
            return Err(NextError::NotCarriedOut { kind: change.kind, subject: change.subject });
        }
        Phase::Voted | Phase::Withdrawn => return Err(NextError::NotOpen),
    };
    if done == Phase::Done && !roster.is_carried_out(&change) {
        return Err(NextError::NotCarriedOut { kind: change.kind, subject: change.subject });
    }
    let is_out = done == Phase::Dropped || roster.state(&change.subject) == Some(State::Gone);
    if is_out {
        check_taken_back(roster, &change.subject)?;
    }
    Ok(Some(with_vote(successor(roster, now_ms)?, change, done)))
}

/// No authority of the member is deployed here any more.
pub(super) fn check_taken_back(roster: &Roster, member: &MemberId) -> Result<(), NextError> {
    let former = roster.record(member).map(|record| record.presence.fingerprints()).unwrap_or_default();
    let is_deployed = |proof: &Proof| matches!(proof, Proof::Deployed { authorities } if former.iter().any(|one| authorities.contains(one)));
    if roster.proofs(roster.own()).any(is_deployed) {
        return Err(NextError::StillDeployed { member: member.clone() });
    }
    Ok(())
}

/// Whoever has said `done` had not abandoned it, so not all ever will.
fn is_done_elsewhere(roster: &Roster, change: &Change) -> bool {
    roster.voters(change).into_iter().any(|voter| roster.phase(voter, change) == Some(Phase::Done))
}

/// Whether this member is to take back what it has done for a change.
pub(crate) fn is_given_up(roster: &Roster, change: &Change) -> bool {
    matches!(roster.phase(roster.own(), change), Some(Phase::Abandoned | Phase::Dropped))
        && !is_done_elsewhere(roster, change)
        && is_abandoned_by_all(roster, change)
}

pub(super) fn is_abandoned_by_all(roster: &Roster, change: &Change) -> bool {
    let is_over = |voter: &MemberId| match roster.phase(voter, change) {
        Some(phase) => matches!(phase, Phase::Abandoned | Phase::Dropped),
        // It has dropped it and gone on, which it does only after all have.
        None => roster.phase(roster.own(), change) == Some(Phase::Dropped),
    };
    roster.voters(change).into_iter().all(is_over)
}

/// Lets the subject of the open change in no more, because its time is over and the joiner was not seen to be in. The others
/// follow; once all have, each takes its authority back and closes.
///
/// # Errors
///
/// [`NextError::NotOpen`]; [`NextError::UnderWay`] before its time is over or once the joiner is in.
pub fn abandon(roster: &Roster, now_ms: u64) -> Result<Option<Record>, NextError> {
    let vote = own_vote(roster).ok_or(NextError::NotOpen)?;
    let change = vote.change.clone();
    match vote.phase {
        Phase::Abandoned | Phase::Dropped => Ok(None),
        Phase::Open if may_abandon(roster, &change, now_ms) => {
            Ok(Some(with_vote(successor(roster, now_ms)?, change, Phase::Abandoned)))
        }
        Phase::Open => {
            Err(NextError::UnderWay { kind: change.kind, subject: change.subject, proposer: change.proposer })
        }
        Phase::Voted | Phase::Done | Phase::Withdrawn => Err(NextError::NotOpen),
    }
}

pub(super) fn may_abandon(roster: &Roster, change: &Change, now_ms: u64) -> bool {
    change.kind == Kind::Join && now_ms > change.expires_ms && !roster.is_carried_out(change)
}

pub(super) fn own_vote(roster: &Roster) -> Option<&Vote> {
    roster.own_record().record().vote.as_ref()
}

pub(super) fn with_vote(next: Record, change: Change, phase: Phase) -> Record {
    let since = next.sequence;
    Record { vote: Some(Vote { change, phase, since }), ..next }
}

fn check_free(roster: &Roster) -> Result<(), NextError> {
    if !roster.is_in_pool(roster.own()) {
        return Err(NextError::NotInPool { member: roster.own().clone() });
    }
    if let Some(eviction) = roster.open_eviction() {
        return Err(NextError::under_way(eviction));
    }
    match own_vote(roster) {
        Some(vote) => Err(NextError::VoteGiven { kind: vote.change.kind, subject: vote.change.subject.clone() }),
        None => Ok(()),
    }
}

fn check_votable(roster: &Roster, change: &Change, now_ms: u64) -> Result<(), NextError> {
    if now_ms > change.expires_ms {
        return Err(NextError::Expired { at_ms: change.expires_ms });
    }
    if change.kind != Kind::Join {
        return Ok(());
    }
    let member = change.subject.clone();
    let Some(joiner) = roster.signed(&member) else { return Err(NextError::NoRecord { member }) };
    if joiner.digest() != change.record {
        return Err(NextError::OtherRecord { member });
    }
    if joiner.record().state != State::Asking {
        return Err(NextError::NotAsking { member });
    }
    for other in roster.in_pool().filter_map(|other| roster.record(other)) {
        if let Some(field) = joiner.record().presence.clash(&other.presence) {
            return Err(NextError::Clash { member, field, other: other.member.clone() });
        }
    }
    Ok(())
}
