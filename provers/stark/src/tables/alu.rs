//! ALU: one operation on integers, or a choice between digests, a row (TABLES.md).

columns! {
    /// Preprocessed columns.
    Pre<T> {
        id_a: T, f_a: T, id_b: T, f_b: T, id_c: T, m_c: T, m_bit: T, id_bit: T, m_w0: T, m_w1: T, f_range: T,
        f_lin: T, sign: T, offset: T, f_less: T, f_select: T, f_equal: T, f_short: T, f_words: T, f_zero: T,
        f_one: T,
    }
}

columns! {
    /// Witness columns.
    Main<T> { a: [T; 8], b: [T; 8], c: [T; 8], k: [T; 8], bit: T }
}
