//! Releases of the database, and which of them may follow which.

use std::fmt;

/// Releases in their order, and whether an upgrade may skip them (`docs/releases` of the vendor: innovation releases, from 24.2 on).
const SERIES: [(Series, bool); 14] = [
    (Series(22, 1), false),
    (Series(22, 2), false),
    (Series(23, 1), false),
    (Series(23, 2), false),
    (Series(24, 1), false),
    (Series(24, 2), true),
    (Series(24, 3), false),
    (Series(25, 1), true),
    (Series(25, 2), false),
    (Series(25, 3), true),
    (Series(25, 4), false),
    (Series(26, 1), true),
    (Series(26, 2), false),
    (Series(26, 3), true),
];
/// The first whose `node decommission` says beforehand whether it can be done.
pub(crate) const FIRST_CHECKED: Series = Series(23, 1);
/// The first with the setting that holds the end of an upgrade back and stays set.
pub(crate) const FIRST_HELD: Series = Series(23, 2);

/// What a cluster can be at: `24.1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Series(u32, u32);

/// What a binary is: `v24.1.3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Release {
    pub(crate) series: Series,
    patch: u32,
}

impl Series {
    /// Reads `24.1`; what follows, as in `24.1-upgrading-to-24.2-step-004`, is passed over.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(str::parse);
        Some(Self(numbers.next()?.ok()?, numbers.next()?.ok()?))
    }

    /// Whether a cluster at this one may go on with binaries of `next`.
    pub(crate) fn may_become(self, next: Self) -> bool {
        let place = |wanted: Self| SERIES.iter().position(|(series, _)| *series == wanted);
        let (Some(from), Some(to)) = (place(self), place(next)) else { return self == next };
        from == to || (from < to && SERIES[from + 1..to].iter().all(|(_, is_skipped)| *is_skipped) && to - from <= 2)
    }
}

impl Release {
    /// Reads `v24.1.3`, also with what a build appends to it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix('v')?.splitn(3, '.');
        let (major, minor, rest) = (parts.next()?, parts.next()?, parts.next()?);
        let patch = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        Some(Self { series: Series(major.parse().ok()?, minor.parse().ok()?), patch: patch.parse().ok()? })
    }

    /// The release that an image is of, by its tag.
    pub(crate) fn of_image(image: &str) -> Option<Self> {
        let name = image.split('@').next()?;
        Self::parse(name.rsplit_once(':')?.1)
    }
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}.{}", self.series, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(from: &str, to: &str) -> bool {
        let parse = |text| Series::parse(text).expect("a series");
        parse(from).may_become(parse(to))
    }

    #[test]
    fn one_release_after_the_other_and_one_innovation_may_be_skipped() {
        assert!(may("24.1", "24.1") && may("24.1", "24.2") && may("24.1", "24.3") && may("25.4", "26.2"));
        assert!(!may("24.1", "25.2") && !may("23.1", "24.1") && !may("24.3", "24.1") && !may("24.2", "25.1"));
        assert!(!may("26.2", "40.1") && may("40.1", "40.1"), "what is not known follows nothing");
    }

    #[test]
    fn releases_are_read_from_tags_and_builds() {
        let release = |text| Release::of_image(text).map(|release| release.to_string());
        assert_eq!(release("docker.io/cockroachdb/cockroach:v24.1.3").as_deref(), Some("v24.1.3"));
        assert_eq!(release("localhost:5000/cockroach:v24.3.0-beta.1@sha256:ab").as_deref(), Some("v24.3.0"));
        assert_eq!(release("cockroach:latest"), None);
        assert_eq!(Series::parse("24.1-upgrading-to-24.2-step-004"), Some(Series(24, 1)));
        assert!(Release::parse("v24.1.10") > Release::parse("v24.1.9"));
    }
}
