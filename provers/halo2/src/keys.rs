//! Keys in the cache directory (docs/prover.md §2).
//!
//! A folder is named by the hash of (prover version, format version, setup, program id, slots). Its files, each with its BLAKE2b
//! beside it: `program`, the canonical bytes; `parameters`, those of KZG for the circuit's rows; `proving_key`; `verifying_key`,
//! what verifying needs and L1 is given (`l1`). keccak256 of the last is the key id. A folder is written under another name and
//! then renamed: it is whole or not there.
//!
//! Parameters and proving key are in the library's raw form, which is read without checks: only after the hash fits that this
//! prover wrote.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use halo2_axiom::SerdeFormat;
use halo2_axiom::halo2curves::bn256::{Bn256, G1Affine};
use halo2_axiom::plonk::{ProvingKey, keygen_pk2};
use halo2_axiom::poly::commitment::Params;
use halo2_axiom::poly::kzg::commitment::ParamsKZG;

use crate::evm::keccak;
use crate::l1;
use crate::lowering::{self, BatchCircuit};
use crate::program::Program;
use crate::refusal::{Code, Refusal, hex};
use crate::setup::{Setup, SetupError};

/// Of the prover.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Of its proofs and keys.
pub const FORMAT_VERSION: u32 = 1;

const PROGRAM: &str = "program";
const PARAMETERS: &str = "parameters";
const PROVING_KEY: &str = "proving_key";
const VERIFYING_KEY: &str = "verifying_key";

/// The cache directory, and where parameters come from.
#[derive(Debug, Clone)]
pub struct Cache {
    pub folder: PathBuf,
    pub setup: Setup,
}

/// Why keys could not be made, read or written.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Setup(SetupError),
    #[error("{path}: {error}")]
    Io { path: PathBuf, error: io::Error },
    #[error("the keys cannot be made: {0}")]
    Circuit(String),
}

impl From<SetupError> for KeysError {
    fn from(error: SetupError) -> Self {
        match error {
            SetupError::TooSmall { found, needed, .. } => {
                let refusal = Refusal::new(Code::Unsupported, error.to_string());
                refusal.differing(format!("2^{needed} powers"), format!("2^{found}")).into()
            }
            other => KeysError::Setup(other),
        }
    }
}

/// The keys of one program and batch size.
pub struct Keys {
    folder: PathBuf,
}

/// What proving needs.
pub struct Prover {
    pub parameters: ParamsKZG<Bn256>,
    pub key: ProvingKey<G1Affine>,
}

/// What verifying needs.
pub struct Verifier {
    pub id: [u8; 32],
    /// The artefact `l1_verifier`.
    pub artefact: Vec<u8>,
    pub verifier: l1::Verifier,
}

fn at<T>(path: &Path, result: io::Result<T>) -> Result<T, KeysError> {
    result.map_err(|error| KeysError::Io { path: path.to_owned(), error })
}

fn hash_path(path: &Path) -> PathBuf {
    path.with_extension("blake2b")
}

fn hash(bytes: &[u8]) -> String {
    hex(blake2b_simd::blake2b(bytes).as_bytes())
}

impl Keys {
    /// Where they are, or would be.
    pub fn at(cache: &Cache, program_id: &[u8; 32], slots: usize) -> Keys {
        let name = format!("halo2 {VERSION} {FORMAT_VERSION} {} {} {slots}", cache.setup.name(), hex(program_id));
        Keys { folder: cache.folder.join(hex(keccak(name.as_bytes()))) }
    }

    pub fn exist(&self) -> bool {
        self.folder.is_dir()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A file's bytes, which are those that were written.
    fn read(&self, name: &str) -> Result<Vec<u8>, KeysError> {
        if !self.exist() {
            return Err(Refusal::new(Code::NotPrepared, "there are no keys of this program and batch size: prepare them").into());
        }
        let path = self.path(name);
        let corrupt = |expected: String, found: String| {
            let folder = self.folder.display();
            let message = format!("{} is not what was written: delete {folder} and prepare again", path.display());
            KeysError::Refused(Refusal::new(Code::CorruptKeys, message).differing(expected, found))
        };
        let missing = |e: io::Error| match e.kind() {
            io::ErrorKind::NotFound => corrupt("a file and its hash".into(), "one is missing".into()),
            _ => KeysError::Io { path: path.clone(), error: e },
        };
        let bytes = fs::read(&path).map_err(missing)?;
        let stored = String::from_utf8_lossy(&fs::read(hash_path(&path)).map_err(missing)?).into_owned();
        match hash(&bytes) {
            found if found == stored => Ok(bytes),
            found => Err(corrupt(stored, found)),
        }
    }

    /// The program that they are of.
    ///
    /// # Errors
    /// `NOT_PREPARED`, `CORRUPT_KEYS`, or the files cannot be read; likewise below.
    pub fn program(&self) -> Result<Program, KeysError> {
        Ok(Program::decode(&self.read(PROGRAM)?)?)
    }

    pub fn prover(&self) -> Result<Prover, KeysError> {
        let (parameters, key) = (self.read(PARAMETERS)?, self.read(PROVING_KEY)?);
        let read = |error| KeysError::Io { path: self.folder.clone(), error };
        let format = SerdeFormat::RawBytesUnchecked;
        Ok(Prover {
            parameters: ParamsKZG::read_custom(&mut &parameters[..], format).map_err(read)?,
            key: ProvingKey::read::<_, BatchCircuit>(&mut &key[..], format, ()).map_err(read)?,
        })
    }

    pub fn verifier(&self) -> Result<Verifier, KeysError> {
        let artefact = self.read(VERIFYING_KEY)?;
        let verifier = l1::Verifier::new::<BatchCircuit>(&artefact).map_err(|e| KeysError::Circuit(e.to_string()))?;
        Ok(Verifier { id: keccak(&artefact), artefact, verifier })
    }

    /// Makes the keys of a circuit of `2^k` rows. `stage` is told what comes next: parameters, then the key.
    pub fn make(
        &self,
        bytes: &[u8],
        program: &Program,
        slots: usize,
        k: u32,
        setup: &Setup,
        mut stage: impl FnMut(&str),
    ) -> Result<(), KeysError> {
        let failed = |e: &dyn std::fmt::Display| KeysError::Circuit(e.to_string());
        let draft = Draft::new(&self.folder)?;
        draft.write(PROGRAM, bytes)?;
        stage("parameters");
        let parameters = setup.parameters(k)?;
        let mut raw = vec![];
        parameters.write_custom(&mut raw, SerdeFormat::RawBytesUnchecked).map_err(|e| failed(&e))?;
        draft.write(PARAMETERS, &raw)?;
        stage("keys");
        debug_assert_eq!(parameters.k(), k);
        let key = keygen_pk2(&parameters, &lowering::shape(program, slots, k), false).map_err(|e| failed(&e))?;
        draft.write(PROVING_KEY, &key.to_bytes(SerdeFormat::RawBytesUnchecked))?;
        let verifying = l1::Key::new(key.get_vk(), &parameters, setup.is_insecure()).map_err(|e| failed(&e))?;
        draft.write(VERIFYING_KEY, verifying.artefact())?;
        draft.finish(&self.folder)
    }
}

/// A folder that is being written; taken away if it is not finished.
struct Draft {
    folder: PathBuf,
}

impl Draft {
    fn new(target: &Path) -> Result<Draft, KeysError> {
        let parent = target.parent().expect("under the cache");
        at(parent, fs::create_dir_all(parent))?;
        // A worker that was killed left its draft.
        for entry in at(parent, fs::read_dir(parent))?.flatten() {
            let path = entry.path();
            let owner = path.extension().and_then(|e| e.to_str()?.strip_prefix("draft-")?.parse::<u32>().ok());
            if owner.is_some_and(|pid| Path::new("/proc/self").exists() && !Path::new(&format!("/proc/{pid}")).exists()) {
                let _ = fs::remove_dir_all(&path);
            }
        }
        let folder = target.with_extension(format!("draft-{}", std::process::id()));
        at(&folder, fs::create_dir_all(&folder))?;
        Ok(Draft { folder })
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), KeysError> {
        let path = self.folder.join(name);
        at(&path, fs::write(&path, bytes))?;
        let path = hash_path(&path);
        at(&path, fs::write(&path, hash(bytes)))
    }

    fn finish(self, target: &Path) -> Result<(), KeysError> {
        match fs::rename(&self.folder, target) {
            // Another process made them meanwhile: theirs are as good.
            Err(_) if target.is_dir() => Ok(()),
            result => at(target, result),
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
