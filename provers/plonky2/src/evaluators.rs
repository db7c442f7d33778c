//! The library's gates, as a recursive circuit checks them: the same constraints in fewer rows.
//!
//! A gate comes with a circuit that evaluates its constraints on opened values. For four gates the library's is far from the
//! shortest, and the circuits of the last two proofs must fit 2^13 and 2^12 rows: [`cheaper`] puts shorter ones in their place. What is proven is the same polynomial for
//! polynomial, which the tests compare at random points.

use std::sync::Arc;

use plonky2::field::extension::Extendable;
use plonky2::gates::gate::{Gate, GateRef};
use plonky2::gates::poseidon::PoseidonGate;
use plonky2::gates::poseidon_mds::PoseidonMdsGate;
use plonky2::gates::reducing::ReducingGate;
use plonky2::gates::reducing_extension::ReducingExtensionGate;
use plonky2::gates::util::StridedConstraintConsumer;
use plonky2::hash::poseidon::{ALL_ROUND_CONSTANTS, HALF_N_FULL_ROUNDS, N_PARTIAL_ROUNDS, Poseidon, SPONGE_WIDTH};
use plonky2::iop::ext_target::ExtensionTarget;
use plonky2::iop::generator::WitnessGeneratorRef;
use plonky2::plonk::circuit_data::CommonCircuitData;
use plonky2::plonk::vars::{EvaluationTargets, EvaluationVars, EvaluationVarsBase};
use plonky2::util::serialization::{Buffer, IoError, IoResult};

use crate::field::{D, F, Field, Plonk, PrimeField64};

type Ext = ExtensionTarget<D>;
type Extension = <F as Extendable<D>>::Extension;
type State = [Ext; SPONGE_WIDTH];

/// The circuit that evaluates a gate's constraints.
type Evaluator = fn(&GateRef<F, D>, &mut Plonk, EvaluationTargets<D>) -> Vec<Ext>;

/// A gate with another evaluator: only for verifying proofs, never in a row.
#[derive(Clone)]
struct Evaluated {
    gate: GateRef<F, D>,
    evaluator: Evaluator,
}

impl std::fmt::Debug for Evaluated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.gate.0.id())
    }
}

impl Gate<F, D> for Evaluated {
    fn id(&self) -> String {
        self.gate.0.id()
    }
    fn serialize(&self, _: &mut Vec<u8>, _: &CommonCircuitData<F, D>) -> IoResult<()> {
        Err(IoError)
    }
    fn deserialize(_: &mut Buffer, _: &CommonCircuitData<F, D>) -> IoResult<Self> {
        Err(IoError)
    }
    fn eval_unfiltered(&self, vars: EvaluationVars<F, D>) -> Vec<Extension> {
        self.gate.0.eval_unfiltered(vars)
    }
    fn eval_unfiltered_base_one(&self, vars: EvaluationVarsBase<F>, consumer: StridedConstraintConsumer<F>) {
        self.gate.0.eval_unfiltered_base_one(vars, consumer);
    }
    fn eval_unfiltered_circuit(&self, builder: &mut Plonk, vars: EvaluationTargets<D>) -> Vec<Ext> {
        (self.evaluator)(&self.gate, builder, vars)
    }
    fn generators(&self, row: usize, constants: &[F]) -> Vec<WitnessGeneratorRef<F, D>> {
        self.gate.0.generators(row, constants)
    }
    fn num_wires(&self) -> usize {
        self.gate.0.num_wires()
    }
    fn num_constants(&self) -> usize {
        self.gate.0.num_constants()
    }
    fn degree(&self) -> usize {
        self.gate.0.degree()
    }
    fn num_constraints(&self) -> usize {
        self.gate.0.num_constraints()
    }
}

/// A circuit's description with shorter evaluators, for verifying its proofs in a circuit.
pub fn cheaper(common: &CommonCircuitData<F, D>) -> CommonCircuitData<F, D> {
    let mut common = common.clone();
    for gate in &mut common.gates {
        let any = gate.0.as_any();
        let evaluator: Option<Evaluator> = if any.is::<PoseidonGate<F, D>>() {
            Some(poseidon)
        } else if any.is::<PoseidonMdsGate<F, D>>() {
            Some(poseidon_mds)
        } else if any.is::<ReducingGate<D>>() {
            Some(reducing)
        } else if any.is::<ReducingExtensionGate<D>>() {
            Some(reducing_extension)
        } else {
            None
        };
        if let Some(evaluator) = evaluator {
            *gate = GateRef(Arc::new(Evaluated { gate: gate.clone(), evaluator }));
        }
    }
    common
}

/// `x^7 + c`: the addition is free in the last product.
fn sbox(b: &mut Plonk, x: Ext, c: F) -> Ext {
    let x2 = b.square_extension(x);
    let x3 = b.mul_extension(x, x2);
    let x4 = b.square_extension(x2);
    let c = b.constant_extension(c.into());
    b.mul_add_extension(x3, x4, c)
}

fn mds(b: &mut Plonk, state: &State) -> State {
    F::mds_layer_circuit(b, state)
}

/// The inverse of the permutation's matrix, by elimination: its rows.
fn inverse_mds() -> [[F; SPONGE_WIDTH]; SPONGE_WIDTH] {
    const N: usize = SPONGE_WIDTH;
    let unit = |i: usize, j: usize| if i == j { F::ONE } else { F::ZERO };
    let entry = |i: usize, j: usize| {
        F::from_canonical_u64(F::MDS_MATRIX_CIRC[(j + N - i) % N]) + unit(i, j) * F::from_canonical_u64(F::MDS_MATRIX_DIAG[i])
    };
    let mut rows: Vec<[F; 2 * N]> =
        (0..N).map(|i| std::array::from_fn(|j| if j < N { entry(i, j) } else { unit(i, j - N) })).collect();
    for column in 0..N {
        let pivot = (column..N).find(|&r| rows[r][column] != F::ZERO).expect("the matrix is invertible");
        rows.swap(column, pivot);
        let scale = rows[column][column].inverse();
        rows[column].iter_mut().for_each(|x| *x *= scale);
        let base = rows[column];
        for (_, row) in rows.iter_mut().enumerate().filter(|&(r, _)| r != column) {
            let factor = row[column];
            row.iter_mut().zip(&base).for_each(|(x, &y)| *x -= factor * y);
        }
    }
    std::array::from_fn(|i| std::array::from_fn(|j| rows[i][N + j]))
}

/// What is added to the outputs of each round's S-boxes so that the matrix makes the next round's constants of it. Of a partial
/// round only the first place has an S-box: what belongs to the others moves on to the round before.
struct Constants {
    full_0: [[F; SPONGE_WIDTH]; HALF_N_FULL_ROUNDS],
    partial: [F; N_PARTIAL_ROUNDS],
    full_1: [[F; SPONGE_WIDTH]; HALF_N_FULL_ROUNDS],
}

impl Constants {
    fn new() -> Self {
        let inverse = inverse_mds();
        let back = |c: [F; SPONGE_WIDTH]| -> [F; SPONGE_WIDTH] {
            std::array::from_fn(|i| inverse[i].iter().zip(c).map(|(&m, c)| m * c).sum())
        };
        let of = |round: usize| -> [F; SPONGE_WIDTH] {
            std::array::from_fn(|i| F::from_canonical_u64(ALL_ROUND_CONSTANTS[SPONGE_WIDTH * round + i]))
        };
        const SECOND: usize = HALF_N_FULL_ROUNDS + N_PARTIAL_ROUNDS;
        let mut wanted = of(SECOND);
        let mut partial = [F::ZERO; N_PARTIAL_ROUNDS];
        for round in (0..N_PARTIAL_ROUNDS).rev() {
            let before = back(wanted);
            partial[round] = before[0];
            wanted = of(HALF_N_FULL_ROUNDS + round);
            wanted.iter_mut().zip(before).skip(1).for_each(|(w, b)| *w += b);
        }
        let full_0 = std::array::from_fn(|r| back(if r + 1 < HALF_N_FULL_ROUNDS { of(r + 1) } else { wanted }));
        let full_1 =
            std::array::from_fn(|r| if r + 1 < HALF_N_FULL_ROUNDS { back(of(SECOND + r + 1)) } else { [F::ZERO; SPONGE_WIDTH] });
        Constants { full_0, partial, full_1 }
    }
}

/// The gate's wires: 12 inputs, 12 outputs, swap, 4 differences, then what enters the S-boxes: rounds 1 to 3 of the first full
/// ones, the partial rounds, the last full ones.
fn poseidon(_: &GateRef<F, D>, b: &mut Plonk, vars: EvaluationTargets<D>) -> Vec<Ext> {
    const OUTPUT: usize = SPONGE_WIDTH;
    const SWAP: usize = 2 * SPONGE_WIDTH;
    const DELTA: usize = SWAP + 1;
    const FULL_0: usize = DELTA + 4;
    const PARTIAL: usize = FULL_0 + SPONGE_WIDTH * (HALF_N_FULL_ROUNDS - 1);
    const FULL_1: usize = PARTIAL + N_PARTIAL_ROUNDS;
    let w = vars.local_wires;
    let constants = Constants::new();
    let mut constraints = vec![b.mul_sub_extension(w[SWAP], w[SWAP], w[SWAP])];
    let mut state: State = std::array::from_fn(|i| w[i]);
    for i in 0..4 {
        let difference = b.sub_extension(w[4 + i], w[i]);
        constraints.push(b.mul_sub_extension(w[SWAP], difference, w[DELTA + i]));
        state[i] = b.add_extension(w[i], w[DELTA + i]);
        state[4 + i] = b.sub_extension(w[4 + i], w[DELTA + i]);
    }
    for (s, &c) in state.iter_mut().zip(&ALL_ROUND_CONSTANTS) {
        let c = b.constant_extension(Extension::from_canonical_u64(c));
        *s = b.add_extension(*s, c);
    }
    for (round, constants) in constants.full_0.iter().enumerate() {
        if round > 0 {
            let wires = &w[FULL_0 + SPONGE_WIDTH * (round - 1)..][..SPONGE_WIDTH];
            replace(b, &mut constraints, &mut state, wires);
        }
        state = full_round(b, state, constants);
    }
    for (round, &c) in constants.partial.iter().enumerate() {
        replace(b, &mut constraints, &mut state, &w[PARTIAL + round..=PARTIAL + round]);
        state[0] = sbox(b, state[0], c);
        state = mds(b, &state);
    }
    for (round, constants) in constants.full_1.iter().enumerate() {
        replace(b, &mut constraints, &mut state, &w[FULL_1 + SPONGE_WIDTH * round..][..SPONGE_WIDTH]);
        state = full_round(b, state, constants);
    }
    replace(b, &mut constraints, &mut state, &w[OUTPUT..OUTPUT + SPONGE_WIDTH]);
    constraints
}

/// Constrains the first places to be the wires, and goes on with these.
fn replace(b: &mut Plonk, constraints: &mut Vec<Ext>, state: &mut State, wires: &[Ext]) {
    for (s, &wire) in state.iter_mut().zip(wires) {
        constraints.push(b.sub_extension(*s, wire));
        *s = wire;
    }
}

fn full_round(b: &mut Plonk, state: State, constants: &[F; SPONGE_WIDTH]) -> State {
    let state = std::array::from_fn(|i| sbox(b, state[i], constants[i]));
    mds(b, &state)
}

/// Twelve inputs, then twelve outputs, two wires each: the matrix has entries of the base field, so it acts on each half alone.
fn poseidon_mds(_: &GateRef<F, D>, b: &mut Plonk, vars: EvaluationTargets<D>) -> Vec<Ext> {
    let w = vars.local_wires;
    let halves: [State; D] = std::array::from_fn(|h| {
        let input: State = std::array::from_fn(|i| w[D * i + h]);
        mds(b, &input)
    });
    (0..D * SPONGE_WIDTH).map(|k| b.sub_extension(w[D * SPONGE_WIDTH + k], halves[k % D][k / D])).collect()
}

/// `old·alpha + coefficient - new`, over the extension of the opened values' field by the gate's own; `coefficient` is one or two wires.
fn accumulate(b: &mut Plonk, old: [Ext; D], alpha: [Ext; D], coefficient: &[Ext], new: [Ext; D]) -> [Ext; D] {
    let w = F::from_canonical_u64(<F as Extendable<D>>::W.to_canonical_u64());
    let high = b.arithmetic_extension(w, F::ONE, old[1], alpha[1], coefficient[0]);
    let low = b.mul_add_extension(old[0], alpha[0], high);
    let first = b.sub_extension(low, new[0]);
    let mut cross = b.mul_sub_extension(old[1], alpha[0], new[1]);
    if let Some(&second) = coefficient.get(1) {
        cross = b.add_extension(cross, second);
    }
    [first, b.mul_add_extension(old[0], alpha[1], cross)]
}

/// Wires: output, `alpha`, the accumulator before, `count` coefficients of `size` wires, and the accumulators between.
fn accumulators(b: &mut Plonk, w: &[Ext], count: usize, size: usize) -> Vec<Ext> {
    let pair = |at: usize| [w[at], w[at + 1]];
    let (coefficients, between) = (3 * D, 3 * D + size * count);
    let mut old = pair(2 * D);
    (0..count)
        .flat_map(|i| {
            let new = if i + 1 == count { pair(0) } else { pair(between + D * i) };
            let coefficient = &w[coefficients + size * i..][..size];
            accumulate(b, std::mem::replace(&mut old, new), pair(D), coefficient, new)
        })
        .collect()
}

fn reducing(gate: &GateRef<F, D>, b: &mut Plonk, vars: EvaluationTargets<D>) -> Vec<Ext> {
    let gate = gate.0.as_any().downcast_ref::<ReducingGate<D>>().expect("chosen for this gate");
    accumulators(b, vars.local_wires, gate.num_coeffs, 1)
}

fn reducing_extension(gate: &GateRef<F, D>, b: &mut Plonk, vars: EvaluationTargets<D>) -> Vec<Ext> {
    let gate = gate.0.as_any().downcast_ref::<ReducingExtensionGate<D>>().expect("chosen for this gate");
    accumulators(b, vars.local_wires, gate.num_coeffs, D)
}

#[cfg(test)]
mod tests {
    use plonky2::gates::gate_testing::test_eval_fns;

    use super::*;
    use crate::config::circuit_config;
    use crate::field::C;

    #[test]
    fn short_evaluators_are_the_gates_constraints() {
        let mut common = Plonk::new(circuit_config()).build::<C>().common;
        let gates = [
            GateRef::new(PoseidonGate::<F, D>::new()),
            GateRef::new(PoseidonMdsGate::<F, D>::new()),
            GateRef::new(ReducingGate::<D>::new(43)),
            GateRef::new(ReducingExtensionGate::<D>::new(29)),
        ];
        common.gates = gates.to_vec();
        for gate in cheaper(&common).gates {
            let evaluated = gate.0.as_any().downcast_ref::<Evaluated>().expect("each has a shorter one");
            test_eval_fns::<F, C, Evaluated, D>(evaluated.clone()).unwrap();
            // A release build's comparison ends with the shorter list.
            let mut b = Plonk::new(circuit_config());
            let vars = EvaluationTargets {
                local_constants: &b.add_virtual_extension_targets(gate.0.num_constants()),
                local_wires: &b.add_virtual_extension_targets(gate.0.num_wires()),
                public_inputs_hash: &b.add_virtual_hash(),
            };
            assert_eq!(gate.0.eval_unfiltered_circuit(&mut b, vars).len(), gate.0.num_constraints());
        }
    }
}
