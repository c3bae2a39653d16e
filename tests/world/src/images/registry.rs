use std::path::Path;

use oci_spec::image::{Arch, Descriptor, Digest, ImageIndex, ImageManifest, MediaType, Os};
use reqwest::header::ACCEPT;
use reqwest::{Client, Response, StatusCode};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt;

use super::{ImageReference, digest_of, to_digest};

/// The world's registry, as the kubelets' mirror of every host.
#[derive(Clone, Debug)]
pub(crate) struct Registry {
    client: Client,
    address: String,
}

/// A resolved image: everything by digest from here on.
#[derive(Clone, Debug)]
pub(super) struct Resolved {
    pub(super) digest: Digest,
    pub(super) manifest: ImageManifest,
}

/// Why an image was not pulled, in the words of containerd.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PullError {
    #[error(
        "rpc error: code = NotFound desc = failed to pull and unpack image \"{image}\": failed to resolve reference \"{image}\": {image}: not found"
    )]
    NotFound { image: String },
    #[error(
        "rpc error: code = NotFound desc = failed to pull and unpack image \"{image}\": no match for platform in manifest: not found"
    )]
    NoPlatform { image: String },
    #[error(
        "rpc error: code = FailedPrecondition desc = failed to pull and unpack image \"{image}\": failed commit on ref \"{what}\": unexpected commit digest {got}, expected {wanted}: failed precondition"
    )]
    Digest { image: String, what: &'static str, got: Digest, wanted: Digest },
    #[error("rpc error: code = Unknown desc = failed to pull and unpack image \"{image}\": {why}")]
    Other { image: String, why: String },
}

const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json";
/// Manifests and configurations larger than this are refused, as containerd does.
const SMALL: usize = 8 << 20;

impl Registry {
    pub(crate) fn new(address: String) -> Self {
        Self { client: super::http_client(), address }
    }

    /// Asks which image a name means now. An index leads to the image of this machine's kind.
    pub(super) async fn resolve(&self, image: &ImageReference) -> Result<Resolved, PullError> {
        let (digest, bytes) = self.manifest(image, &image.target()).await?;
        let wrong = |err: serde_json::Error| other(image, &err);
        let is_index = serde_json::from_slice::<serde_json::Value>(&bytes).map_err(wrong)?.get("manifests").is_some();
        if !is_index {
            return Ok(Resolved { digest, manifest: serde_json::from_slice(&bytes).map_err(wrong)? });
        }
        let index: ImageIndex = serde_json::from_slice(&bytes).map_err(wrong)?;
        let fitting = index.manifests().iter().find(|descriptor| fits(descriptor));
        let chosen = fitting.ok_or_else(|| PullError::NoPlatform { image: image.to_string() })?;
        let (_, bytes) = self.manifest(image, chosen.digest().as_ref()).await?;
        Ok(Resolved { digest, manifest: serde_json::from_slice(&bytes).map_err(wrong)? })
    }

    async fn manifest(&self, image: &ImageReference, target: &str) -> Result<(Digest, Vec<u8>), PullError> {
        let bytes = small(image, self.get(image, &format!("manifests/{target}")).await?).await?;
        let got = digest_of(&bytes);
        match target.parse::<Digest>() {
            Ok(wanted) if wanted != got => {
                Err(PullError::Digest { image: image.to_string(), what: "manifest", got, wanted })
            }
            _ => Ok((got, bytes)),
        }
    }

    /// A small blob, checked.
    pub(super) async fn small_blob(&self, image: &ImageReference, blob: &Descriptor) -> Result<Vec<u8>, PullError> {
        let bytes = small(image, self.get(image, &format!("blobs/{}", blob.digest())).await?).await?;
        let (got, wanted) = (digest_of(&bytes), blob.digest().clone());
        if got == wanted {
            Ok(bytes)
        } else {
            Err(PullError::Digest { image: image.to_string(), what: "config", got, wanted })
        }
    }

    /// A blob of any size into a file, hashed as it streams. The file is of no use unless this returns well.
    pub(super) async fn blob_to(
        &self,
        image: &ImageReference,
        blob: &Descriptor,
        path: &Path,
    ) -> Result<(), PullError> {
        let mut response = self.get(image, &format!("blobs/{}", blob.digest())).await?;
        let mut file = tokio::fs::File::create(path).await.map_err(|err| other(image, &err))?;
        let mut hash = Sha256::new();
        while let Some(chunk) = response.chunk().await.map_err(|err| other(image, &err))? {
            hash.update(&chunk);
            file.write_all(&chunk).await.map_err(|err| other(image, &err))?;
        }
        file.flush().await.map_err(|err| other(image, &err))?;
        let (got, wanted) = (to_digest(hash.finalize()), blob.digest().clone());
        if got == wanted {
            Ok(())
        } else {
            Err(PullError::Digest { image: image.to_string(), what: "layer", got, wanted })
        }
    }

    async fn get(&self, image: &ImageReference, what: &str) -> Result<Response, PullError> {
        let url = format!("http://{}/v2/{}/{what}", self.address, image.repository());
        let response = self.client.get(url).header(ACCEPT, MANIFESTS).send().await.map_err(|err| other(image, &err))?;
        match response.status() {
            StatusCode::OK => Ok(response),
            StatusCode::NOT_FOUND => Err(PullError::NotFound { image: image.to_string() }),
            status => Err(other(image, &format!("unexpected status from GET request: {status}"))),
        }
    }
}

async fn small(image: &ImageReference, mut response: Response) -> Result<Vec<u8>, PullError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|err| other(image, &err))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > SMALL {
            return Err(other(image, &"rejecting an oversized manifest or configuration"));
        }
    }
    Ok(bytes)
}

fn fits(descriptor: &Descriptor) -> bool {
    let is_image =
        [MediaType::ImageManifest, MediaType::Other("application/vnd.docker.distribution.manifest.v2+json".to_owned())];
    let platform = descriptor.platform().as_ref();
    let fits =
        platform.is_none_or(|platform| *platform.os() == Os::Linux && *platform.architecture() == Arch::default());
    is_image.contains(descriptor.media_type()) && fits
}

pub(super) fn other(image: &ImageReference, why: &impl std::fmt::Display) -> PullError {
    PullError::Other { image: image.to_string(), why: why.to_string() }
}
