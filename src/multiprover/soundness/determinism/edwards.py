"""Points of a twisted Edwards curve ``a·x² + y² = 1 + d·x²y²`` in a system.

Theorem (eprint 2008/013, section 6). Where a is a square and d is none, for any two points of the curve ``1
± d·x1·x2·y1·y2`` is not 0, and ``((x1·y2 + y1·x2) / (1 + t), (y1·y2 - a·x1·x2) / (1 - t))``, ``t =
d·x1·x2·y1·y2``, is a point of the curve. Of one point and itself, ``1 + t = a·x² + y²`` by the equation.

So a quotient by such a denominator is determined. Which forms are points is found out: by the curve's
equation among the constraints, as a sum of points, as a choice by a boolean, as a row of a table of points.
With ``(x, y)`` so is ``(-x, y)``; points are kept up to that sign. Identities are checked as polynomials.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import product as pairs

from multiprover.soundness.determinism.normal import Normal, Table, is_constant
from multiprover.soundness.determinism.systems import Form

Polynomial = dict[tuple[int, ...], int]
"""Monomials, as sorted wires, to coefficients."""

MOST_MONOMIALS = 300


class _TooLargeError(Exception):
    pass


class Curve:
    """What is known of points."""

    def __init__(self, normal: Normal) -> None:
        assert normal.system.curve is not None
        self.n, self.p = normal, normal.p
        self.a, self.d = normal.system.curve
        half = (self.p - 1) // 2
        if pow(self.a, half, self.p) != 1 or pow(self.d, half, self.p) != self.p - 1:
            raise ValueError("the addition law is complete only for a square a and a d that is none")
        self.points: list[tuple[Form, Form]] = []
        self._keys: set[tuple[tuple[tuple[int, int], ...], ...]] = set()
        self._at: dict[int, set[int]] = defaultdict(set)  # wire -> points
        self._made: dict[int, tuple[Form, Form]] = {}
        self._tables: list[Table] = []
        self._halves: dict[tuple[str, int, int, int], dict[str, int]] = defaultdict(dict)
        for x in normal.products:
            if len(x.out) == 1:
                ((w, c),) = x.out.items()
                if w and w not in self._made:
                    self._made[w] = (normal.scaled(x.left, pow(c, -1, self.p)), x.right)
        self._selected = self._booleans()
        for x in normal.products:
            if len(x.out) > 2:
                self._equation(x.left, x.right, x.out)

    # Polynomials.

    def _multiply(self, x: Polynomial, y: Polynomial) -> Polynomial:
        out: Polynomial = {}
        for m, c in x.items():
            for k, e in y.items():
                key = tuple(sorted(m + k))
                out[key] = (out.get(key, 0) + c * e) % self.p
        if len(out) > MOST_MONOMIALS:
            raise _TooLargeError
        return {m: c for m, c in out.items() if c}

    def _sum(self, *terms: tuple[Polynomial, int]) -> Polynomial:
        out: Polynomial = {}
        for polynomial, scale in terms:
            for m, c in polynomial.items():
                out[m] = (out.get(m, 0) + c * scale) % self.p
        return {m: c for m, c in out.items() if c}

    def _expand(self, form: Form, depth: int = 5) -> Polynomial:
        """Over wires that are no products, or stand in a point."""
        out: Polynomial = {}
        for w, c in form.items():
            part: Polynomial = {(): 1} if w == 0 else {(w,): 1}
            if w in self._made and w not in self._at and depth:
                left, right = self._made[w]
                part = self._multiply(self._expand(left, depth - 1), self._expand(right, depth - 1))
            out = self._sum((out, 1), (part, c))
        return out

    def _ratio(self, x: Polynomial, y: Polynomial) -> int | None:
        """k with x = k·y."""
        if not x or x.keys() != y.keys():
            return None
        m = next(iter(x))
        k = x[m] * pow(y[m], -1, self.p) % self.p
        return k if all(x[m] == k * c % self.p for m, c in y.items()) else None

    # Which forms are points.

    def _key(self, x: Form, y: Form) -> tuple[tuple[tuple[int, int], ...], ...]:
        return tuple(sorted(x.items())), tuple(sorted(y.items()))

    def is_point(self, x: Form, y: Form) -> bool:
        if is_constant(x) and is_constant(y):
            u, v = x.get(0, 0) ** 2, y.get(0, 0) ** 2
            return (self.a * u + v - 1 - self.d * u * v) % self.p == 0
        return self._key(x, y) in self._keys

    def _register(self, x: Form, y: Form) -> None:
        if self._key(x, y) in self._keys:
            return
        for sign in (1, -1):
            self._keys.add(self._key(self.n.scaled(x, sign), y))
        self.points.append((x, y))
        for w in (*x, *y):
            if w:
                self._at[w].add(len(self.points) - 1)

    def _equation(self, left: Form, right: Form, out: Form) -> None:
        """The curve's equation over two wires."""
        try:
            sides = self._multiply(self._expand(left), self._expand(right))
            found = self._sum((sides, 1), (self._expand(out), -1))
        except _TooLargeError:
            return
        wires = sorted({w for m in found for w in m})
        if len(wires) == 2 and len(found) == 4:
            for x, y in (wires, wires[::-1]):
                curve = {
                    (x, x): self.a,
                    (y, y): 1,
                    (): self.p - 1,
                    tuple(sorted((x, x, y, y))): -self.d % self.p,
                }
                if self._ratio(found, curve) is not None:
                    self._register({x: 1}, {y: 1})

    def table(self, t: Table) -> None:
        """A query of a table of points, all rows of which are points: one of them."""
        if len(t.query) == 3:
            if all(self.is_point(row[1], row[2]) for row in t.rows):
                self._register(t.query[1], t.query[2])
            elif t not in self._tables:
                self._tables.append(t)

    def _booleans(self) -> dict[int, dict[int, tuple[int, int, Form]]]:
        """By boolean wire b the wires ``(c0 + c1·b)·form``, as ``(c0, c1, form)``."""
        found: dict[int, dict[int, tuple[int, int, Form]]] = defaultdict(dict)
        for w, (left, right) in self._made.items():
            for factor, other in ((left, right), (right, left)):
                wires = [v for v in factor if v]
                if len(wires) == 1 and self.n.ranges.get(wires[0]) == (0, 1):
                    found[wires[0]][w] = (factor.get(0, 0), factor[wires[0]], other)
        return found

    def _choices(self) -> bool:
        """Forms that are one point where a boolean is 0 and another where it is 1."""
        before = len(self.points)
        for bit, made in list(self._selected.items()):
            forms: dict[tuple[tuple[int, int], ...], Form] = {}
            for x in self.n.products:
                for f in (x.left, x.right):
                    if any(w in made for w in f):
                        forms[tuple(sorted(f.items()))] = f

            def at(form: Form, value: int, made: dict[int, tuple[int, int, Form]] = made) -> Form:
                parts: list[tuple[Form, int]] = []
                for w, c in form.items():
                    if w in made:
                        constant, slope, rest = made[w]
                        parts.append((rest, c * (constant + slope * value)))
                    else:
                        parts.append(({w: c}, 1))
                return self.n.add(*parts)

            for x_form, y_form in pairs(forms.values(), repeat=2):
                if all(self.is_point(at(x_form, v), at(y_form, v)) for v in (0, 1)):
                    self._register(x_form, y_form)
                    self._selected.pop(bit, None)
        return len(self.points) > before

    # Denominators and quotients.

    def denominator(self, form: Form) -> bool:
        """Whether the form is the denominator of a sum of points: not 0."""
        if len(form) < 2:
            return False
        if self._kind(form) is not None:
            return True
        waiting, self._tables = self._tables, []
        before = len(self.points)
        for t in waiting:
            self.table(t)
        self._choices()
        return len(self.points) > before and self._kind(form) is not None

    def _kind(self, form: Form) -> tuple[str, int, int, int, int] | None:
        """``(name, point, point, sign, scale)``."""
        try:
            found = self._expand(form)
        except _TooLargeError:
            return None
        near = sorted({i for m in found for w in m for i in self._at.get(w, ())})
        if len(near) > 12:
            return None
        one: Polynomial = {(): 1}
        for i in near:
            xx, yy = (self._multiply(f, f) for f in map(self._coordinate, self.points[i]))
            plus = self._sum((xx, self.a), (yy, 1))
            for name, target in (("plus", plus), ("minus", self._sum((one, 2), (plus, -1)))):
                scale = self._ratio(found, target)
                if scale is not None:
                    return f"double {name}", i, i, 1, scale
        for i in near:
            for j in near:
                if j < i:
                    continue
                t = self._multiply(*(self._product(k) for k in (i, j)))
                for sign in (1, -1):
                    scale = self._ratio(found, self._sum((one, 1), (t, sign * self.d)))
                    if scale is not None:
                        return "add", i, j, sign, scale
        return None

    def _coordinate(self, form: Form) -> Polynomial:
        return {((w,) if w else ()): c for w, c in form.items()}

    def _product(self, i: int) -> Polynomial:
        x, y = self.points[i]
        return self._multiply(self._coordinate(x), self._coordinate(y))

    def quotient(self, factor: Form, denominator: Form, numerator: Form) -> bool:
        """Takes note of ``factor·denominator = numerator``; with the other coordinate, a point.

        Whether it is such a quotient.
        """
        if 0 in factor or len(denominator) < 2:
            return False
        ((wire, c),) = factor.items()
        kind = self._kind(denominator)
        if kind is None:
            return False
        name, i, j, sign, scale = kind
        try:
            found = self._expand(numerator)
        except _TooLargeError:
            return False
        scale = scale * c % self.p
        (x1, y1), (x2, y2) = ([self._coordinate(f) for f in self.points[k]] for k in (i, j))
        # x is the first coordinate of P + s·Q or its opposite, y the second: over 1 + s·t, 1 - s·t.
        if name.startswith("double"):
            signs = {1: "x"} if name == "double plus" else {1: "y"}
        else:
            signs = {sign: "x", -sign: "y"}
        for s, axis in signs.items():
            if axis == "x":
                target = self._sum((self._multiply(x1, y2), 1), (self._multiply(y1, x2), s))
                fits = self._ratio(found, target) in (scale, -scale % self.p)
            else:
                target = self._sum((self._multiply(y1, y2), 1), (self._multiply(x1, x2), -s * self.a))
                fits = self._ratio(found, target) == scale
            if fits:
                key = ("double" if name.startswith("double") else "add", i, j, s)
                half = self._halves[key]
                half[axis] = wire
                if len(half) == 2:
                    self._register({half["x"]: 1}, {half["y"]: 1})
        return True
