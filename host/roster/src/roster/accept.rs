//! Whether a rightly signed record follows from what is held.

use crate::change::{Kind, Phase, Standing};
use crate::finding::Problem;
use crate::name::MemberId;
use crate::record::{Genesis, Record, Seen, SignedRecord, State, limits};
use crate::roster::Roster;

/// Records before the held one that are remembered of each member.
const REMEMBERED: usize = 64;

impl Roster {
    /// Takes a record, or says why not; remarks say so of one that was taken. `newest` is the sequence of the newest record of
    /// the same member that came with it.
    pub(super) fn accept(&mut self, signed: &SignedRecord, newest: u64) -> Vec<Problem> {
        let record = &signed.record;
        let is_renewed = self.renews(signed);
        let remarks = match self.records.get(&record.member) {
            Some(held) if held.digest == signed.digest => return Vec::new(),
            Some(held) if is_renewed && record.sequence > held.record.sequence => Vec::new(),
            Some(held) => match self.follows(signed, held, newest) {
                Ok(remarks) => remarks,
                Err(problem) => return vec![problem],
            },
            None => Vec::new(),
        };
        if let Err(problem) = self.is_borne_out(record) {
            return vec![problem];
        }
        self.hold(signed.clone());
        if is_renewed {
            self.begin_anew(&record.member);
        }
        remarks
    }

    /// Takes this member's own next record. The caller has made it by [`crate::next`] and signed it.
    pub fn publish(&mut self, signed: SignedRecord) {
        debug_assert_eq!(signed.record.member, self.own, "nobody writes for anybody else");
        let former = &self.own_record().record;
        let is_other_key = signed.record.key != former.key;
        let is_request = former.state != State::Asking || former.presence != signed.record.presence || is_other_key;
        if signed.record.state == State::Asking && is_request {
            // An invitation answers one request.
            self.request = signed.record.sequence;
            self.entered = None;
        }
        self.hold(signed);
        if is_other_key {
            // Whether the others take it so is for them; our own former history is over.
            self.begin_anew(&self.own.clone());
        }
        self.admit();
    }

    fn hold(&mut self, signed: SignedRecord) {
        let member = signed.record.member.clone();
        self.pinned.remove(&member);
        if signed.record.state == State::Gone {
            // Whoever is out comes in again only by a vote.
            self.admitted.remove(&member);
        }
        if matches!(signed.record.state, State::Gone | State::Asking) {
            self.expelled.remove(&member);
        }
        if let Some(former) = self.records.insert(member.clone(), signed) {
            let past = self.past.entry(member).or_default();
            past.push(former.seen());
            let n_surplus = past.len().saturating_sub(REMEMBERED);
            past.drain(..n_surplus);
        }
    }

    /// Admits the subject of each joining that a voter has opened, and lets go whom the pool has put out or given up.
    pub(super) fn admit(&mut self) {
        let joins = self.changes().into_iter().filter(|change| change.kind == Kind::Join);
        let open = joins.filter(|change| self.standing(change) == Standing::Open);
        let is_gone = |member: &MemberId| self.record(member).is_some_and(|record| record.state == State::Gone);
        let subjects: Vec<_> = open.map(|change| change.subject.clone()).filter(|subject| !is_gone(subject)).collect();
        self.admitted.extend(subjects);
        let own = self.own.clone();
        let dropped = self.changes().into_iter().find(|change| self.phase(&own, change) == Some(Phase::Dropped));
        if let Some(subject) = dropped.map(|change| change.subject.clone()) {
            self.admitted.remove(&subject);
        }
        self.expel();
    }

    /// Holds a record against the member's former one.
    fn follows(&self, signed: &SignedRecord, held: &SignedRecord, newest: u64) -> Result<Vec<Problem>, Problem> {
        let (now, then) = (signed.record.sequence, held.record.sequence);
        if now <= then {
            return Err(self.is_old(signed, held, newest));
        }
        let mut remarks = Vec::new();
        if signed.record.member == self.own {
            remarks.push(Problem::OwnAhead { found: now, held: then });
        }
        if now > then + 1 {
            remarks.push(Problem::Missed { n_missed: now - then - 1 });
        } else if signed.record.previous != Some(held.digest) {
            // Its key has signed that record `then` was another one than the one that the same key had signed.
            return Err(Problem::Forked { sequence: then });
        }
        seen_grows(&signed.record, &held.record)?;
        // Whoever was put out is gone for us already, whether or not it has said so.
        if !(self.is_expelled(&signed.record.member) && signed.record.state.is_outside()) {
            state_follows(&signed.record, &held.record)?;
        }
        Ok(remarks)
    }

    /// What an old record is: one that was seen, one beside a newer one, or a piece of another history.
    fn is_old(&self, signed: &SignedRecord, held: &SignedRecord, newest: u64) -> Problem {
        let found = signed.record.sequence;
        if found == held.record.sequence || self.is_of_another_past(&signed.record, signed.seen()) {
            return Problem::Forked { sequence: found };
        }
        if newest > found {
            return Problem::Replayed { found, newer: newest };
        }
        Problem::RolledBack { found, held: held.record.sequence }
    }

    fn is_of_another_past(&self, record: &Record, seen: Seen) -> bool {
        let past = self.past.get(&record.member).map_or(&[][..], Vec::as_slice);
        past.iter().any(|past| past.sequence == seen.sequence && past.digest != seen.digest)
    }

    /// Holds a record against the rest of the pool: what it says of itself must be borne out by votes.
    fn is_borne_out(&self, record: &Record) -> Result<(), Problem> {
        let held = self.record(&record.member);
        if let Some(other) = self.shares_key(record) {
            return Err(Problem::Clash { field: "key", other: other.clone() });
        }
        match (&record.genesis, self.founder.as_ref() == Some(&record.member)) {
            (Some(genesis), true) => {
                let former = held.and_then(|held| held.genesis.as_ref());
                let is_same = former.is_none_or(|former| {
                    let filled_in = former.cluster_id.is_none() || former.cluster_id == genesis.cluster_id;
                    let fixed = |of: &Genesis| (of.pool.clone(), of.created_by.clone(), of.at_ms, of.silence_ms);
                    filled_in && fixed(former) == fixed(genesis)
                });
                if !is_same || genesis.pool != self.pool {
                    return Err(Problem::Genesis);
                }
            }
            (None, false) => {}
            _ => return Err(Problem::Genesis),
        }
        if self.admitted.contains(&record.member) {
            // Where its nodes serve is its own to say, but never where another member's do.
            if held.is_some_and(|held| held.presence != record.presence) {
                self.is_apart(record)?;
            }
            return self.is_unchanged(record);
        }
        if matches!(record.state, State::Active | State::Leaving) && self.is_in_pool(&self.own) {
            return Err(Problem::Premature);
        }
        self.is_apart(record)?;
        let n_asking = self.records.keys().filter(|member| !self.admitted.contains(*member)).count();
        if held.is_none() && n_asking >= limits::ASKING {
            return Err(Problem::TooMany { what: "joiners", most: limits::ASKING });
        }
        self.is_unchanged(record)
    }

    /// Who else has a key of this record. Nobody proves that it holds its recovery key, so one could name another's, and
    /// what that other signs would be taken for its own.
    fn shares_key(&self, record: &Record) -> Option<&MemberId> {
        let keys: Vec<_> = [Some(record.key), record.recovery_key].into_iter().flatten().collect();
        let is_shared = |other: &Record| keys.iter().any(|key| other.key == *key || other.recovery_key == Some(*key));
        let others = self.records.values().map(|signed| &signed.record).filter(|other| other.member != record.member);
        let held = others.into_iter().find(|other| is_shared(other)).map(|other| &other.member);
        held.or_else(|| {
            let mut pinned = self.pinned.iter().filter(|(member, _)| **member != record.member);
            pinned.find(|(_, pin)| keys.iter().any(|key| key.fingerprint() == **pin)).map(|(member, _)| member)
        })
    }

    /// Nobody shares locality, subject or address with anybody in the pool.
    fn is_apart(&self, record: &Record) -> Result<(), Problem> {
        let others = self.in_pool().filter(|member| **member != record.member).filter_map(|member| self.record(member));
        for other in others {
            if let Some(field) = record.presence.clash(&other.presence) {
                return Err(Problem::Clash { field, other: other.member.clone() });
            }
        }
        Ok(())
    }

    /// What others trust a member by changes only under a vote; what a joiner is voted on with does not change at all.
    fn is_unchanged(&self, record: &Record) -> Result<(), Problem> {
        let Some(held) = self.record(&record.member) else { return Ok(()) };
        let about: Vec<_> = self.changes().into_iter().filter(|change| change.subject == record.member).collect();
        let is_joining = about.iter().any(|change| change.kind == Kind::Join);
        if is_joining && record.presence != held.presence {
            return Err(Problem::Unvoted { field: "presence" });
        }
        if !self.is_in_pool(&record.member) {
            return Ok(());
        }
        let is_rotating = about
            .iter()
            .any(|change| change.kind == Kind::RotateCa && self.phase(&self.own, change) == Some(Phase::Open));
        if record.presence.authorities != held.presence.authorities && !is_rotating {
            return Err(Problem::Unvoted { field: "certificate authorities" });
        }
        if record.presence.locality != held.presence.locality {
            return Err(Problem::Unvoted { field: "locality" });
        }
        Ok(())
    }
}

/// A record never knows less than the one before it.
fn seen_grows(now: &Record, then: &Record) -> Result<(), Problem> {
    for (about, former) in &then.seen {
        let grown = now.seen.get(about).is_some_and(|seen| {
            seen.sequence > former.sequence || (seen.sequence == former.sequence && seen.digest == former.digest)
        });
        if !grown {
            return Err(Problem::SeenBackwards { sequence: now.sequence, about: about.clone() });
        }
    }
    Ok(())
}

/// States go forward. Records between the two may not have been seen, so a step can be skipped.
fn state_follows(now: &Record, then: &Record) -> Result<(), Problem> {
    let (from, to) = (then.state, now.state);
    let is_forward = match from {
        State::Asking => true,
        State::Joining => to != State::Asking,
        State::Active | State::Leaving => !matches!(to, State::Asking | State::Joining),
        // Whoever is out may ask again.
        State::Gone => matches!(to, State::Gone | State::Asking),
    };
    if is_forward { Ok(()) } else { Err(Problem::Transition { from, to }) }
}
