"""What propagation leaves goes to z3, as linear arithmetic over bounded integers; and witnesses against
uniqueness are looked for with it.

A form is ``k·p`` for a bounded integer k where an equation says that it vanishes mod p. A product ``A·B = M``
is represented by what it implies: M vanishes if A or B does, and
one of them vanishes if M does. So what is proven unsatisfiable is unsatisfiable; nothing is concluded from
the opposite.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Any

import z3  # type: ignore[import-untyped]

from multiprover.soundness.determinism.normal import Normal, centred
from multiprover.soundness.determinism.rules import Group, Propagation
from multiprover.soundness.determinism.systems import Form, System

TIMEOUT_MS = 4_000
MOST_GROUPS = 14
MOST_UNSOLVED = 2
MOST_MULTIPLES = 16


class _Copy:
    """One copy's variables: groups and wires without a range."""

    def __init__(self, state: Propagation, solver: Any, name: str, shared: dict[int, Any]) -> None:
        self.state, self.solver, self.name, self.shared = state, solver, name, shared
        self.groups: dict[int, tuple[Any, int, tuple[int, int]]] = {}  # wire -> variable, scale, range
        self.p = state.p

    def group(self, group: Group) -> Any:
        lo = sum(s * self.state.n.ranges[w][0] for w, s in group.members)
        hi = sum(s * self.state.n.ranges[w][1] for w, s in group.members)
        variable = z3.Int(f"{self.name}{group.representative()}")
        self.solver.add(lo <= variable, variable <= hi)
        for i, (w, scale) in enumerate(group.members):
            # The group stands for all its members: the others are 0.
            self.groups[w] = (variable if i == 0 else None, scale, (lo, hi))
        return variable

    def wire(self, wire: int) -> None:
        variable = z3.Int(f"{self.name}{wire}")
        self.solver.add(variable >= 0, variable < self.p)
        self.groups[wire] = (variable, 1, (0, self.p - 1))

    def read(self, form: Form) -> tuple[Any, int, int]:
        """The form as an integer expression, with its bounds."""
        terms, lo, hi = [], 0, 0
        for w, raw in form.items():
            c = centred(raw, self.p)
            if w == 0:
                variable, ends = z3.IntVal(1), (1, 1)
            elif w in self.groups:
                variable, _, ends = self.groups[w]
                if variable is None:
                    continue
            else:
                if w not in self.shared:
                    self.shared[w] = z3.Int(f"u{w}")
                    a, b = self.state.range_of(w) or (0, self.p - 1)
                    self.solver.add(a <= self.shared[w], self.shared[w] <= b)
                variable, ends = self.shared[w], self.state.range_of(w) or (0, self.p - 1)
            terms.append(c * variable)
            a, b = sorted((c * ends[0], c * ends[1]))
            lo, hi = lo + a, hi + b
        return z3.Sum(terms) if terms else z3.IntVal(0), lo, hi

    def vanishes(self, form: Form) -> Any | None:
        """That the form is a multiple of p; None if these are too many to write down."""
        expression, lo, hi = self.read(form)
        first, last = -(-lo // self.p), hi // self.p
        if last - first >= MOST_MULTIPLES:
            return None
        return z3.Or([expression == k * self.p for k in range(first, last + 1)])


def prove(state: Propagation) -> bool:
    """Tries clusters of equations that no rule could use; whether one told anything."""
    seen: set[int] = set()
    for form in state.open_equations():
        unknown = state.unknown(form)
        if seen.issuperset(unknown):
            continue
        seen.update(unknown)
        if state.unsolved >= MOST_UNSOLVED:
            return False
        if _prove(state, unknown):
            state.used.add("smt")
            return True
        state.unsolved += 1
    return False


def _prove(state: Propagation, seeds: Sequence[int]) -> bool:
    wires, equations, products = state.cluster(seeds, 2)
    forms = [*equations, *(f for x in products for f in (x.left, x.right, x.out))]
    groups = state.groups(wires, forms)
    if len(groups) > MOST_GROUPS or not groups:
        return False
    grouped = {w for g in groups for w, _ in g.members}
    solver = z3.SolverFor("QF_LIA")
    solver.set("timeout", TIMEOUT_MS)
    shared: dict[int, Any] = {}
    pairs = []
    for name in ("a", "b"):
        copy = _Copy(state, solver, name, shared)
        pairs.append([copy.group(g) for g in groups])
        for w in sorted(wires - grouped):
            copy.wire(w)
        for form in equations:
            for multiple in _short(state, form):
                fact = copy.vanishes(multiple)
                if fact is not None:
                    solver.add(fact)
                    break
        for x in products:
            zero = [copy.vanishes(f) for f in (x.left, x.right, x.out)]
            if None not in zero:
                solver.add(z3.Or(zero[0], zero[1]) == zero[2])
    different = [a != b for a, b in zip(*pairs, strict=True)]
    chosen = [i for i in range(len(groups)) if {w for w, _ in groups[i].members} & set(seeds)]
    solver.push()
    solver.add(z3.Or([different[i] for i in chosen]))
    if solver.check() == z3.unsat:
        for i in chosen:
            state.know_group(groups[i])
        return True
    solver.pop()
    told = False
    for i in chosen[:6] if len(chosen) > 1 else []:
        if solver.check(different[i]) == z3.unsat:
            state.know_group(groups[i])
            told = True
    return told


def _short(state: Propagation, form: Form) -> Iterable[Form]:
    """Multiples of a form, those with few multiples of p in their interval first."""

    def size(multiple: Form) -> int:
        total = 0
        for w, c in multiple.items():
            lo, hi = state.range_of(w) or (0, state.p - 1)
            total += abs(centred(c, state.p)) * (hi - lo)
        return total

    return sorted(state.scalings(form, state.unknown(form)), key=size)


def counterexample(state: Propagation, outputs: Sequence[int], seconds: int = 20) -> tuple[int, ...] | None:
    """Another witness for the inputs of the honest one, with another output: checked against every constraint
    of the system as it was read.

    ``state`` is what propagation knew. None: none was found, which says nothing.
    """
    system, n, p = state.n.system, state.n, state.p
    if system.witness is None:
        return None
    honest = _extended(n, system.witness)
    solver = z3.Solver()
    solver.set("timeout", seconds * 1000)
    variables: dict[int, Any] = {}

    def variable(w: int) -> Any:
        if w not in variables:
            variables[w] = z3.Int(f"w{w}")
            lo, hi = state.range_of(w) or (0, p - 1)
            solver.add(lo <= variables[w], variables[w] <= hi)
        return variables[w]

    def read(form: Form) -> Any:
        known = sum(c * honest[w] for w, c in form.items() if w in state.unique)
        return z3.Sum(
            z3.IntVal(known % p),
            *(centred(c, p) * variable(w) for w, c in form.items() if w not in state.unique),
        )

    multiples = 0

    def vanish(expression: Any) -> None:
        nonlocal multiples
        multiples += 1
        solver.add(expression == p * z3.Int(f"k{multiples}"))

    for form in state.open_equations(ranged=False):
        vanish(read(form))
    for x in n.products:
        left, right, out = (bool(state.unknown(f)) for f in (x.left, x.right, x.out))
        if not (left or right or out):
            continue
        if left and right:
            # Looked for only where one factor is as it was.
            kept, other = (x.left, x.right)
            vanish(read(kept) - sum(c * honest[w] for w, c in kept.items()) % p)
        else:
            kept, other = (x.right, x.left) if left else (x.left, x.right)
        value = sum(c * honest[w] for w, c in kept.items()) % p
        vanish(read(n.add((other, value), (x.out, -1))))
    targets = [n.resolve({w: 1}) for w in outputs]
    differences = []
    for i, form in enumerate(t for t in targets if state.unknown(t)):
        rest = z3.Int(f"d{i}")
        value = sum(c * honest[w] for w, c in form.items()) % p
        differences.append(z3.And(rest > 0, rest < p, read(form) - value == rest + p * z3.Int(f"e{i}")))
    solver.add(z3.Or(differences))
    if solver.check() != z3.sat:
        return None
    model = solver.model()
    values = dict(honest)
    for w, v in variables.items():
        values[w] = model.eval(v, model_completion=True).as_long() % p
    found = complete(n, values)
    if system.violated(found) or all(found[w] == system.witness[w] for w in outputs):
        return None
    return found


def _extended(n: Normal, witness: Sequence[int]) -> dict[int, int]:
    """A witness with the wires that normalising made: each follows from those before it."""
    values = dict(enumerate(witness))
    pending = [*n.made]
    while pending:
        rest = []
        for wire, made in pending:
            forms = made if isinstance(made, tuple) else (made,)
            if all(w in values for f in forms for w in f):
                value = 1
                for f in forms:
                    value = value * sum(c * values[w] for w, c in f.items()) % n.p
                values[wire] = value
            else:
                rest.append((wire, made))
        if len(rest) == len(pending):
            break
        pending = rest
    return values


def complete(n: Normal, values: dict[int, int]) -> tuple[int, ...]:
    """All wires of the system: replaced ones, multiplicities as they must be counted, and for a challenge
    that is drawn anew what follows it.
    """
    system, p = n.system, n.p

    def value(form: Form) -> int:
        return sum(c * values[w] for w, c in form.items()) % p

    for w in n.replaced:
        values[w] = value(n.resolve({w: 1}))
    for rows, queries in n.arguments:
        asked: dict[tuple[int, ...], int] = {}
        for query in queries:
            key = tuple(value(f) for f in query)
            asked[key] = asked.get(key, 0) + 1
        for entry, numerator in rows:
            for w, c in numerator.items():
                values[w] = asked.pop(tuple(value(f) for f in entry), 0) * pow(c, -1, p) % p
    draw = random.Random(0)  # noqa: S311 - a verifier's challenge, drawn anew
    followers = {w for c in system.challenges for w in range(c.wire, system.wires)}
    for challenge in system.challenges:
        values[challenge.wire] = draw.randrange(p)
        followers.discard(challenge.wire)
    for left, right, out in system.r1cs:
        unknown = followers.intersection((*left, *right, *out))
        if len(unknown) != 1:
            continue
        (w,) = unknown
        values[w] = 0
        a, b, c = value(left), value(right), value(out)
        slope = (left.get(w, 0) * b + right.get(w, 0) * a - out.get(w, 0)) % p
        if slope and not left.get(w, 0) * right.get(w, 0):
            values[w] = (c - a * b) * pow(slope, -1, p) % p
            followers.discard(w)
    return tuple(values.get(w, 0) for w in range(system.wires))


__all__ = ["System", "complete", "counterexample", "prove"]
