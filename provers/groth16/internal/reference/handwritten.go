package reference

import (
	"math/big"

	"github.com/consensys/gnark/frontend"

	"multiprover/provers/groth16/internal/gadgets"
	"multiprover/provers/groth16/internal/lowering"
	"multiprover/provers/groth16/internal/suite"
)

// HandWritten is the relation of SlotProgram, written in gnark without a program: what a team would write that has no compiler. It uses
// the same gadgets, so that what it is compared with is the lowering alone.
type HandWritten struct {
	lowering.Public
	Accounts frontend.Variable // root of the map
	Slots    []lowering.Slot

	depth int
}

// NewHandWritten is the circuit of n slots.
func NewHandWritten(depth, n int) *HandWritten {
	c := &HandWritten{Slots: make([]lowering.Slot, n), depth: depth}
	for i := range c.Slots {
		slot := &c.Slots[i]
		slot.Words = make([]frontend.Variable, SlotWords)
		slot.Authorizations = make([]lowering.Authorization, Sides)
		for range Sides {
			slot.Openings = append(slot.Openings, lowering.Opening{
				Ints:     make([]frontend.Variable, Balances+1),
				Keys:     make([]frontend.Variable, 1),
				Siblings: make([]frontend.Variable, depth),
			})
		}
	}
	return c
}

// AssignHandWritten is the assignment of the same batch.
func AssignHandWritten(c *lowering.Circuit) *HandWritten {
	return &HandWritten{Public: c.Public, Accounts: c.MapRoots[0], Slots: c.Slots}
}

var (
	zero    = new(big.Int)
	oneBit  = big.NewInt(1)
	maxWord = big.NewInt(1<<32 - 1)
	maxU64  = new(big.Int).SetUint64(1<<64 - 1)
)

// ranged is a variable known to lie within [0, hi].
func ranged(v frontend.Variable, hi *big.Int) gadgets.Integer {
	return gadgets.Integer{V: v, Lo: zero, Hi: hi}
}

// account is an opened record: its balances and then its nonce.
type account struct {
	bits, siblings []frontend.Variable
	key            frontend.Variable
	values         []gadgets.Integer
}

func (a *account) leaf(b *gadgets.Builder) frontend.Variable {
	var ints []gadgets.TypedInt
	for i, v := range a.values {
		words := 2
		if i == Balances {
			words = 1
		}
		ints = append(ints, gadgets.TypedInt{Encoded: v.V, Words: words})
	}
	return b.Hash(suite.TagLeaf, 0, append(b.PackTyped(ints), a.key)...)
}

// Define implements frontend.Circuit.
func (c *HandWritten) Define(api frontend.API) error {
	b := gadgets.New(api)
	for _, v := range []frontend.Variable{c.Z, c.Payee, c.Domain} {
		b.BindPublic(v)
	}
	root := c.Accounts
	api.AssertIsEqual(b.Hash(suite.TagStateRoot, 0, root), c.PreRoot)
	var inputs, outputs []frontend.Variable
	for i := range c.Slots {
		inputs = append(inputs, c.Slots[i].Words...)
		var words []frontend.Variable
		words, root = c.slot(api, b, &c.Slots[i], root)
		outputs = append(outputs, words...)
	}
	api.AssertIsEqual(b.Hash(suite.TagStateRoot, 0, root), c.PostRoot)
	journal := b.PackWords(append(inputs, outputs...))
	api.AssertIsEqual(b.Commit(journal), c.C)
	api.AssertIsEqual(b.Evaluate(journal, c.Z), c.Y)
	return nil
}

func (c *HandWritten) slot(api frontend.API, b *gadgets.Builder, advice *lowering.Slot, root frontend.Variable) (outputs []frontend.Variable, after frontend.Variable) {
	words := advice.Words
	for _, word := range words {
		b.CheckWords(word, 1)
	}
	enabled := words[kindWord]
	api.AssertIsBoolean(enabled)
	disabled := api.Sub(1, enabled)
	digest := b.Hash(suite.TagTransaction, 0, append([]frontend.Variable{c.Domain}, b.PackWords(words)...)...)

	accounts := make([]*account, Sides)
	roots := make([]frontend.Variable, Sides) // of the records before
	for side := range accounts {
		opening := &advice.Openings[side]
		a := &account{bits: b.Bits(words[indexWord+side], c.depth), siblings: opening.Siblings, key: opening.Keys[0]}
		for i := range Balances {
			b.CheckWords(opening.Ints[i], 2)
			a.values = append(a.values, ranged(opening.Ints[i], maxU64))
		}
		b.CheckWords(opening.Ints[Balances], 1)
		a.values = append(a.values, ranged(opening.Ints[Balances], maxWord))
		// A transaction that is not enabled has the record of zeros.
		for _, v := range []frontend.Variable{a.key, pack(api, opening.Ints[:3], 64), pack(api, opening.Ints[3:], 32)} {
			b.AssertZeroIf(disabled, v)
		}
		roots[side] = b.RootFromPath(a.leaf(b), a.bits, a.siblings)
		signature := advice.Authorizations[side]
		b.AssertSignature(enabled, a.key, digest, opening.Ints[Balances], gadgets.Signature{
			A: gadgets.Point{X: signature.AX, Y: signature.AY}, R: gadgets.Point{X: signature.RX, Y: signature.RY}, S: signature.S,
		})
		accounts[side] = a
	}
	same := b.Equal(ranged(words[indexWord], maxWord), ranged(words[indexWord+1], maxWord))
	api.AssertIsEqual(api.Mul(enabled, same), 0)

	at := func(i int) *gadgets.Integer {
		i %= Sides * Balances
		return &accounts[i/Balances].values[i%Balances]
	}
	products := make([]gadgets.Integer, Amounts)
	total := ranged(0, zero)
	for i := range products {
		product := api.Mul(at(i).V, words[amountWord+i])
		products[i] = ranged(product, new(big.Int).Mul(maxU64, maxWord))
		total = ranged(api.Add(total.V, product), new(big.Int).Add(total.Hi, products[i].Hi))
	}
	api.AssertIsEqual(b.Less(total, gadgets.Constant(ProductSum)), 1)
	var parts [Sides][Balances][]frontend.Variable
	for i := range RangeChecks {
		term := ranged(words[amountWord+i%Amounts], maxWord)
		if i < Divisions {
			divisor := gadgets.Integer{V: api.Add(words[amountWord+Amounts-1-i], 1), Lo: oneBit, Hi: new(big.Int).Add(maxWord, oneBit)}
			quotient, _ := b.DivMod(products[i], divisor)
			term = ranged(quotient, products[i].Hi)
		}
		sum := ranged(api.Add(at(i).V, term.V), new(big.Int).Add(maxU64, term.Hi))
		count := 0
		if i >= RangeChecks-Sides*Balances {
			count = 2 // the last value of the balance is written
		}
		written := b.Range(sum, zero, maxU64, count)
		*at(i) = ranged(sum.V, maxU64)
		place := i % (Sides * Balances)
		parts[place/Balances][place%Balances] = written
	}

	for side, a := range accounts {
		nonce := api.Add(a.values[Balances].V, 1)
		outputs = append(outputs, words[indexWord+side])
		for i := range Balances {
			outputs = append(outputs, parts[side][i]...)
		}
		outputs = append(outputs, b.Range(ranged(nonce, new(big.Int).Add(maxWord, oneBit)), zero, maxWord, 1)...)
		a.values[Balances] = ranged(nonce, maxWord)

		b.AssertZeroIf(enabled, api.Sub(roots[side], root))
		root = api.Select(enabled, b.RootFromPath(a.leaf(b), a.bits, a.siblings), root)
	}
	return outputs, root
}

// pack is a number of limbs, the first the most significant.
func pack(api frontend.API, limbs []frontend.Variable, bits uint) frontend.Variable {
	var sum frontend.Variable = 0
	for _, limb := range limbs {
		sum = api.Add(api.Mul(sum, new(big.Int).Lsh(oneBit, bits)), limb)
	}
	return sum
}
