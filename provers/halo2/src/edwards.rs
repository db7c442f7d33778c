//! Signatures in rows (docs/suites.md §4): `S·Base8 = R + h·A`, one row a bit of both scalars, in [`crate::config`]'s ladder.
//!
//! The ladder walks down `h` and `S` together: it doubles and adds one of `0`, `B`, `-A`, `B - A`. It ends at
//! `R = S·B - h·A`, which the challenge `h` then hashes: `R` needs no cell, no check of its own.

use halo2_axiom::halo2curves::bn256::Fr;
use halo2_axiom::halo2curves::ff::{BatchInvert, Field, PrimeField};

use crate::builder::{Builder, Place, Wide, Wire};
use crate::config::ladder;
use crate::integers::Affine;
use crate::signature::{Point, Signature};
use crate::suite::{self, Tag};

/// Bits of a scalar.
pub const BITS: usize = 254;
/// Bits of its lower half.
const HALF: usize = BITS / 2;

/// (X : Y : Z), x = X/Z and y = Y/Z.
#[derive(Clone, Copy)]
struct Projective([Fr; 3]);

impl Projective {
    const NEUTRAL: Projective = Projective([Fr::zero(), Fr::one(), Fr::one()]);

    /// dbl-2008-bbjlp.
    fn doubled(self) -> Self {
        let [x, y, z] = self.0;
        let (xx, yy) = (x.square(), y.square());
        let axx = suite::curve_a() * xx;
        let f = axx + yy;
        let j = f - z.square().double();
        Projective([((x + y).square() - xx - yy) * j, f * (axx - yy), f * j])
    }

    /// add-2008-bbjlp, the other point affine.
    fn plus(self, other: &Point) -> Self {
        let [x, y, z] = self.0;
        let b = z.square();
        let (c, d) = (x * other.x, y * other.y);
        let e = suite::curve_d() * c * d;
        let (f, g) = (b - e, b + e);
        let mixed = (x + y) * (other.x + other.y) - c - d;
        Projective([z * f * mixed, z * g * (d - suite::curve_a() * c), f * g])
    }
}

/// The bits of an integer below 2^254, the top one first.
pub type Bits = [bool; BITS];

/// The bits of a scalar's canonical integer.
pub fn bits(scalar: &Fr) -> Bits {
    let bytes = scalar.to_repr();
    std::array::from_fn(|i| bytes[(BITS - 1 - i) / 8] >> ((BITS - 1 - i) % 8) & 1 == 1)
}

/// The upper and the lower half.
fn halves(bits: &Bits) -> [u128; 2] {
    let number = |bits: &[bool]| bits.iter().fold(0, |n, bit| n << 1 | u128::from(*bit));
    [number(&bits[..HALF]), number(&bits[HALF..])]
}

/// A scalar as the ladder has it: its first 127 bits, and all of them.
#[derive(Clone, Copy)]
struct Scalar {
    upper: Wire,
    all: Wire,
}

impl Builder {
    /// Demands, if `enabled` is 1, a signature over `(digest, nonce)` under `key`; in any case one that verifies under the key
    /// that it names.
    pub fn authorize(&mut self, enabled: &Affine, key: &Affine, nonce: &Affine, digest: Wire, signature: &Signature) {
        let Signature { a, r, s } = signature;
        let pk = suite::hash(Tag::PublicKey, 0, &[a.x, a.y]);
        let h = suite::hash(Tag::Challenge, 0, &[r.x, r.y, pk, digest.value, nonce.value()]);
        self.authorize_bits(enabled, key, nonce, digest, *a, [bits(&h), bits(s)]);
    }

    /// The same with the bits of `h` and `S` as they are claimed.
    pub fn authorize_bits(&mut self, enabled: &Affine, key: &Affine, nonce: &Affine, digest: Wire, a: Point, scalars: [Bits; 2]) {
        let (zero, one) = (Fr::ZERO, Fr::ONE);
        let a = self.point(a);
        let pk = self.hash(Tag::PublicKey, 0, &a);
        let other = self.bilinear(&pk.into(), key, [one, -one, zero, zero]);
        self.bilinear_zero(enabled, &other, [zero, zero, one, zero]);

        let nonce = self.wire(nonce);
        let (r, [h, s]) = self.ladder(a, &scalars);
        let hashed = self.hash(Tag::Challenge, 0, &[r[0], r[1], pk, digest, nonce]);
        self.equal(h.all, hashed);
        self.at_most(h, &scalars[0], -one);
        self.at_most(s, &scalars[1], suite::order() - one);
    }

    /// New cells of a point on the curve.
    pub fn point(&mut self, p: Point) -> [Wire; 2] {
        let (zero, one) = (Fr::ZERO, Fr::ONE);
        let mut square = |v: Fr| {
            let [x, _, xx] = self.constrain(Place::New(v), Place::First, [zero, zero, one, zero], Place::New(v.square()));
            (x.expect("placed"), Affine::from(xx.expect("placed")))
        };
        let ((x, xx), (y, yy)) = (square(p.x), square(p.y));
        self.bilinear_zero(&xx, &yy, [suite::curve_a(), one, -suite::curve_d(), -one]);
        [x, y]
    }

    /// `B - A`.
    fn base_less(&mut self, [x, y]: [Wire; 2]) -> [Wire; 2] {
        let (zero, one) = (Fr::ZERO, Fr::ONE);
        let (bx, by) = suite::base();
        let product = self.bilinear(&x.into(), &y.into(), [zero, zero, one, zero]);
        let factor = suite::curve_d() * bx * by;
        let nought = self.constant(zero);
        let xy = product.wire.expect("of two cells");
        // Cx·(1 - d·Bx·By·Ax·Ay) = Bx·Ay - By·Ax and Cy·(1 + d·Bx·By·Ax·Ay) = By·Ay + a·Bx·Ax
        [(-factor, by, -bx), (factor, -suite::curve_a() * bx, -by)].map(|(factor, qx, qy)| {
            let denominator = (one + factor * xy.value).invert().into_option().unwrap_or(zero);
            let value = -(qx * x.value + qy * y.value) * denominator;
            let [c, product, x, y] = [Place::New(value), Place::Copy(xy), Place::Copy(x), Place::Copy(y)];
            self.wide_cells([c, product, x, y], [one, zero, factor, zero, qx, qy, zero, zero], Place::Copy(nought))[0]
                .expect("placed")
        })
    }

    /// `S·B - h·A`, and the scalars.
    fn ladder(&mut self, a: [Wire; 2], scalars: &[Bits; 2]) -> ([Wire; 2], [Scalar; 2]) {
        let c = self.base_less(a);
        let [nought, unit] = [Fr::ZERO, Fr::ONE].map(|v| self.constant(v));
        let steps = self.ladder_points(a, c, scalars);
        let first = self.ladder_rows(BITS + 1);
        let (mut hs, mut ss) = (Fr::ZERO, Fr::ZERO);
        let mut upper = None;
        for (i, (h, s)) in scalars[0].into_iter().zip(scalars[1]).enumerate() {
            let row = first + i;
            self.mark(2, row, if i % 2 == 0 { ladder::EVEN } else { ladder::ODD });
            let (hw, sw);
            if i == 0 {
                self.copy(0, row, nought);
                self.copy(1, row, unit);
                (hw, sw) = (self.copy(2, row, nought), self.copy(6, row, nought));
            } else {
                self.assign(0, row, steps[2 * i - 1].x);
                self.assign(1, row, steps[2 * i - 1].y);
                (hw, sw) = (self.assign(2, row, hs), self.assign(6, row, ss));
            }
            if i == HALF {
                upper = Some((hw, sw));
            }
            self.assign(3, row, steps[2 * i].x);
            self.assign(4, row, steps[2 * i].y);
            self.assign(5, row, Fr::from(u64::from(h && s)));
            let carried = if i % 2 == 0 { a } else { c };
            self.copy(7, row, carried[0]);
            self.copy(8, row, carried[1]);
            hs = hw.value.double() + Fr::from(u64::from(h));
            ss = sw.value.double() + Fr::from(u64::from(s));
        }
        let row = first + BITS;
        let end = steps[2 * BITS - 1];
        let point = [self.assign(0, row, end.x), self.assign(1, row, end.y)];
        let (hw, sw) = (self.assign(2, row, hs), self.assign(6, row, ss));
        self.copy(7, row, a[0]);
        self.copy(8, row, a[1]);
        let (h_upper, s_upper) = upper.expect("half way");
        (point, [Scalar { upper: h_upper, all: hw }, Scalar { upper: s_upper, all: sw }])
    }

    /// Each step's double and its sum, affine.
    fn ladder_points(&self, a: [Wire; 2], c: [Wire; 2], scalars: &[Bits; 2]) -> Vec<Point> {
        if !self.has_advice() {
            return vec![Point::NEUTRAL; 2 * BITS];
        }
        let (bx, by) = suite::base();
        let base = Point { x: bx, y: by };
        let minus_a = Point { x: -a[0].value, y: a[1].value };
        let c = Point { x: c[0].value, y: c[1].value };
        let mut points = Vec::with_capacity(2 * BITS);
        let mut sum = Projective::NEUTRAL;
        for (h, s) in scalars[0].into_iter().zip(scalars[1]) {
            sum = sum.doubled();
            points.push(sum);
            sum = match (h, s) {
                (false, false) => sum,
                (false, true) => sum.plus(&base),
                (true, false) => sum.plus(&minus_a),
                (true, true) => sum.plus(&c),
            };
            points.push(sum);
        }
        let mut inverses: Vec<Fr> = points.iter().map(|p| p.0[2]).collect();
        inverses.iter_mut().batch_invert();
        points.iter().zip(inverses).map(|(p, z)| Point { x: p.0[0] * z, y: p.0[1] * z }).collect()
    }

    /// Demands of a scalar's bits, as an integer, at most `most`: the lower halves are compared first, then the upper ones less
    /// what the lower ones borrow.
    fn at_most(&mut self, scalar: Scalar, claimed: &Bits, most: Fr) {
        let one = Fr::ONE;
        let [upper, lower] = halves(&bits(&most));
        let [scalar_upper, scalar_lower] = halves(claimed);
        let borrows = scalar_lower > lower;
        let borrow = self.new_boolean(Place::New(Fr::from(u64::from(borrows))));
        let power = Wide::power(HALF as u32);
        let shift = power.element();

        let terms = [(scalar.all, -one), (scalar.upper, shift), (borrow, shift)];
        let room = self.linear(&terms, Wide { high: 0, low: lower }.element());
        let value = Wide { high: 0, low: lower.wrapping_sub(scalar_lower).wrapping_add(u128::from(borrows) << HALF) };
        self.limbs(Place::Copy(room), value, HALF as u32);

        let terms = [(scalar.upper, -one), (borrow, -one)];
        let room = self.linear(&terms, Wide { high: 0, low: upper }.element());
        let value = Wide { high: 0, low: upper.wrapping_sub(scalar_upper).wrapping_sub(borrows.into()) };
        self.limbs(Place::Copy(room), value, HALF as u32);
    }
}
