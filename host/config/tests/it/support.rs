//! A small good file, and changing it.

use std::path::Path;

use hangar_config::{Source, Workspace};

/// The least that a workspace says.
pub(crate) const LEAST: &str = r#"version = 1
instance "uss1" {
  hostname  = "dss.uss1.example.com"
  db_suffix = "db.dss.uss1.example.com"
  nodes     = 3
  image     = "docker.io/interuss/dss:v0.22.0"
  authorization {
    public_key_files = ["auth.pem"]
  }
}
plugin "local" {
  source = "file:local.wasm"
}
infra "local" {
}
secrets "local" {
}
services {
  chart = "../chart"
}
"#;

pub(crate) fn parse(text: &str) -> Workspace {
    match Workspace::parse(Source::new("hangar.hcl", text), Path::new("/w")) {
        Ok(workspace) => workspace,
        Err(err) => panic!("{}", err.report().unwrap().render(100, false)),
    }
}

/// Changes the least file and returns how it is refused.
pub(crate) fn refused(from: &str, to: &str) -> String {
    assert!(LEAST.contains(from), "`{from}` is not in the file");
    refusal(&LEAST.replacen(from, to, 1))
}

pub(crate) fn refusal(text: &str) -> String {
    let err = Workspace::parse(Source::new("hangar.hcl", text), Path::new("/w")).unwrap_err();
    // Trailing blanks of the drawing mean nothing.
    let drawn = err.report().unwrap().render(100, false);
    drawn.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_matches('\n').to_owned()
}
