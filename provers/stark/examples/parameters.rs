//! Which parameters to take: the bytes of a proof, and the gas of its calldata, for each choice that is worth the required bits.
//!
//! `parameters [log2 of the eight tables' heights]` (16 reference slots by default). Bytes are those of a proof in L1's form:
//! openings, rows and siblings without what several queries share, 40 gas a byte (EIP-7623), without execution.

use multiprover_stark::config::{Numbers, Parameters};
use multiprover_stark::security::{REQUIRED_BITS, least, of};
use multiprover_stark::symbolic::Shape;
use multiprover_stark::tables::EXTENSION;
use p3_fri::fold_schedule;
use p3_security::grinding::GrindingSite;

const HASH: f64 = 32.0;
const ELEMENT: f64 = 4.0;
const EXTENDED: f64 = ELEMENT * EXTENSION as f64;
const GAS_A_BYTE: f64 = 40.0;

fn main() {
    let given: Vec<usize> = std::env::args().skip(1).map(|height| height.parse().expect("a logarithm")).collect();
    let heights: [usize; 8] = given.try_into().unwrap_or([13, 13, 10, 10, 10, 13, 10, 10]);
    let shapes = Shape::all();
    for parameters in Parameters::ALL {
        let numbers = parameters.numbers();
        let (proven, conjectured) = least(&of(&shapes, heights, &numbers));
        println!(
            "{parameters:?}: {:.0} bytes, {proven:.1} bits proven, {conjectured:.1} conjectured",
            bytes(&shapes, heights, &numbers)
        );
    }
    println!("blow-up  query grinding  queries  arity  last polynomial  cap  bytes  gas of calldata");
    for log_blowup in 3..=8 {
        for query_pow_bits in [20, 22, 24, 26] {
            let best = (1..=4).flat_map(|arity| (2..=6).flat_map(move |last| (0..=5).map(move |cap| (arity, last, cap))));
            let best = best.filter_map(|(max_log_arity, log_final_poly_len, cap_height)| {
                let numbers = Numbers {
                    log_blowup,
                    num_queries: 0,
                    log_final_poly_len,
                    max_log_arity,
                    cap_height,
                    query_pow_bits,
                    ..Parameters::L1.numbers()
                };
                let tallest = [24 - log_blowup; 8];
                let enough = |queries: &usize| {
                    least(&of(&shapes, tallest, &Numbers { num_queries: *queries, ..numbers })).0 >= REQUIRED_BITS
                };
                let numbers = Numbers { num_queries: (1..100).find(enough)?, ..numbers };
                Some((bytes(&shapes, heights, &numbers), numbers))
            });
            if let Some((bytes, n)) = best.min_by(|x, y| x.0.total_cmp(&y.0)) {
                println!(
                    "{log_blowup:7} {query_pow_bits:15} {:8} {:6} {:16} {:4} {bytes:6.0} {:8.0}",
                    n.num_queries,
                    n.max_log_arity,
                    n.log_final_poly_len,
                    n.cap_height,
                    bytes * GAS_A_BYTE
                );
            }
        }
    }
}

/// Expected bytes of a proof.
fn bytes(shapes: &[Shape], heights: [usize; 8], numbers: &Numbers) -> f64 {
    let queries = numbers.num_queries as f64;
    let tallest = heights.into_iter().max().expect("tables") + numbers.log_blowup;
    let cap = (1u64 << numbers.cap_height) as f64 * HASH;
    let row: usize = shapes.iter().map(Shape::row).sum();
    let opened: usize = shapes
        .iter()
        .map(|s| s.main * (1 + usize::from(s.next)) + s.preprocessed + EXTENSION * (2 * s.bus_columns + s.quotient_chunks))
        .sum();
    // Four trees, of which the preprocessed one's cap is in the key.
    let mut bytes = queries * row as f64 * ELEMENT + 4.0 * siblings(queries, tallest, numbers.cap_height) * HASH + 3.0 * cap;
    bytes += (opened + shapes.len()) as f64 * EXTENDED + (1u64 << numbers.log_final_poly_len) as f64 * EXTENDED;
    let mut inputs: Vec<usize> = heights.iter().map(|height| height + numbers.log_blowup).collect();
    inputs.sort_unstable_by(|x, y| y.cmp(x));
    inputs.dedup();
    let mut height = tallest;
    for arity in fold_schedule(&inputs, numbers.log_final_poly_len + numbers.log_blowup, numbers.max_log_arity) {
        height -= arity;
        bytes += queries * ((1u64 << arity) - 1) as f64 * EXTENDED + siblings(queries, height, numbers.cap_height) * HASH + cap;
    }
    // A witness of work for each site.
    bytes + ELEMENT * GrindingSite::ALL.len() as f64
}

/// Expected siblings that open so many random leaves of a tree, up to its cap.
fn siblings(queries: f64, depth: usize, cap: usize) -> f64 {
    let met = |nodes: f64| nodes * (1.0 - (1.0 - 1.0 / nodes).powf(queries));
    (cap + 1..=depth).map(|level| (1u64 << level) as f64).map(|nodes| 2.0 * met(nodes / 2.0) - met(nodes)).sum()
}
