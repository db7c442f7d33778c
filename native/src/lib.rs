//! Python module `multiprover_native`: the native cryptography of multiprover's executor.
//!
//! One module a suite; `docs/suites.md` is the specification. Every function checks lengths and canonical
//! encodings of what it is given and raises the error types of `multiprover.suites.base`.

mod arguments;
mod bn254;
mod error;
mod goldilocks;
mod koalabear;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use sha3::{Digest, Keccak256};

/// keccak256 of `data`, 32 bytes (the hash of Ethereum, not SHA3-256).
#[pyfunction]
fn keccak256<'py>(py: Python<'py>, data: &[u8]) -> Bound<'py, PyBytes> {
    let digest = py.detach(|| Keccak256::digest(data));
    PyBytes::new(py, &digest)
}

#[pymodule]
fn multiprover_native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(keccak256, module)?)?;
    module.add_class::<bn254::Bn254>()?;
    module.add_class::<bn254::Bn254Tree>()?;
    module.add_class::<bn254::Bn254SigningKey>()?;
    module.add_class::<goldilocks::Goldilocks>()?;
    module.add_class::<goldilocks::GoldilocksTree>()?;
    module.add_class::<goldilocks::GoldilocksSigningKey>()?;
    module.add_class::<koalabear::KoalaBear>()?;
    module.add_class::<koalabear::KoalaBearTree>()?;
    module.add_class::<koalabear::KoalaBearSigningKey>()?;
    Ok(())
}
