//! `db-manager evict`: removes rows that expired long enough ago.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::datastore::{self, Datastore, DatastoreError};
use crate::db_manager::{chain, duration};
use crate::goflag::{Flags, Spec, switch, value};
use crate::say;

/// The tables that each switch stands for.
const KINDS: [(&str, &str, &str, &str); 3] = [
    ("rid_isa", "rid", "identification_service_areas", "rid_ttl"),
    ("rid_sub", "rid", "subscriptions", "rid_ttl"),
    ("scd_oir", "scd", "scd_operations", "scd_ttl"),
];

/// Flags of `evict`.
fn specs() -> Vec<Spec> {
    let own = [
        switch("delete"),
        value("locality", ""),
        switch("rid_isa"),
        switch("rid_sub"),
        value("rid_ttl", "30m"),
        switch("scd_oir"),
        switch("scd_sub"),
        value("scd_ttl", "2688h"),
        value("timeout", "10m"),
    ];
    own.into_iter().chain(datastore::FLAGS).collect()
}

/// Runs the command.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let flags = Flags::parse(args, &specs()).map_err(|text| {
        text.replace("flag provided but not defined: -", "unknown flag: --").replace("argument: -", "argument: --")
    })?;
    let rid = flags.is_on("rid_isa") || flags.is_on("rid_sub");
    if rid && flags.get("locality").is_empty() {
        return Err("locality is required to evict remote ID records".to_owned());
    }
    let span = |name: &str| {
        duration(flags.get(name)).ok_or_else(|| format!("invalid argument {:?} for \"--{name}\" flag", flags.get(name)))
    };
    let (limit, rid_ttl, scd_ttl) = (span("timeout")?, span("rid_ttl")?, span("scd_ttl")?);
    let datastore = Datastore::of(&flags).map_err(chain)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|err| err.to_string())?;
    runtime.block_on(async {
        for (_, database, table, ttl) in KINDS.into_iter().filter(|(switch, ..)| flags.is_on(switch)) {
            let ttl = if ttl == "rid_ttl" { rid_ttl } else { scd_ttl };
            let evicted = evict(&datastore, database, table, ttl, flags.is_on("delete"));
            let done = tokio::time::timeout(limit, evicted).await;
            let n_rows = done.map_err(|_| "context deadline exceeded".to_owned())?.map_err(chain)?;
            say(format!("{database}.{table}: {n_rows} expired"));
        }
        Ok(())
    })
}

async fn evict(
    datastore: &Datastore,
    database: &str,
    table: &str,
    ttl: Duration,
    delete: bool,
) -> Result<u64, DatastoreError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let expired = format!("CAST(extract(epoch FROM ends_at) AS BIGINT) < {}", now.saturating_sub(ttl).as_secs());
    let client = datastore.connect(database).await?;
    if delete {
        return Ok(client.execute(&format!("DELETE FROM {table} WHERE {expired}"), &[]).await?);
    }
    let rows = client.query(&format!("SELECT id FROM {table} WHERE {expired}"), &[]).await?;
    Ok(rows.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::run;

    #[test]
    fn rows_of_remote_identification_need_an_owner() {
        let run = |args: &[&str]| run(&args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>());
        assert_eq!(run(&["--rid_isa"]), Err("locality is required to evict remote ID records".into()));
        assert_eq!(run(&["--rid_ttl=soon"]), Err("invalid argument \"soon\" for \"--rid_ttl\" flag".into()));
        assert_eq!(run(&["--foo"]), Err("unknown flag: --foo".into()));
    }
}
