package program_test

import (
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"multiprover/provers/groth16/internal/pb/programv1"
	"multiprover/provers/groth16/internal/program"
	"multiprover/provers/groth16/internal/reference"
	"multiprover/provers/groth16/internal/refusal"
	"multiprover/provers/groth16/internal/suite"
)

// valid is a program with every kind of operation.
func valid() *reference.Builder {
	b := reference.SlotProgram(20)
	cell := b.AddCell(reference.Int("cell", -10, 1<<40))
	b.AddCell(reference.KeyField("key cell"))
	wide := b.Sub(b.Const(5), b.Param64(3))
	division := b.DivMod(wide, b.Add(b.Param(5), b.Const(1)))
	sum := b.Add(division, b.Remainder(division))
	b.StoreCell(b.Range(b.Select(b.Or(b.Lt(sum, b.Const(3)), b.Eq(sum, b.Const(9))), b.Cell(cell), b.Mul(sum, b.Const(-1))), big.NewInt(-10), big.NewInt(1<<40)), cell)
	b.Message.Messages = append(b.Message.Messages, &programv1.Message{Name: "m", OutputOffset: 1, Fields: []*programv1.Field{reference.Int("x", 0, 1<<40)}})
	return b
}

func TestDecode(t *testing.T) {
	b := valid()
	raw := b.Bytes()
	p, err := program.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	if p.ID != suite.Keccak256(raw) || len(p.Ops) != len(b.Message.Ops) || len(p.Ports) != 2 || p.JournalWords(3) != 3*(p.InputWords+p.OutputWords)+2 {
		t.Errorf("expected the program as it was built, found %+v", p)
	}
}

// TestNonCanonical gives other encodings of the same program.
func TestNonCanonical(t *testing.T) {
	raw := valid().Bytes()
	for name, other := range map[string][]byte{
		"an unknown field":              protowire.AppendVarint(protowire.AppendTag(clone(raw), 99, protowire.VarintType), 1),
		"a default value":               protowire.AppendVarint(protowire.AppendTag(clone(raw), 12, protowire.VarintType), 0),
		"a field twice":                 append(clone(raw[:2]), raw...),
		"version in two bytes":          append([]byte{raw[0], 0x81, 0x00}, raw[2:]...),
		"a field out of order":          append(clone(raw[2:]), raw[:2]...),
		"arguments that are not packed": unpacked(t),
	} {
		_, err := program.Decode(other)
		if found, ok := refusal.As(err); !ok || found.Code != refusal.NonCanonical {
			t.Errorf("%s: expected NON_CANONICAL, found %v", name, err)
		}
	}
	for name, other := range map[string][]byte{"truncated": raw[:len(raw)-1], "text": []byte("program")} {
		_, err := program.Decode(other)
		if found, ok := refusal.As(err); !ok || found.Code != refusal.Malformed {
			t.Errorf("%s: expected MALFORMED, found %v", name, err)
		}
	}
}

func clone(raw []byte) []byte { return append([]byte(nil), raw...) }

// unpacked encodes one operation's two arguments one by one.
func unpacked(t *testing.T) []byte {
	t.Helper()
	b := reference.NewBuilder("small", 2, suite.Name)
	b.Add(b.Param(0), b.Param(1))
	raw := b.Bytes()
	packed := string([]byte{0x12, 2, 0, 1}) // field 2, two bytes, ids 0 and 1
	at := strings.Index(string(raw), packed)
	if at < 0 {
		t.Fatal("expected an operation on values 0 and 1")
	}
	return append(append(clone(raw[:at]), 0x10, 0, 0x10, 1), raw[at+len(packed):]...)
}

// TestRules breaks the rules of docs/program.md one at a time.
func TestRules(t *testing.T) {
	ops := func(change func(b *reference.Builder)) func() *reference.Builder {
		return func() *reference.Builder {
			b := reference.NewBuilder("rule", 20, suite.Name)
			change(b)
			return b
		}
	}
	message := func(change func(m *programv1.Program)) func() *reference.Builder {
		return func() *reference.Builder {
			b := valid()
			change(b.Message)
			return b
		}
	}
	i := big.NewInt
	for _, c := range []struct {
		name  string
		build func() *reference.Builder
		code  refusal.Code
		text  string
	}{
		{"another version", message(func(m *programv1.Program) { m.Version = 2 }), refusal.Unsupported, "version"},
		{"no version", message(func(m *programv1.Program) { m.Version = 0 }), refusal.Unsupported, "version"},
		{"no suite", message(func(m *programv1.Program) { m.Suites = nil }), refusal.Unsupported, "suites"},
		{"without bn254", message(func(m *programv1.Program) { m.Suites = []string{"goldilocks"} }), refusal.Unsupported, "suites"},
		{"a suite twice", message(func(m *programv1.Program) { m.Suites = []string{"bn254", "bn254"} }), refusal.Malformed, "suites"},
		{"a type without 0", message(func(m *programv1.Program) { m.Cells[0].Lo, m.Cells[0].Hi = 1, 5 }), refusal.Malformed, "type of cell"},
		{"a type of 65 bits", message(func(m *programv1.Program) { m.Cells[0].Lo, m.Cells[0].Hi = -1, 1<<64-1 }), refusal.Malformed, "type of cell"},
		{"a key with a range", message(func(m *programv1.Program) { m.Cells[1].Hi = 5 }), refusal.Malformed, "is a key"},
		{"depth 0", message(func(m *programv1.Program) { m.Maps[0].Depth = 0 }), refusal.Unsupported, "depth"},
		{"depth 33", message(func(m *programv1.Program) { m.Maps[0].Depth = 33 }), refusal.Unsupported, "depth"},
		{"a map without fields", message(func(m *programv1.Program) { m.Maps[0].Fields = nil }), refusal.Unsupported, "fields"},
		{"no kinds", message(func(m *programv1.Program) { m.Kinds = nil }), refusal.Unsupported, "kinds"},
		{"kind 0 not noop", message(func(m *programv1.Program) { m.Kinds[0].Name = "trade" }), refusal.Malformed, "kinds"},
		{"parameters past the input", message(func(m *programv1.Program) { m.InputWords = 18 }), refusal.Malformed, "parameters"},
		{"a port that is not there", message(func(m *programv1.Program) { m.Kinds[1].Ports[0] = 2 }), refusal.Malformed, "ports"},
		{"an authorization that is not there", message(func(m *programv1.Program) { m.Kinds[1].Authorizations[0] = 2 }), refusal.Malformed, "authorizations"},
		{"an L1 rule of no L1 kind", message(func(m *programv1.Program) { m.Kinds[1].L1 = &programv1.L1Rule{} }), refusal.Malformed, "L1 rule"},
		{"an output word too many", message(func(m *programv1.Program) { m.OutputWords++ }), refusal.Malformed, "output words"},
		{"a port too many", message(func(m *programv1.Program) { m.Ports = append(m.Ports, &programv1.Port{}) }), refusal.Malformed, "ports"},
		{"a port on another map", message(func(m *programv1.Program) { m.Ports[0].Map = 1 }), refusal.Malformed, "port 0"},
		{"a signature too few", message(func(m *programv1.Program) { m.Authorizations++ }), refusal.Malformed, "authorizations"},
		{"written fields out of order", message(func(m *programv1.Program) { m.Ports[0].Written = []uint32{2, 1} }), refusal.Malformed, "written fields"},
		{"a written key", message(func(m *programv1.Program) { m.Ports[0].Written = []uint32{0} }), refusal.Malformed, "written fields"},
		{"a port past the output", message(func(m *programv1.Program) { m.Ports[0].OutputOffset = 19 }), refusal.Malformed, "place of port"},
		{"a message past the output", message(func(m *programv1.Program) { m.Messages[0].OutputOffset = 19 }), refusal.Malformed, "place of message"},
		{"an unknown operation", ops(func(b *reference.Builder) { b.Op(99, nil, nil, nil, nil) }), refusal.Unsupported, "operation"},
		{"no operation", ops(func(b *reference.Builder) { b.Op(0, nil, nil, nil, nil) }), refusal.Unsupported, "operation"},
		{"an argument of itself", ops(func(b *reference.Builder) { b.Op(program.NOT, []reference.ID{0}, nil, i(0), i(1)) }), refusal.Malformed, "argument 0"},
		{"an argument too many", ops(func(b *reference.Builder) {
			b.Op(program.NOT, []reference.ID{b.Const(1), 0}, nil, i(0), i(1))
		}), refusal.Malformed, "number of arguments"},
		{"an immediate too many", ops(func(b *reference.Builder) { b.Op(program.PARAM, nil, []uint32{0, 0}, i(0), i(1<<32-1)) }), refusal.Malformed, "immediates"},
		{"a parameter that is not there", ops(func(b *reference.Builder) { b.Param(20) }), refusal.Malformed, "input word"},
		{"a key parameter past the end", ops(func(b *reference.Builder) { b.KeyParam(13) }), refusal.Malformed, "key"},
		{"a constant with a range", ops(func(b *reference.Builder) { b.Op(program.CONST, nil, nil, i(1), i(2)) }), refusal.Malformed, "constant"},
		{"a constant of 2^127", ops(func(b *reference.Builder) { b.ConstBig(new(big.Int).Lsh(i(1), 127)) }), refusal.Malformed, ""},
		{"a constant under -2^127", ops(func(b *reference.Builder) {
			b.ConstBig(new(big.Int).Sub(new(big.Int).Neg(new(big.Int).Lsh(i(1), 127)), i(1)))
		}), refusal.Malformed, ""},
		{"a product past 2^127", ops(func(b *reference.Builder) { b.Mul(b.Param64(1), b.Param64(3)) }), refusal.Malformed, "integer"},
		{"a range that is too small", ops(func(b *reference.Builder) { b.Op(program.ADD, []reference.ID{b.Param(0), 0}, nil, i(0), i(1<<33-3)) }), refusal.Malformed, "range"},
		{"a range that is too large", ops(func(b *reference.Builder) {
			b.Op(program.SUB, []reference.ID{b.Param(0), 0}, nil, i(-1<<32), i(1<<32-1))
		}), refusal.Malformed, "range"},
		{"an empty range", ops(func(b *reference.Builder) { b.Range(b.Param(0), i(2), i(1)) }), refusal.Malformed, "range"},
		{"a range of an assertion", ops(func(b *reference.Builder) {
			b.Op(program.ASSERT, []reference.ID{b.Const(1)}, nil, i(0), i(1))
		}), refusal.Malformed, "range"},
		{"a divisor of 0", ops(func(b *reference.Builder) {
			b.Op(program.DIVMOD, []reference.ID{b.Const(1), b.Param(0)}, nil, i(0), i(1))
		}), refusal.Malformed, "divisor"},
		{"the remainder of a sum", ops(func(b *reference.Builder) {
			b.Op(program.REMAINDER, []reference.ID{b.Add(b.Const(1), b.Const(2))}, nil, i(0), i(1))
		}), refusal.Malformed, "DIVMOD"},
		{"two remainders", ops(func(b *reference.Builder) { d := b.DivMod(b.Param(0), b.Const(3)); b.Remainder(d); b.Remainder(d) }), refusal.Malformed, "REMAINDER"},
		{"a selector that is no boolean", ops(func(b *reference.Builder) { b.Select(b.Const(2), b.Const(0), b.Const(1)) }), refusal.Malformed, "boolean"},
		{"an assertion of no boolean", ops(func(b *reference.Builder) { b.Assert(b.Param(0)) }), refusal.Malformed, "boolean"},
		{"a key as an integer", ops(func(b *reference.Builder) { b.Op(program.NOT, []reference.ID{b.KeyParam(0)}, nil, i(0), i(1)) }), refusal.Malformed, "argument 0"},
		{"a key and an integer", ops(func(b *reference.Builder) {
			b.Op(program.SELECT, []reference.ID{b.Const(1), b.KeyParam(0), b.Const(1)}, nil, nil, nil)
		}), refusal.Malformed, "choices"},
		{"an assertion as a value", ops(func(b *reference.Builder) { b.Assert(b.Const(1)); b.Not(1) }), refusal.Malformed, "argument 0"},
		{"a nonce below 0", ops(func(b *reference.Builder) { b.Authorize(b.Const(1), b.KeyParam(0), b.Const(-1)) }), refusal.Malformed, "static range"},
		{"an index past the map", ops(func(b *reference.Builder) {
			b.AddMap("m", 3, reference.Int("f", 0, 1))
			b.Open(b.Const(1), b.Const(8), 0)
		}), refusal.Malformed, "static range"},
		{"a field that is not there", ops(func(b *reference.Builder) {
			b.AddMap("m", 3, reference.Int("f", 0, 1))
			open := b.Open(b.Const(1), b.Const(0), 0)
			b.Op(program.LOAD, []reference.ID{open}, []uint32{1}, i(0), i(1))
		}), refusal.Malformed, "field"},
		{"a store that does not fit", ops(func(b *reference.Builder) {
			b.AddMap("m", 3, reference.Int("f", 0, 1))
			b.Store(b.Open(b.Const(1), b.Const(0), 0), b.Const(2), 0)
		}), refusal.Malformed, "static range"},
		{"a key stored as an integer", ops(func(b *reference.Builder) {
			b.AddMap("m", 3, reference.Int("f", 0, 1))
			b.Store(b.Open(b.Const(1), b.Const(0), 0), b.KeyParam(0), 0)
		}), refusal.Malformed, "stored value"},
		{"two stores of a field", ops(func(b *reference.Builder) {
			b.AddMap("m", 3, reference.Int("f", 0, 1))
			open := b.Open(b.Const(1), b.Const(0), 0)
			b.Store(open, b.Const(1), 0)
			b.Store(open, b.Const(0), 0)
		}), refusal.Malformed, "at most one"},
		{"two stores of a cell", ops(func(b *reference.Builder) {
			b.AddCell(reference.Int("c", 0, 9))
			b.StoreCell(b.Const(1), 0)
			b.StoreCell(b.Const(1), 0)
		}), refusal.Malformed, "at most one"},
		{"a cell that is not there", ops(func(b *reference.Builder) { b.StoreCell(b.Const(1), 0) }), refusal.Malformed, "cell"},
		{"an output that does not fit", ops(func(b *reference.Builder) { b.Output(b.Const(2), i(0), i(1)) }), refusal.Malformed, "static range"},
		{"an output of a type without 0", ops(func(b *reference.Builder) { b.Output(b.Const(2), i(1), i(2)) }), refusal.Malformed, "type"},
		{"an output of 65 bits", ops(func(b *reference.Builder) { b.Output(b.Const(2), i(0), new(big.Int).Lsh(i(1), 64)) }), refusal.Malformed, "type"},
	} {
		_, err := c.build().Decode()
		found, ok := refusal.As(err)
		if !ok || found.Code != c.code || !strings.Contains(found.Error(), c.text) {
			t.Errorf("%s: expected %s about %q, found %v", c.name, c.code, c.text, err)
		}
	}
}

// TestIntegerForm gives integers in other than the shortest form.
func TestIntegerForm(t *testing.T) {
	for name, form := range map[string][]byte{
		"a zero byte": {0}, "a zero too many": {0, 5}, "an ff too many": {0xff, 0x80}, "17 bytes": append([]byte{1}, make([]byte, 16)...),
	} {
		b := reference.NewBuilder("form", 1, suite.Name)
		b.Const(0)
		b.Message.Ops[0].Lo, b.Message.Ops[0].Hi = form, form
		_, err := b.Decode()
		if found, ok := refusal.As(err); !ok || found.Code != refusal.Malformed || !strings.Contains(found.Message, "integer") {
			t.Errorf("%s: expected a malformed integer, found %v", name, err)
		}
	}
	for _, v := range []*big.Int{big.NewInt(127), big.NewInt(128), big.NewInt(-128), big.NewInt(-129), new(big.Int).Neg(new(big.Int).Lsh(big.NewInt(1), 127))} {
		b := reference.NewBuilder("form", 1, suite.Name)
		b.ConstBig(v)
		p, err := b.Decode()
		if err != nil || p.Ops[0].Lo.Cmp(v) != 0 {
			t.Errorf("%d: %v", v, err)
		}
	}
}

// TestDamaged flips bits of a valid program: nothing may panic, and whatever is still a program is another one.
func TestDamaged(t *testing.T) {
	raw := valid().Bytes()
	random := rand.New(rand.NewPCG(5, 6))
	for range 3000 {
		damaged := clone(raw)
		for range 1 + random.IntN(3) {
			damaged[random.IntN(len(damaged))] ^= byte(1 << random.IntN(8))
		}
		p, err := program.Decode(damaged)
		if err == nil {
			if p.ID == suite.Keccak256(raw) && string(damaged) != string(raw) {
				t.Fatal("another program with the same id")
			}
		} else if _, ok := refusal.As(err); !ok {
			t.Fatalf("expected a refusal, found %v", err)
		}
	}
}
