//! Writes every gadget's constraints as data, for the proof that outputs are determined by inputs (docs/soundness.md). Not shipped.
//!
//! One JSON document a line. The first is the header `{"format": 1, "prover", "modulus", "gates"}`, each other one a circuit of one gadget, as the prover's own
//! builder makes it:
//!
//! ```text
//! {"name", "wires": W, "inputs": […], "outputs": […], "ranges": {"WIRE": ["LO", "HI"]}, "challenges": [],
//!  "rows": [[GATE, [wires], ["constants"]], …], "witness": ["…", one a wire]}
//! ```
//!
//! Wires that copy constraints connect are one wire. ranges are what is relied on for inputs, as integers. A gate is `{"wires": n, "constants": m, "nodes": […], "zero": [nodes], "function": [[wires], [wires]] | null}`: a straight line of
//! nodes `["w", i]` (wire), `["k", i]` (constant of the row), `["c", "v"]`, `["+", a, b]`, `["-", a, b]`, `["*", a, b]`, of which those in `zero` must vanish; `function` says which wires determine which
//! by itself. An assertion has no outputs. The witness is an honest one.
//!
//! Our own cells are traced through the very lines that the prover evaluates. The library's gates are stated here, and compared with the library's at random
//! points before anything is written.

use std::collections::{BTreeMap, HashMap};

use multiprover_plonky2::builder::{Builder, Sponge, Word};
use multiprover_plonky2::config::circuit_config;
use multiprover_plonky2::field::{C, D, F, Field, MODULUS, PrimeField64};
use multiprover_plonky2::gates::{Algebra, Cell, DigestBits, Range32, Row, Select4, Step, Words2};
use multiprover_plonky2::integers::Int;
use multiprover_plonky2::program::{Action, range_of, words_for};
use multiprover_plonky2::reference::Wallet;
use plonky2::gates::arithmetic_base::ArithmeticGate;
use plonky2::gates::arithmetic_extension::ArithmeticExtensionGate;
use plonky2::gates::base_sum::BaseSumGate;
use plonky2::gates::gate::GateRef;
use plonky2::gates::multiplication_extension::MulExtensionGate;
use plonky2::gates::poseidon::PoseidonGate;
use plonky2::gates::reducing::ReducingGate;
use plonky2::hash::hash_types::HashOut;
use plonky2::hash::poseidon::{ALL_ROUND_CONSTANTS, HALF_N_FULL_ROUNDS, N_PARTIAL_ROUNDS, Poseidon, SPONGE_WIDTH};
use plonky2::iop::ext_target::ExtensionTarget;
use plonky2::iop::generator::generate_partial_witness;
use plonky2::iop::target::{BoolTarget, Target};
use plonky2::iop::witness::{PartialWitness, WitnessWrite};
use plonky2::plonk::vars::EvaluationVarsBaseBatch;
use plonky2::util::reducing::ReducingFactorTarget;
use serde_json::{Value, json};

/// A node of a straight line.
#[derive(Clone, Copy)]
enum Node {
    Wire(usize),
    Constant(usize),
    Number(F),
    Add(usize, usize),
    Sub(usize, usize),
    Mul(usize, usize),
}

/// Constraints as they are written.
#[derive(Default)]
struct Trace(Vec<Node>);

impl Trace {
    fn push(&mut self, node: Node) -> usize {
        self.0.push(node);
        self.0.len() - 1
    }

    fn wires(&mut self, count: usize) -> Vec<usize> {
        (0..count).map(|i| self.push(Node::Wire(i))).collect()
    }

    fn power7(&mut self, x: usize) -> usize {
        let x2 = self.mul(x, x);
        let x4 = self.mul(x2, x2);
        let x6 = self.mul(x4, x2);
        self.mul(x6, x)
    }

    /// The product in GF(p²), `X² = 7`.
    fn product(&mut self, x: [usize; D], y: [usize; D]) -> [usize; D] {
        let [a, b, c, d] = [(0, 0), (1, 1), (0, 1), (1, 0)].map(|(i, j)| self.mul(x[i], y[j]));
        let seven = self.constant(F::from_canonical_u64(7));
        let folded = self.mul(seven, b);
        [self.add(a, folded), self.add(c, d)]
    }
}

impl Algebra for Trace {
    type V = usize;
    fn constant(&mut self, c: F) -> usize {
        self.push(Node::Number(c))
    }
    fn add(&mut self, a: usize, b: usize) -> usize {
        self.push(Node::Add(a, b))
    }
    fn sub(&mut self, a: usize, b: usize) -> usize {
        self.push(Node::Sub(a, b))
    }
    fn mul(&mut self, a: usize, b: usize) -> usize {
        self.push(Node::Mul(a, b))
    }
}

/// The constraints of one repetition of a gate.
struct Stated {
    wires: usize,
    constants: usize,
    trace: Trace,
    zero: Vec<usize>,
    /// Wires that are said to determine other wires.
    function: Option<[Vec<usize>; 2]>,
}

impl Stated {
    fn values(&self, wires: &[F], constants: &[F]) -> Vec<F> {
        let mut values: Vec<F> = vec![];
        for node in &self.trace.0 {
            values.push(match *node {
                Node::Wire(i) => wires[i],
                Node::Constant(i) => constants[i],
                Node::Number(c) => c,
                Node::Add(a, b) => values[a] + values[b],
                Node::Sub(a, b) => values[a] - values[b],
                Node::Mul(a, b) => values[a] * values[b],
            });
        }
        self.zero.iter().map(|&z| values[z]).collect()
    }

    fn json(&self) -> Value {
        let nodes: Vec<Value> = (self.trace.0.iter())
            .map(|node| match *node {
                Node::Wire(i) => json!(["w", i]),
                Node::Constant(i) => json!(["k", i]),
                Node::Number(c) => json!(["c", c.to_canonical_u64().to_string()]),
                Node::Add(a, b) => json!(["+", a, b]),
                Node::Sub(a, b) => json!(["-", a, b]),
                Node::Mul(a, b) => json!(["*", a, b]),
            })
            .collect();
        json!({"wires": self.wires, "constants": self.constants, "nodes": nodes, "zero": self.zero, "function": self.function})
    }
}

fn cell<T: Cell>() -> Stated {
    let mut trace = Trace::default();
    let wires = T::INPUTS + T::OUTPUTS + T::ADVICE;
    let all = trace.wires(wires);
    let (routed, advice) = all.split_at(T::INPUTS + T::OUTPUTS);
    let mut zero = vec![];
    T::constrain(&mut trace, routed, advice, &mut |v| zero.push(v));
    let function = Some([(0..T::INPUTS).collect(), (T::INPUTS..T::INPUTS + T::OUTPUTS).collect()]);
    Stated { wires, constants: 0, trace, zero, function }
}

fn arithmetic() -> Stated {
    let mut t = Trace::default();
    let w = t.wires(4);
    let k = [0, 1].map(|i| t.push(Node::Constant(i)));
    let product = t.mul(w[0], w[1]);
    let product = t.mul(product, k[0]);
    let addend = t.mul(w[2], k[1]);
    let sum = t.add(product, addend);
    let zero = vec![t.sub(w[3], sum)];
    Stated { wires: 4, constants: 2, trace: t, zero, function: Some([vec![0, 1, 2], vec![3]]) }
}

/// Of multiplication too: `operands` are two, or three with what is added.
fn extension(operands: usize) -> Stated {
    let mut t = Trace::default();
    let wires = (operands + 1) * D;
    let w = t.wires(wires);
    let pair = |i: usize| [w[D * i], w[D * i + 1]];
    let k: Vec<usize> = (0..operands - 1).map(|i| t.push(Node::Constant(i))).collect();
    let product = t.product(pair(0), pair(1));
    let zero = (0..D)
        .map(|i| {
            let mut sum = t.mul(product[i], k[0]);
            if operands == 3 {
                let addend = t.mul(pair(2)[i], k[1]);
                sum = t.add(sum, addend);
            }
            t.sub(pair(operands)[i], sum)
        })
        .collect();
    let function = Some([(0..operands * D).collect(), (operands * D..wires).collect()]);
    Stated { wires, constants: operands - 1, trace: t, zero, function }
}

fn base_sum(limbs: usize) -> Stated {
    let mut t = Trace::default();
    let w = t.wires(1 + limbs);
    let (mut sum, one) = (t.constant(F::ZERO), t.constant(F::ONE));
    for (i, &limb) in w[1..].iter().enumerate() {
        sum = t.add_scaled(sum, F::TWO.exp_u64(i as u64), limb);
    }
    let mut zero = vec![t.sub(sum, w[0])];
    for &limb in &w[1..] {
        let less = t.sub(limb, one);
        zero.push(t.mul(limb, less));
    }
    Stated { wires: 1 + limbs, constants: 0, trace: t, zero, function: Some([vec![0], (1..=limbs).collect()]) }
}

fn constant() -> Stated {
    let mut t = Trace::default();
    let (w, k) = (t.wires(1)[0], t.push(Node::Constant(0)));
    let zero = vec![t.sub(k, w)];
    Stated { wires: 1, constants: 1, trace: t, zero, function: Some([vec![], vec![0]]) }
}

/// Wires: output, `alpha`, the accumulator before, coefficients, accumulators between.
fn reducing(count: usize) -> Stated {
    let mut t = Trace::default();
    let between = 3 * D + count;
    let wires = between + D * (count - 1);
    let w = t.wires(wires);
    let pair = |at: usize| [w[at], w[at + 1]];
    let (mut accumulator, mut zero) = (pair(2 * D), vec![]);
    for i in 0..count {
        let next = if i + 1 == count { pair(0) } else { pair(between + D * i) };
        let product = t.product(accumulator, pair(D));
        let sum = t.add(product[0], w[3 * D + i]);
        zero.extend([t.sub(sum, next[0]), t.sub(product[1], next[1])]);
        accumulator = next;
    }
    let function = Some([(D..between).collect(), (0..D).chain(between..wires).collect()]);
    Stated { wires, constants: 0, trace: t, zero, function }
}

/// Wires: 12 inputs, 12 outputs, swap, 4 differences, then what enters the S-boxes (but for the first full round's).
fn poseidon() -> Stated {
    const WIDTH: usize = SPONGE_WIDTH;
    const SWAP: usize = 2 * WIDTH;
    let mut t = Trace::default();
    let wires = SWAP + 5 + WIDTH * (2 * HALF_N_FULL_ROUNDS - 1) + N_PARTIAL_ROUNDS;
    let w = t.wires(wires);
    let one = t.constant(F::ONE);
    let less = t.sub(w[SWAP], one);
    let mut zero = vec![t.mul(w[SWAP], less)];
    let mut state: Vec<usize> = w[..WIDTH].to_vec();
    for i in 0..4 {
        let difference = t.sub(w[4 + i], w[i]);
        let delta = t.mul(w[SWAP], difference);
        zero.push(t.sub(delta, w[SWAP + 1 + i]));
        state[i] = t.add(w[i], w[SWAP + 1 + i]);
        state[4 + i] = t.sub(w[4 + i], w[SWAP + 1 + i]);
    }
    let mut next = SWAP + 5;
    for round in 0..2 * HALF_N_FULL_ROUNDS + N_PARTIAL_ROUNDS {
        let partial = (HALF_N_FULL_ROUNDS..HALF_N_FULL_ROUNDS + N_PARTIAL_ROUNDS).contains(&round);
        for (i, s) in state.iter_mut().enumerate() {
            let c = t.constant(F::from_canonical_u64(ALL_ROUND_CONSTANTS[WIDTH * round + i]));
            *s = t.add(*s, c);
        }
        let boxes = if partial { 1 } else { WIDTH };
        for s in &mut state[..boxes] {
            if round > 0 {
                zero.push(t.sub(*s, w[next]));
                *s = w[next];
                next += 1;
            }
            *s = t.power7(*s);
        }
        let before = state;
        state = (0..WIDTH)
            .map(|row| {
                let diagonal = t.constant(F::from_canonical_u64(F::MDS_MATRIX_DIAG[row]));
                let mut sum = t.mul(diagonal, before[row]);
                for i in 0..WIDTH {
                    sum = t.add_scaled(sum, F::from_canonical_u64(F::MDS_MATRIX_CIRC[i]), before[(i + row) % WIDTH]);
                }
                sum
            })
            .collect();
    }
    assert_eq!(next, wires);
    zero.extend((0..WIDTH).map(|i| t.sub(state[i], w[WIDTH + i])));
    let function = Some([(0..WIDTH).chain([SWAP]).collect(), (WIDTH..wires).filter(|&i| i != SWAP).collect()]);
    Stated { wires, constants: 0, trace: t, zero, function }
}

/// How a row is made of repetitions of one stated gate: its name, and for each the row's wires and constants.
type Repetitions = Vec<(Vec<usize>, Vec<usize>)>;

fn repeated(ops: usize, wires: usize, constants: usize) -> Repetitions {
    (0..ops).map(|op| ((op * wires..(op + 1) * wires).collect(), (0..constants).collect())).collect()
}

fn cells<T: Cell>() -> Repetitions {
    (0..T::OPS)
        .map(|op| {
            let advice = Row::<T>::routed(T::OPS, 0) + op * T::ADVICE;
            (Row::<T>::routed(op, 0)..Row::<T>::routed(op + 1, 0)).chain(advice..advice + T::ADVICE)
        })
        .map(|wires| (wires.collect(), vec![]))
        .collect()
}

/// A gate of a circuit: the name that its statement has, the statement, its repetitions. None: nothing is constrained.
fn stated(gate: &GateRef<F, D>) -> Option<(String, Stated, Repetitions)> {
    let any = gate.0.as_any();
    let named = |name: &str, stated: Stated, repetitions: Repetitions| Some((name.to_string(), stated, repetitions));
    let id = gate.0.id();
    match id.as_str() {
        "Range32" => return named("Range32", cell::<Range32>(), cells::<Range32>()),
        "Words2" => return named("Words2", cell::<Words2>(), cells::<Words2>()),
        "Step" => return named("Step", cell::<Step>(), cells::<Step>()),
        "DigestBits" => return named("DigestBits", cell::<DigestBits>(), cells::<DigestBits>()),
        "Select4" => return named("Select4", cell::<Select4>(), cells::<Select4>()),
        "NoopGate" => return None,
        _ => {}
    }
    if let Some(g) = any.downcast_ref::<ArithmeticGate>() {
        named("arithmetic", arithmetic(), repeated(g.num_ops, 4, 2))
    } else if let Some(g) = any.downcast_ref::<ArithmeticExtensionGate<D>>() {
        named("arithmetic in the extension", extension(3), repeated(g.num_ops, 4 * D, 2))
    } else if let Some(g) = any.downcast_ref::<MulExtensionGate<D>>() {
        named("product in the extension", extension(2), repeated(g.num_ops, 3 * D, 1))
    } else if let Some(g) = any.downcast_ref::<BaseSumGate<2>>() {
        named(&format!("bits {}", g.num_limbs), base_sum(g.num_limbs), repeated(1, 1 + g.num_limbs, 0))
    } else if let Some(g) = any.downcast_ref::<ReducingGate<D>>() {
        let stated = reducing(g.num_coeffs);
        let repetitions = repeated(1, stated.wires, 0);
        named(&format!("reduction {}", g.num_coeffs), stated, repetitions)
    } else if any.is::<PoseidonGate<F, D>>() {
        let stated = poseidon();
        let repetitions = repeated(1, stated.wires, 0);
        named("Poseidon", stated, repetitions)
    } else if id.starts_with("ConstantGate") {
        let count = gate.0.num_constants();
        named("constant", constant(), (0..count).map(|i| (vec![i], vec![i])).collect())
    } else if id.starts_with("PublicInputGate") {
        // There are none.
        None
    } else {
        panic!("{id} is not stated here")
    }
}

/// A small deterministic generator of field elements: SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> F {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        F::from_noncanonical_u64(z ^ (z >> 31))
    }
}

/// Demands that the statement is the gate's polynomials, in their order, at random points: two that differ agree at one with probability 7/p at most.
fn compare(gate: &GateRef<F, D>, stated: &Stated, repetitions: &Repetitions) {
    let mut random = Random(1);
    for _ in 0..4 {
        let wires: Vec<F> = (0..gate.0.num_wires()).map(|_| random.next()).collect();
        let constants: Vec<F> = (0..gate.0.num_constants()).map(|_| random.next()).collect();
        let hash = HashOut::ZERO;
        let vars = EvaluationVarsBaseBatch::new(1, &constants, &wires, &hash);
        let theirs = gate.0.eval_unfiltered_base_batch(vars);
        let ours: Vec<F> = (repetitions.iter())
            .flat_map(|(w, k)| {
                let pick = |from: &[F], at: &[usize]| -> Vec<F> { at.iter().map(|&i| from[i]).collect() };
                stated.values(&pick(&wires, w), &pick(&constants, k))
            })
            .collect();
        assert_eq!(ours, theirs, "{}", gate.0.id());
    }
}

/// One circuit to write.
#[derive(Default)]
struct Gadget {
    inputs: Vec<Target>,
    outputs: Vec<Target>,
    /// What is relied on for inputs: a word's greatest value.
    most: Vec<(Target, i128)>,
    /// Of the advice, in order.
    example: Vec<F>,
}

struct Export {
    gates: BTreeMap<String, Value>,
    gadgets: Vec<Value>,
}

impl Export {
    fn add(&mut self, name: &str, make: impl FnOnce(&mut Builder) -> Gadget) {
        let mut b = Builder::new(circuit_config());
        let gadget = make(&mut b);
        b.finish_rows();
        self.circuit(name, b, gadget);
    }

    fn circuit(&mut self, name: &str, b: Builder, gadget: Gadget) {
        let Builder { plonk, advice, .. } = b;
        let data = plonk.build::<C>();
        let (columns, degree) = (data.common.config.num_wires, data.common.degree());
        let map = &data.prover_only.representative_map;
        let constants: Vec<Vec<F>> = data.prover_only.constants_sigmas_commitment.polynomials[..data.common.num_constants]
            .iter()
            .map(|p| p.clone().fft().values)
            .collect();
        let selectors = data.common.selectors_info.num_selectors();

        let mut ids: HashMap<usize, usize> = HashMap::new();
        let mut classes: Vec<usize> = vec![];
        let mut id = |index: usize| -> usize {
            *ids.entry(map[index]).or_insert_with(|| {
                classes.push(map[index]);
                classes.len() - 1
            })
        };
        let mut rows = vec![];
        let known: Vec<_> = data.common.gates.iter().map(stated).collect();
        for (gate, known) in data.common.gates.iter().zip(&known) {
            if let Some((name, stated, repetitions)) = known
                && !self.gates.contains_key(name)
            {
                compare(gate, stated, repetitions);
                self.gates.insert(name.clone(), stated.json());
            }
        }
        for row in 0..degree {
            // In its group's selector; the other groups' say that it is unused.
            let mut used = constants[..selectors].iter().map(|c| c[row].to_canonical_u64());
            let gate = used.find(|&s| s != u64::from(u32::MAX)).expect("a row has a gate") as usize;
            let Some((name, _, repetitions)) = &known[gate] else { continue };
            for (wires, at) in repetitions {
                let wires: Vec<usize> = wires.iter().map(|&column| id(row * columns + column)).collect();
                let given: Vec<String> =
                    at.iter().map(|&i| constants[selectors + i][row].to_canonical_u64().to_string()).collect();
                rows.push(json!([name, wires, given]));
            }
        }
        let mut place = |targets: &[Target]| -> Vec<usize> { targets.iter().map(|t| id(t.index(columns, degree))).collect() };
        let outputs = place(&gadget.outputs);
        let ranges: BTreeMap<String, [String; 2]> =
            gadget.most.iter().map(|&(t, most)| (place(&[t])[0].to_string(), ["0".into(), most.to_string()])).collect();
        let inputs = place(&gadget.inputs);
        assert_eq!(advice.len(), gadget.example.len(), "{name}: an example of all advice");
        let mut given = PartialWitness::new();
        for (&target, &value) in advice.iter().zip(&gadget.example) {
            given.set_target(target, value).expect("a target of this circuit");
        }
        let filled = generate_partial_witness(given, &data.prover_only, &data.common).expect("an honest example");
        let text = |class: &usize| filled.values[*class].unwrap_or(F::ZERO).to_canonical_u64().to_string();
        let witness: Vec<String> = classes.iter().map(text).collect();
        self.gadgets.push(json!({
            "name": name, "wires": classes.len(), "inputs": inputs, "outputs": outputs, "ranges": ranges, "challenges": [],
            "rows": rows, "witness": witness,
        }));
    }
}

/// An input in `[lo, hi]`, given as the words of `v - lo`.
fn input(b: &mut Builder, g: &mut Gadget, (lo, hi): (i128, i128), part: i128) -> Int {
    let words = b.advise_many(words_for(lo, hi));
    g.inputs.extend(&words);
    g.most.extend(words.iter().enumerate().map(|(j, &t)| (t, if j + 1 < words.len() { U32 } else { (hi - lo) >> (32 * j) })));
    let value = ((hi - lo) / 7) * part;
    g.example.extend((0..words.len()).map(|j| F::from_canonical_u32((value >> (32 * j)) as u32)));
    let words = words.into_iter().map(|t| b.range32(t)).collect();
    b.int_of_words(words, lo, lo, hi)
}

/// The value that `input` gives.
fn value((lo, hi): (i128, i128), part: i128) -> i128 {
    lo + ((hi - lo) / 7) * part
}

/// Advice that is given.
fn given(b: &mut Builder, g: &mut Gadget, values: &[F]) -> Vec<Target> {
    let targets = b.advise_many(values.len());
    g.inputs.extend(&targets);
    g.example.extend(values);
    targets
}

fn elements(count: u64) -> Vec<F> {
    (0..count).map(|i| F::from_canonical_u64(1_000_003 * i + 17)).collect()
}

fn outputs_of(g: &mut Gadget, v: &Int) {
    g.outputs.extend(v.limbs.iter().map(|l| l.target));
    if let Some((_, words)) = &v.words {
        g.outputs.extend(words.iter().map(|w: &Word| w.target));
    }
}

const U64: i128 = u64::MAX as i128;
const U32: i128 = u32::MAX as i128;

/// Of one limb and more, of either sign, that begin and end at powers of two and not.
const RANGES: [(i128, i128); 9] = [
    (0, 1),
    (0, U32),
    (0, U64),
    (-(1 << 63), (1 << 63) - 1),
    (-5, 1000),
    (-(1 << 100), (1 << 90) + 17),
    (3, (1 << 62) + 1),
    (-(1 << 33) - 1, -7),
    (0, 1 << 96),
];

const DIVISORS: [(i128, i128); 5] = [(1, 1000), (1, U64), (7, 7), (1 << 20, 1 << 20), (1, 1 << 90)];

fn one_cell<T: Cell>(e: &mut Export, examples: &[u64]) {
    e.add(&format!("cell {}", T::NAME), |b| {
        let mut g = Gadget::default();
        let values: Vec<F> = examples.iter().map(|&v| F::from_canonical_u64(v)).collect();
        let inputs = given(b, &mut g, &values);
        g.outputs = b.cell::<T>(&inputs);
        g
    });
}

fn name_of((lo, hi): (i128, i128)) -> String {
    let short = |v: i128| -> String {
        let (sign, magnitude) = (if v < 0 { "-" } else { "" }, v.unsigned_abs());
        let near = (20..128)
            .flat_map(|n| [-1i128, 0, 1, 17].map(|d| (n, d)))
            .find(|&(n, d)| n < 127 && (1i128 << n).checked_add(d) == i128::try_from(magnitude).ok());
        match near {
            Some((n, 0)) => format!("{sign}2^{n}"),
            Some((n, d)) => format!("{sign}(2^{n}{d:+})"),
            None => format!("{sign}{magnitude}"),
        }
    };
    format!("{}..{}", short(lo), short(hi))
}

fn integers(e: &mut Export) {
    type Make = fn(&mut Builder, &Int, &Int, (i128, i128)) -> Int;
    let operations: [(&str, Action, Make); 3] = [
        ("add", Action::Add(0, 0), |b, x, y, r| b.add(x, y, r.0, r.1)),
        ("sub", Action::Sub(0, 0), |b, x, y, r| b.sub(x, y, r.0, r.1)),
        ("mul", Action::Mul(0, 0), |b, x, y, r| b.mul(x, y, r.0, r.1)),
    ];
    for x in RANGES {
        for y in RANGES {
            let names = format!("{} {}", name_of(x), name_of(y));
            for (name, action, make) in operations {
                // Sums and differences of limbs are alike in all ranges; products are not.
                let Some(range) = range_of(action, &[x, y]) else { continue };
                if x > y && name != "mul" {
                    continue;
                }
                e.add(&format!("{name} {names}"), |b| {
                    let mut g = Gadget::default();
                    let (ix, iy) = (input(b, &mut g, x, 3), input(b, &mut g, y, 4));
                    let result = make(b, &ix, &iy, range);
                    outputs_of(&mut g, &result);
                    // As it is stored: its words.
                    let words = b.words(&result, range.0, words_for(range.0, range.1));
                    g.outputs.extend(words.iter().map(|w| w.target));
                    g
                });
            }
            e.add(&format!("less {names}"), |b| {
                let mut g = Gadget::default();
                let (ix, iy) = (input(b, &mut g, x, 3), input(b, &mut g, y, 4));
                let bit = b.less_than(&ix, &iy);
                g.example.push(F::from_bool(value(x, 3) < value(y, 4)));
                g.outputs.push(bit.target);
                g
            });
            e.add(&format!("equal {names}"), |b| {
                let mut g = Gadget::default();
                let (ix, iy) = (input(b, &mut g, x, 3), input(b, &mut g, y, 4));
                let bit = b.equal(&ix, &iy);
                g.outputs.push(bit.target);
                g
            });
            let v = value(x, 3);
            if (x.0 < y.0 || x.1 > y.1) && y.0 <= v && v <= y.1 {
                e.add(&format!("range {names}"), |b| {
                    let mut g = Gadget::default();
                    let ix = input(b, &mut g, x, 3);
                    let ranged = b.range(&ix, y.0, y.1);
                    outputs_of(&mut g, &ranged);
                    g
                });
            }
        }
        e.add(&format!("select {}", name_of(x)), |b| {
            let mut g = Gadget::default();
            let (ix, iy) = (input(b, &mut g, x, 3), input(b, &mut g, (0, U64), 4));
            let bit = b.advise_bool();
            g.inputs.push(bit.target);
            g.example.push(F::ONE);
            let chosen = b.select(bit, &ix, &iy, x.0.min(0), x.1.max(U64));
            outputs_of(&mut g, &chosen);
            g
        });
        for y in DIVISORS {
            e.add(&format!("divmod {} {}", name_of(x), name_of(y)), |b| {
                let mut g = Gadget::default();
                let (ix, iy) = (input(b, &mut g, x, 5), input(b, &mut g, y, 2));
                let range = range_of(Action::Divmod(0, 0), &[x, y]).expect("a quotient's range");
                let most = range_of(Action::Remainder(0), &[x, y]).expect("a remainder's range").1;
                let (q, r) = b.divmod(&ix, &iy, range, most);
                let (vx, vy) = (value(x, 5), value(y, 2));
                for (v, lo, hi) in [(vx.div_euclid(vy), range.0, range.1), (vx.rem_euclid(vy), 0, most)] {
                    g.example.extend((0..words_for(lo, hi)).map(|j| F::from_canonical_u32(((v - lo) >> (32 * j)) as u32)));
                }
                outputs_of(&mut g, &q);
                outputs_of(&mut g, &r);
                g
            });
        }
    }
}

fn hashes(e: &mut Export) {
    for m in [0, 1, 8, 9, 20] {
        e.add(&format!("hash of {m}"), |b| {
            let mut g = Gadget::default();
            let inputs = given(b, &mut g, &elements(m));
            g.outputs = b.hash(2, 3, &inputs).to_vec();
            g
        });
    }
    e.add("path of 3 levels", |b| {
        let mut g = Gadget::default();
        let index = given(b, &mut g, &[F::from_canonical_u64(5)])[0];
        let bits = b.plonk.split_le(index, 3);
        let digests: Vec<[Target; 4]> = given(b, &mut g, &elements(16)).chunks(4).map(|d| d.try_into().expect("four")).collect();
        g.outputs = b.path(1, digests[0], &bits, &digests[1..]).to_vec();
        g.outputs.extend(bits.iter().map(|bit| bit.target));
        g
    });
    for n in [1, 20, 32] {
        e.add(&format!("bits {n}"), |b| {
            let mut g = Gadget::default();
            let v = given(b, &mut g, &[F::from_canonical_u64((1 << n) - 1)])[0];
            g.outputs = b.plonk.split_le(v, n).iter().map(|bit| bit.target).collect();
            g
        });
    }
    for count in [1u64, 5, 8, 13] {
        e.add(&format!("absorption of {count}"), |b| {
            let mut g = Gadget::default();
            let mut values = elements(Sponge::ELEMENTS as u64);
            // Six are pending.
            values[12 + 6..].fill(F::ZERO);
            values[19] = F::from_canonical_u64(6);
            let sponge = Sponge::of(&given(b, &mut g, &values));
            let more = given(b, &mut g, &elements(count));
            g.outputs = b.absorb(&sponge, &more).elements();
            g
        });
    }
    e.add("evaluation of 15 words", |b| {
        let mut g = Gadget::default();
        let all = given(b, &mut g, &elements(17));
        let y = ReducingFactorTarget::new(ExtensionTarget([all[0], all[1]])).reduce_base(&all[2..], &mut b.plonk);
        g.outputs = y.0.to_vec();
        g
    });
    e.add("equal if enabled", |b| {
        let mut g = Gadget::default();
        let all = given(b, &mut g, &[F::ZERO, F::ONE, F::TWO]);
        b.assert_equal_if(all[0], all[1], all[2]);
        g
    });
}

/// A whole signature: its witness, down to every digit, must be the only one.
fn signature(e: &mut Export) {
    e.add("signature", |b| {
        let mut g = Gadget::default();
        let wallet = Wallet::new(1, 1);
        let key = wallet.public_key();
        let digest: [F; 4] = std::array::from_fn(|i| F::from_canonical_usize(31_337 + i));
        let (enabled, nonce) = (given(b, &mut g, &[F::ONE])[0], input(b, &mut g, (0, U64), 0));
        let key_targets = given(b, &mut g, &key);
        let digest_targets = given(b, &mut g, &digest);
        let at = b.advice.len();
        let enabled = b.int_of_bool(BoolTarget::new_unsafe(enabled));
        let array = |targets: &[Target]| -> [Target; 4] { targets.try_into().expect("four") };
        b.authorize(&enabled, array(&key_targets), &nonce, array(&digest_targets));
        // The signature itself is given too: its nonce, salt, chains and siblings.
        g.inputs.extend(&b.advice[at..]);
        let signature = wallet.sign(&digest, 0);
        g.example.extend([F::ZERO, signature.salt]);
        g.example.extend(signature.chains.iter().chain(&signature.siblings).flatten());
        g
    });
}

fn main() {
    let mut e = Export { gates: BTreeMap::new(), gadgets: vec![] };
    one_cell::<Range32>(&mut e, &[0xdead_beef]);
    one_cell::<Words2>(&mut e, &[5 + (1 << 32), 7]);
    one_cell::<Step>(&mut e, &[1 << 60, 5]);
    one_cell::<DigestBits>(&mut e, &[77]);
    one_cell::<Select4>(&mut e, &[1, 2, 3, 4, 5, 6, 7, 8, 9]);
    hashes(&mut e);
    integers(&mut e);
    signature(&mut e);
    println!("{}", json!({"format": 1, "prover": "plonky2", "modulus": MODULUS.to_string(), "gates": e.gates}));
    for gadget in &e.gadgets {
        println!("{gadget}");
    }
}
