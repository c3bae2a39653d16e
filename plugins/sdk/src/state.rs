//! A few small values that the host keeps for a plugin and an instance.

pub use crate::bindings::host::hangar::host::state::Error;

/// Returns a value, or none.
///
/// # Errors
///
/// [`Error`] says why the value cannot be read.
pub fn get(key: &str) -> Result<Option<Vec<u8>>, Error> {
    #[cfg(target_arch = "wasm32")]
    return crate::bindings::host::hangar::host::state::get(key);
    #[cfg(not(target_arch = "wasm32"))]
    return crate::testing::state_get(key);
}

/// Keeps a value; none forgets it. Durable when the call returns.
///
/// # Errors
///
/// [`Error`] says why the value cannot be kept.
pub fn set(key: &str, value: Option<&[u8]>) -> Result<(), Error> {
    #[cfg(target_arch = "wasm32")]
    return crate::bindings::host::hangar::host::state::set(key, value);
    #[cfg(not(target_arch = "wasm32"))]
    return crate::testing::state_set(key, value);
}
