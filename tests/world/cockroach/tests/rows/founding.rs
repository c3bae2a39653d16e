//! Rows 4 to 8: who may found a cluster, and how often.

use std::time::Duration;

use crate::support::node::cockroach;
use crate::support::psql::psql;
use crate::support::wait::stays;
use crate::support::{Authority, Leaf, Start, TestNode, grpc, until};

const BOOTSTRAP: &str = "/cockroach.server.serverpb.Init/Bootstrap";

fn bootstrap(node: &TestNode, identity: Option<&str>) -> Result<grpc::Answer, String> {
    grpc::call(node.address, &node.certs(), identity, BOOTSTRAP, &[])
}

fn cluster_id(node: &TestNode) -> String {
    node.serves();
    psql(node, "SELECT crdb_internal.cluster_id()").expect("a serving node").trim().to_owned()
}

#[test]
fn row_04_bootstrap_makes_node_1_and_the_others_join_it() {
    let ca = Authority::new("alpha");
    let first = Start::of(&ca).start();
    let second = Start::of(&ca).joining(&[&first]).start();
    let third = Start::of(&ca).joining(&[&first, &second]).start();
    assert_eq!(bootstrap(&first, Some("client.root")).map(|answer| answer.code), Ok(0));
    let id = cluster_id(&first);
    assert_eq!(id.len(), 36, "{id}");
    first.logs("initialized new cluster");
    for node in [&second, &third] {
        assert_eq!(cluster_id(node), id);
        node.logs(&format!("joined cluster {id} through join rpc"));
        node.logs("initialized new node, joined pre-existing cluster");
    }
    let mut ids: Vec<String> = [&first, &second, &third]
        .map(|node| psql(node, "SELECT crdb_internal.node_id()").expect("a serving node").trim().to_owned())
        .to_vec();
    assert_eq!(ids.remove(0), "1");
    ids.sort();
    assert_eq!(ids, ["2", "3"]);
}

#[test]
fn row_05_a_second_bootstrap_is_refused_on_any_node() {
    let ca = Authority::new("alpha");
    let first = Start::of(&ca).start();
    let second = Start::of(&ca).joining(&[&first]).start();
    first.init();
    second.serves();
    for node in [&first, &second] {
        let refused = bootstrap(node, Some("client.root")).expect("an answer");
        assert_eq!((refused.code, refused.message.as_str()), (2, "cluster has already been initialized"));
        let (done, out, err) = node.cockroach(&["init"]);
        assert!(!done);
        assert_eq!(
            (out.as_str(), err.as_str()),
            ("", "ERROR: cluster has already been initialized\nFailed running \"init\"\n")
        );
    }
}

#[test]
fn row_06_two_bootstraps_make_two_clusters_that_refuse_each_other() {
    let ca = Authority::new("alpha");
    let first = Start::of(&ca).start();
    let second = Start::of(&ca).joining(&[&first]).start();
    // Both in one moment: the second must not have joined the first yet.
    let founded = std::thread::scope(|scope| {
        let other = scope.spawn(|| bootstrap(&second, Some("client.root")));
        (bootstrap(&first, Some("client.root")), other.join().expect("no panic"))
    });
    if founded.1.as_ref().map(|answer| answer.code) != Ok(0) {
        // It joined in between, which is the other outcome of the race.
        assert_eq!(cluster_id(&first), cluster_id(&second));
        return;
    }
    let (one, two) = (cluster_id(&first), cluster_id(&second));
    assert_ne!(one, two);
    second.logs(&format!("client cluster ID \"{two}\" doesn't match server cluster ID \"{one}\""));
    stays("two clusters", Duration::from_millis(500), || cluster_id(&first) == one && cluster_id(&second) == two);
}

#[test]
fn row_07_bootstrap_without_the_right_certificate_is_refused() {
    let (ca, stranger) = (Authority::new("alpha"), Authority::new("stranger"));
    let node = Start::of(&ca).start();
    let certs = node.certs();
    ca.sign(&Leaf::new("probe", &["probe.example.com"])).write(&certs, "client.probe");
    stranger.sign(&Leaf::new("root", &[])).write(&certs, "client.stranger");
    ca.sign(&Leaf::new("root", &[]).expired()).write(&certs, "client.late");

    let probe = bootstrap(&node, Some("client.probe")).expect("an answer");
    assert_eq!(probe.code, 16);
    assert_eq!(
        probe.message,
        "need root or node client cert to perform RPCs on this server (this is tenant system; cert is valid for \
         \"probe\" on all tenants, \"probe.example.com\" on all tenants)"
    );
    let nobody = bootstrap(&node, None).expect("an answer");
    assert_eq!((nobody.code, nobody.message.as_str()), (16, "TLSInfo is not available in request context"));
    let unknown = bootstrap(&node, Some("client.stranger")).expect_err("no handshake");
    assert!(unknown.contains("UnknownCA"), "{unknown}");
    node.logs("tls: failed to verify certificate: x509: certificate signed by unknown authority");
    let late = bootstrap(&node, Some("client.late")).expect_err("no handshake");
    assert!(late.contains("CertificateExpired"), "{late}");
    node.logs("x509: certificate has expired or is not yet valid: current time");
    node.logs("awaiting `cockroach init`");
    // The same through the command line: it says what it meets and goes on trying, so it has to be stopped.
    let mut command = std::process::Command::new(crate::support::node::BINARY);
    let other = node.dir().join("other");
    std::fs::create_dir(&other).expect("a writable folder");
    std::fs::copy(certs.join("ca.crt"), other.join("ca.crt")).expect("a copy");
    stranger.sign(&Leaf::new("root", &[])).write(&other, "client.root");
    let log = std::fs::File::create(node.dir().join("init.log")).expect("a log");
    let args = ["init".to_owned(), format!("--host={}", node.address), format!("--certs-dir={}", other.display())];
    let mut child = command.args(args).stderr(log).spawn().expect("the built program");
    let said = until("the command to give its reason", || {
        let said = std::fs::read_to_string(node.dir().join("init.log")).expect("a log");
        if said.contains("(retrying)") { Ok(said) } else { Err(said) }
    });
    child.kill().expect("our own child");
    child.wait().expect("our own child");
    assert!(said.starts_with("warning: node not ready to perform cluster initialization: "), "{said}");
    assert!(said.contains("remote error: tls: unknown certificate authority"), "{said}");
}

#[test]
fn row_08_any_trusted_authority_is_all_powerful() {
    let (alpha, beta) = (Authority::new("alpha"), Authority::new("beta"));
    let node = Start::of(&alpha).trusting(&[&alpha, &beta]).start();
    let foreign = node.dir().join("foreign");
    std::fs::create_dir(&foreign).expect("a writable folder");
    std::fs::copy(node.certs().join("ca.crt"), foreign.join("ca.crt")).expect("a copy");
    beta.sign(&Leaf::new("root", &[])).write(&foreign, "client.root");
    let (done, out, err) =
        cockroach(&["init"], &[&format!("--host={}", node.address), &format!("--certs-dir={}", foreign.display())]);
    assert!(done, "{err}");
    assert_eq!(out, "Cluster successfully initialized\n");
    node.serves();
}
