//! The L1 form of proofs (provers/stark/L1.md).
//!
//! `l1 solidity` prints contracts/StarkShape.sol.
//!
//! `l1 describe KEY` prints what a key (Prepare's artefact `verifying_key`, a file) fixes, as JSON.
//!
//! `l1 verify KEY...` reads lines `N PUBLICS L1_PROOF`, N the key's place on the command line from 0, the rest in hexadecimal,
//! PUBLICS the 52 public values, 4 bytes each, big-endian; it prints a line for each: `ok`, or a code and why.
//!
//! `l1 fixture SLOTS FOLDER` proves a batch of the reference program (some ten seconds) and writes what tests need.

use std::io::{BufRead, Write};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use multiprover_stark::batch::{self, Parameters, VerifyingKey};
use multiprover_stark::execution::{Statement, execute};
use multiprover_stark::program::Program;
use multiprover_stark::tables::{F, Public};
use multiprover_stark::{l1, lowering, reference};
use p3_field::{PrimeCharacteristicRing, PrimeField32};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut out = std::io::stdout().lock();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["solidity"] => write!(out, "{}", l1::solidity())?,
        ["describe", file] => writeln!(out, "{}", l1::describe(&key(file)?))?,
        ["verify", ref files @ ..] if !files.is_empty() => {
            let keys = files.iter().map(|file| key(file)).collect::<Result<Vec<_>>>()?;
            for line in std::io::stdin().lock().lines() {
                let line = line?;
                let [which, publics, proof] = line.split(' ').collect::<Vec<_>>()[..] else {
                    bail!("a line: N PUBLICS L1_PROOF")
                };
                let key = keys.get(which.parse::<usize>()?).context("there is no such key")?;
                match l1::verify(key, &public(&bytes(publics)?)?, &bytes(proof)?) {
                    Ok(()) => writeln!(out, "ok")?,
                    Err(refusal) => writeln!(out, "{refusal}")?,
                }
            }
        }
        ["fixture", slots, folder] => fixture(slots.parse()?, Path::new(folder))?,
        _ => bail!("usage: l1 solidity | describe KEY | verify KEY... | fixture SLOTS FOLDER"),
    }
    Ok(())
}

fn key(file: &str) -> Result<VerifyingKey> {
    Ok(VerifyingKey::from_bytes(&std::fs::read(file).with_context(|| file.to_owned())?)?)
}

fn bytes(hexadecimal: &str) -> Result<Vec<u8>> {
    ensure!(hexadecimal.len().is_multiple_of(2) && hexadecimal.is_ascii(), "hexadecimal digits come in pairs");
    (0..hexadecimal.len()).step_by(2).map(|i| Ok(u8::from_str_radix(&hexadecimal[i..i + 2], 16)?)).collect()
}

fn public(bytes: &[u8]) -> Result<Public> {
    ensure!(bytes.len() == 4 * Public::LEN, "{} public values, not {} bytes", Public::LEN, bytes.len());
    let words: Vec<u32> = bytes.as_chunks().0.iter().map(|word| u32::from_be_bytes(*word)).collect();
    ensure!(words.iter().all(|word| *word < F::ORDER_U32), "a public value is not below the field's order");
    Ok(Public::from_values(&std::array::from_fn(|i| F::from_u32(words[i]))))
}

fn fixture(slots: usize, folder: &Path) -> Result<()> {
    let program = Program::decode(&reference::program())?;
    let request = reference::trades(&program, slots)?;
    let statement = Statement::decode(request.statement.as_ref())?;
    let advice = execute(&program, &statement, &request)?;
    let (layout, witness) = lowering::lower(&program, slots, Some(&advice))?;
    let (proving, verifying) = batch::keys(&layout, Parameters::L1)?;
    let public = statement.public();
    let proof = batch::encode(&batch::prove(&proving, witness.context("lowering gave no witness")?, &public)?);
    batch::verify(&verifying, &public, &proof)?;
    let l1_proof = l1::encode(&verifying, &public, &proof)?;
    let publics: Vec<u8> = public.to_vec().iter().flat_map(|value| value.as_canonical_u32().to_be_bytes()).collect();
    std::fs::create_dir_all(folder)?;
    for (name, bytes) in [
        ("verifying_key", verifying.to_bytes()),
        ("l1_verifier", l1::artefact(&verifying)),
        ("public_values", publics),
        ("l1_proof", l1_proof),
    ] {
        std::fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}
