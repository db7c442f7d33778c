//! `stark`: a Plonky3 prover (see README.md).

pub mod tables;
