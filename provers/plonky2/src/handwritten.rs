//! The reference slot written by hand for Plonky2, with the same gadgets: what [`crate::reference::reference_program`] is measured against.
//!
//! It proves the same statement over the same advice. What a compiler cannot know is used here: an amount is its two words as they
//! come, an index is checked by the bits that it is split into, a nonce of 32 bits needs no second word.

use plonky2::iop::target::{BoolTarget, Target};
use plonky2::plonk::circuit_data::CircuitConfig;

use crate::builder::{Builder, DigestTarget, Word};
use crate::field::D;
use crate::integers::Int;
use crate::lowering::{Circuit, PAYEE_WORDS, Public};
use crate::suite::tag;

const DEPTH: usize = 20;
const BALANCES: usize = 8;
const AMOUNTS: usize = 12;
const MOST: i128 = u64::MAX as i128;

/// The circuit of `slots` slots.
pub fn lower(slots: usize, config: CircuitConfig) -> Circuit {
    Circuit::new(build(slots, config), b"multiprover/plonky2/handwritten")
}

/// The same, not yet built.
pub fn build(slots: usize, config: CircuitConfig) -> Builder {
    let mut b = Builder::new(config);
    let domain = b.advise_digest();
    let payee = b.advise_many(PAYEE_WORDS);
    let z: [Target; D] = [b.advise(), b.advise()];
    let mut root = b.advise_digest();
    let pre_root = b.hash(tag::STATE_ROOT, 0, &root);
    let (mut inputs, mut outputs) = (vec![], vec![]);
    for _ in 0..slots {
        slot(&mut b, &domain, &mut root, &mut inputs, &mut outputs);
    }
    let post_root = b.hash(tag::STATE_ROOT, 0, &root);
    let journal = [inputs, outputs].concat();
    b.conclude(&Public { pre_root, post_root, z, payee, domain }, &journal);
    b.finish_rows();
    b
}

struct Account {
    index: Target,
    bits: Vec<BoolTarget>,
    words: Vec<Target>,
    key: DigestTarget,
    siblings: Vec<DigestTarget>,
}

fn u64_of(b: &mut Builder, high: Target, low: Target) -> Int {
    let words = [low, high].map(|target| Word { target, low: None }).to_vec();
    b.int_of_words(words, 0, 0, MOST)
}

fn slot(b: &mut Builder, domain: &DigestTarget, root: &mut DigestTarget, inputs: &mut Vec<Target>, outputs: &mut Vec<Target>) {
    let input = b.advise_many(5 + 2 * AMOUNTS);
    let enabled = BoolTarget::new_unsafe(input[0]);
    b.plonk.assert_bool(enabled);
    // Indices are bounded by their bits; every other word by itself.
    input[3..].iter().for_each(|&t| {
        b.range32(t);
    });
    let amounts: Vec<Int> = (0..AMOUNTS).map(|i| u64_of(b, input[5 + 2 * i], input[6 + 2 * i])).collect();
    let same = b.plonk.is_equal(input[1], input[2]);
    let both = b.plonk.and(same, enabled);
    b.plonk.assert_zero(both.target);

    let open = |b: &mut Builder, index: Target| {
        let bits = b.plonk.split_le(index, DEPTH);
        let words = b.advise_many(2 * BALANCES + 1);
        let key = b.advise_digest();
        let siblings = (0..DEPTH).map(|_| b.advise_digest()).collect();
        let closed = b.plonk.not(enabled).target;
        let zero = b.plonk.zero();
        words.iter().chain(&key).for_each(|&w| b.assert_equal_if(closed, w, zero));
        Account { index, bits, words, key, siblings }
    };
    let accounts = [open(b, input[1]), open(b, input[2])];
    let digest = b.hash(tag::TRANSACTION, 0, &domain.iter().chain(&input).copied().collect::<Vec<_>>());
    let mut after = vec![];
    for (side, account) in accounts.iter().enumerate() {
        let nonce = account.words[2 * BALANCES];
        b.assert_equal_if(enabled.target, nonce, input[3 + side]);
        let given = b.range32(input[3 + side]);
        let given = b.int_of_words(vec![given], 0, 0, u32::MAX.into());
        let on = b.int_of_bool(enabled);
        b.authorize(&on, account.key, &given, digest);
        let next = b.plonk.add(nonce, enabled.target);
        let next = b.range32(next).target;
        let mut words = vec![];
        for f in 0..BALANCES {
            let balance = u64_of(b, account.words[2 * f], account.words[2 * f + 1]);
            let amount = &amounts[(side * BALANCES + f) % AMOUNTS];
            let price = b.range32(input[5 + 2 * f]);
            let price = b.int_of_words(vec![price], 0, 0, u32::MAX.into());
            let most = MOST * i128::from(u32::MAX);
            let mut value = b.mul(&balance, &price, 0, most);
            if f % 4 == 0 {
                let one = b.int_constant(1);
                let divisor = b.add(amount, &one, 1, MOST + 1);
                value = b.divmod(&value, &divisor, (0, most), MOST).0;
            }
            let sum = b.add(&balance, amount, 0, 2 * MOST);
            let sum = b.sub(&sum, &value, -most, 2 * MOST);
            let result = b.range(&sum, 0, MOST);
            words.extend(b.words(&result, 0, 2).iter().rev().map(|w| w.target));
        }
        words.push(next);
        after.push(words);
    }
    for n in 0..48 {
        let sum = b.add(&amounts[n % 12], &amounts[(n + 1 + n / 12) % 12], 0, 2 * MOST);
        b.range(&sum, 0, MOST);
    }
    for (account, after) in accounts.iter().zip(&after) {
        let record_root = |b: &mut Builder, words: &[Target]| {
            let leaf = b.hash(tag::LEAF, 0, &[words, &account.key].concat());
            b.path(tag::NODE, leaf, &account.bits, &account.siblings)
        };
        let before = record_root(b, &account.words);
        for (x, &y) in before.into_iter().zip(root.iter()) {
            b.assert_equal_if(enabled.target, x, y);
        }
        let new = record_root(b, after);
        *root = b.select_digest(enabled, new, *root);
        outputs.push(account.index);
        outputs.extend(after);
    }
    inputs.extend(input);
}
