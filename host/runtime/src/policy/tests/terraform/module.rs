//! A module as a whole, and the blocks that it may not have.

use serde_json::json;

use super::super::super::{Rule, check_workspace};
use super::{REQUIRED, check, grant, json, lines, native, workspace};

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
fn a_resource_uploads_no_file_of_this_machine() {
    for body in ["source = \"/etc/passwd\"", "source = var.path", "source = \"${path.module}/missing\""] {
        assert_eq!(native(&format!("resource \"aws_s3_object\" \"x\" {{ {body} }}")), [Rule::File], "{body}");
    }
    assert_eq!(native(r#"resource "aws_lambda_function" "x" { filename = "/etc/passwd" }"#), [Rule::File]);
    assert_eq!(json(r#"{"resource": {"aws_s3_object": {"x": {"source": "/etc/passwd"}}}}"#), [Rule::File]);
    let inside = "resource \"aws_s3_object\" \"x\" { source = \"${path.module}/modules/x.json\" }";
    assert_eq!(check(&[("main.tf", &format!("{REQUIRED}{inside}")), ("modules/x.json", "{}")]), []);
}
