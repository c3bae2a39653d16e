//! The node's log, in the `crdb-v2` format: to standard error or to `<store>/logs/cockroach.log`.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};

use time::macros::format_description;

static LOG: OnceLock<Log> = OnceLock::new();

struct Log {
    sink: Mutex<Sink>,
    node: AtomicI32,
    counter: AtomicU64,
}

/// Where log lines go.
#[derive(Debug)]
pub enum Sink {
    Stderr,
    File(File),
    Nowhere,
}

impl Sink {
    /// Opens `<dir>/cockroach.log` for appending, and makes the folder.
    ///
    /// # Errors
    ///
    /// When the folder or the file cannot be made.
    pub fn file(dir: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        Ok(Self::File(OpenOptions::new().create(true).append(true).open(dir.join("cockroach.log"))?))
    }
}

/// Chooses the sink, once per process. Lines before that are dropped, as are second calls.
pub fn start(sink: Sink) {
    let log = Log { sink: Mutex::new(sink), node: AtomicI32::new(0), counter: AtomicU64::new(0) };
    // A second call would be a second node in one process, which does not exist.
    drop(LOG.set(log));
}

/// Tags every later line with the node's ID.
pub fn set_node(id: i32) {
    if let Some(log) = LOG.get() {
        log.node.store(id, Ordering::Relaxed);
    }
}

/// Logs at severity INFO. `place` is the source file the database would name.
pub fn info(place: &str, message: impl AsRef<str>) {
    write('I', place, message.as_ref());
}

/// Logs at severity WARNING.
pub fn warning(place: &str, message: impl AsRef<str>) {
    write('W', place, message.as_ref());
}

/// Logs at severity ERROR.
pub fn error(place: &str, message: impl AsRef<str>) {
    write('E', place, message.as_ref());
}

/// Logs at severity FATAL: the process ends after it.
pub fn fatal(place: &str, message: impl AsRef<str>) {
    write('F', place, message.as_ref());
}

/// Logs at severity ERROR and shows the message on standard error too, as `log.Shout` does.
pub fn shout(place: &str, message: impl AsRef<str>) {
    let message = message.as_ref();
    write('E', place, message);
    if let Some(log) = LOG.get()
        && !matches!(*log.sink.lock().expect("no holder panics"), Sink::Stderr)
    {
        // Nobody is left to tell when standard error is closed.
        drop(writeln!(io::stderr(), "*\n* ERROR: {message}\n*"));
    }
}

fn write(severity: char, place: &str, message: &str) {
    let Some(log) = LOG.get() else { return };
    let format = format_description!("[year repr:last_two][month][day] [hour]:[minute]:[second].[subsecond digits:6]");
    let now = crate::clock::now().format(&format).expect("the format has only fields of a date and time");
    let node = match log.node.load(Ordering::Relaxed) {
        0 => "n?".to_owned(),
        id => format!("n{id}"),
    };
    let counter = log.counter.fetch_add(1, Ordering::Relaxed) + 1;
    let line = format!("{severity}{now} 1 {place} ⋮ [T1,Vsystem,{node}] {counter}  {message}\n");
    // A full disk must not stop the node because of its log.
    match &mut *log.sink.lock().expect("no holder panics") {
        Sink::Stderr => drop(io::stderr().write_all(line.as_bytes())),
        Sink::File(file) => drop(file.write_all(line.as_bytes())),
        Sink::Nowhere => {}
    }
}
