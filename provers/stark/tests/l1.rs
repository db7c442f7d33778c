//! The L1 form of the frozen proof (tests/fixtures/stark of the repository; `bin/l1 fixture` makes it).

use multiprover_stark::batch::VerifyingKey;
use multiprover_stark::l1;
use multiprover_stark::refusal::Code;
use multiprover_stark::tables::{F, Public};
use p3_field::PrimeCharacteristicRing;

const KEY: &[u8] = include_bytes!("../../../tests/fixtures/stark/verifying_key");
const ARTEFACT: &[u8] = include_bytes!("../../../tests/fixtures/stark/l1_verifier");
const PUBLICS: &[u8] = include_bytes!("../../../tests/fixtures/stark/public_values");
const PROOF: &[u8] = include_bytes!("../../../tests/fixtures/stark/l1_proof");
const SHAPE: &str = include_str!("../../../contracts/StarkShape.sol");

fn key() -> VerifyingKey {
    VerifyingKey::from_bytes(KEY).expect("a key")
}

fn public() -> Public {
    let words = PUBLICS.as_chunks().0;
    assert_eq!(words.len(), Public::LEN);
    Public::from_values(&std::array::from_fn(|i| F::from_u32(u32::from_be_bytes(words[i]))))
}

#[test]
fn the_frozen_proof_verifies() {
    l1::verify(&key(), &public(), PROOF).expect("it is a proof");
}

#[test]
fn the_contract_has_the_shape_of_the_tables() {
    assert_eq!(l1::artefact(&key()), ARTEFACT);
    assert_eq!(l1::solidity(), SHAPE);
}

#[test]
fn another_statement_is_refused() {
    let mut public = public();
    public.payee[9] += F::ONE;
    assert_eq!(l1::verify(&key(), &public, PROOF).expect_err("another payee's").code, Code::InvalidProof);
}

#[test]
fn bytes_that_do_not_follow_from_the_proof_are_refused() {
    // Everywhere, contexts and siblings that the library's proof does not have included.
    for at in (0..PROOF.len()).step_by(PROOF.len() / 97).chain([PROOF.len() - 1]) {
        let mut proof = PROOF.to_vec();
        proof[at] ^= 1;
        assert!(l1::verify(&key(), &public(), &proof).is_err(), "byte {at}");
    }
}

#[test]
fn framing_is_exact() {
    for wrong in [&[][..], &PROOF[..3], &PROOF[..PROOF.len() - 1], &[PROOF, &[0]].concat(), &[255; 64]] {
        let refusal = l1::verify(&key(), &public(), wrong).expect_err("not framed");
        assert_eq!(refusal.code, Code::Malformed, "{refusal}");
    }
}
