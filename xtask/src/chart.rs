//! What is generated from a source in the clone and kept beside it, so that nobody needs us to read it.

mod reference;
mod schema;
mod values;

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};

use crate::{chart::schema::Source, checkout::Checkout};

/// Where the chart lies.
const CHART: &str = "deploy/services/helm/dss";

/// One generated file.
#[derive(Debug)]
struct Generated {
    path: PathBuf,
    text: String,
}

/// Writes everything that is generated.
///
/// # Errors
///
/// If a source is no source, or a file cannot be written.
pub(crate) fn run(checkout: &Checkout) -> Result<()> {
    for file in generate(checkout)? {
        fs::write(&file.path, file.text).with_context(|| format!("cannot write `{}`", file.path.display()))?;
        eprintln!("{}", file.path.display());
    }
    Ok(())
}

fn generate(checkout: &Checkout) -> Result<Vec<Generated>> {
    let chart = checkout.root.join(CHART);
    let source = Source::read(&chart.join("values"))?;
    let schema = source.schema()?;
    let file = |name: &str, text| Generated { path: chart.join(name), text };
    Ok(vec![
        file("values.schema.json", schema::text(&schema)?),
        file("values.yaml", values::text(&schema)?),
        file("VALUES.md", reference::text(&schema)?),
    ])
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::generate;
    use crate::{checkout::Checkout, environment::Environment};

    #[test]
    fn what_is_generated_is_fresh() {
        let checkout = Checkout::find(Environment::of_process()).expect("a clone");
        for file in generate(&checkout).expect("the sources are good") {
            let found = fs::read_to_string(&file.path).unwrap_or_default();
            assert!(found == file.text, "`cargo xtask gen-docs` writes `{}` anew", file.path.display());
        }
    }
}
