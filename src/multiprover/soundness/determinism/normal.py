"""A system in the shape that the rules work on: linear equations, products, functions, tables, integer
ranges.

Steps, each of which keeps every solution (so what is proven of the result holds for the system):

1. Gates are flattened: a product of two nodes that are not constant becomes a wire of its own.
2. A constraint on one wire whose roots are all known is that wire's range.
3. A log-derivative argument becomes the statement that it proves (:func:`lookups`).
4. Linear equations are solved for wires that are not inputs and have no range, which are replaced everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from multiprover.soundness.determinism.systems import Form, Gate, Row, System

Range = tuple[int, int]


@dataclass(frozen=True)
class Product:
    """``left · right = out``."""

    left: Form
    right: Form
    out: Form


@dataclass(frozen=True)
class Function:
    """The values of ``outputs`` follow from those of ``inputs``: proven of the gate alone."""

    inputs: tuple[Form, ...]
    outputs: tuple[Form, ...]


@dataclass(frozen=True)
class Table:
    """``query`` is one of ``rows``, component by component; the rows' first components are different
    constants.
    """

    rows: tuple[tuple[Form, ...], ...]
    query: tuple[Form, ...]


class ContradictionError(ValueError):
    """A linear equation between constants does not hold: nothing satisfies the system."""


@dataclass
class Normal:
    """See the module. ``defining`` are equations that were not solved yet, with wires that they may define;
    ``ranges`` also holds what inputs are relied on for; ``free`` are wires that only hide or count;
    ``made`` are wires that stand for a form or product, ``arguments`` the rows (with what counts them) and
    queries of lookups."""

    system: System
    p: int
    wires: int
    equations: list[Form] = field(default_factory=list)
    defining: list[tuple[Form, frozenset[int]]] = field(default_factory=list)
    products: list[Product] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    ranges: dict[int, Range] = field(default_factory=dict)
    replaced: dict[int, Form] = field(default_factory=dict)
    free: set[int] = field(default_factory=set)
    made: list[tuple[int, Form | tuple[Form, Form]]] = field(default_factory=list)
    arguments: list[tuple[list[tuple[tuple[Form, ...], Form]], list[tuple[Form, ...]]]] = field(
        default_factory=list
    )

    def fresh(self) -> int:
        self.wires += 1
        return self.wires - 1

    def add(self, *terms: tuple[Form, int]) -> Form:
        """``Σ scale · form``."""
        out: Form = {}
        for form, scale in terms:
            for wire, c in form.items():
                out[wire] = out.get(wire, 0) + c * scale
        return {wire: v for wire, c in out.items() if (v := c % self.p)}

    def scaled(self, form: Form, scale: int) -> Form:
        return {w: c * scale % self.p for w, c in form.items()}

    def resolve(self, form: Form) -> Form:
        """The form without replaced wires."""
        if not any(w in self.replaced for w in form):
            return form
        out: Form = {}
        for wire, c in form.items():
            part: Form = {wire: 1}
            if wire in self.replaced:
                part = self.replaced[wire] = self.resolve(self.replaced[wire])
            for w, d in part.items():
                out[w] = out.get(w, 0) + c * d
        return {w: v for w, c in out.items() if (v := c % self.p)}

    def product(self, x: Product) -> Product:
        return Product(self.resolve(x.left), self.resolve(x.right), self.resolve(x.out))

    def limit(self, wire: int, lo: int, hi: int) -> None:
        known = self.ranges.get(wire)
        if known is None:
            self.ranges[wire] = (lo, hi)
        elif max(hi, known[1]) - min(lo, known[0]) < self.p:  # else integers of one class may lie in both
            self.ranges[wire] = (max(lo, known[0]), min(hi, known[1]))

    def _divides(self, wire: int, scale: int, constant: int, lo: int, hi: int) -> bool:
        """``scale·wire + constant`` is in ``[lo, hi]`` mod p, hence as an integer, where the wire's range
        says so: then that bounds it.
        """
        if wire not in self.ranges or not centred(scale, self.p) > 0:
            return False
        c = centred(constant, self.p)
        ends = [scale * v + c for v in self.ranges[wire]]
        if ends[0] - hi <= -self.p or ends[1] - lo >= self.p:
            return False
        self.limit(wire, -((c - lo) // scale), (hi - c) // scale)
        return True

    def limit_form(self, form: Form, lo: int, hi: int) -> None:
        """The form is an integer in ``[lo, hi]``."""
        wires = [w for w in form if w]
        if len(wires) == 1 and form[wires[0]] in (1, self.p - 1):
            sign = 1 if form[wires[0]] == 1 else -1
            c = centred(form.get(0, 0), self.p)
            ends = sorted((sign * (lo - c), sign * (hi - c)))
            self.limit(wires[0], ends[0], ends[1])
        elif len(wires) == 1 and self._divides(wires[0], form[wires[0]], form.get(0, 0), lo, hi):
            pass
        elif wires:
            wire = self.fresh()
            self.limit(wire, lo, hi)
            self.made.append((wire, form))
            self.equations.append(self.add((form, 1), ({wire: 1}, -1)))


def centred(v: int, p: int) -> int:
    """The integer nearest to zero in the class of ``v``."""
    return v - p if v > p // 2 else v


def is_constant(form: Form) -> bool:
    return all(w == 0 for w in form)


@dataclass(frozen=True)
class _Flat:
    """A gate over its wires 0 to n-1 (moved up by one, 0 is the constant) and the wires of its inner products
    after them.
    """

    wires: int
    ranges: tuple[tuple[int, Range], ...]
    equations: tuple[Form, ...]
    products: tuple[Product, ...]


def _roots(polynomial: list[int], p: int) -> list[int] | None:
    """All roots, where trying 0 to 4 and the linear rest finds as many as the degree; ascending."""
    found: list[int] = []
    rest = polynomial[:]
    while rest and rest[-1] == 0:
        rest.pop()
    for x in range(5):
        while len(rest) > 1 and not sum(c * x**i for i, c in enumerate(rest)) % p:
            quotient = [0] * (len(rest) - 1)
            carry = 0
            for i in range(len(rest) - 1, 0, -1):
                carry = (rest[i] + carry * x) % p
                quotient[i - 1] = carry
            rest = quotient
            found.append(x)
    if len(rest) == 2:
        found.append(-rest[0] * pow(rest[1], -1, p) % p)
        rest = rest[1:]
    return sorted(set(found)) if len(rest) == 1 and found else None


def _hull(roots: list[int], p: int) -> Range:
    ends = sorted(centred(r, p) for r in roots)
    return ends[0], ends[-1]


def _single(gate: Gate, zero: int, constants: tuple[int, ...], p: int) -> tuple[int, list[int]] | None:
    """A node that depends on one wire: the wire, and the polynomial's coefficients."""
    wire: int | None = None
    seen: dict[int, list[int] | None] = {}

    def polynomial(node: int) -> list[int] | None:
        nonlocal wire
        if node in seen:
            return seen[node]
        seen[node] = None
        out: list[int]
        match gate.nodes[node]:
            case ("w", i):
                if wire is None:
                    wire = i
                if wire != i:
                    return None
                out = [0, 1]
            case ("k", i):
                out = [constants[i]]
            case ("c", v):
                out = [v]
            case (op, a, b):
                left = polynomial(a)
                right = None if left is None else polynomial(b)
                if left is None or right is None:
                    return None
                if op == "*":
                    out = [0] * (len(left) + len(right) - 1)
                    for i, x in enumerate(left):
                        for j, y in enumerate(right):
                            out[i + j] = (out[i + j] + x * y) % p
                else:
                    sign = 1 if op == "+" else -1
                    out = [0] * max(len(left), len(right))
                    for i, x in enumerate(left):
                        out[i] += x
                    for i, y in enumerate(right):
                        out[i] = (out[i] + sign * y) % p
            case other:
                raise AssertionError(other)
        seen[node] = out
        return out

    found = polynomial(zero)
    return None if found is None or wire is None else (wire, found)


def _flatten(gate: Gate, constants: tuple[int, ...], p: int) -> _Flat:
    normal = Normal(None, p, gate.wires + 1)  # type: ignore[arg-type]
    ranges: list[tuple[int, Range]] = []
    inner: dict[tuple[frozenset[tuple[int, int]], frozenset[tuple[int, int]]], int] = {}
    left: list[int] = []
    for zero in gate.zero:
        single = _single(gate, zero, constants, p)
        roots = None if single is None or len(single[1]) < 3 else _roots(single[1], p)
        if single is not None and roots is not None:
            ranges.append((single[0] + 1, _hull(roots, p)))
        else:
            left.append(zero)
    forms: dict[int, Form] = {}

    def multiply(a: Form, b: Form) -> Form:
        if is_constant(a):
            return normal.scaled(b, a.get(0, 0)) if a else {}
        if is_constant(b):
            return normal.scaled(a, b.get(0, 0)) if b else {}
        ends = (frozenset(a.items()), frozenset(b.items()))
        if ends not in inner:
            inner[ends] = normal.fresh()
            normal.products.append(Product(a, b, {inner[ends]: 1}))
        return {inner[ends]: 1}

    # Only what the constraints that are left depend on.
    needed: set[int] = set()
    stack = list(left)
    while stack:
        node = stack.pop()
        if node not in needed:
            needed.add(node)
            if gate.nodes[node][0] in "+-*":
                stack += gate.nodes[node][1:]
    for node in sorted(needed):
        match gate.nodes[node]:
            case ("w", i):
                forms[node] = {i + 1: 1}
            case ("k", i):
                forms[node] = {0: constants[i]} if constants[i] else {}
            case ("c", v):
                forms[node] = {0: v} if v else {}
            case ("+", a, b):
                forms[node] = normal.add((forms[a], 1), (forms[b], 1))
            case ("-", a, b):
                forms[node] = normal.add((forms[a], 1), (forms[b], -1))
            case (_, a, b):
                forms[node] = multiply(forms[a], forms[b])
    return _Flat(normal.wires, tuple(ranges), tuple(forms[z] for z in left), tuple(normal.products))


def _place(normal: Normal, flat: _Flat, gate: Gate, row: Row) -> None:
    extra = normal.wires
    normal.wires += flat.wires - 1 - len(row.wires)
    names = [0, *row.wires, *range(extra, normal.wires)]

    def form(local: Form) -> Form:
        out: Form = {}
        for w, c in local.items():
            out[names[w]] = (out.get(names[w], 0) + c) % normal.p
        return {w: c for w, c in out.items() if c}

    for wire, (lo, hi) in flat.ranges:
        normal.limit(names[wire], lo, hi)
    outputs = frozenset(row.wires[o] for o in gate.function[1]) if gate.function is not None else frozenset()
    normal.defining += [(form(e), outputs) for e in flat.equations]
    products = [Product(form(x.left), form(x.right), form(x.out)) for x in flat.products]
    normal.products += products
    normal.made += [(next(iter(x.out)), (x.left, x.right)) for x in products]


def normalise(system: System, functions: Mapping[str, bool]) -> Normal:
    """``functions`` says of a gate by its name whether its function has been proven; such a row also stands
    as that.

    Raises:
        ContradictionError: nothing satisfies the system.
    """
    normal = Normal(system, system.p, system.wires, ranges=dict(system.ranges))
    flattened: dict[tuple[str, tuple[int, ...]], _Flat] = {}
    connected = relevant(system)
    for row in system.rows:
        if not connected.intersection(row.wires):
            continue
        gate = system.gates[row.gate]
        if gate.function is not None and functions.get(row.gate):
            inputs, outputs = gate.function
            normal.functions.append(
                Function(tuple({row.wires[i]: 1} for i in inputs), tuple({row.wires[o]: 1} for o in outputs))
            )
            if len(gate.nodes) > 2000:
                continue  # a permutation: nothing of use within
        key = (row.gate, row.constants)
        if key not in flattened:
            flattened[key] = _flatten(gate, row.constants, system.p)
        _place(normal, flattened[key], gate, row)
    for lookup in system.lookups:
        if connected.intersection(lookup.form):
            normal.limit_form(lookup.form, lookup.lo, lookup.hi)
    # A running sum is solved from its end, so that each of its wires is what its limbs say.
    normal.defining[:0] = [(e, frozenset()) for e in reversed(normal.equations)]
    normal.equations = []
    plain = lookups(normal)
    for left, right, out in plain:
        if is_constant(left) or is_constant(right):
            form, scale = (right, left.get(0, 0)) if is_constant(left) else (left, right.get(0, 0))
            normal.equations.append(normal.add((form, scale), (out, -1)))
        else:
            normal.products.append(Product(left, right, out))
    _eliminate(normal)
    return normal


def relevant(system: System) -> set[int]:
    """Wires that are connected with an input or output; rows are filled up with repetitions that are
    connected to nothing.
    """
    parent = list(range(system.wires))

    def find(w: int) -> int:
        while parent[w] != w:
            parent[w] = parent[parent[w]]
            w = parent[w]
        return w

    for row in system.rows:
        first = find(row.wires[0])
        for w in row.wires[1:]:
            parent[find(w)] = first
    for lookup in system.lookups:
        joined = [find(w) for w in lookup.form if w]
        for w in joined[1:]:
            parent[w] = joined[0]
    roots = {find(w) for w in (*system.inputs, *system.outputs)}
    return {w for w in range(1, system.wires) if find(w) in roots}


def _eliminate(normal: Normal) -> None:
    """Step 4; products whose factors become constant or one wire are equations and ranges, and it goes on
    until nothing changes.
    """
    inputs = set(normal.system.inputs)
    made = {next(iter(x.out)) for x in normal.products if len(x.out) == 1}
    pending = [*normal.defining, *((e, frozenset[int]()) for e in normal.equations)]
    kept: list[Form] = []
    _constants(normal, made, pending)
    new: list[tuple[Form, frozenset[int]]] = []
    products = [x for x in map(normal.product, normal.products) if not _one_wire(normal, x, new)]
    while pending or new:
        pending += new
        new = []
        # First what is defined by wires with ranges alone: a word by its limbs.
        pending = [entry for entry in pending if not _word(normal, inputs, entry[0])]
        for equation, outputs in pending:
            form = normal.resolve(equation)
            wires = [w for w in form if w]
            if not wires:
                if form:
                    raise ContradictionError(normal.system.name)
                continue
            choices = [w for w in wires if w not in inputs and w not in normal.ranges]
            if not choices and len(wires) == 1 and wires[0] not in inputs:
                choices = wires  # a constant
            if not choices:
                kept.append(form)
                continue
            unit = (1, normal.p - 1)
            pivot = max(choices, key=lambda w: (w in outputs, w not in made, form[w] in unit, w))
            _solve(normal, form, pivot)
        pending, next_products = [], []
        for x in map(normal.product, products):
            if is_constant(x.left) or is_constant(x.right):
                form, other = (x.right, x.left) if is_constant(x.left) else (x.left, x.right)
                new.append((normal.add((form, other.get(0, 0)), (x.out, -1)), frozenset(x.out)))
            elif not _one_wire(normal, x, new):
                next_products.append(x)
        products = next_products
    normal.products = products
    normal.equations = []
    for equation in kept:
        form = normal.resolve(equation)
        if any(form):
            normal.equations.append(form)
        elif form:
            raise ContradictionError(normal.system.name)
    normal.functions = [
        Function(tuple(map(normal.resolve, f.inputs)), tuple(map(normal.resolve, f.outputs)))
        for f in normal.functions
    ]
    normal.tables = [
        Table(tuple(tuple(map(normal.resolve, row)) for row in t.rows), tuple(map(normal.resolve, t.query)))
        for t in normal.tables
    ]


def _solve(normal: Normal, form: Form, pivot: int) -> None:
    """Replaces a wire by what ``form = 0`` says of it."""
    rest = dict(form)
    scale = -pow(rest.pop(pivot), -1, normal.p)
    normal.replaced[pivot] = normal.scaled(rest, scale)


def _word(normal: Normal, inputs: set[int], equation: Form) -> bool:
    """Whether the equation defines one wire by others that have ranges; it is then replaced. An input is,
    where the others are its digits: they are known as it is.
    """
    form = normal.resolve(equation)
    wires = [w for w in form if w]
    choices = [w for w in wires if w not in normal.ranges] or [w for w in wires if w in inputs]
    if len(choices) != 1 or len(wires) < 2 or any(w in inputs and w != choices[0] for w in wires):
        return False
    (pivot,) = choices
    if pivot not in inputs:
        _solve(normal, form, pivot)
        return True
    scale = -pow(form[pivot], -1, normal.p)
    digits = {w: centred(c * scale % normal.p, normal.p) for w, c in form.items() if w not in (0, pivot)}
    offset = centred(form.get(0, 0) * scale % normal.p, normal.p)
    total = 0
    for w, c in sorted(digits.items(), key=lambda digit: digit[1]):
        lo, hi = normal.ranges[w]
        if c <= total or lo < 0:
            return False
        total += c * hi
    if total + abs(offset) >= normal.p:
        return False
    _solve(normal, form, pivot)
    if pivot in normal.ranges:
        # Bounds of the input are bounds of its digits.
        for w, c in digits.items():
            normal.limit(w, 0, (normal.ranges[pivot][1] - offset) // c)
    return True


def _constants(normal: Normal, made: set[int], pending: list[tuple[Form, frozenset[int]]]) -> None:
    """Solves first for wires that are constants, and products that are one wire (which shows booleans);
    leaves the other equations.
    """
    inputs = set(normal.system.inputs)
    changed = True
    while changed:
        changed, rest = False, []
        for equation, outputs in pending:
            form = normal.resolve(equation)
            wires = [w for w in form if w]
            if not wires and form:
                raise ContradictionError(normal.system.name)
            choices = wires if len(wires) == 1 else [w for w in wires if w in made and w not in normal.ranges]
            choices = [w for w in choices if w not in inputs]
            if len(wires) > 2 or not choices:
                rest.append((form, outputs))
                continue
            _solve(normal, form, choices[0])
            changed = True
        pending[:] = rest


def _one_wire(normal: Normal, x: Product, pending: list[tuple[Form, frozenset[int]]]) -> bool:
    """A product of forms that depend on each other, and equal to 0 or linear in the same: a range."""
    p = normal.p
    left, right = ({w: c for w, c in f.items() if w} for f in (x.left, x.right))
    if not left:
        return False
    pivot = next(iter(left))
    if left.keys() != right.keys() or not set(x.out) <= {0, *left}:
        return False
    ratio = right[pivot] * pow(left[pivot], -1, p) % p
    if any((right[w] - ratio * c) % p for w, c in left.items()):
        return False
    out = {w: c for w, c in x.out.items() if w}
    slope = out.get(pivot, 0) * pow(left[pivot], -1, p) % p
    if out and (out.keys() != left.keys() or any((out[w] - slope * c) % p for w, c in left.items())):
        return False
    # With f = left without its constant: (f + a)(ratio·f + b) = slope·f + c.
    a, b, c = (f.get(0, 0) for f in (x.left, x.right, x.out))
    roots = _roots([(a * b - c) % p, (b + a * ratio - slope) % p, ratio], p)
    if roots is None:
        return False
    lo, hi = _hull(roots, p)
    if len(left) == 1:
        if pivot in normal.system.inputs and len(roots) == 1:
            return False
        # left = l·w: w in hull / l only if l is 1; else a wire for left.
        if left[pivot] == 1:
            normal.limit(pivot, lo, hi)
            return True
        scaled = [centred(r * pow(left[pivot], -1, p) % p, p) for r in roots]
        normal.limit(pivot, min(scaled), max(scaled))
        return True
    wire = normal.fresh()
    normal.limit(wire, lo, hi)
    normal.made.append((wire, left))
    pending.append((normal.add((left, 1), ({wire: 1}, -1)), frozenset()))
    return True


Plain = list[tuple[Form, Form, Form]]


def lookups(normal: Normal) -> Plain:
    """Takes the log-derivative arguments out of an R1CS: gives the constraints without them, and adds what
    they prove.

    Theorem (eprint 2022/1530, Lemma 5, with multiplicities in the table). Let ``Σ_j c·1/(b - E_j) = Σ_i
    m_i/(b - T_i)`` hold, with ``b`` drawn after all ``E, T, m`` are fixed, and
    fewer than p queries j. As functions of ``b`` the two sides are equal, but with probability of their
    number of poles over p. The pole of a query
    has the residue c times the number of queries like it, which is not 0; so some ``T_i`` equals ``E_j``.
    Where ``E = Σ γ^k·E^k`` with ``γ`` drawn like ``b`` (here: a hash of it), equality holds component by
    component, but with probability of degree over p.

    What is checked here: every wire of ``E, T, m`` is committed before the challenge; the constraints have
    that form; ``γ``'s powers are its powers. Constraints that do not are left as they are.
    """
    system = normal.system
    rows = list(system.r1cs)
    for challenge in system.challenges:
        rows = _lookups_of(normal, rows, challenge.wire, challenge.committed)
    return rows


def _lookups_of(  # noqa: PLR0915
    normal: Normal, rows: Plain, root: int, committed: frozenset[int]
) -> Plain:
    p = normal.p
    # The challenge's followers are the wires made after it.
    after = {w for a, b, c in rows for w in (*a, *b, *c) if w >= root}
    plain = [r for r in rows if not any(w in after for side in r for w in side)]
    drawn = [r for r in rows if any(w in after for side in r for w in side)]

    public = {root}  # functions of the challenge alone
    products: dict[int, tuple[Form, Form]] = {}  # wires that are products, one factor of which is such
    fractions: dict[int, tuple[Form, Form]] = {}  # wire: numerator, denominator
    sums: list[Form] = []
    for left, right, out in drawn:
        unknown = {w for side in (left, right, out) for w in side if w in after and w not in public}
        everything = {w for side in (left, right, out) for w in side if w}
        if len(unknown) == 1 and everything - unknown <= public:
            (wire,) = unknown
            public.add(wire)
            if set(out) == {wire}:
                products[wire] = (left, right)
        elif len(out) == 1 and set(out) <= unknown and not unknown & {*left, *right}:
            (wire,) = out
            inverse = pow(out[wire], -1, p)
            products[wire] = (normal.scaled(left, inverse), right)
        elif len(left) == 1 and set(left) <= unknown and not is_constant(right):
            (wire,) = left
            fractions[wire] = (normal.scaled(out, pow(left[wire], -1, p)), right)
        elif len(right) == 1 and set(right) <= unknown and not is_constant(left):
            (wire,) = right
            fractions[wire] = (normal.scaled(out, pow(right[wire], -1, p)), left)
        elif is_constant(left) or is_constant(right):
            form, scale = (right, left.get(0, 0)) if is_constant(left) else (left, right.get(0, 0))
            sums.append(normal.add((form, scale), (out, -1)))
        else:
            return rows

    # The base of the powers: a form that is squared; its key below is -1.
    squared = [w for w in sorted(public & products.keys()) if products[w][0] == products[w][1]]
    base = products[squared[-1]][0] if squared and len(products[squared[-1]][0]) > 1 else {}

    def columns(denominator: Form) -> dict[int, Form] | None:
        """By function of the challenge (0: none) its coefficient, over committed wires."""
        found: dict[int, Form] = {}
        for w, c in denominator.items():
            if w in public:
                found[w] = normal.add((found.get(w, {}), 1), ({0: c}, 1))
            elif w in products:
                a, b = products[w]
                factor, rest = (a, b) if set(a) <= public else (b, a)
                if len(factor) != 1 or not set(factor) <= public:
                    return None
                ((g, scale),) = factor.items()
                found[g] = normal.add((found.get(g, {}), 1), (rest, c * scale))
            else:
                found[0] = normal.add((found.get(0, {}), 1), ({w: c}, 1))
        if base and found.keys() & base.keys():
            inverse = pow(next(iter(base.values())), -1, p)
            multiple = normal.scaled(found.get(next(iter(base)), {}), inverse)
            if any(found.pop(w, {}) != normal.scaled(multiple, c) for w, c in base.items()):
                return None
            found[-1] = multiple
        return found if all(w == 0 or w in committed for f in found.values() for w in f) else None

    facts: list[Table] = []
    counts: set[int] = set()
    for total in sums:
        if not set(total) <= fractions.keys():
            return rows
        entries = []
        for wire, scale in total.items():
            numerator, denominator = fractions[wire]
            parts = columns(denominator)
            if parts is None or not all(w == 0 or w in committed for w in numerator):
                return rows
            entries.append((normal.scaled(numerator, scale), parts))
        # The variable of the poles is the first function of the challenge; the others are powers of one.
        used = {w for _, parts in entries for w in parts if w} | ({-1} if base else set())
        pole = min(used - {-1})
        powers = sorted(used - {pole})
        forms = [base if w == -1 else {w: 1} for w in powers]
        for k in range(1, len(powers)):
            factors = products.get(powers[k], ({}, {}))
            if factors not in ((forms[0], forms[k - 1]), (forms[k - 1], forms[0])):
                return rows
        table: list[tuple[tuple[Form, ...], Form]] = []
        queries: list[tuple[Form, ...]] = []
        residues: set[int] = set()
        for numerator, parts in entries:
            at_pole = parts.get(pole, {})
            if not is_constant(at_pole) or not at_pole:
                return rows
            # scale·(b - E): the residue is the numerator over the scale.
            inverse = pow(at_pole[0], -1, p)
            entry = tuple(normal.scaled(parts.get(g, {}), -inverse) for g in (0, *powers))
            if is_constant(numerator):
                queries.append(entry)
                residues.add(numerator.get(0, 0) * inverse % p)
            else:
                table.append((entry, normal.scaled(numerator, inverse)))
                counts |= {w for w in numerator if w}
        if len(residues) > 1 or 0 in residues:
            return rows
        if residues:
            # Counted so that the two sides have the same poles: a row's residue is that of the queries like
            # it, with the other sign.
            back = -pow(residues.pop(), -1, p)
            normal.arguments.append(([(e, normal.scaled(m, back)) for e, m in table], queries))
        facts += [Table(tuple(e for e, _ in table), q) for q in queries]
    normal.free |= counts | after
    for a, b, c in plain:
        # A wire that is only itself: what hides the commitment.
        if len(a) == 1 and is_constant(b) and a == c and b == {0: 1}:
            normal.free |= set(a)
    for fact in facts:
        _state(normal, fact)
    return plain


def _state(normal: Normal, table: Table) -> None:
    """A fact about one query: its first component's range; and its others follow, where the first ones of the
    rows are constants.
    """
    p = normal.p
    rows = list(table.rows)
    kept = []
    for k, component in enumerate(table.query):
        # Rows that differ from the query in a constant are not it.
        if k and is_constant(component) and all(is_constant(r[k]) for r in rows):
            rows = [r for r in rows if r[k] == component]
        else:
            kept.append(k)
    if not all(is_constant(r[0]) for r in rows) or not rows:
        return
    values = [centred(r[0].get(0, 0), p) for r in rows]
    normal.limit_form(table.query[0], min(values), max(values))
    if len(kept) > 1 and len(set(values)) == len(values):
        normal.tables.append(
            Table(tuple(tuple(r[k] for k in kept) for r in rows), tuple(table.query[k] for k in kept))
        )


def forms_of(normal: Normal) -> Iterable[Form]:
    """Every form that stands anywhere."""
    yield from normal.equations
    for x in normal.products:
        yield from (x.left, x.right, x.out)
    for f in normal.functions:
        yield from (*f.inputs, *f.outputs)
    for t in normal.tables:
        for r in (*t.rows, t.query):
            yield from r
