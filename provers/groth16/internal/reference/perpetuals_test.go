package reference

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"slices"
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
	"google.golang.org/protobuf/proto"

	"multiprover/provers/groth16/internal/execution"
	"multiprover/provers/groth16/internal/gadgets"
	"multiprover/provers/groth16/internal/lowering"
	"multiprover/provers/groth16/internal/pb/programv1"
	"multiprover/provers/groth16/internal/pb/proverv1"
	"multiprover/provers/groth16/internal/program"
	"multiprover/provers/groth16/internal/suite"
)

func TestMain(m *testing.M) {
	logger.Disable()
	m.Run()
}

// solve solves with hints of the range check that never refuse: only a constraint can.
func solve(t testing.TB, system constraint.ConstraintSystem, assignment frontend.Circuit) error {
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

// greedyLimbs puts what is too much into the last limb.
func greedyLimbs(_ *big.Int, inputs, outputs []*big.Int) error {
	bits := uint(inputs[1].Uint64())
	rest := new(big.Int).Set(inputs[2])
	mask := new(big.Int).Sub(new(big.Int).Lsh(oneBit, bits), oneBit)
	for _, out := range outputs[:len(outputs)-1] {
		out.And(rest, mask)
		rest.Rsh(rest, bits)
	}
	outputs[len(outputs)-1].Set(rest)
	return nil
}

// lenientCount counts in a table of one column, 0 to n-1, the queries that are rows.
func lenientCount(_ *big.Int, inputs, outputs []*big.Int) error {
	for _, out := range outputs {
		out.SetUint64(0)
	}
	for _, v := range inputs[2+len(outputs):] {
		if v.IsUint64() && v.Uint64() < uint64(len(outputs)) {
			out := outputs[v.Uint64()]
			out.Add(out, oneBit)
		}
	}
	return nil
}

// refused demands that a constraint failed.
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

func compileCircuit(t testing.TB, circuit frontend.Circuit) constraint.ConstraintSystem {
	t.Helper()
	system, err := lowering.CompileCircuit(circuit)
	if err != nil {
		t.Fatal(err)
	}
	return system
}

// batchCase is a batch made by the sequencer: scripts/perpetuals_case.py.
type batchCase struct {
	name    string
	raw     []byte // of the program
	program *program.Program
	request *proverv1.ProveRequest
}

func batchCases(t testing.TB) []batchCase {
	t.Helper()
	raw, err := os.ReadFile("testdata/perpetuals_trades.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []struct {
			Name           string
			Prepare, Prove []byte
		}
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	var cases []batchCase
	for _, c := range file.Cases {
		var prepare proverv1.PrepareRequest
		request := new(proverv1.ProveRequest)
		if err := errors.Join(proto.Unmarshal(c.Prepare, &prepare), proto.Unmarshal(c.Prove, request)); err != nil {
			t.Fatal(err)
		}
		p, err := program.Decode(prepare.Program)
		if err != nil {
			t.Fatal(err)
		}
		cases = append(cases, batchCase{c.Name, prepare.Program, p, request})
	}
	if len(cases) == 0 {
		t.Fatal("expected batches, found none")
	}
	return cases
}

// witnesses are the same batch as assignments of both circuits.
func witnesses(t testing.TB, p *program.Program, request *proverv1.ProveRequest) (*execution.Result, *PerpetualsTrades) {
	t.Helper()
	statement, err := execution.ReadStatement(request.Statement)
	if err != nil {
		t.Fatal(err)
	}
	result, err := execution.Execute(p, statement, request)
	if err != nil {
		t.Fatal(err)
	}
	byHand, err := AssignPerpetualsTrades(result.Assignment)
	if err != nil {
		t.Fatal(err)
	}
	return result, byHand
}

// TestPerpetualsBatches proves batches of the sequencer with both circuits, and refuses another journal than theirs.
func TestPerpetualsBatches(t *testing.T) {
	cases := batchCases(t)
	if !IsPerpetuals(cases[0].program) {
		t.Fatal("the program is not the one that the circuit is written for")
	}
	slots := len(cases[0].request.Slots)
	compiled, byHand := compileCircuit(t, lowering.New(cases[0].program, slots)), compileCircuit(t, NewPerpetualsTrades(slots))
	if ours, theirs := compiled.GetNbConstraints(), byHand.GetNbConstraints(); float64(ours) > 1.1*float64(theirs) {
		t.Errorf("expected at most 1.1 times %d constraints, found %d", theirs, ours)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			result, written := witnesses(t, c.program, c.request)
			if err := solve(t, compiled, result.Assignment); err != nil {
				t.Fatalf("compiled: %v", err)
			}
			if err := solve(t, byHand, written); err != nil {
				t.Fatalf("by hand: %v", err)
			}
			lie := func(what string, public lowering.Public) {
				compiledLie, writtenLie := *result.Assignment, *written
				compiledLie.Public, writtenLie.Public = public, public
				refused(t, solve(t, compiled, &compiledLie), "compiled, "+what)
				refused(t, solve(t, byHand, &writtenLie), "by hand, "+what)
			}
			outputs := slots * perpetualsInputs
			for _, word := range []int{
				4,                      // the first slot's size
				2*perpetualsInputs - 1, // the last slot's unused word
				outputs,                // refused
				outputs + 4,            // the buyer's collateral
				outputs + 15,           // the seller's
				outputs + perpetualsOutputs - withdrawalWords, // a withdrawal's presence
				outputs + perpetualsOutputs + 12,              // the last slot's second index
				len(result.Journal) - 3,                       // uses
			} {
				claimed := slices.Clone(result.Journal)
				claimed[word] ^= 1
				public := result.Assignment.Public
				public.C, public.Y = suite.Commit(claimed), suite.Evaluate(claimed, result.Challenge)
				lie(fmt.Sprintf("journal word %d", word), public)
			}
			honest := result.Assignment.Public
			for name, place := range map[string]func(public *lowering.Public) *frontend.Variable{
				"pre_root":  func(public *lowering.Public) *frontend.Variable { return &public.PreRoot },
				"post_root": func(public *lowering.Public) *frontend.Variable { return &public.PostRoot },
				"c":         func(public *lowering.Public) *frontend.Variable { return &public.C },
				"z":         func(public *lowering.Public) *frontend.Variable { return &public.Z },
				"y":         func(public *lowering.Public) *frontend.Variable { return &public.Y },
				"domain":    func(public *lowering.Public) *frontend.Variable { return &public.Domain },
			} {
				public := honest
				value := (*place(&public)).(fr.Element)
				one := fr.One()
				value.Add(&value, &one)
				*place(&public) = value
				lie("another "+name, public)
			}
		})
	}
}

// lax is a program without its assertions, which a dishonest sequencer could run: each asserts a constant 1 instead.
func lax(t testing.TB, raw []byte) *program.Program {
	t.Helper()
	var message programv1.Program
	if err := proto.Unmarshal(raw, &message); err != nil {
		t.Fatal(err)
	}
	one := -1
	for id, op := range message.Ops {
		switch {
		case one < 0 && op.Code == program.CONST && new(big.Int).SetBytes(op.Lo).Cmp(oneBit) == 0:
			one = id
		case op.Code == program.ASSERT && one < 0:
			t.Fatal("an assertion before the constant 1")
		case op.Code == program.ASSERT:
			op.Args = []uint32{uint32(one)}
		}
	}
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(&message)
	if err != nil {
		t.Fatal(err)
	}
	p, err := program.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// testAccount and testTrade are a trade and what it happens in, in plain integers.
type testAccount struct {
	open, nonce, collateral int64
	sizes, fundings         [perpetualsMarkets]int64
}

type testTrade struct {
	accounts                  [Sides]testAccount
	prices, updated, fundings [perpetualsMarkets]int64
	closed                    [perpetualsMarkets]bool
	uses, clock               int64
	index, nonce              [Sides]int64
	market, size, price       int64
}

// ordinary is a trade that is allowed: of 10 lots at the mark, between accounts with positions in both markets.
func ordinary() *testTrade {
	return &testTrade{
		accounts: [Sides]testAccount{
			{open: 1, nonce: 7, collateral: 100_000, sizes: [2]int64{20, -3}, fundings: [2]int64{-5, 2}},
			{open: 1, nonce: 0, collateral: 200_000, sizes: [2]int64{-20, 4}, fundings: [2]int64{-4, 1}},
		},
		prices: [2]int64{8000, 500}, updated: [2]int64{1000, 990}, fundings: [2]int64{-3, 4},
		uses: 12, clock: 1010, index: [Sides]int64{9, 1<<perpetualsDepth - 1}, nonce: [Sides]int64{7, 0},
		size: 10, price: 8000,
	}
}

func (a *testAccount) record(key fr.Element) Record {
	return Record{
		{Key: key}, IntValue(a.open), IntValue(a.nonce), IntValue(a.collateral),
		IntValue(a.sizes[0]), IntValue(a.fundings[0]), IntValue(a.sizes[1]), IntValue(a.fundings[1]),
	}
}

// after is a side's account after the trade, computed apart from the program.
func (tr *testTrade) after(a testAccount, side int) testAccount {
	sign := int64(1 - 2*side)
	a.nonce++
	for m := range a.sizes {
		a.collateral -= a.sizes[m] * (tr.fundings[m] - a.fundings[m])
		a.fundings[m] = tr.fundings[m]
	}
	a.collateral -= sign * tr.size * tr.price
	a.sizes[tr.market] += sign * tr.size
	return a
}

// request is the trade as a batch, with its statement.
func (tr *testTrade) request(t testing.TB, p *program.Program) *proverv1.ProveRequest {
	t.Helper()
	signers := [Sides]*Signer{NewSigner("buyer"), NewSigner("seller")}
	accounts := tr.accounts
	same := tr.index[0] == tr.index[1]
	if same {
		signers[1] = signers[0]
	}
	state := NewState(p)
	for m := range tr.prices {
		open := int64(1)
		if tr.closed[m] {
			open = 0
		}
		copy(state.Cells[4*m:], Record{IntValue(tr.prices[m]), IntValue(tr.fundings[m]), IntValue(tr.updated[m]), IntValue(open)})
	}
	copy(state.Cells[8:], Record{IntValue(1 << 40), IntValue(tr.uses), IntValue(tr.clock), {Key: NewSigner("oracle").Key}, IntValue(3)})
	for side := range accounts {
		if side == 0 || !same {
			state.Set(0, uint64(tr.index[side]), accounts[side].record(signers[side].Key))
		}
	}
	r := &proverv1.ProveRequest{PreState: state.PreState()}
	slot := &proverv1.Slot{Authorizations: make([]*proverv1.Authorization, Sides)}
	slot.Words = suite.EncodeWords([]uint32{
		perpetualsTradeKind, uint32(tr.index[0]), uint32(tr.index[1]), uint32(tr.market), uint32(tr.size),
		uint32(tr.price >> wordBits), uint32(tr.price), uint32(tr.nonce[0]), uint32(tr.nonce[1]), 0,
	})
	for side := range accounts {
		index := uint64(tr.index[side])
		slot.Openings = append(slot.Openings, state.Opening(0, index))
		accounts[side] = tr.after(accounts[side], side)
		if same {
			accounts[1] = accounts[0]
		}
		state.Set(0, index, accounts[side].record(signers[side].Key))
		if err := signers[side].Authorize(slot, side, Domain(p), uint64(tr.nonce[side])); err != nil {
			t.Fatal(err)
		}
	}
	r.Slots = []*proverv1.Slot{slot}
	if err := Complete(p, r); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestPerpetualsRules gives both circuits trades at and beyond the border of each rule. What is beyond is executed by a program without
// assertions, whose circuit the witness satisfies: so it is refused for the rule alone.
func TestPerpetualsRules(t *testing.T) {
	c := batchCases(t)[0]
	loose := lax(t, c.raw)
	strict, lenient, byHand := compileCircuit(t, lowering.New(c.program, 1)), compileCircuit(t, lowering.New(loose, 1)), compileCircuit(t, NewPerpetualsTrades(1))

	// A buyer at the border of initial margin: 10·(collateral + value) = exposure, after 10 more lots.
	border := func(tr *testTrade, side int, sizeAfter, percent int64) {
		tr.accounts[side] = testAccount{open: 1, nonce: tr.nonce[side]}
		sign := int64(1 - 2*side)
		tr.accounts[side].sizes[0] = sizeAfter - sign*tr.size
		tr.accounts[side].fundings = tr.fundings
		exposure := max(sizeAfter, -sizeAfter) * tr.prices[0]
		tr.accounts[side].collateral = exposure*percent/100 - sizeAfter*tr.prices[0] + sign*tr.size*tr.price
	}
	for _, test := range []struct {
		name    string
		refused bool
		change  func(tr *testTrade)
	}{
		{"an ordinary trade", false, func(*testTrade) {}},
		{"in the second market", false, func(tr *testTrade) { tr.market, tr.price = 1, 510 }},
		{"an account with itself", true, func(tr *testTrade) { tr.index[1], tr.nonce[1] = tr.index[0], tr.nonce[0]+1 }},
		{"a buyer that is not open", true, func(tr *testTrade) { tr.accounts[0].open = 0 }},
		{"a seller that is not open", true, func(tr *testTrade) { tr.accounts[1].open = 0 }},
		{"an old nonce of the buyer", true, func(tr *testTrade) { tr.nonce[0]-- }},
		{"a coming nonce of the seller", true, func(tr *testTrade) { tr.nonce[1]++ }},
		{"the last nonce", false, func(tr *testTrade) { tr.nonce[0], tr.accounts[0].nonce = 1<<32-2, 1<<32-2 }},
		{"size 0", true, func(tr *testTrade) { tr.size = 0 }},
		{"7 eighths of the mark", false, func(tr *testTrade) { tr.price = 7000 }},
		{"less than 7 eighths of the mark", true, func(tr *testTrade) { tr.price = 6999 }},
		{"9 eighths of the mark", false, func(tr *testTrade) { tr.price = 9000 }},
		{"more than 9 eighths of the mark", true, func(tr *testTrade) { tr.price = 9001 }},
		{"the last use of the marks", false, func(tr *testTrade) { tr.uses = maxMarkUses - 1 }},
		{"one use too many", true, func(tr *testTrade) { tr.uses = maxMarkUses }},
		{"more uses than any", true, func(tr *testTrade) { tr.uses = 1<<16 - 2 }},
		{"marks of a minute", false, func(tr *testTrade) { tr.updated = [2]int64{tr.clock - maxMarkAge, tr.clock - maxMarkAge} }},
		{"an old mark of the market", true, func(tr *testTrade) { tr.updated[0] = tr.clock - maxMarkAge - 1 }},
		{"an old mark of another market with positions", true, func(tr *testTrade) { tr.updated[1] = tr.clock - maxMarkAge - 1 }},
		{"an old mark of a market with the buyer's position", true, func(tr *testTrade) {
			tr.updated[1], tr.accounts[1].sizes[1] = tr.clock-maxMarkAge-1, 0
		}},
		{"an old mark of a market with the seller's position", true, func(tr *testTrade) {
			tr.updated[1], tr.accounts[0].sizes[1] = tr.clock-maxMarkAge-1, 0
		}},
		{"an old mark of a market without positions", false, func(tr *testTrade) {
			tr.updated[1], tr.accounts[0].sizes[1], tr.accounts[1].sizes[1] = 0, 0, 0
		}},
		{"a mark that is ahead of the clock", false, func(tr *testTrade) { tr.updated[0] = 1<<32 - 1 }},
		{"a closed market", true, func(tr *testTrade) { tr.closed[0] = true }},
		{"another closed market with positions", true, func(tr *testTrade) { tr.closed[1] = true }},
		{"another closed market without positions", false, func(tr *testTrade) {
			tr.closed[1], tr.accounts[0].sizes[1], tr.accounts[1].sizes[1] = true, 0, 0
		}},
		{"positions of the last size", false, func(tr *testTrade) {
			tr.prices[0], tr.price, tr.accounts[0].sizes[0], tr.accounts[1].sizes[0] = 1, 1, 1<<31-11, -1<<31+10
			tr.accounts[0].collateral, tr.accounts[1].collateral = 0, 1<<32
			tr.accounts[0].fundings, tr.accounts[1].fundings = tr.fundings, tr.fundings
		}},
		{"the buyer at its initial margin", false, func(tr *testTrade) { border(tr, 0, 20, 10) }},
		{"the buyer under its initial margin", true, func(tr *testTrade) { border(tr, 0, 20, 10); tr.accounts[0].collateral-- }},
		{"the seller at its initial margin", false, func(tr *testTrade) { border(tr, 1, -20, 10) }},
		{"the seller under its initial margin", true, func(tr *testTrade) { border(tr, 1, -20, 10); tr.accounts[1].collateral-- }},
		{"a buyer that closes, at a worse price and maintenance margin", false, func(tr *testTrade) { tr.price++; border(tr, 0, -20, 5) }},
		{"a buyer that closes, at a worse price under maintenance margin", true, func(tr *testTrade) {
			tr.price++
			border(tr, 0, -20, 5)
			tr.accounts[0].collateral--
		}},
		{"a buyer that closes, at the mark without equity", false, func(tr *testTrade) { border(tr, 0, -20, -100) }},
		{"a buyer that closes wholly, at a worse price with a loss", true, func(tr *testTrade) { tr.price++; border(tr, 0, 0, 0); tr.accounts[0].collateral-- }},
		{"a buyer that closes wholly, below the mark with a loss", false, func(tr *testTrade) { tr.price--; border(tr, 0, 0, 0); tr.accounts[0].collateral-- }},
		{"a buyer that turns long, below the mark under margin", true, func(tr *testTrade) { tr.price--; border(tr, 0, 1, 5) }},
		{"a seller that closes, at a worse price and maintenance margin", false, func(tr *testTrade) { tr.price--; border(tr, 1, 20, 5) }},
		{"a seller that closes, at a worse price under maintenance margin", true, func(tr *testTrade) {
			tr.price--
			border(tr, 1, 20, 5)
			tr.accounts[1].collateral--
		}},
		{"a seller that closes, at the mark without equity", false, func(tr *testTrade) { border(tr, 1, 20, -100) }},
		{"a seller that turns short, above the mark under margin", true, func(tr *testTrade) { tr.price++; border(tr, 1, -1, 5) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			tr := ordinary()
			test.change(tr)
			result, written := witnesses(t, loose, tr.request(t, loose))
			if err := solve(t, lenient, result.Assignment); err != nil {
				t.Fatalf("without assertions: %v", err)
			}
			ours, theirs := solve(t, strict, result.Assignment), solve(t, byHand, written)
			if test.refused {
				refused(t, ours, "compiled")
				refused(t, theirs, "by hand")
			} else if ours != nil || theirs != nil {
				t.Errorf("expected both to accept, found compiled %v, by hand %v", ours, theirs)
			}
		})
	}
}

// TestPerpetualsForgeries gives both circuits witnesses that are honest but for a signature or for the tree.
func TestPerpetualsForgeries(t *testing.T) {
	p := batchCases(t)[0].program
	compiled, byHand := compileCircuit(t, lowering.New(p, 1)), compileCircuit(t, NewPerpetualsTrades(1))
	for _, test := range []struct {
		name  string
		forge func(c *lowering.Circuit)
	}{
		{"the sides' signatures exchanged", func(c *lowering.Circuit) {
			a := c.Slots[0].Authorizations
			a[0], a[1] = a[1], a[0]
		}},
		{"the buyer's signature for the seller", func(c *lowering.Circuit) { c.Slots[0].Authorizations[1] = c.Slots[0].Authorizations[0] }},
		{"no signature of the buyer", func(c *lowering.Circuit) {
			c.Slots[0].Authorizations[0] = lowering.Authorization{AX: 0, AY: 1, RX: 0, RY: 1, S: 0}
		}},
		{"records of another tree than the one before", func(c *lowering.Circuit) {
			var ints []suite.TypedInt
			for i, cell := range c.Cells {
				ints = append(ints, suite.TypedInt{Encoded: cell.(uint64), Words: perpetualsCellSizes[i]})
			}
			other := fr.NewElement(5)
			c.MapRoots[0] = other
			c.PreRoot = suite.StateRoot(ints, []fr.Element{c.KeyCells[0].(fr.Element)}, []fr.Element{other})
		}},
	} {
		result, _ := witnesses(t, p, ordinary().request(t, p))
		test.forge(result.Assignment)
		written, err := AssignPerpetualsTrades(result.Assignment)
		if err != nil {
			t.Fatal(err)
		}
		refused(t, solve(t, compiled, result.Assignment), test.name+", compiled")
		refused(t, solve(t, byHand, written), test.name+", by hand")
	}
}

// perpetualsPart is a part of the circuit under test.
type perpetualsPart struct {
	In     []frontend.Variable
	define func(p *perpetuals, in []frontend.Variable)
}

func (c *perpetualsPart) Define(api frontend.API) error {
	p := &perpetuals{Builder: gadgets.New(api), api: api}
	p.check(c.In[0], 2) // the range check's argument wants something to check
	c.define(p, c.In[1:])
	return nil
}

func solvePart(t testing.TB, define func(p *perpetuals, in []frontend.Variable), in ...*big.Int) error {
	t.Helper()
	system := compileCircuit(t, &perpetualsPart{In: make([]frontend.Variable, len(in)+1), define: define})
	assignment := &perpetualsPart{In: []frontend.Variable{0}}
	for _, v := range in {
		assignment.In = append(assignment.In, v)
	}
	return solve(t, system, assignment)
}

// TestPerpetualsSign reads the sign of sizes at and beyond the ends of their range, beyond which there is none.
func TestPerpetualsSign(t *testing.T) {
	sign := func(p *perpetuals, in []frontend.Variable) { p.api.AssertIsEqual(p.sign(in[0]), in[1]) }
	for _, v := range []int64{-1 << 31, -1, 0, 1, 1<<31 - 1} {
		negative := new(big.Int)
		if v < 0 {
			negative = oneBit
		}
		if err := solvePart(t, sign, big.NewInt(v), negative); err != nil {
			t.Errorf("%d: %v", v, err)
		}
		refused(t, solvePart(t, sign, big.NewInt(v), new(big.Int).Sub(oneBit, negative)), fmt.Sprintf("another sign of %d", v))
	}
	for _, v := range []int64{-1<<31 - 1, 1 << 31, 1 << 40} {
		for _, negative := range []*big.Int{zero, oneBit} {
			refused(t, solvePart(t, sign, big.NewInt(v), negative), fmt.Sprintf("%d with sign %d", v, negative))
		}
	}
}

// TestPerpetualsInputs takes inputs at and beyond the ends of their ranges.
func TestPerpetualsInputs(t *testing.T) {
	// Inputs: enabled, buyer, seller, market, size, the price's words, the nonces.
	inputs := func(p *perpetuals, in []frontend.Variable) {
		p.inputs(&PerpetualsTrade{
			Enabled: in[0], Index: [Sides]frontend.Variable(in[1:3]), Market: in[3], Size: in[4],
			PriceHigh: in[5], PriceLow: in[6], Nonce: [Sides]frontend.Variable(in[7:9]),
		})
	}
	const last = 1<<wordBits - 1
	solveInputs := func(values ...int64) error {
		var in []*big.Int
		for _, v := range values {
			in = append(in, big.NewInt(v))
		}
		return solvePart(t, inputs, in...)
	}
	if err := errors.Join(solveInputs(1, 3, 4, 1, 1<<31-1, 255, last, last, last), solveInputs(1, 0, 0, 0, 0, 0, 0, 0, 0), solveInputs(0, 0, 0, 0, 0, 0, 0, 0, 0)); err != nil {
		t.Error(err)
	}
	empty := make([]int64, 9)
	for input, beyond := range map[int]int64{0: 2, 3: 2, 4: 1 << 31, 5: 256, 6: last + 1, 7: last + 1, 8: last + 1} { // the indices are held by open
		in := slices.Clone(empty)
		in[0], in[input] = 1, beyond
		refused(t, solveInputs(in...), fmt.Sprintf("input %d of %d", input, beyond))
	}
	for input := 1; input < len(empty); input++ {
		in := slices.Clone(empty)
		in[input] = 1
		refused(t, solveInputs(in...), fmt.Sprintf("an empty slot with input %d", input))
	}
}

// TestPerpetualsCells opens cells: as they are, and with other words under the same root.
func TestPerpetualsCells(t *testing.T) {
	// Inputs: the words, the oracle's key, the accounts' root, the state's root.
	cells := func(p *perpetuals, in []frontend.Variable) {
		p.openCells(&PerpetualsTrades{
			Cells: [perpetualsCellWords]frontend.Variable(in[:perpetualsCellWords]), Oracle: in[perpetualsCellWords], Accounts: in[perpetualsCellWords+1],
		})
		p.api.AssertIsEqual(p.stateRoot(), in[perpetualsCellWords+2])
	}
	var ints []suite.TypedInt
	var in []*big.Int
	for i, words := range perpetualsCellSizes {
		v := suite.TypedInt{Encoded: uint64(1000 + i), Words: words}
		if words == 2 {
			v.Encoded += 7 << wordBits
			in = append(in, big.NewInt(7))
		}
		ints, in = append(ints, v), append(in, big.NewInt(int64(1000+i)))
	}
	root := suite.StateRoot(ints, []fr.Element{fr.NewElement(5)}, []fr.Element{fr.NewElement(6)})
	in = append(in, big.NewInt(5), big.NewInt(6), root.BigInt(new(big.Int)))
	if err := solvePart(t, cells, in...); err != nil {
		t.Error(err)
	}
	for i := range perpetualsCellWords - 1 {
		if i == 5 || i == 11 {
			continue // the next word is in another element
		}
		lie := append([]*big.Int(nil), in...)
		lie[i] = new(big.Int).Sub(lie[i], oneBit)
		lie[i+1] = new(big.Int).Add(lie[i+1], new(big.Int).Lsh(oneBit, wordBits))
		refused(t, solvePart(t, cells, lie...), fmt.Sprintf("word %d moved into the next", i))
	}
}

// TestPerpetualsOpen opens a record: as it is, as other integers with the same leaf, and for an empty slot.
func TestPerpetualsOpen(t *testing.T) {
	key := NewSigner("buyer").Key
	var element big.Int
	key.BigInt(&element)
	// Inputs: enabled, index, nonce, key, collateral, size and funding of each market, leaf.
	open := func(p *perpetuals, in []frontend.Variable) {
		tr := &trade{enabled: in[0], empty: p.api.Sub(1, in[0])}
		record := &PerpetualsAccount{
			Key: in[3], Collateral: in[4],
			Sizes: [perpetualsMarkets]frontend.Variable{in[5], in[7]}, Fundings: [perpetualsMarkets]frontend.Variable{in[6], in[8]},
		}
		p.api.AssertIsEqual(p.leafBefore(tr, p.open(tr, in[1], in[2], record)), in[9])
	}
	power := func(n uint) *big.Int { return new(big.Int).Lsh(oneBit, n) }
	add := func(v *big.Int, w *big.Int) *big.Int { return new(big.Int).Add(v, w) }
	record := func(enabled, nonce uint64, collateral uint64, size uint32, funding uint64) []*big.Int {
		leaf := suite.Leaf(0, []suite.TypedInt{
			{Encoded: enabled, Words: 1}, {Encoded: nonce, Words: 1}, {Encoded: collateral, Words: 2},
			{Encoded: uint64(size), Words: 1}, {Encoded: funding, Words: 2}, {Encoded: uint64(size), Words: 1}, {Encoded: funding, Words: 2},
		}, []fr.Element{key})
		digest := new(big.Int)
		leaf.BigInt(digest)
		number := func(v uint64) *big.Int { return new(big.Int).SetUint64(v) }
		return []*big.Int{
			number(enabled), number(77), number(nonce), &element, number(collateral),
			number(uint64(size)), number(funding), number(uint64(size)), number(funding), digest,
		}
	}
	for name, in := range map[string][]*big.Int{
		"a record":             record(1, 5, 1<<63+1, 1<<31+5, 1<<47-9),
		"the greatest record":  record(1, 1<<32-2, 1<<64-1, 1<<32-1, 1<<48-1),
		"the least record":     record(1, 0, 0, 0, 0),
		"an empty slot's zero": record(0, 0, 1<<63, 1<<31, 1<<47),
	} {
		if err := solvePart(t, open, in...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	moved := func(from, to int, bits uint) []*big.Int { // one unit of from is 2^bits of to
		in := record(1, 5, 1<<63+1, 1<<31+5, 1<<47-9)
		in[from], in[to] = add(in[from], big.NewInt(-1)), add(in[to], power(bits))
		return in
	}
	last := record(1, 1<<32-1, 1<<63, 1<<31, 1<<47)
	for name, in := range map[string][]*big.Int{
		"a nonce moved into collateral":        moved(2, 4, 64),
		"collateral moved into size":           moved(4, 5, 96-64),
		"size moved into funding":              moved(5, 6, 64),
		"the second size moved into funding":   moved(7, 8, 64),
		"collateral moved into funding":        moved(4, 6, 96),
		"a nonce that cannot be counted":       last,
		"an empty slot with a collateral":      record(0, 0, 1<<63+1, 1<<31, 1<<47),
		"an empty slot with positions":         record(0, 0, 1<<63, 1<<31+1, 1<<47),
		"an empty slot with a funding index":   record(0, 0, 1<<63, 1<<31, 1<<47+1),
		"an empty slot with zeros all through": record(0, 0, 0, 0, 0),
	} {
		refused(t, solvePart(t, open, in...), name)
	}
}
