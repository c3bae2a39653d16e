//! Clouds that are folders: what `tests/world/providers`, which stands in for terraform's providers, keeps and is told.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

/// Names the program that stands in for the providers.
const PROGRAM: &str = "HANGAR_PROVIDER_STANDIN";

/// A provider of terraform that the stand-in can be.
#[derive(Debug, Clone, Copy)]
pub struct Provider {
    /// Its type, as in `hashicorp/NAME`.
    pub name: &'static str,
    /// The version whose schema the stand-in has.
    pub version: &'static str,
}

/// Google Cloud.
pub const GOOGLE: Provider = Provider { name: "google", version: "6.50.0" };
/// Azure.
pub const AZURE: Provider = Provider { name: "azurerm", version: "4.55.0" };
/// AWS, whose schema a test must give.
pub const AWS: Provider = Provider { name: "aws", version: "5.100.0" };

/// A mirror of stand-in providers and, beside it, a folder in place of each cloud.
///
/// Two of them share nothing. The layout is that of `tests/world/providers/main.go`.
#[derive(Debug, Clone)]
pub struct Clouds {
    root: PathBuf,
}

/// What stands in one cloud, and what it is told.
#[derive(Debug, Clone)]
pub struct Cloud {
    folder: PathBuf,
}

impl Clouds {
    /// Lays a mirror with these providers down in `root`.
    ///
    /// # Errors
    ///
    /// If set-up has not built the stand-in, or a file cannot be written.
    pub fn lay_down(root: &Path, providers: &[Provider]) -> Result<Self> {
        let program = program()?;
        let clouds = Self { root: root.to_owned() };
        let platform = format!("{}_{}", std::env::consts::OS, go_arch());
        for Provider { name, version } in providers {
            // OpenTofu takes `hashicorp/NAME` for that of its own registry.
            for registry in ["registry.terraform.io", "registry.opentofu.org"] {
                let of_all = clouds.mirror().join(registry).join("hashicorp").join(name);
                let package = of_all.join(version).join(&platform);
                let path = package.join(format!("terraform-provider-{name}_v{version}_x5"));
                make(&package)?;
                // The stand-in tells by its own path where its cloud is: a link to the cache would lead there. A link to the
                // same file is as good as a copy, where there can be one.
                if fs::hard_link(&program, &path).is_err() {
                    fs::copy(&program, &path).with_context(|| format!("cannot write `{}`", path.display()))?;
                }
            }
            make(&clouds.cloud(name).folder)?;
        }
        let mirror = format!("{:?}", clouds.mirror());
        let config = format!(
            "disable_checkpoint = true\nprovider_installation {{\n  filesystem_mirror {{\n    path = {mirror}\n  }}\n}}\n"
        );
        write(&clouds.cli_config(), config.as_bytes())?;
        Ok(clouds)
    }

    /// What `TF_CLI_CONFIG_FILE` must name: providers come from the mirror and from nowhere else.
    #[must_use]
    pub fn cli_config(&self) -> PathBuf {
        self.root.join("cli.tfrc")
    }

    /// The mirror, for those who write a CLI configuration of their own.
    #[must_use]
    pub fn mirror(&self) -> PathBuf {
        self.root.join("mirror")
    }

    /// The cloud of a provider.
    #[must_use]
    pub fn cloud(&self, provider: &str) -> Cloud {
        Cloud { folder: self.root.join("clouds").join(provider) }
    }
}

impl Cloud {
    /// Everything of a type that exists.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn resources(&self, kind: &str) -> Result<Vec<Value>> {
        Ok(self.files(kind)?.into_iter().map(|(_, values)| values).collect())
    }

    /// Types and ids of everything that exists.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn all(&self) -> Result<Vec<String>> {
        let mut all = Vec::new();
        for entry in fs::read_dir(self.folder.join("resources")).into_iter().flatten().flatten() {
            let kind = entry.file_name().to_string_lossy().into_owned();
            for values in self.resources(&kind)? {
                all.push(format!("{kind} {}", values["id"].as_str().unwrap_or_default()));
            }
        }
        all.sort();
        Ok(all)
    }

    /// Changes what exists behind terraform's back; `change` makes of its values what shall be, none to let it vanish.
    /// Returns how many there were.
    ///
    /// # Errors
    ///
    /// If it cannot be read or written.
    pub fn drift(&self, kind: &str, change: impl Fn(Value) -> Option<Value>) -> Result<usize> {
        let files = self.files(kind)?;
        for (path, values) in &files {
            match change(values.clone()) {
                Some(changed) => write(path, changed.to_string().as_bytes())?,
                None => fs::remove_file(path).with_context(|| format!("cannot remove `{}`", path.display()))?,
            }
        }
        Ok(files.len())
    }

    /// Tells the cloud how to fail from now on; see `tests/world/providers/control.go`. Counts start anew.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn control(&self, told: &Value) -> Result<()> {
        for index in 0..told["faults"].as_array().map_or(0, Vec::len) {
            drop(fs::remove_file(self.folder.join(format!("counter-fault-{index}.json"))));
        }
        write(&self.folder.join("control.json"), told.to_string().as_bytes())
    }

    /// Tells the cloud to fail in one way.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn fail(&self, fault: Value) -> Result<()> {
        self.control(&json!({ "faults": [fault] }))
    }

    /// Tells the cloud not to fail any more.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn heal(&self) -> Result<()> {
        self.control(&json!({}))
    }

    /// Gives the provider another schema, as `terraform providers schema -json` prints it.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn schema(&self, schema: &Value) -> Result<()> {
        write(&self.folder.join("schema.json"), schema.to_string().as_bytes())
    }

    /// How many calls of an operation (`create`, `read`, `update`, `delete`) ended well; of any type if `kind` is empty.
    ///
    /// # Errors
    ///
    /// If the record cannot be read.
    pub fn calls(&self, operation: &str, kind: &str) -> Result<usize> {
        let path = self.folder.join("calls.jsonl");
        if !path.exists() {
            return Ok(0);
        }
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let calls: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        let is_one = |call: &&Value| {
            call["operation"] == operation && (kind.is_empty() || call["type"] == kind) && call["outcome"] == "done"
        };
        Ok(calls.iter().filter(is_one).count())
    }

    /// How often the provider was started.
    ///
    /// # Errors
    ///
    /// If the record cannot be read.
    pub fn starts(&self) -> Result<usize> {
        let path = self.folder.join("starts");
        if !path.exists() {
            return Ok(0);
        }
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        Ok(text.lines().count())
    }

    /// What the provider was configured with last, secrets left out, and `signed_in_by`.
    ///
    /// # Errors
    ///
    /// If it never was.
    pub fn configured(&self) -> Result<Value> {
        read(&self.folder.join("provider.json"))
    }

    fn files(&self, kind: &str) -> Result<Vec<(PathBuf, Value)>> {
        let folder = self.folder.join("resources").join(kind);
        let mut paths: Vec<PathBuf> =
            fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        paths.sort();
        paths.into_iter().map(|path| read(&path).map(|values| (path, values))).collect()
    }
}

#[expect(clippy::disallowed_methods, reason = "tools are named by the environment, as set-up leaves them")]
fn program() -> Result<PathBuf> {
    let named = std::env::var_os(PROGRAM).filter(|value| !value.is_empty()).map(PathBuf::from);
    let named = named.with_context(|| format!("`{PROGRAM}` is not set: `cargo xtask tools` says to what"))?;
    named.canonicalize().with_context(|| format!("`{PROGRAM}` names `{}`, where nothing is", named.display()))
}

fn go_arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn make(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))
}

fn read(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("`{}` is no JSON", path.display()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("cannot write `{}`", path.display()))
}
