//! Calls, however deep they lie.

use serde_json::json;

use super::super::super::Rule;
use super::{REQUIRED, check, json, native};

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
