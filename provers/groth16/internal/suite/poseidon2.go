// Package suite is the bn254 suite of docs/suites.md, natively: field elements, Poseidon2, the hashes of leaves, nodes and roots,
// BabyJubJub signatures, and the binding of a journal. The circuit's twin of each function is in package gadgets.
package suite

import (
	"encoding/hex"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// Parameters of the permutation (docs/suites.md §2).
const (
	Width          = 3
	ExternalRounds = 8
	InternalRounds = 56
)

// Constants are the round constants as field elements; they are never written after start.
var Constants = struct {
	External [ExternalRounds][Width]fr.Element
	Internal [InternalRounds]fr.Element
}{
	External: parseExternal(),
	Internal: parseInternal(),
}

func parseExternal() (constants [ExternalRounds][Width]fr.Element) {
	for round, row := range externalConstants {
		for i, text := range row {
			constants[round][i] = parseConstant(text)
		}
	}
	return constants
}

func parseInternal() (constants [InternalRounds]fr.Element) {
	for round, text := range internalConstants {
		constants[round] = parseConstant(text)
	}
	return constants
}

func parseConstant(text string) fr.Element {
	raw, err := hex.DecodeString(text)
	if err != nil {
		panic("suite: round constant " + text + " is not hex")
	}
	var e fr.Element
	if err := e.SetBytesCanonical(raw); err != nil {
		panic("suite: round constant " + text + " is not a field element")
	}
	return e
}

// Permute applies Poseidon2 to the state in place.
//
// Source: eprint 2023/323 §6; for t = 3 the external matrix is circ(2, 1, 1) and the internal one is 1 + diag(1, 1, 2).
func Permute(state *[Width]fr.Element) {
	externalLayer(state)
	for round := range ExternalRounds / 2 {
		externalRound(state, round)
	}
	for round := range InternalRounds {
		state[0].Add(&state[0], &Constants.Internal[round])
		quintic(&state[0])
		internalLayer(state)
	}
	for round := ExternalRounds / 2; round < ExternalRounds; round++ {
		externalRound(state, round)
	}
}

func externalRound(state *[Width]fr.Element, round int) {
	for i := range state {
		state[i].Add(&state[i], &Constants.External[round][i])
		quintic(&state[i])
	}
	externalLayer(state)
}

func quintic(x *fr.Element) {
	var fourth fr.Element
	fourth.Square(x)
	fourth.Square(&fourth)
	x.Mul(x, &fourth)
}

func externalLayer(state *[Width]fr.Element) {
	sum := stateSum(state)
	for i := range state {
		state[i].Add(&state[i], &sum)
	}
}

func internalLayer(state *[Width]fr.Element) {
	sum := stateSum(state)
	state[2].Double(&state[2])
	for i := range state {
		state[i].Add(&state[i], &sum)
	}
}

func stateSum(state *[Width]fr.Element) (sum fr.Element) {
	sum.Add(&state[0], &state[1])
	sum.Add(&sum, &state[2])
	return sum
}
