//! What is refused before anything of a plugin runs.

use std::time::Duration;

use hangar_plan::grant::{Grant, Kind};
use hangar_runtime::{Compiler, InspectError, Runtime, RuntimeError, RuntimeOptions, Services, build, inspect};
use registry_reference::Digest;

use crate::support::{Guest, chain, compiler, runtime};

/// A component with nothing inside that imports and exports these interfaces.
fn shell(imports: &[&str], exports: &[&str]) -> Vec<u8> {
    let mut text = String::from("(component (component $empty)");
    for (n, import) in imports.iter().enumerate() {
        text.push_str(&format!("(import \"{import}\" (instance $i{n}))"));
    }
    for (n, export) in exports.iter().enumerate() {
        text.push_str(&format!("(instance $e{n} (instantiate $empty)) (export \"{export}\" (instance $e{n}))"));
    }
    text.push(')');
    wat::parse_str(text).unwrap()
}

const PROVIDER: &str = "hangar:infra-provider/provider@0.1.0";

fn refused(bytes: &[u8]) -> String {
    inspect(bytes).expect_err("a refusal").to_string()
}

#[tokio::test]
async fn a_plugin_of_another_contract_version_says_both() {
    let words = "it was built for hangar:infra-provider 0.2.0, this host knows 0.1";
    let bytes = shell(&[], &["hangar:infra-provider/provider@0.2.0"]);
    assert_eq!(refused(&bytes), words);
    let err = runtime().load(Guest::of("future", bytes).source(), Grant::default(), Services::default()).await;
    let err = err.expect_err("a refusal");
    assert!(chain(&err).ends_with(words), "{}", chain(&err));
    assert!(chain(&err).starts_with("plugin `future` (sha256:"), "{}", chain(&err));
}

#[test]
fn a_host_interface_of_another_version_is_told_too() {
    let bytes = shell(&["hangar:host/log@1.0.0"], &[PROVIDER]);
    assert_eq!(refused(&bytes), "it was built for hangar:host 1.0.0, this host knows 0.1");
}

#[test]
fn wasi_is_refused_by_name() {
    let bytes = shell(&["wasi:cli/environment@0.2.0"], &[PROVIDER]);
    assert_eq!(refused(&bytes), "it imports `wasi:cli/environment@0.2.0`: this host offers no WASI");
}

#[test]
fn an_import_that_no_world_of_it_has_is_refused() {
    let strategy = "hangar:pooling-strategy/strategy@0.1.0";
    for import in ["hangar:host/http@0.1.0", "hangar:host/exec@0.1.0", "other:thing/x@1.0.0", "plain"] {
        let words = format!("it imports `{import}`, which is not part of the worlds it implements");
        assert_eq!(refused(&shell(&[import], &[strategy])), words);
    }
    // A secret store never gets state.
    let store = "hangar:secret-store/store@0.1.0";
    assert!(matches!(inspect(&shell(&["hangar:host/state@0.1.0"], &[store])), Err(InspectError::Import(_))));
}

#[test]
fn what_implements_no_contract_is_no_plugin() {
    assert!(
        refused(&shell(&[], &["other:thing/x@1.0.0"])).starts_with("it implements no contract that this host knows")
    );
    assert!(refused(b"\0asm\x01\0\0\0").starts_with("it is no WebAssembly component"));
    assert!(refused(b"#!/bin/sh").starts_with("it is no WebAssembly component"));
    assert!(refused(b"").starts_with("it is no WebAssembly component"));
}

#[test]
fn a_manifest_is_there_once() {
    assert_eq!(refused(&shell(&[], &[PROVIDER])), "it carries no manifest");
    let guest = Guest::misdeeds();
    let manifest = inspect(&guest.bytes).unwrap().manifest;
    let err = build::embed(guest.bytes, &manifest).expect_err("a second manifest");
    assert_eq!(chain(&err), "the component is no plugin: it carries more than one manifest");
}

#[test]
fn a_manifest_declares_what_is_implemented() {
    let manifest = inspect(&Guest::misdeeds().bytes).unwrap().manifest;
    let err = build::embed(shell(&[], &["hangar:secret-store/store@0.1.0"]), &manifest).expect_err("another kind");
    let words = "its manifest declares `infra-provider`, but it implements `secret-store`";
    assert_eq!(chain(&err), format!("the component is no plugin: {words}"));
}

#[test]
fn a_component_says_what_it_is() {
    let guest = Guest::mock();
    let inspection = inspect(&guest.bytes).unwrap();
    assert_eq!(inspection.kinds(), Kind::ALL);
    assert!(inspection.contracts.iter().all(|(_, version)| version.to_string() == "0.1.0"));
    assert!(inspection.exports.contains(&PROVIDER.to_owned()));
    assert_eq!(inspection.size, guest.bytes.len());
    assert_eq!(inspection.manifest.name, "mock");
}

#[test]
fn a_component_is_made_the_same_every_time() {
    assert_eq!(Guest::local().digest, Guest::local().digest);
}

#[tokio::test]
async fn bytes_that_are_not_the_pinned_ones_are_refused() {
    let mut source = Guest::local().source();
    source.digest = Digest::from_sha256([1; 32]);
    let err = runtime().load(source, Grant::default(), Services::default()).await.expect_err("a refusal");
    assert!(matches!(err, RuntimeError::Digest { .. }), "{err}");
}

#[tokio::test]
async fn a_missing_file_is_named() {
    let mut source = Guest::local().source();
    source.path = "/nowhere/plugin.wasm".into();
    let err = runtime().load(source, Grant::default(), Services::default()).await.expect_err("a refusal");
    assert_eq!(err.to_string(), "cannot read plugin `local` at `/nowhere/plugin.wasm`");
}

/// A runtime with nothing compiled yet.
fn fresh(compiler: Compiler) -> (tempfile::TempDir, Runtime) {
    let folder = tempfile::tempdir().unwrap();
    let options =
        RuntimeOptions { cache_dir: folder.path().join("code"), key_file: folder.path().join("key"), compiler };
    let runtime = Runtime::new(options).unwrap();
    (folder, runtime)
}

async fn load(runtime: &Runtime) -> Result<(), String> {
    let guest = Guest::local();
    let loaded = runtime.load(guest.source(), guest.grant(), Services::default()).await;
    loaded.map(drop).map_err(|err| chain(&err))
}

#[tokio::test]
async fn a_compiler_that_takes_too_much_memory_is_stopped() {
    let (_folder, runtime) = fresh(Compiler { memory_mib: 16, ..compiler() });
    let words = load(&runtime).await.expect_err("too little memory");
    assert!(words.contains("the compiler ended with"), "{words}");
    assert!(words.contains("16 MiB"), "{words}");
}

#[tokio::test]
async fn a_compiler_that_takes_too_long_is_stopped() {
    let (_folder, runtime) = fresh(Compiler { wall: Duration::from_millis(1), ..compiler() });
    let words = load(&runtime).await.expect_err("too little time");
    assert!(words.contains("the compiler was stopped after 0 s"), "{words}");
}

#[tokio::test]
async fn a_compiler_that_is_not_there_is_named() {
    let (_folder, runtime) = fresh(Compiler::new("/nowhere/hangar".into(), Vec::new()));
    let words = load(&runtime).await.expect_err("no compiler");
    assert!(words.contains("cannot start `/nowhere/hangar`"), "{words}");
}

#[tokio::test]
async fn code_is_compiled_once_and_again_when_its_file_is_spoilt() {
    let (folder, runtime) = fresh(compiler());
    load(&runtime).await.expect("a plugin");
    let code = || {
        std::fs::read_dir(folder.path().join("code"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.extension().is_some_and(|extension| extension == "cwasm"))
            .expect("compiled code")
    };
    let options = |compiler| RuntimeOptions {
        cache_dir: folder.path().join("code"),
        key_file: folder.path().join("key"),
        compiler,
    };
    // Without a compiler, only what is kept can be loaded.
    let without = Runtime::new(options(Compiler::new("/nowhere/hangar".into(), Vec::new()))).unwrap();
    load(&without).await.expect("the code that was kept");
    let mut bytes = std::fs::read(code()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(code(), &bytes).unwrap();
    load(&without).await.expect_err("spoilt code is not loaded");
    load(&runtime).await.expect("a recompile");
    load(&without).await.expect("the code that was kept again");
}
