//! The tables, by a small batch written out by hand: it is proven, and every lie about it is refused.

#[path = "support/sheet.rs"]
mod sheet;

use multiprover_stark::batch::{self, Parameters};
use multiprover_stark::check::{Tables, audit, check};
use sheet::sheet;

#[test]
fn the_truth_holds() {
    let s = sheet();
    audit(&s.layout).unwrap();
    check(&s.layout, &s.witness, &s.public).unwrap();
}

#[test]
fn the_truth_is_proven() {
    let s = sheet();
    let (key, verifying) = batch::keys(&s.layout, Parameters::Batch).unwrap();
    let proof = batch::encode(&batch::prove(&key, s.witness.clone(), &s.public).unwrap());
    println!("{} bytes", proof.len());
    batch::verify(&verifying, &s.public, &proof).unwrap();
    let _ = Tables::new;
}
