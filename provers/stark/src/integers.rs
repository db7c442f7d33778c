//! Integers with static ranges: which rows an operation on them takes.
//!
//! A wire's integer lies in its range because every row that could break it is constrained; so a range may be relied on, and whatever
//! of an operation needs no constraint by the ranges alone gets none. Integers of one limb (`[0, 2^16)`, booleans above all) are
//! computed in LOGIC, whose rows are far narrower than ALU's.

use crate::builder::{Builder, Pin, Sum, Wire, Word, cells_of};
use crate::program::Type;

/// An integer, and the range in which it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Int {
    pub wire: Wire,
    pub lo: i128,
    pub hi: i128,
}

impl Int {
    pub fn bit(wire: Wire) -> Self {
        Int { wire, lo: 0, hi: 1 }
    }

    fn is_bit(&self) -> bool {
        self.lo >= 0 && self.hi <= 1
    }

    fn is_single(&self) -> bool {
        is_single(self.lo, self.hi)
    }

    fn constant(&self) -> Option<i128> {
        (self.lo == self.hi).then_some(self.lo)
    }
}

/// Whether every integer of a range is one limb.
fn is_single(lo: i128, hi: i128) -> bool {
    lo >= 0 && hi < 1 << 16
}

impl Builder {
    pub fn int_constant(&mut self, v: i128) -> Int {
        Int { wire: self.constant(cells_of(v)), lo: v, hi: v }
    }

    /// `a + b`, which lies in `[lo, hi]`.
    pub fn add(&mut self, a: Int, b: Int, (lo, hi): (i128, i128)) -> Int {
        let single = a.is_single() && b.is_single() && is_single(lo, hi);
        let wire = if single { self.logic([0, 1, 1, 0], a.wire, b.wire) } else { self.sum(Sum::Add, a.wire, b.wire) };
        Int { wire, lo, hi }
    }

    /// `a - b`, which lies in `[lo, hi]`.
    pub fn sub(&mut self, a: Int, b: Int, (lo, hi): (i128, i128)) -> Int {
        let single = a.is_single() && b.is_single() && is_single(lo, hi);
        let wire = if single { self.logic([0, 1, -1, 0], a.wire, b.wire) } else { self.sum(Sum::Sub, a.wire, b.wire) };
        Int { wire, lo, hi }
    }

    /// `a·b`, which lies in `[lo, hi]`.
    pub fn mul(&mut self, a: Int, b: Int, (lo, hi): (i128, i128)) -> Int {
        let wire = if a.is_single() && b.is_single() && is_single(lo, hi) {
            self.logic([0, 0, 0, 1], a.wire, b.wire)
        } else if a.is_bit() || b.is_bit() {
            let (bit, other) = if a.is_bit() { (a, b) } else { (b, a) };
            let zero = self.int_constant(0);
            self.select(bit.wire, other.wire, zero.wire)
        } else {
            let product = self.int_value(a.wire).wrapping_mul(self.int_value(b.wire));
            self.product(a, b, product)
        };
        Int { wire, lo, hi }
    }

    /// The wire of a product that the witness claims. **Constrains** it to be `a·b`.
    pub fn product(&mut self, a: Int, b: Int, product: i128) -> Wire {
        let wire = self.input(product);
        self.assert_product(a.wire, b.wire, None, wire);
        wire
    }

    /// `floor(a / b)`, which lies in `[lo, hi]`, and the remainder, which lies in `[0, most]`; `b >= 1`.
    pub fn divmod(&mut self, a: Int, b: Int, (lo, hi): (i128, i128), most: i128) -> (Int, Int) {
        let (x, y) = (self.int_value(a.wire), self.int_value(b.wire));
        // Where values mean nothing, `b` may be anything.
        let (q, r) = (x.checked_div_euclid(y).unwrap_or(0), x.checked_rem_euclid(y).unwrap_or(0));
        let [quotient, remainder] = self.division(a, b, q, r);
        (Int { wire: quotient, lo, hi }, Int { wire: remainder, lo: 0, hi: most })
    }

    /// The wires of a quotient and a remainder that the witness claims. **Constrains** `b·q + r = a` over the integers and `0 ≤ r < b`:
    /// there is one such pair, so the quotient needs no range.
    pub fn division(&mut self, a: Int, b: Int, q: i128, r: i128) -> [Wire; 2] {
        let (quotient, remainder) = (self.input(q), self.input(r));
        self.assert_product(b.wire, quotient, Some(remainder), a.wire);
        let zero = self.int_constant(0);
        self.assert_less(remainder, zero.wire, false);
        self.assert_less(remainder, b.wire, true);
        [quotient, remainder]
    }

    /// Whether `a = b`.
    pub fn eq(&mut self, a: Int, b: Int) -> Int {
        Int::bit(match (a.is_bit(), b.is_bit()) {
            (true, true) => self.logic([1, -1, -1, 2], a.wire, b.wire),
            _ => self.equal(a.wire, b.wire),
        })
    }

    /// Whether `a < b`.
    pub fn lt(&mut self, a: Int, b: Int) -> Int {
        Int::bit(match (a.is_bit(), b.is_bit()) {
            (true, true) => self.logic([0, 0, 1, -1], a.wire, b.wire),
            _ => self.less(a.wire, b.wire),
        })
    }

    /// `a` if `bit` is 1, else `b`; both lie in `[lo, hi]`.
    pub fn choose(&mut self, bit: Int, a: Int, b: Int, (lo, hi): (i128, i128)) -> Int {
        let single = is_single(lo, hi);
        let wire = match (a.constant(), b.constant()) {
            // b + bit·(a - b)
            (Some(a), _) if single => self.logic([0, a as i64, 1, -1], bit.wire, b.wire),
            (_, Some(b)) if single => self.logic([b as i64, -b as i64, 0, 1], bit.wire, a.wire),
            _ => self.select(bit.wire, a.wire, b.wire),
        };
        Int { wire, lo, hi }
    }

    pub fn and(&mut self, a: Int, b: Int) -> Int {
        Int::bit(self.logic([0, 0, 0, 1], a.wire, b.wire))
    }

    pub fn or(&mut self, a: Int, b: Int) -> Int {
        Int::bit(self.logic([0, 1, 1, -1], a.wire, b.wire))
    }

    /// The same integer. **Constrains** it to `[lo, hi]`, which may be narrower or wider than its range.
    pub fn range(&mut self, a: Int, (lo, hi): (i128, i128)) -> Int {
        let (below, above) = (a.lo < lo, a.hi > hi);
        let width = (hi as u128).wrapping_sub(lo as u128);
        let words = Type::Int { lo, hi }.words();
        let whole = words <= 2 && width == u128::MAX >> (128 - 32 * words as u32);
        let checked = below || above;
        if checked && width == 0 {
            self.pin(a.wire, Pin::Constant(cells_of(lo)));
        } else if checked && whole || below && words <= 2 {
            self.int_words(a, lo, words);
        } else if below {
            let least = self.int_constant(lo);
            self.assert_less(a.wire, least.wire, false);
        }
        if above && width != 0 && !whole {
            let greatest = self.int_constant(hi);
            self.assert_less(greatest.wire, a.wire, false);
        }
        Int { wire: a.wire, lo, hi }
    }

    /// The words of `a - lo`, the most significant first, `count` 1 or 2. **Constrains** it to `[0, 2^(32·count))`.
    pub fn int_words(&mut self, a: Int, lo: i128, count: usize) -> Vec<Word> {
        let encoded = if lo == 0 {
            a.wire
        } else {
            let lo = self.int_constant(lo);
            self.sum(Sum::Sub, a.wire, lo.wire)
        };
        let mut words = self.words(encoded, count);
        words.reverse();
        words
    }
}
