//! BLOCK: four words, for hashes, keys and the journal's evaluation (TABLES.md).

columns! {
    /// Preprocessed columns.
    Pre<T> { id_w: [T; 4], f_w: [T; 4], id_out: T, m_out: T, m_key: T, f_journal: T, id_key: T }
}

columns! {
    /// Witness columns: half-words (`hi, lo` of four words), and the evaluation before the row.
    Main<T> { h: [T; 8], y: [T; 5] }
}
