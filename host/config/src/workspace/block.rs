//! Blocks whose keys are a plugin's own.

use hangar_plan::diagnostic::{Diagnostic, Severity};
use miette::SourceSpan;
use serde_json::Value;

use crate::{
    document::Document,
    finding::{Finding, Report},
    names::PluginName,
    schema::{Checker, close},
    source::Source,
    workspace::check::Check,
};

/// A block of a plugin: what it is told, and where each of it stands in the file.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginBlock {
    /// The plugin, as it is declared in this file.
    pub plugin: PluginName,
    /// The plugin's own keys, an object.
    pub config: Value,
    document: Document,
    source: Source,
}

impl PluginBlock {
    /// Returns the place of what a JSON pointer points to, or of the nearest thing around it.
    ///
    /// An empty pointer, or one that points nowhere, gives the block's header.
    #[must_use]
    pub fn locate(&self, pointer: &str) -> SourceSpan {
        self.document.place(pointer).value.clone().into()
    }

    /// Returns everything that a JSON Schema has against the block, each at its place.
    ///
    /// Objects of the schema that list their keys and say nothing of others take no others, for a misspelt key
    /// must never go unnoticed. Nothing is fetched for the schema; patterns run in linear time. A schema that is
    /// none is one finding.
    #[must_use]
    pub fn check_schema(&self, schema: &Value) -> Vec<Finding> {
        let mut schema = schema.clone();
        close(&mut schema);
        match Checker::new(schema) {
            Ok(checker) => checker.check(&self.document),
            Err(said) => {
                let message = format!("plugin `{}` carries a schema that cannot be used: {said}", self.plugin);
                vec![Finding::new(self.locate(""), message).help("tell the plugin's author".to_owned())]
            }
        }
    }

    /// Places what the plugin itself found in its block.
    #[must_use]
    pub fn place(&self, diagnostics: &[Diagnostic]) -> Vec<Finding> {
        let place = |diagnostic: &Diagnostic| {
            let finding =
                Finding::new(self.locate(&diagnostic.pointer), &diagnostic.message).help(diagnostic.hint.clone());
            let finding = finding.label(format!("says plugin `{}`", self.plugin));
            match diagnostic.severity {
                Severity::Error => finding,
                Severity::Warning | Severity::Note => finding.warning(),
            }
        };
        diagnostics.iter().map(place).collect()
    }

    /// Puts findings about the block into a report on the file.
    #[must_use]
    pub fn report(&self, findings: Vec<Finding>) -> Report {
        Report::new(&self.source, findings)
    }

    /// Takes the block at `pointer`, without keys that are the host's.
    pub(super) fn new(check: &Check<'_>, pointer: &str, plugin: PluginName, host_keys: &[&str]) -> Self {
        let document = host_keys.iter().fold(check.document.part(pointer), |document, key| document.without(key));
        Self { plugin, config: document.value.clone(), document, source: check.source.clone() }
    }
}

/// Reads the one block of a kind whose keys are all the plugin's.
pub(super) fn read(check: &mut Check<'_>, kind: &str) -> Option<PluginBlock> {
    let (pointer, name) = check.only_label(kind)?;
    // A name of a wrong form is no declared plugin, which is found there.
    let plugin = name.parse().ok()?;
    Some(PluginBlock::new(check, &pointer, plugin, &[]))
}
