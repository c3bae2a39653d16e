use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Looks until there is something, but not for ever.
///
/// # Errors
///
/// After two minutes, with what was seen last.
pub async fn wait_for<T>(what: &str, mut look: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let last = match look().await {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => "nothing".to_owned(),
            Err(err) => format!("{err:#}"),
        };
        if Instant::now() > deadline {
            bail!("waited {PATIENCE:?} for {what}; last seen: {last}");
        }
        sleep(LOOK_EVERY).await;
    }
}
