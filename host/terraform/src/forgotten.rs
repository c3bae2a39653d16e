//! Resources that were made and then lost.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::error::TerraformError;
use crate::hcl::quoted;
use crate::run::Told;
use crate::stack::{IMPORT_FILE, Stack};
use crate::state::State;
use crate::stream::Action;

/// A resource that the tool said it had made, and that its state does not know: a killed tool has lost it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forgotten {
    /// Its address.
    pub address: String,
    /// Its id at the provider.
    pub id: String,
}

/// Compares what a run said it had made with what the state knows.
pub(crate) fn forgotten(state: Option<&State>, told: &Told) -> Vec<Forgotten> {
    let known = state.map(State::addresses).unwrap_or_default();
    let made = told.completed.iter().filter(|resource| resource.action == Some(Action::Create));
    let lost = made.filter(|resource| !known.contains(&resource.address)).filter_map(|resource| {
        let id = resource.id.clone()?;
        Some(Forgotten { address: resource.address.clone(), id })
    });
    lost.collect()
}

/// Resources that a run was making when it ended, and of which neither it nor the state has told since.
pub(crate) fn unheard_of(state: Option<&State>, told: &Told) -> Vec<String> {
    let known = state.map(State::addresses).unwrap_or_default();
    let is_told = |address: &String| told.completed.iter().any(|resource| resource.address == *address);
    let begun = told.started.iter().filter(|resource| resource.action == Some(Action::Create));
    let begun = begun.map(|resource| resource.address.clone());
    begun.filter(|address| !known.contains(address) && !is_told(address)).collect()
}

/// Writes import blocks for lost resources, or takes those of an earlier recovery away.
pub(crate) fn propose_imports(stack: &Stack, lost: &[Forgotten]) -> Result<(), TerraformError> {
    let path = stack.dir().join(IMPORT_FILE);
    if lost.is_empty() {
        return Ok(hangar_durable::remove(&path)?);
    }
    let mut text = String::from("# Written by hangar: made before a crash, and taken back by their ids.\n");
    for one in lost {
        let id = quoted(&one.id);
        write!(text, "import {{\n  to = {}\n  id = {id}\n}}\n", one.address)
            .expect("a text takes what is written to it");
    }
    Ok(hangar_durable::write(&path, text.as_bytes())?)
}
