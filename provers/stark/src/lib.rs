//! `stark`: a Plonky3 prover (see README.md).

pub mod batch;
pub mod builder;
pub mod check;
pub mod config;
pub mod execution;
pub mod integers;
pub mod lowering;
pub mod pb;
pub mod program;
pub mod refusal;
pub mod signature;
pub mod suite;
pub mod tables;
pub mod usage;
