//! Programs: from canonical bytes to checked steps (docs/program.md §1 to §4; proto/multiprover/program/v1/program.proto).

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;
use sha3::{Digest, Keccak256};

// Among the operations' names the plain one is an operation.
use self::Range as Range_;
use crate::pb::program as pb;
use crate::refusal::{Code, Refusal, hex, malformed};
use crate::suite;

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

fn broken(message: impl Into<String>) -> Refusal {
    Refusal::new(Code::Malformed, message)
}

/// An integer from its shortest two's complement, big-endian; empty for 0.
fn bound(bytes: &[u8]) -> Result<i128, Refusal> {
    let Some(&first) = bytes.first() else { return Ok(0) };
    if bytes.len() > 16 {
        return Err(broken("a range leaves ±2^127").differing("at most 16 bytes", format!("{} bytes", bytes.len())));
    }
    let sign = if first & 0x80 == 0 { 0x00 } else { 0xff };
    let shorter_says_the_same = match bytes.get(1) {
        Some(second) => first == sign && (second ^ first) & 0x80 == 0,
        None => first == 0,
    };
    if shorter_says_the_same {
        return Err(Refusal::new(Code::NonCanonical, "a bound of a range is not in its shortest form").differing("", hex(bytes)));
    }
    let mut wide = [sign; 16];
    wide[16 - bytes.len()..].copy_from_slice(bytes);
    Ok(i128::from_be_bytes(wide))
}

fn field(f: &pb::Field) -> Result<Field, Refusal> {
    let ty = if f.key {
        if (f.lo, f.hi) != (0, 0) {
            return Err(broken(format!("{}: a key has no range", f.name)));
        }
        Type::Key
    } else {
        let range = Range { lo: f.lo.into(), hi: f.hi.into() };
        if range.lo > 0 || range.hi - range.lo > u64::MAX.into() {
            return Err(broken(format!("{}: a type has at most 64 bits and includes 0", f.name)).differing("", range));
        }
        Type::Integer(range)
    };
    Ok(Field { name: f.name.clone(), ty })
}

fn fields(all: &[pb::Field]) -> Result<Vec<Field>, Refusal> {
    all.iter().map(field).collect()
}

/// The position, if there is one.
fn position(what: &str, at: u32, count: usize) -> Result<usize, Refusal> {
    let at = at as usize;
    if at < count { Ok(at) } else { Err(broken(format!("{what} {at} of {count}"))) }
}

fn expect<T: PartialEq + std::fmt::Display>(what: &str, expected: T, found: T) -> Result<(), Refusal> {
    if expected == found { Ok(()) } else { Err(broken(format!("{what} is not what it must be")).differing(expected, found)) }
}

impl Program {
    /// A program from its canonical bytes.
    ///
    /// # Errors
    /// `MALFORMED` for bytes that are no program or break a rule of docs/program.md, `NON_CANONICAL` for another encoding of
    /// one, `UNSUPPORTED` for another version or suites without this one.
    pub fn decode(bytes: &[u8]) -> Result<Program, Refusal> {
        let message = pb::Program::decode(bytes).map_err(|e| malformed(format!("the program cannot be decoded: {e}")))?;
        if message.version != VERSION {
            let refusal = Refusal::new(Code::Unsupported, "the program is of another version");
            return Err(refusal.differing(VERSION, message.version));
        }
        if message.encode_to_vec() != bytes {
            return Err(Refusal::new(Code::NonCanonical, "the program is not in its canonical encoding: encode it again"));
        }
        let unlike = message.suites.iter().collect::<BTreeSet<_>>().len();
        if message.suites.is_empty() || unlike != message.suites.len() {
            return Err(broken("a program has at least one suite, and none twice"));
        }
        let suite = message.suites.iter().position(|s| s == suite::NAME).ok_or_else(|| {
            Refusal::new(Code::Unsupported, "the program is not for this prover's suite")
                .differing(suite::NAME, message.suites.join(", "))
        })?;
        let maps = message.maps.iter().map(|m| {
            let depth = m.depth as usize;
            if !(1..=32).contains(&depth) || m.fields.is_empty() {
                return Err(broken(format!("map {}: it has a depth from 1 to 32 and a field at least", m.name)));
            }
            Ok(Map { name: m.name.clone(), depth, fields: fields(&m.fields)? })
        });
        let maps: Vec<Map> = maps.collect::<Result<_, _>>()?;
        let ports = message.ports.iter().map(|p| Ok(Port { map: position("map", p.map, maps.len())? }));
        let mut program = Program {
            id: Keccak256::digest(bytes).into(),
            name: message.name.clone(),
            suite,
            cells: fields(&message.cells)?,
            ports: ports.collect::<Result<_, Refusal>>()?,
            maps,
            input_words: message.input_words as usize,
            output_words: message.output_words as usize,
            authorizations: message.authorizations as usize,
            steps: Vec::with_capacity(message.ops.len()),
            suites: message.suites.clone(),
        };
        let mut seen = Seen::default();
        for (id, op) in message.ops.iter().enumerate() {
            let step = seen.step(&program, id, op).map_err(|e| Refusal { message: format!("op {id}: {}", e.message), ..e })?;
            program.steps.push(step);
        }
        expect("the number of ports", seen.opens.len(), program.ports.len())?;
        expect("the number of authorizations", seen.authorizations, program.authorizations)?;
        seen.check_layout(&program, &message)?;
        check_kinds(&program, &message)?;
        Ok(program)
    }
}

/// What a slot stores to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Field(usize, usize),
    Cell(usize),
}

/// What earlier operations said.
#[derive(Default)]
struct Seen {
    /// Port by the id of its `OPEN`.
    opens: BTreeMap<Id, usize>,
    stored: BTreeSet<Place>,
    remainders: BTreeSet<Id>,
    authorizations: usize,
    outputs: Vec<Range>,
}

impl Seen {
    fn step(&mut self, program: &Program, id: Id, op: &pb::Op) -> Result<Step, Refusal> {
        use pb::Code::*;
        let code = pb::Code::try_from(op.code).ok().filter(|c| *c != Unspecified);
        let code =
            code.ok_or_else(|| Refusal::new(Code::Unsupported, "the operation is unknown").differing("1 to 23", op.code))?;
        let (operands, immediates) = match code {
            Const => (0, 0),
            Param | KeyParam | Cell => (0, 1),
            Open => (2, 1),
            Load => (1, 1),
            Add | Sub | Mul | Divmod | Eq | Lt | And | Or => (2, 0),
            Remainder | Not | Range | Assert | Output => (1, 0),
            Select | Authorize => (3, 0),
            Store => (2, 1),
            StoreCell => (1, 1),
            Unspecified => unreachable!("refused above"),
        };
        expect("the number of operands", operands, op.args.len())?;
        expect("the number of immediates", immediates, op.index.len())?;
        let args: Vec<Id> = op.args.iter().map(|&a| position("operand", a, id)).collect::<Result<_, _>>()?;
        let immediate = |what: &str, count: usize| position(what, op.index[0], count);
        let stated = Range_ { lo: bound(&op.lo)?, hi: bound(&op.hi)? };
        let ty = |a: usize| program.steps[args[a]].ty.ok_or_else(|| broken(format!("operand {} is no value", args[a])));
        let integer = |a: usize| ty(a)?.range().ok_or_else(|| broken(format!("operand {} is no integer", args[a])));
        let within = |a: usize, outer: Range_| match integer(a)? {
            found if found.within(&outer) => Ok(()),
            found => Err(broken(format!("operand {} is not within its bounds", args[a])).differing(outer, found)),
        };
        let boolean = |a: usize| within(a, Range_::BOOLEAN);
        let port = |a: usize| {
            let port = self.opens.get(&args[a]).copied();
            port.ok_or_else(|| broken(format!("operand {} is no open port", args[a])))
        };
        let fields_of = |port: usize| &program.maps[program.ports[port].map].fields;
        // An operation's type must be what the rules give; what gives no value states none.
        let computed = |range: Option<Range_>| {
            let range = range.ok_or_else(|| broken("the result may leave ±2^127"))?;
            expect("the range", range, stated).map(|()| Some(Type::Integer(range)))
        };
        let typed = |ty: Type| expect("the range", ty.range().unwrap_or(Range_ { lo: 0, hi: 0 }), stated).map(|()| Some(ty));
        let nothing = || expect("the range of what has no value", Range_ { lo: 0, hi: 0 }, stated).map(|()| None);
        let given = || Range_::new(stated.lo, stated.hi).ok_or_else(|| broken("a range is empty").differing("", stated));
        let (op, ty) = match code {
            Const => {
                expect("the greatest value of a constant", stated.lo, stated.hi)?;
                (Op::Const(stated.lo), Some(Type::Integer(stated)))
            }
            Param => {
                let word = immediate("input word", program.input_words)?;
                (Op::Param { word }, computed(Some(Range_ { lo: 0, hi: u32::MAX.into() }))?)
            }
            KeyParam => {
                let words = KEY_WORDS * program.suites.len();
                let first = immediate("key at input word", (program.input_words + 1).saturating_sub(words))?;
                (Op::KeyParam { word: first + KEY_WORDS * program.suite }, typed(Type::Key)?)
            }
            Cell => {
                let cell = immediate("cell", program.cells.len())?;
                (Op::Cell { cell }, typed(program.cells[cell].ty)?)
            }
            Open => {
                let (map, number) = (immediate("map", program.maps.len())?, self.opens.len());
                if program.ports.get(number).is_none_or(|p| p.map != map) {
                    return Err(broken(format!("port {number} is not declared for map {map}")));
                }
                boolean(0)?;
                within(1, Range_ { lo: 0, hi: (1 << program.maps[map].depth) - 1 })?;
                let ty = nothing()?;
                self.opens.insert(id, number);
                (Op::Open { enabled: args[0], index: args[1], port: number }, ty)
            }
            Load => {
                let port = port(0)?;
                let field = immediate("field", fields_of(port).len())?;
                (Op::Load { port, field }, typed(fields_of(port)[field].ty)?)
            }
            Add => {
                let (a, b) = (integer(0)?, integer(1)?);
                (Op::Add(args[0], args[1]), computed(both(a.lo.checked_add(b.lo), a.hi.checked_add(b.hi)))?)
            }
            Sub => {
                let (a, b) = (integer(0)?, integer(1)?);
                (Op::Sub(args[0], args[1]), computed(both(a.lo.checked_sub(b.hi), a.hi.checked_sub(b.lo)))?)
            }
            Mul => (Op::Mul(args[0], args[1]), computed(product(integer(0)?, integer(1)?))?),
            Divmod => {
                let (a, b) = (integer(0)?, integer(1)?);
                if b.lo < 1 {
                    return Err(broken("the divisor may be less than 1").differing("at least 1", b));
                }
                (Op::Divmod(args[0], args[1]), computed(Some(quotient(a, b)))?)
            }
            Remainder => {
                let Some(Step { op: Op::Divmod(a, b), .. }) = program.steps.get(args[0]) else {
                    return Err(broken(format!("operand {} is no division", args[0])));
                };
                let (a, b) = (program.range(*a), program.range(*b));
                let hi = if a.lo >= 0 { a.hi.min(b.hi - 1) } else { b.hi - 1 };
                if !self.remainders.insert(args[0]) {
                    return Err(broken(format!("the remainder of {} is taken twice", args[0])));
                }
                (Op::Remainder(args[0]), computed(Some(Range_ { lo: 0, hi }))?)
            }
            Eq | Lt => {
                integer(0)?;
                integer(1)?;
                let op = if code == Eq { Op::Eq(args[0], args[1]) } else { Op::Lt(args[0], args[1]) };
                (op, computed(Some(Range_::BOOLEAN))?)
            }
            Select => {
                boolean(0)?;
                let op = Op::Select { condition: args[0], yes: args[1], no: args[2] };
                if (ty(1)?, ty(2)?) == (Type::Key, Type::Key) {
                    (op, typed(Type::Key)?)
                } else {
                    let (a, b) = (integer(1)?, integer(2)?);
                    (op, computed(Some(Range_ { lo: a.lo.min(b.lo), hi: a.hi.max(b.hi) }))?)
                }
            }
            And | Or => {
                boolean(0)?;
                boolean(1)?;
                let op = if code == And { Op::And(args[0], args[1]) } else { Op::Or(args[0], args[1]) };
                (op, computed(Some(Range_::BOOLEAN))?)
            }
            Not => {
                boolean(0)?;
                (Op::Not(args[0]), computed(Some(Range_::BOOLEAN))?)
            }
            Range => {
                integer(0)?;
                (Op::Range(args[0]), Some(Type::Integer(given()?)))
            }
            Assert => {
                boolean(0)?;
                (Op::Assert(args[0]), nothing()?)
            }
            Authorize => {
                boolean(0)?;
                if ty(1)? != Type::Key {
                    return Err(broken(format!("operand {} is no key", args[1])));
                }
                within(2, Range_ { lo: 0, hi: u64::MAX.into() })?;
                let authorization = self.authorizations;
                self.authorizations += 1;
                (Op::Authorize { enabled: args[0], key: args[1], nonce: args[2], authorization }, nothing()?)
            }
            Store => {
                let port = port(0)?;
                let field = immediate("field", fields_of(port).len())?;
                self.store(program, Place::Field(port, field), fields_of(port)[field].ty, args[1], ty(1)?)?;
                (Op::Store { port, value: args[1], field }, nothing()?)
            }
            StoreCell => {
                let cell = immediate("cell", program.cells.len())?;
                self.store(program, Place::Cell(cell), program.cells[cell].ty, args[0], ty(0)?)?;
                (Op::StoreCell { value: args[0], cell }, nothing()?)
            }
            Output => {
                let range = given()?;
                within(0, range)?;
                if range.span() > u64::MAX.into() {
                    return Err(broken("an output has at most 64 bits").differing("", range));
                }
                self.outputs.push(range);
                (Op::Output { value: args[0], range }, None)
            }
            Unspecified => unreachable!("refused above"),
        };
        Ok(Step { op, ty })
    }

    fn store(&mut self, program: &Program, place: Place, ty: Type, value: Id, found: Type) -> Result<(), Refusal> {
        if !self.stored.insert(place) {
            return Err(broken("a field or cell is stored twice"));
        }
        match (ty, found) {
            (Type::Integer(outer), Type::Integer(inner)) if inner.within(&outer) => Ok(()),
            (Type::Key, Type::Key) => check_stored_key(program, place, value),
            _ => {
                Err(broken("the stored value is not within the field's type").differing(format!("{ty:?}"), format!("{found:?}")))
            }
        }
    }

    /// That ports, messages and `OUTPUT`s stand where docs/program.md §6 has them.
    fn check_layout(&self, program: &Program, message: &pb::Program) -> Result<(), Refusal> {
        let mut expected = vec![];
        let words = |ranges: &[Range]| ranges.iter().map(Range::words).sum::<usize>();
        if message.has_refused {
            expected.push(Range::BOOLEAN);
        }
        for (number, port) in message.ports.iter().enumerate() {
            let map = &program.maps[program.ports[number].map];
            let (mut written, mut writes_key) = (vec![], false);
            for place in &self.stored {
                match *place {
                    Place::Field(p, f) if p == number => match map.fields[f].ty {
                        Type::Integer(range) => written.push((f as u32, range)),
                        Type::Key => writes_key = true,
                    },
                    _ => (),
                }
            }
            if !port.written.iter().eq(written.iter().map(|(f, _)| f)) || port.writes_key != writes_key {
                return Err(broken(format!("port {number}: it does not say what its stores write")));
            }
            let offset = if written.is_empty() { 0 } else { words(&expected) };
            expect(&format!("the output offset of port {number}"), offset, port.output_offset as usize)?;
            if !written.is_empty() {
                expected.push(Range { lo: 0, hi: (1 << map.depth) - 1 });
                expected.extend(written.iter().map(|(_, range)| range));
            }
        }
        for (number, m) in message.messages.iter().enumerate() {
            expect(&format!("the output offset of message {number}"), words(&expected), m.output_offset as usize)?;
            expected.push(Range::BOOLEAN);
            for f in fields(&m.fields)? {
                expected.push(f.ty.range().ok_or_else(|| broken(format!("message {number}: a key cannot be sent")))?);
            }
        }
        if expected != self.outputs {
            let list = |ranges: &[Range]| ranges.iter().map(Range::to_string).collect::<Vec<_>>().join(" ");
            return Err(broken("the outputs are not those of ports and messages").differing(list(&expected), list(&self.outputs)));
        }
        expect("the number of output words", words(&expected), program.output_words)
    }
}

fn both(lo: Option<i128>, hi: Option<i128>) -> Option<Range> {
    Some(Range { lo: lo?, hi: hi? })
}

fn product(a: Range, b: Range) -> Option<Range> {
    // A corner that overflows is beyond the bounds, and so then is the least or the greatest.
    let corners = [a.lo.checked_mul(b.lo)?, a.lo.checked_mul(b.hi)?, a.hi.checked_mul(b.lo)?, a.hi.checked_mul(b.hi)?];
    both(corners.iter().min().copied(), corners.iter().max().copied())
}

/// Of floor division; the divisor is positive, for which Euclid's division is the floor's.
fn quotient(a: Range, b: Range) -> Range {
    Range { lo: a.lo.div_euclid(if a.lo < 0 { b.lo } else { b.hi }), hi: a.hi.div_euclid(if a.hi < 0 { b.hi } else { b.lo }) }
}

/// A key that is stored is a parameter, or what was there before: keys do not stand among a journal's outputs.
fn check_stored_key(program: &Program, place: Place, value: Id) -> Result<(), Refusal> {
    let (mut waiting, mut seen) = (vec![value], BTreeSet::from([value]));
    while let Some(id) = waiting.pop() {
        let unchanged = match program.steps[id].op {
            Op::Select { yes, no, .. } => {
                waiting.extend([yes, no].into_iter().filter(|&v| seen.insert(v)));
                true
            }
            Op::KeyParam { .. } => true,
            Op::Load { port, field } => place == Place::Field(port, field),
            Op::Cell { cell } => place == Place::Cell(cell),
            _ => false,
        };
        if !unchanged {
            return Err(broken(format!("the key stored may be value {id}, which is neither a parameter nor the key before")));
        }
    }
    Ok(())
}

fn check_kinds(program: &Program, message: &pb::Program) -> Result<(), Refusal> {
    if message.kinds.first() != Some(&pb::Kind { name: "noop".into(), ..Default::default() }) {
        return Err(broken("kind 0 must be noop, without anything"));
    }
    for (number, kind) in message.kinds.iter().enumerate() {
        let wrong = |what: &str| broken(format!("kind {}: {what}", kind.name));
        let (mut width, mut amounts) = (1, vec![]);
        for parameter in fields(&kind.params)? {
            match parameter.ty {
                Type::Key => width += KEY_WORDS * program.suites.len(),
                Type::Integer(range) => {
                    if range == (Range { lo: 0, hi: u64::MAX.into() }) {
                        amounts.push(width as u32);
                    }
                    width += range.words();
                }
            }
        }
        if width > program.input_words {
            return Err(wrong("it has more input words than a slot").differing(program.input_words, width));
        }
        let mut messages = kind.messages.clone();
        messages.sort();
        let used = [
            ("ports", &kind.ports, program.ports.len()),
            ("authorizations", &kind.authorizations, program.authorizations),
            ("messages", &messages, message.messages.len()),
        ];
        for (what, list, count) in used {
            if !list.is_sorted_by(|a, b| a < b) || list.last().is_some_and(|&last| last as usize >= count) {
                return Err(wrong(&format!("its {what} are not in order, each once, of {count}")));
            }
        }
        if number > 0 && kind.from_l1 != kind.authorizations.is_empty() {
            return Err(wrong("a kind is from L1 or signed, and not both"));
        }
        let rule = kind.l1.unwrap_or_default();
        if !kind.from_l1 && rule != pb::L1Rule::default() {
            return Err(wrong("it has rules for L1, but it is not from L1"));
        }
        if rule.value_word.is_some_and(|word| !amounts.contains(&word)) {
            return Err(wrong("its value does not stand at a u64 parameter"));
        }
    }
    Ok(())
}
