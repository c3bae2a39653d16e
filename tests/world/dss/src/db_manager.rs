//! `db-manager`: brings one schema of the pool to a version, or removes what has expired.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use tokio_postgres::error::SqlState;

use crate::datastore::{self, Datastore, DatastoreError};
use crate::goflag::{Flags, Spec, value};
use crate::say;
use crate::schema::{self, SchemaError, Steps};

/// Flags of `migrate`.
fn specs() -> Vec<Spec> {
    let own = [value("db_version", ""), value("schemas_dir", ""), value("timeout", "5m")];
    own.into_iter().chain(datastore::FLAGS).collect()
}

/// Runs the command line.
pub fn main(args: &[String]) -> ExitCode {
    let Some((command, rest)) = args.split_first() else {
        say(
            "Usage:\n  db-manager [command]\n\nAvailable Commands:\n  evict       Remove expired records\n  migrate     Migrate DSS database schemas",
        );
        return ExitCode::SUCCESS;
    };
    let done = match command.as_str() {
        "migrate" => run(rest),
        "evict" => crate::evict::run(rest),
        _ => {
            say(format!("Error: unknown command {command:?} for \"db-manager\"\nRun 'db-manager --help' for usage."));
            return ExitCode::from(1);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            say(format!("Error: {text}"));
            ExitCode::from(1)
        }
    }
}

fn run(args: &[String]) -> Result<(), String> {
    let specs = specs();
    let flags = Flags::parse(args, &specs).map_err(|text| {
        // This program reads its flags with another library than core-service, in other words.
        text.replace("flag provided but not defined: -", "unknown flag: --").replace("argument: -", "argument: --")
    })?;
    if let Some(extra) = flags.rest.first() {
        return Err(format!("unknown command {extra:?} for \"db-manager migrate\""));
    }
    let dir = flags.get("schemas_dir");
    if dir.is_empty() {
        return Err("required flag(s) \"schemas_dir\" not set".to_owned());
    }
    let limit = duration(flags.get("timeout"))
        .ok_or_else(|| format!("invalid argument {:?} for \"--timeout\" flag", flags.get("timeout")))?;
    let steps = Steps::read(Path::new(dir)).map_err(chain)?;
    let datastore = Datastore::of(&flags).map_err(chain)?;
    let wanted = flags.get("db_version").to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|err| err.to_string())?;
    runtime.block_on(async {
        tokio::select! {
            outcome = tokio::time::timeout(limit, migrate(&datastore, &steps, &wanted)) => match outcome {
                Ok(outcome) => outcome.map_err(chain),
                Err(_) => Err("context deadline exceeded".to_owned()),
            },
            () = terminated() => Err("terminated".to_owned()),
        }
    })
}

async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => drop(terminate.recv().await),
        Err(_) => std::future::pending().await,
    }
}

async fn migrate(datastore: &Datastore, steps: &Steps, wanted: &str) -> Result<(), SchemaError> {
    let database = &steps.database;
    make(datastore, database).await?;
    let client = datastore.connect(database).await?;
    if wanted.is_empty() {
        let current = schema::current(&client).await?;
        say(format!("{database} schema version: {current}"));
        return Ok(());
    }
    let target = steps.target(wanted)?;
    let (from, n_steps) = steps.migrate(&client, target).await?;
    say(format!("{database} schema: {from} to {target} in {n_steps} steps"));
    Ok(())
}

/// Makes a database, unless it is there. One of the two databases has no `IF NOT EXISTS` for it.
async fn make(datastore: &Datastore, database: &str) -> Result<(), DatastoreError> {
    let client = datastore.connect("postgres").await?;
    match client.batch_execute(&format!("CREATE DATABASE {database}")).await {
        Err(err) if err.code() == Some(&SqlState::DUPLICATE_DATABASE) => Ok(()),
        made => Ok(made?),
    }
}

pub(crate) fn duration(text: &str) -> Option<Duration> {
    let split = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (digits, unit) = text.split_at(split);
    let number: u64 = digits.parse().ok()?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_secs(number * 60)),
        "h" => Some(Duration::from_secs(number * 3_600)),
        _ => None,
    }
}

/// An error with its causes, on one line.
pub(crate) fn chain(err: impl std::error::Error) -> String {
    let mut text = err.to_string();
    let mut cause = err.source();
    while let Some(err) = cause {
        if !text.contains(&err.to_string()) {
            text.push_str(&format!(": {err}"));
        }
        cause = err.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_refused() {
        let run = |args: &[&str]| run(&args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>());
        assert_eq!(run(&["--foo=1"]), Err("unknown flag: --foo".into()));
        assert_eq!(run(&[]), Err("required flag(s) \"schemas_dir\" not set".into()));
        assert_eq!(run(&["--schemas_dir=/x/rid"]), Err("missing required --datastore_host".into()));
        assert!(
            run(&["--schemas_dir=/x/none"]).is_err_and(|text| text.contains("failed to read schema definition files"))
        );
    }
}
