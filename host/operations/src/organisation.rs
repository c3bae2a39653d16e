//! The organisation's own key and certificate authority.

use hangar_pki::{Authority, AuthorityRequest, Certificate, Key, KeyPem};
use hangar_plan::strategy::certificate::CertificatePolicy;
use hangar_roster::OrganisationKey;
use zeroize::Zeroizing;

use crate::clock::now_ms;
use crate::failure::{Cause, Failure};
use crate::vault::{Vault, VaultError};

/// Name of the organisation key in the secret store.
pub(crate) const KEY: &str = "organisation/key";
/// Name of the authority in the secret store: certificate and key in PEM, one after the other.
pub(crate) const AUTHORITY: &str = "authority/1";

/// Reads the organisation key; none if it was never made.
pub(crate) async fn read_key(vault: &Vault) -> Result<Option<OrganisationKey>, Failure> {
    let text = vault.read(KEY).await.map_err(unreachable)?;
    text.map(|text| parse_key(&text)).transpose()
}

/// Makes the organisation key, or returns the one that is there.
pub(crate) async fn make_key(vault: &Vault) -> Result<OrganisationKey, Failure> {
    if let Some(key) = read_key(vault).await? {
        return Ok(key);
    }
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut())
        .map_err(|err| Failure::of(Cause::Outside, "this machine gives no randomness", err.to_string()))?;
    let key = OrganisationKey::from_seed(&seed);
    let kept = vault.keep_first(KEY, key.to_secret_text().as_bytes()).await.map_err(unreachable)?;
    parse_key(&kept)
}

/// Reads the authority; none if it was never made.
pub(crate) async fn read_authority(vault: &Vault) -> Result<Option<Authority>, Failure> {
    let text = vault.read(AUTHORITY).await.map_err(unreachable)?;
    text.map(|text| parse_authority(&text)).transpose()
}

/// Makes the authority of this organisation for its pool, or returns the one that is there.
pub(crate) async fn make_authority(
    vault: &Vault,
    organisation: &str,
    pool: &str,
    policy: &CertificatePolicy,
) -> Result<Authority, Failure> {
    if let Some(authority) = read_authority(vault).await? {
        return Ok(authority);
    }
    let request = AuthorityRequest {
        organisation,
        pool,
        algorithm: policy.authority_algorithm,
        lifetime_hours: policy.authority_lifetime_hours,
    };
    let made = Authority::found(request, now_ms())
        .map_err(|err| Failure::of(Cause::Refused, "cannot make the organisation's authority", err))?;
    let mut text = Zeroizing::new(made.certificate().to_pem());
    text.push_str(made.key_pem().expose());
    let kept = vault.keep_first(AUTHORITY, text.as_bytes()).await.map_err(unreachable)?;
    parse_authority(&kept)
}

fn parse_key(text: &[u8]) -> Result<OrganisationKey, Failure> {
    let key = std::str::from_utf8(text).ok().and_then(OrganisationKey::from_secret_text);
    key.ok_or_else(|| damaged(KEY))
}

fn parse_authority(text: &[u8]) -> Result<Authority, Failure> {
    let text = std::str::from_utf8(text).map_err(|_| damaged(AUTHORITY))?;
    let at = text.find("-----BEGIN PRIVATE KEY").ok_or_else(|| damaged(AUTHORITY))?;
    let failed = |err| Failure::of(Cause::Person, "the kept authority cannot be used", err);
    let certificate = Certificate::from_pem(text[..at].trim()).map_err(failed)?;
    let key = Key::from_pem(&KeyPem::from(text[at..].to_owned())).map_err(failed)?;
    Authority::load(certificate, key).map_err(failed)
}

fn damaged(name: &str) -> Failure {
    Failure::person(format!("secret `{name}` is not what hangar keeps there"))
        .hint_is("restore an earlier version of it in the secret store")
}

fn unreachable(err: VaultError) -> Failure {
    Failure::of(Cause::Outside, "the organisation's secrets cannot be used", err)
}
