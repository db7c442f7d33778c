//! The process: what it prints, answers and leaves behind. (What each call must refuse is checked by `multiprover prover check`.)

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use multiprover_stark::pb::prover as pb;
use multiprover_stark::pb::prover::prover_client::ProverClient;
use multiprover_stark::pb::prover::refusal::Code;
use multiprover_stark::program::Program;
use multiprover_stark::reference;
use multiprover_stark::suite::{hex, keccak256};
use tonic::transport::{Channel, Endpoint};

struct Server {
    child: Child,
    folder: PathBuf,
}

impl Server {
    fn start(name: &str, more: &[&str]) -> Self {
        Server::of(Path::new(env!("CARGO_BIN_EXE_prover")), name, more)
    }

    fn of(program: &Path, name: &str, more: &[&str]) -> Self {
        let folder = std::env::temp_dir().join(format!("multiprover-stark-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut child = Command::new(program)
            .args(["--listen", &format!("unix://{}", folder.join("socket").display())])
            .args([Path::new("--cache"), &folder.join("cache")])
            .args(more)
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
        ProverClient::new(Endpoint::try_from(address).unwrap().connect().await.unwrap()).max_decoding_message_size(64 << 20)
    }

    /// Process ids of its workers.
    fn workers(&self) -> Vec<u32> {
        let parent = |pid: u32| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let fields = stat.rsplit_once(") ")?.1.split(' ').collect::<Vec<_>>();
            (fields[0] != "Z").then(|| fields[1].parse::<u32>().ok())?
        };
        let pids = std::fs::read_dir("/proc").unwrap().filter_map(|e| e.ok()?.file_name().to_str()?.parse().ok());
        pids.filter(|&pid| parent(pid) == Some(self.child.id())).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
        _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Asks again and again: how long a machine takes is not what is tested.
async fn eventually(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..600 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what}");
}

async fn prepare(client: &mut ProverClient<Channel>, program: Vec<u8>, slots: u32) -> Result<pb::Prepared, pb::Refusal> {
    use pb::prepare_update::Update;
    let request = pb::PrepareRequest { program, slots, ..Default::default() };
    let mut updates = client.prepare(request).await.unwrap().into_inner();
    let answer = loop {
        match updates.message().await.unwrap().and_then(|u| u.update).expect("an answer") {
            Update::Progress(progress) => assert!((0.0..=1.0).contains(&progress.fraction)),
            Update::Prepared(prepared) => break Ok(prepared),
            Update::Refusal(refusal) => break Err(refusal),
        }
    };
    assert!(updates.message().await.unwrap().is_none(), "nothing after it");
    answer
}

/// The proofs, the early one first.
async fn prove(client: &mut ProverClient<Channel>, request: pb::ProveRequest) -> Result<Vec<pb::Proof>, pb::Refusal> {
    use pb::prove_update::Update;
    let mut updates = client.prove(request).await.unwrap().into_inner();
    let (mut proofs, mut fraction) = (vec![], 0.0);
    let answer = loop {
        match updates.message().await.unwrap().and_then(|u| u.update).expect("an answer") {
            Update::Progress(progress) => {
                assert!((fraction..=1.0).contains(&progress.fraction), "{fraction}, then {}", progress.fraction);
                fraction = progress.fraction;
            }
            Update::Early(proof) => proofs.push(proof),
            Update::Proof(proof) => {
                proofs.push(proof);
                break Ok(proofs);
            }
            Update::Refusal(refusal) => break Err(refusal),
        }
    };
    assert!(updates.message().await.unwrap().is_none(), "nothing after it");
    answer
}

async fn verify(client: &mut ProverClient<Channel>, statement: &pb::Statement, proof: &pb::Proof) -> Result<(), pb::Refusal> {
    use pb::verify_response::Verdict;
    let request = pb::VerifyRequest { statement: Some(statement.clone()), proof: Some(proof.clone()) };
    match client.verify(request).await.unwrap().into_inner().verdict.expect("a verdict") {
        Verdict::Accepted(_) => Ok(()),
        Verdict::Refusal(refusal) => Err(refusal),
    }
}

fn trade() -> pb::ProveRequest {
    reference::trades(&Program::decode(&reference::program()).unwrap(), 1).unwrap()
}

/// A call that goes through a worker.
async fn refuses_garbage(client: &mut ProverClient<Channel>) {
    assert_eq!(prepare(client, vec![0xff; 9], 1).await.unwrap_err().code(), Code::Malformed);
}

#[tokio::test]
async fn it_describes_itself_and_refuses_what_is_no_program() {
    let server = Server::start("describe", &[]);
    let mut client = server.client().await;
    let manifest = client.describe(pb::DescribeRequest {}).await.unwrap().into_inner();
    assert_eq!((manifest.proof_type.as_str(), manifest.suites), ("stark", vec!["koalabear".to_string()]));
    assert!(!manifest.security.is_empty());
    assert!(manifest.security.iter().all(|t| t.proven_bits >= 100.0 && t.proven_bits <= t.conjectured_bits));
    refuses_garbage(&mut client).await;
    assert_eq!(prepare(&mut client, reference::program(), 0).await.unwrap_err().code(), Code::Malformed);
    assert_eq!(prepare(&mut client, reference::program(), u32::MAX).await.unwrap_err().code(), Code::Unsupported);
}

/// A build puts another program in the place of one that runs.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_program_that_is_replaced_goes_on() {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("replaced-{}", std::process::id()));
    std::fs::hard_link(env!("CARGO_BIN_EXE_prover"), &program).unwrap();
    let server = Server::of(&program, "replaced", &[]);
    std::fs::remove_file(&program).unwrap();
    std::fs::write(&program, "another program").unwrap();
    refuses_garbage(&mut server.client().await).await;
    std::fs::remove_file(&program).unwrap();
}

#[tokio::test]
async fn one_worker_serves_batch_after_batch() {
    let server = Server::start("batches", &["--native"]);
    let mut client = server.client().await;
    let prepared = prepare(&mut client, reference::program(), 1).await.unwrap();
    let workers = server.workers();
    assert_eq!(workers.len(), 1);
    let request = pb::ProveRequest { key_id: prepared.key_id.clone(), ..trade() };
    let statement = request.statement.clone().unwrap();
    for _ in 0..2 {
        let proofs = prove(&mut client, request.clone()).await.unwrap();
        let [proof] = &proofs[..] else { panic!("{} proofs", proofs.len()) };
        assert_eq!((&proof.key_id, &proof.l1_proof), (&prepared.key_id, &proof.proof));
        assert_eq!(verify(&mut client, &statement, proof).await, Ok(()));
        assert_eq!(server.workers(), workers);
    }
    // A refusal is an answer like another.
    let mut lying = request.clone();
    lying.statement.as_mut().unwrap().suites[0].post_root[3] ^= 1;
    assert_eq!(prove(&mut client, lying).await.unwrap_err().code(), Code::RootMismatch);
    assert_eq!(server.workers(), workers);
    let again = prepare(&mut client, reference::program(), 1).await.unwrap();
    assert_eq!((again.cached, again.key_id, again.artefacts), (true, prepared.key_id, prepared.artefacts));
}

#[tokio::test]
async fn an_early_proof_comes_before_the_one_for_l1() {
    let server = Server::start("early", &[]);
    let mut client = server.client().await;
    let prepared = prepare(&mut client, reference::program(), 1).await.unwrap();
    let request = pb::ProveRequest { key_id: prepared.key_id.clone(), ..trade() };
    let statement = request.statement.clone().unwrap();
    let proofs = prove(&mut client, request).await.unwrap();
    let [early, last] = &proofs[..] else { panic!("{} proofs", proofs.len()) };
    assert_eq!((early.l1_proof.len(), &early.key_id, &early.suites), (0, &last.key_id, &last.suites));
    assert!(!last.l1_proof.is_empty());
    for proof in [early, last] {
        assert_eq!(verify(&mut client, &statement, proof).await, Ok(()));
    }
    // Neither passes for the other, and L1 is sent nothing but what was verified.
    let mut another_byte = last.l1_proof.clone();
    *another_byte.last_mut().unwrap() ^= 1;
    for (proof, l1_proof) in
        [(early, &last.l1_proof), (early, &early.proof), (last, &vec![]), (last, &last.proof), (last, &another_byte)]
    {
        let mixed = pb::Proof { l1_proof: l1_proof.clone(), ..proof.clone() };
        assert_eq!(verify(&mut client, &statement, &mixed).await.unwrap_err().code(), Code::InvalidProof);
    }

    // Another key for early proofs, well stored, is not the one that was prepared.
    let folder = std::fs::read_dir(server.folder.join("cache")).unwrap().next().unwrap().unwrap().path();
    let path = folder.join("early_verifying_key");
    let mut planted = std::fs::read(&path).unwrap();
    *planted.last_mut().unwrap() ^= 1;
    std::fs::write(path.with_extension("keccak256"), hex(&keccak256(&planted))).unwrap();
    std::fs::write(&path, planted).unwrap();
    for proof in [early, last] {
        assert_eq!(verify(&mut client, &statement, proof).await.unwrap_err().code(), Code::InvalidProof);
    }
    let request = pb::ProveRequest { key_id: prepared.key_id, ..trade() };
    assert_eq!(prove(&mut client, request).await.unwrap_err().code(), Code::NotPrepared);
    let planted = prepare(&mut client, reference::program(), 1).await.unwrap();
    let request = pb::ProveRequest { key_id: planted.key_id, ..trade() };
    assert_eq!(prove(&mut client, request).await.unwrap_err().code(), Code::CorruptKeys);
}

#[tokio::test]
async fn keys_that_were_changed_are_not_used() {
    let server = Server::start("corrupt", &["--native"]);
    let mut client = server.client().await;
    let prepared = prepare(&mut client, reference::program(), 1).await.unwrap();
    let folder = std::fs::read_dir(server.folder.join("cache")).unwrap().next().unwrap().unwrap().path();
    let path = folder.join("verifying_key");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[0] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let refusal = prepare(&mut client, reference::program(), 1).await.unwrap_err();
    assert_eq!(refusal.code(), Code::CorruptKeys);
    assert!(refusal.message.contains(path.to_str().unwrap()), "{}", refusal.message);
    let request = pb::ProveRequest { key_id: prepared.key_id, ..trade() };
    assert_eq!(prove(&mut client, request).await.unwrap_err().code(), Code::CorruptKeys);
}

/// Long enough to be cancelled, wherever it runs.
async fn start_a_long_call(server: &Server) -> tonic::Streaming<pb::PrepareUpdate> {
    let request = pb::PrepareRequest { program: reference::program(), slots: 64, ..Default::default() };
    let mut updates = server.client().await.prepare(request).await.unwrap().into_inner();
    updates.message().await.unwrap().expect("progress");
    eventually("a worker", || !server.workers().is_empty()).await;
    updates
}

#[tokio::test]
async fn a_call_that_is_cancelled_leaves_no_worker() {
    let server = Server::start("cancel", &[]);
    drop(start_a_long_call(&server).await);
    eventually("the worker is gone", || server.workers().is_empty()).await;
    refuses_garbage(&mut server.client().await).await;
}

#[tokio::test]
async fn a_server_that_is_killed_takes_its_worker_along() {
    let mut server = Server::start("kill", &[]);
    let _updates = start_a_long_call(&server).await;
    let workers = server.workers();
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    let ended = |pid: &u32| match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z')),
        Err(_) => true,
    };
    eventually("the worker is gone", || workers.iter().all(ended)).await;
}
