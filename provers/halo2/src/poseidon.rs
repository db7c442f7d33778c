//! Poseidon2 of the suite in rows (docs/suites.md §2): eleven a permutation, one cell an S-box.
//!
//! | rows | `c0 c1 c2` | `c3 …` | |
//! | --- | --- | --- | --- |
//! | 0, 1 | state | `c3 … c5` the state a round later | four full rounds |
//! | 2 … 8 | state | `c3 … c9` the next inputs of the S-box | 56 partial rounds |
//! | 9, 10 | state | `c3 … c5` the state a round later | four full rounds |
//!
//! The state of row 0 is the one after the first matrix. Its `c6`, `c7` hold the two elements taken in (or, of a node, on which
//! side the child is, and its sibling), `c8` the digest of the permutation before.

use halo2_axiom::halo2curves::bn256::Fr;
use halo2_axiom::halo2curves::ff::Field;

use crate::builder::{Builder, Place, Wire};
use crate::config::{PARTIAL_A_ROW, hash, wire};
use crate::suite::{self, Tag};

/// Rows of a permutation.
pub const ROWS: usize = 11;
const PARTIAL_ROWS: usize = suite::PARTIAL_ROUNDS / PARTIAL_A_ROW;
const HALF: usize = suite::FULL_ROUNDS / 2;

fn external([a, b, c]: [Fr; 3]) -> [Fr; 3] {
    let sum = a + b + c;
    [sum + a, sum + b, sum + c]
}

fn fifth(x: Fr) -> Fr {
    x.square().square() * x
}

impl Builder {
    /// The hash of docs/suites.md §2.
    pub fn hash(&mut self, tag: Tag, aux: u32, elements: &[Wire]) -> Wire {
        let capacity = suite::initial(tag, aux, elements.len());
        let count = elements.len().div_ceil(2).max(1);
        let mut state = [Fr::ZERO, Fr::ZERO, capacity];
        for i in 0..count {
            let row = self.hash_rows(ROWS);
            for (side, place) in state.iter_mut().take(2).enumerate() {
                let element = match elements.get(2 * i + side) {
                    Some(e) => *e,
                    None => self.constant(Fr::ZERO),
                };
                *place += self.copy(6 + side, row, element).value;
            }
            if i == 0 {
                self.mark(1, row, wire::FRESH);
                self.fix(6, row, capacity);
            }
            state = self.permutation(row, state, if i + 1 < count { hash::ABSORB } else { hash::END });
        }
        self.digest(state)
    }

    /// The root over a digest that was hashed just now, with the sides and siblings from the leaf up.
    pub fn path(&mut self, leaf: Wire, rights: &[Wire], siblings: &[Place]) -> (Wire, Vec<Wire>) {
        let mut digest = leaf;
        let mut wires = Vec::with_capacity(siblings.len());
        let capacity = suite::initial(Tag::Node, 0, 2);
        for (right, sibling) in rights.iter().zip(siblings) {
            let row = self.hash_rows(ROWS);
            assert!(digest.cell.column == 8 && digest.cell.row as usize == row, "the digest is not the one hashed before");
            let right = self.copy(6, row, *right).value;
            let sibling = self.place(7, row, *sibling).expect("a sibling");
            let turned = right * (sibling.value - digest.value);
            self.mark(1, row, wire::MERKLE);
            self.fix(6, row, capacity);
            let state = self.permutation(row, [digest.value + turned, sibling.value - turned, capacity], hash::END);
            digest = self.digest(state);
            wires.push(sibling);
        }
        (digest, wires)
    }

    /// The digest, on the row after the last permutation.
    fn digest(&mut self, state: [Fr; 3]) -> Wire {
        self.assign(8, self.after_hashes(), state[0])
    }

    /// The rows of a permutation from `first`, but for `c6 … c8` of the first one.
    fn permutation(&mut self, first: usize, state: [Fr; 3], last: u64) -> [Fr; 3] {
        let constants = suite::round_constants();
        let mut state = external(state);
        let mut round = 0;
        for row in first..first + ROWS {
            let partial = (first + 2..first + 2 + PARTIAL_ROWS).contains(&row);
            for (i, value) in state.iter_mut().enumerate() {
                *value = self.assign(i, row, *value).value;
            }
            if partial {
                self.mark(0, row, hash::PARTIAL);
                for i in 0..PARTIAL_A_ROW {
                    let constant = constants[round][0];
                    self.fix(i, row, constant);
                    state[0] = fifth(state[0] + constant);
                    let sum = state[0] + state[1] + state[2];
                    state = [sum + state[0], sum + state[1], sum + state[2].double()];
                    if i + 1 < PARTIAL_A_ROW {
                        state[0] = self.assign(3 + i, row, state[0]).value;
                    }
                    round += 1;
                }
            } else {
                self.mark(0, row, if row + 1 == first + ROWS { last } else { hash::FULL });
                for half in 0..2 {
                    for i in 0..3 {
                        let constant = constants[round][i];
                        self.fix(3 * half + i, row, constant);
                        state[i] = fifth(state[i] + constant);
                    }
                    state = external(state);
                    if half == 0 {
                        for (i, value) in state.iter_mut().enumerate() {
                            *value = self.assign(3 + i, row, *value).value;
                        }
                    }
                    round += 1;
                }
            }
        }
        debug_assert_eq!(round, 2 * HALF + suite::PARTIAL_ROUNDS);
        state
    }
}
