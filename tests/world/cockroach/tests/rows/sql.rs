//! SQL as `psql` and a driver see it.

use tokio_postgres::NoTls;
use tokio_postgres::types::Type;

use crate::support::cluster::answers;
use crate::support::psql::{psql, psql_as};
use crate::support::{Authority, Start, TestNode};

fn serving(ca: &Authority) -> TestNode {
    let node = Start::of(ca).arg("--locality=zone=alpha").start();
    node.init();
    node
}

#[test]
fn statements_of_an_ordinary_client_work() {
    let ca = Authority::new("alpha");
    let node = serving(&ca);
    let run = |sql: &str| psql(&node, sql).map(|text| text.trim_end().to_owned());
    assert!(run("SELECT version()").is_ok_and(|version| version.starts_with("CockroachDB CCL v24.1.3 (")));
    assert_eq!(run("SHOW CLUSTER SETTING version").as_deref(), Ok("24.1"));
    assert_eq!(run("SHOW LOCALITY").as_deref(), Ok("zone=alpha"));
    assert_eq!(run("CREATE DATABASE aux").as_deref(), Ok("CREATE DATABASE"));
    assert!(run("SHOW DATABASES").is_ok_and(|list| list.contains("aux|root")));
    let aux =
        |sql: &str| psql_as(&node, &node.certs(), "root", "root", "aux", sql).map(|text| text.trim_end().to_owned());
    let create = "CREATE TABLE pool_participants (locality STRING PRIMARY KEY, public_endpoint STRING NOT NULL, \
                  updated_at TIMESTAMPTZ NOT NULL DEFAULT now())";
    assert_eq!(aux(create).as_deref(), Ok("CREATE TABLE"));
    assert_eq!(
        aux("INSERT INTO pool_participants (locality, public_endpoint) VALUES ('a', 'x'), ('b', 'y')").as_deref(),
        Ok("INSERT 0 2")
    );
    assert_eq!(
        aux("UPSERT INTO pool_participants (locality, public_endpoint) VALUES ('b', 'z')").as_deref(),
        Ok("INSERT 0 1")
    );
    assert_eq!(
        aux("UPDATE pool_participants SET public_endpoint = 'w' WHERE locality = 'a'").as_deref(),
        Ok("UPDATE 1")
    );
    assert_eq!(
        aux("SELECT locality, public_endpoint FROM pool_participants ORDER BY 1 DESC").as_deref(),
        Ok("b|z\na|w")
    );
    assert_eq!(aux("DELETE FROM pool_participants WHERE locality IN ('a', 'c')").as_deref(), Ok("DELETE 1"));
    assert_eq!(aux("SELECT count(*), max(locality) FROM pool_participants").as_deref(), Ok("1|b"));
    assert_eq!(
        aux("SELECT EXISTS (SELECT * FROM information_schema.tables WHERE table_name = 'pool_participants')")
            .as_deref(),
        Ok("t")
    );
    assert!(aux("SHOW TABLES").is_ok_and(|list| list.contains("public|pool_participants|table")));
    assert_eq!(
        aux("BEGIN; INSERT INTO pool_participants VALUES ('t', 'u'); ROLLBACK; SELECT count(*) FROM pool_participants")
            .map(|text| text.lines().last().map(str::to_owned)),
        Ok(Some("1".into()))
    );
    assert_eq!(aux("INSERT INTO pool_participants VALUES ('b', 'q') ON CONFLICT (locality) DO UPDATE SET public_endpoint = excluded.public_endpoint RETURNING public_endpoint").as_deref(), Ok("q\nINSERT 0 1"));
}

#[test]
fn unknown_things_have_the_real_codes() {
    let ca = Authority::new("alpha");
    let node = serving(&ca);
    psql(&node, "CREATE TABLE t (k INT PRIMARY KEY, v STRING NOT NULL)").expect("a serving node");
    psql(&node, "INSERT INTO t VALUES (1, 'a')").expect("a serving node");
    for (sql, expected) in [
        ("SELECT * FROM nowhere", "ERROR:  42P01: relation \"nowhere\" does not exist"),
        ("SELECT nothing FROM t", "ERROR:  42703: column \"nothing\" does not exist"),
        ("SELECT no_such_function(1)", "ERROR:  42883: unknown function: no_such_function()"),
        ("USE nowhere", "ERROR:  3D000: database \"nowhere\" does not exist"),
        ("SHOW TABLES FROM nowhere", "ERROR:  3D000: database \"nowhere\" does not exist"),
        ("SELECT * FROM crdb_internal.nowhere", "ERROR:  42P01: relation \"crdb_internal.nowhere\" does not exist"),
        (
            "SET allow_unsafe_internals = true",
            "ERROR:  42704: unrecognized configuration parameter \"allow_unsafe_internals\"",
        ),
        ("SHOW CLUSTER SETTING no.such", "ERROR:  42704: unknown setting: \"no.such\""),
        ("SELEC 1", "ERROR:  42601: at or near "),
        ("CREATE DATABASE defaultdb", "ERROR:  42P04: database \"defaultdb\" already exists"),
        ("CREATE TABLE t (k INT)", "ERROR:  42P07: relation \"defaultdb.public.t\" already exists"),
        ("INSERT INTO t VALUES (1, 'b')", "ERROR:  23505: duplicate key value violates unique constraint \"t_pkey\""),
        ("INSERT INTO t (k) VALUES (2)", "ERROR:  23502: null value in column \"v\" violates not-null constraint"),
        ("SELECT 'x'::INT", "ERROR:  22P02: could not parse \"x\" as type int"),
    ] {
        let err = psql(&node, sql).expect_err(sql);
        assert!(err.contains(expected), "{sql}: {err}");
    }
    let gone = psql_as(&node, &node.certs(), "root", "root", "rid", "SELECT * FROM information_schema.tables");
    assert!(gone.as_ref().is_err_and(|err| err.contains("3D000: database \"rid\" does not exist")), "{gone:?}");
}

#[test]
fn the_observation_relations_describe_the_cluster() {
    let ca = Authority::new("alpha");
    let node = serving(&ca);
    let run = |sql: &str| psql(&node, sql).map(|text| text.trim_end().to_owned());
    let described = "SELECT node_id, is_live, locality, build_tag FROM crdb_internal.gossip_nodes";
    answers(&node, described, "1|t|zone=alpha|v24.1.3");
    assert_eq!(
        run("SELECT node_id, membership, draining FROM crdb_internal.gossip_liveness").as_deref(),
        Ok("1|active|f")
    );
    assert_eq!(run("SELECT tag, address FROM crdb_internal.kv_node_status"), Ok(format!("v24.1.3|{}", node.address)));
    assert_eq!(
        run("SELECT (metrics->>'ranges.unavailable')::DECIMAL::INT FROM crdb_internal.kv_store_status").as_deref(),
        Ok("0")
    );
    assert_eq!(
        run("SELECT value FROM crdb_internal.node_build_info WHERE field = 'Version'").as_deref(),
        Ok("v24.1.3")
    );
    let alive = "SELECT count(*) FROM crdb_internal.gossip_liveness JOIN crdb_internal.gossip_nodes USING (node_id) \
                 WHERE split_part(expiration, ',', 1)::decimal > now()::decimal";
    answers(&node, alive, "1");
    assert!(run("SHOW CLUSTER RANGES").is_ok_and(|ranges| ranges.lines().count() > 10));
}

#[tokio::test]
async fn prepared_statements_take_typed_parameters() {
    let ca = Authority::new("alpha");
    let node = tokio::task::spawn_blocking(move || serving(&ca)).await.expect("no panic");
    let client = connect(&node).await;
    client.batch_execute("CREATE TABLE t (k INT PRIMARY KEY, u UUID, at TIMESTAMPTZ, j JSONB)").await.expect("a table");
    let insert = client.prepare("INSERT INTO t (k, u, j) VALUES ($1, $2, $3)").await.expect("a statement");
    assert_eq!(insert.params(), [Type::INT8, Type::UUID, Type::JSONB]);
    let id = uuid::Uuid::new_v4();
    let json = serde_json::json!({"a": 1});
    assert_eq!(client.execute(&insert, &[&7_i64, &id, &json]).await.expect("a row"), 1);
    let row = client.query_one("SELECT k, u, j, k + 1 AS next FROM t WHERE k = $1", &[&7_i64]).await.expect("a row");
    assert_eq!((row.get::<_, i64>("k"), row.get::<_, uuid::Uuid>("u"), row.get::<_, i64>("next")), (7, id, 8));
    assert_eq!(row.get::<_, serde_json::Value>("j"), json);
    let cluster: uuid::Uuid = client.query_one("SELECT crdb_internal.cluster_id()", &[]).await.expect("a row").get(0);
    assert!(!cluster.is_nil());
    let refused = client.query("SELECT * FROM t WHERE nothing = $1", &[&1_i64]).await.expect_err("no such column");
    assert_eq!(refused.code().map(tokio_postgres::error::SqlState::code), Some("42703"));
    let mut client = client;
    let txn = client.transaction().await.expect("a transaction");
    txn.execute("UPDATE t SET j = $1 WHERE k = $2", &[&serde_json::json!([]), &7_i64]).await.expect("a row");
    txn.commit().await.expect("a commit");
    drop(client);
    tokio::task::spawn_blocking(move || drop(node)).await.expect("no panic");
}

/// A connection of an independent driver, over TLS of its own.
async fn connect(node: &TestNode) -> tokio_postgres::Client {
    use rustls_pki_types::pem::PemObject as _;
    use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let certs = node.certs();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certs.join("ca.crt")).expect("the bundle")).expect("a root");
    let config =
        rustls::ClientConfig::builder_with_provider(std::sync::Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has both versions")
            .with_root_certificates(roots)
            .with_client_auth_cert(
                vec![CertificateDer::from_pem_file(certs.join("client.root.crt")).expect("a certificate")],
                PrivateKeyDer::from_pem_file(certs.join("client.root.key")).expect("a key"),
            )
            .expect("a pair");
    let mut tcp = tokio::net::TcpStream::connect(node.address).await.expect("an open port");
    tcp.write_all(&[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]).await.expect("an open connection");
    assert_eq!(tcp.read_u8().await.expect("an answer"), b'S');
    let name = ServerName::try_from(node.address.ip().to_string()).expect("an address");
    let tls =
        tokio_rustls::TlsConnector::from(std::sync::Arc::new(config)).connect(name, tcp).await.expect("a handshake");
    let mut config = tokio_postgres::Config::new();
    config.user("root").dbname("defaultdb").ssl_mode(tokio_postgres::config::SslMode::Disable);
    let (client, connection) = config.connect_raw(tls, NoTls).await.expect("a session");
    assert!(connection.parameter("crdb_version").is_some_and(|version| version.starts_with("CockroachDB CCL v24.1.3")));
    tokio::spawn(connection);
    client
}
