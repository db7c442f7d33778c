//! BLOCK: four words, for hashes, keys and the journal's evaluation (TABLES.md).

use p3_air::AirBuilder;
use p3_field::PrimeCharacteristicRing;
use p3_lookup::InteractionBuilder;

use super::air::{local, next, pre};
use super::{EXTENSION, F, bus};

columns! {
    /// Preprocessed columns.
    Pre<T> { id_w: [T; 4], f_w: [T; 4], id_out: T, m_out: T, m_key: T, f_journal: T, id_key: T }
}

columns! {
    /// Witness columns: half-words (`hi, lo` of four words), and the evaluation before the row.
    Main<T> { h: [T; 8], y: [T; 5] }
}

/// `x·z + h` in `F[X] / (X^5 + X^2 - 1)`.
fn horner<E: PrimeCharacteristicRing>(x: &[E; EXTENSION], z: &[E; EXTENSION], h: E) -> [E; EXTENSION] {
    let mut product = [const { E::ZERO }; 2 * EXTENSION - 1];
    for (i, x) in x.iter().enumerate() {
        for (j, z) in z.iter().enumerate() {
            product[i + j] += x.clone() * z.clone();
        }
    }
    // X^5 = 1 - X^2.
    for n in (EXTENSION..product.len()).rev() {
        let top = std::mem::replace(&mut product[n], E::ZERO);
        product[n - 5] += top.clone();
        product[n - 3] -= top;
    }
    let [c0, c1, c2, c3, c4, ..] = product;
    [c0 + h, c1, c2, c3, c4]
}

/// The evaluation after a row of the journal: `y·z^8 + Σ h_j·z^j`.
pub fn step(y: &[F; EXTENSION], z: &[F; EXTENSION], h: &[F; 8]) -> [F; EXTENSION] {
    h.iter().rev().fold(*y, |y, h| horner(&y, z, *h))
}

pub(super) fn eval<AB: InteractionBuilder<F = F>>(builder: &mut AB) {
    let p: Pre<AB::Var> = pre(builder);
    let Main { h, y } = local(builder);
    let after: Main<AB::Var> = next(builder);
    let public = builder.public_values();
    let z: [AB::Expr; EXTENSION] = std::array::from_fn(|i| public[i].into());
    let total: [AB::Expr; EXTENSION] = std::array::from_fn(|i| public[EXTENSION + i].into());

    for j in 0..4 {
        let absent = AB::Expr::ONE - p.f_w[j];
        builder.assert_zero(absent.clone() * h[2 * j]);
        builder.assert_zero(absent * h[2 * j + 1]);
    }

    let mut evaluation: [AB::Expr; EXTENSION] = y.map(Into::into);
    for h in h.into_iter().rev() {
        evaluation = horner(&evaluation, &z, h.into());
    }
    for i in 0..EXTENSION {
        builder.when_first_row().assert_zero(y[i]);
        let step = p.f_journal * (evaluation[i].clone() - y[i]) + y[i];
        builder.when_transition().assert_zero(step - after.y[i]);
        builder.when_last_row().assert_zero(total[i].clone() - y[i]);
    }

    for j in 0..4 {
        bus::word(builder, p.id_w[j].into(), h[2 * j], h[2 * j + 1], -p.f_w[j].into());
    }
    bus::wire(builder, p.id_out, h.map(Into::into), p.m_out.into());
    let key = std::array::from_fn(|i| {
        let (h, j) = if i < 4 { (&h, i) } else { (&after.h, i - 4) };
        h[2 * j] * F::from_u32(1 << 16) + h[2 * j + 1]
    });
    bus::wire(builder, p.id_key, key, p.m_key.into());
}
