//! Keys of RSA, which nothing else here makes, and certificates of them.

use std::io;

use rcgen::{CertificateParams, KeyPair};

/// A new key in PEM, made by openssl.
///
/// # Errors
///
/// If there is no openssl, or it makes none.
pub async fn key() -> io::Result<String> {
    let arguments = ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
    let made = tokio::process::Command::new("openssl").args(arguments).kill_on_drop(true).output().await?;
    if !made.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&made.stderr).into_owned()));
    }
    String::from_utf8(made.stdout).map_err(io::Error::other)
}

/// A certificate that a key has signed for itself, in PEM, and the key after it: what a client of Entra keeps.
///
/// # Errors
///
/// If it is no key.
pub fn certified(key_pem: &str) -> io::Result<String> {
    let pair = KeyPair::from_pem(key_pem).map_err(io::Error::other)?;
    let certificate = CertificateParams::default().self_signed(&pair).map_err(io::Error::other)?;
    Ok(format!("{}{key_pem}", certificate.pem()))
}
