//! Records on a web server: a list of names, and one file each.
//!
//! `GET BASE/` answers a JSON list of names, `GET BASE/NAME` a file with its `ETag`, and `PUT BASE/NAME` replaces it. Every look
//! says what is known already (`If-None-Match`), and every write what it replaces (`If-Match`), so that of two installations
//! that act for one member the later one is told. `hangar pool carry` serves this; so can others.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hangar_config::CredentialValue;
use hangar_pool::{Carrier, CarrierError, FILE_LIMIT, FILES_LIMIT};
use hangar_roster::CarrierFile;
use reqwest::header::{AUTHORIZATION, ETAG, HeaderMap, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use reqwest::{Client, Response, StatusCode};
use secrecy::ExposeSecret as _;
use url::Url;

use super::{remote, wire::Wire};

/// For one request, its connection included.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often a write is tried where somebody else's came between.
const TRIES: usize = 3;

/// A folder of a web server.
pub(super) struct Https {
    client: Client,
    base: Url,
    /// What was read last, by name: tag and content.
    known: Mutex<BTreeMap<String, (HeaderValue, Vec<u8>)>>,
    wire: Wire,
}

impl Https {
    pub(super) fn open(
        base: &Url,
        authority: Option<&[u8]>,
        credential: Option<CredentialValue>,
    ) -> Result<Self, CarrierError> {
        let mut base = base.clone();
        if !base.path().ends_with('/') {
            let folder = format!("{}/", base.path());
            base.set_path(&folder);
        }
        let failed = |err| remote(format!("`{base}`"), err);
        let mut headers = HeaderMap::new();
        match credential {
            None => {}
            Some(CredentialValue::Bearer(token)) => {
                let text = format!("Bearer {}", token.expose_secret());
                let mut value = HeaderValue::from_str(&text)
                    .map_err(|_| remote(format!("`{base}`"), "the bearer token is no text of a header"))?;
                value.set_sensitive(true);
                headers.insert(AUTHORIZATION, value);
            }
            Some(_) => return Err(remote(format!("`{base}`"), "its credential `roster` must be of the kind `bearer`")),
        }
        let mut client = crate::web::client(PATIENCE).https_only(true).default_headers(headers);
        if let Some(pem) = authority {
            let authorities = reqwest::Certificate::from_pem_bundle(pem).map_err(failed)?;
            client = client.tls_certs_only(authorities);
        }
        let client = client.build().map_err(failed)?;
        let wire = Wire::new().map_err(|err| remote("a thread for the network", err))?;
        Ok(Self { client, base, known: Mutex::default(), wire })
    }

    fn url(&self, name: &str) -> Result<Url, CarrierError> {
        self.base.join(name).map_err(|err| remote(format!("`{name}`"), err))
    }

    fn known(&self, name: &str) -> Option<(HeaderValue, Vec<u8>)> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn learn(&self, name: &str, tag: Option<&HeaderValue>, bytes: &[u8]) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match tag {
            Some(tag) => drop(known.insert(name.to_owned(), (tag.clone(), bytes.to_vec()))),
            None => drop(known.remove(name)),
        }
    }

    async fn list(&self) -> Result<Vec<String>, CarrierError> {
        let failed = |err| remote(format!("`{}`", self.base), err);
        let response = self.client.get(self.base.clone()).send().await.map_err(failed)?;
        let bytes = body(response.error_for_status().map_err(failed)?, &self.base).await?;
        let names: Vec<String> =
            serde_json::from_slice(&bytes).map_err(|err| remote(format!("the list of `{}`", self.base), err))?;
        if names.len() > FILES_LIMIT {
            return Err(remote(format!("`{}`", self.base), format!("it lists more than {FILES_LIMIT} files")));
        }
        Ok(names.into_iter().filter(|name| matches!(name.parse(), Ok(CarrierFile::Record(_)))).collect())
    }

    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, CarrierError> {
        let url = self.url(name)?;
        let failed = |err| remote(format!("`{url}`"), err);
        let known = self.known(name);
        let mut request = self.client.get(url.clone());
        if let Some((tag, _)) = &known {
            request = request.header(IF_NONE_MATCH, tag);
        }
        let response = request.send().await.map_err(failed)?;
        match (response.status(), known) {
            (StatusCode::NOT_MODIFIED, Some((_, bytes))) => return Ok(Some(bytes)),
            (StatusCode::NOT_FOUND, _) => return Ok(None),
            _ => {}
        }
        let response = response.error_for_status().map_err(failed)?;
        let tag = response.headers().get(ETAG).cloned();
        let bytes = body(response, &url).await?;
        self.learn(name, tag.as_ref(), &bytes);
        Ok(Some(bytes))
    }

    async fn put(&self, name: &str, bytes: &[u8]) -> Result<(), CarrierError> {
        let url = self.url(name)?;
        let failed = |err| remote(format!("`{url}`"), err);
        for _ in 0..TRIES {
            let held = self.get(name).await?;
            let request = self.client.put(url.clone()).body(bytes.to_vec());
            let request = match (held, self.known(name)) {
                (Some(_), Some((tag, _))) => request.header(IF_MATCH, tag),
                (Some(_), None) => request,
                (None, _) => request.header(IF_NONE_MATCH, "*"),
            };
            let response = request.send().await.map_err(failed)?;
            if response.status() == StatusCode::PRECONDITION_FAILED {
                continue;
            }
            let response = response.error_for_status().map_err(failed)?;
            self.learn(name, response.headers().get(ETAG), bytes);
            return Ok(());
        }
        Err(remote(format!("`{url}`"), "somebody else writes it at the same time"))
    }
}

impl Carrier for Https {
    fn records(&self) -> Result<Vec<(String, Vec<u8>)>, CarrierError> {
        self.wire.wait(async {
            let mut records = Vec::new();
            for name in self.list().await? {
                if let Some(bytes) = self.get(&name).await? {
                    records.push((name, bytes));
                }
            }
            records.sort();
            Ok(records)
        })
    }

    fn read(&self, file: &CarrierFile) -> Result<Option<Vec<u8>>, CarrierError> {
        let name = file.to_string();
        self.wire.wait(self.get(&name))
    }

    fn publish(&self, file: &CarrierFile, bytes: &[u8]) -> Result<(), CarrierError> {
        let name = file.to_string();
        self.wire.wait(self.put(&name, bytes))
    }
}

/// A body, as long as it is no longer than a file may be.
async fn body(mut response: Response, url: &Url) -> Result<Vec<u8>, CarrierError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|err| remote(format!("`{url}`"), err))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() as u64 > FILE_LIMIT {
            return Err(remote(format!("`{url}`"), format!("it is larger than {FILE_LIMIT} bytes")));
        }
    }
    Ok(bytes)
}
