//! What it is likely to cost.

use hangar_sdk::infra_provider::{CostHint, Instance};

use crate::config::Config;

/// List prices, on demand, in US dollars an hour, of us-central1; other regions are up to a third dearer. Public price tables of
/// 2026 have the same.
const MACHINES: &[(&str, f64)] = &[
    ("e2-medium", 0.0335),
    ("e2-standard-2", 0.0670),
    ("e2-standard-4", 0.1340),
    ("e2-standard-8", 0.2681),
    ("n2-standard-2", 0.0971),
    ("n2-standard-4", 0.1942),
    ("n2-standard-8", 0.3885),
    ("n2d-standard-4", 0.1690),
];
const SOURCE: &str = "Google Cloud list prices of us-central1 (cloud.google.com/products/calculator), June 2025; without volumes, traffic and discounts";
const HOURS: f64 = 730.0;
/// The control plane of a regional cluster.
const CLUSTER: f64 = 0.10;
/// A public address in use.
const ADDRESS: f64 = 0.005;
/// Forwarding rules: five at one price, each further one.
const FIRST_RULES: f64 = 0.025;
const FURTHER_RULE: f64 = 0.010;
/// Address translation, each node.
const TRANSLATION: f64 = 0.0014;
/// A GiB of a boot disk in a month.
const DISK: f64 = 0.10;

/// Adds up what is known; nothing where the machine's price is not.
pub(crate) fn hint(config: &Config, instance: &Instance) -> Option<CostHint> {
    let (_, machine) = MACHINES.iter().find(|(name, _)| *name == config.machine_type())?;
    let nodes = f64::from(config.node_count().min.max(instance.nodes));
    let addresses = f64::from(instance.nodes + 2 + u32::from(config.prometheus().is_some()));
    let rules = addresses - 1.0;
    let hourly = CLUSTER
        + nodes * (machine + TRANSLATION)
        + addresses * ADDRESS
        + FIRST_RULES
        + (rules - 5.0).max(0.0) * FURTHER_RULE;
    let monthly = hourly * HOURS + nodes * f64::from(config.disk_size_gb.unwrap_or(50)) * DISK;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some hundred dollars")]
    let monthly_hundredths = (monthly * 100.0).round() as u64;
    Some(CostHint { monthly_hundredths, currency: "USD".into(), source: SOURCE.into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::tests::{block, instance};
    use serde_json::json;

    fn of(change: serde_json::Value) -> Option<u64> {
        let config = Config::parse(&block(change)).expect("the block is good");
        hint(&config, &instance()).map(|hint| hint.monthly_hundredths)
    }

    #[test]
    fn a_larger_machine_costs_more_and_an_unknown_one_is_not_guessed() {
        assert_eq!(of(json!({})), Some(55_286));
        assert!(of(json!({"machine_type": "n2-standard-8"})) > of(json!({})));
        assert!(of(json!({"prometheus_hostname": "p.example.com"})) > of(json!({})));
        assert_eq!(of(json!({"machine_type": "z9-highmem-96"})), None);
    }
}
