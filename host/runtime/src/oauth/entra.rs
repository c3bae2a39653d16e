//! Principals of Entra: a client of a tenant, or the identity of a machine of Azure.

use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::endpoint::{self, Metadata};
use super::{ClientProof, OauthError, Source, Token, assertion};

/// Version of the metadata server's interface, the first with identities.
const INSTANCE_VERSION: &str = "2018-02-01";
/// Version of what App Service and Container Apps put beside a program.
pub const SERVICE_VERSION: &str = "2019-08-01";

/// A client of a tenant, which signs in at `authority` (with a slash at its end).
///
/// # Errors
///
/// [`OauthError::Endpoint`] for a tenant that makes no URL.
pub fn client(authority: &Url, tenant: &str, client_id: String, proof: ClientProof) -> Result<Source, OauthError> {
    Ok(Source::Client { token_url: token_url(authority, tenant)?, client_id, proof })
}

/// What a client's certificate says of it, for a tool that signs in by itself but takes no certificate in PEM.
///
/// # Errors
///
/// [`OauthError::Endpoint`] for a tenant that makes no URL, [`OauthError::Key`] for a key that does not sign.
pub fn assertion(
    authority: &Url,
    tenant: &str,
    client_id: &str,
    pem: &SecretString,
    lifetime: Duration,
) -> Result<SecretString, OauthError> {
    assertion::of_client(pem, client_id, &token_url(authority, tenant)?, lifetime)
}

fn token_url(authority: &Url, tenant: &str) -> Result<Url, OauthError> {
    let is_name = tenant.starts_with(|c: char| c.is_ascii_alphanumeric())
        && tenant.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
    let url = authority.join(&format!("{tenant}/oauth2/v2.0/token")).ok().filter(|_| is_name);
    url.ok_or_else(|| OauthError::Endpoint { url: authority.to_string(), reason: "takes no such tenant".into() })
}

/// The identity of this machine, by its metadata server; `client_id` says which where it has several.
///
/// # Errors
///
/// [`OauthError::Endpoint`] for a host that makes no URL.
pub fn instance(host: &str, client_id: Option<&str>) -> Result<Source, OauthError> {
    let wrong = || OauthError::Endpoint { url: host.to_owned(), reason: "is no host".into() };
    let url = format!("http://{host}/metadata/identity/oauth2/token").parse().map_err(|_| wrong())?;
    Ok(machine(url, INSTANCE_VERSION, client_id, None))
}

/// The identity of this program, by what App Service or Container Apps have put beside it; `client_id` says which where it has
/// several.
#[must_use]
pub fn service(endpoint: Url, header: SecretString, client_id: Option<&str>) -> Source {
    machine(endpoint, SERVICE_VERSION, client_id, Some(header))
}

fn machine(mut url: Url, version: &str, client_id: Option<&str>, header: Option<SecretString>) -> Source {
    url.query_pairs_mut().append_pair("api-version", version);
    if let Some(client_id) = client_id {
        url.query_pairs_mut().append_pair("client_id", client_id);
    }
    Source::AzureMachine { url, header }
}

/// Asks for a token of a resource, which is the scope without its `/.default`.
pub(super) async fn of_machine(url: &Url, header: Option<&SecretString>, scope: &str) -> Result<Token, OauthError> {
    let mut url = url.clone();
    url.query_pairs_mut().append_pair("resource", scope.strip_suffix("/.default").unwrap_or(scope));
    endpoint::metadata(&url, header.map_or(Metadata::Azure, Metadata::AzureService)).await
}

/// What an operator does about an answer of Entra; its descriptions begin with a number.
pub(super) fn cure(description: &str) -> Option<&'static str> {
    const UNFEDERATED: &str =
        "no federated credential of the client fits the token: check issuer, subject and audience";
    const UNCERTIFIED: &str =
        "the certificate is over or was revoked: make a new one and upload it to the app registration";
    const CURES: [(&str, &str); 18] = [
        ("AADSTS7000222", "the client's secret has expired: make a new one for the app registration"),
        (
            "AADSTS700027",
            "the assertion does not fit the client: upload the certificate to the app registration, or the clock is wrong",
        ),
        ("AADSTS7000215", "the secret is wrong: it is the secret's value, not its id"),
        ("AADSTS700016", "the client is not known in this tenant: check `client_id` and `tenant_id`"),
        ("AADSTS90002", "there is no such tenant: check `tenant_id`"),
        ("AADSTS900023", "there is no such tenant: check `tenant_id`"),
        ("AADSTS70021", UNFEDERATED),
        // What Entra says of late in place of the one before: of issuer, audience and subject, and of a subject in other letters.
        ("AADSTS700211", UNFEDERATED),
        ("AADSTS700212", UNFEDERATED),
        ("AADSTS700213", UNFEDERATED),
        ("AADSTS7002138", UNFEDERATED),
        ("AADSTS7000214", UNCERTIFIED),
        ("AADSTS7000277", UNCERTIFIED),
        ("AADSTS1000502", UNCERTIFIED),
        (
            "AADSTS500011",
            "this cloud does not know what the token is for: check `authority` and the block's `endpoints`",
        ),
        (
            "AADSTS700024",
            "the federated token has expired, or the clock is wrong: whoever writes its file must renew it",
        ),
        ("AADSTS53003", "a policy of conditional access forbids it: ask who administers the tenant"),
        ("Identity not found", "this machine has no such identity: assign it one, or check `client_id`"),
    ];
    // A longer number must not be taken for a shorter one that it begins with.
    let is_whole = |code: &str, at: usize| !description[at + code.len()..].starts_with(|c: char| c.is_ascii_digit());
    let found = CURES.iter().find(|(code, _)| description.find(code).is_some_and(|at| is_whole(code, at)));
    found.map(|(_, cure)| *cure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_taken_whole() {
        assert!(
            cure("AADSTS700024: Client assertion is not within its valid time range")
                .is_some_and(|said| said.contains("clock"))
        );
        assert!(cure("AADSTS70021: No matching federated identity record").is_some_and(|said| said.contains("issuer")));
        assert!(cure("AADSTS700213: No matching federated").is_some_and(|said| said.contains("subject")));
        assert_eq!(cure("AADSTS7002111: something else"), None);
    }

    #[test]
    fn a_tenant_is_a_part_of_a_path_and_no_more() {
        let authority: Url = "https://login.microsoftonline.com/".parse().expect("a URL");
        let of = |tenant: &str| client(&authority, tenant, "c".into(), ClientProof::Secret("s".into()));
        let Ok(Source::Client { token_url, .. }) = of("example.onmicrosoft.com") else { panic!("a client") };
        assert_eq!(token_url.as_str(), "https://login.microsoftonline.com/example.onmicrosoft.com/oauth2/v2.0/token");
        for tenant in ["", "..", "../x", "a/b", "a?b", "//evil.example.com"] {
            assert!(of(tenant).is_err(), "{tenant}");
        }
    }
}
