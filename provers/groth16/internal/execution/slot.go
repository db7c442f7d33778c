package execution

import (
	"fmt"
	"math/big"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"multiprover/provers/groth16/internal/lowering"
	"multiprover/provers/groth16/internal/pb/proverv1"
	"multiprover/provers/groth16/internal/program"
	"multiprover/provers/groth16/internal/refusal"
	"multiprover/provers/groth16/internal/suite"
)

// port is a state access of the slot under execution.
type port struct {
	number        int
	enabled       bool
	index         uint64
	before, after []value
	siblings      []fr.Element
}

// slot is one slot under execution.
type slot struct {
	*batch
	words          []uint32
	request        *proverv1.Slot
	assignment     *lowering.Slot
	values         []value
	remainders     map[int]*big.Int // by DIVMOD
	ports          []*port
	after          map[int]value // cells stored
	outputs        []uint32
	authorizations int
}

// slot runs one slot, moves the state past it and gives its output words.
func (b *batch) slot(number int, words []uint32, request *proverv1.Slot) ([]uint32, error) {
	if len(request.GetOpenings()) != len(b.program.Ports) {
		return nil, refusal.New(refusal.Malformed, len(b.program.Ports), len(request.GetOpenings()), "openings")
	}
	if len(request.GetAuthorizations()) != b.program.Authorizations {
		return nil, refusal.New(refusal.Malformed, b.program.Authorizations, len(request.GetAuthorizations()), "authorizations")
	}
	s := &slot{
		batch: b, words: words, request: request, assignment: &b.circuit.Slots[number],
		values: make([]value, len(b.program.Ops)), remainders: map[int]*big.Int{}, after: map[int]value{},
	}
	for i, word := range words {
		s.assignment.Words[i] = word
	}
	for id := range b.program.Ops {
		if err := s.run(id, &b.program.Ops[id]); err != nil {
			return nil, refusal.Prefix(err, "op %d (%s): ", id, b.program.Ops[id].Code)
		}
	}
	if err := s.closePorts(); err != nil {
		return nil, err
	}
	for cell, v := range s.after {
		b.cells[cell] = v
	}
	return s.outputs, nil
}

func boolean(b bool) value {
	if b {
		return value{int: big.NewInt(1)}
	}
	return value{int: new(big.Int)}
}

func isOne(v value) bool { return v.int.Sign() != 0 }

// within is the constraint of a typed place: the program's static ranges hold for every value, so a violation is a bug of this package or
// of the state, and must not become a witness.
func within(v, lo, hi *big.Int) error {
	if v.Cmp(lo) < 0 || v.Cmp(hi) > 0 {
		return refusal.New(refusal.RefusedTransaction, fmt.Sprintf("within [%d, %d]", lo, hi), v, "value out of range")
	}
	return nil
}

// run executes one operation: docs/program.md §3.
func (s *slot) run(id int, op *program.Op) error {
	arg := func(i int) value { return s.values[op.Args[i]] }
	var v value
	switch op.Code {
	case program.CONST:
		v.int = op.Lo
	case program.PARAM:
		v.int = new(big.Int).SetUint64(uint64(s.words[op.Index]))
	case program.KEYPARAM:
		first := op.Index + suite.KeyWords*s.program.SuiteIndex
		v.key = suite.Reduce(suite.EncodeWords(s.words[first : first+suite.KeyWords]))
	case program.CELL:
		v = s.cells[op.Index]
	case program.OPEN:
		return s.open(op, arg(0), arg(1))
	case program.LOAD:
		v = s.port(op.Args[0]).before[op.Index]
	case program.ADD:
		v.int = new(big.Int).Add(arg(0).int, arg(1).int)
	case program.SUB:
		v.int = new(big.Int).Sub(arg(0).int, arg(1).int)
	case program.MUL:
		v.int = new(big.Int).Mul(arg(0).int, arg(1).int)
	case program.DIVMOD:
		// The divisor is positive, for which big.Int's Euclidean division is the floor division.
		quotient, remainder := new(big.Int).DivMod(arg(0).int, arg(1).int, new(big.Int))
		v.int, s.remainders[id] = quotient, remainder
	case program.REMAINDER:
		v.int = s.remainders[op.Args[0]]
	case program.EQ:
		v = boolean(arg(0).int.Cmp(arg(1).int) == 0)
	case program.LT:
		v = boolean(arg(0).int.Cmp(arg(1).int) < 0)
	case program.SELECT:
		v = arg(2)
		if isOne(arg(0)) {
			v = arg(1)
		}
	case program.AND:
		v = boolean(isOne(arg(0)) && isOne(arg(1)))
	case program.OR:
		v = boolean(isOne(arg(0)) || isOne(arg(1)))
	case program.NOT:
		v = boolean(!isOne(arg(0)))
	case program.RANGE:
		v = arg(0)
	case program.ASSERT:
		if !isOne(arg(0)) {
			return refusal.New(refusal.RefusedTransaction, 1, 0, "assertion failed")
		}
		return nil
	case program.AUTHORIZE:
		return s.authorize(isOne(arg(0)), arg(1).key, arg(2).int)
	case program.STORE:
		s.port(op.Args[0]).after[op.Index] = arg(1)
		return nil
	case program.STORECELL:
		s.after[op.Index] = arg(0)
		return nil
	case program.OUTPUT:
		t := program.Type{Lo: op.Lo, Hi: op.Hi, Words: program.Words(op.Lo, op.Hi)}
		s.outputs = append(s.outputs, wordsOf(encode(&t, arg(0).int))...)
		return nil
	default:
		return fmt.Errorf("operation %s is not implemented", op.Code)
	}
	if op.Kind == program.Integer {
		if err := within(v.int, op.Lo, op.Hi); err != nil {
			return err
		}
	}
	s.values[id] = v
	return nil
}

func (s *slot) port(open int) *port { return s.ports[s.program.Ops[open].Port] }

// open takes the record of a port. A port that is not enabled has zeros, whatever its opening says.
func (s *slot) open(op *program.Op, enabled, index value) error {
	m := &s.program.Maps[op.Index]
	p := &port{number: op.Port, enabled: isOne(enabled), index: index.int.Uint64()}
	s.ports = append(s.ports, p)
	assignment := &s.assignment.Openings[op.Port]

	p.before = make([]value, len(m.Fields))
	p.siblings = make([]fr.Element, m.Depth)
	for i := range m.Fields {
		if !m.Fields[i].Key {
			p.before[i].int = new(big.Int)
		}
	}
	if p.enabled {
		if err := s.readOpening(p, m); err != nil {
			return err
		}
	}
	ints, keys := encodeRecord(m.Fields, p.before)
	assignInts(assignment.Ints, ints)
	assignElements(assignment.Keys, keys)
	assignElements(assignment.Siblings, p.siblings)
	p.after = append([]value(nil), p.before...)
	return nil
}

func (s *slot) readOpening(p *port, m *program.Map) error {
	opening := s.request.Openings[p.number]
	what := fmt.Sprintf("opening of port %d", p.number)
	if len(opening.GetSuites()) != len(s.program.Suites) {
		return refusal.New(refusal.BadOpening, fmt.Sprintf("%d suites", len(s.program.Suites)), len(opening.GetSuites()), "%s, which is enabled", what)
	}
	own := opening.Suites[s.program.SuiteIndex]
	ints, err := readTyped(what, opening.Fields, m.Fields)
	if err != nil {
		return err
	}
	keyFields := 0
	for i := range m.Fields {
		if m.Fields[i].Key {
			keyFields++
		}
	}
	keys, err := readKeys("keys of the "+what, own.GetKeys(), keyFields)
	if err != nil {
		return err
	}
	if p.siblings, err = readElements("siblings of the "+what, own.GetSiblings(), m.Depth); err != nil {
		return err
	}
	p.before = decodeRecord(m.Fields, ints, keys)
	return nil
}

// closePorts checks the openings and moves the map roots, in the order of the ports.
func (s *slot) closePorts() error {
	for _, p := range s.ports {
		if !p.enabled {
			continue
		}
		number := s.program.Ports[p.number].Map
		root := &s.mapRoots[number]
		found := s.rootOf(number, p, p.before)
		if !found.Equal(root) {
			return refusal.New(refusal.BadOpening, hexOf(*root), hexOf(found), "port %d: root of map %d that its record %d leads to", p.number, number, p.index)
		}
		*root = s.rootOf(number, p, p.after)
	}
	return nil
}

func (s *slot) rootOf(number int, p *port, record []value) fr.Element {
	ints, keys := encodeRecord(s.program.Maps[number].Fields, record)
	return suite.RootFromPath(suite.Leaf(number, ints, keys), p.index, p.siblings)
}

// authorize checks a signature. One that is not demanded is given the values that satisfy the circuit.
func (s *slot) authorize(enabled bool, key fr.Element, nonce *big.Int) error {
	number := s.authorizations
	s.authorizations++
	signature := &suite.Signature{A: suite.Identity, R: suite.Identity, S: new(big.Int)}
	if enabled {
		signatures := s.request.Authorizations[number].GetSignatures()
		if len(signatures) != len(s.program.Suites) {
			return refusal.New(refusal.BadSignature, fmt.Sprintf("%d signatures", len(s.program.Suites)), len(signatures), "authorization %d", number)
		}
		decoded, err := suite.DecodeSignature(signatures[s.program.SuiteIndex])
		if err == nil {
			err = decoded.Verify(key, suite.TxDigest(s.domain, s.words), nonce.Uint64())
		}
		if err != nil {
			return refusal.New(refusal.BadSignature, "a signature that verifies", err, "authorization %d", number)
		}
		signature = decoded
	}
	s.assignment.Authorizations[number] = lowering.Authorization{
		AX: signature.A.X, AY: signature.A.Y, RX: signature.R.X, RY: signature.R.Y, S: signature.S,
	}
	return nil
}
