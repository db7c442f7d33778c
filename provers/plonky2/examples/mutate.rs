//! Lies to circuits: one JSON request a line on standard input, one answer a line on standard output. For the soundness tests
//! (docs/soundness.md); not shipped.
//!
//! ```json
//! {"do": "check",  "program": BASE64, "slots": N, "prove": BASE64, "lie": {"op": DIVMOD, "added": TO_ITS_QUOTIENT}}
//! {"do": "mutate", "program": BASE64, "slots": N, "prove": BASE64, "mutants": M, "seed": S, "level": LEVEL}
//! {"do": "forge",  "program": BASE64, "slots": N, "prove": BASE64, "lie": BASE64, "unabsorbed": "quotients"}
//! ```
//!
//! `forge`: whether a verifier takes a proof of the false batch `lie` whose transcript does not absorb `public inputs` or `quotients`
//! (`nothing`: the real one).
//!
//! `LEVEL` is `leaf` (if none is given), or a circuit above it: `segment`, `join`, `root` (each of a batch of two slots), `shrink`, `last`.
//!
//! For `check` and `mutate` a witness is a value for every class of connected wires; it is good when every constraint of every row holds.
//! Nothing is proven but what the circuit in question verifies.

#[path = "mutate/mod.rs"]
mod mutate;

use std::io::{BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use multiprover_plonky2::pb::prover as pb;
use multiprover_plonky2::program::Program;
use prost::Message;
use serde_json::{Value, json};

use mutate::{Circuit, Level, weak};

fn bytes(request: &Value, name: &str) -> anyhow::Result<Vec<u8>> {
    let text = request[name].as_str().ok_or_else(|| anyhow::anyhow!("{name}: expected base64"))?;
    Ok(STANDARD.decode(text)?)
}

fn number(request: &Value, name: &str) -> anyhow::Result<u64> {
    request[name].as_u64().ok_or_else(|| anyhow::anyhow!("{name}: expected a number"))
}

/// The circuit compiled last, by program, slots and level: requests about one come together.
type Last = Option<((Vec<u8>, usize, Level), Circuit)>;

fn serve(line: &str, last: &mut Last) -> anyhow::Result<Value> {
    let request: Value = serde_json::from_str(line)?;
    let level = Level::named(request["level"].as_str().unwrap_or("leaf"))?;
    let key = (bytes(&request, "program")?, number(&request, "slots")? as usize, level);
    let prove = pb::ProveRequest::decode(bytes(&request, "prove")?.as_slice())?;
    if request["do"] == "forge" {
        let program = Program::decode(&key.0).map_err(|r| anyhow::anyhow!("{r}"))?;
        let lie = pb::ProveRequest::decode(bytes(&request, "lie")?.as_slice())?;
        return weak::forge(&program, key.1, &prove, &lie, request["unabsorbed"].as_str().unwrap_or_default());
    }
    if last.as_ref().is_none_or(|(k, _)| *k != key) {
        let program = Program::decode(&key.0).map_err(|r| anyhow::anyhow!("{r}"))?;
        *last = None;
        *last = Some((key.clone(), Circuit::new(program, key.1, level)?));
    }
    let circuit = &last.as_ref().expect("just made").1;
    match request["do"].as_str() {
        Some("check") => {
            let lie = request["lie"].as_object().map(|of| (of["op"].as_u64(), of["added"].as_i64()));
            circuit.check(&prove, lie.and_then(|(op, added)| Some((op? as usize, added?.into()))))
        }
        Some("mutate") => circuit.mutate(&prove, number(&request, "mutants")? as usize, number(&request, "seed")?),
        other => anyhow::bail!("expected check, mutate or forge, found {other:?}"),
    }
}

fn main() -> anyhow::Result<()> {
    // The library's generators panic at some lies; that is looked at where they run.
    std::panic::set_hook(Box::new(|_| {}));
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
