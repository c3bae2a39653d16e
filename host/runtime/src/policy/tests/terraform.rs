use hangar_plan::grant::{Egress, Grant, InfraProviderGrant, Kind, TerraformProvider};
use hangar_plan::infrastructure::{AddOn, Api, Infrastructure, NodeAddress, ProviderRequirement, Workspace};
use hangar_plan::infrastructure::{Presign, Slot, SlotKind, TokenRecipe};
use serde_json::json;

use super::super::{Rule, check_infrastructure, check_recipe, check_workspace};
use super::rules;

const REQUIRED: &str = r#"terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}
"#;

fn grant() -> InfraProviderGrant {
    let provider = |source: &str, version: &str| TerraformProvider {
        source: source.into(),
        version: version.into(),
        hashes: vec!["h1:good".into()],
    };
    InfraProviderGrant {
        egress: vec![Egress::new("sts.*.amazonaws.com".parse().expect("a host"), 443)],
        credentials: serde_json::from_value(json!([
            {"name": "aws", "kind": "aws", "hosts": ["sts.*.amazonaws.com"], "services": ["sts"], "terraform": true},
            {"name": "cluster", "kind": "bearer"},
        ]))
        .expect("slots"),
        terraform_providers: vec![
            provider("registry.terraform.io/hashicorp/aws", "5.100.0"),
            provider("terraform.io/builtin/terraform", ""),
            // Granted by mistake: forbidden all the same.
            provider("registry.terraform.io/hashicorp/external", "2.3.4"),
            provider("registry.terraform.io/hashicorp/local", "2.5.1"),
        ],
        values: vec!["storageClass".into(), "database.service".into()],
        charts: vec!["oci://registry.example.com:5000/charts/lb".into()],
        state: false,
    }
}

fn workspace(files: &[(&str, &str)]) -> Workspace {
    Workspace {
        files: files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect(),
        providers: Vec::new(),
        credentials: Vec::new(),
        precious: Vec::new(),
        cost: None,
    }
}

fn check(files: &[(&str, &str)]) -> Vec<Rule> {
    rules(check_workspace(&workspace(files), &grant()))
}

/// A root module of the native syntax that requires what is granted. A ` | ` in the text ends a line: the syntax wants
/// blocks inside blocks on lines of their own.
fn native(text: &str) -> Vec<Rule> {
    check(&[("main.tf", &lines(&format!("{REQUIRED}{text}")))])
}

fn lines(text: &str) -> String {
    text.replace(" | ", "\n")
}

/// The same in the JSON syntax.
fn json(text: &str) -> Vec<Rule> {
    check(&[("main.tf", REQUIRED), ("more.tf.json", text)])
}

#[test]
fn an_ordinary_module_passes() {
    let module = r#"
        provider "aws" {
          region = var.region
          endpoints {
            sts = "https://sts.us-east-1.amazonaws.com"
          }
          default_tags { tags = { "connection" = "x", provisioner = "y" } }
        }
        variable "region" {
          type    = object({ name = optional(string, "x"), zones = list(string) })
          default = null
          validation {
            condition     = can(regex("^[a-z-]+$", var.region))
            error_message = "no region: ${var.region}"
          }
        }
        locals {
          zones = { for zone in ["a", "b"] : zone => cidrsubnet("10.0.0.0/16", 4, index(["a", "b"], zone)) }
          text  = <<-EOT
            %{for zone in keys(local.zones)~}
            ${upper(zone)} $${not.computed}
            %{endfor~}
          EOT
          data  = templatefile("${path.module}/modules/net/user-data.tftpl", { name = "x" })
        }
        module "net" {
          source    = "./modules/net"
          providers = { aws = aws }
        }
        data "aws_caller_identity" "me" {}
        resource "aws_vpc" "main" {
          cidr_block = "10.0.0.0/16"
          lifecycle { prevent_destroy = true }
          dynamic "ingress" {
            for_each = local.zones
            content { cidr = ingress.value }
          }
        }
        resource "terraform_data" "marker" { input = aws_vpc.main.id }
        resource "aws_eip" "east" { provider = aws.east }
        moved {
          from = aws_vpc.old
          to   = aws_vpc.main
        }
        removed {
          from = aws_vpc.gone
          lifecycle { destroy = false }
        }
        check "health" {
          data "aws_region" "here" {}
          assert {
            condition     = data.aws_region.here.name == "us-east-1"
            error_message = "elsewhere"
          }
        }
        output "vpc" {
          value = aws_vpc.main.id
        }
    "#;
    let net = r#"
        resource "aws_subnet" "one" { policy = file("${path.module}/policy.json") }
    "#;
    let files = [
        ("main.tf", format!("{REQUIRED}{module}")),
        ("modules/net/main.tf", format!("{}{net}", REQUIRED.replace("5.100.0", ">= 5.0"))),
        ("modules/net/user-data.tftpl", "#!/bin/sh\necho ${name} %{ if true }x%{ endif }\n".to_owned()),
        ("modules/net/policy.json", "{}".to_owned()),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    assert_eq!(check_workspace(&workspace(&files), &grant()), Ok(()));
}

#[test]
fn an_ordinary_module_in_json_passes() {
    let module = json!({
        "//": "a comment",
        "provider": [{"aws": {"region": "us-east-1", "endpoints": {"sts": "https://sts.us-east-1.amazonaws.com"}}}],
        "resource": {"aws_vpc": {"main": [{"cidr_block": "${cidrsubnet(\"10.0.0.0/16\", 4, 1)}", "provider": "aws.east"}]}},
        "output": {"vpc": {"value": "${aws_vpc.main.id}"}},
        "locals": {"text": "$${not.computed}"},
    });
    assert_eq!(json(&module.to_string()), []);
}

#[test]
fn a_provisioner_is_refused() {
    assert_eq!(
        native(r#"resource "terraform_data" "x" { | provisioner "local-exec" { command = "id" } | }"#),
        [Rule::Provisioner]
    );
    assert_eq!(native(r#"resource "aws_instance" "x" { | connection { host = "h" } | }"#), [Rule::Provisioner]);
    assert_eq!(
        json(r#"{"resource": {"terraform_data": {"x": {"provisioner": [{"local-exec": {"command": "id"}}]}}}}"#),
        [Rule::Provisioner]
    );
    assert_eq!(
        json(r#"{"resource": [{"terraform_data": [{"x": [{"provisioner": {"local-exec": {"command": "id"}}}]}]}]}"#),
        [Rule::Provisioner]
    );
}

#[test]
fn a_provisioner_is_refused_wherever_it_hides() {
    let removed = r#"removed {
      from = terraform_data.x
      lifecycle { destroy = true }
      provisioner "local-exec" {
        when    = destroy
        command = "id"
      }
    }"#;
    assert_eq!(native(removed), [Rule::Provisioner]);
    let dynamic = r#"resource "terraform_data" "x" {
      dynamic "provisioner" {
        for_each = [1]
        content {}
      }
    }"#;
    assert_eq!(native(dynamic), [Rule::Provisioner]);
    assert_eq!(json(r#"{"removed": {"from": "a.b", "provisioner": {"local-exec": {}}}}"#), [Rule::Provisioner]);
    assert_eq!(
        json(r#"{"resource": {"terraform_data": {"x": {"dynamic": {"provisioner": {"for_each": [1]}}}}}}"#),
        [Rule::Provisioner]
    );
    let module = &lines(r#"resource "terraform_data" "x" { | provisioner "local-exec" { command = "id" } | }"#);
    assert_eq!(
        check(&[("main.tf", "module \"m\" { source = \"./modules/m\" }"), ("modules/m/x.tf", module)]),
        [Rule::Provisioner]
    );
    assert_eq!(check(&[("main.tf", REQUIRED), ("x_override.tf", module)]), [Rule::Provisioner]);
}

#[test]
fn a_key_that_stands_twice_in_json_is_refused() {
    let twice = r#"{
        "resource": {"terraform_data": {"x": {"provisioner": {"local-exec": {"command": "id"}}}}},
        "resource": {"terraform_data": {"y": {}}}
    }"#;
    assert_eq!(json(twice), [Rule::Syntax]);
}

#[test]
fn what_reads_or_runs_on_this_machine_is_refused() {
    for kind in ["external", "http", "local_file", "local_sensitive_file", "archive_file", "template_file"] {
        let rules = native(&format!(r#"data "{kind}" "x" {{}}"#));
        assert!(rules.contains(&Rule::Type), "{kind}: {rules:?}");
        let rules = json(&format!(r#"{{"data": {{"{kind}": {{"x": {{}}}}}}}}"#));
        assert!(rules.contains(&Rule::Type), "{kind}: {rules:?}");
    }
    assert!(native(r#"resource "local_file" "x" { content = "" }"#).contains(&Rule::Type));
    assert!(native(r#"check "c" { | data "http" "x" { url = "https://a.b" } | }"#).contains(&Rule::Type));
    assert!(json(r#"{"check": {"c": {"data": {"http": {"x": {}}}}}}"#).contains(&Rule::Type));
}

#[test]
fn another_modules_state_is_refused() {
    assert_eq!(native(r#"data "terraform_remote_state" "x" { backend = "local" }"#), [Rule::Type]);
    assert_eq!(json(r#"{"data": {"terraform_remote_state": {"x": {"backend": "local"}}}}"#), [Rule::Type]);
}

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
fn a_function_that_reads_a_file_of_this_machine_is_refused() {
    for call in [
        r#"file("/etc/passwd")"#,
        r#"file("../../secret")"#,
        r#"file("~/.ssh/id_rsa")"#,
        r#"file("${path.module}/../secret")"#,
        r#"file("${path.cwd}/secret")"#,
        r#"file(var.path)"#,
        r#"file(join("/", ["", "etc", "passwd"]))"#,
        r#"file("missing.txt")"#,
        r#"filebase64("/etc/passwd")"#,
        r#"fileexists("/etc/passwd")"#,
        r#"filesha256("/etc/passwd")"#,
        r#"fileset("/etc", "*")"#,
        r#"fileset(path.module, "../*")"#,
        r#"templatefile("/etc/passwd", {})"#,
        r#"core::file("/etc/passwd")"#,
    ] {
        assert_eq!(native(&format!("locals {{ x = {call} }}")), [Rule::File], "{call}");
        let text = json!({"locals": {"x": format!("${{{call}}}")}}).to_string();
        assert_eq!(json(&text), [Rule::File], "{text}");
    }
}

#[test]
fn a_function_is_found_however_deep_it_lies() {
    for text in [
        r#"locals { x = "a ${file("/etc/passwd")} b" }"#,
        r#"locals { x = "${"${file("/etc/passwd")}"}" }"#,
        r#"locals { x = "%{if file("/etc/passwd") == ""}a%{endif}" }"#,
        "locals {\n  x = <<EOT\ntext ${file(\"/etc/passwd\")}\nEOT\n}",
        "locals {\n  x = <<-EOT\n  %{for a in [file(\"/etc/passwd\")]}${a}%{endfor}\n  EOT\n}",
        "locals {\n  x = <<-EOT\n  %{if a}b%{else}%{for b in [1]}${file(\"/etc/passwd\")}%{endfor}%{endif}\n  EOT\n}",
        r#"locals { x = [for a in [1] : file("/etc/passwd") if true] }"#,
        r#"locals { x = { (file("/etc/passwd")) = 1 } }"#,
        r#"locals { x = true ? upper(file("/etc/passwd")) : "" }"#,
        r#"locals { x = [1, 2][length(file("/etc/passwd"))] }"#,
        r#"output "x" { value = -length(file("/etc/passwd")) }"#,
        r#"output "x" {
          value = 1
          precondition {
            condition     = file("/etc/passwd") != ""
            error_message = "x"
          }
        }"#,
        r#"variable "x" { default = file("/etc/passwd") }"#,
        r#"resource "aws_vpc" "x" {
          dynamic "tag" {
            for_each = [file("/etc/passwd")]
            content { value = tag.value }
          }
        }"#,
        r#"resource "aws_vpc" "x" {
          lifecycle { replace_triggered_by = [file("/etc/passwd")] }
        }"#,
        r#"resource "aws_vpc" "x" {
          variable { type = file("/etc/passwd") }
        }"#,
        r#"module "x" {
          source = "./modules/x"
          secret = file("/etc/passwd")
        }"#,
    ] {
        let files = [("main.tf", &*format!("{REQUIRED}{text}")), ("modules/x/main.tf", "")];
        assert_eq!(check(&files), [Rule::File], "{text}");
    }
    for value in [
        json!({"locals": {"x": [{"y": "a ${file(\"/etc/passwd\")}"}]}}),
        json!({"locals": {"x": {"${file(\"/etc/passwd\")}": 1}}}),
        json!({"output": {"x": {"value": "%{ if true }${file(\"/etc/passwd\")}%{ endif }"}}}),
        json!({"resource": {"aws_vpc": {"x": {"tag": [{"a": ["${file(\"/etc/passwd\")}"]}]}}}}),
    ] {
        assert_eq!(json(&value.to_string()), [Rule::File], "{value}");
    }
}

#[test]
fn a_template_file_is_read_too() {
    let call = |template: &str| {
        let main = r#"locals { x = templatefile("${path.module}/modules/t.tftpl", {}) }"#;
        check(&[("main.tf", main), ("modules/t.tftpl", template)])
    };
    assert_eq!(call("hello ${name}"), []);
    assert_eq!(call("${file(\"/etc/passwd\")}"), [Rule::File]);
    assert_eq!(call("%{ for x in [file(\"modules/t.tftpl\")] }${x}%{ endfor }"), [Rule::File]);
    assert_eq!(call("${templatestring(a, {})}"), [Rule::Function]);
    assert_eq!(call("${unclosed"), [Rule::Syntax]);
}

#[test]
fn text_that_is_run_is_refused() {
    let text = r#"locals {
      t = "$${file(\"/etc/passwd\")}"
      x = templatestring(local.t, {})
    }"#;
    assert_eq!(native(text), [Rule::Function]);
}

#[test]
fn a_function_that_is_not_known_is_refused() {
    for call in [r#"pathexpand("~")"#, r#"abspath(".")"#, "newfangled()", "provider::external::run()", "other::file()"]
    {
        assert_eq!(native(&format!("locals {{ x = {call} }}")), [Rule::Function], "{call}");
    }
    assert_eq!(native(r#"locals { x = provider::aws::arn_parse("a") }"#), []);
}

#[test]
fn a_module_from_elsewhere_is_refused() {
    for source in [
        "hashicorp/consul/aws",
        "git::https://example.com/m.git",
        "github.com/a/b",
        "https://example.com/m.zip",
        "/etc",
        "../outside",
        "./modules/missing",
        "modules/x",
        "./modules/x/../../..",
        "${var.source}",
        "./",
    ] {
        let main = format!("module \"m\" {{ source = \"{source}\" }}");
        assert_eq!(check(&[("main.tf", &main), ("modules/x/main.tf", "")]), [Rule::Module], "{source}");
        let main = json!({"module": {"m": {"source": source}}}).to_string();
        assert_eq!(check(&[("main.tf.json", &main), ("modules/x/main.tf", "")]), [Rule::Module], "{source}");
    }
    assert_eq!(native(r#"module "m" { count = 1 }"#), [Rule::Module]);
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
fn a_backend_is_refused() {
    assert_eq!(native("terraform { | backend \"s3\" {} | }"), [Rule::Backend]);
    assert_eq!(native("terraform { | cloud { organization = \"x\" } | }"), [Rule::Backend]);
    assert_eq!(json(r#"{"terraform": {"backend": {"s3": {}}}}"#), [Rule::Backend]);
    assert_eq!(json(r#"{"terraform": [{"cloud": {}}]}"#), [Rule::Backend]);
    assert_eq!(native("terraform { experiments = [x] }"), [Rule::Block]);
    assert_eq!(native("terraform { | encryption {} | }"), [Rule::Block]);
}

#[test]
fn a_block_that_is_not_known_is_refused() {
    for block in ["import {}", "ephemeral \"aws_x\" \"y\" {}", "action \"a\" \"b\" {}", "newfangled {}"] {
        assert_eq!(native(block), [Rule::Block], "{block}");
    }
    assert_eq!(json(r#"{"import": [{"id": "x"}]}"#), [Rule::Block]);
}

#[test]
fn a_path_that_leads_elsewhere_or_is_read_by_name_is_refused() {
    for path in [
        "/etc/cron.d/x.tf",
        "../x.tf",
        "a/../../x.tf",
        "./x.tf",
        "a//x.tf",
        ".terraform/x.tf",
        ".terraformrc",
        ".terraform.lock.hcl",
        "terraform.tfvars",
        "x.auto.tfvars.json",
        "modules/terraform.tfstate.json",
        "x.tofu",
        "x.tofu.tf",
        "x.tftest.hcl",
        "run.sh",
        "modules/run.sh",
        "x.json",
        "a b.tf",
        "a\\b.tf",
        "x\n.tf",
        "",
    ] {
        assert_eq!(check(&[(path, "")]), [Rule::Path], "{path}");
    }
    assert_eq!(check(&[("a.tf", ""), ("A.tf", "")]), [Rule::Path]);
    assert_eq!(check(&[("a.tf", ""), ("a.tf", "")]), [Rule::Path]);
}

#[test]
fn too_much_is_refused() {
    let many: Vec<(String, Vec<u8>)> = (0..257).map(|n| (format!("f{n}.tf"), Vec::new())).collect();
    let of = |files| rules(check_workspace(&Workspace { files, ..workspace(&[]) }, &grant()));
    assert_eq!(of(many), [Rule::Size]);
    assert_eq!(of(vec![("a.tf".into(), vec![b' '; 1024 * 1024 + 1])]), [Rule::Size]);
    let large: Vec<(String, Vec<u8>)> = (0..9).map(|n| (format!("f{n}.tf"), vec![b' '; 1024 * 1024])).collect();
    assert_eq!(of(large), [Rule::Size]);
}

#[test]
fn a_file_that_cannot_be_read_is_refused() {
    assert_eq!(check(&[("a.tf", "resource {")]), [Rule::Syntax]);
    assert_eq!(check(&[("a.tf", "resource \"x\" {}")]), [Rule::Syntax]);
    assert_eq!(check(&[("a.tf", "x = 1")]), [Rule::Syntax]);
    assert_eq!(check(&[("a.tf.json", "[1]")]), [Rule::Syntax]);
    assert_eq!(check(&[("a.tf.json", r#"{"locals": {"x": "${"}}"#)]), [Rule::Syntax]);
    let deep = format!("locals {{ x = {}1{} }}", "(".repeat(100_000), ")".repeat(100_000));
    assert_eq!(check(&[("a.tf", &deep)]), [Rule::Syntax]);
    let deep = format!("{{\"locals\": {{\"x\": {}1{}}}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(check(&[("a.tf.json", &deep)]), [Rule::Syntax]);
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
fn a_resource_uploads_no_file_of_this_machine() {
    for body in ["source = \"/etc/passwd\"", "source = var.path", "source = \"${path.module}/missing\""] {
        assert_eq!(native(&format!("resource \"aws_s3_object\" \"x\" {{ {body} }}")), [Rule::File], "{body}");
    }
    assert_eq!(native(r#"resource "aws_lambda_function" "x" { filename = "/etc/passwd" }"#), [Rule::File]);
    assert_eq!(json(r#"{"resource": {"aws_s3_object": {"x": {"source": "/etc/passwd"}}}}"#), [Rule::File]);
    let inside = "resource \"aws_s3_object\" \"x\" { source = \"${path.module}/modules/x.json\" }";
    assert_eq!(check(&[("main.tf", &format!("{REQUIRED}{inside}")), ("modules/x.json", "{}")]), []);
}

#[test]
fn terraform_gets_only_the_credentials_granted_for_it() {
    let with =
        |slot: &str| rules(check_workspace(&Workspace { credentials: vec![slot.into()], ..workspace(&[]) }, &grant()));
    assert_eq!(with("aws"), []);
    assert_eq!(with("cluster"), [Rule::Credential]);
    assert_eq!(with("other"), [Rule::Credential]);
}

fn infrastructure() -> Infrastructure {
    Infrastructure {
        api: Api { endpoint: "https://10.0.0.1".into(), ca_pem: None, server_name: None },
        kube_cluster: "c".into(),
        nodes: Vec::new(),
        egress: vec!["192.0.2.0/24".into()],
        dns: Vec::new(),
        chart_values: r#"{"storageClass": "fast", "database": {"service": {"annotations": {"a.b/c": "d"}}}}"#.into(),
        add_ons: Vec::new(),
        facts: Vec::new(),
    }
}

#[test]
fn what_stands_makes_sense() {
    let check = |change: fn(&mut Infrastructure)| {
        let mut infrastructure = infrastructure();
        change(&mut infrastructure);
        rules(check_infrastructure(&infrastructure, &grant(), &json!({})))
    };
    assert_eq!(check(|_| {}), []);
    assert_eq!(check(|stands| stands.api.endpoint = "http://10.0.0.1".into()), [Rule::Shape]);
    assert_eq!(check(|stands| stands.api.endpoint = "https://u:p@10.0.0.1".into()), [Rule::Shape]);
    assert_eq!(check(|stands| stands.egress = vec!["everywhere".into()]), [Rule::Shape]);
    assert_eq!(check(|stands| stands.chart_values = "[]".into()), [Rule::Shape]);
    let node = |stands: &mut Infrastructure| {
        let node =
            NodeAddress { ordinal: 0, host: "h".into(), addresses: vec!["x".into()], reservation: None, port: 1 };
        stands.nodes = vec![node];
    };
    assert_eq!(check(node), [Rule::Shape]);
}

#[test]
fn only_granted_chart_values_are_set() {
    for values in [
        r#"{"database": {"image": "evil"}}"#,
        r#"{"database": {"serviceAccount": "x"}}"#,
        r#"{"database": "x"}"#,
        r#"{"storageclass": "x"}"#,
        r#"{"database.service": "x"}"#,
    ] {
        let stands = Infrastructure { chart_values: values.into(), ..infrastructure() };
        assert_eq!(rules(check_infrastructure(&stands, &grant(), &json!({}))), [Rule::Value], "{values}");
    }
}

#[test]
fn an_add_on_is_a_granted_chart_by_its_digest() {
    let named = |chart: &str, values: &str, config: &serde_json::Value| {
        let add_on = AddOn {
            name: "lb".into(),
            namespace: "kube-system".into(),
            chart: chart.into(),
            values: values.into(),
            identity: None,
        };
        rules(check_infrastructure(&Infrastructure { add_ons: vec![add_on], ..infrastructure() }, &grant(), config))
    };
    let add_on = |chart: &str, values: &str| named(chart, values, &json!({}));
    let digest = format!("sha256:{}", "0".repeat(64));
    let chart = "oci://registry.example.com:5000/charts/lb";
    assert_eq!(add_on(&format!("{chart}@{digest}"), "{}"), []);
    assert_eq!(add_on(&format!("{chart}:1.2@{digest}"), "{}"), []);
    assert_eq!(add_on(&format!("{chart}:1.2"), "{}"), [Rule::Chart]);
    assert_eq!(add_on(&format!("{chart}x@{digest}"), "{}"), [Rule::Chart]);
    assert_eq!(add_on(&format!("oci://evil.example.com/charts/lb@{digest}"), "{}"), [Rule::Chart]);
    assert_eq!(add_on(&format!("{chart}@{digest}"), "[]"), [Rule::Shape]);
    // What the operator wrote is granted by that, as it stands there and no other.
    let copy = format!("oci://mirror.example.com/lb@{digest}");
    assert_eq!(named(&copy, "{}", &json!({"add_ons": {"lb": copy}})), []);
    assert_eq!(named(&copy, "{}", &json!({"add_ons": {"lb": format!("{chart}@{digest}")}})), [Rule::Chart]);
    assert_eq!(named(&copy, "{}", &json!({"charts": {"lb": copy}})), [Rule::Chart]);
    let moving = "oci://mirror.example.com/lb:1.2";
    assert_eq!(named(moving, "{}", &json!({"add_ons": {"lb": moving}})), [Rule::Chart]);
}

#[test]
fn a_recipe_uses_a_credential_only_for_what_it_is_granted() {
    let presign = |slot: &str, service: &str, url: &str| {
        let presign = Presign {
            slot: slot.into(),
            service: service.into(),
            region: "us-east-1".into(),
            url: url.into(),
            headers: Vec::new(),
            expires_s: 60,
            prefix: String::new(),
        };
        rules(check_recipe(&TokenRecipe::Presign(presign), &grant()))
    };
    let url = "https://sts.us-east-1.amazonaws.com/?Action=GetCallerIdentity";
    assert_eq!(presign("aws", "sts", url), []);
    assert_eq!(presign("other", "sts", url), [Rule::Credential]);
    assert_eq!(presign("aws", "iam", url), [Rule::Credential]);
    assert_eq!(presign("aws", "sts", "https://evil.example.com/"), [Rule::Credential]);
    assert_eq!(presign("aws", "sts", "http://sts.us-east-1.amazonaws.com/"), [Rule::Credential]);
    assert_eq!(presign("aws", "sts", "http://127.0.0.1:5000/"), [Rule::Credential]);
    let slot = |name: &str, kind| rules(check_recipe(&TokenRecipe::Slot(Slot { name: name.into(), kind }), &grant()));
    assert_eq!(slot("cluster", SlotKind::Bearer), []);
    assert_eq!(slot("cluster", SlotKind::Kubeconfig), [Rule::Credential]);
    assert_eq!(slot("aws", SlotKind::Bearer), [Rule::Credential]);
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
