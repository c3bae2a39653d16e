//! Which tool there is.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hangar_exec::{Command, find_tool};
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::error::{TerraformError, show_version};

/// Asking for the version takes a tenth of a second; a loaded machine may need longer.
const DEADLINE: Duration = Duration::from_secs(30);

/// Where the answer is kept.
const CACHE: &str = "terraform-version.json";

/// Which of the two tools it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flavour {
    /// Terraform of HashiCorp.
    Terraform,
    /// OpenTofu.
    OpenTofu,
}

impl Flavour {
    /// As `version` introduces it.
    fn title(self) -> &'static str {
        match self {
            Self::Terraform => "Terraform",
            Self::OpenTofu => "OpenTofu",
        }
    }

    /// `init -json` and everything else that is asked of it came with this one.
    fn oldest(self) -> (Version, &'static str) {
        match self {
            Self::Terraform => (Version::new(1, 9, 0), "terraform 1.9 or later"),
            Self::OpenTofu => (Version::new(1, 10, 0), "OpenTofu 1.10 or later"),
        }
    }
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Terraform => "terraform",
            Self::OpenTofu => "OpenTofu",
        })
    }
}

/// A tool of a version that will do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terraform {
    binary: PathBuf,
    flavour: Flavour,
    version: Version,
}

/// A file that was asked for its version once.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Asked {
    path: PathBuf,
    size: u64,
    inode: u64,
    modified: (i64, i64),
    flavour: Flavour,
    version: Version,
}

impl Terraform {
    /// Looks for `terraform`, then `tofu`, in these folders, and asks the first that is there for its version. `cache` is a
    /// folder of the owner where the answer is kept until the file changes.
    ///
    /// # Errors
    ///
    /// [`TerraformError::NotFound`]; otherwise as [`at`](Self::at).
    pub async fn find(folders: &[PathBuf], cache: &Path) -> Result<Self, TerraformError> {
        let found = find_tool("terraform", folders).or_else(|| find_tool("tofu", folders));
        match found {
            Some(binary) => Self::at(&binary, cache).await,
            None => Err(TerraformError::NotFound { searched: folders.to_vec() }),
        }
    }

    /// Takes the tool at this path.
    ///
    /// # Errors
    ///
    /// [`TerraformError::Spawn`] if it cannot be run, [`TerraformError::Version`] if it is too old or something else.
    pub async fn at(binary: &Path, cache: &Path) -> Result<Self, TerraformError> {
        let remembered = read_cache(cache).filter(|asked| Some(asked) == asked.again(binary).as_ref());
        let (flavour, version) = match remembered {
            Some(asked) => (asked.flavour, asked.version),
            None => {
                let (flavour, version) = ask(binary, cache).await?;
                remember(binary, cache, flavour, &version);
                (flavour, version)
            }
        };
        let (oldest, wanted) = flavour.oldest();
        if version < oldest {
            let found = show_version(&flavour.to_string(), Some(&version));
            return Err(TerraformError::Version { binary: binary.to_owned(), found, wanted });
        }
        Ok(Self { binary: binary.to_owned(), flavour, version })
    }

    /// Its path.
    #[must_use]
    pub fn binary(&self) -> &Path {
        &self.binary
    }

    /// Which of the two tools it is.
    #[must_use]
    pub fn flavour(&self) -> Flavour {
        self.flavour
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> &Version {
        &self.version
    }
}

impl fmt::Display for Terraform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.flavour, self.version)
    }
}

async fn ask(binary: &Path, scratch: &Path) -> Result<(Flavour, Version), TerraformError> {
    let failed = |err| TerraformError::Spawn { binary: binary.to_owned(), err };
    // Without a module in the folder it says nothing of providers. Not `-json`: there both tools look alike.
    let command = Command::new(binary).arg("version").env("CHECKPOINT_DISABLE", "1").env("HOME", scratch).dir(scratch);
    let output = command.output(scratch, DEADLINE).await.map_err(failed)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    parse(&text).ok_or_else(|| {
        let found = text.lines().next().map_or_else(|| "silent".to_owned(), |line| format!("`{line}`"));
        TerraformError::Version {
            binary: binary.to_owned(),
            found,
            wanted: "terraform 1.9 or later, or OpenTofu 1.10 or later",
        }
    })
}

/// Reads `Terraform v1.11.4` or `OpenTofu v1.12.6`; warnings may stand before it.
fn parse(text: &str) -> Option<(Flavour, Version)> {
    let read = |line: &str| {
        let (title, version) = line.split_once(" v")?;
        let flavour = [Flavour::Terraform, Flavour::OpenTofu].into_iter().find(|flavour| flavour.title() == title)?;
        Some((flavour, Version::parse(version.trim()).ok()?))
    };
    text.lines().find_map(read)
}

impl Asked {
    fn now(binary: &Path, flavour: Flavour, version: Version) -> Option<Self> {
        let file = fs::metadata(binary).ok()?;
        let modified = (file.mtime(), file.mtime_nsec());
        Some(Self { path: binary.to_owned(), size: file.size(), inode: file.ino(), modified, flavour, version })
    }

    fn again(&self, binary: &Path) -> Option<Self> {
        Self::now(binary, self.flavour, self.version.clone())
    }
}

fn read_cache(cache: &Path) -> Option<Asked> {
    serde_json::from_slice(&fs::read(cache.join(CACHE)).ok()?).ok()
}

/// A cache that cannot be written costs time and nothing else.
fn remember(binary: &Path, cache: &Path, flavour: Flavour, version: &Version) {
    let asked = Asked::now(binary, flavour, version.clone());
    if let Some(text) = asked.and_then(|asked| serde_json::to_vec(&asked).ok()) {
        hangar_durable::write_private(&cache.join(CACHE), &text).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_tools_are_told_apart() {
        assert_eq!(parse("Terraform v1.11.4\non linux_amd64\n"), Some((Flavour::Terraform, Version::new(1, 11, 4))));
        let tofu = parse("Warning: Unable to open CLI configuration file\n\nOpenTofu v1.12.6-dev\non linux_amd64\n");
        assert_eq!(
            tofu.map(|(flavour, version)| (flavour, version.to_string())),
            Some((Flavour::OpenTofu, "1.12.6-dev".to_owned()))
        );
        assert_eq!(parse("Packer v1.11.4"), None);
        assert_eq!(parse(""), None);
    }
}
