//! Rows and wires: how a batch becomes the [`Layout`] and the [`Witness`] of the tables (TABLES.md).
//!
//! There is one function for each kind of row. Each fills in the preprocessed row and, from the values of the wires that it reads, the
//! witness row; a wire that it makes carries the value on. **The layout never depends on a value**: keys are made by the same walk over
//! values that mean nothing. So nothing here refuses a value: what does not hold becomes a row that breaks its constraint.

use std::collections::HashMap;

use p3_field::{BasedVectorSpace, Field, PrimeCharacteristicRing, PrimeField32};
use p3_koala_bear::{Poseidon2KoalaBear, default_koalabear_poseidon2_16};
use p3_symmetric::Permutation;

use crate::tables::{DIGEST, EF, EXTENSION, F, Layout, Witness, alu, block, hash, logic, mul, sign, values};

/// What a wire carries: the limbs of an integer, or a digest.
pub type Cells = [F; DIGEST];

/// The number of a wire, at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Wire(u32);

impl Wire {
    /// Its number on the bus.
    pub fn id(self) -> F {
        F::from_u32(self.0)
    }
}

/// The row that makes a wire, and the column in which its readers are counted.
#[derive(Debug, Clone, Copy)]
enum Maker {
    /// The siblings of a path: read by the other path of the same opening and by nobody else.
    Sibling,
    Hash(usize),
    Alu(usize),
    /// The bit of an ALU row.
    Bit(usize),
    Logic(usize),
    Block(usize),
    Key(usize),
    Values(usize),
}

/// 32 bits of an integer: limbs 0 and 1 of the wire that an ALU row makes, or limbs 2 and 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Word {
    row: usize,
    high: bool,
}

/// A number of a block of words, until BLOCK's rows are put into their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block(usize);

/// A row of BLOCK.
struct Unplaced {
    words: [Option<Word>; 4],
    pre: block::Pre<F>,
    h: Cells,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sum {
    Add,
    Sub,
}

/// What stands in the rate of a row of a sponge.
#[derive(Debug, Clone, Copy)]
pub enum Absorbed {
    Wire(Wire),
    /// A nonce, and seven elements of the witness: the second block of a signature's message.
    Nonce {
        nonce: Wire,
        rest: [F; 7],
    },
    /// The end of a chain of a signature, from the bus `chain`.
    End {
        signature: u32,
        chain: usize,
        value: Cells,
    },
}

/// Whose siblings a path climbs by.
#[derive(Debug, Clone, Copy)]
pub enum Siblings {
    /// Its own.
    Own,
    /// Its own, which another path takes.
    Shown(Shared),
    /// Those of the path that shows them.
    Taken(Shared),
}

/// The wires of the siblings of a path, one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Shared(u32);

/// What a wire is held to.
#[derive(Debug, Clone, Copy)]
pub enum Pin {
    Constant(Cells),
    PreRoot,
    PostRoot,
    Commitment,
}

/// `2^16`.
const LIMB: i64 = 1 << 16;
/// The offset of an integer in its most significant limb: `2^127 = 2^15 · 2^112`.
const OFFSET: i64 = 1 << 15;
/// The levels of a path whose index bits are limb 0 of the index.
const LOW_LEVELS: usize = 16;

pub struct Builder {
    permutation: Poseidon2KoalaBear<16>,
    layout: Layout,
    witness: Witness,
    /// By wire; wire 0 is none.
    values: Vec<Cells>,
    makers: Vec<Maker>,
    constants: HashMap<Cells, Wire>,
    sums: HashMap<(Sum, Wire, Wire), Wire>,
    /// Blocks in the order in which they were made; see [`Builder::finish`].
    blocks: Vec<Unplaced>,
    block_of: HashMap<[Option<Word>; 4], Block>,
    signatures: u32,
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

fn signed(v: i64) -> F {
    if v < 0 { -F::from_u64(v.unsigned_abs()) } else { F::from_u64(v as u64) }
}

/// A limb as a number. Where a witness lies it may be any element: the low bits then.
fn limb(x: F) -> i64 {
    i64::from(x.as_canonical_u32() & 0xffff)
}

/// The limbs of an integer (TABLES.md, Values).
pub fn cells_of(v: i128) -> Cells {
    let v = (v as u128).wrapping_add(1 << 127);
    std::array::from_fn(|i| F::from_u16((v >> (16 * i)) as u16))
}

/// The integer of limbs.
pub fn int_of(cells: &Cells) -> i128 {
    let v = (0..DIGEST).fold(0u128, |v, i| v | (limb(cells[i]) as u128) << (16 * i));
    v.wrapping_sub(1 << 127) as i128
}

/// The limbs of an integer of one limb.
fn single(x: F) -> Cells {
    let mut cells = cells_of(0);
    cells[0] = x;
    cells
}

/// What a block of the journal contributes: `Σ h_j·z^j`.
fn evaluate(h: &Cells, z: EF) -> EF {
    h.iter().rev().fold(EF::ZERO, |y, &x| y * z + x)
}

impl Builder {
    pub fn new() -> Self {
        Builder {
            permutation: default_koalabear_poseidon2_16(),
            layout: Layout::default(),
            witness: Witness::default(),
            values: vec![Cells::default()],
            makers: vec![Maker::Sibling],
            constants: HashMap::new(),
            sums: HashMap::new(),
            blocks: vec![],
            block_of: HashMap::new(),
            signatures: 0,
        }
    }

    /// Rows of the longest table so far.
    pub fn rows(&self) -> usize {
        let l = &self.layout;
        [l.hash.len(), l.alu.len(), l.mul.len(), l.logic.len(), self.blocks.len(), l.sign.len(), l.values.len()]
            .into_iter()
            .max()
            .unwrap_or(0)
    }

    // Wires
    // -----

    /// What a wire carries.
    pub fn value(&self, wire: Wire) -> Cells {
        self.values[wire.0 as usize]
    }

    /// The integer that a wire carries.
    pub fn int_value(&self, wire: Wire) -> i128 {
        int_of(&self.value(wire))
    }

    /// Whether a wire carries 1.
    pub fn bit_value(&self, wire: Wire) -> bool {
        self.value(wire)[0] == F::ONE
    }

    fn make(&mut self, value: Cells, maker: Maker) -> Wire {
        self.values.push(value);
        self.makers.push(maker);
        Wire(self.values.len() as u32 - 1)
    }

    /// The id of a wire for a row that reads it: one reader more.
    fn read(&mut self, wire: Wire) -> F {
        let count = match self.makers[wire.0 as usize] {
            Maker::Sibling => unreachable!("siblings are read by paths"),
            Maker::Hash(row) => &mut self.layout.hash[row].m_out,
            Maker::Alu(row) => &mut self.layout.alu[row].m_c,
            Maker::Bit(row) => &mut self.layout.alu[row].m_bit,
            Maker::Logic(row) => &mut self.layout.logic[row].m_c,
            Maker::Block(at) => &mut self.blocks[at].pre.m_out,
            Maker::Key(at) => &mut self.blocks[at].pre.m_key,
            Maker::Values(row) => &mut self.layout.values[row].m,
        };
        *count += F::ONE;
        wire.id()
    }

    // VALUES
    // ------

    fn values_row(&mut self, pre: values::Pre<F>, x: Cells) -> usize {
        self.layout.values.push(pre);
        self.witness.values.push(values::Main { x });
        self.layout.values.len() - 1
    }

    fn values_wire(&mut self, pre: values::Pre<F>, x: Cells) -> Wire {
        let row = self.values_row(pre, x);
        let wire = self.make(x, Maker::Values(row));
        self.layout.values[row].id = wire.id();
        wire
    }

    /// The same wire for the same cells.
    pub fn constant(&mut self, cells: Cells) -> Wire {
        if let Some(&wire) = self.constants.get(&cells) {
            return wire;
        }
        let wire = self.values_wire(values::Pre { f_const: F::ONE, e: cells, ..Default::default() }, cells);
        self.constants.insert(cells, wire);
        wire
    }

    /// A digest of the witness: a map's root or a key cell before the batch.
    pub fn free_digest(&mut self, value: Cells) -> Wire {
        self.values_wire(values::Pre::default(), value)
    }

    /// The public value `domain`.
    pub fn domain(&mut self, value: Cells) -> Wire {
        self.values_wire(values::Pre { f_domain: F::ONE, ..Default::default() }, value)
    }

    /// **Constrains** a wire.
    pub fn pin(&mut self, wire: Wire, to: Pin) {
        let mut pre = values::Pre { id: self.read(wire), m: -F::ONE, ..Default::default() };
        match to {
            Pin::Constant(cells) => (pre.f_const, pre.e) = (F::ONE, cells),
            Pin::PreRoot => pre.f_pre = F::ONE,
            Pin::PostRoot => pre.f_post = F::ONE,
            Pin::Commitment => pre.f_commitment = F::ONE,
        }
        let x = self.value(wire);
        self.values_row(pre, x);
    }

    // ALU
    // ---

    fn alu_row(&mut self, pre: alu::Pre<F>, main: alu::Main<F>) -> usize {
        self.layout.alu.push(pre);
        self.witness.alu.push(main);
        self.layout.alu.len() - 1
    }

    /// A row whose `c` is a wire.
    fn alu_wire(&mut self, pre: alu::Pre<F>, main: alu::Main<F>) -> Wire {
        let row = self.alu_row(pre, main);
        let wire = self.make(main.c, Maker::Alu(row));
        self.layout.alu[row].id_c = wire.id();
        wire
    }

    /// A row whose bit is a wire.
    fn alu_bit(&mut self, pre: alu::Pre<F>, main: alu::Main<F>) -> Wire {
        let row = self.alu_row(pre, main);
        let wire = self.make(single(main.bit), Maker::Bit(row));
        self.layout.alu[row].id_bit = wire.id();
        wire
    }

    /// Any integer: 16 bits a limb are all that it is held to.
    pub fn input(&mut self, v: i128) -> Wire {
        self.alu_wire(alu::Pre { f_range: F::ONE, ..Default::default() }, alu::Main { c: cells_of(v), ..Default::default() })
    }

    /// Limbs and carries of a linear row: `a ± b` less the row's offset.
    fn linear(a: &Cells, b: &Cells, sum: Sum, offset: i64) -> (Cells, Cells) {
        let (mut c, mut k) = (Cells::default(), Cells::default());
        let mut carry = 0;
        for i in 0..DIGEST {
            let offset = if i == DIGEST - 1 { offset } else { 0 };
            let (a, b) = (limb(a[i]), limb(b[i]));
            let total = match sum {
                Sum::Add => a + b + carry - offset,
                Sum::Sub => a - b - carry - offset,
            };
            c[i] = signed(total.rem_euclid(LIMB));
            carry = match sum {
                Sum::Add => total.div_euclid(LIMB),
                Sum::Sub => -total.div_euclid(LIMB),
            };
            k[i] = signed(carry);
        }
        (c, k)
    }

    /// `a + b` or `a - b`, once for each pair of wires. **Constrains** it to lie within ±2^127.
    pub fn sum(&mut self, sum: Sum, a: Wire, b: Wire) -> Wire {
        if let Some(&wire) = self.sums.get(&(sum, a, b)) {
            return wire;
        }
        let sign = if sum == Sum::Add { 1 } else { -1 };
        let (x, y) = (self.value(a), self.value(b));
        let (c, k) = Self::linear(&x, &y, sum, sign * OFFSET);
        let pre = alu::Pre {
            id_a: self.read(a),
            f_a: F::ONE,
            id_b: self.read(b),
            f_b: F::ONE,
            f_range: F::ONE,
            f_lin: F::ONE,
            sign: signed(sign),
            offset: signed(sign * OFFSET),
            ..Default::default()
        };
        let wire = self.alu_wire(pre, alu::Main { a: x, b: y, c, k, bit: F::ZERO });
        self.sums.insert((sum, a, b), wire);
        wire
    }

    /// `encoded + lo` as a wire of which it is known that less `lo` it is `encoded`.
    pub fn shifted(&mut self, encoded: Wire, lo: i128) -> Wire {
        let lo = self.constant(cells_of(lo));
        let wire = self.sum(Sum::Add, encoded, lo);
        self.sums.insert((Sum::Sub, wire, lo), encoded);
        wire
    }

    fn less_row(&mut self, a: Wire, b: Wire) -> (alu::Pre<F>, alu::Main<F>) {
        let (x, y) = (self.value(a), self.value(b));
        let (c, k) = Self::linear(&x, &y, Sum::Sub, 0);
        let pre = alu::Pre {
            id_a: self.read(a),
            f_a: F::ONE,
            id_b: self.read(b),
            f_b: F::ONE,
            f_range: F::ONE,
            f_lin: F::ONE,
            f_less: F::ONE,
            sign: -F::ONE,
            ..Default::default()
        };
        (pre, alu::Main { a: x, b: y, c, k, bit: k[DIGEST - 1] })
    }

    /// Whether `a < b`.
    pub fn less(&mut self, a: Wire, b: Wire) -> Wire {
        let (pre, main) = self.less_row(a, b);
        self.alu_bit(pre, main)
    }

    /// **Constrains** `a < b` to be so, or not to be.
    pub fn assert_less(&mut self, a: Wire, b: Wire, expected: bool) {
        let (pre, main) = self.less_row(a, b);
        let (f_one, f_zero) = (F::from_bool(expected), F::from_bool(!expected));
        self.alu_row(alu::Pre { f_one, f_zero, ..pre }, main);
    }

    /// Whether `a = b`.
    pub fn equal(&mut self, a: Wire, b: Wire) -> Wire {
        let (x, y) = (self.value(a), self.value(b));
        let mut k = Cells::default();
        let differing = (0..DIGEST).find(|&i| x[i] != y[i]);
        if let Some(i) = differing {
            k[i] = (x[i] - y[i]).inverse();
        }
        let pre =
            alu::Pre { id_a: self.read(a), f_a: F::ONE, id_b: self.read(b), f_b: F::ONE, f_equal: F::ONE, ..Default::default() };
        self.alu_bit(pre, alu::Main { a: x, b: y, c: Cells::default(), k, bit: F::from_bool(differing.is_none()) })
    }

    /// `a` if `bit` is 1, else `b`.
    pub fn select(&mut self, bit: Wire, a: Wire, b: Wire) -> Wire {
        let x = self.value(a);
        let pre = alu::Pre { id_a: self.read(a), f_a: F::ONE, ..Default::default() };
        self.select_from(bit, pre, x, b)
    }

    fn select_from(&mut self, bit: Wire, pre: alu::Pre<F>, a: Cells, b: Wire) -> Wire {
        let (choice, b_value) = (self.value(bit)[0], self.value(b));
        let c = std::array::from_fn(|i| b_value[i] + choice * (a[i] - b_value[i]));
        let pre = alu::Pre { id_b: self.read(b), f_b: F::ONE, id_bit: self.read(bit), m_bit: -F::ONE, f_select: F::ONE, ..pre };
        self.alu_wire(pre, alu::Main { a, b: b_value, c, k: Cells::default(), bit: choice })
    }

    /// An integer of the witness if `bit` is 1, else the one that `otherwise` carries. It is held to 16 bits a limb.
    pub fn input_if(&mut self, bit: Wire, v: i128, otherwise: Wire) -> Wire {
        self.select_from(bit, alu::Pre { f_range: F::ONE, ..Default::default() }, cells_of(v), otherwise)
    }

    /// A digest of the witness if `bit` is 1, else what `otherwise` carries.
    pub fn digest_if(&mut self, bit: Wire, value: Cells, otherwise: Wire) -> Wire {
        self.select_from(bit, alu::Pre::default(), value, otherwise)
    }

    /// What `a` carries if `bit` is 1, else a digest of the witness.
    pub fn digest_unless(&mut self, bit: Wire, a: Wire, value: Cells) -> Wire {
        let (choice, x) = (self.value(bit)[0], self.value(a));
        let c = std::array::from_fn(|i| value[i] + choice * (x[i] - value[i]));
        let pre = alu::Pre {
            id_a: self.read(a),
            f_a: F::ONE,
            id_bit: self.read(bit),
            m_bit: -F::ONE,
            f_select: F::ONE,
            ..Default::default()
        };
        self.alu_wire(pre, alu::Main { a: x, b: value, c, k: Cells::default(), bit: choice })
    }

    /// **Constrains** two wires to carry the same if `bit` is 1.
    pub fn assert_same_if(&mut self, bit: Wire, a: Wire, b: Wire) {
        let (x, y) = (self.value(a), self.value(b));
        let pre = alu::Pre {
            id_a: self.read(a),
            f_a: F::ONE,
            id_c: self.read(b),
            m_c: -F::ONE,
            id_bit: self.read(bit),
            m_bit: -F::ONE,
            f_select: F::ONE,
            ..Default::default()
        };
        let choice = self.value(bit)[0];
        self.alu_row(pre, alu::Main { a: x, b: y, c: y, k: Cells::default(), bit: choice });
    }

    /// The words of an integer, least significant first. **Constrains** it to `[0, 2^(32·count))`, `count` 1 or 2.
    pub fn words(&mut self, wire: Wire, count: usize) -> Vec<Word> {
        let row = match self.makers[wire.0 as usize] {
            Maker::Alu(row) => row,
            _ => {
                let zero = self.constant(cells_of(0));
                let copy = self.sum(Sum::Sub, wire, zero);
                return self.words(copy, count);
            }
        };
        self.layout.alu[row].f_words = F::ONE;
        if count == 1 {
            self.layout.alu[row].f_short = F::ONE;
        }
        (0..count).map(|i| Word { row, high: i == 1 }).collect()
    }

    /// The half-words of a word, the more significant first.
    fn halves(&self, word: Word) -> [F; 2] {
        let c = &self.witness.alu[word.row].c;
        if word.high { [c[3], c[2]] } else { [c[1], c[0]] }
    }

    // MUL
    // ---

    /// **Constrains** `a·b + r = c` over the integers; `r` is 0 where there is none.
    pub fn assert_product(&mut self, a: Wire, b: Wire, r: Option<Wire>, c: Wire) {
        let bytes = |cells: &Cells| -> [i64; 16] {
            std::array::from_fn(|i| {
                let byte = limb(cells[i / 2]) >> (8 * (i % 2)) & 0xff;
                if i == 15 { byte - 128 } else { byte }
            })
        };
        let limbs = |cells: &Cells| -> [i64; 8] { std::array::from_fn(|i| limb(cells[i]) - if i == 7 { OFFSET } else { 0 }) };
        let (x, y) = (bytes(&self.value(a)), bytes(&self.value(b)));
        let (r_value, c_value) = (r.map_or(Cells::default(), |r| self.value(r)), self.value(c));
        let r_limbs = if r.is_some() { limbs(&r_value) } else { [0; 8] };
        let c_limbs = limbs(&c_value);
        let place =
            |n: usize| -> i64 { (0..16).filter(|i| (n.saturating_sub(15)..=n).contains(i)).map(|i| x[i] * y[n - i]).sum() };
        let mut carries = [F::ZERO; 15];
        let mut carry = 0;
        for k in 0..15 {
            let high = if k < 8 { r_limbs[k] - c_limbs[k] } else { 0 };
            carry = (place(2 * k) + 256 * place(2 * k + 1) + high + carry).div_euclid(LIMB);
            carries[k] = signed(carry + (1 << 13));
        }
        let unsigned = |bytes: &[i64; 16], parity: usize| -> Cells {
            std::array::from_fn(|i| signed(if 2 * i + parity == 15 { bytes[15] + 128 } else { bytes[2 * i + parity] }))
        };
        let main = mul::Main {
            a_lo: unsigned(&x, 0),
            a_hi: unsigned(&x, 1),
            b_lo: unsigned(&y, 0),
            b_hi: unsigned(&y, 1),
            r: r_value,
            c: c_value,
            carry: carries,
        };
        let pre = mul::Pre {
            id_a: self.read(a),
            id_b: self.read(b),
            id_r: r.map_or(F::ZERO, |r| self.read(r)),
            id_c: self.read(c),
            f: F::ONE,
            f_r: F::from_bool(r.is_some()),
        };
        self.layout.mul.push(pre);
        self.witness.mul.push(main);
    }

    // LOGIC
    // -----

    /// `q_0 + q_1·a + q_2·b + q_3·a·b`, of integers of one limb. **The caller knows** that it is one again.
    pub fn logic(&mut self, q: [i64; 4], a: Wire, b: Wire) -> Wire {
        let [q0, q1, q2, q3] = q.map(signed);
        let (x, y) = (self.value(a)[0], self.value(b)[0]);
        let c = q0 + q1 * x + q2 * y + q3 * x * y;
        let pre =
            logic::Pre { id_a: self.read(a), f_a: F::ONE, id_b: self.read(b), f_b: F::ONE, q0, q1, q2, q3, ..Default::default() };
        self.logic_row(pre, logic::Main { a: x, b: y, c })
    }

    /// `1 - a`.
    pub fn not(&mut self, a: Wire) -> Wire {
        let x = self.value(a)[0];
        let pre = logic::Pre { id_a: self.read(a), f_a: F::ONE, q0: F::ONE, q1: -F::ONE, ..Default::default() };
        self.logic_row(pre, logic::Main { a: x, b: F::ZERO, c: F::ONE - x })
    }

    fn logic_row(&mut self, pre: logic::Pre<F>, main: logic::Main<F>) -> Wire {
        let row = self.layout.logic.len();
        self.layout.logic.push(pre);
        self.witness.logic.push(main);
        let wire = self.make(single(main.c), Maker::Logic(row));
        self.layout.logic[row].id_c = wire.id();
        wire
    }

    // BLOCK
    // -----

    fn push_block(&mut self, words: [Option<Word>; 4]) -> usize {
        let mut pre = block::Pre::default();
        let mut h = Cells::default();
        for (j, word) in words.into_iter().enumerate() {
            let Some(word) = word else { continue };
            let halves = self.halves(word);
            h[2 * j..2 * j + 2].copy_from_slice(&halves);
            pre.f_w[j] = F::ONE;
            let row = &mut self.layout.alu[word.row];
            pre.id_w[j] = row.id_c.double() + F::from_bool(word.high);
            *(if word.high { &mut row.m_w1 } else { &mut row.m_w0 }) += F::ONE;
        }
        self.blocks.push(Unplaced { words, pre, h });
        self.blocks.len() - 1
    }

    /// Words by fours, the last filled up with zeros: once for each four.
    pub fn blocks(&mut self, words: &[Word]) -> Vec<Block> {
        words
            .chunks(4)
            .map(|four| {
                let four = std::array::from_fn(|j| four.get(j).copied());
                if let Some(&block) = self.block_of.get(&four) {
                    return block;
                }
                let at = self.push_block(four);
                let wire = self.make(self.blocks[at].h, Maker::Block(at));
                self.blocks[at].pre.id_out = wire.id();
                self.block_of.insert(four, Block(at));
                Block(at)
            })
            .collect()
    }

    /// The half-words of a block, as a wire.
    pub fn block_wire(&self, block: Block) -> Wire {
        Wire(self.blocks[block.0].pre.id_out.as_canonical_u32())
    }

    /// The elements of eight words, each reduced: a key.
    pub fn key(&mut self, words: &[Word; 8]) -> Wire {
        let first = self.push_block(std::array::from_fn(|j| Some(words[j])));
        let second = self.push_block(std::array::from_fn(|j| Some(words[4 + j])));
        let halves = [self.blocks[first].h, self.blocks[second].h].concat();
        let value = std::array::from_fn(|j| halves[2 * j] * F::from_u32(1 << 16) + halves[2 * j + 1]);
        let wire = self.make(value, Maker::Key(first));
        self.blocks[first].pre.id_key = wire.id();
        wire
    }

    // HASH
    // ----

    fn hash_row(&mut self, pre: hash::Pre<F>, witness: hash::Witness) -> [F; 16] {
        self.layout.hash.push(pre);
        self.witness.hash.push(witness);
        let mut state = witness.input;
        self.permutation.permute_mut(&mut state);
        state
    }

    /// The last row's digest as a wire.
    fn hash_wire(&mut self, digest: Cells) -> Wire {
        let row = self.layout.hash.len() - 1;
        let wire = self.make(digest, Maker::Hash(row));
        self.layout.hash[row].id_out = wire.id();
        wire
    }

    /// `H(tag, aux; parts)` of docs/suites.md §10, of `len` elements; at least one part.
    pub fn sponge(&mut self, tag: u32, aux: u32, len: usize, parts: &[Absorbed]) -> Wire {
        let mut state = [F::ZERO; 16];
        state[8] = F::from_u32(tag + 16 * aux);
        state[9] = F::from_usize(len);
        for (n, part) in parts.iter().enumerate() {
            let mut pre = hash::Pre {
                tag: F::from_u32(tag),
                aux: F::from_u32(aux),
                len: F::from_usize(len),
                f_first: F::from_bool(n == 0),
                f_absorb: F::from_bool(n + 1 < parts.len()),
                ..Default::default()
            };
            let mut witness = hash::Witness::default();
            match *part {
                Absorbed::Wire(wire) => {
                    (pre.f_read, pre.id_in) = (F::ONE, self.read(wire));
                    state[..DIGEST].copy_from_slice(&self.value(wire));
                }
                Absorbed::Nonce { nonce, rest } => {
                    (pre.f_nonce, pre.f_idx, pre.id_idx) = (F::ONE, F::ONE, self.read(nonce));
                    [witness.acc, witness.rest] = [self.value(nonce)[0], self.value(nonce)[1]];
                    state[0] = witness.acc;
                    state[1..DIGEST].copy_from_slice(&rest);
                }
                Absorbed::End { signature, chain, value } => {
                    (pre.f_end, pre.sig, pre.aux) = (F::ONE, F::from_u32(signature), F::from_usize(chain));
                    [witness.acc, witness.rest] = [pre.aux, F::from_u32(3)];
                    state[..DIGEST].copy_from_slice(&value);
                }
            }
            witness.input = state;
            state = self.hash_row(pre, witness);
        }
        self.hash_wire(std::array::from_fn(|j| state[j]))
    }

    /// The same of wires.
    pub fn hash(&mut self, tag: u32, aux: u32, len: usize, parts: &[Wire]) -> Wire {
        self.sponge(tag, aux, len, &parts.iter().map(|&w| Absorbed::Wire(w)).collect::<Vec<_>>())
    }

    /// Wires for the siblings that two paths share.
    pub fn share(&mut self, depth: usize) -> Shared {
        let first = self.values.len() as u32;
        for _ in 0..depth {
            self.make(Cells::default(), Maker::Sibling);
        }
        Shared(first)
    }

    /// The root over a leaf, by one sibling a level, from the leaf up. **Constrains** `index` to so many bits.
    pub fn path(&mut self, leaf: Wire, index: Wire, siblings: &[Cells], whose: Siblings) -> Wire {
        let depth = siblings.len();
        let [low, high] = [0, 1].map(|i| limb(self.value(index)[i]) as u32);
        let mut node = self.value(leaf);
        for (level, sibling) in siblings.iter().enumerate() {
            let (first, last, low_end) = (level == 0, level + 1 == depth, level + 1 == LOW_LEVELS);
            let (acc, rest) = if level < LOW_LEVELS { (low >> level, high) } else { (high >> (level - LOW_LEVELS), 0) };
            let bit = acc & 1 == 1;
            let (m_sib, id_sib) = match whose {
                Siblings::Own => (F::ZERO, F::ZERO),
                Siblings::Shown(Shared(at)) => (F::ONE, F::from_u32(at + level as u32)),
                Siblings::Taken(Shared(at)) => (-F::ONE, F::from_u32(at + level as u32)),
            };
            let pre = hash::Pre {
                id_in: if first { self.read(leaf) } else { F::ZERO },
                f_read: F::from_bool(first),
                id_sib,
                m_sib,
                f_path: F::ONE,
                f_climb: F::from_bool(!last),
                f_idx: F::from_bool(first),
                id_idx: if first { self.read(index) } else { F::ZERO },
                f_low_end: F::from_bool(low_end && !last),
                f_path_end: F::from_bool(last),
                ..Default::default()
            };
            let (left, right) = if bit { (sibling, &node) } else { (&node, sibling) };
            let mut input = [F::ZERO; 16];
            input[..DIGEST].copy_from_slice(left);
            input[DIGEST..].copy_from_slice(right);
            let witness = hash::Witness { input, bit: F::from_bool(bit), acc: F::from_u32(acc), rest: F::from_u32(rest) };
            let out = self.hash_row(pre, witness);
            node = std::array::from_fn(|j| out[j] + input[j]);
        }
        self.hash_wire(node)
    }

    /// A row that makes one step of a chain of a signature, and where the chain stands after it. Which one is the witness's.
    pub fn step(&mut self, signature: u32, tag: u32, chain: usize, place: usize, value: Cells) -> Cells {
        let pre = hash::Pre {
            tag: F::from_u32(tag),
            len: F::from_usize(DIGEST),
            f_step: F::ONE,
            sig: F::from_u32(signature),
            ..Default::default()
        };
        let (acc, rest) = (F::from_usize(chain), F::from_usize(place));
        let mut input = [F::ZERO; 16];
        input[..DIGEST].copy_from_slice(&value);
        input[8] = F::from_u32(tag) + F::from_usize(16 * (4 * chain + place));
        input[9] = F::from_usize(DIGEST);
        let out = self.hash_row(pre, hash::Witness { input, bit: F::ZERO, acc, rest });
        std::array::from_fn(|j| out[j])
    }

    // SIGN
    // ----

    /// A number for a signature's messages on the bus `chain`.
    pub fn signature(&mut self) -> u32 {
        self.signatures += 1;
        self.signatures
    }

    /// The rows of a signature, one a chain; `h` is the wire with the digits.
    pub fn sign_rows(&mut self, h: Wire, rows: impl IntoIterator<Item = (sign::Pre<F>, sign::Main<F>)>) {
        let id = self.read(h);
        for (pre, main) in rows {
            self.layout.sign.push(sign::Pre { id_h: if pre.f_start == F::ONE { id } else { F::ZERO }, ..pre });
            self.witness.sign.push(main);
        }
    }

    // The end
    // -------

    /// Puts BLOCK's rows into their order: the journal's blocks stand last, in reverse, so that Horner's rule gives its evaluation at `z`.
    pub fn finish(mut self, journal: &[Block], z: [F; EXTENSION]) -> (Layout, Witness) {
        let mut places = vec![];
        for &Block(at) in journal {
            // Where the same four words stand in the journal twice, each has its row.
            let place = if self.blocks[at].pre.f_journal == F::ONE { self.push_block(self.blocks[at].words) } else { at };
            self.blocks[place].pre.f_journal = F::ONE;
            places.push(place);
        }
        let head = (0..self.blocks.len()).filter(|&at| self.blocks[at].pre.f_journal == F::ZERO);
        let z = EF::from_basis_coefficients_fn(|i| z[i]);
        let mut y = EF::ZERO;
        for at in head.chain(places.iter().rev().copied()) {
            let Unplaced { pre, h, .. } = self.blocks[at];
            let before = y.as_basis_coefficients_slice().try_into().expect("five coefficients");
            self.layout.block.push(pre);
            self.witness.block.push(block::Main { h, y: before });
            if pre.f_journal == F::ONE {
                y = y * z.exp_u64(8) + evaluate(&h, z);
            }
        }
        (self.layout, self.witness)
    }
}
