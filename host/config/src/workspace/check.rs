//! From the raw model to what is valid: parsing with findings instead of errors.

use std::{
    fmt::Display,
    path::{Path, PathBuf},
    str::FromStr,
};

use registry_reference::{ParseError, Reference, Registry};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::{document::Document, finding::Finding, source::Source};

/// One pass over a document that collects findings.
pub(crate) struct Check<'a> {
    pub(crate) document: &'a Document,
    pub(crate) source: &'a Source,
    pub(crate) folder: &'a Path,
    findings: Vec<Finding>,
}

impl<'a> Check<'a> {
    pub(crate) fn new(document: &'a Document, source: &'a Source, folder: &'a Path, findings: Vec<Finding>) -> Self {
        Self { document, source, folder, findings }
    }

    pub(crate) fn findings(self) -> Vec<Finding> {
        self.findings
    }

    pub(crate) fn push(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Begins a finding at a key or block.
    pub(crate) fn finding(&self, pointer: &str, message: impl Into<String>) -> Finding {
        Finding::at(&self.document.place(pointer).key, message)
    }

    /// Refuses a value.
    pub(crate) fn refuse(&mut self, pointer: &str, message: impl Into<String>, help: impl Into<Option<String>>) {
        let finding = Finding::at(&self.document.place(pointer).value, message);
        self.findings.push(finding.help(help));
    }

    /// Reads a part of the raw model. None if it is not there or has the wrong shape, which the schema has found.
    pub(crate) fn raw<T: DeserializeOwned>(&mut self, pointer: &str) -> Option<T> {
        let value = self.document.value.pointer(pointer)?;
        match serde_json::from_value(value.clone()) {
            Ok(raw) => Some(raw),
            Err(err) => {
                if self.findings.is_empty() {
                    // The schema is derived from the very type, so this is where the two disagree.
                    self.refuse(pointer, err.to_string(), None);
                }
                None
            }
        }
    }

    /// Returns the labels of a block kind, with their pointers.
    pub(crate) fn labels(&self, block: &str) -> Vec<(String, String)> {
        let object = self.document.value.get(block).and_then(Value::as_object);
        let names = object.map(|object| object.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
        names.into_iter().map(|name| (crate::document::join(&format!("/{block}"), &name), name)).collect()
    }

    /// Returns the one label of a block kind of which there is one.
    pub(crate) fn only_label(&self, block: &str) -> Option<(String, String)> {
        self.labels(block).into_iter().next()
    }

    /// Parses a value; what is wrong with it is a finding at its place.
    pub(crate) fn parse<T: FromStr<Err: Display>>(&mut self, pointer: &str, text: &str) -> Option<T> {
        match text.parse() {
            Ok(value) => Some(value),
            Err(err) => {
                self.refuse(pointer, err.to_string(), None);
                None
            }
        }
    }

    /// Parses something out of a registry; the finding points into the text.
    pub(crate) fn parse_reference<T: FromStr<Err = ParseError>>(&mut self, pointer: &str, text: &str) -> Option<T> {
        match text.parse() {
            Ok(value) => Some(value),
            Err(err) => {
                self.refuse_inside(pointer, text, err);
                None
            }
        }
    }

    /// Parses a reference that names one manifest.
    pub(crate) fn image(&mut self, pointer: &str, text: &str) -> Option<Reference> {
        let reference: Reference = self.parse_reference(pointer, text)?;
        if reference.tag.is_none() && reference.digest.is_none() {
            self.refuse(
                pointer,
                format!("`{text}` has neither a tag nor a digest"),
                "no tag is ever assumed".to_owned(),
            );
            return None;
        }
        Some(reference)
    }

    /// Reads a path; a relative one begins at the folder of the file.
    pub(crate) fn path(&mut self, pointer: &str, path: &Path) -> Option<PathBuf> {
        if path.as_os_str().is_empty() {
            self.refuse(pointer, "this path is empty", None);
            return None;
        }
        Some(self.folder.join(path))
    }

    /// Parses the address of something whose answer is trusted: https, or plain http on this machine.
    pub(crate) fn web(&mut self, pointer: &str, text: &str) -> Option<Url> {
        let url = self.url(pointer, text, &["https", "http"])?;
        let registry = url.host_str().and_then(|host| host.parse::<Registry>().ok());
        if url.scheme() == "http" && !registry.is_some_and(|host| host.is_loopback()) {
            self.refuse(pointer, "plain http can be changed by anybody on the way", "use `https://`".to_owned());
            return None;
        }
        Some(url)
    }

    /// Parses an address with one of these schemes.
    pub(crate) fn url(&mut self, pointer: &str, text: &str, schemes: &[&str]) -> Option<Url> {
        let url: Url = match text.parse() {
            Ok(url) => url,
            Err(err) => {
                self.refuse(pointer, format!("this is no address: {err}"), None);
                return None;
            }
        };
        if !schemes.contains(&url.scheme()) || !url.has_host() {
            let wanted: Vec<_> = schemes.iter().map(|scheme| format!("`{scheme}://`")).collect();
            self.refuse(pointer, format!("this address has to begin with {}", wanted.join(" or ")), None);
            return None;
        }
        if !url.username().is_empty() || url.password().is_some() {
            let help = "bind a credential to a slot: `credential \"SLOT\" { … }`".to_owned();
            self.refuse(pointer, "an address in this file carries no user and no password", help);
            return None;
        }
        Some(url)
    }

    /// Points at the very character, if the text stands in the file as it is.
    fn refuse_inside(&mut self, pointer: &str, text: &str, err: ParseError) {
        let place = self.document.place(pointer).value.clone();
        let as_written = self.source.text().get(place.clone());
        let span = match as_written {
            Some(written) if written == format!("\"{text}\"") && text == err.text => {
                let start = place.start + 1 + err.offset.min(text.len());
                let length = text[err.offset.min(text.len())..].chars().next().map_or(0, char::len_utf8);
                start..start + length.max(1)
            }
            _ => place,
        };
        let finding = Finding::at(&span, format!("invalid {}: {}", err.part, err.problem));
        self.findings.push(finding);
    }
}
