//! Proofs for L1, without a server:
//!
//! - `l1 solidity`: the source of `contracts/Halo2Shape.sol`;
//! - `l1 shape`: digest and sizes of the constraint system, as JSON;
//! - `l1 verify KEY...`: for each line `N INPUTS PROOF` of standard input, one line: `ok`, or why not. `KEY` is a file with the artefact
//!   `l1_verifier` (docs/prover.md §3) and `N` its place on the command line, from 0; `INPUTS` are the 7 public inputs, 32 bytes each, and
//!   `PROOF` the proof's bytes, both in hexadecimal.

use std::io::{BufRead, Write};

use anyhow::Context;
use halo2_axiom::halo2curves::bn256::Fr;
use halo2_axiom::plonk::{Circuit, ConstraintSystem};
use multiprover_halo2::builder::Tabled;
use multiprover_halo2::evm::{WORD, element};
use multiprover_halo2::l1::Verifier;
use multiprover_halo2::shape::{INPUTS, Shape};
use serde_json::json;

fn shape() -> anyhow::Result<Shape> {
    let mut cs = ConstraintSystem::default();
    Tabled::configure(&mut cs);
    Ok(Shape::of(&cs)?)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let digit = |c: u8| char::from(c).to_digit(16);
    let pairs = hex.as_bytes().chunks(2);
    pairs.map(|p| Some((digit(p[0])? << 4 | digit(*p.get(1)?)?) as u8)).collect()
}

/// Public inputs, if each is 32 bytes and canonical.
fn inputs_of(hex: &str) -> Option<[Fr; INPUTS]> {
    let bytes = bytes_of(hex)?;
    let inputs: Option<Vec<Fr>> = bytes.chunks(WORD).map(|word| element(word.try_into().ok()?)).collect();
    inputs?.try_into().ok()
}

fn verdict(verifiers: &[Verifier], line: &str) -> String {
    let mut words = line.split_ascii_whitespace();
    let mut word = || words.next().unwrap_or("");
    let Some(verifier) = word().parse().ok().and_then(|n: usize| verifiers.get(n)) else { return "no such key".into() };
    let Some(inputs) = inputs_of(word()) else { return "public input".into() };
    let Some(proof) = bytes_of(word()) else { return "no hexadecimal proof".into() };
    verifier.verify(&inputs, &proof).err().map_or("ok".into(), |error| error.to_string())
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, files) = arguments.split_first().context("expected solidity, shape or verify")?;
    let mut out = std::io::stdout().lock();
    match command.as_str() {
        "solidity" => write!(out, "{}", shape()?.solidity())?,
        "shape" => {
            let shape = shape()?;
            let [advice, fixed, permuted] = shape.columns;
            let description = json!({
                "digest": hex(&shape.digest()), "advice": advice, "fixed": fixed, "permuted": permuted, "lookups": shape.lookups,
                "products": shape.products, "pieces": shape.pieces, "points": shape.points(), "scalars": shape.scalars,
                "key_points": shape.key_points(), "proof_bytes": shape.proof_bytes(), "multiplications": shape.multiplications(),
            });
            writeln!(out, "{description}")?;
        }
        "verify" => {
            // A refusal may be a panic of the library's, which is caught.
            std::panic::set_hook(Box::new(|_| {}));
            let verifiers: Vec<Verifier> = (files.iter())
                .map(|file| {
                    Verifier::new::<Tabled>(&std::fs::read(file).with_context(|| file.clone())?).with_context(|| file.clone())
                })
                .collect::<anyhow::Result<_>>()?;
            for line in std::io::stdin().lock().lines() {
                writeln!(out, "{}", verdict(&verifiers, &line?))?;
            }
        }
        other => anyhow::bail!("{other}: expected solidity, shape or verify"),
    }
    Ok(())
}
