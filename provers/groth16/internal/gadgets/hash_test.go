package gadgets

import (
	"fmt"
	"math/big"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/frontend"

	"multiprover/provers/groth16/internal/suite"
)

func integerOf(e fr.Element) *big.Int { return e.BigInt(new(big.Int)) }

func elements(n int) (list []fr.Element) {
	seed := fr.NewElement(7)
	for range n {
		seed.Square(&seed).Add(&seed, &suite.CurveA)
		list = append(list, seed)
	}
	return list
}

// TestHash compares the circuit's hash with the native one, which the published vector pins, and refuses another digest.
func TestHash(t *testing.T) {
	for n := range 6 {
		system := compile(t, n+1, func(b *Builder, in []frontend.Variable) {
			b.api.AssertIsEqual(b.Hash(suite.TagLeaf, 3, in[1:]...), in[0])
		})
		list := elements(n)
		inputs := []*big.Int{integerOf(suite.Hash(suite.TagLeaf, 3, list...))}
		for _, e := range list {
			inputs = append(inputs, integerOf(e))
		}
		if err := solve(t, system, inputs, nil); err != nil {
			t.Errorf("%d elements: %v", n, err)
		}
		inputs[0] = new(big.Int).Add(inputs[0], one)
		if n > 0 {
			refused(t, solve(t, system, inputs, nil), fmt.Sprintf("%d elements", n))
		}
	}
}

func TestPermutationSize(t *testing.T) {
	system := func(n int) int {
		return compile(t, 3, func(b *Builder, in []frontend.Variable) {
			state := [suite.Width]frontend.Variable{in[0], in[1], in[2]}
			for range n {
				b.Permute(&state)
			}
		}).GetNbConstraints()
	}
	if cost := system(2) - system(1); cost != 240 {
		t.Errorf("expected 240 constraints, found %d", cost)
	}
}

// TestRootFromPath checks a path of either side, and that no other path, side, sibling or leaf leads to the root.
func TestRootFromPath(t *testing.T) {
	const depth, index = 4, 0b0110
	system := compile(t, 3+depth, func(b *Builder, in []frontend.Variable) {
		bits := b.Bits(in[1], depth)
		b.api.AssertIsEqual(b.RootFromPath(in[0], bits, in[3:]), in[2])
	})
	list := elements(1 + depth)
	root := suite.RootFromPath(list[0], index, list[1:])
	honest := func() []*big.Int {
		inputs := []*big.Int{integerOf(list[0]), big.NewInt(index), integerOf(root)}
		for _, sibling := range list[1:] {
			inputs = append(inputs, integerOf(sibling))
		}
		return inputs
	}
	if err := solve(t, system, honest(), nil); err != nil {
		t.Fatal(err)
	}
	for i := range honest() {
		inputs := honest()
		inputs[i] = new(big.Int).Xor(inputs[i], one)
		refused(t, solve(t, system, inputs, nil), fmt.Sprintf("input %d changed", i))
	}
	swapped := honest()
	swapped[0], swapped[3] = swapped[3], swapped[0]
	refused(t, solve(t, system, swapped, nil), "leaf and sibling swapped")
	// A bit that is not boolean mixes the two sides.
	lie := map[string]hintFunction{"digitsHint": func(_ *big.Int, _, out []*big.Int) error {
		for i, bit := range []int64{2, 0, 1, 0} {
			out[i].SetInt64(bit)
		}
		return nil
	}}
	refused(t, solve(t, system, honest(), lie), "a bit of 2")
}

func TestPackWords(t *testing.T) {
	for _, n := range []int{1, 6, 7, 8, 20} {
		words := make([]uint32, n)
		for i := range words {
			words[i] = uint32(0xfffffff0 + i)
		}
		packed := suite.PackWords(words)
		z := fr.NewElement(12345)
		system := compile(t, n+1+len(packed), func(b *Builder, in []frontend.Variable) {
			found := b.PackWords(in[:n])
			if len(found) != len(packed) {
				t.Fatalf("expected %d elements, found %d", len(packed), len(found))
			}
			for i, e := range found {
				b.api.AssertIsEqual(e, in[n+1+i])
			}
			b.api.AssertIsEqual(b.Evaluate(found, constant(z)), in[n])
		})
		var inputs []*big.Int
		for _, word := range words {
			inputs = append(inputs, new(big.Int).SetUint64(uint64(word)))
		}
		inputs = append(inputs, integerOf(suite.Evaluate(words, z)))
		for _, e := range packed {
			inputs = append(inputs, integerOf(e))
		}
		if err := solve(t, system, inputs, nil); err != nil {
			t.Errorf("%d words: %v", n, err)
		}
	}
}
