//! The contracts this host knows, and how a component's own imports and exports tell which it was built for.

use hangar_plan::grant::Kind;
use semver::Version;

/// Newest version of every contract that this host knows. A component built for another minor version before 1.0, or
/// another major version after, meets different types and is refused.
pub const KNOWN: [(&str, Version); 4] = [
    ("hangar:host", Version::new(0, 1, 0)),
    ("hangar:infra-provider", Version::new(0, 1, 0)),
    ("hangar:secret-store", Version::new(0, 1, 0)),
    ("hangar:pooling-strategy", Version::new(0, 1, 0)),
];

/// A versioned interface as a component names it, such as `hangar:host/log@0.1.0`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interface {
    /// Package, such as `hangar:host`.
    pub package: String,
    /// Name within the package.
    pub name: String,
    /// Version of the package.
    pub version: Version,
}

impl Interface {
    /// Reads a name; none for one of another shape, such as that of a plain function.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (path, version) = text.split_once('@')?;
        let (package, name) = path.split_once('/')?;
        package.split_once(':')?;
        Some(Self { package: package.into(), name: name.into(), version: version.parse().ok()? })
    }

    /// Whether this host's version of the package has the types that the component was built with.
    #[must_use]
    pub fn is_known(&self) -> Option<bool> {
        let (_, known) = KNOWN.into_iter().find(|(package, _)| *package == self.package)?;
        Some(track(&self.version) == track(&known) && self.version.pre.is_empty())
    }
}

/// Versions with the same track have the same types.
pub(crate) fn track(version: &Version) -> String {
    match version.major {
        0 => format!("0.{}", version.minor),
        major => major.to_string(),
    }
}

/// The track that this host knows of a package.
pub(crate) fn known_track(package: &str) -> Option<String> {
    KNOWN.into_iter().find(|(name, _)| *name == package).map(|(_, version)| track(&version))
}

/// The interface by whose export a kind is told.
pub(crate) const fn exported_interface(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::InfraProvider => ("hangar:infra-provider", "provider"),
        Kind::SecretStore => ("hangar:secret-store", "store"),
        Kind::PoolingStrategy => ("hangar:pooling-strategy", "strategy"),
    }
}

/// The host interfaces that the world of a kind imports.
pub(crate) const fn imported_interfaces(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::InfraProvider => &["log", "http", "state", "clock", "random"],
        Kind::SecretStore => &["log", "http", "sealed-file", "clock", "random"],
        Kind::PoolingStrategy => &["log"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_package_interface_and_version() {
        let interface = Interface::parse("hangar:host/sealed-file@0.1.0").expect("an interface");
        assert_eq!((interface.package.as_str(), interface.name.as_str()), ("hangar:host", "sealed-file"));
        for other in ["run", "hangar:host/log", "hangar/log@0.1.0", "hangar:host@0.1.0", "hangar:host/log@one"] {
            assert_eq!(Interface::parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_patch_version_is_of_the_same_track_and_a_minor_one_is_not() {
        let known = |text| Interface::parse(text).expect("an interface").is_known();
        assert_eq!(known("hangar:host/log@0.1.7"), Some(true));
        assert_eq!(known("hangar:host/log@0.2.0"), Some(false));
        assert_eq!(known("hangar:host/log@0.1.0-rc.1"), Some(false));
        assert_eq!(known("wasi:cli/environment@0.2.0"), None);
    }
}
