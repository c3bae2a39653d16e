//! Randomness fit for keys. Not for calls that the contract says are pure.

/// Returns `n` bytes, at most 64 KiB.
#[must_use]
pub fn bytes(n: u32) -> Vec<u8> {
    #[cfg(target_arch = "wasm32")]
    return crate::bindings::host::hangar::host::random::bytes(n);
    #[cfg(not(target_arch = "wasm32"))]
    return crate::testing::random(n);
}
