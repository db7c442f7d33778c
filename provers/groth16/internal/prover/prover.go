// Package prover makes keys and proofs and checks them: the calls of docs/prover.md, without their transport.
package prover

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark/backend"
	groth16bn254 "github.com/consensys/gnark/backend/groth16/bn254"
	"github.com/consensys/gnark/backend/solidity"
	"github.com/consensys/gnark/frontend"

	"multiprover/provers/groth16/internal/execution"
	"multiprover/provers/groth16/internal/keys"
	"multiprover/provers/groth16/internal/lowering"
	"multiprover/provers/groth16/internal/pb/proverv1"
	"multiprover/provers/groth16/internal/program"
	"multiprover/provers/groth16/internal/refusal"
	"multiprover/provers/groth16/internal/suite"
)

// Report tells how far a call is: a stage, and the fraction of the whole call.
type Report func(stage string, fraction float64)

// Prover serves one cache directory. It is used by one call at a time.
type Prover struct {
	store  *keys.Store
	loaded *keys.Set // of the last proof
	slots  int       // of loaded
}

// New is a prover over a cache directory.
func New(cache string) *Prover {
	return &Prover{store: &keys.Store{Dir: cache, Version: KeyVersion}}
}

// Prepare makes the keys of a program and batch size, or finds them. Refusals are *refusal.Error.
func (p *Prover) Prepare(request *proverv1.PrepareRequest, report Report) (*proverv1.Prepared, error) {
	decoded, err := program.Decode(request.Program)
	if err != nil {
		return nil, err
	}
	if request.Slots < 1 || request.Slots > program.MaxSlots {
		return nil, refusal.New(refusal.Unsupported, fmt.Sprintf("1 to %d", program.MaxSlots), request.Slots, "slots")
	}
	slots := int(request.Slots)
	if words := decoded.JournalWords(slots); words > program.MaxJournalWords {
		return nil, refusal.New(refusal.Unsupported, fmt.Sprintf("at most %d", program.MaxJournalWords), words, "words of the journal")
	}
	unlock, err := p.store.Lock(decoded.ID[:], slots)
	if err != nil {
		return nil, err
	}
	defer unlock()

	cached := p.store.Has(decoded.ID[:], slots)
	if !cached {
		if err := p.makeKeys(decoded, slots, report); err != nil {
			return nil, err
		}
	}
	report("load", 0.95)
	verifying, figures, err := p.store.Describe(decoded.ID[:], slots)
	if err != nil {
		return nil, err
	}
	id := verifying.ID()
	return &proverv1.Prepared{
		KeyId:  id[:],
		Cached: cached,
		Artefacts: map[string][]byte{
			"verifying_key": verifying.Raw,
			"l1_verifier":   keys.L1Verifier(verifying.Key),
		},
		Figures: figures,
	}, nil
}

func (p *Prover) makeKeys(decoded *program.Program, slots int, report Report) error {
	resetPeak()
	report("compile", 0)
	compiling := startUsage()
	system, err := lowering.Compile(decoded, slots)
	if err != nil {
		return err
	}
	figures := keys.Figures{
		"constraints":   float64(system.GetNbConstraints()),
		"compile_cpu_s": compiling.cpuSeconds(),
	}
	report("setup", 0.1)
	setup := startUsage()
	set, err := keys.Setup(decoded, system)
	if err != nil {
		return err
	}
	figures["setup_cpu_s"] = setup.cpuSeconds()
	figures["setup_s"] = setup.seconds()
	figures["setup_peak_mib"] = peakMiB()
	report("store", 0.9)
	return p.store.Save(set, slots, figures)
}

// load gives the keys of a statement, from memory if they are the last ones used.
func (p *Prover) load(s *execution.Statement) (*keys.Set, error) {
	if p.loaded != nil && p.slots == s.Slots && bytes.Equal(p.loaded.Program.ID[:], s.ProgramID) {
		return p.loaded, nil
	}
	p.loaded = nil // before loading, so that two sets are never held
	set, err := p.store.Load(s.ProgramID, s.Slots)
	if err != nil {
		return nil, err
	}
	p.loaded, p.slots = set, s.Slots
	return set, nil
}

// checkKeyID demands that a request names the keys that its statement has.
func checkKeyID(verifying *keys.Verifying, found []byte) error {
	if id := verifying.ID(); !bytes.Equal(id[:], found) {
		return refusal.New(refusal.WrongProgram, fmt.Sprintf("%x", id), fmt.Sprintf("%x", found), "key_id of the statement's program and slots")
	}
	return nil
}

// Prove proves one batch. Refusals are *refusal.Error.
func (p *Prover) Prove(request *proverv1.ProveRequest, report Report) (*proverv1.Proof, error) {
	resetPeak()
	report("load", 0)
	statement, err := execution.ReadStatement(request.Statement)
	if err != nil {
		return nil, err
	}
	loading := startUsage()
	set, err := p.load(statement)
	if err != nil {
		return nil, err
	}
	if err := checkKeyID(&set.Verifying, request.KeyId); err != nil {
		return nil, err
	}
	figures := map[string]float64{
		"constraints": float64(set.System.GetNbConstraints()),
		"load_cpu_s":  loading.cpuSeconds(),
	}

	report("witness", 0.05)
	witnessing := startUsage()
	result, err := execution.Execute(set.Program, statement, request)
	if err != nil {
		return nil, err
	}
	witness, err := frontend.NewWitness(result.Assignment, ecc.BN254.ScalarField())
	if err != nil {
		return nil, fmt.Errorf("witness: %w", err)
	}
	figures["witness_cpu_s"] = witnessing.cpuSeconds()

	report("prove", 0.1)
	proving := startUsage()
	proof, err := groth16bn254.Prove(set.System, set.Proving, witness, solidity.WithProverTargetSolidityVerifier(backend.GROTH16))
	if err != nil {
		return nil, fmt.Errorf("prove: %w", err)
	}
	figures["prove_cpu_s"] = proving.cpuSeconds()
	figures["prove_s"] = proving.seconds()
	figures["peak_mib"] = peakMiB()

	report("check", 0.99)
	if err := verify(proof, set.Key, statement); err != nil {
		return nil, fmt.Errorf("own proof: %w", err)
	}
	native, err := EncodeProof(proof)
	if err != nil {
		return nil, err
	}
	onL1, err := EncodeL1Proof(proof)
	if err != nil {
		return nil, err
	}
	encode := func(e interface{ Bytes() [32]byte }) []byte { raw := e.Bytes(); return raw[:] }
	return &proverv1.Proof{
		ProofType: ProofType, FormatVersion: FormatVersion, KeyId: request.KeyId, Proof: native, L1Proof: onL1,
		Suites: []*proverv1.SuiteStatement{{
			Suite: suite.Name, PreRoot: encode(&result.PreRoot), PostRoot: encode(&result.PostRoot), Commitment: encode(&result.Commitment),
			Challenge: encode(&result.Challenge), Evaluation: encode(&result.Evaluation),
		}},
		Figures: figures,
	}, nil
}

// ErrNotVerified is the error of a proof that does not satisfy the pairing equations.
var ErrNotVerified = errors.New("proof does not verify")

// verify checks a proof of well-formed points.
func verify(proof *groth16bn254.Proof, key *groth16bn254.VerifyingKey, s *execution.Statement) error {
	if err := groth16bn254.Verify(proof, key, s.Public(), solidity.WithVerifierTargetSolidityVerifier(backend.GROTH16)); err != nil {
		return fmt.Errorf("%w: %w", ErrNotVerified, err)
	}
	return nil
}

// Verify checks a proof of a statement; nil means that it holds. Refusals are *refusal.Error. It reads only the verifying part of the keys, and may run
// beside other calls.
func (p *Prover) Verify(request *proverv1.VerifyRequest) error {
	statement, err := execution.ReadStatement(request.Statement)
	if err != nil {
		return err
	}
	m := request.Proof
	if m == nil {
		return refusal.New(refusal.Malformed, "a proof", "none", "proof")
	}
	if m.ProofType != ProofType {
		return refusal.New(refusal.Unsupported, ProofType, m.ProofType, "proof type")
	}
	if m.FormatVersion != FormatVersion {
		return refusal.New(refusal.Unsupported, FormatVersion, m.FormatVersion, "format version of the proof")
	}
	verifying, err := p.store.LoadVerifying(statement.ProgramID, statement.Slots)
	if err != nil {
		return err
	}
	if err := checkKeyID(verifying, m.KeyId); err != nil {
		return err
	}
	if err := statement.CheckDomain(); err != nil {
		return err
	}
	if err := compareSuites(request.Statement.Suites, m.Suites); err != nil {
		return err
	}
	proof, err := DecodeProof(m.Proof)
	if err != nil {
		return err
	}
	onL1, err := EncodeL1Proof(proof)
	if err != nil {
		return err
	}
	if !bytes.Equal(onL1, m.L1Proof) {
		return refusal.New(refusal.NonCanonical, fmt.Sprintf("%d bytes of the same proof", len(onL1)), fmt.Sprintf("%d bytes", len(m.L1Proof)), "l1_proof")
	}
	if err := verify(proof, verifying.Key, statement); err != nil {
		return refusal.New(refusal.InvalidProof, "a proof that verifies", err, "proof")
	}
	return nil
}

// compareSuites demands that what the prover says to have computed is the statement's.
func compareSuites(statement, proof []*proverv1.SuiteStatement) error {
	if len(proof) != len(statement) {
		return refusal.New(refusal.WrongStatement, len(statement), len(proof), "suites of the proof")
	}
	for i, want := range statement {
		found := proof[i]
		if want.Suite != found.GetSuite() {
			return refusal.New(refusal.WrongStatement, want.Suite, found.GetSuite(), "suite of the proof")
		}
		for _, field := range []struct {
			name        string
			want, found []byte
		}{
			{"pre_root", want.PreRoot, found.GetPreRoot()},
			{"post_root", want.PostRoot, found.GetPostRoot()},
			{"commitment", want.Commitment, found.GetCommitment()},
			{"challenge", want.Challenge, found.GetChallenge()},
			{"evaluation", want.Evaluation, found.GetEvaluation()},
		} {
			if !bytes.Equal(field.want, field.found) {
				return refusal.New(refusal.WrongStatement, fmt.Sprintf("%#x", field.want), fmt.Sprintf("%#x", field.found), "%s of the proof", field.name)
			}
		}
	}
	return nil
}
