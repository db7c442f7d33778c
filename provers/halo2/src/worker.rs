//! The two long calls, each in a process of its own: it can be killed at any moment, what it took is given back at once, and
//! nothing that happens in it ends the server.
//!
//! A worker is this program with `--worker CALL`. It reads the request from its standard input and writes updates to its standard
//! output, each after its length (4 bytes, big-endian). Its standard input stays open as long as the server wants an answer.

use std::io::{Read, Write};
use std::process::Stdio;
use std::sync::{Mutex, mpsc as threads};
use std::time::{Duration, Instant};

use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tonic::Status;

use crate::keys::{Cache, KeysError};
use crate::pb::prover as pb;
use crate::prover::{self, Stage};
use crate::setup::Setup;

/// Between two reports of progress.
pub const TICK: Duration = Duration::from_millis(250);

/// A call that runs in a worker.
pub trait Call: Message + Default + 'static {
    type Update: Message + Default + Send + 'static;
    type Answer;
    const NAME: &'static str;

    fn run(&self, cache: &Cache, stage: &dyn Fn(Stage)) -> Result<Self::Answer, KeysError>;
    fn answer(answer: Self::Answer) -> Self::Update;
    fn progress(progress: pb::Progress) -> Self::Update;
    fn refusal(refusal: pb::Refusal) -> Self::Update;
    fn is_last(update: &Self::Update) -> bool;
}

macro_rules! call {
    ($request:ty, $update:ident, $module:ident, $answer:ident, $name:literal, $run:path) => {
        impl Call for $request {
            type Update = pb::$update;
            type Answer = pb::$answer;
            const NAME: &'static str = $name;

            fn run(&self, cache: &Cache, stage: &dyn Fn(Stage)) -> Result<Self::Answer, KeysError> {
                $run(cache, self, stage)
            }
            fn answer(answer: Self::Answer) -> Self::Update {
                pb::$update { update: Some(pb::$module::Update::$answer(answer)) }
            }
            fn progress(progress: pb::Progress) -> Self::Update {
                pb::$update { update: Some(pb::$module::Update::Progress(progress)) }
            }
            fn refusal(refusal: pb::Refusal) -> Self::Update {
                pb::$update { update: Some(pb::$module::Update::Refusal(refusal)) }
            }
            fn is_last(update: &Self::Update) -> bool {
                !matches!(update.update, None | Some(pb::$module::Update::Progress(_)))
            }
        }
    };
}

call!(pb::PrepareRequest, PrepareUpdate, prepare_update, Prepared, "prepare", prover::prepare);
call!(pb::ProveRequest, ProveUpdate, prove_update, Proof, "prove", prover::prove);

/// Progress between a stage's start and its end: nearer to it the longer it takes, and never there.
fn progress(stage: &Stage, since: Instant) -> pb::Progress {
    let spent = since.elapsed().as_secs_f64() / stage.expected_s.max(0.1);
    pb::Progress { stage: stage.name.clone(), fraction: stage.from + (stage.to - stage.from) * (spent / (1.0 + spent)) }
}

fn send(message: &impl Message) -> std::io::Result<()> {
    let bytes = message.encode_to_vec();
    let mut output = std::io::stdout().lock();
    output.write_all(&(bytes.len() as u32).to_be_bytes())?;
    output.write_all(&bytes)?;
    output.flush()
}

/// The worker's side.
///
/// # Errors
/// The prover failed, or nobody listens.
pub fn child<C: Call>(cache: &Cache) -> anyhow::Result<()> {
    let mut input = std::io::stdin();
    let mut length = [0; 4];
    input.read_exact(&mut length)?;
    let mut request = vec![0; u32::from_be_bytes(length) as usize];
    input.read_exact(&mut request)?;
    let request = C::decode(&request[..])?;
    std::thread::spawn(move || {
        // Ends when the server, or its interest, is gone.
        _ = input.read(&mut [0]);
        std::process::exit(1);
    });
    let start = Stage { name: "start".into(), from: 0.0, to: 0.0, expected_s: 1.0 };
    let current = Mutex::new((start, Instant::now()));
    let answer = std::thread::scope(|scope| {
        let (over, wait) = threads::channel::<()>();
        let reporter = scope.spawn(|| {
            let wait = wait;
            while wait.recv_timeout(TICK) == Err(threads::RecvTimeoutError::Timeout) {
                let (stage, since) = &*current.lock().expect("not poisoned");
                if send(&C::progress(progress(stage, *since))).is_err() {
                    std::process::exit(1);
                }
            }
        });
        let answer = request.run(cache, &|stage| *current.lock().expect("not poisoned") = (stage, Instant::now()));
        drop(over);
        reporter.join().expect("it does not panic");
        answer
    });
    match answer {
        Ok(answer) => send(&C::answer(answer))?,
        Err(KeysError::Refused(refusal)) => send(&C::refusal(refusal.into()))?,
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// This program: on Linux the one that runs, whatever stands in its file's place since it started.
fn program() -> std::io::Result<std::path::PathBuf> {
    if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { std::env::current_exe() }
}

/// The server's side: one call in a worker, its updates handed on. The worker ends when this does, and when nobody wants them.
///
/// # Errors
/// The worker could not be started, or ended without an answer.
pub async fn run<C: Call>(request: &C, cache: &Cache, updates: &mpsc::Sender<Result<C::Update, Status>>) -> Result<(), Status> {
    let program = program().map_err(|e| Status::internal(format!("this program cannot be found: {e}")))?;
    let mut command = tokio::process::Command::new(program);
    command.args(["--worker", C::NAME, "--cache"]).arg(&cache.folder);
    if let Setup::Ceremony { file, hash } = &cache.setup {
        command.arg("--setup").arg(file).arg("--setup-hash").arg(crate::refusal::hex(hash));
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|e| Status::internal(format!("a worker cannot be started: {e}")))?;
    let (mut input, mut output) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
    let talk = async {
        let bytes = request.encode_to_vec();
        input.write_u32(bytes.len() as u32).await?;
        input.write_all(&bytes).await?;
        input.flush().await?;
        loop {
            let mut frame = vec![0; output.read_u32().await? as usize];
            output.read_exact(&mut frame).await?;
            let update = C::Update::decode(&frame[..]).map_err(std::io::Error::other)?;
            let last = C::is_last(&update);
            if updates.send(Ok(update)).await.is_err() || last {
                return std::io::Result::Ok(());
            }
        }
    };
    let outcome = tokio::select! {
        outcome = talk => outcome,
        () = updates.closed() => Ok(()),
    };
    _ = child.start_kill();
    let status = child.wait().await;
    outcome.map_err(|e| Status::internal(format!("the worker ended without an answer: {e}; {status:?}")))
}
