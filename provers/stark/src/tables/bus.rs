//! The buses of TABLES.md: names, widths of messages, and how each is spoken to.
//!
//! Counts on `wire`, `word` and `chain` are preprocessed, so that nothing of them is the prover's: as many are sent as are
//! received, one at a time, far less than `p` times. On `byte` the queries are weighed (one each, height by height) by the
//! library's check.

use p3_field::{PrimeCharacteristicRing, PrimeField32};
use p3_lookup::{Count, InteractionBuilder};

use super::F;

pub const WIRE: &str = "wire";
pub const WORD: &str = "word";
pub const CHAIN: &str = "chain";
pub const BYTE: &str = "byte";

pub const ALL: [&str; 4] = [WIRE, WORD, CHAIN, BYTE];

/// `2^-8` and `2^-6`.
const INVERSE_2_8: F = F::new(2_122_383_361);
const INVERSE_2_6: F = F::new(2_097_414_145);

/// The limb of 2^127, which every integer wire carries at place 7.
const OFFSET: u32 = 1 << 15;

/// `count` messages `(id, e_0 … e_7)`.
pub fn wire<AB: InteractionBuilder>(builder: &mut AB, id: AB::Var, elements: [AB::Expr; 8], count: AB::Expr) {
    builder.push_interaction(WIRE, std::iter::once(id.into()).chain(elements), Count::bounded(count, 1));
}

/// `count` messages of the wire of a small integer: `low`, `high` are limbs 0 and 1, the rest those of 0.
pub fn small<AB: InteractionBuilder>(builder: &mut AB, id: AB::Var, low: AB::Expr, high: AB::Expr, count: AB::Expr) {
    let mut elements = [const { AB::Expr::ZERO }; 8];
    elements[0] = low;
    elements[1] = high;
    elements[7] = AB::Expr::from_u32(OFFSET);
    wire(builder, id, elements, count);
}

/// `count` messages `(id, hi, lo)`.
pub fn word<AB: InteractionBuilder>(builder: &mut AB, id: AB::Expr, hi: AB::Var, lo: AB::Var, count: AB::Expr) {
    builder.push_interaction(WORD, [id, hi.into(), lo.into()], Count::bounded(count, 1));
}

/// `count` messages `(sig, i, k, x_0 … x_7)`.
pub fn chain<AB: InteractionBuilder>(builder: &mut AB, place: [AB::Expr; 3], x: [AB::Var; 8], count: AB::Expr) {
    builder.push_interaction(CHAIN, place.into_iter().chain(x.map(Into::into)), Count::bounded(count, 1));
}

/// Asks that `v` is in `[0, 2^8)`, where `flag` is 1.
pub fn byte<AB: InteractionBuilder<F = F>>(builder: &mut AB, v: AB::Expr, flag: AB::Var) {
    builder.push_interaction(BYTE, [v], Count::bounded(flag.into(), 1));
}

/// Asks that `v = low + 2^bits·high` of two bytes, where `flag` is 1.
fn split<AB: InteractionBuilder<F = F>>(builder: &mut AB, v: AB::Expr, low: AB::Var, inverse: F, flag: AB::Var) {
    let high = (v - low) * inverse;
    byte(builder, low.into(), flag);
    byte(builder, high, flag);
}

/// Asks that `v` is in `[0, 2^16)`, where `flag` is 1; `low` is its lower byte.
pub fn limb<AB: InteractionBuilder<F = F>>(builder: &mut AB, v: AB::Expr, low: AB::Var, flag: AB::Var) {
    split(builder, v, low, INVERSE_2_8, flag);
}

/// Asks that `v` is in `[0, 255 + 2^6·255]`, where `flag` is 1; `low` is a byte and `v - low` is `2^6` times one.
pub fn carry<AB: InteractionBuilder<F = F>>(builder: &mut AB, v: AB::Expr, low: AB::Var, flag: AB::Var) {
    split(builder, v, low, INVERSE_2_6, flag);
}

/// `low` of [`limb`].
pub(super) fn limb_low(v: F) -> F {
    F::from_u32(v.as_canonical_u32() & 0xff)
}

/// `low` of [`carry`], of numbers below 2^14.
pub(super) fn carry_low(v: F) -> F {
    F::from_u32(v.as_canonical_u32() & 0x3f)
}
