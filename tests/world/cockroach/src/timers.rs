//! Every duration of a node, multiplied by one factor, so that tests need not wait like operators do.

use std::time::Duration;

/// Environment variable with the factor; `1` (the default) is real time, `0.1` ten times as fast.
pub const SCALE_VARIABLE: &str = "COCKROACH_WORLD_TIME_SCALE";
/// Environment variable with the milliseconds for which gossip remembers where a node is, whatever the factor.
pub const MEMORY_VARIABLE: &str = "COCKROACH_WORLD_GOSSIP_MEMORY_MS";

/// The durations a node lives by. Real values are those of `_data/constants.yml` of the vendor's documentation
/// where one exists.
#[derive(Debug, Clone, Copy)]
pub struct Timers {
    scale: f64,
    gossip_memory: Option<Duration>,
}

impl Timers {
    /// Reads the factor from the environment. A factor that is no positive number counts as 1.
    pub fn from_environment() -> Self {
        let scale = crate::environment::get(SCALE_VARIABLE).and_then(|text| text.parse::<f64>().ok());
        let memory = crate::environment::get(MEMORY_VARIABLE).and_then(|text| text.parse().ok());
        Self { gossip_memory: memory.map(Duration::from_millis), ..Self::scaled(scale.unwrap_or(1.0)) }
    }

    /// All durations times `scale`.
    pub fn scaled(scale: f64) -> Self {
        Self { scale: if scale.is_finite() && scale > 0.0 { scale } else { 1.0 }, gossip_memory: None }
    }

    /// `millis` of real time, scaled.
    pub fn millis(self, millis: u64) -> Duration {
        self.scale(Duration::from_millis(millis))
    }

    /// A duration of real time, scaled.
    pub fn scale(self, real: Duration) -> Duration {
        real.mul_f64(self.scale)
    }

    /// Between two join attempts of an empty node.
    pub fn join_retry(self) -> Duration {
        self.millis(1_000)
    }

    /// How long a member works on a join before it gives up.
    pub fn join_deadline(self) -> Duration {
        self.millis(20_000).max(Duration::from_secs(2))
    }

    /// Between two liveness heartbeats of a node. Where time runs faster they come twice as often: the stalls of a busy machine
    /// are as long as ever, and would make live nodes look dead.
    pub fn liveness_heartbeat(self) -> Duration {
        self.millis(if self.scale < 1.0 { 1_500 } else { 3_000 })
    }

    /// How long a liveness heartbeat is good for.
    pub fn liveness_duration(self) -> Duration {
        self.millis(6_000)
    }

    /// Between two pings on a connection. 24.1 pings each second; with one process a node on a small machine,
    /// three seconds keep idle nodes idle.
    pub fn ping(self) -> Duration {
        self.millis(3_000)
    }

    /// Longest wait for a dial or a ping. Never below a second: it bounds work on a busy machine, not silence.
    pub fn network(self) -> Duration {
        self.millis(4_000).max(Duration::from_secs(1))
    }

    /// How long a measurement of another clock is good for.
    pub fn offset_ttl(self) -> Duration {
        10 * self.ping().max(self.network())
    }

    /// Between two attempts to dial a peer.
    pub fn redial(self) -> Duration {
        self.millis(1_000)
    }

    /// Between two looks for something to gossip.
    pub fn gossip(self) -> Duration {
        self.millis(2_000)
    }

    /// How long gossip remembers what a node said of itself. A node that lives says it again in half that time.
    pub fn gossip_memory(self) -> Duration {
        self.gossip_memory.unwrap_or_else(|| self.scale(Duration::from_secs(2 * 3_600)))
    }

    /// Between two appends of the leader of the log to a follower that is up to date.
    pub fn log_heartbeat(self) -> Duration {
        self.millis(1_000)
    }

    /// Shortest silence of the leader after which a follower stands for election; the longest is twice this.
    pub fn election(self) -> Duration {
        self.millis(3_000)
    }

    /// Between two rounds of the allocator while it has work.
    pub fn allocator_busy(self) -> Duration {
        self.millis(500)
    }

    /// Between two rounds of the allocator while it has none.
    pub fn allocator_idle(self) -> Duration {
        self.millis(2_000)
    }

    /// How long a drain waits for sessions and for the last writes. Never below a second and a half: it bounds work on a busy
    /// machine, not silence.
    pub fn drain(self) -> Duration {
        self.millis(4_000).max(Duration::from_millis(1_500))
    }
}

/// A duration as Go and cluster settings write it: `1m30s`, `500ms`, or `00:05:00`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let [hours, minutes, seconds] = text.split(':').collect::<Vec<_>>().as_slice() {
        let whole = hours.parse::<u64>().ok()? * 3_600 + minutes.parse::<u64>().ok()? * 60;
        return Duration::try_from_secs_f64(whole as f64 + seconds.parse::<f64>().ok()?).ok();
    }
    let (mut rest, mut total) = (text, 0.0);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let units = &rest[digits..];
        let end = units.find(|letter: char| letter.is_ascii_digit()).unwrap_or(units.len());
        total += number
            * match &units[..end] {
                "ns" => 1e-9,
                "us" | "µs" => 1e-6,
                "ms" => 1e-3,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3_600.0,
                _ => return None,
            };
        rest = &units[end..];
    }
    Duration::try_from_secs_f64(total).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_shrink_with_the_factor_but_network_waits_keep_a_floor() {
        let timers = Timers::scaled(0.1);
        assert_eq!(timers.liveness_duration(), Duration::from_millis(600));
        assert_eq!(timers.network(), Duration::from_secs(1));
        assert_eq!(timers.drain(), Duration::from_millis(1_500));
        // Of one life of a heartbeat there is more left for stalls than where time is real.
        assert_eq!(
            (timers.liveness_heartbeat(), Timers::scaled(1.0).liveness_heartbeat()),
            (Duration::from_millis(150), Duration::from_secs(3))
        );
    }

    #[test]
    fn durations_come_in_the_forms_of_go_and_of_intervals() {
        assert_eq!(parse_duration("1m30.5s"), Some(Duration::from_millis(90_500)));
        assert_eq!(parse_duration("00:05:00"), Some(Duration::from_secs(300)));
        assert_eq!((parse_duration("1"), parse_duration("x"), parse_duration("")), (None, None, None));
    }

    #[test]
    fn a_senseless_factor_is_real_time() {
        assert_eq!(Timers::scaled(-3.0).join_retry(), Duration::from_secs(1));
        assert_eq!(Timers::scaled(f64::NAN).join_retry(), Duration::from_secs(1));
    }
}
