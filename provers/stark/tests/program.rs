//! Programs: what is one is read, and each rule of docs/program.md refuses what breaks it and nothing else.

#[path = "support/bank.rs"]
#[allow(dead_code)]
mod bank;

use multiprover_stark::pb::program as pb;
use multiprover_stark::program::{Op, Program, Type};
use multiprover_stark::reference;
use multiprover_stark::refusal::{Code, Refusal};
use multiprover_stark::suite;
use pb::Code as K;
use prost::Message;

/// The bank's program, changed.
fn changed(change: impl FnOnce(&mut pb::Program)) -> Result<Program, Refusal> {
    let mut program = pb::Program::decode(&bank::payment().program[..]).unwrap();
    change(&mut program);
    Program::decode(&program.encode_to_vec())
}

fn at(p: &pb::Program, code: K, n: usize) -> usize {
    p.ops.iter().enumerate().filter(|(_, o)| o.code() == code).nth(n).unwrap().0
}

/// The `n`-th operation of a code.
fn op(p: &mut pb::Program, code: K, n: usize) -> &mut pb::Op {
    let at = at(p, code, n);
    &mut p.ops[at]
}

/// Another operation at the end; its id.
fn push(p: &mut pb::Program, code: K, args: &[u32], index: &[u32], lo: &[u8], hi: &[u8]) -> u32 {
    p.ops.push(pb::Op { code: code.into(), args: args.into(), index: index.into(), lo: lo.into(), hi: hi.into() });
    p.ops.len() as u32 - 1
}

#[test]
fn the_bank_is_read() {
    let bytes = bank::payment().program;
    let program = Program::decode(&bytes).unwrap();
    assert_eq!(program.id, suite::keccak256(&bytes));
    assert_eq!((program.suite, program.kinds, program.authorizations), (2, 4, 1));
    assert_eq!((program.input_words, program.output_words, program.cell_words()), (28, 10, 3));
    assert_eq!(program.journal_words(3), 3 * 38 + 3);
    assert_eq!(program.ports.iter().map(|p| p.map).collect::<Vec<_>>(), [0, 0]);
    assert_eq!(program.map_of(1).depth, 3);
    // Of the three suites' parts of the key in words 2 to 25 ours is the last.
    let keys: Vec<Op> = program.steps.iter().map(|s| s.op).filter(|o| matches!(o, Op::KeyParam { .. })).collect();
    assert_eq!(keys, [Op::KeyParam { word: 18 }]);
    assert_eq!(program.steps.iter().filter(|s| s.ty == Some(Type::Key)).count(), 3);
    assert!(Program::decode(&reference::program()).is_ok());
}

#[test]
fn other_bytes_of_one_program_are_refused() {
    let bytes = bank::payment().program;
    let code = |parts: &[&[u8]]| Program::decode(&parts.concat()).map_err(|r| r.code).err();
    assert_eq!(code(&[&bytes]), None);
    for (what, tail) in [
        ("the version again", &[0x08, 0x01][..]),
        ("a field that there is not", &[0xf0, 0x01, 0x01]),
        ("a default written out", &[0x60, 0x00]),
    ] {
        assert_eq!(code(&[&bytes, tail]), Some(Code::NonCanonical), "{what}");
    }
    // The version in two bytes.
    assert_eq!(code(&[&[0x08, 0x81, 0x00], &bytes[2..]]), Some(Code::NonCanonical));
    assert_eq!(code(&[&[0x08, 0x02], &bytes[2..]]), Some(Code::Unsupported));
    assert_eq!(code(&[&bytes[2..]]), Some(Code::Unsupported));
    assert_eq!(code(&[&[]]), Some(Code::Unsupported));
    for cut in [1, 2, 100, bytes.len() - 1] {
        assert!(matches!(code(&[&bytes[..cut]]), Some(Code::Malformed | Code::NonCanonical | Code::Unsupported)), "{cut}");
    }
    assert_eq!(code(&[&[0xff; 100]]), Some(Code::Malformed));
}

#[test]
fn bounds_are_in_their_shortest_form() {
    for (lo, code) in [
        (&[0][..], Code::NonCanonical),
        (&[0, 0], Code::NonCanonical),
        (&[0, 1], Code::NonCanonical),
        (&[0xff, 0x80], Code::NonCanonical),
        (&[0xff, 0xff], Code::NonCanonical),
        (&[0; 17], Code::Malformed),
        (&[0x80; 17], Code::Malformed),
    ] {
        assert_eq!(changed(|p| op(p, K::Range, 0).lo = lo.into()).unwrap_err().code, code, "{lo:?}");
    }
    // A range may be what it likes, within ±2^127.
    for (lo, hi, values) in [
        (&[][..], &[][..], (0, 0)),
        (&[0xff], &[0x00, 0x80], (-1, 128)),
        (&[0x80], &[0x7f], (-128, 127)),
        (&[0xff, 0x7f], &[1, 0], (-129, 256)),
        (
            &[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &[0x7f, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255],
            (i128::MIN, i128::MAX),
        ),
    ] {
        let program = changed(|p| {
            push(p, K::Range, &[0], &[], lo, hi);
        })
        .unwrap();
        assert_eq!(program.steps.last().unwrap().ty, Some(Type::Int { lo: values.0, hi: values.1 }));
    }
}

type Change = fn(&mut pb::Program);
/// A rule, what breaks it, and words of the refusal that names it.
type Rule = (&'static str, Change, &'static str);

#[test]
fn every_rule_refuses_what_breaks_it() {
    let rules: &[Rule] = &[
        // SUITES
        ("a suite twice", |p| p.suites.push("bn254".into()), "stands twice"),
        // STATE
        ("a type without 0", |p| p.cells[0].lo = 1, "no type"),
        ("a type of 65 bits", |p| p.cells[0].lo = -1, "no type"),
        ("a key with a range", |p| p.maps[0].fields[0].hi = 1, "a key has no range"),
        ("a map of no depth", |p| p.maps[0].depth = 0, "no map"),
        ("a map that is too deep", |p| p.maps[0].depth = 33, "no map"),
        ("records of nothing", |p| p.maps[0].fields.clear(), "no map"),
        // OPERANDS
        ("too many operands", |p| op(p, K::Add, 0).args.push(0), "another number of operands"),
        ("too few operands", |p| op(p, K::Select, 0).args.truncate(2), "another number of operands"),
        ("too many immediates", |p| op(p, K::Add, 0).index.push(0), "another number of operands"),
        ("no immediate", |p| op(p, K::Param, 0).index.clear(), "another number of operands"),
        (
            "a later operand",
            |p| {
                let at = at(p, K::Not, 0);
                p.ops[at].args[0] = at as u32
            },
            "no earlier value",
        ),
        ("an operand that there is not", |p| op(p, K::Not, 0).args[0] = u32::MAX, "no earlier value"),
        ("a sum of a key", |p| op(p, K::Add, 1).args[0] = 111, "no integer"),
        ("a sum of nothing", |p| op(p, K::Add, 1).args[0] = 103, "no integer"),
        ("a key and an integer to choose from", |p| op(p, K::Select, 40).args[1] = 111, "no integer"),
        ("a flag that may be 2", |p| op(p, K::Not, 0).args[0] = 8, "another type"),
        ("a choice by an integer", |p| op(p, K::Select, 0).args[0] = 8, "another type"),
        ("a key chosen by an integer", |p| p.ops[156].args[0] = 8, "another type"),
        ("a choice by a key", |p| p.ops[163].args[0] = 111, "another type"),
        ("a conjunction of an integer", |p| op(p, K::And, 0).args[1] = 8, "another type"),
        ("an assertion of an integer", |p| op(p, K::Assert, 0).args[0] = 8, "another type"),
        (
            "a remainder of no division",
            |p| {
                push(p, K::Remainder, &[120], &[], &[], &[]);
            },
            "no DIVMOD",
        ),
        (
            "a remainder twice",
            |p| {
                push(p, K::Remainder, &[126], &[], &[], &[3, 231]);
                push(p, K::Remainder, &[126], &[], &[], &[3, 231]);
            },
            "taken twice",
        ),
        ("a divisor that may be 0", |p| p.ops[136].args[1] = 132, "may not be positive"),
        // RANGES
        ("an empty range", |p| op(p, K::Range, 0).lo = vec![4], "empty range"),
        ("a constant of two values", |p| op(p, K::Const, 0).hi = vec![2], "one value"),
        ("a parameter's range", |p| op(p, K::Param, 0).hi = vec![1], "range stated"),
        ("a cell's range", |p| op(p, K::Cell, 0).hi = vec![1], "range stated"),
        ("a load's range", |p| op(p, K::Load, 1).hi = vec![1], "range stated"),
        ("a key's range", |p| op(p, K::Load, 0).hi = vec![1], "range stated"),
        ("a key parameter's range", |p| op(p, K::KeyParam, 0).hi = vec![1], "range stated"),
        ("a chosen key's range", |p| p.ops[156].hi = vec![1], "range stated"),
        ("a sum's range", |p| op(p, K::Add, 0).lo = vec![], "range stated"),
        ("a difference's range", |p| op(p, K::Sub, 0).lo = vec![], "range stated"),
        ("a product's range", |p| op(p, K::Mul, 0).hi = vec![1], "range stated"),
        ("a quotient's least", |p| op(p, K::Divmod, 1).lo = vec![], "range stated"),
        ("a quotient's greatest", |p| op(p, K::Divmod, 0).hi = vec![1], "range stated"),
        (
            "a remainder's range",
            |p| {
                push(p, K::Remainder, &[126], &[], &[], &[3, 232]);
            },
            "range stated",
        ),
        ("a choice's range", |p| op(p, K::Select, 40).lo = vec![0xff], "range stated"),
        ("a boolean's range", |p| op(p, K::Lt, 0).hi = vec![2], "range stated"),
        ("an assertion's range", |p| op(p, K::Assert, 0).hi = vec![1], "range stated"),
        ("an opening's range", |p| op(p, K::Open, 0).hi = vec![1], "range stated"),
        ("a store's range", |p| op(p, K::Store, 0).hi = vec![1], "range stated"),
        // PARAMETERS
        ("a word past the inputs", |p| op(p, K::Param, 0).index[0] = 28, "no such input word"),
        ("a key past the inputs", |p| op(p, K::KeyParam, 0).index[0] = 5, "ends after"),
        ("a key far past the inputs", |p| op(p, K::KeyParam, 0).index[0] = u32::MAX, "ends after"),
        // STATE ACCESS
        ("a cell that there is not", |p| op(p, K::Cell, 0).index[0] = 2, "no such cell"),
        ("a stored cell that there is not", |p| op(p, K::StoreCell, 0).index[0] = 2, "no such cell"),
        ("a map that there is not", |p| op(p, K::Open, 0).index[0] = 1, "no such map"),
        ("a loaded field that there is not", |p| op(p, K::Load, 0).index[0] = 4, "no such field"),
        ("a stored field that there is not", |p| op(p, K::Store, 0).index[0] = 4, "no such field"),
        ("a load of what was not opened", |p| op(p, K::Load, 0).args[0] = 0, "no OPEN"),
        ("a store to what was not opened", |p| op(p, K::Store, 0).args[0] = 0, "no OPEN"),
        ("an index past the map", |p| op(p, K::Open, 0).args[1] = 8, "another type"),
        ("an opening that may be enabled twice", |p| op(p, K::Open, 0).args[0] = 8, "another type"),
        ("an opening that is not declared", |p| p.ports.truncate(1), "not what the program says"),
        ("an opening of another map", |p| p.ports[0].map = 1, "not what the program says"),
        ("a port that is not opened", |p| p.ports.push(p.ports[1].clone()), "another number of ports"),
        (
            "a field stored to twice",
            |p| {
                let again = op(p, K::Store, 1).clone();
                p.ops.push(again)
            },
            "stored to twice",
        ),
        (
            "a cell stored to twice",
            |p| {
                let again = op(p, K::StoreCell, 1).clone();
                p.ops.push(again)
            },
            "stored to twice",
        ),
        ("a stored value past its type", |p| op(p, K::Store, 1).args[1] = 129, "another type"),
        ("an integer stored as a key", |p| op(p, K::Store, 0).args[1] = 9, "another type"),
        ("a key stored as an integer", |p| op(p, K::Store, 1).args[1] = 155, "another type"),
        ("a cell's value past its type", |p| op(p, K::StoreCell, 0).args[0] = 142, "another type"),
        (
            "a key of another record stored",
            |p| {
                push(p, K::Store, &[110, 111], &[0], &[], &[]);
                p.ports[1].writes_key = true;
            },
            "neither a parameter",
        ),
        // AUTHORIZATION
        ("an authorization by an integer", |p| op(p, K::Authorize, 0).args[1] = 9, "another type"),
        (
            "a nonce that may be negative",
            |p| {
                push(p, K::Authorize, &[7, 111, 127], &[], &[], &[]);
            },
            "another type",
        ),
        ("an authorization by 2", |p| op(p, K::Authorize, 0).args[0] = 8, "another type"),
        ("an authorization that is not counted", |p| p.authorizations = 2, "another number of authorizations"),
        ("no authorization counted", |p| p.authorizations = 0, "another number of authorizations"),
        // OUTPUTS
        ("an output past its type", |p| op(p, K::Output, 0).args[0] = 8, "another type"),
        ("an output of 65 bits", |p| op(p, K::Output, 2).hi = vec![1, 0, 0, 0, 0, 0, 0, 0, 0], "more than 64 bits"),
        ("an output of a key", |p| op(p, K::Output, 2).args[0] = 111, "another type"),
        (
            "outputs in another order",
            |p| {
                let (a, b) = (at(p, K::Output, 0), at(p, K::Output, 1));
                p.ops.swap(a, b)
            },
            "",
        ),
        ("an output of another type", |p| op(p, K::Output, 1).hi = vec![8], "outputs are not those"),
        (
            "an output more",
            |p| {
                push(p, K::Output, &[9], &[], &[], &[]);
            },
            "outputs are not those",
        ),
        (
            "an output less",
            |p| {
                let last = at(p, K::Output, 6);
                p.ops.remove(last);
            },
            "",
        ),
        ("no word of refusals", |p| p.has_refused = false, ""),
        ("output words", |p| p.output_words += 1, "another number of words"),
        // PORTS AND MESSAGES
        ("a written field that is not stored to", |p| p.ports[0].written = vec![1, 2, 3], "other fields are written"),
        ("a stored field that is not written", |p| p.ports[0].written = vec![1], "other fields are written"),
        ("written fields in another order", |p| p.ports[0].written = vec![3, 1], "other fields are written"),
        ("a key among the written", |p| p.ports[0].written = vec![0, 1, 3], "other fields are written"),
        ("a written key that is not said", |p| p.ports[0].writes_key = false, "other fields are written"),
        ("a key that is not written", |p| p.ports[1].writes_key = true, "other fields are written"),
        ("a port's place", |p| p.ports[1].output_offset = 6, "another place"),
        ("a message's place", |p| p.messages.push(pb::Message { output_offset: 9, ..Default::default() }), "another place"),
        (
            "a message that is not output",
            |p| p.messages.push(pb::Message { output_offset: 10, ..Default::default() }),
            "outputs are not those",
        ),
        (
            "a key in a message",
            |p| {
                let fields = vec![pb::Field { key: true, ..Default::default() }];
                p.messages.push(pb::Message { output_offset: 10, fields, ..Default::default() });
            },
            "keys are not sent",
        ),
        (
            "a message's type",
            |p| {
                let fields = vec![pb::Field { lo: 1, hi: 2, ..Default::default() }];
                p.messages.push(pb::Message { output_offset: 10, fields, ..Default::default() });
            },
            "no type",
        ),
        // KINDS
        ("no kinds", |p| p.kinds.clear(), "noop"),
        ("another first kind", |p| p.kinds.swap(0, 1), "noop"),
        ("a noop from L1", |p| p.kinds[0].from_l1 = true, "noop"),
        ("a noop with a port", |p| p.kinds[0].ports = vec![0], "noop"),
        ("a parameter's type", |p| p.kinds[1].params[0].lo = 1, "no type"),
        (
            "parameters past the inputs",
            |p| p.kinds[2].params.push(pb::Field { hi: 1, ..Default::default() }),
            "end after the input words",
        ),
        ("ports of a kind out of order", |p| p.kinds[3].ports = vec![1, 0], "its ports"),
        ("a port of a kind twice", |p| p.kinds[3].ports = vec![0, 0], "its ports"),
        ("a kind's port that there is not", |p| p.kinds[3].ports = vec![0, 2], "its ports"),
        ("a kind's authorization that there is not", |p| p.kinds[3].authorizations = vec![1], "its authorizations"),
        ("a kind's message that there is not", |p| p.kinds[3].messages = vec![0], "its messages"),
        ("a kind that nobody authorizes", |p| p.kinds[3].authorizations.clear(), "either from L1 or authorized"),
        ("a kind from L1 that is authorized", |p| p.kinds[1].authorizations = vec![0], "either from L1 or authorized"),
        ("a kind from L1 without its rules", |p| p.kinds[1].l1 = None, "rules for L1"),
        ("rules for L1 of another kind", |p| p.kinds[3].l1 = Some(pb::L1Rule::default()), "rules for L1"),
        ("a value that is a key", |p| p.kinds[2].l1.as_mut().unwrap().value_word = Some(2), "no 64-bit parameter"),
        (
            "a value in the middle of a parameter",
            |p| p.kinds[2].l1.as_mut().unwrap().value_word = Some(27),
            "no 64-bit parameter",
        ),
    ];
    for (name, change, words) in rules {
        let refusal = changed(*change).expect_err(name);
        assert_eq!(refusal.code, Code::Malformed, "{name}: {refusal}");
        assert!(refusal.message.contains(words), "{name}: {refusal}");
    }
    // The program itself breaks none, and neither do changes that no rule is about.
    for change in [
        |_: &mut pb::Program| (),
        |p| p.name = "another".into(),
        |p| p.kinds[2].l1.as_mut().unwrap().value_word = Some(26),
        |p| {
            push(p, K::Remainder, &[126], &[], &[], &[3, 231]);
        },
        |p| {
            push(p, K::Store, &[110, 155], &[0], &[], &[]);
            p.ports[1].writes_key = true
        },
    ] as [Change; 5]
    {
        changed(change).unwrap();
    }
}

#[test]
fn what_this_prover_does_not_know_is_unsupported() {
    let changes: [(&str, Change); 8] = [
        ("an operation", |p| op(p, K::Assert, 0).code = 24),
        ("no operation", |p| op(p, K::Assert, 0).code = 0),
        ("a program of other suites", |p| p.suites[2] = "koalabear2".into()),
        ("input words", |p| p.input_words = u32::MAX),
        ("output words", |p| p.output_words = u32::MAX),
        ("operations", |p| p.ops.resize(1 << 17, p.ops[0].clone())),
        ("cells", |p| p.cells.resize(5_000, pb::Field::default())),
        ("maps", |p| p.maps.resize(5_000, p.maps[0].clone())),
    ];
    for (name, change) in changes {
        assert_eq!(changed(change).expect_err(name).code, Code::Unsupported, "{name}");
    }
}

#[test]
fn ranges_stay_within_the_values() {
    let most: &[u8] = &[0x7f, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255];
    let least: &[u8] = &[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let with = |code: K, a: &[u8], b: &[u8]| {
        changed(|p| {
            let a = push(p, K::Const, &[], &[], a, a);
            let b = push(p, K::Const, &[], &[], b, b);
            push(p, code, &[a, b], &[], &[], &[]);
        })
        .unwrap_err()
    };
    for (code, a, b) in [
        (K::Add, most, &[1][..]),
        (K::Add, least, &[0xff]),
        (K::Sub, least, &[1]),
        (K::Sub, &[], least),
        (K::Mul, most, &[2]),
        (K::Mul, least, &[0xff]),
        (K::Mul, least, most),
    ] {
        let refusal = with(code, a, b);
        assert!(refusal.code == Code::Malformed && refusal.message.contains("leaves ±2^127"), "{code:?}: {refusal}");
    }
    // At the ends, and not past them.
    for (code, a, b, result) in
        [(K::Sub, &[0xff][..], least, most), (K::Mul, least, &[1], least), (K::Divmod, least, &[1], least)]
    {
        let program = changed(|p| {
            let a = push(p, K::Const, &[], &[], a, a);
            let b = push(p, K::Const, &[], &[], b, b);
            push(p, code, &[a, b], &[], result, result);
        });
        assert!(program.is_ok(), "{code:?}: {}", program.unwrap_err());
    }
}

#[test]
fn choices_of_keys_are_looked_at_once_each() {
    // A choice between a key and itself, of which another, 10,000 deep: 2^10000 ways, 10,000 values.
    let program = changed(|p| {
        let mut key = 155;
        for _ in 0..10_000 {
            key = push(p, K::Select, &[7, key, key], &[], &[], &[]);
        }
        push(p, K::Store, &[110, key], &[0], &[], &[]);
        p.ports[1].writes_key = true;
    });
    assert!(program.is_ok(), "{}", program.unwrap_err());
}

#[test]
fn bytes_with_one_changed_do_not_panic_and_are_not_the_program() {
    let bytes = bank::payment().program;
    let id = Program::decode(&bytes).unwrap().id;
    let differs = |other: &[u8]| {
        if let Ok(program) = Program::decode(other) {
            assert_ne!(program.id, id);
        }
    };
    for at in 0..bytes.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut other = bytes.clone();
            other[at] ^= flip;
            differs(&other);
        }
        // Without its last operations it may well be a program.
        differs(&bytes[..at]);
    }
}
