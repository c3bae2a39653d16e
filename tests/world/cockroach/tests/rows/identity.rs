//! Rows 54 and 55: who an SQL client is.

use std::fs;

use crate::support::psql::{psql, psql_as};
use crate::support::{Authority, Leaf, Start, TestNode};

fn folder(node: &TestNode, name: &str) -> std::path::PathBuf {
    let dir = node.dir().join(name);
    fs::create_dir(&dir).expect("a writable folder");
    fs::copy(node.certs().join("ca.crt"), dir.join("ca.crt")).expect("a copy");
    dir
}

#[test]
fn row_54_the_root_certificate_of_another_member_has_roots_rights() {
    let (alpha, beta) = (Authority::new("alpha"), Authority::new("beta"));
    let node = Start::of(&alpha).trusting(&[&alpha, &beta]).start();
    node.init();
    let foreign = folder(&node, "foreign");
    beta.sign(&Leaf::new("root", &[])).write(&foreign, "client.root");
    let made = psql_as(&node, &foreign, "root", "root", "defaultdb", "CREATE DATABASE seized");
    assert_eq!(made.as_deref(), Ok("CREATE DATABASE\n"));
    let setting =
        psql_as(&node, &foreign, "root", "root", "defaultdb", "SET CLUSTER SETTING cluster.organization = 'beta'");
    assert_eq!(setting.as_deref(), Ok("SET CLUSTER SETTING\n"));
    assert_eq!(psql(&node, "SHOW CLUSTER SETTING cluster.organization").as_deref(), Ok("beta\n"));
}

#[test]
fn row_54_a_dns_name_spelled_root_is_root() {
    let ca = Authority::new("alpha");
    let node = Start::of(&ca).start();
    node.init();
    let other = folder(&node, "other");
    ca.sign(&Leaf::new("probe", &["root"])).write(&other, "client.probe");
    assert_eq!(psql_as(&node, &other, "probe", "root", "defaultdb", "SELECT current_user").as_deref(), Ok("root\n"));
}

#[test]
fn row_55_a_certificate_of_another_user_or_for_no_user_is_refused() {
    let (ca, stranger) = (Authority::new("alpha"), Authority::new("stranger"));
    let node = Start::of(&ca).start();
    node.init();
    let dir = folder(&node, "other");
    ca.sign(&Leaf::new("maxroach", &[])).write(&dir, "client.maxroach");
    stranger.sign(&Leaf::new("root", &[])).write(&dir, "client.stranger");
    let refused = |identity: &str, user: &str| {
        psql_as(&node, &dir, identity, user, "defaultdb", "SELECT 1").expect_err("nobody may do this")
    };
    let nobody = refused("maxroach", "maxroach");
    assert!(nobody.contains("FATAL:  password authentication failed for user maxroach"), "{nobody}");
    let other = refused("maxroach", "root");
    assert!(
        other.contains("FATAL:  certificate authentication failed for user \"root\" (DN: CN=maxroach,O=Cockroach)"),
        "{other}"
    );
    assert!(
        other.contains(
            "DETAIL:  The client certificate (DN: CN=maxroach,O=Cockroach) is valid for \"maxroach\" on all tenants."
        ),
        "{other}"
    );
    let unknown = refused("stranger", "root");
    assert!(unknown.contains("alert unknown ca"), "{unknown}");
    psql(&node, "CREATE USER maxroach").expect("root may");
    assert_eq!(psql_as(&node, &dir, "maxroach", "maxroach", "defaultdb", "SELECT 1").as_deref(), Ok("1\n"));
}

#[test]
fn row_55_without_a_certificate_there_is_a_password_that_nobody_has() {
    let ca = Authority::new("alpha");
    let node = Start::of(&ca).start();
    node.init();
    let ask = |mode: &str, password: &str| {
        let output = std::process::Command::new("psql")
            .args(["-X", "-At", "-c", "SELECT 1"])
            .arg(format!(
                "host={} port={} user=root dbname=defaultdb sslmode={mode} connect_timeout=3",
                node.address.ip(),
                node.address.port()
            ))
            .env("PGPASSWORD", password)
            .env("HOME", node.dir())
            .stdin(std::process::Stdio::null())
            .output()
            .expect("psql");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let guessed = ask("require", "guess");
    assert!(guessed.contains("FATAL:  password authentication failed for user root"), "{guessed}");
    let plain = ask("disable", "guess");
    assert!(plain.contains("FATAL:  node is running secure mode, SSL connection required"), "{plain}");
}
