//! Whose word a procedure waits for.

use hangar_roster::MemberId;
use hangar_roster::next::NextError;

use crate::error::PoolError;
use crate::own::{OwnRecord, RecordError};

/// Whose word a procedure waits for: without it, or where it contradicts itself, the procedure stops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heeds {
    /// Everybody's: it needs the carrier, and any fork stops it.
    All,
    /// Everybody's but that of this member, which is being put out: its own fork is one more reason to.
    AllBut(MemberId),
    /// Nobody's: what it changes is ours alone, so that no carrier that fails and no fork of another stops it.
    Nobody,
}

impl Heeds {
    /// Takes in what the others have said, and does what that makes due for our record. Returns what went wrong with that and
    /// is of no matter here. Our own fork always is one: what is held here may be of a former life.
    ///
    /// # Errors
    ///
    /// [`PoolError::Frozen`], [`PoolError::Record`].
    pub fn hear(&self, own: &OwnRecord, now_ms: u64) -> Result<Option<PoolError>, PoolError> {
        match self.hear_all(own, now_ms) {
            Err(err) if *self == Self::Nobody && is_of_others(&err) && !is_forked(own) => Ok(Some(err)),
            heard => heard.map(|()| None),
        }
    }

    fn hear_all(&self, own: &OwnRecord, now_ms: u64) -> Result<(), PoolError> {
        own.refresh()?;
        // First: an eviction that a majority has opened binds us despite the fork that it is for.
        duties(own, now_ms)?;
        self.fork(own).map_or(Ok(()), |fork| Err(PoolError::Frozen(fork)))
    }

    /// What freezes us; a fork of whom we are putting out does not.
    fn fork(&self, own: &OwnRecord) -> Option<String> {
        let roster = own.roster();
        let is_put_out = |forked: &MemberId| {
            roster.putting_out() == Some(forked) || matches!(self, Self::AllBut(subject) if subject == forked)
        };
        let mut forks = roster.forks().iter().filter(|fork| !fork.member.as_ref().is_some_and(is_put_out));
        forks.next().map(|fork| fork.problem.to_string())
    }
}

/// What the rules of voting make due, as far as no fork stops it.
pub(crate) fn duties(own: &OwnRecord, now_ms: u64) -> Result<(), RecordError> {
    match own.duties(now_ms) {
        Err(RecordError::Next(NextError::Frozen { .. })) => Ok(()),
        done => done,
    }
}

fn is_forked(own: &OwnRecord) -> bool {
    let roster = own.roster();
    roster.is_forked(roster.own())
}

fn is_of_others(err: &PoolError) -> bool {
    matches!(err, PoolError::Frozen(_) | PoolError::Record(RecordError::Carrier(_)))
}
