//! Credentials: one kind, one place, and never the secret itself.

use crate::support::{LEAST, refusal};

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
