//! Writes every gadget's constraints as data, for the proof that outputs are determined by inputs (docs/soundness.md). Not shipped.
//!
//! One JSON document a line. The first is the header `{"format": 1, "prover", "modulus", "gates"}`, each other
//! one the rows of one gadget, as the prover's own builder makes them:
//!
//! ```text
//! {"name", "wires": W, "inputs": […], "outputs": […], "ranges": {"WIRE": ["LO", "HI"]}, "challenges": [],
//!  "rows": [[GATE, [wires], []], …], "lookups": [[[[WIRE, "coefficient"], …], "LO", "HI"], …], "witness": ["…", one a wire]}
//! ```
//!
//! A gate is `{"wires": n, "constants": 0, "nodes": […], "zero": [nodes], "function": null}`: a straight line of nodes `["w", i]` (wire),
//! `["c", "v"]`, `["+", a, b]`, `["-", a, b]`, `["*", a, b]`, of which those in `zero` must vanish. An assertion has no outputs.
//!
//! Gates are the constraints that the proving library evaluates, with a row's preprocessed cells put in; what these switch off is left out. A
//! long sum that is multiplied gets a wire of its own. A message's elements, by the number of what it speaks of, are wires too: who sends and who
//! receives it says the same, which is what the buses prove; a cell that stands for itself in a message is the same wire. A message to RANGE
//! is a lookup; what is the sum of two of them has the range that follows.
//!
//! Not here: MUL's rows (the checker has no rule for their carries yet; `tests/gadgets.rs` lies about them), signatures and the journal's
//! evaluation.

use std::collections::{BTreeMap, HashMap, HashSet};

use multiprover_stark::builder::{Builder, Cells, Siblings, Wire, cells_of};
use multiprover_stark::check::Tables;
use multiprover_stark::integers::Int;
use multiprover_stark::suite::tag;
use multiprover_stark::symbolic::Shape;
use multiprover_stark::tables::{DIGEST, F, Public, Table, bus};
use p3_air::symbolic::{BaseEntry, BaseLeaf, SymbolicExpr, SymbolicExpression};
use p3_field::{Field, PrimeCharacteristicRing, PrimeField32};
use p3_lookup::Kind;
use serde_json::{Value, json};

type Expression = SymbolicExpression<F>;

/// A witness cell as a row sees it: the row's own or the next's, and its column.
type Cell = (usize, usize);

/// A node of a straight line.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Node {
    Wire(usize),
    Number(F),
    Add(usize, usize),
    Sub(usize, usize),
    Mul(usize, usize),
}

/// What a wire of a straight line is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Slot {
    Cell(Cell),
    /// The value of a node.
    Node(usize),
    /// What a message says.
    Said,
}

/// Of a sum that is multiplied as it stands.
const MOST_WIRES: usize = 4;

/// What an expression comes to.
#[derive(Clone, Copy)]
enum Term {
    Number(F),
    Node(usize),
}

#[derive(Default)]
struct Straight {
    nodes: Vec<Node>,
    known: HashMap<Node, usize>,
    slots: Vec<Slot>,
    zero: Vec<usize>,
}

/// The preprocessed cells of a row, and whether it is its table's first.
struct Row<'a> {
    preprocessed: &'a [F],
    first: bool,
}

impl Straight {
    fn push(&mut self, node: Node) -> usize {
        if let Some(&at) = self.known.get(&node) {
            return at;
        }
        self.nodes.push(node);
        self.known.insert(node, self.nodes.len() - 1);
        self.nodes.len() - 1
    }

    fn slot(&mut self, slot: Slot) -> usize {
        let at = self.slots.iter().position(|s| *s == slot).unwrap_or_else(|| {
            self.slots.push(slot);
            self.slots.len() - 1
        });
        self.push(Node::Wire(at))
    }

    fn node(&mut self, term: Term) -> usize {
        match term {
            Term::Number(v) => self.push(Node::Number(v)),
            Term::Node(n) => n,
        }
    }

    /// Whether so many wires stand in a node at most.
    fn is_short(&self, node: usize) -> bool {
        let (mut pending, mut wires) = (vec![node], 0);
        while let Some(at) = pending.pop() {
            match self.nodes[at] {
                Node::Add(a, b) | Node::Sub(a, b) | Node::Mul(a, b) => pending.extend([a, b]),
                Node::Wire(_) => wires += 1,
                Node::Number(_) => {}
            }
            if wires > MOST_WIRES {
                return false;
            }
        }
        true
    }

    /// A factor: a long sum is named by a wire.
    fn factor(&mut self, term: Term) -> usize {
        let node = self.node(term);
        if !matches!(self.nodes[node], Node::Add(..) | Node::Sub(..)) || self.is_short(node) {
            return node;
        }
        let named = self.slot(Slot::Node(node));
        let difference = self.push(Node::Sub(named, node));
        if !self.zero.contains(&difference) {
            self.zero.push(difference);
        }
        named
    }

    fn trace(&mut self, e: &Expression, row: &Row, memo: &mut HashMap<*const Expression, Term>) -> Term {
        if let Some(&term) = memo.get(&std::ptr::from_ref(e)) {
            return term;
        }
        let zero = Term::Number(F::ZERO);
        let is_zero = |t: Term| matches!(t, Term::Number(v) if v == F::ZERO);
        let term = match e {
            SymbolicExpr::Leaf(BaseLeaf::Constant(v)) => Term::Number(*v),
            SymbolicExpr::Leaf(BaseLeaf::IsFirstRow) => Term::Number(F::from_bool(row.first)),
            // A gadget's rows are not its table's last.
            SymbolicExpr::Leaf(BaseLeaf::IsLastRow) => zero,
            SymbolicExpr::Leaf(BaseLeaf::IsTransition) => Term::Number(F::ONE),
            SymbolicExpr::Leaf(BaseLeaf::Variable(v)) => match v.entry {
                BaseEntry::Preprocessed { offset: 0 } => Term::Number(row.preprocessed[v.index]),
                BaseEntry::Main { offset } => Term::Node(self.slot(Slot::Cell((offset, v.index)))),
                // No gadget reads public values; what does is switched off.
                BaseEntry::Public => zero,
                entry => unreachable!("the tables have no {entry:?}"),
            },
            SymbolicExpr::Add { x, y, .. } => match (self.trace(x, row, memo), self.trace(y, row, memo)) {
                (Term::Number(a), Term::Number(b)) => Term::Number(a + b),
                (a, b) if is_zero(a) => b,
                (a, b) if is_zero(b) => a,
                (a, b) => {
                    let (a, b) = (self.node(a), self.node(b));
                    Term::Node(self.push(Node::Add(a, b)))
                }
            },
            SymbolicExpr::Sub { x, y, .. } => match (self.trace(x, row, memo), self.trace(y, row, memo)) {
                (Term::Number(a), Term::Number(b)) => Term::Number(a - b),
                (a, b) if is_zero(b) => a,
                (a, b) => {
                    let (a, b) = (self.node(a), self.node(b));
                    Term::Node(self.push(Node::Sub(a, b)))
                }
            },
            SymbolicExpr::Neg { x, .. } => match self.trace(x, row, memo) {
                Term::Number(v) => Term::Number(-v),
                Term::Node(n) => {
                    let none = self.node(zero);
                    Term::Node(self.push(Node::Sub(none, n)))
                }
            },
            SymbolicExpr::Mul { x, y, .. } => {
                // What a flag switches off reads nothing.
                let known = |e: &Expression| e.degree_multiple() == 0 || !reads_witness(e);
                let (x, y) = if known(y) { (y, x) } else { (x, y) };
                match self.trace(x, row, memo) {
                    a if is_zero(a) => zero,
                    a => match (a, self.trace(y, row, memo)) {
                        (Term::Number(a), Term::Number(b)) => Term::Number(a * b),
                        (_, b) if is_zero(b) => zero,
                        (Term::Number(v), other) | (other, Term::Number(v)) if v == F::ONE => other,
                        (a @ Term::Number(_), b @ Term::Node(_)) | (a @ Term::Node(_), b @ Term::Number(_)) => {
                            let (a, b) = (self.node(a), self.node(b));
                            Term::Node(self.push(Node::Mul(a, b)))
                        }
                        (a, b) => {
                            let (a, b) = (self.factor(a), self.factor(b));
                            Term::Node(self.push(Node::Mul(a, b)))
                        }
                    },
                }
            }
        };
        memo.insert(e, term);
        term
    }

    /// The value of each node; `cell` gives those of cells, `said` that of what a message says.
    fn values(&self, cell: &dyn Fn(Cell) -> F, said: F) -> Vec<F> {
        let mut values: Vec<F> = vec![];
        for (at, node) in self.nodes.iter().enumerate() {
            values.push(match *node {
                Node::Wire(slot) => match self.slots[slot] {
                    Slot::Cell(of) => cell(of),
                    Slot::Node(node) => {
                        assert!(node < at, "named after it was made");
                        values[node]
                    }
                    Slot::Said => said,
                },
                Node::Number(v) => v,
                Node::Add(a, b) => values[a] + values[b],
                Node::Sub(a, b) => values[a] - values[b],
                Node::Mul(a, b) => values[a] * values[b],
            });
        }
        values
    }

    fn json(&self) -> Value {
        let nodes: Vec<Value> = (self.nodes.iter())
            .map(|node| match *node {
                Node::Wire(i) => json!(["w", i]),
                Node::Number(v) => json!(["c", decimal(v)]),
                Node::Add(a, b) => json!(["+", a, b]),
                Node::Sub(a, b) => json!(["-", a, b]),
                Node::Mul(a, b) => json!(["*", a, b]),
            })
            .collect();
        json!({"wires": self.slots.len(), "constants": 0, "nodes": nodes, "zero": self.zero, "function": null})
    }
}

fn decimal(v: F) -> String {
    v.as_canonical_u32().to_string()
}

fn reads_witness(e: &Expression) -> bool {
    match e {
        SymbolicExpr::Leaf(BaseLeaf::Variable(v)) => matches!(v.entry, BaseEntry::Main { .. }),
        SymbolicExpr::Leaf(_) => false,
        SymbolicExpr::Add { x, y, .. } | SymbolicExpr::Sub { x, y, .. } | SymbolicExpr::Mul { x, y, .. } => {
            reads_witness(x) || reads_witness(y)
        }
        SymbolicExpr::Neg { x, .. } => reads_witness(x),
    }
}

/// A cell of the tables, or an element of what is said of a wire or a word.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Variable {
    Cell(Table, usize, usize),
    Said(&'static str, u32, usize),
    /// A sum that got a wire, by row and place in its gate.
    Sum(Table, usize, usize),
    /// What is looked up, where it is no cell.
    Asked(usize),
}

/// Variables that are one wire.
#[derive(Default)]
struct Classes {
    parent: HashMap<Variable, Variable>,
    ids: HashMap<Variable, usize>,
    witness: Vec<F>,
}

impl Classes {
    fn root(&self, mut v: Variable) -> Variable {
        while let Some(&above) = self.parent.get(&v) {
            v = above;
        }
        v
    }

    fn join(&mut self, a: Variable, b: Variable) {
        let (a, b) = (self.root(a), self.root(b));
        if a != b {
            self.parent.insert(a, b);
        }
    }

    fn wire(&mut self, v: Variable, value: F) -> usize {
        let root = self.root(v);
        let id = *self.ids.entry(root).or_insert_with(|| {
            self.witness.push(value);
            self.witness.len() - 1
        });
        assert_eq!(self.witness[id], value, "{v:?} is what it is said to be");
        id
    }
}

/// What is said of one gadget.
#[derive(Default)]
struct Gadget {
    inputs: Vec<Wire>,
    outputs: Vec<Wire>,
    /// What is relied on for inputs, by limb.
    ranges: Vec<(Wire, [(u32, u32); DIGEST])>,
    /// Of paths: given, too.
    siblings: Vec<(u32, Cells)>,
}

impl Gadget {
    fn digest(&mut self, b: &mut Builder, n: u32) -> Wire {
        let wire = b.free_digest(std::array::from_fn(|i| F::from_u32(1_000_003 * (8 * n + i as u32) + 17).square()));
        self.inputs.push(wire);
        wire
    }

    /// An integer of a range that is relied on as far as limbs tell it: all above the first one in which its ends differ.
    fn integer(&mut self, b: &mut Builder, (lo, hi): (i128, i128), value: i128) -> Int {
        let wire = b.input(value);
        self.inputs.push(wire);
        let limbs = |v: i128| cells_of(v).map(|limb| limb.as_canonical_u32());
        let (low, high) = (limbs(lo), limbs(hi));
        let top = (0..DIGEST).rev().find(|&i| low[i] != high[i]).unwrap_or(0);
        self.ranges.push((wire, std::array::from_fn(|i| if i < top { (0, 0xffff) } else { (low[i], high[i]) })));
        Int { wire, lo, hi }
    }

    fn output(&mut self, v: Int) {
        self.outputs.push(v.wire);
    }
}

struct Export {
    shapes: Vec<Shape>,
    gates: BTreeMap<String, Value>,
    names: HashMap<String, String>,
    gadgets: Vec<Value>,
}

/// The name of a gate, the same for the same.
fn gate(names: &mut HashMap<String, String>, gates: &mut BTreeMap<String, Value>, kind: &str, straight: &Straight) -> String {
    let json = straight.json();
    let count = names.len();
    let name = names.entry(json.to_string()).or_insert_with(|| format!("{kind} {count}")).clone();
    gates.entry(name.clone()).or_insert(json);
    name
}

impl Export {
    fn new() -> Self {
        Export { shapes: Shape::all(), gates: BTreeMap::new(), names: HashMap::new(), gadgets: vec![] }
    }

    fn add(&mut self, name: &str, make: impl FnOnce(&mut Builder, &mut Gadget)) {
        let mut b = Builder::new();
        let mut g = Gadget::default();
        make(&mut b, &mut g);
        let values: HashMap<Wire, Cells> = g.inputs.iter().chain(&g.outputs).map(|&w| (w, b.value(w))).collect();
        let (layout, witness) = b.finish(&[], [F::ZERO; 5]);
        let tables = Tables::new(&layout, &witness, &Public::default()).expect("rows of the layout");
        // So every message is received as often as it is sent.
        tables.check().unwrap_or_else(|v| panic!("{name}: {v}"));
        let (mut classes, mut rows, mut lookups) = (Classes::default(), vec![], vec![]);
        let mut gates: Vec<(Table, usize, Straight, Option<Variable>, F)> = vec![];
        for table in Table::ALL.into_iter().filter(|&t| t != Table::Range) {
            let pre = &tables.preprocessed[table as usize];
            let main = &tables.main[table as usize];
            let cell = |at: usize, (offset, column): Cell| main.values[(at + offset) * main.width + column];
            for at in 0..layout.counts()[table as usize] {
                let row = Row { preprocessed: &pre.values[at * pre.width..][..pre.width], first: at == 0 };
                let shape = &self.shapes[table as usize];

                // Constraints
                let mut straight = Straight::default();
                let mut memo = HashMap::new();
                for e in &shape.base {
                    match straight.trace(e, &row, &mut memo) {
                        Term::Number(v) => assert_eq!(v, F::ZERO, "{name}: a row that nothing satisfies"),
                        Term::Node(n) => straight.zero.push(n),
                    }
                }
                if !straight.zero.is_empty() {
                    gates.push((table, at, straight, None, F::ZERO));
                }

                // Messages
                for lookup in shape.lookups.iter() {
                    let Kind::Global(bus_name) = &lookup.kind else { unreachable!("no table speaks to itself alone") };
                    let bus_name = bus::ALL.into_iter().find(|known| known == bus_name).expect("a bus of TABLES.md");
                    for (elements, count) in lookup.elements.iter().zip(&lookup.multiplicities) {
                        let term = |e: &Expression| {
                            let mut straight = Straight::default();
                            let term = straight.trace(e, &row, &mut HashMap::new());
                            (straight, term)
                        };
                        let number = |e: &Expression| match term(e).1 {
                            Term::Number(v) => v,
                            Term::Node(_) => panic!("{name}: {bus_name}: what is sent, and how often, is preprocessed"),
                        };
                        if ![bus::WIRE, bus::WORD].contains(&bus_name) {
                            if number(count) != F::ZERO {
                                assert_eq!(bus_name, bus::BYTE, "{name}: no bus of a gadget alone");
                                lookups.push((table, at, elements));
                            }
                            continue;
                        }
                        let id = number(&elements[0]).as_canonical_u32();
                        // A row that makes a wire names it, whether it is asked for or not.
                        if id == 0 || bus_name == bus::WORD && number(count) == F::ZERO {
                            continue;
                        }
                        for (n, e) in elements[1..].iter().enumerate() {
                            let said = Variable::Said(bus_name, id, n);
                            match term(e) {
                                (s, Term::Node(node)) if matches!(s.nodes[node], Node::Wire(_)) => {
                                    let Slot::Cell((offset, column)) = s.slots[0] else { unreachable!("a cell alone") };
                                    classes.join(Variable::Cell(table, at + offset, column), said);
                                }
                                (mut s, term) => {
                                    let node = s.node(term);
                                    let value = s.values(&|c| cell(at, c), F::ZERO)[node];
                                    let wire = s.slot(Slot::Said);
                                    let difference = s.push(Node::Sub(wire, node));
                                    s.zero.push(difference);
                                    gates.push((table, at, s, Some(said), value));
                                }
                            }
                        }
                    }
                }
            }
        }

        // LOOKUPS
        let mut asked = 0;
        let mut forms = vec![];
        let mut bytes: HashSet<Variable> = HashSet::new();
        for (table, at, elements) in &lookups {
            let pre = &tables.preprocessed[*table as usize];
            let row = Row { preprocessed: &pre.values[at * pre.width..][..pre.width], first: *at == 0 };
            if let [(Some((offset, column)), F::ONE)] = linear(&elements[0], &row).into_iter().collect::<Vec<_>>()[..] {
                bytes.insert(Variable::Cell(*table, at + offset, column));
            }
        }
        for (table, at, elements) in lookups {
            let main = &tables.main[table as usize];
            let pre = &tables.preprocessed[table as usize];
            let row = Row { preprocessed: &pre.values[at * pre.width..][..pre.width], first: at == 0 };
            let form = small(linear(&elements[0], &row));
            let place = |(offset, column): Cell| Variable::Cell(table, at + offset, column);
            let value = |(offset, column): Cell| main.values[(at + offset) * main.width + column];
            let wire = match form.iter().map(|(cell, c)| (*cell, *c)).collect::<Vec<_>>()[..] {
                [(Form::Cell(cell), c)] if c == F::ONE => classes.wire(place(cell), value(cell)),
                // A wire of its own, `n` of which are the form.
                _ => {
                    asked += 1;
                    let said = Variable::Asked(asked);
                    let mut s = Straight::default();
                    let mut sum = s.node(Term::Number(F::ZERO));
                    let mut total = F::ZERO;
                    for (part, c) in &form {
                        let (node, x) = match part {
                            Form::Cell(cell) => (s.slot(Slot::Cell(*cell)), value(*cell)),
                            Form::One => (s.node(Term::Number(F::ONE)), F::ONE),
                            Form::Asked => continue,
                        };
                        let c_node = s.push(Node::Number(*c));
                        let term = s.push(Node::Mul(c_node, node));
                        sum = s.push(Node::Add(sum, term));
                        total += *c * x;
                    }
                    let times = form[&Form::Asked];
                    // `x = n·asked + low`, of a byte each: what `x` can be at most.
                    let parts: Vec<_> = form.iter().map(|(part, c)| (*part, *c)).collect();
                    if let [(Form::Cell(a), c), (Form::Cell(b), d), (Form::Asked, _)] = parts[..]
                        && c * d == -F::ONE
                    {
                        let (x, low) = if c == F::ONE { (a, b) } else { (b, a) };
                        let most = (times.as_canonical_u32() + 1) * MOST_BYTE;
                        if bytes.contains(&place(low)) {
                            let wire = classes.wire(place(x), value(x));
                            forms.push(json!([[[wire, "1"]], "0", most.to_string()]));
                        }
                    }
                    let (wire, times_node) = (s.slot(Slot::Said), s.push(Node::Number(times)));
                    let scaled = s.push(Node::Mul(times_node, wire));
                    let difference = s.push(Node::Sub(sum, scaled));
                    s.zero.push(difference);
                    let answer = total * times.inverse();
                    gates.push((table, at, s, Some(said), answer));
                    classes.wire(said, answer)
                }
            };
            forms.push(json!([[[wire, "1"]], "0", MOST_BYTE.to_string()]));
        }

        // ROWS
        for (table, at, straight, said, value) in &gates {
            let main = &tables.main[*table as usize];
            let cell = |(offset, column): Cell| main.values[(at + offset) * main.width + column];
            let values = straight.values(&cell, *value);
            let wires: Vec<usize> = (straight.slots.iter().enumerate())
                .map(|(n, slot)| match *slot {
                    Slot::Cell((offset, column)) => {
                        classes.wire(Variable::Cell(*table, at + offset, column), cell((offset, column)))
                    }
                    Slot::Node(node) => classes.wire(Variable::Sum(*table, *at, n), values[node]),
                    Slot::Said => classes.wire(said.expect("a message"), *value),
                })
                .collect();
            let gate = gate(&mut self.names, &mut self.gates, table.name(), straight);
            rows.push(json!([gate, wires, []]));
        }

        // ENDS
        let mut elements = |wire: &Wire| -> Vec<usize> {
            let id = wire.id().as_canonical_u32();
            (0..DIGEST).map(|n| classes.wire(Variable::Said(bus::WIRE, id, n), values[wire][n])).collect()
        };
        let mut inputs: Vec<usize> = g.inputs.iter().flat_map(&mut elements).collect();
        let outputs: Vec<usize> = g.outputs.iter().flat_map(&mut elements).collect();
        let ranges: BTreeMap<String, [String; 2]> = (g.ranges.iter())
            .flat_map(|(wire, ranges)| elements(wire).into_iter().zip(ranges))
            .map(|(wire, (lo, hi))| (wire.to_string(), [lo.to_string(), hi.to_string()]))
            .collect();
        for (id, sibling) in &g.siblings {
            inputs.extend((0..DIGEST).map(|n| classes.wire(Variable::Said(bus::WIRE, *id, n), sibling[n])));
        }
        let witness: Vec<String> = classes.witness.iter().map(|v| decimal(*v)).collect();
        self.gadgets.push(json!({
            "name": name, "wires": witness.len(), "inputs": inputs, "outputs": outputs, "ranges": ranges,
            "challenges": [], "rows": rows, "lookups": forms, "witness": witness,
        }));
    }
}

/// The greatest number that RANGE has.
const MOST_BYTE: u32 = 0xff;

/// A part of a linear form.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    Cell(Cell),
    One,
    /// What is looked up.
    Asked,
}

/// `sum = n · asked`, with coefficients that are small: RANGE is asked for parts of 2^8 and 2^6.
fn small(form: BTreeMap<Option<Cell>, F>) -> BTreeMap<Form, F> {
    let is_small = |v: F| v.as_canonical_u32().min((-v).as_canonical_u32()) <= 1 << 16;
    let times = [1, 1 << 8, 1 << 6].map(F::from_u32).into_iter().find(|&n| form.values().all(|&c| is_small(c * n)));
    let times = times.expect("a form of small coefficients");
    let part = |cell: Option<Cell>| cell.map_or(Form::One, Form::Cell);
    let mut parts: BTreeMap<Form, F> = form.into_iter().map(|(cell, c)| (part(cell), c * times)).collect();
    parts.retain(|_, c| *c != F::ZERO);
    if parts.len() != 1 || parts.values().any(|c| *c != F::ONE) || parts.contains_key(&Form::One) {
        parts.insert(Form::Asked, times);
    }
    parts
}

/// The coefficients of a form that is linear in witness cells; `None` is its constant.
fn linear(e: &Expression, row: &Row) -> BTreeMap<Option<Cell>, F> {
    let constant = |v: F| BTreeMap::from([(None, v)]);
    let scaled = |form: BTreeMap<Option<Cell>, F>, by: F| form.into_iter().map(|(cell, c)| (cell, c * by)).collect();
    let sum = |mut a: BTreeMap<Option<Cell>, F>, b: BTreeMap<Option<Cell>, F>| {
        for (cell, c) in b {
            *a.entry(cell).or_default() += c;
        }
        a
    };
    match e {
        SymbolicExpr::Leaf(BaseLeaf::Constant(v)) => constant(*v),
        SymbolicExpr::Leaf(BaseLeaf::Variable(v)) => match v.entry {
            BaseEntry::Preprocessed { offset: 0 } => constant(row.preprocessed[v.index]),
            BaseEntry::Main { offset } => BTreeMap::from([(Some((offset, v.index)), F::ONE)]),
            entry => unreachable!("a lookup of {entry:?}"),
        },
        SymbolicExpr::Leaf(_) => unreachable!("a lookup is the same in every row"),
        SymbolicExpr::Add { x, y, .. } => sum(linear(x, row), linear(y, row)),
        SymbolicExpr::Sub { x, y, .. } => sum(linear(x, row), scaled(linear(y, row), -F::ONE)),
        SymbolicExpr::Neg { x, .. } => scaled(linear(x, row), -F::ONE),
        SymbolicExpr::Mul { x, y, .. } => {
            let (x, y) = (linear(x, row), linear(y, row));
            let (number, form) = if x.keys().all(Option::is_none) { (x, y) } else { (y, x) };
            assert!(number.keys().all(Option::is_none), "a lookup is linear in its cells");
            scaled(form, number.get(&None).copied().unwrap_or_default())
        }
    }
}

type Range = (i128, i128);

const BOOL: Range = (0, 1);
const U32: Range = (0, u32::MAX as i128);
const U64: Range = (0, u64::MAX as i128);

/// Of one limb and more, of either sign, that begin and end at powers of two and not.
const RANGES: [Range; 9] = [
    BOOL,
    U32,
    U64,
    (-(1 << 63), (1 << 63) - 1),
    (-5, 1000),
    (-(1 << 100), (1 << 90) + 17),
    (3, (1 << 62) + 1),
    (-(1 << 33) - 1, -7),
    (0, 1 << 96),
];

/// A value within, a fraction of the way up.
fn within((lo, hi): Range, part: i128) -> i128 {
    let span = hi.wrapping_sub(lo) as u128;
    if span < 7 { lo.max(hi.min(part & 1)) } else { lo.wrapping_add((span / 7) as i128 * part) }
}

/// `±(2^n+d)` where an end is near a power of two.
fn show((lo, hi): Range) -> String {
    let end = |v: i128| {
        let (sign, size) = (if v < 0 { "-" } else { "" }, v.unsigned_abs());
        let near = (16..128).find_map(|n| {
            let d = size.wrapping_sub(1 << n) as i128;
            (d.unsigned_abs() <= 17).then_some((n, d))
        });
        match near {
            Some((n, 0)) => format!("{sign}2^{n}"),
            Some((n, d)) => format!("{sign}(2^{n}{d:+})"),
            None => format!("{sign}{size}"),
        }
    };
    format!("{}..{}", end(lo), end(hi))
}

/// The range of an operation that is monotonic in each operand; none where it leaves ±2^127.
fn hull(x: Range, y: Range, op: fn(i128, i128) -> Option<i128>) -> Option<Range> {
    let ends = [op(x.0, y.0)?, op(x.0, y.1)?, op(x.1, y.0)?, op(x.1, y.1)?];
    Some((ends.into_iter().min()?, ends.into_iter().max()?))
}

fn integers(e: &mut Export) {
    type Make = fn(&mut Builder, Int, Int, Range) -> Int;
    type Op = fn(i128, i128) -> Option<i128>;
    let operations: [(&str, Op, Make); 2] = [("add", i128::checked_add, Builder::add), ("sub", i128::checked_sub, Builder::sub)];
    for (i, x) in RANGES.into_iter().enumerate() {
        for (j, y) in RANGES.into_iter().enumerate() {
            let names = format!("{} {}", show(x), show(y));
            for (name, op, make) in operations {
                let Some(range) = hull(x, y, op) else { continue };
                e.add(&format!("{name} {names}"), |b, g| {
                    let (x, y) = (g.integer(b, x, within(x, 3)), g.integer(b, y, within(y, 4)));
                    let out = make(b, x, y, range);
                    g.output(out);
                });
            }
            for (name, make) in [("less", Builder::lt as fn(&mut Builder, Int, Int) -> Int), ("equal", Builder::eq)] {
                e.add(&format!("{name} {names}"), |b, g| {
                    let (x, y) = (g.integer(b, x, within(x, 3)), g.integer(b, y, within(y, 4)));
                    let out = make(b, x, y);
                    g.output(out);
                });
            }
            // One row whatever the ranges are.
            if j == (i + 1) % RANGES.len() {
                e.add(&format!("select {names}"), |b, g| {
                    let range = (x.0.min(y.0), x.1.max(y.1));
                    let (x, y, bit) = (g.integer(b, x, within(x, 3)), g.integer(b, y, within(y, 4)), g.integer(b, BOOL, 1));
                    let out = b.choose(bit, x, y, range);
                    g.output(out);
                });
            }
        }
        let words = ((i128::BITS - (x.1 - x.0).leading_zeros()).div_ceil(32) as usize).max(1);
        if words <= 2 {
            e.add(&format!("words {}", show(x)), |b, g| {
                let lo = x.0;
                let x = g.integer(b, x, within(x, 3));
                let words = b.int_words(x, lo, words);
                let blocks = b.blocks(&words);
                g.outputs.extend(blocks.into_iter().map(|block| b.block_wire(block)));
            });
        }
    }
    e.add("and, or, not", |b, g| {
        let (x, y) = (g.integer(b, BOOL, 1), g.integer(b, BOOL, 0));
        for out in [b.and(x, y), b.or(x, y), Int::bit(b.not(x.wire))] {
            g.output(out);
        }
    });
}

fn hashes(e: &mut Export) {
    for parts in 1..=3 {
        e.add(&format!("hash of {}", 8 * parts), |b, g| {
            let digests: Vec<Wire> = (0..parts).map(|n| g.digest(b, n)).collect();
            let out = b.hash(tag::LEAF, 3, 8 * parts as usize, &digests);
            g.outputs.push(out);
        });
    }
    for (depth, index) in [(3_usize, 0b101), (16, 0xa001), (20, 0xf_a001)] {
        e.add(&format!("two paths of {depth} levels"), |b, g| {
            let leaves = [0, 1].map(|n| g.digest(b, n));
            let at = g.integer(b, (0, (1 << depth) - 1), index);
            let siblings: Vec<Cells> = (0..depth as u32).map(|n| [F::from_u32(n + 7).cube(); DIGEST]).collect();
            let shared = b.share(depth);
            // Their wires are the next after the last one.
            let last = at.wire.id().as_canonical_u32();
            g.siblings = (last + 1..).zip(siblings.iter().copied()).collect();
            for (leaf, whose) in leaves.into_iter().zip([Siblings::Shown(shared), Siblings::Taken(shared)]) {
                let root = b.path(leaf, at.wire, &siblings, whose);
                g.outputs.push(root);
            }
        });
    }
    e.add("key", |b, g| {
        let words: Vec<_> = (0..4)
            .flat_map(|n| {
                let v = g.integer(b, U64, 0x1234_5678_9abc_def0 + n);
                b.words(v.wire, 2)
            })
            .collect();
        let key = b.key(words.as_array().expect("eight"));
        g.outputs.push(key);
    });
}

fn main() {
    let mut e = Export::new();
    hashes(&mut e);
    integers(&mut e);
    let modulus = (u64::from((-F::ONE).as_canonical_u32()) + 1).to_string();
    println!("{}", json!({"format": 1, "prover": "stark", "modulus": modulus, "gates": e.gates}));
    for gadget in &e.gadgets {
        println!("{gadget}");
    }
}
