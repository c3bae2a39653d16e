//! The only place that prints.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is where printing is done")]

use std::error::Error as _;
use std::io::IsTerminal as _;

use hangar_config::Report;
use hangar_operations::{Failure, Findings, Refused};
use owo_colors::OwoColorize as _;
use serde::Serialize;
use serde_json::json;

/// Columns that findings are folded at.
const WIDTH: usize = 100;

/// Where words go, and in which form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    pub(crate) json: bool,
    pub(crate) colour: bool,
}

impl Output {
    /// Colours only on a terminal whose owner does not mind.
    pub(crate) fn new(json: bool, no_colour: bool) -> Self {
        Self { json, colour: !no_colour && std::io::stderr().is_terminal() }
    }

    /// Data, for people: stdout, and nothing else goes there.
    pub(crate) fn text(self, text: &str) {
        if !self.json {
            println!("{}", text.trim_end());
        }
    }

    /// What a program asked for, a secret or a script of its own: as it is, whatever the form of other answers.
    pub(crate) fn raw(self, text: &str) {
        println!("{text}");
    }

    /// Data, for programs: one object a line.
    pub(crate) fn object(self, kind: &str, value: &impl Serialize) {
        if self.json {
            println!("{}", json!({"kind": kind, "value": value}));
        }
    }

    /// Both forms of one answer.
    pub(crate) fn answer(self, kind: &str, text: &str, value: &impl Serialize) {
        self.text(text);
        self.object(kind, value);
    }

    /// What goes on, on stderr.
    pub(crate) fn note(self, text: &str) {
        if self.json {
            eprintln!("{}", json!({"kind": "note", "value": text}));
        } else {
            eprintln!("{text}");
        }
    }

    /// A failure: what, why, and what to do next.
    pub(crate) fn failure(self, failure: &Failure) {
        let mut causes = Vec::new();
        let mut source = failure.source();
        while let Some(err) = source {
            let text = err.to_string();
            if causes.last() != Some(&text) {
                causes.push(text);
            }
            source = err.source();
        }
        if self.json {
            let findings = report(failure).map(places).unwrap_or_default();
            let value =
                json!({"error": failure.to_string(), "causes": causes, "hint": failure.hint(), "findings": findings});
            eprintln!("{}", json!({"kind": "error", "value": value}));
            return;
        }
        if let Some(report) = report(failure) {
            eprint!("{}", report.render(WIDTH, self.colour));
        }
        eprintln!("{} {failure}", self.label("error:"));
        for cause in causes {
            eprintln!("  caused by: {cause}");
        }
        if let Some(hint) = failure.hint() {
            eprintln!("{} {hint}", self.label("hint:"));
        }
    }

    fn label(self, text: &str) -> String {
        match (self.colour, text) {
            (true, "error:") => text.red().bold().to_string(),
            (true, _) => text.cyan().bold().to_string(),
            (false, _) => text.to_owned(),
        }
    }
}

/// Findings in the workspace file, for programs: lines and columns count from 1.
fn places(report: &Report) -> Vec<serde_json::Value> {
    let source = report.source();
    let place = |finding: &hangar_config::Finding| {
        let (line, column) = source.line_and_column(finding.span.offset());
        let (message, help, is_warning) = (&finding.message, &finding.help, finding.is_warning);
        json!({"file": source.name(), "line": line, "column": column, "message": message, "help": help, "is-warning": is_warning})
    };
    report.findings().iter().map(place).collect()
}

/// Findings in the workspace file, shown with their lines and carets.
fn report(failure: &Failure) -> Option<&Report> {
    let source = failure.source()?;
    let refused = source.downcast_ref::<Refused>().and_then(|refused| refused.0.report());
    refused.or_else(|| source.downcast_ref::<Findings>().map(|findings| &findings.0))
}
