package suite

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

const vectors = "../../../../vectors/"

func load(t *testing.T, name string, into any) {
	t.Helper()
	raw, err := os.ReadFile(vectors + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

func element(t *testing.T, text string) fr.Element {
	t.Helper()
	v, ok := new(big.Int).SetString(text, 0)
	if !ok {
		t.Fatalf("not a number: %q", text)
	}
	var e fr.Element
	return *e.SetBigInt(v)
}

// TestPublishedPermutation checks the permutation against the reference implementation's own vector.
func TestPublishedPermutation(t *testing.T) {
	var sets []struct {
		Params        string
		Input, Output []string
	}
	load(t, "poseidon_vectors.json", &sets)
	found := false
	for _, set := range sets {
		if set.Params != "POSEIDON2_BN256_PARAMS" {
			continue
		}
		found = true
		var state [Width]fr.Element
		for i := range state {
			state[i] = element(t, set.Input[i])
		}
		Permute(&state)
		for i := range state {
			if want := element(t, set.Output[i]); !state[i].Equal(&want) {
				t.Errorf("place %d: expected %s, found %s", i, want.String(), state[i].String())
			}
		}
	}
	if !found {
		t.Fatal("no vector for POSEIDON2_BN256_PARAMS")
	}
}

// fields reads the inputs and outputs of a vector.
type fields map[string]json.RawMessage

func (f fields) text(t *testing.T, name string) string {
	t.Helper()
	var s string
	if err := json.Unmarshal(f[name], &s); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return s
}

func (f fields) bytes(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(strings.TrimPrefix(f.text(t, name), "0x"))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return raw
}

func (f fields) element(t *testing.T, name string) fr.Element {
	t.Helper()
	e, err := Canonical(f.bytes(t, name))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return e
}

func (f fields) list(t *testing.T, name string) (raw [][]byte) {
	t.Helper()
	var texts []string
	if err := json.Unmarshal(f[name], &texts); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for _, text := range texts {
		b, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
		if err != nil {
			t.Fatal(err)
		}
		raw = append(raw, b)
	}
	return raw
}

func (f fields) elements(t *testing.T, name string, read func([]byte) (fr.Element, error)) (elements []fr.Element) {
	t.Helper()
	for _, raw := range f.list(t, name) {
		e, err := read(raw)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		elements = append(elements, e)
	}
	return elements
}

func (f fields) ints(t *testing.T, name string) (ints []TypedInt) {
	t.Helper()
	var list []struct {
		Encoded string
		Words   int
	}
	if err := json.Unmarshal(f[name], &list); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for _, v := range list {
		encoded, ok := new(big.Int).SetString(v.Encoded, 0)
		if !ok || !encoded.IsUint64() {
			t.Fatalf("%s: %q", name, v.Encoded)
		}
		ints = append(ints, TypedInt{encoded.Uint64(), v.Words})
	}
	return ints
}

func (f fields) integer(t *testing.T, name string) *big.Int {
	t.Helper()
	v, ok := new(big.Int).SetString(f.text(t, name), 0)
	if !ok {
		t.Fatalf("%s: not a number", name)
	}
	return v
}

func (f fields) words(t *testing.T, name string) []uint32 {
	t.Helper()
	words, err := DecodeWords(f.bytes(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return words
}

func reduced(raw []byte) (fr.Element, error) { return Reduce(raw), nil }

// TestSuiteVectors runs every vector of vectors/bn254_suite.json that a prover computes.
func TestSuiteVectors(t *testing.T) {
	var file struct {
		Vectors []struct {
			Name, Operation string
			Inputs, Outputs fields
		}
	}
	load(t, "bn254_suite.json", &file)
	ran := map[string]int{}
	for _, v := range file.Vectors {
		in, out := v.Inputs, v.Outputs
		ran[v.Operation]++
		t.Run(v.Name, func(t *testing.T) {
			want := func(name string, found fr.Element) {
				t.Helper()
				if e := out.element(t, name); !e.Equal(&found) {
					t.Errorf("%s: expected %s, found %s", name, e.String(), found.String())
				}
			}
			switch v.Operation {
			case "permutation":
				state := [Width]fr.Element(in.elements(t, "state", Canonical))
				Permute(&state)
				for i, e := range out.elements(t, "state", Canonical) {
					if !state[i].Equal(&e) {
						t.Errorf("place %d: expected %s, found %s", i, e.String(), state[i].String())
					}
				}
			case "leaf":
				var number uint32
				if err := json.Unmarshal(in["map_index"], &number); err != nil {
					t.Fatal(err)
				}
				want("digest", Leaf(int(number), in.ints(t, "ints"), in.elements(t, "keys", reduced)))
			case "node":
				want("digest", Node(in.element(t, "left"), in.element(t, "right")))
			case "state_root":
				want("root", StateRoot(in.ints(t, "cells"), in.elements(t, "key_cells", reduced), in.elements(t, "map_roots", Canonical)))
			case "path":
				var siblings []fr.Element
				for raw := in.bytes(t, "siblings"); len(raw) > 0; raw = raw[ElementBytes:] {
					e, err := Canonical(raw[:ElementBytes])
					if err != nil {
						t.Fatal(err)
					}
					siblings = append(siblings, e)
				}
				want("root", RootFromPath(in.element(t, "leaf"), in.integer(t, "index").Uint64(), siblings))
			case "tx_digest":
				want("digest", TxDigest(Reduce(in.bytes(t, "domain")), in.words(t, "words")))
			case "commit":
				want("commitment", Commit(in.words(t, "journal")))
			case "challenge":
				want("challenge", Challenge(in.bytes(t, "domain"), in.bytes(t, "claim"), in.element(t, "commitment")))
			case "evaluate":
				want("evaluation", Evaluate(in.words(t, "journal"), in.element(t, "challenge")))
			case "key":
				a := Base8.Mul(out.integer(t, "secret"))
				want("x", a.X)
				want("y", a.Y)
				want("public_key", PublicKey(a))
			case "verify":
				verifyVector(t, in, out)
			case "tree", "sign": // a prover keeps no tree and makes no signatures; the signatures are verified below
			default:
				t.Errorf("unknown operation %q", v.Operation)
			}
		})
	}
	for _, operation := range []string{"permutation", "leaf", "node", "state_root", "path", "tx_digest", "commit", "challenge", "evaluate", "key", "verify"} {
		if ran[operation] == 0 {
			t.Errorf("no vector for %s", operation)
		}
	}
}

func verifyVector(t *testing.T, in, out fields) {
	var valid bool
	if err := json.Unmarshal(out["valid"], &valid); err != nil {
		t.Fatal(err)
	}
	signature, err := DecodeSignature(in.bytes(t, "signature"))
	if err == nil {
		err = signature.Verify(Reduce(in.bytes(t, "public_key")), in.element(t, "digest"), in.integer(t, "nonce").Uint64())
		if !bytes.Equal(signature.Encode(), in.bytes(t, "signature")) {
			t.Error("the signature is not encoded as it was")
		}
	}
	if valid != (err == nil) {
		t.Errorf("expected valid = %v, found %v", valid, err)
	}
}

// TestCurve checks what the addition law's completeness rests on, and the base point's order.
func TestCurve(t *testing.T) {
	if CurveA.Legendre() != 1 || CurveD.Legendre() != -1 {
		t.Error("expected a to be a square and d not to be one")
	}
	if !Base8.OnCurve() || !SubgroupOrder.ProbablyPrime(20) || Base8.Mul(SubgroupOrder) != Identity {
		t.Error("expected Base8 on the curve, of prime order l")
	}
	sum := Base8
	for i := int64(2); i < 20; i++ {
		sum = sum.Add(&Base8)
		if sum != Base8.Mul(big.NewInt(i)) {
			t.Errorf("expected %d·Base8 by addition and by multiplication", i)
		}
	}
	negated := Base8.Neg()
	if Base8.Add(&negated) != Identity {
		t.Error("expected P - P = 0")
	}
}

func TestCanonical(t *testing.T) {
	order := fr.Modulus()
	for _, c := range []struct {
		v  *big.Int
		ok bool
	}{
		{new(big.Int), true}, {new(big.Int).Sub(order, big.NewInt(1)), true}, {order, false},
		{new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1)), false},
	} {
		if _, err := Canonical(c.v.FillBytes(make([]byte, ElementBytes))); (err == nil) != c.ok {
			t.Errorf("%d: %v", c.v, err)
		}
	}
	for _, n := range []int{0, 31, 33} {
		if _, err := Canonical(make([]byte, n)); err == nil {
			t.Errorf("%d bytes accepted", n)
		}
	}
}
