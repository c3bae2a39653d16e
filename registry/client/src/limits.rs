//! How much a pull may fetch, and how it reports.

use registry_reference::ByteSize;

/// The most bytes a pull takes for each part of an artifact.
///
/// They bound what is read from the wire and written to disk, whatever the server declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The manifest. The distribution specification asks registries to accept at least 4 MiB.
    pub manifest: ByteSize,
    /// The config blob.
    pub config: ByteSize,
    /// The content layer.
    pub content: ByteSize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { manifest: ByteSize::mib(4), config: ByteSize::mib(1), content: ByteSize::mib(64) }
    }
}

/// How far a download is. `done` falls back to 0 when a broken download starts again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that arrived.
    pub done: ByteSize,
    /// Bytes there will be, as the manifest declares.
    pub total: ByteSize,
}
