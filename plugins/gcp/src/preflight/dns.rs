//! The managed zone: whether it holds our names, and whether the world asks it.

use hangar_sdk::dns;
use hangar_sdk::infra_provider::{Error, Instance};
use serde_json::Value;

use super::Findings;
use super::api::Api;
use crate::config::Config;

pub(super) fn look(api: &Api<'_>, config: &Config, instance: &Instance, findings: &mut Findings) -> Result<(), Error> {
    let Some(name) = config.managed_zone() else {
        findings.note("dns", "no managed zone: the records are printed, to be made by hand");
        return Ok(());
    };
    let path = format!("projects/{}/managedZones/{name}", config.project);
    let Some(zone) = api.look("dns", &path, &format!("dns:{name}"), findings)? else { return Ok(()) };
    let domain = zone["dnsName"].as_str().unwrap_or_default().trim_end_matches('.').to_owned();
    let names = [Some(instance.hostname.as_str()), Some(&instance.db_suffix), config.prometheus()];
    let is_within = |name: &str| name == domain || name.ends_with(&format!(".{domain}"));
    for outside in names.into_iter().flatten().filter(|name| !is_within(name)) {
        let cure = format!("name the zone that holds it, or choose a name below `{domain}`");
        findings.error("dns", format!("`{outside}` is not in zone `{name}`, which is `{domain}`"), cure);
    }
    if zone["visibility"] == "private" {
        findings.error("dns", format!("zone `{name}` is private: partners cannot see its names"), "name a public zone");
        return Ok(());
    }
    let ours = zone["nameServers"].as_array().into_iter().flatten().filter_map(Value::as_str);
    findings.0.push(dns::delegation(api.endpoint(dns::ENDPOINT), &domain, ours));
    Ok(())
}
