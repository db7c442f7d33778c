//! The suite `bn254` as Python classes; see `docs/suites.md` §2 to §5.

mod curve;
mod eddsa;
mod field;
mod packing;
mod poseidon2;
mod tree;

use crate::arguments::{self, array, check_index, typed_ints, unsigned};
use crate::error::{Error, Result};
use ark_ff::Zero;
use field::{ELEMENT_BYTES, Fr, decode, encode, reduce};
use poseidon2::{Tag, WIDTH, hash};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use sha3::{Digest, Keccak256};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

type Element<'py> = Bound<'py, PyBytes>;

fn element<'py>(py: Python<'py>, value: &Fr) -> Element<'py> {
    PyBytes::new(py, &encode(value))
}

/// Elements of 32 bytes each.
fn elements(what: &str, bytes: &[u8]) -> Result<Vec<Fr>> {
    if !bytes.len().is_multiple_of(ELEMENT_BYTES) {
        return Err(Error::Value(format!("{what}: expected a multiple of 32 bytes, found {}", bytes.len())));
    }
    bytes.chunks_exact(ELEMENT_BYTES).map(|chunk| decode(what, chunk)).collect()
}

/// The hashes, signatures and binding of the suite; stateless.
#[pyclass(frozen, subclass)]
pub struct Bn254;

#[pymethods]
impl Bn254 {
    #[new]
    fn new() -> Self {
        Bn254
    }

    #[staticmethod]
    fn permute<'py>(py: Python<'py>, state: &[u8]) -> PyResult<Element<'py>> {
        let mut state: [Fr; WIDTH] = elements("state", state)?.try_into().map_err(|state: Vec<Fr>| {
            Error::Value(format!("state: expected {WIDTH} elements, found {}", state.len()))
        })?;
        poseidon2::permute(&mut state);
        Ok(PyBytes::new(py, &state.map(|place| encode(&place)).concat()))
    }

    fn leaf<'py>(
        &self,
        py: Python<'py>,
        map_index: &Bound<'py, PyAny>,
        ints: Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>,
        keys: Vec<Bound<'py, PyBytes>>,
    ) -> PyResult<Element<'py>> {
        let map = arguments::map_index(map_index)?;
        let mut elements = packing::integers(&typed_ints(ints)?);
        for key in &keys {
            elements.push(reduce("key", key.as_bytes())?);
        }
        Ok(element(py, &hash(Tag::Leaf, map, &elements)))
    }

    fn node<'py>(&self, py: Python<'py>, left: &[u8], right: &[u8]) -> PyResult<Element<'py>> {
        Ok(element(py, &poseidon2::node(&decode("left", left)?, &decode("right", right)?)))
    }

    fn root_from_path<'py>(
        &self,
        py: Python<'py>,
        leaf: &[u8],
        index: &Bound<'py, PyAny>,
        siblings: &[u8],
    ) -> PyResult<Element<'py>> {
        let leaf = decode("leaf", leaf)?;
        let siblings = elements("siblings", siblings)?;
        let index = unsigned("index", index)?;
        check_index(index, arguments::depth(siblings.len() as u64)?)?;
        let root = py.detach(|| tree::root_from_path(leaf, index, &siblings));
        Ok(element(py, &root))
    }

    fn state_root<'py>(
        &self,
        py: Python<'py>,
        cells: Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>,
        key_cells: Vec<Bound<'py, PyBytes>>,
        map_roots: Vec<Bound<'py, PyBytes>>,
    ) -> PyResult<Element<'py>> {
        let mut elements = packing::integers(&typed_ints(cells)?);
        for key in &key_cells {
            elements.push(reduce("key cell", key.as_bytes())?);
        }
        for root in &map_roots {
            elements.push(decode("map root", root.as_bytes())?);
        }
        Ok(element(py, &hash(Tag::StateRoot, 0, &elements)))
    }

    fn tree(&self, depth: &Bound<'_, PyAny>, default_leaf: &[u8]) -> PyResult<Bn254Tree> {
        let depth = arguments::depth(unsigned("depth", depth)?)?;
        Ok(Bn254Tree { tree: Mutex::new(tree::Tree::new(depth, decode("default leaf", default_leaf)?)) })
    }

    fn tx_digest<'py>(&self, py: Python<'py>, domain: &[u8], words: &[u8]) -> PyResult<Element<'py>> {
        let domain = reduce("domain", domain)?;
        let digest = py.detach(|| {
            let mut elements = vec![domain];
            elements.extend(packing::words("words", words)?);
            Ok::<_, Error>(hash(Tag::Transaction, 0, &elements))
        })?;
        Ok(element(py, &digest))
    }

    fn verify(
        &self,
        py: Python<'_>,
        public_key: &[u8],
        digest: &[u8],
        nonce: &Bound<'_, PyAny>,
        signature: &[u8],
    ) -> PyResult<()> {
        let key = reduce("public key", public_key)?;
        let digest = decode("digest", digest)?;
        let nonce = unsigned("nonce", nonce)?;
        Ok(py.detach(|| eddsa::verify(key, digest, nonce, signature))?)
    }

    fn commit<'py>(&self, py: Python<'py>, journal: &[u8]) -> PyResult<Element<'py>> {
        let commitment =
            py.detach(|| Ok::<_, Error>(hash(Tag::Journal, 0, &packing::words("journal", journal)?)))?;
        Ok(element(py, &commitment))
    }

    fn challenge<'py>(
        &self,
        py: Python<'py>,
        domain: &[u8],
        claim: &[u8],
        commitment: &[u8],
    ) -> PyResult<Element<'py>> {
        let mut keccak = Keccak256::new();
        keccak.update(array::<32>("domain", domain)?);
        keccak.update(Keccak256::digest(b"bn254"));
        keccak.update(array::<32>("claim", claim)?);
        keccak.update(encode(&decode("commitment", commitment)?));
        Ok(element(py, &reduce("challenge", &keccak.finalize())?))
    }

    fn evaluate<'py>(&self, py: Python<'py>, journal: &[u8], challenge: &[u8]) -> PyResult<Element<'py>> {
        let z = decode("challenge", challenge)?;
        let value = py.detach(|| {
            let elements = packing::words("journal", journal)?;
            Ok::<_, Error>(elements.iter().rev().fold(Fr::zero(), |sum, element| sum * z + element))
        })?;
        Ok(super::bn254::element(py, &value))
    }
}

/// The sparse Merkle tree of one map; calls from several threads take turns.
#[pyclass(frozen)]
pub struct Bn254Tree {
    tree: Mutex<tree::Tree>,
}

impl Bn254Tree {
    /// Only to be called without the interpreter lock, or two threads could wait for each other.
    fn lock(&self) -> MutexGuard<'_, tree::Tree> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Bn254Tree {
    #[getter]
    fn root<'py>(&self, py: Python<'py>) -> Element<'py> {
        let root = py.detach(|| self.lock().root());
        element(py, &root)
    }

    fn siblings<'py>(&self, py: Python<'py>, index: &Bound<'py, PyAny>) -> PyResult<Element<'py>> {
        let index = unsigned("index", index)?;
        let siblings = py.detach(|| {
            let tree = self.lock();
            check_index(index, tree.depth())?;
            Ok::<_, Error>(tree.siblings(index).iter().map(encode).collect::<Vec<_>>().concat())
        })?;
        Ok(PyBytes::new(py, &siblings))
    }

    fn set(&self, py: Python<'_>, index: &Bound<'_, PyAny>, leaf: &[u8]) -> PyResult<()> {
        let leaves = BTreeMap::from([(unsigned("index", index)?, decode("leaf", leaf)?)]);
        Ok(py.detach(|| self.set_checked(leaves))?)
    }

    fn set_many(&self, py: Python<'_>, leaves: Vec<(Bound<'_, PyAny>, Bound<'_, PyBytes>)>) -> PyResult<()> {
        let leaves = leaves
            .iter()
            .map(|(index, leaf)| Ok((unsigned("index", index)?, decode("leaf", leaf.as_bytes())?)))
            .collect::<Result<BTreeMap<_, _>>>()?;
        Ok(py.detach(|| self.set_checked(leaves))?)
    }
}

impl Bn254Tree {
    fn set_checked(&self, leaves: BTreeMap<u64, Fr>) -> Result<()> {
        let mut tree = self.lock();
        if let Some((&greatest, _)) = leaves.last_key_value() {
            check_index(greatest, tree.depth())?;
        }
        tree.set(leaves);
        Ok(())
    }
}

/// A signing key: the scalar is `secret` mod `l`, `prefix` keys the derivation of nonces.
#[pyclass(frozen)]
pub struct Bn254SigningKey {
    key: eddsa::SigningKey,
}

#[pymethods]
impl Bn254SigningKey {
    #[new]
    fn new(secret: &[u8], prefix: &[u8]) -> PyResult<Self> {
        Ok(Bn254SigningKey {
            key: eddsa::SigningKey::new(&array("secret", secret)?, &array("prefix", prefix)?)?,
        })
    }

    #[getter]
    fn public_key<'py>(&self, py: Python<'py>) -> Element<'py> {
        element(py, &self.key.public_key())
    }

    fn sign<'py>(&self, py: Python<'py>, digest: &[u8], nonce: &Bound<'py, PyAny>) -> PyResult<Element<'py>> {
        let digest = decode("digest", digest)?;
        let nonce = unsigned("nonce", nonce)?;
        let signature = py.detach(|| self.key.sign(digest, nonce));
        Ok(PyBytes::new(py, &signature))
    }
}
