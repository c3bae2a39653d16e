//! The database nodes.

use anyhow::{Context as _, Result};
use serde_json::json;
use test_chart::{Renderer, containers, lines, set, values, with};

#[test]
fn a_node_is_started_without_a_shell_and_listens_on_its_own_address() -> Result<()> {
    let rendered = Renderer::new()?.render(&values())?;
    let database = rendered.container("StatefulSet dss-cockroachdb", "cockroachdb")?;
    assert_eq!(database["command"], json!(["/cockroach/cockroach", "start"]));
    insta::assert_snapshot!(lines(&database["args"]), @r"
    --logtostderr
    --certs-dir=/cockroach/cockroach-certs
    --store=path=/cockroach/cockroach-data
    --listen-addr=$(POD_IP):26257
    --http-addr=$(POD_IP):8080
    --advertise-addr=$(ORDINAL).db.uss1.example.com:26257
    --locality=zone=uss1
    --locality-advertise-addr=zone=uss1@$(POD_NAME).dss-cockroachdb.uss1.svc.cluster.local:26257
    --join=dss-cockroachdb-0.dss-cockroachdb.uss1.svc.cluster.local:26257,0.db.uss2.example.com:26257
    --cache=25%
    --max-sql-memory=25%
    ");
    insta::assert_snapshot!(lines(&rendered.container("StatefulSet dss-cockroachdb", "reload")?["command"]), @r"
    /usr/bin/hangar-agent
    reload
    --certs-dir=/cockroach/cockroach-certs
    --process=cockroach
    --listen=$(POD_IP):8090
    ");
    let ordinal = json!({"name": "ORDINAL", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['apps.kubernetes.io/pod-index']"}}});
    assert_eq!(database["env"][1], ordinal);
    Ok(())
}

/// Whoever restarts a node looks at the pool first, and a volume is the node.
#[test]
fn no_node_restarts_and_no_volume_goes_by_itself() -> Result<()> {
    let set = Renderer::new()?.render(&values())?.object("StatefulSet", "dss-cockroachdb")?;
    assert_eq!(set["spec"]["updateStrategy"]["type"], "OnDelete");
    assert_eq!(set["spec"]["podManagementPolicy"], "Parallel");
    let kept = json!({"whenDeleted": "Retain", "whenScaled": "Retain"});
    assert_eq!(set["spec"]["persistentVolumeClaimRetentionPolicy"], kept);
    Ok(())
}

/// An init job would found a second cluster for whoever installs a joiner with an empty list.
#[test]
fn nothing_here_ever_initialises_a_cluster() -> Result<()> {
    for (name, pod) in Renderer::new()?.render(&values())?.pods()? {
        for container in containers(&pod) {
            let words = format!("{}\n{}", lines(&container["command"]), lines(&container["args"]));
            let never = |word: &&str| ["init", "sh", "bash", "-c", "-ec"].contains(word);
            assert_eq!(words.split(['\n', '/']).find(never), None, "{name}: {words}");
        }
    }
    Ok(())
}

/// A hook would hold an upgrade of one member up for what belongs to all.
#[test]
fn the_only_hooks_are_tests() -> Result<()> {
    for object in Renderer::new()?.render(&values())?.objects()? {
        let hook = &object["metadata"]["annotations"]["helm.sh/hook"];
        assert!(hook.is_null() || hook == "test", "{object}");
    }
    Ok(())
}

#[test]
fn every_node_has_one_address_that_only_members_may_call() -> Result<()> {
    let renderer = Renderer::new()?;
    let mut values = values();
    set(
        &mut values,
        "/cockroachdb/service",
        json!({
            "annotations": {"all": "a"}, "nodeAnnotations": [{"own": "0"}, {"own": "1", "all": "b"}], "loadBalancerIPs": ["192.0.2.10"],
        }),
    );
    let rendered = renderer.render(&values)?;
    let first = rendered.object("Service", "dss-cockroachdb-node-0")?;
    assert_eq!(first["spec"]["loadBalancerSourceRanges"], json!(["192.0.2.0/28", "198.51.100.7/32"]));
    assert_eq!(first["spec"]["selector"]["statefulset.kubernetes.io/pod-name"], "dss-cockroachdb-0");
    assert_eq!(first["spec"]["loadBalancerIP"], "192.0.2.10");
    assert_eq!(first["spec"]["publishNotReadyAddresses"], true);
    assert_eq!(first["metadata"]["annotations"]["external-dns.alpha.kubernetes.io/hostname"], "0.db.uss1.example.com");
    let second = rendered.object("Service", "dss-cockroachdb-node-1")?;
    let annotations = &second["metadata"]["annotations"];
    assert_eq!((&annotations["own"], &annotations["all"]), (&json!("1"), &json!("b")));
    assert!(second["spec"]["loadBalancerIP"].is_null());
    assert!(rendered.object("Service", "dss-cockroachdb-node-3").is_err());
    let moved = renderer.render(&with("/cockroachdb/advertise/formerSuffixes", json!(["db.former.example.com"])))?;
    let first = moved.object("Service", "dss-cockroachdb-node-0")?;
    assert_eq!(
        first["metadata"]["annotations"]["external-dns.alpha.kubernetes.io/hostname"],
        "0.db.uss1.example.com,0.db.former.example.com"
    );
    let closed = renderer.render(&with("/cockroachdb/sourceRanges", json!([])))?;
    let first = closed.object("Service", "dss-cockroachdb-node-0")?;
    assert_eq!(first["spec"]["loadBalancerSourceRanges"], json!(["255.255.255.255/32"]));
    Ok(())
}

/// Until they are restarted, nodes that are taken over from other tools are pods with other names for the same ports.
#[test]
fn services_of_the_nodes_lead_to_ports_whatever_these_are_called() -> Result<()> {
    let rendered = Renderer::new()?.render(&values())?;
    for name in ["dss-cockroachdb", "dss-cockroachdb-public", "dss-cockroachdb-node-0"] {
        let service = rendered.object("Service", name)?;
        let ports = service["spec"]["ports"].as_array().context("ports")?;
        let targets: Vec<_> = ports.iter().map(|port| port["targetPort"].as_u64()).collect();
        assert!(targets.first() == Some(&Some(26257)) && targets.iter().all(Option::is_some), "{name}: {targets:?}");
    }
    Ok(())
}

#[test]
fn a_whole_reference_of_the_database_stands_as_it_is() -> Result<()> {
    let renderer = Renderer::new()?;
    let digest = format!("sha256:{}", "a".repeat(64));
    let cases = [
        ("registry.example:5000/db".to_owned(), "registry.example:5000/db:v24.1.3".to_owned(), "v24.1.3"),
        ("registry.example:5000/db:v23.2.1".to_owned(), "registry.example:5000/db:v23.2.1".to_owned(), "v23.2.1"),
        (format!("example/db@{digest}"), format!("example/db@{digest}"), "v24.1.3"),
        (format!("example/db:v23.2.1@{digest}"), format!("example/db:v23.2.1@{digest}"), "v23.2.1"),
    ];
    for (given, image, version) in cases {
        let rendered = renderer.render(&with("/cockroachdb/image", json!(given)))?;
        assert_eq!(rendered.container("StatefulSet", "cockroachdb")?["image"], image);
        let set = rendered.object("StatefulSet", "dss-cockroachdb")?;
        assert_eq!(set["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/version"], version);
    }
    Ok(())
}

/// A label of a pod template that follows the chart's version would ask for a restart of every node.
#[test]
fn another_version_of_the_chart_alone_restarts_nothing() -> Result<()> {
    let rendered = Renderer::new()?.render(&values())?;
    for object in rendered.objects()? {
        let labels = &object["spec"]["template"]["metadata"]["labels"];
        assert!(labels["helm.sh/chart"].is_null(), "{object}");
    }
    Ok(())
}
