//! Rows and cells: one walk over a batch makes the fixed columns and copies (for keys), the advice (for a proof), or only counts.
//!
//! Permutations fill rows from the top, one after the other, so that a digest lands in `c8` of the row below. Arithmetic and
//! ladders fill rows from the bottom up, running sums the last column likewise; the circuit fits if the two do not meet.

use halo2_axiom::circuit::{Layouter, SimpleFloorPlanner, Value};
use halo2_axiom::halo2curves::bn256::Fr;
use halo2_axiom::halo2curves::ff::Field;
use halo2_axiom::plonk::{Any, Circuit, Column, ConstraintSystem, Error};

use crate::config::{COEFFICIENTS, COLUMNS, Config, FIXED, LIMBS, LOOKUP, PUBLIC, SELECTORS, TABLE, wire};

/// Rows at the end that the proof system keeps for itself; [`Config`]'s queries fix it.
pub const UNUSABLE: usize = 6;
/// Most bits of a limb.
const WIDEST: u32 = 16;

/// A place in the advice columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    pub column: u8,
    pub row: u32,
}

/// A cell with its value.
#[derive(Clone, Copy, Debug)]
pub struct Wire {
    pub cell: Cell,
    pub value: Fr,
}

/// What stands in a cell of a constraint.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// A copy of a cell.
    Copy(Wire),
    /// A new value.
    New(Fr),
    /// A copy of the first cell of the same constraint.
    First,
    /// Nothing: its coefficients are 0.
    Empty,
}

/// A number of up to 256 bits, or a difference of two's complement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wide {
    pub high: u128,
    pub low: u128,
}

impl Wide {
    pub const fn power(bits: u32) -> Wide {
        if bits < 128 { Wide { high: 0, low: 1 << bits } } else { Wide { high: 1 << (bits - 128), low: 0 } }
    }
    /// Modulo 2^256.
    pub fn plus(self, other: Wide) -> Wide {
        let (low, carry) = self.low.overflowing_add(other.low);
        Wide { high: self.high.wrapping_add(other.high).wrapping_add(carry.into()), low }
    }
    /// Modulo 2^256.
    pub fn minus(self, other: Wide) -> Wide {
        let (low, borrow) = self.low.overflowing_sub(other.low);
        Wide { high: self.high.wrapping_sub(other.high).wrapping_sub(borrow.into()), low }
    }
    /// Without the lowest bits; `bits` is below 256.
    pub fn shifted(self, bits: u32) -> Wide {
        match bits {
            0 => self,
            1..128 => Wide { high: self.high >> bits, low: self.low >> bits | self.high << (128 - bits) },
            _ => Wide { high: 0, low: self.high >> (bits - 128) },
        }
    }
    /// Modulo the field's order.
    pub fn element(self) -> Fr {
        let limbs = [self.low, self.low >> 64, self.high, self.high >> 64].map(|l| Fr::from(l as u64));
        let shift = Fr::from_raw([0, 1, 0, 0]);
        limbs.into_iter().rev().reduce(|sum, limb| sum * shift + limb).expect("four limbs")
    }
}

impl From<i128> for Wide {
    fn from(v: i128) -> Self {
        Wide { high: if v < 0 { u128::MAX } else { 0 }, low: v as u128 }
    }
}

/// What a walk is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The number of rows.
    Count,
    /// Fixed columns and copies.
    Shape,
    /// Advice.
    Advice,
    /// Both.
    All,
}

/// A circuit's tables.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    pub k: u32,
    /// Columns of `2^k` values; empty if the walk was for the shape.
    pub advice: Vec<Vec<Fr>>,
    /// Columns of `2^k` values; empty if the walk was for the advice.
    pub fixed: Vec<Vec<Fr>>,
    pub copies: Vec<(Cell, Cell)>,
}

/// Another value in place of the `at`-th new one of a walk: a dishonest witness, which everything after it follows.
#[derive(Clone, Copy, Debug)]
pub struct Lie {
    pub at: usize,
    pub value: Fr,
}

/// Allocates rows and writes tables.
pub struct Builder {
    tables: Tables,
    usable: usize,
    /// Bits of a limb, fixed by `k`.
    pub limb: u32,
    /// Next row of the permutations.
    hashes: usize,
    /// Rows from here on are taken by arithmetic and ladders.
    gates: usize,
    /// Rows from here on of the last column are taken.
    sums: usize,
    /// Row whose right half is free, with its left constraint.
    half: Option<usize>,
    constants: Vec<(Fr, Wire)>,
    /// New values so far.
    news: usize,
    lie: Option<Lie>,
}

impl Builder {
    /// Tables of `2^k` rows. A walk that needs more goes on counting; see [`Builder::finish`].
    pub fn new(k: u32, purpose: Purpose) -> Self {
        let (n, usable) = (1 << k, (1 << k) - UNUSABLE);
        let limb = WIDEST.min(k - 1);
        let columns = |wanted: bool, count: usize| if wanted { vec![vec![Fr::ZERO; n]; count] } else { vec![] };
        let mut tables = Tables {
            k,
            advice: columns(matches!(purpose, Purpose::Advice | Purpose::All), COLUMNS),
            fixed: columns(matches!(purpose, Purpose::Shape | Purpose::All), FIXED),
            copies: vec![],
        };
        if let Some(table) = tables.fixed.get_mut(TABLE) {
            for (i, cell) in table.iter_mut().take(1 << limb).enumerate() {
                *cell = Fr::from(i as u64);
            }
        }
        // Counting never underflows: rows are counted down from far above.
        let end = if purpose == Purpose::Count { usize::MAX / 2 } else { usable };
        Builder {
            tables,
            usable: end,
            limb,
            hashes: PUBLIC,
            gates: end,
            sums: end,
            half: None,
            constants: vec![],
            news: 0,
            lie: None,
        }
    }

    /// The same, lying once.
    pub fn lying(k: u32, lie: Option<Lie>) -> Self {
        Builder { lie, ..Builder::new(k, Purpose::All) }
    }

    /// Rows taken so far, those included that the proof system keeps.
    pub fn rows(&self) -> usize {
        self.hashes + 1 + (self.usable - self.gates.min(self.sums)) + UNUSABLE
    }

    /// Whether the walk writes advice.
    pub fn has_advice(&self) -> bool {
        !self.tables.advice.is_empty()
    }

    /// New values so far.
    pub fn news(&self) -> usize {
        self.news
    }

    /// The tables.
    ///
    /// # Panics
    /// The walk took more than `2^k` rows; [`Builder::rows`] tells beforehand.
    pub fn finish(self) -> Tables {
        assert!(self.hashes < self.gates.min(self.sums), "2^{} rows do not hold {} rows", self.tables.k, self.rows());
        self.tables
    }

    /// Writes a new value; the value that stands there.
    pub fn assign(&mut self, column: usize, row: usize, value: Fr) -> Wire {
        let mut value = value;
        if let Some(lie) = self.lie
            && lie.at == self.news
        {
            value = lie.value;
        }
        self.news += 1;
        self.write(column, row, value)
    }

    /// Writes a copy.
    pub fn copy(&mut self, column: usize, row: usize, from: Wire) -> Wire {
        let wire = self.write(column, row, from.value);
        if !self.tables.fixed.is_empty() {
            self.tables.copies.push((wire.cell, from.cell));
        }
        wire
    }

    fn write(&mut self, column: usize, row: usize, value: Fr) -> Wire {
        if let Some(cell) = self.tables.advice.get_mut(column).and_then(|c| c.get_mut(row)) {
            *cell = value;
        }
        Wire { cell: Cell { column: column as u8, row: row as u32 }, value }
    }

    /// Writes a fixed cell.
    pub fn fix(&mut self, column: usize, row: usize, value: Fr) {
        if let Some(cell) = self.tables.fixed.get_mut(column).and_then(|c| c.get_mut(row)) {
            *cell = value;
        }
    }

    /// Sets selector `s{n}` of a row.
    pub fn mark(&mut self, n: usize, row: usize, value: u64) {
        self.fix(SELECTORS + n, row, Fr::from(value));
    }

    pub(crate) fn place(&mut self, column: usize, row: usize, place: Place) -> Option<Wire> {
        match place {
            Place::Copy(from) => Some(self.copy(column, row, from)),
            Place::New(value) => Some(self.assign(column, row, value)),
            Place::First | Place::Empty => None,
        }
    }

    /// The cells of `columns` in order.
    fn places<const N: usize>(&mut self, row: usize, columns: [usize; N], places: [Place; N]) -> [Option<Wire>; N] {
        let mut wires = [None; N];
        for (i, place) in places.into_iter().enumerate() {
            wires[i] = match place {
                Place::First => self.place(columns[i], row, Place::Copy(wires[0].expect("the first cell"))),
                place => self.place(columns[i], row, place),
            };
        }
        wires
    }

    /// `q0·a + q1·b + q2·a·b + q3 = c`.
    pub fn constrain(&mut self, a: Place, b: Place, q: [Fr; 4], c: Place) -> [Option<Wire>; 3] {
        let (row, column, coefficient) = match self.half.take() {
            Some(row) => (row, 6, 4),
            None => {
                self.gates -= 1;
                self.half = Some(self.gates);
                self.mark(1, self.gates, wire::PAIR);
                (self.gates, 0, 0)
            }
        };
        for (i, q) in q.into_iter().enumerate() {
            self.fix(coefficient + i, row, q);
        }
        self.places(row, [column, column + 1, column + 2], [a, b, c])
    }

    /// `q0·a + q1·b + q2·a·b + q3 + q4·c + q5·d + q6·c·d + q7 = out`.
    pub fn wide(&mut self, places: [Place; 4], q: [Fr; COEFFICIENTS], out: Place) -> Option<Wire> {
        self.wide_cells(places, q, out)[4]
    }

    /// The same; all its cells.
    pub fn wide_cells(&mut self, [a, b, c, d]: [Place; 4], q: [Fr; COEFFICIENTS], out: Place) -> [Option<Wire>; 5] {
        self.gates -= 1;
        let row = self.gates;
        self.mark(1, row, wire::WIDE);
        for (i, q) in q.into_iter().enumerate() {
            self.fix(i, row, q);
        }
        self.places(row, [0, 1, 6, 7, 8], [a, b, c, d, out])
    }

    /// The `n`-th public value.
    pub fn public(&mut self, n: usize, value: Fr) -> Wire {
        self.mark(1, n, wire::PAIR);
        self.assign(2, n, value)
    }

    /// A cell that holds a constant.
    pub fn constant(&mut self, value: Fr) -> Wire {
        if let Some((_, wire)) = self.constants.iter().find(|(v, _)| *v == value) {
            return *wire;
        }
        let zero = Fr::ZERO;
        let [_, _, wire] = self.constrain(Place::Empty, Place::Empty, [zero, zero, zero, value], Place::New(value));
        let wire = wire.expect("placed");
        self.constants.push((value, wire));
        wire
    }

    /// A new cell that no constraint holds yet.
    pub fn free(&mut self, value: Fr) -> Wire {
        self.constrain(Place::New(value), Place::Empty, [Fr::ZERO; 4], Place::Empty)[0].expect("placed")
    }

    /// `terms` with their factors, plus `constant`, as a cell.
    pub fn linear(&mut self, terms: &[(Wire, Fr)], constant: Fr) -> Wire {
        let zero = Fr::ZERO;
        let (now, later) = terms.split_at(terms.len().min(4));
        let mut parts: Vec<(Wire, Fr)> = now.to_vec();
        let (mut rest, mut constant) = (later, constant);
        loop {
            let value = parts.iter().fold(constant, |v, (w, f)| v + w.value * f);
            let part = |i: usize| parts.get(i).map_or(Place::Empty, |(w, _)| Place::Copy(*w));
            let factor = |i: usize| parts.get(i).map_or(zero, |(_, f)| *f);
            let sum = if parts.len() <= 2 {
                let q = [factor(0), factor(1), zero, constant];
                self.constrain(part(0), part(1), q, Place::New(value))[2].expect("placed")
            } else {
                let q = [factor(0), factor(1), zero, constant, factor(2), factor(3), zero, zero];
                self.wide([part(0), part(1), part(2), part(3)], q, Place::New(value)).expect("placed")
            };
            if rest.is_empty() {
                return sum;
            }
            let (now, later) = rest.split_at(rest.len().min(3));
            parts = std::iter::once((sum, Fr::ONE)).chain(now.iter().copied()).collect();
            (rest, constant) = (later, zero);
        }
    }

    /// Demands that two cells hold the same.
    pub fn equal(&mut self, a: Wire, b: Wire) {
        if !self.tables.fixed.is_empty() {
            self.tables.copies.push((a.cell, b.cell));
        }
    }

    /// Rows `from ..` for `count` consecutive rows of a ladder.
    pub fn ladder_rows(&mut self, count: usize) -> usize {
        self.gates -= count;
        self.gates
    }

    /// First row of the next permutation; `count` rows are taken.
    pub fn hash_rows(&mut self, count: usize) -> usize {
        let row = self.hashes;
        self.hashes += count;
        row
    }

    /// The row after the last permutation.
    pub fn after_hashes(&self) -> usize {
        self.hashes
    }

    /// `count` consecutive cells of the last column, from the returned row.
    fn sum_rows(&mut self, count: usize) -> usize {
        self.sums -= count;
        self.sums
    }

    /// Demands `0 <= v < 2^bits` of a cell whose value, if it is so, is `value`. `bits` is 1 to 160.
    pub fn limbs(&mut self, v: Place, value: Wide, bits: u32) -> Wire {
        let count = bits.div_ceil(self.limb) as usize;
        let spare = count as u32 * self.limb - bits;
        let row = self.sum_rows(count + usize::from(spare > 0));
        let (first, last) = self.running_sum(v, value, row, count - 1);
        self.fix(LIMBS, row + count - 1, Fr::ONE);
        if spare > 0 {
            // The top limb is short: it is still a limb when shifted up.
            self.copy(LOOKUP, row + count, last);
            self.fix(LIMBS, row + count, Fr::from(1 << spare));
        }
        first
    }

    /// Demands that `v` is `count` limbs and what is returned times `2^(limb·count)`.
    pub fn above_limbs(&mut self, v: Wire, value: Wide, count: usize) -> Wire {
        let row = self.sum_rows(count + 1);
        self.running_sum(Place::Copy(v), value, row, count).1
    }

    /// `v` and what is left of it above `count` limbs, one cell a limb between.
    fn running_sum(&mut self, v: Place, value: Wide, row: usize, count: usize) -> (Wire, Wire) {
        let shift = Fr::from(1 << self.limb);
        let first = self.place(LOOKUP, row, v).expect("a value");
        let mut last = first;
        for i in 0..count {
            self.fix(LIMBS, row + i, Fr::ONE);
            self.fix(LIMBS + 1, row + i, shift);
            last = self.assign(LOOKUP, row + i + 1, value.shifted(self.limb * (i as u32 + 1)).element());
        }
        (first, last)
    }
}

/// Tables as a circuit of the library's.
#[derive(Clone, Debug, Default)]
pub struct Tabled(pub Tables);

impl Circuit<Fr> for Tabled {
    type Config = Config;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = ();

    fn without_witnesses(&self) -> Self {
        Tabled(Tables { advice: vec![], ..self.0.clone() })
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> Config {
        Config::configure(meta)
    }

    fn synthesize(&self, config: Config, mut layouter: impl Layouter<Fr>) -> Result<(), Error> {
        let tables = &self.0;
        layouter.assign_region(
            || "batch",
            |mut region| {
                for (column, values) in config.fixed.iter().zip(&tables.fixed) {
                    for (row, value) in values.iter().enumerate().filter(|(_, v)| **v != Fr::ZERO) {
                        region.assign_fixed(*column, row, *value);
                    }
                }
                for (column, values) in config.advice.iter().zip(&tables.advice) {
                    for (row, value) in values[..values.len() - UNUSABLE].iter().enumerate() {
                        region.assign_advice(*column, row, Value::known(*value));
                    }
                }
                let cell = |c: &Cell| halo2_axiom::circuit::Cell {
                    row_offset: c.row as usize,
                    column: Column::<Any>::from(config.advice[c.column as usize]),
                };
                for (a, b) in &tables.copies {
                    region.constrain_equal(cell(a), cell(b));
                }
                Ok(())
            },
        )
    }
}
