//! One-time signatures under a Merkle tree, as in `docs/suites.md` §11: the leaf used is the nonce.

use super::field::{DIGEST_BYTES, Digest, ELEMENT_BYTES, Element, decode, encode, reduce};
use super::poseidon2::{Sponge, Tag, compress, hash};
use super::tree::climb;
use crate::error::{Error, Result};
use blake2::Blake2bMac512;
use blake2::digest::{KeyInit, Mac};
use std::collections::HashMap;
use std::ops::Range;
use zeroize::{Zeroize, Zeroizing};

/// Height of the tree of every key, whatever the number of one-time keys made.
pub const HEIGHT: u32 = 16;
/// Chains of a one-time key.
pub const CHAINS: usize = 64;
/// Steps of a chain.
const STEPS: u8 = 3;
/// Digits of two bits that each element of a message's hash gives.
const DIGITS: usize = 8;
/// What the digits of a message sum to.
const SUM: u32 = 120;
/// Elements of `ρ`.
const RHO: usize = 7;
/// `ρ ‖ 64 digests ‖ 16 siblings`.
pub const SIGNATURE_BYTES: usize = RHO * ELEMENT_BYTES + (CHAINS + HEIGHT as usize) * DIGEST_BYTES;
/// Bytes of a secret that keys a derivation.
pub const SECRET_BYTES: usize = 64;

type Rho = [Element; RHO];
/// How far each chain is shown.
type Word = [u8; CHAINS];

/// The steps `from` to `to - 1` of a chain.
fn walk(chain: usize, digest: &mut Digest, from: u8, to: u8) {
    for step in from..to {
        *digest = hash(Tag::Chain, 4 * chain as u32 + u32::from(step), &[digest.as_slice()]);
    }
}

/// What is signed under one key and nonce; each `ρ` gives it another word.
struct Message {
    /// After the digest, which all words have in common.
    sponge: Sponge,
    nonce: Element,
    public_key: Digest,
}

impl Message {
    fn new(public_key: Digest, digest: &Digest, nonce: u32) -> Self {
        let mut sponge = Sponge::new(Tag::Message, 0, digest.len() + 1 + RHO + public_key.len());
        sponge.absorb(digest);
        Message { sponge, nonce: Element::new(nonce), public_key }
    }

    /// The digits under `rho`, if their sum is right.
    fn word(&self, rho: &Rho) -> Result<Word> {
        let mut sponge = self.sponge.clone();
        let [r0, r1, r2, r3, r4, r5, r6] = *rho;
        sponge.absorb(&[self.nonce, r0, r1, r2, r3, r4, r5, r6]);
        sponge.absorb(&self.public_key);
        let h = sponge.digest().map(Element::number);
        let word: Word = std::array::from_fn(|i| (h[i / DIGITS] >> (2 * (i % DIGITS)) & 3) as u8);
        let sum: u32 = word.iter().map(|&digit| u32::from(digit)).sum();
        if sum == SUM {
            Ok(word)
        } else {
            Err(Error::Signature(format!("sum: expected the message's digits to sum to {SUM}, found {sum}")))
        }
    }
}

pub struct SigningKey {
    chains: [u8; SECRET_BYTES],
    randomizer: [u8; SECRET_BYTES],
    /// `2^made` one-time keys were made.
    made: u32,
    /// `levels[i]` holds the nodes of level `i` above the one-time keys made; the last one holds the root.
    levels: Vec<Vec<Digest>>,
    /// `defaults[i]` is the root of a subtree of height `i` without a one-time key.
    defaults: Vec<Digest>,
    /// The digest that each one-time key signed.
    used: HashMap<u32, Digest>,
}

impl Drop for SigningKey {
    fn drop(&mut self) {
        self.chains.zeroize();
        self.randomizer.zeroize();
    }
}

fn keyed(key: &[u8; SECRET_BYTES]) -> Blake2bMac512 {
    Blake2bMac512::new_from_slice(key).expect("BLAKE2b takes keys of up to 64 bytes")
}

/// The MAC of the secrets of a key of `2^made` one-time keys. Keys of one seed and of different size have
/// different secrets: they sign different words for one message.
fn chains_mac(chains: &[u8; SECRET_BYTES], made: u32) -> Blake2bMac512 {
    let mut mac = keyed(chains);
    mac.update(&[made as u8]);
    mac
}

/// The secrets `x_0, x_1, …` of a one-time key.
fn secrets(mac: &Blake2bMac512, nonce: u32) -> Zeroizing<[Digest; CHAINS]> {
    Zeroizing::new(std::array::from_fn(|chain| {
        let mut mac = mac.clone();
        mac.update(&nonce.to_be_bytes());
        mac.update(&(chain as u16).to_be_bytes());
        let mut bytes = mac.finalize().into_bytes();
        let secret = reduce("secret", &bytes[..DIGEST_BYTES]).expect("the length is right");
        bytes.zeroize();
        secret
    }))
}

/// The leaves of the one-time keys `nonces`, of a key of `2^made`.
pub fn leaves(chains: &[u8; SECRET_BYTES], made: u32, nonces: Range<u32>) -> Vec<Digest> {
    let mac = chains_mac(chains, made);
    nonces
        .map(|nonce| {
            let mut digests = secrets(&mac, nonce);
            for (chain, digest) in digests.iter_mut().enumerate() {
                walk(chain, digest, 0, STEPS);
            }
            hash(Tag::OneTimeKey, 0, &[digests.as_flattened()])
        })
        .collect()
}

impl SigningKey {
    /// The key of the `2^made` one-time keys that have `leaves`.
    pub fn new(
        chains: &[u8; SECRET_BYTES],
        randomizer: &[u8; SECRET_BYTES],
        made: u32,
        leaves: Vec<Digest>,
    ) -> Self {
        let mut defaults = vec![Digest::default()];
        let mut levels = vec![leaves];
        for level in 0..HEIGHT as usize {
            let default = defaults[level];
            let above = levels[level].chunks(2);
            let above = above.map(|pair| compress(&pair[0], pair.get(1).unwrap_or(&default)));
            levels.push(above.collect());
            defaults.push(compress(&default, &default));
        }
        SigningKey { chains: *chains, randomizer: *randomizer, made, levels, defaults, used: HashMap::new() }
    }

    pub fn public_key(&self) -> Digest {
        self.levels[HEIGHT as usize][0]
    }

    /// The first `ρ` to try. Secret until used: whoever foresees `ρ` may look for two messages with one word.
    fn first_rho(&self, digest: &Digest, nonce: u32) -> Rho {
        let mut mac = keyed(&self.randomizer);
        mac.update(&encode(digest));
        mac.update(&nonce.to_be_bytes());
        let bytes = mac.finalize().into_bytes();
        std::array::from_fn(|i| Element::reduce(&bytes[i * ELEMENT_BYTES..(i + 1) * ELEMENT_BYTES]))
    }

    /// Deterministic; a nonce signs one digest only.
    pub fn sign(&mut self, digest: Digest, nonce: u64) -> Result<Vec<u8>> {
        let nonce = u32::try_from(nonce).ok().filter(|&nonce| nonce >> self.made == 0).ok_or_else(|| {
            Error::Exhausted(format!(
                "nonce: expected 0 to 2^{} - 1, the one-time keys that were made, found {nonce}; change the account's \
                 key to one of a wallet with a new seed, or of a greater height up to {HEIGHT}",
                self.made
            ))
        })?;
        if *self.used.entry(nonce).or_insert(digest) != digest {
            return Err(Error::Reuse(format!(
                "nonce: expected one that has signed nothing else, found {nonce}, whose one-time key signed another \
                 digest; send that again, or change the account's key"
            )));
        }

        let message = Message::new(self.public_key(), &digest, nonce);
        let mut rho = self.first_rho(&digest, nonce);
        let word = loop {
            match message.word(&rho) {
                Ok(word) => break word,
                Err(_) => rho[RHO - 1] = rho[RHO - 1].add(Element::ONE),
            }
        };
        let mut shown = secrets(&chains_mac(&self.chains, self.made), nonce);
        for (chain, (digest, digit)) in shown.iter_mut().zip(word).enumerate() {
            walk(chain, digest, 0, digit);
        }

        let mut signature = Vec::with_capacity(SIGNATURE_BYTES);
        signature.extend(rho.iter().flat_map(|element| element.number().to_be_bytes()));
        signature.extend(shown.iter().flat_map(encode));
        for level in 0..HEIGHT as usize {
            let sibling = self.levels[level].get(nonce as usize >> level ^ 1);
            signature.extend(encode(sibling.unwrap_or(&self.defaults[level])));
        }
        Ok(signature)
    }
}

/// A digest of a signature.
fn part(what: impl FnOnce() -> String, bytes: &[u8]) -> Result<Digest> {
    decode("", bytes).map_err(|_| {
        Error::Signature(format!("{}: expected elements below the field's order, found a larger one", what()))
    })
}

pub fn verify(public_key: Digest, digest: Digest, nonce: u64, signature: &[u8]) -> Result<()> {
    if signature.len() != SIGNATURE_BYTES {
        return Err(Error::Signature(format!(
            "signature: expected {SIGNATURE_BYTES} bytes, found {}",
            signature.len()
        )));
    }
    let nonce = u32::try_from(nonce)
        .ok()
        .filter(|nonce| nonce >> HEIGHT == 0)
        .ok_or_else(|| Error::Signature(format!("nonce: expected 0 to 2^{HEIGHT} - 1, found {nonce}")))?;
    let (randomizer, digests) = signature.split_at(RHO * ELEMENT_BYTES);
    let mut rho = Rho::default();
    for (element, bytes) in rho.iter_mut().zip(randomizer.chunks_exact(ELEMENT_BYTES)) {
        *element = Element::decode(bytes).ok_or_else(|| {
            Error::Signature("ρ: expected elements below the field's order, found a larger one".into())
        })?;
    }
    let (chains, siblings) = digests.split_at(CHAINS * DIGEST_BYTES);
    let mut ends = Vec::with_capacity(CHAINS);
    for (chain, bytes) in chains.chunks_exact(DIGEST_BYTES).enumerate() {
        ends.push(part(|| format!("chain {chain}"), bytes)?);
    }
    let siblings = siblings
        .chunks_exact(DIGEST_BYTES)
        .enumerate()
        .map(|(level, bytes)| part(|| format!("sibling {level}"), bytes))
        .collect::<Result<Vec<_>>>()?;

    let word = Message::new(public_key, &digest, nonce).word(&rho)?;
    for (chain, (digest, digit)) in ends.iter_mut().zip(word).enumerate() {
        walk(chain, digest, digit, STEPS);
    }
    let leaf = hash(Tag::OneTimeKey, 0, &[ends.as_flattened()]);
    if climb(leaf, u64::from(nonce), &siblings) == public_key {
        Ok(())
    } else {
        Err(Error::Signature("root: expected the public key, found another".into()))
    }
}
