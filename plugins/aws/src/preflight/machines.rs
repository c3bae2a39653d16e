//! Whether every zone has the machine type.

use hangar_sdk::infra_provider::{Finding, Severity};

use super::{finding, form, unknown};
use crate::config::Config;
use crate::cost::DEFAULT_NODE;

/// Zones in which the type of the nodes is not offered.
pub(super) fn missing(config: &Config) -> Vec<Finding> {
    const PERMISSION: &str = "ec2:DescribeInstanceTypeOfferings";
    let machine = config.instance_type.as_deref().unwrap_or(DEFAULT_NODE);
    let subject = format!("machine:{machine}");
    let asked = format!(
        "Action=DescribeInstanceTypeOfferings&Version=2016-11-15&LocationType=availability-zone\
         &Filter.1.Name=instance-type&Filter.1.Value.1={machine}"
    );
    let listed = match form(config, "ec2", &config.region, &asked) {
        Ok(response) if response.is_success() => response.text(),
        Ok(response) => return vec![unknown(&subject, &format!("EC2 answered {}", response.status), PERMISSION)],
        Err(err) => return vec![unknown(&subject, &err, PERMISSION)],
    };
    let is_offered = |zone: &String| listed.contains(&format!("<location>{zone}</location>"));
    let missing = config.zones().into_iter().filter(|zone| !is_offered(zone)).map(|zone| {
        let message = format!("zone `{zone}` has no `{machine}`");
        finding(Severity::Error, &subject, message, "take another `instance_type`, or name other `availability_zones`")
    });
    missing.collect()
}
