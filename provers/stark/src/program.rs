//! The program (docs/program.md): its one encoding, and every rule of it, checked.
//!
//! Of a program that was read the lowering may rely on: operands are earlier values of the right type; every range is the one that
//! §3 gives, within ±2^127; ports, authorizations and outputs are numbered and stand where the program says.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;

use prost::Message;

use crate::pb::program as pb;
use crate::refusal::{Refusal, malformed, non_canonical, unsupported};
use crate::suite;

/// Version of docs/program.md.
pub const VERSION: u32 = 1;

/// Operations of a slot, input words and output words, cells and maps that are taken at most. Larger ones would not fit the tables at
/// any batch size, and the number of a map must fit a tag's element.
pub const MAX_OPS: usize = 1 << 16;
pub const MAX_WORDS: usize = 1 << 12;
pub const MAX_STATE: usize = 1 << 12;

/// Number of an operation, and of the value that it gives.
pub type Id = usize;

/// The type of a value: an integer of a static range within ±2^127, or a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Int { lo: i128, hi: i128 },
    Key,
}

impl Type {
    pub const BOOL: Type = Type::Int { lo: 0, hi: 1 };

    /// 32-bit words of its encoding `v - lo` (docs/program.md §1), at least 1; of a key: none, it is written apart.
    pub fn words(self) -> usize {
        match self {
            Type::Int { lo, hi } => (128 - width(lo, hi).leading_zeros()).div_ceil(32).max(1) as usize,
            Type::Key => 0,
        }
    }

    /// Whether every value of `other` is one of this type.
    pub fn holds(self, other: Type) -> bool {
        match (self, other) {
            (Type::Int { lo, hi }, Type::Int { lo: low, hi: high }) => lo <= low && high <= hi,
            (Type::Key, Type::Key) => true,
            _ => false,
        }
    }

    pub fn is_key(self) -> bool {
        self == Type::Key
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Type::Int { lo, hi } => write!(f, "[{lo}, {hi}]"),
            Type::Key => f.write_str("a key"),
        }
    }
}

/// `hi - lo`, which is below 2^128.
fn width(lo: i128, hi: i128) -> u128 {
    hi.wrapping_sub(lo) as u128
}

/// A map: `2^depth` records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Map {
    /// 1 to 32.
    pub depth: usize,
    /// Of a record, in order; at least one.
    pub fields: Vec<Type>,
}

/// An operation (docs/program.md §3). `port` and `number` count the `OPEN`s and `AUTHORIZE`s from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Const(i128),
    Param {
        word: usize,
    },
    /// `word` is the first of the eight of this prover's suite.
    KeyParam {
        word: usize,
    },
    Cell {
        cell: usize,
    },
    Open {
        port: usize,
        enabled: Id,
        index: Id,
    },
    Load {
        port: usize,
        field: usize,
    },
    Add(Id, Id),
    Sub(Id, Id),
    Mul(Id, Id),
    Divmod(Id, Id),
    /// Of the `DIVMOD` with this id.
    Remainder(Id),
    Eq(Id, Id),
    Lt(Id, Id),
    /// `one` if `bit` is 1, else `zero`.
    Select {
        bit: Id,
        one: Id,
        zero: Id,
    },
    And(Id, Id),
    Or(Id, Id),
    Not(Id),
    /// Its range is the type of the value that it gives.
    Range(Id),
    Assert(Id),
    Authorize {
        number: usize,
        enabled: Id,
        key: Id,
        nonce: Id,
    },
    Store {
        port: usize,
        field: usize,
        value: Id,
    },
    StoreCell {
        cell: usize,
        value: Id,
    },
    /// `ty` is an integer's, of at most 64 bits.
    Output {
        value: Id,
        ty: Type,
    },
}

impl Op {
    /// Its name in docs/program.md.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Const(_) => "CONST",
            Op::Param { .. } => "PARAM",
            Op::KeyParam { .. } => "KEY_PARAM",
            Op::Cell { .. } => "CELL",
            Op::Open { .. } => "OPEN",
            Op::Load { .. } => "LOAD",
            Op::Add(..) => "ADD",
            Op::Sub(..) => "SUB",
            Op::Mul(..) => "MUL",
            Op::Divmod(..) => "DIVMOD",
            Op::Remainder(_) => "REMAINDER",
            Op::Eq(..) => "EQ",
            Op::Lt(..) => "LT",
            Op::Select { .. } => "SELECT",
            Op::And(..) => "AND",
            Op::Or(..) => "OR",
            Op::Not(_) => "NOT",
            Op::Range(_) => "RANGE",
            Op::Assert(_) => "ASSERT",
            Op::Authorize { .. } => "AUTHORIZE",
            Op::Store { .. } => "STORE",
            Op::StoreCell { .. } => "STORE_CELL",
            Op::Output { .. } => "OUTPUT",
        }
    }
}

/// An operation and the type of what it gives, if it gives something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    pub op: Op,
    pub ty: Option<Type>,
}

/// A port: the `n`-th `OPEN`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    pub map: usize,
}

/// A program whose every rule holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// keccak256 of the canonical bytes.
    pub id: [u8; 32],
    pub name: String,
    pub suites: Vec<String>,
    /// Place of this prover's suite among them.
    pub suite: usize,
    pub cells: Vec<Type>,
    pub maps: Vec<Map>,
    pub kinds: usize,
    pub input_words: usize,
    pub output_words: usize,
    pub ports: Vec<Port>,
    pub authorizations: usize,
    /// A value's id is its index.
    pub steps: Vec<Step>,
}

impl Program {
    /// Reads canonical bytes.
    ///
    /// # Errors
    /// `MALFORMED`: no program, or one that breaks a rule, with the operation's number. `NON_CANONICAL`: not in its one encoding.
    /// `UNSUPPORTED`: another version, an unknown operation, a program without the suite `koalabear`, or one that is too large.
    pub fn decode(bytes: &[u8]) -> Result<Program, Refusal> {
        let message = pb::Program::decode(bytes).map_err(|e| malformed(format!("these bytes are no program: {e}")))?;
        if message.version != VERSION {
            return Err(unsupported("this prover reads another version of programs").differing(VERSION, message.version));
        }
        if message.encode_to_vec() != bytes {
            return Err(non_canonical("the program is not in its one encoding: written again it has other bytes"));
        }
        let Some(suite) = message.suites.iter().position(|s| s == suite::NAME) else {
            return Err(unsupported("the program lacks this prover's suite: add it to the transition's `suites`")
                .differing(suite::NAME, message.suites.join(", ")));
        };
        for (what, most, found) in [
            ("operations", MAX_OPS, message.ops.len()),
            ("input words", MAX_WORDS, message.input_words as usize),
            ("output words", MAX_WORDS, message.output_words as usize),
            ("cells", MAX_STATE, message.cells.len()),
            ("maps", MAX_STATE, message.maps.len()),
        ] {
            if found > most {
                return Err(unsupported("the program is too large").differing(format!("at most {most} {what}"), found));
            }
        }
        let mut distinct = HashSet::new();
        if let Some(twice) = message.suites.iter().find(|s| !distinct.insert(*s)) {
            return Err(malformed(format!("the suite {twice} stands twice")));
        }
        let reader = Reader::read(&message, suite)?;
        reader.places(&message)?;
        kinds(&message)?;
        Ok(Program {
            id: suite::keccak256(bytes),
            name: message.name,
            suites: message.suites,
            suite,
            cells: reader.cells,
            maps: reader.maps,
            kinds: message.kinds.len(),
            input_words: message.input_words as usize,
            output_words: message.output_words as usize,
            ports: reader.ports.into_iter().map(|map| Port { map }).collect(),
            authorizations: reader.authorizations,
            steps: reader.steps,
        })
    }

    /// The map of a port.
    pub fn map_of(&self, port: usize) -> &Map {
        &self.maps[self.ports[port].map]
    }

    /// 32-bit words of the integer cells.
    pub fn cell_words(&self) -> usize {
        self.cells.iter().map(|t| t.words()).sum()
    }

    /// 32-bit words of a batch's journal (docs/program.md §6).
    pub fn journal_words(&self, slots: usize) -> usize {
        slots * (self.input_words + self.output_words) + self.cell_words()
    }
}

/// The type of an operation's value by the rules of docs/program.md §3; `None` if it leaves ±2^127. `a` and `b` are the ranges of the
/// operands that are computed with.
mod ranges {
    type Range = (i128, i128);

    pub fn add(a: Range, b: Range) -> Option<Range> {
        Some((a.0.checked_add(b.0)?, a.1.checked_add(b.1)?))
    }

    pub fn sub(a: Range, b: Range) -> Option<Range> {
        Some((a.0.checked_sub(b.1)?, a.1.checked_sub(b.0)?))
    }

    pub fn mul(a: Range, b: Range) -> Option<Range> {
        let mut range = (i128::MAX, i128::MIN);
        for x in [a.0, a.1] {
            for y in [b.0, b.1] {
                let corner = x.checked_mul(y)?;
                range = (range.0.min(corner), range.1.max(corner));
            }
        }
        Some(range)
    }

    /// `b.0 >= 1`, so Euclid's quotient is the floor.
    pub fn quotient(a: Range, b: Range) -> Range {
        let least = a.0.div_euclid(if a.0 < 0 { b.0 } else { b.1 });
        let greatest = a.1.div_euclid(if a.1 < 0 { b.1 } else { b.0 });
        (least, greatest)
    }

    pub fn remainder(a: Range, b: Range) -> Range {
        (0, if a.0 < 0 { b.1 - 1 } else { a.1.min(b.1 - 1) })
    }
}

/// An integer of an operation's `lo` or `hi`: two's complement, big-endian, shortest form, empty for 0.
fn bound(bytes: &[u8]) -> Result<i128, Refusal> {
    if bytes.len() > 16 {
        return Err(malformed("a range leaves ±2^127").differing("at most 16 bytes", format!("{} bytes", bytes.len())));
    }
    let negative = bytes.first().is_some_and(|b| b >> 7 == 1);
    let value = bytes.iter().fold(if negative { -1i128 } else { 0 }, |v, &b| v << 8 | i128::from(b));
    // The shortest form of a value other than 0 has room for its sign and its bits, and no more.
    let bits = 128 - if negative { value.leading_ones() } else { value.leading_zeros() };
    let shortest = if value == 0 { 0 } else { bits as usize / 8 + 1 };
    if bytes.len() != shortest {
        return Err(non_canonical("a bound of a range is not in its shortest form")
            .differing(format!("{shortest} bytes"), format!("{} bytes", bytes.len())));
    }
    Ok(value)
}

fn field(f: &pb::Field) -> Result<Type, Refusal> {
    let (lo, hi) = (i128::from(f.lo), i128::from(f.hi));
    match f.key {
        true if (lo, hi) != (0, 0) => {
            Err(malformed(format!("{}: a key has no range", f.name)).differing("[0, 0]", format!("[{lo}, {hi}]")))
        }
        true => Ok(Type::Key),
        false if lo > 0 || width(lo, hi) >> 64 != 0 => Err(malformed(format!("{}: no type", f.name))
            .differing("at most 64 bits, and 0 among the values", format!("[{lo}, {hi}]"))),
        false => Ok(Type::Int { lo, hi }),
    }
}

fn fields(all: &[pb::Field]) -> Result<Vec<Type>, Refusal> {
    all.iter().map(field).collect()
}

fn words(types: &[Type]) -> usize {
    types.iter().map(|t| t.words()).sum()
}

/// What can be stored into: a field of a port's record, or a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Field { port: usize, field: usize },
    Cell(usize),
}

/// Reads the state's shape and the operations.
struct Reader {
    cells: Vec<Type>,
    maps: Vec<Map>,
    /// The map of each port so far.
    ports: Vec<usize>,
    authorizations: usize,
    steps: Vec<Step>,
    stored: BTreeSet<Place>,
}

impl Reader {
    fn read(m: &pb::Program, suite: usize) -> Result<Reader, Refusal> {
        let maps = (m.maps.iter())
            .map(|map| {
                if !(1..=32).contains(&map.depth) || map.fields.is_empty() {
                    return Err(malformed(format!("map {}: no map", map.name)).differing(
                        "depth 1 to 32, a field at least",
                        format!("depth {}, {} fields", map.depth, map.fields.len()),
                    ));
                }
                Ok(Map { depth: map.depth as usize, fields: fields(&map.fields)? })
            })
            .collect::<Result<_, _>>()?;
        let mut reader = Reader {
            cells: fields(&m.cells)?,
            maps,
            ports: vec![],
            authorizations: 0,
            steps: Vec::with_capacity(m.ops.len()),
            stored: BTreeSet::new(),
        };
        let mut openings = HashMap::new();
        let mut divided = HashSet::new();
        for (id, op) in m.ops.iter().enumerate() {
            let step = reader.step(m, suite, op, &openings).map_err(|r| r.within(format!("operation {id}")))?;
            match step.op {
                Op::Open { port, .. } => {
                    openings.insert(id, port);
                }
                Op::Remainder(of) if !divided.insert(of) => {
                    return Err(malformed(format!("operation {id}: the remainder of operation {of} is taken twice")));
                }
                _ => {}
            }
            reader.steps.push(step);
        }
        for (what, expected, found) in
            [("ports", reader.ports.len(), m.ports.len()), ("authorizations", reader.authorizations, m.authorizations as usize)]
        {
            if expected != found {
                return Err(malformed(format!("the operations have another number of {what} than the program says"))
                    .differing(expected, found));
            }
        }
        Ok(reader)
    }

    /// The integer range of a value.
    fn int(&self, id: Id) -> Result<(i128, i128), Refusal> {
        match self.steps[id].ty {
            Some(Type::Int { lo, hi }) => Ok((lo, hi)),
            _ => Err(malformed(format!("operand {id} is no integer")).differing("an integer", self.steps[id].op.name())),
        }
    }

    /// Holds a value to a type.
    fn typed(&self, id: Id, ty: Type) -> Result<(), Refusal> {
        match self.steps[id].ty {
            Some(found) if ty.holds(found) => Ok(()),
            Some(found) => Err(malformed(format!("operand {id} is of another type")).differing(ty, found)),
            None => Err(malformed(format!("operand {id} has no value")).differing(ty, self.steps[id].op.name())),
        }
    }

    fn store(&mut self, place: Place, ty: Type, value: Id) -> Result<(), Refusal> {
        self.typed(value, ty)?;
        if !self.stored.insert(place) {
            return Err(malformed(format!("{place:?} is stored to twice")));
        }
        if ty.is_key() {
            self.key_source(place, value)?;
        }
        Ok(())
    }

    /// A key that is stored stands in the inputs, or was there before (docs/program.md §6): each value that choices may give is one of them.
    fn key_source(&self, place: Place, value: Id) -> Result<(), Refusal> {
        let mut seen = HashSet::from([value]);
        let mut pending = vec![value];
        while let Some(id) = pending.pop() {
            let before = match self.steps[id].op {
                Op::KeyParam { .. } => continue,
                Op::Select { one, zero, .. } => {
                    pending.extend([one, zero].into_iter().filter(|&x| seen.insert(x)));
                    continue;
                }
                Op::Load { port, field } => Some(Place::Field { port, field }),
                Op::Cell { cell } => Some(Place::Cell(cell)),
                _ => None,
            };
            if before != Some(place) {
                return Err(malformed("the key that is stored may be neither a parameter nor what was there before").differing(
                    "a choice of key parameters and the old key",
                    format!("operation {id}, {}", self.steps[id].op.name()),
                ));
            }
        }
        Ok(())
    }

    fn step(&mut self, m: &pb::Program, suite: usize, op: &pb::Op, openings: &HashMap<Id, usize>) -> Result<Step, Refusal> {
        use pb::Code;
        let code = Code::try_from(op.code).unwrap_or(Code::Unspecified);
        let (operands, immediates) = match code {
            Code::Unspecified => {
                return Err(unsupported("an operation that this prover does not know").differing("1 to 23", op.code));
            }
            Code::Const => (0, 0),
            Code::Param | Code::KeyParam | Code::Cell => (0, 1),
            Code::Load | Code::StoreCell => (1, 1),
            Code::Open | Code::Store => (2, 1),
            Code::Remainder | Code::Not | Code::Range | Code::Assert | Code::Output => (1, 0),
            Code::Add | Code::Sub | Code::Mul | Code::Divmod | Code::Eq | Code::Lt | Code::And | Code::Or => (2, 0),
            Code::Select | Code::Authorize => (3, 0),
        };
        if (op.args.len(), op.index.len()) != (operands, immediates) {
            return Err(malformed("another number of operands and immediates than the operation has")
                .differing(format!("{operands} and {immediates}"), format!("{} and {}", op.args.len(), op.index.len())));
        }
        let here = self.steps.len();
        if let Some(later) = op.args.iter().find(|&&a| a as usize >= here) {
            return Err(malformed("an operand is no earlier value").differing(format!("below {here}"), later));
        }
        let arg = |n: usize| op.args[n] as usize;
        let (lo, hi) = (bound(&op.lo)?, bound(&op.hi)?);
        let stated = Type::Int { lo, hi };
        if lo > hi {
            return Err(malformed("an empty range").differing("lo <= hi", stated));
        }
        let immediate = |what: &str, count: usize| match op.index[0] as usize {
            at if at < count => Ok(at),
            at => Err(malformed(format!("there is no such {what}")).differing(format!("below {count}"), at)),
        };
        let port = |id: Id| openings.get(&id).copied().ok_or_else(|| malformed(format!("operand {id} is no OPEN")));
        let int = |range: Option<(i128, i128)>| match range {
            Some((lo, hi)) => Ok(Some(Type::Int { lo, hi })),
            None => Err(malformed("the range leaves ±2^127")),
        };

        let (op, ty) = match code {
            Code::Unspecified => unreachable!("refused above"),
            Code::Const if lo == hi => (Op::Const(lo), Some(stated)),
            Code::Const => return Err(malformed("a constant has one value").differing("lo = hi", stated)),
            Code::Param => {
                let word = immediate("input word", m.input_words as usize)?;
                (Op::Param { word }, Some(Type::Int { lo: 0, hi: u32::MAX.into() }))
            }
            Code::KeyParam => {
                let (at, length) = (op.index[0] as usize, suite::KEY_WORDS * m.suites.len());
                if at + length > m.input_words as usize {
                    return Err(malformed("a key parameter ends after the input words").differing(m.input_words, at + length));
                }
                (Op::KeyParam { word: at + suite::KEY_WORDS * suite }, Some(Type::Key))
            }
            Code::Cell => {
                let cell = immediate("cell", self.cells.len())?;
                (Op::Cell { cell }, Some(self.cells[cell]))
            }
            Code::Open => {
                let map = immediate("map", self.maps.len())?;
                self.typed(arg(0), Type::BOOL)?;
                self.typed(arg(1), Type::Int { lo: 0, hi: (1 << self.maps[map].depth) - 1 })?;
                let port = self.ports.len();
                match m.ports.get(port) {
                    Some(declared) if declared.map as usize == map => {}
                    declared => {
                        let declared = declared.map_or("no such port".into(), |p| format!("map {}", p.map));
                        return Err(malformed(format!("port {port} is not what the program says"))
                            .differing(format!("map {map}"), declared));
                    }
                }
                self.ports.push(map);
                (Op::Open { port, enabled: arg(0), index: arg(1) }, None)
            }
            Code::Load => {
                let port = port(arg(0))?;
                let fields = &self.maps[self.ports[port]].fields;
                let field = immediate("field", fields.len())?;
                (Op::Load { port, field }, Some(fields[field]))
            }
            Code::Add => (Op::Add(arg(0), arg(1)), int(ranges::add(self.int(arg(0))?, self.int(arg(1))?))?),
            Code::Sub => (Op::Sub(arg(0), arg(1)), int(ranges::sub(self.int(arg(0))?, self.int(arg(1))?))?),
            Code::Mul => (Op::Mul(arg(0), arg(1)), int(ranges::mul(self.int(arg(0))?, self.int(arg(1))?))?),
            Code::Divmod => {
                let (a, b) = (self.int(arg(0))?, self.int(arg(1))?);
                if b.0 < 1 {
                    return Err(
                        malformed("a divisor that may not be positive").differing("at least 1", Type::Int { lo: b.0, hi: b.1 })
                    );
                }
                (Op::Divmod(arg(0), arg(1)), int(Some(ranges::quotient(a, b)))?)
            }
            Code::Remainder => {
                let Op::Divmod(a, b) = self.steps[arg(0)].op else {
                    return Err(malformed(format!("operand {} is no DIVMOD", arg(0))));
                };
                (Op::Remainder(arg(0)), int(Some(ranges::remainder(self.int(a)?, self.int(b)?)))?)
            }
            Code::Eq | Code::Lt => {
                self.int(arg(0))?;
                self.int(arg(1))?;
                (if code == Code::Eq { Op::Eq(arg(0), arg(1)) } else { Op::Lt(arg(0), arg(1)) }, Some(Type::BOOL))
            }
            Code::Select => {
                let (bit, one, zero) = (arg(0), arg(1), arg(2));
                self.typed(bit, Type::BOOL)?;
                let ty = match (self.steps[one].ty, self.steps[zero].ty) {
                    (Some(Type::Key), Some(Type::Key)) => Type::Key,
                    _ => {
                        let (a, b) = (self.int(one)?, self.int(zero)?);
                        Type::Int { lo: a.0.min(b.0), hi: a.1.max(b.1) }
                    }
                };
                (Op::Select { bit, one, zero }, Some(ty))
            }
            Code::And | Code::Or | Code::Not => {
                (0..operands).try_for_each(|n| self.typed(arg(n), Type::BOOL))?;
                let op = match code {
                    Code::And => Op::And(arg(0), arg(1)),
                    Code::Or => Op::Or(arg(0), arg(1)),
                    _ => Op::Not(arg(0)),
                };
                (op, Some(Type::BOOL))
            }
            Code::Range => {
                self.int(arg(0))?;
                (Op::Range(arg(0)), Some(stated))
            }
            Code::Assert => {
                self.typed(arg(0), Type::BOOL)?;
                (Op::Assert(arg(0)), None)
            }
            Code::Authorize => {
                self.typed(arg(0), Type::BOOL)?;
                self.typed(arg(1), Type::Key)?;
                self.typed(arg(2), Type::Int { lo: 0, hi: u64::MAX.into() })?;
                let number = self.authorizations;
                self.authorizations += 1;
                (Op::Authorize { number, enabled: arg(0), key: arg(1), nonce: arg(2) }, None)
            }
            Code::Store => {
                let port = port(arg(0))?;
                let field = immediate("field", self.maps[self.ports[port]].fields.len())?;
                self.store(Place::Field { port, field }, self.maps[self.ports[port]].fields[field], arg(1))?;
                (Op::Store { port, field, value: arg(1) }, None)
            }
            Code::StoreCell => {
                let cell = immediate("cell", self.cells.len())?;
                self.store(Place::Cell(cell), self.cells[cell], arg(0))?;
                (Op::StoreCell { cell, value: arg(0) }, None)
            }
            Code::Output => {
                self.typed(arg(0), stated)?;
                if width(lo, hi) >> 64 != 0 {
                    return Err(malformed("an output of more than 64 bits").differing("at most two words", stated));
                }
                (Op::Output { value: arg(0), ty: stated }, None)
            }
        };
        // What is no integer states no range; an output states its type.
        let expected = match (op, ty) {
            (Op::Output { .. }, _) => stated,
            (_, Some(Type::Int { lo, hi })) => Type::Int { lo, hi },
            _ => Type::Int { lo: 0, hi: 0 },
        };
        if stated != expected {
            return Err(malformed("the range stated is not the operation's").differing(expected, stated));
        }
        Ok(Step { op, ty })
    }

    /// Ports and messages stand in the output words where they say, and the outputs are theirs, in the order of docs/program.md §6.
    fn places(&self, m: &pb::Program) -> Result<(), Refusal> {
        let mut outputs = vec![];
        if m.has_refused {
            outputs.push(Type::BOOL);
        }
        let stands = |what: String, found: u32, expected: usize| match found as usize == expected {
            true => Ok(()),
            false => Err(malformed(format!("{what} has another place in the output words")).differing(expected, found)),
        };
        for (n, port) in m.ports.iter().enumerate() {
            let map = &self.maps[self.ports[n]];
            let stored = self.stored.iter().filter_map(|place| match *place {
                Place::Field { port, field } if port == n => Some(field),
                _ => None,
            });
            let (keys, written): (Vec<usize>, Vec<usize>) = stored.partition(|&field| map.fields[field].is_key());
            let writes_key = !keys.is_empty();
            if !port.written.iter().map(|&f| f as usize).eq(written.iter().copied()) || port.writes_key != writes_key {
                return Err(malformed(format!("port {n} says that other fields are written than are stored to")).differing(
                    format!("{written:?}, keys: {writes_key}"),
                    format!("{:?}, keys: {}", port.written, port.writes_key),
                ));
            }
            stands(format!("port {n}"), port.output_offset, if written.is_empty() { 0 } else { words(&outputs) })?;
            if !written.is_empty() {
                outputs.push(Type::Int { lo: 0, hi: (1 << map.depth) - 1 });
                outputs.extend(written.iter().map(|&field| map.fields[field]));
            }
        }
        for (n, message) in m.messages.iter().enumerate() {
            stands(format!("message {n}"), message.output_offset, words(&outputs))?;
            outputs.push(Type::BOOL);
            for (ty, field) in fields(&message.fields)?.into_iter().zip(&message.fields) {
                if ty.is_key() {
                    return Err(malformed(format!("message {n}: {} is a key, and keys are not sent", field.name)));
                }
                outputs.push(ty);
            }
        }
        let found: Vec<Type> = (self.steps.iter())
            .filter_map(|s| match s.op {
                Op::Output { ty, .. } => Some(ty),
                _ => None,
            })
            .collect();
        if found != outputs {
            let list = |types: &[Type]| types.iter().map(Type::to_string).collect::<Vec<_>>().join(", ");
            return Err(malformed("the outputs are not those of the ports and messages").differing(list(&outputs), list(&found)));
        }
        if words(&outputs) != m.output_words as usize {
            return Err(malformed("the outputs have another number of words than the program says")
                .differing(words(&outputs), m.output_words));
        }
        Ok(())
    }
}

/// What the kinds say of the slot: a lowering uses none of it, but a program in which it is wrong is no program.
fn kinds(m: &pb::Program) -> Result<(), Refusal> {
    let noop = pb::Kind { name: "noop".into(), ..Default::default() };
    if m.kinds.first() != Some(&noop) {
        return Err(malformed("the first kind is not noop, without parameters, ports, authorizations and messages"));
    }
    for (n, kind) in m.kinds.iter().enumerate() {
        self::kind(m, n, kind).map_err(|r| r.within(format!("kind {n}, {}", kind.name)))?;
    }
    Ok(())
}

fn kind(m: &pb::Program, n: usize, kind: &pb::Kind) -> Result<(), Refusal> {
    // The kind itself is word 0.
    let mut end = 1;
    let mut amounts = vec![];
    for ty in fields(&kind.params)? {
        if ty == (Type::Int { lo: 0, hi: u64::MAX.into() }) {
            amounts.push(end as u32);
        }
        end += if ty.is_key() { suite::KEY_WORDS * m.suites.len() } else { ty.words() };
    }
    if end > m.input_words as usize {
        return Err(malformed("the parameters end after the input words").differing(m.input_words, end));
    }
    let mut messages = kind.messages.clone();
    messages.sort_unstable();
    for (what, used, count) in [
        ("ports", &kind.ports, m.ports.len()),
        ("authorizations", &kind.authorizations, m.authorizations as usize),
        ("messages", &messages, m.messages.len()),
    ] {
        if !used.is_sorted_by(|a, b| a < b) || used.last().is_some_and(|&u| u as usize >= count) {
            return Err(malformed(format!("its {what} are not some of the slot's, each once and in order"))
                .differing(format!("below {count}"), format!("{used:?}")));
        }
    }
    if n > 0 && kind.from_l1 != kind.authorizations.is_empty() {
        return Err(malformed("a kind is either from L1 or authorized"));
    }
    if kind.from_l1 != kind.l1.is_some() {
        return Err(malformed("rules for L1 belong to a kind from L1, and to no other"));
    }
    match kind.l1.as_ref().and_then(|rule| rule.value_word) {
        Some(word) if !amounts.contains(&word) => {
            Err(malformed("the value that is paid is no 64-bit parameter").differing(format!("one of {amounts:?}"), word))
        }
        _ => Ok(()),
    }
}
