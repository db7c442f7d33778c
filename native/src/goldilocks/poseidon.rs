//! The Poseidon permutation (eprint 2019/458) over Goldilocks: width 12, S-box x^7, 8 full and 22 partial
//! rounds, with the constants and the matrix of 0xPolygonZero/plonky2 (`plonky2/src/hash/poseidon.rs`).
//!
//! The round constants are not transcribed but derived, at first use, by the procedure that defines them
//! (`plonky2/src/bin/generate_constants.rs`): 360 samples below `p` from ChaCha8 seeded with the number 0.
//!
//! The matrix is a circulant of small integers, so multiplying by it is a product of polynomials with integer
//! coefficients modulo x^12 - 1. Its residues modulo the factors of x^12 - 1 are powers of two: that product
//! takes shifts and additions only, and beats the sparse matrices of the paper's appendix B in the partial
//! rounds, which need full products.

use super::field::{self, CARRY, Digest, Element, MODULUS};
use std::sync::LazyLock;

pub const WIDTH: usize = 12;
pub const RATE: usize = 8;
const FULL_ROUNDS: usize = 8;
const PARTIAL_ROUNDS: usize = 22;
const ROUNDS: usize = FULL_ROUNDS + PARTIAL_ROUNDS;

type State = [u64; WIDTH];

/// The first row of the circulant; column `j` of row `i` has `CIRCULANT[j - i mod 12]`.
const CIRCULANT: [i64; WIDTH] = [17, 15, 41, 16, 2, 28, 13, 13, 39, 18, 34, 20];
/// What is added to the circulant's first entry, and to no other.
const FIRST_DIAGONAL: u64 = 8;

static CONSTANTS: LazyLock<[State; ROUNDS]> = LazyLock::new(|| {
    let mut samples = ChaCha8::new(0);
    std::array::from_fn(|_| std::array::from_fn(|_| samples.below(MODULUS)))
});

/// ChaCha with 8 rounds (RFC 8439's block with a counter of 64 bits), as a generator of numbers.
struct ChaCha8 {
    key: [u32; 8],
    block: u64,
    words: std::vec::IntoIter<u32>,
}

impl ChaCha8 {
    /// The key is 8 outputs of PCG32 (XSH RR, 64 bits of state) from `seed`, each after a step: `seed_from_u64` of
    /// rand_core 0.6.
    fn new(seed: u64) -> Self {
        let mut state = seed;
        let key = std::array::from_fn(|_| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(11634580027462260723);
            (((state >> 18 ^ state) >> 27) as u32).rotate_right((state >> 59) as u32)
        });
        ChaCha8 { key, block: 0, words: Vec::new().into_iter() }
    }

    fn next_block(&mut self) -> Vec<u32> {
        let mut input = [0u32; 16];
        input[..4].copy_from_slice(&[0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574]);
        input[4..12].copy_from_slice(&self.key);
        input[12] = self.block as u32;
        input[13] = (self.block >> 32) as u32;
        self.block += 1;
        let mut state = input;
        for _ in 0..4 {
            for column in 0..4 {
                quarter_round(&mut state, [0, 4, 8, 12].map(|row| row + column));
            }
            for column in 0..4 {
                quarter_round(&mut state, std::array::from_fn(|row| 4 * row + (column + row) % 4));
            }
        }
        state.iter().zip(input).map(|(a, b)| a.wrapping_add(b)).collect()
    }

    fn word(&mut self) -> u32 {
        loop {
            if let Some(word) = self.words.next() {
                return word;
            }
            self.words = self.next_block().into_iter();
        }
    }

    /// A uniform number below `bound`, which has 64 bits: the high half of a product whose low half is refused at
    /// `bound` and above (`gen_range` of rand 0.8).
    fn below(&mut self, bound: u64) -> u64 {
        loop {
            let sample = u64::from(self.word()) | u64::from(self.word()) << 32;
            let product = u128::from(sample) * u128::from(bound);
            if (product as u64) < bound {
                return (product >> 64) as u64;
            }
        }
    }
}

fn quarter_round(state: &mut [u32; 16], [a, b, c, d]: [usize; 4]) {
    for (x, y, z, bits) in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)] {
        state[x] = state[x].wrapping_add(state[y]);
        state[z] = (state[z] ^ state[x]).rotate_left(bits);
    }
}

/// The matrix as a polynomial: row `i` of a product with the state `s` is `Σ s_j · KERNEL[i - j mod 12]`.
const KERNEL: [i64; WIDTH] = {
    let mut kernel = [0; WIDTH];
    let mut i = 0;
    while i < WIDTH {
        kernel[i] = CIRCULANT[(WIDTH - i) % WIDTH];
        i += 1;
    }
    kernel
};

/// `polynomial` of degree below `2N` modulo `x^N - sign`.
#[inline(always)]
const fn residue<const TWICE: usize, const N: usize>(polynomial: &[i64; TWICE], sign: i64) -> [i64; N] {
    let mut out = [0; N];
    let mut i = 0;
    while i < N {
        out[i] = polynomial[i] + sign * polynomial[i + N];
        i += 1;
    }
    out
}

const KERNEL_6: [i64; 6] = residue(&KERNEL, 1);
const KERNEL_6_MINUS: [i64; 6] = residue(&KERNEL, -1);
const KERNEL_3: [i64; 3] = residue(&KERNEL_6, 1);
const KERNEL_3_MINUS: [i64; 3] = residue(&KERNEL_6, -1);

/// `a · kernel` modulo `x^N - sign`.
#[inline(always)]
fn product<const N: usize>(a: &[i64; N], kernel: &[i64; N], sign: i64) -> [i64; N] {
    let mut out = [0; N];
    for i in 0..N {
        for j in 0..N {
            let term = a[j] * kernel[(N + i - j) % N];
            out[i] += if j <= i { term } else { sign * term };
        }
    }
    out
}

/// The polynomial of degree below `2N` with the residues `plus` modulo `x^N - 1` and `minus` modulo `x^N + 1`.
#[inline(always)]
fn join<const TWICE: usize, const N: usize>(plus: &[i64; N], minus: &[i64; N]) -> [i64; TWICE] {
    // Both halvings are exact: they give the integer coefficients.
    std::array::from_fn(|i| if i < N { (plus[i] + minus[i]) >> 1 } else { (plus[i - N] - minus[i - N]) >> 1 })
}

/// The circulant times a vector of integers of 32 bits: sums below 2^32 · 256.
#[inline(always)]
fn circulant(s: &[i64; WIDTH]) -> [i64; WIDTH] {
    let (plus, minus): ([i64; 6], [i64; 6]) = (residue(s, 1), residue(s, -1));
    let low = product(&residue(&plus, 1), &KERNEL_3, 1);
    let high = product(&residue(&plus, -1), &KERNEL_3_MINUS, -1);
    join(&join::<6, 3>(&low, &high), &product(&minus, &KERNEL_6_MINUS, -1))
}

/// The matrix times the state, plus `constants`; any numbers in, any out.
#[inline(always)]
fn linear_layer(state: &mut State, constants: &State) {
    let low = circulant(&state.map(|place| (place & CARRY) as i64));
    let high = circulant(&state.map(|place| (place >> 32) as i64));
    let first = state[0];
    for i in 0..WIDTH {
        // Below 2^41, with 2^35 and 2^32 to come.
        let (mut low, mut high) = (low[i] as u64, high[i] as u64);
        if i == 0 {
            low += FIRST_DIAGONAL * (first & CARRY);
            high += FIRST_DIAGONAL * (first >> 32);
        }
        low += constants[i] & CARRY;
        high += constants[i] >> 32;
        // high · 2^32 = (high mod 2^32) · 2^32 + (high / 2^32) · (2^32 - 1), and the second part is below 2^42.
        state[i] = field::add(high << 32, low + (high >> 32) * CARRY);
    }
}

#[inline(always)]
fn sbox(x: u64) -> u64 {
    let square = field::multiply(x, x);
    field::multiply(field::multiply(square, square), field::multiply(square, x))
}

/// The permutation.
pub fn permute(state: &mut [Element; WIDTH]) {
    let constants = &*CONSTANTS;
    let mut s: State = std::array::from_fn(|i| field::add(constants[0][i], state[i].number()));
    for round in 0..ROUNDS {
        if (FULL_ROUNDS / 2..FULL_ROUNDS / 2 + PARTIAL_ROUNDS).contains(&round) {
            s[0] = sbox(s[0]);
        } else {
            s = s.map(sbox);
        }
        // The constants of the next round.
        linear_layer(&mut s, constants.get(round + 1).unwrap_or(&[0; WIDTH]));
    }
    *state = s.map(Element::new);
}

/// The uses of the hash; the number is part of every digest.
#[derive(Clone, Copy)]
pub enum Tag {
    Node = 1,
    Leaf = 2,
    StateRoot = 3,
    Journal = 4,
    Transaction = 5,
    Message = 7,
    Chain = 8,
    OneTimeKey = 9,
    KeyNode = 10,
}

/// The digest of `elements` under `tag` and `aux`.
pub fn hash(tag: Tag, aux: u32, elements: &[Element]) -> Digest {
    let mut state = [Element::ZERO; WIDTH];
    state[RATE] = Element::new(tag as u64);
    state[RATE + 1] = Element::new(u64::from(aux));
    state[RATE + 2] = Element::new(elements.len() as u64);
    if elements.is_empty() {
        permute(&mut state);
    }
    for group in elements.chunks(RATE) {
        state[..group.len()].copy_from_slice(group);
        permute(&mut state);
    }
    std::array::from_fn(|i| state[i])
}

/// The digest of two digests under `tag`.
pub fn compress(tag: Tag, left: &Digest, right: &Digest) -> Digest {
    hash(tag, 0, [*left, *right].as_flattened())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The permutation by its definition.
    fn plain(state: [Element; WIDTH]) -> [Element; WIDTH] {
        let mut s = state;
        for (round, constants) in CONSTANTS.iter().enumerate() {
            for (i, place) in s.iter_mut().enumerate() {
                *place = place.add(Element::new(constants[i]));
                if i == 0 || !(4..26).contains(&round) {
                    let x = *place;
                    *place = (0..6).fold(x, |power, _| power.multiply(x));
                }
            }
            s = std::array::from_fn(|i| {
                (0..WIDTH).fold(Element::ZERO, |sum, j| {
                    let diagonal = if i == 0 && j == 0 { FIRST_DIAGONAL } else { 0 };
                    let entry = CIRCULANT[(WIDTH + j - i) % WIDTH] as u64 + diagonal;
                    sum.add(Element::new(entry).multiply(s[j]))
                })
            });
        }
        s
    }

    fn check(state: [u64; WIDTH]) {
        let state = state.map(Element::new);
        let mut fast = state;
        permute(&mut fast);
        assert_eq!(fast, plain(state), "{state:?}");
    }

    #[test]
    fn permutation_is_its_definition() {
        check([0; WIDTH]);
        check([MODULUS - 1; WIDTH]);
        check([CARRY; WIDTH]);
        check([CARRY << 32; WIDTH]);
        for place in 0..WIDTH {
            let mut state = [0; WIDTH];
            state[place] = MODULUS - 1;
            check(state);
        }
        let mut samples = ChaCha8::new(1);
        for _ in 0..1000 {
            check(std::array::from_fn(|_| samples.below(MODULUS)));
        }
    }

    #[test]
    fn linear_layer_takes_any_numbers() {
        let p = u128::from(MODULUS);
        for fill in [0, 1, CARRY, CARRY + 1, MODULUS - 1, MODULUS, u64::MAX] {
            for constant in [0, MODULUS - 1] {
                let mut state = [fill; WIDTH];
                linear_layer(&mut state, &[constant; WIDTH]);
                for (i, place) in state.into_iter().enumerate() {
                    let row = 256 + if i == 0 { u128::from(FIRST_DIAGONAL) } else { 0 };
                    let expected = (row * u128::from(fill) + u128::from(constant)) % p;
                    assert_eq!(u128::from(place) % p, expected, "{fill} {constant} {i}");
                }
            }
        }
    }
}
