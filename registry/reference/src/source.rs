//! Where a plugin comes from.

use std::{fmt, path::PathBuf, str::FromStr};

use crate::{Digest, ParseError, Part, Problem, Reference, serde_as_text};

/// Where the operator says a plugin is to be taken from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PluginSource {
    /// `oci://host/path:tag[@digest]`: a registry. Always has a tag or a digest.
    Oci(Reference),
    /// `oci-layout:PATH[:name]` or `oci-layout:PATH@digest`: an OCI image layout on disk.
    ///
    /// As with other tools that read layouts, the path ends at the first colon.
    OciLayout {
        /// The folder that holds `oci-layout` and `index.json`.
        path: PathBuf,
        /// Which of its manifests; none if the layout holds exactly one.
        name: Option<LayoutName>,
    },
    /// `file:PATH`: one component on disk. The rest of the text is the path, whatever is in it.
    File(PathBuf),
}

/// Names one manifest of an OCI image layout.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LayoutName {
    /// By its `org.opencontainers.image.ref.name` annotation.
    Name(String),
    /// By its digest.
    Digest(Digest),
}

impl PluginSource {
    /// Tells whether the bytes come from a registry over a network.
    #[must_use]
    pub fn is_registry(&self) -> bool {
        matches!(self, Self::Oci(_))
    }

    /// Returns the source with a relative path read from `base`, so that it means the same in any folder.
    #[must_use]
    pub fn relative_to(self, base: &std::path::Path) -> Self {
        match self {
            Self::Oci(reference) => Self::Oci(reference),
            Self::OciLayout { path, name } => Self::OciLayout { path: base.join(path), name },
            Self::File(path) => Self::File(base.join(path)),
        }
    }
}

impl fmt::Display for PluginSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Oci(reference) => write!(f, "oci://{reference}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::OciLayout { path, name } => {
                write!(f, "oci-layout:{}", path.display())?;
                match name {
                    None => Ok(()),
                    Some(LayoutName::Name(name)) => write!(f, ":{name}"),
                    Some(LayoutName::Digest(digest)) => write!(f, "@{digest}"),
                }
            }
        }
    }
}

impl FromStr for PluginSource {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if let Some(rest) = text.strip_prefix("oci://") {
            return parse_oci(text, rest);
        }
        if let Some(rest) = text.strip_prefix("oci-layout:") {
            return parse_layout(text, rest);
        }
        match text.strip_prefix("file:") {
            Some("") => Err(ParseError::new(Part::Source, text, text.len(), Problem::Missing("a path after `file:`"))),
            Some(path) => Ok(Self::File(PathBuf::from(path))),
            None => Err(ParseError::new(Part::Source, text, 0, Problem::Scheme)),
        }
    }
}

fn parse_oci(text: &str, rest: &str) -> Result<PluginSource, ParseError> {
    let base = text.len() - rest.len();
    let reference = rest.parse::<Reference>().map_err(|err| err.within(text, base))?;
    if reference.tag.is_none() && reference.digest.is_none() {
        return Err(ParseError::new(Part::Source, text, text.len(), Problem::Missing("a tag (`:0.1`) or a digest")));
    }
    Ok(PluginSource::Oci(reference))
}

fn parse_layout(text: &str, rest: &str) -> Result<PluginSource, ParseError> {
    let base = text.len() - rest.len();
    let (path, name) = if let Some(at) = rest.find("@sha256:") {
        let digest = rest[at + 1..].parse::<Digest>().map_err(|err| err.within(text, base + at + 1))?;
        (&rest[..at], Some(LayoutName::Digest(digest)))
    } else if let Some((path, name)) = rest.split_once(':') {
        check_layout_name(name).map_err(|err| err.within(text, base + path.len() + 1))?;
        (path, Some(LayoutName::Name(name.to_owned())))
    } else {
        (rest, None)
    };
    if path.is_empty() {
        return Err(ParseError::new(Part::Source, text, base, Problem::Missing("a path after `oci-layout:`")));
    }
    Ok(PluginSource::OciLayout { path: PathBuf::from(path), name })
}

/// OCI image specification, annotations: letters and digits, joined by `-._:@+` and `/`.
fn check_layout_name(name: &str) -> Result<(), ParseError> {
    let refuse = |offset, problem| Err(ParseError::new(Part::LayoutName, name, offset, problem));
    if name.is_empty() {
        return refuse(0, Problem::Empty);
    }
    match name.char_indices().find(|(_, c)| !(c.is_ascii_alphanumeric() || "-._:@+/".contains(*c))) {
        Some((at, c)) => refuse(at, Problem::Character(c)),
        None => Ok(()),
    }
}

serde_as_text!(PluginSource);

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> ParseError {
        text.parse::<PluginSource>().expect_err(text)
    }

    #[test]
    fn every_source_prints_as_it_was_read() {
        let digest = format!("sha256:{}", "0".repeat(64));
        for text in [
            "oci://registry.example.com/hangar/aws:0.1".to_owned(),
            format!("oci://registry.example.com/hangar/aws@{digest}"),
            "oci-layout:./bundle".to_owned(),
            "oci-layout:./bundle:0.1".to_owned(),
            "oci-layout:/srv/bundle:registry.example.com:5000/hangar/aws:0.1".to_owned(),
            format!("oci-layout:bundle@{digest}"),
            "file:../plugins/a b:c.wasm".to_owned(),
        ] {
            assert_eq!(text.parse::<PluginSource>().expect(&text).to_string(), text);
        }
    }

    #[test]
    fn a_path_is_read_from_the_folder_of_the_file_that_names_it() {
        let source: PluginSource = "file:x.wasm".parse().expect("source");
        assert_eq!(source.relative_to("/w".as_ref()).to_string(), "file:/w/x.wasm");
    }

    #[test]
    fn no_tag_is_ever_assumed() {
        insta::assert_snapshot!(error("oci://registry.example.com/hangar/aws"),
            @"invalid plugin source in `oci://registry.example.com/hangar/aws`: a tag (`:0.1`) or a digest is missing (at character 38)");
    }

    #[test]
    fn other_schemes_and_empty_paths_are_refused() {
        insta::assert_snapshot!(error("https://example.com/a.wasm"),
            @"invalid plugin source in `https://example.com/a.wasm`: it begins with none of `oci://`, `oci-layout:` and `file:`");
        insta::assert_snapshot!(error("file:"), @"invalid plugin source in `file:`: a path after `file:` is missing (at character 6)");
        insta::assert_snapshot!(error("oci-layout::0.1"),
            @"invalid plugin source in `oci-layout::0.1`: a path after `oci-layout:` is missing (at character 12)");
        insta::assert_snapshot!(error("oci-layout:bundle:a b"),
            @"invalid layout name in `oci-layout:bundle:a b`: ' ' is not allowed here (at character 20)");
    }
}
