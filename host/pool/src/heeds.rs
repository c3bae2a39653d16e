//! Whose word a procedure waits for.

use hangar_roster::MemberId;
use hangar_roster::next::NextError;

use crate::error::PoolError;
use crate::own::{OwnRecord, RecordError};

/// Whose word a procedure waits for: without it, or where it contradicts itself, the procedure stops.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Heeds {
    /// Everybody's: it needs the carrier, and any fork stops it.
    #[default]
    All,
    /// Everybody's but that of this member, which is being put out: its own fork is one more reason to.
    AllBut(MemberId),
    /// Nobody's: what it changes is ours alone, so that no carrier that fails and no fork of another stops it.
    Nobody,
}

impl Heeds {
    /// Takes in what the others have said, and does what that makes due for our record. Returns what went wrong with that and
    /// is of no matter here.
    ///
    /// # Errors
    ///
    /// [`PoolError::Frozen`], [`PoolError::Record`].
    pub fn hear(&self, own: &OwnRecord, now_ms: u64) -> Result<Option<PoolError>, PoolError> {
        match self.hear_all(own, now_ms) {
            Err(err) if *self == Self::Nobody && is_of_others(&err) => Ok(Some(err)),
            heard => heard.map(|()| None),
        }
    }

    fn hear_all(&self, own: &OwnRecord, now_ms: u64) -> Result<(), PoolError> {
        own.refresh()?;
        if let Some(fork) = self.fork(own) {
            return Err(PoolError::Frozen(fork));
        }
        match own.duties(now_ms) {
            // By the fork of whom we are putting out: nothing is due before there is a vote for that.
            Err(RecordError::Next(NextError::Frozen { .. })) => Ok(()),
            done => Ok(done?),
        }
    }

    /// What freezes us; a fork of whom we are putting out does not.
    fn fork(&self, own: &OwnRecord) -> Option<String> {
        let roster = own.roster();
        let voted = roster.own_record().record().eviction.as_ref().map(|vote| &vote.change.subject);
        let is_put_out = |forked: &MemberId| match self {
            Self::AllBut(subject) if subject == forked => true,
            _ => voted == Some(forked),
        };
        let mut forks = roster.forks().iter().filter(|fork| !fork.member.as_ref().is_some_and(is_put_out));
        forks.next().map(|fork| fork.problem.to_string())
    }
}

fn is_of_others(err: &PoolError) -> bool {
    matches!(err, PoolError::Frozen(_) | PoolError::Record(RecordError::Carrier(_)))
}
