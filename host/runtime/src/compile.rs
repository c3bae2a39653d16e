//! Compilation, in a child process with limits of its own.
//!
//! Compiling foreign code is outside the engine's promises: a small component can cost hours or all memory. So a child
//! does it, this host's own program started anew, which limits itself before it reads a byte, has an empty environment
//! and speaks only through its pipes.

use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};

/// The program that compiles, and what it may use up.
#[derive(Debug, Clone)]
pub struct Compiler {
    /// The program: one that calls [`crate::compile_child::main`].
    pub program: PathBuf,
    /// Arguments that lead it there, such as `compile-plugin`.
    pub arguments: Vec<String>,
    /// Address space, in MiB.
    pub memory_mib: u64,
    /// Time on processors, in seconds.
    pub cpu_s: u64,
    /// Time by the clock.
    pub wall: Duration,
}

impl Compiler {
    /// A program with arguments, and the usual limits.
    #[must_use]
    pub fn new(program: PathBuf, arguments: Vec<String>) -> Self {
        Self { program, arguments, memory_mib: 4096, cpu_s: 240, wall: Duration::from_secs(180) }
    }
}

/// Most threads a child compiles with; each reserves address space of its own.
const MAX_THREADS: usize = 4;
/// Bound of the compiled code. The largest plugins known have 36 MiB.
const MAX_CODE: u64 = 512 * 1024 * 1024;
/// Bound of what the child says of a failure.
const MAX_WORDS: u64 = 4 * 1024;

/// Why there is no compiled code.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The child never started.
    #[error("cannot start `{}`", program.display())]
    Spawn {
        /// The program.
        program: PathBuf,
        /// Why not.
        #[source]
        err: io::Error,
    },
    /// The child cannot be spoken with.
    #[error("cannot speak with the compiler")]
    Pipe(#[source] io::Error),
    /// The component is refused.
    #[error("the compiler refuses it: {0}")]
    Refused(String),
    /// The child ended badly, as it does past a limit.
    #[error("the compiler ended with {status} (limits: {memory_mib} MiB, {cpu_s} s of processor time)")]
    Ended {
        /// How.
        status: ExitStatus,
        /// Its bound of address space.
        memory_mib: u64,
        /// Its bound of processor time.
        cpu_s: u64,
    },
    /// The time was up.
    #[error("the compiler was stopped after {} s", .0.as_secs())]
    Timeout(Duration),
    /// More code than a plugin may have.
    #[error("the compiled code is larger than {MAX_CODE} bytes")]
    TooLarge,
}

/// Compiles a component.
pub(crate) async fn compile(compiler: &Compiler, component: &[u8]) -> Result<Vec<u8>, CompileError> {
    match tokio::time::timeout(compiler.wall, run(compiler, component)).await {
        Ok(result) => result,
        Err(_) => Err(CompileError::Timeout(compiler.wall)),
    }
}

async fn run(compiler: &Compiler, component: &[u8]) -> Result<Vec<u8>, CompileError> {
    let mut child = spawn(compiler)?;
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    let stdout = child.stdout.take().expect("stdout is a pipe");
    let stderr = child.stderr.take().expect("stderr is a pipe");
    // A child that ends early closes its input; what it says of that matters more than the broken pipe.
    let feed = async {
        let written = stdin.write_all(component).await;
        drop(stdin);
        drop(written);
    };
    let ((), code, words) = tokio::join!(feed, read(stdout, MAX_CODE + 1), read(stderr, MAX_WORDS));
    let code = code.map_err(CompileError::Pipe)?;
    if code.len() as u64 > MAX_CODE {
        return Err(CompileError::TooLarge);
    }
    let status = child.wait().await.map_err(CompileError::Pipe)?;
    if status.success() {
        return Ok(code);
    }
    let words = String::from_utf8_lossy(&words.map_err(CompileError::Pipe)?).trim().to_owned();
    if status.code() == Some(i32::from(crate::compile_child::REFUSED)) {
        return Err(CompileError::Refused(words));
    }
    Err(CompileError::Ended { status, memory_mib: compiler.memory_mib, cpu_s: compiler.cpu_s })
}

/// Starts the child. It dies with the future that waits for it.
fn spawn(compiler: &Compiler) -> Result<tokio::process::Child, CompileError> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(MAX_THREADS);
    #[expect(
        clippy::disallowed_methods,
        reason = "the child is this very program, short-lived, fed and read through pipes, with nothing to resume"
    )]
    let mut command = tokio::process::Command::new(&compiler.program);
    command
        .args(&compiler.arguments)
        .args([compiler.memory_mib.to_string(), compiler.cpu_s.to_string()])
        .env_clear()
        .env("RAYON_NUM_THREADS", threads.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command.spawn().map_err(|err| CompileError::Spawn { program: compiler.program.clone(), err })
}

/// Reads up to a bound and passes over the rest, so that the child is never stuck on a full pipe.
async fn read(mut pipe: impl AsyncRead + Unpin, bound: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    (&mut pipe).take(bound).read_to_end(&mut bytes).await?;
    tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await?;
    Ok(bytes)
}
