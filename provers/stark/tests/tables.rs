//! The tables, by a small batch written out by hand: it is proven, and every lie about it is refused.

#![expect(clippy::nonminimal_bool, clippy::type_complexity, reason = "cases by row, as they are read")]

#[path = "support/sheet.rs"]
mod sheet;

use std::collections::BTreeSet;

use multiprover_stark::batch::{self, Parameters, Proof, ProvingKey, VerifyingKey};
use multiprover_stark::check::{self, Change, Checker, Flaw, Message, Tables, Violation};
use multiprover_stark::refusal::Code;
use multiprover_stark::tables::{
    self, Columns, F, Heights, Layout, Public, Row, Table, alu, block, hash, logic, mul, range, sign, values,
};
use p3_field::{PrimeCharacteristicRing, PrimeField32};
use sheet::{Sheet, f, limbs, product, sheet};

fn checker(s: &Sheet) -> Checker {
    Checker::new(&s.layout, &s.witness, &s.public).unwrap()
}

fn row(tables: &Tables, table: Table, row: usize) -> Vec<F> {
    let main = &tables.main[table as usize];
    main.values[row * main.width..][..main.width].to_vec()
}

fn pre<C: Columns<F>>(tables: &Tables, table: Table, row: usize) -> C {
    let rows = &tables.preprocessed[table as usize];
    C::read(&rows.values[row * rows.width..])
}

#[test]
fn the_truth_holds() {
    let s = sheet();
    check::audit(&s.layout).unwrap();
    check::check(&s.layout, &s.witness, &s.public).unwrap();
    checker(&s).check_witness(&s.witness, &s.public).unwrap();
}

/// Tables that are raised hold what they held, and are those that folding reaches.
#[test]
fn raised_tables_hold() {
    let s = sheet();
    let mut layout = s.layout.clone();
    layout.hash.resize(1 << 13, hash::Pre::default());
    let (least, raised) = (Heights::of(&layout), Parameters::L1.heights(&layout));
    let arity = Parameters::L1.numbers().max_log_arity;
    for table in Table::ALL {
        assert!(raised.log(table) >= least.log(table), "{table}");
        assert_eq!((raised.log(Table::Hash) - raised.log(table)) % arity, 0, "{table}");
    }
    assert_ne!(raised, least);
    let mut witness = s.witness.clone();
    witness.hash.resize(1 << 13, hash::Witness::default());
    Tables::with_heights(&layout, &witness, &s.public, raised).unwrap().check().unwrap();
}

/// Names of the parts of a row, and where they start.
fn parts(names: &[(&'static str, usize)]) -> Vec<(&'static str, usize)> {
    names.iter().flat_map(|(name, len)| (0..*len).map(move |i| (*name, i))).collect()
}

fn columns_of(table: Table) -> Vec<(&'static str, usize)> {
    match table {
        Table::Hash => {
            let permutation = parts(&[("permutation", hash::WIDTH - 11)]);
            permutation.into_iter().chain(parts(&[("cur", 8), ("bit", 1), ("acc", 1), ("rest", 1)])).collect()
        }
        Table::Alu => [parts(<alu::Main<F> as Columns<F>>::NAMES), parts(&[("low", 8)])].concat(),
        Table::Mul => [parts(<mul::Main<F> as Columns<F>>::NAMES), parts(&[("low", 15)])].concat(),
        Table::Logic => parts(<logic::Main<F> as Columns<F>>::NAMES),
        Table::Block => parts(<block::Main<F> as Columns<F>>::NAMES),
        Table::Sign => [parts(<sign::Main<F> as Columns<F>>::NAMES), parts(&[("hi_low", 1), ("spare_low", 1)])].concat(),
        Table::Values => parts(<values::Main<F> as Columns<F>>::NAMES),
        Table::Range => parts(<range::Main<F> as Columns<F>>::NAMES),
    }
}

/// Whether TABLES.md leaves the cell to the prover.
fn free(tables: &Tables, table: Table, at: usize, name: &str, i: usize) -> bool {
    let set = |x: F| x != F::ZERO;
    match table {
        Table::Hash => {
            let p: hash::Pre<F> = pre(tables, table, at);
            let speaks = [p.f_step, p.f_end, p.f_idx, p.f_path, p.f_nonce].into_iter().any(set);
            matches!(name, "acc" | "rest") && !speaks
        }
        Table::Alu => {
            let p: alu::Pre<F> = pre(tables, table, at);
            let m = alu::Main::read(&row(tables, table, at));
            match name {
                "a" => !set(p.f_a) && !set(p.f_lin) && !set(p.f_equal) && !(set(p.f_select) && set(m.bit)),
                "b" => !set(p.f_b) && !set(p.f_lin) && !set(p.f_equal) && !(set(p.f_select) && !set(m.bit)),
                "c" => {
                    let sent = match i {
                        0 | 1 => set(p.m_w0),
                        2 | 3 => set(p.m_w1) || set(p.f_short),
                        _ => set(p.f_words),
                    };
                    !set(p.m_c) && !sent && !set(p.f_lin) && !set(p.f_select) && !set(p.f_range)
                }
                "low" => !set(p.f_range),
                "k" => !set(p.f_lin) && !(set(p.f_equal) && m.a[i] != m.b[i]),
                "bit" => ![p.m_bit, p.f_less, p.f_equal, p.f_zero, p.f_one].into_iter().any(set),
                _ => unreachable!(),
            }
        }
        Table::Mul => {
            let p: mul::Pre<F> = pre(tables, table, at);
            !set(p.f) || (name == "r" && !set(p.f_r))
        }
        Table::Logic => {
            let p: logic::Pre<F> = pre(tables, table, at);
            match name {
                "a" => !set(p.f_a),
                "b" => !set(p.f_b),
                _ => false,
            }
        }
        Table::Block | Table::Range => false,
        Table::Sign => {
            let p: sign::Pre<F> = pre(tables, table, at);
            let m = sign::Main::read(&row(tables, table, at));
            let low = m.low + p.pow * (m.b0 + m.b1.double());
            match name {
                "s" => !set(p.f),
                // Padding has no row after the last that would hold the sum.
                "b0" | "b1" => !set(p.f) && at + 1 == tables.heights.rows(table),
                "hi" | "inv" | "hi_low" | "spare_low" => !set(p.f_element),
                "is_top" => !set(p.f_element) && !set(low),
                _ => false,
            }
        }
        Table::Values => {
            let p: values::Pre<F> = pre(tables, table, at);
            ![p.m, p.f_const, p.f_pre, p.f_post, p.f_commitment, p.f_domain].into_iter().any(set)
        }
    }
}

/// Rows of different kinds: the first and last of each pattern of preprocessed columns.
fn kinds(tables: &Tables, table: Table) -> BTreeSet<usize> {
    let rows = &tables.preprocessed[table as usize];
    let pattern =
        |row: usize| -> Vec<bool> { rows.values[row * rows.width..][..rows.width].iter().map(|x| *x != F::ZERO).collect() };
    let mut seen = std::collections::BTreeMap::new();
    for row in 0..tables.heights.rows(table) {
        let (_, last) = seen.entry(pattern(row)).or_insert((row, row));
        *last = row;
    }
    seen.into_values().flat_map(|(first, last)| [first, last]).collect()
}

/// Each column of each kind of row of each table: one more than the truth, and something else altogether.
#[test]
fn every_cell_is_bound() {
    let s = sheet();
    let checker = checker(&s);
    let tables = checker.tables();
    for table in Table::ALL {
        let names = columns_of(table);
        assert_eq!(names.len(), table.width(), "{table}");
        for at in kinds(tables, table) {
            for (column, (name, i)) in names.iter().enumerate() {
                let mut columns = row(tables, table, at);
                columns[column] += F::ONE;
                let answer = checker.check_changes(&[Change { table, row: at, columns }], &s.public);
                let expected = free(tables, table, at, name, *i);
                assert_eq!(answer.is_ok(), expected, "{table}, row {at}, {name}[{i}]: {answer:?}");
            }
        }
    }
}

/// Rows of HASH that are true permutations of something else.
#[test]
fn every_hash_is_bound() {
    let s = sheet();
    let checker = checker(&s);
    for at in kinds(checker.tables(), Table::Hash).into_iter().filter(|at| *at < s.layout.hash.len()) {
        let p = s.layout.hash[at];
        for j in 0..16 {
            let mut witness = s.witness.clone();
            witness.hash[at].input[j] += F::ONE;
            checker.check_witness(&witness, &s.public).unwrap_err();
        }
        if p.f_path == F::ONE {
            // The other child, with the node and its sibling left where they stand, and changed over.
            let mut witness = s.witness.clone();
            witness.hash[at].bit = F::ONE - witness.hash[at].bit;
            checker.check_witness(&witness, &s.public).unwrap_err();
            witness.hash[at].input.rotate_left(8);
            checker.check_witness(&witness, &s.public).unwrap_err();
        }
    }
}

/// A message of each row of each table: dropped, doubled, with another count, with another id; and every other preprocessed
/// column that is not 0. Such rows are another program's, which has another key.
#[test]
fn every_message_counts() {
    let s = sheet();
    let mut tables = Tables::new(&s.layout, &s.witness, &s.public).unwrap();
    let sorted = |messages: Vec<Message>| {
        let mut all = std::collections::BTreeMap::new();
        for (bus, message, count) in messages {
            *all.entry((bus, message)).or_insert(F::ZERO) += count;
        }
        all.retain(|_, count| *count != F::ZERO);
        all
    };
    for (table, columns) in [
        (Table::Hash, parts(<hash::Pre<F> as Columns<F>>::NAMES)),
        (Table::Alu, parts(<alu::Pre<F> as Columns<F>>::NAMES)),
        (Table::Mul, parts(<mul::Pre<F> as Columns<F>>::NAMES)),
        (Table::Logic, parts(<logic::Pre<F> as Columns<F>>::NAMES)),
        (Table::Block, parts(<block::Pre<F> as Columns<F>>::NAMES)),
        (Table::Sign, parts(<sign::Pre<F> as Columns<F>>::NAMES)),
        (Table::Values, parts(<values::Pre<F> as Columns<F>>::NAMES)),
    ] {
        for at in kinds(&tables, table) {
            let before = sorted(tables.row(table, at).messages);
            for (column, (name, i)) in columns.iter().enumerate() {
                let cell = at * columns.len() + column;
                let truth = tables.preprocessed[table as usize].values[cell];
                if truth == F::ZERO {
                    continue;
                }
                // Switches that add a demand which happens to hold, numbers of places, and the names of values that a pin repeats.
                let silent = !(name.starts_with("id") || name.starts_with("m_") || ["m", "sig", "i"].contains(name))
                    && !["f_read", "f_idx", "f_a", "f_b", "f_w", "f", "f_start", "f_step", "f_end"].contains(name);
                for lie in [F::ZERO, truth.double(), truth + F::ONE] {
                    tables.preprocessed[table as usize].values[cell] = lie;
                    let report = tables.row(table, at);
                    let differs = report.broken().is_some() || sorted(report.messages) != before;
                    assert!(differs || silent, "{table}, row {at}, {name}[{i}] = {lie} for {truth}");
                }
                tables.preprocessed[table as usize].values[cell] = truth;
            }
        }
    }
}

/// Layouts that no lowering should make are found by the audit.
#[test]
fn false_layouts_are_found() {
    let s = sheet();
    let with = |change: &dyn Fn(&mut Layout)| {
        let mut layout = s.layout.clone();
        change(&mut layout);
        check::audit(&layout).unwrap_err()
    };
    assert!(matches!(with(&|l| l.alu[0].m_c += F::ONE), Flaw::Balance { bus: "wire", .. }));
    assert!(matches!(with(&|l| l.block[0].f_w[1] = F::ZERO), Flaw::Balance { bus: "word", .. }));
    let twice = |l: &mut Layout| {
        let first = l.values[0];
        l.values.push(first);
        l.values.push(values::Pre { m: -first.m, ..first });
    };
    assert!(matches!(with(&twice), Flaw::Writers { bus: "wire", writers: 2, .. }));
    assert!(matches!(with(&|l| l.hash.last_mut().unwrap().f_climb = F::ONE), Flaw::Open { table: Table::Hash, .. }));
}

/// Lies that keep to most of the rules: each needs exactly the rule that refuses it.
#[test]
fn whole_lies_are_refused() {
    let s = sheet();
    let checker = checker(&s);
    let refuse =
        |what: &str, witness: &tables::Witness| -> Violation { checker.check_witness(witness, &s.public).expect_err(what) };
    let rows = |wanted: &dyn Fn(&alu::Pre<F>) -> bool| s.layout.alu.iter().position(wanted).unwrap();
    let one = F::ONE;

    // A limb of 2^16 more, and the carry into the next one less for it.
    let at = rows(&|p| p.f_lin == one && p.f_less != one && p.sign == one);
    let mut w = s.witness.clone();
    let limb = (0..7).find(|i| w.alu[at].k[*i] == one).expect("a carry");
    w.alu[at].c[limb] += f(1 << 16);
    w.alu[at].k[limb] -= one;
    w.alu[at].c[limb + 1] -= one;
    assert!(matches!(refuse("limb", &w), Violation::Bus { .. }));

    // a < b turned round: the borrow out of the last limb, and 2^16 taken off that limb for it.
    let at = rows(&|p| p.f_less == one);
    let mut w = s.witness.clone();
    let m = &mut w.alu[at];
    let turned = one - m.k[7];
    m.c[7] += (turned - m.k[7]) * f(1 << 16);
    (m.k[7], m.bit) = (turned, turned);
    refuse("less", &w);

    // Equal things called different, and different ones equal.
    for at in (0..s.layout.alu.len()).filter(|at| s.layout.alu[*at].f_equal == one) {
        let mut w = s.witness.clone();
        w.alu[at].bit = one - w.alu[at].bit;
        w.alu[at].k = [F::ZERO; 8];
        assert!(matches!(refuse("equal", &w), Violation::Constraint { table: Table::Alu, .. }));
    }

    // Another quotient: true in all places but the last, and true modulo 2^128.
    let m = s.witness.mul[0];
    let wire = |lo: [F; 8], hi: [F; 8]| -> [F; 8] { std::array::from_fn(|i| hi[i] * f(256) + lo[i]) };
    let (a, b) = (wire(m.a_lo, m.a_hi), wire(m.b_lo, m.b_hi));
    for change in [1_i128, 1 << 64, 1 << 100] {
        let value = |x: [F; 8]| {
            let raw = (0..8).fold(0_u128, |raw, i| raw | u128::from(x[i].as_canonical_u32()) << (16 * i));
            (raw ^ (1 << 127)) as i128
        };
        let c = limbs(value(a).wrapping_mul(value(b).wrapping_add(change)).wrapping_add(value(m.r)));
        let mut w = s.witness.clone();
        w.mul[0] = product(a, limbs(value(b).wrapping_add(change)), Some(m.r), c);
        refuse("product", &w);
        // With the wire of b changed, too: only the places above 2^128 are left to tell.
        let input = s.layout.alu.iter().position(|p| p.id_c == s.layout.mul[0].id_b).unwrap();
        w.alu[input].c = limbs(value(b).wrapping_add(change));
        let product = s.layout.alu.iter().position(|p| p.id_c == s.layout.mul[0].id_c).unwrap();
        w.alu[product].c = c;
        let exact = value(a).checked_mul(value(b).wrapping_add(change)).is_some();
        assert_eq!(checker.check_witness(&w, &s.public).is_ok(), exact, "{change}");
    }

    // Another place in the tree: bits of our choice, with the field's halves for the rest of the index.
    let path = s.row("path");
    for level in [0, 3, 15, 16, 17] {
        let mut w = s.witness.clone();
        let bit = w.hash[path + level].bit;
        w.hash[path + level].bit = one - bit;
        w.hash[path + level].input.rotate_left(8);
        for i in level..17 {
            let row = w.hash[path + i];
            let next = &mut w.hash[path + i + 1];
            (next.acc, next.rest) = if i == 15 { (row.rest, F::ZERO) } else { ((row.acc - row.bit).halve(), row.rest) };
        }
        refuse("path", &w);
    }

    // A chain that is left out, and one that is gone along twice: digits of the same sum.
    let first = s.row("sign");
    let digit = |m: &sign::Main<F>| (m.b0 + m.b1.double()).as_canonical_u32();
    let lower = (0..64).find(|i| digit(&s.witness.sign[first + i]) < 3).unwrap();
    let upper = (lower + 1..64).find(|i| digit(&s.witness.sign[first + i]) > 0).unwrap();
    let mut w = s.witness.clone();
    for (i, d) in [(lower, 1_i32), (upper, -1)] {
        let d = (digit(&w.sign[first + i]) as i32 + d) as usize;
        (w.sign[first + i].b0, w.sign[first + i].b1) = (f(d & 1), f(d >> 1));
    }
    for i in 0..63 {
        let (p, m) = (s.layout.sign[first + i], w.sign[first + i]);
        let d = m.b0 + m.b1.double();
        w.sign[first + i + 1].sum = m.sum + d;
        w.sign[first + i + 1].low = if p.f_element == one { F::ZERO } else { m.low + p.pow * d };
    }
    assert!(matches!(refuse("digits", &w), Violation::Constraint { table: Table::Sign, .. }));

    // A step of another chain or another place.
    let step = s.row("step");
    for (acc, rest) in [(1, 0), (0, 1)] {
        let mut w = s.witness.clone();
        let row = &mut w.hash[step];
        (row.acc, row.rest) = (row.acc + f(acc), row.rest + f(rest));
        row.input[8] = f(8) + (row.acc * f(4) + row.rest) * f(16);
        assert!(matches!(refuse("step", &w), Violation::Bus { bus: "chain", .. } | Violation::Constraint { .. }));
    }
}

/// `h_0 + p`, where that has a second pair of low and high halves.
#[test]
fn digits_have_one_reading() {
    let small = 0x00ab_cdef_u32;
    let other = u64::from(small) + u64::from(F::ORDER_U32);
    let (low, hi) = (F::from_u32((other & 0xffff) as u32), F::from_u64(other >> 16));
    let h = F::from_u32(small);
    assert_eq!(low + hi * f(1 << 16), h, "it satisfies the equation of the field");
    let spare = F::from_u32(0x7f00) - hi;
    assert!(spare.as_canonical_u32() >= 1 << 16, "and is refused because 0x7f00 - hi is no number of sixteen bits");
    // The largest element has hi = 0x7f00, low = 0; its neighbours with that hi are reached by is_top.
    let s = sheet();
    let checker = checker(&s);
    let at = (0..64).find(|i| s.layout.sign[*i].f_element == F::ONE).unwrap();
    let mut columns = sign::Main::read(&row(checker.tables(), Table::Sign, at));
    columns.hi = F::from_u32(0x7f00);
    columns.h[0] = columns.hi * f(1 << 16) + columns.low + s.layout.sign[at].pow * (columns.b0 + columns.b1.double());
    (columns.inv, columns.is_top) = (F::ZERO, F::ONE);
    let mut out = F::zero_vec(Table::Sign.width());
    columns.fill(&mut out);
    let change = Change { table: Table::Sign, row: at, columns: out };
    assert!(matches!(checker.check_changes(&[change], &s.public), Err(Violation::Constraint { .. })));
}

/// Each public value but the payee's stands in a constraint.
#[test]
fn public_values_are_bound() {
    let s = sheet();
    let checker = checker(&s);
    for (i, public) in neighbours(&s.public).into_iter().enumerate() {
        let payee = (34..44).contains(&i);
        assert_eq!(checker.check_witness(&s.witness, &public).is_ok(), payee, "public value {i}");
    }
}

/// The public values with one of them changed.
fn neighbours(public: &Public) -> Vec<Public> {
    let mut all = vec![];
    let mut with = |part: &dyn Fn(&mut Public) -> &mut [F]| {
        let mut own = *public;
        for i in 0..part(&mut own).len() {
            let mut other = *public;
            part(&mut other)[i] += F::ONE;
            all.push(other);
        }
    };
    with(&|p| &mut p.pre_root);
    with(&|p| &mut p.post_root);
    with(&|p| &mut p.commitment);
    with(&|p| &mut p.z);
    with(&|p| &mut p.y);
    with(&|p| &mut p.payee);
    with(&|p| &mut p.domain);
    assert_eq!(all.len(), Public::LEN);
    all
}

fn keys(s: &Sheet) -> (ProvingKey, VerifyingKey) {
    batch::keys(&s.layout, Parameters::Batch).unwrap()
}

fn code(key: &VerifyingKey, public: &Public, proof: &[u8]) -> Option<Code> {
    batch::verify(key, public, proof).err().map(|refusal| refusal.code)
}

/// False tables, proven: nothing but the verifier refuses them. One broken constraint and one broken bus a table.
#[test]
fn false_proofs_do_not_verify() {
    let s = sheet();
    let (key, verifying) = keys(&s);
    let truth = Tables::new(&s.layout, &s.witness, &s.public).unwrap();
    let at = |name: &str, table: Table| columns_of(table).iter().position(|(part, _)| *part == name).unwrap();
    let lies: [(Table, usize, &[(usize, i64)]); 11] = [
        (Table::Hash, s.row("message"), &[(0, 1)]),
        (Table::Hash, s.row("step"), &[(at("acc", Table::Hash), 1)]),
        (Table::Alu, 0, &[(at("c", Table::Alu), 1)]),
        (Table::Alu, 2, &[(at("k", Table::Alu), 1)]),
        (Table::Mul, 0, &[(at("carry", Table::Mul), 1)]),
        (Table::Mul, 0, &[(at("b_lo", Table::Mul), 256), (at("b_hi", Table::Mul), -1)]),
        (Table::Logic, 0, &[(at("a", Table::Logic), 1), (at("c", Table::Logic), 1)]),
        (Table::Block, 0, &[(at("y", Table::Block), 1)]),
        (Table::Sign, 5, &[(at("s", Table::Sign), 1)]),
        (Table::Values, 1, &[(at("x", Table::Values), 1)]),
        (Table::Range, 7, &[(0, 1)]),
    ];
    for (table, row, changes) in lies {
        let mut main = truth.main.clone();
        for (column, change) in changes {
            let width = main[table as usize].width;
            main[table as usize].values[row * width + column] += F::from_i64(*change);
        }
        let proof = batch::prove_tables(&key, &main, &s.public).unwrap();
        assert_eq!(code(&verifying, &s.public, &batch::encode(&proof)), Some(Code::InvalidProof), "{table}, {changes:?}");
    }
}

/// A true proof, for other public values, another key, other heights; and its bytes, changed.
#[test]
fn a_proof_proves_one_thing() {
    let s = sheet();
    let (key, verifying) = keys(&s);
    let proof = batch::encode(&batch::prove(&key, s.witness.clone(), &s.public).unwrap());
    assert_eq!(code(&verifying, &s.public, &proof), None);
    assert_eq!(VerifyingKey::from_bytes(&verifying.to_bytes()).unwrap(), verifying);

    for public in neighbours(&s.public).iter().step_by(3).chain([&Public::default()]) {
        assert_eq!(code(&verifying, public, &proof), Some(Code::InvalidProof));
    }

    // Another program's key, and the same program's for L1.
    let mut other = sheet();
    other.layout.values.swap(0, 1);
    other.witness.values.swap(0, 1);
    let (other_key, other_verifying) = keys(&other);
    assert_eq!(code(&other_verifying, &s.public, &proof), Some(Code::InvalidProof));
    let there = batch::encode(&batch::prove(&other_key, other.witness.clone(), &other.public).unwrap());
    assert_eq!(code(&other_verifying, &s.public, &there), None, "which is otherwise as good");
    assert_eq!(code(&verifying, &s.public, &there), Some(Code::InvalidProof));
    let elsewhere = VerifyingKey { parameters: Parameters::L1, ..verifying.clone() };
    assert_eq!(code(&elsewhere, &s.public, &proof), Some(Code::InvalidProof));

    // Tables shorter and taller than declared: by the proof, and by the key.
    for table in Table::ALL {
        for change in [-1_i8, 1] {
            let mut decoded: Proof = batch::decode(&proof).unwrap();
            let bits = &mut decoded.degree_bits[table as usize];
            *bits = bits.wrapping_add_signed(change.into());
            let refusal = batch::verify(&verifying, &s.public, &batch::encode(&decoded)).unwrap_err();
            assert_eq!((refusal.code, refusal.expected.is_empty()), (Code::InvalidProof, false));
            let mut heights = verifying.heights;
            heights.0[table as usize] = heights.0[table as usize].wrapping_add_signed(change);
            let key = VerifyingKey { heights, ..verifying.clone() };
            assert_eq!(code(&key, &s.public, &batch::encode(&decoded)), Some(Code::InvalidProof));
        }
    }

    // A witness of another layout.
    let mut short = s.witness.clone();
    short.alu.pop();
    let rows = Violation::Rows { table: Table::Alu, expected: s.layout.alu.len(), found: s.layout.alu.len() - 1 };
    assert_eq!(batch::prove(&key, short, &s.public).err(), Some(batch::Error::Rows(rows)));

    // Truncated, extended, of a bit changed: never a panic, never taken.
    for len in (0..proof.len()).step_by(proof.len() / 60) {
        assert!(code(&verifying, &s.public, &proof[..len]).is_some(), "cut at {len}");
    }
    let extended = [&proof[..], &[0]].concat();
    assert_eq!(code(&verifying, &s.public, &extended), Some(Code::NonCanonical));
    assert_eq!(code(&verifying, &s.public, &vec![0; batch::MAX_PROOF + 1]), Some(Code::Malformed));
    let mut places: Vec<usize> = (0..proof.len()).step_by(proof.len() / 150).collect();
    places.extend(0..64);
    places.extend(proof.len() - 64..proof.len());
    let mut codes = BTreeSet::new();
    for (n, place) in places.into_iter().enumerate() {
        let mut bytes = proof.clone();
        bytes[place] ^= 1 << (n % 8);
        codes.insert(code(&verifying, &s.public, &bytes).map(|code| code as i32));
    }
    assert!(!codes.contains(&None) && codes.contains(&Some(Code::InvalidProof as i32)), "{codes:?}");

    // An element that is its value and the field's order: the last four bytes are the last proof of work's.
    let last = proof.len() - 4;
    let value = u32::from_le_bytes(proof[last..].try_into().unwrap());
    let bytes = [&proof[..last], &(value + F::ORDER_U32).to_le_bytes()].concat();
    assert_eq!(code(&verifying, &s.public, &bytes), Some(Code::NonCanonical));
}

/// Bytes of a verifying key.
#[test]
fn keys_have_one_encoding() {
    let (_, verifying) = keys(&sheet());
    let bytes = verifying.to_bytes();
    let code = |bytes: &[u8]| VerifyingKey::from_bytes(bytes).err().map(|refusal| refusal.code);
    assert_eq!(code(&[]), Some(Code::Malformed));
    assert_eq!(code(&bytes[..bytes.len() - 1]), Some(Code::Malformed));
    assert_eq!(code(&[&bytes[..], &[0]].concat()), Some(Code::Malformed));
    for (place, value) in [(0, 9), (1, 5), (1, 22), (8, 7)] {
        let mut bytes = bytes.clone();
        bytes[place] = value;
        assert_eq!(code(&bytes), Some(Code::Unsupported), "byte {place} = {value}");
    }
    // A table too tall for the parameters.
    let mut layout = Layout { logic: vec![logic::Pre::default(); (1 << 18) + 1], ..sheet().layout };
    assert_eq!(batch::keys(&layout, Parameters::L1).err().map(|refusal| refusal.code), Some(Code::Unsupported));
    layout.logic.truncate(1);
    assert_eq!(Heights::of(&layout).log(Table::Logic), usize::from(Heights::MIN));
}
