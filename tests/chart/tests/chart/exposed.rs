//! Addresses, by cloud and by way.

use anyhow::Result;
use serde_json::{Value, json};
use test_chart::{Renderer, set, values, with};

fn node(provider: &str, service: Value) -> Result<Value> {
    let mut values = with("/cloud/provider", json!(provider));
    set(&mut values, "/cockroachdb/service", service);
    set(&mut values, "/cloud/resourceGroup", json!("addresses"));
    Renderer::new()?.render(&values)?.object("Service", "dss-cockroachdb-node-1")
}

#[test]
fn each_cloud_is_told_in_its_own_words() -> Result<()> {
    let aws = node("aws", json!({"allocations": ["eipalloc-0", "eipalloc-1"], "subnets": ["subnet-0", "subnet-1"]}))?;
    let said = |service: &Value, key: &str| service["metadata"]["annotations"][key].clone();
    let key = |name: &str| format!("service.beta.kubernetes.io/aws-load-balancer-{name}");
    assert_eq!(said(&aws, &key("eip-allocations")), "eipalloc-1");
    assert_eq!(said(&aws, &key("subnets")), "subnet-1");
    assert_eq!(said(&aws, &key("nlb-target-type")), "ip");
    assert_eq!(aws["spec"]["loadBalancerClass"], "service.k8s.aws/nlb");
    let google = node("google", json!({"allocations": ["db-0", "db-1"]}))?;
    assert_eq!(said(&google, "networking.gke.io/load-balancer-ip-addresses"), "db-1");
    assert_eq!(said(&google, "cloud.google.com/l4-rbs"), "enabled");
    let azure = node("azure", json!({"allocations": ["db-0", "db-1"]}))?;
    assert_eq!(said(&azure, "service.beta.kubernetes.io/azure-pip-name"), "db-1");
    assert_eq!(said(&azure, "service.beta.kubernetes.io/azure-load-balancer-resource-group"), "addresses");
    let metallb = node("metallb", json!({"loadBalancerIPs": ["192.0.2.1", "192.0.2.2"]}))?;
    assert_eq!(said(&metallb, "metallb.io/loadBalancerIPs"), "192.0.2.2");
    for service in [aws, google, azure, metallb] {
        assert_eq!(service["spec"]["loadBalancerSourceRanges"], json!(["192.0.2.0/28", "198.51.100.7/32"]));
        assert_eq!(service["spec"]["externalTrafficPolicy"], "Local");
    }
    Ok(())
}

#[test]
fn what_the_operator_annotates_beats_the_provider() -> Result<()> {
    let scheme = "service.beta.kubernetes.io/aws-load-balancer-scheme";
    let service = node("aws", json!({"nodeAnnotations": [{}, {scheme: "internal"}]}))?;
    assert_eq!(service["metadata"]["annotations"][scheme], "internal");
    Ok(())
}

#[test]
fn the_api_has_a_load_balancer_an_ingress_or_a_route() -> Result<()> {
    let renderer = Renderer::new()?;
    let mut aws = with("/cloud/provider", json!("aws"));
    set(&mut aws, "/gateway", json!({"certificate": "arn:aws:acm:x", "tlsPolicy": "strict"}));
    let gateway = renderer.render(&aws)?.object("Service", "dss-gateway")?;
    let annotations = &gateway["metadata"]["annotations"];
    assert_eq!(annotations["service.beta.kubernetes.io/aws-load-balancer-ssl-cert"], "arn:aws:acm:x");
    assert_eq!(annotations["service.beta.kubernetes.io/aws-load-balancer-ssl-ports"], "443");

    let mut google = with("/gateway/enabled", json!(false));
    let own = json!({"staticAddress": "dss", "managedCertificate": true, "tlsPolicy": "restricted"});
    set(&mut google, "/ingress", json!({"enabled": true, "google": own}));
    let rendered = renderer.render(&google)?;
    assert!(rendered.object("Service", "dss-gateway").is_err());
    let ingress = rendered.object("Ingress", "dss-core-service")?;
    assert_eq!(ingress["spec"]["rules"][0]["host"], "dss.uss1.example.com");
    assert_eq!(ingress["metadata"]["annotations"]["networking.gke.io/managed-certificates"], "dss-core-service");
    let domains = &rendered.object("ManagedCertificate", "dss-core-service")?["spec"]["domains"];
    assert_eq!(*domains, json!(["dss.uss1.example.com"]));

    let mut route = values();
    set(&mut route, "/gatewayApi/enabled", json!(true));
    set(&mut route, "/gatewayApi/gateway/create", json!(true));
    let rendered = renderer.render(&route)?;
    let route = rendered.object("HTTPRoute", "dss-core-service")?;
    assert_eq!(route["spec"]["hostnames"], json!(["dss.uss1.example.com"]));
    assert_eq!(rendered.object("Gateway", "dss-core-service")?["spec"]["listeners"][0]["protocol"], "HTTPS");
    Ok(())
}
