//! The files a node keeps of the replicated log.
//!
//! `hard.json` (term and vote) and `snapshot.json` are replaced by renaming; `log.jsonl` grows line by line, and a torn
//! last line, left by a killed process, is dropped. Nothing is synced: the machine is not expected to fail.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::log::Entry;
use crate::state::command::Command;
use crate::state::{ClusterState, NodeId};

/// What a node must never forget.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HardState {
    pub term: u64,
    pub voted_for: Option<NodeId>,
}

/// The state up to an index.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Snapshot {
    pub index: u64,
    pub term: u64,
    #[serde(with = "crate::state::shared")]
    pub state: Arc<ClusterState>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    i: u64,
    t: u64,
    c: Command,
}

/// The folder of the log.
#[derive(Debug)]
pub struct Storage {
    dir: PathBuf,
    log: File,
}

impl Storage {
    /// Opens or makes the folder.
    ///
    /// # Errors
    ///
    /// When files cannot be made.
    pub fn open(dir: &Path) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let log = OpenOptions::new().create(true).append(true).open(dir.join("log.jsonl"))?;
        Ok(Self { dir: dir.to_owned(), log })
    }

    /// Reads all that was kept.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or is not ours.
    pub fn load(&self) -> io::Result<(HardState, Option<Snapshot>, Vec<Entry>)> {
        let hard = read_json(&self.dir.join("hard.json"))?.unwrap_or_default();
        let snapshot: Option<Snapshot> = read_json(&self.dir.join("snapshot.json"))?;
        let base = snapshot.as_ref().map_or(0, |snapshot| snapshot.index);
        let mut entries: Vec<Entry> = Vec::new();
        for line in BufReader::new(File::open(self.dir.join("log.jsonl"))?).lines() {
            let Ok(Line { i, t, c }) = serde_json::from_str(&line?) else { break };
            let next = entries.last().map_or(base, |entry| entry.index) + 1;
            if i > base && i == next {
                entries.push(Entry { index: i, term: t, command: c });
            }
        }
        Ok((hard, snapshot, entries))
    }

    /// Keeps term and vote.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn write_hard(&self, hard: HardState) -> io::Result<()> {
        replace(&self.dir.join("hard.json"), &serde_json::to_vec(&hard)?)
    }

    /// Adds entries to the end of the log.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn append(&mut self, entries: &[Entry]) -> io::Result<()> {
        self.log.write_all(&lines(entries)?)
    }

    /// Replaces the log by `entries`.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn rewrite(&mut self, entries: &[Entry]) -> io::Result<()> {
        let path = self.dir.join("log.jsonl");
        replace(&path, &lines(entries)?)?;
        self.log = OpenOptions::new().append(true).open(path)?;
        Ok(())
    }

    /// Keeps a snapshot, then the entries after it.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn write_snapshot(&mut self, snapshot: &Snapshot, rest: &[Entry]) -> io::Result<()> {
        replace(&self.dir.join("snapshot.json"), &serde_json::to_vec(snapshot)?)?;
        self.rewrite(rest)
    }
}

fn lines(entries: &[Entry]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for Entry { index, term, command } in entries {
        serde_json::to_writer(&mut bytes, &Line { i: *index, t: *term, c: command.clone() })?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(err) => Err(err),
    }
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    fs::write(&beside, bytes)?;
    fs::rename(beside, path)
}
