//! Lies to the tables: one JSON request a line on standard input, one answer a line on standard output. For the soundness tests
//! (docs/soundness.md); not shipped.
//!
//! ```json
//! {"do": "check",  "program": BASE64, "slots": N, "prove": BASE64}
//! {"do": "mutate", "program": BASE64, "slots": N, "prove": BASE64, "mutants": M, "seed": S}
//! ```
//!
//! Nothing is proven: a witness is good when every constraint of every row holds in it and every bus is balanced.

#[path = "mutate/reckless.rs"]
mod reckless;
#[path = "mutate/rows.rs"]
mod rows;

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use multiprover_stark::check::check;
use multiprover_stark::execution::{Advice, Statement, Value, execute};
use multiprover_stark::lowering::lower;
use multiprover_stark::pb::prover as pb;
use multiprover_stark::program::Program;
use multiprover_stark::suite;
use multiprover_stark::tables::{F, Layout, Public, Table, Witness};
use p3_field::{PrimeCharacteristicRing, PrimeField32};
use prost::Message;
use serde_json::{Value as Json, json};

use rows::{Broken, Honest, Lie, column, pick};

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

    /// Another element than this one.
    fn another(&mut self, honest: F) -> F {
        loop {
            let value = match self.below(7) {
                0 => F::from_u64(self.next() & 1),
                1 => honest + F::ONE,
                2 => honest - F::ONE,
                3 => -honest,
                4 => honest + F::from_u32(1 << self.below(31)),
                5 => honest - F::from_u32(1 << self.below(31)),
                _ => F::from_u64(self.next()),
            };
            if value != honest {
                return value;
            }
        }
    }

    fn spoil(&mut self, digest: &mut [F]) {
        let at = self.below(digest.len());
        digest[at] = self.another(digest[at]);
    }

    fn spoil_value(&mut self, value: &mut Value) {
        match value {
            Value::Key(key) => self.spoil(key),
            Value::Int(v) => {
                *v = match self.below(4) {
                    0 => *v + 1,
                    1 => *v - 1,
                    2 => *v ^ 1 << self.below(64),
                    _ => i128::from(self.next() as i64),
                }
            }
        }
    }
}

/// Changes a part of the state, a record, a sibling or a signature; the words are given. What was changed.
fn misadvise(random: &mut Random, advice: &mut Advice) -> Option<String> {
    let slot = random.below(advice.slots.len());
    let what = random.below(6);
    let (cells, roots) = (advice.cells.len(), advice.map_roots.len());
    let one = &mut advice.slots[slot];
    let (ports, signatures) = (one.openings.len(), one.signatures.len());
    match what {
        0 if cells > 0 => {
            let at = random.below(cells);
            random.spoil_value(&mut advice.cells[at]);
            Some(format!("cell {at}"))
        }
        1 if roots > 0 => {
            let at = random.below(roots);
            random.spoil(&mut advice.map_roots[at]);
            Some(format!("root of map {at}"))
        }
        2 | 3 if ports > 0 => {
            let port = random.below(ports);
            let opening = &mut one.openings[port];
            if what == 2 {
                let field = random.below(opening.fields.len());
                random.spoil_value(&mut opening.fields[field]);
                Some(format!("slot {slot}, port {port}, field {field}"))
            } else {
                let level = random.below(opening.siblings.len());
                random.spoil(&mut opening.siblings[level]);
                Some(format!("slot {slot}, port {port}, sibling {level}"))
            }
        }
        4 | 5 if signatures > 0 => {
            let n = random.below(signatures);
            let signature = &mut one.signatures[n];
            let part = match random.below(4) {
                0 => {
                    random.spoil(&mut signature.randomizer);
                    "randomizer".into()
                }
                1 => {
                    let level = random.below(signature.siblings.len());
                    random.spoil(&mut signature.siblings[level]);
                    format!("sibling {level}")
                }
                _ => {
                    let chain = random.below(signature.chains.len());
                    random.spoil(&mut signature.chains[chain]);
                    format!("chain {chain}")
                }
            };
            Some(format!("slot {slot}, signature {n}, {part}"))
        }
        _ => None,
    }
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

impl Report {
    fn add(&mut self, honest: &Honest, kind: &str, what: Option<String>, mut lie: Lie) {
        self.mutants += 1;
        *self.kinds.entry(kind.into()).or_default() += 1;
        // A liar states what its witness comes to.
        lie.state();
        if lie.has_other_words() || !lie.broken(true).is_empty() {
            self.killed += 1;
            return;
        }
        let (stated, truth) = (lie.public.to_vec(), honest.tables.public.to_vec());
        let changes: Vec<String> =
            (0..Public::LEN).filter(|&n| stated[n] != truth[n]).map(|n| format!("public value {n}")).collect();
        let class = if !changes.is_empty() {
            ""
        } else if lie.changed.iter().all(|(&place, row)| row == honest.row(place)) {
            "no lie: the value is the honest one"
        } else if lie.cells.len() == 1 {
            "cells that no constraint and no message reads for these values (stark)"
        } else {
            "the statement is that of the honest witness"
        };
        let hex = |v: F| format!("{:08x}", v.as_canonical_u32());
        let name = |&((table, row), at): &(rows::Place, usize)| format!("{table} row {row} {}", column(table, at));
        let entry = json!({
            "kind": kind,
            "wires": what.into_iter().chain(lie.cells.iter().map(name)).collect::<Vec<_>>(),
            "honest": lie.cells.iter().map(|&(place, at)| hex(honest.row(place)[at])).collect::<Vec<_>>(),
            "lie": lie.cells.iter().map(|&(place, at)| hex(lie.row(place)[at])).collect::<Vec<_>>(),
            "class": class,
            "changes": changes,
        });
        if class.is_empty() {
            self.survived.push(entry);
            return;
        }
        let seen = self.harmless.entry(class.into()).or_default();
        *seen += 1;
        if *seen == 1 {
            self.examples.push(entry);
        }
    }
}

/// Another value in one cell of a random row.
fn wire<'a>(honest: &'a Honest, random: &mut Random) -> Lie<'a> {
    let tables: Vec<Table> = Table::ALL.into_iter().filter(|&t| t == Table::Range || honest.counts[t as usize] > 0).collect();
    let table = tables[random.below(tables.len())];
    let rows = if table == Table::Range { honest.height(table) } else { honest.counts[table as usize] };
    let place = (table, random.below(rows));
    let at = pick(table, &mut |n| random.below(n));
    let value = random.another(honest.row(place)[at]);
    let mut lie = Lie::new(honest);
    // Half of the lies about a permutation's input are told of another permutation.
    if table == Table::Hash && at < 16 && random.below(2) == 0 {
        lie.set_and_permute(place.1, at, value);
    } else {
        lie.set(place, at, value);
    }
    lie
}

/// The same, then up to twelve others, each solved from a constraint or a message that is broken.
fn chain<'a>(mut lie: Lie<'a>, random: &mut Random) -> Lie<'a> {
    for _ in 0..1 + random.below(12) {
        lie.state();
        let broken: Vec<Broken> = lie.broken(false);
        if broken.is_empty() {
            break;
        }
        let one = broken[random.below(broken.len())].clone();
        if !lie.mend(&one, &mut |n| random.below(n)) {
            break;
        }
    }
    lie
}

fn mutate(program: &Program, prove: &pb::ProveRequest, mutants: usize, seed: u64) -> anyhow::Result<Json> {
    let statement = Statement::decode(prove.statement.as_ref())?;
    let advice = execute(program, &statement, prove)?;
    let witnessed = |advice: &Advice| -> anyhow::Result<(Layout, Witness)> {
        let (layout, witness) = lower(program, statement.slots, Some(advice))?;
        Ok((layout, witness.ok_or_else(|| anyhow::anyhow!("no witness of an advice"))?))
    };
    let (layout, witness) = witnessed(&advice)?;
    let honest = Honest::new(&layout, &witness, &statement.public(), program.input_words * statement.slots)?;
    let mut random = Random(seed);
    let mut report = Report::default();
    for _ in 0..mutants {
        match random.below(20) {
            0 => {
                let mut other = advice.clone();
                // Nothing, where the program has nothing of the kind that was drawn: no lie.
                let what = misadvise(&mut random, &mut other);
                let (layout, witness) = witnessed(&other)?;
                report.add(&honest, "input", what, Lie::of_witness(&honest, &layout, &witness)?);
            }
            1..=9 => {
                let lie = wire(&honest, &mut random);
                let lie = chain(lie, &mut random);
                report.add(&honest, "chain", None, lie);
            }
            _ => {
                let lie = wire(&honest, &mut random);
                report.add(&honest, "wire", None, lie);
            }
        }
    }
    Ok(json!({
        "mutants": report.mutants,
        "killed": report.killed,
        "kinds": report.kinds,
        "survived": report.survived,
        "harmless": report.harmless,
        "examples": report.examples,
        "wires": honest.cells(),
        "constraints": honest.counts.iter().sum::<usize>(),
    }))
}

fn check_batch(program: &Program, prove: &pb::ProveRequest) -> anyhow::Result<Json> {
    let statement = Statement::decode(prove.statement.as_ref())?;
    let (refused, advice) = match execute(program, &statement, prove) {
        Ok(advice) => (Json::Null, advice),
        Err(r) => (json!({"code": format!("{:?}", r.code), "message": r.message}), reckless::advice(program, &statement, prove)),
    };
    let (layout, witness) = lower(program, statement.slots, Some(&advice))?;
    let witness = witness.ok_or_else(|| anyhow::anyhow!("no witness of an advice"))?;
    let violated = check(&layout, &witness, &statement.public()).err();
    // What is stated is constrained with the rest: there is no other statement that this witness could be of.
    Ok(json!({
        "refused": refused,
        "violated": usize::from(violated.is_some()),
        "first": violated.map_or(String::new(), |v| v.to_string()),
        "statement": true,
        "constraints": layout.counts().iter().sum::<usize>(),
    }))
}

fn bytes(request: &Json, name: &str) -> anyhow::Result<Vec<u8>> {
    let text = request[name].as_str().ok_or_else(|| anyhow::anyhow!("{name}: expected base64"))?;
    Ok(STANDARD.decode(text)?)
}

fn number(request: &Json, name: &str) -> anyhow::Result<u64> {
    request[name].as_u64().ok_or_else(|| anyhow::anyhow!("{name}: expected a number"))
}

fn serve(line: &str) -> anyhow::Result<Json> {
    let request: Json = serde_json::from_str(line)?;
    let program = Program::decode(&bytes(&request, "program")?)?;
    let mut prove = pb::ProveRequest::decode(&bytes(&request, "prove")?[..])?;
    let statement = prove.statement.as_mut().ok_or_else(|| anyhow::anyhow!("prove: it has no statement"))?;
    anyhow::ensure!(u64::from(statement.slots) == number(&request, "slots")?, "slots: not the statement's");
    statement.suites.retain(|s| s.suite == suite::NAME);
    match request["do"].as_str() {
        Some("check") => check_batch(&program, &prove),
        Some("mutate") => mutate(&program, &prove, number(&request, "mutants")? as usize, number(&request, "seed")?),
        other => anyhow::bail!("expected check or mutate, found {other:?}"),
    }
}

fn main() -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let answer = match catch_unwind(AssertUnwindSafe(|| serve(&line?))) {
            Ok(answer) => answer.unwrap_or_else(|e| json!({"error": e.to_string()})),
            Err(panic) => json!({"error": panic.downcast_ref::<String>().map_or("panicked", String::as_str)}),
        };
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}
