//! Credentials: where the operator keeps them, and reading them.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use hangar_plan::{grant::CredentialKind, hint::Hint};
use secrecy::SecretString;
use url::Url;

use crate::environment::Environment;

mod azure;

pub use azure::{AzureFrom, AzureProof, AzureValue};

/// Where the operator keeps one credential. Holds no secret itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// A token.
    Bearer(SecretFrom),
    /// A user name and a password.
    Basic { username: String, password: SecretFrom },
    /// Keys of an AWS account in the environment: the names of the variables.
    AwsEnvironment { access_key_id: String, secret_access_key: String, session_token: String },
    /// Keys of an AWS account in a profile of AWS's credentials file; the standard file if none is named.
    AwsProfile { profile: String, file: Option<PathBuf> },
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
    /// Keys of an AWS account.
    Aws { access_key_id: String, secret_access_key: SecretString, session_token: Option<SecretString> },
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
    /// There is a file or variable, and nothing in it.
    #[error("{0} is empty")]
    Empty(String),
    /// The profile is not in the file, or holds no keys.
    #[error("profile `{profile}` in `{}` {said}", file.display())]
    Profile { profile: String, file: PathBuf, said: String },
    /// Neither a file was named nor is there a home folder with one.
    #[error("no AWS credentials file: `HOME` is not set")]
    NoHome,
}

impl Credential {
    /// What kind it is, to be compared with what the plugin asked for.
    #[must_use]
    pub fn kind(&self) -> CredentialKind {
        match self {
            Self::Bearer(_) => CredentialKind::Bearer,
            Self::Basic { .. } => CredentialKind::Basic,
            Self::AwsEnvironment { .. } | Self::AwsProfile { .. } => CredentialKind::Aws,
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
            Self::AwsEnvironment { access_key_id, secret_access_key, session_token } => CredentialValue::Aws {
                access_key_id: variable(environment, access_key_id)?,
                secret_access_key: variable(environment, secret_access_key)?.into(),
                session_token: variable(environment, session_token).ok().map(Into::into),
            },
            Self::AwsProfile { profile, file } => {
                let standard = || environment.aws_credentials_file().ok_or(CredentialError::NoHome);
                let file = file.clone().map_or_else(standard, Ok)?;
                aws_profile(&read(&file)?, profile, &file)?
            }
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
            Self::Variable(name) => format!("set `{name}` in the environment of `hangar`"),
            Self::Profile { profile, said, .. } if said.contains("not followed") => format!(
                "export keys with `aws configure export-credentials --profile {profile} --format env`, and write `aws {{}}`"
            ),
            Self::Profile { .. } | Self::File { .. } | Self::Empty(_) => {
                "put it there, or bind the slot to another place in its `credential` block".into()
            }
            Self::NoHome => "name the file: `credentials_file = …`".into(),
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

/// Takes static keys out of a profile of AWS's credentials file (INI: `[profile]`, `key = value`).
fn aws_profile(text: &str, profile: &str, file: &Path) -> Result<CredentialValue, CredentialError> {
    let refuse = |said: String| CredentialError::Profile { profile: profile.to_owned(), file: file.to_owned(), said };
    let mut lines = text.lines().map(str::trim).skip_while(|line| section(line) != Some(profile));
    if lines.next().is_none() {
        return Err(refuse("does not exist".into()));
    }
    let settings = lines.take_while(|line| section(line).is_none()).filter_map(|line| line.split_once('='));
    let settings: Vec<_> = settings.map(|(key, value)| (key.trim().to_ascii_lowercase(), value.trim())).collect();
    let find = |key: &str| settings.iter().find(|(name, _)| name == key).map(|(_, value)| *value);
    match (find("aws_access_key_id"), find("aws_secret_access_key")) {
        (Some(id), Some(key)) if !id.is_empty() && !key.is_empty() => Ok(CredentialValue::Aws {
            access_key_id: id.to_owned(),
            secret_access_key: key.into(),
            session_token: find("aws_session_token").map(Into::into),
        }),
        _ => {
            let indirect =
                ["role_arn", "sso_session", "sso_start_url", "credential_process", "web_identity_token_file"];
            Err(refuse(match indirect.iter().find(|key| find(key).is_some()) {
                Some(key) => format!("has no keys of its own, only `{key}`, which is not followed"),
                None => "has no `aws_access_key_id` and `aws_secret_access_key`".into(),
            }))
        }
    }
}

fn section(line: &str) -> Option<&str> {
    let name = line.strip_prefix('[')?.strip_suffix(']')?.trim();
    Some(name.strip_prefix("profile ").map_or(name, str::trim))
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
    fn keys_of_a_profile_are_found_and_indirect_ones_refused() {
        let text = "[default]\naws_access_key_id=A\naws_secret_access_key = B = C\n\
                    [profile sso]\nsso_session = x\n[other]\naws_access_key_id = D\n";
        let find = |profile| aws_profile(text, profile, "/c".as_ref());
        let Ok(CredentialValue::Aws { access_key_id, secret_access_key, session_token: None }) = find("default") else {
            panic!("keys");
        };
        assert_eq!((access_key_id.as_str(), secret_access_key.expose_secret()), ("A", "B = C"));
        let said = |profile| find(profile).expect_err("no keys").to_string();
        insta::assert_snapshot!([said("sso"), said("other"), said("none")].join("\n"), @"
        profile `sso` in `/c` has no keys of its own, only `sso_session`, which is not followed
        profile `other` in `/c` has no `aws_access_key_id` and `aws_secret_access_key`
        profile `none` in `/c` does not exist
        ");
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

    #[test]
    fn aws_keys_come_from_the_variables_that_are_named() {
        let environment = Environment::from_variables([("ID", "A"), ("KEY", "hunter2")]).expect("environment");
        let credential = Credential::AwsEnvironment {
            access_key_id: "ID".into(),
            secret_access_key: "KEY".into(),
            session_token: "AWS_SESSION_TOKEN".into(),
        };
        let value = credential.read(&environment).expect("keys");
        assert!(!format!("{value:?}").contains("hunter2"));
        assert!(matches!(value, CredentialValue::Aws { session_token: None, .. }));
    }
}
