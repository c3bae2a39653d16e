//! `cluster { … }`.

use std::path::PathBuf;

use url::Url;

use crate::{raw::RawCluster, workspace::check::Check};

/// How to reach the cluster's API. What is set here beats what the infrastructure answers. Never all empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// Its address, https.
    pub endpoint: Option<Url>,
    /// The certificates that its own is checked against.
    pub ca_file: Option<PathBuf>,
    /// What stands in front of it.
    pub proxy: Option<Url>,
}

pub(super) fn read(check: &mut Check<'_>) -> Option<Cluster> {
    let raw: RawCluster = check.raw("/cluster")?;
    if raw.endpoint.is_none() && raw.ca_file.is_none() && raw.proxy.is_none() {
        let finding = check.finding("/cluster", "`cluster` says nothing");
        check.push(finding.help("set `endpoint`, `ca_file` or `proxy`, or remove the block".to_owned()));
    }
    Some(Cluster {
        endpoint: raw.endpoint.and_then(|url| check.url("/cluster/endpoint", &url, &["https"])),
        ca_file: raw.ca_file.and_then(|path| check.path("/cluster/ca_file", &path)),
        proxy: raw.proxy.and_then(|url| check.url("/cluster/proxy", &url, &["http", "https", "socks5"])),
    })
}
