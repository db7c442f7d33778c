//! `bench [--slots N] [--program FILE] [--count]`: a compiled program beside the same statement written by hand, as JSON.
//!
//! Without `--program` it is the reference slot (`reference::reference_program`). The batch proved is one of empty slots: a
//! circuit costs the same whatever its witness. Both circuits are proven in one run, one after the other; `--count` only counts rows.

use std::path::PathBuf;

use multiprover_plonky2::config::circuit_config;
use multiprover_plonky2::execution::{Statement, rehearse};
use multiprover_plonky2::field::F;
use multiprover_plonky2::handwritten;
use multiprover_plonky2::lowering::{self, Circuit};
use multiprover_plonky2::program::Program;
use multiprover_plonky2::reference::{Transaction, World, reference_program};
use multiprover_plonky2::security::{Parameters, least};
use multiprover_plonky2::usage;
use plonky2::iop::witness::{PartialWitness, WitnessWrite};

/// CPU seconds and bytes of one proof.
fn prove(circuit: Circuit, advice: &[F]) -> anyhow::Result<(f64, usize)> {
    let before = usage::cpu_seconds();
    let mut inputs = PartialWitness::new();
    for (&target, &value) in circuit.advice.iter().zip(advice) {
        inputs.set_target(target, value)?;
    }
    let proof = circuit.data.prove(inputs)?;
    let cpu = usage::cpu_seconds() - before;
    let bytes = proof.to_bytes().len();
    circuit.data.verify(proof)?;
    Ok((cpu, bytes))
}

/// The advice of `slots` empty slots over a state never written.
fn advice(program: &[u8], slots: usize) -> anyhow::Result<Vec<F>> {
    let mut world = World::new(program, vec![]);
    let p = world.program.clone();
    let empty: Vec<Transaction> = (0..slots)
        .map(|_| Transaction {
            words: vec![0; p.input_words],
            accesses: p.ports.iter().map(|_| None).collect(),
            signers: vec![None; p.authorizations],
            // Not what the slot gives where 0 is not written as 0: the statement is not compared.
            output: vec![0; p.output_words],
            cells: world.cells().to_vec(),
        })
        .collect();
    let request = world.batch(&empty);
    let statement = Statement::decode(request.statement.as_ref())?;
    Ok(rehearse(&world.program, slots, &statement, &request)?)
}

fn main() -> anyhow::Result<()> {
    let (mut slots, mut file, mut count) = (1usize, None::<PathBuf>, false);
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        let mut value = || given.next().ok_or_else(|| anyhow::anyhow!("{name} wants a value"));
        match name.as_str() {
            "--slots" => slots = value()?.parse()?,
            "--program" => file = Some(value()?.into()),
            "--count" => count = true,
            _ => anyhow::bail!("unknown argument {name}: expected --slots N, --program FILE, --count"),
        }
    }
    let bytes = match &file {
        Some(file) => std::fs::read(file)?,
        None => reference_program(&["goldilocks"]),
    };
    let program = Program::decode(&bytes)?;
    let rows = |n| lowering::build(&program, n, circuit_config()).plonk.num_gates();
    let mut report = serde_json::json!({
        "slots": slots,
        "rows_or_constraints": rows(slots),
        "rows_a_slot": rows(slots + 1) - rows(slots),
    });
    let by_hand = file.is_none();
    if by_hand {
        let rows = |n| handwritten::build(n, circuit_config()).plonk.num_gates();
        report["hand_written_rows_or_constraints"] = rows(slots).into();
        report["ratio"] = (report["rows_or_constraints"].as_f64().expect("a number") / rows(slots) as f64).into();
    }
    if !count {
        let honest = advice(&bytes, slots)?;
        let circuit = lowering::lower(&program, slots, circuit_config());
        let (proven, conjectured) = least(&Parameters::of(&circuit.data.common, program.journal_words(slots)).terms());
        report["degree_bits"] = circuit.data.common.degree_bits().into();
        report["security_bits"] = serde_json::json!({"proven": proven, "conjectured": conjectured});
        let (cpu, proof_bytes) = prove(circuit, &honest)?;
        report["cpu_s_per_slot"] = (cpu / slots as f64).into();
        report["proof_bytes"] = proof_bytes.into();
        report["peak_mib"] = usage::peak_mib().into();
        if by_hand {
            let (cpu, _) = prove(handwritten::lower(slots, circuit_config()), &honest)?;
            report["hand_written_cpu_s_per_slot"] = (cpu / slots as f64).into();
        }
    }
    println!("{}", serde_json::to_string_pretty(&report)?);
    Ok(())
}
