use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use oci_spec::image::{Config, Digest, ImageConfiguration, ImageManifest};

use super::registry::{PullError, Registry, other};
use super::{ImageReference, layer};

/// Unpacked images, each once, by digest, for all kubelets of a world.
#[derive(Debug)]
pub(crate) struct Store {
    folder: PathBuf,
    unpacking: Mutex<HashMap<Digest, Arc<tokio::sync::Mutex<()>>>>,
}

/// An image that containers can be made of.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) digest: Digest,
    /// Never written to.
    pub(crate) root: PathBuf,
    pub(crate) config: Config,
    /// Of all layers, as they travel.
    pub(crate) size: u64,
}

impl Store {
    pub(crate) fn new(folder: PathBuf) -> std::io::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        Ok(Self { folder, unpacking: Mutex::default() })
    }

    /// Resolves a name, fetches what is not there yet, and returns the unpacked image.
    ///
    /// An image takes its final place only when it is whole; two pods that need it at once unpack it once.
    pub(crate) async fn pull(&self, registry: &Registry, image: &ImageReference) -> Result<Image, PullError> {
        let resolved = registry.resolve(image).await?;
        let lock = self.lock(&resolved.digest);
        let _alone = lock.lock().await;
        let folder = self.folder.join(resolved.digest.digest());
        if !folder.is_dir() {
            let draft = tempfile::tempdir_in(&self.folder).map_err(|err| other(image, &err))?;
            fetch(registry, image, &resolved.manifest, draft.path()).await?;
            std::fs::rename(draft.keep(), &folder).map_err(|err| other(image, &err))?;
        }
        let config = ImageConfiguration::from_file(folder.join("config.json")).map_err(|err| other(image, &err))?;
        Ok(Image {
            digest: resolved.digest,
            root: folder.join("root"),
            config: config.config().clone().unwrap_or_default(),
            size: resolved.manifest.layers().iter().map(|layer| layer.size()).sum(),
        })
    }

    fn lock(&self, digest: &Digest) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.unpacking.lock().unwrap_or_else(PoisonError::into_inner);
        locks.entry(digest.clone()).or_default().clone()
    }
}

async fn fetch(
    registry: &Registry,
    image: &ImageReference,
    manifest: &ImageManifest,
    draft: &Path,
) -> Result<(), PullError> {
    let config = registry.small_blob(image, manifest.config()).await?;
    std::fs::write(draft.join("config.json"), config).map_err(|err| other(image, &err))?;
    let root = draft.join("root");
    make_root(&root).map_err(|err| other(image, &err))?;
    for descriptor in manifest.layers() {
        let blob = draft.join("layer");
        registry.blob_to(image, descriptor, &blob).await?;
        let (kind, root) = (descriptor.media_type().clone(), root.clone());
        let unpacked = tokio::task::spawn_blocking(move || {
            layer::unpack(&blob, &kind, &root)?;
            std::fs::remove_file(blob)
        });
        let unpacked = unpacked.await.map_err(|err| other(image, &err))?;
        unpacked.map_err(|err| {
            other(image, &format!("failed to extract layer {}: {}", descriptor.digest(), chain(&err)))
        })?;
    }
    Ok(())
}

/// Containers of any user must be able to read it, whatever the umask and the temporary folder's mode.
fn make_root(root: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::create_dir(root)?;
    std::fs::set_permissions(root, std::fs::Permissions::from_mode(0o755))
}

/// An error with its causes: those of `tar` say the least at the top.
fn chain(err: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(err), |err| err.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
