//! Named places where a test may kill the process.
//!
//! Always compiled, so what is tested is what ships; a point costs one atomic load until [`arm`] is called, which
//! `host/config` does at start when the operator's environment asks for it. At an armed point the process kills itself
//! with SIGKILL: no destructor runs, nothing is flushed, as if the machine had taken it. Each room keeps its points in a
//! table named `FAIL_POINTS`.

use std::collections::{BTreeSet, HashMap};
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

/// What the points do in this process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arming {
    /// Where to die.
    pub kill: Option<Kill>,
    /// File to which each point that is passed is appended, one name a line.
    pub list: Option<PathBuf>,
}

/// One passage of one point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kill {
    /// Name of the point.
    pub point: String,
    /// Which passage, from 1.
    pub nth: u64,
    /// Whether the living children's process groups are killed first.
    pub children: bool,
}

/// Why a text does not name a passage.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("fail point `{0}` is not `name` or `name:nth`")]
pub struct ParseError(String);

/// Why the points were not armed.
#[derive(Debug, thiserror::Error)]
pub enum ArmError {
    /// They were armed before; once a process is all there is.
    #[error("the fail points are armed already")]
    Again,
    /// The list cannot be written.
    #[error("cannot open the list of fail points `{}`", path.display())]
    List {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        err: io::Error,
    },
}

impl FromStr for Kill {
    type Err = ParseError;

    /// Reads `name` or `name:nth`, with the children left alone.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (point, nth) = text.split_once(':').unwrap_or((text, "1"));
        let nth = nth.parse().ok().filter(|nth| *nth > 0);
        match (point, nth) {
            ("", _) | (_, None) => Err(ParseError(text.to_owned())),
            (point, Some(nth)) => Ok(Self { point: point.to_owned(), nth, children: false }),
        }
    }
}

/// Arms the points of this process, once.
///
/// # Errors
///
/// [`ArmError`]; the points then do nothing.
pub fn arm(arming: Arming) -> Result<(), ArmError> {
    let list = match arming.list {
        None => None,
        Some(path) => match OpenOptions::new().create(true).append(true).open(&path) {
            Ok(file) => Some(file),
            Err(err) => return Err(ArmError::List { path, err }),
        },
    };
    let armed = Armed { kill: arming.kill, list, n_passed: Mutex::default() };
    ARMED.set(armed).map_err(|_| ArmError::Again)
}

/// Passes one point: nothing, unless this process was armed to die here or to list it.
pub fn hit(point: &'static str) {
    if let Some(armed) = ARMED.get() {
        armed.pass(point);
    }
}

/// Keeps a child's process group among those that die with the host, while the guard lives.
#[must_use = "the group is forgotten when the guard goes"]
#[derive(Debug)]
pub struct GroupGuard(i32);

/// Names the process group of a child that has just been started.
pub fn guard_group(group: i32) -> GroupGuard {
    groups().insert(group);
    GroupGuard(group)
}

impl Drop for GroupGuard {
    fn drop(&mut self) {
        groups().remove(&self.0);
    }
}

struct Armed {
    kill: Option<Kill>,
    list: Option<File>,
    n_passed: Mutex<HashMap<&'static str, u64>>,
}

static ARMED: OnceLock<Armed> = OnceLock::new();
static GROUPS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

impl Armed {
    fn pass(&self, point: &'static str) {
        let nth = self.count(point);
        if let Some(kill) = self.kill.as_ref().filter(|kill| kill.point == point && kill.nth == nth) {
            die(kill.children);
        }
    }

    fn count(&self, point: &'static str) -> u64 {
        let mut n_passed = self.n_passed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut list) = self.list.as_ref() {
            // A list that cannot be written shows itself in the test that reads it.
            list.write_all(format!("{point}\n").as_bytes()).ok();
        }
        let nth = n_passed.entry(point).or_default();
        *nth += 1;
        *nth
    }
}

fn groups() -> MutexGuard<'static, BTreeSet<i32>> {
    GROUPS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn die(children: bool) -> ! {
    if children {
        for group in groups().iter() {
            // A group that is gone needs no killing.
            killpg(Pid::from_raw(*group), Signal::SIGKILL).ok();
        }
    }
    kill(Pid::this(), Signal::SIGKILL).ok();
    // The signal takes the whole process; this thread only has to stand still until it arrives.
    loop {
        thread::sleep(Duration::from_secs(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passage_is_a_name_with_or_without_a_number() {
        let kill = |point: &str, nth| Ok(Kill { point: point.to_owned(), nth, children: false });
        assert_eq!("journal.intent.before".parse(), kill("journal.intent.before", 1));
        assert_eq!("durable.write.inside:3".parse(), kill("durable.write.inside", 3));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", ":2", "name:", "name:0", "name:x"] {
            assert_eq!(text.parse::<Kill>(), Err(ParseError(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn an_unarmed_point_does_nothing() {
        hit("durable.write.before");
    }
}
