//! The looks of `doctor` at Azure, by every way in which a client of Entra proves itself. Entra and the management API are the world's:
//! the one gives a token to nobody whose proof is not good, the other answers nobody whose token is not.

mod site;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use test_world::azure::Federation;
use test_world::rsa;

use crate::azure::{CLIENT, SUBSCRIPTION};
use site::Site;

const BY_SECRET: &str = "client_secret_env = \"ENTRA_SECRET\"";

fn by_certificate(file: &Path) -> String {
    format!("client_certificate_file = \"{}\"", file.display())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_looked_at_with_what_the_clients_secret_opens() -> Result<()> {
    let site = Site::approved("entra-secret", |_| BY_SECRET.to_owned()).await?;
    site.is_well("its secret").await?;
    site.azure.expire_secret();
    let said = site.looks(&["bad     credential:azure: ", "bad     cloud: ", "401 invalid_client"]).await?;
    ensure!(said.matches("AADSTS7000222").count() == 2, "{said}");
    ensure!(said.contains("the client's secret has expired: make a new one for the app registration"), "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_looked_at_with_what_the_certificates_key_has_signed_and_no_other_key() -> Result<()> {
    let site = Site::approved("entra-certificate", by_certificate).await?;
    site.is_well("its certificate").await?;
    // That of another client.
    fs::write(&site.proof, rsa::certified(&rsa::key().await?)?)?;
    let said = site.looks(&["bad     credential:azure: ", "bad     cloud: ", "401 invalid_client"]).await?;
    ensure!(said.contains("AADSTS700027") && said.contains("The key was not found"), "{said}");
    ensure!(said.contains("upload the certificate to the app registration"), "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_looked_at_with_the_token_of_a_cluster_as_long_as_that_is_good() -> Result<()> {
    let credential = |file: &Path| format!("federated_token_file = \"{}\"", file.display());
    let site = Site::approved("entra-federated", credential).await?;
    fs::write(&site.proof, site.federation.token(3600))?;
    site.is_well(&format!("the federated token `{}`", site.proof.display())).await?;
    fs::write(&site.proof, site.federation.token(0))?;
    site.looks(&["bad     credential:azure: ", "AADSTS700024", "whoever writes its file must renew it"]).await?;
    let other = Federation { subject: "system:serviceaccount:hangar:other".into(), ..site.federation.clone() };
    fs::write(&site.proof, other.token(3600))?;
    site.looks(&[
        "AADSTS700213",
        "no federated credential of the client fits the token: check issuer, subject and audience",
    ])
    .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_the_way_of_a_deployment_on_azure_is_told_each_with_its_cure() -> Result<()> {
    let site = Site::approved("entra-findings", |_| BY_SECRET.to_owned()).await?;
    let contributor = json!({ "value": [{
        "actions": ["*"], "dataActions": [], "notDataActions": [],
        "notActions": ["Microsoft.Authorization/*/Delete", "Microsoft.Authorization/*/Write"],
    }] });
    site.answer("/providers/Microsoft.Authorization/permissions?api-version=2022-04-01", 200, contributor);
    let vault = json!({
        "id": format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.KeyVault"), "namespace": "Microsoft.KeyVault",
        "resourceTypes": [], "registrationState": "NotRegistered", "registrationPolicy": "RegistrationRequired",
    });
    site.answer("/providers/Microsoft.KeyVault?api-version=2021-04-01", 200, vault);
    let usage = |name: &str, used: u64, limit: u64| json!({ "limit": limit, "unit": "Count", "currentValue": used, "name": { "value": name, "localizedValue": name } });
    let cores = json!({ "value": [usage("cores", 80, 100), usage("standardDSv5Family", 10, 20)] });
    site.answer("/providers/Microsoft.Compute/locations/westeurope/usages?api-version=2024-07-01", 200, cores);
    let addresses = json!({ "value": [usage("StandardSkuPublicIpAddresses", 16, 20)] });
    site.answer("/providers/Microsoft.Network/locations/westeurope/usages?api-version=2024-05-01", 200, addresses);
    site.azure.delegate("uss1.example.com", &[]);
    site.looks(&[
        "bad     permission:Microsoft.Authorization/roleAssignments/write: no role of these credentials allows it",
        "bad     permission:Microsoft.Authorization/locks/write: ",
        "the role Role Based Access Control Administrator, or Owner for locks at",
        "bad     provider:Microsoft.KeyVault: `Microsoft.KeyVault` is NotRegistered",
        "cure: `az provider register --namespace Microsoft.KeyVault`, once for the subscription",
        "good    providers: 4 of 5 resource providers are registered",
        "bad     quota:cores: 28 vCPUs are wanted, 20 of 100 are left",
        "bad     quota:standardDSv5Family: 28 vCPUs are wanted, 10 of 20 are left",
        "bad     quota:StandardSkuPublicIpAddresses: 5 public addresses are wanted, 4 of 20 are left",
        "bad     dns:delegation: nobody delegates `uss1.example.com`",
        "name for `uss1.example.com`: ns1-01.azure-dns.com, ns2-01.azure-dns.net",
    ])
    .await?;

    // A machine that is closed to the subscription, and questions that these credentials may not ask.
    let sku = json!({ "value": [{
        "resourceType": "virtualMachines", "name": "Standard_D4s_v5", "family": "standardDSv5Family",
        "locations": ["westeurope"], "locationInfo": [{ "location": "westeurope", "zones": ["1", "2", "3"] }],
        "capabilities": [{ "name": "vCPUs", "value": "4" }],
        "restrictions": [{
            "type": "Location", "values": ["westeurope"], "restrictionInfo": { "locations": ["westeurope"] },
            "reasonCode": "NotAvailableForSubscription",
        }],
    }] });
    let asked = "/providers/Microsoft.Compute/skus?api-version=2021-07-01&$filter=location eq 'westeurope'";
    site.answer(asked, 200, sku);
    let forbidden = json!({ "error": {
        "code": "AuthorizationFailed",
        "message": format!("The client '{CLIENT}' with object id '{CLIENT}' does not have authorization to perform action."),
    } });
    let asked = "/providers/Microsoft.Network/locations/westeurope/usages?api-version=2024-05-01";
    site.answer(asked, 403, forbidden.clone());
    site.azure.delegate("uss1.example.com", &["ns1.registrar.example."]);
    site.looks(&[
        "bad     machine: this subscription has `Standard_D4s_v5` in no zone of `westeurope`",
        "warning quota:addresses: not answered: 403 AuthorizationFailed",
        "bad     dns:delegation: `uss1.example.com` is delegated to ns1.registrar.example, not to this zone",
    ])
    .await?;

    site.answer("?api-version=2022-12-01", 403, forbidden);
    let said =
        site.looks(&["bad     subscription: Azure does not show the subscription: 403 AuthorizationFailed"]).await?;
    ensure!(!said.contains("quota"), "it was looked at what nobody shows:\n{said}");
    ensure!(site.azure.n_refused() == 0, "{} calls came without a good token", site.azure.n_refused());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_is_not_asked_for_again_and_a_subscription_that_is_off_is_asked_nothing_more() -> Result<()> {
    let site = Site::approved("entra-stands", by_certificate).await?;
    let versions =
        json!({ "values": [{ "version": "1.36", "patchVersions": {} }, { "version": "1.35", "patchVersions": {} }] });
    let asked = "/providers/Microsoft.ContainerService/locations/westeurope/kubernetesVersions?api-version=2024-09-01";
    site.answer(asked, 200, versions);
    let cluster = json!({
        "id": format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/uss1/providers/Microsoft.ContainerService/managedClusters/uss1"),
        "name": "uss1", "location": "westeurope", "type": "Microsoft.ContainerService/managedClusters",
        "properties": { "provisioningState": "Succeeded", "kubernetesVersion": "1.34", "powerState": { "code": "Running" } },
    });
    let asked = "/resourceGroups/uss1/providers/Microsoft.ContainerService/managedClusters/uss1?api-version=2024-09-01";
    site.answer(asked, 200, cluster);
    // All of it is the cluster's own.
    let cores =
        json!({ "value": [{ "limit": 28, "unit": "Count", "currentValue": 28, "name": { "value": "cores" } }] });
    site.answer("/providers/Microsoft.Compute/locations/westeurope/usages?api-version=2024-07-01", 200, cores);
    let said = site
        .looks(&[
            "bad     kubernetes-version: AKS does not offer 1.34 in `westeurope`",
            "cure: set `kubernetes_version` to one of: 1.36, 1.35",
            "good    quota: the cluster stands: its quotas are in use, not asked for",
        ])
        .await?;
    ensure!(!said.contains("quota:cores"), "{said}");

    let disabled = json!({ "subscriptionId": SUBSCRIPTION, "displayName": "Production", "state": "Disabled" });
    site.answer("?api-version=2022-12-01", 200, disabled);
    let said = site.looks(&["bad     subscription: the subscription's state is `Disabled`"]).await?;
    ensure!(!said.contains("kubernetes-version"), "{said}");
    ensure!(site.azure.n_refused() == 0, "{} calls came without a good token", site.azure.n_refused());
    Ok(())
}

/// As when somebody ends the client's sessions between its sign-in and its first call.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_taken_back_opens_nothing() -> Result<()> {
    let site = Site::approved("entra-revoked", by_certificate).await?;
    site.azure.revoke();
    site.looks(&[
        "good    credential:azure: ",
        "bad     identity: Azure does not show the subscription: 401 ExpiredAuthenticationToken: ",
        "cure: check the credential of slot `azure`",
    ])
    .await
    .context("its tokens are over")?;
    ensure!(site.azure.n_refused() == 1, "{} calls came without a good token", site.azure.n_refused());
    Ok(())
}
