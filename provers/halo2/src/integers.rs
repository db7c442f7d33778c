//! Arithmetic on bounded integers (docs/program.md §3).
//!
//! A value is affine in one cell, so that constants, negations and shifts cost nothing. Every range a [`Int`] states is one that
//! the constraints before it guarantee; all stay below 2^128, far from the field's order, unless a comment says why not.

use halo2_axiom::halo2curves::bn256::Fr;
use halo2_axiom::halo2curves::ff::Field;

use crate::builder::{Builder, Place, Wide, Wire};
use crate::program::Range;
use crate::suite::integer;

/// `scale · cell + offset`, or a constant.
#[derive(Clone, Copy, Debug)]
pub struct Affine {
    pub wire: Option<Wire>,
    pub scale: Fr,
    pub offset: Fr,
}

impl Affine {
    pub fn constant(offset: Fr) -> Self {
        Affine { wire: None, scale: Fr::ZERO, offset }
    }

    pub fn value(&self) -> Fr {
        self.wire.map_or(self.offset, |w| self.scale * w.value + self.offset)
    }

    /// `by` times this, plus `shift`.
    pub fn times_plus(&self, by: Fr, shift: Fr) -> Self {
        Affine { wire: self.wire, scale: self.scale * by, offset: self.offset * by + shift }
    }

    fn place(&self) -> Place {
        self.wire.map_or(Place::Empty, Place::Copy)
    }
}

impl From<Wire> for Affine {
    fn from(wire: Wire) -> Self {
        Affine { wire: Some(wire), scale: Fr::ONE, offset: Fr::ZERO }
    }
}

/// An integer of the program.
#[derive(Clone, Copy, Debug)]
pub struct Int {
    pub affine: Affine,
    pub value: i128,
    pub range: Range,
}

impl Int {
    pub fn constant(v: i128) -> Self {
        Int { affine: Affine::constant(integer(v)), value: v, range: Range { lo: v, hi: v } }
    }

    /// `v - lo`, which is at least 0.
    pub fn above(&self, lo: i128) -> Affine {
        self.affine.times_plus(Fr::ONE, -integer(lo))
    }
}

fn bits(span: u128) -> u32 {
    (128 - span.leading_zeros()).max(1)
}

/// `a - b` where `a >= b`.
fn gap(a: i128, b: i128) -> u128 {
    a.wrapping_sub(b) as u128
}

fn at_most_one(v: &Int) -> bool {
    v.range.lo >= 0 && v.range.hi <= 1
}

/// Rounded down; 0 for a divisor that is not positive, which no valid slot has.
fn floor(a: i128, b: i128) -> i128 {
    if b > 0 { a.div_euclid(b) } else { 0 }
}

impl Builder {
    /// `x·X + y·Y + xy·X·Y + k`; no constraint unless two cells are in it.
    pub fn bilinear(&mut self, a: &Affine, b: &Affine, [x, y, xy, k]: [Fr; 4]) -> Affine {
        let constant = x * a.offset + y * b.offset + xy * a.offset * b.offset + k;
        let (qa, qb) = (a.scale * (x + xy * b.offset), b.scale * (y + xy * a.offset));
        let of_one = |wire: Option<Wire>, scale: Fr| match scale == Fr::ZERO {
            true => Affine::constant(constant),
            false => Affine { wire, scale, offset: constant },
        };
        match (a.wire, b.wire) {
            (None, None) => Affine::constant(constant),
            (Some(_), None) => of_one(a.wire, qa),
            (None, Some(_)) => of_one(b.wire, qb),
            (Some(v), Some(w)) if xy == Fr::ZERO && v.cell == w.cell => of_one(a.wire, qa + qb),
            (Some(v), Some(w)) => {
                let qab = xy * a.scale * b.scale;
                let value = qa * v.value + qb * w.value + qab * v.value * w.value + constant;
                let out = self.constrain(a.place(), b.place(), [qa, qb, qab, constant], Place::New(value))[2];
                out.expect("placed").into()
            }
        }
    }

    /// The value in a cell of its own.
    pub fn wire(&mut self, v: &Affine) -> Wire {
        match v.wire {
            None => self.constant(v.offset),
            Some(w) if v.scale == Fr::ONE && v.offset == Fr::ZERO => w,
            Some(w) => {
                let q = [v.scale, Fr::ZERO, Fr::ZERO, v.offset];
                let value = v.scale * w.value + v.offset;
                self.constrain(Place::Copy(w), Place::Empty, q, Place::New(value))[2].expect("placed")
            }
        }
    }

    /// Demands `v = constant`. Costs no row.
    pub fn equals_constant(&mut self, v: &Affine, constant: Fr) {
        let inverse = v.scale.invert().into_option();
        match (v.wire, inverse) {
            (Some(w), Some(inverse)) => {
                let held = self.constant((constant - v.offset) * inverse);
                self.equal(w, held);
            }
            // Two constants: equal, or no witness will do.
            _ => {
                let (a, b) = (self.constant(v.offset), self.constant(constant));
                self.equal(a, b);
            }
        }
    }

    /// Demands `x·X + y·Y + xy·X·Y + k = 0`.
    pub fn bilinear_zero(&mut self, a: &Affine, b: &Affine, [x, y, xy, k]: [Fr; 4]) {
        let constant = x * a.offset + y * b.offset + xy * a.offset * b.offset + k;
        let (qa, qb) = (a.scale * (x + xy * b.offset), b.scale * (y + xy * a.offset));
        let zero = self.constant(Fr::ZERO);
        self.constrain(a.place(), b.place(), [qa, qb, xy * a.scale * b.scale, constant], Place::Copy(zero));
    }

    /// Demands 0 or 1.
    pub fn boolean(&mut self, v: &Affine) {
        self.bilinear_zero(v, v, [-Fr::ONE, Fr::ZERO, Fr::ONE, Fr::ZERO]);
    }

    /// A new value, demanded to lie in `[range.lo, range.lo + 2^bits)` with the least such power; a constant if there is but one.
    pub fn new_int(&mut self, value: i128, range: Range) -> Int {
        if range.lo == range.hi {
            return Int::constant(range.lo);
        }
        let over = Wide::from(value).minus(range.lo.into());
        let at = Place::New(integer(value) - integer(range.lo));
        let wire = match bits(range.span()) {
            1 => self.new_boolean(at),
            width => self.limbs(at, over, width),
        };
        Int { affine: Affine::from(wire).times_plus(Fr::ONE, integer(range.lo)), value, range }
    }

    /// A new cell of 0 or 1.
    pub fn new_boolean(&mut self, at: Place) -> Wire {
        let (zero, one) = (Fr::ZERO, Fr::ONE);
        self.constrain(at, Place::First, [zero, zero, one, zero], Place::First)[0].expect("placed")
    }

    /// Demands `0 <= v < 2^bits`.
    pub fn hold_bits(&mut self, v: &Affine, value: Wide, bits: u32) {
        if bits == 1 {
            self.boolean(v);
        } else {
            let wire = self.wire(v);
            self.limbs(Place::Copy(wire), value, bits);
        }
    }

    /// Demands `lo <= v <= hi`, as far as `v`'s range leaves it open.
    pub fn hold(&mut self, v: &Int, range: Range) -> Int {
        let Range { lo, hi } = range;
        let (low_is_known, high_is_known) = (v.range.lo >= lo, v.range.hi <= hi);
        if low_is_known && high_is_known {
            return *v;
        }
        let held = Int { range, ..*v };
        if lo == hi {
            self.equals_constant(&v.affine, integer(lo));
            return Int::constant(lo);
        }
        let above = v.above(lo);
        let below = v.affine.times_plus(-Fr::ONE, integer(hi));
        let (over, under) = (Wide::from(v.value).minus(lo.into()), Wide::from(hi).minus(v.value.into()));
        let width = bits(range.span());
        if range.span() == u128::MAX >> (128 - width) {
            self.hold_bits(&above, over, width);
        } else if low_is_known {
            self.hold_bits(&below, under, bits(gap(hi.max(v.range.lo), v.range.lo)));
        } else if high_is_known {
            self.hold_bits(&above, over, bits(gap(v.range.hi.max(lo), lo)));
        } else {
            self.hold_bits(&above, over, width);
            self.hold_bits(&below, under, width);
        }
        held
    }

    pub fn add(&mut self, a: &Int, b: &Int, range: Range) -> Int {
        let affine = self.bilinear(&a.affine, &b.affine, [Fr::ONE, Fr::ONE, Fr::ZERO, Fr::ZERO]);
        Int { affine, value: a.value.wrapping_add(b.value), range }
    }

    pub fn sub(&mut self, a: &Int, b: &Int, range: Range) -> Int {
        let affine = self.bilinear(&a.affine, &b.affine, [Fr::ONE, -Fr::ONE, Fr::ZERO, Fr::ZERO]);
        Int { affine, value: a.value.wrapping_sub(b.value), range }
    }

    pub fn mul(&mut self, a: &Int, b: &Int, range: Range) -> Int {
        let affine = self.bilinear(&a.affine, &b.affine, [Fr::ZERO, Fr::ZERO, Fr::ONE, Fr::ZERO]);
        Int { affine, value: a.value.wrapping_mul(b.value), range }
    }

    pub fn and(&mut self, a: &Int, b: &Int) -> Int {
        self.mul(a, b, Range::BOOLEAN)
    }

    pub fn or(&mut self, a: &Int, b: &Int) -> Int {
        let affine = self.bilinear(&a.affine, &b.affine, [Fr::ONE, Fr::ONE, -Fr::ONE, Fr::ZERO]);
        Int { affine, value: a.value | b.value, range: Range::BOOLEAN }
    }

    pub fn not(&mut self, a: &Int) -> Int {
        Int { affine: a.affine.times_plus(-Fr::ONE, Fr::ONE), value: 1 - (a.value & 1), range: Range::BOOLEAN }
    }

    /// 1 if `a < b`: the sign of the difference, which is the bit above its limbs once a power of two is added.
    pub fn lt(&mut self, a: &Int, b: &Int) -> Int {
        if a.range.hi < b.range.lo || a.range.lo >= b.range.hi {
            return Int::constant((a.range.hi < b.range.lo).into());
        }
        // -2^width <= a - b < 2^width
        let width = bits(gap(a.range.hi, b.range.lo)).max(bits(gap(b.range.hi, a.range.lo) - 1));
        let count = width.div_ceil(self.limb) as usize;
        let power = Wide::power(count as u32 * self.limb);
        let shifted = self.bilinear(&a.affine, &b.affine, [Fr::ONE, -Fr::ONE, Fr::ZERO, power.element()]);
        let shifted = self.wire(&shifted);
        let value = Wide::from(a.value).minus(b.value.into()).plus(power);
        let top = Affine::from(self.above_limbs(shifted, value, count));
        self.boolean(&top);
        Int { affine: top.times_plus(-Fr::ONE, Fr::ONE), value: (a.value < b.value).into(), range: Range::BOOLEAN }
    }

    /// 1 if `a = b`.
    pub fn eq(&mut self, a: &Int, b: &Int) -> Int {
        if a.range.hi < b.range.lo || b.range.hi < a.range.lo {
            return Int::constant(0);
        }
        let value = (a.value == b.value).into();
        let one_of_two = |v: &Int, other: i128| match other {
            1 => v.affine,
            _ => v.affine.times_plus(-Fr::ONE, Fr::ONE),
        };
        if at_most_one(a) && b.range.lo == b.range.hi {
            return Int { affine: one_of_two(a, b.range.lo), value, range: Range::BOOLEAN };
        }
        if at_most_one(b) && a.range.lo == a.range.hi {
            return Int { affine: one_of_two(b, a.range.lo), value, range: Range::BOOLEAN };
        }
        let difference = self.bilinear(&a.affine, &b.affine, [Fr::ONE, -Fr::ONE, Fr::ZERO, Fr::ZERO]);
        if difference.wire.is_none() {
            return Int::constant((difference.offset == Fr::ZERO).into());
        }
        Int { affine: self.is_zero(&difference), value, range: Range::BOOLEAN }
    }

    /// 1 if a value is 0: `e = 1 - v·w` for some `w`, and `v·e = 0`.
    fn is_zero(&mut self, v: &Affine) -> Affine {
        let inverse = v.value().invert().into_option().unwrap_or(Fr::ZERO);
        let e = Fr::ONE - v.value() * inverse;
        let q = [Fr::ZERO, -v.offset, -v.scale, Fr::ONE];
        let [_, _, e] = self.constrain(v.place(), Place::New(inverse), q, Place::New(e));
        let e = Affine::from(e.expect("placed"));
        self.bilinear_zero(v, &e, [Fr::ZERO, Fr::ZERO, Fr::ONE, Fr::ZERO]);
        e
    }

    /// `a` if the boolean `c` is 1, else `b`.
    pub fn choose(&mut self, c: &Affine, a: &Affine, b: &Affine) -> Affine {
        let (zero, one) = (Fr::ZERO, Fr::ONE);
        match (c.wire, a.wire, b.wire) {
            (None, _, _) => {
                if c.offset == one {
                    *a
                } else {
                    *b
                }
            }
            (_, _, None) => self.bilinear(c, a, [-b.offset, zero, one, b.offset]),
            (_, None, _) => self.bilinear(c, b, [a.offset, one, -one, zero]),
            (Some(_), Some(_), Some(_)) => {
                let value = if c.value() == one { a.value() } else { b.value() };
                let q = [
                    c.scale * a.offset,
                    c.offset * a.scale,
                    c.scale * a.scale,
                    c.offset * a.offset,
                    -c.scale * b.offset,
                    (one - c.offset) * b.scale,
                    -c.scale * b.scale,
                    (one - c.offset) * b.offset,
                ];
                let places = [c.place(), a.place(), c.place(), b.place()];
                self.wide(places, q, Place::New(value)).expect("placed").into()
            }
        }
    }

    pub fn select(&mut self, c: &Int, a: &Int, b: &Int, range: Range) -> Int {
        let value = if c.value == 1 { a.value } else { b.value };
        Int { affine: self.choose(&c.affine, &a.affine, &b.affine), value, range }
    }

    /// Quotient, rounded down, and remainder: `a = b·q + r` over the integers, `0 <= r < b`.
    pub fn divmod(&mut self, a: &Int, b: &Int, range: Range) -> (Int, Int) {
        let quotient = floor(a.value, b.value);
        let remainder = a.value.wrapping_sub(b.value.wrapping_mul(quotient));
        let rest = Range { lo: 0, hi: b.range.hi - 1 };
        let r = self.new_int(remainder, rest);
        // r <= b - 1; a power of two as divisor has said it already.
        let constant_power = b.range.lo == b.range.hi && b.range.hi & (b.range.hi - 1) == 0;
        if !constant_power {
            let room = self.bilinear(&b.affine, &r.affine, [Fr::ONE, -Fr::ONE, Fr::ZERO, -Fr::ONE]);
            let value = Wide::from(b.value).minus(remainder.into()).minus(Wide::power(0));
            self.hold_bits(&room, value, bits(gap(rest.hi, 0)));
        }
        let largest = bits(range.lo.unsigned_abs().max(range.hi.unsigned_abs())) + 1;
        let q = if bits(b.range.hi as u128) + largest <= 250 {
            let q = self.new_int(quotient, range);
            self.product_plus_is(&b.affine, &q.affine, &r.affine, &a.affine);
            q
        } else {
            self.long_quotient(a, b, &r, quotient, range)
        };
        (q, r)
    }

    /// `b·q + r = a` where `b·q` may exceed the field's order: `q = q1·2^64 + q0`, with `t = b·q1` held to what
    /// `a - r - b·q0 = 2^64·t` leaves of it. No side of either equation comes near the order.
    fn long_quotient(&mut self, a: &Int, b: &Int, r: &Int, quotient: i128, range: Range) -> Int {
        let shift = Fr::from_raw([0, 1, 0, 0]);
        let (high, low) = (quotient >> 64, quotient & i128::from(u64::MAX));
        let q0 = self.new_int(low, Range { lo: 0, hi: u64::MAX.into() });
        let q1 = self.new_int(high, Range { lo: range.lo >> 64, hi: range.hi >> 64 });
        let t = self.bilinear(&b.affine, &q1.affine, [Fr::ZERO, Fr::ZERO, Fr::ONE, Fr::ZERO]);
        // |a - r - b·q0| < 2^192
        let lifted = t.times_plus(Fr::ONE, Wide::power(129).element());
        let value = Wide::from(b.value.wrapping_mul(high)).plus(Wide::power(129));
        let wire = self.wire(&lifted);
        self.limbs(Place::Copy(wire), value, 130);
        let rest = self.bilinear(&t, &r.affine, [shift, Fr::ONE, Fr::ZERO, Fr::ZERO]);
        self.product_plus_is(&b.affine, &q0.affine, &rest, &a.affine);
        let affine = self.bilinear(&q1.affine, &q0.affine, [shift, Fr::ONE, Fr::ZERO, Fr::ZERO]);
        Int { affine, value: quotient, range }
    }

    /// Demands `a·b + c = d`.
    pub fn product_plus_is(&mut self, a: &Affine, b: &Affine, c: &Affine, d: &Affine) {
        let q = [
            a.scale * b.offset,
            b.scale * a.offset,
            a.scale * b.scale,
            a.offset * b.offset,
            c.scale,
            -d.scale,
            Fr::ZERO,
            c.offset - d.offset,
        ];
        let zero = self.constant(Fr::ZERO);
        self.wide([a.place(), b.place(), c.place(), d.place()], q, Place::Copy(zero));
    }
}
