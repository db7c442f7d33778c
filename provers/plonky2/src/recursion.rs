//! From a batch's proof to the proof for L1: two recursions.
//!
//! | circuit | verifies | rows | wires (routed) | rate | queries, grinding | why |
//! | --- | --- | --- | --- | --- | --- | --- |
//! | shrink | the batch's proof: a leaf or a join of [`circuit_config`](crate::config::circuit_config) | 2^13 | 135 (55) | 1/128 | 23, 20 bits | few queries, so that |
//! | last | the shrink's | 2^12 | 135 (56) | 1/256 | 19, 25 bits | its proof, under [`Evm`], is small: 96,632 bytes |
//!
//! The verifier data of the circuit below are constants of the one above, so the last circuit's verifier data pin the program and the batch
//! size. All else of the shrink and the last circuit is the same for every program and batch size (`l1::SHAPE`): one contract verifies them
//! all. Routed wires are as few as the rows allow: each costs a column of every query, and the security of batching bounds the columns to 254 over 2^20 points.

use plonky2::field::extension::quadratic::QuadraticExtension;
use plonky2::gates::noop::NoopGate;
use plonky2::iop::witness::{PartialWitness, WitnessWrite};
use plonky2::plonk::circuit_data::{CircuitConfig, CircuitData, CommonCircuitData, VerifierCircuitData, VerifierOnlyCircuitData};
use plonky2::plonk::config::GenericConfig;
use plonky2::plonk::proof::{ProofWithPublicInputs, ProofWithPublicInputsTarget};
use plonky2::util::serialization::{Buffer, DefaultGateSerializer, DefaultGeneratorSerializer, IoResult, Read as _, Write as _};

use crate::config::{last_config, shrink_config};
use crate::evaluators::cheaper;
use crate::evm::Evm;
use crate::field::{C, D, F, Field, Plonk};
use crate::lowering::PUBLIC_INPUTS;

/// Base-2 logarithm of the shrink's rows.
pub const SHRINK_ROW_BITS: usize = 13;
/// Base-2 logarithm of the last circuit's rows.
pub const LAST_ROW_BITS: usize = 12;

/// A circuit that verifies one proof of another, and has its public inputs.
pub struct Wrapper<K: GenericConfig<D, F = F, FE = QuadraticExtension<F>>> {
    pub data: CircuitData<F, K, D>,
    /// The proof that it verifies.
    pub inner: ProofWithPublicInputsTarget<D>,
}

/// The circuit that verifies proofs of a batch's circuit.
///
/// # Errors
/// The rows that this takes, if they are more than 2^`SHRINK_ROW_BITS`.
pub fn shrink(inner: &VerifierCircuitData<F, C, D>) -> Result<Wrapper<C>, usize> {
    Wrapper::build(inner, shrink_config(), b"multiprover/plonky2/shrink/v1", SHRINK_ROW_BITS)
}

/// The circuit whose proofs go to L1; it verifies those of a shrink.
///
/// # Errors
/// The rows that this takes, if they are more than 2^`LAST_ROW_BITS`.
pub fn last(shrink: &VerifierCircuitData<F, C, D>) -> Result<Wrapper<Evm>, usize> {
    Wrapper::build(shrink, last_config(), b"multiprover/plonky2/l1/v1", LAST_ROW_BITS)
}

impl<K: GenericConfig<D, F = F, FE = QuadraticExtension<F>>> Wrapper<K> {
    fn build(
        verifier: &VerifierCircuitData<F, C, D>,
        config: CircuitConfig,
        name: &[u8],
        row_bits: usize,
    ) -> Result<Self, usize> {
        let (b, inner) = assemble(&verifier.common, &verifier.verifier_only, config, name, row_bits)?;
        let rows = b.num_gates();
        let data = b.build::<K>();
        if data.common.degree_bits() == row_bits { Ok(Wrapper { data, inner }) } else { Err(rows) }
    }

    /// A proof that the inner circuit has a proof with these public inputs.
    ///
    /// # Errors
    /// The inner proof is not valid.
    pub fn prove(&self, proof: &ProofWithPublicInputs<F, C, D>) -> anyhow::Result<ProofWithPublicInputs<F, K, D>> {
        let mut inputs = PartialWitness::new();
        inputs.set_proof_with_pis_target(&self.inner, proof)?;
        self.data.prove(inputs)
    }

    pub fn verifier(&self) -> VerifierCircuitData<F, K, D> {
        self.data.verifier_data()
    }

    /// Everything that proving needs.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![];
        bytes.write_target_proof_with_public_inputs(&self.inner).expect("writing to memory");
        let generators = DefaultGeneratorSerializer::<C, D>::default();
        bytes.write_circuit_data(&self.data, &DefaultGateSerializer, &generators).expect("gates of the library");
        bytes
    }

    /// # Errors
    /// The bytes are not of this version.
    pub fn from_bytes(bytes: &[u8]) -> IoResult<Self> {
        let mut buffer = Buffer::new(bytes);
        let inner = buffer.read_target_proof_with_public_inputs()?;
        let generators = DefaultGeneratorSerializer::<C, D>::default();
        let data = buffer.read_circuit_data(&DefaultGateSerializer, &generators)?;
        Ok(Wrapper { data, inner })
    }
}

/// The circuit, not yet built.
fn assemble(
    common: &CommonCircuitData<F, D>,
    only: &VerifierOnlyCircuitData<C, D>,
    config: CircuitConfig,
    name: &[u8],
    row_bits: usize,
) -> Result<(Plonk, ProofWithPublicInputsTarget<D>), usize> {
    assert_eq!(common.num_public_inputs, PUBLIC_INPUTS);
    let mut b = Plonk::new(config);
    let inner = b.add_virtual_proof_with_pis(common);
    let data = b.constant_verifier_data(only);
    b.verify_proof::<C>(&inner, &data, &cheaper(common));
    b.register_public_inputs(&inner.public_inputs);
    // The library's digest of a circuit leaves out its gates: this stands for them.
    b.set_domain_separator(name.iter().map(|&x| F::from_canonical_u8(x)).collect());
    // The same number of rows whatever is verified.
    while b.num_gates() <= 1 << (row_bits - 1) {
        b.add_gate(NoopGate, vec![]);
    }
    if b.num_gates() > 1 << row_bits { Err(b.num_gates()) } else { Ok((b, inner)) }
}

#[cfg(test)]
mod tests {
    use plonky2::hash::hash_types::HashOut;
    use plonky2::hash::merkle_tree::MerkleCap;

    use super::*;
    use crate::builder::Builder;
    use crate::config::{MOST_ROW_BITS, circuit_config};
    use crate::lowering;
    use crate::program::Program;
    use crate::reference::reference_program;
    use crate::{l1, suite};

    /// Verifier data of no circuit: it decides constants only.
    fn some_data(common: &CommonCircuitData<F, D>) -> VerifierOnlyCircuitData<C, D> {
        let digest = |i: usize| HashOut { elements: std::array::from_fn(|j| F::from_canonical_usize(1000 + 4 * i + j)) };
        let cap = (0..1 << common.config.fri_config.cap_height).map(digest).collect();
        VerifierOnlyCircuitData { constants_sigmas_cap: MerkleCap(cap), circuit_digest: digest(99) }
    }

    fn mock(common: &CommonCircuitData<F, D>, config: CircuitConfig, row_bits: usize) -> CommonCircuitData<F, D> {
        let (b, _) = assemble(common, &some_data(common), config, b"test", row_bits).unwrap();
        let common = b.mock_build::<C>().common;
        assert_eq!(common.degree_bits(), row_bits);
        common
    }

    #[test]
    fn whatever_is_proven_the_last_circuit_is_the_one_that_contracts_verify() {
        let program = Program::decode(&reference_program(&["goldilocks"])).unwrap();
        let leaf = |slots| lowering::build(&program, slots, circuit_config()).plonk.mock_build::<C>().common;
        let (small, large) = (leaf(1), leaf(20));
        assert_eq!(large.degree_bits(), MOST_ROW_BITS);
        // A join of two, as far as who verifies it sees one: the same gates, and 2^14 rows.
        let mut b = Builder::new(circuit_config());
        for _ in 0..2 {
            let proof = b.plonk.add_virtual_proof_with_pis(&large);
            let data = b.plonk.constant_verifier_data(&some_data(&large));
            b.plonk.verify_proof::<C>(&proof, &data, &large);
        }
        let public = b.advise_many(PUBLIC_INPUTS);
        let bit = b.advise_bool();
        b.select_digest(bit, [public[0]; 4], [public[1]; 4]);
        b.plonk.register_public_inputs(&public);
        b.finish_rows();
        let join = b.plonk.mock_build::<C>().common;
        assert_eq!(join.degree_bits(), MOST_ROW_BITS);
        for common in [&small, &large, &join] {
            let shrink = mock(common, shrink_config(), SHRINK_ROW_BITS);
            let last = mock(&shrink, last_config(), LAST_ROW_BITS);
            assert_eq!(suite::hex(&l1::shape(&last)), l1::SHAPE);
        }
    }
}
