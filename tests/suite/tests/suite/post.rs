//! Records that travel by a post which loses, delays and doubles them, and to which one way after the other is closed.
//!
//! Each member has a folder that it alone sees; what it puts there is carried into the folders of the others, as by mail or by a
//! synchroniser. What does not arrive is sent again, unless something newer has taken its place by then.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How often the post looks into a folder.
const ROUND: Duration = Duration::from_millis(100);
/// When what did not arrive is sent again.
const AGAIN: Duration = Duration::from_millis(1_500);
/// How much later a late message comes.
const LATE: Duration = Duration::from_secs(1);
/// How long a way is closed before the next is.
const CLOSED: Duration = Duration::from_secs(2);

/// What becomes of a message when it is sent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It never arrives: what arrives is sent later, or is the next.
    Lost,
    /// It arrives after its time, and then in the place of what is newer.
    Late,
    /// It arrives, and then what came before it once more.
    Doubled,
}

/// One after the other.
pub(crate) const IN_TURN: &[Fate] = &[Fate::Lost, Fate::Late, Fate::Doubled];

/// A post at work; it stops when dropped.
pub(crate) struct Post {
    counts: Arc<Counts>,
    task: JoinHandle<Result<()>>,
    fates: &'static [Fate],
}

#[derive(Default)]
struct Counts {
    lost: AtomicUsize,
    late: AtomicUsize,
    doubled: AtomicUsize,
}

impl Post {
    /// Begins to carry between the folders of these members, the first of which alone invites.
    pub(crate) fn begin(root: &Path, members: &[&str], fates: &'static [Fate]) -> Result<Self> {
        let mut ways = Vec::new();
        for from in members {
            fs::create_dir_all(folder(root, from))?;
            for to in members.iter().filter(|to| *to != from) {
                let mut files = vec![format!("{from}.record.json")];
                if *from == members[0] {
                    files.push(format!("{to}.invitation.json"));
                }
                let letters = files.iter().map(|file| Letters::new(&folder(root, from), &folder(root, to), file));
                ways.push(letters.collect());
            }
        }
        let counts = Arc::new(Counts::default());
        let task = tokio::spawn(carry(ways, fates, Arc::clone(&counts)));
        Ok(Self { counts, task, fates })
    }

    /// What a workspace in `root` names as its carrier.
    pub(crate) fn carrier(member: &str) -> String {
        format!("folder:../post/{member}")
    }

    /// Says that it still carries, and that every fate it deals out has been somebody's.
    pub(crate) fn has_been_bad(&self) -> Result<()> {
        ensure!(!self.task.is_finished(), "the post has broken down");
        for fate in self.fates {
            let n_met = self.counts.of(*fate).load(Ordering::Acquire);
            ensure!(n_met > 0, "no message was {fate:?}");
        }
        Ok(())
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Counts {
    fn of(&self, fate: Fate) -> &AtomicUsize {
        match fate {
            Fate::Lost => &self.lost,
            Fate::Late => &self.late,
            Fate::Doubled => &self.doubled,
        }
    }
}

fn folder(root: &Path, member: &str) -> PathBuf {
    root.join("post").join(member)
}

/// One file on its way from one member to another, again and again.
struct Letters {
    from: PathBuf,
    to: PathBuf,
    /// What was there when it was looked at last.
    newest: Option<Vec<u8>>,
    /// On their way, and when they arrive.
    under_way: Vec<(Instant, Vec<u8>)>,
    /// When something was sent last.
    sent: Instant,
}

impl Letters {
    fn new(from: &Path, to: &Path, file: &str) -> Self {
        let (from, to) = (from.join(file), to.join(file));
        Self { from, to, newest: None, under_way: Vec::new(), sent: Instant::now() }
    }

    /// Sends what is new, by the next fate; brings what is due; and sends again what has not arrived.
    fn go_round(&mut self, next: &mut impl Iterator<Item = Fate>, counts: &Counts) -> Result<()> {
        let now = Instant::now();
        if let Some(bytes) = read(&self.from)?
            && self.newest.as_ref() != Some(&bytes)
        {
            let former = self.newest.replace(bytes.clone());
            let fate = next.next().context("fates without an end")?;
            counts.of(fate).fetch_add(1, Ordering::AcqRel);
            self.sent = now;
            match fate {
                Fate::Lost => {}
                Fate::Late => self.under_way.push((now + LATE, bytes)),
                Fate::Doubled => {
                    deliver(&self.to, &bytes)?;
                    self.under_way.push((now + LATE, former.unwrap_or(bytes)));
                }
            }
        }
        for (_, bytes) in self.under_way.extract_if(.., |(due, _)| *due <= now) {
            deliver(&self.to, &bytes)?;
            self.sent = now;
        }
        if let Some(newest) = &self.newest
            && self.under_way.is_empty()
            && now - self.sent >= AGAIN
            && read(&self.to)?.as_ref() != Some(newest)
        {
            deliver(&self.to, newest)?;
            self.sent = now;
        }
        Ok(())
    }
}

async fn carry(mut ways: Vec<Vec<Letters>>, fates: &'static [Fate], counts: Arc<Counts>) -> Result<()> {
    let mut rounds = interval(ROUND);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut next = fates.iter().copied().cycle();
    let (since, n_ways) = (Instant::now(), ways.len() as u128);
    loop {
        rounds.tick().await;
        let closed = since.elapsed().as_millis() / CLOSED.as_millis() % n_ways;
        for (_, letters) in (0..).zip(&mut ways).filter(|(n, _)| *n != closed) {
            for one in letters {
                one.go_round(&mut next, &counts)?;
            }
        }
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(err) => Err(err).with_context(|| format!("cannot read `{}`", path.display())),
    }
}

/// A reader meets the old file or the new one.
fn deliver(path: &Path, bytes: &[u8]) -> Result<()> {
    let beside = path.with_extension("tmp");
    fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, path)).with_context(|| path.display().to_string())
}

/// What goes in at one end comes out at the other, however bad the post.
#[tokio::test]
async fn the_newest_record_arrives_in_the_end_whatever_becomes_of_those_before() -> Result<()> {
    let root = test_support::scratch(Path::new(env!("CARGO_TARGET_TMPDIR")), "post")?;
    let post = Post::begin(&root, &["uss1", "uss2"], IN_TURN)?;
    for n in 0..3 {
        let record = format!("record {n}");
        fs::write(folder(&root, "uss1").join("uss1.record.json"), &record)?;
        fs::write(folder(&root, "uss1").join("uss2.invitation.json"), &record)?;
        for file in ["uss1.record.json", "uss2.invitation.json"] {
            test_support::wait_for("what was sent last", async || {
                let arrived = read(&folder(&root, "uss2").join(file))?;
                Ok((arrived.as_deref() == Some(record.as_bytes())).then_some(()))
            })
            .await?;
        }
    }
    ensure!(read(&folder(&root, "uss1").join("uss2.record.json"))?.is_none(), "nobody wrote that");
    post.has_been_bad()
}
