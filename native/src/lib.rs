use pyo3::prelude::*;
#[pymodule]
fn multiprover_native(_m: &Bound<'_, PyModule>) -> PyResult<()> { Ok(()) }
