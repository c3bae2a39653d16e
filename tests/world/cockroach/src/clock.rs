//! The node's clock: the machine's, plus an offset that can be set while the node runs.
//!
//! All that the database would read off its clock comes from here: liveness, gossip, SQL's `now()`, log lines, licences
//! and the validity of certificates. Waiting is not: a skewed clock runs as fast as any other.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use rustls::time_provider::TimeProvider;
use rustls_pki_types::UnixTime;
use time::OffsetDateTime;

/// Environment variable with the offset at the start, as a signed number of milliseconds.
pub const OFFSET_VARIABLE: &str = "COCKROACH_WORLD_CLOCK_OFFSET_MS";

/// One process is one node, so one clock.
static OFFSET: AtomicI64 = AtomicI64::new(0);

/// Takes the offset from the environment, if it is set there.
pub fn start() {
    if let Some(millis) = crate::environment::get(OFFSET_VARIABLE).and_then(|text| text.parse().ok()) {
        set_offset_millis(millis);
    }
}

/// Sets the distance to the machine's clock; negative is behind it.
pub fn set_offset_millis(millis: i64) {
    OFFSET.store(millis.saturating_mul(1_000_000), Ordering::Relaxed);
}

/// The distance to the machine's clock, in milliseconds.
pub fn offset_millis() -> i64 {
    OFFSET.load(Ordering::Relaxed) / 1_000_000
}

/// Now, in nanoseconds since 1970.
pub fn now_nanos() -> i64 {
    let machine = i64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos()).expect("the present fits");
    machine.saturating_add(OFFSET.load(Ordering::Relaxed))
}

/// Now, in microseconds since 1970.
pub fn now_micros() -> i64 {
    now_nanos() / 1_000
}

/// Now, as a date.
pub fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(now_nanos())).expect("64 bits of nanoseconds are a date")
}

/// The clock by which TLS judges certificates.
#[derive(Debug)]
pub struct NodeClock;

impl TimeProvider for NodeClock {
    fn current_time(&self) -> Option<UnixTime> {
        let nanos = u64::try_from(now_nanos()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_nanos(nanos)))
    }
}
