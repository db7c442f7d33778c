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

// combineSystem is s·Base8 - h·a, whose result nobody looks at: what refuses a lie about digits or points is the gadget itself.
func combineSystem(t *testing.T) constraint.ConstraintSystem {
	t.Helper()
	return compile(t, 4, func(b *Builder, in []frontend.Variable) {
		b.combine(in[0], in[1], Point{in[2], in[3]})
	})
}

// digitsOf are the least significant digits of a number.
func digitsOf(v *big.Int, shift, bits uint, n int) (digits []*big.Int) {
	rest := new(big.Int).Rsh(v, shift)
	mask := new(big.Int).Sub(power(int(bits)), one)
	for range n {
		digits = append(digits, new(big.Int).And(rest, mask))
		rest.Rsh(rest, bits)
	}
	return digits
}

// advice tells a digitsHint what scalar it decomposes: the lowest bit of h, its halves, or the windows of s.
const (
	adviseOdd    = 1
	adviseHalves = keyDigits
	adviseBase   = baseDigits
)

// TestScalarLies decomposes scalars into digits that are not theirs, each lie aimed at one constraint.
func TestScalarLies(t *testing.T) {
	system := combineSystem(t)
	a := suite.Base8.Mul(big.NewInt(77))
	last := new(big.Int).Sub(modulus, one)
	const shift = 129 // of the halves of h
	h, s := number("0x1234567890abcdef1234567890abcdef1234567890abcdef1234567890abcdef"), big.NewInt(99)
	inputs := func(s, h *big.Int) []*big.Int { return []*big.Int{s, h, integerOf(a.X), integerOf(a.Y)} }
	for _, scalar := range []*big.Int{new(big.Int), one, two, h, last, new(big.Int).Sub(last, one), power(129), pow(1, 129, -1)} {
		if err := solve(t, system, inputs(s, scalar), nil); err != nil {
			t.Errorf("h = %d: %v", scalar, err)
		}
	}
	greatest := new(big.Int).Sub(suite.SubgroupOrder, one)
	for _, scalar := range []*big.Int{new(big.Int), one, greatest, power(128), pow(1, 128, -1)} {
		if err := solve(t, system, inputs(scalar, h), nil); err != nil {
			t.Errorf("s = %d: %v", scalar, err)
		}
	}
	for _, scalar := range []*big.Int{suite.SubgroupOrder, new(big.Int).Add(suite.SubgroupOrder, one), last, power(251)} {
		refused(t, solve(t, system, inputs(scalar, h), nil), "s of l or more")
	}

	// of replaces the digits of h by those of another number, changed at will.
	of := func(v *big.Int, change func(n int, digits []*big.Int)) hintFunction {
		return func(_ *big.Int, in, out []*big.Int) error {
			from := v
			if len(out) == adviseBase {
				from = in[2]
			}
			digits := digitsOf(from, uint(in[0].Uint64()), uint(in[1].Uint64()), len(out))
			if change != nil {
				change(len(out), digits)
			}
			for i := range out {
				out[i].Set(field(digits[i]))
			}
			return nil
		}
	}
	borrow := func(v *big.Int) hintFunction {
		return func(_ *big.Int, in, out []*big.Int) error {
			out[0].Set(field(v))
			return nil
		}
	}
	add := func(d *big.Int, v *big.Int) { d.Set(new(big.Int).Add(d, v)) }
	small := big.NewInt(5)
	pastSmall := new(big.Int).Add(small, modulus)
	past := new(big.Int).Add(h, modulus)
	// With any borrow, the halves of last - h would do for h + r.
	anyBorrow := new(big.Int).Sub(new(big.Int).Rsh(last, shift), new(big.Int).Rsh(pastSmall, shift))
	anyBorrow.Sub(anyBorrow, new(big.Int).Rsh(new(big.Int).Sub(last, small), shift))
	sixteenth := new(big.Int).ModInverse(big.NewInt(16), modulus)
	for _, c := range []struct {
		what string
		h    *big.Int
		lies map[string]hintFunction
	}{
		{"digits of another number", h, map[string]hintFunction{"digitsHint": of(new(big.Int).Add(h, two), nil)}},
		{"digits of h + r", h, map[string]hintFunction{"digitsHint": of(past, nil)}},
		{"digits of h + r, borrow 0", small, map[string]hintFunction{"digitsHint": of(pastSmall, nil), "borrowHint": borrow(new(big.Int))}},
		{"digits of h + r, borrow 1", small, map[string]hintFunction{"digitsHint": of(pastSmall, nil), "borrowHint": borrow(one)}},
		{"digits of h + r, any borrow", small, map[string]hintFunction{"digitsHint": of(pastSmall, nil), "borrowHint": func(_ *big.Int, in, out []*big.Int) error {
			if in[0].BitLen() > 128 || in[1].BitLen() == new(big.Int).Mod(last, power(shift)).BitLen() { // h's
				out[0].Set(field(anyBorrow))
				return nil
			}
			return borrowHint(nil, in, out)
		}}},
		{"an odd bit of 2 and more", h, map[string]hintFunction{"digitsHint": of(h, func(n int, digits []*big.Int) {
			switch n {
			case adviseOdd:
				add(digits[0], two)
			case adviseHalves:
				add(digits[0], big.NewInt(-1))
			}
		})}},
		{"a top that is a fraction", h, map[string]hintFunction{"digitsHint": of(h, func(n int, digits []*big.Int) {
			if n == adviseHalves {
				add(digits[keyDigits-2], one)
				digits[keyDigits-1].Sub(digits[keyDigits-1], sixteenth)
			}
		})}},
		{"a window of 16 and more", h, map[string]hintFunction{"digitsHint": of(h, func(n int, digits []*big.Int) {
			if n == adviseHalves {
				add(digits[0], big.NewInt(16))
				add(digits[1], big.NewInt(-1))
			}
		})}},
		{"a negative window", h, map[string]hintFunction{"digitsHint": of(h, func(n int, digits []*big.Int) {
			if n == adviseHalves {
				add(digits[0], big.NewInt(-16))
				add(digits[1], one)
			}
		})}},
		{"a base window of 256 and more", h, map[string]hintFunction{"digitsHint": of(h, func(n int, digits []*big.Int) {
			if n == adviseBase {
				add(digits[2], big.NewInt(256))
				add(digits[3], big.NewInt(-1))
			}
		})}},
	} {
		refused(t, solve(t, system, inputs(s, c.h), c.lies), c.what)
	}
}

// TestLookupLies gives points that are no row, or another row's, and counts that would make up for it.
func TestLookupLies(t *testing.T) {
	system := combineSystem(t)
	a := suite.Base8.Mul(big.NewInt(4711))
	honest := []*big.Int{big.NewInt(815), number("0x2468ace02468ace02468ace0"), integerOf(a.X), integerOf(a.Y)}
	if err := solve(t, system, honest, nil); err != nil {
		t.Fatal(err)
	}
	// moved answers the first query for the row beside it.
	moved := func(f hintFunction) hintFunction {
		return func(field *big.Int, in, out []*big.Int) error {
			first := len(in) - len(out)/pointColumns
			other := append([]*big.Int(nil), in...)
			other[first] = new(big.Int).Xor(in[first], one)
			return f(field, other, out)
		}
	}
	// changed adds 1 to one coordinate of the first point found.
	changed := func(f hintFunction, coordinate int) hintFunction {
		return func(field *big.Int, in, out []*big.Int) error {
			err := f(field, in, out)
			out[coordinate].Add(out[coordinate], one)
			return err
		}
	}
	for what, lies := range map[string]map[string]hintFunction{
		"another odd multiple":       {"oddMultipleHint": moved(oddMultipleHint)},
		"another base multiple":      {"baseMultipleHint": moved(baseMultipleHint)},
		"another x of a multiple":    {"oddMultipleHint": changed(oddMultipleHint, 0)},
		"another y of a multiple":    {"oddMultipleHint": changed(oddMultipleHint, 1)},
		"another x of a base point":  {"baseMultipleHint": changed(baseMultipleHint, 0)},
		"another y of a base point":  {"baseMultipleHint": changed(baseMultipleHint, 1)},
		"counts of zero, everywhere": {"gadgets.countHint": func(_ *big.Int, _, out []*big.Int) error { return nil }},
	} {
		refused(t, solve(t, system, honest, lies), what)
	}
}

// TestForgery gives, for a wrong S, the first window's point that makes the sum R.
func TestForgery(t *testing.T) {
	system := signatureSystem(t)
	honest := signedBy(big.NewInt(4711), big.NewInt(815), suite.Identity, fr.NewElement(3), 2)
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

func TestEqualPoints(t *testing.T) {
	system := compile(t, 4, func(b *Builder, in []frontend.Variable) {
		b.assertEqualPoints(Point{in[0], in[1]}, Point{in[2], in[3]})
	})
	for _, c := range [][4]int64{{1, 2, 1, 2}, {1, 2, 3, 2}, {1, 2, 1, 3}} {
		inputs := []*big.Int{big.NewInt(c[0]), big.NewInt(c[1]), big.NewInt(c[2]), big.NewInt(c[3])}
		err := solve(t, system, inputs, nil)
		if c[0] == c[2] && c[1] == c[3] {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		refused(t, err, "different points")
	}
}

// TestTables checks that a query is held to its own table: an index past the end of one is no row of the next, whatever is counted.
func TestTables(t *testing.T) {
	const firstRows, secondRows = 4, 5
	rows := func(from int64, n int) (rows []Point) {
		for i := range n {
			p := suite.Base8.Mul(big.NewInt(from + int64(i)))
			rows = append(rows, constantPoint(p))
		}
		return rows
	}
	system := compile(t, 3, func(b *Builder, in []frontend.Variable) {
		b.newTable(rows(1, firstRows)).constrain(in[:1], []Point{{in[1], in[2]}})
		second := b.newTable(rows(100, secondRows))
		second.constrain([]frontend.Variable{0}, rows(100, 1))
	})
	query := func(index, multiple int64) []*big.Int {
		p := suite.Base8.Mul(big.NewInt(multiple))
		return []*big.Int{field(big.NewInt(index)), integerOf(p.X), integerOf(p.Y)}
	}
	for i := range int64(firstRows) {
		if err := solve(t, system, query(i, 1+i), nil); err != nil {
			t.Errorf("row %d: %v", i, err)
		}
	}
	for _, wrong := range [][2]int64{{4, 100}, {4, 104}, {0, 100}, {5, 101}, {-1, 1}, {0, 2}, {4, 1}} {
		for row := range secondRows + 1 { // counted for a row of the second table, or for none
			count := func(_ *big.Int, _, out []*big.Int) error {
				for i := range out {
					out[i].SetUint64(0)
				}
				if len(out) == secondRows {
					out[0].SetUint64(1)
					if row < secondRows {
						out[row].Add(out[row], one)
					}
				}
				return nil
			}
			refused(t, solve(t, system, query(wrong[0], wrong[1]), map[string]hintFunction{"gadgets.countHint": count}), "a row that is not there")
		}
	}
}
