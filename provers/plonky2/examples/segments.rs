//! `segments --program FILE --slots N [--sizes A,B,…]`: what a batch costs in segments and joins, as JSON; for measuring by hand.
//!
//! The batch is one of empty slots: a circuit costs the same whatever its witness.

use std::cell::RefCell;

use multiprover_plonky2::execution::{Statement, rehearse_segments};
use multiprover_plonky2::program::Program;
use multiprover_plonky2::reference::{Transaction, World, reference_program};
use multiprover_plonky2::security::{Parameters, least};
use multiprover_plonky2::segments::{Failed, Plan, prove_batch};
use multiprover_plonky2::usage;

fn main() -> anyhow::Result<()> {
    let (mut slots, mut bytes, mut sizes) = (0usize, reference_program(&["goldilocks"]), vec![]);
    let (mut cores, mut count) = (std::thread::available_parallelism()?.get(), false);
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        let mut value = || given.next().ok_or_else(|| anyhow::anyhow!("{name} wants a value"));
        match name.as_str() {
            "--slots" => slots = value()?.parse()?,
            "--program" => bytes = std::fs::read(value()?)?,
            "--sizes" => sizes = value()?.split(',').map(str::parse).collect::<Result<_, _>>()?,
            "--cores" => cores = value()?.parse()?,
            "--count" => count = true,
            _ => anyhow::bail!("unknown argument {name}"),
        }
    }
    let program = Program::decode(&bytes)?;
    let plan = if sizes.is_empty() {
        Plan::of(&program, slots).map_err(|rows| anyhow::anyhow!("a slot takes {rows} rows"))?
    } else {
        Plan::of_sizes(&sizes)
    };
    let leaves = plan.leaves();
    let slots = leaves.iter().sum::<usize>();
    println!("{plan:?}");
    if count {
        return Ok(());
    }

    let mut world = World::new(&bytes, vec![]);
    let empty: Vec<Transaction> = (0..slots)
        .map(|_| Transaction {
            words: vec![0; program.input_words],
            accesses: program.ports.iter().map(|_| None).collect(),
            signers: vec![None; program.authorizations],
            output: vec![0; program.output_words],
            cells: world.cells().to_vec(),
        })
        .collect();
    let request = world.batch(&empty);
    let statement = Statement::decode(request.statement.as_ref())?;
    let advice = rehearse_segments(&program, &leaves, &statement, &request)?;

    let mut circuits = vec![];
    let mut verifiers = vec![];
    for (place, shape) in plan.shapes.iter().enumerate() {
        let before = usage::cpu_seconds();
        let circuit = plan.lower(&program, place, |p| &verifiers[p]);
        let common = &circuit.data.common;
        let (proven, conjectured) = least(&Parameters::of(common, program.journal_words(slots)).terms());
        println!(
            "{shape:?}: rows {} of 2^{}, setup {:.1} CPU s, security {proven:.1} proven, {conjectured:.1} conjectured, {} gates",
            circuit.rows,
            common.degree_bits(),
            usage::cpu_seconds() - before,
            common.gates.len(),
        );
        verifiers.push(circuit.data.verifier_data());
        circuits.push(Some(circuit));
    }
    let circuits = RefCell::new(circuits);
    let start = usage::cpu_seconds();
    let wall = std::time::Instant::now();
    let last = std::sync::Mutex::new(start);
    let load = |place: usize| circuits.borrow_mut()[place].take().ok_or_else(|| anyhow::anyhow!("taken twice"));
    let proof = prove_batch(&plan, load, &advice, (cores, 16 << 10), |n, of| {
        let now = usage::cpu_seconds();
        let mut last = last.lock().expect("not poisoned");
        println!("proof {n} of {of}: {:.2} CPU s since the one before", now - *last);
        *last = now;
    })
    .map_err(|e| match e {
        Failed::Load(e) | Failed::Proof(e) => e,
    })?;
    println!(
        "all: {:.2} CPU s, {:.2} a slot, {:.1} s, peak {:.0} MiB",
        usage::cpu_seconds() - start,
        (usage::cpu_seconds() - start) / slots as f64,
        wall.elapsed().as_secs_f64(),
        usage::peak_mib()
    );
    verifiers[plan.root()].verify(proof)?;
    Ok(())
}
