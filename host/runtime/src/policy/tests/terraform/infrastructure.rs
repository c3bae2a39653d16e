//! What a provider says of what stands, and what it uses a credential for.

use hangar_plan::infrastructure::{
    AddOn, Api, Infrastructure, NodeAddress, Presign, Slot, SlotKind, TokenRecipe, Workspace,
};
use serde_json::json;

use super::super::super::{Rule, check_infrastructure, check_recipe, check_workspace};
use super::super::rules;
use super::{grant, workspace};

fn infrastructure() -> Infrastructure {
    Infrastructure {
        api: Api { endpoint: "https://10.0.0.1".into(), ca_pem: None, server_name: None },
        kube_cluster: "c".into(),
        nodes: Vec::new(),
        egress: vec!["192.0.2.0/24".into()],
        dns: Vec::new(),
        chart_values: r#"{"storageClass": "fast", "database": {"service": {"annotations": {"a.b/c": "d"}}}}"#.into(),
        add_ons: Vec::new(),
        facts: Vec::new(),
    }
}

#[test]
fn what_stands_makes_sense() {
    let check = |change: fn(&mut Infrastructure)| {
        let mut infrastructure = infrastructure();
        change(&mut infrastructure);
        rules(check_infrastructure(&infrastructure, &grant(), &json!({})))
    };
    assert_eq!(check(|_| {}), []);
    assert_eq!(check(|stands| stands.api.endpoint = "http://10.0.0.1".into()), [Rule::Shape]);
    assert_eq!(check(|stands| stands.api.endpoint = "https://u:p@10.0.0.1".into()), [Rule::Shape]);
    assert_eq!(check(|stands| stands.egress = vec!["everywhere".into()]), [Rule::Shape]);
    assert_eq!(check(|stands| stands.chart_values = "[]".into()), [Rule::Shape]);
    let node = |stands: &mut Infrastructure| {
        let node =
            NodeAddress { ordinal: 0, host: "h".into(), addresses: vec!["x".into()], reservation: None, port: 1 };
        stands.nodes = vec![node];
    };
    assert_eq!(check(node), [Rule::Shape]);
}

#[test]
fn only_granted_chart_values_are_set() {
    for values in [
        r#"{"database": {"image": "evil"}}"#,
        r#"{"database": {"serviceAccount": "x"}}"#,
        r#"{"database": "x"}"#,
        r#"{"storageclass": "x"}"#,
        r#"{"database.service": "x"}"#,
    ] {
        let stands = Infrastructure { chart_values: values.into(), ..infrastructure() };
        assert_eq!(rules(check_infrastructure(&stands, &grant(), &json!({}))), [Rule::Value], "{values}");
    }
}

#[test]
fn an_add_on_is_a_granted_chart_by_its_digest() {
    let named = |chart: &str, values: &str, config: &serde_json::Value| {
        let add_on = AddOn {
            name: "lb".into(),
            namespace: "kube-system".into(),
            chart: chart.into(),
            values: values.into(),
            identity: None,
        };
        rules(check_infrastructure(&Infrastructure { add_ons: vec![add_on], ..infrastructure() }, &grant(), config))
    };
    let add_on = |chart: &str, values: &str| named(chart, values, &json!({}));
    let digest = format!("sha256:{}", "0".repeat(64));
    let chart = "oci://registry.example.com:5000/charts/lb";
    assert_eq!(add_on(&format!("{chart}@{digest}"), "{}"), []);
    assert_eq!(add_on(&format!("{chart}:1.2@{digest}"), "{}"), []);
    assert_eq!(add_on(&format!("{chart}:1.2"), "{}"), [Rule::Chart]);
    assert_eq!(add_on(&format!("{chart}x@{digest}"), "{}"), [Rule::Chart]);
    assert_eq!(add_on(&format!("oci://evil.example.com/charts/lb@{digest}"), "{}"), [Rule::Chart]);
    assert_eq!(add_on(&format!("{chart}@{digest}"), "[]"), [Rule::Shape]);
    // What the operator wrote is granted by that, as it stands there and no other.
    let copy = format!("oci://mirror.example.com/lb@{digest}");
    assert_eq!(named(&copy, "{}", &json!({"add_ons": {"lb": copy}})), []);
    assert_eq!(named(&copy, "{}", &json!({"add_ons": {"lb": format!("{chart}@{digest}")}})), [Rule::Chart]);
    assert_eq!(named(&copy, "{}", &json!({"charts": {"lb": copy}})), [Rule::Chart]);
    let moving = "oci://mirror.example.com/lb:1.2";
    assert_eq!(named(moving, "{}", &json!({"add_ons": {"lb": moving}})), [Rule::Chart]);
}

#[test]
fn terraform_gets_only_the_credentials_granted_for_it() {
    let with =
        |slot: &str| rules(check_workspace(&Workspace { credentials: vec![slot.into()], ..workspace(&[]) }, &grant()));
    assert_eq!(with("aws"), []);
    assert_eq!(with("cluster"), [Rule::Credential]);
    assert_eq!(with("other"), [Rule::Credential]);
}

#[test]
fn a_recipe_uses_a_credential_only_for_what_it_is_granted() {
    let presign = |slot: &str, service: &str, url: &str| {
        let presign = Presign {
            slot: slot.into(),
            service: service.into(),
            region: "us-east-1".into(),
            url: url.into(),
            headers: Vec::new(),
            expires_s: 60,
            prefix: String::new(),
        };
        rules(check_recipe(&TokenRecipe::Presign(presign), &grant()))
    };
    let url = "https://sts.us-east-1.amazonaws.com/?Action=GetCallerIdentity";
    assert_eq!(presign("aws", "sts", url), []);
    assert_eq!(presign("other", "sts", url), [Rule::Credential]);
    assert_eq!(presign("aws", "iam", url), [Rule::Credential]);
    assert_eq!(presign("aws", "sts", "https://evil.example.com/"), [Rule::Credential]);
    assert_eq!(presign("aws", "sts", "http://sts.us-east-1.amazonaws.com/"), [Rule::Credential]);
    assert_eq!(presign("aws", "sts", "http://127.0.0.1:5000/"), [Rule::Credential]);
    let slot = |name: &str, kind| rules(check_recipe(&TokenRecipe::Slot(Slot { name: name.into(), kind }), &grant()));
    assert_eq!(slot("cluster", SlotKind::Bearer), []);
    assert_eq!(slot("cluster", SlotKind::Kubeconfig), [Rule::Credential]);
    assert_eq!(slot("aws", SlotKind::Bearer), [Rule::Credential]);
}
