//! How a run is asked to stop.

use tokio::sync::watch;

/// How urgently a run is asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Level {
    /// It is not.
    #[default]
    Running,
    /// No further step starts, and a step that only waits gives up. What acts may finish.
    Draining,
    /// Everything stops at once; what was acting is in doubt and looked at by the next run.
    Aborting,
}

/// Asks a run to stop. Copies ask the same run.
#[derive(Debug, Clone, Default)]
pub struct Cancel(watch::Sender<Level>);

impl Cancel {
    /// Asks once more: the first time to stop between steps, the second time and later to stop at once.
    pub fn press(&self) -> Level {
        self.raise(if self.level() == Level::Running { Level::Draining } else { Level::Aborting })
    }

    /// Raises the urgency to at least `level`; it never sinks.
    pub fn raise(&self, level: Level) -> Level {
        self.0.send_if_modified(|now| {
            let is_higher = level > *now;
            *now = level.max(*now);
            is_higher
        });
        self.level()
    }

    /// How urgent it is now.
    #[must_use]
    pub fn level(&self) -> Level {
        *self.0.borrow()
    }

    /// Waits until the urgency is at least `level`.
    pub async fn reached(&self, level: Level) {
        // We hold a sender ourselves, so the channel cannot close under us.
        self.0.subscribe().wait_for(|now| *now >= level).await.ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_second_press_aborts_and_nothing_calms_down_again() {
        let cancel = Cancel::default();
        assert_eq!(cancel.level(), Level::Running);
        assert_eq!(cancel.press(), Level::Draining);
        assert_eq!(cancel.clone().press(), Level::Aborting);
        assert_eq!(cancel.raise(Level::Draining), Level::Aborting);
        cancel.reached(Level::Draining).await;
    }

    #[tokio::test]
    async fn who_waits_hears_of_it() {
        let cancel = Cancel::default();
        let asked = cancel.clone();
        let waiting = tokio::spawn(async move { asked.reached(Level::Draining).await });
        // On one thread it waits from here on.
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        cancel.press();
        tokio::time::timeout(std::time::Duration::from_secs(20), waiting).await.expect("it hears").expect("no panic");
    }
}
