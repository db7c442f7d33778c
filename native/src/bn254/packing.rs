//! Packing of 32-bit words and of typed integers into field elements.

use super::field::Fr;
use crate::error::{Error, Result};
use ark_ff::{BigInteger256, PrimeField};

/// Words an element: 7 * 32 = 224 bits are always below the field's order.
pub const WORDS_PER_ELEMENT: usize = 7;
const WORD_BYTES: usize = 4;

/// A typed integer as it is encoded: `value - lo` of its type, and its number of words, 1 or 2.
pub struct TypedInt {
    encoded: u64,
    words: usize,
}

impl TypedInt {
    pub fn new(encoded: u64, words: u64) -> Result<Self> {
        match words {
            1 if encoded >> 32 != 0 => {
                Err(Error::Value(format!("integer: expected one word of 32 bits, found {encoded}")))
            }
            1 | 2 => Ok(TypedInt { encoded, words: words as usize }),
            _ => Err(Error::Value(format!("integer: expected 1 or 2 words, found {words}"))),
        }
    }
}

/// An element under construction: at most 7 words, so the number stays below 2^224.
#[derive(Default)]
struct Element {
    limbs: [u64; 4],
    words: usize,
}

impl Element {
    fn push(&mut self, word: u32) {
        let [a, b, c, d] = self.limbs;
        self.limbs = [a << 32 | u64::from(word), b << 32 | a >> 32, c << 32 | b >> 32, d << 32 | c >> 32];
        self.words += 1;
    }

    fn finish(self) -> Fr {
        Fr::from_bigint(BigInteger256::new(self.limbs)).expect("seven words are below the field's order")
    }
}

/// Whole integers in order, as many an element as fit.
pub fn integers(integers: &[TypedInt]) -> Vec<Fr> {
    let mut elements = Vec::new();
    let mut element = Element::default();
    for integer in integers {
        if element.words + integer.words > WORDS_PER_ELEMENT {
            elements.push(std::mem::take(&mut element).finish());
        }
        if integer.words == 2 {
            element.push((integer.encoded >> 32) as u32);
        }
        element.push(integer.encoded as u32);
    }
    if element.words > 0 {
        elements.push(element.finish());
    }
    elements
}

/// Words of 4 big-endian bytes, 7 an element, the last element filled up with zero words on the right.
pub fn words(what: &str, bytes: &[u8]) -> Result<Vec<Fr>> {
    if !bytes.len().is_multiple_of(WORD_BYTES) {
        return Err(Error::Value(format!("{what}: expected a multiple of 4 bytes, found {}", bytes.len())));
    }
    let pack = |group: &[u8]| {
        let mut element = Element::default();
        for word in group.chunks_exact(WORD_BYTES) {
            element.push(u32::from_be_bytes([word[0], word[1], word[2], word[3]]));
        }
        while element.words < WORDS_PER_ELEMENT {
            element.push(0);
        }
        element.finish()
    };
    Ok(bytes.chunks(WORDS_PER_ELEMENT * WORD_BYTES).map(pack).collect())
}
