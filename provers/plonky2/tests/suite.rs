//! The suite against the vectors that every language reads, and the permutation against Plonky2's own.

use multiprover_plonky2::field::{F, Field, MODULUS, PrimeField64};
use multiprover_plonky2::suite::{self, Digest, Signature, tag};
use plonky2::hash::poseidon::Poseidon;
use serde_json::Value;

fn vectors(name: &str) -> Value {
    let path = format!("{}/../../vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn bytes(v: &Value) -> Vec<u8> {
    let text = v.as_str().unwrap().strip_prefix("0x").unwrap();
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

fn int(v: &Value) -> u64 {
    match v.as_str() {
        Some(text) => u64::from_str_radix(text.strip_prefix("0x").unwrap(), 16).unwrap(),
        None => v.as_u64().unwrap(),
    }
}

fn words(v: &Value) -> Vec<u32> {
    bytes(v).chunks(4).map(|w| u32::from_be_bytes(w.try_into().unwrap())).collect()
}

fn ints(v: &Value) -> Vec<u32> {
    let of = |entry: &Value| {
        let (encoded, count) = (int(&entry["encoded"]), entry["words"].as_u64().unwrap());
        (0..count).rev().map(move |j| (encoded >> (32 * j)) as u32).collect::<Vec<_>>()
    };
    v.as_array().unwrap().iter().flat_map(of).collect()
}

fn array<const N: usize>(v: &Value) -> [u8; N] {
    bytes(v).try_into().unwrap()
}

fn digest(v: &Value) -> Digest {
    suite::digest(&bytes(v)).unwrap()
}

fn keys(v: &Value) -> Vec<Digest> {
    v.as_array().unwrap().iter().map(|k| suite::reduced(&array(k))).collect()
}

#[test]
fn permutation_is_plonky2s() {
    let number = |v: &Value| {
        let text = v.as_str().unwrap();
        let value = match text.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16).unwrap(),
            None => text.parse().unwrap(),
        };
        F::from_canonical_u64(value)
    };
    let all = vectors("poseidon_vectors.json");
    let ours: Vec<_> = all.as_array().unwrap().iter().filter(|v| v["params"] == "plonky2 width 12").collect();
    assert_eq!(ours.len(), 4);
    for v in ours {
        let state =
            |side: &str| -> [F; 12] { v[side].as_array().unwrap().iter().map(number).collect::<Vec<_>>().try_into().unwrap() };
        assert_eq!(F::poseidon(state("input")), state("output"));
    }
}

#[test]
fn every_vector_of_the_suite() {
    let all = vectors("goldilocks_suite.json");
    let mut checked = 0;
    for v in all["vectors"].as_array().unwrap() {
        let (name, i, o) = (v["name"].as_str().unwrap(), &v["inputs"], &v["outputs"]);
        let digest_is = |expected: &Value, found: Digest| assert_eq!(bytes(expected), suite::bytes(&found), "{name}");
        match v["operation"].as_str().unwrap() {
            "permutation" => {
                let state = |v: &Value| -> [F; 12] {
                    let elements = v["state"].as_array().unwrap().iter().map(|e| F::from_canonical_u64(int(e)));
                    elements.collect::<Vec<_>>().try_into().unwrap()
                };
                assert_eq!(F::poseidon(state(i)), state(o), "{name}");
            }
            "leaf" => digest_is(&o["digest"], suite::leaf(int(&i["map_index"]), &ints(&i["ints"]), &keys(&i["keys"]))),
            "node" => digest_is(&o["digest"], suite::pair(tag::NODE, &digest(&i["left"]), &digest(&i["right"]))),
            "state_root" => {
                let roots: Vec<Digest> = i["map_roots"].as_array().unwrap().iter().map(digest).collect();
                digest_is(&o["root"], suite::state_root(&ints(&i["cells"]), &keys(&i["key_cells"]), &roots));
            }
            "path" => {
                let siblings: Vec<Digest> = bytes(&i["siblings"]).chunks(32).map(|s| suite::digest(s).unwrap()).collect();
                let root = suite::root_from_path(tag::NODE, &digest(&i["leaf"]), int(&i["index"]), &siblings);
                digest_is(&o["root"], root);
            }
            "tx_digest" => {
                digest_is(&o["digest"], suite::tx_digest(&suite::reduced(&array(&i["domain"])), &words(&i["words"])));
            }
            "commit" => digest_is(&o["commitment"], suite::commit(&words(&i["journal"]))),
            "challenge" => {
                let z = suite::challenge(&array(&i["domain"]), &array(&i["claim"]), &digest(&i["commitment"]));
                assert_eq!(bytes(&o["challenge"]), suite::extension_bytes(z), "{name}");
            }
            "evaluate" => {
                let y = suite::evaluate(&words(&i["journal"]), suite::extension(&bytes(&i["challenge"])).unwrap());
                assert_eq!(bytes(&o["evaluation"]), suite::extension_bytes(y), "{name}");
            }
            "verify" => {
                let valid = Signature::decode(&bytes(&i["signature"]))
                    .is_ok_and(|s| suite::verify(&digest(&i["public_key"]), &digest(&i["digest"]), int(&i["nonce"]), &s).is_ok());
                assert_eq!(valid, o["valid"].as_bool().unwrap(), "{name}");
            }
            // A wallet's and the executor's: this prover makes neither keys nor trees.
            "key" | "sign" | "tree" => continue,
            other => panic!("{name}: operation {other}"),
        }
        checked += 1;
    }
    assert!(checked > 100);
}

#[test]
fn signatures_of_wallets_verify() {
    // What `sign` gives in the vectors, under the key that `key` gives for the same seed and height.
    let all = vectors("goldilocks_suite.json");
    let of = |operation: &'static str| all["vectors"].as_array().unwrap().iter().filter(move |v| v["operation"] == operation);
    let mut verified = 0;
    for sign in of("sign") {
        let i = &sign["inputs"];
        let Some(key) = of("key").find(|k| k["inputs"]["seed"] == i["seed"] && k["inputs"]["height"] == i["height"]) else {
            continue;
        };
        let signature = Signature::decode(&bytes(&sign["outputs"]["signature"])).unwrap();
        assert_eq!(signature.encode(), bytes(&sign["outputs"]["signature"]));
        let pk = digest(&key["outputs"]["public_key"]);
        suite::verify(&pk, &digest(&i["digest"]), int(&i["nonce"]), &signature).unwrap();
        verified += 1;
    }
    assert!(verified > 0);
}

#[test]
fn encodings_are_one() {
    for at in 0..4 {
        let mut b = [0; 32];
        b[8 * at..8 * at + 8].copy_from_slice(&MODULUS.to_be_bytes());
        assert!(suite::digest(&b).is_err());
        assert!(suite::reduced(&b).iter().all(|e| e.is_zero()));
        b[8 * at..8 * at + 8].copy_from_slice(&(MODULUS - 1).to_be_bytes());
        assert_eq!(suite::digest(&b).unwrap()[at].to_canonical_u64(), MODULUS - 1);
        assert_eq!(suite::extension(&b).is_ok(), at < 2);
    }
    assert!(suite::digest(&[0; 31]).is_err());
}
