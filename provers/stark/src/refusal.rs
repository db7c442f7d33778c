//! Refusals: a request or a proof that was understood and must not be served.

use crate::pb::prover as pb;

pub use crate::pb::prover::refusal::Code;

/// Why a request is not served. `message` is one sentence; `expected` and `found` are the two things that differ, where there are two.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code:?}: {message}{}", self.difference())]
pub struct Refusal {
    pub code: Code,
    pub message: String,
    pub expected: String,
    pub found: String,
    /// The slot that it is about, from 0.
    pub slot: Option<u32>,
}

impl Refusal {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Refusal { code, message: message.into(), expected: String::new(), found: String::new(), slot: None }
    }

    /// With what was expected and what came.
    pub fn differing(self, expected: impl ToString, found: impl ToString) -> Self {
        Refusal { expected: expected.to_string(), found: found.to_string(), ..self }
    }

    /// About a part of what was read: `what` is put before the message.
    pub fn within(self, what: impl std::fmt::Display) -> Self {
        Refusal { message: format!("{what}: {}", self.message), ..self }
    }

    /// About a slot.
    pub fn at(self, slot: usize) -> Self {
        Refusal { slot: u32::try_from(slot).ok(), ..self }
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

    fn difference(&self) -> String {
        match (self.expected.is_empty(), self.found.is_empty()) {
            (true, true) => String::new(),
            _ => format!(" (expected {}, found {})", self.expected, self.found),
        }
    }
}

/// Bytes that cannot be decoded, or that break a rule of what they encode.
pub fn malformed(message: impl Into<String>) -> Refusal {
    Refusal::new(Code::Malformed, message)
}

/// Something decoded that has another encoding beside its one.
pub fn non_canonical(message: impl Into<String>) -> Refusal {
    Refusal::new(Code::NonCanonical, message)
}

/// Something well-formed that this prover does not know.
pub fn unsupported(message: impl Into<String>) -> Refusal {
    Refusal::new(Code::Unsupported, message)
}
