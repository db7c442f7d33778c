//! The suite `koalabear` as Python classes; see `docs/suites.md` §10 to §12.

mod field;
mod one_time;
mod poseidon2;
mod tree;

use crate::arguments::{self, TypedInt, array, check_index, typed_ints, unsigned};
use crate::error::{Error, Result};
use field::{DIGEST_BYTES, DIGEST_ELEMENTS, Digest, Element, Extended, decode, encode, reduce};
use one_time::SECRET_BYTES;
use poseidon2::{AUX_BITS, State, Tag, WIDTH, compress, hash};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use sha3::{Digest as _, Keccak256};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use zeroize::Zeroizing;

type PyDigest<'py> = Bound<'py, PyBytes>;
type PyInt<'py> = Bound<'py, PyAny>;

fn python<'py>(py: Python<'py>, digest: &Digest) -> PyDigest<'py> {
    PyBytes::new(py, &encode(digest))
}

/// Digests of 32 bytes each.
fn digests(what: &str, bytes: &[u8]) -> Result<Vec<Digest>> {
    if !bytes.len().is_multiple_of(DIGEST_BYTES) {
        return Err(Error::Value(format!("{what}: expected a multiple of 32 bytes, found {}", bytes.len())));
    }
    bytes.chunks_exact(DIGEST_BYTES).map(|chunk| decode(what, chunk)).collect()
}

/// A word's two halves, the more significant first.
fn halves(word: u32) -> [Element; 2] {
    [Element::new(word >> 16), Element::new(word & 0xffff)]
}

fn integers(integers: &[TypedInt]) -> Vec<Element> {
    integers.iter().flat_map(TypedInt::words).flat_map(halves).collect()
}

/// The hashes, signatures and binding of the suite; stateless.
#[pyclass(frozen, subclass)]
pub struct KoalaBear;

#[pymethods]
impl KoalaBear {
    #[new]
    fn new() -> Self {
        KoalaBear
    }

    #[staticmethod]
    fn permute<'py>(py: Python<'py>, state: &[u8]) -> PyResult<PyDigest<'py>> {
        let state = digests("state", state)?;
        let mut state: State = state.as_flattened().try_into().map_err(|_| {
            Error::Value(format!("state: expected {WIDTH} elements, found {}", DIGEST_ELEMENTS * state.len()))
        })?;
        poseidon2::permute(&mut state);
        let (digests, _) = state.as_chunks::<DIGEST_ELEMENTS>();
        Ok(PyBytes::new(py, digests.iter().map(encode).collect::<Vec<_>>().as_flattened()))
    }

    fn leaf<'py>(
        &self,
        py: Python<'py>,
        map_index: &PyInt<'py>,
        ints: Vec<(PyInt<'py>, PyInt<'py>)>,
        keys: Vec<Bound<'py, PyBytes>>,
    ) -> PyResult<PyDigest<'py>> {
        let map = arguments::map_index(map_index)?;
        if map >> AUX_BITS != 0 {
            return Err(
                Error::Value(format!("map index: expected 0 to 2^{AUX_BITS} - 1, found {map}")).into()
            );
        }
        let integers = integers(&typed_ints(ints)?);
        let keys = keys.iter().map(|key| reduce("key", key.as_bytes())).collect::<Result<Vec<Digest>>>()?;
        Ok(python(py, &hash(Tag::Leaf, map, &[&integers, keys.as_flattened()])))
    }

    fn node<'py>(&self, py: Python<'py>, left: &[u8], right: &[u8]) -> PyResult<PyDigest<'py>> {
        Ok(python(py, &compress(&decode("left", left)?, &decode("right", right)?)))
    }

    fn root_from_path<'py>(
        &self,
        py: Python<'py>,
        leaf: &[u8],
        index: &PyInt<'py>,
        siblings: &[u8],
    ) -> PyResult<PyDigest<'py>> {
        let leaf = decode("leaf", leaf)?;
        let siblings = digests("siblings", siblings)?;
        let index = unsigned("index", index)?;
        check_index(index, arguments::depth(siblings.len() as u64)?)?;
        let root = py.detach(|| tree::climb(leaf, index, &siblings));
        Ok(python(py, &root))
    }

    fn state_root<'py>(
        &self,
        py: Python<'py>,
        cells: Vec<(PyInt<'py>, PyInt<'py>)>,
        key_cells: Vec<Bound<'py, PyBytes>>,
        map_roots: Vec<Bound<'py, PyBytes>>,
    ) -> PyResult<PyDigest<'py>> {
        let cells = integers(&typed_ints(cells)?);
        let keys = key_cells.iter().map(|key| reduce("key cell", key.as_bytes()));
        let roots = map_roots.iter().map(|root| decode("map root", root.as_bytes()));
        let digests = keys.chain(roots).collect::<Result<Vec<Digest>>>()?;
        Ok(python(py, &hash(Tag::StateRoot, 0, &[&cells, digests.as_flattened()])))
    }

    fn tree(&self, depth: &PyInt<'_>, default_leaf: &[u8]) -> PyResult<KoalaBearTree> {
        let depth = arguments::depth(unsigned("depth", depth)?)?;
        let default_leaf = decode("default leaf", default_leaf)?;
        Ok(KoalaBearTree { tree: Mutex::new(tree::Tree::new(depth, default_leaf)) })
    }

    fn tx_digest<'py>(&self, py: Python<'py>, domain: &[u8], words: &[u8]) -> PyResult<PyDigest<'py>> {
        let domain = reduce("domain", domain)?;
        let digest = py.detach(|| {
            let words: Vec<Element> = arguments::words("words", words)?.flat_map(halves).collect();
            Ok::<_, Error>(hash(Tag::Transaction, 0, &[&domain, &words]))
        })?;
        Ok(python(py, &digest))
    }

    fn verify(
        &self,
        py: Python<'_>,
        public_key: &[u8],
        digest: &[u8],
        nonce: &PyInt<'_>,
        signature: &[u8],
    ) -> PyResult<()> {
        let key = reduce("public key", public_key)?;
        let digest = decode("digest", digest)?;
        let nonce = unsigned("nonce", nonce)?;
        Ok(py.detach(|| one_time::verify(key, digest, nonce, signature))?)
    }

    fn commit<'py>(&self, py: Python<'py>, journal: &[u8]) -> PyResult<PyDigest<'py>> {
        let commitment = py.detach(|| {
            let elements: Vec<Element> = arguments::words("journal", journal)?.flat_map(halves).collect();
            Ok::<_, Error>(hash(Tag::Journal, 0, &[&elements]))
        })?;
        Ok(python(py, &commitment))
    }

    fn challenge<'py>(
        &self,
        py: Python<'py>,
        domain: &[u8],
        claim: &[u8],
        commitment: &[u8],
    ) -> PyResult<PyDigest<'py>> {
        let mut keccak = Keccak256::new();
        keccak.update(array::<32>("domain", domain)?);
        keccak.update(Keccak256::digest(b"koalabear"));
        keccak.update(array::<32>("claim", claim)?);
        keccak.update(encode(&decode("commitment", commitment)?));
        let z = Extended::of_digest(&reduce("challenge", &keccak.finalize())?);
        Ok(python(py, &z.to_digest()))
    }

    fn evaluate<'py>(&self, py: Python<'py>, journal: &[u8], challenge: &[u8]) -> PyResult<PyDigest<'py>> {
        let z = Extended::decode("challenge", challenge)?;
        let value = py.detach(|| {
            let elements = arguments::words("journal", journal)?.flat_map(halves).rev();
            Ok::<_, Error>(elements.fold(Extended::default(), |sum, next| sum.step(z, next)))
        })?;
        Ok(python(py, &value.to_digest()))
    }
}

/// The sparse Merkle tree of one map; calls from several threads take turns.
#[pyclass(frozen)]
pub struct KoalaBearTree {
    tree: Mutex<tree::Tree>,
}

#[pymethods]
impl KoalaBearTree {
    #[getter]
    fn root<'py>(&self, py: Python<'py>) -> PyDigest<'py> {
        let root = py.detach(|| self.lock().root());
        python(py, &root)
    }

    fn siblings<'py>(&self, py: Python<'py>, index: &PyInt<'py>) -> PyResult<PyDigest<'py>> {
        let index = unsigned("index", index)?;
        let siblings = py.detach(|| {
            let tree = self.lock();
            check_index(index, tree.depth())?;
            Ok::<_, Error>(tree.siblings(index).iter().map(encode).collect::<Vec<_>>())
        })?;
        Ok(PyBytes::new(py, siblings.as_flattened()))
    }

    fn set(&self, py: Python<'_>, index: &PyInt<'_>, leaf: &[u8]) -> PyResult<()> {
        let leaves = BTreeMap::from([(unsigned("index", index)?, decode("leaf", leaf)?)]);
        Ok(py.detach(|| self.set_checked(leaves))?)
    }

    fn set_many(&self, py: Python<'_>, leaves: Vec<(PyInt<'_>, Bound<'_, PyBytes>)>) -> PyResult<()> {
        let leaves = leaves
            .iter()
            .map(|(index, leaf)| Ok((unsigned("index", index)?, decode("leaf", leaf.as_bytes())?)))
            .collect::<Result<BTreeMap<_, _>>>()?;
        Ok(py.detach(|| self.set_checked(leaves))?)
    }
}

impl KoalaBearTree {
    /// Only to be called without the interpreter lock, or two threads could wait for each other.
    fn lock(&self) -> MutexGuard<'_, tree::Tree> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_checked(&self, leaves: BTreeMap<u64, Digest>) -> Result<()> {
        let mut tree = self.lock();
        if let Some((&greatest, _)) = leaves.last_key_value() {
            check_index(greatest, tree.depth())?;
        }
        tree.set(leaves);
        Ok(())
    }
}

/// One-time keys made between two calls of `progress`, and between two looks for an interrupt.
const BLOCK: u32 = 256;

/// A signing key that remembers which digest each of its one-time keys signed.
#[pyclass(frozen)]
pub struct KoalaBearSigningKey {
    key: Mutex<one_time::SigningKey>,
    public_key: Digest,
}

#[pymethods]
impl KoalaBearSigningKey {
    #[new]
    #[pyo3(signature = (chains, randomizer, height, progress = None))]
    fn new(
        py: Python<'_>,
        chains: &[u8],
        randomizer: &[u8],
        height: &PyInt<'_>,
        progress: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let chains = Zeroizing::new(array::<SECRET_BYTES>("chains", chains)?);
        let randomizer = Zeroizing::new(array::<SECRET_BYTES>("randomizer", randomizer)?);
        let height = u32::try_from(unsigned("height", height)?)
            .ok()
            .filter(|&height| height <= one_time::HEIGHT)
            .ok_or_else(|| {
                Error::Value(format!("height: expected 0 to {}, found {height}", one_time::HEIGHT))
            })?;

        let total = 1u32 << height;
        let mut leaves = Vec::with_capacity(total as usize);
        for start in (0..total).step_by(BLOCK as usize) {
            let block = start..total.min(start + BLOCK);
            leaves.extend(py.detach(|| one_time::leaves(&chains, height, block)));
            py.check_signals()?;
            if let Some(progress) = &progress {
                progress.call1((leaves.len(), total))?;
            }
        }
        let key = py.detach(|| one_time::SigningKey::new(&chains, &randomizer, height, leaves));
        Ok(KoalaBearSigningKey { public_key: key.public_key(), key: Mutex::new(key) })
    }

    #[getter]
    fn public_key<'py>(&self, py: Python<'py>) -> PyDigest<'py> {
        python(py, &self.public_key)
    }

    fn sign<'py>(&self, py: Python<'py>, digest: &[u8], nonce: &PyInt<'py>) -> PyResult<PyDigest<'py>> {
        let digest = decode("digest", digest)?;
        let nonce = unsigned("nonce", nonce)?;
        // A thread that died while it signed has recorded the digest before.
        let signature =
            py.detach(|| self.key.lock().unwrap_or_else(PoisonError::into_inner).sign(digest, nonce))?;
        Ok(PyBytes::new(py, &signature))
    }
}
