//! What a forger would try that the tables' and gadgets' own tests do not: whole layouts, by rules that the lowering is not asked
//! about; lies over several rows, signatures and the seams of full tables; proofs of another shape.

#[path = "support/bank.rs"]
mod bank;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use multiprover_stark::batch::{self, Commitment, Parameters, Proof};
use multiprover_stark::builder::{Builder, Cells, Siblings};
use multiprover_stark::check::{Tables, Violation, audit, check};
use multiprover_stark::execution::{self, Statement, Value};
use multiprover_stark::lowering::lower;
use multiprover_stark::program::Program;
use multiprover_stark::suite::{self, KEY_HEIGHT};
use multiprover_stark::symbolic::Shape;
use multiprover_stark::tables::{Columns, EF, EXTENSION, F, Layout, Public, Table, Witness, hash, sign};
use multiprover_stark::{handwritten, reference};
use p3_field::{PrimeCharacteristicRing, PrimeField32};
use p3_lookup::LookupTerminal;

const ONE: F = F::ONE;
const ZERO: F = F::ZERO;

fn f(x: usize) -> F {
    F::from_usize(x)
}

fn set(x: F) -> bool {
    x != ZERO
}

fn flag(x: F, what: &str) -> bool {
    assert!(x == ZERO || x == ONE, "{what} is no flag");
    x == ONE
}

/// Whether a count is one of messages sent.
fn sent(count: F) -> bool {
    set(count) && count != -ONE
}

// LAYOUTS

/// Which wires carry limbs whatever a prover does: their makers hold each to sixteen bits, or copy those of such wires. Those of
/// LOGIC are held by static ranges alone.
fn limbed(l: &Layout) -> HashSet<F> {
    let mut makers: BTreeMap<u32, Vec<F>> = BTreeMap::new();
    for row in l.values.iter().filter(|row| set(row.f_const) && row.e.iter().all(|e| e.as_canonical_u32() < 1 << 16)) {
        makers.insert(row.id.as_canonical_u32(), vec![]);
    }
    for row in &l.alu {
        if sent(row.m_bit) {
            makers.insert(row.id_bit.as_canonical_u32(), vec![]);
        }
        if set(row.f_range) {
            makers.insert(row.id_c.as_canonical_u32(), vec![]);
        } else if set(row.f_select) && set(row.f_a) && set(row.f_b) {
            makers.insert(row.id_c.as_canonical_u32(), vec![row.id_a, row.id_b]);
        }
    }
    for row in &l.logic {
        makers.insert(row.id_c.as_canonical_u32(), vec![]);
    }
    let mut known = HashSet::new();
    for (id, of) in makers {
        if id != 0 && of.iter().all(|id| known.contains(id)) {
            known.insert(F::from_u32(id));
        }
    }
    known
}

fn alu_rows(l: &Layout) {
    let limbed = limbed(l);
    for (at, p) in l.alu.iter().enumerate() {
        let what = &format!("ALU row {at}");
        let [a, b, range, linear, less, select, equal, short, words, zero, one] =
            [p.f_a, p.f_b, p.f_range, p.f_lin, p.f_less, p.f_select, p.f_equal, p.f_short, p.f_words, p.f_zero, p.f_one]
                .map(|x| flag(x, what));
        assert!(u8::from(linear) + u8::from(select) + u8::from(equal) <= 1, "{what}: two operations");
        assert!(linear || !less, "{what}");
        assert!(u8::from(zero) + u8::from(one) <= u8::from(less), "{what}");
        if linear || equal {
            assert!(a && b && limbed.contains(&p.id_a) && limbed.contains(&p.id_b), "{what}: an operand without limbs");
        }
        if linear {
            assert!(range && (p.sign == ONE || p.sign == -ONE), "{what}: limbs of a sum that nothing holds");
            assert_eq!(p.offset, if less { ZERO } else { p.sign * f(1 << 15) }, "{what}");
        }
        if select {
            assert!(p.m_bit == -ONE && limbed.contains(&p.id_bit), "{what}: a choice by no bit");
            assert!(a || b, "{what}: a choice between nothing and nothing");
            assert!(p.m_c != -ONE || (a && !b), "{what}: a demand of anything");
        } else {
            assert!(p.m_c != -ONE, "{what}: a wire that is read and not looked at");
            assert!(less || equal || p.m_bit == ZERO, "{what}: a bit of nothing");
            assert!(linear || equal || range, "{what}: a free wire without limbs");
        }
        if set(p.m_w0) || set(p.m_w1) {
            assert!(limbed.contains(&p.id_c) && words, "{what}: words without limbs");
        }
        assert!(!short || words, "{what}");
        assert!(!set(p.m_w1) || !short, "{what}: a word that is 0");
        assert!(!(less || equal) || !(set(p.m_c) || words), "{what}: a comparison's difference is read");
    }
    for (at, p) in l.mul.iter().enumerate() {
        assert!(flag(p.f, "f"), "MUL row {at}");
        let r = if flag(p.f_r, "f_r") { p.id_r } else { p.id_c };
        assert!([p.id_a, p.id_b, p.id_c, r].iter().all(|id| limbed.contains(id)), "MUL row {at}: an operand without limbs");
    }
    for (at, p) in l.logic.iter().enumerate() {
        let reads = [(p.f_a, p.id_a, p.q1), (p.f_b, p.id_b, p.q2)];
        for (reads, id, q) in reads {
            assert!(if flag(reads, "f") { limbed.contains(&id) } else { !set(q) && !set(p.q3) }, "LOGIC row {at}");
        }
    }
}

fn hash_rows(l: &Layout) {
    let limbed = limbed(l);
    let (mut steps, mut ends) = (HashMap::<F, usize>::new(), HashMap::<F, usize>::new());
    let mut before = hash::Pre::default();
    let mut level = 0;
    for (at, p) in l.hash.iter().enumerate() {
        let what = &format!("HASH row {at}");
        let [read, first, absorb, path, climb, idx, low_end, path_end, nonce, step, end] = [
            p.f_read,
            p.f_first,
            p.f_absorb,
            p.f_path,
            p.f_climb,
            p.f_idx,
            p.f_low_end,
            p.f_path_end,
            p.f_nonce,
            p.f_step,
            p.f_end,
        ]
        .map(|x| flag(x, what));
        let (absorbed, climbed) = (set(before.f_absorb), set(before.f_climb));
        assert!(!idx || limbed.contains(&p.id_idx), "{what}: an index without limbs");
        assert!(!(absorb || climb || step) || !set(p.m_out), "{what}: a digest under way is read");
        assert!(p.m_sib == ZERO || (path && (p.m_sib == ONE || p.m_sib == -ONE)), "{what}");
        if path {
            level = if climbed { level + 1 } else { 0 };
            assert!(!(absorbed || first || absorb || nonce || step || end), "{what}");
            assert_eq!((read, idx), (!climbed, !climbed), "{what}: a path starts from a leaf and an index");
            assert_eq!((low_end, path_end), (climb && level == 15, !climb), "{what}, level {level}");
            assert!(level < 32, "{what}");
        } else {
            assert!(!(climbed || climb || low_end || path_end), "{what}");
            if step {
                assert!(!(absorbed || read || first || absorb || idx || nonce || end), "{what}");
                assert_eq!((p.tag, p.len, p.aux), (f(8), f(8), ZERO), "{what}");
                *steps.entry(p.sig).or_default() += 1;
            } else {
                assert!(first != absorbed, "{what}: a sponge without capacity, or of two");
                assert_eq!(u8::from(read) + u8::from(nonce) + u8::from(end), 1, "{what}: a rate that is free");
                assert_eq!(nonce, idx, "{what}");
                assert!(!first || (2..=9).contains(&p.tag.as_canonical_u32()) && p.aux.as_canonical_u32() < 1 << 26, "{what}");
                assert!(first || (p.tag, p.len) == (before.tag, before.len), "{what}");
                assert!(!nonce || (p.tag, p.len, set(before.f_first), absorb) == (f(7), f(24), true, true), "{what}");
                if end {
                    let chain = ends.entry(p.sig).or_default();
                    assert_eq!((p.tag, p.len, p.aux, first), (f(9), f(512), f(*chain), *chain == 0), "{what}");
                    *chain += 1;
                    assert_eq!(absorb, *chain < 64, "{what}");
                }
            }
        }
        before = *p;
    }
    assert!(!set(before.f_absorb) && !set(before.f_climb), "HASH goes on in padding");

    let mut signatures = HashSet::new();
    for (n, rows) in l.sign.chunks(64).enumerate() {
        assert_eq!(rows.len(), 64);
        let sig = rows[0].sig;
        assert!(set(sig) && signatures.insert(sig), "SIGN: signature {n} is another's");
        for (i, p) in rows.iter().enumerate() {
            let flags = [p.f, p.f_element, p.f_start, p.f_stop].map(|x| flag(x, "SIGN"));
            assert_eq!(flags, [true, i % 8 == 7, i == 0, i == 63], "SIGN: signature {n}, row {i}");
            assert_eq!((p.sig, p.i, p.pow), (sig, f(i), f(1 << (2 * (i % 8)))), "SIGN: signature {n}, row {i}");
        }
        assert_eq!((steps.remove(&sig), ends.remove(&sig)), (Some(72), Some(64)), "signature {n}");
    }
    assert!(steps.is_empty() && ends.is_empty(), "steps of no signature");
}

fn other_rows(l: &Layout) {
    let first = l.block.iter().position(|p| set(p.f_journal)).unwrap_or(l.block.len());
    for (at, p) in l.block.iter().enumerate() {
        p.f_w.iter().for_each(|w| _ = flag(*w, "f_w"));
        assert_eq!(flag(p.f_journal, "f_journal"), at >= first, "BLOCK row {at}: the journal's blocks stand together");
        if set(p.m_key) {
            let next = &l.block[at + 1];
            let words: Vec<F> = [p.f_w, next.f_w].concat();
            assert!(words == [ONE; 8] && !set(next.m_key) && !set(p.f_journal) && !set(next.f_journal), "BLOCK row {at}");
        }
    }
    let mut pins = [0; 3];
    for (at, p) in l.values.iter().enumerate() {
        let flags = [p.f_pre, p.f_post, p.f_commitment, p.f_const, p.f_domain].map(|x| flag(x, "VALUES"));
        assert!(flags.iter().filter(|set| **set).count() <= 1, "VALUES row {at}");
        assert!(p.m != -ONE || flags[..4].contains(&true), "VALUES row {at}: a pin to anything");
        for (count, pinned) in pins.iter_mut().zip(flags) {
            assert!(!pinned || p.m == -ONE, "VALUES row {at}: a public value that is not compared");
            *count += usize::from(pinned);
        }
    }
    assert_eq!(pins, [1; 3], "pre root, post root, commitment");
}

/// Programs and numbers of slots.
fn programs() -> Vec<(Program, usize)> {
    let mut all = vec![(Program::decode(&reference::program()).unwrap(), 3)];
    let mut seen = HashSet::new();
    for batch in bank::batches() {
        let slots = batch.request.slots.len();
        if seen.insert((batch.program.clone(), slots)) {
            all.push((Program::decode(&batch.program).unwrap(), slots));
        }
    }
    all
}

fn leaves_nothing_free(l: &Layout) {
    audit(l).unwrap();
    alu_rows(l);
    hash_rows(l);
    other_rows(l);
}

/// A limb that nothing holds, a rate or capacity that is free, a path without an index: none stands in any layout.
#[test]
fn layouts_leave_nothing_free() {
    let layouts = programs().into_iter().map(|(program, slots)| lower(&program, slots, None).unwrap().0);
    for layout in layouts.chain([handwritten::lower(2, None).0]) {
        leaves_nothing_free(&layout);
    }
}

/// Holes that `check::audit`, which counts messages, does not see: a witness that is true holds as before.
#[test]
fn what_is_left_free_is_found() {
    let (truth, _) = lower(&Program::decode(&reference::program()).unwrap(), 1, None).unwrap();
    leaves_nothing_free(&truth);
    type Hole = fn(&mut Layout);
    let holes: [Hole; 12] = [
        |l| l.alu.iter_mut().find(|p| set(p.f_range) && set(p.f_lin) && !set(p.f_less)).unwrap().f_range = ZERO,
        |l| l.alu.iter_mut().find(|p| set(p.f_range) && !set(p.f_lin) && sent(p.m_c)).unwrap().f_range = ZERO,
        |l| l.alu.iter_mut().find(|p| set(p.m_w0) && set(p.f_words)).unwrap().f_words = ZERO,
        |l| l.alu.iter_mut().find(|p| p.m_c == -ONE).unwrap().f_select = ZERO,
        |l| l.hash.iter_mut().find(|p| set(p.f_first)).unwrap().f_first = ZERO,
        |l| l.hash.iter_mut().find(|p| set(p.f_absorb)).unwrap().f_absorb = ZERO,
        |l| l.hash.iter_mut().find(|p| set(p.f_path_end)).unwrap().f_path_end = ZERO,
        |l| l.hash.iter_mut().find(|p| set(p.f_climb)).unwrap().f_climb = ZERO,
        |l| l.sign.iter_mut().for_each(|p| p.sig = ONE),
        |l| l.sign[63].f_stop = ZERO,
        |l| l.block.last_mut().unwrap().f_journal = ZERO,
        |l| l.values.iter_mut().find(|p| set(p.f_post)).unwrap().f_post = ZERO,
    ];
    for (n, hole) in holes.into_iter().enumerate() {
        let mut layout = truth.clone();
        hole(&mut layout);
        assert!(catch_unwind(|| leaves_nothing_free(&layout)).is_err(), "hole {n}");
    }
}

/// Whatever a prover says, rows stand where the key has them.
#[test]
fn advice_moves_no_row() {
    let batch = bank::payment();
    assert!(batch.holds, "{}", batch.name);
    let program = Program::decode(&batch.program).unwrap();
    let statement = Statement::decode(batch.request.statement.as_ref()).unwrap();
    let advice = execution::unchecked(&program, &statement, &batch.request).unwrap();
    let (keys, _) = lower(&program, 1, None).unwrap();
    let mut seed = 1_u32;
    for _ in 0..8 {
        let mut lie = advice.clone();
        let mut random = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            seed
        };
        let slot = &mut lie.slots[0];
        slot.words.iter_mut().for_each(|word| *word = random());
        for value in slot.openings.iter_mut().flat_map(|o| &mut o.fields).chain(&mut lie.cells) {
            match value {
                Value::Int(v) => *v = i128::from(random()) << 90 | i128::from(random()),
                Value::Key(key) => key[1] = F::from_u32(random()),
            }
        }
        // Digits of any sum: too many steps, or too few.
        for signature in &mut slot.signatures {
            signature.randomizer[6] = F::from_u32(random());
        }
        let (layout, witness) = lower(&program, 1, Some(&lie)).unwrap();
        let rows = |l: &Layout| format!("{l:?}");
        assert!(rows(&layout) == rows(&keys), "the layout depends on the advice");
        assert!(check(&layout, &witness.unwrap(), &statement.public()).is_err());
    }
}

// LIES OVER SEVERAL ROWS

/// The end of a signature's chains, twice, and tables HASH and SIGN without padding: what is the next row of the last is the first.
fn two_signatures() -> (Layout, Witness) {
    let mut b = Builder::new();
    for n in 0..2 {
        let h = b.free_digest(suite::free_message());
        let chains = std::array::from_fn(|i| std::array::from_fn(|j| f(10_000 * n + 100 * i + j)));
        let leaf = b.one_time_key(h, &chains);
        let index = b.input(0x8001 + n as i128);
        b.path(leaf, index, &[Cells::default(); KEY_HEIGHT], Siblings::Own);
    }
    let mut part = b.constant(Cells::default());
    for _ in b.rows()..512 {
        part = b.hash(suite::tag::JOURNAL, 0, 8, &[part]);
    }
    let (layout, witness) = b.finish(&[], Default::default());
    assert_eq!((layout.hash.len(), layout.sign.len()), (512, 128));
    (layout, witness)
}

#[test]
fn steps_are_of_one_signature_and_one_place() {
    let (layout, truth) = two_signatures();
    let steps: Vec<usize> = (0..layout.hash.len()).filter(|at| set(layout.hash[*at].f_step)).collect();
    let refused = |lie: &dyn Fn(&mut Witness)| {
        let mut witness = truth.clone();
        lie(&mut witness);
        let found = check(&layout, &witness, &Public::default());
        assert!(matches!(found, Err(Violation::Bus { bus: "chain", .. })), "{found:?}");
    };
    check(&layout, &truth, &Public::default()).unwrap();
    // In another order they are as good: which step stands where is the prover's.
    let mut witness = truth.clone();
    witness.hash.swap(steps[3], steps[70]);
    check(&layout, &witness, &Public::default()).unwrap();
    // Not in the other signature's rows, though there are as many.
    refused(&|w| (0..72).for_each(|n| w.hash.swap(steps[n], steps[72 + n])));
    refused(&|w| w.hash.swap(steps[3], steps[72 + 3]));
    // Place 4 of the chain before is hashed alike.
    refused(&|w| {
        let row = &mut w.hash[steps[5]];
        (row.acc, row.rest) = (row.acc - ONE, row.rest + f(4));
    });
}

fn accepted(verifying: &batch::VerifyingKey, proof: &[u8]) -> bool {
    batch::verify(verifying, &Public::default(), proof).is_ok()
}

fn columns(tables: &Tables, table: Table, row: usize) -> usize {
    row * tables.main[table as usize].width
}

/// Full tables are proven; a lie about the last row or the first is refused, and so is a proof whose parts are more, fewer, absent or
/// exchanged, whatever its transcript then is.
#[test]
fn a_proof_has_one_shape() {
    let (layout, witness) = two_signatures();
    let (key, verifying) = batch::keys(&layout, Parameters::Batch).unwrap();
    let truth = Tables::new(&layout, &witness, &Public::default()).unwrap();
    let proof = batch::encode(&batch::prove(&key, witness, &Public::default()).unwrap());
    assert!(accepted(&verifying, &proof));

    let sign = |name: &str| {
        let parts = <sign::Main<F> as Columns<F>>::NAMES;
        parts.iter().take_while(|(part, _)| *part != name).map(|(_, len)| len).sum::<usize>()
    };
    for (table, at) in [
        // The sum of digits, a digit that is no bit, the first row's sum.
        (Table::Sign, columns(&truth, Table::Sign, 127) + sign("sum")),
        (Table::Sign, columns(&truth, Table::Sign, 127) + sign("b0")),
        (Table::Sign, sign("sum")),
        (Table::Hash, columns(&truth, Table::Hash, 511)),
        (Table::Hash, columns(&truth, Table::Hash, 512) - 3),
        // Padding: a boolean's result, a block's half-word, an evaluation that moves. A count of RANGE's.
        (Table::Logic, columns(&truth, Table::Logic, 127) + 2),
        (Table::Block, columns(&truth, Table::Block, 127)),
        (Table::Block, columns(&truth, Table::Block, 64) + 8),
        (Table::Range, 0),
    ] {
        let mut main = truth.main.clone();
        main[table as usize].values[at] += f(2);
        let lie = batch::prove_tables(&key, &main, &Public::default()).unwrap();
        assert!(!accepted(&verifying, &batch::encode(&lie)), "{table}, {at}");
        // With terminals that sum to zero nonetheless.
        let mut forced = batch::decode(&batch::encode(&lie)).unwrap();
        let sum = forced.lookup_terminals.iter().flatten().map(|t| t.0).sum::<EF>();
        let first = forced.lookup_terminals[0].unwrap().0 - sum;
        forced.lookup_terminals[0] = Some(LookupTerminal(first));
        assert!(!accepted(&verifying, &batch::encode(&forced)), "{table}, {at}: terminals");
    }

    type Edit = (&'static str, fn(&mut Proof));
    fn cap(of: &Commitment, roots: usize) -> Commitment {
        Commitment::new(of.roots().iter().copied().cycle().take(roots).collect())
    }
    let edits: [Edit; 46] = [
        ("cap of one", |p| p.commitments.main = cap(&p.commitments.main, 1)),
        ("cap of half", |p| p.commitments.main = cap(&p.commitments.main, 8)),
        ("cap of two", |p| p.commitments.main = cap(&p.commitments.main, 32)),
        ("quotients' cap of one", |p| p.commitments.quotient_chunks = cap(&p.commitments.quotient_chunks, 1)),
        ("no buses", |p| p.commitments.permutation = None),
        ("another commitment", |p| p.commitments.random = Some(p.commitments.main.clone())),
        ("exchanged", |p| std::mem::swap(&mut p.commitments.main, &mut p.commitments.quotient_chunks)),
        ("a table fewer", |p| _ = p.opened_values.instances.pop()),
        ("tables exchanged", |p| p.opened_values.instances.swap(3, 6)),
        ("no tables", |p| p.opened_values.instances.clear()),
        ("a column fewer", |p| _ = p.opened_values.instances[1].base_opened_values.trace_local.pop()),
        ("a column more", |p| p.opened_values.instances[1].base_opened_values.trace_local.push(Default::default())),
        ("no next row", |p| p.opened_values.instances[0].base_opened_values.trace_next = None),
        ("a next row", |p| p.opened_values.instances[1].base_opened_values.trace_next = Some(vec![])),
        ("a next row of zeros", |p| {
            p.opened_values.instances[1].base_opened_values.trace_next = Some(vec![Default::default(); Table::Alu.width()]);
        }),
        ("no preprocessed", |p| p.opened_values.instances[2].base_opened_values.preprocessed = None),
        ("a preprocessed column fewer", |p| {
            _ = p.opened_values.instances[2].base_opened_values.preprocessed.as_mut().unwrap().local.pop();
        }),
        ("a preprocessed next row", |p| {
            p.opened_values.instances[2].base_opened_values.preprocessed.as_mut().unwrap().next = Some(vec![]);
        }),
        ("a preprocessed value", |p| {
            p.opened_values.instances[7].base_opened_values.preprocessed.as_mut().unwrap().local[0] += ONE;
        }),
        ("a quotient fewer", |p| _ = p.opened_values.instances[2].base_opened_values.quotient_chunks.pop()),
        ("a quotient more", |p| p.opened_values.instances[2].base_opened_values.quotient_chunks.push(vec![])),
        ("a short quotient", |p| _ = p.opened_values.instances[2].base_opened_values.quotient_chunks[0].pop()),
        ("a mask", |p| p.opened_values.instances[2].base_opened_values.random = Some(vec![])),
        ("a bus column fewer", |p| {
            let instance = &mut p.opened_values.instances[3];
            instance.permutation_local.truncate(instance.permutation_local.len() - EXTENSION);
            instance.permutation_next.truncate(instance.permutation_next.len() - EXTENSION);
        }),
        ("no bus columns", |p| {
            p.opened_values.instances[3].permutation_local.clear();
            p.opened_values.instances[3].permutation_next.clear();
        }),
        ("no terminal", |p| p.lookup_terminals[4] = None),
        ("a terminal fewer", |p| _ = p.lookup_terminals.pop()),
        ("terminals exchanged", |p| p.lookup_terminals.swap(0, 1)),
        ("terminals of the same sum", |p| {
            let [x, y] = [0, 1].map(|i| p.lookup_terminals[i].unwrap().0);
            (p.lookup_terminals[0], p.lookup_terminals[1]) = (Some(LookupTerminal(x + ONE)), Some(LookupTerminal(y - ONE)));
        }),
        ("heights fewer", |p| _ = p.degree_bits.pop()),
        ("no lookup work", |p| p.lookup_pow_witness = None),
        ("other lookup work", |p| p.lookup_pow_witness = p.lookup_pow_witness.map(|w| w + ONE)),
        ("other work for the point", |p| p.ood_pow_witness += ONE),
        ("other work for the batch", |p| p.opening_proof.batch_pow_witness += ONE),
        ("other work to fold", |p| p.opening_proof.commit_pow_witnesses[0] += ONE),
        ("other work for queries", |p| p.opening_proof.query_pow_witness += ONE),
        ("work to fold fewer", |p| _ = p.opening_proof.commit_pow_witnesses.pop()),
        ("a round fewer", |p| {
            p.opening_proof.commit_phase_commits.pop();
            p.opening_proof.commit_pow_witnesses.pop();
            p.opening_proof.commit_phase_openings.pop();
        }),
        ("a round's cap of one", |p| {
            p.opening_proof.commit_phase_commits[0] = cap(&p.opening_proof.commit_phase_commits[0], 1);
        }),
        ("a query fewer", |p| p.opening_proof.input_openings.iter_mut().for_each(|o| _ = o.opened_values.pop())),
        ("a round's query fewer", |p| _ = p.opening_proof.commit_phase_openings[0].sibling_values.pop()),
        ("a sibling fewer", |p| _ = p.opening_proof.commit_phase_openings[0].sibling_values[0].pop()),
        ("a matrix fewer", |p| _ = p.opening_proof.input_openings[0].opened_values[0].pop()),
        ("a matrix's border", |p| {
            // The rows of one height are hashed as one: where one ends and the next begins is the verifier's to know.
            let rows = &mut p.opening_proof.input_openings[0].opened_values[0];
            let moved = rows[2].remove(0);
            rows[1].push(moved);
        }),
        ("a longer last polynomial", |p| p.opening_proof.final_poly.push(Default::default())),
        ("a shorter last polynomial", |p| _ = p.opening_proof.final_poly.pop()),
    ];
    for (what, edit) in edits {
        let mut other = batch::decode(&proof).unwrap();
        edit(&mut other);
        let bytes = batch::encode(&other);
        assert!(bytes != proof, "{what}");
        let found = catch_unwind(AssertUnwindSafe(|| accepted(&verifying, &bytes)));
        assert!(!found.unwrap_or_else(|_| panic!("{what}: the verifier panics")), "{what}");
    }
}

/// The openings that `security` counts are those that a proof has.
#[test]
fn all_openings_are_counted() {
    let (layout, witness) = two_signatures();
    let (key, _) = batch::keys(&layout, Parameters::Batch).unwrap();
    let proof = batch::prove(&key, witness, &Public::default()).unwrap();
    for (shape, instance) in Shape::all().iter().zip(&proof.opened_values.instances) {
        let base = &instance.base_opened_values;
        let found = base.trace_local.len()
            + base.trace_next.as_ref().map_or(0, Vec::len)
            + base.preprocessed.as_ref().map_or(0, |p| p.local.len())
            + base.quotient_chunks.iter().map(Vec::len).sum::<usize>()
            + instance.permutation_local.len()
            + instance.permutation_next.len();
        assert_eq!(multiprover_stark::security::openings(shape), found, "{}", shape.table);
    }
}
