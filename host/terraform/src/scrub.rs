//! Taking sensitive outputs out of a stream that is on disk.

use std::fs;
use std::io;

use hangar_durable::failpoint;
use hangar_exec::{Spool, Stream};

use crate::error::TerraformError;
use crate::stream::without_sensitive;

/// Rewrites the stream of a tool that has ended, without the values of sensitive outputs.
///
/// The tool writes them at its very end, into a file that only the owner can read, beside a state file that holds them
/// for good; between then and this there is no way to keep them off the disk that would not let the tool die with its
/// host. A host that was killed in between does it when it settles the attempt.
pub(crate) fn stream(spool: &Spool) -> Result<(), TerraformError> {
    let path = spool.path(Stream::Stdout);
    let bytes = match fs::read(&path) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(()),
        read => read.map_err(|err| TerraformError::read(&path, err))?,
    };
    let text = String::from_utf8_lossy(&bytes);
    let mut is_changed = false;
    let mut scrubbed = String::with_capacity(text.len());
    for line in text.lines() {
        match without_sensitive(line) {
            None => scrubbed.push_str(line),
            Some(rewritten) => {
                is_changed = true;
                scrubbed.push_str(&rewritten);
            }
        }
        scrubbed.push('\n');
    }
    if is_changed {
        hangar_durable::write_private(&path, scrubbed.as_bytes())?;
    }
    failpoint::hit("terraform.scrub.after");
    Ok(())
}
