//! Artifacts on disk, as an OCI image layout.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use registry_reference::{ByteSize, Digest, LayoutName};

use crate::{
    artifact::digest_of,
    error::{Failure, RegistryError, Task},
    kind::ArtifactKind,
    limits::Limits,
    manifest::{Descriptor, Index, REF_NAME},
    pull::{Pulled, Wanted},
};

mod index;
mod writer;

pub(crate) use writer::Writer;

/// Unfinished downloads of a process that died. A living one does not take a day.
const PARTIAL_LIFE: Duration = Duration::from_secs(24 * 3600);
/// `oci-layout`, image specification 1.1.
const LAYOUT_FILE: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;

/// A folder of blobs by digest and an index that names manifests, in the OCI image layout.
///
/// Many processes may use one store at a time: a blob appears whole under its digest or not at all, and the
/// index is replaced whole, under a lock. Other tools (`oras`, `skopeo`) read it as it is. Manifests that
/// were pulled by tag are named `host/path:tag`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// Opens the store at `root`, or makes an empty one there.
    ///
    /// # Errors
    ///
    /// [`Failure::File`] if the folder cannot be made or written.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, RegistryError> {
        let store = Self { root: root.into() };
        match store.lay_out() {
            Ok(()) => Ok(store),
            Err(failure) => Err(RegistryError::new(Task::OpenStore(store.root), failure)),
        }
    }

    /// Returns the folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns where a blob lies, or would lie.
    #[must_use]
    pub fn blob_path(&self, digest: Digest) -> PathBuf {
        self.root.join("blobs").join("sha256").join(digest.hex())
    }

    /// Returns an artifact that is already here, complete; nothing is fetched.
    ///
    /// Manifest and config are hashed again; of the content only the length is checked, for whoever runs or
    /// unpacks it hashes it anyway.
    pub(crate) fn artifact(
        &self,
        manifest: Digest,
        kind: &ArtifactKind,
        limits: Limits,
    ) -> Result<Option<Pulled>, Failure> {
        if !self.blob_path(manifest).is_file() {
            return Ok(None);
        }
        let wanted = Wanted::read(&self.read(manifest, limits.manifest)?, kind, limits)?;
        if !self.holds(&wanted.config) || !self.holds(&wanted.content) {
            return Ok(None);
        }
        wanted.pulled(self, manifest).map(Some)
    }

    /// Returns the names of the index with their manifests, in order of name.
    ///
    /// # Errors
    ///
    /// [`Failure::Layout`] if the index is damaged.
    pub fn names(&self) -> Result<Vec<(String, Digest)>, RegistryError> {
        let index = self.index().map_err(|failure| RegistryError::new(Task::OpenStore(self.root.clone()), failure))?;
        let named = index.manifests.iter();
        let mut names: Vec<_> =
            named.filter_map(|entry| Some((entry.annotations.get(REF_NAME)?.clone(), entry.digest))).collect();
        names.sort();
        Ok(names)
    }

    /// Takes a folder as it is, as a layout to read from.
    pub(crate) fn existing(root: &Path) -> Result<Self, Failure> {
        let store = Self { root: root.to_owned() };
        let marker = store.root.join("oci-layout");
        if !marker.is_file() {
            let said = "it has no file `oci-layout`".into();
            return Err(Failure::Layout { path: store.root, said });
        }
        Ok(store)
    }

    /// Finds a manifest by name, or the only one there is.
    pub(crate) fn find(&self, name: Option<&LayoutName>) -> Result<Descriptor, Failure> {
        let index = self.index()?;
        let missing = |said| Failure::NotInLayout { path: self.root.clone(), said };
        let found = match name {
            Some(LayoutName::Digest(digest)) => index.manifests.iter().find(|entry| entry.digest == *digest),
            Some(LayoutName::Name(name)) => {
                index.manifests.iter().find(|entry| entry.annotations.get(REF_NAME) == Some(name))
            }
            None => match &index.manifests[..] {
                [only] => Some(only),
                [] => return Err(missing("is empty".into())),
                several => {
                    return Err(missing(format!("holds {}; say which: {}", several.len(), list(&index))));
                }
            },
        };
        let named = match name {
            Some(LayoutName::Name(name)) => format!("`{name}`"),
            Some(LayoutName::Digest(digest)) => digest.to_string(),
            None => String::new(),
        };
        found.cloned().ok_or_else(|| missing(format!("does not hold {named}; it holds: {}", list(&index))))
    }

    /// Reads a blob of at most `limit` bytes and checks it.
    pub(crate) fn read(&self, digest: Digest, limit: ByteSize) -> Result<Vec<u8>, Failure> {
        let bytes = read_capped(&self.blob_path(digest), "a blob", limit)?;
        let got = digest_of(&bytes);
        if got != digest {
            let origin = format!("layout `{}`", self.root.display());
            return Err(Failure::WrongDigest { origin, what: "a blob".into(), wanted: digest, got });
        }
        Ok(bytes)
    }

    /// Tells whether a blob is here in its full length.
    pub(crate) fn holds(&self, descriptor: &Descriptor) -> bool {
        fs::metadata(self.blob_path(descriptor.digest))
            .is_ok_and(|file| file.is_file() && file.len() == descriptor.size)
    }

    /// Begins a blob.
    pub(crate) fn writer(&self) -> Result<Writer, Failure> {
        Writer::new(self)
    }

    /// Stores bytes that are all there, and returns their digest.
    pub(crate) fn put(&self, bytes: &[u8]) -> Result<Digest, Failure> {
        let digest = digest_of(bytes);
        let descriptor = Descriptor::new("", digest, bytes.len() as u64);
        if !self.holds(&descriptor) {
            let mut writer = self.writer()?;
            writer.write(bytes)?;
            writer.finish(&descriptor, "a blob", "this machine")?;
        }
        Ok(digest)
    }

    /// Enters a manifest into the index. A name moves to it from whatever had it.
    pub(crate) fn record(&self, entry: Descriptor, name: Option<&str>) -> Result<(), Failure> {
        index::update(self, |index| index::enter(index, entry, name))
    }

    fn index(&self) -> Result<Index, Failure> {
        index::read(self)
    }

    fn partial(&self) -> PathBuf {
        self.root.join(".partial")
    }

    fn lay_out(&self) -> Result<(), Failure> {
        for folder in [self.root.join("blobs").join("sha256"), self.partial()] {
            fs::create_dir_all(&folder).map_err(|err| Failure::File { doing: "make folder", path: folder, err })?;
        }
        self.sweep();
        let marker = self.root.join("oci-layout");
        if !marker.exists() {
            writer::replace(&marker, LAYOUT_FILE.as_bytes())?;
        }
        index::update(self, |_| {})
    }

    /// Removes what dead processes left half-done. Failing to is no reason to stop.
    fn sweep(&self) {
        let Ok(entries) = fs::read_dir(self.partial()) else {
            return;
        };
        for entry in entries.flatten() {
            let modified = entry.metadata().and_then(|file| file.modified());
            let age = modified.ok().and_then(|time| SystemTime::now().duration_since(time).ok());
            if age.is_some_and(|age| age > PARTIAL_LIFE) {
                drop(fs::remove_file(entry.path()));
            }
        }
    }
}

/// Names what an index holds, for a person to choose from.
fn list(index: &Index) -> String {
    let name = |entry: &Descriptor| match entry.annotations.get(REF_NAME) {
        Some(name) => format!("`{name}`"),
        None => entry.digest.to_string(),
    };
    let names: Vec<_> = index.manifests.iter().map(name).collect();
    if names.is_empty() { "nothing".into() } else { names.join(", ") }
}

/// Reads a whole file of at most `limit` bytes.
pub(crate) fn read_capped(path: &Path, what: &str, limit: ByteSize) -> Result<Vec<u8>, Failure> {
    let failed = |err: io::Error| Failure::File { doing: "read", path: path.to_owned(), err };
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(limit.get().saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit.get() {
        let got = fs::metadata(path).map_or(bytes.len() as u64, |file| file.len());
        return Err(Failure::TooLarge { what: what.to_owned(), limit, got: ByteSize::bytes(got) });
    }
    Ok(bytes)
}
