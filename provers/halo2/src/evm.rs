//! The transcript and encoding of proofs: what an EVM contract hashes and reads cheaply.
//!
//! Everything is a 32-byte big-endian word: a scalar is one, below the scalar field's order; a point of G1 is two, `x` and `y` below
//! the base field's order, on the curve, and never the point at infinity. A challenge is `keccak256(state ‖ words)` reduced modulo the
//! scalar field's order, over all words since the challenge before it; the hash is the next state. The first state is the seed, which
//! is a hash of the verifying key ([`crate::l1::Key`]). What is absorbed, and how much of it, is fixed by the circuit's shape, so that no two
//! different sequences of messages are ever hashed alike.

use std::io;

use halo2_axiom::halo2curves::CurveAffine;
use halo2_axiom::halo2curves::bn256::{Fq, Fr, G1Affine};
use halo2_axiom::halo2curves::ff::PrimeField;
use halo2_axiom::halo2curves::group::prime::PrimeCurveAffine;
use halo2_axiom::transcript::{EncodedChallenge, Transcript, TranscriptRead, TranscriptWrite};
use sha3::{Digest, Keccak256};

/// Bytes of a word.
pub const WORD: usize = 32;
/// Bytes of a point.
pub const POINT: usize = 2 * WORD;

/// keccak256.
pub fn keccak(bytes: &[u8]) -> [u8; WORD] {
    Keccak256::digest(bytes).into()
}

/// A field element in 32 bytes, big-endian.
pub fn word<F: PrimeField<Repr = [u8; WORD]>>(value: &F) -> [u8; WORD] {
    let mut bytes = value.to_repr();
    bytes.reverse();
    bytes
}

/// The field element of 32 bytes, big-endian; none if they are not below the field's order.
pub fn element<F: PrimeField<Repr = [u8; WORD]>>(bytes: &[u8; WORD]) -> Option<F> {
    let mut little = *bytes;
    little.reverse();
    F::from_repr(little).into()
}

/// The integer of 32 bytes, big-endian, modulo the scalar field's order.
pub fn reduced(bytes: &[u8; WORD]) -> Fr {
    bytes.iter().fold(Fr::zero(), |sum, &byte| sum * Fr::from(256) + Fr::from(u64::from(byte)))
}

/// A point of G1 in 64 bytes; infinity is all zeros, as for the precompiles (EIP-196).
pub fn point_bytes(point: &G1Affine) -> [u8; POINT] {
    let mut bytes = [0; POINT];
    bytes[..WORD].copy_from_slice(&word(&point.x));
    bytes[WORD..].copy_from_slice(&word(&point.y));
    bytes
}

/// The point of 64 bytes; none if it is not canonical, not on the curve, or infinity.
pub fn point(bytes: &[u8; POINT]) -> Option<G1Affine> {
    let coordinate = |half: &[u8]| element::<Fq>(half.try_into().ok()?);
    let (x, y) = (coordinate(&bytes[..WORD])?, coordinate(&bytes[WORD..])?);
    // (0, 0) is how the library writes infinity, and would count as on the curve.
    if bytes == &[0; POINT] { None } else { G1Affine::from_xy(x, y).into() }
}

/// A challenge: a hash reduced modulo the scalar field's order. It favours some scalars over others by 6 to 5 at most.
#[derive(Clone, Copy, Debug)]
pub struct Challenge(Fr);

impl EncodedChallenge<G1Affine> for Challenge {
    type Input = [u8; WORD];

    fn new(input: &[u8; WORD]) -> Self {
        Self(reduced(input))
    }

    fn get_scalar(&self) -> Fr {
        self.0
    }
}

#[derive(Clone, Debug)]
struct Sponge {
    state: [u8; WORD],
    absorbed: Vec<u8>,
}

impl Sponge {
    fn new(seed: [u8; WORD]) -> Self {
        Self { state: seed, absorbed: Vec::new() }
    }

    fn squeeze(&mut self) -> Challenge {
        self.state = Keccak256::new().chain_update(self.state).chain_update(&self.absorbed).finalize().into();
        self.absorbed.clear();
        Challenge::new(&self.state)
    }
}

fn refused(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// The prover's transcript, and the proof's bytes.
#[derive(Clone, Debug)]
pub struct Writer {
    sponge: Sponge,
    proof: Vec<u8>,
}

impl Writer {
    /// An empty proof under a key's seed.
    pub fn new(seed: [u8; WORD]) -> Self {
        Self { sponge: Sponge::new(seed), proof: Vec::new() }
    }

    /// The proof.
    pub fn into_bytes(self) -> Vec<u8> {
        self.proof
    }
}

/// The verifier's transcript over a proof's bytes.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    sponge: Sponge,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A proof under a key's seed.
    pub fn new(seed: [u8; WORD], proof: &'a [u8]) -> Self {
        Self { sponge: Sponge::new(seed), rest: proof }
    }

    /// Whether every byte was read.
    pub fn ended(&self) -> bool {
        self.rest.is_empty()
    }

    fn take<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or_else(|| refused("proof too short"))?;
        self.rest = rest;
        Ok(*head)
    }
}

macro_rules! transcript {
    ($type:ty) => {
        impl Transcript<G1Affine, Challenge> for $type {
            fn squeeze_challenge(&mut self) -> Challenge {
                self.sponge.squeeze()
            }

            fn common_point(&mut self, point: G1Affine) -> io::Result<()> {
                if bool::from(point.is_identity()) {
                    return Err(refused("point at infinity"));
                }
                self.sponge.absorbed.extend_from_slice(&point_bytes(&point));
                Ok(())
            }

            fn common_scalar(&mut self, scalar: Fr) -> io::Result<()> {
                self.sponge.absorbed.extend_from_slice(&word(&scalar));
                Ok(())
            }
        }
    };
}

transcript!(Writer);
transcript!(Reader<'_>);

impl TranscriptWrite<G1Affine, Challenge> for Writer {
    fn write_point(&mut self, point: G1Affine) -> io::Result<()> {
        self.common_point(point)?;
        self.proof.extend_from_slice(&point_bytes(&point));
        Ok(())
    }

    fn write_scalar(&mut self, scalar: Fr) -> io::Result<()> {
        self.common_scalar(scalar)?;
        self.proof.extend_from_slice(&word(&scalar));
        Ok(())
    }
}

impl TranscriptRead<G1Affine, Challenge> for Reader<'_> {
    fn read_point(&mut self) -> io::Result<G1Affine> {
        let point = point(&self.take()?).ok_or_else(|| refused("point"))?;
        self.common_point(point)?;
        Ok(point)
    }

    fn read_scalar(&mut self) -> io::Result<Fr> {
        let scalar = element(&self.take()?).ok_or_else(|| refused("scalar not canonical"))?;
        self.common_scalar(scalar)?;
        Ok(scalar)
    }
}
