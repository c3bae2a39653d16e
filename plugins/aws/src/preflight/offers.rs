//! Whether EKS offers the version, and whether the quota of vCPUs holds the nodes.

use hangar_sdk::http::Request;
use hangar_sdk::infra_provider::{Finding, Severity};
use serde_json::Value;

use super::{element, finding, form, note, quota, unknown};
use crate::SLOT;
use crate::config::Config;
use crate::cost::{DEFAULT_NODE, DEFAULT_NODES};

/// Version of the module where the block names none.
const DEFAULT_VERSION: &str = "1.34";
/// Quota of vCPUs of standard on-demand machines.
const VCPUS: &str = "L-1216C47A";

/// A version that EKS does not offer.
pub(super) fn version(config: &Config) -> Finding {
    const SUBJECT: &str = "kubernetes-version";
    const PERMISSION: &str = "eks:DescribeClusterVersions";
    let wanted = config.kubernetes_version.as_deref().unwrap_or(DEFAULT_VERSION);
    let request = Request::get(format!("{}/cluster-versions", config.endpoint("eks")));
    let answer: Value = match request.sigv4(SLOT, "eks", &config.region).send() {
        Ok(response) if response.is_success() => response.json().unwrap_or_default(),
        Ok(response) => return unknown(SUBJECT, &format!("EKS answered {}", response.status), PERMISSION),
        Err(err) => return unknown(SUBJECT, &format!("{err:?}"), PERMISSION),
    };
    let offered = answer["clusterVersions"].as_array().into_iter().flatten();
    let offered: Vec<&str> = offered.filter_map(|one| one["clusterVersion"].as_str()).collect();
    if offered.is_empty() {
        return unknown(SUBJECT, "EKS named no version", PERMISSION);
    }
    if offered.contains(&wanted) {
        return note(SUBJECT, format!("EKS offers {wanted}"));
    }
    let cure = format!("set `kubernetes_version` to one of: {}", offered.join(", "));
    finding(Severity::Error, SUBJECT, format!("EKS does not offer {wanted}"), &cure)
}

/// What is in use already is not asked for: a quota that is too small for the nodes alone is the usual case of a new account.
pub(super) fn vcpus(config: &Config) -> Finding {
    const SUBJECT: &str = "quota:vcpu";
    const PERMISSION: &str = "ec2:DescribeInstanceTypes";
    let machine = config.instance_type.as_deref().unwrap_or(DEFAULT_NODE);
    let n_nodes = config.node_count.map_or(DEFAULT_NODES, |count| u64::from(count.desired));
    let asked = format!("Action=DescribeInstanceTypes&Version=2016-11-15&InstanceType.1={machine}");
    let answer = match form(config, "ec2", &config.region, &asked) {
        Ok(response) if response.is_success() => response.text(),
        Ok(response) => return unknown(SUBJECT, &format!("EC2 answered {}", response.status), PERMISSION),
        Err(err) => return unknown(SUBJECT, &err, PERMISSION),
    };
    let Some(n_each) = element(&answer, "defaultVCpus").and_then(|count| count.parse::<u64>().ok()) else {
        return unknown(SUBJECT, &format!("EC2 does not know `{machine}`"), PERMISSION);
    };
    let Some(quota) = quota(config, VCPUS) else {
        return unknown(SUBJECT, "no quota was told", "servicequotas:GetServiceQuota");
    };
    let message = format!("{n_nodes} nodes have {} vCPUs, {quota} are allowed", n_nodes * n_each);
    if n_nodes * n_each <= quota {
        return note(SUBJECT, message);
    }
    let cure = format!("ask for at least {} on-demand vCPUs (EC2, {VCPUS}) in {}", n_nodes * n_each, config.region);
    finding(Severity::Error, SUBJECT, message, &cure)
}
