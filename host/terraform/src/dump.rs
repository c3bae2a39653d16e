//! Keeping the state that a tool could write nowhere and has printed.

use std::fs;
use std::path::Path;

use hangar_durable::WriteError;
use hangar_exec::{Spool, Stream};

use crate::error::TerraformError;
use crate::recover::ERRORED;
use crate::stack::Stack;
use crate::state::State;
use crate::stream::dumped;

/// Keeps a state that the stream of an ended tool holds: beside the module, where the tool itself would have put it and a
/// recovery looks for it; or else, until that can be written, in the folder of the run. Doing it twice is the same as once.
///
/// A state that was torn is not kept: what was made is then known by its ids alone, from the same stream.
///
/// # Errors
///
/// [`TerraformError::Unkept`] if neither has room for it; it is then still in the stream.
pub(crate) fn keep(spool: &Spool, stack: &Stack, stream: &str) -> Result<(), TerraformError> {
    let here = spool.dir().join(ERRORED);
    let state = match stream.lines().find_map(dumped) {
        Some(state) => state.to_owned(),
        None if here.exists() => fs::read_to_string(&here).map_err(|err| TerraformError::read(&here, err))?,
        None => return Ok(()),
    };
    if put(&stack.dir().join(ERRORED), &state) {
        return Ok(hangar_durable::remove(&here)?);
    }
    if here.exists() {
        return Ok(());
    }
    let unkept = |err: WriteError| TerraformError::Unkept { path: spool.path(Stream::Stdout), err };
    hangar_durable::write_private(&here, state.as_bytes()).map_err(unkept)
}

/// Whether it could be put there. A whole state is never overwritten: nobody has taken care of it yet.
fn put(path: &Path, state: &str) -> bool {
    if matches!(State::read(path), Ok(Some(_))) {
        return fs::read_to_string(path).is_ok_and(|there| there == state);
    }
    // What was torn takes the room that the whole one needs; a folder of this name is nobody's to remove.
    let is_free = !path.is_file() || hangar_durable::remove(path).is_ok();
    let put = |()| hangar_durable::write_private(path, state.as_bytes());
    match is_free.then_some(()).map(put) {
        Some(Ok(())) => true,
        Some(Err(err)) => {
            tracing::warn!(path = %path.display(), %err, "the state that was printed stays in the folder of its run");
            false
        }
        None => false,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failing set-up is a failing test")]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::backend::Backend;
    use crate::stack::StackName;

    const STATE: &str = r#"{"version":4,"lineage":"l","serial":7,"resources":[]}"#;

    struct Site {
        dir: tempfile::TempDir,
        stack: Stack,
        spool: Spool,
    }

    impl Site {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let backend = Backend::Local(dir.path().join("terraform.tfstate"));
            let stack = Stack::new(StackName::new("infra").unwrap(), dir.path().join("infra"), backend);
            let spool = Spool::new(dir.path().join("apply"));
            fs::create_dir(stack.dir()).unwrap();
            fs::create_dir(spool.dir()).unwrap();
            Self { dir, stack, spool }
        }

        fn keep(&self, state: &str) {
            let stream = format!(
                "{{\"@level\":\"info\",\"@message\":\"Emergency state dump\",\"state\":{state},\"type\":\"log\"}}\n"
            );
            keep(&self.spool, &self.stack, &stream).unwrap();
        }

        fn at(&self, path: &str) -> Option<String> {
            fs::read_to_string(self.dir.path().join(path)).ok()
        }
    }

    #[test]
    fn a_printed_state_lies_where_the_tool_would_have_put_it_for_its_owner_alone() {
        let site = Site::new();
        fs::write(site.stack.dir().join(ERRORED), "{\"version\":4,").unwrap();
        site.keep(STATE);
        site.keep(STATE);
        assert_eq!(site.at("infra/errored.tfstate").as_deref(), Some(STATE));
        let mode = fs::metadata(site.stack.dir().join(ERRORED)).unwrap().permissions().mode();
        assert_eq!((mode & 0o777, site.at("apply/errored.tfstate")), (0o600, None));
    }

    #[test]
    fn where_that_cannot_be_written_it_waits_in_the_folder_of_its_run() {
        let site = Site::new();
        let taken = site.stack.dir().join(ERRORED);
        fs::create_dir(&taken).unwrap();
        site.keep(STATE);
        assert_eq!(site.at("apply/errored.tfstate").as_deref(), Some(STATE));
        fs::remove_dir(&taken).unwrap();
        // By now the stream holds it no more.
        keep(&site.spool, &site.stack, "").unwrap();
        assert_eq!(
            (site.at("infra/errored.tfstate").as_deref(), site.at("apply/errored.tfstate")),
            (Some(STATE), None)
        );
    }

    #[test]
    fn a_state_that_nobody_has_taken_care_of_is_not_overwritten() {
        let site = Site::new();
        site.keep(STATE);
        let later = STATE.replace('7', "8");
        site.keep(&later);
        assert_eq!(site.at("infra/errored.tfstate").as_deref(), Some(STATE));
        assert_eq!(site.at("apply/errored.tfstate"), Some(later));
    }
}
