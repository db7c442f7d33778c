//! Gadgets, and the witnesses that could lie about them: each lie is consistent in all that it may choose, and `check` refuses it.

use multiprover_stark::builder::{Absorbed, Builder, Cells, Pin, Siblings, Sum, Wire, cells_of, int_of};
use multiprover_stark::check::{Violation, audit, check};
use multiprover_stark::integers::Int;
use multiprover_stark::suite::{self, CHAINS, Digest, KEY_HEIGHT, Signature, tag};
use multiprover_stark::tables::{F, Layout, Public, Table, Witness};
use p3_field::{Field, PrimeCharacteristicRing, PrimeField32};

type Verdict = Result<(), Violation>;

/// The verdict on a builder's rows, changed by a lie.
fn verdict(b: Builder, lie: impl FnOnce(&Layout, &mut Witness)) -> Verdict {
    let (layout, mut witness) = b.finish(&[], Default::default());
    audit(&layout).unwrap_or_else(|e| panic!("{e}"));
    lie(&layout, &mut witness);
    check(&layout, &witness, &Public::default())
}

fn honest(b: Builder) -> Verdict {
    verdict(b, |_, _| ())
}

fn refused_in(table: Table, found: Verdict) {
    match found {
        Err(Violation::Constraint { table: t, .. }) if t == table => {}
        other => panic!("expected a constraint of {table} that does not hold, found {other:?}"),
    }
}

fn refused_on(bus: &str, found: Verdict) {
    match found {
        Err(Violation::Bus { bus: b, .. }) if b == bus => {}
        other => panic!("expected bus {bus} out of balance, found {other:?}"),
    }
}

const LEAST: i128 = i128::MIN;
const MOST: i128 = i128::MAX;

fn given(b: &mut Builder, v: i128) -> Int {
    Int { wire: b.input(v), lo: LEAST, hi: MOST }
}

fn last_alu(l: &Layout) -> usize {
    l.alu.len() - 1
}

/// Some integers at the ends of words, limbs and ranges.
const EDGES: [i128; 16] = [
    0,
    1,
    -1,
    0xffff,
    0x10000,
    -0x10000,
    (1 << 32) - 1,
    1 << 32,
    (1 << 64) - 1,
    1 << 64,
    -(1 << 63),
    -(1 << 64),
    1 << 126,
    -(1 << 126),
    LEAST,
    MOST,
];

/// Every pair of [`EDGES`].
fn pairs() -> impl Iterator<Item = (i128, i128)> {
    EDGES.into_iter().flat_map(|x| EDGES.map(|y| (x, y)))
}

// Sums and comparisons
// --------------------

#[test]
fn sums_are_exact() {
    let mut b = Builder::new();
    for (x, y) in pairs() {
        let (a, c) = (given(&mut b, x), given(&mut b, y));
        for (sum, exact) in [(Sum::Add, x.checked_add(y)), (Sum::Sub, x.checked_sub(y))] {
            let Some(exact) = exact else { continue };
            let wire = b.sum(sum, a.wire, c.wire);
            assert_eq!(b.int_value(wire), exact);
        }
    }
    honest(b).unwrap();
}

#[test]
fn sums_do_not_leave_the_range() {
    for (sum, x, y) in
        [(Sum::Add, MOST, 1), (Sum::Add, LEAST, -1), (Sum::Add, LEAST, LEAST), (Sum::Sub, LEAST, 1), (Sum::Sub, MOST, LEAST)]
    {
        let mut b = Builder::new();
        let (x, y) = (given(&mut b, x), given(&mut b, y));
        b.sum(sum, x.wire, y.wire);
        refused_in(Table::Alu, honest(b));
    }
}

/// A limb of 17 bits, and a carry less: the same sum in other limbs.
#[test]
fn a_limb_is_not_borrowed() {
    let mut b = Builder::new();
    let (x, y) = (given(&mut b, 0xffff), given(&mut b, 1));
    b.sum(Sum::Add, x.wire, y.wire);
    let found = verdict(b, |l, w| {
        let row = &mut w.alu[last_alu(l)];
        assert_eq!(row.k[0], F::ONE);
        row.k[0] = F::ZERO;
        row.c[0] += F::from_u32(1 << 16);
        row.c[1] -= F::ONE;
    });
    refused_on("byte", found);
}

/// `11 = c_0 + 2^16·k_1` has a solution in the field for any `c_0`.
#[test]
fn a_carry_is_a_bit() {
    let mut b = Builder::new();
    let (x, y) = (given(&mut b, 5), given(&mut b, 6));
    b.sum(Sum::Add, x.wire, y.wire);
    let found = verdict(b, |l, w| {
        let row = &mut w.alu[last_alu(l)];
        row.c[0] = F::from_u32(12);
        row.k[0] = -F::from_u32(1 << 16).inverse();
        row.c[1] += row.k[0];
    });
    refused_in(Table::Alu, found);
}

#[test]
fn comparisons_are_exact() {
    let mut b = Builder::new();
    for (x, y) in pairs() {
        let (a, c) = (given(&mut b, x), given(&mut b, y));
        let (less, equal) = (b.less(a.wire, c.wire), b.equal(a.wire, c.wire));
        assert_eq!((b.bit_value(less), b.bit_value(equal)), (x < y, x == y));
        b.assert_less(a.wire, c.wire, x < y);
    }
    honest(b).unwrap();
}

const COMPARED: [(i128, i128); 6] = [(0, 0), (1, 0), (0, 1), (-1, 1), (LEAST, MOST), (1 << 64, 1 << 64)];

/// The other bit, with the limb that goes with it.
#[test]
fn a_comparison_has_one_answer() {
    for (x, y) in COMPARED {
        let mut b = Builder::new();
        let (a, c) = (given(&mut b, x), given(&mut b, y));
        b.less(a.wire, c.wire);
        let found = verdict(b, |l, w| {
            let row = &mut w.alu[last_alu(l)];
            let other = F::ONE - row.bit;
            row.c[7] += (other - row.bit) * F::from_u32(1 << 16);
            (row.bit, row.k[7]) = (other, other);
        });
        refused_on("byte", found);
    }
}

#[test]
fn a_comparison_that_must_come_out_one_way() {
    for (x, y) in COMPARED {
        let mut b = Builder::new();
        let (a, c) = (given(&mut b, x), given(&mut b, y));
        b.assert_less(a.wire, c.wire, x >= y);
        refused_in(Table::Alu, honest(b));
    }
}

#[test]
fn equality_has_one_answer() {
    for (x, y) in COMPARED {
        for free in [F::ZERO, F::ONE, -F::ONE, F::TWO.inverse()] {
            let mut b = Builder::new();
            let (a, c) = (given(&mut b, x), given(&mut b, y));
            b.equal(a.wire, c.wire);
            let found = verdict(b, |l, w| {
                let row = &mut w.alu[last_alu(l)];
                row.bit = F::ONE - row.bit;
                row.k = [free; 8];
            });
            refused_in(Table::Alu, found);
        }
    }
}

// Choices
// -------

fn bit(b: &mut Builder, v: bool) -> Wire {
    let (v, zero) = (b.input(v.into()), b.constant(cells_of(0)));
    b.less(zero, v)
}

#[test]
fn a_choice_is_one_of_two() {
    for choice in [false, true] {
        let mut b = Builder::new();
        let on = bit(&mut b, choice);
        let (x, y) = (given(&mut b, 7), given(&mut b, -9));
        let wire = b.select(on, x.wire, y.wire);
        assert_eq!(b.int_value(wire), if choice { 7 } else { -9 });
        let found = verdict(b, |l, w| {
            let row = &mut w.alu[last_alu(l)];
            row.c = if choice { row.b } else { row.a };
        });
        refused_in(Table::Alu, found);
        // With the other bit, which is not the one that was made.
        let mut b = Builder::new();
        let on = bit(&mut b, choice);
        let (x, y) = (given(&mut b, 7), given(&mut b, -9));
        b.select(on, x.wire, y.wire);
        let found = verdict(b, |l, w| {
            let row = &mut w.alu[last_alu(l)];
            row.c = if choice { row.b } else { row.a };
            row.bit = F::ONE - row.bit;
        });
        refused_on("wire", found);
    }
}

/// A port that is not enabled loads zeros, whatever the witness would have.
#[test]
fn a_disabled_port_loads_nothing() {
    let build = |enabled| {
        let mut b = Builder::new();
        let on = bit(&mut b, enabled);
        let zero = b.constant(cells_of(0));
        let wire = b.input_if(on, 5, zero);
        assert_eq!(b.int_value(wire), if enabled { 5 } else { 0 });
        b
    };
    honest(build(false)).unwrap();
    honest(build(true)).unwrap();
    let found = verdict(build(false), |l, w| w.alu[last_alu(l)].c = cells_of(5));
    refused_in(Table::Alu, found);
    let mut b = Builder::new();
    let (on, zeros) = (bit(&mut b, false), b.constant(Cells::default()));
    b.digest_if(on, [F::ONE; 8], zeros);
    refused_in(Table::Alu, verdict(b, |l, w| w.alu[last_alu(l)].c = [F::ONE; 8]));
}

#[test]
fn roots_are_the_same_if_enabled() {
    for (enabled, same) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut b = Builder::new();
        let on = bit(&mut b, enabled);
        let x = b.free_digest([F::ONE; 8]);
        let y = b.free_digest(if same { [F::ONE; 8] } else { [F::TWO; 8] });
        b.assert_same_if(on, x, y);
        let found = honest(b);
        assert_eq!(found.is_ok(), same || !enabled, "{found:?}");
    }
}

// Products and quotients
// ----------------------

#[test]
fn products_and_quotients_are_exact() {
    let mut b = Builder::new();
    for (x, y) in pairs() {
        let (a, c) = (given(&mut b, x), given(&mut b, y));
        if let Some(product) = x.checked_mul(y) {
            let found = b.mul(a, c, (LEAST, MOST));
            assert_eq!(b.int_value(found.wire), product);
        }
        if y >= 1 {
            let (q, r) = b.divmod(a, c, (LEAST, MOST), MOST);
            assert_eq!((b.int_value(q.wire), b.int_value(r.wire)), (x.div_euclid(y), x.rem_euclid(y)));
        }
    }
    honest(b).unwrap();
}

fn product(x: i128, y: i128, claimed: i128) -> Builder {
    let mut b = Builder::new();
    let (x, y) = (given(&mut b, x), given(&mut b, y));
    b.product(x, y, claimed);
    b
}

#[test]
fn another_product_is_refused() {
    for (x, y) in [(3, 5), (-3, 5), (0, 0), (1 << 63, -(1 << 62)), (LEAST, 1)] {
        let exact = x * y;
        for claimed in [exact.wrapping_add(1), exact.wrapping_sub(1), exact.wrapping_add(1 << 112), exact ^ 1 << 64] {
            assert!(honest(product(x, y, claimed)).is_err(), "{x}·{y} is not {claimed}");
        }
    }
    // Products that leave ±2^127, claimed modulo 2^128: the places above do not vanish.
    for (x, y) in [(1 << 64, 1 << 64), (MOST, 2), (LEAST, -1), (MOST, MOST), (LEAST, LEAST), (1 << 126, 4)] {
        refused_in(Table::Mul, honest(product(x, y, i128::wrapping_mul(x, y))));
    }
}

/// `a·b + p`: every place holds in the field, with a carry that is no small number.
#[test]
fn a_product_is_not_one_modulo_p() {
    const P: i128 = (1 << 31) - (1 << 24) + 1;
    let found = verdict(product(3, 5, 15 + P), |_, w| {
        let (_, truth) = product(3, 5, 15).finish(&[], Default::default());
        w.mul[0].carry = truth.mul[0].carry;
        w.mul[0].carry[0] -= F::from_u32(1 << 16).inverse();
    });
    refused_on("byte", found);
}

/// Bytes of a limb with a 256 too much in the lower one.
#[test]
fn a_byte_is_not_borrowed() {
    let found = verdict(product(0x100, 5, 0x500), |_, w| {
        let row = &mut w.mul[0];
        assert_eq!((row.a_lo[0], row.a_hi[0]), (F::ZERO, F::ONE));
        (row.a_lo[0], row.a_hi[0]) = (F::from_u32(256), F::ZERO);
    });
    refused_on("byte", found);
}

fn division(x: i128, y: i128, q: i128, r: i128) -> Builder {
    let mut b = Builder::new();
    let (x, y) = (given(&mut b, x), Int { wire: b.input(y), lo: 1, hi: MOST });
    b.division(x, y, q, r);
    b
}

#[test]
fn there_is_no_second_quotient() {
    for (x, y) in [(17i128, 5i128), (-17, 5), (0, 1), (15, 5), (MOST, 3), (LEAST, 7), (-1, 1 << 100)] {
        let (q, r) = (x.div_euclid(y), x.rem_euclid(y));
        honest(division(x, y, q, r)).unwrap();
        // b·q + r = a holds for all of these.
        for step in [-1, 1, 2] {
            refused_in(Table::Alu, honest(division(x, y, q + step, r - step * y)));
        }
        assert!(honest(division(x, y, q, r + 1)).is_err());
        refused_in(Table::Mul, honest(division(x, y, q + 1, r)));
    }
    // a / b modulo 2^128, without a remainder.
    let (a, b) = (17i128, 5i128);
    let mut inverse = 1i128;
    for _ in 0..7 {
        inverse = inverse.wrapping_mul(2i128.wrapping_sub(b.wrapping_mul(inverse)));
    }
    refused_in(Table::Mul, honest(division(a, b, a.wrapping_mul(inverse), 0)));
}

// Ranges and words
// ----------------

/// Every way in which a range is constrained, at its ends and beside them.
#[test]
fn ranges_hold_at_their_ends() {
    let of = [
        (0, u64::MAX.into()),
        (0, u32::MAX.into()),
        (-(1 << 31), (1 << 31) - 1),
        (-(1 << 63), (1 << 63) - 1),
        (5, 5),
        (5, 10),
        (-3, 0xffff),
        (-(1 << 100), 1 << 100),
        (0, 1),
    ];
    for (lo, hi) in of {
        for argument in [(LEAST, MOST), (lo, MOST), (LEAST, hi)] {
            for v in [lo - 1, lo, hi, hi + 1, lo - (1 << 64), hi + (1 << 64), LEAST, MOST] {
                if v < argument.0 || v > argument.1 {
                    continue;
                }
                let mut b = Builder::new();
                let a = Int { wire: b.input(v), lo: argument.0, hi: argument.1 };
                let ranged = b.range(a, (lo, hi));
                assert_eq!((ranged.lo, ranged.hi), (lo, hi));
                assert_eq!(honest(b).is_ok(), (lo..=hi).contains(&v), "{v} of {argument:?} in [{lo}, {hi}]");
            }
        }
    }
}

/// Integers of one limb are made in LOGIC: their range is checked as any other.
#[test]
fn single_limbs_are_ranged_too() {
    for v in 0..4 {
        let mut b = Builder::new();
        let (x, y) = (bit(&mut b, v & 1 == 1), bit(&mut b, v & 2 == 2));
        let sum = b.add(Int::bit(x), Int::bit(y), (0, 2));
        let three = b.int_constant(0x4000);
        let sum = b.mul(sum, three, (0, 0x8000));
        assert_eq!(b.int_value(sum.wire), 0x4000 * ((v & 1) + (v >> 1)));
        b.range(sum, (0, 0x7fff));
        assert_eq!(honest(b).is_ok(), v != 3);
    }
}

#[test]
fn words_hold_an_integer_to_them() {
    for (v, lo, count) in [(0, 0, 1), (-5, -5, 1), ((1 << 32) - 6, -5, 1), ((1 << 64) - 1, 0, 2), (-(1 << 63), -(1 << 63), 2)] {
        for off in [0, -1, 1] {
            let mut b = Builder::new();
            let a = given(&mut b, v + off);
            b.int_words(a, lo, count);
            let fits = (0..1i128 << (32 * count)).contains(&(v + off - lo));
            assert_eq!(honest(b).is_ok(), fits, "{v} {off:+} less {lo} in {count} words");
        }
    }
}

/// Half-words are the limbs of what ALU sent.
#[test]
fn a_block_takes_the_words_that_were_sent() {
    let build = || {
        let mut b = Builder::new();
        let a = given(&mut b, 0x1234_5678_9abc_def0);
        let words = b.int_words(a, 0, 2);
        let block = b.blocks(&words)[0];
        let wire = b.block_wire(block);
        assert_eq!(b.value(wire)[..5], [0x1234, 0x5678, 0x9abc, 0xdef0, 0].map(F::from_u32));
        b
    };
    honest(build()).unwrap();
    refused_on("word", verdict(build(), |_, w| w.block[0].h[1] += F::ONE));
    // w + p is w in the field, but not in half-words.
    let found = verdict(build(), |_, w| {
        w.block[0].h[0] += F::from_u32(1);
        w.block[0].h[1] -= F::from_u32(1 << 16);
    });
    refused_on("word", found);
    // A word that is not read is 0.
    refused_in(Table::Block, verdict(build(), |_, w| w.block[0].h[7] = F::ONE));
}

/// A key is read from its words, and reduced: nothing of it is free.
#[test]
fn a_key_is_its_words() {
    let build = || {
        let mut b = Builder::new();
        let wires: Vec<Wire> = (0..8).map(|i| b.input(0xffff_0000 + i)).collect();
        let words: Vec<_> = wires.iter().flat_map(|&wire| b.words(wire, 1)).collect();
        let key = b.key(words[..].try_into().unwrap());
        assert_eq!(b.value(key), suite::key(&std::array::from_fn::<u32, 8, _>(|i| 0xffff_0000 + i as u32)));
        let copy = b.value(key);
        b.pin(key, Pin::Constant(copy));
        b
    };
    honest(build()).unwrap();
    for (row, half) in [(0, 0), (1, 5)] {
        assert!(verdict(build(), |_, w| w.block[row].h[half] += F::ONE).is_err());
    }
}

// All of them
// -----------

/// A generator of small numbers, the same at each run (Knuth's MMIX constants).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

/// Straight lines of operations on integers of all kinds of ranges, each result compared with the integers': whichever row an operation
/// takes for the ranges that it meets, it is exact.
#[test]
fn operations_are_exact_whatever_the_ranges() {
    let ranges: [(i128, i128); 14] = [
        (0, 0),
        (1, 1),
        (5, 5),
        (0, 1),
        (0, 2),
        (-1, 1),
        (0, 0xffff),
        (0x7fff, 0x8000),
        (0, 0x10000),
        (-5, 0xffff),
        (0, (1 << 32) - 1),
        (-(1 << 31), (1 << 31) - 1),
        (0, (1 << 64) - 1),
        (-(1 << 80), 1 << 90),
    ];
    let mut n = Numbers(1);
    let mut b = Builder::new();
    let mut made = 0;
    for _ in 0..60 {
        let mut pool: Vec<(Int, i128)> = ranges
            .into_iter()
            .map(|(lo, hi)| {
                let v = [lo, hi, (lo + hi).div_euclid(2)][n.below(3)];
                let wire = b.input(v);
                (b.range(Int { wire, lo: LEAST, hi: MOST }, (lo, hi)), v)
            })
            .collect();
        for _ in 0..40 {
            let ((x, v), (y, w)) = (pool[n.below(pool.len())], pool[n.below(pool.len())]);
            let bits: Vec<_> = pool.iter().filter(|(x, _)| x.lo >= 0 && x.hi <= 1).copied().collect();
            let ((p, c), (q, d)) = (bits[n.below(bits.len())], bits[n.below(bits.len())]);
            let corners = |f: fn(i128, i128) -> Option<i128>| -> Option<(i128, i128)> {
                let all = [f(x.lo, y.lo)?, f(x.lo, y.hi)?, f(x.hi, y.lo)?, f(x.hi, y.hi)?];
                Some((all.into_iter().min()?, all.into_iter().max()?))
            };
            let (found, exact) = match n.below(11) {
                0 => match corners(i128::checked_add) {
                    Some(range) => (b.add(x, y, range), v + w),
                    None => continue,
                },
                1 => match corners(i128::checked_sub) {
                    Some(range) => (b.sub(x, y, range), v - w),
                    None => continue,
                },
                2 => match corners(i128::checked_mul) {
                    Some(range) => (b.mul(x, y, range), v * w),
                    None => continue,
                },
                3 if y.lo >= 1 => {
                    let lo = x.lo.div_euclid(if x.lo < 0 { y.lo } else { y.hi });
                    let hi = x.hi.div_euclid(if x.hi < 0 { y.hi } else { y.lo });
                    let (quotient, remainder) = b.divmod(x, y, (lo, hi), y.hi - 1);
                    assert_eq!(b.int_value(remainder.wire), v.rem_euclid(w));
                    (quotient, v.div_euclid(w))
                }
                4 => (b.eq(x, y), (v == w).into()),
                5 => (b.lt(x, y), (v < w).into()),
                6 => (b.choose(p, x, y, (x.lo.min(y.lo), x.hi.max(y.hi))), if c == 1 { v } else { w }),
                7 => (b.and(p, q), c & d),
                8 => (b.or(p, q), c | d),
                9 => (Int::bit(b.not(p.wire)), 1 - c),
                10 => (b.range(x, (v.min(0), v.max(1))), v),
                _ => continue,
            };
            assert!(found.lo <= exact && exact <= found.hi);
            assert_eq!(b.int_value(found.wire), exact);
            pool.push((found, exact));
            made += 1;
        }
    }
    let (layout, witness) = b.finish(&[], Default::default());
    println!("{made} operations, {:?} rows", layout.counts());
    assert!(layout.alu.len() > 500 && layout.mul.len() > 50 && layout.logic.len() > 200);
    audit(&layout).unwrap();
    check(&layout, &witness, &Public::default()).unwrap();
}

// Hashes and paths
// ----------------

fn digest(n: u32) -> Digest {
    std::array::from_fn(|i| F::from_u32(1000 * n + i as u32))
}

fn index_of(b: &mut Builder, v: u64) -> Wire {
    b.input(v.into())
}

#[test]
fn hashes_are_the_suites() {
    let mut b = Builder::new();
    let parts = [b.free_digest(digest(1)), b.free_digest(digest(2)), b.free_digest(digest(3))];
    let wire = b.hash(tag::STATE_ROOT, 0, 24, &parts);
    assert_eq!(b.value(wire), suite::state_root(&[], &[], &[digest(1), digest(2), digest(3)]));
    let key = b.hash(tag::LEAF, 5, 8, &parts[..1]);
    assert_eq!(b.value(key), suite::leaf(5, &[], &[digest(1)]));
    honest(b).unwrap();
}

/// Capacity is the sponge's own: not its first value, not what is carried on.
#[test]
fn a_sponge_has_no_other_capacity() {
    for (row, place) in [(0, 8), (0, 9), (0, 15), (1, 8), (2, 12)] {
        let mut b = Builder::new();
        let parts = [1, 2, 3].map(|n| b.free_digest(digest(n)));
        b.hash(tag::STATE_ROOT, 0, 24, &parts);
        let found = verdict(b, |_, w| w.hash[row].input[place] += F::ONE);
        refused_in(Table::Hash, found);
    }
    let mut b = Builder::new();
    let parts = [1, 2, 3].map(|n| b.free_digest(digest(n)));
    b.hash(tag::STATE_ROOT, 0, 24, &parts);
    refused_on("wire", verdict(b, |_, w| w.hash[2].input[3] += F::ONE));
}

fn path(depth: usize, index: u64) -> Builder {
    let mut b = Builder::new();
    let leaf = b.free_digest(digest(0));
    let at = index_of(&mut b, index);
    let siblings: Vec<Digest> = (1..=depth as u32).map(digest).collect();
    let root = b.path(leaf, at, &siblings, Siblings::Own);
    assert_eq!(b.value(root), suite::root(digest(0), index, &siblings));
    b
}

#[test]
fn paths_are_the_suites() {
    for depth in [1, 2, 15, 16, 17, 20, 31, 32] {
        for index in [0, 1, (1 << depth) - 1, 0x1234_5678 & ((1 << depth) - 1), 1 << (depth - 1)] {
            honest(path(depth, index)).unwrap();
        }
    }
}

#[test]
fn an_index_has_no_bit_too_many() {
    for depth in [1, 2, 15, 16, 17, 20, 31, 32] {
        for index in [1 << depth, (1 << depth) + 1, 1 << 33, 1 << 40] {
            assert!(honest(path(depth, index)).is_err(), "{index} in a tree of depth {depth}");
        }
    }
    // Nor is a bit lost where the limbs meet: what is left of the low limb is the last bit there.
    for (row, acc) in [(15, 0), (15, 2), (16, 1)] {
        let found = verdict(path(20, 0xa_8000), |_, w| w.hash[row].acc = F::from_u32(acc));
        refused_in(Table::Hash, found);
    }
}

/// The other child at a level, with all that follows from it: the index is another then.
#[test]
fn a_path_turns_as_its_index_says() {
    for level in [0, 3, 15, 16, 19] {
        let (true_index, other) = (0x5_5555u64, 0x5_5555 ^ 1 << level);
        let mut b = Builder::new();
        let leaf = b.free_digest(digest(0));
        let at = index_of(&mut b, true_index);
        let siblings: Vec<Digest> = (1..=20).map(digest).collect();
        b.path(leaf, at, &siblings, Siblings::Own);
        let (_, other_path) = path(20, other).finish(&[], Default::default());
        // Bits and nodes of the other path, and the index as it is.
        let found = verdict(b, |_, w| {
            for (row, lie) in w.hash.iter_mut().zip(&other_path.hash) {
                (row.input, row.bit) = (lie.input, lie.bit);
            }
        });
        refused_in(Table::Hash, found);
        // All of the other path.
        let mut b = Builder::new();
        let leaf = b.free_digest(digest(0));
        let at = index_of(&mut b, true_index);
        b.path(leaf, at, &siblings, Siblings::Own);
        refused_on("wire", verdict(b, |_, w| w.hash = other_path.hash.clone()));
    }
}

/// A bit that is none mixes the children.
#[test]
fn a_turn_is_a_bit() {
    let found = verdict(path(1, 1), |_, w| {
        let row = &mut w.hash[0];
        (row.bit, row.acc) = (F::TWO, F::TWO);
    });
    refused_in(Table::Hash, found);
}

/// The new record's path takes the old one's siblings.
#[test]
fn both_paths_have_the_same_siblings() {
    for level in 0..20 {
        let build = |lie: Option<usize>| {
            let mut b = Builder::new();
            let at = index_of(&mut b, 0x3_1415);
            let (old, new) = (b.free_digest(digest(100)), b.free_digest(digest(101)));
            let shared = b.share(20);
            let mut siblings: Vec<Digest> = (1..=20).map(digest).collect();
            b.path(old, at, &siblings, Siblings::Shown(shared));
            if let Some(level) = lie {
                siblings[level][7] += F::ONE;
            }
            b.path(new, at, &siblings, Siblings::Taken(shared));
            b
        };
        if level == 0 {
            honest(build(None)).unwrap();
        }
        refused_on("wire", honest(build(Some(level))));
    }
}

// Signatures
// ----------

/// A signer of one one-time key, for one nonce.
struct Signer {
    secrets: [Digest; CHAINS],
    siblings: [Digest; KEY_HEIGHT],
    nonce: u64,
    key: Digest,
}

fn walk(chain: usize, steps: std::ops::Range<usize>, x: Digest) -> Digest {
    steps.fold(x, |x, k| suite::step(chain, k, &x))
}

impl Signer {
    fn new(nonce: u64) -> Self {
        let secrets: [Digest; CHAINS] = std::array::from_fn(|i| digest(500 + i as u32));
        let siblings = std::array::from_fn(|i| digest(700 + i as u32));
        let leaf = suite::one_time_key(&std::array::from_fn(|i| walk(i, 0..3, secrets[i])));
        Signer { secrets, siblings, nonce, key: suite::root(leaf, nonce & 0xffff, &siblings) }
    }

    fn sign(&self, digest: &Digest) -> Signature {
        let mut signature = Signature { siblings: self.siblings, ..Signature::none() };
        loop {
            let digits = suite::digits(&suite::message(digest, self.nonce as u16, &signature.randomizer, &self.key));
            if digits.iter().map(|&d| u32::from(d)).sum::<u32>() == 120 {
                signature.chains = std::array::from_fn(|i| walk(i, 0..digits[i].into(), self.secrets[i]));
                return signature;
            }
            signature.randomizer[0] += F::ONE;
        }
    }
}

fn authorization(signer: &Signer, signature: &Signature, enabled: bool, nonce: u64, signed: &Digest) -> Builder {
    let mut b = Builder::new();
    let (on, key, signed) = (bit(&mut b, enabled), b.free_digest(signer.key), b.free_digest(*signed));
    let nonce = Int { wire: b.input(nonce.into()), lo: 0, hi: u64::MAX.into() };
    b.authorize(Int::bit(on), key, nonce, signed, signature);
    b
}

#[test]
fn a_signature_holds() {
    for nonce in [0, 1, 0x8001, 0xffff] {
        let signer = Signer::new(nonce);
        let signature = signer.sign(&digest(9));
        suite::verify(&signer.key, &digest(9), nonce, &signature).unwrap();
        honest(authorization(&signer, &signature, true, nonce, &digest(9))).unwrap();
    }
}

#[test]
fn without_a_signature_nothing_is_asked() {
    let signer = Signer::new(3);
    honest(authorization(&signer, &Signature::none(), false, u64::MAX, &digest(9))).unwrap();
    assert!(honest(authorization(&signer, &Signature::none(), true, 3, &digest(9))).is_err());
}

/// Another digest, nonce, randomizer, chain, sibling or key: the suite refuses it, and so do the tables.
#[test]
fn another_signature_is_refused() {
    let signer = Signer::new(7);
    let signature = signer.sign(&digest(9));
    let off = |d: &mut Digest| d[4] += F::ONE;
    let mut lies = vec![
        (7, digest(8), signature.clone()),
        (6, digest(9), signature.clone()),
        (7 + (1 << 16), digest(9), signature.clone()),
        (7 + (1 << 32), digest(9), signature.clone()),
    ];
    let mut other = signature.clone();
    other.randomizer[6] += F::ONE;
    lies.push((7, digest(9), other));
    for chain in [0, 63] {
        let mut other = signature.clone();
        off(&mut other.chains[chain]);
        lies.push((7, digest(9), other));
    }
    let mut other = signature.clone();
    off(&mut other.siblings[15]);
    lies.push((7, digest(9), other));
    for (nonce, signed, signature) in lies {
        assert!(suite::verify(&signer.key, &signed, nonce, &signature).is_err());
        assert!(honest(authorization(&signer, &signature, true, nonce, &signed)).is_err());
    }
    let mut stranger = Signer::new(7);
    off(&mut stranger.key);
    assert!(honest(authorization(&stranger, &signature, true, 7, &digest(9))).is_err());
}

/// The chains of a hash with these digits (each 0 to 3), entered as it says.
fn chains_of(h: Digest) -> Builder {
    let mut b = Builder::new();
    let wire = b.free_digest(h);
    let digits = suite::digits(&h);
    let chains = std::array::from_fn(|i| walk(i, 0..digits[i].into(), digest(500 + i as u32)));
    let leaf = b.one_time_key(wire, &chains);
    let ends = std::array::from_fn(|i| walk(i, 0..3, digest(500 + i as u32)));
    let expected = b.constant(suite::one_time_key(&ends));
    let value = b.value(expected);
    b.pin(leaf, Pin::Constant(value));
    b
}

/// A hash whose digits sum to 120, the first element's low half as given.
fn hash_with(low: u16) -> Digest {
    let mut h = suite::free_message();
    h[0] = F::from_u16(low);
    let sum = |h: &Digest| suite::digits(h).iter().map(|&d| i32::from(d)).sum::<i32>();
    let mut place = 8;
    while sum(&h) != 120 {
        let (element, shift) = (place / 8, 2 * (place % 8));
        let digit = h[element].as_canonical_u32() >> shift & 3;
        if sum(&h) < 120 && digit < 3 {
            h[element] += F::from_u32(1 << shift);
        } else if sum(&h) > 120 && digit > 0 {
            h[element] -= F::from_u32(1 << shift);
        } else {
            place += 1;
        }
    }
    h
}

#[test]
fn chains_enter_where_the_digits_say() {
    let top = F::from_u32((1 << 31) - (1 << 24));
    for mut h in [hash_with(0), hash_with(0xffff), hash_with(0x1234), suite::free_message()] {
        honest(chains_of(h)).unwrap();
        // The upper half of an element says nothing.
        h[3] += F::from_u32(0x1234 << 16);
        honest(chains_of(h)).unwrap();
    }
    let mut h = hash_with(0);
    h[0] = top;
    honest(chains_of(h)).unwrap();
}

#[test]
fn digits_of_another_sum_are_refused() {
    for lie in [F::ONE, F::from_u32(3), F::from_u32(1 << 14)] {
        let mut h = hash_with(0);
        h[0] += lie;
        assert!(honest(chains_of(h)).is_err());
    }
}

/// `h + p` is `h` in the field and has other digits.
#[test]
fn digits_are_of_the_canonical_integer() {
    // The rows of digits 0x1235 … of which element 0 says that it is 0x1235 + 0x7f00·2^16 = p + 0x1234.
    for is_top in [F::ONE, F::ZERO] {
        let found = verdict(chains_of(hash_with(0x1235)), |_, w| {
            for row in &mut w.sign[..8] {
                row.h[0] = F::from_u32(0x1234);
            }
            (w.sign[7].hi, w.sign[7].is_top, w.sign[7].inv) = (F::from_u32(0x7f00), is_top, F::ZERO);
            w.values[0].x[0] = F::from_u32(0x1234);
        });
        refused_in(Table::Sign, found);
    }
    // … or with an upper half past 0x7f00: 0x7f01·2^16 + l - p = 0xffff + l.
    let found = verdict(chains_of(hash_with(0x1235)), |_, w| {
        for row in &mut w.sign[..8] {
            row.h[0] = F::from_u32(0x1_1234);
        }
        w.sign[7].hi = F::from_u32(0x7f01);
        w.sign[7].inv = -F::ONE;
        w.values[0].x[0] = F::from_u32(0x1_1234);
    });
    refused_on("byte", found);
}

/// A digit of 4 in one place, and one less in the next: the same element, the sum 3 more.
#[test]
fn digits_are_of_two_bits() {
    let found = verdict(chains_of(hash_with(0x1234)), |_, w| {
        // 0x1234 = …3·4^1 + 1·4^2 …
        assert_eq!((w.sign[2].b0, w.sign[2].b1), (F::ONE, F::ONE));
        (w.sign[2].b0, w.sign[2].b1) = (F::from_u32(3), F::TWO);
    });
    refused_in(Table::Sign, found);
}

fn steps(l: &Layout) -> Vec<usize> {
    (0..l.hash.len()).filter(|&row| l.hash[row].f_step == F::ONE).collect()
}

/// A step is not left out, made twice, or made on another chain, though which chains' steps stand where is the witness's.
#[test]
fn every_chain_is_walked_to_its_end() {
    // Rows may be exchanged …
    let found = verdict(chains_of(suite::free_message()), |l, w| {
        let rows = steps(l);
        w.hash.swap(rows[0], rows[71]);
    });
    found.unwrap();
    // … not replaced.
    for (from, to) in [(0, 1), (71, 0), (5, 40)] {
        let found = verdict(chains_of(suite::free_message()), |l, w| {
            let rows = steps(l);
            w.hash[rows[to]] = w.hash[rows[from]];
        });
        refused_on("chain", found);
    }
    // Not skipped: the chain at place 2 is said to be at place 3 already.
    let found = verdict(chains_of(suite::free_message()), |l, w| {
        let row = steps(l)[0];
        let lie = &mut w.hash[row];
        assert_eq!(lie.rest, F::TWO);
        lie.rest = F::from_u32(3);
        lie.input[8] += F::from_u32(16);
    });
    refused_on("chain", found);
    // Not a step of one chain for another's.
    let found = verdict(chains_of(suite::free_message()), |l, w| {
        let lie = &mut w.hash[steps(l)[0]];
        lie.acc += F::ONE;
        lie.input[8] += F::from_u32(64);
    });
    refused_on("chain", found);
    // Not another function.
    let found = verdict(chains_of(suite::free_message()), |l, w| w.hash[steps(l)[0]].input[8] += F::from_u32(16));
    refused_in(Table::Hash, found);
}

/// A chain enters the bus at its digit, not further on, where fewer steps would be left.
#[test]
fn a_chain_does_not_enter_further_on() {
    let found = verdict(chains_of(suite::free_message()), |_, w| {
        // Chain 0 enters at its end, chain 63 at 1 instead of 2: the sum is the same.
        (w.sign[0].b0, w.sign[0].b1) = (F::ONE, F::ONE);
        (w.sign[63].b0, w.sign[63].b1) = (F::ONE, F::ZERO);
    });
    refused_in(Table::Sign, found);
}

/// The ends that are hashed are those of the chains.
#[test]
fn the_one_time_key_is_of_the_ends() {
    let found = verdict(chains_of(suite::free_message()), |l, w| {
        let row = (0..l.hash.len()).find(|&row| l.hash[row].f_end == F::ONE).unwrap();
        w.hash[row].input[0] += F::ONE;
    });
    assert!(found.is_err());
    let found = verdict(chains_of(suite::free_message()), |l, w| {
        let row = (0..l.hash.len()).find(|&row| l.hash[row].f_end == F::ONE).unwrap();
        w.hash[row].rest = F::TWO;
    });
    refused_in(Table::Hash, found);
}

/// The nonce that is hashed is the nonce that the path climbs by, of one limb.
#[test]
fn a_nonce_is_one_limb() {
    let mut b = Builder::new();
    let nonce = b.input(0x1_0007);
    let first = b.free_digest(digest(1));
    b.sponge(tag::MESSAGE, 0, 24, &[Absorbed::Wire(first), Absorbed::Nonce { nonce, rest: [F::ONE; 7] }]);
    refused_in(Table::Hash, honest(b));
}

// Constants and integers
// ----------------------

#[test]
fn limbs_are_of_the_offset_integer() {
    for v in EDGES {
        assert_eq!(int_of(&cells_of(v)), v);
    }
    assert_eq!(cells_of(0)[7], F::from_u32(1 << 15));
}

#[test]
fn a_pin_holds() {
    for (v, pinned) in [(1, 1), (0, 1), (-1, 1), (MOST, MOST)] {
        let mut b = Builder::new();
        let a = given(&mut b, v);
        b.pin(a.wire, Pin::Constant(cells_of(pinned)));
        assert_eq!(honest(b).is_ok(), v == pinned);
        // The pin says its own constant, whatever the wire.
        let mut b = Builder::new();
        let a = given(&mut b, v);
        b.pin(a.wire, Pin::Constant(cells_of(pinned)));
        let found = verdict(b, |_, w| w.values[0].x = cells_of(pinned));
        assert_eq!(found.is_ok(), v == pinned);
    }
}

#[test]
fn a_bit_of_logic_has_one_value() {
    for (x, y) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut b = Builder::new();
        let (p, q) = (bit(&mut b, x), bit(&mut b, y));
        let (p, q) = (Int::bit(p), Int::bit(q));
        let found = [b.and(p, q), b.or(p, q), b.eq(p, q), b.lt(p, q)].map(|v| b.bit_value(v.wire));
        assert_eq!(found, [x && y, x || y, x == y, !x && y]);
        let not = b.not(p.wire);
        assert_eq!(b.bit_value(not), !x);
        let five = b.int_constant(5);
        for (v, exact) in [
            (b.choose(p, five, q, (0, 5)), if x { 5 } else { y.into() }),
            (b.choose(p, q, five, (0, 5)), if x { y.into() } else { 5 }),
        ] {
            assert_eq!(b.int_value(v.wire), exact);
        }
        let one = b.int_constant(1);
        let less = b.sub(one, q, (0, 1));
        assert_eq!(b.int_value(less.wire), i128::from(!y));
        let times = b.mul(p, Int { wire: five.wire, lo: 0, hi: MOST }, (0, MOST));
        assert_eq!(b.int_value(times.wire), if x { 5 } else { 0 });
        refused_in(Table::Logic, verdict(b, |_, w| w.logic[0].c += F::ONE));
    }
}
