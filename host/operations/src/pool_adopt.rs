//! `pool create --adopt` and `pool request --adopt`: a database that runs already, taken up as other tools made it.

use std::path::Path;

use hangar_engine::Journal;
use hangar_kube::{Cluster, secrets};
use hangar_pki::{Authority, Bundle, Key, KeyPem};
use zeroize::Zeroizing;

use crate::failure::{Cause, Failure};
use crate::infrastructure::unkept;
use crate::means::Means;
use crate::organisation;
use crate::session::{Session, kube};

/// Secret and file of the authorities of all members, as the DSS's own scripts make them (`build/apply-certs.sh`), whichever way
/// the services were deployed.
const BUNDLE: (&str, &str) = ("cockroachdb.ca.crt", "ca.crt");
/// Secret and file of the organisation's own authority key, which the same script puts into the cluster.
const KEY: (&str, &str) = ("cockroachdb.ca.key", "ca.key");
/// Where it is kept that the nodes are as other tools made them.
const SCOPE: &str = "pool";
const STANDS: &str = "stands";

/// Where the authority of an organisation is that other tools made; none: in the cluster, where they put it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Adoption<'a> {
    /// File of authorities in PEM, the organisation's own among them.
    pub authority: Option<&'a Path>,
    /// File of its key in PEM.
    pub key: Option<&'a Path>,
}

/// Whether the nodes are as other tools made them: nobody of ours has touched them yet.
pub(crate) async fn stands(journal: &Journal) -> Result<bool, Failure> {
    Ok(journal.fact(SCOPE, STANDS).await.map_err(unkept)?.is_some())
}

/// Keeps whether the nodes are as other tools made them.
pub(crate) async fn remember(journal: &Journal, stands: bool) -> Result<(), Failure> {
    let value: Option<&[u8]> = stands.then_some(b"yes");
    journal.set_fact(SCOPE, STANDS, value).await.map_err(unkept)
}

/// Takes the authority that the nodes have into the secret store, in the place of one that nobody has seen yet, and keeps that
/// the nodes stand. Twice is once.
pub(crate) async fn keep(means: &Means, authority: &Authority) -> Result<(), Failure> {
    organisation::adopt_authority(&means.vault, authority).await?;
    remember(&means.journal, true).await
}

/// What only nodes of our own release can go through.
pub(crate) async fn refuse_untaken(journal: &Journal) -> Result<(), Failure> {
    if !stands(journal).await? {
        return Ok(());
    }
    Err(Failure::person("our nodes are as other tools made them, and nothing of ours tells them to load anything")
        .hint_is("`hangar up --adopt` takes them over, one by one; then go on"))
}

impl Session {
    /// The authority that the nodes have, with its key. Nothing is kept yet.
    pub(crate) async fn made_by_others(&self, means: &Means, adoption: &Adoption<'_>) -> Result<Authority, Failure> {
        let infrastructure = self.standing(&means.journal).await?;
        let provider = self.site.provider(&means.runtime).await?;
        let (_, cluster) = self.connection(&provider, &infrastructure).await?;
        let authorities = self.text(&cluster, adoption.authority, BUNDLE, "--authority").await?;
        let key = self.text(&cluster, adoption.key, KEY, "--authority-key").await?;
        self.site.redactor.register(&key);
        own_authority(&authorities, &key)
    }

    /// Content of a file of the operator's, else of a Secret in the instance's namespace.
    async fn text(
        &self,
        cluster: &Cluster,
        path: Option<&Path>,
        (secret, file): (&str, &str),
        flag: &str,
    ) -> Result<Zeroizing<String>, Failure> {
        if let Some(path) = path {
            let read = std::fs::read_to_string(path);
            let failed = |err| Failure::of(Cause::Refused, format!("cannot read `{}`", path.display()), err);
            return read.map(Zeroizing::new).map_err(failed);
        }
        let namespace = self.site.workspace.instance.namespace.as_str();
        let files = secrets::read(cluster, namespace, secret).await.map_err(kube)?;
        let bytes = files.as_ref().and_then(|files| files.get(file));
        let text = bytes.and_then(|bytes| String::from_utf8(bytes.to_vec()).ok());
        text.map(Zeroizing::new).ok_or_else(|| {
            Failure::refused(format!("namespace `{namespace}` has no Secret `{secret}` with a file `{file}`"))
                .hint_is(format!("`{flag} FILE` names a file instead"))
        })
    }
}

/// The one authority of these that the key is of. All may have one subject, so nothing else tells them apart.
fn own_authority(authorities: &str, key: &str) -> Result<Authority, Failure> {
    let failed = |what: &str, err| Failure::of(Cause::Refused, format!("the {what} cannot be read"), err);
    let bundle = Bundle::parse(authorities).map_err(|err| failed("authorities", err))?;
    let key = Key::from_pem(&KeyPem::from(key.to_owned())).map_err(|err| failed("authority's key", err))?;
    let all = bundle.certificates();
    let Some(own) = all.iter().find(|certificate| key.matches(certificate)) else {
        let n_read = all.len();
        return Err(Failure::refused(format!("the key is of none of the {n_read} authorities that were read")).hint_is(
            "`--authority` and `--authority-key` name the `ca.crt` and the `ca.key` that made the nodes' certificates",
        ));
    };
    let refused = |err| Failure::of(Cause::Refused, "the authority that the nodes have cannot be used", err);
    Authority::load(own.clone(), key).map_err(refused)
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};

    use super::*;

    /// An authority under the name that the vendor's tool gives every one of them.
    fn made() -> anyhow::Result<(String, String)> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "Cockroach CA");
        let key = KeyPair::generate()?;
        Ok((params.self_signed(&key)?.pem(), key.serialize_pem()))
    }

    #[test]
    fn of_many_authorities_of_one_name_the_own_one_is_told_by_its_key() -> anyhow::Result<()> {
        let (own, other) = (made()?, made()?);
        // The script that joins a pool appends what it has appended before.
        let bundle = format!("{}{}{}", other.0, own.0, other.0);
        let found = own_authority(&bundle, &own.1)?;
        assert_eq!(found.certificate().to_pem().trim().replace('\r', ""), own.0.trim().replace('\r', ""));
        let refused = own_authority(&other.0, &own.1).expect_err("another's");
        assert_eq!(refused.to_string(), "the key is of none of the 1 authorities that were read");
        Ok(())
    }

    #[test]
    fn what_is_no_key_is_refused_without_a_word_of_it() -> anyhow::Result<()> {
        let own = made()?;
        let refused = own_authority(&own.0, "BEGIN secret END").expect_err("no key");
        assert!(!format!("{refused:?}").contains("secret"), "{refused:?}");
        Ok(())
    }
}
