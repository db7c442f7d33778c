package reference

import (
	"encoding/binary"
	"fmt"
	"math/big"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"multiprover/provers/groth16/internal/execution"
	"multiprover/provers/groth16/internal/pb/proverv1"
	"multiprover/provers/groth16/internal/program"
	"multiprover/provers/groth16/internal/suite"
)

// Record is a record or the cells: integers (nil: 0) and keys, by field.
type Record []Value

// Value is an integer or a key.
type Value struct {
	Int *big.Int
	Key fr.Element
}

// IntValue is an integer.
func IntValue(v int64) Value { return Value{Int: big.NewInt(v)} }

// State is a state of a program under the suite bn254: every record that was never set is zero.
type State struct {
	Program *program.Program
	Cells   Record
	maps    []*tree
	records []map[uint64]Record
}

// tree is a sparse Merkle tree.
type tree struct {
	nodes    []map[uint64]fr.Element // by level from the leaves
	defaults []fr.Element
}

// NewState is the state of zeros.
func NewState(p *program.Program) *State {
	s := &State{Program: p, Cells: make(Record, len(p.Cells))}
	for i, m := range p.Maps {
		t := &tree{nodes: make([]map[uint64]fr.Element, m.Depth+1), defaults: make([]fr.Element, m.Depth+1)}
		t.defaults[0] = leaf(i, m.Fields, make(Record, len(m.Fields)))
		for level := range t.nodes {
			t.nodes[level] = map[uint64]fr.Element{}
			if level > 0 {
				t.defaults[level] = suite.Node(t.defaults[level-1], t.defaults[level-1])
			}
		}
		s.maps = append(s.maps, t)
		s.records = append(s.records, map[uint64]Record{})
	}
	return s
}

// typed encodes a record.
func typed(types []program.Type, record Record) (ints []suite.TypedInt, keys []fr.Element) {
	for i := range types {
		if types[i].Key {
			keys = append(keys, record[i].Key)
			continue
		}
		v := new(big.Int)
		if record[i].Int != nil {
			v.Set(record[i].Int)
		}
		ints = append(ints, suite.TypedInt{Encoded: v.Sub(v, types[i].Lo).Uint64(), Words: types[i].Words})
	}
	return ints, keys
}

func leaf(number int, types []program.Type, record Record) fr.Element {
	ints, keys := typed(types, record)
	return suite.Leaf(number, ints, keys)
}

// words are the words of the integers of a record.
func words(ints []suite.TypedInt) (raw []byte) {
	for _, v := range ints {
		if v.Words == 2 {
			raw = binary.BigEndian.AppendUint64(raw, v.Encoded)
		} else {
			raw = binary.BigEndian.AppendUint32(raw, uint32(v.Encoded))
		}
	}
	return raw
}

func (t *tree) node(level int, index uint64) fr.Element {
	if node, ok := t.nodes[level][index]; ok {
		return node
	}
	return t.defaults[level]
}

// Set replaces a record.
func (s *State) Set(mapNumber int, index uint64, record Record) {
	t := s.maps[mapNumber]
	s.records[mapNumber][index] = record
	t.nodes[0][index] = leaf(mapNumber, s.Program.Maps[mapNumber].Fields, record)
	for level := 1; level < len(t.nodes); level++ {
		index >>= 1
		t.nodes[level][index] = suite.Node(t.node(level-1, 2*index), t.node(level-1, 2*index+1))
	}
}

// Opening is the opening of a record, for a program of this suite alone.
func (s *State) Opening(mapNumber int, index uint64) *proverv1.Opening {
	m := s.Program.Maps[mapNumber]
	record, ok := s.records[mapNumber][index]
	if !ok {
		record = make(Record, len(m.Fields))
	}
	ints, keys := typed(m.Fields, record)
	own := &proverv1.SuiteOpening{}
	for _, key := range keys {
		raw := key.Bytes()
		own.Keys = append(own.Keys, raw[:])
	}
	t := s.maps[mapNumber]
	for level := range m.Depth {
		raw := t.node(level, index>>level^1)
		sibling := raw.Bytes()
		own.Siblings = append(own.Siblings, sibling[:]...)
	}
	return &proverv1.Opening{Fields: words(ints), Suites: []*proverv1.SuiteOpening{own}}
}

// PreState is the state as a request carries it.
func (s *State) PreState() *proverv1.PreState {
	ints, keys := typed(s.Program.Cells, s.Cells)
	own := &proverv1.SuitePreState{}
	for _, key := range keys {
		raw := key.Bytes()
		own.KeyCells = append(own.KeyCells, raw[:])
	}
	for _, t := range s.maps {
		root := t.node(len(t.nodes)-1, 0)
		raw := root.Bytes()
		own.MapRoots = append(own.MapRoots, raw[:])
	}
	return &proverv1.PreState{Cells: words(ints), Suites: []*proverv1.SuitePreState{own}}
}

// Signer is a secret key.
type Signer struct {
	secret *big.Int
	A      suite.Point
	Key    fr.Element // the public key
}

// NewSigner derives a key from a seed.
func NewSigner(seed string) *Signer {
	digest := suite.Keccak256([]byte("reference signer"), []byte(seed))
	secret := new(big.Int).SetBytes(digest[:])
	secret.Mod(secret, new(big.Int).Sub(suite.SubgroupOrder, big.NewInt(1)))
	secret.Add(secret, big.NewInt(1))
	point := suite.Base8.Mul(secret)
	return &Signer{secret: secret, A: point, Key: suite.PublicKey(point)}
}

// Sign signs (digest, nonce): docs/suites.md §4.
func (s *Signer) Sign(digest fr.Element, nonce uint64) *suite.Signature {
	d := digest.Bytes()
	seed := suite.Keccak256([]byte("reference nonce"), s.secret.Bytes(), d[:], binary.BigEndian.AppendUint64(nil, nonce))
	rho := new(big.Int).SetBytes(seed[:])
	rho.Mod(rho, suite.SubgroupOrder)
	r := suite.Base8.Mul(rho)
	h := suite.SignatureChallenge(r, s.Key, digest, nonce)
	h.Mul(h, s.secret).Add(h, rho).Mod(h, suite.SubgroupOrder)
	return &suite.Signature{A: s.A, R: r, S: h}
}

// Authorize puts a signature of the slot's words into an authorization of the slot.
func (s *Signer) Authorize(slot *proverv1.Slot, number int, domain []byte, nonce uint64) error {
	input, err := suite.DecodeWords(slot.Words)
	if err != nil {
		return err
	}
	signature := s.Sign(suite.TxDigest(suite.Reduce(domain), input), nonce)
	slot.Authorizations[number] = &proverv1.Authorization{Signatures: [][]byte{signature.Encode()}}
	return nil
}

// ParentClaim, Payee, ChainID and Settlement are those of the tests' statements.
var (
	ParentClaim = fill(0xca, execution.HashBytes)
	Payee       = fill(0xee, execution.AddressBytes)
	ChainID     = fill(0x01, execution.HashBytes)
	Settlement  = fill(0x5e, execution.AddressBytes)
)

func fill(b byte, n int) []byte {
	raw := make([]byte, n)
	for i := range raw {
		raw[i] = b
	}
	return raw
}

// Domain is the domain of a program's statements.
func Domain(p *program.Program) []byte {
	domain := execution.Domain(ChainID, Settlement, p.ID[:])
	return domain[:]
}

// Complete runs the slots of a request and adds the journal and the statement that they prove.
func Complete(p *program.Program, request *proverv1.ProveRequest) error {
	domain := Domain(p)
	result, err := execution.Run(p, domain, request)
	if err != nil {
		return fmt.Errorf("reference request: %w", err)
	}
	request.Journal = suite.EncodeWords(result.Journal)
	hash := suite.Keccak256(request.Journal)
	claim := suite.Keccak256(ParentClaim, hash[:])
	z := suite.Challenge(domain, claim[:], result.Commitment)
	y := suite.Evaluate(result.Journal, z)
	raw := func(e fr.Element) []byte { b := e.Bytes(); return b[:] }
	request.Statement = &proverv1.Statement{
		ProgramId: p.ID[:], Slots: uint32(len(request.Slots)), Domain: domain, ParentClaim: ParentClaim, Claim: claim[:], Payee: Payee,
		ChainId: ChainID, Settlement: Settlement,
		Suites: []*proverv1.SuiteStatement{{
			Suite: suite.Name, PreRoot: raw(result.PreRoot), PostRoot: raw(result.PostRoot),
			Commitment: raw(result.Commitment), Challenge: raw(z), Evaluation: raw(y),
		}},
	}
	return nil
}
