//! `hangar:host/clock`.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::bindings::host::hangar::host::clock::Host;
use crate::call::{Call, Impure};

impl Host for Call {
    async fn now_ms(&mut self) -> wasmtime::Result<u64> {
        if self.impure("ask for the time").is_some() {
            return Err(Impure(format!("ask for the time in `{}`, which must be pure", self.function)).into());
        }
        // A clock before 1970 is one that was never set.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}
