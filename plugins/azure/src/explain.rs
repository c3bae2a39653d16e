//! Diagnostics of terraform, turned into cures in this cloud's words.

use hangar_sdk::infra_provider::ToolDiagnostic;
use hangar_sdk::terraform::cure;

/// Part of a diagnostic, and what to do about it; the first that fits counts.
const CURES: &[(&str, &str)] = &[
    (
        "AADSTS7000222",
        "the secret of slot `azure` has expired: make a new one for the app registration, put it where the slot looks, then `hangar up`",
    ),
    ("AADSTS7000215", "the secret of slot `azure` is wrong: it is the secret's value, not its id"),
    ("AADSTS700016", "the client of slot `azure` is not known in this tenant: check `client_id` and `tenant_id`"),
    ("AADSTS90002", "the tenant of slot `azure` does not exist: check `tenant_id`"),
    ("AADSTS70021", "no federated credential of the client fits the token: check its issuer, subject and audience"),
    ("AADSTS700024", "the federated token of slot `azure` has expired: whoever writes its file must renew it"),
    ("could not configure AzureCli Authorizer", "terraform was given no credential: bind slot `azure` in hangar.hcl"),
    ("SubscriptionNotFound", "check `subscription_id`, and that the client of slot `azure` has a role in it"),
    (
        "LinkedAuthorizationFailed",
        "the client of slot `azure` may not use a part of another scope: the message names the action and the scope",
    ),
    (
        "ForbiddenByRbac",
        "the role that was just given has not reached the key vault yet: run `hangar up` again in five minutes",
    ),
    (
        "AuthorizationFailed",
        "the client of slot `azure` lacks a right: the message names the action and the scope; Contributor and Role Based Access Control Administrator cover all",
    ),
    (
        "MissingSubscriptionRegistration",
        "register the resource provider that the message names: `az provider register --namespace NAME`, once for a subscription",
    ),
    (
        "PublicIPCountLimitReached",
        "ask for a higher quota of Standard public addresses in this region (Microsoft.Network, StandardSkuPublicIpAddresses)",
    ),
    (
        "ErrCode_InsufficientVCPUQuota",
        "ask for a higher quota of vCPUs of this machine family in this region, or take smaller or fewer nodes",
    ),
    ("QuotaExceeded", "ask for a higher quota in this region: the message names which, with its limit and use"),
    (
        "SkuNotAvailable",
        "this region or subscription does not offer the machine: take another `vm_size`, or another `location`",
    ),
    (
        "AvailabilityZoneNotSupported",
        "not all three zones have this machine: take another `vm_size`, or another `location`",
    ),
    (
        "ZonalAllocationFailed",
        "a zone has no room for this machine just now: run `hangar up` again later, or take another `vm_size`",
    ),
    (
        "AllocationFailed",
        "the region has no room for this machine just now: run `hangar up` again later, or take another `vm_size`",
    ),
    (
        "K8sVersionNotSupported",
        "AKS does not offer this `kubernetes_version` in this region: `hangar doctor` lists those that it does",
    ),
    ("VaultAlreadyExists", "the key vault's name is taken, in all of Azure: set `key_vault_name`"),
    (
        "SoftDeletedVaultDoesNotExist",
        "the key vault's name is kept by one that was deleted: set `key_vault_name`, or recover that one",
    ),
    (
        "ConflictError",
        "the key vault's name is kept by one that was deleted in the last 90 days: set `key_vault_name`, or recover that one",
    ),
    ("ScopeLocked", "a lock holds it: set `deletion_protection = false`, `hangar up`, then try again"),
    ("ParentResourceNotFound", "check `dns_zone_id` and `existing_network`: what contains the resource does not exist"),
    ("ServiceCidrOverlapExistingSubnetsCidr", "`service_cidr` overlaps the network: choose another range"),
    (
        "InsufficientSubnetSize",
        "the subnet has too few free addresses for the nodes: take a larger one, or fewer nodes",
    ),
    (
        "PublicIPAddressCannotBeDeleted",
        "a load balancer still uses the address: the Service goes first, with `hangar down`",
    ),
    ("InUseSubnetCannotBeDeleted", "something in the subnet is not hangar's: the message names it"),
    (
        "NatGatewayMustBeAssociated",
        "the subnet of `existing_network` has no NAT gateway: attach one, or set `outbound_type`",
    ),
    (
        "already exists - to be managed via Terraform",
        "something of this name is there and not hangar's: choose another `cluster_name`, or remove it",
    ),
    ("TooManyRequests", "Azure asks to slow down: run `hangar up` again in a few minutes"),
    ("RetryableError", "Azure was not well: run `hangar up` again"),
    ("context deadline exceeded", "Azure took too long: run `hangar up` again, which goes on from there"),
];

/// Returns the cure where there is one.
pub fn explain(diagnostic: &ToolDiagnostic) -> Option<String> {
    cure(CURES, diagnostic)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cure(summary: &str, detail: &str) -> Option<String> {
        let (summary, detail) = (summary.into(), detail.into());
        explain(&ToolDiagnostic { severity: "error".into(), summary, detail, address: None })
    }

    #[test]
    fn what_operators_meet_has_a_cure() {
        let met = [
            (
                "creating Public I P Address: unexpected status 400 (400 Bad Request) with error: PublicIPCountLimitReached: Cannot create more than 20 public IP addresses",
                "StandardSkuPublicIpAddresses",
            ),
            (
                "building account: could not acquire access token to parse claims: clientCredentialsToken: received HTTP status 401 with response: {\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000222: The provided client secret keys for app are expired.\"}",
                "has expired",
            ),
            (
                "creating Kubernetes Cluster: unexpected status 403 (403 Forbidden) with error: AuthorizationFailed: The client does not have authorization to perform action 'Microsoft.ContainerService/managedClusters/write'",
                "lacks a right",
            ),
            (
                "performing CreateOrUpdate: unexpected status 409 with error: MissingSubscriptionRegistration: The subscription is not registered to use namespace 'Microsoft.KeyVault'",
                "az provider register",
            ),
            (
                "creating Kubernetes Cluster: unexpected status 400 with error: ErrCode_InsufficientVCPUQuota: Insufficient vcpu quota requested 24",
                "vCPUs",
            ),
            (
                "creating: unexpected status 400 with error: AvailabilityZoneNotSupported: Preflight validation check failed",
                "zones",
            ),
        ];
        for (said, wanted) in met {
            let found = cure("Error", said).unwrap_or_else(|| panic!("no cure for {said}"));
            assert!(found.contains(wanted), "{found}");
        }
    }

    #[test]
    fn what_the_message_says_by_itself_has_none() {
        assert_eq!(cure("Invalid reference", "A managed resource has not been declared"), None);
    }

    /// A longer name stands before one that it contains.
    #[test]
    fn no_cure_hides_another() {
        for (n, (part, _)) in CURES.iter().enumerate() {
            assert!(CURES[..n].iter().all(|(before, _)| !part.contains(before)), "{part} is never reached");
        }
    }
}
