use std::time::Duration;

use tokio::time::Instant;

use super::ContainerWorker;
use crate::kubelet::backoff::Backoff;
use crate::kubelet::events::EventKind;
use crate::kubelet::images::Pulled;
use crate::kubelet::pod::rest;

const SHOWN_BEFORE_BACKOFF: Duration = Duration::from_secs(1);

impl ContainerWorker {
    /// Gets the image, however often it takes; nothing if the pod has to stop first.
    pub(super) async fn pull(&mut self) -> Option<Pulled> {
        let image = self.setting.image.clone().unwrap_or_default();
        let mut backoff = Backoff::new(self.context.node.pace);
        loop {
            if self.context.node.images.would_pull(&self.setting) {
                self.event(EventKind::Normal, "Pulling", &format!("Pulling image {image:?}"));
            }
            let began = Instant::now();
            let ensured = tokio::select! {
                ensured = self.context.node.images.ensure(&self.setting) => ensured,
                _ = self.stop.wait_for(Option::is_some) => return None,
            };
            let err = match ensured {
                Ok(pulled) => {
                    self.tell_pulled(&image, &pulled, began.elapsed());
                    return Some(pulled);
                }
                Err(err) => err,
            };
            self.context.state.wait_in(self.slot, err.reason(), Some(err.to_string()));
            self.event(EventKind::Warning, "Failed", &format!("Failed to pull image {image:?}: {err}"));
            self.event(EventKind::Warning, "Failed", &format!("Error: {}", err.reason()));
            let wait = backoff.before_pull();
            // The real kubelet shows the error itself until it looks again.
            let shown = backoff.scaled(wait).min(SHOWN_BEFORE_BACKOFF);
            rest(shown, &mut self.stop).await?;
            if err.reason() == "ErrImagePull" {
                let message = format!("Back-off pulling image {image:?}: ErrImagePull: {err}");
                self.context.state.wait_in(self.slot, "ImagePullBackOff", Some(message));
                self.event(EventKind::Normal, "BackOff", &format!("Back-off pulling image {image:?}"));
            }
            rest(backoff.scaled(wait).saturating_sub(shown), &mut self.stop).await?;
        }
    }

    fn tell_pulled(&self, image: &str, pulled: &Pulled, took: Duration) {
        let note = if pulled.was_present {
            format!("Container image {image:?} already present on machine")
        } else {
            let took = format!("{}ms", took.as_millis());
            format!(
                "Successfully pulled image {image:?} in {took} ({took} including waiting). Image size: {} bytes.",
                pulled.image.size
            )
        };
        self.event(EventKind::Normal, "Pulled", &note);
    }
}
