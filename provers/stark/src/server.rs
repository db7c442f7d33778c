//! The gRPC side (docs/prover.md §1, §2).

use std::pin::{Pin, pin};
use std::sync::Arc;

use http::HeaderValue;
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Mutex, mpsc};
use tokio_stream::Stream;
use tokio_stream::wrappers::{ReceiverStream, UnixListenerStream};
use tonic::{Request, Response, Status};
use tower::util::MapResponseLayer;

use crate::keys::{Cache, Failure};
use crate::pb::prover as pb;
use crate::pb::prover::prover_server::{Prover, ProverServer};
use crate::prover;
use crate::worker::{self, Call, Worker};

/// Of a message.
pub const MOST_BYTES: usize = 64 << 20;
/// What health is asked for.
pub const SERVICE: &str = "multiprover.prover.v1.Prover";

type Updates<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

struct Service {
    cache: Cache,
    /// A call takes every core: who holds the worker is served, the others wait in order and are told so.
    worker: Arc<Mutex<Option<Worker>>>,
}

impl Service {
    fn start<C: Call>(&self, call: C) -> Updates<C::Update> {
        let (sender, receiver) = mpsc::channel(1);
        let (cache, worker) = (self.cache.clone(), self.worker.clone());
        tokio::spawn(async move {
            if let Err(status) = wait_and_run(&call, &cache, &worker, &sender).await {
                log("error", status.message());
                _ = sender.send(Err(status)).await;
            }
        });
        Box::pin(ReceiverStream::new(receiver))
    }
}

async fn wait_and_run<C: Call>(
    call: &C,
    cache: &Cache,
    worker: &Mutex<Option<Worker>>,
    updates: &mpsc::Sender<Result<C::Update, Status>>,
) -> Result<(), Status> {
    // Made once: the place in the queue is that of this future.
    let mut turn = pin!(worker.lock());
    let mut tick = tokio::time::interval(worker::TICK);
    let mut place = loop {
        tokio::select! {
            biased;
            place = &mut turn => break place,
            _ = tick.tick() => {
                let queued = pb::Progress { stage: "queued".into(), fraction: 0.0 };
                if updates.send(Ok(C::progress(queued))).await.is_err() {
                    return Ok(());
                }
            }
        }
    };
    worker::run(call, cache, &mut place, updates).await
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
        use pb::verify_response::Verdict;
        let cache = self.cache.clone();
        let verified = tokio::task::spawn_blocking(move || prover::verify(&cache, request.get_ref())).await;
        let verdict = match verified {
            Ok(Ok(())) => Verdict::Accepted(pb::Accepted {}),
            Ok(Err(Failure::Refused(refusal))) => Verdict::Refusal(refusal.to_pb()),
            Ok(Err(failure)) => return Err(Status::internal(failure.to_string())),
            Err(error) => return Err(Status::internal(format!("verifying failed: {error}"))),
        };
        Ok(Response::new(pb::VerifyResponse { verdict: Some(verdict) }))
    }
}

/// A message over the limit is `RESOURCE_EXHAUSTED` to gRPC and to docs/prover.md, and `OUT_OF_RANGE` to the library.
fn name_too_large<B>(mut response: http::Response<B>) -> http::Response<B> {
    let code = |code: tonic::Code| HeaderValue::from(code as i32);
    let headers = response.headers_mut();
    let says_so = |v: &HeaderValue| v.to_str().is_ok_and(|text| text.contains("too%20large"));
    if headers.get("grpc-status") == Some(&code(tonic::Code::OutOfRange)) && headers.get("grpc-message").is_some_and(says_so) {
        headers.insert("grpc-status", code(tonic::Code::ResourceExhausted));
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
    // A socket that nobody listens at is what an earlier process left; one that is served is not taken away.
    if UnixStream::connect(path).await.is_err() {
        _ = std::fs::remove_file(path);
    }
    let listener = UnixListener::bind(path)?;
    let (reporter, health) = tonic_health::server::health_reporter();
    for name in [SERVICE, ""] {
        reporter.set_service_status(name, tonic_health::ServingStatus::Serving).await;
    }
    let service = ProverServer::new(Service { cache, worker: Arc::default() });
    let server = tonic::transport::Server::builder()
        .layer(MapResponseLayer::new(name_too_large))
        .add_service(health)
        .add_service(service.max_decoding_message_size(MOST_BYTES).max_encoding_message_size(MOST_BYTES))
        .serve_with_incoming(UnixListenerStream::new(listener));
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    println!("ready");
    log("info", &format!("listening at {address}"));
    tokio::select! {
        served = server => served?,
        _ = terminate.recv() => log("info", "terminated"),
        _ = interrupt.recv() => log("info", "interrupted"),
    }
    // The worker sees its standard input end with this process.
    _ = std::fs::remove_file(path);
    Ok(())
}
