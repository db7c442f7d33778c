//! Integer gadgets against i128, over ranges that reach every representation, and the lies that each must refuse.

mod common;

use common::{Checked, Random, word_elements};
use multiprover_plonky2::builder::Builder;
use multiprover_plonky2::field::{F, Field};
use multiprover_plonky2::integers::Int;
use multiprover_plonky2::program::{Action, range_of, words_for};
use plonky2::iop::target::BoolTarget;

/// An input in `[lo, hi]`, given as the words of `v - lo`.
fn input(b: &mut Builder, lo: i128, hi: i128) -> Int {
    let words = b.advise_many(words_for(lo, hi)).into_iter().map(|t| b.range32(t)).collect();
    b.int_of_words(words, lo, lo, hi)
}

fn advice(v: i128, lo: i128, hi: i128) -> Vec<F> {
    word_elements(v.wrapping_sub(lo) as u128, words_for(lo, hi))
}

/// Demands that `v` is the value that comes next in the advice.
fn expect(b: &mut Builder, v: &Int) {
    let n = words_for(v.lo, v.hi);
    let words = b.words(v, v.lo, n);
    for (expected, word) in b.advise_many(n).into_iter().zip(words) {
        b.plonk.connect(expected, word.target);
    }
}

fn expect_bit(b: &mut Builder, bit: BoolTarget) {
    let expected = b.advise();
    b.plonk.connect(expected, bit.target);
}

const U64: i128 = u64::MAX as i128;
const U32: i128 = u32::MAX as i128;

/// Ranges of one limb and more, of either sign, that begin and end at no power of two.
const RANGES: [(i128, i128); 10] = [
    (0, 1),
    (0, U32),
    (0, U64),
    (-(1 << 63), (1 << 63) - 1),
    (-5, 1000),
    (0, 1 << 40),
    (-(1 << 100), (1 << 90) + 17),
    (3, (1 << 62) + 1),
    (-(1 << 33) - 1, -7),
    (0, 1 << 96),
];

fn pairs() -> impl Iterator<Item = ((i128, i128), (i128, i128))> {
    RANGES.into_iter().flat_map(|a| RANGES.into_iter().map(move |b| (a, b)))
}

#[test]
fn arithmetic_is_exact_over_every_pair_of_ranges() {
    // One circuit of every operation whose range fits, run on several values.
    type Make = fn(&mut Builder, &Int, &Int, (i128, i128)) -> Int;
    type Model = fn(i128, i128) -> i128;
    let operations: [(Action, Make, Model); 4] = [
        (Action::Add(0, 0), |b, x, y, r| b.add(x, y, r.0, r.1), |x, y| x + y),
        (Action::Sub(0, 0), |b, x, y, r| b.sub(x, y, r.0, r.1), |x, y| x - y),
        (Action::Mul(0, 0), |b, x, y, r| b.mul(x, y, r.0, r.1), |x, y| x * y),
        (
            Action::Select(0, 0, 0),
            |b, x, y, r| {
                let less = b.less_than(x, y);
                b.select(less, x, y, r.0, r.1)
            },
            i128::min,
        ),
    ];
    let mut plan = vec![];
    let circuit = Checked::build(|b| {
        for (n, (x, y)) in pairs().enumerate() {
            for (action, make, model) in operations {
                let select = matches!(action, Action::Select(..));
                let ranges = if select { vec![(0, 1), x, y] } else { vec![x, y] };
                let Some(range) = range_of(action, &ranges) else { continue };
                if n % 3 != 0 && matches!(action, Action::Add(..)) {
                    continue;
                }
                let (ix, iy) = (input(b, x.0, x.1), input(b, y.0, y.1));
                let result = make(b, &ix, &iy, range);
                expect(b, &result);
                plan.push((x, y, range, select, model));
            }
        }
    });
    assert!(plan.len() > 200);
    let mut random = Random(1);
    for _ in 0..4 {
        let mut values = vec![];
        let mut last = 0;
        for &(x, y, range, select, model) in &plan {
            let (vx, vy) = (random.within(x.0, x.1), random.within(y.0, y.1));
            values.extend(advice(vx, x.0, x.1));
            values.extend(advice(vy, y.0, y.1));
            if select {
                values.push(F::from_bool(vx < vy));
            }
            last = values.len();
            values.extend(advice(model(vx, vy), range.0, range.1));
        }
        assert!(circuit.accepts(&values));
        values[last] += F::ONE;
        assert!(!circuit.accepts(&values), "a wrong result");
    }
}

#[test]
fn comparisons_and_equality_over_every_pair_of_ranges() {
    let mut plan = vec![];
    let circuit = Checked::build(|b| {
        for (x, y) in pairs() {
            let (ix, iy) = (input(b, x.0, x.1), input(b, y.0, y.1));
            let less = b.less_than(&ix, &iy);
            expect_bit(b, less);
            let equal = b.equal(&ix, &iy);
            expect_bit(b, equal);
            plan.push((x, y));
        }
    });
    let mut random = Random(2);
    for round in 0..4 {
        let mut values = vec![];
        let mut bits = vec![];
        for &(x, y) in &plan {
            let vx = random.within(x.0, x.1);
            // Every other time the same value, or its neighbour, where the ranges meet.
            let vy = match round {
                0 | 1 if y.0 <= vx && vx + i128::from(round) <= y.1 => vx + i128::from(round),
                _ => random.within(y.0, y.1),
            };
            values.extend(advice(vx, x.0, x.1));
            values.extend(advice(vy, y.0, y.1));
            let less = F::from_bool(vx < vy);
            bits.push(values.len());
            values.extend([less, less, F::from_bool(vx == vy)]);
        }
        assert!(circuit.accepts(&values));
        // A lie about any one comparison, told where it is used too; and about any one equality.
        for &at in bits.iter().step_by(7) {
            let mut lie = values.clone();
            lie[at] = F::ONE - lie[at];
            lie[at + 1] = lie[at];
            assert!(!circuit.accepts(&lie), "comparison");
            let mut lie = values.clone();
            lie[at + 2] = F::ONE - lie[at + 2];
            assert!(!circuit.accepts(&lie), "equality");
        }
    }
}

#[test]
fn division_is_floor_division_and_unique() {
    let divisors: [(i128, i128); 4] = [(1, 1000), (1, U64), (7, 7), (1, 1 << 90)];
    let mut plan = vec![];
    let circuit = Checked::build(|b| {
        for x in RANGES {
            for y in divisors {
                let (ix, iy) = (input(b, x.0, x.1), input(b, y.0, y.1));
                let range = range_of(Action::Divmod(0, 0), &[x, y]).unwrap();
                let most = range_of(Action::Remainder(0), &[x, y]).unwrap().1;
                let (q, r) = b.divmod(&ix, &iy, range, most);
                expect(b, &q);
                expect(b, &r);
                plan.push((x, y, range, most));
            }
        }
    });
    let mut random = Random(3);
    for round in 0..4 {
        let mut values = vec![];
        let mut places = vec![];
        for &(x, y, range, most) in &plan {
            let (vx, vy) = (random.within(x.0, x.1), random.within(y.0, y.1));
            let (q, r) = (vx.div_euclid(vy), vx.rem_euclid(vy));
            values.extend(advice(vx, x.0, x.1));
            values.extend(advice(vy, y.0, y.1));
            let at = values.len();
            for _ in 0..2 {
                values.extend(advice(q, range.0, range.1));
                values.extend(advice(r, 0, most));
            }
            places.push((at, q, r, vy, range, most));
        }
        assert!(circuit.accepts(&values), "round {round}");
        for &(at, q, r, vy, range, most) in places.iter().step_by(3) {
            // One multiple moved between quotient and remainder, either way; quotient or remainder alone.
            for (dq, dr) in [(-1, vy), (1, -vy), (1, 0), (0, 1), (0, -1)] {
                let (q, r) = (q + dq, r.wrapping_add(dr));
                let mut lie = values[..at].to_vec();
                for _ in 0..2 {
                    lie.extend(advice(q, range.0, range.1));
                    lie.extend(advice(r, 0, most));
                }
                lie.extend(&values[lie.len()..]);
                assert!(!circuit.accepts(&lie), "{dq}, {dr} at {at}");
            }
        }
    }
}

#[test]
fn ranges_take_their_ends_and_refuse_the_next() {
    let limits: [(i128, i128); 6] =
        [(0, U64), (0, U32), (-(1 << 63), (1 << 63) - 1), (-5, 1000), (10, (1 << 40) + 3), (-(1 << 80), 1 << 70)];
    let wide = (-(1i128 << 100), 1i128 << 100);
    for (lo, hi) in limits {
        let circuit = Checked::build(|b| {
            let x = input(b, wide.0, wide.1);
            let ranged = b.range(&x, lo, hi);
            expect(b, &ranged);
        });
        for (v, good) in
            [(lo, true), (hi, true), (lo - 1, false), (hi + 1, false), (hi + (1 << 64), false), (lo - (1 << 64), false)]
        {
            let mut values = advice(v, wide.0, wide.1);
            values.extend(advice(v, lo, hi));
            assert_eq!(circuit.accepts(&values), good, "{v} in [{lo}, {hi}]");
        }
    }
}

#[test]
fn sums_of_many_large_products_are_reduced() {
    // Limbs of products added until they must be carried: no bound may be passed unseen.
    let circuit = Checked::build(|b| {
        let (x, y) = (input(b, 0, (1 << 29) - 1), input(b, 0, (1 << 29) - 1));
        let mut sum = b.mul(&x, &y, 0, 1 << 58);
        for n in 2..40i128 {
            let product = b.mul(&x, &y, 0, 1 << 58);
            sum = b.add(&sum, &product, 0, n << 58);
        }
        expect(b, &sum);
    });
    let v = (1i128 << 29) - 1;
    let mut values = [advice(v, 0, v), advice(v, 0, v)].concat();
    values.extend(advice(39 * v * v, 0, 39 << 58));
    assert!(circuit.accepts(&values));
    let last = values.len() - 1;
    values[last] += F::ONE;
    assert!(!circuit.accepts(&values));
}

#[test]
fn no_value_of_a_gadget_may_change_alone() {
    // Small circuits, every wire: the free ones are inverses of what is zero, and nothing else.
    let circuits: [(&str, Checked, Vec<F>); 4] = [
        (
            "product of 64 bits",
            Checked::build(|b| {
                let (x, y) = (input(b, -(1 << 63), (1 << 63) - 1), input(b, 0, (1 << 62) - 1));
                let product = b.mul(&x, &y, -(1 << 125), 1 << 125);
                expect(b, &product);
            }),
            {
                let (x, y) = (-0x1234_5678_9abc_def0i128, 0x3123_4567_89ab_cdefi128);
                [advice(x, -(1 << 63), (1 << 63) - 1), advice(y, 0, (1 << 62) - 1), advice(x * y, -(1 << 125), 1 << 125)].concat()
            },
        ),
        (
            "division",
            Checked::build(|b| {
                let (x, y) = (input(b, -(1 << 100), 1 << 100), input(b, 1, U64));
                b.divmod(&x, &y, (-(1 << 100), 1 << 100), U64 - 1);
            }),
            {
                let (x, y) = (-0x1234_5678_9abc_def0_1234_5678i128, 0xfedc_ba98_7654i128);
                let (lo, hi) = (-(1i128 << 100), 1i128 << 100);
                [advice(x, lo, hi), advice(y, 1, U64), advice(x.div_euclid(y), lo, hi), advice(x.rem_euclid(y), 0, U64 - 1)]
                    .concat()
            },
        ),
        (
            "comparison",
            Checked::build(|b| {
                let (x, y) = (input(b, 0, U64), input(b, 0, U64));
                b.less_than(&x, &y);
            }),
            [advice(77, 0, U64), advice(U64 - 5, 0, U64), vec![F::ONE]].concat(),
        ),
        (
            "range",
            Checked::build(|b| {
                let (x, y) = (input(b, 0, U64), input(b, 0, U64));
                let sum = b.add(&x, &y, 0, 2 * U64);
                let difference = b.sub(&x, &y, -U64, U64);
                b.range(&sum, 0, U64);
                b.range(&difference, -1000, 1000);
            }),
            [advice(U64 / 2 - 40, 0, U64), advice(U64 / 2, 0, U64)].concat(),
        ),
    ];
    for (name, circuit, values) in circuits {
        // A word is input and range checked: to change it alone breaks its limbs, so nothing at all is free.
        assert_eq!(circuit.free_values(&values), Vec::<usize>::new(), "{name}");
    }
}
