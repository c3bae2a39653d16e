//! How far the clocks of others are away, measured by pings, and when that is too far.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::state::NodeId;

/// One measurement, in nanoseconds.
#[derive(Debug, Clone, Copy)]
pub struct Offset {
    pub offset: i64,
    /// Half the round trip: the true offset is at most this far away.
    pub uncertainty: i64,
    pub at: Instant,
}

/// The latest of each peer.
#[derive(Debug, Default)]
pub struct Offsets(Mutex<BTreeMap<NodeId, Offset>>);

impl Offsets {
    /// Takes a measurement: sent and received by our clock, answered in between by theirs.
    pub fn measure(&self, peer: NodeId, sent: i64, answered: i64, received: i64) {
        let uncertainty = (received - sent).max(0) / 2;
        let offset = Offset { offset: answered - sent - uncertainty, uncertainty, at: Instant::now() };
        self.0.lock().expect("no holder panics").insert(peer, offset);
    }

    /// Forgets what is older than `ttl`, and checks the rest: this node's clock must be near more than half of them.
    ///
    /// # Errors
    ///
    /// The text with which the database ends its process.
    pub fn verify(&self, max_offset: Duration, ttl: Duration) -> Result<(), String> {
        let mut offsets = self.0.lock().expect("no holder panics");
        offsets.retain(|_, offset| offset.at.elapsed() < ttl);
        let tolerated = i64::try_from(max_offset.as_nanos()).unwrap_or(i64::MAX) / 5 * 4;
        // A measurement too vague to tell counts as good.
        let healthy = offsets.values().filter(|seen| seen.offset.abs() - seen.uncertainty <= tolerated).count();
        let known = offsets.len();
        if known > 0 && healthy <= known / 2 {
            let limit = max_offset.as_millis();
            return Err(format!(
                "clock synchronization error: this node is more than {limit}ms away from at least half of the known nodes \
                 ({healthy} of {known} are within the offset)"
            ));
        }
        Ok(())
    }

    /// Mean and standard deviation, over both ends of each measurement.
    pub fn spread(&self) -> (i64, i64) {
        let offsets = self.0.lock().expect("no holder panics");
        let ends: Vec<f64> = offsets
            .values()
            .flat_map(|seen| [seen.offset + seen.uncertainty, seen.offset - seen.uncertainty])
            .map(|nanos| nanos as f64)
            .collect();
        if ends.is_empty() {
            return (0, 0);
        }
        let mean = ends.iter().sum::<f64>() / ends.len() as f64;
        let variance = ends.iter().map(|end| (end - mean).powi(2)).sum::<f64>() / ends.len() as f64;
        (mean as i64, variance.sqrt() as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;
    const LIMIT: Duration = Duration::from_millis(500);
    const TTL: Duration = Duration::from_secs(60);

    #[test]
    fn a_clock_that_is_off_from_half_of_the_others_is_too_far_off() {
        let offsets = Offsets::default();
        offsets.measure(NodeId(1), 0, 450 * MS, 2 * MS);
        offsets.measure(NodeId(2), 0, MS, 2 * MS);
        let text = offsets.verify(LIMIT, TTL).expect_err("half of them");
        assert_eq!(
            text,
            "clock synchronization error: this node is more than 500ms away from at least half of the known nodes (1 of 2 \
             are within the offset)"
        );
        offsets.measure(NodeId(3), 0, MS, 2 * MS);
        assert_eq!(offsets.verify(LIMIT, TTL), Ok(()));
    }

    #[test]
    fn what_a_slow_answer_cannot_tell_counts_as_good() {
        let offsets = Offsets::default();
        offsets.measure(NodeId(1), 0, 900 * MS, 1_000 * MS);
        assert_eq!(offsets.verify(LIMIT, TTL), Ok(()));
        assert_eq!(offsets.spread(), (400 * MS, 500 * MS));
    }
}
