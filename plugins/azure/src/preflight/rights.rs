//! Whether the roles of these credentials cover what terraform will do.

use hangar_sdk::infra_provider::Error;
use hangar_sdk::serde_json::Value;

use super::Findings;
use super::api::Api;
use crate::config::Config;

/// Actions of the resources that the module makes, on the resource group.
const ACTIONS: [&str; 9] = [
    "Microsoft.ContainerService/managedClusters/write",
    "Microsoft.Network/publicIPAddresses/write",
    "Microsoft.Network/virtualNetworks/write",
    "Microsoft.Network/natGateways/write",
    "Microsoft.Network/networkSecurityGroups/write",
    "Microsoft.ManagedIdentity/userAssignedIdentities/write",
    "Microsoft.KeyVault/vaults/write",
    "Microsoft.Authorization/roleAssignments/write",
    "Microsoft.Authorization/locks/write",
];

/// Asks what these credentials may do at the group (or the subscription, if the group is yet to be made) and at the zone.
pub(super) fn check(api: &Api<'_>, config: &Config, findings: &mut Findings) -> Result<(), Error> {
    let scope = config.resource_group_id.clone().unwrap_or_else(|| config.subscription());
    let mut wanted: Vec<&str> = ACTIONS.to_vec();
    if config.resource_group_id.is_none() {
        wanted.push("Microsoft.Resources/subscriptions/resourceGroups/write");
    }
    if config.deletion_protection == Some(false) {
        wanted.retain(|action| !action.contains("/locks/"));
    }
    if config.existing_network.is_some() {
        let made = ["virtualNetworks", "natGateways", "networkSecurityGroups"];
        wanted.retain(|action| !made.iter().any(|kind| action.contains(kind)));
    }
    at(api, &scope, &wanted, findings)?;
    if let Some(zone) = config.zone() {
        at(
            api,
            zone,
            &["Microsoft.Network/dnsZones/A/write", "Microsoft.Authorization/roleAssignments/write"],
            findings,
        )?;
    }
    if let Some(network) = &config.existing_network {
        let needed =
            ["Microsoft.Network/virtualNetworks/subnets/join/action", "Microsoft.Authorization/roleAssignments/write"];
        at(api, &network.subnet_id, &needed, findings)?;
    }
    Ok(())
}

fn at(api: &Api<'_>, scope: &str, wanted: &[&str], findings: &mut Findings) -> Result<(), Error> {
    let path = format!("{scope}/providers/Microsoft.Authorization/permissions?api-version=2022-04-01");
    let found = match api.get(&path)? {
        Ok(found) => found,
        Err(trouble) => {
            findings.unanswered("permission", &trouble);
            return Ok(());
        }
    };
    let roles = found["value"].as_array().cloned().unwrap_or_default();
    let missing: Vec<&&str> = wanted.iter().filter(|action| !roles.iter().any(|role| allows(role, action))).collect();
    for action in &missing {
        let role = if action.starts_with("Microsoft.Authorization/") {
            "Role Based Access Control Administrator, or Owner for locks"
        } else if action.contains("/dnsZones/") {
            "DNS Zone Contributor"
        } else {
            "Contributor"
        };
        let cure = format!("give the client of slot `azure` the role {role} at `{scope}`");
        findings.error(&format!("permission:{action}"), "no role of these credentials allows it", cure);
    }
    if missing.is_empty() {
        findings.note("permission", format!("all {} actions are allowed at `{scope}`", wanted.len()));
    }
    Ok(())
}

/// A role allows what one of its actions matches and none of its not-actions does.
fn allows(role: &Value, action: &str) -> bool {
    let any = |key: &str| {
        let patterns = role[key].as_array().into_iter().flatten();
        patterns.filter_map(Value::as_str).any(|pattern| matches(pattern, action))
    };
    any("actions") && !any("notActions")
}

/// A star is any text, slashes too; case does not matter.
fn matches(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    let mut parts = pattern.split('*');
    let Some(mut rest) = action.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use hangar_sdk::serde_json::json;

    use super::*;

    #[test]
    fn a_star_is_any_text() {
        let write = "Microsoft.Network/publicIPAddresses/write";
        for pattern in ["*", "microsoft.network/*", "*/write", "Microsoft.Network/*/write", write] {
            assert!(matches(pattern, write), "{pattern}");
        }
        for pattern in [
            "*/read",
            "Microsoft.Network",
            "Microsoft.Compute/*",
            "*/publicIPAddresses/",
            "Microsoft.Network/*/write/action",
        ] {
            assert!(!matches(pattern, write), "{pattern}");
        }
    }

    #[test]
    fn a_contributor_may_do_all_but_assign_roles() {
        let contributor = json!({"actions": ["*"], "notActions": ["Microsoft.Authorization/*/Write"]});
        assert!(allows(&contributor, "Microsoft.KeyVault/vaults/write"));
        assert!(!allows(&contributor, "Microsoft.Authorization/roleAssignments/write"));
    }
}
