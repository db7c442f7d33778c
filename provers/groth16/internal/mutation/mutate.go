package mutation

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/constraint"

	"multiprover/provers/groth16/internal/execution"
	"multiprover/provers/groth16/internal/pb/proverv1"
	"multiprover/provers/groth16/internal/suite"
)

// Kinds of mutants.
const (
	Wire   = "wire"   // one value alone
	Chain  = "chain"  // a value, and up to three more that repair the constraints it breaks, each through one of them
	Advice = "advice" // one output of a hint; everything after it follows
	Pair   = "pair"   // an output of a hint and another advised value, joined by a constraint that still holds; everything after them follows
	Input  = "input"  // a value that the prover brings (a record, a sibling, a part of a signature); everything after it follows
)

// The reasons for which a mutant that no constraint refuses proves nothing false. Each is a proof that the mutator has checked for the very mutant: the public values are
// those of the honest witness, so the statement that is proven is true.
const (
	Disabled    = "advice of a port or authorization that is not enabled"
	ZeroInverse = "inverse advised for zero"
	Unread      = "integers of a record that no operation reads or writes"
	Blinding    = "the random value that hides what the commitment holds"
	Same        = "the statement is that of the honest witness"
)

// Survivor is a mutant that no constraint refuses.
type Survivor struct {
	Kind    string   `json:"kind"`
	Wires   []string `json:"wires"`
	Honest  []string `json:"honest"`
	Lie     []string `json:"lie"`
	Class   string   `json:"class"`   // why it is harmless; empty if the public values are others
	Changes []string `json:"changes"` // public values that differ from the honest ones
}

// Report is what became of the mutants.
type Report struct {
	Mutants   int            `json:"mutants"`
	Killed    int            `json:"killed"`
	Kinds     map[string]int `json:"kinds"`
	Survived  []Survivor     `json:"survived"`
	Harmless  map[string]int `json:"harmless"`
	Examples  []Survivor     `json:"examples"` // one of each harmless class
	Wires     int            `json:"wires"`    // that may be changed
	Steps     int            `json:"constraints"`
	Undefined int            `json:"unread_wires"` // wires in no constraint at all
}

// mutator changes a witness and takes the changes back.
type mutator struct {
	*System
	random  *rand.Rand
	honest  []fr.Element
	values  []fr.Element // as honest between two mutants
	changed []int        // wires, in the order of their first change
	marked  []bool       // by step: to be looked at again
	fixed   []bool       // by wire: given, and not the prover's to choose
	advised [][]int      // outputs of hints, by hint: each hint gets its share, however few values it gives
	brought []int        // secret inputs that are not fixed
	free    []int        // every wire that is not fixed
	hintOf  []int32      // by wire: the hint that gives it, or none
	idle    func(name string) bool
	commits []int // steps of commitments
}

// Mutate tells count lies about a valid request.
func (c *Circuit) Mutate(request *proverv1.ProveRequest, count int, seed uint64) (*Report, error) {
	own(request)
	statement, err := execution.ReadStatement(request.Statement)
	if err != nil {
		return nil, err
	}
	result, err := execution.Execute(c.Program, statement, request)
	if err != nil {
		return nil, err
	}
	inputs, err := vector(result.Assignment)
	if err != nil {
		return nil, err
	}
	honest, violated, err := c.Solve(inputs)
	if err != nil {
		return nil, err
	}
	if len(violated) > 0 {
		return nil, fmt.Errorf("the honest witness violates %d constraints, the first at step %d", len(violated), violated[0])
	}
	m := &mutator{
		System: c.System, honest: honest, values: slices.Clone(honest), marked: make([]bool, len(c.steps)),
		random: rand.New(rand.NewPCG(seed, 0x6d75746174696f6e)), idle: idlePlaces(request),
	}
	m.sort()
	return m.run(count)
}

// idlePlaces tells by its name whether an input belongs to a port or authorization that the honest batch does not use.
func idlePlaces(request *proverv1.ProveRequest) func(string) bool {
	idle := map[string]bool{}
	for i, slot := range request.Slots {
		for j, opening := range slot.Openings {
			idle[fmt.Sprintf("Slots_%d_Openings_%d_", i, j)] = len(opening.GetSuites()) == 0
		}
		for j, authorization := range slot.Authorizations {
			idle[fmt.Sprintf("Slots_%d_Authorizations_%d_", i, j)] = len(authorization.GetSignatures()) == 0
		}
	}
	return func(name string) bool {
		parts := strings.SplitAfterN(name, "_", 5)
		return len(parts) == 5 && idle[strings.Join(parts[:4], "")]
	}
}

func (m *mutator) sort() {
	m.fixed, m.hintOf = make([]bool, m.wires), make([]int32, m.wires)
	for i := range m.public {
		m.fixed[i] = !slices.Contains(m.derived, i)
	}
	for i := m.public; i < m.inputs; i++ {
		// Another transaction is another batch, not a lie about this one.
		m.fixed[i] = strings.Contains(m.names[i], "_Words_")
		if !m.fixed[i] {
			m.brought = append(m.brought, i)
		}
	}
	for i := range m.hintOf {
		m.hintOf[i] = none
	}
	group := map[string]int{}
	for i := range m.steps {
		c := &m.steps[i]
		if c.hint == nil {
			continue
		}
		if _, ok := group[c.hintName]; !ok {
			group[c.hintName] = len(m.advised)
			m.advised = append(m.advised, nil)
		}
		commitment := strings.Contains(c.hintName, commitmentHint)
		if commitment {
			m.commits = append(m.commits, i)
		}
		for wire := c.start; wire < c.end; wire++ {
			m.hintOf[wire] = int32(i)
			m.fixed[wire] = commitment // the verifier draws it
			if !commitment {
				of := &m.advised[group[c.hintName]]
				*of = append(*of, wire)
			}
		}
	}
	m.advised = slices.DeleteFunc(m.advised, func(of []int) bool { return len(of) == 0 })
	for wire := range m.wires {
		if !m.fixed[wire] {
			m.free = append(m.free, wire)
		}
	}
}

func (m *mutator) set(wire int, v fr.Element) {
	if m.values[wire].Equal(&v) {
		return
	}
	if m.values[wire].Equal(&m.honest[wire]) {
		m.changed = append(m.changed, wire)
	}
	m.values[wire] = v
	for _, step := range m.readers[wire] {
		m.marked[step] = true
	}
}

func (m *mutator) reset() {
	for _, wire := range m.changed {
		m.values[wire] = m.honest[wire]
		for _, step := range m.readers[wire] {
			m.marked[step] = false
		}
	}
	m.changed = m.changed[:0]
}

// broken is a constraint that does not hold, of those that read a changed wire; none if all do. Hints bind nobody.
func (m *mutator) broken() int {
	for _, wire := range m.changed {
		for _, step := range m.readers[wire] {
			if c := &m.steps[step]; c.hint == nil && !m.holds(c, m.values) {
				return int(step)
			}
		}
	}
	return none
}

// follow lets everything follow that comes after the marked steps; false as soon as a constraint breaks. Pinned wires stay as they are.
func (m *mutator) follow(pinned []int) bool {
	first := len(m.steps)
	for _, wire := range m.changed {
		if list := m.readers[wire]; len(list) > 0 {
			first = min(first, int(list[0]))
		}
	}
	return m.followFrom(first, pinned)
}

func (m *mutator) followFrom(first int, pinned []int) bool {
	var outputs []fr.Element
	for i := first; i < len(m.steps); i++ {
		if !m.marked[i] {
			continue
		}
		c := &m.steps[i]
		if c.hint != nil {
			outputs = slices.Grow(outputs[:0], c.end-c.start)[:c.end-c.start]
			m.System.run(c, m.values, outputs)
			for j, v := range outputs {
				if !slices.Contains(pinned, c.start+j) {
					m.set(c.start+j, v)
				}
			}
			m.marked[i] = false
			continue
		}
		if c.defines != none && !slices.Contains(pinned, c.defines) {
			v, ok := m.System.solve(c, c.defines, m.values)
			if !ok {
				v.SetZero()
			}
			m.set(c.defines, v)
		}
		m.marked[i] = false
		if !m.holds(c, m.values) {
			return false
		}
	}
	return true
}

// redraw is for a witness in which every constraint holds by itself: the verifier's challenge follows from what is committed.
func (m *mutator) redraw() bool {
	pinned := slices.Clone(m.changed)
	for _, step := range m.commits {
		m.marked[step] = true
	}
	if len(m.commits) == 0 {
		return true
	}
	// Only what comes after the challenge is looked at again.
	for i := range m.commits[0] {
		m.marked[i] = false
	}
	return m.followFrom(m.commits[0], pinned)
}

// lie is another value instead of v.
func (m *mutator) lie(v fr.Element) fr.Element {
	var out, delta fr.Element
	for {
		switch m.random.IntN(12) {
		case 0:
			delta.SetOne()
			out.Add(&v, &delta)
		case 1:
			delta.SetOne()
			out.Sub(&v, &delta)
		case 2, 3:
			delta.SetBigInt(new(big.Int).Lsh(big.NewInt(1), []uint{1, 4, 8, 16, 31, 32, 63, 64, 65, 96, 127, 128, 160, 251, 253}[m.random.IntN(15)]))
			out.Add(&v, &delta)
		case 4:
			delta.SetBigInt(new(big.Int).Lsh(big.NewInt(1), []uint{1, 4, 8, 16, 31, 32, 63, 64, 65, 96, 127, 128, 160, 251, 253}[m.random.IntN(15)]))
			out.Sub(&v, &delta)
		case 5:
			out.Neg(&v)
		case 6:
			out.SetZero()
		case 7:
			out.SetOne()
		case 8:
			delta.SetOne()
			out.Sub(&delta, &v) // the other bit
		case 9:
			delta.SetBigInt(suite.SubgroupOrder)
			out.Add(&v, &delta)
		case 10:
			out.Double(&v)
		default:
			for i := range out {
				out[i] = m.random.Uint64()
			}
			out[3] >>= 3
		}
		if !out.Equal(&v) {
			return out
		}
	}
}

func (m *mutator) run(count int) (*Report, error) {
	report := &Report{Kinds: map[string]int{}, Harmless: map[string]int{}, Wires: len(m.free), Steps: m.constraints, Survived: []Survivor{}, Examples: []Survivor{}}
	for _, wire := range m.free {
		if len(m.readers[wire]) == 0 {
			report.Undefined++
		}
	}
	singles := slices.Clone(m.free)
	m.random.Shuffle(len(singles), func(i, j int) { singles[i], singles[j] = singles[j], singles[i] })
	for report.Mutants < count {
		kind, survives := "", false
		switch pick := m.random.IntN(100); {
		case pick < 45:
			kind, survives = Wire, m.wire(singles[report.Kinds[Wire]%len(singles)])
		case pick < 75:
			kind, survives = Chain, m.chain()
		case pick < 88 && len(m.advised) > 0:
			kind, survives = Advice, m.alone(m.anAdvised())
		case pick < 96 && len(m.advised) > 0:
			kind, survives = Pair, m.pair()
		default:
			kind, survives = Input, m.alone(m.brought[m.random.IntN(len(m.brought))])
		}
		if len(m.changed) == 0 { // a pair that could not be made
			continue
		}
		report.Mutants++
		report.Kinds[kind]++
		if survives {
			m.note(report, kind)
		} else {
			report.Killed++
		}
		m.reset()
	}
	return report, nil
}

// wire changes one value alone.
func (m *mutator) wire(wire int) bool {
	m.set(wire, m.lie(m.values[wire]))
	return m.broken() == none && m.redraw()
}

// chain changes a value and repairs what breaks, through up to three others.
func (m *mutator) chain() bool {
	wire := m.free[m.random.IntN(len(m.free))]
	m.set(wire, m.lie(m.values[wire]))
	for range 3 {
		step := m.broken()
		if step == none {
			return m.redraw()
		}
		if !m.repair(&m.steps[step]) {
			return false
		}
	}
	return m.broken() == none && m.redraw()
}

// repair changes a value that no mutation has touched so that the constraint holds.
func (m *mutator) repair(c *step) bool {
	var candidates []int
	for _, side := range []constraint.LinearExpression{c.l, c.r, c.o} {
		for _, t := range side {
			if wire := t.WireID(); !m.fixed[wire] && !slices.Contains(m.changed, wire) {
				candidates = append(candidates, wire)
			}
		}
	}
	for range min(3, len(candidates)) {
		wire := candidates[m.random.IntN(len(candidates))]
		if v, ok := m.System.solve(c, wire, m.values); ok {
			m.set(wire, v)
			return true
		}
	}
	return false
}

// anAdvised is an output of a hint.
func (m *mutator) anAdvised() int {
	of := m.advised[m.random.IntN(len(m.advised))]
	return of[m.random.IntN(len(of))]
}

// alone changes one value and lets the rest follow.
func (m *mutator) alone(wire int) bool {
	m.set(wire, m.lie(m.values[wire]))
	return m.follow([]int{wire})
}

// pair changes an advised value and another, so that a constraint over both holds, and lets the rest follow.
func (m *mutator) pair() bool {
	first := m.anAdvised()
	m.set(first, m.lie(m.values[first]))
	for _, step := range m.readers[first] {
		c := &m.steps[step]
		if c.hint != nil || m.holds(c, m.values) {
			continue
		}
		var candidates []int
		for _, side := range []constraint.LinearExpression{c.l, c.r, c.o} {
			for _, t := range side {
				if wire := t.WireID(); wire != first && !m.fixed[wire] && (m.hintOf[wire] != none || wire >= m.public && wire < m.inputs) {
					candidates = append(candidates, wire)
				}
			}
		}
		if len(candidates) == 0 {
			continue
		}
		second := candidates[m.random.IntN(len(candidates))]
		if v, ok := m.System.solve(c, second, m.values); ok {
			m.set(second, v)
			return m.follow([]int{first, second})
		}
	}
	m.reset()
	return false
}

func (m *mutator) note(report *Report, kind string) {
	survivor := Survivor{Kind: kind, Changes: []string{}}
	for _, wire := range m.derived {
		if !m.values[wire].Equal(&m.honest[wire]) {
			survivor.Changes = append(survivor.Changes, m.names[wire])
		}
	}
	for i, wire := range m.changed {
		if i == 8 {
			break
		}
		survivor.Wires = append(survivor.Wires, m.describe(wire))
		survivor.Honest = append(survivor.Honest, m.honest[wire].String())
		survivor.Lie = append(survivor.Lie, m.values[wire].String())
	}
	if len(survivor.Changes) > 0 {
		report.Survived = append(report.Survived, survivor)
		return
	}
	survivor.Class = m.class()
	if report.Harmless[survivor.Class] == 0 {
		report.Examples = append(report.Examples, survivor)
	}
	report.Harmless[survivor.Class]++
}

// describe names a wire: an input, or the hint or the step that gives its value.
func (m *mutator) describe(wire int) string {
	switch {
	case wire < m.inputs:
		return m.names[wire]
	case m.hintOf[wire] != none:
		c := &m.steps[m.hintOf[wire]]
		name := c.hintName[strings.LastIndexAny(c.hintName, "./")+1:]
		return fmt.Sprintf("%s[%d] at step %d", name, wire-c.start, m.hintOf[wire])
	default:
		return fmt.Sprintf("value %d", wire)
	}
}

// class finds the reason why a mutant with the honest statement is one.
func (m *mutator) class() string {
	reasons := map[string]bool{}
	if m.blinding(m.changed[0]) { // the challenge follows from it
		return Blinding
	}
	// What follows has the reasons of what was changed first.
	for _, wire := range m.changed[:min(4, len(m.changed))] {
		switch {
		case m.zeroInverse(wire):
			reasons[ZeroInverse] = true
		case m.follows(wire):
			reasons[Disabled] = true
		case wire >= m.public && wire < m.inputs && strings.Contains(m.names[wire], "_Openings_"):
			reasons[Unread] = true
		default:
			reasons[Same] = true
		}
	}
	switch {
	case len(reasons) == 1 && !reasons[Same]:
		for reason := range reasons {
			return reason
		}
	case reasons[Disabled] && !reasons[Unread] && !reasons[Same]:
		return Disabled
	}
	return Same
}

func (m *mutator) blinding(wire int) bool {
	return m.hintOf[wire] != none && strings.HasSuffix(m.steps[m.hintOf[wire]].hintName, "Randomize")
}

func (m *mutator) zeroInverse(wire int) bool {
	if m.hintOf[wire] == none {
		return false
	}
	c := &m.steps[m.hintOf[wire]]
	if !strings.HasSuffix(c.hintName, "InvZeroHint") {
		return false
	}
	v := m.evaluate(c.inputs[0], m.honest)
	return v.IsZero()
}

// follows tells whether a wire is idle advice or has it among what it is computed from.
func (m *mutator) follows(wire int) bool {
	seen := map[int]bool{}
	var look func(int) bool
	look = func(wire int) bool {
		if wire == 0 || seen[wire] {
			return false
		}
		seen[wire] = true
		if wire < m.inputs {
			return m.idle(m.names[wire])
		}
		if m.hintOf[wire] != none {
			for _, side := range m.steps[m.hintOf[wire]].inputs {
				for _, t := range side {
					if !t.IsConstant() && look(t.WireID()) {
						return true
					}
				}
			}
			return false
		}
		for _, step := range m.readers[wire] {
			c := &m.steps[step]
			if c.defines != wire {
				continue
			}
			for _, side := range []constraint.LinearExpression{c.l, c.r, c.o} {
				for _, t := range side {
					if t.WireID() != wire && look(t.WireID()) {
						return true
					}
				}
			}
		}
		return false
	}
	return look(wire)
}
