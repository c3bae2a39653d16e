//! A world in which a thing done twice is an error.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use hangar_engine::durable::ProcessId;
use hangar_engine::{
    Attempt, Cancel, Engine, EngineError, Event, NoProgress, Options, Progress, Report, Seen, Step, StepContext,
    StepError, Steps, Work,
};
use hangar_plan::step::StepKey;
use serde_json::{Value, json};

/// Far more than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn key(text: &str) -> StepKey {
    StepKey::new(text).unwrap()
}

/// A folder of things, each made by one step.
#[derive(Debug, Clone)]
pub(crate) struct World(PathBuf);

impl World {
    pub(crate) fn new(dir: &Path) -> Self {
        fs::create_dir_all(dir).unwrap();
        Self(dir.to_owned())
    }

    pub(crate) fn has(&self, thing: &str) -> bool {
        self.0.join(thing).exists()
    }

    /// Makes a thing, half first; making it twice is an error.
    pub(crate) fn make(&self, thing: &str) -> Result<(), StepError> {
        fs::write(self.0.join(format!("{thing}.half")), b"half").unwrap();
        let made = OpenOptions::new().write(true).create_new(true).open(self.0.join(thing));
        made.and_then(|mut file| file.write_all(b"whole"))
            .map_err(|err| StepError::bug(format!("`{thing}` twice: {err}")))?;
        fs::remove_file(self.0.join(format!("{thing}.half"))).unwrap();
        Ok(())
    }

    pub(crate) fn things(&self) -> BTreeSet<String> {
        let names = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| !name.ends_with(".half")).collect()
    }
}

/// How a step misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Fault {
    #[default]
    None,
    /// Fails before it has done anything.
    Before,
    /// Fails after it has done everything.
    After,
    /// Cannot see the world.
    Blind,
    /// Acts until it is told to stop.
    Endless,
    /// As endless, with a child that outlives it: this very process.
    Orphans,
    /// Acts and does not listen.
    Deaf,
    /// Acts, and nothing comes of it.
    Vain,
}

/// Makes one thing.
#[derive(Debug, Clone)]
pub(crate) struct Make {
    pub(crate) world: World,
    pub(crate) thing: String,
    pub(crate) fault: Fault,
    pub(crate) log: Log,
    pub(crate) deadline: Duration,
}

/// What steps were asked, in order.
pub(crate) type Log = Arc<Mutex<Vec<String>>>;

impl Make {
    pub(crate) fn new(world: &World, thing: &str) -> Self {
        let (world, thing) = (world.clone(), thing.to_owned());
        Self { world, thing, fault: Fault::None, log: Log::default(), deadline: PATIENCE }
    }

    pub(crate) fn with_fault(self, fault: Fault) -> Self {
        Self { fault, ..self }
    }

    pub(crate) fn with_log(self, log: &Log) -> Self {
        Self { log: Arc::clone(log), ..self }
    }

    /// What a step has started is dead, unless it is to outlive it.
    fn child(&self) -> ProcessId {
        let mut child = ProcessId::current().unwrap();
        child.start_time -= u64::from(self.fault != Fault::Orphans);
        child
    }

    fn note(&self, what: &str) {
        self.log.lock().unwrap().push(format!("{what} {}", self.thing));
    }
}

#[async_trait]
impl Step for Make {
    const NAME: &'static str = "make";
    type Output = String;

    fn input(&self) -> Value {
        json!({ "thing": self.thing })
    }

    fn deadline(&self) -> Duration {
        self.deadline
    }

    async fn settle(&self, _: &StepContext, _: &Attempt) -> Result<(), StepError> {
        self.note("settle");
        Ok(())
    }

    async fn probe(&self, _: &StepContext) -> Result<Seen<String>, StepError> {
        self.note("probe");
        if self.fault == Fault::Blind {
            return Ok(Seen::Unknown("it is dark".to_owned()));
        }
        Ok(if self.world.has(&self.thing) { Seen::Done(format!("made {}", self.thing)) } else { Seen::NotDone })
    }

    async fn act(&self, cx: &StepContext) -> Result<(), StepError> {
        self.note("act");
        fs::write(cx.folder().map_err(StepError::bug)?.join("acted"), b"").unwrap();
        cx.record_progress(vec![json!({ "half": self.thing })]).await.map_err(StepError::bug)?;
        cx.record_child(&self.child(), Path::new("spool")).await.map_err(StepError::bug)?;
        match self.fault {
            Fault::Before => return Err(StepError::outside("the cloud is away")),
            Fault::Endless | Fault::Orphans => {
                cx.stopped().await;
                return Err(StepError::interrupted());
            }
            Fault::Deaf => std::future::pending().await,
            Fault::Vain => return Ok(()),
            _ => {}
        }
        self.world.make(&self.thing)?;
        if self.fault == Fault::After { Err(StepError::outside("the answer was lost")) } else { Ok(()) }
    }
}

/// Keeps every event.
#[derive(Default)]
pub(crate) struct Events(pub(crate) Mutex<Vec<Event>>);

impl Progress for Events {
    fn event(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

pub(crate) fn work(digest: &str) -> Work {
    Work { command: "hangar up".to_owned(), digest: digest.to_owned(), plan: json!({ "plan": digest }) }
}

/// A diamond with a tail: `a`, then `b` and `c`, then `d`, and `e` on its own.
pub(crate) const DIAMOND: [(&str, &[&str]); 5] =
    [("a", &[]), ("b", &["a"]), ("c", &["a"]), ("d", &["b", "c"]), ("e", &[])];

pub(crate) fn diamond(world: &World, fault: impl Fn(&str) -> Fault, log: &Log) -> Steps {
    DIAMOND.iter().fold(Steps::new(), |steps, (thing, requires)| {
        let step = Make::new(world, thing).with_fault(fault(thing)).with_log(log);
        steps.with(key(thing), requires.iter().map(|required| key(required)), step)
    })
}

pub(crate) fn diamond_things() -> BTreeSet<String> {
    DIAMOND.iter().map(|(thing, _)| (*thing).to_owned()).collect()
}

/// A folder with a world, and engines that come and go in it.
pub(crate) struct Site {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) world: World,
}

impl Site {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let world = World::new(&dir.path().join("world"));
        Self { dir, world }
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    pub(crate) fn engine(&self) -> Engine {
        self.engine_with(Arc::new(NoProgress), Cancel::default())
    }

    pub(crate) fn engine_with(&self, progress: Arc<dyn Progress>, cancel: Cancel) -> Engine {
        let options = Options { progress, cancel, ..Options::new("hangar up") };
        Engine::open(&self.state(), options).unwrap()
    }

    pub(crate) async fn run(&self, steps: Steps) -> Result<Report, EngineError> {
        self.engine().run(work("plan-1"), steps).await
    }
}

pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "waited {PATIENCE:?} for: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
