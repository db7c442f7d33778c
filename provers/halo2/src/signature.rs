//! Signatures of the suite: EdDSA on BabyJubJub (docs/suites.md §4; EIP-2494).

use std::sync::LazyLock;

use halo2_axiom::halo2curves::bn256::Fr;
use halo2_axiom::halo2curves::ff::{Field, PrimeField};

use crate::suite::{self, Tag};

/// Bytes of a signature: `A.x ‖ A.y ‖ R.x ‖ R.y ‖ S`.
pub const BYTES: usize = 160;

/// Affine coordinates on 168700·x² + y² = 1 + 168696·x²y². Not necessarily a point of the curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    pub x: Fr,
    pub y: Fr,
}

/// A point as (X : Y : Z), x = X/Z and y = Y/Z; Z is never 0.
#[derive(Clone, Copy)]
struct Projective {
    x: Fr,
    y: Fr,
    z: Fr,
}

static BASE: LazyLock<Point> = LazyLock::new(|| {
    let (x, y) = suite::base();
    Point { x, y }
});

impl Point {
    /// The neutral element.
    pub const NEUTRAL: Point = Point { x: Fr::zero(), y: Fr::one() };

    pub fn on_curve(&self) -> bool {
        let (x2, y2) = (self.x.square(), self.y.square());
        suite::curve_a() * x2 + y2 == Fr::ONE + suite::curve_d() * x2 * y2
    }

    /// `scalar` times the point; the scalar is the integer that the element stands for, not reduced by the point's order.
    ///
    /// The point must lie on the curve.
    pub fn mul(&self, scalar: &Fr) -> Point {
        self.project().mul(scalar).affine()
    }

    /// The point must lie on the curve, and so must the other.
    #[allow(clippy::should_implement_trait)]
    pub fn add(&self, other: &Point) -> Point {
        self.project().add(&other.project()).affine()
    }

    fn project(&self) -> Projective {
        Projective { x: self.x, y: self.y, z: Fr::ONE }
    }
}

impl Projective {
    /// Complete for every two points of the curve, since `a` is a square and `d` is not (Bernstein, Birkner, Joye, Lange, Peters,
    /// "Twisted Edwards curves", §6; add-2008-bbjlp).
    fn add(&self, other: &Projective) -> Projective {
        let a = self.z * other.z;
        let b = a.square();
        let (c, d) = (self.x * other.x, self.y * other.y);
        let e = suite::curve_d() * c * d;
        let (f, g) = (b - e, b + e);
        Projective {
            x: a * f * ((self.x + self.y) * (other.x + other.y) - c - d),
            y: a * g * (d - suite::curve_a() * c),
            z: f * g,
        }
    }

    fn mul(&self, scalar: &Fr) -> Projective {
        let mut sum = Point::NEUTRAL.project();
        for byte in scalar.to_repr().iter().rev() {
            for bit in (0..8).rev() {
                sum = sum.add(&sum);
                if byte >> bit & 1 == 1 {
                    sum = sum.add(self);
                }
            }
        }
        sum
    }

    fn affine(&self) -> Point {
        let inverse = self.z.invert().expect("complete addition has no point at infinity");
        Point { x: self.x * inverse, y: self.y * inverse }
    }

    fn equals(&self, other: &Projective) -> bool {
        self.x * other.z == other.x * self.z && self.y * other.z == other.y * self.z
    }
}

/// A signature's parts, canonical.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    pub a: Point,
    pub r: Point,
    /// An integer below the order of the base point.
    pub s: Fr,
}

impl Signature {
    /// What stands where no signature is asked: `S·B = R + h·A` holds of it for every `h`, and `A`, `R` lie on the curve. Only
    /// the public key does not fit.
    pub const NONE: Signature = Signature { a: Point::NEUTRAL, r: Point::NEUTRAL, s: Fr::zero() };

    /// From its 160 bytes.
    ///
    /// # Errors
    /// Why they are no signature under any key.
    pub fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        if bytes.len() != BYTES {
            return Err("length");
        }
        let part = |n: usize, reason| suite::element(&bytes[32 * n..32 * n + 32]).ok_or(reason);
        let a = Point { x: part(0, "A.x not canonical")?, y: part(1, "A.y not canonical")? };
        let r = Point { x: part(2, "R.x not canonical")?, y: part(3, "R.y not canonical")? };
        let s = part(4, "S not below l")?;
        if s >= suite::order() {
            return Err("S not below l");
        }
        Ok(Signature { a, r, s })
    }

    /// Whether it is one over `(digest, nonce)` under a public key.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn verify(&self, public_key: Fr, digest: Fr, nonce: u64) -> Result<(), &'static str> {
        let Signature { a, r, s } = self;
        if !a.on_curve() {
            return Err("A not on the curve");
        }
        if !r.on_curve() {
            return Err("R not on the curve");
        }
        if suite::hash(Tag::PublicKey, 0, &[a.x, a.y]) != public_key {
            return Err("A not the point of the public key");
        }
        let h = suite::hash(Tag::Challenge, 0, &[r.x, r.y, public_key, digest, Fr::from(nonce)]);
        let left = BASE.project().mul(s);
        let right = a.project().mul(&h).add(&r.project());
        if left.equals(&right) { Ok(()) } else { Err("equation") }
    }
}
