//! A circuit whose witness can be changed: see [`super`].

mod mutator;
mod reckless;
pub mod weak;

use std::collections::{BTreeSet, HashMap};

use anyhow::anyhow;
use multiprover_plonky2::config::circuit_config;
use multiprover_plonky2::execution::{Statement, execute, execute_segments};
use multiprover_plonky2::field::{C, D, F, Field, H, PrimeField64};
use multiprover_plonky2::lowering::{self, PUBLIC_INPUTS};
use multiprover_plonky2::pb::prover as pb;
use multiprover_plonky2::program::Program;
use multiprover_plonky2::recursion::{Wrapper, last, shrink};
use multiprover_plonky2::segments::{Plan, Proof};
use multiprover_plonky2::suite;
use plonky2::hash::hash_types::HashOut;
use plonky2::iop::generator::GeneratedValues;
use plonky2::iop::target::Target;
use plonky2::iop::witness::{PartialWitness, PartitionWitness, WitnessWrite};
use plonky2::plonk::circuit_data::CircuitData;
use plonky2::plonk::config::Hasher;
use plonky2::plonk::proof::ProofWithPublicInputsTarget;
use plonky2::plonk::vars::EvaluationVarsBaseBatch;
use serde_json::{Value, json};

use reckless::Place;

/// The root before the batch, in the public inputs of a leaf and of a segment.
const PRE_ROOT: std::ops::Range<usize> = 0..4;
/// Elements of a hash as segments are told it.
const SPONGE: usize = 20;

/// A class of connected wires.
pub type Class = usize;

/// Which circuit of a proof lies are told to (README, "From a batch to L1").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The whole batch.
    Leaf,
    /// The second half of a batch of two slots.
    Segment,
    /// What joins two neighbours into a longer part.
    Join,
    /// What joins two into the batch.
    Root,
    /// The first recursion of the proof for L1.
    Shrink,
    /// The second one.
    Last,
}

impl Level {
    pub fn named(name: &str) -> anyhow::Result<Self> {
        Ok(match name {
            "leaf" => Level::Leaf,
            "segment" => Level::Segment,
            "join" => Level::Join,
            "root" => Level::Root,
            "shrink" => Level::Shrink,
            "last" => Level::Last,
            _ => return Err(anyhow!("level: expected leaf, segment, join, root, shrink or last, found {name}")),
        })
    }
}

/// What makes the proofs that a circuit verifies.
enum Below {
    Nothing,
    /// The circuit of one slot, proven for each of two.
    Segments(Box<lowering::Circuit>),
    /// The batch's circuit, and the shrink where the last circuit is lied to.
    Batch(Box<lowering::Circuit>, Option<Box<Wrapper<C>>>),
}

pub struct Circuit {
    pub program: Program,
    pub slots: usize,
    level: Level,
    data: CircuitData<F, C, D>,
    advice: Vec<Target>,
    parts: Vec<ProofWithPublicInputsTarget<D>>,
    below: Below,
    public: Vec<Class>,
    /// Places of public inputs that are not the prover's to choose.
    given: Vec<usize>,
    /// Those that would be another statement; the others are advice that is fixed.
    derived: Vec<usize>,
    /// By row: constants without the selectors, gate, classes by column.
    constants: Vec<Vec<F>>,
    gates: Vec<usize>,
    /// Rows of the gate that the public inputs' hash is compared in.
    public_rows: Vec<usize>,
    /// By class: the rows it stands in, ascending.
    rows: HashMap<Class, Vec<u32>>,
    watchers: HashMap<Class, Vec<usize>>,
    wires: usize,
}

/// What the prover brings, by class, with what each value is.
pub struct Brought {
    pub values: Vec<(Class, F)>,
    pub places: Vec<Place>,
}

/// What a run of the generators gave.
pub struct Run<'a> {
    pub witness: PartitionWitness<'a, F>,
    /// Generators in the order in which they ended.
    pub order: Vec<usize>,
    /// By class: the generator that set it first.
    pub writer: HashMap<Class, usize>,
    /// Classes that two generators, or a generator and the advice, give different values to.
    pub conflicts: usize,
}

impl Circuit {
    /// # Errors
    /// The level needs a batch of two slots, or the program is too large.
    pub fn new(program: Program, slots: usize, level: Level) -> anyhow::Result<Self> {
        let rows = |rows: usize| anyhow!("{rows} rows");
        let segmented = matches!(level, Level::Segment | Level::Join | Level::Root);
        if segmented && slots != 2 {
            return Err(anyhow!("{level:?}: expected a batch of two slots, found {slots}"));
        }
        let leaf = |program: &Program| lowering::lower(program, slots, circuit_config());
        let all = |count: usize| (0..count).collect::<Vec<_>>();
        let (below, data, advice, parts, given, derived) = match level {
            Level::Leaf => {
                let circuit = leaf(&program);
                // The root after the batch, the commitment, the evaluation.
                let derived = (4..12).chain(14..16).collect();
                (Below::Nothing, circuit.data, circuit.advice, vec![], PRE_ROOT.collect(), derived)
            }
            Level::Segment => {
                let circuit = Plan::of_sizes(&[1, 1]).lower(&program, 0, |_| unreachable!("verifies nothing"));
                // The root after it; and how the journal's hash goes out, and its sum, of the inputs and of the outputs.
                let section = |at: usize| at + SPONGE..at + 2 * SPONGE + D;
                let derived = (4..8).chain(section(19)).chain(section(19 + 2 * SPONGE + D)).collect();
                (Below::Nothing, circuit.data, circuit.advice, vec![], PRE_ROOT.collect(), derived)
            }
            Level::Join | Level::Root => {
                // Of three the first two make a join that is not the root.
                let plan = Plan::of_sizes(if level == Level::Join { &[1, 1, 1] } else { &[1, 1] });
                let segment = plan.lower(&program, 0, |_| unreachable!("verifies nothing"));
                let verifier = segment.data.verifier_data();
                let join = plan.lower(&program, 1, |_| &verifier);
                let public = all(join.data.common.num_public_inputs);
                (Below::Segments(Box::new(segment)), join.data, join.advice, join.parts, vec![], public)
            }
            Level::Shrink => {
                let batch = leaf(&program);
                let Wrapper { data, inner } = shrink(&batch.data.verifier_data()).map_err(rows)?;
                (Below::Batch(Box::new(batch), None), data, vec![], vec![inner], vec![], all(PUBLIC_INPUTS))
            }
            Level::Last => {
                let batch = leaf(&program);
                let shrink = shrink(&batch.data.verifier_data()).map_err(rows)?;
                let last = last(&shrink.verifier()).map_err(rows)?.to_bytes();
                // The same constraints; what commits to them does not matter here.
                let last = Wrapper::<C>::from_bytes(&last).map_err(|_| anyhow!("the circuit under another hash"))?;
                let below = Below::Batch(Box::new(batch), Some(Box::new(shrink)));
                (below, last.data, vec![], vec![last.inner], vec![], all(PUBLIC_INPUTS))
            }
        };
        let (wires, degree) = (data.common.config.num_wires, data.common.degree());
        let columns: Vec<Vec<F>> = data.prover_only.constants_sigmas_commitment.polynomials[..data.common.num_constants]
            .iter()
            .map(|p| p.clone().fft().values)
            .collect();
        let selectors = data.common.selectors_info.num_selectors();
        let (mut constants, mut gates) = (vec![], vec![]);
        for row in 0..degree {
            let of: Vec<F> = columns.iter().map(|c| c[row]).collect();
            let used = of[..selectors].iter().map(|s| s.to_canonical_u64()).find(|&s| s != u64::from(u32::MAX));
            gates.push(used.expect("a row has a gate") as usize);
            constants.push(of[selectors..].to_vec());
        }
        let mut rows: HashMap<Class, Vec<u32>> = HashMap::new();
        for row in 0..degree {
            for column in 0..wires {
                let at = rows.entry(data.prover_only.representative_map[row * wires + column]).or_default();
                if at.last() != Some(&(row as u32)) {
                    at.push(row as u32);
                }
            }
        }
        let class = |t: Target| data.prover_only.representative_map[t.index(wires, degree)];
        let mut watchers: HashMap<Class, Vec<usize>> = HashMap::new();
        for (i, generator) in data.prover_only.generators.iter().enumerate() {
            for target in generator.0.watch_list() {
                let list = watchers.entry(class(target)).or_default();
                if list.last() != Some(&i) {
                    list.push(i);
                }
            }
        }
        let public = data.prover_only.public_inputs.iter().map(|&t| class(t)).collect();
        let public_gate = data.common.gates.iter().position(|g| g.0.id() == "PublicInputGate");
        let public_rows = (0..degree).filter(|&row| Some(gates[row]) == public_gate).collect();
        Ok(Circuit {
            program,
            slots,
            level,
            advice,
            parts,
            below,
            public,
            given,
            derived,
            constants,
            gates,
            public_rows,
            rows,
            watchers,
            wires,
            data,
        })
    }

    /// What an honest prover brings.
    fn brought(&self, statement: &Statement, request: &pb::ProveRequest) -> anyhow::Result<Brought> {
        let refused = |r: multiprover_plonky2::refusal::Refusal| anyhow!("{r}");
        let advised = |advice: &[F], places: Vec<Place>| -> anyhow::Result<Brought> {
            if (advice.len(), places.len()) != (self.advice.len(), self.advice.len()) {
                return Err(anyhow!("expected {} values of advice, found {}", self.advice.len(), advice.len()));
            }
            Ok(Brought { values: self.advice.iter().zip(advice).map(|(&t, &v)| (self.class(t), v)).collect(), places })
        };
        match &self.below {
            Below::Nothing if self.level == Level::Leaf => {
                let witness = execute(&self.program, self.slots, statement, request).map_err(refused)?;
                let (reckless, places) = reckless::advise(&self.program, statement, request, None);
                if reckless != witness.advice {
                    return Err(anyhow!("the reckless advice for an honest batch is not the honest one"));
                }
                advised(&witness.advice, places)
            }
            Below::Nothing => {
                let (advice, _) = execute_segments(&self.program, &[1, 1], statement, request).map_err(refused)?;
                // Names are those of the whole batch: what stands before its slots, then the second slot; then the hashes so far.
                let (_, mut places) = reckless::advise(&self.program, statement, request, None);
                let given = Place { name: "hash of the journal so far".into(), fixed: true, idle: false };
                let slot = places.len() + 2 * SPONGE - self.advice.len();
                let before = places.len() - 2 * slot;
                places.drain(before..before + slot);
                places.extend(vec![given; 2 * SPONGE]);
                advised(&advice.leaves[1], places)
            }
            Below::Segments(segment) => {
                let (advice, _) = execute_segments(&self.program, &[1, 1], statement, request).map_err(refused)?;
                let proofs: Vec<Proof> = advice.leaves.iter().map(|a| segment.prove(a, &[])).collect::<anyhow::Result<_>>()?;
                let closing = if self.level == Level::Root { &advice.closing[..] } else { &[] };
                self.proven(&proofs, closing)
            }
            Below::Batch(batch, shrink) => {
                let witness = execute(&self.program, self.slots, statement, request).map_err(refused)?;
                let proof = batch.prove(&witness.advice, &[])?;
                let proof = if let Some(shrink) = shrink { shrink.prove(&proof)? } else { proof };
                self.proven(&[proof], &[])
            }
        }
    }

    /// Proofs of the parts, and advice beside them.
    fn proven(&self, proofs: &[Proof], advice: &[F]) -> anyhow::Result<Brought> {
        let mut inputs = PartialWitness::new();
        for (target, proof) in self.parts.iter().zip(proofs) {
            inputs.set_proof_with_pis_target(target, proof)?;
        }
        let mut all: Vec<(Class, F, &str)> =
            inputs.target_values.iter().map(|(&t, &v)| (self.class(t), v, "proof of a part")).collect();
        let stated: BTreeSet<Class> = self.parts.iter().flat_map(|p| &p.public_inputs).map(|&t| self.class(t)).collect();
        for (class, _, name) in &mut all {
            if stated.contains(class) {
                *name = "statement of a part";
            }
        }
        all.extend(self.advice.iter().zip(advice).map(|(&t, &v)| (self.class(t), v, "cell or root")));
        all.sort_unstable_by_key(|(class, ..)| *class);
        all.dedup();
        let place = |name: &str| Place { name: name.into(), fixed: false, idle: false };
        let places = all.iter().map(|(_, _, name)| place(name)).collect();
        Ok(Brought { values: all.into_iter().map(|(class, v, _)| (class, v)).collect(), places })
    }

    /// Wires near what is this prover's own in a circuit that else is the library's: the statements of its parts, or the journal's hash
    /// as a segment is told it, all that stands in a row with them, and in a row with these. None for a leaf, which is all our own.
    pub fn own(&self) -> Vec<Class> {
        let parts = self.parts.iter().flat_map(|p| &p.public_inputs).copied();
        let told = self.advice[self.advice.len().saturating_sub(2 * SPONGE)..].iter().copied();
        let mut near: BTreeSet<Class> = match self.level {
            Level::Leaf => return vec![],
            Level::Segment => told.map(|t| self.class(t)).collect(),
            _ => parts.chain(self.advice.iter().copied()).map(|t| self.class(t)).collect(),
        };
        near.extend(&self.public);
        let map = &self.data.prover_only.representative_map;
        // A constant stands in rows everywhere.
        let many = 64;
        for _ in 0..2 {
            let rows: BTreeSet<usize> = (near.iter().filter_map(|c| self.rows.get(c)))
                .filter(|rows| rows.len() <= many)
                .flatten()
                .map(|&r| r as usize)
                .collect();
            let used = |row: usize| self.data.common.gates[self.gates[row]].0.num_wires();
            near.extend(rows.into_iter().flat_map(|row| map[row * self.wires..row * self.wires + used(row)].iter().copied()));
        }
        near.into_iter().collect()
    }

    fn class(&self, t: Target) -> Class {
        self.data.prover_only.representative_map[t.index(self.wires, self.data.common.degree())]
    }

    /// The witness that the generators make of the advice; where values meet, the first one stays.
    pub fn run(&self, brought: &[(Class, F)]) -> Run<'_> {
        let prover = &self.data.prover_only;
        let mut witness = PartitionWitness::new(self.wires, self.data.common.degree(), &prover.representative_map);
        let mut conflicts = 0;
        for &(class, value) in brought {
            match witness.values[class] {
                Some(v) if v != value => conflicts += 1,
                _ => witness.values[class] = Some(value),
            }
        }
        let (mut order, mut writer) = (vec![], HashMap::new());
        let mut ended = vec![false; prover.generators.len()];
        let mut pending: Vec<usize> = (0..prover.generators.len()).collect();
        let mut buffer = GeneratedValues::empty();
        while !pending.is_empty() {
            let mut next = vec![];
            for &g in &pending {
                if ended[g] || !prover.generators[g].0.run(&witness, &mut buffer) {
                    buffer.target_values.clear();
                    continue;
                }
                ended[g] = true;
                order.push(g);
                for (target, value) in buffer.target_values.drain(..) {
                    let class = self.class(target);
                    match witness.values[class] {
                        Some(v) if v != value => conflicts += 1,
                        Some(_) => {}
                        None => {
                            witness.values[class] = Some(value);
                            writer.insert(class, g);
                            next.extend(self.watchers.get(&class).into_iter().flatten().filter(|&&w| !ended[w]));
                        }
                    }
                }
            }
            pending = next;
        }
        Run { witness, order, writer, conflicts }
    }

    /// Classes that a gate of one of their rows has for a wire: a row's wires beyond its gate's stand in no constraint.
    pub fn read(&self) -> BTreeSet<Class> {
        let map = &self.data.prover_only.representative_map;
        let used = |row: usize| self.data.common.gates[self.gates[row]].0.num_wires();
        (0..self.gates.len()).flat_map(|row| map[row * self.wires..row * self.wires + used(row)].iter().copied()).collect()
    }

    fn value(&self, values: &[Option<F>], class: Class) -> F {
        values[class].unwrap_or(F::ZERO)
    }

    pub fn public_values(&self, values: &[Option<F>]) -> Vec<F> {
        self.public.iter().map(|&c| self.value(values, c)).collect()
    }

    pub fn public_hash(&self, values: &[Option<F>]) -> HashOut<F> {
        H::hash_no_pad(&self.public_values(values))
    }

    /// The constraints of a row.
    pub fn row(&self, values: &[Option<F>], row: usize, hash: &HashOut<F>) -> Vec<F> {
        let map = &self.data.prover_only.representative_map[row * self.wires..(row + 1) * self.wires];
        let wires: Vec<F> = map.iter().map(|&c| self.value(values, c)).collect();
        let vars = EvaluationVarsBaseBatch::new(1, &self.constants[row], &wires, hash);
        self.data.common.gates[self.gates[row]].0.eval_unfiltered_base_batch(vars)
    }

    pub fn row_holds(&self, values: &[Option<F>], row: usize, hash: &HashOut<F>) -> bool {
        self.row(values, row, hash).iter().all(Field::is_zero)
    }

    fn gate_name(&self, row: usize) -> String {
        let id = self.data.common.gates[self.gates[row]].0.id();
        id.split([' ', '{', '(']).next().unwrap_or(&id).to_string()
    }

    /// Rows whose constraints do not all hold.
    fn violated(&self, values: &[Option<F>]) -> Vec<usize> {
        let hash = self.public_hash(values);
        (0..self.data.common.degree()).filter(|&row| !self.row_holds(values, row, &hash)).collect()
    }

    /// The prover's own execution of a request, then the constraints; where execution refuses, on a witness made without it.
    pub fn check(&self, request: &pb::ProveRequest, lie: Option<(usize, i128)>) -> anyhow::Result<Value> {
        if self.level != Level::Leaf {
            return Err(anyhow!("check: only the leaf is a circuit of a batch alone"));
        }
        let (statement, request) = own_suite(request)?;
        let (refused, advice) = match execute(&self.program, self.slots, &statement, &request) {
            Ok(witness) => (Value::Null, witness.advice),
            Err(r) => (
                json!({"code": format!("{:?}", r.code), "message": r.to_string()}),
                reckless::advise(&self.program, &statement, &request, lie).0,
            ),
        };
        if advice.len() != self.advice.len() {
            return Err(anyhow!("expected {} values of advice, found {}", self.advice.len(), advice.len()));
        }
        let brought: Vec<(Class, F)> = self.advice.iter().zip(advice).map(|(&t, v)| (self.class(t), v)).collect();
        let run = self.run(&brought);
        let rows = self.violated(&run.witness.values);
        let first = rows.first().map(|&r| format!("{} in row {r}", self.gate_name(r)));
        let mut same = self.public_values(&run.witness.values) == statement.public_inputs();
        // The root before is what the statement is about: a witness for another one is none for it.
        let pre_root = self.public_values(&run.witness.values)[PRE_ROOT] == statement.public_inputs()[PRE_ROOT];
        same &= pre_root;
        Ok(json!({
            "refused": refused,
            "violated": rows.len() + run.conflicts + usize::from(!pre_root),
            "first": first.unwrap_or_default(),
            "statement": same,
            "constraints": self.data.common.degree(),
        }))
    }

    pub fn mutate(&self, request: &pb::ProveRequest, mutants: usize, seed: u64) -> anyhow::Result<Value> {
        let (statement, request) = own_suite(request)?;
        let brought = self.brought(&statement, &request)?;
        let run = self.run(&brought.values);
        let rows = self.violated(&run.witness.values);
        if run.conflicts > 0 || !rows.is_empty() {
            return Err(anyhow!("the honest witness violates {} rows and {} copies", rows.len(), run.conflicts));
        }
        Ok(mutator::Mutator::new(self, run, brought, seed).report(mutants))
    }
}

/// The statement over this suite alone.
pub fn own_suite(request: &pb::ProveRequest) -> anyhow::Result<(Statement, pb::ProveRequest)> {
    let mut request = request.clone();
    if let Some(s) = request.statement.as_mut() {
        s.suites.retain(|s| s.suite == suite::NAME);
    }
    let statement = Statement::decode(request.statement.as_ref()).map_err(|r| anyhow!("{r}"))?;
    Ok((statement, request))
}
