package reference

import (
	"fmt"
	"math/big"

	"multiprover/provers/groth16/internal/pb/programv1"
	"multiprover/provers/groth16/internal/pb/proverv1"
	"multiprover/provers/groth16/internal/program"
	"multiprover/provers/groth16/internal/suite"
)

// The reference slot: one trade that reads and writes 2 accounts, with 2 signatures, 64 range checks of 64 bits, 16 products and 4 divisions.
const (
	Sides       = 2
	Amounts     = 16 // 32-bit inputs, and products
	RangeChecks = 64
	Divisions   = 4
	Balances    = 4 // 64-bit fields of an account

	kindWord    = 0
	indexWord   = 1 // of the first side
	amountWord  = indexWord + Sides
	SlotWords   = amountWord + Amounts
	keyField    = 0
	balanceAt   = 1 // first balance
	nonceField  = balanceAt + Balances
	indexMargin = 1
)

// ProductSum is the bound that the sum of the products is compared with.
var ProductSum = new(big.Int).Lsh(big.NewInt(1), 99)

func u64(name string) *programv1.Field { return Int(name, 0, 1<<64-1) }
func u32(name string) *programv1.Field { return Int(name, 0, 1<<32-1) }

// SlotProgram is the reference slot as a program, over accounts of the given depth.
func SlotProgram(depth int) *Builder {
	b := NewBuilder("reference", SlotWords, SuiteOnly()...)
	fields := []*programv1.Field{KeyField("key"), u64("balance"), u64("margin"), u64("entry"), u64("funding"), u32("nonce")}
	accounts := b.AddMap("accounts", depth, fields...)
	last := new(big.Int).SetUint64(1<<depth - 1)

	// INPUTS
	enabled := b.Range(b.Param(kindWord), new(big.Int), big.NewInt(1))
	amounts := make([]ID, Amounts)
	for i := range amounts {
		amounts[i] = b.Param(amountWord + i)
	}

	// ACCOUNTS
	var indices, opens, nonces [Sides]ID
	var balances []ID // of both sides, one after the other
	for side := range Sides {
		indices[side] = b.Range(b.Param(indexWord+side), new(big.Int), last)
		opens[side] = b.Open(enabled, indices[side], accounts)
		nonces[side] = b.Load(opens[side], nonceField)
		b.Authorize(enabled, b.Load(opens[side], keyField), nonces[side])
		for i := range Balances {
			balances = append(balances, b.Load(opens[side], balanceAt+i))
		}
	}
	b.Assert(b.Not(b.And(enabled, b.Eq(indices[0], indices[1]))))

	// ARITHMETIC
	products := make([]ID, Amounts)
	total := b.Const(0)
	for i := range products {
		products[i] = b.Mul(balances[i%len(balances)], amounts[i])
		total = b.Add(total, products[i])
	}
	b.Assert(b.Lt(total, b.ConstBig(ProductSum)))
	for i := range RangeChecks {
		term := amounts[i%Amounts]
		if i < Divisions {
			term = b.DivMod(products[i], b.Add(amounts[Amounts-1-i], b.Const(1)))
		}
		balances[i%len(balances)] = b.RangeOf(b.Add(balances[i%len(balances)], term), fields[balanceAt])
	}

	// STORES
	for side := range Sides {
		port := b.Message.Ports[side]
		port.OutputOffset = b.Message.OutputWords
		b.Output(indices[side], new(big.Int), last)
		for i := range Balances {
			v := balances[side*Balances+i]
			b.Store(opens[side], v, balanceAt+i)
			b.OutputOf(v, fields[balanceAt+i])
			port.Written = append(port.Written, uint32(balanceAt+i))
		}
		nonce := b.RangeOf(b.Add(nonces[side], b.Const(1)), fields[nonceField])
		b.Store(opens[side], nonce, nonceField)
		b.OutputOf(nonce, fields[nonceField])
		port.Written = append(port.Written, nonceField)
	}

	params := []*programv1.Field{Int("maker", 0, 1<<depth-1), Int("taker", 0, 1<<depth-1)}
	for i := range Amounts {
		params = append(params, u32(fmt.Sprintf("amount%d", i)))
	}
	b.Message.Kinds = append(b.Message.Kinds, &programv1.Kind{
		Name: "trade", Params: params, Ports: []uint32{0, 1}, Authorizations: []uint32{0, 1},
	})
	return b
}

// SlotRequest is a request of n reference slots, each between two accounts of its own, with its statement.
func SlotRequest(p *program.Program, n int) (*proverv1.ProveRequest, error) {
	state := NewState(p)
	signers := make([]*Signer, Sides*n)
	accounts := make([]Record, Sides*n)
	index := func(account int) uint64 { return uint64(account)*2654435761%uint64(1<<p.Maps[0].Depth) ^ indexMargin }
	for i := range accounts {
		signers[i] = NewSigner(fmt.Sprint(i))
		record := Record{{Key: signers[i].Key}}
		for j := range Balances {
			record = append(record, IntValue(int64(1_000_000+1_000*i+j)))
		}
		accounts[i] = append(record, IntValue(int64(i)))
		state.Set(0, index(i), accounts[i])
	}
	request := &proverv1.ProveRequest{PreState: state.PreState()}
	for i := range n {
		slot := &proverv1.Slot{Authorizations: make([]*proverv1.Authorization, Sides)}
		input := make([]uint32, SlotWords)
		input[kindWord] = 1
		for side := range Sides {
			input[indexWord+side] = uint32(index(Sides*i + side))
		}
		for j := range Amounts {
			input[amountWord+j] = uint32(100*i + j)
		}
		slot.Words = suite.EncodeWords(input)
		for side := range Sides {
			slot.Openings = append(slot.Openings, state.Opening(0, index(Sides*i+side)))
			if err := signers[Sides*i+side].Authorize(slot, side, Domain(p), uint64(Sides*i+side)); err != nil {
				return nil, err
			}
			// The next opening is taken against the tree after this record was written.
			after, err := slotAfter(accounts[Sides*i:Sides*i+Sides], input)
			if err != nil {
				return nil, err
			}
			state.Set(0, index(Sides*i+side), after[side])
		}
		request.Slots = append(request.Slots, slot)
	}
	return request, Complete(p, request)
}

// slotAfter computes the two records after a slot, apart from the program.
func slotAfter(before []Record, input []uint32) ([Sides]Record, error) {
	amount := func(i int) *big.Int { return new(big.Int).SetUint64(uint64(input[amountWord+i])) }
	var after [Sides]Record
	for side := range after {
		after[side] = append(Record(nil), before[side]...)
		after[side][nonceField] = Value{Int: new(big.Int).Add(before[side][nonceField].Int, big.NewInt(1))}
	}
	at := func(i int) *Value { return &after[i%(Sides*Balances)/Balances][balanceAt+i%Balances] }
	quotients := make([]*big.Int, Divisions)
	for i := range quotients {
		divisor := new(big.Int).Add(amount(Amounts-1-i), big.NewInt(1))
		quotients[i] = new(big.Int).Div(new(big.Int).Mul(at(i).Int, amount(i)), divisor)
	}
	for i := range RangeChecks {
		term := amount(i % Amounts)
		if i < Divisions {
			term = quotients[i]
		}
		sum := new(big.Int).Add(at(i).Int, term)
		if !sum.IsUint64() {
			return after, fmt.Errorf("reference slot: balance %d overflows", i)
		}
		*at(i) = Value{Int: sum}
	}
	return after, nil
}
