//! A sign of life of what is under way, by a clock of our own.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::stream::{Action, Event, Resource};

/// The tools should say every 10 s what they still do. Some say it once and no more, so that silence is no death; we are a
/// little slower than they should be and only speak where they do not.
const EVERY: Duration = Duration::from_secs(12);

/// Knows what is under way.
#[derive(Debug, Default)]
pub(crate) struct Pulse(BTreeMap<String, Work>);

#[derive(Debug)]
struct Work {
    resource: Resource,
    /// When it was begun, as far as we know.
    since: Instant,
    last_heard: Instant,
}

impl Pulse {
    pub(crate) fn take(&mut self, event: &Event, now: Instant) {
        match event {
            Event::Started(resource) => self.begin(resource.clone(), now),
            Event::Refreshing(resource) => {
                self.begin(Resource { action: Some(Action::Read), ..resource.clone() }, now);
            }
            Event::Running(resource) => self.hear(resource, now),
            Event::Completed(resource) | Event::Errored(resource) | Event::Refreshed(resource) => {
                self.0.remove(&resource.address);
            }
            _ => {}
        }
    }

    /// When the next sign of life is due; never while nothing is under way.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.0.values().map(|work| work.last_heard + EVERY).min()
    }

    /// What is due by now, as the tool should have said it.
    pub(crate) fn beat(&mut self, now: Instant) -> Vec<Event> {
        let due = self.0.values_mut().filter(|work| work.last_heard + EVERY <= now);
        due.map(|work| {
            work.last_heard = now;
            let elapsed_s = Some((now - work.since).as_secs_f64());
            Event::Running(Resource { elapsed_s, ..work.resource.clone() })
        })
        .collect()
    }

    fn begin(&mut self, resource: Resource, now: Instant) {
        self.0.insert(resource.address.clone(), Work { resource, since: now, last_heard: now });
    }

    fn hear(&mut self, resource: &Resource, now: Instant) {
        // The tool's own clock knows of what was begun before we listened.
        let elapsed = resource.elapsed_s.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let since = elapsed.and_then(|elapsed| now.checked_sub(elapsed)).unwrap_or(now);
        match self.0.get_mut(&resource.address) {
            Some(work) => {
                work.since = work.since.min(since);
                work.last_heard = now;
            }
            None => {
                let work = Work { resource: resource.clone(), since, last_heard: now };
                self.0.insert(resource.address.clone(), work);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(elapsed_s: Option<f64>) -> Resource {
        Resource { address: "a.b".to_owned(), action: Some(Action::Create), id: None, elapsed_s }
    }

    #[test]
    fn what_the_tool_is_silent_about_is_said_by_our_clock() {
        let (mut pulse, start) = (Pulse::default(), Instant::now());
        assert_eq!(pulse.due(), None);
        pulse.take(&Event::Started(resource(None)), start);
        assert_eq!(pulse.due(), Some(start + EVERY));
        assert!(pulse.beat(start + Duration::from_secs(11)).is_empty());
        let said = pulse.beat(start + Duration::from_secs(130));
        assert_eq!(said, [Event::Running(resource(Some(130.0)))]);
        assert_eq!(said[0].in_words().as_deref(), Some("still creating `a.b`, 2m10s"));
        assert!(pulse.beat(start + Duration::from_secs(131)).is_empty());
        pulse.take(&Event::Completed(resource(None)), start + Duration::from_secs(132));
        assert_eq!(pulse.due(), None);
    }

    #[test]
    fn a_tool_that_speaks_is_not_spoken_over() {
        let (mut pulse, start) = (Pulse::default(), Instant::now());
        pulse.take(&Event::Started(resource(None)), start);
        pulse.take(&Event::Running(resource(Some(10.0))), start + Duration::from_secs(10));
        assert!(pulse.beat(start + Duration::from_secs(13)).is_empty());
        assert_eq!(pulse.beat(start + Duration::from_secs(22)).len(), 1);
    }

    #[test]
    fn work_begun_before_we_listened_has_the_tools_age() {
        let (mut pulse, now) = (Pulse::default(), Instant::now() + Duration::from_secs(1000));
        pulse.take(&Event::Running(resource(Some(600.0))), now);
        let said = pulse.beat(now + Duration::from_secs(20));
        assert_eq!(said, [Event::Running(resource(Some(620.0)))]);
    }
}
