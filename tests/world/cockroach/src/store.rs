//! The store directory: a node's identity and the addresses it has met, which survive a restart.

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::build_info::Version;
use crate::net::HostPort;
use crate::state::NodeId;

/// Who a node is, once it has founded or joined a cluster. Written once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub cluster_id: Uuid,
    pub node_id: NodeId,
    /// The cluster's version when the node came in.
    pub version: Version,
}

/// The directory, held by this process alone.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    _lock: File,
}

impl Store {
    /// Opens or makes the directory.
    ///
    /// # Errors
    ///
    /// When it cannot be made, or another process holds it.
    pub fn open(dir: &Path) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let lock = File::create(dir.join("LOCK"))?;
        lock.try_lock().map_err(|err| match err {
            TryLockError::WouldBlock => io::Error::other(format!(
                "could not acquire lock on {}: resource temporarily unavailable",
                dir.join("LOCK").display()
            )),
            TryLockError::Error(err) => err,
        })?;
        Ok(Self { dir: dir.to_owned(), _lock: lock })
    }

    /// Where the replicated log is kept.
    pub fn log_dir(&self) -> PathBuf {
        self.dir.join("raft")
    }

    /// The identity, if this store has been initialised.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn identity(&self) -> io::Result<Option<Identity>> {
        read(&self.dir.join("identity.json"))
    }

    /// Keeps the identity.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn write_identity(&self, identity: &Identity) -> io::Result<()> {
        write(&self.dir.join("identity.json"), identity)
    }

    /// Why this store may not be used any more: its node was removed from the cluster for good.
    pub fn removal(&self) -> Option<String> {
        // A tombstone that cannot be read is found out again from the peers.
        read(&self.dir.join("removed.json")).ok().flatten()
    }

    /// Keeps that this store's node was removed.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn write_removal(&self, text: &str) -> io::Result<()> {
        write(&self.dir.join("removed.json"), &text)
    }

    /// Addresses of nodes met before.
    pub fn addresses(&self) -> BTreeSet<HostPort> {
        // A lost list costs nothing but the join list's slower way.
        read(&self.dir.join("addresses.json")).ok().flatten().unwrap_or_default()
    }

    /// Keeps addresses of nodes.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn write_addresses(&self, addresses: &BTreeSet<HostPort>) -> io::Result<()> {
        write(&self.dir.join("addresses.json"), addresses)
    }

    /// Leaves the listening addresses where tools look for them.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn write_listening(&self, listen: &HostPort, advertise: &HostPort, http: &HostPort) -> io::Result<()> {
        for (name, address) in [
            ("cockroach.listen-addr", listen),
            ("cockroach.sql-addr", listen),
            ("cockroach.advertise-addr", advertise),
            ("cockroach.advertise-sql-addr", advertise),
            ("cockroach.http-addr", http),
        ] {
            fs::write(self.dir.join(name), address.to_string())?;
        }
        Ok(())
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(err) => Err(err),
    }
}

fn write<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    let beside = path.with_extension("new");
    fs::write(&beside, serde_json::to_vec(value)?)?;
    fs::rename(beside, path)
}
