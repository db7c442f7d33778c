//! The eight tables of TABLES.md: their columns, constraints and buses.

#[macro_use]
mod columns;
mod air;
pub mod alu;
pub mod block;
pub mod bus;
pub mod hash;
pub mod logic;
pub mod mul;
pub mod range;
pub mod sign;
mod trace;
pub mod values;

use p3_field::extension::QuinticTrinomialExtensionField;
use p3_koala_bear::KoalaBear;

pub use air::Air;
pub use columns::{Columns, Row};
pub(crate) use trace::blocks;
pub use trace::{Heights, main, preprocessed};

/// The field, `p = 2^31 - 2^24 + 1`.
pub type F = KoalaBear;
/// `F[X] / (X^5 + X^2 - 1)`: challenges, openings, and the journal's evaluation.
pub type EF = QuinticTrinomialExtensionField<F>;

/// Digests, wires and cells are this many elements.
pub const DIGEST: usize = 8;
/// Coefficients of an element of [`EF`].
pub const EXTENSION: usize = 5;

/// The tables, in the order in which they stand everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    Hash,
    Alu,
    Mul,
    Logic,
    Block,
    Sign,
    Values,
    Range,
}

impl Table {
    pub const ALL: [Self; 8] =
        [Self::Hash, Self::Alu, Self::Mul, Self::Logic, Self::Block, Self::Sign, Self::Values, Self::Range];

    /// The name in TABLES.md.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hash => "HASH",
            Self::Alu => "ALU",
            Self::Mul => "MUL",
            Self::Logic => "LOGIC",
            Self::Block => "BLOCK",
            Self::Sign => "SIGN",
            Self::Values => "VALUES",
            Self::Range => "RANGE",
        }
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What stands where: the preprocessed rows that a program and batch size give, without padding. RANGE needs none.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    pub hash: Vec<hash::Pre<F>>,
    pub alu: Vec<alu::Pre<F>>,
    pub mul: Vec<mul::Pre<F>>,
    pub logic: Vec<logic::Pre<F>>,
    pub block: Vec<block::Pre<F>>,
    pub sign: Vec<sign::Pre<F>>,
    pub values: Vec<values::Pre<F>>,
}

/// What a prover fills in: one entry for each row of the [`Layout`]. Padding and RANGE's counts are made from it.
#[derive(Clone, Debug, Default)]
pub struct Witness {
    pub hash: Vec<hash::Witness>,
    pub alu: Vec<alu::Main<F>>,
    pub mul: Vec<mul::Main<F>>,
    pub logic: Vec<logic::Main<F>>,
    pub block: Vec<block::Main<F>>,
    pub sign: Vec<sign::Main<F>>,
    pub values: Vec<values::Main<F>>,
}

/// The public values of a proof (docs/suites.md §12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Public {
    pub pre_root: [F; DIGEST],
    pub post_root: [F; DIGEST],
    pub commitment: [F; DIGEST],
    pub z: [F; EXTENSION],
    pub y: [F; EXTENSION],
    /// Half-words, most significant first.
    pub payee: [F; 10],
    pub domain: [F; DIGEST],
}

impl Public {
    /// Number of elements.
    pub const LEN: usize = 4 * DIGEST + 2 * EXTENSION + 10;
    /// Where `pre_root`, `post_root`, `commitment` and `domain` stand among them.
    pub const PRE_ROOT: usize = 0;
    pub const POST_ROOT: usize = DIGEST;
    pub const COMMITMENT: usize = 2 * DIGEST;
    pub const DOMAIN: usize = 3 * DIGEST + 2 * EXTENSION + 10;

    /// All 52 elements, in the order of docs/program.md §6.
    pub fn to_vec(&self) -> Vec<F> {
        [&self.pre_root[..], &self.post_root, &self.commitment, &self.z, &self.y, &self.payee, &self.domain].concat()
    }

    /// Those of these elements, in the same order.
    pub fn from_values(values: &[F; Self::LEN]) -> Self {
        fn take<const N: usize>(values: &mut impl Iterator<Item = F>) -> [F; N] {
            std::array::from_fn(|_| values.next().expect("as many as there are public values"))
        }
        let mut values = values.iter().copied();
        Self {
            pre_root: take(&mut values),
            post_root: take(&mut values),
            commitment: take(&mut values),
            z: take(&mut values),
            y: take(&mut values),
            payee: take(&mut values),
            domain: take(&mut values),
        }
    }
}
