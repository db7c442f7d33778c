//! The one instantiation of plonky2 that this prover uses.

use plonky2::field::goldilocks_field::GoldilocksField;
use plonky2::hash::poseidon::PoseidonHash;
use plonky2::plonk::circuit_builder::CircuitBuilder;
use plonky2::plonk::config::PoseidonGoldilocksConfig;

pub use plonky2::field::types::{Field, Field64, PrimeField64};

/// GF(p), p = 2^64 - 2^32 + 1.
pub type F = GoldilocksField;
/// Degree of the extension that challenges are drawn from.
pub const D: usize = 2;
/// Poseidon commitments and Fiat–Shamir.
pub type C = PoseidonGoldilocksConfig;
/// The hasher of `C`.
pub type H = PoseidonHash;
/// A circuit being built.
pub type Plonk = CircuitBuilder<F, D>;

/// p.
pub const MODULUS: u64 = F::ORDER;

/// A signed integer as a field element; `v` is any value of a program (±2^127).
pub fn element(v: i128) -> F {
    F::from_canonical_u64(v.rem_euclid(i128::from(MODULUS)) as u64)
}
