package gadgets

import (
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark/constraint"
	csbn254 "github.com/consensys/gnark/constraint/bn254"
	"github.com/consensys/gnark/constraint/solver"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/frontend/cs/r1cs"
	"github.com/consensys/gnark/logger"
	"github.com/consensys/gnark/std/rangecheck"
)

func TestMain(m *testing.M) {
	logger.Disable()
	m.Run()
}

type hintFunction = func(field *big.Int, inputs, outputs []*big.Int) error

// circuit is a gadget under test over a list of inputs.
type circuit struct {
	In     []frontend.Variable
	define func(b *Builder, in []frontend.Variable)
}

func (c *circuit) Define(api frontend.API) error {
	b := New(api)
	// The range check's argument wants something to check.
	b.checkBits(c.In[0], 252)
	b.checkBits(api.Sub(c.In[0], c.In[0]), 2)
	c.define(b, c.In[1:])
	return nil
}

func compile(t testing.TB, inputs int, define func(b *Builder, in []frontend.Variable)) constraint.ConstraintSystem {
	t.Helper()
	c := &circuit{In: make([]frontend.Variable, inputs+1), define: define}
	system, err := frontend.Compile(ecc.BN254.ScalarField(), r1cs.NewBuilder, c)
	if err != nil {
		t.Fatal(err)
	}
	return system
}

// solve solves with a witness; lies replace hints. gnark's own hints of its range check are replaced by ones that never refuse, and that keep the
// sum of the limbs whatever their size: so only a constraint can stop a dishonest witness.
func solve(t testing.TB, system constraint.ConstraintSystem, inputs []*big.Int, lies map[string]hintFunction) error {
	t.Helper()
	assignment := &circuit{In: []frontend.Variable{0}}
	for _, v := range inputs {
		assignment.In = append(assignment.In, v)
	}
	witness, err := frontend.NewWitness(assignment, ecc.BN254.ScalarField())
	if err != nil {
		t.Fatal(err)
	}
	options := []solver.Option{
		solver.OverrideHint(solver.GetHintID(rangecheck.DecomposeHint), greedyLimbs),
		solver.OverrideHint(hintNamed(t, "logderivarg.countHint"), lenientCount),
	}
	for name, lie := range lies {
		options = append(options, solver.OverrideHint(hintNamed(t, name), lie))
	}
	return system.IsSolved(witness, options...)
}

// refused demands that a constraint failed: an error of a hint would not stop a prover that has its own.
func refused(t testing.TB, err error, what string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: a dishonest witness satisfies the circuit", what)
		return
	}
	var unsatisfied *csbn254.UnsatisfiedConstraintError
	if !errors.As(err, &unsatisfied) {
		t.Errorf("%s: expected an unsatisfied constraint, found %v", what, err)
	}
}

func hintNamed(t testing.TB, suffix string) solver.HintID {
	t.Helper()
	for _, hint := range solver.GetRegisteredHints() {
		if strings.HasSuffix(solver.GetHintName(hint), suffix) {
			return solver.GetHintID(hint)
		}
	}
	t.Fatalf("no hint named %s", suffix)
	return 0
}

// greedyLimbs puts what is too much into the last limb.
func greedyLimbs(_ *big.Int, inputs, outputs []*big.Int) error {
	bits := uint(inputs[1].Uint64())
	rest := new(big.Int).Set(inputs[2])
	mask := new(big.Int).Sub(power(int(bits)), one)
	for _, out := range outputs[:len(outputs)-1] {
		out.And(rest, mask)
		rest.Rsh(rest, bits)
	}
	outputs[len(outputs)-1].Set(rest)
	return nil
}

// lenientCount counts the queries that are rows, and lets the others be.
func lenientCount(_ *big.Int, inputs, outputs []*big.Int) error {
	rows, columns := int(inputs[0].Int64()), int(inputs[1].Int64())
	place := map[string]int{}
	key := func(values []*big.Int) string {
		var text strings.Builder
		for _, v := range values {
			text.WriteString(v.String() + ",")
		}
		return text.String()
	}
	inputs = inputs[2:]
	for i := range rows {
		outputs[i].SetUint64(0)
		place[key(inputs[:columns])] = i
		inputs = inputs[columns:]
	}
	for ; len(inputs) > 0; inputs = inputs[columns:] {
		if i, ok := place[key(inputs[:columns])]; ok {
			outputs[i].Add(outputs[i], one)
		}
	}
	return nil
}

// field is an integer as a field element.
func field(v *big.Int) *big.Int { return new(big.Int).Mod(v, modulus) }

func number(text string) *big.Int {
	v, ok := new(big.Int).SetString(text, 0)
	if !ok {
		panic(text)
	}
	return v
}

// pow is ±2^n + d.
func pow(sign int64, n int, d int64) *big.Int {
	v := new(big.Int).Mul(big.NewInt(sign), power(n))
	return v.Add(v, big.NewInt(d))
}
