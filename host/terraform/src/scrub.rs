//! Taking secrets out of a stream that is on disk.

use std::fs::{self, File};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use hangar_durable::failpoint;
use hangar_exec::{Spool, Stream};

use crate::dump;
use crate::error::TerraformError;
use crate::stack::Stack;
use crate::stream::{without_sensitive, without_state};

/// Rewrites the stream of a tool that has ended, without the values of sensitive outputs and without a state that it has
/// printed, which is kept first.
///
/// The tool writes them at its very end, into a file that only the owner can read, beside a state file that holds them
/// for good; between then and this there is no way to keep them off the disk that would not let the tool die with its
/// host. A host that was killed in between does it when it settles the attempt.
pub(crate) fn stream(spool: &Spool, stack: &Stack) -> Result<(), TerraformError> {
    let path = spool.path(Stream::Stdout);
    let bytes = match fs::read(&path) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(()),
        read => read.map_err(|err| TerraformError::read(&path, err))?,
    };
    // What was kept free for the tool is free for us.
    give_back(&path, bytes.len()).map_err(|err| TerraformError::read(&path, err))?;
    let text = String::from_utf8_lossy(&bytes);
    dump::keep(spool, stack, &text)?;
    if let Some((n_before, scrubbed)) = scrubbed(&text) {
        rewrite(&path, n_before, &scrubbed)?;
    }
    failpoint::hit("terraform.scrub.after");
    Ok(())
}

/// The stream without secrets, and how many bytes of it are as they were before the first that is not; none if all are.
fn scrubbed(text: &str) -> Option<(usize, String)> {
    let (mut scrubbed, mut n_before) = (String::with_capacity(text.len()), None);
    for line in text.lines() {
        match without_state(line).or_else(|| without_sensitive(line)) {
            None => scrubbed.push_str(line),
            Some(rewritten) => {
                n_before.get_or_insert(scrubbed.len());
                scrubbed.push_str(&rewritten);
            }
        }
        scrubbed.push('\n');
    }
    n_before.map(|n_before| (n_before, scrubbed))
}

fn rewrite(path: &Path, n_before: usize, scrubbed: &str) -> Result<(), TerraformError> {
    match hangar_durable::write_private(path, scrubbed.as_bytes()) {
        // Without room for a second file the secrets go first: what a crash then takes along are the last words, and what
        // they say of the state is kept.
        Err(full) if is_full(&full.err) => cut(path, n_before, &scrubbed[n_before..]).map_err(|_| full.into()),
        written => Ok(written?),
    }
}

fn cut(path: &Path, n_before: usize, rest: &str) -> io::Result<()> {
    let mut file = File::options().write(true).open(path)?;
    file.set_len(n_before as u64)?;
    file.seek(SeekFrom::End(0))?;
    file.write_all(rest.as_bytes())?;
    file.sync_all()
}

/// Frees what was reserved beyond the end.
fn give_back(path: &Path, len: usize) -> io::Result<()> {
    File::options().write(true).open(path)?.set_len(len as u64)
}

/// Whether the disk, or its owner's share of it, has no room.
pub(crate) fn is_full(err: &io::Error) -> bool {
    matches!(err.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failing set-up is a failing test")]
mod tests {
    use super::*;

    const STREAM: &str = "{\"@message\":\"a\"}\n{\"@level\":\"info\",\"@message\":\"Emergency state dump\",\"state\":{\"pw\":\"CANARY\"},\"type\":\"log\"}\n{\"@message\":\"b\"}\n";

    #[test]
    fn a_stream_loses_its_secrets_in_place_as_it_does_by_a_second_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("stdout");
        fs::write(&path, STREAM).unwrap();
        let (n_before, scrubbed) = scrubbed(STREAM).unwrap();
        cut(&path, n_before, &scrubbed[n_before..]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), scrubbed);
        assert!(!scrubbed.contains("CANARY") && scrubbed.lines().count() == 3, "{scrubbed}");
        assert_eq!(super::scrubbed(&scrubbed), None);
    }
}
