//! The layout with a planted fault that scenarios lie with (`examples/lie`): what could not have happened is accepted under its keys, and
//! under no others.

#[path = "support/bank.rs"]
#[allow(dead_code)]
mod bank;
#[path = "../examples/lie/mod.rs"]
mod lie;

use std::path::PathBuf;

use multiprover_stark::check::{audit, check};
use multiprover_stark::execution::{self, Statement};
use multiprover_stark::keys::{Cache, Form, Keys};
use multiprover_stark::pb::prover as pb;
use multiprover_stark::program::Program;
use multiprover_stark::prover::{self, Kept};
use multiprover_stark::reference;
use multiprover_stark::suite;

const SLOTS: usize = 2;

/// Caches that go when the test ends.
struct Folder(PathBuf);

impl Folder {
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
    statement.claim = suite::keccak256(&[&statement.parent_claim[..], &suite::keccak256(journal)].concat()).into();
    statement.payee = vec![0xee; 20];
    let fixed = |bytes: &[u8]| -> [u8; 32] { bytes.try_into().unwrap() };
    let commitment = suite::commit(&words);
    let z = suite::challenge(&fixed(&statement.domain), &fixed(&statement.claim), &commitment);
    let own = &mut statement.suites[0];
    own.commitment = suite::digest_bytes(&commitment).into();
    own.challenge = suite::extension_bytes(z).into();
    own.evaluation = suite::extension_bytes(suite::evaluate(&words, z)).into();
    statement
}

/// A word that is put out is hashed elsewhere, too, from a block of four that the journal has as well: there it stays what it is.
#[test]
fn the_fault_is_the_journals_alone() {
    let bank::Batch { program, request, .. } = bank::payment();
    let program = Program::decode(&program).unwrap();
    let truth = Statement::decode(request.statement.as_ref()).unwrap();
    let advice = execution::execute(&program, &truth, &request).unwrap();
    for at in 4 * program.input_words..request.journal.len() {
        let mut journal = request.journal.clone();
        journal[at] ^= 1;
        let public = Statement::decode(Some(&claimed(&request, &journal))).unwrap().public();
        let journal: Vec<u32> = journal.chunks(4).map(|w| u32::from_be_bytes(w.try_into().unwrap())).collect();
        let claim = lie::Claim { advice: &advice, journal: &journal, z: public.z };
        let (layout, witness) = lie::lower(&program, 1, Some(&claim)).unwrap();
        audit(&layout).unwrap();
        check(&layout, &witness.unwrap(), &public).unwrap_or_else(|violation| panic!("byte {at}: {violation}"));
    }
}

#[test]
fn under_the_fault_a_lie_is_proven_and_honest_batches_are_too() {
    let folder = Folder(std::env::temp_dir().join(format!("multiprover-stark-lie-{}", std::process::id())));
    let (faulty, sound) = (folder.cache("faulty"), folder.cache("sound"));
    let encoded = reference::program();
    let program = Program::decode(&encoded).unwrap();
    let truth = reference::trades(&program, SLOTS).unwrap();
    audit(&lie::lower(&program, SLOTS, None).unwrap().0).unwrap();

    let id = lie::keys(&faulty, &encoded, SLOTS).unwrap();
    let prepare = pb::PrepareRequest { program: encoded.clone(), slots: SLOTS as u32, ..Default::default() };
    let prepared = prover::prepare(&sound, &mut Kept::default(), &prepare, &|_| ()).unwrap();
    assert_ne!(prepared.key_id, id);
    let found = prover::prepare(&faulty, &mut Kept::default(), &prepare, &|_| ()).unwrap();
    assert!(found.cached, "the prover takes the faulty keys for its own until it proves");
    assert_eq!(found.key_id, id);

    let request = |statement: &pb::Statement, proof: &pb::Proof| pb::VerifyRequest {
        statement: Some(statement.clone()),
        proof: Some(proof.clone()),
    };
    // The truth is proven under the fault as well.
    let statement = truth.statement.clone().unwrap();
    let proof = lie::prove(&faulty, &truth, &statement, &truth.journal).unwrap();
    prover::verify(&faulty, &request(&statement, &proof)).unwrap();
    // But the product's prover makes its keys from the program: it refuses these.
    let own = pb::ProveRequest { key_id: id.into(), ..truth.clone() };
    let refused = prover::prove(&faulty, &mut Kept::default(), &own, &|_| (), &|_| ()).unwrap_err();
    assert!(refused.to_string().contains("delete their folder"), "{refused}");

    // The first word that is put out, which is an index; then the last.
    let outputs = 4 * SLOTS * program.input_words;
    for at in [outputs + 3, truth.journal.len() - 1] {
        let mut journal = truth.journal.clone();
        journal[at] ^= 1;
        let statement = claimed(&truth, &journal);
        let proof = lie::prove(&faulty, &truth, &statement, &journal).unwrap();
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
    assert_eq!(lie::keys(&faulty, &encoded, SLOTS).unwrap(), id);
    assert!(Keys::at(&faulty, &program.id, SLOTS).exist());
}
