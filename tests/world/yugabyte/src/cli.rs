//! The command lines.

use std::path::Path;
use std::process::ExitCode;

use crate::flags::Flags;
use crate::{admin, master, say, tserver};

/// Why a program ended.
#[derive(Debug, thiserror::Error)]
pub enum EndError {
    /// A flag is missing or makes no sense.
    #[error("{0}")]
    Flag(String),
    /// Something that the program needs is not there.
    #[error("{0}")]
    Start(String),
}

/// Runs the program of this name and gives its exit code. A flag that no such program has ends it at once, as gflags does.
pub fn main(args: Vec<String>) -> ExitCode {
    let mut args = args.into_iter();
    let called = args.next().unwrap_or_default();
    let called = Path::new(&called).file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let known: &[&[&str]] = match called.as_str() {
        "yb-master" => &[master::FLAGS, crate::certs::FLAGS],
        "yb-tserver" => &[tserver::FLAGS, crate::certs::FLAGS],
        "yb-admin" => &[admin::FLAGS],
        "yb-ts-cli" => &[admin::SERVER_FLAGS],
        _ => {
            say('F', format!("no program of the name `{called}`"));
            return ExitCode::FAILURE;
        }
    };
    let flags = match Flags::parse(args, known) {
        Ok(flags) => flags,
        Err(text) => {
            say('E', format!("ERROR: {text}"));
            return ExitCode::FAILURE;
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(err) => {
            say('F', format!("cannot start: {err}"));
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(async {
        match called.as_str() {
            "yb-master" => master::run(&flags).await,
            "yb-tserver" => tserver::run(&flags).await,
            "yb-admin" => admin::universe(&flags).await,
            _ => admin::server(&flags).await,
        }
    });
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            say('F', err.to_string());
            ExitCode::FAILURE
        }
    }
}
