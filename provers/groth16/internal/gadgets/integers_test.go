package gadgets

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/consensys/gnark/constraint"
	"github.com/consensys/gnark/frontend"
)

func TestWords(t *testing.T) {
	system := compile(t, 3, func(b *Builder, in []frontend.Variable) {
		words := b.Words(in[0], 2)
		b.api.AssertIsEqual(words[0], in[1])
		b.api.AssertIsEqual(words[1], in[2])
	})
	for _, v := range []uint64{0, 1, 1<<32 - 1, 1 << 32, 1<<64 - 1, 0x0123456789abcdef} {
		words := []*big.Int{new(big.Int).SetUint64(v), new(big.Int).SetUint64(v >> 32), new(big.Int).SetUint64(v & (1<<32 - 1))}
		if err := solve(t, system, words, nil); err != nil {
			t.Errorf("%#x: %v", v, err)
		}
	}
	// The same sum with a limb of more than 32 bits.
	v := new(big.Int).SetUint64(3<<32 | 5)
	lie := func(high, low *big.Int) map[string]hintFunction {
		return map[string]hintFunction{"digitsHint": func(_ *big.Int, _, out []*big.Int) error {
			out[0].Set(field(low))
			out[1].Set(field(high))
			return nil
		}}
	}
	for _, c := range [][2]*big.Int{{big.NewInt(2), big.NewInt(1<<32 + 5)}, {big.NewInt(4), big.NewInt(5 - 1<<32)}, {big.NewInt(0), v}} {
		refused(t, solve(t, system, []*big.Int{v, field(c[0]), field(c[1])}, lie(c[0], c[1])), fmt.Sprintf("words %v", c))
	}
	refused(t, solve(t, system, []*big.Int{power(64), power(32), new(big.Int)}, nil), "65 bits")

	single := compile(t, 1, func(b *Builder, in []frontend.Variable) { b.Words(in[0], 1) })
	if err := solve(t, single, []*big.Int{pow(1, 32, -1)}, nil); err != nil {
		t.Error(err)
	}
	refused(t, solve(t, single, []*big.Int{power(32)}, nil), "a word of 33 bits")
}

func TestBits(t *testing.T) {
	const depth = 20
	system := compile(t, depth+1, func(b *Builder, in []frontend.Variable) {
		for i, bit := range b.Bits(in[0], depth) {
			b.api.AssertIsEqual(bit, in[1+i])
		}
	})
	inputs := func(v int64, bits ...int64) []*big.Int {
		list := []*big.Int{big.NewInt(v)}
		for i := range depth {
			bit := v >> i & 1
			if i < len(bits) {
				bit = bits[i]
			}
			list = append(list, field(big.NewInt(bit)))
		}
		return list
	}
	for _, v := range []int64{0, 1, 1<<depth - 1, 0x5a5a5} {
		if err := solve(t, system, inputs(v), nil); err != nil {
			t.Errorf("%d: %v", v, err)
		}
	}
	for what, list := range map[string][]*big.Int{
		"a wrong bit": inputs(4, 1), "bits that only add up": inputs(4, 2, 1), "a negative bit": inputs(4, -2, 1), "a bit too many": inputs(1 << depth),
	} {
		lie := map[string]hintFunction{"digitsHint": func(_ *big.Int, _, out []*big.Int) error {
			for i := range out {
				out[i].Set(list[1+i])
			}
			return nil
		}}
		refused(t, solve(t, system, list, lie), what)
	}
}

// TestRange tries the bounds and what lies beside them, for values that the static range lets be anywhere.
func TestRange(t *testing.T) {
	top := pow(1, 127, -1)
	bottom := pow(-1, 127, 0)
	for _, c := range []struct {
		lo, hi             *big.Int // the range
		staticLo, staticHi *big.Int
		words              int
	}{
		{new(big.Int), pow(1, 64, -1), bottom, top, 0},
		{new(big.Int), pow(1, 64, -1), bottom, top, 2},
		{pow(-1, 63, 0), pow(1, 63, -1), bottom, top, 2},
		{new(big.Int), pow(1, 32, -1), bottom, top, 1},
		{new(big.Int), big.NewInt(1), new(big.Int), pow(1, 32, -1), 0},
		{new(big.Int), big.NewInt(1), bottom, top, 0},
		{new(big.Int), big.NewInt(1_000_000), bottom, top, 1},
		{big.NewInt(-5), big.NewInt(1_000_000_000_007), bottom, top, 2},
		{big.NewInt(-5), big.NewInt(1_000_000_000_007), big.NewInt(-5), top, 2},
		{new(big.Int), big.NewInt(99), new(big.Int), pow(1, 100, 0), 0},
		{big.NewInt(-7), top, bottom, top, 0},
		{bottom, big.NewInt(-7), bottom, top, 0},
		{pow(-1, 126, 0), pow(1, 126, 0), bottom, top, 0},
		{new(big.Int), new(big.Int), bottom, top, 0},
		{big.NewInt(5), big.NewInt(5), big.NewInt(0), big.NewInt(9), 0},
	} {
		name := fmt.Sprintf("[%d, %d] of [%d, %d], %d words", c.lo, c.hi, c.staticLo, c.staticHi, c.words)
		system := compile(t, 1+c.words, func(b *Builder, in []frontend.Variable) {
			words := b.Range(Integer{in[0], c.staticLo, c.staticHi}, c.lo, c.hi, c.words)
			for i, word := range words {
				b.api.AssertIsEqual(word, in[1+i])
			}
		})
		for _, v := range []*big.Int{
			c.lo, c.hi, new(big.Int).Add(c.lo, one), new(big.Int).Sub(c.hi, one), new(big.Int).Sub(c.lo, one), new(big.Int).Add(c.hi, one),
			c.staticLo, c.staticHi, new(big.Int), one, new(big.Int).Neg(one), pow(1, 64, 0), pow(-1, 64, 0),
		} {
			if v.Cmp(c.staticLo) < 0 || v.Cmp(c.staticHi) > 0 {
				continue
			}
			encoded := new(big.Int).Sub(v, c.lo)
			inputs := []*big.Int{field(v)}
			for i := range c.words {
				word := new(big.Int).Rsh(encoded, uint(32*(c.words-1-i)))
				inputs = append(inputs, word.And(word, pow(1, 32, -1)))
			}
			err := solve(t, system, inputs, nil)
			if v.Cmp(c.lo) >= 0 && v.Cmp(c.hi) <= 0 {
				if err != nil {
					t.Errorf("%s: %d: %v", name, v, err)
				}
			} else {
				refused(t, err, fmt.Sprintf("%s: %d", name, v))
			}
		}
	}
}

func TestEqual(t *testing.T) {
	bottom, top := pow(-1, 127, 0), pow(1, 127, -1)
	system := compile(t, 3, func(b *Builder, in []frontend.Variable) {
		b.api.AssertIsEqual(b.Equal(Integer{in[0], bottom, top}, Integer{in[1], bottom, top}), in[2])
	})
	values := []*big.Int{bottom, top, new(big.Int), one, big.NewInt(-1), pow(1, 64, 0)}
	for _, x := range values {
		for _, y := range values {
			equal := new(big.Int)
			if x.Cmp(y) == 0 {
				equal = one
			}
			inputs := []*big.Int{field(x), field(y), equal}
			if err := solve(t, system, inputs, nil); err != nil {
				t.Errorf("%d = %d: %v", x, y, err)
			}
			inputs[2] = new(big.Int).Sub(one, equal)
			for _, inverse := range []*big.Int{new(big.Int), one} {
				lie := map[string]hintFunction{"InvZeroHint": func(_ *big.Int, _, out []*big.Int) error { out[0].Set(inverse); return nil }}
				refused(t, solve(t, system, inputs, lie), fmt.Sprintf("%d = %d", x, y))
			}
		}
	}
}

func lessSystem(t *testing.T, x, y [2]*big.Int) constraint.ConstraintSystem {
	t.Helper()
	return compile(t, 3, func(b *Builder, in []frontend.Variable) {
		b.api.AssertIsEqual(b.Less(Integer{in[0], x[0], x[1]}, Integer{in[1], y[0], y[1]}), in[2])
	})
}

func TestLess(t *testing.T) {
	bottom, top := pow(-1, 127, 0), pow(1, 127, -1)
	for _, ranges := range [][2][2]*big.Int{
		{{bottom, top}, {bottom, top}},
		{{new(big.Int), pow(1, 64, -1)}, {new(big.Int), pow(1, 64, -1)}},
		{{new(big.Int), pow(1, 32, -1)}, {bottom, top}},
		{{big.NewInt(-3), big.NewInt(8)}, {big.NewInt(0), big.NewInt(4)}},
		{{big.NewInt(0), big.NewInt(1)}, {big.NewInt(1), big.NewInt(1)}},
	} {
		x, y := ranges[0], ranges[1]
		system := lessSystem(t, x, y)
		for _, v := range inside(x) {
			for _, w := range inside(y) {
				less := new(big.Int)
				if v.Cmp(w) < 0 {
					less = one
				}
				inputs := []*big.Int{field(v), field(w), less}
				if err := solve(t, system, inputs, nil); err != nil {
					t.Errorf("%d < %d: %v", v, w, err)
				}
				// Any field element can be made to fit the check of bits alone: (t - d) / 2^n, for t in [0, 2^n).
				fraction := new(big.Int).Sub(w, v)
				bits := max(new(big.Int).Sub(y[1], new(big.Int).Add(x[0], one)).BitLen(), new(big.Int).Sub(x[1], y[0]).BitLen())
				fraction.Mul(fraction.Add(fraction, one), new(big.Int).ModInverse(power(bits), modulus))
				for _, wrong := range []*big.Int{new(big.Int).Sub(one, less), two, field(big.NewInt(-1)), field(fraction)} {
					if wrong.Cmp(less) == 0 {
						continue // a fraction may be the honest answer
					}
					inputs[2] = wrong
					lie := map[string]hintFunction{"lessHint": func(_ *big.Int, _, out []*big.Int) error { out[0].Set(wrong); return nil }}
					refused(t, solve(t, system, inputs, lie), fmt.Sprintf("%d < %d is %d", v, w, wrong))
				}
			}
		}
	}
}

// inside are values of a range: its ends, what lies beside them, and around 0.
func inside(r [2]*big.Int) (values []*big.Int) {
	for _, v := range []*big.Int{
		r[0], new(big.Int).Add(r[0], one), new(big.Int).Sub(r[1], one), r[1], big.NewInt(-1), new(big.Int), one, pow(1, 64, 0),
	} {
		if v.Cmp(r[0]) >= 0 && v.Cmp(r[1]) <= 0 {
			values = append(values, v)
		}
	}
	return values
}

// TestDivMod divides at the ends of ranges of every kind, and lies about quotient and remainder in every way that keeps the sum in the field.
func TestDivMod(t *testing.T) {
	bottom, top := pow(-1, 127, 0), pow(1, 127, -1)
	random := rand.New(rand.NewPCG(3, 4))
	for _, c := range []struct {
		x, y [2]*big.Int
		wide bool
	}{
		{[2]*big.Int{new(big.Int), pow(1, 64, -1)}, [2]*big.Int{one, pow(1, 32, -1)}, false},
		{[2]*big.Int{bottom, top}, [2]*big.Int{big.NewInt(1000), big.NewInt(1000)}, false},
		{[2]*big.Int{bottom, top}, [2]*big.Int{power(32), power(32)}, false},
		{[2]*big.Int{pow(-1, 63, 0), pow(1, 63, -1)}, [2]*big.Int{one, pow(1, 63, -1)}, false},
		{[2]*big.Int{bottom, big.NewInt(-5)}, [2]*big.Int{big.NewInt(3), big.NewInt(7)}, false},
		{[2]*big.Int{bottom, top}, [2]*big.Int{one, one}, false},
		{[2]*big.Int{bottom, top}, [2]*big.Int{one, top}, true},
		{[2]*big.Int{new(big.Int), top}, [2]*big.Int{one, top}, true},
		{[2]*big.Int{bottom, big.NewInt(-1)}, [2]*big.Int{one, top}, true},
	} {
		name := fmt.Sprintf("[%d, %d] / [%d, %d]", c.x[0], c.x[1], c.y[0], c.y[1])
		system := compile(t, 4, func(b *Builder, in []frontend.Variable) {
			quotient, remainder := b.DivMod(Integer{in[0], c.x[0], c.x[1]}, Integer{in[1], c.y[0], c.y[1]})
			b.api.AssertIsEqual(quotient, in[2])
			b.api.AssertIsEqual(remainder, in[3])
		})
		divisors := inside(c.y)
		for _, x := range append(inside(c.x), draw(random, c.x), draw(random, c.x)) {
			for _, y := range append(divisors, draw(random, c.y)) {
				if y.Sign() <= 0 {
					continue
				}
				quotient, remainder := new(big.Int).DivMod(x, y, new(big.Int))
				if err := solve(t, system, []*big.Int{field(x), field(y), field(quotient), remainder}, nil); err != nil {
					t.Errorf("%s: %d / %d: %v", name, x, y, err)
				}
			}
		}
		if c.y[1].Cmp(one) == 0 {
			continue // nothing is advised
		}
		for range 3 {
			divisionLies(t, name, system, draw(random, c.x), draw(random, c.y), c.wide)
		}
		divisionLies(t, name, system, c.x[1], c.y[1], c.wide)
		if c.y[1].BitLen() > 100 {
			divisionLies(t, name, system, draw(random, c.x), power(70), c.wide)
		}
	}
}

func draw(random *rand.Rand, r [2]*big.Int) *big.Int {
	width := new(big.Int).Sub(r[1], r[0])
	v := new(big.Int)
	for range 3 {
		v.Lsh(v, 64).Add(v, new(big.Int).SetUint64(random.Uint64()))
	}
	return v.Add(v.Mod(v, width.Add(width, one)), r[0])
}

// division is an answer to x / y: as a quotient, or, for the wide form, in limbs of any size.
type division struct{ quotient, remainder, low, high *big.Int }

// split is a quotient in honest limbs, the last of any size.
func split(quotient, remainder *big.Int) division {
	high := new(big.Int).Rsh(quotient, quotientLimb)
	return division{quotient, remainder, new(big.Int).Sub(quotient, new(big.Int).Lsh(high, quotientLimb)), high}
}

// divisionLies tries other quotients and remainders for which quotient·y + remainder is x in the field.
func divisionLies(t *testing.T, name string, system constraint.ConstraintSystem, x, y *big.Int, wide bool) {
	t.Helper()
	inverse := new(big.Int).ModInverse(y, modulus)
	dividend, flipped := x, false
	if wide && x.Sign() < 0 { // the wide form divides -x - 1
		dividend, flipped = new(big.Int).Not(x), true
	}
	quotient, remainder := new(big.Int).DivMod(dividend, y, new(big.Int))
	lies := map[string]division{
		"quotient + 1": split(new(big.Int).Add(quotient, one), new(big.Int).Sub(remainder, y)),
	}
	if quotient.Sign() > 0 || !wide {
		lies["quotient - 1"] = split(new(big.Int).Sub(quotient, one), new(big.Int).Add(remainder, y))
	}
	if y.Cmp(one) > 0 {
		lies["quotient + 1 alone"] = split(new(big.Int).Add(quotient, one), remainder)
		// A remainder in range with a quotient from the field, in one limb or in two.
		r := new(big.Int).Mod(new(big.Int).Add(remainder, one), y)
		q := new(big.Int).Sub(dividend, r)
		q.Mul(q, inverse).Mod(q, modulus)
		lies["a quotient from the field"] = split(q, r)
		lies["a low limb from the field"] = division{q, r, q, new(big.Int)}
	}
	// The quotient of dividend + k·r, which is in range where the product may wrap.
	for k := int64(1); k < 4; k++ {
		wrapped := new(big.Int).Mul(modulus, big.NewInt(k))
		q, r := wrapped.DivMod(wrapped.Add(wrapped, dividend), y, new(big.Int))
		lies[fmt.Sprintf("the quotient of x + %d·r", k)] = split(q, r)
	}
	// A high limb from the field whose product with y is 1, and the low limb of what is left.
	if rest := new(big.Int).Sub(dividend, power(quotientLimb)); rest.Sign() >= 0 {
		low, r := new(big.Int).DivMod(rest, y, new(big.Int))
		q := new(big.Int).Mul(inverse, power(quotientLimb))
		lies["a high limb from the field"] = division{field(q.Add(q, low)), r, low, inverse}
	}
	for what, lie := range lies {
		sameLimbs := !wide || lie.high.Cmp(new(big.Int).Rsh(quotient, quotientLimb)) == 0
		if sameLimbs && field(lie.quotient).Cmp(field(quotient)) == 0 && lie.remainder.Cmp(remainder) == 0 {
			continue // some lies are the truth for some numbers
		}
		overrides := map[string]hintFunction{"divModHint": func(_ *big.Int, _, out []*big.Int) error {
			out[0].Set(field(lie.quotient))
			out[1].Set(field(lie.remainder))
			return nil
		}}
		if wide {
			overrides["digitsHint"] = func(_ *big.Int, _, out []*big.Int) error {
				out[0].Set(field(lie.low))
				out[1].Set(field(lie.high))
				return nil
			}
		}
		q, r := lie.quotient, lie.remainder
		if flipped {
			q, r = new(big.Int).Not(q), new(big.Int).Sub(new(big.Int).Sub(y, one), r)
		}
		inputs := []*big.Int{field(x), field(y), field(q), field(r)}
		refused(t, solve(t, system, inputs, overrides), fmt.Sprintf("%s: %d / %d: %s", name, x, y, what))
	}
}
