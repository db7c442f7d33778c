//! The suite `bn254` on native values (docs/suites.md §2, §3, §5): field elements as bytes, Poseidon2, its hashes, packing, binding.

use std::sync::LazyLock;

use halo2_axiom::halo2curves::bn256::Fr;
use halo2_axiom::halo2curves::ff::{Field, FromUniformBytes, PrimeField};
use sha3::{Digest, Keccak256};

/// Its name in programs and statements.
pub const NAME: &str = "bn254";

/// What is hashed: docs/suites.md §2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    Node = 1,
    Leaf = 2,
    StateRoot = 3,
    Journal = 4,
    Transaction = 5,
    PublicKey = 6,
    Challenge = 7,
}

/// Width of the permutation.
pub const WIDTH: usize = 3;
/// Rounds in which every element goes through the S-box: half of them first, half last.
pub const FULL_ROUNDS: usize = 8;
/// Rounds in which only the first does.
pub const PARTIAL_ROUNDS: usize = 56;
/// 32-bit words in an element.
pub const PACKED_WORDS: usize = 7;

/// An element from its one encoding: 32 bytes, big-endian, below the modulus.
pub fn element(bytes: &[u8]) -> Option<Fr> {
    let mut repr: [u8; 32] = bytes.try_into().ok()?;
    repr.reverse();
    Fr::from_repr(repr).into()
}

/// The one encoding of an element.
pub fn encode(element: &Fr) -> [u8; 32] {
    let mut repr = element.to_repr();
    repr.reverse();
    repr
}

/// `F` of docs/suites.md §2: 32 bytes as a big-endian number, reduced.
pub fn reduce(bytes: &[u8; 32]) -> Fr {
    let mut wide = [0; 64];
    wide[..32].copy_from_slice(bytes);
    wide[..32].reverse();
    Fr::from_uniform_bytes(&wide)
}

/// An integer of the program as an element; a negative one as the modulus less its amount.
pub fn integer(v: i128) -> Fr {
    let amount = Fr::from_u128(v.unsigned_abs());
    if v < 0 { -amount } else { amount }
}

/// The bit generator of the constants: an LFSR of 80 bits whose output is shrunk by itself (Grassi, Khovratovich, Rechberger,
/// Roy, Schofnegger, eprint 2019/458, appendix F; the parameters of eprint 2023/323 follow it).
struct Grain(u128);

impl Grain {
    /// Over a prime field of `bits` bits, with a power for an S-box.
    fn new(bits: u128, width: u128, full: u128, partial: u128) -> Self {
        let mut state = 0;
        for (value, length) in [(1, 2), (0, 4), (bits, 12), (width, 12), (full, 10), (partial, 10), ((1 << 30) - 1, 30)] {
            state = state << length | value;
        }
        let mut grain = Grain(state);
        (0..160).for_each(|_| _ = grain.step());
        grain
    }

    /// The oldest bit is the highest of 80.
    fn step(&mut self) -> u128 {
        let tap = |at: u32| self.0 >> (79 - at) & 1;
        let bit = tap(62) ^ tap(51) ^ tap(38) ^ tap(23) ^ tap(13) ^ tap(0);
        self.0 = (self.0 << 1 | bit) & ((1 << 80) - 1);
        bit
    }

    fn bit(&mut self) -> u8 {
        loop {
            let (keep, bit) = (self.step(), self.step());
            if keep == 1 {
                return bit as u8;
            }
        }
    }

    /// 254 bits, the highest first, until they are below the modulus.
    fn element(&mut self) -> Fr {
        loop {
            let mut bytes = [0; 32];
            for at in 2..256 {
                bytes[at / 8] |= self.bit() << (7 - at % 8);
            }
            if let Some(element) = element(&bytes) {
                return element;
            }
        }
    }
}

/// The constants added at the start of each round, in order; a partial round has one, in the first place.
///
/// Derived as the reference implementation's generator does (HorizenLabs/poseidon2, `poseidon2_rust_params.sage`), and so equal
/// to its `POSEIDON2_BN256_PARAMS`: `vectors/` hold its published outputs.
pub fn round_constants() -> &'static [[Fr; WIDTH]; FULL_ROUNDS + PARTIAL_ROUNDS] {
    static CONSTANTS: LazyLock<[[Fr; WIDTH]; FULL_ROUNDS + PARTIAL_ROUNDS]> = LazyLock::new(|| {
        let mut grain = Grain::new(254, WIDTH as u128, FULL_ROUNDS as u128, PARTIAL_ROUNDS as u128);
        std::array::from_fn(|round| match is_full(round) {
            true => std::array::from_fn(|_| grain.element()),
            false => [grain.element(), Fr::ZERO, Fr::ZERO],
        })
    });
    &CONSTANTS
}

/// Whether every element of this round goes through the S-box.
pub fn is_full(round: usize) -> bool {
    !(FULL_ROUNDS / 2..FULL_ROUNDS / 2 + PARTIAL_ROUNDS).contains(&round)
}

fn fifth_power(x: Fr) -> Fr {
    x.square().square() * x
}

/// The matrix of full rounds, circ(2, 1, 1); it also stands before the first round.
fn mix_full(state: &mut [Fr; WIDTH]) {
    let sum: Fr = state.iter().sum();
    state.iter_mut().for_each(|x| *x += sum);
}

/// The matrix of partial rounds: ones, and 2, 2, 3 on the diagonal.
fn mix_partial(state: &mut [Fr; WIDTH]) {
    let sum: Fr = state.iter().sum();
    state[2] += state[2];
    state.iter_mut().for_each(|x| *x += sum);
}

/// Poseidon2 (eprint 2023/323).
pub fn permute(state: &mut [Fr; WIDTH]) {
    mix_full(state);
    for (round, constants) in round_constants().iter().enumerate() {
        if is_full(round) {
            state.iter_mut().zip(constants).for_each(|(x, c)| *x = fifth_power(*x + c));
            mix_full(state);
        } else {
            state[0] = fifth_power(state[0] + constants[0]);
            mix_partial(state);
        }
    }
}

/// The third element that a hash starts with; the others are 0.
pub fn initial(tag: Tag, aux: u32, count: usize) -> Fr {
    Fr::from_u128((tag as u128) << 64 | u128::from(aux) << 32 | count as u128)
}

/// The hash of docs/suites.md §2.
pub fn hash(tag: Tag, aux: u32, elements: &[Fr]) -> Fr {
    let mut state = [Fr::ZERO, Fr::ZERO, initial(tag, aux, elements.len())];
    if elements.is_empty() {
        permute(&mut state);
    }
    for pair in elements.chunks(2) {
        pair.iter().zip(&mut state).for_each(|(e, x)| *x += e);
        permute(&mut state);
    }
    state[0]
}

/// A number, and its words; fewer than seven words fit an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Typed {
    pub encoded: u64,
    pub words: usize,
}

/// Typed integers packed for a leaf or the cells: whole numbers only, at most seven words an element.
pub fn pack_integers(integers: &[Typed]) -> Vec<Fr> {
    let (mut packed, mut room) = (vec![], 0);
    for Typed { encoded, words } in integers {
        if *words > room {
            packed.push(Fr::ZERO);
            room = PACKED_WORDS;
        }
        room -= words;
        let last = packed.last_mut().expect("there is room");
        *last = *last * Fr::from_u128(1 << (32 * words)) + Fr::from(*encoded);
    }
    packed
}

/// Words packed for a journal or a transaction: seven an element, the last filled up with zeros.
pub fn pack_words(words: &[u32]) -> Vec<Fr> {
    let shift = Fr::from(1 << 32);
    let pack = |group: &[u32]| {
        (0..PACKED_WORDS).fold(Fr::ZERO, |sum, i| sum * shift + Fr::from(u64::from(group.get(i).copied().unwrap_or(0))))
    };
    words.chunks(PACKED_WORDS).map(pack).collect()
}

/// The digest of a record of map `map`.
pub fn leaf(map: usize, integers: &[Typed], keys: &[Fr]) -> Fr {
    let mut elements = pack_integers(integers);
    elements.extend(keys);
    hash(Tag::Leaf, map as u32, &elements)
}

/// The digest of two digests.
pub fn node(left: Fr, right: Fr) -> Fr {
    hash(Tag::Node, 0, &[left, right])
}

/// The root that a leaf at `index` leads to; siblings from the leaf up.
pub fn path(leaf: Fr, index: u64, siblings: &[Fr]) -> Fr {
    siblings.iter().enumerate().fold(
        leaf,
        |digest, (level, &sibling)| {
            if index >> level & 1 == 1 { node(sibling, digest) } else { node(digest, sibling) }
        },
    )
}

/// The top hash over the whole state.
pub fn state_root(cells: &[Typed], key_cells: &[Fr], map_roots: &[Fr]) -> Fr {
    let mut elements = pack_integers(cells);
    elements.extend(key_cells);
    elements.extend(map_roots);
    hash(Tag::StateRoot, 0, &elements)
}

/// What a slot's signatures sign.
pub fn tx_digest(domain: Fr, words: &[u32]) -> Fr {
    let mut elements = vec![domain];
    elements.extend(pack_words(words));
    hash(Tag::Transaction, 0, &elements)
}

/// `c` of a journal.
pub fn commit(journal: &[u32]) -> Fr {
    hash(Tag::Journal, 0, &pack_words(journal))
}

/// `y` of a journal at `z`.
pub fn evaluate(journal: &[u32], z: Fr) -> Fr {
    pack_words(journal).iter().rev().fold(Fr::ZERO, |sum, p| sum * z + p)
}

/// The seed of the challenge, `z` before it is reduced.
pub fn challenge_seed(domain: &[u8; 32], claim: &[u8; 32], commitment: &[u8; 32]) -> [u8; 32] {
    Keccak256::new()
        .chain_update(domain)
        .chain_update(Keccak256::digest(NAME))
        .chain_update(claim)
        .chain_update(commitment)
        .finalize()
        .into()
}

/// `a` of BabyJubJub, a·x² + y² = 1 + d·x²y² (EIP-2494).
pub fn curve_a() -> Fr {
    Fr::from(168700)
}

/// `d` of BabyJubJub.
pub fn curve_d() -> Fr {
    Fr::from(168696)
}

fn decimal(digits: &str) -> Fr {
    Fr::from_str_vartime(digits).expect("a number below the modulus")
}

/// `Base8`, x and y: it generates the subgroup of prime order (EIP-2494).
pub fn base() -> (Fr, Fr) {
    (
        decimal("5299619240641551281634865583518297030282874472190772894086521144482721001553"),
        decimal("16950150798460657717958625567821834550301663161624707787222815936182638968203"),
    )
}

/// The order of `Base8`, a prime below the modulus; it is given as an element.
pub fn order() -> Fr {
    decimal("2736030358979909402780800718157159386076813972158567259200215660948447373041")
}
