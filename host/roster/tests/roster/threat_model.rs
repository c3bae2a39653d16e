//! The document of what is defended is held to the tests that show it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

const ROOM: &str = env!("CARGO_MANIFEST_DIR");
/// Attacks that must stand in the table, each with a test.
const ATTACKS: [&str; 8] =
    ["fork", "replay", "rollback", "withheld record", "stolen carrier", "forged vouching", "clock that lies", "flood"];

/// What stands between backticks and names a test: `module::a_sentence`.
fn tests_named(text: &str) -> BTreeSet<(String, String)> {
    let quoted = text.split('`').skip(1).step_by(2);
    let named = quoted.filter_map(|text| text.split_once("::"));
    let is_name = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    let named = named.filter(|(module, test)| is_name(module) && is_name(test));
    named.map(|(module, test)| (module.to_owned(), test.to_owned())).collect()
}

/// Whether a test of this name stands in this module, here or among those of the strategy.
fn stands(module: &str, test: &str) -> bool {
    let rooms = ["tests/roster", "../../plugins/cockroachdb/tests/pool"];
    let files = rooms.map(|room| Path::new(ROOM).join(room).join(format!("{module}.rs")));
    let attribute = format!("#[test]\nfn {test}(");
    files.iter().filter_map(|file| fs::read_to_string(file).ok()).any(|text| text.contains(&attribute))
}

#[test]
fn every_attack_of_the_threat_model_names_a_test_that_stands() -> Result<()> {
    let document = fs::read_to_string(Path::new(ROOM).join("../../docs/security/threat-model.md"))?;
    let rows: Vec<&str> = document.lines().filter(|line| line.starts_with("| **")).collect();
    for attack in ATTACKS {
        let row = rows.iter().find(|row| row.starts_with(&format!("| **{attack}")));
        row.with_context(|| format!("no line tells of `{attack}`"))?;
    }
    for row in &rows {
        ensure!(!tests_named(row).is_empty(), "no test shows this: {row}");
    }
    let missing: Vec<_> = tests_named(&document).into_iter().filter(|(module, test)| !stands(module, test)).collect();
    ensure!(missing.is_empty(), "the document names tests that are not there: {missing:?}");
    Ok(())
}
