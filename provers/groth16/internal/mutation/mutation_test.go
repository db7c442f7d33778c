package mutation_test

import (
	"math/big"
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/constraint/solver"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/frontend/cs/r1cs"
	"github.com/consensys/gnark/logger"

	"multiprover/provers/groth16/internal/mutation"
	"multiprover/provers/groth16/internal/pb/proverv1"
	"multiprover/provers/groth16/internal/reference"
)

func TestMain(m *testing.M) {
	logger.Disable()
	m.Run()
}

func rootHint(_ *big.Int, inputs, outputs []*big.Int) error {
	outputs[0].Sqrt(inputs[0])
	return nil
}

func init() { solver.RegisterHint(rootHint) }

// square has a root as advice; Y is derived. Of its two roots the second is a lie that no constraint refuses.
type square struct {
	X frontend.Variable `gnark:",public"`
	Y frontend.Variable `gnark:",public"`
}

func (c *square) Define(api frontend.API) error {
	root, err := api.Compiler().NewHint(rootHint, 1, c.X)
	if err != nil {
		return err
	}
	api.AssertIsEqual(api.Mul(root[0], root[0]), c.X)
	api.AssertIsEqual(api.Add(root[0], 5), c.Y)
	return nil
}

func TestSolveGivesDerivedValuesAndViolations(t *testing.T) {
	cs, err := frontend.Compile(ecc.BN254.ScalarField(), r1cs.NewBuilder, &square{})
	if err != nil {
		t.Fatal(err)
	}
	system, err := mutation.New(cs, "Y")
	if err != nil {
		t.Fatal(err)
	}
	values, violated, err := system.Solve([]fr.Element{fr.NewElement(49), {}})
	if err != nil || len(violated) != 0 || !values[2].Equal(ptr(fr.NewElement(12))) {
		t.Fatalf("expected Y = 12, found %v, violated %v, %v", values[2].String(), violated, err)
	}
	if _, violated, _ = system.Solve([]fr.Element{fr.NewElement(50), {}}); len(violated) != 1 {
		t.Fatalf("expected one violated constraint for a number without a root, found %v", violated)
	}
	if _, err := mutation.New(cs, "Z"); err == nil {
		t.Error("a derived value that is not there was taken")
	}
}

func ptr(e fr.Element) *fr.Element { return &e }

// slot is one reference slot over a small tree.
func slot(t *testing.T) (*mutation.Circuit, *proverv1.ProveRequest) {
	t.Helper()
	p, err := reference.SlotProgram(3).Decode()
	if err != nil {
		t.Fatal(err)
	}
	request, err := reference.SlotRequest(p, 1)
	if err != nil {
		t.Fatal(err)
	}
	circuit, err := mutation.Compile(p.Bytes, 1)
	if err != nil {
		t.Fatal(err)
	}
	return circuit, request
}

func TestMutantsOfTheReferenceSlotAreKilled(t *testing.T) {
	circuit, request := slot(t)
	report, err := circuit.Mutate(request, 4000, 1)
	if err != nil {
		t.Fatal(err)
	}
	harmless := 0
	for _, n := range report.Harmless {
		harmless += n
	}
	if report.Mutants != 4000 || report.Killed+len(report.Survived)+harmless != 4000 || len(report.Kinds) != 5 {
		t.Errorf("expected 4000 mutants of five kinds, found %+v", report)
	}
	for _, survivor := range report.Survived {
		t.Errorf("%s of %v: %v instead of %v changes %v", survivor.Kind, survivor.Wires, survivor.Lie, survivor.Honest, survivor.Changes)
	}
}

func TestCheckLooksAtConstraintsWhereTheProverRefuses(t *testing.T) {
	circuit, request := slot(t)
	verdict, err := circuit.Check(request)
	if err != nil || verdict.Refused != nil || verdict.Violated != 0 || !verdict.Honest {
		t.Fatalf("expected a batch that holds, found %+v, %v", verdict, err)
	}
	request.Slots[0].Authorizations[0].Signatures[0][159] ^= 1
	verdict, err = circuit.Check(request)
	if err != nil || verdict.Refused == nil || verdict.Violated == 0 {
		t.Fatalf("expected a refusal and violated constraints, found %+v, %v", verdict, err)
	}
}
