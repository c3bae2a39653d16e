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
    let held: Vec<u64> = nodes[1].tablet_servers().expect("a page").into_iter().map(|(_, n)| n).collect();
    assert!(held.iter().all(|n| *n > 0), "2 servers cannot hold 3 copies: {held:?}");
}
