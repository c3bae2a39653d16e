//! Kubeconfigs for tools that are run by the host or by hand. None of them holds a token.

use std::path::Path;
use std::time::SystemTime;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use k8s_openapi::jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::access::{Access, Credential};
use crate::error::KubeError;
use crate::tokens::{RENEW_AFTER, Tokens};

/// Version of the protocol by which a client runs a program for its credential.
const EXEC_VERSION: &str = "client.authentication.k8s.io/v1";

/// Makes a kubeconfig with one context that runs a program for each token: nothing secret stands in it.
///
/// The form is JSON, which every reader of kubeconfigs takes: YAML readers turn an unquoted `n` or `on` into a boolean.
#[must_use]
pub fn running(access: &Access, name: &str, namespace: &str, program: &Path, arguments: &[&str]) -> String {
    let exec = json!({
        "apiVersion": EXEC_VERSION,
        "command": program,
        "args": arguments,
        "interactiveMode": "Never",
        "provideClusterInfo": false,
    });
    of_user(access, name, namespace, &json!({"exec": exec}))
}

/// What such a program prints. It is a secret.
///
/// # Errors
///
/// [`KubeError::NoToken`].
pub async fn given(access: &Access) -> Result<SecretString, KubeError> {
    let status = match &access.credential {
        Credential::Token(tokens) => {
            let none = |err| KubeError::NoToken { endpoint: access.endpoint.clone(), err };
            let token = tokens.current().await.map_err(none)?;
            let until = Timestamp::try_from(SystemTime::now() + RENEW_AFTER).expect("years before the last timestamp");
            json!({"token": token.expose_secret(), "expirationTimestamp": format!("{until:.0}")})
        }
        Credential::ClientTls { certificate_pem, key_pem } => {
            json!({"clientCertificateData": certificate_pem, "clientKeyData": key_pem.expose_secret()})
        }
    };
    Ok(json!({"apiVersion": EXEC_VERSION, "kind": "ExecCredential", "status": status}).to_string().into())
}

/// Makes a kubeconfig without the token, and the tokens beside it, for a tool that takes one from its environment: nothing of
/// it then stands on a disk. A client certificate and its key stay in the kubeconfig.
#[must_use]
pub fn split(access: &Access, name: &str, namespace: &str) -> (SecretString, Option<Tokens>) {
    let (user, tokens) = match &access.credential {
        Credential::Token(tokens) => (json!({}), Some(tokens.clone())),
        Credential::ClientTls { certificate_pem, key_pem } => {
            let key = encode(key_pem.expose_secret());
            (json!({"client-certificate-data": encode(certificate_pem), "client-key-data": key}), None)
        }
    };
    (of_user(access, name, namespace, &user).into(), tokens)
}

fn encode(text: &str) -> String {
    BASE64_STANDARD.encode(text)
}

fn of_user(access: &Access, name: &str, namespace: &str, user: &Value) -> String {
    let mut cluster = json!({"server": access.endpoint});
    if let Some(ca) = &access.ca_pem {
        cluster["certificate-authority-data"] = json!(encode(ca));
    }
    if let Some(server_name) = &access.server_name {
        cluster["tls-server-name"] = json!(server_name);
    }
    if let Some(proxy) = &access.proxy {
        cluster["proxy-url"] = json!(proxy);
    }
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": namespace}}],
        "current-context": name,
    });
    format!("{config:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(credential: Credential) -> anyhow::Result<Access> {
        let (ca, _) = crate::pem::tests::self_signed("ca.example")?;
        Ok(Access {
            endpoint: "https://api.example:6443".to_owned(),
            ca_pem: Some(ca),
            server_name: Some("other.example".to_owned()),
            proxy: Some("http://proxy.example:3128/".to_owned()),
            credential,
        })
    }

    fn client_tls() -> anyhow::Result<Credential> {
        let (certificate_pem, key) = crate::pem::tests::self_signed("somebody")?;
        Ok(Credential::ClientTls { certificate_pem, key_pem: key.into() })
    }

    #[tokio::test]
    async fn what_a_tool_is_given_leads_back_to_the_same_access() -> anyhow::Result<()> {
        let access = access(client_tls()?)?;
        let (text, tokens) = split(&access, "on", "n");
        assert!(tokens.is_none());
        let back = Access::from_kubeconfig(&text, "".as_ref(), None).await?;
        assert_eq!(
            (back.endpoint, back.server_name, back.proxy),
            (access.endpoint.clone(), access.server_name.clone(), access.proxy.clone())
        );
        assert_eq!(back.credential.shown().await, "a client certificate");
        Ok(())
    }

    #[tokio::test]
    async fn a_token_stands_beside_the_kubeconfig_and_not_in_it() -> anyhow::Result<()> {
        let access = access(Credential::Token("sesame".into()))?;
        let (apart, tokens) = split(&access, "on", "n");
        assert!(!apart.expose_secret().contains("sesame"));
        assert!(tokens.is_some());
        let running = running(&access, "on", "n", "/bin/hangar".as_ref(), &["-C", "/a b", "cluster-token"]);
        assert!(!running.contains("sesame"));
        let parsed: Value = serde_json::from_str(&running)?;
        assert_eq!(parsed["users"][0]["user"]["exec"]["args"], json!(["-C", "/a b", "cluster-token"]));
        Ok(())
    }

    #[tokio::test]
    async fn a_program_gives_what_the_client_asks_for() -> anyhow::Result<()> {
        let given_by = async |credential| -> anyhow::Result<Value> {
            Ok(serde_json::from_str(given(&access(credential)?).await?.expose_secret())?)
        };
        let token = given_by(Credential::Token("sesame".into())).await?;
        assert_eq!((&token["kind"], &token["status"]["token"]), (&json!("ExecCredential"), &json!("sesame")));
        let until: Timestamp = token["status"]["expirationTimestamp"].as_str().unwrap_or_default().parse()?;
        assert!(until > Timestamp::now());
        let tls = given_by(client_tls()?).await?;
        assert!(tls["status"]["clientKeyData"].as_str().is_some_and(|key| key.contains("PRIVATE KEY")));
        Ok(())
    }
}
