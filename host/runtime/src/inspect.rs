//! What a component is, told from its bytes without running anything.

use hangar_plan::grant::Kind;
use semver::Version;
use wasmparser::{Parser, Payload};

use crate::contract::{self, Interface};
use crate::manifest::{Manifest, ManifestError, SECTION};

/// Bound of a component.
pub(crate) const MAX_BYTES: usize = 64 * 1024 * 1024;

/// What a component is.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    /// What it says of itself.
    pub manifest: Manifest,
    /// The contracts it implements, with the version it was built for.
    pub contracts: Vec<(Kind, Version)>,
    /// Everything it imports, sorted.
    pub imports: Vec<String>,
    /// Everything it exports, sorted.
    pub exports: Vec<String>,
    /// Bytes.
    pub size: usize,
}

impl Inspection {
    /// The kinds it implements.
    #[must_use]
    pub fn kinds(&self) -> Vec<Kind> {
        self.contracts.iter().map(|(kind, _)| *kind).collect()
    }
}

/// Why bytes are no plugin for this host.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// More bytes than a plugin may have.
    #[error("it has {0} bytes; at most {MAX_BYTES} are allowed")]
    TooLarge(usize),
    /// Not a component.
    #[error("it is no WebAssembly component: {0}")]
    NotAComponent(String),
    /// Built for a version of a contract with other types.
    #[error("it was built for {package} {built_for}, this host knows {known}")]
    Version {
        /// Package of the contract.
        package: String,
        /// What the component names.
        built_for: Version,
        /// What this host knows.
        known: String,
    },
    /// Implements none of the contracts.
    #[error("it implements no contract that this host knows; it exports {}", list(.0))]
    NoContract(Vec<String>),
    /// Needs WASI, which this host does not offer.
    #[error("it imports `{0}`: this host offers no WASI")]
    Wasi(String),
    /// Needs something that its world does not have.
    #[error("it imports `{0}`, which is not part of the worlds it implements")]
    Import(String),
    /// Carries no manifest.
    #[error("it carries no manifest")]
    NoManifest,
    /// Carries two.
    #[error("it carries more than one manifest")]
    ManifestTwice,
    /// Carries one that is refused.
    #[error("its manifest is refused")]
    Manifest(#[source] ManifestError),
    /// Implements a contract that its manifest does not declare, or the other way round.
    #[error("its manifest declares {}, but it implements {}", list(declared), list(implemented))]
    Kinds {
        /// By the manifest.
        declared: Vec<Kind>,
        /// By its exports.
        implemented: Vec<Kind>,
    },
}

/// Says what a component is. Runs nothing and compiles nothing.
///
/// # Errors
///
/// [`InspectError`] says why it is no plugin for this host.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, InspectError> {
    let outline = Outline::read(bytes)?;
    let contracts = outline.contracts()?;
    outline.check_imports(&contracts)?;
    let section = match outline.sections.as_slice() {
        [] => return Err(InspectError::NoManifest),
        [section] => *section,
        _ => return Err(InspectError::ManifestTwice),
    };
    let manifest = Manifest::from_section(section).map_err(InspectError::Manifest)?;
    let implemented: Vec<Kind> = contracts.iter().map(|(kind, _)| *kind).collect();
    if manifest.kinds() != implemented {
        return Err(InspectError::Kinds { declared: manifest.kinds(), implemented });
    }
    let Outline { imports, exports, .. } = outline;
    Ok(Inspection { manifest, contracts, imports, exports, size: bytes.len() })
}

/// The outermost level of a component.
pub(crate) struct Outline<'a> {
    imports: Vec<String>,
    exports: Vec<String>,
    sections: Vec<&'a [u8]>,
}

impl<'a> Outline<'a> {
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, InspectError> {
        if bytes.len() > MAX_BYTES {
            return Err(InspectError::TooLarge(bytes.len()));
        }
        let broken = |err: wasmparser::BinaryReaderError| InspectError::NotAComponent(err.to_string());
        let mut outline = Self { imports: Vec::new(), exports: Vec::new(), sections: Vec::new() };
        // Nested modules and components are passed over; what they import and export is theirs.
        let mut depth = 0_u32;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.map_err(broken)? {
                Payload::Version { encoding: wasmparser::Encoding::Module, .. } if depth == 0 => {
                    return Err(InspectError::NotAComponent("it is a core module".into()));
                }
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                _ if depth > 0 => {}
                Payload::ComponentImportSection(section) => {
                    for import in section {
                        outline.imports.push(import.map_err(broken)?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) => {
                    for export in section {
                        outline.exports.push(export.map_err(broken)?.name.name.to_owned());
                    }
                }
                Payload::CustomSection(section) if section.name() == SECTION => outline.sections.push(section.data()),
                _ => {}
            }
        }
        outline.imports.sort();
        outline.exports.sort();
        Ok(outline)
    }

    /// The contracts it implements, each in a version that this host knows.
    pub(crate) fn contracts(&self) -> Result<Vec<(Kind, Version)>, InspectError> {
        for interface in self.exports.iter().chain(&self.imports).filter_map(|name| Interface::parse(name)) {
            if interface.is_known() == Some(false) {
                let known = contract::known_track(&interface.package).unwrap_or_default();
                let Interface { package, version: built_for, .. } = interface;
                return Err(InspectError::Version { package, built_for, known });
            }
        }
        let exported: Vec<Interface> = self.exports.iter().filter_map(|name| Interface::parse(name)).collect();
        let mut contracts = Vec::new();
        for kind in Kind::ALL {
            let (package, name) = contract::exported_interface(kind);
            if let Some(interface) = exported.iter().find(|export| export.package == package && export.name == name) {
                contracts.push((kind, interface.version.clone()));
            }
        }
        if contracts.is_empty() { Err(InspectError::NoContract(self.exports.clone())) } else { Ok(contracts) }
    }

    fn check_imports(&self, contracts: &[(Kind, Version)]) -> Result<(), InspectError> {
        for import in &self.imports {
            if import.starts_with("wasi:") {
                return Err(InspectError::Wasi(import.clone()));
            }
            let interface = Interface::parse(import).ok_or_else(|| InspectError::Import(import.clone()))?;
            let needed = contracts.iter().any(|(kind, _)| {
                let (package, _) = contract::exported_interface(*kind);
                (interface.package == package && interface.name == "types")
                    || (interface.package == "hangar:host"
                        && contract::imported_interfaces(*kind).contains(&interface.name.as_str()))
            });
            if !needed {
                return Err(InspectError::Import(import.clone()));
            }
        }
        Ok(())
    }
}

fn list<T: std::fmt::Display>(items: &[T]) -> String {
    match items {
        [] => "nothing".to_owned(),
        items => items.iter().map(|item| format!("`{item}`")).collect::<Vec<_>>().join(", "),
    }
}
