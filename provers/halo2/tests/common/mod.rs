//! What several tests read: the vectors shared by every language, and the conformance case.
#![allow(dead_code)]

use base64::Engine;
use halo2_axiom::halo2curves::bn256::Fr;
use multiprover_halo2::pb::prover as pb;
use multiprover_halo2::suite;
use prost::Message;
use serde_json::Value;

pub fn read(path: &str) -> Value {
    let path = format!("../../vectors/{path}");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The vectors of an operation; there is at least one.
pub fn vectors(file: &str, operation: &str) -> Vec<Value> {
    let all = read(file);
    let found: Vec<Value> = all["vectors"].as_array().unwrap().iter().filter(|v| v["operation"] == operation).cloned().collect();
    assert!(!found.is_empty(), "{file} has no {operation}");
    found
}

/// The bytes of a string that starts with `0x`.
pub fn bytes(value: &Value) -> Vec<u8> {
    let digits = value.as_str().unwrap().strip_prefix("0x").unwrap();
    assert!(digits.len().is_multiple_of(2));
    (0..digits.len()).step_by(2).map(|i| u8::from_str_radix(&digits[i..i + 2], 16).unwrap()).collect()
}

/// An unsigned integer without leading zeros.
pub fn int(value: &Value) -> u64 {
    u64::from_str_radix(value.as_str().unwrap().strip_prefix("0x").unwrap(), 16).unwrap()
}

pub fn element(value: &Value) -> Fr {
    suite::element(&bytes(value)).unwrap()
}

pub fn elements(value: &Value) -> Vec<Fr> {
    value.as_array().unwrap().iter().map(element).collect()
}

/// 32 bytes, reduced.
pub fn reduced(value: &Value) -> Fr {
    suite::reduce(&bytes(value).try_into().unwrap())
}

/// The requests of a conformance case, as a prover of this suite is sent them.
pub fn case(number: usize) -> (pb::PrepareRequest, pb::ProveRequest) {
    let cases = read("conformance/token.json");
    let decode =
        |name: &str| base64::engine::general_purpose::STANDARD.decode(cases["cases"][number][name].as_str().unwrap()).unwrap();
    let prepare = pb::PrepareRequest::decode(&decode("prepare")[..]).unwrap();
    let mut prove = pb::ProveRequest::decode(&decode("prove")[..]).unwrap();
    prove.statement.as_mut().unwrap().suites.retain(|s| s.suite == suite::NAME);
    (prepare, prove)
}
