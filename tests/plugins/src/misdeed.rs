//! What the guest can do wrong.

use serde::Deserialize;

/// Names of all misdeeds, as a configuration writes them. A test compares this list with the tests there are.
pub const NAMES: [&str; 17] = [
    "loop",
    "hoard",
    "trap",
    "recurse",
    "flood-log",
    "long-line",
    "huge-answer",
    "huge-request",
    "ungranted-host",
    "own-authorization",
    "foreign-slot",
    "too-many-requests",
    "wait-in-host-call",
    "state-ungranted",
    "state-hoard",
    "clock-in-pure-call",
    "http-in-pure-call",
];

/// One way to behave badly. Those of pure calls happen in `render`, all others in `preflight`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Misdeed {
    /// Never returns.
    Loop,
    /// Takes memory until there is none.
    Hoard,
    /// Panics.
    Trap,
    /// Calls itself until the stack ends.
    Recurse,
    /// Writes lines until it is stopped.
    FloodLog,
    /// Writes one line of 64 KiB.
    LongLine,
    /// Returns a message of 64 MiB.
    HugeAnswer,
    /// Sends a body of 64 MiB.
    HugeRequest,
    /// Sends a request to `url`, which is not granted.
    UngrantedHost,
    /// Sends a request with an `authorization` header of its own.
    OwnAuthorization,
    /// Lets the host sign with a slot that is not granted.
    ForeignSlot,
    /// Sends requests to `url` until it is stopped.
    TooManyRequests,
    /// Sends one request to `url`, which does not answer.
    WaitInHostCall,
    /// Keeps a value without being allowed to.
    StateUngranted,
    /// Keeps values until it is refused.
    StateHoard,
    /// Asks for the time in a call that is pure.
    ClockInPureCall,
    /// Sends a request in a call that is pure.
    HttpInPureCall,
}

/// The guest's configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What it does.
    pub misdeed: Misdeed,
    /// Where requests go.
    #[serde(default)]
    pub url: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_misdeed() {
        for name in NAMES {
            let config = format!(r#"{{"misdeed": "{name}"}}"#);
            hangar_sdk::config::parse::<Config>(&config).expect(name);
        }
    }
}
