package lowering_test

import (
	"testing"

	"multiprover/provers/groth16/internal/execution"
	"multiprover/provers/groth16/internal/lowering"
	"multiprover/provers/groth16/internal/reference"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark/frontend"
)

func TestReferenceSlot(t *testing.T) {
	p, err := reference.SlotProgram(20).Decode()
	if err != nil {
		t.Fatal(err)
	}
	request, err := reference.SlotRequest(p, 1)
	if err != nil {
		t.Fatal(err)
	}
	s, err := execution.ReadStatement(request.Statement)
	if err != nil {
		t.Fatal(err)
	}
	result, err := execution.Execute(p, s, request)
	if err != nil {
		t.Fatal(err)
	}
	system, err := lowering.Compile(p, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(system.GetNbConstraints())
	w, err := frontend.NewWitness(result.Assignment, ecc.BN254.ScalarField())
	if err != nil {
		t.Fatal(err)
	}
	if err := system.IsSolved(w); err != nil {
		t.Fatal(err)
	}
}
