//! Segments and joins: what is carried from one to the next cannot be changed, left out, repeated or taken from elsewhere.

#[path = "common/bank.rs"]
mod bank;
mod common;

use bank::Bank;
use common::{Checked, Random};
use multiprover_plonky2::builder::{Builder, Sponge};
use multiprover_plonky2::config::{MOST_ROW_BITS, circuit_config};
use multiprover_plonky2::execution::{Advice, Statement, execute_segments};
use multiprover_plonky2::field::{C, D, F, Field};
use multiprover_plonky2::lowering::{Circuit, PUBLIC_INPUTS, build_segment};
use multiprover_plonky2::pb::prover as pb;
use multiprover_plonky2::program::Program;
use multiprover_plonky2::reference::{Transaction, World, reference_program};
use multiprover_plonky2::security::{Parameters, least};
use multiprover_plonky2::segments::{Part, Plan, Proof, Shape, prove_batch};
use multiprover_plonky2::suite::{self, tag};
use plonky2::iop::witness::{PartitionWitness, Witness as _};
use plonky2::plonk::circuit_data::VerifierCircuitData;

fn public(circuit: &Checked, witness: &PartitionWitness<F>) -> Vec<F> {
    circuit.data.prover_only.public_inputs.iter().map(|&t| witness.get_target(t)).collect()
}

/// The public inputs that the circuit takes with this advice, if it takes it.
fn stated(circuit: &Checked, advice: &[F]) -> Option<Vec<F>> {
    let witness = circuit.witness(advice).ok()?;
    circuit.holds(&witness).then(|| public(circuit, &witness))
}

/// A state with two accounts, and a batch of four slots on it: payments both ways, and an empty slot.
fn four_slots() -> (Bank, pb::ProveRequest) {
    let mut bank = Bank::new();
    let registrations = [bank.register(5, 0, 1 << 45), bank.register(9, 1, 77)];
    bank.world.batch(&registrations);
    let batch = [bank.pay(5, 9, 123_456_789_012, 0), bank.noop(), bank.pay(9, 5, 78, 1), bank.pay(5, 9, 3, 0)];
    let request = bank.world.batch(&batch);
    (bank, request)
}

fn run(bank: &Bank, request: &pb::ProveRequest, slots: &[usize]) -> (Statement, Advice) {
    let statement = Statement::decode(request.statement.as_ref()).unwrap();
    let (advice, _) = execute_segments(&bank.world.program, slots, &statement, request).unwrap();
    (statement, advice)
}

/// A segment's circuit, not proven: its constraints can be looked at.
fn segment(program: &Program, slots: usize) -> Checked {
    let circuit = Circuit::new(build_segment(program, slots, circuit_config()), b"test");
    Checked::new(circuit.data, circuit.advice)
}

#[test]
fn a_hash_cut_anywhere_is_the_hash() {
    let mut random = Random(7);
    for lengths in [&[1, 7, 1, 8, 3, 0, 9, 16, 5][..], &[17, 30, 4], &[8, 8], &[3, 2, 1, 1, 23], &[2, 6, 6, 6, 6, 6]] {
        let words: Vec<u32> = (0..lengths.iter().sum()).map(|_| random.next() as u32).collect();
        let circuit = Checked::build(|b: &mut Builder| {
            let start = b.hash_start(tag::JOURNAL, 0, words.len());
            let zero = b.plonk.zero();
            let mut sponge = Sponge::of(&[&start[..], &[zero; 8]].concat());
            for &length in lengths {
                let words = b.advise_many(length);
                sponge = b.absorb(&sponge, &words);
            }
            let left = words.len() % 8;
            let fill = b.constant(left as i128);
            b.plonk.connect(sponge.fill, fill);
            sponge.pending[left..].iter().for_each(|&p| b.plonk.assert_zero(p));
            let state = b.hash_on(sponge.state, &sponge.pending[..left]);
            b.plonk.register_public_inputs(&state[..4]);
        });
        let advice: Vec<F> = words.iter().map(|&w| F::from_canonical_u32(w)).collect();
        assert_eq!(stated(&circuit, &advice), Some(suite::commit(&words).to_vec()), "{lengths:?}");
        // With the words fixed, nothing else of the witness is free.
        let digest = stated(&circuit, &advice).unwrap();
        for i in 0..advice.len() {
            let mut lie = advice.clone();
            lie[i] += F::ONE;
            assert_ne!(stated(&circuit, &lie), Some(digest.clone()), "{lengths:?}: word {i}");
        }
    }
}

#[test]
fn no_value_of_a_hash_that_goes_on_is_free() {
    for (fill, length) in [(0, 5), (3, 5), (6, 11), (7, 1), (4, 8), (5, 2)] {
        let circuit = Checked::build(|b: &mut Builder| {
            let sponge = b.advise_sponge();
            let words = b.advise_many(length);
            let after = b.absorb(&sponge, &words);
            b.plonk.register_public_inputs(&[sponge.elements(), words, after.elements()].concat());
        });
        let mut random = Random(fill as u64);
        let mut advice: Vec<F> = (0..Sponge::ELEMENTS + length).map(|_| F::from_canonical_u32(random.next() as u32)).collect();
        advice[12 + fill..19].fill(F::ZERO);
        advice[19] = F::from_canonical_usize(fill);
        assert_eq!(circuit.free_values(&advice), Vec::<usize>::new(), "{fill} pending, {length} more");
        for lie in [8, 16, 1 << 32] {
            let mut advice = advice.clone();
            advice[19] += F::from_canonical_u64(lie);
            assert!(!circuit.accepts(&advice), "{fill} + {lie} pending");
        }
    }
}

/// Joins the statements of parts that are advised instead of proven.
fn joined(program: &Program, sizes: &[usize]) -> Checked {
    Checked::build(|b: &mut Builder| {
        let parts: Vec<(Part, usize)> = sizes.iter().map(|&n| (Part::of(&b.advise_many(Part::ELEMENTS)), n)).collect();
        let (whole, slots) = b.merge(program, &parts);
        b.close(program, &whole, slots);
    })
}

/// Places of a part's elements.
mod place {
    use super::{D, Sponge};
    pub const PRE_ROOT: std::ops::Range<usize> = 0..4;
    pub const POST_ROOT: std::ops::Range<usize> = 4..8;
    pub const INPUTS: usize = 4 + 4 + D + 5 + 4;
    pub const INPUT_SUM: usize = INPUTS + 2 * Sponge::ELEMENTS;
    pub const OUTPUTS: usize = INPUT_SUM + D;
    pub const OUTPUTS_TO: usize = OUTPUTS + Sponge::ELEMENTS;
    pub const OUTPUT_SUM: usize = OUTPUTS + 2 * Sponge::ELEMENTS;
}

#[test]
fn segments_state_the_batch_and_no_carry_can_be_changed() {
    let (bank, request) = four_slots();
    for sizes in [&[2, 1, 1][..], &[1, 3], &[1, 1, 1, 1]] {
        check_carries(&bank.world.program, &request, sizes);
    }
    // Without cells; at the second size the journal fills its last group.
    let mut world = World::new(&reference_program(&["goldilocks"]), vec![]);
    for sizes in [&[2, 2][..], &[5, 3]] {
        let p = world.program.clone();
        let empty = || Transaction {
            words: vec![0; p.input_words],
            accesses: vec![None, None],
            signers: vec![None; 2],
            output: vec![0; p.output_words],
            cells: vec![],
        };
        let batch: Vec<Transaction> = (0..sizes.iter().sum()).map(|_| empty()).collect();
        let request = world.batch(&batch);
        check_carries(&p, &request, sizes);
    }
}

/// Every element that segments carry, changed alone: it is refused, or gives another statement, or is one that nothing depends on.
fn check_carries(program: &Program, request: &pb::ProveRequest, sizes: &[usize]) {
    let statement = Statement::decode(request.statement.as_ref()).unwrap();
    let (advice, _) = execute_segments(program, sizes, &statement, request).unwrap();
    let parts: Vec<Vec<F>> = (sizes.iter().zip(&advice.leaves))
        .map(|(&n, advice)| stated(&segment(program, n), advice).expect("an honest segment"))
        .collect();
    let circuit = joined(program, sizes);
    let honest = [parts.concat(), advice.closing].concat();
    assert_eq!(stated(&circuit, &honest), Some(statement.public_inputs()), "{sizes:?}");
    let (mut unused, mut other) = (vec![], vec![]);
    for i in 0..honest.len() {
        let mut lie = honest.clone();
        lie[i] += F::ONE;
        match stated(&circuit, &lie) {
            None => {}
            Some(result) if result == statement.public_inputs() => unused.push(i),
            Some(_) => other.push(i),
        }
    }
    // Nothing depends on places of the last hash that the journal's last words overwrite, or, if there are none, that are no part of the digest. (A proof
    // fixes these too.) The others, and the pending words, are what `c` is made of.
    let at = Part::ELEMENTS * (sizes.len() - 1);
    let last = at + place::OUTPUTS_TO;
    let pending = (program.journal_words(sizes.iter().sum()) - program.cell_words()) % 8;
    let overwritten = (pending + program.cell_words()).min(8);
    let used = if overwritten == 0 { last..last + 4 } else { last + overwritten..last + 12 };
    let expected: Vec<usize> =
        (last..last + 12).filter(|i| !used.contains(i)).chain(last + 12 + pending..last + 12 + 7).collect();
    assert_eq!(unused, expected, "{sizes:?}");
    let sums = |part: usize| {
        let at = part * Part::ELEMENTS;
        [at + place::INPUT_SUM, at + place::INPUT_SUM + 1, at + place::OUTPUT_SUM, at + place::OUTPUT_SUM + 1]
    };
    let mut expected: Vec<usize> = place::PRE_ROOT.chain((0..sizes.len()).flat_map(sums)).chain(used).collect();
    expected.extend(last + 12..last + 12 + pending);
    // The root after the batch is opened for its cells.
    if program.cell_words() == 0 {
        expected.extend(place::POST_ROOT.map(|i| at + i));
    }
    expected.sort_unstable();
    assert_eq!(other, expected, "{sizes:?}");
}

#[test]
fn parts_out_of_order_or_twice_are_refused() {
    let (bank, request) = four_slots();
    let program = &bank.world.program;
    let (_, segmented) = run(&bank, &request, &[1, 1, 1, 1]);
    let one = segment(program, 1);
    let parts: Vec<Vec<F>> = segmented.leaves.iter().map(|advice| stated(&one, advice).unwrap()).collect();
    let circuit = joined(program, &[1, 1, 1, 1]);
    let accepts = |order: [usize; 4]| {
        let advice: Vec<F> = order.iter().flat_map(|&n| parts[n].clone()).chain(segmented.closing.clone()).collect();
        circuit.accepts(&advice)
    };
    assert!(accepts([0, 1, 2, 3]));
    for order in [[1, 0, 2, 3], [0, 2, 1, 3], [0, 1, 3, 2], [3, 2, 1, 0], [0, 0, 2, 3], [0, 1, 1, 3], [0, 1, 1, 2], [1, 1, 1, 1]]
    {
        assert!(!accepts(order), "{order:?}");
    }

    // Empty slots leave the state as it is: only the journal's hash tells them apart.
    let mut bank = Bank::new();
    let empty = [bank.noop(), bank.noop(), bank.noop(), bank.noop()];
    let request = bank.world.batch(&empty);
    let (_, segmented) = run(&bank, &request, &[1, 1, 1, 1]);
    let parts: Vec<Vec<F>> = segmented.leaves.iter().map(|advice| stated(&one, advice).unwrap()).collect();
    assert_eq!(parts[0][..8], parts[3][..8], "the state stays");
    for order in [[0, 0, 2, 3], [0, 2, 1, 3], [3, 3, 3, 3]] {
        let advice: Vec<F> = order.iter().flat_map(|&n| parts[n].clone()).chain(segmented.closing.clone()).collect();
        assert!(!circuit.accepts(&advice), "{order:?}");
    }
}

#[test]
fn plans_follow_from_program_and_batch_size() {
    let program = Program::decode(&reference_program(&["goldilocks"])).unwrap();
    assert_eq!(Plan::of(&program, 1), Ok(Plan::whole(1)));
    assert_eq!(Plan::of(&program, 23), Ok(Plan::whole(23)));
    let plan = Plan::of(&program, 100).unwrap();
    assert_eq!(plan, Plan::of(&program, 100).unwrap());
    assert_eq!(plan.leaves().iter().sum::<usize>(), 100);
    let Shape::Segment { slots } = plan.shapes[0] else { panic!("a segment first") };
    let rows = |n| build_segment(&program, n, circuit_config()).rows();
    assert!(rows(slots) <= 1 << MOST_ROW_BITS && rows(slots + 1) > 1 << MOST_ROW_BITS);
    for count in 2..40 {
        let plan = Plan::of_sizes(&vec![3; count]);
        assert_eq!(plan.shapes[plan.root()].slots(), 3 * count);
        let roots = plan.shapes.iter().filter(|s| matches!(s, Shape::Join { root: true, .. })).count();
        assert_eq!((roots, plan.levels.last().unwrap()), (1, &vec![plan.root()]));
        assert_eq!(plan.levels.iter().map(Vec::len).sum::<usize>(), 2 * count - 1, "a join less than leaves");
    }
}

/// The circuits of a plan, with their verifier data.
fn lower(program: &Program, plan: &Plan) -> (Vec<Circuit>, Vec<VerifierCircuitData<F, C, D>>) {
    let (mut circuits, mut verifiers): (Vec<Circuit>, Vec<VerifierCircuitData<F, C, D>>) = (vec![], vec![]);
    for place in 0..plan.shapes.len() {
        let circuit = plan.lower(program, place, |p| &verifiers[p]);
        verifiers.push(circuit.data.verifier_data());
        circuits.push(circuit);
    }
    (circuits, verifiers)
}

#[test]
fn the_largest_segments_join_in_as_many_rows_as_one_has() {
    let program = Program::decode(&reference_program(&["goldilocks"])).unwrap();
    let Shape::Segment { slots } = Plan::of(&program, 100).unwrap().shapes[0] else { panic!("a segment first") };
    let (circuits, _) = lower(&program, &Plan::of_sizes(&[slots, slots]));
    let degrees: Vec<usize> = circuits.iter().map(|c| c.data.common.degree_bits()).collect();
    assert_eq!(degrees, [MOST_ROW_BITS, MOST_ROW_BITS]);
    // Whoever verifies one proof of a batch has room for it in half the rows.
    for circuit in &circuits {
        let common = &circuit.data.common;
        let mut b = Builder::new(circuit_config());
        let proof = b.plonk.add_virtual_proof_with_pis(common);
        let data = b.plonk.constant_verifier_data(&circuit.data.verifier_only);
        b.plonk.verify_proof::<C>(&proof, &data, common);
        assert!(b.rows() <= 1 << (MOST_ROW_BITS - 1), "{} rows", b.rows());
    }
}

/// Real proofs: three segments in two joins.
#[test]
fn three_segments_are_proven_and_joined_and_no_other() {
    let (bank, request) = four_slots();
    let program = &bank.world.program;
    let plan = Plan::of_sizes(&[1, 1, 2]);
    let (statement, segmented) = run(&bank, &request, &plan.leaves());
    let (circuits, verifiers) = lower(program, &plan);
    for circuit in &circuits {
        let common = &circuit.data.common;
        assert!(common.degree_bits() <= MOST_ROW_BITS);
        assert!(circuit.rows <= 1 << common.degree_bits());
        let (_, conjectured) = least(&Parameters::of(common, program.journal_words(4)).terms());
        assert!(conjectured >= 100.0, "{conjectured}");
    }
    let [one, two, join, root] = &circuits[..] else { panic!("four circuits, got {}", circuits.len()) };
    let leaf = |circuit: &Circuit, advice: &[F]| circuit.prove(advice, &[]).unwrap();
    let advice = &segmented.leaves;
    let leaves = [leaf(one, &advice[0]), leaf(one, &advice[1]), leaf(two, &advice[2])];

    let pair = |a: &Proof, b: &Proof| join.witness(&[], &[a.clone(), b.clone()]).is_ok();
    assert!(pair(&leaves[0], &leaves[1]));
    assert!(!pair(&leaves[1], &leaves[0]), "out of order");
    assert!(!pair(&leaves[0], &leaves[0]), "twice");
    // Of another batch.
    let (mut other, _) = four_slots();
    let nothing = [other.noop(), other.noop(), other.noop(), other.noop()];
    let nothing = other.world.batch(&nothing);
    let (_, elsewhere) = run(&other, &nothing, &plan.leaves());
    let of_another_batch = leaf(one, &elsewhere.leaves[1]);
    assert!(!pair(&leaves[0], &of_another_batch), "of another batch");
    // The same statement, proven with the keys of another program; and another proof's statement.
    let stranger = Circuit::new(build_segment(program, 1, circuit_config()), b"another program");
    let foreign = leaf(&stranger, &advice[1]);
    assert_eq!(foreign.public_inputs, leaves[1].public_inputs);
    assert!(stranger.data.verify(foreign.clone()).is_ok());
    assert!(!pair(&leaves[0], &foreign), "of another program");
    let graft = Proof { proof: leaves[0].proof.clone(), public_inputs: leaves[1].public_inputs.clone() };
    assert!(!pair(&leaves[0], &graft), "another proof's statement");
    // Every public input of a proof changed alone.
    for i in (0..Part::ELEMENTS).step_by(10) {
        let mut lie = leaves[1].clone();
        lie.public_inputs[i] += F::ONE;
        assert!(!pair(&leaves[0], &lie), "public input {i}");
    }

    let joined = join.prove(&[], &[leaves[0].clone(), leaves[1].clone()]).unwrap();
    let whole = |a: &Proof, b: &Proof, closing: &[F]| root.witness(closing, &[a.clone(), b.clone()]).is_ok();
    assert!(whole(&joined, &leaves[2], &segmented.closing));
    for i in 0..segmented.closing.len() {
        let mut closing = segmented.closing.clone();
        closing[i] += F::ONE;
        assert!(!whole(&joined, &leaves[2], &closing), "cell or root {i}");
    }

    let left = std::cell::RefCell::new(circuits.into_iter().map(Some).collect::<Vec<_>>());
    let load = |place: usize| Ok::<_, std::convert::Infallible>(left.borrow_mut()[place].take().expect("asked for once"));
    let steps = std::sync::Mutex::new(vec![]);
    let proof = prove_batch(&plan, load, &segmented, (2, 4096), |n, of| steps.lock().unwrap().push((n, of))).unwrap();
    assert_eq!(steps.into_inner().unwrap(), [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]);
    assert_eq!(proof.public_inputs.len(), PUBLIC_INPUTS);
    assert_eq!(proof.public_inputs, statement.public_inputs());
    verifiers[plan.root()].verify(proof).unwrap();
}
