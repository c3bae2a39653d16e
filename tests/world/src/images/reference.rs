use std::fmt;
use std::str::FromStr;

use oci_spec::image::Digest;

use super::ImageError;

/// The name of an image as a pod gives it, in full: `nginx` is `docker.io/library/nginx:latest`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ImageReference {
    host: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl ImageReference {
    /// The path under any host. The world's registry is a mirror of all hosts, so this is the path there.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// Host and path, without tag and digest.
    pub fn name(&self) -> String {
        format!("{}/{}", self.host, self.repository)
    }

    /// What a registry is asked for: the digest if there is one, else the tag.
    pub fn target(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, tag) => tag.clone().unwrap_or_else(|| "latest".to_owned()),
        }
    }

    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }
}

impl FromStr for ImageReference {
    type Err = ImageError;

    fn from_str(text: &str) -> Result<Self, ImageError> {
        let wrong = || ImageError::Reference(text.to_owned());
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let (rest, tag) = match rest.rsplit_once(':') {
            Some((rest, tag)) if !tag.contains('/') => (rest, Some(tag.to_owned())),
            _ => (rest, None),
        };
        let (host, path) = match rest.split_once('/') {
            Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (host, path.to_owned()),
            Some(_) => ("docker.io", rest.to_owned()),
            None => ("docker.io", format!("library/{rest}")),
        };
        let host = if host == "index.docker.io" { "docker.io" } else { host };
        let tag_fits = tag.as_ref().is_none_or(|tag| is_tag(tag));
        if !path.split('/').all(is_path_part) || !tag_fits {
            return Err(wrong());
        }
        let tag = if tag.is_none() && digest.is_none() { Some("latest".to_owned()) } else { tag };
        Ok(Self { host: host.to_owned(), repository: path, tag, digest })
    }
}

fn is_path_part(part: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    !part.is_empty() && part.chars().all(inner) && part.starts_with(|c: char| c.is_ascii_alphanumeric())
}

fn is_tag(tag: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    !tag.is_empty() && tag.len() <= 128 && tag.chars().all(inner) && !tag.starts_with(['.', '-'])
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full(text: &str) -> String {
        text.parse::<ImageReference>().map_or_else(|err| err.to_string(), |reference| reference.to_string())
    }

    #[test]
    fn short_names_mean_what_they_mean_to_docker() {
        assert_eq!(full("nginx"), "docker.io/library/nginx:latest");
        assert_eq!(full("interuss/dss:v0.22.0"), "docker.io/interuss/dss:v0.22.0");
        assert_eq!(full("127.0.0.1:5000/x/y:1"), "127.0.0.1:5000/x/y:1");
        assert_eq!(full("localhost/x"), "localhost/x:latest");
    }

    #[test]
    fn a_digest_beats_the_tag_when_the_registry_is_asked() {
        let digest = super::super::digest_of(b"x");
        let reference: ImageReference = format!("registry.example.com/x/y:1@{digest}").parse().expect("a name");
        assert_eq!(reference.target(), digest.to_string());
        assert_eq!(reference.repository(), "x/y");
        assert_eq!(reference.name(), "registry.example.com/x/y");
    }

    #[test]
    fn what_no_registry_would_take_is_refused() {
        for wrong in ["", "Upper/case", "x//y", "x:", "x@sha256:12", "x:tag/with/slash:", "-x"] {
            assert!(wrong.parse::<ImageReference>().is_err(), "{wrong}");
        }
    }
}
