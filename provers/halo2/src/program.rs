//! Programs: from canonical bytes to checked steps (docs/program.md §1 to §4; proto/multiprover/program/v1/program.proto).











/// Of docs/program.md.
pub const VERSION: u32 = 1;
/// Words of one suite's part of a key.
pub const KEY_WORDS: usize = 8;

/// The integers from `lo` to `hi`, both included; never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    pub lo: i128,
    pub hi: i128,
}

impl Range {
    pub const BOOLEAN: Range = Range { lo: 0, hi: 1 };

    pub fn new(lo: i128, hi: i128) -> Option<Range> {
        (lo <= hi).then_some(Range { lo, hi })
    }

    pub fn contains(&self, v: i128) -> bool {
        self.lo <= v && v <= self.hi
    }

    /// Whether every value of this range is one of the other.
    pub fn within(&self, outer: &Range) -> bool {
        outer.lo <= self.lo && self.hi <= outer.hi
    }

    /// How many values there are, less one.
    pub fn span(&self) -> u128 {
        self.hi.wrapping_sub(self.lo) as u128
    }

    /// 32-bit words of a value typed with this range.
    pub fn words(&self) -> usize {
        let bits = 128 - self.span().leading_zeros() as usize;
        bits.div_ceil(32).max(1)
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "[{}, {}]", self.lo, self.hi)
    }
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Integer(Range),
    Key,
}

impl Type {
    pub fn range(&self) -> Option<Range> {
        match self {
            Type::Integer(range) => Some(*range),
            Type::Key => None,
        }
    }
}

/// A field of a record, or a cell.
#[derive(Debug, Clone)]
pub struct Field {
    pub name: String,
    pub ty: Type,
}

/// A map of 2^depth records.
#[derive(Debug, Clone)]
pub struct Map {
    pub name: String,
    /// 1 to 32.
    pub depth: usize,
    pub fields: Vec<Field>,
}

/// The `n`-th state access of a slot.
#[derive(Debug, Clone)]
pub struct Port {
    pub map: usize,
}

/// A step's value, by the index of the step.
pub type Id = usize;

/// An operation of docs/program.md §3. `port`s are numbers of ports, not ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Const(i128),
    Param {
        word: usize,
    },
    /// `word` is the first of this suite's eight.
    KeyParam {
        word: usize,
    },
    Cell {
        cell: usize,
    },
    Open {
        enabled: Id,
        index: Id,
        port: usize,
    },
    Load {
        port: usize,
        field: usize,
    },
    Add(Id, Id),
    Sub(Id, Id),
    Mul(Id, Id),
    /// The floor of the quotient.
    Divmod(Id, Id),
    /// Of the `Divmod` with this id.
    Remainder(Id),
    Eq(Id, Id),
    Lt(Id, Id),
    Select {
        condition: Id,
        yes: Id,
        no: Id,
    },
    And(Id, Id),
    Or(Id, Id),
    Not(Id),
    /// Constrains the value to the step's own range.
    Range(Id),
    Assert(Id),
    Authorize {
        enabled: Id,
        key: Id,
        nonce: Id,
        authorization: usize,
    },
    Store {
        port: usize,
        value: Id,
        field: usize,
    },
    StoreCell {
        value: Id,
        cell: usize,
    },
    /// Appends the value, typed with `range`, to the slot's output words.
    Output {
        value: Id,
        range: Range,
    },
}

/// One operation, and the type of its value if it gives one.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    pub op: Op,
    pub ty: Option<Type>,
}

/// A program whose every rule was checked.
#[derive(Debug, Clone)]
pub struct Program {
    /// keccak256 of its canonical bytes.
    pub id: [u8; 32],
    pub name: String,
    pub suites: Vec<String>,
    /// Position of this prover's suite in `suites`.
    pub suite: usize,
    pub cells: Vec<Field>,
    pub maps: Vec<Map>,
    pub ports: Vec<Port>,
    /// Input words a slot.
    pub input_words: usize,
    /// Output words a slot.
    pub output_words: usize,
    /// Signatures a slot.
    pub authorizations: usize,
    pub steps: Vec<Step>,
}

impl Program {
    /// The type of a value.
    ///
    /// # Panics
    /// The step gives none; a checked program never refers to such.
    pub fn ty(&self, id: Id) -> Type {
        self.steps[id].ty.expect("a value")
    }

    /// The range of an integer value.
    ///
    /// # Panics
    /// The step gives no integer.
    pub fn range(&self, id: Id) -> Range {
        self.ty(id).range().expect("an integer")
    }

    /// 32-bit words of a batch's journal.
    pub fn journal_words(&self, slots: usize) -> usize {
        let cells = self.cells.iter().filter_map(|c| c.ty.range()).map(|r| r.words()).sum::<usize>();
        slots * (self.input_words + self.output_words) + cells
    }
}
