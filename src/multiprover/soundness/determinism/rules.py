"""What follows from what: uniqueness, by propagation.

Two copies of a system have the same inputs. A wire is **unique** if it has the same value in both, whatever
they are; a form is if its unknown (not known to be unique)
wires cancel out or there are none. Every rule is a theorem, stated where it is applied. ``width`` of a wire
with range ``[lo, hi]`` is ``hi - lo``: how far its two values can lie apart.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from multiprover.soundness.determinism.division import divide
from multiprover.soundness.determinism.edwards import Curve
from multiprover.soundness.determinism.normal import Normal, Product, centred, relevant
from multiprover.soundness.determinism.systems import Form

MOST_TIGHTENED = 6
"""How often one equation may tighten ranges: bounds converge, but perhaps slowly."""

MOST_CHOICES = 16
"""Values of a form that are tried one by one."""

MOST_CLUSTER = 600
"""Wires that a rule over several equations looks at."""


@dataclass(frozen=True)
class Group:
    """Unknown wires that stand in the same proportion everywhere: as good as one integer, ``Σ scale·wire``,
    scales positive.
    """

    members: tuple[tuple[int, int], ...]
    width: int

    def representative(self) -> int:
        return self.members[0][0]


class Propagation:
    """The state of knowledge about one system."""

    def __init__(self, normal: Normal) -> None:
        self.n = normal
        self.p = normal.p
        self.unique: set[int] = {0}
        self.used: set[str] = set()
        self.unsolved = 0  # clusters that the solver gave up
        self._equations: list[Form] = []
        self._at: dict[int, list[int]] = defaultdict(list)  # wire -> equations
        self._products_at: dict[int, list[int]] = defaultdict(list)
        self._functions_at: dict[int, list[int]] = defaultdict(list)
        self._tables_at: dict[int, list[int]] = defaultdict(list)
        self._factors: dict[tuple[tuple[int, int], ...], set[int]] = defaultdict(set)
        self._tightened: dict[int, int] = defaultdict(int)
        self._queue: deque[tuple[str, int]] = deque()
        self._queued: set[tuple[str, int]] = set()
        self._learnt: set[tuple[tuple[int, int], ...]] = set()
        self.curve = Curve(normal) if normal.system.curve is not None else None

        for form in normal.equations:
            self.equation(form)
        for i, x in enumerate(normal.products):
            for w in {*x.left, *x.right, *x.out}:
                self._products_at[w].append(i)
            for factor in (x.left, x.right):
                self._factors[self._canonical(factor)].add(i)
            self._push("product", i)
        for i, f in enumerate(normal.functions):
            for w in {w for form in (*f.inputs, *f.outputs) for w in form}:
                self._functions_at[w].append(i)
            self._push("function", i)
        for i, t in enumerate(normal.tables):
            for w in {w for entry in (*t.rows, t.query) for form in entry for w in form}:
                self._tables_at[w].append(i)
            self._push("table", i)
        for w in normal.system.inputs:
            self.know_form(normal.resolve({w: 1}))
        for w, (lo, hi) in list(normal.ranges.items()):
            if lo == hi:
                self.know(w)

    # What is known.

    def is_unique(self, form: Form) -> bool:
        """Of a form over any wires."""
        return self._settled(self.n.resolve(form))

    def _settled(self, form: Form) -> bool:
        """All wires are unique, or the form itself has been found so."""
        unknown = self.unknown(form)
        return not unknown or tuple(sorted((w, form[w]) for w in unknown)) in self._learnt

    def unknown(self, form: Form) -> list[int]:
        return [w for w in form if w not in self.unique]

    def know(self, wire: int) -> None:
        if wire in self.unique:
            return
        self.unique.add(wire)
        self._wake(wire)

    def know_form(self, form: Form) -> None:
        """The form's value is unique."""
        unknown = self.unknown(form)
        if len(unknown) == 1:
            self.know(unknown[0])
        elif unknown:
            key = tuple(sorted((w, form[w]) for w in unknown))
            if key not in self._learnt:
                self._learnt.add(key)
                for w in unknown:
                    for i in self._functions_at.get(w, ()):
                        self._push("function", i)
                part = {w: form[w] for w in unknown}
                value = self.n.fresh()
                self.unique.add(value)
                self.n.made.append((value, part))
                self.equation(self.n.add((part, 1), ({value: 1}, -1)))

    def equation(self, form: Form) -> None:
        """Adds ``form = 0``."""
        i = len(self._equations)
        self._equations.append(form)
        for w in form:
            self._at[w].append(i)
        self._push("equation", i)

    def _push(self, kind: str, i: int) -> None:
        if (kind, i) not in self._queued:
            self._queued.add((kind, i))
            self._queue.append((kind, i))

    def _wake(self, wire: int) -> None:
        for kind, at in (
            ("equation", self._at),
            ("product", self._products_at),
            ("function", self._functions_at),
            ("table", self._tables_at),
        ):
            for i in at.get(wire, ()):
                self._push(kind, i)

    def _canonical(self, form: Form) -> tuple[tuple[int, int], ...]:
        """The same for all multiples of a form."""
        items = sorted(form.items())
        if not items:
            return ()
        inverse = pow(items[-1][1], -1, self.p)
        return tuple((w, c * inverse % self.p) for w, c in items)

    # Integers.

    def range_of(self, wire: int) -> tuple[int, int] | None:
        return (1, 1) if wire == 0 else self.n.ranges.get(wire)

    def interval(self, form: Form) -> tuple[int, int] | None:
        """Integers that the form lies between if it is read with coefficients nearest to zero; None if a wire
        has no range.
        """
        lo = hi = 0
        for w, c in form.items():
            ends = self.range_of(w)
            if ends is None:
                return None
            c = centred(c, self.p)  # noqa: PLW2901
            a, b = c * ends[0], c * ends[1]
            lo, hi = lo + min(a, b), hi + max(a, b)
        return lo, hi

    def width(self, wire: int) -> int | None:
        ends = self.n.ranges.get(wire)
        return None if ends is None else ends[1] - ends[0]

    def _narrow(self, wire: int, lo: int, hi: int) -> None:
        known = self.n.ranges.get(wire)
        new = (lo, hi) if known is None else (max(lo, known[0]), min(hi, known[1]))
        if new == known or new[1] - new[0] >= self.p:
            return
        if known is not None and max(hi, known[1]) - min(lo, known[0]) >= self.p:
            return  # integers of one class may lie in both
        self.n.ranges[wire] = new
        if new[0] == new[1]:
            self.know(wire)
        self._wake(wire)

    def scalings(self, form: Form, wires: Sequence[int]) -> Iterable[Form]:
        """Multiples of a form in which one of these wires has the coefficient 1: an equation may be read in
        any of them.
        """
        seen = set()
        yield form
        for w in sorted(wires, key=lambda w: min(form[w], self.p - form[w]))[:6]:
            c = form[w]
            if c not in seen and c != 1:
                seen.add(c)
                yield self.n.scaled(form, pow(c, -1, self.p))

    # The rules.

    def run(self) -> None:
        while self._queue:
            kind, i = entry = self._queue.popleft()
            self._queued.discard(entry)
            getattr(self, f"_{kind}")(i)

    def _equation(self, i: int) -> None:
        form = self._equations[i]
        unknown = self.unknown(form)
        if len(unknown) == 1:
            # LINEAR. One unknown with a coefficient that is not 0.
            self.used.add("linear")
            self.know(unknown[0])
        elif unknown and all(w in self.n.ranges for w in unknown):
            self._digits(form, unknown)
        self._tighten(i, form)

    def _digits(self, form: Form, unknown: list[int]) -> None:
        """DIGITS. ``Σ c_i·w_i = u`` mod p, u unique, ``Σ |c_i|·width_i < p``: the difference of two solutions
        vanishes over the integers. Its term with the largest coefficient is 0, if
        that coefficient exceeds what all the others together can come to; and so on downwards.
        """
        for multiple in self.scalings(form, unknown):
            terms = [(abs(centred(multiple[w], self.p)), w) for w in unknown]
            self.superincreasing([(c, self.width(w) or 0, w) for c, w in terms])
            if all(w in self.unique for w in unknown):
                return

    def superincreasing(self, terms: list[tuple[int, int, int]], bound: int | None = None) -> None:
        """DIGITS on ``(|coefficient|, width, wire)``; ``bound`` None: mod p."""
        total = sum(c * width for c, width, _ in terms)
        if bound is None and total >= self.p:
            return
        for c, width, wire in sorted(terms, reverse=True):
            total -= c * width
            if c <= total:
                return
            self.used.add("digits")
            self.know(wire)

    def _tighten(self, i: int, form: Form) -> None:
        """BOUNDS. All wires of ``Σ c_i·w_i = 0`` mod p have ranges, and the sum as an integer lies within
        (-p, p): it is 0, which bounds each wire by the others.
        """
        if self._tightened[i] >= MOST_TIGHTENED:
            return
        ends = self.interval(form)
        if ends is None or ends[0] <= -self.p or ends[1] >= self.p:
            return
        self._tightened[i] += 1
        for w, raw in form.items():
            if w == 0:
                continue
            c = centred(raw, self.p)
            lo, hi = self.n.ranges[w]
            rest = (ends[0] - min(c * lo, c * hi), ends[1] - max(c * lo, c * hi))
            # c·w = -rest.
            a, b = sorted((-rest[0], -rest[1])) if c > 0 else sorted(rest)
            self._narrow(w, -(-a // abs(c)), b // abs(c))

    def _product(self, i: int) -> None:
        x = self.n.products[i]
        left, right, out = (self.unknown(f) for f in (x.left, x.right, x.out))
        if not left and not right:
            # LINEAR: the product is unique.
            if out:
                self.used.add("linear")
                self.know_form(x.out)
            self._quotient(x)
            return
        self._product_range(x)
        for factor, other, unknown in ((x.left, x.right, right), (x.right, x.left, left)):
            if self.unknown(factor):
                continue
            both = {*unknown, *out}
            if len(both) != 1:
                self._is_zero(i, factor)
                continue
            (wire,) = both
            if wire not in other:
                self.used.add("linear")
                self.know(wire)
            elif wire not in x.out and self.nonzero(factor):
                # QUOTIENT. The unknown's coefficient is unique and not 0.
                self.know(wire)
                self._quotient(x)
            elif wire in x.out and self._chooses(factor, other[wire], x.out[wire]):
                self.know(wire)
            else:
                self._is_zero(i, factor)

    def _quotient(self, x: Product) -> None:
        if self.curve is not None:
            for factor, other in ((x.left, x.right), (x.right, x.left)):
                if len([w for w in factor if w]) == 1 and self.curve.quotient(factor, other, x.out):
                    self.used.add("complete Edwards law")

    def nonzero(self, form: Form) -> bool:
        """Whether a form cannot vanish: by its range, or as a denominator of a complete addition law."""
        ends = self.interval(form)
        if ends is not None and ((ends[0] > 0 and ends[1] < self.p) or (-self.p < ends[0] and ends[1] < 0)):
            self.used.add("quotient")
            return True
        if self.curve is not None and self.curve.denominator(form):
            self.used.add("complete Edwards law")
            return True
        return False

    def _chooses(self, factor: Form, by: int, less: int) -> bool:
        """CHOICE. The unknown's coefficient is ``by·f - less`` of a unique form f, and vanishes for none of
        the few values that f can have: ``x + b·(y - x)`` with ``x + y`` unique, say, for a bit b.
        """
        ends = self.interval(factor)
        if ends is None or ends[1] - ends[0] >= MOST_CHOICES:
            return False
        if any((by * value - less) % self.p == 0 for value in range(ends[0], ends[1] + 1)):
            return False
        self.used.add("choice")
        return True

    def _is_zero(self, i: int, factor: Form) -> None:
        """IS ZERO. A unique form f is in two products, ``f·a = o`` and ``(k·f)·b = o'``. Where f = 0, o = 0;
        where f is not, b is a quotient. A wire that is the only unknown of o,
        and the only unknown of b while o' has none, is unique: by the first where f = 0 (in both copies),
        else by the second.
        """
        x = self.n.products[i]
        for j in self._factors[self._canonical(factor)]:
            if j == i:
                continue
            y = self.n.products[j]
            for zero, other in ((x, y), (y, x)):
                out = self.unknown(zero.out)
                rest = other.right if self._canonical(other.left) == self._canonical(factor) else other.left
                quotient = self.unknown(rest)
                if len(out) == 1 and quotient == out and not self.unknown(other.out):
                    self.used.add("is zero")
                    self.know(out[0])

    def _are_zero(self) -> bool:
        """IS ZERO of several unique forms. Each is a factor of a product ``f_i·a_i = o_i``, and of another,
        ``f_i·b_i = o'_i``, where a wire w is the only unknown of b_i while o'_i has none. Where all f_i are 0
        so are the o_i, and what is said of their sum and w tells w; else a quotient does.
        """
        outs: dict[int, Form] = {}
        sums: list[tuple[Form, list[Form]]] = [(form, []) for form in self._equations]
        quotients: dict[tuple[tuple[int, int], ...], set[int]] = defaultdict(set)
        for x in self.n.products:
            for factor, other in ((x.left, x.right), (x.right, x.left)):
                if self.unknown(factor):
                    continue
                unknown, out = self.unknown(other), self.unknown(x.out)
                if len(x.out) == 1 and out:
                    outs[out[0]] = factor
                elif out:
                    sums.append((x.out, [factor]))
                elif len(unknown) == 1:
                    quotients[self._canonical(factor)].add(unknown[0])
        for form, factors in sums:
            unknown = self.unknown(form)
            rest = [w for w in unknown if w not in outs]
            all_factors = [*factors, *(outs[w] for w in unknown if w in outs)]
            if len(rest) == 1 and all(rest[0] in quotients[self._canonical(f)] for f in all_factors):
                self.used.add("is zero")
                self.know(rest[0])
                return True
        return False

    def _product_range(self, x: Product) -> None:
        """BOUNDS of a product, where it is one wire and does not wrap."""
        wires = [w for w in x.out if w]
        if len(wires) != 1 or x.out[wires[0]] != 1 or len(x.out) != 1:
            return
        left, right = self.interval(x.left), self.interval(x.right)
        if left is None or right is None:
            return
        corners = [a * b for a in left for b in right]
        if max(corners) - min(corners) < self.p:
            self._narrow(wires[0], min(corners), max(corners))

    def _function(self, i: int) -> None:
        f = self.n.functions[i]
        if all(self._settled(form) for form in f.inputs):
            self.used.add("function of a gate")
            for form in f.outputs:
                self.know_form(form)

    def _table(self, i: int) -> None:
        """TABLE. The first component says which row it is; where all rows are unique, so are the others."""
        t = self.n.tables[i]
        if not self.unknown(t.query[0]) and all(not self.unknown(f) for row in t.rows for f in row):
            self.used.add("table")
            for form in t.query[1:]:
                self.know_form(form)
            if self.curve is not None:
                self.curve.table(t)

    # Rules over several equations.

    def cluster(self, seeds: Iterable[int], extra: int) -> tuple[set[int], list[Form], list[Product]]:
        """Unknown wires around some, the equations that join them, and products among them with up to
        ``extra`` unknown wires beside.
        """
        wires: set[int] = set()
        frontier = deque(w for w in seeds if w not in self.unique)
        chosen: set[int] = set()
        while frontier and len(wires) < MOST_CLUSTER:
            wire = frontier.popleft()
            if wire in wires:
                continue
            wires.add(wire)
            for i in self._at.get(wire, ()):
                if i not in chosen:
                    chosen.add(i)
                    frontier.extend(w for w in self.unknown(self._equations[i]) if w not in wires)
        equations = [
            self._equations[i] for i in sorted(chosen) if set(self.unknown(self._equations[i])) <= wires
        ]
        near = sorted({i for w in wires for i in self._products_at.get(w, ())})
        beside: set[int] = set()
        products = []
        for _ in range(2):
            for i in near:
                x = self.n.products[i]
                outside = {w for f in (x.left, x.right, x.out) for w in self.unknown(f)} - wires - beside
                if x not in products and len(outside) <= extra and len(beside) < MOST_CLUSTER:
                    beside |= outside
                    products.append(x)
            near = sorted({*near, *(i for w in beside for i in self._products_at.get(w, ()))})
        return wires | beside, equations, products

    def divisible(
        self, seeds: Iterable[int], products: bool
    ) -> tuple[set[int], list[Form], list[tuple[Form, Form, Form]]]:
        """Unknown wires around some, the equations that join them, and the products of a unique factor with
        an unknown one, as ``(unique, unknown, out)``.
        """
        wires: set[int] = set()
        equations: dict[int, Form] = {}
        divided: dict[int, tuple[Form, Form, Form]] = {}
        frontier = deque(w for w in seeds if w not in self.unique)
        while frontier and len(wires) < MOST_CLUSTER:
            wire = frontier.popleft()
            if wire in wires:
                continue
            wires.add(wire)
            for i in self._at.get(wire, ()):
                if i not in equations:
                    equations[i] = self._equations[i]
                    frontier.extend(self.unknown(equations[i]))
            for i in self._products_at.get(wire, ()) if products else ():
                x = self.n.products[i]
                for factor, other in ((x.left, x.right), (x.right, x.left)):
                    if i not in divided and not self.unknown(factor) and self.unknown(other):
                        divided[i] = (factor, other, x.out)
                        frontier.extend([*self.unknown(other), *self.unknown(x.out)])
        inside = [f for f in equations.values() if set(self.unknown(f)) <= wires]
        return wires, inside, [d for d in divided.values() if all(set(self.unknown(f)) <= wires for f in d)]

    def open_equations(self, ranged: bool = True) -> list[Form]:
        """Equations with unknown wires (that all have ranges)."""
        found = []
        for form in self._equations:
            unknown = self.unknown(form)
            if unknown and (not ranged or all(w in self.n.ranges for w in unknown)):
                found.append(form)
        return found

    def groups(self, wires: set[int], forms: Sequence[Form]) -> list[Group]:
        """Wires with ranges that stand in one proportion in all these forms, together; the others alone. A
        group of width p or more is taken apart.
        """
        rows: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for i, form in enumerate(forms):
            for w, c in form.items():
                if w in wires:
                    rows[w].append((i, c))
        collected: dict[tuple[tuple[int, int], ...], list[tuple[int, int]]] = defaultdict(list)
        for w in sorted(wires):
            if w in self.n.ranges and rows[w]:
                scale = rows[w][0][1]
                inverse = pow(scale, -1, self.p)
                collected[tuple((i, c * inverse % self.p) for i, c in rows[w])].append((w, scale))
        found = []
        for members in collected.values():
            found += self._grouped(members)
        return found

    def _grouped(self, members: list[tuple[int, int]]) -> list[Group]:
        alone = [Group(((w, 1),), self.width(w) or 0) for w, _ in members]
        if len(members) == 1:
            return alone
        for reference in sorted(members, key=lambda m: min(m[1], self.p - m[1]))[:6]:
            inverse = pow(reference[1], -1, self.p)
            scaled = [(w, c * inverse % self.p) for w, c in members]
            width = sum(c * (self.width(w) or 0) for w, c in scaled)
            if width < self.p:
                return [Group(tuple(sorted(scaled, key=lambda m: m[1])), width)]
        return alone

    def know_group(self, group: Group) -> None:
        """The group's integer is unique: DIGITS tells its members."""
        self.superincreasing([(c, self.width(w) or 0, w) for w, c in group.members], bound=0)
        self.know_form(dict(group.members))

    def stalled(self) -> bool:
        """Tries the rules over several equations; whether they told anything."""
        before = len(self.unique)
        if self._are_zero():
            return True
        for x in self.n.products:
            for factor, other in ((x.left, x.right), (x.right, x.left)):
                if not self.unknown(factor) and (unknown := self.unknown(other)):
                    divide(self, factor, [*unknown, *self.unknown(x.out)])
            if len(self.unique) > before:
                return True
        seen: set[int] = set()
        for form in list(self._equations):
            unknown = self.unknown(form)
            if unknown and unknown[0] not in seen and all(w in self.n.ranges for w in unknown):
                seen.update(unknown)
                divide(self, None, unknown)
            if len(self.unique) > before:
                return True
        return False


def required(normal: Normal) -> list[int]:
    """The wires that must be unique: the outputs; of an assertion every wire, but for those that only hide or
    count, and wires of a gate that its function does not name.
    """
    system = normal.system
    if system.outputs:
        return list(system.outputs)
    wires = {w for row in system.r1cs for side in row for w in side}
    for row in system.rows:
        function = system.gates[row.gate].function
        places = range(len(row.wires)) if function is None else (*function[0], *function[1])
        wires.update(row.wires[i] for i in places)
    wires.update(w for lookup in system.lookups for w in lookup.form)
    if system.rows:
        wires &= relevant(system)
    return sorted(wires - normal.free - {0})


__all__ = ["Group", "Propagation", "required"]
