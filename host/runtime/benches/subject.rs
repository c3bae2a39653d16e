//! A plugin as a command of the host has it.

use std::path::{Path, PathBuf};

use hangar_plan::grant::Grant;
use hangar_runtime::{Compiler, Plugin, PluginSource, Runtime, RuntimeOptions, Services, inspect};
use registry_reference::Digest;
use sha2::{Digest as _, Sha256};

/// A plugin on disk and where its compiled code is kept.
pub(crate) struct Subject {
    name: String,
    pub(crate) component: PathBuf,
    bytes: Vec<u8>,
    folder: tempfile::TempDir,
}

impl Subject {
    pub(crate) fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/plugins");
        let component = folder.join(format!("{name}.wasm"));
        let bytes = std::fs::read(&component).expect("a plugin: run `cargo xtask build-plugins`");
        Self { name: name.to_owned(), component, bytes, folder: tempfile::tempdir().expect("a folder") }
    }

    /// What a command does before its first call: a new runtime, and the plugin with all checks.
    pub(crate) async fn load(&self) -> Plugin {
        let options = RuntimeOptions {
            cache_dir: self.folder.path().join("code"),
            key_file: self.folder.path().join("key"),
            compiler: Compiler::new(env!("CARGO_BIN_EXE_hangar-compile-plugin").into(), Vec::new()),
        };
        let source = PluginSource {
            name: self.name.clone(),
            path: self.component.clone(),
            digest: Digest::from_sha256(Sha256::digest(&self.bytes).into()),
        };
        let grant = Grant::accept(inspect(&self.bytes).expect("a plugin").manifest.request());
        let runtime = Runtime::new(options).expect("a runtime");
        runtime.load(source, grant, Services::default()).await.expect("loaded")
    }
}
