//! The plugins and the guests of the tests, built as components.

use std::{
    fs,
    io::BufReader,
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::{Context as _, Result, bail};
use cargo_metadata::{CrateType, Message, Package, Target, TargetKind};
use serde::Deserialize;

use crate::{
    checkout::Checkout,
    program::Program,
    tools::wasm::{TARGET, Toolchain},
};

/// Rooms that must build for WebAssembly too, though they are no plugins.
const LIBRARIES: [&str; 1] = ["registry-reference"];

/// One module to build: a library or an example of crate type `cdylib`.
#[derive(Debug, PartialEq, Eq)]
struct Guest {
    package: String,
    target: String,
    is_example: bool,
    /// The plugin's `plugin.toml`.
    manifest: PathBuf,
}

impl Guest {
    /// A library has its manifest in its package's folder; an example beside `examples/NAME/main.rs`, or in
    /// `examples/NAME.toml`.
    fn of(package: &Package, target: &Target) -> Option<Self> {
        if !target.crate_types.contains(&CrateType::CDyLib) {
            return None;
        }
        let is_example = target.kind.contains(&TargetKind::Example);
        let manifest = if !is_example {
            package.manifest_path.with_file_name("plugin.toml")
        } else if target.src_path.file_name() == Some("main.rs") {
            target.src_path.with_file_name("plugin.toml")
        } else {
            target.src_path.with_extension("toml")
        };
        let (package, target) = (package.name.to_string(), target.name.clone());
        Some(Self { package, target, is_example, manifest: manifest.into_std_path_buf() })
    }

    /// The plugin's name in its manifest, which its component is called by.
    fn name(&self) -> Result<String> {
        let path = &self.manifest;
        let text = fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let Named { name } = toml::from_str(&text).with_context(|| format!("no name in `{}`", path.display()))?;
        Ok(name)
    }
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

/// Builds all components into the plugins' folder and returns it.
///
/// One cargo invocation for all, in a target folder of its own, since it may be another compiler. `hangar` is the
/// program that makes components.
pub(crate) fn build(checkout: &Checkout, toolchain: &Toolchain, hangar: &Path) -> Result<PathBuf> {
    let guests = guests(checkout)?;
    let modules = compile(checkout, toolchain, &guests)?;
    let folder = checkout.plugins();
    fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    let names = names(&guests)?;
    for ((guest, name), module) in guests.iter().zip(&names).zip(&modules) {
        let component = folder.join(format!("{name}.wasm"));
        if !is_newer(&component, &[module, &guest.manifest, hangar]) {
            componentize(hangar, module, &guest.manifest, &component)?;
        }
    }
    eprintln!("{} components in {}", guests.len(), checkout.relative(&folder).display());
    Ok(folder)
}

fn guests(checkout: &Checkout) -> Result<Vec<Guest>> {
    let metadata = checkout.metadata(false)?;
    let mut guests = Vec::new();
    for package in metadata.workspace_packages() {
        let path = checkout.relative(package.manifest_path.as_std_path());
        if path.starts_with("plugins") || path.starts_with("tests/plugins") {
            guests.extend(package.targets.iter().filter_map(|target| Guest::of(package, target)));
        }
    }
    if guests.is_empty() {
        bail!("no package under `plugins` has crate type `cdylib`");
    }
    Ok(guests)
}

/// Returns the name of each guest, in their order. No two are alike, since each is a file.
fn names(guests: &[Guest]) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for guest in guests {
        let name = guest.name()?;
        if names.contains(&name) {
            bail!("two plugins are called `{name}`; one is `{}`", guest.manifest.display());
        }
        names.push(name);
    }
    Ok(names)
}

/// Returns the module of each guest, in their order.
fn compile(checkout: &Checkout, toolchain: &Toolchain, guests: &[Guest]) -> Result<Vec<PathBuf>> {
    let mut cargo = cargo(checkout, toolchain).args(["build", "--release", "--target", TARGET, "--lib"]);
    cargo = cargo.arg("--target-dir").arg(checkout.target.join("wasm"));
    cargo = cargo.arg("--message-format=json-render-diagnostics");
    for package in LIBRARIES.into_iter().chain(guests.iter().map(|guest| guest.package.as_str())) {
        cargo = cargo.args(["--package", package]);
    }
    for guest in guests.iter().filter(|guest| guest.is_example) {
        cargo = cargo.args(["--example", &guest.target]);
    }
    let (messages, success) =
        cargo.stream(|output| Ok(Message::parse_stream(BufReader::new(output)).collect::<Result<Vec<_>, _>>()?))?;
    if !success {
        bail!("the plugins do not build");
    }
    let module = |guest: &Guest| {
        let artifacts = messages.iter().filter_map(|message| match message {
            Message::CompilerArtifact(artifact) => Some(artifact),
            _ => None,
        });
        let mut of_guest = artifacts.filter(|artifact| {
            artifact.target.name == guest.target
                && artifact.target.kind.contains(&TargetKind::Example) == guest.is_example
        });
        let module =
            of_guest.find_map(|artifact| artifact.filenames.iter().find(|name| name.extension() == Some("wasm")));
        module.map(|name| name.clone().into_std_path_buf()).with_context(|| format!("no module of `{}`", guest.target))
    };
    guests.iter().map(module).collect()
}

fn cargo(checkout: &Checkout, toolchain: &Toolchain) -> Program {
    let Toolchain::BuildStd { cargo, rustc, linker } = toolchain else { return checkout.cargo() };
    let mut program = Program::new(cargo).folder(&checkout.root);
    // Rustup's and cargo's own variables would bring the other compiler back.
    for name in checkout.environment.names().filter_map(|name| name.to_str()).filter(|name| belongs_to_compiler(name)) {
        program = program.without_env(name);
    }
    program
        .env("RUSTC", rustc)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker)
        .arg("-Zbuild-std=std,panic_abort")
}

/// Whether a variable chooses a compiler or how it is called; where cargo keeps and fetches crates stays as it is.
fn belongs_to_compiler(name: &str) -> bool {
    let kept = ["CARGO_HOME", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTR", "CARGO_SOURCE_", "CARGO_TERM_"];
    let compiler = ["CARGO", "RUSTUP_", "RUSTC", "RUSTDOC", "RUSTFLAGS", "LD_LIBRARY_PATH"];
    compiler.iter().any(|prefix| name.starts_with(prefix)) && !kept.iter().any(|prefix| name.starts_with(prefix))
}

/// Makes a component with its manifest inside of a core module. Writes the file at once or not at all.
fn componentize(hangar: &Path, module: &Path, manifest: &Path, component: &Path) -> Result<()> {
    let build = Program::new(hangar).args(["plugin", "build", "--module"]).arg(module);
    let build = build.arg("--manifest").arg(manifest).arg("--output").arg(component);
    build.read().map(drop).with_context(|| format!("cannot make `{}`", component.display()))
}

fn is_newer(output: &Path, inputs: &[&Path]) -> bool {
    let modified = |path: &Path| path.metadata().and_then(|metadata| metadata.modified());
    let Ok(made) = modified(output) else { return false };
    inputs.iter().all(|input| modified(input).is_ok_and(|changed: SystemTime| changed < made))
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, File},
        path::Path,
        time::{Duration, SystemTime},
    };

    use cargo_metadata::Package;
    use serde_json::json;

    use super::{Guest, belongs_to_compiler, is_newer, names};

    fn package(targets: serde_json::Value) -> Package {
        serde_json::from_value(json!({
            "name": "plugin-aws", "version": "0.1.0", "id": "path+file:///r/plugins/aws#0.1.0", "dependencies": [],
            "features": {}, "manifest_path": "/r/plugins/aws/Cargo.toml", "targets": targets,
        }))
        .expect("it is what cargo says")
    }

    fn guests(targets: serde_json::Value) -> Vec<Guest> {
        let package = package(targets);
        package.targets.iter().filter_map(|target| Guest::of(&package, target)).collect()
    }

    #[test]
    fn only_a_library_that_can_be_a_module_is_a_guest() {
        let found = guests(json!([
            {"name": "plugin_aws", "kind": ["cdylib", "rlib"], "crate_types": ["cdylib", "rlib"], "src_path": "/r/plugins/aws/src/lib.rs"},
            {"name": "tests", "kind": ["test"], "crate_types": ["bin"], "src_path": "/r/plugins/aws/tests/tests.rs"},
        ]));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].manifest, Path::new("/r/plugins/aws/plugin.toml"));
    }

    #[test]
    fn an_example_has_a_manifest_of_its_own() {
        let found = guests(json!([
            {"name": "loop", "kind": ["example"], "crate_types": ["cdylib"], "src_path": "/r/plugins/aws/examples/loop/main.rs"},
            {"name": "trap", "kind": ["example"], "crate_types": ["cdylib"], "src_path": "/r/plugins/aws/examples/trap.rs"},
        ]));
        let found: Vec<_> = found.iter().map(|guest| guest.manifest.as_path()).collect();
        let folder = Path::new("/r/plugins/aws/examples");
        assert_eq!(found, [folder.join("loop/plugin.toml"), folder.join("trap.toml")]);
    }

    #[test]
    fn two_plugins_of_one_name_are_an_error() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let guest = |file: &str, text: &str| {
            let manifest = folder.path().join(file);
            fs::write(&manifest, text).expect("the folder is ours");
            Guest { package: "p".into(), target: "p".into(), is_example: false, manifest }
        };
        let (a, b) = (guest("a.toml", "name = 'aws'\nversion = '0.1.0'"), guest("b.toml", "name = 'gcp'"));
        assert_eq!(names(&[a, b]).expect("they differ"), ["aws", "gcp"]);
        let (a, b) = (guest("a.toml", "name = 'aws'"), guest("b.toml", "name = 'aws'"));
        assert!(names(&[a, b]).expect_err("they do not").to_string().starts_with("two plugins are called `aws`"));
        let error = names(&[guest("c.toml", "version = '0.1.0'")]).expect_err("it has none");
        assert!(error.to_string().starts_with("no name in "), "{error}");
    }

    #[test]
    fn the_other_compiler_sees_no_variable_of_the_usual_one() {
        for name in [
            "CARGO",
            "CARGO_TARGET_DIR",
            "CARGO_BUILD_RUSTFLAGS",
            "RUSTUP_TOOLCHAIN",
            "RUSTC",
            "RUSTC_WRAPPER",
            "RUSTFLAGS",
        ] {
            assert!(belongs_to_compiler(name), "{name}");
        }
        for name in ["CARGO_HOME", "CARGO_HTTP_PROXY", "CARGO_REGISTRIES_CRATES_IO_PROTOCOL", "PATH", "RUST_BACKTRACE"]
        {
            assert!(!belongs_to_compiler(name), "{name}");
        }
    }

    #[test]
    fn a_component_is_made_again_when_anything_it_is_made_of_changed() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (input, output) = (folder.path().join("in"), folder.path().join("out"));
        fs::write(&input, "").expect("the folder is ours");
        assert!(!is_newer(&output, &[&input]), "there is none");
        fs::write(&output, "").expect("the folder is ours");
        let date = |path: &Path, seconds| {
            let file = File::options().write(true).open(path).expect("it was written");
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).expect("the file is ours");
        };
        date(&input, 1);
        date(&output, 2);
        assert!(is_newer(&output, &[&input]));
        date(&input, 3);
        assert!(!is_newer(&output, &[&input]));
    }
}
