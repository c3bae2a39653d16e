//! Finding the child of an earlier life.

use std::fs;
use std::io;
use std::path::PathBuf;

use hangar_durable::ProcessId;
use hangar_durable::process::{SPOOL_VARIABLE, leaders_with};

use crate::child::{Child, Exit};
use crate::error::ExecError;
use crate::spawner::absolute;
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
        Some(record) if record.process.is_alive() => Ok(Found::Living(Child::attached(record, spool.clone()))),
        // It may have ended, and have been seen to end, since we looked.
        _ => Ok(Found::Ended(spool.exit()?.unwrap_or(Exit::Unknown))),
    }
}

/// Finds a child by its environment and puts it on record: its host was killed before it could.
fn adopt(spool: &Spool) -> Result<Option<ChildRecord>, ExecError> {
    let Some((process, program)) = search(spool).map_err(ExecError::Processes)? else {
        return Ok(None);
    };
    let record = ChildRecord { version: 1, process, program, stops_with_host: false };
    spool.record_child(&record).map_err(|err| ExecError::Record { program: record.program.clone(), err })?;
    Ok(Some(record))
}

fn search(spool: &Spool) -> io::Result<Option<(ProcessId, PathBuf)>> {
    let wanted = absolute(spool.dir());
    let found = leaders_with(SPOOL_VARIABLE)?.into_iter().find(|(_, dir)| *dir == wanted);
    Ok(found.map(|(process, _)| {
        let program = fs::read_link(format!("/proc/{}/exe", process.pid)).unwrap_or_default();
        (process, program)
    }))
}
