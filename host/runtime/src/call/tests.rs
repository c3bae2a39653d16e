//! Bounds that no plugin written in Rust reaches: components in text form, which misbehave while they are instantiated.

use hangar_plan::grant::{Kind, Limits};
use registry_reference::Digest;
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use super::{Call, Purity, Subject, run};
use crate::engine;
use crate::error::{Fault, PluginError};
use crate::limits::{Limit, LimitReached};
use crate::services::Services;

struct Site {
    engine: Engine,
    linker: Linker<Call>,
}

impl Site {
    fn new() -> Self {
        let engine = engine::running().expect("an engine");
        let mut linker = Linker::new(&engine);
        let mut root = linker.root();
        root.func_wrap("fail", |_, (): ()| -> wasmtime::Result<()> { panic!("a fault of the host") })
            .expect("a function");
        Self { engine, linker }
    }

    /// Instantiates a component, as every call does first.
    async fn instantiate(&self, text: &str, limits: Limits) -> Result<(), PluginError> {
        let bytes = wat::parse_str(text).expect("a component");
        let component = Component::new(&self.engine, bytes).expect("a component");
        let guest = self.linker.instantiate_pre(&component).expect("nothing is missing");
        let subject = Subject { plugin: "test".into(), digest: Digest::from_sha256([0; 32]) };
        let call = Call::bare(Kind::InfraProvider, Purity::Pure, limits, Services::default());
        run(&self.engine, guest, call, &subject, |mut store, guest| async move {
            guest.instantiate_async(&mut store).await.map(drop)
        })
        .await
    }

    async fn reached(&self, text: &str, limits: Limits) -> LimitReached {
        match self.instantiate(text, limits).await.map_err(|err| *err.fault) {
            Err(Fault::Limit(reached)) => reached,
            other => panic!("a limit, not {other:?}"),
        }
    }
}

/// A component around one core module, which is instantiated once.
fn around(module: &str) -> String {
    format!("(component (core module $m {module}) (core instance (instantiate $m)))")
}

#[tokio::test]
async fn a_component_within_its_bounds_is_instantiated() {
    let module = around("(memory 16) (table 100 funcref)");
    Site::new().instantiate(&module, Limits::default()).await.expect("an instance");
}

#[tokio::test]
async fn a_large_table_is_refused() {
    let limits = Limits { table_elements: 1000, ..Limits::default() };
    let wanted = LimitReached { limit: Limit::TableElements, bound: 1000 };
    assert_eq!(Site::new().reached(&around("(table 2000 funcref)"), limits.clone()).await, wanted);
    let growing = "(table 10 funcref) (func $f (drop (table.grow 0 (ref.null func) (i32.const 5000)))) (start $f)";
    assert_eq!(Site::new().reached(&around(growing), limits).await, wanted);
}

#[tokio::test]
async fn memories_are_bounded_together() {
    let limits = Limits { memory_mib: 2, ..Limits::default() };
    let wanted = LimitReached { limit: Limit::Memory, bound: 2 };
    let two =
        "(component (core module $m (memory 20)) (core instance (instantiate $m)) (core instance (instantiate $m)))";
    assert_eq!(Site::new().reached(two, limits).await, wanted);
}

#[tokio::test]
async fn instances_are_bounded() {
    let text = format!("(component (core module $m){})", "(core instance (instantiate $m))".repeat(40));
    let reached = Site::new().reached(&text, Limits::default()).await;
    assert_eq!(reached, LimitReached { limit: Limit::Instances, bound: 32 });
}

#[tokio::test]
async fn handles_are_bounded() {
    let text = r#"(component
        (type $r (resource (rep i32)))
        (core func $new (canon resource.new $r))
        (core module $m
            (import "h" "new" (func $new (param i32) (result i32)))
            (func $f (loop $again (drop (call $new (i32.const 1))) (br $again)))
            (start $f))
        (core instance $h (export "new" (func $new)))
        (core instance (instantiate $m (with "h" (instance $h)))))"#;
    let reached = Site::new().reached(text, Limits::default()).await;
    assert_eq!(reached, LimitReached { limit: Limit::Handles, bound: 4096 });
}

#[tokio::test]
async fn a_component_that_loops_while_it_is_instantiated_is_stopped() {
    let limits = Limits { cpu_ms: 50, ..Limits::default() };
    let reached = Site::new().reached(&around("(func $f (loop $again (br $again))) (start $f)"), limits).await;
    assert_eq!(reached, LimitReached { limit: Limit::Cpu, bound: 50 });
}

#[tokio::test]
async fn a_component_that_recurses_is_stopped() {
    let module = around(
        "(func $f (param i32) (result i32) (call $f (local.get 0))) (func $s (drop (call $f (i32.const 0)))) (start $s)",
    );
    let reached = Site::new().reached(&module, Limits::default()).await;
    assert_eq!(reached, LimitReached { limit: Limit::Stack, bound: 512 });
}

#[tokio::test]
async fn a_panic_of_the_host_costs_one_call() {
    let site = Site::new();
    let text = r#"(component
        (import "fail" (func $fail))
        (core func $f (canon lower (func $fail)))
        (core module $m (import "h" "fail" (func $f)) (start $f))
        (core instance $h (export "fail" (func $f)))
        (core instance (instantiate $m (with "h" (instance $h)))))"#;
    let err = site.instantiate(text, Limits::default()).await.expect_err("a panic");
    assert!(matches!(&*err.fault, Fault::Host(words) if words.contains("panic")), "{err:?}");
    site.instantiate("(component)", Limits::default()).await.expect("the host goes on");
}
