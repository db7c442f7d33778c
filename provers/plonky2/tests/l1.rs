//! The proof for L1: a stored one still verifies, and nothing near it does.

#[path = "common/bank.rs"]
#[allow(dead_code)]
mod bank;
mod common;

use multiprover_plonky2::field::{F, Field, MODULUS};
use multiprover_plonky2::keys::{Cache, Form, KeysError};
use multiprover_plonky2::l1::{self, Verifier};
use multiprover_plonky2::pb::prover as pb;
use multiprover_plonky2::prover::{prepare, prove, verify};
use multiprover_plonky2::refusal::Code;
use multiprover_plonky2::security::Parameters;
use multiprover_plonky2::suite::hex;
use plonky2::util::serialization::DefaultGateSerializer;

const VERIFIER: &[u8] = include_bytes!("../../../tests/fixtures/plonky2/verifier_data");
const PROOF: &[u8] = include_bytes!("../../../tests/fixtures/plonky2/proof");
/// By a prover who put bytes that no hash gives where a sibling was asked for (`examples/l1.rs`).
const ANY_SIBLING: &[u8] = include_bytes!("../../../tests/fixtures/plonky2/proof_any_sibling");
const PUBLIC_INPUTS: &[u8] = include_bytes!("../../../tests/fixtures/plonky2/public_inputs");

fn verifier() -> Verifier {
    Verifier::from_bytes(VERIFIER.to_vec(), &DefaultGateSerializer).unwrap()
}

fn public_inputs() -> Vec<F> {
    PUBLIC_INPUTS.chunks(8).map(|b| F::from_canonical_u64(u64::from_be_bytes(b.try_into().unwrap()))).collect()
}

fn refused(proof: &[u8], inputs: &[F], verifier: &Verifier) -> Code {
    l1::verify(proof, inputs, verifier).expect_err("refused").code
}

/// The places of the proof's parts: name, start, length.
fn parts(v: &Verifier) -> Vec<(String, usize, usize)> {
    let (c, params) = (&v.common, &v.common.fri_params);
    let cap = 32 << params.config.cap_height;
    let polynomials = l1::oracles(c);
    let all: usize = polynomials.iter().sum();
    let mut at = 0;
    let mut parts = vec![];
    let mut part = |name: String, length: usize| {
        parts.push((name, at, length));
        at += length;
    };
    for name in ["wires cap", "products cap", "quotient cap"] {
        part(name.into(), cap);
    }
    part("openings".into(), 16 * all);
    part("next openings".into(), 16 * c.config.num_challenges);
    part("folding cap".into(), cap);
    part("final polynomial".into(), 16 * params.final_poly_len());
    part("grinding".into(), 8);
    let height = params.lde_bits() - params.config.cap_height;
    for query in 0..params.config.num_query_rounds {
        for (tree, size) in polynomials.into_iter().enumerate() {
            part(format!("query {query}, leaf {tree}"), 8 * size);
            part(format!("query {query}, path {tree}"), 32 * height);
        }
        part(format!("query {query}, coset"), 16 * 15);
        part(format!("query {query}, folding path"), 32 * (height - 4));
    }
    assert_eq!(at, PROOF.len());
    parts
}

#[test]
fn a_stored_proof_verifies_and_is_its_own_encoding() {
    let (v, inputs) = (verifier(), public_inputs());
    assert_eq!(hex(&l1::shape(&v.common)), l1::SHAPE);
    assert_eq!(l1::proof_bytes(&v.common), PROOF.len());
    l1::verify(PROOF, &inputs, &v).unwrap();
    let parsed = l1::parse(PROOF, &inputs, &v).unwrap();
    assert_eq!(l1::serialise(&parsed, &v), PROOF);
}

#[test]
fn security_is_counted_for_this_circuit() {
    let (counted, built) = (Parameters::last(), Parameters::of(&verifier().common, 1 << 20));
    assert!(built.constraints <= counted.constraints);
    assert_eq!(format!("{:?}", Parameters { constraints: counted.constraints, ..built }), format!("{counted:?}"));
}

#[test]
fn another_length_is_refused() {
    let (v, inputs) = (verifier(), public_inputs());
    for proof in [&PROOF[..PROOF.len() - 1], &[PROOF, &[0]].concat(), &PROOF[8..], &[]] {
        assert_eq!(refused(proof, &inputs, &v), Code::Malformed);
    }
    assert_eq!(refused(PROOF, &inputs[..24], &v), Code::Malformed);
}

#[test]
fn each_part_changed_alone_is_refused() {
    let (v, inputs) = (verifier(), public_inputs());
    for (name, start, length) in parts(&v) {
        // First, last and a middle byte, low bit.
        for at in [start + 7, start + length - 1, start + (length / 16) * 8 + 7] {
            let mut proof = PROOF.to_vec();
            proof[at] ^= 1;
            assert!(l1::verify(&proof, &inputs, &v).is_err(), "{name}, byte {at}");
        }
    }
}

#[test]
fn elements_that_are_not_canonical_are_refused_everywhere() {
    let (v, inputs) = (verifier(), public_inputs());
    for (name, start, length) in parts(&v) {
        for at in [start, start + length - 8] {
            let mut proof = PROOF.to_vec();
            proof[at..at + 8].copy_from_slice(&MODULUS.to_be_bytes());
            // Siblings are any 32 bytes: another one leads to another digest.
            let expected = if name.contains("path") { Code::InvalidProof } else { Code::NonCanonical };
            assert_eq!(refused(&proof, &inputs, &v), expected, "{name}, byte {at}");
        }
        let mut proof = PROOF.to_vec();
        proof[start..start + 8].copy_from_slice(&(1u64 << 63).to_be_bytes());
        let expected = if name.ends_with("cap") { Code::NonCanonical } else { Code::InvalidProof };
        assert_eq!(refused(&proof, &inputs, &v), expected, "{name}: a word that no digest has");
    }
}

#[test]
fn a_sibling_may_be_any_bytes() {
    let (v, inputs) = (verifier(), public_inputs());
    let no_hash = [0xff; 32];
    let places: Vec<usize> = (0..ANY_SIBLING.len() - 31).filter(|&at| ANY_SIBLING[at..at + 32] == no_hash).collect();
    let paths: Vec<_> = parts(&v).into_iter().filter(|(name, ..)| name.contains("path")).collect();
    assert!(!places.is_empty());
    assert!(places.iter().all(|at| paths.iter().any(|(_, start, length)| (start..&(start + length)).contains(&at))));
    l1::verify(ANY_SIBLING, &inputs, &v).unwrap();
    let parsed = l1::parse(ANY_SIBLING, &inputs, &v).unwrap();
    assert_eq!(l1::serialise(&parsed, &v), ANY_SIBLING);
    // Any other bytes there are another tree, also those that are the same modulo p.
    for at in places {
        for word in [u64::MAX - MODULUS, u64::MAX - 1, 0] {
            let mut proof = ANY_SIBLING.to_vec();
            proof[at..at + 8].copy_from_slice(&word.to_be_bytes());
            assert_eq!(refused(&proof, &inputs, &v), Code::InvalidProof);
        }
    }
}

#[test]
fn other_public_inputs_are_refused() {
    let (v, inputs) = (verifier(), public_inputs());
    for i in 0..inputs.len() {
        let mut other = inputs.clone();
        other[i] += F::ONE;
        assert_eq!(refused(PROOF, &other, &v), Code::InvalidProof, "input {i}");
    }
}

#[test]
fn another_circuit_is_refused() {
    let inputs = public_inputs();
    let mut v = verifier();
    v.verifier_only.circuit_digest.elements[3] += F::ONE;
    assert_eq!(refused(PROOF, &inputs, &v), Code::InvalidProof);
    let mut v = verifier();
    v.verifier_only.constants_sigmas_cap.0.iter_mut().for_each(|d| d.elements[0] += F::ONE);
    assert_eq!(refused(PROOF, &inputs, &v), Code::InvalidProof);
}

#[test]
fn queries_exchanged_are_refused() {
    let (v, inputs) = (verifier(), public_inputs());
    let queries = v.common.fri_params.config.num_query_rounds;
    let size = parts(&v).iter().filter(|(name, ..)| name.starts_with("query 0,")).map(|(.., length)| length).sum::<usize>();
    let start = PROOF.len() - queries * size;
    let mut proof = PROOF[..start].to_vec();
    let mut blocks: Vec<&[u8]> = PROOF[start..].chunks(size).collect();
    blocks.swap(0, 1);
    proof.extend(blocks.concat());
    assert_eq!(refused(&proof, &inputs, &v), Code::InvalidProof);
}

/// Some minutes of CPU and four GiB: `make test-heavy`.
#[test]
#[ignore = "two recursions"]
fn a_batch_is_proven_for_l1() {
    let folder = std::env::temp_dir().join(format!("multiprover-plonky2-l1-{}", std::process::id()));
    let cache = Cache { folder, form: Form::L1 };
    let mut bank = bank::Bank::new();
    let registration = [bank.register(5, 0, 1 << 45)];
    let mut request = bank.world.batch(&registration);
    let prepare_request = pb::PrepareRequest { program: bank::program(), slots: 1, ..Default::default() };
    let prepared = prepare(&cache, &prepare_request, &common::Quiet).unwrap();
    assert_eq!(prepared.artefacts["l1_verifier"].len(), 32 + 32 * 32);
    assert!(prepared.figures["conjectured_bits"] >= 100.0);
    let again = prepare(&cache, &prepare_request, &common::Quiet).unwrap();
    assert!(again.cached && again.key_id == prepared.key_id && again.artefacts == prepared.artefacts);
    request.key_id = prepared.key_id;
    let proof = prove(&cache, &request, &common::Quiet).unwrap();
    assert_eq!((proof.proof.len(), &proof.proof), (PROOF.len(), &proof.l1_proof));
    eprintln!("{:?}", proof.figures);
    let offered = pb::VerifyRequest { statement: request.statement.clone(), proof: Some(proof) };
    verify(&cache, &offered).unwrap();
    let mut other = offered;
    other.statement.as_mut().unwrap().payee[0] ^= 1;
    let refused = verify(&cache, &other).unwrap_err();
    assert!(matches!(refused, KeysError::Refused(r) if r.code == Code::InvalidProof));
    std::fs::remove_dir_all(&cache.folder).unwrap();
}
