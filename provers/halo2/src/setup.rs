//! Parameters of KZG: powers of one secret `tau` in G1, and `tau` in G2. Whoever knows `tau` proves anything.
//!
//! From a powers-of-tau ceremony's file, if the prover is given one: it is held to its hash and checked before it is used. Else
//! made on this machine, with a secret of the operating system's randomness that is thrown away: nobody else can tell whether it
//! was, so such keys are labelled insecure, in the manifest, in `Prepared` and on L1.
//!
//! Two formats are read:
//!
//! - `.ptau`, snarkjs': magic `ptau`, version 1, sections of (type u32, size u64). Section 1: 32 (u32), the base field's modulus, power
//!   (u32), ceremony's power (u32). Section 2: `2^(power+1) - 1` powers in G1. Section 3: `2^power` powers in G2.
//! - `ParamsKZG`'s raw form, in which conversions for halo2 are published: `k` (u32), `2^k` powers in G1, as many Lagrange
//!   commitments (not used: computed anew), the generator of G2, `tau` in G2.
//!
//! All integers and coordinates are little-endian, coordinates in Montgomery form, 64 bytes a point of G1, 128 of G2.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
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
        Ok(Setup::Ceremony { file: file.to_owned(), hash: hash_file(file)? })
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
                let found = hash_file(file)?;
                if found != *hash {
                    let what = format!("the file changed: expected BLAKE2b {}, found {}", hex(hash), hex(found));
                    return Err(SetupError::Wrong { path: file.clone(), what });
                }
                read(file, k)
            }
        }
    }
}

fn hash_file(path: &Path) -> Result<[u8; HASH_BYTES], SetupError> {
    let io = |error| SetupError::Io { path: path.to_owned(), error };
    let (mut file, mut state, mut buffer) = (File::open(path).map_err(io)?, blake2b_simd::State::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut buffer).map_err(io)? {
            0 => return Ok(*state.finalize().as_array()),
            n => _ = state.update(&buffer[..n]),
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

/// The first `2^k` powers of a ceremony, checked.
fn read(path: &Path, k: u32) -> Result<ParamsKZG<Bn256>, SetupError> {
    let (g, g2, s_g2) = Ceremony::open(path)?.powers(k)?;
    check(&g, &g2, &s_g2).map_err(|what| SetupError::Wrong { path: path.to_owned(), what: what.into() })?;
    Ok(assemble(k, g, None, s_g2))
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

/// A ceremony's file.
struct Ceremony {
    path: PathBuf,
    file: File,
    /// There are `2^power` powers at least.
    power: u32,
    /// Where the powers in G1 start, the generator of G2, and `tau` in G2.
    at: [u64; 3],
}

impl Ceremony {
    fn open(path: &Path) -> Result<Ceremony, SetupError> {
        let io = |error| SetupError::Io { path: path.to_owned(), error };
        let file = File::open(path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        let mut ceremony = Ceremony { path: path.to_owned(), file, power: 0, at: [0; 3] };
        if ceremony.bytes::<4>(0)? == *MAGIC {
            ceremony.open_ptau(length)?;
        } else {
            ceremony.open_raw(length)?;
        }
        Ok(ceremony)
    }

    fn wrong(&self, what: impl Into<String>) -> SetupError {
        SetupError::Wrong { path: self.path.clone(), what: what.into() }
    }

    fn vec(&mut self, at: u64, length: usize) -> Result<Vec<u8>, SetupError> {
        let mut bytes = vec![0; length];
        let read = self.file.seek(SeekFrom::Start(at)).and_then(|_| self.file.read_exact(&mut bytes));
        read.map_err(|error| SetupError::Io { path: self.path.clone(), error })?;
        Ok(bytes)
    }

    fn bytes<const N: usize>(&mut self, at: u64) -> Result<[u8; N], SetupError> {
        Ok(self.vec(at, N)?.try_into().expect("so many"))
    }

    fn number(&mut self, at: u64) -> Result<u32, SetupError> {
        self.bytes(at).map(u32::from_le_bytes)
    }

    fn take_power(&mut self, power: u32) -> Result<(), SetupError> {
        if !(1..=Fr::S).contains(&power) {
            return Err(self.wrong(format!("expected 2^1 to 2^{} powers, found 2^{power}", Fr::S)));
        }
        self.power = power;
        Ok(())
    }

    fn open_ptau(&mut self, length: u64) -> Result<(), SetupError> {
        let (version, count) = (self.number(4)?, self.number(8)?);
        if version != 1 {
            return Err(self.wrong(format!("expected version 1 of the format, found {version}")));
        }
        let mut sections = std::collections::BTreeMap::new();
        let mut at = 12;
        for _ in 0..count {
            let (kind, size) = (self.number(at)?, u64::from_le_bytes(self.bytes(at + 4)?));
            at += 12;
            if size > length.saturating_sub(at) {
                return Err(self.wrong(format!("section {kind} is cut short")));
            }
            if sections.insert(kind, (at, size)).is_some() {
                return Err(self.wrong(format!("section {kind} stands twice")));
            }
            at += size;
        }
        let mut section = |kind: u32| sections.remove(&kind).ok_or_else(|| self.wrong(format!("section {kind} is missing")));
        let (header, powers, powers_in_g2) = (section(1)?, section(2)?, section(3)?);
        let modulus = self.bytes::<36>(header.0)?;
        let mut expected = [0; 36];
        expected[0] = 32;
        expected[4..].copy_from_slice(&(-Fq::ONE).to_repr());
        expected[4] += 1;
        if modulus != expected {
            return Err(self.wrong("the curve is not BN254"));
        }
        let power = self.number(header.0 + 36)?;
        self.take_power(power)?;
        let sizes = [((2 << power) - 1) * G1_BYTES as u64, (1 << power) * G2_BYTES as u64];
        if [powers.1, powers_in_g2.1] != sizes {
            return Err(self.wrong(format!("expected sections of {sizes:?} bytes, found {:?}", [powers.1, powers_in_g2.1])));
        }
        self.at = [powers.0, powers_in_g2.0, powers_in_g2.0 + G2_BYTES as u64];
        Ok(())
    }

    fn open_raw(&mut self, length: u64) -> Result<(), SetupError> {
        let power = self.number(0)?;
        self.take_power(power)?;
        let end = 4 + (2 << power) * G1_BYTES as u64;
        if length != end + 2 * G2_BYTES as u64 {
            return Err(self.wrong("neither .ptau nor ParamsKZG: its length does not fit its first number"));
        }
        self.at = [4, end, end + G2_BYTES as u64];
        Ok(())
    }

    /// The first `2^k` powers, the generator of G2 and `tau` in G2; nothing is checked of how they hang together.
    fn powers(&mut self, k: u32) -> Result<(Vec<G1Affine>, G2Affine, G2Affine), SetupError> {
        if self.power < k {
            return Err(SetupError::TooSmall { path: self.path.clone(), found: self.power, needed: k });
        }
        let [powers, generator, tau] = self.at;
        let bytes = self.vec(powers, G1_BYTES << k)?;
        let g: Option<Vec<G1Affine>> = bytes.par_chunks(G1_BYTES).map(G1Affine::from_raw_bytes).collect();
        let g = g.ok_or_else(|| {
            self.wrong("a power is not a point of G1: a coordinate is not below the modulus, or it is off the curve")
        })?;
        let mut second = |at: u64| -> Result<G2Affine, SetupError> {
            let bytes = self.vec(at, G2_BYTES)?;
            G2Affine::from_raw_bytes(&bytes).ok_or_else(|| {
                self.wrong("a power is not a point of G2: a coordinate is not below the modulus, or it is off the curve")
            })
        };
        Ok((g, second(generator)?, second(tau)?))
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
