package gadgets

import (
	"math/big"

	"github.com/consensys/gnark/frontend"

	"multiprover/provers/groth16/internal/suite"
)

// Windows of the scalars of a signature.
const (
	keyWindow    = 4                    // bits of the challenge a step
	keyDigits    = 64                   // windows of floor(h / 2), whose last holds one bit
	oddMultiples = 1 << (keyWindow - 1) // P, 3P, …, 15P
	baseWindow   = 8                    // bits of S a step
	baseDigits   = 32
	pointColumns = 2
)

// Signature is a signature as advice: any point A, any R, any S.
type Signature struct {
	A, R Point
	S    frontend.Variable
}

// AssertSignature demands, where enabled (a boolean) is 1, a signature over (digest, nonce) under the key part: docs/suites.md §4. Where it is
// 0, A = R = (0, 1) with S = 0 satisfies everything: only the comparison of the key is switched.
//
// R needs no check of its own: it must equal a point computed on the curve.
func (b *Builder) AssertSignature(enabled, key, digest, nonce frontend.Variable, sig Signature) {
	b.assertOnCurve(sig.A)
	publicKey := b.Hash(suite.TagPublicKey, 0, sig.A.X, sig.A.Y)
	b.AssertZeroIf(enabled, b.api.Sub(publicKey, key))
	challenge := b.Hash(suite.TagChallenge, 0, sig.R.X, sig.R.Y, publicKey, digest, nonce)
	b.assertEqualPoints(b.combine(sig.S, challenge, sig.A), sig.R)
}

// combine is s·Base8 - h·a, for s below the subgroup's order and h as an integer below the field's, in one chain of doublings.
//
// h = 2g + odd, with g in 4-bit windows g_0 … g_63. Reading every window w as the digit 2w - 15, and the last one, 0 or 1, as 1 + 2w, gives
// Σ digit_i·16^i = 2g + 1: digits that are never 0, whose points are a table of 8 odd multiples and their opposites. What is too much
// for an even h is added back at the end. s is in 8-bit windows over one table of multiples of Base8.
func (b *Builder) combine(s, h frontend.Variable, a Point) Point {
	odd := b.hint(digitsHint, 1, 0, 1, h)[0]
	b.api.AssertIsBoolean(odd)
	halves := b.hint(digitsHint, keyDigits, 1, keyWindow, h)
	top := halves[keyDigits-1]
	b.api.AssertIsBoolean(top)
	b.assertScalar(h, halves, keyWindow, odd, modulus)
	windows := b.hint(digitsHint, baseDigits, 0, baseWindow, s)
	b.assertScalar(s, windows, baseWindow, nil, suite.SubgroupOrder)

	multiples := b.oddMultiples(b.neg(a))
	keyPoints := b.lookupOddMultiples(multiples, halves[:keyDigits-1])
	basePoints := b.lookupBaseMultiples(windows)

	sum := b.selectPoint(top, multiples[1], multiples[0])
	for i := keyDigits - 2; i >= 0; i-- {
		for range keyWindow {
			sum = b.double(sum)
		}
		sum = b.add(sum, keyPoints[i])
		if i%(baseWindow/keyWindow) == 0 {
			sum = b.add(sum, basePoints[i/(baseWindow/keyWindow)])
		}
	}
	return b.add(sum, b.selectPoint(odd, constantPoint(suite.Identity), a))
}

// assertScalar constrains the digits (and the bit odd below them, if there is one) to be those of v as an integer below bound. Digits lie
// within their windows: by the lookups, or as booleans. Their sum alone would also allow v plus a multiple of the field's order; so bound - 1 - sum is
// computed in two halves with a borrow, of which neither may be negative.
func (b *Builder) assertScalar(v frontend.Variable, digits []frontend.Variable, window int, odd frontend.Variable, bound *big.Int) {
	half := len(digits) / 2
	shift := half * window
	low, high := b.recompose(digits[:half], window), b.recompose(digits[half:], window)
	if odd != nil {
		low = b.api.Add(b.api.Mul(low, 2), odd)
		shift++
	}
	b.api.AssertIsEqual(b.api.Add(b.api.Mul(high, power(shift)), low), v)

	last := new(big.Int).Sub(bound, one)
	lastHigh := new(big.Int).Rsh(last, uint(shift))
	lastLow := new(big.Int).Sub(last, new(big.Int).Lsh(lastHigh, uint(shift)))
	borrow := b.hint(borrowHint, 1, low, lastLow)[0]
	b.api.AssertIsBoolean(borrow)
	b.checkBits(b.api.Sub(b.api.Add(lastLow, b.api.Mul(borrow, power(shift))), low), shift)
	b.checkBits(b.api.Sub(lastHigh, high, borrow), lastHigh.BitLen())
}

// oddMultiples are p, 3p, …, 15p.
func (b *Builder) oddMultiples(p Point) [oddMultiples]Point {
	twice := b.double(p)
	multiples := [oddMultiples]Point{p}
	for i := 1; i < oddMultiples; i++ {
		multiples[i] = b.add(multiples[i-1], twice)
	}
	return multiples
}

// lookupOddMultiples gives (2w - 15)p for digits w, and bounds them to [0, 16).
func (b *Builder) lookupOddMultiples(multiples [oddMultiples]Point, digits []frontend.Variable) []Point {
	rows := make([]Point, 2*oddMultiples)
	var inputs []frontend.Variable
	for i, multiple := range multiples {
		rows[oddMultiples+i] = multiple
		rows[oddMultiples-1-i] = b.neg(multiple)
		inputs = append(inputs, multiple.X, multiple.Y)
	}
	found := points(b.hint(oddMultipleHint, pointColumns*len(digits), append(inputs, digits...)...))
	b.newTable(rows).constrain(digits, found)
	return found
}

// lookupBaseMultiples gives w·Base8 for digits w, and bounds them to [0, 256).
func (b *Builder) lookupBaseMultiples(digits []frontend.Variable) []Point {
	if b.lookups.base == nil {
		rows := make([]Point, len(baseMultiples))
		for i, multiple := range baseMultiples {
			rows[i] = constantPoint(multiple)
		}
		b.lookups.base = b.newTable(rows)
	}
	found := points(b.hint(baseMultipleHint, pointColumns*len(digits), digits...))
	b.lookups.base.constrain(digits, found)
	return found
}

func points(coordinates []frontend.Variable) []Point {
	paired := make([]Point, len(coordinates)/pointColumns)
	for i := range paired {
		paired[i] = Point{coordinates[pointColumns*i], coordinates[pointColumns*i+1]}
	}
	return paired
}
