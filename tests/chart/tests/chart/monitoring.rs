//! Metrics, alerts, dashboards, and a Prometheus and a Grafana for those who have none.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use test_chart::prometheus::metrics;
use test_chart::{Rendered, Renderer, set, values, with};

fn bundled() -> Result<Rendered> {
    bundled_with("cockroachdb")
}

fn bundled_with(datastore: &str) -> Result<Rendered> {
    let mut values = with("/monitoring/prometheus", json!({"enabled": true, "kubeStateMetrics": "ksm:8080"}));
    set(&mut values, "/monitoring/grafana", json!({"enabled": true, "adminSecret": "admin"}));
    set(&mut values, "/coreService/metrics", json!({"enabled": true}));
    set(&mut values, "/datastore", json!(datastore));
    Renderer::new()?.render(&values)
}

fn operated(datastore: &str) -> Result<Rendered> {
    let mut values = with("/monitoring/rules/enabled", json!(true));
    set(&mut values, "/monitoring/podMonitors/enabled", json!(true));
    set(&mut values, "/coreService/metrics", json!({"enabled": true}));
    set(&mut values, "/datastore", json!(datastore));
    Renderer::new()?.render(&values)
}

fn alerts(rule: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rules = rule["groups"][0]["rules"].as_array().cloned().unwrap_or_default();
    rules.iter().map(|rule| (text(&rule["alert"]), text(&rule["expr"]))).collect()
}

/// The names of all alerts with a database, in their order, and the expression of each.
fn alerts_of(datastore: &str) -> Result<(String, BTreeMap<String, String>)> {
    let alerts = alerts(&operated(datastore)?.object("PrometheusRule", "dss-alerts")?["spec"]);
    let names: Vec<&str> = alerts.iter().map(|(name, _)| name.as_str()).collect();
    Ok((names.join("\n"), alerts.into_iter().collect()))
}

/// The jobs of a set of rules, as their expressions name them.
fn jobs(alerts: &[(String, String)]) -> BTreeSet<String> {
    let named = alerts.iter().flat_map(|(_, expr)| expr.split("{job=\"").skip(1));
    named.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
}

#[test]
fn what_goes_wrong_in_a_pool_is_told() -> Result<()> {
    let (names, alerts) = alerts_of("cockroachdb")?;
    insta::assert_snapshot!(names, @r"
    DssDatabaseNoQuorum
    DssDatabaseRangesUnavailable
    DssDatabaseUnderReplicated
    DssDatabaseNodeDown
    DssDatabaseNodesMissing
    DssDatabaseClockOffset
    DssCertificateEnds
    DssCertificateEndsAtOnce
    DssCertificatesNotLoaded
    DssCertificatesBroken
    DssApiDown
    DssEvictionNotRunningRid
    DssEvictionUnseenRid
    ");
    let of = |name: &str| alerts.get(name).map(String::as_str);
    // Of each certificate, authorities of other members included.
    let ends = r#"(hangar_certificate_not_after_seconds{job="uss1/dss-cockroachdb-certificates"} - time()) < 2592000"#;
    assert_eq!(of("DssCertificateEnds"), Some(ends));
    let clock = r#"abs(clock_offset_meannanos{job="uss1/dss-cockroachdb"}) > 100000000"#;
    assert_eq!(of("DssDatabaseClockOffset"), Some(clock));
    assert!(of("DssEvictionNotRunningRid").context("an alert")?.contains(r#"cronjob="dss-evict-rid""#));
    Ok(())
}

#[test]
fn the_other_database_is_watched_for_the_same() -> Result<()> {
    let (names, alerts) = alerts_of("yugabytedb")?;
    insta::assert_snapshot!(names, @r"
    DssDatabaseNoQuorum
    DssDatabaseUnderReplicated
    DssDatabaseNodeDown
    DssDatabaseNodesMissing
    DssDatabaseClockOffset
    DssCertificateEnds
    DssCertificateEndsAtOnce
    DssCertificatesBroken
    DssApiDown
    DssEvictionNotRunningRid
    DssEvictionUnseenRid
    ");
    let of = |name: &str| alerts.get(name).map(String::as_str);
    let ends = r#"(hangar_certificate_not_after_seconds{job="uss1/dss-yugabytedb-certificates"} - time()) < 2592000"#;
    assert_eq!(of("DssCertificateEnds"), Some(ends));
    let clock = r#"abs(hybrid_clock_skew{job="uss1/dss-yugabytedb-tserver"}) > 100000"#;
    assert_eq!(of("DssDatabaseClockOffset"), Some(clock));
    let lacking = r#"hangar_database_under_replicated_tablets{job="uss1/dss-yugabytedb-certificates"}"#;
    assert_eq!(of("DssDatabaseUnderReplicated"), Some(format!("max({lacking}) > 0").as_str()));
    assert_eq!(of("DssDatabaseNoQuorum"), Some(format!("absent({lacking})").as_str()));
    Ok(())
}

/// A server of who has left is dead for the universe for ever, which is no reason to wake anybody.
#[test]
fn nothing_is_told_of_what_only_the_sidecar_knows_where_there_is_none() -> Result<()> {
    let mut values = with("/monitoring/rules/enabled", json!(true));
    set(&mut values, "/datastore", json!("yugabytedb"));
    set(&mut values, "/reload/enabled", json!(false));
    let rules = Renderer::new()?.render(&values)?.object("PrometheusRule", "dss-alerts")?.to_string();
    assert!(rules.contains("DssDatabaseNoQuorum") && !rules.contains("UnderReplicated"), "{rules}");
    assert!(!rules.contains("hangar_") && !rules.contains("num_tablet_servers_dead"), "{rules}");
    Ok(())
}

/// Names of metrics that are read, by who tells of them: CockroachDB's list of metrics, YugabyteDB's pages on metrics (and those of its sources
/// that these leave out), the client libraries of Prometheus in core-service, kube-state-metrics, our own sidecar, and Prometheus itself.
const METRICS: [&str; 25] = [
    "capacity",
    "capacity_used",
    "clock_offset_meannanos",
    "liveness_livenodes",
    "ranges_unavailable",
    "ranges_underreplicated",
    "replicas",
    "replicas_leaseholders",
    "sql_query_count",
    "generic_current_allocated_bytes",
    "handler_latency_yb_tserver_TabletServerService_Read_count",
    "handler_latency_yb_tserver_TabletServerService_Write_count",
    "hybrid_clock_skew",
    "num_tablet_servers_dead",
    "num_tablet_servers_live",
    "yb_ysqlserver_active_connection_total",
    "yb_ysqlserver_connection_total",
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "kube_cronjob_status_last_successful_time",
    "hangar_certificate_not_after_seconds",
    "hangar_certificates_broken",
    "hangar_certificates_pending",
    "hangar_database_under_replicated_tablets",
    "up",
];

/// Prometheus takes a misspelt metric for one that nobody has told of yet.
#[test]
fn every_expression_can_be_read_and_is_about_metrics_that_there_are() -> Result<()> {
    let mut seen = BTreeSet::new();
    for datastore in ["cockroachdb", "yugabytedb"] {
        let alerts = alerts(&operated(datastore)?.object("PrometheusRule", "dss-alerts")?["spec"]);
        let mut all: Vec<String> = alerts.into_iter().map(|(_, expression)| expression).collect();
        for map in dashboards(datastore)?.1 {
            for text in map["data"].as_object().into_iter().flatten().filter_map(|(_, text)| text.as_str()) {
                let dashboard: Value = serde_json::from_str(text)?;
                let panels = dashboard["panels"].as_array().into_iter().flatten();
                let targets = panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
                all.extend(targets.filter_map(|target| target["expr"].as_str().map(str::to_owned)));
            }
        }
        for (expression, names) in all.iter().zip(metrics(&all)?) {
            assert!(!names.is_empty(), "{expression}");
            for name in names {
                assert!(METRICS.contains(&name.as_str()), "{datastore}: `{name}` in `{expression}`");
                seen.insert(name);
            }
        }
    }
    assert_eq!(seen.len(), METRICS.len(), "what nobody reads any more: {seen:?}");
    Ok(())
}

/// An alert over a job that nobody reads never fires.
#[test]
fn every_alert_is_about_something_that_is_read() -> Result<()> {
    for datastore in ["cockroachdb", "yugabytedb"] {
        let rendered = operated(datastore)?;
        let alerts = alerts(&rendered.object("PrometheusRule", "dss-alerts")?["spec"]);
        for job in jobs(&alerts) {
            let monitor = job.strip_prefix("uss1/").context("a job of this namespace")?;
            let monitor = rendered.object("PodMonitor", monitor)?;
            let port = &monitor["spec"]["podMetricsEndpoints"][0]["port"];
            let ports: Vec<Value> = rendered
                .pods()?
                .iter()
                .flat_map(|(_, pod)| {
                    test_chart::containers(pod)
                        .flat_map(|container| container["ports"].as_array().cloned().unwrap_or_default())
                        .collect::<Vec<_>>()
                })
                .collect();
            assert!(ports.iter().any(|known| known["name"] == *port), "{datastore}: no container has port {port}");
        }
    }
    Ok(())
}

#[test]
fn the_bundled_prometheus_reads_the_same_by_names_and_needs_no_rights() -> Result<()> {
    let rendered = bundled()?;
    let map = rendered.object("ConfigMap", "dss-prometheus")?;
    let parse =
        |key: &str| -> Result<Value> { Ok(serde_norway::from_str(map["data"][key].as_str().context("a text")?)?) };
    let (config, rules) = (parse("prometheus.yml")?, parse("rules.yml")?);
    let scraped: BTreeSet<String> = config["scrape_configs"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|job| job["job_name"].as_str().map(str::to_owned))
        .collect();
    let wanted = jobs(&alerts(&rules));
    assert!(wanted.len() >= 3 && wanted.is_subset(&scraped), "{wanted:?} of {scraped:?}");
    let database = &config["scrape_configs"][0];
    assert_eq!(database["dns_sd_configs"][0]["names"], json!(["dss-cockroachdb.uss1.svc.cluster.local"]));
    assert_eq!(database["tls_config"], json!({"ca_file": "/authorities/ca.crt", "server_name": "localhost"}));
    assert_eq!(config["global"]["external_labels"], json!({"instance_name": "uss1"}));
    // Names that are asked for are there.
    for job in config["scrape_configs"].as_array().into_iter().flatten() {
        let Some(name) = job["dns_sd_configs"][0]["names"][0].as_str() else { continue };
        let service = rendered.object("Service", name.split('.').next().unwrap_or_default())?;
        assert_eq!(service["spec"]["clusterIP"], "None", "{name}");
    }
    let (_, pod) =
        rendered.pods()?.into_iter().find(|(name, _)| name == "StatefulSet dss-prometheus").context("a pod")?;
    assert!(!pod.to_string().contains("client.root.key"), "{pod}");
    Ok(())
}

#[test]
fn nobody_outside_reads_metrics_without_being_asked_who_they_are() -> Result<()> {
    let renderer = Renderer::new()?;
    let mut open = with("/monitoring/prometheus", json!({"enabled": true, "service": {"type": "LoadBalancer"}}));
    assert!(renderer.refusal(&open)?.contains("monitoring.prometheus.webConfigSecret is needed"));
    set(&mut open, "/monitoring/prometheus/webConfigSecret", json!("web"));
    let service = renderer.render(&open)?.object("Service", "dss-prometheus")?;
    assert_eq!(service["spec"]["loadBalancerSourceRanges"], json!(["255.255.255.255/32"]));
    let told =
        renderer.refusal(&with("/monitoring/grafana", json!({"enabled": true, "datasourceUrl": "http://p:9090"})))?;
    assert!(told.contains("monitoring.grafana.adminSecret is needed"), "{told}");
    let told = renderer.refusal(&with("/monitoring/grafana", json!({"enabled": true, "adminSecret": "admin"})))?;
    assert!(told.contains("monitoring.grafana.datasourceUrl is needed"), "{told}");
    Ok(())
}

fn dashboards(datastore: &str) -> Result<(Rendered, Vec<Value>)> {
    let rendered = bundled_with(datastore)?;
    let is_dashboard = |object: &Value| object["metadata"]["labels"]["grafana_dashboard"] == "1";
    let maps = rendered.objects()?.into_iter().filter(is_dashboard).collect();
    Ok((rendered, maps))
}

#[test]
fn dashboards_are_whole_and_have_a_place() -> Result<()> {
    let (rendered, maps) = dashboards("cockroachdb")?;
    let (_, of_other) = dashboards("yugabytedb")?;
    assert_eq!((maps.len(), of_other.len()), (3, 3));
    let text = |maps: &[Value]| maps.iter().map(ToString::to_string).collect::<String>();
    assert!(text(&maps).contains("ranges_unavailable") && !text(&maps).contains("num_tablet_servers_dead"));
    assert!(text(&of_other).contains("num_tablet_servers_dead") && !text(&of_other).contains("ranges_unavailable"));
    let mut uids = BTreeSet::new();
    for map in maps.iter().chain(of_other.iter().filter(|map| map["metadata"]["name"] == "dss-dashboard-database")) {
        for (file, text) in map["data"].as_object().into_iter().flatten() {
            let dashboard: Value = serde_json::from_str(text.as_str().unwrap_or_default())?;
            assert!(uids.insert(dashboard["uid"].to_string()), "{file}: its uid is another's");
            let panels = dashboard["panels"].as_array().context("panels")?;
            let expressions = panels.iter().flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
            assert!(expressions.clone().count() >= panels.len(), "{file}");
            assert!(expressions.clone().all(|target| target["expr"].is_string()), "{file}");
        }
        let name = map["metadata"]["name"].as_str().unwrap_or_default();
        let (_, pod) =
            rendered.pods()?.into_iter().find(|(name, _)| name == "Deployment dss-grafana").context("a pod")?;
        assert!(pod.to_string().contains(name), "{name} is mounted nowhere");
    }
    assert!(Renderer::new()?.render(&values())?.manifest.objects().all(|object| !object.name.contains("dashboard")));
    Ok(())
}
