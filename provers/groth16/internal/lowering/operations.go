package lowering

import (
	"github.com/consensys/gnark/frontend"

	"multiprover/provers/groth16/internal/gadgets"
	"multiprover/provers/groth16/internal/program"
	"multiprover/provers/groth16/internal/suite"
)

// value is the value of an operation.
type value struct {
	gadgets.Integer                     // of an integer
	words           []frontend.Variable // of a RANGE that is written: V - Lo in words
	remainder       frontend.Variable   // of a DIVMOD
	key             frontend.Variable   // of a key
	port            *port               // of an OPEN
}

// slot is one slot in the making.
type slot struct {
	*batch
	advice         *Slot
	values         []value // by id
	ports          []*port
	after          map[int]value // cells stored, by number
	outputs        []frontend.Variable
	digest         frontend.Variable // of the transaction, once an AUTHORIZE asks for it
	authorizations int               // AUTHORIZE so far
}

// operations holds one function for each code. All read in the same order: arguments, constraints, value.
var operations = map[program.Code]func(*slot, *program.Op) value{
	program.CONST:     (*slot).constant,
	program.PARAM:     (*slot).param,
	program.KEYPARAM:  (*slot).keyParam,
	program.CELL:      (*slot).cell,
	program.OPEN:      (*slot).open,
	program.LOAD:      (*slot).load,
	program.ADD:       (*slot).add,
	program.SUB:       (*slot).sub,
	program.MUL:       (*slot).mul,
	program.DIVMOD:    (*slot).divMod,
	program.REMAINDER: (*slot).remainder,
	program.EQ:        (*slot).eq,
	program.LT:        (*slot).lt,
	program.SELECT:    (*slot).choose,
	program.AND:       (*slot).and,
	program.OR:        (*slot).or,
	program.NOT:       (*slot).not,
	program.RANGE:     (*slot).inRange,
	program.ASSERT:    (*slot).assert,
	program.AUTHORIZE: (*slot).authorize,
	program.STORE:     (*slot).store,
	program.STORECELL: (*slot).storeCell,
	program.OUTPUT:    (*slot).output,
}

// slot constrains one slot to be valid, moves the state past it and gives its output words.
func (b *batch) slot(advice *Slot) []frontend.Variable {
	s := &slot{batch: b, advice: advice, values: make([]value, 0, len(b.program.Ops)), after: map[int]value{}}
	for _, word := range advice.Words {
		b.CheckWords(word, 1)
	}
	for id := range b.program.Ops {
		op := &b.program.Ops[id]
		s.values = append(s.values, operations[op.Code](s, op))
	}
	b.closePorts(s.ports)
	for number, v := range s.after {
		b.cells[number] = v
	}
	return s.outputs
}

func (s *slot) arg(op *program.Op, i int) *value { return &s.values[op.Args[i]] }

// integer is a value of the operation's range.
func integer(op *program.Op, v frontend.Variable) value {
	return value{Integer: gadgets.Integer{V: v, Lo: op.Lo, Hi: op.Hi}}
}

// constant: CONST.
func (s *slot) constant(op *program.Op) value {
	// ARGUMENTS
	// none

	// CONSTRAINTS
	// none

	// VALUE
	return integer(op, op.Lo)
}

// param: PARAM #j.
func (s *slot) param(op *program.Op) value {
	// ARGUMENTS
	word := s.advice.Words[op.Index]

	// CONSTRAINTS
	// none: every input word is held to 32 bits once a slot

	// VALUE
	return integer(op, word)
}

// keyParam: KEY_PARAM #j.
func (s *slot) keyParam(op *program.Op) value {
	// ARGUMENTS
	first := op.Index + suite.KeyWords*s.program.SuiteIndex
	words := s.advice.Words[first : first+suite.KeyWords]

	// CONSTRAINTS
	// none: the part is F of its words

	// VALUE
	return value{key: s.KeyPart(words)}
}

// cell: CELL #c.
func (s *slot) cell(op *program.Op) value {
	// ARGUMENTS
	before := s.cells[op.Index]

	// CONSTRAINTS
	// none

	// VALUE
	return before
}

// open: OPEN enabled, idx, #m.
func (s *slot) open(op *program.Op) value {
	// ARGUMENTS
	enabled, index := s.arg(op, 0), s.arg(op, 1)

	// CONSTRAINTS
	p := s.openPort(op.Port, enabled.V, index.Integer, &s.advice.Openings[op.Port])
	s.ports = append(s.ports, p)

	// VALUE
	return value{port: p}
}

// load: LOAD open, #f.
func (s *slot) load(op *program.Op) value {
	// ARGUMENTS
	p := s.arg(op, 0).port

	// CONSTRAINTS
	// none: openPort made the fields of a port that is not enabled zero

	// VALUE
	return p.before[op.Index]
}

// add: ADD a, b.
func (s *slot) add(op *program.Op) value {
	// ARGUMENTS
	a, b := s.arg(op, 0), s.arg(op, 1)

	// CONSTRAINTS
	// none: linear

	// VALUE
	return integer(op, s.api.Add(a.V, b.V))
}

// sub: SUB a, b.
func (s *slot) sub(op *program.Op) value {
	// ARGUMENTS
	a, b := s.arg(op, 0), s.arg(op, 1)

	// CONSTRAINTS
	// none: linear

	// VALUE
	return integer(op, s.api.Sub(a.V, b.V))
}

// mul: MUL a, b.
func (s *slot) mul(op *program.Op) value {
	// ARGUMENTS
	a, b := s.arg(op, 0), s.arg(op, 1)

	// CONSTRAINTS
	product := s.api.Mul(a.V, b.V)

	// VALUE
	return integer(op, product)
}

// divMod: DIVMOD a, b.
func (s *slot) divMod(op *program.Op) value {
	// ARGUMENTS
	a, b := s.arg(op, 0), s.arg(op, 1)

	// CONSTRAINTS
	quotient, remainder := s.DivMod(a.Integer, b.Integer)

	// VALUE
	v := integer(op, quotient)
	v.remainder = remainder
	return v
}

// remainder: REMAINDER d.
func (s *slot) remainder(op *program.Op) value {
	// ARGUMENTS
	division := s.arg(op, 0)

	// CONSTRAINTS
	// none: made with the DIVMOD

	// VALUE
	return integer(op, division.remainder)
}

// eq: EQ a, b.
func (s *slot) eq(op *program.Op) value {
	// ARGUMENTS
	a, b := s.arg(op, 0), s.arg(op, 1)

	// CONSTRAINTS
	equal := s.Equal(a.Integer, b.Integer)

	// VALUE
	return integer(op, equal)
}

// lt: LT a, b.
func (s *slot) lt(op *program.Op) value {
	// ARGUMENTS
	a, b := s.arg(op, 0), s.arg(op, 1)

	// CONSTRAINTS
	less := s.Less(a.Integer, b.Integer)

	// VALUE
	return integer(op, less)
}

// choose: SELECT c, a, b.
func (s *slot) choose(op *program.Op) value {
	// ARGUMENTS
	c, a, b := s.arg(op, 0), s.arg(op, 1), s.arg(op, 2)
	x, y := a.V, b.V
	if op.Kind == program.Key {
		x, y = a.key, b.key
	}

	// CONSTRAINTS
	chosen := s.api.Add(y, s.api.Mul(c.V, s.api.Sub(x, y)))

	// VALUE
	if op.Kind == program.Key {
		return value{key: chosen}
	}
	return integer(op, chosen)
}

// and: AND a, b.
func (s *slot) and(op *program.Op) value {
	// ARGUMENTS
	a, b := s.arg(op, 0), s.arg(op, 1)

	// CONSTRAINTS
	both := s.api.Mul(a.V, b.V)

	// VALUE
	return integer(op, both)
}

// or: OR a, b.
func (s *slot) or(op *program.Op) value {
	// ARGUMENTS
	a, b := s.arg(op, 0), s.arg(op, 1)

	// CONSTRAINTS
	both := s.api.Mul(a.V, b.V)

	// VALUE
	return integer(op, s.api.Sub(s.api.Add(a.V, b.V), both))
}

// not: NOT a.
func (s *slot) not(op *program.Op) value {
	// ARGUMENTS
	a := s.arg(op, 0)

	// CONSTRAINTS
	// none: linear

	// VALUE
	return integer(op, s.api.Sub(1, a.V))
}

// inRange: RANGE v.
func (s *slot) inRange(op *program.Op) value {
	// ARGUMENTS
	v := s.arg(op, 0)
	words := 0
	if s.program.Written[len(s.values)] {
		words = program.Words(op.Lo, op.Hi)
	}

	// CONSTRAINTS
	parts := s.Range(v.Integer, op.Lo, op.Hi, words)

	// VALUE
	ranged := integer(op, v.V)
	ranged.words = parts
	return ranged
}

// assert: ASSERT c.
func (s *slot) assert(op *program.Op) value {
	// ARGUMENTS
	c := s.arg(op, 0)

	// CONSTRAINTS
	s.api.AssertIsEqual(c.V, 1)

	// VALUE
	return value{}
}

// authorize: AUTHORIZE enabled, key, nonce.
func (s *slot) authorize(op *program.Op) value {
	// ARGUMENTS
	enabled, key, nonce := s.arg(op, 0), s.arg(op, 1), s.arg(op, 2)
	signature := &s.advice.Authorizations[s.authorizations]
	s.authorizations++

	// CONSTRAINTS
	if s.digest == nil {
		elements := append([]frontend.Variable{s.domain}, s.PackWords(s.advice.Words)...)
		s.digest = s.Hash(suite.TagTransaction, 0, elements...)
	}
	s.AssertSignature(enabled.V, key.key, s.digest, nonce.V, gadgets.Signature{
		A: gadgets.Point{X: signature.AX, Y: signature.AY},
		R: gadgets.Point{X: signature.RX, Y: signature.RY},
		S: signature.S,
	})

	// VALUE
	return value{}
}

// store: STORE open, v, #f.
func (s *slot) store(op *program.Op) value {
	// ARGUMENTS
	p, v := s.arg(op, 0).port, s.arg(op, 1)

	// CONSTRAINTS
	// none: closePorts hashes the new record

	// VALUE
	p.after[op.Index] = *v
	return value{}
}

// storeCell: STORE_CELL v, #c.
func (s *slot) storeCell(op *program.Op) value {
	// ARGUMENTS
	v := s.arg(op, 0)

	// CONSTRAINTS
	// none

	// VALUE
	s.after[op.Index] = *v
	return value{}
}

// output: OUTPUT v.
func (s *slot) output(op *program.Op) value {
	// ARGUMENTS
	v := s.arg(op, 0)
	count := program.Words(op.Lo, op.Hi)

	// CONSTRAINTS
	words := v.words
	switch {
	case words != nil && v.Lo.Cmp(op.Lo) == 0 && len(words) == count:
		// the words of the RANGE
	case count == 1:
		words = []frontend.Variable{s.api.Sub(v.V, op.Lo)} // below 2^32 by the static range
	default:
		words = s.Words(s.api.Sub(v.V, op.Lo), count)
	}

	// VALUE
	s.outputs = append(s.outputs, words...)
	return value{}
}
