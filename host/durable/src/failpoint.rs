//! Named places where a test may kill the process.
//!
//! Always compiled, so what is tested is what ships; a point costs one atomic load until [`arm`] is called, which
//! `host/config` does at start when the operator's environment asks for it. At an armed point the process kills itself
//! with SIGKILL: no destructor runs, nothing is flushed, as if the machine had taken it. Each room keeps its points in a
//! table named `FAIL_POINTS`.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::fs::{File, OpenOptions};
use std::future::poll_fn;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::pin::pin;
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
    /// File to which each point that is passed is appended, one a line: its name and, after a space, what was
    /// [`during`].
    pub list: Option<PathBuf>,
}

/// When to die, and who with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kill {
    /// When.
    pub at: At,
    /// Whether the living children's process groups are killed first.
    pub children: bool,
}

/// At which passage to die.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    /// The `nth` passage of `point`, counted from 1.
    Passage {
        /// Name of the point.
        point: String,
        /// Which one.
        nth: u64,
    },
    /// The first point whose name the list did not hold when the points were armed. Run again and again with one list,
    /// a program dies once at each point that it passes, and then lives.
    New,
    /// As [`At::New`], but a point counts again in whatever else it is passed [`during`].
    NewInStep,
}

/// Why a text does not name a passage.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("fail point `{0}` is not `name`, `name:nth`, `new` or `new-in-step`")]
pub struct ParseError(String);

/// Why the points were not armed.
#[derive(Debug, thiserror::Error)]
pub enum ArmError {
    /// They were armed before; once a process is all there is.
    #[error("the fail points are armed already")]
    Again,
    /// The list cannot be read or written.
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

    /// Reads `name`, `name:nth`, `new` or `new-in-step`, with the children left alone.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "new" => return Ok(Self { at: At::New, children: false }),
            "new-in-step" => return Ok(Self { at: At::NewInStep, children: false }),
            _ => {}
        }
        let (point, nth) = text.split_once(':').unwrap_or((text, "1"));
        let nth = nth.parse().ok().filter(|nth| *nth > 0);
        match (point, nth) {
            ("", _) | (_, None) => Err(ParseError(text.to_owned())),
            (point, Some(nth)) => Ok(Self { at: At::Passage { point: point.to_owned(), nth }, children: false }),
        }
    }
}

/// Arms the points of this process, once.
///
/// # Errors
///
/// [`ArmError`]; the points then do nothing.
pub fn arm(arming: Arming) -> Result<(), ArmError> {
    let (known, list) = match arming.list {
        None => (BTreeSet::new(), None),
        Some(path) => match open(&path) {
            Ok((known, file)) => (known, Some(file)),
            Err(err) => return Err(ArmError::List { path, err }),
        },
    };
    let armed = Armed { kill: arming.kill, known, list, n_passed: Mutex::default() };
    ARMED.set(armed).map_err(|_| ArmError::Again)
}

fn open(path: &Path) -> io::Result<(BTreeSet<String>, File)> {
    let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok((text.lines().map(ToOwned::to_owned).collect(), file))
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

/// Runs a future, and lets the points that it passes itself (not in tasks of their own) know what they are part of.
pub async fn during<F: Future>(what: &str, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let outside = DURING.replace(Some(what.to_owned()));
        let polled = future.as_mut().poll(cx);
        DURING.set(outside);
        polled
    })
    .await
}

thread_local! {
    static DURING: RefCell<Option<String>> = const { RefCell::new(None) };
}

struct Armed {
    kill: Option<Kill>,
    /// Lines of the list when the points were armed.
    known: BTreeSet<String>,
    list: Option<File>,
    n_passed: Mutex<HashMap<&'static str, u64>>,
}

static ARMED: OnceLock<Armed> = OnceLock::new();
static GROUPS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

impl Armed {
    fn pass(&self, point: &'static str) {
        let during = DURING.with_borrow(Clone::clone);
        let line = during.map_or_else(|| point.to_owned(), |what| format!("{point} {what}"));
        let nth = self.count(point, &line);
        if let Some(kill) = self.kill.as_ref().filter(|kill| self.is_due(&kill.at, point, nth, &line)) {
            die(kill.children);
        }
    }

    fn is_due(&self, at: &At, this: &str, n_passed: u64, line: &str) -> bool {
        match at {
            At::Passage { point, nth } => point == this && *nth == n_passed,
            At::New => !self.known.iter().any(|known| known.split(' ').next() == Some(this)),
            At::NewInStep => !self.known.contains(line),
        }
    }

    fn count(&self, point: &'static str, line: &str) -> u64 {
        let mut n_passed = self.n_passed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut list) = self.list.as_ref() {
            // A list that cannot be written shows itself in the test that reads it.
            list.write_all(format!("{line}\n").as_bytes()).ok();
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
        let passage = |point: &str, nth| Ok(Kill { at: At::Passage { point: point.to_owned(), nth }, children: false });
        assert_eq!("journal.intent.before".parse(), passage("journal.intent.before", 1));
        assert_eq!("durable.write.inside:3".parse(), passage("durable.write.inside", 3));
        assert_eq!("new".parse(), Ok(Kill { at: At::New, children: false }));
        assert_eq!("new-in-step".parse(), Ok(Kill { at: At::NewInStep, children: false }));
    }

    #[test]
    fn new_is_what_the_list_did_not_hold() {
        let known = ["a.before", "b.before one"].map(ToOwned::to_owned).into();
        let armed = Armed { kill: None, known, list: None, n_passed: Mutex::default() };
        assert!(!armed.is_due(&At::New, "b.before", 1, "b.before two"));
        assert!(armed.is_due(&At::NewInStep, "b.before", 1, "b.before two"));
        assert!(!armed.is_due(&At::NewInStep, "b.before", 1, "b.before one"));
        assert!(armed.is_due(&At::New, "c.before", 1, "c.before"));
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
