//! Verifying keys and proofs as L1 sees them.
//!
//! A key's artefact `l1_verifier` is what `Halo2Adapter` is created with, in 32-byte big-endian words:
//!
//! | words | |
//! | --- | --- |
//! | 1 | the shape ([`Shape::digest`]) |
//! | 1 | `k`: the circuit has `2^k` rows |
//! | 1 | the library's digest of the verifying key, a scalar |
//! | 1 | 1 if the setup is insecure (made by one party), else 0 |
//! | 4 | `[tau] G2` of the setup, as in EIP-197: `x_im, x_re, y_im, y_re` |
//! | 2 a point | commitments to the fixed columns, then to the permutation's; infinity is zeros |
//!
//! The transcript starts with its keccak256, so a proof is bound to every byte of it. A proof is, in words: the commitments to advice columns,
//! permuted lookup columns, permutation products, lookup products, the random polynomial, the quotient's pieces; then the scalars in the
//! library's order (advice, fixed, random, permutation, products, lookups); then SHPLONK's `W` and `W'`.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use halo2_axiom::halo2curves::CurveAffine;
use halo2_axiom::halo2curves::bn256::{Bn256, Fq, Fq2, Fr, G1Affine, G2Affine};
use halo2_axiom::halo2curves::group::cofactor::CofactorGroup;
use halo2_axiom::halo2curves::group::prime::PrimeCurveAffine;
use halo2_axiom::plonk::{Circuit, ConstraintSystem, Error, ProvingKey, VerifyingKey, create_proof, permutation, verify_proof};
use halo2_axiom::poly::EvaluationDomain;
use halo2_axiom::poly::commitment::Params;
use halo2_axiom::poly::kzg::commitment::{KZGCommitmentScheme, ParamsKZG};
use halo2_axiom::poly::kzg::multiopen::{ProverSHPLONK, VerifierSHPLONK};
use halo2_axiom::poly::kzg::strategy::SingleStrategy;
use rand::RngCore;

use crate::evm::{Challenge, POINT, Reader, WORD, Writer, element, keccak, point, point_bytes, word};
use crate::shape::{INPUTS, Shape, ShapeError};

/// Bytes of a key before its points.
const HEADER: usize = 8 * WORD;
/// `k` that a contract takes: fewer rows would not leave the powers of the root of unity distinct that it uses.
const K: std::ops::RangeInclusive<u32> = 4..=28;

/// A key that is not one, or not of this circuit; the message says what was expected.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Of another length, not canonical, or not on its curve.
    #[error("key: {0}")]
    Malformed(String),
    /// The constraint system has no form on L1.
    #[error(transparent)]
    Shape(#[from] ShapeError),
}

/// A proof that is refused; the message says which check failed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub String);

/// What L1 must know of a verifying key.
#[derive(Clone, Debug)]
pub struct Key {
    bytes: Vec<u8>,
}

impl Key {
    /// The key of a circuit under a setup.
    ///
    /// # Errors
    /// [`KeyError::Shape`] if the contract has no form for the circuit.
    pub fn new(vk: &VerifyingKey<G1Affine>, params: &ParamsKZG<Bn256>, insecure: bool) -> Result<Self, KeyError> {
        let shape = Shape::of(vk.cs())?;
        let mut bytes = Vec::with_capacity(HEADER + POINT * shape.key_points());
        bytes.extend(shape.digest());
        bytes.extend(word(&Fr::from(u64::from(vk.get_domain().k()))));
        bytes.extend(word(&vk.transcript_repr()));
        bytes.extend(word(&Fr::from(u64::from(insecure))));
        bytes.extend(g2_bytes(&params.s_g2()));
        let points = vk.fixed_commitments().iter().chain(vk.permutation().commitments());
        bytes.extend(points.flat_map(point_bytes));
        Ok(Self { bytes })
    }

    /// The artefact `l1_verifier`.
    pub fn artefact(&self) -> &[u8] {
        &self.bytes
    }

    /// What the transcript starts with.
    pub fn seed(&self) -> [u8; WORD] {
        keccak(&self.bytes)
    }
}

/// Bytes of a point of G2, as in EIP-197.
fn g2_bytes(point: &G2Affine) -> [u8; 2 * POINT] {
    let mut bytes = [0; 2 * POINT];
    for (chunk, value) in bytes.chunks_exact_mut(WORD).zip([point.x.c1, point.x.c0, point.y.c1, point.y.c0]) {
        chunk.copy_from_slice(&word(&value));
    }
    bytes
}

/// The point of G2 of such bytes; none if it is infinity, not canonical, not on the curve or not in the group.
fn g2(bytes: &[u8]) -> Option<G2Affine> {
    let part = |i: usize| element::<Fq>(bytes[WORD * i..WORD * (i + 1)].try_into().ok()?);
    let (x, y) = (Fq2 { c0: part(1)?, c1: part(0)? }, Fq2 { c0: part(3)?, c1: part(2)? });
    let point: Option<G2Affine> = G2Affine::from_xy(x, y).into();
    point.filter(|point| !bool::from(point.is_identity()) && bool::from(point.to_curve().is_torsion_free()))
}

/// Verifies proofs as the contract does, with nothing but a key's artefact.
pub struct Verifier {
    shape: Shape,
    vk: VerifyingKey<G1Affine>,
    params: ParamsKZG<Bn256>,
    seed: [u8; WORD],
    insecure: bool,
}

impl Verifier {
    /// A verifier of the circuit `C` for a key's artefact.
    ///
    /// # Errors
    /// [`KeyError`] if the artefact is not one of a key of this circuit.
    pub fn new<C: Circuit<Fr>>(artefact: &[u8]) -> Result<Self, KeyError> {
        let malformed = |what: &str| KeyError::Malformed(what.into());
        let mut cs = ConstraintSystem::default();
        C::configure(&mut cs);
        let shape = Shape::of(&cs)?;
        let expected = HEADER + POINT * shape.key_points();
        if artefact.len() != expected {
            return Err(malformed(&format!("expected {expected} bytes, found {}", artefact.len())));
        }
        let words: Vec<[u8; WORD]> = artefact.chunks_exact(WORD).map(|chunk| chunk.try_into().expect("a word")).collect();
        if words[0] != shape.digest() {
            return Err(malformed("another constraint system"));
        }
        let small = |word: &[u8; WORD]| {
            word[..WORD - 4].iter().all(|&b| b == 0).then(|| u32::from_be_bytes(word[28..].try_into().expect("4")))
        };
        let k = small(&words[1]).filter(|k| K.contains(k)).ok_or_else(|| malformed("k"))?;
        let digest: Fr = element(&words[2]).ok_or_else(|| malformed("digest not canonical"))?;
        let insecure = small(&words[3]).filter(|&flag| flag < 2).ok_or_else(|| malformed("expected 0 or 1 for the setup"))? == 1;
        let s_g2 = g2(&artefact[4 * WORD..HEADER]).ok_or_else(|| malformed("G2 point"))?;
        if s_g2 == G2Affine::generator() {
            return Err(malformed("tau is 1"));
        }
        let points = artefact[HEADER..].chunks_exact(POINT).map(|bytes| {
            let bytes: &[u8; POINT] = bytes.try_into().expect("a point");
            if bytes == &[0; POINT] { Some(G1Affine::identity()) } else { point(bytes) }
        });
        let mut fixed: Vec<G1Affine> = points.collect::<Option<_>>().ok_or_else(|| malformed("point"))?;
        let sigmas = fixed.split_off(shape.columns[1]);
        let domain = EvaluationDomain::new(cs.degree() as u32, k);
        let permutation = permutation::VerifyingKey::from_commitments(sigmas);
        let vk = VerifyingKey::from_parts(domain, fixed, permutation, cs, Vec::new(), false);
        if vk.transcript_repr() != digest {
            return Err(malformed("digest of another key"));
        }
        // A verification uses the generators, tau in G2, and the number of rows.
        let (g1, g2) = (vec![G1Affine::generator()], G2Affine::generator());
        let params = ParamsKZG::setup(1, rand::rngs::OsRng).from_parts(k, g1, Some(Vec::new()), g2, s_g2);
        Ok(Self { shape, vk, params, seed: keccak(artefact), insecure })
    }

    /// Whether the key says that its setup was made by one party.
    pub fn insecure(&self) -> bool {
        self.insecure
    }

    /// The circuit has `2^k` rows.
    pub fn k(&self) -> u32 {
        self.vk.get_domain().k()
    }

    /// The constraint system's shape.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Verify a proof for public inputs.
    ///
    /// # Errors
    /// [`Invalid`], whatever the bytes.
    pub fn verify(&self, inputs: &[Fr; INPUTS], proof: &[u8]) -> Result<(), Invalid> {
        let expected = self.shape.proof_bytes();
        if proof.len() != expected {
            return Err(Invalid(format!("proof length: expected {expected} bytes, found {}", proof.len())));
        }
        let mut transcript = Reader::new(self.seed, proof);
        let checked = catch_unwind(AssertUnwindSafe(|| {
            verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>, Challenge, _, _>(
                &self.params,
                &self.vk,
                SingleStrategy::new(&self.params),
                &[&[inputs]],
                &mut transcript,
            )
        }));
        match checked {
            Ok(Ok(())) if transcript.ended() => Ok(()),
            Ok(Ok(())) => Err(Invalid("proof length".into())),
            Ok(Err(Error::Transcript(error))) => Err(Invalid(error.to_string())),
            Ok(Err(_)) => Err(Invalid("proof".into())),
            // A challenge that is a root of unity: the library divides by zero.
            Err(_) => Err(Invalid("challenge".into())),
        }
    }
}

/// Prove a circuit for public inputs; the circuit must satisfy its constraints.
///
/// # Errors
/// What the library says: an assignment failed, or the key is not the circuit's.
pub fn prove<C: Circuit<Fr>>(
    params: &ParamsKZG<Bn256>,
    pk: &ProvingKey<G1Affine>,
    seed: [u8; WORD],
    circuit: C,
    inputs: &[Fr; INPUTS],
    rng: impl RngCore,
) -> Result<Vec<u8>, Error> {
    if params.k() != pk.get_vk().get_domain().k() {
        return Err(Error::Transcript(io::Error::other("parameters for another number of rows")));
    }
    let mut transcript = Writer::new(seed);
    create_proof::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<'_, Bn256>, Challenge, _, _, C>(
        params,
        pk,
        &[circuit],
        &[&[inputs]],
        rng,
        &mut transcript,
    )?;
    Ok(transcript.into_bytes())
}
