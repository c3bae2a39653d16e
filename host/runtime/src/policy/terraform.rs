//! A rendered root module as a whole.

use std::collections::BTreeMap;

use hangar_plan::grant::InfraProviderGrant;
use hangar_plan::infrastructure::Workspace;

use super::files::{Folder, folder_of, is_json, is_terraform};
use super::functions::Functions;
use super::module::File;
use super::providers::{self, Providers};
use super::tree::{Item, Unreadable, read_json, read_native};
use super::{Findings, Refusal, Rule};

/// Refuses a workspace that could do more than its plugin is granted.
pub(crate) fn check_workspace(workspace: &Workspace, grant: &InfraProviderGrant) -> Result<(), Vec<Refusal>> {
    let mut findings = Findings::default();
    let folder = Folder::new(&workspace.files, &mut findings);
    let files = read(&folder, &mut findings);

    let mut modules: BTreeMap<&str, Providers> = BTreeMap::new();
    for (path, items) in &files {
        let providers = modules.entry(folder_of(path)).or_default();
        let blocks = items.iter().filter(|item| item.key == "terraform").flat_map(Item::body);
        for block in blocks.filter(|block| block.key == "required_providers") {
            providers.require(block, path, &mut findings);
        }
    }
    for (module, providers) in &modules {
        let place = if module.is_empty() { "the root module" } else { module };
        providers.check(&grant.terraform_providers, module.is_empty(), place, &mut findings);
    }
    for (path, items) in &files {
        check_file(path, items, &folder, &modules[folder_of(path)], grant, &mut findings);
    }

    providers::check_list(&workspace.providers, &grant.terraform_providers, &mut findings);
    for slot in &workspace.credentials {
        if !grant.credentials.iter().any(|granted| granted.name == *slot && granted.terraform) {
            findings.add(Rule::Credential, "credentials", format!("credential `{slot}` is not granted for terraform"));
        }
    }
    findings.into_result()
}

fn read<'a>(folder: &Folder<'a>, findings: &mut Findings) -> Vec<(&'a str, Vec<Item>)> {
    let mut files = Vec::new();
    for (path, bytes) in folder.files.iter().filter(|(path, _)| is_terraform(path)) {
        let Ok(text) = std::str::from_utf8(bytes) else {
            findings.add(Rule::Syntax, path, "the file is no text");
            continue;
        };
        let items = if is_json(path) { read_json(text) } else { read_native(text) };
        match items {
            Ok(items) => files.push((*path, items)),
            Err(Unreadable::Syntax(what)) => findings.add(Rule::Syntax, path, what),
            Err(Unreadable::Block(block)) => findings.add(Rule::Block, path, format!("`{block}` is not allowed")),
        }
    }
    files
}

fn check_file(
    place: &str,
    items: &[Item],
    folder: &Folder<'_>,
    providers: &Providers,
    grant: &InfraProviderGrant,
    findings: &mut Findings,
) {
    let module = folder_of(place);
    for item in items {
        File { folder, place, module, grant, providers, findings: &mut *findings }.check(item);
        let is_provider = |name: &str| providers.grant(name, &grant.terraform_providers).is_some();
        let findings = &mut *findings;
        Functions { folder, place, module, is_provider: &is_provider, findings, in_template: false }.check(item);
    }
}
