//! The advice of somebody who executes nothing and checks nothing.

use halo2_axiom::halo2curves::bn256::Fr;
use halo2_axiom::halo2curves::ff::Field as _;
use multiprover_halo2::execution::{Access, Advice, SlotAdvice, Value};
use multiprover_halo2::pb::prover as pb;
use multiprover_halo2::program::{Field, Program, Type};
use multiprover_halo2::signature::{Point, Signature};
use multiprover_halo2::suite;

/// 32 bytes, zeros for what is missing, reduced.
fn reduced(bytes: &[u8]) -> Fr {
    let mut whole = [0; 32];
    let count = bytes.len().min(32);
    whole[..count].copy_from_slice(&bytes[..count]);
    suite::reduce(&whole)
}

fn words(bytes: &[u8]) -> Vec<u32> {
    bytes.as_chunks::<4>().0.iter().map(|w| u32::from_be_bytes(*w)).collect()
}

/// As many as there are fields; without any bytes, as in a record never written.
fn values(fields: &[Field], integers: &[u8], keys: &[Vec<u8>]) -> Vec<Value> {
    let empty = integers.is_empty();
    let mut integers = words(integers).into_iter();
    let mut keys = keys.iter();
    let value = |f: &Field| match f.ty {
        Type::Key => Value::Key(keys.next().map_or(Fr::ZERO, |k| reduced(k))),
        Type::Integer(_) if empty => Value::Integer(0),
        Type::Integer(range) => {
            let encoded = integers.by_ref().take(range.words()).fold(0_u64, |sum, w| sum << 32 | u64::from(w));
            Value::Integer(i128::from(encoded) + range.lo)
        }
    };
    fields.iter().map(value).collect()
}

fn signature(program: &Program, message: Option<&pb::Authorization>) -> Signature {
    let bytes = message.and_then(|m| m.signatures.get(program.suite)).filter(|b| b.len() == 160);
    let Some(bytes) = bytes else { return Signature::NONE };
    let part = |n: usize| reduced(&bytes[32 * n..32 * n + 32]);
    Signature { a: Point { x: part(0), y: part(1) }, r: Point { x: part(2), y: part(3) }, s: part(4) }
}

/// The advice of a request as it stands.
pub fn advice(program: &Program, slots: usize, request: &pb::ProveRequest) -> Advice {
    let none = pb::SuitePreState::default();
    let state = request.pre_state.clone().unwrap_or_default();
    let own = state.suites.get(program.suite).unwrap_or(&none);
    let slot = |n: usize| {
        let message = request.slots.get(n).cloned().unwrap_or_default();
        let mut input = words(&message.words);
        input.resize(program.input_words, 0);
        let access = |(n, port): (usize, &multiprover_halo2::program::Port)| {
            let map = &program.maps[port.map];
            let opening = message.openings.get(n).cloned().unwrap_or_default();
            let own = opening.suites.get(program.suite).cloned().unwrap_or_default();
            let mut siblings: Vec<Fr> = own.siblings.chunks(32).map(reduced).collect();
            siblings.resize(map.depth, Fr::ZERO);
            Access { fields: values(&map.fields, &opening.fields, &own.keys), siblings }
        };
        SlotAdvice {
            words: input,
            accesses: program.ports.iter().enumerate().map(access).collect(),
            signatures: (0..program.authorizations).map(|n| signature(program, message.authorizations.get(n))).collect(),
            values: vec![],
        }
    };
    let mut map_roots: Vec<Fr> = own.map_roots.iter().map(|r| reduced(r)).collect();
    map_roots.resize(program.maps.len(), Fr::ZERO);
    Advice { cells: values(&program.cells, &state.cells, &own.key_cells), map_roots, slots: (0..slots).map(slot).collect() }
}
