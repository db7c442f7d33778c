//! Signatures in rows against the shared vectors, and against witnesses that lie.

mod common;
mod mock;

use halo2_axiom::halo2curves::bn256::Fr;
use halo2_axiom::halo2curves::ff::Field;
use mock::{accepts, lies_are_refused, refused, satisfied};
use multiprover_halo2::builder::Builder;
use multiprover_halo2::config::PUBLIC;
use multiprover_halo2::edwards::{BITS, Bits, bits};
use multiprover_halo2::integers::Affine;
use multiprover_halo2::signature::{Point, Signature};
use multiprover_halo2::suite::{self, Tag};

struct Case {
    key: Fr,
    digest: Fr,
    nonce: u64,
    signature: Signature,
}

fn authorize(b: &mut Builder, case: &Case, enabled: u64) {
    let enabled = b.constant(Fr::from(enabled));
    let key = b.constant(case.key);
    let nonce = Affine::constant(Fr::from(case.nonce));
    let digest = b.constant(case.digest);
    b.authorize(&enabled.into(), &key.into(), &nonce, digest, &case.signature);
}

fn cases() -> Vec<(Case, bool)> {
    let mut cases = vec![];
    for vector in common::vectors("bn254_suite.json", "verify") {
        let inputs = &vector["inputs"];
        let bytes = common::bytes(&inputs["signature"]);
        // What cannot be told in cells: another length, coordinates past the modulus, `S` past its order.
        let Ok(signature) = Signature::decode(&bytes) else { continue };
        let case = Case {
            key: common::reduced(&inputs["public_key"]),
            digest: common::element(&inputs["digest"]),
            nonce: common::int(&inputs["nonce"]),
            signature,
        };
        cases.push((case, vector["outputs"]["valid"].as_bool().unwrap()));
    }
    cases
}

#[test]
fn the_shared_vectors() {
    let cases = cases();
    assert!(cases.iter().any(|c| c.1) && cases.iter().any(|c| !c.1));
    for (case, valid) in &cases {
        let mut b = mock::builder(11);
        authorize(&mut b, case, 1);
        assert_eq!(refused(b), !valid, "{:?}", case.signature);
    }
}

#[test]
fn no_signature_where_none_is_asked() {
    let case = Case { key: Fr::from(5), digest: Fr::from(6), nonce: 7, signature: Signature::NONE };
    let mut b = mock::builder(11);
    authorize(&mut b, &case, 0);
    accepts(b);
    let mut b = mock::builder(11);
    authorize(&mut b, &case, 1);
    assert!(refused(b));
}

fn valid() -> Case {
    cases().into_iter().find(|c| c.1).expect("a valid signature").0
}

/// A sample of the ladder's and the hashes' cells; all of them would take minutes.
#[test]
fn lies_of_a_witness() {
    let case = valid();
    lies_are_refused(11, 61, |b| authorize(b, &case, 1));
}

/// The bits of a sum below 2^254 of two integers.
fn sum(a: &Bits, b: &Bits) -> Option<Bits> {
    let mut carry = false;
    let mut sum = [false; BITS];
    for i in (0..BITS).rev() {
        let ones = u8::from(a[i]) + u8::from(b[i]) + u8::from(carry);
        (sum[i], carry) = (ones & 1 == 1, ones > 1);
    }
    (!carry).then_some(sum)
}

/// The neutral element as `A`: whatever `h` is as an integer, `R = S·B`. Only its being canonical tells `h` from `h + r`.
#[test]
fn a_challenge_above_the_order() {
    let one: Bits = bits(&Fr::ONE);
    let order = sum(&bits(&-Fr::ONE), &one).expect("below 2^254");
    let pk = suite::hash(Tag::PublicKey, 0, &[Fr::ZERO, Fr::ONE]);
    let digest = Fr::from(6);
    let challenge = |nonce: u64| suite::hash(Tag::Challenge, 0, &[Fr::ZERO, Fr::ONE, pk, digest, Fr::from(nonce)]);
    let (nonce, lie) = (0..).find_map(|n| sum(&bits(&challenge(n)), &order).map(|lie| (n, lie))).expect("one in four");
    for (h, wrong) in [(bits(&challenge(nonce)), false), (lie, true)] {
        let mut b = mock::builder(11);
        let [enabled, key, digest] = [Fr::ONE, pk, digest].map(|v| b.constant(v));
        let nonce = Affine::constant(Fr::from(nonce));
        let scalars = [h, bits(&Fr::ZERO)];
        b.authorize_bits(&enabled.into(), &key.into(), &nonce, digest, Point::NEUTRAL, scalars);
        assert_eq!(refused(b), wrong);
    }
}

/// `S + l` gives the same point.
#[test]
fn a_response_above_the_order() {
    let case = valid();
    let Signature { a, r, s } = case.signature;
    let h = suite::hash(Tag::Challenge, 0, &[r.x, r.y, case.key, case.digest, Fr::from(case.nonce)]);
    let above = sum(&bits(&s), &bits(&suite::order())).expect("below 2^254");
    for (s, wrong) in [(bits(&s), false), (above, true)] {
        let mut b = mock::builder(11);
        let [enabled, key, digest] = [Fr::ONE, case.key, case.digest].map(|v| b.constant(v));
        let nonce = Affine::constant(Fr::from(case.nonce));
        b.authorize_bits(&enabled.into(), &key.into(), &nonce, digest, a, [bits(&h), s]);
        assert_eq!(refused(b), wrong);
    }
}

/// The point of a step that adds nothing may be any for the step's gates: only its copy says that it is `A`.
#[test]
fn a_point_without_its_copy() {
    let case = valid();
    let Signature { r, .. } = case.signature;
    let h = suite::hash(Tag::Challenge, 0, &[r.x, r.y, case.key, case.digest, Fr::from(case.nonce)]);
    let h = bits(&h);
    let mut b = mock::builder(11);
    authorize(&mut b, &case, 1);
    let mut tables = b.finish();
    let first = tables.fixed[12].iter().position(|s| *s != Fr::ZERO).expect("a ladder");
    let step = (2..BITS).step_by(2).find(|&i| !h[i] && !h[i - 1]).expect("two zeros");
    tables.advice[7][first + step] += Fr::ONE;
    assert_eq!(satisfied(tables, &[Fr::ZERO; PUBLIC]), (false, true));
}
