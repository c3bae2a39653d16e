//! What a workspace file may not be as a text: keys, blocks, types, syntax.

use crate::support::{LEAST, refusal, refused};

#[test]
fn an_unknown_key_suggests_the_nearest() {
    insta::assert_snapshot!(refused("hostname ", "hostnam "), @r#"
     × unknown key `hostnam`
      ╭─[hangar.hcl:3:3]
    2 │ instance "uss1" {
    3 │   hostnam  = "dss.uss1.example.com"
      ·   ───┬───
      ·      ╰── not known here
    4 │   db_suffix = "db.dss.uss1.example.com"
      ╰────
     help: did you mean `hostname`?
    "#);
}

#[test]
fn an_unknown_block_suggests_the_nearest() {
    insta::assert_snapshot!(refused("services {", "service {"), @r#"
     × unknown block `service`
       ╭─[hangar.hcl:18:1]
    17 │ }
    18 │ service {
       · ───┬───
       ·    ╰── not known
    19 │   chart = "../chart"
       ╰────
     help: did you mean `services`?
    "#);
}

#[test]
fn a_wrong_type_shows_both() {
    insta::assert_snapshot!(refused("nodes     = 3", "nodes     = \"three\""), @r#"
     × `nodes` has the wrong type: wanted a whole number, got a string
      ╭─[hangar.hcl:5:15]
    4 │   db_suffix = "db.dss.uss1.example.com"
    5 │   nodes     = "three"
      ·               ───┬───
      ·                  ╰── this is a string
    6 │   image     = "docker.io/interuss/dss:v0.22.0"
      ╰────
    "#);
}

#[test]
fn a_number_out_of_range_is_refused() {
    insta::assert_snapshot!(refused("nodes     = 3", "nodes     = 0"), @r#"
     × `nodes` is less than the minimum of 1
      ╭─[hangar.hcl:5:15]
    4 │   db_suffix = "db.dss.uss1.example.com"
    5 │   nodes     = 0
      ·               ┬
      ·               ╰── here
    6 │   image     = "docker.io/interuss/dss:v0.22.0"
      ╰────
    "#);
}

#[test]
fn a_key_set_twice_is_refused() {
    insta::assert_snapshot!(refused("nodes     = 3", "nodes     = 3\n  nodes     = 5"), @r#"
     × `nodes` is set twice
      ╭─[hangar.hcl:6:3]
    5 │   nodes     = 3
    6 │   nodes     = 5
      ·   ──┬──
      ·     ╰── the second time
    7 │   image     = "docker.io/interuss/dss:v0.22.0"
      ╰────
    "#);
}

#[test]
fn a_block_that_stands_twice_points_to_both() {
    insta::assert_snapshot!(refused("infra \"local\" {", "plugin \"local\" {\n}\ninfra \"local\" {"), @r#"
     × block `plugin "local"` stands twice
       ╭─[hangar.hcl:14:1]
    10 │ }
    11 │ plugin "local" {
       · ───────┬──────
       ·        ╰── the first time
    12 │   source = "file:local.wasm"
    13 │ }
    14 │ plugin "local" {
       · ───────┬──────
       ·        ╰── the second time
    15 │ }
       ╰────
    "#);
}

#[test]
fn a_missing_key_is_named_at_its_block() {
    insta::assert_snapshot!(refused("  nodes     = 3\n", ""), @r#"
     × `nodes` is missing
      ╭─[hangar.hcl:2:1]
    1 │ version = 1
    2 │ instance "uss1" {
      · ───────┬───────
      ·        ╰── not in here
    3 │   hostname  = "dss.uss1.example.com"
      ╰────
    "#);
}

#[test]
fn a_missing_block_is_named() {
    insta::assert_snapshot!(refused("secrets \"local\" {\n}\n", ""), @r#"
     × block `secrets "PLUGIN"` is missing
       ╭─[hangar.hcl:18:1]
    17 │   chart = "../chart"
    18 │ }
       · ┬
       · ╰── the file ends without it
       ╰────
    "#);
}

#[test]
fn a_block_without_its_label_is_refused() {
    insta::assert_snapshot!(refused("infra \"local\" {", "infra {"), @"
     × block `infra` has one label, the name of its plugin, and none here
       ╭─[hangar.hcl:14:1]
    13 │ }
    14 │ infra {
       · ──┬──
       ·   ╰── here
    15 │ }
       ╰────
    ");
}

#[test]
fn a_block_written_as_a_key_is_refused() {
    insta::assert_snapshot!(refused("services {\n", "services = {\n"), @r#"
     × `services` is a block, not a key
       ╭─[hangar.hcl:18:1]
    17 │ }
    18 │ services = {
       · ────┬───
       ·     ╰── here
    19 │   chart = "../chart"
       ╰────
     help: write `services { … }`, without `=`
    "#);
}

#[test]
fn broken_syntax_points_at_the_place() {
    insta::assert_snapshot!(refused("nodes     = 3", "nodes     = = 3"), @r#"
     × this is no HCL: invalid expression; expected `"`, `[`, `{`, `-`, `!`, `(`, `_`, `<`, letter or
     │ digit
      ╭─[hangar.hcl:5:15]
    4 │   db_suffix = "db.dss.uss1.example.com"
    5 │   nodes     = = 3
      ·               ┬
      ·               ╰── unexpected
    6 │   image     = "docker.io/interuss/dss:v0.22.0"
      ╰────
    "#);
}

#[test]
fn another_version_is_said_alone() {
    insta::assert_snapshot!(refusal("version = 2\nnew_thing \"x\" {\n}\n"), @r#"
     × version 2 of this file is not known
      ╭─[hangar.hcl:1:11]
    1 │ version = 2
      ·           ┬
      ·           ╰── this host reads version 1
    2 │ new_thing "x" {
      ╰────
     help: use the host that the file was made for
    "#);
}

#[test]
fn values_are_literals() {
    let text = LEAST
        .replace("\"dss.uss1.example.com\"", "\"dss.${var.domain}\"")
        .replace("= 3", "= 1 + 2")
        .replace("\"../chart\"", "file(\"chart.txt\")");
    insta::assert_snapshot!(refusal(&text), @r#"
     × an interpolation stands where a value has to
      ╭─[hangar.hcl:3:20]
    2 │ instance "uss1" {
    3 │   hostname  = "dss.${var.domain}"
      ·                    ──────┬──────
      ·                          ╰── not a literal
    4 │   db_suffix = "db.dss.uss1.example.com"
      ╰────
     help: this file holds plain values: strings, numbers, true and false, lists, objects, heredocs;
           write `$${` for a `${` in a string
     × an operator stands where a value has to
      ╭─[hangar.hcl:5:15]
    4 │   db_suffix = "db.dss.uss1.example.com"
    5 │   nodes     = 1 + 2
      ·               ──┬──
      ·                 ╰── not a literal
    6 │   image     = "docker.io/interuss/dss:v0.22.0"
      ╰────
     help: this file holds plain values: strings, numbers, true and false, lists, objects, heredocs;
           write `$${` for a `${` in a string
     × a function call stands where a value has to
       ╭─[hangar.hcl:19:11]
    18 │ services {
    19 │   chart = file("chart.txt")
       ·           ────────┬────────
       ·                   ╰── not a literal
    20 │ }
       ╰────
     help: this file holds plain values: strings, numbers, true and false, lists, objects, heredocs;
           write `$${` for a `${` in a string
    "#);
}
