use std::time::Duration;

use k8s_openapi::api::core::v1::LifecycleHandler;

use super::probe::{Failure, Target};

/// Runs a lifecycle hook of a container to its end, or until `patience` is over.
pub(super) async fn run(target: &Target, hook: &LifecycleHandler, patience: Duration) -> Result<(), Failure> {
    if let Some(sleep) = &hook.sleep {
        let wanted = Duration::from_secs(u64::try_from(sleep.seconds).unwrap_or(0));
        tokio::time::sleep(wanted.min(patience)).await;
        return Ok(());
    }
    match (&hook.exec, &hook.http_get) {
        (Some(exec), _) => target.execute(exec, patience).await,
        (None, Some(get)) => target.http_get(get, patience).await,
        (None, None) => Ok(()),
    }
}
