//! Reference pages that are made of what they describe.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use hcl_edit::{
    expr::Expression,
    structure::{Block, Body},
};

use crate::checkout::Checkout;

/// Where a README wants the reference of its module.
const BEGIN: &str = "<!-- reference: made by `cargo xtask gen-docs`; do not edit -->\n";
const END: &str = "<!-- end of reference -->\n";
const MODULES: &str = "deploy/infrastructure";

/// Writes the reference of each terraform module into its README.
pub(crate) fn run(checkout: &Checkout) -> Result<()> {
    for (path, text) in pages(checkout)? {
        fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    Ok(())
}

/// The README of each module, as it should be.
fn pages(checkout: &Checkout) -> Result<Vec<(PathBuf, String)>> {
    let mut pages = Vec::new();
    for module in modules(&checkout.root.join(MODULES))? {
        let path = module.join("README.md");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let Some((before, rest)) = text.split_once(BEGIN) else { bail!("`{}` has no reference", path.display()) };
        let Some((_, after)) = rest.split_once(END) else { bail!("`{}` does not end its reference", path.display()) };
        let reference = reference(&module)?;
        pages.push((path, format!("{before}{BEGIN}\n{reference}\n{END}{after}")));
    }
    Ok(pages)
}

/// Folders that declare an interface: the modules and their submodules. Examples have none.
fn modules(folder: &Path) -> Result<Vec<PathBuf>> {
    let files = walkdir::WalkDir::new(folder).sort_by_file_name();
    let files = files.into_iter().filter_entry(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
    let mut modules = Vec::new();
    for file in files {
        let file = file.with_context(|| format!("cannot list `{}`", folder.display()))?;
        if file.file_name() == "variables.tf" {
            modules.push(file.path().parent().expect("a file is in a folder").to_owned());
        }
    }
    Ok(modules)
}

fn reference(module: &Path) -> Result<String> {
    let mut text = requirements(module)?;
    text.push_str("\n## Variables\n\n| name | type | default | |\n| --- | --- | --- | --- |\n");
    for block in blocks(&module.join("variables.tf"), "variable")? {
        let default = block.body.get_attribute("default").map_or("needed".into(), |default| code(&default.value));
        let kind = block.body.get_attribute("type").map_or("any".into(), |kind| code(&kind.value));
        text.push_str(&format!("| `{}` | {kind} | {default} | {} |\n", name(&block)?, description(&block)?));
    }
    text.push_str("\n## Outputs\n\n| name | |\n| --- | --- |\n");
    for block in blocks(&module.join("outputs.tf"), "output")? {
        text.push_str(&format!("| `{}` | {} |\n", name(&block)?, description(&block)?));
    }
    Ok(text)
}

/// Terraform and the providers, with the versions that are taken.
fn requirements(module: &Path) -> Result<String> {
    let mut text = "## Requirements\n\n| name | version |\n| --- | --- |\n".to_owned();
    for block in blocks(&module.join("versions.tf"), "terraform")? {
        let version = block.body.get_attribute("required_version").and_then(|version| version.value.as_str());
        text.push_str(&format!("| `terraform` | {} |\n", version.context("no version of terraform is required")?));
        for required in block.body.get_blocks("required_providers") {
            for provider in required.body.attributes() {
                let fields = provider.value.as_object().context("a provider has a source and a version")?;
                let field = |name: &str| {
                    let found = fields.iter().find(|(key, _)| key.as_ident().is_some_and(|key| key.as_str() == name));
                    found.and_then(|(_, value)| value.expr().as_str()).context("a provider has a source and a version")
                };
                text.push_str(&format!("| `{}` | {} |\n", field("source")?, field("version")?));
            }
        }
    }
    Ok(text)
}

fn blocks(path: &Path, kind: &str) -> Result<Vec<Block>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let body: Body = text.parse().with_context(|| format!("`{}` is no HCL", path.display()))?;
    Ok(body.into_blocks().filter(|block| block.ident.as_str() == kind).collect())
}

fn name(block: &Block) -> Result<&str> {
    block.labels.first().map(|label| label.as_str()).context("a block without a name")
}

fn description(block: &Block) -> Result<String> {
    let text = block.body.get_attribute("description").and_then(|text| text.value.as_str());
    let text = text.with_context(|| format!("`{}` has no description", name(block).unwrap_or_default()))?;
    Ok(text.replace('|', "\\|"))
}

/// An expression in one line.
fn code(value: &Expression) -> String {
    let words: Vec<String> = value.to_string().split_whitespace().map(ToOwned::to_owned).collect();
    format!("`{}`", words.join(" "))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::environment::Environment;

    #[test]
    fn each_reference_is_what_its_module_says() {
        let checkout = Checkout::find(Environment::of_process()).expect("xtask lies in the workspace");
        let pages = pages(&checkout).expect("the modules can be read");
        assert!(!pages.is_empty(), "no module has a reference");
        for (path, wanted) in pages {
            let text = fs::read_to_string(&path).expect("it was just read");
            assert!(text == wanted, "`{}` is stale: `cargo xtask gen-docs`", checkout.relative(&path).display());
        }
    }

    /// What every cloud takes means the same in each: terraform can only declare it again.
    #[test]
    fn what_is_handed_to_the_common_module_is_declared_as_it_declares_it() {
        let checkout = Checkout::find(Environment::of_process()).expect("xtask lies in the workspace");
        let declared = |module: &str| {
            let blocks = blocks(&checkout.root.join(MODULES).join(module).join("variables.tf"), "variable");
            let of = |block: &Block| {
                let argument = |name| block.body.get_attribute(name).map(|argument| code(&argument.value));
                (name(block).expect("a name").to_owned(), ["description", "type", "default"].map(argument))
            };
            blocks.expect("it can be read").iter().map(of).collect::<BTreeMap<_, _>>()
        };
        let mut common = declared("common");
        common.remove("addresses").expect("each cloud reserves them");
        for module in ["aks", "eks", "gke"] {
            let own = declared(module);
            for (name, declaration) in &common {
                assert_eq!(own.get(name), Some(declaration), "`{name}` of {module}");
            }
        }
    }

    #[test]
    fn a_variable_without_a_description_is_an_error() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("the folder is ours");
        write(
            "variables.tf",
            "variable \"a\" {\n  type = object({\n    b = string\n  })\n  description = \"One | two.\"\n}\n",
        );
        write("outputs.tf", "");
        write(
            "versions.tf",
            "terraform {\n  required_version = \">= 1.9\"\n  required_providers {\n    aws = {\n      source = \"hashicorp/aws\"\n      \
             version = \"5.100.0\"\n    }\n  }\n}\n",
        );
        let text = reference(folder.path()).expect("it is described");
        assert!(text.contains("| `terraform` | >= 1.9 |\n| `hashicorp/aws` | 5.100.0 |\n"), "{text}");
        assert!(text.contains("| `a` | `object({ b = string })` | needed | One \\| two. |\n"), "{text}");
        write("variables.tf", "variable \"a\" {}\n");
        let err = reference(folder.path()).expect_err("nothing describes it");
        assert_eq!(err.to_string(), "`a` has no description");
    }
}
