//! HASH: one Poseidon2 permutation a row (TABLES.md).

use super::F;

columns! {
    /// Preprocessed columns.
    Pre<T> {
        id_in: T, f_read: T, id_sib: T, m_sib: T, id_out: T, m_out: T, tag: T, aux: T, len: T, f_first: T,
        f_absorb: T, f_path: T, f_climb: T, f_idx: T, id_idx: T, f_low_end: T, f_path_end: T, f_nonce: T, f_step: T,
        f_end: T, sig: T,
    }
}

/// What a row's columns are generated from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Witness {
    /// The permutation's input.
    pub input: [F; 16],
    /// On a path: 1 if the node that climbs is the right child.
    pub bit: F,
    pub acc: F,
    pub rest: F,
}
