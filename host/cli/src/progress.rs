//! What goes on, as it goes on: a live line on a terminal, plain lines elsewhere, objects with `--json`.
#![expect(clippy::print_stderr, reason = "progress goes to stderr and nowhere else")]

use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::time::Duration;

use hangar_engine::{Event, Progress, What};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

/// Tells of events on stderr.
pub(crate) struct Lines {
    json: bool,
    bar: Option<ProgressBar>,
    last: Mutex<String>,
}

impl Lines {
    pub(crate) fn new(json: bool) -> Self {
        let live = !json && std::io::stderr().is_terminal();
        let bar = live.then(|| {
            let style = ProgressStyle::with_template("{spinner} {msg} ({elapsed})").expect("the template is good");
            let bar = ProgressBar::new_spinner().with_style(style);
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { json, bar, last: Mutex::new(String::new()) }
    }

    /// A line that stays.
    pub(crate) fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => eprintln!("{line}"),
        }
    }

    /// A line that the next one replaces; said once elsewhere than on a terminal.
    pub(crate) fn live(&self, line: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(line.to_owned());
            return;
        }
        let Ok(mut last) = self.last.lock() else { return };
        if *last != line {
            eprintln!("  {line}");
            line.clone_into(&mut last);
        }
    }

    /// Steps aside while something else is printed or asked.
    pub(crate) fn pause<T>(&self, work: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(work),
            None => work(),
        }
    }

    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Progress for Lines {
    fn event(&self, event: &Event) {
        if self.json {
            eprintln!("{}", json!({"kind": "event", "value": event}));
            return;
        }
        let step = event.step.as_ref().map(ToString::to_string).unwrap_or_default();
        match &event.what {
            What::Began { resumed: true, .. } => self.say("taking up what an earlier run left"),
            What::Note { text } => self.say(text),
            What::Settling { attempt } => self.live(&format!("{step}: waiting for attempt {attempt} to settle")),
            What::Acting { .. } => self.live(&step),
            What::Waiting { what } => self.live(&format!("{step}: {what}")),
            What::Detail { body, .. } => {
                if let Some(text) = body.get("text").and_then(|text| text.as_str()) {
                    self.live(&format!("{step}: {text}"));
                }
            }
            What::Done { changed: true } => self.say(&format!("done     {step}")),
            What::Done { changed: false } => self.say(&format!("as it is {step}")),
            What::Failed { error, .. } => self.say(&format!("failed   {step}: {error}")),
            What::Began { .. } | What::Probing | What::Skipped { .. } | What::Ended { .. } => {}
        }
    }
}
