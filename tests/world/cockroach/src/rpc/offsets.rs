//! How far the clocks of others are away, measured by pings, and when that is too far.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::state::NodeId;

/// One measurement, in nanoseconds.
#[derive(Debug, Clone, Copy)]
struct Offset {
    offset: i64,
    /// Half the round trip: the true offset is at most this far away.
    uncertainty: i64,
    at: Instant,
}

/// The most certain of each peer that is not too old.
#[derive(Debug)]
pub struct Offsets {
    known: Mutex<BTreeMap<NodeId, Offset>>,
    max_offset: Duration,
    /// How long a measurement is good for.
    ttl: Duration,
}

impl Offsets {
    /// With the flag `--max-offset`, and how long a measurement is good for.
    pub fn new(max_offset: Duration, ttl: Duration) -> Self {
        Self { known: Mutex::default(), max_offset, ttl }
    }

    /// The furthest that a clock may be away, in nanoseconds: four fifths of the greatest offset.
    fn tolerated(&self) -> i64 {
        i64::try_from(self.max_offset.as_nanos()).unwrap_or(i64::MAX) / 5 * 4
    }

    /// Takes a measurement: sent and received by our clock, answered in between by theirs. One that took more than twice
    /// what is tolerated says nothing, and of two the quicker answer counts as long as it is fresh: for half of the time that
    /// it is good for, so that the next comes before it is forgotten.
    pub fn measure(&self, peer: NodeId, sent: i64, answered: i64, received: i64) {
        let round_trip = (received - sent).max(0);
        let uncertainty = round_trip / 2;
        let offset = Offset { offset: answered - sent - uncertainty, uncertainty, at: Instant::now() };
        let mut known = self.known.lock().expect("no holder panics");
        known.retain(|_, seen| seen.at.elapsed() < self.ttl);
        let is_fresh = |seen: &Offset| seen.at.elapsed() < self.ttl / 2;
        let is_worse = known.get(&peer).is_some_and(|seen| is_fresh(seen) && seen.uncertainty <= uncertainty);
        if !is_worse && round_trip <= self.tolerated().saturating_mul(2) {
            known.insert(peer, offset);
        }
    }

    /// Checks what is known: this node's clock must be near more than half of the others'.
    ///
    /// # Errors
    ///
    /// The text with which the database ends its process.
    pub fn verify(&self) -> Result<(), String> {
        let known = self.known.lock().expect("no holder panics");
        // A measurement too vague to tell counts as good.
        let tolerated = self.tolerated();
        let healthy = known.values().filter(|seen| seen.offset.abs() - seen.uncertainty <= tolerated).count();
        let known = known.len();
        if known > 0 && healthy <= known / 2 {
            let limit = self.max_offset.as_millis();
            return Err(format!(
                "clock synchronization error: this node is more than {limit}ms away from at least half of the known nodes \
                 ({healthy} of {known} are within the offset)"
            ));
        }
        Ok(())
    }

    /// Mean and standard deviation, over both ends of each measurement.
    pub fn spread(&self) -> (i64, i64) {
        let known = self.known.lock().expect("no holder panics");
        let ends: Vec<f64> = known
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

    fn offsets(ttl: Duration) -> Offsets {
        Offsets::new(Duration::from_millis(500), ttl)
    }

    #[test]
    fn a_clock_that_is_off_from_half_of_the_others_is_too_far_off() {
        let offsets = offsets(Duration::MAX);
        offsets.measure(NodeId(1), 0, 450 * MS, 2 * MS);
        offsets.measure(NodeId(2), 0, MS, 2 * MS);
        let text = offsets.verify().expect_err("half of them");
        assert_eq!(
            text,
            "clock synchronization error: this node is more than 500ms away from at least half of the known nodes (1 of 2 \
             are within the offset)"
        );
        offsets.measure(NodeId(3), 0, MS, 2 * MS);
        assert_eq!(offsets.verify(), Ok(()));
    }

    #[test]
    fn what_a_slow_answer_cannot_tell_counts_as_good() {
        let offsets = offsets(Duration::MAX);
        offsets.measure(NodeId(1), 0, 700 * MS, 800 * MS);
        assert_eq!(offsets.verify(), Ok(()));
        assert_eq!(offsets.spread(), (300 * MS, 400 * MS));
    }

    #[test]
    fn the_quicker_answer_counts_as_long_as_it_is_fresh() {
        let offsets = offsets(Duration::MAX);
        offsets.measure(NodeId(1), 0, 300 * MS, 400 * MS);
        offsets.measure(NodeId(1), 0, 2 * MS, 4 * MS);
        offsets.measure(NodeId(1), 0, 300 * MS, 400 * MS);
        assert_eq!(offsets.spread(), (0, 2 * MS));
        let offsets = self::offsets(Duration::ZERO);
        offsets.measure(NodeId(1), 0, 2 * MS, 4 * MS);
        offsets.measure(NodeId(1), 0, 300 * MS, 400 * MS);
        assert_eq!(offsets.spread(), (100 * MS, 200 * MS));
    }

    #[test]
    fn an_answer_that_took_too_long_tells_nothing() {
        let offsets = offsets(Duration::MAX);
        offsets.measure(NodeId(1), 0, 700 * MS, 801 * MS);
        assert_eq!(offsets.spread(), (0, 0));
    }
}
