//! RANGE: the bytes (TABLES.md).

use p3_field::PrimeCharacteristicRing;
use p3_lookup::{Count, InteractionBuilder};

use super::air::{local, pre};
use super::{F, bus};

columns! {
    /// Preprocessed columns: the row's number; 0 in padding.
    Pre<T> { v: T }
}

columns! {
    /// Witness columns: how often it is asked for.
    Main<T> { count: T }
}

/// Number of rows, without padding.
pub const ROWS: usize = 1 << 8;

/// Row `v`.
pub(super) fn row(v: u32) -> Pre<F> {
    Pre { v: F::from_u32(v) }
}

pub(super) fn eval<AB: InteractionBuilder<F = F>>(builder: &mut AB) {
    let p: Pre<AB::Var> = pre(builder);
    let m: Main<AB::Var> = local(builder);

    // The counts are the prover's: whatever they are, only what stands here can cancel a query.
    builder.push_interaction(bus::BYTE, [p.v], Count::provided(-m.count.into()));
}
