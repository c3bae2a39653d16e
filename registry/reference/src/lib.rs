//! Names, tags and digests of OCI artefacts; parsing only.
//!
//! Nothing here touches a file, a network or a clock, so the same types serve the host, its tools and a
//! component built for `wasm32-unknown-unknown`. Grammar: OCI distribution specification 1.1 ("Pulling
//! manifests") for repositories and tags, OCI image specification 1.1 for digests.
//!
//! Every type is made by [`str::parse`], printed by [`std::fmt::Display`] in the one canonical spelling,
//! and (de)serialised as that string. A [`ParseError`] names the part, the whole text and the place in it.
#![warn(missing_docs)]

mod digest;
mod error;
mod reference;
mod registry;
mod repository;
mod size;
mod source;
mod tag;

pub use digest::Digest;
pub use error::{ParseError, Part, Problem};
pub use reference::Reference;
pub use registry::Registry;
pub use repository::{Repository, RepositoryPath};
pub use size::ByteSize;
pub use source::{LayoutName, PluginSource};
pub use tag::Tag;

/// Gives a type that parses and prints as text the serde form of that text.
macro_rules! serde_as_text {
    ($type:ty) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use serde_as_text;
