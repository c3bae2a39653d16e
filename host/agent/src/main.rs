//! The program that runs inside a cluster.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use hangar_agent::probe::{self, Means};
use hangar_agent::reload::{self, Options};
use hangar_agent::{AgentError, Seal, Spec};

/// Looks at a pool from inside its cluster
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Look at everything a specification names, once
    ///
    /// Prints one line of JSON. That a look fails is an answer, so the exit code is 0 whenever a report was made.
    Probe(ProbeArgs),
    /// Tell a database of changed certificates, and say over HTTP what is mounted
    Reload(ReloadArgs),
}

#[derive(Args)]
struct ProbeArgs {
    /// What to look at
    #[arg(long, value_name = "FILE", default_value = "/etc/hangar/spec.json")]
    spec: PathBuf,
    /// Folder of the leaf to show: `tls.crt`, `tls.key`, perhaps `ca.crt`
    #[arg(long, value_name = "FOLDER")]
    identity: Option<PathBuf>,
    /// Folder of the root client for SQL: `client.root.crt`, `client.root.key`, `ca.crt`
    #[arg(long, value_name = "FOLDER")]
    client: Option<PathBuf>,
    /// Address to call from
    #[arg(long, value_name = "ADDRESS", env = "POD_IP")]
    source: Option<IpAddr>,
    /// Where length and SHA-256 of the report go
    #[arg(long, value_name = "FILE", default_value = "/dev/termination-log")]
    termination_log: PathBuf,
}

#[derive(Args)]
struct ReloadArgs {
    /// Folder of the mounted certificates and keys
    #[arg(long, value_name = "FOLDER")]
    certs_dir: PathBuf,
    /// Name of the process to signal, in the pod's shared process namespace
    #[arg(long, value_name = "NAME")]
    process: String,
    /// Where to answer
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// Milliseconds between two looks
    #[arg(long, value_name = "MS", default_value_t = 1000)]
    interval_ms: u64,
    /// Milliseconds after its start before a process is signalled
    #[arg(long, value_name = "MS", default_value_t = 5000)]
    grace_ms: u64,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime needs a few descriptors");
    let done = runtime.block_on(async {
        match cli.command {
            Command::Probe(args) => probe(&args).await,
            Command::Reload(args) => reload(&args).await,
        }
    });
    // A name that is still being resolved must not hold up the end.
    runtime.shutdown_background();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            complain(&err);
            ExitCode::FAILURE
        }
    }
}

async fn probe(args: &ProbeArgs) -> Result<(), AgentError> {
    let spec = Spec::read(&args.spec)?;
    let means = Means { identity: args.identity.clone(), client: args.client.clone(), source: args.source };
    let line = probe::run(spec, &means).await?.to_line();
    let stdout = |err| AgentError::File { path: "standard output".into(), err };
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(stdout)?;
    seal(&args.termination_log, &Seal::of(&line))
}

fn seal(path: &Path, seal: &Seal) -> Result<(), AgentError> {
    let text = serde_json::to_string(seal).expect("a number and a text are always JSON");
    std::fs::write(path, text).map_err(|err| AgentError::File { path: path.to_owned(), err })
}

async fn reload(args: &ReloadArgs) -> Result<(), AgentError> {
    let options = Options {
        certs_dir: args.certs_dir.clone(),
        process: args.process.clone(),
        listen: args.listen,
        interval: Duration::from_millis(args.interval_ms.max(10)),
        grace: Duration::from_millis(args.grace_ms),
    };
    reload::serve(&options, say).await
}

#[expect(clippy::print_stderr, reason = "the log of a container is its standard error")]
fn say(text: &str) {
    eprintln!("{text}");
}

fn complain(err: &AgentError) {
    say(&format!("error: {err}"));
    let mut cause = std::error::Error::source(err);
    while let Some(err) = cause {
        say(&format!("  caused by: {err}"));
        cause = err.source();
    }
}
