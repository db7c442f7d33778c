//! LOGIC: booleans (TABLES.md).

columns! {
    /// Preprocessed columns: `c = q0 + q1·a + q2·b + q3·a·b`.
    Pre<T> { id_a: T, f_a: T, id_b: T, f_b: T, id_c: T, m_c: T, q0: T, q1: T, q2: T, q3: T }
}

columns! {
    /// Witness columns.
    Main<T> { a: T, b: T, c: T }
}
