//! The reference slot ([`crate::reference`]) by hand, with the same chips: what the compiled one is measured against. No part of
//! the prover.
//!
//! Accounts, journal and roots are as every batch's; the slot itself knows what a compiler does not: that an index is its bits,
//! that products may share a row, that a comparison which is asserted is a range.

use halo2_axiom::halo2curves::bn256::Fr;
use halo2_axiom::halo2curves::ff::Field as _;

use crate::builder::{Builder, Place, Purpose, Tabled, Wide, Wire};
use crate::execution::{Advice, PublicInputs, SlotAdvice, Value};
use crate::integers::{Affine, Int};
use crate::lowering::{Batch, BatchCircuit, Given, LARGEST, Opened, Sum, Typed, Val, frame};
use crate::program::{Program, Range};
use crate::reference::{AMOUNTS, BALANCES, CHECKS, DEPTH, DIVISIONS, MOST_PRODUCTS, SIDES};

const WORD: Range = Range { lo: 0, hi: u32::MAX as i128 };
const LONG: Range = Range { lo: 0, hi: u64::MAX as i128 };
const INDEX: Range = Range { lo: 0, hi: (1 << DEPTH) - 1 };

/// As [`crate::lowering::rows`].
pub fn rows(program: &Program, slots: usize, k: u32) -> usize {
    walk(program, slots, k, Purpose::Count, None).rows()
}

/// As [`crate::lowering::fit`].
pub fn fit(program: &Program, slots: usize) -> Option<u32> {
    (8..=LARGEST).find(|&k| rows(program, slots, k) <= 1 << k)
}

/// As [`crate::lowering::shape`].
pub fn shape(program: &Program, slots: usize, k: u32) -> BatchCircuit {
    Tabled(walk(program, slots, k, Purpose::Shape, None).finish())
}

/// As [`crate::lowering::advice`].
pub fn advice(program: &Program, k: u32, advice: &Advice, public: &PublicInputs) -> Vec<Vec<Fr>> {
    walk(program, advice.slots.len(), k, Purpose::Advice, Some((advice, public))).finish().advice
}

/// As [`crate::lowering::circuit`].
pub fn circuit(program: &Program, k: u32, advice: &Advice, public: &PublicInputs) -> BatchCircuit {
    Tabled(walk(program, advice.slots.len(), k, Purpose::All, Some((advice, public))).finish())
}

fn walk(program: &Program, slots: usize, k: u32, purpose: Purpose, batch: Given) -> Builder {
    let mut builder = Builder::new(k, purpose);
    frame(&mut builder, program, slots, batch, trade);
    builder
}

fn integer(value: &Value) -> i128 {
    match value {
        Value::Integer(v) => *v,
        other => unreachable!("an integer of the reference program, not {other:?}"),
    }
}

/// An index as its bits, the lowest first.
fn index(b: &mut Builder, word: u32) -> (Int, Vec<Wire>) {
    let mut sum = Sum::default();
    let bit = |i: u32| {
        let bit = b.new_boolean(Place::New(Fr::from(u64::from(word >> i & 1))));
        sum.add(&bit.into(), Fr::from(1 << i));
        bit
    };
    let bits = (0..DEPTH).map(bit).collect();
    (Int { affine: sum.wire(b).into(), value: word.into(), range: INDEX }, bits)
}

fn trade(batch: &mut Batch, advice: &SlotAdvice) {
    let (zero, one) = (Fr::ZERO, Fr::ONE);

    // INPUTS
    let b = &mut *batch.builder;
    let enabled = b.new_int(advice.words[0].into(), Range::BOOLEAN);
    let (indices, bits): (Vec<Int>, Vec<Vec<Wire>>) = (0..SIDES).map(|side| index(b, advice.words[1 + side])).unzip();
    let amounts: Vec<Int> = (0..AMOUNTS).map(|i| b.new_int(advice.words[1 + SIDES + i].into(), WORD)).collect();
    let words: Vec<Int> = [enabled].into_iter().chain(indices.clone()).chain(amounts.clone()).collect();
    batch.inputs.extend(words.iter().map(|w| Typed::new(w, WORD)));
    let digest = batch.digest(&words);

    // ACCOUNTS: key, balances, nonce
    let b = &mut *batch.builder;
    let (mut balances, mut nonces, mut accounts) = (vec![], vec![], vec![]);
    for (access, signature) in advice.accesses.iter().zip(&advice.signatures) {
        let Value::Key(key) = access.fields[0] else { unreachable!("the first field is the key") };
        let key: Affine = b.free(key).into();
        let own: Vec<Int> = (0..BALANCES).map(|i| b.new_int(integer(&access.fields[1 + i]), LONG)).collect();
        let nonce = b.new_int(integer(&access.fields[1 + BALANCES]), WORD);
        b.authorize(&enabled.affine, &key, &nonce.affine, digest, signature);
        accounts.push(record(key, &own, nonce));
        balances.extend(own);
        nonces.push(nonce);
    }
    // Two indices have a difference with an inverse, if the slot is enabled.
    let difference = b.sub(&indices[0], &indices[1], Range { lo: -INDEX.hi, hi: INDEX.hi }).affine;
    let inverse = difference.value().invert().unwrap_or(zero);
    let of = difference.wire.expect("of two cells");
    let product = Place::New(inverse * difference.value());
    let [_, _, product] = b.constrain(Place::Copy(of), Place::New(inverse), [zero, zero, one, zero], product);
    b.bilinear_zero(&enabled.affine, &product.expect("placed").into(), [-one, zero, one, zero]);

    // ARITHMETIC: products of which no quotient is taken share a row, two each
    let mut total = Sum::default();
    let mut products = vec![];
    for i in 0..DIVISIONS {
        let product = b.mul(&balances[i % balances.len()], &amounts[i], Range { lo: 0, hi: LONG.hi * WORD.hi });
        total.add(&product.affine, one);
        products.push(product);
    }
    let mut sum = products.iter().map(|p| p.value).sum::<i128>();
    let cell = |v: &Int| v.affine.wire.expect("a cell");
    for i in (DIVISIONS..AMOUNTS).step_by(2) {
        let pairs = [i, i + 1].map(|i| (balances[i % balances.len()], amounts[i]));
        let values = pairs.map(|(x, y)| x.value * y.value);
        sum += values[0] + values[1];
        let places = pairs.map(|(x, y)| [Place::Copy(cell(&x)), Place::Copy(cell(&y))]);
        let value = pairs.iter().fold(zero, |sum, (x, y)| sum + x.affine.value() * y.affine.value());
        let q = [zero, zero, one, zero, zero, zero, one, zero];
        let both = b.wide([places[0][0], places[0][1], places[1][0], places[1][1]], q, Place::New(value));
        total.add(&both.expect("placed").into(), one);
    }
    let total = total.wire(b);
    b.limbs(Place::Copy(total), Wide::from(sum), MOST_PRODUCTS.ilog2());
    for i in 0..CHECKS {
        let mut term = amounts[i % AMOUNTS];
        if i < DIVISIONS {
            let amount = amounts[AMOUNTS - 1 - i];
            let divisor = b.add(&amount, &Int::constant(1), Range { lo: 1, hi: WORD.hi + 1 });
            term = b.divmod(&products[i], &divisor, products[i].range).0;
        }
        let at = i % balances.len();
        let sum = b.add(&balances[at], &term, Range { lo: 0, hi: LONG.hi + term.range.hi });
        balances[at] = b.hold(&sum, LONG);
    }

    // STORES
    for (side, before) in accounts.into_iter().enumerate() {
        let b = &mut *batch.builder;
        let nonce = b.add(&nonces[side], &Int::constant(1), Range { lo: 1, hi: WORD.hi + 1 });
        let nonce = b.hold(&nonce, WORD);
        let own = &balances[side * BALANCES..][..BALANCES];
        let Val::Key(key) = before[0] else { unreachable!("the first field is the key") };
        batch.outputs.push(Typed::new(&indices[side], INDEX));
        batch.outputs.extend(own.iter().map(|v| Typed::new(v, LONG)));
        batch.outputs.push(Typed::new(&nonce, WORD));
        let after = record(key, own, nonce);
        let access = &advice.accesses[side];
        let port = Opened { access, map: 0, enabled, index: indices[side], before, after, stored: true };
        batch.access(&port, &bits[side]);
    }
}

fn record(key: Affine, balances: &[Int], nonce: Int) -> Vec<Val> {
    let integers = balances.iter().copied().chain([nonce]).map(Val::Int);
    [Val::Key(key)].into_iter().chain(integers).collect()
}
