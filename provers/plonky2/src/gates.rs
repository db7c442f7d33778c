//! Custom gates.
//!
//! Each kind of row repeats one [`Cell`] as often as it fits into 135 wires, 80 of them routed. A cell states its constraints
//! once, over any [`Algebra`]: the same lines are evaluated over the base field when proving, over the extension when
//! verifying, and as a circuit under recursion. So the three cannot differ.
//!
//! Every number that a cell bounds is written in limbs of two bits, each a root of x(x-1)(x-2)(x-3): degree 4, which leaves
//! room for a selector group. There are no lookup tables. A row is always filled: the builder puts zeros into the cells left
//! over (`Builder::finish_rows`), because the constraints of a cell need not hold where all its wires are zero.
//!
//! What a cell must not allow is written at the cell; `tests/gates.rs` changes every wire of every cell alone and demands a
//! violated constraint, and adds the lies that take more than one wire.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::ops::{Add, Mul, Sub};

use anyhow::Result;
use plonky2::field::extension::quadratic::QuadraticExtension;
use plonky2::field::packed::PackedField;
use plonky2::gates::gate::Gate;
use plonky2::gates::packed_util::PackedEvaluableBase;
use plonky2::gates::util::StridedConstraintConsumer;
use plonky2::iop::ext_target::ExtensionTarget;
use plonky2::iop::generator::{GeneratedValues, SimpleGenerator, WitnessGeneratorRef};
use plonky2::iop::target::Target;
use plonky2::iop::witness::{PartitionWitness, Witness, WitnessWrite};
use plonky2::plonk::circuit_data::CommonCircuitData;
use plonky2::plonk::vars::{
    EvaluationTargets, EvaluationVars, EvaluationVarsBase, EvaluationVarsBaseBatch, EvaluationVarsBasePacked,
};
use plonky2::util::serialization::{Buffer, IoResult, Read, Write};

use crate::field::{D, F, Field, Plonk, PrimeField64};

/// Carries of a [`Step`] lie in `[-CARRY_OFFSET, CARRY_OFFSET)`.
pub const CARRY_OFFSET: i64 = 1 << 29;

/// The arithmetic that constraints are stated in.
pub trait Algebra {
    type V: Copy;
    fn constant(&mut self, c: F) -> Self::V;
    fn add(&mut self, a: Self::V, b: Self::V) -> Self::V;
    fn sub(&mut self, a: Self::V, b: Self::V) -> Self::V;
    fn mul(&mut self, a: Self::V, b: Self::V) -> Self::V;
    /// `a + c·b`.
    fn add_scaled(&mut self, a: Self::V, c: F, b: Self::V) -> Self::V {
        let c = self.constant(c);
        let scaled = self.mul(c, b);
        self.add(a, scaled)
    }
    /// `a·(a + c)`.
    fn mul_shifted(&mut self, a: Self::V, c: F) -> Self::V {
        let c = self.constant(c);
        let shifted = self.add(a, c);
        self.mul(a, shifted)
    }
}

fn lift(c: F) -> QuadraticExtension<F> {
    QuadraticExtension([c, F::ZERO])
}

/// Values with operators: a packed base field or its extension.
struct Values<V, K>(K, PhantomData<V>);

impl<V, K> Algebra for Values<V, K>
where
    V: Copy + Add<Output = V> + Sub<Output = V> + Mul<Output = V>,
    K: Fn(F) -> V,
{
    type V = V;
    fn constant(&mut self, c: F) -> V {
        (self.0)(c)
    }
    fn add(&mut self, a: V, b: V) -> V {
        a + b
    }
    fn sub(&mut self, a: V, b: V) -> V {
        a - b
    }
    fn mul(&mut self, a: V, b: V) -> V {
        a * b
    }
}

/// Targets of a circuit that verifies a proof.
struct Recursive<'a>(&'a mut Plonk);

impl Algebra for Recursive<'_> {
    type V = ExtensionTarget<D>;
    fn constant(&mut self, c: F) -> Self::V {
        self.0.constant_extension(lift(c))
    }
    fn add(&mut self, a: Self::V, b: Self::V) -> Self::V {
        self.0.add_extension(a, b)
    }
    fn sub(&mut self, a: Self::V, b: Self::V) -> Self::V {
        self.0.sub_extension(a, b)
    }
    fn mul(&mut self, a: Self::V, b: Self::V) -> Self::V {
        self.0.mul_extension(a, b)
    }
    fn add_scaled(&mut self, a: Self::V, c: F, b: Self::V) -> Self::V {
        self.0.mul_const_add_extension(c, b, a)
    }
    fn mul_shifted(&mut self, a: Self::V, c: F) -> Self::V {
        self.0.arithmetic_extension(F::ONE, c, a, a, a)
    }
}

/// One repetition of a custom gate.
pub trait Cell: 'static + Send + Sync + Debug + Default + Clone {
    const NAME: &'static str;
    /// Routed wires that are given.
    const INPUTS: usize;
    /// Routed wires that follow from them.
    const OUTPUTS: usize;
    /// Wires that are not routed.
    const ADVICE: usize;
    /// Repetitions in a row.
    const OPS: usize;
    const DEGREE: usize;
    /// Constraints of one repetition.
    const CONSTRAINTS: usize;

    /// The constraints over `routed` (inputs, then outputs) and `advice`; each value emitted must be zero.
    fn constrain<A: Algebra>(a: &mut A, routed: &[A::V], advice: &[A::V], emit: &mut impl FnMut(A::V));

    /// Outputs and advice of an honest row. Total: for inputs that cannot be satisfied it fills in something.
    fn fill(inputs: &[F], outputs: &mut [F], advice: &mut [F]);
}

/// A row of [`Cell`]s.
#[derive(Debug, Default, Clone)]
pub struct Row<T: Cell>(PhantomData<T>);

impl<T: Cell> Row<T> {
    pub fn new() -> Self {
        Row(PhantomData)
    }

    const ROUTED: usize = T::INPUTS + T::OUTPUTS;

    /// Column of the `i`-th routed wire of repetition `op`.
    pub fn routed(op: usize, i: usize) -> usize {
        op * Self::ROUTED + i
    }

    fn advice(op: usize, i: usize) -> usize {
        T::OPS * Self::ROUTED + op * T::ADVICE + i
    }

    fn constrain_row<A: Algebra>(a: &mut A, wires: &[A::V], emit: &mut impl FnMut(A::V)) {
        for op in 0..T::OPS {
            let routed = &wires[Self::routed(op, 0)..Self::routed(op + 1, 0)];
            let advice = &wires[Self::advice(op, 0)..Self::advice(op + 1, 0)];
            T::constrain(a, routed, advice, emit);
        }
    }
}

impl<T: Cell> Gate<F, D> for Row<T> {
    fn id(&self) -> String {
        T::NAME.to_string()
    }

    fn serialize(&self, _: &mut Vec<u8>, _: &CommonCircuitData<F, D>) -> IoResult<()> {
        Ok(())
    }

    fn deserialize(_: &mut Buffer, _: &CommonCircuitData<F, D>) -> IoResult<Self> {
        Ok(Self::new())
    }

    fn eval_unfiltered(&self, vars: EvaluationVars<F, D>) -> Vec<QuadraticExtension<F>> {
        let mut out = Vec::with_capacity(T::OPS * T::CONSTRAINTS);
        let mut algebra = Values(lift, PhantomData);
        Self::constrain_row(&mut algebra, vars.local_wires, &mut |v| out.push(v));
        out
    }

    fn eval_unfiltered_base_one(&self, _: EvaluationVarsBase<F>, _: StridedConstraintConsumer<F>) {
        unreachable!("evaluated in batches")
    }

    fn eval_unfiltered_base_batch(&self, vars: EvaluationVarsBaseBatch<F>) -> Vec<F> {
        self.eval_unfiltered_base_batch_packed(vars)
    }

    fn eval_unfiltered_circuit(&self, builder: &mut Plonk, vars: EvaluationTargets<D>) -> Vec<ExtensionTarget<D>> {
        let mut out = Vec::with_capacity(T::OPS * T::CONSTRAINTS);
        Self::constrain_row(&mut Recursive(builder), vars.local_wires, &mut |v| out.push(v));
        out
    }

    fn generators(&self, row: usize, _: &[F]) -> Vec<WitnessGeneratorRef<F, D>> {
        (0..T::OPS).map(|op| WitnessGeneratorRef::new(CellGenerator::<T> { row, op, cell: PhantomData }.adapter())).collect()
    }

    fn num_wires(&self) -> usize {
        T::OPS * (Self::ROUTED + T::ADVICE)
    }

    fn num_constants(&self) -> usize {
        0
    }

    fn degree(&self) -> usize {
        T::DEGREE
    }

    fn num_constraints(&self) -> usize {
        T::OPS * T::CONSTRAINTS
    }
}

impl<T: Cell> PackedEvaluableBase<F, D> for Row<T> {
    fn eval_unfiltered_base_packed<P: PackedField<Scalar = F>>(
        &self,
        vars: EvaluationVarsBasePacked<P>,
        mut yield_constr: StridedConstraintConsumer<P>,
    ) {
        const MOST_WIRES: usize = 135;
        let mut wires = [P::ZEROS; MOST_WIRES];
        let count = <Self as Gate<F, D>>::num_wires(self);
        for (i, wire) in wires[..count].iter_mut().enumerate() {
            *wire = vars.local_wires[i];
        }
        let mut algebra = Values(P::from, PhantomData);
        Self::constrain_row(&mut algebra, &wires[..count], &mut |v| yield_constr.one(v));
    }
}

/// Fills one repetition from its inputs.
#[derive(Debug, Default, Clone)]
pub struct CellGenerator<T: Cell> {
    row: usize,
    op: usize,
    cell: PhantomData<T>,
}

impl<T: Cell> SimpleGenerator<F, D> for CellGenerator<T> {
    fn id(&self) -> String {
        format!("{}Generator", T::NAME)
    }

    fn dependencies(&self) -> Vec<Target> {
        (0..T::INPUTS).map(|i| Target::wire(self.row, Row::<T>::routed(self.op, i))).collect()
    }

    fn run_once(&self, witness: &PartitionWitness<F>, out: &mut GeneratedValues<F>) -> Result<()> {
        let inputs: Vec<F> = SimpleGenerator::<F, D>::dependencies(self).into_iter().map(|t| witness.get_target(t)).collect();
        let (mut outputs, mut advice) = (vec![F::ZERO; T::OUTPUTS], vec![F::ZERO; T::ADVICE]);
        T::fill(&inputs, &mut outputs, &mut advice);
        for (i, v) in outputs.into_iter().enumerate() {
            out.set_target(Target::wire(self.row, Row::<T>::routed(self.op, T::INPUTS + i)), v)?;
        }
        for (i, v) in advice.into_iter().enumerate() {
            out.set_target(Target::wire(self.row, Row::<T>::advice(self.op, i)), v)?;
        }
        Ok(())
    }

    fn serialize(&self, dst: &mut Vec<u8>, _: &CommonCircuitData<F, D>) -> IoResult<()> {
        dst.write_usize(self.row)?;
        dst.write_usize(self.op)
    }

    fn deserialize(src: &mut Buffer, _: &CommonCircuitData<F, D>) -> IoResult<Self> {
        Ok(Self { row: src.read_usize()?, op: src.read_usize()?, cell: PhantomData })
    }
}

/// `Σ limb_i · 4^i`, after emitting that each limb is 0, 1, 2 or 3: with `t = x·(x - 3)`, `x·(x-1)·(x-2)·(x-3) = t·(t + 2)`.
fn limbs<A: Algebra>(a: &mut A, limbs: &[A::V], emit: &mut impl FnMut(A::V)) -> A::V {
    let mut sum = a.constant(F::ZERO);
    for &limb in limbs.iter().rev() {
        let t = a.mul_shifted(limb, -F::from_canonical_u64(3));
        emit(a.mul_shifted(t, F::TWO));
        sum = a.add_scaled(limb, F::from_canonical_u64(4), sum);
    }
    sum
}

/// The same for limbs of one bit.
fn bits<A: Algebra>(a: &mut A, bits: &[A::V], emit: &mut impl FnMut(A::V)) -> A::V {
    let mut sum = a.constant(F::ZERO);
    for &bit in bits.iter().rev() {
        emit(a.mul_shifted(bit, -F::ONE));
        sum = a.add_scaled(bit, F::TWO, sum);
    }
    sum
}

/// A 32-bit word in 16 limbs: emits that `word` is their sum and `low` the sum of the lower eight.
fn word<A: Algebra>(a: &mut A, word: A::V, low: A::V, parts: &[A::V], emit: &mut impl FnMut(A::V)) {
    let lower = limbs(a, &parts[..8], emit);
    let upper = limbs(a, &parts[8..16], emit);
    let sum = a.add_scaled(lower, F::from_canonical_u64(1 << 16), upper);
    emit(a.sub(word, sum));
    emit(a.sub(low, lower));
}

fn fill_limbs(mut v: u64, limbs: &mut [F]) {
    for limb in limbs {
        *limb = F::from_canonical_u64(v & 3);
        v >>= 2;
    }
}

/// The integer nearest to zero that a field element stands for.
fn centred(v: F) -> i128 {
    let v = v.to_canonical_u64();
    if v > crate::field::MODULUS / 2 { i128::from(v) - i128::from(crate::field::MODULUS) } else { i128::from(v) }
}

fn low_half(word: u64) -> F {
    F::from_canonical_u64(word & 0xffff)
}

/// `v → low`: `v` is an integer in `[0, 2^32)` and `low` its lower 16 bits.
///
/// `v` is the sum of 16 limbs below 4, so at most 2^32 - 1, far below p: the limbs are unique.
#[derive(Debug, Default, Clone)]
pub struct Range32;

impl Cell for Range32 {
    const NAME: &'static str = "Range32";
    const INPUTS: usize = 1;
    const OUTPUTS: usize = 1;
    const ADVICE: usize = 16;
    const OPS: usize = 7;
    const DEGREE: usize = 4;
    const CONSTRAINTS: usize = 18;

    fn constrain<A: Algebra>(a: &mut A, routed: &[A::V], advice: &[A::V], emit: &mut impl FnMut(A::V)) {
        word(a, routed[0], routed[1], advice, emit);
    }

    fn fill(inputs: &[F], outputs: &mut [F], advice: &mut [F]) {
        let v = inputs[0].to_canonical_u64();
        outputs[0] = low_half(v);
        fill_limbs(v, advice);
    }
}

/// `x0, x1 → w0, low0, w1, low1`: `x0 + 2^32·x1 = w0 + 2^32·w1`, both words below 2^32.
///
/// Needs `x0` in `[-2^32, 3·2^32)` and `|x1| <= 2^61`. The carry `x0 = w0 + 2^32·c` is one limb less one, so -1 to 2, and
/// `x1 + c = w1`. Both sides of both equations are less than p/2 from zero, so they hold over the integers.
#[derive(Debug, Default, Clone)]
pub struct Words2;

impl Cell for Words2 {
    const NAME: &'static str = "Words2";
    const INPUTS: usize = 2;
    const OUTPUTS: usize = 4;
    const ADVICE: usize = 33;
    const OPS: usize = 3;
    const DEGREE: usize = 4;
    const CONSTRAINTS: usize = 39;

    fn constrain<A: Algebra>(a: &mut A, routed: &[A::V], advice: &[A::V], emit: &mut impl FnMut(A::V)) {
        let [x0, x1, w0, low0, w1, low1] = *routed else { unreachable!("six routed wires") };
        word(a, w0, low0, &advice[..16], emit);
        word(a, w1, low1, &advice[16..32], emit);
        let one = a.constant(F::ONE);
        let carry = limbs(a, &advice[32..], emit);
        let carry = a.sub(carry, one);
        let sum = a.add_scaled(w0, F::from_canonical_u64(1 << 32), carry);
        emit(a.sub(x0, sum));
        let top = a.add(x1, carry);
        emit(a.sub(top, w1));
    }

    fn fill(inputs: &[F], outputs: &mut [F], advice: &mut [F]) {
        let x0 = centred(inputs[0]);
        let (w0, carry) = (x0.rem_euclid(1 << 32) as u64, x0.div_euclid(1 << 32));
        let w1 = (centred(inputs[1]) + carry).rem_euclid(1 << 32) as u64;
        outputs.copy_from_slice(&[F::from_canonical_u64(w0), low_half(w0), F::from_canonical_u64(w1), low_half(w1)]);
        fill_limbs(w0, &mut advice[..16]);
        fill_limbs(w1, &mut advice[16..32]);
        fill_limbs((carry + 1).rem_euclid(4) as u64, &mut advice[32..]);
    }
}

/// `x, cin → w, low, cout`: `x + cin = w + 2^32·cout`, `w` below 2^32, `cout` in `[-2^29, 2^29)`.
///
/// Needs `|x| < 2^61 - 2^29` and `cin` the `cout` of another step or 0: then the true carry lies in that range. Either side is less
/// than 2^62 from zero, so the equation holds over the integers and `w`, `cout` are unique.
#[derive(Debug, Default, Clone)]
pub struct Step;

impl Cell for Step {
    const NAME: &'static str = "Step";
    const INPUTS: usize = 2;
    const OUTPUTS: usize = 3;
    const ADVICE: usize = 31;
    const OPS: usize = 3;
    const DEGREE: usize = 4;
    const CONSTRAINTS: usize = 35;

    fn constrain<A: Algebra>(a: &mut A, routed: &[A::V], advice: &[A::V], emit: &mut impl FnMut(A::V)) {
        let [x, cin, w, low, cout] = *routed else { unreachable!("five routed wires") };
        word(a, w, low, &advice[..16], emit);
        let offset = a.constant(F::from_canonical_u64(CARRY_OFFSET as u64));
        let shifted = limbs(a, &advice[16..], emit);
        let carry = a.sub(shifted, offset);
        emit(a.sub(cout, carry));
        let left = a.add(x, cin);
        let right = a.add_scaled(w, F::from_canonical_u64(1 << 32), cout);
        emit(a.sub(left, right));
    }

    fn fill(inputs: &[F], outputs: &mut [F], advice: &mut [F]) {
        let sum = centred(inputs[0]) + centred(inputs[1]);
        let (w, carry) = (sum.rem_euclid(1 << 32) as u64, sum.div_euclid(1 << 32));
        outputs.copy_from_slice(&[F::from_canonical_u64(w), low_half(w), crate::field::element(carry)]);
        fill_limbs(w, &mut advice[..16]);
        fill_limbs((carry + i128::from(CARRY_OFFSET)).rem_euclid(1 << 30) as u64, &mut advice[16..]);
    }
}

/// Bits taken from an element of a digest.
pub const DIGEST_BITS: usize = 33;

/// `h → b_0 … b_32, sum`: the 33 lowest bits of the canonical integer of `h`, and how many of them are 1.
///
/// `h = Σ b_i·2^i + 2^33·u` with `u` in 31 bits allows two solutions where `h + p` has 64 bits, that is `h < 2^32 - 1`. The
/// second one has the upper 32 bits all ones and a lower half that is not 0: with `t = 2^32 - 1 - upper`,
/// `(1 - t·inv)·lower = 0` refuses it (`t = 0` forces `lower = 0`; for any other `t` there is an inverse).
#[derive(Debug, Default, Clone)]
pub struct DigestBits;

impl Cell for DigestBits {
    const NAME: &'static str = "DigestBits";
    const INPUTS: usize = 1;
    const OUTPUTS: usize = DIGEST_BITS + 1;
    const ADVICE: usize = 17;
    const OPS: usize = 2;
    const DEGREE: usize = 4;
    const CONSTRAINTS: usize = DIGEST_BITS + 16 + 3;

    fn constrain<A: Algebra>(a: &mut A, routed: &[A::V], advice: &[A::V], emit: &mut impl FnMut(A::V)) {
        let (h, digest_bits, count) = (routed[0], &routed[1..1 + DIGEST_BITS], routed[1 + DIGEST_BITS]);
        let lower = bits(a, &digest_bits[..32], emit);
        let bit32 = bits(a, &digest_bits[32..], emit);
        let u = limbs(a, &advice[..15], emit);
        let top = bits(a, &advice[15..16], emit);
        let u = a.add_scaled(u, F::from_canonical_u64(1 << 30), top);
        let upper = a.add_scaled(bit32, F::TWO, u);
        let value = a.add_scaled(lower, F::from_canonical_u64(1 << 32), upper);
        emit(a.sub(h, value));
        let mut sum = a.constant(F::ZERO);
        for &bit in digest_bits {
            sum = a.add(sum, bit);
        }
        emit(a.sub(count, sum));
        let (one, ones) = (a.constant(F::ONE), a.constant(F::from_canonical_u64(u64::from(u32::MAX))));
        let t = a.sub(ones, upper);
        let is_inverse = a.mul(t, advice[16]);
        let not_inverse = a.sub(one, is_inverse);
        emit(a.mul(not_inverse, lower));
    }

    fn fill(inputs: &[F], outputs: &mut [F], advice: &mut [F]) {
        let h = inputs[0].to_canonical_u64();
        for (i, bit) in outputs[..DIGEST_BITS].iter_mut().enumerate() {
            *bit = F::from_canonical_u64(h >> i & 1);
        }
        outputs[DIGEST_BITS] = F::from_canonical_u32((h & ((1 << DIGEST_BITS) - 1)).count_ones());
        let u = h >> DIGEST_BITS;
        fill_limbs(u & ((1 << 30) - 1), &mut advice[..15]);
        advice[15] = F::from_canonical_u64(u >> 30);
        let t = F::from_canonical_u64(u64::from(u32::MAX) - (h >> 32));
        advice[16] = t.try_inverse().unwrap_or(F::ZERO);
    }
}

/// `b, x_0 … x_3, y_0 … y_3 → out_0 … out_3`: `x` where `b` is 1, `y` where it is 0. `b` is constrained elsewhere.
#[derive(Debug, Default, Clone)]
pub struct Select4;

impl Cell for Select4 {
    const NAME: &'static str = "Select4";
    const INPUTS: usize = 9;
    const OUTPUTS: usize = 4;
    const ADVICE: usize = 0;
    const OPS: usize = 6;
    const DEGREE: usize = 2;
    const CONSTRAINTS: usize = 4;

    fn constrain<A: Algebra>(a: &mut A, routed: &[A::V], _: &[A::V], emit: &mut impl FnMut(A::V)) {
        for i in 0..4 {
            let difference = a.sub(routed[1 + i], routed[5 + i]);
            let chosen = a.mul(routed[0], difference);
            let chosen = a.add(chosen, routed[5 + i]);
            emit(a.sub(routed[9 + i], chosen));
        }
    }

    fn fill(inputs: &[F], outputs: &mut [F], _: &mut [F]) {
        for i in 0..4 {
            outputs[i] = inputs[0] * (inputs[1 + i] - inputs[5 + i]) + inputs[5 + i];
        }
    }
}
