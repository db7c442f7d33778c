package prover

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	groth16bn254 "github.com/consensys/gnark/backend/groth16/bn254"
	"google.golang.org/protobuf/proto"

	"multiprover/provers/groth16/internal/execution"
	"multiprover/provers/groth16/internal/pb/proverv1"
)

func domainOf(s *proverv1.Statement) [32]byte {
	return execution.Domain(s.ChainId, s.Settlement, s.ProgramId)
}

func verifyFrozen(key *groth16bn254.VerifyingKey, request *proverv1.VerifyRequest) error {
	statement, err := execution.ReadStatement(request.Statement)
	if err != nil {
		return err
	}
	proof, err := DecodeProof(request.Proof.Proof)
	if err != nil {
		return err
	}
	return verify(proof, key, statement)
}

// TestFreeze writes the frozen proof anew, when FREEZE is set.
func TestFreeze(t *testing.T) {
	if os.Getenv("FREEZE") == "" {
		t.Skip("FREEZE is not set")
	}
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(&proverv1.VerifyRequest{
		Statement: made.request.Statement,
		Proof:     &proverv1.Proof{ProofType: ProofType, FormatVersion: FormatVersion, KeyId: made.proof.KeyId, Proof: made.proof.Proof, L1Proof: made.proof.L1Proof, Suites: made.proof.Suites},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"verifying_key.hex": made.prepared.Artefacts["verifying_key"], "verify_request.hex": raw} {
		if err := os.WriteFile(filepath.Join("testdata", name), []byte(hex.EncodeToString(content)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
