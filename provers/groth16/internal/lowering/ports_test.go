package lowering_test

import (
	"math/big"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/frontend"

	"multiprover/provers/groth16/internal/lowering"
	"multiprover/provers/groth16/internal/pb/proverv1"
	"multiprover/provers/groth16/internal/reference"
	"multiprover/provers/groth16/internal/suite"
)

// threePorts has three ports on one map of depth 2. Words: whether the first two are enabled, and their records. The first adds one to field 0; the second writes 9 to field 1 and
// reads nothing; the third reads all of a record, and is never enabled. Nothing but the roots tells of it.
func threePorts() *reference.Builder {
	b := reference.NewBuilder("ports", 4, suite.Name)
	flag := func(word int) reference.ID { return b.Range(b.Param(word), new(big.Int), big.NewInt(1)) }
	index := func(word int) reference.ID { return b.Range(b.Param(word), new(big.Int), big.NewInt(3)) }
	m := b.AddMap("records", 2, reference.Int("first", -1<<63, 1<<63-1), reference.Int("second", -1<<31, 1<<31-1))
	first := b.Open(flag(0), index(1), m)
	second := b.Open(flag(2), index(3), m)
	third := b.Open(b.Const(0), b.Const(0), m)
	b.Store(first, b.Range(b.Add(b.Load(first, 0), b.Const(1)), minI64, maxI64), 0)
	b.Store(second, b.Const(9), 1)
	b.Load(third, 0)
	b.Load(third, 1)
	return b
}

// TestPortLies takes openings at other times, at other places and of other ports than a slot's, each with the root after that the lie is for.
func TestPortLies(t *testing.T) {
	p := decode(t, threePorts())
	system := compile(t, p, 1)
	record := func(first, second int64) reference.Record {
		return reference.Record{reference.IntValue(first), reference.IntValue(second)}
	}
	// The state with records 1 and 2, and what writes leave of it.
	state := func(one, two reference.Record) *reference.State {
		s := reference.NewState(p)
		s.Set(0, 1, one)
		s.Set(0, 2, two)
		return s
	}
	before := state(record(5, -6), record(-7, 8))
	firstAlone, secondAlone := state(record(6, -6), record(-7, 8)), state(record(5, -6), record(-7, 9))
	root := func(s *reference.State) fr.Element {
		map0, err := suite.Canonical(s.PreState().Suites[0].MapRoots[0])
		if err != nil {
			t.Fatal(err)
		}
		return suite.StateRoot(nil, nil, []fr.Element{map0})
	}
	open := func(place *lowering.Opening, s *reference.State, index uint64, ints ...uint64) {
		siblings := s.Opening(0, index).Suites[0].Siblings
		for i := range place.Siblings {
			sibling, err := suite.Canonical(siblings[32*i : 32*i+32])
			if err != nil {
				t.Fatal(err)
			}
			place.Siblings[i] = sibling
		}
		for i, v := range ints {
			place.Ints[i] = v
		}
	}
	const zero0, zero1 = 1 << 63, 1 << 31 // the encodings of 0
	honest := func(words ...uint32) *lowering.Circuit {
		r := &proverv1.ProveRequest{PreState: before.PreState(), Slots: []*proverv1.Slot{{Words: suite.EncodeWords(words), Openings: []*proverv1.Opening{{}, {}, {}}}}}
		if words[0] == 1 {
			r.Slots[0].Openings[0] = before.Opening(0, uint64(words[1]))
		}
		if words[2] == 1 {
			now := before
			if words[0] == 1 {
				now = firstAlone
			}
			r.Slots[0].Openings[1] = now.Opening(0, uint64(words[3]))
		}
		c := execute(t, p, r).Assignment
		if err := solve(t, system, c); err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, lie := range []struct {
		name  string
		words []uint32
		forge func(c *lowering.Circuit, openings []lowering.Opening)
	}{
		{"the second port opened before the first one's write, which is lost", []uint32{1, 1, 1, 2}, func(c *lowering.Circuit, openings []lowering.Opening) {
			open(&openings[1], before, 2)
			c.PostRoot = root(secondAlone)
		}},
		{"a write of no port", []uint32{0, 0, 0, 2}, func(c *lowering.Circuit, openings []lowering.Opening) {
			open(&openings[1], before, 2, zero0-7, zero1+8)
			c.PostRoot = root(secondAlone)
		}},
		{"no write of a port", []uint32{1, 1, 0, 0}, func(c *lowering.Circuit, _ []lowering.Opening) { c.PostRoot = root(before) }},
		{"a port that opens nothing", []uint32{1, 1, 0, 0}, func(c *lowering.Circuit, openings []lowering.Opening) {
			openings[0].Ints = []frontend.Variable{uint64(zero0), uint64(zero1)}
			c.PostRoot = root(before)
		}},
		{"another record, with its own path", []uint32{1, 1, 0, 0}, func(c *lowering.Circuit, openings []lowering.Opening) {
			open(&openings[0], before, 2, zero0-7, zero1+8)
			c.PostRoot = root(state(record(5, -6), record(-6, 8)))
		}},
		{"another record, with the path of the index", []uint32{1, 1, 0, 0}, func(_ *lowering.Circuit, openings []lowering.Opening) {
			open(&openings[0], before, 1, zero0-7, zero1+8)
		}},
		{"a load of no port", []uint32{1, 1, 0, 0}, func(_ *lowering.Circuit, openings []lowering.Opening) {
			openings[2].Ints = []frontend.Variable{uint64(zero0 + 1), uint64(zero1)}
		}},
		{"loads of no port that add up to zero", []uint32{1, 1, 0, 0}, func(_ *lowering.Circuit, openings []lowering.Opening) {
			// 1·2^32 + (-2^32): the second is outside of its word.
			openings[2].Ints = []frontend.Variable{uint64(zero0 + 1), new(big.Int).Sub(big.NewInt(zero1), big.NewInt(1<<32))}
		}},
		{"loads of no port that add up to zero, the other way", []uint32{1, 1, 0, 0}, func(_ *lowering.Circuit, openings []lowering.Opening) {
			openings[2].Ints = []frontend.Variable{uint64(zero0 - 1), uint64(zero1 + 1<<32)}
		}},
	} {
		c := honest(lie.words...)
		lie.forge(c, c.Slots[0].Openings)
		refused(t, solve(t, system, c), lie.name)
	}
	// What a port that is not enabled neither reads nor writes may be anything, and changes nothing.
	c := honest(0, 0, 0, 2)
	open(&c.Slots[0].Openings[1], before, 2, zero0-7, zero1+8)
	if err := solve(t, system, c); err != nil {
		t.Error(err)
	}
}
