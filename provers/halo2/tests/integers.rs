//! Operations on integers: the shared vectors, and witnesses that lie.

mod common;
mod mock;

use halo2_axiom::halo2curves::bn256::Fr;
use halo2_axiom::halo2curves::ff::Field;
use mock::{accepts, every_lie_is_refused, refused};
use multiprover_halo2::builder::{Builder, Lie, Place, Wide};
use multiprover_halo2::integers::Int;
use multiprover_halo2::program::Range;
use multiprover_halo2::suite::integer;
use serde_json::Value;

fn number(v: &Value, key: &str) -> i128 {
    v[key].as_str().unwrap().parse().unwrap()
}

fn range(v: &Value) -> Range {
    Range { lo: number(v, "lo"), hi: number(v, "hi") }
}

/// A cell of its own of this value.
fn int(b: &mut Builder, v: i128, range: Range) -> Int {
    let wire = b.free(integer(v));
    b.equals_constant(&wire.into(), integer(v));
    Int { affine: wire.into(), value: v, range }
}

fn compute(b: &mut Builder, operation: &str, x: &Int, y: &Int, range: Range) -> Int {
    match operation {
        "ADD" => b.add(x, y, range),
        "SUB" => b.sub(x, y, range),
        "MUL" => b.mul(x, y, range),
        "EQ" => b.eq(x, y),
        "LT" => b.lt(x, y),
        "DIVMOD" => b.divmod(x, y, range).0,
        "REMAINDER" => b.divmod(x, y, division(x.range, y.range)).1,
        other => panic!("{other} is not tested"),
    }
}

/// The range of a quotient (docs/program.md §3).
fn division(a: Range, b: Range) -> Range {
    let lo = a.lo.div_euclid(if a.lo < 0 { b.lo } else { b.hi });
    let hi = a.hi.div_euclid(if a.hi < 0 { b.hi } else { b.lo });
    Range { lo, hi }
}

#[test]
fn the_shared_vectors() {
    let all = common::read("operations.json");
    let mut tested = std::collections::BTreeSet::new();
    let mut b = mock::builder(15);
    for vector in all["vectors"].as_array().unwrap() {
        let operation = vector["operation"].as_str().unwrap();
        if !["ADD", "SUB", "MUL", "EQ", "LT", "DIVMOD", "REMAINDER"].contains(&operation) {
            continue;
        }
        tested.insert(operation);
        let [x, y] = ["a", "b"].map(|k| {
            let v = &vector["inputs"][k];
            int(&mut b, number(v, "value"), range(v))
        });
        let result = compute(&mut b, operation, &x, &y, range(&vector["outputs"]));
        assert_eq!(result.value, number(&vector["outputs"], "value"), "{}", vector["name"]);
        assert_eq!(result.affine.value(), integer(result.value), "{}", vector["name"]);
        b.equals_constant(&result.affine, integer(result.value));
    }
    assert_eq!(tested.len(), 7, "{tested:?}");
    accepts(b);
}

const SMALL: Range = Range { lo: -1000, hi: 1000 };

/// The operation's result is one: every new value, replaced with whatever follows from it, is refused.
fn determined(operation: &str, x: i128, y: i128, wide: Range, positive: Range) {
    every_lie_is_refused(9, |b| {
        let (x, y) = (int(b, x, wide), int(b, y, positive));
        let range = if operation == "DIVMOD" { division(wide, positive) } else { Range { lo: -(1 << 100), hi: 1 << 100 } };
        let result = compute(b, operation, &x, &y, range);
        b.equals_constant(&result.affine, integer(result.value));
    });
}

#[test]
fn results_are_determined() {
    for operation in ["ADD", "SUB", "MUL", "EQ", "LT", "DIVMOD"] {
        determined(operation, -7, 3, SMALL, Range { lo: 1, hi: 1000 });
    }
    determined("LT", 5, 5, SMALL, SMALL);
    // The quotient times the divisor exceeds the field.
    let most = i128::MAX;
    determined("DIVMOD", -most, 1 << 90, Range { lo: -most, hi: most }, Range { lo: 1, hi: most });
}

/// Divisors that are constants: 1 leaves no remainder, not even 1.
#[test]
fn constant_divisors() {
    for divisor in [1, 2, 3, 8] {
        let one = Range { lo: divisor, hi: divisor };
        let circuit = |b: &mut Builder| {
            let x = int(b, 21, SMALL);
            let (q, r) = b.divmod(&x, &Int::constant(divisor), division(SMALL, one));
            b.equals_constant(&q.affine, integer(21 / divisor));
            b.equals_constant(&r.affine, integer(21 % divisor));
        };
        every_lie_is_refused(9, circuit);
        let mut b = mock::builder(9);
        let x = int(&mut b, 21, SMALL);
        let (_, r) = b.divmod(&x, &Int::constant(divisor), division(SMALL, one));
        assert_eq!(r.affine.wire.is_none(), divisor == 1, "a bit would hold 0 and 1");
    }
}

/// Of equal values, the difference has no inverse, and any will do; everything else is determined.
#[test]
fn equality_is_determined() {
    let circuit = |b: &mut Builder| {
        let (x, y) = (int(b, 5, SMALL), int(b, 5, SMALL));
        let equal = b.eq(&x, &y);
        b.equals_constant(&equal.affine, Fr::ONE);
    };
    let mut honest = mock::builder(9);
    circuit(&mut honest);
    let count = honest.news();
    let free: Vec<usize> = (0..count)
        .filter(|&at| {
            let mut b = Builder::lying(9, Some(Lie { at, value: Fr::from(9) }));
            circuit(&mut b);
            !refused(b)
        })
        .collect();
    // x, its constant, y, the difference, its inverse
    assert_eq!(free, [4]);
}

/// A quotient and a remainder that satisfy `a = b·q + r` modulo the field's order, or with a remainder that is no remainder.
#[test]
fn false_quotients() {
    // 20 = 3·6 + 2: one less and three more, one more and one less than nothing.
    for (q, r) in [(6, 2), (5, 5), (7, -1)] {
        let mut b = mock::builder(9);
        let (x, y) = (int(&mut b, 20, SMALL), int(&mut b, 3, Range { lo: 1, hi: 1000 }));
        let quotient = b.new_int(q, SMALL);
        let remainder = b.new_int(r, Range { lo: 0, hi: 999 });
        let room = b.bilinear(&y.affine, &remainder.affine, [Fr::ONE, -Fr::ONE, Fr::ZERO, -Fr::ONE]);
        b.hold_bits(&room, (2 - r).into(), 10);
        b.product_plus_is(&y.affine, &quotient.affine, &remainder.affine, &x.affine);
        assert_eq!(refused(b), (q, r) != (6, 2), "{q}, {r}");
    }
}

#[test]
fn selections() {
    for c in 0..2 {
        let circuit = |b: &mut Builder| {
            let c = int(b, c, Range::BOOLEAN);
            let (x, y, k) = (int(b, 7, SMALL), int(b, -9, SMALL), Int::constant(4));
            for (yes, no) in [(x, y), (x, k), (k, y), (k, k), (x, x)] {
                let chosen = b.select(&c, &yes, &no, SMALL);
                b.equals_constant(&chosen.affine, integer(if c.value == 1 { yes.value } else { no.value }));
            }
            for (p, q) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                let (p, q) = (int(b, p, Range::BOOLEAN), int(b, q, Range::BOOLEAN));
                let (and, or, not) = (b.and(&p, &q), b.or(&p, &q), b.not(&p));
                b.equals_constant(&and.affine, integer(p.value & q.value));
                b.equals_constant(&or.affine, integer(p.value | q.value));
                b.equals_constant(&not.affine, integer(1 - p.value));
            }
        };
        every_lie_is_refused(9, circuit);
    }
}

/// Whether a range holds a value, honestly decomposed as far as it can be.
fn holds(v: i128, within: Range, known: Range) -> bool {
    let mut b = mock::builder(9);
    let v = int(&mut b, v, known);
    b.hold(&v, within);
    !refused(b)
}

#[test]
fn ranges() {
    let any = Range { lo: -(1 << 126), hi: 1 << 126 };
    for within in [
        Range { lo: 0, hi: 1 },
        Range { lo: 5, hi: 5 },
        Range { lo: 0, hi: 255 },
        Range { lo: -3, hi: 1000 },
        Range { lo: 0, hi: u64::MAX.into() },
        Range { lo: i64::MIN.into(), hi: i64::MAX.into() },
        Range { lo: -(1 << 125), hi: 77 },
    ] {
        let Range { lo, hi } = within;
        for known in [any, Range { lo, hi: any.hi }, Range { lo: any.lo, hi }] {
            for v in [lo - 1, lo, lo + 1, hi - 1, hi, hi + 1, any.lo, any.hi, -1, 0, 1 << 64] {
                if known.contains(v) {
                    assert_eq!(holds(v, within, known), within.contains(v), "{v} in {within}, known in {known}");
                }
            }
        }
    }
}

/// A limb too large, a top limb too large, a value that is small only modulo the order.
#[test]
fn limbs_that_lie() {
    for bits in [2, 7, 8, 9, 16, 20, 64, 127, 130] {
        every_lie_is_refused(9, |b| {
            let v = b.constant(Fr::from(3));
            b.limbs(Place::Copy(v), 3.into(), bits);
        });
        for value in [-Fr::ONE, Fr::from(2).invert().unwrap(), Wide::power(bits).element()] {
            for claimed in [0, 1, i128::MAX] {
                let mut b = mock::builder(9);
                let v = b.constant(value);
                b.limbs(Place::Copy(v), claimed.into(), bits);
                assert!(refused(b), "{bits} bits");
            }
        }
    }
}
