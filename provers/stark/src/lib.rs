//! `stark`: a Plonky3 prover (see README.md).

pub mod execution;
pub mod batch;
pub mod builder;
pub mod check;
pub mod config;
pub mod handwritten;
pub mod integers;
pub mod lowering;
pub mod pb;
pub mod program;
pub mod refusal;
pub mod security;
pub mod signature;
pub mod suite;
pub mod symbolic;
pub mod tables;
pub mod usage;
pub mod keys;
pub mod reference;
