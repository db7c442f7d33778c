//! Constraints and buses, row by row and without a proof: what the soundness tests lie to.

use std::collections::HashMap;

use p3_air::{AirBuilder, RowWindow};
use p3_field::PrimeCharacteristicRing;
use p3_lookup::{Count, InteractionBuilder};
use p3_matrix::dense::RowMajorMatrix;
use p3_maybe_rayon::prelude::*;

use crate::tables::{self, Air, F, Heights, Layout, Public, Table, Witness};

/// What does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A constraint of a row; constraints are numbered as the table's `eval` asserts them.
    #[error("{table}: constraint {constraint} does not hold in row {row}")]
    Constraint { table: Table, row: usize, constraint: usize },
    /// A message that is not received as often as it is sent. `count` is what is left.
    #[error("bus {bus}: message {message:?} is left {count} times")]
    Bus { bus: &'static str, message: Vec<F>, count: F },
    /// A table of the witness does not have the layout's rows.
    #[error("{table}: {found} rows of witness for {expected} of the layout")]
    Rows { table: Table, expected: usize, found: usize },
}

/// A message and how often it is sent; less than never (`-1`, …) where it is received.
pub type Message = (&'static str, Vec<F>, F);

/// What one row says.
#[derive(Clone, Debug, Default)]
pub struct RowReport {
    /// Number of the first constraint that does not hold.
    pub broken: Option<usize>,
    /// Messages with a count other than 0.
    pub messages: Vec<Message>,
}

struct Builder<'a> {
    main: RowWindow<'a, F>,
    preprocessed: RowWindow<'a, F>,
    public: &'a [F],
    first: bool,
    last: bool,
    constraint: usize,
    report: RowReport,
}

impl<'a> AirBuilder for Builder<'a> {
    type F = F;
    type Expr = F;
    type Var = F;
    type PreprocessedWindow = RowWindow<'a, F>;
    type MainWindow = RowWindow<'a, F>;
    type PublicVar = F;
    type PeriodicVar = F;

    fn main(&self) -> Self::MainWindow {
        self.main
    }

    fn preprocessed(&self) -> &Self::PreprocessedWindow {
        &self.preprocessed
    }

    fn is_first_row(&self) -> F {
        F::from_bool(self.first)
    }

    fn is_last_row(&self) -> F {
        F::from_bool(self.last)
    }

    fn is_transition(&self) -> F {
        F::from_bool(!self.last)
    }

    fn assert_zero<I: Into<F>>(&mut self, x: I) {
        if x.into() != F::ZERO && self.report.broken.is_none() {
            self.report.broken = Some(self.constraint);
        }
        self.constraint += 1;
    }

    fn public_values(&self) -> &[F] {
        self.public
    }
}

impl InteractionBuilder for Builder<'_> {
    fn push_interaction<E: Into<F>>(&mut self, bus: &str, fields: impl IntoIterator<Item = E>, count: impl Into<Count<F>>) {
        let (count, _) = count.into().into_parts();
        if count != F::ZERO {
            let bus = tables::bus::ALL.into_iter().find(|name| *name == bus).expect("every bus is named in tables::bus");
            self.report.messages.push((bus, fields.into_iter().map(Into::into).collect(), count));
        }
    }

    fn push_local_interaction(&mut self, _: impl IntoIterator<Item = (Vec<F>, Count<F>)>) {
        unreachable!("no table speaks to itself alone");
    }
}

/// All tables, filled.
pub struct Tables {
    pub heights: Heights,
    pub preprocessed: [RowMajorMatrix<F>; 8],
    pub main: [RowMajorMatrix<F>; 8],
    pub public: Public,
}

impl Tables {
    /// Fills the tables with the least heights.
    ///
    /// # Errors
    /// [`Violation::Rows`].
    pub fn new(layout: &Layout, witness: &Witness, public: &Public) -> Result<Self, Violation> {
        same_rows(layout.counts(), witness.counts())?;
        let heights = Heights::of(layout);
        let preprocessed = Table::ALL.map(|table| tables::preprocessed(table, layout, heights));
        let main = tables::main(preprocessed.each_ref(), witness, public, heights);
        Ok(Self { heights, preprocessed, main, public: *public })
    }

    /// Constraints and messages of one row.
    pub fn row(&self, table: Table, row: usize) -> RowReport {
        self.row_with(table, row, &table.public(&self.public))
    }

    fn row_with(&self, table: Table, row: usize, public: &[F]) -> RowReport {
        let height = self.heights.rows(table);
        let at = |rows: &'_ RowMajorMatrix<F>, row: usize| row * rows.width..(row + 1) * rows.width;
        let (main, pre) = (&self.main[table as usize], &self.preprocessed[table as usize]);
        let next = (row + 1) % height;
        let mut builder = Builder {
            main: RowWindow::from_two_rows(&main.values[at(main, row)], &main.values[at(main, next)]),
            preprocessed: RowWindow::from_two_rows(&pre.values[at(pre, row)], &pre.values[at(pre, next)]),
            public,
            first: row == 0,
            last: row + 1 == height,
            constraint: 0,
            report: RowReport::default(),
        };
        p3_air::Air::eval(&Air::new(table), &mut builder);
        builder.report
    }

    /// Everything: each constraint of each row, then each bus.
    ///
    /// # Errors
    /// The first constraint that does not hold, else a message that is left over.
    pub fn check(&self) -> Result<(), Violation> {
        let mut buses: HashMap<(&'static str, Vec<F>), F> = HashMap::new();
        for table in Table::ALL {
            let public = table.public(&self.public);
            const CHUNK: usize = 1 << 12;
            let height = self.heights.rows(table);
            for start in (0..height).step_by(CHUNK) {
                let chunk = start..height.min(start + CHUNK);
                let reports: Vec<_> = chunk.into_par_iter().map(|row| self.row_with(table, row, &public)).collect();
                for (i, report) in reports.into_iter().enumerate() {
                    if let Some(constraint) = report.broken {
                        return Err(Violation::Constraint { table, row: start + i, constraint });
                    }
                    for (bus, message, count) in report.messages {
                        *buses.entry((bus, message)).or_default() += count;
                    }
                }
            }
        }
        // The least, so that the same lie gives the same answer.
        match buses.into_iter().filter(|(_, count)| *count != F::ZERO).min_by(|(a, _), (b, _)| a.cmp(b)) {
            Some(((bus, message), count)) => Err(Violation::Bus { bus, message, count }),
            None => Ok(()),
        }
    }
}

/// Whether a witness has the rows of a layout.
pub(crate) fn same_rows(expected: [usize; 8], found: [usize; 8]) -> Result<(), Violation> {
    match Table::ALL.into_iter().find(|table| expected[*table as usize] != found[*table as usize]) {
        Some(table) => Err(Violation::Rows { table, expected: expected[table as usize], found: found[table as usize] }),
        None => Ok(()),
    }
}

/// Every constraint row by row and every bus, without a proof.
///
/// # Errors
/// The first thing that does not hold.
pub fn check(layout: &Layout, witness: &Witness, public: &Public) -> Result<(), Violation> {
    Tables::new(layout, witness, public)?.check()
}
