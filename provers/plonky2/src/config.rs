//! Parameters of the proof system, and the serialisers that know our gates.

use plonky2::fri::FriConfig;
use plonky2::fri::reduction_strategies::FriReductionStrategy;
use plonky2::gadgets::arithmetic::EqualityGenerator;
use plonky2::gadgets::arithmetic_extension::QuotientGeneratorExtension;
use plonky2::gadgets::split_base::BaseSumGenerator;
use plonky2::gadgets::split_join::{SplitGenerator, WireSplitGenerator};
use plonky2::gates::arithmetic_base::{ArithmeticBaseGenerator, ArithmeticGate};
use plonky2::gates::arithmetic_extension::{ArithmeticExtensionGate, ArithmeticExtensionGenerator};
use plonky2::gates::base_sum::{BaseSplitGenerator, BaseSumGate};
use plonky2::gates::constant::ConstantGate;
use plonky2::gates::coset_interpolation::{CosetInterpolationGate, InterpolationGenerator};
use plonky2::gates::exponentiation::{ExponentiationGate, ExponentiationGenerator};
use plonky2::gates::multiplication_extension::{MulExtensionGate, MulExtensionGenerator};
use plonky2::gates::noop::NoopGate;
use plonky2::gates::poseidon::{PoseidonGate, PoseidonGenerator};
use plonky2::gates::poseidon_mds::{PoseidonMdsGate, PoseidonMdsGenerator};
use plonky2::gates::public_input::PublicInputGate;
use plonky2::gates::random_access::{RandomAccessGate, RandomAccessGenerator};
use plonky2::gates::reducing::{ReducingGate, ReducingGenerator};
use plonky2::gates::reducing_extension::{ReducingExtensionGate, ReducingGenerator as ReducingExtensionGenerator};
use plonky2::iop::generator::{ConstantGenerator, RandomValueGenerator};
use plonky2::plonk::circuit_data::CircuitConfig;
use plonky2::util::serialization::gate_serialization::log;
use plonky2::util::serialization::{GateSerializer, WitnessGeneratorSerializer};
use plonky2::{
    get_gate_tag_impl, get_generator_tag_impl, impl_gate_serializer, impl_generator_serializer, read_gate_impl,
    read_generator_impl,
};

use crate::field::{D, F};
use crate::gates::{CellGenerator, DigestBits, Range32, Row, Select4, Step, Words2};

/// Of proofs and keys.
pub const FORMAT_VERSION: u32 = 1;
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
pub const PROOF_TYPE: &str = "plonky2";

/// Base-2 logarithm of the rows of a circuit, at most: what a join can verify twice (`segments`), and half a GiB to prove.
pub const MOST_ROW_BITS: usize = 14;

/// The configuration of every circuit.
///
/// 53 queries at rate 1/8 and 21 bits of grinding give 100 bits where the library's 28 queries count on the refuted
/// up-to-capacity conjecture; three challenges in GF(p), because two leave the permutation argument under 100 bits. A query
/// costs whoever verifies a proof in a circuit about 130 rows: folding that ends at 64 coefficients, and grinding instead of four
/// queries, let two verifications fit into 2^14 rows, and one into 2^13.
pub fn circuit_config() -> CircuitConfig {
    CircuitConfig {
        num_wires: 135,
        num_routed_wires: 80,
        num_constants: 2,
        use_base_arithmetic_gate: true,
        security_bits: 100,
        num_challenges: 3,
        zero_knowledge: false,
        max_quotient_degree_factor: 8,
        fri_config: FriConfig {
            rate_bits: 3,
            cap_height: 4,
            proof_of_work_bits: 21,
            reduction_strategy: FriReductionStrategy::ConstantArityBits(4, 6),
            num_query_rounds: 53,
        },
    }
}

/// The configuration of the shrink circuit (`recursion`).
pub fn shrink_config() -> CircuitConfig {
    CircuitConfig {
        num_routed_wires: 55,
        fri_config: FriConfig {
            rate_bits: 7,
            cap_height: 4,
            proof_of_work_bits: 20,
            reduction_strategy: FriReductionStrategy::ConstantArityBits(4, 5),
            num_query_rounds: 23,
        },
        ..circuit_config()
    }
}

/// The configuration of the last circuit, whose proofs go to L1.
///
/// One folding: a second would cost more bytes in the queries than the longer final polynomial does. Caps of 32 digests: a level more or less is more bytes, too.
pub fn last_config() -> CircuitConfig {
    CircuitConfig {
        num_routed_wires: 56,
        fri_config: FriConfig {
            rate_bits: 8,
            cap_height: 5,
            proof_of_work_bits: 25,
            reduction_strategy: FriReductionStrategy::Fixed(vec![4]),
            num_query_rounds: 19,
        },
        ..circuit_config()
    }
}

/// Writes and reads the gates that `lowering` uses, and those of circuits that verify proofs.
pub struct Gates;

impl GateSerializer<F, D> for Gates {
    impl_gate_serializer! {
        Gates,
        ArithmeticGate,
        ArithmeticExtensionGate<D>,
        BaseSumGate<2>,
        ConstantGate,
        CosetInterpolationGate<F, D>,
        ExponentiationGate<F, D>,
        MulExtensionGate<D>,
        NoopGate,
        PoseidonGate<F, D>,
        PoseidonMdsGate<F, D>,
        PublicInputGate,
        RandomAccessGate<F, D>,
        ReducingExtensionGate<D>,
        ReducingGate<D>,
        Row<Range32>,
        Row<Words2>,
        Row<Step>,
        Row<DigestBits>,
        Row<Select4>
    }
}

/// Writes and reads their generators.
pub struct Generators;

impl WitnessGeneratorSerializer<F, D> for Generators {
    impl_generator_serializer! {
        Generators,
        ArithmeticBaseGenerator<F, D>,
        ArithmeticExtensionGenerator<F, D>,
        BaseSplitGenerator<2>,
        BaseSumGenerator<2>,
        ConstantGenerator<F>,
        EqualityGenerator,
        ExponentiationGenerator<F, D>,
        InterpolationGenerator<F, D>,
        MulExtensionGenerator<F, D>,
        PoseidonGenerator<F, D>,
        PoseidonMdsGenerator<D>,
        QuotientGeneratorExtension<D>,
        RandomAccessGenerator<F, D>,
        RandomValueGenerator,
        ReducingExtensionGenerator<D>,
        ReducingGenerator<D>,
        SplitGenerator,
        WireSplitGenerator,
        CellGenerator<Range32>,
        CellGenerator<Words2>,
        CellGenerator<Step>,
        CellGenerator<DigestBits>,
        CellGenerator<Select4>
    }
}
