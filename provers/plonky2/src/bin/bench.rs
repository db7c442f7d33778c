//! `bench [--slots N] [--program FILE] [--count] [--join] [--l1 [--out FOLDER]]`: a compiled program beside the same statement written by hand, as JSON.
//!
//! Without `--program` it is the reference slot (`reference::reference_program`). The batch proved is one of empty slots: a
//! circuit costs the same whatever its witness. Both circuits are proven in one run, one after the other; `--count` only counts rows. `--join` adds what a batch costs
//! that is too long for one leaf: two segments of `N` slots and their join, or all segments and joins where `N` itself is too long. `--l1` adds what the proof for L1 takes after the batch's own, which
//! for such an `N` is that of the last join; `--out` keeps it, with what verifies it.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use multiprover_plonky2::config::circuit_config;
use multiprover_plonky2::execution::{Statement, rehearse, rehearse_segments};
use multiprover_plonky2::field::{C, D, F, PrimeField64};
use multiprover_plonky2::handwritten;
use multiprover_plonky2::keys::Form;
use multiprover_plonky2::lowering::{self, Circuit};
use multiprover_plonky2::pb::prover::ProveRequest;
use multiprover_plonky2::program::Program;
use multiprover_plonky2::reference::{Transaction, World, reference_program};
use multiprover_plonky2::security::{Parameters, least, overall};
use multiprover_plonky2::segments::{Failed, Plan, Proof, prove_batch};
use multiprover_plonky2::{l1, recursion, usage};
use plonky2::iop::witness::{PartialWitness, WitnessWrite};
use plonky2::plonk::circuit_data::VerifierCircuitData;
use plonky2::util::serialization::DefaultGateSerializer;

/// CPU seconds of one proof, with it.
fn prove(circuit: &Circuit, advice: &[F]) -> anyhow::Result<(f64, Proof)> {
    let before = usage::cpu_seconds();
    let mut inputs = PartialWitness::new();
    for (&target, &value) in circuit.advice.iter().zip(advice) {
        inputs.set_target(target, value)?;
    }
    let proof = circuit.data.prove(inputs)?;
    let cpu = usage::cpu_seconds() - before;
    circuit.data.verify(proof.clone())?;
    Ok((cpu, proof))
}

/// What the proof for L1 takes after a batch's own.
fn prove_for_l1(batch: &VerifierCircuitData<F, C, D>, proof: &Proof, out: Option<&Path>) -> anyhow::Result<serde_json::Value> {
    let too_many = |rows| anyhow::anyhow!("{rows} rows");
    let mut times = vec![usage::cpu_seconds()];
    let shrink = recursion::shrink(batch).map_err(too_many)?;
    times.push(usage::cpu_seconds());
    let proof = shrink.prove(proof)?;
    times.push(usage::cpu_seconds());
    let last = recursion::last(&shrink.verifier()).map_err(too_many)?;
    drop(shrink);
    times.push(usage::cpu_seconds());
    let proof = last.prove(&proof)?;
    times.push(usage::cpu_seconds());
    let verifier = last.verifier();
    let bytes = l1::serialise(&proof, &verifier);
    l1::verify(&bytes, &proof.public_inputs, &verifier)?;
    times.push(usage::cpu_seconds());
    if let Some(folder) = out {
        let inputs: Vec<u8> = proof.public_inputs.iter().flat_map(|e| e.to_canonical_u64().to_be_bytes()).collect();
        let data = verifier.to_bytes(&DefaultGateSerializer).expect("gates of the library");
        std::fs::create_dir_all(folder)?;
        for (name, content) in [
            ("proof", &bytes),
            ("public_inputs", &inputs),
            ("l1_verifier", &l1::verifier_bytes(&verifier)),
            ("verifier_data", &data),
        ] {
            std::fs::write(folder.join(name), content)?;
        }
    }
    let (proven, conjectured) = least(&overall(Form::L1));
    Ok(serde_json::json!({
        "setup_cpu_s": times[1] - times[0] + times[3] - times[2],
        "shrink_cpu_s": times[2] - times[1],
        "last_cpu_s": times[4] - times[3],
        "verify_cpu_s": times[5] - times[4],
        "proof_bytes": bytes.len(),
        "peak_mib": usage::peak_mib(),
        "security_bits": {"proven": proven, "conjectured": conjectured},
    }))
}

/// A request of `slots` empty slots over a state never written, with its program.
fn empty(program: &[u8], slots: usize) -> anyhow::Result<(World, Statement, ProveRequest)> {
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
    Ok((world, statement, request))
}

/// CPU seconds of all segments, and of all joins; the batch's proof, and what verifies it.
fn prove_segments(bytes: &[u8], plan: &Plan) -> anyhow::Result<(serde_json::Value, VerifierCircuitData<F, C, D>, Proof)> {
    let sizes = plan.leaves();
    let (world, statement, request) = empty(bytes, sizes.iter().sum())?;
    let advice = rehearse_segments(&world.program, &sizes, &statement, &request)?;
    let (mut circuits, mut verifiers) = (vec![], vec![]);
    for place in 0..plan.shapes.len() {
        let circuit = plan.lower(&world.program, place, |p| &verifiers[p]);
        verifiers.push(circuit.data.verifier_data());
        circuits.push(Some(circuit));
    }
    let circuits = RefCell::new(circuits);
    let load = |place: usize| circuits.borrow_mut()[place].take().ok_or_else(|| anyhow::anyhow!("asked for twice"));
    // One after the other, so that the clock tells them apart.
    let start = usage::cpu_seconds();
    let leaves = Mutex::new(0.0);
    let proof = prove_batch(plan, load, &advice, (1, 4096), |n, _| {
        if n == sizes.len() {
            *leaves.lock().expect("not poisoned") = usage::cpu_seconds();
        }
    });
    let (leaves, end) = (leaves.into_inner()?, usage::cpu_seconds());
    let proof = proof.map_err(|e| match e {
        Failed::Load(e) | Failed::Proof(e) => e,
    })?;
    let figures = serde_json::json!({
        "slots": sizes,
        "segments_cpu_s": leaves - start,
        "join_cpu_s": end - leaves,
        "degree_bits": verifiers.iter().map(|v| v.common.degree_bits()).collect::<Vec<_>>(),
        "peak_mib": usage::peak_mib(),
    });
    let root = verifiers.swap_remove(plan.root());
    root.verify(proof.clone())?;
    Ok((figures, root, proof))
}

fn main() -> anyhow::Result<()> {
    let (mut slots, mut file, mut count, mut join, mut for_l1) = (1usize, None::<PathBuf>, false, false, false);
    let mut out = None::<PathBuf>;
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        let mut value = || given.next().ok_or_else(|| anyhow::anyhow!("{name} wants a value"));
        match name.as_str() {
            "--slots" => slots = value()?.parse()?,
            "--program" => file = Some(value()?.into()),
            "--count" => count = true,
            "--join" => join = true,
            "--l1" => for_l1 = true,
            "--out" => out = Some(value()?.into()),
            _ => {
                anyhow::bail!("unknown argument {name}: expected --slots N, --program FILE, --count, --join, --l1, --out FOLDER")
            }
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
    let plan = Plan::of(&program, slots).map_err(|rows| anyhow::anyhow!("a slot takes {rows} rows"))?;
    let whole = plan == Plan::whole(slots);
    if !count && (join || !whole && for_l1) {
        let plan = if whole { Plan::of_sizes(&[slots, slots]) } else { plan };
        let (figures, root, proof) = prove_segments(&bytes, &plan)?;
        report["joined"] = figures;
        if !whole && for_l1 {
            report["l1"] = prove_for_l1(&root, &proof, out.as_deref())?;
        }
    }
    if !count && whole {
        let (world, statement, request) = empty(&bytes, slots)?;
        let honest = rehearse(&world.program, slots, &statement, &request)?;
        let circuit = lowering::lower(&program, slots, circuit_config());
        let (proven, conjectured) = least(&Parameters::of(&circuit.data.common, program.journal_words(slots)).terms());
        report["degree_bits"] = circuit.data.common.degree_bits().into();
        report["security_bits"] = serde_json::json!({"proven": proven, "conjectured": conjectured});
        let (cpu, proof) = prove(&circuit, &honest)?;
        report["cpu_s_per_slot"] = (cpu / slots as f64).into();
        report["proof_bytes"] = proof.to_bytes().len().into();
        report["peak_mib"] = usage::peak_mib().into();
        if by_hand {
            let (cpu, _) = prove(&handwritten::lower(slots, circuit_config()), &honest)?;
            report["hand_written_cpu_s_per_slot"] = (cpu / slots as f64).into();
        }
        if for_l1 {
            report["l1"] = prove_for_l1(&circuit.data.verifier_data(), &proof, out.as_deref())?;
        }
    }
    println!("{}", serde_json::to_string_pretty(&report)?);
    Ok(())
}
