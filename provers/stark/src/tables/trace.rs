//! Whole tables: padding, and the counts of RANGE.

use p3_field::{PrimeCharacteristicRing, PrimeField32};
use p3_matrix::dense::RowMajorMatrix;
use p3_maybe_rayon::prelude::*;

use super::{Columns, F, Layout, Public, Table, Witness, alu, block, hash, mul, range, sign};

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
    [
        RowMajorMatrix::new(hashes, hash::WIDTH),
        padded(&witness.alu, height(Table::Alu)),
        padded(&witness.mul, height(Table::Mul)),
        padded(&witness.logic, height(Table::Logic)),
        padded(&blocks(rows(Table::Block), &witness.block, public), height(Table::Block)),
        padded(&witness.sign, height(Table::Sign)),
        padded(&witness.values, height(Table::Values)),
        padded(&counts(preprocessed, witness), height(Table::Range)),
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

/// RANGE's rows: how often each number, pair and carry is asked for. What no row stands for is not counted.
fn counts(preprocessed: [&RowMajorMatrix<F>; 8], witness: &Witness) -> Vec<range::Main<F>> {
    #[derive(Clone, Default)]
    struct Count {
        range: u32,
        bytes: u32,
        carry: u32,
    }
    fn pre<C: Columns<F>>(rows: &RowMajorMatrix<F>) -> impl Iterator<Item = C> {
        rows.values.chunks_exact(rows.width).map(C::read)
    }
    let at = |x: F| x.as_canonical_u32() as usize;
    let mut counts = vec![Count::default(); range::ROWS];
    let mut range = |v: F| {
        if let Some(row) = counts.get_mut(at(v)) {
            row.range += 1;
        }
    };
    for (p, m) in pre::<alu::Pre<F>>(preprocessed[Table::Alu as usize]).zip(&witness.alu) {
        if p.f_range == F::ONE {
            m.c.into_iter().for_each(&mut range);
        }
    }
    for (p, m) in pre::<sign::Pre<F>>(preprocessed[Table::Sign as usize]).zip(&witness.sign) {
        if p.f_element == F::ONE {
            range(m.hi);
            range(sign::spare(m.hi));
        }
    }
    for (p, m) in pre::<mul::Pre<F>>(preprocessed[Table::Mul as usize]).zip(&witness.mul) {
        if p.f == F::ONE {
            for (hi, lo) in m.a_hi.into_iter().chain(m.b_hi).zip(m.a_lo.into_iter().chain(m.b_lo)) {
                if at(hi) < 1 << 8 && at(lo) < 1 << 8 {
                    counts[at(hi) << 8 | at(lo)].bytes += 1;
                }
            }
            for carry in m.carry {
                if at(carry) < 1 << 14 {
                    counts[at(carry)].carry += 1;
                }
            }
        }
    }
    let row = |count: Count| range::Main {
        range: F::from_u32(count.range),
        bytes: F::from_u32(count.bytes),
        carry: F::from_u32(count.carry),
    };
    counts.into_iter().map(row).collect()
}
