package suite

import (
	"errors"
	"fmt"
	"math/big"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// Point is an affine point of BabyJubJub in the form of EIP-2494: A·x² + y² = 1 + D·x²y².
type Point struct{ X, Y fr.Element }

// The curve of EIP-2494. A is a square and D is not, so the addition law is complete.
var (
	CurveA = elementOf("168700")
	CurveD = elementOf("168696")

	// Base8 generates the subgroup of prime order SubgroupOrder.
	Base8 = Point{
		X: elementOf("5299619240641551281634865583518297030282874472190772894086521144482721001553"),
		Y: elementOf("16950150798460657717958625567821834550301663161624707787222815936182638968203"),
	}
	SubgroupOrder = integerOf("2736030358979909402780800718157159386076813972158567259200215660948447373041")

	// Identity is the neutral point (0, 1).
	Identity = Point{Y: fr.One()}
)

func integerOf(decimal string) *big.Int {
	v, ok := new(big.Int).SetString(decimal, 10)
	if !ok {
		panic("suite: " + decimal + " is not a decimal integer")
	}
	return v
}

func elementOf(decimal string) (e fr.Element) {
	e.SetBigInt(integerOf(decimal))
	return e
}

// OnCurve tells whether the point satisfies the curve's equation.
func (p *Point) OnCurve() bool {
	var xx, yy, left, right fr.Element
	xx.Square(&p.X)
	yy.Square(&p.Y)
	left.Mul(&CurveA, &xx)
	left.Add(&left, &yy)
	right.Mul(&xx, &yy)
	right.Mul(&right, &CurveD)
	one := fr.One()
	right.Add(&right, &one)
	return left.Equal(&right)
}

// Add is the complete addition law of twisted Edwards curves (eprint 2008/013, §6).
func (p *Point) Add(q *Point) Point {
	var beta, gamma, yy, tau, one, numerator, denominator fr.Element
	one.SetOne()
	beta.Mul(&p.X, &q.Y)
	gamma.Mul(&p.Y, &q.X)
	tau.Mul(&beta, &gamma)
	tau.Mul(&tau, &CurveD)

	var sum Point
	numerator.Add(&beta, &gamma)
	denominator.Add(&one, &tau)
	sum.X.Div(&numerator, &denominator)

	yy.Mul(&p.Y, &q.Y)
	numerator.Mul(&p.X, &q.X)
	numerator.Mul(&numerator, &CurveA)
	numerator.Sub(&yy, &numerator)
	denominator.Sub(&one, &tau)
	sum.Y.Div(&numerator, &denominator)
	return sum
}

// Neg is the opposite point (-x, y).
func (p *Point) Neg() Point {
	negated := *p
	negated.X.Neg(&p.X)
	return negated
}

// Mul is scalar·p for a scalar that is not negative; it is not reduced. Its time depends on the scalar.
func (p *Point) Mul(scalar *big.Int) Point {
	product := projective{Y: fr.One(), Z: fr.One()}
	base := projective{X: p.X, Y: p.Y, Z: fr.One()}
	for i := scalar.BitLen() - 1; i >= 0; i-- {
		product.add(&product)
		if scalar.Bit(i) == 1 {
			product.add(&base)
		}
	}
	var point Point
	point.X.Div(&product.X, &product.Z)
	point.Y.Div(&product.Y, &product.Z)
	return point
}

// projective is a point (X/Z, Y/Z): additions without an inversion (eprint 2008/013, §6).
type projective struct{ X, Y, Z fr.Element }

func (p *projective) add(q *projective) {
	var a, b, c, d, e, f, g, x, y fr.Element
	a.Mul(&p.Z, &q.Z)
	b.Square(&a)
	c.Mul(&p.X, &q.X)
	d.Mul(&p.Y, &q.Y)
	e.Mul(&c, &d)
	e.Mul(&e, &CurveD)
	f.Sub(&b, &e)
	g.Add(&b, &e)

	x.Add(&p.X, &p.Y)
	y.Add(&q.X, &q.Y)
	x.Mul(&x, &y)
	x.Sub(&x, &c)
	x.Sub(&x, &d)
	x.Mul(&x, &f)
	x.Mul(&x, &a)

	c.Mul(&c, &CurveA)
	y.Sub(&d, &c)
	y.Mul(&y, &g)
	y.Mul(&y, &a)

	p.X, p.Y = x, y
	p.Z.Mul(&f, &g)
}

// PublicKey is H(6; A.x, A.y), the 32 bytes by which an account names its key.
func PublicKey(a Point) fr.Element { return Hash(TagPublicKey, 0, a.X, a.Y) }

// Signature is a decoded signature: the signer's point, the commitment R, and S as an integer.
type Signature struct {
	A, R Point
	S    *big.Int
}

// SignatureError says why a signature does not verify.
type SignatureError struct{ Check, Expected, Found string }

func (e *SignatureError) Error() string {
	return fmt.Sprintf("%s: expected %s, found %s", e.Check, e.Expected, e.Found)
}

// ErrSignatureLength is the error of a signature that is not 160 bytes long.
var ErrSignatureLength = errors.New("expected a signature of 160 bytes")

// DecodeSignature reads A.x ‖ A.y ‖ R.x ‖ R.y ‖ S and checks coordinates, curve and S < l (docs/suites.md §4).
func DecodeSignature(raw []byte) (*Signature, error) {
	if len(raw) != SignatureBytes {
		return nil, fmt.Errorf("%w, found %d", ErrSignatureLength, len(raw))
	}
	var sig Signature
	for i, coordinate := range []*fr.Element{&sig.A.X, &sig.A.Y, &sig.R.X, &sig.R.Y} {
		e, err := Canonical(raw[ElementBytes*i : ElementBytes*(i+1)])
		if err != nil {
			return nil, &SignatureError{"coordinate", "a canonical field element", fmt.Sprintf("%#x", raw[ElementBytes*i:ElementBytes*(i+1)])}
		}
		*coordinate = e
	}
	for _, named := range []struct {
		name  string
		point *Point
	}{{"A", &sig.A}, {"R", &sig.R}} {
		if point := named.point; !point.OnCurve() {
			return nil, &SignatureError{"point " + named.name, "a point on BabyJubJub", fmt.Sprintf("(%s, %s)", point.X.String(), point.Y.String())}
		}
	}
	sig.S = new(big.Int).SetBytes(raw[4*ElementBytes:])
	if sig.S.Cmp(SubgroupOrder) >= 0 {
		return nil, &SignatureError{"S", "less than the subgroup's order " + SubgroupOrder.String(), sig.S.String()}
	}
	return &sig, nil
}

// Encode writes the 160 bytes that DecodeSignature reads.
func (sig *Signature) Encode() []byte {
	raw := make([]byte, 0, SignatureBytes)
	for _, e := range []fr.Element{sig.A.X, sig.A.Y, sig.R.X, sig.R.Y} {
		b := e.Bytes()
		raw = append(raw, b[:]...)
	}
	return append(raw, sig.S.FillBytes(make([]byte, ElementBytes))...)
}

// SignatureChallenge is h = H(7; R.x, R.y, pk, digest, nonce), as an integer in [0, r).
func SignatureChallenge(r Point, publicKey, digest fr.Element, nonce uint64) *big.Int {
	h := Hash(TagChallenge, 0, r.X, r.Y, publicKey, digest, fr.NewElement(nonce))
	return h.BigInt(new(big.Int))
}

// Verify checks the key and the equation S·Base8 = R + h·A of a decoded signature. No cofactor is cleared (docs/suites.md §4).
func (sig *Signature) Verify(publicKey, digest fr.Element, nonce uint64) error {
	found := PublicKey(sig.A)
	if !found.Equal(&publicKey) {
		return &SignatureError{"public key", publicKey.String(), found.String()}
	}
	left := Base8.Mul(sig.S)
	product := sig.A.Mul(SignatureChallenge(sig.R, publicKey, digest, nonce))
	right := sig.R.Add(&product)
	if left != right {
		return &SignatureError{"equation", "S·Base8 equal to R + h·A", "two different points"}
	}
	return nil
}
