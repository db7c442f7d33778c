//! Encodings of the BN254 scalar field: 32 bytes, big-endian, canonical unless reduction is asked for.

use crate::arguments::array;
use crate::error::{Error, Result};
use ark_ff::{BigInteger256, PrimeField};

pub use ark_bn254::Fr;

/// Bytes of a field element.
pub const ELEMENT_BYTES: usize = 32;

/// The four little-endian limbs of 32 big-endian bytes.
pub fn limbs(bytes: &[u8; ELEMENT_BYTES]) -> BigInteger256 {
    let mut limbs = [0u64; 4];
    for (limb, chunk) in limbs.iter_mut().rev().zip(bytes.chunks_exact(8)) {
        *limb = chunk.iter().fold(0, |value, &byte| value << 8 | u64::from(byte));
    }
    BigInteger256::new(limbs)
}

/// The element that `bytes` canonically encode.
pub fn decode(what: &str, bytes: &[u8]) -> Result<Fr> {
    let bytes = array::<ELEMENT_BYTES>(what, bytes)?;
    Fr::from_bigint(limbs(&bytes)).ok_or_else(|| {
        Error::NonCanonical(format!(
            "{what}: expected a BN254 scalar below the field's order, found 0x{}",
            hex(&bytes)
        ))
    })
}

/// `F(bytes)` of the specification: the integer, reduced.
pub fn reduce(what: &str, bytes: &[u8]) -> Result<Fr> {
    Ok(Fr::from_be_bytes_mod_order(&array::<ELEMENT_BYTES>(what, bytes)?))
}

/// The canonical encoding of any prime field element of four limbs.
pub fn encode<F: PrimeField<BigInt = BigInteger256>>(element: &F) -> [u8; ELEMENT_BYTES] {
    let mut bytes = [0u8; ELEMENT_BYTES];
    for (chunk, limb) in bytes.chunks_exact_mut(8).zip(element.into_bigint().0.iter().rev()) {
        chunk.copy_from_slice(&limb.to_be_bytes());
    }
    bytes
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
