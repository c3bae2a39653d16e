//! `hangar:secret-store` 0.1.

use hangar_plan::{diagnostic, secret};

use crate::bindings::secret_store::hangar::secret_store::types;
use crate::lift::twins;

twins!(types::Severity, diagnostic::Severity: variant { Note, Warning, Error });
twins!(types::Diagnostic, diagnostic::Diagnostic: record { severity, pointer, message, hint });
twins!(types::Secret, secret::Secret: record { version, value });
twins!(types::VersionInfo, secret::VersionInfo: record { version, created_ms, current, destroyed });
twins!(types::Error, secret::StoreError: variant {
    Invalid(value), NotFound, Conflict(value), Denied(value), TooLarge(value), Unavailable(value), Other(value),
});
