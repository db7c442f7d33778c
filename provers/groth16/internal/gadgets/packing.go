package gadgets

import (
	"github.com/consensys/gnark/frontend"

	"multiprover/provers/groth16/internal/suite"
)

// TypedInt is an integer as it is encoded: value - lo of its type, and its number of 32-bit words.
type TypedInt struct {
	Encoded frontend.Variable
	Words   int
}

// PackTyped packs typed integers as suite.PackTyped does. The packing is one to one only for integers that lie within their words:
// whoever unpacks an element (takes its integers as advice) must constrain them so.
func (b *Builder) PackTyped(ints []TypedInt) []frontend.Variable {
	sizes := make([]int, len(ints))
	for i, v := range ints {
		sizes[i] = v.Words
	}
	var packed []frontend.Variable
	for _, group := range suite.Groups(sizes) {
		packed = append(packed, b.PackGroup(ints[group.First:group.End]))
	}
	return packed
}

// PackGroup packs the integers of one element, the first in the most significant place.
func (b *Builder) PackGroup(ints []TypedInt) frontend.Variable {
	var element frontend.Variable = 0
	for _, v := range ints {
		element = b.api.Add(b.api.Mul(element, power(v.Words*suite.WordBits)), v.Encoded)
	}
	return element
}

// PackWords packs words 7 an element; the last element is filled up with zero words on the right.
func (b *Builder) PackWords(words []frontend.Variable) []frontend.Variable {
	var packed []frontend.Variable
	for first := 0; first < len(words); first += suite.WordsPerElement {
		digits := make([]frontend.Variable, suite.WordsPerElement)
		for i := range digits {
			digits[suite.WordsPerElement-1-i] = 0
			if first+i < len(words) {
				digits[suite.WordsPerElement-1-i] = words[first+i]
			}
		}
		packed = append(packed, b.recompose(digits, suite.WordBits))
	}
	return packed
}

// KeyPart is F of the 8 words of a key part: their big-endian number, reduced.
func (b *Builder) KeyPart(words []frontend.Variable) frontend.Variable {
	digits := make([]frontend.Variable, len(words))
	for i, word := range words {
		digits[len(words)-1-i] = word
	}
	return b.recompose(digits, suite.WordBits)
}

// Commit is c, the commitment to a packed journal.
func (b *Builder) Commit(packed []frontend.Variable) frontend.Variable {
	return b.Hash(suite.TagJournal, 0, packed...)
}

// Evaluate is y = Σ packed[i]·z^i, by Horner's rule.
func (b *Builder) Evaluate(packed []frontend.Variable, z frontend.Variable) frontend.Variable {
	var y frontend.Variable = 0
	for i := len(packed) - 1; i >= 0; i-- {
		y = b.api.Add(b.api.Mul(y, z), packed[i])
	}
	return y
}
