//! A principal of Entra: where it is kept, and looked for where Azure's own libraries look.

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use url::Url;

use super::{ClientProofValue, CredentialError, SecretFrom, read};
use crate::environment::Environment;

/// Where principals sign in, unless another cloud is named.
const AUTHORITY: &str = "https://login.microsoftonline.com/";
/// Where a machine of Azure learns who it is.
const INSTANCE: &str = "169.254.169.254";

/// A principal of Entra. What is left out is looked for in the variables that Azure's own libraries read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AzureFrom {
    /// Where it signs in.
    pub authority: Option<Url>,
    /// Its tenant.
    pub tenant_id: Option<String>,
    /// Its client id.
    pub client_id: Option<String>,
    /// How it proves who it is.
    pub proof: Option<AzureProof>,
}

/// How a principal of Entra proves who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AzureProof {
    /// By its secret.
    Secret(SecretFrom),
    /// By a token in a file, which a cluster or a pipeline made and renews.
    Federated(PathBuf),
    /// By the machine that it runs on.
    Instance,
}

/// A principal of Entra, read.
#[derive(Debug, Clone)]
pub enum AzureValue {
    /// A client with something to prove itself.
    Client {
        /// Where it signs in, with a slash at its end.
        authority: Url,
        /// Its tenant.
        tenant_id: String,
        /// Its client id.
        client_id: String,
        /// What it proves itself with.
        proof: ClientProofValue,
    },
    /// The identity of this machine.
    Instance {
        /// Host of the metadata server.
        host: String,
        /// Which of its identities; none takes the only one.
        client_id: Option<String>,
    },
}

impl AzureFrom {
    /// Reads it. The order is that of Azure's own libraries: secret, federated token, this machine.
    pub(super) fn read(&self, environment: &Environment) -> Result<AzureValue, CredentialError> {
        let set = |name: &str| environment.variable(name).filter(|value| !value.is_empty()).map(ToOwned::to_owned);
        let client_id = self.client_id.clone().or_else(|| set("AZURE_CLIENT_ID"));
        let proof = match self.proof.clone() {
            Some(proof) => proof,
            None if set("AZURE_CLIENT_SECRET").is_some() => {
                AzureProof::Secret(SecretFrom::Variable("AZURE_CLIENT_SECRET".into()))
            }
            None => set("AZURE_FEDERATED_TOKEN_FILE")
                .map_or(AzureProof::Instance, |file| AzureProof::Federated(file.into())),
        };
        let proof = match proof {
            AzureProof::Secret(from) => ClientProofValue::Secret(from.read(environment)?),
            AzureProof::Federated(file) => ClientProofValue::Assertion(token(&file)?),
            AzureProof::Instance => {
                // The variable is that of Azure's own libraries.
                let host = set("AZURE_POD_IDENTITY_AUTHORITY_HOST").unwrap_or_else(|| INSTANCE.to_owned());
                let host = host.trim_start_matches("http://").trim_end_matches('/').to_owned();
                return Ok(AzureValue::Instance { host, client_id });
            }
        };
        let missing = |name: &str| CredentialError::Variable(name.to_owned());
        Ok(AzureValue::Client {
            authority: self.authority(set("AZURE_AUTHORITY_HOST"))?,
            tenant_id: self
                .tenant_id
                .clone()
                .or_else(|| set("AZURE_TENANT_ID"))
                .ok_or_else(|| missing("AZURE_TENANT_ID"))?,
            client_id: client_id.ok_or_else(|| missing("AZURE_CLIENT_ID"))?,
            proof,
        })
    }

    fn authority(&self, named: Option<String>) -> Result<Url, CredentialError> {
        if let Some(authority) = &self.authority {
            return Ok(authority.clone());
        }
        let text = named.unwrap_or_else(|| AUTHORITY.to_owned());
        let text = if text.ends_with('/') { text } else { format!("{text}/") };
        text.parse().map_err(|_| CredentialError::Variable("AZURE_AUTHORITY_HOST".into()))
    }
}

fn token(file: &Path) -> Result<SecretString, CredentialError> {
    let text = read(file)?;
    let token = text.trim();
    if token.is_empty() { Err(CredentialError::Empty(format!("`{}`", file.display()))) } else { Ok(token.into()) }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn read(from: &AzureFrom, variables: &[(&str, &str)]) -> Result<AzureValue, CredentialError> {
        from.read(&Environment::from_variables(variables.iter().copied()).expect("an environment"))
    }

    #[test]
    fn azure_is_found_where_its_own_libraries_find_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("token");
        std::fs::write(&file, "of a cluster\n").expect("the folder is ours");
        let file = file.to_str().expect("text");
        let who = [("AZURE_TENANT_ID", "t"), ("AZURE_CLIENT_ID", "c"), ("AZURE_FEDERATED_TOKEN_FILE", file)];
        let with_secret = [&who[..], &[("AZURE_CLIENT_SECRET", "s")]].concat();
        let default = AzureFrom::default();
        let Ok(AzureValue::Client { authority, tenant_id, client_id, proof }) = read(&default, &with_secret) else {
            panic!("a client");
        };
        assert_eq!((authority.as_str(), tenant_id.as_str(), client_id.as_str()), (AUTHORITY, "t", "c"));
        assert!(matches!(proof, ClientProofValue::Secret(secret) if secret.expose_secret() == "s"));
        let Ok(AzureValue::Client { proof, .. }) = read(&default, &who) else { panic!("a client") };
        assert!(matches!(proof, ClientProofValue::Assertion(token) if token.expose_secret() == "of a cluster"));
        let Ok(AzureValue::Instance { host, client_id }) = read(&default, &[]) else { panic!("this machine") };
        assert_eq!((host.as_str(), client_id), (INSTANCE, None));
    }

    #[test]
    fn what_the_workspace_says_beats_the_environment() {
        let from = AzureFrom {
            authority: Some("https://login.microsoftonline.us/".parse().expect("a URL")),
            tenant_id: Some("mine".into()),
            client_id: None,
            proof: Some(AzureProof::Secret(SecretFrom::Variable("OWN".into()))),
        };
        let variables =
            [("AZURE_TENANT_ID", "t"), ("AZURE_CLIENT_ID", "c"), ("AZURE_CLIENT_SECRET", "s"), ("OWN", "o")];
        let Ok(AzureValue::Client { authority, tenant_id, proof, .. }) = read(&from, &variables) else {
            panic!("a client");
        };
        assert_eq!((authority.host_str(), tenant_id.as_str()), (Some("login.microsoftonline.us"), "mine"));
        assert!(matches!(proof, ClientProofValue::Secret(secret) if secret.expose_secret() == "o"));
    }

    #[test]
    fn who_it_is_must_be_known() {
        let err = read(&AzureFrom::default(), &[("AZURE_CLIENT_SECRET", "s"), ("AZURE_CLIENT_ID", "c")]);
        assert_eq!(err.expect_err("no tenant").to_string(), "environment variable `AZURE_TENANT_ID` is not set");
        let err = read(&AzureFrom::default(), &[("AZURE_CLIENT_SECRET", "s"), ("AZURE_TENANT_ID", "t")]);
        assert_eq!(err.expect_err("no client").to_string(), "environment variable `AZURE_CLIENT_ID` is not set");
    }
}
