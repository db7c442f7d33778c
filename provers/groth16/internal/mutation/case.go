package mutation

import (
	"errors"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/frontend"

	"multiprover/provers/groth16/internal/execution"
	"multiprover/provers/groth16/internal/lowering"
	"multiprover/provers/groth16/internal/pb/proverv1"
	"multiprover/provers/groth16/internal/program"
	"multiprover/provers/groth16/internal/refusal"
)

// Derived are the public values that a prover may choose: they follow from the batch.
var Derived = []string{"PostRoot", "C", "Y"}

// Circuit is a program's constraint system for a number of slots, with its steps.
type Circuit struct {
	Program *program.Program
	Slots   int
	*System
}

// Compile makes the circuit of canonical bytes.
func Compile(raw []byte, slots int) (*Circuit, error) {
	p, err := program.Decode(raw)
	if err != nil {
		return nil, err
	}
	cs, err := lowering.Compile(p, slots)
	if err != nil {
		return nil, err
	}
	system, err := New(cs, Derived...)
	if err != nil {
		return nil, err
	}
	return &Circuit{Program: p, Slots: slots, System: system}, nil
}

// Verdict says what the prover and its constraints make of a request.
type Verdict struct {
	Refused     *refusal.Error // by the prover's own execution; nil: it would prove it
	Violated    int            // constraints that the witness violates which a prover who checks nothing would use
	First       string         // the first of them
	Honest      bool           // whether the derived public values are the statement's
	Constraints int
}

// Check runs a request through the prover's own execution, and through the circuit with whatever the request says.
func (c *Circuit) Check(request *proverv1.ProveRequest) (*Verdict, error) {
	own(request)
	statement, err := execution.ReadStatement(request.Statement)
	if err != nil {
		return nil, err
	}
	verdict := &Verdict{Constraints: c.constraints}
	result, err := execution.Execute(c.Program, statement, request)
	assignment := (*lowering.Circuit)(nil)
	if err == nil {
		assignment = result.Assignment
	} else {
		if !errors.As(err, &verdict.Refused) {
			return nil, err
		}
		if assignment, err = assign(c.Program, statement, request); err != nil {
			return nil, err
		}
	}
	inputs, err := vector(assignment)
	if err != nil {
		return nil, err
	}
	values, violated, err := c.Solve(inputs)
	if err != nil {
		return nil, err
	}
	verdict.Violated, verdict.Honest = len(violated), true
	for _, wire := range c.derived {
		verdict.Honest = verdict.Honest && values[wire].Equal(&inputs[wire-1])
	}
	if len(violated) > 0 {
		verdict.First = fmt.Sprintf("constraint at step %d", violated[0])
	}
	return verdict, nil
}

// vector is an assignment in the order of the wires, without the constant 1.
func vector(assignment *lowering.Circuit) ([]fr.Element, error) {
	witness, err := frontend.NewWitness(assignment, ecc.BN254.ScalarField())
	if err != nil {
		return nil, err
	}
	inputs, ok := witness.Vector().(fr.Vector)
	if !ok {
		return nil, fmt.Errorf("expected a vector over bn254, found %T", witness.Vector())
	}
	return inputs, nil
}
