//! The instance, its pool, and where its state lies.

use crate::support::{LEAST, parse, refusal, refused};

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
fn keys_that_verify_tokens_are_not_fetched_over_plain_http() {
    let jwks = |address: &str| format!("jwks_endpoint = \"{address}\"\n    jwks_key_ids = [\"k\"]");
    let file = |address: &str| LEAST.replace("public_key_files = [\"auth.pem\"]", &jwks(address));
    parse(&file("http://127.0.0.1:8085/jwks.json"));
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
