//! Security of a proof, term by term, computed from the parameters of its circuit.
//!
//! FRI is counted in two regimes, both at list-decoding radius `θ = 1 - √ρ·(1 + 1/2m)`, just under the Johnson bound:
//!
//! - **proven**: the proximity gap of Ben-Sasson, Carmon, Ishai, Kopparty, Saraf (eprint 2020/654, theorem 1.5): a line, or a curve of `k`
//!   polynomials, errs with probability at most `(k-1)·(m + 1/2)^7 / (3·ρ^{3/2}) · n² / |E|` for `m >= 3`, `n` points, challenges from `E`;
//!   `m` is chosen for the best least term. The other classical bound, within the unique decoding radius, `(k-1)·n/|E|` with
//!   `(1+ρ)/2` a query, is taken instead where it is better.
//! - **conjectured**: the same gaps up to the Johnson bound with error `(k-1)·n/|E|`. The conjecture up to capacity, on which the
//!   library's "100 bits" rest, is refuted and not used.
//!
//! The challenges of the permutation argument and of combining the constraints are drawn from GF(p), `r = num_challenges` times
//! over: a term's error to the `r`-th power. Grinding counts once, for the queries. `|E| = p²` binds `proven`: an extension of
//! degree 3 would add 64 bits to the commit phase, and cost the prover about half as much again in the opening argument.
//! Hashes are modelled as random oracles; their own strength is a term of its own.
//!
//! A proof for L1 rests on three layers of proofs, and is as strong as the weakest: [`overall`] has the terms of each.

use plonky2::plonk::circuit_data::{CircuitConfig, CommonCircuitData};

use crate::config::{MOST_ROW_BITS, circuit_config, last_config, shrink_config};
use crate::field::{D, F};
use crate::keys::Form;
use crate::recursion::{LAST_ROW_BITS, SHRINK_ROW_BITS};

/// One way to break a proof, in bits of work, at 2^0 to 2^`row_bits` rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    pub name: String,
    pub proven: f64,
    pub conjectured: f64,
    pub source: &'static str,
}

/// What the terms depend on.
#[derive(Debug, Clone)]
pub struct Parameters {
    pub row_bits: usize,
    pub rate_bits: usize,
    pub queries: usize,
    pub grinding_bits: u32,
    pub num_challenges: usize,
    pub routed_wires: usize,
    /// Polynomials opened at zeta, at most. (The `num_challenges` accumulators are opened at the next point as well.)
    pub polynomials: usize,
    pub constraints: usize,
    pub quotient_degree_factor: usize,
    /// Base-2 logarithms of the arities of folding.
    pub arities: Vec<usize>,
    /// Words of the journal, at most.
    pub journal_words: usize,
}

/// Bits of the two kinds of challenges of FRI's commit phase.
#[derive(Debug, Clone, Copy)]
struct Commit {
    batching: f64,
    folding: f64,
}

const FIELD_BITS: f64 = 64.0;
const EXTENSION_BITS: f64 = 64.0 * D as f64;
/// Digests of four elements and a capacity of four: collisions by birthday.
const POSEIDON_BITS: f64 = 128.0;
/// Digests of 252 bits.
const MASKED_KECCAK_BITS: f64 = 126.0;
/// Constants of a recursive circuit: two, and four selectors.
const RECURSION_CONSTANTS: usize = 6;
/// Constraints of a gate, at most: those of the Poseidon gate, and of this prover's own.
const GATE_CONSTRAINTS: usize = 160;

impl Parameters {
    /// Of a circuit.
    pub fn of(common: &CommonCircuitData<F, D>, journal_words: usize) -> Self {
        let (config, c) = (&common.config, common);
        let zs = config.num_challenges * (1 + c.num_partial_products);
        let quotients = config.num_challenges * c.quotient_degree_factor;
        Parameters {
            row_bits: c.degree_bits(),
            rate_bits: config.fri_config.rate_bits,
            queries: config.fri_config.num_query_rounds,
            grinding_bits: config.fri_config.proof_of_work_bits,
            num_challenges: config.num_challenges,
            routed_wires: config.num_routed_wires,
            polynomials: c.num_constants + config.num_routed_wires + config.num_wires + zs + quotients,
            constraints: c.num_gate_constraints + config.num_challenges * (2 + c.num_partial_products),
            quotient_degree_factor: c.quotient_degree_factor,
            arities: c.fri_params.reduction_arity_bits.clone(),
            journal_words,
        }
    }

    /// Of circuits of a configuration, with this many rows and constants at most.
    fn new(config: &CircuitConfig, row_bits: usize, constants: usize) -> Self {
        let fri = &config.fri_config;
        let factor = config.max_quotient_degree_factor;
        let partial_products = config.num_routed_wires.div_ceil(factor) - 1;
        Parameters {
            row_bits,
            rate_bits: fri.rate_bits,
            queries: fri.num_query_rounds,
            grinding_bits: fri.proof_of_work_bits,
            num_challenges: config.num_challenges,
            routed_wires: config.num_routed_wires,
            polynomials: constants
                + config.num_routed_wires
                + config.num_wires
                + config.num_challenges * (1 + partial_products + factor),
            constraints: GATE_CONSTRAINTS + config.num_challenges * (2 + partial_products),
            quotient_degree_factor: factor,
            arities: fri.reduction_strategy.reduction_arity_bits(row_bits, fri.rate_bits, fri.cap_height, fri.num_query_rounds),
            journal_words: 1 << 20,
        }
    }

    /// Of the largest circuit of a batch: two constants and at most six selectors.
    pub fn largest() -> Self {
        Self::new(&circuit_config(), MOST_ROW_BITS, 8)
    }

    /// Of the shrink circuit.
    pub fn shrink() -> Self {
        Self::new(&shrink_config(), SHRINK_ROW_BITS, RECURSION_CONSTANTS)
    }

    /// Of the last circuit.
    pub fn last() -> Self {
        Self::new(&last_config(), LAST_ROW_BITS, RECURSION_CONSTANTS)
    }

    fn queries_bits(&self, per_query: f64) -> f64 {
        self.queries as f64 * per_query + f64::from(self.grinding_bits)
    }

    /// Functions that one challenge's powers combine into the one that is folded: a quotient for each opening.
    fn batched(&self) -> usize {
        self.polynomials + self.num_challenges
    }

    /// `-log2` of `(k-1)·gap(n)`, for batching and for all foldings; `gap` is the error of a line over `n = 2^bits` points, as a logarithm.
    ///
    /// Each is a challenge of its own: by Fiat–Shamir a proof is as strong as its weakest round (eprint 2023/1071), as for the other terms.
    fn commit_bits(&self, gap: impl Fn(f64) -> f64) -> Commit {
        let mut points = (self.row_bits + self.rate_bits) as f64;
        let batching = (self.batched() - 1) as f64 * gap(points).exp2();
        let mut folding = 0.0;
        for &arity in &self.arities {
            folding += ((1 << arity) - 1) as f64 * gap(points).exp2();
            points -= arity as f64;
        }
        Commit { batching: -batching.log2(), folding: -f64::log2(folding) }
    }

    /// `(queries, commit phase, list size)` in the proven regime, at the best radius.
    fn proven_fri(&self) -> (f64, Commit, f64) {
        let rate = (-(self.rate_bits as f64)).exp2();
        let unique = (self.queries_bits(-((1.0 + rate) / 2.0).log2()), self.commit_bits(|n| n - EXTENSION_BITS), 1.0);
        let johnson = (3..=1000).map(|m| {
            let m = f64::from(m);
            let factor = ((m + 0.5).powi(7) / (3.0 * rate.powf(1.5))).log2();
            (
                self.queries_bits(-(rate.sqrt() * (1.0 + 0.5 / m)).log2()),
                self.commit_bits(|n| factor + 2.0 * n - EXTENSION_BITS),
                (m + 0.5) / rate.sqrt(),
            )
        });
        let least = |t: &(f64, Commit, f64)| t.0.min(t.1.batching).min(t.1.folding);
        johnson.chain([unique]).max_by(|a, b| least(a).total_cmp(&least(b))).expect("not empty")
    }

    /// The terms of a batch's own proof.
    pub fn terms(&self) -> Vec<Term> {
        [self.argument(), self.foundations()].concat()
    }

    /// What a proof rests on whatever layers it has.
    fn foundations(&self) -> Vec<Term> {
        let alike = |name: &str, bits: f64, source| Term { name: name.into(), proven: bits, conjectured: bits, source };
        vec![
            alike(
                "Poseidon: digests and Fiat-Shamir",
                POSEIDON_BITS,
                "eprint 2019/458 claims 128 bits; digests and capacity of 256 bits; proofs model it as a random oracle",
            ),
            alike(
                "journal binding",
                EXTENSION_BITS - (self.journal_words as f64).log2(),
                "docs/suites.md §1: words over extension size, with keccak256 as a random oracle",
            ),
            alike(
                "signatures",
                120.0,
                "eprint 2025/055 and RFC 8391 for the construction; argued for these parameters in src/suite.rs; hash as a random oracle",
            ),
        ]
    }

    /// The terms of the argument itself.
    pub fn argument(&self) -> Vec<Term> {
        let rate = (-(self.rate_bits as f64)).exp2();
        let (proven_queries, proven_commit, proven_list) = self.proven_fri();
        let commit = self.commit_bits(|n| n - EXTENSION_BITS);
        // Close enough to the Johnson bound that the queries lose less than a bit.
        let m = 100.0;
        let list = (m + 0.5) / rate.sqrt();
        let repeated = |error_bits: f64, list: f64| self.num_challenges as f64 * error_bits - list.log2();
        let rows = self.row_bits as f64;
        let permutation = FIELD_BITS - rows - ((2 * self.routed_wires) as f64).log2();
        let combination = FIELD_BITS - (self.constraints as f64).log2();
        // Vanishing polynomial and shifted accumulators at a random point, for each list of candidates.
        let point = EXTENSION_BITS - rows - ((self.quotient_degree_factor + 1) as f64).log2();
        let (johnson, gaps) = (
            "eprint 2020/654 theorem 1.5 (proven); the same gap with error (k-1)n/|E| up to the Johnson bound (conjectured)",
            "eprint 2020/654, sections 7 and 8: batching and folding by powers of one challenge",
        );
        let plonk = "eprint 2019/953: degree over field size, to the power of the repetitions, times the list of FRI";
        let mut terms = vec![
            Term {
                name: "FRI queries and grinding".into(),
                proven: proven_queries,
                conjectured: self.queries_bits(-(rate.sqrt() * (1.0 + 0.5 / m)).log2()),
                source: johnson,
            },
            Term { name: "FRI batching".into(), proven: proven_commit.batching, conjectured: commit.batching, source: gaps },
            Term { name: "FRI folding".into(), proven: proven_commit.folding, conjectured: commit.folding, source: gaps },
            Term {
                name: "permutation argument".into(),
                proven: repeated(permutation, proven_list),
                conjectured: repeated(permutation, list),
                source: plonk,
            },
            Term {
                name: "combination of constraints".into(),
                proven: repeated(combination, proven_list),
                conjectured: repeated(combination, list),
                source: plonk,
            },
            Term {
                name: "out-of-domain point".into(),
                proven: point - proven_list.log2(),
                conjectured: point - list.log2(),
                source: "eprint 2019/336 (DEEP): degree over extension size, times the list of FRI",
            },
        ];
        // The two regimes have radii of their own, and lists of their own: what is proven at one is not claimed past the other.
        terms.iter_mut().for_each(|t| t.proven = t.proven.min(t.conjectured));
        terms
    }
}

/// The terms of a proof of this form, in all its layers.
pub fn overall(form: Form) -> Vec<Term> {
    let batch = Parameters::largest();
    if form == Form::Native {
        return batch.terms();
    }
    let layers = [("batch", &batch), ("shrink", &Parameters::shrink()), ("last", &Parameters::last())];
    let arguments = layers.iter().flat_map(|(layer, parameters)| {
        parameters.argument().into_iter().map(move |t| Term { name: format!("{layer}: {}", t.name), ..t })
    });
    let keccak = Term {
        name: "keccak256, 252 bits: digests and Fiat-Shamir of the last proof".into(),
        proven: MASKED_KECCAK_BITS,
        conjectured: MASKED_KECCAK_BITS,
        source: "FIPS 202's permutation with 512 bits of capacity: collisions by birthday; L1.md §1; proofs model it as a random oracle",
    };
    arguments.chain(batch.foundations()).chain([keccak]).collect()
}

/// The least of the terms: `(proven, conjectured)`.
pub fn least(terms: &[Term]) -> (f64, f64) {
    let least = |f: fn(&Term) -> f64| terms.iter().map(f).fold(f64::INFINITY, f64::min);
    (least(|t| t.proven), least(|t| t.conjectured))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn largest_circuit_has_100_conjectured_bits() {
        let terms = Parameters::largest().terms();
        let (proven, conjectured) = least(&terms);
        assert!(conjectured >= 100.0, "{terms:#?}");
        assert!(proven <= conjectured);
        assert!(terms.iter().all(|t| t.proven <= t.conjectured + 1e-9), "{terms:#?}");
    }

    #[test]
    fn every_layer_has_100_conjectured_bits() {
        for (name, parameters) in
            [("batch", Parameters::largest()), ("shrink", Parameters::shrink()), ("last", Parameters::last())]
        {
            let terms = parameters.argument();
            assert!(least(&terms).1 >= 100.0, "{name}: {terms:#?}");
        }
        let (all, layers) = (overall(Form::L1), overall(Form::Native));
        assert!(least(&all).1 >= 100.0 && least(&all).0 <= least(&layers).0);
        assert_eq!(all.len(), 3 * 6 + 4);
    }

    #[test]
    fn a_query_less_in_any_layer_is_not_enough() {
        for parameters in [Parameters::largest(), Parameters::shrink(), Parameters::last()] {
            let fewer = Parameters { queries: parameters.queries - 1, ..parameters };
            assert!(least(&fewer.argument()).1 < 100.0);
        }
    }

    #[test]
    fn columns_of_the_recursions_are_bounded() {
        for parameters in [Parameters::shrink(), Parameters::last()] {
            let most = Parameters { polynomials: 254, ..parameters };
            assert!(least(&most.argument()).1 >= 100.0);
            let more = Parameters { polynomials: 255, ..most };
            assert!(least(&more.argument()).1 < 100.0);
        }
    }

    #[test]
    fn batching_counts_both_openings_of_the_accumulators() {
        // L1.md §4: fri_alpha^3·(Σ over 62 + 135 + 21 + 24 columns) + (Σ over 3): powers 0 to 244, over 2^20 points.
        let commit = Parameters::last().commit_bits(|n| n - EXTENSION_BITS);
        assert!((commit.batching - (108.0 - 244f64.log2())).abs() < 1e-9);
        // One folding by 16.
        assert!((commit.folding - (108.0 - 15f64.log2())).abs() < 1e-9);
    }

    #[test]
    fn more_rows_or_fewer_challenges_are_not_enough() {
        let more_rows = Parameters { row_bits: MOST_ROW_BITS + 3, ..Parameters::largest() };
        assert!(least(&more_rows.terms()).1 < 100.0);
        let two = Parameters { num_challenges: 2, row_bits: 15, ..Parameters::largest() };
        assert!(least(&two.terms()).1 < 100.0);
    }

    #[test]
    fn known_values_of_the_proven_regime() {
        // One line over 2^16 points at rate 1/8, m = 3, by hand: log2(3.5^7 / (3·8^-1.5)) = 12.651 - 1.585 + 4.5 = 15.566.
        let parameters = Parameters {
            row_bits: 13,
            polynomials: 1,
            num_challenges: 1,
            arities: vec![],
            queries: 1000,
            ..Parameters::largest()
        };
        let (queries, commit, _) = parameters.proven_fri();
        assert!((128.0 - 32.0 - 15.57..=112.0).contains(&commit.batching));
        assert!(queries > commit.batching);
    }
}
