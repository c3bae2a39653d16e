//! Finding the child of an earlier life.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use hangar_durable::ProcessId;
use hangar_durable::process::Stat;

use crate::child::{Child, Exit};
use crate::error::ExecError;
use crate::spawner::{SPOOL_VARIABLE, absolute};
use crate::spool::{ChildRecord, Spool};

/// What became of the child of a spool.
#[derive(Debug)]
pub enum Found {
    /// None was ever about to be started.
    Never,
    /// It runs; wait for it, and start no second one.
    Living(Child),
    /// It ended, or a host was killed just before starting it; [`Exit::Unknown`] covers both.
    Ended(Exit),
}

/// Finds out what became of the child of a spool, whoever started it.
///
/// # Errors
///
/// [`ExecError::Spool`] for records that make no sense, [`ExecError::Processes`] where `/proc` cannot be read.
pub fn find(spool: &Spool) -> Result<Found, ExecError> {
    if let Some(exit) = spool.exit()? {
        return Ok(Found::Ended(exit));
    }
    let record = match spool.child()? {
        Some(record) => Some(record),
        None if spool.was_opened() => adopt(spool)?,
        None => return Ok(Found::Never),
    };
    match record {
        Some(record) if record.process.is_alive() => {
            Ok(Found::Living(Child::attached(record, spool.clone())))
        }
        // It may have ended, and have been seen to end, since we looked.
        _ => Ok(Found::Ended(spool.exit()?.unwrap_or(Exit::Unknown))),
    }
}

/// Finds a child by its environment and puts it on record: its host was killed before it could.
fn adopt(spool: &Spool) -> Result<Option<ChildRecord>, ExecError> {
    let Some((process, program)) = search(spool).map_err(ExecError::Processes)? else {
        return Ok(None);
    };
    let record = ChildRecord {
        version: 1,
        process,
        program,
        stops_with_host: false,
    };
    spool
        .record_child(&record)
        .map_err(|err| ExecError::Record {
            program: record.program.clone(),
            err,
        })?;
    Ok(Some(record))
}

fn search(spool: &Spool) -> io::Result<Option<(ProcessId, PathBuf)>> {
    let marker = [
        SPOOL_VARIABLE.as_bytes(),
        b"=",
        absolute(spool.dir()).as_os_str().as_bytes(),
    ]
    .concat();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<i32>().ok())
        else {
            continue;
        };
        // Other users' processes cannot be read, and are not ours.
        let Ok(environment) = fs::read(entry.path().join("environ")) else {
            continue;
        };
        if environment
            .split(|byte| *byte == 0)
            .any(|variable| variable == marker)
            && leads_its_group(pid)?
        {
            let program = fs::read_link(entry.path().join("exe")).unwrap_or_default();
            return Ok(ProcessId::of(pid)?.map(|process| (process, program)));
        }
    }
    Ok(None)
}

/// The child's own children have its environment too; the child is the one that leads the group.
fn leads_its_group(pid: i32) -> io::Result<bool> {
    Ok(Stat::read(pid)?.is_some_and(|stat| stat.group == pid))
}
