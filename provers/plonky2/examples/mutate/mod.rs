//! A circuit whose witness can be changed: see [`super`].

mod mutator;
mod reckless;

use std::collections::{BTreeSet, HashMap};

use anyhow::anyhow;
use multiprover_plonky2::config::circuit_config;
use multiprover_plonky2::execution::{Statement, execute};
use multiprover_plonky2::field::{C, D, F, Field, H, PrimeField64};
use multiprover_plonky2::lowering;
use multiprover_plonky2::pb::prover as pb;
use multiprover_plonky2::program::Program;
use multiprover_plonky2::suite;
use plonky2::hash::hash_types::HashOut;
use plonky2::iop::generator::GeneratedValues;
use plonky2::iop::target::Target;
use plonky2::iop::witness::PartitionWitness;
use plonky2::plonk::circuit_data::CircuitData;
use plonky2::plonk::config::Hasher;
use plonky2::plonk::vars::EvaluationVarsBaseBatch;
use serde_json::{Value, json};

/// Public inputs that are the statement's to choose freely: the root after the batch, the commitment, the evaluation.
pub const DERIVED: [std::ops::Range<usize>; 2] = [4..12, 14..16];
/// The root before the batch.
pub const PRE_ROOT: std::ops::Range<usize> = 0..4;

/// A class of connected wires.
pub type Class = usize;

pub struct Circuit {
    pub program: Program,
    pub slots: usize,
    data: CircuitData<F, C, D>,
    advice: Vec<Class>,
    public: Vec<Class>,
    /// By row: constants without the selectors, gate, classes by column.
    constants: Vec<Vec<F>>,
    gates: Vec<usize>,
    /// By class: the rows it stands in, ascending.
    rows: HashMap<Class, Vec<u32>>,
    watchers: HashMap<Class, Vec<usize>>,
    wires: usize,
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
    pub fn new(program: Program, slots: usize) -> Self {
        let lowered = lowering::lower(&program, slots, circuit_config());
        let data = lowered.data;
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
        let advice = lowered.advice.iter().map(|&t| class(t)).collect();
        let public = data.prover_only.public_inputs.iter().map(|&t| class(t)).collect();
        Circuit { program, slots, advice, public, constants, gates, rows, watchers, wires, data }
    }

    fn class(&self, t: Target) -> Class {
        self.data.prover_only.representative_map[t.index(self.wires, self.data.common.degree())]
    }

    /// The witness that the generators make of the advice; where values meet, the first one stays.
    pub fn run(&self, advice: &[F]) -> anyhow::Result<Run<'_>> {
        if advice.len() != self.advice.len() {
            return Err(anyhow!("expected {} values of advice, found {}", self.advice.len(), advice.len()));
        }
        let prover = &self.data.prover_only;
        let mut witness = PartitionWitness::new(self.wires, self.data.common.degree(), &prover.representative_map);
        let mut conflicts = 0;
        for (&class, &value) in self.advice.iter().zip(advice) {
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
        Ok(Run { witness, order, writer, conflicts })
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
        let (statement, request) = self.own(request)?;
        let (refused, advice) = match execute(&self.program, self.slots, &statement, &request) {
            Ok(witness) => (Value::Null, witness.advice),
            Err(r) => (
                json!({"code": format!("{:?}", r.code), "message": r.to_string()}),
                reckless::advise(&self.program, &statement, &request, lie).0,
            ),
        };
        let run = self.run(&advice)?;
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
        let (statement, request) = self.own(request)?;
        let witness = execute(&self.program, self.slots, &statement, &request).map_err(|r| anyhow!("{r}"))?;
        let run = self.run(&witness.advice)?;
        let rows = self.violated(&run.witness.values);
        if run.conflicts > 0 || !rows.is_empty() {
            return Err(anyhow!("the honest witness violates {} rows and {} copies", rows.len(), run.conflicts));
        }
        let (reckless, places) = reckless::advise(&self.program, &statement, &request, None);
        if reckless != witness.advice {
            return Err(anyhow!("the reckless advice for an honest batch is not the honest one"));
        }
        Ok(mutator::Mutator::new(self, run, places, seed).report(mutants))
    }

    /// The statement over this suite alone.
    fn own(&self, request: &pb::ProveRequest) -> anyhow::Result<(Statement, pb::ProveRequest)> {
        let mut request = request.clone();
        if let Some(s) = request.statement.as_mut() {
            s.suites.retain(|s| s.suite == suite::NAME);
        }
        let statement = Statement::decode(request.statement.as_ref()).map_err(|r| anyhow!("{r}"))?;
        Ok((statement, request))
    }
}
