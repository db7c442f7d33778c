//! Bits of security, term by term, from the constraint system itself.
//!
//! The argument is PLONK with lookups (halo2) over KZG, made non-interactive by keccak256. Each interactive round errs with a
//! probability of a polynomial's degree over the field's size (Schwartz, Zippel); by Fiat-Shamir a proof is as strong as the
//! weakest round, counted in hashes that an attacker tries (eprint 2023/1071), with keccak256 as a random oracle. What is
//! extracted from KZG holds in the algebraic group model only: those bits are conjectured.

use halo2_axiom::halo2curves::bn256::Fr;
use halo2_axiom::plonk::ConstraintSystem;

/// log2 of the order of BN254's scalar field.
const FIELD_BITS: f64 = 253.597;
/// What discrete logarithms and pairings on BN254 are worth.
const CURVE_BITS: f64 = 100.0;
/// Packed elements of a journal, log2, at most: a batch's inputs and outputs within the rows of its circuit.
const MOST_PACKED_BITS: f64 = 22.0;

/// One thing that could be broken, in bits.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    pub name: &'static str,
    /// Shown without an assumption but the random oracle.
    pub proven: f64,
    pub conjectured: f64,
    pub source: &'static str,
}

/// What the errors of the argument's rounds depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters {
    pub k: u32,
    /// Powers of the setup's secret that are known: whoever has more than `2^k` commits to polynomials of a higher degree.
    pub powers: u64,
    /// Of the constraints.
    pub degree: usize,
    /// Polynomials of gates, lookups and permutation that one challenge combines.
    pub constraints: usize,
    /// Columns that copies go between.
    pub copied: usize,
    /// Most expressions of one lookup.
    pub lookup_width: usize,
    pub lookups: usize,
    /// Polynomials that are opened, and the points that they are opened at.
    pub openings: usize,
}

impl Parameters {
    /// Of a circuit of `2^k` rows, and a setup of so many powers.
    pub fn of(cs: &ConstraintSystem<Fr>, k: u32, powers: u64) -> Self {
        let (degree, copied, lookups) = (cs.degree(), cs.permutation().get_columns().len(), cs.lookups().len());
        let products = copied.div_ceil(degree - 2);
        let gates: usize = cs.gates().iter().map(|g| g.polynomials().len()).sum();
        let queries = cs.advice_queries().len() + cs.fixed_queries().len();
        Parameters {
            k,
            powers,
            degree,
            // A product each starts, ends, and goes on; they are linked; a lookup has five.
            constraints: gates + 1 + products * 2 + products + lookups * 5,
            copied,
            lookup_width: cs.lookups().iter().map(|l| l.input_expressions().len()).max().unwrap_or(0),
            lookups,
            // Permutation products at three points, lookups' five openings, the random polynomial and the quotient.
            openings: queries + copied + 3 * products + 5 * lookups + 2,
        }
    }

    fn error_bits(numerator: f64) -> f64 {
        FIELD_BITS - numerator.log2()
    }

    /// Of the interactive argument's rounds, each a name and `-log2` of its error.
    pub fn rounds(&self) -> [(&'static str, f64); 5] {
        let n = f64::from(self.k).exp2();
        // What is committed to need not be of less than n coefficients: no check bounds it but the setup.
        let coefficients = n.max(self.powers as f64);
        let of = |numerator: f64| Self::error_bits(numerator);
        [
            // Columns of a lookup are combined by powers of theta: an input that is in no row of the table hits one.
            ("lookup compression", of(n * n * (self.lookup_width.max(1) * self.lookups.max(1)) as f64)),
            // Products over all cells are equal for multisets that differ: in beta and gamma, of the lookups and the copies.
            ("grand products", of(2.0 * n * (self.copied + 2 * self.lookups) as f64)),
            ("combination of constraints", of(self.constraints as f64)),
            // The identity at a point, of the degree of a constraint in polynomials of so many coefficients.
            ("evaluation", of(self.degree as f64 * coefficients)),
            // SHPLONK: polynomials by powers of one challenge, sets of points by another, and the point of the last opening.
            ("opening", of(self.openings as f64 + coefficients)),
        ]
    }

    /// The terms of a proof.
    pub fn terms(&self) -> Vec<Term> {
        let alike = |name, bits, source| Term { name, proven: bits, conjectured: bits, source };
        let claimed = |name, bits, source| Term { name, proven: 0.0, conjectured: bits, source };
        let rounds = self.rounds().into_iter().map(|(_, bits)| bits).fold(f64::INFINITY, f64::min);
        vec![
            claimed(
                "discrete logarithms and pairings on BN254",
                CURVE_BITS,
                "Barbulescu, Duquesne, eprint 2017/334: about 2^100 for the tower sieve in the target field",
            ),
            claimed(
                "KZG: extraction",
                CURVE_BITS,
                "eprint 2019/953, eprint 2020/081: in the algebraic group model, and with an honest setup only; bounded by BN254",
            ),
            alike(
                "PLONK and lookups: the weakest round",
                rounds,
                "degrees over the field's size (src/security.rs); eprint 2019/953, the halo2 book; keccak256 as a random oracle",
            ),
            alike(
                "Fiat-Shamir: collisions of keccak256",
                128.0,
                "a capacity of 512 bits; digests of 256 bits collide after 2^128",
            ),
            claimed(
                "signatures: discrete logarithms in BabyJubJub's subgroup",
                125.1,
                "Pollard's rho, sqrt(pi·l/4) for l of about 2^250.6 (EIP-2494)",
            ),
            claimed(
                "Poseidon2 collisions",
                FIELD_BITS / 2.0,
                "eprint 2023/323: 128 bits claimed for t=3, d=5, 8+56 rounds; a digest of 253.6 bits gives 126.8",
            ),
            alike(
                "journal binding",
                FIELD_BITS - MOST_PACKED_BITS,
                "docs/suites.md §1: a wrong evaluation passes with probability below n/r; n at most 2^22 packed elements, challenge from keccak256 as a random oracle",
            ),
        ]
    }
}

/// Of several terms, the least bits: proven, conjectured.
pub fn least(terms: &[Term]) -> (f64, f64) {
    let least = |bits: fn(&Term) -> f64| terms.iter().map(bits).fold(f64::INFINITY, f64::min);
    (least(|t| t.proven), least(|t| t.conjectured))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Parameters =
        Parameters { k: 15, powers: 1 << 15, degree: 9, constraints: 40, copied: 7, lookup_width: 1, lookups: 1, openings: 60 };

    #[test]
    fn the_curve_binds() {
        let terms = SMALL.terms();
        assert_eq!(least(&terms), (0.0, CURVE_BITS));
        assert!(terms.iter().all(|t| t.proven <= t.conjectured && !t.source.is_empty()));
    }

    /// More rows, columns or constraints never make a round stronger.
    #[test]
    fn rounds_weaken_with_size() {
        let larger = [
            Parameters { k: 16, ..SMALL },
            Parameters { powers: 1 << 16, ..SMALL },
            Parameters { degree: 17, ..SMALL },
            Parameters { constraints: 80, ..SMALL },
            Parameters { copied: 14, ..SMALL },
            Parameters { lookups: 2, ..SMALL },
            Parameters { openings: 1 << 20, ..SMALL },
        ];
        for other in larger {
            let pairs = SMALL.rounds().into_iter().zip(other.rounds());
            assert!(pairs.clone().all(|((_, a), (_, b))| b <= a), "{other:?}");
            assert!(pairs.clone().any(|((_, a), (_, b))| b < a), "{other:?}");
        }
        // 2^29 powers: 14 bits of both rounds that rest on the degree of what is committed to, as far as it is the degree.
        let of_ceremony = Parameters { powers: 1 << 29, ..SMALL }.rounds();
        assert!((SMALL.rounds()[3].1 - of_ceremony[3].1 - 14.0).abs() < 1e-9);
        assert!((SMALL.rounds()[4].1 - of_ceremony[4].1 - 14.0).abs() < 0.01);
        // A setup of fewer powers than rows makes no round stronger.
        assert_eq!(Parameters { powers: 2, ..SMALL }.rounds(), SMALL.rounds());
        // 2^15 rows: two tables of 2^15 against each other cost 30 bits.
        assert!((SMALL.rounds()[0].1 - (FIELD_BITS - 30.0)).abs() < 1e-9);
    }
}
