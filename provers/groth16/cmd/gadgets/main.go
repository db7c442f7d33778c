// Command gadgets writes every gadget's constraints as data, for the proof that outputs are determined by inputs (docs/soundness.md). It is not shipped.
//
// One JSON document a line. The first is the header {"format": 1, "prover", "modulus", "gates": {}, "curve": {"a", "d"}}; each other one a gadget, compiled alone by the
// builder that the prover uses:
//
//	{"name", "wires": W, "inputs": […], "outputs": […], "ranges": {"WIRE": ["LO", "HI"]}, "challenges": [[WIRE, [committed wires]]],
//	 "r1cs": [[L, R, O], …], "witness": [one value a wire]}
//
// Wire 0 is the constant 1. A constraint is L·R = O, a side a list of [wire, "coefficient"]. ranges are what the gadget relies on for its inputs, as integers. A challenge is drawn by the
// verifier after its committed wires are fixed. A gadget without outputs is an assertion. The witness is an honest one.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"strconv"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/constraint"
	csbn254 "github.com/consensys/gnark/constraint/bn254"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/logger"

	"multiprover/provers/groth16/internal/gadgets"
	"multiprover/provers/groth16/internal/lowering"
	"multiprover/provers/groth16/internal/mutation"
	"multiprover/provers/groth16/internal/suite"
)

// header describes the whole.
type header struct {
	Format  int               `json:"format"`
	Prover  string            `json:"prover"`
	Modulus string            `json:"modulus"`
	Gates   struct{}          `json:"gates"`
	Curve   map[string]string `json:"curve"`
}

// exported is one gadget.
type exported struct {
	Name       string               `json:"name"`
	Wires      int                  `json:"wires"`
	Inputs     []int                `json:"inputs"`
	Outputs    []int                `json:"outputs"`
	Ranges     map[string][2]string `json:"ranges"`
	Challenges [][2]any             `json:"challenges"`
	R1CS       [][3][][2]any        `json:"r1cs"`
	Witness    []string             `json:"witness"`
}

// circuit is a gadget alone: its outputs stand as public values.
type circuit struct {
	Out    []frontend.Variable `gnark:",public"`
	In     []frontend.Variable
	define func(b *gadgets.Builder, in []frontend.Variable) []frontend.Variable
}

// Define implements frontend.Circuit.
func (c *circuit) Define(api frontend.API) error {
	outputs := c.define(gadgets.New(api), c.In)
	if len(outputs) != len(c.Out) {
		return fmt.Errorf("expected %d outputs, found %d", len(c.Out), len(outputs))
	}
	for i, output := range outputs {
		api.AssertIsEqual(c.Out[i], output)
	}
	return nil
}

func main() {
	logger.Disable()
	out := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(out)
	err := encoder.Encode(header{
		Format: 1, Prover: "groth16", Modulus: ecc.BN254.ScalarField().String(),
		Curve: map[string]string{"a": suite.CurveA.String(), "d": suite.CurveD.String()},
	})
	for _, g := range all() {
		if err != nil {
			break
		}
		var e *exported
		if e, err = export(g); err == nil {
			err = encoder.Encode(e)
		}
	}
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// export compiles a gadget alone and solves it for its example.
func export(g gadget) (*exported, error) {
	system, err := lowering.CompileCircuit(&circuit{
		In: make([]frontend.Variable, len(g.inputs)), Out: make([]frontend.Variable, g.outputs), define: g.define,
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", g.name, err)
	}
	derived := make([]string, g.outputs)
	for i := range derived {
		derived[i] = fmt.Sprintf("Out_%d", i)
	}
	taken, err := mutation.New(system, derived...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", g.name, err)
	}
	assignment := make([]fr.Element, g.outputs+len(g.inputs))
	for i := range g.inputs {
		assignment[g.outputs+i].SetBigInt(g.inputs[i].value)
	}
	witness, violated, err := taken.Solve(assignment)
	if err != nil || len(violated) > 0 {
		return nil, fmt.Errorf("%s: the example violates constraints %v: %w", g.name, violated, err)
	}

	r1cs := system.(*csbn254.R1CS)
	e := &exported{Name: g.name, Wires: len(witness), Inputs: []int{}, Outputs: []int{}, Ranges: map[string][2]string{}, Challenges: [][2]any{}}
	for i := range g.outputs {
		e.Outputs = append(e.Outputs, 1+i)
	}
	for i, input := range g.inputs {
		wire := 1 + g.outputs + i
		e.Inputs = append(e.Inputs, wire)
		if input.lo != nil {
			e.Ranges[strconv.Itoa(wire)] = [2]string{input.lo.String(), input.hi.String()}
		}
	}
	for _, c := range r1cs.GetR1Cs() {
		e.R1CS = append(e.R1CS, [3][][2]any{side(r1cs, c.L), side(r1cs, c.R), side(r1cs, c.O)})
	}
	for _, commitment := range r1cs.CommitmentInfo.(constraint.Groth16Commitments) {
		committed := append(append([]int{}, commitment.PublicAndCommitmentCommitted...), commitment.PrivateCommitted...)
		e.Challenges = append(e.Challenges, [2]any{commitment.CommitmentIndex, committed})
	}
	for i := range witness {
		e.Witness = append(e.Witness, witness[i].String())
	}
	return e, nil
}

// side is a linear form. gnark merges terms, so every wire stands once.
func side(system *csbn254.R1CS, terms constraint.LinearExpression) [][2]any {
	form := [][2]any{}
	for _, t := range terms {
		coefficient := system.Coefficients[t.CoeffID()]
		wire := t.WireID()
		if t.IsConstant() {
			wire = 0
		}
		form = append(form, [2]any{wire, coefficient.BigInt(new(big.Int)).String()})
	}
	return form
}
