//! Keys in the cache directory (docs/prover.md §2).
//!
//! A folder is named by the hash of (prover version, format version, form, program id, slots). Its files, each with its keccak256
//! beside it: `program`, the canonical bytes; `verifying_key`; and `early_verifying_key`, where there are early proofs. The key id is
//! the hash of both keys. The folder is written under another name and renamed: it is there whole or not at all. Nothing else pays: the proving
//! key is a transform of the program's layout, which takes less to make than to check against a hash, and a worker keeps it from
//! batch to batch (`worker`).

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::batch::{Parameters, VerifyingKey};
use crate::program::Program;
use crate::refusal::{Code, Refusal};
use crate::suite::{hex, keccak256};

/// Of the prover.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Of its proofs and keys. A change of tables, parameters or encodings changes it.
pub const FORMAT_VERSION: u32 = 1;

const PROGRAM: &str = "program";
const VERIFYING_KEY: &str = "verifying_key";
const EARLY_VERIFYING_KEY: &str = "early_verifying_key";
const HASH: &str = "keccak256";

/// Which proofs are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Few queries of a long code: cheap for L1's contract. A native one goes before it, early.
    L1,
    /// Many queries of a short code: quick to make; no contract takes it.
    Native,
}

impl Form {
    /// Of the proof.
    pub fn parameters(self) -> Parameters {
        match self {
            Form::L1 => Parameters::L1,
            Form::Native => Parameters::Batch,
        }
    }

    /// Of the proof before it, if there is one.
    pub fn early(self) -> Option<Parameters> {
        (self == Form::L1).then_some(Parameters::Batch)
    }

    fn name(self) -> &'static str {
        match self {
            Form::L1 => "l1",
            Form::Native => "native",
        }
    }
}

/// The cache directory, and for which proofs it is used.
#[derive(Debug, Clone)]
pub struct Cache {
    pub folder: PathBuf,
    pub form: Form,
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("{path}: {error}")]
    Io { path: PathBuf, error: io::Error },
    #[error("{0}")]
    Internal(String),
}

fn at<T>(path: &Path, result: io::Result<T>) -> Result<T, Failure> {
    result.map_err(|error| Failure::Io { path: path.into(), error })
}

/// What verifying needs.
#[derive(Debug, Clone)]
pub struct Verifier {
    /// keccak256 of the key and, behind it, that of early proofs.
    pub id: [u8; 32],
    pub key: VerifyingKey,
    /// Of early proofs.
    pub early: Option<VerifyingKey>,
}

impl Verifier {
    pub fn new(key: VerifyingKey, early: Option<VerifyingKey>) -> Self {
        let early_bytes = early.as_ref().map(VerifyingKey::to_bytes).unwrap_or_default();
        Verifier { id: keccak256(&[key.to_bytes(), early_bytes].concat()), key, early }
    }
}

/// The keys of one program and batch size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    folder: PathBuf,
    has_early: bool,
}

impl Keys {
    /// Where they are, or would be.
    pub fn at(cache: &Cache, program_id: &[u8; 32], slots: usize) -> Self {
        let name = format!("stark {VERSION} {FORMAT_VERSION} {} {} {slots}", cache.form.name(), hex(program_id));
        Keys { folder: cache.folder.join(hex(&keccak256(name.as_bytes()))), has_early: cache.form.early().is_some() }
    }

    pub fn exist(&self) -> bool {
        self.folder.is_dir()
    }

    /// Bytes of a file that are those that were written.
    fn read(&self, name: &str) -> Result<Vec<u8>, Failure> {
        if !self.exist() {
            return Err(Refusal::new(Code::NotPrepared, "there are no keys of this program and batch size: prepare them").into());
        }
        let path = self.folder.join(name);
        let corrupt = |expected: &str, found: &str| {
            let what = format!("{} is not what was written: delete {} and prepare again", path.display(), self.folder.display());
            Failure::Refused(Refusal::new(Code::CorruptKeys, what).differing(expected, found))
        };
        let load = |path: &Path| match fs::read(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Err(corrupt("a file and its hash", "one of them is missing")),
            result => at(path, result),
        };
        let (bytes, stored) = (load(&path)?, load(&path.with_extension(HASH))?);
        let found = hex(&keccak256(&bytes));
        if found.as_bytes() != stored {
            return Err(corrupt(&String::from_utf8_lossy(&stored), &found));
        }
        Ok(bytes)
    }

    /// The program that they are of, checked again.
    ///
    /// # Errors
    /// `NOT_PREPARED`, `CORRUPT_KEYS`, or the files cannot be read; likewise below.
    pub fn program(&self) -> Result<Program, Failure> {
        Ok(Program::decode(&self.read(PROGRAM)?)?)
    }

    pub fn verifier(&self) -> Result<Verifier, Failure> {
        let early = self.has_early.then(|| self.verifying_key(EARLY_VERIFYING_KEY)).transpose()?;
        Ok(Verifier::new(self.verifying_key(VERIFYING_KEY)?, early))
    }

    fn verifying_key(&self, name: &str) -> Result<VerifyingKey, Failure> {
        VerifyingKey::from_bytes(&self.read(name)?).map_err(|error| {
            let what = format!("{} is none of this version: {error}", self.folder.join(name).display());
            Refusal::new(Code::CorruptKeys, what).into()
        })
    }

    /// Writes the files. Keys that another process has written meanwhile stay: they are the same.
    ///
    /// # Errors
    /// The cache cannot be written.
    pub fn write(&self, program: &[u8], verifier: &Verifier) -> Result<(), Failure> {
        let draft = self.folder.with_extension(format!("draft-{}", std::process::id()));
        at(&draft, fs::create_dir_all(&draft))?;
        let early = verifier.early.as_ref().map(|key| (EARLY_VERIFYING_KEY, key.to_bytes()));
        let files = [(PROGRAM, program.to_vec()), (VERIFYING_KEY, verifier.key.to_bytes())];
        for (name, bytes) in files.into_iter().chain(early) {
            let path = draft.join(name);
            at(&path, fs::write(&path, &bytes))?;
            let path = path.with_extension(HASH);
            at(&path, fs::write(&path, hex(&keccak256(&bytes))))?;
        }
        match fs::rename(&draft, &self.folder) {
            Err(_) if self.exist() => at(&draft, fs::remove_dir_all(&draft)),
            result => at(&self.folder, result),
        }
    }
}
