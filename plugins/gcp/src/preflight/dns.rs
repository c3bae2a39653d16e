//! The managed zone: whether it holds our names, and whether the world asks it.

use std::collections::BTreeSet;

use hangar_sdk::http::Request;
use hangar_sdk::infra_provider::{Error, Instance};
use serde_json::Value;

use super::Findings;
use super::api::{Api, failed};
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
    delegation(&domain, &zone, findings)
}

/// Asks a public resolver, since only what others see counts.
fn delegation(domain: &str, zone: &Value, findings: &mut Findings) -> Result<(), Error> {
    let names = |values: Option<&Vec<Value>>, field: Option<&str>| -> BTreeSet<String> {
        let texts =
            values.into_iter().flatten().filter_map(|value| field.map_or(value, |field| &value[field]).as_str());
        texts.map(|name| name.trim_end_matches('.').to_ascii_lowercase()).collect()
    };
    let ours = names(zone["nameServers"].as_array(), None);
    let request = Request::get(format!("https://dns.google/resolve?name={domain}&type=NS"));
    let answer: Value = request.send().map_err(failed)?.json().unwrap_or_default();
    let theirs = names(answer["Answer"].as_array(), Some("data"));
    if theirs.is_empty() {
        findings.error(
            "dns:delegation",
            format!("nobody delegates `{domain}`"),
            format!("add NS records for it at its parent: {}", list(&ours)),
        );
    } else if theirs.is_disjoint(&ours) {
        findings.error(
            "dns:delegation",
            format!("`{domain}` is delegated to {}, not to this zone", list(&theirs)),
            format!("put its NS records at: {}", list(&ours)),
        );
    } else {
        findings.note("dns:delegation", format!("`{domain}` is delegated to this zone"));
    }
    Ok(())
}

fn list(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}
