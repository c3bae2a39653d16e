//! What the programs refuse at once.

use crate::site::{Authority, Node};

#[test]
fn a_flag_that_no_such_program_has_ends_it() {
    let own = Authority::new("uss1");
    let output = Node::new(&own, &[&own]).tool("yb-admin", &["--master_adresses=127.0.0.1:7100", "list_all_masters"]);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("unknown command line flag 'master_adresses'"), "{said}");
}

#[test]
fn a_master_that_is_not_in_its_own_list_does_not_start() {
    let own = Authority::new("uss1");
    let mut node = Node::new(&own, &[&own]);
    node.start(&["127.0.0.1:7100".to_owned()]);
    crate::site::until("its end", || {
        let log = node.log();
        if log.contains("None of the local addresses are present in master_addresses") { Ok(()) } else { Err(log) }
    });
}
