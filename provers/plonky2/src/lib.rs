//! The proof type `plonky2`: programs proven over the suite `goldilocks` with Plonky2 (Rust), verified by FRI alone.
//!
//! Bytes of a program come in through [`program`]; [`lowering`] makes a circuit of it, [`execution`] the witness, and neither
//! knows the other but for the order of the advice. [`prover`] is what the four calls do, [`keys`] the cache, [`worker`] the child process that
//! each long call runs in, [`server`] the gRPC side.

#![forbid(unsafe_code)]
#![recursion_limit = "256"]

pub mod builder;
pub mod config;
pub mod evaluators;
pub mod evm;
pub mod execution;
pub mod field;
pub mod gates;
pub mod handwritten;
pub mod integers;
pub mod keys;
pub mod l1;
pub mod lowering;
pub mod pb;
pub mod program;
pub mod prover;
pub mod recursion;
pub mod reference;
pub mod refusal;
pub mod security;
pub mod segments;
pub mod server;
pub mod signature;
pub mod suite;
pub mod usage;
pub mod worker;
