//! What every pod and object of the chart has in common.

use anyhow::Result;
use serde_json::{Value, json};
use test_chart::{Rendered, Renderer, containers, set, values, with};

/// Everything that can be on at one time.
fn everything() -> Value {
    let mut all = values();
    for (pointer, value) in [
        ("/evict/scd/enabled", json!(true)),
        ("/ingress", json!({"enabled": true, "google": {"managedCertificate": true, "tlsPolicy": "restricted"}})),
        ("/gatewayApi/enabled", json!(true)),
        ("/gatewayApi/gateway/create", json!(true)),
        ("/coreService/autoscaling", json!({"enabled": true})),
        ("/coreService/metrics", json!({"enabled": true})),
        ("/monitoring/prometheus", json!({"enabled": true})),
        ("/monitoring/grafana/enabled", json!(true)),
    ] {
        set(&mut all, pointer, value);
    }
    all
}

fn all() -> Result<Rendered> {
    Renderer::new()?.render(&everything())
}

#[test]
fn no_pod_has_a_token_a_capability_or_a_writable_image() -> Result<()> {
    let pods = all()?.pods()?;
    assert!(pods.len() >= 7, "{}", pods.len());
    for (name, pod) in pods {
        assert_eq!(pod["automountServiceAccountToken"], false, "{name}");
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{name}");
        assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault", "{name}");
        for container in containers(&pod) {
            let security = json!({"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}});
            assert_eq!(container["securityContext"], security, "{name}");
            assert!(container["resources"]["requests"]["memory"].is_string(), "{name}");
            assert!(container["resources"]["limits"]["memory"].is_string(), "{name}");
        }
    }
    Ok(())
}

#[test]
fn every_component_has_an_account_of_its_own_without_rights() -> Result<()> {
    let rendered = all()?;
    for (name, pod) in rendered.pods()? {
        let account = pod["serviceAccountName"].as_str().unwrap_or_default();
        assert_ne!(account, "default", "{name}");
        assert_eq!(rendered.object("ServiceAccount", account)?["automountServiceAccountToken"], false, "{name}");
    }
    let rights = ["Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding", "Secret"];
    assert!(rendered.manifest.objects().all(|object| !rights.contains(&object.kind.as_str())), "{}", rendered.names());
    Ok(())
}

#[test]
fn long_running_pods_are_asked_three_things_and_spread() -> Result<()> {
    let rendered = all()?;
    for (workload, container) in
        [("StatefulSet dss-cockroachdb", "cockroachdb"), ("Deployment dss-core-service", "core-service")]
    {
        let main = rendered.container(workload, container)?;
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            assert!(main[probe]["httpGet"].is_object(), "{workload}: {probe}");
        }
        let pods = rendered.pods()?;
        let pod = &pods.iter().find(|(name, _)| name == workload).expect("it is there").1;
        assert_eq!(pod["topologySpreadConstraints"][0]["topologyKey"], "topology.kubernetes.io/zone");
        assert!(pod["affinity"]["podAntiAffinity"].is_object(), "{workload}");
    }
    assert_eq!(rendered.object("PodDisruptionBudget", "dss-cockroachdb")?["spec"]["maxUnavailable"], 1);
    assert_eq!(rendered.object("PodDisruptionBudget", "dss-core-service")?["spec"]["maxUnavailable"], 1);
    let ready = &rendered.container("StatefulSet", "cockroachdb")?["readinessProbe"]["httpGet"]["path"];
    assert_eq!(ready, "/health?ready=1");
    Ok(())
}

#[test]
fn names_depend_on_the_release_alone() -> Result<()> {
    let renderer = Renderer::new()?;
    let rendered = renderer.render_as("other", "any", &values())?;
    for object in rendered.objects()? {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        assert!(name.starts_with("other-"), "{name}");
        assert!(object["metadata"]["namespace"].is_null(), "{name}");
        assert!(!object.to_string().contains(".uss1.svc") || object.to_string().contains("--join="), "{name}");
    }
    let long = renderer.render_as(&"x".repeat(40), "any", &values())?;
    for object in long.objects()? {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        assert!(name.len() <= 63, "{name}");
    }
    let told = renderer.render_as(&"x".repeat(41), "any", &values()).expect_err("it is too long");
    assert!(told.to_string().contains("more than 40 characters"), "{told}");
    Ok(())
}

#[test]
fn any_image_comes_from_the_operators_registry() -> Result<()> {
    let mut values = everything();
    set(&mut values, "/imageRegistry", json!("registry.example.com:5000/mirror"));
    set(&mut values, "/imagePullSecrets", json!(["registry"]));
    for (name, pod) in Renderer::new()?.render(&values)?.pods()? {
        assert_eq!(pod["imagePullSecrets"], json!([{"name": "registry"}]), "{name}");
        for container in containers(&pod) {
            let image = container["image"].as_str().unwrap_or_default();
            assert!(image.starts_with("registry.example.com:5000/mirror/"), "{name}: {image}");
            assert_eq!(image.matches("example").count(), 1, "{name}: {image}");
        }
    }
    Ok(())
}

#[test]
fn presets_give_way_to_what_is_said() -> Result<()> {
    let renderer = Renderer::new()?;
    let resources = |values: &Value| -> Result<Value> {
        Ok(renderer.render(values)?.container("StatefulSet", "cockroachdb")?["resources"].clone())
    };
    let production = json!({"requests": {"cpu": "2", "memory": "8Gi"}, "limits": {"memory": "8Gi"}});
    assert_eq!(resources(&values())?, production);
    let small = json!({"requests": {"cpu": "250m", "memory": "1Gi"}, "limits": {"memory": "2Gi"}});
    assert_eq!(resources(&with("/preset", json!("small")))?, small);
    assert_eq!(resources(&with("/preset", json!("none")))?, json!({}));
    let more = with("/cockroachdb/resources", json!({"requests": {"cpu": "3"}}));
    assert_eq!(resources(&more)?["requests"], json!({"cpu": "3", "memory": "8Gi"}));
    Ok(())
}

#[test]
fn what_has_no_authentication_is_called_from_the_namespace_alone() -> Result<()> {
    let rendered = all()?;
    let policy = rendered.object("NetworkPolicy", "dss-cockroachdb")?;
    let ingress = policy["spec"]["ingress"].as_array().cloned().unwrap_or_default();
    for rule in ingress
        .iter()
        .filter(|rule| rule["from"].as_array().into_iter().flatten().any(|peer| peer["ipBlock"].is_object()))
    {
        assert_eq!(rule["ports"], json!([{"port": 26257}]), "{rule}");
    }
    assert!(policy.to_string().contains("198.51.100.7/32"), "{policy}");
    let jobs = rendered.object("NetworkPolicy", "dss-jobs")?;
    assert!(jobs["spec"]["ingress"].is_null() && jobs["spec"]["egress"].is_array(), "{jobs}");
    Ok(())
}
