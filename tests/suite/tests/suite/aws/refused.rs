//! What AWS refuses: told by the real provider, with the plugin's cure.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use test_support::{Description, Plugin, Workspace, needed, scratch};

use super::account::Account;
use super::{DEADLINE, NAME};

/// Each is one start of the provider.
#[tokio::test(flavor = "multi_thread")]
async fn keys_permissions_and_regions_that_are_wrong_are_told_with_their_cure() -> Result<()> {
    let root = scratch(Path::new(env!("CARGO_TARGET_TMPDIR")), "aws-refused")?;
    let account = Account::open(&root, NAME).await?;
    let entry = account.entry("cluster {\n  endpoint = \"https://127.0.0.1:9\"\n}\n")?;
    let workspace = workspace(&account, &root, entry)?;
    workspace.run(&["init", "--yes"]).await?.done()?;
    let file = root.join("aws-credentials");
    let good = fs::read_to_string(&file)?;
    let key = &account.operator.key;
    let powerless = account.emulator.add_user("powerless", key).await?;
    let wrong = good.replace(key.secret(), "a-secret-that-is-not-of-this-key");
    let without_rights = good.replace(&key.id, &powerless.id).replace(key.secret(), powerless.secret());
    for (credentials, cure) in [(wrong, "does not take the credentials"), (without_rights, "lack a permission")] {
        fs::write(&file, credentials)?;
        let run = workspace.run(&["up", "--yes"]).await?.exits(3)?;
        ensure!(run.stderr.contains("hint: ") && run.stderr.contains(cure), "no `{cure}`: {}", run.stderr);
        ensure!(!run.stderr.contains(powerless.secret()) && !run.stderr.contains(key.secret()), "a secret is shown");
    }
    fs::write(&file, good)?;

    // At AWS itself, which no call reaches: the provider knows its regions.
    let text = fs::read_to_string(workspace.folder.join("hangar.hcl"))?;
    let start = text.find("  endpoints = {").unwrap_or_default();
    let end = start + text[start..].find("  }").unwrap_or_default() + "  }".len();
    let text = format!("{}{}", &text[..start], &text[end..]).replace("us-east-1", "us-esat-1");
    workspace.write("hangar.hcl", &text)?;
    let run = workspace.run(&["up", "--yes"]).await?.exits(3)?;
    ensure!(run.stderr.contains("hint: there is no such region: check `region`"), "{}", run.stderr);
    Ok(())
}

/// An operator of AWS, whose cluster and credential are those of `entry`.
pub(super) fn workspace(account: &Account, root: &Path, entry: String) -> Result<Workspace> {
    let folder = needed("HANGAR_PLUGINS_DIR")?;
    let plugin = |name: &str| Plugin::of_file(name, &folder.join(format!("{name}.wasm")));
    let mut description = Description::without_world(NAME, plugin("aws"));
    // The emulator is on this machine, which only a plugin in development may be granted.
    description.plugins[0].is_dev = true;
    description.plugins.push(plugin("local"));
    description.secrets = Some("local".into());
    description.block = Some(account.block(NAME, super::MORE));
    description.entry = Some(entry);
    Ok(Workspace::lay_down(root, &description)?.with_deadline(DEADLINE))
}
