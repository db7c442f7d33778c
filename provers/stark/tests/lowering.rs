//! From programs and batches to tables that hold, or do not.

#[path = "support/bank.rs"]
mod bank;

use multiprover_stark::batch::{self, Parameters};
use multiprover_stark::check::{Violation, audit, check};
use multiprover_stark::execution::{self, Advice, Statement, Value as Given};
use multiprover_stark::handwritten;
use multiprover_stark::lowering::lower;
use multiprover_stark::pb::prover as pb;
use multiprover_stark::program::Program;
use multiprover_stark::reference;
use multiprover_stark::tables::{F, Layout, Public};
use p3_field::PrimeCharacteristicRing;

fn statement(request: &pb::ProveRequest) -> Statement {
    Statement::decode(request.statement.as_ref()).expect("a statement")
}

fn same(a: &Layout, b: &Layout) -> bool {
    a.hash == b.hash
        && a.alu == b.alu
        && a.mul == b.mul
        && a.logic == b.logic
        && a.block == b.block
        && a.sign == b.sign
        && a.values == b.values
}

fn holds(program: &Program, request: &pb::ProveRequest) {
    let statement = statement(request);
    let advice = execution::execute(program, &statement, request).unwrap_or_else(|refusal| panic!("{refusal}"));
    let (layout, witness) = lower(program, statement.slots, Some(&advice)).expect("small");
    audit(&layout).unwrap_or_else(|flaw| panic!("{flaw}"));
    let (keys, none) = lower(program, statement.slots, None).expect("small");
    assert!(none.is_none());
    assert!(same(&layout, &keys), "the layout depends on the advice");
    check(&layout, &witness.expect("asked for"), &statement.public()).unwrap_or_else(|violation| panic!("{violation}"));
}

/// A statement that does not hold has no witness here either: not the one that starts from the request as it stands.
#[test]
fn vectors_hold_or_not() {
    let all = bank::batches();
    assert!(all.iter().filter(|v| v.holds).count() >= 13 && all.iter().filter(|v| !v.holds).count() >= 17);
    for bank::Batch { name, program, request, holds: valid } in all {
        let program = Program::decode(&program).expect("a program");
        if valid {
            println!("{name}");
            holds(&program, &request);
            continue;
        }
        let statement = statement(&request);
        let advice = execution::unchecked(&program, &statement, &request).expect("well formed");
        let (layout, witness) = lower(&program, statement.slots, Some(&advice)).expect("small");
        let found = check(&layout, &witness.expect("asked for"), &statement.public());
        println!("{name}: {}", found.expect_err(&name));
    }
}

fn payment() -> (Program, Statement, Advice) {
    let bank::Batch { program, request, .. } = bank::payment();
    let program = Program::decode(&program).expect("a program");
    let statement = statement(&request);
    let advice = execution::execute(&program, &statement, &request).expect("a batch");
    (program, statement, advice)
}

fn verdict(program: &Program, advice: &Advice, public: &Public) -> Result<(), Violation> {
    let (layout, witness) = lower(program, advice.slots.len(), Some(advice)).expect("small");
    check(&layout, &witness.expect("asked for"), public)
}

/// No public value can be another, but for `payee`, which binds nothing in the tables.
#[test]
fn public_values_are_bound() {
    let (program, statement, advice) = payment();
    let truth = statement.public();
    verdict(&program, &advice, &truth).expect("it holds");
    type Lie = fn(&mut Public);
    let lies: [(&str, Lie); 6] = [
        ("pre root", |p| p.pre_root[7] += F::ONE),
        ("post root", |p| p.post_root[0] += F::ONE),
        ("commitment", |p| p.commitment[3] += F::ONE),
        ("challenge", |p| p.z[4] += F::ONE),
        ("evaluation", |p| p.y[0] += F::ONE),
        ("domain", |p| p.domain[5] += F::ONE),
    ];
    for (name, lie) in lies {
        let mut public = truth;
        lie(&mut public);
        assert!(verdict(&program, &advice, &public).is_err(), "{name}: with the true witness");
        // With a witness for it, as far as there is one: another domain gives another digest, another z another y.
        let advice = Advice { public, ..advice.clone() };
        assert!(verdict(&program, &advice, &public).is_err(), "{name}: with a witness made for it");
    }
}

/// Everything that the witness says of the state is bound by its root, every word by the journal.
#[test]
fn advice_is_bound() {
    let (program, statement, advice) = payment();
    let public = statement.public();
    let refused = |what: &str, lie: &dyn Fn(&mut Advice)| {
        let mut other = advice.clone();
        lie(&mut other);
        assert!(other != advice, "{what}");
        assert!(verdict(&program, &other, &public).is_err(), "{what}");
    };
    for c in 0..advice.cells.len() {
        refused("a cell", &|a| another(&mut a.cells[c]));
    }
    for m in 0..advice.map_roots.len() {
        refused("a map's root", &|a| a.map_roots[m][2] += F::ONE);
    }
    for j in 0..program.input_words {
        refused("an input word", &|a| a.slots[0].words[j] ^= 1);
    }
    for port in 0..program.ports.len() {
        for f in 0..program.map_of(port).fields.len() {
            refused("a field", &|a| another(&mut a.slots[0].openings[port].fields[f]));
            // A value outside its words that borrows from the next: the words' own range refuses it.
            if let Given::Int(_) = advice.slots[0].openings[port].fields[f] {
                refused("a field's carry", &|a| {
                    if let Given::Int(v) = &mut a.slots[0].openings[port].fields[f] {
                        *v += 1 << 64;
                    }
                });
            }
        }
        for level in [0, program.map_of(port).depth - 1] {
            refused("a sibling", &|a| a.slots[0].openings[port].siblings[level][1] += F::ONE);
        }
    }
    for n in 0..program.authorizations {
        refused("a signature", &|a| a.slots[0].signatures[n].chains[17][0] += F::ONE);
    }
}

fn another(given: &mut Given) {
    match given {
        Given::Int(v) => *v ^= 1,
        Given::Key(key) => key[6] += F::ONE,
    }
}

/// A batch is proven, and one that does not hold is not.
#[test]
fn a_batch_is_proven() {
    for bank::Batch { name, program, request, holds: valid } in
        bank::batches().into_iter().filter(|v| v.name == "bank_payment" || v.name == "bank_range")
    {
        let program = Program::decode(&program).expect("a program");
        let statement = statement(&request);
        let advice = execution::unchecked(&program, &statement, &request).expect("well formed");
        let (layout, witness) = lower(&program, statement.slots, Some(&advice)).expect("small");
        let (key, verifying) = batch::keys(&layout, Parameters::Batch).expect("keys");
        let public = statement.public();
        let verdict = batch::prove(&key, witness.expect("asked for"), &public)
            .map(|proof| batch::verify(&verifying, &public, &batch::encode(&proof)).is_ok());
        assert_eq!(matches!(verdict, Ok(true)), valid, "{name}: {verdict:?}");
    }
}

#[test]
fn trades_hold() {
    let program = Program::decode(&reference::program()).expect("a program");
    holds(&program, &reference::trades(&program, 3).expect("trades"));
}

#[test]
fn empty_slots_hold() {
    let program = Program::decode(&reference::program()).expect("a program");
    holds(&program, &reference::noops(&program, 2).expect("noops"));
}

/// The hand-written slot proves the same statement, in no more rows.
#[test]
fn handwritten_trades_hold() {
    let program = Program::decode(&reference::program()).expect("a program");
    for request in [reference::trades(&program, 2).expect("trades"), reference::noops(&program, 2).expect("noops")] {
        let statement = statement(&request);
        let advice = execution::execute(&program, &statement, &request).expect("a batch");
        let (layout, witness) = handwritten::lower(statement.slots, Some(&advice));
        check(&layout, &witness.expect("asked for"), &statement.public()).unwrap_or_else(|violation| panic!("{violation}"));
        let (compiled, _) = lower(&program, statement.slots, None).expect("small");
        for (hand, compiled) in layout.counts().into_iter().zip(compiled.counts()) {
            assert!(hand <= compiled, "by hand {hand} rows, compiled {compiled}");
        }
    }
}
