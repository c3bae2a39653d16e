//! The files themselves: names, sizes, syntax.

use hangar_plan::infrastructure::Workspace;

use super::super::super::{Rule, check_workspace};
use super::super::rules;
use super::{check, grant, json, workspace};

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
fn a_key_that_stands_twice_in_json_is_refused() {
    let twice = r#"{
        "resource": {"terraform_data": {"x": {"provisioner": {"local-exec": {"command": "id"}}}}},
        "resource": {"terraform_data": {"y": {}}}
    }"#;
    assert_eq!(json(twice), [Rule::Syntax]);
}
