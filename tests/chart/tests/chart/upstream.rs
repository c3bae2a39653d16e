//! Every value of the chart that most instances run today has a place here.

use anyhow::{Context as _, Result};
use test_chart::{chart, settings};

/// Values of the upstream chart.
const THEIRS: [&str; 33] = [
    "global.cloudProvider",
    "dss.image",
    "dss.imagePullPolicy",
    "dss.conf.hostname",
    "dss.conf.publicEndpoint",
    "dss.conf.locality",
    "dss.conf.pubKeys",
    "dss.conf.jwksEndpoint",
    "dss.conf.jwksKeyIds",
    "dss.conf.enableScd",
    "dss.conf.enableScdGlobalLock",
    "dss.conf.enableTimeBasedNotificationIndex",
    "dss.conf.enableDssMetrics",
    "dss.conf.datastoreMaxOpenConns",
    "dss.conf.evict.scd",
    "dss.conf.evict.rid",
    "loadBalancers.cockroachdbNodes[].ip",
    "loadBalancers.cockroachdbNodes[].subnet",
    "loadBalancers.yugabyteMasterNodes",
    "loadBalancers.yugabyteTserverNodes",
    "loadBalancers.dssGateway.ip",
    "loadBalancers.dssGateway.subnet",
    "loadBalancers.dssGateway.certName",
    "loadBalancers.dssGateway.sslPolicy",
    "monitoring.enabled",
    "monitoring.externalService",
    "cockroachdb.enabled",
    "cockroachdb.conf.join",
    "cockroachdb.conf.cluster-name",
    "cockroachdb.image.tag",
    "cockroachdb.storage.persistentVolume",
    "cockroachdb.statefulset.args",
    "yugabyte.enabled",
];

#[test]
fn every_value_of_upstream_has_a_place() -> Result<()> {
    let readme = std::fs::read_to_string(chart().join("README.md"))?;
    let schema = serde_json::from_str(&std::fs::read_to_string(chart().join("values.schema.json"))?)?;
    let known: Vec<String> =
        settings(&schema)?.into_iter().map(|setting| setting.pointer[1..].replace('/', ".")).collect();
    for theirs in THEIRS {
        let start = format!("| `{theirs}` | ");
        let row =
            readme.lines().find_map(|line| line.strip_prefix(&start)).with_context(|| format!("no row `{theirs}`"))?;
        let ours: Vec<&str> = row.split('`').skip(1).step_by(2).collect();
        assert!(!ours.is_empty(), "{theirs}");
        for key in ours {
            let is_known = known.iter().any(|known| known == key || known.starts_with(&format!("{key}.")));
            assert!(is_known, "{theirs}: `{key}` is no value");
        }
    }
    Ok(())
}
