//! The suite against the vectors that every language reads, and its decoders on what is not canonical.

use multiprover_stark::suite::{self, BYTES, Digest, Encoding, InvalidSignature, Signature, tag};
use multiprover_stark::tables::{EF, F};
use p3_field::{BasedVectorSpace, PrimeCharacteristicRing, PrimeField32};
use serde_json::Value;

const P: u32 = (1 << 31) - (1 << 24) + 1;

fn file(name: &str) -> Value {
    let path = format!("{}/../../vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn bytes(v: &Value) -> Vec<u8> {
    let digits = v.as_str().unwrap().strip_prefix("0x").unwrap().as_bytes();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn fixed<const N: usize>(v: &Value) -> [u8; N] {
    bytes(v).try_into().unwrap()
}

fn int(v: &Value) -> u64 {
    v.as_u64().unwrap_or_else(|| u64::from_str_radix(v.as_str().unwrap().strip_prefix("0x").unwrap(), 16).unwrap())
}

fn words(v: &Value) -> Vec<u32> {
    bytes(v).chunks_exact(4).map(|w| u32::from_be_bytes(w.try_into().unwrap())).collect()
}

/// The words of an int list.
fn ints(v: &Value) -> Vec<u32> {
    let mut words = vec![];
    for entry in v.as_array().unwrap() {
        let value = int(&entry["encoded"]);
        if int(&entry["words"]) == 2 {
            words.push((value >> 32) as u32);
        }
        words.push(value as u32);
    }
    words
}

fn list<T>(v: &Value, of: impl Fn(&Value) -> T) -> Vec<T> {
    v.as_array().unwrap().iter().map(of).collect()
}

fn digest(v: &Value) -> Digest {
    suite::digest(&bytes(v)).unwrap()
}

fn digests(bytes: &[u8]) -> Vec<Digest> {
    bytes.chunks(BYTES).map(|d| suite::digest(d).unwrap()).collect()
}

fn key(v: &Value) -> Digest {
    suite::reduced(&fixed(v))
}

fn state(v: &Value) -> [F; suite::WIDTH] {
    list(v, |e| F::from_u32(u32::from_be_bytes(fixed(e)))).try_into().unwrap()
}

#[test]
fn the_permutation_is_the_published_one() {
    let all = file("poseidon_vectors.json");
    let published = |v: &&Value| v["params"] == "plonky3 test_default_koalabear_poseidon2_width_16";
    let vector = all.as_array().unwrap().iter().find(published).unwrap();
    let state = |name: &str| -> [F; suite::WIDTH] {
        list(&vector[name], |v| F::from_u32(v.as_str().unwrap().parse().unwrap())).try_into().unwrap()
    };
    assert_eq!(suite::permute(state("input")), state("output"));
}

/// What the vectors call the check that fails first.
fn reason(v: &Value) -> Option<&'static str> {
    let signature = match Signature::decode(&bytes(&v["signature"])) {
        Ok(signature) => signature,
        Err(Encoding::Length { .. }) => return Some("length"),
        Err(Encoding::Element { at, .. }) => {
            let chains = 4 * suite::RANDOMIZER;
            return Some(match at {
                _ if at < chains => "rho not canonical",
                _ if at < chains + BYTES * suite::CHAINS => "chain not canonical",
                _ => "sibling not canonical",
            });
        }
        Err(e) => panic!("{e}"),
    };
    assert_eq!(signature.encode(), bytes(&v["signature"]));
    match suite::verify(&key(&v["public_key"]), &digest(&v["digest"]), int(&v["nonce"]), &signature) {
        Ok(()) => None,
        Err(InvalidSignature::Nonce(_)) => Some("nonce not below 2^16"),
        Err(InvalidSignature::Sum(_)) => Some("sum"),
        Err(InvalidSignature::Key { .. }) => Some("root"),
    }
}

#[test]
fn vectors() {
    let file = file("koalabear_suite.json");
    assert_eq!(file["suite"], suite::NAME);
    let vectors = file["vectors"].as_array().unwrap();
    let mut keys_of = std::collections::HashMap::new();
    for v in vectors.iter().filter(|v| v["operation"] == "sign") {
        // Keys that signed stand beside their signatures; making them is the wallet's.
        keys_of.insert((v["inputs"]["seed"].clone().to_string(), int(&v["inputs"]["height"])), v);
    }
    let mut counted = std::collections::BTreeMap::new();
    for v in vectors {
        let (name, operation) = (v["name"].as_str().unwrap(), v["operation"].as_str().unwrap());
        let (i, o) = (&v["inputs"], &v["outputs"]);
        *counted.entry(operation).or_insert(0) += 1;
        match operation {
            "permutation" => assert_eq!(suite::permute(state(&i["state"])), state(&o["state"]), "{name}"),
            "leaf" => {
                let found = suite::leaf(int(&i["map_index"]) as usize, &ints(&i["ints"]), &list(&i["keys"], key));
                assert_eq!(found, digest(&o["digest"]), "{name}");
            }
            "node" => assert_eq!(suite::node(&digest(&i["left"]), &digest(&i["right"])), digest(&o["digest"]), "{name}"),
            "state_root" => {
                let found = suite::state_root(&ints(&i["cells"]), &list(&i["key_cells"], key), &list(&i["map_roots"], digest));
                assert_eq!(found, digest(&o["root"]), "{name}");
            }
            "path" => {
                let found = suite::root(digest(&i["leaf"]), int(&i["index"]), &digests(&bytes(&i["siblings"])));
                assert_eq!(found, digest(&o["root"]), "{name}");
            }
            "tree" => {
                let mut level = vec![digest(&i["default_leaf"]); 1 << int(&i["depth"])];
                for written in i["leaves"].as_array().unwrap() {
                    level[int(&written["index"]) as usize] = digest(&written["leaf"]);
                }
                while level.len() > 1 {
                    level = level.chunks(2).map(|pair| suite::node(&pair[0], &pair[1])).collect();
                }
                assert_eq!(level[0], digest(&o["root"]), "{name}");
            }
            "tx_digest" => {
                let found = suite::tx_digest(&suite::reduced(&fixed(&i["domain"])), &words(&i["words"]));
                assert_eq!(found, digest(&o["digest"]), "{name}");
            }
            "commit" => assert_eq!(suite::commit(&words(&i["journal"])), digest(&o["commitment"]), "{name}"),
            "challenge" => {
                let found = suite::challenge(&fixed(&i["domain"]), &fixed(&i["claim"]), &digest(&i["commitment"]));
                assert_eq!(suite::extension_bytes(found), fixed(&o["challenge"]), "{name}");
                assert_eq!(suite::extension(&bytes(&o["challenge"])), Ok(found), "{name}");
            }
            "evaluate" => {
                let found = suite::evaluate(&words(&i["journal"]), suite::extension(&bytes(&i["challenge"])).unwrap());
                assert_eq!(suite::extension_bytes(found), fixed(&o["evaluation"]), "{name}");
            }
            "key" => {
                let Some(signed) = keys_of.get(&(i["seed"].to_string(), int(&i["height"]))) else { continue };
                let signature = Signature::decode(&bytes(&signed["outputs"]["signature"])).unwrap();
                let (digest, nonce) = (digest(&signed["inputs"]["digest"]), int(&signed["inputs"]["nonce"]));
                assert_eq!(suite::verify(&key(&o["public_key"]), &digest, nonce, &signature), Ok(()), "{name}");
            }
            // Verified with its key, above.
            "sign" => {}
            "verify" => {
                assert_eq!(reason(i), o["reason"].as_str(), "{name}");
                assert_eq!(reason(i).is_none(), o["valid"].as_bool().unwrap(), "{name}");
            }
            other => panic!("{name}: {other} is not in the suite"),
        }
    }
    assert_eq!(counted.len(), 13, "{counted:?}");
}

#[test]
fn nothing_but_the_one_encoding_is_a_digest() {
    let honest: Digest = std::array::from_fn(|j| F::from_u32(P - 1 - j as u32));
    let encoded = suite::digest_bytes(&honest);
    assert_eq!(suite::digest(&encoded), Ok(honest));
    for j in 0..8 {
        for value in [P, P + 1, u32::MAX] {
            let mut other = encoded;
            other[4 * j..4 * j + 4].copy_from_slice(&value.to_be_bytes());
            assert_eq!(suite::digest(&other), Err(Encoding::Element { at: 4 * j, value }));
            // The same bytes are a key, by reduction.
            assert_eq!(suite::reduced(&other)[j].as_canonical_u32(), value % P);
        }
    }
    for length in [0, 31, 33, 64] {
        assert_eq!(suite::digest(&vec![0; length]), Err(Encoding::Length { expected: 32, found: length }));
    }
}

#[test]
fn nothing_but_the_one_encoding_is_an_element_of_the_extension() {
    let honest = EF::from_basis_coefficients_fn(|j| F::from_u32(P - 1 - j as u32));
    let encoded = suite::extension_bytes(honest);
    assert_eq!(suite::extension(&encoded), Ok(honest));
    for at in 20..32 {
        let mut other = encoded;
        other[at] = 1;
        assert!(matches!(suite::extension(&other), Err(Encoding::Padding { .. })), "byte {at}");
    }
    for j in 0..5 {
        let mut other = encoded;
        other[4 * j..4 * j + 4].copy_from_slice(&P.to_be_bytes());
        assert_eq!(suite::extension(&other), Err(Encoding::Element { at: 4 * j, value: P }));
    }
    assert_eq!(suite::extension(&encoded[..20]), Err(Encoding::Length { expected: 32, found: 20 }));
}

#[test]
fn the_extension_is_that_of_the_page() {
    // X^5 + X^2 - 1 = 0.
    let x = EF::from_basis_coefficients_fn(|j| F::from_bool(j == 1));
    assert_eq!(x * x * x * x * x + x * x, EF::ONE);
}

#[test]
fn a_message_that_stands_where_none_was_signed_has_the_sum() {
    let digits = suite::digits(&suite::free_message());
    assert_eq!(digits.iter().map(|&d| usize::from(d)).sum::<usize>(), suite::TARGET_SUM);
}

#[test]
fn a_sponge_may_be_fed_in_parts() {
    let words: Vec<u32> = (1..=9).collect();
    let mut parts = suite::Sponge::new(tag::JOURNAL, 0, 18);
    for word in &words {
        parts.absorb(suite::half_words(*word));
    }
    parts.absorb([F::ZERO; 6]);
    assert_eq!(parts.digest(), suite::commit(&words));
}
