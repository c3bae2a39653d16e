//! Plugins, charts, images and programs.

use crate::support::{LEAST, refusal, refused};

#[test]
fn a_plugin_from_a_registry_has_to_be_accepted_as_unsigned() {
    let source = "source = \"oci://registry.example.com/hangar/local:0.1\"";
    insta::assert_snapshot!(refused("source = \"file:local.wasm\"", source), @r#"
     × signatures cannot be verified yet, so `local` counts as unsigned
       ╭─[hangar.hcl:12:3]
    11 │ plugin "local" {
    12 │   source = "oci://registry.example.com/hangar/local:0.1"
       ·   ───┬──
       ·      ╰── comes from a registry
    13 │ }
       ╰────
     help: add `unsigned = true` to this block to take it as it is; the lock records that
    "#);
}

#[test]
fn a_chart_from_a_registry_has_to_be_accepted_as_unsigned() {
    let chart = "chart = \"oci://registry.example.com/charts/dss:0.1.0\"";
    insta::assert_snapshot!(refused("chart = \"../chart\"", chart), @r#"
     × signatures of charts cannot be verified yet, so this one counts as unsigned
       ╭─[hangar.hcl:19:3]
    18 │ services {
    19 │   chart = "oci://registry.example.com/charts/dss:0.1.0"
       ·   ──┬──
       ·     ╰── comes from a registry
    20 │ }
       ╰────
     help: add `unsigned = true` to this block to take it as it is; the lock pins its digest
    "#);
}

#[test]
fn a_bad_reference_is_shown_at_the_very_character() {
    let source = "unsigned = true\n  source = \"oci://registry.example.com/Hangar/local:0.1\"";
    insta::assert_snapshot!(refused("source = \"file:local.wasm\"", source), @r#"
     × invalid repository: 'H' is not allowed here
       ╭─[hangar.hcl:13:40]
    12 │   unsigned = true
    13 │   source = "oci://registry.example.com/Hangar/local:0.1"
       ·                                        ┬
       ·                                        ╰── here
    14 │ }
       ╰────
    "#);
}

#[test]
fn an_image_without_a_tag_is_refused() {
    insta::assert_snapshot!(refused("dss:v0.22.0", "dss"), @r#"
     × `docker.io/interuss/dss` has neither a tag nor a digest
      ╭─[hangar.hcl:6:15]
    5 │   nodes     = 3
    6 │   image     = "docker.io/interuss/dss"
      ·               ────────────┬───────────
      ·                           ╰── here
    7 │   authorization {
      ╰────
     help: no tag is ever assumed
    "#);
}

#[test]
fn two_digests_that_differ_are_refused() {
    let (one, two) = ("1".repeat(64), "2".repeat(64));
    let source =
        format!("unsigned = true\n  source = \"oci://r.example.com/local@sha256:{one}\"\n  digest = \"sha256:{two}\"");
    insta::assert_snapshot!(refused("source = \"file:local.wasm\"", &source), @r#"
     × `digest` is another than the one in `source`
       ╭─[hangar.hcl:14:12]
    13 │   source = "oci://r.example.com/local@sha256:1111111111111111111111111111111111111111111111111111111111111111"
    14 │   digest = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
       ·            ────────────────────────────────────┬────────────────────────────────────
       ·                                                ╰── here
    15 │ }
       ╰────
    "#);
}

#[test]
fn a_plugin_that_is_not_declared_suggests_the_nearest() {
    insta::assert_snapshot!(refused("infra \"local\"", "infra \"locl\""), @r#"
     × no plugin `locl` is declared
       ╭─[hangar.hcl:14:1]
    13 │ }
    14 │ infra "locl" {
       · ──────┬─────
       ·       ╰── named here
    15 │ }
       ╰────
     help: did you mean `local`?
    "#);
}

#[test]
fn a_plugin_that_nobody_uses_is_refused() {
    let text = format!("{LEAST}plugin \"aws\" {{\n  source = \"file:aws.wasm\"\n}}\n");
    insta::assert_snapshot!(refusal(&text), @r#"
     × plugin `aws` is used by no block
       ╭─[hangar.hcl:21:1]
    20 │ }
    21 │ plugin "aws" {
       · ──────┬─────
       ·       ╰── here
    22 │   source = "file:aws.wasm"
       ╰────
     help: name it in `infra`, `secrets` or `pool`, or remove `plugin "aws"`
    "#);
}

#[test]
fn a_program_named_twice_is_refused() {
    let text = format!("{LEAST}terraform {{\n  binary = \"/a\"\n}}\ntools {{\n  terraform = \"/b\"\n}}\n");
    insta::assert_snapshot!(refusal(&text), @r#"
     × the program terraform is named twice
       ╭─[hangar.hcl:22:3]
    21 │ terraform {
    22 │   binary = "/a"
       ·   ───┬──
       ·      ╰── here
    23 │ }
    24 │ tools {
    25 │   terraform = "/b"
       ·   ────┬────
       ·       ╰── and here
    26 │ }
       ╰────
    "#);
}
