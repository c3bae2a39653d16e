//! Quotas: what is needed, against what is left.

use hangar_sdk::infra_provider::{Error, Instance};
use serde_json::Value;

use super::Findings;
use super::api::{Api, Said};
use crate::config::Config;

/// What is needed of one quota.
struct Need {
    metric: String,
    amount: f64,
}

impl Need {
    fn new(metric: impl Into<String>, amount: impl Into<f64>) -> Self {
        Self { metric: metric.into(), amount: amount.into() }
    }
}

/// Compares with the quotas of the region and of the project.
pub(super) fn look(
    api: &Api<'_>,
    config: &Config,
    instance: &Instance,
    processors: Option<u64>,
    findings: &mut Findings,
) -> Result<(), Error> {
    let addresses = instance.nodes + 1 + u32::from(config.prometheus().is_some());
    // One machine more comes and goes while nodes are upgraded.
    let machines = config.node_count().min.max(instance.nodes) + 1;
    let mut region = vec![
        Need::new("STATIC_ADDRESSES", addresses),
        Need::new("IN_USE_ADDRESSES", addresses),
        Need::new("SSD_TOTAL_GB", machines * config.disk_size_gb.unwrap_or(50)),
    ];
    let mut project = vec![Need::new("STATIC_ADDRESSES", 1), Need::new("FIREWALLS", 1), Need::new("ROUTERS", 1)];
    if config.network.is_none() {
        project.extend([Need::new("NETWORKS", 1), Need::new("SUBNETWORKS", 1)]);
    }
    if let Some(each) = processors.and_then(|each| u32::try_from(each).ok()) {
        let all = machines * each;
        region.push(Need::new(cpu_metric(config.machine_type()), all));
        project.push(Need::new("CPUS_ALL_REGIONS", all));
    }
    let place = format!("projects/{}/regions/{}", config.project, config.region);
    compare(api, &place, &format!("region `{}`", config.region), &region, findings)?;
    compare(api, &format!("projects/{}", config.project), "the project", &project, findings)
}

/// Processors are counted by family, but for the oldest.
fn cpu_metric(machine: &str) -> String {
    match machine.split('-').next().unwrap_or_default() {
        "n1" | "e2" | "f1" | "g1" => "CPUS".into(),
        family => format!("{}_CPUS", family.to_ascii_uppercase()),
    }
}

fn compare(api: &Api<'_>, path: &str, place: &str, needs: &[Need], findings: &mut Findings) -> Result<(), Error> {
    let said = match api.get("compute", path)? {
        Said::Value(said) => said,
        // A region that is not there, and an API that is off, are told by other looks.
        Said::NotFound | Said::Disabled => return Ok(()),
        Said::Forbidden(words) => {
            let cure = "give the credential `roles/compute.viewer`, or go on without this look";
            findings.warn("quota", format!("quotas of {place} cannot be looked at: {words}"), cure);
            return Ok(());
        }
    };
    let quotas: Vec<&Value> = said["quotas"].as_array().into_iter().flatten().collect();
    let mut n_short = 0;
    for Need { metric, amount } in needs {
        let Some(quota) = quotas.iter().find(|quota| quota["metric"] == metric.as_str()) else { continue };
        let (limit, usage) = (quota["limit"].as_f64().unwrap_or(0.0), quota["usage"].as_f64().unwrap_or(0.0));
        if usage + amount > limit {
            n_short += 1;
            findings.error(
                &format!("quota:{metric}"),
                format!("{place} has {} of {limit} `{metric}` left, {amount} are needed", (limit - usage).max(0.0)),
                format!("ask for {} at least (IAM & Admin, Quotas), or free some", usage + amount),
            );
        }
    }
    if n_short == 0 {
        findings.note("quota", format!("{place} has enough"));
    }
    Ok(())
}
