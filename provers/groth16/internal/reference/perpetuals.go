package reference

import (
	"fmt"
	"math/big"

	"github.com/consensys/gnark/frontend"

	"multiprover/provers/groth16/internal/gadgets"
	"multiprover/provers/groth16/internal/lowering"
	"multiprover/provers/groth16/internal/program"
	"multiprover/provers/groth16/internal/suite"
)

// PerpetualsTrades is the relation of the program of examples/perpetuals for batches whose slots are trades or empty, written in gnark without
// a program: what a team would write for trades that has no compiler. Public values, state, leaves and journal are the program's, word for
// word; of the eight kinds it knows one, so it owes nothing to the others. Its gadgets are the prover's, so that what it is compared
// with is the lowering and the merging of the kinds.
type PerpetualsTrades struct {
	lowering.Public
	Cells    [perpetualsCellWords]frontend.Variable // words of the integer cells before the batch
	Oracle   frontend.Variable                      // key cell
	Accounts frontend.Variable                      // root of the map before the batch
	Slots    []PerpetualsTrade
}

// PerpetualsTrade is the advice of one slot; that of an empty one is as in lowering.Slot.
type PerpetualsTrade struct {
	Enabled             frontend.Variable // 1: a trade, 0: empty
	Market, Size        frontend.Variable
	PriceHigh, PriceLow frontend.Variable // words
	Index, Nonce        [Sides]frontend.Variable
	Records             [Sides]PerpetualsAccount
	Signatures          [Sides]lowering.Authorization
}

// PerpetualsAccount is a record before the slot and its path. What a trade demands of open and nonce makes them known: they are no advice.
type PerpetualsAccount struct {
	Key        frontend.Variable
	Collateral frontend.Variable // integers as they are encoded
	Sizes      [perpetualsMarkets]frontend.Variable
	Fundings   [perpetualsMarkets]frontend.Variable
	Siblings   [perpetualsDepth]frontend.Variable
}

const (
	perpetualsName      = "Perpetuals"
	perpetualsTradeKind = 5
	perpetualsMarkets   = 2
	perpetualsDepth     = 20
	perpetualsInputs    = 10 // words of a slot
	perpetualsOutputs   = 30
	withdrawalWords     = 8 // of the outputs: no trade emits one

	// The cells' words.
	marketWords         = 6
	vaultWord           = perpetualsMarkets * marketWords
	usesWord            = vaultWord + 2
	clockWord           = usesWord + 1
	oracleNonceWord     = clockWord + 1
	perpetualsCellWords = oracleNonceWord + 1

	// The rules, examples/perpetuals/perpetuals.py.
	initialMargin = 10
	maxMarkAge    = 60
	maxMarkUses   = 4096

	// Bits of what the transition's types and rules allow.
	sizeBits      = 31 // of a trade; a position has a sign beside
	fundingBits   = 48
	usesBits      = 12         // maxMarkUses - 1
	priceHighBits = 40 - 32    // of the high word of a price
	bandBits      = 40 + 4     // 9 marks
	ageBits       = 32 + 1     // maxMarkAge - (clock - updated)
	marginBits    = 71 + 1 + 5 // 20 · (two positions' value and the collateral)
	wordBits      = 32
	encodedBits   = 64
)

var (
	collateralOffset  = new(big.Int).Lsh(oneBit, 63) // encoded - value, by type
	sizeOffset        = new(big.Int).Lsh(oneBit, sizeBits)
	fundingOffset     = new(big.Int).Lsh(oneBit, fundingBits-1)
	fundingOffsetHigh = new(big.Int).Rsh(fundingOffset, wordBits)
	// The words of each integer cell.
	perpetualsCellSizes = [...]int{2, 2, 1, 1, 2, 2, 1, 1, 2, 1, 1, 1}
	maxPrice            = new(big.Int).Sub(new(big.Int).Lsh(oneBit, priceHighBits+wordBits), oneBit)
)

// NewPerpetualsTrades is the circuit of n slots.
func NewPerpetualsTrades(n int) *PerpetualsTrades {
	return &PerpetualsTrades{Slots: make([]PerpetualsTrade, n)}
}

// IsPerpetuals tells whether a program has the form that PerpetualsTrades is written for.
func IsPerpetuals(p *program.Program) bool {
	return p.Name == perpetualsName && p.InputWords == perpetualsInputs && p.OutputWords == perpetualsOutputs && p.Authorizations == Sides &&
		len(p.Ports) == Sides && len(p.Maps) == 1 && p.Maps[0].Depth == perpetualsDepth &&
		p.JournalWords(0) == perpetualsCellWords
}

// AssignPerpetualsTrades is the assignment of the same batch. A slot of another kind is an error.
func AssignPerpetualsTrades(c *lowering.Circuit) (*PerpetualsTrades, error) {
	a := NewPerpetualsTrades(len(c.Slots))
	a.Public, a.Oracle, a.Accounts = c.Public, c.KeyCells[0], c.MapRoots[0]
	a.Cells = [perpetualsCellWords]frontend.Variable(cellWords(c.Cells))
	for i := range c.Slots {
		from, to := &c.Slots[i], &a.Slots[i]
		switch from.Words[0] {
		case uint32(0):
			to.Enabled = 0
		case uint32(perpetualsTradeKind):
			to.Enabled = 1
		default:
			return nil, fmt.Errorf("slot %d: expected kind 0 or %d, found %v", i, perpetualsTradeKind, from.Words[0])
		}
		words := from.Words[1:]
		to.Index = [Sides]frontend.Variable(words[:2])
		to.Market, to.Size, to.PriceHigh, to.PriceLow = words[2], words[3], words[4], words[5]
		to.Nonce = [Sides]frontend.Variable(words[6:8])
		to.Signatures = [Sides]lowering.Authorization(from.Authorizations)
		for side := range Sides {
			opening := &from.Openings[side]
			ints := opening.Ints[2:] // after open and nonce
			to.Records[side] = PerpetualsAccount{
				Key: opening.Keys[0], Collateral: ints[0],
				Sizes:    [perpetualsMarkets]frontend.Variable{ints[1], ints[3]},
				Fundings: [perpetualsMarkets]frontend.Variable{ints[2], ints[4]},
				Siblings: [perpetualsDepth]frontend.Variable(opening.Siblings),
			}
		}
	}
	return a, nil
}

// cellWords are the words of the assigned cells: price, funding, updated and open of each market, vault, uses, clock and the oracle's nonce.
func cellWords(cells []frontend.Variable) []frontend.Variable {
	var words []frontend.Variable
	for i, size := range perpetualsCellSizes {
		encoded := cells[i].(uint64)
		if size == 2 {
			words = append(words, encoded>>wordBits)
		}
		words = append(words, encoded&(1<<wordBits-1))
	}
	return words
}

// perpetuals is the circuit in the making.
type perpetuals struct {
	*gadgets.Builder
	api    frontend.API
	domain frontend.Variable
	state  perpetualsState
}

// perpetualsState is the state between two slots. Every slot reads it anew: nothing is made of the fact that trades do not move the marks.
type perpetualsState struct {
	markets  [perpetualsMarkets]perpetualsMarket
	vault    [2]frontend.Variable // words
	uses     frontend.Variable
	clock    frontend.Variable
	oracle   frontend.Variable
	nonce    frontend.Variable // of the oracle
	accounts frontend.Variable // root
}

type perpetualsMarket struct{ price, funding, updated, open typedWords }

// typedWords is an integer, and as it is encoded in words.
type typedWords struct {
	value frontend.Variable
	words []frontend.Variable
}

// Define implements frontend.Circuit.
func (c *PerpetualsTrades) Define(api frontend.API) error {
	p := &perpetuals{Builder: gadgets.New(api), api: api, domain: c.Domain}
	for _, v := range []frontend.Variable{c.Z, c.Payee, c.Domain} {
		p.BindPublic(v)
	}
	p.openCells(c)
	api.AssertIsEqual(p.stateRoot(), c.PreRoot)
	var inputs, outputs []frontend.Variable
	for i := range c.Slots {
		in, out := p.slot(&c.Slots[i])
		inputs, outputs = append(inputs, in...), append(outputs, out...)
	}
	api.AssertIsEqual(p.stateRoot(), c.PostRoot)
	var cells []frontend.Variable
	for _, cell := range p.cells() {
		cells = append(cells, cell.words...)
	}
	journal := p.PackWords(append(append(inputs, outputs...), cells...))
	api.AssertIsEqual(p.Commit(journal), c.C)
	api.AssertIsEqual(p.Evaluate(journal, c.Z), c.Y)
	return nil
}

// check constrains 0 <= v < 2^bits, for any v.
func (p *perpetuals) check(v frontend.Variable, bits uint) {
	end := new(big.Int).Lsh(oneBit, bits)
	p.Range(gadgets.Integer{V: v, Lo: new(big.Int).Neg(end), Hi: end}, zero, new(big.Int).Sub(end, oneBit), 0)
}

// join is the number of some limbs, the first the most significant.
func (p *perpetuals) join(bits uint, limbs ...frontend.Variable) frontend.Variable {
	return pack(p.api, limbs, bits)
}

// openCells takes the cells before the batch. Words that share an element of the root are fixed by it and by being words.
func (p *perpetuals) openCells(c *PerpetualsTrades) {
	for _, word := range c.Cells {
		p.CheckWords(word, 1)
	}
	for i := range p.state.markets {
		words := c.Cells[i*marketWords : (i+1)*marketWords]
		p.state.markets[i] = perpetualsMarket{
			price:   typedWords{p.join(wordBits, words[:2]...), words[:2]},
			funding: typedWords{p.api.Sub(p.join(wordBits, words[2:4]...), fundingOffset), words[2:4]},
			updated: typedWords{words[4], words[4:5]},
			open:    typedWords{words[5], words[5:]},
		}
	}
	p.state.vault = [2]frontend.Variable(c.Cells[vaultWord:usesWord])
	p.state.uses, p.state.clock, p.state.nonce = c.Cells[usesWord], c.Cells[clockWord], c.Cells[oracleNonceWord]
	p.state.oracle, p.state.accounts = c.Oracle, c.Accounts
}

// cells are the integer cells, in order.
func (p *perpetuals) cells() []typedWords {
	s := &p.state
	var cells []typedWords
	for _, market := range s.markets {
		cells = append(cells, market.price, market.funding, market.updated, market.open)
	}
	cells = append(cells, typedWords{words: s.vault[:]})
	for _, word := range []frontend.Variable{s.uses, s.clock, s.nonce} {
		cells = append(cells, typedWords{words: []frontend.Variable{word}})
	}
	return cells
}

func (p *perpetuals) stateRoot() frontend.Variable {
	var ints []gadgets.TypedInt
	for _, cell := range p.cells() {
		ints = append(ints, gadgets.TypedInt{Encoded: p.join(wordBits, cell.words...), Words: len(cell.words)})
	}
	return p.Hash(suite.TagStateRoot, 0, append(p.PackTyped(ints), p.state.oracle, p.state.accounts)...)
}

// perpetualsPosition is a side's position in one market.
type perpetualsPosition struct {
	before, after  frontend.Variable // lots
	negative, none frontend.Variable // booleans: the sign of after
	fundingBefore  frontend.Variable // encoded
}

// perpetualsSide is one side of a trade.
type perpetualsSide struct {
	index, nonce frontend.Variable
	bits         []frontend.Variable
	key          frontend.Variable
	siblings     []frontend.Variable
	collateral   frontend.Variable // encoded, before
	positions    [perpetualsMarkets]perpetualsPosition
}

// trade is what both sides share.
type trade struct {
	enabled, empty frontend.Variable // booleans, one of them 1
	market         frontend.Variable // boolean
	size, price    frontend.Variable
	mark           frontend.Variable
}

// slot constrains one slot, moves the state past it and gives its input and output words.
//
// In an empty slot every input and both records are zero. Most constraints of a trade then hold by themselves; those that
// would not are switched.
func (p *perpetuals) slot(advice *PerpetualsTrade) (words, outputs []frontend.Variable) {
	api := p.api
	t, words := p.inputs(advice)
	var sides [Sides]*perpetualsSide
	for i := range sides {
		sides[i] = p.open(t, advice.Index[i], advice.Nonce[i], &advice.Records[i])
	}

	// AUTHORIZATION
	digest := p.Hash(suite.TagTransaction, 0, append([]frontend.Variable{p.domain}, p.PackWords(words)...)...)
	for i, signature := range advice.Signatures {
		p.AssertSignature(t.enabled, sides[i].key, digest, sides[i].nonce, gadgets.Signature{
			A: gadgets.Point{X: signature.AX, Y: signature.AY}, R: gadgets.Point{X: signature.RX, Y: signature.RY}, S: signature.S,
		})
	}

	// TERMS
	api.AssertIsDifferent(api.Add(advice.Index[0], t.empty), advice.Index[1]) // in an empty slot 1 and 0
	api.AssertIsDifferent(t.size, t.empty)                                    // there 0 and 1
	prices := [perpetualsMarkets]frontend.Variable{p.state.markets[0].price.value, p.state.markets[1].price.value}
	t.mark = api.Select(t.market, prices[1], prices[0])
	mark := api.Mul(t.enabled, t.mark)
	p.check(api.Sub(api.Mul(t.price, 8), api.Mul(mark, 7)), bandBits)
	p.check(api.Sub(api.Mul(mark, 9), api.Mul(t.price, 8)), bandBits)

	// POSITIONS
	second := api.Mul(t.market, t.size)
	lots := [perpetualsMarkets]frontend.Variable{api.Sub(t.size, second), second}
	notional := api.Mul(t.size, t.price)
	var collaterals [Sides]typedWords // after
	for i, side := range sides {
		paid := notional
		if i == 1 {
			paid = api.Neg(notional)
		}
		collaterals[i] = p.settle(side, paid)
		for m := range side.positions {
			bought := lots[m]
			if i == 1 {
				bought = api.Neg(lots[m])
			}
			p.move(&side.positions[m], bought)
		}
	}
	p.useMarks(t, sides)

	// MARGIN
	// A position is reduced where the buyer is still not long, or the seller still not short.
	cheaper := p.Less(gadgets.Integer{V: t.price, Lo: zero, Hi: maxPrice}, gadgets.Integer{V: t.mark, Lo: zero, Hi: maxPrice})
	same := api.IsZero(api.Sub(t.price, t.mark))
	notWorse := [Sides]frontend.Variable{api.Add(cheaper, same), api.Sub(1, cheaper)}
	for i, side := range sides {
		var reduced [perpetualsMarkets]frontend.Variable
		for m, position := range side.positions {
			reduced[m] = api.Add(position.negative, position.none)
			if i == 1 {
				reduced[m] = api.Sub(1, position.negative)
			}
		}
		p.requireMargin(side, collaterals[i].value, prices, api.Select(t.market, reduced[1], reduced[0]), notWorse[i])
	}

	// STATE
	fundings := [perpetualsMarkets]typedWords{}
	for m := range fundings {
		// Encoded: that of the market for a trade, that of 0 for an empty slot.
		current := p.state.markets[m].funding.words
		high := api.Add(api.Mul(t.enabled, api.Sub(current[0], fundingOffsetHigh)), fundingOffsetHigh)
		low := api.Mul(t.enabled, current[1])
		fundings[m] = typedWords{p.join(wordBits, high, low), []frontend.Variable{high, low}}
	}
	outputs = append(outputs, 0) // refused: only what comes from L1 can be
	for i, side := range sides {
		out := p.close(t, side, collaterals[i], fundings)
		if i == 0 {
			// A registration may come through this port: it writes open.
			out = append([]frontend.Variable{out[0], t.enabled}, out[1:]...)
		}
		outputs = append(outputs, out...)
	}
	for range withdrawalWords {
		outputs = append(outputs, 0)
	}
	return words, outputs
}

// inputs constrains the inputs of a trade but the indices, which open does, and gives the slot's words.
func (p *perpetuals) inputs(advice *PerpetualsTrade) (*trade, []frontend.Variable) {
	api := p.api
	t := &trade{enabled: advice.Enabled, empty: api.Sub(1, advice.Enabled), market: advice.Market, size: advice.Size}
	t.price = p.join(wordBits, advice.PriceHigh, advice.PriceLow)
	api.AssertIsBoolean(t.enabled)
	api.AssertIsBoolean(t.market)
	p.check(t.size, sizeBits)
	p.check(advice.PriceHigh, priceHighBits)
	p.CheckWords(advice.PriceLow, 1)
	for _, nonce := range advice.Nonce {
		p.CheckWords(nonce, 1)
	}
	// No input is negative, so their sum is 0 only if all are.
	sum := api.Add(advice.Index[0], advice.Index[1], t.market, t.size, t.price, advice.Nonce[0], advice.Nonce[1])
	p.AssertZeroIf(t.empty, sum)
	words := []frontend.Variable{
		api.Mul(t.enabled, perpetualsTradeKind), advice.Index[0], advice.Index[1], t.market, t.size,
		advice.PriceHigh, advice.PriceLow, advice.Nonce[0], advice.Nonce[1],
	}
	for len(words) < perpetualsInputs {
		words = append(words, 0)
	}
	return t, words
}

// open takes a side's record. That it is open and has the nonce of the inputs is said by putting these into its leaf, whose first element is then
// fixed together with the other integers' bounds. Stored fundings have 48 bits, of the 64 that their words could hold.
func (p *perpetuals) open(t *trade, index, nonce frontend.Variable, record *PerpetualsAccount) *perpetualsSide {
	side := &perpetualsSide{
		index: index, nonce: nonce, bits: p.Bits(index, perpetualsDepth), key: record.Key, siblings: record.Siblings[:], collateral: record.Collateral,
	}
	// nonce + 1 must fit; an empty slot's nonce is 0.
	p.api.AssertIsDifferent(nonce, maxWord)
	p.check(record.Collateral, encodedBits)
	difference := p.api.Sub(record.Collateral, collateralOffset)
	for m := range side.positions {
		p.check(record.Sizes[m], wordBits)
		p.check(record.Fundings[m], fundingBits)
		side.positions[m].before = p.api.Sub(record.Sizes[m], sizeOffset)
		side.positions[m].fundingBefore = record.Fundings[m]
		difference = p.api.Add(p.api.Mul(difference, new(big.Int).Lsh(oneBit, wordBits)), side.positions[m].before)
		difference = p.api.Add(p.api.Mul(difference, new(big.Int).Lsh(oneBit, fundingBits)), p.api.Sub(record.Fundings[m], fundingOffset))
	}
	// 64 + 2·(32 + 48) bits: the encoding of the zero record and no other. Its key is in no output and in no leaf that counts.
	p.AssertZeroIf(t.empty, difference)
	return side
}

// settle pays a side's pending funding and the trade out of its collateral, and gives what remains.
func (p *perpetuals) settle(side *perpetualsSide, paid frontend.Variable) typedWords {
	encoded := p.api.Sub(side.collateral, paid)
	for m, position := range side.positions {
		last := p.api.Sub(position.fundingBefore, fundingOffset)
		encoded = p.api.Sub(encoded, p.api.Mul(position.before, p.api.Sub(p.state.markets[m].funding.value, last)))
	}
	return typedWords{p.api.Sub(encoded, collateralOffset), p.Words(encoded, 2)}
}

// move adds lots to a position, which must stay within 32 bits with its sign.
func (p *perpetuals) move(position *perpetualsPosition, bought frontend.Variable) {
	position.after = p.api.Add(position.before, bought)
	position.negative = p.sign(position.after)
	position.none = p.api.IsZero(position.after)
}

// sign is 1 if v is negative, else 0, and constrains v to [-2^31, 2^31): Less demands v + less·2^31 in [0, 2^31), which no other v satisfies.
func (p *perpetuals) sign(v frontend.Variable) frontend.Variable {
	size := gadgets.Integer{V: v, Lo: new(big.Int).Neg(sizeOffset), Hi: new(big.Int).Sub(sizeOffset, oneBit)}
	return p.Less(size, gadgets.Constant(zero))
}

// useMarks counts a use of the marks, and demands a fresh mark of each market that is traded or that a side has a position in.
func (p *perpetuals) useMarks(t *trade, sides [Sides]*perpetualsSide) {
	api := p.api
	p.check(api.Mul(t.enabled, api.Sub(maxMarkUses-1, p.state.uses)), usesBits)
	p.state.uses = api.Add(p.state.uses, t.enabled)
	traded := [perpetualsMarkets]frontend.Variable{api.Sub(t.enabled, t.market), t.market}
	for m := range p.state.markets {
		market := &p.state.markets[m]
		idle := api.Mul(sides[0].positions[m].none, sides[1].positions[m].none)
		idle = api.Mul(idle, api.Sub(1, traded[m]))
		needed := api.Sub(1, idle)
		api.AssertIsDifferent(api.Add(market.open.value, idle), 0)
		age := api.Mul(needed, api.Sub(p.state.clock, market.updated.value))
		p.check(api.Sub(maxMarkAge, age), ageBits)
	}
}

// requireMargin demands 10·equity >= exposure, or of a side that reduced its position a price that is not worse than the mark, or 20·equity >= exposure.
// As exposure is not negative, 10·equity >= exposure implies 20·equity >= exposure: one comparison with the factor that is asked.
func (p *perpetuals) requireMargin(side *perpetualsSide, collateral frontend.Variable, prices [perpetualsMarkets]frontend.Variable, reduced, notWorse frontend.Variable) {
	api := p.api
	equity := collateral
	var exposure frontend.Variable = 0
	for m, position := range side.positions {
		value := api.Mul(position.after, prices[m])
		equity = api.Add(equity, value)
		exposure = api.Add(exposure, value, api.Mul(position.negative, api.Mul(value, -2)))
	}
	margin := api.Mul(api.Add(initialMargin, api.Mul(reduced, initialMargin)), equity)
	asked := api.Sub(1, api.Mul(reduced, notWorse))
	p.check(api.Mul(asked, api.Sub(margin, exposure)), marginBits)
}

// leaf is the digest of a side's record with some nonce and encoded integers.
func (p *perpetuals) leaf(t *trade, side *perpetualsSide, nonce, collateral frontend.Variable, sizes, fundings [perpetualsMarkets]frontend.Variable) frontend.Variable {
	ints := []gadgets.TypedInt{{Encoded: t.enabled, Words: 1}, {Encoded: nonce, Words: 1}, {Encoded: collateral, Words: 2}}
	for m := range sizes {
		ints = append(ints, gadgets.TypedInt{Encoded: sizes[m], Words: 1}, gadgets.TypedInt{Encoded: fundings[m], Words: 2})
	}
	return p.Hash(suite.TagLeaf, 0, append(p.PackTyped(ints), side.key)...)
}

// leafBefore is the digest of a side's record before the trade.
func (p *perpetuals) leafBefore(t *trade, side *perpetualsSide) frontend.Variable {
	var sizes, fundings [perpetualsMarkets]frontend.Variable
	for m, position := range side.positions {
		sizes[m], fundings[m] = p.api.Add(position.before, sizeOffset), position.fundingBefore
	}
	return p.leaf(t, side, side.nonce, side.collateral, sizes, fundings)
}

// close checks the path of a side's record, moves the root and gives the record's output words.
func (p *perpetuals) close(t *trade, side *perpetualsSide, collateral typedWords, fundings [perpetualsMarkets]typedWords) []frontend.Variable {
	api := p.api
	nonce := api.Add(side.nonce, t.enabled)
	out := append([]frontend.Variable{side.index, nonce}, collateral.words...)
	var sizes, encoded [perpetualsMarkets]frontend.Variable
	for m, position := range side.positions {
		sizes[m], encoded[m] = api.Add(position.after, sizeOffset), fundings[m].value
		out = append(append(out, sizes[m]), fundings[m].words...)
	}
	root := p.RootFromPath(p.leafBefore(t, side), side.bits, side.siblings)
	p.AssertZeroIf(t.enabled, api.Sub(root, p.state.accounts))
	after := p.leaf(t, side, nonce, p.join(wordBits, collateral.words...), sizes, encoded)
	p.state.accounts = api.Select(t.enabled, p.RootFromPath(after, side.bits, side.siblings), p.state.accounts)
	return out
}
