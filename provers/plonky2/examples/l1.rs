//! A proof for L1 of the tests' own transition: `cargo run --release --example l1 -- FOLDER [SLOTS]` writes `verifier_data`, `l1_verifier`,
//! `public_inputs` and `proof` there, and prints what each step took.

#[path = "../tests/common/bank.rs"]
#[allow(dead_code)]
mod bank;

use std::path::PathBuf;

use multiprover_plonky2::config::circuit_config;
use multiprover_plonky2::execution::{Statement, execute};
use multiprover_plonky2::field::PrimeField64;
use multiprover_plonky2::recursion::{last, shrink};
use multiprover_plonky2::{l1, lowering, usage};
use plonky2::util::serialization::DefaultGateSerializer;

/// Runs a step and says what it took.
fn timed<T>(name: &str, step: impl FnOnce() -> T) -> T {
    let (cpu, start) = (usage::cpu_seconds(), std::time::Instant::now());
    let result = step();
    eprintln!(
        "{name}: {:.1} CPU s, {:.1} s, peak {:.0} MiB",
        usage::cpu_seconds() - cpu,
        start.elapsed().as_secs_f64(),
        usage::peak_mib()
    );
    result
}

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or_else(|| anyhow::anyhow!("expected a folder"))?);
    let slots: usize = arguments.next().map_or(Ok(2), |s| s.parse())?;
    std::fs::create_dir_all(&folder)?;
    let mut bank = bank::Bank::new();
    let mut batch = vec![bank.register(5, 0, 1 << 45)];
    batch.resize_with(slots, || bank.noop());
    let request = bank.world.batch(&batch);
    let statement = Statement::decode(request.statement.as_ref())?;
    let witness = execute(&bank.world.program, slots, &statement, &request)?;
    let leaf = timed("leaf, build", || lowering::lower(&bank.world.program, slots, circuit_config()));
    let proof = timed("leaf, prove", || leaf.prove(&witness.advice, &[]))?;
    let shrink = timed("shrink, build", || shrink(&leaf.data.verifier_data())).map_err(|rows| anyhow::anyhow!("{rows} rows"))?;
    let proof = timed("shrink, prove", || shrink.prove(&proof))?;
    let last = timed("last, build", || last(&shrink.verifier())).map_err(|rows| anyhow::anyhow!("{rows} rows"))?;
    drop(shrink);
    let proof = timed("last, prove", || last.prove(&proof))?;
    let verifier = last.verifier();
    let bytes = l1::serialise(&proof, &verifier);
    timed("verify", || l1::verify(&bytes, &proof.public_inputs, &verifier))?;
    eprintln!("{} bytes", bytes.len());
    let inputs: Vec<u8> = proof.public_inputs.iter().flat_map(|e| e.to_canonical_u64().to_be_bytes()).collect();
    std::fs::write(folder.join("proof"), bytes)?;
    std::fs::write(folder.join("public_inputs"), inputs)?;
    std::fs::write(folder.join("l1_verifier"), l1::verifier_bytes(&verifier))?;
    std::fs::write(folder.join("verifier_data"), verifier.to_bytes(&DefaultGateSerializer).expect("gates of the library"))?;
    Ok(())
}
