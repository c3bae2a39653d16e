//! Reading a file while it grows.

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time;

use crate::child::Exit;
use crate::error::ExecError;

/// Longest time between a line being written and its being seen.
const LATENCY: Duration = Duration::from_millis(25);

/// How much is read at once.
const CHUNK: usize = 64 * 1024;

/// Longest line that is kept whole. Tools write plans and diagnostics of some kilobytes on one line.
const LINE_LIMIT: usize = 4 * 1024 * 1024;

/// One line of a child's output, without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The text; bytes that are not UTF-8 are replaced.
    pub text: String,
    /// Whether the line was longer than the limit and its end is missing.
    pub is_cut: bool,
}

/// Reads a file line by line while it grows, until the child that writes it has ended.
#[derive(Debug)]
pub struct Follow {
    file: File,
    path: PathBuf,
    exit: watch::Receiver<Option<Exit>>,
    chunk: Box<[u8]>,
    lines: Splitter,
}

impl Follow {
    pub(crate) fn open(path: PathBuf, exit: watch::Receiver<Option<Exit>>) -> Result<Self, ExecError> {
        let file = File::open(&path).map_err(|err| ExecError::spool(&path, err))?;
        Ok(Self { file, path, exit, chunk: vec![0; CHUNK].into(), lines: Splitter::new(LINE_LIMIT) })
    }

    /// Returns the lines that have come since, at least one; none once the child has ended and all is read.
    ///
    /// May be cancelled: nothing that was read is lost. A last line without an end is returned as a line.
    ///
    /// # Errors
    ///
    /// [`ExecError::Spool`] if the file cannot be read.
    pub async fn next(&mut self) -> Result<Option<Vec<Line>>, ExecError> {
        loop {
            // Asked before reading: what was written before the end is then surely read after it.
            let has_ended = self.exit.borrow().is_some();
            let n_read = self.read()?;
            if self.lines.has_complete() {
                // A flood must not keep other tasks from running. What is still here is taken by the next call.
                tokio::task::yield_now().await;
                return Ok(Some(self.lines.take()));
            }
            match (n_read, has_ended) {
                (0, true) => return Ok(self.lines.finish().map(|line| vec![line])),
                // A watch that closes without an exit was abandoned, which is an end too.
                (0, false) => {
                    if let Ok(Err(_)) = time::timeout(LATENCY, self.exit.changed()).await {
                        return Ok(self.lines.finish().map(|line| vec![line]));
                    }
                }
                _ => {}
            }
        }
    }

    /// Files never make a reader wait, so reading them here blocks nobody for long.
    fn read(&mut self) -> Result<usize, ExecError> {
        let n_read = self.file.read(&mut self.chunk).map_err(|err| ExecError::spool(&self.path, err))?;
        self.lines.push(&self.chunk[..n_read]);
        Ok(n_read)
    }
}

/// Cuts bytes into lines of bounded length.
#[derive(Debug)]
struct Splitter {
    limit: usize,
    open: Vec<u8>,
    is_cut: bool,
    complete: Vec<Line>,
}

impl Splitter {
    fn new(limit: usize) -> Self {
        Self { limit, open: Vec::new(), is_cut: false, complete: Vec::new() }
    }

    fn push(&mut self, bytes: &[u8]) {
        let mut pieces = bytes.split(|byte| *byte == b'\n');
        self.extend(pieces.next().unwrap_or_default());
        for piece in pieces {
            let line = self.close();
            self.complete.push(line);
            self.extend(piece);
        }
    }

    fn extend(&mut self, piece: &[u8]) {
        let room = self.limit.saturating_sub(self.open.len());
        self.is_cut |= piece.len() > room;
        self.open.extend_from_slice(&piece[..piece.len().min(room)]);
    }

    fn close(&mut self) -> Line {
        if self.open.last() == Some(&b'\r') {
            self.open.pop();
        }
        let text = String::from_utf8_lossy(&self.open).into_owned();
        self.open.clear();
        Line { text, is_cut: std::mem::take(&mut self.is_cut) }
    }

    fn has_complete(&self) -> bool {
        !self.complete.is_empty()
    }

    fn take(&mut self) -> Vec<Line> {
        std::mem::take(&mut self.complete)
    }

    fn finish(&mut self) -> Option<Line> {
        (!self.open.is_empty()).then(|| self.close())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(splitter: &mut Splitter) -> Vec<String> {
        splitter.take().into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn a_line_is_given_once_it_has_ended() {
        let mut splitter = Splitter::new(100);
        splitter.push(b"one\ntw");
        assert_eq!(texts(&mut splitter), ["one"]);
        splitter.push(b"o\r\n\nthree");
        assert_eq!(texts(&mut splitter), ["two", ""]);
        assert_eq!(splitter.finish().map(|line| line.text).as_deref(), Some("three"));
        assert_eq!(splitter.finish(), None);
    }

    #[test]
    fn a_line_without_end_costs_no_more_than_the_limit() {
        let mut splitter = Splitter::new(4);
        for _ in 0..1000 {
            splitter.push(b"xyz");
        }
        assert!(splitter.open.capacity() < 1000);
        splitter.push(b"\nnext\n");
        let lines = splitter.take();
        assert_eq!(lines[0], Line { text: "xyzx".to_owned(), is_cut: true });
        assert_eq!(lines[1], Line { text: "next".to_owned(), is_cut: false });
    }
}
