//! Checks a witness against every constraint of a circuit, row by row, without a proof: so that a test may lie in any wire.

#![allow(dead_code)]

use std::collections::BTreeMap;

use multiprover_plonky2::builder::Builder;
use multiprover_plonky2::config::circuit_config;
use multiprover_plonky2::field::{C, D, F, Field, H, PrimeField64};
use multiprover_plonky2::prover::Progress;
use plonky2::hash::hash_types::HashOut;
use plonky2::iop::generator::generate_partial_witness;
use plonky2::iop::target::Target;
use plonky2::iop::witness::{PartialWitness, PartitionWitness, WitnessWrite};
use plonky2::plonk::circuit_data::CircuitData;
use plonky2::plonk::config::Hasher;
use plonky2::plonk::vars::EvaluationVarsBaseBatch;

/// A circuit with what is needed to look at its constraints.
pub struct Checked {
    pub data: CircuitData<F, C, D>,
    pub advice: Vec<Target>,
    /// Row by row.
    constants: Vec<Vec<F>>,
}

impl Checked {
    pub fn new(data: CircuitData<F, C, D>, advice: Vec<Target>) -> Self {
        let columns: Vec<Vec<F>> = data.prover_only.constants_sigmas_commitment.polynomials[..data.common.num_constants]
            .iter()
            .map(|p| p.clone().fft().values)
            .collect();
        let constants = (0..data.common.degree()).map(|row| columns.iter().map(|c| c[row]).collect()).collect();
        Checked { data, advice, constants }
    }

    /// A circuit of a few gadgets.
    pub fn build(make: impl FnOnce(&mut Builder)) -> Self {
        let mut b = Builder::new(circuit_config());
        make(&mut b);
        b.finish_rows();
        let advice = b.advice.clone();
        Checked::new(b.plonk.build::<C>(), advice)
    }

    /// The witness that the generators make of the advice; an error where two of its values meet in one wire.
    pub fn witness(&self, advice: &[F]) -> anyhow::Result<PartitionWitness<'_, F>> {
        assert_eq!(advice.len(), self.advice.len());
        let mut inputs = PartialWitness::new();
        for (&target, &value) in self.advice.iter().zip(advice) {
            inputs.set_target(target, value)?;
        }
        generate_partial_witness(inputs, &self.data.prover_only, &self.data.common)
    }

    fn wire(&self, row: usize, column: usize) -> usize {
        self.data.prover_only.representative_map[row * self.data.common.config.num_wires + column]
    }

    fn public_inputs_hash(&self, witness: &PartitionWitness<F>) -> HashOut<F> {
        use plonky2::iop::witness::Witness;
        let public: Vec<F> = self.data.prover_only.public_inputs.iter().map(|&t| witness.get_target(t)).collect();
        H::hash_no_pad(&public)
    }

    /// Whether every constraint of a row holds.
    fn row_holds(&self, witness: &PartitionWitness<F>, row: usize, hash: &HashOut<F>) -> bool {
        let wires: Vec<F> =
            (0..self.data.common.config.num_wires).map(|c| witness.values[self.wire(row, c)].unwrap_or(F::ZERO)).collect();
        let gate = &self.data.common.gates[self.gate(row)];
        let constants = &self.constants[row][self.data.common.selectors_info.num_selectors()..];
        let vars = EvaluationVarsBaseBatch::new(1, constants, &wires, hash);
        gate.0.eval_unfiltered_base_batch(vars).iter().all(|v| v.is_zero())
    }

    /// The gate of a row: in its group's selector; the other groups' say that it is unused.
    fn gate(&self, row: usize) -> usize {
        let selectors = &self.constants[row][..self.data.common.selectors_info.num_selectors()];
        let used = selectors.iter().map(|s| s.to_canonical_u64()).find(|&s| s != u64::from(u32::MAX));
        used.expect("a row has a gate") as usize
    }

    /// Whether every constraint holds. (Copy constraints do by themselves: connected wires share a value.)
    pub fn holds(&self, witness: &PartitionWitness<F>) -> bool {
        let hash = self.public_inputs_hash(witness);
        (0..self.data.common.degree()).all(|row| self.row_holds(witness, row, &hash))
    }

    /// Whether the circuit takes this advice, with everything else filled in honestly.
    pub fn accepts(&self, advice: &[F]) -> bool {
        self.witness(advice).is_ok_and(|w| self.holds(&w))
    }

    /// Changes every value of the witness alone, in two ways; the values that may be changed without a violated constraint.
    pub fn free_values(&self, advice: &[F]) -> Vec<usize> {
        let mut witness = self.witness(advice).expect("honest advice");
        assert!(self.holds(&witness), "the honest witness does not hold");
        let hash = self.public_inputs_hash(&witness);
        let wires = self.data.common.config.num_wires;
        let mut rows: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for row in 0..self.data.common.degree() {
            // The last wires of the row of the public inputs are random and unused.
            let gate_is_public_inputs = |column: usize| column >= 4 && self.is_public_input_row(row);
            for column in (0..wires).filter(|&c| !gate_is_public_inputs(c)) {
                let class = self.wire(row, column);
                let at = rows.entry(class).or_default();
                if at.last() != Some(&row) {
                    at.push(row);
                }
            }
        }
        let mut free = vec![];
        for (class, rows) in rows {
            let Some(honest) = witness.values[class] else { continue };
            for lie in [honest + F::ONE, honest - F::from_canonical_u64(1 << 32)] {
                witness.values[class] = Some(lie);
                if rows.iter().all(|&row| self.row_holds(&witness, row, &hash)) {
                    free.push(class);
                    break;
                }
            }
            witness.values[class] = Some(honest);
        }
        free
    }

    fn is_public_input_row(&self, row: usize) -> bool {
        self.data.common.gates[self.gate(row)].0.id().starts_with("PublicInputGate")
    }
}

/// No one listens.
pub struct Quiet;

impl Progress for Quiet {
    fn stage(&self, _: &str, _: f64, _: f64, _: f64) {}
}

/// A small deterministic generator.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In `[lo, hi]`, often at an end.
    pub fn within(&mut self, lo: i128, hi: i128) -> i128 {
        let wide = u128::from(self.next()) << 64 | u128::from(self.next());
        let width = hi.wrapping_sub(lo) as u128;
        match self.next() % 6 {
            0 => lo,
            1 => hi,
            2 if lo <= 0 && hi >= 0 => 0,
            3 => lo.wrapping_add((wide % (width.min(1 << 33) + 1)) as i128),
            _ => lo.wrapping_add((if width == u128::MAX { wide } else { wide % (width + 1) }) as i128),
        }
    }
}

/// The words of a natural number, least significant first, as elements.
pub fn word_elements(v: u128, count: usize) -> Vec<F> {
    (0..count).map(|j| F::from_canonical_u32((v >> (32 * j)) as u32)).collect()
}
