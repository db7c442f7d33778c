package execution_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/proto"

	"multiprover/provers/groth16/internal/execution"
	"multiprover/provers/groth16/internal/pb/proverv1"
	"multiprover/provers/groth16/internal/program"
	"multiprover/provers/groth16/internal/reference"
	"multiprover/provers/groth16/internal/refusal"
	"multiprover/provers/groth16/internal/suite"
)

func setup(t testing.TB) (*program.Program, *proverv1.ProveRequest) {
	t.Helper()
	p, err := reference.SlotProgram(4).Decode()
	if err != nil {
		t.Fatal(err)
	}
	request, err := reference.SlotRequest(p, 2)
	if err != nil {
		t.Fatal(err)
	}
	return p, request
}

func execute(p *program.Program, request *proverv1.ProveRequest) error {
	statement, err := execution.ReadStatement(request.Statement)
	if err != nil {
		return err
	}
	_, err = execution.Execute(p, statement, request)
	return err
}

// restate makes the claim, the commitment and the challenge fit a journal again, so that what is refused is something else.
func restate(t testing.TB, request *proverv1.ProveRequest, journal []byte) {
	t.Helper()
	words, err := suite.DecodeWords(journal)
	if err != nil {
		t.Fatal(err)
	}
	s := request.Statement
	request.Journal = journal
	hash := suite.Keccak256(journal)
	claim := suite.Keccak256(s.ParentClaim, hash[:])
	s.Claim = claim[:]
	c := suite.Commit(words)
	z := suite.Challenge(s.Domain, s.Claim, c)
	y := suite.Evaluate(words, z)
	commitment, challenge, evaluation := c.Bytes(), z.Bytes(), y.Bytes()
	s.Suites[0].Commitment, s.Suites[0].Challenge, s.Suites[0].Evaluation = commitment[:], challenge[:], evaluation[:]
}

func flip(raw []byte, at int) []byte {
	changed := bytes.Clone(raw)
	changed[at] ^= 1
	return changed
}

// modulus is the order of the field as 32 bytes: the least number that is no canonical element.
var modulus = []byte("\x30\x64\x4e\x72\xe1\x31\xa0\x29\xb8\x50\x45\xb6\x81\x81\x58\x5d\x28\x33\xe8\x48\x79\xb9\x70\x91\x43\xe1\xf5\x93\xf0\x00\x00\x01")

func TestRefusals(t *testing.T) {
	p, honest := setup(t)
	if err := execute(p, honest); err != nil {
		t.Fatal(err)
	}
	const slotWords = reference.SlotWords * suite.WordBytes
	outputs := 2 * slotWords
	one := uint32(1)
	zero := uint32(0)
	for _, c := range []struct {
		name   string
		change func(r *proverv1.ProveRequest)
		code   refusal.Code
		slot   *uint32
	}{
		{"no statement", func(r *proverv1.ProveRequest) { r.Statement = nil }, refusal.Malformed, nil},
		{"no slots", func(r *proverv1.ProveRequest) { r.Statement.Slots = 0 }, refusal.Unsupported, nil},
		{"a short claim", func(r *proverv1.ProveRequest) { r.Statement.Claim = r.Statement.Claim[1:] }, refusal.Malformed, nil},
		{"a long payee", func(r *proverv1.ProveRequest) { r.Statement.Payee = append(r.Statement.Payee, 0) }, refusal.Malformed, nil},
		{"another chain", func(r *proverv1.ProveRequest) { r.Statement.ChainId = flip(r.Statement.ChainId, 31) }, refusal.WrongStatement, nil},
		{"another contract", func(r *proverv1.ProveRequest) { r.Statement.Settlement = flip(r.Statement.Settlement, 0) }, refusal.WrongStatement, nil},
		{"another domain", func(r *proverv1.ProveRequest) { r.Statement.Domain = flip(r.Statement.Domain, 0) }, refusal.WrongStatement, nil},
		{"no suite", func(r *proverv1.ProveRequest) { r.Statement.Suites = nil }, refusal.Malformed, nil},
		{"another suite", func(r *proverv1.ProveRequest) { r.Statement.Suites[0].Suite = "goldilocks" }, refusal.Malformed, nil},
		{"two suites", func(r *proverv1.ProveRequest) { r.Statement.Suites = append(r.Statement.Suites, r.Statement.Suites[0]) }, refusal.Malformed, nil},
		{"pre_root of the modulus", func(r *proverv1.ProveRequest) { r.Statement.Suites[0].PreRoot = modulus }, refusal.NonCanonical, nil},
		{"post_root of the modulus", func(r *proverv1.ProveRequest) { r.Statement.Suites[0].PostRoot = modulus }, refusal.NonCanonical, nil},
		{"c of the modulus", func(r *proverv1.ProveRequest) { r.Statement.Suites[0].Commitment = modulus }, refusal.NonCanonical, nil},
		{"z of the modulus", func(r *proverv1.ProveRequest) { r.Statement.Suites[0].Challenge = modulus }, refusal.NonCanonical, nil},
		{"y of the modulus", func(r *proverv1.ProveRequest) { r.Statement.Suites[0].Evaluation = modulus }, refusal.NonCanonical, nil},
		{"another z", func(r *proverv1.ProveRequest) {
			r.Statement.Suites[0].Challenge = flip(r.Statement.Suites[0].Challenge, 31)
		}, refusal.WrongStatement, nil},
		{"another c", func(r *proverv1.ProveRequest) {
			r.Statement.Suites[0].Commitment = flip(r.Statement.Suites[0].Commitment, 31)
		}, refusal.WrongStatement, nil},
		{"another claim", func(r *proverv1.ProveRequest) { r.Statement.Claim = flip(r.Statement.Claim, 3) }, refusal.WrongStatement, nil},
		{"another parent", func(r *proverv1.ProveRequest) { r.Statement.ParentClaim = flip(r.Statement.ParentClaim, 3) }, refusal.WrongStatement, nil},
		{"another journal", func(r *proverv1.ProveRequest) { r.Journal = flip(r.Journal, 3) }, refusal.WrongStatement, nil},
		{"another y", func(r *proverv1.ProveRequest) {
			r.Statement.Suites[0].Evaluation = flip(r.Statement.Suites[0].Evaluation, 31)
		}, refusal.WrongStatement, nil},
		{"another pre_root", func(r *proverv1.ProveRequest) {
			r.Statement.Suites[0].PreRoot = flip(r.Statement.Suites[0].PreRoot, 31)
		}, refusal.BadOpening, nil},
		{"another post_root", func(r *proverv1.ProveRequest) {
			r.Statement.Suites[0].PostRoot = flip(r.Statement.Suites[0].PostRoot, 31)
		}, refusal.RootMismatch, nil},
		{"a claim of another input", func(r *proverv1.ProveRequest) { restate(t, r, flip(r.Journal, slotWords+3)) }, refusal.JournalMismatch, &one},
		{"a claim of another output", func(r *proverv1.ProveRequest) { restate(t, r, flip(r.Journal, outputs)) }, refusal.JournalMismatch, &zero},
		{"a claim of a longer journal", func(r *proverv1.ProveRequest) { restate(t, r, append(bytes.Clone(r.Journal), 0, 0, 0, 0)) }, refusal.Malformed, nil},
		{"a slot too few", func(r *proverv1.ProveRequest) { r.Slots = r.Slots[:1] }, refusal.Malformed, nil},
		{"a word too few", func(r *proverv1.ProveRequest) { r.Slots[1].Words = r.Slots[1].Words[4:] }, refusal.Malformed, &one},
		{"no state", func(r *proverv1.ProveRequest) { r.PreState = nil }, refusal.Malformed, nil},
		{"a cell too many", func(r *proverv1.ProveRequest) { r.PreState.Cells = []byte{0, 0, 0, 0} }, refusal.Malformed, nil},
		{"no map root", func(r *proverv1.ProveRequest) { r.PreState.Suites[0].MapRoots = nil }, refusal.Malformed, nil},
		{"a map root of the modulus", func(r *proverv1.ProveRequest) { r.PreState.Suites[0].MapRoots[0] = modulus }, refusal.NonCanonical, nil},
		{"another map root", func(r *proverv1.ProveRequest) {
			r.PreState.Suites[0].MapRoots[0] = flip(r.PreState.Suites[0].MapRoots[0], 31)
		}, refusal.BadOpening, nil},
		{"an opening too few", func(r *proverv1.ProveRequest) { r.Slots[1].Openings = r.Slots[1].Openings[:1] }, refusal.Malformed, &one},
		{"an empty opening of an enabled port", func(r *proverv1.ProveRequest) { r.Slots[1].Openings[1] = &proverv1.Opening{} }, refusal.BadOpening, &one},
		{"another balance", func(r *proverv1.ProveRequest) {
			r.Slots[0].Openings[0].Fields = flip(r.Slots[0].Openings[0].Fields, 15)
		}, refusal.BadOpening, &zero},
		{"another key", func(r *proverv1.ProveRequest) {
			own := r.Slots[0].Openings[1].Suites[0]
			own.Keys[0] = flip(own.Keys[0], 31)
		}, refusal.BadSignature, &zero},
		{"another sibling", func(r *proverv1.ProveRequest) {
			own := r.Slots[1].Openings[0].Suites[0]
			own.Siblings = flip(own.Siblings, 31)
		}, refusal.BadOpening, &one},
		{"a sibling of the modulus", func(r *proverv1.ProveRequest) { copy(r.Slots[1].Openings[0].Suites[0].Siblings, modulus) }, refusal.NonCanonical, &one},
		{"a sibling too few", func(r *proverv1.ProveRequest) {
			own := r.Slots[1].Openings[0].Suites[0]
			own.Siblings = own.Siblings[32:]
		}, refusal.Malformed, &one},
		{"no signature", func(r *proverv1.ProveRequest) { r.Slots[0].Authorizations[1] = &proverv1.Authorization{} }, refusal.BadSignature, &zero},
		{"another signature", func(r *proverv1.ProveRequest) {
			r.Slots[0].Authorizations[1].Signatures[0] = flip(r.Slots[0].Authorizations[1].Signatures[0], 159)
		}, refusal.BadSignature, &zero},
		{"a coordinate of the modulus", func(r *proverv1.ProveRequest) { copy(r.Slots[0].Authorizations[1].Signatures[0], modulus) }, refusal.BadSignature, &zero},
		{"an authorization too few", func(r *proverv1.ProveRequest) { r.Slots[0].Authorizations = nil }, refusal.Malformed, &zero},
	} {
		changed := proto.Clone(honest).(*proverv1.ProveRequest)
		c.change(changed)
		found, ok := refusal.As(execute(p, changed))
		if !ok || found.Code != c.code {
			t.Errorf("%s: expected %s, found %v", c.name, c.code, found)
			continue
		}
		if c.slot == nil != (found.Slot == nil) || c.slot != nil && *c.slot != *found.Slot {
			t.Errorf("%s: expected slot %v, found %v", c.name, c.slot, found.Slot)
		}
		if found.Message == "" || found.Expected == found.Found {
			t.Errorf("%s: expected a message with two different sides, found %q", c.name, found)
		}
	}
}

// TestRefusedTransaction claims what the program does not allow: a kind that is not there.
func TestRefusedTransaction(t *testing.T) {
	p, honest := setup(t)
	honest.Slots[1].Words = bytes.Clone(honest.Slots[1].Words)
	honest.Slots[1].Words[3] = 2
	journal := bytes.Clone(honest.Journal)
	copy(journal[reference.SlotWords*suite.WordBytes:], honest.Slots[1].Words)
	restate(t, honest, journal)
	found, ok := refusal.As(execute(p, honest))
	if !ok || found.Code != refusal.RefusedTransaction || found.Slot == nil || *found.Slot != 1 {
		t.Errorf("expected REFUSED_TRANSACTION in slot 1, found %v", found)
	}
}

// TestDamagedRequests flips bits of an honest request: whatever is still decodable must be refused, or be the same batch.
func TestDamagedRequests(t *testing.T) {
	p, honest := setup(t)
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(honest)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(7, 8))
	for range 2000 {
		damaged := bytes.Clone(raw)
		damaged[random.IntN(len(damaged))] ^= byte(1 << random.IntN(8))
		var request proverv1.ProveRequest
		if proto.Unmarshal(damaged, &request) != nil {
			continue
		}
		err := execute(p, &request)
		if err == nil {
			// Only what execution does not read may differ: the payee, which is bound by being public, and unknown fields.
			request.Statement.Payee = honest.Statement.Payee
			request.ProtoReflect().SetUnknown(nil)
			again, err := proto.MarshalOptions{Deterministic: true}.Marshal(&request)
			if err != nil || len(again) == len(raw) && !bytes.Equal(again, raw) {
				t.Errorf("accepted: %v", &request)
			}
			continue
		}
		if _, ok := refusal.As(err); !ok {
			t.Fatalf("expected a refusal, found %v", err)
		}
	}
}
