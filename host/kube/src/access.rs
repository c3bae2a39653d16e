//! What is needed to reach one API server.

use std::fmt;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use secrecy::{ExposeSecret as _, SecretString};

use crate::error::KubeError;
use crate::pem;
use crate::tokens::Tokens;

/// Where one API server is, whom it is trusted to be, and who we are to it.
#[derive(Clone)]
pub struct Access {
    /// `https://` URL.
    pub endpoint: String,
    /// Its certificate authorities in PEM; none trusts the system's.
    pub ca_pem: Option<String>,
    /// Name to expect in its certificate where it is not the endpoint's.
    pub server_name: Option<String>,
    /// URL of a proxy (`http`, `https` or `socks5`) on the way there.
    pub proxy: Option<String>,
    /// Who we are.
    pub credential: Credential,
}

/// How the API server knows us.
#[derive(Clone)]
pub enum Credential {
    /// A bearer token.
    Token(Tokens),
    /// A client certificate and its key, both in PEM.
    ClientTls {
        /// The certificate, followed by those between it and its authority.
        certificate_pem: String,
        /// Its key.
        key_pem: SecretString,
    },
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let credential = match &self.credential {
            Credential::Token(_) => "token",
            Credential::ClientTls { .. } => "client certificate",
        };
        // A proxy's URL may carry a password.
        f.debug_struct("Access")
            .field("endpoint", &self.endpoint)
            .field("credential", &credential)
            .finish_non_exhaustive()
    }
}

impl Access {
    /// Reads the access of one context of a kubeconfig; none takes the current one.
    ///
    /// Files that it names are read now; relative paths start from `folder`, which is the kubeconfig's own. Programs that it
    /// names are never run: they would bring their own environment, and the host makes tokens itself.
    ///
    /// # Errors
    ///
    /// [`KubeError::Access`] for what cannot be read, and [`KubeError::Kubeconfig`] for contexts without certificate check,
    /// with a password, with a credential program, or as somebody else.
    pub async fn from_kubeconfig(text: &SecretString, folder: &Path, context: Option<&str>) -> Result<Self, KubeError> {
        let mut parsed =
            Kubeconfig::from_yaml(text.expose_secret()).map_err(|err| unusable("not a kubeconfig", err))?;
        let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
        absolute(&mut parsed, folder);
        refuse_ways(&parsed, context)?;
        let config = kube::Config::from_custom_kubeconfig(parsed, &options)
            .await
            .map_err(|err| unusable("the kubeconfig's context cannot be used", err))?;
        if config.accept_invalid_certs {
            return Err(way("it switches certificate checks off", "put the authority of the API into the kubeconfig"));
        }
        Ok(Self {
            endpoint: config.cluster_url.to_string().trim_end_matches('/').to_owned(),
            ca_pem: config.root_cert.as_deref().map(to_pem),
            server_name: config.tls_server_name,
            proxy: config.proxy_url.map(|url| url.to_string()),
            credential: credential(&config.auth_info)?,
        })
    }

    /// The client's configuration, without the token, which is put into each request.
    pub(crate) fn to_config(&self) -> Result<kube::Config, KubeError> {
        let endpoint: http::Uri = self.endpoint.parse().map_err(|err| unusable("the endpoint is no URL", err))?;
        if endpoint.scheme_str() != Some("https") {
            return Err(refused("the endpoint is no https URL"));
        }
        let mut config = kube::Config::new(endpoint);
        config.root_cert = self.ca_pem.as_deref().map(authorities).transpose()?;
        config.tls_server_name = self.server_name.clone();
        let proxy = self.proxy.as_deref().map(str::parse).transpose();
        config.proxy_url = proxy.map_err(|err: http::uri::InvalidUri| unusable("the proxy is no URL", err))?;
        if let Credential::ClientTls { certificate_pem, key_pem } = &self.credential {
            let encode = |text: &str| BASE64_STANDARD.encode(text);
            config.auth_info.client_certificate_data = Some(encode(certificate_pem));
            config.auth_info.client_key_data = Some(encode(key_pem.expose_secret()).into());
        }
        Ok(config)
    }
}

fn authorities(text: &str) -> Result<Vec<Vec<u8>>, KubeError> {
    let parsed = pem::certificates(text.as_bytes()).map_err(|err| unusable("the authority is no PEM", err))?;
    if parsed.is_empty() {
        return Err(refused("the authority holds no certificate"));
    }
    Ok(parsed.iter().map(|der| der.to_vec()).collect())
}

fn to_pem(authorities: &[Vec<u8>]) -> String {
    let block = |der: &Vec<u8>| {
        let text = BASE64_STANDARD.encode(der);
        let lines: Vec<&str> =
            text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("base64 is ASCII")).collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    };
    authorities.iter().map(block).collect()
}

/// Files are named from where the kubeconfig is, not from where the host happens to run.
fn absolute(parsed: &mut Kubeconfig, folder: &Path) {
    let from_folder = |path: &mut Option<String>| {
        if let Some(path) = path {
            *path = folder.join(&*path).to_string_lossy().into_owned();
        }
    };
    for cluster in parsed.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
        from_folder(&mut cluster.certificate_authority);
    }
    for auth in parsed.auth_infos.iter_mut().filter_map(|named| named.auth_info.as_mut()) {
        for path in [&mut auth.client_certificate, &mut auth.client_key, &mut auth.token_file] {
            from_folder(path);
        }
    }
}

/// How to come by a kubeconfig that holds what it needs.
const LASTING: &str =
    "make one that holds a token: `kubectl create token ACCOUNT --duration 24h`, or bind a token to a slot";

fn refuse_ways(parsed: &Kubeconfig, context: Option<&str>) -> Result<(), KubeError> {
    let context = context.or(parsed.current_context.as_deref());
    let chosen = parsed.contexts.iter().find(|named| Some(named.name.as_str()) == context);
    if let Some(context) = context
        && chosen.is_none()
    {
        let there: Vec<&str> = parsed.contexts.iter().map(|named| named.name.as_str()).collect();
        let detail = format!("it has no context `{context}`, only: {}", there.join(", "));
        return Err(way(&detail, "name another with `context` in its `credential` block"));
    }
    let user = chosen.and_then(|named| named.context.as_ref()).and_then(|context| context.user.as_deref());
    let auth = parsed.auth_infos.iter().find(|named| Some(named.name.as_str()) == user);
    match auth.and_then(|named| named.auth_info.as_ref()) {
        Some(AuthInfo { exec: Some(exec), .. }) => {
            let program = exec.command.as_deref().unwrap_or("a program");
            Err(way(&format!("it wants `{program}` run for a token, which the host never does"), LASTING))
        }
        Some(AuthInfo { auth_provider: Some(_), .. }) => Err(way("it names an authentication provider", LASTING)),
        Some(AuthInfo { password: Some(_), .. }) => {
            Err(way("it carries a password, which no API server takes", LASTING))
        }
        Some(AuthInfo { impersonate: Some(user), .. }) => {
            Err(way(&format!("it acts as `{user}`, which the host would not do"), LASTING))
        }
        _ => Ok(()),
    }
}

fn credential(auth: &AuthInfo) -> Result<Credential, KubeError> {
    if let Some(token) = &auth.token {
        return Ok(Credential::Token(token.clone().into()));
    }
    if let Some(path) = &auth.token_file {
        let token = std::fs::read_to_string(path).map_err(|err| unusable("the token file cannot be read", err))?;
        return Ok(Credential::Token(token.trim().into()));
    }
    let certificate = load(auth.client_certificate_data.as_deref(), auth.client_certificate.as_deref())?;
    let key = load(auth.client_key_data.as_ref().map(|key| key.expose_secret()), auth.client_key.as_deref())?;
    match (certificate, key) {
        (Some(certificate_pem), Some(key)) => Ok(Credential::ClientTls { certificate_pem, key_pem: key.into() }),
        _ => Err(way("it holds neither a token nor a client certificate with its key", LASTING)),
    }
}

fn load(data: Option<&str>, path: Option<&str>) -> Result<Option<String>, KubeError> {
    let bytes = match (data, path) {
        (Some(data), _) => {
            BASE64_STANDARD.decode(data).map_err(|err| unusable("a certificate or key is no base64", err))?
        }
        (None, Some(path)) => {
            std::fs::read(path).map_err(|err| unusable("a certificate or key cannot be read", err))?
        }
        (None, None) => return Ok(None),
    };
    String::from_utf8(bytes).map(Some).map_err(|_| refused("a certificate or key is no PEM"))
}

fn way(detail: &str, cure: &'static str) -> KubeError {
    KubeError::Kubeconfig { detail: detail.to_owned(), cure }
}

fn refused(detail: &str) -> KubeError {
    KubeError::Access { detail: detail.to_owned(), err: None }
}

fn unusable(detail: &str, err: impl std::error::Error + Send + Sync + 'static) -> KubeError {
    KubeError::Access { detail: detail.to_owned(), err: Some(Box::new(err)) }
}

#[cfg(test)]
impl Credential {
    /// The token, for a test to look at.
    pub(crate) async fn shown(&self) -> String {
        let Self::Token(tokens) = self else { return "a client certificate".to_owned() };
        tokens.current().await.map_or_else(|err| err.to_string(), |token| token.expose_secret().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use hangar_plan::hint::Hint as _;

    use super::*;
    use crate::pem::tests::self_signed;

    fn kubeconfig(cluster: &str, user: &str) -> SecretString {
        format!(
            "{{apiVersion: v1, kind: Config, current-context: x,\
             clusters: [{{name: c, cluster: {{server: 'https://api.example:6443', {cluster}}}}}],\
             users: [{{name: u, user: {{{user}}}}}],\
             contexts: [{{name: x, context: {{cluster: c, user: u}}}}]}}"
        )
        .into()
    }

    async fn why_not(cluster: &str, user: &str) -> String {
        match Access::from_kubeconfig(&kubeconfig(cluster, user), "".as_ref(), None).await {
            Ok(access) => format!("{access:?}"),
            Err(err) => err.to_string(),
        }
    }

    #[tokio::test]
    async fn a_kubeconfig_gives_all_that_is_needed() -> anyhow::Result<()> {
        let (ca, _) = self_signed("ca.example")?;
        let cluster =
            format!("certificate-authority-data: {}, tls-server-name: other.example", BASE64_STANDARD.encode(&ca));
        let access = Access::from_kubeconfig(&kubeconfig(&cluster, "token: sesame"), "".as_ref(), None).await?;
        assert_eq!(access.endpoint, "https://api.example:6443");
        assert_eq!(access.server_name.as_deref(), Some("other.example"));
        let given = access.ca_pem.clone().unwrap_or_default();
        assert_eq!(pem::fingerprints(given.as_bytes()), pem::fingerprints(ca.as_bytes()));
        assert_eq!(access.credential.shown().await, "sesame");
        assert!(!format!("{access:?}").contains("sesame"));
        Ok(())
    }

    #[tokio::test]
    async fn what_would_weaken_or_run_something_is_refused() {
        assert!(why_not("", "exec: {apiVersion: v1, command: aws}").await.contains("wants `aws` run"));
        assert!(
            why_not("insecure-skip-tls-verify: true", "token: t").await.contains("switches certificate checks off")
        );
        assert!(why_not("", "username: a, password: b").await.contains("password"));
        assert!(why_not("", "username: a").await.contains("neither a token nor a client certificate"));
        assert!(why_not("", "token: t, as: root").await.contains("acts as `root`"));
        assert!(why_not("", "auth-provider: {name: gcp, config: {}}").await.contains("authentication provider"));
    }

    #[tokio::test]
    async fn a_refusal_says_how_to_come_by_a_better_one() {
        let exec = kubeconfig("", "exec: {apiVersion: v1, command: aws}");
        let err = Access::from_kubeconfig(&exec, "".as_ref(), None).await.expect_err("a program");
        assert!(err.hint().is_some_and(|hint| hint.contains("kubectl create token")), "{err:?}");
        let err = Access::from_kubeconfig(&exec, "".as_ref(), Some("y")).await.expect_err("no such context");
        assert_eq!(err.to_string(), "the kubeconfig is refused: it has no context `y`, only: x");
    }

    #[tokio::test]
    async fn files_are_named_from_where_the_kubeconfig_is() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let (ca, _) = self_signed("ca.example")?;
        std::fs::write(folder.path().join("ca.pem"), &ca)?;
        std::fs::write(folder.path().join("token"), "sesame\n")?;
        let text = kubeconfig("certificate-authority: ca.pem", "tokenFile: token");
        let access = Access::from_kubeconfig(&text, folder.path(), None).await?;
        let given = access.ca_pem.clone().unwrap_or_default();
        assert_eq!(pem::fingerprints(given.as_bytes()), pem::fingerprints(ca.as_bytes()));
        assert_eq!(access.credential.shown().await, "sesame");
        let lost = Access::from_kubeconfig(&text, "elsewhere".as_ref(), None).await;
        assert!(matches!(lost, Err(KubeError::Access { .. })), "{lost:?}");
        Ok(())
    }

    #[test]
    fn an_endpoint_in_clear_text_is_refused() {
        let access = Access {
            endpoint: "http://127.0.0.1:6443".to_owned(),
            ca_pem: None,
            server_name: None,
            proxy: None,
            credential: Credential::Token("t".into()),
        };
        assert!(access.to_config().is_err_and(|err| err.to_string().contains("no https URL")));
    }
}
