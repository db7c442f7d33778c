//! MUL: `a·b + r = c` over the integers (TABLES.md).

use p3_air::AirBuilder;
use p3_field::PrimeCharacteristicRing;
use p3_lookup::InteractionBuilder;

use super::air::{local_pair, pre};
use super::{Columns, F, Row, bus};

columns! {
    /// Preprocessed columns.
    Pre<T> { id_a: T, id_b: T, id_r: T, id_c: T, f: T, f_r: T }
}

columns! {
    /// Witness columns: bytes of the limbs of `a` and `b`, limbs of `r` and `c`, carries plus `2^13`.
    Main<T> { a_lo: [T; 8], a_hi: [T; 8], b_lo: [T; 8], b_hi: [T; 8], r: [T; 8], c: [T; 8], carry: [T; 15] }
}

columns! {
    /// Witness columns after them: `carry - low` is 2^6 times a byte.
    Low<T> { low: [T; 15] }
}

impl Row for Main<F> {
    const WIDTH: usize = <Self as Columns<F>>::WIDTH + <Low<F> as Columns<F>>::WIDTH;

    fn fill(&self, row: &mut [F]) {
        let (main, low) = row.split_at_mut(<Self as Columns<F>>::WIDTH);
        self.write(main);
        Low { low: self.carry.map(bus::carry_low) }.write(low);
    }
}

pub(super) fn eval<AB: InteractionBuilder<F = F>>(builder: &mut AB) {
    let p: Pre<AB::Var> = pre(builder);
    let (m, Low { low }): (Main<AB::Var>, _) = local_pair(builder);

    // Bytes as signed integers of sixteen bytes: the offset 2^127 is taken off the last.
    let integer = |lo: [AB::Var; 8], hi: [AB::Var; 8]| -> [AB::Expr; 16] {
        std::array::from_fn(|i| match i {
            15 => hi[7] - F::from_u8(128),
            _ if i % 2 == 0 => lo[i / 2].into(),
            _ => hi[i / 2].into(),
        })
    };
    let a = integer(m.a_lo, m.a_hi);
    let b = integer(m.b_lo, m.b_hi);
    let limb = |x: [AB::Var; 8], k: usize| match k {
        0..7 => x[k].into(),
        7 => x[7] - F::from_u32(1 << 15),
        _ => AB::Expr::ZERO,
    };
    let carry = |k: usize| m.carry[k] - F::from_u32(1 << 13);

    let products = |n: usize| {
        let mut sum = AB::Expr::ZERO;
        for i in n.saturating_sub(15)..=n.min(15) {
            sum += a[i].clone() * b[n - i].clone();
        }
        sum
    };
    for k in 0..16 {
        let mut sum = products(2 * k) + products(2 * k + 1) * F::from_u32(1 << 8) - limb(m.c, k);
        if k > 0 {
            sum += carry(k - 1);
        }
        if k < 15 {
            sum -= carry(k) * F::from_u32(1 << 16);
        }
        if k < 8 {
            sum += p.f_r * limb(m.r, k);
        }
        builder.when(p.f).assert_zero(sum);
    }

    let limbs = |lo: [AB::Var; 8], hi: [AB::Var; 8]| std::array::from_fn(|i| hi[i] * F::from_u32(1 << 8) + lo[i]);
    bus::wire(builder, p.id_a, limbs(m.a_lo, m.a_hi), -p.f.into());
    bus::wire(builder, p.id_b, limbs(m.b_lo, m.b_hi), -p.f.into());
    bus::wire(builder, p.id_r, m.r.map(Into::into), -p.f_r.into());
    bus::wire(builder, p.id_c, m.c.map(Into::into), -p.f.into());
    for byte in [m.a_lo, m.a_hi, m.b_lo, m.b_hi].into_iter().flatten() {
        bus::byte(builder, byte.into(), p.f);
    }
    for (carry, low) in m.carry.into_iter().zip(low) {
        bus::carry(builder, carry.into(), low, p.f);
    }
}
