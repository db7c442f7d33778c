//! The advice of a prover who checks nothing: what a request says goes into the circuit as it is.

use multiprover_plonky2::execution::Statement;
use multiprover_plonky2::field::{F, Field};
use multiprover_plonky2::lowering::zero_words;
use multiprover_plonky2::pb::prover as pb;
use multiprover_plonky2::program::{Action, Program, Type, words_for};
use multiprover_plonky2::suite::{self, CHAINS, Digest, KEY_HEIGHT};

/// What a value of the advice is.
#[derive(Clone)]
pub struct Place {
    pub name: String,
    /// Given, and not the prover's to choose.
    pub fixed: bool,
    /// Of a port or authorization that the batch does not use.
    pub idle: bool,
}

#[derive(Clone, Copy, Default)]
struct Value {
    int: i128,
}

struct Advice {
    values: Vec<F>,
    places: Vec<Place>,
    lie: Option<(usize, i128)>,
}

impl Advice {
    fn push(&mut self, v: F, name: &str, fixed: bool, idle: bool) {
        self.values.push(v);
        self.places.push(Place { name: name.to_string(), fixed, idle });
    }

    fn words(&mut self, v: i128, count: usize, name: &str) {
        for j in 0..count {
            self.push(F::from_canonical_u32((v >> (32 * j)) as u32), name, false, false);
        }
    }
}

fn words(bytes: &[u8], count: usize) -> Vec<u32> {
    let mut out: Vec<u32> = bytes.chunks_exact(4).map(|w| u32::from_be_bytes(w.try_into().expect("four bytes"))).collect();
    out.resize(count, 0);
    out
}

/// Digests laid end to end; zeros for what is missing.
fn digests(bytes: &[u8], count: usize) -> Vec<Digest> {
    let mut padded = bytes.to_vec();
    padded.resize(32 * count, 0);
    padded.chunks_exact(32).map(|d| suite::reduced(d.try_into().expect("32 bytes"))).collect()
}

fn decoded(t: Type, words: &[u32]) -> i128 {
    t.lo + words.iter().fold(0i128, |v, &w| v << 32 | i128::from(w))
}

/// A record or the cells: its values (keys as 0), and what is advised for it.
fn record(types: &[Type], integers: &[u32], keys: &[Digest]) -> (Vec<i128>, Vec<F>) {
    let (mut values, mut advice) = (vec![], vec![]);
    let (mut integers, mut keys) = (integers, keys.iter());
    for t in types {
        if t.key {
            values.push(0);
            advice.extend(keys.next().copied().unwrap_or([F::ZERO; 4]));
        } else {
            let (own, rest) = integers.split_at(t.words());
            integers = rest;
            values.push(decoded(*t, own));
            advice.extend(own.iter().map(|&w| F::from_canonical_u32(w)));
        }
    }
    (values, advice)
}

fn keys(parts: &[Vec<u8>]) -> Vec<Digest> {
    parts.iter().flat_map(|k| digests(k, 1)).collect()
}

fn cut(v: i128, t: Type) -> i128 {
    if t.key { v } else { t.lo + ((v.wrapping_sub(t.lo)) & ((1i128 << (32 * t.words())) - 1)) }
}

/// The advice of a request, in the order of `lowering`, and what each value is.
///
/// `lie`: a `DIVMOD` by its id, and what is added to its quotient; the remainder follows.
pub fn advise(
    program: &Program,
    statement: &Statement,
    request: &pb::ProveRequest,
    lie: Option<(usize, i128)>,
) -> (Vec<F>, Vec<Place>) {
    let mut out = Advice { values: vec![], places: vec![], lie };
    let public = statement.public_inputs();
    for (range, name) in [(21..25, "domain"), (16..21, "payee"), (12..14, "z")] {
        for v in &public[range] {
            out.push(*v, name, true, false);
        }
    }
    let empty = pb::PreState::default();
    let pre = request.pre_state.as_ref().unwrap_or(&empty);
    let no_suite = pb::SuitePreState::default();
    let own = pre.suites.get(program.suite).unwrap_or(&no_suite);
    let (mut cells, advice) = record(&program.cells, &words(&pre.cells, program.cell_words()), &keys(&own.key_cells));
    for v in advice {
        out.push(v, "cell before the batch", false, false);
    }
    for i in 0..program.maps.len() {
        for v in own.map_roots.get(i).map_or([F::ZERO; 4], |r| digests(r, 1)[0]) {
            out.push(v, "map root before the batch", false, false);
        }
    }
    for slot in &request.slots {
        self::slot(&mut out, program, slot, &mut cells);
    }
    (out.values, out.places)
}

fn slot(out: &mut Advice, program: &Program, slot: &pb::Slot, cells: &mut Vec<i128>) {
    let input = words(&slot.words, program.input_words);
    for &w in &input {
        out.push(F::from_canonical_u32(w), "input word", true, false);
    }
    let mut values: Vec<Value> = vec![];
    let mut remainders = vec![0i128; program.ops.len()];
    let (mut before, mut after) = (vec![], cells.clone());
    let mut authorizations = 0;
    for (id, op) in program.ops.iter().enumerate() {
        let int = |a: usize| values[a].int;
        let flag = |b: bool| i128::from(b);
        let v = match op.action {
            Action::Const => op.lo,
            Action::Param(j) => input[j].into(),
            Action::Cell(c) => cells[c],
            Action::Open { enabled, map, port, .. } => {
                before.push(open(out, program, slot, int(enabled) == 1, map, port));
                0
            }
            Action::Load { port, field } => {
                let record: &Vec<i128> = &before[port];
                record[field]
            }
            Action::Add(a, b) => int(a).wrapping_add(int(b)),
            Action::Sub(a, b) => int(a).wrapping_sub(int(b)),
            Action::Mul(a, b) => int(a).wrapping_mul(int(b)),
            Action::Divmod(a, b) => {
                let (x, y) = (int(a), int(b));
                let lie = out.lie.filter(|&(op, _)| op == id).map_or(0, |(_, added)| added);
                let quotient = lie + if y > 0 { x.div_euclid(y) } else { 0 };
                remainders[id] = x.wrapping_sub(quotient.wrapping_mul(y));
                let (alo, ahi, bhi) = (program.ops[a].lo, program.ops[a].hi, program.ops[b].hi);
                let most = if alo >= 0 { ahi.min(bhi - 1) } else { bhi - 1 };
                out.words(quotient.wrapping_sub(op.lo), words_for(op.lo, op.hi), "quotient");
                out.words(remainders[id], words_for(0, most), "remainder");
                quotient
            }
            Action::Remainder(d) => remainders[d],
            Action::Eq(a, b) => flag(int(a) == int(b)),
            Action::Lt(a, b) => {
                out.push(F::from_bool(int(a) < int(b)), "bit of a comparison", false, false);
                flag(int(a) < int(b))
            }
            Action::Select(c, a, b) => int(if int(c) == 1 { a } else { b }),
            Action::And(a, b) => flag(int(a) + int(b) == 2),
            Action::Or(a, b) => flag(int(a) + int(b) > 0),
            Action::Not(a) => flag(int(a) == 0),
            Action::Range(a) => int(a),
            Action::Authorize { enabled, nonce, .. } => {
                authorize(out, program, slot, authorizations, int(enabled) == 1, int(nonce));
                authorizations += 1;
                0
            }
            Action::StoreCell { value, cell } => {
                after[cell] = cut(int(value), program.cells[cell]);
                0
            }
            Action::KeyParam(_) | Action::Assert(_) | Action::Store { .. } | Action::Output(_) => 0,
        };
        values.push(Value { int: v });
    }
    *cells = after;
}

fn open(out: &mut Advice, program: &Program, slot: &pb::Slot, enabled: bool, map: usize, port: usize) -> Vec<i128> {
    let m = &program.maps[map];
    let given = slot.openings.get(port).filter(|_| enabled);
    let own = given.and_then(|o| o.suites.get(program.suite));
    let zeros: Vec<u32> = m.fields.iter().filter(|t| !t.key).flat_map(|&t| zero_words(t)).collect();
    let integers = given.map_or(zeros, |o| words(&o.fields, m.words()));
    let (values, advice) = record(&m.fields, &integers, &own.map_or(vec![], |o| keys(&o.keys)));
    for v in advice {
        out.push(v, "record", false, !enabled);
    }
    let siblings = own.map_or(&[][..], |o| &o.siblings);
    for v in digests(siblings, m.depth).into_iter().flatten() {
        out.push(v, "sibling", false, !enabled);
    }
    values
}

fn authorize(out: &mut Advice, program: &Program, slot: &pb::Slot, n: usize, enabled: bool, nonce: i128) {
    let given = slot.authorizations.get(n).filter(|_| enabled).and_then(|a| a.signatures.get(program.suite));
    let mut bytes = given.cloned().unwrap_or_default();
    bytes.resize(suite::SIGNATURE_BYTES, 0);
    let nonce = if enabled { nonce as u64 } else { 0 };
    out.push(F::from_noncanonical_u64(nonce), "nonce", false, !enabled);
    let salt = u64::from_be_bytes(bytes[..8].try_into().expect("eight bytes"));
    out.push(F::from_noncanonical_u64(salt), "salt", false, !enabled);
    for v in digests(&bytes[8..], CHAINS + KEY_HEIGHT).into_iter().flatten() {
        out.push(v, "chain or sibling of a signature", false, !enabled);
    }
}
