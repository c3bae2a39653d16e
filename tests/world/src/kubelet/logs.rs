use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::task::JoinSet;

use crate::runtime::Output;

/// Writes what a container says into its log file, one line each as the container runtime interface has them: time,
/// stream, `F` for a full line or `P` for one that its end was cut off, text.
pub(super) struct LogWriter {
    readers: JoinSet<()>,
}

/// What outlives the program holds its output open; its log is closed after this long.
const DRAIN: Duration = Duration::from_secs(1);

/// The log file of one run of a container.
pub(super) fn path(container_dir: &Path, attempt: i32) -> PathBuf {
    container_dir.join(format!("{attempt}.log"))
}

impl LogWriter {
    pub(super) fn start(path: &Path, output: Output) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let file = Arc::new(Mutex::new(file));
        let mut readers = JoinSet::new();
        readers.spawn(copy(output.stdout, "stdout", file.clone()));
        readers.spawn(copy(output.stderr, "stderr", file));
        Ok(Self { readers })
    }

    /// Waits for the rest of the output of a program that ended.
    pub(super) async fn finish(mut self) {
        let all = async { while self.readers.join_next().await.is_some() {} };
        drop(tokio::time::timeout(DRAIN, all).await);
    }
}

async fn copy(from: impl AsyncRead + Unpin, stream: &'static str, to: Arc<Mutex<File>>) {
    let mut lines = BufReader::new(from);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).await.is_ok_and(|n_read| n_read > 0) {
        let is_full = line.last() == Some(&b'\n');
        if !is_full {
            line.push(b'\n');
        }
        let tag = if is_full { 'F' } else { 'P' };
        let mut entry = format!("{:.9} {stream} {tag} ", Timestamp::now()).into_bytes();
        entry.append(&mut line);
        // A full disk loses log lines and nothing else.
        drop(to.lock().unwrap_or_else(PoisonError::into_inner).write_all(&entry));
    }
}

/// What of a log is wanted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Selection {
    pub(super) tail: Option<usize>,
    pub(super) since: Option<Timestamp>,
    pub(super) timestamps: bool,
    pub(super) limit_bytes: Option<usize>,
}

impl Selection {
    /// The wanted part of a log that ends here.
    pub(super) fn apply(&self, log: &str) -> String {
        let wanted: Vec<String> = log.lines().filter_map(|line| self.line(line)).collect();
        let skipped = self.tail.map_or(0, |tail| wanted.len().saturating_sub(tail));
        let mut text: String = wanted.into_iter().skip(skipped).collect();
        if let Some(limit) = self.limit_bytes {
            let cut = (0..=limit.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
            text.truncate(cut.unwrap_or(0));
        }
        text
    }

    /// One line as it is shown, with the line feed it came with, or nothing if it is too old.
    fn line(&self, line: &str) -> Option<String> {
        let [time, _, tag, text] = line.splitn(4, ' ').collect::<Vec<_>>()[..] else { return None };
        if self.since.is_some_and(|since| time.parse::<Timestamp>().is_ok_and(|time| time < since)) {
            return None;
        }
        let end = if tag == "F" { "\n" } else { "" };
        Some(if self.timestamps { format!("{time} {text}{end}") } else { format!("{text}{end}") })
    }
}

/// The end of a log, for a container that left no termination message: at most 80 lines or 2 KiB, as the kubelet takes.
pub(super) fn last_words(path: &Path) -> String {
    let log = std::fs::read(path).unwrap_or_default();
    let text = Selection { tail: Some(80), ..Selection::default() }.apply(&String::from_utf8_lossy(&log));
    let cut = text.len().saturating_sub(2048);
    let cut = (cut..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text[cut..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "2026-01-01T00:00:01.000000000Z stdout F one
2026-01-01T00:00:02.000000000Z stderr F two words
2026-01-01T00:00:03.000000000Z stdout F three
";

    #[test]
    fn a_last_line_keeps_its_missing_line_feed() {
        let log = "2026-01-01T00:00:01.000000000Z stdout F one\n2026-01-01T00:00:02.000000000Z stdout P two\n";
        assert_eq!(Selection::default().apply(log), "one\ntwo");
    }

    #[test]
    fn a_tail_is_the_last_lines() {
        let selection = Selection { tail: Some(2), ..Selection::default() };
        assert_eq!(selection.apply(LOG), "two words\nthree\n");
    }

    #[test]
    fn older_lines_are_left_out_and_times_shown_on_request() {
        let since = "2026-01-01T00:00:03Z".parse().expect("a time");
        let selection = Selection { since: Some(since), timestamps: true, ..Selection::default() };
        assert_eq!(selection.apply(LOG), "2026-01-01T00:00:03.000000000Z three\n");
    }

    #[test]
    fn a_limit_cuts_bytes() {
        let selection = Selection { limit_bytes: Some(5), ..Selection::default() };
        assert_eq!(selection.apply(LOG), "one\nt");
    }
}
