//! Proofs of false batches that L1 takes, by a fault planted in the layout (`lie/mod.rs`). For scenarios and tests of what then happens
//! on L1, and for nothing else: never deploy such keys; not shipped.
//!
//! - `lie keys PROGRAM SLOTS CACHE`: makes keys with the fault, where the prover with that cache finds them, and prints their id;
//! - `lie prove CACHE TRUTH STATEMENT JOURNAL PROOF`: proves a lie. `TRUTH` is a `ProveRequest` of a batch that could happen,
//!   `STATEMENT` what is claimed instead, `JOURNAL` the bytes that it claims; the message `Proof` is written to `PROOF`. With the
//!   statement and journal of `TRUTH` itself it proves the truth under the same keys.
//!
//! `--native` before all else: the batch's native proof instead of the one for L1.

#[path = "lie/mod.rs"]
mod lie;

use std::fs::{read, write};
use std::path::Path;

use multiprover_stark::keys::{Cache, Form};
use multiprover_stark::pb::prover as pb;
use multiprover_stark::suite::hex;
use multiprover_stark::usage;
use prost::Message;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (form, words) = match &words[..] {
        ["--native", rest @ ..] => (Form::Native, rest),
        all => (Form::L1, all),
    };
    let cache = |folder: &str| Cache { folder: Path::new(folder).to_owned(), form };
    match *words {
        ["keys", program, slots, folder] => println!("{}", hex(&lie::keys(&cache(folder), &read(program)?, slots.parse()?)?)),
        ["prove", folder, truth, statement, journal, proof] => {
            let truth = pb::ProveRequest::decode(&read(truth)?[..])?;
            let statement = pb::Statement::decode(&read(statement)?[..])?;
            write(proof, lie::prove(&cache(folder), &truth, &statement, &read(journal)?)?.encode_to_vec())?;
        }
        _ => anyhow::bail!("expected [--native] keys PROGRAM SLOTS CACHE, or prove CACHE TRUTH STATEMENT JOURNAL PROOF"),
    }
    eprintln!("{:.1} CPU s, peak {:.0} MiB", usage::cpu_seconds(), usage::peak_mib());
    Ok(())
}
