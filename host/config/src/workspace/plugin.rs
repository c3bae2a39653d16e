//! `plugin "name" { … }`.

use std::{collections::BTreeMap, path::Path};

use registry_reference::{Digest, PluginSource};

use crate::{names::PluginName, raw::RawPlugin, workspace::check::Check};

/// Where a plugin comes from, and what the operator accepts about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plugin {
    /// As it was written; relative paths begin at the workspace file, see [`Plugin::absolute_source`].
    pub source: PluginSource,
    /// The operator accepts that nobody signed it. Always so for a registry, until signatures are verified.
    pub unsigned: bool,
    /// It, and its registry, may be spoken to over plain http on this machine.
    pub dev: bool,
    /// The only manifest that is accepted, if the operator named one here or in the source.
    pub digest: Option<Digest>,
}

impl Plugin {
    /// Returns the source with its path read from the folder of the workspace file.
    #[must_use]
    pub fn absolute_source(&self, workspace: &Path) -> PluginSource {
        self.source.clone().relative_to(workspace)
    }
}

pub(super) fn read(check: &mut Check<'_>) -> Option<BTreeMap<PluginName, Plugin>> {
    let mut plugins = Some(BTreeMap::new());
    for (pointer, label) in check.labels("plugin") {
        let name = match label.parse::<PluginName>() {
            Ok(name) => Some(name),
            Err(err) => {
                let finding = check.finding(&pointer, err.to_string());
                check.push(finding);
                None
            }
        };
        let plugin = one(check, &pointer, &label);
        plugins = plugins.zip(name.zip(plugin)).map(|(mut plugins, (name, plugin))| {
            plugins.insert(name, plugin);
            plugins
        });
    }
    plugins
}

fn one(check: &mut Check<'_>, pointer: &str, name: &str) -> Option<Plugin> {
    let raw: RawPlugin = check.raw(pointer)?;
    let at = |key: &str| format!("{pointer}/{key}");
    let source: Option<PluginSource> = check.parse_reference(&at("source"), &raw.source);
    let named: Option<Option<Digest>> = match &raw.digest {
        None => Some(None),
        Some(text) => check.parse_reference(&at("digest"), text).map(Some),
    };
    let (source, named) = source.zip(named)?;
    if source.is_registry() && !raw.unsigned {
        let finding =
            check.finding(&at("source"), format!("signatures cannot be verified yet, so `{name}` counts as unsigned"));
        let help = "add `unsigned = true` to this block to take it as it is; the lock records that".to_owned();
        check.push(finding.label("comes from a registry").help(help));
    }
    let in_source = match &source {
        PluginSource::Oci(reference) => reference.digest,
        _ => None,
    };
    if let (Some(one), Some(other)) = (in_source, named)
        && one != other
    {
        check.refuse(&at("digest"), "`digest` is another than the one in `source`", None);
    }
    Some(Plugin { source, unsigned: raw.unsigned, dev: raw.dev, digest: named.or(in_source) })
}
