//! How long a plugin takes until it can be called, and a call.
//!
//! Needs the plugin `local`, which `cargo xtask build-plugins` makes.

use std::path::{Path, PathBuf};

use criterion::{Criterion, criterion_group, criterion_main};
use hangar_plan::grant::Grant;
use hangar_plan::infrastructure::Instance;
use hangar_runtime::{Compiler, Plugin, PluginSource, Runtime, RuntimeOptions, Services, inspect};
use registry_reference::Digest;
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// A plugin on disk and where its compiled code is kept.
struct Subject {
    component: PathBuf,
    bytes: Vec<u8>,
    folder: tempfile::TempDir,
}

impl Subject {
    fn new() -> Self {
        let component = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/plugins/local.wasm");
        let bytes = std::fs::read(&component).expect("the plugin `local`: run `cargo xtask build-plugins`");
        Self { component, bytes, folder: tempfile::tempdir().expect("a folder") }
    }

    /// What a command does before its first call: a new runtime, and the plugin with all checks.
    async fn load(&self) -> Plugin {
        let options = RuntimeOptions {
            cache_dir: self.folder.path().join("code"),
            key_file: self.folder.path().join("key"),
            compiler: Compiler::new(env!("CARGO_BIN_EXE_hangar-compile-plugin").into(), Vec::new()),
        };
        let source = PluginSource {
            name: "local".into(),
            path: self.component.clone(),
            digest: Digest::from_sha256(Sha256::digest(&self.bytes).into()),
        };
        let grant = Grant::accept(inspect(&self.bytes).expect("a plugin").manifest.request());
        let runtime = Runtime::new(options).expect("a runtime");
        runtime.load(source, grant, Services::default()).await.expect("loaded")
    }
}

fn plugin(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let subject = Subject::new();
    let plugin = runtime.block_on(subject.load());

    let mut group = criterion.benchmark_group("a plugin whose code is kept");
    group.sample_size(20);
    group.bench_function("peer: the component read and its SHA-256 taken", |bencher| {
        bencher.iter(|| Sha256::digest(std::fs::read(&subject.component).expect("read")));
    });
    group.bench_function("ready, integrity and grant checked", |bencher| {
        bencher.iter(|| runtime.block_on(subject.load()));
    });
    group.finish();

    let provider = plugin.infra_provider().expect("a provider");
    let instance = Instance {
        name: "uss1".into(),
        hostname: "dss.example.com".into(),
        db_suffix: "db.example.com".into(),
        nodes: 3,
        namespace: "default".into(),
        db_port: 26257,
        facts: Vec::new(),
    };
    criterion.bench_function("one call: store, instance, `validate`, all dropped", |bencher| {
        bencher.iter(|| runtime.block_on(provider.validate(&json!({}), &instance)).expect("an answer"));
    });
}

criterion_group!(benches, plugin);
criterion_main!(benches);
