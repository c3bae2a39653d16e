use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use k8s_openapi::api::core::v1::Container;

use crate::images::{Image, ImageError, ImageReference, PullError, Registry, Store};

/// The images of one node.
pub(super) struct Images {
    registry: Registry,
    store: Arc<Store>,
    /// What this node has pulled; others' pulls do not count.
    present: Mutex<HashMap<ImageReference, Image>>,
}

/// An image, and how it came.
pub(super) struct Pulled {
    pub(super) image: Image,
    /// As `containerStatuses` gives it: name and digest.
    pub(super) id: String,
    pub(super) was_present: bool,
}

/// Why a container has no image.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoImage {
    #[error("Failed to apply default image tag {0:?}: couldn't parse image name {0:?}: invalid reference format")]
    Invalid(String),
    #[error("Container image {0:?} is not present with pull policy of Never")]
    NeverPull(String),
    #[error(transparent)]
    Pull(#[from] PullError),
}

impl NoImage {
    /// As the container's waiting state gives it.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "InvalidImageName",
            Self::NeverPull(_) => "ErrImageNeverPull",
            Self::Pull(_) => "ErrImagePull",
        }
    }
}

impl Images {
    pub(super) fn new(registry: Registry, store: Arc<Store>) -> Self {
        Self { registry, store, present: Mutex::default() }
    }

    /// Whether the registry would be asked.
    pub(super) fn would_pull(&self, container: &Container) -> bool {
        let name = container.image.as_deref().unwrap_or_default().parse();
        policy(container) == "Always" || name.is_ok_and(|name| self.present(&name).is_none())
    }

    pub(super) async fn ensure(&self, container: &Container) -> Result<Pulled, NoImage> {
        let text = container.image.as_deref().unwrap_or_default();
        let name: ImageReference = text.parse().map_err(|_: ImageError| NoImage::Invalid(text.to_owned()))?;
        let present = self.present(&name);
        let (image, was_present) = match (present, policy(container)) {
            (Some(image), "IfNotPresent" | "Never") => (image, true),
            (None, "Never") => return Err(NoImage::NeverPull(text.to_owned())),
            _ => (self.store.pull(&self.registry, &name).await?, false),
        };
        let id = format!("{}@{}", name.name(), image.digest);
        self.present.lock().unwrap_or_else(PoisonError::into_inner).insert(name, image.clone());
        Ok(Pulled { image, id, was_present })
    }

    fn present(&self, name: &ImageReference) -> Option<Image> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }
}

fn policy(container: &Container) -> &str {
    container.image_pull_policy.as_deref().unwrap_or("IfNotPresent")
}
