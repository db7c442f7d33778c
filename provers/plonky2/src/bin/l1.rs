//! Proofs for L1, without a server (L1.md):
//!
//! - `l1 describe VERIFIER`: the circuit as JSON;
//! - `l1 trace VERIFIER`: for a line `INPUTS PROOF` of standard input, everything that a verifier computes on the way, as JSON;
//! - `l1 verify VERIFIER...`: for each line `N INPUTS PROOF`, one line: `ok`, or `CODE message`. `N` is the place of the verifier data on the command line, from 0.
//!
//! `VERIFIER` is the artefact `verifier_data` (docs/prover.md §3); `INPUTS` the 25 public inputs, 8 bytes each, and `PROOF` the proof's bytes, both in hexadecimal.

use std::io::{BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::Context;
use multiprover_plonky2::field::{F, Field, MODULUS, PrimeField64};
use multiprover_plonky2::l1::{self, Opened, Verifier};
use multiprover_plonky2::suite::hex;
use plonky2::field::extension::quadratic::QuadraticExtension;
use plonky2::hash::hash_types::HashOut;
use plonky2::plonk::vars::EvaluationVars;
use plonky2::util::serialization::DefaultGateSerializer;
use serde_json::{Value, json};

fn verifier(path: &str) -> anyhow::Result<Verifier> {
    let bytes = std::fs::read(path).with_context(|| path.to_string())?;
    Verifier::from_bytes(bytes, &DefaultGateSerializer).map_err(|_| anyhow::anyhow!("{path} is no verifier data"))
}

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let digit = |c: u8| char::from(c).to_digit(16);
    let pairs = hex.as_bytes().chunks(2);
    pairs.map(|p| Some((digit(p[0])? << 4 | digit(*p.get(1)?)?) as u8)).collect()
}

/// Public inputs, if each is eight bytes and canonical.
fn inputs_of(hex: &str) -> Option<Vec<F>> {
    let bytes = bytes_of(hex)?;
    let element = |b: &[u8]| Some(u64::from_be_bytes(b.try_into().ok()?)).filter(|&v| v < MODULUS).map(F::from_canonical_u64);
    bytes.chunks(8).map(element).collect()
}

fn verdict(verifiers: &[Verifier], line: &str) -> String {
    let mut words = line.split_ascii_whitespace();
    let mut word = || words.next().unwrap_or("");
    let Some(verifier) = word().parse().ok().and_then(|n: usize| verifiers.get(n)) else {
        return "LINE no such verifier data".into();
    };
    let Some(inputs) = inputs_of(word()) else { return "NON_CANONICAL public inputs".into() };
    let Some(proof) = bytes_of(word()) else { return "LINE no hexadecimal proof".into() };
    match catch_unwind(AssertUnwindSafe(|| l1::verify(&proof, &inputs, verifier))) {
        Ok(Ok(())) => "ok".into(),
        Ok(Err(refusal)) => format!("{} {}", refusal.code.as_str_name(), refusal.message),
        Err(_) => "PANIC".into(),
    }
}

fn number(e: F) -> Value {
    e.to_canonical_u64().into()
}

fn numbers(e: &[F]) -> Value {
    e.iter().map(|&e| number(e)).collect()
}

fn extensions(e: &[QuadraticExtension<F>]) -> Value {
    e.iter().map(|e| numbers(&e.0)).collect()
}

fn digest(d: &HashOut<F>) -> String {
    hex(&d.elements.iter().flat_map(|e| e.to_canonical_u64().to_be_bytes()).collect::<Vec<_>>())
}

fn describe(v: &Verifier) -> anyhow::Result<Value> {
    let c = &v.common;
    let selectors = serde_json::to_value(&c.selectors_info)?;
    let gates: Vec<Value> = (c.gates.iter().enumerate())
        .map(|(row, gate)| {
            let selector = &selectors["selector_indices"][row];
            let group = &selectors["groups"][selector.as_u64().unwrap_or(0) as usize];
            json!({
                "id": gate.0.id(), "row": row, "selector": selector, "group": [group["start"], group["end"]],
                "constraints": gate.0.num_constraints(), "degree": gate.0.degree(), "wires": gate.0.num_wires(), "constants": gate.0.num_constants(),
            })
        })
        .collect();
    let p = &c.fri_params;
    Ok(json!({
        "gates": gates,
        "selectors": selectors["groups"].as_array().map_or(0, Vec::len),
        "constants": c.num_constants, "routed": c.config.num_routed_wires, "wires": c.config.num_wires,
        "challenges": c.config.num_challenges, "partials": c.num_partial_products, "quotient_factor": c.quotient_degree_factor,
        "gate_constraints": c.num_gate_constraints, "k_is": numbers(&c.k_is), "public_inputs": c.num_public_inputs,
        "degree_bits": c.degree_bits(), "rate_bits": p.config.rate_bits, "cap_height": p.config.cap_height,
        "pow_bits": p.config.proof_of_work_bits, "queries": p.config.num_query_rounds, "arities": p.reduction_arity_bits,
        "final_poly": p.final_poly_len(), "oracles": l1::oracles(c), "coset_shift": number(F::coset_shift()),
        "proof_bytes": l1::proof_bytes(c), "shape": hex(&l1::shape(c)),
        "circuit_digest": digest(&v.verifier_only.circuit_digest),
        "constants_sigmas_cap": v.verifier_only.constants_sigmas_cap.0.iter().map(digest).collect::<Vec<_>>(),
        "l1_verifier": hex(&l1::verifier_bytes(v)),
    }))
}

fn trace(v: &Verifier, inputs: &[F], proof: &[u8]) -> anyhow::Result<Value> {
    let parsed = l1::parse(proof, inputs, v)?;
    let (c, challenges, hash) = (&v.common, l1::challenges(&parsed, v), parsed.get_public_inputs_hash());
    let o = &parsed.proof.openings;
    let vars = || EvaluationVars { local_constants: &o.constants, local_wires: &o.wires, public_inputs_hash: &hash };
    let mut gates = serde_json::Map::new();
    let mut constraints = vec![QuadraticExtension::ZERO; c.num_gate_constraints];
    let selectors = serde_json::to_value(&c.selectors_info)?;
    let place = |v: &Value| v.as_u64().expect("a place") as usize;
    for (row, gate) in c.gates.iter().enumerate() {
        let mut unfiltered = vars();
        unfiltered.remove_prefix(c.selectors_info.num_selectors());
        gates.insert(gate.0.id(), extensions(&gate.0.eval_unfiltered(unfiltered)));
        let selector = place(&selectors["selector_indices"][row]);
        let group = &selectors["groups"][selector];
        let group = place(&group["start"])..place(&group["end"]);
        let filtered = gate.0.eval_filtered(vars(), row, selector, group, c.selectors_info.num_selectors(), 0);
        constraints.iter_mut().zip(filtered).for_each(|(sum, value)| *sum += value);
    }
    // What the vanishing polynomials must be if the proof is right.
    let power = challenges.plonk_zeta.exp_power_of_2(c.degree_bits());
    let vanishing: Vec<QuadraticExtension<F>> = (o.quotient_polys.chunks(c.quotient_degree_factor))
        .map(|chunks| {
            (power - QuadraticExtension::ONE) * chunks.iter().rev().fold(QuadraticExtension::ZERO, |sum, &t| sum * power + t)
        })
        .collect();
    let fri = &challenges.fri_challenges;
    let opened = Opened::new(o, &challenges, c);
    let queries: Vec<Value> = (parsed.proof.opening_proof.query_round_proofs.iter().zip(&fri.fri_query_indices))
        .map(|(query, &index)| {
            json!({
                "index": index, "x": number(opened.point(index)), "evals": extensions(&query.steps[0].evals),
                "value": opened.value(&query.initial_trees_proof, index).map_or(Value::Null, |v| numbers(&v.0)),
            })
        })
        .collect();
    Ok(json!({
        "public_inputs_hash": numbers(&hash.elements),
        "betas": numbers(&challenges.plonk_betas), "gammas": numbers(&challenges.plonk_gammas), "alphas": numbers(&challenges.plonk_alphas),
        "zeta": numbers(&challenges.plonk_zeta.0), "fri_alpha": numbers(&fri.fri_alpha.0), "fri_betas": extensions(&fri.fri_betas),
        "pow_response": number(fri.fri_pow_response), "query_indices": fri.fri_query_indices,
        "gates": gates, "constraints": extensions(&constraints), "vanishing": extensions(&vanishing),
        "queries": queries,
    }))
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let input = std::io::stdin().lock();
    match words[..] {
        ["describe", path] => println!("{}", serde_json::to_string_pretty(&describe(&verifier(path)?)?)?),
        ["trace", path] => {
            let line = input.lines().next().context("expected a line on standard input")??;
            let (inputs, proof) = line.split_once(' ').context("expected INPUTS PROOF")?;
            let inputs = inputs_of(inputs).context("public inputs")?;
            println!("{}", trace(&verifier(path)?, &inputs, &bytes_of(proof.trim()).context("proof")?)?);
        }
        ["verify", ref paths @ ..] if !paths.is_empty() => {
            let verifiers = paths.iter().map(|path| verifier(path)).collect::<anyhow::Result<Vec<_>>>()?;
            std::panic::set_hook(Box::new(|_| {}));
            let mut out = std::io::stdout().lock();
            for line in input.lines() {
                writeln!(out, "{}", verdict(&verifiers, &line?))?;
                out.flush()?;
            }
        }
        _ => anyhow::bail!("expected describe VERIFIER, trace VERIFIER, or verify VERIFIER..."),
    }
    Ok(())
}
