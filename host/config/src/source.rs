//! The text of a file and places in it.

use std::{fmt, ops::Range, sync::Arc};

use miette::NamedSource;

/// A file as it was read. Cheap to copy.
#[derive(Clone)]
pub struct Source(Arc<NamedSource<String>>);

impl Source {
    /// Takes the text of a file; `name` is what messages call it.
    #[must_use]
    pub fn new(name: impl AsRef<str>, text: impl Into<String>) -> Self {
        Self(Arc::new(NamedSource::new(name, text.into())))
    }

    /// What messages call the file.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.inner()
    }

    /// Returns line and column of a byte offset, both counted from 1, columns in characters.
    #[must_use]
    pub fn line_and_column(&self, offset: usize) -> (usize, usize) {
        let before = self.text().get(..offset).unwrap_or(self.text());
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    pub(crate) fn named(&self) -> &NamedSource<String> {
        &self.0
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({})", self.name())
    }
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name() && self.text() == other.text()
    }
}

/// Where a key and its value stand. For a block, both are its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) key: Range<usize>,
    pub(crate) value: Range<usize>,
}

impl Place {
    pub(crate) fn both(span: Range<usize>) -> Self {
        Self { key: span.clone(), value: span }
    }
}
