//! How long a step may take, and how it is cut short.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time;

use crate::cancel::{Cancel, Level};
use crate::step::{FailureKind, StepError};

/// How long a step has to end once it was told to. Long enough to interrupt a tool; a tool that needs longer ends by
/// itself and is found by the next run.
const GRACE: Duration = Duration::from_secs(3);

#[derive(Debug, thiserror::Error)]
#[error("it did not end within {} s", .0.as_secs())]
struct Expired(Duration);

pub(super) fn expired(deadline: Duration) -> StepError {
    StepError::new(FailureKind::Deadline, Expired(deadline))
}

/// Runs one part of a step until it ends, its time is over, or the run is aborted.
pub(super) async fn within<T>(
    part: impl Future<Output = Result<T, StepError>>,
    deadline: Duration,
    cancel: &Cancel,
    stop: &watch::Sender<bool>,
) -> Result<T, StepError> {
    let mut part = pin!(part);
    let cut = tokio::select! {
        biased;
        ended = &mut part => return ended,
        () = cancel.reached(Level::Aborting) => StepError::interrupted(),
        () = time::sleep(deadline) => expired(deadline),
    };
    stop.send_replace(true);
    match time::timeout(GRACE, part).await {
        // It made it just in time, and nothing tells the next part to stop.
        Ok(Ok(output)) => {
            stop.send_replace(false);
            Ok(output)
        }
        // It has something better to say than that it was stopped.
        Ok(Err(err)) if err.kind() != FailureKind::Interrupted => Err(err),
        _ => Err(cut),
    }
}
