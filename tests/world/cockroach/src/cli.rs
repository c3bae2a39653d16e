//! The command line: `start`, and the verbs of an operator.

pub mod client;
pub mod error;
pub mod flags;
pub mod init;
pub mod node;
pub mod output;
pub mod sql;
pub mod start;
pub mod version;

use std::io::Write as _;
use std::process::ExitCode;

use error::CliError;
use flags::{Flags, Spec};

/// Runs a command line and gives its exit code.
pub fn main(args: Vec<String>) -> ExitCode {
    let args: Vec<String> = args.into_iter().skip(1).collect();
    let Some((command, rest)) = Command::find(&args) else {
        return unknown(&args);
    };
    if rest.iter().any(|arg| arg == "--help" || arg == "-h") {
        print_out(&command.usage());
        return ExitCode::SUCCESS;
    }
    let outcome = Flags::parse(rest, command.specs()).map_err(|text| {
        print_err(&format!("{}\n", command.usage()));
        CliError::new(text)
    });
    match outcome.and_then(|flags| command.run(&flags)) {
        Ok(code) => code,
        Err(err) => {
            print_err(&format!("{err}\nFailed running \"{}\"\n", command.failed_name()));
            ExitCode::from(1)
        }
    }
}

fn unknown(args: &[String]) -> ExitCode {
    match args.first().map(String::as_str) {
        None | Some("help" | "--help" | "-h") => {
            let names: Vec<&str> = Command::ALL.iter().map(|command| command.name()).collect();
            print_out(&format!("Usage:\n  cockroach [command]\n\nAvailable Commands:\n  {}\n", names.join("\n  ")));
            ExitCode::SUCCESS
        }
        Some(first) => {
            print_err(&format!("ERROR: unknown command {first:?} for \"cockroach\"\nFailed running \"cockroach\"\n"));
            ExitCode::from(1)
        }
    }
}

/// Writes to standard output; a closed one is nobody's loss.
pub fn print_out(text: &str) {
    let mut out = std::io::stdout().lock();
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

/// Writes to standard error; a closed one is nobody's loss.
pub fn print_err(text: &str) {
    drop(std::io::stderr().write_all(text.as_bytes()));
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Command {
    Start,
    Init,
    NodeLs,
    NodeStatus,
    NodeDecommission,
    NodeRecommission,
    NodeDrain,
    Sql,
    Version,
}

impl Command {
    const ALL: [Self; 9] = [
        Self::Start,
        Self::Init,
        Self::NodeLs,
        Self::NodeStatus,
        Self::NodeDecommission,
        Self::NodeRecommission,
        Self::NodeDrain,
        Self::Sql,
        Self::Version,
    ];

    fn find(args: &[String]) -> Option<(Self, &[String])> {
        Self::ALL.into_iter().find_map(|command| {
            let words: Vec<&str> = command.name().split(' ').collect();
            let matches = args.len() >= words.len() && words.iter().zip(args).all(|(word, arg)| word == arg);
            matches.then(|| (command, &args[words.len()..]))
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Init => "init",
            Self::NodeLs => "node ls",
            Self::NodeStatus => "node status",
            Self::NodeDecommission => "node decommission",
            Self::NodeRecommission => "node recommission",
            Self::NodeDrain => "node drain",
            Self::Sql => "sql",
            Self::Version => "version",
        }
    }

    /// The name in `Failed running "…"`.
    fn failed_name(self) -> &'static str {
        self.name()
    }

    fn specs(self) -> &'static [Spec] {
        match self {
            Self::Start => start::FLAGS,
            Self::Init => init::FLAGS,
            Self::NodeLs | Self::NodeStatus => node::FLAGS,
            Self::NodeDecommission => node::decommission::FLAGS,
            Self::NodeRecommission => node::decommission::RECOMMISSION_FLAGS,
            Self::NodeDrain => node::drain::FLAGS,
            Self::Sql => sql::FLAGS,
            Self::Version => version::FLAGS,
        }
    }

    fn usage(self) -> String {
        let flags: Vec<String> = self.specs().iter().map(|spec| format!("      --{}", spec.name)).collect();
        format!("Usage:\n  cockroach {} [flags]\n\nFlags:\n{}\n", self.name(), flags.join("\n"))
    }

    fn run(self, flags: &Flags) -> Result<ExitCode, CliError> {
        match self {
            Self::Start => start::run(flags),
            Self::Init => init::run(flags),
            Self::NodeLs => node::ls(flags),
            Self::NodeStatus => node::status(flags),
            Self::NodeDecommission => node::decommission::run(flags),
            Self::NodeRecommission => node::decommission::recommission(flags),
            Self::NodeDrain => node::drain::run(flags),
            Self::Sql => sql::run(flags),
            Self::Version => version::run(flags),
        }
    }
}

/// A runtime on this thread: one is enough for a command and for a node, and costs no memory while idle.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|err| CliError::new(err.to_string()))
}
