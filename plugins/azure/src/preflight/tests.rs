use std::collections::BTreeMap;

use hangar_sdk::http::{Request, Response, SignatureScheme};
use hangar_sdk::serde_json::{Value, json};
use hangar_sdk::testing::{self, FakeHost};

use super::*;
use crate::render::tests::{BLOCK, ZONE, instance};

/// What Azure answers, by a part of the URL; the first that fits counts.
struct Azure(BTreeMap<&'static str, (u16, Value)>);

impl Azure {
    /// One where all is well.
    fn well() -> Self {
        let usage =
            |name: &str, used: u64, limit: u64| json!({"name": {"value": name}, "currentValue": used, "limit": limit});
        let sku = json!({
            "name": "Standard_D4s_v5", "resourceType": "virtualMachines", "family": "standardDSv5Family",
            "capabilities": [{"name": "vCPUs", "value": "4"}],
            "locationInfo": [{"location": "westeurope", "zones": ["3", "1", "2"]}], "restrictions": [],
        });
        let answers = [
            ("01?api-version=2022-12-01", json!({"state": "Enabled", "displayName": "Production"})),
            ("01/providers/Microsoft.ContainerService?", json!({"registrationState": "Registered"})),
            ("01/providers/Microsoft.Compute?", json!({"registrationState": "Registered"})),
            ("01/providers/Microsoft.Network?", json!({"registrationState": "Registered"})),
            ("01/providers/Microsoft.KeyVault?", json!({"registrationState": "Registered"})),
            ("01/providers/Microsoft.ManagedIdentity?", json!({"registrationState": "Registered"})),
            ("/permissions?", json!({"value": [{"actions": ["*"], "notActions": []}]})),
            ("/kubernetesVersions?", json!({"values": [{"version": "1.33"}, {"version": "1.34"}]})),
            ("Microsoft.Compute/skus?", json!({"value": [sku]})),
            (
                "Microsoft.Compute/locations",
                json!({"value": [usage("cores", 10, 100), usage("standardDSv5Family", 10, 100)]}),
            ),
            ("Microsoft.Network/locations", json!({"value": [usage("StandardSkuPublicIpAddresses", 1, 20)]})),
            (
                "dnsZones/uss1.example.com?",
                json!({"properties": {"nameServers": ["ns1-01.azure-dns.com.", "ns2-01.azure-dns.net."]}}),
            ),
            (
                "dns.google",
                json!({"Status": 0, "Answer": [{"data": "NS2-01.azure-dns.net."}, {"data": "ns1-01.azure-dns.com."}]}),
            ),
        ];
        Self(answers.map(|(part, body)| (part, (200, body))).into())
    }

    fn with(mut self, part: &'static str, status: u16, body: Value) -> Self {
        self.0.insert(part, (status, body));
        self
    }

    fn answer(&self, request: &Request) -> Response {
        let refused = (404, json!({"error": {"code": "NotFound", "message": "not there"}}));
        let found = self.0.iter().find(|(part, _)| request.url.contains(**part)).map(|(_, answer)| answer.clone());
        let (status, body) = found.unwrap_or(refused);
        Response { status, headers: Vec::new(), body: body.to_string().into_bytes() }
    }
}

fn block() -> String {
    BLOCK.replace("{\"sub", &format!("{{\"dns_zone_id\":\"{ZONE}\",\"sub"))
}

fn look(azure: Azure) -> (Vec<Finding>, FakeHost) {
    let host = FakeHost::default().answering(move |request| Ok(azure.answer(request)));
    let (found, host) = testing::with(host, || preflight(&block(), &instance()));
    let Ok(Progress::Done(found)) = found else { panic!("all is answered, not {found:?}") };
    (found, host)
}

/// Subjects and cures of what stops a run.
fn errors(azure: Azure) -> Vec<(String, String)> {
    let (found, _) = look(azure);
    let errors = found.into_iter().filter(|finding| finding.severity == Severity::Error);
    errors.map(|finding| (finding.subject, finding.cure.expect("an error has a cure"))).collect()
}

#[test]
fn where_all_is_well_nothing_stops_a_run() {
    let (found, host) = look(Azure::well());
    assert!(found.iter().all(|finding| finding.severity == Severity::Note), "{found:#?}");
    assert!(found.iter().any(|finding| finding.message.contains("subscription `Production` is enabled")));
    assert!(found.iter().any(|finding| finding.message.contains("is delegated to this zone")));
    for request in &host.requests {
        assert_eq!(request.method, "GET");
        // The resolver is nobody's who should see a token.
        let is_azure = request.url.starts_with("https://management.azure.com/subscriptions/");
        assert_eq!(request.signature.is_some(), is_azure, "{}", request.url);
        if let Some(signature) = &request.signature {
            assert_eq!(signature.slot, "azure");
            let SignatureScheme::Oauth2(scope) = &signature.scheme else { panic!("{signature:?}") };
            assert_eq!(scope.scope, "https://management.azure.com/.default");
        }
    }
}

#[test]
fn who_is_not_known_is_asked_nothing_more() {
    let unknown = json!({"error": {"code": "InvalidAuthenticationToken", "message": "expired"}});
    let (found, host) = look(Azure::well().with("01?api-version=2022-12-01", 401, unknown));
    assert_eq!(host.requests.len(), 1);
    assert_eq!(found[0].subject, "identity");
    assert!(found[0].message.contains("401 InvalidAuthenticationToken: expired"), "{}", found[0].message);
    let disabled = Azure::well().with("01?api-version=2022-12-01", 200, json!({"state": "Disabled"}));
    assert_eq!(errors(disabled)[0].0, "subscription");
}

#[test]
fn a_provider_that_is_not_registered_is_named_with_the_command() {
    let found = errors(Azure::well().with(
        "01/providers/Microsoft.KeyVault?",
        200,
        json!({"registrationState": "NotRegistered"}),
    ));
    assert_eq!(found[0].0, "provider:Microsoft.KeyVault");
    assert!(found[0].1.contains("az provider register --namespace Microsoft.KeyVault"), "{found:?}");
}

#[test]
fn a_right_that_no_role_gives_is_named() {
    let contributor = json!({"value": [{"actions": ["*"], "notActions": ["Microsoft.Authorization/*/Write"]}]});
    let found = errors(Azure::well().with("/permissions?", 200, contributor));
    let subjects: Vec<_> = found.iter().map(|(subject, _)| subject.as_str()).collect();
    assert_eq!(
        subjects,
        [
            "permission:Microsoft.Authorization/roleAssignments/write",
            "permission:Microsoft.Authorization/locks/write",
            "permission:Microsoft.Authorization/roleAssignments/write",
        ]
    );
    assert!(found[0].1.contains("Role Based Access Control Administrator"));
}

#[test]
fn a_version_that_is_not_offered_is_told_with_those_that_are() {
    let found = errors(Azure::well().with("/kubernetesVersions?", 200, json!({"values": [{"version": "1.35"}]})));
    assert_eq!(found, [("kubernetes-version".into(), "set `kubernetes_version` to one of: 1.35".into())]);
}

#[test]
fn a_machine_that_a_zone_lacks_or_that_is_closed_there_is_told() {
    let sku = |zones: Value, closed: Value| {
        json!({"value": [{
            "name": "Standard_D4s_v5", "resourceType": "virtualMachines", "family": "f",
            "capabilities": [{"name": "vCPUs", "value": "4"}], "locationInfo": [{"zones": zones}],
            "restrictions": [{"restrictionInfo": {"zones": closed}}],
        }]})
    };
    for (zones, closed) in [(json!(["1", "2"]), json!([])), (json!(["1", "2", "3"]), json!(["3"]))] {
        let (found, _) = look(Azure::well().with("Microsoft.Compute/skus?", 200, sku(zones, closed)));
        let error = found.iter().find(|finding| finding.severity == Severity::Error).expect("a zone lacks it");
        assert!(error.message.contains("zones 1, 2 of"), "{}", error.message);
    }
    let mut nowhere = sku(json!(["1", "2", "3"]), json!([]));
    nowhere["value"][0]["restrictions"] = json!([{
        "type": "Location", "values": ["westeurope"], "restrictionInfo": {"locations": ["westeurope"]},
        "reasonCode": "NotAvailableForSubscription",
    }]);
    let (found, _) = look(Azure::well().with("Microsoft.Compute/skus?", 200, nowhere));
    let error = found.iter().find(|finding| finding.severity == Severity::Error).expect("it is closed");
    assert!(error.message.contains("in no zone of `westeurope`"), "{}", error.message);
    let none = errors(Azure::well().with("Microsoft.Compute/skus?", 200, json!({"value": []})));
    assert_eq!(none[0].0, "machine");
}

#[test]
fn a_quota_that_is_short_is_told_with_its_name() {
    let usages = json!({"value": [
        {"name": {"value": "cores"}, "currentValue": 90, "limit": 100},
        {"name": {"value": "StandardDSv5Family"}, "currentValue": 0, "limit": 100},
    ]});
    let found = errors(Azure::well().with("Microsoft.Compute/locations", 200, usages));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, "quota:cores");
    let usages =
        json!({"value": [{"name": {"value": "StandardSkuPublicIpAddresses"}, "currentValue": 16, "limit": 20}]});
    assert_eq!(
        errors(Azure::well().with("Microsoft.Network/locations", 200, usages))[0].0,
        "quota:StandardSkuPublicIpAddresses"
    );
}

#[test]
fn what_stands_already_is_not_counted_twice() {
    let full = json!({"value": [{"name": {"value": "cores"}, "currentValue": 100, "limit": 100}]});
    let azure =
        Azure::well().with("Microsoft.Compute/locations", 200, full).with("managedClusters/uss1?", 200, json!({}));
    assert_eq!(errors(azure), []);
}

#[test]
fn a_zone_that_nobody_is_led_to_is_told_with_its_name_servers() {
    let found =
        errors(Azure::well().with("dns.google", 200, json!({"Status": 0, "Answer": [{"data": "ns.elsewhere.net."}]})));
    assert_eq!(found[0].0, "dns:delegation");
    assert!(found[0].1.contains("ns1-01.azure-dns.com, ns2-01.azure-dns.net"), "{found:?}");
    assert_eq!(errors(Azure::well().with("dnsZones/uss1.example.com?", 404, json!({})))[0].1, "check `dns_zone_id`");
}

#[test]
fn a_question_without_an_answer_is_a_warning() {
    let refused = json!({"error": {"code": "AuthorizationFailed", "message": "no"}});
    let (found, _) =
        look(Azure::well().with("Microsoft.Compute/skus?", 403, refused).with("dns.google", 503, json!({})));
    let warnings: Vec<_> = found.iter().filter(|finding| finding.severity == Severity::Warning).collect();
    assert_eq!(warnings.len(), 2, "{found:#?}");
    assert!(warnings.iter().all(|finding| finding.cure.is_some()));
    assert!(found.iter().all(|finding| finding.severity != Severity::Error), "{found:#?}");
}

#[test]
fn a_cloud_that_cannot_be_reached_is_unavailable() {
    use hangar_sdk::http::Error as HttpError;

    let ways = [
        (HttpError::Denied("no grant".into()), "denied"),
        (HttpError::Credential("slot `azure`: AADSTS7000222".into()), "AADSTS7000222"),
        (HttpError::Unresolved("management.azure.com".into()), "has no address"),
        (HttpError::TimedOut(30_000), "within 30000 ms"),
    ];
    for (err, said) in ways {
        let host = FakeHost::default().answering(move |_| Err(err.clone()));
        let (found, _) = testing::with(host, || preflight(BLOCK, &instance()));
        match found.expect_err("nothing was answered") {
            Error::Denied(reason) => assert_eq!((said, reason.as_str()), ("denied", "no grant")),
            Error::Unavailable(reason) => assert!(reason.contains(said), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
}
