//! The Poseidon2 permutation (eprint 2023/323) over the BN254 scalar field: width 3, S-box x^5, 8 full and
//! 56 partial rounds; the instance `POSEIDON2_BN256_PARAMS` of HorizenLabs/poseidon2.
//!
//! The round constants are not transcribed but derived, at first use, by the procedure that defines them:
//! the Grain LFSR of the Poseidon paper (eprint 2019/458, appendix E), with one constant a partial round.

use super::field::Fr;
use ark_ff::{AdditiveGroup, BigInteger, BigInteger256, Field, PrimeField, Zero};
use std::sync::LazyLock;

pub const WIDTH: usize = 3;
const FULL_ROUNDS: usize = 8;
const PARTIAL_ROUNDS: usize = 56;

struct Constants {
    initial: [[Fr; WIDTH]; FULL_ROUNDS / 2],
    partial: [Fr; PARTIAL_ROUNDS],
    terminal: [[Fr; WIDTH]; FULL_ROUNDS / 2],
}

static CONSTANTS: LazyLock<Constants> = LazyLock::new(|| {
    let mut grain = Grain::new();
    Constants {
        initial: std::array::from_fn(|_| std::array::from_fn(|_| grain.element())),
        partial: std::array::from_fn(|_| grain.element()),
        terminal: std::array::from_fn(|_| std::array::from_fn(|_| grain.element())),
    }
});

/// The self-shrinking Grain LFSR, 80 bits.
struct Grain {
    /// Bit `i` is the `i`-th oldest.
    state: u128,
}

impl Grain {
    const BITS: u32 = 80;

    fn new() -> Self {
        // Field kind (1: prime), S-box kind (0: a power), bits of the field, width, rounds, then ones.
        let parameters = [
            (2, 1),
            (4, 0),
            (12, Fr::MODULUS_BIT_SIZE),
            (12, WIDTH as u32),
            (10, FULL_ROUNDS as u32),
            (10, PARTIAL_ROUNDS as u32),
            (30, (1 << 30) - 1),
        ];
        let mut state = 0u128;
        let mut position = 0;
        for (bits, value) in parameters {
            for bit in (0..bits).rev() {
                state |= u128::from(value >> bit & 1) << position;
                position += 1;
            }
        }
        let mut grain = Grain { state };
        for _ in 0..160 {
            grain.clock();
        }
        grain
    }

    fn clock(&mut self) -> bool {
        let bit = [62, 51, 38, 23, 13, 0].iter().fold(0, |sum, tap| sum ^ (self.state >> tap & 1));
        self.state = self.state >> 1 | bit << (Self::BITS - 1);
        bit == 1
    }

    /// The second bit of the next pair whose first is 1.
    fn bit(&mut self) -> bool {
        while !self.clock() {
            self.clock();
        }
        self.clock()
    }

    /// The next sample below the field's order, most significant bit first.
    fn element(&mut self) -> Fr {
        loop {
            let bits: Vec<bool> = (0..Fr::MODULUS_BIT_SIZE).map(|_| self.bit()).collect();
            if let Some(element) = Fr::from_bigint(BigInteger256::from_bits_be(&bits)) {
                return element;
            }
        }
    }
}

fn sbox(x: &mut Fr) {
    let base = *x;
    x.square_in_place();
    x.square_in_place();
    *x *= base;
}

/// The matrix circ(2, 1, 1).
fn external(state: &mut [Fr; WIDTH]) {
    let sum = state[0] + state[1] + state[2];
    for place in state {
        *place += sum;
    }
}

/// The matrix of ones with the diagonal (2, 2, 3).
fn internal(state: &mut [Fr; WIDTH]) {
    let sum = state[0] + state[1] + state[2];
    state[0] += sum;
    state[1] += sum;
    state[2] = state[2].double() + sum;
}

fn full_round(state: &mut [Fr; WIDTH], constants: &[Fr; WIDTH]) {
    for (place, constant) in state.iter_mut().zip(constants) {
        *place += constant;
        sbox(place);
    }
    external(state);
}

pub fn permute(state: &mut [Fr; WIDTH]) {
    let constants = &*CONSTANTS;
    external(state);
    for round in &constants.initial {
        full_round(state, round);
    }
    for constant in &constants.partial {
        state[0] += constant;
        sbox(&mut state[0]);
        internal(state);
    }
    for round in &constants.terminal {
        full_round(state, round);
    }
}

/// The uses of the hash; the number is part of every digest.
#[derive(Clone, Copy)]
pub enum Tag {
    Node = 1,
    Leaf = 2,
    StateRoot = 3,
    Journal = 4,
    Transaction = 5,
    PublicKey = 6,
    Challenge = 7,
}

/// The digest of `elements` under `tag` and `aux`.
pub fn hash(tag: Tag, aux: u32, elements: &[Fr]) -> Fr {
    let header = (tag as u128) << 64 | u128::from(aux) << 32 | elements.len() as u128;
    let mut state = [Fr::zero(), Fr::zero(), Fr::from(header)];
    if elements.is_empty() {
        permute(&mut state);
    }
    for pair in elements.chunks(2) {
        for (place, element) in state.iter_mut().zip(pair) {
            *place += element;
        }
        permute(&mut state);
    }
    state[0]
}

pub fn node(left: &Fr, right: &Fr) -> Fr {
    hash(Tag::Node, 0, &[*left, *right])
}
