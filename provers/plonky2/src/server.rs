//! The gRPC side: docs/prover.md §1 and §2.

use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::{ReceiverStream, UnixListenerStream};
use tokio_stream::{Stream, StreamExt};
use tonic::transport::Server;
use tonic::{Request, Response, Status};
use tower::util::MapResponseLayer;

use crate::keys::{Cache, KeysError};
use crate::pb::prover as pb;
use crate::pb::prover::prover_server::{Prover, ProverServer};
use crate::prover;
use crate::worker::{self, Job};

/// Of a message.
pub const MOST_BYTES: usize = 64 << 20;
/// The name that health is asked for.
pub const SERVICE: &str = "multiprover.prover.v1.Prover";

type Updates<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

struct Service {
    cache: Cache,
    /// Circuits are large and use every core: one at a time.
    turn: Arc<Semaphore>,
}

impl Service {
    fn start<J: Job>(&self, job: J) -> Updates<J::Update> {
        let (sender, receiver) = mpsc::channel(4);
        let (cache, turn) = (self.cache.clone(), self.turn.clone());
        tokio::spawn(async move {
            let queued = || J::progress(pb::Progress { stage: "queued".into(), fraction: 0.0 });
            let mut tick = tokio::time::interval(worker::TICK);
            let permit = loop {
                tokio::select! {
                    biased;
                    permit = turn.clone().acquire_owned() => break permit.expect("never closed"),
                    _ = tick.tick() => if sender.send(Ok(queued())).await.is_err() { return },
                }
            };
            if let Err(status) = worker::run(&job, &cache, &sender).await {
                log("error", status.message());
                let _ = sender.send(Err(status)).await;
            }
            drop(permit);
        });
        Box::pin(ReceiverStream::new(receiver))
    }
}

#[tonic::async_trait]
impl Prover for Service {
    type PrepareStream = Updates<pb::PrepareUpdate>;
    type ProveStream = Updates<pb::ProveUpdate>;

    async fn describe(&self, _: Request<pb::DescribeRequest>) -> Result<Response<pb::Manifest>, Status> {
        Ok(Response::new(prover::manifest(self.cache.form)))
    }

    async fn prepare(&self, request: Request<pb::PrepareRequest>) -> Result<Response<Self::PrepareStream>, Status> {
        Ok(Response::new(self.start(request.into_inner())))
    }

    async fn prove(&self, request: Request<pb::ProveRequest>) -> Result<Response<Self::ProveStream>, Status> {
        Ok(Response::new(self.start(request.into_inner())))
    }

    async fn verify(&self, request: Request<pb::VerifyRequest>) -> Result<Response<pb::VerifyResponse>, Status> {
        let cache = self.cache.clone();
        let verdict = tokio::task::spawn_blocking(move || prover::verify(&cache, request.get_ref()))
            .await
            .map_err(|e| Status::internal(format!("verification failed: {e}")))?;
        use pb::verify_response::Verdict;
        let verdict = match verdict {
            Ok(()) => Verdict::Accepted(pb::Accepted {}),
            Err(KeysError::Refused(refusal)) => Verdict::Refusal(refusal.to_pb()),
            Err(error) => return Err(Status::internal(error.to_string())),
        };
        Ok(Response::new(pb::VerifyResponse { verdict: Some(verdict) }))
    }
}

/// The library says `OUT_OF_RANGE` of a message that is too large, in the headers of an answer without a body; gRPC's own word is
/// `RESOURCE_EXHAUSTED`.
fn exhausted<B>(mut answer: http::Response<B>) -> http::Response<B> {
    let status = |code: tonic::Code| http::HeaderValue::from(code as i32);
    let headers = answer.headers_mut();
    let too_large = headers.get("grpc-message").is_some_and(|m| m.as_bytes().windows(9).any(|w| w == b"too%20lar"));
    if headers.get("grpc-status") == Some(&status(tonic::Code::OutOfRange)) && too_large {
        headers.insert("grpc-status", status(tonic::Code::ResourceExhausted));
    }
    answer
}

/// One line of JSON to standard error.
pub fn log(level: &str, message: &str) {
    eprintln!("{}", serde_json::json!({"level": level, "msg": message}));
}

/// Serves at `listen` (`unix:///path`) until SIGTERM or SIGINT; prints `ready` when it listens.
///
/// # Errors
/// The address or the cache cannot be used.
pub async fn serve(listen: &str, cache: &Cache) -> anyhow::Result<()> {
    let path = listen.strip_prefix("unix://").ok_or_else(|| anyhow::anyhow!("expected an address unix:///path, got {listen}"))?;
    std::fs::create_dir_all(&cache.folder)?;
    // A socket left by a process that is gone would make the address unusable; one that is served is not taken away.
    if std::os::unix::net::UnixStream::connect(path).is_err() {
        let _ = std::fs::remove_file(path);
    }
    let listener = tokio::net::UnixListener::bind(path)?;
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_service_status(SERVICE, tonic_health::ServingStatus::Serving).await;
    health.set_service_status("", tonic_health::ServingStatus::Serving).await;
    let service = Service { cache: cache.clone(), turn: Arc::new(Semaphore::new(1)) };
    let server = Server::builder()
        .layer(MapResponseLayer::new(exhausted))
        .add_service(health_service)
        .add_service(ProverServer::new(service).max_decoding_message_size(MOST_BYTES).max_encoding_message_size(MOST_BYTES))
        .serve_with_incoming(UnixListenerStream::new(listener).map(|c| c));
    println!("ready");
    log("info", &format!("listening at {listen}"));
    let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        result = server => result?,
        _ = terminated.recv() => log("info", "terminated"),
        _ = tokio::signal::ctrl_c() => log("info", "interrupted"),
    }
    // Workers see their standard input end with this process.
    let _ = std::fs::remove_file(path);
    Ok(())
}
