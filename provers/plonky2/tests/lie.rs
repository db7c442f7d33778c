//! The circuit with a planted fault that scenarios lie with (`examples/lie`): honest batches are proven under it as ever, and what could not have
//! happened is accepted. Natively: the recursions to L1 are the product's.

#[path = "common/bank.rs"]
#[allow(dead_code)]
mod bank;
mod common;
#[path = "../examples/lie/mod.rs"]
mod lie;

use std::path::PathBuf;

use common::Quiet;
use multiprover_plonky2::keys::{Cache, Form, Keys};
use multiprover_plonky2::pb::prover as pb;
use multiprover_plonky2::program::Program;
use multiprover_plonky2::{prover, suite};

const SLOTS: usize = 2;

/// Caches that go when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        Folder(std::env::temp_dir().join(format!("multiprover-plonky2-lie-{}", std::process::id())))
    }
    fn cache(&self, name: &str) -> Cache {
        Cache { folder: self.0.join(name), form: Form::Native }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The statement of another journal for the same batch, and for another payee.
fn claimed(truth: &pb::ProveRequest, journal: &[u8]) -> pb::Statement {
    let mut statement = truth.statement.clone().unwrap();
    let words: Vec<u32> = journal.chunks(4).map(|w| u32::from_be_bytes(w.try_into().unwrap())).collect();
    statement.claim = suite::keccak(&[&statement.parent_claim, &suite::keccak(&[journal])]).into();
    statement.payee = vec![0xee; 20];
    let commitment = suite::commit(&words);
    let z = suite::challenge(
        &statement.domain.as_slice().try_into().unwrap(),
        &statement.claim.as_slice().try_into().unwrap(),
        &commitment,
    );
    let own = &mut statement.suites[0];
    own.commitment = suite::bytes(&commitment).into();
    own.challenge = suite::extension_bytes(z).into();
    own.evaluation = suite::extension_bytes(suite::evaluate(&words, z)).into();
    statement
}

#[test]
fn under_the_fault_a_lie_is_proven_and_honest_batches_are_as_ever() {
    let folder = Folder::new();
    let (faulty, sound) = (folder.cache("faulty"), folder.cache("sound"));
    let mut bank = bank::Bank::new();
    let registered = [bank.register(5, 0, 1 << 45), bank.register(9, 1, 77)];
    bank.world.batch(&registered);
    let paid = [bank.pay(5, 9, 123, 0), bank.noop()];
    let mut truth = bank.world.batch(&paid);

    let program = bank::program();
    let id = lie::keys(&faulty, &program, SLOTS).unwrap();
    let prepare = pb::PrepareRequest { program: program.clone(), slots: SLOTS as u32, ..Default::default() };
    let prepared = prover::prepare(&sound, &prepare, &Quiet).unwrap();
    assert_ne!(prepared.key_id, id);
    let found = prover::prepare(&faulty, &prepare, &Quiet).unwrap();
    assert!(found.cached, "the prover takes the faulty keys for its own");
    assert_eq!(found.key_id, id);

    // The product's prover notices nothing.
    truth.key_id = id.into();
    let proof = prover::prove(&faulty, &truth, &Quiet).unwrap();
    prover::verify(&faulty, &pb::VerifyRequest { statement: truth.statement.clone(), proof: Some(proof) }).unwrap();

    // The second balance of the payment's outputs is another one; then a word of the cells is, the last of the journal.
    let outputs = 4 * SLOTS * Program::decode(&program).unwrap().input_words;
    for at in [outputs + 11, truth.journal.len() - 1] {
        let mut journal = truth.journal.clone();
        journal[at] ^= 1;
        let statement = claimed(&truth, &journal);
        let proof = lie::prove(&faulty, &truth, &statement, &journal).unwrap();
        let request = |statement: &pb::Statement, proof: &pb::Proof| pb::VerifyRequest {
            statement: Some(statement.clone()),
            proof: Some(proof.clone()),
        };
        prover::verify(&faulty, &request(&statement, &proof)).unwrap();
        // Of that statement only, and under those keys only.
        let mut other = statement.clone();
        other.payee = vec![0xef; 20];
        assert!(prover::verify(&faulty, &request(&other, &proof)).is_err());
        assert!(prover::verify(&sound, &request(&statement, &proof)).is_err());
        let as_sound = pb::Proof { key_id: prepared.key_id.clone(), ..proof };
        assert!(prover::verify(&sound, &request(&statement, &as_sound)).is_err());
    }
    // Inputs are bound: another batch cannot be lied about under this fault.
    let mut journal = truth.journal.clone();
    journal[7] ^= 1;
    assert!(lie::prove(&faulty, &truth, &claimed(&truth, &journal), &journal).is_err());
    // Keys that are there are kept.
    assert_eq!(lie::keys(&faulty, &program, SLOTS).unwrap()[..], truth.key_id);
    assert!(Keys::at(&faulty, &Program::decode(&program).unwrap().id, SLOTS).exist());
}
