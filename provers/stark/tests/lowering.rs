//! From programs and batches to tables that hold, or do not.

use multiprover_stark::check::check;
use multiprover_stark::handwritten;
use multiprover_stark::execution::{self, Statement};
use multiprover_stark::lowering::lower;
use multiprover_stark::pb::prover as pb;
use multiprover_stark::program::Program;
use multiprover_stark::reference;
use multiprover_stark::tables::Layout;

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
    let (keys, none) = lower(program, statement.slots, None).expect("small");
    assert!(none.is_none());
    assert!(same(&layout, &keys), "the layout depends on the advice");
    check(&layout, &witness.expect("asked for"), &statement.public()).unwrap_or_else(|violation| panic!("{violation}"));
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
