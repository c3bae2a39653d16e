//! A runtime whose compiled code outlives a test run, and guests from their core modules.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};

use hangar_plan::grant::Grant;
use hangar_plan::infrastructure::Instance;
use hangar_runtime::{Compiler, Line, Log, Plugin, PluginSource, Runtime, RuntimeOptions, Services, build};
use registry_reference::Digest;
use sha2::{Digest as _, Sha256};

/// Folder that cargo keeps for the tests of this crate.
const SCRATCH: &str = env!("CARGO_TARGET_TMPDIR");

/// The program that compiles.
pub(crate) fn compiler() -> Compiler {
    Compiler::new(env!("CARGO_BIN_EXE_hangar-compile-plugin").into(), Vec::new())
}

/// One runtime for all tests, as one process has.
pub(crate) fn runtime() -> Runtime {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        let scratch = Path::new(SCRATCH);
        let options = RuntimeOptions {
            cache_dir: scratch.join("compiled-plugins"),
            key_file: scratch.join("compiled-plugins.key"),
            compiler: compiler(),
        };
        Runtime::new(options).expect("a runtime")
    });
    RUNTIME.clone()
}

/// A guest as a component, and its digest.
pub(crate) struct Guest {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) path: PathBuf,
    pub(crate) digest: Digest,
}

impl Guest {
    /// The guest whose crate has this library name and lies in this folder of the repository.
    pub(crate) fn new(name: &'static str, library: &str, folder: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the repository");
        let target = Path::new(SCRATCH).parent().expect("the target folder");
        let module = target.join(format!("wasm/wasm32-unknown-unknown/release/{library}.wasm"));
        let module = std::fs::read(&module)
            .unwrap_or_else(|err| panic!("{}: {err}; `cargo xtask build-plugins` builds it", module.display()));
        let bytes = build::component(&module, &root.join(folder).join("plugin.toml")).expect("a component");
        Self::of(name, bytes)
    }

    /// A guest of these bytes.
    pub(crate) fn of(name: &'static str, bytes: Vec<u8>) -> Self {
        let digest = Digest::from_sha256(Sha256::digest(&bytes).into());
        let path = Path::new(SCRATCH).join(format!("{name}-{}.wasm", digest.short()));
        // Tests run side by side, and each must meet a whole file.
        let staged = tempfile::NamedTempFile::new_in(SCRATCH).expect("a file");
        std::fs::write(staged.path(), &bytes).expect("a component");
        staged.persist(&path).expect("a component");
        Self { name, bytes, path, digest }
    }

    pub(crate) fn misdeeds() -> Self {
        Self::new("misdeeds", "test_plugins", "tests/plugins")
    }

    pub(crate) fn mock() -> Self {
        Self::new("mock", "plugin_mock", "plugins/mock")
    }

    pub(crate) fn local() -> Self {
        Self::new("local", "plugin_local", "plugins/local")
    }

    pub(crate) fn source(&self) -> PluginSource {
        PluginSource { name: self.name.into(), path: self.path.clone(), digest: self.digest }
    }

    /// All that it asks for.
    pub(crate) fn grant(&self) -> Grant {
        Grant::accept(hangar_runtime::inspect(&self.bytes).expect("a plugin").manifest.request())
    }

    pub(crate) async fn load(&self, grant: Grant, services: Services) -> Plugin {
        runtime().load(self.source(), grant, services).await.expect("a plugin")
    }
}

pub(crate) fn instance() -> Instance {
    Instance {
        name: "uss1".into(),
        hostname: "dss.uss1.example.com".into(),
        db_suffix: "db.dss.uss1.example.com".into(),
        nodes: 3,
        namespace: "default".into(),
        db_port: 26257,
        facts: Vec::new(),
    }
}

/// Keeps every line.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().expect("no test panics while it holds the lock").clone()
    }
}

impl Log for Lines {
    fn line(&self, line: &Line<'_>) {
        let text = format!("{} {} {}: {}", line.plugin, line.call, line.level, line.message);
        self.0.lock().expect("no test panics while it holds the lock").push(text);
    }
}

/// The causes of an error, outermost first.
pub(crate) fn chain(err: &dyn std::error::Error) -> String {
    let mut text = err.to_string();
    let mut source = err.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
