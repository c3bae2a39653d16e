//! Who we are at a registry.

use std::{fs::File, io::BufReader, path::PathBuf, time::Duration};

use docker_credential::{CredentialRetrievalError, DockerCredential, get_credential_from_reader};
use registry_reference::Registry;
use secrecy::SecretString;

use crate::error::{Account, Failure};

/// A credential helper that takes longer than this waits for a person who is not there.
const HELPER_TIMEOUT: Duration = Duration::from_secs(60);

/// Where credentials come from. Printing it shows no secret.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// Nowhere.
    Anonymous,
    /// Files in the format of docker's `config.json` (podman's `auth.json` is the same), the first that
    /// knows the registry wins. A file that is not there is passed over. Helpers named in a file are run.
    Files(Vec<PathBuf>),
    /// One user for every registry this client talks to.
    Password { user: String, password: SecretString },
}

/// What is presented at one registry.
#[derive(Debug, Clone)]
pub(crate) enum Login {
    Anonymous,
    Password { user: String, password: SecretString },
    IdentityToken(SecretString),
}

impl Login {
    pub(crate) fn account(&self) -> Account {
        match self {
            Self::Anonymous => Account::Anonymous,
            Self::Password { user, .. } => Account::User(user.clone()),
            Self::IdentityToken(_) => Account::Token,
        }
    }
}

impl Credentials {
    /// Finds what to present at `registry`.
    pub(crate) async fn login(&self, registry: &Registry) -> Result<Login, Failure> {
        match self {
            Self::Anonymous => Ok(Login::Anonymous),
            Self::Password { user, password } => Ok(Login::Password { user: user.clone(), password: password.clone() }),
            Self::Files(files) => {
                let (files, registry) = (files.clone(), registry.clone());
                let host = registry.to_string();
                // A helper is a child process that is waited for.
                let look_up = tokio::task::spawn_blocking(move || look_up(&files, &registry));
                match tokio::time::timeout(HELPER_TIMEOUT, look_up).await {
                    Ok(found) => found.expect("looking up credentials does not panic"),
                    Err(_) => Err(Failure::TimedOut { host, after: HELPER_TIMEOUT }),
                }
            }
        }
    }
}

fn look_up(files: &[PathBuf], registry: &Registry) -> Result<Login, Failure> {
    for file in files {
        let reader = match File::open(file) {
            Ok(reader) => BufReader::new(reader),
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => continue,
            Err(err) => {
                return Err(Failure::File { doing: "read", path: file.clone(), err });
            }
        };
        match get_credential_from_reader(reader, &key(registry)) {
            Ok(DockerCredential::UsernamePassword(user, password)) => {
                return Ok(Login::Password { user, password: password.into() });
            }
            Ok(DockerCredential::IdentityToken(token)) => {
                return Ok(Login::IdentityToken(token.into()));
            }
            Err(err) => match explain(&err) {
                None => {}
                Some(said) => {
                    return Err(Failure::Credentials { host: registry.to_string(), file: file.clone(), said });
                }
            },
        }
    }
    Ok(Login::Anonymous)
}

/// Docker stores its own hub under a URL of old; every other registry under `host[:port]`.
fn key(registry: &Registry) -> String {
    match registry.host() {
        "docker.io" | "index.docker.io" | "registry-1.docker.io" => "https://index.docker.io/v1/".into(),
        _ => registry.to_string(),
    }
}

/// Says what is wrong with a file of credentials; nothing if it merely does not know the registry.
///
/// What a helper printed is not repeated, for it may be the secret.
fn explain(err: &CredentialRetrievalError) -> Option<String> {
    Some(match err {
        CredentialRetrievalError::NoCredentialConfigured | CredentialRetrievalError::ConfigNotFound => return None,
        // The protocol of docker's helpers has this one text for "I have none".
        CredentialRetrievalError::HelperFailure { stdout, .. } if stdout.contains("credentials not found") => {
            return None;
        }
        CredentialRetrievalError::HelperFailure { helper, .. } => format!("`{helper}` failed"),
        CredentialRetrievalError::HelperCommunicationError => "the credential helper cannot be run".into(),
        CredentialRetrievalError::MalformedHelperResponse => "the credential helper answered nonsense".into(),
        CredentialRetrievalError::CredentialDecodingError => "`auth` is not base64 of `user:password`".into(),
        CredentialRetrievalError::CredentialMismatchError => "`auth` says another thing than `username`".into(),
        CredentialRetrievalError::ConfigReadError => "it is no valid JSON of this format".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("temp folder is writable");
        path
    }

    fn registry() -> Registry {
        "registry.example.com:5000".parse().expect("registry")
    }

    #[test]
    fn the_first_file_that_knows_the_registry_wins() {
        let folder = tempfile::tempdir().expect("temp folder");
        let empty = file(&folder, "empty.json", "{}");
        let one = file(&folder, "one.json", r#"{"auths":{"registry.example.com:5000":{"auth":"YW5hOnNlY3JldA=="}}}"#);
        let two = file(&folder, "two.json", r#"{"auths":{"registry.example.com:5000":{"identitytoken":"t"}}}"#);
        let missing = folder.path().join("missing.json");
        let Ok(Login::Password { user, password }) = look_up(&[missing, empty, one, two.clone()], &registry()) else {
            panic!("a password");
        };
        assert_eq!((user.as_str(), password.expose_secret()), ("ana", "secret"));
        assert!(matches!(look_up(&[two], &registry()), Ok(Login::IdentityToken(_))));
        assert!(matches!(look_up(&[], &registry()), Ok(Login::Anonymous)));
    }

    #[test]
    fn a_broken_file_is_named() {
        let folder = tempfile::tempdir().expect("temp folder");
        let broken = file(&folder, "config.json", "{auths");
        let err = look_up(&[broken], &registry()).expect_err("broken").to_string();
        assert!(err.ends_with("config.json`: it is no valid JSON of this format"), "{err}");
    }

    #[test]
    fn a_missing_helper_is_told_apart_from_no_credentials() {
        let folder = tempfile::tempdir().expect("temp folder");
        let config = file(&folder, "config.json", r#"{"credsStore":"hangar-test-has-no-such-helper"}"#);
        let err = look_up(&[config], &registry()).expect_err("no helper").to_string();
        assert!(err.ends_with("the credential helper cannot be run"), "{err}");
    }

    #[test]
    fn no_secret_is_printed() {
        let login = Login::Password { user: "ana".into(), password: "hunter2".into() };
        let token = Login::IdentityToken("hunter2".into());
        assert!(!format!("{login:?}{token:?}").contains("hunter2"));
    }
}
