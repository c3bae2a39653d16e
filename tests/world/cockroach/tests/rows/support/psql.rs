//! Clients that are not ours: `psql` and `openssl`.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};

use super::TestNode;

/// Runs a statement with `psql` as root, with the node's own certificates.
pub(crate) fn psql(node: &TestNode, sql: &str) -> Result<String, String> {
    psql_as(node, &node.certs(), "root", "root", "defaultdb", sql)
}

/// Runs a statement as a user, with the certificate `client.<identity>` of a folder.
pub(crate) fn psql_as(
    node: &TestNode,
    certs: &std::path::Path,
    identity: &str,
    user: &str,
    database: &str,
    sql: &str,
) -> Result<String, String> {
    let certs = certs.display();
    let connection = format!(
        "host={} port={} user={user} dbname={database} sslmode=verify-full sslrootcert={certs}/ca.crt \
         sslcert={certs}/client.{identity}.crt sslkey={certs}/client.{identity}.key connect_timeout=3",
        node.address.ip(),
        node.address.port()
    );
    run(Command::new("psql").args([
        "-X",
        "-w",
        "-At",
        "-v",
        "ON_ERROR_STOP=1",
        "-v",
        "VERBOSITY=verbose",
        "-c",
        sql,
        &connection,
    ]))
}

/// A session of `psql` that has done `sql` and stays.
pub(crate) fn session(node: &TestNode, sql: &str) -> Child {
    let certs = node.certs();
    let certs = certs.display();
    let connection = format!(
        "host={} port={} user=root dbname=defaultdb sslmode=verify-full sslrootcert={certs}/ca.crt \
         sslcert={certs}/client.root.crt sslkey={certs}/client.root.key",
        node.address.ip(),
        node.address.port(),
    );
    let mut child = Command::new("psql")
        .args(["-X", "-At", &connection])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("psql");
    writeln!(child.stdin.as_mut().expect("piped"), "{sql}").expect("a living session");
    let mut line = String::new();
    let out = child.stdout.as_mut().expect("piped");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line).expect("an answer");
    child
}

/// What the node's certificate looks like to `openssl s_client`, with the node's own client certificate.
pub(crate) fn served_serial(node: &TestNode) -> String {
    let certs = node.certs();
    let shown = run(Command::new("openssl")
        .args(["s_client", "-connect", &node.address.to_string(), "-alpn", "h2", "-showcerts"])
        .arg("-CAfile")
        .arg(certs.join("ca.crt"))
        .arg("-cert")
        .arg(certs.join("client.root.crt"))
        .arg("-key")
        .arg(certs.join("client.root.key")))
    .expect("a TLS server");
    let pem = shown.split("-----BEGIN CERTIFICATE-----").nth(1).expect("a certificate");
    let pem = pem.split("-----END CERTIFICATE-----").next().expect("a whole certificate");
    let path = node.dir().join("served.pem");
    std::fs::write(&path, format!("-----BEGIN CERTIFICATE-----{pem}-----END CERTIFICATE-----\n"))
        .expect("a writable folder");
    serial(&path)
}

/// The serial number in a certificate file.
pub(crate) fn serial(path: &std::path::Path) -> String {
    run(Command::new("openssl").args(["x509", "-noout", "-serial", "-in"]).arg(path))
        .expect("a certificate")
        .trim()
        .to_owned()
}

fn run(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output().expect("a program that every test machine has");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}
