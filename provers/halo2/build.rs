//! Generates the code of `proto/` in pure Rust: a build needs no protoc.

use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new("../../proto");
    let files = ["multiprover/program/v1/program.proto", "multiprover/prover/v1/prover.proto"].map(|f| root.join(f));
    for file in &files {
        println!("cargo::rerun-if-changed={}", file.display());
    }
    let descriptors = protox::compile(&files, [root])?;
    tonic_prost_build::configure().build_client(true).btree_map(".").compile_fds(descriptors)?;
    Ok(())
}
