//! OAuth 2 credentials: from what the operator keeps to what makes tokens.

use std::time::Duration;

use hangar_config::{AzureMetadata, AzureProofValue, AzureValue, ClientProofValue, CredentialValue, GoogleValue};
use hangar_runtime::oauth::{ClientProof, OauthError, Source, entra, google};
use secrecy::SecretString;

/// How long what a certificate's key has signed is good for: it is shown at once.
const ASSERTION: Duration = Duration::from_secs(10 * 60);

/// The source of tokens that a credential is; none if it is of another kind.
pub(crate) fn source(value: CredentialValue) -> Result<Option<Source>, OauthError> {
    Ok(Some(match value {
        CredentialValue::Google(GoogleValue::File(text)) => google::from_file(&text)?,
        CredentialValue::Google(GoogleValue::Token(token)) => Source::Fixed(token),
        CredentialValue::Google(GoogleValue::Metadata(host)) => google::metadata(&host)?,
        CredentialValue::Azure(AzureValue::Client { authority, tenant_id, client_id, proof }) => {
            entra::client(&authority, &tenant_id, client_id, proof_of_entra(proof))?
        }
        CredentialValue::Azure(AzureValue::Machine { metadata: AzureMetadata::Instance(host), client_id }) => {
            entra::instance(&host, client_id.as_deref())?
        }
        CredentialValue::Azure(AzureValue::Machine {
            metadata: AzureMetadata::Service { endpoint, header },
            client_id,
        }) => entra::service(endpoint, header, client_id.as_deref()),
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

fn proof_of_entra(value: AzureProofValue) -> ClientProof {
    match value {
        AzureProofValue::Secret(secret) => ClientProof::Secret(secret),
        AzureProofValue::Certificate(pem) => ClientProof::Certificate(pem),
        AzureProofValue::Federated { token, .. } => ClientProof::Assertion(token),
    }
}

/// What a client of Entra says of itself, for a tool that signs in by itself: a federated token, or what its certificate's key has
/// signed just now. None for who proves himself otherwise.
pub(crate) fn assertion(value: &AzureValue) -> Result<Option<SecretString>, OauthError> {
    let AzureValue::Client { authority, tenant_id, client_id, proof } = value else { return Ok(None) };
    Ok(match proof {
        AzureProofValue::Secret(_) => None,
        // Terraform takes certificates in another form only, and would want the key of ours in a file.
        AzureProofValue::Certificate(pem) => Some(entra::assertion(authority, tenant_id, client_id, pem, ASSERTION)?),
        AzureProofValue::Federated { token, .. } => Some(token.clone()),
    })
}

/// A principal of Entra as terraform's provider and its backend read it from the environment. They can be given no token, so
/// they get what makes one, and can make the next; never a command line tool's sign-in. What an [`assertion`] proves they ask for.
pub(crate) fn variables_of_azure(value: &AzureValue) -> Vec<(&'static str, SecretString)> {
    let text = |text: &str| SecretString::from(text);
    let mut variables = vec![("ARM_USE_CLI", text("false"))];
    match value {
        AzureValue::Client { tenant_id, client_id, proof, .. } => {
            variables.extend([("ARM_TENANT_ID", text(tenant_id)), ("ARM_CLIENT_ID", text(client_id))]);
            variables.push(match proof {
                AzureProofValue::Secret(secret) => ("ARM_CLIENT_SECRET", secret.clone()),
                AzureProofValue::Certificate(_) | AzureProofValue::Federated { .. } => ("ARM_USE_OIDC", text("true")),
            });
        }
        AzureValue::Machine { metadata, client_id } => {
            variables.push(("ARM_USE_MSI", text("true")));
            variables.extend(client_id.as_deref().map(|client_id| ("ARM_CLIENT_ID", text(client_id))));
            match metadata {
                AzureMetadata::Instance(_) => {}
                AzureMetadata::Service { endpoint, header } => variables.extend([
                    ("ARM_MSI_ENDPOINT", text(endpoint.as_str())),
                    ("ARM_MSI_API_VERSION", text(entra::SERVICE_VERSION)),
                    ("IDENTITY_ENDPOINT", text(endpoint.as_str())),
                    ("IDENTITY_HEADER", header.clone()),
                ]),
            }
        }
    }
    variables
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn client(proof: AzureProofValue) -> AzureValue {
        let authority = "https://login.microsoftonline.com/".parse().expect("a URL");
        AzureValue::Client { authority, tenant_id: "t".into(), client_id: "c".into(), proof }
    }

    fn variables(proof: AzureProofValue) -> Vec<String> {
        shown(client(proof))
    }

    fn shown(value: AzureValue) -> Vec<String> {
        variables_of_azure(&value)
            .into_iter()
            .map(|(name, value)| format!("{name}={}", value.expose_secret()))
            .collect()
    }

    #[test]
    fn terraform_gets_what_its_provider_for_azure_reads_and_no_more() {
        let secret = variables(AzureProofValue::Secret("s".into()));
        assert_eq!(secret, ["ARM_USE_CLI=false", "ARM_TENANT_ID=t", "ARM_CLIENT_ID=c", "ARM_CLIENT_SECRET=s"]);
        let federated = variables(AzureProofValue::Federated { token: "j".into(), file: "/run/token".into() });
        assert_eq!(federated[3..], ["ARM_USE_OIDC=true"]);
        let machine = |metadata| shown(AzureValue::Machine { metadata, client_id: None });
        assert_eq!(machine(AzureMetadata::Instance("h".into())), ["ARM_USE_CLI=false", "ARM_USE_MSI=true"]);
        let endpoint = "http://127.0.0.1:41741/msi/token".parse().expect("a URL");
        let beside = machine(AzureMetadata::Service { endpoint, header: "h".into() });
        insta::assert_snapshot!(beside[2..].join("\n"), @"
        ARM_MSI_ENDPOINT=http://127.0.0.1:41741/msi/token
        ARM_MSI_API_VERSION=2019-08-01
        IDENTITY_ENDPOINT=http://127.0.0.1:41741/msi/token
        IDENTITY_HEADER=h
        ");
    }

    #[test]
    fn terraform_gets_what_a_certificate_says_and_never_its_key() {
        let key = include_str!("../../runtime/src/oauth/tests/service-account.pem");
        let pair = rcgen::KeyPair::from_pem(key).expect("a key of RSA");
        let certificate = rcgen::CertificateParams::new(Vec::new()).expect("no names").self_signed(&pair);
        let pem: SecretString = format!("{key}{}", certificate.expect("the key signs").pem()).into();
        let value = client(AzureProofValue::Certificate(pem));
        assert_eq!(shown(value.clone())[3..], ["ARM_USE_OIDC=true"]);
        let said = assertion(&value).expect("the key signs").expect("an assertion");
        assert_eq!(said.expose_secret().split('.').count(), 3);
        let line = key.lines().nth(1).expect("a key has lines");
        assert!(!said.expose_secret().contains(line));
        assert!(assertion(&client(AzureProofValue::Secret("s".into()))).expect("nothing fails").is_none());
    }
}
