//! The process: what it prints, answers and leaves behind. What each call must refuse is in the conformance suite, which
//! `multiprover prover check` runs against a prover; here is what it cannot do from outside.

mod common;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use common::case;
use multiprover_halo2::pb::prover as pb;
use multiprover_halo2::pb::prover::prover_client::ProverClient;
use multiprover_halo2::refusal::Code;
use tonic::transport::{Channel, Endpoint};

struct Server {
    child: Child,
    folder: PathBuf,
    _output: BufReader<ChildStdout>,
}

impl Server {
    fn start(name: &str, arguments: &[&str]) -> Server {
        Server::of(Path::new(env!("CARGO_BIN_EXE_prover")), name, arguments)
    }

    fn of(program: &Path, name: &str, arguments: &[&str]) -> Server {
        let folder = std::env::temp_dir().join(format!("multiprover-halo2-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut command = Command::new(program);
        command
            .arg("--listen")
            .arg(format!("unix://{}", folder.join("socket").display()))
            .arg("--cache")
            .arg(folder.join("cache"));
        let mut child = command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (mut output, mut line) = (BufReader::new(child.stdout.take().unwrap()), String::new());
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Server { child, folder, _output: output }
    }

    async fn client(&self) -> ProverClient<Channel> {
        let address = format!("unix://{}", self.folder.join("socket").display());
        ProverClient::new(Endpoint::try_from(address).unwrap().connect().await.unwrap())
    }

    /// Whether it has processes under it.
    fn has_workers(&self) -> bool {
        let of = |pid: &str| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            stat.rsplit_once(") ")?.1.split_ascii_whitespace().nth(1)?.parse::<u32>().ok()
        };
        let mut entries = std::fs::read_dir("/proc").unwrap().flatten();
        entries.any(|e| e.file_name().to_str().and_then(of) == Some(self.child.id()))
    }

    async fn wait_until_idle(&self) {
        let start = Instant::now();
        while self.has_workers() {
            assert!(start.elapsed() < Duration::from_secs(20), "its worker goes on");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The one folder of keys.
    fn keys(&self) -> PathBuf {
        let mut folders = std::fs::read_dir(self.folder.join("cache")).unwrap().map(|e| e.unwrap().path());
        let keys = folders.next().unwrap();
        assert_eq!(folders.next(), None, "drafts are left behind");
        keys
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
        _ = std::fs::remove_dir_all(&self.folder);
    }
}

type Client = ProverClient<Channel>;

async fn prepare(client: &mut Client, request: &pb::PrepareRequest) -> Result<pb::Prepared, pb::Refusal> {
    use pb::prepare_update::Update;
    let mut updates = client.prepare(request.clone()).await.unwrap().into_inner();
    let mut fraction = 0.0;
    loop {
        match updates.message().await.unwrap().expect("an answer").update.unwrap() {
            Update::Progress(p) => {
                assert!(p.fraction >= fraction && p.fraction <= 1.0 && !p.stage.is_empty(), "{p:?} after {fraction}");
                fraction = p.fraction;
            }
            Update::Prepared(prepared) => return Ok(prepared),
            Update::Refusal(refusal) => return Err(refusal),
        }
    }
}

async fn prove(client: &mut Client, request: &pb::ProveRequest) -> Result<pb::Proof, pb::Refusal> {
    use pb::prove_update::Update;
    let mut updates = client.prove(request.clone()).await.unwrap().into_inner();
    loop {
        match updates.message().await.unwrap().expect("an answer").update.unwrap() {
            Update::Progress(_) => (),
            Update::Early(_) => panic!("a proof ahead of the proof, of a type that makes one only"),
            Update::Proof(proof) => {
                assert_eq!(updates.message().await.unwrap(), None, "nothing after the proof");
                return Ok(proof);
            }
            Update::Refusal(refusal) => return Err(refusal),
        }
    }
}

async fn verify(client: &mut Client, request: &pb::ProveRequest, proof: &pb::Proof) -> Option<Code> {
    use pb::verify_response::Verdict;
    let request = pb::VerifyRequest { statement: request.statement.clone(), proof: Some(proof.clone()) };
    match client.verify(request).await.unwrap().into_inner().verdict.unwrap() {
        Verdict::Accepted(_) => None,
        Verdict::Refusal(refusal) => Some(refusal.code()),
    }
}

fn damage(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

/// Keys, a proof of them, other proofs refused; then each file of the keys damaged by a bit, which is found and not repaired.
#[tokio::test(flavor = "multi_thread")]
async fn keys_proof_and_damaged_files() {
    let server = Server::start("keys", &[]);
    let mut client = server.client().await;
    let (request, mut batch) = case(0);
    let prepared = prepare(&mut client, &request).await.unwrap();
    assert!(!prepared.cached);
    assert_eq!(prepared.figures["insecure_setup"], 1.0);
    let again = prepare(&mut client, &request).await.unwrap();
    assert!(again.cached);
    assert_eq!((&again.key_id, &again.artefacts), (&prepared.key_id, &prepared.artefacts));

    assert_eq!(prove(&mut client, &batch).await.unwrap_err().code(), Code::NotPrepared, "no key id");
    batch.key_id = prepared.key_id.clone();
    let proof = prove(&mut client, &batch).await.unwrap();
    let another = prove(&mut client, &batch).await.unwrap();
    assert_ne!(proof.proof, another.proof, "blinds differ");
    assert_eq!(proof.proof, proof.l1_proof);
    assert_eq!(proof.proof.len() as f64, prepared.figures["l1_proof_bytes"]);
    assert_eq!(verify(&mut client, &batch, &proof).await, None);
    assert_eq!(verify(&mut client, &batch, &another).await, None);

    // L1 is given nothing that was not verified.
    for other in [another.proof.clone(), vec![]] {
        let mixed = pb::Proof { l1_proof: other, ..proof.clone() };
        assert_eq!(verify(&mut client, &batch, &mixed).await, Some(Code::NonCanonical));
    }

    // An evaluation plus the modulus, where there is room for it in 256 bits, is another encoding of the same proof.
    let mut twisted = proof.clone();
    let word = twisted.proof.len() - 64 - 64 - 32;
    let at = &mut twisted.proof[word..word + 32];
    assert!(plus_modulus(at));
    assert!(matches!(verify(&mut client, &batch, &twisted).await, Some(Code::InvalidProof | Code::NonCanonical)));

    let folder = server.keys();
    for name in ["program", "parameters", "proving_key", "verifying_key"] {
        let (path, whole) = (folder.join(name), std::fs::read(folder.join(name)).unwrap());
        damage(&path);
        let refusal = prove(&mut client, &batch).await.unwrap_err();
        assert_eq!(refusal.code(), Code::CorruptKeys, "{name}");
        assert!(refusal.message.contains(name), "{refusal:?}");
        assert_ne!(std::fs::read(&path).unwrap(), whole, "{name} was silently replaced");
        std::fs::write(&path, whole).unwrap();
    }
    damage(&folder.join("verifying_key.blake2b"));
    assert_eq!(verify(&mut client, &batch, &proof).await, Some(Code::CorruptKeys));
    assert_eq!(prepare(&mut client, &request).await.unwrap_err().code(), Code::CorruptKeys);
}

/// Adds the modulus to 32 big-endian bytes; false if it does not fit.
fn plus_modulus(bytes: &mut [u8]) -> bool {
    use halo2_axiom::halo2curves::bn256::Fr;
    use halo2_axiom::halo2curves::ff::Field;
    let greatest = multiprover_halo2::suite::encode(&-Fr::ONE);
    let mut carry = 1;
    for (byte, add) in bytes.iter_mut().zip(greatest).rev() {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        (*byte, carry) = (sum as u8, sum >> 8);
    }
    carry == 0
}

/// A ceremony's file is used where it is large enough, and its hash stands in the manifest; without one there is a warning.
#[tokio::test(flavor = "multi_thread")]
async fn setups_are_told_apart() {
    let local = Server::start("local", &[]);
    let manifest = local.client().await.describe(pb::DescribeRequest {}).await.unwrap().into_inner();
    let setup = |m: &pb::Manifest| m.components.iter().find(|c| c.layer == "setup").unwrap().clone();
    assert_eq!(setup(&manifest).id, "halo2-local-setup");
    assert!(manifest.warnings.iter().any(|w| w.contains("insecure setup")), "{:?}", manifest.warnings);

    let ceremony = Server::start("ceremony", &["--setup", "tests/data/power4.ptau"]);
    let mut client = ceremony.client().await;
    let manifest = client.describe(pb::DescribeRequest {}).await.unwrap().into_inner();
    let bytes = std::fs::read("tests/data/power4.ptau").unwrap();
    assert_eq!(setup(&manifest).version, blake2b_simd::blake2b(&bytes).to_hex().as_str());
    assert!(!manifest.warnings.iter().any(|w| w.contains("insecure")), "{:?}", manifest.warnings);
    // Sixteen powers are too few for a batch.
    let refusal = prepare(&mut client, &case(0).0).await.unwrap_err();
    assert_eq!(refusal.code(), Code::Unsupported);
    assert!(refusal.message.contains("2^4"), "{refusal:?}");
    assert_eq!(std::fs::read_dir(ceremony.folder.join("cache")).unwrap().count(), 0, "no half-made keys");
}

/// A build puts another program in the place of one that runs.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_replaced_goes_on() {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("replaced-{}", std::process::id()));
    std::fs::hard_link(env!("CARGO_BIN_EXE_prover"), &program).unwrap();
    let server = Server::of(&program, "replaced", &[]);
    let mut client = server.client().await;
    let garbage = pb::PrepareRequest { program: vec![0xff; 9], slots: 1, ..Default::default() };
    std::fs::remove_file(&program).unwrap();
    assert_eq!(prepare(&mut client, &garbage).await.unwrap_err().code(), Code::Malformed);
    std::fs::write(&program, "another program").unwrap();
    assert_eq!(prepare(&mut client, &garbage).await.unwrap_err().code(), Code::Malformed);
    std::fs::remove_file(&program).unwrap();
}

/// A call that is dropped, or out of its time, takes its worker with it; the server goes on.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_on_for_nobody() {
    let mut server = Server::start("cancel", &[]);
    let mut client = server.client().await;
    let (mut request, _) = case(0);
    // Long enough to be caught at work.
    request.slots = 64;
    let mut updates = client.prepare(request.clone()).await.unwrap().into_inner();
    while !server.has_workers() {
        updates.message().await.unwrap();
    }
    drop(updates);
    server.wait_until_idle().await;

    let mut timed = tonic::Request::new(request.clone());
    timed.set_timeout(Duration::from_millis(700));
    let mut updates = client.prepare(timed).await.unwrap().into_inner();
    let status = loop {
        match updates.message().await {
            Ok(update) => assert!(update.is_some(), "it ended without a word"),
            Err(status) => break status,
        }
    };
    assert!(matches!(status.code(), tonic::Code::DeadlineExceeded | tonic::Code::Cancelled), "{status:?}");
    server.wait_until_idle().await;

    // The server's end is its workers'.
    let mut updates = client.prepare(request).await.unwrap().into_inner();
    while !server.has_workers() {
        updates.message().await.unwrap();
    }
    let terminated = Command::new("kill").arg("-TERM").arg(server.child.id().to_string()).status().unwrap();
    assert!(terminated.success());
    assert!(server.child.wait().unwrap().success(), "SIGTERM is a good end");
    assert!(!server.folder.join("socket").exists());
}
