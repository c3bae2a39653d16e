//! A file is told all that is wrong with it at once, and where.

use crate::support::{LEAST, refusal};

#[test]
fn all_findings_come_at_once_in_the_order_of_the_file() {
    let text = LEAST
        .replace("version = 1\n", "version = 1\nregion = \"x\"\n")
        .replace("\"uss1\"", "\"USS1\"")
        .replace("infra \"local\"", "infra \"loca\"")
        .replace("chart =", "chrt =");
    let shown = refusal(&text);
    let messages: Vec<_> = shown.lines().filter_map(|line| line.trim().strip_prefix("× ")).collect();
    insta::assert_snapshot!(messages.join("\n"), @"
    unknown block `region`
    `USS1` is no name for an instance: 1 to 40 of `a-z`, `0-9` and `-`, beginning with a letter
    no plugin `loca` is declared
    unknown key `chrt`
    ");
}

#[test]
fn an_empty_file_is_told_what_is_missing() {
    let shown = refusal("");
    let messages: Vec<_> = shown.lines().filter_map(|line| line.trim().strip_prefix("× ")).collect();
    insta::assert_snapshot!(messages.join("\n"), @r#"
    `version` is missing
    block `infra "PLUGIN"` is missing
    block `instance "INSTANCE"` is missing
    block `plugin "PLUGIN"` is missing
    block `secrets "PLUGIN"` is missing
    block `services` is missing
    "#);
}

#[test]
fn findings_stand_where_miette_and_machines_look_for_them() {
    let text = LEAST.replace("nodes     = 3", "nodes     = \"three\"");
    let source = hangar_config::Source::new("hangar.hcl", text);
    let err = hangar_config::Workspace::parse(source, "/w".as_ref()).unwrap_err();
    let report = err.report().unwrap();
    assert_eq!(report.source().line_and_column(report.findings()[0].span.offset()), (5, 15));
    assert_eq!(miette::Diagnostic::related(&err).unwrap().count(), 1);
    assert_eq!(err.to_string(), "`hangar.hcl`: `nodes` has the wrong type: wanted a whole number, got a string");
}
