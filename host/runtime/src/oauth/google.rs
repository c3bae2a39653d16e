//! Credential files of Google (`gcloud auth application-default login`, service account keys, workload identity
//! federation), and its metadata server. Forms: <https://google.aip.dev/auth>.

use std::collections::BTreeMap;
use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::{OauthError, ServiceKey, Source, endpoint};
use crate::redact::Redactor;

/// The scope of everything that its permissions allow.
pub const CLOUD_PLATFORM: &str = "https://www.googleapis.com/auth/cloud-platform";

const TOKEN_URL: &str = "https://oauth2.googleapis.com/token";

/// Where the token of another issuer is.
#[derive(Debug, Clone)]
pub enum Subject {
    /// In a file, which its issuer renews.
    File {
        /// The file.
        path: PathBuf,
        /// Field of the JSON that holds it; the whole text if none.
        field: Option<String>,
    },
    /// Behind a URL, as in CI systems.
    Url {
        /// The URL.
        url: Url,
        /// Headers, one of which is a secret mostly.
        headers: Vec<(String, SecretString)>,
        /// Field of the JSON that holds it; the whole text if none.
        field: Option<String>,
    },
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum File {
    ServiceAccount {
        client_email: String,
        private_key: SecretString,
        private_key_id: Option<String>,
        token_uri: Option<Url>,
    },
    AuthorizedUser {
        client_id: String,
        client_secret: SecretString,
        refresh_token: SecretString,
        token_uri: Option<Url>,
    },
    ExternalAccount {
        audience: String,
        subject_token_type: String,
        token_url: Url,
        credential_source: Box<RawSubject>,
        service_account_impersonation_url: Option<Url>,
    },
    ImpersonatedServiceAccount {
        service_account_impersonation_url: Url,
        source_credentials: Value,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct RawSubject {
    file: Option<PathBuf>,
    url: Option<Url>,
    #[serde(default)]
    headers: BTreeMap<String, SecretString>,
    format: Option<Format>,
}

#[derive(Deserialize)]
struct Format {
    subject_token_field_name: Option<String>,
}

/// Reads a credential file of any of the kinds.
///
/// # Errors
///
/// [`OauthError::File`], which shows nothing of the file.
pub fn from_file(text: &SecretString) -> Result<Source, OauthError> {
    let value = serde_json::from_str(text.expose_secret()).map_err(|_| bad("is no JSON"))?;
    from_value(value)
}

fn from_value(value: Value) -> Result<Source, OauthError> {
    // serde's own words quote what they found, which may be a secret.
    let kind = value["type"].as_str().map(ToOwned::to_owned);
    let file: File = serde_json::from_value(value).map_err(|_| match &kind {
        Some(kind) => bad(&format!("of type `{kind}` lacks a field of that type, or has one of another form")),
        None => bad("says no `type`"),
    })?;
    let standard = || Url::parse(TOKEN_URL).expect("the URL is good");
    Ok(match file {
        File::ServiceAccount { client_email, private_key, private_key_id, token_uri } => Source::Key(ServiceKey {
            token_url: token_uri.unwrap_or_else(standard),
            issuer: client_email,
            key_id: private_key_id,
            private_key_pem: private_key,
        }),
        File::AuthorizedUser { client_id, client_secret, refresh_token, token_uri } => {
            Source::Refresh { token_url: token_uri.unwrap_or_else(standard), client_id, client_secret, refresh_token }
        }
        File::ExternalAccount {
            audience,
            subject_token_type,
            token_url,
            credential_source,
            service_account_impersonation_url,
        } => {
            let subject_token = credential_source.into_subject()?;
            let exchange = Source::Exchange { token_url, audience, subject_token_type, subject_token };
            match service_account_impersonation_url {
                Some(url) => Source::Impersonated { url, by: Box::new(exchange) },
                None => exchange,
            }
        }
        File::ImpersonatedServiceAccount { service_account_impersonation_url, source_credentials } => {
            let by = Box::new(from_value(source_credentials)?);
            Source::Impersonated { url: service_account_impersonation_url, by }
        }
        File::Other => {
            let kind = kind.unwrap_or_default();
            return Err(bad(&format!(
                "is of type `{kind}`; known are service_account, authorized_user, external_account and \
                 impersonated_service_account"
            )));
        }
    })
}

/// The metadata server at `host`, for the service account of the instance or workload.
///
/// # Errors
///
/// [`OauthError::File`] if `host` makes no URL.
pub fn metadata(host: &str) -> Result<Source, OauthError> {
    let url = format!("http://{host}/computeMetadata/v1/instance/service-accounts/default/token");
    let url = Url::parse(&url).map_err(|_| bad(&format!("is none, and `{host}` is no metadata server")))?;
    Ok(Source::Metadata { url })
}

impl RawSubject {
    fn into_subject(self) -> Result<Subject, OauthError> {
        let field = self.format.and_then(|format| format.subject_token_field_name);
        match (self.file, self.url) {
            (Some(path), _) => Ok(Subject::File { path, field }),
            (None, Some(url)) => Ok(Subject::Url { url, headers: self.headers.into_iter().collect(), field }),
            (None, None) => Err(bad(
                "takes its token from neither a `file` nor a `url`; executables and AWS keys are not supported",
            )),
        }
    }
}

impl Subject {
    pub(super) async fn read(&self) -> Result<SecretString, OauthError> {
        let (text, field): (SecretString, _) = match self {
            Self::File { path, field } => {
                let text = std::fs::read_to_string(path)
                    .map_err(|err| bad(&format!("names `{}`, which cannot be read: {err}", path.display())))?;
                (text.into(), field)
            }
            Self::Url { url, headers, field } => {
                let headers: Vec<_> =
                    headers.iter().map(|(name, value)| (name.clone(), value.expose_secret().to_owned())).collect();
                (endpoint::subject(url, &headers).await?, field)
            }
        };
        let Some(field) = field else { return Ok(text.expose_secret().trim().to_owned().into()) };
        let value: Value = serde_json::from_str(text.expose_secret()).unwrap_or_default();
        let token =
            value[field].as_str().ok_or_else(|| bad(&format!("wants the field `{field}`, which is not there")))?;
        Ok(token.to_owned().into())
    }

    pub(super) fn register(&self, redactor: &Redactor) {
        if let Self::Url { headers, .. } = self {
            for (_, value) in headers {
                redactor.register(value.expose_secret());
            }
        }
    }

    /// Where it is, which tells it from others.
    pub(super) fn name(&self) -> String {
        match self {
            Self::File { path, .. } => path.display().to_string(),
            Self::Url { url, .. } => url.to_string(),
        }
    }
}

fn bad(reason: &str) -> OauthError {
    OauthError::File(reason.into())
}
