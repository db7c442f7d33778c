//! LOGIC: booleans (TABLES.md).

use p3_field::PrimeCharacteristicRing;
use p3_lookup::InteractionBuilder;

use super::air::{local, pre};
use super::{Columns, F, Row, bus};

columns! {
    /// Preprocessed columns: `c = q0 + q1·a + q2·b + q3·a·b`.
    Pre<T> { id_a: T, f_a: T, id_b: T, f_b: T, id_c: T, m_c: T, q0: T, q1: T, q2: T, q3: T }
}

columns! {
    /// Witness columns.
    Main<T> { a: T, b: T, c: T }
}

impl Row for Main<F> {
    const WIDTH: usize = <Self as Columns<F>>::WIDTH;

    fn fill(&self, row: &mut [F]) {
        self.write(row);
    }
}

pub(super) fn eval<AB: InteractionBuilder<F = F>>(builder: &mut AB) {
    let p: Pre<AB::Var> = pre(builder);
    let Main { a, b, c } = local(builder);

    builder.assert_zero(p.q0 + p.q1 * a + p.q2 * b + p.q3 * (a * b) - c);

    let zero = AB::Expr::ZERO;
    bus::small(builder, p.id_a, a.into(), zero.clone(), -p.f_a.into());
    bus::small(builder, p.id_b, b.into(), zero.clone(), -p.f_b.into());
    bus::small(builder, p.id_c, c.into(), zero, p.m_c.into());
}
