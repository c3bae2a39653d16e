//! The whole life of an instance with the rights that are documented, and no others.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use test_support::{Plugin, Workspace, needed, wait_for};

use crate::cluster::client;
use crate::pooled::{ALONE, Stage, alone};

const RIGHTS: &str = include_str!("../../../../deploy/services/rbac.yaml");
const ACCOUNT: &str = "deployer";

/// A token of an account that has the documented rights in all namespaces.
async fn token(client: &Client) -> Result<String> {
    let params = PatchParams::apply("administrator");
    let (roles, bindings): (Api<ClusterRole>, Api<ClusterRoleBinding>) =
        (Api::all(client.clone()), Api::all(client.clone()));
    for text in RIGHTS.split("\n---\n") {
        let role: Value = serde_norway::from_str(text)?;
        let name = role["metadata"]["name"].as_str().context("a name")?;
        roles.patch(name, &params, &Patch::Apply(&role)).await?;
        let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": "default"}]});
        bindings.patch(name, &params, &Patch::Apply(&binding)).await?;
    }
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "default");
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT}});
    accounts.patch(ACCOUNT, &params, &Patch::Apply(&account)).await?;
    let wanted = TokenRequest { spec: TokenRequestSpec::default(), ..TokenRequest::default() };
    wait_for("a token", async || {
        let made = accounts.create_token_request(ACCOUNT, &PostParams::default(), &wanted).await?;
        Ok(made.status.map(|status| status.token))
    })
    .await
}

fn workspace(stage: &Stage, token: &str) -> Result<Workspace> {
    let root = stage.root.join("rights");
    fs::create_dir_all(&root)?;
    let mut description = stage.description(ALONE)?;
    description.access.token_file = root.join("token");
    fs::write(&description.access.token_file, token)?;
    let folder = needed("HANGAR_PLUGINS_DIR")?;
    let plugin = |name: &str| Plugin::of_file(name, &folder.join(format!("{name}.wasm")));
    description.plugins = vec![plugin("local"), plugin("cockroachdb")];
    description.infra = "local".into();
    description.pool = Some("lone".into());
    let workspace = Workspace::lay_down(&root, &description)?;
    // Others of this world live in the namespace that nobody named.
    workspace.edit("hangar.hcl", "  nodes     = 3\n", "  nodes     = 3\n  namespace = \"rights\"\n")?;
    Ok(workspace)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_lives_from_nothing_to_nothing_with_the_documented_rights() -> Result<()> {
    let apart = alone().await?;
    let token = token(&client(apart.stage.organisation(ALONE)?).await?).await?;
    let workspace = workspace(&apart.stage, &token)?;
    workspace.run(&["init", "--yes"]).await?.done()?;
    workspace.run(&["up", "--yes"]).await?.done()?;
    workspace.run(&["pool", "create", "--yes"]).await?.done()?;
    workspace.run(&["pool", "status"]).await?.done()?;
    workspace.run(&["cert", "renew", "--yes"]).await?.done()?;
    workspace.edit("services.yaml", "size: 1Gi", "size: 2Gi")?;
    workspace.run(&["up", "--yes"]).await?.done()?;
    let again = workspace.run(&["up", "--yes"]).await?.done()?;
    ensure!(again.stdout.contains("is as it should be: nothing was done"), "{}", again.stdout);
    workspace.run(&["down", "--yes"]).await?.done()?;
    Ok(())
}
