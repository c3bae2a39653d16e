//! Whether the world finds the records of the DNS zone.

use hangar_sdk::dns;
use hangar_sdk::infra_provider::Error;
use hangar_sdk::serde_json::Value;

use super::Findings;
use super::api::Api;
use crate::config::Config;

/// Holds the zone's own name servers against those that the parent zone names.
pub(super) fn check(api: &Api<'_>, config: &Config, findings: &mut Findings) -> Result<(), Error> {
    let Some(zone) = config.zone() else { return Ok(()) };
    let name = zone.rsplit('/').next().unwrap_or_default();
    match api.get(&format!("{zone}?api-version=2018-05-01"))? {
        Ok(found) => {
            let own = found["properties"]["nameServers"].as_array().into_iter().flatten().filter_map(Value::as_str);
            findings.0.push(dns::delegation(config.endpoints.resolver.as_deref(), name, own));
        }
        Err(trouble) if trouble.status == 404 => {
            findings.error("dns", format!("there is no zone `{name}` there"), "check `dns_zone_id`");
        }
        Err(trouble) => findings.unanswered("dns", &trouble),
    }
    Ok(())
}
