//! The gRPC side (docs/prover.md §1, §2).

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::Stream;
use tokio_stream::wrappers::{ReceiverStream, UnixListenerStream};
use tonic::{Request, Response, Status};
use tower::util::MapResponseLayer;

use crate::keys::{Cache, KeysError};
use crate::pb::prover as pb;
use crate::pb::prover::prover_server::{Prover, ProverServer};
use crate::prover;
use crate::worker::{self, Call};

/// Of a message.
pub const MOST_BYTES: usize = 64 << 20;
/// What health is asked for.
pub const SERVICE: &str = "multiprover.prover.v1.Prover";

type Updates<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

struct Service {
    cache: Cache,
    /// A proof takes every core and much memory: one call at a time, the others wait and are told so.
    turn: Arc<Semaphore>,
}

/// The caller's deadline, of the header `grpc-timeout`: up to eight digits and a unit.
fn deadline<T>(request: &Request<T>) -> Option<Duration> {
    let text = request.metadata().get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let n: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(n * 3600)),
        "M" => Some(Duration::from_secs(n * 60)),
        "S" => Some(Duration::from_secs(n)),
        "m" => Some(Duration::from_millis(n)),
        "u" => Some(Duration::from_micros(n)),
        "n" => Some(Duration::from_nanos(n)),
        _ => None,
    }
}

impl Service {
    fn start<C: Call>(&self, request: Request<C>) -> Updates<C::Update> {
        let limit = deadline(&request);
        let (sender, receiver) = mpsc::channel(1);
        let (call, cache, turn) = (request.into_inner(), self.cache.clone(), self.turn.clone());
        tokio::spawn(async move {
            let served = serve_call(&call, &cache, &turn, &sender);
            let outcome = match limit {
                None => served.await,
                // Dropped at the deadline, and its worker with it.
                Some(limit) => match tokio::time::timeout(limit, served).await {
                    Ok(outcome) => outcome,
                    Err(_) => Err(Status::deadline_exceeded("the call's deadline is over")),
                },
            };
            if let Err(status) = outcome {
                log("error", status.message());
                _ = sender.send(Err(status)).await;
            }
        });
        Box::pin(ReceiverStream::new(receiver))
    }
}

async fn serve_call<C: Call>(
    call: &C,
    cache: &Cache,
    turn: &Semaphore,
    sender: &mpsc::Sender<Result<C::Update, Status>>,
) -> Result<(), Status> {
    let waiting = async {
        loop {
            let queued = pb::Progress { stage: "queued".into(), fraction: 0.0 };
            if sender.send(Ok(C::progress(queued))).await.is_err() {
                return;
            }
            tokio::time::sleep(worker::TICK).await;
        }
    };
    let permit = tokio::select! {
        biased;
        permit = turn.acquire() => permit.expect("never closed"),
        () = waiting => return Ok(()),
    };
    let outcome = worker::run(call, cache, sender).await;
    drop(permit);
    outcome
}

#[tonic::async_trait]
impl Prover for Service {
    type PrepareStream = Updates<pb::PrepareUpdate>;
    type ProveStream = Updates<pb::ProveUpdate>;

    async fn describe(&self, _: Request<pb::DescribeRequest>) -> Result<Response<pb::Manifest>, Status> {
        Ok(Response::new(prover::manifest(&self.cache.setup)))
    }

    async fn prepare(&self, request: Request<pb::PrepareRequest>) -> Result<Response<Self::PrepareStream>, Status> {
        Ok(Response::new(self.start(request)))
    }

    async fn prove(&self, request: Request<pb::ProveRequest>) -> Result<Response<Self::ProveStream>, Status> {
        Ok(Response::new(self.start(request)))
    }

    async fn verify(&self, request: Request<pb::VerifyRequest>) -> Result<Response<pb::VerifyResponse>, Status> {
        use pb::verify_response::Verdict;
        let cache = self.cache.clone();
        let verified = tokio::task::spawn_blocking(move || prover::verify(&cache, request.get_ref())).await;
        let verdict = match verified.map_err(|e| Status::internal(format!("verifying failed: {e}")))? {
            Ok(()) => Verdict::Accepted(pb::Accepted {}),
            Err(KeysError::Refused(refusal)) => Verdict::Refusal(refusal.into()),
            Err(error) => return Err(Status::internal(error.to_string())),
        };
        Ok(Response::new(pb::VerifyResponse { verdict: Some(verdict) }))
    }
}

/// The library answers a message over the limit with `OUT_OF_RANGE`; docs/prover.md §1 has gRPC's own word for it.
fn rename_too_large<B>(mut response: http::Response<B>) -> http::Response<B> {
    let headers = response.headers_mut();
    let out_of_range = headers.get("grpc-status").is_some_and(|code| code.as_bytes() == b"11");
    let of_size =
        headers.get("grpc-message").is_some_and(|text| String::from_utf8_lossy(text.as_bytes()).contains("too%20large"));
    if out_of_range && of_size {
        headers.insert("grpc-status", http::HeaderValue::from_static("8"));
    }
    response
}

/// One line of JSON on standard error.
pub fn log(level: &str, message: &str) {
    eprintln!("{}", serde_json::json!({ "level": level, "msg": message }));
}

/// Serves at `unix:///path` until SIGTERM or SIGINT. Prints `ready` once it listens.
///
/// # Errors
/// The address or the cache directory cannot be used.
pub async fn serve(address: &str, cache: Cache) -> anyhow::Result<()> {
    let Some(path) = address.strip_prefix("unix://") else { anyhow::bail!("expected unix:///path, got {address}") };
    std::fs::create_dir_all(&cache.folder)?;
    // What a prover that is gone left behind; one that still listens is not pushed aside.
    if UnixStream::connect(path).await.is_err() {
        _ = std::fs::remove_file(path);
    }
    let listener = UnixListener::bind(path)?;
    let (reporter, health) = tonic_health::server::health_reporter();
    for name in [SERVICE, ""] {
        reporter.set_service_status(name, tonic_health::ServingStatus::Serving).await;
    }
    let service = ProverServer::new(Service { cache, turn: Arc::new(Semaphore::new(1)) });
    let service = service.max_decoding_message_size(MOST_BYTES).max_encoding_message_size(MOST_BYTES);
    let router = tonic::transport::Server::builder()
        .layer(MapResponseLayer::new(rename_too_large))
        .add_service(health)
        .add_service(service);
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    println!("ready");
    log("info", &format!("listening at {address}"));
    tokio::select! {
        served = router.serve_with_incoming(UnixListenerStream::new(listener)) => served?,
        _ = terminate.recv() => log("info", "terminated"),
        _ = interrupt.recv() => log("info", "interrupted"),
    }
    // Workers see that their standard input ends.
    _ = std::fs::remove_file(path);
    Ok(())
}
