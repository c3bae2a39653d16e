//! Tools that lie, hang, mumble and die.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use hangar_plan::hint::Hint as _;
use hangar_terraform::{Driver, Environment, Event, Planning, Quiet, Terraform, TerraformError};

use crate::site::{Ears, PATIENCE, Site, files_with};

const VERSION: &str = r#"{"type":"version","terraform":"1.11.4","ui":"1.2"}"#;

impl Site {
    /// A tool that does what a script says, once it has told its version.
    async fn double(&self, script: &str) -> Result<Driver, TerraformError> {
        let binary = self.dir.join("terraform");
        let text = format!(
            "#!/bin/sh\nif [ \"$1\" = version ]; then echo \"${{VERSION:-Terraform v1.11.4}}\"; exit 0; fi\n{script}\n"
        );
        fs::write(&binary, text).unwrap();
        fs::set_permissions(&binary, fs::Permissions::from_mode(0o755)).unwrap();
        let terraform = Terraform::at(&binary, &self.cache()).await?;
        Ok(Driver::new(terraform, self.stack(), Environment::new()))
    }
}

/// A stack that is laid down, and a tool for it.
macro_rules! double {
    ($script:expr) => {{
        let site = Site::new();
        site.lay_down("");
        let driver = site.double(&$script.replace("VERSION", VERSION)).await.unwrap();
        (site, driver)
    }};
}

#[tokio::test]
async fn a_tool_that_is_too_old_or_another_is_named() {
    for (answer, found) in [
        ("Terraform v1.8.5", "terraform 1.8.5"),
        ("OpenTofu v1.9.1", "OpenTofu 1.9.1"),
        ("Packer v2.0.0", "`Packer v2.0.0`"),
    ] {
        let site = Site::new();
        let script = site.dir.join("terraform");
        std::fs::write(&script, format!("#!/bin/sh\necho '{answer}'\n")).unwrap();
        std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let refused = hangar_terraform::Terraform::at(&script, &site.dir).await.unwrap_err();
        assert!(refused.to_string().contains(found), "{refused}");
        assert!(refused.hint().unwrap().starts_with("install "));
    }
}

#[tokio::test]
async fn a_tool_is_asked_for_its_version_once() {
    let site = Site::new();
    let script = site.dir.join("terraform");
    std::fs::write(&script, "#!/bin/sh\necho x >> asked\necho 'Terraform v1.11.4'\n").unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    for _ in 0..3 {
        hangar_terraform::Terraform::at(&script, &site.dir).await.unwrap();
    }
    assert_eq!(std::fs::read_to_string(site.dir.join("asked")).unwrap(), "x\n");
}

#[tokio::test]
async fn where_there_is_no_tool_the_folders_are_named() {
    let site = Site::new();
    let refused = hangar_terraform::Terraform::find(&["/nonexistent".into()], &site.dir).await.unwrap_err();
    assert_eq!(refused.to_string(), "neither `terraform` nor `tofu` is in `/nonexistent`");
}

#[tokio::test]
async fn text_between_the_lines_is_kept_and_passed_by() {
    let script = r#"
        echo 'There are some problems with the CLI configuration:'
        echo 'VERSION'
        echo '{"type":"planned_change","change":{"resource":{"addr":"a.b"},"action":"create"}}'
        echo '{"type":"planned_ch'
        echo '{"type":"change_summary","changes":{"add":1,"operation":"plan"}}'
        for arg; do case "$last" in -out) echo plan > "$arg";; esac; last="$arg"; done
        exit 2"#;
    let (site, driver) = double!(script);
    let ears = Ears::default();
    let plan = driver.plan(Planning::Apply, &site.folder(), &ears).await.unwrap();
    assert_eq!(plan.changes.len(), 1);
    assert_eq!(plan.summary.add, 1);
    assert!(plan.has_changes());
    let raw = ears.heard.lock().unwrap().iter().filter(|event| matches!(event, Event::Raw { .. })).count();
    assert_eq!(raw, 2);
}

#[tokio::test]
async fn a_stream_of_an_unknown_major_version_is_refused_at_once() {
    let script =
        r#"echo '{"type":"version","terraform":"2.0.0","ui":"2.0"}'; trap 'exit 1' INT; while :; do sleep 0.02; done"#;
    let (site, driver) = double!(script);
    let refused = driver.plan(Planning::Apply, &site.folder(), &Quiet).await.unwrap_err();
    assert!(refused.to_string().ends_with("has version 2.0, known is 1"), "{refused}");
}

#[tokio::test]
async fn a_failure_before_the_stream_begins_is_told_in_the_tools_words() {
    let (site, driver) = double!("printf '\\n╷\\n│ Error: Unsupported flag\\n╵\\n' >&2; exit 1");
    let refused = driver.init(&site.folder(), &Quiet).await.unwrap_err();
    assert_eq!(refused.to_string(), "cannot initialise stack `infra`: Unsupported flag");
}

#[tokio::test]
async fn a_tool_that_dies_says_at_least_how() {
    let (site, driver) = double!("echo 'VERSION'; kill -9 $$");
    let refused = driver.plan(Planning::Apply, &site.folder(), &Quiet).await.unwrap_err();
    assert_eq!(refused.to_string(), "cannot plan stack `infra`: SIGKILL");
}

#[tokio::test]
async fn a_plan_that_hangs_is_stopped_when_asked() {
    let (site, driver) = double!("echo 'VERSION'; trap '' INT; while :; do sleep 0.02; done");
    let ears = Ears { stop_at: Some(|event| matches!(event, Event::Version { .. })), ..Ears::default() };
    let start = Instant::now();
    let stopped = driver.plan(Planning::Apply, &site.folder(), &ears).await.unwrap_err();
    assert!(matches!(stopped, TerraformError::Interrupted), "{stopped}");
    assert!(start.elapsed() < PATIENCE);
}

#[tokio::test]
async fn a_plan_file_that_was_exchanged_is_not_applied() {
    let script = r#"
        echo 'VERSION'
        for arg; do case "$last" in -out) echo plan > "$arg";; esac; last="$arg"; done
        [ "$1" = plan ] && exit 2
        touch applied; exit 0"#;
    let (site, driver) = double!(script);
    let plan = driver.plan(Planning::Apply, &site.folder(), &Quiet).await.unwrap();
    std::fs::write(&plan.file, "another").unwrap();
    let refused = driver.apply(&plan, &site.folder(), &Quiet).await.unwrap_err();
    assert!(matches!(refused, TerraformError::PlanFile { .. }), "{refused}");
    assert!(!site.dir.join("infra/applied").exists());
}

/// OpenTofu writes sensitive outputs into its stream in clear.
#[tokio::test]
async fn a_sensitive_output_is_on_disk_nowhere_once_the_run_has_ended() {
    let script = r#"
        echo 'VERSION'
        for arg; do case "$last" in -out) echo plan > "$arg";; esac; last="$arg"; done
        [ "$1" = plan ] && exit 2
        echo '{"type":"change_summary","changes":{"add":1,"operation":"apply"}}'
        printf '{"type":"outputs","outputs":{"pw":{"sensitive":true,"value":"%s"},"ip":{"sensitive":false,"value":"198.51.100.7"}}}\n' "CAN""ARY"
        exit 0"#;
    let (site, driver) = double!(script);
    let ears = Ears::default();
    let plan = driver.plan(Planning::Apply, &site.folder(), &ears).await.unwrap();
    let applied = driver.apply(&plan, &site.folder(), &ears).await.unwrap();
    assert_eq!(applied.outputs.sensitive, ["pw"]);
    assert_eq!(applied.outputs.values["ip"], "198.51.100.7");
    assert_eq!(files_with(&site.dir, "CANARY"), Vec::<String>::new());
    assert!(!format!("{:?}", ears.heard.lock().unwrap()).contains("CANARY"));
}

#[tokio::test]
async fn credentials_reach_the_tool_and_nothing_else() {
    let script = r#"
        [ "$SECRET" = "CAN""ARY" ] || { echo 'no credential' >&2; exit 1; }
        [ -z "$(ls -A "$HOME")" ] || { echo 'a home with something in it' >&2; exit 1; }
        [ -z "$SSH_AUTH_SOCK$USER$LD_LIBRARY_PATH" ] || { echo 'an inherited variable' >&2; exit 1; }
        exit 0"#;
    let site = Site::new();
    site.lay_down("");
    let plain = site.double(script).await.unwrap();
    let environment = hangar_terraform::Environment::new().with_credential("SECRET", "CANARY".to_owned().into());
    let driver = hangar_terraform::Driver::new(plain.terraform().clone(), site.stack(), environment);
    driver.init(&site.folder(), &Quiet).await.unwrap();
    assert_eq!(files_with(&site.dir, "CANARY"), Vec::<String>::new());
}

#[tokio::test]
async fn a_hundred_thousand_lines_are_read() {
    let line = r#"{"@level":"info","@message":"terraform_data.a: Still creating... [10s elapsed]","type":"apply_progress","hook":{"resource":{"addr":"terraform_data.a"},"action":"create","elapsed_seconds":10}}"#;
    let script = format!(
        "echo 'VERSION'; yes '{line}' | head -n 100000; for arg; do case \"$last\" in -out) echo plan > \"$arg\";; esac; last=\"$arg\"; done; exit 0"
    );
    let (site, driver) = double!(script);
    let ears = Ears::default();
    let start = Instant::now();
    driver.plan(Planning::Apply, &site.folder(), &ears).await.unwrap();
    assert_eq!(ears.heard.lock().unwrap().len(), 100_001);
    // An unoptimised build on a loaded machine; the figure of a release build is measured elsewhere.
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}

/// A provider that crashes and a disk that is full are told by terraform in the middle of its stream.
#[tokio::test]
async fn a_provider_that_crashes_and_a_full_disk_have_their_cures() {
    for (summary, detail, cure) in [
        ("Plugin did not respond", "The plugin encountered an error, and failed to respond", "the provider crashed"),
        ("Failed to write state", "write x: no space left on device", "free some space"),
    ] {
        let script = r#"
            echo 'VERSION'
            for arg; do case "$last" in -out) echo plan > "$arg";; esac; last="$arg"; done
            [ "$1" = plan ] && exit 2
            echo '{"type":"apply_complete","hook":{"resource":{"addr":"a.b"},"action":"create","id_key":"id","id_value":"1"}}'
            echo '{"type":"diagnostic","diagnostic":{"severity":"error","summary":"SUMMARY","detail":"DETAIL"}}'
            exit 1"#;
        let (site, driver) = double!(script.replace("SUMMARY", summary).replace("DETAIL", detail));
        let plan = driver.plan(Planning::Apply, &site.folder(), &Quiet).await.unwrap();
        let failed = driver.apply(&plan, &site.folder(), &Quiet).await.unwrap_err();
        assert!(failed.to_string().contains("1 of 0 changes are done"), "{failed}");
        assert!(failed.hint().unwrap().contains(cure), "{:?}", failed.hint());
    }
}
