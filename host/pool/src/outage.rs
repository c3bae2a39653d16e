//! What fails for a while, in a run that waits for others anyway.

use std::error::Error as _;
use std::time::Duration;

use hangar_engine::FailureKind;
use tokio::time::Instant;

use crate::error::PoolError;
use crate::own::RecordError;

/// How long a carrier or a cluster that did answer in this run may fail to. A registry is moved and a control plane upgraded in less.
const BORNE: Duration = Duration::from_secs(15 * 60);

/// One thing that a run asks again and again, and since when it fails.
///
/// A wait for other organisations lasts days, and a network is not there all the time. What fails before it ever worked is set up
/// wrongly, and told at once.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    has_worked: bool,
    since: Option<Instant>,
}

impl Outage {
    /// What came of asking; `Err` holds what to tell of a failure that is borne.
    ///
    /// # Errors
    ///
    /// What is not of the outside, what never worked, and what fails for too long.
    pub(crate) fn weigh<T>(&mut self, asked: Result<T, PoolError>) -> Result<Result<T, String>, PoolError> {
        match asked {
            Ok(answer) => {
                *self = Self { has_worked: true, since: None };
                Ok(Ok(answer))
            }
            Err(err) if self.has_worked && is_outside(&err) => {
                let since = *self.since.get_or_insert_with(Instant::now);
                if since.elapsed() < BORNE { Ok(Err(told(&err))) } else { Err(err) }
            }
            Err(err) => Err(err),
        }
    }
}

fn is_outside(err: &PoolError) -> bool {
    match err {
        PoolError::Record(RecordError::Carrier(_)) => true,
        PoolError::Look(err) => matches!(err.kind(), FailureKind::Outside | FailureKind::Deadline),
        _ => false,
    }
}

/// The failure with its causes, in one line.
fn told(err: &PoolError) -> String {
    let mut words = err.to_string();
    let mut source = err.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !words.ends_with(&said) {
            words = format!("{words}: {said}");
        }
        source = cause.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use hangar_engine::StepError;

    use super::*;

    fn failed() -> Result<(), PoolError> {
        Err(PoolError::Look(StepError::outside("connection refused")))
    }

    #[test]
    fn what_never_worked_is_told_at_once() {
        assert!(Outage::default().weigh(failed()).is_err());
    }

    #[test]
    fn what_a_person_must_decide_is_not_borne() {
        let mut outage = Outage { has_worked: true, since: None };
        assert!(outage.weigh::<()>(Err(PoolError::Look(StepError::person("which?")))).is_err());
        assert!(outage.weigh::<()>(Err(PoolError::Interrupted)).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_borne_for_a_quarter_of_an_hour_and_counted_anew_after_an_answer() {
        let mut outage = Outage::default();
        assert!(matches!(outage.weigh(Ok(())), Ok(Ok(()))));
        for _ in 0..2 {
            let borne = outage.weigh(failed()).map(|weighed| weighed.expect_err("it fails"));
            assert_eq!(borne.expect("it is borne"), "cannot look at the world: connection refused");
            tokio::time::advance(BORNE - Duration::from_secs(1)).await;
            assert!(matches!(outage.weigh(failed()), Ok(Err(_))));
            assert!(matches!(outage.weigh(Ok(())), Ok(Ok(()))));
        }
        assert!(matches!(outage.weigh(failed()), Ok(Err(_))));
        tokio::time::advance(BORNE).await;
        assert!(outage.weigh(failed()).is_err());
    }
}
