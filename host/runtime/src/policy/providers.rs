//! Terraform providers: which a module uses, and whether they are granted.

use std::collections::BTreeMap;

use hangar_plan::grant::TerraformProvider;
use hangar_plan::infrastructure::ProviderRequirement;

use super::tree::{Content, Item};
use super::{Findings, Rule};

/// The provider that is part of terraform itself.
const BUILT_IN: &str = "terraform.io/builtin/terraform";
const REGISTRY: &str = "registry.terraform.io";

/// Providers whose purpose is to read or run something of this machine. Never allowed, granted or not.
const FORBIDDEN: [&str; 5] = ["external", "http", "local", "archive", "template"];

/// What the local names of one module stand for.
#[derive(Debug, Default)]
pub(super) struct Providers {
    required: BTreeMap<String, Required>,
}

#[derive(Debug, Clone)]
struct Required {
    source: String,
    version: Option<String>,
}

impl Providers {
    /// Takes the entries of one `required_providers` block.
    pub(super) fn require(&mut self, block: &Item, place: &str, findings: &mut Findings) {
        let Some(entries) = block.content.entries() else {
            findings.add(Rule::Syntax, place, "`required_providers` is not written out");
            return;
        };
        for (name, content) in entries {
            let Some(required) = required(&name, &content) else {
                findings.add(Rule::Provider, place, format!("provider `{name}` is not required by literals"));
                continue;
            };
            self.required.insert(name, required);
        }
    }

    /// Says whether each required provider is granted. A root module must pin the granted version.
    pub(super) fn check(&self, granted: &[TerraformProvider], is_root: bool, place: &str, findings: &mut Findings) {
        for (name, required) in &self.required {
            let Some(grant) = self.grant(name, granted) else {
                findings.add(Rule::Provider, place, format!("provider `{}` is not granted", required.source));
                continue;
            };
            let pinned = required.version.as_deref().map(|version| version.trim_start_matches('=').trim());
            if is_root && required.source != BUILT_IN && pinned != Some(grant.version.as_str()) {
                let version = required.version.as_deref().unwrap_or("none");
                findings.add(
                    Rule::Provider,
                    place,
                    format!("provider `{}` is granted in version {}, not {version}", grant.source, grant.version),
                );
            }
        }
    }

    /// The granted provider that a local name stands for, also where nothing requires it and terraform guesses.
    pub(super) fn grant<'a>(&self, name: &str, granted: &'a [TerraformProvider]) -> Option<&'a TerraformProvider> {
        let source = self.source(name);
        if is_forbidden(&source) {
            return None;
        }
        granted.iter().find(|grant| qualified(&grant.source) == source)
    }

    pub(super) fn source(&self, name: &str) -> String {
        match self.required.get(name) {
            Some(required) => required.source.clone(),
            None if name == "terraform" => BUILT_IN.to_owned(),
            None => format!("{REGISTRY}/hashicorp/{name}"),
        }
    }
}

/// Checks the list that comes with the files: what the host installs.
pub(super) fn check_list(list: &[ProviderRequirement], granted: &[TerraformProvider], findings: &mut Findings) {
    for provider in list {
        let source = qualified(&provider.source);
        let matches =
            |grant: &&TerraformProvider| qualified(&grant.source) == source && grant.version == provider.version;
        let Some(grant) = granted.iter().find(matches).filter(|_| !is_forbidden(&source)) else {
            let what = format!("provider `{source}` {} is not granted", provider.version);
            findings.add(Rule::Provider, "providers", what);
            continue;
        };
        if let Some(hash) = provider.hashes.iter().find(|hash| !grant.hashes.is_empty() && !grant.hashes.contains(hash))
        {
            findings.add(Rule::Provider, "providers", format!("hash `{hash}` of provider `{source}` is not granted"));
        }
    }
}

fn required(name: &str, content: &Content) -> Option<Required> {
    let default = format!("{REGISTRY}/hashicorp/{name}");
    // An old form: the version alone.
    if let Some(version) = content.literal() {
        return Some(Required { source: default, version: Some(version) });
    }
    let mut required = Required { source: default, version: None };
    for (key, value) in content.entries()? {
        match key.as_str() {
            "source" => required.source = qualified(&value.literal()?),
            "version" => required.version = Some(value.literal()?),
            "configuration_aliases" => {}
            _ => return None,
        }
    }
    Some(required)
}

/// A source address with its registry.
fn qualified(source: &str) -> String {
    let source = source.to_ascii_lowercase();
    match source.split('/').count() {
        1 => format!("{REGISTRY}/hashicorp/{source}"),
        2 => format!("{REGISTRY}/{source}"),
        _ => source,
    }
}

fn is_forbidden(source: &str) -> bool {
    source
        .rsplit_once('/')
        .is_some_and(|(namespace, name)| namespace.ends_with("/hashicorp") && FORBIDDEN.contains(&name))
}
