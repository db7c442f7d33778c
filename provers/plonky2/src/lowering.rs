//! From a program to a circuit: one function an operation.
//!
//! The circuit proves the relation of docs/program.md §6 for one batch, with 25 public inputs in the order of docs/suites.md §9.
//! The order of the advice is part of this module's interface: `execution` hands over the same values in the same order.
//!
//! | advice, in this order | |
//! | --- | --- |
//! | `domain`, `payee`, `z` | public |
//! | cells, map roots | bound by the top hash |
//! | for each slot: its input words | range checked; bound by the journal |
//! | … `OPEN`: the record's words, its keys, its siblings | bound by the map's root |
//! | … `AUTHORIZE`: nonce, salt, chains, siblings | bound by the key |
//! | … `DIVMOD`: quotient and remainder, `LT`: the bit | unique |
//! | of a segment (`segments`): the journal's hash before its inputs, before its outputs | public |
//!
//! The words of a record or cell are not range checked: they hash to a root that was vouched for, and only range checked words
//! were ever stored (docs/program.md §4).

use plonky2::iop::ext_target::ExtensionTarget;
use plonky2::iop::target::{BoolTarget, Target};
use plonky2::plonk::circuit_data::{CircuitConfig, CircuitData};
use plonky2::plonk::proof::ProofWithPublicInputsTarget;
use plonky2::util::reducing::ReducingFactorTarget;

use crate::builder::{Builder, DigestTarget, Word};
use crate::field::{C, D, F, Field};
use crate::integers::Int;
use crate::program::{Action, Map, Op, Program, Sort, Type};
use crate::segments::Part;
use crate::suite::tag;

/// Words of `payee` as a public input.
pub const PAYEE_WORDS: usize = 5;
/// `pre_root 4, post_root 4, c 4, z 2, y 2, payee 5, domain 4`.
pub const PUBLIC_INPUTS: usize = 25;

/// A circuit, with what it wants to be told.
pub struct Circuit {
    pub data: CircuitData<F, C, D>,
    pub advice: Vec<Target>,
    /// Where the proofs go that it verifies: none in a leaf.
    pub parts: Vec<ProofWithPublicInputsTarget<D>>,
    /// Rows used, before they are filled up to a power of two.
    pub rows: usize,
}

/// A value of a program in the circuit.
#[derive(Clone)]
enum Value {
    Nothing,
    Int(Int),
    Key(DigestTarget),
}

/// A typed integer as its words, most significant first, or a key: as it stands in a record or cell.
#[derive(Clone)]
enum Stored {
    Words(Vec<Target>),
    Key(DigestTarget),
}

struct Port {
    enabled: BoolTarget,
    index_bits: Vec<BoolTarget>,
    map: usize,
    before: Vec<Stored>,
    after: Vec<Stored>,
    written: bool,
    siblings: Vec<DigestTarget>,
}

/// The circuit of `slots` slots of `program`.
pub fn lower(program: &Program, slots: usize, config: CircuitConfig) -> Circuit {
    // The library's digest of a circuit leaves out its gates: this stands for them.
    let separator = [b"multiprover/plonky2/v1".as_slice(), &program.id, &(slots as u32).to_be_bytes()].concat();
    Circuit::new(build(program, slots, config), &separator)
}

impl Circuit {
    /// Commits to a circuit under a name of its own.
    pub fn new(mut b: Builder, separator: &[u8]) -> Self {
        let rows = b.rows();
        let Builder { mut plonk, advice, .. } = b;
        plonk.set_domain_separator(separator.iter().map(|&x| F::from_canonical_u8(x)).collect());
        Circuit { data: plonk.build::<C>(), advice, parts: vec![], rows }
    }
}

/// The same, not yet built: rows can be counted without committing to anything.
pub fn build(program: &Program, slots: usize, config: CircuitConfig) -> Builder {
    let (mut b, public, journal) = batch(program, slots, config);
    b.conclude(&public, &journal);
    b.finish_rows();
    b
}

/// The slots of a batch between its two roots, and its journal, to which nothing is committed yet.
pub fn batch(program: &Program, slots: usize, config: CircuitConfig) -> (Builder, Public, Vec<Target>) {
    let mut l = Lowering::new(program, config);
    let pre_root = l.top_hash();
    let mut journal = vec![];
    let mut outputs = vec![];
    for _ in 0..slots {
        let (input, output) = l.slot();
        journal.extend(input);
        outputs.extend(output);
    }
    journal.extend(outputs);
    journal.extend(l.cell_words());
    let post_root = l.top_hash();
    let Lowering { b, domain, payee, z, .. } = l;
    (b, Public { pre_root, post_root, z, payee, domain }, journal)
}

/// A segment of a batch, not yet built: `slots` slots from wherever the batch has come to.
pub fn build_segment(program: &Program, slots: usize, config: CircuitConfig) -> Builder {
    let mut l = Lowering::new(program, config);
    let pre_root = l.top_hash();
    let (mut inputs, mut outputs) = (vec![], vec![]);
    for _ in 0..slots {
        let (input, output) = l.slot();
        inputs.extend(input);
        outputs.extend(output);
    }
    let post_root = l.top_hash();
    let Lowering { mut b, domain, payee, z, .. } = l;
    let [inputs, outputs] = [inputs, outputs].map(|words| b.section(ExtensionTarget(z), &words));
    b.register(&Part { public: Public { pre_root, post_root, z, payee, domain }, inputs, outputs });
    b.finish_rows();
    b
}

/// The words of the integer cells behind a root that is known otherwise: **constrains** that, with all else of the state, they lead to it.
pub fn open_cells(b: &mut Builder, program: &Program, root: DigestTarget) -> Vec<Target> {
    if program.cell_words() == 0 {
        return vec![];
    }
    let cells: Vec<Stored> = program.cells.iter().map(|&t| advise_stored(b, t)).collect();
    let roots: Vec<DigestTarget> = program.maps.iter().map(|_| b.advise_digest()).collect();
    let opened = top_hash(b, &cells, &roots);
    opened.into_iter().zip(root).for_each(|(x, y)| b.plonk.connect(x, y));
    words_of_cells(&cells)
}

/// The public inputs that do not follow from the journal.
#[derive(Debug, Clone)]
pub struct Public {
    pub pre_root: DigestTarget,
    pub post_root: DigestTarget,
    pub z: [Target; D],
    pub payee: Vec<Target>,
    pub domain: DigestTarget,
}

impl Builder {
    /// Commits to the journal, evaluates it, and registers the 25 public inputs.
    pub fn conclude(&mut self, public: &Public, journal: &[Target]) {
        let commitment = self.hash(tag::JOURNAL, 0, journal);
        let y = ReducingFactorTarget::new(ExtensionTarget(public.z)).reduce_base(journal, &mut self.plonk);
        let Public { pre_root, post_root, z, payee, domain } = public;
        let inputs = [&pre_root[..], post_root, &commitment, z, &y.0, payee, domain].concat();
        assert_eq!(inputs.len(), PUBLIC_INPUTS);
        self.plonk.register_public_inputs(&inputs);
    }
}

struct Lowering<'p> {
    b: Builder,
    program: &'p Program,
    domain: DigestTarget,
    payee: Vec<Target>,
    z: [Target; D],
    cells: Vec<Stored>,
    roots: Vec<DigestTarget>,
}

/// What one slot gathers.
struct Slot {
    input: Vec<Target>,
    words: Vec<Word>,
    digest: Option<DigestTarget>,
    values: Vec<Value>,
    /// Remainders, by the id of their `DIVMOD`.
    remainders: Vec<Option<Int>>,
    ports: Vec<Port>,
    cells_after: Vec<Stored>,
    output: Vec<Target>,
}

impl Slot {
    fn int(&self, id: usize) -> &Int {
        match &self.values[id] {
            Value::Int(v) => v,
            _ => unreachable!("checked when the program was decoded"),
        }
    }

    fn key(&self, id: usize) -> DigestTarget {
        match self.values[id] {
            Value::Key(k) => k,
            _ => unreachable!("checked when the program was decoded"),
        }
    }
}

/// Most significant first.
fn descending(words: &[Word]) -> Vec<Target> {
    words.iter().rev().map(|w| w.target).collect()
}

impl<'p> Lowering<'p> {
    fn new(program: &'p Program, config: CircuitConfig) -> Self {
        let mut b = Builder::new(config);
        let domain = b.advise_digest();
        let payee = b.advise_many(PAYEE_WORDS);
        let z = [b.advise(), b.advise()];
        let cells = program.cells.iter().map(|&t| advise_stored(&mut b, t)).collect();
        let roots = program.maps.iter().map(|_| b.advise_digest()).collect();
        Lowering { b, program, domain, payee, z, cells, roots }
    }

    fn cell_words(&self) -> Vec<Target> {
        words_of_cells(&self.cells)
    }

    fn top_hash(&mut self) -> DigestTarget {
        top_hash(&mut self.b, &self.cells, &self.roots)
    }

    /// One slot: its input words and its output words.
    fn slot(&mut self) -> (Vec<Target>, Vec<Target>) {
        let input = self.b.advise_many(self.program.input_words);
        let words = input.iter().map(|&t| self.b.range32(t)).collect();
        let mut slot = Slot {
            input,
            words,
            digest: None,
            values: vec![],
            remainders: vec![None; self.program.ops.len()],
            ports: vec![],
            cells_after: self.cells.clone(),
            output: vec![],
        };
        for (id, op) in self.program.ops.iter().enumerate() {
            let value = self.operation(&mut slot, id, op);
            slot.values.push(value);
        }
        for port in std::mem::take(&mut slot.ports) {
            self.close(port);
        }
        self.cells = slot.cells_after;
        (slot.input, slot.output)
    }

    fn operation(&mut self, slot: &mut Slot, id: usize, op: &Op) -> Value {
        let (lo, hi) = (op.lo, op.hi);
        let b = &mut self.b;
        match op.action {
            Action::Const => Value::Int(b.int_constant(lo)),
            Action::Param(j) => Value::Int(b.int_of_words(vec![slot.words[j]], 0, lo, hi)),
            Action::KeyParam(j) => Value::Key(self.key_param(slot, j)),
            Action::Cell(c) => self.load(&self.cells[c].clone(), self.program.cells[c]),
            Action::Open { enabled, index, map, .. } => {
                let port = self.open(slot.int(enabled).clone(), slot.int(index).clone(), map);
                slot.ports.push(port);
                Value::Nothing
            }
            Action::Load { port, field } => {
                let port = &slot.ports[port];
                self.load(&port.before[field], self.program.maps[port.map].fields[field])
            }
            Action::Add(x, y) => Value::Int(b.add(slot.int(x), slot.int(y), lo, hi)),
            Action::Sub(x, y) => Value::Int(b.sub(slot.int(x), slot.int(y), lo, hi)),
            Action::Mul(x, y) => Value::Int(b.mul(slot.int(x), slot.int(y), lo, hi)),
            Action::Divmod(x, y) => {
                let (x, y) = (slot.int(x), slot.int(y));
                let (quotient, remainder) = b.divmod(x, y, (lo, hi), remainder_most(x, y));
                slot.remainders[id] = Some(remainder);
                Value::Int(quotient)
            }
            Action::Remainder(d) => Value::Int(slot.remainders[d].clone().expect("its DIVMOD came before")),
            Action::Eq(x, y) => {
                let bit = b.equal(slot.int(x), slot.int(y));
                Value::Int(b.int_of_bool(bit))
            }
            Action::Lt(x, y) => {
                let bit = b.less_than(slot.int(x), slot.int(y));
                Value::Int(b.int_of_bool(bit))
            }
            Action::Select(c, x, y) => {
                let c = b.boolean(slot.int(c));
                match op.sort {
                    Sort::Key => Value::Key(b.select_digest(c, slot.key(x), slot.key(y))),
                    _ => Value::Int(b.select(c, slot.int(x), slot.int(y), lo, hi)),
                }
            }
            Action::And(x, y) => self.logic(slot, [x, y], |b, x, y| b.plonk.and(x, y)),
            Action::Or(x, y) => self.logic(slot, [x, y], |b, x, y| b.plonk.or(x, y)),
            Action::Not(x) => self.logic(slot, [x, x], |b, x, _| b.plonk.not(x)),
            Action::Range(x) => Value::Int(b.range(slot.int(x), lo, hi)),
            Action::Assert(x) => {
                let bit = b.boolean(slot.int(x));
                b.plonk.assert_one(bit.target);
                Value::Nothing
            }
            Action::Authorize { enabled, key, nonce } => {
                let digest = self.tx_digest(slot);
                let (enabled, nonce) = (slot.int(enabled).clone(), slot.int(nonce).clone());
                self.b.authorize(&enabled, slot.key(key), &nonce, digest);
                Value::Nothing
            }
            Action::Store { port, value, field } => {
                let ty = self.program.maps[slot.ports[port].map].fields[field];
                let stored = self.store(slot, value, ty);
                slot.ports[port].after[field] = stored;
                slot.ports[port].written = true;
                Value::Nothing
            }
            Action::StoreCell { value, cell } => {
                slot.cells_after[cell] = self.store(slot, value, self.program.cells[cell]);
                Value::Nothing
            }
            Action::Output(x) => {
                let ty = op.ty();
                let words = b.words(slot.int(x), ty.lo, ty.words());
                slot.output.extend(descending(&words));
                Value::Nothing
            }
        }
    }

    fn logic(
        &mut self,
        slot: &Slot,
        args: [usize; 2],
        f: impl FnOnce(&mut Builder, BoolTarget, BoolTarget) -> BoolTarget,
    ) -> Value {
        let [x, y] = args.map(|a| self.b.boolean(slot.int(a)));
        let bit = f(&mut self.b, x, y);
        Value::Int(self.b.int_of_bool(bit))
    }

    /// This suite's part of a key parameter: each element two words, reduced by the field itself.
    fn key_param(&mut self, slot: &Slot, j: usize) -> DigestTarget {
        let at = self.program.key_word(j);
        let base = F::from_canonical_u64(1 << 32);
        std::array::from_fn(|i| {
            let (high, low) = (slot.input[at + 2 * i], slot.input[at + 2 * i + 1]);
            self.b.linear(&[(F::ONE, low), (base, high)], 0)
        })
    }

    fn load(&mut self, stored: &Stored, ty: Type) -> Value {
        match stored {
            Stored::Key(key) => Value::Key(*key),
            Stored::Words(words) => {
                let words = words.iter().rev().map(|&target| Word { target, low: None }).collect();
                Value::Int(self.b.int_of_words(words, ty.lo, ty.lo, ty.hi))
            }
        }
    }

    fn store(&mut self, slot: &Slot, value: usize, ty: Type) -> Stored {
        if ty.key {
            return Stored::Key(slot.key(value));
        }
        // The value's static range lies within the type, so its words are `ty.words()` at most; they are range checked here.
        Stored::Words(descending(&self.b.words(slot.int(value), ty.lo, ty.words())))
    }

    fn tx_digest(&mut self, slot: &mut Slot) -> DigestTarget {
        *slot.digest.get_or_insert_with(|| {
            let elements: Vec<Target> = self.domain.iter().chain(&slot.input).copied().collect();
            self.b.hash(tag::TRANSACTION, 0, &elements)
        })
    }

    fn open(&mut self, enabled: Int, index: Int, map: usize) -> Port {
        let Map { depth, fields } = &self.program.maps[map];
        let enabled = self.b.boolean(&enabled);
        let index = self.b.single(&index);
        let index_bits = self.b.plonk.split_le(index.target, *depth);
        let before: Vec<Stored> = fields.iter().map(|&t| advise_stored(&mut self.b, t)).collect();
        let siblings = (0..*depth).map(|_| self.b.advise_digest()).collect();
        // A port that is not enabled loads zeros.
        let closed = self.b.plonk.not(enabled).target;
        for (stored, ty) in before.iter().zip(fields) {
            let (targets, zeros) = match stored {
                Stored::Words(words) => (words.clone(), zero_words(*ty)),
                Stored::Key(key) => (key.to_vec(), vec![0; key.len()]),
            };
            for (target, zero) in targets.into_iter().zip(zeros) {
                let zero = self.b.constant(zero.into());
                self.b.assert_equal_if(closed, target, zero);
            }
        }
        Port { enabled, index_bits, map, after: before.clone(), before, written: false, siblings }
    }

    /// Moves the map's root over the port: the record before leads to the root, the record after to the next one.
    fn close(&mut self, port: Port) {
        let before = self.map_root(&port, &port.before);
        let root = self.roots[port.map];
        for (&x, &y) in before.iter().zip(&root) {
            self.b.assert_equal_if(port.enabled.target, x, y);
        }
        if port.written {
            let after = self.map_root(&port, &port.after);
            self.roots[port.map] = self.b.select_digest(port.enabled, after, root);
        }
    }

    fn map_root(&mut self, port: &Port, record: &[Stored]) -> DigestTarget {
        let words = record.iter().flat_map(|s| if let Stored::Words(w) = s { w.clone() } else { vec![] });
        let keys = record.iter().flat_map(|s| if let Stored::Key(k) = s { k.to_vec() } else { vec![] });
        let leaf = self.b.hash(tag::LEAF, port.map as u64, &words.chain(keys).collect::<Vec<_>>());
        self.b.path(tag::NODE, leaf, &port.index_bits, &port.siblings)
    }
}

fn words_of_cells(cells: &[Stored]) -> Vec<Target> {
    cells.iter().flat_map(|c| if let Stored::Words(w) = c { w.clone() } else { vec![] }).collect()
}

fn top_hash(b: &mut Builder, cells: &[Stored], roots: &[DigestTarget]) -> DigestTarget {
    let keys = cells.iter().filter_map(|c| if let Stored::Key(k) = c { Some(*k) } else { None });
    let elements: Vec<Target> = words_of_cells(cells).into_iter().chain(keys.chain(roots.iter().copied()).flatten()).collect();
    b.hash(tag::STATE_ROOT, 0, &elements)
}

fn advise_stored(b: &mut Builder, ty: Type) -> Stored {
    if ty.key { Stored::Key(b.advise_digest()) } else { Stored::Words(b.advise_many(ty.words())) }
}

/// The greatest remainder by the ranges of `DIVMOD`'s operands (docs/program.md §3).
fn remainder_most(a: &Int, b: &Int) -> i128 {
    if a.lo >= 0 { a.hi.min(b.hi - 1) } else { b.hi - 1 }
}

/// The words of 0, most significant first.
pub fn zero_words(ty: Type) -> Vec<u32> {
    words_of(0, ty)
}

/// The words of `v`, most significant first; `v` lies in the type.
pub fn words_of(v: i128, ty: Type) -> Vec<u32> {
    let encoded = (v - ty.lo) as u64;
    (0..ty.words()).rev().map(|j| (encoded >> (32 * j)) as u32).collect()
}
