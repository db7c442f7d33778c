// Package keys makes, stores and loads the keys of one program and batch size: docs/prover.md §2.
//
// A set of keys is a directory under the cache, named by the hash of what it is for, with one file a part and, beside each, a file with its SHA-256. A set
// is written under another name and renamed when it is whole, so that a set that exists is complete. It is never changed afterwards.
package keys

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr/pedersen"
	"github.com/consensys/gnark/backend/groth16"
	groth16bn254 "github.com/consensys/gnark/backend/groth16/bn254"
	"github.com/consensys/gnark/constraint"
	csbn254 "github.com/consensys/gnark/constraint/bn254"

	"multiprover/provers/groth16/internal/program"
	"multiprover/provers/groth16/internal/refusal"
	"multiprover/provers/groth16/internal/suite"
)

// The files of a set.
const (
	programFile   = "program.bin"
	circuitFile   = "circuit.bin"
	provingFile   = "proving_key.bin"
	verifyingFile = "verifying_key.bin"
	figuresFile   = "figures.json"
	hashSuffix    = ".sha256"
)

// Version of the prover and of the format of its proofs and keys: another one never reads this one's keys.
type Version struct {
	Prover string
	Format uint32
}

// Store is a cache directory.
type Store struct {
	Dir     string
	Version Version
}

// Verifying is the verifying part of a set.
type Verifying struct {
	Key *groth16bn254.VerifyingKey
	Raw []byte // gnark's raw encoding
}

// ID is the content hash of the keys: keccak256 of the verifying key's raw encoding.
func (v *Verifying) ID() [32]byte { return suite.Keccak256(v.Raw) }

// Set is a whole set of keys.
type Set struct {
	Verifying
	Program *program.Program
	System  *csbn254.R1CS
	Proving *groth16bn254.ProvingKey
}

// Figures are what was measured when a set was made.
type Figures map[string]float64

// path is the directory of a set.
func (s *Store) path(programID []byte, slots int) string {
	name := sha256.Sum256(fmt.Appendf(nil, "multiprover groth16 keys\n%s\n%d\n%x\n%d\n", s.Version.Prover, s.Version.Format, programID, slots))
	return filepath.Join(s.Dir, hex.EncodeToString(name[:]))
}

// Has tells whether a set was made.
func (s *Store) Has(programID []byte, slots int) bool {
	_, err := os.Stat(s.path(programID, slots))
	return err == nil
}

// corrupt is the refusal of a file that is not what was stored.
func corrupt(path string, expected, found any) error {
	return refusal.New(refusal.CorruptKeys, expected, found, "key file %s is not what was stored; delete its directory to make new keys", path)
}

// open checks a file against the hash beside it and gives it from its beginning.
func open(dir, name string) (*os.File, error) {
	path := filepath.Join(dir, name)
	stored, err := os.ReadFile(path + hashSuffix)
	if err != nil {
		return nil, corrupt(path+hashSuffix, "a file", err)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, corrupt(path, "a file", err)
	}
	hash := sha256.New()
	_, err = io.Copy(hash, file)
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		file.Close()
		return nil, corrupt(path, "a readable file", err)
	}
	if found := hex.EncodeToString(hash.Sum(nil)); found != strings.TrimSpace(string(stored)) {
		file.Close()
		return nil, corrupt(path, "SHA-256 "+strings.TrimSpace(string(stored)), found)
	}
	return file, nil
}

// read gives the content of a checked file.
func read(dir, name string) ([]byte, error) {
	file, err := open(dir, name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(file)
}

// parse reads a checked file by a function that must not fail on it.
func parse(dir, name string, f func(io.Reader) error) error {
	file, err := open(dir, name)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := f(bufio.NewReaderSize(file, 1<<20)); err != nil {
		return corrupt(filepath.Join(dir, name), "a readable key", err)
	}
	return nil
}

// missing is the refusal of keys that were not made.
func (s *Store) missing(programID []byte, slots int) error {
	return refusal.New(refusal.NotPrepared, "keys made by Prepare", "none", "program %x with %d slots", programID, slots)
}

// LoadVerifying loads the verifying part of a set.
func (s *Store) LoadVerifying(programID []byte, slots int) (*Verifying, error) {
	if !s.Has(programID, slots) {
		return nil, s.missing(programID, slots)
	}
	return loadVerifying(s.path(programID, slots))
}

func loadVerifying(dir string) (*Verifying, error) {
	raw, err := read(dir, verifyingFile)
	if err != nil {
		return nil, err
	}
	key, err := ReadVerifyingKey(raw)
	if err != nil {
		return nil, corrupt(filepath.Join(dir, verifyingFile), "a sound verifying key", err)
	}
	return &Verifying{Key: key, Raw: raw}, nil
}

// Load loads a whole set.
func (s *Store) Load(programID []byte, slots int) (*Set, error) {
	if !s.Has(programID, slots) {
		return nil, s.missing(programID, slots)
	}
	dir := s.path(programID, slots)
	verifying, err := loadVerifying(dir)
	if err != nil {
		return nil, err
	}
	encoded, err := read(dir, programFile)
	if err != nil {
		return nil, err
	}
	set := &Set{Verifying: *verifying, Proving: new(groth16bn254.ProvingKey)}
	if set.Program, err = program.Decode(encoded); err != nil {
		return nil, corrupt(filepath.Join(dir, programFile), "a program", err)
	}
	if string(set.Program.ID[:]) != string(programID) {
		return nil, corrupt(filepath.Join(dir, programFile), fmt.Sprintf("program %x", programID), fmt.Sprintf("%x", set.Program.ID))
	}
	if err := parse(dir, circuitFile, func(r io.Reader) error {
		system := groth16.NewCS(ecc.BN254)
		if _, err := system.ReadFrom(r); err != nil {
			return err
		}
		set.System = system.(*csbn254.R1CS)
		return nil
	}); err != nil {
		return nil, err
	}
	// The points are not checked again: the file is the one that this prover wrote, by its hash.
	if err := parse(dir, provingFile, set.Proving.ReadDump); err != nil {
		return nil, err
	}
	if err := CheckPair(set.Proving, set.Key); err != nil {
		return nil, corrupt(filepath.Join(dir, provingFile), "the proving key of the verifying key", err)
	}
	return set, nil
}

// Describe checks every file of a set that was made and gives its verifying part and figures.
func (s *Store) Describe(programID []byte, slots int) (*Verifying, Figures, error) {
	dir := s.path(programID, slots)
	for _, name := range []string{programFile, circuitFile, provingFile} {
		file, err := open(dir, name)
		if err != nil {
			return nil, nil, err
		}
		file.Close()
	}
	verifying, err := loadVerifying(dir)
	if err != nil {
		return nil, nil, err
	}
	raw, err := read(dir, figuresFile)
	if err != nil {
		return nil, nil, err
	}
	var figures Figures
	if err := json.Unmarshal(raw, &figures); err != nil {
		return nil, nil, corrupt(filepath.Join(dir, figuresFile), "JSON", err)
	}
	return verifying, figures, nil
}

// Lock holds a set's place against other processes until the function that it gives is called.
func (s *Store) Lock(programID []byte, slots int) (unlock func(), err error) {
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("cache directory: %w", err)
	}
	file, err := os.OpenFile(s.path(programID, slots)+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock of the keys: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		file.Close()
		return nil, fmt.Errorf("lock of the keys: %w", err)
	}
	return func() { file.Close() }, nil
}

// Save stores a set. The caller holds the lock; what an earlier writer left half done is removed.
func (s *Store) Save(set *Set, slots int, figures Figures) error {
	final := s.path(set.Program.ID[:], slots)
	unfinished := final + ".unfinished"
	if err := os.RemoveAll(unfinished); err != nil {
		return fmt.Errorf("unfinished keys: %w", err)
	}
	if err := os.MkdirAll(unfinished, 0o700); err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	measured, err := json.Marshal(figures)
	if err != nil {
		return fmt.Errorf("figures: %w", err)
	}
	bytesWriter := func(raw []byte) func(io.Writer) error {
		return func(w io.Writer) error { _, err := w.Write(raw); return err }
	}
	for _, file := range []struct {
		name  string
		write func(io.Writer) error
	}{
		{programFile, bytesWriter(set.Program.Bytes)},
		{circuitFile, func(w io.Writer) error { _, err := set.System.WriteTo(w); return err }},
		{provingFile, set.Proving.WriteDump},
		{verifyingFile, bytesWriter(set.Raw)},
		{figuresFile, bytesWriter(measured)},
	} {
		if err := writeHashed(unfinished, file.name, file.write); err != nil {
			return fmt.Errorf("key file %s: %w", file.name, err)
		}
	}
	if err := os.Rename(unfinished, final); err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	return syncDir(s.Dir)
}

// writeHashed writes a file and its hash, both on disk when it returns.
func writeHashed(dir, name string, write func(io.Writer) error) error {
	hash := sha256.New()
	path := filepath.Join(dir, name)
	if err := writeSynced(path, func(w io.Writer) error { return write(io.MultiWriter(w, hash)) }); err != nil {
		return err
	}
	return writeSynced(path+hashSuffix, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, hex.EncodeToString(hash.Sum(nil)))
		return err
	})
}

func writeSynced(path string, write func(io.Writer) error) (err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fs.FileMode(0o600))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	buffered := bufio.NewWriterSize(file, 1<<20)
	if err := write(buffered); err != nil {
		return err
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	return file.Sync()
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// Setup makes keys by a one-party setup with fresh randomness, which whoever runs the process could have kept: toxic waste.
func Setup(p *program.Program, system constraint.ConstraintSystem) (*Set, error) {
	set := &Set{Program: p, System: system.(*csbn254.R1CS), Proving: new(groth16bn254.ProvingKey)}
	set.Key = new(groth16bn254.VerifyingKey)
	if err := groth16bn254.Setup(set.System, set.Proving, set.Key); err != nil {
		return nil, fmt.Errorf("setup: %w", err)
	}
	if err := rebase(set.Proving, set.Key); err != nil {
		return nil, fmt.Errorf("setup: %w", err)
	}
	if err := errors.Join(CheckVerifyingKey(set.Key), CheckPair(set.Proving, set.Key)); err != nil {
		return nil, fmt.Errorf("setup: %w", err)
	}
	raw, err := EncodeVerifyingKey(set.Key)
	if err != nil {
		return nil, err
	}
	set.Raw = raw
	return set, nil
}

// rebase puts the commitment key on the base beta, with a fresh sigma, in place of gnark's own base: L1 then checks a proof with one pair fewer (README, "The commitment's base").
func rebase(proving *groth16bn254.ProvingKey, verifying *groth16bn254.VerifyingKey) error {
	if len(proving.CommitmentKeys) != 1 || len(verifying.CommitmentKeys) != 1 {
		return fmt.Errorf("expected one commitment, found %d", len(proving.CommitmentKeys))
	}
	bases := [][]bn254.G1Affine{proving.CommitmentKeys[0].Basis}
	committing, checking, err := pedersen.Setup(bases, pedersen.WithG2Point(verifying.G2.Beta))
	if err != nil {
		return fmt.Errorf("commitment key: %w", err)
	}
	proving.CommitmentKeys[0], verifying.CommitmentKeys[0] = committing[0], checking
	return nil
}
