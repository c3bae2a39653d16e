//! What a change of a resource means to an operator.

use hangar_plan::plan::Effect;
use hangar_terraform::{Action, Change};

/// Words of resource types, in whichever cloud: `aws_eip`, `google_compute_global_address`, `azurerm_public_ip`,
/// `aws_route53_record`. The host knows no type, and a word that is missing costs a heading and nothing else: what must
/// not go in passing is named by the plugin.
const ADDRESSES: [&str; 4] = ["address", "eip", "ip", "record"];
const DATA: [&str; 9] = ["bucket", "database", "disk", "filesystem", "kms", "secret", "snapshot", "vault", "volume"];
const NODES: [&str; 3] = ["cluster", "instance", "node"];

/// What a change means.
pub(crate) fn of(change: &Change, is_precious: bool) -> Effect {
    let goes = matches!(change.action, Action::Delete | Action::Replace | Action::Forget);
    let kind = kind(&change.address);
    let is_of = |words: &[&str]| kind.split('_').any(|word| words.contains(&word));
    match () {
        () if goes && (is_precious || is_of(&DATA)) => Effect::AtRisk,
        () if is_of(&ADDRESSES) => Effect::Told,
        () if goes && is_of(&NODES) => Effect::Nodes,
        () => Effect::Other,
    }
}

/// The resource's type: what stands before its name.
fn kind(address: &str) -> &str {
    // Keys may hold dots: `module.m["a.b"].aws_eip.node[0]`.
    let mut depth = 0_usize;
    let mut parts = vec![0];
    for (at, letter) in address.char_indices() {
        match letter {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            '.' if depth == 0 => parts.push(at + 1),
            _ => {}
        }
    }
    let Some(start) = parts.len().checked_sub(2).map(|n| parts[n]) else { return address };
    address[start..].split('.').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effect(address: &str, action: Action, is_precious: bool) -> Effect {
        let address = address.to_owned();
        of(&Change { address, previous_address: None, action, reason: None, import_id: None }, is_precious)
    }

    #[test]
    fn types_of_every_cloud_fall_under_their_meaning() {
        for address in [
            "module.m[\"a.b\"].aws_eip.node[0]",
            "google_compute_global_address.gateway",
            "azurerm_public_ip.node[\"x.y\"]",
            "aws_route53_record.node[0]",
            "google_dns_record_set.node",
        ] {
            assert_eq!(effect(address, Action::Create, false), Effect::Told, "{address}");
        }
        for address in ["aws_ebs_volume.db", "google_compute_disk.db", "azurerm_key_vault.this", "aws_kms_key.k"] {
            assert_eq!(effect(address, Action::Replace, false), Effect::AtRisk, "{address}");
            assert_eq!(effect(address, Action::Create, false), Effect::Other, "{address}");
        }
        assert_eq!(effect("aws_eks_node_group.this", Action::Replace, false), Effect::Nodes);
        assert_eq!(effect("aws_eks_node_group.this", Action::Update, false), Effect::Other);
        assert_eq!(effect("aws_eip.node[0]", Action::Replace, true), Effect::AtRisk);
        assert_eq!(effect("terraform_data.node[0]", Action::Delete, false), Effect::Other);
    }
}
