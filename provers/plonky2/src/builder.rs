//! A circuit being built: rows of cells, advice in order, and hashes.

use std::any::TypeId;
use std::collections::HashMap;

use plonky2::hash::hashing::PlonkyPermutation;
use plonky2::hash::poseidon::PoseidonPermutation;
use plonky2::iop::target::{BoolTarget, Target};
use plonky2::plonk::circuit_data::CircuitConfig;
use plonky2::plonk::config::AlgebraicHasher;

use crate::field::{F, Field, H, Plonk};
use crate::gates::{Cell, DigestBits, Range32, Row, Select4, Step, Words2};

/// Four targets.
pub type DigestTarget = [Target; 4];

/// A 32-bit word that has been range checked, with its lower half if that is known too.
#[derive(Debug, Clone, Copy)]
pub struct Word {
    pub target: Target,
    pub low: Option<Target>,
}

/// A hash under way, somewhere between two elements.
#[derive(Debug, Clone)]
pub struct Sponge {
    /// After the groups of eight that are full.
    pub state: [Target; WIDTH],
    /// The elements after them, then zeros.
    pub pending: [Target; RATE - 1],
    /// How many they are.
    pub fill: Target,
}

/// Elements of Poseidon's state.
pub const WIDTH: usize = 12;
/// Elements of a group.
pub const RATE: usize = 8;

impl Sponge {
    /// Elements that describe it.
    pub const ELEMENTS: usize = WIDTH + RATE;

    pub fn elements(&self) -> Vec<Target> {
        [&self.state[..], &self.pending, &[self.fill]].concat()
    }

    /// From its `ELEMENTS` elements.
    pub fn of(elements: &[Target]) -> Self {
        Sponge {
            state: std::array::from_fn(|i| elements[i]),
            pending: std::array::from_fn(|i| elements[WIDTH + i]),
            fill: elements[WIDTH + RATE - 1],
        }
    }
}

/// Builds a circuit. Everything that the prover chooses comes through [`Builder::advice`]: in the order of the calls, these are
/// the values that `execution` hands over.
pub struct Builder {
    pub plonk: Plonk,
    pub advice: Vec<Target>,
    /// The row that is being filled, and how many of its cells are, for each kind of row.
    open: HashMap<TypeId, (usize, usize)>,
    /// Lower halves of words range checked so far.
    lows: HashMap<Target, Target>,
}

impl Builder {
    pub fn new(config: CircuitConfig) -> Self {
        Builder { plonk: Plonk::new(config), advice: vec![], open: HashMap::new(), lows: HashMap::new() }
    }

    pub fn constant(&mut self, v: i128) -> Target {
        self.plonk.constant(crate::field::element(v))
    }

    /// The next value that the prover chooses; nothing is known of it.
    pub fn advise(&mut self) -> Target {
        let target = self.plonk.add_virtual_target();
        self.advice.push(target);
        target
    }

    pub fn advise_many(&mut self, count: usize) -> Vec<Target> {
        (0..count).map(|_| self.advise()).collect()
    }

    pub fn advise_digest(&mut self) -> DigestTarget {
        std::array::from_fn(|_| self.advise())
    }

    pub fn advise_bool(&mut self) -> BoolTarget {
        let bit = BoolTarget::new_unsafe(self.advise());
        self.plonk.assert_bool(bit);
        bit
    }

    /// One cell: its outputs.
    pub fn cell<T: Cell>(&mut self, inputs: &[Target]) -> Vec<Target> {
        assert_eq!(inputs.len(), T::INPUTS);
        let key = TypeId::of::<T>();
        let (row, op) = match self.open.get(&key) {
            Some(&place) => place,
            None => (self.plonk.add_gate(Row::<T>::new(), vec![]), 0),
        };
        if op + 1 == T::OPS {
            self.open.remove(&key);
        } else {
            self.open.insert(key, (row, op + 1));
        }
        for (i, &input) in inputs.iter().enumerate() {
            self.plonk.connect(input, Target::wire(row, Row::<T>::routed(op, i)));
        }
        (0..T::OUTPUTS).map(|i| Target::wire(row, Row::<T>::routed(op, T::INPUTS + i))).collect()
    }

    /// Rows of a finished circuit, before they are filled up to a power of two: with the hash of the public inputs, its gate, and the
    /// constants. (Of a circuit that verifies others a little more than it takes: other gates have room for constants.)
    pub fn rows(&mut self) -> usize {
        let Target::VirtualTarget { index: targets } = self.plonk.add_virtual_target() else { unreachable!("it is virtual") };
        let constant = |&index: &usize| self.plonk.target_as_constant(Target::VirtualTarget { index }).is_some();
        let constants = (0..targets).filter(constant).count();
        self.plonk.num_gates() + self.plonk.num_public_inputs().div_ceil(RATE) + 1 + constants.div_ceil(2)
    }

    /// Fills the last row of every kind; to be called when all else is done.
    pub fn finish_rows(&mut self) {
        self.finish::<Range32>();
        self.finish::<Words2>();
        self.finish::<Step>();
        self.finish::<DigestBits>();
        self.finish::<Select4>();
    }

    /// Fills the last row of `T` with cells over zeros.
    fn finish<T: Cell>(&mut self) {
        let zero = self.plonk.zero();
        while self.open.contains_key(&TypeId::of::<T>()) {
            self.cell::<T>(&vec![zero; T::INPUTS]);
        }
    }

    /// Constrains a target to `[0, 2^32)`.
    pub fn range32(&mut self, target: Target) -> Word {
        let low = match self.lows.get(&target) {
            Some(&low) => low,
            None => {
                let low = self.cell::<Range32>(&[target])[0];
                self.lows.insert(target, low);
                low
            }
        };
        Word { target, low: Some(low) }
    }

    /// `Σ coefficient·target + constant`, with as few operations as the library's folding gives.
    pub fn linear(&mut self, terms: &[(F, Target)], constant: i128) -> Target {
        let mut sum = None;
        for &(c, target) in terms {
            sum = Some(match sum {
                None if c == F::ONE => target,
                None => self.plonk.mul_const(c, target),
                Some(sum) => self.plonk.mul_const_add(c, target, sum),
            });
        }
        match sum {
            None => self.constant(constant),
            Some(sum) if constant == 0 => sum,
            Some(sum) => self.plonk.add_const(sum, crate::field::element(constant)),
        }
    }

    fn permute(&mut self, state: [Target; 12], swap: BoolTarget) -> [Target; 12] {
        let out = H::permute_swapped(PoseidonPermutation::<Target>::new(state), swap, &mut self.plonk);
        out.as_ref().try_into().expect("twelve targets")
    }

    /// The state before the first of `length` elements.
    pub fn hash_start(&mut self, tag: u64, aux: u64, length: usize) -> [Target; WIDTH] {
        let mut state = [self.plonk.zero(); WIDTH];
        state[8] = self.constant(tag.into());
        state[9] = self.constant(aux.into());
        state[10] = self.constant(length as i128);
        state
    }

    /// The state after elements that start a group.
    pub fn hash_on(&mut self, mut state: [Target; WIDTH], elements: &[Target]) -> [Target; WIDTH] {
        let no = self.plonk._false();
        for group in elements.chunks(RATE) {
            state[..group.len()].copy_from_slice(group);
            state = self.permute(state, no);
        }
        state
    }

    /// `H(tag, aux; elements)`.
    pub fn hash(&mut self, tag: u64, aux: u64, elements: &[Target]) -> DigestTarget {
        let mut state = self.hash_start(tag, aux, elements.len());
        if elements.is_empty() {
            let no = self.plonk._false();
            state = self.permute(state, no);
        }
        let state = self.hash_on(state, elements);
        std::array::from_fn(|i| state[i])
    }

    /// Goes on with a hash by elements that may start anywhere in a group.
    ///
    /// Needs a `sponge` as described at its fields; gives one. The elements are moved to their place by the bits of `fill`; what is left
    /// before them is the place of the pending ones. `fill` plus the elements beyond full groups is below 16, so its four bits are unique: the highest
    /// says whether one more group is full.
    pub fn absorb(&mut self, sponge: &Sponge, elements: &[Target]) -> Sponge {
        let zero = self.plonk.zero();
        let (full, rest) = (elements.len() / RATE, elements.len() % RATE);
        let mut stream = elements.to_vec();
        stream.resize(RATE * (full + 2) - 1, zero);
        for (k, bit) in self.plonk.split_le(sponge.fill, 3).into_iter().enumerate() {
            let mut moved = vec![zero; 1 << k];
            moved.extend(&stream[..stream.len() - (1 << k)]);
            stream = self.select_many(bit, &moved, &stream);
        }
        for (place, &pending) in stream.iter_mut().zip(&sponge.pending) {
            *place = self.plonk.add(*place, pending);
        }
        let (groups, tail) = stream.split_at(RATE * full);
        let state = self.hash_on(sponge.state, groups);
        let pending = |at: usize| -> [Target; RATE - 1] { std::array::from_fn(|i| tail[at + i]) };
        if rest == 0 {
            return Sponge { state, pending: pending(0), fill: sponge.fill };
        }
        let sum = self.plonk.add_const(sponge.fill, F::from_canonical_usize(rest));
        let bits = self.plonk.split_le(sum, 4);
        let fill = self.plonk.le_sum(bits[..3].iter());
        let next = self.hash_on(state, &tail[..RATE]);
        let state = self.select_many(bits[3], &next, &state);
        // The last place of a group is never pending.
        let last = [zero];
        let pending = self.select_many(bits[3], &[&pending(RATE)[..], &last].concat(), &[&pending(0)[..], &last].concat());
        Sponge { state: std::array::from_fn(|i| state[i]), pending: std::array::from_fn(|i| pending[i]), fill }
    }

    pub fn advise_sponge(&mut self) -> Sponge {
        Sponge::of(&self.advise_many(Sponge::ELEMENTS))
    }

    /// One step of a path: `H(tag; node, sibling)`, or `H(tag; sibling, node)` where `right` is 1.
    fn path_node(&mut self, tag: u64, node: &DigestTarget, sibling: &DigestTarget, right: BoolTarget) -> DigestTarget {
        let zero = self.plonk.zero();
        let mut state = [zero; 12];
        state[..4].copy_from_slice(node);
        state[4..8].copy_from_slice(sibling);
        state[8] = self.constant(tag.into());
        state[10] = self.constant(8);
        let out = self.permute(state, right);
        std::array::from_fn(|i| out[i])
    }

    /// The root that a leaf gives with its siblings, from the leaf up.
    pub fn path(&mut self, tag: u64, leaf: DigestTarget, bits: &[BoolTarget], siblings: &[DigestTarget]) -> DigestTarget {
        bits.iter().zip(siblings).fold(leaf, |node, (&right, sibling)| self.path_node(tag, &node, sibling, right))
    }

    /// `if c { x } else { y }`.
    pub fn select_digest(&mut self, c: BoolTarget, x: DigestTarget, y: DigestTarget) -> DigestTarget {
        let inputs = [&[c.target][..], &x, &y].concat();
        self.cell::<Select4>(&inputs).try_into().expect("four outputs")
    }

    /// The same for any number of targets.
    fn select_many(&mut self, c: BoolTarget, x: &[Target], y: &[Target]) -> Vec<Target> {
        let zero = self.plonk.zero();
        let four = |part: &[Target]| -> DigestTarget { std::array::from_fn(|i| part.get(i).copied().unwrap_or(zero)) };
        let pairs = x.chunks(4).zip(y.chunks(4));
        let chosen: Vec<Target> =
            pairs.flat_map(|(x, y)| if x == y { four(x) } else { self.select_digest(c, four(x), four(y)) }).collect();
        chosen[..x.len()].to_vec()
    }

    /// `if enabled { a == b }`.
    pub fn assert_equal_if(&mut self, enabled: Target, a: Target, b: Target) {
        if self.plonk.target_as_constant(enabled) == Some(F::ONE) {
            self.plonk.connect(a, b);
        } else {
            self.plonk.conditional_assert_eq(enabled, a, b);
        }
    }
}
