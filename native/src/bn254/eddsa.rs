//! EdDSA on BabyJubJub with Poseidon2, as in `docs/suites.md` §4: no cofactor in the verification equation.

use super::curve::{Point, Scalar, mul_base, mul_public};
use super::field::{ELEMENT_BYTES, Fr, decode, encode, limbs};
use super::poseidon2::{Tag, hash};
use crate::error::{Error, Result};
use ark_ec::CurveGroup;
use ark_ff::{PrimeField, Zero};
use blake2::Blake2bMac512;
use blake2::digest::{KeyInit, Mac};
use zeroize::Zeroize;

/// `A.x ‖ A.y ‖ R.x ‖ R.y ‖ S`.
pub const SIGNATURE_BYTES: usize = 5 * ELEMENT_BYTES;
/// Bytes of secret and of prefix: 512 bits, so that reduction mod `l` has a bias below 2^-260.
pub const SECRET_BYTES: usize = 64;

fn public_key(a: &Point) -> Fr {
    hash(Tag::PublicKey, 0, &[a.x, a.y])
}

fn challenge(r: &Point, public_key: Fr, digest: Fr, nonce: u64) -> Fr {
    hash(Tag::Challenge, 0, &[r.x, r.y, public_key, digest, Fr::from(nonce)])
}

pub struct SigningKey {
    secret: Scalar,
    prefix: [u8; SECRET_BYTES],
    point: Point,
    public_key: Fr,
}

impl Drop for SigningKey {
    fn drop(&mut self) {
        self.secret.zeroize();
        self.prefix.zeroize();
    }
}

impl SigningKey {
    /// `secret` is reduced mod `l` to the scalar; `prefix` keys the derivation of `ρ`.
    pub fn new(secret: &[u8; SECRET_BYTES], prefix: &[u8; SECRET_BYTES]) -> Result<Self> {
        let secret = Scalar::from_be_bytes_mod_order(secret);
        if secret.is_zero() {
            return Err(Error::Value(
                "secret: expected a number that is not 0 modulo l, found one that is".into(),
            ));
        }
        let point = mul_base(&secret).into_affine();
        Ok(SigningKey { secret, prefix: *prefix, point, public_key: public_key(&point) })
    }

    pub fn public_key(&self) -> Fr {
        self.public_key
    }

    /// Deterministic: `ρ = BLAKE2b-512(key = prefix, digest ‖ nonce as 8 bytes, big-endian) mod l`.
    pub fn sign(&self, digest: Fr, nonce: u64) -> [u8; SIGNATURE_BYTES] {
        let mut mac =
            Blake2bMac512::new_from_slice(&self.prefix).expect("BLAKE2b takes keys of up to 64 bytes");
        mac.update(&encode(&digest));
        mac.update(&nonce.to_be_bytes());
        let mut rho = Scalar::from_be_bytes_mod_order(&mac.finalize().into_bytes());
        let r = mul_base(&rho).into_affine();
        let h = challenge(&r, self.public_key, digest, nonce);
        let s = rho + Scalar::from_be_bytes_mod_order(&encode(&h)) * self.secret;
        rho.zeroize();

        let mut signature = [0u8; SIGNATURE_BYTES];
        let parts = [encode(&self.point.x), encode(&self.point.y), encode(&r.x), encode(&r.y), encode(&s)];
        for (place, part) in signature.chunks_exact_mut(ELEMENT_BYTES).zip(&parts) {
            place.copy_from_slice(part);
        }
        signature
    }
}

fn decode_point(name: &str, x: &[u8], y: &[u8]) -> Result<Point> {
    let refuse = |error| match error {
        Error::Value(message) | Error::NonCanonical(message) => Error::Signature(message),
        other => other,
    };
    let point = Point::new_unchecked(
        decode(&format!("{name}.x"), x).map_err(refuse)?,
        decode(&format!("{name}.y"), y).map_err(refuse)?,
    );
    if point.is_on_curve() {
        Ok(point)
    } else {
        Err(Error::Signature(format!("{name}: expected a point of BabyJubJub, found one off the curve")))
    }
}

pub fn verify(key: Fr, digest: Fr, nonce: u64, signature: &[u8]) -> Result<()> {
    if signature.len() != SIGNATURE_BYTES {
        return Err(Error::Signature(format!(
            "signature: expected {SIGNATURE_BYTES} bytes, found {}",
            signature.len()
        )));
    }
    let part = |i: usize| &signature[i * ELEMENT_BYTES..(i + 1) * ELEMENT_BYTES];
    let a = decode_point("A", part(0), part(1))?;
    let r = decode_point("R", part(2), part(3))?;
    let s: [u8; ELEMENT_BYTES] = crate::arguments::array("S", part(4))?;
    let s = Scalar::from_bigint(limbs(&s)).ok_or_else(|| {
        Error::Signature("S: expected a number below the group order l, found a larger one".into())
    })?;
    if public_key(&a) != key {
        return Err(Error::Signature("A: expected the point of the public key, found another".into()));
    }
    let h = challenge(&r, key, digest, nonce);
    if mul_base(&s) != mul_public(&a, &encode(&h)) + r {
        return Err(Error::Signature("equation: expected S·Base8 = R + h·A, found different points".into()));
    }
    Ok(())
}
