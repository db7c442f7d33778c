//! RANGE: 16-bit numbers, pairs of bytes, 14-bit numbers (TABLES.md).

columns! {
    /// Preprocessed columns.
    Pre<T> { hi: T, lo: T, v14: T }
}

columns! {
    /// Witness columns: how often row `v = 256·hi + lo` is asked for on each bus.
    Main<T> { range: T, bytes: T, carry: T }
}
