//! Terraform's provider for AWS.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Result, bail};

use crate::tools::{download, search::Search};

const VERSION: &str = "5.100.0";

/// A folder that terraform takes as `filesystem_mirror` and that holds the provider, unpacked.
///
/// Looked for where terraform looks by itself, and one level below `/opt`, where images of machines put such mirrors.
pub(crate) fn find(search: &Search<'_>) -> Result<PathBuf> {
    let found = mirrors(search).into_iter().find(|mirror| holds_provider(mirror));
    let Some(mirror) = found else {
        bail!(
            "no unpacked `hashicorp/aws` {VERSION}; run `terraform providers mirror FOLDER` with a configuration that \
             requires it, unpack the archive into FOLDER/{}, and set `HANGAR_AWS_PROVIDER_MIRROR=FOLDER`",
            provider_folder().display()
        )
    };
    Ok(mirror)
}

fn mirrors(search: &Search<'_>) -> Vec<PathBuf> {
    let mut mirrors = Vec::new();
    mirrors.extend(search.environment.path("TF_PLUGIN_CACHE_DIR"));
    if let Some(home) = search.environment.path("HOME") {
        for below in [".terraform.d/plugins", ".terraform.d/plugin-cache", ".local/share/terraform/plugins"] {
            mirrors.push(home.join(below));
        }
    }
    for share in ["/usr/local/share/terraform/plugins", "/usr/share/terraform/plugins"] {
        mirrors.push(share.into());
    }
    let mut below_opt: Vec<_> =
        fs::read_dir("/opt").into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    below_opt.sort();
    mirrors.extend(below_opt);
    mirrors
}

fn provider_folder() -> PathBuf {
    let platform = download::platform().replace('-', "_");
    Path::new("registry.terraform.io/hashicorp/aws").join(VERSION).join(platform)
}

fn holds_provider(mirror: &Path) -> bool {
    let provider = format!("terraform-provider-aws_v{VERSION}");
    let entries = fs::read_dir(mirror.join(provider_folder())).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name()).any(|name| name.to_string_lossy().starts_with(&provider))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{find, provider_folder};
    use crate::tools::search::fake::Machine;

    #[test]
    fn the_provider_is_found_in_the_home_folder() {
        let machine = Machine::new();
        let home = machine.root().to_owned();
        let machine = machine.with("HOME", &home);
        let mirror = home.join(".terraform.d/plugins");
        let folder = mirror.join(provider_folder());
        fs::create_dir_all(&folder).expect("the folder is new");
        fs::write(folder.join("terraform-provider-aws_v5.100.0_x5"), "").expect("the folder is ours");
        assert_eq!(find(&machine.search()).expect("it is there"), mirror);
    }
}
