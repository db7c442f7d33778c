//! Circuits in the cache directory (docs/prover.md §2).
//!
//! A folder is named by the hash of (prover version, format version, form, program id, slots) and holds files, each with its hash
//! beside it: `program`, the canonical bytes; `circuit-0`, `circuit-1` …, what proving needs of each circuit of the batch's plan
//! (`segments`); `shrink` and `last`, the same of the two recursions to the proof for L1 (0.6 GB each: their constants' evaluations); `verifier`, what
//! verifying needs of the last one. The hash of `verifier` is the key id. Folders are written under another name and renamed, so a folder is whole or not there.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use plonky2::plonk::circuit_data::{CircuitData, VerifierCircuitData};
use plonky2::util::serialization::{Buffer, DefaultGateSerializer, IoResult, Read as _, Write as _};

use crate::config::{FORMAT_VERSION, Gates, Generators, VERSION};
use crate::evm::Evm;
use crate::field::{C, D, F};
use crate::l1;
use crate::lowering::Circuit;
use crate::program::Program;
use crate::recursion::Wrapper;
use crate::refusal::{Code, Refusal};
use crate::suite::{hex, keccak};

const PROGRAM: &str = "program";
const SHRINK: &str = "shrink";
const LAST: &str = "last";
const VERIFIER: &str = "verifier";

/// Which proof the keys are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The proof for L1.
    L1,
    /// The batch's own proof, which no contract takes: for development and tests.
    Native,
}

/// The cache directory, and what it is used for.
#[derive(Debug, Clone)]
pub struct Cache {
    pub folder: PathBuf,
    pub form: Form,
}

/// Why keys could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("{path}: {error}")]
    Io { path: PathBuf, error: io::Error },
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> KeysError {
    let path = path.to_owned();
    |error| KeysError::Io { path, error }
}

/// The folder of one program and batch size.
pub struct Keys {
    folder: PathBuf,
    form: Form,
}

/// What verifying needs.
pub struct Verifier {
    pub id: [u8; 32],
    pub bytes: Vec<u8>,
    pub data: VerifierData,
}

/// Verifier data of the last circuit.
pub enum VerifierData {
    L1(Box<l1::Verifier>),
    Native(Box<VerifierCircuitData<F, C, D>>),
}

impl VerifierData {
    fn to_bytes(&self) -> Vec<u8> {
        match self {
            VerifierData::L1(data) => data.to_bytes(&DefaultGateSerializer),
            VerifierData::Native(data) => data.to_bytes(&Gates),
        }
        .expect("every gate is registered")
    }
}

impl Keys {
    /// Where the keys of a program and batch size are, or would be.
    pub fn at(cache: &Cache, program_id: &[u8; 32], slots: usize) -> Self {
        let version = [VERSION.as_bytes(), &[0], &FORMAT_VERSION.to_be_bytes(), &[cache.form as u8]].concat();
        let name = keccak(&[b"plonky2", &version, program_id, &(slots as u64).to_be_bytes()]);
        Keys { folder: cache.folder.join(hex(&name)), form: cache.form }
    }

    pub fn exist(&self) -> bool {
        self.folder.is_dir()
    }

    /// Starts to write.
    ///
    /// # Errors
    /// The folder cannot be written; likewise below.
    pub fn draft(&self, program: &[u8]) -> Result<Draft<'_>, KeysError> {
        let parent = self.folder.parent().expect("under the cache");
        fs::create_dir_all(parent).map_err(io_error(parent))?;
        let folder = self.folder.with_extension(format!("{}.tmp", std::process::id()));
        fs::create_dir_all(&folder).map_err(io_error(&folder))?;
        let draft = Draft { keys: self, folder };
        draft.write(PROGRAM, program)?;
        Ok(draft)
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, KeysError> {
        let path = self.folder.join(name);
        let corrupt = |found: String, expected: String| {
            let message = format!("{} is not what was stored: delete its folder and prepare again", path.display());
            KeysError::Refused(Refusal::new(Code::CorruptKeys, message).differing(expected, found))
        };
        let read = |path: &Path| match fs::read(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound && !self.exist() => Err(KeysError::Refused(Refusal::new(
                Code::NotPrepared,
                "no keys for this program and batch size: prepare them first",
            ))),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Err(corrupt("no file".into(), "a file".into())),
            result => result.map_err(io_error(path)),
        };
        let stored = read(&path.with_extension("keccak256"))?;
        let content = read(&path)?;
        let found = hex(&keccak(&[&content]));
        if found.as_bytes() != stored {
            return Err(corrupt(found, String::from_utf8_lossy(&stored).into_owned()));
        }
        Ok(content)
    }

    fn unreadable(&self, name: &str) -> KeysError {
        let message =
            format!("{} cannot be read by this version: delete its folder and prepare again", self.folder.join(name).display());
        KeysError::Refused(Refusal::new(Code::CorruptKeys, message))
    }

    /// The program, checked again.
    ///
    /// # Errors
    /// `NOT_PREPARED`, `CORRUPT_KEYS`, or the folder cannot be read; likewise below.
    pub fn program(&self) -> Result<Program, KeysError> {
        Ok(Program::decode(&self.read(PROGRAM)?)?)
    }

    /// The circuit at this place of the plan. Its `rows` are those of the filled circuit.
    pub fn circuit(&self, place: usize) -> Result<Circuit, KeysError> {
        let name = circuit_name(place);
        let bytes = self.read(&name)?;
        self.decode(&bytes).map_err(|_| self.unreadable(&name))
    }

    fn decode(&self, bytes: &[u8]) -> IoResult<Circuit> {
        let mut buffer = Buffer::new(bytes);
        let advice = buffer.read_target_vec()?;
        let count = buffer.read_usize()?;
        let parts = (0..count).map(|_| buffer.read_target_proof_with_public_inputs()).collect::<IoResult<_>>()?;
        let data = CircuitData::<F, C, D>::from_bytes(&bytes[buffer.pos()..], &Gates, &Generators)?;
        Ok(Circuit { advice, parts, rows: data.common.degree(), data })
    }

    pub fn shrink(&self) -> Result<Wrapper<C>, KeysError> {
        Wrapper::from_bytes(&self.read(SHRINK)?).map_err(|_| self.unreadable(SHRINK))
    }

    pub fn last(&self) -> Result<Wrapper<Evm>, KeysError> {
        Wrapper::from_bytes(&self.read(LAST)?).map_err(|_| self.unreadable(LAST))
    }

    pub fn verifier(&self) -> Result<Verifier, KeysError> {
        let bytes = self.read(VERIFIER)?;
        let data = match self.form {
            Form::L1 => l1::Verifier::from_bytes(bytes.clone(), &DefaultGateSerializer).map(|d| VerifierData::L1(Box::new(d))),
            Form::Native => VerifierCircuitData::from_bytes(bytes.clone(), &Gates).map(|d| VerifierData::Native(Box::new(d))),
        };
        Ok(Verifier { id: keccak(&[&bytes]), bytes, data: data.map_err(|_| self.unreadable(VERIFIER))? })
    }
}

fn circuit_name(place: usize) -> String {
    format!("circuit-{place}")
}

/// Keys being written: under another name, until they are whole.
pub struct Draft<'k> {
    keys: &'k Keys,
    folder: PathBuf,
}

impl Draft<'_> {
    fn write(&self, name: &str, content: &[u8]) -> Result<(), KeysError> {
        write(&self.folder.join(name), content)?;
        write(&self.folder.join(name).with_extension("keccak256"), hex(&keccak(&[content])).as_bytes())
    }

    /// Writes the circuit at this place of the plan.
    pub fn circuit(&self, place: usize, circuit: &Circuit) -> Result<(), KeysError> {
        let encode = || -> IoResult<Vec<u8>> {
            let mut bytes = vec![];
            bytes.write_target_vec(&circuit.advice)?;
            bytes.write_usize(circuit.parts.len())?;
            circuit.parts.iter().try_for_each(|part| bytes.write_target_proof_with_public_inputs(part))?;
            bytes.extend(circuit.data.to_bytes(&Gates, &Generators)?);
            Ok(bytes)
        };
        self.write(&circuit_name(place), &encode().expect("every gate and generator is registered"))
    }

    pub fn shrink(&self, shrink: &Wrapper<C>) -> Result<(), KeysError> {
        self.write(SHRINK, &shrink.to_bytes())
    }

    pub fn last(&self, last: &Wrapper<Evm>) -> Result<(), KeysError> {
        self.write(LAST, &last.to_bytes())
    }

    /// Ends with what verifying needs; keys that another call has written meanwhile stay.
    pub fn finish(self, verifier: &VerifierData) -> Result<(), KeysError> {
        self.write(VERIFIER, &verifier.to_bytes())?;
        match fs::rename(&self.folder, &self.keys.folder) {
            Err(_) if self.keys.exist() => fs::remove_dir_all(&self.folder).map_err(io_error(&self.folder)),
            result => result.map_err(io_error(&self.keys.folder)),
        }
    }
}

fn write(path: &Path, content: &[u8]) -> Result<(), KeysError> {
    let mut file = fs::File::create(path).map_err(io_error(path))?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(io_error(path))
}
