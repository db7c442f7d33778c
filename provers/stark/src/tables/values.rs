//! VALUES: constants, public values, pins (TABLES.md).

use p3_lookup::InteractionBuilder;

use super::air::{local, pre};
use super::{DIGEST, F, Public, bus};

columns! {
    /// Preprocessed columns.
    Pre<T> { id: T, m: T, f_const: T, e: [T; 8], f_pre: T, f_post: T, f_commitment: T, f_domain: T }
}

columns! {
    /// Witness columns.
    Main<T> { x: [T; 8] }
}

pub(super) fn eval<AB: InteractionBuilder<F = F>>(builder: &mut AB) {
    let p: Pre<AB::Var> = pre(builder);
    let Main { x } = local(builder);
    let public = builder.public_values();
    let digest = |at: usize| -> [AB::Expr; DIGEST] { std::array::from_fn(|i| public[at + i].into()) };
    let pinned = [
        (p.f_pre, digest(Public::PRE_ROOT)),
        (p.f_post, digest(Public::POST_ROOT)),
        (p.f_commitment, digest(Public::COMMITMENT)),
        (p.f_domain, digest(Public::DOMAIN)),
    ];

    for i in 0..DIGEST {
        builder.assert_zero(p.f_const * (x[i] - p.e[i]));
        for (flag, value) in &pinned {
            builder.assert_zero(*flag * (value[i].clone() - x[i]));
        }
    }

    bus::wire(builder, p.id, x.map(Into::into), p.m.into());
}
