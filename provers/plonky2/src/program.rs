//! The program (docs/program.md): decoding, its one encoding, and every rule that a lowering relies on.
//!
//! Nothing in the bytes is trusted: ranges are computed again, operands are earlier values of the right sort, ports and
//! outputs stand where the operations put them. What remains is a list of [`Op`]s with which nothing can go wrong later.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;

use crate::pb::program as pb;
use crate::refusal::{Code, Refusal, malformed};
use crate::suite;

pub const VERSION: u32 = 1;
/// Words of the input or output of a slot, at most: nothing of use is larger, and nothing smaller exhausts memory.
const MOST_WORDS: u32 = 1 << 14;
/// Operations of a slot, at most.
const MOST_OPS: usize = 1 << 18;

/// Index of an op, and of its value.
pub type Id = usize;

/// An integer type `[lo, hi]` of at most 64 bits that contains 0, or a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Type {
    pub lo: i128,
    pub hi: i128,
    pub key: bool,
}

impl Type {
    pub const fn int(lo: i128, hi: i128) -> Self {
        Type { lo, hi, key: false }
    }

    /// 32-bit words of the encoding `v - lo` of an integer: 1 or 2.
    pub fn words(&self) -> usize {
        words_for(self.lo, self.hi)
    }
}

/// 32-bit words that hold `v - lo` for every `v` in `[lo, hi]`, at least 1.
pub fn words_for(lo: i128, hi: i128) -> usize {
    let width = hi.wrapping_sub(lo) as u128;
    ((128 - width.leading_zeros()).div_ceil(32) as usize).max(1)
}

#[derive(Debug, Clone)]
pub struct Map {
    pub depth: usize,
    pub fields: Vec<Type>,
}

impl Map {
    /// Words of a record's integers.
    pub fn words(&self) -> usize {
        self.fields.iter().filter(|f| !f.key).map(Type::words).sum()
    }

    /// Keys of a record.
    pub fn keys(&self) -> usize {
        self.fields.iter().filter(|f| f.key).count()
    }
}

/// What an operation does; the meaning of each is in docs/program.md §3. `port` counts `OPEN`s from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Const,
    Param(usize),
    KeyParam(usize),
    Cell(usize),
    Open { enabled: Id, index: Id, map: usize, port: usize },
    Load { port: usize, field: usize },
    Add(Id, Id),
    Sub(Id, Id),
    Mul(Id, Id),
    Divmod(Id, Id),
    Remainder(Id),
    Eq(Id, Id),
    Lt(Id, Id),
    Select(Id, Id, Id),
    And(Id, Id),
    Or(Id, Id),
    Not(Id),
    Range(Id),
    Assert(Id),
    Authorize { enabled: Id, key: Id, nonce: Id },
    Store { port: usize, value: Id, field: usize },
    StoreCell { value: Id, cell: usize },
    Output(Id),
}

/// What an operation gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    Nothing,
    Int,
    Key,
}

#[derive(Debug, Clone, Copy)]
pub struct Op {
    pub action: Action,
    pub sort: Sort,
    /// Range of the value (of `OUTPUT`: its type); 0 where there is none.
    pub lo: i128,
    pub hi: i128,
}

impl Op {
    pub fn ty(&self) -> Type {
        Type::int(self.lo, self.hi)
    }
}

#[derive(Debug, Clone)]
pub struct Program {
    /// keccak256 of the canonical bytes.
    pub id: [u8; 32],
    pub name: String,
    pub suites: Vec<String>,
    /// Position of this prover's suite among them.
    pub suite: usize,
    pub cells: Vec<Type>,
    pub maps: Vec<Map>,
    pub kinds: usize,
    pub input_words: usize,
    pub output_words: usize,
    /// The map of each port.
    pub ports: Vec<usize>,
    pub authorizations: usize,
    pub ops: Vec<Op>,
}

impl Program {
    /// Words of the integer cells at the end of a journal.
    pub fn cell_words(&self) -> usize {
        self.cells.iter().filter(|c| !c.key).map(Type::words).sum()
    }

    pub fn key_cells(&self) -> usize {
        self.cells.iter().filter(|c| c.key).count()
    }

    pub fn journal_words(&self, slots: usize) -> usize {
        slots * (self.input_words + self.output_words) + self.cell_words()
    }

    /// First input word of this suite's part of the key that starts at word `j`.
    pub fn key_word(&self, j: usize) -> usize {
        j + suite::KEY_WORDS * self.suite
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// `MALFORMED`: not a program, or a rule is broken. `NON_CANONICAL`: not in its one encoding. `UNSUPPORTED`: another version, a
    /// program without the suite `goldilocks`, or one too large.
    pub fn decode(bytes: &[u8]) -> Result<Self, Refusal> {
        let message =
            pb::Program::decode(bytes).map_err(|e| malformed(format!("expected a program, got bytes that are none: {e}")))?;
        if message.version != VERSION {
            return Err(Refusal::new(Code::Unsupported, "expected a program of a version that this prover knows")
                .differing(VERSION.to_string(), message.version.to_string()));
        }
        if message.encode_to_vec() != bytes {
            return Err(Refusal::new(
                Code::NonCanonical,
                "the program is not in its one encoding: encoding it again gives other bytes",
            ));
        }
        Checker::new(&message).run(suite::keccak(&[bytes]))
    }
}

/// The range of an operation's value by the rules of docs/program.md §3; `None` if it leaves ±2^127.
///
/// `args` are the ranges of the operands (of `REMAINDER`: of its `DIVMOD`).
pub fn range_of(action: Action, args: &[(i128, i128)]) -> Option<(i128, i128)> {
    let (alo, ahi) = args[0];
    let (blo, bhi) = args.get(1).copied().unwrap_or_default();
    Some(match action {
        Action::Add(..) => (alo.checked_add(blo)?, ahi.checked_add(bhi)?),
        Action::Sub(..) => (alo.checked_sub(bhi)?, ahi.checked_sub(blo)?),
        Action::Mul(..) => {
            let corners = [alo.checked_mul(blo)?, alo.checked_mul(bhi)?, ahi.checked_mul(blo)?, ahi.checked_mul(bhi)?];
            (corners.into_iter().min()?, corners.into_iter().max()?)
        }
        Action::Divmod(..) => (alo.div_euclid(if alo < 0 { blo } else { bhi }), ahi.div_euclid(if ahi < 0 { bhi } else { blo })),
        Action::Remainder(_) => (0, if alo >= 0 { ahi.min(bhi - 1) } else { bhi - 1 }),
        Action::Select(..) => {
            let (clo, chi) = args[2];
            (blo.min(clo), bhi.max(chi))
        }
        _ => (0, 1),
    })
}

/// Two's complement, big-endian, shortest form; empty for 0.
fn signed(bytes: &[u8]) -> Result<i128, Refusal> {
    let [first, rest @ ..] = bytes else { return Ok(0) };
    if bytes.len() > 16 {
        return Err(malformed("a bound leaves ±2^127").differing("at most 16 bytes", format!("{} bytes", bytes.len())));
    }
    let sign = if first & 0x80 != 0 { 0xff } else { 0 };
    let longer = match rest.first() {
        Some(next) => *first == sign && (next ^ sign) & 0x80 == 0,
        None => *first == 0,
    };
    if longer {
        return Err(Refusal::new(Code::NonCanonical, "a bound is not in its shortest form")
            .differing("two's complement without a byte to spare", suite::hex(bytes)));
    }
    let mut wide = [sign; 16];
    wide[16 - bytes.len()..].copy_from_slice(bytes);
    Ok(i128::from_be_bytes(wide))
}

fn check(holds: bool, message: impl FnOnce() -> String) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(malformed(message())) }
}

fn types(fields: &[pb::Field]) -> Result<Vec<Type>, Refusal> {
    fields
        .iter()
        .map(|f| {
            let t = Type { lo: f.lo.into(), hi: f.hi.into(), key: f.key };
            check(!t.key || (t.lo, t.hi) == (0, 0), || format!("{}: a key has no range", f.name))?;
            check(t.lo <= 0 && t.hi - t.lo < 1 << 64, || {
                format!("{}: expected a type of at most 64 bits that contains 0, got [{}, {}]", f.name, t.lo, t.hi)
            })?;
            Ok(t)
        })
        .collect()
}

struct Checker<'a> {
    message: &'a pb::Program,
    cells: Vec<Type>,
    maps: Vec<Map>,
    ops: Vec<Op>,
    /// Port of each `OPEN`.
    opens: BTreeMap<Id, usize>,
    stored: BTreeSet<(Option<usize>, usize)>,
    remainders: BTreeSet<Id>,
    authorizations: usize,
}

impl<'a> Checker<'a> {
    fn new(message: &'a pb::Program) -> Self {
        Checker {
            message,
            cells: vec![],
            maps: vec![],
            ops: vec![],
            opens: BTreeMap::new(),
            stored: BTreeSet::new(),
            remainders: BTreeSet::new(),
            authorizations: 0,
        }
    }

    fn run(mut self, id: [u8; 32]) -> Result<Program, Refusal> {
        let m = self.message;
        check(!m.suites.is_empty() && m.suites.iter().collect::<BTreeSet<_>>().len() == m.suites.len(), || {
            format!("expected at least one suite, none twice, got {:?}", m.suites)
        })?;
        let suite = m.suites.iter().position(|s| s == suite::NAME).ok_or_else(|| {
            Refusal::new(Code::Unsupported, "this prover needs a program with its suite: add it to the transition's suites")
                .differing(suite::NAME, m.suites.join(", "))
        })?;
        if m.input_words > MOST_WORDS || m.output_words > MOST_WORDS || m.ops.len() > MOST_OPS {
            return Err(Refusal::new(Code::Unsupported, "the program is too large for this prover").differing(
                format!("at most {MOST_WORDS} words and {MOST_OPS} operations"),
                format!("{} and {} words, {} operations", m.input_words, m.output_words, m.ops.len()),
            ));
        }
        self.cells = types(&m.cells)?;
        for map in &m.maps {
            check((1..=32).contains(&map.depth) && !map.fields.is_empty(), || {
                format!("map {}: expected depth 1 to 32 and a field, got {}, {}", map.name, map.depth, map.fields.len())
            })?;
            self.maps.push(Map { depth: map.depth as usize, fields: types(&map.fields)? });
        }
        for (i, op) in m.ops.iter().enumerate() {
            let op = self.op(i, op).map_err(|r| Refusal { message: format!("operation {i}: {}", r.message), ..r })?;
            self.ops.push(op);
        }
        check(self.opens.len() == m.ports.len(), || format!("expected {} ports, got {}", m.ports.len(), self.opens.len()))?;
        check(self.authorizations as u64 == u64::from(m.authorizations), || {
            format!("expected {} authorizations, got {}", m.authorizations, self.authorizations)
        })?;
        self.layout()?;
        self.kinds()?;
        Ok(Program {
            id,
            name: m.name.clone(),
            suites: m.suites.clone(),
            suite,
            cells: self.cells,
            maps: self.maps,
            kinds: m.kinds.len(),
            input_words: m.input_words as usize,
            output_words: m.output_words as usize,
            ports: m.ports.iter().map(|p| p.map as usize).collect(),
            authorizations: self.authorizations,
            ops: self.ops,
        })
    }

    fn int(&self, a: Id) -> Result<(i128, i128), Refusal> {
        let op = &self.ops[a];
        check(op.sort == Sort::Int, || format!("operand {a} is not an integer value"))?;
        Ok((op.lo, op.hi))
    }

    fn within(&self, a: Id, lo: i128, hi: i128) -> Result<(), Refusal> {
        let (alo, ahi) = self.int(a)?;
        check(lo <= alo && ahi <= hi, || format!("operand {a} lies within [{alo}, {ahi}], expected within [{lo}, {hi}]"))
    }

    fn port(&self, a: Id) -> Result<(usize, &Map), Refusal> {
        let port = *self.opens.get(&a).ok_or_else(|| malformed(format!("operand {a} is not an OPEN")))?;
        Ok((port, &self.maps[self.message.ports[port].map as usize]))
    }

    fn store(&mut self, port: Option<usize>, at: usize, value: Id, ty: Type) -> Result<(), Refusal> {
        check(self.stored.insert((port, at)), || format!("place {at} is stored twice"))?;
        if ty.key {
            check(self.ops[value].sort == Sort::Key, || format!("operand {value} is not a key"))?;
            self.key_source(port, at, value)
        } else {
            self.within(value, ty.lo, ty.hi)
        }
    }

    /// A key that is stored is a parameter, or what was there before. Choices of choices are followed once each.
    fn key_source(&self, port: Option<usize>, at: usize, value: Id) -> Result<(), Refusal> {
        let (mut seen, mut left) = (BTreeSet::new(), vec![value]);
        while let Some(value) = left.pop() {
            let good = match self.ops[value].action {
                Action::Select(_, a, b) => {
                    left.extend([a, b].into_iter().filter(|&x| seen.insert(x)));
                    true
                }
                Action::KeyParam(_) => true,
                Action::Load { port: p, field } => port == Some(p) && field == at,
                Action::Cell(c) => port.is_none() && c == at,
                _ => false,
            };
            check(good, || format!("the key stored may be value {value}, which is no parameter"))?;
        }
        Ok(())
    }

    fn op(&mut self, i: Id, op: &pb::Op) -> Result<Op, Refusal> {
        let code = pb::Code::try_from(op.code)
            .ok()
            .filter(|&c| c != pb::Code::Unspecified)
            .ok_or_else(|| Refusal::new(Code::Unsupported, format!("unknown operation {}", op.code)))?;
        use pb::Code as K;
        let (args, index) = match code {
            K::Const => (0, 0),
            K::Param | K::KeyParam | K::Cell => (0, 1),
            K::Open | K::Store => (2, 1),
            K::Load | K::StoreCell => (1, 1),
            K::Select | K::Authorize => (3, 0),
            K::Remainder | K::Not | K::Range | K::Assert | K::Output => (1, 0),
            _ => (2, 0),
        };
        check((op.args.len(), op.index.len()) == (args, index), || {
            format!("expected {args} operands and {index} immediates, got {} and {}", op.args.len(), op.index.len())
        })?;
        let arg: Vec<Id> = op.args.iter().map(|&a| a as usize).collect();
        if let Some(a) = arg.iter().find(|&&a| a >= i) {
            return Err(malformed(format!("operand {a} is not an earlier value")));
        }
        let (lo, hi) = (signed(&op.lo)?, signed(&op.hi)?);
        check(lo <= hi, || format!("the range [{lo}, {hi}] is empty"))?;
        let at = op.index.first().map_or(0, |&x| x as usize);
        let one_of = |what: &str, count: usize| check(at < count, || format!("{what} {at} of {count}"));
        let (action, sort, range) = match code {
            K::Const => {
                check(lo == hi, || format!("a constant has lo = hi, got [{lo}, {hi}]"))?;
                (Action::Const, Sort::Int, (lo, lo))
            }
            K::Param => {
                one_of("input word", self.message.input_words as usize)?;
                (Action::Param(at), Sort::Int, (0, u32::MAX.into()))
            }
            K::KeyParam => {
                let last = at + suite::KEY_WORDS * self.message.suites.len();
                check(last <= self.message.input_words as usize, || {
                    format!("the key's words end at {last} of {}", self.message.input_words)
                })?;
                (Action::KeyParam(at), Sort::Key, (0, 0))
            }
            K::Cell => {
                one_of("cell", self.cells.len())?;
                let t = self.cells[at];
                (Action::Cell(at), if t.key { Sort::Key } else { Sort::Int }, (t.lo, t.hi))
            }
            K::Open => {
                one_of("map", self.maps.len())?;
                self.within(arg[0], 0, 1)?;
                self.within(arg[1], 0, (1i128 << self.maps[at].depth) - 1)?;
                let port = self.opens.len();
                check(self.message.ports.get(port).is_some_and(|p| p.map as usize == at), || {
                    format!("port {port} is not declared for map {at}")
                })?;
                self.opens.insert(i, port);
                (Action::Open { enabled: arg[0], index: arg[1], map: at, port }, Sort::Nothing, (0, 0))
            }
            K::Load => {
                let (port, map) = self.port(arg[0])?;
                one_of("field", map.fields.len())?;
                let t = map.fields[at];
                (Action::Load { port, field: at }, if t.key { Sort::Key } else { Sort::Int }, (t.lo, t.hi))
            }
            K::Select if arg[1..].iter().all(|&a| self.ops[a].sort == Sort::Key) => {
                self.within(arg[0], 0, 1)?;
                (Action::Select(arg[0], arg[1], arg[2]), Sort::Key, (0, 0))
            }
            K::Range => {
                self.int(arg[0])?;
                (Action::Range(arg[0]), Sort::Int, (lo, hi))
            }
            K::Assert => {
                self.within(arg[0], 0, 1)?;
                (Action::Assert(arg[0]), Sort::Nothing, (0, 0))
            }
            K::Authorize => {
                self.within(arg[0], 0, 1)?;
                check(self.ops[arg[1]].sort == Sort::Key, || format!("operand {} is not a key", arg[1]))?;
                self.within(arg[2], 0, u64::MAX.into())?;
                self.authorizations += 1;
                (Action::Authorize { enabled: arg[0], key: arg[1], nonce: arg[2] }, Sort::Nothing, (0, 0))
            }
            K::Store => {
                let (port, map) = self.port(arg[0])?;
                one_of("field", map.fields.len())?;
                let t = map.fields[at];
                self.store(Some(port), at, arg[1], t)?;
                (Action::Store { port, value: arg[1], field: at }, Sort::Nothing, (0, 0))
            }
            K::StoreCell => {
                one_of("cell", self.cells.len())?;
                self.store(None, at, arg[0], self.cells[at])?;
                (Action::StoreCell { value: arg[0], cell: at }, Sort::Nothing, (0, 0))
            }
            K::Output => {
                self.within(arg[0], lo, hi)?;
                check(hi.checked_sub(lo).is_some_and(|w| w < 1 << 64), || format!("[{lo}, {hi}] has more than 64 bits"))?;
                (Action::Output(arg[0]), Sort::Nothing, (lo, hi))
            }
            _ => {
                let (action, operands) = match code {
                    K::Add => (Action::Add(arg[0], arg[1]), arg.clone()),
                    K::Sub => (Action::Sub(arg[0], arg[1]), arg.clone()),
                    K::Mul => (Action::Mul(arg[0], arg[1]), arg.clone()),
                    K::Divmod => (Action::Divmod(arg[0], arg[1]), arg.clone()),
                    K::Remainder => {
                        let Action::Divmod(a, b) = self.ops[arg[0]].action else {
                            return Err(malformed(format!("operand {} is not a DIVMOD", arg[0])));
                        };
                        check(self.remainders.insert(arg[0]), || format!("the remainder of {} is taken twice", arg[0]))?;
                        (Action::Remainder(arg[0]), vec![a, b])
                    }
                    K::Eq => (Action::Eq(arg[0], arg[1]), arg.clone()),
                    K::Lt => (Action::Lt(arg[0], arg[1]), arg.clone()),
                    K::Select => (Action::Select(arg[0], arg[1], arg[2]), arg.clone()),
                    K::And => (Action::And(arg[0], arg[1]), arg.clone()),
                    K::Or => (Action::Or(arg[0], arg[1]), arg.clone()),
                    K::Not => (Action::Not(arg[0]), arg.clone()),
                    _ => unreachable!("every other operation is above"),
                };
                let ranges = operands.iter().map(|&a| self.int(a)).collect::<Result<Vec<_>, _>>()?;
                match code {
                    K::And | K::Or | K::Not => arg.iter().try_for_each(|&a| self.within(a, 0, 1))?,
                    K::Select => self.within(arg[0], 0, 1)?,
                    K::Divmod => check(ranges[1].0 >= 1, || {
                        format!("the divisor lies within [{}, {}], expected at least 1", ranges[1].0, ranges[1].1)
                    })?,
                    _ => {}
                }
                let range = range_of(action, &ranges).ok_or_else(|| malformed("the range leaves ±2^127"))?;
                (action, Sort::Int, range)
            }
        };
        check((lo, hi) == range || matches!(action, Action::Output(_)), || {
            format!("expected range [{}, {}], got [{lo}, {hi}]", range.0, range.1)
        })?;
        Ok(Op { action, sort, lo, hi })
    }

    /// Ports and messages stand in the output words where they say, and the outputs follow them (§6).
    fn layout(&self) -> Result<(), Refusal> {
        let m = self.message;
        let mut expected: Vec<Type> = vec![];
        let width = |types: &[Type]| types.iter().map(Type::words).sum::<usize>();
        if m.has_refused {
            expected.push(Type::int(0, 1));
        }
        for (n, port) in m.ports.iter().enumerate() {
            let map = &self.maps[port.map as usize];
            let stored = self.stored.iter().filter(|(p, _)| *p == Some(n)).map(|&(_, f)| f);
            let (keys, written): (Vec<usize>, Vec<usize>) = stored.partition(|&f| map.fields[f].key);
            let declared: Vec<usize> = port.written.iter().map(|&f| f as usize).collect();
            check(declared == written && port.writes_key != keys.is_empty(), || {
                format!("port {n}: its stores write {written:?} and keys {keys:?}, it says {declared:?}, {}", port.writes_key)
            })?;
            let offset = if written.is_empty() { 0 } else { width(&expected) };
            check(port.output_offset as usize == offset, || {
                format!("port {n}: expected output offset {offset}, got {}", port.output_offset)
            })?;
            if !written.is_empty() {
                expected.push(Type::int(0, (1i128 << map.depth) - 1));
                expected.extend(written.iter().map(|&f| map.fields[f]));
            }
        }
        for (n, message) in m.messages.iter().enumerate() {
            let fields = types(&message.fields)?;
            check(fields.iter().all(|f| !f.key), || format!("message {n}: a key cannot be sent"))?;
            check(message.output_offset as usize == width(&expected), || {
                format!("message {n}: expected output offset {}, got {}", width(&expected), message.output_offset)
            })?;
            expected.push(Type::int(0, 1));
            expected.extend(fields);
        }
        let found: Vec<Type> = self.ops.iter().filter(|o| matches!(o.action, Action::Output(_))).map(Op::ty).collect();
        check(found == expected, || format!("expected outputs {expected:?}, got {found:?}"))?;
        check(width(&found) == m.output_words as usize, || {
            format!("expected {} output words, got {}", width(&found), m.output_words)
        })
    }

    fn kinds(&self) -> Result<(), Refusal> {
        let m = self.message;
        let noop = pb::Kind { name: "noop".into(), ..Default::default() };
        check(m.kinds.first() == Some(&noop), || "kind 0 must be noop, without parameters".into())?;
        for (n, kind) in m.kinds.iter().enumerate() {
            let mut width = 1;
            let mut amounts = vec![];
            for t in types(&kind.params)? {
                if t == Type::int(0, u64::MAX.into()) {
                    amounts.push(width as u32);
                }
                width += if t.key { suite::KEY_WORDS * m.suites.len() } else { t.words() };
            }
            check(width <= m.input_words as usize, || format!("kind {}: {width} input words of {}", kind.name, m.input_words))?;
            let ascending = |used: &[u32]| used.windows(2).all(|w| w[0] < w[1]);
            let within = |used: &[u32], count: usize| used.iter().all(|&u| (u as usize) < count);
            let mut messages = kind.messages.clone();
            messages.sort_unstable();
            for (what, used, count) in [
                ("port", &kind.ports, m.ports.len()),
                ("authorization", &kind.authorizations, m.authorizations as usize),
                ("message", &messages, m.messages.len()),
            ] {
                check(ascending(used) && within(used, count), || {
                    format!("kind {}: {what}s {used:?} of {count} are not in order, each once", kind.name)
                })?;
            }
            check(n == 0 || kind.from_l1 == kind.authorizations.is_empty(), || {
                format!("kind {}: from L1, or signed, and not both", kind.name)
            })?;
            check(kind.from_l1 == kind.l1.is_some(), || format!("kind {}: rules for L1 belong to kinds from L1", kind.name))?;
            if let Some(word) = kind.l1.as_ref().and_then(|l1| l1.value_word) {
                check(amounts.contains(&word), || {
                    format!("kind {}: expected the value at a u64, in {amounts:?}, got {word}", kind.name)
                })?;
            }
        }
        Ok(())
    }
}
