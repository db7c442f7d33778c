//! The field of `p = 2^31 - 2^24 + 1`: arithmetic, and digests of eight elements in 32 bytes.

use crate::arguments::array;
use crate::error::{Error, Result};
use zeroize::DefaultIsZeroes;

pub const MODULUS: u32 = 0x7f00_0001;
const P: u64 = MODULUS as u64;

pub const ELEMENT_BYTES: usize = 4;
pub const DIGEST_ELEMENTS: usize = 8;
pub const DIGEST_BYTES: usize = DIGEST_ELEMENTS * ELEMENT_BYTES;

/// `1/p mod 2^32`, by Newton's iteration: each step doubles the number of right bits, of which `p` itself has 24.
const INVERSE: u32 = MODULUS.wrapping_mul(2u32.wrapping_sub(MODULUS.wrapping_mul(MODULUS)));
const _: () = assert!(MODULUS.wrapping_mul(INVERSE) == 1);

/// `2^64 mod p`: what brings a number into Montgomery's form.
const TO_MONTGOMERY: u64 = (u64::MAX % P + 1) % P;

/// A field element `x` as `2^32·x mod p`, below `p` (Montgomery's form).
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Element(u32);

impl DefaultIsZeroes for Element {}

pub type Digest = [Element; DIGEST_ELEMENTS];

/// A number below `2p` that is `x / 2^32 mod p`, of a number below `2^32·p`.
#[inline(always)]
const fn shifted(x: u64) -> u32 {
    // The sum is a multiple of 2^32, and below 2^33·p.
    let m = (x as u32).wrapping_mul(INVERSE.wrapping_neg());
    ((x + m as u64 * P) >> 32) as u32
}

/// The same below `p`.
#[inline(always)]
const fn montgomery(x: u64) -> u32 {
    below(shifted(x))
}

/// `number mod p` of a number below `2p`.
#[inline(always)]
const fn below(number: u32) -> u32 {
    // A number below p leaves a greater one: the lesser of the two takes no branch.
    let rest = number.wrapping_sub(MODULUS);
    if rest < number { rest } else { number }
}

impl Element {
    pub const ZERO: Element = Element(0);
    pub const ONE: Element = Element::new(1);

    /// `number mod p`.
    pub const fn new(number: u32) -> Self {
        Element(montgomery(number as u64 * TO_MONTGOMERY))
    }

    /// The one number below `p`.
    pub const fn number(self) -> u32 {
        montgomery(self.0 as u64)
    }

    /// The sum of any number of elements whose raw values add up to less than `2^37`.
    #[inline(always)]
    pub const fn from_sum(sum: u64) -> Self {
        // 2^31 = 2^24 - 1 mod p: below 2^31 + 2^6·2^24, which is less than 2p.
        let folded = ((sum & 0x7fff_ffff) + (sum >> 31) * 0xff_ffff) as u32;
        Element(below(folded))
    }

    /// What stands for the element in a sum for [`Element::from_sum`].
    #[inline(always)]
    pub const fn raw(self) -> u64 {
        self.0 as u64
    }

    #[inline(always)]
    pub const fn add(self, other: Self) -> Self {
        Element(below(self.0 + other.0))
    }

    pub const fn negate(self) -> Self {
        Element(if self.0 == 0 { 0 } else { MODULUS - self.0 })
    }

    #[inline(always)]
    pub const fn multiply(self, other: Self) -> Self {
        Element(montgomery(self.0 as u64 * other.0 as u64))
    }

    #[inline(always)]
    pub const fn cube(self) -> Self {
        // The square may stay below 2p: 2p·p is below 2^32·p.
        let square = shifted(self.raw() * self.raw());
        Element(montgomery(square as u64 * self.raw()))
    }

    fn from_bytes(bytes: &[u8]) -> u32 {
        bytes.iter().fold(0, |number, &byte| number << 8 | u32::from(byte))
    }

    /// The element that 4 bytes canonically encode, if they do.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let number = Element::from_bytes(bytes);
        (number < MODULUS).then_some(Element::new(number))
    }

    /// The number of 4 bytes, reduced.
    pub fn reduce(bytes: &[u8]) -> Self {
        Element::new(Element::from_bytes(bytes))
    }
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
                "{what}: expected eight KoalaBear elements below the field's order, found 0x{}",
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
        chunk.copy_from_slice(&element.number().to_be_bytes());
    }
    bytes
}

const DEGREE: usize = 5;

/// An element `u_0 + … + u_4·X^4` of `GF(p^5) = GF(p)[X]/(X^5 + X^2 - 1)`, as the digest `(u_0, …, u_4, 0, 0, 0)`.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Extended([Element; DEGREE]);

impl Extended {
    /// The first five elements of a digest.
    pub fn of_digest(digest: &Digest) -> Self {
        Extended(std::array::from_fn(|i| digest[i]))
    }

    /// The element that `bytes` canonically encode.
    pub fn decode(what: &str, bytes: &[u8]) -> Result<Self> {
        let digest = decode(what, bytes)?;
        if digest[DEGREE..] == [Element::ZERO; DIGEST_ELEMENTS - DEGREE] {
            Ok(Extended::of_digest(&digest))
        } else {
            Err(Error::NonCanonical(format!(
                "{what}: expected five KoalaBear elements below the field's order and 12 zero bytes, found 0x{}",
                hex(bytes)
            )))
        }
    }

    pub fn to_digest(self) -> Digest {
        std::array::from_fn(|i| self.0.get(i).copied().unwrap_or(Element::ZERO))
    }

    /// `self · z + constant`.
    pub fn step(self, z: Extended, constant: Element) -> Self {
        let mut product = [Element::ZERO; 2 * DEGREE - 1];
        for (i, own) in self.0.into_iter().enumerate() {
            for (j, other) in z.0.into_iter().enumerate() {
                product[i + j] = product[i + j].add(own.multiply(other));
            }
        }
        // X^5 = 1 - X^2.
        for degree in (DEGREE..product.len()).rev() {
            let high = product[degree];
            product[degree - 5] = product[degree - 5].add(high);
            product[degree - 3] = product[degree - 3].add(high.negate());
        }
        product[0] = product[0].add(constant);
        Extended(std::array::from_fn(|i| product[i]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBERS: [u32; 12] = [
        0,
        1,
        2,
        (1 << 24) - 1,
        1 << 24,
        (1 << 30) + 1,
        MODULUS - 2,
        MODULUS - 1,
        MODULUS,
        MODULUS + 1,
        u32::MAX - 1,
        u32::MAX,
    ];

    #[test]
    fn arithmetic_is_that_of_integers_modulo_p() {
        for a in NUMBERS {
            let x = Element::new(a);
            assert_eq!(u64::from(x.number()), u64::from(a) % P);
            assert_eq!((u64::from(x.negate().number()) + u64::from(a)) % P, 0, "-{a}");
            for b in NUMBERS {
                let y = Element::new(b);
                let (product, sum) =
                    (u64::from(a) % P * (u64::from(b) % P) % P, (u64::from(a) + u64::from(b)) % P);
                assert_eq!(u64::from(x.multiply(y).number()), product, "{a} * {b}");
                assert_eq!(u64::from(x.add(y).number()), sum, "{a} + {b}");
            }
        }
    }

    #[test]
    fn sums_are_reduced_up_to_their_bound() {
        for sum in [0, 1, P - 1, P, P + 1, 2 * P - 1, 2 * P, (1 << 31) - 1, 1 << 31, 35 * P, (1 << 37) - 1] {
            assert_eq!(Element::from_sum(sum).raw(), sum % P, "{sum}");
        }
        for quotient in 0..64 {
            for rest in [0, 1, P - 1] {
                assert_eq!(Element::from_sum(quotient * P + rest).raw(), rest, "{quotient}");
            }
        }
    }
}
