// Package program reads and checks canonical programs: docs/program.md.
package program

import (
	"bytes"
	"fmt"
	"math/big"
	"slices"

	"google.golang.org/protobuf/proto"

	"multiprover/provers/groth16/internal/pb/programv1"
	"multiprover/provers/groth16/internal/refusal"
	"multiprover/provers/groth16/internal/suite"
)

// Version of docs/program.md that this package implements.
const Version = 1

// Sizes beyond which a program is refused as unsupported: far above anything that could be proven, and low enough to check quickly.
const (
	MaxBytes        = 16 << 20
	MaxOps          = 1 << 17
	MaxDepth        = 32
	MaxState        = 1 << 12 // cells; maps; fields of a record
	MaxSlotWords    = 1 << 14 // input words, output words
	MaxJournalWords = 1 << 22
	MaxSlots        = 1 << 10
)

// Code of an operation.
type Code = programv1.Code

// Kind of a value.
type Kind uint8

// The kinds of values. An open is no value, but its id names a port.
const (
	Nothing Kind = iota
	Integer
	Key
	Open
)

// Type of a field, cell, parameter or message field.
type Type struct {
	Name   string
	Key    bool
	Lo, Hi *big.Int // of an integer
	Words  int      // of an integer: 1 or 2
}

// Map is a map of the state.
type Map struct {
	Depth  int
	Fields []Type
}

// Op is one operation; its id is its index in Program.Ops.
type Op struct {
	Code   Code
	Kind   Kind
	Args   []int
	Index  int      // the immediate, if the code has one
	Lo, Hi *big.Int // of an integer, a range or an output
	Port   int      // of an OPEN: its number
}

// Port is a state access of a slot, with what the program does to it.
type Port struct {
	Map            int
	Open           int    // id of the OPEN
	Loaded, Stored []bool // by field
}

// Program is a checked program. It is never written after Decode.
type Program struct {
	Bytes []byte
	ID    [32]byte // keccak256 of Bytes

	Name           string
	Suites         []string
	SuiteIndex     int // of bn254 in Suites
	Cells          []Type
	Maps           []Map
	Ports          []Port
	Authorizations int
	InputWords     int
	OutputWords    int
	Ops            []Op
	// Written tells of a RANGE that its value is also written, with the same type: its words are wanted.
	Written []bool
}

// JournalWords is the length of the journal of a batch of slots, in words.
func (p *Program) JournalWords(slots int) int {
	words := slots * (p.InputWords + p.OutputWords)
	for _, cell := range p.Cells {
		if !cell.Key {
			words += cell.Words
		}
	}
	return words
}

// Decode reads canonical bytes and checks every rule of docs/program.md. Its errors are refusals (*refusal.Error).
func Decode(raw []byte) (*Program, error) {
	if len(raw) > MaxBytes {
		return nil, refusal.New(refusal.Unsupported, fmt.Sprintf("at most %d bytes", MaxBytes), len(raw), "program too long")
	}
	var message programv1.Program
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(raw, &message); err != nil {
		return nil, refusal.New(refusal.Malformed, "a multiprover.program.v1.Program", err, "program is not decodable")
	}
	again, err := proto.MarshalOptions{Deterministic: true}.Marshal(&message)
	if err != nil {
		return nil, refusal.New(refusal.Malformed, "an encodable program", err, "program is not encodable")
	}
	if !bytes.Equal(raw, again) {
		at := 0
		for at < min(len(raw), len(again)) && raw[at] == again[at] {
			at++
		}
		return nil, refusal.New(refusal.NonCanonical, fmt.Sprintf("%d canonical bytes", len(again)), fmt.Sprintf("%d bytes that differ from byte %d", len(raw), at),
			"program is not in its canonical encoding")
	}
	p := &Program{Bytes: slices.Clone(raw), ID: suite.Keccak256(raw)}
	if err := p.check(&message); err != nil {
		return nil, err
	}
	return p, nil
}

func malformed(expected, found any, format string, args ...any) error {
	return refusal.New(refusal.Malformed, expected, found, format, args...)
}

func unsupported(expected, found any, format string, args ...any) error {
	return refusal.New(refusal.Unsupported, expected, found, format, args...)
}

// limit refuses a count outside of [least, most].
func limit(name string, least, most, found int) error {
	if found < least || found > most {
		return unsupported(fmt.Sprintf("%d to %d", least, most), found, "%s", name)
	}
	return nil
}

func (p *Program) check(m *programv1.Program) error {
	if m.Version != Version {
		return unsupported(Version, m.Version, "program version")
	}
	for _, c := range []struct {
		name               string
		least, most, found int
	}{
		{"suites", 1, 16, len(m.Suites)},
		{"cells", 0, MaxState, len(m.Cells)},
		{"maps", 0, MaxState, len(m.Maps)},
		{"kinds", 1, MaxState, len(m.Kinds)},
		{"ports", 0, MaxState, len(m.Ports)},
		{"messages", 0, MaxState, len(m.Messages)},
		{"authorizations", 0, MaxState, int(m.Authorizations)},
		{"input words", 1, MaxSlotWords, int(m.InputWords)},
		{"output words", 0, MaxSlotWords, int(m.OutputWords)},
		{"operations", 0, MaxOps, len(m.Ops)},
	} {
		if err := limit(c.name, c.least, c.most, c.found); err != nil {
			return err
		}
	}
	p.Name = m.Name
	p.Suites = m.Suites
	p.SuiteIndex = slices.Index(m.Suites, suite.Name)
	p.Authorizations = int(m.Authorizations)
	p.InputWords = int(m.InputWords)
	p.OutputWords = int(m.OutputWords)
	if p.SuiteIndex < 0 {
		return unsupported(fmt.Sprintf("a program with suite %q", suite.Name), m.Suites, "suites")
	}
	for i, name := range m.Suites {
		if name == "" || slices.Contains(m.Suites[:i], name) {
			return malformed("distinct names", m.Suites, "suites")
		}
	}
	if err := p.checkState(m); err != nil {
		return err
	}
	if err := p.checkKinds(m); err != nil {
		return err
	}
	if err := p.checkOps(m); err != nil {
		return err
	}
	return p.checkLayout(m)
}

func (p *Program) checkState(m *programv1.Program) error {
	var err error
	if p.Cells, err = readTypes("cell", m.Cells); err != nil {
		return err
	}
	for i, encoded := range m.Maps {
		if err := limit(fmt.Sprintf("depth of map %d", i), 1, MaxDepth, int(encoded.Depth)); err != nil {
			return err
		}
		if err := limit(fmt.Sprintf("fields of map %d", i), 1, MaxState, len(encoded.Fields)); err != nil {
			return err
		}
		fields, err := readTypes(fmt.Sprintf("field of map %d", i), encoded.Fields)
		if err != nil {
			return err
		}
		p.Maps = append(p.Maps, Map{Depth: int(encoded.Depth), Fields: fields})
	}
	return nil
}

// readTypes reads typed places: integer types contain 0 and are at most 64 bits wide (docs/program.md §1).
func readTypes(what string, fields []*programv1.Field) ([]Type, error) {
	types := make([]Type, len(fields))
	for i, field := range fields {
		if field.Key {
			if field.Lo != 0 || field.Hi != 0 {
				return nil, malformed("lo = hi = 0", fmt.Sprintf("[%d, %d]", field.Lo, field.Hi), "%s %d (%s) is a key", what, i, field.Name)
			}
			types[i] = Type{Name: field.Name, Key: true}
			continue
		}
		lo, hi := big.NewInt(field.Lo), new(big.Int).SetUint64(field.Hi)
		words, ok := typeWords(lo, hi)
		if !ok {
			return nil, malformed("lo <= 0 <= hi, at most 64 bits wide", fmt.Sprintf("[%d, %d]", lo, hi), "type of %s %d (%s)", what, i, field.Name)
		}
		types[i] = Type{Name: field.Name, Lo: lo, Hi: hi, Words: words}
	}
	return types, nil
}

// Words is the number of words of a type [lo, hi], lo <= hi: max(1, ceil(bitlen(hi - lo) / 32)).
func Words(lo, hi *big.Int) int {
	bits := new(big.Int).Sub(hi, lo).BitLen()
	return max(1, (bits+suite.WordBits-1)/suite.WordBits)
}

// typeWords is Words; not ok unless the type contains 0 and has 1 or 2.
func typeWords(lo, hi *big.Int) (words int, ok bool) {
	words = Words(lo, hi)
	return words, lo.Sign() <= 0 && hi.Sign() >= 0 && words <= 2
}

func (p *Program) wordsOf(types []Type) int {
	words := 0
	for _, t := range types {
		if t.Key {
			words += suite.KeyWords * len(p.Suites)
		} else {
			words += t.Words
		}
	}
	return words
}

func (p *Program) checkKinds(m *programv1.Program) error {
	if noop := m.Kinds[0]; noop.Name != "noop" || noop.FromL1 || len(noop.Params) != 0 {
		return malformed("kind 0 to be noop, without parameters, not from L1", noop.Name, "kinds")
	}
	for i, kind := range m.Kinds {
		params, err := readTypes(fmt.Sprintf("parameter of kind %d", i), kind.Params)
		if err != nil {
			return err
		}
		if words := 1 + p.wordsOf(params); words > p.InputWords {
			return malformed(fmt.Sprintf("at most %d input words", p.InputWords), words, "parameters of kind %d (%s)", i, kind.Name)
		}
		for _, list := range []struct {
			name    string
			indices []uint32
			count   int
		}{
			{"ports", kind.Ports, len(m.Ports)},
			{"authorizations", kind.Authorizations, p.Authorizations},
			{"messages", kind.Messages, len(m.Messages)},
		} {
			for _, index := range list.indices {
				if int(index) >= list.count {
					return malformed(fmt.Sprintf("indices below %d", list.count), index, "%s of kind %d (%s)", list.name, i, kind.Name)
				}
			}
		}
		if kind.L1 != nil && !kind.FromL1 {
			return malformed("no L1 rule", "one", "kind %d (%s) is not from L1", i, kind.Name)
		}
		if kind.L1 != nil && kind.L1.ValueWord != nil && int64(*kind.L1.ValueWord)+2 > int64(p.InputWords) {
			return malformed(fmt.Sprintf("two words below %d", p.InputWords), *kind.L1.ValueWord, "value word of kind %d (%s)", i, kind.Name)
		}
	}
	return nil
}

// checkLayout checks what the program says about places in the output words, for readers of journals.
func (p *Program) checkLayout(m *programv1.Program) error {
	if m.HasRefused && p.OutputWords == 0 {
		return malformed("output word 0", "no output words", "has_refused")
	}
	place := func(what string, offset uint32, words int) error {
		if int64(offset)+int64(words) > int64(p.OutputWords) {
			return malformed(fmt.Sprintf("within %d output words", p.OutputWords), fmt.Sprintf("[%d, %d)", offset, int64(offset)+int64(words)), "place of %s", what)
		}
		return nil
	}
	for i, port := range m.Ports {
		fields := p.Maps[port.Map].Fields
		words := 1
		for j, field := range port.Written {
			if int(field) >= len(fields) || fields[field].Key || j > 0 && field <= port.Written[j-1] {
				return malformed("ascending integer fields of its map", port.Written, "written fields of port %d", i)
			}
			words += fields[field].Words
		}
		if len(port.Written) == 0 {
			if port.OutputOffset != 0 {
				return malformed(0, port.OutputOffset, "output offset of port %d, which writes no integer field", i)
			}
			continue
		}
		if err := place(fmt.Sprintf("port %d", i), port.OutputOffset, words); err != nil {
			return err
		}
	}
	for i, message := range m.Messages {
		fields, err := readTypes(fmt.Sprintf("field of message %d", i), message.Fields)
		if err != nil {
			return err
		}
		for _, field := range fields {
			if field.Key {
				return malformed("integer fields", field.Name+" (a key)", "message %d (%s)", i, message.Name)
			}
		}
		if err := place(fmt.Sprintf("message %d (%s)", i, message.Name), message.OutputOffset, 1+p.wordsOf(fields)); err != nil {
			return err
		}
	}
	return nil
}
