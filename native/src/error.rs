//! The typed errors of `multiprover.suites.base`, raised from native code.

use pyo3::PyErr;

/// The Python exceptions; a module of their own, because each would otherwise hide a name below.
mod python {
    pyo3::import_exception!(multiprover.suites.base, SuiteError);
    pyo3::import_exception!(multiprover.suites.base, NonCanonicalError);
    pyo3::import_exception!(multiprover.suites.base, InvalidSignatureError);
    pyo3::import_exception!(multiprover.suites.base, KeyExhaustedError);
    pyo3::import_exception!(multiprover.suites.base, OneTimeKeyReuseError);
}

/// What a suite refuses; the message says what was expected and what came.
#[derive(Debug)]
pub enum Error {
    /// A value out of its range, or of the wrong length or type.
    Value(String),
    /// 32 bytes that are not the one encoding of a field element.
    NonCanonical(String),
    /// A signature that does not verify.
    Signature(String),
    /// A nonce that a signing key has no one-time key for.
    Exhausted(String),
    /// A second digest for a nonce of a one-time key.
    Reuse(String),
}

impl From<Error> for PyErr {
    fn from(error: Error) -> PyErr {
        match error {
            Error::Value(message) => python::SuiteError::new_err(message),
            Error::NonCanonical(message) => python::NonCanonicalError::new_err(message),
            Error::Signature(message) => python::InvalidSignatureError::new_err(message),
            Error::Exhausted(message) => python::KeyExhaustedError::new_err(message),
            Error::Reuse(message) => python::OneTimeKeyReuseError::new_err(message),
        }
    }
}

pub type Result<T> = std::result::Result<T, Error>;
