//! Making good what a crash has left of the state.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use hangar_durable::failpoint;

use crate::driver::Driver;
use crate::error::TerraformError;
use crate::stack::Stack;
use crate::state::{State, said};

/// Where the tool puts the state that it could not put where it belongs.
const ERRORED: &str = "errored.tfstate";

/// Makes good what a crash has left of the state. Doing it twice is the same as once.
pub(crate) async fn recover(driver: &Driver, folder: &Path) -> Result<(), TerraformError> {
    failpoint::hit("terraform.recover.before");
    restore_emptied(driver.stack())?;
    push_errored(driver, folder).await?;
    failpoint::hit("terraform.recover.after");
    Ok(())
}

/// Keeps a copy of the state before it is changed: a killed `tofu` leaves an empty file.
pub(crate) fn back_up(stack: &Stack) -> Result<(), TerraformError> {
    // An unreadable state is an error here, before anything is done, and never replaces a good copy.
    // A backend elsewhere has versions of its own.
    let Some(file) = stack.backend().file() else { return Ok(()) };
    match State::read(file)? {
        Some(_) => Ok(hangar_durable::copy(file, &backup(file))?),
        None => drop_backup(stack),
    }
}

/// The copy holds what the state holds; it goes when it is not needed any more.
pub(crate) fn drop_backup(stack: &Stack) -> Result<(), TerraformError> {
    match stack.backend().file() {
        Some(file) => Ok(hangar_durable::remove(&backup(file))?),
        None => Ok(()),
    }
}

fn backup(state: &Path) -> PathBuf {
    let mut name = state.as_os_str().to_owned();
    name.push(".hangar-backup");
    PathBuf::from(name)
}

/// Whether a crash has left something to make good.
pub(crate) fn is_wrecked(stack: &Stack) -> bool {
    stack.backend().file().is_some_and(is_emptied) || stack.dir().join(ERRORED).exists()
}

fn is_emptied(state: &Path) -> bool {
    fs::metadata(state).is_ok_and(|file| file.len() == 0) && backup(state).exists()
}

fn restore_emptied(stack: &Stack) -> Result<(), TerraformError> {
    if let Some(state) = stack.backend().file().filter(|file| is_emptied(file)) {
        tracing::warn!(stack = %stack.name(), "the state was emptied by a crash, and is restored from the copy before it");
        hangar_durable::copy(&backup(state), state)?;
    }
    Ok(())
}

async fn push_errored(driver: &Driver, folder: &Path) -> Result<(), TerraformError> {
    let stack = driver.stack();
    let path = stack.dir().join(ERRORED);
    let Some(errored) = State::read(&path)? else { return Ok(()) };
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
