//! References to one manifest.

use std::{fmt, str::FromStr};

use crate::{Digest, ParseError, Repository, Tag, serde_as_text};

/// A manifest in a registry: `host[:port]/path[:tag][@digest]`.
///
/// With a digest, the digest alone decides what is fetched and the tag is a remark. With neither, the
/// reference names a repository and nothing in it: no tag is ever assumed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// Where the manifest lives.
    pub repository: Repository,
    /// The movable name.
    pub tag: Option<Tag>,
    /// The content.
    pub digest: Option<Digest>,
}

impl Reference {
    /// Returns the same reference pinned to `digest`, keeping the tag as a remark.
    #[must_use]
    pub fn pinned(&self, digest: Digest) -> Self {
        Self { digest: Some(digest), ..self.clone() }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        self.digest.map_or(Ok(()), |digest| write!(f, "@{digest}"))
    }
}

impl FromStr for Reference {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (named, digest) = match text.split_once('@') {
            Some((named, digest)) => (named, Some((named.len() + 1, digest))),
            None => (text, None),
        };
        // A colon after the last slash begins a tag; one before it belongs to the port.
        let path_start = named.rfind('/').map_or(0, |slash| slash + 1);
        let has_host = named.contains('/');
        let (repository, tag) = match named[path_start..].find(':') {
            Some(colon) if has_host => {
                let colon = path_start + colon;
                (&named[..colon], Some((colon + 1, &named[colon + 1..])))
            }
            _ => (named, None),
        };
        Ok(Self {
            repository: repository.parse::<Repository>().map_err(|err| err.within(text, 0))?,
            tag: tag.map(|(at, tag)| tag.parse::<Tag>().map_err(|err| err.within(text, at))).transpose()?,
            digest: digest.map(|(at, hex)| hex.parse::<Digest>().map_err(|err| err.within(text, at))).transpose()?,
        })
    }
}

serde_as_text!(Reference);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Part, Problem};

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn error(text: &str) -> ParseError {
        text.parse::<Reference>().expect_err(text)
    }

    #[test]
    fn every_shape_prints_as_it_was_read() {
        for text in [
            "registry.example.com/hangar/aws:0.1".to_owned(),
            "127.0.0.1:5000/aws".to_owned(),
            "[::1]:5000/a/b-c/d__e.f:v1.2-rc.1".to_owned(),
            format!("localhost/aws@{DIGEST}"),
            format!("registry.example.com:443/hangar/aws:0.1@{DIGEST}"),
        ] {
            assert_eq!(text.parse::<Reference>().expect(&text).to_string(), text);
        }
    }

    #[test]
    fn a_port_is_not_a_tag() {
        let reference: Reference = "localhost:5000/aws".parse().expect("port, no tag");
        assert_eq!(reference.repository.registry.port(), Some(5000));
        assert_eq!(reference.tag, None);
    }

    #[test]
    fn a_reference_without_a_registry_is_refused() {
        for text in ["aws:0.1", "hangar/aws:0.1", "aws"] {
            let err = error(text);
            assert_eq!(err.part, Part::Repository);
            assert!(matches!(err.problem, Problem::Missing(_)), "{err}");
        }
    }

    #[test]
    fn the_place_counts_in_the_whole_text() {
        insta::assert_snapshot!(error("registry.example.com/Hangar/aws:0.1"),
            @r#"invalid repository in `registry.example.com/Hangar/aws:0.1`: 'H' is not allowed here (at character 22)"#);
        insta::assert_snapshot!(error("registry.example.com/aws:-1"),
            @r#"invalid tag in `registry.example.com/aws:-1`: '-' is not allowed here (at character 26)"#);
        insta::assert_snapshot!(error("registry.example.com/aws@sha256:12"),
            @"invalid digest in `registry.example.com/aws@sha256:12`: sha256 has 64 hexadecimal digits, this has 2 (at character 33)");
        insta::assert_snapshot!(error("registry.example.com//aws"),
            @"invalid repository in `registry.example.com//aws`: it is empty (at character 22)");
        insta::assert_snapshot!(error("registry.example.com/aws:"),
            @"invalid tag in `registry.example.com/aws:`: it is empty (at character 26)");
        insta::assert_snapshot!(error(""), @"invalid repository in ``: it is empty (at character 1)");
        insta::assert_snapshot!(error("aws:0.1"),
            @"invalid repository in `aws:0.1`: a registry host and `/` in front is missing (at character 1)");
        assert_eq!(
            error(&format!("r.example.com/a:{}", "x".repeat(129))).problem,
            Problem::TooLong { max: 128, got: 129 }
        );
    }

    #[test]
    fn separators_follow_the_specification() {
        for good in ["a", "a.b", "a_b", "a__b", "a---b", "a1/b2"] {
            format!("h.example/{good}").parse::<Reference>().expect(good);
        }
        for bad in ["a___b", "a..b", "-a", "a-", "a._b", "a/", "a b", "ä"] {
            error(&format!("h.example/{bad}"));
        }
    }

    #[test]
    fn pinning_keeps_the_tag() {
        let reference: Reference = "r.example.com/a:1".parse().expect("reference");
        let digest: Digest = DIGEST.parse().expect("digest");
        assert_eq!(reference.pinned(digest).to_string(), format!("r.example.com/a:1@{DIGEST}"));
    }

    #[test]
    fn json_is_the_text() {
        let reference: Reference = serde_json::from_str("\"r.example.com/a:1\"").expect("json");
        assert_eq!(serde_json::to_string(&reference).expect("json"), "\"r.example.com/a:1\"");
        assert!(serde_json::from_str::<Reference>("\"a\"").is_err());
    }
}
