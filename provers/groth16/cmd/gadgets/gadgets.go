package main

import (
	"fmt"
	"math/big"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/frontend"

	"multiprover/provers/groth16/internal/gadgets"
	"multiprover/provers/groth16/internal/suite"
)

// gadget is one to export, with an example.
type gadget struct {
	name    string
	inputs  []input
	outputs int
	define  func(b *gadgets.Builder, in []frontend.Variable) []frontend.Variable
}

// input is an example's value; lo and hi are the range that the gadget relies on, nil for any field element.
type input struct{ value, lo, hi *big.Int }

// typed is a static range.
type typed struct {
	name   string
	lo, hi *big.Int
}

func power(n int) *big.Int { return new(big.Int).Lsh(big.NewInt(1), uint(n)) }

func less(v *big.Int, d int64) *big.Int { return new(big.Int).Sub(v, big.NewInt(d)) }

func unsigned(n int) typed { return typed{fmt.Sprintf("u%d", n), new(big.Int), less(power(n), 1)} }

func signed(n int) typed {
	return typed{fmt.Sprintf("i%d", n), new(big.Int).Neg(power(n - 1)), less(power(n-1), 1)}
}

func between(name string, lo, hi *big.Int) typed { return typed{name, lo, hi} }

// example is a value of a range that is not at its ends.
func (t typed) example(n int64) *big.Int {
	width := new(big.Int).Sub(t.hi, t.lo)
	v := new(big.Int).Mul(width, big.NewInt(n))
	return v.Add(v.Div(v, big.NewInt(7)), t.lo)
}

func (t typed) input(n int64) input { return input{t.example(n), t.lo, t.hi} }

func (t typed) of(v frontend.Variable) gadgets.Integer {
	return gadgets.Integer{V: v, Lo: t.lo, Hi: t.hi}
}

// ranges reach every shape of the integer gadgets: either sign, one bit to the widest, ends at powers of two and not.
var ranges = []typed{
	between("bit", big.NewInt(0), big.NewInt(1)),
	unsigned(32), unsigned(64), unsigned(127), signed(64), signed(128),
	between("-5..1000", big.NewInt(-5), big.NewInt(1000)),
	between("3..2^62+1", big.NewInt(3), new(big.Int).Add(power(62), big.NewInt(1))),
	between("-2^100..2^90+17", new(big.Int).Neg(power(100)), new(big.Int).Add(power(90), big.NewInt(17))),
}

// divisors are positive: of one value, a power of two, narrow, wide.
var divisors = []typed{
	between("7", big.NewInt(7), big.NewInt(7)),
	between("2^20", power(20), power(20)),
	between("1..1000", big.NewInt(1), big.NewInt(1000)),
	between("1..2^64-1", big.NewInt(1), less(power(64), 1)),
	between("1..2^127-1", big.NewInt(1), less(power(127), 1)),
}

func element(n int64) input { return input{value: big.NewInt(1_000_003*n + 17)} }

func elements(n int) []input {
	all := make([]input, n)
	for i := range all {
		all[i] = element(int64(i))
	}
	return all
}

func boolean(v int64) input { return input{big.NewInt(v), big.NewInt(0), big.NewInt(1)} }

type variables = []frontend.Variable

func all() []gadget {
	list := []gadget{
		{"permutation", elements(suite.Width), suite.Width, func(b *gadgets.Builder, in variables) variables {
			state := [suite.Width]frontend.Variable(in)
			b.Permute(&state)
			return state[:]
		}},
		{"path of 3 levels", append([]input{boolean(0), boolean(1), boolean(1)}, elements(4)...), 1, func(b *gadgets.Builder, in variables) variables {
			return variables{b.RootFromPath(in[3], in[:3], in[4:])}
		}},
		{"commitment of 15 words", elements(15), 1, func(b *gadgets.Builder, in variables) variables {
			return variables{b.Commit(b.PackWords(in))}
		}},
		{"evaluation of 15 words", elements(16), 1, func(b *gadgets.Builder, in variables) variables {
			return variables{b.Evaluate(b.PackWords(in[1:]), in[0])}
		}},
		{"key part", elements(suite.KeyWords), 1, func(b *gadgets.Builder, in variables) variables { return variables{b.KeyPart(in)} }},
		{"typed packing", elements(5), 2, func(b *gadgets.Builder, in variables) variables {
			ints := make([]gadgets.TypedInt, len(in))
			for i, v := range in {
				ints[i] = gadgets.TypedInt{Encoded: v, Words: 1 + i%2}
			}
			return b.PackTyped(append(ints, ints[0]))
		}},
		{"zero if enabled", []input{boolean(0), element(1)}, 0, func(b *gadgets.Builder, in variables) variables {
			b.AssertZeroIf(in[0], in[1])
			return nil
		}},
		signature(),
	}
	for m := range 6 {
		list = append(list, gadget{fmt.Sprintf("hash of %d", m), elements(m + 1), 2, func(b *gadgets.Builder, in variables) variables {
			return variables{b.Hash(suite.TagLeaf, 3, in[1:]...), in[0]}
		}})
	}
	for _, n := range []int{1, 20, 64, 252} {
		list = append(list, gadget{fmt.Sprintf("bits %d", n), []input{{value: less(power(n), 1)}}, n, func(b *gadgets.Builder, in variables) variables {
			return b.Bits(in[0], n)
		}})
	}
	for n := 1; n <= 7; n++ {
		list = append(list, gadget{fmt.Sprintf("words %d", n), []input{{value: less(power(32*n), 5)}}, n, func(b *gadgets.Builder, in variables) variables {
			return b.Words(in[0], n)
		}})
		if n <= 2 {
			list = append(list, gadget{fmt.Sprintf("check of %d words", n), []input{{value: less(power(32*n), 5)}}, 0, func(b *gadgets.Builder, in variables) variables {
				b.CheckWords(in[0], n)
				return nil
			}})
		}
	}
	for _, x := range ranges {
		for _, y := range ranges {
			list = append(list, comparisons(x, y)...)
			if fits(x, y) {
				list = append(list, ranged(x, y))
			}
		}
		for _, y := range divisors {
			list = append(list, division(x, y))
		}
	}
	return list
}

// comparisons are LT and EQ.
func comparisons(x, y typed) []gadget {
	inputs := []input{x.input(3), y.input(4)}
	return []gadget{
		{fmt.Sprintf("less %s %s", x.name, y.name), inputs, 1, func(b *gadgets.Builder, in variables) variables {
			return variables{b.Less(x.of(in[0]), y.of(in[1]))}
		}},
		{fmt.Sprintf("equal %s %s", x.name, y.name), inputs, 1, func(b *gadgets.Builder, in variables) variables {
			return variables{b.Equal(x.of(in[0]), y.of(in[1]))}
		}},
	}
}

// fits tells whether a value of x lies in y for some values but not all: else RANGE constrains nothing or everything.
func fits(x, y typed) bool {
	return (x.lo.Cmp(y.lo) < 0 || x.hi.Cmp(y.hi) > 0) && x.example(3).Cmp(y.lo) >= 0 && x.example(3).Cmp(y.hi) <= 0
}

// ranged is RANGE with the words of what is stored.
func ranged(x, y typed) gadget {
	words := (new(big.Int).Sub(y.hi, y.lo).BitLen() + suite.WordBits - 1) / suite.WordBits
	return gadget{fmt.Sprintf("range %s %s", x.name, y.name), []input{x.input(3)}, words, func(b *gadgets.Builder, in variables) variables {
		return b.Range(x.of(in[0]), y.lo, y.hi, words)
	}}
}

func division(x, y typed) gadget {
	return gadget{fmt.Sprintf("divmod %s %s", x.name, y.name), []input{x.input(5), y.input(2)}, 2, func(b *gadgets.Builder, in variables) variables {
		quotient, remainder := b.DivMod(x.of(in[0]), y.of(in[1]))
		return variables{quotient, remainder}
	}}
}

// signature is the whole check of one: its witness, down to every digit and point, must be the only one.
func signature() gadget {
	secret, nonce := big.NewInt(123_456_789), big.NewInt(987_654_321)
	a, r := suite.Base8.Mul(secret), suite.Base8.Mul(nonce)
	var digest, counter fr.Element
	digest.SetUint64(31_337)
	counter.SetUint64(5)
	key := suite.Hash(suite.TagPublicKey, 0, a.X, a.Y)
	h := suite.Hash(suite.TagChallenge, 0, r.X, r.Y, key, digest, counter)
	s := h.BigInt(new(big.Int))
	s.Mod(s.Add(s.Mul(s, secret), nonce), suite.SubgroupOrder)
	inputs := []input{boolean(1)}
	for _, e := range []fr.Element{key, digest, counter, a.X, a.Y, r.X, r.Y} {
		inputs = append(inputs, input{value: e.BigInt(new(big.Int))})
	}
	return gadget{"signature", append(inputs, input{value: s}), 0, func(b *gadgets.Builder, in variables) variables {
		b.AssertSignature(in[0], in[1], in[2], in[3], gadgets.Signature{
			A: gadgets.Point{X: in[4], Y: in[5]}, R: gadgets.Point{X: in[6], Y: in[7]}, S: in[8],
		})
		return nil
	}}
}
