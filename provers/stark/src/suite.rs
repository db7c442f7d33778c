//! The suite `koalabear` (docs/suites.md §10–§12), in plain Rust: what the prover computes and checks a request with.
//!
//! Digests are eight elements; 32 bytes are read as one only in their canonical form, and reduced only where the page says `F(b)`.

use std::sync::LazyLock;

use p3_field::integers::QuotientMap;
use p3_field::{BasedVectorSpace, PrimeCharacteristicRing, PrimeField32};
use p3_koala_bear::{Poseidon2KoalaBear, default_koalabear_poseidon2_16};
use p3_symmetric::Permutation;
use sha3::{Digest as _, Keccak256};

use crate::tables::{EF, F};

/// The suite's name in programs and statements.
pub const NAME: &str = "koalabear";
/// Journal words of one suite's part of a key.
pub const KEY_WORDS: usize = 8;
/// Bytes of digests, roots, keys, commitments, challenges and evaluations.
pub const BYTES: usize = 32;
/// Elements of the permutation's state.
pub const WIDTH: usize = 16;
/// Elements that a group of the hash replaces.
pub const RATE: usize = 8;

/// Tags of the hash.
pub mod tag {
    pub const LEAF: u32 = 2;
    pub const STATE_ROOT: u32 = 3;
    pub const JOURNAL: u32 = 4;
    pub const TRANSACTION: u32 = 5;
    pub const MESSAGE: u32 = 7;
    pub const CHAIN: u32 = 8;
    pub const ONE_TIME_KEY: u32 = 9;
}

/// Chains of a one-time key.
pub const CHAINS: usize = 64;
/// Steps of a chain.
pub const STEPS: usize = 3;
/// Digits of a message's hash in one of its elements.
pub const DIGITS: usize = 8;
/// What the digits of a message's hash sum to.
pub const TARGET_SUM: usize = 120;
/// Height of a key's tree; a nonce is below `2^KEY_HEIGHT`.
pub const KEY_HEIGHT: usize = 16;
/// Elements of a signature's `ρ`.
pub const RANDOMIZER: usize = 7;
/// `ρ ‖ 64 digests ‖ 16 siblings`.
pub const SIGNATURE_BYTES: usize = 4 * RANDOMIZER + BYTES * (CHAINS + KEY_HEIGHT);

/// A digest, a root, or a suite's part of a key.
pub type Digest = [F; 8];

/// Bytes that are not the one encoding of what they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Encoding {
    #[error("expected {expected} bytes, found {found}")]
    Length { expected: usize, found: usize },
    #[error("expected an element below 2130706433, found {value} at byte {at}")]
    Element { at: usize, value: u32 },
    #[error("expected zero bytes after the coefficients, found {found}")]
    Padding { found: String },
}

/// Hexadecimal digits, `0x` before them.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("0x".into(), |text, b| format!("{text}{b:02x}"))
}

/// keccak256.
pub fn keccak256(bytes: &[u8]) -> [u8; 32] {
    Keccak256::digest(bytes).into()
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// `N` elements of 4 bytes, the first of which stands at byte `at`.
fn elements<const N: usize>(bytes: &[u8], at: usize) -> Result<[F; N], Encoding> {
    let mut out = [F::ZERO; N];
    for (j, element) in out.iter_mut().enumerate() {
        let (at, value) = (at + 4 * j, be32(bytes, at + 4 * j));
        *element = F::from_canonical_checked(value).ok_or(Encoding::Element { at, value })?;
    }
    Ok(out)
}

fn of_length(bytes: &[u8], expected: usize) -> Result<(), Encoding> {
    if bytes.len() == expected { Ok(()) } else { Err(Encoding::Length { expected, found: bytes.len() }) }
}

/// A digest from its encoding.
///
/// # Errors
/// Not 32 bytes, or an element that is not below p.
pub fn digest(bytes: &[u8]) -> Result<Digest, Encoding> {
    of_length(bytes, BYTES)?;
    elements(bytes, 0)
}

/// The encoding of a digest.
pub fn digest_bytes(digest: &Digest) -> [u8; BYTES] {
    let mut out = [0; BYTES];
    for (bytes, element) in out.chunks_exact_mut(4).zip(digest) {
        bytes.copy_from_slice(&element.as_canonical_u32().to_be_bytes());
    }
    out
}

/// `F(b)`: the elements of the 4-byte words of 32 bytes, each reduced.
pub fn reduced(bytes: &[u8; BYTES]) -> Digest {
    std::array::from_fn(|j| F::from_u32(be32(bytes, 4 * j)))
}

/// `F` of the 32 bytes that eight words of a journal are.
pub fn key(words: &[u32]) -> Digest {
    std::array::from_fn(|j| F::from_u32(words[j]))
}

/// An element of the extension from its encoding.
///
/// # Errors
/// Not 32 bytes, a coefficient that is not below p, or bytes other than zero after the five.
pub fn extension(bytes: &[u8]) -> Result<EF, Encoding> {
    of_length(bytes, BYTES)?;
    let coefficients: [F; 5] = elements(bytes, 0)?;
    match &bytes[20..] {
        padding if padding.iter().any(|&b| b != 0) => Err(Encoding::Padding { found: hex(padding) }),
        _ => Ok(extension_of(coefficients)),
    }
}

/// The encoding of an element of the extension.
pub fn extension_bytes(value: EF) -> [u8; BYTES] {
    let mut padded = Digest::default();
    padded[..5].copy_from_slice(value.as_basis_coefficients_slice());
    digest_bytes(&padded)
}

fn extension_of(coefficients: [F; 5]) -> EF {
    EF::from_basis_coefficients_fn(|j| coefficients[j])
}

static POSEIDON2: LazyLock<Poseidon2KoalaBear<WIDTH>> = LazyLock::new(default_koalabear_poseidon2_16);

/// The permutation.
pub fn permute(state: [F; WIDTH]) -> [F; WIDTH] {
    POSEIDON2.permute(state)
}

/// `H(tag, aux; elements)`, taken in part by part. The caller says beforehand how many elements there are without those that fill up.
pub struct Sponge {
    state: [F; WIDTH],
    /// Places that were replaced since the last permutation; `RATE` of them are permuted when the next element comes.
    filled: usize,
}

impl Sponge {
    pub fn new(tag: u32, aux: u32, length: usize) -> Self {
        let mut state = [F::ZERO; WIDTH];
        state[8] = F::from_u32(tag + 16 * aux);
        state[9] = F::from_usize(length);
        Sponge { state, filled: 0 }
    }

    pub fn absorb(&mut self, elements: impl IntoIterator<Item = F>) {
        for element in elements {
            if self.filled == RATE {
                self.state = permute(self.state);
                self.filled = 0;
            }
            self.state[self.filled] = element;
            self.filled += 1;
        }
    }

    /// The words' half-words, filled up with zeros to a multiple of eight. A list begins where a group does.
    pub fn absorb_words(&mut self, words: &[u32]) {
        self.absorb(words.iter().flat_map(|&w| half_words(w)));
        self.absorb(std::iter::repeat_n(F::ZERO, (2 * words.len()).next_multiple_of(RATE) - 2 * words.len()));
    }

    pub fn digest(self) -> Digest {
        first(&permute(self.state))
    }
}

fn first(state: &[F; WIDTH]) -> Digest {
    std::array::from_fn(|j| state[j])
}

/// The half-words of a word, the more significant one first.
pub fn half_words(word: u32) -> [F; 2] {
    [F::from_u16((word >> 16) as u16), F::from_u16(word as u16)]
}

/// Digest of a record of map number `map`: `words` of its integers, then its keys.
pub fn leaf(map: usize, words: &[u32], keys: &[Digest]) -> Digest {
    let mut sponge = Sponge::new(tag::LEAF, map as u32, 2 * words.len() + RATE * keys.len());
    sponge.absorb_words(words);
    sponge.absorb(keys.iter().flatten().copied());
    sponge.digest()
}

/// `N(l, r)`.
pub fn node(left: &Digest, right: &Digest) -> Digest {
    let input: [F; WIDTH] = std::array::from_fn(|j| if j < RATE { left[j] } else { right[j - RATE] });
    let output = permute(input);
    std::array::from_fn(|j| output[j] + input[j])
}

/// The root that `leaf` at `index` leads to; `siblings` from the leaf up, bit `i` of `index` for the `i`-th of them.
pub fn root(leaf: Digest, index: u64, siblings: &[Digest]) -> Digest {
    siblings.iter().enumerate().fold(leaf, |node_, (i, sibling)| match index >> i & 1 {
        0 => node(&node_, sibling),
        _ => node(sibling, &node_),
    })
}

/// The top hash: words of the integer cells, key cells, roots of the maps.
pub fn state_root(words: &[u32], keys: &[Digest], map_roots: &[Digest]) -> Digest {
    let mut sponge = Sponge::new(tag::STATE_ROOT, 0, 2 * words.len() + RATE * (keys.len() + map_roots.len()));
    sponge.absorb_words(words);
    sponge.absorb(keys.iter().chain(map_roots).flatten().copied());
    sponge.digest()
}

/// Digest of a slot's input words under a deployment's domain, reduced.
pub fn tx_digest(domain: &Digest, words: &[u32]) -> Digest {
    let mut sponge = Sponge::new(tag::TRANSACTION, 0, RATE + 2 * words.len());
    sponge.absorb(*domain);
    sponge.absorb_words(words);
    sponge.digest()
}

/// `c`.
pub fn commit(journal: &[u32]) -> Digest {
    let mut sponge = Sponge::new(tag::JOURNAL, 0, 2 * journal.len());
    sponge.absorb_words(journal);
    sponge.digest()
}

/// `z`: `F` of the first five words of `keccak256(domain ‖ suite id ‖ claim ‖ c)`.
pub fn challenge(domain: &[u8; 32], claim: &[u8; 32], commitment: &Digest) -> EF {
    let suite_id = keccak256(NAME.as_bytes());
    let seed = keccak256(&[*domain, suite_id, *claim, digest_bytes(commitment)].concat());
    extension_of(std::array::from_fn(|j| F::from_u32(be32(&seed, 4 * j))))
}

/// `y = Σ h_i · z^i` over the journal's half-words.
pub fn evaluate(journal: &[u32], z: EF) -> EF {
    journal.iter().flat_map(|&w| half_words(w)).rfold(EF::ZERO, |y, h| y * z + h)
}

/// A signature, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    pub randomizer: [F; RANDOMIZER],
    /// Chain `i` after the first `d_i` of its steps.
    pub chains: [Digest; CHAINS],
    /// From the leaf up.
    pub siblings: [Digest; KEY_HEIGHT],
}

impl Signature {
    /// Zeros: what stands where no signature is asked for.
    pub fn none() -> Self {
        Signature { randomizer: [F::ZERO; RANDOMIZER], chains: [[F::ZERO; 8]; CHAINS], siblings: [[F::ZERO; 8]; KEY_HEIGHT] }
    }

    /// # Errors
    /// Not 2,588 bytes, or an element that is not below p.
    pub fn decode(bytes: &[u8]) -> Result<Self, Encoding> {
        of_length(bytes, SIGNATURE_BYTES)?;
        let mut signature = Signature::none();
        signature.randomizer = elements(bytes, 0)?;
        for (n, digest) in signature.chains.iter_mut().chain(&mut signature.siblings).enumerate() {
            *digest = elements(bytes, 4 * RANDOMIZER + BYTES * n)?;
        }
        Ok(signature)
    }

    pub fn encode(&self) -> Vec<u8> {
        let digests = self.chains.iter().chain(&self.siblings).flatten();
        self.randomizer.iter().chain(digests).flat_map(|e| e.as_canonical_u32().to_be_bytes()).collect()
    }
}

/// Why a signature does not verify.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSignature {
    #[error("expected a nonce below 65536, found {0}: the key must be changed before it has signed that often")]
    Nonce(u64),
    #[error("expected digits that sum to 120, found {0}: another transaction, nonce or key was signed")]
    Sum(usize),
    #[error("expected key {expected}, found {found}: the chains lead to another one")]
    Key { expected: String, found: String },
}

/// `h`, whose digits are signed.
pub fn message(digest: &Digest, nonce: u16, randomizer: &[F; RANDOMIZER], public_key: &Digest) -> Digest {
    let mut sponge = Sponge::new(tag::MESSAGE, 0, 3 * RATE);
    sponge.absorb(*digest);
    sponge.absorb([F::from_u16(nonce)]);
    sponge.absorb(*randomizer);
    sponge.absorb(*public_key);
    sponge.digest()
}

/// The 64 digits of a message's hash, each 0 to 3.
pub fn digits(hash: &Digest) -> [u8; CHAINS] {
    std::array::from_fn(|i| (hash[i / DIGITS].as_canonical_u32() >> (2 * (i % DIGITS)) & 3) as u8)
}

/// A hash whose digits sum to 120: what stands where no signature is asked for.
pub fn free_message() -> Digest {
    // 60 digits of 2.
    std::array::from_fn(|j| F::from_u16(if j < 7 { 0xaaaa } else { 0x00aa }))
}

/// Step `k` of chain `i`.
pub fn step(chain: usize, k: usize, x: &Digest) -> Digest {
    let mut sponge = Sponge::new(tag::CHAIN, (4 * chain + k) as u32, RATE);
    sponge.absorb(*x);
    sponge.digest()
}

/// The leaf of a one-time key: the hash of its chains' ends.
pub fn one_time_key(ends: &[Digest; CHAINS]) -> Digest {
    let mut sponge = Sponge::new(tag::ONE_TIME_KEY, 0, RATE * CHAINS);
    sponge.absorb(ends.iter().flatten().copied());
    sponge.digest()
}

/// Checks a signature over `(digest, nonce)`.
///
/// # Errors
/// The first check that fails, in the order of §11.
pub fn verify(public_key: &Digest, digest: &Digest, nonce: u64, signature: &Signature) -> Result<(), InvalidSignature> {
    let leaf_index = u16::try_from(nonce).map_err(|_| InvalidSignature::Nonce(nonce))?;
    let digits = digits(&message(digest, leaf_index, &signature.randomizer, public_key));
    let sum = digits.iter().map(|&d| usize::from(d)).sum();
    if sum != TARGET_SUM {
        return Err(InvalidSignature::Sum(sum));
    }
    let ends = std::array::from_fn(|i| (usize::from(digits[i])..STEPS).fold(signature.chains[i], |x, k| step(i, k, &x)));
    let found = root(one_time_key(&ends), nonce, &signature.siblings);
    if found != *public_key {
        return Err(InvalidSignature::Key { expected: hex(&digest_bytes(public_key)), found: hex(&digest_bytes(&found)) });
    }
    Ok(())
}
