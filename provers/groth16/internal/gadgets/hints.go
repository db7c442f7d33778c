package gadgets

import (
	"fmt"
	"math/big"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/constraint/solver"

	"multiprover/provers/groth16/internal/suite"
)

func init() {
	solver.RegisterHint(digitsHint, lessHint, divModHint, borrowHint, oddMultipleHint, baseMultipleHint, countHint)
}

// signed reads a field element as the integer of least absolute value in its class.
func signed(field, v *big.Int) *big.Int {
	if v.Cmp(new(big.Int).Rsh(field, 1)) > 0 {
		return new(big.Int).Sub(v, field)
	}
	return new(big.Int).Set(v)
}

// setField writes an integer as a field element.
func setField(field, out, v *big.Int) { out.Mod(v, field) }

// digitsHint: inputs (shift, bits, v); outputs the digits of bits bits of v >> shift, the least significant first.
func digitsHint(_ *big.Int, inputs, outputs []*big.Int) error {
	if len(inputs) != 3 {
		return fmt.Errorf("digits: expected 3 inputs, found %d", len(inputs))
	}
	bits := uint(inputs[1].Uint64())
	mask := new(big.Int).Sub(new(big.Int).Lsh(one, bits), one)
	rest := new(big.Int).Rsh(inputs[2], uint(inputs[0].Uint64()))
	for _, out := range outputs {
		out.And(rest, mask)
		rest.Rsh(rest, bits)
	}
	return nil
}

// lessHint: inputs (d); outputs 1 if d, read as signed, is negative.
func lessHint(field *big.Int, inputs, outputs []*big.Int) error {
	if len(inputs) != 1 || len(outputs) != 1 {
		return fmt.Errorf("less: expected 1 input and 1 output, found %d and %d", len(inputs), len(outputs))
	}
	outputs[0].SetUint64(0)
	if signed(field, inputs[0]).Sign() < 0 {
		outputs[0].SetUint64(1)
	}
	return nil
}

// divModHint: inputs (a, b), a read as signed; outputs floor(a / b) and a - b·floor(a / b), or zeros for b = 0.
func divModHint(field *big.Int, inputs, outputs []*big.Int) error {
	if len(inputs) != 2 || len(outputs) != 2 {
		return fmt.Errorf("divmod: expected 2 inputs and 2 outputs, found %d and %d", len(inputs), len(outputs))
	}
	quotient, remainder := new(big.Int), new(big.Int)
	if inputs[1].Sign() != 0 {
		quotient.DivMod(signed(field, inputs[0]), inputs[1], remainder)
	}
	setField(field, outputs[0], quotient)
	outputs[1].Set(remainder)
	return nil
}

// borrowHint: inputs (low, bound); outputs 1 if low > bound.
func borrowHint(_ *big.Int, inputs, outputs []*big.Int) error {
	if len(inputs) != 2 || len(outputs) != 1 {
		return fmt.Errorf("borrow: expected 2 inputs and 1 output, found %d and %d", len(inputs), len(outputs))
	}
	outputs[0].SetUint64(0)
	if inputs[0].Cmp(inputs[1]) > 0 {
		outputs[0].SetUint64(1)
	}
	return nil
}

// oddMultipleHint: inputs x and y of P, 3P, …, 15P, then digits w in [0, 16); outputs x and y of (2w - 15)P for each.
func oddMultipleHint(field *big.Int, inputs, outputs []*big.Int) error {
	if len(inputs) < 2*oddMultiples || len(outputs) != 2*(len(inputs)-2*oddMultiples) {
		return fmt.Errorf("odd multiple: found %d inputs and %d outputs", len(inputs), len(outputs))
	}
	for i, digit := range inputs[2*oddMultiples:] {
		w := int(digit.Uint64() & (2*oddMultiples - 1))
		if w >= oddMultiples {
			outputs[2*i].Set(inputs[2*(w-oddMultiples)])
			outputs[2*i+1].Set(inputs[2*(w-oddMultiples)+1])
		} else {
			setField(field, outputs[2*i], new(big.Int).Neg(inputs[2*(oddMultiples-1-w)]))
			outputs[2*i+1].Set(inputs[2*(oddMultiples-1-w)+1])
		}
	}
	return nil
}

// baseMultiples are 0·Base8 to 255·Base8; never written after start.
var baseMultiples = func() (multiples [1 << baseWindow]suite.Point) {
	multiples[0] = suite.Identity
	for i := 1; i < len(multiples); i++ {
		multiples[i] = multiples[i-1].Add(&suite.Base8)
	}
	return multiples
}()

// baseMultipleHint: inputs digits w in [0, 256); outputs x and y of w·Base8 for each.
func baseMultipleHint(_ *big.Int, inputs, outputs []*big.Int) error {
	if len(outputs) != 2*len(inputs) {
		return fmt.Errorf("base multiple: found %d inputs and %d outputs", len(inputs), len(outputs))
	}
	for i, digit := range inputs {
		point := &baseMultiples[digit.Uint64()&(1<<baseWindow-1)]
		for j, coordinate := range []fr.Element{point.X, point.Y} {
			coordinate.BigInt(outputs[2*i+j])
		}
	}
	return nil
}

// countHint: inputs the indices looked up; outputs how often each row was. An index outside of the table counts for no row.
func countHint(_ *big.Int, inputs, outputs []*big.Int) error {
	for _, out := range outputs {
		out.SetUint64(0)
	}
	for _, index := range inputs {
		if index.IsUint64() && index.Uint64() < uint64(len(outputs)) {
			out := outputs[index.Uint64()]
			out.Add(out, one)
		}
	}
	return nil
}
