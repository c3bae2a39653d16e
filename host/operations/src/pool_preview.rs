//! `--dry-run` of a change of ours.

use hangar_roster::next::{self, NextError};
use hangar_roster::{Kind, Roster};

use crate::clock::now_ms;
use crate::failure::Failure;
use crate::goal::Goal;
use crate::pool_adopt::refuse_untaken;
use crate::pool_changes::{PROPOSAL_MS, eviction_vote, has_proposed, member_id};
use crate::pool_commands::over;
use crate::pool_look::Look;
use crate::pooling::record;
use crate::session::{Outcome, Session};

/// A change that a member makes of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolChange<'a> {
    /// It leaves.
    Leave {
        /// It agrees to a pool that survives the loss of no organisation any more.
        lose_tolerance: bool,
    },
    /// It puts this member out.
    Evict {
        /// Whom.
        member: &'a str,
        /// It decides alone, in a pool of two.
        alone: bool,
    },
    /// It issues new leaves.
    RotateCerts,
    /// It goes over to another authority.
    RotateCa,
}

impl PoolChange<'_> {
    fn goal(self) -> Result<Goal, Failure> {
        Ok(match self {
            Self::Leave { lose_tolerance } => Goal::Leave { consent: lose_tolerance },
            Self::Evict { member, .. } => Goal::Witness { member: member_id(member)?.to_string() },
            Self::RotateCerts => Goal::RotateCerts { before_ms: 0 },
            Self::RotateCa => Goal::RotateCa { authority: String::new() },
        })
    }

    /// Whether the rules of the roster let it be proposed now, where it has to be and is not.
    fn proposed(self, roster: &Roster) -> Result<(), NextError> {
        let kind = match self {
            Self::RotateCerts => return Ok(()),
            Self::Evict { member, alone } => {
                let Ok(member) = member.parse() else { return Ok(()) };
                return eviction_vote(roster, &member, alone, now_ms()).map(drop);
            }
            Self::Leave { .. } => Kind::Leave,
            Self::RotateCa => Kind::RotateCa,
        };
        // A change that is over leaves the vote once the others have seen that, which is waited for first.
        if has_proposed(roster, kind) || over(roster).is_some() {
            return Ok(());
        }
        next::propose(roster, kind, now_ms() + PROPOSAL_MS, now_ms()).map(drop)
    }
}

impl Session {
    /// Shows what a change would do, and says where it would be refused at once. Takes no lock, keeps nothing and tells nobody, also
    /// where the change is under way.
    ///
    /// # Errors
    ///
    /// [`Failure`]: why it would be refused, or why that cannot be told.
    pub async fn pool_preview(&self, change: PoolChange<'_>) -> Result<Outcome, Failure> {
        let goal = change.goal()?;
        let Look { means, membership } = self.look_as_member().await?;
        if !matches!(change, PoolChange::Evict { .. }) {
            refuse_untaken(&means.journal).await?;
        }
        self.catch_up(&membership, &goal.heeds())?;
        change.proposed(&membership.own.roster()).map_err(|err| record(err.into()))?;
        self.approve_change(&means, &membership, &goal).await?;
        Ok(Outcome::Declined)
    }
}
