//! Programs as circuits: batches that execute are accepted, and no cell of theirs can be another.

mod common;
mod mock;

use halo2_axiom::halo2curves::bn256::Fr;
use halo2_axiom::halo2curves::ff::Field;
use multiprover_halo2::config::{COLUMNS, PUBLIC};
use multiprover_halo2::execution::{Executed, execute};
use multiprover_halo2::program::Program;
use multiprover_halo2::statement::Statement;
use multiprover_halo2::{handwritten, lowering, reference};

fn case(number: usize) -> (Program, Executed) {
    let (prepare, prove) = common::case(number);
    let program = Program::decode(&prepare.program).unwrap();
    let statement = Statement::decode(prove.statement.as_ref()).unwrap();
    let executed = execute(&program, &statement, &prove).unwrap();
    (program, executed)
}

#[test]
fn a_batch_is_accepted() {
    let (program, executed) = case(0);
    let slots = executed.advice.slots.len();
    let k = lowering::fit(&program, slots).unwrap();
    let circuit = lowering::circuit(&program, k, &executed.advice, &executed.public);
    assert_eq!(mock::satisfied(circuit.0, &executed.public.to_vec()), (true, true));
}

fn trades(slots: usize) -> (Program, Executed) {
    let program = Program::decode(&reference::program()).unwrap();
    let request = reference::trades(&program, slots).unwrap();
    let statement = Statement::decode(request.statement.as_ref()).unwrap();
    let executed = execute(&program, &statement, &request).unwrap();
    (program, executed)
}

#[test]
fn the_reference_slot_compiled_and_by_hand() {
    let (program, executed) = trades(2);
    let k = lowering::fit(&program, 2).unwrap();
    for circuit in [lowering::circuit, handwritten::circuit] {
        let circuit = circuit(&program, k, &executed.advice, &executed.public);
        assert_eq!(mock::satisfied(circuit.0, &executed.public.to_vec()), (true, true));
    }
    let (compiled, by_hand) = (lowering::rows(&program, 16, 15), handwritten::rows(&program, 16, 15));
    assert!(10 * compiled <= 11 * by_hand, "{compiled} rows compiled, {by_hand} by hand");
    assert_eq!(lowering::fit(&program, 16), Some(15));
}

/// One walk for keys and proofs: the shape alone and the shape with advice are the same.
#[test]
fn the_shape_does_not_depend_on_the_advice() {
    let (program, executed) = case(0);
    let k = lowering::fit(&program, executed.advice.slots.len()).unwrap();
    let alone = lowering::shape(&program, executed.advice.slots.len(), k).0;
    let both = lowering::circuit(&program, k, &executed.advice, &executed.public).0;
    assert!(alone.fixed == both.fixed && alone.copies == both.copies);
    assert_eq!(lowering::advice(&program, k, &executed.advice, &executed.public), both.advice);
}

/// Each public value and a sample of the cells, replaced by another.
#[test]
fn no_cell_can_be_another() {
    let (program, executed) = case(0);
    let k = lowering::fit(&program, executed.advice.slots.len()).unwrap();
    let honest = lowering::circuit(&program, k, &executed.advice, &executed.public).0;
    let public = executed.public.to_vec();
    for n in 0..PUBLIC {
        let mut public = public.clone();
        public[n] += Fr::ONE;
        assert!(!mock::satisfied(honest.clone(), &public).0, "public value {n}");
    }
    let mut at = 1;
    for _ in 0..25 {
        let (column, row) = loop {
            at = at * 48_271 % 0x7fff_ffff;
            let (column, row) = (at % COLUMNS, at / COLUMNS % honest.advice[0].len());
            if honest.advice[column][row] != Fr::ZERO {
                break (column, row);
            }
        };
        let mut tables = honest.clone();
        tables.advice[column][row] += Fr::ONE;
        assert!(!mock::satisfied(tables, &public).0, "column {column}, row {row}");
    }
}
