//! Where a state lies.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::hcl;

/// Where a state lies. It is the host's to say, never a plugin's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backend {
    /// A file of this machine.
    Local(PathBuf),
    /// Somewhere else, for several to use: the backend locks it.
    Remote(Remote),
}

/// A backend as terraform names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// Its kind, such as `s3`.
    pub kind: String,
    /// Its settings, which are written beside the module: none of them is a secret. Secrets reach it by the environment.
    pub settings: Map<String, Value>,
}

impl Backend {
    /// The file of a local state.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Local(file) => Some(file),
            Self::Remote(_) => None,
        }
    }

    /// As a file of the module in `dir`.
    pub(crate) fn to_hcl(&self, dir: &Path) -> String {
        let (kind, settings) = match self {
            Self::Local(file) => {
                let path = hcl::quoted(&relative(dir, file).to_string_lossy());
                ("local", format!("    path = {path}\n"))
            }
            Self::Remote(remote) => {
                let setting = |(name, value): (&String, &Value)| format!("    {name} = {}\n", hcl::literal(value));
                (remote.kind.as_str(), remote.settings.iter().map(setting).collect())
            }
        };
        let kind = hcl::quoted(kind);
        format!(
            "# Written by hangar; any change is overwritten.\nterraform {{\n  backend {kind} {{\n{settings}  }}\n}}\n"
        )
    }
}

/// The way from a folder to a file, both absolute.
fn relative(from: &Path, to: &Path) -> PathBuf {
    use std::path::Component;
    let shared = from.components().zip(to.components()).take_while(|(one, other)| one == other).count();
    let up = from.components().skip(shared).map(|_| Component::ParentDir);
    up.chain(to.components().skip(shared)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_local_state_is_found_from_the_module() {
        let backend = Backend::Local("/w/state/infra/terraform.tfstate".into());
        insta::assert_snapshot!(backend.to_hcl(Path::new("/w/infra")), @r#"
        # Written by hangar; any change is overwritten.
        terraform {
          backend "local" {
            path = "../state/infra/terraform.tfstate"
          }
        }
        "#);
    }

    #[test]
    fn settings_of_a_remote_one_stand_as_they_were_given() {
        let settings =
            json!({ "bucket": "b-${x}", "encrypt": true, "max_retries": 3, "endpoints": { "s3": "https://s3" } });
        let settings = settings.as_object().cloned().unwrap_or_default();
        let backend = Backend::Remote(Remote { kind: "s3".to_owned(), settings });
        insta::assert_snapshot!(backend.to_hcl(Path::new("/w/infra")), @r#"
        # Written by hangar; any change is overwritten.
        terraform {
          backend "s3" {
            bucket = "b-$${x}"
            encrypt = true
            max_retries = 3
            endpoints = { "s3" = "https://s3" }
          }
        }
        "#);
    }
}
