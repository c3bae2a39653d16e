//! Rows 63 and 64: the loop of upstream's init Job, which founds a cluster wherever it can.

use std::process::Command;

use crate::support::psql::psql;
use crate::support::{Authority, Start, TestNode};

/// What upstream's chart runs after each install or upgrade of a release with an empty join list.
fn init_job(node: &TestNode) -> String {
    let script = "while true; do \
            output=$(\"$COCKROACH\" init --certs-dir=\"$CERTS\" --host=\"$HOST\" 2>&1); \
            echo \"$output\"; \
            case \"$output\" in \
                *'Cluster successfully initialized'*|*'cluster has already been initialized'*) break;; \
            esac; \
            sleep 0.2; \
        done";
    let output = Command::new("sh")
        .args(["-c", script])
        .env("COCKROACH", crate::support::node::BINARY)
        .env("CERTS", node.certs())
        .env("HOST", node.address.to_string())
        .output()
        .expect("a shell");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("text")
}

fn cluster_id(node: &TestNode) -> String {
    node.serves();
    psql(node, "SELECT crdb_internal.cluster_id()").expect("a serving node")
}

#[test]
fn row_63_the_init_job_of_an_upgrade_ends_without_harm_while_the_data_is_there() {
    let ca = Authority::new("alpha");
    let mut founder = Start::of(&ca).start();
    assert_eq!(init_job(&founder), "Cluster successfully initialized\n");
    let id = cluster_id(&founder);
    assert_eq!(init_job(&founder), "ERROR: cluster has already been initialized\nFailed running \"init\"\n");
    founder.stop();
    founder.start_again();
    founder.serves();
    assert_eq!(init_job(&founder), "ERROR: cluster has already been initialized\nFailed running \"init\"\n");
    assert_eq!(cluster_id(&founder), id);
    // With an empty volume the same job founds another cluster.
    founder.kill();
    std::fs::remove_dir_all(founder.store()).expect("our own folder");
    founder.start_again();
    assert_eq!(init_job(&founder), "Cluster successfully initialized\n");
    assert_ne!(cluster_id(&founder), id);
}

#[test]
fn row_64_a_joiner_installed_with_an_empty_join_list_is_a_cluster_of_its_own_until_it_is_wiped() {
    let (alpha, beta) = (Authority::new("alpha"), Authority::new("beta"));
    let pool = Start::of(&alpha).trusting(&[&alpha, &beta]).start();
    pool.init();
    let mut joiner = Start::of(&beta).trusting(&[&beta, &alpha]).start();
    assert_eq!(init_job(&joiner), "Cluster successfully initialized\n");
    let stray = cluster_id(&joiner);
    assert_ne!(stray, cluster_id(&pool));
    joiner.stop();
    // The right join list alone does not help.
    let mut repaired = Start::of(&beta).trusting(&[&beta, &alpha]).joining(&[&pool]).start();
    repaired.serves();
    repaired.kill();
    std::fs::remove_dir_all(repaired.store()).expect("our own folder");
    let copied = Command::new("cp").arg("-r").arg(joiner.store()).arg(repaired.store()).status().expect("cp");
    assert!(copied.success());
    repaired.start_again();
    repaired.logs("doesn't match server cluster ID");
    assert_eq!(cluster_id(&repaired), stray);
    // A wipe does, under a new node ID.
    repaired.kill();
    std::fs::remove_dir_all(repaired.store()).expect("our own folder");
    repaired.start_again();
    assert_eq!(cluster_id(&repaired), cluster_id(&pool));
    assert_eq!(psql(&repaired, "SELECT crdb_internal.node_id()").as_deref(), Ok("3\n"));
}
