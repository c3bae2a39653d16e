use std::time::Duration;

/// Scales the kubelet's waits, so that tests need not sit out minutes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    factor: f64,
}

impl Pace {
    pub(super) fn new(factor: f64) -> Self {
        Self { factor: factor.clamp(0.001, 10.0) }
    }

    pub(super) fn of(self, wait: Duration) -> Duration {
        wait.mul_f64(self.factor)
    }
}

/// Waits between attempts: 10 s, doubled up to 300 s (Kubernetes documentation, pod lifecycle).
#[derive(Clone, Debug)]
pub(super) struct Backoff {
    pace: Pace,
    next: Option<Duration>,
}

const FIRST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(300);
/// A container that ran this long begins anew.
const FORGIVEN_AFTER: Duration = Duration::from_secs(600);

impl Backoff {
    pub(super) fn new(pace: Pace) -> Self {
        Self { pace, next: None }
    }

    /// The wait before an image is pulled again.
    pub(super) fn before_pull(&mut self) -> Duration {
        let wait = self.next.unwrap_or(FIRST);
        self.next = Some((wait * 2).min(LONGEST));
        wait
    }

    /// The wait before a container that ran for so long starts again: none at first.
    pub(super) fn before_restart(&mut self, ran: Duration) -> Duration {
        if ran > self.pace.of(FORGIVEN_AFTER) {
            self.next = None;
        }
        let wait = self.next;
        self.next = Some(wait.map_or(FIRST, |wait| wait * 2).min(LONGEST));
        wait.unwrap_or(Duration::ZERO)
    }

    /// A wait as it is told becomes a wait as it is done.
    pub(super) fn scaled(&self, wait: Duration) -> Duration {
        self.pace.of(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(backoff: &mut Backoff, n: usize) -> Vec<u64> {
        (0..n).map(|_| backoff.before_restart(Duration::ZERO).as_secs()).collect()
    }

    #[test]
    fn restarts_wait_as_the_real_kubelet_does() {
        let mut backoff = Backoff::new(Pace::new(1.0));
        assert_eq!(seconds(&mut backoff, 8), [0, 10, 20, 40, 80, 160, 300, 300]);
    }

    #[test]
    fn a_long_run_is_forgiven() {
        let mut backoff = Backoff::new(Pace::new(1.0));
        seconds(&mut backoff, 4);
        assert_eq!(backoff.before_restart(Duration::from_secs(601)), Duration::ZERO);
    }

    #[test]
    fn a_factor_shortens_the_wait_and_not_what_is_told() {
        let mut backoff = Backoff::new(Pace::new(0.01));
        let told = backoff.before_pull();
        assert_eq!((told, backoff.scaled(told)), (Duration::from_secs(10), Duration::from_millis(100)));
    }
}
