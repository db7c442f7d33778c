//! The advice of somebody who executes nothing and checks nothing.

use multiprover_stark::execution::{Advice, Opening, SlotAdvice, Statement, Value};
use multiprover_stark::pb::prover as pb;
use multiprover_stark::program::{Program, Type};
use multiprover_stark::suite::{self, Digest, Signature};

/// 32 bytes, zeros for what is missing, reduced.
fn digest(bytes: &[u8]) -> Digest {
    let mut whole = [0; suite::BYTES];
    let count = bytes.len().min(suite::BYTES);
    whole[..count].copy_from_slice(&bytes[..count]);
    suite::reduced(&whole)
}

fn words(bytes: &[u8]) -> Vec<u32> {
    bytes.as_chunks::<4>().0.iter().map(|w| u32::from_be_bytes(*w)).collect()
}

/// One a type; without any bytes, those of a record that was never written.
fn values(types: &[Type], integers: &[u8], keys: &[Vec<u8>]) -> Vec<Value> {
    let (empty, mut integers, mut keys) = (integers.is_empty(), words(integers).into_iter(), keys.iter());
    let value = |ty: &Type| match *ty {
        Type::Key => Value::Key(keys.next().map_or(Digest::default(), |key| digest(key))),
        Type::Int { .. } if empty => Value::Int(0),
        Type::Int { lo, .. } => {
            let encoded = integers.by_ref().take(ty.words()).fold(0_u64, |v, word| v << 32 | u64::from(word));
            Value::Int(i128::from(encoded) + lo)
        }
    };
    types.iter().map(value).collect()
}

fn padded<T: Clone>(mut list: Vec<T>, length: usize, with: T) -> Vec<T> {
    list.resize(length, with);
    list
}

/// The advice of a request as it stands.
pub fn advice(program: &Program, statement: &Statement, request: &pb::ProveRequest) -> Advice {
    let state = request.pre_state.clone().unwrap_or_default();
    let own = state.suites.get(program.suite).cloned().unwrap_or_default();
    let slot = |n: usize| {
        let slot = request.slots.get(n).cloned().unwrap_or_default();
        let opening = |port: usize| {
            let map = program.map_of(port);
            let opening = slot.openings.get(port).cloned().unwrap_or_default();
            let own = opening.suites.get(program.suite).cloned().unwrap_or_default();
            let siblings = own.siblings.chunks(suite::BYTES).map(digest).collect();
            Opening {
                fields: values(&map.fields, &opening.fields, &own.keys),
                siblings: padded(siblings, map.depth, Digest::default()),
            }
        };
        let signature = |n: usize| {
            let bytes = slot.authorizations.get(n).and_then(|a| a.signatures.get(program.suite));
            bytes.and_then(|bytes| Signature::decode(bytes).ok()).unwrap_or_else(Signature::none)
        };
        SlotAdvice {
            words: padded(words(&slot.words), program.input_words, 0),
            openings: (0..program.ports.len()).map(opening).collect(),
            signatures: (0..program.authorizations).map(signature).collect(),
        }
    };
    let map_roots = own.map_roots.iter().map(|root| digest(root)).collect();
    Advice {
        public: statement.public(),
        cells: values(&program.cells, &state.cells, &own.key_cells),
        map_roots: padded(map_roots, program.maps.len(), Digest::default()),
        slots: (0..statement.slots).map(slot).collect(),
    }
}
