//! Constraints and buses, row by row and without a proof: what the soundness tests lie to.

use std::collections::{BTreeMap, HashMap};

use p3_air::{AirBuilder, RowWindow};
use p3_field::{PrimeCharacteristicRing, PrimeField32};
use p3_lookup::{Count, InteractionBuilder};
use p3_matrix::dense::RowMajorMatrix;
use p3_maybe_rayon::prelude::*;

use crate::tables::bus::{WIRE, WORD};
use crate::tables::{self, Air, Columns, F, Heights, Layout, Public, Row, Table, Witness};

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
    /// The value of each constraint.
    pub constraints: Vec<F>,
    /// Messages with a count other than 0.
    pub messages: Vec<Message>,
}

impl RowReport {
    /// Number of the first constraint that does not hold.
    pub fn broken(&self) -> Option<usize> {
        self.constraints.iter().position(|value| *value != F::ZERO)
    }
}

struct Builder<'a> {
    main: RowWindow<'a, F>,
    preprocessed: RowWindow<'a, F>,
    public: &'a [F],
    first: bool,
    last: bool,
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
        self.report.constraints.push(x.into());
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

fn slice(rows: &RowMajorMatrix<F>, row: usize) -> &[F] {
    &rows.values[row * rows.width..(row + 1) * rows.width]
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
        Self::with_heights(layout, witness, public, Heights::of(layout))
    }

    /// Fills the tables with these heights, which hold the layout.
    ///
    /// # Errors
    /// [`Violation::Rows`].
    pub fn with_heights(layout: &Layout, witness: &Witness, public: &Public, heights: Heights) -> Result<Self, Violation> {
        same_rows(layout.counts(), witness.counts())?;
        let preprocessed = Table::ALL.map(|table| tables::preprocessed(table, layout, heights));
        let main = tables::main(preprocessed.each_ref(), witness, public, heights);
        Ok(Self { heights, preprocessed, main, public: *public })
    }

    /// Constraints and messages of one row.
    pub fn row(&self, table: Table, row: usize) -> RowReport {
        let next = (row + 1) % self.heights.rows(table);
        self.evaluate(table, row, [self.main_row(table, row), self.main_row(table, next)], &table.public(&self.public))
    }

    fn main_row(&self, table: Table, row: usize) -> &[F] {
        slice(&self.main[table as usize], row)
    }

    /// One row of these witness columns, the next row's after it.
    pub fn evaluate(&self, table: Table, row: usize, main: [&[F]; 2], public: &[F]) -> RowReport {
        let height = self.heights.rows(table);
        let pre = &self.preprocessed[table as usize];
        let mut builder = Builder {
            main: RowWindow::from_two_rows(main[0], main[1]),
            preprocessed: RowWindow::from_two_rows(slice(pre, row), slice(pre, (row + 1) % height)),
            public,
            first: row == 0,
            last: row + 1 == height,
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
                let report = |row| {
                    let next = (row + 1) % height;
                    self.evaluate(table, row, [self.main_row(table, row), self.main_row(table, next)], &public)
                };
                let reports: Vec<_> = chunk.into_par_iter().map(report).collect();
                for (i, report) in reports.into_iter().enumerate() {
                    if let Some(constraint) = report.broken() {
                        return Err(Violation::Constraint { table, row: start + i, constraint });
                    }
                    for (bus, message, count) in report.messages {
                        *buses.entry((bus, message)).or_default() += count;
                    }
                }
            }
        }
        balanced(buses)
    }
}

/// Whether nothing is left. What is named is the least, so that the same lie gives the same answer.
fn balanced(buses: HashMap<(&'static str, Vec<F>), F>) -> Result<(), Violation> {
    match buses.into_iter().filter(|(_, count)| *count != F::ZERO).min_by(|(a, _), (b, _)| a.cmp(b)) {
        Some(((bus, message), count)) => Err(Violation::Bus { bus, message, count }),
        None => Ok(()),
    }
}

/// New witness columns of a row.
#[derive(Clone, Debug)]
pub struct Change {
    pub table: Table,
    pub row: usize,
    pub columns: Vec<F>,
}

/// Checks lies that differ from a true witness in few rows, by those rows alone.
pub struct Checker {
    tables: Tables,
    witness: Witness,
}

impl Checker {
    /// # Errors
    /// What does not hold: the first witness must be true.
    pub fn new(layout: &Layout, witness: &Witness, public: &Public) -> Result<Self, Violation> {
        let tables = Tables::new(layout, witness, public)?;
        tables.check()?;
        Ok(Self { tables, witness: witness.clone() })
    }

    pub const fn tables(&self) -> &Tables {
        &self.tables
    }

    /// As [`check`] of another witness and other public values: RANGE's counts are those that the queries need.
    ///
    /// # Errors
    /// What does not hold.
    pub fn check_witness(&self, witness: &Witness, public: &Public) -> Result<(), Violation> {
        same_rows(self.witness.counts(), witness.counts())?;
        fn changed<R: Row + PartialEq>(table: Table, old: &[R], new: &[R]) -> impl Iterator<Item = Change> {
            let rows = old.iter().zip(new).enumerate().filter(|(_, (old, new))| old != new);
            rows.map(move |(row, (_, new))| {
                let mut columns = F::zero_vec(R::WIDTH);
                new.fill(&mut columns);
                Change { table, row, columns }
            })
        }
        let hashes = self.witness.hash.iter().zip(&witness.hash).enumerate().filter(|(_, (old, new))| old != new);
        let hashes = hashes.map(|(row, (_, new))| Change { table: Table::Hash, row, columns: new.columns() });
        // Public values stand in constraints of these two.
        let blocks = tables::blocks(&self.tables.preprocessed[Table::Block as usize], &witness.block, public);
        let blocks: Vec<_> = self.tables.all_rows(Table::Block, &blocks).collect();
        let values: Vec<_> = self.tables.all_rows(Table::Values, &witness.values).collect();
        let changes: Vec<_> = hashes
            .chain(changed(Table::Alu, &self.witness.alu, &witness.alu))
            .chain(changed(Table::Mul, &self.witness.mul, &witness.mul))
            .chain(changed(Table::Logic, &self.witness.logic, &witness.logic))
            .chain(blocks)
            .chain(changed(Table::Sign, &self.witness.sign, &witness.sign))
            .chain(values)
            .collect();
        self.check_changes(&changes, public)
    }

    /// Checks the tables with some rows changed. Queries to RANGE are answered by membership, as its counts are the prover's;
    /// counts that are changed themselves must fit.
    ///
    /// # Errors
    /// What does not hold.
    pub fn check_changes(&self, changes: &[Change], public: &Public) -> Result<(), Violation> {
        let new: HashMap<(Table, usize), &[F]> =
            changes.iter().map(|change| ((change.table, change.row), &change.columns[..])).collect();
        let mut affected: Vec<(Table, usize)> = new.keys().copied().collect();
        for (table, row) in new.keys() {
            if table.reads_next() {
                let height = self.tables.heights.rows(*table);
                affected.push((*table, (row + height - 1) % height));
            }
        }
        affected.sort_unstable();
        affected.dedup();
        let publics = Table::ALL.map(|table| table.public(public));
        let mut buses: HashMap<(&'static str, Vec<F>), F> = HashMap::new();
        for (table, row) in affected {
            let columns = |row| new.get(&(table, row)).copied().unwrap_or_else(|| self.tables.main_row(table, row));
            let rows = [columns(row), columns((row + 1) % self.tables.heights.rows(table))];
            let report = self.tables.evaluate(table, row, rows, &publics[table as usize]);
            if let Some(constraint) = report.broken() {
                return Err(Violation::Constraint { table, row, constraint });
            }
            for (bus, message, count) in report.messages {
                if table != Table::Range && answered(bus, &message) {
                    continue;
                }
                *buses.entry((bus, message)).or_default() += count;
            }
            for (bus, message, count) in self.tables.row(table, row).messages {
                if table != Table::Range && answered(bus, &message) {
                    continue;
                }
                *buses.entry((bus, message)).or_default() -= count;
            }
        }
        balanced(buses)
    }
}

/// Whether a row of RANGE stands for the message.
fn answered(bus: &str, message: &[F]) -> bool {
    bus == tables::bus::BYTE && message.iter().all(|x| x.as_canonical_u32() < 1 << 8)
}

impl Tables {
    /// Every row of a table, filled up with zeros.
    fn all_rows<C: Columns<F>>(&self, table: Table, rows: &[C]) -> impl Iterator<Item = Change> {
        (0..self.heights.rows(table)).map(move |row| {
            let mut columns = F::zero_vec(C::WIDTH);
            if let Some(row) = rows.get(row) {
                row.write(&mut columns);
            }
            Change { table, row, columns }
        })
    }
}

/// A layout that no lowering should make: a message is not received as often as it is sent, or has two writers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    #[error("bus {bus}: what has id {id} is sent {sent} times and received {received} times")]
    Balance { bus: &'static str, id: u32, sent: u64, received: u64 },
    #[error("bus {bus}: what has id {id} has {writers} writers")]
    Writers { bus: &'static str, id: u32, writers: u32 },
    #[error("{table}: row {row} goes on in a row that is not there")]
    Open { table: Table, row: usize },
}

/// Whether each wire and word has one writer and as many readers as it is sent, and no row goes on in padding: what the
/// soundness of the buses rests on beside the constraints, and a verifying key says nothing of.
///
/// # Errors
/// The first flaw.
pub fn audit(layout: &Layout) -> Result<(), Flaw> {
    let open = [
        (Table::Hash, layout.hash.last().is_some_and(|row| row.f_absorb + row.f_climb != F::ZERO)),
        (Table::Block, layout.block.last().is_some_and(|row| row.m_key != F::ZERO)),
        (Table::Sign, layout.sign.last().is_some_and(|row| row.f_stop == F::ZERO)),
    ];
    if let Some((table, _)) = open.into_iter().find(|(_, open)| *open) {
        return Err(Flaw::Open { table, row: layout.counts()[table as usize] - 1 });
    }
    #[derive(Default)]
    struct Tally {
        sent: u64,
        received: u64,
        writers: u32,
    }
    let mut tallies: BTreeMap<(&'static str, u32), Tally> = BTreeMap::new();
    let mut count = |bus: &'static str, id: F, count: F| {
        let tally = tallies.entry((bus, id.as_canonical_u32())).or_default();
        let (sent, received) = (count.as_canonical_u32(), (-count).as_canonical_u32());
        match (sent, sent <= received) {
            (0, _) => {}
            (_, true) => {
                tally.sent += u64::from(sent);
                tally.writers += 1;
            }
            (_, false) => tally.received += u64::from(received),
        }
    };
    for row in &layout.hash {
        count(WIRE, row.id_in, -row.f_read);
        count(WIRE, row.id_sib, row.m_sib);
        count(WIRE, row.id_out, row.m_out);
        count(WIRE, row.id_idx, -row.f_idx);
    }
    for row in &layout.alu {
        count(WIRE, row.id_a, -row.f_a);
        count(WIRE, row.id_b, -row.f_b);
        count(WIRE, row.id_c, row.m_c);
        count(WIRE, row.id_bit, row.m_bit);
        count(WORD, row.id_c.double(), row.m_w0);
        count(WORD, row.id_c.double() + F::ONE, row.m_w1);
    }
    for row in &layout.mul {
        count(WIRE, row.id_a, -row.f);
        count(WIRE, row.id_b, -row.f);
        count(WIRE, row.id_r, -row.f_r);
        count(WIRE, row.id_c, -row.f);
    }
    for row in &layout.logic {
        count(WIRE, row.id_a, -row.f_a);
        count(WIRE, row.id_b, -row.f_b);
        count(WIRE, row.id_c, row.m_c);
    }
    for row in &layout.block {
        row.id_w.iter().zip(row.f_w).for_each(|(id, f)| count(WORD, *id, -f));
        count(WIRE, row.id_out, row.m_out);
        count(WIRE, row.id_key, row.m_key);
    }
    for row in &layout.sign {
        count(WIRE, row.id_h, -row.f_start);
    }
    for row in &layout.values {
        count(WIRE, row.id, row.m);
    }
    for ((bus, id), Tally { sent, received, writers }) in tallies {
        if sent != received {
            return Err(Flaw::Balance { bus, id, sent, received });
        }
        if writers > 1 {
            return Err(Flaw::Writers { bus, id, writers });
        }
    }
    Ok(())
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
