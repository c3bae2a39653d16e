//! `index.json` of a layout.

use std::{fs::File, io::ErrorKind};

use registry_reference::ByteSize;

use crate::{
    error::Failure,
    manifest::{Descriptor, Index, REF_NAME},
    store::{Store, read_capped, writer::replace},
};

/// A store of thousands of artifacts stays below this.
const MAX: ByteSize = ByteSize::mib(16);

/// Reads the index; a layout without one is empty.
pub(super) fn read(store: &Store) -> Result<Index, Failure> {
    let path = store.root().join("index.json");
    let bytes = match read_capped(&path, "the index", MAX) {
        Ok(bytes) => bytes,
        Err(Failure::File { err, .. }) if err.kind() == ErrorKind::NotFound => {
            return Ok(Index::default());
        }
        Err(failure) => return Err(failure),
    };
    serde_json::from_slice(&bytes).map_err(|err| Failure::Layout {
        path: store.root().to_owned(),
        said: format!("`index.json` cannot be read: {err}"),
    })
}

/// Changes the index under a lock that other processes respect. Written only if it changed or is not there.
pub(super) fn update(store: &Store, change: impl FnOnce(&mut Index)) -> Result<(), Failure> {
    let path = store.root().join(".lock");
    let failed = |err| Failure::File { doing: "lock", path: path.clone(), err };
    // The lock file itself is never replaced, for then two processes could lock two files.
    let lock = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
    lock.lock().map_err(failed)?;

    let before = read(store)?;
    let mut after = before.clone();
    change(&mut after);
    let target = store.root().join("index.json");
    if after != before || !target.exists() {
        let bytes = serde_json::to_vec_pretty(&after).expect("an index has only string keys");
        replace(&target, &bytes)?;
    }
    Ok(())
}

/// Enters one manifest: a name belongs to one manifest, and one without a name is there once.
pub(super) fn enter(index: &mut Index, mut entry: Descriptor, name: Option<&str>) {
    match name {
        None if index.manifests.iter().any(|other| other.digest == entry.digest) => {
            return;
        }
        None => {}
        Some(name) => {
            index.manifests.retain(|other| other.annotations.get(REF_NAME).map(String::as_str) != Some(name));
            entry.annotations.insert(REF_NAME.into(), name.into());
        }
    }
    index.manifests.push(entry);
    index.manifests.sort_by(|a, b| {
        let key = |entry: &Descriptor| (entry.annotations.get(REF_NAME).cloned(), entry.digest);
        key(a).cmp(&key(b))
    });
}
