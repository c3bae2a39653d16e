//! An ordered set of certificates in one file.

use std::vec;

use crate::{Certificate, Fingerprint, PkiError};

/// Certificates of authorities in the order of their file; none stands twice.
///
/// The first of a bundle matters: CockroachDB reports the expiry of that one only.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bundle(Vec<Certificate>);

impl Bundle {
    /// Reads all certificates of a PEM text. A certificate that stands twice is taken once.
    ///
    /// As strict as the databases: *every* block must be a certificate that parses, or the whole is refused. Text between
    /// the blocks is ignored.
    ///
    /// # Errors
    ///
    /// [`PkiError::Pem`], [`PkiError::Truncated`], [`PkiError::WrongBlock`], [`PkiError::Unparsable`], or
    /// [`PkiError::Empty`] where there is no block at all.
    pub fn parse(text: &str) -> Result<Self, PkiError> {
        let blocks = pem::parse_many(text).map_err(|err| PkiError::Pem { err })?;
        let n_begun = text.matches("-----BEGIN ").count();
        if n_begun != blocks.len() {
            return Err(PkiError::Truncated { n_begun, n_whole: blocks.len() });
        }
        let mut bundle = Self::default();
        for (i, block) in blocks.into_iter().enumerate() {
            if block.tag() != "CERTIFICATE" {
                return Err(PkiError::WrongBlock { index: i + 1, tag: block.tag().to_owned() });
            }
            bundle.add(Certificate::block(block.into_contents(), i + 1)?);
        }
        if bundle.0.is_empty() { Err(PkiError::Empty) } else { Ok(bundle) }
    }

    /// Adds a certificate at the end; false if it is there already.
    pub fn add(&mut self, certificate: Certificate) -> bool {
        let is_new = !self.contains(certificate.fingerprint());
        if is_new {
            self.0.push(certificate);
        }
        is_new
    }

    /// Takes a certificate out; false if it is not there.
    pub fn remove(&mut self, fingerprint: Fingerprint) -> bool {
        let n_before = self.0.len();
        self.0.retain(|certificate| certificate.fingerprint() != fingerprint);
        self.0.len() < n_before
    }

    /// Whether it holds this certificate.
    #[must_use]
    pub fn contains(&self, fingerprint: Fingerprint) -> bool {
        self.get(fingerprint).is_some()
    }

    /// The certificate of this fingerprint.
    #[must_use]
    pub fn get(&self, fingerprint: Fingerprint) -> Option<&Certificate> {
        self.0.iter().find(|certificate| certificate.fingerprint() == fingerprint)
    }

    /// The certificates, in order.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        &self.0
    }

    /// Their fingerprints, in order.
    #[must_use]
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        self.0.iter().map(Certificate::fingerprint).collect()
    }

    /// All blocks as one text: equal bundles give equal bytes.
    #[must_use]
    pub fn to_pem(&self) -> String {
        self.0.iter().map(Certificate::to_pem).collect()
    }
}

impl FromIterator<Certificate> for Bundle {
    fn from_iter<I: IntoIterator<Item = Certificate>>(certificates: I) -> Self {
        let mut bundle = Self::default();
        for certificate in certificates {
            bundle.add(certificate);
        }
        bundle
    }
}

impl IntoIterator for Bundle {
    type Item = Certificate;
    type IntoIter = vec::IntoIter<Certificate>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::tests::authority;

    fn two() -> anyhow::Result<(Certificate, Certificate)> {
        Ok((authority("uss1")?.certificate().clone(), authority("uss2")?.certificate().clone()))
    }

    #[test]
    fn a_bundle_keeps_its_order_and_holds_nothing_twice() -> anyhow::Result<()> {
        let (one, two) = two()?;
        let text = format!("# of uss2\n{}\n{}{}", two.to_pem(), one.to_pem(), two.to_pem());
        let mut bundle = Bundle::parse(&text)?;
        assert_eq!(bundle.fingerprints(), [two.fingerprint(), one.fingerprint()]);
        assert!(!bundle.add(one.clone()));
        assert!(bundle.remove(two.fingerprint()) && !bundle.remove(two.fingerprint()));
        assert_eq!(bundle.to_pem(), one.to_pem());
        Ok(())
    }

    #[test]
    fn one_bad_block_spoils_the_whole() -> anyhow::Result<()> {
        let (one, two) = two()?;
        let cut = &two.to_pem()[..200];
        let truncated = Bundle::parse(&format!("{}{cut}", one.to_pem()));
        assert!(
            matches!(truncated, Err(PkiError::Truncated { n_begun: 2, n_whole: 1 } | PkiError::Pem { .. })),
            "{truncated:?}"
        );
        let garbage = pem::encode(&pem::Pem::new("CERTIFICATE", b"not DER".to_vec()));
        let garbage = Bundle::parse(&format!("{}{garbage}", one.to_pem()));
        assert!(matches!(garbage, Err(PkiError::Unparsable { index: 2, .. })), "{garbage:?}");
        let trailing = pem::encode(&pem::Pem::new("CERTIFICATE", [two.der().as_ref(), b"x"].concat()));
        assert!(matches!(Bundle::parse(&trailing), Err(PkiError::Unparsable { index: 1, .. })));
        let key = pem::encode(&pem::Pem::new("PRIVATE KEY", b"secret".to_vec()));
        let key = Bundle::parse(&format!("{}{key}", one.to_pem())).expect_err("not a certificate");
        assert_eq!(key.to_string(), "block 2 is `PRIVATE KEY`, not `CERTIFICATE`");
        assert!(matches!(Bundle::parse(" \n"), Err(PkiError::Empty)));
        Ok(())
    }
}
