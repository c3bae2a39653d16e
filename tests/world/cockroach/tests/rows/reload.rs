//! Rows 16 to 18: certificates while a node runs, and when it starts.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;

use crate::support::authority::write_bundle;
use crate::support::http::metric;
use crate::support::psql::{psql, serial, served_serial};
use crate::support::{Authority, Leaf, Start, until};

#[test]
fn row_16_a_broken_folder_changes_nothing() {
    let ca = Authority::new("alpha");
    let node = Start::of(&ca).start();
    node.init();
    let (before, expiry) = (served_serial(&node), metric(&node, "security_certificate_expiration_ca"));
    assert!(expiry.is_some_and(|expiry| expiry > 0.0));
    let bundle = node.certs().join("ca.crt");
    let good = fs::read_to_string(&bundle).expect("the bundle");
    for broken in [
        good.replace("CERTIFICATE-----\nMII", "CERTIFICATE-----\nMI!"),
        format!("{good}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
    ] {
        fs::write(&bundle, broken).expect("a writable folder");
        let told = node.log().matches("reload would lose valid CA cert: ").count();
        node.signal(Signal::SIGHUP);
        until("the refusal", || {
            let log = node.log();
            if log.matches("reload would lose valid CA cert: ").count() > told { Ok(()) } else { Err(log) }
        });
    }
    fs::write(&bundle, &good).expect("a writable folder");
    fs::rename(node.certs().join("node.key"), node.certs().join("elsewhere")).expect("our own file");
    node.signal(Signal::SIGHUP);
    node.logs("reload would lose valid node cert: could not stat key file ");
    assert_eq!((served_serial(&node), metric(&node, "security_certificate_expiration_ca")), (before, expiry));
    assert_eq!(psql(&node, "SELECT 1").as_deref(), Ok("1\n"));
}

#[test]
fn row_17_a_node_does_not_start_with_a_broken_bundle() {
    let ca = Authority::new("alpha");
    let mut node = Start::of(&ca).start();
    node.init();
    node.stop();
    fs::write(node.certs().join("ca.crt"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        .expect("a writable folder");
    node.start_again();
    let status = until("the end", || node.has_ended().ok_or_else(|| "it runs".to_owned()));
    assert_eq!(status.code(), Some(1));
    node.logs("ERROR: cannot load certificates.");
    node.logs("problem with CA certificate: ");
    node.logs("Failed running \"start\"");
    write_bundle(&node.certs(), &[&ca]);
    node.start_again();
    node.serves();
}

#[test]
fn row_17_a_node_does_not_start_as_somebody_else() {
    let ca = Authority::new("alpha");
    let mut node = Start::of(&ca).start();
    node.stop();
    ca.sign(&Leaf::new("web", &["web.example.com"])).write(&node.certs(), "node");
    node.start_again();
    let status = until("the end", || node.has_ended().ok_or_else(|| "it runs".to_owned()));
    assert_eq!(status.code(), Some(1));
    node.logs("client/server node certificate has principals [\"web\" \"web.example.com\"], expected \"node\"");
}

#[test]
fn row_17_a_key_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let ca = Authority::new("alpha");
    let mut node = Start::of(&ca).start();
    node.stop();
    let key = node.certs().join("node.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("our own file");
    node.start_again();
    until("the end", || node.has_ended().ok_or_else(|| "it runs".to_owned()));
    node.logs("has permissions -rw-r--r--, exceeds -rwx");
}

#[test]
fn row_18_a_new_leaf_is_shown_from_the_reload_on_and_old_sessions_live() {
    let ca = Authority::new("alpha");
    let node = Start::of(&ca).start();
    node.init();
    let certs = node.certs();
    let connection = format!(
        "host={} port={} user=root dbname=defaultdb sslmode=verify-full sslrootcert={dir}/ca.crt \
         sslcert={dir}/client.root.crt sslkey={dir}/client.root.key",
        node.address.ip(),
        node.address.port(),
        dir = certs.display()
    );
    let mut session = Command::new("psql")
        .args(["-X", "-At", &connection])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("psql");
    let mut input = session.stdin.take().expect("piped");
    let mut output = BufReader::new(session.stdout.take().expect("piped"));
    let mut ask = |sql: &str| {
        writeln!(input, "{sql};").expect("a living session");
        let mut line = String::new();
        output.read_line(&mut line).expect("a living session");
        line.trim().to_owned()
    };
    assert_eq!(ask("SELECT 'before'"), "before");
    let own = node.address.ip().to_string();
    ca.sign(&Leaf::node(&["localhost", &own])).write(&certs, "node");
    let (old, new) = (served_serial(&node), serial(&certs.join("node.crt")));
    assert_ne!(old, new);
    node.signal(Signal::SIGHUP);
    until("the new leaf", || {
        let served = served_serial(&node);
        if served == new { Ok(()) } else { Err(served) }
    });
    assert_eq!(ask("SELECT 'after'"), "after");
    session.kill().expect("our own child");
    session.wait().expect("our own child");
}
