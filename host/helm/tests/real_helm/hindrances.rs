//! What others put in the way: hooks that fail, finalizers, policies, rights, and an API that has moved on.

use anyhow::{Context as _, Result};
use hangar_helm::HelmError;
use hangar_plan::hint::Hint as _;
use k8s_openapi::api::admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use k8s_openapi::api::rbac::v1::{ClusterRole, RoleBinding};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use crate::control_plane::{NOBODY, SOON};
use crate::example;
use crate::stage::{Stage, releases, until};

const RIGHTS: &str = include_str!("../../../../deploy/services/rbac.yaml");

#[tokio::test]
async fn a_hook_that_fails_is_named_and_the_next_run_goes_on() -> Result<()> {
    let stage = Stage::new("failed-hook").await?;
    stage.template(
        "templates/hook.yaml",
        "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: hook\n  annotations: {helm.sh/hook: 'pre-install,pre-upgrade'}\n\
         spec:\n  backoffLimit: 0\n  template:\n    spec:\n      restartPolicy: Never\n      containers: [{name: x, image: x}]\n",
    )?;
    let fails = async {
        stage.wait_for_hook().await?;
        let pods: Api<Pod> = stage.api().await?;
        let pod = until("the hook's pod", async || Ok(pods.list(&ListParams::default()).await?.items.pop())).await?;
        let failed = json!({"status": {"phase": "Failed"}});
        pods.patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Merge(failed)).await?;
        anyhow::Ok(())
    };
    let (deployed, failed) = tokio::join!(stage.deploy(json!({"key": "one"})), fails);
    failed?;
    let err = deployed.err().context("the hook did not fail")?;
    assert!(err.to_string().starts_with("hook Job hook failed: "), "{err}");
    assert!(err.hint().is_some_and(|hint| hint.contains("kubectl logs")), "{err:?}");

    std::fs::remove_file(stage.chart.path().join("templates/hook.yaml"))?;
    Api::<Job>::namespaced(stage.client().await?, "failed-hook").delete("hook", &DeleteParams::background()).await?;
    assert_eq!(stage.deploy(json!({"key": "one"})).await?.revision, 2);
    assert_eq!(stage.key().await?, "one");
    Ok(())
}

/// An apply to an object that is going is taken by the API server and lost when the object goes.
#[tokio::test]
async fn an_object_that_a_finalizer_holds_is_not_built_upon() -> Result<()> {
    let stage = Stage::new("held").await?;
    stage.deploy(json!({"key": "one"})).await?;
    let maps: Api<ConfigMap> = stage.api().await?;
    let held = json!({"metadata": {"finalizers": ["example.com/hold"]}});
    maps.patch("small", &PatchParams::default(), &Patch::Merge(held)).await?;
    maps.delete("small", &DeleteParams::default()).await?;
    let err = stage.deploy(json!({"key": "two"})).await.err().context("it was built upon")?;
    assert_eq!(err.to_string(), "ConfigMap small is being deleted, and `example.com/hold` holds it");
    assert!(err.hint().is_some_and(|hint| hint.contains("finalizer")), "{err:?}");
    assert_eq!(stage.status().await?.len(), 1, "a revision was begun");
    let free = json!({"metadata": {"finalizers": null}});
    maps.patch("small", &PatchParams::default(), &Patch::Merge(free)).await?;
    assert_eq!(stage.deploy(json!({"key": "two"})).await?.revision, 2);
    assert_eq!(stage.key().await?, "two");
    Ok(())
}

#[tokio::test]
async fn a_policy_of_the_cluster_is_told_with_its_words() -> Result<()> {
    let stage = Stage::new("policy").await?;
    let policies: Api<ValidatingAdmissionPolicy> = Api::all(stage.client().await?);
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(stage.client().await?);
    let policy = json!({"metadata": {"name": "no-maps"}, "spec": {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [
            {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["configmaps"]}]},
        "validations": [{"expression": "object.metadata.name != 'small'", "message": "maps are not small here"}]}});
    let binding = json!({"metadata": {"name": "no-maps"}, "spec": {"policyName": "no-maps", "validationActions": ["Deny"],
        "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "policy"}}}}});
    policies.create(&PostParams::default(), &serde_json::from_value(policy)?).await?;
    bindings.create(&PostParams::default(), &serde_json::from_value(binding)?).await?;
    // The API server takes a moment until it asks.
    let refused = until("the policy to be asked", async || Ok(stage.preview(json!({"key": "one"})).await.err())).await;
    policies.delete("no-maps", &DeleteParams::default()).await?;
    bindings.delete("no-maps", &DeleteParams::default()).await?;
    let err = refused?;
    assert!(matches!(&err, HelmError::Denied { .. }), "{err:?}");
    assert!(err.to_string().contains("no-maps") && err.to_string().contains("maps are not small here"), "{err}");
    assert!(err.hint().is_some_and(|hint| hint.contains("policy")), "{err:?}");
    Ok(())
}

#[tokio::test]
async fn a_secret_that_is_too_large_is_refused_before_anything_is_done() -> Result<()> {
    let stage = Stage::new("too-large").await?;
    // It would fit into the release, which is packed.
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: large}\nstringData: {a: {{ repeat 1200000 \"x\" }}}\n";
    stage.template("templates/large.yaml", secret)?;
    let err = stage.deploy(json!({"key": "one"})).await.err().context("it was taken")?;
    assert!(matches!(&err, HelmError::Refused { detail } if detail.contains("\"large\"")), "{err:?}");
    assert!(err.to_string().len() < 500, "the Secret is shown: {err}");
    assert!(stage.status().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_version_that_the_cluster_serves_no_more_is_named() -> Result<()> {
    let stage = Stage::new("no-version").await?;
    let budget =
        "apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: db}\nspec: {maxUnavailable: 1}\n";
    stage.template("templates/budget.yaml", budget)?;
    let err = stage.deploy(json!({"key": "one"})).await.err().context("it was taken")?;
    assert_eq!(err.to_string(), "the cluster serves no kind of `policy/v1beta1` for PodDisruptionBudget db");
    assert!(err.hint().is_some_and(|hint| hint.contains("chart that is made for its version")), "{err:?}");
    assert!(stage.status().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn the_rights_that_are_documented_suffice_for_the_chart() -> Result<()> {
    let mut stage = Stage::new("rights").await?;
    let roles: Api<ClusterRole> = Api::all(stage.client().await?);
    let wanted: Value = serde_norway::from_str(RIGHTS.split("\n---\n").next().context("a role")?)?;
    roles.patch("hangar-instance", &PatchParams::apply("test"), &Patch::Apply(&wanted)).await?;
    let bindings: Api<RoleBinding> = stage.api().await?;
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "hangar"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "hangar-instance"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "nobody"}]});
    bindings.patch("hangar", &PatchParams::apply("test"), &Patch::Apply(&binding)).await?;
    stage.take_our_chart()?;
    stage.releases = releases(NOBODY).await?;
    until("the rights to hold", async || Ok(stage.preview(example::values()).await.ok())).await?;
    assert_eq!(stage.deploy(example::values()).await?.revision, 1);
    let changed = example::with("/cockroachdb/sourceRanges", json!(["203.0.113.0/28"]));
    assert_eq!(stage.deploy(changed).await?.revision, 2);
    let folder = tempfile::tempdir()?;
    stage.releases.uninstall("rights", &stage.release, folder.path(), SOON).await?;
    assert!(stage.status().await?.is_empty());
    Ok(())
}
