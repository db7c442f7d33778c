//! Random straight-line programs: a model in i128, the executor and the circuit agree on every one.

mod common;

use common::{Checked, Random};
use multiprover_plonky2::config::circuit_config;
use multiprover_plonky2::execution::{Statement, execute};
use multiprover_plonky2::field::{F, Field};
use multiprover_plonky2::lowering::{lower, words_of};
use multiprover_plonky2::pb::program as pb;
use multiprover_plonky2::program::{Action, Type, range_of};
use multiprover_plonky2::reference::{Assembler, Transaction, World};

const WORDS: u32 = 6;

/// A program being written, with the value of each operation for the input that was chosen.
struct Model {
    a: Assembler,
    values: Vec<i128>,
    output: Vec<u32>,
    /// The types of messages, which is how outputs are declared.
    types: Vec<Type>,
}

impl Model {
    fn done(&mut self, id: u32, value: i128) -> u32 {
        self.values.resize(id as usize + 1, 0);
        self.values[id as usize] = value;
        let (lo, hi) = self.a.range_of(id);
        assert!((lo..=hi).contains(&value), "the model's {value} in [{lo}, {hi}]");
        id
    }

    fn fits(&self, action: Action, args: &[u32]) -> bool {
        let ranges: Vec<_> = args.iter().map(|&x| self.a.range_of(x)).collect();
        range_of(action, &ranges).is_some()
    }

    /// One operation over earlier values; none if the ranges do not allow it.
    fn step(&mut self, random: &mut Random, ids: &[u32], flags: &[u32]) -> Option<(u32, bool)> {
        let mut pick = |from: &[u32]| from[(random.next() % from.len() as u64) as usize];
        let (x, y, c) = (pick(ids), pick(ids), pick(flags));
        let (vx, vy) = (self.values[x as usize], self.values[y as usize]);
        let choice = random.next() % 12;
        Some(match choice {
            0 | 1 if self.fits(Action::Add(0, 0), &[x, y]) => {
                let id = self.a.add(x, y);
                (self.done(id, vx + vy), false)
            }
            2 | 3 if self.fits(Action::Sub(0, 0), &[x, y]) => {
                let id = self.a.sub(x, y);
                (self.done(id, vx - vy), false)
            }
            4 | 5 if self.fits(Action::Mul(0, 0), &[x, y]) => {
                let id = self.a.mul(x, y);
                (self.done(id, vx * vy), false)
            }
            6 | 7 if self.a.range_of(y).0 >= 1 => {
                let id = self.a.divmod(x, y);
                self.done(id, vx.div_euclid(vy));
                let id = self.a.remainder(id);
                (self.done(id, vx.rem_euclid(vy)), false)
            }
            8 => {
                let id = self.a.lt(x, y);
                (self.done(id, (vx < vy).into()), true)
            }
            9 => {
                let id = self.a.eq(x, y);
                (self.done(id, (vx == vy).into()), true)
            }
            10 => {
                let id = self.a.select(c, x, y);
                (self.done(id, if self.values[c as usize] == 1 { vx } else { vy }), false)
            }
            11 => {
                // A range that holds the value, and begins and ends anywhere.
                let (lo, hi) = (random.within(vx.saturating_sub(1 << 66), vx), random.within(vx, vx.saturating_add(1 << 66)));
                let id = self.a.range(x, lo, hi);
                (self.done(id, vx), false)
            }
            _ => return None,
        })
    }

    /// The value in pieces of 40 bits, from below.
    fn emit(&mut self, x: u32) {
        let base = self.a.constant(1 << 40);
        self.done(base, 1 << 40);
        let mut rest = x;
        loop {
            let quotient = self.a.divmod(rest, base);
            let value = self.values[rest as usize];
            self.done(quotient, value >> 40);
            let piece = self.a.remainder(quotient);
            self.done(piece, value & ((1 << 40) - 1));
            let one = self.a.constant(1);
            self.done(one, 1);
            let (presence, ty) = (Type::int(0, 1), Type::int(0, (1 << 40) - 1));
            let offset = self.a.output_offset();
            self.a.output(one, presence.lo, presence.hi);
            self.a.output(piece, ty.lo, ty.hi);
            self.output.extend(words_of(1, presence));
            self.output.extend(words_of(self.values[piece as usize], ty));
            let fields = vec![pb::Field { name: "piece".into(), lo: 0, hi: (1 << 40) - 1, key: false }];
            self.a.program.messages.push(pb::Message { name: "value".into(), output_offset: offset, fields });
            self.types.push(ty);
            let (lo, hi) = self.a.range_of(quotient);
            if lo >= -1 && hi <= 0 {
                return;
            }
            rest = quotient;
        }
    }
}

/// A program of random operations, the words that it was written for, and its output.
fn write(random: &mut Random) -> (Vec<u8>, Vec<u32>, Vec<u32>) {
    let words: Vec<u32> = (0..WORDS).map(|_| random.within(0, u32::MAX.into()) as u32).collect();
    let mut m = Model { a: Assembler::new(&["goldilocks"], WORDS), values: vec![], output: vec![], types: vec![] };
    let (mut ids, mut flags) = (vec![], vec![]);
    for (j, &w) in words.iter().enumerate() {
        let id = m.a.param(j as u32);
        ids.push(m.done(id, w.into()));
    }
    for v in [0, 1, -1, 7, 1 << 32, u64::MAX.into(), -(1i128 << 63), 1 << 90] {
        let id = m.a.constant(v);
        ids.push(m.done(id, v));
        if v == 1 || v == 0 {
            flags.push(id);
        }
    }
    // Values of 64 bits, and divisors that are not constants.
    for j in 0..3 {
        let high = m.a.mul(ids[j], ids[WORDS as usize + 4]);
        m.done(high, i128::from(words[j]) << 32);
        let wide = m.a.add(high, ids[j + 3]);
        let value = (i128::from(words[j]) << 32) + i128::from(words[j + 3]);
        ids.push(m.done(wide, value));
        let divisor = m.a.add(wide, ids[WORDS as usize + 1]);
        ids.push(m.done(divisor, value + 1));
    }
    let mut written = 0;
    while written < 30 {
        if let Some((id, flag)) = m.step(random, &ids, &flags) {
            ids.push(id);
            if flag {
                flags.push(id);
            }
            written += 1;
        }
    }
    for &id in ids.iter().rev().take(12) {
        m.emit(id);
    }
    (m.a.encode(), words, m.output)
}

#[test]
fn model_executor_and_circuit_agree() {
    let mut random = Random(2026);
    for n in 0..60 {
        let (program, words, output) = write(&mut random);
        let mut world = World::new(&program, vec![]);
        let transaction =
            |words: Vec<u32>, output: Vec<u32>| Transaction { words, accesses: vec![], signers: vec![], output, cells: vec![] };
        let request = world.batch(&[transaction(words.clone(), output.clone())]);
        let statement = Statement::decode(request.statement.as_ref()).unwrap();
        let witness = execute(&world.program, 1, &statement, &request)
            .unwrap_or_else(|e| panic!("program {n}: {e}: {} {}", e.expected, e.found));
        let circuit = lower(&world.program, 1, circuit_config());
        let circuit = Checked::new(circuit.data, circuit.advice);
        let partition = circuit.witness(&witness.advice).unwrap_or_else(|e| panic!("program {n}: {e}"));
        assert!(circuit.holds(&partition), "program {n}");
        use plonky2::iop::witness::Witness as _;
        let public: Vec<F> = circuit.data.prover_only.public_inputs.iter().map(|&t| partition.get_target(t)).collect();
        assert_eq!(public, statement.public_inputs(), "program {n}");
        // Every advised quotient, remainder and bit of the program, changed alone.
        for i in 4 + 5 + 2 + WORDS as usize..witness.advice.len() {
            let mut lie = witness.advice.clone();
            lie[i] += F::ONE;
            assert!(!circuit.accepts(&lie), "program {n}, advice {i}");
        }
    }
}
