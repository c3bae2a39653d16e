//! The command line: texts and exit codes.

use crate::support::node::cockroach;
use crate::support::{Authority, Start, until};

#[test]
fn an_unknown_flag_is_an_error_of_its_command() {
    let (done, out, err) = cockroach(&["start", "--join=a", "--foo=1"], &[]);
    assert!(!done && out.is_empty());
    assert!(err.ends_with("ERROR: unknown flag: --foo\nFailed running \"start\"\n"), "{err}");
    let (done, _, err) = cockroach(&["node", "status", "--bar"], &[]);
    assert!(!done && err.ends_with("ERROR: unknown flag: --bar\nFailed running \"node status\"\n"), "{err}");
    let (done, _, err) = cockroach(&["start"], &[]);
    assert!(!done && err.starts_with("ERROR: no --join flags provided to 'cockroach start'\nHINT: "), "{err}");
}

#[test]
fn the_version_is_the_images() {
    assert_eq!(cockroach(&["version", "--build-tag"], &[]).1, "v24.1.3\n");
    let (_, out, _) = cockroach(&["version"], &[]);
    assert!(out.starts_with("Build Tag:          v24.1.3\nBuild Time:         2024/08/01"), "{out}");
    let other = std::process::Command::new(crate::support::node::BINARY)
        .args(["version", "--build-tag"])
        .env("COCKROACH_VERSION", "v25.2.1")
        .output()
        .expect("the built program");
    assert_eq!(other.stdout, b"v25.2.1\n");
}

#[test]
fn node_status_and_sql_print_what_scripts_read() {
    let ca = Authority::new("alpha");
    let node = Start::of(&ca).arg("--locality=zone=a").start();
    node.init();
    let address = node.address;
    // On a busy machine a node may look dead for a moment, to itself as well.
    let out = until("a living node", || match node.cockroach(&["node", "status"]) {
        (true, out, _) if out.ends_with("\ttrue\ttrue\n") => Ok(out),
        (_, out, err) => Err(format!("{out}{err}")),
    });
    let mut lines = out.lines();
    assert_eq!(
        lines.next(),
        Some("id\taddress\tsql_address\tbuild\tstarted_at\tupdated_at\tlocality\tis_available\tis_live")
    );
    let row: Vec<&str> = lines.next().expect("a node").split('\t').collect();
    let shown = address.to_string();
    assert_eq!(
        (row[0], row[1], row[3], row[6], row[7], row[8]),
        ("1", shown.as_str(), "v24.1.3", "zone=a", "true", "true")
    );
    let (_, all, err) = node.cockroach(&["node", "status", "--all", "--format=records"]);
    assert!(all.contains("membership            | active") || all.contains("membership"), "{all}{err}");
    let (done, _, err) = node.cockroach(&["node", "status", "9"]);
    assert!(!done);
    assert_eq!(err, "ERROR: node 9 doesn't exist\nFailed running \"node status\"\n");
    let (done, out, _) = node.cockroach(&["sql", "-e", "SELECT 1 AS one, 'a,b' AS two", "--format=csv"]);
    assert!(done);
    assert_eq!(out, "one,two\n1,\"a,b\"\n");
    let (_, out, _) = node.cockroach(&[
        "sql",
        "-e",
        "CREATE TABLE t (k INT)",
        "-e",
        "INSERT INTO t VALUES (1), (2); SELECT count(*) FROM t",
    ]);
    assert_eq!(out, "CREATE TABLE\nINSERT 0 2\ncount\n2\n");
    let (done, _, err) = node.cockroach(&["sql", "-e", "SELECT * FROM nowhere"]);
    assert!(!done);
    assert_eq!(err, "ERROR: relation \"nowhere\" does not exist\nSQLSTATE: 42P01\nFailed running \"sql\"\n");
}

#[test]
fn a_server_that_is_not_there_is_said_to_be_so() {
    let ca = Authority::new("alpha");
    let mut node = Start::of(&ca).start();
    node.kill();
    let (done, _, err) = node.cockroach(&["sql", "-e", "SELECT 1"]);
    assert!(!done);
    assert!(err.starts_with("ERROR: cannot dial server.\nIs the server running?\n"), "{err}");
    assert!(err.contains("connect: connection refused"), "{err}");
}
