//! Signatures in the circuit (docs/suites.md §8; why they hold is argued in `suite`).

use plonky2::iop::target::{BoolTarget, Target};

use crate::builder::{Builder, DigestTarget};
use crate::field::{F, Field};
use crate::gates::{DIGEST_BITS, DigestBits};
use crate::integers::Int;
use crate::suite::{CHAINS, KEY_HEIGHT, TARGET_SUM, tag};

impl Builder {
    /// **Constrains**, where `enabled`: a one-time signature over `(digest, nonce)` under `key`.
    ///
    /// Which witness could lie: bits that are not those of `h` (`DigestBits` makes them unique, and their sum is fixed); a chain
    /// step left out or taken twice (the bit that selects it is the message's); a nonce of more than 16 bits, or bits of another
    /// leaf (the nonce is composed of the bits that steer the path); a sibling or chain of another key (a collision).
    pub fn authorize(&mut self, enabled: &Int, key: DigestTarget, nonce: &Int, digest: DigestTarget) {
        let enabled = self.boolean(enabled).target;
        let leaf_index = self.advise();
        let salt = self.advise();
        let chains: Vec<DigestTarget> = (0..CHAINS).map(|_| self.advise_digest()).collect();
        let siblings: Vec<DigestTarget> = (0..KEY_HEIGHT).map(|_| self.advise_digest()).collect();

        let leaf_bits = self.plonk.split_le(leaf_index, KEY_HEIGHT);
        let nonce_words = self.words(nonce, 0, 2);
        self.assert_equal_if(enabled, nonce_words[0].target, leaf_index);
        let zero = self.plonk.zero();
        self.assert_equal_if(enabled, nonce_words[1].target, zero);

        let message = [&digest[..], &[leaf_index, salt], &key].concat();
        let (mut bits, mut sums): (Vec<Target>, _) = (vec![], vec![]);
        for element in self.hash(tag::MESSAGE, 0, &message) {
            let out = self.cell::<DigestBits>(&[element]);
            bits.extend(&out[..DIGEST_BITS]);
            sums.push((F::ONE, out[DIGEST_BITS]));
        }
        let sum = self.linear(&sums, 0);
        let target_sum = self.constant(TARGET_SUM as i128);
        self.assert_equal_if(enabled, sum, target_sum);

        let mut ends = vec![];
        for (i, (bit, s)) in bits.into_iter().zip(chains).enumerate() {
            let stepped = self.hash(tag::CHAIN, i as u64, &s);
            ends.extend(self.select_digest(BoolTarget::new_unsafe(bit), stepped, s));
        }
        let leaf = self.hash(tag::ONE_TIME_KEY, 0, &ends);
        let root = self.path(tag::KEY_NODE, leaf, &leaf_bits, &siblings);
        for (x, y) in root.into_iter().zip(key) {
            self.assert_equal_if(enabled, x, y);
        }
    }
}
