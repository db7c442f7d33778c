// Package gadgets holds the constraints that the lowering is made of: Poseidon2, Merkle paths, bounded integers, BabyJubJub
// signatures and the binding of a journal, over the BN254 scalar field (docs/suites.md).
//
// Advice that a constraint alone does not determine comes from hints (hints.go). A hint is never trusted: every gadget's comment
// says which constraints pin its outputs to the one honest value.
package gadgets

import (
	"math/big"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/std/rangecheck"
)

// Builder adds gadgets to one circuit. All its range checks share one log-derivative argument, and so do all its table lookups; gnark
// merges the commitments of both into one, which is what the L1 verifier takes.
type Builder struct {
	api     frontend.API
	ranges  frontend.Rangechecker
	lookups lookups
}

// New starts the shared arguments of a circuit. It must be called once a circuit.
func New(api frontend.API) *Builder {
	b := &Builder{api: api, ranges: rangecheck.New(api)}
	api.Compiler().Defer(b.closeLookups)
	return b
}

// modulus is the order of the scalar field.
var modulus = ecc.BN254.ScalarField()

var (
	one     = big.NewInt(1)
	two     = big.NewInt(2)
	wordLen = uint(32)
)

// power is 2^n.
func power(n int) *big.Int { return new(big.Int).Lsh(one, uint(n)) }

// hint calls a hint that gives n values. Hints fail only when they are called with the wrong number of inputs, a bug of the caller.
func (b *Builder) hint(f func(*big.Int, []*big.Int, []*big.Int) error, n int, inputs ...frontend.Variable) []frontend.Variable {
	outputs, err := b.api.Compiler().NewHint(f, n, inputs...)
	if err != nil {
		panic(err)
	}
	return outputs
}

// checkBits constrains v to [0, 2^n), for n up to 252.
func (b *Builder) checkBits(v frontend.Variable, n int) {
	if n == 0 {
		b.api.AssertIsEqual(v, 0)
		return
	}
	b.ranges.Check(v, n)
}

// recompose is Σ digits[i]·2^(bits·i).
func (b *Builder) recompose(digits []frontend.Variable, bits int) frontend.Variable {
	var sum frontend.Variable = 0
	for i, digit := range digits {
		sum = b.api.Add(sum, b.api.Mul(digit, power(bits*i)))
	}
	return sum
}

// AssertZeroIf constrains v to 0 where enabled (a boolean) is 1.
func (b *Builder) AssertZeroIf(enabled, v frontend.Variable) {
	b.api.AssertIsEqual(b.api.Mul(enabled, v), 0)
}

// BindPublic makes a public input part of a constraint of its own: the key's point of an input that stands in no constraint is zero, and a
// proof would hold for every value of it.
func (b *Builder) BindPublic(v frontend.Variable) { b.api.Mul(v, v) }
