//! How nodes go.

use crate::site::{Authority, masters, universe, until};

#[test]
fn a_blacklisted_server_gives_its_copies_away_and_a_removed_master_counts_no_more() {
    let own = Authority::new("uss1");
    let nodes = universe(&own, 4);
    let all = masters(&nodes);
    let leader =
        nodes[0].masters().expect("a page").into_iter().find(|(_, role)| role == "LEADER").expect("a leader").0;
    let leaver = nodes.iter().find(|node| node.ip.to_string() != leader).expect("a follower");
    let host = leaver.ip.to_string();
    let held = || -> Result<u64, String> {
        let servers = nodes[0].tablet_servers()?;
        let own = servers.into_iter().find(|(address, _)| address.starts_with(&format!("{host}:")));
        own.map(|(_, n)| n).ok_or_else(|| "not there".to_owned())
    };
    assert!(held().expect("a server") > 0);
    leaver.admin(&all, &["change_blacklist", "ADD", &format!("{host}:9100")]).expect("it is taken");
    until("no copies", || held().and_then(|n| if n == 0 { Ok(()) } else { Err(format!("{n} copies")) }));
    leaver.admin(&all, &["change_master_config", "REMOVE_SERVER", &host, "7100"]).expect("it goes");
    until("three masters", || {
        let keeper = nodes.iter().find(|node| node.ip != leaver.ip).expect("another");
        let masters = keeper.masters()?;
        if masters.len() == 3 { Ok(()) } else { Err(format!("{masters:?}")) }
    });
    until("a master without a universe", || {
        leaver.masters().err().map_or(Err("it shows a page".to_owned()), |_| Ok(()))
    });
    let again = nodes[0].admin(&all, &["change_master_config", "REMOVE_SERVER", &host, "7100"]).expect_err("it is out");
    assert!(again.contains("no member"), "{again}");
}

#[test]
fn three_servers_keep_their_copies_whoever_is_blacklisted() {
    let own = Authority::new("uss1");
    let nodes = universe(&own, 3);
    let host = nodes[0].ip.to_string();
    nodes[0].admin(&masters(&nodes), &["change_blacklist", "ADD", &format!("{host}:9100")]).expect("it is taken");
    until("the blacklist", || {
        let config = nodes[1].admin(&masters(&nodes), &["get_universe_config"])?;
        if config.contains(&format!("{host}:9100")) { Ok(()) } else { Err(config) }
    });
    let servers = until("a page, once it knows who leads", || nodes[1].tablet_servers());
    let held: Vec<u64> = servers.into_iter().map(|(_, n)| n).collect();
    assert!(held.iter().all(|n| *n > 0), "2 servers cannot hold 3 copies: {held:?}");
}

#[test]
fn a_leader_steps_down_before_it_is_taken_out() {
    let own = Authority::new("uss1");
    let nodes = universe(&own, 4);
    let all = masters(&nodes);
    let leader = || -> Result<String, String> {
        let found = nodes[0].masters()?.into_iter().find(|(_, role)| role == "LEADER");
        found.map(|(host, _)| host).ok_or_else(|| "nobody leads".to_owned())
    };
    let first = leader().expect("a leader");
    let refused =
        nodes[0].admin(&all, &["change_master_config", "REMOVE_SERVER", &first, "7100"]).expect_err("it leads");
    assert!(refused.contains("step down first"), "{refused}");
    nodes[0].admin(&all, &["master_leader_stepdown"]).expect("it steps down");
    until("another leader", || leader().and_then(|now| if now == first { Err(now) } else { Ok(()) }));
    nodes[0].admin(&all, &["change_master_config", "REMOVE_SERVER", &first, "7100"]).expect("it goes");
}

#[test]
fn where_copies_have_to_lie_is_kept_and_shown_by_every_master() {
    let own = Authority::new("uss1");
    let nodes = universe(&own, 3);
    let all = masters(&nodes);
    for node in &nodes {
        let page = until("a page, once it knows who leads", || node.page("cluster-config"));
        assert!(page["replication_info"].is_null());
    }
    let wrong = nodes[0].admin(&all, &["modify_placement_info", "a.b.c.d", "3"]).expect_err("it is no place");
    assert!(wrong.contains("a.b.c.d"), "{wrong}");
    let many = nodes[0].admin(&all, &["modify_placement_info", "a,b,c,d", "3"]).expect_err("too many");
    assert!(many.contains("smaller than the 4 replicas"), "{many}");
    nodes[0].admin(&all, &["modify_placement_info", "dss,other.uss2", "3"]).expect("it is taken");
    let second = serde_json::json!({"placement_cloud": "other", "placement_region": "uss2"});
    for node in &nodes {
        until("the placement", || {
            let page = node.page("cluster-config")?;
            let block = &page["replication_info"]["live_replicas"]["placement_blocks"][1];
            if block["cloud_info"] == second { Ok(()) } else { Err(page.to_string()) }
        });
    }
    // Nobody is there who could hold the second's copy.
    let health = nodes[0].page("health-check").expect("a page");
    assert_ne!(health["under_replicated_tablets"], serde_json::json!([]));
}
