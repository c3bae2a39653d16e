//! The one encrypted file that the host keeps for a secret store.

pub use crate::bindings::host::hangar::host::sealed_file::{Content, Error};

/// Returns the content, or none when nothing was ever written.
///
/// # Errors
///
/// [`Error`] says why the file cannot be read.
pub fn read() -> Result<Option<Content>, Error> {
    #[cfg(target_arch = "wasm32")]
    return crate::bindings::host::hangar::host::sealed_file::read();
    #[cfg(not(target_arch = "wasm32"))]
    return crate::testing::sealed_read();
}

/// Replaces the content if `expected` is the version that is there (0: nothing), and returns the new version.
///
/// # Errors
///
/// [`Error::Conflict`] with the version that is there; otherwise why the file cannot be written.
pub fn replace(expected: u64, bytes: &[u8]) -> Result<u64, Error> {
    #[cfg(target_arch = "wasm32")]
    return crate::bindings::host::hangar::host::sealed_file::replace(expected, bytes);
    #[cfg(not(target_arch = "wasm32"))]
    return crate::testing::sealed_replace(expected, bytes);
}
