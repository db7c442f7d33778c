//! The proof type `halo2`: programs proven over the suite `bn254` with PLONKish circuits and KZG on BN254 (halo2-axiom).
//!
//! [`program`] decodes and checks a program, [`execution`] computes a batch and with it the circuit's advice, [`lowering`] makes
//! the circuit; neither of the latter two knows the other but for the types of the advice. [`prover`] is what the four calls do,
//! [`setup`] the parameters, [`keys`] the cache, [`worker`] the child process that each long call runs in, [`server`] the gRPC
//! side. [`evm`] and [`l1`] are the proof's bytes and what a contract makes of them.

#![forbid(unsafe_code)]

pub mod builder;
pub mod config;
pub mod edwards;
pub mod evm;
pub mod execution;
pub mod handwritten;
pub mod integers;
pub mod keys;
pub mod l1;
pub mod lowering;
pub mod pb;
pub mod poseidon;
pub mod program;
pub mod prover;
pub mod reference;
pub mod refusal;
pub mod security;
pub mod server;
pub mod setup;
pub mod shape;
pub mod signature;
pub mod statement;
pub mod suite;
pub mod usage;
pub mod worker;
