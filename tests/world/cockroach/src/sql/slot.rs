//! One open transaction, counted at its gateway.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::error::SqlError;
use crate::clock::now_nanos;
use crate::license::{MOST_OPEN, throttle};
use crate::node::Node;

/// A transaction's place; given back when dropped.
pub struct Slot(Arc<Node>);

impl Slot {
    /// Takes a place.
    ///
    /// # Errors
    ///
    /// `XXC02` where the licence allows no more.
    pub fn take(node: &Arc<Node>) -> Result<Self, SqlError> {
        let slot = Self(Arc::clone(node));
        let open = node.txns.fetch_add(1, Ordering::Relaxed) + 1;
        if open > MOST_OPEN
            && let Some(state) = node.state()
        {
            let key = state.settings.get("enterprise.license").map_or("", String::as_str);
            if let Some(text) = throttle(&node.build, key, state.founded_at, now_nanos()) {
                let hint = "Obtain and install a valid license to continue.";
                return Err(SqlError::new("XXC02", text).with_hint(hint));
            }
        }
        Ok(slot)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.txns.fetch_sub(1, Ordering::Relaxed);
    }
}
