//! Each look: what is mounted, who has to be told, and whether it was.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::now_ms;
use crate::reload::Loaded;
use crate::reload::files::Files;
use crate::reload::process::{Process, Processes};

/// How sure the time of a start is: `/proc` counts the boot in whole seconds.
const BLUR_MS: u64 = 2000;

/// Remembers whom it has told of what.
pub(super) struct Watcher {
    dir: PathBuf,
    processes: Option<Processes>,
    grace_ms: u64,
    /// The generation each process was last told of.
    told: HashMap<Process, String>,
    signalled_ms: Option<u64>,
    /// What was last said, so that it is said once.
    said: Option<String>,
}

impl Watcher {
    pub(super) fn new(dir: PathBuf, processes: Option<Processes>, grace: Duration) -> Self {
        let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        Self { dir, processes, grace_ms, told: HashMap::new(), signalled_ms: None, said: None }
    }

    /// Looks once, and tells each process of the name that has not been told of these files.
    ///
    /// One that started after the files changed has read them by itself. After a restart of this sidecar a process may be
    /// told a second time, which costs it nothing.
    pub(super) fn look(&mut self, say: impl Fn(&str)) -> Loaded {
        let files = Files::read(&self.dir);
        let mut pending = true;
        if let Some(problem) = &files.problem {
            self.say_once(&say, format!("not whole: {problem}"));
        } else {
            match self.processes.as_ref().map(Processes::find) {
                None => pending = false,
                Some(Ok(processes)) => pending = !self.tell(&files, &processes, &say),
                Some(Err(err)) => self.say_once(&say, format!("cannot read /proc: {err}")),
            }
        }
        Loaded {
            certificates: files.certificates,
            generation: files.generation,
            signalled_ms: self.signalled_ms,
            pending,
            problem: files.problem,
        }
    }

    /// Whether there is a process, and each has these files.
    fn tell(&mut self, files: &Files, processes: &[Process], say: &impl Fn(&str)) -> bool {
        self.told.retain(|process, _| processes.contains(process));
        if processes.is_empty() {
            self.say_once(say, "no process of that name".to_owned());
        }
        let mut all_told = !processes.is_empty();
        for process in processes {
            all_told &= self.has(files, *process) || self.hang_up(files, *process, say);
        }
        if all_told {
            self.said = None;
        }
        all_told
    }

    fn has(&self, files: &Files, process: Process) -> bool {
        match self.told.get(&process) {
            Some(generation) => *generation == files.generation,
            None => process.started_ms > files.changed_ms + BLUR_MS,
        }
    }

    fn hang_up(&mut self, files: &Files, process: Process, say: &impl Fn(&str)) -> bool {
        let now = now_ms();
        if now < process.started_ms.saturating_add(self.grace_ms) {
            return false;
        }
        match process.hang_up() {
            Ok(()) => {
                self.told.insert(process, files.generation.clone());
                self.signalled_ms = Some(now);
                say(&format!("SIGHUP to process {}: generation {}", process.pid, files.generation));
                true
            }
            Err(err) => {
                self.say_once(say, format!("cannot signal process {}: {err}", process.pid));
                false
            }
        }
    }

    fn say_once(&mut self, say: &impl Fn(&str), text: String) {
        if self.said.as_deref() != Some(&text) {
            say(&text);
            self.said = Some(text);
        }
    }
}
