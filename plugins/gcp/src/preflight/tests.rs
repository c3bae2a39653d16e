//! Against a Google that answers as a test says.

use hangar_sdk::http::{Error as HttpError, Request, Response, SignatureScheme};
use hangar_sdk::infra_provider::{Error, Progress, Severity};
use hangar_sdk::testing::{FakeHost, with};
use serde_json::{Value, json};

use super::preflight;
use crate::SLOT;
use crate::render::tests::{block, instance};

/// A Google in which everything is well; `change` answers first.
fn google(request: &Request, change: impl Fn(&str) -> Option<(u16, Value)>) -> Result<Response, HttpError> {
    let url = request.url.strip_prefix("https://").expect("https");
    if !url.starts_with("dns.google/") {
        let signature = request.signature.as_ref().expect("Google wants a token");
        assert_eq!(signature.slot, SLOT);
        assert!(
            matches!(&signature.scheme, SignatureScheme::Oauth2(wanted) if wanted.scope.ends_with("cloud-platform"))
        );
    }
    let (status, value) = change(url).unwrap_or_else(|| (200, well(url, request)));
    Ok(Response { status, headers: Vec::new(), body: value.to_string().into_bytes() })
}

fn well(url: &str, request: &Request) -> Value {
    let quota = |metric: &&str| json!({"metric": metric, "limit": 100.0, "usage": 2.0});
    let quotas = |metrics: &[&str]| metrics.iter().map(quota).collect::<Vec<_>>();
    match url {
        "cloudresourcemanager.googleapis.com/v3/projects/dss-prod" => json!({"name": "projects/42", "state": "ACTIVE"}),
        "cloudresourcemanager.googleapis.com/v3/projects/dss-prod:testIamPermissions" => {
            serde_json::from_slice(request.body.as_deref().expect("permissions")).expect("JSON")
        }
        "compute.googleapis.com/compute/v1/projects/dss-prod/regions/europe-west4" => json!({
            "quotas": quotas(&["STATIC_ADDRESSES", "IN_USE_ADDRESSES", "N2_CPUS"]),
            "zones": ["https://x/zones/europe-west4-a", "https://x/zones/europe-west4-b"],
        }),
        "compute.googleapis.com/compute/v1/projects/dss-prod" => {
            json!({"quotas": quotas(&["NETWORKS", "FIREWALLS"])})
        }
        "container.googleapis.com/v1/projects/dss-prod/locations/europe-west4/serverConfig" => {
            json!({"channels": [{"channel": "REGULAR", "validVersions": ["1.34.1-gke.1", "1.33.5-gke.2", "1.33.4-gke.9"]}]})
        }
        "dns.googleapis.com/dns/v1/projects/dss-prod/managedZones/dss" => {
            json!({"dnsName": "uss1.example.com.", "visibility": "public", "nameServers": ["ns-cloud-a1.googledomains.com."]})
        }
        "dns.google/resolve?name=uss1.example.com&type=NS" => {
            json!({"Status": 0, "Answer": [{"data": "NS-cloud-a1.googledomains.com."}]})
        }
        _ if url.starts_with("serviceusage.googleapis.com/v1/projects/42/services:batchGet?names=") => {
            json!({"services": [{"config": {"name": "compute.googleapis.com"}, "state": "ENABLED"}]})
        }
        _ if url.ends_with("/machineTypes/n2-standard-4") => json!({"guestCpus": 4}),
        _ => panic!("nobody asks for {url}"),
    }
}

fn looked(config: Value, change: impl Fn(&str) -> Option<(u16, Value)> + 'static) -> Result<Vec<String>, Error> {
    let host = FakeHost::default().answering(move |request| google(request, &change));
    let (progress, _) = with(host, || preflight(&block(config), &instance(), None));
    let Progress::Done(findings) = progress? else { panic!("nothing is waited for") };
    let bad = findings.into_iter().filter(|finding| finding.severity != Severity::Note);
    Ok(bad
        .map(|finding| format!("{}: {}; {}", finding.subject, finding.message, finding.cure.unwrap_or_default()))
        .collect())
}

fn found(config: Value, change: impl Fn(&str) -> Option<(u16, Value)> + 'static) -> Vec<String> {
    looked(config, change).expect("Google answers")
}

fn zoned() -> Value {
    json!({"dns_managed_zone": "dss", "kubernetes_version": "1.34"})
}

#[test]
fn where_all_is_well_nothing_is_found() {
    assert_eq!(found(zoned(), |_| None), [""; 0]);
}

#[test]
fn each_missing_permission_is_named_with_a_role_that_has_it() {
    let said = found(zoned(), |url| {
        let granted = json!({"permissions": ["container.clusters.create"]});
        url.ends_with(":testIamPermissions").then_some((200, granted))
    });
    assert_eq!(said.len(), 22, "{said:#?}");
    let one = "permission:compute.networks.create: the credential may not `compute.networks.create` in project \
               `dss-prod`; give it `roles/compute.admin`";
    assert!(said.iter().any(|said| said == one), "{said:#?}");
}

#[test]
fn a_short_quota_is_named_with_what_is_left_and_what_to_ask_for() {
    let said = found(zoned(), |url| {
        let quotas = json!([
            {"metric": "STATIC_ADDRESSES", "limit": 8.0, "usage": 6.0},
            {"metric": "N2_CPUS", "limit": 24.0, "usage": 12.0},
        ]);
        url.ends_with("/regions/europe-west4").then_some((200, json!({"quotas": quotas})))
    });
    assert_eq!(
        said,
        [
            "quota:STATIC_ADDRESSES: region `europe-west4` has 2 of 8 `STATIC_ADDRESSES` left, 4 are needed; ask for 10 at \
             least (IAM & Admin, Quotas), or free some",
            "quota:N2_CPUS: region `europe-west4` has 12 of 24 `N2_CPUS` left, 16 are needed; ask for 28 at least (IAM & \
             Admin, Quotas), or free some",
        ]
    );
}

#[test]
fn a_zone_without_the_machine_type_is_told_from_a_zone_that_is_none() {
    let said = found(zoned(), |url| match url.rsplit_once("/zones/")?.1 {
        "europe-west4-b/machineTypes/n2-standard-4"
        | "europe-west4-c/machineTypes/n2-standard-4"
        | "europe-west4-c" => Some((404, json!({}))),
        "europe-west4-b" => Some((200, json!({"name": "europe-west4-b"}))),
        _ => None,
    });
    assert_eq!(said.len(), 2, "{said:#?}");
    assert!(
        said[0].starts_with(
            "machine:europe-west4-b: zone `europe-west4-b` has no machine type `n2-standard-4`; name three"
        )
    );
    assert_eq!(
        said[1],
        "zone:europe-west4-c: there is no zone `europe-west4-c`; set `zones` to three of europe-west4-a, europe-west4-b"
    );
}

#[test]
fn an_api_that_is_off_is_an_error_only_if_nobody_turns_it_on() {
    let off = |url: &str| {
        let service = json!({"config": {"name": "dns.googleapis.com"}, "state": "DISABLED"});
        url.starts_with("serviceusage").then_some((200, json!({"services": [service]})))
    };
    assert_eq!(found(json!({}), off), [""; 0]);
    assert_eq!(
        found(json!({"enable_services": false}), off),
        [
            "service:dns.googleapis.com: dns.googleapis.com is not enabled; `gcloud services enable dns.googleapis.com`, or \
          leave `enable_services` on"
        ]
    );
}

#[test]
fn what_cannot_be_looked_at_hides_nothing_else() {
    let said = found(zoned(), |url| {
        let disabled = json!({"error": {"message": "off", "details": [{"reason": "SERVICE_DISABLED"}]}});
        let forbidden = json!({"error": {"message": "Permission 'dns.managedZones.get' denied"}});
        match url.split('/').next()? {
            "compute.googleapis.com" => Some((403, disabled)),
            "dns.googleapis.com" => Some((403, forbidden)),
            _ => None,
        }
    });
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(said[0].starts_with("dns:dss: cannot be looked at: Permission 'dns.managedZones.get' denied;"), "{said:?}");
}

#[test]
fn a_version_that_the_channel_lacks_is_told_with_those_it_has() {
    let said = found(json!({"kubernetes_version": "1.31"}), |_| None);
    assert_eq!(
        said,
        [
            "kubernetes: channel REGULAR has no Kubernetes 1.31 in `europe-west4`; set `kubernetes_version` to one of 1.33, 1.34"
        ]
    );
}

#[test]
fn a_zone_that_nobody_asks_and_one_of_another_domain_are_found() {
    let nobody = found(zoned(), |url| url.starts_with("dns.google/").then_some((200, json!({"Status": 3}))));
    assert_eq!(
        nobody,
        ["dns:delegation: nobody delegates `uss1.example.com`; at the registrar or in the parent zone, name for \
          `uss1.example.com`: ns-cloud-a1.googledomains.com"]
    );
    let other = found(zoned(), |url| {
        let zone = json!({"dnsName": "other.example.", "nameServers": ["ns-cloud-a1.googledomains.com."]});
        let elsewhere = json!({"Status": 0, "Answer": [{"data": "ns1.elsewhere.example."}]});
        match url.split('/').next()? {
            "dns.googleapis.com" => Some((200, zone)),
            "dns.google" => Some((200, elsewhere)),
            _ => None,
        }
    });
    assert_eq!(other.len(), 3, "{other:#?}");
    assert!(
        other[0].starts_with("dns: `dss.uss1.example.com` is not in zone `dss`, which is `other.example`;"),
        "{other:?}"
    );
    assert!(other[2].contains("is delegated to ns1.elsewhere.example, not to this zone"), "{other:?}");
}

#[test]
fn a_project_that_is_not_ours_ends_the_look_with_its_cure() {
    let said = found(zoned(), |url| {
        let forbidden = json!({"error": {"message": "The caller does not have permission"}});
        url.ends_with("v3/projects/dss-prod").then_some((403, forbidden))
    });
    assert_eq!(
        said,
        [
            "identity: project `dss-prod`: The caller does not have permission; check `project`: its id, not its name; and that \
          the credential may see `dss-prod`"
        ]
    );
}

#[test]
fn an_expired_credential_is_told_as_that() {
    let expired = looked(zoned(), |_| Some((401, json!({})))).expect_err("it has expired");
    assert_eq!(expired, Error::Unavailable("the credential of slot `google` has expired: sign in again".into()));
    let host = FakeHost::default().answering(|_| Err(HttpError::Credential("sign in again".into())));
    let (refused, _) = with(host, || preflight(&block(json!({})), &instance(), None));
    assert_eq!(refused.expect_err("the host has none"), Error::Unavailable("sign in again".into()));
}
