//! `core-service`: an instance of the DSS, as far as the offline world needs one.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_postgres::Client;

use crate::datastore::{self, Datastore, DatastoreError};
use crate::goflag::{Flags, Spec, switch, usage, value};
use crate::schema::{self, SchemaError};
use crate::server::{self, Service};
use crate::{participants, say};

/// How long the start waits for a database that is not there yet.
const PATIENCE: Duration = Duration::from_secs(300);
/// Major versions of the schemas this program works with, for each database.
const SCHEMAS: [(&str, [u32; 2]); 3] = [("rid", [4, 1]), ("scd", [3, 1]), ("aux", [1, 1])];

fn specs() -> Vec<Spec> {
    let own = [
        value("accepted_jwt_audiences", ""),
        value("addr", ":8080"),
        switch("allow_http_base_urls"),
        switch("dump_requests"),
        switch("enable_metrics"),
        switch("enable_scd"),
        switch("enable_scd_global_lock"),
        switch("enable_scd_hash_lock"),
        switch("enable_time_based_notification_index"),
        switch("enable_tracing"),
        value("gcp_prof_service_name", ""),
        value("jwks_endpoint", ""),
        value("jwks_key_ids", ""),
        value("jwks_key_ttl", "1h"),
        value("jwks_refresh_interval", "1m"),
        value("locality", ""),
        value("log_format", "console"),
        value("log_level", "info"),
        value("metrics_addr", ":8079"),
        value("public_endpoint", ""),
        value("public_key_files", ""),
        value("server_timeout", "10s"),
    ];
    own.into_iter().chain(datastore::FLAGS).collect()
}

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is missing or clashes with another.
    #[error("{0}")]
    Setting(String),
    /// The database was not ready in time, or refused.
    #[error(transparent)]
    Datastore(#[from] DatastoreError),
    /// A schema is absent, or of another major version.
    #[error("unsupported schema version for {database}! Got {found}, requires major version of {wanted}")]
    Schema { database: &'static str, found: schema::Version, wanted: u32 },
    /// A schema could not be read.
    #[error(transparent)]
    Unreadable(#[from] SchemaError),
    /// The address cannot be listened on.
    #[error("failed to listen on {addr}")]
    Listen {
        addr: String,
        #[source]
        err: std::io::Error,
    },
}

/// Runs the command line: 2 for bad flags, as Go does, 1 for a start that fails.
pub fn main(args: &[String]) -> ExitCode {
    let specs = specs();
    let flags = match Flags::parse(args, &specs) {
        Ok(flags) => flags,
        Err(text) => {
            say(format!("{text}\n{}", usage("core-service", &specs)));
            return ExitCode::from(2);
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(err) => {
            say(format!("cannot start: {err}"));
            return ExitCode::from(1);
        }
    };
    match runtime.block_on(run(&flags)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            let cause = std::error::Error::source(&err).map(|cause| format!(": {cause}")).unwrap_or_default();
            say(format!("Failed to execute service: {err}{cause}"));
            ExitCode::from(1)
        }
    }
}

async fn run(flags: &Flags) -> Result<(), StartError> {
    check(flags)?;
    let datastore = Datastore::of(flags)?;
    let (locality, endpoint) = (flags.get("locality"), flags.get("public_endpoint"));
    let mut terminate = signal(SignalKind::terminate()).map_err(|err| StartError::Setting(err.to_string()))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|err| StartError::Setting(err.to_string()))?;
    let client = tokio::select! {
        client = ready_database(&datastore, flags.is_on("enable_scd")) => client?,
        _ = terminate.recv() => return Ok(()),
        _ = interrupt.recv() => return Ok(()),
    };
    participants::register(&client, locality, endpoint).await.map_err(DatastoreError::from)?;
    drop(client);
    let addr = flags.get("addr");
    let bind = if addr.starts_with(':') { format!("0.0.0.0{addr}") } else { addr.to_owned() };
    let listener = TcpListener::bind(&bind).await.map_err(|err| StartError::Listen { addr: addr.to_owned(), err })?;
    let options = json!({
        "scd_global_lock": flags.is_on("enable_scd_global_lock"),
        "scd_hash_lock": flags.is_on("enable_scd_hash_lock"),
        "time_based_notification_index": flags.is_on("enable_time_based_notification_index"),
    });
    let service = Service { locality: locality.to_owned(), options, asks_for_tokens: has_keys(flags), datastore };
    let service = Arc::new(service);
    say(format!("Starting DSS HTTP server on {addr}"));
    tokio::select! {
        () = server::serve(service, listener) => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    say("Shutting down");
    Ok(())
}

fn has_keys(flags: &Flags) -> bool {
    ["jwks_endpoint", "public_key_files"].iter().any(|name| !flags.get(name).is_empty())
}

fn check(flags: &Flags) -> Result<(), StartError> {
    let refuse = |text: &str| Err(StartError::Setting(text.to_owned()));
    if let Some(extra) = flags.rest.first() {
        return refuse(&format!("unexpected argument {extra:?}"));
    }
    if flags.get("locality").is_empty() {
        return refuse("locality must be specified");
    }
    if flags.get("public_endpoint").is_empty() {
        return refuse("public_endpoint must be specified");
    }
    let pool_wide = ["enable_scd_global_lock", "enable_scd_hash_lock", "enable_time_based_notification_index"];
    if pool_wide.iter().filter(|name| flags.is_on(name)).count() > 1 {
        return refuse(&format!("at most one of {} may be on", pool_wide.join(", ")));
    }
    if !matches!(flags.get("log_format"), "json" | "console") {
        return refuse(&format!("unknown log format {:?}", flags.get("log_format")));
    }
    let keys = (!flags.get("jwks_endpoint").is_empty(), !flags.get("public_key_files").is_empty());
    match keys {
        (false, false) => say("warning: operating without authorizing interceptor"),
        (true, false) if flags.get("jwks_key_ids").is_empty() => return refuse("jwks_key_ids must be specified"),
        _ => {}
    }
    Ok(())
}

/// Waits until the database answers and its schemas are there.
async fn ready_database(datastore: &Datastore, scd: bool) -> Result<Client, StartError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt(datastore, scd).await {
            Ok(client) => return Ok(client),
            // Another major version will not change by waiting.
            Err(err @ StartError::Schema { found: schema::Version { major: 1.., .. }, .. }) => return Err(err),
            Err(err) if Instant::now() > deadline => return Err(err),
            Err(err) => {
                say(format!("waiting for the datastore: {err}"));
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn attempt(datastore: &Datastore, scd: bool) -> Result<Client, StartError> {
    let aux = datastore.connect("aux").await?;
    let is_yugabyte = participants::is_yugabyte(&aux).await.map_err(DatastoreError::from)?;
    for (database, wanted) in SCHEMAS.into_iter().filter(|(database, _)| scd || *database != "scd") {
        let wanted = wanted[usize::from(is_yugabyte)];
        let client = datastore.connect(database).await?;
        let found = schema::current(&client).await?;
        if found.major != wanted {
            return Err(StartError::Schema { database, found, wanted });
        }
    }
    Ok(aux)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(args: &[&str]) -> Option<String> {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let flags = Flags::parse(&args, &specs()).expect("known flags");
        check(&flags).err().map(|err| err.to_string())
    }

    #[test]
    fn an_instance_needs_a_name_and_an_address() {
        assert_eq!(refused(&["--public_endpoint=x"]).as_deref(), Some("locality must be specified"));
        assert_eq!(refused(&["--locality=x"]).as_deref(), Some("public_endpoint must be specified"));
    }

    #[test]
    fn pool_wide_options_exclude_each_other() {
        let both = ["--locality=x", "--public_endpoint=y", "--enable_scd_hash_lock", "--enable_scd_global_lock"];
        assert!(refused(&both).is_some());
        assert_eq!(refused(&both[..3]), None);
    }
}
