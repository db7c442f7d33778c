//! Whole tables: padding, and the counts of RANGE.

use p3_field::{PrimeCharacteristicRing, PrimeField32};
use p3_matrix::dense::RowMajorMatrix;
use p3_maybe_rayon::prelude::*;

use super::{Columns, F, Layout, Public, Row, Table, Witness, alu, block, bus, hash, mul, range, sign};

/// Logarithms of the tables' heights, in the order of [`Table::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heights(pub [u8; 8]);

impl Heights {
    /// Least logarithm of a height: every table is taller than the last polynomial of the low-degree test.
    pub const MIN: u8 = 7;

    /// The least heights that hold a layout's rows.
    pub fn of(layout: &Layout) -> Self {
        let log = |rows: usize| rows.next_power_of_two().trailing_zeros() as u8;
        Self(Table::ALL.map(|table| log(layout.rows(table)).max(Self::MIN)))
    }

    /// Tables lower than HASH raised, so that the low-degree test can fold by `2^arity` from HASH's height down to the last: it
    /// must stop at every height, each stop costs a commitment and its openings, and tables that are so low cost little.
    #[must_use]
    pub fn aligned(self, arity: usize) -> Self {
        let (top, arity) = (self.0[Table::Hash as usize], arity as u8);
        Self(self.0.map(|log| if log < top { top - (top - log) / arity * arity } else { log }))
    }

    pub const fn log(self, table: Table) -> usize {
        self.0[table as usize] as usize
    }

    pub const fn rows(self, table: Table) -> usize {
        1 << self.log(table)
    }
}

impl Layout {
    /// Number of rows of each table, without padding; RANGE has none.
    pub fn counts(&self) -> [usize; 8] {
        let Self { hash, alu, mul, logic, block, sign, values } = self;
        [hash.len(), alu.len(), mul.len(), logic.len(), block.len(), sign.len(), values.len(), 0]
    }

    /// Number of rows that a table needs, without padding to a power of two.
    fn rows(&self, table: Table) -> usize {
        match table {
            Table::Range => range::ROWS,
            // The last row holds the evaluation after all the others.
            Table::Block => self.block.len() + 1,
            table => self.counts()[table as usize],
        }
    }
}

impl Witness {
    /// Number of rows of each table; RANGE has none.
    pub fn counts(&self) -> [usize; 8] {
        let Self { hash, alu, mul, logic, block, sign, values } = self;
        [hash.len(), alu.len(), mul.len(), logic.len(), block.len(), sign.len(), values.len(), 0]
    }
}

/// Rows, then rows of zeros.
fn padded<C: Columns<F> + Sync>(rows: &[C], height: usize) -> RowMajorMatrix<F> {
    let mut values = F::zero_vec(height * C::WIDTH);
    values.par_chunks_exact_mut(C::WIDTH).zip(rows).for_each(|(out, row)| row.write(out));
    RowMajorMatrix::new(values, C::WIDTH)
}

/// [`padded`], of rows with columns that are made.
fn filled<R: Row>(rows: &[R], height: usize) -> RowMajorMatrix<F> {
    let mut values = F::zero_vec(height * R::WIDTH);
    values.par_chunks_exact_mut(R::WIDTH).zip(rows).for_each(|(out, row)| row.fill(out));
    RowMajorMatrix::new(values, R::WIDTH)
}

/// A table's preprocessed columns.
pub fn preprocessed(table: Table, layout: &Layout, heights: Heights) -> RowMajorMatrix<F> {
    let height = heights.rows(table);
    match table {
        Table::Hash => padded(&layout.hash, height),
        Table::Alu => padded(&layout.alu, height),
        Table::Mul => padded(&layout.mul, height),
        Table::Logic => padded(&layout.logic, height),
        Table::Block => padded(&layout.block, height),
        Table::Sign => padded(&layout.sign, height),
        Table::Values => padded(&layout.values, height),
        Table::Range => {
            let rows: Vec<_> = (0..range::ROWS as u32).map(range::row).collect();
            padded(&rows, height)
        }
    }
}

/// All tables' witness columns, in order. `preprocessed` are their preprocessed columns.
///
/// # Panics
/// If a table of the witness has more rows than its height.
pub fn main(
    preprocessed: [&RowMajorMatrix<F>; 8],
    witness: &Witness,
    public: &Public,
    heights: Heights,
) -> [RowMajorMatrix<F>; 8] {
    let height = |table| heights.rows(table);
    let mut hashes = F::zero_vec(height(Table::Hash) * hash::WIDTH);
    hash::fill(&witness.hash, &mut hashes);
    let rows = |table: Table| preprocessed[table as usize];
    let alu = filled(&witness.alu, height(Table::Alu));
    let mul = filled(&witness.mul, height(Table::Mul));
    let sign = filled(&witness.sign, height(Table::Sign));
    let counts = counts(preprocessed, [&alu, &mul, &sign]);
    [
        RowMajorMatrix::new(hashes, hash::WIDTH),
        alu,
        mul,
        padded(&witness.logic, height(Table::Logic)),
        padded(&blocks(rows(Table::Block), &witness.block, public), height(Table::Block)),
        sign,
        padded(&witness.values, height(Table::Values)),
        padded(&counts, height(Table::Range)),
    ]
}

/// The rows and their padding, which carries the evaluation on to the last row.
pub(crate) fn blocks(preprocessed: &RowMajorMatrix<F>, rows: &[block::Main<F>], public: &Public) -> Vec<block::Main<F>> {
    let mut all = rows.to_vec();
    let height = preprocessed.values.len() / preprocessed.width;
    while all.len() < height {
        let y = match all.last() {
            None => Default::default(),
            Some(row) => {
                let pre = block::Pre::read(&preprocessed.values[(all.len() - 1) * preprocessed.width..]);
                if pre.f_journal == F::ONE { block::step(&row.y, &public.z, &row.h) } else { row.y }
            }
        };
        all.push(block::Main { h: Default::default(), y });
    }
    all
}

/// RANGE's rows: how often each byte is asked for. What is no byte is not counted.
fn counts(preprocessed: [&RowMajorMatrix<F>; 8], main: [&RowMajorMatrix<F>; 3]) -> Vec<range::Main<F>> {
    let [alu, mul, sign] = main;
    let mut counts = vec![0_u32; range::ROWS];
    let mut ask = |v: F| {
        if let Some(count) = counts.get_mut(v.as_canonical_u32() as usize) {
            *count += 1;
        }
    };
    fn rows<'a, C: Columns<F>>(pre: &'a RowMajorMatrix<F>, main: &'a RowMajorMatrix<F>) -> impl Iterator<Item = (C, &'a [F])> {
        pre.values.chunks_exact(pre.width).map(C::read).zip(main.values.chunks_exact(main.width))
    }
    let halves = |v: F, low: F, bits: u64| [low, (v - low).div_2exp_u64(bits)];
    let limb = |v: F| halves(v, bus::limb_low(v), 8);
    for (p, row) in rows::<alu::Pre<F>>(preprocessed[Table::Alu as usize], alu) {
        if p.f_range == F::ONE {
            alu::Main::read(row).c.into_iter().flat_map(limb).for_each(&mut ask);
        }
    }
    for (p, row) in rows::<sign::Pre<F>>(preprocessed[Table::Sign as usize], sign) {
        if p.f_element == F::ONE {
            let hi = sign::Main::read(row).hi;
            [hi, sign::spare(hi)].into_iter().flat_map(limb).for_each(&mut ask);
        }
    }
    for (p, row) in rows::<mul::Pre<F>>(preprocessed[Table::Mul as usize], mul) {
        if p.f == F::ONE {
            let m = mul::Main::read(row);
            m.carry.into_iter().flat_map(|carry| halves(carry, bus::carry_low(carry), 6)).for_each(&mut ask);
            [m.a_lo, m.a_hi, m.b_lo, m.b_hi].into_iter().flatten().for_each(&mut ask);
        }
    }
    counts.into_iter().map(|count| range::Main { count: F::from_u32(count) }).collect()
}
