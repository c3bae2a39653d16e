//! Files that appear whole or not at all.

use std::{
    fs::{File, Permissions},
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use hangar_durable::failpoint;
use registry_reference::{ByteSize, Digest};
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use crate::{error::Failure, manifest::Descriptor, store::Store};

/// A blob that is being written and hashed. Dropped unfinished, it leaves nothing.
pub(crate) struct Writer {
    file: NamedTempFile,
    blobs: PathBuf,
    hasher: Sha256,
    n_written: u64,
}

impl Writer {
    pub(crate) fn new(store: &Store) -> Result<Self, Failure> {
        Ok(Self {
            file: temporary(store)?,
            blobs: store.root().join("blobs/sha256"),
            hasher: Sha256::new(),
            n_written: 0,
        })
    }

    pub(crate) fn n_written(&self) -> u64 {
        self.n_written
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.hasher.update(bytes);
        self.n_written += bytes.len() as u64;
        self.file.write_all(bytes).map_err(|err| failed("write", self.file.path(), err))
    }

    /// Gives the blob its name, if it has the length and the digest it should have.
    ///
    /// On return the bytes and the name are on disk.
    pub(crate) fn finish(self, descriptor: &Descriptor, what: &str, origin: &str) -> Result<(), Failure> {
        let Self { file, blobs, hasher, n_written } = self;
        if n_written < descriptor.size {
            let (wanted, got) = (ByteSize::bytes(descriptor.size), ByteSize::bytes(n_written));
            return Err(Failure::Truncated { origin: origin.into(), what: what.into(), wanted, got });
        }
        let (wanted, got) = (descriptor.digest, Digest::from_sha256(hasher.finalize().into()));
        if got != wanted {
            return Err(Failure::WrongDigest { origin: origin.into(), what: what.into(), wanted, got });
        }
        let path = blobs.join(got.hex());
        persist(file, &path)
    }
}

/// Replaces a small file of the store.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    hangar_durable::write(path, bytes).map_err(|failed| Failure::File {
        doing: "write",
        path: failed.path,
        err: failed.err,
    })
}

fn temporary(store: &Store) -> Result<NamedTempFile, Failure> {
    // Readable for all, as other tools make layouts: what is in a store is no secret.
    let made = tempfile::Builder::new().permissions(Permissions::from_mode(0o644)).tempfile_in(store.partial());
    made.map_err(|err| failed("make a file in", &store.partial(), err))
}

/// Bytes first, then the name, then the folder that holds the name.
fn persist(file: NamedTempFile, path: &Path) -> Result<(), Failure> {
    failpoint::hit("registry.blob.before");
    file.as_file().sync_all().map_err(|err| failed("flush", file.path(), err))?;
    file.persist(path).map_err(|err| failed("name", path, err.error))?;
    failpoint::hit("registry.blob.renamed");
    let folder = path.parent().expect("every file of a store lies in a folder");
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|err| failed("flush", folder, err))
}

fn failed(doing: &'static str, path: &Path, err: io::Error) -> Failure {
    Failure::File { doing, path: path.to_owned(), err }
}
