//! The two long calls run in a process of their own: it can be killed at any moment, and nothing that happens in it ends the server.
//!
//! That process stays for the next call, with the proving key that it has made: a batch after the first is proven without making
//! it again. A call that is cancelled, and one that fails, ends it; the next call starts another.
//!
//! A worker is this program with `--worker`. It reads calls from its standard input, each a byte that says which, a length of 4 bytes,
//! big-endian, and the request; and writes updates to its standard output, each after its length. When its standard input ends, so does it.

use std::io::{Read, Write};
use std::process::Stdio;
use std::sync::{Mutex, PoisonError, mpsc as threads};
use std::time::{Duration, Instant};

use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;
use tonic::Status;

use crate::keys::{Cache, Failure, Form};
use crate::pb::prover as pb;
use crate::prover::{self, Kept, Stage};
use crate::usage;

/// Between two reports of progress.
pub const TICK: Duration = Duration::from_millis(250);

/// A call that runs in a worker.
pub trait Call: Message + Default + 'static {
    type Update: Message + Default + Send + 'static;
    /// Which call it is, to the worker.
    const KIND: u8;

    /// Its answer; what goes before it is sent.
    ///
    /// # Errors
    /// A refusal, or the prover failed.
    fn run(
        &self,
        cache: &Cache,
        kept: &mut Kept,
        enter: &dyn Fn(Stage),
        send: &dyn Fn(Self::Update),
    ) -> Result<Self::Update, Failure>;
    fn progress(progress: pb::Progress) -> Self::Update;
    fn refusal(refusal: pb::Refusal) -> Self::Update;
    fn is_last(update: &Self::Update) -> bool;
}

impl Call for pb::PrepareRequest {
    type Update = pb::PrepareUpdate;
    const KIND: u8 = 1;

    fn run(
        &self,
        cache: &Cache,
        kept: &mut Kept,
        enter: &dyn Fn(Stage),
        _: &dyn Fn(Self::Update),
    ) -> Result<Self::Update, Failure> {
        let prepared = prover::prepare(cache, kept, self, enter)?;
        Ok(pb::PrepareUpdate { update: Some(pb::prepare_update::Update::Prepared(prepared)) })
    }

    fn progress(progress: pb::Progress) -> Self::Update {
        pb::PrepareUpdate { update: Some(pb::prepare_update::Update::Progress(progress)) }
    }

    fn refusal(refusal: pb::Refusal) -> Self::Update {
        pb::PrepareUpdate { update: Some(pb::prepare_update::Update::Refusal(refusal)) }
    }

    fn is_last(update: &Self::Update) -> bool {
        !matches!(update.update, Some(pb::prepare_update::Update::Progress(_)))
    }
}

impl Call for pb::ProveRequest {
    type Update = pb::ProveUpdate;
    const KIND: u8 = 2;

    fn run(
        &self,
        cache: &Cache,
        kept: &mut Kept,
        enter: &dyn Fn(Stage),
        send: &dyn Fn(Self::Update),
    ) -> Result<Self::Update, Failure> {
        let update = |update| pb::ProveUpdate { update: Some(update) };
        let early = |proof| send(update(pb::prove_update::Update::Early(proof)));
        let proof = prover::prove(cache, kept, self, enter, &early)?;
        Ok(update(pb::prove_update::Update::Proof(proof)))
    }

    fn progress(progress: pb::Progress) -> Self::Update {
        pb::ProveUpdate { update: Some(pb::prove_update::Update::Progress(progress)) }
    }

    fn refusal(refusal: pb::Refusal) -> Self::Update {
        pb::ProveUpdate { update: Some(pb::prove_update::Update::Refusal(refusal)) }
    }

    fn is_last(update: &Self::Update) -> bool {
        use pb::prove_update::Update;
        !matches!(update.update, Some(Update::Progress(_) | Update::Early(_)))
    }
}

/// How far a stage has come: past half of it once the expected time is over, and never at its end.
fn progress(stage: &Stage, since: Instant) -> pb::Progress {
    let spent = since.elapsed().as_secs_f64();
    let share = spent / (spent + stage.expected_s.max(0.1));
    pb::Progress { stage: stage.name.into(), fraction: stage.from + (stage.to - stage.from) * share }
}

/// To the server; without it there is nothing to go on for.
fn send(update: &impl Message) {
    let bytes = update.encode_to_vec();
    let mut out = std::io::stdout().lock();
    let sent = out.write_all(&(bytes.len() as u32).to_be_bytes()).and_then(|()| out.write_all(&bytes)).and_then(|()| out.flush());
    if sent.is_err() {
        std::process::exit(1);
    }
}

fn serve_call<C: Call>(request: &[u8], cache: &Cache, kept: &mut Kept) -> anyhow::Result<()> {
    let call = C::decode(request)?;
    usage::forget_peak();
    let start = Stage { name: "start", from: 0.0, to: 0.0, expected_s: 1.0 };
    let current = Mutex::new((start, Instant::now()));
    let outcome = std::thread::scope(|scope| {
        let (over, wait) = threads::channel::<()>();
        let reporter = scope.spawn(|| {
            let wait = wait;
            while wait.recv_timeout(TICK) == Err(threads::RecvTimeoutError::Timeout) {
                let (stage, since) = *current.lock().unwrap_or_else(PoisonError::into_inner);
                send(&C::progress(progress(&stage, since)));
            }
        });
        let enter = |stage| *current.lock().unwrap_or_else(PoisonError::into_inner) = (stage, Instant::now());
        let outcome = call.run(cache, kept, &enter, &|update| send(&update));
        drop(over);
        reporter.join().expect("it does not panic");
        outcome
    });
    match outcome {
        Ok(update) => send(&update),
        Err(Failure::Refused(refusal)) => send(&C::refusal(refusal.to_pb())),
        Err(failure) => return Err(failure.into()),
    }
    Ok(())
}

/// The worker's side: serves until its standard input ends.
///
/// # Errors
/// A call failed: the server reports it and starts another worker for the next.
pub fn serve(cache: &Cache) -> anyhow::Result<()> {
    let (sender, calls) = threads::channel();
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        let mut call = || {
            let mut head = [0; 5];
            input.read_exact(&mut head)?;
            let [kind, length @ ..] = head;
            let mut request = vec![0; u32::from_be_bytes(length) as usize];
            input.read_exact(&mut request)?;
            std::io::Result::Ok((kind, request))
        };
        while let Ok(call) = call() {
            if sender.send(call).is_err() {
                return;
            }
        }
        // The server is gone, or does not want the answer any more.
        std::process::exit(1);
    });
    let mut kept = Kept::default();
    for (kind, request) in calls {
        match kind {
            pb::PrepareRequest::KIND => serve_call::<pb::PrepareRequest>(&request, cache, &mut kept)?,
            pb::ProveRequest::KIND => serve_call::<pb::ProveRequest>(&request, cache, &mut kept)?,
            _ => anyhow::bail!("expected call 1 or 2, found {kind}"),
        }
    }
    Ok(())
}

/// A worker process, between two calls or in one. Dropped, it is killed.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
}

impl Worker {
    /// # Errors
    /// No process can be started.
    fn start(cache: &Cache) -> std::io::Result<Self> {
        // On Linux the program that runs, whatever stands in its file's place since it started.
        let program = if cfg!(target_os = "linux") { "/proc/self/exe".into() } else { std::env::current_exe()? };
        let mut child = Command::new(program)
            .arg("--worker")
            .arg("--cache")
            .arg(&cache.folder)
            .args((cache.form == Form::Native).then_some("--native"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let (input, output) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        Ok(Worker { child, input, output })
    }

    /// Hands on the updates of one call, the last one too.
    async fn talk<C: Call>(&mut self, call: &C, updates: &mpsc::Sender<Result<C::Update, Status>>) -> std::io::Result<()> {
        let request = call.encode_to_vec();
        self.input.write_u8(C::KIND).await?;
        self.input.write_u32(request.len() as u32).await?;
        self.input.write_all(&request).await?;
        self.input.flush().await?;
        loop {
            let mut bytes = vec![0; self.output.read_u32().await? as usize];
            self.output.read_exact(&mut bytes).await?;
            let update = C::Update::decode(&bytes[..]).map_err(std::io::Error::other)?;
            let last = C::is_last(&update);
            // Who has hung up is noticed by `run`.
            _ = updates.send(Ok(update)).await;
            if last {
                return Ok(());
            }
        }
    }

    fn if_alive(mut self) -> Option<Self> {
        matches!(self.child.try_wait(), Ok(None)).then_some(self)
    }

    async fn kill(mut self) -> std::io::Result<std::process::ExitStatus> {
        _ = self.child.start_kill();
        self.child.wait().await
    }
}

/// One call in the worker at `place`, which is left there for the next; it ends when nobody wants the updates any more.
///
/// # Errors
/// The worker could not be started, or ended without an answer.
pub async fn run<C: Call>(
    call: &C,
    cache: &Cache,
    place: &mut Option<Worker>,
    updates: &mpsc::Sender<Result<C::Update, Status>>,
) -> Result<(), Status> {
    // One that has ended between two calls (a machine short of memory kills) is not asked again.
    let idle = place.take().and_then(Worker::if_alive);
    let mut worker = match idle {
        Some(idle) => idle,
        None => Worker::start(cache).map_err(|e| Status::internal(format!("a worker cannot be started: {e}")))?,
    };
    let outcome = tokio::select! {
        outcome = worker.talk(call, updates) => outcome.map(|()| true),
        () = updates.closed() => Ok(false),
    };
    match outcome {
        Ok(true) => *place = Some(worker),
        Ok(false) => _ = worker.kill().await,
        Err(error) => {
            let status = worker.kill().await;
            return Err(Status::internal(format!("the worker ended without an answer: {error}; {status:?}")));
        }
    }
    Ok(())
}
