//! Running a short program to its end.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time;

use crate::child::Exit;
use crate::command::Command;
use crate::error::ExecError;
use crate::spool::{Spool, Stream};

/// Most that is taken of each output.
const LIMIT: u64 = 16 * 1024 * 1024;

/// What a program wrote, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// How it ended.
    pub exit: Exit,
    /// Its standard output, at most 16 MiB of it.
    pub stdout: Vec<u8>,
    /// Its standard error, at most 16 MiB of it.
    pub stderr: Vec<u8>,
}

pub(crate) async fn run(command: Command, scratch: &Path, deadline: Duration) -> Result<Output, ExecError> {
    let spool = Spool::new(scratch.join(unique_name()));
    let program = command.program().to_owned();
    let mut child = command.spawn(&spool).await?;
    let ended = time::timeout(deadline, child.wait()).await;
    if ended.is_err() {
        child.kill();
        child.wait().await;
    }
    let output = match ended {
        Ok(exit) => read(&spool, exit),
        Err(_) => Err(ExecError::Deadline { program, after: deadline }),
    };
    // What was written may be private; nothing of it stays.
    fs::remove_dir_all(spool.dir()).map_err(|err| ExecError::spool(spool.dir(), err))?;
    output
}

fn unique_name() -> String {
    static N_RUN: AtomicU64 = AtomicU64::new(0);
    format!("run-{}-{}", std::process::id(), N_RUN.fetch_add(1, Ordering::Relaxed))
}

fn read(spool: &Spool, exit: Exit) -> Result<Output, ExecError> {
    Ok(Output { exit, stdout: read_stream(spool, Stream::Stdout)?, stderr: read_stream(spool, Stream::Stderr)? })
}

fn read_stream(spool: &Spool, stream: Stream) -> Result<Vec<u8>, ExecError> {
    let path = spool.path(stream);
    let mut bytes = Vec::new();
    File::open(&path)
        .and_then(|file| file.take(LIMIT).read_to_end(&mut bytes))
        .map_err(|err| ExecError::spool(path, err))?;
    Ok(bytes)
}
