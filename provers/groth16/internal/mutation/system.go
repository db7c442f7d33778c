// Package mutation lies to circuits: it solves a constraint system as a dishonest prover would, changes values of the witness, and tells which lies no constraint
// refuses. It is for tests (cmd/mutate, which is not shipped); the prover does not use it.
package mutation

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/constraint"
	csbn254 "github.com/consensys/gnark/constraint/bn254"
	"github.com/consensys/gnark/constraint/solver"
)

// none stands for no step and no wire.
const none = -1

// System is a constraint system taken apart into steps, which are walked in the order in which its values become known.
type System struct {
	coefficients []fr.Element
	steps        []step
	readers      [][]int32 // by wire: the steps that read or define it, ascending
	names        []string  // of the public and secret wires
	public       int       // wires 0 to public-1; wire 0 is the constant 1
	inputs       int       // public and secret wires
	wires        int
	derived      []int // public wires that follow from the others: computed, not given
	constraints  int
}

// step is a hint or a constraint l·r = o.
type step struct {
	l, r, o constraint.LinearExpression // of a constraint
	defines int                         // the wire that the constraint gives a value to, or none: a check

	hint       advise // nil: a constraint
	hintName   string
	inputs     []constraint.LinearExpression
	start, end int // output wires of the hint
}

// advise gives the outputs of a hint; it never refuses.
type advise func(inputs, outputs []fr.Element)

// New takes a system apart. The public values whose names are in derived are left for the constraints to give.
func New(cs constraint.ConstraintSystem, derived ...string) (*System, error) {
	r1cs, ok := cs.(*csbn254.R1CS)
	if !ok {
		return nil, fmt.Errorf("expected an R1CS over bn254, found %T", cs)
	}
	functions := map[solver.HintID]solver.Hint{}
	for _, hint := range solver.GetRegisteredHints() {
		functions[solver.GetHintID(hint)] = hint
	}
	s := &System{
		coefficients: r1cs.Coefficients,
		names:        append(append([]string(nil), r1cs.Public...), r1cs.Secret...),
		public:       len(r1cs.Public),
		inputs:       len(r1cs.Public) + len(r1cs.Secret),
		wires:        len(r1cs.Public) + len(r1cs.Secret) + r1cs.NbInternalVariables,
		constraints:  cs.GetNbConstraints(),
	}
	for i := 1; i < s.public; i++ {
		for _, name := range derived {
			if s.names[i] == name {
				s.derived = append(s.derived, i)
			}
		}
	}
	if len(s.derived) != len(derived) {
		return nil, fmt.Errorf("expected public values %v, found %v", derived, s.names[:s.public])
	}
	known := make([]bool, s.wires)
	for i := range s.inputs {
		known[i] = true
	}
	for _, wire := range s.derived {
		known[wire] = false
	}
	for _, instruction := range r1cs.Instructions {
		made, err := s.step(r1cs, instruction, functions)
		if err != nil {
			return nil, err
		}
		made.defines = none
		if made.hint != nil {
			for wire := made.start; wire < made.end; wire++ {
				known[wire] = true
			}
		} else if made.defines, err = undefined(made, known); err != nil {
			return nil, fmt.Errorf("constraint %d: %w", len(s.steps), err)
		}
		s.steps = append(s.steps, *made)
	}
	s.index()
	return s, nil
}

func (s *System) step(r1cs *csbn254.R1CS, packed constraint.PackedInstruction, functions map[solver.HintID]solver.Hint) (*step, error) {
	instruction := packed.Unpack(&r1cs.System)
	switch blueprint := r1cs.Blueprints[packed.BlueprintID].(type) {
	case constraint.BlueprintR1C:
		var c constraint.R1C
		blueprint.DecompressR1C(&c, instruction)
		return &step{l: c.L, r: c.R, o: c.O}, nil
	case constraint.BlueprintHint:
		var h constraint.HintMapping
		blueprint.DecompressHint(&h, instruction)
		name := r1cs.MHintsDependencies[h.HintID]
		function, err := dishonest(name, functions[h.HintID])
		if err != nil {
			return nil, err
		}
		return &step{hint: function, hintName: name, inputs: h.Inputs, start: int(h.OutputRange.Start), end: int(h.OutputRange.End)}, nil
	case *constraint.BlueprintBatchInverse[constraint.U64]:
		c := &step{
			hint: func(inputs, outputs []fr.Element) { copy(outputs, fr.BatchInvert(inputs)) }, hintName: "inverses",
			start: int(instruction.WireOffset), end: int(instruction.WireOffset) + blueprint.NbOutputs(instruction),
		}
		for data := instruction.Calldata[2:instruction.Calldata[0]]; len(data) > 0; {
			terms := data[1 : 1+2*data[0]]
			data = data[1+2*data[0]:]
			var side constraint.LinearExpression
			for ; len(terms) > 0; terms = terms[2:] {
				side = append(side, constraint.Term{CID: terms[0], VID: terms[1]})
			}
			c.inputs = append(c.inputs, side)
		}
		return c, nil
	default:
		return nil, fmt.Errorf("instruction of kind %T", blueprint)
	}
}

// undefined is the one wire of a constraint that nothing before gives a value to.
func undefined(c *step, known []bool) (int, error) {
	found := none
	for _, side := range []constraint.LinearExpression{c.l, c.r, c.o} {
		for _, t := range side {
			wire := t.WireID()
			if known[wire] {
				continue
			}
			if found != none && found != wire {
				return none, errors.New("two unknown wires")
			}
			found = wire
		}
	}
	if found != none {
		known[found] = true
	}
	return found, nil
}

func (s *System) index() {
	s.readers = make([][]int32, s.wires)
	note := func(step int, side constraint.LinearExpression) {
		for _, t := range side {
			if t.IsConstant() || t.WireID() == 0 {
				continue
			}
			list := s.readers[t.WireID()]
			if len(list) == 0 || list[len(list)-1] != int32(step) {
				s.readers[t.WireID()] = append(list, int32(step))
			}
		}
	}
	for i := range s.steps {
		c := &s.steps[i]
		for _, side := range append([]constraint.LinearExpression{c.l, c.r, c.o}, c.inputs...) {
			note(i, side)
		}
	}
}

// dishonest is a hint as a dishonest prover has it: it never refuses. Limbs keep their sum, whatever their size; counts leave out what is in no table; a
// commitment is any hash of what is committed. A hint that fails gives zeros, as good as anything to a prover who lies.
func dishonest(name string, honest solver.Hint) (advise, error) {
	switch {
	case strings.HasSuffix(name, "rangecheck.DecomposeHint"):
		return greedyLimbs, nil
	case strings.HasSuffix(name, "logderivarg.countHint"):
		return lenientCount, nil
	case strings.Contains(name, commitmentHint):
		return anyHash, nil
	case honest == nil:
		return nil, fmt.Errorf("hint %q is not registered", name)
	}
	return func(inputs, outputs []fr.Element) {
		in, out := make([]*big.Int, len(inputs)), make([]*big.Int, len(outputs))
		for i := range inputs {
			in[i] = inputs[i].BigInt(new(big.Int))
		}
		for i := range out {
			out[i] = new(big.Int)
		}
		failed := honest(ecc.BN254.ScalarField(), in, out) != nil
		for i := range outputs {
			if outputs[i].SetZero(); !failed {
				outputs[i].SetBigInt(out[i])
			}
		}
	}, nil
}

// commitmentHint is in the name of the hint that stands for the verifier's challenge.
const commitmentHint = "ommitmentComputePlaceholder"

// greedyLimbs: inputs size of the value, size of a limb, the value. What is too much goes into the last limb.
func greedyLimbs(inputs, outputs []fr.Element) {
	bits := uint(inputs[1].Uint64())
	rest := inputs[2].BigInt(new(big.Int))
	mask := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), bits), big.NewInt(1))
	for i := range outputs[:len(outputs)-1] {
		outputs[i].SetBigInt(new(big.Int).And(rest, mask))
		rest.Rsh(rest, bits)
	}
	outputs[len(outputs)-1].SetBigInt(rest)
}

// lenientCount: inputs number of rows, of columns (1), the rows, the queries.
func lenientCount(inputs, outputs []fr.Element) {
	rows := int(inputs[0].Uint64())
	counts, place := make([]uint64, rows), make(map[fr.Element]int, rows)
	for i, row := range inputs[2 : 2+rows] {
		place[row] = i
	}
	for _, query := range inputs[2+rows:] {
		if i, ok := place[query]; ok {
			counts[i]++
		}
	}
	for i, n := range counts {
		outputs[i].SetUint64(n)
	}
}

func anyHash(inputs, outputs []fr.Element) {
	h := sha256.New()
	for i := range inputs {
		raw := inputs[i].Bytes()
		h.Write(raw[:])
	}
	outputs[0].SetBytes(h.Sum(nil))
}

func (s *System) evaluate(side constraint.LinearExpression, values []fr.Element) (sum fr.Element) {
	var product fr.Element
	for _, t := range side {
		switch {
		case t.IsConstant():
			sum.Add(&sum, &s.coefficients[t.CoeffID()])
		case t.CoeffID() == constraint.CoeffIdOne:
			sum.Add(&sum, &values[t.WireID()])
		case t.CoeffID() == constraint.CoeffIdMinusOne:
			sum.Sub(&sum, &values[t.WireID()])
		default:
			product.Mul(&s.coefficients[t.CoeffID()], &values[t.WireID()])
			sum.Add(&sum, &product)
		}
	}
	return sum
}

// holds tells whether a constraint holds.
func (s *System) holds(c *step, values []fr.Element) bool {
	l, r, o := s.evaluate(c.l, values), s.evaluate(c.r, values), s.evaluate(c.o, values)
	l.Mul(&l, &r)
	return l.Equal(&o)
}

// solve gives the value of a wire that makes a constraint hold; false if none does, or any, or if the wire stands on both sides of the product.
func (s *System) solve(c *step, wire int, values []fr.Element) (fr.Element, bool) {
	kept := values[wire]
	values[wire].SetZero()
	l, r, o := s.evaluate(c.l, values), s.evaluate(c.r, values), s.evaluate(c.o, values)
	values[wire] = kept
	cl, cr, co := s.coefficient(c.l, wire), s.coefficient(c.r, wire), s.coefficient(c.o, wire)
	var slope, rest, product fr.Element
	if product.Mul(&cl, &cr); !product.IsZero() {
		return rest, false
	}
	// (l + cl·w)(r + cr·w) = o + co·w with cl·cr = 0: w·(cl·r + cr·l - co) = o - l·r.
	slope.Mul(&cl, &r)
	product.Mul(&cr, &l)
	slope.Add(&slope, &product)
	slope.Sub(&slope, &co)
	if slope.IsZero() {
		return rest, false
	}
	product.Mul(&l, &r)
	rest.Sub(&o, &product)
	rest.Div(&rest, &slope)
	return rest, true
}

func (s *System) coefficient(side constraint.LinearExpression, wire int) (sum fr.Element) {
	for _, t := range side {
		if !t.IsConstant() && t.WireID() == wire {
			sum.Add(&sum, &s.coefficients[t.CoeffID()])
		}
	}
	return sum
}

// run gives the outputs of a hint.
func (s *System) run(c *step, values []fr.Element, out []fr.Element) {
	inputs := make([]fr.Element, len(c.inputs))
	for i, side := range c.inputs {
		inputs[i] = s.evaluate(side, values)
	}
	c.hint(inputs, out)
}

// Solve walks all steps on an assignment of the inputs (without the constant 1; values of derived public wires are not read), and gives the witness and the
// constraints that it violates.
func (s *System) Solve(assignment []fr.Element) (values []fr.Element, violated []int, err error) {
	if len(assignment) != s.inputs-1 {
		return nil, nil, fmt.Errorf("expected %d inputs, found %d", s.inputs-1, len(assignment))
	}
	values = make([]fr.Element, s.wires)
	values[0].SetOne()
	copy(values[1:], assignment)
	for i := range s.steps {
		c := &s.steps[i]
		switch {
		case c.hint != nil:
			s.run(c, values, values[c.start:c.end])
		case c.defines != none:
			if v, ok := s.solve(c, c.defines, values); ok {
				values[c.defines] = v
			} else {
				values[c.defines].SetZero()
			}
		}
		if c.hint == nil && !s.holds(c, values) {
			violated = append(violated, i)
		}
	}
	return values, violated, nil
}
