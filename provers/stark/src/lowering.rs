//! From a program to rows: one function an operation.
//!
//! [`lower`] walks the slots of a batch once, for keys as for a proof: the [`Layout`] is the same whatever the advice. The batch proves
//! the relation of docs/program.md §6. What is free in the witness, and what holds it:
//!
//! | free | held by |
//! | --- | --- |
//! | cells and maps' roots before the batch | `pre_root` |
//! | input words | the commitment to the journal |
//! | a port's record and siblings | the map's root, if the port is enabled |
//! | an authorization's signature | the key, if it is enabled |
//! | products, quotients, remainders, bits | there is one value for each (`integers`) |
//!
//! Every part of a record or cell is held to its words where it enters (docs/program.md §4): its limbs are range checked and sent to
//! BLOCK as half-words.

use std::collections::HashMap;

use crate::builder::{Block, Builder, Pin, Shared, Siblings, Wire, Word, cells_of};
use crate::execution::{Advice, SlotAdvice, Value as Given};
use crate::integers::Int;
use crate::program::{Id, Op, Program, Step, Type};
use crate::refusal::{Refusal, unsupported};
use crate::suite::{Digest, KEY_WORDS, RATE, Signature, tag};
use crate::tables::{Layout, Witness};

/// Rows of a table, at most.
pub const MOST_ROWS: usize = 1 << 19;

/// The tables of `slots` slots of `program`, and the witness of a batch that was executed.
///
/// Without advice the values mean nothing and only the layout is given. Advice is of this program and of as many slots.
///
/// # Errors
/// `UNSUPPORTED`: a table would have more than [`MOST_ROWS`] rows.
pub fn lower(program: &Program, slots: usize, advice: Option<&Advice>) -> Result<(Layout, Option<Witness>), Refusal> {
    let mut batch = Batch::begin(program, advice);
    for slot in 0..slots {
        batch.slot(advice.map(|a| &a.slots[slot]));
        fits(batch.b.rows())?;
    }
    let (layout, witness) = batch.end(advice);
    Ok((layout, advice.map(|_| witness)))
}

fn fits(rows: usize) -> Result<(), Refusal> {
    if rows <= MOST_ROWS {
        return Ok(());
    }
    Err(unsupported("the batch is too large: take fewer slots").differing(format!("at most {MOST_ROWS} rows a table"), "more"))
}

/// A value of a program.
#[derive(Debug, Clone, Copy)]
enum Value {
    Int(Int),
    Key(Wire),
}

/// A field of a record, or a cell, as it is hashed.
#[derive(Debug, Clone, Copy)]
enum Stored {
    /// The wire of `v - lo`, for an integer that came with the record or cell.
    Encoded(Wire),
    /// A value of the program.
    Int(Int),
    Key(Wire),
}

/// The batch under way: what is carried from slot to slot, and the journal so far.
struct Batch<'p> {
    b: Builder,
    program: &'p Program,
    domain: Wire,
    cells: Vec<Stored>,
    roots: Vec<Wire>,
    inputs: Vec<Word>,
    outputs: Vec<Word>,
}

/// The slot under way.
struct Slot<'a> {
    advice: Option<&'a SlotAdvice>,
    input: Vec<Wire>,
    input_words: Vec<Word>,
    /// The digest that is signed, once an authorization needs it.
    digest: Option<Wire>,
    /// By operation.
    values: Vec<Option<Value>>,
    /// By the id of their `DIVMOD`.
    remainders: HashMap<Id, Int>,
    ports: Vec<Port>,
    cells_after: Vec<Stored>,
}

struct Port {
    enabled: Int,
    index: Int,
    before: Vec<Stored>,
    after: Vec<Stored>,
    written: bool,
    siblings: Vec<Digest>,
}

impl Slot<'_> {
    fn int(&self, id: Id) -> Int {
        match self.values[id] {
            Some(Value::Int(v)) => v,
            _ => unreachable!("checked when the program was decoded"),
        }
    }

    fn key(&self, id: Id) -> Wire {
        match self.values[id] {
            Some(Value::Key(k)) => k,
            _ => unreachable!("checked when the program was decoded"),
        }
    }
}

fn int_type(ty: Option<Type>) -> (i128, i128) {
    match ty {
        Some(Type::Int { lo, hi }) => (lo, hi),
        _ => unreachable!("checked when the program was decoded"),
    }
}

impl<'p> Batch<'p> {
    // The batch
    // ---------

    fn begin(program: &'p Program, advice: Option<&Advice>) -> Self {
        let mut b = Builder::new();
        let domain = b.domain(advice.map_or(Digest::default(), |a| a.public.domain));
        let cells = (program.cells.iter().enumerate())
            .map(|(c, &ty)| match (ty, advice.map(|a| a.cells[c])) {
                (Type::Key, given) => Stored::Key(b.free_digest(given.map_or(Digest::default(), key_of))),
                (Type::Int { lo, .. }, given) => {
                    let encoded = b.input(given.map_or(0, |v| int_of(v).wrapping_sub(lo)));
                    b.words(encoded, ty.words());
                    Stored::Encoded(encoded)
                }
            })
            .collect();
        let roots =
            (0..program.maps.len()).map(|m| b.free_digest(advice.map_or(Digest::default(), |a| a.map_roots[m]))).collect();
        let mut batch = Batch { b, program, domain, cells, roots, inputs: vec![], outputs: vec![] };
        let pre_root = batch.top_hash();
        batch.b.pin(pre_root, Pin::PreRoot);
        batch
    }

    fn end(mut self, advice: Option<&Advice>) -> (Layout, Witness) {
        let post_root = self.top_hash();
        self.b.pin(post_root, Pin::PostRoot);
        let mut journal = std::mem::take(&mut self.inputs);
        journal.append(&mut self.outputs);
        journal.extend(self.cell_words());
        let blocks = self.b.blocks(&journal);
        let parts = self.wires(&blocks);
        let commitment = self.hash(tag::JOURNAL, 0, 2 * journal.len(), &parts);
        self.b.pin(commitment, Pin::Commitment);
        self.b.finish(&blocks, advice.map_or_else(Default::default, |a| a.public.z))
    }

    /// The hash of the whole state.
    fn top_hash(&mut self) -> Wire {
        let cells = self.cells.clone();
        let types = &self.program.cells;
        let roots = self.roots.clone();
        self.state_hash(tag::STATE_ROOT, 0, &cells, types, &roots)
    }

    fn cell_words(&mut self) -> Vec<Word> {
        let cells = self.cells.clone();
        cells.iter().zip(&self.program.cells).flat_map(|(&c, &ty)| self.stored_words(c, ty)).collect()
    }

    /// The hash of integers in their words, keys, and further digests.
    fn state_hash(&mut self, tag: u32, aux: u32, fields: &[Stored], types: &[Type], digests: &[Wire]) -> Wire {
        let words: Vec<Word> = fields.iter().zip(types).flat_map(|(&f, &ty)| self.stored_words(f, ty)).collect();
        let keys = fields.iter().filter_map(|f| if let Stored::Key(k) = f { Some(*k) } else { None });
        let digests: Vec<Wire> = keys.chain(digests.iter().copied()).collect();
        let blocks = self.b.blocks(&words);
        let parts = [self.wires(&blocks), digests.clone()].concat();
        self.hash(tag, aux, 2 * words.len() + RATE * digests.len(), &parts)
    }

    fn wires(&self, blocks: &[Block]) -> Vec<Wire> {
        blocks.iter().map(|&block| self.b.block_wire(block)).collect()
    }

    /// A hash of nothing takes in a block of zeros.
    fn hash(&mut self, tag: u32, aux: u32, len: usize, parts: &[Wire]) -> Wire {
        if parts.is_empty() {
            let zeros = self.b.constant(Digest::default());
            return self.b.hash(tag, aux, len, &[zeros]);
        }
        self.b.hash(tag, aux, len, parts)
    }

    /// The words of a field, most significant first; of a key none.
    fn stored_words(&mut self, stored: Stored, ty: Type) -> Vec<Word> {
        match (stored, ty) {
            (Stored::Encoded(wire), _) => {
                let mut words = self.b.words(wire, ty.words());
                words.reverse();
                words
            }
            (Stored::Int(v), Type::Int { lo, .. }) => self.b.int_words(v, lo, ty.words()),
            _ => vec![],
        }
    }

    /// The value of a field that came with the record or cell.
    fn stored_value(&mut self, stored: Stored, ty: Type) -> Value {
        match (stored, ty) {
            (Stored::Encoded(wire), Type::Int { lo, hi }) => {
                let wire = if lo == 0 { wire } else { self.b.shifted(wire, lo) };
                Value::Int(Int { wire, lo, hi })
            }
            // A value that was stored lies in its own range, which the type's holds.
            (Stored::Int(Int { wire, .. }), Type::Int { lo, hi }) => Value::Int(Int { wire, lo, hi }),
            (Stored::Key(key), _) => Value::Key(key),
            (_, Type::Key) => unreachable!("a key is stored as such"),
        }
    }

    // A slot
    // ------

    fn slot(&mut self, advice: Option<&SlotAdvice>) {
        let input: Vec<Wire> =
            (0..self.program.input_words).map(|j| self.b.input(advice.map_or(0, |a| a.words[j].into()))).collect();
        let input_words: Vec<Word> = input.iter().flat_map(|&wire| self.b.words(wire, 1)).collect();
        self.inputs.extend(&input_words);
        let mut slot = Slot {
            advice,
            input,
            input_words,
            digest: None,
            values: Vec::with_capacity(self.program.steps.len()),
            remainders: HashMap::new(),
            ports: vec![],
            cells_after: self.cells.clone(),
        };
        for (id, step) in self.program.steps.iter().enumerate() {
            let value = self.operation(&mut slot, id, step);
            slot.values.push(value);
        }
        for (n, port) in std::mem::take(&mut slot.ports).into_iter().enumerate() {
            self.close(n, port);
        }
        self.cells = slot.cells_after;
    }

    fn operation(&mut self, slot: &mut Slot, id: Id, step: &Step) -> Option<Value> {
        let ty = step.ty;
        match step.op {
            Op::Const(v) => Some(Value::Int(self.b.int_constant(v))),
            Op::Param { word } => Some(Value::Int(Int { wire: slot.input[word], lo: 0, hi: u32::MAX.into() })),
            Op::KeyParam { word } => Some(Value::Key(self.key_param(slot, word))),
            Op::Cell { cell } => Some(self.stored_value(self.cells[cell], self.program.cells[cell])),
            Op::Open { port, enabled, index } => self.open(slot, port, enabled, index),
            Op::Load { port, field } => Some(self.load(slot, port, field)),
            Op::Add(x, y) => Some(Value::Int(self.b.add(slot.int(x), slot.int(y), int_type(ty)))),
            Op::Sub(x, y) => Some(Value::Int(self.b.sub(slot.int(x), slot.int(y), int_type(ty)))),
            Op::Mul(x, y) => Some(Value::Int(self.b.mul(slot.int(x), slot.int(y), int_type(ty)))),
            Op::Divmod(x, y) => Some(self.divmod(slot, id, x, y, int_type(ty))),
            Op::Remainder(of) => Some(Value::Int(slot.remainders[&of])),
            Op::Eq(x, y) => Some(Value::Int(self.b.eq(slot.int(x), slot.int(y)))),
            Op::Lt(x, y) => Some(Value::Int(self.b.lt(slot.int(x), slot.int(y)))),
            Op::Select { bit, one, zero } => Some(self.select(slot, bit, one, zero, ty)),
            Op::And(x, y) => Some(Value::Int(self.b.and(slot.int(x), slot.int(y)))),
            Op::Or(x, y) => Some(Value::Int(self.b.or(slot.int(x), slot.int(y)))),
            Op::Not(x) => Some(Value::Int(Int::bit(self.b.not(slot.int(x).wire)))),
            Op::Range(x) => Some(Value::Int(self.b.range(slot.int(x), int_type(ty)))),
            Op::Assert(x) => {
                self.b.pin(slot.int(x).wire, Pin::Constant(cells_of(1)));
                None
            }
            Op::Authorize { number, enabled, key, nonce } => self.authorize(slot, number, enabled, key, nonce),
            Op::Store { port, field, value } => {
                slot.ports[port].after[field] = stored(slot.values[value]);
                slot.ports[port].written = true;
                None
            }
            Op::StoreCell { cell, value } => {
                slot.cells_after[cell] = stored(slot.values[value]);
                None
            }
            Op::Output { value, ty } => self.output(slot, value, ty),
        }
    }

    // Operations
    // ----------

    fn key_param(&mut self, slot: &Slot, word: usize) -> Wire {
        let words: [Word; KEY_WORDS] = std::array::from_fn(|i| slot.input_words[word + i]);
        self.b.key(&words)
    }

    fn divmod(&mut self, slot: &mut Slot, id: Id, x: Id, y: Id, range: (i128, i128)) -> Value {
        let (a, b) = (slot.int(x), slot.int(y));
        let most = if a.lo >= 0 { a.hi.min(b.hi - 1) } else { b.hi - 1 };
        let (quotient, remainder) = self.b.divmod(a, b, range, most);
        slot.remainders.insert(id, remainder);
        Value::Int(quotient)
    }

    fn select(&mut self, slot: &Slot, bit: Id, one: Id, zero: Id, ty: Option<Type>) -> Value {
        let bit = slot.int(bit);
        match ty {
            Some(Type::Key) => Value::Key(self.b.select(bit.wire, slot.key(one), slot.key(zero))),
            _ => Value::Int(self.b.choose(bit, slot.int(one), slot.int(zero), int_type(ty))),
        }
    }

    fn output(&mut self, slot: &Slot, value: Id, ty: Type) -> Option<Value> {
        let (lo, _) = int_type(Some(ty));
        let words = self.b.int_words(slot.int(value), lo, ty.words());
        self.outputs.extend(words);
        None
    }

    // Ports
    // -----

    /// The record is the witness's if the port is enabled, else 0 in every field.
    fn open(&mut self, slot: &mut Slot, port: usize, enabled: Id, index: Id) -> Option<Value> {
        let map = self.program.map_of(port);
        let opening = slot.advice.map(|a| &a.openings[port]);
        let enabled = slot.int(enabled);
        let before: Vec<Stored> = (map.fields.iter().enumerate())
            .map(|(f, &ty)| match (ty, opening.map(|o| o.fields[f])) {
                (Type::Key, given) => {
                    let zeros = self.b.constant(Digest::default());
                    Stored::Key(self.b.digest_if(enabled.wire, given.map_or(Digest::default(), key_of), zeros))
                }
                (Type::Int { lo, .. }, given) => {
                    let zero = self.b.constant(cells_of(-lo));
                    let encoded = self.b.input_if(enabled.wire, given.map_or(0, |v| int_of(v).wrapping_sub(lo)), zero);
                    self.b.words(encoded, ty.words());
                    Stored::Encoded(encoded)
                }
            })
            .collect();
        let siblings = opening.map_or_else(|| vec![Digest::default(); map.depth], |o| o.siblings.clone());
        slot.ports.push(Port { enabled, index: slot.int(index), after: before.clone(), before, written: false, siblings });
        None
    }

    fn load(&mut self, slot: &Slot, port: usize, field: usize) -> Value {
        self.stored_value(slot.ports[port].before[field], self.program.map_of(port).fields[field])
    }

    /// Moves the map's root over a port: if it is enabled, the record before leads to the root, and the record after to the next one.
    fn close(&mut self, number: usize, port: Port) {
        let map = self.program.ports[number].map;
        let types = &self.program.maps[map].fields;
        let shared = self.b.share(if port.written { port.siblings.len() } else { 0 });
        let whose = |paths: fn(Shared) -> Siblings| if port.written { paths(shared) } else { Siblings::Own };
        let leaf = self.state_hash(tag::LEAF, map as u32, &port.before, types, &[]);
        let root = self.b.path(leaf, port.index.wire, &port.siblings, whose(Siblings::Shown));
        self.b.assert_same_if(port.enabled.wire, self.roots[map], root);
        if port.written {
            let leaf = self.state_hash(tag::LEAF, map as u32, &port.after, types, &[]);
            let root = self.b.path(leaf, port.index.wire, &port.siblings, whose(Siblings::Taken));
            self.roots[map] = self.b.select(port.enabled.wire, root, self.roots[map]);
        }
    }

    // Authorizations
    // --------------

    fn authorize(&mut self, slot: &mut Slot, number: usize, enabled: Id, key: Id, nonce: Id) -> Option<Value> {
        let digest = match slot.digest {
            Some(digest) => digest,
            None => self.tx_digest(slot),
        };
        let none = Signature::none();
        let signature = slot.advice.map_or(&none, |a| &a.signatures[number]);
        self.b.authorize(slot.int(enabled), slot.key(key), slot.int(nonce), digest, signature);
        None
    }

    fn tx_digest(&mut self, slot: &mut Slot) -> Wire {
        let blocks = self.b.blocks(&slot.input_words);
        let parts = [vec![self.domain], self.wires(&blocks)].concat();
        let digest = self.hash(tag::TRANSACTION, 0, RATE + 2 * slot.input_words.len(), &parts);
        slot.digest = Some(digest);
        digest
    }
}

/// A value as it is stored.
fn stored(value: Option<Value>) -> Stored {
    match value {
        Some(Value::Int(v)) => Stored::Int(v),
        Some(Value::Key(k)) => Stored::Key(k),
        None => unreachable!("checked when the program was decoded"),
    }
}

fn int_of(given: Given) -> i128 {
    match given {
        Given::Int(v) => v,
        Given::Key(_) => unreachable!("advice has the program's types"),
    }
}

fn key_of(given: Given) -> Digest {
    match given {
        Given::Key(key) => key,
        Given::Int(_) => unreachable!("advice has the program's types"),
    }
}
