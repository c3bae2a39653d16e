//! A plugin's own block: its schema and its places.

use hangar_config::{Finding, PluginBlock, Source};
use hangar_plan::diagnostic::{Diagnostic, Severity};
use serde_json::json;

use crate::support::{LEAST, parse};

fn block(keys: &str) -> PluginBlock {
    parse(&LEAST.replace("infra \"local\" {\n", &format!("infra \"local\" {{\n{keys}\n"))).infra
}

fn shown(block: &PluginBlock, findings: Vec<Finding>) -> String {
    let drawn = block.report(findings).render(100, false);
    drawn.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_matches('\n').to_owned()
}

fn schema() -> serde_json::Value {
    json!({
        "type": "object",
        "required": ["region"],
        "properties": {
            "region": { "type": "string", "pattern": "^[a-z]+-[a-z]+-[0-9]$" },
            "size": { "enum": ["small", "medium", "large"] },
            "disk_gib": { "type": "integer", "minimum": 10 },
            "node": {
                "type": "array",
                "items": { "type": "object", "properties": { "zone": { "type": "string" } } },
            },
        },
    })
}

#[test]
fn a_block_that_fits_has_no_findings() {
    let block = block("region = \"us-east-1\"\n  size = \"small\"\n  node = [{ zone = \"a\" }]");
    assert_eq!(block.check_schema(&schema()), []);
}

#[test]
fn everything_the_schema_minds_is_shown_at_its_place() {
    let block = block(
        "  regin    = \"us-east-1\"\n  size     = \"smal\"\n  disk_gib = 5\n  node     = [{ zone = \"a\" }, { zoen = 3, zone = 4 }]",
    );
    let findings = block.check_schema(&schema());
    insta::assert_snapshot!(shown(&block, findings), @r#"
     × unknown key `regin`
       ╭─[hangar.hcl:15:3]
    14 │ infra "local" {
    15 │   regin    = "us-east-1"
       ·   ──┬──
       ·     ╰── not known here
    16 │   size     = "smal"
       ╰────
     help: did you mean `region`?
     × `size` is none of the values there are
       ╭─[hangar.hcl:16:14]
    15 │   regin    = "us-east-1"
    16 │   size     = "smal"
       ·              ───┬──
       ·                 ╰── here
    17 │   disk_gib = 5
       ╰────
     help: did you mean `small`?
     × `disk_gib` is less than the minimum of 10
       ╭─[hangar.hcl:17:14]
    16 │   size     = "smal"
    17 │   disk_gib = 5
       ·              ┬
       ·              ╰── here
    18 │   node     = [{ zone = "a" }, { zoen = 3, zone = 4 }]
       ╰────
     × unknown key `zoen`
       ╭─[hangar.hcl:18:33]
    17 │   disk_gib = 5
    18 │   node     = [{ zone = "a" }, { zoen = 3, zone = 4 }]
       ·                                 ──┬─
       ·                                   ╰── not known here
    19 │ }
       ╰────
     help: did you mean `zone`?
     × `zone` has the wrong type: wanted a string, got a whole number
       ╭─[hangar.hcl:18:50]
    17 │   disk_gib = 5
    18 │   node     = [{ zone = "a" }, { zoen = 3, zone = 4 }]
       ·                                                  ┬
       ·                                                  ╰── this is a whole number
    19 │ }
       ╰────
    "#);
}

#[test]
fn a_schema_that_is_none_is_one_finding_at_the_block() {
    let block = block("");
    let findings = block.check_schema(&json!({ "type": "nonsense" }));
    insta::assert_snapshot!(shown(&block, findings), @r#"
     × plugin `local` carries a schema that cannot be used: "nonsense" is not valid under any of the
     │ schemas listed in the 'anyOf' keyword
       ╭─[hangar.hcl:14:1]
    13 │ }
    14 │ infra "local" {
       · ──────┬──────
       ·       ╰── here
    15 │
       ╰────
     help: tell the plugin's author
    "#);
    let findings = block.check_schema(&json!({ "$ref": "https://example.com/schema.json" }));
    assert_eq!(findings.len(), 1, "nothing is fetched: {findings:?}");
}

#[test]
fn an_open_object_stays_open_if_the_schema_says_so() {
    let block = block("anything = 1");
    let open = json!({ "properties": {}, "additionalProperties": true });
    assert_eq!(block.check_schema(&open), []);
    assert_eq!(block.check_schema(&json!({ "properties": {} })).len(), 1);
}

#[test]
fn pointers_are_found_in_the_file() {
    let keys = "  a = {\n    \"x/y\" = [1, 22]\n  }\n  b {\n    c = 3\n  }";
    let block = block(keys);
    let text = LEAST.replace("infra \"local\" {\n", &format!("infra \"local\" {{\n{keys}\n"));
    let source = Source::new("hangar.hcl", text.as_str());
    let at = |pointer: &str| {
        let span = block.locate(pointer);
        let (line, column) = source.line_and_column(span.offset());
        (&text[span.offset()..span.offset() + span.len()], line, column)
    };
    assert_eq!(at("/a/x~1y/1"), ("22", 16, 17));
    assert_eq!(at("/b/c"), ("3", 19, 9));
    assert_eq!(at("/b"), ("b", 18, 3));
    assert_eq!(at(""), ("infra \"local\"", 14, 1));
    assert_eq!(at("/a/none/such").1, 15, "the nearest thing around it");
}

#[test]
fn what_a_plugin_finds_is_shown_where_it_points() {
    let block = block("  zone = \"Z123\"");
    let diagnostic = |severity, pointer: &str, message: &str, hint: Option<&str>| Diagnostic {
        severity,
        pointer: pointer.into(),
        message: message.into(),
        hint: hint.map(Into::into),
    };
    let findings = block.place(&[
        diagnostic(Severity::Error, "/zone", "no such zone", Some("list them with `aws route53 list-hosted-zones`")),
        diagnostic(Severity::Warning, "", "this costs about 12 a day", None),
    ]);
    insta::assert_snapshot!(shown(&block, findings), @r#"
     ⚠ this costs about 12 a day
       ╭─[hangar.hcl:14:1]
    13 │ }
    14 │ infra "local" {
       · ──────┬──────
       ·       ╰── says plugin `local`
    15 │   zone = "Z123"
       ╰────
     × no such zone
       ╭─[hangar.hcl:15:10]
    14 │ infra "local" {
    15 │   zone = "Z123"
       ·          ───┬──
       ·             ╰── says plugin `local`
    16 │ }
       ╰────
     help: list them with `aws route53 list-hosted-zones`
    "#);
}
