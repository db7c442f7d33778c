//! VALUES: constants, public values, pins (TABLES.md).

columns! {
    /// Preprocessed columns.
    Pre<T> { id: T, m: T, f_const: T, e: [T; 8], f_pre: T, f_post: T, f_commitment: T, f_domain: T }
}

columns! {
    /// Witness columns.
    Main<T> { x: [T; 8] }
}
