//! The native suite against the vectors shared by every language, and what its curve must be for the addition law to be complete.

mod common;

use common::{bytes, element, elements, int, reduced, vectors};
use halo2_axiom::halo2curves::bn256::Fr;
use halo2_axiom::halo2curves::ff::Field;
use multiprover_halo2::signature::{Point, Signature};
use multiprover_halo2::suite::{self, Typed};
use serde_json::Value;

const FILE: &str = "bn254_suite.json";

fn typed(value: &Value) -> Vec<Typed> {
    let one = |v: &Value| Typed { encoded: int(&v["encoded"]), words: v["words"].as_u64().unwrap() as usize };
    value.as_array().unwrap().iter().map(one).collect()
}

fn words(value: &Value) -> Vec<u32> {
    bytes(value).chunks(4).map(|w| u32::from_be_bytes(w.try_into().unwrap())).collect()
}

fn keys(value: &Value) -> Vec<Fr> {
    value.as_array().unwrap().iter().map(reduced).collect()
}

/// Holds each vector of an operation against a function of its inputs.
fn check(operation: &str, output: &str, compute: impl Fn(&Value) -> Fr) {
    for vector in vectors(FILE, operation) {
        assert_eq!(compute(&vector["inputs"]), element(&vector["outputs"][output]), "{}", vector["name"]);
    }
}

#[test]
fn permutation() {
    for vector in vectors(FILE, "permutation") {
        let mut state: [Fr; 3] = elements(&vector["inputs"]["state"]).try_into().unwrap();
        suite::permute(&mut state);
        assert_eq!(state.to_vec(), elements(&vector["outputs"]["state"]), "{}", vector["name"]);
    }
    let published = common::read("poseidon_vectors.json");
    let published = published.as_array().unwrap().iter().find(|v| v["params"] == "POSEIDON2_BN256_PARAMS").unwrap();
    let mut state: [Fr; 3] = [0, 1, 2].map(Fr::from);
    suite::permute(&mut state);
    assert_eq!(state.to_vec(), elements(&published["output"]));
}

#[test]
fn hashes_of_state_and_journal() {
    check("leaf", "digest", |i| suite::leaf(i["map_index"].as_u64().unwrap() as usize, &typed(&i["ints"]), &keys(&i["keys"])));
    check("node", "digest", |i| suite::node(element(&i["left"]), element(&i["right"])));
    check("state_root", "root", |i| suite::state_root(&typed(&i["cells"]), &keys(&i["key_cells"]), &elements(&i["map_roots"])));
    check("path", "root", |i| {
        let siblings: Vec<Fr> = bytes(&i["siblings"]).chunks(32).map(|s| suite::element(s).unwrap()).collect();
        suite::path(element(&i["leaf"]), int(&i["index"]), &siblings)
    });
    check("tx_digest", "digest", |i| suite::tx_digest(reduced(&i["domain"]), &words(&i["words"])));
    check("commit", "commitment", |i| suite::commit(&words(&i["journal"])));
    check("evaluate", "evaluation", |i| suite::evaluate(&words(&i["journal"]), element(&i["challenge"])));
    check("challenge", "challenge", |i| {
        let [domain, claim, commitment] = ["domain", "claim", "commitment"].map(|name| bytes(&i[name]).try_into().unwrap());
        suite::reduce(&suite::challenge_seed(&domain, &claim, &commitment))
    });
}

#[test]
fn signatures() {
    for vector in vectors(FILE, "verify") {
        let inputs = &vector["inputs"];
        let (key, digest, nonce) = (reduced(&inputs["public_key"]), element(&inputs["digest"]), int(&inputs["nonce"]));
        let verdict = Signature::decode(&bytes(&inputs["signature"])).and_then(|s| s.verify(key, digest, nonce));
        let expected = if vector["outputs"]["valid"].as_bool().unwrap() {
            Ok(())
        } else {
            Err(vector["outputs"]["reason"].as_str().unwrap())
        };
        assert_eq!(verdict, expected, "{}", vector["name"]);
    }
    let (x, y) = suite::base();
    for vector in vectors(FILE, "key") {
        let mut secret = format!("{:0>64}", vector["outputs"]["secret"].as_str().unwrap().strip_prefix("0x").unwrap());
        secret.insert_str(0, "0x");
        let a = Point { x, y }.mul(&element(&Value::String(secret)));
        assert_eq!([a.x, a.y], ["x", "y"].map(|name| element(&vector["outputs"][name])), "{}", vector["name"]);
        let key = suite::hash(suite::Tag::PublicKey, 0, &[a.x, a.y]);
        assert_eq!(key, element(&vector["outputs"]["public_key"]), "{}", vector["name"]);
    }
}

#[test]
fn addition_is_complete_and_the_base_has_its_order() {
    assert!(bool::from(suite::curve_a().sqrt().is_some()), "a is a square");
    assert!(bool::from(suite::curve_d().sqrt().is_none()), "d is none");
    let (x, y) = suite::base();
    let base = Point { x, y };
    assert!(base.on_curve());
    assert_eq!(base.mul(&suite::order()), Point::NEUTRAL);
    assert_ne!(base, Point::NEUTRAL);
    let negative = Point { x: -x, y };
    assert_eq!(base.add(&negative), Point::NEUTRAL);
    assert_eq!(base.add(&base), base.mul(&Fr::from(2)));
}

/// What stands for no signature satisfies everything but the public key, for every digest.
#[test]
fn no_signature_fits_no_key_but_its_equation_holds() {
    let key = suite::hash(suite::Tag::PublicKey, 0, &[Fr::ZERO, Fr::ONE]);
    assert_eq!(Signature::NONE.verify(key, Fr::from(5), 3), Ok(()));
    assert_eq!(Signature::NONE.verify(Fr::ZERO, Fr::from(5), 3), Err("A not the point of the public key"));
}

#[test]
fn encodings_are_canonical_and_reduction_is_not_a_check() {
    let greatest = suite::encode(&-Fr::ONE);
    assert_eq!(suite::element(&greatest), Some(-Fr::ONE));
    let mut modulus = greatest;
    modulus[31] += 1;
    assert_eq!(suite::element(&modulus), None);
    assert_eq!(suite::reduce(&modulus), Fr::ZERO);
    assert_eq!(suite::element(&greatest[1..]), None);
    assert_eq!(suite::integer(i128::MIN) + suite::integer(i128::MAX), -Fr::ONE);
}
