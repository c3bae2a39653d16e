//! What an infra provider says that stands, and how it wants tokens made.

use hangar_plan::grant::{CredentialKind, InfraProviderGrant};
use hangar_plan::infrastructure::{AddOn, Infrastructure, SlotKind, TokenRecipe};
use ipnet::IpNet;
use serde_json::Value;
use url::Url;

use super::values::check_values;
use super::{Findings, Refusal, Rule};

/// Refuses what makes no sense or is not granted. `config` is the block that the operator wrote.
pub(crate) fn check_infrastructure(
    infrastructure: &Infrastructure,
    grant: &InfraProviderGrant,
    config: &Value,
) -> Result<(), Vec<Refusal>> {
    let mut findings = Findings::default();
    let endpoint = &infrastructure.api.endpoint;
    let sound = Url::parse(endpoint).ok().is_some_and(|url| {
        url.scheme() == "https" && url.host().is_some() && url.username().is_empty() && url.password().is_none()
    });
    // An empty endpoint leaves it to the workspace's `cluster` block.
    if !sound && !endpoint.is_empty() {
        findings.add(Rule::Shape, "api", format!("`{endpoint}` is no https URL"));
    }
    for range in infrastructure.egress.iter().filter(|range| range.parse::<IpNet>().is_err()) {
        findings.add(Rule::Shape, "egress", format!("`{range}` is no range of addresses"));
    }
    for node in &infrastructure.nodes {
        for address in node.addresses.iter().filter(|address| address.parse::<std::net::IpAddr>().is_err()) {
            findings.add(Rule::Shape, "nodes", format!("`{address}` of node {} is no address", node.ordinal));
        }
    }
    for record in infrastructure.dns.iter().filter(|record| !matches!(record.kind.as_str(), "A" | "AAAA" | "CNAME")) {
        findings.add(Rule::Shape, "dns", format!("`{}` of `{}` is no known kind of record", record.kind, record.name));
    }
    check_values(&infrastructure.chart_values, &grant.values, "chart-values", &mut findings);
    for add_on in &infrastructure.add_ons {
        check_add_on(add_on, grant, config, &mut findings);
    }
    findings.into_result()
}

/// A chart that is granted, exactly, with values of its own. What the block's `add_ons` names, digest and all, is the
/// operator's own word, and needs no grant.
fn check_add_on(add_on: &AddOn, grant: &InfraProviderGrant, config: &Value, findings: &mut Findings) {
    let place = format!("add-on {}", add_on.name);
    let (reference, digest) = add_on.chart.split_once('@').unwrap_or((&add_on.chart, ""));
    if digest.parse::<registry_reference::Digest>().is_err() {
        findings.add(Rule::Chart, &place, format!("chart `{}` is not pinned by its digest", add_on.chart));
    }
    // A port has a colon too, but never after the last slash.
    let name = reference.rsplit('/').next().unwrap_or(reference);
    let tag = name.split_once(':').map_or(0, |(_, tag)| tag.len() + 1);
    let repository = &reference[..reference.len() - tag];
    let chosen = config["add_ons"].as_object().into_iter().flatten().any(|(_, chart)| *chart == *add_on.chart);
    if !chosen && !grant.charts.iter().any(|granted| granted == repository) {
        findings.add(Rule::Chart, &place, format!("chart `{repository}` is not granted"));
    }
    if !matches!(serde_json::from_str(&add_on.values), Ok(Value::Object(_))) {
        findings.add(Rule::Shape, &place, "its values are no JSON object");
    }
}

/// By https, or in development to where plain http was granted.
fn is_sent_safely(url: &Url, grant: &InfraProviderGrant) -> bool {
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return false };
    let in_development = || grant.egress.iter().any(|egress| egress.dev && egress.covers(host, port, "GET"));
    url.scheme() == "https" || (url.scheme() == "http" && in_development())
}

/// Refuses a recipe that uses a credential for what it is not granted.
pub(crate) fn check_recipe(recipe: &TokenRecipe, grant: &InfraProviderGrant) -> Result<(), Vec<Refusal>> {
    let mut findings = Findings::default();
    let mut refuse = |detail: String| findings.add(Rule::Credential, "cluster-token", detail);
    let slot = |name: &str| grant.credentials.iter().find(|slot| slot.name == name);
    match recipe {
        TokenRecipe::Presign(presign) => match slot(&presign.slot) {
            None => refuse(format!("credential `{}` is not granted", presign.slot)),
            Some(slot) => {
                let url = Url::parse(&presign.url).ok().filter(|url| is_sent_safely(url, grant));
                let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
                if !slot.hosts.iter().any(|pattern| pattern.matches(host)) {
                    refuse(format!("credential `{}` is not for `{}`", slot.name, presign.url));
                }
                if slot.kind != CredentialKind::Aws || !slot.services.contains(&presign.service) {
                    refuse(format!("credential `{}` is not for service `{}`", slot.name, presign.service));
                }
            }
        },
        TokenRecipe::Oauth(oauth) => {
            if slot(&oauth.slot).is_none_or(|slot| slot.kind != CredentialKind::Oauth2) {
                refuse(format!("credential `{}` is not granted as a client of an issuer", oauth.slot));
            }
        }
        TokenRecipe::Slot(wanted) => {
            let kind = match wanted.kind {
                SlotKind::Bearer => CredentialKind::Bearer,
                SlotKind::ClientTls => CredentialKind::ClientTls,
                SlotKind::Kubeconfig => CredentialKind::Kubeconfig,
            };
            if slot(&wanted.name).is_none_or(|slot| slot.kind != kind) {
                refuse(format!("credential `{}` is not granted as what the recipe wants", wanted.name));
            }
        }
        TokenRecipe::Other((name, _)) => refuse(format!("this host does not know the recipe `{name}`")),
    }
    findings.into_result()
}
