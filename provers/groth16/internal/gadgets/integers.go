package gadgets

import (
	"math/big"

	"github.com/consensys/gnark/frontend"
)

// Integer is a variable that stands for an integer within the static range [Lo, Hi], which lies within ±2^127 (docs/program.md §1).
// A negative value is its residue modulo the field's order.
type Integer struct {
	V      frontend.Variable
	Lo, Hi *big.Int
}

// Constant is an integer known when the circuit is made.
func Constant(v *big.Int) Integer { return Integer{V: v, Lo: v, Hi: v} }

// Words decomposes a value within [0, 2^(32n)), n up to 7, into 32-bit words, the most significant first. The words are pinned by their range and
// their sum.
func (b *Builder) Words(v frontend.Variable, n int) []frontend.Variable {
	if n == 1 {
		b.checkBits(v, int(wordLen))
		return []frontend.Variable{v}
	}
	digits := b.hint(digitsHint, n, 0, wordLen, v)
	for _, digit := range digits {
		b.checkBits(digit, int(wordLen))
	}
	b.api.AssertIsEqual(b.recompose(digits, int(wordLen)), v)
	words := make([]frontend.Variable, n)
	for i, digit := range digits {
		words[n-1-i] = digit
	}
	return words
}

// CheckWords constrains an encoded integer to its number of 32-bit words.
func (b *Builder) CheckWords(v frontend.Variable, n int) { b.checkBits(v, n*int(wordLen)) }

// Range constrains lo <= v <= hi, where 0 <= hi - lo < 2^128. Each side that the static range leaves open is one check of bits: the
// distance from the bound, which lies within ±2^129, is a field element below 2^n only if it is that integer.
//
// If words is positive, hi - lo < 2^(32·words), and Range gives the words of v - lo, the most significant first; two words bound it themselves.
func (b *Builder) Range(v Integer, lo, hi *big.Int, words int) []frontend.Variable {
	width := new(big.Int).Sub(hi, lo)
	bits := width.BitLen()
	exact := power(bits).Cmp(new(big.Int).Add(width, one)) == 0 // [0, 2^bits) is the whole range
	above, below := b.api.Sub(v.V, lo), b.api.Sub(hi, v.V)
	openLow, openHigh := v.Lo.Cmp(lo) < 0, v.Hi.Cmp(hi) > 0

	if words > 1 {
		parts := b.Words(above, words)
		if openHigh && !(exact && bits == words*int(wordLen)) {
			b.checkBits(below, bits)
		}
		return parts
	}
	switch {
	case openLow && openHigh:
		b.checkBits(above, bits)
		if !exact {
			b.checkBits(below, bits)
		}
	case openLow:
		b.checkBits(above, span(lo, v.Hi))
	case openHigh:
		b.checkBits(below, span(v.Lo, hi))
	}
	if words == 0 {
		return nil
	}
	return []frontend.Variable{above}
}

// span is the number of bits of hi - lo, 0 if it is negative.
func span(lo, hi *big.Int) int {
	width := new(big.Int).Sub(hi, lo)
	if width.Sign() < 0 {
		return 0
	}
	return width.BitLen()
}

// Equal is 1 if a = b, else 0: the difference of two values lies within ±2^128 and is a multiple of the field's order only if it is 0.
func (b *Builder) Equal(x, y Integer) frontend.Variable { return b.api.IsZero(b.api.Sub(x.V, y.V)) }

// Less is 1 if x < y, else 0. With d = x - y within [-2^n, 2^n), n <= 128, the advice is pinned by 0 <= d + less·2^n < 2^n.
func (b *Builder) Less(x, y Integer) frontend.Variable {
	least, greatest := new(big.Int).Sub(x.Lo, y.Hi), new(big.Int).Sub(x.Hi, y.Lo)
	if greatest.Sign() < 0 {
		return 1
	}
	if least.Sign() >= 0 {
		return 0
	}
	bits := max(new(big.Int).Sub(new(big.Int).Neg(least), one).BitLen(), greatest.BitLen())
	difference := b.api.Sub(x.V, y.V)
	less := b.hint(lessHint, 1, difference)[0]
	b.api.AssertIsBoolean(less)
	b.checkBits(b.api.Add(difference, b.api.Mul(less, power(bits))), bits)
	return less
}

// DivMod is floor(x / y) and x - y·floor(x / y), for y.Lo >= 1.
//
// Advice q and r is pinned by x = q·y + r and 0 <= r < y, if both sides are equal as integers and not just modulo the field's order.
// They are, where the ranges that q and r are held to keep |q·y + r - x| below the order; else divModWide holds the product itself.
func (b *Builder) DivMod(x, y Integer) (quotient, remainder frontend.Variable) {
	if y.Hi.Cmp(one) == 0 {
		return x.V, 0
	}
	// The quotient's static range, docs/program.md §3.
	least, greatest := floorDiv(x.Lo, y.Lo), floorDiv(x.Hi, y.Lo)
	if x.Lo.Sign() >= 0 {
		least = floorDiv(x.Lo, y.Hi)
	}
	if x.Hi.Sign() < 0 {
		greatest = floorDiv(x.Hi, y.Hi)
	}
	bits := span(least, greatest)

	// The check of bits lets q up to least + 2^bits - 1.
	furthest := new(big.Int).Add(least, power(bits))
	product := new(big.Int).Mul(maxAbs(least, furthest), y.Hi)
	product.Add(product, new(big.Int).Lsh(y.Hi, 1))
	product.Add(product, maxAbs(x.Lo, x.Hi))
	if product.Cmp(modulus) >= 0 {
		return b.divModWide(x, y)
	}

	advice := b.hint(divModHint, 2, x.V, y.V)
	quotient, remainder = advice[0], advice[1]
	b.checkBits(b.api.Sub(quotient, least), bits)
	b.api.AssertIsEqual(b.api.Mul(quotient, y.V), b.api.Sub(x.V, remainder))
	b.checkRemainder(remainder, y)
	return quotient, remainder
}

// checkRemainder constrains 0 <= remainder < y.
func (b *Builder) checkRemainder(remainder frontend.Variable, y Integer) {
	last := new(big.Int).Sub(y.Hi, one)
	bits := last.BitLen()
	b.checkBits(remainder, bits)
	if y.Lo.Cmp(y.Hi) == 0 && power(bits).Cmp(y.Hi) == 0 {
		return // a power of two: the bits are the bound
	}
	b.checkBits(b.api.Sub(y.V, 1, remainder), bits)
}

// quotientLimb is the size of the limbs of a wide quotient.
const quotientLimb = 64

// divModWide is DivMod for ranges where q·y may exceed the field's order. A negative x is divided through
// floor(x / y) = -1 - floor((-x-1) / y), so that what is divided is m in [0, 2^127). The quotient is q1·2^64 + q0; y·q1 < 2^127·2^64 does not wrap, and
// is held below 2^64, after which m = (y·q1)·2^64 + y·q0 + r does not wrap either.
func (b *Builder) divModWide(x, y Integer) (quotient, remainder frontend.Variable) {
	negative := b.Less(x, Constant(new(big.Int)))
	dividend := b.api.Add(x.V, b.api.Mul(negative, b.api.Sub(b.api.Mul(x.V, -2), 1)))

	advice := b.hint(divModHint, 2, dividend, y.V)
	remainder = advice[1]
	limbs := b.hint(digitsHint, 2, 0, quotientLimb, advice[0])
	b.checkBits(limbs[0], quotientLimb)
	b.checkBits(limbs[1], quotientLimb)
	high := b.api.Mul(limbs[1], y.V)
	b.checkBits(high, quotientLimb)
	low := b.api.Mul(limbs[0], y.V)
	b.api.AssertIsEqual(b.api.Add(b.api.Mul(high, power(quotientLimb)), low, remainder), dividend)
	b.checkRemainder(remainder, y)
	quotient = b.recompose(limbs, quotientLimb)

	quotient = b.api.Add(quotient, b.api.Mul(negative, b.api.Sub(b.api.Mul(quotient, -2), 1)))
	remainder = b.api.Add(remainder, b.api.Mul(negative, b.api.Sub(y.V, 1, b.api.Mul(remainder, 2))))
	return quotient, remainder
}

// floorDiv is floor(a / b) for b >= 1.
func floorDiv(a, b *big.Int) *big.Int { return new(big.Int).Div(a, b) }

func maxAbs(a, b *big.Int) *big.Int {
	if a.CmpAbs(b) > 0 {
		return new(big.Int).Abs(a)
	}
	return new(big.Int).Abs(b)
}
