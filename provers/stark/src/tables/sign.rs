//! SIGN: where a signature enters its chains (TABLES.md).

columns! {
    /// Preprocessed columns.
    Pre<T> { sig: T, i: T, f: T, f_element: T, f_start: T, f_stop: T, pow: T, id_h: T }
}

columns! {
    /// Witness columns.
    Main<T> { s: [T; 8], h: [T; 8], b0: T, b1: T, low: T, sum: T, hi: T, inv: T, is_top: T }
}
