//! Weak Fiat–Shamir: the library's verifier of the batch's own proof, with a transcript that does not absorb something, and who profits from it.
//!
//! Nothing of the library is changed: its transcript is whatever the hasher's permutation makes of it.

use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::anyhow;
use multiprover_plonky2::config::{Gates, Generators, circuit_config};
use multiprover_plonky2::execution::execute;
use multiprover_plonky2::field::{D, F, Field, H};
use multiprover_plonky2::lowering;
use multiprover_plonky2::pb::prover as pb;
use multiprover_plonky2::program::Program;
use plonky2::field::extension::quadratic::QuadraticExtension;
use plonky2::field::polynomial::PolynomialCoeffs;
use plonky2::fri::oracle::PolynomialBatch;
use plonky2::fri::structure::{FriBatchInfo, FriInstanceInfo, FriOracleInfo, FriPolynomialInfo};
use plonky2::hash::hash_types::HashOut;
use plonky2::hash::hashing::PlonkyPermutation;
use plonky2::hash::poseidon::{PoseidonHash, PoseidonPermutation};
use plonky2::iop::challenger::Challenger;
use plonky2::iop::witness::{PartialWitness, WitnessWrite};
use plonky2::plonk::circuit_data::{CircuitData, CommonCircuitData};
use plonky2::plonk::config::{GenericConfig, Hasher};
use plonky2::plonk::proof::{OpeningSet, Proof, ProofWithPublicInputs};
use plonky2::plonk::vars::EvaluationVars;
use plonky2::util::timing::TimingTree;
use serde_json::{Value, json};

use super::own_suite;

type Extension = QuadraticExtension<F>;
type WeakProof = ProofWithPublicInputs<F, Weak, D>;

/// The first element that the transcript does not absorb, and how many.
static UNHEARD: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];

fn unheard() -> std::ops::Range<usize> {
    let [from, count] = [0, 1].map(|i: usize| UNHEARD[i].load(Ordering::Relaxed));
    from..from + count
}

/// A transcript's permutation that keeps what it had in place of elements that it does not absorb.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Deaf {
    state: PoseidonPermutation<F>,
    /// Elements so far.
    heard: usize,
}

impl AsRef<[F]> for Deaf {
    fn as_ref(&self) -> &[F] {
        self.state.as_ref()
    }
}

impl PlonkyPermutation<F> for Deaf {
    const RATE: usize = <PoseidonPermutation<F> as PlonkyPermutation<F>>::RATE;
    const WIDTH: usize = <PoseidonPermutation<F> as PlonkyPermutation<F>>::WIDTH;

    fn new<I: IntoIterator<Item = F>>(elements: I) -> Self {
        Deaf { state: PoseidonPermutation::new(elements), heard: 0 }
    }

    fn set_elt(&mut self, element: F, at: usize) {
        if !unheard().contains(&self.heard) {
            self.state.set_elt(element, at);
        }
        self.heard += 1;
    }

    fn set_from_iter<I: IntoIterator<Item = F>>(&mut self, elements: I, start: usize) {
        elements.into_iter().zip(start..).for_each(|(e, at)| self.set_elt(e, at));
    }

    fn set_from_slice(&mut self, elements: &[F], start: usize) {
        self.set_from_iter(elements.iter().copied(), start);
    }

    fn permute(&mut self) {
        self.state.permute();
    }

    fn squeeze(&self) -> &[F] {
        self.state.squeeze()
    }
}

/// Poseidon, with that transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct WeakPoseidon;

impl Hasher<F> for WeakPoseidon {
    const HASH_SIZE: usize = 32;
    type Hash = HashOut<F>;
    type Permutation = Deaf;

    fn hash_no_pad(input: &[F]) -> HashOut<F> {
        PoseidonHash::hash_no_pad(input)
    }

    fn two_to_one(left: HashOut<F>, right: HashOut<F>) -> HashOut<F> {
        PoseidonHash::two_to_one(left, right)
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Weak;

impl GenericConfig<D> for Weak {
    type F = F;
    type FE = Extension;
    type Hasher = WeakPoseidon;
    type InnerHasher = PoseidonHash;
}

/// The sums over all gates of `filter·constraint_k`.
fn constraints(common: &CommonCircuitData<F, D>, vars: EvaluationVars<F, D>) -> Vec<Extension> {
    // The library keeps who has which selector to itself, but for its serialisation.
    let selectors = serde_json::to_value(&common.selectors_info).expect("plain data");
    let number = |v: &Value| v.as_u64().expect("a place") as usize;
    let mut sums = vec![Extension::ZERO; common.num_gate_constraints];
    for (row, gate) in common.gates.iter().enumerate() {
        let selector = number(&selectors["selector_indices"][row]);
        let group = &selectors["groups"][selector];
        let group = number(&group["start"])..number(&group["end"]);
        let filtered = gate.0.eval_filtered(vars, row, selector, group, common.selectors_info.num_selectors(), 0);
        sums.iter_mut().zip(filtered).for_each(|(sum, value)| *sum += value);
    }
    sums
}

/// A proof without a witness: all wires are zero, and the quotient is whatever makes the identities hold at `zeta`, which is known before
/// it is committed to where the transcript does not absorb it.
fn without_witness(data: &CircuitData<F, Weak, D>, public_inputs: &[F]) -> WeakProof {
    let (common, prover) = (&data.common, &data.prover_only);
    let (config, n) = (&common.config, common.degree());
    let mut timing = TimingTree::default();
    let mut commit = |polynomials: Vec<Vec<F>>| {
        let padded = polynomials.into_iter().map(|mut p| {
            p.resize(n, F::ZERO);
            PolynomialCoeffs::new(p)
        });
        let (rate, cap) = (config.fri_config.rate_bits, config.fri_config.cap_height);
        PolynomialBatch::<F, Weak, D>::from_coeffs(
            padded.collect(),
            rate,
            false,
            cap,
            &mut timing,
            prover.fft_root_table.as_ref(),
        )
    };
    let hash = H::hash_no_pad(public_inputs);
    let mut challenger = Challenger::<F, WeakPoseidon>::new();
    common.fri_params.observe(&mut challenger);
    challenger.observe_hash::<WeakPoseidon>(prover.circuit_digest);
    challenger.observe_hash::<PoseidonHash>(hash);
    let wires = commit(vec![vec![]; config.num_wires]);
    challenger.observe_cap::<WeakPoseidon>(&wires.merkle_tree.cap);
    challenger.get_n_challenges(2 * config.num_challenges);
    let products = commit(vec![vec![]; config.num_challenges * (1 + common.num_partial_products)]);
    challenger.observe_cap::<WeakPoseidon>(&products.merkle_tree.cap);
    let alphas = challenger.get_n_challenges(config.num_challenges);

    let mut ahead = challenger.clone();
    ahead.observe_elements(&vec![F::ZERO; 4 << config.fri_config.cap_height]);
    let zeta: Extension = ahead.get_extension_challenge::<D>();
    // Z and the partial products are zero: of the permutation's terms only Z(1) = 1 does not hold, and counts L_0(zeta)·(0 - 1).
    let vanishing = zeta.exp_power_of_2(common.degree_bits()) - Extension::ONE;
    let first = vanishing / ((zeta - Extension::ONE) * Extension::from(F::from_canonical_usize(n)));
    let constants: Vec<Extension> = (prover.constants_sigmas_commitment.polynomials[..common.num_constants].iter())
        .map(|p| p.to_extension::<D>().eval(zeta))
        .collect();
    let vars = EvaluationVars {
        local_constants: &constants,
        local_wires: &vec![Extension::ZERO; config.num_wires],
        public_inputs_hash: &hash,
    };
    let mut terms = vec![-first; config.num_challenges];
    terms.resize(config.num_challenges * (2 + common.num_partial_products), Extension::ZERO);
    terms.extend(constraints(common, vars));
    let quotients = alphas.iter().flat_map(|&alpha| {
        let sum = terms.iter().rev().fold(Extension::ZERO, |sum, &t| sum * Extension::from(alpha) + t);
        // a + b·zeta, a and b in GF(p).
        let QuadraticExtension([t0, t1]) = sum / vanishing;
        let b = t1 / zeta.0[1];
        let mut chunks = vec![vec![]; common.quotient_degree_factor];
        chunks[0] = vec![t0 - b * zeta.0[0], b];
        chunks
    });
    let quotients = commit(quotients.collect());
    challenger.observe_cap::<WeakPoseidon>(&quotients.merkle_tree.cap);

    // From here on as anyone would.
    let zeta: Extension = challenger.get_extension_challenge::<D>();
    let oracles = [&prover.constants_sigmas_commitment, &wires, &products, &quotients];
    let g = Extension::primitive_root_of_unity(common.degree_bits());
    let o = OpeningSet::new(zeta, g, oracles[0], oracles[1], oracles[2], oracles[3], common);
    for part in [&o.constants, &o.plonk_sigmas, &o.wires, &o.plonk_zs, &o.partial_products, &o.quotient_polys, &o.plonk_zs_next] {
        challenger.observe_extension_elements::<D>(part);
    }
    let counts = oracles.map(|o| o.polynomials.len());
    let all = counts.iter().enumerate().flat_map(|(i, &count)| FriPolynomialInfo::from_range(i, 0..count)).collect();
    let zs = FriPolynomialInfo::from_range(2, 0..config.num_challenges);
    let instance = FriInstanceInfo {
        oracles: counts.map(|num_polys| FriOracleInfo { num_polys, blinding: false }).to_vec(),
        batches: vec![FriBatchInfo { point: zeta, polynomials: all }, FriBatchInfo { point: g * zeta, polynomials: zs }],
    };
    let mut timing = TimingTree::default();
    let opening_proof =
        PolynomialBatch::prove_openings(&instance, &oracles, &mut challenger, &common.fri_params, None, None, &mut timing);
    let proof = Proof {
        wires_cap: wires.merkle_tree.cap,
        plonk_zs_partial_products_cap: products.merkle_tree.cap,
        quotient_polys_cap: quotients.merkle_tree.cap,
        openings: o,
        opening_proof,
    };
    ProofWithPublicInputs { proof, public_inputs: public_inputs.to_vec() }
}

/// Whether a verifier whose transcript does not absorb `unabsorbed` takes a proof of `lie`'s statement from somebody who has `truth`, a batch
/// that could happen, and knows of the fault; and why not.
///
/// # Errors
/// `truth` is no true batch.
pub fn forge(
    program: &Program,
    slots: usize,
    truth: &pb::ProveRequest,
    lie: &pb::ProveRequest,
    unabsorbed: &str,
) -> anyhow::Result<Value> {
    let circuit = lowering::lower(program, slots, circuit_config());
    let bytes = circuit.data.to_bytes(&Gates, &Generators).map_err(|_| anyhow!("every gate is registered"))?;
    let data = CircuitData::<F, Weak, D>::from_bytes(&bytes, &Gates, &Generators)
        .map_err(|_| anyhow!("the circuit with that hasher"))?;
    let false_inputs = own_suite(lie)?.0.public_inputs();

    let mut start = Challenger::<F, WeakPoseidon>::new();
    data.common.fri_params.observe(&mut start);
    let (parameters, digest, cap) = (start.compact().heard, 4, 4 << data.common.config.fri_config.cap_height);
    let (from, count) = match unabsorbed {
        "nothing" => (0, 0),
        "public inputs" => (parameters + digest, digest),
        "quotients" => (parameters + 2 * digest + 2 * cap, cap),
        other => return Err(anyhow!("unabsorbed: expected nothing, public inputs or quotients, found {other:?}")),
    };
    UNHEARD[0].store(from, Ordering::Relaxed);
    UNHEARD[1].store(count, Ordering::Relaxed);

    // A true proof must be one still, and with the other statement it is the first attempt; a proof without a witness is the second.
    let (statement, truth) = own_suite(truth)?;
    let witness = execute(program, slots, &statement, &truth).map_err(|r| anyhow!("{r}"))?;
    let mut inputs = PartialWitness::new();
    for (&target, &value) in circuit.advice.iter().zip(&witness.advice) {
        inputs.set_target(target, value)?;
    }
    let honest = data.prove(inputs)?;
    data.verify(honest.clone())?;
    let grafted = ProofWithPublicInputs { public_inputs: false_inputs.clone(), ..honest };
    let attempts = [("a true proof with the false statement", grafted), ("no witness", without_witness(&data, &false_inputs))];
    let mut refusals = vec![];
    for (how, proof) in attempts {
        match data.verify(proof) {
            Ok(()) => return Ok(json!({"accepts": true, "how": how})),
            Err(e) => refusals.push(format!("{how}: {}", e.to_string().lines().next().unwrap_or_default())),
        }
    }
    Ok(json!({"accepts": false, "how": refusals.join("; ")}))
}
