//! Making good what a crash has left of the state.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hangar_durable::failpoint;

use crate::driver::Driver;
use crate::error::TerraformError;
use crate::stack::Stack;
use crate::state::State;

/// Where the tool puts the state that it could not put where it belongs.
const ERRORED: &str = "errored.tfstate";

/// Pushing a state is quick.
const DEADLINE: Duration = Duration::from_secs(120);

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
    match State::read(stack.state_file())? {
        Some(_) => Ok(hangar_durable::copy(stack.state_file(), &backup(stack))?),
        None => drop_backup(stack),
    }
}

/// The copy holds what the state holds; it goes when it is not needed any more.
pub(crate) fn drop_backup(stack: &Stack) -> Result<(), TerraformError> {
    Ok(hangar_durable::remove(&backup(stack))?)
}

fn backup(stack: &Stack) -> PathBuf {
    let mut name = stack.state_file().as_os_str().to_owned();
    name.push(".hangar-backup");
    PathBuf::from(name)
}

/// Whether a crash has left something to make good.
pub(crate) fn is_wrecked(stack: &Stack) -> bool {
    is_emptied(stack) || stack.dir().join(ERRORED).exists()
}

fn is_emptied(stack: &Stack) -> bool {
    fs::metadata(stack.state_file()).is_ok_and(|file| file.len() == 0) && backup(stack).exists()
}

fn restore_emptied(stack: &Stack) -> Result<(), TerraformError> {
    let state = stack.state_file();
    if is_emptied(stack) {
        tracing::warn!(stack = %stack.name(), "the state was emptied by a crash, and is restored from the copy before it");
        hangar_durable::copy(&backup(stack), state)?;
    }
    Ok(())
}

async fn push_errored(driver: &Driver, folder: &Path) -> Result<(), TerraformError> {
    let stack = driver.stack();
    let path = stack.dir().join(ERRORED);
    let Some(errored) = State::read(&path)? else { return Ok(()) };
    let current = State::read(stack.state_file())?.map(|state| state.mark());
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
    let binary = driver.terraform().binary();
    let command = driver.command(folder)?.args(["state", "push"]).arg(path);
    let failed = |err| TerraformError::Spawn { binary: binary.to_owned(), err };
    let output = command.output(folder, DEADLINE).await.map_err(failed)?;
    if output.exit.is_success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(TerraformError::read(path, io::Error::other(said)))
}

/// Evidence is kept, out of the way of the next run.
fn set_aside(path: &Path, folder: &Path) -> Result<(), TerraformError> {
    hangar_durable::copy(path, &folder.join(ERRORED))?;
    Ok(hangar_durable::remove(path)?)
}
