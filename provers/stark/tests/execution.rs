//! Execution: batches that hold are taken, others are refused with the first thing that is wrong, and no bytes end the process.

#[path = "support/bank.rs"]
mod bank;

use multiprover_stark::execution::{Advice, Opening, Statement, Value, complete, execute, unchecked};
use multiprover_stark::pb::prover as pb;
use multiprover_stark::program::Program;
use multiprover_stark::reference;
use multiprover_stark::refusal::{Code, Refusal};
use multiprover_stark::suite::{self, Signature};
use prost::Message;

/// As a prover does it.
fn executed(program: &Program, request: &pb::ProveRequest) -> Result<Advice, Refusal> {
    execute(program, &Statement::decode(request.statement.as_ref())?, request)
}

/// The bank's payment, changed.
fn changed(change: impl FnOnce(&mut pb::ProveRequest)) -> Result<Advice, Refusal> {
    let batch = bank::payment();
    let mut request = batch.request;
    change(&mut request);
    executed(&Program::decode(&batch.program).unwrap(), &request)
}

fn statement(r: &mut pb::ProveRequest) -> &mut pb::Statement {
    r.statement.as_mut().unwrap()
}

fn own(r: &mut pb::ProveRequest) -> &mut pb::SuiteStatement {
    &mut statement(r).suites[0]
}

fn state(r: &mut pb::ProveRequest) -> &mut pb::PreState {
    r.pre_state.as_mut().unwrap()
}

/// This suite's part of an opening of the payment.
fn opening(r: &mut pb::ProveRequest, n: usize) -> &mut pb::SuiteOpening {
    &mut r.slots[0].openings[n].suites[2]
}

fn signature(r: &mut pb::ProveRequest) -> &mut Vec<u8> {
    &mut r.slots[0].authorizations[0].signatures[2]
}

fn flip(bytes: &mut [u8]) {
    *bytes.last_mut().unwrap() ^= 1;
}

/// Four bytes that are no element.
fn spoil(bytes: &mut [u8]) {
    bytes[..4].fill(0xff);
}

#[test]
fn batches_of_the_vectors() {
    let (mut held, mut refused) = (0, 0);
    for batch in bank::batches() {
        let program = Program::decode(&batch.program).unwrap_or_else(|e| panic!("{}: {e}", batch.name));
        let found = executed(&program, &batch.request);
        assert_eq!(found.is_ok(), batch.holds, "{}: {found:?}", batch.name);
        match found {
            Ok(advice) => {
                let statement = Statement::decode(batch.request.statement.as_ref()).unwrap();
                assert_eq!(advice.public, statement.public());
                assert_eq!(unchecked(&program, &statement, &batch.request), Ok(advice), "{}", batch.name);
                held += 1;
            }
            Err(_) => refused += 1,
        }
    }
    assert!(held > 10 && refused > 10, "{held} hold, {refused} are refused");
}

#[test]
fn forged_batches_are_refused_for_what_they_break() {
    let refusal = |name: &str| {
        let batch = bank::batches().into_iter().find(|b| b.name == name).unwrap();
        executed(&Program::decode(&batch.program).unwrap(), &batch.request).unwrap_err()
    };
    for (name, code, words, expected, found) in [
        // The nonce of the transaction is not the account's.
        (
            "bank_nonce",
            Code::RefusedTransaction,
            "operation 147, ASSERT: what the transition requires does not hold: OR(NOT(EQ(3, 3)), EQ(3, 0))",
            "1",
            "0",
        ),
        (
            "bank_range",
            Code::RefusedTransaction,
            "operation 131, RANGE: a value leaves its range",
            "[0, 18446744073709551615]",
            "18446744073709555607",
        ),
        (
            "bank_signature",
            Code::BadSignature,
            "operation 113, AUTHORIZE: the signature of authorization 0 does not verify",
            "",
            "",
        ),
        ("bank_opening", Code::BadOpening, "operation 103, OPEN: opening 0 does not lead to its map's root", "0x", "0x"),
        ("bank_division", Code::JournalMismatch, "is not what the batch gives", "0x", "0x"),
    ] {
        let refusal = refusal(name);
        assert_eq!((refusal.code, refusal.slot), (code, Some(0)), "{name}: {refusal}");
        assert!(refusal.message.contains(words), "{name}: {refusal}");
        assert!(refusal.expected.starts_with(expected) && refusal.found.starts_with(found), "{name}: {refusal}");
    }
}

/// A change of the payment, and the code and words of its refusal.
type Lie = (&'static str, fn(&mut pb::ProveRequest), Code, &'static str);

#[test]
fn every_lie_has_its_refusal() {
    let lies: &[Lie] = &[
        // STATEMENT
        ("no statement", |r| r.statement = None, Code::Malformed, "no statement"),
        ("another program", |r| flip(&mut statement(r).program_id), Code::WrongProgram, "another program"),
        ("another domain", |r| flip(&mut statement(r).domain), Code::WrongStatement, "domain"),
        ("another chain", |r| flip(&mut statement(r).chain_id), Code::WrongStatement, "domain"),
        ("another contract", |r| flip(&mut statement(r).settlement), Code::WrongStatement, "domain"),
        ("another parent", |r| flip(&mut statement(r).parent_claim), Code::JournalMismatch, "claim"),
        ("another claim", |r| flip(&mut statement(r).claim), Code::JournalMismatch, "claim"),
        ("another pre root", |r| flip(&mut own(r).pre_root), Code::BadOpening, "pre root"),
        ("another post root", |r| flip(&mut own(r).post_root), Code::RootMismatch, "post root"),
        ("another commitment", |r| flip(&mut own(r).commitment), Code::WrongStatement, "commitment"),
        ("another challenge", |r| own(r).challenge[3] ^= 1, Code::WrongStatement, "challenge"),
        ("another evaluation", |r| own(r).evaluation[3] ^= 1, Code::WrongStatement, "evaluation"),
        ("no suite", |r| statement(r).suites.clear(), Code::Unsupported, "its suite alone"),
        ("another suite", |r| own(r).suite = "goldilocks".into(), Code::Unsupported, "its suite alone"),
        (
            "a suite more",
            |r| {
                let again = own(r).clone();
                statement(r).suites.push(again)
            },
            Code::Unsupported,
            "its suite alone",
        ),
        ("a short program id", |r| statement(r).program_id.truncate(31), Code::Malformed, "program id"),
        ("a long domain", |r| statement(r).domain.push(0), Code::Malformed, "domain"),
        ("a short claim", |r| statement(r).claim.truncate(31), Code::Malformed, "claim"),
        ("a short parent", |r| statement(r).parent_claim.clear(), Code::Malformed, "parent claim"),
        ("a payee of 32 bytes", |r| statement(r).payee.resize(32, 0), Code::Malformed, "payee"),
        ("a short chain id", |r| statement(r).chain_id.truncate(8), Code::Malformed, "chain id"),
        ("a contract of 32 bytes", |r| statement(r).settlement.resize(32, 0), Code::Malformed, "settlement"),
        ("a short root", |r| own(r).pre_root.truncate(31), Code::Malformed, "pre root"),
        ("a pre root past p", |r| spoil(&mut own(r).pre_root), Code::NonCanonical, "pre root"),
        ("a post root past p", |r| spoil(&mut own(r).post_root[28..]), Code::NonCanonical, "post root"),
        ("a commitment past p", |r| spoil(&mut own(r).commitment), Code::NonCanonical, "commitment"),
        ("a challenge past p", |r| spoil(&mut own(r).challenge), Code::NonCanonical, "challenge"),
        ("a challenge of six", |r| flip(&mut own(r).challenge), Code::NonCanonical, "challenge"),
        ("an evaluation past p", |r| spoil(&mut own(r).evaluation[16..]), Code::NonCanonical, "evaluation"),
        ("an evaluation of six", |r| own(r).evaluation[20] = 1, Code::NonCanonical, "evaluation"),
        ("a slot more", |r| statement(r).slots = 2, Code::Malformed, "number of slots"),
        ("very many slots", |r| statement(r).slots = u32::MAX, Code::Malformed, "number of slots"),
        // JOURNAL
        ("an input of the journal", |r| r.journal[3] ^= 1, Code::JournalMismatch, "word 0 of the journal, input word 0"),
        (
            "an output of the journal",
            |r| r.journal[4 * 28 + 3] ^= 1,
            Code::JournalMismatch,
            "word 28 of the journal, output word 0",
        ),
        ("a cell of the journal", |r| flip(&mut r.journal), Code::JournalMismatch, "word 40 of the journal, word 2 of the cells"),
        ("no journal", |r| r.journal.clear(), Code::JournalMismatch, "length"),
        ("a longer journal", |r| r.journal.extend([0; 4]), Code::JournalMismatch, "length"),
        ("a journal that is not whole", |r| r.journal.truncate(163), Code::JournalMismatch, "length"),
        // STATE
        ("no state", |r| r.pre_state = None, Code::Malformed, "no state"),
        ("a cell", |r| flip(&mut state(r).cells), Code::BadOpening, "pre root"),
        ("cells that are not whole", |r| state(r).cells.truncate(11), Code::Malformed, "cells"),
        ("a cell more", |r| state(r).cells.extend([0; 4]), Code::Malformed, "cells"),
        ("a key cell", |r| state(r).suites[2].key_cells.push(vec![0; 32]), Code::Malformed, "keys"),
        ("a map root", |r| flip(&mut state(r).suites[2].map_roots[0]), Code::BadOpening, "pre root"),
        ("a map root past p", |r| spoil(&mut state(r).suites[2].map_roots[0]), Code::NonCanonical, "root of map 0"),
        ("a short map root", |r| state(r).suites[2].map_roots[0].truncate(4), Code::Malformed, "root of map 0"),
        ("no map root", |r| state(r).suites[2].map_roots.clear(), Code::Malformed, "map roots"),
        ("no suites' states", |r| state(r).suites.clear(), Code::Malformed, "pre-state"),
        ("a suite's state too few", |r| state(r).suites.truncate(2), Code::Malformed, "pre-state"),
        // SLOTS
        ("no slots", |r| r.slots.clear(), Code::Malformed, "number of slots"),
        ("words that are not whole", |r| r.slots[0].words.truncate(111), Code::Malformed, "input words"),
        ("a word more", |r| r.slots[0].words.extend([0; 4]), Code::Malformed, "input words"),
        ("a kind that there is not", |r| r.slots[0].words[3] = 4, Code::RefusedTransaction, "operation 1, RANGE"),
        ("another amount", |r| r.slots[0].words[19] ^= 1, Code::BadSignature, "sum to 120"),
        ("a word that the kind does not use", |r| flip(&mut r.slots[0].words), Code::RefusedTransaction, "operation 92, RANGE"),
        ("an account to itself", |r| r.slots[0].words[11] = 1, Code::RefusedTransaction, "OR(NOT(EQ(1, 1)), NOT(EQ(3, 3)))"),
        // OPENINGS
        (
            "an opening too few",
            |r| {
                r.slots[0].openings.pop();
            },
            Code::Malformed,
            "number of openings",
        ),
        ("an opening too many", |r| r.slots[0].openings.push(pb::Opening::default()), Code::Malformed, "number of openings"),
        ("an empty opening", |r| r.slots[0].openings[0] = pb::Opening::default(), Code::Malformed, "opening 0 is empty"),
        ("an empty second opening", |r| r.slots[0].openings[1] = pb::Opening::default(), Code::Malformed, "opening 1 is empty"),
        ("openings changed about", |r| r.slots[0].openings.swap(0, 1), Code::BadOpening, "opening 0"),
        ("another balance", |r| r.slots[0].openings[0].fields[7] ^= 1, Code::BadOpening, "opening 0"),
        ("another balance of the second", |r| r.slots[0].openings[1].fields[7] ^= 1, Code::BadOpening, "opening 1"),
        (
            "a field too few",
            |r| {
                r.slots[0].openings[0].fields.truncate(16);
            },
            Code::Malformed,
            "record of opening 0",
        ),
        ("fields of no whole words", |r| r.slots[0].openings[1].fields.push(0), Code::Malformed, "record of opening 1"),
        ("another key", |r| flip(&mut opening(r, 0).keys[0]), Code::BadOpening, "opening 0"),
        ("no key", |r| opening(r, 0).keys.clear(), Code::Malformed, "keys"),
        ("two keys", |r| opening(r, 0).keys.push(vec![0; 32]), Code::Malformed, "keys"),
        ("a short key", |r| opening(r, 0).keys[0].truncate(31), Code::Malformed, "field 0"),
        ("another sibling", |r| flip(&mut opening(r, 0).siblings), Code::BadOpening, "opening 0"),
        ("another sibling of the second", |r| flip(&mut opening(r, 1).siblings), Code::BadOpening, "opening 1"),
        ("a sibling too few", |r| opening(r, 0).siblings.truncate(64), Code::Malformed, "path of opening 0"),
        ("a sibling too many", |r| opening(r, 0).siblings.extend([0; 32]), Code::Malformed, "path of opening 0"),
        ("a sibling past p", |r| spoil(&mut opening(r, 0).siblings[32..]), Code::NonCanonical, "sibling 1 of opening 0"),
        (
            "a suite's opening too few",
            |r| {
                r.slots[0].openings[0].suites.pop();
            },
            Code::Malformed,
            "record of opening 0",
        ),
        ("no suites' openings", |r| r.slots[0].openings[0].suites.clear(), Code::Malformed, "record of opening 0"),
        // SIGNATURES
        ("no authorization", |r| r.slots[0].authorizations.clear(), Code::Malformed, "number of authorizations"),
        (
            "an empty authorization",
            |r| r.slots[0].authorizations[0].signatures.clear(),
            Code::BadSignature,
            "authorization 0 is empty",
        ),
        ("no signature", |r| signature(r).clear(), Code::BadSignature, "authorization 0 is empty"),
        (
            "a suite's signature too few",
            |r| {
                r.slots[0].authorizations[0].signatures.pop();
            },
            Code::Malformed,
            "authorization 0",
        ),
        (
            "a short signature",
            |r| {
                signature(r).pop();
            },
            Code::Malformed,
            "signature of authorization 0",
        ),
        ("a long signature", |r| signature(r).push(0), Code::Malformed, "signature of authorization 0"),
        ("zeros", |r| signature(r).fill(0), Code::BadSignature, "sum to 120"),
        ("another randomizer", |r| signature(r)[3] ^= 1, Code::BadSignature, "sum to 120"),
        ("another chain", |r| signature(r)[28 + 32 * 5 + 3] ^= 1, Code::BadSignature, "the chains lead to another one"),
        ("another sibling of the key's tree", |r| flip(signature(r)), Code::BadSignature, "the chains lead to another one"),
        ("a chain past p", |r| spoil(&mut signature(r)[28..]), Code::NonCanonical, "signature of authorization 0"),
    ];
    assert!(changed(|_| ()).is_ok());
    for (name, lie, code, words) in lies {
        let refusal = changed(lie).expect_err(name);
        assert_eq!(refusal.code, *code, "{name}: {refusal}");
        assert!(refusal.to_string().contains(words), "{name}: {refusal}");
    }
}

#[test]
fn what_stands_for_other_suites_is_not_looked_at() {
    // Their parts are theirs to refuse; of the lists only the number is this prover's.
    let honest = changed(|_| ()).unwrap();
    let other = changed(|r| {
        state(r).suites[0] = pb::SuitePreState::default();
        r.slots[0].openings[0].suites[1] = pb::SuiteOpening { keys: vec![vec![1]], siblings: vec![2] };
        r.slots[0].authorizations[0].signatures[0] = vec![3];
    });
    assert_eq!(other, Ok(honest));
}

#[test]
fn a_key_means_its_residue() {
    // Any 32 bytes are a key in a record; the journal's words hold them as they are, leaves and signatures the residue.
    const P: u32 = 2_130_706_433;
    let honest = changed(|_| ()).unwrap();
    let other = changed(|r| {
        for opening in 0..2 {
            let word: &mut [u8] = opening_key(r, opening);
            let value = u32::from_be_bytes(word.try_into().unwrap());
            word.copy_from_slice(&(value + P).to_be_bytes());
        }
    });
    assert_eq!(other, Ok(honest));
}

fn opening_key(r: &mut pb::ProveRequest, n: usize) -> &mut [u8] {
    &mut opening(r, n).keys[0][..4]
}

/// A slot that does nothing after the payment's: nothing in it is enabled.
fn with_noop() -> (Program, pb::ProveRequest) {
    let batch = bank::payment();
    let program = Program::decode(&batch.program).unwrap();
    let mut request = batch.request;
    statement(&mut request).slots = 2;
    request.slots.push(pb::Slot {
        words: vec![0; 4 * program.input_words],
        openings: vec![pb::Opening::default(); 2],
        authorizations: vec![pb::Authorization { signatures: vec![vec![]; 3] }],
    });
    complete(&program, &mut request).unwrap();
    (program, request)
}

#[test]
fn what_is_not_enabled_is_zeros_in_the_advice() {
    let (program, mut request) = with_noop();
    let advice = executed(&program, &request).unwrap();
    let map = program.map_of(0);
    let zeros = Opening {
        fields: map.fields.iter().map(|&ty| Value::zero(ty)).collect(),
        siblings: vec![suite::Digest::default(); map.depth],
    };
    assert_eq!(advice.slots[1].openings, [zeros.clone(), zeros]);
    assert_eq!(advice.slots[1].signatures, [Signature::none()]);
    // What is given all the same must be well-formed, and has no effect.
    request.slots[1].openings[1] = request.slots[0].openings[0].clone();
    request.slots[1].authorizations[0] = request.slots[0].authorizations[0].clone();
    assert_eq!(executed(&program, &request), Ok(advice));
    request.slots[1].openings[1].suites[2].siblings.pop();
    let refusal = executed(&program, &request).unwrap_err();
    assert_eq!((refusal.code, refusal.slot), (Code::Malformed, Some(1)));
}

/// The bank with a key cell, which enrolment sets, and a message of what was enrolled; account 5 is enrolled over an empty state.
fn enrolment() -> (Program, pb::ProveRequest, [u32; 24]) {
    use multiprover_stark::pb::program::{self as pp, Code};
    // Of the bank's program: enrolment takes effect, the key's parameter, the balance's.
    const ENROLLED: u32 = 152;
    const KEY: u32 = 155;
    const BALANCE: u32 = 159;
    let mut p = pp::Program::decode(&bank::payment().program[..]).unwrap();
    let mut op = |code: Code, args: &[u32], index: &[u32], hi: &[u8]| {
        p.ops.push(pp::Op { code: code.into(), args: args.into(), index: index.into(), lo: vec![], hi: hi.into() });
        p.ops.len() as u32 - 1
    };
    let before = op(Code::Cell, &[], &[2], &[]);
    let chosen = op(Code::Select, &[ENROLLED, KEY, before], &[], &[]);
    op(Code::StoreCell, &[chosen], &[2], &[]);
    op(Code::Output, &[ENROLLED], &[], &[1]);
    op(Code::Output, &[BALANCE], &[], &[0, 255, 255, 255, 255, 255, 255, 255, 255]);
    p.cells.push(pp::Field { name: "last".into(), key: true, ..Default::default() });
    let fields = vec![pp::Field { name: "balance".into(), hi: u64::MAX, ..Default::default() }];
    p.messages.push(pp::Message { name: "enrolled".into(), output_offset: 10, fields });
    p.output_words += 3;
    let program = Program::decode(&p.encode_to_vec()).unwrap();

    let mut request = reference::noops(&program, 1).unwrap();
    // The greatest words are no elements: the state holds their residues.
    let key: [u32; 24] = std::array::from_fn(|n| u32::MAX - n as u32);
    let words: Vec<u32> = [2, 5].into_iter().chain(key).chain([7, 9]).collect();
    let empty = suite::leaf(0, &[0, 0, 1 << 31, 0, 0], &[suite::Digest::default()]);
    let siblings = std::iter::successors(Some(empty), |n| Some(suite::node(n, n))).take(3).flat_map(|n| suite::digest_bytes(&n));
    let own = pb::SuiteOpening { keys: vec![vec![0; 32]], siblings: siblings.collect() };
    let fields = [0, 0, 1 << 31, 0, 0].into_iter().flat_map(u32::to_be_bytes).collect();
    request.slots[0].words = words.into_iter().flat_map(u32::to_be_bytes).collect();
    request.slots[0].openings[0] = pb::Opening { fields, suites: vec![own; 3] };
    (program, request, key)
}

#[test]
fn keys_cells_and_messages_are_those_of_the_pages() {
    let (program, mut request, key) = enrolment();
    complete(&program, &mut request).unwrap();
    executed(&program, &request).unwrap();
    let journal: Vec<u32> = request.journal.chunks(4).map(|w| u32::from_be_bytes(w.try_into().unwrap())).collect();
    let expected = [
        &[2, 5][..],
        &key,
        &[7, 9],
        // Not refused; account 5's balance and nonce; no second account, whose gain of 0 is 2^63 above the least.
        &[0, 5, 7, 9, 0, 0, 0, 0, 1 << 31, 0],
        // The message; supply and price.
        &[1, 7, 9],
        &[0, 0, 0],
    ]
    .concat();
    assert_eq!(journal, expected);

    // koalabear is the third suite: its part of the key is the last eight words.
    let part = suite::key(&key[16..]);
    let empty = suite::leaf(0, &[0, 0, 1 << 31, 0, 0], &[suite::Digest::default()]);
    let leaf = suite::leaf(0, &[7, 9, 1 << 31, 0, 0], &[part]);
    let level = |n: usize| (0..n).fold(empty, |node, _| suite::node(&node, &node));
    let up = suite::node(&level(2), &suite::node(&suite::node(&empty, &leaf), &level(1)));
    let post_root = suite::state_root(&[0, 0, 0], &[part], &[up]);
    assert_eq!(own(&mut request).post_root, suite::digest_bytes(&post_root));

    // The state before it is of a key of zeros.
    let pre_root = suite::state_root(&[0, 0, 0], &[suite::Digest::default()], &[level(3)]);
    assert_eq!(own(&mut request).pre_root, suite::digest_bytes(&pre_root));
    state(&mut request).suites[2].key_cells[0][31] = 1;
    let refusal = executed(&program, &request).unwrap_err();
    assert_eq!(refusal.code, Code::BadOpening, "{refusal}");
}

#[test]
fn a_value_outside_its_type_was_never_stored() {
    // A field whose type does not fill its word.
    use multiprover_stark::pb::program as pp;
    let mut p = pp::Program::decode(&reference::program()[..]).unwrap();
    p.maps[0].fields.push(pp::Field { name: "spare".into(), lo: -5, hi: 10, ..Default::default() });
    let program = Program::decode(&p.encode_to_vec()).unwrap();
    let mut request = reference::noops(&program, 1).unwrap();
    let mut opening = pb::Opening { fields: vec![0; 4 * 10], suites: vec![pb::SuiteOpening::default()] };
    opening.suites[0] = pb::SuiteOpening { keys: vec![vec![0; 32]], siblings: vec![0; 32 * 20] };
    for (word, value) in [(0u32, Some(-5)), (15, Some(10)), (16, None), (u32::MAX, None)] {
        opening.fields[36..].copy_from_slice(&word.to_be_bytes());
        request.slots[0].openings[0] = opening.clone();
        let found = unchecked(&program, &Statement::decode(request.statement.as_ref()).unwrap(), &request);
        match value {
            Some(value) => assert_eq!(found.unwrap().slots[0].openings[0].fields[6], Value::Int(value)),
            None => {
                let refusal = found.unwrap_err();
                assert_eq!((refusal.code, refusal.slot), (Code::BadOpening, Some(0)), "{refusal}");
                assert_eq!((refusal.expected.as_str(), refusal.found), ("[-5, 10]", (i64::from(word) - 5).to_string()));
            }
        }
    }
}

#[test]
fn slots_follow_one_another() {
    // The payment once more is over a state that is no longer there.
    let (program, mut request) = with_noop();
    request.slots[1] = request.slots[0].clone();
    let refusal = complete(&program, &mut request).unwrap_err();
    assert_eq!((refusal.code, refusal.slot), (Code::BadOpening, Some(1)), "{refusal}");
    // In the other order it is the first slot's that is not.
    let (program, mut request) = with_noop();
    request.slots.swap(0, 1);
    let refusal = executed(&program, &request).unwrap_err();
    assert_eq!((refusal.code, refusal.slot), (Code::JournalMismatch, Some(0)), "{refusal}");
    complete(&program, &mut request).unwrap();
    assert!(executed(&program, &request).is_ok());
}

#[test]
fn a_request_is_completed_as_it_was() {
    let batch = bank::payment();
    let mut request = batch.request.clone();
    request.journal.clear();
    statement(&mut request).claim.clear();
    statement(&mut request).suites.clear();
    complete(&Program::decode(&batch.program).unwrap(), &mut request).unwrap();
    assert_eq!(request, batch.request);
}

#[test]
fn batches_of_trades_execute() {
    let program = Program::decode(&reference::program()).unwrap();
    for slots in [1, 3] {
        let request = reference::trades(&program, slots).unwrap();
        assert_eq!(executed(&program, &request).unwrap().slots.len(), slots);
        let request = reference::noops(&program, slots).unwrap();
        assert_eq!(executed(&program, &request).unwrap().slots.len(), slots);
    }
}

/// A generator of numbers that are as good as random here: xorshift64* (Vigna, arXiv 1402.6246).
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % n
    }
}

#[test]
fn bytes_changed_anywhere_are_refused_or_mean_the_same() {
    let batch = bank::payment();
    let program = Program::decode(&batch.program).unwrap();
    let honest = executed(&program, &batch.request).unwrap();
    let bytes = batch.request.encode_to_vec();
    let mut random = Random(0x6d75_6c74_6970_726f);
    let (mut refused, mut same) = (0, 0);
    for _ in 0..4_000 {
        let mut other = bytes.clone();
        let at = random.below(other.len());
        match random.below(4) {
            0 => other[at] ^= 1 << random.below(8),
            1 => other[at] = random.below(256) as u8,
            2 => other.truncate(at),
            _ => {
                let from = random.below(other.len());
                let piece = other[from..(from + random.below(40)).min(bytes.len())].to_vec();
                other.splice(at..at, piece);
            }
        }
        let Ok(request) = pb::ProveRequest::decode(&other[..]) else { continue };
        match executed(&program, &request) {
            // Another payee is another statement, as true; whatever else passes is this batch: another suite's part, or an unknown field.
            Ok(advice) => {
                assert_eq!(
                    (advice.slots, advice.map_roots, advice.cells),
                    (honest.slots.clone(), honest.map_roots.clone(), honest.cells.clone())
                );
                assert_eq!((advice.public.pre_root, advice.public.post_root), (honest.public.pre_root, honest.public.post_root));
                assert_eq!((advice.public.commitment, advice.public.y), (honest.public.commitment, honest.public.y));
                same += 1;
            }
            Err(refusal) => {
                assert!(!refusal.message.is_empty());
                refused += 1;
            }
        }
    }
    assert!(refused > 500 && same > 100, "{refused} refused, {same} the same");
}
