//! A principal of Entra: where it is kept, and looked for where Azure's own libraries look.

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use url::Url;

use super::{CredentialError, SecretFrom, read};
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
    /// By the key of its certificate; both are in one PEM file.
    Certificate(PathBuf),
    /// By a token in a file, which a cluster or a pipeline made and renews.
    Federated(PathBuf),
    /// By the machine that it runs on.
    Machine,
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
        proof: AzureProofValue,
    },
    /// The identity of this machine.
    Machine {
        /// Who knows the machine.
        metadata: AzureMetadata,
        /// Which of its identities; none takes the only one.
        client_id: Option<String>,
    },
}

/// What a principal of Entra proves itself with.
#[derive(Debug, Clone)]
pub enum AzureProofValue {
    /// Its secret.
    Secret(SecretString),
    /// Its certificate and the key of that, PEM.
    Certificate(SecretString),
    /// A federated token, and the file that it came from.
    Federated {
        /// The token.
        token: SecretString,
        /// The file.
        file: PathBuf,
    },
}

/// Who knows a machine of Azure.
#[derive(Debug, Clone)]
pub enum AzureMetadata {
    /// The metadata server of instances, by its host.
    Instance(String),
    /// What App Service and Container Apps put beside a program.
    Service {
        /// Its URL.
        endpoint: Url,
        /// What proves that a request comes from beside it.
        header: SecretString,
    },
}

impl AzureFrom {
    /// Reads it. The order is that of Azure's own libraries: secret, certificate, federated token, this machine.
    pub(super) fn read(&self, environment: &Environment) -> Result<AzureValue, CredentialError> {
        let set = |name: &str| environment.variable(name).filter(|value| !value.is_empty()).map(ToOwned::to_owned);
        let client_id = self.client_id.clone().or_else(|| set("AZURE_CLIENT_ID"));
        let found = || {
            if set("AZURE_CLIENT_SECRET").is_some() {
                return AzureProof::Secret(SecretFrom::Variable("AZURE_CLIENT_SECRET".into()));
            }
            let certificate = set("AZURE_CLIENT_CERTIFICATE_PATH").map(|file| AzureProof::Certificate(file.into()));
            let federated = || set("AZURE_FEDERATED_TOKEN_FILE").map(|file| AzureProof::Federated(file.into()));
            certificate.or_else(federated).unwrap_or(AzureProof::Machine)
        };
        let proof = match self.proof.clone().unwrap_or_else(found) {
            AzureProof::Secret(from) => AzureProofValue::Secret(from.read(environment)?),
            AzureProof::Certificate(file) => AzureProofValue::Certificate(read(&file)?.into()),
            AzureProof::Federated(file) => AzureProofValue::Federated { token: token(&file)?, file },
            AzureProof::Machine => {
                let service = set("IDENTITY_ENDPOINT").zip(set("IDENTITY_HEADER"));
                let metadata = match service {
                    Some((endpoint, header)) => AzureMetadata::Service {
                        endpoint: endpoint.parse().map_err(|_| CredentialError::NoUrl("IDENTITY_ENDPOINT".into()))?,
                        header: header.into(),
                    },
                    None => {
                        // The variable is that of Azure's own libraries.
                        let host = set("AZURE_POD_IDENTITY_AUTHORITY_HOST").unwrap_or_else(|| INSTANCE.to_owned());
                        let host = host.trim_start_matches("http://").trim_end_matches('/');
                        AzureMetadata::Instance(host.to_owned())
                    }
                };
                return Ok(AzureValue::Machine { metadata, client_id });
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
        text.parse().map_err(|_| CredentialError::NoUrl("AZURE_AUTHORITY_HOST".into()))
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
        assert!(matches!(proof, AzureProofValue::Secret(secret) if secret.expose_secret() == "s"));
        let Ok(AzureValue::Client { proof, .. }) = read(&default, &who) else { panic!("a client") };
        assert!(matches!(proof, AzureProofValue::Federated { token, .. } if token.expose_secret() == "of a cluster"));
        let with_certificate = [&who[..], &[("AZURE_CLIENT_CERTIFICATE_PATH", file)]].concat();
        let Ok(AzureValue::Client { proof, .. }) = read(&default, &with_certificate) else { panic!("a client") };
        assert!(matches!(proof, AzureProofValue::Certificate(_)));
    }

    #[test]
    fn a_machine_is_known_to_who_stands_beside_it() {
        let default = AzureFrom::default();
        let Ok(AzureValue::Machine { metadata: AzureMetadata::Instance(host), client_id }) = read(&default, &[]) else {
            panic!("an instance");
        };
        assert_eq!((host.as_str(), client_id), (INSTANCE, None));
        let beside = [("IDENTITY_ENDPOINT", "http://127.0.0.1:41741/msi/token"), ("IDENTITY_HEADER", "a-secret")];
        let Ok(AzureValue::Machine { metadata: AzureMetadata::Service { endpoint, header }, .. }) =
            read(&default, &beside)
        else {
            panic!("a service");
        };
        assert_eq!((endpoint.path(), header.expose_secret()), ("/msi/token", "a-secret"));
        let err = read(&default, &[("IDENTITY_ENDPOINT", "nowhere"), ("IDENTITY_HEADER", "h")]).expect_err("no URL");
        assert_eq!(err.to_string(), "environment variable `IDENTITY_ENDPOINT` is no URL");
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
        assert!(matches!(proof, AzureProofValue::Secret(secret) if secret.expose_secret() == "o"));
    }

    #[test]
    fn who_it_is_must_be_known() {
        let err = read(&AzureFrom::default(), &[("AZURE_CLIENT_SECRET", "s"), ("AZURE_CLIENT_ID", "c")]);
        assert_eq!(err.expect_err("no tenant").to_string(), "environment variable `AZURE_TENANT_ID` is not set");
        let err = read(&AzureFrom::default(), &[("AZURE_CLIENT_SECRET", "s"), ("AZURE_TENANT_ID", "t")]);
        assert_eq!(err.expect_err("no client").to_string(), "environment variable `AZURE_CLIENT_ID` is not set");
    }
}
