//! The suite `bn254` on native values (docs/suites.md §2, §3, §5).

/// Its name in programs and statements.
pub const NAME: &str = "bn254";
