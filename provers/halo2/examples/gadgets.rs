//! Writes every gadget's constraints as data, for the proof that outputs are determined by inputs (docs/soundness.md). Not shipped.
//!
//! One JSON document a line. The first is the header `{"format": 1, "prover", "modulus", "gates"}`, each other
//! one a circuit of one gadget, as the prover's own builder fills its tables:
//!
//! ```text
//! {"name", "wires": W, "inputs": […], "outputs": […], "ranges": {"WIRE": ["LO", "HI"]}, "challenges": [],
//!  "rows": [[GATE, [wires], ["constants"]], …], "lookups": [[[[WIRE, "coefficient"], …], "LO", "HI"], …], "witness": ["…", one a wire]}
//! ```
//!
//! Cells that copy constraints connect are one wire. ranges are what is relied on for inputs, as integers. A gate is
//! `{"wires": n, "constants": m, "nodes": […], "zero": [nodes], "function": null}`: a straight line of nodes `["w", i]` (wire),
//! `["k", i]` (constant of the row), `["c", "v"]`, `["+", a, b]`, `["-", a, b]`, `["*", a, b]`, of which those in `zero` must vanish.
//! A lookup says that a linear form of wires is an integer from LO to HI. An assertion has no outputs. The witness is an honest one.
//!
//! Gates and lookups are read from the expressions that the library's prover evaluates: a gate here is one of the library's over the
//! cells of a row and the next, where the row's selectors are put in, and what they or coefficients of 0 take away is left out.
//! Other coefficients are the row's constants.

use std::collections::{BTreeMap, HashMap};

use halo2_axiom::halo2curves::bn256::Fr;
use halo2_axiom::halo2curves::ff::{Field, PrimeField};
use halo2_axiom::plonk::{ConstraintSystem, Expression};
use multiprover_halo2::builder::{Builder, Cell, Place, Purpose, Tables, UNUSABLE, Wide, Wire};
use multiprover_halo2::config::{COEFFICIENTS, COLUMNS, Config, LOOKUP, PUBLIC, SELECTORS, TABLE};
use multiprover_halo2::integers::{Affine, Int};
use multiprover_halo2::program::Range;
use multiprover_halo2::suite::{self, Tag, integer};
use num_bigint::BigUint;
use serde_json::{Value, json};

/// Rows of a table, as a power of two, which fix the bits of a limb: those of the reference program's batch of 16.
const K: u32 = 15;

fn decimal(v: &Fr) -> String {
    BigUint::from_bytes_le(v.to_repr().as_ref()).to_string()
}

/// A node of a straight line.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Node {
    Wire(usize),
    Constant(usize),
    Number([u8; 32]),
    Add(usize, usize),
    Sub(usize, usize),
    Mul(usize, usize),
}

/// What an expression comes to: a number, or a node.
#[derive(Clone, Copy)]
enum Term {
    Number(Fr),
    Node(usize),
}

/// One of the library's gates with the selectors of some row, and without the coefficients that are 0 there.
#[derive(Default)]
struct Straight {
    nodes: Vec<Node>,
    known: HashMap<Node, usize>,
    zero: Vec<usize>,
    /// The cells that are read: column and rotation.
    cells: Vec<(usize, i32)>,
    /// The coefficients that are read.
    coefficients: Vec<usize>,
}

fn position<T: PartialEq>(list: &mut Vec<T>, item: T) -> usize {
    list.iter().position(|x| *x == item).unwrap_or_else(|| {
        list.push(item);
        list.len() - 1
    })
}

impl Straight {
    fn push(&mut self, node: Node) -> usize {
        *self.known.entry(node).or_insert_with(|| {
            self.nodes.push(node);
            self.nodes.len() - 1
        })
    }

    fn node(&mut self, term: Term) -> usize {
        match term {
            Term::Number(v) => self.push(Node::Number(v.to_repr())),
            Term::Node(n) => n,
        }
    }

    fn sum(&mut self, a: Term, b: Term) -> Term {
        match (a, b) {
            (Term::Number(a), Term::Number(b)) => Term::Number(a + b),
            (Term::Number(v), other) | (other, Term::Number(v)) if v == Fr::ZERO => other,
            _ => {
                let (a, b) = (self.node(a), self.node(b));
                Term::Node(self.push(Node::Add(a, b)))
            }
        }
    }

    fn product(&mut self, a: Term, b: Term) -> Term {
        match (a, b) {
            (Term::Number(a), Term::Number(b)) => Term::Number(a * b),
            (Term::Number(v), _) | (_, Term::Number(v)) if v == Fr::ZERO => Term::Number(Fr::ZERO),
            (Term::Number(v), other) | (other, Term::Number(v)) if v == Fr::ONE => other,
            _ => {
                let (a, b) = (self.node(a), self.node(b));
                Term::Node(self.push(Node::Mul(a, b)))
            }
        }
    }

    fn trace(&mut self, expression: &Expression<Fr>, fixed: &[Option<Fr>]) -> Term {
        match expression {
            Expression::Constant(v) => Term::Number(*v),
            Expression::Fixed(query) => {
                assert_eq!(query.rotation().0, 0, "fixed cells are those of the row");
                match fixed[query.column_index()] {
                    Some(v) => Term::Number(v),
                    None => {
                        let at = position(&mut self.coefficients, query.column_index());
                        Term::Node(self.push(Node::Constant(at)))
                    }
                }
            }
            Expression::Advice(query) => {
                let at = position(&mut self.cells, (query.column_index(), query.rotation().0));
                Term::Node(self.push(Node::Wire(at)))
            }
            // Public values stand on the first rows, which no gadget alone uses: elsewhere they are 0.
            Expression::Instance(_) => Term::Number(Fr::ZERO),
            Expression::Negated(a) => match self.trace(a, fixed) {
                Term::Number(v) => Term::Number(-v),
                Term::Node(n) => {
                    let zero = self.node(Term::Number(Fr::ZERO));
                    Term::Node(self.push(Node::Sub(zero, n)))
                }
            },
            Expression::Sum(a, b) => {
                let (a, b) = (self.trace(a, fixed), self.trace(b, fixed));
                self.sum(a, b)
            }
            Expression::Product(a, b) => {
                // What a selector switches off reads nothing.
                match self.trace(a, fixed) {
                    Term::Number(v) if v == Fr::ZERO => Term::Number(v),
                    a => {
                        let b = self.trace(b, fixed);
                        self.product(a, b)
                    }
                }
            }
            Expression::Scaled(a, v) => {
                let a = self.trace(a, fixed);
                self.product(a, Term::Number(*v))
            }
            Expression::Selector(_) | Expression::Challenge(_) => unreachable!("the circuit has none"),
        }
    }

    fn of(polynomials: &[Expression<Fr>], fixed: &[Option<Fr>]) -> Self {
        let mut straight = Straight::default();
        for polynomial in polynomials {
            match straight.trace(polynomial, fixed) {
                Term::Number(v) => assert_eq!(v, Fr::ZERO, "a row that nothing satisfies"),
                Term::Node(n) => straight.zero.push(n),
            }
        }
        straight
    }

    fn json(&self) -> Value {
        let nodes: Vec<Value> = (self.nodes.iter())
            .map(|node| match *node {
                Node::Wire(i) => json!(["w", i]),
                Node::Constant(i) => json!(["k", i]),
                Node::Number(v) => json!(["c", BigUint::from_bytes_le(&v).to_string()]),
                Node::Add(a, b) => json!(["+", a, b]),
                Node::Sub(a, b) => json!(["-", a, b]),
                Node::Mul(a, b) => json!(["*", a, b]),
            })
            .collect();
        let (wires, constants) = (self.cells.len(), self.coefficients.len());
        json!({"wires": wires, "constants": constants, "nodes": nodes, "zero": self.zero, "function": null})
    }
}

/// A linear form of cells of a row; `None` is the constant.
type Linear = BTreeMap<Option<(usize, i32)>, Fr>;

fn linear(expression: &Expression<Fr>, fixed: &dyn Fn(usize) -> Fr) -> Linear {
    let scaled = |form: Linear, by: Fr| -> Linear {
        form.into_iter().map(|(cell, c)| (cell, c * by)).filter(|(_, c)| *c != Fr::ZERO).collect()
    };
    match expression {
        Expression::Constant(v) => scaled(BTreeMap::from([(None, Fr::ONE)]), *v),
        Expression::Fixed(query) => scaled(BTreeMap::from([(None, Fr::ONE)]), fixed(query.column_index())),
        Expression::Advice(query) => BTreeMap::from([(Some((query.column_index(), query.rotation().0)), Fr::ONE)]),
        Expression::Negated(a) => scaled(linear(a, fixed), -Fr::ONE),
        Expression::Scaled(a, by) => scaled(linear(a, fixed), *by),
        Expression::Sum(a, b) => {
            let mut sum = linear(a, fixed);
            for (cell, c) in linear(b, fixed) {
                *sum.entry(cell).or_insert(Fr::ZERO) += c;
            }
            scaled(sum, Fr::ONE)
        }
        Expression::Product(a, b) => {
            let (a, b) = (linear(a, fixed), linear(b, fixed));
            let is_number = |form: &Linear| form.keys().all(Option::is_none);
            let (number, form) = if is_number(&a) { (a, b) } else { (b, a) };
            assert!(is_number(&number), "a lookup is linear in its cells");
            scaled(form, number.get(&None).copied().unwrap_or(Fr::ZERO))
        }
        _ => unreachable!("a lookup reads fixed and advice cells"),
    }
}

/// Cells by what copies connect.
struct Classes {
    parent: HashMap<(usize, usize), (usize, usize)>,
    ids: HashMap<(usize, usize), usize>,
    /// A cell of each class, in the order of the ids.
    cells: Vec<(usize, usize)>,
}

fn at(cell: Cell) -> (usize, usize) {
    (cell.column.into(), cell.row as usize)
}

impl Classes {
    fn new(copies: &[(Cell, Cell)]) -> Self {
        let mut classes = Classes { parent: HashMap::new(), ids: HashMap::new(), cells: vec![] };
        for (a, b) in copies {
            let (a, b) = (classes.find(at(*a)), classes.find(at(*b)));
            if a != b {
                classes.parent.insert(a, b);
            }
        }
        classes
    }

    fn find(&self, mut cell: (usize, usize)) -> (usize, usize) {
        while let Some(&above) = self.parent.get(&cell) {
            cell = above;
        }
        cell
    }

    fn id(&mut self, cell: (usize, usize)) -> usize {
        let root = self.find(cell);
        *self.ids.entry(root).or_insert_with(|| {
            self.cells.push(root);
            self.cells.len() - 1
        })
    }
}

/// What is said of one circuit.
#[derive(Default)]
struct Gadget {
    inputs: Vec<Wire>,
    outputs: Vec<Wire>,
    /// What is relied on for inputs.
    ranges: Vec<(Wire, u128)>,
    /// Its one output is a constant.
    empty: bool,
}

impl Gadget {
    /// A cell that is given.
    fn given(&mut self, b: &mut Builder, value: Fr) -> Wire {
        let wire = b.free(value);
        self.inputs.push(wire);
        wire
    }

    fn elements(&mut self, b: &mut Builder, count: u64) -> Vec<Wire> {
        (0..count).map(|i| self.given(b, Fr::from(1_000_003 * i + 17).square())).collect()
    }

    /// An integer of a range that is relied on, as `v - lo`.
    fn integer(&mut self, b: &mut Builder, range: Range, value: i128) -> Int {
        let wire = self.given(b, integer(value) - integer(range.lo));
        self.ranges.push((wire, range.span()));
        Int { affine: Affine::from(wire).times_plus(Fr::ONE, integer(range.lo)), value, range }
    }

    /// Nothing of a constant.
    fn output(&mut self, v: &Affine) {
        self.outputs.extend(v.wire);
        self.empty = self.outputs.is_empty();
    }
}

struct Export {
    system: ConstraintSystem<Fr>,
    /// By the library's gate, the selectors, and which coefficients are not 0.
    names: HashMap<(usize, [u64; 3], [bool; COEFFICIENTS]), Option<String>>,
    straight: BTreeMap<String, Straight>,
    gadgets: Vec<Value>,
}

impl Export {
    fn new() -> Self {
        let mut system = ConstraintSystem::default();
        Config::configure(&mut system);
        Export { system, names: HashMap::new(), straight: BTreeMap::new(), gadgets: vec![] }
    }

    fn add(&mut self, name: &str, make: impl FnOnce(&mut Builder, &mut Gadget)) {
        let mut b = Builder::new(K, Purpose::All);
        let mut g = Gadget::default();
        make(&mut b, &mut g);
        // A constant result constrains nothing.
        if g.empty {
            return;
        }
        let limb = b.limb;
        self.circuit(name, &b.finish(), &g, limb);
    }

    fn gate(&mut self, gate: usize, selectors: [u64; 3], used: [bool; COEFFICIENTS]) -> Option<String> {
        let Export { system, names, straight, .. } = self;
        let entry = names.entry((gate, selectors, used)).or_insert_with(|| {
            let coefficients = used.iter().map(|&used| (!used).then_some(Fr::ZERO));
            let fixed: Vec<Option<Fr>> = coefficients.chain(selectors.map(|s| Some(Fr::from(s)))).collect();
            let found = Straight::of(system.gates()[gate].polynomials(), &fixed);
            let digits = used.map(|used| u8::from(used).to_string()).concat();
            let name = format!("{} {} {digits}", system.gates()[gate].name(), selectors.map(|s| s.to_string()).concat());
            (!found.zero.is_empty()).then(|| {
                straight.insert(name.clone(), found);
                name
            })
        });
        entry.clone()
    }

    fn circuit(&mut self, name: &str, tables: &Tables, gadget: &Gadget, limb: u32) {
        let mut classes = Classes::new(&tables.copies);
        let usable = (1 << tables.k) - UNUSABLE;
        let small = |v: &Fr| -> u64 { u64::from_le_bytes(v.to_repr().as_ref()[..8].try_into().expect("eight bytes")) };
        // The table is all limbs and nothing else.
        let mut held = vec![false; 1 << limb];
        for v in &tables.fixed[TABLE][..usable] {
            let i = small(v);
            assert!(*v == Fr::from(i) && i < 1 << limb, "a limb");
            held[i as usize] = true;
        }
        assert!(held.iter().all(|h| *h), "every limb");

        let (mut rows, mut lookups) = (vec![], vec![]);
        for row in 0..usable {
            if tables.fixed[..TABLE].iter().all(|column| column[row] == Fr::ZERO) {
                continue;
            }
            assert!(row >= PUBLIC, "{name}: public values are no part of a gadget");
            let selectors: [u64; 3] = std::array::from_fn(|i| small(&tables.fixed[SELECTORS + i][row]));
            let used = std::array::from_fn(|i| tables.fixed[i][row] != Fr::ZERO);
            for gate in 0..self.system.gates().len() {
                let Some(named) = self.gate(gate, selectors, used) else { continue };
                let straight = &self.straight[&named];
                let wires: Vec<usize> =
                    straight.cells.iter().map(|&(c, rotation)| classes.id((c, row + rotation as usize))).collect();
                let constants: Vec<String> = straight.coefficients.iter().map(|&c| decimal(&tables.fixed[c][row])).collect();
                rows.push(json!([named, wires, constants]));
            }
            for lookup in self.system.lookups() {
                let [expression] = &lookup.input_expressions()[..] else { panic!("one column is looked up") };
                let form = linear(expression, &|column| tables.fixed[column][row]);
                // 0 is in the table.
                if form.is_empty() {
                    continue;
                }
                let terms: Vec<(usize, String)> = form
                    .iter()
                    .map(|(cell, c)| {
                        let (column, rotation) = cell.expect("a lookup without a constant");
                        assert_eq!(column, LOOKUP);
                        (classes.id((column, row + rotation as usize)), decimal(c))
                    })
                    .collect();
                lookups.push(json!([terms, "0", ((1u64 << limb) - 1).to_string()]));
            }
        }
        let mut place = |wires: &[Wire]| -> Vec<usize> { wires.iter().map(|w| classes.id(at(w.cell))).collect() };
        let (inputs, outputs) = (place(&gadget.inputs), place(&gadget.outputs));
        let ranges: BTreeMap<String, [String; 2]> =
            (gadget.ranges.iter()).map(|&(w, most)| (place(&[w])[0].to_string(), ["0".into(), most.to_string()])).collect();
        let witness: Vec<String> = classes.cells.iter().map(|&(column, row)| decimal(&tables.advice[column][row])).collect();
        assert!(classes.cells.iter().all(|&(column, _)| column < COLUMNS));
        self.gadgets.push(json!({
            "name": name, "wires": classes.cells.len(), "inputs": inputs, "outputs": outputs, "ranges": ranges,
            "challenges": [], "rows": rows, "lookups": lookups, "witness": witness,
        }));
    }
}

const fn range(lo: i128, hi: i128) -> Range {
    Range { lo, hi }
}

const U64: i128 = u64::MAX as i128;
const U32: i128 = u32::MAX as i128;

/// Of one limb and more, of either sign, that begin and end at powers of two and not.
const RANGES: [Range; 9] = [
    range(0, 1),
    range(0, U32),
    range(0, U64),
    range(-(1 << 63), (1 << 63) - 1),
    range(-5, 1000),
    range(-(1 << 100), (1 << 90) + 17),
    range(3, (1 << 62) + 1),
    range(-(1 << 33) - 1, -7),
    range(0, 1 << 96),
];

const DIVISORS: [Range; 6] =
    [range(1, 1000), range(1, U64), range(7, 7), range(1 << 20, 1 << 20), range(1, 1 << 90), range(1, i128::MAX)];

/// Dividends for which a product of divisor and quotient exceeds the field's order too.
const LONG: [Range; 2] = [range(0, i128::MAX), range(i128::MIN + 1, i128::MAX)];

fn value(r: Range, part: i128) -> i128 {
    if r.span() < 7 { r.lo.max(r.hi.min(part & 1)) } else { r.lo + (r.span() / 7) as i128 * part }
}

/// `±(2^n+d)` where a bound is near a power of two.
fn name_of(r: Range) -> String {
    let short = |v: i128| -> String {
        let (sign, magnitude) = (if v < 0 { "-" } else { "" }, v.unsigned_abs());
        let near = (20..128)
            .flat_map(|n| [-1i128, 0, 1, 17].map(|d| (n, d)))
            .find(|&(n, d)| (1u128 << n).checked_add_signed(d) == Some(magnitude));
        match near {
            Some((n, 0)) => format!("{sign}2^{n}"),
            Some((n, d)) => format!("{sign}(2^{n}{d:+})"),
            None => format!("{sign}{magnitude}"),
        }
    };
    format!("{}..{}", short(r.lo), short(r.hi))
}

/// The range of an operation that is monotonic in each operand.
fn hull(x: Range, y: Range, op: fn(i128, i128) -> Option<i128>) -> Option<Range> {
    let ends = [(x.lo, y.lo), (x.lo, y.hi), (x.hi, y.lo), (x.hi, y.hi)].map(|(a, b)| op(a, b));
    let ends: Option<Vec<i128>> = ends.into_iter().collect();
    let ends = ends?;
    Some(range(*ends.iter().min()?, *ends.iter().max()?))
}

fn integers(e: &mut Export) {
    type Make = fn(&mut Builder, &Int, &Int, Range) -> Int;
    type Op = fn(i128, i128) -> Option<i128>;
    let operations: [(&str, Op, Make); 3] = [
        ("add", i128::checked_add, Builder::add),
        ("sub", i128::checked_sub, Builder::sub),
        ("mul", i128::checked_mul, Builder::mul),
    ];
    for (i, x) in RANGES.into_iter().enumerate() {
        for (j, y) in RANGES.into_iter().enumerate() {
            let names = format!("{} {}", name_of(x), name_of(y));
            for (name, op, make) in operations {
                // One constraint whatever the ranges are.
                let Some(r) = hull(x, y, op).filter(|_| j == (i + 1) % RANGES.len()) else { continue };
                e.add(&format!("{name} {names}"), |b, g| {
                    let (x, y) = (g.integer(b, x, value(x, 3)), g.integer(b, y, value(y, 4)));
                    let out = make(b, &x, &y, r);
                    g.output(&out.affine);
                });
            }
            e.add(&format!("less {names}"), |b, g| {
                let (x, y) = (g.integer(b, x, value(x, 3)), g.integer(b, y, value(y, 4)));
                let out = b.lt(&x, &y);
                g.output(&out.affine);
            });
            e.add(&format!("equal {names}"), |b, g| {
                let (x, y) = (g.integer(b, x, value(x, 3)), g.integer(b, y, value(y, 4)));
                let out = b.eq(&x, &y);
                g.output(&out.affine);
            });
            let v = value(x, 3);
            if !x.within(&y) && y.contains(v) {
                e.add(&format!("range {names}"), |b, g| {
                    let x = g.integer(b, x, v);
                    b.hold(&x, y);
                });
            }
        }
        e.add(&format!("select {}", name_of(x)), |b, g| {
            let (y, c) = (range(0, U64), Range::BOOLEAN);
            let (a, other, bit) = (g.integer(b, x, value(x, 3)), g.integer(b, y, value(y, 4)), g.integer(b, c, 1));
            let out = b.select(&bit, &a, &other, range(x.lo.min(0), x.hi.max(U64)));
            g.output(&out.affine);
        });
    }
    for x in RANGES.into_iter().chain(LONG) {
        for y in DIVISORS {
            e.add(&format!("divmod {} {}", name_of(x), name_of(y)), |b, g| {
                let (vx, vy) = (if LONG.contains(&x) { 1 << 120 } else { value(x, 5) }, value(y, 2));
                let (a, d) = (g.integer(b, x, vx), g.integer(b, y, vy));
                let quotients = hull(x, y, |a, d| Some(a.div_euclid(d))).expect("all four");
                let (q, r) = b.divmod(&a, &d, quotients);
                g.output(&q.affine);
                g.output(&r.affine);
            });
        }
    }
    for bits in [2, 16, 17, 32, 64, 127, 130, 160] {
        e.add(&format!("bits {bits}"), |b, g| {
            let v = Wide::power(bits - 1);
            let wire = g.given(b, v.element());
            b.limbs(Place::Copy(wire), v, bits);
        });
    }
}

fn hashes(e: &mut Export) {
    for m in 0..6 {
        e.add(&format!("hash of {m}"), |b, g| {
            let elements = g.elements(b, m);
            let digest = b.hash(Tag::Leaf, 3, &elements);
            g.outputs.push(digest);
        });
    }
    e.add("path of 3 levels", |b, g| {
        let element = g.given(b, Fr::from(99));
        let rights: Vec<Wire> = [1, 0, 1].map(|bit| g.given(b, Fr::from(bit))).to_vec();
        let siblings: Vec<Place> = g.elements(b, 3).into_iter().map(Place::Copy).collect();
        let leaf = b.hash(Tag::Leaf, 0, &[element]);
        let (root, _) = b.path(leaf, &rights, &siblings);
        g.outputs.extend([leaf, root]);
    });
    e.add("boolean", |b, g| {
        let v = g.given(b, Fr::ONE);
        b.boolean(&v.into());
    });
    e.add("and, or, not", |b, g| {
        let (x, y) = (g.integer(b, Range::BOOLEAN, 1), g.integer(b, Range::BOOLEAN, 0));
        for out in [b.and(&x, &y), b.or(&x, &y), b.not(&x)] {
            g.output(&out.affine);
        }
    });
    e.add("sum of 7 words", |b, g| {
        let words = g.elements(b, suite::PACKED_WORDS as u64);
        let terms: Vec<(Wire, Fr)> =
            words.iter().enumerate().map(|(i, w)| (*w, Fr::from(2).pow([32 * (6 - i as u64)]))).collect();
        let sum = b.linear(&terms, Fr::ZERO);
        g.outputs.push(sum);
    });
    e.add("point", |b, g| {
        let (x, y) = suite::base();
        let [x, y] = b.point(multiprover_halo2::signature::Point { x, y });
        g.inputs.extend([x, y]);
    });
}

fn main() {
    let mut e = Export::new();
    hashes(&mut e);
    integers(&mut e);
    let gates: BTreeMap<&String, Value> = e.straight.iter().map(|(name, gate)| (name, gate.json())).collect();
    let modulus = (BigUint::from_bytes_le((-Fr::ONE).to_repr().as_ref()) + 1u32).to_string();
    println!("{}", json!({"format": 1, "prover": "halo2", "modulus": modulus, "gates": gates}));
    for gadget in &e.gadgets {
        println!("{gadget}");
    }
}
