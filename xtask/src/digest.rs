//! SHA-256 of files and texts.

use std::{fs::File, io, path::Path};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

/// Hashes fields one after the other, so that no two lists of fields give the same bytes.
#[derive(Default)]
pub(crate) struct Fields(Sha256);

impl Fields {
    pub(crate) fn with(mut self, field: impl AsRef<[u8]>) -> Self {
        self.add(field);
        self
    }

    pub(crate) fn add(&mut self, field: impl AsRef<[u8]>) {
        let field = field.as_ref();
        self.0.update((field.len() as u64).to_be_bytes());
        self.0.update(field);
    }

    /// Lower-case hex, 64 characters.
    pub(crate) fn hex(self) -> String {
        hex::encode(self.0.finalize())
    }
}

/// Lower-case hex of a file's SHA-256.
pub(crate) fn of_file(path: &Path) -> Result<String> {
    let mut writer = Writer::new(io::sink());
    let mut file = File::open(path).with_context(|| format!("cannot open `{}`", path.display()))?;
    io::copy(&mut file, &mut writer).with_context(|| format!("cannot read `{}`", path.display()))?;
    Ok(writer.finish().1)
}

pub(crate) fn of_bytes(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Hashes and counts what passes through it.
pub(crate) struct Writer<W> {
    inner: W,
    hash: Sha256,
    n_bytes: u64,
}

impl<W: io::Write> Writer<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self { inner, hash: Sha256::new(), n_bytes: 0 }
    }

    /// The inner writer, the digest in hex, and the number of bytes.
    pub(crate) fn finish(self) -> (W, String, u64) {
        (self.inner, hex::encode(self.hash.finalize()), self.n_bytes)
    }
}

impl<W: io::Write> io::Write for Writer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(bytes)?;
        self.hash.update(&bytes[..n]);
        self.n_bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::{Fields, of_bytes};

    #[test]
    fn fields_do_not_run_together() {
        let ab_c = Fields::default().with("ab").with("c").hex();
        let a_bc = Fields::default().with("a").with("bc").hex();
        assert_ne!(ab_c, a_bc);
    }

    #[test]
    fn digests_are_sha_256() {
        assert_eq!(of_bytes(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
