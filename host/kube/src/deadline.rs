//! Waiting, with an end and the last thing seen.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::error::KubeError;

/// The last thing seen by somebody who waits.
#[derive(Default)]
pub(crate) struct Seen(Mutex<String>);

impl Seen {
    /// Notes what is seen now; says whether it is news.
    pub(crate) fn set(&self, text: impl Into<String>) -> bool {
        let text = text.into();
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = *held != text;
        *held = text;
        is_news
    }

    fn take(&self) -> String {
        let text = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if text.is_empty() { "nothing".to_owned() } else { text }
    }
}

/// Waits for `future` no longer than `after`; then the error names what was waited for and the last thing seen.
pub(crate) async fn within<T>(
    what: &str,
    after: Duration,
    seen: &Seen,
    future: impl Future<Output = Result<T, KubeError>>,
) -> Result<T, KubeError> {
    match tokio::time::timeout(after, future).await {
        Ok(ended) => ended,
        Err(_) => Err(KubeError::Deadline { what: what.to_owned(), after, seen: seen.take() }),
    }
}
