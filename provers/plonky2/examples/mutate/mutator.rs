//! Changes a good witness and asks whether every constraint still holds.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use multiprover_plonky2::field::{F, Field, PrimeField64};
use plonky2::iop::generator::GeneratedValues;
use serde_json::{Value, json};

use super::reckless::Place;
use super::{Brought, Circuit, Class, Run};

/// The reasons for which a mutant that no constraint refuses proves nothing false. For each the mutator has seen that the public inputs
/// are those of the honest witness: the statement that is proven is true.
const IDLE: &str = "advice of a port or authorization that is not enabled";
const UNUSED: &str = "wires that no constraint of their row reads for these values of the others";
const SPARE: &str = "wires of an operation that its row has room for and the circuit does not use";
const INVERSE: &str = "inverse advised for zero";
const SAME: &str = "the statement is that of the honest witness";

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

pub struct Mutator<'a> {
    circuit: &'a Circuit,
    honest: Vec<Option<F>>,
    witness: plonky2::iop::witness::PartitionWitness<'a, F>,
    changed: Vec<Class>,
    /// The same, to ask whether one is among them.
    is_changed: HashSet<Class>,
    /// By generator: its place in the order of the honest run.
    turn: HashMap<usize, usize>,
    order: Vec<usize>,
    writer: HashMap<Class, usize>,
    fixed: HashSet<Class>,
    /// Every class that may be changed and stands in a row.
    free: Vec<Class>,
    /// Those of them that are near this prover's own part of a circuit (`Circuit::own`): half of the lies, where there are any.
    own: Vec<Class>,
    /// Those that a generator gives, by the generator's name: each kind gets its share, however few values it gives.
    advised: Vec<Vec<Class>>,
    /// Those that the prover brings.
    brought: Vec<Class>,
    idle: HashSet<Class>,
    names: HashMap<Class, String>,
    random: Random,
}

impl<'a> Mutator<'a> {
    pub fn new(circuit: &'a Circuit, run: Run<'a>, given: Brought, seed: u64) -> Self {
        let Run { witness, order, writer, .. } = run;
        let Brought { values, places } = given;
        let of = |keep: &dyn Fn(&Place) -> bool| -> HashSet<Class> {
            values.iter().zip(&places).filter(|(_, p)| keep(p)).map(|(&(c, _), _)| c).collect()
        };
        let mut fixed = of(&|p| p.fixed);
        // Constants of the circuit.
        let generators = &circuit.data.prover_only.generators;
        fixed.extend(writer.iter().filter(|(_, g)| generators[**g].0.id() == "ConstantGenerator").map(|(&c, _)| c));
        let names = values.iter().zip(&places).map(|(&(c, _), p)| (c, p.name.clone())).collect();
        let mut free: Vec<Class> = circuit.read().into_iter().filter(|c| !fixed.contains(c)).collect();
        free.sort_unstable();
        let own = circuit.own().into_iter().filter(|c| free.binary_search(c).is_ok()).collect();
        let mut by_name: BTreeMap<String, Vec<Class>> = BTreeMap::new();
        for (&class, &g) in &writer {
            if !fixed.contains(&class) && circuit.rows.contains_key(&class) {
                by_name.entry(circuit.data.prover_only.generators[g].0.id()).or_default().push(class);
            }
        }
        let mut advised: Vec<Vec<Class>> = by_name.into_values().collect();
        advised.iter_mut().for_each(|of| of.sort_unstable());
        let mut brought: Vec<Class> = of(&|p| !p.fixed).into_iter().filter(|c| !fixed.contains(c)).collect();
        brought.sort_unstable();
        Mutator {
            circuit,
            honest: witness.values.clone(),
            witness,
            changed: vec![],
            is_changed: HashSet::new(),
            turn: order.iter().enumerate().map(|(i, &g)| (g, i)).collect(),
            order,
            writer,
            fixed,
            free,
            own,
            advised,
            brought,
            idle: of(&|p| p.idle),
            names,
            random: Random(seed),
        }
    }

    fn value(&self, class: Class) -> F {
        self.witness.values[class].unwrap_or(F::ZERO)
    }

    fn set(&mut self, class: Class, v: F) {
        if self.value(class) == v {
            return;
        }
        self.mark(class);
        self.witness.values[class] = Some(v);
    }

    fn mark(&mut self, class: Class) {
        if self.is_changed.insert(class) {
            self.changed.push(class);
        }
    }

    fn reset(&mut self) {
        for &class in &self.changed {
            self.witness.values[class] = self.honest[class];
        }
        self.changed.clear();
        self.is_changed.clear();
    }

    fn lie(&mut self, v: F) -> F {
        const SHIFTS: [u32; 12] = [1, 2, 4, 8, 15, 16, 31, 32, 33, 48, 62, 63];
        loop {
            let power = F::from_canonical_u64(1 << SHIFTS[self.random.below(SHIFTS.len())]);
            let lie = match self.random.below(11) {
                0 => v + F::ONE,
                1 => v - F::ONE,
                2 | 3 => v + power,
                4 | 5 => v - power,
                6 => -v,
                7 => F::ZERO,
                8 => F::ONE - v,
                9 => v.double(),
                _ => F::from_noncanonical_u64(self.random.next()),
            };
            if lie != v {
                return lie;
            }
        }
    }

    /// Rows that a changed value stands in; all of the public inputs' if one of them is changed.
    fn touched(&self) -> BTreeSet<usize> {
        let mut rows = BTreeSet::new();
        let mut public = false;
        for class in &self.changed {
            rows.extend(self.circuit.rows.get(class).into_iter().flatten().map(|&r| r as usize));
            public |= self.circuit.public.contains(class);
        }
        if public {
            rows.extend(&self.circuit.public_rows);
        }
        rows
    }

    /// A row that does not hold, of those that a change touches.
    fn broken(&self) -> Option<usize> {
        let hash = self.circuit.public_hash(&self.witness.values);
        self.touched().into_iter().find(|&row| !self.circuit.row_holds(&self.witness.values, row, &hash))
    }

    /// What is given of the statement is not the prover's to choose.
    fn good(&self) -> bool {
        let public = self.circuit.public_values(&self.witness.values);
        let honest = self.circuit.public_values(&self.honest);
        self.circuit.given.iter().all(|&i| public[i] == honest[i]) && self.broken().is_none()
    }

    /// Lets everything follow that generators make of the changed values; false where two values meet in one wire. Pinned values stay.
    fn follow(&mut self, pinned: &[Class]) -> bool {
        let generators = &self.circuit.data.prover_only.generators;
        let mut due: BTreeSet<usize> = BTreeSet::new();
        let wake = |due: &mut BTreeSet<usize>, turn: &HashMap<usize, usize>, class: &Class| {
            due.extend(self.circuit.watchers.get(class).into_iter().flatten().map(|g| turn[g]));
        };
        for class in &self.changed {
            wake(&mut due, &self.turn, class);
        }
        let mut buffer = GeneratedValues::empty();
        while let Some(turn) = due.pop_first() {
            let g = self.order[turn];
            // A generator that finds no value, like the inverse of 0, or no place, like that of an index beyond its list: the constraints decide.
            let found = catch_unwind(AssertUnwindSafe(|| generators[g].0.run(&self.witness, &mut buffer)));
            if !matches!(found, Ok(true)) {
                buffer.target_values.clear();
                continue;
            }
            for (target, v) in std::mem::take(&mut buffer.target_values) {
                let class = self.circuit.class(target);
                if pinned.contains(&class) || self.witness.values[class] == Some(v) {
                    continue;
                }
                if self.writer.get(&class) != Some(&g) {
                    return false;
                }
                self.mark(class);
                self.witness.values[class] = Some(v);
                wake(&mut due, &self.turn, &class);
            }
        }
        true
    }

    /// Changes another value of a broken row so that its first broken constraint holds, if it is linear in it.
    fn repair(&mut self, row: usize) -> Option<Class> {
        let hash = self.circuit.public_hash(&self.witness.values);
        let now = self.circuit.row(&self.witness.values, row, &hash);
        let k = now.iter().position(|v| !v.is_zero())?;
        let wires = self.circuit.wires;
        let map = &self.circuit.data.prover_only.representative_map[row * wires..(row + 1) * wires];
        for _ in 0..12 {
            let class = map[self.random.below(wires)];
            if self.fixed.contains(&class) || self.is_changed.contains(&class) {
                continue;
            }
            let kept = self.witness.values[class];
            let v = self.value(class);
            self.witness.values[class] = Some(v + F::ONE);
            let slope = self.circuit.row(&self.witness.values, row, &hash)[k] - now[k];
            self.witness.values[class] = kept;
            if slope.is_zero() {
                continue;
            }
            let solved = v - now[k] / slope;
            self.set(class, solved);
            if self.circuit.row(&self.witness.values, row, &hash)[k].is_zero() {
                return Some(class);
            }
            self.witness.values[class] = kept;
            self.changed.retain(|&c| c != class);
            self.is_changed.remove(&class);
        }
        None
    }

    fn an_advised(&mut self) -> Class {
        let of = self.random.below(self.advised.len());
        let n = self.random.below(self.advised[of].len());
        self.advised[of][n]
    }

    fn wire(&mut self, class: Class) -> bool {
        let lie = self.lie(self.value(class));
        self.set(class, lie);
        self.good()
    }

    fn chain(&mut self) -> bool {
        let class = if !self.own.is_empty() && self.random.below(2) == 0 {
            self.own[self.random.below(self.own.len())]
        } else {
            self.free[self.random.below(self.free.len())]
        };
        let lie = self.lie(self.value(class));
        self.set(class, lie);
        for _ in 0..3 {
            let Some(row) = self.broken() else { return self.good() };
            if self.repair(row).is_none() {
                return false;
            }
        }
        self.good()
    }

    fn alone(&mut self, class: Class) -> bool {
        let lie = self.lie(self.value(class));
        self.set(class, lie);
        self.follow(&[class]) && self.good()
    }

    fn pair(&mut self) -> bool {
        let class = self.an_advised();
        let lie = self.lie(self.value(class));
        self.set(class, lie);
        match self.broken() {
            None => self.follow(&[class]) && self.good(),
            Some(row) => match self.repair(row) {
                Some(other) => self.follow(&[class, other]) && self.good(),
                None => false,
            },
        }
    }

    /// Everything that a mutant did.
    pub fn report(mut self, count: usize) -> Value {
        let (mut kinds, mut harmless) = (BTreeMap::new(), BTreeMap::new());
        let (mut survived, mut examples): (Vec<Value>, Vec<Value>) = (vec![], vec![]);
        let mut killed = 0;
        let (singles, own) = (self.shuffled(self.free.clone()), self.shuffled(self.own.clone()));
        for n in 0..count {
            let (kind, survives) = match self.random.below(100) {
                0..45 if n % 2 == 0 && !own.is_empty() => ("wire", self.wire(own[n / 2 % own.len()])),
                0..45 => ("wire", self.wire(singles[n % singles.len()])),
                45..75 => ("chain", self.chain()),
                75..88 => {
                    let class = self.an_advised();
                    ("advice", self.alone(class))
                }
                88..96 => ("pair", self.pair()),
                _ => {
                    let class = self.brought[self.random.below(self.brought.len())];
                    ("input", self.alone(class))
                }
            };
            *kinds.entry(kind).or_insert(0) += 1;
            if survives {
                let (class, entry) = self.describe(kind);
                match class {
                    None => survived.push(entry),
                    Some(class) => {
                        let seen = harmless.entry(class).or_insert(0);
                        *seen += 1;
                        if *seen == 1 {
                            examples.push(entry);
                        }
                    }
                }
            } else {
                killed += 1;
            }
            self.reset();
        }
        json!({
            "mutants": count, "killed": killed, "kinds": kinds, "survived": survived, "harmless": harmless, "examples": examples,
            "wires": self.free.len(), "own": self.own.len(), "constraints": self.circuit.gates.len(),
        })
    }

    fn shuffled(&mut self, mut all: Vec<Class>) -> Vec<Class> {
        for i in (1..all.len()).rev() {
            all.swap(i, self.random.below(i + 1));
        }
        all
    }

    fn describe(&self, kind: &str) -> (Option<&'static str>, Value) {
        let (public, honest) = (self.circuit.public_values(&self.witness.values), self.circuit.public_values(&self.honest));
        let changes: Vec<usize> = self.circuit.derived.iter().copied().filter(|&i| public[i] != honest[i]).collect();
        let class = changes.is_empty().then(|| self.reason());
        let shown = &self.changed[..self.changed.len().min(8)];
        let entry = json!({
            "kind": kind,
            "wires": shown.iter().map(|&c| self.name(c)).collect::<Vec<_>>(),
            "honest": shown.iter().map(|&c| self.honest[c].map(|v| v.to_canonical_u64().to_string())).collect::<Vec<_>>(),
            "lie": shown.iter().map(|&c| self.value(c).to_canonical_u64().to_string()).collect::<Vec<_>>(),
            "class": class.unwrap_or_default(),
            "changes": changes,
        });
        (class, entry)
    }

    fn name(&self, class: Class) -> String {
        if let Some(name) = self.names.get(&class) {
            return name.clone();
        }
        let row = self.circuit.rows.get(&class).map(|r| r[0] as usize);
        let by = self.writer.get(&class).map(|&g| self.circuit.data.prover_only.generators[g].0.id());
        match (row, by) {
            (Some(row), Some(by)) => format!("{by} in {} of row {row}", self.circuit.gate_name(row)),
            (Some(row), None) => format!("unset wire of {} in row {row}", self.circuit.gate_name(row)),
            _ => "no wire".into(),
        }
    }

    fn reason(&self) -> &'static str {
        let first = self.changed[0];
        // Nothing reads it: its rows hold for any two other values as well.
        let mut values = self.honest.clone();
        let hash = self.circuit.public_hash(&values);
        let unread = self.changed.iter().all(|&c| {
            let holds = [0x1234_5678_9abc_def1, 0x0fed_cba9_8765_4321].into_iter().all(|lie| {
                values[c] = Some(F::from_noncanonical_u64(lie));
                let mut rows = self.circuit.rows.get(&c).into_iter().flatten();
                rows.all(|&row| self.circuit.row_holds(&values, row as usize, &hash))
            });
            values[c] = self.honest[c];
            holds
        });
        let equality = |c: Class| {
            self.writer.get(&c).is_some_and(|&g| self.circuit.data.prover_only.generators[g].0.id() == "EqualityGenerator")
        };
        if self.idle.contains(&first) || self.follows_idle(first) {
            IDLE
        } else if equality(first)
            || self.circuit.rows.get(&first).is_some_and(|r| self.circuit.gate_name(r[0] as usize).contains("DigestBits"))
        {
            INVERSE
        } else if self.changed.iter().all(|&c| self.honest[c].is_none()) {
            SPARE
        } else if unread {
            UNUSED
        } else {
            SAME
        }
    }

    /// Whether a value is computed from idle advice.
    fn follows_idle(&self, class: Class) -> bool {
        let (mut seen, mut due) = (HashSet::new(), vec![class]);
        while let Some(c) = due.pop() {
            if self.idle.contains(&c) {
                return true;
            }
            if let (true, Some(&g)) = (seen.insert(c), self.writer.get(&c)) {
                due.extend(self.circuit.data.prover_only.generators[g].0.watch_list().into_iter().map(|t| self.circuit.class(t)));
            }
        }
        false
    }
}
