//! The environment of the process, read in one place.

/// The value of a variable that is set and not empty.
#[expect(clippy::disallowed_methods, reason = "a program of the world knows no room of the host")]
pub fn get(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
