//! The lock of the schema job, on a database node of the offline world that is a process of its own.

mod node;

use std::time::Duration;

use anyhow::{Result, ensure};
use hangar_agent::schema::{Change, Migration, SchemaError, lock, unlock};

use crate::node::Node;

const RID: &str = "CREATE DATABASE rid; USE rid; \
    CREATE TABLE schema_versions (onerow_enforcer BOOL PRIMARY KEY, schema_version STRING NOT NULL); \
    UPSERT INTO schema_versions (onerow_enforcer, schema_version) VALUES (TRUE, 'v4.0.0')";

fn migration(node: &Node, owner: &str, wanted: &str) -> Result<Migration> {
    Ok(Migration {
        datastore: node.datastore(),
        database: "defaultdb".to_owned(),
        owner: owner.to_owned(),
        lease: Duration::from_secs(600),
        patience: Duration::from_millis(500),
        wanted: vec![wanted.parse()?],
        allow_downgrade: false,
    })
}

fn told(changes: &[Change]) -> Vec<String> {
    changes.iter().map(ToString::to_string).collect()
}

async fn is_locked_by(owner: &str, other: &Migration) -> Result<()> {
    match lock(other).await {
        Err(SchemaError::Locked { owner: found, left }) => {
            ensure!(found == owner && left > Duration::from_secs(500), "{found}, {left:?}");
            Ok(())
        }
        done => anyhow::bail!("{done:?}"),
    }
}

#[tokio::test]
async fn one_member_at_a_time_changes_the_pools_schemas() -> Result<()> {
    let node = Node::start()?;
    let one = migration(&node, "uss1/dss/job", "rid=4.0.0")?;
    let two = migration(&node, "uss2/dss/job", "rid=4.0.0")?;
    // Nothing is there yet: making it needs nobody's consent.
    assert_eq!(told(&lock(&one).await?), ["schema `rid` is made at 4.0.0"]);
    is_locked_by("uss1/dss/job", &two).await?;
    // A pod that failed comes again, and its own lock does not keep it out.
    lock(&one).await?;
    // Before the work is done the lock is not given back.
    let err = unlock(&one).await.expect_err("nothing was made");
    assert_eq!(err.to_string(), "schema `rid` is at none, not at 4.0.0");
    is_locked_by("uss1/dss/job", &two).await?;
    node.sql(RID).await?;
    unlock(&one).await?;
    assert_eq!(told(&lock(&two).await?), ["schema `rid` stays at 4.0.0"]);
    // Who no longer holds the lock gives nothing back.
    unlock(&one).await?;
    is_locked_by("uss2/dss/job", &one).await?;

    // A lock whose time is up is anybody's.
    unlock(&two).await?;
    lock(&Migration { lease: Duration::ZERO, ..two.clone() }).await?;
    let third = Migration { patience: Duration::from_secs(10), ..one.clone() };
    assert_eq!(told(&lock(&third).await?), ["schema `rid` stays at 4.0.0"]);
    unlock(&third).await?;

    a_schema_in_use_is_changed_only_if_that_was_asked(&node).await?;
    a_database_that_does_not_answer_is_named(&node).await
}

/// On the same node: a start takes longer than all of this.
async fn a_schema_in_use_is_changed_only_if_that_was_asked(node: &Node) -> Result<()> {
    let refused = |wanted: &str, allow_downgrade| -> Result<Migration> {
        Ok(Migration { allow_downgrade, ..migration(node, "uss1/dss/newer", wanted)? })
    };
    for (wanted, allow_downgrade) in [("rid=4.1.0", true), ("rid=3.9.0", true), ("rid=3.9.0,asked", false)] {
        let newer = refused(wanted, allow_downgrade)?;
        let err = lock(&newer).await.map(|changes| told(&changes)).expect_err(wanted);
        ensure!(matches!(err, SchemaError::Refused { .. }), "{wanted}: {err}");
        ensure!(err.to_string().contains("schema `rid` is at 4.0.0"), "{wanted}: {err}");
        // The lock was given back: somebody else gets it at once.
        let other = migration(node, "uss2/dss/job", "rid=4.0.0")?;
        lock(&other).await?;
        unlock(&other).await?;
    }
    for (wanted, allow_downgrade) in [("rid=4.1.0,asked", false), ("rid=3.9.0,asked", true)] {
        let asked = refused(wanted, allow_downgrade)?;
        assert_eq!(told(&lock(&asked).await?).len(), 1, "{wanted}");
    }
    Ok(())
}

/// Who waits for the database is told for whom.
async fn a_database_that_does_not_answer_is_named(node: &Node) -> Result<()> {
    let mut gone = migration(node, "uss1/dss/job", "rid=4.0.0")?;
    gone.datastore.port = 1;
    let err = lock(&gone).await.expect_err("nobody is there");
    assert_eq!(err.to_string(), format!("no answer from `{}`", gone.datastore.host));
    Ok(())
}
