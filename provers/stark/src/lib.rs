//! `stark`: a Plonky3 prover (see README.md).

pub mod batch;
pub mod check;
pub mod config;
pub mod execution;
pub mod pb;
pub mod program;
pub mod refusal;
pub mod suite;
pub mod tables;
pub mod usage;
