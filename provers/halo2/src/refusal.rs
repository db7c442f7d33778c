//! Refusals: the answers of docs/prover.md to requests that must not be served.

use crate::pb::prover as pb;
pub use pb::refusal::Code;

/// A request that was understood and must not be served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code:?}: {message}")]
pub struct Refusal {
    pub code: Code,
    /// One sentence: what was expected, what came, what to do.
    pub message: String,
    pub expected: String,
    pub found: String,
    pub slot: Option<u32>,
}

impl Refusal {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Refusal { code, message: message.into(), expected: String::new(), found: String::new(), slot: None }
    }

    /// With the two values that differ.
    pub fn differing(self, expected: impl ToString, found: impl ToString) -> Self {
        Refusal { expected: expected.to_string(), found: found.to_string(), ..self }
    }

    /// Of one slot of the batch.
    pub fn at(self, slot: usize) -> Self {
        Refusal { slot: Some(slot as u32), ..self }
    }
}

impl From<Refusal> for pb::Refusal {
    fn from(r: Refusal) -> Self {
        pb::Refusal { code: r.code.into(), message: r.message, expected: r.expected, found: r.found, slot: r.slot }
    }
}

/// Something that cannot be decoded.
pub fn malformed(message: impl Into<String>) -> Refusal {
    Refusal::new(Code::Malformed, message)
}

/// Lower-case, without prefix.
pub fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}
