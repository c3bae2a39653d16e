//! The program that runs inside a cluster.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use hangar_agent::check::{self, Api, Nodes};
use hangar_agent::probe::{self, Means};
use hangar_agent::reload::{self, Options};
use hangar_agent::schema::{self, Migration, SchemaError, Wanted};
use hangar_agent::{AgentError, Datastore, Seal, Spec};

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
    /// Hold the pool's lock around a migration of its schemas
    ///
    /// Exit code 4 says that what would be done was not asked for: nothing was changed.
    #[command(subcommand)]
    Schema(SchemaCommand),
    /// Ask whether a deployed instance is as it should be
    #[command(subcommand)]
    Check(CheckCommand),
}

#[derive(Subcommand)]
enum SchemaCommand {
    /// Take the lock, and refuse what nobody asked for
    Lock(SchemaArgs),
    /// Give the lock back once every schema is what it was to become
    Unlock(SchemaArgs),
}

#[derive(Args)]
struct DatastoreArgs {
    /// Port of the database
    #[arg(long, value_name = "PORT", default_value_t = 26257)]
    port: u16,
    /// User
    #[arg(long, value_name = "NAME", default_value = "root")]
    user: String,
    /// Database to ask in
    #[arg(long, value_name = "NAME", default_value = "defaultdb")]
    database: String,
    /// Folder of the client's certificate and key, and of `ca.crt`
    #[arg(long, value_name = "FOLDER")]
    client: PathBuf,
    /// Name of the client's files
    #[arg(long, value_name = "NAME", default_value = "client.root")]
    certificate: String,
    /// Address to call from
    #[arg(long, value_name = "ADDRESS", env = "POD_IP")]
    source: Option<IpAddr>,
}

#[derive(Args)]
struct SchemaArgs {
    /// Host of the database
    #[arg(long, value_name = "HOST")]
    host: String,
    #[command(flatten)]
    datastore: DatastoreArgs,
    /// Who takes the lock, by a name that nobody else in the pool has
    #[arg(long, value_name = "NAME")]
    owner: String,
    /// How long the lock is held at most
    #[arg(long, value_name = "SECONDS")]
    lease_seconds: u64,
    /// How long to wait for the database and for the lock
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    patience_seconds: u64,
    /// A schema and its version, `rid=4.1.0`; with `,asked` if the members agreed on it
    #[arg(long = "schema", value_name = "NAME=VERSION")]
    schemas: Vec<Wanted>,
    /// Let a schema become older
    #[arg(long)]
    allow_downgrade: bool,
}

#[derive(Subcommand)]
enum CheckCommand {
    /// The API answers with this status, without a token
    Api(ApiArgs),
    /// Every node answers and is in the one cluster
    Database(NodesArgs),
}

#[derive(Args)]
struct ApiArgs {
    #[arg(long, value_name = "HOST")]
    host: String,
    #[arg(long, value_name = "PORT")]
    port: u16,
    #[arg(long, value_name = "PATH")]
    path: String,
    /// The status that is right
    #[arg(long, value_name = "STATUS")]
    status: u16,
    /// How long to ask again
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    seconds: u64,
    /// Address to call from
    #[arg(long, value_name = "ADDRESS", env = "POD_IP")]
    source: Option<IpAddr>,
}

#[derive(Args)]
struct NodesArgs {
    /// Host of a node
    #[arg(long = "node", value_name = "HOST", required = true)]
    nodes: Vec<String>,
    #[command(flatten)]
    datastore: DatastoreArgs,
    /// `cockroachdb` or `yugabytedb`
    #[arg(long, value_name = "KIND", default_value = "cockroachdb")]
    kind: String,
    /// Identity of the cluster that is right
    #[arg(long, value_name = "UUID")]
    identity: Option<String>,
    /// How long to ask again
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    seconds: u64,
}

#[derive(Args)]
struct ProbeArgs {
    /// What to look at
    #[arg(long, value_name = "FILE", default_value = "/etc/hangar/spec.json")]
    spec: PathBuf,
    /// Folder of the leaf to show: `tls.crt`, `tls.key`, perhaps `ca.crt`
    #[arg(long, value_name = "FOLDER")]
    identity: Option<PathBuf>,
    /// Folder of the client for SQL, with the files that the specification names and `ca.crt`
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
    /// Name of the process to signal, in the pod's shared process namespace; without one nobody is told
    #[arg(long, value_name = "NAME")]
    process: Option<String>,
    /// Where to answer
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// Master of YugabyteDB whose page of health is told on as a metric: its own metrics say nothing of missing copies
    #[arg(long, value_name = "ADDRESS:PORT")]
    health: Option<SocketAddr>,
    /// Milliseconds between two looks
    #[arg(long, value_name = "MS", default_value_t = 1000)]
    interval_ms: u64,
    /// Milliseconds after its start before a process is signalled
    #[arg(long, value_name = "MS", default_value_t = 5000)]
    grace_ms: u64,
}

/// A person must decide.
const REFUSED: u8 = 4;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime needs a few descriptors");
    let done: Result<(), SchemaError> = runtime.block_on(async {
        match cli.command {
            Command::Probe(args) => probe(&args).await?,
            Command::Reload(args) => reload(&args).await?,
            Command::Schema(command) => migrate(command).await?,
            Command::Check(command) => ask(command).await?,
        }
        Ok(())
    });
    // A name that is still being resolved must not hold up the end.
    runtime.shutdown_background();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            complain(&err);
            if matches!(err, SchemaError::Refused { .. }) { ExitCode::from(REFUSED) } else { ExitCode::FAILURE }
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
        health: args.health,
        interval: Duration::from_millis(args.interval_ms.max(10)),
        grace: Duration::from_millis(args.grace_ms),
    };
    reload::serve(&options, say).await
}

impl DatastoreArgs {
    fn at(&self, host: String) -> Datastore {
        let Self { port, user, client, certificate, source, .. } = self;
        let (user, client, certificate) = (user.clone(), client.clone(), certificate.clone());
        Datastore { host, port: *port, user, client, certificate, source: *source }
    }
}

async fn migrate(command: SchemaCommand) -> Result<(), SchemaError> {
    let (SchemaCommand::Lock(args) | SchemaCommand::Unlock(args)) = &command;
    let migration = Migration {
        datastore: args.datastore.at(args.host.clone()),
        database: args.datastore.database.clone(),
        owner: args.owner.clone(),
        lease: Duration::from_secs(args.lease_seconds),
        patience: Duration::from_secs(args.patience_seconds),
        wanted: args.schemas.clone(),
        allow_downgrade: args.allow_downgrade,
    };
    if matches!(command, SchemaCommand::Unlock(_)) {
        return schema::unlock(&migration).await;
    }
    for change in schema::lock(&migration).await? {
        say(&change.to_string());
    }
    Ok(())
}

async fn ask(command: CheckCommand) -> Result<(), AgentError> {
    let answer = match command {
        CheckCommand::Api(ApiArgs { host, port, path, status, seconds, source }) => {
            let api = Api { host, port, path, status, source };
            check::until(Duration::from_secs(seconds), async || api.ask().await).await?
        }
        CheckCommand::Database(NodesArgs { nodes, datastore, kind, identity, seconds }) => {
            let nodes = nodes.into_iter().map(|host| datastore.at(host)).collect();
            let nodes = Nodes { nodes, database: datastore.database, kind, identity };
            check::until(Duration::from_secs(seconds), async || nodes.ask().await).await?
        }
    };
    say(&answer);
    Ok(())
}

#[expect(clippy::print_stderr, reason = "the log of a container is its standard error")]
fn say(text: &str) {
    eprintln!("{text}");
}

fn complain(err: &dyn std::error::Error) {
    say(&format!("error: {err}"));
    let mut cause = err.source();
    while let Some(err) = cause {
        say(&format!("  caused by: {err}"));
        cause = err.source();
    }
}
