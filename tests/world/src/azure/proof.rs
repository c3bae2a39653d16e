//! Whether a client is who it says it is: by its secret, by what its certificate's key has signed
//! (https://learn.microsoft.com/entra/identity-platform/certificate-credentials), or by another issuer's token
//! (https://learn.microsoft.com/entra/workload-id/workload-identity-federation).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::refusal::Refusal;
use super::{Federation, Known};
use crate::jwt::{PS256, Parts, RS256, now_s};
use crate::loopback::field;

const KIND: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// A clock may be so much ahead.
const AHEAD_S: u64 = 300;
/// What is signed for one sign-in is good for minutes: the real one asks for no more than this, and would take more.
const LONGEST_S: u64 = 600;

impl Known {
    /// # Errors
    ///
    /// The first thing that is wrong.
    pub(super) fn prove(&self, form: &[u8]) -> Result<(), Refusal> {
        let (secret, assertion) = (field(form, "client_secret"), field(form, "client_assertion"));
        match (secret.as_str(), assertion.as_str()) {
            ("", "") => {
                let said =
                    "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
                Err(Refusal::client(7_000_218, said))
            }
            (secret, "") if secret != self.principal.secret => {
                let said = "Invalid client secret provided. Ensure the secret being sent in the request is the client secret \
                            value, not the client secret ID.";
                Err(Refusal::client(7_000_215, said))
            }
            (_, "") if self.kept().is_secret_over => {
                let said = format!("The provided client secret keys for app '{}' are expired.", self.principal.client);
                Err(Refusal::client(7_000_222, said))
            }
            (_, "") => Ok(()),
            ("", assertion) if field(form, "client_assertion_type") == KIND => self.assert(assertion),
            _ => Err(Refusal::request(50_012, "Authentication failed.")),
        }
    }

    fn assert(&self, assertion: &str) -> Result<(), Refusal> {
        let malformed = || Refusal::client(50_027, "JWT token is invalid or malformed.");
        let parts = Parts::of(assertion).ok_or_else(malformed)?;
        match &self.principal.federation {
            Some(federation) if parts.claims["iss"] != self.principal.client => federated(&parts, federation),
            _ => self.certified(&parts, malformed),
        }
    }

    /// What a certificate's key has signed for this very endpoint, once.
    fn certified(&self, parts: &Parts, malformed: impl Fn() -> Refusal) -> Result<(), Refusal> {
        let (client, aud) =
            (&self.principal.client, format!("{}/{}/oauth2/v2.0/token", self.url, self.principal.tenant));
        let pem = self.principal.certificate.as_deref();
        let Some((pem, thumbprint)) = pem.map(|pem| (pem, thumbprint(pem))) else {
            return Err(Refusal::client(700_027, format!("The client '{client}' has no certificate.")));
        };
        let shown = parts.header["x5t#S256"].as_str().ok_or_else(&malformed)?;
        let wrong = |reason: &str| {
            let said = format!(
                "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - \
                 {reason}, Thumbprint of key used by client: '{shown}']"
            );
            Err(Refusal::client(700_027, said))
        };
        if shown != thumbprint {
            return wrong("The key was not found.");
        }
        if !parts.is_signed_by(pem, PS256) {
            return wrong("The provided signature value did not match the expected signature value.");
        }
        let is_ours = parts.claims["iss"] == *client && parts.claims["sub"] == *client && parts.claims["aud"] == aud;
        if parts.header != json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint }) || !is_ours {
            return Err(malformed());
        }
        if parts.time("exp").saturating_sub(parts.time("nbf")) > LONGEST_S {
            return Err(malformed());
        }
        in_time(parts)?;
        // The real one takes an assertion twice. Who signs a new one each time never asks that of it.
        let id = parts.claims["jti"].as_str().filter(|id| !id.is_empty()).ok_or_else(&malformed)?;
        if self.kept().shown.insert(id.to_owned()) { Ok(()) } else { Err(malformed()) }
    }
}

/// Base64 of the SHA-256 over a certificate in DER, which names it.
pub(super) fn thumbprint(pem: &str) -> String {
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).expect("the client has a certificate");
    URL_SAFE_NO_PAD.encode(Sha256::digest(&certificate))
}

fn federated(parts: &Parts, federation: &Federation) -> Result<(), Refusal> {
    let claim = |name: &str| parts.claims[name].as_str().unwrap_or_default().to_owned();
    let unfit = |code, what: &str, value: String| {
        let said = format!("No matching federated identity record found for presented assertion {what} '{value}'.");
        Err(Refusal::client(code, said))
    };
    if claim("iss") != federation.issuer {
        return unfit(700_211, "issuer", claim("iss"));
    }
    if claim("sub") != federation.subject {
        return unfit(700_213, "subject", claim("sub"));
    }
    let audiences = parts.claims["aud"].as_array();
    if !audiences.is_some_and(|audiences| audiences.iter().any(|one| one == Federation::AUDIENCE)) {
        return unfit(700_212, "audience", parts.claims["aud"].to_string());
    }
    if parts.header["alg"] != "RS256" || !parts.is_signed_by(&federation.key_pem, RS256) {
        return Err(Refusal::client(50_013, "Assertion failed signature validation."));
    }
    in_time(parts)
}

fn in_time(parts: &Parts) -> Result<(), Refusal> {
    let now = now_s();
    if parts.time("nbf") <= now + AHEAD_S && parts.time("exp") > now {
        return Ok(());
    }
    Err(Refusal::client(700_024, "Client assertion is not within its valid time range."))
}
