//! Integers of a program in a circuit over GF(p).
//!
//! # Representation
//!
//! A value `v` with static range `[lo, hi]` within ±2^127 is a list of **limbs**, `v = Σ x_j · 2^(32j)` *over the integers*. A
//! limb is a field element that stands for one known integer interval, at most ±2^60 (`LIMB_MAX`), so p being about 2^64, the
//! element determines the integer. Limbs are signed and need not be below 2^32: the same value has many lists, and addition,
//! subtraction, negation and selection are limb by limb with no carry and no range check. Soundness of everything below rests on two facts:
//!
//! 1. *An equation between limbs holds over the integers when both sides are known to be less than p/2 from zero.* Every gadget
//!    states the bounds that it relies on, and asserts them when the circuit is built.
//! 2. *Words are unique*: `v - lo` in `[0, 2^(32n))` has one list of `n` words below 2^32. Words are made only where they are
//!    needed: to store, to output, to compare, to divide, and to multiply what does not fit otherwise.
//!
//! Signs need no sign bit: a negative value has negative limbs. A product is the convolution of the limbs where the sums stay
//! within ±2^58, and else of 16-bit limbs, whose products cannot come near that. There is no `a·b + c` gate with its one
//! addend, no 64-bit split with its second solution, and no lookup.
//!
//! # Who could lie, and where
//!
//! The prover chooses only the outputs of cells (unique, see `gates`), quotient and remainder of a division (unique: `a = b·q + r`,
//! `0 <= r < b`), and the bit of a comparison (see [`Builder::less_than`]). `tests/integers.rs` tells each lie.

use plonky2::iop::target::{BoolTarget, Target};

use crate::builder::{Builder, Word};
use crate::field::{F, Field, MODULUS, element};
use crate::gates::{Step, Words2};
use crate::program::words_for;

/// Greatest magnitude of a limb.
pub const LIMB_MAX: i128 = 1 << 60;
/// Greatest magnitude of a limb of a product, and of one that a sum takes as it is: sums of three stay well below `LIMB_MAX`.
const OPERAND_MAX: i128 = 1 << 58;
const BASE: i128 = 1 << 32;

/// A field element that stands for an integer in `[lo, hi]`.
#[derive(Debug, Clone, Copy)]
pub struct Limb {
    pub target: Target,
    pub lo: i128,
    pub hi: i128,
}

/// A value, and its words if they are known.
#[derive(Debug, Clone)]
pub struct Int {
    pub lo: i128,
    pub hi: i128,
    /// Least significant first.
    pub limbs: Vec<Limb>,
    /// `(offset, words)`: `value - offset`, least significant word first.
    pub words: Option<(i128, Vec<Word>)>,
}

impl Int {
    fn fits_one_limb(&self) -> bool {
        self.lo >= -LIMB_MAX && self.hi <= LIMB_MAX
    }
}

/// Digits of `v` to base `2^bits`: all but the last in `[0, 2^bits)`, the last within ±2^bits.
fn digits(v: i128, bits: u32, count: usize) -> Vec<i128> {
    let mut rest = v;
    let mut out = vec![];
    for _ in 1..count {
        out.push(rest & ((1 << bits) - 1));
        rest >>= bits;
    }
    out.push(rest);
    assert!(rest.abs() <= 1 << bits, "{v} has more than {count} digits");
    out
}

/// Digits that `v` needs to base 2^32, the last one signed.
fn digit_count(v: i128) -> usize {
    (1..4).find(|&n| (v >> (32 * (n - 1))).unsigned_abs() <= BASE as u128).unwrap_or(4)
}

impl Builder {
    fn limb(&mut self, terms: &[(i128, Limb)], constant: i128) -> Limb {
        let side = |low: bool| terms.iter().fold(constant, |sum, (c, x)| sum + c * if low == (*c >= 0) { x.lo } else { x.hi });
        let (lo, hi) = (side(true), side(false));
        assert!(-LIMB_MAX <= lo && hi <= LIMB_MAX, "a limb in [{lo}, {hi}]");
        let terms: Vec<_> = terms.iter().map(|(c, x)| (element(*c), x.target)).collect();
        Limb { target: self.linear(&terms, constant), lo, hi }
    }

    /// A constant.
    pub fn int_constant(&mut self, v: i128) -> Int {
        let digits = digits(v, 32, digit_count(v));
        let limbs: Vec<_> = digits.iter().map(|&d| Limb { target: self.constant(d), lo: d, hi: d }).collect();
        let words = digits
            .iter()
            .all(|d| (0..BASE).contains(d))
            .then(|| (0, limbs.iter().map(|l| Word { target: l.target, low: None }).collect()));
        Int { lo: v, hi: v, limbs, words }
    }

    /// `offset + Σ words`, the words least significant first and range checked. It lies in `[lo, hi]` for a reason that the caller knows.
    pub fn int_of_words(&mut self, words: Vec<Word>, offset: i128, lo: i128, hi: i128) -> Int {
        let count = words.len().max(digit_count(offset));
        let digits = digits(offset, 32, count);
        let limbs = (0..count)
            .map(|j| match words.get(j) {
                Some(w) => self.limb(&[(1, Limb { target: w.target, lo: 0, hi: BASE - 1 })], digits[j]),
                None => self.limb(&[], digits[j]),
            })
            .collect();
        Int { lo, hi, limbs, words: Some((offset, words)) }
    }

    /// A boolean.
    pub fn int_of_bool(&mut self, bit: BoolTarget) -> Int {
        let limbs = vec![Limb { target: bit.target, lo: 0, hi: 1 }];
        Int { lo: 0, hi: 1, limbs, words: Some((0, vec![Word { target: bit.target, low: None }])) }
    }

    /// The one element that a value within ±2^60 is.
    pub fn single(&mut self, v: &Int) -> Limb {
        assert!(v.fits_one_limb(), "[{}, {}] is more than a limb", v.lo, v.hi);
        // |v| <= 2^60 over the integers, so the sum mod p determines it, whatever the limbs.
        Limb { target: self.residue(v), lo: v.lo, hi: v.hi }
    }

    /// The value mod p.
    fn residue(&mut self, v: &Int) -> Target {
        let base = F::from_canonical_u64(1 << 32);
        let terms: Vec<_> = v.limbs.iter().enumerate().map(|(j, x)| (base.exp_u64(j as u64), x.target)).collect();
        self.linear(&terms, 0)
    }

    /// A boolean as such: its range says that it is one.
    pub fn boolean(&mut self, v: &Int) -> BoolTarget {
        assert!(v.lo >= 0 && v.hi <= 1);
        BoolTarget::new_unsafe(self.single(v).target)
    }

    /// `Σ sign·value`, limb by limb; it lies in `[lo, hi]`.
    fn sum(&mut self, values: &[(i128, &Int)], lo: i128, hi: i128) -> Int {
        assert!(values.len() <= 3, "three operands of 2^58 at most");
        let values: Vec<(i128, Int)> = values.iter().map(|&(sign, v)| (sign, self.operand(v))).collect();
        let count = values.iter().map(|(_, v)| v.limbs.len()).max().expect("an operand");
        let limbs = (0..count)
            .map(|j| {
                let terms = values.iter().filter_map(|(sign, v)| v.limbs.get(j).map(|&l| (*sign, l)));
                let (constants, terms): (Vec<_>, Vec<_>) = terms.partition(|(_, l)| l.lo == l.hi);
                self.limb(&terms, constants.iter().map(|(c, l)| c * l.lo).sum())
            })
            .collect();
        Int { lo, hi, limbs, words: None }
    }

    /// The same value with limbs that a sum can take.
    fn operand(&mut self, v: &Int) -> Int {
        if v.limbs.iter().all(|l| l.lo >= -OPERAND_MAX && l.hi <= OPERAND_MAX) {
            return v.clone();
        }
        let words = self.words(v, v.lo, words_for(v.lo, v.hi));
        self.int_of_words(words, v.lo, v.lo, v.hi)
    }

    /// `a + b`, which lies in `[lo, hi]`.
    pub fn add(&mut self, a: &Int, b: &Int, lo: i128, hi: i128) -> Int {
        self.sum(&[(1, a), (1, b)], lo, hi)
    }

    /// `a - b`, which lies in `[lo, hi]`.
    pub fn sub(&mut self, a: &Int, b: &Int, lo: i128, hi: i128) -> Int {
        self.sum(&[(1, a), (-1, b)], lo, hi)
    }

    /// `a·b`, which lies in `[lo, hi]`.
    pub fn mul(&mut self, a: &Int, b: &Int, lo: i128, hi: i128) -> Int {
        let [a, b] = [a, b].map(|v| {
            if v.limbs.len() > 1 && v.fits_one_limb() {
                let limbs = vec![self.single(v)];
                Int { limbs, ..v.clone() }
            } else {
                v.clone()
            }
        });
        let limbs = match self.convolution(&a.limbs, &b.limbs, 1) {
            Some(limbs) => limbs,
            None => {
                let (a, b) = (self.halves(&a), self.halves(&b));
                self.convolution(&a, &b, 2).expect("products of 16-bit limbs are small")
            }
        };
        Int { lo, hi, limbs, words: None }
    }

    /// `Σ_{i+j = k} a_i·b_j` for each `k`, `group` of them to a limb of base 2^32 (limbs of 32/`group` bits); `None` where one could pass 2^58.
    fn convolution(&mut self, a: &[Limb], b: &[Limb], group: usize) -> Option<Vec<Limb>> {
        let bits = 32 / group as u32;
        type Products = Vec<(F, Target, Target)>;
        let mut sums: Vec<(i128, i128, Products)> = vec![];
        for (i, x) in a.iter().enumerate() {
            for (j, y) in b.iter().enumerate() {
                let (k, shift) = ((i + j) / group, bits * ((i + j) % group) as u32);
                if sums.len() <= k {
                    sums.resize(k + 1, (0, 0, vec![]));
                }
                let corners = [x.lo * y.lo, x.lo * y.hi, x.hi * y.lo, x.hi * y.hi].map(|c| c << shift);
                let sum = &mut sums[k];
                sum.0 += corners.iter().min()?;
                sum.1 += corners.iter().max()?;
                if sum.0 < -OPERAND_MAX || sum.1 > OPERAND_MAX {
                    return None;
                }
                if (x.lo, x.hi) != (0, 0) && (y.lo, y.hi) != (0, 0) {
                    sum.2.push((F::from_canonical_u64(1 << shift), x.target, y.target));
                }
            }
        }
        Some(
            sums.into_iter()
                .map(|(lo, hi, terms)| {
                    let zero = self.plonk.zero();
                    let target = terms.into_iter().fold(zero, |sum, (c, x, y)| self.plonk.arithmetic(c, F::ONE, x, y, sum));
                    Limb { target, lo, hi }
                })
                .collect(),
        )
    }

    /// The value in limbs of base 2^16, each within ±2^17.
    fn halves(&mut self, v: &Int) -> Vec<Limb> {
        let words = self.words(v, v.lo, words_for(v.lo, v.hi));
        let count = (2 * words.len()).max(2 * digit_count(v.lo));
        let digits = digits(v.lo, 16, count);
        let mut limbs = vec![];
        for word in words {
            let low = match word.low {
                Some(low) => low,
                None => self.range32(word.target).low.expect("range32 gives it"),
            };
            // high = (word - low) / 2^16, exact over the integers, below 2^16.
            let inverse = F::from_canonical_u64(1 << 16).inverse();
            let high = self.linear(&[(inverse, word.target), (-inverse, low)], 0);
            limbs.extend([low, high]);
        }
        let half = |target| Limb { target, lo: 0, hi: (1 << 16) - 1 };
        (0..count)
            .map(|j| match limbs.get(j) {
                Some(&t) => self.limb(&[(1, half(t))], digits[j]),
                None => self.limb(&[], digits[j]),
            })
            .collect()
    }

    /// `if c { a } else { b }`, which lies in `[lo, hi]`.
    pub fn select(&mut self, c: BoolTarget, a: &Int, b: &Int, lo: i128, hi: i128) -> Int {
        let zero = Limb { target: self.plonk.zero(), lo: 0, hi: 0 };
        let limbs: Vec<Limb> = (0..a.limbs.len().max(b.limbs.len()))
            .map(|j| {
                let (x, y) = (*a.limbs.get(j).unwrap_or(&zero), *b.limbs.get(j).unwrap_or(&zero));
                let target = if x.target == y.target { x.target } else { self.plonk.select(c, x.target, y.target) };
                Limb { target, lo: x.lo.min(y.lo), hi: x.hi.max(y.hi) }
            })
            .collect();
        // Limbs that are words on both sides are words of the result.
        let words = match (&a.words, &b.words) {
            (Some((0, x)), Some((0, y))) if x.len().max(y.len()) == limbs.len() => {
                Some((0, limbs.iter().map(|l| Word { target: l.target, low: None }).collect()))
            }
            _ => None,
        };
        Int { lo, hi, limbs, words }
    }

    /// The `n` words of `v - offset`, least significant first: **constrains** `0 <= v - offset < 2^(32n)`.
    pub fn words(&mut self, v: &Int, offset: i128, n: usize) -> Vec<Word> {
        if let Some((known, words)) = &v.words
            && *known == offset
            && words.len() <= n
        {
            let zero = Word { target: self.plonk.zero(), low: None };
            return words.iter().copied().chain(std::iter::repeat(zero)).take(n).collect();
        }
        let digits = digits(offset, 32, digit_count(offset).max(v.limbs.len()));
        let zero = Limb { target: self.plonk.zero(), lo: 0, hi: 0 };
        let limbs = (digits.iter().enumerate())
            .map(|(j, &d)| {
                let limb = *v.limbs.get(j).unwrap_or(&zero);
                Limb { target: self.linear(&[(F::ONE, limb.target)], -d), lo: limb.lo - d, hi: limb.hi - d }
            })
            .collect();
        let (lo, hi) = (v.lo.saturating_sub(offset), v.hi.saturating_sub(offset));
        self.natural(&Int { lo, hi, limbs, words: None }, n)
    }

    /// `sign·(v - offset)`.
    fn shifted(&mut self, v: &Int, sign: i128, offset: i128) -> Int {
        let constant = self.int_constant(offset);
        let (lo, hi) = (v.lo.saturating_sub(offset), v.hi.saturating_sub(offset));
        if sign == 1 { self.sub(v, &constant, lo, hi) } else { self.sub(&constant, v, hi.saturating_neg(), lo.saturating_neg()) }
    }

    /// The `n` words of `x`: **constrains** `0 <= x < 2^(32n)`.
    fn natural(&mut self, x: &Int, n: usize) -> Vec<Word> {
        if n == 1 && x.fits_one_limb() {
            let limb = self.single(x);
            return vec![self.range32(limb.target)];
        }
        let zero = Limb { target: self.plonk.zero(), lo: 0, hi: 0 };
        let limb = |j: usize| *x.limbs.get(j).unwrap_or(&zero);
        if n == 2 && x.limbs.len() <= 2 && limb(0).lo >= -BASE && limb(0).hi < 3 * BASE {
            let out = self.cell::<Words2>(&[limb(0).target, limb(1).target]);
            return vec![Word { target: out[0], low: Some(out[1]) }, Word { target: out[2], low: Some(out[3]) }];
        }
        let count = n.max(x.limbs.len());
        let mut carry = zero.target;
        let mut words = vec![];
        for j in 0..count {
            if j + 1 == count {
                // x_j + carry is the last word, or zero past the last word: both sides are small, so this holds over the integers.
                let last = self.plonk.add(limb(j).target, carry);
                if j < n {
                    words.push(self.range32(last));
                } else {
                    self.plonk.assert_zero(last);
                }
            } else {
                let out = self.cell::<Step>(&[limb(j).target, carry]);
                carry = out[2];
                if j < n {
                    words.push(Word { target: out[0], low: Some(out[1]) });
                } else {
                    self.plonk.assert_zero(out[0]);
                }
            }
        }
        words
    }

    /// **Constrains** `x = 0`.
    fn assert_zero_int(&mut self, x: &Int) {
        let bound = |j: usize, l: &Limb| l.lo.abs().max(l.hi.abs()).checked_mul(1i128.checked_shl(32 * j as u32)?);
        let sum = x.limbs.iter().enumerate().try_fold(0i128, |sum, (j, l)| sum.checked_add(bound(j, l)?));
        if sum.is_some_and(|s| s < i128::from(MODULUS)) {
            let total = self.residue(x);
            self.plonk.assert_zero(total);
            return;
        }
        let mut carry = self.plonk.zero();
        for limb in &x.limbs[..x.limbs.len() - 1] {
            let out = self.cell::<Step>(&[limb.target, carry]);
            self.plonk.assert_zero(out[0]);
            carry = out[2];
        }
        let last = self.plonk.add(x.limbs[x.limbs.len() - 1].target, carry);
        self.plonk.assert_zero(last);
    }

    /// `v`, **constrained** to `[lo, hi]`.
    pub fn range(&mut self, v: &Int, lo: i128, hi: i128) -> Int {
        if lo <= v.lo && v.hi <= hi {
            return Int { lo, hi, ..v.clone() };
        }
        let n = words_for(lo, hi);
        let full = n < 4 && hi.wrapping_sub(lo) == (1i128 << (32 * n)) - 1;
        let below = v.lo < lo || full;
        let words = if below { Some(self.words(v, lo, n)) } else { None };
        if v.hi > hi && !full {
            let above = self.shifted(v, -1, hi);
            self.natural(&above, n);
        }
        match words {
            Some(words) => self.int_of_words(words, lo, lo, hi),
            None => Int { lo, hi, ..v.clone() },
        }
    }

    /// `floor(a / b)` in `[lo, hi]` and the remainder in `[0, most]`; `b >= 1` by its range. The prover's words of both are advice.
    ///
    /// `a = b·q + r` over the integers and `0 <= r < b` have one solution, so a changed quotient or remainder has none.
    pub fn divmod(&mut self, a: &Int, b: &Int, (lo, hi): (i128, i128), most: i128) -> (Int, Int) {
        assert!(b.lo >= 1);
        let mut advised = |lo: i128, hi: i128| {
            let words = self.advise_many(words_for(lo, hi)).into_iter().map(|t| self.range32(t)).collect();
            self.int_of_words(words, lo, lo, hi)
        };
        let (quotient, remainder) = (advised(lo, hi), advised(0, most));
        // The advised words could be more than their static ranges say: the widths below hold for any words.
        let width = |v: &Int, n: usize| Int { hi: v.lo.saturating_add(top(n)), ..v.clone() };
        let (q, r) = (width(&quotient, words_for(lo, hi)), width(&remainder, words_for(0, most)));
        let product = self.mul(b, &q, i128::MIN, i128::MAX);
        let rest = self.sum(&[(1, a), (-1, &product), (-1, &r)], i128::MIN, i128::MAX);
        self.assert_zero_int(&rest);
        // b - 1 - r >= 0: words enough for b - 1.
        let gap = self.sub(b, &r, b.lo.saturating_sub(r.hi), b.hi);
        let gap = self.shifted(&gap, 1, 1);
        self.natural(&gap, words_for(0, b.hi - 1));
        (quotient, remainder)
    }

    /// 1 if `a = b`.
    pub fn equal(&mut self, a: &Int, b: &Int) -> BoolTarget {
        let (lo, hi) = (a.lo.saturating_sub(b.hi), a.hi.saturating_sub(b.lo));
        if lo > 0 || hi < 0 {
            return self.plonk._false();
        }
        let mut difference = self.sub(a, b, lo, hi);
        if difference.fits_one_limb() {
            let limb = self.single(&difference);
            return self.is_zero(limb.target);
        }
        // Limbs below 2^32 in magnitude, but for the last one, vanish together or not at all.
        let small = |v: &Int| v.limbs[..v.limbs.len() - 1].iter().all(|l| l.lo > -BASE && l.hi < BASE);
        if !small(&difference) {
            let (x, y) = (self.words(a, a.lo.min(b.lo), 4), self.words(b, a.lo.min(b.lo), 4));
            let (x, y) = (self.int_of_words(x, 0, 0, i128::MAX), self.int_of_words(y, 0, 0, i128::MAX));
            difference = self.sub(&x, &y, lo, hi);
        }
        let zeros: Vec<BoolTarget> = difference.limbs.iter().map(|l| self.is_zero(l.target)).collect();
        zeros.into_iter().reduce(|x, y| self.plonk.and(x, y)).expect("a limb")
    }

    fn is_zero(&mut self, x: Target) -> BoolTarget {
        let zero = self.plonk.zero();
        self.plonk.is_equal(x, zero)
    }

    /// 1 if `a < b`; the bit is advice.
    ///
    /// With `d = a - b` and `2^(32n)` at least as large as `d` can be on either side, `d + t·2^(32n)` has `n` words only for
    /// `t = [d < 0]`: else it is negative, or 2^(32n) or more.
    pub fn less_than(&mut self, a: &Int, b: &Int) -> BoolTarget {
        let bit = self.advise_bool();
        let (lo, hi) = (a.lo.saturating_sub(b.hi), a.hi.saturating_sub(b.lo));
        let n = (1..=4).find(|&n| lo.saturating_neg() <= top(n) + i128::from(n < 4) && hi <= top(n)).expect("within ±2^127");
        let d = self.sub(a, b, lo, hi);
        self.with_top_bit(&d, bit, n);
        bit
    }

    /// **Constrains** `0 <= d + bit·2^(32n) < 2^(32n)`.
    fn with_top_bit(&mut self, d: &Int, bit: BoolTarget, n: usize) {
        let mut limbs = d.limbs.clone();
        let zero = Limb { target: self.plonk.zero(), lo: 0, hi: 0 };
        while limbs.len() < n {
            limbs.push(zero);
        }
        // 2^(32n) is 2^32 in the limb below.
        let last = limbs[n - 1];
        limbs[n - 1] = self.limb(&[(1, last), (BASE, Limb { target: bit.target, lo: 0, hi: 1 })], 0);
        let sum = Int { lo: d.lo, hi: d.hi.saturating_add(top(n)).saturating_add(1), limbs, words: None };
        self.natural(&sum, n);
    }
}

/// `2^(32n) - 1`, or the greatest value of a program.
fn top(n: usize) -> i128 {
    if n >= 4 { i128::MAX } else { (1 << (32 * n)) - 1 }
}
