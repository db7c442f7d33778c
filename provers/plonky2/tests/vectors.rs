//! The batches of vectors/programs.json, which every language reads: execution takes those that hold, and refuses the others.

use multiprover_plonky2::config::circuit_config;
use multiprover_plonky2::execution::{Statement, execute};
use multiprover_plonky2::lowering::lower;
use multiprover_plonky2::pb::prover as pb;
use multiprover_plonky2::program::Program;
use multiprover_plonky2::suite;
use prost::Message;
use serde_json::Value;

fn bytes(v: &Value) -> Vec<u8> {
    let text = v.as_str().unwrap().strip_prefix("0x").unwrap();
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

fn batches() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/programs.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A table whose length was no multiple of 26 admitted 0 -> 0 (0xPolygonZero/plonky2#1656): no circuit of ours has one.
#[test]
fn the_circuit_has_no_lookup() {
    let file = batches();
    let bank = file["vectors"].as_array().unwrap().iter().find(|v| v["name"] == "bank_payment").unwrap();
    let program = Program::decode(&bytes(&bank["inputs"]["program"])).unwrap();
    let common = lower(&program, 1, circuit_config()).data.common;
    assert!(common.luts.is_empty());
    assert_eq!((common.num_lookup_polys, common.num_lookup_selectors), (0, 0));
    let gates: Vec<String> = common.gates.iter().map(|gate| gate.0.id()).collect();
    assert!(gates.len() > 5 && gates.iter().all(|id| !id.contains("Lookup")), "{gates:?}");
}

#[test]
fn programs() {
    let file = batches();
    let (mut holding, mut refused) = (0, 0);
    for v in file["vectors"].as_array().unwrap() {
        let name = v["name"].as_str().unwrap();
        assert_eq!(v["operation"], "batch", "{name}");
        let program = Program::decode(&bytes(&v["inputs"]["program"])).unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut request = pb::ProveRequest::decode(bytes(&v["inputs"]["request"]).as_slice()).unwrap();
        request.statement.as_mut().unwrap().suites.retain(|s| s.suite == suite::NAME);
        let statement = Statement::decode(request.statement.as_ref()).unwrap_or_else(|e| panic!("{name}: {e}"));
        let slots = v["inputs"]["slots"].as_u64().unwrap() as usize;
        let found = execute(&program, slots, &statement, &request);
        if v["outputs"]["holds"].as_bool().unwrap() {
            found.unwrap_or_else(|e| panic!("{name}: {e}"));
            holding += 1;
        } else {
            assert!(found.is_err(), "{name}: taken");
            refused += 1;
        }
    }
    assert!(holding > 10 && refused > 10, "{holding} hold, {refused} are refused");
}
