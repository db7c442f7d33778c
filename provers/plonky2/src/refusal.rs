//! Refusals: answers, not failures.

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
    pub fn differing(mut self, expected: impl Into<String>, found: impl Into<String>) -> Self {
        (self.expected, self.found) = (expected.into(), found.into());
        self
    }

    pub fn at(mut self, slot: usize) -> Self {
        self.slot = Some(slot as u32);
        self
    }

    pub fn to_pb(&self) -> pb::Refusal {
        pb::Refusal {
            code: self.code.into(),
            message: self.message.clone(),
            expected: self.expected.clone(),
            found: self.found.clone(),
            slot: self.slot,
        }
    }
}

/// A field that cannot be decoded.
pub fn malformed(message: impl Into<String>) -> Refusal {
    Refusal::new(Code::Malformed, message)
}
