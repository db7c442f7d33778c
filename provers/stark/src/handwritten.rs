//! The reference slot written by hand on the builder: what [`crate::reference::program`], compiled, is measured against.
//!
//! It proves the same statement over the same advice. What a compiler cannot know is used here: a path holds the index to its bits, a
//! comparison that must come out one way needs no bit, two accounts differ where a product of two bits is 0.

use crate::builder::{Block, Builder, Pin, Siblings, Sum, Wire, Word, cells_of};
use crate::execution::{Advice, Opening, SlotAdvice, Value};
use crate::integers::Int;
use crate::reference::{AMOUNTS, BALANCES, CHECKS, DEPTH, DIVISIONS, INPUT_WORDS, MOST_PRODUCTS, SIDES};
use crate::suite::{Digest, RATE, Signature, tag};
use crate::tables::{Layout, Witness};

/// Words of an account's integers: balances of two, a nonce of one.
const ACCOUNT_WORDS: usize = 2 * BALANCES + 1;

/// The tables of `slots` slots, and their witness where there is advice: that of the reference program.
pub fn lower(slots: usize, advice: Option<&Advice>) -> (Layout, Option<Witness>) {
    let mut b = Builder::new();
    let domain = b.domain(advice.map_or(Digest::default(), |a| a.public.domain));
    let mut root = b.free_digest(advice.map_or(Digest::default(), |a| a.map_roots[0]));
    let pre_root = b.hash(tag::STATE_ROOT, 0, RATE, &[root]);
    b.pin(pre_root, Pin::PreRoot);
    let (mut journal, mut outputs) = (vec![], vec![]);
    for n in 0..slots {
        root = slot(&mut b, domain, root, advice.map(|a| &a.slots[n]), &mut journal, &mut outputs);
    }
    let post_root = b.hash(tag::STATE_ROOT, 0, RATE, &[root]);
    b.pin(post_root, Pin::PostRoot);
    journal.append(&mut outputs);
    let blocks = b.blocks(&journal);
    let parts = wires(&b, &blocks);
    let commitment = b.hash(tag::JOURNAL, 0, 2 * journal.len(), &parts);
    b.pin(commitment, Pin::Commitment);
    let (layout, witness) = b.finish(&blocks, advice.map_or_else(Default::default, |a| a.public.z));
    (layout, advice.map(|_| witness))
}

fn wires(b: &Builder, blocks: &[Block]) -> Vec<Wire> {
    blocks.iter().map(|&block| b.block_wire(block)).collect()
}

struct Account {
    key: Wire,
    balances: Vec<Wire>,
    nonce: Wire,
}

impl Account {
    fn words(&self, b: &mut Builder) -> Vec<Word> {
        let balances: Vec<Word> = self.balances.iter().flat_map(|&v| held(b, v, 2)).collect();
        [balances, held(b, self.nonce, 1)].concat()
    }

    fn leaf(&self, b: &mut Builder) -> Wire {
        let words = self.words(b);
        let blocks = b.blocks(&words);
        let parts = [wires(b, &blocks), vec![self.key]].concat();
        b.hash(tag::LEAF, 0, 2 * ACCOUNT_WORDS + RATE, &parts)
    }
}

/// The words of an integer, the most significant first. **Constrains** it to them.
fn held(b: &mut Builder, v: Wire, count: usize) -> Vec<Word> {
    let mut words = b.words(v, count);
    words.reverse();
    words
}

/// The root after a slot.
fn slot(
    b: &mut Builder,
    domain: Wire,
    mut root: Wire,
    advice: Option<&SlotAdvice>,
    journal: &mut Vec<Word>,
    outputs: &mut Vec<Word>,
) -> Wire {
    let input: Vec<Wire> = (0..INPUT_WORDS).map(|j| b.input(advice.map_or(0, |a| a.words[j].into()))).collect();
    let words: Vec<Word> = input.iter().flat_map(|&wire| b.words(wire, 1)).collect();
    journal.extend(&words);
    let (zero, one) = (b.constant(cells_of(0)), b.constant(cells_of(1)));

    // ACCOUNTS
    let enabled = input[0];
    b.assert_less(one, enabled, false);
    let indices = &input[1..=SIDES];
    let same = b.equal(indices[0], indices[1]);
    let both = b.logic([0, 0, 0, 1], same, enabled);
    b.pin(both, Pin::Constant(cells_of(0)));
    let accounts: Vec<Account> = (0..SIDES).map(|side| account(b, enabled, advice.map(|a| &a.openings[side]), zero)).collect();
    let blocks = b.blocks(&words);
    let parts = [vec![domain], wires(b, &blocks)].concat();
    let digest = b.hash(tag::TRANSACTION, 0, RATE + 2 * INPUT_WORDS, &parts);
    let none = Signature::none();
    for (side, account) in accounts.iter().enumerate() {
        let signature = advice.map_or(&none, |a| &a.signatures[side]);
        let nonce = Int { wire: account.nonce, lo: 0, hi: u32::MAX.into() };
        b.authorize(Int::bit(enabled), account.key, nonce, digest, signature);
    }

    // ARITHMETIC
    let int = |wire, hi| Int { wire, lo: 0, hi };
    let amounts: Vec<Int> = input[1 + SIDES..].iter().map(|&wire| int(wire, u32::MAX.into())).collect();
    let mut balances: Vec<Int> = accounts.iter().flat_map(|a| &a.balances).map(|&wire| int(wire, u64::MAX.into())).collect();
    let wide = i128::from(u64::MAX) * i128::from(u32::MAX);
    let products: Vec<Int> = (0..AMOUNTS).map(|n| b.mul(balances[n % balances.len()], amounts[n], (0, wide))).collect();
    let total = products[1..].iter().fold(products[0].wire, |sum, product| b.sum(Sum::Add, sum, product.wire));
    let most = b.constant(cells_of(MOST_PRODUCTS));
    b.assert_less(total, most, true);
    let places = balances.len();
    for n in 0..CHECKS {
        let amount = amounts[n % AMOUNTS];
        let term = if n < DIVISIONS {
            let divisor = b.sum(Sum::Add, amounts[AMOUNTS - 1 - n].wire, one);
            b.divmod(products[n], int(divisor, 1 << 32), (0, wide), u32::MAX.into()).0
        } else {
            amount
        };
        let at = &mut balances[n % places];
        at.wire = b.sum(Sum::Add, at.wire, term.wire);
        b.words(at.wire, 2);
    }

    // RECORDS
    for (side, before) in accounts.iter().enumerate() {
        let balances = balances[side * BALANCES..(side + 1) * BALANCES].iter().map(|v| v.wire).collect();
        let after = Account { key: before.key, balances, nonce: b.sum(Sum::Add, before.nonce, one) };
        outputs.extend(held(b, indices[side], 1));
        outputs.extend(after.words(b));
        let none = vec![Digest::default(); DEPTH];
        let siblings = advice.map_or(&none, |a| &a.openings[side].siblings);
        let shared = b.share(DEPTH);
        let leaf = before.leaf(b);
        let old = b.path(leaf, indices[side], siblings, Siblings::Shown(shared));
        b.assert_same_if(enabled, root, old);
        let leaf = after.leaf(b);
        let new = b.path(leaf, indices[side], siblings, Siblings::Taken(shared));
        root = b.select(enabled, new, root);
    }
    root
}

/// An account of the witness, or zeros.
fn account(b: &mut Builder, enabled: Wire, opening: Option<&Opening>, zero: Wire) -> Account {
    let zeros = b.constant(Digest::default());
    let mut fields = opening.map(|o| o.fields.clone()).unwrap_or_default().into_iter();
    let key = match fields.next() {
        Some(Value::Key(key)) => key,
        _ => Digest::default(),
    };
    let mut integers = fields.map(|field| if let Value::Int(v) = field { v } else { 0 }).chain(std::iter::repeat(0));
    let mut next = |b: &mut Builder, words| {
        let wire = b.input_if(enabled, integers.next().unwrap_or(0), zero);
        b.words(wire, words);
        wire
    };
    Account { key: b.digest_if(enabled, key, zeros), balances: (0..BALANCES).map(|_| next(b, 2)).collect(), nonce: next(b, 1) }
}
