//! The organisation's own key and certificate authority.

use hangar_pki::{Authority, AuthorityRequest, Certificate, Fingerprint, Key, KeyPem};
use hangar_plan::strategy::certificate::CertificatePolicy;
use hangar_roster::OrganisationKey;
use zeroize::Zeroizing;

use crate::clock::now_ms;
use crate::failure::{Cause, Failure};
use crate::vault::{Vault, VaultError};

/// Name of the organisation key in the secret store.
pub(crate) const KEY: &str = "organisation/key";
/// Name of the first authority in the secret store: certificate and key in PEM, one after the other. The next one of a
/// rotation is `authority/2`, and so on.
pub(crate) const AUTHORITY: &str = "authority/1";
/// Name of the next organisation key while it is not in use yet.
pub(crate) const NEXT_KEY: &str = "organisation/next-key";

/// Reads the organisation key; none if it was never made.
pub(crate) async fn read_key(vault: &Vault) -> Result<Option<OrganisationKey>, Failure> {
    let text = vault.read(KEY).await.map_err(unreachable)?;
    text.map(|text| parse_key(&text)).transpose()
}

/// Reads the organisation key; none also where what is kept cannot be opened with this installation's key.
pub(crate) async fn read_key_if_opened(vault: &Vault) -> Result<Option<OrganisationKey>, Failure> {
    match vault.read(KEY).await {
        Err(VaultError::Envelope { .. }) => Ok(None),
        text => text.map_err(unreachable)?.map(|text| parse_key(&text)).transpose(),
    }
}

/// Makes the organisation key, or returns the one that is there.
pub(crate) async fn make_key(vault: &Vault) -> Result<OrganisationKey, Failure> {
    if let Some(key) = read_key(vault).await? {
        return Ok(key);
    }
    let key = random_key()?;
    let kept = vault.keep_first(KEY, key.to_secret_text().as_bytes()).await.map_err(unreachable)?;
    parse_key(&kept)
}

/// Makes the next organisation key, or returns the one that is kept for the same rotation.
pub(crate) async fn make_next_key(vault: &Vault) -> Result<OrganisationKey, Failure> {
    let key = random_key()?;
    match vault.keep_first(NEXT_KEY, key.to_secret_text().as_bytes()).await {
        // Of an installation that is gone: nobody can sign with it.
        Err(VaultError::Envelope { .. }) => {}
        kept => {
            let kept = kept.map_err(unreachable)?;
            if *kept != USED {
                return parse_key(&kept);
            }
        }
    }
    vault.replace(NEXT_KEY, key.to_secret_text().as_bytes()).await.map_err(unreachable)?;
    Ok(key)
}

/// Puts the next key in the place of the former one.
pub(crate) async fn take_next_key(vault: &Vault) -> Result<(), Failure> {
    let Some(next) = vault.read(NEXT_KEY).await.map_err(unreachable)?.filter(|next| **next != USED) else {
        return Ok(());
    };
    vault.replace(KEY, &next).await.map_err(unreachable)?;
    vault.replace(NEXT_KEY, USED).await.map_err(unreachable)
}

/// Reads the next key while it is not in use yet, which a rotation may have left so when it was killed.
pub(crate) async fn read_next_key(vault: &Vault) -> Result<Option<OrganisationKey>, Failure> {
    let next = vault.read(NEXT_KEY).await.map_err(unreachable)?.filter(|next| **next != USED);
    next.map(|next| parse_key(&next)).transpose()
}

/// What stands in the place of a next key that is in use; no store forgets a name at once.
const USED: &[u8] = b"in use";

/// A fresh key.
pub(crate) fn random_key() -> Result<OrganisationKey, Failure> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut())
        .map_err(|err| Failure::of(Cause::Outside, "this machine gives no randomness", err.to_string()))?;
    Ok(OrganisationKey::from_seed(&seed))
}

/// Reads the authority; none if it was never made.
pub(crate) async fn read_authority(vault: &Vault) -> Result<Option<Authority>, Failure> {
    let text = vault.read(AUTHORITY).await.map_err(unreachable)?;
    text.map(|text| parse_authority(&text)).transpose()
}

/// Reads all authorities that were ever made, oldest first.
pub(crate) async fn read_authorities(vault: &Vault) -> Result<Vec<Authority>, Failure> {
    let mut all = Vec::new();
    while let Some(text) = vault.read(&numbered(all.len() + 1)).await.map_err(unreachable)? {
        all.push(parse_authority(&text)?);
    }
    Ok(all)
}

/// Makes the authority after those in use, or returns the one that was made for the same rotation before.
pub(crate) async fn make_next_authority(
    vault: &Vault,
    in_use: &[Fingerprint],
    request: AuthorityRequest<'_>,
) -> Result<Authority, Failure> {
    let mut all = read_authorities(vault).await?;
    if let Some(newest) = all.pop_if(|newest| !in_use.contains(&newest.certificate().fingerprint())) {
        return Ok(newest);
    }
    let made = Authority::found(request, now_ms())
        .map_err(|err| Failure::of(Cause::Refused, "cannot make the organisation's next authority", err))?;
    keep_authority(vault, &numbered(all.len() + 1), &made).await
}

/// Keeps an authority that other tools made, in the place of one that is in no record yet; the store keeps what was there as a
/// former version.
pub(crate) async fn adopt_authority(vault: &Vault, made: &Authority) -> Result<(), Failure> {
    let kept = read_authorities(vault).await?;
    let is_it = |one: &Authority| one.certificate().fingerprint() == made.certificate().fingerprint();
    if kept.first().is_some_and(is_it) {
        return Ok(());
    }
    if kept.len() > 1 {
        return Err(Failure::person("this organisation has replaced an authority of its own before")
            .hint_is("an instance that is in a pool is not adopted: `hangar pool status`"));
    }
    vault.replace(AUTHORITY, text_of(made).as_bytes()).await.map_err(unreachable)
}

fn numbered(number: usize) -> String {
    format!("authority/{number}")
}

async fn keep_authority(vault: &Vault, name: &str, made: &Authority) -> Result<Authority, Failure> {
    let kept = vault.keep_first(name, text_of(made).as_bytes()).await.map_err(unreachable)?;
    parse_authority(&kept)
}

/// Certificate and key, as they are kept.
fn text_of(authority: &Authority) -> Zeroizing<String> {
    let mut text = Zeroizing::new(authority.certificate().to_pem());
    text.push_str(authority.key_pem().expose());
    text
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
    keep_authority(vault, AUTHORITY, &made).await
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
    let what = "the organisation's secrets cannot be used";
    match err {
        VaultError::Store { .. } => Failure::of(Cause::Outside, what, err),
        VaultError::Envelope { .. } => Failure::of(Cause::Person, what, err).hint_is(
            "put back the copy of `installation.key`; without one, `docs/security/keys.md` says what each lost key is \
             replaced by",
        ),
    }
}

#[cfg(test)]
mod tests;
