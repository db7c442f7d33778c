//! Circuits in the cache directory (docs/prover.md §2).
//!
//! A folder is named by the hash of (prover version, format version, program id, slots) and holds three files, each with its
//! hash beside it: `program`, the canonical bytes; `circuit`, everything that proving needs; `verifier`, what verifying needs. The hash of `verifier` is
//! the key id. Folders are written under another name and renamed, so a folder is whole or not there.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use plonky2::iop::target::Target;
use plonky2::plonk::circuit_data::{CircuitData, VerifierCircuitData};
use plonky2::util::serialization::{Buffer, Read as _, Write as _};

use crate::config::{FORMAT_VERSION, Gates, Generators, VERSION};
use crate::field::{C, D, F};
use crate::lowering::Circuit;
use crate::program::Program;
use crate::refusal::{Code, Refusal};
use crate::suite::{hex, keccak};

const PROGRAM: &str = "program";
const CIRCUIT: &str = "circuit";
const VERIFIER: &str = "verifier";

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
}

/// What verifying needs.
pub struct Verifier {
    pub id: [u8; 32],
    pub bytes: Vec<u8>,
    pub data: VerifierCircuitData<F, C, D>,
}

impl Keys {
    /// Where the keys of a program and batch size are, or would be.
    pub fn at(cache: &Path, program_id: &[u8; 32], slots: usize) -> Self {
        let version = [VERSION.as_bytes(), &[0], &FORMAT_VERSION.to_be_bytes()].concat();
        let name = keccak(&[b"plonky2", &version, program_id, &(slots as u64).to_be_bytes()]);
        Keys { folder: cache.join(hex(&name)) }
    }

    pub fn exist(&self) -> bool {
        self.folder.is_dir()
    }

    /// Writes a circuit; keys that another call has written meanwhile stay.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn save(&self, program: &[u8], circuit: &Circuit) -> Result<(), KeysError> {
        let parent = self.folder.parent().expect("under the cache");
        fs::create_dir_all(parent).map_err(io_error(parent))?;
        let making = self.folder.with_extension(format!("{}.tmp", std::process::id()));
        fs::create_dir_all(&making).map_err(io_error(&making))?;
        let data = circuit.data.to_bytes(&Gates, &Generators).expect("every gate and generator is registered");
        let mut bytes = vec![];
        bytes.write_target_vec(&circuit.advice).expect("writing to memory");
        bytes.extend(data);
        let verifier = circuit.data.verifier_data().to_bytes(&Gates).expect("every gate is registered");
        for (name, content) in [(PROGRAM, program), (CIRCUIT, &bytes), (VERIFIER, &verifier)] {
            write(&making.join(name), content)?;
            write(&making.join(name).with_extension("keccak256"), hex(&keccak(&[content])).as_bytes())?;
        }
        match fs::rename(&making, &self.folder) {
            Err(_) if self.exist() => fs::remove_dir_all(&making).map_err(io_error(&making)),
            result => result.map_err(io_error(&self.folder)),
        }
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

    pub fn circuit(&self) -> Result<(CircuitData<F, C, D>, Vec<Target>), KeysError> {
        let bytes = self.read(CIRCUIT)?;
        let mut buffer = Buffer::new(&bytes);
        let advice = buffer.read_target_vec().map_err(|_| self.unreadable(CIRCUIT))?;
        let at = buffer.pos();
        let data = CircuitData::from_bytes(&bytes[at..], &Gates, &Generators).map_err(|_| self.unreadable(CIRCUIT))?;
        Ok((data, advice))
    }

    pub fn verifier(&self) -> Result<Verifier, KeysError> {
        let bytes = self.read(VERIFIER)?;
        let data = VerifierCircuitData::from_bytes(bytes.clone(), &Gates).map_err(|_| self.unreadable(VERIFIER))?;
        Ok(Verifier { id: keccak(&[&bytes]), bytes, data })
    }
}

fn write(path: &Path, content: &[u8]) -> Result<(), KeysError> {
    let mut file = fs::File::create(path).map_err(io_error(path))?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(io_error(path))
}
