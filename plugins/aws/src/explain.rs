//! Diagnostics of terraform, turned into cures in this cloud's words.

use hangar_sdk::infra_provider::ToolDiagnostic;
use hangar_sdk::terraform::cure;

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
    ("invalid AWS Region", "there is no such region: check `region`"),
    (
        "can't be greater than desired size",
        "fewer nodes are wanted than `node_count.min`: an autoscaler wants more by itself, by hand it is `aws eks update-nodegroup-config`",
    ),
    ("QuotaExceeded", "ask for a higher quota: the message names which"),
    (
        "VcpuLimitExceeded",
        "ask for a higher quota of on-demand vCPUs (EC2, L-1216C47A), or take a smaller `instance_type`",
    ),
    ("InsufficientInstanceCapacity", "the zone has no machine of this type now: try later, or another `instance_type`"),
    ("InstanceTypeNotSupported", "this type is not offered in every zone: take another `instance_type` or other zones"),
    ("unsupported Kubernetes version", "EKS does not offer this version: take another `kubernetes_version`"),
    (
        "InvalidSubnetID.NotFound",
        "check the subnets of `existing_network`: they belong to these credentials and this region",
    ),
    ("InvalidVpcID.NotFound", "check `vpc_id` of `existing_network`: it belongs to these credentials and this region"),
    (
        "EntityAlreadyExists",
        "roles of this name exist already: choose another `cluster_name`, or remove what an earlier one left",
    ),
    (
        "DependencyViolation",
        "something that terraform did not make still uses it: look for load balancers and network interfaces in the network",
    ),
    ("RequestExpired", "this machine's clock is wrong: set it, then `hangar up`"),
    (
        "SignatureDoesNotMatch",
        "the secret key of slot `aws` is not that of its key id: check the profile or the variables",
    ),
    ("no such host", "an endpoint cannot be resolved: check `region`, `endpoints` and the network of this machine"),
    ("RequestLimitExceeded", "AWS throttles these credentials: wait some minutes, then `hangar up`"),
    ("NoSuchHostedZone", "check `route53_zone_id`: it starts with Z and belongs to these credentials"),
    (
        "validating provider credentials",
        "AWS does not take the credentials of slot `aws`: check the profile or the keys, and whether they have expired",
    ),
];

/// Returns the cure where there is one.
pub fn explain(diagnostic: &ToolDiagnostic) -> Option<String> {
    cure(CURES, diagnostic)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first part that fits wins: a general one must not hide one that knows more.
    #[test]
    fn each_cure_is_reached() {
        for (part, cure) in CURES {
            let diagnostic = ToolDiagnostic {
                severity: "error".into(),
                summary: format!("api error {part}: so it is"),
                detail: String::new(),
                address: None,
            };
            assert_eq!(explain(&diagnostic).as_deref(), Some(*cure), "{part}");
        }
    }

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
