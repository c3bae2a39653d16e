//! What developers and CI run, as `cargo xtask COMMAND`.
#![expect(clippy::print_stderr, clippy::print_stdout, reason = "this program talks to a terminal")]

mod chart;
mod checkout;
mod ci;
mod demo;
mod digest;
mod docs;
mod environment;
mod images;
mod libtest;
mod plugins;
mod program;
mod programs;
mod setup;
mod suite;
mod tidy;
mod tools;
mod world;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::{
    checkout::Checkout,
    environment::Environment,
    programs::Profile,
    tools::{Purpose, Versions},
};

/// What developers and CI run
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Find or install what the demo and the tests need
    ///
    /// Everything lands under `$HANGAR_TOOLS_DIR`, else `$XDG_CACHE_HOME/hangar/tools`, else
    /// `~/.cache/hangar/tools`; nothing is done twice. Paths are written to `tools.json` in the target folder.
    Tools {
        /// How much is needed
        #[arg(long = "for", value_enum, default_value_t = Purpose::Test)]
        purpose: Purpose,
        #[command(flatten)]
        versions: Versions,
    },
    /// Build the programs
    Build,
    /// Build the plugins and the guests of the tests as components
    BuildPlugins,
    /// Write the container images as OCI image layouts
    Images {
        /// Use release builds
        #[arg(long)]
        release: bool,
    },
    /// Start the offline world and leave it running
    World {
        /// Further arguments of `hangar-world up`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Deploy organisations and pool them, on this machine
    Demo {
        #[command(flatten)]
        options: demo::Options,
    },
    /// Do all set-up and run all tests
    Test {
        /// Run only tests whose name contains this
        filter: Option<String>,
        #[command(flatten)]
        versions: Versions,
    },
    /// Write the reference pages that are made of what they describe
    ///
    /// And the chart's schema and defaults, which are made of the same source.
    GenDocs,
    /// Check what no compiler checks: which room uses which, sizes, words
    Tidy,
    /// Do what CI does: formatting, lints, tests
    Ci,
}

fn main() -> ExitCode {
    let Err(error) = run(Arguments::parse()) else { return ExitCode::SUCCESS };
    eprintln!("error: {error}");
    for cause in error.chain().skip(1) {
        eprintln!("  caused by: {cause}");
    }
    ExitCode::FAILURE
}

fn run(arguments: Arguments) -> Result<()> {
    let checkout = Checkout::find(Environment::of_process())?;
    match arguments.command {
        Command::Tools { purpose, versions } => tools::run(&checkout, purpose, versions).map(drop),
        Command::Build => programs::build(&checkout, Profile::Dev).map(drop),
        Command::BuildPlugins => setup::plugins(&checkout),
        Command::Images { release } => images::run(&checkout, if release { Profile::Release } else { Profile::Dev }),
        Command::World { arguments } => world::run(&checkout, &arguments),
        Command::Demo { options } => demo::run(&checkout, options),
        Command::Test { filter, versions } => suite::run(&checkout, filter.as_deref(), versions),
        Command::GenDocs => docs::run(&checkout).and_then(|()| chart::run(&checkout)),
        Command::Tidy => tidy::run(&checkout),
        Command::Ci => ci::run(&checkout),
    }
}
