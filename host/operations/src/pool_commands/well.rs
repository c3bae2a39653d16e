//! Whether the pool is well, before a vote lets somebody in.

use std::time::{Duration, Instant};

use hangar_plan::diagnostic::Severity;

use crate::failure::{Cause, Failure};
use crate::means::Means;
use crate::pool_look::status_of;
use crate::pooling::Membership;
use crate::session::Session;

/// How long that is waited for which ends by itself or by the doing of others, such as copies of ranges on their way.
const PATIENCE: Duration = Duration::from_mins(10);
/// The same for what is ours to mend: whoever waits holds the workspace.
const OWN_PATIENCE: Duration = Duration::from_mins(1);

impl Session {
    /// Waits until the pool is well, as our own nodes see it: a newcomer's nodes take copies from those of others, and what goes
    /// wrong then is not to be told from what was wrong before.
    ///
    /// # Errors
    ///
    /// [`Cause::Outside`] where it does not become so, with the member whose move it is. No vote was given.
    pub(crate) async fn until_well(&self, means: &Means, membership: &Membership) -> Result<(), Failure> {
        let connected = self.connected(means, Some(&membership.own)).await?;
        let since = Instant::now();
        loop {
            let status = self.unless_stopped(status_of(membership, &connected)).await?;
            let Some(gap) = status.obstacle_to_joining() else { return Ok(()) };
            // A warning is of copies that are on their way.
            let is_ours = gap.whose.as_deref() == Some(status.own.as_str()) && gap.severity != Severity::Warning;
            if since.elapsed() >= if is_ours { OWN_PATIENCE } else { PATIENCE } {
                let message = format!("the pool is not well, and nobody is let in meanwhile: {}", gap.message);
                return Err(Failure::new(Cause::Outside, message).hint_of(&gap));
            }
            (self.waiting)(&format!("the pool to be well before anybody is let in: {}", gap.message));
            self.pause_between_looks().await?;
        }
    }
}
