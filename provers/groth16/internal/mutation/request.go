package mutation

import (
	"fmt"
	"slices"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/frontend"

	"multiprover/provers/groth16/internal/execution"
	"multiprover/provers/groth16/internal/lowering"
	"multiprover/provers/groth16/internal/pb/proverv1"
	"multiprover/provers/groth16/internal/program"
	"multiprover/provers/groth16/internal/suite"
)

// assign is the assignment of a prover who checks nothing: what the request says goes into the circuit as it is. Whatever is missing or cannot be a
// value is 0.
func assign(p *program.Program, s *execution.Statement, request *proverv1.ProveRequest) (*lowering.Circuit, error) {
	if len(request.Slots) != s.Slots {
		return nil, fmt.Errorf("expected %d slots, found %d", s.Slots, len(request.Slots))
	}
	c := lowering.New(p, s.Slots)
	public := s.Public()
	c.Public = lowering.Public{PreRoot: public[0], PostRoot: public[1], C: public[2], Z: public[3], Y: public[4], Payee: public[5], Domain: public[6]}
	own := &proverv1.SuitePreState{}
	if p.SuiteIndex < len(request.GetPreState().GetSuites()) {
		own = request.PreState.Suites[p.SuiteIndex]
	}
	fillInts(c.Cells, p.Cells, request.GetPreState().GetCells())
	fillKeys(c.KeyCells, own.GetKeyCells())
	for i := range c.MapRoots {
		c.MapRoots[i] = element(at(own.GetMapRoots(), i))
	}
	for i, slot := range request.Slots {
		fillSlot(p, &c.Slots[i], slot)
	}
	return c, nil
}

func fillSlot(p *program.Program, c *lowering.Slot, slot *proverv1.Slot) {
	words := padded(slot.GetWords(), len(c.Words))
	for i := range c.Words {
		c.Words[i] = words[i]
	}
	for i := range c.Openings {
		m := &p.Maps[p.Ports[i].Map]
		opening, own := &proverv1.Opening{}, &proverv1.SuiteOpening{}
		if i < len(slot.GetOpenings()) && len(slot.Openings[i].GetSuites()) > p.SuiteIndex {
			opening = slot.Openings[i]
			own = opening.Suites[p.SuiteIndex]
		}
		if opening.GetSuites() == nil {
			zeroInts(c.Openings[i].Ints, m.Fields)
		} else {
			fillInts(c.Openings[i].Ints, m.Fields, opening.GetFields())
		}
		fillKeys(c.Openings[i].Keys, own.GetKeys())
		for j := range c.Openings[i].Siblings {
			var raw []byte
			if len(own.GetSiblings()) >= suite.ElementBytes*(j+1) {
				raw = own.Siblings[suite.ElementBytes*j : suite.ElementBytes*(j+1)]
			}
			c.Openings[i].Siblings[j] = element(raw)
		}
	}
	for i := range c.Authorizations {
		c.Authorizations[i] = lowering.Authorization{AX: 0, AY: 1, RX: 0, RY: 1, S: 0}
		if i >= len(slot.GetAuthorizations()) || len(slot.Authorizations[i].GetSignatures()) <= p.SuiteIndex {
			continue
		}
		raw := slot.Authorizations[i].Signatures[p.SuiteIndex]
		if len(raw) != signatureElements*suite.ElementBytes {
			continue
		}
		parts := make([]fr.Element, signatureElements)
		for j := range parts {
			parts[j] = element(raw[suite.ElementBytes*j : suite.ElementBytes*(j+1)])
		}
		c.Authorizations[i] = lowering.Authorization{AX: parts[0], AY: parts[1], RX: parts[2], RY: parts[3], S: parts[4]}
	}
}

// signatureElements is the number of 32-byte numbers of a signature: A, R, S.
const signatureElements = 5

func at(list [][]byte, i int) []byte {
	if i < len(list) {
		return list[i]
	}
	return nil
}

func element(raw []byte) fr.Element { return suite.Reduce(raw) }

func padded(raw []byte, count int) []uint32 {
	words, err := suite.DecodeWords(raw[:len(raw)/suite.WordBytes*suite.WordBytes])
	if err != nil {
		words = nil
	}
	return append(words, make([]uint32, count)...)[:count]
}

// fillInts takes typed integers as they are encoded.
func fillInts(out []frontend.Variable, types []program.Type, raw []byte) {
	total := 0
	for i := range types {
		total += types[i].Words
	}
	words := padded(raw, total)
	place := 0
	for i := range types {
		if types[i].Key {
			continue
		}
		encoded := uint64(words[0])
		if types[i].Words == 2 {
			encoded = encoded<<suite.WordBits | uint64(words[1])
		}
		words = words[types[i].Words:]
		out[place] = encoded
		place++
	}
}

// zeroInts writes 0 of each type as it is encoded.
func zeroInts(out []frontend.Variable, types []program.Type) {
	place := 0
	for i := range types {
		if !types[i].Key {
			var v fr.Element
			v.SetBigInt(types[i].Lo)
			out[place] = v.Neg(&v).String()
			place++
		}
	}
}

func fillKeys(out []frontend.Variable, raw [][]byte) {
	for i := range out {
		out[i] = element(at(raw, i))
	}
}

// own leaves the statement's part of this suite.
func own(request *proverv1.ProveRequest) {
	if request.Statement != nil {
		request.Statement.Suites = slices.DeleteFunc(request.Statement.Suites, func(s *proverv1.SuiteStatement) bool { return s.Suite != suite.Name })
	}
}
