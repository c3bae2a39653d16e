//! What it is likely to cost.

use hangar_sdk::infra_provider::{CostHint, Instance};

use crate::config::Config;

/// Hours of a month, as Azure's own calculator counts them.
const HOURS: u64 = 730;
/// Prices of an hour in hundred-thousandths of a dollar: pay as you go, Linux, East US. Other regions differ by up to half.
/// Public price tables of 2026 have the same.
const MACHINES: [(&str, u64); 8] = [
    ("Standard_D2s_v5", 9_600),
    ("Standard_D4s_v5", 19_200),
    ("Standard_D8s_v5", 38_400),
    ("Standard_D16s_v5", 76_800),
    ("Standard_D4as_v5", 17_200),
    ("Standard_D8as_v5", 34_400),
    ("Standard_E4s_v5", 25_200),
    ("Standard_E8s_v5", 50_400),
];
/// The control plane in tier Standard.
const CONTROL_PLANE: u64 = 10_000;
/// A NAT gateway, without what passes through it.
const NAT_GATEWAY: u64 = 4_500;
/// A load balancer with up to five rules.
const LOAD_BALANCER: u64 = 2_500;
/// One static address.
const ADDRESS: u64 = 500;
/// A premium disk of 128 GiB (P10), a month in hundredths of a dollar: what the chart's volume comes to.
const VOLUME_MONTH: u64 = 1_971;
const SOURCE: &str =
    "Azure retail prices, pay as you go, East US, as of 2025-06; without traffic, backups and discounts";

/// The wanted number of nodes at list prices; none for a machine whose price is not known here.
pub(crate) fn cost(config: &Config, instance: &Instance) -> Option<CostHint> {
    let (_, machine) = MACHINES.iter().find(|(name, _)| *name == config.machine())?;
    let egress = if config.existing_network.is_none() { NAT_GATEWAY } else { 0 };
    let hour = machine * u64::from(config.count().desired)
        + CONTROL_PLANE
        + egress
        + LOAD_BALANCER
        + ADDRESS * u64::from(config.n_addresses(instance));
    Some(CostHint {
        monthly_hundredths: hour * HOURS / 1_000 + VOLUME_MONTH * u64::from(instance.nodes),
        currency: "USD".into(),
        source: SOURCE.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::tests::{BLOCK, instance};

    fn hint(block: &str) -> Option<CostHint> {
        cost(&Config::parse(block).expect("the block is good"), &instance())
    }

    #[test]
    fn three_small_nodes_cost_about_six_hundred_dollars() {
        let hint = hint(BLOCK).expect("the default machine has a price");
        // 3 x 140.16 + 73 + 32.85 + 18.25 + 5 x 3.65 + 3 x 19.71
        assert_eq!(hint.monthly_hundredths, 62_196);
        assert!(hint.source.contains("2025-06"), "no date: {}", hint.source);
    }

    #[test]
    fn nobody_guesses_the_price_of_an_unknown_machine() {
        assert!(hint(&BLOCK.replace("\"cluster_name\"", "\"vm_size\":\"Standard_M128\",\"cluster_name\"")).is_none());
    }
}
