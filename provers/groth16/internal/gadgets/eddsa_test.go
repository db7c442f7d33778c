package gadgets

import (
	"math/big"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/constraint"
	"github.com/consensys/gnark/frontend"

	"multiprover/provers/groth16/internal/suite"
)

// Places of the inputs of the circuit under test.
const (
	inEnabled = iota
	inKey
	inDigest
	inNonce
	inAX
	inAY
	inRX
	inRY
	inS
	signatureInputs
)

func signatureSystem(t *testing.T) constraint.ConstraintSystem {
	t.Helper()
	return compile(t, signatureInputs, func(b *Builder, in []frontend.Variable) {
		b.AssertSignature(in[inEnabled], in[inKey], in[inDigest], in[inNonce], Signature{
			A: Point{in[inAX], in[inAY]}, R: Point{in[inRX], in[inRY]}, S: in[inS],
		})
	})
}

// signed makes a signature by a secret whose point may carry a point of small order.
func signedBy(secret, rho *big.Int, torsion suite.Point, digest fr.Element, nonce uint64) []*big.Int {
	a := suite.Base8.Mul(secret)
	a = a.Add(&torsion)
	r := suite.Base8.Mul(rho)
	key := suite.PublicKey(a)
	h := suite.SignatureChallenge(r, key, digest, nonce)
	s := new(big.Int).Mul(h, secret)
	s.Add(s, rho).Mod(s, suite.SubgroupOrder)
	return []*big.Int{
		big.NewInt(1), integerOf(key), integerOf(digest), new(big.Int).SetUint64(nonce),
		integerOf(a.X), integerOf(a.Y), integerOf(r.X), integerOf(r.Y), s,
	}
}

func with(inputs []*big.Int, place int, v *big.Int) []*big.Int {
	changed := append([]*big.Int(nil), inputs...)
	changed[place] = v
	return changed
}

func TestSignature(t *testing.T) {
	system := signatureSystem(t)
	digest := fr.NewElement(424242)
	secret, rho := number("1234567890123456789012345678901234567890"), number("98765432109876543210987654321098765432109876")
	last := new(big.Int).Sub(suite.SubgroupOrder, one)
	honest := signedBy(secret, rho, suite.Identity, digest, 1<<63+5)

	t.Run("accepted", func(t *testing.T) {
		for what, inputs := range map[string][]*big.Int{
			"a signature":             honest,
			"secret 1, rho l-1":       signedBy(one, last, suite.Identity, digest, 0),
			"secret l-1, rho 0":       signedBy(last, new(big.Int), suite.Identity, digest, 1<<64-1),
			"secret 2, rho 1":         signedBy(two, one, suite.Identity, digest, 7),
			"not enabled, zero point": identityInputs(0, big.NewInt(99), digest),
		} {
			if err := solve(t, system, inputs, nil); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
		// Even and odd challenges both occur.
		seen := map[uint]bool{}
		for nonce := range uint64(8) {
			inputs := signedBy(secret, rho, suite.Identity, digest, nonce)
			r := suite.Base8.Mul(rho)
			seen[suite.SignatureChallenge(r, suite.PublicKey(suite.Base8.Mul(secret)), digest, nonce).Bit(0)] = true
			if err := solve(t, system, inputs, nil); err != nil {
				t.Errorf("nonce %d: %v", nonce, err)
			}
		}
		if len(seen) != 2 {
			t.Error("expected even and odd challenges among 8")
		}
	})

	t.Run("refused", func(t *testing.T) {
		order := new(big.Int).Add(honest[inS], suite.SubgroupOrder)
		other := suite.Base8.Mul(big.NewInt(77))
		for what, inputs := range map[string][]*big.Int{
			"another key":                          with(honest, inKey, integerOf(suite.PublicKey(other))),
			"another digest":                       with(honest, inDigest, big.NewInt(1)),
			"another nonce":                        with(honest, inNonce, big.NewInt(5)),
			"another S":                            with(honest, inS, new(big.Int).Add(honest[inS], one)),
			"S + l":                                with(honest, inS, order),
			"S + 2l":                               with(honest, inS, new(big.Int).Add(order, suite.SubgroupOrder)),
			"another A, of no key":                 with(with(honest, inAX, integerOf(other.X)), inAY, integerOf(other.Y)),
			"R off the curve":                      with(honest, inRX, new(big.Int).Add(honest[inRX], one)),
			"-R":                                   with(honest, inRX, new(big.Int).Sub(modulus, honest[inRX])),
			"R zero":                               with(with(honest, inRX, new(big.Int)), inRY, new(big.Int)),
			"A off the curve, with its key":        offCurve(digest),
			"A zero, with its key":                 zeroPoint(digest),
			"enabled with the point of a disabled": identityInputs(1, honest[inKey], digest),
			"a forged S of 0":                      with(honest, inS, new(big.Int)),
		} {
			refused(t, solve(t, system, inputs, nil), what)
		}
	})
}

// identityInputs are those of an authorization that is not asked for.
func identityInputs(enabled int64, key *big.Int, digest fr.Element) []*big.Int {
	return []*big.Int{big.NewInt(enabled), key, integerOf(digest), new(big.Int), new(big.Int), one, new(big.Int), one, new(big.Int)}
}

// offCurve has an A that is no point, with R = A and S = 0 and the key of that A.
func offCurve(digest fr.Element) []*big.Int {
	a := suite.Point{X: fr.NewElement(3), Y: fr.NewElement(4)}
	return []*big.Int{one, integerOf(suite.PublicKey(a)), integerOf(digest), new(big.Int), big.NewInt(3), big.NewInt(4), new(big.Int), one, new(big.Int)}
}

// zeroPoint has A = R = (0, 0), which is not on the curve, where the addition's denominators mean nothing.
func zeroPoint(digest fr.Element) []*big.Int {
	zero := new(big.Int)
	return []*big.Int{one, integerOf(suite.PublicKey(suite.Point{})), integerOf(digest), zero, zero, zero, zero, zero, zero}
}

// TestCombineCofactor checks that the equation has no cofactor and that the challenge is not reduced: A with a point of order 2 verifies only when
// the challenge is even.
func TestCombineCofactor(t *testing.T) {
	torsion := suite.Point{Y: fr.One()}
	torsion.Y.Neg(&torsion.Y) // (0, -1)
	if !torsion.OnCurve() || torsion.Add(&torsion) != suite.Identity {
		t.Fatal("expected a point of order 2")
	}
	system := signatureSystem(t)
	digest := fr.NewElement(1)
	outcomes := map[bool]int{}
	for nonce := range uint64(8) {
		secret, rho := big.NewInt(1000), big.NewInt(2000+int64(nonce))
		inputs := signedBy(secret, rho, torsion, digest, nonce)
		a := suite.Base8.Mul(secret)
		a = a.Add(&torsion)
		even := suite.SignatureChallenge(suite.Base8.Mul(rho), suite.PublicKey(a), digest, nonce).Bit(0) == 0
		err := solve(t, system, inputs, nil)
		outcomes[even]++
		if even && err != nil {
			t.Errorf("nonce %d, even challenge: %v", nonce, err)
		}
		if !even {
			refused(t, err, "odd challenge")
		}
	}
	if outcomes[true] == 0 || outcomes[false] == 0 {
		t.Errorf("expected even and odd challenges, found %v", outcomes)
	}
}

// TestScalarLies decomposes the scalars into digits of another number that is the same in the field, or of the same point.
func TestScalarLies(t *testing.T) {
	system := signatureSystem(t)
	digest := fr.NewElement(5)
	secret, rho := big.NewInt(31337), big.NewInt(271828)
	honest := signedBy(secret, rho, suite.Identity, digest, 9)
	digits := func(v *big.Int, shift, bits uint, out []*big.Int) {
		rest := new(big.Int).Rsh(v, shift)
		mask := new(big.Int).Sub(power(int(bits)), one)
		for _, o := range out {
			o.And(rest, mask)
			rest.Rsh(rest, bits)
		}
	}
	// h + r for h, S + l for S: the booleans and windows are all in range, the sums the same in the field, or the point the same.
	for what, lie := range map[string]hintFunction{
		"h + r": func(_ *big.Int, in, out []*big.Int) error {
			v := in[2]
			if in[1].Uint64() != baseWindow {
				v = new(big.Int).Add(v, modulus)
			}
			digits(v, uint(in[0].Uint64()), uint(in[1].Uint64()), out)
			return nil
		},
		"S + l": func(_ *big.Int, in, out []*big.Int) error {
			v := in[2]
			if in[1].Uint64() == baseWindow {
				v = new(big.Int).Add(v, suite.SubgroupOrder)
			}
			digits(v, uint(in[0].Uint64()), uint(in[1].Uint64()), out)
			return nil
		},
		"a window of 17": func(_ *big.Int, in, out []*big.Int) error {
			digits(in[2], uint(in[0].Uint64()), uint(in[1].Uint64()), out)
			if len(out) == keyDigits {
				out[0].Add(out[0], big.NewInt(16)) // carried from the next
				out[1].Sub(out[1], one).Mod(out[1], modulus)
			}
			return nil
		},
		"a base window of 256": func(_ *big.Int, in, out []*big.Int) error {
			digits(in[2], uint(in[0].Uint64()), uint(in[1].Uint64()), out)
			if len(out) == baseDigits {
				out[0].Add(out[0], big.NewInt(256))
				out[1].Sub(out[1], one).Mod(out[1], modulus)
			}
			return nil
		},
		"zeros": func(_ *big.Int, _, out []*big.Int) error {
			for _, o := range out {
				o.SetUint64(0)
			}
			return nil
		},
	} {
		refused(t, solve(t, system, honest, map[string]hintFunction{"digitsHint": lie}), what)
		for _, borrow := range []int64{0, 1} {
			always := func(_ *big.Int, _, out []*big.Int) error { out[0].SetInt64(borrow); return nil }
			refused(t, solve(t, system, honest, map[string]hintFunction{"digitsHint": lie, "borrowHint": always}), what+", with a chosen borrow")
		}
	}
}

// TestLookupLies gives points that are no row, or another row's, and counts that would make up for it.
func TestLookupLies(t *testing.T) {
	system := signatureSystem(t)
	honest := signedBy(big.NewInt(4711), big.NewInt(815), suite.Identity, fr.NewElement(3), 2)
	if err := solve(t, system, honest, nil); err != nil {
		t.Fatal(err)
	}
	shifted := func(f hintFunction) hintFunction { // the first point is that of the next row
		return func(field *big.Int, in, out []*big.Int) error {
			last := len(in) - 1
			first := len(in) - len(out)/2
			moved := append([]*big.Int(nil), in...)
			if first <= last {
				moved[first] = new(big.Int).Xor(in[first], one)
			}
			return f(field, moved, out)
		}
	}
	for what, lies := range map[string]map[string]hintFunction{
		"another odd multiple":  {"oddMultipleHint": shifted(oddMultipleHint)},
		"another base multiple": {"baseMultipleHint": shifted(baseMultipleHint)},
		"counts of zero": {"countHint": func(_ *big.Int, _, out []*big.Int) error {
			for _, o := range out {
				o.SetUint64(0)
			}
			return nil
		}},
	} {
		refused(t, solve(t, system, honest, lies), what)
	}

	// The key to a forgery: for any S, choose the first window's point so that the sum is R.
	forged := with(honest, inS, big.NewInt(12345))
	refused(t, solve(t, system, forged, map[string]hintFunction{"baseMultipleHint": func(field *big.Int, in, out []*big.Int) error {
		if err := baseMultipleHint(field, in, out); err != nil {
			return err
		}
		right, wrong := suite.Base8.Mul(honest[inS]), suite.Base8.Mul(forged[inS])
		difference := wrong.Neg()
		difference = difference.Add(&right)
		first := suite.Base8.Mul(in[0])
		first = first.Add(&difference)
		out[0].Set(integerOf(first.X))
		out[1].Set(integerOf(first.Y))
		return nil
	}}), "a point chosen for a forgery")
}

// TestTables checks that a query is held to its own table: an index past the end of one is no row of the next.
func TestTables(t *testing.T) {
	rows := func(from int64, n int) (rows []Point) {
		for i := range n {
			p := suite.Base8.Mul(big.NewInt(from + int64(i)))
			rows = append(rows, constantPoint(p))
		}
		return rows
	}
	system := compile(t, 3, func(b *Builder, in []frontend.Variable) {
		first := b.newTable(rows(1, 4))
		second := b.newTable(rows(100, 4))
		first.constrain(in[:1], []Point{{in[1], in[2]}})
		second.constrain([]frontend.Variable{0}, rows(100, 1))
	})
	query := func(index, multiple int64) []*big.Int {
		p := suite.Base8.Mul(big.NewInt(multiple))
		return []*big.Int{field(big.NewInt(index)), integerOf(p.X), integerOf(p.Y)}
	}
	for i := range int64(4) {
		if err := solve(t, system, query(i, 1+i), nil); err != nil {
			t.Errorf("row %d: %v", i, err)
		}
	}
	for _, wrong := range [][2]int64{{4, 100}, {0, 100}, {5, 101}, {-1, 1}, {0, 2}, {4, 1}} {
		refused(t, solve(t, system, query(wrong[0], wrong[1]), nil), "a row that is not there")
	}
}
