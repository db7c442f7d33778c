//! Long calls run in a child process: it can be killed at any moment, its memory is given back, and nothing in it can end the server.
//!
//! The child is this program with `--worker`; it reads one request from its standard input (a length of 4 bytes, then the bytes)
//! and writes updates to its standard output in the same frames. When its standard input ends, whoever started it is gone: it exits at once.

use std::io::{Read, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::sync::mpsc;
use tonic::Status;

use crate::keys::{Cache, Form, KeysError};
use crate::pb::prover as pb;
use crate::prover;

/// Progress is sent this often.
pub const TICK: Duration = Duration::from_millis(200);

/// The two calls that run in a child.
pub trait Job: Message + Default + 'static {
    type Update: Message + Default + Send + 'static;
    const NAME: &'static str;

    fn run(&self, cache: &Cache, progress: &dyn prover::Progress) -> Result<Self::Update, KeysError>;
    fn progress(progress: pb::Progress) -> Self::Update;
    fn refusal(refusal: pb::Refusal) -> Self::Update;
    fn is_progress(update: &Self::Update) -> bool;
}

impl Job for pb::PrepareRequest {
    type Update = pb::PrepareUpdate;
    const NAME: &'static str = "prepare";

    fn run(&self, cache: &Cache, progress: &dyn prover::Progress) -> Result<Self::Update, KeysError> {
        prover::prepare(cache, self, progress)
            .map(|p| pb::PrepareUpdate { update: Some(pb::prepare_update::Update::Prepared(p)) })
    }
    fn progress(progress: pb::Progress) -> Self::Update {
        pb::PrepareUpdate { update: Some(pb::prepare_update::Update::Progress(progress)) }
    }
    fn refusal(refusal: pb::Refusal) -> Self::Update {
        pb::PrepareUpdate { update: Some(pb::prepare_update::Update::Refusal(refusal)) }
    }
    fn is_progress(update: &Self::Update) -> bool {
        matches!(update.update, Some(pb::prepare_update::Update::Progress(_)))
    }
}

impl Job for pb::ProveRequest {
    type Update = pb::ProveUpdate;
    const NAME: &'static str = "prove";

    fn run(&self, cache: &Cache, progress: &dyn prover::Progress) -> Result<Self::Update, KeysError> {
        prover::prove(cache, self, progress).map(|p| pb::ProveUpdate { update: Some(pb::prove_update::Update::Proof(p)) })
    }
    fn progress(progress: pb::Progress) -> Self::Update {
        pb::ProveUpdate { update: Some(pb::prove_update::Update::Progress(progress)) }
    }
    fn refusal(refusal: pb::Refusal) -> Self::Update {
        pb::ProveUpdate { update: Some(pb::prove_update::Update::Refusal(refusal)) }
    }
    fn is_progress(update: &Self::Update) -> bool {
        matches!(update.update, Some(pb::prove_update::Update::Progress(_)))
    }
}

/// The stage that a child is in.
struct Stage {
    name: String,
    from: f64,
    to: f64,
    seconds: f64,
    since: Instant,
}

struct Stages(Mutex<Stage>);

impl Stages {
    fn new() -> Self {
        Stages(Mutex::new(Stage { name: "load".into(), from: 0.0, to: 0.0, seconds: 1.0, since: Instant::now() }))
    }

    /// Nears the stage's end without reaching it: what a stage takes is only expected.
    fn now(&self) -> pb::Progress {
        let stage = self.0.lock().expect("not poisoned");
        let share = 1.0 - (-stage.since.elapsed().as_secs_f64() / stage.seconds.max(0.1)).exp();
        pb::Progress { stage: stage.name.clone(), fraction: stage.from + (stage.to - stage.from) * share }
    }
}

impl prover::Progress for Stages {
    fn stage(&self, name: &str, from: f64, to: f64, seconds: f64) {
        *self.0.lock().expect("not poisoned") = Stage { name: name.into(), from, to, seconds, since: Instant::now() };
    }
}

fn write_frame(message: &impl Message) -> std::io::Result<()> {
    let bytes = message.encode_to_vec();
    let mut out = std::io::stdout().lock();
    out.write_all(&(bytes.len() as u32).to_be_bytes())?;
    out.write_all(&bytes)?;
    out.flush()
}

/// The child's side.
///
/// # Errors
/// The request cannot be read, or the cache cannot be used: the parent reports an internal error.
pub fn child<J: Job>(cache: &Cache) -> anyhow::Result<()> {
    let mut input = std::io::stdin();
    let mut length = [0; 4];
    input.read_exact(&mut length)?;
    let mut bytes = vec![0; u32::from_be_bytes(length) as usize];
    input.read_exact(&mut bytes)?;
    std::thread::spawn(move || {
        let _ = input.read(&mut [0]);
        std::process::exit(1);
    });
    let job = J::decode(bytes.as_slice())?;
    let stages = Stages::new();
    let outcome = std::thread::scope(|scope| {
        let (done, ended) = std::sync::mpsc::channel::<()>();
        let ticker = scope.spawn({
            let stages = &stages;
            move || {
                // The end is the other side hung up.
                while ended.recv_timeout(TICK) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                    if write_frame(&J::progress(stages.now())).is_err() {
                        std::process::exit(1);
                    }
                }
            }
        });
        let outcome = job.run(cache, &stages);
        drop(done);
        ticker.join().expect("the ticker does not panic");
        outcome
    });
    let last = match outcome {
        Ok(update) => update,
        Err(KeysError::Refused(refusal)) => J::refusal(refusal.to_pb()),
        Err(error) => return Err(error.into()),
    };
    write_frame(&last)?;
    Ok(())
}

/// This program: on Linux the one that runs, whatever stands in its file's place since it started.
fn program() -> std::io::Result<std::path::PathBuf> {
    if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { std::env::current_exe() }
}

/// The server's side: runs a job in a child and hands its updates on. Ends, and the child with it, when the receiver is gone.
///
/// # Errors
/// The child could not be started, or ended without an answer.
pub async fn run<J: Job>(job: &J, cache: &Cache, updates: &mpsc::Sender<Result<J::Update, Status>>) -> Result<(), Status> {
    let internal = |what: &str, e: std::io::Error| Status::internal(format!("{what}: {e}"));
    let program = program().map_err(|e| internal("cannot find this program", e))?;
    let mut child = Command::new(program)
        .args(["--worker", J::NAME, "--cache"])
        .arg(&cache.folder)
        .args((cache.form == Form::Native).then_some("--native"))
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| internal("cannot start a worker", e))?;
    // Kept open: its end tells the child that this process is gone.
    let mut stdin = child.stdin.take().expect("piped");
    let mut stdout = child.stdout.take().expect("piped");
    let bytes = job.encode_to_vec();
    let talk = async {
        stdin.write_all(&(bytes.len() as u32).to_be_bytes()).await?;
        stdin.write_all(&bytes).await?;
        stdin.flush().await?;
        loop {
            let length = stdout.read_u32().await?;
            let mut frame = vec![0; length as usize];
            stdout.read_exact(&mut frame).await?;
            let update = J::Update::decode(frame.as_slice()).map_err(std::io::Error::other)?;
            let last = !J::is_progress(&update);
            if updates.send(Ok(update)).await.is_err() || last {
                return Ok::<(), std::io::Error>(());
            }
        }
    };
    let outcome = tokio::select! {
        outcome = talk => outcome,
        () = updates.closed() => Ok(()),
    };
    let _ = child.start_kill();
    let status = child.wait().await;
    outcome.map_err(|e| Status::internal(format!("the worker ended without an answer ({e}); its status: {status:?}")))
}
