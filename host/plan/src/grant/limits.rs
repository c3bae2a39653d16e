//! What one call may use up.

use serde::{Deserialize, Serialize};

/// Bounds of one call. Passing one ends the call with an error that names it; the host goes on.
///
/// In a request these are the bounds a plugin wants, in a grant those it gets; what is not written is the default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Limits {
    /// Linear memory in MiB, all memories together.
    pub memory_mib: u32,
    /// Elements of all tables together.
    pub table_elements: u32,
    /// Core instances, memories and tables, each.
    pub instances: u32,
    /// Live handles.
    pub handles: u32,
    /// Data that one host call or one answer may carry out of the guest, in KiB.
    pub payload_kib: u32,
    /// Time on a processor, in milliseconds.
    pub cpu_ms: u32,
    /// Time by the clock, host calls included, in milliseconds.
    pub wall_ms: u32,
    /// Lines of log.
    pub log_lines: u32,
    /// HTTP requests.
    pub http_requests: u32,
    /// HTTP bodies of all requests and responses together, in KiB.
    pub http_kib: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_mib: 256,
            table_elements: 100_000,
            instances: 32,
            handles: 4096,
            payload_kib: 8 * 1024,
            cpu_ms: 30_000,
            wall_ms: 120_000,
            log_lines: 1000,
            http_requests: 100,
            http_kib: 16 * 1024,
        }
    }
}

impl Limits {
    /// Names and values, for a comparison.
    pub(super) fn named(&self) -> [(&'static str, u32); 10] {
        [
            ("memory-mib", self.memory_mib),
            ("table-elements", self.table_elements),
            ("instances", self.instances),
            ("handles", self.handles),
            ("payload-kib", self.payload_kib),
            ("cpu-ms", self.cpu_ms),
            ("wall-ms", self.wall_ms),
            ("log-lines", self.log_lines),
            ("http-requests", self.http_requests),
            ("http-kib", self.http_kib),
        ]
    }
}
