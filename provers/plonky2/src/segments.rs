//! Batches longer than one leaf: segments proven apart, joined by recursion.
//!
//! A **segment** proves some consecutive slots, wherever they stand in a batch. Beside what a batch's proof states it exposes as
//! [`Part`] how the journal's hash comes in and goes out, once for its input words and once for its output words, and the sums of these
//! words by powers of `z` that start at 1. A **join** verifies the proofs of neighbours, demands that each starts where the one before
//! ended, and states the whole as a [`Part`] again; the **root** join closes the journal, and exposes the 25 public inputs of docs/suites.md §9
//! as a single leaf does.
//!
//! What is carried from one part to the next, and what would lie if a join did not demand it:
//!
//! | | |
//! | --- | --- |
//! | state root | cells, key cells and map roots: the top hash binds them all |
//! | hash of the inputs, of the outputs | its state, the words that do not fill a group of eight, their number |
//! | `z`, `payee`, `domain` | the same in all |
//!
//! The number of slots of each part is a constant of the join, as are the circuits that it verifies: each is pinned by its verifier data.
//! The order of parts follows: their hash starts at the root's constant, and the state after another number of words is another one, or
//! two journals collide. So does that no part stands twice. A pending word is zero beyond the number of pending ones: at the
//! root's start by a constraint, after each part because [`Builder::absorb`] gives such a sponge if it got one.
//!
//! One circuit serves all segments of the same number of slots, in every batch; their words need not fill groups, since a segment moves
//! them to their place by bits of what it is told (`Builder::absorb`, an eighth of a row a word).

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use plonky2::iop::ext_target::ExtensionTarget;
use plonky2::iop::generator::generate_partial_witness;
use plonky2::iop::target::Target;
use plonky2::iop::witness::{PartialWitness, PartitionWitness, WitnessWrite};
use plonky2::plonk::circuit_data::{CircuitConfig, VerifierCircuitData};
use plonky2::plonk::proof::ProofWithPublicInputs;
use plonky2::plonk::prover::prove_with_partition_witness;
use plonky2::util::reducing::ReducingFactorTarget;
use plonky2::util::timing::TimingTree;

use crate::builder::{Builder, RATE, Sponge};
use crate::config::{MOST_ROW_BITS, circuit_config};
use crate::execution::{self, Advice, Statement};
use crate::field::{C, D, F};
use crate::lowering::{self, Circuit, PAYEE_WORDS, PUBLIC_INPUTS, Public};
use crate::pb::prover as pb;
use crate::program::Program;
use crate::refusal::Refusal;
use crate::suite::tag;

pub type Proof = ProofWithPublicInputs<F, C, D>;

/// Parts that one join verifies: two verifications fill 2^14 rows.
pub const ARITY: usize = 2;
/// One of the two runs of words that a part has in the journal.
#[derive(Debug, Clone)]
pub struct Section {
    pub from: Sponge,
    pub to: Sponge,
    /// `Σ w_i·z^i`, from the part's first word.
    pub sum: ExtensionTarget<D>,
}

/// What a segment, or the join of neighbours, states.
#[derive(Debug, Clone)]
pub struct Part {
    pub public: Public,
    pub inputs: Section,
    pub outputs: Section,
}

impl Part {
    /// Elements that describe one.
    pub const ELEMENTS: usize = 4 + 4 + D + PAYEE_WORDS + 4 + 2 * (2 * Sponge::ELEMENTS + D);

    pub fn elements(&self) -> Vec<Target> {
        let Public { pre_root, post_root, z, payee, domain } = &self.public;
        let mut all = [&pre_root[..], post_root, z, payee, domain].concat();
        for section in [&self.inputs, &self.outputs] {
            all.extend([section.from.elements(), section.to.elements(), section.sum.0.to_vec()].concat());
        }
        assert_eq!(all.len(), Self::ELEMENTS);
        all
    }

    /// From its `ELEMENTS` elements.
    pub fn of(elements: &[Target]) -> Self {
        let mut rest = elements.iter().copied();
        let mut take = |count: usize| -> Vec<Target> { rest.by_ref().take(count).collect() };
        let [pre_root, post_root] = [take(4), take(4)].map(|d| d.try_into().expect("four"));
        let z = take(D).try_into().expect("two");
        let payee = take(PAYEE_WORDS);
        let domain = take(4).try_into().expect("four");
        let [inputs, outputs] = [(); 2].map(|()| {
            let [from, to] = [(); 2].map(|()| Sponge::of(&take(Sponge::ELEMENTS)));
            Section { from, to, sum: ExtensionTarget(take(D).try_into().expect("two")) }
        });
        Part { public: Public { pre_root, post_root, z, payee, domain }, inputs, outputs }
    }
}

impl Builder {
    /// A section over `words`, from a hash that is advised.
    pub fn section(&mut self, z: ExtensionTarget<D>, words: &[Target]) -> Section {
        let from = self.advise_sponge();
        let to = self.absorb(&from, words);
        let sum = ReducingFactorTarget::new(z).reduce_base(words, &mut self.plonk);
        Section { from, to, sum }
    }

    /// Registers a part's elements as the public inputs.
    pub fn register(&mut self, part: &Part) {
        self.plonk.register_public_inputs(&part.elements());
    }

    fn connect_all(&mut self, xs: &[Target], ys: &[Target]) {
        assert_eq!(xs.len(), ys.len());
        xs.iter().zip(ys).for_each(|(&x, &y)| self.plonk.connect(x, y));
    }

    /// `a + z^exponent·b`.
    fn plus_shifted(
        &mut self,
        a: ExtensionTarget<D>,
        z: [Target; D],
        exponent: usize,
        b: ExtensionTarget<D>,
    ) -> ExtensionTarget<D> {
        let power = self.plonk.exp_u64_extension(ExtensionTarget(z), exponent as u64);
        self.plonk.mul_add_extension(power, b, a)
    }

    /// Neighbours as one: **constrains** that each starts where the one before ended. `parts` come with their numbers of slots.
    pub fn merge(&mut self, program: &Program, parts: &[(Part, usize)]) -> (Part, usize) {
        let (mut whole, mut slots) = parts[0].clone();
        for (part, count) in &parts[1..] {
            let (before, after) = (&whole.public, &part.public);
            self.connect_all(&before.post_root, &after.pre_root);
            self.connect_all(&before.z, &after.z);
            self.connect_all(&before.payee, &after.payee);
            self.connect_all(&before.domain, &after.domain);
            whole.public.post_root = after.post_root;
            let sections = [
                (&mut whole.inputs, &part.inputs, program.input_words),
                (&mut whole.outputs, &part.outputs, program.output_words),
            ];
            for (before, after, words) in sections {
                self.connect_all(&before.to.elements(), &after.from.elements());
                before.to = after.to.clone();
                before.sum = self.plus_shifted(before.sum, whole.public.z, words * slots, after.sum);
            }
            slots += count;
        }
        (whole, slots)
    }

    /// Closes the journal of a whole batch: **constrains** that its hash starts as a journal's of that length does, and goes on from the
    /// inputs to the outputs; appends the words of the cells, and registers the 25 public inputs.
    pub fn close(&mut self, program: &Program, part: &Part, slots: usize) {
        let start = self.hash_start(tag::JOURNAL, 0, program.journal_words(slots));
        let zero = self.plonk.zero();
        self.connect_all(&part.inputs.from.elements(), &[&start[..], &[zero; RATE]].concat());
        self.connect_all(&part.inputs.to.elements(), &part.outputs.from.elements());
        let (inputs, outputs) = (slots * program.input_words, slots * program.output_words);
        let end = &part.outputs.to;
        let pending = (inputs + outputs) % RATE;
        let fill = self.constant(pending as i128);
        self.plonk.connect(end.fill, fill);

        let Public { pre_root, post_root, z, payee, domain } = &part.public;
        let cells = lowering::open_cells(self, program, *post_root);
        let state = self.hash_on(end.state, &[&end.pending[..pending], &cells].concat());
        let commitment = &state[..4];
        let cell_sum = ReducingFactorTarget::new(ExtensionTarget(*z)).reduce_base(&cells, &mut self.plonk);
        let y = self.plus_shifted(part.outputs.sum, *z, outputs, cell_sum);
        let y = self.plus_shifted(part.inputs.sum, *z, inputs, y);
        let public = [&pre_root[..], post_root, commitment, z, &y.0, payee, domain].concat();
        assert_eq!(public.len(), PUBLIC_INPUTS);
        self.plonk.register_public_inputs(&public);
    }
}

/// A circuit of a batch; others are named by their place in the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// A leaf that is the whole batch.
    Batch { slots: usize },
    /// A leaf that is a part of it.
    Segment { slots: usize },
    /// A join of the proofs of these circuits; at the root it closes the batch.
    Join { parts: Vec<usize>, slots: usize, root: bool },
}

impl Shape {
    pub fn slots(&self) -> usize {
        match self {
            Shape::Batch { slots } | Shape::Segment { slots } | Shape::Join { slots, .. } => *slots,
        }
    }
}

/// How a batch is proven: it follows from program and batch size alone, so everyone has the same circuits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The circuits, each once and after those that it verifies; the last is the batch's.
    pub shapes: Vec<Shape>,
    /// The proofs, as circuits: first the leaves, in the batch's order; then level by level the joins. A join takes as many proofs of the level before as
    /// it has parts; one that is left over goes up as it is.
    pub levels: Vec<Vec<usize>>,
}

impl Plan {
    /// One leaf if it has 2^`MOST_ROW_BITS` rows or less; else segments of as many slots as these rows hold, the last with what is left.
    ///
    /// # Errors
    /// The rows of a single slot, if they are more.
    pub fn of(program: &Program, slots: usize) -> Result<Self, usize> {
        let most = 1 << MOST_ROW_BITS;
        let batch = |n| lowering::build(program, n, circuit_config()).rows();
        let segment = |n| lowering::build_segment(program, n, circuit_config()).rows();
        let (one, two) = (segment(1).max(batch(1)), segment(2));
        if one > most {
            return Err(one);
        }
        // Slots are alike but for a few cells of a row that they share: two counts tell the rest, more confirm it.
        let estimate = 1 + (most - one) / (two - one);
        if slots <= estimate + 1 && batch(slots) <= most {
            return Ok(Plan::whole(slots));
        }
        let size = (1..=estimate + 1).rev().find(|&n| segment(n) <= most).expect("one fits").min(slots - 1);
        let mut sizes = vec![size; slots / size];
        sizes.extend(Some(slots % size).filter(|&rest| rest > 0));
        Ok(Plan::of_sizes(&sizes))
    }

    /// A single leaf.
    pub fn whole(slots: usize) -> Self {
        Plan { shapes: vec![Shape::Batch { slots }], levels: vec![vec![0]] }
    }

    /// Segments of so many slots, two at least.
    pub fn of_sizes(sizes: &[usize]) -> Self {
        assert!(sizes.len() >= 2, "a single leaf needs no join");
        let mut shapes: Vec<Shape> = vec![];
        let place = |shapes: &mut Vec<Shape>, shape: Shape| -> usize {
            shapes.iter().position(|s| *s == shape).unwrap_or_else(|| {
                shapes.push(shape);
                shapes.len() - 1
            })
        };
        let mut parts: Vec<usize> = sizes.iter().map(|&slots| place(&mut shapes, Shape::Segment { slots })).collect();
        let mut levels = vec![parts.clone()];
        while parts.len() > 1 {
            let root = parts.len() <= ARITY;
            let (mut joins, mut above) = (vec![], vec![]);
            for group in parts.chunks(ARITY) {
                if let [alone] = group {
                    above.push(*alone);
                    continue;
                }
                let slots = group.iter().map(|&p| shapes[p].slots()).sum();
                joins.push(place(&mut shapes, Shape::Join { parts: group.to_vec(), slots, root }));
            }
            above.splice(0..0, joins.iter().copied());
            levels.push(joins);
            parts = above;
        }
        Plan { shapes, levels }
    }

    /// Slots of each leaf.
    pub fn leaves(&self) -> Vec<usize> {
        self.levels[0].iter().map(|&s| self.shapes[s].slots()).collect()
    }

    /// The place of the batch's own circuit.
    pub fn root(&self) -> usize {
        self.shapes.len() - 1
    }

    /// The advice for its circuits, and the statement.
    ///
    /// # Errors
    /// As `execution::execute`.
    pub fn execute(
        &self,
        program: &Program,
        statement: &Statement,
        request: &pb::ProveRequest,
    ) -> Result<(Advice, pb::SuiteStatement), Refusal> {
        match self.leaves()[..] {
            [slots] => {
                let witness = execution::execute(program, slots, statement, request)?;
                Ok((Advice { leaves: vec![witness.advice], closing: vec![] }, witness.suite))
            }
            ref several => execution::execute_segments(program, several, statement, request),
        }
    }

    /// Builds one circuit. `verifier` gives those that it verifies, by their place.
    pub fn lower<'v>(
        &self,
        program: &Program,
        place: usize,
        verifier: impl Fn(usize) -> &'v VerifierCircuitData<F, C, D>,
    ) -> Circuit {
        let config = circuit_config();
        match &self.shapes[place] {
            Shape::Batch { slots } => lowering::lower(program, *slots, config),
            Shape::Segment { slots } => {
                let separator =
                    [b"multiprover/plonky2/segment/v1".as_slice(), &program.id, &(*slots as u32).to_be_bytes()].concat();
                Circuit::new(lowering::build_segment(program, *slots, config), &separator)
            }
            Shape::Join { parts, root, .. } => {
                let parts: Vec<_> = parts.iter().map(|&p| (verifier(p), self.shapes[p].slots())).collect();
                join(program, &parts, *root, config)
            }
        }
    }
}

/// The circuit that verifies `parts`, each with its number of slots.
fn join(program: &Program, parts: &[(&VerifierCircuitData<F, C, D>, usize)], root: bool, config: CircuitConfig) -> Circuit {
    let mut b = Builder::new(config);
    let (mut proofs, mut stated) = (vec![], vec![]);
    for (verifier, slots) in parts {
        let proof = b.plonk.add_virtual_proof_with_pis(&verifier.common);
        let data = b.plonk.constant_verifier_data(&verifier.verifier_only);
        b.plonk.verify_proof::<C>(&proof, &data, &verifier.common);
        stated.push((Part::of(&proof.public_inputs), *slots));
        proofs.push(proof);
    }
    let (whole, slots) = b.merge(program, &stated);
    let name: &[u8] = if root {
        b.close(program, &whole, slots);
        b"multiprover/plonky2/root/v1"
    } else {
        b.register(&whole);
        b"multiprover/plonky2/join/v1"
    };
    b.finish_rows();
    let mut circuit = Circuit::new(b, &[name, &program.id, &(slots as u32).to_be_bytes()].concat());
    circuit.parts = proofs;
    circuit
}

impl Circuit {
    /// The witness of advice, and of the proofs of its parts.
    ///
    /// # Errors
    /// They do not satisfy the circuit.
    pub fn witness(&self, advice: &[F], parts: &[Proof]) -> anyhow::Result<PartitionWitness<'_, F>> {
        assert_eq!((advice.len(), parts.len()), (self.advice.len(), self.parts.len()), "what the circuit asks for");
        let mut inputs = PartialWitness::new();
        for (&target, &value) in self.advice.iter().zip(advice) {
            inputs.set_target(target, value)?;
        }
        for (target, proof) in self.parts.iter().zip(parts) {
            inputs.set_proof_with_pis_target(target, proof)?;
        }
        generate_partial_witness(inputs, &self.data.prover_only, &self.data.common)
    }

    /// A proof of that witness.
    ///
    /// # Errors
    /// As for the witness.
    pub fn prove(&self, advice: &[F], parts: &[Proof]) -> anyhow::Result<Proof> {
        let witness = self.witness(advice, parts)?;
        prove_with_partition_witness(&self.data.prover_only, &self.data.common, witness, &mut TimingTree::default())
    }
}

/// Why a batch was not proven.
#[derive(Debug)]
pub enum Failed<E> {
    /// A circuit could not be loaded.
    Load(E),
    /// The advice, or a proof below, does not satisfy its circuit.
    Proof(anyhow::Error),
}

/// MiB that proving takes for each 2^10 rows.
const MIB_A_KILOROW: usize = 34;

/// Proves a batch: leaves at the same time, up to `cores` of them and not more than fit in `memory_mib`; then joins, level by level.
///
/// `load` gives a circuit by its place in the plan; each is asked for once a level. `done` is told after every proof how many of how many there are,
/// once at a time and in order.
///
/// # Errors
/// Of `load`, or the first proof that fails.
pub fn prove_batch<E>(
    plan: &Plan,
    load: impl Fn(usize) -> Result<Circuit, E>,
    advice: &Advice,
    (cores, memory_mib): (usize, usize),
    done: impl Fn(usize, usize) + Sync,
) -> Result<Proof, Failed<E>> {
    let total = plan.levels.iter().map(Vec::len).sum::<usize>();
    let finished = Mutex::new(0);
    let mut below: Vec<Proof> = vec![];
    for level in &plan.levels {
        let mut given = below.into_iter();
        let mut parts_of = |place: usize| match &plan.shapes[place] {
            Shape::Join { parts, .. } => given.by_ref().take(parts.len()).collect(),
            _ => vec![],
        };
        let jobs: Vec<(usize, Vec<Proof>)> = level.iter().map(|&place| (place, parts_of(place))).collect();
        let left = given;
        let mut distinct: Vec<usize> = jobs.iter().map(|(place, _)| *place).collect();
        distinct.sort_unstable();
        distinct.dedup();
        let mut circuits: Vec<(usize, Circuit)> = vec![];
        for place in distinct {
            circuits.push((place, load(place).map_err(Failed::Load)?));
        }
        let circuit = |place: usize| &circuits.iter().find(|(p, _)| *p == place).expect("loaded").1;
        let largest = circuits.iter().map(|(_, c)| c.data.common.degree_bits()).max().unwrap_or(0);
        let fitting = memory_mib / ((MIB_A_KILOROW << largest) >> 10).max(1);
        let workers = jobs.len().min(cores).min(fitting).max(1);
        let (next, proofs) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(jobs.len())));
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some((place, parts)) = jobs.get(at) else { return };
                        let advised = match plan.shapes[*place] {
                            Shape::Join { root: true, .. } => &advice.closing[..],
                            Shape::Join { .. } => &[],
                            _ => &advice.leaves[at][..],
                        };
                        let proof = circuit(*place).prove(advised, parts);
                        let failed = proof.is_err();
                        proofs.lock().expect("not poisoned").push((at, proof));
                        if failed {
                            next.store(jobs.len(), Ordering::Relaxed);
                            return;
                        }
                        let mut finished = finished.lock().expect("not poisoned");
                        *finished += 1;
                        done(*finished, total);
                    }
                });
            }
        });
        let mut proofs = proofs.into_inner().expect("not poisoned");
        proofs.sort_unstable_by_key(|(at, _)| *at);
        below = proofs.into_iter().map(|(_, proof)| proof.map_err(Failed::Proof)).collect::<Result<_, _>>()?;
        below.extend(left);
    }
    Ok(below.pop().expect("the last level has one proof"))
}
