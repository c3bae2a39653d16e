//! Steps for the engine.

mod apply;
mod destroy;
mod init;
mod plan;

pub use apply::{ApplyStep, Approved};
pub use destroy::DestroyStep;
pub use init::InitStep;
pub use plan::PlanStep;

use std::fs;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::TerraformError;

/// Keeps what an act has found out for its verification.
fn keep(folder: &Path, name: &str, what: &impl Serialize) -> Result<(), TerraformError> {
    let text = serde_json::to_vec(what).expect("what is kept has a JSON form");
    Ok(hangar_durable::write_private(&folder.join(name), &text)?)
}

fn kept<T: DeserializeOwned>(folder: &Path, name: &str) -> Result<T, TerraformError> {
    let path = folder.join(name);
    let bytes = fs::read(&path).map_err(|err| TerraformError::read(&path, err))?;
    serde_json::from_slice(&bytes).map_err(|err| TerraformError::read(path, err.into()))
}
