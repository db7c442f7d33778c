//! The process: what it prints, answers and leaves behind. (What each call must refuse is checked by the conformance suite.)

#[path = "common/bank.rs"]
#[allow(dead_code)]
mod bank;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use multiprover_plonky2::pb::prover as pb;
use multiprover_plonky2::pb::prover::prover_client::ProverClient;
use tonic::transport::{Channel, Endpoint};

struct Server {
    child: Child,
    folder: PathBuf,
}

impl Server {
    fn start(name: &str) -> Self {
        Server::of(Path::new(env!("CARGO_BIN_EXE_prover")), name)
    }

    fn of(program: &Path, name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("multiprover-plonky2-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut child = Command::new(program)
            .arg("--listen")
            .arg(format!("unix://{}", folder.join("socket").display()))
            .arg("--cache")
            .arg(folder.join("cache"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Server { child, folder }
    }

    async fn client(&self) -> ProverClient<Channel> {
        let address = format!("unix://{}", self.folder.join("socket").display());
        ProverClient::new(Endpoint::try_from(address).unwrap().connect().await.unwrap())
    }

    /// Ids of its worker processes.
    fn workers(&self) -> Vec<u32> {
        let parent = |pid: u32| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse::<u32>().ok()
        };
        let pids = std::fs::read_dir("/proc").unwrap().filter_map(|e| e.ok()?.file_name().to_str()?.parse().ok());
        pids.filter(|&pid| parent(pid) == Some(self.child.id())).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Polls: how long a machine takes is not what is tested.
async fn eventually(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..600 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{what}");
}

fn prepare(slots: u32) -> pb::PrepareRequest {
    pb::PrepareRequest { program: bank::program(), slots, ..Default::default() }
}

#[tokio::test]
async fn it_describes_itself_and_refuses_what_is_no_program() {
    let server = Server::start("describe");
    let mut client = server.client().await;
    let manifest = client.describe(pb::DescribeRequest {}).await.unwrap().into_inner();
    assert_eq!((manifest.proof_type.as_str(), manifest.suites), ("plonky2", vec!["goldilocks".to_string()]));
    assert!(manifest.security.iter().all(|t| t.conjectured_bits >= 100.0 && t.proven_bits <= t.conjectured_bits));
    refuses_garbage(&mut client).await;
}

/// The call goes through a worker.
async fn refuses_garbage(client: &mut ProverClient<Channel>) {
    let request = pb::PrepareRequest { program: vec![0xff; 9], slots: 1, ..Default::default() };
    let mut updates = client.prepare(request).await.unwrap().into_inner();
    loop {
        match updates.message().await.unwrap().expect("an answer").update {
            Some(pb::prepare_update::Update::Progress(_)) => {}
            Some(pb::prepare_update::Update::Refusal(refusal)) => break assert_eq!(refusal.code(), pb::refusal::Code::Malformed),
            other => panic!("{other:?}"),
        }
    }
    assert!(updates.message().await.unwrap().is_none(), "nothing after it");
}

/// A build puts another program in the place of one that runs.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_program_that_is_replaced_goes_on() {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("replaced-{}", std::process::id()));
    std::fs::hard_link(env!("CARGO_BIN_EXE_prover"), &program).unwrap();
    let server = Server::of(&program, "replaced");
    std::fs::remove_file(&program).unwrap();
    refuses_garbage(&mut server.client().await).await;
    std::fs::write(&program, "another program").unwrap();
    refuses_garbage(&mut server.client().await).await;
    std::fs::remove_file(&program).unwrap();
}

#[tokio::test]
async fn a_call_that_is_cancelled_leaves_no_worker() {
    let server = Server::start("cancel");
    let mut client = server.client().await;
    let mut updates = client.prepare(prepare(40)).await.unwrap().into_inner();
    updates.message().await.unwrap().expect("progress");
    eventually("a worker", || !server.workers().is_empty()).await;
    drop(updates);
    eventually("the worker is gone", || server.workers().is_empty()).await;
    client.describe(pb::DescribeRequest {}).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_killed_takes_its_worker_along() {
    let mut server = Server::start("kill");
    let mut client = server.client().await;
    let mut updates = client.prepare(prepare(40)).await.unwrap().into_inner();
    updates.message().await.unwrap().expect("progress");
    eventually("a worker", || !server.workers().is_empty()).await;
    let workers = server.workers();
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    let ended = |pid: &u32| match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('Z')),
        Err(_) => true,
    };
    eventually("the worker is gone", || workers.iter().all(ended)).await;
}
