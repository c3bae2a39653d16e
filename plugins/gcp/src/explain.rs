//! Diagnostics of terraform, turned into cures in this cloud's words.

use hangar_sdk::infra_provider::ToolDiagnostic;
use hangar_sdk::terraform::cure;

/// Part of a diagnostic, and what to do about it. The first that fits is told.
const CURES: &[(&str, &str)] = &[
    (
        "deletion_protection is set to true",
        "set `deletion_protection = false`, then `hangar up`, then destroy: the cluster's volumes go with it",
    ),
    (
        "STATIC_ADDRESSES",
        "ask for a higher quota of static addresses in this region (IAM & Admin, Quotas, `STATIC_ADDRESSES`), or free unused ones",
    ),
    ("IN_USE_ADDRESSES", "ask for a higher quota of addresses in use in this region (`IN_USE_ADDRESSES`)"),
    (
        "_CPUS' exceeded",
        "ask for a higher quota of CPUs of this family in this region, or take a smaller `machine_type`",
    ),
    ("CPUS_ALL_REGIONS", "ask for a higher quota `CPUS_ALL_REGIONS` of the project, or take a smaller `machine_type`"),
    ("SSD_TOTAL_GB", "ask for a higher quota `SSD_TOTAL_GB` in this region, or take a smaller `disk_size_gb`"),
    ("QUOTA_EXCEEDED", "ask for a higher quota: the message names it (IAM & Admin, Quotas)"),
    ("quotaExceeded", "ask for a higher quota: the message names it (IAM & Admin, Quotas)"),
    (
        "ZONE_RESOURCE_POOL_EXHAUSTED",
        "the zone has no such machine left now: try later, or name other `zones` or another `machine_type`",
    ),
    ("does not exist in zone", "the zone has no such machine: name other `zones` or another `machine_type`"),
    (
        "SERVICE_DISABLED",
        "enable the API that the message names, or leave `enable_services` on and try again in some minutes",
    ),
    (
        "has not been used in project",
        "enable the API that the message names, or leave `enable_services` on and try again in some minutes",
    ),
    (
        "invalid_grant",
        "the credential of slot `google` has expired or was revoked: `gcloud auth application-default login`, or a new key",
    ),
    ("Error 401", "the credential of slot `google` has expired: sign in again, then `hangar up`"),
    ("No credentials loaded", "bind slot `google`: `credential \"google\" { google {} }`"),
    ("Billing has not been enabled", "link the project to a billing account"),
    ("billing account", "link the project to a billing account that is open"),
    ("PERMISSION_DENIED", "the credential of slot `google` lacks a permission: the message names it"),
    ("Error 403", "the credential of slot `google` lacks a permission: the message names it"),
    (
        "keyRings",
        "Google keeps key rings and keys for ever: give the one of before as `kms_key`, or take another `cluster_name`",
    ),
    (
        "No valid versions with the prefix",
        "GKE offers no such version in this channel: another `kubernetes_version` or `release_channel`",
    ),
    (
        "was not found, notFound",
        "what the message names is not there: check `region`, `zones`, `network` and `dns_managed_zone`",
    ),
    ("alreadyExists", "something of this name exists already: choose another `cluster_name`, or import it"),
    ("Already exists", "something of this name exists already: choose another `cluster_name`, or import it"),
    ("managedZones", "check `dns_managed_zone`: the zone's name, not its domain, in this project"),
    ("Invalid value for field 'zone'", "check `region` and `zones`"),
    ("is already being used", "something that is not ours still uses it: the message names it"),
];

/// Returns the cure where there is one.
pub fn explain(diagnostic: &ToolDiagnostic) -> Option<String> {
    cure(CURES, diagnostic)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cure(summary: &str) -> String {
        let diagnostic =
            ToolDiagnostic { severity: "error".into(), summary: summary.into(), detail: String::new(), address: None };
        explain(&diagnostic).unwrap_or_default()
    }

    #[test]
    fn what_google_says_has_a_cure() {
        let said = [
            (
                "googleapi: Error 403: QUOTA_EXCEEDED - Quota 'STATIC_ADDRESSES' exceeded. Limit: 8.0",
                "STATIC_ADDRESSES",
            ),
            ("googleapi: Error 403: Insufficient regional quota: 'N2_CPUS' exceeded", "CPUs"),
            ("googleapi: Error 401: Request had invalid authentication credentials.", "sign in again"),
            (
                "Error creating KeyRing: googleapi: Error 409: KeyRing projects/p/locations/r/keyRings/k already exists",
                "kms_key",
            ),
            ("Cannot destroy cluster because deletion_protection is set to true.", "deletion_protection = false"),
            (
                "Error 403: Cloud DNS API has not been used in project 1 before or it is disabled. SERVICE_DISABLED",
                "enable",
            ),
            ("Error 403: Required 'compute.networks.create' permission", "lacks a permission"),
            (
                "googleapi: Error 404: The resource 'projects/p/regions/europe-west44' was not found, notFound",
                "check `region`",
            ),
        ];
        for (summary, part) in said {
            assert!(cure(summary).contains(part), "{summary}: {}", cure(summary));
        }
        assert_eq!(cure("connection reset by peer"), "");
    }
}
