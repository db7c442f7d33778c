//! MUL: `a·b + r = c` over the integers (TABLES.md).

columns! {
    /// Preprocessed columns.
    Pre<T> { id_a: T, id_b: T, id_r: T, id_c: T, f: T, f_r: T }
}

columns! {
    /// Witness columns: bytes of the limbs of `a` and `b`, limbs of `r` and `c`, carries plus `2^13`.
    Main<T> { a_lo: [T; 8], a_hi: [T; 8], b_lo: [T; 8], b_hi: [T; 8], r: [T; 8], c: [T; 8], carry: [T; 15] }
}
