//! Circuits checked cell by cell by the library's `MockProver`.
#![allow(dead_code)]

use halo2_axiom::dev::{MockProver, VerifyFailure};
use halo2_axiom::halo2curves::bn256::Fr;
use halo2_axiom::halo2curves::ff::Field;
use multiprover_halo2::builder::{Builder, Lie, Purpose, Tabled, Tables};
use multiprover_halo2::config::PUBLIC;

pub fn builder(k: u32) -> Builder {
    Builder::new(k, Purpose::All)
}

fn verdict(b: Builder, public: &[Fr]) -> Result<(), String> {
    let tables = b.finish();
    let k = tables.k;
    let prover = MockProver::run(k, &Tabled(tables), vec![public.to_vec()]).expect("a circuit that can be laid out");
    prover.verify().map_err(|failures| failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

/// Panics with what failed.
pub fn accepts(b: Builder) {
    accepts_with(b, &[Fr::ZERO; PUBLIC]);
}

pub fn accepts_with(b: Builder, public: &[Fr]) {
    if let Err(failures) = verdict(b, public) {
        panic!("an honest witness is refused:\n{}", &failures[..failures.len().min(2000)]);
    }
}

/// Whether the tables satisfy every constraint, and whether every one but copies.
pub fn satisfied(tables: Tables, public: &[Fr]) -> (bool, bool) {
    let prover = MockProver::run(tables.k, &Tabled(tables), vec![public.to_vec()]).expect("a circuit that can be laid out");
    match prover.verify() {
        Ok(()) => (true, true),
        Err(failures) => (false, failures.iter().all(|f| matches!(f, VerifyFailure::Permutation { .. }))),
    }
}

pub fn refused(b: Builder) -> bool {
    verdict(b, &[Fr::ZERO; PUBLIC]).is_err()
}

/// The circuit accepts honestly, and refuses with any one new value replaced, whatever follows from it.
pub fn every_lie_is_refused(k: u32, circuit: impl Fn(&mut Builder)) {
    lies_are_refused(k, 1, circuit);
}

/// The same with every `step`-th new value.
pub fn lies_are_refused(k: u32, step: usize, circuit: impl Fn(&mut Builder)) {
    let mut honest = builder(k);
    circuit(&mut honest);
    let count = honest.news();
    accepts(honest);
    for at in (0..count).step_by(step) {
        let mut b = Builder::lying(k, Some(Lie { at, value: Fr::from(0x1234_5678) }));
        circuit(&mut b);
        assert!(refused(b), "new value {at} of {count} can be another");
    }
}
