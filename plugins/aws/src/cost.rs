//! What the infrastructure is likely to cost, where prices are known.

use hangar_sdk::infra_provider::{CostHint, Instance};

use crate::config::Config;

/// Where the prices hold, and of when they are. Public price tables of 2026 have the same.
const REGION: &str = "us-east-1";
const SOURCE: &str = "list prices of AWS for us-east-1, Linux on demand, a Kubernetes in standard support, of January 2025; \
                      without traffic, volumes and taxes";
/// Hours of a month, as AWS counts.
const HOURS: u64 = 730;
/// Thousandths of a cent an hour.
const CLUSTER: u64 = 10_000;
const NAT_GATEWAY: u64 = 4_500;
const PUBLIC_ADDRESS: u64 = 500;
const LOAD_BALANCER: u64 = 2_250;
/// The same for a node, by its type.
const NODES: [(&str, u64); 6] = [
    ("t3.medium", 4_160),
    ("t3.large", 8_320),
    ("m6i.large", 9_600),
    ("m6i.xlarge", 19_200),
    ("m6i.2xlarge", 38_400),
    ("m6i.4xlarge", 76_800),
];
/// What the module takes where the block says nothing.
pub(crate) const DEFAULT_NODE: &str = "m6i.xlarge";
pub(crate) const DEFAULT_NODES: u64 = 3;

/// A month of it; none for a region or a type whose prices are not here.
pub(crate) fn hint(config: &Config, instance: &Instance) -> Option<CostHint> {
    if config.region != REGION {
        return None;
    }
    let wanted = config.instance_type.as_deref().unwrap_or(DEFAULT_NODE);
    let (_, node) = NODES.iter().find(|(name, _)| *name == wanted)?;
    let n_nodes = config.node_count.map_or(DEFAULT_NODES, |count| u64::from(count.desired));
    let n_balancers = u64::from(instance.nodes) + 1 + u64::from(config.prometheus_hostname.is_some());
    let n_gateways = u64::from(config.existing_network.is_none());
    let hour = CLUSTER
        + n_nodes * node
        + n_balancers * (LOAD_BALANCER + PUBLIC_ADDRESS)
        + n_gateways * (NAT_GATEWAY + PUBLIC_ADDRESS);
    Some(CostHint { monthly_hundredths: hour * HOURS / 1000, currency: "USD".into(), source: SOURCE.into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::tests::instance;

    fn monthly(more: &str) -> Option<u64> {
        let block = format!(r#"{{"region":"us-east-1","cluster_name":"uss1"{more}}}"#);
        let config = Config::parse(&block).expect("the block is good");
        hint(&config, &instance()).map(|hint| hint.monthly_hundredths)
    }

    #[test]
    fn three_nodes_cost_what_their_parts_cost() {
        // Cluster 73.00, nodes 3 x 140.16, balancers with addresses 4 x 20.075, gateway with its address 36.50.
        assert_eq!(monthly(""), Some(61_028));
    }

    #[test]
    fn nobody_guesses_a_price() {
        assert_eq!(monthly(r#","instance_type":"x1e.32xlarge""#), None);
    }
}
