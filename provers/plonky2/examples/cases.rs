//! Conformance cases of the tests' own transition, as JSON on standard output (docs/prover.md §4):
//! `cargo run --release --example cases > cases.json`.

#[path = "../tests/common/bank.rs"]
mod bank;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use multiprover_plonky2::pb::prover as pb;
use multiprover_plonky2::reference::Transaction;
use prost::Message;

fn main() {
    let mut bank = bank::Bank::new();
    let mut cases = vec![];
    let mut add = |bank: &mut bank::Bank, name: &str, batch: &[Transaction]| {
        let prepare = pb::PrepareRequest { program: bank::program(), slots: batch.len() as u32, ..Default::default() };
        let prove = bank.world.batch(batch);
        cases.push(serde_json::json!({
            "name": name,
            "prepare": STANDARD.encode(prepare.encode_to_vec()),
            "prove": STANDARD.encode(prove.encode_to_vec()),
        }));
    };
    let registrations = [bank.register(5, 0, 1 << 45), bank.register(9, 1, 77)];
    add(&mut bank, "registrations", &registrations);
    let payment = [bank.pay(5, 9, 123_456_789_012, 0), bank.noop()];
    add(&mut bank, "a payment and an empty slot", &payment);
    cases.reverse();
    println!("{}", serde_json::json!({"version": 1, "cases": cases}));
}
