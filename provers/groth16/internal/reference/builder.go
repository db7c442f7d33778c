// Package reference makes programs, states and signed requests for the tests and the benchmark, and holds the reference slot, both as a program
// and written by hand in gnark. The prover does not use it.
package reference

import (
	"fmt"
	"math/big"

	"google.golang.org/protobuf/proto"

	"multiprover/provers/groth16/internal/pb/programv1"
	"multiprover/provers/groth16/internal/program"
	"multiprover/provers/groth16/internal/suite"
)

// ID is the id of a value.
type ID uint32

// Builder writes a program operation by operation and computes the ranges itself.
type Builder struct {
	Message *programv1.Program
	ranges  []bounds
}

type bounds struct{ lo, hi *big.Int }

// NewBuilder starts a program over the given suites with input words a slot (the kind included).
func NewBuilder(name string, inputWords int, suites ...string) *Builder {
	return &Builder{Message: &programv1.Program{
		Version: program.Version, Name: name, Suites: suites, InputWords: uint32(inputWords),
		Kinds: []*programv1.Kind{{Name: "noop"}},
	}}
}

// Bytes is the canonical encoding.
func (b *Builder) Bytes() []byte {
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(b.Message)
	if err != nil {
		panic(err)
	}
	return raw
}

// Decode is the program, checked.
func (b *Builder) Decode() (*program.Program, error) { return program.Decode(b.Bytes()) }

// Int is an integer type.
func Int(name string, lo int64, hi uint64) *programv1.Field {
	return &programv1.Field{Name: name, Lo: lo, Hi: hi}
}

// KeyField is a key.
func KeyField(name string) *programv1.Field { return &programv1.Field{Name: name, Key: true} }

// AddCell adds a cell and gives its number.
func (b *Builder) AddCell(t *programv1.Field) int {
	b.Message.Cells = append(b.Message.Cells, t)
	return len(b.Message.Cells) - 1
}

// AddMap adds a map and gives its number.
func (b *Builder) AddMap(name string, depth int, fields ...*programv1.Field) int {
	b.Message.Maps = append(b.Message.Maps, &programv1.Map{Name: name, Depth: uint32(depth), Fields: fields})
	return len(b.Message.Maps) - 1
}

// TwosComplement is the shortest big-endian encoding of an integer; empty for 0.
func TwosComplement(v *big.Int) []byte {
	if v.Sign() == 0 {
		return nil
	}
	magnitude := v
	if v.Sign() < 0 {
		magnitude = new(big.Int).Not(v)
	}
	size := magnitude.BitLen()/8 + 1
	if v.Sign() > 0 {
		return v.FillBytes(make([]byte, size))
	}
	return new(big.Int).Add(v, new(big.Int).Lsh(big.NewInt(1), uint(8*size))).FillBytes(make([]byte, size))
}

// Op appends any operation; its range may be wrong. lo and hi nil stand for none.
func (b *Builder) Op(code program.Code, args []ID, index []uint32, lo, hi *big.Int) ID {
	op := &programv1.Op{Code: code, Index: index}
	for _, arg := range args {
		op.Args = append(op.Args, uint32(arg))
	}
	if lo != nil {
		op.Lo, op.Hi = TwosComplement(lo), TwosComplement(hi)
	}
	b.Message.Ops = append(b.Message.Ops, op)
	b.ranges = append(b.ranges, bounds{lo, hi})
	return ID(len(b.Message.Ops) - 1)
}

func (b *Builder) typed(code program.Code, t *programv1.Field, args []ID, index int) ID {
	if t.Key {
		return b.Op(code, args, []uint32{uint32(index)}, nil, nil)
	}
	return b.Op(code, args, []uint32{uint32(index)}, big.NewInt(t.Lo), new(big.Int).SetUint64(t.Hi))
}

// Const is a constant.
func (b *Builder) Const(v int64) ID { return b.ConstBig(big.NewInt(v)) }

// ConstBig is a constant.
func (b *Builder) ConstBig(v *big.Int) ID { return b.Op(program.CONST, nil, nil, v, v) }

// Param is an input word.
func (b *Builder) Param(word int) ID {
	return b.Op(program.PARAM, nil, []uint32{uint32(word)}, new(big.Int), big.NewInt(1<<32-1))
}

// Param64 is the number of two input words.
func (b *Builder) Param64(word int) ID {
	return b.Add(b.Mul(b.Param(word), b.Const(1<<32)), b.Param(word+1))
}

// KeyParam is a key of input words.
func (b *Builder) KeyParam(word int) ID {
	return b.Op(program.KEYPARAM, nil, []uint32{uint32(word)}, nil, nil)
}

// Cell reads a cell.
func (b *Builder) Cell(cell int) ID { return b.typed(program.CELL, b.Message.Cells[cell], nil, cell) }

// Open opens the next port.
func (b *Builder) Open(enabled, index ID, mapNumber int) ID {
	b.Message.Ports = append(b.Message.Ports, &programv1.Port{Map: uint32(mapNumber)})
	return b.Op(program.OPEN, []ID{enabled, index}, []uint32{uint32(mapNumber)}, nil, nil)
}

func (b *Builder) field(open ID, field int) *programv1.Field {
	return b.Message.Maps[b.Message.Ops[open].Index[0]].Fields[field]
}

// Load reads a field of an opened record.
func (b *Builder) Load(open ID, field int) ID {
	return b.typed(program.LOAD, b.field(open, field), []ID{open}, field)
}

// Add is x + y.
func (b *Builder) Add(x, y ID) ID {
	p, q := b.ranges[x], b.ranges[y]
	return b.Op(program.ADD, []ID{x, y}, nil, new(big.Int).Add(p.lo, q.lo), new(big.Int).Add(p.hi, q.hi))
}

// Sub is x - y.
func (b *Builder) Sub(x, y ID) ID {
	p, q := b.ranges[x], b.ranges[y]
	return b.Op(program.SUB, []ID{x, y}, nil, new(big.Int).Sub(p.lo, q.hi), new(big.Int).Sub(p.hi, q.lo))
}

// Mul is x·y.
func (b *Builder) Mul(x, y ID) ID {
	p, q := b.ranges[x], b.ranges[y]
	corners := []*big.Int{
		new(big.Int).Mul(p.lo, q.lo), new(big.Int).Mul(p.lo, q.hi), new(big.Int).Mul(p.hi, q.lo), new(big.Int).Mul(p.hi, q.hi),
	}
	lo, hi := corners[0], corners[0]
	for _, c := range corners[1:] {
		if c.Cmp(lo) < 0 {
			lo = c
		}
		if c.Cmp(hi) > 0 {
			hi = c
		}
	}
	return b.Op(program.MUL, []ID{x, y}, nil, lo, hi)
}

// DivMod is floor(x / y).
func (b *Builder) DivMod(x, y ID) ID {
	p, q := b.ranges[x], b.ranges[y]
	floor := func(n, d *big.Int) *big.Int { return new(big.Int).Div(n, d) }
	lo, hi := floor(p.lo, q.hi), floor(p.hi, q.lo)
	if p.lo.Sign() < 0 {
		lo = floor(p.lo, q.lo)
	}
	if p.hi.Sign() < 0 {
		hi = floor(p.hi, q.hi)
	}
	return b.Op(program.DIVMOD, []ID{x, y}, nil, lo, hi)
}

// Remainder is the remainder of a DivMod.
func (b *Builder) Remainder(division ID) ID {
	args := b.Message.Ops[division].Args
	p, q := b.ranges[args[0]], b.ranges[args[1]]
	hi := new(big.Int).Sub(q.hi, big.NewInt(1))
	if p.lo.Sign() >= 0 && p.hi.Cmp(hi) < 0 {
		hi = p.hi
	}
	return b.Op(program.REMAINDER, []ID{division}, nil, new(big.Int), hi)
}

func (b *Builder) boolean(code program.Code, args ...ID) ID {
	return b.Op(code, args, nil, new(big.Int), big.NewInt(1))
}

// Eq is 1 if x = y.
func (b *Builder) Eq(x, y ID) ID { return b.boolean(program.EQ, x, y) }

// Lt is 1 if x < y.
func (b *Builder) Lt(x, y ID) ID { return b.boolean(program.LT, x, y) }

// And is 1 if both are.
func (b *Builder) And(x, y ID) ID { return b.boolean(program.AND, x, y) }

// Or is 1 if one is.
func (b *Builder) Or(x, y ID) ID { return b.boolean(program.OR, x, y) }

// Not is 1 if x is 0.
func (b *Builder) Not(x ID) ID { return b.boolean(program.NOT, x) }

// Select is x if c is 1, else y.
func (b *Builder) Select(c, x, y ID) ID {
	p, q := b.ranges[x], b.ranges[y]
	if p.lo == nil {
		return b.Op(program.SELECT, []ID{c, x, y}, nil, nil, nil)
	}
	lo, hi := p.lo, p.hi
	if q.lo.Cmp(lo) < 0 {
		lo = q.lo
	}
	if q.hi.Cmp(hi) > 0 {
		hi = q.hi
	}
	return b.Op(program.SELECT, []ID{c, x, y}, nil, lo, hi)
}

// Range demands lo <= v <= hi.
func (b *Builder) Range(v ID, lo, hi *big.Int) ID {
	return b.Op(program.RANGE, []ID{v}, nil, lo, hi)
}

// RangeOf demands that v lies within a type.
func (b *Builder) RangeOf(v ID, t *programv1.Field) ID {
	return b.Range(v, big.NewInt(t.Lo), new(big.Int).SetUint64(t.Hi))
}

// Assert demands c.
func (b *Builder) Assert(c ID) { b.Op(program.ASSERT, []ID{c}, nil, nil, nil) }

// Authorize demands a signature if enabled.
func (b *Builder) Authorize(enabled, key, nonce ID) {
	b.Message.Authorizations++
	b.Op(program.AUTHORIZE, []ID{enabled, key, nonce}, nil, nil, nil)
}

// Store writes a field of an opened record.
func (b *Builder) Store(open, v ID, field int) {
	b.Op(program.STORE, []ID{open, v}, []uint32{uint32(field)}, nil, nil)
}

// StoreCell writes a cell.
func (b *Builder) StoreCell(v ID, cell int) {
	b.Op(program.STORECELL, []ID{v}, []uint32{uint32(cell)}, nil, nil)
}

// Output appends the words of v, typed [lo, hi].
func (b *Builder) Output(v ID, lo, hi *big.Int) {
	b.Op(program.OUTPUT, []ID{v}, nil, lo, hi)
	b.Message.OutputWords += uint32(program.Words(lo, hi))
}

// OutputOf appends the words of v with a type.
func (b *Builder) OutputOf(v ID, t *programv1.Field) {
	b.Output(v, big.NewInt(t.Lo), new(big.Int).SetUint64(t.Hi))
}

// SuiteOnly is the suite list of a program for this prover alone.
func SuiteOnly() []string { return []string{suite.Name} }

func (id ID) String() string { return fmt.Sprintf("%%%d", uint32(id)) }
