//! What all verifying keys have in common, and the part of the contract that follows from it.
//!
//! The constraint system (columns, gates, lookups, permutation) is the same for every program and batch size: a key differs in its number
//! of rows and in the commitments to its fixed columns. So one contract verifies all proofs; [`Shape::solidity`] writes what in it depends
//! on the constraint system.

use std::collections::HashMap;
use std::fmt::Write;

use halo2_axiom::halo2curves::bn256::Fr;
use halo2_axiom::halo2curves::ff::{Field, PrimeField};
use halo2_axiom::plonk::{Any, Column, ConstraintSystem, Expression};
use halo2_axiom::poly::Rotation;

use crate::evm::{POINT, WORD, keccak, word};

/// Public inputs of a proof: `pre_root, post_root, c, z, y, payee, domain` (docs/program.md §6).
pub const INPUTS: usize = 7;

/// A committed polynomial: where its commitment comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Committed {
    /// The n-th point of a proof.
    Proof(usize),
    /// The n-th point of a key: fixed columns, then the permutation's.
    Key(usize),
    /// The quotient, put together of its pieces.
    Quotient,
}

/// A value of a polynomial at the challenge point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// The n-th scalar of a proof.
    Proof(usize),
    /// The value of the instance column, which the verifier computes.
    Instance,
    /// The quotient's, which the constraints give.
    Quotient,
}

/// Commitments opened at the same points.
#[derive(Clone, Debug)]
pub struct OpeningSet {
    /// Rotations, as places in [`Shape::rotations`].
    pub points: Vec<usize>,
    /// Each with a value a point.
    pub members: Vec<(Committed, Vec<Value>)>,
}

/// The numbers and tables of a constraint system that a verifier goes by.
#[derive(Clone, Debug)]
pub struct Shape {
    cs: ConstraintSystem<Fr>,
    /// Columns: advice, fixed, in the permutation.
    pub columns: [usize; 3],
    /// Lookup arguments.
    pub lookups: usize,
    /// Products of the permutation argument.
    pub products: usize,
    /// Pieces of the quotient.
    pub pieces: usize,
    /// Rows at the end that hold random values.
    pub blinding: usize,
    /// Scalars of a proof.
    pub scalars: usize,
    /// Rotations of the challenge point that anything is opened at.
    pub rotations: Vec<i32>,
    /// In the order of the powers of the opening's challenges.
    pub openings: Vec<OpeningSet>,
}

/// A constraint system that the contract has no form for; the message says why.
#[derive(Debug, thiserror::Error)]
#[error("shape: {0}")]
pub struct ShapeError(String);

impl Shape {
    /// The shape of a constraint system.
    ///
    /// # Errors
    /// Selectors, challenges, several instance columns, or an instance column read at another row than the current one.
    pub fn of(cs: &ConstraintSystem<Fr>) -> Result<Self, ShapeError> {
        let must = |ok: bool, what: &str| if ok { Ok(()) } else { Err(ShapeError(what.into())) };
        must(cs.num_selectors() == 0, "expected no selectors: their columns would depend on the program")?;
        must(cs.num_challenges() == 0, "expected one phase")?;
        must(cs.num_instance_columns() == 1, "expected one instance column")?;
        must(cs.instance_queries().iter().all(|(_, at)| at.0 == 0), "expected the instance column at the current row")?;
        must(cs.minimum_degree() == Some(cs.degree()), "expected a minimum degree that is the degree")?;
        let gates = || cs.gates().iter().flat_map(|gate| gate.polynomials());
        must(gates().all(|poly| poly.degree() <= cs.degree()), "expected no gate above the degree")?;
        let permutation = cs.permutation().get_columns().len();
        let chunk = cs.degree() - 2;
        let mut shape = Self {
            cs: cs.clone(),
            columns: [cs.num_advice_columns(), cs.num_fixed_columns(), permutation],
            lookups: cs.lookups().len(),
            products: permutation.div_ceil(chunk),
            pieces: cs.degree() - 1,
            blinding: cs.blinding_factors(),
            scalars: 0,
            rotations: Vec::new(),
            openings: Vec::new(),
        };
        shape.open();
        Ok(shape)
    }

    /// keccak256 of the constraint system written out.
    pub fn digest(&self) -> [u8; WORD] {
        keccak(format!("{:?}", self.cs.pinned()).as_bytes())
    }

    /// Points of a key.
    pub fn key_points(&self) -> usize {
        self.columns[1] + self.columns[2]
    }

    /// Points of a proof before its scalars; two follow them.
    pub fn points(&self) -> usize {
        self.columns[0] + 3 * self.lookups + self.products + 1 + self.pieces
    }

    /// Bytes of a proof.
    pub fn proof_bytes(&self) -> usize {
        POINT * (self.points() + 2) + WORD * self.scalars
    }

    /// Scalar multiplications of a verification.
    pub fn multiplications(&self) -> usize {
        // The first opened commitment has the factor 1; the quotient's pieces take one less, and the quotient itself one; then G1, W, W'.
        self.points() + self.key_points() - 1 + 3
    }

    fn first_product(&self) -> usize {
        self.columns[0] + 2 * self.lookups
    }

    fn scalar_of_products(&self) -> usize {
        self.cs.advice_queries().len() + self.cs.fixed_queries().len() + 1 + self.columns[2]
    }

    fn scalar_of_lookup(&self, n: usize) -> usize {
        self.scalar_of_products() + 3 * self.products - 1 + 5 * n
    }

    /// All openings, in the order in which verifier and prover take them, sorted into sets.
    fn open(&mut self) {
        let (cs, [advice, _, permutation]) = (&self.cs, self.columns);
        let last = -(self.blinding as i32 + 1);
        let mut all: Vec<(Committed, i32, Value)> = Vec::new();
        let fixed_scalars = cs.advice_queries().len();
        let random_scalar = fixed_scalars + cs.fixed_queries().len();
        for (i, (column, at)) in cs.advice_queries().iter().enumerate() {
            all.push((Committed::Proof(column.index()), at.0, Value::Proof(i)));
        }
        let product = |i: usize| Committed::Proof(self.first_product() + i);
        let product_scalar = |i: usize, n: usize| Value::Proof(self.scalar_of_products() + 3 * i + n);
        for i in 0..self.products {
            all.push((product(i), 0, product_scalar(i, 0)));
            all.push((product(i), 1, product_scalar(i, 1)));
        }
        for i in (0..self.products.saturating_sub(1)).rev() {
            all.push((product(i), last, product_scalar(i, 2)));
        }
        for i in 0..self.lookups {
            let (input, table) = (Committed::Proof(advice + 2 * i), Committed::Proof(advice + 2 * i + 1));
            let product = Committed::Proof(self.first_product() + self.products + i);
            let value = |n: usize| Value::Proof(self.scalar_of_lookup(i) + n);
            let own = [(product, 0, 0), (input, 0, 2), (table, 0, 4), (input, -1, 3), (product, 1, 1)];
            all.extend(own.map(|(committed, at, n)| (committed, at, value(n))));
        }
        for (i, (column, at)) in cs.fixed_queries().iter().enumerate() {
            all.push((Committed::Key(column.index()), at.0, Value::Proof(fixed_scalars + i)));
        }
        for i in 0..permutation {
            all.push((Committed::Key(self.columns[1] + i), 0, Value::Proof(random_scalar + 1 + i)));
        }
        all.push((Committed::Quotient, 0, Value::Quotient));
        all.push((Committed::Proof(self.first_product() + self.products + self.lookups), 0, Value::Proof(random_scalar)));

        self.scalars = self.scalar_of_lookup(self.lookups);
        let mut rotations: Vec<i32> = all.iter().map(|&(_, at, _)| at).collect();
        rotations.sort_unstable();
        rotations.dedup();
        let mut commitments: Vec<(Committed, Vec<(usize, Value)>)> = Vec::new();
        for (committed, at, value) in all {
            let point = rotations.binary_search(&at).expect("a rotation of the list");
            match commitments.iter_mut().find(|(other, _)| *other == committed) {
                Some((_, values)) => values.push((point, value)),
                None => commitments.push((committed, vec![(point, value)])),
            }
        }
        let mut sets: Vec<OpeningSet> = Vec::new();
        for (committed, mut values) in commitments {
            values.sort_unstable_by_key(|&(point, _)| point);
            let (points, values): (Vec<usize>, Vec<Value>) = values.into_iter().unzip();
            match sets.iter_mut().find(|set| set.points == points) {
                Some(set) => set.members.push((committed, values)),
                None => sets.push(OpeningSet { points, members: vec![(committed, values)] }),
            }
        }
        (self.rotations, self.openings) = (rotations, sets);
    }

    /// The source of `contracts/Halo2Shape.sol`.
    pub fn solidity(&self) -> String {
        Contract::new(self).source()
    }
}

/// Where things lie in the contract's memory.
struct Contract<'a> {
    shape: &'a Shape,
    places: Vec<(&'static str, usize, &'static str)>,
    at: HashMap<&'static str, usize>,
    inner: Vec<Column<Any>>,
}

/// The first place of memory that the contract takes: what the compiler needs lies before.
const MEMORY: usize = 0x800;

impl<'a> Contract<'a> {
    fn new(shape: &'a Shape) -> Self {
        let [_, fixed, permutation] = shape.columns;
        let mut contract = Self { shape, places: Vec::new(), at: HashMap::new(), inner: shape.cs.permutation().get_columns() };
        let set_points: usize = shape.openings.iter().map(|set| set.points.len()).sum();
        let inverses = shape.blinding + 1 + INPUTS + 2 + set_points;
        let mut next = MEMORY;
        let mut place = |name, bytes: usize, what| {
            contract.places.push((name, next, what));
            contract.at.insert(name, next);
            next += bytes;
        };
        for (name, what) in [
            ("THETA_AT", "challenge of the lookups' columns"),
            ("BETA_AT", "challenges of permutation and lookups"),
            ("GAMMA_AT", ""),
            ("Y_AT", "challenge of the constraints"),
            ("X_AT", "the point"),
            ("NU_AT", "challenge of the commitments of a set"),
            ("MU_AT", "challenge of the sets"),
            ("U_AT", "the opening's point"),
            ("XN_AT", "x^n"),
            ("L_LAST_AT", "Lagrange polynomials at x: of the last row that is used,"),
            ("L_BLIND_AT", "of the random rows, together,"),
            ("L_FIRST_AT", "of the first row"),
            ("INSTANCE_AT", "value of the instance column"),
            ("QUOTIENT_VALUE_AT", ""),
        ] {
            place(name, WORD, what);
        }
        place("QUOTIENT_AT", POINT, "");
        place("COMPRESSED_AT", 2 * WORD * shape.lookups, "of each lookup input and table, by theta");
        place("INVERSES_AT", WORD * inverses, "x - w^i, x^n - 1, Z_0, then each set's Lagrange denominators");
        place("PREFIXES_AT", WORD * inverses, "");
        place("WEIGHTS_AT", WORD * set_points, "Lagrange polynomials at u, of each set's points");
        place("POINTS_AT", WORD * shape.rotations.len(), "x times w^rotation");
        place("DIFFERENCES_AT", WORD * shape.rotations.len(), "u less these");
        place("SUM_AT", POINT, "a sum of points, the term that is added next, its factor");
        place("TERM_AT", POINT + 5 * POINT, "");
        place("SHARED_AT", WORD * 256, "values that several constraints have in common");
        place("MODULUS_AT", WORD, "the key: R; it is read from there, as a number of 32 bytes would be repeated in the code");
        place("ROWS_INVERSE_AT", WORD, "1 / 2^k");
        place("K_AT", WORD, "");
        place("G2_TAU_AT", 2 * POINT, "");
        place("OMEGAS_AT", WORD * powers(shape), "w^i for i of FIRST_POWER and on");
        place("KEY_POINTS_AT", POINT * (fixed + permutation), "");
        place("TABLES_AT", tables_bytes(shape).next_multiple_of(WORD), "rotations, columns, sets");
        place("SEED_AT", WORD, "what the transcript starts with");
        place("DIGEST_AT", WORD, "");
        place("INPUTS_AT", WORD * INPUTS, "");
        place("PROOF_AT", shape.proof_bytes(), "");
        place("MEMORY_END", 0, "");
        contract
    }

    fn proof_point(&self, n: usize) -> usize {
        self.at["PROOF_AT"] + POINT * n
    }

    fn scalar(&self, n: usize) -> usize {
        self.at["PROOF_AT"] + POINT * self.shape.points() + WORD * n
    }

    fn value(&self, value: Value) -> usize {
        match value {
            Value::Proof(n) => self.scalar(n),
            Value::Instance => self.at["INSTANCE_AT"],
            Value::Quotient => self.at["QUOTIENT_VALUE_AT"],
        }
    }

    fn commitment(&self, committed: Committed) -> usize {
        match committed {
            Committed::Proof(n) => self.proof_point(n),
            Committed::Key(n) => self.at["KEY_POINTS_AT"] + POINT * n,
            Committed::Quotient => self.at["QUOTIENT_AT"],
        }
    }

    fn column_value(&self, kind: &Any, index: usize, at: i32) -> Value {
        let cs = &self.shape.cs;
        let found = |place: Option<usize>| place.expect("a query of the constraint system");
        match kind {
            Any::Instance => Value::Instance,
            Any::Advice(_) => Value::Proof(found(cs.advice_queries().iter().position(|(c, r)| (c.index(), r.0) == (index, at)))),
            Any::Fixed => {
                let place = cs.fixed_queries().iter().position(|(c, r)| (c.index(), r.0) == (index, at));
                Value::Proof(cs.advice_queries().len() + found(place))
            }
        }
    }

    /// Rotations: address of the power of w. Columns of the permutation: address of the value. Sets of openings: number of points; the
    /// points (places of rotations), then those that are not in the set; number of commitments; each commitment's address, those of its values.
    fn tables(&self) -> [Vec<u8>; 3] {
        let short = |address: usize| u16::try_from(address).expect("memory of less than 64 KiB").to_be_bytes();
        let power = |rotation: i32| self.at["OMEGAS_AT"] + WORD * (rotation + self.shape.blinding as i32 + 1) as usize;
        let rotations = self.shape.rotations.iter().flat_map(|&rotation| short(power(rotation))).collect();
        let columns = self
            .inner
            .iter()
            .flat_map(|column| short(self.value(self.column_value(column.column_type(), column.index(), 0))))
            .collect();
        let mut sets = Vec::new();
        for set in &self.shape.openings {
            let rest = (0..self.shape.rotations.len()).filter(|point| !set.points.contains(point));
            sets.push(set.points.len() as u8);
            sets.extend(set.points.iter().copied().chain(rest).map(|point| point as u8));
            sets.extend((set.members.len() as u16).to_be_bytes());
            for (committed, values) in &set.members {
                sets.extend(short(self.commitment(*committed)));
                sets.extend(values.iter().flat_map(|&value| short(self.value(value))));
            }
        }
        [rotations, columns, sets]
    }

    fn source(&self) -> String {
        let shape = self.shape;
        let [advice, fixed, permutation] = shape.columns;
        let tables = self.tables();
        let mut text = String::new();
        text.push_str(
            "// SPDX-License-Identifier: Apache-2.0\n\
             pragma solidity 0.8.37;\n\n\
             // Written by `provers/halo2/bin/l1 solidity` from the circuit's constraint system: do not edit.\n\n",
        );
        let mut number = |name: &str, value: String, what: &str| {
            let what = if what.is_empty() { String::new() } else { format!(" // {what}") };
            writeln!(text, "uint256 constant {name} = {value};{what}").expect("a string takes all");
        };
        number("SHAPE", hex(&shape.digest()), "keccak256 of the constraint system");
        for (name, value, what) in [
            ("NUM_INPUTS", INPUTS, ""),
            ("NUM_ADVICE", advice, "columns"),
            ("NUM_FIXED", fixed, ""),
            ("NUM_PERMUTED", permutation, "columns of the permutation"),
            ("NUM_LOOKUPS", shape.lookups, ""),
            ("NUM_PRODUCTS", shape.products, "of the permutation"),
            ("CHUNK", shape.pieces - 1, "columns of a product"),
            ("NUM_PIECES", shape.pieces, "of the quotient"),
            ("NUM_SCALARS", shape.scalars, "of a proof"),
            ("BLINDING", shape.blinding, "rows with random values"),
            ("NUM_ROTATIONS", shape.rotations.len(), ""),
            ("NUM_SETS", shape.openings.len(), "of openings"),
            ("NUM_SET_POINTS", shape.openings.iter().map(|set| set.points.len()).sum(), "of all sets"),
            ("FIRST_POWERS", shape.blinding + 1, "of w with a negative exponent"),
            ("NUM_POWERS", powers(shape), "of w"),
            ("PROOF_POINTS", shape.points(), "before the scalars"),
            ("PROOF_BYTES", shape.proof_bytes(), ""),
            ("KEY_BYTES", 8 * WORD + POINT * shape.key_points(), "of the artefact `l1_verifier`"),
            ("KEY_SIZE", self.at["INPUTS_AT"] - self.at["MODULUS_AT"], "in memory"),
        ] {
            number(name, value.to_string(), what);
        }
        number("DELTA", hex(&word(&Fr::DELTA)), "columns of the permutation are told apart by its powers");
        number("ROOT", hex(&word(&Fr::ROOT_OF_UNITY)), "of order 2^28");
        text.push_str("\n// Memory\n");
        let mut number = |name: &str, value: usize, what: &str| {
            let what = if what.is_empty() { String::new() } else { format!(" // {what}") };
            writeln!(text, "uint256 constant {name} = {value};{what}").expect("a string takes all");
        };
        for &(name, at, what) in &self.places {
            number(name, at, what);
        }
        for (name, point) in
            [("PERMUTED_AT", advice), ("PRODUCTS_AT", shape.first_product()), ("PIECES_AT", shape.points() - shape.pieces)]
        {
            number(name, self.proof_point(point), "");
        }
        for (name, scalar) in [
            ("SCALARS_AT", 0),
            ("SIGMAS_AT", shape.scalar_of_products() - permutation),
            ("PRODUCT_VALUES_AT", shape.scalar_of_products()),
            ("LOOKUP_VALUES_AT", shape.scalar_of_lookup(0)),
            ("W_AT", shape.scalars),
        ] {
            number(name, self.scalar(scalar), "");
        }
        number("COLUMNS_AT", self.at["TABLES_AT"] + tables[0].len(), "");
        number("SETS_AT", self.at["TABLES_AT"] + tables[0].len() + tables[1].len(), "");
        let mut table = tables.concat();
        table.resize(table.len().next_multiple_of(WORD), 0);
        writeln!(text, "\n{TABLES}\nbytes constant TABLES =").expect("a string takes all");
        let lines: Vec<String> = table.chunks(48).map(|line| format!("    hex\"{}\"", &hex(line)[2..])).collect();
        writeln!(text, "{};", lines.join("\n")).expect("a string takes all");
        text.push_str(&self.constraints());
        text
    }

    fn constraints(&self) -> String {
        let mut code = Code::new(self);
        let mut body = String::new();
        let gates: Vec<Vec<usize>> =
            self.shape.cs.gates().iter().map(|gate| gate.polynomials().iter().map(|poly| code.intern(poly)).collect()).collect();
        let lookups: Vec<[Vec<usize>; 2]> = self
            .shape
            .cs
            .lookups()
            .iter()
            .map(|lookup| {
                [lookup.input_expressions(), lookup.table_expressions()]
                    .map(|expressions| expressions.iter().map(|expression| code.intern(expression)).collect())
            })
            .collect();
        code.count(gates.iter().flatten().chain(lookups.iter().flatten().flatten()));
        for (gate, polys) in self.shape.cs.gates().iter().zip(&gates) {
            writeln!(body, "            // {}", gate.name()).expect("a string takes all");
            for &poly in polys {
                let value = code.reduced(poly);
                code.flush(&mut body);
                writeln!(body, "            sum := addmod(mulmod(sum, y, r), {value}, r)").expect("a string takes all");
            }
        }
        for (i, lookup) in lookups.iter().enumerate() {
            writeln!(body, "            // lookup: {}", self.shape.cs.lookups()[i].name()).expect("a string takes all");
            for (j, expressions) in lookup.iter().enumerate() {
                let mut text = String::new();
                for &expression in expressions {
                    let value = code.reduced(expression);
                    text = if text.is_empty() {
                        value
                    } else {
                        format!("addmod(mulmod({text}, mload({}), r), {value}, r)", self.at["THETA_AT"])
                    };
                }
                code.flush(&mut body);
                writeln!(body, "            mstore({}, {text})", self.at["COMPRESSED_AT"] + WORD * (2 * i + j))
                    .expect("a string takes all");
            }
        }
        assert!(code.slots <= 256, "values in common: expected 256 or fewer, found {}", code.slots);
        format!(
            "\n/// @dev The gates' constraints, each times a power of y; and the lookups' columns put together.\n\
             abstract contract Halo2Constraints {{\n    \
             function _gates() internal pure returns (uint256 sum) {{\n        \
             assembly (\"memory-safe\") {{\n            \
             let r := mload({})\n            let y := mload({})\n            \
             // 0, which the compiler does not know: else it would see what is kept where, and compute it again at each use.\n            \
             let o := mload(0x60)\n{body}        }}\n    }}\n}}\n",
            self.at["MODULUS_AT"], self.at["Y_AT"]
        )
    }
}

const TABLES: &str =
    "// Rotations: address of the power of w. Columns of the permutation: address of the value. Sets of openings: number of
// points; the points (places of rotations), then those that are not in the set; number of commitments (two bytes); each
// commitment's address, and those of its values.";

fn tables_bytes(shape: &Shape) -> usize {
    let members = |set: &OpeningSet| 2 * set.members.len() * (1 + set.points.len());
    let sets: usize = shape.openings.iter().map(|set| 3 + shape.rotations.len() + members(set)).sum();
    2 * shape.rotations.len() + 2 * shape.columns[2] + sets
}

/// Powers of w that are needed: from that of the last row that is used to those of the public inputs, or the largest rotation.
fn powers(shape: &Shape) -> usize {
    let last = shape.rotations.iter().copied().max().unwrap_or(0).max(INPUTS as i32 - 1);
    shape.blinding + 1 + 1 + last as usize
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("0x".to_string(), |text, byte| text + &format!("{byte:02x}"))
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Node {
    Constant([u8; WORD]),
    /// A value in memory.
    Load(usize),
    Negated(usize),
    Sum(usize, usize),
    Product(usize, usize),
}

/// A Yul expression: its value is at most `bound` times the modulus; evaluating it takes `depth` places of the stack.
#[derive(Clone, Debug)]
struct Text {
    code: String,
    bound: usize,
    depth: usize,
}

/// Five times the modulus still fits 256 bits.
const MAX_BOUND: usize = 5;
/// The stack has 16 places within reach.
const MAX_DEPTH: usize = 8;

/// Expressions as a graph in which equal ones are one node; those of several uses are computed once and kept in memory.
struct Code<'a> {
    contract: &'a Contract<'a>,
    nodes: Vec<Node>,
    known: HashMap<Node, usize>,
    uses: Vec<usize>,
    kept: HashMap<usize, Text>,
    pending: Vec<String>,
    slots: usize,
}

impl<'a> Code<'a> {
    fn new(contract: &'a Contract<'a>) -> Self {
        let (nodes, known, kept) = (Vec::new(), HashMap::new(), HashMap::new());
        Self { contract, nodes, known, uses: Vec::new(), kept, pending: Vec::new(), slots: 0 }
    }

    fn node(&mut self, node: Node) -> usize {
        if let Some(&id) = self.known.get(&node) {
            return id;
        }
        self.nodes.push(node.clone());
        self.known.insert(node, self.nodes.len() - 1);
        self.nodes.len() - 1
    }

    fn constant(&mut self, value: Fr) -> usize {
        self.node(Node::Constant(word(&value)))
    }

    fn is(&self, id: usize, value: Fr) -> bool {
        self.nodes[id] == Node::Constant(word(&value))
    }

    fn sum(&mut self, a: usize, b: usize) -> usize {
        if self.is(a, Fr::ZERO) {
            b
        } else if self.is(b, Fr::ZERO) {
            a
        } else {
            self.node(Node::Sum(a.min(b), a.max(b)))
        }
    }

    fn product(&mut self, a: usize, b: usize) -> usize {
        if self.is(a, Fr::ONE) {
            b
        } else if self.is(b, Fr::ONE) {
            a
        } else if self.is(a, -Fr::ONE) {
            self.node(Node::Negated(b))
        } else if self.is(b, -Fr::ONE) {
            self.node(Node::Negated(a))
        } else {
            self.node(Node::Product(a.min(b), a.max(b)))
        }
    }

    fn load(&mut self, kind: Any, index: usize, at: Rotation) -> usize {
        let address = self.contract.value(self.contract.column_value(&kind, index, at.0));
        self.node(Node::Load(address))
    }

    fn intern(&mut self, expression: &Expression<Fr>) -> usize {
        match expression {
            Expression::Constant(value) => self.constant(*value),
            Expression::Selector(_) | Expression::Challenge(_) => unreachable!("Shape::of refuses them"),
            Expression::Fixed(query) => self.load(Any::Fixed, query.column_index(), query.rotation()),
            Expression::Advice(query) => self.load(Any::advice(), query.column_index(), query.rotation()),
            Expression::Instance(query) => self.load(Any::Instance, query.column_index(), query.rotation()),
            Expression::Negated(a) => {
                let a = self.intern(a);
                self.node(Node::Negated(a))
            }
            Expression::Sum(a, b) => {
                let (a, b) = (self.intern(a), self.intern(b));
                self.sum(a, b)
            }
            Expression::Product(a, b) => {
                let (a, b) = (self.intern(a), self.intern(b));
                self.product(a, b)
            }
            Expression::Scaled(a, factor) => {
                let (a, factor) = (self.intern(a), self.constant(*factor));
                self.product(a, factor)
            }
        }
    }

    /// Counts the uses of every node, from the roots on.
    fn count<'b>(&mut self, roots: impl Iterator<Item = &'b usize>) {
        self.uses = vec![0; self.nodes.len()];
        let mut rest: Vec<usize> = roots.copied().collect();
        while let Some(id) = rest.pop() {
            self.uses[id] += 1;
            if self.uses[id] == 1 {
                match self.nodes[id] {
                    Node::Constant(_) | Node::Load(_) => {}
                    Node::Negated(a) => rest.push(a),
                    Node::Sum(a, b) | Node::Product(a, b) => rest.extend([a, b]),
                }
            }
        }
    }

    /// The code of a value below the modulus, or of one that `addmod` and `mulmod` take.
    fn reduced(&mut self, id: usize) -> String {
        self.text(id).code
    }

    /// Writes what must be computed before.
    fn flush(&mut self, body: &mut String) {
        for line in self.pending.drain(..) {
            writeln!(body, "            {line}").expect("a string takes all");
        }
    }

    fn keep(&mut self, text: &Text) -> Text {
        let at = self.contract.at["SHARED_AT"] + WORD * self.slots;
        self.slots += 1;
        self.pending.push(format!("mstore(add(o, {at}), {})", text.code));
        Text { code: format!("mload({at})"), bound: text.bound, depth: 1 }
    }

    fn text(&mut self, id: usize) -> Text {
        if let Some(text) = self.kept.get(&id) {
            return text.clone();
        }
        let text = match self.nodes[id].clone() {
            Node::Constant(value) => {
                let short = value.iter().position(|&byte| byte != 0).unwrap_or(WORD - 1);
                Text { code: hex(&value[short..]), bound: 1, depth: 1 }
            }
            Node::Load(at) => Text { code: format!("mload({at})"), bound: 1, depth: 1 },
            Node::Negated(a) => {
                let a = self.text(a);
                if a.bound == 1 {
                    Text { code: format!("sub(r, {})", a.code), bound: 1, depth: a.depth + 1 }
                } else {
                    Text { code: format!("sub(r, mod({}, r))", a.code), bound: 1, depth: a.depth + 2 }
                }
            }
            Node::Sum(a, b) => {
                let (a, b) = self.pair(a, b);
                let bound = a.bound + b.bound;
                if bound <= MAX_BOUND {
                    Text { code: format!("add({}, {})", a.code, b.code), bound, depth: b.depth.max(a.depth + 1) }
                } else {
                    Text { code: format!("addmod({}, {}, r)", a.code, b.code), bound: 1, depth: (b.depth + 1).max(a.depth + 2) }
                }
            }
            Node::Product(a, b) => {
                let (a, b) = self.pair(a, b);
                Text { code: format!("mulmod({}, {}, r)", a.code, b.code), bound: 1, depth: (b.depth + 1).max(a.depth + 2) }
            }
        };
        let leaf = matches!(self.nodes[id], Node::Constant(_) | Node::Load(_));
        if leaf {
            return text;
        }
        let cheap = matches!(self.nodes[id], Node::Negated(a) if matches!(self.nodes[a], Node::Load(_)));
        // The compiler makes `sub(r, 2)` an addition of a number of 32 bytes.
        let long = matches!(self.nodes[id], Node::Negated(a) if matches!(self.nodes[a], Node::Constant(_)));
        if long || self.uses[id] > 1 && !cheap || text.depth > MAX_DEPTH {
            let kept = self.keep(&text);
            self.kept.insert(id, kept.clone());
            return kept;
        }
        text
    }

    /// Both operands; the second, which is evaluated first, takes the deeper stack.
    fn pair(&mut self, a: usize, b: usize) -> (Text, Text) {
        let (a, b) = (self.text(a), self.text(b));
        if a.depth > b.depth { (b, a) } else { (a, b) }
    }
}
