//! The one engine of a process, and its clock.

use std::time::Duration;

use wasmtime::{Config, Engine, ModuleVersionStrategy, OptLevel};

use crate::error::RuntimeError;

/// The engine's own version in full. Its compiled code names only the major version, and code that a former patch
/// level compiled wrongly must not outlive it; `the_pinned_engine_is_the_one_in_the_lock_file` keeps this true.
pub(crate) const ENGINE_VERSION: &str = "48.0.8";

/// Time between two looks at a running guest.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Stack of a guest, and of the fiber on which it and the host's functions run.
const WASM_STACK: usize = 512 * 1024;
const FIBER_STACK: usize = 2 * 1024 * 1024;

/// The configuration of this host and of the child that compiles for it, which must be equal.
fn config() -> Result<Config, RuntimeError> {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .concurrency_support(false)
        .epoch_interruption(true)
        .cranelift_opt_level(OptLevel::Speed)
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(FIBER_STACK)
        // A guest needs none of these; each would be one more thing to be wrong.
        .wasm_memory64(false)
        .wasm_relaxed_simd(false)
        .wasm_stack_switching(false)
        .wasm_shared_everything_threads(false)
        .wasm_component_model_gc(false)
        .wasm_component_model_map(false)
        .shared_memory(false)
        .gc_support(false);
    config
        .module_version(ModuleVersionStrategy::Custom(format!("{ENGINE_VERSION}+{}", env!("CARGO_PKG_VERSION"))))
        .map_err(RuntimeError::engine)?;
    Ok(config)
}

/// An engine without a clock, for the child that only compiles.
pub(crate) fn compiling() -> Result<Engine, RuntimeError> {
    Engine::new(&config()?).map_err(RuntimeError::engine)
}

/// An engine with a thread that moves its epoch on. The thread ends with the last clone of the engine.
pub(crate) fn running() -> Result<Engine, RuntimeError> {
    let mut config = config()?;
    config.parallel_compilation(false);
    let engine = Engine::new(&config).map_err(RuntimeError::engine)?;
    let weak = engine.weak();
    std::thread::Builder::new()
        .name("plugin-epoch".into())
        .spawn(move || {
            while let Some(engine) = weak.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(TICK);
            }
        })
        .map_err(RuntimeError::Ticker)?;
    Ok(engine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pinned_engine_is_the_one_in_the_lock_file() {
        let lock = include_str!("../../../Cargo.lock");
        assert!(lock.contains(&format!("name = \"wasmtime\"\nversion = \"{ENGINE_VERSION}\"\n")));
    }

    #[test]
    fn what_the_child_compiles_is_what_the_host_loads() {
        use std::hash::{BuildHasher as _, RandomState};

        let state = RandomState::new();
        let hash = |engine: &Engine| state.hash_one(engine.precompile_compatibility_hash());
        assert_eq!(hash(&compiling().expect("an engine")), hash(&running().expect("an engine")));
    }
}
