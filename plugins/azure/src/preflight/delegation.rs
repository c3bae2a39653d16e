//! Whether the world finds the records of the DNS zone.

use hangar_sdk::http::Request;
use hangar_sdk::infra_provider::Error;
use hangar_sdk::serde_json::Value;

use super::Findings;
use super::api::{Api, words};
use crate::config::Config;

/// DNS over HTTPS, in JSON: whom the parent zone names, as anybody sees it.
const RESOLVER: &str = "https://dns.google/resolve";

/// Holds the zone's own name servers against those that the parent zone names.
pub(super) fn check(api: &Api<'_>, config: &Config, findings: &mut Findings) -> Result<(), Error> {
    let Some(zone) = config.zone() else { return Ok(()) };
    let name = zone.rsplit('/').next().unwrap_or_default();
    let found = match api.get(&format!("{zone}?api-version=2018-05-01"))? {
        Ok(found) => found,
        Err(trouble) if trouble.status == 404 => {
            findings.error("dns", format!("there is no zone `{name}` there"), "check `dns_zone_id`");
            return Ok(());
        }
        Err(trouble) => {
            findings.unanswered("dns", &trouble);
            return Ok(());
        }
    };
    let own = names(found["properties"]["nameServers"].as_array().into_iter().flatten());
    let question = Request::get(format!("{RESOLVER}?name={name}&type=NS"));
    let answer = match question.send() {
        Ok(response) if response.is_success() => response.json::<Value>().unwrap_or(Value::Null),
        Ok(response) => {
            let cure = format!("`dig NS {name}` must show: {}", own.join(", "));
            findings.warning("dns", format!("the resolver answered {}", response.status), cure);
            return Ok(());
        }
        Err(err) => {
            let cure = format!("`dig NS {name}` must show: {}", own.join(", "));
            findings.warning("dns", format!("the resolver cannot be asked: {}", words(&err)), cure);
            return Ok(());
        }
    };
    let seen = names(answer["Answer"].as_array().into_iter().flatten().map(|record| &record["data"]));
    if seen == own && !own.is_empty() {
        findings.note("dns", format!("`{name}` is delegated to this zone"));
    } else {
        let there = if seen.is_empty() { "nobody".to_owned() } else { seen.join(", ") };
        let cure = format!("at the registrar or in the parent zone, name for `{name}`: {}", own.join(", "));
        findings.error("dns", format!("`{name}` is delegated to {there}, so nobody finds the records"), cure);
    }
    Ok(())
}

/// Names without their final dot, in lower case and order.
fn names<'a>(values: impl Iterator<Item = &'a Value>) -> Vec<String> {
    let texts = values.filter_map(Value::as_str);
    let mut names: Vec<String> = texts.map(|name| name.trim_end_matches('.').to_ascii_lowercase()).collect();
    names.sort();
    names
}
