//! A proof for L1 of the tests' own transition: `cargo run --release --example l1 -- FOLDER [SLOTS]` writes `verifier_data`, `l1_verifier`,
//! `public_inputs`, `proof` and `proof_any_sibling` there, and prints what each step took.
//!
//! `proof_any_sibling` is another proof of the same, by a prover who puts 32 bytes that no hash gives (words of `p` or more) where a path's
//! sibling will be asked for: valid, for siblings need not be digests (L1.md §1).

#[path = "../tests/common/bank.rs"]
#[allow(dead_code)]
mod bank;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use multiprover_plonky2::config::circuit_config;
use multiprover_plonky2::evm::{MaskedKeccak, Transcript, digest_of};
use multiprover_plonky2::execution::{Statement, execute};
use multiprover_plonky2::field::{D, F, PrimeField64};
use multiprover_plonky2::l1::{FinalProof, Verifier};
use multiprover_plonky2::recursion::{Wrapper, last, shrink};
use multiprover_plonky2::segments::Proof as InnerProof;
use multiprover_plonky2::{l1, lowering, usage};
use plonky2::field::extension::quadratic::QuadraticExtension;
use plonky2::fri::proof::{FriInitialTreeProof, FriProof, FriQueryRound, FriQueryStep};
use plonky2::hash::hash_types::HashOut;
use plonky2::hash::merkle_proofs::MerkleProof;
use plonky2::hash::merkle_tree::MerkleCap;
use plonky2::hash::poseidon::PoseidonHash;
use plonky2::plonk::config::{GenericConfig, Hasher};
use plonky2::plonk::proof::{Proof, ProofWithPublicInputs};
use plonky2::util::serialization::DefaultGateSerializer;

/// Runs a step and says what it took.
fn timed<T>(name: &str, step: impl FnOnce() -> T) -> T {
    let (cpu, start) = (usage::cpu_seconds(), std::time::Instant::now());
    let result = step();
    eprintln!(
        "{name}: {:.1} CPU s, {:.1} s, peak {:.0} MiB",
        usage::cpu_seconds() - cpu,
        start.elapsed().as_secs_f64(),
        usage::peak_mib()
    );
    result
}

/// Which nodes of a tree are no hash: none for 0.
static SALT: AtomicU64 = AtomicU64::new(0);
/// One node of so many: about as many as lie on the paths of one proof, and beside them.
const RARITY: u64 = 1349;
const NO_HASH: [u8; 32] = [0xff; 32];

/// [`MaskedKeccak`], but that some nodes are [`NO_HASH`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lying;

impl Hasher<F> for Lying {
    const HASH_SIZE: usize = 32;
    type Hash = HashOut<F>;
    type Permutation = Transcript;

    fn hash_no_pad(input: &[F]) -> HashOut<F> {
        MaskedKeccak::hash_no_pad(input)
    }

    fn two_to_one(left: HashOut<F>, right: HashOut<F>) -> HashOut<F> {
        let node = MaskedKeccak::two_to_one(left, right);
        let salt = SALT.load(Ordering::Relaxed);
        let lies = salt != 0 && (node.elements[0].to_canonical_u64() >> 8).wrapping_add(salt).is_multiple_of(RARITY);
        if lies { digest_of(NO_HASH) } else { node }
    }
}

/// `Evm` with that hasher.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct LyingConfig;

impl GenericConfig<D> for LyingConfig {
    type F = F;
    type FE = QuadraticExtension<F>;
    type Hasher = Lying;
    type InnerHasher = PoseidonHash;
}

/// The same proof, for the verifier's hasher.
fn handed_in(lying: ProofWithPublicInputs<F, LyingConfig, D>) -> FinalProof {
    let cap = |c: MerkleCap<F, Lying>| MerkleCap::<F, MaskedKeccak>(c.0);
    let path = |p: MerkleProof<F, Lying>| MerkleProof::<F, MaskedKeccak> { siblings: p.siblings };
    let ProofWithPublicInputs { proof, public_inputs } = lying;
    let fri = proof.opening_proof;
    let query = |q: FriQueryRound<F, Lying, D>| FriQueryRound {
        initial_trees_proof: FriInitialTreeProof {
            evals_proofs: q.initial_trees_proof.evals_proofs.into_iter().map(|(leaf, p)| (leaf, path(p))).collect(),
        },
        steps: q.steps.into_iter().map(|s| FriQueryStep { evals: s.evals, merkle_proof: path(s.merkle_proof) }).collect(),
    };
    let opening_proof = FriProof {
        commit_phase_merkle_caps: fri.commit_phase_merkle_caps.into_iter().map(cap).collect(),
        query_round_proofs: fri.query_round_proofs.into_iter().map(query).collect(),
        final_poly: fri.final_poly,
        pow_witness: fri.pow_witness,
    };
    let proof = Proof {
        wires_cap: cap(proof.wires_cap),
        plonk_zs_partial_products_cap: cap(proof.plonk_zs_partial_products_cap),
        quotient_polys_cap: cap(proof.quotient_polys_cap),
        openings: proof.openings,
        opening_proof,
    };
    FinalProof { proof, public_inputs }
}

/// A valid proof with a sibling that is no hash. Where a path leads through such a node the proof is not valid, so it takes some trials.
fn with_any_sibling(last: &Wrapper<LyingConfig>, inner: &InnerProof, verifier: &Verifier) -> anyhow::Result<Vec<u8>> {
    for salt in 1.. {
        SALT.store(salt, Ordering::Relaxed);
        let bytes = l1::serialise(&handed_in(timed("last, prove lying", || last.prove(inner))?), verifier);
        let siblings = bytes.windows(NO_HASH.len()).filter(|w| *w == NO_HASH).count();
        let verdict = l1::verify(&bytes, &inner.public_inputs, verifier);
        eprintln!(
            "{siblings} siblings that are no hash: {}",
            verdict.as_ref().map_or_else(ToString::to_string, |()| "valid".into())
        );
        if siblings > 0 && verdict.is_ok() {
            return Ok(bytes);
        }
    }
    unreachable!("goes on until it is found")
}

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or_else(|| anyhow::anyhow!("expected a folder"))?);
    let slots: usize = arguments.next().map_or(Ok(2), |s| s.parse())?;
    std::fs::create_dir_all(&folder)?;
    let mut bank = bank::Bank::new();
    let mut batch = vec![bank.register(5, 0, 1 << 45)];
    batch.resize_with(slots, || bank.noop());
    let request = bank.world.batch(&batch);
    let statement = Statement::decode(request.statement.as_ref())?;
    let witness = execute(&bank.world.program, slots, &statement, &request)?;
    let leaf = timed("leaf, build", || lowering::lower(&bank.world.program, slots, circuit_config()));
    let proof = timed("leaf, prove", || leaf.prove(&witness.advice, &[]))?;
    let shrink = timed("shrink, build", || shrink(&leaf.data.verifier_data())).map_err(|rows| anyhow::anyhow!("{rows} rows"))?;
    let inner = timed("shrink, prove", || shrink.prove(&proof))?;
    let last = timed("last, build", || last(&shrink.verifier())).map_err(|rows| anyhow::anyhow!("{rows} rows"))?;
    drop(shrink);
    let proof = timed("last, prove", || last.prove(&inner))?;
    let verifier = last.verifier();
    let bytes = l1::serialise(&proof, &verifier);
    timed("verify", || l1::verify(&bytes, &proof.public_inputs, &verifier))?;
    eprintln!("{} bytes", bytes.len());
    let inputs: Vec<u8> = proof.public_inputs.iter().flat_map(|e| e.to_canonical_u64().to_be_bytes()).collect();
    std::fs::write(folder.join("proof"), bytes)?;
    std::fs::write(folder.join("public_inputs"), inputs)?;
    std::fs::write(folder.join("l1_verifier"), l1::verifier_bytes(&verifier))?;
    let lying = last.to_bytes();
    drop(last);
    let lying = Wrapper::<LyingConfig>::from_bytes(&lying).map_err(|_| anyhow::anyhow!("the circuit for another hasher"))?;
    std::fs::write(folder.join("proof_any_sibling"), with_any_sibling(&lying, &inner, &verifier)?)?;
    std::fs::write(folder.join("verifier_data"), verifier.to_bytes(&DefaultGateSerializer).expect("gates of the library"))?;
    Ok(())
}
