//! `pool "plugin" { … }` and `roster { … }`.

use std::path::PathBuf;

use registry_reference::Repository;
use url::Url;

use crate::{
    names::{Locality, PoolName},
    raw::{RawPool, RawRoster},
    workspace::{block::PluginBlock, check::Check},
};

/// The pool this instance is to be in.
#[derive(Debug, Clone, PartialEq)]
pub struct Pool {
    /// Its name.
    pub name: PoolName,
    /// The name of this instance inside it.
    pub locality: Locality,
    /// The strategy's own keys.
    pub block: PluginBlock,
}

/// How the signed records of members travel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roster {
    /// By what.
    pub carrier: Carrier,
    /// Whether a registry on this machine may be spoken to without TLS.
    pub dev: bool,
    /// Who signed the server's certificate, where that is no public authority.
    pub ca_file: Option<PathBuf>,
}

/// By what records travel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Carrier {
    /// `folder:PATH`: a folder that every member sees.
    Folder(PathBuf),
    /// `file:PATH`: a file that is handed around, or that all write to in turn.
    File(PathBuf),
    /// `oci://host/path`: a registry, one tag a member.
    Oci(Repository),
    /// `https://…`: a web server, one file a member.
    Https(Url),
}

pub(super) fn read(check: &mut Check<'_>) -> Option<Pool> {
    let (pointer, plugin) = check.only_label("pool")?;
    let raw: RawPool = check.raw(&pointer)?;
    let name = check.parse(&format!("{pointer}/name"), &raw.name);
    let locality = check.parse(&format!("{pointer}/locality"), &raw.locality);
    // A name of a wrong form is no declared plugin, which is found elsewhere.
    let block = PluginBlock::new(check, &pointer, plugin.parse().ok()?, &["name", "locality"]);
    Some(Pool { name: name?, locality: locality?, block })
}

pub(super) fn roster(check: &mut Check<'_>) -> Option<Roster> {
    let raw: RawRoster = check.raw("/roster")?;
    let carrier = carrier(check, &raw.carrier)?;
    let dev = raw.dev.unwrap_or_default();
    if dev && !matches!(carrier, Carrier::Oci(_)) {
        check.refuse("/roster/dev", "only a carrier `oci://` takes `dev`", "remove it".to_owned());
    }
    let ca_file = raw.ca_file.as_deref().and_then(|path| check.path("/roster/ca_file", path));
    if ca_file.is_some() && !matches!(carrier, Carrier::Https(_)) {
        check.refuse("/roster/ca_file", "only a carrier `https://` takes `ca_file`", "remove it".to_owned());
    }
    Some(Roster { carrier, dev, ca_file })
}

fn carrier(check: &mut Check<'_>, text: &str) -> Option<Carrier> {
    let at = "/roster/carrier";
    if let Some(path) = text.strip_prefix("folder:") {
        return check.path(at, path.as_ref()).map(Carrier::Folder);
    }
    if let Some(path) = text.strip_prefix("file:") {
        return check.path(at, path.as_ref()).map(Carrier::File);
    }
    if let Some(repository) = text.strip_prefix("oci://") {
        return check.parse_reference(at, repository).map(Carrier::Oci);
    }
    if text.starts_with("https://") {
        return check.url(at, text, &["https"]).map(Carrier::Https);
    }
    let message = "a carrier begins with `folder:`, `file:`, `oci://` or `https://`";
    check.refuse(at, message, None);
    None
}
