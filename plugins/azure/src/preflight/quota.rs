//! Whether the region has the machine in all zones, and room for what is wanted.

use hangar_sdk::infra_provider::{Error, Instance};
use hangar_sdk::serde_json::Value;

use super::Findings;
use super::api::Api;
use crate::config::Config;

const ZONES: [&str; 3] = ["1", "2", "3"];

/// What is known of a machine type.
struct Machine {
    family: String,
    n_cpus: u64,
}

pub(super) fn check(api: &Api<'_>, config: &Config, instance: &Instance, findings: &mut Findings) -> Result<(), Error> {
    if let Some(machine) = machine(api, config, findings)? {
        cpus(api, config, &machine, findings)?;
    }
    addresses(api, config, instance, findings)
}

/// The machine type of the nodes, if the region has it.
fn machine(api: &Api<'_>, config: &Config, findings: &mut Findings) -> Result<Option<Machine>, Error> {
    let (wanted, location) = (config.machine(), &config.location);
    let path = format!(
        "{}/providers/Microsoft.Compute/skus?api-version=2021-07-01&$filter=location%20eq%20'{location}'",
        config.subscription()
    );
    let found = match api.get(&path)? {
        Ok(found) => found,
        Err(trouble) => {
            findings.unanswered("machine", &trouble);
            return Ok(None);
        }
    };
    let machines = found["value"].as_array().into_iter().flatten();
    let sku = machines.into_iter().find(|sku| sku["resourceType"] == "virtualMachines" && sku["name"] == wanted);
    let Some(sku) = sku else {
        let cure = "take another `vm_size`, or another `location`";
        findings.error("machine", format!("`{location}` has no machine `{wanted}`"), cure);
        return Ok(None);
    };
    let zones = zones(sku);
    if ZONES.iter().all(|zone| zones.iter().any(|there| there == zone)) {
        findings.note("machine", format!("`{location}` has `{wanted}` in all three zones"));
    } else {
        let there = match &zones[..] {
            [] => format!("no zone of `{location}`"),
            zones => format!("zones {} of `{location}` only", zones.join(", ")),
        };
        let cure = "take another `vm_size` or `location`, or ask Azure to open the zones to this subscription";
        findings.error("machine", format!("this subscription has `{wanted}` in {there}"), cure);
    }
    let capabilities = sku["capabilities"].as_array().into_iter().flatten();
    let n_cpus = capabilities.into_iter().find(|one| one["name"] == "vCPUs").and_then(|one| one["value"].as_str());
    let n_cpus = n_cpus.and_then(|text| text.parse().ok());
    let family = sku["family"].as_str();
    Ok(family.zip(n_cpus).map(|(family, n_cpus)| Machine { family: family.to_owned(), n_cpus }))
}

/// Zones that have the machine and are open to the subscription.
fn zones<'a>(sku: &'a Value) -> Vec<&'a str> {
    let listed = |value: &'a Value| value["zones"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let restrictions = || sku["restrictions"].as_array().into_iter().flatten();
    // One of the kind `Location` names no zones: it closes them all.
    if restrictions().any(|one| one["type"] == "Location") {
        return Vec::new();
    }
    let closed: Vec<&str> = restrictions().flat_map(|one| listed(&one["restrictionInfo"])).collect();
    let places = sku["locationInfo"].as_array().into_iter().flatten();
    let mut zones: Vec<&str> = places.flat_map(listed).filter(|zone| !closed.contains(zone)).collect();
    zones.sort_unstable();
    zones
}

/// The autoscaler's upper bound, and one more node while an upgrade goes on.
fn cpus(api: &Api<'_>, config: &Config, machine: &Machine, findings: &mut Findings) -> Result<(), Error> {
    let wanted = (u64::from(config.count().max) + 1) * machine.n_cpus;
    let usages = format!(
        "{}/providers/Microsoft.Compute/locations/{}/usages?api-version=2024-07-01",
        config.subscription(),
        config.location
    );
    match api.get(&usages)? {
        Ok(found) => {
            for name in ["cores", machine.family.as_str()] {
                room(&found, name, wanted, "vCPUs", findings);
            }
        }
        Err(trouble) => findings.unanswered("quota:vcpus", &trouble),
    }
    Ok(())
}

fn addresses(api: &Api<'_>, config: &Config, instance: &Instance, findings: &mut Findings) -> Result<(), Error> {
    let usages = format!(
        "{}/providers/Microsoft.Network/locations/{}/usages?api-version=2024-05-01",
        config.subscription(),
        config.location
    );
    match api.get(&usages)? {
        Ok(found) => {
            let n_addresses = u64::from(config.n_addresses(instance));
            room(&found, "StandardSkuPublicIpAddresses", n_addresses, "public addresses", findings);
        }
        Err(trouble) => findings.unanswered("quota:addresses", &trouble),
    }
    Ok(())
}

/// Holds one usage against what is wanted. A quota that is not listed is no bound.
fn room(found: &Value, name: &str, wanted: u64, what: &str, findings: &mut Findings) {
    let mut usages = found["value"].as_array().into_iter().flatten();
    let Some(usage) =
        usages.find(|usage| usage["name"]["value"].as_str().is_some_and(|one| one.eq_ignore_ascii_case(name)))
    else {
        return;
    };
    let number = |key: &str| usage[key].as_u64().unwrap_or(0);
    let left = number("limit").saturating_sub(number("currentValue"));
    let subject = format!("quota:{name}");
    if left < wanted {
        let message = format!("{wanted} {what} are wanted, {left} of {} are left", number("limit"));
        findings.error(&subject, message, format!("ask for a higher quota of `{name}` in this region, or want less"));
    } else {
        findings.note(&subject, format!("{wanted} {what} are wanted, {left} are left"));
    }
}
