package gadgets

import (
	"github.com/consensys/gnark/frontend"

	"multiprover/provers/groth16/internal/suite"
)

// Point is an affine point of BabyJubJub. The formulas below are complete on the curve (a is a square, d is none, eprint 2008/013 §6): no
// denominator is 0, so a quotient is pinned by one product. They mean nothing off the curve: whoever takes a point as advice must constrain it.
type Point struct{ X, Y frontend.Variable }

func constantPoint(p suite.Point) Point { return Point{constant(p.X), constant(p.Y)} }

// assertOnCurve constrains a·x² + y² = 1 + d·x²y².
func (b *Builder) assertOnCurve(p Point) {
	xx, yy := b.api.Mul(p.X, p.X), b.api.Mul(p.Y, p.Y)
	left := b.api.Add(b.api.Mul(xx, constant(suite.CurveA)), yy)
	b.api.AssertIsEqual(b.api.Sub(left, 1), b.api.Mul(b.api.Mul(xx, constant(suite.CurveD)), yy))
}

// add is p + q, in 6 constraints.
func (b *Builder) add(p, q Point) Point {
	beta, gamma := b.api.Mul(p.X, q.Y), b.api.Mul(p.Y, q.X)
	tau := b.api.Mul(constant(suite.CurveD), b.api.Mul(beta, gamma))
	// (p.Y - a·p.X)(q.X + q.Y) = gamma + p.Y·q.Y - a·p.X·q.X - a·beta
	delta := b.api.Mul(b.api.Sub(p.Y, b.api.Mul(constant(suite.CurveA), p.X)), b.api.Add(q.X, q.Y))
	numerator := b.api.Add(b.api.Sub(delta, gamma), b.api.Mul(constant(suite.CurveA), beta))
	return Point{
		X: b.api.DivUnchecked(b.api.Add(beta, gamma), b.api.Add(1, tau)),
		Y: b.api.DivUnchecked(numerator, b.api.Sub(1, tau)),
	}
}

// double is 2p, in 5 constraints; 1 + d·x²y² is a·x² + y² on the curve.
func (b *Builder) double(p Point) Point {
	xy, xx, yy := b.api.Mul(p.X, p.Y), b.api.Mul(p.X, p.X), b.api.Mul(p.Y, p.Y)
	axx := b.api.Mul(constant(suite.CurveA), xx)
	return Point{
		X: b.api.DivUnchecked(b.api.Mul(xy, 2), b.api.Add(axx, yy)),
		Y: b.api.DivUnchecked(b.api.Sub(yy, axx), b.api.Sub(2, axx, yy)),
	}
}

// neg is -p = (-x, y).
func (b *Builder) neg(p Point) Point { return Point{b.api.Neg(p.X), p.Y} }

// selectPoint is p if bit (a boolean) is 1, else q.
func (b *Builder) selectPoint(bit frontend.Variable, p, q Point) Point {
	return Point{b.api.Select(bit, p.X, q.X), b.api.Select(bit, p.Y, q.Y)}
}

// assertEqualPoints constrains p = q.
func (b *Builder) assertEqualPoints(p, q Point) {
	b.api.AssertIsEqual(p.X, q.X)
	b.api.AssertIsEqual(p.Y, q.Y)
}
