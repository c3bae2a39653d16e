//! What is typed.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;
use hangar_config::Environment;
use hangar_operations::{COMPILE_COMMAND, TOKEN_COMMAND};

use crate::commands;
use crate::exit;
use crate::output::Output;

/// Deploys a DSS instance and joins it with those of other organisations
///
/// An instance is described by one file, `hangar.hcl`, in a folder of its own. A newcomer types `hangar init`, `hangar up` and
/// `hangar pool create`; whoever joins types `hangar pool request` and `hangar pool join`. Every command can be stopped and
/// run again: it goes on where it was.
#[derive(Debug, Parser)]
#[command(name = "hangar", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Folder of the workspace
    #[arg(long, short = 'C', global = true, value_name = "FOLDER", default_value = ".")]
    pub(crate) workspace: PathBuf,
    /// One JSON object a line instead of words
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Never ask; what would have to be asked is an error
    #[arg(long, global = true)]
    pub(crate) no_input: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(commands::init::InitArgs),
    /// Look for what is missing: tools, credentials, what the cloud allows
    ///
    /// Changes nothing and takes no lock. Every finding has its cure; the exit code tells whether any stands in the way.
    Doctor,
    /// Show what `up` would do
    ///
    /// Plans the infrastructure with terraform, and looks at the cluster and the pool. Changes nothing outside the
    /// workspace's own folder.
    Plan,
    Up(commands::up::UpArgs),
    Down(commands::up::DownArgs),
    Restart(commands::restart::RestartArgs),
    /// Show what was changed outside
    ///
    /// Looks and changes nothing, not even terraform's state. What a block `drift "ADDRESS"` of the workspace file covers is
    /// answered for by its owner until its last day; anything else ends with code 4.
    Drift,
    /// Break the lock of terraform's state, if it is provably ours
    ///
    /// A lock is broken only if it was taken by a tool that this workspace has started and that was killed. Any other is
    /// explained: who holds it, for what and since when. `plan` and `up` do the same by themselves.
    Unlock,
    /// Show what stands
    Status,
    Kubeconfig(commands::kubeconfig::KubeconfigArgs),
    /// Print the credential of the cluster, for the `kubectl` that runs this
    #[command(name = TOKEN_COMMAND, hide = true)]
    ClusterToken,
    /// Found, join and look at a pool
    #[command(subcommand)]
    Pool(commands::pool::PoolCommand),
    /// Certificates: what there is, and new ones
    #[command(subcommand)]
    Cert(commands::cert::CertCommand),
    /// Build, publish and look at plugins
    #[command(subcommand)]
    Plugin(commands::plugin::PluginCommand),
    /// Print the completions of a shell
    Completions {
        /// Shell
        shell: Shell,
    },
    /// Print the JSON Schema of the workspace file
    Schema,
}

/// Reads what was typed, does it, and tells how it ended.
pub(crate) fn run() -> ExitCode {
    // The hidden command compiles a plugin in this process, bounded, and does nothing else.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == COMPILE_COMMAND) {
        return hangar_runtime::compile_child::main();
    }
    let cli = Cli::parse();
    let environment = match Environment::from_process() {
        Ok(environment) => environment,
        Err(err) => return usage(cli.global.json, &err.to_string()),
    };
    let output = Output::new(cli.global.json, environment.no_color);
    if let Some(points) = environment.fail_points.clone()
        && let Err(err) = hangar_engine::failpoint::arm(points)
    {
        return usage(cli.global.json, &err.to_string());
    }
    log(environment.log.as_deref());
    let environment = Arc::new(environment);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let Ok(runtime) = runtime else { return usage(cli.global.json, "cannot start the asynchronous runtime") };
    let done = runtime.block_on(dispatch(cli, output, environment));
    // A task that hangs in a tool must not keep the shell.
    runtime.shutdown_timeout(std::time::Duration::from_millis(500));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.failure(&failure);
            ExitCode::from(exit::code(&failure))
        }
    }
}

async fn dispatch(cli: Cli, output: Output, environment: Arc<Environment>) -> Result<(), hangar_operations::Failure> {
    let global = cli.global;
    match cli.command {
        Command::Init(args) => commands::init::run(&global, args, output, environment).await,
        Command::Doctor => commands::doctor::run(&global, output, environment).await,
        Command::Plan => commands::up::plan(&global, output, environment).await,
        Command::Up(args) => commands::up::run(&global, args, output, environment).await,
        Command::Down(args) => commands::up::down(&global, args, output, environment).await,
        Command::Restart(args) => commands::restart::run(&global, args, output, environment).await,
        Command::Drift => commands::state::drift(&global, output, environment).await,
        Command::Unlock => commands::state::unlock(&global, output, environment).await,
        Command::Status => commands::pool::status(&global, output, environment).await,
        Command::Kubeconfig(args) => commands::kubeconfig::run(&global, args, output, environment).await,
        Command::ClusterToken => commands::kubeconfig::token(&global, output, environment).await,
        Command::Pool(command) => commands::pool::run(&global, command, output, environment).await,
        Command::Cert(command) => commands::cert::run(&global, command, output, environment).await,
        Command::Plugin(command) => commands::plugin::run(&global, command, output, environment).await,
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "hangar", &mut text);
            output.raw(&String::from_utf8_lossy(&text));
            Ok(())
        }
        Command::Schema => {
            let schema = hangar_config::file_schema();
            output.text(&serde_json::to_string_pretty(&schema).unwrap_or_default());
            output.object("schema", &schema);
            Ok(())
        }
    }
}

/// What AWS's library fails at is an error of ours, with its cure.
const FILTER: &str = "warn,aws_config=error";

fn log(filter: Option<&str>) {
    let filter = tracing_subscriber::EnvFilter::new(filter.unwrap_or(FILTER));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
}

fn usage(json: bool, message: &str) -> ExitCode {
    Output::new(json, true).note(&format!("error: {message}"));
    ExitCode::from(2)
}
