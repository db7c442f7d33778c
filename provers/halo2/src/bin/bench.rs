//! `bench [--slots N] [--program FILE] [--which compiled|handwritten] [--count]`: what a batch costs, as JSON.
//!
//! Without `--program`, the reference slot (`reference`): rows of it compiled and written by hand, and, unless `--count`, keys and a
//! proof of a batch of trades. A proof is made by one process, so that peak memory is that of one circuit; compare two runs. With
//! `--program`, a batch of empty slots of a canonical program.

use std::time::Instant;

use halo2_axiom::halo2curves::bn256::Fr;
use halo2_axiom::plonk::keygen_pk2;
use multiprover_halo2::execution::{Executed, execute};
use multiprover_halo2::keys::{self, Cache, Keys};
use multiprover_halo2::lowering::{self, BatchCircuit};
use multiprover_halo2::program::Program;
use multiprover_halo2::security::least;
use multiprover_halo2::setup::Setup;
use multiprover_halo2::statement::Statement;
use multiprover_halo2::{handwritten, l1, prover, reference, usage};
use serde_json::{Value, json};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Compiled,
    Handwritten,
}

struct Arguments {
    slots: usize,
    file: Option<std::path::PathBuf>,
    which: Which,
    count: bool,
}

fn arguments() -> anyhow::Result<Arguments> {
    let mut arguments = Arguments { slots: 1, file: None, which: Which::Compiled, count: false };
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        let mut value = || given.next().ok_or_else(|| anyhow::anyhow!("{name} wants a value"));
        match name.as_str() {
            "--slots" => arguments.slots = value()?.parse()?,
            "--program" => arguments.file = Some(value()?.into()),
            "--which" => {
                arguments.which = match value()?.as_str() {
                    "compiled" => Which::Compiled,
                    "handwritten" => Which::Handwritten,
                    other => anyhow::bail!("expected compiled or handwritten, got {other}"),
                }
            }
            "--count" => arguments.count = true,
            _ => anyhow::bail!(
                "unknown argument {name}: expected --slots N, --program FILE, --which compiled|handwritten, --count"
            ),
        }
    }
    anyhow::ensure!(arguments.slots > 0, "a batch has at least one slot");
    anyhow::ensure!(arguments.file.is_none() || arguments.which == Which::Compiled, "by hand there is the reference slot only");
    Ok(arguments)
}

/// One circuit, with what is needed of it here.
struct Measured {
    rows: fn(&Program, usize, u32) -> usize,
    fit: fn(&Program, usize) -> Option<u32>,
    shape: fn(&Program, usize, u32) -> BatchCircuit,
    advice: fn(&Program, u32, &Executed) -> Vec<Vec<Fr>>,
}

const COMPILED: Measured = Measured {
    rows: lowering::rows,
    fit: lowering::fit,
    shape: lowering::shape,
    advice: |program, k, e| lowering::advice(program, k, &e.advice, &e.public),
};

const HANDWRITTEN: Measured = Measured {
    rows: handwritten::rows,
    fit: handwritten::fit,
    shape: handwritten::shape,
    advice: |program, k, e| handwritten::advice(program, k, &e.advice, &e.public),
};

/// CPU seconds since the last call, and wall seconds.
struct Clock(f64, Instant);

impl Clock {
    fn lap(&mut self) -> (f64, f64) {
        let laps = (usage::cpu_seconds() - self.0, self.1.elapsed().as_secs_f64());
        *self = Clock(usage::cpu_seconds(), Instant::now());
        laps
    }
}

fn measure(
    of: &Measured,
    program: &Program,
    slots: usize,
    k: u32,
    request: &multiprover_halo2::pb::prover::ProveRequest,
) -> anyhow::Result<Value> {
    let mut clock = Clock(usage::cpu_seconds(), Instant::now());
    let parameters = Setup::Local.parameters(k)?;
    let (setup, _) = clock.lap();
    let key = keygen_pk2(&parameters, &(of.shape)(program, slots, k), false)?;
    let artefact = l1::Key::new(key.get_vk(), &parameters, true)?;
    let (keygen, _) = clock.lap();
    let executed = execute(program, &Statement::decode(request.statement.as_ref())?, request)?;
    let (execution, _) = clock.lap();
    let columns = (of.advice)(program, k, &executed);
    let (witness, _) = clock.lap();
    let made = keys::Prover { parameters, key };
    let proof = prover::prove_columns(&made, artefact.seed(), columns, &executed.public)?;
    let (prove, wall) = clock.lap();
    let peak = usage::peak_mib();
    drop(made);
    let verifier = l1::Verifier::new::<BatchCircuit>(artefact.artefact())?;
    clock.lap();
    let inputs = executed.public.to_vec().try_into().expect("as many as the circuit has");
    verifier.verify(&inputs, &proof)?;
    let (_, verify) = clock.lap();
    let (proven, conjectured) = least(&prover::security(k, &Setup::Local));
    Ok(json!({
        "setup_cpu_s": setup,
        "keygen_cpu_s": keygen,
        "execute_cpu_s": execution,
        "witness_cpu_s": witness,
        "prove_cpu_s": prove,
        "prove_s": wall,
        "cpu_s_per_slot": (execution + witness + prove) / slots as f64,
        "verify_s": verify,
        "peak_mib": peak,
        "l1_proof_bytes": proof.len(),
        "security_bits": {"proven": proven, "conjectured": conjectured},
    }))
}

/// Seconds of loading keys from the cache, as the prover does.
fn load(bytes: &[u8], program: &Program, slots: usize, k: u32) -> anyhow::Result<Value> {
    let folder = std::env::temp_dir().join(format!("multiprover-halo2-bench-{}", std::process::id()));
    let cache = Cache { folder: folder.clone(), setup: Setup::Local };
    let keys = Keys::at(&cache, &program.id, slots);
    keys.make(bytes, program, slots, k, &cache.setup, |_| ())?;
    let mut clock = Clock(usage::cpu_seconds(), Instant::now());
    let loaded = keys.prover().and_then(|p| keys.verifier().map(|v| (p, v)));
    let (cpu, wall) = clock.lap();
    std::fs::remove_dir_all(&folder)?;
    loaded?;
    Ok(json!({"cpu_s": cpu, "s": wall}))
}

fn main() -> anyhow::Result<()> {
    let Arguments { slots, file, which, count } = arguments()?;
    let bytes = match &file {
        Some(file) => std::fs::read(file)?,
        None => reference::program(),
    };
    let program = Program::decode(&bytes)?;
    let fit = |of: &Measured, slots| (of.fit)(&program, slots).ok_or_else(|| anyhow::anyhow!("{slots} slots are too many rows"));
    let measured = if which == Which::Compiled { &COMPILED } else { &HANDWRITTEN };
    let k = fit(measured, slots)?;
    let rows = |of: &Measured, slots| (of.rows)(&program, slots, k);
    let mut report = json!({
        "slots": slots,
        "which": if which == Which::Compiled { "compiled" } else { "handwritten" },
        "k": k,
        "rows_or_constraints": rows(measured, slots),
        "rows_a_slot": rows(measured, slots + 1) - rows(measured, slots),
    });
    if file.is_none() {
        let (compiled, by_hand) = (rows(&COMPILED, slots), rows(&HANDWRITTEN, slots));
        report["hand_written_rows_or_constraints"] = by_hand.into();
        report["ratio"] = (compiled as f64 / by_hand as f64).into();
    }
    if !count {
        let request = if file.is_none() { reference::trades(&program, slots)? } else { reference::noops(&program, slots)? };
        let Value::Object(figures) = measure(measured, &program, slots, k, &request)? else { unreachable!("an object") };
        report.as_object_mut().expect("an object").extend(figures);
        if which == Which::Compiled {
            report["load"] = load(&bytes, &program, slots, k)?;
        }
    }
    println!("{}", serde_json::to_string_pretty(&report)?);
    Ok(())
}
