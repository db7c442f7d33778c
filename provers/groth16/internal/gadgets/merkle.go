package gadgets

import (
	"github.com/consensys/gnark/frontend"

	"multiprover/provers/groth16/internal/suite"
)

// Bits decomposes v into n booleans, the least significant first; v is thereby within [0, 2^n), for n up to 252. Each is pinned by being
// boolean, and all by their sum: a number below the modulus has one decomposition.
func (b *Builder) Bits(v frontend.Variable, n int) []frontend.Variable {
	bits := b.hint(digitsHint, n, 0, 1, v)
	for _, bit := range bits {
		b.api.AssertIsBoolean(bit)
	}
	b.api.AssertIsEqual(b.recompose(bits, 1), v)
	return bits
}

// RootFromPath is the root that a leaf gives with its siblings, listed from the leaf up; bits[i] (booleans) says that the digest of level i is a
// right child. 241 constraints a level.
func (b *Builder) RootFromPath(leaf frontend.Variable, bits, siblings []frontend.Variable) frontend.Variable {
	digest := leaf
	for level, sibling := range siblings {
		left := b.api.Add(digest, b.api.Mul(bits[level], b.api.Sub(sibling, digest)))
		right := b.api.Sub(b.api.Add(digest, sibling), left)
		digest = b.Hash(suite.TagNode, 0, left, right)
	}
	return digest
}
