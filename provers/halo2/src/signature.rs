//! Signatures of the suite: EdDSA on BabyJubJub (docs/suites.md §4; EIP-2494).

use halo2_axiom::halo2curves::bn256::Fr;

/// Affine coordinates on 168700·x² + y² = 1 + 168696·x²y². Not necessarily a point of the curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    pub x: Fr,
    pub y: Fr,
}

impl Point {
    /// The neutral element.
    pub const NEUTRAL: Point = Point { x: Fr::zero(), y: Fr::one() };
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
}
