//! RANGE: 16-bit numbers, pairs of bytes, 14-bit numbers (TABLES.md).

use p3_field::PrimeCharacteristicRing;
use p3_lookup::{Count, InteractionBuilder};

use super::air::{local, pre};
use super::{F, bus};

columns! {
    /// Preprocessed columns.
    Pre<T> { hi: T, lo: T, v14: T }
}

columns! {
    /// Witness columns: how often row `v = 256·hi + lo` is asked for on each bus.
    Main<T> { range: T, bytes: T, carry: T }
}

/// Number of rows.
pub const ROWS: usize = 1 << 16;

/// Row `v`.
pub(super) fn row(v: u32) -> Pre<F> {
    Pre { hi: F::from_u32(v >> 8), lo: F::from_u32(v & 0xff), v14: F::from_u32(v & 0x3fff) }
}

pub(super) fn eval<AB: InteractionBuilder<F = F>>(builder: &mut AB) {
    let p: Pre<AB::Var> = pre(builder);
    let m: Main<AB::Var> = local(builder);

    // The counts are the prover's: whatever they are, only what stands here can cancel a query.
    let v: AB::Expr = p.hi * F::from_u32(1 << 8) + p.lo;
    builder.push_interaction(bus::RANGE, [v], Count::provided(-m.range.into()));
    builder.push_interaction(bus::BYTES, [p.hi, p.lo], Count::provided(-m.bytes.into()));
    builder.push_interaction(bus::CARRY, [p.v14], Count::provided(-m.carry.into()));
}
