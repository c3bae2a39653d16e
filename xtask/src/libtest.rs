//! What libtest prints.

use std::{
    fmt,
    io::{self, BufRead as _, BufReader},
    ops::Add,
};

/// How many tests passed, failed, and were skipped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) n_passed: u64,
    pub(crate) n_failed: u64,
    pub(crate) n_skipped: u64,
}

impl Counts {
    /// Reads the summary line of one test binary; `None` for any other line.
    ///
    /// Tests that a filter took out are not counted: nobody asked for them.
    fn parse(line: &str) -> Option<Self> {
        let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
        let mut sum = Self::default();
        for part in counts.split("; ") {
            let Some((number, what)) = part.trim().split_once(' ') else { continue };
            let into = match what {
                "passed" => &mut sum.n_passed,
                "failed" => &mut sum.n_failed,
                "ignored" => &mut sum.n_skipped,
                _ => continue,
            };
            *into = number.parse().ok()?;
        }
        Some(sum)
    }

    /// Passes all of `output` on as it comes and sums the summaries in it.
    pub(crate) fn tee(output: &mut dyn io::Read, into: &mut dyn io::Write) -> io::Result<Self> {
        let mut sum = Self::default();
        let mut line = Vec::new();
        let mut reader = BufReader::new(output);
        while reader.read_until(b'\n', &mut line)? > 0 {
            into.write_all(&line)?;
            into.flush()?;
            // A test may print half a line just before the summary, but libtest always starts one of its own.
            if let Some(counts) = Self::parse(&String::from_utf8_lossy(&line)) {
                sum = sum + counts;
            }
            line.clear();
        }
        Ok(sum)
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            n_passed: self.n_passed + other.n_passed,
            n_failed: self.n_failed + other.n_failed,
            n_skipped: self.n_skipped + other.n_skipped,
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.n_passed, self.n_failed, self.n_skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::Counts;

    const OUTPUT: &str = "
running 2 tests
test a ... ok
test b ... FAILED
test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

running 4 tests
test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 9 filtered out; finished in 12.05s
";

    #[test]
    fn counts_are_summed_over_all_binaries_and_the_output_passes_unchanged() {
        let mut seen = Vec::new();
        let counts = Counts::tee(&mut OUTPUT.as_bytes(), &mut seen).expect("memory does not fail");
        assert_eq!(counts.to_string(), "4 passed, 1 failed, 1 skipped");
        assert_eq!(seen, OUTPUT.as_bytes());
    }

    #[test]
    fn only_a_summary_is_a_summary() {
        assert_eq!(Counts::parse("test result: soon"), None);
        assert_eq!(Counts::parse("note: test result: ok. 1 passed; 0 failed"), None);
    }

    #[test]
    fn output_that_is_not_text_is_passed_on() {
        let mut seen = Vec::new();
        let counts = Counts::tee(&mut &b"\xff\xfe\n"[..], &mut seen).expect("memory does not fail");
        assert_eq!(counts, Counts::default());
        assert_eq!(seen, b"\xff\xfe\n");
    }
}
