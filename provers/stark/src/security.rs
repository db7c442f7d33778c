//! How many bits a proof is worth, from the tables' real shape and the parameters.
//!
//! A proof is a chain of challenges, each drawn by the transcript after what it must not be known to; a forger needs one of them
//! to be bad. Of each we bound the chance of that, and a proof of work before it adds its bits: the forger pays it for every try.
//! A proof is worth the least of these (round-by-round soundness and Fiat–Shamir: Block, Garreta, Tiwari, Zając, eprint
//! 2024/1553; grinding: ethSTARK, eprint 2021/582, §6.3).
//!
//! *Proven* is in the list-decoding regime, up to the Johnson bound, with no conjecture. It is calculated twice: here, term by
//! term, with the exceptional-challenge count of eprint 2025/2055; and by the library's `p3-security`, which counts after
//! eprint 2026/2056; a proof is worth the less of both. *Conjectured* is what it would be worth if proximity gaps cost only
//! `n/|E|` up to the Johnson bound and lists had one member; nothing is claimed beyond that bound, as the conjectures up to
//! capacity are refuted.
//!
//! Notation: `h` is a table's height, `H` the tallest; `rho = 2^-log_blowup` the rate; `n = H/rho` the length of the longest
//! code; `E` the challenge field. All tables are words over the domain of the tallest one (`f(x^(H/h))` has the same rate), so
//! there is one list for all of them, not a product of lists.

use p3_batch_stark::num_batched_openings;
use p3_field::{PrimeField32, TwoAdicField};
use p3_security::fri::FriRegime;
use p3_security::grinding::GrindingSites;
use p3_security::logup::{self, LogUpAir};
use p3_security::shape::{InstanceShape, StarkAirParams};
use p3_security::stark::{conjectured_security_report, proven_security_report};
use p3_uni_stark::OpeningShape;

use crate::batch::VerifyingKey;
use crate::config::{Numbers, Parameters};
use crate::symbolic::Shape;
use crate::tables::{EXTENSION, F, Heights, Table};

/// What every proof must be worth, proven.
pub const REQUIRED_BITS: f64 = 100.0;

/// Collisions of keccak256: half its length.
const COLLISION_BITS: f64 = 128.0;

/// What one way to forge costs, in bits.
#[derive(Clone, Debug)]
pub struct Term {
    pub name: String,
    pub proven: f64,
    pub conjectured: f64,
    /// Paper and place that the bound is from.
    pub source: &'static str,
}

/// What a proof is worth, proven and conjectured: the least of its terms.
pub fn least(terms: &[Term]) -> (f64, f64) {
    terms.iter().fold((f64::INFINITY, f64::INFINITY), |(proven, conjectured), term| {
        (proven.min(term.proven), conjectured.min(term.conjectured))
    })
}

/// A bound for all keys: each term at its worst. A taller table makes codes longer, a lower one lists.
pub fn overall(parameters: Parameters) -> Vec<Term> {
    let (shapes, numbers) = (Shape::all(), parameters.numbers());
    let tallest = [F::TWO_ADICITY - numbers.log_blowup; 8];
    let mut mixed = [usize::from(Heights::MIN); 8];
    mixed[Table::Hash as usize] = tallest[0];
    let worse =
        |(x, y): (Term, Term)| Term { proven: x.proven.min(y.proven), conjectured: x.conjectured.min(y.conjectured), ..x };
    of(&shapes, tallest, &numbers).into_iter().zip(of(&shapes, mixed, &numbers)).map(worse).collect()
}

/// The terms of proofs under a key.
pub fn terms(key: &VerifyingKey) -> Vec<Term> {
    of(&Shape::all(), Table::ALL.map(|table| key.heights.log(table)), &key.parameters.numbers())
}

/// The terms of proofs of tables of these shapes and logarithms of heights, with these numbers.
pub fn of(shapes: &[Shape], heights: [usize; 8], numbers: &Numbers) -> Vec<Term> {
    let setting = Setting::new(shapes, heights, numbers);
    let mut terms = setting.best();
    terms.push(Term {
        name: "collision".into(),
        proven: COLLISION_BITS,
        conjectured: COLLISION_BITS,
        source: "birthday bound of keccak256, digests of 32 bytes",
    });
    terms.push(library(shapes, heights, numbers));
    terms
}

/// What the bounds depend on.
struct Setting<'a> {
    numbers: &'a Numbers,
    /// log2 of the challenge field's size.
    field: f64,
    rho: f64,
    /// Length of the longest code, and height of the lowest table.
    n: f64,
    lowest: f64,
    /// Pairs of a column and a point at which it is opened.
    openings: f64,
    constraints: f64,
    /// Σ over tables of the degree of (folded constraints - quotient · Z_H).
    degree: f64,
    /// Messages that a proof's buses carry, and elements of the widest.
    messages: f64,
    widest: f64,
    /// The highest arity of a folding.
    arity: f64,
}

impl<'a> Setting<'a> {
    fn new(shapes: &[Shape], heights: [usize; 8], numbers: &'a Numbers) -> Self {
        let tables = || shapes.iter().zip(heights.map(|height| (1u64 << height) as f64));
        let rho = (-(numbers.log_blowup as f64)).exp2();
        let tallest = tables().map(|(_, height)| height).fold(0.0, f64::max);
        Self {
            numbers,
            field: EXTENSION as f64 * f64::from(F::ORDER_U32).log2(),
            rho,
            n: tallest / rho,
            lowest: tables().map(|(_, height)| height).fold(f64::INFINITY, f64::min),
            openings: shapes.iter().map(openings).sum::<usize>() as f64,
            constraints: shapes.iter().map(Shape::constraints).sum::<usize>() as f64,
            // Columns that agree with their openings at two points have degree at most h + 1; a selector has less than h;
            // the quotient's chunks are c polynomials of degree at most h, times a vanishing polynomial of degree c·h.
            degree: tables()
                .map(|(s, height)| (s.max_degree as f64 * (height + 1.0)).max((s.quotient_chunks as f64 + 1.0) * (height + 1.0)))
                .sum(),
            messages: tables().map(|(s, height)| s.messages() as f64 * height).sum(),
            widest: shapes.iter().map(Shape::widest_message).max().unwrap_or(0) as f64,
            arity: (1u64 << numbers.max_log_arity) as f64,
        }
    }

    /// At the distance from the Johnson bound that is best: words within `1 - sqrt(rho)·(1 + 1/g)` of the code.
    fn best(&self) -> Vec<Term> {
        let least_proven = |terms: &[Term]| least(terms).0;
        (3..=1000)
            .map(|g| self.terms(f64::from(g)))
            .max_by(|x, y| least_proven(x).total_cmp(&least_proven(y)))
            .expect("there are distances")
    }

    fn terms(&self, g: f64) -> Vec<Term> {
        let numbers = self.numbers;
        let root = self.rho.sqrt();
        let agreement = root * (1.0 + 1.0 / g);
        // Challenges for which a combination of two words is near the code though they are not, both on one set: eprint
        // 2025/2055, Theorem 4.2, with gamma the distance and m = max(ceil(sqrt(rho)/(1 - sqrt(rho) - gamma)), 3).
        let half = g.max(3.0) + 0.5;
        let gamma = 1.0 - agreement;
        let exceptional = (2.0 * half.powi(5) + 3.0 * half * gamma * self.rho) / (3.0 * self.rho * root) * self.n + half / root;
        let list = self.list(agreement);

        let chance = |count: f64| self.field - count.log2();
        let term = |name: &str, count: f64, conjectured: f64, grinding: usize, source| Term {
            name: name.into(),
            proven: chance(count) + grinding as f64,
            conjectured: chance(conjectured) + grinding as f64,
            source,
        };
        // Cleared of denominators the buses' balance is a polynomial in alpha and beta of degree at most (N - 1)·W; where a
        // denominator vanishes its message is lost: N·W more.
        let buses = 2.0 * self.messages * self.widest;
        let queries = numbers.num_queries as f64;
        vec![
            term(
                "buses",
                list * buses,
                buses,
                numbers.lookup_pow_bits,
                "Schwartz–Zippel on the sum of eprint 2022/1530, Lemma 5, for each member of the list",
            ),
            term(
                "constraints",
                list * self.constraints,
                self.constraints,
                0,
                "ALI: eprint 2021/582, Theorem 8: the powers of one challenge, for each member of the list",
            ),
            term(
                "out-of-domain point",
                list * list * self.degree,
                self.degree,
                numbers.ood_pow_bits,
                "DEEP: eprint 2019/336; eprint 2024/1553, Theorem 2: for each two members of the list",
            ),
            term(
                "combination of openings",
                (self.openings - 1.0) * exceptional,
                (self.openings - 1.0) * self.n,
                numbers.batch_pow_bits,
                "eprint 2025/2055, Theorem 4.2, for the powers of one challenge (eprint 2020/654, Theorem 1.5)",
            ),
            // To fold 2^a values takes the powers of a challenge up to 2^a - 1; the next table's word joins with the next.
            term(
                "folding",
                self.arity * exceptional,
                self.arity * self.n,
                numbers.commit_pow_bits,
                "eprint 2025/2055, Theorem 4.2, for the powers of one challenge (eprint 2020/654, Theorem 8.3)",
            ),
            Term {
                name: "queries".into(),
                proven: queries * -agreement.log2() + numbers.query_pow_bits as f64,
                conjectured: queries * -root.log2() + numbers.query_pow_bits as f64,
                source: "eprint 2020/654, Theorem 8.3: every query lands where the word agrees with the code",
            },
        ]
    }

    /// Members of the list of codewords that agree with a word on that part of the domain: at most `1/(2·eta·sqrt(rho))`,
    /// `eta` above the Johnson bound. A column opened at two points may have two degrees more than its table has rows.
    fn list(&self, agreement: f64) -> f64 {
        let root = (self.rho * (1.0 + 2.0 / self.lowest)).sqrt();
        if agreement > root { 1.0 / (2.0 * (agreement - root) * root) } else { f64::INFINITY }
    }
}

/// Pairs of a column and a point at which it is opened, as the library counts them.
pub fn openings(shape: &Shape) -> usize {
    num_batched_openings(
        shape.main,
        shape.next,
        shape.preprocessed,
        false,
        shape.quotient_chunks,
        shape.lookups.len(),
        EXTENSION,
        OpeningShape::new(),
    )
}

/// The library's own account, all terms at once. Its conjectured figure goes up to capacity and is not used; ours stands beside it.
fn library(shapes: &[Shape], heights: [usize; 8], numbers: &Numbers) -> Term {
    let ldt = FriRegime {
        log_blowup: numbers.log_blowup,
        num_queries: numbers.num_queries,
        log_final_poly_len: numbers.log_final_poly_len,
        max_log_arity: numbers.max_log_arity,
        commit_pow_bits: numbers.commit_pow_bits,
        query_pow_bits: numbers.query_pow_bits,
    };
    let air = StarkAirParams {
        num_constraints: shapes.iter().map(Shape::constraints).sum(),
        max_constraint_degree: shapes.iter().map(|shape| shape.max_degree).max().unwrap_or(0),
        num_quotient_chunks: shapes.iter().map(|shape| shape.quotient_chunks).max().unwrap_or(0),
        max_combo: 2,
    };
    let instance = InstanceShape {
        log_trace_length: heights.into_iter().max().unwrap_or(0),
        modulus_bits: (EXTENSION as f64 * f64::from(F::ORDER_U32).log2()).floor() as usize,
        collision_resistance: COLLISION_BITS as usize,
        num_batched_functions: shapes.iter().map(openings).sum(),
    };
    let grinding = GrindingSites {
        out_of_domain: numbers.ood_pow_bits,
        batch_combination: numbers.batch_pow_bits,
        lookup_challenge: numbers.lookup_pow_bits,
    };
    // As if every table were as tall as the tallest.
    let messages = LogUpAir {
        num_interactions: shapes.iter().map(Shape::messages).sum(),
        max_message_width: shapes.iter().map(Shape::widest_message).max().unwrap_or(0),
    };
    let extras: Vec<_> = logup::security_term(&messages, &instance, &grinding).into_iter().collect();
    let proven = proven_security_report(&ldt, &air, &instance, &extras, &grinding).security_bits();
    let capacity = conjectured_security_report(&ldt, &air, &instance, &extras, &grinding).security_bits();
    let ours = least(&Setting::new(shapes, heights, numbers).best()).1;
    Term {
        name: "library".into(),
        proven,
        conjectured: ours.min(capacity),
        source: "p3-security 0.8.0 (eprint 2024/1553, 2026/2056)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_worth_what_is_required() {
        for parameters in Parameters::ALL {
            for term in overall(parameters) {
                assert!(term.proven >= REQUIRED_BITS, "{parameters:?}: {term:?}");
                assert!(term.conjectured >= term.proven, "{parameters:?}: {term:?}");
            }
        }
    }

    /// Every parameter and every growth of the tables counts, at the term that it should.
    #[test]
    fn less_work_and_more_to_check_are_worth_less() {
        let proven = |shapes: &[Shape], heights, numbers: &Numbers, name: &str| {
            of(shapes, heights, numbers).into_iter().find(|term| term.name == name).expect("a term").proven
        };
        let (shapes, numbers) = (Shape::all(), Parameters::L1.numbers());
        let heights = [12, 12, 9, 9, 9, 12, 9, 9];
        let worse = [
            ("queries", Numbers { num_queries: numbers.num_queries - 1, ..numbers }),
            ("queries", Numbers { query_pow_bits: numbers.query_pow_bits - 4, ..numbers }),
            ("queries", Numbers { log_blowup: numbers.log_blowup - 1, ..numbers }),
            ("library", Numbers { num_queries: numbers.num_queries - 1, ..numbers }),
            ("combination of openings", Numbers { batch_pow_bits: 0, ..numbers }),
            ("folding", Numbers { commit_pow_bits: 0, ..numbers }),
            ("folding", Numbers { max_log_arity: numbers.max_log_arity + 1, ..numbers }),
        ];
        for (name, numbers_then) in worse {
            let (now, then) = (proven(&shapes, heights, &numbers, name), proven(&shapes, heights, &numbers_then, name));
            assert!(then < now, "{name}: {then} with {numbers_then:?}, {now} before");
        }
        let taller = heights.map(|height| height + 4);
        for name in ["buses", "out-of-domain point", "combination of openings", "folding"] {
            assert!(proven(&shapes, taller, &numbers, name) < proven(&shapes, heights, &numbers, name), "{name}");
        }
        let mut wider = Shape::all();
        wider[0].main += 10_000;
        assert!(
            proven(&wider, heights, &numbers, "combination of openings")
                < proven(&shapes, heights, &numbers, "combination of openings")
        );
    }
}
