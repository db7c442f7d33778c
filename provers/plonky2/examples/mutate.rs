//! Lies to circuits: one JSON request a line on standard input, one answer a line on standard output. For the soundness tests
//! (docs/soundness.md); not shipped.
//!
//! ```json
//! {"do": "check",  "program": BASE64, "slots": N, "prove": BASE64, "lie": {"op": DIVMOD, "added": TO_ITS_QUOTIENT}}
//! {"do": "mutate", "program": BASE64, "slots": N, "prove": BASE64, "mutants": M, "seed": S}
//! ```
//!
//! A witness here is a value for every class of connected wires; it is good when every constraint of every row holds. Nothing is proven.

#[path = "mutate/mod.rs"]
mod mutate;

use std::io::{BufRead, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use multiprover_plonky2::pb::prover as pb;
use multiprover_plonky2::program::Program;
use prost::Message;
use serde_json::{Value, json};

use mutate::Circuit;

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
    let prove = pb::ProveRequest::decode(bytes(&request, "prove")?.as_slice())?;
    if last.as_ref().is_none_or(|(k, _)| *k != key) {
        let program = Program::decode(&key.0).map_err(|r| anyhow::anyhow!("{r}"))?;
        *last = Some((key.clone(), Circuit::new(program, key.1)));
    }
    let circuit = &last.as_ref().expect("just made").1;
    match request["do"].as_str() {
        Some("check") => {
            let lie = request["lie"].as_object().map(|of| (of["op"].as_u64(), of["added"].as_i64()));
            circuit.check(&prove, lie.and_then(|(op, added)| Some((op? as usize, added?.into()))))
        }
        Some("mutate") => circuit.mutate(&prove, number(&request, "mutants")? as usize, number(&request, "seed")?),
        other => anyhow::bail!("expected check or mutate, found {other:?}"),
    }
}

fn main() -> anyhow::Result<()> {
    let mut last = None;
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let answer = serve(&line?, &mut last).unwrap_or_else(|e| json!({"error": e.to_string()}));
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}
