package gadgets

import (
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/frontend"

	"multiprover/provers/groth16/internal/suite"
)

// Permute is Poseidon2, t = 3 (docs/suites.md §2): 240 constraints, three for each fifth power.
func (b *Builder) Permute(state *[suite.Width]frontend.Variable) {
	b.externalLayer(state)
	for round := range suite.ExternalRounds / 2 {
		b.externalRound(state, round)
	}
	for round := range suite.InternalRounds {
		state[0] = b.quintic(b.api.Add(state[0], suite.Constants.Internal[round]))
		b.internalLayer(state)
	}
	for round := suite.ExternalRounds / 2; round < suite.ExternalRounds; round++ {
		b.externalRound(state, round)
	}
}

func (b *Builder) externalRound(state *[suite.Width]frontend.Variable, round int) {
	for i := range state {
		state[i] = b.quintic(b.api.Add(state[i], suite.Constants.External[round][i]))
	}
	b.externalLayer(state)
}

func (b *Builder) quintic(x frontend.Variable) frontend.Variable {
	square := b.api.Mul(x, x)
	return b.api.Mul(b.api.Mul(square, square), x)
}

func (b *Builder) externalLayer(state *[suite.Width]frontend.Variable) {
	sum := b.api.Add(state[0], state[1], state[2])
	for i := range state {
		state[i] = b.api.Add(state[i], sum)
	}
}

func (b *Builder) internalLayer(state *[suite.Width]frontend.Variable) {
	sum := b.api.Add(state[0], state[1], state[2])
	state[0] = b.api.Add(state[0], sum)
	state[1] = b.api.Add(state[1], sum)
	state[2] = b.api.Add(state[2], state[2], sum)
}

// Hash is H(tag, aux; elements) of docs/suites.md §2: one permutation for two elements.
func (b *Builder) Hash(tag suite.Tag, aux uint32, elements ...frontend.Variable) frontend.Variable {
	state := [suite.Width]frontend.Variable{0, 0, constant(tag.Domain(aux, len(elements)))}
	for i := 0; i == 0 || i < len(elements); i += 2 {
		for j := i; j < min(i+2, len(elements)); j++ {
			state[j-i] = b.api.Add(state[j-i], elements[j])
		}
		b.Permute(&state)
	}
	return state[0]
}

func constant(e fr.Element) frontend.Variable { return e }
