//! Providers: from where, which, and what they are pointed to.

use hangar_plan::grant::{Egress, Grant, Kind};
use hangar_plan::infrastructure::{Presign, ProviderRequirement, TokenRecipe};

use super::super::super::{Rule, check_recipe, check_workspace};
use super::super::rules;
use super::{REQUIRED, check, grant, json, lines, native, workspace};

#[test]
fn a_forbidden_provider_is_refused_under_any_name_and_grant() {
    let renamed = r#"terraform {
      required_providers {
        foo = {
          source  = "hashicorp/external"
          version = "2.3.4"
        }
      }
    }"#;
    assert_eq!(check(&[("main.tf", renamed)]), [Rule::Provider]);
}

#[test]
fn a_foreign_provider_is_refused() {
    for block in [
        r#"terraform { | required_providers { aws = { source = "evil/aws", version = "5.100.0" } } | }"#,
        r#"terraform { | required_providers { aws = { source = "example.com/hashicorp/aws", version = "5.100.0" } } | }"#,
        r#"terraform { | required_providers { aws = { source = "hashicorp/aws", version = "5.99.0" } } | }"#,
        r#"terraform { | required_providers { aws = { source = "hashicorp/aws" } } | }"#,
        r#"terraform { | required_providers { aws = { source = var.source, version = "5.100.0" } } | }"#,
        r#"terraform { | required_providers { google = { source = "hashicorp/google", version = "6.50.0" } } | }"#,
    ] {
        assert_eq!(check(&[("main.tf", &lines(block))]), [Rule::Provider], "{block}");
    }
    let block = r#"{"terraform": {"required_providers": {"aws": {"source": "evil/aws", "version": "5.100.0"}}}}"#;
    assert_eq!(check(&[("main.tf.json", block)]), [Rule::Provider]);
}

#[test]
fn a_provider_that_terraform_would_guess_is_refused() {
    assert_eq!(check(&[("main.tf", r#"resource "null_resource" "x" {}"#)]), [Rule::Provider]);
    assert_eq!(check(&[("main.tf.json", r#"{"resource": {"null_resource": {"x": {}}}}"#)]), [Rule::Provider]);
    assert_eq!(native(r#"resource "aws_vpc" "x" { provider = null.x }"#), [Rule::Provider]);
    assert_eq!(json(r#"{"resource": {"aws_vpc": {"x": {"provider": "null.x"}}}}"#), [Rule::Provider]);
    assert_eq!(native(r#"provider "google" {}"#), [Rule::Provider]);
    // A module that requires nothing gets terraform's guess, which may be another provider than the root's.
    let renamed = REQUIRED.replace("hashicorp/aws", "evil/aws");
    assert_eq!(
        check(&[("main.tf", "module \"m\" { source = \"./modules/m\" }"), ("modules/m/main.tf", &renamed)]),
        [Rule::Provider]
    );
}

#[test]
fn the_list_of_providers_is_held_to_the_grant() {
    let listed = |source: &str, version: &str, hash: &str| {
        let mut workspace = workspace(&[]);
        workspace.providers.push(ProviderRequirement {
            name: "aws".into(),
            source: source.into(),
            version: version.into(),
            hashes: vec![hash.into()],
        });
        rules(check_workspace(&workspace, &grant()))
    };
    assert_eq!(listed("registry.terraform.io/hashicorp/aws", "5.100.0", "h1:good"), []);
    assert_eq!(listed("registry.terraform.io/hashicorp/aws", "5.100.1", "h1:good"), [Rule::Provider]);
    assert_eq!(listed("registry.terraform.io/hashicorp/aws", "5.100.0", "h1:evil"), [Rule::Provider]);
    assert_eq!(listed("registry.terraform.io/hashicorp/external", "2.3.4", "h1:good"), [Rule::Provider]);
}

#[test]
fn a_provider_is_pointed_only_to_what_is_granted() {
    let provider = |body: &str| native(&format!("provider \"aws\" {{\n{body}\n}}"));
    assert_eq!(provider("endpoints { sts = \"https://evil.example.com\" }"), [Rule::Endpoint]);
    assert_eq!(provider("endpoints { sts = \"http://sts.us-east-1.amazonaws.com\" }"), [Rule::Endpoint]);
    assert_eq!(provider("endpoints { sts = var.endpoint }"), [Rule::Endpoint]);
    // It would tell the provider where to send a secret in order to sign in.
    assert_eq!(provider("metadata_host = \"evil.example.com\""), [Rule::Endpoint]);
    assert_eq!(provider("metadata_host = \"sts.us-east-1.amazonaws.com@evil.example.com\""), [Rule::Endpoint]);
    assert_eq!(provider("metadata_host = \"sts.us-east-1.amazonaws.com\""), []);
    assert_eq!(provider("https_proxy = \"http://evil.example.com\""), [Rule::Endpoint]);
    assert_eq!(provider("insecure = true"), [Rule::Endpoint]);
    assert_eq!(
        json(r#"{"provider": {"aws": {"endpoints": [{"sts": "https://evil.example.com"}]}}}"#),
        [Rule::Endpoint]
    );
}

#[test]
fn a_provider_runs_no_program_and_reads_no_file() {
    let provider = |body: &str| native(&format!("provider \"aws\" {{\n{body}\n}}"));
    assert_eq!(provider("exec { command = \"id\" }"), [Rule::Provisioner]);
    assert_eq!(provider("kubernetes { | exec { command = \"id\" } | }"), [Rule::Provisioner]);
    assert_eq!(provider("shared_credentials_files = [\"/root/.aws/credentials\"]"), [Rule::File]);
    assert_eq!(provider("assume_role { web_identity_token_file = \"/var/run/token\" }"), [Rule::File]);
    assert_eq!(json(r#"{"provider": {"aws": {"kubernetes": {"exec": {"command": "id"}}}}}"#), [Rule::Provisioner]);
    assert_eq!(json(r#"{"provider": {"aws": {"config_path": "/root/.kube/config"}}}"#), [Rule::File]);
}

#[test]
fn an_endpoint_of_development_is_reached_by_plain_http() {
    let mut grant = Grant { infra_provider: Some(grant()), ..Grant::default() };
    let emulator = Egress { dev: true, ..Egress::new("127.0.0.1".parse().expect("a host"), 5000) };
    grant.allow_endpoint(Kind::InfraProvider, emulator);
    let grant = grant.infra_provider.expect("an infra provider");
    let url = "http://127.0.0.1:5000".to_owned();
    let provider = lines(&format!("{REQUIRED}provider \"aws\" {{ | endpoints {{ sts = \"{url}\" }} | }}"));
    assert_eq!(check_workspace(&workspace(&[("main.tf", &provider)]), &grant), Ok(()));
    let recipe = TokenRecipe::Presign(Presign {
        slot: "aws".into(),
        service: "sts".into(),
        region: "us-east-1".into(),
        url,
        headers: Vec::new(),
        expires_s: 60,
        prefix: String::new(),
    });
    assert_eq!(check_recipe(&recipe, &grant), Ok(()));
}
