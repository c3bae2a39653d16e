use hangar_sdk::http::Error as HttpError;
use hangar_sdk::testing::{FakeHost, with};

use super::*;
use crate::render::tests::instance;

const BLOCK: &str = r#"{"region":"us-east-1","cluster_name":"uss1","route53_zone_id":"Z1",
    "add_ons":{"load_balancers":"oci://a/lb@sha256:0","volumes":"oci://a/ebs@sha256:0"}}"#;
const ZONES: &[&str] = &["us-east-1a", "us-east-1b", "us-east-1c"];

/// What a cloud says.
#[derive(Clone)]
struct Cloud {
    identity: u16,
    n_addresses: usize,
    quota: &'static str,
    zones: &'static [&'static str],
    /// Where the machine type is offered.
    offered: &'static [&'static str],
    zone: &'static str,
    is_private: bool,
    /// What IAM decides about `iam:PassRole`.
    decision: &'static str,
    versions: &'static str,
    vcpus: &'static str,
    /// Whom the world asks about the zone.
    name_server: &'static str,
}

impl Default for Cloud {
    fn default() -> Self {
        Self {
            identity: 200,
            n_addresses: 0,
            quota: "10.0",
            zones: ZONES,
            offered: ZONES,
            zone: "uss1.example.com.",
            is_private: false,
            decision: "allowed",
            versions: r#"{"clusterVersions":[{"clusterVersion":"1.34"},{"clusterVersion":"1.33"}]}"#,
            vcpus: "32.0",
            name_server: "NS-1.example.org.",
        }
    }
}

impl Cloud {
    fn answer(&self, request: &Request) -> Response {
        let asked = String::from_utf8_lossy(request.body.as_deref().unwrap_or_default()).into_owned();
        let (status, body) = if request.url.contains("sts") {
            (self.identity, "<Arn>arn:aws:iam::123456789012:user/ana</Arn>".to_owned())
        } else if asked.contains("SimulatePrincipalPolicy") {
            (200, self.simulated(&asked))
        } else if request.url.ends_with("/cluster-versions") {
            (200, self.versions.to_owned())
        } else if request.url.contains("dns.google") {
            assert!(request.url.ends_with("?name=uss1.example.com&type=NS"), "{}", request.url);
            (200, format!(r#"{{"Status":0,"Answer":[{{"data":"{}"}}]}}"#, self.name_server))
        } else if asked.contains("DescribeInstanceTypes&") {
            (200, "<defaultVCpus>4</defaultVCpus>".to_owned())
        } else if asked.contains("L-1216C47A") {
            (200, format!(r#"{{"Quota":{{"Value":{}}}}}"#, self.vcpus))
        } else if asked.contains("DescribeAddresses") {
            (200, "<item><publicIp>192.0.2.1</publicIp></item>".repeat(self.n_addresses))
        } else if asked.contains("DescribeAvailabilityZones") {
            (200, self.zones.iter().map(|zone| format!("<zoneName>{zone}</zoneName>")).collect())
        } else if asked.contains("DescribeInstanceTypeOfferings") {
            assert!(asked.ends_with("&Filter.1.Value.1=m6i.xlarge"), "{asked}");
            (200, self.offered.iter().map(|zone| format!("<location>{zone}</location>")).collect())
        } else if request.url.contains("servicequotas") {
            (200, format!(r#"{{"Quota":{{"Value":{}}}}}"#, self.quota))
        } else if self.zone.is_empty() {
            (404, String::new())
        } else {
            let private = format!("<PrivateZone>{}</PrivateZone>", self.is_private);
            (200, format!("<Name>{}</Name>{private}<NameServer>ns-1.example.org</NameServer>", self.zone))
        };
        Response { status, headers: Vec::new(), body: body.into_bytes() }
    }

    /// What IAM answers about every action it was asked about.
    fn simulated(&self, asked: &str) -> String {
        let actions = asked.split("ActionNames.member.").skip(1).filter_map(|rest| rest.split_once('='));
        let decided = actions.map(|(_, action)| {
            let action = action.trim_end_matches('&').replace("%3A", ":");
            let decision = if action == "iam:PassRole" { self.decision } else { "allowed" };
            format!(
                "<member><EvalActionName>{action}</EvalActionName><EvalResourceName>*</EvalResourceName>\
                 <EvalDecision>{decision}</EvalDecision></member>"
            )
        });
        decided.collect()
    }

    fn findings(self) -> Vec<Finding> {
        let (looked, host) = with(FakeHost::default().answering(move |request| Ok(self.answer(request))), || {
            preflight(BLOCK, &instance(), None)
        });
        let mut of_aws = host.requests.iter().filter(|request| !request.url.contains("dns.google"));
        assert!(of_aws.all(|request| request.signature.is_some()), "the host signs every call of AWS");
        let Ok(Progress::Done(findings)) = looked else { panic!("{looked:?}") };
        findings
    }

    fn errors(self) -> Vec<(String, String)> {
        let errors = self.findings().into_iter().filter(|found| found.severity == Severity::Error);
        errors.map(|found| (found.subject, found.message)).collect()
    }
}

#[test]
fn a_cloud_that_is_ready_has_no_errors() {
    let findings = Cloud::default().findings();
    assert!(findings.iter().all(|found| found.severity == Severity::Note), "{findings:?}");
    assert!(findings.iter().any(|found| found.message.contains("user/ana")));
    for told in ["names are made in `uss1.example.com`", "is delegated to this zone", "EKS offers 1.34", "15 actions"] {
        assert!(findings.iter().any(|found| found.message.contains(told)), "no `{told}`: {findings:?}");
    }
}

#[test]
fn what_the_caller_may_not_do_is_told_before_anything_is_made() {
    let denied = Cloud { decision: "explicitDeny", ..Cloud::default() }.errors();
    let words = "`arn:aws:iam::123456789012:user/ana` is denied iam:PassRole";
    assert_eq!(denied, [("permissions".to_owned(), words.to_owned())]);
    // A policy may allow it on some resources alone.
    let not_allowed = Cloud { decision: "implicitDeny", ..Cloud::default() };
    assert_eq!(not_allowed.clone().errors(), []);
    let findings = not_allowed.findings();
    let warning = findings.iter().find(|found| found.severity == Severity::Warning).expect("a warning");
    assert!(warning.message.contains("is not allowed iam:PassRole"), "{warning:?}");
}

#[test]
fn a_version_and_machines_that_cannot_be_had_are_told() {
    let old = Cloud { versions: r#"{"clusterVersions":[{"clusterVersion":"1.31"}]}"#, ..Cloud::default() }.errors();
    assert_eq!(old, [("kubernetes-version".to_owned(), "EKS does not offer 1.34".to_owned())]);
    let new_account = Cloud { vcpus: "5.0", ..Cloud::default() }.errors();
    assert_eq!(new_account, [("quota:vcpu".to_owned(), "3 nodes have 12 vCPUs, 5 are allowed".to_owned())]);
}

#[test]
fn a_zone_that_the_world_does_not_ask_is_told_with_the_servers_to_name() {
    let findings = Cloud { name_server: "ns.registrar.example.", ..Cloud::default() }.findings();
    let found = findings.iter().find(|found| found.severity == Severity::Error).expect("an error");
    assert!(found.message.contains("is delegated to ns.registrar.example, not to this zone"), "{found:?}");
    assert!(found.cure.as_ref().is_some_and(|cure| cure.ends_with("name for `uss1.example.com`: ns-1.example.org")));
}

#[test]
fn whoever_is_not_known_is_asked_nothing_more() {
    let errors = Cloud { identity: 403, ..Cloud::default() }.errors();
    assert_eq!(errors, [("identity".to_owned(), "the token service answered 403".to_owned())]);
}

#[test]
fn addresses_that_do_not_fit_the_quota_are_told_before_anything_is_made() {
    let errors = Cloud { n_addresses: 6, ..Cloud::default() }.errors();
    let wanted = "5 more addresses are wanted, 6 are in use and 10 are allowed";
    assert_eq!(errors, [("quota:elastic-ip".to_owned(), wanted.to_owned())]);
    assert_eq!(Cloud { n_addresses: 5, ..Cloud::default() }.errors(), []);
}

#[test]
fn a_zone_that_is_not_to_be_had_is_named() {
    let errors = Cloud { zones: &["us-east-1a", "us-east-1c"], ..Cloud::default() }.errors();
    assert_eq!(errors, [("zones".to_owned(), "zone `us-east-1b` is not to be had".to_owned())]);
}

#[test]
fn a_zone_without_the_machine_type_is_named_before_anything_is_made() {
    let errors = Cloud { offered: &["us-east-1b", "us-east-1c"], ..Cloud::default() }.errors();
    assert_eq!(errors, [("machine:m6i.xlarge".to_owned(), "zone `us-east-1a` has no `m6i.xlarge`".to_owned())]);
}

#[test]
fn a_hosted_zone_must_be_there_be_public_and_hold_the_names() {
    let missing = Cloud { zone: "", ..Cloud::default() }.errors();
    assert_eq!(missing, [("dns".to_owned(), "there is no hosted zone `Z1`".to_owned())]);
    let other = Cloud { zone: "example.org.", ..Cloud::default() }.errors();
    assert_eq!(other.len(), 2, "{other:?}");
    let private = Cloud { is_private: true, ..Cloud::default() }.errors();
    assert!(private[0].1.contains("is private"), "{private:?}");
}

#[test]
fn what_may_not_be_looked_at_is_a_warning_with_the_permission_it_takes() {
    let denied = |request: &Request| {
        let allowed = request.url.contains("sts");
        if allowed { Ok(Cloud::default().answer(request)) } else { Err(HttpError::Denied("not granted".into())) }
    };
    let (looked, _) = with(FakeHost::default().answering(denied), || preflight(BLOCK, &instance(), None));
    let Ok(Progress::Done(findings)) = looked else { panic!("{looked:?}") };
    let warnings: Vec<_> = findings.iter().filter(|found| found.severity == Severity::Warning).collect();
    assert_eq!(warnings.len(), 7, "{findings:?}");
    assert!(warnings.iter().all(|found| found.cure.as_ref().is_some_and(|cure| cure.starts_with("grant `"))));
}
