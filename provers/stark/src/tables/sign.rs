//! SIGN: where a signature enters its chains (TABLES.md).

use p3_air::AirBuilder;
use p3_field::PrimeCharacteristicRing;
use p3_lookup::InteractionBuilder;

use super::air::{local_pair, next, pre};
use super::{Columns, F, Row, bus};

columns! {
    /// Preprocessed columns.
    Pre<T> { sig: T, i: T, f: T, f_element: T, f_start: T, f_stop: T, pow: T, id_h: T }
}

columns! {
    /// Witness columns.
    Main<T> { s: [T; 8], h: [T; 8], b0: T, b1: T, low: T, sum: T, hi: T, inv: T, is_top: T }
}

/// What the digits of a signature's message sum to (docs/suites.md §11).
const TARGET: u8 = 120;
/// `(p - 1) / 2^16`.
const TOP: u32 = 0x7f00;

columns! {
    /// Witness columns after them: the lower bytes of `hi` and of `TOP - hi`.
    Low<T> { hi_low: T, spare_low: T }
}

/// What is asked for beside `hi`, so that `hi ≤ TOP`.
pub(super) fn spare(hi: F) -> F {
    F::from_u32(TOP) - hi
}

impl Row for Main<F> {
    const WIDTH: usize = <Self as Columns<F>>::WIDTH + <Low<F> as Columns<F>>::WIDTH;

    fn fill(&self, row: &mut [F]) {
        let (main, low) = row.split_at_mut(<Self as Columns<F>>::WIDTH);
        self.write(main);
        Low { hi_low: bus::limb_low(self.hi), spare_low: bus::limb_low(spare(self.hi)) }.write(low);
    }
}

pub(super) fn eval<AB: InteractionBuilder<F = F>>(builder: &mut AB) {
    let p: Pre<AB::Var> = pre(builder);
    let (m, Low { hi_low, spare_low }): (Main<AB::Var>, _) = local_pair(builder);
    let after: Main<AB::Var> = next(builder);

    builder.assert_bool(m.b0);
    builder.assert_bool(m.b1);
    let digit = m.b1 * F::TWO + m.b0;

    // The digest whose digits are read: its first element is the one that is read, and after its last digit the rest move up.
    for j in 0..8 {
        builder.when_transition().assert_zero((AB::Expr::ONE - p.f_element) * (after.h[j] - m.h[j]));
        if j < 7 {
            builder.when_transition().assert_zero((p.f_element - p.f_stop) * (after.h[j] - m.h[j + 1]));
        }
    }

    let low = p.pow * digit.clone() + m.low;
    let sum = digit.clone() + m.sum;
    builder.when_first_row().assert_zero(m.low);
    builder.when_first_row().assert_zero(m.sum);
    builder.when_transition().assert_zero((AB::Expr::ONE - p.f_element) * low.clone() - after.low);
    builder.when_transition().assert_zero((AB::Expr::ONE - p.f_stop) * sum.clone() - after.sum);
    builder.assert_zero(p.f_stop * (sum - F::from_u8(TARGET)));

    // h_0 = low + 2^16·hi canonically, that is at most p - 1 = 2^16·TOP.
    let spare = AB::Expr::from_u32(TOP) - m.hi;
    builder.assert_zero(p.f_element * (low.clone() + m.hi * F::from_u32(1 << 16) - m.h[0]));
    builder.when(p.f_element).assert_zero(spare.clone() * m.inv + m.is_top - AB::Expr::ONE);
    builder.assert_zero(m.is_top * low);

    bus::chain(builder, [p.sig.into(), p.i.into(), digit], m.s, p.f.into());
    bus::limb(builder, m.hi.into(), hi_low, p.f_element);
    bus::limb(builder, spare, spare_low, p.f_element);
    bus::wire(builder, p.id_h, m.h.map(Into::into), -p.f_start.into());
}
