//! Credentials: where the operator keeps them, and reading them.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use hangar_plan::{grant::CredentialKind, hint::Hint};
use secrecy::SecretString;
use url::Url;

use crate::environment::Environment;

mod aws;
mod azure;

pub use aws::{AwsChain, AwsFrom, AwsProfile, AwsValue};
pub use azure::{AzureFrom, AzureMetadata, AzureProof, AzureProofValue, AzureValue};

/// Where the operator keeps one credential. Holds no secret itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// A token.
    Bearer(SecretFrom),
    /// A user name and a password.
    Basic { username: String, password: SecretFrom },
    /// Keys of an AWS account.
    Aws(AwsFrom),
    /// A key pair for TLS.
    ClientTls { certificate: PathBuf, key: PathBuf },
    /// A kubeconfig, and which of its contexts; the current one if none is named.
    Kubeconfig { file: PathBuf, context: Option<String> },
    /// A credential file of Google.
    GoogleFile(PathBuf),
    /// A variable with an access token of Google.
    GoogleToken(String),
    /// Whatever Google's own tools would find.
    GoogleDefault,
    /// A principal of Entra.
    Azure(AzureFrom),
    /// A client of an OAuth 2 issuer.
    Oauth2 { token_url: Url, client_id: String, proof: ClientProof },
}

/// How a client of an issuer proves who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientProof {
    /// By its secret.
    Secret(SecretFrom),
    /// By a token in a file, which another issuer made and renews.
    Assertion(PathBuf),
}

/// Where one secret text is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretFrom {
    /// In a file; one line end after it is not part of it.
    File(PathBuf),
    /// In an environment variable.
    Variable(String),
}

/// A credential, read. Prints no secret.
#[derive(Debug, Clone)]
pub enum CredentialValue {
    /// A token.
    Bearer(SecretString),
    /// A user name and a password.
    Basic { username: String, password: SecretString },
    /// Keys of an AWS account, or what leads to some.
    Aws(AwsValue),
    /// A certificate chain and its key, both PEM.
    ClientTls { certificate: String, key: SecretString },
    /// The text of a kubeconfig, the folder that its relative paths start from, and which of its contexts.
    Kubeconfig { text: SecretString, folder: PathBuf, context: Option<String> },
    /// Of Google Cloud.
    Google(GoogleValue),
    /// A principal of Entra.
    Azure(AzureValue),
    /// A client of an OAuth 2 issuer.
    Oauth2 { token_url: Url, client_id: String, proof: ClientProofValue },
}

/// A credential of Google Cloud.
#[derive(Debug, Clone)]
pub enum GoogleValue {
    /// The text of a credential file.
    File(SecretString),
    /// An access token.
    Token(SecretString),
    /// Host of the metadata server, which knows the machine.
    Metadata(String),
}

/// What a client of an issuer proves itself with.
#[derive(Debug, Clone)]
pub enum ClientProofValue {
    /// Its secret.
    Secret(SecretString),
    /// A federated token.
    Assertion(SecretString),
}

/// Why a credential could not be read. Never carries what was read.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// The file cannot be read.
    #[error("cannot read `{}`", path.display())]
    File {
        path: PathBuf,
        #[source]
        err: io::Error,
    },
    /// The environment variable is not set, or not text.
    #[error("environment variable `{0}` is not set")]
    Variable(String),
    /// The environment variable holds no URL.
    #[error("environment variable `{0}` is no URL")]
    NoUrl(String),
    /// There is a file or variable, and nothing in it.
    #[error("{0} is empty")]
    Empty(String),
}

impl Credential {
    /// What kind it is, to be compared with what the plugin asked for.
    #[must_use]
    pub fn kind(&self) -> CredentialKind {
        match self {
            Self::Bearer(_) => CredentialKind::Bearer,
            Self::Basic { .. } => CredentialKind::Basic,
            Self::Aws(_) => CredentialKind::Aws,
            Self::ClientTls { .. } => CredentialKind::ClientTls,
            Self::Kubeconfig { .. } => CredentialKind::Kubeconfig,
            Self::GoogleFile(_) | Self::GoogleToken(_) | Self::GoogleDefault | Self::Azure(_) | Self::Oauth2 { .. } => {
                CredentialKind::Oauth2
            }
        }
    }

    /// Reads it, now. Called by host code only, when a request is final and has to be signed.
    ///
    /// # Errors
    ///
    /// [`CredentialError`], which names the place and never the content.
    pub fn read(&self, environment: &Environment) -> Result<CredentialValue, CredentialError> {
        Ok(match self {
            Self::Bearer(from) => CredentialValue::Bearer(from.read(environment)?),
            Self::Basic { username, password } => {
                CredentialValue::Basic { username: username.clone(), password: password.read(environment)? }
            }
            Self::Aws(from) => CredentialValue::Aws(from.read(environment)?),
            Self::ClientTls { certificate, key } => {
                CredentialValue::ClientTls { certificate: read(certificate)?, key: read(key)?.into() }
            }
            Self::Kubeconfig { file, context } => {
                let folder = file.parent().unwrap_or(Path::new("")).to_owned();
                CredentialValue::Kubeconfig { text: read(file)?.into(), folder, context: context.clone() }
            }
            Self::GoogleFile(file) => CredentialValue::Google(GoogleValue::File(read(file)?.into())),
            Self::GoogleToken(name) => {
                let token = SecretFrom::Variable(name.clone()).read(environment)?;
                CredentialValue::Google(GoogleValue::Token(token))
            }
            Self::GoogleDefault => CredentialValue::Google(google_default(environment)?),
            Self::Azure(from) => CredentialValue::Azure(from.read(environment)?),
            Self::Oauth2 { token_url, client_id, proof } => CredentialValue::Oauth2 {
                token_url: token_url.clone(),
                client_id: client_id.clone(),
                proof: match proof {
                    ClientProof::Secret(from) => ClientProofValue::Secret(from.read(environment)?),
                    ClientProof::Assertion(file) => {
                        ClientProofValue::Assertion(SecretFrom::File(file.clone()).read(environment)?)
                    }
                },
            },
        })
    }
}

impl Hint for CredentialError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoUrl(name) => format!("unset `{name}`, or set it to a URL such as `https://login.example.com/`"),
            Self::Variable(name) => format!("set `{name}` in the environment of `hangar`"),
            Self::File { .. } | Self::Empty(_) => {
                "put it there, or bind the slot to another place in its `credential` block".into()
            }
        })
    }
}

impl SecretFrom {
    fn read(&self, environment: &Environment) -> Result<SecretString, CredentialError> {
        let (text, place) = match self {
            Self::File(path) => (read(path)?, format!("`{}`", path.display())),
            Self::Variable(name) => (variable(environment, name)?, format!("environment variable `{name}`")),
        };
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.is_empty() { Err(CredentialError::Empty(place)) } else { Ok(text.into()) }
    }
}

fn variable(environment: &Environment, name: &str) -> Result<String, CredentialError> {
    environment.variable(name).map(ToOwned::to_owned).ok_or_else(|| CredentialError::Variable(name.to_owned()))
}

fn read(path: &Path) -> Result<String, CredentialError> {
    fs::read_to_string(path).map_err(|err| CredentialError::File { path: path.to_owned(), err })
}

/// The order of Google's own libraries (AIP-4110): the named file, that of `gcloud`, the metadata server.
fn google_default(environment: &Environment) -> Result<GoogleValue, CredentialError> {
    if let Some(file) = environment.variable("GOOGLE_APPLICATION_CREDENTIALS").filter(|name| !name.is_empty()) {
        return Ok(GoogleValue::File(read(Path::new(file))?.into()));
    }
    if let Some(file) = environment.gcloud_credentials_file().filter(|file| file.exists()) {
        return Ok(GoogleValue::File(read(&file)?.into()));
    }
    // The variable is that of Google's own libraries.
    let host = environment.variable("GCE_METADATA_HOST").unwrap_or("metadata.google.internal");
    Ok(GoogleValue::Metadata(host.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    #[test]
    fn a_secret_comes_from_a_file_or_a_variable_without_its_line_end() {
        let folder = tempfile::tempdir().expect("temp folder");
        let file = folder.path().join("token");
        fs::write(&file, "abc\n").expect("temp folder is writable");
        let environment = Environment::from_variables([("TOKEN", "xyz")]).expect("environment");
        for (from, text) in [(SecretFrom::File(file), "abc"), (SecretFrom::Variable("TOKEN".into()), "xyz")] {
            let Ok(CredentialValue::Bearer(token)) = Credential::Bearer(from).read(&environment) else {
                panic!("a token");
            };
            assert_eq!(token.expose_secret(), text);
            assert!(!format!("{token:?}").contains(text));
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let environment = Environment::from_variables([("EMPTY", "")]).expect("environment");
        let read = |from| Credential::Bearer(from).read(&environment).expect_err("nothing there").to_string();
        assert_eq!(read(SecretFrom::Variable("TOKEN".into())), "environment variable `TOKEN` is not set");
        assert_eq!(read(SecretFrom::Variable("EMPTY".into())), "environment variable `EMPTY` is empty");
        assert_eq!(read(SecretFrom::File("/nowhere/token".into())), "cannot read `/nowhere/token`");
    }

    #[test]
    fn google_is_found_where_its_own_tools_find_it() {
        let folder = tempfile::tempdir().expect("temp folder");
        let home = folder.path().display().to_string();
        let file = folder.path().join("key.json");
        fs::write(&file, "of the key").expect("temp folder is writable");
        let environment = |variables: &[(&str, &str)]| {
            let variables = variables.iter().copied().chain([("HOME", home.as_str())]);
            Environment::from_variables(variables).expect("environment")
        };
        let found = |variables: &[(&str, &str)]| match google_default(&environment(variables)).expect("found") {
            GoogleValue::File(text) => text.expose_secret().to_owned(),
            GoogleValue::Token(_) => panic!("no token was named"),
            GoogleValue::Metadata(host) => host,
        };
        assert_eq!(found(&[]), "metadata.google.internal");
        assert_eq!(found(&[("GCE_METADATA_HOST", "127.0.0.1:9")]), "127.0.0.1:9");
        let gcloud = folder.path().join(".config/gcloud");
        fs::create_dir_all(&gcloud).expect("temp folder is writable");
        fs::write(gcloud.join("application_default_credentials.json"), "of gcloud").expect("it is writable");
        assert_eq!(found(&[]), "of gcloud");
        assert_eq!(found(&[("GOOGLE_APPLICATION_CREDENTIALS", file.to_str().expect("text"))]), "of the key");
        let err = google_default(&environment(&[("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere")])).expect_err("none");
        assert_eq!(err.to_string(), "cannot read `/nowhere`");
    }
}
