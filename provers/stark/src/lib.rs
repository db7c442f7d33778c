//! `stark`: a Plonky3 prover (see README.md).

pub mod batch;
pub mod builder;
pub mod check;
pub mod config;
pub mod execution;
pub mod handwritten;
pub mod integers;
pub mod keys;
pub mod l1;
pub mod lowering;
pub mod pb;
pub mod program;
pub mod prover;
pub mod reference;
pub mod refusal;
pub mod security;
pub mod server;
pub mod signature;
pub mod suite;
pub mod symbolic;
pub mod tables;
pub mod usage;
pub mod worker;
