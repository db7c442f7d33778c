//! The circuit's shape: one set of columns, gates and one lookup for every program and batch size. Only `k` and the fixed columns'
//! contents differ, so that one L1 verifier serves all.
//!
//! Ten advice columns `c0 … c9`. Gates read a row and the next one. What a row is, three packed selectors say:
//!
//! | selector | value | row |
//! | --- | --- | --- |
//! | `s0` | 1 [`hash::FULL`] | two full rounds of Poseidon2 |
//! | | 2 [`hash::PARTIAL`] | eight partial rounds |
//! | | 3 [`hash::END`] | two full rounds, the last: the digest goes to `c8` of the next row |
//! | | 4 [`hash::ABSORB`] | two full rounds, the last: the next permutation takes in two further elements |
//! | `s1` | 1 [`wire::FRESH`] | first row of a permutation: a sponge starts |
//! | | 2 [`wire::MERKLE`] | first row of a permutation: the node above the digest before |
//! | | 3 [`wire::PAIR`] | two arithmetic constraints |
//! | | 4 [`wire::WIDE`] | one arithmetic constraint of both halves |
//! | `s2` | 1, 2 [`ladder::EVEN`], [`ladder::ODD`] | one bit of `S·Base8 - h·A` |
//!
//! `c9` holds the running sums of range checks wherever `t0`, `t1` are not 0. `c3 … c5` have no copy constraints, so that the
//! permutation argument has one product.

use halo2_axiom::halo2curves::bn256::Fr;
use halo2_axiom::halo2curves::ff::Field;
use halo2_axiom::plonk::{Advice, Column, ConstraintSystem, Expression, Fixed, Instance, VirtualCells};
use halo2_axiom::poly::Rotation;

use crate::suite;

/// Advice columns.
pub const COLUMNS: usize = 10;
/// The column of range checks.
pub const LOOKUP: usize = 9;
/// Columns whose cells may be copied.
pub const COPIED: [usize; 7] = [0, 1, 2, 6, 7, 8, 9];
/// Fixed columns: coefficients, then `s0 … s2`, then `t0`, `t1`, then the table.
pub const FIXED: usize = 14;
/// Coefficients `q0 … q7`.
pub const COEFFICIENTS: usize = 8;
/// Index of `s0` among the fixed columns.
pub const SELECTORS: usize = COEFFICIENTS;
/// Index of `t0` among the fixed columns.
pub const LIMBS: usize = SELECTORS + 3;
/// Index of the table among the fixed columns.
pub const TABLE: usize = LIMBS + 2;
/// Public values: `pre_root, post_root, c, z, y, payee, domain`.
pub const PUBLIC: usize = 7;
/// Partial rounds a row.
pub const PARTIAL_A_ROW: usize = 8;

/// Values of `s0`.
pub mod hash {
    pub const FULL: u64 = 1;
    pub const PARTIAL: u64 = 2;
    pub const END: u64 = 3;
    pub const ABSORB: u64 = 4;
}

/// Values of `s1`.
pub mod wire {
    pub const FRESH: u64 = 1;
    pub const MERKLE: u64 = 2;
    pub const PAIR: u64 = 3;
    pub const WIDE: u64 = 4;
}

/// Values of `s2`.
pub mod ladder {
    pub const EVEN: u64 = 1;
    pub const ODD: u64 = 2;
}

type E = Expression<Fr>;

/// The columns.
#[derive(Clone, Debug)]
pub struct Config {
    pub advice: [Column<Advice>; COLUMNS],
    pub fixed: [Column<Fixed>; FIXED],
    pub instance: Column<Instance>,
}

/// A row, the next one and its fixed cells as expressions.
struct Row {
    c: [E; COLUMNS],
    /// Where a gate reads it; a query costs the verifier even where no gate needs it.
    next: [Option<E>; COLUMNS],
    q: [E; COEFFICIENTS],
    s: [E; 3],
}

impl Row {
    /// Column `i` of the next row.
    fn next(&self, i: usize) -> E {
        self.next[i].clone().expect("queried")
    }
}

fn row(config: &Config, cells: &mut VirtualCells<Fr>, next: &[usize]) -> Row {
    Row {
        c: config.advice.map(|c| cells.query_advice(c, Rotation::cur())),
        next: std::array::from_fn(|i| next.contains(&i).then(|| cells.query_advice(config.advice[i], Rotation::next()))),
        q: std::array::from_fn(|i| cells.query_fixed(config.fixed[i], Rotation::cur())),
        s: std::array::from_fn(|i| cells.query_fixed(config.fixed[SELECTORS + i], Rotation::cur())),
    }
}

/// Not 0 exactly where `s`, of `0 … count`, is `value`.
fn is(s: &E, value: u64, count: u64) -> E {
    let others = (1..=count).filter(|&v| v != value);
    others.fold(s.clone(), |e, v| e * (s.clone() - constant(Fr::from(v))))
}

fn constant(v: Fr) -> E {
    Expression::Constant(v)
}

fn scaled(e: &E, by: u64) -> E {
    if by == 1 { e.clone() } else { e.clone() * Fr::from(by) }
}

fn fifth(e: E) -> E {
    let square = e.clone() * e.clone();
    square.clone() * square * e
}

/// `circ(2, 1, 1)`, the matrix of full rounds.
fn external([a, b, c]: [E; 3]) -> [E; 3] {
    let sum = a.clone() + b.clone() + c.clone();
    [sum.clone() + a, sum.clone() + b, sum + c]
}

/// The S-boxes and the matrix of a full round, on `c[from ..]` with constants `q[from ..]`.
fn full_round(r: &Row, from: usize) -> [E; 3] {
    external(std::array::from_fn(|i| fifth(r.c[from + i].clone() + r.q[from + i].clone())))
}

/// Linear combination over `terms` of small coefficients.
#[derive(Clone, Copy)]
struct Combination([u64; 2 + PARTIAL_A_ROW]);

impl Combination {
    fn unit(i: usize) -> Self {
        let mut c = [0; 2 + PARTIAL_A_ROW];
        c[i] = 1;
        Combination(c)
    }
    fn plus(self, by: u64, other: Self) -> Self {
        Combination(std::array::from_fn(|i| self.0[i] + by * other.0[i]))
    }
    fn expression(&self, terms: &[E]) -> E {
        let parts = self.0.iter().zip(terms).filter(|(c, _)| **c != 0).map(|(&c, e)| scaled(e, c));
        parts.reduce(|a, b| a + b).expect("no combination is empty")
    }
}

impl Config {
    /// Makes columns, gates and the lookup.
    pub fn configure(cs: &mut ConstraintSystem<Fr>) -> Self {
        let config = Config {
            advice: std::array::from_fn(|_| cs.advice_column()),
            fixed: std::array::from_fn(|_| cs.fixed_column()),
            instance: cs.instance_column(),
        };
        for i in COPIED {
            cs.enable_equality(config.advice[i]);
        }
        // Selectors and S-boxes make degree 9 anyway; the library's prover counts on being told.
        cs.set_minimum_degree(9);
        config.full_rounds(cs);
        config.partial_rounds(cs);
        config.sponge(cs);
        config.merkle(cs);
        config.arithmetic(cs);
        config.ladder(cs);
        config.limbs(cs);
        config
    }

    /// `c0 … c2` is a state before a full round, `c3 … c5` the one after it, and one more round leads to the next row.
    fn full_rounds(&self, cs: &mut ConstraintSystem<Fr>) {
        cs.create_gate("full rounds", |cells| {
            let r = row(self, cells, &[0, 1, 2, 6, 7, 8]);
            let mut constraints = vec![];
            // 0 on rows that hash nothing and on partial rounds.
            let any = r.s[0].clone() * (r.s[0].clone() - constant(Fr::from(hash::PARTIAL)));
            for (i, e) in full_round(&r, 0).into_iter().enumerate() {
                constraints.push(any.clone() * (e - r.c[3 + i].clone()));
            }
            let out = full_round(&r, 3);
            let full = is(&r.s[0], hash::FULL, 4);
            for (i, e) in out.iter().enumerate() {
                constraints.push(full.clone() * (e.clone() - r.next(i)));
            }
            let end = is(&r.s[0], hash::END, 4);
            constraints.push(end * (out[0].clone() - r.next(8)));
            // The next permutation starts with its first matrix: of this state and the two elements in c6, c7.
            let absorb = is(&r.s[0], hash::ABSORB, 4);
            let [a, b, c] = out;
            let state = external([a + r.next(6), b + r.next(7), c]);
            for (i, e) in state.into_iter().enumerate() {
                constraints.push(absorb.clone() * (e - r.next(i)));
            }
            constraints
        });
    }

    /// `c0 … c2` is the state before eight partial rounds and `c0, c3 … c9` the S-boxes' inputs without their constants.
    fn partial_rounds(&self, cs: &mut ConstraintSystem<Fr>) {
        cs.create_gate("partial rounds", |cells| {
            let r = row(self, cells, &[0, 1, 2]);
            let partial = is(&r.s[0], hash::PARTIAL, 4);
            let inputs: Vec<E> = std::iter::once(0).chain(3..COLUMNS).map(|i| r.c[i].clone()).collect();
            // Everything is linear in the second and third place and in the S-boxes' outputs.
            let mut terms = vec![r.c[1].clone(), r.c[2].clone()];
            terms.extend(inputs.iter().zip(&r.q).map(|(x, q)| fifth(x.clone() + q.clone())));
            let (mut b, mut c) = (Combination::unit(0), Combination::unit(1));
            let mut constraints = vec![];
            for i in 0..PARTIAL_A_ROW {
                // [[2, 1, 1], [1, 2, 1], [1, 1, 3]]
                let y = Combination::unit(2 + i);
                let sum = y.plus(1, b).plus(1, c);
                let a = sum.plus(1, y);
                (b, c) = (sum.plus(1, b), sum.plus(2, c));
                let to = inputs.get(i + 1).cloned().unwrap_or_else(|| r.next(0));
                constraints.push(partial.clone() * (a.expression(&terms) - to));
            }
            constraints.push(partial.clone() * (b.expression(&terms) - r.next(1)));
            constraints.push(partial * (c.expression(&terms) - r.next(2)));
            constraints
        });
    }

    /// A sponge's first state: elements `c6`, `c7` and the capacity `q6`, through the first matrix.
    fn sponge(&self, cs: &mut ConstraintSystem<Fr>) {
        cs.create_gate("sponge", |cells| {
            let r = row(self, cells, &[]);
            let fresh = is(&r.s[1], wire::FRESH, 4);
            let state = external([r.c[6].clone(), r.c[7].clone(), r.q[6].clone()]);
            let constraints: Vec<E> = state.into_iter().zip(&r.c).map(|(e, c)| fresh.clone() * (e - c.clone())).collect();
            constraints
        });
    }

    /// A node's first state: digest `c8`, its sibling `c7`, `c6` = 1 if the digest is the right child, the capacity `q6`.
    fn merkle(&self, cs: &mut ConstraintSystem<Fr>) {
        cs.create_gate("merkle", |cells| {
            let r = row(self, cells, &[]);
            let merkle = is(&r.s[1], wire::MERKLE, 4);
            let [right, sibling, digest] = [6, 7, 8].map(|i| r.c[i].clone());
            let turned = right * (sibling.clone() - digest.clone());
            let state = external([digest + turned.clone(), sibling - turned, r.q[6].clone()]);
            let constraints: Vec<E> = state.into_iter().zip(&r.c).map(|(e, c)| merkle.clone() * (e - c.clone())).collect();
            constraints
        });
    }

    /// `q0·c0 + q1·c1 + q2·c0·c1 + q3 + instance` is `c2`, and `q4·c6 + q5·c7 + q6·c6·c7 + q7` is `c8`; or the sum of both is `c8`.
    fn arithmetic(&self, cs: &mut ConstraintSystem<Fr>) {
        cs.create_gate("arithmetic", |cells| {
            let r = row(self, cells, &[]);
            let instance = cells.query_instance(self.instance, Rotation::cur());
            let half = |c: usize, q: usize| {
                let [a, b] = [c, c + 1].map(|i| r.c[i].clone());
                let [qa, qb, product, constant] = std::array::from_fn(|i| r.q[q + i].clone());
                qa * a.clone() + qb * b.clone() + product * (a * b) + constant
            };
            let left = half(0, 0) + instance;
            let right = half(6, 4) - r.c[8].clone();
            let pair = is(&r.s[1], wire::PAIR, 4);
            let wide = is(&r.s[1], wire::WIDE, 4);
            vec![pair.clone() * (left.clone() - r.c[2].clone()), pair * right.clone(), wide * (left + right)]
        });
    }

    /// One bit of `S·B - h·A` on the twisted Edwards curve of docs/suites.md §4, from the top: `(c0, c1)` becomes in the next row
    /// twice itself (`c3, c4`) plus one of `0`, `B`, `-A`, `B - A`. `c2`, `c6` are the bits so far of `h` and `S`, `c5` the product
    /// of the two bits. `c7, c8` are `A` on even rows and `C = B - A` on odd ones.
    ///
    /// The addition law is complete (`a` a square, `d` not one): no denominator is 0 for points of the curve.
    fn ladder(&self, cs: &mut ConstraintSystem<Fr>) {
        cs.create_gate("ladder", |cells| {
            let r = row(self, cells, &[0, 1, 2, 6, 7, 8]);
            let one = || constant(Fr::ONE);
            let (a, d) = (suite::curve_a(), suite::curve_d());
            let (bx, by) = suite::base();
            let any = r.s[2].clone();
            let [x, y, xd, yd, both] = [0, 1, 3, 4, 5].map(|i| r.c[i].clone());
            let h = r.next(2) - r.c[2].clone() - r.c[2].clone();
            let s = r.next(6) - r.c[6].clone() - r.c[6].clone();
            let (xx, yy) = (x.clone() * x.clone(), y.clone() * y.clone());
            let axx = xx * a;
            let mut constraints = vec![
                any.clone() * (h.clone() * (h.clone() - one())),
                any.clone() * (s.clone() * (s.clone() - one())),
                any.clone() * (h.clone() * s.clone() - both.clone()),
                // By the curve's equation 1 + d·x²·y² = a·x² + y².
                any.clone() * (xd.clone() * (axx.clone() + yy.clone()) - x * y * Fr::from(2)),
                any * (yd.clone() * (constant(Fr::from(2)) - axx.clone() - yy.clone()) - (yy - axx)),
            ];
            let here = [r.c[7].clone(), r.c[8].clone()];
            let there = [r.next(7), r.next(8)];
            let even = r.s[2].clone() * (r.s[2].clone() - constant(Fr::from(ladder::ODD)));
            let odd = r.s[2].clone() * (r.s[2].clone() - constant(Fr::from(ladder::EVEN)));
            for (select, [ax, ay], [cx, cy]) in [(even, here.clone(), there.clone()), (odd, there, here)] {
                let px = s.clone() * bx - h.clone() * ax.clone() + both.clone() * (cx - constant(bx) + ax);
                let py = one()
                    + s.clone() * (by - Fr::ONE)
                    + h.clone() * (ay.clone() - one())
                    + both.clone() * (cy - ay - constant(by - Fr::ONE));
                let (xy, yx) = (xd.clone() * py.clone(), yd.clone() * px.clone());
                let (yy, xx) = (yd.clone() * py, xd.clone() * px);
                let t = xx.clone() * yy.clone() * d;
                constraints.push(select.clone() * (r.next(0) * (one() + t.clone()) - (xy + yx)));
                constraints.push(select * (r.next(1) * (one() - t) - (yy - xx * a)));
            }
            constraints
        });
    }

    /// `t0·c9 - t1·c9` of the next row is in the table: `t1` is a power of two in a running sum, 0 at its end.
    fn limbs(&self, cs: &mut ConstraintSystem<Fr>) {
        cs.lookup_any("limbs", |cells| {
            let column = self.advice[LOOKUP];
            let (here, next) = (cells.query_advice(column, Rotation::cur()), cells.query_advice(column, Rotation::next()));
            let [t0, t1] = [0, 1].map(|i| cells.query_fixed(self.fixed[LIMBS + i], Rotation::cur()));
            let table = cells.query_fixed(self.fixed[TABLE], Rotation::cur());
            vec![(t0 * here - t1 * next, table)]
        });
    }
}
