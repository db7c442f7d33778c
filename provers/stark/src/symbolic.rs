//! The tables' identities at zeta as a program for L1 (contracts/StarkConstraints.sol), made from the symbolic constraints.
//!
//! The contract's machine has slots, an accumulator `x`, a sum of products, and the sum `folded`, all elements of the extension
//! in lanes that may exceed `p`. An instruction is two bytes, the operation in the upper 4 bits, its operand in the lower 12; two
//! operations have a second operand, which is another two bytes.
//!
//! | operation | | |
//! | --- | --- | --- |
//! | 0 `MUL s` | `x · slot` | reduces |
//! | 1 `ADD s` | `x + slot` | |
//! | 2 `LOAD s` | `x = slot` | |
//! | 3 `STORE s` | `slot = x` | |
//! | 4 `PRODUCT s t` | `x = slot · slot` | reduces |
//! | 5 `COLLECT s t` | adds `slot · slot` to the sum of products | |
//! | 6 `SUB s` | `x - slot` | the slot at most `16p` a lane |
//! | 7 `HORNER s` | `x · beta + slot` | |
//! | 8 `FOLD` | `folded = folded · alpha + x` | |
//! | 9 `REDUCE` | `x` below `p` in each lane | |
//! | 10 `FROM s` | `slot - x` | `x` at most `16p` a lane |
//! | 11 `SCALE s` | `x` times the slot, which is in the field itself | reduces |
//! | 12 `TOTAL` | `x` is the sum of products, which becomes 0 | reduces |
//! | 13 `TIMES n` | `n · x` | |
//! | 14 `TABLE t` | the selectors at zeta of table `t`'s height, to their slots | |
//! | 15 `END` | checks that `x`, the quotient times `Z_H`, is `folded`; `folded = 0` | operand 0 |
//! | 15 `POSEIDON2 s` | folds the constraints of `p3-poseidon2-air` on the columns from this slot on | leaves `x` alone |
//!
//! The constants that `POSEIDON2` needs stand first in the list: those of the rounds, in their order, then the diagonal of the
//! internal layer. All constants are in Montgomery form, as are all numbers of the machine.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use p3_air::symbolic::{
    AirLayout, BaseEntry, BaseLeaf, ExtEntry, ExtLeaf, SymLeaf, SymbolicExpr, SymbolicExpression, SymbolicExpressionExt,
};
use p3_batch_stark::symbolic::{get_constraint_layout, get_log_num_quotient_chunks, get_symbolic_constraints};
use p3_field::{Field, PrimeCharacteristicRing, PrimeField32, TwoAdicField};
use p3_koala_bear::{
    GenericPoseidon2LinearLayersKoalaBear, KOALABEAR_POSEIDON2_RC_16_EXTERNAL_FINAL, KOALABEAR_POSEIDON2_RC_16_EXTERNAL_INITIAL,
    KOALABEAR_POSEIDON2_RC_16_INTERNAL,
};
use p3_lookup::{Kind, LogUpGadget, Lookup, Lookups};
use p3_poseidon2::GenericPoseidon2LinearLayers;
use p3_poseidon2_air::{Poseidon2Air, RoundConstants};

use crate::batch;
use crate::tables::{Air, EF, EXTENSION, F, Public, Table};

/// The degree of the symbolic constraints does not depend on the height, as no table has periodic columns.
const ANY_HEIGHT: usize = 1 << 16;

/// What the proof of a table holds and what is checked of it, whatever its height.
pub struct Shape {
    pub table: Table,
    /// Columns: witness, whether they are opened at the next row too, preprocessed, of the buses (in the extension: the
    /// running sum, then one a packed lookup).
    pub main: usize,
    pub next: bool,
    pub preprocessed: usize,
    pub bus_columns: usize,
    pub quotient_chunks: usize,
    pub max_degree: usize,
    /// Constraints without and with the extension, and the order in which they are folded.
    pub base: Vec<SymbolicExpression<F>>,
    pub extension: Vec<SymbolicExpressionExt<F, EF>>,
    pub base_places: Vec<usize>,
    pub extension_places: Vec<usize>,
    /// The columns of the buses.
    pub lookups: Lookups<F>,
}

impl Shape {
    /// Of one table.
    pub fn of(table: Table) -> Self {
        let air = Air::new(table);
        let gadget = LogUpGadget::new();
        let layout = AirLayout::from_air(&air);
        let lookups = batch::lookups(table);
        let log_chunks = get_log_num_quotient_chunks::<F, EF, _, _>(&air, layout, ANY_HEIGHT, &lookups, 0, &gadget);
        let (base, extension) = get_symbolic_constraints::<F, EF, _, _>(&air, layout, &lookups, &gadget);
        let places = get_constraint_layout::<F, EF, _, _>(&air, layout, &lookups, &gadget);
        let max_degree =
            base.iter().map(SymbolicExpr::degree_multiple).chain(extension.iter().map(SymbolicExpr::degree_multiple));
        Self {
            table,
            main: table.width(),
            next: table.reads_next(),
            preprocessed: table.preprocessed_width(),
            bus_columns: if lookups.is_empty() { 0 } else { lookups.len() + 1 },
            quotient_chunks: 1 << log_chunks,
            max_degree: max_degree.max().unwrap_or(0),
            base,
            extension,
            base_places: places.base_indices,
            extension_places: places.ext_indices,
            lookups,
        }
    }

    /// All tables, in their order.
    pub fn all() -> Vec<Self> {
        Table::ALL.map(Self::of).into()
    }

    /// Number of constraints, of both kinds.
    pub fn constraints(&self) -> usize {
        self.base.len() + self.extension.len()
    }

    /// Number of messages a row, before packing.
    pub fn messages(&self) -> usize {
        self.lookups.iter().map(|lookup| lookup.elements.len()).sum()
    }

    /// Elements of the widest message.
    pub fn widest_message(&self) -> usize {
        self.lookups.iter().flat_map(|lookup| lookup.elements.iter().map(Vec::len)).max().unwrap_or(0)
    }

    /// Base-field columns of a row of what is committed: witness, preprocessed, buses, quotients.
    pub fn row(&self) -> usize {
        self.main + self.preprocessed + EXTENSION * (self.bus_columns + self.quotient_chunks)
    }
}

/// The buses in the order in which the library numbers them: by first appearance over all tables.
pub fn buses(shapes: &[Shape]) -> Vec<String> {
    let mut names: Vec<String> = vec![];
    for lookup in shapes.iter().flat_map(|shape| shape.lookups.iter()) {
        let name = bus(lookup);
        if !names.iter().any(|seen| seen == name) {
            names.push(name.to_owned());
        }
    }
    names
}

fn bus(lookup: &Lookup<F>) -> &str {
    match &lookup.kind {
        Kind::Global(name) => name,
        Kind::Local => unreachable!("the tables have no lookups of their own"),
    }
}

/// Slots before the table of [`Slots`]: what the contract computes, `StarkConstraints.sol` has the same order.
const BETA: usize = 2;
const COSET: usize = 3;
const VANISHING: usize = 4;
const FIRST: usize = 5;
const LAST: usize = 6;
const TRANSITION: usize = 7;
const PREFIXES: usize = 8;

/// The address of the first slot.
const BASE: usize = 0x300;
/// Elements of the permutation's state, and columns of the permutation.
const STATE: usize = 16;
const PERMUTATION: usize = STATE + 8 * STATE + 20;

/// Where things stand in the machine's memory.
struct Slots {
    publics: usize,
    claims: usize,
    constants: usize,
    /// Per table: first slot of the witness columns at zeta and at the next row, of the quotient chunks, the preprocessed
    /// columns, and the buses' at zeta and at the next row.
    tables: Vec<[usize; 6]>,
    /// Slots of each round: witness, quotients, preprocessed, buses.
    rounds: [usize; 4],
}

impl Slots {
    fn new(shapes: &[Shape], buses: usize) -> Self {
        let publics = PREFIXES + buses;
        let claims = publics + Public::LEN;
        let openings = claims + shapes.len();
        let mut tables = vec![[0; 6]; shapes.len()];
        let mut rounds = [0; 4];
        let mut at = openings;
        let mut place = |round: usize, count: usize| {
            let from = at;
            at += count;
            rounds[round] += count;
            from
        };
        for (slots, shape) in tables.iter_mut().zip(shapes) {
            slots[0] = place(0, shape.main);
            slots[1] = place(0, if shape.next { shape.main } else { 0 });
        }
        for (slots, shape) in tables.iter_mut().zip(shapes) {
            slots[2] = place(1, shape.quotient_chunks);
        }
        for (slots, shape) in tables.iter_mut().zip(shapes) {
            slots[3] = place(2, shape.preprocessed);
        }
        for (slots, shape) in tables.iter_mut().zip(shapes) {
            slots[4] = place(3, shape.bus_columns);
            slots[5] = place(3, shape.bus_columns);
        }
        Self { publics, claims, constants: at, tables, rounds }
    }
}

/// An expression; equal ones are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Node {
    Slot(usize),
    Constant(F),
    Add(usize, usize),
    Sub(usize, usize),
    Mul(usize, usize),
    Neg(usize),
}

/// Expressions of one table.
#[derive(Default)]
struct Graph {
    nodes: Vec<Node>,
    ids: HashMap<Node, usize>,
}

impl Graph {
    fn node(&mut self, node: Node) -> usize {
        *self.ids.entry(node).or_insert_with(|| {
            self.nodes.push(node);
            self.nodes.len() - 1
        })
    }

    fn constant(&mut self, c: F) -> usize {
        self.node(Node::Constant(c))
    }

    fn add(&mut self, x: usize, y: usize) -> usize {
        match (self.nodes[x], self.nodes[y]) {
            (Node::Constant(a), Node::Constant(b)) => self.constant(a + b),
            (Node::Constant(F::ZERO), _) => y,
            (_, Node::Constant(F::ZERO)) => x,
            (Node::Neg(x), Node::Neg(y)) => {
                let sum = self.add(x, y);
                self.neg(sum)
            }
            (Node::Neg(x), _) => self.sub(y, x),
            (_, Node::Neg(y)) => self.sub(x, y),
            _ => self.node(Node::Add(x.min(y), x.max(y))),
        }
    }

    fn sub(&mut self, x: usize, y: usize) -> usize {
        match (self.nodes[x], self.nodes[y]) {
            _ if x == y => self.constant(F::ZERO),
            (Node::Constant(a), Node::Constant(b)) => self.constant(a - b),
            (_, Node::Constant(F::ZERO)) => x,
            (_, Node::Constant(b)) => {
                let minus = self.constant(-b);
                self.add(x, minus)
            }
            (Node::Constant(F::ZERO), _) => self.neg(y),
            (_, Node::Neg(y)) => self.add(x, y),
            (Node::Neg(x), _) => {
                let sum = self.add(x, y);
                self.neg(sum)
            }
            _ => self.node(Node::Sub(x, y)),
        }
    }

    fn neg(&mut self, x: usize) -> usize {
        match self.nodes[x] {
            Node::Constant(a) => self.constant(-a),
            Node::Neg(x) => x,
            Node::Sub(x, y) => self.sub(y, x),
            _ => self.node(Node::Neg(x)),
        }
    }

    fn mul(&mut self, x: usize, y: usize) -> usize {
        match (self.nodes[x], self.nodes[y]) {
            (Node::Constant(a), Node::Constant(b)) => self.constant(a * b),
            (Node::Constant(c), _) => self.times(y, c),
            (_, Node::Constant(c)) => self.times(x, c),
            (Node::Neg(x), Node::Neg(y)) => self.mul(x, y),
            (Node::Neg(x), _) => {
                let product = self.mul(x, y);
                self.neg(product)
            }
            (_, Node::Neg(y)) => {
                let product = self.mul(x, y);
                self.neg(product)
            }
            _ => self.node(Node::Mul(x.min(y), x.max(y))),
        }
    }

    /// By a constant: the smaller of it and its negative.
    fn times(&mut self, x: usize, c: F) -> usize {
        if c == F::ZERO {
            return self.constant(c);
        }
        if c == F::ONE {
            return x;
        }
        if let Node::Neg(x) = self.nodes[x] {
            return self.times(x, -c);
        }
        if c.as_canonical_u32() > (-c).as_canonical_u32() {
            let product = self.times(x, -c);
            return self.neg(product);
        }
        let c = self.constant(c);
        self.node(Node::Mul(x, c))
    }
}

/// Reads the library's expressions into a [`Graph`].
struct Reader<'a> {
    graph: Graph,
    /// Nodes of subexpressions by their address; those that are read stay alive with the shape.
    seen: HashMap<usize, usize>,
    shape: &'a Shape,
    slots: [usize; 6],
    publics: Vec<usize>,
    claim: usize,
    /// The slot of the offset of each packed lookup's bus.
    prefixes: Vec<usize>,
}

impl Reader<'_> {
    fn expression<A: SymLeaf>(&mut self, expression: &SymbolicExpr<A>, leaf: fn(&mut Self, &A) -> usize) -> usize {
        match expression {
            SymbolicExpr::Leaf(a) => leaf(self, a),
            SymbolicExpr::Add { x, y, .. } => {
                let (x, y) = (self.shared(x, leaf), self.shared(y, leaf));
                self.graph.add(x, y)
            }
            SymbolicExpr::Sub { x, y, .. } => {
                let (x, y) = (self.shared(x, leaf), self.shared(y, leaf));
                self.graph.sub(x, y)
            }
            SymbolicExpr::Mul { x, y, .. } => {
                let (x, y) = (self.shared(x, leaf), self.shared(y, leaf));
                self.graph.mul(x, y)
            }
            SymbolicExpr::Neg { x, .. } => {
                let x = self.shared(x, leaf);
                self.graph.neg(x)
            }
        }
    }

    fn shared<A: SymLeaf>(&mut self, x: &Arc<SymbolicExpr<A>>, leaf: fn(&mut Self, &A) -> usize) -> usize {
        let address = Arc::as_ptr(x).addr();
        if let Some(&node) = self.seen.get(&address) {
            return node;
        }
        let node = self.expression(x, leaf);
        self.seen.insert(address, node);
        node
    }

    fn slot(&mut self, slot: usize) -> usize {
        self.graph.node(Node::Slot(slot))
    }

    fn base(&mut self, leaf: &BaseLeaf<F>) -> usize {
        let slot = match leaf {
            BaseLeaf::Constant(c) => return self.graph.constant(*c),
            BaseLeaf::IsFirstRow => FIRST,
            BaseLeaf::IsLastRow => LAST,
            BaseLeaf::IsTransition => TRANSITION,
            BaseLeaf::Variable(variable) => match variable.entry {
                BaseEntry::Main { offset } => {
                    assert!(offset == 0 || self.shape.next, "{}: the next row is not opened", self.shape.table);
                    self.slots[offset] + variable.index
                }
                BaseEntry::Preprocessed { offset: 0 } => self.slots[3] + variable.index,
                BaseEntry::Public => self.publics[variable.index],
                entry => unreachable!("{}: no such column: {entry:?}", self.shape.table),
            },
        };
        self.slot(slot)
    }

    fn extension(&mut self, leaf: &ExtLeaf<F, EF>) -> usize {
        match leaf {
            ExtLeaf::Base(expression) => self.expression(expression, Self::base),
            ExtLeaf::ExtVariable(variable) => {
                let slot = match variable.entry {
                    ExtEntry::Permutation { offset } => self.slots[4 + offset] + variable.index,
                    // An offset and beta for each lookup.
                    ExtEntry::Challenge if variable.index % 2 == 0 => self.prefixes[variable.index / 2],
                    ExtEntry::Challenge => BETA,
                    ExtEntry::PermutationValue => self.claim,
                };
                self.slot(slot)
            }
            ExtLeaf::ExtConstant(_) => unreachable!("{}: a constant of the extension", self.shape.table),
        }
    }

    /// The first of a table's constraints in the extension, one a column of its buses: `column · D - N`, where
    /// `N/D = Σ count / (prefix - Σ_k e_k·beta^(w-1-k))` over the column's messages of `w` elements `e` (p3_lookup's
    /// `eval_fraction`), added up in pairs.
    fn fraction(&mut self, lookup: &Lookup<F>) -> usize {
        assert!(lookup.flags.is_none(), "{}: messages that exclude each other", self.shape.table);
        let (beta, prefix) = (self.slot(BETA), self.slot(self.prefixes[lookup.column]));
        let counts: Vec<usize> = lookup.multiplicities.iter().map(|count| self.expression(count, Self::base)).collect();
        let common = counts.iter().all(|&count| count == counts[0]);
        let mut fractions: Vec<(usize, usize)> = vec![];
        for (elements, &count) in lookup.elements.iter().zip(&counts) {
            let mut message = self.graph.constant(F::ZERO);
            for element in elements {
                let element = self.expression(element, Self::base);
                let higher = self.graph.mul(message, beta);
                message = self.graph.add(higher, element);
            }
            let count = if common { self.graph.constant(F::ONE) } else { count };
            fractions.push((count, self.graph.sub(prefix, message)));
        }
        while fractions.len() > 1 {
            let pairs = fractions.chunks(2).map(|pair| match *pair {
                [(n, d), (m, e)] => {
                    let (left, right) = (self.graph.mul(n, e), self.graph.mul(m, d));
                    (self.graph.add(left, right), self.graph.mul(d, e))
                }
                _ => pair[0],
            });
            fractions = pairs.collect();
        }
        let (mut numerator, denominator) = fractions[0];
        if common {
            numerator = self.graph.mul(numerator, counts[0]);
        }
        let column = self.slot(self.slots[4] + lookup.column + 1);
        let product = self.graph.mul(denominator, column);
        self.graph.sub(product, numerator)
    }

    /// The quotient at zeta from its chunks, times Z_H. Chunk `i` of `n` is on the coset of shift `g·w^i`, `w` of order
    /// `n`, so that the weights are the Lagrange polynomials of the `w^i` at `u = (zeta/g)^height`:
    /// `quotient = Σ_k u^k · 1/n · Σ_i w^(-ik)·chunk_i`.
    fn quotient(&mut self) -> usize {
        let chunks = self.shape.quotient_chunks;
        let w = F::two_adic_generator(chunks.trailing_zeros() as usize).inverse();
        let u = self.slot(COSET);
        let mut quotient = self.graph.constant(F::ZERO);
        for k in (0..chunks).rev() {
            let mut coefficient = self.graph.constant(F::ZERO);
            for i in 0..chunks {
                let chunk = self.slot(self.slots[2] + i);
                let term = self.graph.times(chunk, w.exp_u64((i * k) as u64));
                coefficient = self.graph.add(coefficient, term);
            }
            let higher = self.graph.mul(quotient, u);
            quotient = self.graph.add(higher, coefficient);
        }
        let quotient = self.graph.times(quotient, F::from_usize(chunks).inverse());
        let vanishing = self.slot(VANISHING);
        self.graph.mul(quotient, vanishing)
    }
}

/// An operation of the contract's machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Mul = 0,
    Add = 1,
    Load = 2,
    Store = 3,
    Product = 4,
    Collect = 5,
    Sub = 6,
    Horner = 7,
    Fold = 8,
    Reduce = 9,
    From = 10,
    Scale = 11,
    Total = 12,
    Times = 13,
    Table = 14,
    Other = 15,
}

type Permutation = Poseidon2Air<F, GenericPoseidon2LinearLayersKoalaBear, STATE, 3, 0, 4, 20>;

/// The permutation's constraints as `POSEIDON2` folds them, on the table's first columns.
fn permutation_constraints() -> Vec<SymbolicExpression<F>> {
    let air = Permutation::new(RoundConstants::new(
        KOALABEAR_POSEIDON2_RC_16_EXTERNAL_INITIAL,
        KOALABEAR_POSEIDON2_RC_16_INTERNAL,
        KOALABEAR_POSEIDON2_RC_16_EXTERNAL_FINAL,
    ));
    let layout = AirLayout::from_air(&air);
    get_symbolic_constraints::<F, EF, _, _>(&air, layout, &[], &LogUpGadget::new()).0
}

/// What `POSEIDON2` reads: the rounds' constants, and the diagonal `d` of the internal layer `x_i = d_i·x_i + Σ x`.
fn permutation_constants() -> Vec<F> {
    let diagonal = (0..STATE).map(|i| {
        let mut unit = [F::ZERO; STATE];
        unit[i] = F::ONE;
        GenericPoseidon2LinearLayersKoalaBear::internal_linear_layer(&mut unit);
        unit[i] - F::ONE
    });
    let first = KOALABEAR_POSEIDON2_RC_16_EXTERNAL_INITIAL.concat();
    let last = KOALABEAR_POSEIDON2_RC_16_EXTERNAL_FINAL.concat();
    first.into_iter().chain(KOALABEAR_POSEIDON2_RC_16_INTERNAL).chain(last).chain(diagonal).collect()
}

/// Bounds of lanes: below `p` after a reduction, what may be subtracted, what fits its lane of 51 bits with room for one more
/// addition, what two factors may have together.
const REDUCED: u128 = F::ORDER_U32 as u128;
const SUBTRAHEND: u128 = 16 * REDUCED;
const LANE: u128 = 1 << 44;
const FACTORS: u128 = 1 << 82;
/// What one factor has at most, in memory: of two their products are allowed, and of thousands the sum.
const FACTOR: u128 = 1 << 36;
/// Operands of [`Op::Times`].
const SMALL: u32 = 1 << 10;

/// Where a value stands while the program is made: slots of temporaries are given out at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Place {
    Slot(usize),
    Temporary(usize),
    /// In the list of constants.
    Constant(usize),
    /// Not a place: the operand itself.
    Number(usize),
}

/// An operation, its operand, and its second if it has one.
type Instruction = (Op, Place, Option<Place>);

/// Makes instructions.
#[derive(Default)]
struct Writer {
    code: Vec<Instruction>,
    constants: Vec<F>,
    /// Bounds of temporaries.
    bounds: Vec<u128>,
    /// The bound of `x`; where else its value stands; whether its lanes but the first are 0 if it is in the field itself.
    bound: u128,
    held: Option<Place>,
    clean: bool,
}

impl Writer {
    fn emit(&mut self, op: Op, place: Place) {
        self.code.push((op, place, None));
        self.held = None;
    }

    fn number(&mut self, op: Op, number: usize) {
        self.emit(op, Place::Number(number));
    }

    fn constant(&mut self, c: F) -> Place {
        let known = self.constants.iter().position(|&known| known == c);
        Place::Constant(known.unwrap_or_else(|| {
            self.constants.push(c);
            self.constants.len() - 1
        }))
    }

    fn bound_of(&self, place: Place) -> u128 {
        match place {
            Place::Temporary(i) => self.bounds[i],
            _ => REDUCED,
        }
    }

    /// After an operation that reduces.
    fn reduced(&mut self) {
        self.bound = REDUCED;
        self.clean = true;
    }

    fn reduce(&mut self) {
        self.number(Op::Reduce, 0);
        self.reduced();
    }

    fn reduce_above(&mut self, bound: u128) {
        if self.bound > bound {
            self.reduce();
        }
    }

    fn load(&mut self, place: Place) {
        if self.held != Some(place) {
            self.emit(Op::Load, place);
            self.held = Some(place);
        }
        self.bound = self.bound_of(place);
        self.clean = true;
    }

    /// Keeps `x`.
    fn store(&mut self) -> Place {
        self.reduce_above(FACTOR);
        self.bounds.push(self.bound);
        let place = Place::Temporary(self.bounds.len() - 1);
        self.emit(Op::Store, place);
        self.held = Some(place);
        place
    }

    fn add(&mut self, place: Place) {
        let bound = self.bound_of(place);
        self.reduce_above(LANE - bound);
        self.emit(Op::Add, place);
        self.bound += bound;
    }

    fn sub(&mut self, place: Place) {
        self.reduce_above(LANE - SUBTRAHEND);
        self.emit(Op::Sub, place);
        self.bound += SUBTRAHEND;
        self.clean = false;
    }

    fn from(&mut self, place: Place) {
        self.reduce_above(SUBTRAHEND);
        self.emit(Op::From, place);
        self.bound = self.bound_of(place) + SUBTRAHEND;
        self.clean = false;
    }

    fn negate(&mut self) {
        let zero = self.constant(F::ZERO);
        self.from(zero);
    }

    fn mul(&mut self, place: Place) {
        self.reduce_above(FACTORS / self.bound_of(place));
        // Multiplying what has just been loaded is one operation.
        match self.code.last() {
            Some(&(Op::Load, loaded, None)) if self.held == Some(loaded) => {
                self.code.pop();
                self.code.push((Op::Product, loaded, Some(place)));
                self.held = None;
            }
            _ => self.emit(Op::Mul, place),
        }
        self.reduced();
    }

    /// The sum of the products of some places.
    fn products(&mut self, factors: &[(Place, Place)]) {
        let mut sum = 0;
        for &(x, y) in factors {
            sum += self.bound_of(x) * self.bound_of(y);
            self.code.push((Op::Collect, x, Some(y)));
        }
        assert!(sum <= FACTORS, "{} products are too many", factors.len());
        self.number(Op::Total, 0);
        self.reduced();
    }

    fn horner(&mut self, place: Place) {
        self.reduce_above(FACTORS / REDUCED);
        self.emit(Op::Horner, place);
        self.reduced();
        self.bound += self.bound_of(place);
    }

    fn scale(&mut self, place: Place) {
        self.emit(Op::Scale, place);
        self.reduced();
    }

    fn times(&mut self, c: F) {
        let n = c.as_canonical_u32();
        if n < SMALL {
            self.reduce_above(LANE / u128::from(n));
            self.number(Op::Times, n as usize);
            self.bound *= u128::from(n);
        } else {
            let place = self.constant(c);
            self.scale(place);
        }
    }
}

/// Writes the instructions of one table's graph.
struct Scheduler<'a> {
    graph: &'a Graph,
    /// How often each node is an operand or a result.
    uses: Vec<usize>,
    /// Whether a node is in the field itself: public values, constants, and what is made of them.
    scalars: Vec<bool>,
    places: HashMap<usize, Place>,
    writer: &'a mut Writer,
}

impl Scheduler<'_> {
    /// Where a node stands in memory, if it does.
    fn place(&mut self, node: usize) -> Option<Place> {
        match self.graph.nodes[node] {
            Node::Slot(slot) => Some(Place::Slot(slot)),
            Node::Constant(c) => Some(self.writer.constant(c)),
            _ => self.places.get(&node).copied(),
        }
    }

    /// Puts a node into memory.
    fn stored(&mut self, node: usize) -> Place {
        if let Some(place) = self.place(node) {
            return place;
        }
        self.value(node);
        // A node with several uses was stored when it was computed.
        self.place(node).unwrap_or_else(|| self.store(node))
    }

    fn store(&mut self, node: usize) -> Place {
        if self.scalars[node] && !self.writer.clean {
            self.writer.reduce();
        }
        self.writer.store()
    }

    /// Puts a node into memory, with a bound that can be subtracted.
    fn subtrahend(&mut self, node: usize) -> Place {
        let place = self.stored(node);
        if self.writer.bound_of(place) <= SUBTRAHEND {
            return place;
        }
        self.writer.load(place);
        self.writer.reduce();
        self.writer.store()
    }

    /// Puts a node into `x`.
    fn value(&mut self, node: usize) {
        if let Some(place) = self.place(node) {
            return self.writer.load(place);
        }
        match self.graph.nodes[node] {
            Node::Slot(_) | Node::Constant(_) => unreachable!("these have places"),
            Node::Neg(x) => {
                self.value(x);
                self.writer.negate();
            }
            Node::Mul(x, y) => self.product(x, y),
            Node::Add(x, y) => self.sum(x, y),
            Node::Sub(x, y) => {
                if self.place(y).is_none() && self.place(x).is_some() {
                    let place = self.stored(x);
                    self.value(y);
                    self.writer.from(place);
                } else {
                    let place = self.subtrahend(y);
                    self.value(x);
                    self.writer.sub(place);
                }
            }
        }
        if self.uses[node] > 1 {
            let place = self.store(node);
            self.places.insert(node, place);
        }
    }

    fn product(&mut self, x: usize, y: usize) {
        if let Node::Constant(c) = self.graph.nodes[y] {
            self.value(x);
            self.writer.times(c);
        } else if let Some(x) = self.by_beta(x, y) {
            self.value(x);
            let zero = self.writer.constant(F::ZERO);
            self.writer.horner(zero);
        } else if self.scalars[x] || self.scalars[y] {
            let (scalar, other) = if self.scalars[y] { (y, x) } else { (x, y) };
            let scalar = self.stored(scalar);
            self.value(other);
            self.writer.scale(scalar);
        } else if x == y {
            let x = self.stored(x);
            self.writer.load(x);
            self.writer.mul(x);
        } else {
            let place = self.operands(x, y);
            self.writer.mul(place);
        }
    }

    fn sum(&mut self, x: usize, y: usize) {
        for (step, other) in [(x, y), (y, x)] {
            if let Node::Mul(a, b) = self.graph.nodes[step]
                && self.uses[step] == 1
                && let Some(message) = self.by_beta(a, b)
            {
                let other = self.stored(other);
                self.value(message);
                return self.writer.horner(other);
            }
        }
        let (mut products, mut others) = (vec![], vec![]);
        self.terms(x, &mut products, &mut others);
        self.terms(y, &mut products, &mut others);
        if products.len() < 2 {
            let place = self.operands(x, y);
            return self.writer.add(place);
        }
        // What is in memory is not touched by the sum of products, but its parts may need it: so they come first.
        let products: Vec<_> = products.into_iter().map(|(x, y)| (self.stored(x), self.stored(y))).collect();
        let others: Vec<_> = others.into_iter().map(|other| self.stored(other)).collect();
        self.writer.products(&products);
        for other in others {
            self.writer.add(other);
        }
    }

    /// The products among the terms of a sum, and the rest.
    fn terms(&self, node: usize, products: &mut Vec<(usize, usize)>, others: &mut Vec<usize>) {
        match self.graph.nodes[node] {
            _ if self.uses[node] > 1 => others.push(node),
            Node::Add(x, y) => {
                self.terms(x, products, others);
                self.terms(y, products, others);
            }
            Node::Mul(x, y) if !self.scalars[x] && !self.scalars[y] && self.by_beta(x, y).is_none() => products.push((x, y)),
            _ => others.push(node),
        }
    }

    /// The other factor, if one is beta.
    fn by_beta(&self, x: usize, y: usize) -> Option<usize> {
        [(x, y), (y, x)].into_iter().find(|&(beta, _)| self.graph.nodes[beta] == Node::Slot(BETA)).map(|(_, other)| other)
    }

    /// One operand into `x`, the other in memory: its place.
    fn operands(&mut self, x: usize, y: usize) -> Place {
        let (loaded, placed) = if self.place(y).is_none() && self.place(x).is_some() { (y, x) } else { (x, y) };
        let place = self.stored(placed);
        self.value(loaded);
        place
    }
}

/// The program, and what the contract must know besides.
pub struct Program {
    slots: Slots,
    widest_message: usize,
    memory: usize,
    constants: Vec<F>,
    code: Vec<u16>,
}

impl Program {
    /// Of all tables.
    ///
    /// # Panics
    /// If the tables have grown so that an address does not fit 12 bits.
    pub fn new(shapes: &[Shape]) -> Self {
        let names = buses(shapes);
        let slots = Slots::new(shapes, names.len());
        let mut writer = Writer { constants: permutation_constants(), ..Writer::default() };
        for (t, shape) in shapes.iter().enumerate() {
            let prefixes = shape
                .lookups
                .iter()
                .map(|lookup| PREFIXES + names.iter().position(|name| name == bus(lookup)).expect("a known bus"));
            let mut reader = Reader {
                graph: Graph::default(),
                seen: HashMap::new(),
                shape,
                slots: slots.tables[t],
                publics: public_places(shape.table).into_iter().map(|i| slots.publics + i).collect(),
                claim: slots.claims + t,
                prefixes: prefixes.collect(),
            };
            let mut constraints = vec![0; shape.constraints()];
            for (expression, &place) in shape.base.iter().zip(&shape.base_places) {
                constraints[place] = reader.expression(expression, Reader::base);
            }
            for (i, (expression, &place)) in shape.extension.iter().zip(&shape.extension_places).enumerate() {
                constraints[place] = match shape.lookups.get(i) {
                    // Of these the library's expression takes twice the products.
                    Some(lookup) if lookup.elements.len() > 2 => reader.fraction(lookup),
                    _ => reader.expression(expression, Reader::extension),
                };
            }
            let permutation: Vec<usize> = match shape.table {
                Table::Hash => permutation_constraints().iter().map(|c| reader.expression(c, Reader::base)).collect(),
                _ => vec![],
            };
            let quotient = reader.quotient();
            let graph = reader.graph;

            writer.number(Op::Table, t);
            if !permutation.is_empty() {
                assert!(constraints.starts_with(&permutation), "{}: the permutation's constraints come first", shape.table);
                constraints.drain(..permutation.len());
                writer.emit(Op::Other, Place::Slot(slots.tables[t][0]));
            }
            let uses = uses(&graph, constraints.iter().copied().chain([quotient]));
            let mut scheduler =
                Scheduler { graph: &graph, uses, scalars: scalars(&graph, &slots), places: HashMap::new(), writer: &mut writer };
            for constraint in constraints {
                scheduler.value(constraint);
                scheduler.writer.number(Op::Fold, 0);
            }
            scheduler.value(quotient);
            writer.number(Op::Other, 0);
        }

        let temporaries = slots.constants + writer.constants.len();
        let (code, memory) = allocated(&writer.code, slots.constants, temporaries);
        assert!(memory <= 1 << 12, "{memory} slots do not fit the instructions' 12 bits");
        Self {
            widest_message: shapes.iter().map(Shape::widest_message).max().unwrap_or(0),
            slots,
            memory,
            constants: writer.constants,
            code,
        }
    }

    /// contracts/StarkProgram.sol.
    pub fn solidity(&self) -> String {
        let mut text = String::from(
            "// SPDX-License-Identifier: Apache-2.0\npragma solidity 0.8.37;\n\n\
             // Made from the tables' constraints by `make contracts` (provers/stark/src/symbolic.rs): do not edit.\n\n",
        );
        writeln!(text, "uint256 constant MAX_MESSAGE = {}; // elements", self.widest_message).expect("strings take all");
        text.push_str("\n// Addresses in memory of what the program's slots hold, and of the state of Poseidon2 behind them.\n");
        let [main, quotient, preprocessed, _] = self.slots.rounds;
        let openings = self.slots.claims + self.slots.tables.len();
        let addresses = [
            ("PUBLICS_AT", self.slots.publics),
            ("CLAIMS_AT", self.slots.claims),
            ("OPENINGS_AT", openings),
            ("QUOTIENTS_AT", openings + main),
            ("PREPROCESSED_AT", openings + main + quotient),
            ("BUS_COLUMNS_AT", openings + main + quotient + preprocessed),
            ("CONSTANTS_AT", self.slots.constants),
            ("STATE_AT", self.memory),
            ("STATE_END", self.memory + STATE),
        ];
        for (name, slot) in addresses {
            writeln!(text, "uint256 constant {name} = {:#x};", BASE + 32 * slot).expect("strings take all");
        }
        let constants: Vec<u8> = self.constants.iter().flat_map(|&c| montgomery(c).to_be_bytes()).collect();
        let code: Vec<u8> = self.code.iter().flat_map(|instruction| instruction.to_be_bytes()).collect();
        text.push_str(
            "\n// Of the openings, in pairs: how many are read, how many after them are not. No pair reaches into another round.",
        );
        for (name, bytes) in [("STARK_RUNS", self.runs()), ("STARK_CONSTANTS", constants), ("STARK_PROGRAM", code)] {
            write!(text, "\nbytes constant {name} =").expect("strings take all");
            for chunk in bytes.chunks(52) {
                text.push_str("\n    hex\"");
                for byte in chunk {
                    write!(text, "{byte:02x}").expect("strings take all");
                }
                text.push('"');
            }
            text.push_str(";\n");
        }
        text
    }
}

impl Program {
    /// Which openings are read: many of the next row are not.
    fn runs(&self) -> Vec<u8> {
        let mut read = vec![false; self.memory];
        let mut words = self.code.iter();
        while let Some(&word) = words.next() {
            let (op, operand) = (word >> 12, usize::from(word & 0xfff));
            if op == Op::Other as u16 && operand > 0 {
                read[operand..operand + PERMUTATION].fill(true);
            } else if op == Op::Product as u16 || op == Op::Collect as u16 {
                read[operand] = true;
                read[usize::from(*words.next().expect("its second operand"))] = true;
            } else if ![Op::Store, Op::Times, Op::Table].map(|op| op as u16).contains(&op) {
                read[operand] = true;
            }
        }
        let mut runs = vec![];
        let mut from = self.slots.claims + self.slots.tables.len();
        for count in self.slots.rounds {
            let mut round = &read[from..from + count];
            while !round.is_empty() {
                let mut pair = [0; 2];
                for (wanted, length) in [true, false].into_iter().zip(&mut pair) {
                    *length = round.iter().take(255).take_while(|&&read| read == wanted).count();
                    round = &round[*length..];
                }
                runs.extend(pair.map(|length| length as u8));
            }
            from += count;
        }
        runs
    }
}

/// `c·2^32 mod p`.
fn montgomery(c: F) -> u32 {
    (c * F::TWO.exp_u64(32)).as_canonical_u32()
}

/// Which of [`Public::to_vec`] a table's constraints see, in their order.
fn public_places(table: Table) -> Vec<usize> {
    let public = Public::from_values(&std::array::from_fn(F::from_usize));
    table.public(&public).into_iter().map(|place| place.as_canonical_u32() as usize).collect()
}

/// How often each node is an operand, or one of the results.
fn uses(graph: &Graph, results: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut uses = vec![0; graph.nodes.len()];
    let mut open: Vec<usize> = results.collect();
    while let Some(node) = open.pop() {
        uses[node] += 1;
        // The operands of a node are computed once.
        if uses[node] == 1 {
            match graph.nodes[node] {
                Node::Slot(_) | Node::Constant(_) => {}
                Node::Neg(x) => open.push(x),
                Node::Add(x, y) | Node::Sub(x, y) | Node::Mul(x, y) => open.extend([x, y]),
            }
        }
    }
    uses
}

/// Which nodes are in the field itself. Operands come before what is made of them.
fn scalars(graph: &Graph, slots: &Slots) -> Vec<bool> {
    let mut scalars: Vec<bool> = vec![];
    for node in &graph.nodes {
        scalars.push(match *node {
            Node::Slot(slot) => (slots.publics..slots.claims).contains(&slot),
            Node::Constant(_) => true,
            Node::Neg(x) => scalars[x],
            Node::Add(x, y) | Node::Sub(x, y) | Node::Mul(x, y) => scalars[x] && scalars[y],
        });
    }
    scalars
}

/// Gives temporaries their slots, each again after its last use, and encodes: the code and the number of slots.
fn allocated(code: &[Instruction], constants: usize, first: usize) -> (Vec<u16>, usize) {
    let places = |&(_, x, y): &Instruction| std::iter::once(x).chain(y);
    let mut last = HashMap::new();
    for (i, instruction) in code.iter().enumerate() {
        last.extend(places(instruction).map(|place| (place, i)));
    }
    let (mut free, mut slots, mut next) = (vec![], HashMap::new(), first);
    let mut encoded = vec![];
    for (i, instruction) in code.iter().enumerate() {
        let mut op = (instruction.0 as u16) << 12;
        for place in places(instruction) {
            let operand = match place {
                Place::Slot(slot) => slot,
                Place::Constant(c) => constants + c,
                Place::Number(n) => n,
                Place::Temporary(_) => *slots.entry(place).or_insert_with(|| {
                    free.pop().unwrap_or_else(|| {
                        next += 1;
                        next - 1
                    })
                }),
            };
            encoded.push(op | (operand & 0xfff) as u16);
            op = 0;
        }
        for place in places(instruction) {
            if matches!(place, Place::Temporary(_)) && last[&place] == i {
                free.extend(slots.remove(&place));
            }
        }
    }
    (encoded, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_has_the_program_of_these_tables() {
        let current = include_str!("../../../contracts/StarkProgram.sol");
        assert!(Program::new(&Shape::all()).solidity() == current, "StarkProgram.sol: run `make contracts`");
    }
}
