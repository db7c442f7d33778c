// Package lowering turns a program and a number of slots into one circuit: the relation of docs/program.md §6 for the suite bn254.
package lowering

import (
	"slices"
	"strings"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark/constraint"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/frontend/cs/r1cs"

	"multiprover/provers/groth16/internal/gadgets"
	"multiprover/provers/groth16/internal/program"
	"multiprover/provers/groth16/internal/refusal"
	"multiprover/provers/groth16/internal/suite"
)

// PublicInputs is the number of public values of a proof.
const PublicInputs = 7

// Circuit is the relation, and an assignment of it. Integers stand as they are encoded: value - lo of their type.
type Circuit struct {
	Public

	Cells    []frontend.Variable // integer cells before the batch, in order
	KeyCells []frontend.Variable // key cells before the batch, in order
	MapRoots []frontend.Variable // before the batch
	Slots    []Slot

	program *program.Program
}

// Public holds the public values, in the order of docs/program.md §6.
type Public struct {
	PreRoot  frontend.Variable `gnark:",public"`
	PostRoot frontend.Variable `gnark:",public"`
	C        frontend.Variable `gnark:",public"`
	Z        frontend.Variable `gnark:",public"`
	Y        frontend.Variable `gnark:",public"`
	Payee    frontend.Variable `gnark:",public"`
	Domain   frontend.Variable `gnark:",public"`
}

// Slot is the advice of one slot.
type Slot struct {
	Words          []frontend.Variable
	Openings       []Opening
	Authorizations []Authorization
}

// Opening is a record before the slot and its path. A port that is not enabled takes zeros: every integer 0 (as it is encoded), every key 0.
type Opening struct {
	Ints     []frontend.Variable
	Keys     []frontend.Variable
	Siblings []frontend.Variable
}

// Authorization is a signature; one that is not enabled takes A = R = (0, 1), S = 0.
type Authorization struct{ AX, AY, RX, RY, S frontend.Variable }

// New is the circuit of a batch, with room for an assignment.
func New(p *program.Program, slots int) *Circuit {
	c := &Circuit{
		Cells:    variables(count(p.Cells, false)),
		KeyCells: variables(count(p.Cells, true)),
		MapRoots: variables(len(p.Maps)),
		Slots:    make([]Slot, slots),
		program:  p,
	}
	for i := range c.Slots {
		slot := &c.Slots[i]
		slot.Words = variables(p.InputWords)
		slot.Openings = make([]Opening, len(p.Ports))
		for j, port := range p.Ports {
			m := p.Maps[port.Map]
			slot.Openings[j] = Opening{
				Ints:     variables(count(m.Fields, false)),
				Keys:     variables(count(m.Fields, true)),
				Siblings: variables(m.Depth),
			}
		}
		slot.Authorizations = make([]Authorization, p.Authorizations)
	}
	return c
}

func variables(n int) []frontend.Variable { return make([]frontend.Variable, n) }

func count(types []program.Type, keys bool) int {
	n := 0
	for _, t := range types {
		if t.Key == keys {
			n++
		}
	}
	return n
}

// Compile makes the constraint system of a batch. A program that no slot can satisfy, because a constraint between constants fails, is refused.
func Compile(p *program.Program, slots int) (constraint.ConstraintSystem, error) {
	system, err := CompileCircuit(New(p, slots))
	if err != nil {
		cause, _, _ := strings.Cut(err.Error(), "\n") // what follows is a stack
		return nil, refusal.New(refusal.Unsupported, "a program that some batch satisfies", cause, "circuit cannot be made")
	}
	return system, nil
}

// CompileCircuit makes the constraint system of any circuit, with the builder that the prover uses.
func CompileCircuit(circuit frontend.Circuit) (constraint.ConstraintSystem, error) {
	return frontend.Compile(ecc.BN254.ScalarField(), r1cs.NewBuilder, circuit)
}

// batch is a circuit in the making: the state as it stands between two slots.
type batch struct {
	*gadgets.Builder
	api      frontend.API
	program  *program.Program
	domain   frontend.Variable
	cells    []value // integer and key cells, in order
	mapRoots []frontend.Variable
}

// Define implements frontend.Circuit.
func (c *Circuit) Define(api frontend.API) error {
	b := &batch{Builder: gadgets.New(api), api: api, program: c.program, domain: c.Domain, mapRoots: slices.Clone(c.MapRoots)}
	for _, v := range []frontend.Variable{c.Z, c.Payee, c.Domain} {
		b.BindPublic(v)
	}
	b.openCells(c.Cells, c.KeyCells)
	api.AssertIsEqual(b.stateRoot(), c.PreRoot)

	var inputs, outputs []frontend.Variable
	for i := range c.Slots {
		inputs = append(inputs, c.Slots[i].Words...)
		outputs = append(outputs, b.slot(&c.Slots[i])...)
	}
	api.AssertIsEqual(b.stateRoot(), c.PostRoot)

	journal := b.PackWords(append(append(inputs, outputs...), b.cellWords()...))
	api.AssertIsEqual(b.Commit(journal), c.C)
	api.AssertIsEqual(b.Evaluate(journal, c.Z), c.Y)
	return nil
}

// openCells takes the cells before the batch. Several share an element of the root's hash, which fixes them only within their words.
func (b *batch) openCells(ints, keys []frontend.Variable) {
	for i := range b.program.Cells {
		t := &b.program.Cells[i]
		if t.Key {
			b.cells = append(b.cells, value{key: keys[0]})
			keys = keys[1:]
			continue
		}
		b.CheckWords(ints[0], t.Words)
		b.cells = append(b.cells, b.decoded(t, ints[0]))
		ints = ints[1:]
	}
}

// stateRoot is the top hash over cells and map roots.
func (b *batch) stateRoot() frontend.Variable {
	ints, keys := b.encoded(b.program.Cells, b.cells)
	elements := append(b.PackTyped(ints), keys...)
	return b.Hash(suite.TagStateRoot, 0, append(elements, b.mapRoots...)...)
}

// cellWords are the words of the integer cells.
func (b *batch) cellWords() []frontend.Variable {
	ints, _ := b.encoded(b.program.Cells, b.cells)
	var words []frontend.Variable
	for _, v := range ints {
		words = append(words, b.Words(v.Encoded, v.Words)...)
	}
	return words
}

// decoded is the value of a typed place that is encoded as v.
func (b *batch) decoded(t *program.Type, v frontend.Variable) value {
	return value{Integer: gadgets.Integer{V: b.api.Add(v, t.Lo), Lo: t.Lo, Hi: t.Hi}}
}

// encoded are the values of typed places as they stand in a leaf or root: integers, and keys apart.
func (b *batch) encoded(types []program.Type, values []value) (ints []gadgets.TypedInt, keys []frontend.Variable) {
	for i := range types {
		if types[i].Key {
			keys = append(keys, values[i].key)
			continue
		}
		ints = append(ints, gadgets.TypedInt{Encoded: b.api.Sub(values[i].V, types[i].Lo), Words: types[i].Words})
	}
	return ints, keys
}
