//! HASH: one Poseidon2 permutation a row (TABLES.md).

use p3_air::{AirBuilder, WindowAccess};
use p3_field::PrimeCharacteristicRing;
use p3_koala_bear::{
    GenericPoseidon2LinearLayersKoalaBear, KOALABEAR_POSEIDON2_HALF_FULL_ROUNDS, KOALABEAR_POSEIDON2_PARTIAL_ROUNDS_16,
    KOALABEAR_POSEIDON2_RC_16_EXTERNAL_FINAL, KOALABEAR_POSEIDON2_RC_16_EXTERNAL_INITIAL, KOALABEAR_POSEIDON2_RC_16_INTERNAL,
    KOALABEAR_S_BOX_DEGREE,
};
use p3_lookup::InteractionBuilder;
use p3_maybe_rayon::prelude::*;
use p3_poseidon2_air::{Poseidon2Air, RoundConstants, generate_trace_rows, num_cols};
use p3_uni_stark::SubAirBuilder;

use super::air::pre;
use super::{Columns, F, bus};

columns! {
    /// Preprocessed columns.
    Pre<T> {
        id_in: T, f_read: T, id_sib: T, m_sib: T, id_out: T, m_out: T, tag: T, aux: T, len: T, f_first: T,
        f_absorb: T, f_path: T, f_climb: T, f_idx: T, id_idx: T, f_low_end: T, f_path_end: T, f_nonce: T, f_step: T,
        f_end: T, sig: T,
    }
}

/// What a row's columns are generated from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Witness {
    /// The permutation's input.
    pub input: [F; 16],
    /// On a path: 1 if the node that climbs is the right child.
    pub bit: F,
    pub acc: F,
    pub rest: F,
}

impl Witness {
    /// All columns of the row.
    pub fn columns(&self) -> Vec<F> {
        let mut row = F::zero_vec(WIDTH);
        fill(std::slice::from_ref(self), &mut row);
        row
    }
}

const STATE: usize = 16;
const SBOX_REGISTERS: usize = 0;
/// Columns of the permutation: its inputs first, its outputs last.
const PERMUTATION: usize = num_cols::<
    STATE,
    KOALABEAR_S_BOX_DEGREE,
    SBOX_REGISTERS,
    KOALABEAR_POSEIDON2_HALF_FULL_ROUNDS,
    KOALABEAR_POSEIDON2_PARTIAL_ROUNDS_16,
>();

type Permutation = Poseidon2Air<
    F,
    GenericPoseidon2LinearLayersKoalaBear,
    STATE,
    KOALABEAR_S_BOX_DEGREE,
    SBOX_REGISTERS,
    KOALABEAR_POSEIDON2_HALF_FULL_ROUNDS,
    KOALABEAR_POSEIDON2_PARTIAL_ROUNDS_16,
>;

const CONSTANTS: RoundConstants<F, STATE, KOALABEAR_POSEIDON2_HALF_FULL_ROUNDS, KOALABEAR_POSEIDON2_PARTIAL_ROUNDS_16> =
    RoundConstants::new(
        KOALABEAR_POSEIDON2_RC_16_EXTERNAL_INITIAL,
        KOALABEAR_POSEIDON2_RC_16_INTERNAL,
        KOALABEAR_POSEIDON2_RC_16_EXTERNAL_FINAL,
    );

columns! {
    /// Witness columns after the permutation's.
    Tail<T> { cur: [T; 8], bit: T, acc: T, rest: T }
}

/// Number of witness columns.
pub const WIDTH: usize = PERMUTATION + <Tail<F> as Columns<F>>::WIDTH;

/// The columns of witness rows, as many as `rows` has room for; rows beyond the witness are permutations of zeros.
pub(super) fn fill(witness: &[Witness], rows: &mut [F]) {
    // Small enough that the permutations' columns are still in cache when they are copied; a power of two, as the library wants.
    const CHUNK: usize = 16;
    rows.par_chunks_mut(CHUNK * WIDTH).enumerate().for_each(|(chunk, rows)| {
        let row = |i: usize| witness.get(chunk * CHUNK + i).copied().unwrap_or_default();
        let inputs = (0..rows.len() / WIDTH).map(|i| row(i).input).collect();
        let permutations = generate_trace_rows::<
            _,
            GenericPoseidon2LinearLayersKoalaBear,
            STATE,
            KOALABEAR_S_BOX_DEGREE,
            SBOX_REGISTERS,
            KOALABEAR_POSEIDON2_HALF_FULL_ROUNDS,
            KOALABEAR_POSEIDON2_PARTIAL_ROUNDS_16,
        >(inputs, &CONSTANTS, 0);
        for (i, (columns, permutation)) in
            rows.chunks_exact_mut(WIDTH).zip(permutations.values.chunks_exact(PERMUTATION)).enumerate()
        {
            let Witness { input, bit, acc, rest } = row(i);
            let cur = std::array::from_fn(|j| input[j] + bit * (input[8 + j] - input[j]));
            columns[..PERMUTATION].copy_from_slice(permutation);
            Tail { cur, bit, acc, rest }.write(&mut columns[PERMUTATION..]);
        }
    });
}

pub(super) fn eval<AB: InteractionBuilder<F = F>>(builder: &mut AB) {
    let permutation = Permutation::new(CONSTANTS);
    p3_air::Air::eval(&permutation, &mut SubAirBuilder::<_, Permutation, AB::Var>::new(builder, 0..PERMUTATION));

    let p: Pre<AB::Var> = pre(builder);
    let main = builder.main();
    let row = main.current_slice();
    let input: [AB::Var; STATE] = std::array::from_fn(|j| row[j]);
    let output: [AB::Var; STATE] = std::array::from_fn(|j| row[PERMUTATION - STATE + j]);
    let Tail { cur, bit, acc, rest } = Tail::read(&row[PERMUTATION..]);
    let row = main.next_slice();
    let next_input: [AB::Var; STATE] = std::array::from_fn(|j| row[j]);
    let next: Tail<AB::Var> = Tail::read(&row[PERMUTATION..]);

    let digest: [AB::Expr; 8] = std::array::from_fn(|j| p.f_path * input[j] + output[j]);

    builder.assert_bool(bit);
    builder.assert_zero((AB::Expr::ONE - p.f_path) * bit);
    for j in 0..8 {
        builder.assert_zero(bit * (input[8 + j] - input[j]) + input[j] - cur[j]);
    }

    // Capacity: where a sponge or a step starts, and from row to row.
    let sixteen = F::from_u8(16);
    builder.assert_zero(p.f_first * (input[8] - p.tag - p.aux * sixteen));
    builder.assert_zero(p.f_step * (input[8] - p.tag - (acc * F::from_u8(4) + rest) * sixteen));
    let starts = p.f_first + p.f_step;
    builder.assert_zero(starts.clone() * (input[9] - p.len));
    for x in &input[10..] {
        builder.assert_zero(starts.clone() * *x);
    }
    for j in 8..STATE {
        builder.when_transition().assert_zero(p.f_absorb * (next_input[j] - output[j]));
    }

    // Paths: each node is the next level's, and the bits are the index's.
    for (next, digest) in next.cur.into_iter().zip(&digest) {
        builder.when_transition().assert_zero(p.f_climb * (next - digest.clone()));
    }
    let within = p.f_climb - p.f_low_end;
    let mut transition = builder.when_transition();
    transition.assert_zero(within.clone() * (acc - next.acc * F::TWO - bit));
    transition.assert_zero(within * (next.rest - rest));
    transition.assert_zero(p.f_low_end * (next.acc - rest));
    transition.assert_zero(p.f_low_end * next.rest);
    let ends = p.f_low_end + p.f_path_end;
    builder.assert_zero(ends * (acc - bit));
    builder.assert_zero((p.f_path_end + p.f_nonce) * rest);

    builder.assert_zero(p.f_nonce * (input[0] - acc));
    builder.assert_zero(p.f_end * (acc - p.aux));
    builder.assert_zero(p.f_end * (rest - F::from_u8(3)));

    let sibling = std::array::from_fn(|j| input[j] + input[8 + j] - cur[j]);
    bus::wire(builder, p.id_in, cur.map(Into::into), -p.f_read.into());
    bus::wire(builder, p.id_sib, sibling, p.m_sib.into());
    bus::wire(builder, p.id_out, digest, p.m_out.into());
    bus::small(builder, p.id_idx, acc.into(), rest.into(), -p.f_idx.into());
    bus::chain(builder, [p.sig.into(), acc.into(), rest.into()], cur, -(p.f_step + p.f_end));
    let after = std::array::from_fn(|j| output[j]);
    bus::chain(builder, [p.sig.into(), acc.into(), rest + AB::Expr::ONE], after, p.f_step.into());
}
