//! The next record to sign, for each thing a member does.
//!
//! Every function reads a [`Roster`] and returns the record that would come next, or nothing where it is so already; none
//! changes anything. The caller signs the record, keeps it ([`Roster::publish`]), and hands it to the carrier, in this order: a
//! record that reached a carrier and was forgotten at home would make the next one a fork.

use crate::change::eviction::SEEN_DEAD;
use crate::change::{Kind, Phase};
use crate::digest::CaFingerprint;
use crate::key::PublicKey;
use crate::name::{MemberId, PoolName};
use crate::record::acknowledgement::{Acknowledgement, Proof};
use crate::record::presence::Presence;
use crate::record::{Genesis, Record, SILENCE_MS, State, VERSION};
use crate::roster::Roster;

mod authorities;
mod due;
mod error;
mod evict;
mod gate;
mod vote;

pub use authorities::PRESENTS;
pub use due::due;
pub use error::NextError;
pub use evict::{accept_eviction, evict, vouch, withdraw_eviction};
pub use gate::Missing;
pub(crate) use vote::is_given_up;
pub use vote::{abandon, accept, close, invite, propose, reject, withdraw};

/// Who begins.
#[derive(Debug, Clone)]
pub struct Beginning {
    /// Pool.
    pub pool: PoolName,
    /// Member.
    pub member: MemberId,
    /// Its organisation key.
    pub key: PublicKey,
    /// Its recovery key. It can only be named here.
    pub recovery_key: Option<PublicKey>,
    /// Its presence.
    pub presence: Presence,
}

/// The founder's first record. Nothing but the operator's own command to found a pool may lead to it.
#[must_use]
pub fn genesis(founder: Beginning, created_by: String, now_ms: u64) -> Record {
    let genesis =
        Genesis { pool: founder.pool.clone(), created_by, at_ms: now_ms, cluster_id: None, silence_ms: SILENCE_MS };
    Record { state: State::Active, genesis: Some(genesis), ..first(founder, now_ms) }
}

/// A joiner's first record: complete, so that members can vote on it.
#[must_use]
pub fn request(joiner: Beginning, now_ms: u64) -> Record {
    first(joiner, now_ms)
}

fn first(beginning: Beginning, now_ms: u64) -> Record {
    Record {
        version: VERSION,
        pool: beginning.pool,
        member: beginning.member,
        key: beginning.key,
        recovery_key: beginning.recovery_key,
        sequence: 1,
        previous: None,
        at_ms: now_ms,
        state: State::Asking,
        presence: beginning.presence,
        acknowledgements: Vec::new(),
        vote: None,
        eviction: None,
        evicted: std::collections::BTreeMap::new(),
        vouches: std::collections::BTreeMap::new(),
        seen: std::collections::BTreeMap::new(),
        genesis: None,
        invitation: None,
    }
}

/// The own record with nothing new in it but what was seen since.
fn successor(roster: &Roster, now_ms: u64) -> Result<Record, NextError> {
    match roster.forks().first() {
        Some(fork) => Err(NextError::Frozen { fork: Box::new(fork.clone()) }),
        None => Ok(unfrozen_successor(roster, now_ms)),
    }
}

/// As [`successor`], for what leads out of a fork of this member: it is forked itself, or it alone is.
fn successor_despite(roster: &Roster, about: &MemberId, now_ms: u64) -> Result<Record, NextError> {
    match roster.forks().iter().find(|fork| fork.member.as_ref() != Some(about)) {
        Some(fork) => Err(NextError::Frozen { fork: Box::new(fork.clone()) }),
        None => Ok(unfrozen_successor(roster, now_ms)),
    }
}

fn unfrozen_successor(roster: &Roster, now_ms: u64) -> Record {
    let own = roster.own_record();
    let mut next = own.record().clone();
    next.sequence += 1;
    next.previous = Some(own.digest());
    next.at_ms = now_ms;
    for signed in roster.records().filter(|signed| roster.has_met(&signed.record().member)) {
        if signed.record().member != *roster.own() {
            next.seen.insert(signed.record().member.clone(), signed.seen());
        }
    }
    // Whoever has signed anything since may have started its nodes again: what was seen of them counts no more.
    let has_spoken = |member: &MemberId| {
        let then = own.record().seen.get(member).map(|seen| seen.sequence);
        roster.record(member).map(|record| record.sequence) > then
    };
    next.acknowledgements.retain(|acknowledgement| match &acknowledgement.proof {
        Proof::AcceptedBy { peer, .. } => roster.state(peer).is_none_or(|state| state != State::Gone),
        Proof::Other { name, values } if name == SEEN_DEAD => {
            !values.iter().any(|value| value.parse().is_ok_and(|member| has_spoken(&member)))
        }
        Proof::Deployed { .. } | Proof::Other { .. } => true,
    });
    // Whoever asks anew is put out no more, and a key that is in use needs nobody's word.
    next.evicted.retain(|member, _| roster.record(member).is_none_or(|record| !record.state.is_outside()));
    next.vouches.retain(|member, key| roster.record(member).is_none_or(|record| record.key.fingerprint() != *key));
    next
}

/// Says that something was proved. A proof of the same kind and about the same takes the place of a former one.
///
/// # Errors
///
/// [`NextError::NotToBeTrusted`] for a deployed authority that is of nobody in the pool and of no open change;
/// [`NextError::Frozen`], but not by the fork of a member that this is to put out.
pub fn acknowledge(roster: &Roster, proof: Proof, now_ms: u64) -> Result<Option<Record>, NextError> {
    if let Proof::Deployed { authorities } = &proof {
        check_trusted(roster, authorities)?;
    }
    let mut next = match put_out(roster, &proof) {
        Some(member) => successor_despite(roster, &member, now_ms)?,
        None => successor(roster, now_ms)?,
    };
    if next.acknowledgements.iter().any(|acknowledgement| acknowledgement.proof == proof) {
        return Ok(None);
    }
    next.acknowledgements.retain(|acknowledgement| !proof.replaces(&acknowledgement.proof));
    next.acknowledgements.push(Acknowledgement { proof, at_ms: now_ms });
    Ok(Some(next))
}

/// Whom this proof helps to put out: a fork of that member must not keep it in.
fn put_out(roster: &Roster, proof: &Proof) -> Option<MemberId> {
    match proof {
        Proof::Other { name, values } if name == SEEN_DEAD => values.first()?.parse().ok(),
        _ => roster.putting_out().cloned(),
    }
}

/// No authority of a joiner is deployed before its change is open.
fn check_trusted(roster: &Roster, authorities: &[CaFingerprint]) -> Result<(), NextError> {
    let trusted: Vec<_> = roster
        .in_pool()
        .chain([roster.own()])
        .chain(roster.open_change().map(|change| &change.subject))
        .filter_map(|member| roster.record(member))
        .flat_map(|record| record.presence.fingerprints())
        .collect();
    match authorities.iter().find(|authority| !trusted.contains(authority)) {
        Some(authority) => Err(NextError::NotToBeTrusted { authority: *authority }),
        None => Ok(()),
    }
}

/// Says where this member stands.
///
/// A joiner becomes `joining` once a voter has opened its change, and `active` from there once nothing is
/// [missing](Roster::missing_to_start); it gives up by `gone`. A member leaves under its own open change.
/// Whoever is gone may ask again.
///
/// # Errors
///
/// [`NextError::Gate`] with all that is missing, [`NextError::Transition`] for any other way.
pub fn state(roster: &Roster, to: State, now_ms: u64) -> Result<Option<Record>, NextError> {
    let from = roster.own_record().record().state;
    if from == to {
        return Ok(None);
    }
    let is_about_us = roster.open_change().is_some_and(|change| change.subject == *roster.own());
    match (from, to) {
        (State::Asking, State::Joining) if is_about_us => {
            roster.check_entered().map_err(NextError::Invitation)?;
            if let Some(change) = roster.open_change().filter(|change| now_ms > change.expires_ms) {
                // From here on the members may abandon it, and then no node of ours may be under way.
                return Err(NextError::Expired { at_ms: change.expires_ms });
            }
        }
        (State::Joining, State::Active) => {
            let missing = roster.missing_to_start();
            if !missing.is_empty() {
                return Err(NextError::Gate { missing });
            }
        }
        (State::Asking | State::Joining, State::Gone) | (State::Gone, State::Asking) => {}
        (State::Active, State::Leaving) | (State::Leaving, State::Gone) if is_about_us => {}
        // Put out meanwhile: it owns up to it, and may then ask anew.
        (State::Active | State::Leaving, State::Gone) if roster.is_expelled(roster.own()) => {}
        _ => return Err(NextError::Transition { from, to }),
    }
    let mut next = successor(roster, now_ms)?;
    if to == State::Asking {
        // It comes anew: what it voted for and proved before is of another life.
        next = Record { vote: None, eviction: None, invitation: None, acknowledgements: Vec::new(), ..next };
    }
    Ok(Some(Record { state: to, ..next }))
}

/// Keeps the identity of the pool's database cluster, in the founder's genesis.
///
/// # Errors
///
/// [`NextError::NotFounder`]; [`NextError::ClusterId`] if another one is kept already: it never changes.
pub fn cluster_id(roster: &Roster, id: &str, now_ms: u64) -> Result<Option<Record>, NextError> {
    let mut next = successor(roster, now_ms)?;
    let genesis = next.genesis.as_mut().ok_or(NextError::NotFounder)?;
    match &genesis.cluster_id {
        Some(kept) if kept == id => return Ok(None),
        Some(kept) => return Err(NextError::ClusterId { kept: kept.clone(), found: id.to_owned() }),
        None => genesis.cluster_id = Some(id.to_owned()),
    }
    Ok(Some(next))
}

/// Says where and how this member's nodes are now. A joiner asks anew with it; what a member is trusted by stays as it is,
/// but for its authorities while all have opened the change of them.
///
/// # Errors
///
/// [`NextError::Unvoted`] if authorities or locality of a member would change, or a joiner is being voted on;
/// [`NextError::Clash`] with what another member has.
pub fn presence(roster: &Roster, presence: Presence, now_ms: u64) -> Result<Option<Record>, NextError> {
    let held = &roster.own_record().record().presence;
    if *held == presence {
        return Ok(None);
    }
    let is_in_pool = roster.is_in_pool(roster.own());
    let rotating =
        roster.open_change().filter(|change| change.kind == Kind::RotateCa && change.subject == *roster.own());
    // Only who has opened it as well takes in a record with other authorities.
    let is_rotating = rotating.is_some_and(|change| {
        roster.voters(change).into_iter().all(|voter| roster.phase(voter, change) == Some(Phase::Open))
            && roster.may_change_authorities(&held.authorities, &presence.authorities)
    });
    let is_other = held.authorities != presence.authorities;
    if is_in_pool && ((is_other && !is_rotating) || held.locality != presence.locality) {
        return Err(NextError::Unvoted);
    }
    if !is_in_pool && roster.changes().iter().any(|change| change.subject == *roster.own()) {
        return Err(NextError::Unvoted);
    }
    // The others would refuse it, and with it every record that follows.
    for other in roster.in_pool().filter(|other| *other != roster.own()).filter_map(|other| roster.record(other)) {
        if let Some(field) = presence.clash(&other.presence) {
            return Err(NextError::Clash { member: roster.own().clone(), field, other: other.member.clone() });
        }
    }
    Ok(Some(Record { presence, ..successor(roster, now_ms)? }))
}

/// Takes another organisation key. To be signed with the former (or the recovery key) and the new one; with the new one alone
/// where the others are to [vouch] for it.
///
/// This is also the way out of a fork of this member, but then not with the former key: whoever else has it could do the same.
///
/// # Errors
///
/// [`NextError::Frozen`] while another member's fork is not resolved.
pub fn rotate_key(roster: &Roster, key: PublicKey, now_ms: u64) -> Result<Option<Record>, NextError> {
    let own = roster.own();
    if roster.own_record().record().key == key {
        return Ok(None);
    }
    let next = successor_despite(roster, own, now_ms)?;
    // Past whatever anybody has seen under the former key.
    let sequence = next.sequence.max(roster.largest_seen(own) + 1);
    Ok(Some(Record { key, sequence, ..next }))
}
