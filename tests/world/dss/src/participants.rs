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
    let upsert = "UPSERT INTO aux.pool_participants (locality, public_endpoint, updated_at) VALUES ($1, $2, now())";
    client.execute(upsert, &[&locality, &endpoint]).await.map(drop)
}

/// Writes a heartbeat of this instance.
///
/// # Errors
///
/// When the database refuses.
pub async fn heartbeat(client: &Client, locality: &str, source: &str) -> Result<(), tokio_postgres::Error> {
    let upsert = "UPSERT INTO aux.heartbeats (locality, source, timestamp, reporter) VALUES ($1, $2, now(), $1)";
    client.execute(upsert, &[&locality, &source]).await.map(drop)
}

/// The pool's identity: the cluster's own.
///
/// # Errors
///
/// When the database refuses.
pub async fn dar_id(client: &Client) -> Result<String, tokio_postgres::Error> {
    let row = client.query_one("SELECT crdb_internal.cluster_id()::STRING", &[]).await?;
    Ok(row.get(0))
}

/// All instances that registered, with their last heartbeats.
///
/// # Errors
///
/// When the database refuses.
pub async fn instances(client: &Client) -> Result<Value, tokio_postgres::Error> {
    let rows = client
        .query(
            "SELECT locality, public_endpoint, (updated_at::DECIMAL)::INT FROM aux.pool_participants ORDER BY locality",
            &[],
        )
        .await?;
    let beats = client
        .query("SELECT locality, source, (timestamp::DECIMAL)::INT FROM aux.heartbeats ORDER BY locality, source", &[])
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
