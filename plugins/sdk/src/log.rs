//! Lines for the operator's log.
//!
//! A line over 4 KiB is cut, and a call may write 1,000 lines. Nothing a secret store writes is shown.

pub use crate::bindings::host::hangar::host::log::Level;

/// Writes one line with named values.
pub fn write(level: Level, message: &str, fields: &[(String, String)]) {
    #[cfg(target_arch = "wasm32")]
    crate::bindings::host::hangar::host::log::write(level, message, fields);
    #[cfg(not(target_arch = "wasm32"))]
    crate::testing::log(level, message, fields);
}

/// Writes a line of level `debug`, formatted as by [`format!`].
#[macro_export]
macro_rules! debug {
    ($($message:tt)+) => { $crate::log::write($crate::log::Level::Debug, &::std::format!($($message)+), &[]) };
}

/// Writes a line of level `info`, formatted as by [`format!`].
#[macro_export]
macro_rules! info {
    ($($message:tt)+) => { $crate::log::write($crate::log::Level::Info, &::std::format!($($message)+), &[]) };
}

/// Writes a line of level `warn`, formatted as by [`format!`].
#[macro_export]
macro_rules! warn {
    ($($message:tt)+) => { $crate::log::write($crate::log::Level::Warn, &::std::format!($($message)+), &[]) };
}
