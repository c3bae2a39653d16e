//! `hangar:host/random`.

use crate::bindings::host::hangar::host::random::Host;
use crate::call::{Call, Impure};

const MAX_BYTES: usize = 64 * 1024;

impl Host for Call {
    async fn bytes(&mut self, n: u32) -> wasmtime::Result<Vec<u8>> {
        if self.impure("ask for randomness").is_some() {
            return Err(Impure(format!("ask for randomness in `{}`, which must be pure", self.function)).into());
        }
        let mut bytes = vec![0; MAX_BYTES.min(n as usize)];
        getrandom::fill(&mut bytes).map_err(|err| wasmtime::Error::msg(format!("no randomness: {err}")))?;
        Ok(bytes)
    }
}
