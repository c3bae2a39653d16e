//! What the alerts say over series as a pool makes them, by the engine of Prometheus.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use test_chart::prometheus::{Firing, Series, firing};
use test_chart::{Renderer, set, with};

const DAY: f64 = 86_400.0;
const HOUR: u64 = 60;

/// The rules of an instance with everything that is watched.
fn rules(datastore: &str) -> Result<Value> {
    let mut values = with("/monitoring/rules/enabled", json!(true));
    set(&mut values, "/coreService/metrics", json!({"enabled": true}));
    set(&mut values, "/evict/scd/enabled", json!(true));
    set(&mut values, "/datastore", json!(datastore));
    let mut rule = Renderer::new()?.render(&values)?.object("PrometheusRule", "dss-alerts")?;
    Ok(rule["spec"].take())
}

fn job(part: &str) -> String {
    format!("uss1/dss-{part}")
}

/// A series of each of three pods.
fn of_pods(name: &str, part: &str, value: f64) -> Vec<Series> {
    let pods = ["0", "1", "2"].map(|n| format!("dss-{part}-{n}"));
    pods.iter().map(|pod| Series::steady(name, &[("job", &job(part)), ("pod", pod)], value)).collect()
}

fn certificates(datastore: &str) -> Vec<Series> {
    let part = format!("{datastore}-certificates");
    // The time of the series begins at the epoch.
    let ends = |file: &str, days: f64| {
        let labels = [("job", &*job(&part)), ("pod", "dss-db-0"), ("file", file)];
        Series::steady("hangar_certificate_not_after_seconds", &labels, days * DAY)
    };
    let mut series = vec![ends("node.crt", 90.0), ends("ca.crt", 3_650.0), ends("ca-of-another.crt", 400.0)];
    series.extend(["hangar_certificates_broken", "hangar_certificates_pending"].map(|name| {
        let labels = [("job", &*job(&part)), ("pod", "dss-db-0")];
        Series::steady(name, &labels, 0.0)
    }));
    series
}

fn evictions() -> Vec<Series> {
    // The last success is an hour back throughout: what is compared is its distance from now.
    ["rid", "scd"]
        .map(|kind| {
            let cronjob = format!("dss-evict-{kind}");
            let labels = [("namespace", "uss1"), ("cronjob", &*cronjob)];
            Series::steady("kube_cronjob_status_last_successful_time", &labels, 0.0)
        })
        .into()
}

/// Everything as it is on a good day.
fn healthy(datastore: &str) -> Vec<Series> {
    let mut series = match datastore {
        "cockroachdb" => [
            of_pods("liveness_livenodes", "cockroachdb", 9.0),
            of_pods("ranges_unavailable", "cockroachdb", 0.0),
            of_pods("ranges_underreplicated", "cockroachdb", 0.0),
            of_pods("clock_offset_meannanos", "cockroachdb", -2_000_000.0),
            of_pods("up", "cockroachdb", 1.0),
        ]
        .concat(),
        _ => [
            of_pods("hangar_database_under_replicated_tablets", "yugabytedb-certificates", 0.0),
            of_pods("up", "yugabytedb-master", 1.0),
            of_pods("up", "yugabytedb-tserver", 1.0),
            of_pods("hybrid_clock_skew", "yugabytedb-tserver", 2_000.0),
        ]
        .concat(),
    };
    series.extend(certificates(datastore));
    series.extend(evictions());
    series.extend(of_pods("up", "core-service", 1.0));
    series
}

/// The same, where those of a name that match become something else after ten minutes.
fn changed(datastore: &str, name: &str, label: (&str, &str), value: Option<f64>) -> Vec<Series> {
    let is_meant = |one: &Series| {
        one.labels["__name__"] == name && one.labels.get(label.0).is_some_and(|text| text.contains(label.1))
    };
    let all = healthy(datastore).into_iter();
    all.map(|one| if is_meant(&one) { one.then(10, value) } else { one }).collect()
}

/// Name and minute of all that fires.
fn told(datastore: &str, series: &[Series], minutes: u64) -> Result<BTreeSet<(String, u64)>> {
    let fires = firing(&rules(datastore)?, series, minutes)?;
    Ok(fires.into_iter().map(|Firing { alert, since, .. }| (alert, since / 60)).collect())
}

fn only(alert: &str, minute: u64) -> BTreeSet<(String, u64)> {
    BTreeSet::from([(alert.to_owned(), minute)])
}

#[test]
fn on_a_good_day_nobody_is_woken() -> Result<()> {
    for datastore in ["cockroachdb", "yugabytedb"] {
        assert_eq!(told(datastore, &healthy(datastore), 2 * HOUR)?, BTreeSet::new(), "{datastore}");
    }
    Ok(())
}

/// Database, metric, label and what it contains, what the series becomes, alert, minute.
type Row<'a> = (&'a str, &'a str, (&'a str, &'a str), Option<f64>, &'a str, u64);

/// Each row: what changes at minute 10, to what, and the one alert that tells of it, in which minute.
#[test]
fn each_fault_is_told_by_its_own_alert_after_the_time_it_is_given() -> Result<()> {
    let seen: &[Row<'_>] = &[
        ("cockroachdb", "liveness_livenodes", ("job", "cockroachdb"), Some(0.0), "DssDatabaseNoQuorum", 12),
        ("cockroachdb", "liveness_livenodes", ("job", "cockroachdb"), None, "DssDatabaseNoQuorum", 12),
        ("cockroachdb", "up", ("pod", "cockroachdb-2"), None, "DssDatabaseNodesMissing", 20),
        ("yugabytedb", "up", ("pod", "tserver-2"), None, "DssDatabaseNodesMissing", 20),
        ("cockroachdb", "ranges_unavailable", ("pod", "-1"), Some(3.0), "DssDatabaseRangesUnavailable", 12),
        ("cockroachdb", "ranges_underreplicated", ("pod", "-0"), Some(1.0), "DssDatabaseUnderReplicated", 40),
        ("cockroachdb", "up", ("pod", "cockroachdb-1"), Some(0.0), "DssDatabaseNodeDown", 15),
        ("cockroachdb", "clock_offset_meannanos", ("pod", "-1"), Some(-150_000_000.0), "DssDatabaseClockOffset", 15),
        ("cockroachdb", "hangar_certificates_pending", ("pod", "0"), Some(1.0), "DssCertificatesNotLoaded", 25),
        ("cockroachdb", "hangar_certificates_broken", ("pod", "0"), Some(1.0), "DssCertificatesBroken", 15),
        ("cockroachdb", "up", ("job", "core-service"), Some(0.0), "DssApiDown", 12),
        ("yugabytedb", "hangar_database_under_replicated_tablets", ("pod", ""), None, "DssDatabaseNoQuorum", 13),
        (
            "yugabytedb",
            "hangar_database_under_replicated_tablets",
            ("pod", "-0"),
            Some(2.0),
            "DssDatabaseUnderReplicated",
            40,
        ),
        ("yugabytedb", "up", ("pod", "master-0"), Some(0.0), "DssDatabaseNodeDown", 15),
        ("yugabytedb", "up", ("pod", "tserver-1"), Some(0.0), "DssDatabaseNodeDown", 15),
        ("yugabytedb", "hybrid_clock_skew", ("pod", "-1"), Some(150_000.0), "DssDatabaseClockOffset", 15),
        ("yugabytedb", "hangar_certificates_broken", ("pod", "0"), Some(1.0), "DssCertificatesBroken", 15),
    ];
    for (datastore, metric, label, value, alert, minute) in seen {
        let series = changed(datastore, metric, *label, *value);
        assert_eq!(
            told(datastore, &series, 2 * HOUR)?,
            only(alert, *minute),
            "{datastore}: {metric} {label:?} {value:?}"
        );
    }
    Ok(())
}

/// A pod that answers takes away nothing from one that does not, and one of two is enough for the API.
#[test]
fn what_is_within_its_bounds_wakes_nobody() -> Result<()> {
    let seen: &[(&str, (&str, &str), f64)] = &[
        ("up", ("pod", "core-service-0"), 0.0),
        ("clock_offset_meannanos", ("pod", "-1"), 99_000_000.0),
        ("liveness_livenodes", ("job", "cockroachdb"), 1.0),
    ];
    for (metric, label, value) in seen {
        let series = changed("cockroachdb", metric, *label, Some(*value));
        assert_eq!(told("cockroachdb", &series, 2 * HOUR)?, BTreeSet::new(), "{metric} {value}");
    }
    Ok(())
}

/// The authority of another member is told of as our own leaf is, each by its file.
#[test]
fn every_certificate_that_ends_is_told_of_by_itself() -> Result<()> {
    let files = |series: &[Series], alert: &str| -> Result<Vec<String>> {
        let fires = firing(&rules("cockroachdb")?, series, 26 * HOUR)?.into_iter();
        let of_alert = fires.filter(|one| one.alert == alert);
        of_alert.map(|one| one.labels.get("file").cloned().context("a file")).collect()
    };
    let month =
        changed("cockroachdb", "hangar_certificate_not_after_seconds", ("file", "ca-of-another"), Some(29.0 * DAY));
    assert_eq!(files(&month, "DssCertificateEnds")?, ["ca-of-another.crt"]);
    assert_eq!(files(&month, "DssCertificateEndsAtOnce")?, [""; 0]);
    let days = changed("cockroachdb", "hangar_certificate_not_after_seconds", ("file", "node.crt"), Some(2.5 * DAY));
    assert_eq!(files(&days, "DssCertificateEnds")?, ["node.crt"]);
    assert_eq!(files(&days, "DssCertificateEndsAtOnce")?, ["node.crt"]);
    Ok(())
}

/// A job that last succeeded long ago, and one that nobody ever saw.
#[test]
fn rows_that_nobody_removes_are_told_of() -> Result<()> {
    let datastore = "cockroachdb";
    let long = 30 * HOUR;
    let fires = told(datastore, &healthy(datastore), long)?;
    let names: Vec<_> = fires.iter().map(|(alert, _)| alert.as_str()).collect();
    assert_eq!(names, ["DssEvictionNotRunningRid", "DssEvictionNotRunningScd"], "the last success is at the epoch");
    let unseen: Vec<_> =
        healthy(datastore).into_iter().filter(|one| !one.labels["__name__"].starts_with("kube_cronjob")).collect();
    let fires = told(datastore, &unseen, long)?;
    let names: Vec<_> = fires.iter().map(|(alert, _)| alert.as_str()).collect();
    assert_eq!(names, ["DssEvictionUnseenRid", "DssEvictionUnseenScd"]);
    Ok(())
}

/// Nothing answers at all: what was read is gone, and Prometheus finds no targets any more.
#[test]
fn an_api_without_pods_is_down_too() -> Result<()> {
    let gone = changed("cockroachdb", "up", ("job", "core-service"), None);
    assert_eq!(told("cockroachdb", &gone, HOUR)?, only("DssApiDown", 12));
    Ok(())
}

/// Whoever is woken reads whose instance it is and how bad.
#[test]
fn an_alert_names_its_instance_and_how_bad_it_is() -> Result<()> {
    let series = changed("cockroachdb", "up", ("pod", "cockroachdb-1"), Some(0.0));
    let fires = firing(&rules("cockroachdb")?, &series, HOUR)?;
    let [alert] = fires.as_slice() else { anyhow::bail!("{fires:?}") };
    insta::assert_json_snapshot!(alert.labels, @r#"
    {
      "instance_name": "uss1",
      "job": "uss1/dss-cockroachdb",
      "pod": "dss-cockroachdb-1",
      "severity": "warning"
    }
    "#);
    Ok(())
}

/// No alert is without a row above.
#[test]
fn every_alert_was_seen_to_fire() -> Result<()> {
    let source = include_str!("alerts.rs");
    for datastore in ["cockroachdb", "yugabytedb"] {
        for rule in rules(datastore)?["groups"][0]["rules"].as_array().context("rules")? {
            let name = rule["alert"].as_str().context("a name")?;
            assert!(source.contains(&format!("\"{name}\"")), "{datastore}: nothing makes `{name}` fire");
        }
    }
    Ok(())
}

#[test]
fn rules_that_prometheus_would_not_load_are_refused() {
    let rules = json!({"groups": [{"name": "dss", "rules": [{"alert": "A", "expr": "sum(up"}]}]});
    let told = firing(&rules, &[], HOUR).expect_err("one bracket too few").to_string();
    assert!(told.contains("unclosed left parenthesis"), "{told}");
}
