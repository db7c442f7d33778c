//! A signature over a slot's digest and a nonce, under a key (docs/suites.md §11).
//!
//! | rows | |
//! | --- | --- |
//! | ALU 3 | the nonce if enabled, else 0; the message's hash if enabled, else any; the root that is the key if enabled |
//! | HASH 3 | the message's hash |
//! | SIGN 64 | its digits, and where each chain starts |
//! | HASH 72 + 64 + 16 | the steps of all chains, the one-time key, its path |

use p3_field::{Field, PrimeCharacteristicRing, PrimeField32};

use crate::builder::{Absorbed, Builder, Cells, Siblings, Wire};
use crate::integers::Int;
use crate::suite::{CHAINS, DIGITS, RATE, STEPS, Signature, TARGET_SUM, digits, free_message, tag};
use crate::tables::{F, sign};

/// Steps that the verifier of a signature makes: digits say how many the signer made.
const STEPS_LEFT: usize = CHAINS * STEPS - TARGET_SUM;
/// The upper half of `p - 1 = 0x7f00·2^16`.
const TOP: u32 = 0x7f00;

impl Builder {
    /// **Constrains**, if `enabled` is 1: `signature` is one over `(digest, nonce)` that verifies under `key`.
    pub fn authorize(&mut self, enabled: Int, key: Wire, nonce: Int, digest: Wire, signature: &Signature) {
        let zero = self.int_constant(0);
        let nonce = self.select(enabled.wire, nonce.wire, zero.wire);
        let message = self.message_hash(digest, nonce, key, signature);
        let h = self.digest_unless(enabled.wire, message, free_message());
        let leaf = self.one_time_key(h, &signature.chains);
        let root = self.path(leaf, nonce, &signature.siblings, Siblings::Own);
        self.assert_same_if(enabled.wire, key, root);
    }

    fn message_hash(&mut self, digest: Wire, nonce: Wire, key: Wire, signature: &Signature) -> Wire {
        let parts = [Absorbed::Wire(digest), Absorbed::Nonce { nonce, rest: signature.randomizer }, Absorbed::Wire(key)];
        self.sponge(tag::MESSAGE, 0, 3 * RATE, &parts)
    }

    /// The one-time key that the chains lead to, each from its digit of `h` on. **Constrains** the digits to sum to 120.
    pub fn one_time_key(&mut self, h: Wire, chains: &[Cells; CHAINS]) -> Wire {
        let signature = self.signature();
        let hash = self.value(h);
        let digits = digits(&hash);
        self.sign_rows(h, sign_rows(signature, &hash, &digits, chains));
        let mut ends = *chains;
        let mut left = STEPS_LEFT;
        for (chain, value) in ends.iter_mut().enumerate() {
            for place in usize::from(digits[chain])..STEPS {
                if left > 0 {
                    *value = self.step(signature, tag::CHAIN, chain, place, *value);
                    left -= 1;
                }
            }
        }
        // Digits of another sum break a constraint; the rows are as many.
        for _ in 0..left {
            let _ = self.step(signature, tag::CHAIN, 0, 0, Cells::default());
        }
        let ends: Vec<_> =
            (ends.into_iter().enumerate()).map(|(chain, value)| Absorbed::End { signature, chain, value }).collect();
        self.sponge(tag::ONE_TIME_KEY, 0, RATE * CHAINS, &ends)
    }
}

/// SIGN's rows: chain `i` enters the bus at digit `i`.
fn sign_rows(
    signature: u32,
    hash: &Cells,
    digits: &[u8; CHAINS],
    chains: &[Cells; CHAINS],
) -> Vec<(sign::Pre<F>, sign::Main<F>)> {
    let (mut low, mut sum) = (0, 0);
    (0..CHAINS)
        .map(|i| {
            let (element, place) = (i / DIGITS, i % DIGITS);
            let (pow, digit, ends) = (1u32 << (2 * place), u32::from(digits[i]), place == DIGITS - 1);
            let pre = sign::Pre {
                sig: F::from_u32(signature),
                i: F::from_usize(i),
                f: F::ONE,
                f_element: F::from_bool(ends),
                f_start: F::from_bool(i == 0),
                f_stop: F::from_bool(i == CHAINS - 1),
                pow: F::from_u32(pow),
                id_h: F::ZERO,
            };
            let mut main = sign::Main {
                s: chains[i],
                h: std::array::from_fn(|j| hash.get(element + j).copied().unwrap_or_default()),
                b0: F::from_u32(digit & 1),
                b1: F::from_u32(digit >> 1),
                low: F::from_u32(low),
                sum: F::from_u32(sum),
                ..Default::default()
            };
            if ends {
                let hi = hash[element].as_canonical_u32() >> 16;
                main.hi = F::from_u32(hi);
                main.is_top = F::from_bool(hi == TOP);
                main.inv = (F::from_u32(TOP) - main.hi).try_inverse().unwrap_or_default();
            }
            low = if ends { 0 } else { low + pow * digit };
            sum += digit;
            (pre, main)
        })
        .collect()
}
