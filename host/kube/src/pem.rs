//! Certificates in files, as far as this room needs them: their bytes and fingerprints.

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use sha2::{Digest as _, Sha256};

/// The certificates of a PEM text, in order. Blocks of other kinds are passed by.
pub(crate) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, rustls_pki_types::pem::Error> {
    CertificateDer::pem_slice_iter(pem).collect()
}

/// SHA-256 over each certificate of a file in DER form, lower-case hexadecimal; none for files that are not PEM.
pub(crate) fn fingerprints(file: &[u8]) -> Vec<String> {
    let der = certificates(file).unwrap_or_default();
    der.iter().map(|der| hex::encode(Sha256::digest(der))).collect()
}

/// Whether a file holds a private key in PEM.
pub(crate) fn has_private_key(file: &[u8]) -> bool {
    String::from_utf8_lossy(file).lines().any(|line| line.starts_with("-----BEGIN") && line.contains("PRIVATE KEY"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A certificate and its key, both in PEM.
    pub(crate) fn self_signed(name: &str) -> anyhow::Result<(String, String)> {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()])?;
        Ok((made.cert.pem(), made.signing_key.serialize_pem()))
    }

    #[test]
    fn only_certificates_have_fingerprints() -> anyhow::Result<()> {
        let (certificate, key) = self_signed("a.example")?;
        let (other, _) = self_signed("b.example")?;
        assert_eq!(fingerprints(format!("{certificate}{other}").as_bytes()).len(), 2);
        assert!(fingerprints(key.as_bytes()).is_empty());
        assert!(fingerprints(&[0xff, 0x00]).is_empty());
        assert!(has_private_key(key.as_bytes()) && !has_private_key(certificate.as_bytes()));
        Ok(())
    }
}
