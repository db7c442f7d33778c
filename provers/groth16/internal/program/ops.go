package program

import (
	"fmt"
	"math/big"

	"multiprover/provers/groth16/internal/pb/programv1"
	"multiprover/provers/groth16/internal/refusal"
	"multiprover/provers/groth16/internal/suite"
)

// The codes, without their prefix.
const (
	CONST     = programv1.Code_CODE_CONST
	PARAM     = programv1.Code_CODE_PARAM
	KEYPARAM  = programv1.Code_CODE_KEY_PARAM
	CELL      = programv1.Code_CODE_CELL
	OPEN      = programv1.Code_CODE_OPEN
	LOAD      = programv1.Code_CODE_LOAD
	ADD       = programv1.Code_CODE_ADD
	SUB       = programv1.Code_CODE_SUB
	MUL       = programv1.Code_CODE_MUL
	DIVMOD    = programv1.Code_CODE_DIVMOD
	REMAINDER = programv1.Code_CODE_REMAINDER
	EQ        = programv1.Code_CODE_EQ
	LT        = programv1.Code_CODE_LT
	SELECT    = programv1.Code_CODE_SELECT
	AND       = programv1.Code_CODE_AND
	OR        = programv1.Code_CODE_OR
	NOT       = programv1.Code_CODE_NOT
	RANGE     = programv1.Code_CODE_RANGE
	ASSERT    = programv1.Code_CODE_ASSERT
	AUTHORIZE = programv1.Code_CODE_AUTHORIZE
	STORE     = programv1.Code_CODE_STORE
	STORECELL = programv1.Code_CODE_STORE_CELL
	OUTPUT    = programv1.Code_CODE_OUTPUT
)

// argument says what an argument of an operation must be.
type argument uint8

const (
	anInteger argument = iota
	aBoolean
	aKey
	anyValue // an integer or a key
	anOpen
	aDivMod
)

// shape is the form of an operation: its arguments and whether it has an immediate.
type shape struct {
	args  []argument
	index bool
}

var shapes = map[Code]shape{
	CONST:     {},
	PARAM:     {index: true},
	KEYPARAM:  {index: true},
	CELL:      {index: true},
	OPEN:      {args: []argument{aBoolean, anInteger}, index: true},
	LOAD:      {args: []argument{anOpen}, index: true},
	ADD:       {args: []argument{anInteger, anInteger}},
	SUB:       {args: []argument{anInteger, anInteger}},
	MUL:       {args: []argument{anInteger, anInteger}},
	DIVMOD:    {args: []argument{anInteger, anInteger}},
	REMAINDER: {args: []argument{aDivMod}},
	EQ:        {args: []argument{anInteger, anInteger}},
	LT:        {args: []argument{anInteger, anInteger}},
	SELECT:    {args: []argument{aBoolean, anyValue, anyValue}},
	AND:       {args: []argument{aBoolean, aBoolean}},
	OR:        {args: []argument{aBoolean, aBoolean}},
	NOT:       {args: []argument{aBoolean}},
	RANGE:     {args: []argument{anInteger}},
	ASSERT:    {args: []argument{aBoolean}},
	AUTHORIZE: {args: []argument{aBoolean, aKey, anInteger}},
	STORE:     {args: []argument{anOpen, anyValue}, index: true},
	STORECELL: {args: []argument{anyValue}, index: true},
	OUTPUT:    {args: []argument{anInteger}},
}

var (
	zero    = new(big.Int)
	one     = big.NewInt(1)
	least   = new(big.Int).Neg(new(big.Int).Lsh(one, 127))
	most    = new(big.Int).Sub(new(big.Int).Lsh(one, 127), one)
	maxWord = new(big.Int).SetUint64(1<<suite.WordBits - 1)
	maxU64  = new(big.Int).SetUint64(1<<64 - 1)
)

// reader checks the operations one by one.
type reader struct {
	*Program
	remainders map[int]bool
	stored     map[int]bool // cells
	declared   []*programv1.Port
	outputs    int // words so far
	signatures int // AUTHORIZE so far
}

func (p *Program) checkOps(m *programv1.Program) error {
	r := &reader{Program: p, remainders: map[int]bool{}, stored: map[int]bool{}, declared: m.Ports}
	p.Ops = make([]Op, 0, len(m.Ops))
	p.Written = make([]bool, len(m.Ops))
	for id, encoded := range m.Ops {
		op, err := r.read(encoded)
		if err != nil {
			return refusal.Prefix(err, "op %d (%s): ", id, encoded.Code)
		}
		p.Ops = append(p.Ops, *op)
	}
	for _, c := range []struct {
		name            string
		expected, found int
	}{
		{"ports", len(m.Ports), len(p.Ports)},
		{"authorizations", p.Authorizations, r.signatures},
		{"output words", p.OutputWords, r.outputs},
	} {
		if c.expected != c.found {
			return malformed(c.expected, c.found, "%s of the operations", c.name)
		}
	}
	return nil
}

func (r *reader) read(encoded *programv1.Op) (*Op, error) {
	form, ok := shapes[encoded.Code]
	if !ok {
		return nil, unsupported("an operation of program version 1", encoded.Code, "operation")
	}
	if len(encoded.Args) != len(form.args) {
		return nil, malformed(len(form.args), len(encoded.Args), "number of arguments")
	}
	immediates := 0
	if form.index {
		immediates = 1
	}
	if len(encoded.Index) != immediates {
		return nil, malformed(immediates, len(encoded.Index), "number of immediates")
	}
	op := &Op{Code: encoded.Code}
	for i, id := range encoded.Args {
		if int64(id) >= int64(len(r.Ops)) {
			return nil, malformed(fmt.Sprintf("an id below %d", len(r.Ops)), id, "argument %d", i)
		}
		if err := r.checkArgument(form.args[i], int(id)); err != nil {
			return nil, refusal.Prefix(err, "argument %d: ", i)
		}
		op.Args = append(op.Args, int(id))
	}
	if form.index {
		op.Index = int(encoded.Index[0])
	}
	lo, err := readInteger(encoded.Lo)
	if err != nil {
		return nil, err
	}
	hi, err := readInteger(encoded.Hi)
	if err != nil {
		return nil, err
	}
	if err := r.infer(op, lo, hi); err != nil {
		return nil, err
	}
	return op, r.checkRange(op, lo, hi)
}

func (r *reader) checkArgument(want argument, id int) error {
	op := &r.Ops[id]
	ok, name := false, ""
	switch want {
	case anInteger:
		ok, name = op.Kind == Integer, "an integer"
	case aBoolean:
		ok, name = op.Kind == Integer && op.Lo.Sign() >= 0 && op.Hi.Cmp(one) <= 0, "a boolean"
	case aKey:
		ok, name = op.Kind == Key, "a key"
	case anyValue:
		ok, name = op.Kind == Integer || op.Kind == Key, "an integer or a key"
	case anOpen:
		ok, name = op.Kind == Open, "an OPEN"
	case aDivMod:
		ok, name = op.Code == DIVMOD, "a DIVMOD"
	}
	if !ok {
		return malformed(name, fmt.Sprintf("op %d (%s)", id, op.Code), "argument")
	}
	return nil
}

// readInteger reads two's complement, big-endian, shortest form; empty for 0. Whatever is longer than 16 bytes is outside of ±2^127.
func readInteger(raw []byte) (*big.Int, error) {
	if len(raw) > 16 {
		return nil, malformed("at most 16 bytes", len(raw), "integer")
	}
	if len(raw) == 0 {
		return new(big.Int), nil
	}
	negative := raw[0] >= 0x80
	shortest := !(len(raw) == 1 && raw[0] == 0)
	if len(raw) > 1 {
		shortest = !(raw[0] == 0 && raw[1] < 0x80 || raw[0] == 0xff && raw[1] >= 0x80)
	}
	if !shortest {
		return nil, malformed("the shortest form", fmt.Sprintf("%#x", raw), "integer")
	}
	v := new(big.Int).SetBytes(raw)
	if negative {
		v.Sub(v, new(big.Int).Lsh(one, uint(8*len(raw))))
	}
	return v, nil
}

// checkRange compares the range that an operation carries with the one inferred.
func (r *reader) checkRange(op *Op, lo, hi *big.Int) error {
	wantLo, wantHi := op.Lo, op.Hi
	if wantLo == nil {
		wantLo, wantHi = zero, zero // operations without a range carry none
	}
	if lo.Cmp(wantLo) != 0 || hi.Cmp(wantHi) != 0 {
		return malformed(fmt.Sprintf("[%d, %d]", wantLo, wantHi), fmt.Sprintf("[%d, %d]", lo, hi), "range")
	}
	if wantLo.Cmp(wantHi) > 0 || wantLo.Cmp(least) < 0 || wantHi.Cmp(most) > 0 {
		return malformed("lo <= hi within ±2^127", fmt.Sprintf("[%d, %d]", wantLo, wantHi), "range")
	}
	return nil
}

// integer sets the range of an operation's value.
func (op *Op) integer(lo, hi *big.Int) {
	op.Kind, op.Lo, op.Hi = Integer, lo, hi
}

// value sets the value of an operation to one of a typed place.
func (op *Op) value(t *Type) {
	if t.Key {
		op.Kind = Key
		return
	}
	op.integer(t.Lo, t.Hi)
}

func (r *reader) index(op *Op, what string, count int) error {
	if op.Index < 0 || op.Index >= count {
		return malformed(fmt.Sprintf("below %d", count), op.Index, "%s", what)
	}
	return nil
}

// fits demands that a value may be stored in a typed place.
func fits(v *Op, t *Type) error {
	if t.Key != (v.Kind == Key) {
		return malformed("a key for a key, an integer for an integer", v.Code, "stored value")
	}
	if !t.Key {
		return within(v, t.Lo, t.Hi)
	}
	return nil
}

func within(v *Op, lo, hi *big.Int) error {
	if v.Lo.Cmp(lo) < 0 || v.Hi.Cmp(hi) > 0 {
		return malformed(fmt.Sprintf("a value within [%d, %d]", lo, hi), fmt.Sprintf("[%d, %d]", v.Lo, v.Hi), "static range")
	}
	return nil
}

// infer gives an operation its kind and range by the rules of docs/program.md §3, and checks its conditions. lo and hi are what it
// carries, which for CONST, RANGE and OUTPUT is given.
func (r *reader) infer(op *Op, lo, hi *big.Int) error {
	arg := func(i int) *Op { return &r.Ops[op.Args[i]] }
	id := len(r.Ops)
	switch op.Code {
	case CONST:
		if lo.Cmp(hi) != 0 {
			return malformed("lo = hi", fmt.Sprintf("[%d, %d]", lo, hi), "range of a constant")
		}
		op.integer(lo, hi)
	case PARAM:
		op.integer(zero, maxWord)
		return r.index(op, "input word", r.InputWords)
	case KEYPARAM:
		op.Kind = Key
		return r.index(op, "first of the input words of a key", r.InputWords-suite.KeyWords*len(r.Suites)+1)
	case CELL:
		if err := r.index(op, "cell", len(r.Cells)); err != nil {
			return err
		}
		op.value(&r.Cells[op.Index])
	case OPEN:
		return r.inferOpen(op, arg(1), id)
	case LOAD:
		port := &r.Ports[arg(0).Port]
		fields := r.Maps[port.Map].Fields
		if err := r.index(op, "field", len(fields)); err != nil {
			return err
		}
		port.Loaded[op.Index] = true
		op.value(&fields[op.Index])
	case ADD:
		op.integer(new(big.Int).Add(arg(0).Lo, arg(1).Lo), new(big.Int).Add(arg(0).Hi, arg(1).Hi))
	case SUB:
		op.integer(new(big.Int).Sub(arg(0).Lo, arg(1).Hi), new(big.Int).Sub(arg(0).Hi, arg(1).Lo))
	case MUL:
		op.integer(productRange(arg(0), arg(1)))
	case DIVMOD:
		if arg(1).Lo.Sign() <= 0 {
			return malformed("a divisor of at least 1", fmt.Sprintf("[%d, %d]", arg(1).Lo, arg(1).Hi), "static range")
		}
		op.integer(quotientRange(arg(0), arg(1)))
	case REMAINDER:
		if r.remainders[op.Args[0]] {
			return malformed("at most one", "another", "REMAINDER of op %d", op.Args[0])
		}
		r.remainders[op.Args[0]] = true
		dividend, divisor := &r.Ops[arg(0).Args[0]], &r.Ops[arg(0).Args[1]]
		last := new(big.Int).Sub(divisor.Hi, one)
		if dividend.Lo.Sign() >= 0 && dividend.Hi.Cmp(last) < 0 {
			last = dividend.Hi
		}
		op.integer(zero, last)
	case EQ, LT, AND, OR, NOT:
		op.integer(zero, one)
	case SELECT:
		a, b := arg(1), arg(2)
		if a.Kind != b.Kind {
			return malformed("two integers or two keys", fmt.Sprintf("%s and %s", a.Code, b.Code), "choices")
		}
		if a.Kind == Key {
			op.Kind = Key
			return nil
		}
		op.integer(smaller(a.Lo, b.Lo), greater(a.Hi, b.Hi))
	case RANGE:
		op.integer(lo, hi)
	case AUTHORIZE:
		r.signatures++
		return within(arg(2), zero, maxU64)
	case STORE:
		return r.inferStore(op, arg(0), arg(1))
	case STORECELL:
		if err := r.index(op, "cell", len(r.Cells)); err != nil {
			return err
		}
		if r.stored[op.Index] {
			return malformed("at most one", "another", "STORE_CELL of cell %d", op.Index)
		}
		r.stored[op.Index] = true
		return fits(arg(0), &r.Cells[op.Index])
	case OUTPUT:
		words, ok := typeWords(lo, hi)
		if !ok {
			return malformed("lo <= 0 <= hi, at most 64 bits wide", fmt.Sprintf("[%d, %d]", lo, hi), "type")
		}
		op.Lo, op.Hi = lo, hi
		r.outputs += words
		if source := arg(0); source.Code == RANGE && source.Lo.Cmp(lo) == 0 && source.Hi.Cmp(hi) == 0 {
			r.Written[op.Args[0]] = true
		}
		return within(arg(0), lo, hi)
	}
	return nil
}

func (r *reader) inferOpen(op, index *Op, id int) error {
	op.Kind = Open
	op.Port = len(r.Ports)
	if op.Port >= len(r.declared) {
		return malformed(fmt.Sprintf("%d ports", len(r.declared)), "another", "OPEN")
	}
	if err := r.index(op, "map", len(r.Maps)); err != nil {
		return err
	}
	if index := r.declared[op.Port].Map; int64(index) != int64(op.Index) {
		return malformed(fmt.Sprintf("map %d", index), op.Index, "OPEN of port %d", op.Port)
	}
	fields := len(r.Maps[op.Index].Fields)
	r.Ports = append(r.Ports, Port{Map: op.Index, Open: id, Loaded: make([]bool, fields), Stored: make([]bool, fields)})
	last := new(big.Int).Lsh(one, uint(r.Maps[op.Index].Depth))
	return within(index, zero, last.Sub(last, one))
}

func (r *reader) inferStore(op, open, v *Op) error {
	port := &r.Ports[open.Port]
	fields := r.Maps[port.Map].Fields
	if err := r.index(op, "field", len(fields)); err != nil {
		return err
	}
	if port.Stored[op.Index] {
		return malformed("at most one", "another", "STORE of field %d of port %d", op.Index, open.Port)
	}
	port.Stored[op.Index] = true
	return fits(v, &fields[op.Index])
}

func productRange(a, b *Op) (lo, hi *big.Int) {
	for _, x := range []*big.Int{a.Lo, a.Hi} {
		for _, y := range []*big.Int{b.Lo, b.Hi} {
			corner := new(big.Int).Mul(x, y)
			if lo == nil {
				lo, hi = corner, corner
			}
			lo, hi = smaller(lo, corner), greater(hi, corner)
		}
	}
	return lo, hi
}

// quotientRange is the range of floor(a / b) for b.Lo >= 1; big.Int.Div rounds towards -∞ for a positive divisor.
func quotientRange(a, b *Op) (lo, hi *big.Int) {
	lowDivisor, highDivisor := b.Hi, b.Lo
	if a.Lo.Sign() < 0 {
		lowDivisor = b.Lo
	}
	if a.Hi.Sign() < 0 {
		highDivisor = b.Hi
	}
	return new(big.Int).Div(a.Lo, lowDivisor), new(big.Int).Div(a.Hi, highDivisor)
}

func smaller(a, b *big.Int) *big.Int {
	if a.Cmp(b) <= 0 {
		return a
	}
	return b
}

func greater(a, b *big.Int) *big.Int {
	if a.Cmp(b) >= 0 {
		return a
	}
	return b
}
