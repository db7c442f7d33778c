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
use multiprover_halo2::builder::{Cell, Lie, Tables};
use multiprover_halo2::config::LOOKUP;
use multiprover_halo2::execution::{Advice, Executed, Value, execute};
use multiprover_halo2::pb::prover as pb;
use multiprover_halo2::program::Program;
use multiprover_halo2::statement::Statement;
use multiprover_halo2::suite;
use prost::Message;
use serde_json::{Value as Json, json};

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

/// Another value in place of an honest one.
fn lie(random: &mut Random, honest: Fr, others: &[Fr]) -> Fr {
    loop {
        let value = match random.below(7) {
            0 => Fr::from(random.next() & 1),
            1 => honest + Fr::ONE,
            2 => honest - Fr::ONE,
            3 => -honest,
            4 => honest + Fr::from(2).pow([random.next() % 254]),
            5 => others[random.below(others.len())],
            _ => Fr::from_raw([random.next(), random.next(), random.next(), random.next() >> 3]),
        };
        if value != honest {
            return value;
        }
    }
}

/// Changes a part of a record, a sibling, a signature, a cell of the state or a map's root; the words are given. What was changed.
fn misadvise(random: &mut Random, advice: &mut Advice, others: &[Fr]) -> String {
    let mut places: Vec<(String, Place)> = vec![];
    places.extend(advice.cells.iter_mut().enumerate().map(|(i, v)| (format!("cell {i}"), Place::Value(v))));
    places.extend(advice.map_roots.iter_mut().enumerate().map(|(i, v)| (format!("root of map {i}"), Place::Element(v))));
    for (n, slot) in advice.slots.iter_mut().enumerate() {
        for (p, access) in slot.accesses.iter_mut().enumerate() {
            let at = format!("slot {n}, port {p}");
            places.extend(access.fields.iter_mut().enumerate().map(|(i, v)| (format!("{at}, field {i}"), Place::Value(v))));
            places.extend(access.siblings.iter_mut().enumerate().map(|(i, v)| (format!("{at}, sibling {i}"), Place::Element(v))));
        }
        for (i, s) in slot.signatures.iter_mut().enumerate() {
            let at = format!("slot {n}, signature {i}");
            for v in [&mut s.a.x, &mut s.a.y, &mut s.r.x, &mut s.r.y, &mut s.s] {
                places.push((at.clone(), Place::Element(v)));
            }
        }
    }
    if places.is_empty() {
        return String::new();
    }
    let (name, place) = places.swap_remove(random.below(places.len()));
    match place {
        Place::Element(v) | Place::Value(Value::Key(v)) => *v = lie(random, *v, others),
        Place::Value(Value::Integer(v)) => {
            *v = match random.below(4) {
                0 => *v + 1,
                1 => *v - 1,
                2 => *v ^ 1 << random.below(64),
                _ => i128::from(random.next() as i64),
            }
        }
        Place::Value(Value::None) => {}
    }
    name
}

/// What may be changed of the advice.
enum Place<'a> {
    Element(&'a mut Fr),
    Value(&'a mut Value),
}

#[derive(Default)]
struct Report {
    mutants: usize,
    killed: usize,
    kinds: BTreeMap<String, usize>,
    harmless: BTreeMap<String, usize>,
    survived: Vec<Json>,
    examples: Vec<Json>,
}

fn hex(v: &Fr) -> String {
    suite::encode(v).iter().map(|b| format!("{b:02x}")).collect()
}

fn mutate(circuit: &Circuit, prove: &pb::ProveRequest, mutants: usize, seed: u64) -> anyhow::Result<Json> {
    let statement = Statement::decode(prove.statement.as_ref()).map_err(|r| anyhow::anyhow!("{r}"))?;
    let executed = execute(&circuit.program, &statement, prove).map_err(|r| anyhow::anyhow!("{r}"))?;
    let (honest, news) = circuit.walk(&executed.advice, &executed.public, None);
    let public = executed.public.to_vec();
    let broken = circuit.violated(&honest, &public, None);
    anyhow::ensure!(broken.is_empty(), "the honest witness violates {:?}", broken.first());
    let values: Vec<Fr> = honest.advice.iter().flatten().filter(|v| **v != Fr::ZERO).copied().collect();
    let given = word_cells(circuit, &executed);
    let mut random = Random(seed);
    let mut report = Report::default();
    for _ in 0..mutants {
        let (kind, at, before, told, tables) = match random.below(10) {
            // Told while the witness is made; all that follows is computed from it.
            0 => {
                let at = random.below(news);
                let value = lie(&mut random, Fr::ZERO, &values);
                let (tables, _) = circuit.walk(&executed.advice, &executed.public, Some(Lie { at, value }));
                ("advice", format!("new value {at}"), Fr::ZERO, value, tables)
            }
            1 => {
                let mut advice = executed.advice.clone();
                let at = misadvise(&mut random, &mut advice, &values);
                ("input", at, Fr::ZERO, Fr::ZERO, circuit.walk(&advice, &executed.public, None).0)
            }
            choice => {
                let class = random.below(circuit.classes.len());
                let cells = &circuit.classes[class];
                let honest_value = honest.advice[cells[0].column as usize][cells[0].row as usize];
                let value = lie(&mut random, honest_value, &values);
                let mut tables = honest.clone();
                let mut at = format!("column {}, row {}", cells[0].column, cells[0].row);
                let kind = match choice {
                    // Only the copy constraints know.
                    2 if cells.len() > 1 => {
                        tables.advice[cells[0].column as usize][cells[0].row as usize] = value;
                        "copy"
                    }
                    // Up to three others, each solved from a constraint that the one before broke.
                    3..=6 => {
                        circuit.set(&mut tables, class, value);
                        let mut changed = vec![class];
                        for _ in 0..1 + random.below(3) {
                            let last = changed[changed.len() - 1];
                            let small = Fr::from(random.next() & ((1 << circuit.limb()) - 1));
                            let mended = circuit.mend(&mut tables, &public, last, &changed, small, &mut |n| random.below(n));
                            let Some(other) = mended else { break };
                            changed.push(other);
                            let cell = circuit.classes[other][0];
                            at += &format!(", column {}, row {}", cell.column, cell.row);
                        }
                        "chain"
                    }
                    _ => {
                        circuit.set(&mut tables, class, value);
                        "wire"
                    }
                };
                (kind, at, honest_value, value, tables)
            }
        };
        judge(circuit, &mut report, (&honest, &given), &public, tables, (kind.into(), at, before, told));
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

/// Where the input words stand. They are given: with others it is another batch, which may well be true.
fn word_cells(circuit: &Circuit, executed: &Executed) -> Vec<Cell> {
    let mut advice = executed.advice.clone();
    let mut word = 1_u32;
    for w in advice.slots.iter_mut().flat_map(|s| &mut s.words) {
        // All different (Numerical Recipes' generator).
        word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *w = word;
    }
    let (tables, _) = circuit.walk(&advice, &executed.public, None);
    let column = &tables.advice[LOOKUP];
    // A slot's words come before all that is made of them, and the column is filled from its end.
    let cell = |w: &u32| {
        let row = column.iter().rposition(|v| *v == Fr::from(u64::from(*w))).expect("a word is range-checked");
        Cell { column: LOOKUP as u8, row: row as u32 }
    };
    advice.slots.iter().flat_map(|s| &s.words).map(cell).collect()
}

fn judge(
    circuit: &Circuit,
    report: &mut Report,
    (honest, given): (&Tables, &[Cell]),
    public: &[Fr],
    mut tables: Tables,
    (kind, at, before, told): (String, String, Fr, Fr),
) {
    // A liar states what its witness comes to: post root, c and y are its own to choose.
    let stated = circuit.state(&mut tables, public);
    report.mutants += 1;
    *report.kinds.entry(kind.clone()).or_default() += 1;
    let held = |tables: &Tables, cell: &Cell| tables.advice[cell.column as usize][cell.row as usize];
    let other_words = given.iter().any(|cell| held(&tables, cell) != held(honest, cell));
    if other_words || !circuit.violated(&tables, &stated, Some(honest)).is_empty() {
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

fn check(circuit: &Circuit, prove: &pb::ProveRequest) -> anyhow::Result<Json> {
    let statement = Statement::decode(prove.statement.as_ref()).map_err(|r| anyhow::anyhow!("{r}"))?;
    let (refused, advice) = match execute(&circuit.program, &statement, prove) {
        Ok(executed) => (Json::Null, executed.advice),
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

fn bytes(request: &Json, name: &str) -> anyhow::Result<Vec<u8>> {
    let text = request[name].as_str().ok_or_else(|| anyhow::anyhow!("{name}: expected base64"))?;
    Ok(STANDARD.decode(text)?)
}

fn number(request: &Json, name: &str) -> anyhow::Result<u64> {
    request[name].as_u64().ok_or_else(|| anyhow::anyhow!("{name}: expected a number"))
}

/// The circuit compiled last, by program and slots: requests about one come together.
type Last = Option<((Vec<u8>, usize), Circuit)>;

fn serve(line: &str, last: &mut Last) -> anyhow::Result<Json> {
    let request: Json = serde_json::from_str(line)?;
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
