//! How long a plugin takes: `plugin_times COMPONENT COMPILER [ARGUMENT..]`.
//!
//! The compiler is the program whose hidden command compiles, with the arguments that lead there. Every figure is the
//! least of many runs, since everything above it is somebody else's work on the machine.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use hangar_plan::grant::{Grant, Kind};
use hangar_plan::infrastructure::Instance;
use hangar_runtime::{Compiler, PluginSource, Runtime, RuntimeOptions, Services, inspect};
use registry_reference::Digest;
use serde_json::json;
use sha2::{Digest as _, Sha256};

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let component: PathBuf = arguments.next().ok_or("no component")?.into();
    let compiler = Compiler::new(arguments.next().ok_or("no compiler")?.into(), arguments.collect());
    let bytes = std::fs::read(&component)?;
    let source = PluginSource {
        name: "plugin".into(),
        path: component,
        digest: Digest::from_sha256(Sha256::digest(&bytes).into()),
    };
    let grant = Grant::accept(inspect(&bytes)?.manifest.request());
    let folder = tempfile::tempdir()?;
    let options = || RuntimeOptions {
        cache_dir: folder.path().join("code"),
        key_file: folder.path().join("key"),
        compiler: compiler.clone(),
    };
    let started = Instant::now();
    Runtime::new(options())?.load(source.clone(), grant.clone(), Services::default()).await?;
    say("first load, compiled in a child", started.elapsed())?;

    let mut cold = Duration::MAX;
    for _ in 0..50 {
        let started = Instant::now();
        Runtime::new(options())?.load(source.clone(), grant.clone(), Services::default()).await?;
        cold = cold.min(started.elapsed());
    }
    say("new runtime, cached plugin ready, all checks included", cold)?;

    let plugin = Runtime::new(options())?.load(source, grant, Services::default()).await?;
    if !plugin.kinds().contains(&Kind::InfraProvider) {
        return Ok(());
    }
    let provider = plugin.infra_provider()?;
    let instance = Instance {
        name: "uss1".into(),
        hostname: "dss.example.com".into(),
        db_suffix: "db.example.com".into(),
        nodes: 3,
        namespace: "default".into(),
        db_port: 26257,
        facts: Vec::new(),
    };
    let mut call = Duration::MAX;
    for _ in 0..500 {
        let started = Instant::now();
        provider.validate(&json!({}), &instance).await?;
        call = call.min(started.elapsed());
    }
    say("one call: store, instance, `validate`, all dropped", call)?;
    Ok(())
}

fn say(what: &str, time: Duration) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{what}: {:.3} ms", time.as_secs_f64() * 1000.0)
}
