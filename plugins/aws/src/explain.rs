//! Diagnostics of terraform, turned into cures in this cloud's words.

use hangar_sdk::infra_provider::ToolDiagnostic;

/// Part of a diagnostic, and what to do about it.
const CURES: &[(&str, &str)] = &[
    ("AddressLimitExceeded", "ask for a higher quota of Elastic IPs (EC2-VPC, L-0263D0A3) in this region"),
    ("VpcLimitExceeded", "ask for a higher quota of VPCs (L-F678F1CE) in this region, or remove an unused one"),
    ("NatGatewayLimitExceeded", "ask for a higher quota of NAT gateways (L-FE5A380F) in this zone"),
    ("UnauthorizedOperation", "the credentials of slot `aws` lack a permission: the message names the action"),
    ("AccessDenied", "the credentials of slot `aws` lack a permission: the message names the action"),
    ("ExpiredToken", "the credentials of slot `aws` have expired: sign in again, then `hangar up`"),
    ("InvalidClientTokenId", "the credentials of slot `aws` are not known to AWS: check the profile or the keys"),
    (
        "UnsupportedAvailabilityZoneException",
        "EKS has no room in one of the zones: name others in `availability_zones`",
    ),
    ("ResourceInUseException", "a cluster of this name exists already: choose another `cluster_name`"),
    ("no matching Route 53 hosted zone", "check `route53_zone_id`: it starts with Z and belongs to these credentials"),
    ("NoSuchHostedZone", "check `route53_zone_id`: it starts with Z and belongs to these credentials"),
];

/// Returns the cure where there is one.
pub fn explain(diagnostic: &ToolDiagnostic) -> Option<String> {
    let text = format!("{}\n{}", diagnostic.summary, diagnostic.detail);
    CURES.iter().find(|(part, _)| text.contains(part)).map(|(_, cure)| (*cure).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_named_with_its_code() {
        let diagnostic = ToolDiagnostic {
            severity: "error".into(),
            summary: "creating EC2 EIP".into(),
            detail: "api error AddressLimitExceeded: too many".into(),
            address: Some("module.eks.aws_eip.db[2]".into()),
        };
        assert!(explain(&diagnostic).is_some_and(|cure| cure.contains("L-0263D0A3")));
    }
}
