//! Arguments of the Python classes that mean the same in every suite, and their errors.

use crate::error::{Error, Result};
use pyo3::prelude::*;

pub const WORD_BYTES: usize = 4;
const MAX_DEPTH: u32 = 32;

/// `bytes` as an array, or the error that names its length.
pub fn array<const N: usize>(what: &str, bytes: &[u8]) -> Result<[u8; N]> {
    bytes.try_into().map_err(|_| Error::Value(format!("{what}: expected {N} bytes, found {}", bytes.len())))
}

/// An unsigned integer of at most 64 bits.
pub fn unsigned(what: &str, value: &Bound<'_, PyAny>) -> Result<u64> {
    value
        .extract()
        .map_err(|_| Error::Value(format!("{what}: expected an integer from 0 to 2^64 - 1, found {value}")))
}

/// The index of a map in its transition.
pub fn map_index(value: &Bound<'_, PyAny>) -> Result<u32> {
    u32::try_from(unsigned("map index", value)?)
        .map_err(|_| Error::Value(format!("map index: expected 0 to 2^32 - 1, found {value}")))
}

/// A typed integer as it is encoded: `value - lo` of its type, and its number of words, 1 or 2.
pub struct TypedInt {
    encoded: u64,
    words: usize,
}

impl TypedInt {
    fn new(encoded: u64, words: u64) -> Result<Self> {
        match words {
            1 if encoded >> 32 != 0 => {
                Err(Error::Value(format!("integer: expected one word of 32 bits, found {encoded}")))
            }
            1 | 2 => Ok(TypedInt { encoded, words: words as usize }),
            _ => Err(Error::Value(format!("integer: expected 1 or 2 words, found {words}"))),
        }
    }

    /// The words, most significant first.
    pub fn words(&self) -> impl ExactSizeIterator<Item = u32> + '_ {
        (0..self.words).rev().map(|word| (self.encoded >> (32 * word)) as u32)
    }
}

pub fn typed_ints(integers: Vec<(Bound<'_, PyAny>, Bound<'_, PyAny>)>) -> Result<Vec<TypedInt>> {
    integers
        .iter()
        .map(|(encoded, words)| TypedInt::new(unsigned("integer", encoded)?, unsigned("words", words)?))
        .collect()
}

/// Words of 4 big-endian bytes.
pub fn words<'a>(
    what: &str,
    bytes: &'a [u8],
) -> Result<impl ExactSizeIterator<Item = u32> + DoubleEndedIterator + 'a> {
    if !bytes.len().is_multiple_of(WORD_BYTES) {
        return Err(Error::Value(format!("{what}: expected a multiple of 4 bytes, found {}", bytes.len())));
    }
    Ok(bytes.chunks_exact(WORD_BYTES).map(|word| u32::from_be_bytes([word[0], word[1], word[2], word[3]])))
}

/// The depth of a map's tree.
pub fn depth(depth: u64) -> Result<u32> {
    u32::try_from(depth)
        .ok()
        .filter(|depth| (1..=MAX_DEPTH).contains(depth))
        .ok_or_else(|| Error::Value(format!("depth: expected 1 to {MAX_DEPTH}, found {depth}")))
}

/// That a tree of `depth` has a leaf of that index.
pub fn check_index(index: u64, depth: u32) -> Result<()> {
    if index >> depth == 0 {
        Ok(())
    } else {
        Err(Error::Value(format!("index: expected 0 to 2^{depth} - 1, found {index}")))
    }
}
