//! The suite `goldilocks`, natively (docs/suites.md §7–§9): what the witness is computed with.
//!
//! # Signatures
//!
//! Winternitz one-time keys with `w = 2` and 132 chains, under a Merkle tree of height 16 (the shape of XMSS, RFC 8391), with a
//! target sum instead of a checksum (Drake, Khovratovich, Kudinov, Wagner, eprint 2025/055). Why a forger must work for about
//! 2^120:
//!
//! - *Another message with the word that was signed*, or a second preimage of `h`: the 132 bits must all agree, 2^132 tries
//!   (2^66 quantum ones; AES-128 falls to 2^64). The word of a message hashes the salt `ρ` and the public key, so tries do not serve against many keys.
//! - *Another word*: both have weight 66, so the other one has a 1 where the signed one has a 0, and the forger must show a
//!   preimage of that chain's end under `H(8, i; ·)`: 256 bits of secret, a digest of 256 bits; one of at most
//!   2^16·132 ends of a key, a loss of 23 bits, leaves far more than 120.
//! - *Another key of the tree*: a collision or second preimage in `H(9; ·)`, `H(10; ·)`: Poseidon with a capacity of four
//!   elements, 128 bits.
//!
//! The signer's search for `ρ` succeeds with probability C(132, 66) / 2^132, about 1/14, so it leaks nothing and costs little.

use plonky2::field::extension::FieldExtension;
use plonky2::field::extension::quadratic::QuadraticExtension;
use plonky2::hash::hash_types::HashOut;
use plonky2::hash::poseidon::Poseidon;
use sha3::{Digest as _, Keccak256};

use crate::field::{F, Field, MODULUS, PrimeField64};

pub const NAME: &str = "goldilocks";
/// Words of one suite's part of a key.
pub const KEY_WORDS: usize = 8;
pub const DIGEST_BYTES: usize = 32;

/// Tags of the hash.
pub mod tag {
    pub const NODE: u64 = 1;
    pub const LEAF: u64 = 2;
    pub const STATE_ROOT: u64 = 3;
    pub const JOURNAL: u64 = 4;
    pub const TRANSACTION: u64 = 5;
    pub const MESSAGE: u64 = 7;
    pub const CHAIN: u64 = 8;
    pub const ONE_TIME_KEY: u64 = 9;
    pub const KEY_NODE: u64 = 10;
}

/// Chains of a one-time key.
pub const CHAINS: usize = 132;
/// Chains that are not walked by the signer: the sum of a message's bits.
pub const TARGET_SUM: usize = 66;
/// Height of a key's tree.
pub const KEY_HEIGHT: usize = 16;
/// `ρ ‖ s_0 … s_131 ‖ siblings`.
pub const SIGNATURE_BYTES: usize = 8 + DIGEST_BYTES * (CHAINS + KEY_HEIGHT);

/// Four elements.
pub type Digest = [F; 4];
/// An element of GF(p²).
pub type Extension = QuadraticExtension<F>;

/// A field element in other than its one encoding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, got {found}")]
pub struct NonCanonical {
    pub expected: &'static str,
    pub found: String,
}

/// Hex of bytes, for messages.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn word64(bytes: &[u8]) -> u64 {
    u64::from_be_bytes(bytes.try_into().expect("eight bytes"))
}

/// A digest from its 32 bytes.
///
/// # Errors
/// They are not 32 bytes, or an element is not below p.
pub fn digest(bytes: &[u8]) -> Result<Digest, NonCanonical> {
    let refused = |expected| NonCanonical { expected, found: hex(bytes) };
    if bytes.len() != DIGEST_BYTES {
        return Err(refused("32 bytes"));
    }
    let words: [u64; 4] = std::array::from_fn(|i| word64(&bytes[8 * i..8 * i + 8]));
    if words.iter().any(|&w| w >= MODULUS) {
        return Err(refused("four elements below p"));
    }
    Ok(words.map(F::from_canonical_u64))
}

/// The 32 bytes of a digest.
pub fn bytes(digest: &[F; 4]) -> [u8; DIGEST_BYTES] {
    let mut out = [0; DIGEST_BYTES];
    for (chunk, e) in out.chunks_exact_mut(8).zip(digest) {
        chunk.copy_from_slice(&e.to_canonical_u64().to_be_bytes());
    }
    out
}

/// `F(b)`: the elements of 32 bytes, each reduced.
pub fn reduced(bytes: &[u8; DIGEST_BYTES]) -> Digest {
    std::array::from_fn(|i| F::from_noncanonical_u64(word64(&bytes[8 * i..8 * i + 8])))
}

/// `F` of the 32 bytes that eight journal words are.
pub fn key_of_words(words: &[u32]) -> Digest {
    std::array::from_fn(|i| F::from_noncanonical_u64(u64::from(words[2 * i]) << 32 | u64::from(words[2 * i + 1])))
}

/// `H(tag, aux; elements)`.
pub fn hash(tag: u64, aux: u64, elements: &[F]) -> Digest {
    let mut state = [F::ZERO; 12];
    state[8] = F::from_canonical_u64(tag);
    state[9] = F::from_canonical_u64(aux);
    state[10] = F::from_canonical_usize(elements.len());
    if elements.is_empty() {
        state = F::poseidon(state);
    }
    for group in elements.chunks(8) {
        state[..group.len()].copy_from_slice(group);
        state = F::poseidon(state);
    }
    std::array::from_fn(|i| state[i])
}

/// `H(tag; left, right)`.
pub fn pair(tag: u64, left: &Digest, right: &Digest) -> Digest {
    hash(tag, 0, &[*left, *right].concat())
}

/// The root that `leaf` at `index` gives with its siblings, from the leaf up.
pub fn root_from_path(tag: u64, leaf: &Digest, index: u64, siblings: &[Digest]) -> Digest {
    siblings.iter().enumerate().fold(*leaf, |node, (level, sibling)| {
        if index >> level & 1 == 1 { pair(tag, sibling, &node) } else { pair(tag, &node, sibling) }
    })
}

fn elements(words: &[u32]) -> impl Iterator<Item = F> + '_ {
    words.iter().map(|&w| F::from_canonical_u32(w))
}

/// Digest of a record of map `map`: the words of its integers, then its keys.
pub fn leaf(map: u64, words: &[u32], keys: &[Digest]) -> Digest {
    hash(tag::LEAF, map, &elements(words).chain(keys.iter().flatten().copied()).collect::<Vec<_>>())
}

/// The top hash.
pub fn state_root(cell_words: &[u32], key_cells: &[Digest], map_roots: &[Digest]) -> Digest {
    let rest = key_cells.iter().chain(map_roots).flatten().copied();
    hash(tag::STATE_ROOT, 0, &elements(cell_words).chain(rest).collect::<Vec<_>>())
}

/// Digest of a slot's input words.
pub fn tx_digest(domain: &Digest, words: &[u32]) -> Digest {
    hash(tag::TRANSACTION, 0, &domain.iter().copied().chain(elements(words)).collect::<Vec<_>>())
}

/// `c`.
pub fn commit(journal: &[u32]) -> Digest {
    hash(tag::JOURNAL, 0, &elements(journal).collect::<Vec<_>>())
}

/// keccak256 of the parts, one after the other.
pub fn keccak(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Keccak256::new();
    parts.iter().for_each(|p| hasher.update(p));
    hasher.finalize().into()
}

/// `z`, from `keccak256(domain ‖ suite id ‖ claim ‖ c)`.
pub fn challenge(domain: &[u8; 32], claim: &[u8; 32], commitment: &Digest) -> Extension {
    let seed = keccak(&[domain, &keccak(&[NAME.as_bytes()]), claim, &bytes(commitment)]);
    let [u, v, ..] = reduced(&seed);
    Extension::from_basefield_array([u, v])
}

/// `y = Σ w_i·z^i`.
pub fn evaluate(journal: &[u32], z: Extension) -> Extension {
    journal.iter().rev().fold(Extension::ZERO, |y, &w| y * z + Extension::from_canonical_u32(w))
}

/// The 32 bytes of an element of GF(p²).
pub fn extension_bytes(v: Extension) -> [u8; 32] {
    let [a, b]: [F; 2] = v.to_basefield_array();
    bytes(&[a, b, F::ZERO, F::ZERO])
}

/// An element of GF(p²) from its 32 bytes.
///
/// # Errors
/// Not canonical, or the last 16 bytes are not zero.
pub fn extension(b: &[u8]) -> Result<Extension, NonCanonical> {
    let [u, v, s, t] = digest(b)?;
    if s.is_nonzero() || t.is_nonzero() {
        return Err(NonCanonical { expected: "an element of GF(p²), then 16 zero bytes", found: hex(b) });
    }
    Ok(Extension::from_basefield_array([u, v]))
}

/// A decoded signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    pub salt: F,
    /// `s_i`.
    pub chains: Vec<Digest>,
    /// From the leaf up.
    pub siblings: Vec<Digest>,
}

impl Signature {
    /// All zeros: stands where nothing is authorized.
    pub fn empty() -> Self {
        Signature { salt: F::ZERO, chains: vec![[F::ZERO; 4]; CHAINS], siblings: vec![[F::ZERO; 4]; KEY_HEIGHT] }
    }

    /// From its 4,744 bytes.
    ///
    /// # Errors
    /// Another length, or an element is not below p.
    pub fn decode(b: &[u8]) -> Result<Self, NonCanonical> {
        if b.len() != SIGNATURE_BYTES {
            return Err(NonCanonical { expected: "a signature of 4744 bytes", found: format!("{} bytes", b.len()) });
        }
        let salt = word64(&b[..8]);
        if salt >= MODULUS {
            return Err(NonCanonical { expected: "a salt below p", found: format!("{salt}") });
        }
        let mut digests = b[8..].chunks_exact(DIGEST_BYTES).map(digest).collect::<Result<Vec<_>, _>>()?;
        let siblings = digests.split_off(CHAINS);
        Ok(Signature { salt: F::from_canonical_u64(salt), chains: digests, siblings })
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.salt.to_canonical_u64().to_be_bytes().to_vec();
        self.chains.iter().chain(&self.siblings).for_each(|d| out.extend(bytes(d)));
        out
    }
}

/// The bits of the message `(digest, nonce)` under `pk` with `salt`.
pub fn message_bits(digest: &Digest, nonce: u64, salt: F, pk: &Digest) -> [bool; CHAINS] {
    let mut input = digest.to_vec();
    input.extend([F::from_canonical_u64(nonce), salt]);
    input.extend(pk);
    let h = hash(tag::MESSAGE, 0, &input);
    std::array::from_fn(|i| h[i / 33].to_canonical_u64() >> (i % 33) & 1 == 1)
}

/// The end of chain `i` that starts at `secret`.
pub fn chain_end(i: usize, secret: &Digest) -> Digest {
    hash(tag::CHAIN, i as u64, secret)
}

/// Why a signature does not verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSignature {
    #[error("expected a nonce below 65536, got {0}: the account's one-time keys are used up")]
    Nonce(u64),
    #[error("expected bits of the message that sum to 66, got {0}")]
    Sum(usize),
    #[error("expected the one-time key to lead to the account's public key, it leads to another")]
    Root,
}

/// Whether the signature over `(digest, nonce)` verifies under `pk`.
///
/// # Errors
/// It does not; says which check failed first.
pub fn verify(pk: &Digest, digest: &Digest, nonce: u64, signature: &Signature) -> Result<(), BadSignature> {
    if nonce >> KEY_HEIGHT != 0 {
        return Err(BadSignature::Nonce(nonce));
    }
    let bits = message_bits(digest, nonce, signature.salt, pk);
    let sum = bits.iter().filter(|&&b| b).count();
    if sum != TARGET_SUM {
        return Err(BadSignature::Sum(sum));
    }
    let ends: Vec<F> = (bits.iter().zip(&signature.chains).enumerate())
        .flat_map(|(i, (&walk, s))| if walk { chain_end(i, s) } else { *s })
        .collect();
    let leaf = hash(tag::ONE_TIME_KEY, 0, &ends);
    if root_from_path(tag::KEY_NODE, &leaf, nonce, &signature.siblings) != *pk {
        return Err(BadSignature::Root);
    }
    Ok(())
}

/// As plonky2's type for digests.
pub fn hash_out(digest: Digest) -> HashOut<F> {
    HashOut { elements: digest }
}
