//! The configuration of the proof that goes to L1: keccak256 over big-endian elements, and a transcript of one keccak256 for twelve
//! elements absorbed or two squeezed. L1.md is its specification.
//!
//! A digest is keccak256 with the top bit of each of its four 64-bit words cleared, so that it *is* four canonical elements: a
//! digest is absorbed as it stands, and 252 bits are left of it.

use plonky2::field::extension::quadratic::QuadraticExtension;
use plonky2::hash::hash_types::HashOut;
use plonky2::hash::hashing::PlonkyPermutation;
use plonky2::hash::poseidon::PoseidonHash;
use plonky2::plonk::config::{GenericConfig, Hasher};
use sha3::{Digest as _, Keccak256};

use crate::field::{D, F, Field, PrimeField64};

/// Elements that the transcript takes at a time.
pub const RATE: usize = 12;
/// Elements that it gives at a time.
const OUTPUTS: usize = 2;

/// keccak256 of elements, eight bytes each, big-endian.
fn keccak_elements<'a>(elements: impl IntoIterator<Item = &'a F>) -> [u8; 32] {
    let mut hasher = Keccak256::new();
    for e in elements {
        hasher.update(e.to_canonical_u64().to_be_bytes());
    }
    hasher.finalize().into()
}

fn masked(mut hash: [u8; 32]) -> HashOut<F> {
    hash.iter_mut().step_by(8).for_each(|first| *first &= 0x7f);
    digest_of(hash)
}

/// Four words, eight bytes each, big-endian; also those that are `p` or more, which the library's field keeps as they are.
pub fn digest_bytes(digest: &HashOut<F>) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (place, word) in bytes.chunks_exact_mut(8).zip(&digest.elements) {
        place.copy_from_slice(&word.to_noncanonical_u64().to_be_bytes());
    }
    bytes
}

/// The inverse of [`digest_bytes`].
pub fn digest_of(bytes: [u8; 32]) -> HashOut<F> {
    let word = |i: usize| u64::from_be_bytes(bytes[8 * i..8 * i + 8].try_into().expect("eight bytes"));
    HashOut { elements: std::array::from_fn(|i| F::from_noncanonical_u64(word(i))) }
}

/// The transcript's state: a digest and what is to be absorbed next.
///
/// [`permute`](PlonkyPermutation::permute) sets `digest = keccak256(digest ‖ twelve elements)` and the elements to zero; what it
/// gives are the two 128-bit halves of the digest mod p. The state is public, as every Fiat–Shamir transcript is: nothing is lost by squeezing it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Transcript {
    digest: [u8; 32],
    input: [F; RATE],
    /// The upper half comes last: a challenger takes from the end.
    output: [F; OUTPUTS],
}

impl AsRef<[F]> for Transcript {
    fn as_ref(&self) -> &[F] {
        &self.output
    }
}

impl PlonkyPermutation<F> for Transcript {
    const RATE: usize = RATE;
    const WIDTH: usize = RATE;

    fn new<I: IntoIterator<Item = F>>(elements: I) -> Self {
        let mut state = Self::default();
        state.set_from_iter(elements, 0);
        state
    }

    fn set_elt(&mut self, element: F, at: usize) {
        self.input[at] = element;
    }

    fn set_from_iter<I: IntoIterator<Item = F>>(&mut self, elements: I, start: usize) {
        for (place, element) in self.input[start..].iter_mut().zip(elements) {
            *place = element;
        }
    }

    fn set_from_slice(&mut self, elements: &[F], start: usize) {
        self.set_from_iter(elements.iter().copied(), start);
    }

    fn permute(&mut self) {
        // keccak256 of 128 bytes is one permutation: lanes are little-endian, the padding is in the seventeenth. (Grinding calls this
        // millions of times; a hasher's buffer would cost a quarter more.)
        let mut lanes = [0u64; 25];
        for (lane, bytes) in lanes.iter_mut().zip(self.digest.chunks_exact(8)) {
            *lane = u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
        }
        for (lane, element) in lanes[4..].iter_mut().zip(&self.input) {
            *lane = element.to_canonical_u64().swap_bytes();
        }
        lanes[16] = 1 | 1 << 63;
        keccak::f1600(&mut lanes);
        for (bytes, lane) in self.digest.chunks_exact_mut(8).zip(lanes) {
            bytes.copy_from_slice(&lane.to_le_bytes());
        }
        self.input = [F::ZERO; RATE];
        let half = |i: usize| {
            let half = u128::from_be_bytes(self.digest[16 * i..16 * i + 16].try_into().expect("sixteen bytes"));
            F::from_noncanonical_u128(half)
        };
        self.output = [half(1), half(0)];
    }

    fn squeeze(&self) -> &[F] {
        &self.output
    }
}

/// Masked keccak256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaskedKeccak;

impl Hasher<F> for MaskedKeccak {
    const HASH_SIZE: usize = 32;
    type Hash = HashOut<F>;
    type Permutation = Transcript;

    fn hash_no_pad(input: &[F]) -> HashOut<F> {
        masked(keccak_elements(input))
    }

    /// Of the 64 bytes as they are: what a prover puts beside a path need be no digest (L1.md §1).
    fn two_to_one(left: HashOut<F>, right: HashOut<F>) -> HashOut<F> {
        masked(Keccak256::digest([digest_bytes(&left), digest_bytes(&right)].concat()).into())
    }
}

/// Commitments and transcript of keccak256; public inputs are hashed with Poseidon, as in the circuit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Evm;

impl GenericConfig<D> for Evm {
    type F = F;
    type FE = QuadraticExtension<F>;
    type Hasher = MaskedKeccak;
    type InnerHasher = PoseidonHash;
}

#[cfg(test)]
mod tests {
    use plonky2::iop::challenger::Challenger;

    use super::*;
    use crate::field::MODULUS;

    fn digest(bytes: &[u8]) -> [u8; 32] {
        Keccak256::digest(bytes).into()
    }

    /// The two challenges that a digest gives, in the order that they come.
    fn halves(digest: &[u8; 32]) -> [u64; 2] {
        let half = |b: &[u8]| (u128::from_be_bytes(b.try_into().unwrap()) % u128::from(MODULUS)) as u64;
        [half(&digest[..16]), half(&digest[16..])]
    }

    #[test]
    fn transcript_is_as_specified() {
        let mut challenger = Challenger::<F, MaskedKeccak>::new();
        let elements: Vec<F> = (0..30u64).map(|i| F::from_noncanonical_u64(u64::MAX - i * 0x1234_5678_9abc)).collect();
        let bytes: Vec<u8> = elements.iter().flat_map(|e| e.to_canonical_u64().to_be_bytes()).collect();
        // Thirty elements, one challenge; two elements, four challenges: the third and fourth come of nothing new.
        challenger.observe_elements(&elements);
        let mut found = vec![challenger.get_challenge()];
        challenger.observe_elements(&elements[..2]);
        found.extend(challenger.get_n_challenges(4));
        let mut d = [0; 32];
        let mut permute = |part: &[u8]| {
            let mut block = [&d[..], part].concat();
            block.resize(128, 0);
            d = digest(&block);
            halves(&d)
        };
        permute(&bytes[..96]);
        permute(&bytes[96..192]);
        let first = permute(&bytes[192..])[0];
        let expected = [vec![first], permute(&bytes[..16]).to_vec(), permute(&[]).to_vec()].concat();
        assert_eq!(found.iter().map(|e| e.to_canonical_u64()).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn twelve_elements_are_absorbed_at_once() {
        let mut challenger = Challenger::<F, MaskedKeccak>::new();
        challenger.observe_elements(&[F::TWO; 12]);
        let expected = halves(&digest(&[vec![0; 32], F::TWO.to_canonical_u64().to_be_bytes().repeat(12)].concat()));
        assert_eq!(challenger.get_n_challenges(2).iter().map(|e| e.to_canonical_u64()).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn hashes_are_masked_keccak256() {
        let elements: Vec<F> = (1..=9).map(F::from_canonical_u64).collect();
        let bytes: Vec<u8> = (1..=9u64).flat_map(u64::to_be_bytes).collect();
        let expected =
            digest(&bytes).chunks(8).map(|w| u64::from_be_bytes(w.try_into().unwrap()) & (u64::MAX >> 1)).collect::<Vec<_>>();
        let leaf = MaskedKeccak::hash_or_noop(&elements);
        assert_eq!(leaf.elements.iter().map(|e| e.to_canonical_u64()).collect::<Vec<_>>(), expected);
        let node = MaskedKeccak::two_to_one(leaf, leaf);
        assert_eq!(node, MaskedKeccak::hash_no_pad(&[leaf.elements, leaf.elements].concat()));
    }

    #[test]
    fn what_stands_beside_a_path_is_hashed_as_it_is() {
        let leaf = MaskedKeccak::hash_or_noop(&[F::ONE; 9]);
        for word in [MODULUS, MODULUS + 5, u64::MAX] {
            let bytes: [u8; 32] = word.to_be_bytes().repeat(4).try_into().unwrap();
            let beside = digest_of(bytes);
            assert_eq!(digest_bytes(&beside), bytes);
            let expected = masked(digest(&[digest_bytes(&leaf), bytes].concat()));
            assert_eq!(MaskedKeccak::two_to_one(leaf, beside), expected);
            let reduced = HashOut { elements: [F::from_canonical_u64(word - MODULUS); 4] };
            assert_ne!(MaskedKeccak::two_to_one(leaf, reduced), expected);
        }
    }
}
