package lowering

import (
	"github.com/consensys/gnark/frontend"

	"multiprover/provers/groth16/internal/gadgets"
	"multiprover/provers/groth16/internal/program"
	"multiprover/provers/groth16/internal/suite"
)

// port is a state access of a slot: docs/program.md §4.
type port struct {
	use      *program.Port
	types    []program.Type
	enabled  frontend.Variable // boolean
	bits     []frontend.Variable
	siblings []frontend.Variable
	before   []value // by field
	after    []value
}

// openPort takes a record as advice. Its path, checked in closePorts, fixes the packed elements of the leaf; what remains is to see that
// they are unpacked in the one way, and that a port that is not enabled gives zeros.
func (b *batch) openPort(number int, enabled frontend.Variable, index gadgets.Integer, opening *Opening) *port {
	use := &b.program.Ports[number]
	m := &b.program.Maps[use.Map]
	p := &port{use: use, types: m.Fields, enabled: enabled, bits: b.Bits(index.V, m.Depth), siblings: opening.Siblings}

	ints, keys := opening.Ints, opening.Keys
	var sizes, fields []int // of the integers
	for i := range p.types {
		if p.types[i].Key {
			p.before = append(p.before, value{key: keys[0]})
			if use.Loaded[i] {
				b.AssertZeroIf(b.api.Sub(1, enabled), keys[0])
			}
			keys = keys[1:]
			continue
		}
		p.before = append(p.before, b.decoded(&p.types[i], ints[len(fields)]))
		sizes, fields = append(sizes, p.types[i].Words), append(fields, i)
	}
	for _, group := range suite.Groups(sizes) {
		b.unpack(p, fields[group.First:group.End], ints[group.First:group.End])
	}
	p.after = append([]value(nil), p.before...)
	return p
}

// unpack constrains the integers that share an element. Were one taken outside of its words, another could make up for it in the sum: so each
// is held to its words, unless all are passed on unread and unwritten. For a port that is not enabled, the element is that of zeros.
func (b *batch) unpack(p *port, fields []int, encoded []frontend.Variable) {
	loaded, touched := false, false
	for _, field := range fields {
		loaded = loaded || p.use.Loaded[field]
		touched = touched || p.use.Loaded[field] || p.use.Stored[field]
	}
	if touched && len(fields) > 1 {
		for i, field := range fields {
			b.CheckWords(encoded[i], p.types[field].Words)
		}
	}
	if loaded {
		differences := make([]gadgets.TypedInt, len(fields))
		for i, field := range fields {
			differences[i] = gadgets.TypedInt{Encoded: p.before[field].V, Words: p.types[field].Words} // encoded - encoding of 0
		}
		b.AssertZeroIf(b.api.Sub(1, p.enabled), b.PackGroup(differences))
	}
}

// closePorts checks the paths of a slot's ports and moves the map roots, in the order of the ports. A port without a store leaves its root.
func (b *batch) closePorts(ports []*port) {
	for _, p := range ports {
		root := b.mapRoots[p.use.Map]
		before := b.RootFromPath(b.leaf(p, p.before), p.bits, p.siblings)
		b.AssertZeroIf(p.enabled, b.api.Sub(before, root))
		if !p.stores() {
			continue
		}
		after := b.RootFromPath(b.leaf(p, p.after), p.bits, p.siblings)
		b.mapRoots[p.use.Map] = b.api.Select(p.enabled, after, root)
	}
}

func (p *port) stores() bool {
	for _, stored := range p.use.Stored {
		if stored {
			return true
		}
	}
	return false
}

func (b *batch) leaf(p *port, record []value) frontend.Variable {
	ints, keys := b.encoded(p.types, record)
	return b.Hash(suite.TagLeaf, uint32(p.use.Map), append(b.PackTyped(ints), keys...)...)
}
