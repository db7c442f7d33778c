// Package execution is the prover's own witness generation: it runs a program on a request's slots, computes the journal, the roots, the commitment and the
// evaluation, and refuses with the first difference from the statement. Nothing of a request is trusted.
package execution

import (
	"bytes"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"multiprover/provers/groth16/internal/pb/proverv1"
	"multiprover/provers/groth16/internal/program"
	"multiprover/provers/groth16/internal/refusal"
	"multiprover/provers/groth16/internal/suite"
)

// Sizes of a statement's fields, in bytes.
const (
	HashBytes    = 32
	AddressBytes = 20
)

// Statement is a statement whose encodings were checked.
type Statement struct {
	ProgramID   []byte
	Slots       int
	Domain      []byte
	ParentClaim []byte
	Claim       []byte
	Payee       []byte
	ChainID     []byte
	Settlement  []byte

	PreRoot, PostRoot, Commitment, Challenge, Evaluation fr.Element
}

// ReadStatement checks the form of a statement: lengths, canonical field elements, exactly the suite bn254, and that the challenge is the one of
// its domain, claim and commitment.
func ReadStatement(m *proverv1.Statement) (*Statement, error) {
	if m == nil {
		return nil, refusal.New(refusal.Malformed, "a statement", "none", "statement")
	}
	for _, field := range []struct {
		name string
		size int
		raw  []byte
	}{
		{"program_id", HashBytes, m.ProgramId},
		{"domain", HashBytes, m.Domain},
		{"parent_claim", HashBytes, m.ParentClaim},
		{"claim", HashBytes, m.Claim},
		{"payee", AddressBytes, m.Payee},
		{"chain_id", HashBytes, m.ChainId},
		{"settlement", AddressBytes, m.Settlement},
	} {
		if len(field.raw) != field.size {
			return nil, refusal.New(refusal.Malformed, fmt.Sprintf("%d bytes", field.size), len(field.raw), "statement's %s", field.name)
		}
	}
	if m.Slots < 1 || m.Slots > program.MaxSlots {
		return nil, refusal.New(refusal.Unsupported, fmt.Sprintf("1 to %d", program.MaxSlots), m.Slots, "slots of the statement")
	}
	if len(m.Suites) != 1 || m.Suites[0].GetSuite() != suite.Name {
		return nil, refusal.New(refusal.Malformed, "exactly suite "+suite.Name, len(m.Suites), "suites of the statement")
	}
	s := &Statement{
		ProgramID: m.ProgramId, Slots: int(m.Slots), Domain: m.Domain,
		ParentClaim: m.ParentClaim, Claim: m.Claim, Payee: m.Payee, ChainID: m.ChainId, Settlement: m.Settlement,
	}
	values := m.Suites[0]
	for _, field := range []struct {
		name string
		raw  []byte
		out  *fr.Element
	}{
		{"pre_root", values.PreRoot, &s.PreRoot},
		{"post_root", values.PostRoot, &s.PostRoot},
		{"commitment", values.Commitment, &s.Commitment},
		{"challenge", values.Challenge, &s.Challenge},
		{"evaluation", values.Evaluation, &s.Evaluation},
	} {
		e, err := readElement("statement's "+field.name, field.raw)
		if err != nil {
			return nil, err
		}
		*field.out = e
	}
	if z := suite.Challenge(s.Domain, s.Claim, s.Commitment); !z.Equal(&s.Challenge) {
		return nil, refusal.New(refusal.WrongStatement, hexOf(s.Challenge), hexOf(z), "challenge of the statement's domain, claim and commitment")
	}
	return s, nil
}

// Domain is keccak256(abi.encode(keccak256("multiprover/v1"), chain id, settlement, program_id)): docs/settlement.md §1.
func Domain(chainID, settlement, programID []byte) [32]byte {
	version := suite.Keccak256([]byte("multiprover/v1"))
	return suite.Keccak256(version[:], chainID, make([]byte, HashBytes-AddressBytes), settlement, programID)
}

// Public are the public values of a proof of the statement, in the order of docs/program.md §6.
func (s *Statement) Public() []fr.Element {
	return []fr.Element{s.PreRoot, s.PostRoot, s.Commitment, s.Challenge, s.Evaluation, suite.Reduce(s.Payee), suite.Reduce(s.Domain)}
}

// readElement reads a canonical field element, and tells a wrong length from a value that is too large.
func readElement(what string, raw []byte) (fr.Element, error) {
	e, err := suite.Canonical(raw)
	if err != nil {
		code := refusal.NonCanonical
		if len(raw) != suite.ElementBytes {
			code = refusal.Malformed
		}
		return e, refusal.New(code, "32 bytes of a field element below its order", fmt.Sprintf("%#x", raw), "%s", what)
	}
	return e, nil
}

// readElements reads a list of canonical field elements laid end to end.
func readElements(what string, raw []byte, count int) ([]fr.Element, error) {
	if len(raw) != count*suite.ElementBytes {
		return nil, refusal.New(refusal.Malformed, fmt.Sprintf("%d bytes", count*suite.ElementBytes), len(raw), "%s", what)
	}
	elements := make([]fr.Element, count)
	for i := range elements {
		e, err := readElement(fmt.Sprintf("%s, number %d", what, i), raw[suite.ElementBytes*i:suite.ElementBytes*(i+1)])
		if err != nil {
			return nil, err
		}
		elements[i] = e
	}
	return elements, nil
}

// readKeys reads key parts, which mean their residue.
func readKeys(what string, raw [][]byte, count int) ([]fr.Element, error) {
	if len(raw) != count {
		return nil, refusal.New(refusal.Malformed, fmt.Sprintf("%d keys", count), len(raw), "%s", what)
	}
	keys := make([]fr.Element, count)
	for i, part := range raw {
		if len(part) != suite.ElementBytes {
			return nil, refusal.New(refusal.Malformed, "32 bytes", len(part), "%s, number %d", what, i)
		}
		keys[i] = suite.Reduce(part)
	}
	return keys, nil
}

// readWords reads words laid end to end.
func readWords(what string, raw []byte, count int) ([]uint32, error) {
	if len(raw) != count*suite.WordBytes {
		return nil, refusal.New(refusal.Malformed, fmt.Sprintf("%d bytes", count*suite.WordBytes), len(raw), "%s", what)
	}
	return suite.DecodeWords(raw)
}

// readTyped reads the words of typed integers and holds each to its type.
func readTyped(what string, raw []byte, types []program.Type) ([]suite.TypedInt, error) {
	total := 0
	for i := range types {
		if !types[i].Key {
			total += types[i].Words
		}
	}
	words, err := readWords(what, raw, total)
	if err != nil {
		return nil, err
	}
	var ints []suite.TypedInt
	for i := range types {
		t := &types[i]
		if t.Key {
			continue
		}
		encoded := uint64(words[0])
		if t.Words == 2 {
			encoded = encoded<<suite.WordBits | uint64(words[1])
		}
		words = words[t.Words:]
		v := decode(t, encoded)
		if v.Cmp(t.Hi) > 0 {
			return nil, refusal.New(refusal.NonCanonical, fmt.Sprintf("a value within [%d, %d]", t.Lo, t.Hi), v, "%s: %s", what, t.Name)
		}
		ints = append(ints, suite.TypedInt{Encoded: encoded, Words: t.Words})
	}
	return ints, nil
}

// CheckDomain demands that the domain is the one of the statement's chain, contract and program.
func (s *Statement) CheckDomain() error {
	if domain := Domain(s.ChainID, s.Settlement, s.ProgramID); !bytes.Equal(domain[:], s.Domain) {
		return refusal.New(refusal.WrongStatement, fmt.Sprintf("%#x", s.Domain), fmt.Sprintf("%#x", domain), "domain of the statement's chain, contract and program")
	}
	return nil
}

// CheckClaim demands that the claim is the one of its parent and the journal.
func (s *Statement) CheckClaim(journal []byte) error {
	hash := suite.Keccak256(journal)
	claim := suite.Keccak256(s.ParentClaim, hash[:])
	if !bytes.Equal(claim[:], s.Claim) {
		return refusal.New(refusal.WrongStatement, fmt.Sprintf("%#x", s.Claim), fmt.Sprintf("%#x", claim), "claim of the statement's parent and the request's journal")
	}
	return nil
}

func hexOf(e fr.Element) string {
	b := e.Bytes()
	return fmt.Sprintf("%#x", b)
}
