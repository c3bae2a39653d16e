//! SQL through tablet servers.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::site::{Authority, Node, universe, until};

fn tls(dir: &Path, shows: Option<&str>) -> MakeRustlsConnect {
    let mut roots = RootCertStore::empty();
    for one in CertificateDer::pem_file_iter(dir.join("ca.crt")).expect("a bundle") {
        roots.add(one.expect("a certificate")).expect("a root");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    let builder = builder.with_root_certificates(roots);
    let config = match shows {
        None => builder.with_no_client_auth(),
        Some(name) => {
            let chain = CertificateDer::pem_file_iter(dir.join(format!("{name}.crt"))).expect("a file");
            let chain = chain.collect::<Result<Vec<_>, _>>().expect("certificates");
            let key = PrivateKeyDer::from_pem_file(dir.join(format!("{name}.key"))).expect("a key");
            builder.with_client_auth_cert(chain, key).expect("a pair")
        }
    };
    MakeRustlsConnect::new(config)
}

async fn connect(ip: Ipv4Addr, database: &str, tls: MakeRustlsConnect) -> Result<Client, String> {
    let mut config = Config::new();
    config.host(ip.to_string()).port(5433).user("yugabyte").dbname(database).ssl_mode(SslMode::Require);
    let (client, connection) = config.connect(tls).await.map_err(|err| words(&err))?;
    tokio::spawn(async move { drop(connection.await) });
    Ok(client)
}

/// Waits until a server takes clients, which is a moment after its master knows of it.
fn listens(node: &Node) {
    until("SQL", || std::net::TcpStream::connect((node.ip, 5433)).map(drop).map_err(|err| err.to_string()));
}

fn words(err: &tokio_postgres::Error) -> String {
    err.as_db_error().map_or_else(|| err.to_string(), |db| format!("{}: {}", db.code().code(), db.message()))
}

#[test]
fn a_table_made_through_one_server_is_read_through_another() {
    let own = Authority::new("uss1");
    let nodes = universe(&own, 3);
    let dir = nodes[0].certs();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        [&nodes[0], &nodes[2]].into_iter().for_each(listens);
        let one = connect(nodes[0].ip, "yugabyte", tls(&dir, Some("client.yugabyte"))).await.expect("a session");
        one.batch_execute("CREATE DATABASE rid").await.expect("it is made");
        let twice = one.batch_execute("CREATE DATABASE rid").await.expect_err("it is there");
        assert_eq!(twice.code().map(|code| code.code().to_owned()).as_deref(), Some("42P04"));
        let rid = connect(nodes[0].ip, "rid", tls(&dir, Some("client.yugabyte"))).await.expect("a session");
        rid.batch_execute("CREATE TABLE t (id BIGINT PRIMARY KEY, name TEXT)").await.expect("it is made");
        rid.execute(
            "INSERT INTO t VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET name = excluded.name",
            &[&1_i64, &"a"],
        )
        .await
        .expect("it is written");
        let other = connect(nodes[2].ip, "rid", tls(&dir, Some("client.yugabyte"))).await.expect("a session");
        let name: String = other.query_one("SELECT name FROM t", &[]).await.expect("a row").get(0);
        assert_eq!(name, "a");
        let ids =
            other.query("SELECT DISTINCT CAST(universe_uuid AS TEXT) FROM yb_servers()", &[]).await.expect("rows");
        assert_eq!(ids.len(), 1);
        let version: String = other.query_one("SELECT version()", &[]).await.expect("a row").get(0);
        assert!(version.contains("-YB-"), "{version}");
    });
}

#[test]
fn statements_and_databases_of_another_kind_are_refused() {
    let own = Authority::new("uss1");
    let nodes = universe(&own, 1);
    let dir = nodes[0].certs();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        listens(&nodes[0]);
        let one = connect(nodes[0].ip, "yugabyte", tls(&dir, Some("client.yugabyte"))).await.expect("a session");
        for text in ["UPSERT INTO t VALUES (1)", "USE rid", "CREATE DATABASE IF NOT EXISTS rid", "SHOW DATABASES"] {
            let err = one.batch_execute(text).await.expect_err(text);
            assert_eq!(err.code().map(|code| code.code().to_owned()).as_deref(), Some("42601"), "{text}");
        }
        let absent =
            connect(nodes[0].ip, "rid", tls(&dir, Some("client.yugabyte"))).await.expect_err("no such database");
        assert!(absent.starts_with("3D000"), "{absent}");
    });
}

#[test]
fn nobody_comes_in_without_a_certificate_of_that_user() {
    let (own, stranger) = (Authority::new("uss1"), Authority::new("other"));
    let nodes = universe(&own, 1);
    let dir = nodes[0].certs();
    stranger.sign(&dir, "client.stranger", "yugabyte", None);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        listens(&nodes[0]);
        let node = format!("node.{}", nodes[0].ip);
        let refused = |shows: Option<&str>| connect(nodes[0].ip, "yugabyte", tls(&dir, shows));
        let bare = refused(None).await.expect_err("no certificate");
        assert!(bare.starts_with("28000: connection requires a valid client certificate"), "{bare}");
        let wrong = refused(Some(&node)).await.expect_err("another name");
        assert!(wrong.contains("certificate authentication failed for user \"yugabyte\""), "{wrong}");
        refused(Some("client.stranger")).await.expect_err("nobody vouches for it");
        let mut config = Config::new();
        config.host(nodes[0].ip.to_string()).port(5433).user("yugabyte").dbname("yugabyte").ssl_mode(SslMode::Disable);
        let Err(plain) = config.connect(NoTls).await else { panic!("no encryption") };
        assert!(words(&plain).contains("no pg_hba.conf entry"), "{}", words(&plain));
    });
}
