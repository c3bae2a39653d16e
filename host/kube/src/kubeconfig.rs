//! A kubeconfig for tools run by hand, written when the operator asks for one.

use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::access::{Access, Credential};
use crate::error::KubeError;
use crate::tokens::Tokens;

/// Makes a kubeconfig with one context. It holds the credential, so it is a secret.
///
/// The form is JSON, which every reader of kubeconfigs takes: YAML readers turn an unquoted `n` or `on` into a boolean.
///
/// # Errors
///
/// [`KubeError::NoToken`].
pub async fn text(access: &Access, name: &str, namespace: &str) -> Result<SecretString, KubeError> {
    let user = match &access.credential {
        Credential::Token(tokens) => {
            let endpoint = &access.endpoint;
            let none = |err| KubeError::NoToken { endpoint: endpoint.clone(), err };
            json!({"token": tokens.current().await.map_err(none)?.expose_secret()})
        }
        Credential::ClientTls { certificate_pem, key_pem } => client_tls(certificate_pem, key_pem),
    };
    Ok(of_user(access, name, namespace, &user))
}

/// Makes the same without the token, and the tokens beside it, for a tool that takes one from its environment: nothing of
/// it then stands on a disk. A client certificate stays in the kubeconfig.
#[must_use]
pub fn split(access: &Access, name: &str, namespace: &str) -> (SecretString, Option<Tokens>) {
    let (user, tokens) = match &access.credential {
        Credential::Token(tokens) => (json!({}), Some(tokens.clone())),
        Credential::ClientTls { certificate_pem, key_pem } => (client_tls(certificate_pem, key_pem), None),
    };
    (of_user(access, name, namespace, &user), tokens)
}

fn client_tls(certificate_pem: &str, key_pem: &SecretString) -> Value {
    json!({"client-certificate-data": encode(certificate_pem), "client-key-data": encode(key_pem.expose_secret())})
}

fn encode(text: &str) -> String {
    BASE64_STANDARD.encode(text)
}

fn of_user(access: &Access, name: &str, namespace: &str, user: &Value) -> SecretString {
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
    format!("{config:#}\n").into()
}

/// Writes a kubeconfig that only this user can read.
///
/// # Errors
///
/// [`KubeError::NoToken`] and [`KubeError::Write`]; a file that was there is then left as it was.
pub async fn write(path: &Path, access: &Access, name: &str, namespace: &str) -> Result<(), KubeError> {
    let content = text(access, name, namespace).await?;
    hangar_durable::write_private(path, content.expose_secret().as_bytes())
        .map_err(|err| KubeError::Write { path: path.to_owned(), err })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_written_is_read_back_and_private() -> anyhow::Result<()> {
        use std::os::unix::fs::PermissionsExt as _;
        let (ca, _) = crate::pem::tests::self_signed("ca.example")?;
        let access = Access {
            endpoint: "https://api.example:6443".to_owned(),
            ca_pem: Some(ca),
            server_name: Some("other.example".to_owned()),
            proxy: Some("http://proxy.example:3128/".to_owned()),
            credential: Credential::Token("sesame".into()),
        };
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("kubeconfig");
        write(&path, &access, "on", "n").await?;
        assert_eq!(std::fs::metadata(&path)?.permissions().mode() & 0o777, 0o600);
        let back = Access::from_kubeconfig(&std::fs::read_to_string(&path)?.into(), dir.path(), None).await?;
        assert_eq!(
            (back.endpoint, back.server_name, back.proxy),
            (access.endpoint.clone(), access.server_name.clone(), access.proxy.clone())
        );
        assert_eq!(back.credential.shown().await, "sesame");
        let (apart, tokens) = split(&access, "on", "n");
        assert!(!apart.expose_secret().contains("sesame"));
        assert!(tokens.is_some());
        Ok(())
    }
}
