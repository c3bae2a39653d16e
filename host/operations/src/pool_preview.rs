//! `--dry-run` of a change of ours.

use hangar_pool::Heeds;

use crate::failure::Failure;
use crate::goal::Goal;
use crate::pool_adopt::refuse_untaken;
use crate::pool_changes::member_id;
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
    Evict(&'a str),
    /// It issues new leaves.
    RotateCerts,
    /// It goes over to another authority.
    RotateCa,
}

impl PoolChange<'_> {
    fn goal(self) -> Result<Goal, Failure> {
        Ok(match self {
            Self::Leave { lose_tolerance } => Goal::Leave { consent: lose_tolerance },
            Self::Evict(member) => Goal::Witness { member: member_id(member)?.to_string() },
            Self::RotateCerts => Goal::RotateCerts { before_ms: 0 },
            Self::RotateCa => Goal::RotateCa { authority: String::new() },
        })
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
        let Look { journal, runtime, vault, membership } = self.look_as_member().await?;
        if !matches!(change, PoolChange::Evict(_)) {
            refuse_untaken(&journal).await?;
        }
        match membership.own.refresh() {
            Err(err) if goal.heeds() == Heeds::Nobody => tracing::debug!(%err, "needs no carrier"),
            heard => drop(heard.map_err(record)?),
        }
        self.approve_change(&journal, &vault, &runtime, &membership, &goal).await?;
        Ok(Outcome::Declined)
    }
}
