//! Programs and batches: what is taken, and what each change of it is refused with.

mod common;

use common::{case, vectors};
use halo2_axiom::halo2curves::ff::Field as _;
use multiprover_halo2::execution::{Value, execute};
use multiprover_halo2::pb::program as pp;
use multiprover_halo2::pb::prover as pb;
use multiprover_halo2::program::{Program, Range};
use multiprover_halo2::reference;
use multiprover_halo2::refusal::{Code, Refusal};
use multiprover_halo2::signature::Signature;
use multiprover_halo2::statement::Statement;
use prost::Message;

const CASES: usize = 4;

fn run(prepare: &pb::PrepareRequest, prove: &pb::ProveRequest) -> Result<multiprover_halo2::execution::Executed, Refusal> {
    let program = Program::decode(&prepare.program)?;
    let statement = Statement::decode(prove.statement.as_ref())?;
    execute(&program, &statement, prove)
}

#[test]
fn cases_execute() {
    for number in 0..CASES {
        let (prepare, prove) = case(number);
        let program = Program::decode(&prepare.program).unwrap();
        assert_eq!(program.id[..], prove.statement.as_ref().unwrap().program_id);
        assert_eq!(4 * program.journal_words(prepare.slots as usize), prove.journal.len());
        let executed = run(&prepare, &prove).unwrap();
        assert_eq!(executed.advice.slots.len(), prepare.slots as usize);
        for slot in &executed.advice.slots {
            assert_eq!(slot.values.len(), program.steps.len());
            assert_eq!((slot.accesses.len(), slot.signatures.len()), (program.ports.len(), program.authorizations));
            for (step, value) in program.steps.iter().zip(&slot.values) {
                match (step.ty.map(|t| t.range()), value) {
                    (None, Value::None) | (Some(None), Value::Key(_)) => (),
                    (Some(Some(range)), Value::Integer(v)) => assert!(range.contains(*v), "{v} in {range}"),
                    other => panic!("{other:?}"),
                }
            }
        }
    }
}

/// A change of a case's request, and the code that it is refused with.
type Lie = (&'static str, Code, fn(&mut pb::ProveRequest));

fn statement(request: &mut pb::ProveRequest) -> &mut pb::Statement {
    request.statement.as_mut().unwrap()
}

fn last(bytes: &mut [u8]) {
    *bytes.last_mut().unwrap() ^= 1;
}

fn opening(request: &mut pb::ProveRequest) -> &mut pb::Opening {
    request.slots.iter_mut().flat_map(|s| &mut s.openings).find(|o| !o.suites.is_empty()).unwrap()
}

fn signature(request: &mut pb::ProveRequest) -> &mut Vec<u8> {
    let mut all = request.slots.iter_mut().flat_map(|s| &mut s.authorizations);
    &mut all.find(|a| !a.signatures.is_empty()).unwrap().signatures[0]
}

const MODULUS: &str = "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001";

fn modulus() -> Vec<u8> {
    (0..32).map(|i| u8::from_str_radix(&MODULUS[2 * i..2 * i + 2], 16).unwrap()).collect()
}

const LIES: &[Lie] = &[
    ("no statement", Code::Malformed, |r| r.statement = None),
    ("no suite", Code::Malformed, |r| statement(r).suites.clear()),
    ("another suite", Code::Unsupported, |r| statement(r).suites[0].suite.push('x')),
    ("two suites", Code::Malformed, |r| {
        let copy = statement(r).suites[0].clone();
        statement(r).suites.push(copy);
    }),
    ("short payee", Code::Malformed, |r| _ = statement(r).payee.pop()),
    ("another domain", Code::WrongStatement, |r| last(&mut statement(r).domain)),
    ("another chain", Code::WrongStatement, |r| last(&mut statement(r).chain_id)),
    ("another contract", Code::WrongStatement, |r| last(&mut statement(r).settlement)),
    ("another claim", Code::JournalMismatch, |r| last(&mut statement(r).claim)),
    ("another parent", Code::JournalMismatch, |r| last(&mut statement(r).parent_claim)),
    ("another pre root", Code::BadOpening, |r| last(&mut statement(r).suites[0].pre_root)),
    ("another post root", Code::RootMismatch, |r| last(&mut statement(r).suites[0].post_root)),
    ("another c", Code::JournalMismatch, |r| last(&mut statement(r).suites[0].commitment)),
    ("another z", Code::JournalMismatch, |r| last(&mut statement(r).suites[0].challenge)),
    ("another y", Code::JournalMismatch, |r| last(&mut statement(r).suites[0].evaluation)),
    ("pre root not canonical", Code::NonCanonical, |r| statement(r).suites[0].pre_root = modulus()),
    ("y not canonical", Code::NonCanonical, |r| statement(r).suites[0].evaluation = modulus()),
    ("c a byte short", Code::Malformed, |r| _ = statement(r).suites[0].commitment.pop()),
    ("no slots stated", Code::Malformed, |r| statement(r).slots = 0),
    ("a slot missing", Code::Malformed, |r| _ = r.slots.pop()),
    ("journal of another bit", Code::JournalMismatch, |r| last(&mut r.journal)),
    ("journal a word longer", Code::JournalMismatch, |r| r.journal.extend([0; 4])),
    ("no state", Code::Malformed, |r| r.pre_state = None),
    ("state without suites", Code::Malformed, |r| r.pre_state.as_mut().unwrap().suites.clear()),
    ("another map root", Code::BadOpening, |r| last(&mut r.pre_state.as_mut().unwrap().suites[0].map_roots[0])),
    ("a cell", Code::BadOpening, |r| last(&mut r.pre_state.as_mut().unwrap().cells)),
    ("cells too long", Code::Malformed, |r| r.pre_state.as_mut().unwrap().cells.push(0)),
    ("opening without a sibling", Code::Malformed, |r| opening(r).suites[0].siblings.truncate(32)),
    ("another sibling", Code::BadOpening, |r| last(&mut opening(r).suites[0].siblings)),
    ("sibling not canonical", Code::NonCanonical, |r| opening(r).suites[0].siblings[..32].copy_from_slice(&modulus())),
    ("opening missing", Code::BadOpening, |r| *opening(r) = pb::Opening::default()),
    ("openings a port short", Code::Malformed, |r| _ = r.slots[0].openings.pop()),
    ("authorizations one too many", Code::Malformed, |r| r.slots[0].authorizations.push(Default::default())),
    ("signature of another bit", Code::BadSignature, |r| last(signature(r))),
    ("signature short", Code::BadSignature, |r| _ = signature(r).pop()),
    ("signature missing", Code::BadSignature, |r| signature(r).clear()),
    ("words not whole", Code::Malformed, |r| _ = r.slots[0].words.pop()),
    ("a word more", Code::Malformed, |r| r.slots[0].words.extend([0; 4])),
    ("another amount", Code::BadSignature, |r| r.slots[0].words[19] ^= 1),
    ("a word of no parameter", Code::RefusedTransaction, |r| last(&mut r.slots[0].words)),
    ("unknown kind", Code::RefusedTransaction, |r| r.slots[0].words[..4].fill(0xff)),
];

#[test]
fn lies_are_refused() {
    let (prepare, honest) = case(0);
    for (name, code, tell) in LIES {
        let mut request = honest.clone();
        tell(&mut request);
        assert_ne!(request, honest, "{name}");
        match run(&prepare, &request) {
            Err(refusal) => assert_eq!(refusal.code, *code, "{name}: {refusal}"),
            Ok(_) => panic!("{name} was taken"),
        }
    }
}

/// A journal that differs says where: what was stated, and what came of the transactions.
#[test]
fn the_first_difference_is_named() {
    let (prepare, mut request) = case(0);
    let at = request.journal.len() - 8;
    request.journal[at] ^= 0x80;
    let refusal = run(&prepare, &request).unwrap_err();
    let word = |at: usize, journal: &[u8]| journal[at..at + 4].iter().map(|b| format!("{b:02x}")).collect::<String>();
    assert_eq!(refusal.expected, word(at, &request.journal));
    request.journal[at] ^= 0x80;
    assert_eq!(refusal.found, word(at, &request.journal));
    assert!(refusal.message.contains(&format!("word {} ", at / 4)), "{refusal}");
}

#[test]
fn what_is_not_enabled_is_zeros() {
    let (prepare, prove) = case(0);
    let program = Program::decode(&prepare.program).unwrap();
    let slots = run(&prepare, &prove).unwrap().advice.slots;
    let unused: Vec<_> = slots.iter().flat_map(|s| &s.signatures).filter(|s| **s == Signature::NONE).collect();
    assert!(unused.len() < slots.len() * program.authorizations, "somebody signed");
    let closed = slots.iter().flat_map(|s| &s.accesses).filter(|a| a.siblings.iter().all(|s| bool::from(s.is_zero()))).count();
    assert!(closed < slots.len() * program.ports.len(), "something was opened");
}

fn program_lie(change: impl FnOnce(&mut pp::Program)) -> Refusal {
    let (prepare, _) = case(0);
    let mut program = pp::Program::decode(&prepare.program[..]).unwrap();
    change(&mut program);
    Program::decode(&program.encode_to_vec()).unwrap_err()
}

#[test]
fn programs_are_held_to_the_rules() {
    let (prepare, _) = case(0);
    let bytes = prepare.program;
    assert_eq!(Program::decode(&bytes[..bytes.len() - 1]).unwrap_err().code, Code::Malformed);
    // An unknown field, and a default value written out.
    for tail in [&[0xf8, 0x7f, 0x01][..], &[0x60, 0x00]] {
        assert_eq!(Program::decode(&[&bytes[..], tail].concat()).unwrap_err().code, Code::NonCanonical);
    }
    let malformed: &[fn(&mut pp::Program)] = &[
        |p| p.suites.clear(),
        |p| p.suites.push(p.suites[0].clone()),
        |p| p.kinds[0].name = "other".into(),
        // Without its last output.
        |p| while p.ops.pop().unwrap().code() != pp::Code::Output {},
        |p| p.output_words += 1,
        |p| p.authorizations += 1,
        |p| p.ports[0].writes_key = !p.ports[0].writes_key,
        |p| p.ports[0].written.clear(),
        |p| p.ports[0].output_offset += 1,
        |p| p.maps[0].depth = 33,
        |p| p.maps[0].fields[0].lo = 1,
        |p| p.kinds.iter_mut().find(|k| k.ports.len() > 1).unwrap().ports.reverse(),
        |p| p.ops.iter_mut().find(|o| o.code() == pp::Code::Add).unwrap().hi.push(0),
        |p| p.ops.iter_mut().find(|o| o.code() == pp::Code::Assert).unwrap().hi = vec![1],
        |p| p.ops.iter_mut().find(|o| o.code() == pp::Code::Open).unwrap().args[0] = 1 << 20,
        |p| p.ops.iter_mut().find(|o| o.code() == pp::Code::Sub).unwrap().args.push(0),
        |p| p.ops.iter_mut().find(|o| o.code() == pp::Code::KeyParam).unwrap().index[0] = p.input_words,
    ];
    for (number, change) in malformed.iter().enumerate() {
        let refusal = program_lie(change);
        assert_eq!(refusal.code, Code::Malformed, "{number}: {refusal}");
    }
    assert_eq!(program_lie(|p| p.version = 2).code, Code::Unsupported);
    assert_eq!(program_lie(|p| p.suites = vec!["other".into()]).code, Code::Unsupported);
    assert_eq!(program_lie(|p| p.ops[0].code = 99).code, Code::Unsupported);
    let longer = |p: &mut pp::Program| {
        let hi = &mut p.ops.iter_mut().find(|o| o.code() == pp::Code::Param).unwrap().hi;
        hi.insert(0, 0);
    };
    assert_eq!(program_lie(longer).code, Code::NonCanonical);
}

/// A key that came from another record's place would not stand in the journal.
#[test]
fn a_stored_key_is_a_parameter_or_was_there() {
    let refusal = program_lie(|p| {
        let load = p.ops.iter().position(|o| o.code() == pp::Code::KeyParam).unwrap();
        p.ops[load] = pp::Op { code: pp::Code::Cell.into(), args: vec![], index: vec![0], lo: vec![], hi: vec![] };
        p.cells.insert(0, pp::Field { name: "planted".into(), lo: 0, hi: 0, key: true });
        for op in p.ops.iter_mut().filter(|o| matches!(o.code(), pp::Code::Cell | pp::Code::StoreCell)) {
            op.index[0] += 1;
        }
        p.ops[load].index[0] = 0;
    });
    assert!(refusal.message.contains("neither a parameter nor the key before"), "{refusal}");
}

/// Programs of one operation on two constants.
#[test]
fn operations_agree_with_the_vectors() {
    let mut checked = 0;
    for operation in ["ADD", "SUB", "MUL", "DIVMOD", "REMAINDER", "EQ", "LT", "AND", "OR"] {
        for vector in vectors("operations.json", operation) {
            let number = |v: &serde_json::Value, name: &str| v[name].as_str().unwrap().parse::<i128>().unwrap();
            let part = |v: &serde_json::Value| (number(v, "value"), Range { lo: number(v, "lo"), hi: number(v, "hi") });
            let ((a, ra), (b, rb)) = (part(&vector["inputs"]["a"]), part(&vector["inputs"]["b"]));
            let result = part(&vector["outputs"]);
            assert_eq!(evaluate(operation, (a, ra), (b, rb)), result, "{}", vector["name"]);
            checked += 1;
        }
    }
    assert!(checked > 100, "{checked}");
}

fn shortest(v: i128) -> Vec<u8> {
    let bytes = v.to_be_bytes();
    let redundant =
        |at: usize| bytes[at] == if v < 0 { 0xff } else { 0 } && (at == 15 || (bytes[at + 1] ^ bytes[at]) & 0x80 == 0);
    let from = (0..16).find(|&at| !redundant(at)).unwrap_or(if v < 0 { 15 } else { 16 });
    bytes[from..].to_vec()
}

/// A constant brought to a wider range by choosing between the range's ends and it, then the operation.
fn evaluate(operation: &str, a: (i128, Range), b: (i128, Range)) -> (i128, Range) {
    let mut ops: Vec<pp::Op> = vec![];
    let mut push = |code: pp::Code, args: Vec<u32>, lo: i128, hi: i128| {
        ops.push(pp::Op { code: code.into(), args, index: vec![], lo: shortest(lo), hi: shortest(hi) });
        ops.len() as u32 - 1
    };
    let mut widened = |(value, range): (i128, Range)| {
        let constants = [0, value, range.lo, range.hi].map(|c| push(pp::Code::Const, vec![], c, c));
        let [no, value_at, lo, hi] = constants;
        let ends = push(pp::Code::Select, vec![no, lo, hi], range.lo, range.hi);
        // `0` chooses the second.
        push(pp::Code::Select, vec![no, ends, value_at], range.lo, range.hi)
    };
    let (x, y) = (widened(a), widened(b));
    let code = pp::Code::from_str_name(&format!("CODE_{operation}")).unwrap();
    let (ra, rb) = (a.1, b.1);
    let divided = Range {
        lo: ra.lo.div_euclid(if ra.lo < 0 { rb.lo.max(1) } else { rb.hi.max(1) }),
        hi: ra.hi.div_euclid(if ra.hi < 0 { rb.hi.max(1) } else { rb.lo.max(1) }),
    };
    let corners = |f: fn(i128, i128) -> i128| {
        let all = [f(ra.lo, rb.lo), f(ra.lo, rb.hi), f(ra.hi, rb.lo), f(ra.hi, rb.hi)];
        Range { lo: *all.iter().min().unwrap(), hi: *all.iter().max().unwrap() }
    };
    let (args, range) = match operation {
        "ADD" => (vec![x, y], corners(|a, b| a + b)),
        "SUB" => (vec![x, y], corners(|a, b| a - b)),
        "MUL" => (vec![x, y], corners(|a, b| a * b)),
        "DIVMOD" => (vec![x, y], divided),
        "REMAINDER" => {
            let divmod = push(pp::Code::Divmod, vec![x, y], divided.lo, divided.hi);
            let hi = if ra.lo >= 0 { ra.hi.min(rb.hi - 1) } else { rb.hi - 1 };
            (vec![divmod], Range { lo: 0, hi })
        }
        _ => (vec![x, y], Range::BOOLEAN),
    };
    let last = push(code, args, range.lo, range.hi) as usize;
    let program = pp::Program {
        version: 1,
        suites: vec!["bn254".into()],
        kinds: vec![pp::Kind { name: "noop".into(), ..Default::default() }],
        input_words: 1,
        ops,
        ..Default::default()
    };
    let program = Program::decode(&program.encode_to_vec()).unwrap();
    let values = multiprover_halo2::execution::trace(&program, &[0]).unwrap();
    match values[last] {
        Value::Integer(v) => (v, program.range(last)),
        other => panic!("{other:?}"),
    }
}

/// The batches that are measured are right in everything: they execute, signatures and openings included.
#[test]
fn reference_batches_execute() {
    let program = Program::decode(&reference::program()).unwrap();
    for request in [reference::trades(&program, 3).unwrap(), reference::noops(&program, 2).unwrap()] {
        let statement = Statement::decode(request.statement.as_ref()).unwrap();
        let executed = execute(&program, &statement, &request).unwrap();
        assert_eq!(executed.public.to_vec().len(), 7);
    }
    let trades = reference::trades(&program, 2).unwrap();
    assert!(trades.slots.iter().all(|s| s.authorizations.iter().all(|a| a.signatures[0].len() == 160)));
}
