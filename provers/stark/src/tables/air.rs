//! A table as the proving library sees it.

use std::sync::Arc;

use p3_air::{BaseAir, WindowAccess};
use p3_lookup::InteractionBuilder;
use p3_matrix::dense::RowMajorMatrix;

use super::{Columns, F, Public, Row, Table, alu, block, hash, logic, mul, range, sign, values};

/// One table. Verifiers know its columns and constraints; provers also its preprocessed rows.
#[derive(Clone, Debug)]
pub struct Air {
    pub table: Table,
    preprocessed: Option<Arc<RowMajorMatrix<F>>>,
}

impl Air {
    /// For a verifier.
    pub const fn new(table: Table) -> Self {
        Self { table, preprocessed: None }
    }

    /// With its preprocessed rows, padded.
    pub const fn with_preprocessed(table: Table, rows: Arc<RowMajorMatrix<F>>) -> Self {
        Self { table, preprocessed: Some(rows) }
    }

    /// All tables, for a verifier.
    pub fn all() -> [Self; 8] {
        Table::ALL.map(Self::new)
    }
}

impl Table {
    /// Number of witness columns.
    pub const fn width(self) -> usize {
        match self {
            Self::Hash => hash::WIDTH,
            Self::Alu => <alu::Main<F> as Row>::WIDTH,
            Self::Mul => <mul::Main<F> as Row>::WIDTH,
            Self::Logic => <logic::Main<F> as Columns<F>>::WIDTH,
            Self::Block => <block::Main<F> as Columns<F>>::WIDTH,
            Self::Sign => <sign::Main<F> as Row>::WIDTH,
            Self::Values => <values::Main<F> as Columns<F>>::WIDTH,
            Self::Range => <range::Main<F> as Columns<F>>::WIDTH,
        }
    }

    /// Number of preprocessed columns.
    pub const fn preprocessed_width(self) -> usize {
        match self {
            Self::Hash => <hash::Pre<F> as Columns<F>>::WIDTH,
            Self::Alu => <alu::Pre<F> as Columns<F>>::WIDTH,
            Self::Mul => <mul::Pre<F> as Columns<F>>::WIDTH,
            Self::Logic => <logic::Pre<F> as Columns<F>>::WIDTH,
            Self::Block => <block::Pre<F> as Columns<F>>::WIDTH,
            Self::Sign => <sign::Pre<F> as Columns<F>>::WIDTH,
            Self::Values => <values::Pre<F> as Columns<F>>::WIDTH,
            Self::Range => <range::Pre<F> as Columns<F>>::WIDTH,
        }
    }

    /// Whether a constraint or message speaks of the next row.
    pub const fn reads_next(self) -> bool {
        matches!(self, Self::Hash | Self::Block | Self::Sign)
    }

    /// The public values that its constraints are given.
    pub fn public(self, public: &Public) -> Vec<F> {
        match self {
            Self::Block => [public.z, public.y].concat(),
            Self::Values => public.to_vec(),
            _ => vec![],
        }
    }

    const fn public_len(self) -> usize {
        match self {
            Self::Block => 2 * super::EXTENSION,
            Self::Values => Public::LEN,
            _ => 0,
        }
    }
}

impl BaseAir<F> for Air {
    fn width(&self) -> usize {
        self.table.width()
    }

    fn preprocessed_trace(&self) -> Option<RowMajorMatrix<F>> {
        self.preprocessed.as_ref().map(|rows| RowMajorMatrix::clone(rows))
    }

    fn preprocessed_width(&self) -> usize {
        self.table.preprocessed_width()
    }

    fn main_next_row_columns(&self) -> Vec<usize> {
        if self.table.reads_next() { (0..self.table.width()).collect() } else { vec![] }
    }

    fn preprocessed_next_row_columns(&self) -> Vec<usize> {
        vec![]
    }

    fn num_public_values(&self) -> usize {
        self.table.public_len()
    }
}

impl<AB: InteractionBuilder<F = F>> p3_air::Air<AB> for Air {
    fn eval(&self, builder: &mut AB) {
        match self.table {
            Table::Hash => hash::eval(builder),
            Table::Alu => alu::eval(builder),
            Table::Mul => mul::eval(builder),
            Table::Logic => logic::eval(builder),
            Table::Block => block::eval(builder),
            Table::Sign => sign::eval(builder),
            Table::Values => values::eval(builder),
            Table::Range => range::eval(builder),
        }
    }
}

/// The preprocessed columns of the row.
pub(super) fn pre<AB: InteractionBuilder, C: Columns<AB::Var>>(builder: &AB) -> C {
    C::read(builder.preprocessed().current_slice())
}

/// The witness columns of the row.
pub(super) fn local<AB: InteractionBuilder, C: Columns<AB::Var>>(builder: &AB) -> C {
    C::read(builder.main().current_slice())
}

/// The witness columns of the row, of which the second part is made from the first.
pub(super) fn local_pair<AB: InteractionBuilder, A: Columns<AB::Var>, B: Columns<AB::Var>>(builder: &AB) -> (A, B) {
    let main = builder.main();
    let (a, b) = main.current_slice().split_at(A::WIDTH);
    (A::read(a), B::read(b))
}

/// The witness columns of the next row; of the first row on the last.
pub(super) fn next<AB: InteractionBuilder, C: Columns<AB::Var>>(builder: &AB) -> C {
    C::read(builder.main().next_slice())
}
