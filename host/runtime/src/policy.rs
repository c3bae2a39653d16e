//! What a plugin makes is code too: it is read and refused before anything uses it.
//!
//! Everything here is a list of what is allowed. What this host does not know is refused, so that a new feature of a
//! tool is not a new way around the policy. All findings come at once.

mod files;
mod functions;
mod infrastructure;
mod module;
mod providers;
mod sql;
mod strategy;
mod terraform;
mod tree;
mod values;

use std::fmt;

pub(crate) use infrastructure::{check_infrastructure, check_recipe};
pub(crate) use strategy::StrategyPolicy;
pub(crate) use terraform::check_workspace;

/// One thing that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// By which rule.
    pub rule: Rule,
    /// Where it stands: a file, a step, a probe.
    pub place: String,
    /// What it is, for an operator.
    pub detail: String,
}

/// The rules. What a plugin makes may hold none of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// Too many files, too large ones, or nested too deeply.
    Size,
    /// A path that is absolute, leads outside, or that a tool reads by its name.
    Path,
    /// A file that cannot be read as what it is.
    Syntax,
    /// A block that is not among the known ones.
    Block,
    /// A backend or cloud block: where state lies is the host's.
    Backend,
    /// A provisioner, or a connection for one.
    Provisioner,
    /// A resource or data source that reads or runs something of this machine, or that reads other states.
    Type,
    /// A provider that is not granted, by source and version.
    Provider,
    /// A module that is not among the rendered files.
    Module,
    /// A function that reads a file other than a rendered one.
    File,
    /// A function that is not among the known ones.
    Function,
    /// An address in a provider's configuration that is not granted.
    Endpoint,
    /// A credential slot that is not granted, or not for this.
    Credential,
    /// A chart value that is not granted.
    Value,
    /// A chart that is not granted, or not pinned by its digest.
    Chart,
    /// An action of a kind that is not granted.
    Action,
    /// A workload that is not granted.
    Workload,
    /// A Secret that is not granted.
    Secret,
    /// A verb that is not granted, or an argument that it may not have.
    Verb,
    /// A statement that is not granted.
    Sql,
    /// A host that is none of the pool's, or a look from where it must not look.
    Target,
    /// Something that is not of the shape it must have.
    Shape,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.place, self.detail)
    }
}

/// Collects what is refused.
#[derive(Debug, Default)]
struct Findings(Vec<Refusal>);

impl Findings {
    fn add(&mut self, rule: Rule, place: &str, detail: impl Into<String>) {
        let refusal = Refusal { rule, place: place.to_owned(), detail: detail.into() };
        if !self.0.contains(&refusal) {
            self.0.push(refusal);
        }
    }

    fn into_result(self) -> Result<(), Vec<Refusal>> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }
}

#[cfg(test)]
mod tests;
