use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, SanType,
};
use time::{Duration, OffsetDateTime};

use crate::WorldError;

/// The certificates, keys and tokens of one control plane, in the files `kubeone` looks for.
pub(crate) struct Pki {
    folder: PathBuf,
    pub(crate) tokens: Tokens,
    pub(crate) kubelet: KubeletPki,
}

/// What the kubelet's own server needs, PEM.
pub(crate) struct KubeletPki {
    /// Signs both sides: the kubelet's server and the API server as its client.
    pub(crate) ca: String,
    pub(crate) server: Pair,
}

/// Bearer tokens, random for each world.
pub(crate) struct Tokens {
    pub(crate) admin: String,
    pub(crate) controller_manager: String,
    pub(crate) scheduler: String,
    pub(crate) world: String,
    pub(crate) operator: String,
}

impl Pki {
    /// Makes all of it and writes it to `folder`. The API listens on 127.0.0.1, the kubelet on `node`.
    pub(crate) fn make(folder: &Path, organisation: &str, node: Ipv4Addr) -> Result<Self, WorldError> {
        let pki = |err| WorldError::Pki { organisation: organisation.to_owned(), err };
        std::fs::create_dir_all(folder).map_err(WorldError::file("make", folder))?;
        let ca = authority(&format!("{organisation} Kubernetes CA")).map_err(pki)?;
        let server = server(&ca, "kube-apiserver", IpAddr::V4(Ipv4Addr::LOCALHOST)).map_err(pki)?;
        let kubelet_ca = authority(&format!("{organisation} kubelet CA")).map_err(pki)?;
        let kubelet = self::server(&kubelet_ca, "kubelet", IpAddr::V4(node)).map_err(pki)?;
        let client = client(&kubelet_ca, "kube-apiserver-kubelet-client").map_err(pki)?;
        // The API server signs service-account tokens with any key that Go can read: ES256 with this one.
        let accounts = KeyPair::generate().map_err(pki)?;
        let tokens = Tokens::random();
        let files = [
            ("ca.crt", ca.pem()),
            ("server.crt", server.certificate),
            ("server.key", server.key),
            ("kubelet-ca.crt", kubelet_ca.pem()),
            ("kubelet-client.crt", client.certificate),
            ("kubelet-client.key", client.key),
            ("sa.pub", accounts.public_key_pem()),
            ("sa.key", accounts.serialize_pem()),
            ("tokens.csv", tokens.to_csv()),
        ];
        for (name, text) in files {
            write_private(&folder.join(name), &text)?;
        }
        let kubelet = KubeletPki { ca: kubelet_ca.pem(), server: kubelet };
        Ok(Self { folder: folder.to_owned(), tokens, kubelet })
    }

    pub(crate) fn ca_file(&self) -> PathBuf {
        self.folder.join("ca.crt")
    }
}

impl Tokens {
    fn random() -> Self {
        let token = || hex::encode(random_bytes());
        Self { admin: token(), controller_manager: token(), scheduler: token(), world: token(), operator: token() }
    }

    /// One line a user: token, name, identifier, groups.
    fn to_csv(&self) -> String {
        let lines = [
            (&self.admin, "admin", "system:masters"),
            (&self.controller_manager, "system:kube-controller-manager", "system:masters"),
            (&self.scheduler, "system:kube-scheduler", ""),
            (&self.world, "world", "system:masters"),
            (&self.operator, "hangar", ""),
        ];
        let line = |(token, user, groups): &(&String, &str, &str)| format!("{token},{user},{user},\"{groups}\"\n");
        lines.iter().map(line).collect()
    }
}

/// Writes a file that only we can read.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), WorldError> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(WorldError::file("write", path))
}

fn random_bytes() -> [u8; 24] {
    let random = rustls::crypto::ring::default_provider().secure_random;
    let mut bytes = [0; 24];
    random.fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// A certificate and its key, PEM.
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

pub(crate) fn authority(name: &str) -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    let mut params = params(name)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    CertifiedIssuer::self_signed(params, KeyPair::generate()?)
}

pub(crate) fn server(ca: &CertifiedIssuer<'_, KeyPair>, name: &str, address: IpAddr) -> Result<Pair, rcgen::Error> {
    let mut params = params(name)?;
    params.subject_alt_names.push(SanType::IpAddress(address));
    for name in [
        "localhost",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    ] {
        params.subject_alt_names.push(SanType::DnsName(name.try_into()?));
    }
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    sign(ca, params)
}

fn client(ca: &CertifiedIssuer<'_, KeyPair>, name: &str) -> Result<Pair, rcgen::Error> {
    let mut params = params(name)?;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    sign(ca, params)
}

fn sign(ca: &CertifiedIssuer<'_, KeyPair>, mut params: CertificateParams) -> Result<Pair, rcgen::Error> {
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, ca)?;
    Ok(Pair { certificate: certificate.pem(), key: key.serialize_pem() })
}

fn params(name: &str) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let now = OffsetDateTime::now_utc();
    params.not_before = now - Duration::hours(1);
    params.not_after = now + Duration::days(30);
    Ok(params)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn every_file_of_the_control_plane_is_there_and_private() {
        let dir = tempfile::tempdir().expect("a folder");
        let pki = Pki::make(dir.path(), "uss1", Ipv4Addr::new(127, 64, 1, 1)).expect("made");
        let wanted = [
            "ca.crt",
            "server.crt",
            "server.key",
            "sa.pub",
            "sa.key",
            "tokens.csv",
            "kubelet-ca.crt",
            "kubelet-client.crt",
            "kubelet-client.key",
        ];
        for name in wanted {
            let about = std::fs::metadata(dir.path().join(name)).expect(name);
            assert_eq!(about.permissions().mode() & 0o077, 0, "{name}");
        }
        let tokens = std::fs::read_to_string(dir.path().join("tokens.csv")).expect("tokens");
        assert_eq!(tokens.lines().count(), 5);
        assert!(tokens.contains(&format!("{},hangar,hangar,\"\"\n", pki.tokens.operator)));
    }

    #[test]
    fn no_two_worlds_share_a_token() {
        assert_ne!(Tokens::random().admin, Tokens::random().admin);
    }
}
