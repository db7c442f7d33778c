//! Decoding: one encoding, and every rule that a lowering relies on.

#[path = "common/bank.rs"]
#[allow(dead_code)]
mod bank;

use multiprover_plonky2::pb::program as pb;
use multiprover_plonky2::program::Program;
use multiprover_plonky2::reference::{Assembler, reference_program};
use multiprover_plonky2::refusal::Code;
use prost::Message;

fn code(bytes: &[u8]) -> Option<Code> {
    Program::decode(bytes).err().map(|r| r.code)
}

fn changed(change: impl FnOnce(&mut pb::Program)) -> Option<Code> {
    let mut program = pb::Program::decode(bank::program().as_slice()).unwrap();
    change(&mut program);
    code(&program.encode_to_vec())
}

/// The first operation with a code.
fn first(p: &mut pb::Program, code: pb::Code) -> &mut pb::Op {
    p.ops.iter_mut().find(|o| o.code() == code).unwrap()
}

#[test]
fn programs_decode() {
    let program = Program::decode(&bank::program()).unwrap();
    assert_eq!((program.suite, program.ports.len(), program.authorizations), (1, 2, 1));
    assert_eq!(program.key_word(6), 14);
    assert!(Program::decode(&reference_program(&["goldilocks"])).is_ok());
}

#[test]
fn other_bytes_of_the_same_program_are_refused() {
    let bytes = bank::program();
    assert_eq!(code(&[&bytes[..], &[0x08, 0x01]].concat()), Some(Code::NonCanonical));
    assert_eq!(code(&[&bytes[..], &[0xf8, 0x3f, 0x01]].concat()), Some(Code::NonCanonical));
    assert_eq!(code(&[&bytes[..], &[0x08, 0x02]].concat()), Some(Code::Unsupported));
    assert_eq!(code(&bytes[..bytes.len() - 1]), Some(Code::Malformed));
    assert_eq!(code(&[]), Some(Code::Unsupported));
    assert_eq!(code(&[0xff; 64]), Some(Code::Malformed));
    // A bound with a byte to spare, of either sign.
    assert_eq!(changed(|p| first(p, pb::Code::Range).hi = vec![0, 2]), Some(Code::NonCanonical));
    assert_eq!(changed(|p| first(p, pb::Code::Const).lo = vec![0]), Some(Code::NonCanonical));
    assert_eq!(changed(|p| first(p, pb::Code::Const).lo = vec![0xff, 0xff]), Some(Code::NonCanonical));
    assert_eq!(changed(|p| first(p, pb::Code::Const).lo = vec![0x80; 17]), Some(Code::Malformed));
}

#[test]
fn every_rule_is_checked() {
    use pb::Code as K;
    type Change = fn(&mut pb::Program);
    let rules: &[(&str, Change)] = &[
        ("suite twice", |p| p.suites.push("bn254".into())),
        ("range of a sum", |p| first(p, K::Add).hi.push(1)),
        ("range of a product", |p| first(p, K::Mul).lo = vec![1]),
        ("range of a quotient", |p| first(p, K::Divmod).lo = vec![]),
        ("range of a remainder", |p| first(p, K::Remainder).hi = vec![1]),
        ("range of a choice", |p| first(p, K::Select).lo = vec![]),
        ("range of a comparison", |p| first(p, K::Lt).hi = vec![2]),
        ("range of a parameter", |p| first(p, K::Param).hi = vec![1]),
        ("range of a load", |p| first(p, K::Load).hi = vec![1]),
        ("range of a cell", |p| first(p, K::Cell).hi = vec![1]),
        ("an empty range", |p| first(p, K::Range).lo = vec![5]),
        ("a later operand", |p| first(p, K::Add).args[0] = 1 << 20),
        ("operands", |p| first(p, K::Add).args.push(0)),
        ("immediates", |p| first(p, K::Param).index.clear()),
        ("a word that is none", |p| first(p, K::Param).index[0] = 22),
        ("a key past the words", |p| first(p, K::KeyParam).index[0] = 7),
        ("a cell that is none", |p| first(p, K::StoreCell).index[0] = 3),
        ("a field that is none", |p| first(p, K::Load).index[0] = 4),
        ("a map that is none", |p| first(p, K::Open).index[0] = 1),
        ("a port that is none", |p| first(p, K::Load).args[0] = 0),
        ("an index past the map", |p| p.maps[0].depth = 3),
        ("depth", |p| p.maps[0].depth = 33),
        ("no fields", |p| p.maps[0].fields.clear()),
        ("a type without 0", |p| p.cells[0].lo = 1),
        ("a key with a range", |p| p.cells[1].hi = 1),
        ("ports", |p| p.ports.truncate(1)),
        ("authorizations", |p| p.authorizations = 2),
        ("output words", |p| p.output_words += 1),
        ("what a port writes", |p| p.ports[0].written = vec![0, 1]),
        ("a port's key", |p| p.ports[0].writes_key = false),
        ("a port's offset", |p| p.ports[1].output_offset += 1),
        ("a message's offset", |p| p.messages[0].output_offset += 1),
        ("an output's type", |p| first(p, K::Output).hi = vec![0x7f]),
        ("a word for a refusal", |p| p.has_refused = true),
        ("a key for an integer", |p| {
            let key = p.ops.iter().position(|o| o.code() == K::KeyParam).unwrap() as u32;
            p.ops.iter_mut().rfind(|o| o.code() == K::Store).unwrap().args[1] = key;
        }),
        ("an integer for a key", |p| first(p, K::Authorize).args[1] = 0),
        ("a flag that is none", |p| first(p, K::Authorize).args[0] = 0),
        ("stored twice", |p| {
            let store = first(p, K::Store).clone();
            p.ops.insert(p.ops.len() - 15, store);
        }),
        ("noop", |p| p.kinds[0].from_l1 = true),
        ("no kinds", |p| p.kinds.clear()),
        ("parameters past the words", |p| p.input_words = 21),
        ("signed and from L1", |p| p.kinds[1].authorizations = vec![0]),
        ("neither", |p| p.kinds[2].authorizations.clear()),
        ("a kind's port", |p| p.kinds[2].ports = vec![1, 0]),
        ("a kind's message", |p| p.kinds[2].messages = vec![1]),
        ("a value that is no u64", |p| p.kinds[1].l1.as_mut().unwrap().value_word = Some(2)),
        ("rules for L1 of a signed kind", |p| p.kinds[2].l1 = Some(pb::L1Rule::default())),
    ];
    for (name, change) in rules {
        assert_eq!(changed(change), Some(Code::Malformed), "{name}");
    }
    assert_eq!(changed(|p| first(p, K::Assert).code = 99), Some(Code::Unsupported));
    assert_eq!(changed(|p| p.suites[1] = "koalabear".into()), Some(Code::Unsupported));
    assert_eq!(changed(|p| p.input_words = u32::MAX), Some(Code::Unsupported));
    assert_eq!(changed(|_| ()), None);
}

#[test]
fn ranges_that_leave_the_values_are_refused() {
    let mut a = Assembler::new(&["goldilocks"], 1);
    let top = a.constant(i128::MAX);
    let program = |op: pb::Op| {
        let mut p = pb::Program::decode(
            {
                let mut a = Assembler::new(&["goldilocks"], 1);
                a.constant(i128::MAX);
                a.encode()
            }
            .as_slice(),
        )
        .unwrap();
        p.ops.push(op);
        code(&p.encode_to_vec())
    };
    for code in [pb::Code::Add, pb::Code::Mul] {
        let op = pb::Op { code: code.into(), args: vec![top, top], ..Default::default() };
        assert_eq!(program(op), Some(Code::Malformed));
    }
}

#[test]
fn choices_of_keys_are_followed_in_linear_time() {
    // Each of them chooses between the one before and itself: 2^10000 paths, 10000 values.
    let mut a = Assembler::new(&["goldilocks"], 9);
    a.program.cells.push(multiprover_plonky2::reference::key_field("owner"));
    let word = a.param(0);
    let bit = a.range(word, 0, 1);
    let mut key = a.key_param(1);
    for _ in 0..10_000 {
        key = a.select(bit, key, key);
    }
    a.store_cell(key, 0);
    assert_eq!(code(&a.encode()), None);
}
