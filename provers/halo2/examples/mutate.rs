//! Lies to circuits: one JSON request a line on standard input, one answer a line on standard output. For the soundness tests
//! (docs/soundness.md); not shipped.
//!
//! ```json
//! {"do": "check",  "program": BASE64, "slots": N, "prove": BASE64}
//! {"do": "mutate", "program": BASE64, "slots": N, "prove": BASE64, "mutants": M, "seed": S}
//! ```
//!
//! Nothing is proven: a witness is good when every gate, copy and lookup of the library's own constraint system holds in it.

#[path = "mutate/circuit.rs"]
mod circuit;
#[path = "mutate/reckless.rs"]
mod reckless;

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use halo2_axiom::halo2curves::bn256::Fr;
use halo2_axiom::halo2curves::ff::Field;
use multiprover_halo2::builder::{Lie, Tables};
use multiprover_halo2::execution::execute;
use multiprover_halo2::pb::prover as pb;
use multiprover_halo2::program::Program;
use multiprover_halo2::statement::Statement;
use multiprover_halo2::suite;
use prost::Message;
use serde_json::{Value, json};

use circuit::Circuit;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

/// Another value in place of an honest one, and what kind of lie that is.
fn lie(random: &mut Random, honest: Fr, others: &[Fr]) -> (&'static str, Fr) {
    loop {
        let (kind, value) = match random.below(7) {
            0 => ("zero or one", Fr::from(random.next() & 1)),
            1 => ("one more", honest + Fr::ONE),
            2 => ("one less", honest - Fr::ONE),
            3 => ("negated", -honest),
            4 => ("a power of two more", honest + Fr::from(2).pow([random.next() % 254])),
            5 => ("a value from elsewhere", others[random.below(others.len())]),
            _ => ("random", Fr::from_raw([random.next(), random.next(), random.next(), random.next() >> 3])),
        };
        if value != honest {
            return (kind, value);
        }
    }
}

#[derive(Default)]
struct Report {
    mutants: usize,
    killed: usize,
    kinds: BTreeMap<String, usize>,
    harmless: BTreeMap<String, usize>,
    survived: Vec<Value>,
    examples: Vec<Value>,
}

fn hex(v: &Fr) -> String {
    suite::encode(v).iter().map(|b| format!("{b:02x}")).collect()
}

fn mutate(circuit: &Circuit, prove: &pb::ProveRequest, mutants: usize, seed: u64) -> anyhow::Result<Value> {
    let statement = Statement::decode(prove.statement.as_ref()).map_err(|r| anyhow::anyhow!("{r}"))?;
    let executed = execute(&circuit.program, &statement, prove).map_err(|r| anyhow::anyhow!("{r}"))?;
    let (honest, news) = circuit.walk(&executed.advice, &executed.public, None);
    let public = executed.public.to_vec();
    let broken = circuit.violated(&honest, &public, None);
    anyhow::ensure!(broken.is_empty(), "the honest witness violates {:?}", broken.first());
    let values: Vec<Fr> = honest.advice.iter().flatten().filter(|v| **v != Fr::ZERO).copied().collect();
    let mut random = Random(seed);
    let mut report = Report::default();
    for _ in 0..mutants {
        // Every tenth lie is told while the witness is made, and all that follows is computed from it.
        let (kind, at, before, told, tables) = if random.below(10) == 0 {
            let at = random.below(news);
            let (kind, value) = lie(&mut random, Fr::ZERO, &values);
            let (tables, _) = circuit.walk(&executed.advice, &executed.public, Some(Lie { at, value }));
            (format!("followed: {kind}"), format!("new value {at}"), Fr::ZERO, value, tables)
        } else {
            let cells = &circuit.classes[random.below(circuit.classes.len())];
            let honest_value = honest.advice[cells[0].column as usize][cells[0].row as usize];
            let (kind, value) = lie(&mut random, honest_value, &values);
            let mut tables = honest.clone();
            // One copy alone, now and then: only the copy constraints know.
            let (kind, changed) = match cells.len() > 1 && random.below(10) == 0 {
                true => (format!("one copy: {kind}"), &cells[..1]),
                false => (kind.to_string(), &cells[..]),
            };
            for cell in changed {
                tables.advice[cell.column as usize][cell.row as usize] = value;
            }
            (kind, format!("column {}, row {}", cells[0].column, cells[0].row), honest_value, value, tables)
        };
        judge(circuit, &mut report, &honest, &public, tables, (kind, at, before, told));
    }
    Ok(json!({
        "mutants": report.mutants,
        "killed": report.killed,
        "kinds": report.kinds,
        "survived": report.survived,
        "harmless": report.harmless,
        "examples": report.examples,
        "wires": circuit.classes.len(),
        "constraints": circuit.rows(),
    }))
}

fn judge(
    circuit: &Circuit,
    report: &mut Report,
    honest: &Tables,
    public: &[Fr],
    mut tables: Tables,
    (kind, at, before, told): (String, String, Fr, Fr),
) {
    // A liar states what its witness comes to: post root, c and y are its own to choose.
    let stated = circuit.state(&mut tables, public);
    report.mutants += 1;
    *report.kinds.entry(kind.clone()).or_default() += 1;
    if !circuit.violated(&tables, &stated, Some(honest)).is_empty() {
        report.killed += 1;
        return;
    }
    let changes: Vec<String> =
        (0..public.len()).filter(|&n| stated[n] != public[n]).map(|n| format!("public value {n}")).collect();
    let class = if !changes.is_empty() {
        ""
    } else if tables.advice == honest.advice {
        "no lie: the value is the honest one"
    } else {
        "the public values are the honest ones"
    };
    let entry = json!({
        "kind": kind, "wires": [at], "honest": [hex(&before)], "lie": [hex(&told)], "class": class, "changes": changes,
    });
    if class.is_empty() {
        report.survived.push(entry);
        return;
    }
    let seen = report.harmless.entry(class.into()).or_default();
    *seen += 1;
    if *seen == 1 {
        report.examples.push(entry);
    }
}

fn check(circuit: &Circuit, prove: &pb::ProveRequest) -> anyhow::Result<Value> {
    let statement = Statement::decode(prove.statement.as_ref()).map_err(|r| anyhow::anyhow!("{r}"))?;
    let (refused, advice) = match execute(&circuit.program, &statement, prove) {
        Ok(executed) => (Value::Null, executed.advice),
        Err(r) => (
            json!({"code": format!("{:?}", r.code), "message": r.message}),
            reckless::advice(&circuit.program, statement.slots, prove),
        ),
    };
    let public = statement.public_inputs();
    let (tables, _) = circuit.walk(&advice, &public, None);
    let violated = circuit.violated(&tables, &public.to_vec(), None);
    // What is stated is constrained with the rest: there is no other statement that this witness could be of.
    Ok(json!({
        "refused": refused,
        "violated": violated.len(),
        "first": violated.first().cloned().unwrap_or_default(),
        "statement": true,
        "constraints": circuit.rows(),
    }))
}

fn bytes(request: &Value, name: &str) -> anyhow::Result<Vec<u8>> {
    let text = request[name].as_str().ok_or_else(|| anyhow::anyhow!("{name}: expected base64"))?;
    Ok(STANDARD.decode(text)?)
}

fn number(request: &Value, name: &str) -> anyhow::Result<u64> {
    request[name].as_u64().ok_or_else(|| anyhow::anyhow!("{name}: expected a number"))
}

/// The circuit compiled last, by program and slots: requests about one come together.
type Last = Option<((Vec<u8>, usize), Circuit)>;

fn serve(line: &str, last: &mut Last) -> anyhow::Result<Value> {
    let request: Value = serde_json::from_str(line)?;
    let key = (bytes(&request, "program")?, number(&request, "slots")? as usize);
    let mut prove = pb::ProveRequest::decode(bytes(&request, "prove")?.as_slice())?;
    if let Some(statement) = &mut prove.statement {
        statement.suites.retain(|s| s.suite == suite::NAME);
    }
    if last.as_ref().is_none_or(|(k, _)| *k != key) {
        let program = Program::decode(&key.0).map_err(|r| anyhow::anyhow!("{r}"))?;
        *last = Some((key.clone(), Circuit::new(program, key.1)?));
    }
    let circuit = &last.as_ref().expect("just made").1;
    match request["do"].as_str() {
        Some("check") => check(circuit, &prove),
        Some("mutate") => mutate(circuit, &prove, number(&request, "mutants")? as usize, number(&request, "seed")?),
        other => anyhow::bail!("expected check or mutate, found {other:?}"),
    }
}

fn main() -> anyhow::Result<()> {
    let mut last = None;
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let answer = match catch_unwind(AssertUnwindSafe(|| serve(&line, &mut last))) {
            Ok(answer) => answer.unwrap_or_else(|e| json!({"error": e.to_string()})),
            Err(panic) => {
                let why = panic.downcast_ref::<String>().map_or("panicked", String::as_str);
                json!({"error": why})
            }
        };
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}
