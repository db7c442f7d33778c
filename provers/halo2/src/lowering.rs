//! From a program to rows: docs/program.md §3 to §6, each operation in the order of its table.
//!
//! One walk serves keys and proofs; it takes every choice from the program and the number of slots alone.

use halo2_axiom::halo2curves::bn256::Fr;
use halo2_axiom::halo2curves::ff::Field as _;

use crate::builder::{Builder, Place, Purpose, Tabled, Wire};
use crate::config::PUBLIC;
use crate::execution::{Access, Advice, PublicInputs, SlotAdvice, Value};
use crate::integers::{Affine, Int};
use crate::program::{Field, Id, KEY_WORDS, Op, Program, Range, Type};
use crate::signature::Signature;
use crate::suite::{self, PACKED_WORDS, Tag};

/// The circuit type: what keys are made for, and what `MockProver` checks.
pub type BatchCircuit = Tabled;

/// Largest circuit: 2^20 rows.
pub const LARGEST: u32 = 20;
/// Smallest circuit.
const SMALLEST: u32 = 8;
const WORD: Range = Range { lo: 0, hi: u32::MAX as i128 };

/// Rows that a batch takes of `2^k`.
pub fn rows(program: &Program, slots: usize, k: u32) -> usize {
    walk(program, slots, k, Purpose::Count, None).rows()
}

/// The least `k` whose `2^k` rows hold a batch; none up to [`LARGEST`] may.
pub fn fit(program: &Program, slots: usize) -> Option<u32> {
    (SMALLEST..=LARGEST).find(|&k| rows(program, slots, k) <= 1 << k)
}

/// Fixed columns and copies of a batch of `2^k` rows, for its keys.
pub fn shape(program: &Program, slots: usize, k: u32) -> BatchCircuit {
    Tabled(walk(program, slots, k, Purpose::Shape, None).finish())
}

/// The advice columns of a batch, of `2^k` values each.
pub fn advice(program: &Program, k: u32, advice: &Advice, public: &PublicInputs) -> Vec<Vec<Fr>> {
    walk(program, advice.slots.len(), k, Purpose::Advice, Some((advice, public))).finish().advice
}

/// Shape and advice together.
pub fn circuit(program: &Program, k: u32, advice: &Advice, public: &PublicInputs) -> BatchCircuit {
    Tabled(walk(program, advice.slots.len(), k, Purpose::All, Some((advice, public))).finish())
}

/// The advice and public values of a batch; none where only the shape is asked.
pub(crate) type Given<'a> = Option<(&'a Advice, &'a PublicInputs)>;

fn walk(program: &Program, slots: usize, k: u32, purpose: Purpose, batch: Given) -> Builder {
    let mut builder = Builder::new(k, purpose);
    lower(&mut builder, program, slots, batch);
    builder
}

/// Writes a batch's rows, whose slots are what the program says.
pub fn lower(builder: &mut Builder, program: &Program, slots: usize, batch: Given) {
    frame(builder, program, slots, batch, |batch, slot| batch.slot(slot));
}

/// Writes a batch's rows, whose slots another function writes.
pub(crate) fn frame(builder: &mut Builder, program: &Program, slots: usize, batch: Given, write: fn(&mut Batch, &SlotAdvice)) {
    let nothing;
    let (advice, public) = match batch {
        Some((advice, public)) => (advice, public.to_vec()),
        None => {
            nothing = no_advice(program, slots);
            (&nothing, vec![Fr::ZERO; PUBLIC])
        }
    };
    let public: Vec<Wire> = public.into_iter().enumerate().map(|(n, v)| builder.public(n, v)).collect();
    // The payee is bound by being public.
    let [pre_root, post_root, commitment, challenge, evaluation, _payee, domain] = public[..] else {
        unreachable!("{PUBLIC} public values")
    };
    let mut batch = Batch::new(builder, program, advice, domain);
    let root = batch.state_root();
    batch.builder.equal(root, pre_root);
    for slot in &advice.slots {
        write(&mut batch, slot);
    }
    let root = batch.state_root();
    batch.builder.equal(root, post_root);
    batch.journal(commitment, challenge, evaluation);
}

fn zeros(fields: &[Field]) -> Vec<Value> {
    let zero = |f: &Field| match f.ty {
        Type::Integer(_) => Value::Integer(0),
        Type::Key => Value::Key(Fr::ZERO),
    };
    fields.iter().map(zero).collect()
}

/// Something to walk over where only the shape is asked.
fn no_advice(program: &Program, slots: usize) -> Advice {
    let accesses = program.ports.iter().map(|port| {
        let map = &program.maps[port.map];
        Access { fields: zeros(&map.fields), siblings: vec![Fr::ZERO; map.depth] }
    });
    let slot = SlotAdvice {
        words: vec![0; program.input_words],
        accesses: accesses.collect(),
        signatures: vec![Signature::NONE; program.authorizations],
        values: vec![],
    };
    Advice { cells: zeros(&program.cells), map_roots: vec![Fr::ZERO; program.maps.len()], slots: vec![slot; slots] }
}

/// The value of an operation.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Val {
    None,
    Int(Int),
    Key(Affine),
}

impl Val {
    fn int(&self) -> &Int {
        match self {
            Val::Int(v) => v,
            other => unreachable!("a checked program has an integer here, not {other:?}"),
        }
    }

    fn key(&self) -> &Affine {
        match self {
            Val::Key(v) => v,
            other => unreachable!("a checked program has a key here, not {other:?}"),
        }
    }
}

/// A typed integer in the journal, a record or the cells: `v - lo`, and its words.
#[derive(Clone, Copy)]
pub(crate) struct Typed {
    encoded: Affine,
    value: u64,
    words: usize,
}

impl Typed {
    pub(crate) fn new(v: &Int, range: Range) -> Self {
        Typed { encoded: v.above(range.lo), value: v.value.wrapping_sub(range.lo) as u64, words: range.words() }
    }
}

/// The integers among fields, typed, and the keys.
fn integers_and_keys(fields: &[Field], values: &[Val]) -> (Vec<Typed>, Vec<Affine>) {
    let typed = fields.iter().zip(values).filter_map(|(f, v)| f.ty.range().map(|range| Typed::new(v.int(), range)));
    let keys = fields.iter().zip(values).filter(|(f, _)| f.ty == Type::Key).map(|(_, v)| *v.key());
    (typed.collect(), keys.collect())
}

/// `2^(32·words)`.
fn shift(words: usize) -> Fr {
    let mut limbs = [0; 4];
    limbs[words / 2] = 1 << (32 * (words % 2));
    Fr::from_raw(limbs)
}

/// A sum of cells with factors.
#[derive(Default)]
pub(crate) struct Sum {
    terms: Vec<(Wire, Fr)>,
    constant: Fr,
}

impl Sum {
    pub(crate) fn add(&mut self, v: &Affine, factor: Fr) {
        self.constant += v.offset * factor;
        if let Some(wire) = v.wire {
            self.terms.push((wire, v.scale * factor));
        }
    }

    pub(crate) fn wire(&self, builder: &mut Builder) -> Wire {
        match self.terms[..] {
            [] => builder.constant(self.constant),
            [(wire, factor)] if factor == Fr::ONE && self.constant == Fr::ZERO => wire,
            _ => builder.linear(&self.terms, self.constant),
        }
    }
}

/// A state access of the slot under way.
pub(crate) struct Opened<'a> {
    pub(crate) access: &'a Access,
    pub(crate) map: usize,
    pub(crate) enabled: Int,
    pub(crate) index: Int,
    pub(crate) before: Vec<Val>,
    pub(crate) after: Vec<Val>,
    pub(crate) stored: bool,
}

/// A batch between two slots.
pub(crate) struct Batch<'a> {
    pub(crate) builder: &'a mut Builder,
    program: &'a Program,
    domain: Wire,
    cells: Vec<Val>,
    roots: Vec<Wire>,
    pub(crate) inputs: Vec<Typed>,
    pub(crate) outputs: Vec<Typed>,
}

impl<'a> Batch<'a> {
    /// The state before, each part held to its type.
    fn new(builder: &'a mut Builder, program: &'a Program, advice: &Advice, domain: Wire) -> Self {
        let cells = program.cells.iter().zip(&advice.cells).map(|(f, v)| new_value(builder, f, v)).collect();
        let roots = advice.map_roots.iter().map(|r| builder.free(*r)).collect();
        Batch { builder, program, domain, cells, roots, inputs: vec![], outputs: vec![] }
    }

    fn slot(&mut self, advice: &SlotAdvice) {
        let words: Vec<Int> = advice.words.iter().map(|w| self.builder.new_int((*w).into(), WORD)).collect();
        self.inputs.extend(words.iter().map(|w| Typed::new(w, WORD)));
        let digest = self.digest(&words);
        let mut slot =
            Slot { batch: self, advice, words, digest, values: vec![], ports: vec![], remainders: vec![], stored: vec![] };
        for id in 0..slot.batch.program.steps.len() {
            let value = slot.step(id);
            slot.values.push(value);
        }
        slot.finish();
    }

    /// `tx_digest` of docs/suites.md §1.
    pub(crate) fn digest(&mut self, words: &[Int]) -> Wire {
        let mut elements = vec![self.domain];
        for group in words.chunks(PACKED_WORDS) {
            let mut sum = Sum::default();
            group.iter().enumerate().for_each(|(i, w)| sum.add(&w.affine, shift(PACKED_WORDS - 1 - i)));
            elements.push(sum.wire(self.builder));
        }
        self.builder.hash(Tag::Transaction, 0, &elements)
    }

    /// Packed typed integers, whole ones only (docs/suites.md §2), then keys.
    fn packed(&mut self, integers: &[Typed], keys: &[Affine]) -> Vec<Wire> {
        let mut elements = vec![];
        let mut rest = integers;
        while !rest.is_empty() {
            let mut words = 0;
            let fits = rest.iter().take_while(|t| {
                words += t.words;
                words <= PACKED_WORDS
            });
            let (group, later) = rest.split_at(fits.count());
            let mut sum = Sum::default();
            let mut behind = 0;
            for typed in group.iter().rev() {
                sum.add(&typed.encoded, shift(behind));
                behind += typed.words;
            }
            elements.push(sum.wire(self.builder));
            rest = later;
        }
        elements.extend(keys.iter().map(|k| self.builder.wire(k)));
        elements
    }

    fn state_root(&mut self) -> Wire {
        let (integers, keys) = integers_and_keys(&self.program.cells, &self.cells);
        let mut elements = self.packed(&integers, &keys);
        elements.extend(&self.roots);
        self.builder.hash(Tag::StateRoot, 0, &elements)
    }

    /// Binds the journal (docs/suites.md §5): inputs, outputs, the cells after.
    fn journal(&mut self, commitment: Wire, challenge: Wire, evaluation: Wire) {
        let (cells, _) = integers_and_keys(&self.program.cells, &self.cells);
        let inputs = std::mem::take(&mut self.inputs);
        let outputs = std::mem::take(&mut self.outputs);
        let mut elements = vec![];
        let mut sum = Sum::default();
        let mut room = PACKED_WORDS;
        let mut put = |builder: &mut Builder, v: &Affine, words: usize| {
            room -= words;
            sum.add(v, shift(room));
            if room == 0 {
                elements.push(std::mem::take(&mut sum).wire(builder));
                room = PACKED_WORDS;
            }
            room
        };
        let mut left = PACKED_WORDS;
        for typed in inputs.iter().chain(&outputs).chain(&cells) {
            if typed.words <= left {
                left = put(self.builder, &typed.encoded, typed.words);
            } else {
                for half in self.halves(typed) {
                    left = put(self.builder, &half, 1);
                }
            }
        }
        if left < PACKED_WORDS {
            elements.push(sum.wire(self.builder));
        }
        let hashed = self.builder.hash(Tag::Journal, 0, &elements);
        self.builder.equal(hashed, commitment);

        let mut sum = match elements.pop() {
            Some(last) => last,
            None => self.builder.constant(Fr::ZERO),
        };
        for p in elements.iter().rev() {
            let value = sum.value * challenge.value + p.value;
            let places = [Place::Copy(sum), Place::Copy(challenge), Place::Copy(*p), Place::Empty];
            let [zero, one] = [Fr::ZERO, Fr::ONE];
            let q = [zero, zero, one, zero, one, zero, zero, zero];
            sum = self.builder.wide(places, q, Place::New(value)).expect("placed");
        }
        self.builder.equal(sum, evaluation);
    }

    /// The two words of a value that stands in two elements.
    fn halves(&mut self, typed: &Typed) -> [Affine; 2] {
        let high = self.builder.new_int((typed.value >> 32).into(), WORD).affine;
        let low = self.builder.bilinear(&typed.encoded, &high, [Fr::ONE, -shift(1), Fr::ZERO, Fr::ZERO]);
        self.builder.hold_bits(&low, i128::from(typed.value as u32).into(), 32);
        [high, low]
    }
}

/// A field's value as it stands in the state.
pub(crate) fn new_value(builder: &mut Builder, field: &Field, value: &Value) -> Val {
    match (field.ty, value) {
        (Type::Integer(range), Value::Integer(v)) => Val::Int(builder.new_int(*v, range)),
        (Type::Key, Value::Key(key)) => Val::Key(builder.free(*key).into()),
        other => unreachable!("the advice is of the program's types, not {other:?}"),
    }
}

/// A slot under way.
struct Slot<'s, 'a, 'b> {
    batch: &'s mut Batch<'b>,
    advice: &'a SlotAdvice,
    words: Vec<Int>,
    digest: Wire,
    values: Vec<Val>,
    ports: Vec<Opened<'a>>,
    /// Of divisions, by id.
    remainders: Vec<(Id, Int)>,
    /// Cells after the slot, where they are stored.
    stored: Vec<(usize, Val)>,
}

impl Slot<'_, '_, '_> {
    fn int(&self, id: Id) -> Int {
        *self.values[id].int()
    }

    fn step(&mut self, id: Id) -> Val {
        let step = self.batch.program.steps[id];
        let range = step.ty.and_then(|t| t.range()).unwrap_or(Range::BOOLEAN);
        match step.op {
            Op::Const(v) => Val::Int(Int::constant(v)),
            Op::Param { word } => Val::Int(self.words[word]),
            Op::KeyParam { word } => self.key_param(word),
            Op::Cell { cell } => self.batch.cells[cell],
            Op::Open { enabled, index, port } => self.open(enabled, index, port),
            Op::Load { port, field } => self.ports[port].before[field],
            Op::Add(a, b) => self.binary(a, b, |builder, a, b| builder.add(a, b, range)),
            Op::Sub(a, b) => self.binary(a, b, |builder, a, b| builder.sub(a, b, range)),
            Op::Mul(a, b) => self.binary(a, b, |builder, a, b| builder.mul(a, b, range)),
            Op::Divmod(a, b) => self.divmod(id, a, b, range),
            Op::Remainder(divmod) => self.remainder(divmod, range),
            Op::Eq(a, b) => self.binary(a, b, Builder::eq),
            Op::Lt(a, b) => self.binary(a, b, Builder::lt),
            Op::Select { condition, yes, no } => self.select(condition, yes, no, range),
            Op::And(a, b) => self.binary(a, b, Builder::and),
            Op::Or(a, b) => self.binary(a, b, Builder::or),
            Op::Not(a) => Val::Int(self.batch.builder.not(&self.int(a))),
            Op::Range(v) => Val::Int(self.batch.builder.hold(&self.int(v), range)),
            Op::Assert(v) => self.assert(v),
            Op::Authorize { enabled, key, nonce, authorization } => self.authorize(enabled, key, nonce, authorization),
            Op::Store { port, value, field } => self.store(port, value, field),
            Op::StoreCell { value, cell } => self.store_cell(value, cell),
            Op::Output { value, range } => self.output(value, range),
        }
    }

    fn binary(&mut self, a: Id, b: Id, op: impl FnOnce(&mut Builder, &Int, &Int) -> Int) -> Val {
        Val::Int(op(self.batch.builder, &self.int(a), &self.int(b)))
    }

    /// `KEY_PARAM`: eight words as one element, which reduces them.
    fn key_param(&mut self, word: usize) -> Val {
        let mut sum = Sum::default();
        for (i, w) in self.words[word..word + KEY_WORDS].iter().enumerate() {
            // 2^224 is the largest shift.
            sum.add(&w.affine, shift(KEY_WORDS - 1 - i));
        }
        Val::Key(sum.wire(self.batch.builder).into())
    }

    /// `OPEN`: the record before. That it lies in the map is constrained at the slot's end, where the ports take effect in order.
    fn open(&mut self, enabled: Id, index: Id, port: usize) -> Val {
        let (enabled, index) = (self.int(enabled), self.int(index));
        let program = self.batch.program;
        let map = program.ports[port].map;
        let access = &self.advice.accesses[port];
        let fields = program.maps[map].fields.iter().zip(&access.fields);
        let before: Vec<Val> = fields.map(|(f, v)| new_value(self.batch.builder, f, v)).collect();
        self.ports.push(Opened { access, map, enabled, index, after: before.clone(), before, stored: false });
        Val::None
    }

    /// `DIVMOD`; the remainder waits under its id.
    fn divmod(&mut self, id: Id, a: Id, b: Id, range: Range) -> Val {
        let (a, b) = (self.int(a), self.int(b));
        let (q, r) = self.batch.builder.divmod(&a, &b, range);
        self.remainders.push((id, r));
        Val::Int(q)
    }

    fn remainder(&mut self, divmod: Id, range: Range) -> Val {
        let (_, r) = self.remainders.iter().find(|(id, _)| *id == divmod).expect("a checked program has a division there");
        Val::Int(Int { range, ..*r })
    }

    fn select(&mut self, condition: Id, yes: Id, no: Id, range: Range) -> Val {
        let condition = self.int(condition);
        let builder = &mut *self.batch.builder;
        match (self.values[yes], self.values[no]) {
            (Val::Key(a), Val::Key(b)) => Val::Key(builder.choose(&condition.affine, &a, &b)),
            (a, b) => Val::Int(builder.select(&condition, a.int(), b.int(), range)),
        }
    }

    fn assert(&mut self, v: Id) -> Val {
        self.batch.builder.equals_constant(&self.int(v).affine, Fr::ONE);
        Val::None
    }

    fn authorize(&mut self, enabled: Id, key: Id, nonce: Id, authorization: usize) -> Val {
        let (enabled, nonce, key) = (self.int(enabled), self.int(nonce), *self.values[key].key());
        let signature = &self.advice.signatures[authorization];
        self.batch.builder.authorize(&enabled.affine, &key, &nonce.affine, self.digest, signature);
        Val::None
    }

    fn store(&mut self, port: usize, value: Id, field: usize) -> Val {
        let opened = &mut self.ports[port];
        opened.after[field] = self.values[value];
        opened.stored = true;
        Val::None
    }

    fn store_cell(&mut self, value: Id, cell: usize) -> Val {
        self.stored.push((cell, self.values[value]));
        Val::None
    }

    fn output(&mut self, value: Id, range: Range) -> Val {
        self.batch.outputs.push(Typed::new(&self.int(value), range));
        Val::None
    }

    /// The ports take effect in their order (docs/program.md §4), then the cells.
    fn finish(self) {
        let Slot { batch, ports, stored, .. } = self;
        for port in &ports {
            let rights = batch.index_bits(port);
            batch.access(port, &rights);
        }
        for (cell, value) in stored {
            batch.cells[cell] = value;
        }
    }
}

impl Batch<'_> {
    /// An access with the bits of its index, the lowest first: before, and after if something is stored.
    pub(crate) fn access(&mut self, port: &Opened, rights: &[Wire]) {
        let fields = &self.program.maps[port.map].fields;
        let enabled = port.enabled.affine;
        let before = self.leaf(port.map, &port.before);
        // A port that is not enabled loads zeros: their packing is that of the zero record, whose parts are held to their words.
        let zero = zeros(fields).into_iter().map(|v| match v {
            Value::Integer(v) => Val::Int(Int::constant(v)),
            _ => Val::Key(Affine::constant(Fr::ZERO)),
        });
        let zero: Vec<Val> = zero.collect();
        let (integers, keys) = integers_and_keys(fields, &zero);
        let zero = packed_constants(&integers, keys.len());
        for (element, zero) in before.iter().zip(zero) {
            // (1 - enabled)·(element - zero) = 0
            self.builder.bilinear_zero(&enabled, &(*element).into(), [zero, Fr::ONE, -Fr::ONE, -zero]);
        }
        let map = port.map as u32;
        let leaf = self.builder.hash(Tag::Leaf, map, &before);
        let siblings: Vec<Place> = port.access.siblings.iter().map(|s| Place::New(*s)).collect();
        let (old, siblings) = self.builder.path(leaf, rights, &siblings);
        let root = self.roots[port.map];
        let other = self.builder.bilinear(&old.into(), &root.into(), [Fr::ONE, -Fr::ONE, Fr::ZERO, Fr::ZERO]);
        self.builder.bilinear_zero(&enabled, &other, [Fr::ZERO, Fr::ZERO, Fr::ONE, Fr::ZERO]);
        if port.stored {
            let after = self.leaf(port.map, &port.after);
            let leaf = self.builder.hash(Tag::Leaf, map, &after);
            let siblings: Vec<Place> = siblings.into_iter().map(Place::Copy).collect();
            let (new, _) = self.builder.path(leaf, rights, &siblings);
            let next = self.builder.choose(&enabled, &new.into(), &root.into());
            self.roots[port.map] = self.builder.wire(&next);
        }
    }

    fn leaf(&mut self, map: usize, values: &[Val]) -> Vec<Wire> {
        let (integers, keys) = integers_and_keys(&self.program.maps[map].fields, values);
        self.packed(&integers, &keys)
    }

    /// The bits of a port's index, the lowest first.
    fn index_bits(&mut self, port: &Opened) -> Vec<Wire> {
        let depth = self.program.maps[port.map].depth;
        let mut sum = Sum::default();
        let bits: Vec<Wire> = (0..depth)
            .map(|i| {
                let bit = self.builder.new_boolean(Place::New(Fr::from((port.index.value >> i & 1) as u64)));
                sum.add(&bit.into(), Fr::from(1 << i));
                bit
            })
            .collect();
        let composed = sum.wire(self.builder);
        let index = self.builder.wire(&port.index.affine);
        self.builder.equal(composed, index);
        bits
    }
}

/// The elements that constants pack to; keys are 0.
fn packed_constants(integers: &[Typed], keys: usize) -> Vec<Fr> {
    let typed: Vec<suite::Typed> = integers.iter().map(|t| suite::Typed { encoded: t.value, words: t.words }).collect();
    let mut elements = suite::pack_integers(&typed);
    elements.extend(std::iter::repeat_n(Fr::ZERO, keys));
    elements
}
