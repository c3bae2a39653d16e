//! Programs built from Go modules.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::{
    digest::Fields,
    program::Program,
    tools::{cache::Recipe, go_cache::GoCache, search::Search},
};

/// Said when there is no Go.
const CURE: &str = "no `go` on PATH; install Go 1.26 or newer (https://go.dev/dl)";

/// The flags that decide what a build makes. The same for all programs, so that the build cache serves them all.
const FLAGS: [&str; 2] = ["-trimpath", "-buildvcs=false"];

/// A program of a published module that replaces no other module.
pub(crate) struct Published {
    pub(crate) name: &'static str,
    pub(crate) module: &'static str,
    /// Without the leading `v`.
    pub(crate) version: &'static str,
    /// The module's hash as in a `go.sum`; the Go command checks those of its dependencies.
    pub(crate) sum: &'static str,
    /// The package below the module.
    pub(crate) package: &'static str,
}

impl Published {
    pub(crate) fn recipe(&self) -> Recipe<'static> {
        let inputs = Fields::default().with(self.module).with(self.sum).with(self.package).with(FLAGS.join(" "));
        Recipe::new(self.name, self.version, inputs, self.name)
    }

    /// Returns the program from the cache, built first if need be.
    pub(crate) fn install(&self, search: &Search<'_>) -> Result<PathBuf> {
        let Self { name, module, version, sum, package } = *self;
        search.cache.program(&self.recipe(), |folder| {
            eprintln!("building {name} {version} (some minutes, once)");
            download(search, module, version, sum)?;
            let package = format!("{module}/{package}@v{version}");
            let install = go(search)?.arg("install").args(FLAGS).args(["-ldflags", "-s -w", &package]);
            install.env("GOBIN", folder.join("bin")).folder(folder).run()
        })
    }
}

/// Downloads a module of this hash, and says where its sources lie.
pub(crate) fn download(search: &Search<'_>, module: &str, version: &str, sum: &str) -> Result<PathBuf> {
    let downloaded = go(search)?.args(["mod", "download", "-json"]).arg(format!("{module}@v{version}")).read()?;
    checked(&downloaded, sum).with_context(|| format!("module `{module}` {version}"))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Downloaded {
    sum: String,
    dir: PathBuf,
}

fn checked(downloaded: &str, wanted: &str) -> Result<PathBuf> {
    let Downloaded { sum, dir } = serde_json::from_str(downloaded).context("`go mod download` says something new")?;
    if sum != wanted {
        bail!("has the hash `{sum}`, wanted `{wanted}`");
    }
    Ok(dir)
}

/// A program built from a module of our own, whose `go.sum` holds the hash of everything that goes into it.
pub(crate) struct OwnModule<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: &'a str,
    pub(crate) folder: PathBuf,
    /// A folder below with a `go.mod` and `go.sum` to take in place of the module's own.
    pub(crate) modules: Option<&'a str>,
    pub(crate) package: &'a str,
    pub(crate) ldflags: String,
    /// How long it takes, for a person who waits.
    pub(crate) duration: &'a str,
}

impl<'a> OwnModule<'a> {
    /// A program that is the module itself, of one version, with nothing stamped in.
    pub(crate) fn plain(name: &'a str, folder: PathBuf) -> Self {
        let (package, ldflags) = (".", String::new());
        Self { name, version: "0.1.0", folder, modules: None, package, ldflags, duration: "up to a minute" }
    }

    /// Returns the program from the cache, built first if need be.
    pub(crate) fn install(&self, search: &Search<'_>) -> Result<PathBuf> {
        search.cache.program(&self.recipe(search)?, |folder| self.build(search, folder))
    }

    /// What decides what a build makes: the sources, the compiler, and the machine it is for.
    pub(crate) fn recipe(&self, search: &Search<'_>) -> Result<Recipe<'_>> {
        let mut inputs = Fields::default().with(self.package).with(&self.ldflags).with(FLAGS.join(" "));
        inputs.add(go(search)?.args(["env", "GOVERSION", "GOOS", "GOARCH"]).folder(&self.folder).read()?);
        let below = self.modules.map(|modules| sources(&self.folder.join(modules))).transpose()?;
        for path in sources(&self.folder)?.into_iter().chain(below.into_iter().flatten()) {
            inputs.add(path.file_name().unwrap_or_default().as_encoded_bytes());
            inputs.add(fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?);
        }
        Ok(Recipe::new(self.name, self.version, inputs, self.name))
    }

    pub(crate) fn build(&self, search: &Search<'_>, folder: &Path) -> Result<()> {
        eprintln!("building {} {} ({}, once)", self.name, self.version, self.duration);
        let ldflags = format!("-s -w {}", self.ldflags);
        let build = go(search)?.arg("build").args(FLAGS).args(["-mod=readonly", "-ldflags", &ldflags]);
        let modules = self.modules.map(|modules| format!("-modfile={modules}/go.mod"));
        let build = build.args(modules).arg("-o");
        build.arg(folder.join("bin").join(self.name)).arg(self.package).folder(&self.folder).run()
    }
}

/// The Go files, the module's own, and the JSON files that a program may embed, sorted.
fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read `{}`", folder.display()))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| ["go", "mod", "sum", "json"].iter().any(|wanted| extension == *wanted))
        {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// The Go command with nothing from outside that would change what it makes.
fn go(search: &Search<'_>) -> Result<Program> {
    let program = search.environment.program("go").context(CURE)?;
    let cache = GoCache::folder(search.cache.root());
    let mut go = Program::new(program).env("CGO_ENABLED", "0").env("GOWORK", "off").env("GOCACHE", cache);
    for variable in ["GOFLAGS", "GOOS", "GOARCH", "GOAMD64", "GOARM64", "GOEXPERIMENT", "GODEBUG"] {
        go = go.without_env(variable);
    }
    Ok(go)
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::{OwnModule, checked};
    use crate::tools::search::fake::Machine;

    #[test]
    fn a_module_with_another_hash_is_refused() {
        let downloaded = r#"{"Path": "example.com/tool", "Version": "v1.0.0", "Dir": "/go/tool", "Sum": "h1:abc="}"#;
        assert_eq!(checked(downloaded, "h1:abc=").expect("it is the one"), Path::new("/go/tool"));
        let error = checked(downloaded, "h1:other=").expect_err("it is another");
        assert_eq!(error.to_string(), "has the hash `h1:abc=`, wanted `h1:other=`");
    }

    #[test]
    fn a_changed_source_or_compiler_is_another_recipe() {
        let machine = Machine::new();
        machine.add_program("go", "go1.26.8 linux amd64");
        let folder = machine.root().join("module");
        fs::create_dir(&folder).expect("the folder is new");
        let key = || {
            let module = OwnModule {
                name: "tool",
                version: "1.0.0",
                folder: folder.clone(),
                modules: None,
                package: ".",
                ldflags: String::new(),
                duration: "",
            };
            module.recipe(&machine.search()).expect("go is there").key().to_owned()
        };
        fs::write(folder.join("main.go"), "package main").expect("the folder is ours");
        let first = key();
        fs::write(folder.join("notes.txt"), "no source").expect("the folder is ours");
        assert_eq!(key(), first);
        fs::write(folder.join("main.go"), "package main // changed").expect("the folder is ours");
        let second = key();
        assert_ne!(second, first);
        machine.add_program("go", "go1.27.0 linux amd64");
        assert_ne!(key(), second);
    }
}
