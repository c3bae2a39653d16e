//! One test for each way a file can be wrong: what is shown, and where.

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
fn a_second_instance_is_refused() {
    let second = format!("{LEAST}instance \"uss2\" {{\n}}\n");
    insta::assert_snapshot!(refusal(&second), @r#"
     × one `instance` block is enough, `uss2` is another
      ╭─[hangar.hcl:2:1]
    1 │ version = 1
    2 │ instance "uss1" {
      · ───────┬───────
      ·        ╰── the first
    3 │   hostname  = "dss.uss1.example.com"
      ╰────
       ╭─[hangar.hcl:21:1]
    20 │ }
    21 │ instance "uss2" {
       · ───────┬───────
       ·        ╰── another
    22 │ }
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
fn a_carrier_of_no_kind_and_keys_of_another_are_refused_at_their_line() {
    let shown: Vec<_> = [
        "carrier = \"mail:a\"",
        "carrier = \"folder:a\"\n  dev = true",
        "carrier = \"oci://registry.example.com/pool\"\n  ca_file = \"a\"",
    ]
    .iter()
    .map(|body| {
        let text =
            format!("{LEAST}pool \"local\" {{\n  name = \"p\"\n  locality = \"a\"\n}}\nroster {{\n  {body}\n}}\n");
        refusal(&text)
    })
    .collect();
    insta::assert_snapshot!(shown.join("\n\n"), @r#"
     × a carrier begins with `folder:`, `file:`, `oci://` or `https://`
       ╭─[hangar.hcl:26:13]
    25 │ roster {
    26 │   carrier = "mail:a"
       ·             ────┬───
       ·                 ╰── here
    27 │ }
       ╰────

     × only a carrier `oci://` takes `dev`
       ╭─[hangar.hcl:27:9]
    26 │   carrier = "folder:a"
    27 │   dev = true
       ·         ──┬─
       ·           ╰── here
    28 │ }
       ╰────
     help: remove it

     × only a carrier `https://` takes `ca_file`
       ╭─[hangar.hcl:27:13]
    26 │   carrier = "oci://registry.example.com/pool"
    27 │   ca_file = "a"
       ·             ─┬─
       ·              ╰── here
    28 │ }
       ╰────
     help: remove it
    "#);
}

#[test]
fn a_pool_needs_a_roster_and_the_other_way_round() {
    let pool = format!("{LEAST}pool \"local\" {{\n  name = \"p\"\n  locality = \"a\"\n}}\n");
    let roster = format!("{LEAST}roster {{\n  carrier = \"folder:x\"\n}}\n");
    insta::assert_snapshot!([refusal(&pool), refusal(&roster)].join("\n\n"), @r#"
     × a `pool` needs a `roster`
       ╭─[hangar.hcl:21:1]
    20 │ }
    21 │ pool "local" {
       · ──────┬─────
       ·       ╰── here
    22 │   name = "p"
       ╰────
     help: add `roster { carrier = "folder:PATH" }`

     × a `roster` without a `pool` is of no use
       ╭─[hangar.hcl:21:1]
    20 │ }
    21 │ roster {
       · ───┬──
       ·    ╰── here
    22 │   carrier = "folder:x"
       ╰────
     help: add `pool "PLUGIN" { … }`, or remove `roster`
    "#);
}

#[test]
fn tokens_are_verified_in_exactly_one_way() {
    let both =
        "public_key_files = [\"a.pem\"]\n    jwks_endpoint = \"https://a.example.com\"\n    jwks_key_ids = [\"k\"]";
    let half = "jwks_endpoint = \"https://a.example.com\"";
    let shown = [both, half, ""].map(|with| refused("public_key_files = [\"auth.pem\"]", with));
    insta::assert_snapshot!(shown.join("\n\n"), @r#"
     × `authorization` says two ways to verify tokens, and the service would take the files only
      ╭─[hangar.hcl:7:3]
    6 │   image     = "docker.io/interuss/dss:v0.22.0"
    7 │   authorization {
      ·   ──────┬──────
      ·         ╰── here
    8 │     public_key_files = ["a.pem"]
      ╰────
     help: set either `jwks_endpoint` with `jwks_key_ids`, or `public_key_files`

     × `jwks_endpoint` and `jwks_key_ids` belong together, one is missing
      ╭─[hangar.hcl:7:3]
    6 │   image     = "docker.io/interuss/dss:v0.22.0"
    7 │   authorization {
      ·   ──────┬──────
      ·         ╰── here
    8 │     jwks_endpoint = "https://a.example.com"
      ╰────
     help: set either `jwks_endpoint` with `jwks_key_ids`, or `public_key_files`

     × `authorization` says no way to verify tokens
      ╭─[hangar.hcl:7:3]
    6 │   image     = "docker.io/interuss/dss:v0.22.0"
    7 │   authorization {
      ·   ──────┬──────
      ·         ╰── here
    8 │
      ╰────
     help: set either `jwks_endpoint` with `jwks_key_ids`, or `public_key_files`
    "#);
}

#[test]
fn names_have_their_form() {
    let text =
        LEAST.replace("instance \"uss1\"", "instance \"Uss_1\"").replace("\"dss.uss1.example.com\"", "\"localhost\"");
    insta::assert_snapshot!(refusal(&text), @r#"
     × `Uss_1` is no name for an instance: 1 to 40 of `a-z`, `0-9` and `-`, beginning with a letter
     │ and not ending with `-`
      ╭─[hangar.hcl:2:1]
    1 │ version = 1
    2 │ instance "Uss_1" {
      · ────────┬───────
      ·         ╰── here
    3 │   hostname  = "localhost"
      ╰────
     × `localhost` is no DNS name: lower-case labels of up to 63 letters, digits and `-`, joined by
     │ dots, at least two
      ╭─[hangar.hcl:3:15]
    2 │ instance "Uss_1" {
    3 │   hostname  = "localhost"
      ·               ─────┬─────
      ·                    ╰── here
    4 │   db_suffix = "db.dss.uss1.example.com"
      ╰────
    "#);
}

#[test]
fn a_credential_is_of_one_kind_and_in_one_place() {
    let text = format!(
        "{LEAST}credential \"a\" {{\n}}\n\
         credential \"b\" {{\n  bearer {{\n    file = \"x\"\n    env  = \"Y\"\n  }}\n}}\n\
         credential \"c\" {{\n  bearer {{\n    env = \"no-variable\"\n  }}\n}}\n\
         credential \"d\" {{\n  aws {{\n    profile = \"p\"\n    access_key_id_env = \"X\"\n  }}\n}}\n\
         credential \"e\" {{\n  google {{\n    key_file = \"k\"\n    access_token_env = \"X\"\n  }}\n}}\n\
         credential \"f\" {{\n  oauth2 {{\n    token_url = \"https://a.example.com\"\n    client_id = \"c\"\n  }}\n}}\n"
    );
    insta::assert_snapshot!(refusal(&text), @r#"
     × a credential is of one kind, this is of none
       ╭─[hangar.hcl:21:1]
    20 │ }
    21 │ credential "a" {
       · ───────┬──────
       ·        ╰── here
    22 │ }
       ╰────
     help: write one of `bearer { … }`, `basic { … }`, `aws { … }`, `google { … }`, `azure { … }`,
           `oauth2 { … }`, `client_tls { … }`, `kubeconfig { … }`
     × this says two places for the secret
       ╭─[hangar.hcl:24:3]
    23 │ credential "b" {
    24 │   bearer {
       ·   ───┬──
       ·      ╰── here
    25 │     file = "x"
       ╰────
     help: set either `file` or `env`
     × this is no name of an environment variable
       ╭─[hangar.hcl:31:11]
    30 │   bearer {
    31 │     env = "no-variable"
       ·           ──────┬──────
       ·                 ╰── here
    32 │   }
       ╰────
     help: letters, digits and `_`
     × keys come from one place, and this says several
       ╭─[hangar.hcl:35:3]
    34 │ credential "d" {
    35 │   aws {
       ·   ─┬─
       ·    ╰── here
    36 │     profile = "p"
       ╰────
     help: keep one of `profile`, `source` and the names of variables
     × this says two places for the credential
       ╭─[hangar.hcl:41:3]
    40 │ credential "e" {
    41 │   google {
       ·   ───┬──
       ·      ╰── here
    42 │     key_file = "k"
       ╰────
     help: keep one of them
     × this says no place for the secret
       ╭─[hangar.hcl:47:3]
    46 │ credential "f" {
    47 │   oauth2 {
       ·   ───┬──
       ·      ╰── here
    48 │     token_url = "https://a.example.com"
       ╰────
     help: set either `client_secret_file` or `client_secret_env`
    "#);
}

#[test]
fn a_password_in_an_address_is_refused_and_not_shown_again() {
    let text = format!("{LEAST}cluster {{\n  proxy = \"http://ana:hunter2@proxy.example.com\"\n}}\n");
    let shown = refusal(&text);
    assert_eq!(shown.matches("hunter2").count(), 1, "in the quoted line only");
    insta::assert_snapshot!(shown, @r#"
     × an address in this file carries no user and no password
       ╭─[hangar.hcl:22:11]
    21 │ cluster {
    22 │   proxy = "http://ana:hunter2@proxy.example.com"
       ·           ───────────────────┬──────────────────
       ·                              ╰── here
    23 │ }
       ╰────
     help: bind a credential to a slot: `credential "SLOT" { … }`
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

#[test]
fn keys_that_verify_tokens_are_not_fetched_over_plain_http() {
    let jwks = |address: &str| format!("jwks_endpoint = \"{address}\"\n    jwks_key_ids = [\"k\"]");
    let file = |address: &str| LEAST.replace("public_key_files = [\"auth.pem\"]", &jwks(address));
    crate::support::parse(&file("http://127.0.0.1:8085/jwks.json"));
    insta::assert_snapshot!(refusal(&file("http://auth.example.com/jwks.json")), @r#"
     × plain http can be changed by anybody on the way
      ╭─[hangar.hcl:8:21]
    7 │   authorization {
    8 │     jwks_endpoint = "http://auth.example.com/jwks.json"
      ·                     ─────────────────┬─────────────────
      ·                                      ╰── here
    9 │     jwks_key_ids = ["k"]
      ╰────
     help: use `https://`
    "#);
}

#[test]
fn keys_of_aws_come_from_one_place() {
    let with = |body: &str| refusal(&format!("{LEAST}credential \"a\" {{\n  aws {{\n{body}\n  }}\n}}\n"));
    let two = with("    profile = \"p\"\n    source = \"instance\"");
    assert!(two.contains("keys come from one place, and this says several"), "{two}");
    let file = with("    config_file = \"c\"");
    assert!(file.contains("a `config_file` without a `profile` is of no use"), "{file}");
    let source = with("    source = \"imds\"");
    assert!(source.contains("instance") && source.contains("web_identity"), "{source}");
}

#[test]
fn a_principal_of_entra_has_one_proof_of_who_it_is() {
    let with = |body: &str| refusal(&format!("{LEAST}credential \"a\" {{\n  azure {{\n{body}\n  }}\n}}\n"));
    let two = with("    client_secret_env = \"X\"\n    federated_token_file = \"t\"");
    assert!(two.contains("this says more than one proof of who it is"), "{two}");
    let machine = with("    managed_identity = true\n    tenant_id = \"t\"");
    assert!(machine.contains("the identity of this machine has its own tenant"), "{machine}");
    let authority = with("    authority = \"login.example.com\"");
    assert!(authority.contains("authority = \"login.example.com\""), "{authority}");
    let secret = with("    client_secret_env = \"not a variable but the secret\"");
    assert!(secret.contains("this is no name of an environment variable"), "{secret}");
    assert!(with("    client_secret = \"s\"").contains("client_secret_env"));
}

#[test]
fn a_secret_of_the_state_is_not_written_into_the_file() {
    let text = format!("{LEAST}state \"s3\" {{\n  bucket     = \"b\"\n  secret_key = \"CANARY\"\n}}\n");
    let refusal = refusal(&text);
    assert!(refusal.contains("`secret_key` would put a secret into this file"), "{refusal}");
    assert!(refusal.contains("credential = \"SLOT\""), "{refusal}");
}

#[test]
fn a_backend_that_does_not_lock_is_not_there() {
    let refusal = refusal(&format!("{LEAST}state \"gcp\" {{\n}}\n"));
    assert!(refusal.contains("state cannot be kept in `gcp`") && refusal.contains("gcs"), "{refusal}");
}

#[test]
fn an_allowance_names_what_it_is_for_and_until_when() {
    let drift = |address: &str, until: &str| {
        format!("{LEAST}drift \"{address}\" {{\n  owner  = \"ana\"\n  until  = \"{until}\"\n  reason = \"why\"\n}}\n")
    };
    assert!(refusal(&drift("*", "2026-12-31")).contains("an allowance for everything is none"));
    let refusal = refusal(&drift("a.b", "soon"));
    assert!(refusal.contains("`soon` is no day") && refusal.contains("2026-12-31"), "{refusal}");
}
