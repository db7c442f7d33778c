//! Packing of 32-bit words and of typed integers into field elements.

use super::field::Fr;
use crate::arguments::{self, TypedInt};
use crate::error::Result;
use ark_ff::{BigInteger256, PrimeField};

/// Words an element: 7 * 32 = 224 bits are always below the field's order.
pub const WORDS_PER_ELEMENT: usize = 7;

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
        if element.words + integer.words().len() > WORDS_PER_ELEMENT {
            elements.push(std::mem::take(&mut element).finish());
        }
        for word in integer.words() {
            element.push(word);
        }
    }
    if element.words > 0 {
        elements.push(element.finish());
    }
    elements
}

/// Words of 4 big-endian bytes, 7 an element, the last element filled up with zero words on the right.
pub fn words(what: &str, bytes: &[u8]) -> Result<Vec<Fr>> {
    let words: Vec<u32> = arguments::words(what, bytes)?.collect();
    let pack = |group: &[u32]| {
        let mut element = Element::default();
        for &word in group {
            element.push(word);
        }
        while element.words < WORDS_PER_ELEMENT {
            element.push(0);
        }
        element.finish()
    };
    Ok(words.chunks(WORDS_PER_ELEMENT).map(pack).collect())
}
