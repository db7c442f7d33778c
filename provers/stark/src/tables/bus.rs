//! The buses of TABLES.md: names, widths of messages, and how each is spoken to.
//!
//! Counts on `wire`, `word` and `chain` are preprocessed, so that nothing of them is the prover's; `batch::keys` holds their sum
//! below `p`. On `range`, `bytes` and `carry` the queries are weighed (one each, height by height) by the library's check.

use p3_field::PrimeCharacteristicRing;
use p3_lookup::{Count, InteractionBuilder};

pub const WIRE: &str = "wire";
pub const WORD: &str = "word";
pub const CHAIN: &str = "chain";
pub const RANGE: &str = "range";
pub const BYTES: &str = "bytes";
pub const CARRY: &str = "carry";

pub const ALL: [&str; 6] = [WIRE, WORD, CHAIN, RANGE, BYTES, CARRY];

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

/// Asks that `v` is in `[0, 2^16)`, where `flag` is 1.
pub fn range<AB: InteractionBuilder>(builder: &mut AB, v: AB::Expr, flag: AB::Var) {
    builder.push_interaction(RANGE, [v], Count::bounded(flag.into(), 1));
}

/// Asks that `hi` and `lo` are in `[0, 2^8)`, where `flag` is 1.
pub fn bytes<AB: InteractionBuilder>(builder: &mut AB, hi: AB::Var, lo: AB::Var, flag: AB::Var) {
    builder.push_interaction(BYTES, [hi, lo], Count::bounded(flag.into(), 1));
}

/// Asks that `v` is in `[0, 2^14)`, where `flag` is 1.
pub fn carry<AB: InteractionBuilder>(builder: &mut AB, v: AB::Var, flag: AB::Var) {
    builder.push_interaction(CARRY, [v], Count::bounded(flag.into(), 1));
}
