//! Initialising, and knowing when there is no need to.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use walkdir::{DirEntry, WalkDir};

use crate::binary::Terraform;
use crate::environment::Environment;
use crate::error::TerraformError;
use crate::stack::{DATA_DIR, IMPORT_FILE, LOCK_FILE, Stack};

/// What an initialisation depended on. Lies in the tool's own folder, so that it goes when that goes.
const MARKER: &str = "hangar-init.json";

/// What became of an initialisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Initialised {
    /// Whether there was no need to.
    pub skipped: bool,
}

#[derive(Serialize, Deserialize)]
struct Marker {
    version: u32,
    digest: String,
}

pub(crate) fn is_done(stack: &Stack, terraform: &Terraform, environment: &Environment) -> Result<bool, TerraformError> {
    let Ok(bytes) = fs::read(marker(stack)) else { return Ok(false) };
    let Ok(marker) = serde_json::from_slice::<Marker>(&bytes) else { return Ok(false) };
    Ok(marker.version == 1 && marker.digest == digest(stack, terraform, environment)?)
}

pub(crate) fn set_done(stack: &Stack, terraform: &Terraform, environment: &Environment) -> Result<(), TerraformError> {
    let marker_text = Marker { version: 1, digest: digest(stack, terraform, environment)? };
    let text = serde_json::to_vec(&marker_text).expect("a number and a text have a JSON form");
    hangar_durable::private_dir(&stack.dir().join(DATA_DIR))?;
    Ok(hangar_durable::write(&marker(stack), &text)?)
}

/// After a failure that another initialisation may mend.
pub(crate) fn forget(stack: &Stack) -> Result<(), TerraformError> {
    Ok(hangar_durable::remove(&marker(stack))?)
}

fn marker(stack: &Stack) -> PathBuf {
    stack.dir().join(DATA_DIR).join(MARKER)
}

/// Everything an initialisation depends on: the tool, where providers come from, every file that may name a provider, a
/// module or a backend, and the provider lock.
fn digest(stack: &Stack, terraform: &Terraform, environment: &Environment) -> Result<String, TerraformError> {
    let mut hasher = Sha256::new();
    let mut take = |bytes: &[u8]| {
        // Lengths first, so that no two lists of texts run together into one.
        hasher.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
        hasher.update(bytes);
    };
    take(terraform.binary().as_os_str().as_encoded_bytes());
    take(terraform.version().to_string().as_bytes());
    take(environment.mirror().unwrap_or(Path::new("")).as_os_str().as_encoded_bytes());
    let is_own =
        |entry: &DirEntry| entry.depth() == 1 && (entry.file_name() == DATA_DIR || entry.file_name() == IMPORT_FILE);
    for entry in WalkDir::new(stack.dir()).sort_by_file_name().into_iter().filter_entry(|entry| !is_own(entry)) {
        let entry = entry.map_err(|err| TerraformError::read(stack.dir(), err.into()))?;
        if entry.file_type().is_file() && matters(entry.path()) {
            take(entry.path().as_os_str().as_encoded_bytes());
            take(&fs::read(entry.path()).map_err(|err| TerraformError::read(entry.path(), err))?);
        }
    }
    Ok(hex::encode(hasher.finalize()))
}

fn matters(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name == LOCK_FILE || [".tf", ".tf.json", ".tofu", ".tofu.json"].iter().any(|end| name.ends_with(end))
}
