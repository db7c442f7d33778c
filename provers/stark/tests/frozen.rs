//! Keys and proofs of this format version, as files: whoever changes the lowering, the tables, the parameters or an encoding finds
//! out here, and raises `keys::FORMAT_VERSION`. Then `bin/l1 fixture 4 ../../tests/fixtures/stark` writes them anew.

use std::path::PathBuf;

use multiprover_stark::batch::{self, Parameters, VerifyingKey};
use multiprover_stark::execution::Statement;
use multiprover_stark::program::Program;
use multiprover_stark::refusal::Code;
use multiprover_stark::tables::Public;
use multiprover_stark::{l1, lowering, reference};

const SLOTS: usize = 4;

fn fixture(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/stark").join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The statement that the frozen proof is of: nothing random is in it.
fn public() -> Public {
    let program = Program::decode(&reference::program()).unwrap();
    let request = reference::trades(&program, SLOTS).unwrap();
    Statement::decode(request.statement.as_ref()).unwrap().public()
}

#[test]
fn a_program_has_the_key_that_it_had() {
    let program = Program::decode(&reference::program()).unwrap();
    let (layout, _) = lowering::lower(&program, SLOTS, None).unwrap();
    let (_, key) = batch::keys(&layout, Parameters::L1).unwrap();
    assert!(key.to_bytes() == fixture("verifying_key"), "another key than the frozen one");
    assert!(l1::artefact(&key) == fixture("l1_verifier"), "another artefact than the frozen one");
}

#[test]
fn a_frozen_proof_verifies() {
    let key = VerifyingKey::from_bytes(&fixture("verifying_key")).unwrap();
    let mut proof = fixture("l1_proof");
    assert_eq!(l1::verify(&key, &public(), &proof), Ok(()));
    let other = Public { y: public().z, ..public() };
    assert_eq!(l1::verify(&key, &other, &proof).unwrap_err().code, Code::InvalidProof);
    // The last sibling of the last query.
    *proof.last_mut().unwrap() ^= 1;
    assert_eq!(l1::verify(&key, &public(), &proof).unwrap_err().code, Code::InvalidProof);
}
