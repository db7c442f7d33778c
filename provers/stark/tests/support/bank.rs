//! The batches of vectors/programs.json, with the statement cut down to this prover's suite.

use multiprover_stark::pb::prover as pb;
use multiprover_stark::suite;
use prost::Message;
use serde_json::Value;

pub struct Batch {
    pub name: String,
    /// Canonical bytes.
    pub program: Vec<u8>,
    pub request: pb::ProveRequest,
    pub holds: bool,
}

fn bytes(v: &Value) -> Vec<u8> {
    let digits = v.as_str().unwrap().strip_prefix("0x").unwrap().as_bytes();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

pub fn batches() -> Vec<Batch> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/programs.json");
    let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let batch = |v: &Value| {
        let mut request = pb::ProveRequest::decode(&bytes(&v["inputs"]["request"])[..]).unwrap();
        request.statement.as_mut().unwrap().suites.retain(|s| s.suite == suite::NAME);
        Batch {
            name: v["name"].as_str().unwrap().into(),
            program: bytes(&v["inputs"]["program"]),
            request,
            holds: v["outputs"]["holds"].as_bool().unwrap(),
        }
    };
    file["vectors"].as_array().unwrap().iter().map(batch).collect()
}

/// One slot: account 1 pays account 2.
pub fn payment() -> Batch {
    batches().into_iter().find(|b| b.name == "bank_payment").unwrap()
}
