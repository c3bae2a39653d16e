//! OAuth 2 credentials: from what the operator keeps to what makes tokens.

use hangar_config::{AzureValue, ClientProofValue, CredentialValue, GoogleValue};
use hangar_runtime::oauth::{ClientProof, OauthError, Source, entra, google};
use secrecy::SecretString;

/// The source of tokens that a credential is; none if it is of another kind.
pub(crate) fn source(value: CredentialValue) -> Result<Option<Source>, OauthError> {
    Ok(Some(match value {
        CredentialValue::Google(GoogleValue::File(text)) => google::from_file(&text)?,
        CredentialValue::Google(GoogleValue::Token(token)) => Source::Fixed(token),
        CredentialValue::Google(GoogleValue::Metadata(host)) => google::metadata(&host)?,
        CredentialValue::Azure(AzureValue::Client { authority, tenant_id, client_id, proof }) => {
            entra::client(&authority, &tenant_id, client_id, proof_of(proof))?
        }
        CredentialValue::Azure(AzureValue::Instance { host, client_id }) => {
            entra::instance(&host, client_id.as_deref())?
        }
        CredentialValue::Oauth2 { token_url, client_id, proof } => {
            Source::Client { token_url, client_id, proof: proof_of(proof) }
        }
        _ => return Ok(None),
    }))
}

fn proof_of(value: ClientProofValue) -> ClientProof {
    match value {
        ClientProofValue::Secret(secret) => ClientProof::Secret(secret),
        ClientProofValue::Assertion(token) => ClientProof::Assertion(token),
    }
}

/// A principal of Entra as terraform's provider reads it from the environment. It can be given no token, so it gets what makes
/// one; never a command line tool's sign-in.
pub(crate) fn variables_of_azure(value: AzureValue) -> Vec<(&'static str, SecretString)> {
    let text = |text: &str| SecretString::from(text);
    let mut variables = vec![("ARM_USE_CLI", text("false"))];
    match value {
        AzureValue::Client { tenant_id, client_id, proof, .. } => {
            variables.extend([("ARM_TENANT_ID", tenant_id.into()), ("ARM_CLIENT_ID", client_id.into())]);
            match proof {
                ClientProofValue::Secret(secret) => variables.push(("ARM_CLIENT_SECRET", secret)),
                ClientProofValue::Assertion(token) => {
                    variables.extend([("ARM_USE_OIDC", text("true")), ("ARM_OIDC_TOKEN", token)]);
                }
            }
        }
        AzureValue::Instance { client_id, .. } => {
            variables.push(("ARM_USE_MSI", text("true")));
            variables.extend(client_id.map(|client_id| ("ARM_CLIENT_ID", client_id.into())));
        }
    }
    variables
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn variables(proof: ClientProofValue) -> Vec<String> {
        let authority = "https://login.microsoftonline.com/".parse().expect("a URL");
        let value = AzureValue::Client { authority, tenant_id: "t".into(), client_id: "c".into(), proof };
        shown(variables_of_azure(value))
    }

    fn shown(variables: Vec<(&'static str, SecretString)>) -> Vec<String> {
        variables.into_iter().map(|(name, value)| format!("{name}={}", value.expose_secret())).collect()
    }

    #[test]
    fn terraform_gets_what_its_provider_for_azure_reads_and_no_more() {
        let secret = variables(ClientProofValue::Secret("s".into()));
        assert_eq!(secret, ["ARM_USE_CLI=false", "ARM_TENANT_ID=t", "ARM_CLIENT_ID=c", "ARM_CLIENT_SECRET=s"]);
        let federated = variables(ClientProofValue::Assertion("j".into()));
        assert_eq!(federated[3..], ["ARM_USE_OIDC=true", "ARM_OIDC_TOKEN=j"]);
        let machine = AzureValue::Instance { host: "h".into(), client_id: None };
        assert_eq!(shown(variables_of_azure(machine)), ["ARM_USE_CLI=false", "ARM_USE_MSI=true"]);
    }
}
