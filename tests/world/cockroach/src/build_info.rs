//! Which release this binary plays.

use std::fmt;

use crate::wire::cockroach::roachpb;

/// Environment variable with the release, set in the image's configuration.
pub const VERSION_VARIABLE: &str = "COCKROACH_VERSION";
const DEFAULT_TAG: &str = "v24.1.3";
const BUILD_TIME: &str = "2024/08/01 19:17:25";
const GO_VERSION: &str = "go1.22.5 X:nocoverageredesign";

/// A release: its tag, and the version that binaries and clusters compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildInfo {
    tag: String,
    version: Version,
}

/// Major and minor number of a release, as in `24.1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Version {
    pub major: i32,
    pub minor: i32,
}

impl BuildInfo {
    /// The release named by the environment, else v24.1.3.
    pub fn from_environment() -> Self {
        crate::environment::get(VERSION_VARIABLE)
            .and_then(|tag| Self::parse(&tag))
            .unwrap_or_else(|| Self::parse(DEFAULT_TAG).expect("the default tag is well formed"))
    }

    /// Reads a tag such as `v24.1.3`; `None` if it does not start with two numbers.
    pub fn parse(tag: &str) -> Option<Self> {
        let bare = tag.strip_prefix('v').unwrap_or(tag);
        let mut numbers = bare.split(['.', '-']).map(|part| part.parse::<i32>().ok());
        let version = Version { major: numbers.next()??, minor: numbers.next()?? };
        Some(Self { tag: format!("v{bare}"), version })
    }

    /// The tag, with its `v`.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The version compared with a cluster's active one.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The third number of the tag.
    pub fn patch(&self) -> u32 {
        self.tag.split(['.', '-']).nth(2).and_then(|patch| patch.parse().ok()).unwrap_or(0)
    }

    /// The oldest version of a cluster that this release can work in: the one before, or, from 24.3 on, the regular
    /// one before (innovation releases in between may be skipped).
    pub fn oldest_cluster(&self) -> Version {
        const REGULAR: [(i32, i32); 11] =
            [(21, 2), (22, 1), (22, 2), (23, 1), (23, 2), (24, 1), (24, 3), (25, 2), (25, 4), (26, 2), (27, 1)];
        let before = REGULAR.iter().map(|(major, minor)| Version { major: *major, minor: *minor });
        before.take_while(|known| *known < self.version).last().unwrap_or(self.version)
    }

    /// When the binary was built, in the form of the banner.
    pub fn time(&self) -> &'static str {
        BUILD_TIME
    }

    /// The compiler named in banner and `version()`.
    pub fn go_version(&self) -> &'static str {
        GO_VERSION
    }

    /// What `SELECT version()` and the `crdb_version` parameter say.
    pub fn sql_text(&self) -> String {
        format!("CockroachDB CCL {} (x86_64-pc-linux-gnu, built {BUILD_TIME}, {GO_VERSION})", self.tag)
    }

    /// Fields of `crdb_internal.node_build_info`, and of `cockroach version`.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        vec![
            ("Name", "CockroachDB".into()),
            ("ClusterID", String::new()),
            ("Organization", String::new()),
            ("Build", self.sql_text()),
            ("Version", self.tag.clone()),
            ("Channel", "official-binary".into()),
        ]
    }
}

impl Version {
    /// Reads `24.1`.
    pub fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.trim().split_once('.')?;
        Some(Self { major: major.parse().ok()?, minor: minor.parse().ok()? })
    }

    /// A wire version; every release has patch 0 and internal 0.
    pub fn to_wire(self) -> roachpb::Version {
        roachpb::Version { major: self.major, minor: self.minor, patch: 0, internal: 0 }
    }

    /// `None` for the empty version that an uninitialised peer sends.
    pub fn from_wire(wire: Option<&roachpb::Version>) -> Option<Self> {
        wire.filter(|version| version.major != 0).map(|version| Self { major: version.major, minor: version.minor })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_gives_the_version_that_clusters_compare() {
        let build = BuildInfo::parse("v25.2.0-rc.1").expect("well formed");
        assert_eq!((build.tag(), build.version().to_string().as_str()), ("v25.2.0-rc.1", "25.2"));
        assert_eq!(BuildInfo::parse("latest"), None);
    }

    #[test]
    fn a_release_works_in_clusters_of_the_regular_release_before_it() {
        let oldest = |tag| BuildInfo::parse(tag).expect("well formed").oldest_cluster().to_string();
        assert_eq!(["v24.1.3", "v24.2.0", "v24.3.1", "v25.2.0"].map(oldest), ["23.2", "24.1", "24.1", "24.3"]);
    }

    #[test]
    fn versions_are_ordered_by_release() {
        assert!(Version { major: 23, minor: 2 } < Version { major: 24, minor: 1 });
    }
}
