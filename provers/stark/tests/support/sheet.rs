//! A small batch by hand: every kind of row of every table, wired together.

use std::collections::HashMap;

use multiprover_stark::tables::{self, F, Layout, Public, Witness, alu, block, hash, logic, mul, sign, values};
use p3_field::{Field, PrimeCharacteristicRing, PrimeField32};
use p3_koala_bear::default_koalabear_poseidon2_16;
use p3_symmetric::Permutation;

pub type Digest = [F; 8];

pub fn f(x: usize) -> F {
    F::from_usize(x)
}

/// The limbs of `v + 2^127`.
pub fn limbs(v: i128) -> Digest {
    let raw = (v as u128) ^ (1 << 127);
    std::array::from_fn(|i| F::from_u32((raw >> (16 * i)) as u32 & 0xffff))
}

fn permute(mut state: [F; 16]) -> [F; 16] {
    default_koalabear_poseidon2_16().permute_mut(&mut state);
    state
}

fn join(low: Digest, high: Digest) -> [F; 16] {
    std::array::from_fn(|i| if i < 8 { low[i] } else { high[i - 8] })
}

/// Places 0 to 7 of a state, and 8 to 15.
fn halves(state: [F; 16]) -> (Digest, Digest) {
    (std::array::from_fn(|i| state[i]), std::array::from_fn(|i| state[8 + i]))
}

/// Where a wire's count stands.
#[derive(Clone, Copy)]
enum Maker {
    HashOut(usize),
    AluC(usize),
    AluBit(usize),
    LogicC(usize),
    BlockOut(usize),
    BlockKey(usize),
    Value(usize),
}

#[derive(Default)]
pub struct Sheet {
    pub layout: Layout,
    pub witness: Witness,
    pub public: Public,
    wires: Vec<(Maker, usize, Digest)>,
    names: HashMap<&'static str, usize>,
}

/// A wire's id.
pub type Wire = usize;

impl Sheet {
    fn make(&mut self, maker: Maker, x: Digest) -> Wire {
        self.wires.push((maker, 0, x));
        self.wires.len()
    }

    /// Reads a wire once.
    fn read(&mut self, wire: Wire) -> Digest {
        let (_, reads, x) = &mut self.wires[wire - 1];
        *reads += 1;
        *x
    }

    fn next(&self) -> Wire {
        self.wires.len() + 1
    }

    pub fn value(&self, wire: Wire) -> Digest {
        self.wires[wire - 1].2
    }

    pub fn name(&mut self, name: &'static str, row: usize) {
        self.names.insert(name, row);
    }

    /// The row that was given a name.
    pub fn row(&self, name: &str) -> usize {
        self.names[name]
    }

    pub fn constant(&mut self, e: Digest) -> Wire {
        self.values(values::Pre { f_const: F::ONE, e, ..Default::default() }, e)
    }

    pub fn values(&mut self, pre: values::Pre<F>, x: Digest) -> Wire {
        let id = f(self.next());
        self.layout.values.push(values::Pre { id, ..pre });
        self.witness.values.push(values::Main { x });
        self.make(Maker::Value(self.layout.values.len() - 1), x)
    }

    /// A row of VALUES that receives a wire.
    pub fn pin(&mut self, wire: Wire, pre: values::Pre<F>) {
        let x = self.read(wire);
        self.layout.values.push(values::Pre { id: f(wire), m: -F::ONE, ..pre });
        self.witness.values.push(values::Main { x });
    }

    fn alu(&mut self, pre: alu::Pre<F>, main: alu::Main<F>) -> usize {
        self.layout.alu.push(pre);
        self.witness.alu.push(main);
        self.layout.alu.len() - 1
    }

    /// An integer that is given, with its words if `words`.
    pub fn input(&mut self, v: i128, words: bool) -> Wire {
        let flag = F::from_bool(words);
        let pre = alu::Pre {
            id_c: f(self.next()),
            f_range: F::ONE,
            f_short: flag,
            f_words: flag,
            m_w0: flag,
            m_w1: flag,
            ..Default::default()
        };
        let row = self.alu(pre, alu::Main { c: limbs(v), ..Default::default() });
        self.make(Maker::AluC(row), limbs(v))
    }

    /// `a + b`, or `a - b`.
    pub fn linear(&mut self, a: Wire, b: Wire, minus: bool) -> Wire {
        let sign = if minus { -F::ONE } else { F::ONE };
        let pre = alu::Pre {
            id_a: f(a),
            f_a: F::ONE,
            id_b: f(b),
            f_b: F::ONE,
            id_c: f(self.next()),
            f_range: F::ONE,
            f_lin: F::ONE,
            sign,
            offset: sign * f(1 << 15),
            ..Default::default()
        };
        let (a, b) = (self.read(a), self.read(b));
        let (c, k) = carry(a, b, minus, 1 << 15);
        let row = self.alu(pre, alu::Main { a, b, c, k, bit: F::ZERO });
        self.make(Maker::AluC(row), c)
    }

    /// `a < b`, as a wire, or forced to be `forced`.
    pub fn less(&mut self, a: Wire, b: Wire, forced: Option<bool>) -> Wire {
        let pre = alu::Pre {
            id_a: f(a),
            f_a: F::ONE,
            id_b: f(b),
            f_b: F::ONE,
            id_bit: f(self.next()),
            f_range: F::ONE,
            f_lin: F::ONE,
            sign: -F::ONE,
            f_less: F::ONE,
            f_zero: F::from_bool(forced == Some(false)),
            f_one: F::from_bool(forced == Some(true)),
            ..Default::default()
        };
        let (a, b) = (self.read(a), self.read(b));
        let (c, k) = carry(a, b, true, 0);
        let row = self.alu(pre, alu::Main { a, b, c, k, bit: k[7] });
        self.make(Maker::AluBit(row), boolean(k[7]))
    }

    /// `a = b`.
    pub fn equal(&mut self, a: Wire, b: Wire) -> Wire {
        let pre = alu::Pre {
            id_a: f(a),
            f_a: F::ONE,
            id_b: f(b),
            f_b: F::ONE,
            id_bit: f(self.next()),
            f_equal: F::ONE,
            ..Default::default()
        };
        let (a, b) = (self.read(a), self.read(b));
        let mut k = Digest::default();
        let differing = (0..8).find(|i| a[*i] != b[*i]);
        if let Some(i) = differing {
            k[i] = (a[i] - b[i]).inverse();
        }
        let bit = F::from_bool(differing.is_none());
        let row = self.alu(pre, alu::Main { a, b, k, bit, ..Default::default() });
        self.make(Maker::AluBit(row), boolean(bit))
    }

    /// `a` if `bit`, else `b`.
    pub fn select(&mut self, bit: Wire, a: Wire, b: Wire) -> Wire {
        let pre = alu::Pre {
            id_a: f(a),
            f_a: F::ONE,
            id_b: f(b),
            f_b: F::ONE,
            id_c: f(self.next()),
            id_bit: f(bit),
            m_bit: -F::ONE,
            f_select: F::ONE,
            ..Default::default()
        };
        let (a, b, bit) = (self.read(a), self.read(b), self.read(bit)[0]);
        let c = if bit == F::ONE { a } else { b };
        let row = self.alu(pre, alu::Main { a, b, c, bit, ..Default::default() });
        self.make(Maker::AluC(row), c)
    }

    /// `x` is `a` if `bit`, else anything.
    pub fn demand(&mut self, bit: Wire, a: Wire, x: Wire) {
        let pre = alu::Pre {
            id_a: f(a),
            f_a: F::ONE,
            id_c: f(x),
            m_c: -F::ONE,
            id_bit: f(bit),
            m_bit: -F::ONE,
            f_select: F::ONE,
            ..Default::default()
        };
        let (a, x, bit) = (self.read(a), self.read(x), self.read(bit)[0]);
        self.alu(pre, alu::Main { a, b: x, c: x, bit, ..Default::default() });
    }

    /// That `a·b + r = c`.
    pub fn product(&mut self, a: Wire, b: Wire, r: Option<Wire>, c: Wire) {
        let one = F::ONE;
        let pre = mul::Pre {
            id_a: f(a),
            id_b: f(b),
            id_r: f(r.unwrap_or_default()),
            id_c: f(c),
            f: one,
            f_r: F::from_bool(r.is_some()),
        };
        let (a, b, c) = (self.read(a), self.read(b), self.read(c));
        let r = r.map(|r| self.read(r));
        self.layout.mul.push(pre);
        self.witness.mul.push(product(a, b, r, c));
    }

    /// `q0 + q1·a + q2·b + q3·a·b`.
    pub fn logic(&mut self, a: Wire, b: Wire, q: [i64; 4]) -> Wire {
        let [q0, q1, q2, q3] = q.map(F::from_i64);
        let one = F::ONE;
        let id_c = f(self.next());
        self.layout.logic.push(logic::Pre { id_a: f(a), f_a: one, id_b: f(b), f_b: one, id_c, m_c: F::ZERO, q0, q1, q2, q3 });
        let (a, b) = (self.read(a)[0], self.read(b)[0]);
        let c = q0 + q1 * a + q2 * b + q3 * a * b;
        self.witness.logic.push(logic::Main { a, b, c });
        self.make(Maker::LogicC(self.layout.logic.len() - 1), boolean(c))
    }

    /// The two words of an input, most significant first, in a block with two absent ones.
    pub fn block(&mut self, input: Wire, journal: bool) -> Wire {
        let x = self.value(input);
        let zero = F::ZERO;
        let h = [x[3], x[2], x[1], x[0], zero, zero, zero, zero];
        let id_out = f(self.next());
        self.layout.block.push(block::Pre {
            id_w: [f(2 * input + 1), f(2 * input), zero, zero],
            f_w: [F::ONE, F::ONE, zero, zero],
            id_out,
            f_journal: F::from_bool(journal),
            ..Default::default()
        });
        self.push_block(h);
        self.make(Maker::BlockOut(self.layout.block.len() - 1), h)
    }

    /// A key of the words of four inputs.
    pub fn key(&mut self, inputs: [Wire; 4]) -> Wire {
        let id_key = f(self.next());
        let first = self.layout.block.len();
        let mut key = vec![];
        for pair in inputs.chunks(2) {
            let id_w = [2 * pair[0] + 1, 2 * pair[0], 2 * pair[1] + 1, 2 * pair[1]].map(f);
            let mut h = vec![];
            for x in pair.iter().map(|wire| self.value(*wire)) {
                h.extend([x[3], x[2], x[1], x[0]]);
                key.extend([x[3] * f(1 << 16) + x[2], x[1] * f(1 << 16) + x[0]]);
            }
            let id_key = if self.layout.block.len() == first { id_key } else { F::ZERO };
            self.layout.block.push(block::Pre { id_w, f_w: [F::ONE; 4], id_key, ..Default::default() });
            self.push_block(h.try_into().unwrap());
        }
        self.make(Maker::BlockKey(first), key.try_into().unwrap())
    }

    fn push_block(&mut self, h: Digest) {
        let y = match self.witness.block.last() {
            None => Default::default(),
            Some(row) => after(&self.layout.block[self.layout.block.len() - 2], row, &self.public),
        };
        self.witness.block.push(block::Main { h, y });
    }

    fn hash(&mut self, pre: hash::Pre<F>, witness: hash::Witness) -> usize {
        self.layout.hash.push(pre);
        self.witness.hash.push(witness);
        self.layout.hash.len() - 1
    }

    /// `H(tag, aux; elements)`; what is not a wire is free, with this value.
    pub fn absorb(&mut self, tag: usize, aux: usize, len: usize, rate: &[Result<Wire, Digest>]) -> Wire {
        let mut capacity = Digest::default();
        capacity[0] = f(tag + 16 * aux);
        capacity[1] = f(len);
        let last = rate.len() - 1;
        let mut out = Digest::default();
        let first = self.layout.hash.len();
        for (i, x) in rate.iter().enumerate() {
            let (id_in, x) = match x {
                Ok(wire) => (f(*wire), self.read(*wire)),
                Err(x) => (F::ZERO, *x),
            };
            let input = join(x, capacity);
            let pre = hash::Pre {
                id_in,
                f_read: F::from_bool(id_in != F::ZERO),
                f_first: F::from_bool(i == 0),
                f_absorb: F::from_bool(i < last),
                tag: f(tag),
                aux: f(aux),
                len: f(len),
                id_out: if i == last { f(self.next()) } else { F::ZERO },
                ..Default::default()
            };
            self.hash(pre, hash::Witness { input, ..Default::default() });
            (out, capacity) = halves(permute(input));
        }
        self.make(Maker::HashOut(first + last), out)
    }

    /// A path from `leaf` to the root, with the siblings' ids from `siblings` on: sent (`1`), received (`-1`) or unused (`0`).
    pub fn path(&mut self, leaf: Wire, index: Wire, siblings: &[Digest], id: usize, m_sib: i64) -> Wire {
        let at = self.read(index);
        let index_value = at[0].as_canonical_u32() as usize | (at[1].as_canonical_u32() as usize) << 16;
        let (mut acc, mut rest) = (index_value & 0xffff, index_value >> 16);
        let mut cur = self.read(leaf);
        let top = siblings.len() - 1;
        for (i, sibling) in siblings.iter().enumerate() {
            let right = acc & 1 == 1;
            let input = if right { join(*sibling, cur) } else { join(cur, *sibling) };
            let low_end = i == 15 && i < top;
            let pre = hash::Pre {
                id_in: if i == 0 { f(leaf) } else { F::ZERO },
                f_read: F::from_bool(i == 0),
                id_sib: if m_sib == 0 { F::ZERO } else { f(id + i) },
                m_sib: F::from_i64(m_sib),
                f_path: F::ONE,
                f_climb: F::from_bool(i < top),
                f_idx: F::from_bool(i == 0),
                id_idx: if i == 0 { f(index) } else { F::ZERO },
                f_low_end: F::from_bool(low_end),
                f_path_end: F::from_bool(i == top),
                id_out: if i == top { f(self.next()) } else { F::ZERO },
                ..Default::default()
            };
            self.hash(pre, hash::Witness { input, bit: F::from_bool(right), acc: f(acc), rest: f(rest) });
            (acc, rest) = if low_end { (rest, 0) } else { (acc >> 1, rest) };
            let out = permute(input);
            cur = std::array::from_fn(|j| out[j] + input[j]);
        }
        self.make(Maker::HashOut(self.layout.hash.len() - 1), cur)
    }

    /// A signature for the nonce under a key: `(h, root)`, the message's digest and what the signature leads to.
    pub fn signature(&mut self, digest: Wire, nonce: Wire, key: Wire) -> (Wire, Wire) {
        let sig = f(1000);
        let n = self.read(nonce)[0];
        let (x, pk) = (self.value(digest), self.value(key));
        let mut rho = 0;
        let (second, h) = loop {
            let mut capacity = Digest::default();
            capacity[0] = f(7);
            capacity[1] = f(24);
            let mut second = Digest::default();
            (second[0], second[7]) = (n, f(rho));
            let mut out = Digest::default();
            for x in [x, second, pk] {
                (out, capacity) = halves(permute(join(x, capacity)));
            }
            if digits(&out).iter().sum::<usize>() == 120 {
                break (second, out);
            }
            rho += 1;
        };
        let first = self.layout.hash.len();
        let message = self.absorb(7, 0, 24, &[Ok(digest), Err(second), Ok(key)]);
        let pre = &mut self.layout.hash[first + 1];
        (pre.f_nonce, pre.f_idx, pre.id_idx) = (F::ONE, F::ONE, f(nonce));
        self.witness.hash[first + 1].acc = n;
        assert_eq!(self.value(message), h);
        self.name("message", first);

        let starts: [Digest; 64] = std::array::from_fn(|i| std::array::from_fn(|j| f(1000 * i + j)));
        self.name("sign", self.layout.sign.len());
        self.sign(sig, message, &starts);
        self.name("step", self.layout.hash.len());
        let mut ends = vec![];
        for (i, (start, digit)) in starts.iter().zip(digits(&h)).enumerate() {
            let mut x = *start;
            for k in digit..3 {
                let mut capacity = Digest::default();
                capacity[0] = f(8 + 16 * (4 * i + k));
                capacity[1] = f(8);
                let pre = hash::Pre { f_step: F::ONE, tag: f(8), len: f(8), sig, ..Default::default() };
                let input = join(x, capacity);
                self.hash(pre, hash::Witness { input, acc: f(i), rest: f(k), ..Default::default() });
                x = halves(permute(input)).0;
            }
            ends.push(Err(x));
        }
        let first = self.layout.hash.len();
        self.name("end", first);
        let leaf = self.absorb(9, 0, 512, &ends);
        for i in 0..64 {
            let pre = &mut self.layout.hash[first + i];
            (pre.f_end, pre.sig, pre.aux) = (F::ONE, sig, f(i));
            let witness = &mut self.witness.hash[first + i];
            (witness.acc, witness.rest) = (f(i), f(3));
        }
        let siblings: [Digest; 16] = std::array::from_fn(|i| [f(77 + i); 8]);
        let root = self.path(leaf, nonce, &siblings, 0, 0);
        (message, root)
    }

    fn sign(&mut self, sig: F, message: Wire, starts: &[Digest; 64]) {
        let h = self.read(message);
        let (mut low, mut sum) = (0, 0);
        for (i, digit) in digits(&h).into_iter().enumerate() {
            let (j, t) = (i / 8, i % 8);
            let pow = 1 << (2 * t);
            let element = t == 7;
            let hi = h[j].as_canonical_u32() >> 16;
            let (spare, top) = (0x7f00 - hi, element && hi == 0x7f00);
            self.layout.sign.push(sign::Pre {
                sig,
                i: f(i),
                f: F::ONE,
                f_element: F::from_bool(element),
                f_start: F::from_bool(i == 0),
                f_stop: F::from_bool(i == 63),
                pow: f(pow),
                id_h: if i == 0 { f(message) } else { F::ZERO },
            });
            self.witness.sign.push(sign::Main {
                s: starts[i],
                h: std::array::from_fn(|k| h.get(j + k).copied().unwrap_or_default()),
                b0: f(digit & 1),
                b1: f(digit >> 1),
                low: f(low),
                sum: f(sum),
                hi: if element { F::from_u32(hi) } else { F::ZERO },
                inv: if element && !top { F::from_u32(spare).inverse() } else { F::ZERO },
                is_top: F::from_bool(top),
            });
            low = if element { 0 } else { low + pow * digit };
            sum += digit;
        }
    }

    /// Counts of the wires, as often as they are read.
    pub fn finish(&mut self) {
        for (maker, reads, _) in &self.wires {
            let m = f(*reads);
            match maker {
                Maker::HashOut(row) => self.layout.hash[*row].m_out = m,
                Maker::AluC(row) => self.layout.alu[*row].m_c = m,
                Maker::AluBit(row) => self.layout.alu[*row].m_bit = m,
                Maker::LogicC(row) => self.layout.logic[*row].m_c = m,
                Maker::BlockOut(row) => self.layout.block[*row].m_out = m,
                Maker::BlockKey(row) => self.layout.block[*row].m_key = m,
                Maker::Value(row) => self.layout.values[*row].m = m,
            }
        }
        let (pre, row) = (self.layout.block.last().unwrap(), self.witness.block.last().unwrap());
        self.public.y = after(pre, row, &self.public);
    }
}

fn after(pre: &block::Pre<F>, row: &block::Main<F>, public: &Public) -> [F; 5] {
    if pre.f_journal == F::ONE { tables::block::step(&row.y, &public.z, &row.h) } else { row.y }
}

pub fn boolean(bit: F) -> Digest {
    let mut x = limbs(0);
    x[0] = bit;
    x
}

/// Digits of a digest, from the least significant two bits of its first element.
pub fn digits(h: &Digest) -> [usize; 64] {
    std::array::from_fn(|i| (h[i / 8].as_canonical_u32() >> (2 * (i % 8))) as usize & 3)
}

/// Limbs of `a ± b` less the offset in the last, and the carries out of each limb.
pub fn carry(a: Digest, b: Digest, minus: bool, offset: i64) -> (Digest, Digest) {
    let (mut c, mut k) = (Digest::default(), Digest::default());
    let mut into = 0;
    for i in 0..8 {
        let at = |x: Digest| i64::from(x[i].as_canonical_u32());
        let sign = if minus { -1 } else { 1 };
        let sum = at(a) + sign * (at(b) + into) - if i == 7 { sign * offset } else { 0 };
        c[i] = F::from_i64(sum.rem_euclid(1 << 16));
        into = sign * sum.div_euclid(1 << 16);
        k[i] = F::from_i64(into);
    }
    (c, k)
}

/// MUL's row, whether or not the product is right.
pub fn product(a: Digest, b: Digest, r: Option<Digest>, c: Digest) -> mul::Main<F> {
    let byte = |x: Digest, i: usize| (x[i / 2].as_canonical_u32() >> (8 * (i % 2))) & 0xff;
    let signed = |x: Digest, i: usize| i64::from(byte(x, i)) - if i == 15 { 128 } else { 0 };
    let limb = |x: Digest, k: usize| match k {
        0..8 => i64::from(x[k].as_canonical_u32()) - if k == 7 { 1 << 15 } else { 0 },
        _ => 0,
    };
    let mut carry = [F::ZERO; 15];
    let mut into = 0;
    for (k, carry) in carry.iter_mut().enumerate() {
        let place = |n: usize| (0..16).filter(|i| n >= *i && n - i < 16).map(|i| signed(a, i) * signed(b, n - i)).sum::<i64>();
        let sum = place(2 * k) + 256 * place(2 * k + 1) + r.map_or(0, |r| limb(r, k)) + into - limb(c, k);
        into = sum.div_euclid(1 << 16);
        *carry = F::from_i64(into + (1 << 13));
    }
    let half = |x: Digest, high: usize| std::array::from_fn(|i| F::from_u32(byte(x, 2 * i + high)));
    mul::Main { a_lo: half(a, 0), a_hi: half(a, 1), b_lo: half(b, 0), b_hi: half(b, 1), r: r.unwrap_or_default(), c, carry }
}

/// The batch.
pub fn sheet() -> Sheet {
    let mut s = Sheet::default();
    s.public.z = [3, 1, 4, 1, 5].map(f);
    s.public.domain = [f(11); 8];
    s.public.payee = [f(12); 10];

    let one = s.constant(limbs(1));
    let a = s.input(5 | 3 << 16 | 7 << 40, false);
    let b = s.input(-7 - (1 << 90), false);
    let sum = s.linear(a, b, false);
    let difference = s.linear(sum, b, true);
    let same = s.equal(a, difference);
    let other = s.equal(a, b);
    let below = s.less(b, a, Some(true));
    let above = s.less(a, b, None);
    let chosen = s.select(same, a, b);
    s.demand(below, a, chosen);
    let zero = s.logic(other, above, [0, 1, 1, -1]);
    let yes = s.logic(zero, below, [0, 0, 1, 0]);
    s.pin(yes, values::Pre { f_const: F::ONE, e: limbs(1), ..Default::default() });
    let also = s.less(a, b, Some(false));
    s.pin(also, values::Pre { f_const: F::ONE, e: limbs(0), ..Default::default() });

    let (x, y, r) = (-123_456_789_012_345_678_i128, 987_654_321_987_654_321_i128, 12_345_i128);
    let (wx, wy, wr) = (s.input(x, false), s.input(y, false), s.input(r, false));
    let wc = s.input(x * y + r, false);
    s.product(wx, wy, Some(wr), wc);
    let wd = s.input(5 * 7, false);
    let (five, seven) = (s.input(5, true), s.input(7, true));
    s.product(five, seven, None, wd);
    let sums = s.linear(wd, one, false);
    s.pin(sums, values::Pre { f_const: F::ONE, e: limbs(36), ..Default::default() });

    // The journal, last block first.
    let index = s.input(0x2_8003, true);
    // An index has two limbs; its words are read by the block alone.
    let second = s.block(seven, true);
    let first = s.block(five, true);
    let other = s.block(index, false);
    let commitment = s.absorb(4, 0, 16, &[Ok(first), Ok(second)]);
    s.public.commitment = s.value(commitment);
    s.pin(commitment, values::Pre { f_commitment: F::ONE, ..Default::default() });

    let old = s.absorb(2, 3, 8, &[Ok(other)]);
    let new = s.absorb(2, 3, 16, &[Ok(other), Ok(one)]);
    let siblings: [Digest; 18] = std::array::from_fn(|i| std::array::from_fn(|j| f(100 * i + j)));
    s.name("path", s.layout.hash.len());
    let before = s.path(old, index, &siblings, 500_000, 1);
    let after = s.path(new, index, &siblings, 500_000, -1);
    (s.public.pre_root, s.public.post_root) = (s.value(before), s.value(after));
    s.pin(before, values::Pre { f_pre: F::ONE, ..Default::default() });
    s.pin(after, values::Pre { f_post: F::ONE, ..Default::default() });

    let domain = s.values(values::Pre { f_domain: F::ONE, ..Default::default() }, [f(11); 8]);
    let digest = s.absorb(5, 0, 8, &[Ok(domain)]);
    let nonce = s.input(0x9001, false);
    let words = std::array::from_fn(|i| s.input((0x1234_5678_9abc_def0_u64 >> i) as i128 & 0xffff_ffff, true));
    s.name("key", s.layout.block.len());
    let key = s.key(words);
    let (_, root) = s.signature(digest, nonce, key);
    let root_again = s.constant(s.value(root));
    s.demand(yes, root_again, root);
    s.finish();
    s
}
