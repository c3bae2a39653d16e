//! The pool as the auxiliary database records it.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio_postgres::Client;

/// Writes the row of this instance, replacing an older one.
///
/// # Errors
///
/// When the database refuses.
pub async fn register(client: &Client, locality: &str, endpoint: &str) -> Result<(), tokio_postgres::Error> {
    let upsert = "INSERT INTO pool_participants (locality, public_endpoint, updated_at) VALUES ($1, $2, now()) \
        ON CONFLICT (locality) DO UPDATE SET public_endpoint = excluded.public_endpoint, updated_at = excluded.updated_at";
    client.execute(upsert, &[&locality, &endpoint]).await.map(drop)
}

/// Writes a heartbeat of this instance.
///
/// # Errors
///
/// When the database refuses.
pub async fn heartbeat(client: &Client, locality: &str, source: &str) -> Result<(), tokio_postgres::Error> {
    let upsert = "INSERT INTO heartbeats (locality, source, timestamp, reporter) VALUES ($1, $2, now(), $1) \
        ON CONFLICT (locality, source) DO UPDATE SET timestamp = excluded.timestamp, reporter = excluded.reporter";
    client.execute(upsert, &[&locality, &source]).await.map(drop)
}

/// The pool's identity: the cluster's own.
///
/// # Errors
///
/// When the database refuses.
pub async fn dar_id(client: &Client) -> Result<String, tokio_postgres::Error> {
    let statement = if is_yugabyte(client).await? {
        "SELECT DISTINCT CAST(universe_uuid AS TEXT) FROM yb_servers()"
    } else {
        "SELECT CAST(crdb_internal.cluster_id() AS TEXT)"
    };
    Ok(client.query_one(statement, &[]).await?.get(0))
}

/// Whether this database is the other one, by its own version.
///
/// # Errors
///
/// When the database refuses.
pub async fn is_yugabyte(client: &Client) -> Result<bool, tokio_postgres::Error> {
    let version: String = client.query_one("SELECT version()", &[]).await?.get(0);
    Ok(version.contains("-YB-"))
}

/// All instances that registered, with their last heartbeats.
///
/// # Errors
///
/// When the database refuses.
pub async fn instances(client: &Client) -> Result<Value, tokio_postgres::Error> {
    let rows = client
        .query(
            "SELECT locality, public_endpoint, CAST(extract(epoch FROM updated_at) AS BIGINT) FROM pool_participants ORDER BY locality",
            &[],
        )
        .await?;
    let beats = client
        .query(
            "SELECT locality, source, CAST(extract(epoch FROM timestamp) AS BIGINT) FROM heartbeats ORDER BY locality, source",
            &[],
        )
        .await?;
    let instances: Vec<Value> = rows
        .iter()
        .map(|row| {
            let locality: String = row.get(0);
            let own = beats.iter().filter(|beat| beat.get::<_, String>(0) == locality);
            let latest = own.max_by_key(|beat| beat.get::<_, i64>(2));
            let mut instance = json!({
                "id": locality,
                "public_endpoint": row.get::<_, String>(1),
                "updated_at": rfc3339(row.get(2)),
            });
            if let Some(beat) = latest {
                instance["most_recent_heartbeat"] =
                    json!({"source": beat.get::<_, String>(1), "timestamp": rfc3339(beat.get(2))});
            }
            instance
        })
        .collect();
    Ok(json!({ "dss_instances": instances }))
}

fn rfc3339(seconds: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(&Rfc3339).expect("the format has only fields of a date and time")
}
