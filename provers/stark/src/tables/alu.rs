//! ALU: one operation on integers, or a choice between digests, a row (TABLES.md).

use p3_air::AirBuilder;
use p3_field::PrimeCharacteristicRing;
use p3_lookup::InteractionBuilder;

use super::air::{local_pair, pre};
use super::{Columns, F, Row, bus};

columns! {
    /// Preprocessed columns.
    Pre<T> {
        id_a: T, f_a: T, id_b: T, f_b: T, id_c: T, m_c: T, m_bit: T, id_bit: T, m_w0: T, m_w1: T, f_range: T,
        f_lin: T, sign: T, offset: T, f_less: T, f_select: T, f_equal: T, f_short: T, f_words: T, f_zero: T,
        f_one: T,
    }
}

columns! {
    /// Witness columns.
    Main<T> { a: [T; 8], b: [T; 8], c: [T; 8], k: [T; 8], bit: T }
}

columns! {
    /// Witness columns after them: the lower bytes of `c`.
    Low<T> { low: [T; 8] }
}

impl Row for Main<F> {
    const WIDTH: usize = <Self as Columns<F>>::WIDTH + <Low<F> as Columns<F>>::WIDTH;

    fn fill(&self, row: &mut [F]) {
        let (main, low) = row.split_at_mut(<Self as Columns<F>>::WIDTH);
        self.write(main);
        Low { low: self.c.map(bus::limb_low) }.write(low);
    }
}

pub(super) fn eval<AB: InteractionBuilder<F = F>>(builder: &mut AB) {
    let p: Pre<AB::Var> = pre(builder);
    let (Main { a, b, c, k, bit }, Low { low }) = local_pair(builder);

    // a ± b ± (carry in) = c ± 2^16·(carry out), limb by limb; k[i] is the carry out of limb i.
    let radix = F::from_u32(1 << 16);
    let mut into = AB::Expr::ZERO;
    for i in 0..8 {
        let mut sum = a[i] - c[i] + p.sign * (b[i] + into - k[i] * radix);
        if i == 7 {
            sum -= p.offset.into();
        }
        builder.when(p.f_lin).assert_zero(sum);
        builder.when(p.f_lin).assert_bool(k[i]);
        into = k[i].into();
    }
    builder.assert_zero((p.f_lin - p.f_less) * k[7]);
    builder.assert_zero(p.f_less * (bit - k[7]));

    for i in 0..8 {
        builder.when(p.f_select).assert_zero(bit * (a[i] - b[i]) + b[i] - c[i]);
    }

    builder.when(p.f_equal).assert_bool(bit);
    let mut witnessed = AB::Expr::ZERO;
    for i in 0..8 {
        builder.when(p.f_equal).assert_zero(bit * (a[i] - b[i]));
        witnessed += k[i] * (a[i] - b[i]);
    }
    builder.when(p.f_equal).assert_zero(witnessed + bit - AB::Expr::ONE);

    for c in &c[2..4] {
        builder.assert_zero(p.f_short * *c);
    }
    for c in &c[4..7] {
        builder.assert_zero(p.f_words * *c);
    }
    builder.assert_zero(p.f_words * (c[7] - F::from_u32(1 << 15)));
    builder.assert_zero(p.f_zero * bit);
    builder.assert_zero(p.f_one * (bit - F::ONE));

    bus::wire(builder, p.id_a, a.map(Into::into), -p.f_a.into());
    bus::wire(builder, p.id_b, b.map(Into::into), -p.f_b.into());
    bus::wire(builder, p.id_c, c.map(Into::into), p.m_c.into());
    bus::small(builder, p.id_bit, bit.into(), AB::Expr::ZERO, p.m_bit.into());
    bus::word(builder, p.id_c * F::TWO, c[1], c[0], p.m_w0.into());
    bus::word(builder, p.id_c * F::TWO + F::ONE, c[3], c[2], p.m_w1.into());
    for (c, low) in c.into_iter().zip(low) {
        bus::limb(builder, c.into(), low, p.f_range);
    }
}
