package lowering_test

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/constraint"
	csbn254 "github.com/consensys/gnark/constraint/bn254"
	"github.com/consensys/gnark/constraint/solver"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/logger"
	"github.com/consensys/gnark/std/rangecheck"

	"multiprover/provers/groth16/internal/execution"
	"multiprover/provers/groth16/internal/lowering"
	"multiprover/provers/groth16/internal/pb/proverv1"
	"multiprover/provers/groth16/internal/program"
	"multiprover/provers/groth16/internal/reference"
	"multiprover/provers/groth16/internal/refusal"
	"multiprover/provers/groth16/internal/suite"
)

func TestMain(m *testing.M) {
	logger.Disable()
	m.Run()
}

func decode(t testing.TB, b *reference.Builder) *program.Program {
	t.Helper()
	p, err := b.Decode()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func compile(t testing.TB, p *program.Program, slots int) constraint.ConstraintSystem {
	t.Helper()
	system, err := lowering.Compile(p, slots)
	if err != nil {
		t.Fatal(err)
	}
	return system
}

// solve solves with hints of the range check that never refuse: only a constraint can.
func solve(t testing.TB, system constraint.ConstraintSystem, assignment *lowering.Circuit) error {
	t.Helper()
	witness, err := frontend.NewWitness(assignment, ecc.BN254.ScalarField())
	if err != nil {
		t.Fatal(err)
	}
	options := []solver.Option{solver.OverrideHint(solver.GetHintID(rangecheck.DecomposeHint), greedyLimbs)}
	for _, hint := range solver.GetRegisteredHints() {
		if strings.HasSuffix(solver.GetHintName(hint), "logderivarg.countHint") {
			options = append(options, solver.OverrideHint(solver.GetHintID(hint), lenientCount))
		}
	}
	return system.IsSolved(witness, options...)
}

func greedyLimbs(_ *big.Int, inputs, outputs []*big.Int) error {
	bits := uint(inputs[1].Uint64())
	rest := new(big.Int).Set(inputs[2])
	mask := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), bits), big.NewInt(1))
	for _, out := range outputs[:len(outputs)-1] {
		out.And(rest, mask)
		rest.Rsh(rest, bits)
	}
	outputs[len(outputs)-1].Set(rest)
	return nil
}

// lenientCount is for tables of one column, 0 to n-1.
func lenientCount(_ *big.Int, inputs, outputs []*big.Int) error {
	for _, out := range outputs {
		out.SetUint64(0)
	}
	for _, v := range inputs[2+len(outputs):] {
		if v.IsUint64() && v.Uint64() < uint64(len(outputs)) {
			out := outputs[v.Uint64()]
			out.Add(out, big.NewInt(1))
		}
	}
	return nil
}

func refused(t testing.TB, err error, what string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: a dishonest witness satisfies the circuit", what)
		return
	}
	var unsatisfied *csbn254.UnsatisfiedConstraintError
	if !errors.As(err, &unsatisfied) {
		t.Errorf("%s: expected an unsatisfied constraint, found %v", what, err)
	}
}

// execute completes a request and gives its assignment.
func execute(t testing.TB, p *program.Program, request *proverv1.ProveRequest) *execution.Result {
	t.Helper()
	if err := reference.Complete(p, request); err != nil {
		t.Fatal(err)
	}
	statement, err := execution.ReadStatement(request.Statement)
	if err != nil {
		t.Fatal(err)
	}
	result, err := execution.Execute(p, statement, request)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// request is a batch of slots without state.
func request(slots ...[]uint32) *proverv1.ProveRequest {
	r := &proverv1.ProveRequest{PreState: &proverv1.PreState{Suites: []*proverv1.SuitePreState{{}}}}
	for _, words := range slots {
		r.Slots = append(r.Slots, &proverv1.Slot{Words: suite.EncodeWords(words)})
	}
	return r
}

func words64(v uint64) []uint32 { return []uint32{uint32(v >> 32), uint32(v)} }

// signed64 reads two input words as an integer of 64 bits in [-2^63, 2^63).
func signed64(b *reference.Builder, word int) reference.ID {
	return b.Add(b.Param64(word), b.ConstBig(new(big.Int).SetInt64(-1<<63)))
}

var (
	minI64 = big.NewInt(-1 << 63)
	maxI64 = big.NewInt(1<<63 - 1)
	maxU64 = new(big.Int).SetUint64(1<<64 - 1)
)

// TestOperations computes every arithmetic operation but the division on values at and beside the ends of their ranges, and compares the journal with what the test computes.
func TestOperations(t *testing.T) {
	values := []int64{-1 << 63, -1<<63 + 1, -1 << 32, -7, -1, 0, 1, 2, 6, 1<<32 - 1, 1 << 32, 1<<62 + 12345, 1<<63 - 1}
	high := func(v *big.Int) *big.Int { return new(big.Int).Rsh(v, 64) } // what is written of a wide value: its floor division by 2^64
	truth := func(b bool) *big.Int {
		if b {
			return big.NewInt(1)
		}
		return new(big.Int)
	}
	for _, c := range []struct {
		name   string
		build  func(b *reference.Builder, x, y reference.ID) reference.ID
		expect func(x, y *big.Int) *big.Int
		wide   bool // the result has more than 64 bits
	}{
		{"ADD", (*reference.Builder).Add, func(x, y *big.Int) *big.Int { return new(big.Int).Add(x, y) }, true},
		{"SUB", (*reference.Builder).Sub, func(x, y *big.Int) *big.Int { return new(big.Int).Sub(x, y) }, true},
		{"MUL", (*reference.Builder).Mul, func(x, y *big.Int) *big.Int { return new(big.Int).Mul(x, y) }, true},
		{"EQ", (*reference.Builder).Eq, func(x, y *big.Int) *big.Int { return truth(x.Cmp(y) == 0) }, false},
		{"LT", (*reference.Builder).Lt, func(x, y *big.Int) *big.Int { return truth(x.Cmp(y) < 0) }, false},
		{"SELECT", func(b *reference.Builder, x, y reference.ID) reference.ID { return b.Select(b.Lt(x, y), x, y) },
			func(x, y *big.Int) *big.Int {
				if x.Cmp(y) < 0 {
					return x
				}
				return y
			}, false},
		{"AND", func(b *reference.Builder, x, y reference.ID) reference.ID {
			return b.And(b.Lt(x, b.Const(0)), b.Lt(y, b.Const(0)))
		},
			func(x, y *big.Int) *big.Int { return truth(x.Sign() < 0 && y.Sign() < 0) }, false},
		{"OR", func(b *reference.Builder, x, y reference.ID) reference.ID {
			return b.Or(b.Lt(x, b.Const(0)), b.Lt(y, b.Const(0)))
		},
			func(x, y *big.Int) *big.Int { return truth(x.Sign() < 0 || y.Sign() < 0) }, false},
		{"NOT", func(b *reference.Builder, x, y reference.ID) reference.ID { return b.Not(b.Lt(x, y)) },
			func(x, y *big.Int) *big.Int { return truth(x.Cmp(y) >= 0) }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := reference.NewBuilder("op", 5, suite.Name)
			b.Range(b.Param(0), new(big.Int), new(big.Int))
			out := c.build(b, signed64(b, 1), signed64(b, 3))
			if c.wide {
				out = b.DivMod(out, b.ConstBig(new(big.Int).Lsh(big.NewInt(1), 64)))
			}
			b.Output(out, minI64, maxI64)
			p := decode(t, b)
			system := compile(t, p, 1)
			for _, x := range values {
				for _, y := range values {
					input := append([]uint32{0}, append(words64(uint64(x)^1<<63), words64(uint64(y)^1<<63)...)...)
					result := execute(t, p, request(input))
					want := c.expect(big.NewInt(x), big.NewInt(y))
					if c.wide {
						want = high(want)
					}
					encoded := new(big.Int).Sub(want, minI64).Uint64()
					if found := uint64(result.Journal[5])<<32 | uint64(result.Journal[6]); found != encoded {
						t.Fatalf("%s(%d, %d): expected %d, found %d", c.name, x, y, encoded, found)
					}
					if err := solve(t, system, result.Assignment); err != nil {
						t.Fatalf("%s(%d, %d): %v", c.name, x, y, err)
					}
				}
			}
		})
	}
}

func TestDivision(t *testing.T) {
	b := reference.NewBuilder("division", 5, suite.Name)
	quotient := b.DivMod(signed64(b, 1), b.Add(b.Param64(3), b.Const(1)))
	remainder := b.Remainder(quotient)
	b.Output(quotient, minI64, maxI64)
	b.Output(remainder, new(big.Int), maxU64)
	p := decode(t, b)
	system := compile(t, p, 1)
	for _, x := range []int64{-1 << 63, -1, 0, 1, 1<<63 - 1, -12345678901234567} {
		for _, divisor := range []uint64{0, 1, 2, 999, 1 << 32, 1<<64 - 1} { // less one
			input := append([]uint32{0}, append(words64(uint64(x)^1<<63), words64(divisor)...)...)
			result := execute(t, p, request(input))
			d := new(big.Int).Add(new(big.Int).SetUint64(divisor), big.NewInt(1))
			q, r := new(big.Int).DivMod(big.NewInt(x), d, new(big.Int))
			want := append(words64(new(big.Int).Sub(q, minI64).Uint64()), words64(r.Uint64())...)
			if found := result.Journal[5:9]; fmt.Sprint(found) != fmt.Sprint(want) {
				t.Fatalf("%d / %d: expected %v, found %v", x, d, want, found)
			}
			if err := solve(t, system, result.Assignment); err != nil {
				t.Fatalf("%d / %d: %v", x, d, err)
			}
		}
	}
}

// account is a program over one map and a few cells that uses every operation of the state: it moves an amount into a record and a cell.
// Without checks, it demands nothing of its slots: what it takes is the dishonest witness of the same program with checks.
func account(checks bool) *reference.Builder {
	b := reference.NewBuilder("account", 14, suite.Name)
	total := b.AddCell(reference.Int("total", 0, 1<<64-1))
	b.AddCell(reference.KeyField("operator"))
	count := b.AddCell(reference.Int("count", -5, 1_000_000))
	b.AddMap("other", 2, reference.Int("unused", 0, 9))
	accounts := b.AddMap("accounts", 3,
		reference.Int("balance", 0, 1<<64-1), reference.KeyField("key"), reference.Int("position", -1<<63, 1<<63-1), reference.Int("nonce", 0, 1<<32-1))

	enabled := b.Range(b.Param(0), new(big.Int), big.NewInt(1))
	index := b.Range(b.Param(1), new(big.Int), big.NewInt(7))
	amount := b.Param64(2)
	mode := b.Range(b.Param(4), new(big.Int), big.NewInt(1))
	open := b.Open(enabled, index, accounts)
	nonce := b.Load(open, 3)
	key := b.Select(mode, b.KeyParam(6), b.Load(open, 1))
	sum := b.Add(b.Load(open, 0), amount)
	authorized := enabled
	if checks {
		b.Assert(b.Or(b.Not(enabled), b.Eq(b.Param(5), b.Const(77))))
	} else {
		authorized = b.Const(0)
		sum = b.Select(b.Lt(sum, b.ConstBig(new(big.Int).Lsh(big.NewInt(1), 64))), sum, b.Sub(sum, b.ConstBig(new(big.Int).Lsh(big.NewInt(1), 64))))
	}
	balance := b.Range(sum, new(big.Int), maxU64)
	b.Store(open, balance, 0)
	b.Store(open, key, 1)
	b.Store(open, b.Range(b.Add(nonce, b.Const(1)), new(big.Int), big.NewInt(1<<32-1)), 3)
	b.Authorize(authorized, b.Load(open, 1), nonce)
	b.StoreCell(b.Range(b.Add(b.Cell(total), amount), new(big.Int), maxU64), total)
	b.StoreCell(b.Range(b.Sub(b.Cell(count), b.Const(1)), big.NewInt(-5), big.NewInt(1_000_000)), count)
	b.Output(index, new(big.Int), big.NewInt(7))
	b.Output(balance, new(big.Int), maxU64)
	return b
}

// accountSlots are slots of the program: index, amount, and enabled or not.
type accountSlot struct {
	enabled, index uint32
	amount         uint64
	word5          uint32
	newKey         bool
}

// accountRequest runs slots on a state with accounts 2 and 5.
func accountRequest(t testing.TB, p *program.Program, slots ...accountSlot) *proverv1.ProveRequest {
	t.Helper()
	state := reference.NewState(p)
	signers := map[uint32]*reference.Signer{2: reference.NewSigner("two"), 5: reference.NewSigner("five")}
	next := reference.NewSigner("next")
	state.Cells = reference.Record{reference.IntValue(1000), {Key: fr.NewElement(9)}, reference.IntValue(3)}
	records := map[uint32]reference.Record{}
	for index, signer := range signers {
		records[index] = reference.Record{reference.IntValue(100 * int64(index)), {Key: signer.Key}, reference.IntValue(-4), reference.IntValue(int64(index))}
		state.Set(1, uint64(index), records[index])
	}
	r := &proverv1.ProveRequest{PreState: state.PreState()}
	for _, s := range slots {
		input := make([]uint32, 14)
		input[0], input[1], input[5] = s.enabled, s.index, s.word5
		copy(input[2:], words64(s.amount))
		if s.newKey {
			input[4] = 1
			raw := next.Key.Bytes()
			key, err := suite.DecodeWords(raw[:])
			if err != nil {
				t.Fatal(err)
			}
			copy(input[6:], key)
		}
		slot := &proverv1.Slot{Words: suite.EncodeWords(input), Openings: []*proverv1.Opening{{}}, Authorizations: []*proverv1.Authorization{{}}}
		if s.enabled == 1 {
			record := records[s.index]
			slot.Openings[0] = state.Opening(1, uint64(s.index))
			if err := signers[s.index].Authorize(slot, 0, reference.Domain(p), record[3].Int.Uint64()); err != nil {
				t.Fatal(err)
			}
			after := append(reference.Record(nil), record...)
			after[0].Int = new(big.Int).Add(record[0].Int, new(big.Int).SetUint64(s.amount))
			if s.newKey {
				after[1].Key = next.Key
				signers[s.index] = next
			}
			after[3].Int = new(big.Int).Add(record[3].Int, big.NewInt(1))
			records[s.index] = after
			state.Set(1, uint64(s.index), after)
		}
		r.Slots = append(r.Slots, slot)
	}
	return r
}

var honestSlots = []accountSlot{
	{enabled: 1, index: 2, amount: 1<<40 + 3, word5: 77},
	{}, // not enabled: zeros everywhere
	{enabled: 1, index: 5, amount: 7, word5: 77, newKey: true},
	{enabled: 1, index: 5, amount: 1, word5: 77},
}

func TestState(t *testing.T) {
	p := decode(t, account(true))
	result := execute(t, p, accountRequest(t, p, honestSlots...))
	if err := solve(t, compile(t, p, len(honestSlots)), result.Assignment); err != nil {
		t.Fatal(err)
	}
	// Written: 2 and 100·2 + amount, nothing, 5 and 500 + 7, 5 and 508; then total and count + 5.
	want := []uint32{2, 256, 203, 0, 0, 0, 5, 0, 507, 5, 0, 508, 256, 1011, 4}
	if found := result.Journal[len(result.Journal)-len(want):]; fmt.Sprint(found) != fmt.Sprint(want) {
		t.Errorf("expected %v, found %v", want, found)
	}
}

// TestTamperedAssignment changes every value of an honest assignment, one at a time: the public ones and the advice.
func TestTamperedAssignment(t *testing.T) {
	p := decode(t, account(true))
	slots := []accountSlot{{enabled: 1, index: 5, amount: 7, word5: 77, newKey: true}, {}}
	system := compile(t, p, len(slots))
	r := accountRequest(t, p, slots...)
	honest := func() *lowering.Circuit { return execute(t, p, r).Assignment }
	if err := solve(t, system, honest()); err != nil {
		t.Fatal(err)
	}
	places := func(c *lowering.Circuit) map[string]*frontend.Variable {
		all := map[string]*frontend.Variable{
			"pre_root": &c.PreRoot, "post_root": &c.PostRoot, "c": &c.C, "z": &c.Z, "y": &c.Y, "domain": &c.Domain,
		}
		list := func(name string, values []frontend.Variable) {
			for i := range values {
				all[fmt.Sprintf("%s %d", name, i)] = &values[i]
			}
		}
		list("cell", c.Cells)
		list("key cell", c.KeyCells)
		list("map root", c.MapRoots)
		for i := range c.Slots {
			list(fmt.Sprintf("slot %d word", i), c.Slots[i].Words)
		}
		enabled := &c.Slots[0]
		list("opened integer", enabled.Openings[0].Ints)
		list("opened key", enabled.Openings[0].Keys)
		list("sibling", enabled.Openings[0].Siblings)
		authorization := &enabled.Authorizations[0]
		for name, v := range map[string]*frontend.Variable{
			"A.x": &authorization.AX, "A.y": &authorization.AY, "R.x": &authorization.RX, "R.y": &authorization.RY, "S": &authorization.S,
		} {
			all[name] = v
		}
		// What is loaded from a port that is not enabled is zero.
		list("loaded integer of the other slot", c.Slots[1].Openings[0].Ints)
		all["loaded key of the other slot"] = &c.Slots[1].Openings[0].Keys[0]
		return all
	}
	for name := range places(honest()) {
		c := honest()
		place := places(c)[name]
		var v fr.Element
		if _, err := v.SetInterface(*place); err != nil {
			t.Fatal(err)
		}
		one := fr.One()
		*place = *v.Add(&v, &one)
		refused(t, solve(t, system, c), name)
	}
}

// TestUnpacking takes other integers than the input, the cells or a record hold, which give the same packed element. The program reads them and does
// nothing with them, so that a lie meets no constraint but the one that is there for it.
func TestUnpacking(t *testing.T) {
	b := reference.NewBuilder("packed", 4, suite.Name)
	enabled := b.Range(b.Param(0), new(big.Int), big.NewInt(1))
	for i := range 2 {
		cell := b.AddCell(reference.Int(fmt.Sprint("cell", i), 0, 1<<32-1))
		b.Cell(cell)
		b.StoreCell(b.Const(1), cell)
	}
	m := b.AddMap("records", 2, reference.Int("first", 0, 1<<32-1), reference.Int("second", 0, 1<<32-1))
	open := b.Open(enabled, b.Const(1), m)
	b.Load(open, 0)
	b.Load(open, 1)
	p := decode(t, b)
	system := compile(t, p, 2)

	state := reference.NewState(p)
	state.Cells = reference.Record{reference.IntValue(7), reference.IntValue(8)}
	state.Set(0, 1, reference.Record{reference.IntValue(5), reference.IntValue(6)})
	r := &proverv1.ProveRequest{PreState: state.PreState()}
	r.Slots = []*proverv1.Slot{
		{Words: suite.EncodeWords([]uint32{1, 2, 3, 4}), Openings: []*proverv1.Opening{state.Opening(0, 1)}},
		{Words: suite.EncodeWords([]uint32{0, 2, 3, 4}), Openings: []*proverv1.Opening{{}}},
	}
	honest := execute(t, p, r).Assignment
	if err := solve(t, system, honest); err != nil {
		t.Fatal(err)
	}
	var inverse fr.Element
	word := fr.NewElement(1 << 32)
	inverse.Inverse(&word)
	one := fr.One()
	for where, pair := range map[string]func(c *lowering.Circuit) []frontend.Variable{
		"input words":         func(c *lowering.Circuit) []frontend.Variable { return c.Slots[0].Words[2:] },
		"cells":               func(c *lowering.Circuit) []frontend.Variable { return c.Cells },
		"a record":            func(c *lowering.Circuit) []frontend.Variable { return c.Slots[0].Openings[0].Ints },
		"a record of no port": func(c *lowering.Circuit) []frontend.Variable { return c.Slots[1].Openings[0].Ints },
	} {
		for what, d := range map[string][2]fr.Element{"borrowed from the next integer": {one, word}, "a fraction": {inverse, one}} {
			c := execute(t, p, r).Assignment
			add(&pair(c)[0], d[0], false)
			add(&pair(c)[1], d[1], true)
			refused(t, solve(t, system, c), where+": "+what)
		}
	}
}

// TestOtherState opens records of a state that is not the one before the batch; all else fits, the root after included.
func TestOtherState(t *testing.T) {
	p := decode(t, account(true))
	system := compile(t, p, 1)
	c := execute(t, p, accountRequest(t, p, accountSlot{enabled: 1, index: 2, amount: 1, word5: 77})).Assignment
	if err := solve(t, system, c); err != nil {
		t.Fatal(err)
	}
	other := reference.NewState(p)
	other.Cells = reference.Record{reference.IntValue(1000), {Key: fr.NewElement(9)}, reference.IntValue(3)}
	state := other.PreState()
	result, err := execution.Run(p, reference.Domain(p), &proverv1.ProveRequest{PreState: state})
	if err != nil {
		t.Fatal(err)
	}
	root, err := suite.Canonical(state.Suites[0].MapRoots[1])
	if err != nil {
		t.Fatal(err)
	}
	c.MapRoots[1], c.PreRoot = root, result.PreRoot
	refused(t, solve(t, system, c), "an opening of another state")
}

// TestRangeAlone breaks a RANGE whose value is used nowhere else.
func TestRangeAlone(t *testing.T) {
	build := func(ranged bool) *program.Program {
		b := reference.NewBuilder("range", 2, suite.Name)
		b.Range(b.Param(0), new(big.Int), new(big.Int))
		v := b.Sub(b.Param(1), b.Const(5))
		if ranged {
			b.Range(v, new(big.Int), big.NewInt(100))
		}
		return decode(t, b)
	}
	system := compile(t, build(true), 1)
	for word, ok := range map[uint32]bool{4: false, 5: true, 105: true, 106: false, 1<<32 - 1: false} {
		err := solve(t, system, execute(t, build(false), request([]uint32{0, word})).Assignment)
		if ok && err != nil {
			t.Errorf("%d: %v", word, err)
		}
		if !ok {
			refused(t, err, fmt.Sprint(word))
		}
	}
}

func add(place *frontend.Variable, d fr.Element, negate bool) {
	var v fr.Element
	if _, err := v.SetInterface(*place); err != nil {
		panic(err)
	}
	if negate {
		d.Neg(&d)
	}
	*place = *v.Add(&v, &d)
}

// TestConstraintsOfTheProgram gives the circuit of a program the witness of one without its demands: the circuit itself refuses, not only the
// execution.
func TestConstraintsOfTheProgram(t *testing.T) {
	strict, lax := decode(t, account(true)), decode(t, account(false))
	system := compile(t, strict, 1)
	for _, c := range []struct {
		name string
		slot accountSlot
		code refusal.Code
	}{
		{"a failed assertion", accountSlot{enabled: 1, index: 2, amount: 1, word5: 76}, refusal.RefusedTransaction},
		{"a balance out of range", accountSlot{enabled: 1, index: 2, amount: 1<<64 - 1, word5: 77}, refusal.RefusedTransaction},
		{"a missing signature", accountSlot{enabled: 1, index: 2, amount: 1, word5: 77}, refusal.BadSignature},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := accountRequest(t, lax, accountSlot{enabled: 1, index: 2, amount: 1, word5: 77})
			input := make([]uint32, 14)
			input[0], input[1], input[5] = c.slot.enabled, c.slot.index, c.slot.word5
			copy(input[2:], words64(c.slot.amount))
			r.Slots[0].Words = suite.EncodeWords(input)
			if c.slot.amount > 1<<60 {
				r.PreState = laxTotal(t, r.PreState) // the cell has room, the record has not
			}
			assignment := execute(t, lax, r).Assignment
			refused(t, solve(t, system, assignment), c.name)

			r.Slots[0].Authorizations[0] = &proverv1.Authorization{}
			if c.code == refusal.RefusedTransaction {
				if err := reference.NewSigner("two").Authorize(r.Slots[0], 0, reference.Domain(strict), 2); err != nil {
					t.Fatal(err)
				}
			}
			_, err := execution.Run(strict, reference.Domain(strict), r)
			if found, ok := refusal.As(err); !ok || found.Code != c.code || found.Slot == nil || *found.Slot != 0 {
				t.Errorf("expected %s in slot 0, found %v", c.code, err)
			}
		})
	}
	// The honest witness of the lax program is none of the strict one, whose signature is missing; with it, it is.
	r := accountRequest(t, strict, accountSlot{enabled: 1, index: 2, amount: 1, word5: 77})
	if err := solve(t, system, execute(t, strict, r).Assignment); err != nil {
		t.Errorf("the honest slot: %v", err)
	}
}

// laxTotal sets the cell total to 0.
func laxTotal(t testing.TB, state *proverv1.PreState) *proverv1.PreState {
	t.Helper()
	cells, err := suite.DecodeWords(state.Cells)
	if err != nil {
		t.Fatal(err)
	}
	cells[0], cells[1] = 0, 0
	return &proverv1.PreState{Cells: suite.EncodeWords(cells), Suites: state.Suites}
}

// TestReferenceSlot holds the budget of the reference slot.
func TestReferenceSlot(t *testing.T) {
	p := decode(t, reference.SlotProgram(20))
	r, err := reference.SlotRequest(p, 1)
	if err != nil {
		t.Fatal(err)
	}
	system := compile(t, p, 1)
	if n := system.GetNbConstraints(); n > 33_000 {
		t.Errorf("expected at most 33000 constraints, found %d", n)
	}
	assignment := execute(t, p, r).Assignment
	if err := solve(t, system, assignment); err != nil {
		t.Error(err)
	}
	written := reference.NewHandWritten(20, 1)
	byHand, err := lowering.CompileCircuit(written)
	if err != nil {
		t.Fatal(err)
	}
	if ours, theirs := system.GetNbConstraints(), byHand.GetNbConstraints(); float64(ours) > 1.1*float64(theirs) {
		t.Errorf("expected at most 1.1 times %d constraints, found %d", theirs, ours)
	}
	witness, err := frontend.NewWitness(reference.AssignHandWritten(assignment), ecc.BN254.ScalarField())
	if err != nil {
		t.Fatal(err)
	}
	if err := byHand.IsSolved(witness); err != nil {
		t.Errorf("by hand: %v", err)
	}
}

// TestUnsatisfiable makes a circuit that a constant contradicts.
func TestUnsatisfiable(t *testing.T) {
	b := reference.NewBuilder("never", 1, suite.Name)
	b.Assert(b.Const(0))
	_, err := lowering.Compile(decode(t, b), 1)
	if found, ok := refusal.As(err); !ok || found.Code != refusal.Unsupported {
		t.Errorf("expected a refusal, found %v", err)
	}
}
