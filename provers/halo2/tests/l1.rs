//! Keys and proofs as L1 sees them, on the frozen proof that the contract's tests have too (`tests/fixtures/halo2`).

use std::path::Path;

use halo2_axiom::halo2curves::bn256::{Fr, G1Affine};
use halo2_axiom::halo2curves::ff::Field;
use halo2_axiom::halo2curves::group::prime::PrimeCurveAffine;
use halo2_axiom::plonk::{Circuit, ConstraintSystem};
use halo2_axiom::transcript::{Transcript, TranscriptRead, TranscriptWrite};
use multiprover_halo2::builder::Tabled;
use multiprover_halo2::evm::{POINT, Reader, WORD, Writer, element, keccak, point, point_bytes, reduced, word};
use multiprover_halo2::l1::Verifier;
use multiprover_halo2::shape::{INPUTS, Shape};

const R: &str = "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001";

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/halo2").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn inputs() -> [Fr; INPUTS] {
    let words = fixture("inputs");
    // The last one, the domain, is reduced (docs/suites.md §2).
    std::array::from_fn(|i| reduced(words[WORD * i..WORD * (i + 1)].try_into().unwrap()))
}

fn r() -> [u8; WORD] {
    std::array::from_fn(|i| u8::from_str_radix(&R[2 * i..2 * i + 2], 16).unwrap())
}

#[test]
fn the_frozen_proof_is_of_its_inputs_only() {
    let verifier = Verifier::new::<Tabled>(&fixture("l1_verifier")).unwrap();
    let (inputs, proof) = (inputs(), fixture("proof"));
    verifier.verify(&inputs, &proof).unwrap();
    for i in 0..INPUTS {
        let mut other = inputs;
        other[i] += Fr::ONE;
        assert_eq!(verifier.verify(&other, &proof).unwrap_err().0, "proof");
    }
    let one_less = &proof[..proof.len() - 1];
    for wrong in [one_less, &[proof.as_slice(), &[0]].concat(), &[]] {
        assert!(verifier.verify(&inputs, wrong).unwrap_err().0.starts_with("proof length"));
    }
}

#[test]
fn every_word_of_a_proof_is_canonical() {
    let verifier = Verifier::new::<Tabled>(&fixture("l1_verifier")).unwrap();
    let (inputs, proof, shape) = (inputs(), fixture("proof"), verifier.shape());
    let with = |at: usize, word: [u8; WORD]| {
        let mut changed = proof.clone();
        changed[at..at + WORD].copy_from_slice(&word);
        verifier.verify(&inputs, &changed).unwrap_err().0
    };
    let scalars = POINT * shape.points();
    for n in 0..shape.scalars {
        assert_eq!(with(scalars + WORD * n, r()), "scalar not canonical");
        assert_eq!(with(scalars + WORD * n, [0xff; WORD]), "scalar not canonical");
    }
    for at in (0..scalars).step_by(WORD) {
        assert_eq!(with(at, [0xff; WORD]), "point");
    }
    // Of the opening's own points the library says no more.
    for at in (scalars + WORD * shape.scalars..proof.len()).step_by(WORD) {
        assert_eq!(with(at, [0xff; WORD]), "proof");
    }
}

#[test]
fn a_key_is_checked_word_by_word() {
    let key = fixture("l1_verifier");
    let refused = |at: usize, word: [u8; WORD]| {
        let mut changed = key.clone();
        changed[at..at + WORD].copy_from_slice(&word);
        Verifier::new::<Tabled>(&changed).is_err()
    };
    // Shape, rows, digest, label, tau.
    for n in 0..8 {
        assert!(refused(WORD * n, [0xff; WORD]), "word {n}");
    }
    for n in 8..key.len() / WORD {
        assert!(refused(WORD * n, [0xff; WORD]), "word {n}");
        // Another point of the curve is another key, whose digest is not this one.
        assert!(refused(WORD * n, word(&Fr::from(5))), "word {n}");
    }
    assert!(Verifier::new::<Tabled>(&key[..key.len() - 1]).is_err());
    let labelled = Verifier::new::<Tabled>(&key).unwrap();
    assert!(labelled.insecure());
    // The label is in the transcript: a proof under the one is none under the other.
    let mut other = key.clone();
    other[4 * WORD - 1] = 0;
    let other = Verifier::new::<Tabled>(&other).unwrap();
    assert!(!other.insecure());
    assert!(other.verify(&inputs(), &fixture("proof")).is_err());
}

#[test]
fn a_challenge_is_a_hash_of_all_before() {
    let seed = [7; WORD];
    let (scalar, generator) = (Fr::from(5), G1Affine::generator());
    let mut writer = Writer::new(seed);
    writer.common_scalar(Fr::from(3)).unwrap();
    writer.write_point(generator).unwrap();
    let absorbed = [seed.as_slice(), &word(&Fr::from(3)), &point_bytes(&generator)].concat();
    let state = keccak(&absorbed);
    assert_eq!(*writer.squeeze_challenge_scalar::<()>(), reduced(&state));
    // Nothing came since: the state alone.
    assert_eq!(*writer.squeeze_challenge_scalar::<()>(), reduced(&keccak(&state)));
    writer.write_scalar(scalar).unwrap();
    let last = *writer.squeeze_challenge_scalar::<()>();
    let proof = writer.into_bytes();
    assert_eq!(proof.len(), POINT + WORD);

    let mut reader = Reader::new(seed, &proof);
    reader.common_scalar(Fr::from(3)).unwrap();
    assert_eq!(reader.read_point().unwrap(), generator);
    assert_eq!(*reader.squeeze_challenge_scalar::<()>(), reduced(&state));
    reader.squeeze_challenge_scalar::<()>();
    assert_eq!(reader.read_scalar().unwrap(), scalar);
    assert_eq!(*reader.squeeze_challenge_scalar::<()>(), last);
    assert!(reader.ended());
    assert!(reader.read_scalar().is_err());
}

#[test]
fn encodings_have_one_form() {
    assert_eq!(element::<Fr>(&r()), None);
    assert_eq!(reduced(&r()), Fr::ZERO);
    assert_eq!(element::<Fr>(&word(&-Fr::ONE)), Some(-Fr::ONE));
    assert_eq!(point(&[0; POINT]), None);
    let generator = point_bytes(&G1Affine::generator());
    assert_eq!(point(&generator), Some(G1Affine::generator()));
    let mut off = generator;
    off[POINT - 1] ^= 1;
    assert_eq!(point(&off), None);
    assert!(Writer::new([0; WORD]).write_point(G1Affine::identity()).is_err());
}

#[test]
fn the_shape_does_not_depend_on_the_degree_that_the_environment_allows() {
    let mut cs = ConstraintSystem::default();
    Tabled::configure(&mut cs);
    let shape = Shape::of(&cs).unwrap();
    assert_eq!(cs.minimum_degree(), Some(cs.degree()));
    assert_eq!(shape.proof_bytes(), fixture("proof").len());
    // Without it the library would cut the degree off at 5, and the quotient with it.
    let mut capped = ConstraintSystem::default();
    Tabled::configure(&mut capped);
    capped.set_minimum_degree(3);
    assert!(Shape::of(&capped).is_err());
}
