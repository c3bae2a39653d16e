//! What must never lie in the clear in a workspace.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use walkdir::WalkDir;

use crate::pooled::{MEMBERS, pooled};

/// How private keys begin, in PEM and in our own form.
const KEYS: [&str; 5] = [
    "BEGIN PRIVATE KEY",
    "BEGIN EC PRIVATE KEY",
    "BEGIN RSA PRIVATE KEY",
    "hangar-organisation-key-1-",
    "AGE-SECRET-KEY-1",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_lies_in_a_workspace_or_travels_to_others() -> Result<()> {
    let pooled = pooled().await?;
    let mut secrets: Vec<String> = KEYS.map(ToOwned::to_owned).into();
    for name in MEMBERS {
        secrets.push(fs::read_to_string(&pooled.stage.organisation(name)?.token_file)?.trim().to_owned());
    }
    ensure!(secrets.iter().all(|secret| secret.len() > 8), "a token is too short to be looked for");
    let mut n_files = 0;
    let carrier = pooled.stage.root.join("carrier");
    let workspaces = pooled.members.iter().map(|member| member.folder.clone());
    let rendered = pooled.members.iter().map(|member| member.cache().join("rendered"));
    for folder in workspaces.chain(rendered).chain([carrier]) {
        n_files += search(&folder, &secrets)?;
    }
    assert!(n_files > 30, "only {n_files} files were looked at");
    Ok(())
}

/// Looks for secrets in every file of a folder and returns how many files that were.
pub(crate) fn search(folder: &Path, secrets: &[String]) -> Result<usize> {
    let mut n_files = 0;
    for entry in WalkDir::new(folder).into_iter().filter_map(Result::ok).filter(|entry| entry.file_type().is_file()) {
        let bytes = fs::read(entry.path())?;
        let holds = |secret: &&String| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        let found = secrets.iter().position(|secret| holds(&secret));
        ensure!(found.is_none(), "`{}` holds secret {found:?} in the clear", entry.path().display());
        n_files += 1;
    }
    Ok(n_files)
}
