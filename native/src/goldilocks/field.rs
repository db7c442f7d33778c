//! The field of `p = 2^64 - 2^32 + 1`: arithmetic, and digests of four elements in 32 bytes.

use crate::arguments::array;
use crate::error::{Error, Result};
use zeroize::DefaultIsZeroes;

pub const MODULUS: u64 = 0xffff_ffff_0000_0001;
/// `2^64 mod p`: what a carry out of 64 bits is worth.
pub const CARRY: u64 = 0xffff_ffff;

pub const ELEMENT_BYTES: usize = 8;
pub const DIGEST_ELEMENTS: usize = 4;
pub const DIGEST_BYTES: usize = DIGEST_ELEMENTS * ELEMENT_BYTES;

/// A field element by its one number below `p`.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Element(u64);

impl DefaultIsZeroes for Element {}

pub type Digest = [Element; DIGEST_ELEMENTS];

impl Element {
    pub const ZERO: Element = Element(0);

    /// `number mod p`.
    pub const fn new(number: u64) -> Self {
        Element(if number >= MODULUS { number - MODULUS } else { number })
    }

    pub const fn number(self) -> u64 {
        self.0
    }

    pub fn add(self, other: Self) -> Self {
        Element::new(add(self.0, other.0))
    }

    pub fn multiply(self, other: Self) -> Self {
        Element::new(multiply(self.0, other.0))
    }

    fn from_bytes(bytes: &[u8]) -> u64 {
        bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte))
    }

    /// The element that 8 bytes canonically encode, if they do.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let number = Element::from_bytes(bytes);
        (number < MODULUS).then_some(Element(number))
    }

    /// The number of 8 bytes, reduced.
    pub fn reduce(bytes: &[u8]) -> Self {
        Element::new(Element::from_bytes(bytes))
    }
}

/// A sum mod `p`, of any two numbers of which one is below `p`; not reduced.
pub const fn add(a: u64, b: u64) -> u64 {
    let (sum, carry) = a.overflowing_add(b);
    // With a carry the sum lost 2^64 and is at most p - 2, so that adding 2^64 mod p < 2^32 may carry no more.
    sum + if carry { CARRY } else { 0 }
}

/// A product mod `p` of any two numbers; not reduced.
#[inline(always)]
pub const fn multiply(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    let (low, high) = (product as u64, (product >> 64) as u64);
    // 2^64 = 2^32 - 1 and 2^96 = -1 mod p.
    let (difference, borrow) = low.overflowing_sub(high >> 32);
    // A borrow leaves a number above 2^64 - 2^32, so this does not borrow again.
    let difference = difference - if borrow { CARRY } else { 0 };
    let (sum, carry) = difference.overflowing_add((high & CARRY) * CARRY);
    // (2^32 - 1)^2 is at most 2^64 - 2^33 + 1, so after a carry there is room for this.
    sum + if carry { CARRY } else { 0 }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The digest that `bytes` canonically encode.
pub fn decode(what: &str, bytes: &[u8]) -> Result<Digest> {
    let bytes = array::<DIGEST_BYTES>(what, bytes)?;
    let mut digest = Digest::default();
    for (element, chunk) in digest.iter_mut().zip(bytes.chunks_exact(ELEMENT_BYTES)) {
        *element = Element::decode(chunk).ok_or_else(|| {
            Error::NonCanonical(format!(
                "{what}: expected four Goldilocks elements below the field's order, found 0x{}",
                hex(&bytes)
            ))
        })?;
    }
    Ok(digest)
}

/// `F(bytes)` of the specification: each element reduced.
pub fn reduce(what: &str, bytes: &[u8]) -> Result<Digest> {
    let bytes = array::<DIGEST_BYTES>(what, bytes)?;
    Ok(std::array::from_fn(|i| Element::reduce(&bytes[i * ELEMENT_BYTES..(i + 1) * ELEMENT_BYTES])))
}

pub fn encode(digest: &Digest) -> [u8; DIGEST_BYTES] {
    let mut bytes = [0u8; DIGEST_BYTES];
    for (chunk, element) in bytes.chunks_exact_mut(ELEMENT_BYTES).zip(digest) {
        chunk.copy_from_slice(&element.0.to_be_bytes());
    }
    bytes
}

/// An element `u + v·X` of `GF(p²) = GF(p)[X]/(X² - 7)`, as the digest `(u, v, 0, 0)`.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Extended {
    pub u: Element,
    pub v: Element,
}

impl Extended {
    const SQUARE: Element = Element(7);

    /// The element that `bytes` canonically encode.
    pub fn decode(what: &str, bytes: &[u8]) -> Result<Self> {
        match decode(what, bytes)? {
            [u, v, Element::ZERO, Element::ZERO] => Ok(Extended { u, v }),
            _ => Err(Error::NonCanonical(format!(
                "{what}: expected two Goldilocks elements below the field's order and 16 zero bytes, found 0x{}",
                hex(bytes)
            ))),
        }
    }

    pub fn to_digest(self) -> Digest {
        [self.u, self.v, Element::ZERO, Element::ZERO]
    }

    /// `self · z + constant`.
    pub fn step(self, z: Extended, constant: Element) -> Self {
        let u = self.u.multiply(z.u).add(Extended::SQUARE.multiply(self.v.multiply(z.v)));
        let v = self.u.multiply(z.v).add(self.v.multiply(z.u));
        Extended { u: u.add(constant), v }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBERS: [u64; 11] = [
        0,
        1,
        CARRY - 1,
        CARRY,
        CARRY + 1,
        MODULUS - 1,
        MODULUS,
        MODULUS + 1,
        u64::MAX - 1,
        u64::MAX,
        0x8000_0000_8000_0001,
    ];

    #[test]
    fn arithmetic_is_that_of_integers_modulo_p() {
        let p = u128::from(MODULUS);
        for a in NUMBERS {
            for b in NUMBERS {
                let product = u128::from(a) % p * (u128::from(b) % p) % p;
                assert_eq!(u128::from(multiply(a, b)) % p, product, "{a} * {b}");
                let sum = (u128::from(a) + u128::from(b)) % p;
                if a < MODULUS {
                    assert_eq!(u128::from(add(a, b)) % p, sum, "{a} + {b}");
                }
            }
        }
    }

    #[test]
    fn seven_is_no_square() {
        let mut power = Element::new(1);
        for bit in (0..64).rev() {
            power = power.multiply(power);
            if (MODULUS - 1) / 2 >> bit & 1 == 1 {
                power = power.multiply(Extended::SQUARE);
            }
        }
        assert_eq!(power.number(), MODULUS - 1);
    }
}
