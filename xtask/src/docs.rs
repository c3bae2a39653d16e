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

/// Writes the reference of each terraform module into its README, where that asks for it.
pub(crate) fn run(checkout: &Checkout) -> Result<()> {
    for (path, text) in pages(checkout)? {
        fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    Ok(())
}

/// Each README that has a reference, as it should be.
fn pages(checkout: &Checkout) -> Result<Vec<(PathBuf, String)>> {
    let mut pages = Vec::new();
    let folder = checkout.root.join(MODULES);
    let modules = fs::read_dir(&folder).with_context(|| format!("cannot list `{}`", folder.display()))?;
    for module in modules {
        let path = module?.path().join("README.md");
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let Some((before, rest)) = text.split_once(BEGIN) else { continue };
        let Some((_, after)) = rest.split_once(END) else { bail!("`{}` does not end its reference", path.display()) };
        let reference = reference(path.parent().expect("a file is in a folder"))?;
        pages.push((path, format!("{before}{BEGIN}\n{reference}\n{END}{after}")));
    }
    pages.sort();
    Ok(pages)
}

fn reference(module: &Path) -> Result<String> {
    let mut text = "## Variables\n\n| name | type | default | |\n| --- | --- | --- | --- |\n".to_owned();
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

    #[test]
    fn a_variable_without_a_description_is_an_error() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("the folder is ours");
        write(
            "variables.tf",
            "variable \"a\" {\n  type = object({\n    b = string\n  })\n  description = \"One | two.\"\n}\n",
        );
        write("outputs.tf", "");
        let text = reference(folder.path()).expect("it is described");
        assert!(text.contains("| `a` | `object({ b = string })` | needed | One \\| two. |\n"), "{text}");
        write("variables.tf", "variable \"a\" {}\n");
        let err = reference(folder.path()).expect_err("nothing describes it");
        assert_eq!(err.to_string(), "`a` has no description");
    }
}
