package execution

import (
	"fmt"
	"math/big"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/frontend"

	"multiprover/provers/groth16/internal/lowering"
	"multiprover/provers/groth16/internal/pb/proverv1"
	"multiprover/provers/groth16/internal/program"
	"multiprover/provers/groth16/internal/refusal"
	"multiprover/provers/groth16/internal/suite"
)

// Result is what the prover computed itself, and the assignment of the circuit.
type Result struct {
	PreRoot, PostRoot, Commitment, Challenge, Evaluation fr.Element
	Journal                                              []uint32
	Assignment                                           *lowering.Circuit
}

// decode is the value of an encoded integer of a type.
func decode(t *program.Type, encoded uint64) *big.Int {
	v := new(big.Int).SetUint64(encoded)
	return v.Add(v, t.Lo)
}

// encode is the inverse of decode; v lies within the type.
func encode(t *program.Type, v *big.Int) suite.TypedInt {
	return suite.TypedInt{Encoded: new(big.Int).Sub(v, t.Lo).Uint64(), Words: t.Words}
}

// value is the value of an operation: an integer, or a key part.
type value struct {
	int *big.Int
	key fr.Element
}

// batch is an execution: the state as it stands between two slots.
type batch struct {
	program  *program.Program
	domain   fr.Element
	cells    []value
	mapRoots []fr.Element
	circuit  *lowering.Circuit
}

// Execute runs the request's slots and compares what comes of them with the statement and the request's journal, in this order: the domain, the
// claim, the inputs, the root before, each slot, the outputs, the commitment, the evaluation, the root after. Its errors are refusals.
func Execute(p *program.Program, s *Statement, request *proverv1.ProveRequest) (*Result, error) {
	if err := s.CheckDomain(); err != nil {
		return nil, err
	}
	if err := s.CheckClaim(request.Journal); err != nil {
		return nil, err
	}
	journal, err := readWords("journal", request.Journal, p.JournalWords(s.Slots))
	if err != nil {
		return nil, err
	}
	if len(request.Slots) != s.Slots {
		return nil, refusal.New(refusal.Malformed, s.Slots, len(request.Slots), "slots of the request")
	}
	result, err := run(p, s.Domain, request, journal, &s.PreRoot)
	if err != nil {
		return nil, err
	}
	result.Challenge = s.Challenge
	result.Evaluation = suite.Evaluate(result.Journal, s.Challenge)
	for _, c := range []struct {
		code            refusal.Code
		name            string
		expected, found fr.Element
	}{
		{refusal.WrongStatement, "commitment to the journal", s.Commitment, result.Commitment},
		{refusal.WrongStatement, "evaluation of the journal", s.Evaluation, result.Evaluation},
		{refusal.RootMismatch, "root after the batch", s.PostRoot, result.PostRoot},
	} {
		if !c.expected.Equal(&c.found) {
			return nil, refusal.New(c.code, hexOf(c.expected), hexOf(c.found), "%s", c.name)
		}
	}
	result.Assignment.Public = s.assignment()
	return result, nil
}

// Run executes a request's slots without a statement to compare with: what a sequencer does before it can make one. The result has no challenge,
// no evaluation, and no public values in its assignment.
func Run(p *program.Program, domain []byte, request *proverv1.ProveRequest) (*Result, error) {
	return run(p, domain, request, nil, nil)
}

// assignment is Public as an assignment of the circuit.
func (s *Statement) assignment() lowering.Public {
	public := s.Public()
	return lowering.Public{
		PreRoot: public[0], PostRoot: public[1], C: public[2], Z: public[3], Y: public[4], Payee: public[5], Domain: public[6],
	}
}

// run executes the slots and compares with the journal and the root before, where they are given.
func run(p *program.Program, domain []byte, request *proverv1.ProveRequest, journal []uint32, preRoot *fr.Element) (*Result, error) {
	b := &batch{program: p, domain: suite.Reduce(domain), circuit: lowering.New(p, len(request.Slots))}
	if err := b.readState(request.PreState); err != nil {
		return nil, err
	}
	result := &Result{PreRoot: b.stateRoot(), Assignment: b.circuit}
	write := func(words []uint32, slot int) error {
		if journal != nil {
			if err := compare(journal, len(result.Journal), words, slot); err != nil {
				return err
			}
		}
		result.Journal = append(result.Journal, words...)
		return nil
	}

	// INPUTS
	inputs := make([][]uint32, len(request.Slots))
	for i, slot := range request.Slots {
		words, err := readWords("input words", slot.GetWords(), p.InputWords)
		if err != nil {
			return nil, at(err, i)
		}
		inputs[i] = words
		if err := write(words, i); err != nil {
			return nil, err
		}
	}
	if preRoot != nil && !result.PreRoot.Equal(preRoot) {
		return nil, refusal.New(refusal.BadOpening, hexOf(*preRoot), hexOf(result.PreRoot), "root of the cells and map roots before the batch")
	}

	// OUTPUTS
	for i, slot := range request.Slots {
		outputs, err := b.slot(i, inputs[i], slot)
		if err != nil {
			return nil, at(err, i)
		}
		if err := write(outputs, i); err != nil {
			return nil, err
		}
	}
	if err := write(b.cellWords(), noSlot); err != nil {
		return nil, err
	}

	result.PostRoot = b.stateRoot()
	result.Commitment = suite.Commit(result.Journal)
	return result, nil
}

// noSlot stands for the words of the cells after the last slot.
const noSlot = -1

// at sets the slot of a refusal.
func at(err error, slot int) error {
	if refused, ok := refusal.As(err); ok {
		return refused.At(slot)
	}
	return err
}

// compare looks for the first word of the journal, from position first on, that differs from what was computed.
func compare(journal []uint32, first int, found []uint32, slot int) error {
	for i, word := range found {
		if journal[first+i] == word {
			continue
		}
		refused := refusal.New(refusal.JournalMismatch, fmt.Sprintf("%#08x", journal[first+i]), fmt.Sprintf("%#08x", word), "journal word %d", first+i)
		if slot == noSlot {
			return refused
		}
		return refused.At(slot)
	}
	return nil
}

// readState takes the state before the batch.
func (b *batch) readState(state *proverv1.PreState) error {
	if len(state.GetSuites()) != len(b.program.Suites) {
		return refusal.New(refusal.Malformed, len(b.program.Suites), len(state.GetSuites()), "suites of the state before the batch")
	}
	own := state.Suites[b.program.SuiteIndex]
	keyCells := len(b.circuit.KeyCells)
	ints, err := readTyped("cells", state.Cells, b.program.Cells)
	if err != nil {
		return err
	}
	keys, err := readKeys("key cells", own.GetKeyCells(), keyCells)
	if err != nil {
		return err
	}
	if len(own.GetMapRoots()) != len(b.program.Maps) {
		return refusal.New(refusal.Malformed, len(b.program.Maps), len(own.GetMapRoots()), "map roots")
	}
	for i, raw := range own.GetMapRoots() {
		root, err := readElement(fmt.Sprintf("root of map %d", i), raw)
		if err != nil {
			return err
		}
		b.mapRoots = append(b.mapRoots, root)
		b.circuit.MapRoots[i] = root
	}
	b.cells = decodeRecord(b.program.Cells, ints, keys)
	assignInts(b.circuit.Cells, ints)
	assignElements(b.circuit.KeyCells, keys)
	return nil
}

// decodeRecord puts the integers and keys of a record, or of the cells, into the order of their types.
func decodeRecord(types []program.Type, ints []suite.TypedInt, keys []fr.Element) []value {
	record := make([]value, len(types))
	for i := range types {
		if types[i].Key {
			record[i].key, keys = keys[0], keys[1:]
		} else {
			record[i].int, ints = decode(&types[i], ints[0].Encoded), ints[1:]
		}
	}
	return record
}

// encodeRecord is the inverse of decodeRecord.
func encodeRecord(types []program.Type, record []value) (ints []suite.TypedInt, keys []fr.Element) {
	for i := range types {
		if types[i].Key {
			keys = append(keys, record[i].key)
		} else {
			ints = append(ints, encode(&types[i], record[i].int))
		}
	}
	return ints, keys
}

func assignInts(out []frontend.Variable, ints []suite.TypedInt) {
	for i, v := range ints {
		out[i] = v.Encoded
	}
}

func assignElements(out []frontend.Variable, elements []fr.Element) {
	for i, e := range elements {
		out[i] = e
	}
}

func (b *batch) stateRoot() fr.Element {
	ints, keys := encodeRecord(b.program.Cells, b.cells)
	return suite.StateRoot(ints, keys, b.mapRoots)
}

func (b *batch) cellWords() []uint32 {
	ints, _ := encodeRecord(b.program.Cells, b.cells)
	var words []uint32
	for _, v := range ints {
		words = append(words, wordsOf(v)...)
	}
	return words
}

// wordsOf are the words of an encoded integer, the most significant first.
func wordsOf(v suite.TypedInt) []uint32 {
	if v.Words == 2 {
		return []uint32{uint32(v.Encoded >> suite.WordBits), uint32(v.Encoded)}
	}
	return []uint32{uint32(v.Encoded)}
}
