"""Executor against reference interpreter: random transactions of several transitions, random expressions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from differential import Both
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from transitions.calculator import Calculator
from transitions.warehouse import Warehouse

import multiprover as mp
from examples.token.token import Token
from multiprover.lang.types import IntType, Scalar
from multiprover.ledger.codec import encode_words

MAX_WORD = 2**32 - 1


def scalars(scalar: Scalar, suites: int) -> st.SearchStrategy[Any]:
    """Values of a parameter, mostly small or at the edges."""
    if not isinstance(scalar.type, IntType):
        return st.integers(1, 3).map(lambda i: mp.Key(bytes([i]) * 32 * suites))
    lo, hi = scalar.type.lo, scalar.type.hi
    near = [v for e in (lo, 0, hi, lo // 2, hi // 2) for v in range(e - 2, e + 3) if lo <= v <= hi]
    small = st.integers(max(lo, -3), min(hi, 3))
    return st.one_of(small, st.sampled_from(near), st.integers(lo, hi), small)


def words_of(both: Both, kind: str, flat: Sequence[Any]) -> list[int]:
    data = encode_words(both.transition.kind(kind), flat, both.program.input_words)
    return [int.from_bytes(data[i : i + 4], "big") for i in range(0, len(data), 4)]


@st.composite
def transactions(draw: st.DrawFn, both: Both) -> list[int]:
    """Input words: mostly of a kind and well formed, now and then with a word that is not."""
    spec = draw(st.sampled_from(both.transition.kinds))
    flat = [draw(scalars(s, len(both.program.suites))) for s in spec.scalars]
    names, fields = [s.name for s in spec.scalars], [f.name for f in both.program.maps[0].fields]
    if "nonce" in names and "nonce" in fields and draw(st.integers(0, 3)):
        flat[names.index("nonce")] = both.memory.read_record(0, flat[0])[fields.index("nonce")]
    words = words_of(both, spec.name, flat)
    if draw(st.integers(0, 9)) == 0:
        words[draw(st.integers(0, len(words) - 1))] = draw(
            st.one_of(st.integers(0, 20), st.just(MAX_WORD), st.integers(0, MAX_WORD))
        )
    return words


KEY = mp.Key(bytes([7]) * 64)
PRELUDES: dict[type[mp.Transition], list[tuple[str, list[Any]]]] = {
    Calculator: [],
    Warehouse: [
        ("govern", [60_000, -5, 100, KEY, 0]),
        *(("join", [i % 4, KEY, i]) for i in range(4)),
        *(("fill", [i, 15 - i, i % 2, 30_000]) for i in range(4)),
    ],
    Token: [
        *(("register", [i, KEY]) for i in range(4)),
        *(("deposit", [i, 2**62]) for i in range(2)),
    ],
}
"""What is done first, so that random transactions find something to change."""


@pytest.mark.parametrize("transition", PRELUDES)
@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_random_transactions(transition: type[mp.Transition], data: st.DataObject) -> None:
    both = Both(transition, ("bn254", "toy"))
    for kind, flat in PRELUDES[transition]:
        done = both.slot(words_of(both, kind, flat))
        assert done is not None
        assert done.refused is None
    for _ in range(data.draw(st.integers(1, 12))):
        signed = data.draw(st.tuples(*[st.sampled_from([True] * 7 + [False])] * both.program.authorizations))
        both.slot(data.draw(transactions(both)), signed)


# -- random expressions

Expression = Callable[[dict[str, Any]], Any]

BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "//": lambda a, b: a // mp.max(b, 1),
    "%": lambda a, b: a % mp.max(b, 3),
    "divmod": lambda a, b: sum(mp.divmod(a, mp.abs(b) + 1)),
    "==": lambda a, b: (a == b) + 0,
    "!=": lambda a, b: (a != b) + 0,
    "<": lambda a, b: (a < b) + 0,
    "<=": lambda a, b: (a <= b) + 0,
    ">": lambda a, b: (a > b) + 0,
    ">=": lambda a, b: (a >= b) + 0,
    "min": mp.min,
    "max": mp.max,
    "and": lambda a, b: mp.all_of(a > 0, b > 0, a != b) + 0,
    "or": lambda a, b: mp.any_of(a > 0, b > 0) + 0,
    "&": lambda a, b: ((a < 5) & (b < 5)) + 0,
    "|": lambda a, b: ((a < 5) | (b < 5)) + 0,
    "select": lambda a, b: mp.select(mp.negate(a < b), a, -b),
}
UNARY: dict[str, Callable[[Any], Any]] = {
    "-": lambda a: -a,
    "abs": mp.abs,
    "clamp": lambda a: mp.max(mp.min(a, 99), -99),
}
PARAMETERS = {"a": mp.i64, "b": mp.u64, "c": mp.i7, "d": mp.u33, "e": mp.u1}

leaves = st.one_of(
    st.sampled_from(sorted(PARAMETERS)), st.integers(-200, 200), st.sampled_from([2**40, -(2**63)])
)
trees: st.SearchStrategy[Any] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(sorted(BINARY)), inner, inner),
        st.tuples(st.sampled_from(sorted(UNARY)), inner),
    ),
    max_leaves=12,
)


def evaluate(tree: Any, values: dict[str, Any]) -> Any:
    match tree:
        case str():
            return values[tree]
        case int():
            return tree
        case (name, inner):
            return UNARY[name](evaluate(inner, values))
        case (name, left, right):
            return BINARY[name](evaluate(left, values), evaluate(right, values))


class Owner(mp.Record):
    key: mp.Key
    result: mp.i64


def transition_of(tree: Any, other: Any, *, from_l1: bool) -> type[mp.Transition]:
    """A transition that stores two expressions, the second in a narrower cell."""

    def signed(self: Any, a: mp.i64, b: mp.u64, c: mp.i7, d: mp.u33, e: mp.u1) -> None:
        owner = self.owners[e]
        mp.authorize(owner.key, 0)
        owner.result = evaluate(tree, {"a": a, "b": b, "c": c, "d": d, "e": e})
        self.narrow = evaluate(other, {"a": a, "b": b, "c": c, "d": d, "e": e})

    def forced(self: Any, a: mp.i64, b: mp.u64, c: mp.i7, d: mp.u33, e: mp.u1) -> None:
        self.narrow = evaluate(other, {"a": a, "b": b, "c": c, "d": d, "e": e})
        self.owners[e].result = evaluate(tree, {"a": a, "b": b, "c": c, "d": d, "e": e}) + self.narrow

    kind = mp.from_l1()(forced) if from_l1 else mp.transaction(signed)
    body = {"owners": mp.Map[mp.u1, Owner], "narrow": mp.Cell[mp.i7]}
    return type("Random", (mp.Transition,), {"__annotations__": body, "__module__": __name__, "run": kind})


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
@given(tree=trees, other=trees, from_l1=st.booleans(), data=st.data())
def test_random_expressions(tree: Any, other: Any, from_l1: bool, data: st.DataObject) -> None:
    try:
        both = Both(transition_of(tree, other, from_l1=from_l1))
    except mp.RangeOverflowError:
        reject()
    for _ in range(3):
        both.slot(data.draw(transactions(both)))
