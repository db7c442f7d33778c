package prover

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	groth16bn254 "github.com/consensys/gnark/backend/groth16/bn254"
	"github.com/consensys/gnark/logger"
	"google.golang.org/protobuf/proto"

	"multiprover/provers/groth16/internal/keys"
	"multiprover/provers/groth16/internal/pb/proverv1"
	"multiprover/provers/groth16/internal/program"
	"multiprover/provers/groth16/internal/reference"
	"multiprover/provers/groth16/internal/refusal"
	"multiprover/provers/groth16/internal/suite"
)

// Keys and a proof of a small program, made once: the program moves a number into a cell.
var made struct {
	cache    string
	program  *program.Program
	prepared *proverv1.Prepared
	request  *proverv1.ProveRequest
	proof    *proverv1.Proof
}

func TestMain(m *testing.M) {
	logger.Disable()
	os.Exit(func() int {
		cache, err := os.MkdirTemp("", "keys")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(cache)
		if err := makeAll(cache); err != nil {
			panic(err)
		}
		return m.Run()
	}())
}

func smallProgram() *reference.Builder {
	b := reference.NewBuilder("small", 2, suite.Name)
	cell := b.AddCell(reference.Int("cell", 0, 1<<40))
	b.StoreCell(b.Range(b.Add(b.Cell(cell), b.Param(1)), new(big.Int), big.NewInt(1<<40)), cell)
	return b
}

func smallRequest(p *program.Program, amount uint32) (*proverv1.ProveRequest, error) {
	request := &proverv1.ProveRequest{
		PreState: &proverv1.PreState{Cells: suite.EncodeWords([]uint32{0, 7}), Suites: []*proverv1.SuitePreState{{}}},
		Slots:    []*proverv1.Slot{{Words: suite.EncodeWords([]uint32{0, amount})}},
	}
	return request, reference.Complete(p, request)
}

func ignore(string, float64) {}

func makeAll(cache string) (err error) {
	made.cache = cache
	if made.program, err = smallProgram().Decode(); err != nil {
		return err
	}
	p := New(cache)
	if made.prepared, err = p.Prepare(&proverv1.PrepareRequest{Program: made.program.Bytes, Slots: 1}, ignore); err != nil {
		return err
	}
	if made.request, err = smallRequest(made.program, 5); err != nil {
		return err
	}
	made.request.KeyId = made.prepared.KeyId
	made.proof, err = p.Prove(made.request, ignore)
	return err
}

func wantCode(t *testing.T, what string, err error, code refusal.Code) {
	t.Helper()
	if found, ok := refusal.As(err); !ok || found.Code != code {
		t.Errorf("%s: expected %s, found %v", what, code, err)
	}
}

func verifyRequest() *proverv1.VerifyRequest {
	return &proverv1.VerifyRequest{
		Statement: proto.Clone(made.request.Statement).(*proverv1.Statement), Proof: proto.Clone(made.proof).(*proverv1.Proof),
	}
}

func TestPrepareIsCached(t *testing.T) {
	again, err := New(made.cache).Prepare(&proverv1.PrepareRequest{Program: made.program.Bytes, Slots: 1}, ignore)
	if err != nil || !again.Cached || !bytes.Equal(again.KeyId, made.prepared.KeyId) {
		t.Errorf("expected the same keys, found %v, %v", again, err)
	}
	id := suite.Keccak256(made.prepared.Artefacts["verifying_key"])
	if made.prepared.Cached || !bytes.Equal(id[:], made.prepared.KeyId) {
		t.Errorf("expected key_id to be keccak256 of the verifying key, found %x", made.prepared.KeyId)
	}
	for _, c := range []struct {
		slots uint32
		raw   []byte
		code  refusal.Code
	}{
		{0, made.program.Bytes, refusal.Unsupported},
		{program.MaxSlots + 1, made.program.Bytes, refusal.Unsupported},
		{1, append(bytes.Clone(made.program.Bytes), 0), refusal.Malformed},
		{1, nil, refusal.Unsupported},
	} {
		_, err := New(made.cache).Prepare(&proverv1.PrepareRequest{Program: c.raw, Slots: c.slots}, ignore)
		wantCode(t, fmt.Sprintf("%d slots, %x", c.slots, c.raw), err, c.code)
	}
}

func TestProveRefuses(t *testing.T) {
	p := New(made.cache)
	other := proto.Clone(made.request).(*proverv1.ProveRequest)
	other.KeyId = bytes.Repeat([]byte{1}, 32)
	_, err := p.Prove(other, ignore)
	wantCode(t, "another key id", err, refusal.WrongProgram)

	b := smallProgram()
	b.Message.Name = "another"
	unknown, err := b.Decode()
	if err != nil {
		t.Fatal(err)
	}
	request, err := smallRequest(unknown, 5)
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Prove(request, ignore)
	wantCode(t, "a program without keys", err, refusal.NotPrepared)
	wantCode(t, "a proof of a program without keys", p.Verify(&proverv1.VerifyRequest{
		Statement: request.Statement, Proof: made.proof,
	}), refusal.NotPrepared)
}

// TestProofsDiffer checks that proofs are blinded: the same statement never gives the same proof.
func TestProofsDiffer(t *testing.T) {
	again, err := New(made.cache).Prove(made.request, ignore)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(again.Proof, made.proof.Proof) {
		t.Error("expected another proof")
	}
}

func TestVerify(t *testing.T) {
	p := New(made.cache)
	if err := p.Verify(verifyRequest()); err != nil {
		t.Fatal(err)
	}
	other, err := smallRequest(made.program, 6)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(r *proverv1.VerifyRequest)
		code   refusal.Code
	}{
		{"no proof", func(r *proverv1.VerifyRequest) { r.Proof = nil }, refusal.Malformed},
		{"another type", func(r *proverv1.VerifyRequest) { r.Proof.ProofType = "halo2" }, refusal.Unsupported},
		{"another format", func(r *proverv1.VerifyRequest) { r.Proof.FormatVersion++ }, refusal.Unsupported},
		{"another key id", func(r *proverv1.VerifyRequest) { r.Proof.KeyId[0] ^= 1 }, refusal.WrongProgram},
		{"another payee", func(r *proverv1.VerifyRequest) { r.Statement.Payee[19] ^= 1 }, refusal.InvalidProof},
		{"another chain", func(r *proverv1.VerifyRequest) { r.Statement.ChainId[0] ^= 1 }, refusal.WrongStatement},
		{"another program", func(r *proverv1.VerifyRequest) { r.Statement.ProgramId[0] ^= 1 }, refusal.NotPrepared},
		{"another contract, with its domain", func(r *proverv1.VerifyRequest) {
			r.Statement = proto.Clone(r.Statement).(*proverv1.Statement)
			rebind(r, func(s *proverv1.Statement) { s.Settlement[0] ^= 1 })
		}, refusal.InvalidProof},
		{"another claim, with its challenge", func(r *proverv1.VerifyRequest) {
			rebind(r, func(s *proverv1.Statement) { s.Claim[0] ^= 1 })
		}, refusal.InvalidProof},
		{"another statement", func(r *proverv1.VerifyRequest) { r.Statement = other.Statement }, refusal.WrongStatement},
		{"another statement that the proof agrees to", func(r *proverv1.VerifyRequest) {
			r.Statement, r.Proof.Suites = other.Statement, other.Statement.Suites
		}, refusal.InvalidProof},
		{"no suites in the proof", func(r *proverv1.VerifyRequest) { r.Proof.Suites = nil }, refusal.WrongStatement},
		{"a root past the modulus", func(r *proverv1.VerifyRequest) { pastModulus(r, 0) }, refusal.NonCanonical},
		{"a challenge past the modulus", func(r *proverv1.VerifyRequest) { pastModulus(r, 3) }, refusal.NonCanonical},
		{"an L1 proof of another", func(r *proverv1.VerifyRequest) { r.Proof.L1Proof[5] ^= 1 }, refusal.NonCanonical},
		{"no L1 proof", func(r *proverv1.VerifyRequest) { r.Proof.L1Proof = nil }, refusal.NonCanonical},
	} {
		request := verifyRequest()
		c.change(request)
		wantCode(t, c.name, p.Verify(request), c.code)
	}
	// Every public input is bound: also those that stand in no constraint of this program.
	for i := range 7 {
		request := verifyRequest()
		changePublic(request, i)
		if err := p.Verify(request); err == nil {
			t.Errorf("public input %d changed: accepted", i)
		}
	}
}

// rebind changes a statement and makes domain and challenge follow.
func rebind(r *proverv1.VerifyRequest, change func(s *proverv1.Statement)) {
	s := r.Statement
	change(s)
	domain := domainOf(s)
	s.Domain = domain[:]
	c, err := suite.Canonical(s.Suites[0].Commitment)
	if err != nil {
		panic(err)
	}
	z := suite.Challenge(s.Domain, s.Claim, c)
	challenge := z.Bytes()
	s.Suites[0].Challenge = challenge[:]
	r.Proof.Suites = s.Suites
}

func changePublic(r *proverv1.VerifyRequest, i int) {
	s := r.Statement.Suites[0]
	switch i {
	case 0:
		s.PreRoot[31] ^= 1
	case 1:
		s.PostRoot[31] ^= 1
	case 2:
		s.Commitment[31] ^= 1
	case 3:
		r.Statement.Claim[0] ^= 1
	case 4:
		s.Evaluation[31] ^= 1
	case 5:
		r.Statement.Payee[0] ^= 1
	case 6:
		r.Statement.ChainId[0] ^= 1
	}
	rebind(r, func(*proverv1.Statement) {})
}

// pastModulus adds the modulus to a field of the statement and of the proof: the same element, in another encoding.
func pastModulus(r *proverv1.VerifyRequest, field int) {
	for _, s := range []*proverv1.SuiteStatement{r.Statement.Suites[0], r.Proof.Suites[0]} {
		place := []*[]byte{&s.PreRoot, &s.PostRoot, &s.Commitment, &s.Challenge, &s.Evaluation}[field]
		v := new(big.Int).SetBytes(*place)
		*place = v.Add(v, fr.Modulus()).FillBytes(make([]byte, 32))
	}
}

// TestMalformedProofs gives proofs that are no encoding of points, or not the one encoding.
func TestMalformedProofs(t *testing.T) {
	good := made.proof.Proof
	at := map[string]int{"A": 0, "B": 32, "C": 96, "commitment": 132, "knowledge": 164}
	with := func(place int, raw ...byte) []byte {
		changed := bytes.Clone(good)
		copy(changed[place:], raw)
		return changed
	}
	order := fp.Modulus().FillBytes(make([]byte, 32))
	type malformed struct {
		name string
		raw  []byte
		code refusal.Code
	}
	cases := []malformed{
		{"empty", nil, refusal.Malformed},
		{"a byte short", good[:len(good)-1], refusal.Malformed},
		{"a byte long", append(bytes.Clone(good), 0), refusal.Malformed},
		{"twice", append(bytes.Clone(good), good...), refusal.Malformed},
		{"no commitment", with(128, 0, 0, 0, 0), refusal.Malformed},
		{"2^32 - 1 commitments", with(128, 0xff, 0xff, 0xff, 0xff), refusal.Malformed},
		{"zeros", make([]byte, len(good)), refusal.Malformed},
		{"ones", bytes.Repeat([]byte{0xff}, len(good)), refusal.Malformed},
	}
	for name, place := range at {
		infinity := with(place, append([]byte{0x40}, make([]byte, 31)...)...)
		if name == "B" {
			copy(infinity[place+32:], make([]byte, 32))
		}
		past := with(place, order...)
		past[place] |= 0x80
		cases = append(cases,
			malformed{name + " at infinity", infinity, refusal.NonCanonical},
			malformed{name + " with x of the modulus", past, refusal.NonCanonical},
			malformed{name + " without a flag", with(place, good[place]&0x3f), refusal.NonCanonical},
			malformed{name + " off the curve", offCurve(good, place), refusal.NonCanonical},
		)
	}
	p := New(made.cache)
	for _, c := range cases {
		request := verifyRequest()
		request.Proof.Proof = c.raw
		wantCode(t, c.name, p.Verify(request), c.code)
	}
	// Another point of the curve: well-formed, and refused by the pairing.
	for name, place := range map[string]int{"-A": 0, "-C": 96, "-commitment": 132, "-knowledge": 164} {
		request := verifyRequest()
		request.Proof.Proof[place] ^= 0x80 ^ 0xc0 // the other y
		proof, err := DecodeProof(request.Proof.Proof)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if request.Proof.L1Proof, err = EncodeL1Proof(proof); err != nil {
			t.Fatal(err)
		}
		wantCode(t, name, p.Verify(request), refusal.InvalidProof)
	}
	// B on the curve, outside of the group of order r.
	outside := bn254.GeneratePointNotInG2(fptwo())
	var affine bn254.G2Affine
	affine.FromJacobian(&outside)
	raw := affine.Bytes()
	request := verifyRequest()
	copy(request.Proof.Proof[32:], raw[:])
	wantCode(t, "B outside of its group", p.Verify(request), refusal.NonCanonical)
}

func fptwo() (e bn254.E2) {
	e.A0.SetUint64(3)
	e.A1.SetUint64(5)
	return e
}

// offCurve changes x until no y belongs to it.
func offCurve(good []byte, place int) []byte {
	changed := bytes.Clone(good)
	last := place + 31
	if place == 32 {
		last = place + 63
	}
	for {
		changed[last]++
		proof := new(groth16bn254.Proof)
		if _, err := proof.ReadFrom(bytes.NewReader(changed)); err != nil {
			return changed
		}
	}
}

// TestCorruptCache damages each file of a set, and each hash: none may be used, and none is replaced.
func TestCorruptCache(t *testing.T) {
	sets, err := filepath.Glob(filepath.Join(made.cache, "*", "proving_key.bin"))
	if err != nil || len(sets) != 1 {
		t.Fatalf("expected one set of keys, found %v, %v", sets, err)
	}
	files, err := os.ReadDir(filepath.Dir(sets[0]))
	if err != nil || len(files) != 10 {
		t.Fatalf("expected ten files, found %v, %v", files, err)
	}
	for _, file := range files {
		for _, damage := range []string{"a bit", "a byte less", "a byte more", "missing"} {
			cache := t.TempDir()
			dir := filepath.Join(cache, filepath.Base(filepath.Dir(sets[0])))
			if err := os.CopyFS(dir, os.DirFS(filepath.Dir(sets[0]))); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, file.Name())
			damaged := damageFile(t, path, damage)
			p := New(cache)
			_, err := p.Prepare(&proverv1.PrepareRequest{Program: made.program.Bytes, Slots: 1}, ignore)
			wantCode(t, file.Name()+": "+damage+": Prepare", err, refusal.CorruptKeys)
			if found, ok := refusal.As(err); ok && !strings.Contains(found.Message, strings.TrimSuffix(file.Name(), ".sha256")) {
				t.Errorf("%s: expected the file's name in %q", file.Name(), found.Message)
			}
			if !strings.HasPrefix(file.Name(), "figures") {
				_, err = p.Prove(made.request, ignore)
				wantCode(t, file.Name()+": "+damage+": Prove", err, refusal.CorruptKeys)
			}
			if strings.HasPrefix(file.Name(), "verifying") {
				wantCode(t, file.Name()+": "+damage+": Verify", p.Verify(verifyRequest()), refusal.CorruptKeys)
			}
			if after, err := os.ReadFile(path); damaged == nil != (err != nil) || !bytes.Equal(after, damaged) {
				t.Errorf("%s: %s: the file was changed", file.Name(), damage)
			}
		}
	}
}

// damageFile damages a file and gives what it holds then; nil for nothing.
func damageFile(t *testing.T, path, damage string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	switch damage {
	case "a bit":
		raw[len(raw)/2] ^= 1
	case "a byte less":
		raw = raw[:len(raw)-2]
	case "a byte more":
		raw = append(raw, '0')
	case "missing":
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		return nil
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestUnfinishedKeys leaves what a killed process leaves: keys are made as if it were not there.
func TestUnfinishedKeys(t *testing.T) {
	sets, err := filepath.Glob(filepath.Join(made.cache, "*", "proving_key.bin"))
	if err != nil || len(sets) == 0 {
		t.Fatalf("expected keys, found %v, %v", sets, err)
	}
	cache := t.TempDir()
	unfinished := filepath.Join(cache, filepath.Base(filepath.Dir(sets[0]))+".unfinished")
	if err := os.MkdirAll(unfinished, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(unfinished, "proving_key.bin"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := New(cache)
	prepared, err := p.Prepare(&proverv1.PrepareRequest{Program: made.program.Bytes, Slots: 1}, ignore)
	if err != nil || prepared.Cached {
		t.Fatalf("expected new keys, found %v, %v", prepared, err)
	}
	if bytes.Equal(prepared.KeyId, made.prepared.KeyId) {
		t.Error("expected keys of fresh randomness")
	}
	wantCode(t, "a proof under other keys", p.Verify(verifyRequest()), refusal.WrongProgram)
	request := verifyRequest()
	request.Proof.KeyId = prepared.KeyId
	wantCode(t, "a proof relabelled to other keys", p.Verify(request), refusal.InvalidProof)
}

func readKey(t *testing.T) *groth16bn254.VerifyingKey {
	t.Helper()
	key, err := keys.ReadVerifyingKey(made.prepared.Artefacts["verifying_key"])
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestUnsoundKeys makes each kind of key under which a proof can be forged.
func TestUnsoundKeys(t *testing.T) {
	for name, spoil := range map[string]func(key *groth16bn254.VerifyingKey){
		"gamma = delta":          func(key *groth16bn254.VerifyingKey) { key.G2.Gamma = key.G2.Delta },
		"gamma = -delta":         func(key *groth16bn254.VerifyingKey) { key.G2.Gamma.Neg(&key.G2.Delta) },
		"delta at infinity":      func(key *groth16bn254.VerifyingKey) { key.G2.Delta = bn254.G2Affine{} },
		"alpha at infinity":      func(key *groth16bn254.VerifyingKey) { key.G1.Alpha = bn254.G1Affine{} },
		"payee without a point":  func(key *groth16bn254.VerifyingKey) { key.G1.K[6] = bn254.G1Affine{} },
		"an input too few":       func(key *groth16bn254.VerifyingKey) { key.G1.K = key.G1.K[:8] },
		"sigma = 1":              func(key *groth16bn254.VerifyingKey) { key.CommitmentKeys[0].GSigmaNeg.Neg(&key.CommitmentKeys[0].G) },
		"no commitment":          func(key *groth16bn254.VerifyingKey) { key.CommitmentKeys = nil },
		"a public value commits": func(key *groth16bn254.VerifyingKey) { key.PublicAndCommitmentCommitted = [][]int{{1}} },
	} {
		key := readKey(t)
		spoil(key)
		if err := keys.CheckVerifyingKey(key); !errors.Is(err, keys.ErrUnsoundKey) {
			t.Errorf("%s: expected an unsound key, found %v", name, err)
		}
		raw, err := keys.EncodeVerifyingKey(key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := keys.ReadVerifyingKey(raw); err == nil {
			t.Errorf("%s: read", name)
		}
	}
	key := readKey(t)
	stock := bn254.G2Affine{}
	stock.ScalarMultiplication(&key.CommitmentKeys[0].G, big.NewInt(3))
	key.CommitmentKeys[0].G = stock
	key.CommitmentKeys[0].GSigmaNeg.ScalarMultiplication(&key.CommitmentKeys[0].GSigmaNeg, big.NewInt(3))
	if err := keys.CheckVerifyingKey(key); !errors.Is(err, keys.ErrCommitmentBase) {
		t.Errorf("another commitment base: expected it to be refused as such, found %v", err)
	}
	if _, err := keys.ReadVerifyingKey(append(bytes.Clone(made.prepared.Artefacts["verifying_key"]), 0)); err == nil {
		t.Error("a key with a byte more was read")
	}
}

// TestL1Artefacts checks proof and key as L1 gets them by the equations of the README, computed here from the bytes.
func TestL1Artefacts(t *testing.T) {
	words := split(made.prepared.Artefacts["l1_verifier"])
	if len(words) != 24+18 || words[22].Int64() != 23*32 || words[23].Int64() != 9 {
		t.Fatalf("expected 22 words of points, an offset, a length and 9 points, found %d words", len(words))
	}
	alpha, beta, gamma, delta := pointG1(words[0:]), pointG2(words[2:]), pointG2(words[6:]), pointG2(words[10:])
	pedersenG, pedersenSigma := pointG2(words[14:]), pointG2(words[18:])
	proof := split(made.proof.L1Proof)
	a, b, c, commitment, knowledge := pointG1(proof[0:]), pointG2(proof[2:]), pointG1(proof[6:]), pointG1(proof[8:]), pointG1(proof[10:])

	holds := func(left []bn254.G1Affine, right []bn254.G2Affine) bool {
		ok, err := bn254.PairingCheck(left, right)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	if !pedersenG.Equal(&beta) {
		t.Error("expected beta as the commitment's base")
	}
	if !holds([]bn254.G1Affine{commitment, knowledge}, []bn254.G2Affine{pedersenSigma, pedersenG}) {
		t.Error("expected e(commitment, commitment_g_sigma_neg)·e(knowledge, commitment_g) = 1")
	}
	statement := made.request.Statement
	s := statement.Suites[0]
	inputs := [][]byte{s.PreRoot, s.PostRoot, s.Commitment, s.Challenge, s.Evaluation, statement.Payee, statement.Domain}
	hash := suite.Keccak256(made.proof.L1Proof[256:320])
	inputs = append(inputs, hash[:])
	sum := pointG1(words[24:])
	sum.Add(&sum, &commitment)
	for i, raw := range inputs {
		scalar := new(big.Int).SetBytes(raw)
		point := pointG1(words[26+2*i:])
		point.ScalarMultiplication(&point, scalar.Mod(scalar, fr.Modulus()))
		sum.Add(&sum, &point)
	}
	a.Neg(&a)
	if !holds([]bn254.G1Affine{a, alpha, sum, c}, []bn254.G2Affine{b, beta, gamma, delta}) {
		t.Error("expected e(-A, B)·e(alpha, beta)·e(L, gamma)·e(C, delta) = 1")
	}
}

func split(raw []byte) (words []*big.Int) {
	for ; len(raw) >= 32; raw = raw[32:] {
		words = append(words, new(big.Int).SetBytes(raw[:32]))
	}
	return words
}

func pointG1(words []*big.Int) (p bn254.G1Affine) {
	p.X.SetBigInt(words[0])
	p.Y.SetBigInt(words[1])
	return p
}

func pointG2(words []*big.Int) (p bn254.G2Affine) {
	p.X.A1.SetBigInt(words[0])
	p.X.A0.SetBigInt(words[1])
	p.Y.A1.SetBigInt(words[2])
	p.Y.A0.SetBigInt(words[3])
	return p
}

// TestFrozenProof verifies a proof made when this format was fixed. If it fails, the format has changed: raise FormatVersion, and freeze another.
func TestFrozenProof(t *testing.T) {
	read := func(name string) []byte {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := hex.DecodeString(strings.TrimSpace(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	key, err := keys.ReadVerifyingKey(read("verifying_key.hex"))
	if err != nil {
		t.Fatal(err)
	}
	var request proverv1.VerifyRequest
	if err := proto.Unmarshal(read("verify_request.hex"), &request); err != nil {
		t.Fatal(err)
	}
	if err := verifyFrozen(key, &request); err != nil {
		t.Error(err)
	}
	request.Statement.Payee[0] ^= 1
	if err := verifyFrozen(key, &request); !errors.Is(err, ErrNotVerified) {
		t.Errorf("for another payee: expected %v, found %v", ErrNotVerified, err)
	}
}
