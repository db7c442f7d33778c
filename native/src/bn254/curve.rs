//! BabyJubJub in the coordinates of EIP-2494: 168700 x² + y² = 1 + 168696 x² y² over the BN254 scalar field.
//!
//! 168700 is a square and 168696 is not, so the unified addition formulas are complete: they hold for every
//! pair of points on the curve, the identity and points of even order included.

use super::field::{Fr, limbs};
use ark_ec::CurveConfig;
use ark_ec::twisted_edwards::{Affine, MontCurveConfig, Projective, TECurveConfig};
use ark_ff::{AdditiveGroup, MontFp, PrimeField, Zero};
use std::sync::LazyLock;

/// Integers modulo the order `l` of `Base8`.
pub use ark_ed_on_bn254::Fr as Scalar;

#[derive(Clone, Default, PartialEq, Eq)]
pub struct BabyJubJub;

pub type Point = Affine<BabyJubJub>;
pub type Extended = Projective<BabyJubJub>;

impl CurveConfig for BabyJubJub {
    type BaseField = Fr;
    type ScalarField = Scalar;
    const COFACTOR: &'static [u64] = &[8];
    const COFACTOR_INV: Scalar =
        MontFp!("2394026564107420727433200628387514462817212225638746351800188703329891451411");
}

impl TECurveConfig for BabyJubJub {
    const COEFF_A: Fr = MontFp!("168700");
    const COEFF_D: Fr = MontFp!("168696");
    /// `Base8` of EIP-2494, of order `l`.
    const GENERATOR: Point = Point::new_unchecked(
        MontFp!("5299619240641551281634865583518297030282874472190772894086521144482721001553"),
        MontFp!("16950150798460657717958625567821834550301663161624707787222815936182638968203"),
    );
    type MontCurveConfig = Self;
}

impl MontCurveConfig for BabyJubJub {
    const COEFF_A: Fr = MontFp!("168698");
    const COEFF_B: Fr = MontFp!("1");
    type TECurveConfig = Self;
}

const WINDOW_BITS: usize = 4;
const WINDOWS: usize = 256 / WINDOW_BITS;
const DIGITS: usize = 1 << WINDOW_BITS;

/// Digit `i` in base 16 of a number of four limbs.
fn digit(number: &[u64; 4], i: usize) -> usize {
    (number[i / 16] >> (i % 16 * WINDOW_BITS)) as usize % DIGITS
}

/// `BASE[i][j] = j · 16^i · Base8`.
static BASE: LazyLock<Vec<[Point; DIGITS]>> = LazyLock::new(|| {
    let mut power = Extended::from(BabyJubJub::GENERATOR);
    (0..WINDOWS)
        .map(|_| {
            let row = multiples(&power);
            power = row[DIGITS - 1] + power;
            row.map(Point::from)
        })
        .collect()
});

/// `0, 1, …, 15` times `point`.
fn multiples(point: &Extended) -> [Extended; DIGITS] {
    let mut row = [Extended::zero(); DIGITS];
    for j in 1..DIGITS {
        row[j] = row[j - 1] + point;
    }
    row
}

/// `scalar · Base8`. Adds for every digit, zero included, so the operations do not depend on the scalar; the
/// table's addresses and the field's reductions do, so this is no defence against an observer on the machine.
pub fn mul_base(scalar: &Scalar) -> Extended {
    let number = scalar.into_bigint().0;
    let mut sum = Extended::zero();
    for (i, row) in BASE.iter().enumerate() {
        sum += row[digit(&number, i)];
    }
    sum
}

/// `number · point` for the integer of 32 big-endian bytes, never reduced: `point` may have any order.
/// Not constant-time: for public values only.
pub fn mul_public(point: &Point, number: &[u8; 32]) -> Extended {
    let number = limbs(number).0;
    let row = multiples(&Extended::from(*point));
    let mut sum = Extended::zero();
    for i in (0..WINDOWS).rev() {
        for _ in 0..WINDOW_BITS {
            sum.double_in_place();
        }
        let digit = digit(&number, i);
        if digit != 0 {
            sum += row[digit];
        }
    }
    sum
}
