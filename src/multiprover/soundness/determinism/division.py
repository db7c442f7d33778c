"""Euclid's division, over carries and limbs.

Over several equations, all read as integers: two solutions of ``B·Q + R = K`` with B and K unique and ``0 <=
R <= B - 1`` are one, because ``B·(Q - Q') = R' - R`` has
a right side less than B in magnitude. What must be seen is that equations mod p give that integer equation,
and the bound.

*Differences.* For an equation ``Σ c·w = 0`` the differences of two solutions satisfy ``Σ c·δ = 0`` over the
integers, if ``Σ |c|·width < p`` over the unknown wires. Of a product
with a unique factor A it is ``A·δB = δM``. Carries, which join two such equations, are eliminated: the sums
hold over the integers too.

*Bounds.* Equations whose wires all have ranges and whose sum lies within (-p, p) hold over the integers as
they are; the same eliminations give ``B - 1 - R = N`` with N a sum
of what is not negative.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from math import gcd
from typing import TYPE_CHECKING

from multiprover.soundness.determinism.normal import centred, is_constant
from multiprover.soundness.determinism.systems import Form

if TYPE_CHECKING:
    from multiprover.soundness.determinism.rules import Group, Propagation

Integer = dict[int, int]
"""An integer form over unique wires; wire 0 is 1."""


@dataclass
class _Equation:
    """``Σ coefficient·variable (+ known) = 0`` for differences; with ``known``, the sum over unique wires,
    for values too.
    """

    terms: dict[int, Integer]  # variable (representative of a group, or a product's wire) -> coefficient
    known: Integer | None


def _add(x: Integer, y: Integer, scale: int) -> Integer:
    out = dict(x)
    for w, c in y.items():
        out[w] = out.get(w, 0) + scale * c
    return {w: c for w, c in out.items() if c}


def _plus(x: _Equation, y: _Equation, scale: int) -> _Equation:
    terms = dict(x.terms)
    for v, c in y.terms.items():
        terms[v] = _add(terms.get(v, {}), c, scale)
    known = None if x.known is None or y.known is None else _add(x.known, y.known, scale)
    return _Equation({v: c for v, c in terms.items() if c}, known)


class _Cluster:
    def __init__(self, state: Propagation, divisor: Form | None, seeds: list[int]) -> None:
        self.state, self.p = state, state.p
        wires, linear, self.products = state.divisible(seeds, divisor is not None)
        forms = [*linear, *(f for _, b, m in self.products for f in (b, m))]
        self.groups: dict[int, Group] = {}
        self.member: dict[int, tuple[int, int]] = {}  # wire -> representative, scale
        for group in state.groups(wires, forms):
            if group.width < self.p:
                representative = group.representative()
                self.groups[representative] = group
                for w, scale in group.members:
                    self.member[w] = (representative, scale)
        self.ranges: dict[int, tuple[int, int]] = {
            r: (
                sum(s * state.n.ranges[w][0] for w, s in g.members),
                sum(s * state.n.ranges[w][1] for w, s in g.members),
            )
            for r, g in self.groups.items()
        }
        self.equations = [e for form in linear if (e := self._linear(form)) is not None]
        self.equations += [e for entry in self.products if (e := self._product(*entry)) is not None]

    def _read(self, form: Form) -> tuple[dict[int, int], Integer] | None:
        """Unknown wires by groups, and the known part, with centred coefficients."""
        terms: dict[int, int] = {}
        known: Integer = {}
        for w, c in self._constants(form).items():
            if w in self.state.unique:
                known[w] = centred(c, self.p)
            elif w in self.member:
                representative, scale = self.member[w]
                terms[representative] = centred(c * pow(scale, -1, self.p) % self.p, self.p)
            else:
                return None
        return terms, known

    def _constants(self, form: Form) -> Form:
        """With wires that can have only one value as constants."""
        out: Form = {}
        for w, c in form.items():
            ends = self.state.range_of(w)
            at, value = (0, c * ends[0]) if ends is not None and ends[0] == ends[1] else (w, c)
            out[at] = (out.get(at, 0) + value) % self.p
        return {w: c for w, c in out.items() if c}

    def _spread(self, terms: dict[int, int]) -> int:
        return sum(abs(c) * (self.ranges[v][1] - self.ranges[v][0]) for v, c in terms.items())

    def _linear(self, form: Form) -> _Equation | None:
        for multiple in self.state.scalings(form, self.state.unknown(form)):
            read = self._read(multiple)
            if read is None or self._spread(read[0]) >= self.p:
                continue
            terms, known = read
            # A common factor has an inverse mod p.
            common = gcd(*terms.values(), *known.values())
            terms = {v: c // common for v, c in terms.items()}
            known = {w: c // common for w, c in known.items()}
            return _Equation({v: {0: c} for v, c in terms.items()}, self._values(terms, known))
        return None

    def _values(self, terms: dict[int, int], known: Integer) -> Integer | None:
        """The known part, if the equation holds for the integers themselves."""
        ends = self._known_interval(known)
        if ends is None:
            return None
        lo, hi = ends
        for v, c in terms.items():
            a, b = sorted((c * self.ranges[v][0], c * self.ranges[v][1]))
            lo, hi = lo + a, hi + b
        return known if -self.p < lo and hi < self.p else None

    def _known_interval(self, known: Integer) -> tuple[int, int] | None:
        lo = hi = 0
        for w, c in known.items():
            ends = self.state.range_of(w)
            if ends is None:
                return None
            a, b = sorted((c * ends[0], c * ends[1]))
            lo, hi = lo + a, hi + b
        return lo, hi

    def _product(self, factor: Form, other: Form, out: Form) -> _Equation | None:
        ends, right = self.state.interval(factor), self._read(other)
        if ends is None or right is None:
            return None
        integer = {w: centred(c, self.p) for w, c in self._constants(factor).items()}
        largest = max(map(abs, ends))
        unknown = self.state.unknown(out)
        left: dict[int, int]
        if len(unknown) == 1 and unknown[0] not in self.member:
            # A wire that is the product, with no range: its difference is bounded by the factors'.
            wire = unknown[0]
            c = centred(out[wire], self.p)
            spread = largest * self._spread(right[0])
            if abs(c) != 1 or spread >= self.p:
                return None
            self.ranges[wire] = (0, spread)
            self.member[wire] = (wire, 1)
            left = {wire: c}
        else:
            read = self._read(out)
            if read is None or largest * self._spread(right[0]) + self._spread(read[0]) >= self.p:
                return None
            left = read[0]
        terms: dict[int, Integer] = {v: {0: -c} for v, c in left.items()}
        for v, c in right[0].items():
            terms[v] = _add(terms.get(v, {}), integer, c)
        return _Equation({v: c for v, c in terms.items() if c}, None)

    def _has_product(self, equation: _Equation, made: set[int]) -> bool:
        return any(v in made or not is_constant(c) for v, c in equation.terms.items())

    def eliminate(self) -> None:
        """Carries, and wires that are products: what joins two equations, in one of them with coefficient 1
        or -1, and not in the same proportion as a remainder does.
        """
        made = {m for _, _, out in self.products if len(out) == 1 for m in self.state.unknown(out)}
        made = {m for m in made if m not in self.groups or len(self.groups[m].members) == 1}
        changed = True
        while changed:
            changed = False
            at: dict[int, list[int]] = defaultdict(list)
            for i, e in enumerate(self.equations):
                for v in e.terms:
                    at[v].append(i)
            for v, places in at.items():
                if len(places) != 2:
                    continue
                a, b = (self.equations[i].terms[v] for i in places)
                if not (is_constant(a) and is_constant(b)):
                    continue
                x, y = a[0], b[0]
                # A remainder joins the division with its bound: it stays.
                kinds = {self._has_product(self.equations[i], made) for i in places}
                if v not in made and (abs(x) == abs(y) or len(kinds) == 2):
                    continue
                if abs(x) == 1:
                    keep, gone, scale = places[1], places[0], -y * x
                elif abs(y) == 1:
                    keep, gone, scale = places[0], places[1], -x * y
                else:
                    continue
                self.equations[keep] = _plus(self.equations[keep], self.equations[gone], scale)
                del self.equations[gone]
                changed = True
                break

    def tighten(self) -> None:
        """Ranges of groups by equations that hold over the integers."""
        for _ in range(3):
            for e in self.equations:
                if e.known is None or not all(is_constant(c) for c in e.terms.values()):
                    continue
                ends = self._known_interval(e.known)
                if ends is None:
                    continue
                for v, coefficient in e.terms.items():
                    c = coefficient[0]
                    lo, hi = ends
                    for u, other in e.terms.items():
                        if u != v:
                            a, b = sorted((other[0] * self.ranges[u][0], other[0] * self.ranges[u][1]))
                            lo, hi = lo + a, hi + b
                    # c·v = -(the rest).
                    a, b = sorted((-lo, -hi)) if c > 0 else sorted((lo, hi))
                    old = self.ranges[v]
                    self.ranges[v] = (max(old[0], -(-a // abs(c))), min(old[1], b // abs(c)))

    def conclude(self) -> None:
        for e in self.equations:
            constant = {v: c[0] for v, c in e.terms.items() if is_constant(c)}
            others = {v: c for v, c in e.terms.items() if v not in constant}
            if not others:
                self._know({v: abs(c) for v, c in constant.items()})
                continue
            # The divisor: what all coefficients of the quotient are multiples of.
            reference = min(others.values(), key=lambda c: sum(map(abs, c.values())))
            pivot = next(w for w in reference if w)
            quotient: dict[int, int] = {}
            for v, c in others.items():
                k, rest = divmod(c.get(pivot, 0), reference[pivot])
                if rest or {w: k * r for w, r in reference.items()} != c:
                    break
                quotient[v] = k
            else:
                self._divide(reference, quotient, constant)

    def _divide(self, divisor: Integer, quotient: dict[int, int], remainder: dict[int, int]) -> None:
        ends = self._known_interval(divisor)
        if ends is None:
            return
        if ends[1] < 0:
            divisor = {w: -c for w, c in divisor.items()}
            ends = (-ends[1], -ends[0])
        if ends[0] < 1 or not remainder.keys() <= self.groups.keys():
            return
        # The remainder's difference is less than the divisor: by its width, or because 0 <= R and N = B - 1 -
        # R >= 0.
        sign = -1 if sum(c < 0 for c in remainder.values()) * 2 > len(remainder) else 1
        rest = {v: sign * c for v, c in remainder.items()}
        width = sum(abs(c) * (self.ranges[v][1] - self.ranges[v][0]) for v, c in rest.items())
        least = sum(min(c * self.ranges[v][0], c * self.ranges[v][1]) for v, c in rest.items())
        if width >= ends[0] and not (least >= 0 and self._bounded(divisor, rest)):
            return
        self.state.used.add("division")
        if self._know({v: abs(k) for v, k in quotient.items()}):
            self._know({v: abs(c) for v, c in rest.items()})

    def _bounded(self, divisor: Integer, rest: dict[int, int]) -> bool:
        """Whether an equation says that ``N = B - 1 - R`` is not negative."""
        for e in self.equations:
            if e.known is None or not rest.keys() <= e.terms.keys() <= self.groups.keys():
                continue
            if not all(is_constant(c) for c in e.terms.values()):
                continue
            first = next(iter(rest))
            scale, left = divmod(rest[first], e.terms[first][0])
            if left or any(e.terms[v][0] * scale != c for v, c in rest.items()):
                continue
            known = _add(_add(divisor, {0: 1}, -1), e.known, scale)
            ends = self._known_interval(known)
            if ends is None:
                continue
            low = ends[0]
            for v, coefficient in e.terms.items():
                if v not in rest:
                    c = scale * coefficient[0]
                    low += min(c * self.ranges[v][0], c * self.ranges[v][1])
            if low >= 0:
                return True
        return False

    def _know(self, terms: dict[int, int]) -> bool:
        """DIGITS over the integers, on groups."""
        widths = {v: self.ranges[v][1] - self.ranges[v][0] for v in terms}
        total = sum(c * widths[v] for v, c in terms.items())
        for v in sorted(terms, key=lambda v: -terms[v]):
            total -= terms[v] * widths[v]
            if terms[v] <= total:
                return False
            self.state.used.add("digits")
            if v in self.groups:
                self.state.know_group(self.groups[v])
            else:
                self.state.know(v)
        return True


def divide(state: Propagation, divisor: Form | None, seeds: list[int]) -> None:
    """Looks for a division by a unique form around some unknown wires; without one, for digits over several
    equations.
    """
    cluster = _Cluster(state, divisor, seeds)
    cluster.tighten()
    cluster.eliminate()
    cluster.tighten()
    cluster.conclude()
