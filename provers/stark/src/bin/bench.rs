//! `bench [--slots N] [--program FILE] [--count] [--l1]`: what a batch costs, as JSON.
//!
//! Without `--program`, trades of the reference slot (`reference`): compiled, and the same statement written by hand, both
//! proven in one run, one after the other. With it, empty slots of a canonical program. `--count` proves nothing. `--l1` proves with L1's parameters.

use std::path::PathBuf;
use std::time::Instant;

use multiprover_stark::batch;
use multiprover_stark::execution::{Advice, Statement, execute};
use multiprover_stark::keys::Form;
use multiprover_stark::program::Program;
use multiprover_stark::security::{self, least};
use multiprover_stark::tables::{Layout, Public, Witness};
use multiprover_stark::{handwritten, l1, lowering, reference, usage};
use serde_json::{Value, json};

/// CPU and wall seconds since the last lap.
struct Clock {
    cpu: f64,
    wall: Instant,
}

impl Clock {
    fn start() -> Self {
        Clock { cpu: usage::cpu_seconds(), wall: Instant::now() }
    }

    fn lap(&mut self) -> (f64, f64) {
        let last = std::mem::replace(self, Clock::start());
        (self.cpu - last.cpu, (self.wall - last.wall).as_secs_f64())
    }
}

/// Rows of each table, before they are filled up.
fn rows(layout: &Layout) -> Vec<(&'static str, usize)> {
    let Layout { hash, alu, mul, logic, block, sign, values } = layout;
    vec![
        ("hash", hash.len()),
        ("alu", alu.len()),
        ("mul", mul.len()),
        ("logic", logic.len()),
        ("block", block.len()),
        ("sign", sign.len()),
        ("values", values.len()),
    ]
}

fn sum(layout: &Layout) -> usize {
    rows(layout).iter().map(|(_, n)| n).sum()
}

/// One way from a batch to rows.
type Lower<'a> = &'a dyn Fn(usize, Option<&Advice>) -> anyhow::Result<(Layout, Option<Witness>)>;

/// Proves a batch, with all that comes before; figures, and CPU seconds from its witness to its proof.
fn prove(lower: Lower, slots: usize, form: Form, advice: &Advice, public: &Public) -> anyhow::Result<(Value, f64)> {
    usage::forget_peak();
    let mut clock = Clock::start();
    let (layout, _) = lower(slots, None)?;
    let (key, verifying) = batch::keys(&layout, form.parameters())?;
    drop(layout);
    let (keygen, _) = clock.lap();
    let (_, witness) = lower(slots, Some(advice))?;
    let witness = witness.ok_or_else(|| anyhow::anyhow!("no witness of an advice"))?;
    let (witnessed, witnessed_s) = clock.lap();
    let proof = batch::encode(&batch::prove(&key, witness, public)?);
    let (proving, proving_s) = clock.lap();
    let peak = usage::peak_mib();
    drop(key);
    clock.lap();
    batch::verify(&verifying, public, &proof)?;
    let (_, verify_s) = clock.lap();
    let (proven, conjectured) = least(&security::terms(&verifying));
    let mut figures = json!({
        "keygen_cpu_s": keygen,
        "witness_cpu_s": witnessed,
        "prove_cpu_s": proving,
        "prove_s": witnessed_s + proving_s,
        "verify_s": verify_s,
        "peak_mib": peak,
        "proof_bytes": proof.len(),
        "security_bits": {"proven": proven, "conjectured": conjectured},
    });
    if form == Form::L1 {
        figures["l1_proof_bytes"] = l1::encode(&verifying, public, &proof)?.len().into();
    }
    Ok((figures, witnessed + proving))
}

fn main() -> anyhow::Result<()> {
    let (mut slots, mut file, mut count, mut form) = (1_usize, None::<PathBuf>, false, Form::Native);
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        let mut value = || given.next().ok_or_else(|| anyhow::anyhow!("{name} wants a value"));
        match name.as_str() {
            "--slots" => slots = value()?.parse()?,
            "--program" => file = Some(value()?.into()),
            "--count" => count = true,
            "--l1" => form = Form::L1,
            _ => anyhow::bail!("unknown argument {name}: expected --slots N, --program FILE, --count, --l1"),
        }
    }
    anyhow::ensure!(slots > 0, "a batch has at least one slot");
    let is_reference = file.is_none();
    let bytes = file.map_or_else(|| Ok(reference::program()), std::fs::read)?;
    let program = Program::decode(&bytes)?;
    let compiled = |slots, advice: Option<&Advice>| Ok(lowering::lower(&program, slots, advice)?);
    let by_hand = |slots, advice: Option<&Advice>| Ok(handwritten::lower(slots, advice));
    let layout = |lower: Lower, slots| lower(slots, None).map(|(layout, _)| layout);

    // ROWS
    let whole = layout(&compiled, slots)?;
    let mut report = json!({
        "slots": slots,
        "rows_or_constraints": sum(&whole),
        "rows_a_slot": sum(&layout(&compiled, slots + 1)?) - sum(&whole),
        "tables": rows(&whole).into_iter().collect::<Value>(),
    });
    drop(whole);
    if is_reference {
        let hand = layout(&by_hand, slots)?;
        report["hand_written_rows_or_constraints"] = sum(&hand).into();
        report["hand_written_tables"] = rows(&hand).into_iter().collect();
        report["ratio"] = (report["rows_or_constraints"].as_f64().expect("a number") / sum(&hand) as f64).into();
    }
    if count {
        println!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(());
    }

    // PROOFS
    let request = if is_reference { reference::trades(&program, slots)? } else { reference::noops(&program, slots)? };
    let statement = Statement::decode(request.statement.as_ref())?;
    let mut clock = Clock::start();
    let advice = execute(&program, &statement, &request)?;
    let (executing, _) = clock.lap();
    report["execute_cpu_s"] = executing.into();
    let (figures, cpu) = prove(&compiled, slots, form, &advice, &statement.public())?;
    let Value::Object(figures) = figures else { unreachable!("an object") };
    report.as_object_mut().expect("an object").extend(figures);
    report["cpu_s_per_slot"] = ((executing + cpu) / slots as f64).into();
    if is_reference {
        let (figures, cpu) = prove(&by_hand, slots, form, &advice, &statement.public())?;
        report["hand_written_cpu_s_per_slot"] = ((executing + cpu) / slots as f64).into();
        report["hand_written"] = figures;
    }
    println!("{}", serde_json::to_string_pretty(&report)?);
    Ok(())
}
