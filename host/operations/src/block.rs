//! A plugin's own block: checked by its schema before it runs, and by itself.

use hangar_config::{PluginBlock, Report};
use hangar_plan::diagnostic::{Diagnostic, Severity};
use hangar_plan::grant::Kind;
use hangar_runtime::Plugin;

use crate::failure::{Cause, Failure};
use crate::site::Site;

/// Findings in the workspace file, shown with their lines and carets.
#[derive(Debug, thiserror::Error)]
#[error("{} findings in the workspace file", .0.findings().len())]
pub struct Findings(pub Report);

impl Site {
    /// Checks a block against the schema that the plugin carries. Nothing of the plugin runs.
    pub(crate) fn check_block(&self, plugin: &Plugin, kind: Kind, block: &PluginBlock) -> Result<(), Failure> {
        let findings = match plugin.manifest().schemas.get(&kind) {
            Some(schema) => block.check_schema(schema),
            None => Vec::new(),
        };
        if findings.is_empty() {
            return Ok(());
        }
        Err(refused(self.workspace.report(findings)))
    }

    /// Refuses a block in which the plugin found errors; the rest is only told.
    pub(crate) fn refuse(&self, block: &PluginBlock, said: &[Diagnostic]) -> Result<(), Failure> {
        if said.iter().all(|diagnostic| diagnostic.severity != Severity::Error) {
            return Ok(());
        }
        Err(refused(self.workspace.report(block.place(said))))
    }
}

fn refused(report: Report) -> Failure {
    Failure::of(Cause::Refused, "the workspace file is refused", Findings(report))
}
