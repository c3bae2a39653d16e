//! What is wrong with a file, shown where it stands.

use std::{fmt, io, ops::Range, path::PathBuf};

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, Severity, SourceCode, SourceSpan};

use crate::source::Source;

/// One thing wrong at one place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Finding {
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// Where, in bytes of the file.
    pub span: SourceSpan,
    /// What is to be said at that place.
    pub label: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Another place that belongs to it, with what is to be said there.
    pub other: Option<(SourceSpan, String)>,
    /// Whether it only deserves a look. Warnings stop nothing.
    pub is_warning: bool,
}

impl Finding {
    /// Makes a finding at a place.
    #[must_use]
    pub fn new(span: impl Into<SourceSpan>, message: impl Into<String>) -> Self {
        let (message, label) = (message.into(), "here".into());
        Self { message, span: span.into(), label, help: None, other: None, is_warning: false }
    }

    /// Makes a finding at a range of bytes.
    pub(crate) fn at(range: &Range<usize>, message: impl Into<String>) -> Self {
        Self::new(range.clone(), message)
    }

    /// Sets what is said at the place.
    #[must_use]
    pub fn label(self, label: impl Into<String>) -> Self {
        Self { label: label.into(), ..self }
    }

    /// Sets what to do about it.
    #[must_use]
    pub fn help(self, help: impl Into<Option<String>>) -> Self {
        Self { help: help.into(), ..self }
    }

    /// Points to another place too.
    #[must_use]
    pub fn other(self, span: impl Into<SourceSpan>, label: impl Into<String>) -> Self {
        Self { other: Some((span.into(), label.into())), ..self }
    }

    /// Makes it a warning.
    #[must_use]
    pub fn warning(self) -> Self {
        Self { is_warning: true, ..self }
    }
}

impl Diagnostic for Finding {
    fn severity(&self) -> Option<Severity> {
        Some(if self.is_warning { Severity::Warning } else { Severity::Error })
    }

    fn help(&self) -> Option<Box<dyn fmt::Display + '_>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let main = LabeledSpan::new_primary_with_span(Some(self.label.clone()), self.span);
        let other = self.other.as_ref().map(|(span, label)| LabeledSpan::new_with_span(Some(label.clone()), *span));
        Some(Box::new(std::iter::once(main).chain(other)))
    }
}

/// All findings in one file, in the order of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    source: Source,
    findings: Vec<Finding>,
}

impl Report {
    /// Collects findings in one file.
    #[must_use]
    pub fn new(source: &Source, mut findings: Vec<Finding>) -> Self {
        findings.sort_by_key(|finding| (finding.span.offset(), finding.message.clone()));
        findings.dedup();
        Self { source: source.clone(), findings }
    }

    /// The findings, in the order of the file.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The file they are about.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Draws every finding below the other, `width` columns wide, with or without colour.
    #[must_use]
    pub fn render(&self, width: usize, colour: bool) -> String {
        let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler =
            GraphicalReportHandler::new_themed(theme).with_width(width).with_links(false).with_context_lines(1);
        let mut text = String::new();
        for finding in &self.findings {
            let sourced = Sourced { finding, file: &self.source };
            handler.render_report(&mut text, &sourced).expect("a string takes every text");
        }
        text
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.findings[..] {
            [one] => write!(f, "`{}`: {one}", self.source.name()),
            several => write!(f, "`{}` has {} problems", self.source.name(), several.len()),
        }
    }
}

/// A finding together with the file, which miette wants in one place.
#[derive(Debug, thiserror::Error)]
#[error("{finding}")]
struct Sourced<'a> {
    finding: &'a Finding,
    file: &'a Source,
}

impl Diagnostic for Sourced<'_> {
    fn severity(&self) -> Option<Severity> {
        self.finding.severity()
    }

    fn help(&self) -> Option<Box<dyn fmt::Display + '_>> {
        self.finding.help()
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.finding.labels()
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self.file.named())
    }
}

/// Why a workspace file gave no workspace.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        path: PathBuf,
        #[source]
        err: io::Error,
    },
    /// The file says something that cannot be done.
    #[error("{0}")]
    Refused(Report),
}

impl ConfigError {
    /// Returns the findings, if the file could be read.
    #[must_use]
    pub fn report(&self) -> Option<&Report> {
        match self {
            Self::Refused(report) => Some(report),
            Self::Read { .. } => None,
        }
    }
}

impl Diagnostic for ConfigError {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.report().map(|report| report.source.named() as &dyn SourceCode)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        let findings = &self.report()?.findings;
        Some(Box::new(findings.iter().map(|finding| finding as &dyn Diagnostic)))
    }
}
