//! Poseidon2 of width 16 over KoalaBear (eprint 2023/323), and the hash of `docs/suites.md` §10.

use super::field::{DIGEST_ELEMENTS, Digest, Element};

pub const WIDTH: usize = 16;
/// Elements that a permutation takes.
const RATE: usize = 8;
const HALF_FULL_ROUNDS: usize = 4;
const PARTIAL_ROUNDS: usize = 20;

pub type State = [Element; WIDTH];

const fn elements<const N: usize>(numbers: [u32; N]) -> [Element; N] {
    let mut out = [Element::ZERO; N];
    let mut i = 0;
    while i < N {
        out[i] = Element::new(numbers[i]);
        i += 1;
    }
    out
}

/// The first four full rounds. All constants: Plonky3/Plonky3, `koala-bear/src/poseidon2.rs`; they are the output of
/// the Grain generator of eprint 2019/458, appendix F, which the reference in `tests/` runs.
const FIRST: [State; HALF_FULL_ROUNDS] = [
    elements([
        0x7ee56a48, 0x11367045, 0x12e41941, 0x7ebbc12b, 0x1970b7d5, 0x662b60e8, 0x3e4990c6,
        0x679f91f5, //
        0x350813bb, 0x00874ad4, 0x28a0081a, 0x18fa5872, 0x5f25b071, 0x5e5d5998, 0x5e6fd3e7, 0x5b2e2660,
    ]),
    elements([
        0x6f1837bf, 0x3fe6182b, 0x1edd7ac5, 0x57470d00, 0x43d486d5, 0x1982c70f, 0x0ea53af9,
        0x61d6165b, //
        0x51639c00, 0x2dec352c, 0x2950e531, 0x2d2cb947, 0x08256cef, 0x1a0109f6, 0x1f51faf3, 0x5cef1c62,
    ]),
    elements([
        0x3d65e50e, 0x33d91626, 0x133d5a1e, 0x0ff49b0d, 0x38900cd1, 0x2c22cc3f, 0x28852bb2,
        0x06c65a02, //
        0x7b2cf7bc, 0x68016e1a, 0x15e16bc0, 0x5248149a, 0x6dd212a0, 0x18d6830a, 0x5001be82, 0x64dac34e,
    ]),
    elements([
        0x5902b287, 0x426583a0, 0x0c921632, 0x3fe028a5, 0x245f8e49, 0x43bb297e, 0x7873dbd9,
        0x3cc987df, //
        0x286bb4ce, 0x640a8dcd, 0x512a8e36, 0x03a4cf55, 0x481837a2, 0x03d6da84, 0x73726ac7, 0x760e7fdf,
    ]),
];

/// The partial rounds.
const PARTIAL: [Element; PARTIAL_ROUNDS] = elements([
    0x54dfeb5d, 0x7d40afd6, 0x722cb316, 0x106a4573, 0x45a7ccdb, 0x44061375, 0x154077a5, 0x45744faa, //
    0x4eb5e5ee, 0x3794e83f, 0x47c7093c, 0x5694903c, 0x69cb6299, 0x373df84c, 0x46a0df58, 0x46b8758a, //
    0x3241ebcb, 0x0b09d233, 0x1af42357, 0x1e66cec2,
]);

/// The last four full rounds.
const LAST: [State; HALF_FULL_ROUNDS] = [
    elements([
        0x43e7dc24, 0x259a5d61, 0x27e85a3b, 0x1b9133fa, 0x343e5628, 0x485cd4c2, 0x16e269f5,
        0x165b60c6, //
        0x25f683d9, 0x124f81f9, 0x174331f9, 0x77344dc5, 0x5a821dba, 0x5fc4177f, 0x54153bf5, 0x5e3f1194,
    ]),
    elements([
        0x3bdbf191, 0x088c84a3, 0x68256c9b, 0x3c90bbc6, 0x6846166a, 0x03f4238d, 0x463335fb,
        0x5e3d3551, //
        0x6e59ae6f, 0x32d06cc0, 0x596293f3, 0x6c87edb2, 0x08fc60b5, 0x34bcca80, 0x24f007f3, 0x62731c6f,
    ]),
    elements([
        0x1e1db6c6, 0x0ca409bb, 0x585c1e78, 0x56e94edc, 0x16d22734, 0x18e11467, 0x7b2c3730,
        0x770075e4, //
        0x35d1b18c, 0x22be3db5, 0x4fb1fbb7, 0x477cb3ed, 0x7d5311c6, 0x5b62ae7d, 0x559c5fa8, 0x77f15048,
    ]),
    elements([
        0x3211570b, 0x490fef6a, 0x77ec311f, 0x2247171b, 0x4e0ac711, 0x2edf69c9, 0x3b5a8850,
        0x65809421, //
        0x5619b4aa, 0x362019a7, 0x6bf9d4ed, 0x5b413dff, 0x617e181e, 0x5e7ab57b, 0x33ad7833, 0x3466c7ca,
    ]),
];

/// `number / 2^power mod p`.
const fn over(number: u32, power: u32) -> Element {
    const HALF: Element = Element::new(super::field::MODULUS.div_ceil(2));
    let mut out = Element::new(number);
    let mut i = 0;
    while i < power {
        out = out.multiply(HALF);
        i += 1;
    }
    out
}

/// The matrix of the partial rounds is that of ones plus this diagonal:
/// -2, 1, 2, 1/2, 3, 4, -1/2, -3, -4, 1/2^8, 1/2^3, 1/2^24, -1/2^8, -1/2^3, -1/2^4, -1/2^24.
const DIAGONAL: State = [
    over(2, 0).negate(),
    over(1, 0),
    over(2, 0),
    over(1, 1),
    over(3, 0),
    over(4, 0),
    over(1, 1).negate(),
    over(3, 0).negate(),
    over(4, 0).negate(),
    over(1, 8),
    over(1, 3),
    over(1, 24),
    over(1, 8).negate(),
    over(1, 3).negate(),
    over(1, 4).negate(),
    over(1, 24).negate(),
];

/// The matrix circ(2M, M, M, M) of the full rounds, with M = circ(2, 3, 1, 1), times the state, plus `constants`.
#[inline(always)]
fn external(state: &mut State, constants: &State) {
    let mut blocks = [0u64; WIDTH];
    for (block, own) in blocks.as_chunks_mut::<4>().0.iter_mut().zip(state.as_chunks::<4>().0) {
        let [a, b, c, d] = own.map(Element::raw);
        let all = a + b + c + d;
        *block = [all + a + 2 * b, all + b + 2 * c, all + c + 2 * d, all + d + 2 * a];
    }
    for i in 0..WIDTH {
        // Rows sum to 5·7, and the constant: below 36·2^31, which is less than 2^37.
        let column = blocks[i % 4] + blocks[i % 4 + 4] + blocks[i % 4 + 8] + blocks[i % 4 + 12];
        state[i] = Element::from_sum(blocks[i] + column + constants[i].raw());
    }
}

#[inline(always)]
fn internal(state: &mut State) {
    let sum = Element::from_sum(state.iter().map(|place| place.raw()).sum());
    for (place, factor) in state.iter_mut().zip(DIAGONAL) {
        *place = place.multiply(factor).add(sum);
    }
}

/// The permutation.
pub fn permute(state: &mut State) {
    const NONE: State = [Element::ZERO; WIDTH];
    // Each layer adds the constants of the next full round.
    external(state, &FIRST[0]);
    for round in 1..=HALF_FULL_ROUNDS {
        *state = state.map(Element::cube);
        external(state, FIRST.get(round).unwrap_or(&NONE));
    }
    for constant in PARTIAL {
        state[0] = state[0].add(constant).cube();
        internal(state);
    }
    for (place, constant) in state.iter_mut().zip(LAST[0]) {
        *place = place.add(constant);
    }
    for round in 1..=HALF_FULL_ROUNDS {
        *state = state.map(Element::cube);
        external(state, LAST.get(round).unwrap_or(&NONE));
    }
}

/// The uses of the hash; the number is part of every digest.
#[derive(Clone, Copy)]
pub enum Tag {
    Leaf = 2,
    StateRoot = 3,
    Journal = 4,
    Transaction = 5,
    Message = 7,
    Chain = 8,
    OneTimeKey = 9,
}

/// What `aux` is below: with the tag it takes one element, without a reduction.
pub const AUX_BITS: u32 = 26;

/// A hash on the way: [`Sponge::absorb`] takes the lists in order, [`Sponge::digest`] ends it.
#[derive(Clone)]
pub struct Sponge {
    state: State,
    empty: bool,
}

impl Sponge {
    /// The hash of `count` elements under `tag` and `aux`, which is below `2^26`.
    pub fn new(tag: Tag, aux: u32, count: usize) -> Self {
        debug_assert!(aux >> AUX_BITS == 0);
        let mut state = [Element::ZERO; WIDTH];
        state[RATE] = Element::new(tag as u32 + 16 * aux);
        state[RATE + 1] = Element::new(count as u32);
        Sponge { state, empty: true }
    }

    /// A list, filled up with zeros to whole groups.
    pub fn absorb(&mut self, list: &[Element]) {
        for group in list.chunks(RATE) {
            self.state[..group.len()].copy_from_slice(group);
            self.state[group.len()..RATE].fill(Element::ZERO);
            permute(&mut self.state);
            self.empty = false;
        }
    }

    pub fn digest(mut self) -> Digest {
        if self.empty {
            permute(&mut self.state);
        }
        std::array::from_fn(|i| self.state[i])
    }
}

/// The digest of `lists` under `tag` and `aux`, each filled up with zeros to whole groups.
pub fn hash(tag: Tag, aux: u32, lists: &[&[Element]]) -> Digest {
    let mut sponge = Sponge::new(tag, aux, lists.iter().map(|list| list.len()).sum());
    for list in lists {
        sponge.absorb(list);
    }
    sponge.digest()
}

/// `N` of the specification: a node of two digests.
pub fn compress(left: &Digest, right: &Digest) -> Digest {
    let mut state = [Element::ZERO; WIDTH];
    state[..DIGEST_ELEMENTS].copy_from_slice(left);
    state[DIGEST_ELEMENTS..].copy_from_slice(right);
    permute(&mut state);
    std::array::from_fn(|i| state[i].add(left[i]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::koalabear::field::MODULUS;

    /// The permutation by its definition, with matrices written out.
    fn plain(state: State) -> State {
        const ROW: [u32; 4] = [2, 3, 1, 1];
        fn times(matrix: impl Fn(usize, usize) -> Element, s: State) -> State {
            std::array::from_fn(|i| {
                (0..WIDTH).fold(Element::ZERO, |sum, j| sum.add(matrix(i, j).multiply(s[j])))
            })
        }
        let outer =
            |i: usize, j: usize| Element::new(ROW[(4 + j - i % 4) % 4] * if i / 4 == j / 4 { 2 } else { 1 });
        let inner = |i: usize, j: usize| if i == j { DIAGONAL[i].add(Element::ONE) } else { Element::ONE };
        let full = |s: State, constants: State| {
            times(
                outer,
                std::array::from_fn(|i| {
                    let x = s[i].add(constants[i]);
                    x.multiply(x).multiply(x)
                }),
            )
        };
        let mut s = FIRST.into_iter().fold(times(outer, state), full);
        for constant in PARTIAL {
            s[0] = s[0].add(constant);
            s[0] = s[0].multiply(s[0]).multiply(s[0]);
            s = times(inner, s);
        }
        LAST.into_iter().fold(s, full)
    }

    fn check(state: State) {
        let mut fast = state;
        permute(&mut fast);
        assert_eq!(fast, plain(state), "{state:?}");
    }

    #[test]
    fn permutation_is_its_definition() {
        let greatest = Element::new(MODULUS - 1);
        check([Element::ZERO; WIDTH]);
        check([greatest; WIDTH]);
        for place in 0..WIDTH {
            let mut state = [Element::ZERO; WIDTH];
            state[place] = greatest;
            check(state);
        }
        let mut state: State = std::array::from_fn(|i| Element::new(i as u32));
        for _ in 0..1000 {
            check(state);
            permute(&mut state);
        }
    }

    #[test]
    fn the_matrix_of_full_rounds_takes_the_greatest_numbers() {
        // Raw values of p - 1 in all places and constants: the greatest sum.
        let greatest = Element::from_sum(u64::from(MODULUS) - 1);
        let mut state = [greatest; WIDTH];
        external(&mut state, &[greatest; WIDTH]);
        assert_eq!(state, [Element::new(36).multiply(greatest); WIDTH]);
    }
}
