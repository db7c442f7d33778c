//! The soundness tool looks at constraints itself, since the library's `MockProver` is too slow for thousands of lies: it finds
//! what that finds.

#[path = "../examples/mutate/circuit.rs"]
#[allow(dead_code)]
mod circuit;
mod common;
mod mock;

use circuit::Circuit;
use halo2_axiom::halo2curves::bn256::Fr;
use halo2_axiom::halo2curves::ff::Field;
use multiprover_halo2::builder::Tables;
use multiprover_halo2::config::PUBLIC;
use multiprover_halo2::execution::execute;
use multiprover_halo2::lowering;
use multiprover_halo2::program::Program;
use multiprover_halo2::statement::Statement;

#[test]
fn it_finds_what_the_library_finds() {
    let (prepare, prove) = common::case(0);
    let program = Program::decode(&prepare.program).unwrap();
    let statement = Statement::decode(prove.statement.as_ref()).unwrap();
    let executed = execute(&program, &statement, &prove).unwrap();
    let slots = executed.advice.slots.len();
    let k = lowering::fit(&program, slots).unwrap();
    let whole = lowering::circuit(&program, k, &executed.advice, &executed.public).0;
    let public = executed.public.to_vec();
    let circuit = Circuit::new(program, slots).unwrap();
    let (honest, _) = circuit.walk(&executed.advice, &executed.public, None);
    assert_eq!(honest.advice, whole.advice);

    let same = |advice: &Tables, public: &[Fr]| {
        let ours = circuit.violated(advice, public, None);
        let tables = Tables { advice: advice.advice.clone(), ..whole.clone() };
        let (all, all_but_copies) = mock::satisfied(tables, public);
        let copies = ours.iter().filter(|v| v.starts_with("copy")).count();
        assert_eq!((ours.is_empty(), copies == ours.len()), (all, all_but_copies), "{ours:?}");
        // Looking only where the advice differs is no other verdict.
        if public == executed.public.to_vec() {
            assert_eq!(circuit.violated(advice, public, Some(&honest)).is_empty(), all);
        }
        ours.is_empty()
    };
    assert!(same(&honest, &public));
    for n in 0..PUBLIC {
        let mut public = public.clone();
        public[n] += Fr::ONE;
        assert!(!same(&honest, &public), "public value {n}");
    }
    let mut at = 1_usize;
    for n in 0..12 {
        at = at * 48_271 % 0x7fff_ffff;
        let class = at % circuit.classes.len();
        let cell = circuit.classes[class][0];
        let value = honest.advice[cell.column as usize][cell.row as usize] + Fr::ONE;
        let mut lie = honest.clone();
        match n % 3 {
            0 => lie.advice[cell.column as usize][cell.row as usize] = value,
            _ => circuit.set(&mut lie, class, value),
        }
        if n % 3 == 2 {
            let mut choose = |m: usize| at % m;
            circuit.mend(&mut lie, &public, class, &[class], Fr::ONE, &mut choose);
        }
        assert!(!same(&lie, &public), "{cell:?} of {:?}", circuit.classes[class]);
    }
    // A cell that nothing reads may hold anything, for both.
    let unread = (0..1_usize << k).find(|r| !circuit.classes.iter().flatten().any(|c| c.column == 5 && c.row as usize == *r));
    let mut free = honest.clone();
    free.advice[5][unread.unwrap()] += Fr::ONE;
    assert!(same(&free, &public));
}
