//! The offline world as a program: `hangar-world up`. Its other commands are how it starts its own parts.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use test_world::{Cloud, Options, World, WorldFile, runtime};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// An offline world: Kubernetes, registry, DNS and load balancers on this machine's loopback addresses
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Bring a world up and keep it until SIGINT, SIGTERM or the end of its time to live
    Up(UpArgs),
    #[command(hide = true)]
    Shim { label: String },
    #[command(hide = true)]
    Inside,
    #[command(hide = true)]
    Exec,
    #[command(hide = true)]
    Guard {
        #[arg(last = true)]
        command: Vec<OsString>,
    },
    #[command(hide = true)]
    Bound {
        #[arg(last = true)]
        command: Vec<OsString>,
    },
}

#[derive(Debug, Args)]
struct UpArgs {
    /// Folder for the world's files and its `world.json`
    #[arg(long, value_name = "DIR", default_value = "world")]
    dir: PathBuf,
    /// Names of the organisations; each gets a Kubernetes of its own
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "uss1,uss2,uss3")]
    organisations: Vec<String>,
    /// Clouds around their clusters, as `NAME=aws`, `NAME=google` or `NAME=azure`
    #[arg(long, value_name = "NAME=CLOUD", value_delimiter = ',', value_parser = cloud)]
    clouds: Vec<(String, Cloud)>,
    /// Folder of OCI image layouts to push into the world's registry
    #[arg(long, value_name = "DIR", env = "HANGAR_IMAGES_DIR")]
    images: Option<PathBuf>,
    /// The world ends by itself after this long
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = duration)]
    ttl: Duration,
}

fn main() -> ExitCode {
    let code = match Cli::parse().command {
        Command::Up(args) => return up(args),
        Command::Shim { .. } => runtime::run_shim(),
        Command::Inside => runtime::run_inside(),
        Command::Exec => runtime::run_exec(),
        Command::Guard { command } => runtime::run_guard(&command),
        Command::Bound { command } => runtime::become_bound(&command),
    };
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}

#[expect(clippy::print_stderr, reason = "the binary speaks to its user")]
fn up(args: UpArgs) -> ExitCode {
    // The Kubernetes client complains of each attempt to reach an API that is still starting.
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,kube_client=off,kube_runtime=off"));
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter).init();
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("error: {err}");
            err.chain().skip(1).for_each(|cause| eprintln!("  caused by: {cause}"));
            ExitCode::from(3)
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn run(args: UpArgs) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut options = Options::new(args.dir);
    options.organisations = args.organisations;
    options.clouds = args.clouds.into_iter().collect();
    options.images_dir = args.images;
    options.ttl = args.ttl;
    let world = tokio::select! {
        world = World::start(options) => world?,
        _ = interrupt.recv() => return Ok(()),
        _ = terminate.recv() => return Ok(()),
    };
    summarise(world.file());
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{{\"ready\":true}}").and_then(|()| stdout.flush()).context("nobody reads our output")?;
    tokio::select! {
        () = world.ended() => {}
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    world.stop();
    Ok(())
}

#[expect(clippy::print_stderr, reason = "the binary speaks to its user")]
fn summarise(file: &WorldFile) {
    eprintln!("registry  http://{}", file.registry);
    eprintln!("dns       {}", file.dns);
    for organisation in &file.organisations {
        eprintln!("{}", organisation.name);
        eprintln!("  api             {}", organisation.api_endpoint);
        eprintln!("  kubeconfig      {}", organisation.kubeconfig.display());
        eprintln!("  pods            {}, resolver {}", organisation.pod_range, organisation.resolver);
        eprintln!("  load balancers  {}", organisation.load_balancer_range);
    }
}

fn cloud(text: &str) -> Result<(String, Cloud), String> {
    let (name, cloud) = text.split_once('=').ok_or("not of the form NAME=CLOUD")?;
    Ok((name.to_owned(), cloud.parse()?))
}

fn duration(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<jiff::SignedDuration>().map_err(|err| err.to_string())?;
    Duration::try_from(parsed).map_err(|_| "must not be negative".to_owned())
}
