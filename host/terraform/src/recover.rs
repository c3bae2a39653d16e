//! Making good what a crash or a full disk has left of the state.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use hangar_durable::failpoint;

use crate::driver::Driver;
use crate::error::TerraformError;
use crate::running_copy;
use crate::stack::Stack;
use crate::state::{State, beside, said};

/// Where the tool puts the state that it could not put where it belongs.
pub(crate) const ERRORED: &str = "errored.tfstate";

/// Makes good what a crash has left of the state. Doing it twice is the same as once.
pub(crate) async fn recover(driver: &Driver, folder: &Path) -> Result<(), TerraformError> {
    failpoint::hit("terraform.recover.before");
    restore_torn(driver.stack())?;
    push_errored(driver, folder).await?;
    failpoint::hit("terraform.recover.after");
    Ok(())
}

/// Keeps a copy of the state before it is changed: a killed `tofu` leaves an empty file, a full disk a torn one. Where there
/// was none the copy is empty.
pub(crate) fn back_up(stack: &Stack) -> Result<(), TerraformError> {
    // An unreadable state is an error here, before anything is done, and never replaces a good copy.
    // A backend elsewhere has versions of its own.
    let Some(file) = stack.backend().file() else { return Ok(()) };
    let state = State::read(file)?;
    // One that an earlier apply has left knows less than the state, which is whole.
    running_copy::forget(file)?;
    match state {
        Some(_) => Ok(hangar_durable::copy(file, &backup(file))?),
        None => Ok(hangar_durable::write_private(&backup(file), b"")?),
    }
}

/// How large the state is, in bytes; 0 where that is not known.
pub(crate) fn size(stack: &Stack) -> u64 {
    stack.backend().file().and_then(|file| fs::metadata(file).ok()).map_or(0, |file| file.len())
}

/// The copy holds what the state holds; it goes when it is not needed any more.
pub(crate) fn drop_backup(stack: &Stack) -> Result<(), TerraformError> {
    match stack.backend().file() {
        Some(file) => {
            running_copy::forget(file)?;
            Ok(hangar_durable::remove(&backup(file))?)
        }
        None => Ok(()),
    }
}

fn backup(state: &Path) -> PathBuf {
    beside(state, ".hangar-backup")
}

/// Whether a crash has left something to make good.
pub(crate) fn is_wrecked(stack: &Stack) -> bool {
    stack.backend().file().is_some_and(is_torn) || stack.dir().join(ERRORED).is_file()
}

/// Whether the state cannot be read, or was emptied of what its copy still has.
fn is_torn(state: &Path) -> bool {
    match State::read(state) {
        Err(TerraformError::Torn { .. }) => true,
        Ok(None) => {
            let is_more = |copy: PathBuf| fs::metadata(copy).is_ok_and(|copy| copy.len() > 0);
            state.exists() && (is_more(backup(state)) || is_more(running_copy::path(state)))
        }
        _ => false,
    }
}

/// Puts the last copy that is whole in the place of a torn state. What was done since is known by an `errored.tfstate`, or by the
/// ids in the stream of the tool that did it.
fn restore_torn(stack: &Stack) -> Result<(), TerraformError> {
    let Some(state) = stack.backend().file().filter(|file| is_torn(file)) else { return Ok(()) };
    // A copy from before an apply may be empty; one that kept up with it is not. The last is the tool's own, of the last run by anybody.
    let running = running_copy::path(state);
    let copies = [running.clone(), backup(state), beside(state, ".backup")];
    let is_whole = |copy: &&PathBuf| match State::read(copy) {
        Ok(Some(_)) => true,
        Ok(None) => copy.exists() && **copy != running,
        Err(_) => false,
    };
    let Some(copy) = copies.iter().find(is_whole) else {
        // With neither a copy nor what the tool has set aside, nobody but the operator knows what stands.
        let set_aside = State::read(&stack.dir().join(ERRORED))?;
        return match set_aside {
            Some(_) => Ok(hangar_durable::remove(state)?),
            None => Err(TerraformError::Torn { path: state.to_owned() }),
        };
    };
    tracing::warn!(stack = %stack.name(), copy = %copy.display(), "the state was torn, and is restored from a copy");
    // Given its name, not copied: a full disk may be what tore the state.
    Ok(hangar_durable::rename(copy, state)?)
}

async fn push_errored(driver: &Driver, folder: &Path) -> Result<(), TerraformError> {
    let stack = driver.stack();
    let path = stack.dir().join(ERRORED);
    let errored = match State::read(&path) {
        Ok(Some(errored)) => errored,
        // The tool had no room for it either, and has printed it, or was killed.
        Ok(None) | Err(TerraformError::Torn { .. }) if path.is_file() => return Ok(hangar_durable::remove(&path)?),
        Ok(None) => return Ok(()),
        Err(err) => return Err(err),
    };
    let current = driver.mark(folder).await?;
    let is_ours = current.as_ref().is_none_or(|current| current.lineage == errored.mark().lineage);
    if !is_ours {
        return Err(TerraformError::ForeignState { stack: stack.name().clone(), path });
    }
    if current.is_none_or(|current| current.serial < errored.mark().serial) {
        push(driver, folder, &path).await?;
    }
    set_aside(&path, folder)
}

async fn push(driver: &Driver, folder: &Path, path: &Path) -> Result<(), TerraformError> {
    let pushed = driver.ask([OsStr::new("state"), OsStr::new("push"), path.as_os_str()], folder).await?;
    if pushed.exit.is_success() {
        return Ok(());
    }
    Err(TerraformError::Tool { what: "push the state that it had set aside", said: said(&pushed.stderr) })
}

/// Evidence is kept, out of the way of the next run.
fn set_aside(path: &Path, folder: &Path) -> Result<(), TerraformError> {
    hangar_durable::copy(path, &folder.join(ERRORED))?;
    Ok(hangar_durable::remove(path)?)
}
