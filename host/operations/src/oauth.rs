//! OAuth 2 credentials: from what the operator keeps to what makes tokens.

use hangar_config::{ClientProofValue, CredentialValue, GoogleValue};
use hangar_runtime::oauth::{ClientProof, OauthError, Source, google};

/// The source of tokens that a credential is; none if it is of another kind.
pub(crate) fn source(value: CredentialValue) -> Result<Option<Source>, OauthError> {
    Ok(Some(match value {
        CredentialValue::Google(GoogleValue::File(text)) => google::from_file(&text)?,
        CredentialValue::Google(GoogleValue::Token(token)) => Source::Fixed(token),
        CredentialValue::Google(GoogleValue::Metadata(host)) => google::metadata(&host)?,
        CredentialValue::Oauth2 { token_url, client_id, proof } => Source::Client {
            token_url,
            client_id,
            proof: match proof {
                ClientProofValue::Secret(secret) => ClientProof::Secret(secret),
                ClientProofValue::Assertion(token) => ClientProof::Assertion(token),
            },
        },
        _ => return Ok(None),
    }))
}
