//! The bytes of a proof for L1 (L1.md): no lengths, fixed places, eight bytes an element, big-endian.
//!
//! Left out is what a verifier computes: of each query the value of the folded polynomial where the query looks.

use plonky2::field::extension::quadratic::QuadraticExtension;
use plonky2::field::polynomial::PolynomialCoeffs;
use plonky2::fri::proof::{FriInitialTreeProof, FriProof, FriQueryRound, FriQueryStep};
use plonky2::hash::hash_types::HashOut;
use plonky2::hash::merkle_proofs::MerkleProof;
use plonky2::hash::merkle_tree::MerkleCap;
use plonky2::plonk::circuit_data::{CommonCircuitData, VerifierCircuitData};
use plonky2::plonk::proof::{OpeningSet, Proof, ProofChallenges, ProofWithPublicInputs};
use plonky2::util::serialization::DefaultGateSerializer;

use crate::evm::{Evm, MaskedKeccak, digest_bytes, digest_of};
use crate::field::{D, F, Field, MODULUS, PrimeField64};
use crate::lowering::PUBLIC_INPUTS;
use crate::refusal::{Code, Refusal, malformed};
use crate::suite::keccak;

type Extension = QuadraticExtension<F>;
type Digest = HashOut<F>;
type Cap = MerkleCap<F, MaskedKeccak>;
type Common = CommonCircuitData<F, D>;
pub type Verifier = VerifierCircuitData<F, Evm, D>;
pub type FinalProof = ProofWithPublicInputs<F, Evm, D>;

/// What [`shape`] says of the circuit that the contract verifies.
pub const SHAPE: &str = "9277d0e29db324dde0a2e2293fa9b1266deb1631d661e95d2467c94cad69122f";

const ELEMENT: usize = 8;
const DIGEST: usize = 32;
/// A digest's words have their top bit cleared.
const WORD_BOUND: u64 = 1 << 63;

/// Names everything of a circuit but its digest and its cap: gates, selectors, wires, parameters.
pub fn shape(common: &Common) -> [u8; 32] {
    keccak(&[&common.to_bytes(&DefaultGateSerializer).expect("gates of the library")])
}

/// What the contract's constructor needs: the circuit's digest, then the cap of its constants and sigmas.
pub fn verifier_bytes(verifier: &Verifier) -> Vec<u8> {
    let only = &verifier.verifier_only;
    let mut out = Writer(vec![]);
    out.digest(&only.circuit_digest);
    out.cap(&only.constants_sigmas_cap);
    out.0
}

/// Polynomials of the four trees: constants and sigmas, wires, `Z`s and partial products, quotient chunks.
pub fn oracles(common: &Common) -> [usize; 4] {
    let challenges = common.config.num_challenges;
    [
        common.num_constants + common.config.num_routed_wires,
        common.config.num_wires,
        challenges * (1 + common.num_partial_products),
        challenges * common.quotient_degree_factor,
    ]
}

/// Bytes of a proof.
pub fn proof_bytes(common: &Common) -> usize {
    let params = &common.fri_params;
    let polynomials: usize = oracles(common).iter().sum();
    let cap = DIGEST << params.config.cap_height;
    let path = |bits: usize| DIGEST * (bits - params.config.cap_height);
    let mut bits = params.lde_bits();
    let mut query = ELEMENT * polynomials + 4 * path(bits);
    for &arity in &params.reduction_arity_bits {
        bits -= arity;
        query += D * ELEMENT * ((1 << arity) - 1) + path(bits);
    }
    let openings = D * ELEMENT * (polynomials + common.config.num_challenges);
    (3 + params.reduction_arity_bits.len()) * cap
        + openings
        + D * ELEMENT * params.final_poly_len()
        + ELEMENT
        + params.config.num_query_rounds * query
}

struct Writer(Vec<u8>);

impl Writer {
    fn elements(&mut self, elements: &[F]) {
        self.0.extend(elements.iter().flat_map(|e| e.to_canonical_u64().to_be_bytes()));
    }
    fn extensions(&mut self, elements: &[Extension]) {
        elements.iter().for_each(|e| self.elements(&e.0));
    }
    fn digest(&mut self, digest: &Digest) {
        self.0.extend(digest_bytes(digest));
    }
    fn cap(&mut self, cap: &Cap) {
        cap.0.iter().for_each(|d| self.digest(d));
    }
}

/// The bytes of a valid proof.
///
/// # Panics
/// If the proof does not have the circuit's shape.
pub fn serialise(proof: &FinalProof, verifier: &Verifier) -> Vec<u8> {
    let common = &verifier.common;
    let challenges = challenges(proof, verifier);
    let p = &proof.proof;
    let fri = &p.opening_proof;
    let mut out = Writer(Vec::with_capacity(proof_bytes(common)));
    [&p.wires_cap, &p.plonk_zs_partial_products_cap, &p.quotient_polys_cap].into_iter().for_each(|c| out.cap(c));
    let o = &p.openings;
    for part in [&o.constants, &o.plonk_sigmas, &o.wires, &o.plonk_zs, &o.partial_products, &o.quotient_polys, &o.plonk_zs_next] {
        out.extensions(part);
    }
    fri.commit_phase_merkle_caps.iter().for_each(|c| out.cap(c));
    out.extensions(&fri.final_poly.coeffs);
    out.elements(&[fri.pow_witness]);
    for (query, &index) in fri.query_round_proofs.iter().zip(&challenges.fri_challenges.fri_query_indices) {
        for (leaf, path) in &query.initial_trees_proof.evals_proofs {
            out.elements(leaf);
            path.siblings.iter().for_each(|d| out.digest(d));
        }
        let [step] = &query.steps[..] else { panic!("one folding") };
        let known = index % step.evals.len();
        out.extensions(&step.evals[..known]);
        out.extensions(&step.evals[known + 1..]);
        step.merkle_proof.siblings.iter().for_each(|d| out.digest(d));
    }
    assert_eq!(out.0.len(), proof_bytes(common));
    out.0
}

/// The transcript's challenges.
pub fn challenges(proof: &FinalProof, verifier: &Verifier) -> ProofChallenges<F, D> {
    let hash = proof.get_public_inputs_hash();
    proof.get_challenges(hash, &verifier.verifier_only.circuit_digest, &verifier.common).expect("never fails")
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Reader<'_> {
    /// Below `bound`.
    fn word(&mut self, bound: u64) -> Result<F, Refusal> {
        let word = u64::from_be_bytes(self.bytes[self.at..self.at + ELEMENT].try_into().expect("eight bytes"));
        if word >= bound {
            let message = format!("the eight bytes at {} of the proof are not canonical", self.at);
            return Err(Refusal::new(Code::NonCanonical, message).differing(format!("below {bound:#x}"), format!("{word:#x}")));
        }
        self.at += ELEMENT;
        Ok(F::from_canonical_u64(word))
    }
    fn elements(&mut self, count: usize) -> Result<Vec<F>, Refusal> {
        (0..count).map(|_| self.word(MODULUS)).collect()
    }
    fn extensions(&mut self, count: usize) -> Result<Vec<Extension>, Refusal> {
        (0..count).map(|_| Ok(QuadraticExtension([self.word(MODULUS)?, self.word(MODULUS)?]))).collect()
    }
    fn digest(&mut self) -> Result<Digest, Refusal> {
        let mut digest = Digest::ZERO;
        for e in &mut digest.elements {
            *e = self.word(WORD_BOUND)?;
        }
        Ok(digest)
    }
    /// Entries of a cap are digests even where no query looks.
    fn cap(&mut self, height: usize) -> Result<Cap, Refusal> {
        Ok(MerkleCap((0..1 << height).map(|_| self.digest()).collect::<Result<_, _>>()?))
    }
    /// Siblings are any 32 bytes.
    fn path(&mut self, length: usize) -> MerkleProof<F, MaskedKeccak> {
        let siblings = self.bytes[self.at..self.at + DIGEST * length].chunks_exact(DIGEST);
        self.at += DIGEST * length;
        MerkleProof { siblings: siblings.map(|s| digest_of(s.try_into().expect("32 bytes"))).collect() }
    }
}

/// A proof from its bytes; nothing of it is checked but its encoding.
///
/// # Errors
/// `MALFORMED` for another length, `NON_CANONICAL` for an element that is not below p, or a cap's digest that no hash gives.
pub fn parse(bytes: &[u8], public_inputs: &[F], verifier: &Verifier) -> Result<FinalProof, Refusal> {
    let common = &verifier.common;
    let expected = proof_bytes(common);
    if bytes.len() != expected {
        return Err(malformed("the proof is not as long as proofs are")
            .differing(format!("{expected} bytes"), format!("{} bytes", bytes.len())));
    }
    if public_inputs.len() != PUBLIC_INPUTS {
        return Err(
            malformed("another number of public inputs").differing(PUBLIC_INPUTS.to_string(), public_inputs.len().to_string())
        );
    }
    let (config, params) = (&common.config, &common.fri_params);
    let cap_height = params.config.cap_height;
    let mut r = Reader { bytes, at: 0 };
    let (wires_cap, plonk_zs_partial_products_cap, quotient_polys_cap) =
        (r.cap(cap_height)?, r.cap(cap_height)?, r.cap(cap_height)?);
    let challenges = config.num_challenges;
    let openings = OpeningSet {
        constants: r.extensions(common.num_constants)?,
        plonk_sigmas: r.extensions(config.num_routed_wires)?,
        wires: r.extensions(config.num_wires)?,
        plonk_zs: r.extensions(challenges)?,
        partial_products: r.extensions(challenges * common.num_partial_products)?,
        quotient_polys: r.extensions(challenges * common.quotient_degree_factor)?,
        plonk_zs_next: r.extensions(challenges)?,
        lookup_zs: vec![],
        lookup_zs_next: vec![],
    };
    let commit_phase_merkle_caps = params.reduction_arity_bits.iter().map(|_| r.cap(cap_height)).collect::<Result<_, _>>()?;
    let final_poly = PolynomialCoeffs::new(r.extensions(params.final_poly_len())?);
    let pow_witness = r.word(MODULUS)?;
    let &[arity_bits] = &params.reduction_arity_bits[..] else { panic!("one folding") };
    let query = |r: &mut Reader| -> Result<_, Refusal> {
        let mut evals_proofs = vec![];
        for polynomials in oracles(common) {
            evals_proofs.push((r.elements(polynomials)?, r.path(params.lde_bits() - cap_height)));
        }
        let evals = r.extensions((1 << arity_bits) - 1)?;
        let merkle_proof = r.path(params.lde_bits() - arity_bits - cap_height);
        let initial_trees_proof = FriInitialTreeProof { evals_proofs };
        Ok(FriQueryRound { initial_trees_proof, steps: vec![FriQueryStep { evals, merkle_proof }] })
    };
    let query_round_proofs = (0..params.config.num_query_rounds).map(|_| query(&mut r)).collect::<Result<_, _>>()?;
    let opening_proof = FriProof { commit_phase_merkle_caps, query_round_proofs, final_poly, pow_witness };
    let proof = Proof { wires_cap, plonk_zs_partial_products_cap, quotient_polys_cap, openings, opening_proof };
    let mut proof = FinalProof { proof, public_inputs: public_inputs.to_vec() };

    // What was left out.
    let challenges = self::challenges(&proof, verifier);
    let opened = Opened::new(&proof.proof.openings, &challenges, common);
    let indices = &challenges.fri_challenges.fri_query_indices;
    for (query, &index) in proof.proof.opening_proof.query_round_proofs.iter_mut().zip(indices) {
        let value = opened.value(&query.initial_trees_proof, index)?;
        query.steps[0].evals.insert(index % (1 << arity_bits), value);
    }
    Ok(proof)
}

/// Whether the bytes prove the public inputs.
///
/// # Errors
/// Those of [`parse`], or `INVALID_PROOF` with the check that fails.
pub fn verify(bytes: &[u8], public_inputs: &[F], verifier: &Verifier) -> Result<(), Refusal> {
    let proof = parse(bytes, public_inputs, verifier)?;
    verifier.verify(proof).map_err(|e| Refusal::new(Code::InvalidProof, format!("the proof does not verify: {e}")))
}

/// What is opened, combined, to compare with what a query finds.
pub struct Opened {
    alpha: Extension,
    /// The point, the sum of the opened values by powers of `alpha`, and how many there are, for each of the two batches.
    batches: [(Extension, Extension, usize); 2],
    lde_bits: usize,
}

fn reduce(values: impl DoubleEndedIterator<Item = Extension>, alpha: Extension) -> Extension {
    values.rev().fold(Extension::ZERO, |sum, v| sum * alpha + v)
}

impl Opened {
    pub fn new(o: &OpeningSet<F, D>, challenges: &ProofChallenges<F, D>, common: &Common) -> Self {
        let alpha = challenges.fri_challenges.fri_alpha;
        let zeta = challenges.plonk_zeta;
        let all = [&o.constants, &o.plonk_sigmas, &o.wires, &o.plonk_zs, &o.partial_products, &o.quotient_polys];
        let all: Vec<Extension> = all.into_iter().flatten().copied().collect();
        let next = zeta * Extension::from(F::primitive_root_of_unity(common.degree_bits()));
        let batches = [
            (zeta, reduce(all.iter().copied(), alpha), all.len()),
            (next, reduce(o.plonk_zs_next.iter().copied(), alpha), o.plonk_zs_next.len()),
        ];
        Opened { alpha, batches, lde_bits: common.fri_params.lde_bits() }
    }

    /// The point that an index stands for.
    pub fn point(&self, index: usize) -> F {
        let power = (index as u64).reverse_bits() >> (64 - self.lde_bits);
        F::coset_shift() * F::primitive_root_of_unity(self.lde_bits).exp_u64(power)
    }

    /// The combined quotient's value at a query, from the leaves.
    ///
    /// # Errors
    /// `INVALID_PROOF` if the point is one that was opened.
    pub fn value(&self, leaves: &FriInitialTreeProof<F, MaskedKeccak>, index: usize) -> Result<Extension, Refusal> {
        let x = Extension::from(self.point(index));
        let all: Vec<Extension> = leaves.evals_proofs.iter().flat_map(|(leaf, _)| leaf).map(|&e| e.into()).collect();
        let zs: Vec<Extension> = leaves.evals_proofs[2].0[..self.batches[1].2].iter().map(|&e| e.into()).collect();
        let mut sum = Extension::ZERO;
        for ((point, opened, count), found) in self.batches.iter().zip([all, zs]) {
            let inverse = (x - *point).try_inverse().ok_or_else(|| {
                Refusal::new(Code::InvalidProof, "the proof does not verify: a query looks where a polynomial was opened")
            })?;
            sum = sum * self.alpha.exp_u64(*count as u64) + (reduce(found.into_iter(), self.alpha) - *opened) * inverse;
        }
        Ok(sum)
    }
}
