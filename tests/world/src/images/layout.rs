use std::path::{Path, PathBuf};

use oci_spec::image::{Descriptor, Digest, ImageIndex};

use super::{ImageError, ImageReference};

/// The annotation that names an image in a layout (OCI image specification, annotations).
pub(super) const NAME: &str = "org.opencontainers.image.ref.name";

/// An OCI image layout on disk.
#[derive(Debug)]
pub(super) struct Layout {
    path: PathBuf,
    index: ImageIndex,
}

impl Layout {
    pub(super) fn open(path: &Path) -> Result<Self, ImageError> {
        let wrong = |why: &str| ImageError::Layout { path: path.to_owned(), why: why.to_owned() };
        if !path.join("oci-layout").is_file() {
            return Err(wrong("no file `oci-layout`"));
        }
        let index =
            ImageIndex::from_file(path.join("index.json")).map_err(|err| wrong(&format!("index.json: {err}")))?;
        Ok(Self { path: path.to_owned(), index })
    }

    /// Each image with the name it goes by. An entry without a name has nowhere to go and is an error.
    pub(super) fn images(&self) -> Result<Vec<(ImageReference, Descriptor)>, ImageError> {
        let named = |descriptor: &Descriptor| {
            let name = descriptor.annotations().as_ref().and_then(|annotations| annotations.get(NAME));
            let missing = || ImageError::Layout {
                path: self.path.clone(),
                why: format!("{} has no annotation {NAME}", descriptor.digest()),
            };
            Ok((name.ok_or_else(missing)?.parse()?, descriptor.clone()))
        };
        self.index.manifests().iter().map(named).collect()
    }

    pub(super) fn blob(&self, digest: &Digest) -> PathBuf {
        self.path.join("blobs").join(digest.algorithm().as_ref()).join(digest.digest())
    }

    pub(super) fn read(&self, digest: &Digest) -> Result<Vec<u8>, ImageError> {
        let path = self.blob(digest);
        let bytes = std::fs::read(&path).map_err(ImageError::file("read", &path))?;
        if super::digest_of(&bytes) != *digest {
            return Err(ImageError::Layout { path, why: "the content has another digest".to_owned() });
        }
        Ok(bytes)
    }
}
