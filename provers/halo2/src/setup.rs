//! Parameters of KZG: powers of one secret `tau` in G1, and `tau` in G2. Whoever knows `tau` proves anything.
//!
//! From a powers-of-tau ceremony's file, if the prover is given one: it is held to its hash and checked before it is used. Else
//! made on this machine, with a secret of the operating system's randomness that is thrown away: nobody else can tell whether it
//! was, so such keys are labelled insecure, in the manifest, in `Prepared` and on L1.
//!
//! Two formats are read:
//!
//! - `.ptau`, snarkjs': magic `ptau`, version 1, sections of (type u32, size u64). Section 1: 32 (u32), the base field's modulus, power
//!   (u32), ceremony's power (u32); it stands before the others that are read. Section 2: `2^(power+1) - 1` powers in G1. Section 3: `2^power` powers in G2.
//! - `ParamsKZG`'s raw form, in which conversions for halo2 are published: `k` (u32), `2^k` powers in G1, as many Lagrange
//!   commitments (not used: computed anew), the generator of G2, `tau` in G2.
//!
//! All integers and coordinates are little-endian, coordinates in Montgomery form, 64 bytes a point of G1, 128 of G2.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use halo2_axiom::arithmetic::best_multiexp;
use halo2_axiom::halo2curves::CurveAffine;
use halo2_axiom::halo2curves::bn256::{Bn256, Fq, Fr, G1, G1Affine, G2Affine};
use halo2_axiom::halo2curves::ff::{BatchInvert, Field, PrimeField};
use halo2_axiom::halo2curves::group::cofactor::CofactorGroup;
use halo2_axiom::halo2curves::group::prime::PrimeCurveAffine;
use halo2_axiom::halo2curves::group::{Curve, Group};
use halo2_axiom::halo2curves::pairing::Engine;
use halo2_axiom::halo2curves::serde::SerdeObject;
use halo2_axiom::poly::kzg::commitment::ParamsKZG;
use rand::RngCore;
use rand::rngs::OsRng;
use rayon::prelude::*;

use crate::refusal::hex;

/// Hashes with a ceremony's published one in mind: BLAKE2b, 64 bytes.
pub const HASH_BYTES: usize = 64;
const MAGIC: &[u8; 4] = b"ptau";
const G1_BYTES: usize = 64;
const G2_BYTES: usize = 128;
/// Of a `.ptau` file's first section.
const PTAU_HEADER: u64 = 44;
/// Read at a time where nothing is kept.
const BLOCK: u64 = 1 << 20;

/// Why there are no parameters.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error("{path}: {error}")]
    Io { path: PathBuf, error: std::io::Error },
    /// The file is not a ceremony's, or of other bytes than when the prover started.
    #[error("{path}: {what}")]
    Wrong { path: PathBuf, what: String },
    /// The file is sound and too small.
    #[error("{path}: it has 2^{found} powers, and the circuit needs 2^{needed}: give a larger ceremony's file")]
    TooSmall { path: PathBuf, found: u32, needed: u32 },
}

/// Where parameters come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setup {
    /// Made here, anew for each program and batch size.
    Local,
    /// A ceremony's file of this hash.
    Ceremony { file: PathBuf, hash: [u8; HASH_BYTES] },
}

impl Setup {
    /// A ceremony's file, as it is now.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn ceremony(file: &Path) -> Result<Setup, SetupError> {
        Ok(Setup::Ceremony { file: file.to_owned(), hash: Source::open(file)?.hash()? })
    }

    /// Whether one party may know the secret.
    pub fn is_insecure(&self) -> bool {
        *self == Setup::Local
    }

    /// What keys are named by: keys of different setups never stand in one place.
    pub fn name(&self) -> String {
        match self {
            Setup::Local => "local".into(),
            Setup::Ceremony { hash, .. } => hex(hash),
        }
    }

    /// Parameters for `2^k` rows.
    ///
    /// # Errors
    /// The ceremony's file cannot be used.
    pub fn parameters(&self, k: u32) -> Result<ParamsKZG<Bn256>, SetupError> {
        match self {
            Setup::Local => Ok(from_secret(k, secret(k))),
            Setup::Ceremony { file, hash } => {
                let mut source = Source::open(file)?;
                let powers = Powers::read(&mut source, k);
                let found = source.hash()?;
                if found != *hash {
                    let what = format!("the file changed: expected BLAKE2b {}, found {}", hex(hash), hex(found));
                    return Err(SetupError::Wrong { path: file.clone(), what });
                }
                powers?.checked(k).map_err(|what| SetupError::Wrong { path: file.clone(), what: what.into() })
            }
        }
    }

    /// Powers of the secret in G1 that anyone may know, at most: provers commit to polynomials of as many coefficients.
    ///
    /// Of a ceremony more are published than a file need have.
    pub fn most_powers(&self, k: u32) -> u64 {
        match self {
            Setup::Local => 1 << k,
            Setup::Ceremony { .. } => 2 << Fr::S,
        }
    }
}

/// A secret that makes `2^k` powers unlike one another.
fn secret(k: u32) -> Fr {
    loop {
        let tau = Fr::random(OsRng);
        if !bool::from(tau.is_zero()) && tau.pow_vartime([1 << k]) != Fr::ONE {
            return tau;
        }
    }
}

/// The generator's multiples, by windows of eight bits.
fn multiples(scalars: &[Fr]) -> Vec<G1Affine> {
    const WINDOWS: usize = 32;
    let mut table = Vec::with_capacity(WINDOWS << 8);
    let mut base = G1::generator();
    for _ in 0..WINDOWS {
        let mut multiple = G1::identity();
        for _ in 0..256 {
            table.push(multiple);
            multiple += base;
        }
        base = multiple;
    }
    let table = normalise(&table);
    let multiple = |scalar: &Fr| {
        let digits = scalar.to_repr();
        digits.iter().zip(table.chunks(256)).fold(G1::identity(), |sum, (&digit, row)| sum + row[digit as usize])
    };
    scalars.par_chunks(1 << 10).flat_map_iter(|chunk| normalise(&chunk.iter().map(multiple).collect::<Vec<_>>())).collect()
}

fn normalise(points: &[G1]) -> Vec<G1Affine> {
    let mut affine = vec![G1Affine::identity(); points.len()];
    G1::batch_normalize(points, &mut affine);
    affine
}

/// Parameters of a known secret, which must not be a root of unity of order `2^k` or less.
fn from_secret(k: u32, tau: Fr) -> ParamsKZG<Bn256> {
    let n = 1usize << k;
    let mut powers = vec![Fr::ONE; n];
    (1..n).for_each(|i| powers[i] = powers[i - 1] * tau);
    // l_i(tau) = w^i / n · (tau^n - 1) / (tau - w^i)
    let omega = (k..Fr::S).fold(Fr::ROOT_OF_UNITY, |w, _| w.square());
    let mut roots = vec![Fr::ONE; n];
    (1..n).for_each(|i| roots[i] = roots[i - 1] * omega);
    let mut lagrange: Vec<Fr> = roots.iter().map(|w| (tau - w) * Fr::from(n as u64)).collect();
    lagrange.iter_mut().batch_invert();
    let vanishing = powers[n - 1] * tau - Fr::ONE;
    lagrange.iter_mut().zip(&roots).for_each(|(l, w)| *l *= vanishing * w);
    let s_g2 = (G2Affine::generator() * tau).to_affine();
    assemble(k, multiples(&powers), Some(multiples(&lagrange)), s_g2)
}

fn assemble(k: u32, g: Vec<G1Affine>, lagrange: Option<Vec<G1Affine>>, s_g2: G2Affine) -> ParamsKZG<Bn256> {
    // The library builds from parts only upon parameters that exist; none of these stay.
    let any = ParamsKZG::<Bn256>::setup(1, OsRng);
    any.from_parts(k, g, lagrange, G2Affine::generator(), s_g2)
}

/// That these are the powers of one secret: points of the groups, the first of them the generators, and each next one `tau` times
/// the one before, all at once by a random linear combination (128 bits a term).
fn check(g: &[G1Affine], g2: &G2Affine, s_g2: &G2Affine) -> Result<(), &'static str> {
    // G1 has no other points than its own: the cofactor is 1.
    if !g.par_iter().all(|p| bool::from(p.is_on_curve() & !p.is_identity())) {
        return Err("a power is not a point of G1");
    }
    let in_group = |p: &G2Affine| bool::from(p.is_on_curve() & !p.is_identity()) && bool::from(p.to_curve().is_torsion_free());
    if !in_group(g2) || !in_group(s_g2) {
        return Err("a power is not a point of G2's subgroup");
    }
    if g[0] != G1Affine::generator() || *g2 != G2Affine::generator() {
        return Err("the first power is not the generator");
    }
    // tau of an order up to 2^k would make polynomials that differ commit alike.
    let last = g.last().expect("at least two");
    if g[1..].par_iter().any(|p| *p == g[0]) || Bn256::pairing(last, s_g2) == Bn256::pairing(&g[0], g2) {
        return Err("a power repeats: tau is a root of unity");
    }
    let weights: Vec<Fr> =
        (1..g.len()).map(|_| Fr::from_u128(u128::from(OsRng.next_u64()) << 64 | u128::from(OsRng.next_u64()))).collect();
    let (before, after) = (best_multiexp(&weights, &g[..g.len() - 1]), best_multiexp(&weights, &g[1..]));
    if Bn256::pairing(&before.to_affine(), s_g2) != Bn256::pairing(&after.to_affine(), g2) {
        return Err("the powers are not those of one secret: the pairing check fails");
    }
    Ok(())
}

/// A file, read from its start to its end once: what is used of it is what its hash is of.
struct Source<R> {
    path: PathBuf,
    input: R,
    length: u64,
    at: u64,
    state: blake2b_simd::State,
}

impl Source<File> {
    fn open(path: &Path) -> Result<Self, SetupError> {
        let io = |error| SetupError::Io { path: path.to_owned(), error };
        let input = File::open(path).map_err(io)?;
        let length = input.metadata().map_err(io)?.len();
        Ok(Source::new(path, input, length))
    }
}

impl<R: Read> Source<R> {
    fn new(path: &Path, input: R, length: u64) -> Self {
        Source { path: path.to_owned(), input, length, at: 0, state: blake2b_simd::State::new() }
    }

    fn wrong(&self, what: impl Into<String>) -> SetupError {
        SetupError::Wrong { path: self.path.clone(), what: what.into() }
    }

    fn io(&self, error: std::io::Error) -> SetupError {
        SetupError::Io { path: self.path.clone(), error }
    }

    /// The next bytes.
    fn vec(&mut self, length: usize) -> Result<Vec<u8>, SetupError> {
        let mut bytes = vec![0; length];
        self.input.read_exact(&mut bytes).map_err(|error| self.io(error))?;
        self.state.update(&bytes);
        self.at += length as u64;
        Ok(bytes)
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], SetupError> {
        Ok(self.vec(N)?.try_into().expect("so many"))
    }

    fn number(&mut self) -> Result<u32, SetupError> {
        self.bytes().map(u32::from_le_bytes)
    }

    /// Goes on to a place that is not behind.
    fn skip_to(&mut self, at: u64) -> Result<(), SetupError> {
        while self.at < at {
            self.vec((at - self.at).min(BLOCK) as usize)?;
        }
        Ok(())
    }

    /// BLAKE2b of all bytes, those that are left included.
    fn hash(mut self) -> Result<[u8; HASH_BYTES], SetupError> {
        let mut buffer = vec![0; BLOCK as usize];
        loop {
            match self.input.read(&mut buffer) {
                Ok(0) => return Ok(*self.state.finalize().as_array()),
                Ok(n) => _ = self.state.update(&buffer[..n]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.io(error)),
            }
        }
    }
}

/// The first `2^k` powers in G1 of a ceremony, the generator of G2 and `tau` in G2, as they are encoded.
struct Powers {
    g: Vec<u8>,
    g2: Vec<u8>,
    s_g2: Vec<u8>,
}

impl Powers {
    fn read(source: &mut Source<impl Read>, k: u32) -> Result<Powers, SetupError> {
        let first = source.bytes::<4>()?;
        if first == *MAGIC { Powers::read_ptau(source, k) } else { Powers::read_raw(source, u32::from_le_bytes(first), k) }
    }

    /// That there are `2^power` powers, and that they are enough.
    fn check_power(source: &Source<impl Read>, power: u32, k: u32) -> Result<(), SetupError> {
        if !(1..=Fr::S).contains(&power) {
            return Err(source.wrong(format!("expected 2^1 to 2^{} powers, found 2^{power}", Fr::S)));
        }
        if power < k {
            return Err(SetupError::TooSmall { path: source.path.clone(), found: power, needed: k });
        }
        Ok(())
    }

    fn read_ptau(source: &mut Source<impl Read>, k: u32) -> Result<Powers, SetupError> {
        let (version, count) = (source.number()?, source.number()?);
        if version != 1 {
            return Err(source.wrong(format!("expected version 1 of the format, found {version}")));
        }
        let mut seen = std::collections::BTreeSet::new();
        let (mut power, mut powers, mut powers_in_g2) = (None, None, None);
        for _ in 0..count {
            let (kind, size) = (source.number()?, u64::from_le_bytes(source.bytes()?));
            let start = source.at;
            if size > source.length.saturating_sub(start) {
                return Err(source.wrong(format!("section {kind} is cut short")));
            }
            if !seen.insert(kind) {
                return Err(source.wrong(format!("section {kind} stands twice")));
            }
            let expect = |source: &Source<_>, expected: u64| match size {
                found if found == expected => Ok(()),
                found => Err(source.wrong(format!("section {kind}: expected {expected} bytes, found {found}"))),
            };
            match (kind, power) {
                (1, _) => {
                    expect(source, PTAU_HEADER)?;
                    power = Some(Powers::read_header(source, k)?);
                }
                (2, Some(power)) => {
                    expect(source, ((2 << power) - 1) * G1_BYTES as u64)?;
                    powers = Some(source.vec(G1_BYTES << k)?);
                }
                (3, Some(power)) => {
                    expect(source, (1 << power) * G2_BYTES as u64)?;
                    powers_in_g2 = Some((source.vec(G2_BYTES)?, source.vec(G2_BYTES)?));
                }
                (2 | 3, None) => return Err(source.wrong(format!("section 1 is missing before section {kind}"))),
                _ => {}
            }
            source.skip_to(start + size)?;
        }
        let missing = |kind: u32| source.wrong(format!("section {kind} is missing"));
        let g = powers.ok_or_else(|| missing(2))?;
        let (g2, s_g2) = powers_in_g2.ok_or_else(|| missing(3))?;
        Ok(Powers { g, g2, s_g2 })
    }

    /// The power that the first section says.
    fn read_header(source: &mut Source<impl Read>, k: u32) -> Result<u32, SetupError> {
        let mut expected = [0; 36];
        expected[0] = 32;
        expected[4..].copy_from_slice(&(-Fq::ONE).to_repr());
        expected[4] += 1;
        if source.bytes::<36>()? != expected {
            return Err(source.wrong("the curve is not BN254"));
        }
        let power = source.number()?;
        Powers::check_power(source, power, k)?;
        Ok(power)
    }

    fn read_raw(source: &mut Source<impl Read>, power: u32, k: u32) -> Result<Powers, SetupError> {
        Powers::check_power(source, power, k)?;
        let end = 4 + (2 << power) * G1_BYTES as u64;
        if source.length != end + 2 * G2_BYTES as u64 {
            return Err(source.wrong("neither .ptau nor ParamsKZG: its length does not fit its first number"));
        }
        let g = source.vec(G1_BYTES << k)?;
        source.skip_to(end)?;
        Ok(Powers { g, g2: source.vec(G2_BYTES)?, s_g2: source.vec(G2_BYTES)? })
    }

    /// Parameters of these powers, if they are such.
    fn checked(self, k: u32) -> Result<ParamsKZG<Bn256>, &'static str> {
        let g: Option<Vec<G1Affine>> = self.g.par_chunks(G1_BYTES).map(G1Affine::from_raw_bytes).collect();
        let g = g.ok_or("a power is not a point of G1: a coordinate is not below the modulus, or it is off the curve")?;
        let in_g2 = |bytes: &[u8]| {
            let point = G2Affine::from_raw_bytes(bytes);
            point.ok_or("a power is not a point of G2: a coordinate is not below the modulus, or it is off the curve")
        };
        let (g2, s_g2) = (in_g2(&self.g2)?, in_g2(&self.s_g2)?);
        check(&g, &g2, &s_g2)?;
        Ok(assemble(k, g, None, s_g2))
    }
}

#[cfg(test)]
mod tests {
    use halo2_axiom::SerdeFormat;

    use super::*;

    const K: u32 = 4;

    fn bytes_of(k: u32, tau: Fr) -> Vec<u8> {
        let mut bytes = vec![];
        from_secret(k, tau).write_custom(&mut bytes, SerdeFormat::RawBytes).unwrap();
        bytes
    }

    fn read_bytes(name: &str, bytes: &[u8], k: u32) -> Result<ParamsKZG<Bn256>, SetupError> {
        let path = std::env::temp_dir().join(format!("multiprover-halo2-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        let read = Setup::ceremony(&path).and_then(|setup| setup.parameters(k));
        std::fs::remove_file(&path).unwrap();
        read
    }

    fn refused(name: &str, bytes: &[u8]) -> String {
        read_bytes(name, bytes, K).expect_err(name).to_string()
    }

    /// By another implementation: `tests/data/README.md`.
    fn ptau() -> Vec<u8> {
        std::fs::read("tests/data/power4.ptau").unwrap()
    }

    fn serialised(params: &ParamsKZG<Bn256>) -> Vec<u8> {
        let mut bytes = vec![];
        params.write_custom(&mut bytes, SerdeFormat::RawBytes).unwrap();
        bytes
    }

    /// Powers and Lagrange commitments are those of the library, from which they differ in how they are computed.
    #[test]
    fn a_secret_gives_the_library_s_parameters() {
        let tau = Fr::from(987_654_321);
        let ours = from_secret(K, tau);
        let n = 1 << K;
        let mut power = Fr::ONE;
        for g in &serialised(&ours)[4..4 + G1_BYTES * n].chunks(G1_BYTES).collect::<Vec<_>>() {
            assert_eq!(G1Affine::from_raw_bytes(g).unwrap(), (G1Affine::generator() * power).to_affine());
            power *= tau;
        }
        let theirs = read_bytes("library", &bytes_of(K, tau), K).unwrap();
        assert_eq!(serialised(&theirs), serialised(&ours));
    }

    #[test]
    fn a_larger_ceremony_serves_a_smaller_circuit() {
        let tau = Fr::from(77);
        let read = read_bytes("larger", &bytes_of(K + 2, tau), K).unwrap();
        assert_eq!(serialised(&read), serialised(&from_secret(K, tau)));
        let message = read_bytes("smaller", &bytes_of(K - 1, tau), K).expect_err("too small").to_string();
        assert!(message.contains("needs 2^4"), "{message}");
    }

    #[test]
    fn another_implementation_s_file_is_read() {
        let read = read_bytes("ptau", &ptau(), K).unwrap();
        assert_ne!(read.s_g2(), G2Affine::generator());
        let refused = read_bytes("ptau-5", &ptau(), K + 1).expect_err("2^4 powers");
        assert!(matches!(refused, SetupError::TooSmall { found: 4, needed: 5, .. }), "{refused}");
    }

    #[test]
    fn local_setups_differ() {
        let (a, b) = (Setup::Local.parameters(2).unwrap(), Setup::Local.parameters(2).unwrap());
        assert_ne!(a.s_g2(), b.s_g2());
        assert!(Setup::Local.is_insecure());
    }

    #[test]
    fn a_ceremony_has_more_powers_than_a_circuit_needs() {
        let ceremony = Setup::Ceremony { file: PathBuf::new(), hash: [0; HASH_BYTES] };
        assert_eq!((Setup::Local.most_powers(18), ceremony.most_powers(18)), (1 << 18, 1 << 29));
    }

    #[test]
    fn what_is_no_ceremony_is_refused() {
        let good = bytes_of(K, Fr::from(5));
        let put = |at: usize, with: &[u8]| {
            let mut bad = good.clone();
            bad[at..at + with.len()].copy_from_slice(with);
            bad
        };
        let (second, third, last) = (4 + G1_BYTES, 4 + 2 * G1_BYTES, good.len() - G2_BYTES);
        let generator = good[4..second].to_vec();
        for (name, bytes, reason) in [
            ("one power of another secret", put(third, &generator), "repeats"),
            ("powers swapped", put(second, &[&good[third..third + 64], &good[second..third]].concat()), "pairing check"),
            ("first power not the generator", put(4, &good[second..third]), "not the generator"),
            ("off the curve", put(third, &[good[third] ^ 1]), "not a point of G1"),
            ("infinity", put(third, &[0; G1_BYTES]), "not a point of G1"),
            ("coordinate past the modulus", put(third, &[0xff; 32]), "not below the modulus"),
            ("tau of another secret", put(last, &bytes_of(K, Fr::from(6))[last..]), "pairing check"),
            ("tau in G2 is infinity", put(last, &[0; G2_BYTES]), "not a point of G2"),
            ("a byte short", good[..good.len() - 1].to_vec(), "length"),
            ("a byte more", [&good[..], &[0]].concat(), "length"),
            ("too many powers", put(0, &[29]), "2^29"),
        ] {
            let message = refused(name, &bytes);
            assert!(message.contains(reason), "{name}: {message}");
        }
        assert!(matches!(read_bytes("nothing", &[], K), Err(SetupError::Io { .. })));
    }

    /// Off the subgroup, on the curve: such a point would make the pairing's argument void.
    #[test]
    fn a_point_outside_of_g2_s_subgroup_is_refused() {
        use halo2_axiom::halo2curves::bn256::Fq2;
        let outside = (1..)
            .find_map(|x| {
                let x = Fq2 { c0: Fq::from(x), c1: Fq::ZERO };
                let y = (x.square() * x + G2Affine::b()).sqrt();
                let point = Option::<Fq2>::from(y).and_then(|y| Option::<G2Affine>::from(G2Affine::from_xy(x, y)))?;
                (!bool::from(point.to_curve().is_torsion_free())).then_some(point)
            })
            .unwrap();
        let mut bytes = bytes_of(K, Fr::from(5));
        let at = bytes.len() - G2_BYTES;
        bytes[at..].copy_from_slice(&outside.to_raw_bytes());
        assert!(refused("subgroup", &bytes).contains("subgroup"));
    }

    /// A root of unity as the secret: powers of one secret indeed, and worthless.
    #[test]
    fn a_root_of_unity_is_no_secret() {
        for order in [K - 1, K] {
            refuse_root((order..Fr::S).fold(Fr::ROOT_OF_UNITY, |w, _| w.square()));
        }
    }

    fn refuse_root(root: Fr) {
        let mut bytes = bytes_of(K, Fr::from(5));
        let mut power = Fr::ONE;
        for i in 0..1 << K {
            let at = 4 + i * G1_BYTES;
            bytes[at..at + G1_BYTES].copy_from_slice(&(G1Affine::generator() * power).to_affine().to_raw_bytes());
            power *= root;
        }
        let at = bytes.len() - G2_BYTES;
        bytes[at..].copy_from_slice(&(G2Affine::generator() * root).to_affine().to_raw_bytes());
        assert!(refused("root", &bytes).contains("repeats"));
    }

    #[test]
    fn a_file_that_changes_is_not_used() {
        let path = std::env::temp_dir().join(format!("multiprover-halo2-{}-changed", std::process::id()));
        std::fs::write(&path, bytes_of(K, Fr::from(5))).unwrap();
        let setup = Setup::ceremony(&path).unwrap();
        std::fs::write(&path, bytes_of(K, Fr::from(6))).unwrap();
        let message = setup.parameters(K).expect_err("it changed").to_string();
        std::fs::remove_file(&path).unwrap();
        assert!(message.contains("the file changed"), "{message}");
    }

    /// A source that gives each byte once has given all that was used, and the hash is of the same bytes.
    #[test]
    fn what_is_hashed_is_what_is_used() {
        for bytes in [bytes_of(K + 1, Fr::from(5)), ptau()] {
            let mut source = Source::new(Path::new("once"), &bytes[..], bytes.len() as u64);
            let powers = Powers::read(&mut source, K).unwrap();
            assert!([&powers.g, &powers.g2, &powers.s_g2].iter().all(|part| bytes.windows(part.len()).any(|w| w == &part[..])));
            assert_eq!(source.hash().unwrap(), *blake2b_simd::blake2b(&bytes).as_array());
            powers.checked(K).unwrap();
        }
    }

    /// Powers and hash are of the one file that was opened, whatever its name stands for by then.
    #[test]
    fn a_file_that_is_replaced_while_it_is_read_is_not_mixed() {
        let path = std::env::temp_dir().join(format!("multiprover-halo2-{}-swapped", std::process::id()));
        let (published, other) = (bytes_of(K, Fr::from(5)), bytes_of(K, Fr::from(6)));
        std::fs::write(&path, &other).unwrap();
        let mut source = Source::open(&path).unwrap();
        let powers = Powers::read(&mut source, K).unwrap();
        assert_ne!(powers.s_g2, published[published.len() - G2_BYTES..]);
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, &published).unwrap();
        assert_eq!(source.hash().unwrap(), *blake2b_simd::blake2b(&other).as_array());
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn ptau_sections_are_in_order_and_once() {
        let good = ptau();
        // Section 1, with its kind and size, takes 56 bytes from 12.
        let (header, rest) = (&good[12..68], &good[68..]);
        let swapped = |first: &[&[u8]]| [&good[..12], &first.concat()].concat();
        let second = 12 + u64::from_le_bytes(rest[4..12].try_into().unwrap()) as usize;
        let message = refused("ptau-order", &swapped(&[&rest[..second], header, &rest[second..]]));
        assert!(message.contains("section 1 is missing before section 2"), "{message}");
        let message = refused("ptau-twice", &swapped(&[header, header, &rest[second..]]));
        assert!(message.contains("section 1 stands twice"), "{message}");
        let mut short = good[..68].to_vec();
        short[8..12].copy_from_slice(&1u32.to_le_bytes());
        assert!(refused("ptau-missing", &short).contains("section 2 is missing"));
    }

    #[test]
    fn damaged_ptau_files_are_refused() {
        let good = ptau();
        // Version, count of sections, the modulus.
        for (at, reason) in [(4, "version"), (12 + 12 + 8, "BN254")] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(refused("ptau-damaged", &bad).contains(reason), "{at}");
        }
        assert!(read_bytes("ptau-short", &good[..good.len() / 2], K).is_err());
    }
}
